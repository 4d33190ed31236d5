#include "runtime/networks/gamut_bins.h"

#include <cstddef>

namespace cuhue {
namespace {

struct Row {
  int a, b_min, b_max;
};

// For each a the b in gamut form one interval without gaps.
constexpr Row kRows[] = {{-90, 50, 90},   {-80, 20, 90},   {-70, 0, 90},    {-60, -20, 90},  {-50, -30, 100},
                         {-40, -40, 100}, {-30, -50, 100}, {-20, -50, 100}, {-10, -60, 100}, {0, -70, 100},
                         {10, -80, 90},   {20, -80, 90},   {30, -90, 90},   {40, -100, 90},  {50, -100, 80},
                         {60, -110, 80},  {70, -110, 80},  {80, -110, 70},  {90, -110, 70},  {100, -90, 0}};
constexpr int kStep = 10;

constexpr int count_bins() {
  int count = 0;
  for (const Row& row : kRows) count += (row.b_max - row.b_min) / kStep + 1;
  return count;
}
static_assert(count_bins() == kGamutBins);

}  // namespace

std::array<GamutBin, kGamutBins> gamut_bins() {
  std::array<GamutBin, kGamutBins> bins{};
  std::size_t i = 0;
  for (const Row& row : kRows) {
    for (int b = row.b_min; b <= row.b_max; b += kStep) bins[i++] = {row.a, b};
  }
  return bins;
}

}  // namespace cuhue
