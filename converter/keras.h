// Weights and models that Keras saved as HDF5: a group a layer, in it the weights by their names.
#pragma once

#include "converter/state_dict.h"

namespace cuhue {

// Fills format, tensors, others and skipped; label and file are set. The weight
// '/conv2d_1/conv2d_1/kernel:0', in a model's file below 'model_weights', is called conv2d_1/kernel.
// Error(Status::weights).
void read_keras(Checkpoint& checkpoint);

}  // namespace cuhue
