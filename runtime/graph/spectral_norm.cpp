#include "runtime/graph/spectral_norm.h"

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernels/core/parallel.h"

namespace cuhue {
namespace {

constexpr double kEps = 1e-12;  // of the original: keeps a zero vector from becoming NaN
constexpr std::size_t kLanes = 8;

// Sums in lanes: a fixed order that vectorizes.
double dot(std::span<const float> a, std::span<const double> b) {
  std::array<double, kLanes> sums{};
  std::size_t i = 0;
  for (; i + kLanes <= a.size(); i += kLanes) {
    for (std::size_t lane = 0; lane < kLanes; ++lane)
      sums[lane] += static_cast<double>(a[i + lane]) * b[i + lane];
  }
  for (; i < a.size(); ++i) sums[i % kLanes] += static_cast<double>(a[i]) * b[i];
  double sum = 0.0;
  for (const double s : sums) sum += s;
  return sum;
}

double length(std::span<const double> x) {
  double squares = 0.0;
  for (const double v : x) squares += v * v;
  return std::sqrt(squares);
}

}  // namespace

double spectral_sigma(std::span<const float> weight, std::span<const float> u) {
  const std::size_t rows = u.size(), columns = weight.size() / rows;
  std::vector<double> v(columns, 0.0), product(rows);
  parallel_for(static_cast<std::int64_t>(columns), 256, [&](std::int64_t begin, std::int64_t end) {
    for (std::size_t row = 0; row < rows; ++row) {
      const float* of_row = weight.data() + row * columns;
      const auto factor = static_cast<double>(u[row]);
      for (auto c = static_cast<std::size_t>(begin); c < static_cast<std::size_t>(end); ++c)
        v[c] += factor * static_cast<double>(of_row[c]);
    }
  });
  const double scale = 1.0 / (length(v) + kEps);
  for (double& x : v) x *= scale;
  parallel_for(static_cast<std::int64_t>(rows), 8, [&](std::int64_t begin, std::int64_t end) {
    for (auto row = static_cast<std::size_t>(begin); row < static_cast<std::size_t>(end); ++row)
      product[row] = dot(weight.subspan(row * columns, columns), v);
  });
  // u . (M v) of the new u = M v / (|M v| + 1e-12).
  const double norm = length(product);
  return norm * norm / (norm + kEps);
}

}  // namespace cuhue
