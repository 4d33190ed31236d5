// The wire format of protocol buffers, field by field.
#pragma once

#include <cstdint>
#include <span>

#include "converter/byte_source.h"

namespace cuhue {

enum class Wire : std::uint8_t { varint = 0, fixed64 = 1, bytes = 2, fixed32 = 5 };

struct ProtoField {
  std::uint32_t number = 0;
  Wire wire = Wire::varint;
  std::uint64_t value = 0;  // of varint, fixed64 and fixed32
  std::uint64_t at = 0;     // of the field's contents in the source
  std::uint64_t size = 0;   // of `bytes`
};

// Walks one message, which lies in [at, at + size) of the source.
class ProtoReader {
 public:
  ProtoReader(const ByteSource& source, std::uint64_t at, std::uint64_t size);
  explicit ProtoReader(const ByteSource& source) : ProtoReader(source, 0, source.size()) {}
  // The message that a field of wire type `bytes` holds; refused when it is of another type.
  ProtoReader(const ByteSource& source, const ProtoField& field);

  bool next(ProtoField& field);  // false at the end; Error(Status::weights) when the message is broken
  bool next(ProtoField& field, std::uint32_t number);  // the next field of that number

 private:
  const ByteSource& source_;
  std::uint64_t at_, end_;
};

// A field's contents, refused when it is of another wire type. what: its name, for the complaint.
std::span<const std::byte> bytes_of(const ByteSource& source, const ProtoField& field, const char* what);
std::string_view text_of(const ByteSource& source, const ProtoField& field, const char* what);
std::uint64_t number_of(const ByteSource& source, const ProtoField& field, const char* what);  // varint
std::uint32_t fixed32_of(const ByteSource& source, const ProtoField& field, const char* what);

}  // namespace cuhue
