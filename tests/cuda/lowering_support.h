// What tests of the lowering give it: weights without memory, and libraries of the tests' own.
#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "runtime/cuda/lowering.h"
#include "runtime/graph/layer_params.h"

namespace cuhue::test {

// Remembers how each weight was asked for; there is nothing at its addresses.
class PaperWeights final : public cuda::WeightStore {
 public:
  const void* packed(const LayerParams& layer, WeightOrder order, Element element) override {
    const auto [known, first] = packed_.try_emplace(weight_key(layer), order, element);
    clashes_ += known->second != std::pair(order, element);
    return nullptr;
  }
  const float* bias(const LayerParams&) override { return nullptr; }
  cuda::ChannelAffine affine(const LayerParams&) override { return {}; }
  const float* plain(const LayerParams& layer) override {
    plain_.push_back(weight_key(layer));
    return nullptr;
  }

  const auto& packed() const { return packed_; }
  const std::vector<std::string>& plain() const { return plain_; }
  int clashes() const { return clashes_; }  // requests of a weight in a second order or element

 private:
  std::map<std::string, std::pair<WeightOrder, Element>> packed_;
  std::vector<std::string> plain_;
  int clashes_ = 0;
};

// Takes what is asked of cuDNN first: bias and ReLU; with `everything` any epilogue. Runs on our own kernels.
class TestLibrary final : public cuda::ConvolutionLibrary {
 public:
  explicit TestLibrary(bool everything = false) : everything_(everything) {}
  std::unique_ptr<cuda::ConvolutionPlan> plan(const cuda::ConvolutionProblem& problem) override {
    problems.push_back(problem);
    const cuda::LibraryEpilogue& e = problem.epilogue;
    const bool relu = !e.activated || e.activation.kind == ActivationKind::relu;
    if (!everything_ && (e.residual || e.affine || !relu)) return nullptr;
    return std::make_unique<Plan>(problem);
  }

  std::vector<cuda::ConvolutionProblem> problems;  // asked for so far

 private:
  class Plan final : public cuda::ConvolutionPlan {
   public:
    explicit Plan(const cuda::ConvolutionProblem& problem) : problem_(problem) {}
    void prepare(const cuda::ConvolutionOperands&) override { prepared_ = true; }
    std::int64_t workspace_bytes() const override {
      return static_cast<std::int64_t>(convolution_scratch_bytes(problem_.shape, problem_.math)) + 1;
    }
    std::string description() const override { return "test library"; }
    void run(const cuda::ConvolutionOperands& operands, Stream stream) override;

   private:
    cuda::ConvolutionProblem problem_;
    bool prepared_ = false;
  };
  bool everything_;
};

class TestDenseLibrary final : public cuda::DenseLibrary {
 public:
  std::unique_ptr<cuda::DensePlan> plan(const cuda::DenseProblem& problem) override {
    return std::make_unique<Plan>(problem);
  }

 private:
  class Plan final : public cuda::DensePlan {
   public:
    explicit Plan(const cuda::DenseProblem& problem) : problem_(problem) {}
    std::int64_t workspace_bytes() const override { return 0; }
    std::string description() const override { return "test dense library"; }
    void run(const cuda::DenseOperands& operands, Stream stream) override;

   private:
    cuda::DenseProblem problem_;
  };
};

inline int launches(const cuda::Lowered& lowered, std::size_t steps) {
  int sum = 0;
  for (std::size_t i = 0; i < steps; ++i) sum += lowered.steps[i].launches;
  return sum;
}

// "convolution 2, pool 1": what there is how often, in the order of the names.
inline std::string counted(const std::vector<std::string>& names) {
  std::map<std::string, int> counts;
  for (const std::string& name : names) ++counts[name];
  std::string text;
  for (const auto& [name, count] : counts)
    text += (text.empty() ? "" : ", ") + name + " " + std::to_string(count);
  return text;
}

inline std::string steps_by_op(const cuda::Lowered& lowered) {
  std::vector<std::string> ops;
  for (const auto& step : lowered.steps) ops.push_back(step.about.op);
  return counted(ops);
}

inline std::string steps_by_provider(const cuda::Lowered& lowered) {
  std::vector<std::string> providers;
  for (const auto& step : lowered.steps) providers.push_back(step.about.provider);
  return counted(providers);
}

// Steps that only move values to another place, layout or element.
inline std::string moves(const cuda::Lowered& lowered) {
  std::vector<std::string> ops;
  for (const auto& step : lowered.steps) {
    const std::string& op = step.about.op;
    if (op == "pack" || op == "unpack" || op == "copy" || op == "pad") ops.push_back(op);
  }
  return counted(ops);
}

}  // namespace cuhue::test
