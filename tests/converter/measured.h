// What a reader allocates at most. Replaces operator new of the program that links measured.cpp.
#pragma once

#include <cstddef>
#include <string_view>
#include <utility>

#include "tests/converter/converter_fixture.h"

namespace cuhue::testing {

constexpr std::size_t kAllowance = 16u << 20;  // beyond the file's size

std::size_t live_allocated();  // bytes
void forget_peak();
std::size_t peak_allocated();  // since forget_peak()

struct Measured {
  Outcome outcome;
  std::size_t peak = 0;  // beyond what was allocated before
};
template <class F>
Measured measure_action(F&& action) {
  const std::size_t before = live_allocated();
  forget_peak();
  Measured m;
  m.outcome = outcome_of(std::forward<F>(action));
  m.peak = peak_allocated() - before;
  return m;
}
inline Measured measure(std::string_view contents) {
  return measure_action([&] { (void)read(contents); });
}

}  // namespace cuhue::testing
