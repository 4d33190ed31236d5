// HDF5 files as h5py and Keras write them, read by our own reader: superblock 0 and 1, object headers 1,
// groups as symbol tables, data in one piece. libhdf5 is not used: version 1.10 crashes on damaged files, and
// asks for as much memory as they claim. Everything beyond that subset is refused by name: links of any other
// kind than a plain name, data in other files, chunks and filters, virtual data, newer structures.
// Layout: HDF5 File Format Specification 2.0, sections II.A, III and IV.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "converter/byte_source.h"
#include "weights/dtype.h"

namespace cuhue {

struct Hdf5Dataset {
  std::string path;            // "model_weights/conv2d_1/conv2d_1/kernel:0"
  std::uint64_t at = 0;        // of its object header, for messages
  bool is_text = false;        //
  std::optional<DType> dtype;  // nullopt = not numbers of a kind that is read; then no shape and no data
  std::vector<std::int64_t> shape;
  std::span<const std::byte> data;  // little-endian, C order
};

bool looks_like_hdf5(std::span<const std::byte> bytes);

// Every dataset of the file, in the order of names in each group; none shares a byte with another.
// Error(Status::weights) names the file, the byte and the object. The format has no checksums: damage to
// values is not noticed.
std::vector<Hdf5Dataset> read_hdf5(const ByteSource& file);

}  // namespace cuhue
