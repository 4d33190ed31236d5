#include "runtime/image/metrics.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <limits>
#include <numbers>
#include <numeric>
#include <span>
#include <string>
#include <vector>

#include "kernels/core/parallel.h"
#include "weights/status.h"

namespace cuhue {
namespace {

constexpr double kPi = std::numbers::pi;
constexpr std::int64_t kRowsPerPart = 4;

double radians(double degrees) {
  return degrees * (kPi / 180.0);
}

// ---- 8-bit RGB planes
// --------------------------------------------------------------------------------------

struct Planes {
  std::int64_t width = 0, height = 0;
  std::array<std::vector<std::uint8_t>, 3> rgb;

  const std::uint8_t* row(int channel, std::int64_t y) const {
    return rgb[static_cast<std::size_t>(channel)].data() + y * width;
  }
};

std::uint8_t sample8(const std::uint8_t* p, int bytes) {
  if (bytes == 1) return *p;
  std::uint16_t v = 0;
  std::memcpy(&v, p, sizeof v);
  return static_cast<std::uint8_t>((v + 128) / 257);
}

Planes to_planes(const ConstPixelView& view) {
  Planes planes{view.width, view.height, {}};
  const bool blue_first = view.format == PixelFormat::bgr8 || view.format == PixelFormat::bgra8;
  const int bytes = bytes_per_sample(view.format);
  const std::ptrdiff_t step = bytes_per_pixel(view.format);
  for (int c = 0; c < 3; ++c) {
    std::vector<std::uint8_t>& plane = planes.rgb[static_cast<std::size_t>(c)];
    plane.resize(static_cast<std::size_t>(view.width * view.height));
    const std::ptrdiff_t offset =
        is_grey(view.format) ? 0 : static_cast<std::ptrdiff_t>(blue_first ? 2 - c : c) * bytes;
    parallel_for(view.height, kRowsPerPart, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t y = begin; y < end; ++y) {
        const std::uint8_t* from = view.data + y * view.stride + offset;
        std::uint8_t* to = plane.data() + y * view.width;
        for (std::int64_t x = 0; x < view.width; ++x) to[x] = sample8(from + x * step, bytes);
      }
    });
  }
  return planes;
}

// Adds up per-row values in row order, so that the sum does not depend on the number of threads.
template <class RowValue>
double sum_over_rows(std::int64_t rows, RowValue&& value) {
  std::vector<double> sums(static_cast<std::size_t>(rows));
  parallel_for(rows, kRowsPerPart, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t y = begin; y < end; ++y) sums[static_cast<std::size_t>(y)] = value(y);
  });
  return std::accumulate(sums.begin(), sums.end(), 0.0);
}

// ---- differences of levels
// ---------------------------------------------------------------------------------

void compare_levels(const Planes& a, const Planes& b, Metrics& m) {
  std::array<std::uint64_t, 256> count{};
  for (std::size_t c = 0; c < 3; ++c) {
    for (std::size_t i = 0; i < a.rgb[c].size(); ++i)
      ++count[static_cast<std::size_t>(std::abs(a.rgb[c][i] - b.rgb[c][i]))];
  }
  double squares = 0;
  for (std::size_t d = 0; d < count.size(); ++d) {
    if (count[d] == 0) continue;
    squares += static_cast<double>(count[d]) * static_cast<double>(d * d);
    m.max_difference = static_cast<int>(d);
  }
  const double samples = 3.0 * static_cast<double>(a.width) * static_cast<double>(a.height);
  double truth = 0;
  for (const auto& plane : a.rgb) {
    std::uint64_t sum = 0;  // exact: at most 255^2 a sample
    for (const std::uint8_t v : plane) sum += std::uint64_t{v} * v;
    truth += static_cast<double>(sum);
  }
  m.nrmse = squares == 0 ? 0.0 : std::sqrt(squares / truth);
  m.psnr = squares == 0 ? std::numeric_limits<double>::infinity()
                        : 10.0 * std::log10(255.0 * 255.0 * samples / squares);
}

// ---- structural similarity
// ---------------------------------------------------------------------------------

// Sums over one window (or one column of it): exact in 32 bits for windows up to 7x7.
struct WindowSums {
  std::uint32_t x = 0, y = 0, xx = 0, yy = 0, xy = 0;
};

