// The one view of a tensor that every kernel takes.
#pragma once

#include <cstdint>

namespace cuhue {

// Size of a 4-D tensor; a vector [n, c] has h = w = 1.
struct Dims {
  std::int64_t n = 1, c = 1, h = 1, w = 1;
  constexpr std::int64_t count() const { return n * c * h * w; }
  friend constexpr bool operator==(const Dims&, const Dims&) = default;
};

// float32, channels in blocks: [n, ceil(c / block), h, w, block]. block 1 is NCHW, block c is NHWC, block 8
// or 16 is the blocked layout of SIMD convolutions. Channels beyond c in the last block are padding and hold
// 0. Not owned; `batch_stride` (in floats) may exceed one image, so that a tensor can be a channel slice of
// another.
struct TensorRef {
  float* data = nullptr;
  Dims dims;
  std::int64_t block = 1;
  std::int64_t batch_stride = 0;

  constexpr std::int64_t blocks() const { return (dims.c + block - 1) / block; }
  constexpr std::int64_t plane() const { return dims.h * dims.w * block; }  // floats in one channel block
  constexpr std::int64_t image() const { return blocks() * plane(); }       // floats in one image
  constexpr bool dense() const { return batch_stride == image(); }
};

// Is a TensorRef::block a block of channels: neither planes nor channels last? In blocks alone a channel
// slice has the layout of its whole.
constexpr bool is_channel_block(std::int64_t block) {
  return block == 8 || block == 16;
}

constexpr TensorRef dense_tensor(float* data, Dims dims, std::int64_t block = 1) {
  TensorRef t{data, dims, block, 0};
  t.batch_stride = t.image();
  return t;
}

}  // namespace cuhue
