// A checkpoint of any format, read: named tensors in the order they were saved.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "weights/dtype.h"

namespace cuhue {

struct CheckpointTensor {
  std::string name;
  DType dtype = DType::f32;
  std::vector<std::int64_t> shape;  // as saved; empty = scalar
  std::span<const std::byte> data;  // C order, little-endian, any alignment
};

// Owns or maps what its tensors point to. Immutable once read; any number of threads may look at it.
struct Checkpoint {
  static constexpr std::size_t kMaxTensors = 20000;
  static constexpr std::size_t kMaxRank = 8;

  std::string label;        // 'path', for messages
  std::string_view format;  // "PyTorch (zip)"
  std::vector<CheckpointTensor> tensors;
  std::vector<std::string> others;     // entries of the state dict that are not tensors
  std::vector<std::string> unwrapped;  // keys of the wrapper dictionaries around it, outermost first
  struct Skipped {
    std::string name, why;  // "conv2d_1/bias/Adam", "state of the optimizer"
  };
  std::vector<Skipped> skipped;  // entries left out because inference has no use for them
  bool module_prefix_stripped = false;
  std::span<const std::byte> file;                     // the whole file
  std::vector<std::span<const std::byte>> more_files;  // TensorFlow's data files, in their order
  std::vector<std::shared_ptr<const void>> keep_alive;
};

// Reads a checkpoint: PyTorch zip or legacy, a pickle of NumPy arrays as Detectron2 writes it, safetensors,
// TensorFlow V1 and V2, or Keras HDF5. Judged by content, never by the file's name; only a TensorFlow V2
// checkpoint, which is several files, may also be given by their common prefix. Wrapper dictionaries
// (state_dict, model, G, ...) are unwrapped and a "module." that every name begins with is stripped. Names,
// shapes and values are the file's own. Nothing in the file is executed. Memory: at most the file's size + 16
// MB beyond the mapped file, whatever it claims. Error(Status::weights): the file, the place in it (byte, zip
// entry, tensor), what is wrong and the remedy.
Checkpoint read_checkpoint(const std::filesystem::path& path);
// The caller's bytes must outlive the checkpoint; label names them in messages.
Checkpoint read_checkpoint(std::span<const std::byte> bytes, std::string label);

// ---- for the readers

// Names non-empty, clean UTF-8, at most 255 bytes, no two equal; strips "module.". Error(Status::weights).
void finish_names(Checkpoint& checkpoint);

}  // namespace cuhue
