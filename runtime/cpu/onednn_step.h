// A oneDNN primitive on places of the arena.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "runtime/cpu/onednn.h"
#include "runtime/cpu/step.h"
#include "runtime/graph/graph.h"

namespace cuhue::cpu {

class OnednnStep final : public Step {
 public:
  struct Places {
    Place in, out;
    std::int64_t images = 1;  // that the primitive, made for one, is run for one after another
    int scratch = -1;
    const float* weights = nullptr;
    const float* bias = nullptr;
    std::vector<const float*> post;             // operands in the weights
    std::vector<std::optional<Place>> post_in;  // operands in the arena
  };
  OnednnStep(std::unique_ptr<onednn::Primitive> primitive, Places places)
      : primitive_(std::move(primitive)), places_(std::move(places)) {}

  void bind(const Memory& memory) override {
    primitive_->unbind();
    for (std::int64_t image = 0; image < places_.images; ++image) {
      const auto at = [&](const Place& p) { return memory.tensor(p).data + image * p.batch_stride; };
      onednn::Operands operands;
      operands.src = at(places_.in);
      operands.dst = at(places_.out);
      operands.weights = places_.weights;
      operands.bias = places_.bias;
      operands.scratch = places_.scratch >= 0 ? memory.bytes(places_.scratch) : nullptr;
      for (std::size_t i = 0; i < places_.post.size(); ++i) {
        if (places_.post_in[i]) places_.post[i] = at(*places_.post_in[i]);
      }
      operands.post = places_.post;
      primitive_->bind(operands);
    }
  }
  void run() override { primitive_->run(); }

 private:
  std::unique_ptr<onednn::Primitive> primitive_;
  Places places_;
};

inline onednn::PostOp activation_op(const Activation& a) {
  switch (a.kind) {
    case ActivationKind::relu: return {onednn::PostKind::relu};
    case ActivationKind::leaky_relu: return {onednn::PostKind::relu, a.alpha};
    case ActivationKind::tanh: return {onednn::PostKind::tanh};
    case ActivationKind::sigmoid: break;
  }
  return {onednn::PostKind::sigmoid};
}

}  // namespace cuhue::cpu
