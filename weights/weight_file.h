// Reader of the flat weight format (weights/FORMAT.md): a strict profile of safetensors.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "weights/dtype.h"

namespace cuhue {

// One tensor inside an open file. The views live as long as the WeightFile.
struct TensorView {
  std::string_view name;  // the checkpoint's own key
  DType dtype = DType::f32;
  std::vector<std::int64_t> shape;  // PyTorch order; empty = scalar
  std::span<const std::byte> data;  // C order, little-endian, aligned to the size of its elements
  std::uint64_t xxh3 = 0;           // XXH3-64 of data
};

enum class Verify { header_only, all };

// An open weight file: memory-mapped, every bound checked, checksums verified. Immutable after opening, so
// one WeightFile may be read by many threads. Every failure is an Error with Status::weights that names the
// file, the tensor or metadata key, the byte where that helps, and the remedy; only a lack of memory is
// Status::out_of_memory. Opening holds less than 16 MB beside the file's own pages, whatever the file says,
// and Verify::all gives the pages of the tensors back as it goes.
//
// The file must keep its bytes while it is open: replace weight files by renaming over them (as the writer
// does). A mapped file that another program shortens makes the system end the process at the next read
// (SIGBUS).
class WeightFile {
 public:
  static WeightFile open(const std::filesystem::path& path, Verify verify = Verify::all);
  // The caller's bytes are not copied and must outlive the WeightFile; they begin at an address that is a
  // multiple of 8 (Status::usage otherwise). label names them in messages.
  static WeightFile from_memory(std::span<const std::byte> bytes, std::string label,
                                Verify verify = Verify::all);

  WeightFile(WeightFile&&) noexcept;
  WeightFile& operator=(WeightFile&&) noexcept;
  ~WeightFile();

  const std::string& label() const;                            // path or label, for messages
  const std::string& network() const;                          // e.g. "eccv16"
  int network_version() const;                                 //
  const std::map<std::string, std::string>& metadata() const;  // all of __metadata__ but the checksums
  // WeightFileInfo::extra of the writer, e.g. "mask_cent" (in metadata() as "property.mask_cent").
  const std::map<std::string, std::string>& properties() const;
  // In file order: the checkpoint's order, but tensors with larger elements first.
  std::span<const TensorView> tensors() const;
  const TensorView* find(std::string_view name) const;  // nullptr when absent; O(log n)
  std::uint64_t file_bytes() const;

  // Tells the system that this tensor's pages are not needed for now (a later read faults them in again).
  // Keeps resident memory at one copy of the weights after they were packed for a device. No effect on memory
  // buffers.
  void release(const TensorView& tensor) const;

 private:
  struct Impl;
  explicit WeightFile(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace cuhue
