#include "kernels/core/launch.cuh"
#include "kernels/labels/labels.h"
#include "kernels/labels/labels_math.h"

namespace cuhue {
namespace {

constexpr int kThreads = 128;
constexpr int kGroup = 4;  // pixels of a thread that shows labels: three whole words

// Counts [kMostLabels, threads] in shared memory: a label of neighbouring threads is in neighbouring banks.
__global__ void resize_labels_kernel(ResizeLabelsParams p, int pixels) {
  auto* counts = dynamic_shared<std::int32_t>();
  const auto thread = static_cast<int>(threadIdx.x);
  for (int label = 0; label < kMostLabels; ++label) counts[label * kThreads + thread] = 0;
  const int i = static_cast<int>(blockIdx.x) * kThreads + thread;
  if (i >= pixels) return;
  const int out_w = static_cast<int>(p.out.width), x = i % out_w, y = i / out_w;
  const LabelWindow rows = label_window(y, p.map.height, p.out.height),
                    columns = label_window(x, p.map.width, p.out.width);
  p.out.data[y * p.out.stride + x] =
      most_frequent(p.map.data, p.map.stride, rows, columns, counts + thread, kThreads);
}

__global__ void view_labels_kernel(ViewLabelsParams p, int groups, int items) {
  const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (i >= items) return;
  const int y = i / groups, first = i % groups * kGroup, width = static_cast<int>(p.map.width);
  const std::uint8_t* from = p.map.data + y * p.map.stride + first;
  std::uint8_t* to = p.out + y * p.out_stride + 3 * first;
  const int count = min(kGroup, width - first);
  if (count < kGroup || (reinterpret_cast<std::uintptr_t>(to) & 3) != 0) {
    for (int k = 0; k < count; ++k)
      for (int c = 0; c < 3; ++c) to[3 * k + c] = p.palette.rgb[from[k]][c];
    return;
  }
  std::uint32_t word[3] = {};
#pragma unroll
  for (int b = 0; b < 3 * kGroup; ++b)
    word[b / 4] |= static_cast<std::uint32_t>(p.palette.rgb[from[b / 3]][b % 3]) << 8 * (b % 4);
#pragma unroll
  for (int w = 0; w < 3; ++w) reinterpret_cast<std::uint32_t*>(to)[w] = word[w];
}

}  // namespace

void resize_labels_cuda(const ResizeLabelsParams& p, Stream stream) {
  const int pixels = checked_int(p.out.width * p.out.height);
  constexpr std::size_t kShared = kMostLabels * kThreads * sizeof(std::int32_t);
  launch(resize_labels_kernel, {blocks_for(pixels, kThreads), kThreads, kShared}, stream, p, pixels);
}

void view_labels_cuda(const ViewLabelsParams& p, Stream stream) {
  const int groups = checked_int((p.map.width + kGroup - 1) / kGroup);
  const int items = checked_int(groups * p.map.height);
  launch(view_labels_kernel, {blocks_for(items, kThreads), kThreads}, stream, p, groups, items);
}

}  // namespace cuhue
