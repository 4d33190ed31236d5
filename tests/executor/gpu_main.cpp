// main() of suites that need a GPU: without one they count as skipped.
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include <cstdio>

#include "tests/executor/device_array.h"

int main(int argc, char** argv) {
  constexpr int kSkipped = 77;  // SKIP_RETURN_CODE of the CTest entry
  doctest::Context context(argc, argv);
  if (!cuhue::test::device_present()) {
    std::puts("skipped: no GPU");
    return kSkipped;
  }
  return context.run();
}
