#include "converter/snappy.h"

#include <cstring>
#include <string>

namespace cuhue {
namespace {

constexpr const char* kBlock = "a compressed block";
constexpr const char* kElement = "an element of a compressed block";

std::uint64_t read_length(const ByteSource& block, std::uint64_t& at) {
  const std::uint64_t length = block.varint(at, 32, "a compressed block's length");
  // The densest element is a copy: 64 bytes for 3.
  if (length > block.size() * 22)
    block.fail(0, "a compressed block of " + std::to_string(block.size()) + " bytes says that it holds " +
                      std::to_string(length) + ", which is impossible; the file is damaged");
  return length;
}

}  // namespace

std::uint64_t snappy_length(const ByteSource& block) {
  std::uint64_t at = 0;
  return read_length(block, at);
}

std::vector<std::byte> snappy_decompress(const ByteSource& block) {
  std::uint64_t at = 0;
  std::vector<std::byte> out(static_cast<std::size_t>(read_length(block, at)));
  std::uint64_t done = 0;
  while (at < block.size()) {
    const std::uint64_t element = at;
    const std::uint64_t tag = block.number(at++, 1, kElement);
    const std::uint64_t kind = tag & 3, high = tag >> 2;
    std::uint64_t length = kind == 1 ? 4 + (high & 7) : high + 1;
    std::uint64_t offset = 0;
    if (kind == 0 && high >= 60) {  // a long literal: its length follows
      const int bytes = static_cast<int>(high) - 59;
      length = block.number(at, bytes, kElement) + 1;
      at += static_cast<std::uint64_t>(bytes);
    } else if (kind == 1) {
      offset = tag >> 5 << 8 | block.number(at++, 1, kElement);
    } else if (kind != 0) {
      const int bytes = kind == 2 ? 2 : 4;
      offset = block.number(at, bytes, kElement);
      at += static_cast<std::uint64_t>(bytes);
    }
    if (length > out.size() - done)
      block.fail(element, "a compressed block holds more than it says; the file is damaged");
    if (kind == 0) {
      std::memcpy(out.data() + done, block.part(at, length, kElement).data(), length);
      at += length;
      done += length;
      continue;
    }
    if (offset == 0 || offset > done)
      block.fail(element, "a compressed block copies from before its start; the file is damaged");
    // Byte by byte: a copy may overlap what it writes.
    for (const std::uint64_t end = done + length; done < end; ++done) out[done] = out[done - offset];
  }
  if (done != out.size())
    block.fail(0, std::string(kBlock) + " holds less than it says; the file is damaged");
  return out;
}

}  // namespace cuhue
