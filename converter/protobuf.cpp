#include "converter/protobuf.h"

#include <string>

namespace cuhue {
namespace {

constexpr const char* kField = "a field of a record";

void expect(const ByteSource& source, const ProtoField& field, Wire wire, const char* what) {
  if (field.wire != wire)
    source.fail(field.at, std::string(what) + " is stored in a form of another type; the file is damaged");
}

}  // namespace

ProtoReader::ProtoReader(const ByteSource& source, std::uint64_t at, std::uint64_t size)
    : source_(source), at_(at), end_(at + size) {
  (void)source.part(at, size, "a record");
}

ProtoReader::ProtoReader(const ByteSource& source, const ProtoField& field)
    : ProtoReader(source, field.at, field.size) {
  expect(source, field, Wire::bytes, "a record inside of another");
}

bool ProtoReader::next(ProtoField& field) {
  if (at_ == end_) return false;
  const std::uint64_t begin = at_;
  const std::uint64_t tag = source_.varint(at_, 32, kField);
  field = {.number = static_cast<std::uint32_t>(tag >> 3), .wire = static_cast<Wire>(tag & 7), .at = at_};
  if (field.number == 0) source_.fail(begin, "a record has a field 0; the file is damaged");
  switch (field.wire) {
    case Wire::varint: field.value = source_.varint(at_, 64, kField); break;
    case Wire::fixed64:
      field.value = source_.number(at_, 8, kField);
      at_ += 8;
      break;
    case Wire::fixed32:
      field.value = source_.number(at_, 4, kField);
      at_ += 4;
      break;
    case Wire::bytes:
      field.size = source_.varint(at_, 64, kField);
      field.at = at_;
      (void)source_.part(at_, field.size, kField);
      at_ += field.size;
      break;
    default: source_.fail(begin, "a record has a field of an unknown wire type; the file is damaged");
  }
  if (at_ > end_) source_.fail(begin, "a field reaches beyond its record; the file is damaged");
  return true;
}

bool ProtoReader::next(ProtoField& field, std::uint32_t number) {
  while (next(field))
    if (field.number == number) return true;
  return false;
}

std::span<const std::byte> bytes_of(const ByteSource& source, const ProtoField& field, const char* what) {
  expect(source, field, Wire::bytes, what);
  return source.part(field.at, field.size, what);
}

std::string_view text_of(const ByteSource& source, const ProtoField& field, const char* what) {
  expect(source, field, Wire::bytes, what);
  return source.text(field.at, field.size, what);
}

std::uint64_t number_of(const ByteSource& source, const ProtoField& field, const char* what) {
  expect(source, field, Wire::varint, what);
  return field.value;
}

std::uint32_t fixed32_of(const ByteSource& source, const ProtoField& field, const char* what) {
  expect(source, field, Wire::fixed32, what);
  return static_cast<std::uint32_t>(field.value);
}

}  // namespace cuhue
