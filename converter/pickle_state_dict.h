// From the values of a pickle to a state dict.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "converter/pickle.h"
#include "converter/state_dict.h"

namespace cuhue::pickle {

// The contents of a PyTorch storage, given the tensor's first argument (a persistent id); how they are found
// depends on the container.
struct TorchStorage {
  std::span<const std::byte> bytes;
  DType dtype{};
};
using FindStorage = std::function<TorchStorage(NodeId persistent)>;

// Fills tensors, others and unwrapped of the checkpoint from the pickle's root: unwraps dictionaries down to
// the one that holds the tensors. find_storage may be empty when no PyTorch tensor can occur.
void read_state_dict(Checkpoint& checkpoint, Document& document, const Source& source, NodeId root,
                     const FindStorage& find_storage);

// The persistent id of a PyTorch storage: ('storage', type, key, location, elements[, view]).
struct StorageId {
  DType dtype{};
  std::string_view key;
  std::uint64_t bytes = 0;                    // of the whole storage
  std::uint64_t view_at = 0, view_bytes = 0;  // the part the tensor sees
};
StorageId read_storage_id(const Document& document, const Source& source, NodeId persistent);

}  // namespace cuhue::pickle
