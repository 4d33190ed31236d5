#include "kernels/detector_input/detector_input.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <numeric>
#include <span>
#include <vector>

#include "kernels/color/lab.h"
#include "kernels/core/parallel.h"
#include "kernels/detector_input/detector_input_math.h"

namespace cuhue {
namespace {

// out [3, rows, columns]: what is right of and below the resized picture is 0.
void clear_padding(const DetectorInputParams& p) {
  const std::int64_t plane = p.padded_h * p.padded_w;
  for (int c = 0; c < 3; ++c) {
    float* to = p.out + c * plane;
    for (std::int64_t y = 0; y < p.out_h; ++y)
      std::fill(to + y * p.padded_w + p.out_w, to + (y + 1) * p.padded_w, 0.0f);
    std::fill(to + p.out_h * p.padded_w, to + plane, 0.0f);
  }
}

template <class Sample>
void resize_floats(const DetectorInputParams& p) {
  const auto* picture = static_cast<const Sample*>(p.picture);
  const std::int64_t plane = p.padded_h * p.padded_w;
  parallel_for(p.out_h, 4, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t y = begin; y < end; ++y) {
      const DoubleTap row = double_tap(y, p.h, p.out_h);
      for (std::int64_t x = 0; x < p.out_w; ++x) {
        const DoubleTap column = double_tap(x, p.w, p.out_w);
        for (int c = 0; c < 3; ++c)
          p.out[c * plane + y * p.padded_w + x] = resized_float(picture, p.w, row, column, c) - p.mean[c];
      }
    }
  });
}

// [h, w, 3] to [h, out_w, 3] in scratch, then to planes. A pass that keeps the size keeps the bytes.
void resize_bytes(const DetectorInputParams& p) {
  const auto* picture = static_cast<const std::uint8_t*>(p.picture);
  auto* between = reinterpret_cast<std::uint8_t*>(p.scratch);
  if (p.w == p.out_w) {
    between = const_cast<std::uint8_t*>(picture);  // read only
  } else {
    parallel_for(p.out_w, 16, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t x = begin; x < end; ++x) {
        const TriangleWindow window = triangle_window(x, p.w, p.out_w);
        const double sum = triangle_weight_sum(window);
        for (std::int64_t y = 0; y < p.h; ++y)
          for (int c = 0; c < 3; ++c)
            between[(y * p.out_w + x) * 3 + c] = triangle_byte(picture + y * p.w * 3 + c, 3, window, sum);
      }
    });
  }
  const std::int64_t plane = p.padded_h * p.padded_w, row = p.out_w * 3;
  parallel_for(p.out_h, 4, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t y = begin; y < end; ++y) {
      const TriangleWindow window = triangle_window(y, p.h, p.out_h);
      const double sum = triangle_weight_sum(window);
      for (std::int64_t i = 0; i < row; ++i) {
        const std::uint8_t byte =
            p.h == p.out_h ? between[y * row + i] : triangle_byte(between + i, row, window, sum);
        const auto c = static_cast<int>(i % 3);
        p.out[c * plane + y * p.padded_w + i / 3] = static_cast<float>(byte) - p.mean[c];
      }
    }
  });
}

}  // namespace

std::size_t detector_input_scratch_bytes(const DetectorInputParams& p) {
  const bool bytes = p.sample == PictureSample::u8 && p.w != p.out_w;
  return bytes ? static_cast<std::size_t>(p.h * p.out_w * 3) : 0;
}

void detector_input_cpu(const DetectorInputParams& p) {
  switch (p.sample) {
    case PictureSample::u8: resize_bytes(p); break;
    case PictureSample::f32: resize_floats<float>(p); break;
    case PictureSample::f64: resize_floats<double>(p); break;
  }
  clear_padding(p);
}

// ---- lightness
// -----------------------------------------------------------------------------------------------------

