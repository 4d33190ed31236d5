// A photo in a white square, its aspect kept and centred, as a network's data set has it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "kernels/core/hd.h"
#include "kernels/core/photo.h"
#include "kernels/core/stream.h"
#include "kernels/core/tensor.h"

namespace cuhue {

// What the photo becomes inside of the square, and where that stands. As Pillow 4.3 makes it: LANCZOS down;
// up, where both sides are smaller, by the nearest pixel (`enlarged`).
struct LetterboxFit {
  std::int64_t w = 0, h = 0, left = 0, top = 0;
  bool enlarged = false;
};
LetterboxFit letterbox_fit(std::int64_t w, std::int64_t h, std::int64_t side);

constexpr std::uint8_t kLetterboxWhite = 255;

// trunc(255.5 (0.2989 R + 0.587 G + 0.114 B)) of bytes as 0..1, in single precision (TensorFlow's
// rgb_to_grayscale of bytes); a grey maps to itself.
CUHUE_HD std::uint8_t letterbox_luma(std::uint8_t red, std::uint8_t green, std::uint8_t blue) {
  constexpr float kUnit = 1.0f / 255.0f;
  const float luma = 0.2989f * (static_cast<float>(red) * kUnit) +
                     0.5870f * (static_cast<float>(green) * kUnit) +
                     0.1140f * (static_cast<float>(blue) * kUnit);
  return static_cast<std::uint8_t>(255.5f * luma);
}

// A byte as -1..1.
CUHUE_HD float letterbox_value(std::uint8_t byte) {
  return 2.0f * static_cast<float>(byte) / 255.0f - 1.0f;
}

// The pixel that Pillow's NEAREST takes for output `o`: it goes from output to output by sums, whose rounding
// decides where a product would fall between two pixels.
CUHUE_HD int letterbox_nearest(int o, int n_in, int n_out) {
  const double scale = static_cast<double>(n_in) / static_cast<double>(n_out);
  double at = scale * 0.5;
  for (int i = 0; i < o; ++i) at += scale;
  const int pixel = static_cast<int>(at);
  return pixel < n_in ? pixel : n_in - 1;
}

// Keeps its memory from photo to photo; what it returns is overwritten by the next.
class Letterbox {
 public:
  // [side, side] bytes of luma, taken of the photo before it is resized: for a grey photo the published
  // plane, for a colour photo a third of the work.
  std::span<const std::uint8_t> luma(const PhotoRef& photo, std::int64_t side);
  // [side, side, 3] bytes of red, green and blue.
  std::span<const std::uint8_t> colour(const PhotoRef& photo, std::int64_t side);

  std::int64_t bytes() const {
    return static_cast<std::int64_t>(samples_.capacity() + rows_.capacity() + box_.capacity());
  }

 private:
  const std::uint8_t* take_rows(const PhotoRef& photo, std::int64_t columns, int planes);
  std::span<const std::uint8_t> fit(const PhotoRef& photo, std::int64_t side, int planes);

  std::vector<std::uint8_t> samples_;  // some rows of the photo
  std::vector<std::uint8_t> rows_;     // all of them, shrunk in width
  std::vector<std::uint8_t> box_;      // [side, side, planes]
  std::vector<std::int32_t> weights_, first_, count_;
};

// The luma in its square, as -1..1, in every channel of image 0 of out [n, c, side, side].
void letterbox_cpu(const PhotoRef& photo, const TensorRef& out, Letterbox& memory);

// ---- on CUDA: two launches (rows, then columns), one for a photo that is enlarged ----
// Windows of one photo size: made on the host once, kept in device memory by the caller. 0 bytes = none.
std::size_t letterbox_table_bytes(std::int64_t h, std::int64_t w, std::int64_t side);
void fill_letterbox_tables(std::int64_t h, std::int64_t w, std::int64_t side,
                           std::byte* tables /* host, aligned to 4 */);
std::size_t letterbox_scratch_bytes(std::int64_t h, std::int64_t w, std::int64_t side);

struct LetterboxDeviceParams {
  PhotoRef photo;                     // addresses the device can read; any stride
  std::int64_t side = 0;              //
  std::int64_t planes = 1;            // equal ones
  float* out = nullptr;               // [planes, side, side] float, dense
  const std::byte* tables = nullptr;  // as filled, in device memory, aligned to 4
  std::byte* scratch = nullptr;       // letterbox_scratch_bytes(), device memory
};
// The bits of letterbox_cpu.
void letterbox_cuda(const LetterboxDeviceParams& p, Stream stream);

}  // namespace cuhue
