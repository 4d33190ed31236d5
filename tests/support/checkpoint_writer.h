// Writes checkpoints as PyTorch and Detectron2 do, byte by byte, for tests: whole ones and, with the builders
// below, broken and hostile ones.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "weights/dtype.h"

namespace cuhue::testing {

struct SavedTensor {
  std::string name;
  DType dtype = DType::f32;
  std::vector<std::int64_t> shape;
  std::string data;  // C order, little-endian
};
SavedTensor saved(std::string name, std::vector<std::int64_t> shape, std::span<const float> values);

// How the state dict is wrapped: keys of dictionaries around it, outermost first; a prefix before every name.
struct SaveOptions {
  std::vector<std::string> wrappers;
  std::string prefix;
};
std::string torch_zip(std::span<const SavedTensor> tensors, const SaveOptions& options = {});
std::string torch_legacy(std::span<const SavedTensor> tensors, const SaveOptions& options = {});
// {"model": {name: array}, "__author__": "..."} as Python's pickler writes it; protocol 2 to 5.
std::string detectron_pickle(std::span<const SavedTensor> tensors, int protocol);
std::string safetensors_file(std::span<const SavedTensor> tensors);

void write_file(const std::filesystem::path& path, std::string_view contents);

// ---- builders

std::string le(std::uint64_t value, int bytes);  // little-endian

// A pickle, opcode by opcode.
class Pickle {
 public:
  Pickle() = default;
  explicit Pickle(int protocol) { raw("\x80").raw(le(static_cast<std::uint64_t>(protocol), 1)); }
  Pickle& raw(std::string_view bytes) {
    bytes_.append(bytes);
    return *this;
  }
  Pickle& mark() { return raw("("); }
  Pickle& text(std::string_view s) { return raw("X").raw(le(s.size(), 4)).raw(s); }
  Pickle& bytes(std::string_view s) { return raw("B").raw(le(s.size(), 4)).raw(s); }
  Pickle& integer(std::int64_t value);
  Pickle& global(std::string_view module, std::string_view name) {
    return raw("c").raw(module).raw("\n").raw(name).raw("\n");
  }
  Pickle& tuple() { return raw("t"); }  // of what lies above the mark
  Pickle& dict() { return raw("}"); }   // empty
  Pickle& set_items() { return raw("u"); }
  Pickle& reduce() { return raw("R"); }
  Pickle& integers(std::span<const std::int64_t> values);  // a tuple of them
  // A PyTorch tensor. legacy: the storage id has its sixth member.
  Pickle& tensor(DType dtype, std::string_view key, std::int64_t elements,
                 std::span<const std::int64_t> shape, std::span<const std::int64_t> strides,
                 std::int64_t offset = 0, bool legacy = false);
  std::string stop() { return raw(".").bytes_; }
  const std::string& so_far() const { return bytes_; }

 private:
  std::string bytes_;
};
std::vector<std::int64_t> c_strides(std::span<const std::int64_t> shape);

// A zip archive of stored entries; every field of a header can be made a lie.
struct ZipMember {
  std::string name, data;
  int method = 0, flags = 0;
  std::int64_t crc_lie = -1, size_lie = -1, offset_lie = -1;  // -1 = the truth; in the central directory
  std::string local_name;                                     // empty = name
  bool zip64 = false;                                         // central sizes in a zip64 field
};
std::string zip_archive(std::span<const ZipMember> members, bool zip64_end = false);
// The members of torch_zip(): pickle, then data/0, data/1, ..., version.
std::vector<ZipMember> torch_members(const std::string& pickle, std::span<const std::string> storages);
// The stream of torch_legacy(): header pickles, the pickle, then keys "0", "1", ... with their storages.
struct LegacyStorage {
  std::string data;
  std::int64_t elements = 0;
};
std::string legacy_stream(const std::string& pickle, std::span<const LegacyStorage> storages);

}  // namespace cuhue::testing
