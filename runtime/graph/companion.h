// What a companion of photos must be, on any backend.
#pragma once

#include <cstddef>

#include "kernels/core/tensor.h"
#include "runtime/graph/backend.h"

namespace cuhue {

// Error(Status::usage): more than one photo, an input that is no square, an output that is not as large as
// what it goes into.
void check_companion(const PhotoCompanion& companion, std::size_t photos, const Dims& input,
                     const Dims& output, const Dims& into);

}  // namespace cuhue
