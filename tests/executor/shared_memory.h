// Static shared memory of kernels: function-local thread_local variables of the program, which its symbol
// table names.
#pragma once

#include <cstddef>

namespace simt {

// Fills, for the calling thread, the shared arrays that are declared in `kernel` itself, and every array of
// at most 1 KB of any function: those of the functions that kernels call. Nothing in a stripped program.
void poison_static_shared(const void* kernel, unsigned char byte);
// How many variables of shared memory the program has; 0 when it is stripped.
std::size_t static_shared_variables();

}  // namespace simt
