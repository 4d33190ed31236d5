// XXH3-64 (seed 0, default secret), the checksum of the flat weight format.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace cuhue {

// The checksum of bytes that arrive in pieces. One thread at a time.
class Xxh3 {
 public:
  Xxh3();
  ~Xxh3();
  Xxh3(const Xxh3&) = delete;
  Xxh3& operator=(const Xxh3&) = delete;

  void update(std::span<const std::byte> bytes);
  std::uint64_t digest() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

std::uint64_t xxh3_64(std::span<const std::byte> bytes);

// 16 lower-case hex digits, most significant first, and back; nothing but exactly that form is read.
std::string hex16(std::uint64_t value);
std::optional<std::uint64_t> parse_hex16(std::string_view digits);

}  // namespace cuhue