namespace {

// Linear light of all bytes.
const std::array<double, 256>& linear_bytes() {
  static const std::array<double, 256> table = [] {
    std::array<double, 256> t{};
    for (std::size_t i = 0; i < t.size(); ++i) t[i] = linear_of_byte(static_cast<int>(i));
    return t;
  }();
  return table;
}

std::uint8_t byte_at(const PhotoRef& photo, const std::uint8_t* pixel, int sample) {
  if (photo.bytes_per_sample == 1) return pixel[sample];
  std::uint16_t wide = 0;
  std::memcpy(&wide, pixel + 2 * sample, sizeof wide);
  return static_cast<std::uint8_t>(sample_16_to_8(wide));
}

// Rows of a photo as lightness_picture() has them.
class LightnessRows {
 public:
  explicit LightnessRows(const PhotoRef& photo)
      : photo_(photo), grey_(photo.red == photo.green && photo.green == photo.blue) {
    for (std::size_t i = 0; grey_ && i < of_bytes_.size(); ++i)
      of_bytes_[i] = lightness_grey(linear_[i], linear_[i], linear_[i]);
  }
  // Of the pixels `columns`, each to its place in the row [w, 3].
  void make(std::int64_t y, std::span<const std::int64_t> columns, double* row) const {
    const std::uint8_t* pixels = photo_.data + y * photo_.stride;
    for (const std::int64_t x : columns) {
      const std::uint8_t* pixel = pixels + x * photo_.channels * photo_.bytes_per_sample;
      const std::uint8_t r = byte_at(photo_, pixel, photo_.red);
      const DetectorGrey g = grey_ ? of_bytes_[r]
                                   : lightness_grey(linear_[r], linear_[byte_at(photo_, pixel, photo_.green)],
                                                    linear_[byte_at(photo_, pixel, photo_.blue)]);
      std::copy_n(g.channel, 3, row + 3 * x);
    }
  }

 private:
  const PhotoRef& photo_;
  const bool grey_;
  const std::array<double, 256>& linear_ = linear_bytes();
  std::array<DetectorGrey, 256> of_bytes_{};
};

// The two rows that an output row lies between; the next one's are often among them.
class TwoRows {
 public:
  TwoRows(const LightnessRows& rows, std::span<const std::int64_t> columns, std::int64_t w)
      : rows_(rows),
        columns_(columns),
        values_{std::vector<double>(static_cast<std::size_t>(3 * w)),
                std::vector<double>(static_cast<std::size_t>(3 * w))} {}
  // Row y; row `other` stays if it is here.
  const double* get(std::int64_t y, std::int64_t other) {
    for (std::size_t i = 0; i < 2; ++i) {
      if (held_[i] == y) return values_[i].data();
    }
    const std::size_t free = held_[0] == other ? 1 : 0;
    rows_.make(y, columns_, values_[free].data());
    held_[free] = y;
    return values_[free].data();
  }

 private:
  const LightnessRows& rows_;
  std::span<const std::int64_t> columns_;
  std::array<std::vector<double>, 2> values_;
  std::array<std::int64_t, 2> held_{-1, -1};
};

}  // namespace

void lightness_picture(const PhotoRef& photo, double* out) {
  const LightnessRows rows(photo);
  std::vector<std::int64_t> columns(static_cast<std::size_t>(photo.width));
  std::iota(columns.begin(), columns.end(), 0);
  parallel_for(photo.height, 4, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t y = begin; y < end; ++y) rows.make(y, columns, out + y * photo.width * 3);
  });
}

void lightness_input_cpu(const PhotoRef& photo, const DetectorInputParams& p) {
  constexpr std::int64_t kBand = 64;  // output rows; at its ends rows are made twice
  const LightnessRows rows(photo);
  std::vector<DoubleTap> taps;
  std::vector<std::int64_t> columns;  // that are read, ascending
  for (std::int64_t x = 0; x < p.out_w; ++x) {
    const DoubleTap tap = taps.emplace_back(double_tap(x, photo.width, p.out_w));
    for (const std::int64_t column : {tap.i0, tap.i1}) {
      if (columns.empty() || column > columns.back()) columns.push_back(column);
    }
  }
  const std::int64_t plane = p.padded_h * p.padded_w;
  parallel_for(p.out_h, kBand, [&](std::int64_t begin, std::int64_t end) {
    TwoRows two(rows, columns, photo.width);
    for (std::int64_t y = begin; y < end; ++y) {
      const DoubleTap row = double_tap(y, photo.height, p.out_h);
      const double* top = two.get(row.i0, row.i1);
      const double* bottom = two.get(row.i1, row.i0);
      float* to = p.out + y * p.padded_w;
      for (const DoubleTap& x : taps) {
        for (std::int64_t c = 0; c < 3; ++c) {
          const std::int64_t left = 3 * x.i0 + c, right = 3 * x.i1 + c;
          to[c * plane] = blended(top[left], top[right], bottom[left], bottom[right], row.t, x.t) - p.mean[c];
        }
        ++to;
      }
    }
  });
  clear_padding(p);
}

}  // namespace cuhue
