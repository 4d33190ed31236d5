// main() of the tests that need a GPU: without one they count as skipped.
#define DOCTEST_CONFIG_IMPLEMENT
#include <cstdio>

#include <doctest/doctest.h>

#include "tests/gpu/gpu_support.h"

int main(int argc, char** argv) {
  constexpr int kSkipped = 77;  // SKIP_RETURN_CODE of the CTest entry
  doctest::Context context(argc, argv);
  std::string why;
  if (!cuhue::test::gpu_present(why)) {
    std::printf("skipped: %s\n", why.c_str());
    return kSkipped;
  }
  return context.run();
}
