#include <algorithm>

#include "kernels/core/launch.cuh"
#include "kernels/mask_paste/mask_paste.h"
#include "kernels/mask_paste/mask_paste_math.h"
#include "kernels/proposals/boxes.h"

namespace cuhue {
namespace {

constexpr int kThreads = 256;
constexpr int kWordBits = 32;
constexpr int kMasksAtOnce = 4;

// A warp the same word of every mask's bits, in turns with the other rows of blocks: most photos have few of
// the masks that there is memory for.
__global__ void paste_kernel(MaskPasteDeviceParams p, int words, int row_words) {
  const auto word = static_cast<int>((blockIdx.x * blockDim.x + threadIdx.x) / kWordBits);
  const int lane = static_cast<int>(threadIdx.x) % kWordBits;
  if (word >= words) return;
  const int y = word / row_words, x = word % row_words * kWordBits + lane;
  const int found = *p.found;
  for (auto mask = static_cast<int>(blockIdx.y); mask < found; mask += static_cast<int>(gridDim.y)) {
    const float* b = p.boxes + 4 * mask;
    // A pixel more than the box, as the twin's rectangle.
    const bool near = x < p.w && static_cast<float>(x) >= floorf(b[0]) - 1.0f &&
                      static_cast<float>(x) < ceilf(b[2]) + 1.0f &&
                      static_cast<float>(y) >= floorf(b[1]) - 1.0f &&
                      static_cast<float>(y) < ceilf(b[3]) + 1.0f;
    const bool covered = near && mask_covers(p.masks + mask * kMaskSize * kMaskSize, mask_tap(y, b[1], b[3]),
                                             mask_tap(x, b[0], b[2]));
    const unsigned bits = __ballot_sync(0xffffffffu, covered);
    if (lane == 0) p.out[static_cast<std::int64_t>(mask) * words + word] = bits;
  }
}

__global__ void scale_kernel(BoxScaleParams p) {
  const auto i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (i >= p.count) return;
  const float* b = p.boxes + 4 * i;
  const Box box =
      clip_box({b[0] * p.x_scale, b[1] * p.y_scale, b[2] * p.x_scale, b[3] * p.y_scale}, p.w, p.h);
  p.out[4 * i] = box.x0;
  p.out[4 * i + 1] = box.y0;
  p.out[4 * i + 2] = box.x1;
  p.out[4 * i + 3] = box.y1;
}

__global__ void pick_kernel(MaskPickParams p, int pixels) {
  const auto i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (i >= pixels) return;
  constexpr int kPixels = kMaskSize * kMaskSize;
  const int mask = i / kPixels;
  const std::int64_t plane = static_cast<std::int64_t>(mask) * p.classes + p.labels[mask];
  p.out[i] = mask_probability(p.logits[plane * kPixels + i % kPixels]);
}

}  // namespace

void mask_paste_cuda(const MaskPasteDeviceParams& p, Stream stream) {
  const std::int64_t row_words = (p.w + kWordBits - 1) / kWordBits;
  const int words = checked_int(p.h * row_words * kWordBits) / kWordBits;
  if (words == 0 || p.most == 0) return;
  const dim3 grid(blocks_for(words, kThreads / kWordBits),
                  static_cast<unsigned>(std::min(p.most, kMasksAtOnce)));
  launch(paste_kernel, {grid, kThreads}, stream, p, words, static_cast<int>(row_words));
}

void scale_boxes_cuda(const BoxScaleParams& p, Stream stream) {
  if (p.count > 0) launch(scale_kernel, {blocks_for(p.count, kThreads), kThreads}, stream, p);
}

void mask_pick_cuda(const MaskPickParams& p, Stream stream) {
  const int pixels = checked_int(std::int64_t{p.count} * kMaskSize * kMaskSize);
  if (pixels > 0) launch(pick_kernel, {blocks_for(pixels, kThreads), kThreads}, stream, p, pixels);
}

}  // namespace cuhue
