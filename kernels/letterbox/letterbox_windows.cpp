#include "kernels/letterbox/letterbox_windows.h"

#include <algorithm>

#include "kernels/letterbox/letterbox.h"
#include "kernels/resample/bicubic.h"
#include "kernels/resample/lanczos.h"

namespace cuhue {

LetterboxFit letterbox_fit(std::int64_t w, std::int64_t h, std::int64_t side) {
  LetterboxFit fit{w, h, 0, 0, w < side && h < side};
  const auto full = static_cast<double>(side);
  if (fit.enlarged) {
    const double factor = std::min(full / static_cast<double>(w), full / static_cast<double>(h));
    const auto larger = [factor](std::int64_t n) {
      return std::max<std::int64_t>(static_cast<std::int64_t>(static_cast<double>(n) * factor), 1);
    };
    fit.w = larger(w);
    fit.h = larger(h);
  } else {
    const auto shrunk = [full](std::int64_t other, std::int64_t longer) {
      const double exact = static_cast<double>(other) * full / static_cast<double>(longer);
      return static_cast<std::int64_t>(std::max(exact, 1.0));
    };
    if (fit.w > side) {
      fit.h = shrunk(fit.h, fit.w);
      fit.w = side;
    }
    if (fit.h > side) {
      fit.w = shrunk(fit.w, fit.h);
      fit.h = side;
    }
  }
  fit.left = (side - fit.w + 1) / 2;
  fit.top = (side - fit.h + 1) / 2;
  return fit;
}

std::int64_t lanczos_taps(std::int64_t n_in, std::int64_t n_out) {
  std::int64_t taps = 0;
  for (std::int64_t o = 0; o < n_out; ++o) taps = std::max(taps, lanczos_window(o, n_in, n_out).count);
  return taps;
}

void fill_lanczos_windows(std::int64_t n_in, std::int64_t n_out, std::int32_t* first, std::int32_t* count,
                          std::int32_t* weights) {
  const std::int64_t taps = lanczos_taps(n_in, n_out);
  std::fill_n(weights, n_out * taps, 0);
  for (std::int64_t o = 0; o < n_out; ++o) {
    const LanczosWindow w = lanczos_window(o, n_in, n_out);
    double sum = 0;
    for (std::int64_t j = 0; j < w.count; ++j) sum += lanczos_raw_weight(w, j);
    first[o] = static_cast<std::int32_t>(w.lo);
    count[o] = static_cast<std::int32_t>(w.count);
    for (std::int64_t j = 0; j < w.count; ++j)
      weights[o * taps + j] = bicubic_fixed_weight(lanczos_raw_weight(w, j) / sum);
  }
}

LetterboxAxis letterbox_axis(std::int64_t n_in, std::int64_t n_out) {
  return {n_in, n_out, n_in == n_out ? 1 : lanczos_taps(n_in, n_out)};
}

namespace {

void fill_axis(const LetterboxAxis& axis, std::int32_t* to) {
  std::int32_t *first = to, *count = to + axis.n_out, *weights = count + axis.n_out;
  if (axis.n_in != axis.n_out) return fill_lanczos_windows(axis.n_in, axis.n_out, first, count, weights);
  for (std::int64_t o = 0; o < axis.n_out; ++o) {
    first[o] = static_cast<std::int32_t>(o);
    count[o] = 1;
    weights[o] = 1 << kBicubicBits;
  }
}

}  // namespace

std::size_t letterbox_table_bytes(std::int64_t h, std::int64_t w, std::int64_t side) {
  const LetterboxFit fit = letterbox_fit(w, h, side);
  if (fit.enlarged) return 0;
  const std::int64_t words = letterbox_axis(w, fit.w).words() + letterbox_axis(h, fit.h).words();
  return static_cast<std::size_t>(words) * sizeof(std::int32_t);
}

void fill_letterbox_tables(std::int64_t h, std::int64_t w, std::int64_t side, std::byte* tables) {
  const LetterboxFit fit = letterbox_fit(w, h, side);
  if (fit.enlarged) return;
  auto* words = reinterpret_cast<std::int32_t*>(tables);
  const LetterboxAxis columns = letterbox_axis(w, fit.w);
  fill_axis(columns, words);
  fill_axis(letterbox_axis(h, fit.h), words + columns.words());
}

std::size_t letterbox_scratch_bytes(std::int64_t h, std::int64_t w, std::int64_t side) {
  const LetterboxFit fit = letterbox_fit(w, h, side);
  return fit.enlarged ? 0 : static_cast<std::size_t>(h * fit.w);
}

}  // namespace cuhue
