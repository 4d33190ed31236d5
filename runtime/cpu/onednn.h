// The one door to oneDNN: what cuhue asks of it, in cuhue's terms. No other file includes dnnl.h, so another
// major version of the library is a change of onednn.cpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "kernels/core/tensor.h"

namespace cuhue::onednn {

constexpr std::int64_t kAnyBlock = 0;
constexpr std::int64_t kChannelOperandBlock = 16;  // of operands that hold out.c rounded up to it

enum class Kind : std::uint8_t {
  convolution,
  transposed_convolution,
  inner_product,  // on [n, c, 1, 1]
  max_pool,
  average_pool,       // padding is counted
  average_pool_valid  // padding is not counted
};

enum class PostKind : std::uint8_t {
  relu,  // slope `alpha` below 0
  tanh,
  sigmoid,
  linear,       // alpha x + beta
  sum,          // x + what dst held
  mul_channel,  // x * operand[c]
  add_channel,  // x + operand[c]
  add_tensor    // x + operand, a tensor of dst's dims in layout `block`
};

struct PostOp {
  PostKind kind = PostKind::relu;
  float alpha = 0.0f, beta = 0.0f;
  std::int64_t block = 1;  // of add_tensor
};

// How a weight is laid out in memory for a primitive. Immutable, cheap to copy.
class WeightLayout {
 public:
  struct Impl;
  WeightLayout() = default;
  explicit WeightLayout(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}
  std::size_t bytes() const;
  std::string id() const;  // equal layouts have equal ids
  const Impl* impl() const { return impl_.get(); }

 private:
  std::shared_ptr<const Impl> impl_;
};

struct Request {
  std::string_view layer;  // for messages
  Kind kind = Kind::convolution;
  Dims in, out;
  std::int64_t in_block = kAnyBlock, out_block = kAnyBlock;  // as TensorRef::block, dense
  int kernel_h = 1, kernel_w = 1, stride = 1, dilation = 1, pad_top = 0, pad_left = 0;
  bool bias = false;
  const WeightLayout* weights = nullptr;  // nullptr = the primitive's own choice
  std::span<const PostOp> post;           // of transposed convolutions they are plain loops: better none
};

// Addresses a primitive works on; all stay valid while it runs.
struct Operands {
  const float* src = nullptr;
  float* dst = nullptr;
  const float* weights = nullptr;      // in weight_layout()
  const float* bias = nullptr;         // [out.c]
  std::span<const float* const> post;  // one a post-op; channel operands hold out.c rounded up to 16 floats
  std::byte* scratch = nullptr;        // scratch_bytes(), aligned to 64
};

// One op with its post-ops, as oneDNN executes it. The pool size (ThreadScope) at create() and build() is the
// one it will run with. Not thread-safe.
class Primitive {
 public:
  // Chooses an implementation and layouts; nullptr when oneDNN has none.
  static std::unique_ptr<Primitive> create(const Request& request);
  virtual ~Primitive() = default;

  virtual std::int64_t in_block() const = 0;
  virtual std::int64_t out_block() const = 0;
  virtual std::size_t scratch_bytes() const = 0;
  virtual const WeightLayout& weight_layout() const = 0;
  virtual const std::string& implementation() const = 0;  // "jit:avx2"
  // False for oneDNN's fallbacks (plain loops, or a convolution as a matrix product).
  virtual bool fast() const = 0;

  virtual void build() = 0;  // generates code: milliseconds
  // Bound more than once, it runs with one after another.
  virtual void bind(const Operands& operands) = 0;
  virtual void unbind() = 0;
  virtual void run() = 0;
};

// plain: [out, in, kh, kw], transposed [in, out, kh, kw], inner product [out, in]; to `packed`,
// layout.bytes().
void pack_weights(std::string_view layer, const float* plain, const WeightLayout& layout, float* packed);

}  // namespace cuhue::onednn
