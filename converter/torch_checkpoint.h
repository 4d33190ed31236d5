// PyTorch's two containers of a pickled state dict: the zip archive of 1.6 and later, and the stream of
// pickles and raw storages before it.
#pragma once

#include <cstddef>
#include <span>

#include "converter/state_dict.h"

namespace cuhue {

bool is_legacy_torch(std::span<const std::byte> bytes);  // by its magic number

// Fill format, tensors, others, unwrapped and keep_alive; label and file are set. Error(Status::weights).
void read_torch_zip(Checkpoint& checkpoint);
void read_torch_legacy(Checkpoint& checkpoint);

}  // namespace cuhue
