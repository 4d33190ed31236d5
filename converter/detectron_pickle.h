// A pickle of NumPy arrays: {"model": {name: array}, "__author__": ...} as Detectron2 publishes its models.
#pragma once

#include "converter/state_dict.h"

namespace cuhue {

// Fills format, tensors, others, unwrapped and keep_alive; label and file are set. Error(Status::weights).
void read_detectron_pickle(Checkpoint& checkpoint);

}  // namespace cuhue
