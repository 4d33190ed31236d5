#include "kernels/core/parallel.h"
#include "kernels/labels/labels.h"
#include "kernels/labels/labels_math.h"

namespace cuhue {
namespace {

constexpr std::int64_t kGrain = 1 << 16;  // bytes that a thread is worth

}  // namespace

void resize_labels_cpu(const ResizeLabelsParams& p) {
  const std::int64_t bytes_per_row =
      p.map.width * p.map.height / (p.map.height < p.out.height ? p.map.height : p.out.height) + p.out.width;
  parallel_for(p.out.height, kGrain / bytes_per_row + 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t y = begin; y < end; ++y) {
      const LabelWindow rows = label_window(y, p.map.height, p.out.height);
      std::uint8_t* out = p.out.data + y * p.out.stride;
      for (std::int64_t x = 0; x < p.out.width; ++x) {
        std::int32_t counts[kMostLabels] = {};
        out[x] = most_frequent(p.map.data, p.map.stride, rows, label_window(x, p.map.width, p.out.width),
                               counts, 1);
      }
    }
  });
}

void view_labels_cpu(const ViewLabelsParams& p) {
  parallel_for(p.map.height, kGrain / (4 * p.map.width) + 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t y = begin; y < end; ++y) {
      const std::uint8_t* from = p.map.data + y * p.map.stride;
      std::uint8_t* to = p.out + y * p.out_stride;
      for (std::int64_t x = 0; x < p.map.width; ++x, to += 3) {
        const std::uint8_t* color = p.palette.rgb[from[x]];
        to[0] = color[0];
        to[1] = color[1];
        to[2] = color[2];
      }
    }
  });
}

}  // namespace cuhue
