// A border of reflected or repeated pixels, as a step of its own.
#pragma once

#include "runtime/cpu/lowering.h"
#include "runtime/graph/graph.h"

namespace cuhue::cpu {

// Source index of padded index i for a dimension of `size`; `pad` before it. Reflection leaves the edge out
// (as torch); it needs pad < size.
std::int64_t padded_source(PadMode mode, std::int64_t i, std::int64_t pad, std::int64_t size);

// Emits the step that makes x with op's border, [n, c, h + top + bottom, w + left + right] = `padded`, in the
// layout x stands in.
Place emit_pad(const Convolution& op, ValueId x, const Dims& padded, Lowering& lowering);

}  // namespace cuhue::cpu
