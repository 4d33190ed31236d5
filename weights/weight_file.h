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
  std::span<const std::byte> data;  // C order, little-endian, aligned to 64 bytes
  std::uint64_t xxh3 = 0;           // XXH3-64 of data
};

enum class Verify { header_only, all };

// An open weight file: memory-mapped, every bound checked, checksums verified. Immutable after opening, so
// one WeightFile may be read by many threads. Every failure is an Error with Status::weights that names the
// file, the tensor or metadata key, and the remedy.
class WeightFile {
 public:
  static WeightFile open(const std::filesystem::path& path, Verify verify = Verify::all);
  // The caller's bytes are not copied and must outlive the WeightFile; label names them in messages.
  static WeightFile from_memory(std::span<const std::byte> bytes, std::string label,
                                Verify verify = Verify::all);

  WeightFile(WeightFile&&) noexcept;
  WeightFile& operator=(WeightFile&&) noexcept;
  ~WeightFile();

  const std::string& label() const;                            // path or label, for messages
  const std::string& network() const;                          // e.g. "eccv16"
  int network_version() const;                                 //
  const std::map<std::string, std::string>& metadata() const;  // all of __metadata__ but the checksums
  std::span<const TensorView> tensors() const;                 // in file order
  const TensorView* find(std::string_view name) const;         // nullptr when absent
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
