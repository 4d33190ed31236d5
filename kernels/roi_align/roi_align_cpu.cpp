#include "kernels/roi_align/roi_align.h"

#include <algorithm>
#include <cstddef>

#include "kernels/core/parallel.h"
#include "kernels/core/simd.h"
#include "kernels/roi_align/roi_align_math.h"

namespace cuhue {
namespace {

constexpr int kMostSize = 16;   // of a crop
constexpr int kMostLanes = 16;  // channels at a time
constexpr int kMostTaps =
    4096;  // of a crop in one direction that are kept; of longer boxes they are made again

// The samples of one direction, of all bins one after another.
class Taps {
 public:
  Taps(const CropAxis& axis, int size, int extent) : axis_(axis), extent_(extent) {
    kept_ = axis.samples * size <= kMostTaps;
    if (!kept_) return;
    for (int bin = 0; bin < size; ++bin)
      for (int s = 0; s < axis.samples; ++s) taps_[bin * axis.samples + s] = crop_tap(axis, bin, s, extent);
  }
  CropTap at(int bin, int sample) const {
    return kept_ ? taps_[bin * axis_.samples + sample] : crop_tap(axis_, bin, sample, extent_);
  }
  int samples() const { return axis_.samples; }

 private:
  CropAxis axis_;
  int extent_;
  bool kept_;
  CropTap taps_[kMostTaps];
};

// Adds a sample of `Lanes` neighbouring channels.
template <int Lanes>
inline __attribute__((always_inline)) void add_sample(const float* map, std::int64_t row, std::int64_t pixel,
                                                      const CropTap& y, const CropTap& x, float* sum) {
  const float w00 = y.w_low * x.w_low, w01 = y.w_low * x.w_high, w10 = y.w_high * x.w_low,
              w11 = y.w_high * x.w_high;
  const float* top = map + y.low * row;
  const float* bottom = map + y.high * row;
  const std::int64_t left = x.low * pixel, right = x.high * pixel;
  for (int l = 0; l < Lanes; ++l)
    sum[l] += w00 * top[left + l] + w01 * top[right + l] + w10 * bottom[left + l] + w11 * bottom[right + l];
}

// One block of channels of one box: all bins.
template <int Lanes>
inline __attribute__((always_inline)) void crop_block(const float* map, std::int64_t row, std::int64_t pixel,
                                                      const Taps& ys, const Taps& xs, int size, int channels,
                                                      const CropPlace& out) {
  const int samples = ys.samples() * xs.samples();
  const auto count = static_cast<float>(samples > 1 ? samples : 1);
  for (int by = 0; by < size; ++by) {
    for (int bx = 0; bx < size; ++bx) {
      float sum[Lanes] = {};
      for (int iy = 0; iy < ys.samples(); ++iy) {
        const CropTap y = ys.at(by, iy);
        for (int ix = 0; ix < xs.samples(); ++ix) add_sample<Lanes>(map, row, pixel, y, xs.at(bx, ix), sum);
      }
      float* to = out.data + (by * size + bx) * out.bin_stride;
      for (int l = 0; l < channels; ++l) to[l * out.channel_stride] = sum[l] / count;
    }
  }
}

CUHUE_SIMD_CLONES void crop_16(const float* map, std::int64_t row, std::int64_t pixel, const Taps& ys,
                               const Taps& xs, int size, const CropPlace& out) {
  crop_block<16>(map, row, pixel, ys, xs, size, 16, out);
}
CUHUE_SIMD_CLONES void crop_8(const float* map, std::int64_t row, std::int64_t pixel, const Taps& ys,
                              const Taps& xs, int size, const CropPlace& out) {
  crop_block<8>(map, row, pixel, ys, xs, size, 8, out);
}

void crop_box(const RoiAlignParams& p, int box) {
  const float* b = p.boxes + static_cast<std::ptrdiff_t>(box) * 4;
  const int level = crop_level(b[0], b[1], b[2], b[3]);
  const TensorRef& map = p.levels[level];
  const float scale = 1.0f / static_cast<float>(4 << level);
  const auto h = static_cast<int>(map.dims.h), w = static_cast<int>(map.dims.w);
  const Taps ys(crop_axis(b[1], b[3], scale, p.size), p.size, h);
  const Taps xs(crop_axis(b[0], b[2], scale, p.size), p.size, w);
  const std::int64_t pixel = map.block, row = pixel * w;
  CropPlace out = p.out;
  out.data += box * p.out.box_stride;
  for (std::int64_t c = 0; c < map.dims.c;) {
    const std::int64_t inside = c % map.block;
    const std::int64_t left = std::min(map.block - inside, map.dims.c - c);
    const float* channels = map.data + c / map.block * map.plane() + inside;
    CropPlace to = out;
    to.data += c * out.channel_stride;
    if (left >= 16) {
      crop_16(channels, row, pixel, ys, xs, p.size, to);
      c += 16;
    } else if (left >= 8) {
      crop_8(channels, row, pixel, ys, xs, p.size, to);
      c += 8;
    } else {
      crop_block<1>(channels, row, pixel, ys, xs, p.size, 1, to);
      c += 1;
    }
  }
}

}  // namespace

void roi_align_cpu(const RoiAlignParams& p) {
  parallel_for(p.count, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t box = begin; box < end; ++box) crop_box(p, static_cast<int>(box));
  });
}

}  // namespace cuhue
