// A border of reflected or repeated pixels, as a step of its own.
#pragma once

#include "runtime/cpu/lowering.h"
#include "runtime/graph/graph.h"

namespace cuhue::cpu {

// Emits the step that makes x with op's border, [n, c, h + top + bottom, w + left + right] = `padded`, in the
// layout x stands in.
Place emit_pad(const Convolution& op, ValueId x, const Dims& padded, Lowering& lowering);

}  // namespace cuhue::cpu
