// Checkpoints of a network under other names than its own: from TensorFlow, Keras, or a port.
#pragma once

#include "converter/state_dict.h"

namespace cuhue {

// Gives a checkpoint's tensors the names and layouts of deep-koalarization's two networks (see
// runtime/networks/inception_resnet_v2.cpp and koalarization.cpp) if they are of one of them:
//   TF-slim and its PyTorch port (`inceptionresnetv2` of pretrainedmodels, and timm's), Keras Applications;
//   the colour network's conv2d_<n> .. conv2d_<n+13>.
// Kernels go from [kh, kw, in, out] to [out, in, kh, kw], matrices from [in, out] to [out, in], exactly; a
// gamma is multiplied into the weights. What inference has no use for goes to checkpoint.skipped: the
// optimizer's state, the auxiliary head, counters. Of a checkpoint that holds both networks, `network` says
// which is taken. Every other checkpoint stays as it is. Memory: the tensors that change, once.
// Error(Status::weights): a variant with 1000 classes, both networks and no choice; anything else that does
// not fit is found when the tensors are held against the schema.
void adopt_names(Checkpoint& checkpoint, std::string_view network);

}  // namespace cuhue
