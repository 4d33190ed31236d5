// The ceiling that achieved rates are measured against.
#pragma once

namespace cuhue::bench {

// Single-precision multiply-accumulates per second that `threads` threads reach together with independent
// vector FMAs in registers (AVX-512, AVX2 or plain), the best of several short runs. Takes about 0.3 s.
double peak_macs_per_second(int threads);

const char* peak_instructions();  // "avx512f", "avx2 fma", "portable": what the figure was measured with

// Bytes read and written a second by copies on this many threads: the best of a few. Takes about a tenth of a
// second.
double peak_bytes_per_second(int threads);

}  // namespace cuhue::bench
