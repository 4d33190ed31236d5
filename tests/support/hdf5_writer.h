// Writes HDF5 files of the old structures that h5py's defaults give, byte by byte, for tests.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/checkpoint_writer.h"

namespace cuhue::testing {

// Names are paths: "conv2d_1/conv2d_1/kernel:0".
std::string hdf5_file(std::span<const SavedTensor> tensors);

// Objects one by one; every call gives the address of what it wrote. Children are written before their group.
class Hdf5Writer {
 public:
  Hdf5Writer() : bytes_(96, '\0') {}

  struct Message {
    int kind = 0;
    std::string data;
    int flags = 0;
  };
  std::uint64_t object(const std::vector<Message>& messages);
  std::uint64_t dataset(const SavedTensor& tensor, const std::vector<Message>& more = {});
  std::uint64_t raw(const std::string& bytes);
  struct Child {
    std::uint64_t address = 0;
    std::uint32_t cache_type = 0;  // 2 = a soft link
  };
  // In the order of their names. One name that several have in turn is stored once.
  std::uint64_t group(const std::vector<std::pair<std::string, Child>>& children);
  // The file. Offsets into it are addresses.
  std::string finish(std::uint64_t root);

  static Message dataspace(std::span<const std::int64_t> shape);
  static Message datatype(DType type);
  static Message contiguous(std::uint64_t address, std::uint64_t size);

 private:
  std::string bytes_;
};

}  // namespace cuhue::testing
