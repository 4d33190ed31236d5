// From a foreign checkpoint to a cuhue weight file.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

// Part of this interface: what it throws, and the table of checkpoints it knows the licences of.
#include "weights/catalog.h"
#include "weights/status.h"
#include "weights/weight_writer.h"

namespace cuhue {

struct ConvertOptions {
  std::string network = {};  // empty = recognised by its tensors
  // Of the checkpoint, as ConvertReport says it, 64 hexadecimal digits: another one is refused. Empty = any.
  std::string sha256 = {};
  bool allow_extra = false;             // tensors outside of the network are left out instead of refused
  Overwrite overwrite = Overwrite::no;  // of the output
  std::map<std::string, std::string> extra = {};  // properties of the weights, written into the file
  // Settings of the network that belong to these weights, e.g. mask_cent: properties too, checked.
  std::map<std::string, double, std::less<>> settings = {};
};

struct ConvertReport {
  std::string network;
  int network_version = 0;
  std::string format;  // of the checkpoint, "PyTorch (zip)"
  // Of the checkpoint; of a TensorFlow V2 checkpoint, of its index and data files one behind the other.
  std::string sha256;
  std::string licence;                // of a published checkpoint; empty = unknown
  std::uint64_t source_bytes = 0;     // of the checkpoint
  std::int64_t tensors = 0;           // written
  std::int64_t values = 0;            // elements of them
  std::int64_t widened = 0;           // tensors that were not float32 and are now
  std::vector<std::string> left_out;  // extras that allow_extra dropped
  struct Skipped {
    std::string name, why;  // "conv2d_1/bias/Adam", "state of the optimizer"
  };
  std::vector<Skipped> skipped;        // entries that inference has no use for
  std::vector<std::string> unwrapped;  // wrapper dictionaries around the state dict, outermost first
  std::map<std::string, std::string> properties;  // written into the file
};

// Reads, gives the tensors the network's own names and layouts (adopt.h), recognises, checks and writes.
// Every parameter must be there with its shape, a float type and finite values; float16, bfloat16 and float64
// become float32. Counters the network never reads (num_batches_tracked) are optional and kept. Tensors are
// streamed from the mapped checkpoint: memory holds only those converted or in another layout. Error:
// Status::weights (names the tensor or the place in the file, or another SHA-256), usage (unknown network or
// setting, in and out are the same file, or what is no SHA-256), output. Nothing is left behind by a failure.
ConvertReport convert_checkpoint(const std::filesystem::path& in, const std::filesystem::path& out,
                                 const ConvertOptions& options = {});

}  // namespace cuhue
