// Object-based checkpoints of TensorFlow 2: their entries are called after the path of Python attributes that
// leads to a variable, PATH/.ATTRIBUTES/VARIABLE_VALUE, and not after the variable.
#pragma once

#include "converter/state_dict.h"

namespace cuhue {

// Calls each tensor LAYER/WEIGHT, the end of its path, where the checkpoint is of this kind; skips the
// optimizer's and counters. Error(Status::weights): a path that numbers its layers instead of naming them.
void name_by_layers(Checkpoint& checkpoint);

}  // namespace cuhue
