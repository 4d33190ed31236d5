// Bytes of a file that is not trusted: every read is checked against the end first, every complaint names its
// place.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace cuhue {

class ByteSource {
 public:
  // label begins every complaint and says what holds the bytes: "'weights.h5'".
  ByteSource(std::span<const std::byte> bytes, std::string label) : bytes_(bytes), label_(std::move(label)) {}

  std::span<const std::byte> bytes() const { return bytes_; }
  std::uint64_t size() const { return bytes_.size(); }
  const std::string& label() const { return label_; }
  bool has(std::uint64_t at, std::uint64_t count) const {
    return at <= bytes_.size() && count <= bytes_.size() - at;
  }

  // Error(Status::weights): "label, byte 12: what".
  [[noreturn]] void fail(std::uint64_t at, std::string_view what) const;

  // what: whose bytes they are, for the complaint when they reach beyond the end.
  std::span<const std::byte> part(std::uint64_t at, std::uint64_t count, std::string_view what) const;
  std::string_view text(std::uint64_t at, std::uint64_t count, std::string_view what) const;
  // Little-endian, of 1 to 8 bytes.
  std::uint64_t number(std::uint64_t at, int bytes, std::string_view what) const;
  // A varint of at most `bits`, at `at`, which moves behind it.
  std::uint64_t varint(std::uint64_t& at, int bits, std::string_view what) const;

 private:
  std::span<const std::byte> bytes_;
  std::string label_;
};

// What a reader may allocate for the values of tensors, beside its books: as much as the file has, and some.
class MemoryBudget {
 public:
  explicit MemoryBudget(std::uint64_t file_bytes) : left_(file_bytes + kAllowance) {}
  bool take(std::uint64_t bytes) {  // false = too much: nothing is taken
    if (bytes > left_) return false;
    left_ -= bytes;
    return true;
  }
  void give_back(std::uint64_t bytes) { left_ += bytes; }

 private:
  static constexpr std::uint64_t kAllowance = 8u << 20;  // half of the 16 MB that a reader may add
  std::uint64_t left_;
};

}  // namespace cuhue
