// Writes the sample of every kind of tensor to the path given: what another program is to read back.
#include <cstdio>

#include "tests/weights/weight_samples.h"

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  try {
    const cuhue::test::Sample sample = cuhue::test::sample_of_every_kind();
    cuhue::write_weight_file(argv[1], sample.info, sample.tensors, cuhue::Overwrite::yes);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 1;
  }
  return 0;
}
