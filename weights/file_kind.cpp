#include "weights/file_kind.h"

#include <algorithm>

namespace cuhue {
namespace {

using namespace std::string_view_literals;

constexpr std::string_view kConvert = "convert it first: cuhue convert FILE -o OUT";
constexpr std::string_view kFetch = "get the file itself, e.g. with: cuhue models fetch NAME";
constexpr std::string_view kUnpack = "unpack it, then: cuhue convert FILE -o OUT";
constexpr std::string_view kPicture = "pictures are given with -i, weights with -m";

struct Signature {
  std::string_view bytes;
  FileKind kind;
};

constexpr Signature kSignatures[] = {
    {"PK\x03\x04"sv, {"a PyTorch checkpoint or other zip archive", kConvert}},
    {"\x80\x02"sv, {"a PyTorch or Detectron2 checkpoint (pickle)", kConvert}},
    {"\x80\x03"sv, {"a PyTorch or Detectron2 checkpoint (pickle)", kConvert}},
    {"\x80\x04"sv, {"a PyTorch or Detectron2 checkpoint (pickle)", kConvert}},
    {"\x80\x05"sv, {"a PyTorch or Detectron2 checkpoint (pickle)", kConvert}},
    {"\x89HDF\r\n\x1a\n"sv, {"an HDF5 (Keras) checkpoint", kConvert}},
    {"\x93NUMPY"sv, {"a NumPy array", "give a cuhue weight file"}},
    {"GGUF"sv, {"a GGUF file", "give a cuhue weight file"}},
    {"\x1f\x8b"sv, {"a gzip archive", kUnpack}},
    {"\xfd"
     "7zXZ\0"sv,
     {"an xz archive", kUnpack}},
    {"BZh"sv, {"a bzip2 archive", kUnpack}},
    {"version https://git-lfs"sv, {"a Git LFS pointer, not the file itself", kFetch}},
    {"<!DOCTYPE"sv, {"a web page, as from a failed download", kFetch}},
    {"<!doctype"sv, {"a web page, as from a failed download", kFetch}},
    {"<html"sv, {"a web page, as from a failed download", kFetch}},
    {"<?xml"sv, {"an XML document, as from a failed download", kFetch}},
    {"\x89PNG"sv, {"a PNG picture", kPicture}},
    {"\xff\xd8\xff"sv, {"a JPEG picture", kPicture}},
};

}  // namespace

std::optional<FileKind> known_file_kind(std::span<const std::byte> first_bytes) {
  const std::string_view text(reinterpret_cast<const char*>(first_bytes.data()), first_bytes.size());
  for (const Signature& s : kSignatures)
    if (text.starts_with(s.bytes)) return s.kind;
  // Any safetensors file: a length, then a JSON object.
  if (text.size() > 9 && text[8] == '{' && text[7] == 0 && text[6] == 0)
    return FileKind{"a plain safetensors file", kConvert};
  return std::nullopt;
}

}  // namespace cuhue