// By data range: what is one, and twice that.
struct Similarity {
  double bytes = 0, floats = 0;
};

Similarity window_similarity(const WindowSums& s, double samples) {
  const double ux = s.x / samples, uy = s.y / samples;
  const double sample_covariance = samples > 1 ? samples / (samples - 1) : 0.0;
  const double vx = sample_covariance * (s.xx / samples - ux * ux);
  const double vy = sample_covariance * (s.yy / samples - uy * uy);
  const double vxy = sample_covariance * (s.xy / samples - ux * uy);
  const auto similarity = [&](double range) {
    const double c1 = (0.01 * range) * (0.01 * range), c2 = (0.03 * range) * (0.03 * range);
    return ((2 * ux * uy + c1) * (2 * vxy + c2)) / ((ux * ux + uy * uy + c1) * (vx + vy + c2));
  };
  return {similarity(255), similarity(510)};
}

// Sum of the similarities of the windows whose top row is `top`. columns: scratch, one a column.
Similarity similarity_of_row(const Planes& a, const Planes& b, int channel, std::int64_t top,
                             std::int64_t window, std::span<WindowSums> columns) {
  std::fill(columns.begin(), columns.end(), WindowSums{});
  for (std::int64_t y = top; y < top + window; ++y) {
    const std::uint8_t* pa = a.row(channel, y);
    const std::uint8_t* pb = b.row(channel, y);
    for (WindowSums& s : columns) {
      const std::uint32_t va = *pa++, vb = *pb++;
      s.x += va;
      s.y += vb;
      s.xx += va * va;
      s.yy += vb * vb;
      s.xy += va * vb;
    }
  }
  const auto samples = static_cast<double>(window * window);
  Similarity sum;
  WindowSums s;
  for (std::int64_t x = 0; x < a.width; ++x) {
    const WindowSums& in = columns[static_cast<std::size_t>(x)];
    s = {s.x + in.x, s.y + in.y, s.xx + in.xx, s.yy + in.yy, s.xy + in.xy};
    if (x + 1 < window) continue;
    const Similarity here = window_similarity(s, samples);
    sum = {sum.bytes + here.bytes, sum.floats + here.floats};
    const WindowSums& out = columns[static_cast<std::size_t>(x + 1 - window)];
    s = {s.x - out.x, s.y - out.y, s.xx - out.xx, s.yy - out.yy, s.xy - out.xy};
  }
  return sum;
}

Similarity structural_similarity(const Planes& a, const Planes& b) {
  const std::int64_t side = std::min<std::int64_t>({7, a.width, a.height});
  const std::int64_t window = side % 2 == 1 ? side : side - 1;
  const std::int64_t rows = a.height - window + 1, columns = a.width - window + 1;
  std::vector<WindowSums> scratch(static_cast<std::size_t>(max_threads() * a.width));
  const auto mine = [&] {
    return std::span(scratch).subspan(static_cast<std::size_t>(thread_index() * a.width),
                                      static_cast<std::size_t>(a.width));
  };
  Similarity sum;
  for (int c = 0; c < 3; ++c) {
    std::vector<double> floats(static_cast<std::size_t>(rows));
    sum.bytes += sum_over_rows(rows, [&](std::int64_t y) {
      const Similarity row = similarity_of_row(a, b, c, y, window, mine());
      floats[static_cast<std::size_t>(y)] = row.floats;
      return row.bytes;
    });
    sum.floats = std::accumulate(floats.begin(), floats.end(), sum.floats);
  }
  const double count = 3.0 * static_cast<double>(rows) * static_cast<double>(columns);
  return {sum.bytes / count, sum.floats / count};
}

// ---- colourfulness
// -----------------------------------------------------------------------------------------

struct Moments {
  double mean = 0, variance = 0;
};

Moments moments(const std::vector<std::uint64_t>& histogram, double first, double step, double samples) {
  Moments m;
  for (std::size_t i = 0; i < histogram.size(); ++i)
    m.mean += static_cast<double>(histogram[i]) * (first + step * static_cast<double>(i));
  m.mean /= samples;
  for (std::size_t i = 0; i < histogram.size(); ++i) {
    const double d = first + step * static_cast<double>(i) - m.mean;
    m.variance += static_cast<double>(histogram[i]) * d * d;
  }
  m.variance /= samples;
  return m;
}

