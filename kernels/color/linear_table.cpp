#include "kernels/color/linear_table.h"

#include <array>
#include <cmath>

namespace cuhue {

const float* linear_from_8bit() {
  static const std::array<float, 256> table = [] {
    std::array<float, 256> t{};
    for (int i = 0; i < 256; ++i) {
      const double v = i / 255.0;
      t[static_cast<std::size_t>(i)] =
          static_cast<float>(v > 0.04045 ? std::pow((v + 0.055) / 1.055, 2.4) : v / 12.92);
    }
    return t;
  }();
  return table.data();
}

}  // namespace cuhue
