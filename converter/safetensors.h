// Plain safetensors files as a source. Format: an u64 length, a JSON header of that many bytes
// {"name": {"dtype": "F32", "shape": [..], "data_offsets": [begin, end]}, ..., "__metadata__": {..}}, then
// the data.
#pragma once

#include <cstddef>
#include <span>

#include "converter/state_dict.h"

namespace cuhue {

bool looks_like_safetensors(std::span<const std::byte> bytes);  // a length, then a JSON object

// Fills format and tensors; label and file are set. The header is read as a stream of events, so its memory
// is bounded by the tensors it declares. A cuhue weight file is refused as such: it needs no conversion.
// Error(Status::weights).
void read_safetensors(Checkpoint& checkpoint);

}  // namespace cuhue