double colorfulness(const Planes& p) {
  std::vector<std::uint64_t> red_green(511), yellow_blue(1021);  // R - G and R + G - 2 B, from their minima
  for (std::size_t i = 0; i < p.rgb[0].size(); ++i) {
    const std::ptrdiff_t r = p.rgb[0][i], g = p.rgb[1][i], b = p.rgb[2][i];
    ++red_green[static_cast<std::size_t>(r - g + 255)];
    ++yellow_blue[static_cast<std::size_t>(r + g - 2 * b + 510)];
  }
  const auto samples = static_cast<double>(p.rgb[0].size());
  const Moments rg = moments(red_green, -255, 1, samples);
  const Moments yb = moments(yellow_blue, -255, 0.5, samples);
  return std::sqrt(rg.variance + yb.variance) + 0.3 * std::sqrt(rg.mean * rg.mean + yb.mean * yb.mean);
}

// ---- naturalness
// -------------------------------------------------------------------------------------------

// A kind of thing whose colours people know: its hues in degrees, how saturated it is and how sure that is.
struct KnownThing {
  int first_hue, last_hue;
  double saturation, spread;
};
constexpr KnownThing kKnownThings[] = {{25, 70, 0.76, 0.52}, {95, 135, 0.81, 0.53}, {185, 260, 0.43, 0.22}};

// Which of them a hue is of; -1 = none. The hue is `sixth` times 60 degrees plus 60 degrees times part /
// whole.
int thing_of_hue(int sixth, int part, int whole) {
  int hue = 60 * (sixth * whole + part);  // times whole
  if (hue < 0) hue += 360 * whole;
  for (int i = 0; i < static_cast<int>(std::size(kKnownThings)); ++i) {
    if (hue >= kKnownThings[i].first_hue * whole && hue <= kKnownThings[i].last_hue * whole) return i;
  }
  return -1;
}

double naturalness(const Planes& p) {
  std::array<double, std::size(kKnownThings)> count{}, saturation{};
  for (std::size_t i = 0; i < p.rgb[0].size(); ++i) {
    const int r = p.rgb[0][i], g = p.rgb[1][i], b = p.rgb[2][i];
    const int most = std::max({r, g, b}), least = std::min({r, g, b}), range = most - least;
    // Lightness is (most + least) / 510, saturation range / `full`: all comparisons are of whole numbers.
    const int full = 255 - std::abs(most + least - 255);
    if (10 * range <= full || most + least <= 102 || most + least >= 408) continue;
    const int thing = most == r   ? thing_of_hue(0, g - b, range)
                      : most == g ? thing_of_hue(2, b - r, range)
                                  : thing_of_hue(4, r - g, range);
    if (thing < 0) continue;
    count[static_cast<std::size_t>(thing)] += 1;
    saturation[static_cast<std::size_t>(thing)] += static_cast<double>(range) / full;
  }
  double sum = 0, pixels = 0;
  for (std::size_t i = 0; i < count.size(); ++i) {
    if (count[i] == 0) continue;
    const double off = (saturation[i] / count[i] - kKnownThings[i].saturation) / kKnownThings[i].spread;
    sum += count[i] * std::exp(-0.5 * off * off);
    pixels += count[i];
  }
  return pixels > 0 ? sum / pixels : 0.0;
}

// ---- CIEDE2000
// ---------------------------------------------------------------------------------------------

std::array<double, 256> linear_table() {
  std::array<double, 256> table{};
  for (std::size_t i = 0; i < table.size(); ++i) {
    const double v = static_cast<double>(i) / 255.0;
    table[i] = v > 0.04045 ? std::pow((v + 0.055) / 1.055, 2.4) : v / 12.92;
  }
  return table;
}

double lab_curve(double t) {
  return t > 0.008856 ? std::cbrt(t) : 7.787 * t + 16.0 / 116.0;
}

Lab to_lab(double r, double g, double b) {
  const double fx = lab_curve((0.412453 * r + 0.357580 * g + 0.180423 * b) / 0.95047);
  const double fy = lab_curve(0.212671 * r + 0.715160 * g + 0.072169 * b);
  const double fz = lab_curve((0.019334 * r + 0.119193 * g + 0.950227 * b) / 1.08883);
  return {116.0 * fy - 16.0, 500.0 * (fx - fy), 200.0 * (fy - fz)};
}

