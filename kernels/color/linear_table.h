// Linear light of every 8-bit sRGB sample: a table that stands once for host and device.
#pragma once

namespace cuhue {

struct LinearTable {
  float of[256];
};

// Made by the compiler, in double: no library's pow, so the same bits on every machine.
constexpr LinearTable make_linear_table() {
  LinearTable table{};
  for (int i = 0; i < 256; ++i) {
    const double v = i / 255.0;
    const double base = (v + 0.055) / 1.055, square = base * base;
    double root = 1;  // square^(1/5) by Newton's method: base^2.4 = square * root
    for (int step = 0; step < 24; ++step) root -= (root - square / (root * root * root * root)) / 5;
    table.of[i] = static_cast<float>(v > 0.04045 ? square * root : v / 12.92);
  }
  return table;
}
inline constexpr LinearTable kLinearTable = make_linear_table();

// [256] float, correctly rounded.
const float* linear_from_8bit();

}  // namespace cuhue
