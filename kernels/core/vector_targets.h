// What vector code is compiled for: included before any header of Highway. Instruction sets that are worth a
// compilation of their own; vectors of a length known only at run time are not used.
#pragma once

#define HWY_DISABLED_TARGETS \
  (HWY_SSSE3 | HWY_SSE4 | HWY_AVX3_DL | HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128)