// sqrt(c^7 / (c^7 + 25^7))
double chroma_weight(double c) {
  constexpr double k25To7 = 6103515625.0;
  const double c2 = c * c, c7 = c2 * c2 * c2 * c;
  return std::sqrt(c7 / (c7 + k25To7));
}

double hue(double a, double b) {
  if (a == 0 && b == 0) return 0;
  const double h = std::atan2(b, a);
  return h < 0 ? h + 2 * kPi : h;
}

double mean_difference(const Planes& a, const Planes& b) {
  const std::array<double, 256> linear = linear_table();
  const auto lab = [&](const Planes& p, std::int64_t x, std::int64_t y) {
    return to_lab(linear[p.row(0, y)[x]], linear[p.row(1, y)[x]], linear[p.row(2, y)[x]]);
  };
  const double sum = sum_over_rows(a.height, [&](std::int64_t y) {
    double row = 0;
    for (std::int64_t x = 0; x < a.width; ++x) row += delta_e2000(lab(a, x, y), lab(b, x, y));
    return row;
  });
  return sum / (static_cast<double>(a.width) * static_cast<double>(a.height));
}

}  // namespace

double delta_e2000(const Lab& x, const Lab& y) {
  const double g = 0.5 * (1 - chroma_weight(0.5 * (std::hypot(x.a, x.b) + std::hypot(y.a, y.b))));
  const double ax = x.a * (1 + g), ay = y.a * (1 + g);
  const double cx = std::hypot(ax, x.b), cy = std::hypot(ay, y.b);
  const double hx = hue(ax, x.b), hy = hue(ay, y.b);

  const double l = 0.5 * (x.l + y.l) - 50;
  const double lightness = (y.l - x.l) / (1 + 0.015 * l * l / std::sqrt(20 + l * l));

  const double mean_c = 0.5 * (cx + cy);
  const double chroma = (cy - cx) / (1 + 0.045 * mean_c);

  double difference = 0, mean_h = hx + hy;  // without chroma a hue means nothing, and the other one counts
  if (cx * cy != 0) {
    difference = hy - hx;
    mean_h = 0.5 * (hx + hy);
    if (std::abs(difference) > kPi) {
      difference += difference > 0 ? -2 * kPi : 2 * kPi;
      mean_h += mean_h < kPi ? kPi : -kPi;
    }
  }
  const double t = 1 - 0.17 * std::cos(mean_h - radians(30)) + 0.24 * std::cos(2 * mean_h) +
                   0.32 * std::cos(3 * mean_h + radians(6)) - 0.20 * std::cos(4 * mean_h - radians(63));
  const double hue_term = 2 * std::sqrt(cx * cy) * std::sin(0.5 * difference) / (1 + 0.015 * mean_c * t);

  const double from_blue = (mean_h * (180.0 / kPi) - 275) / 25;
  const double turn = radians(30) * std::exp(-from_blue * from_blue);
  const double rotation = -std::sin(2 * turn) * 2 * chroma_weight(mean_c) * chroma * hue_term;
  return std::sqrt(std::max(lightness * lightness + chroma * chroma + hue_term * hue_term + rotation, 0.0));
}

Metrics compare_pixels(const ConstPixelView& a, const ConstPixelView& b) {
  if (a.width <= 0 || a.height <= 0)
    throw Error(Status::usage, "compare: the first picture is empty; give pictures of at least one pixel");
  if (a.width != b.width || a.height != b.height) {
    const auto size = [](const ConstPixelView& v) {
      return std::to_string(v.width) + "x" + std::to_string(v.height);
    };
    throw Error(Status::usage, "compare: the pictures are " + size(a) + " and " + size(b) +
                                   "; resize one so that the sizes are equal");
  }
  const Planes pa = to_planes(a), pb = to_planes(b);
  Metrics m;
  compare_levels(pa, pb, m);
  const Similarity similarity = structural_similarity(pa, pb);
  m.ssim = similarity.bytes;
  m.ssim_floats = similarity.floats;
  m.colorfulness_a = colorfulness(pa);
  m.colorfulness_b = colorfulness(pb);
  m.naturalness_a = naturalness(pa);
  m.naturalness_b = naturalness(pb);
  m.mean_delta_e2000 = mean_difference(pa, pb);
  return m;
}

}  // namespace cuhue
