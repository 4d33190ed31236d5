#include "kernels/prepare/prepare_tables.h"

#include <algorithm>

#include "kernels/prepare/prepare.h"

namespace cuhue {
namespace {

void fill_axis(const TableAxis& axis, std::byte* to) {
  auto* first = reinterpret_cast<std::int32_t*>(to);
  auto* weights = reinterpret_cast<WeightWord*>(to + axis.weights_at());
  const std::int64_t words = axis.words();
  std::fill(weights, weights + axis.n_out * words, WeightWord{});
  for (std::int64_t o = 0; o < axis.n_out; ++o, weights += words) {
    const BicubicWindow window = bicubic_window(o, axis.n_in, axis.n_out);
    first[o] = static_cast<std::int32_t>(window.lo / 4);
    const double sum = bicubic_weight_sum(window);
    for (std::int64_t j = 0; j < window.count; ++j) {
      const auto weight =
          static_cast<std::uint32_t>(bicubic_fixed_weight(bicubic_raw_weight(window, j) / sum));
      const std::int64_t at = window.lo % 4 + j;
      for (unsigned d = 0; d < 3; ++d) weights[at / 4].digit[d] |= (weight >> 8 * d & 255) << 8 * (at % 4);
    }
  }
}

void fill_both(std::int64_t h, std::int64_t w, std::int64_t out_h, std::int64_t out_w, std::byte* tables) {
  const TableAxis horizontal{w, out_w};
  fill_axis(horizontal, tables);
  fill_axis({h, out_h}, tables + horizontal.bytes());
}

// [ceil(h / 4), 3, out_w] words of four rows.
std::int64_t scratch_bytes(std::int64_t h, std::int64_t out_w) {
  return (h + 3) / 4 * 3 * out_w * 4;
}

}  // namespace

std::size_t prepare_table_bytes(std::int64_t h, std::int64_t w, std::int64_t out_h, std::int64_t out_w) {
  if (h == out_h && w == out_w) return 0;
  return static_cast<std::size_t>(TableAxis{w, out_w}.bytes() + TableAxis{h, out_h}.bytes());
}

void fill_prepare_tables(std::int64_t h, std::int64_t w, std::int64_t out_h, std::int64_t out_w,
                         std::byte* tables) {
  if (h == out_h && w == out_w) return;
  fill_both(h, w, out_h, out_w, tables);
}

std::size_t prepare_device_scratch_bytes(std::int64_t h, std::int64_t w, std::int64_t out_h,
                                         std::int64_t out_w) {
  return h == out_h && w == out_w ? 0 : static_cast<std::size_t>(scratch_bytes(h, out_w));
}

CropsMemory place_crops(std::span<PrepareCrop> crops, std::int64_t out_h, std::int64_t out_w) {
  std::int64_t tables = 0, scratch = 0;
  for (PrepareCrop& c : crops) {
    c.tables = tables;
    c.scratch = scratch;
    tables += TableAxis{c.w, out_w}.bytes() + TableAxis{c.h, out_h}.bytes();
    scratch += scratch_bytes(c.h, out_w);
  }
  return {static_cast<std::size_t>(tables), static_cast<std::size_t>(scratch)};
}

void fill_crop_tables(std::span<const PrepareCrop> crops, std::int64_t out_h, std::int64_t out_w,
                      std::byte* tables) {
  for (const PrepareCrop& c : crops) fill_both(c.h, c.w, out_h, out_w, tables + c.tables);
}

}  // namespace cuhue
