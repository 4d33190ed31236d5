// What a convolution reads where it cannot read its input as it is, as a step of its own: a border of
// reflected or repeated pixels, the input at twice its size.
#pragma once

#include "runtime/cpu/lowering.h"
#include "runtime/graph/graph.h"

namespace cuhue::cpu {

struct Border {
  PadMode mode = PadMode::reflect;  // not of zeros
  int top = 0, left = 0;
  bool enlarged = false;  // of the input at twice its size (nearest)
};

// Emits the step that makes x with its border, [n, c, .., ..] = `padded`, in the layout x stands in.
Place emit_pad(const Border& border, ValueId x, const Dims& padded, Lowering& lowering);

}  // namespace cuhue::cpu
