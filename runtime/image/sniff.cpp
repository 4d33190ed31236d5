#include "runtime/image/sniff.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <string_view>

namespace cuhue {
namespace {

using namespace std::string_view_literals;

bool has_at(ByteSpan file, std::size_t at, std::string_view text) {
  if (file.size() < at + text.size()) return false;
  return std::equal(text.begin(), text.end(), file.begin() + static_cast<std::ptrdiff_t>(at),
                    [](char want, std::uint8_t have) { return static_cast<std::uint8_t>(want) == have; });
}

struct Magic {
  std::size_t at;
  std::string_view bytes;
  std::string_view name;
};

// In order: a longer sign stands before a shorter one that it starts with.
constexpr std::array kForeign = {
    Magic{0, "GIF87a"sv, "a GIF picture"},
    Magic{0, "GIF89a"sv, "a GIF picture"},
    Magic{8, "WEBP"sv, "a WebP picture"},
    Magic{8, "AVI "sv, "an AVI video"},
    Magic{8, "CR\x02"sv, "a Canon raw photo"},
    Magic{0, "II*\0"sv, "a TIFF picture or a camera's raw photo"},
    Magic{0, "MM\0*"sv, "a TIFF picture or a camera's raw photo"},
    Magic{0, "II+\0"sv, "a BigTIFF picture"},
    Magic{0, "MM\0+"sv, "a BigTIFF picture"},
    Magic{0, "IIRO"sv, "an Olympus raw photo"},
    Magic{0, "IIU\0"sv, "a Panasonic raw photo"},
    Magic{0, "FUJIFILMCCD-RAW"sv, "a Fujifilm raw photo"},
    Magic{4, "ftypavif"sv, "an AVIF picture"},
    Magic{4, "ftypavis"sv, "an AVIF picture"},
    Magic{4, "ftyphei"sv, "a HEIC picture"},
    Magic{4, "ftyphev"sv, "a HEIC picture"},
    Magic{4, "ftypmif1"sv, "a HEIF picture"},
    Magic{4, "ftypmsf1"sv, "a HEIF picture"},
    Magic{4, "ftypcrx"sv, "a Canon raw photo"},
    Magic{4, "ftyp"sv, "an MP4 or QuickTime video"},
    Magic{0, "\xff\x0a"sv, "a JPEG XL picture"},
    Magic{0, "\0\0\0\x0cJXL \x0d\x0a\x87\x0a"sv, "a JPEG XL picture"},
    Magic{0, "\0\0\0\x0cjP  \x0d\x0a\x87\x0a"sv, "a JPEG 2000 picture"},
    Magic{0, "\xff\x4f\xff\x51"sv, "a JPEG 2000 picture"},
    Magic{0, "\x8aMNG\x0d\x0a\x1a\x0a"sv, "an MNG animation"},
    Magic{0, "8BPS"sv, "a Photoshop document"},
    Magic{0, "gimp xcf"sv, "a GIMP document"},
    Magic{0, "%PDF-"sv, "a PDF document"},
    Magic{0, "%!PS"sv, "a PostScript document"},
    Magic{0, "\x76\x2f\x31\x01"sv, "an OpenEXR picture"},
    Magic{0, "#?RADIANCE"sv, "a Radiance HDR picture"},
    Magic{0, "#?RGBE"sv, "a Radiance HDR picture"},
    Magic{0, "P7\n"sv, "a PAM picture"},
    Magic{0, "PF\n"sv, "a PFM picture"},
    Magic{0, "Pf\n"sv, "a PFM picture"},
    Magic{0, "qoif"sv, "a QOI picture"},
    Magic{0, "farbfeld"sv, "a farbfeld picture"},
    Magic{0, "DDS "sv, "a DDS texture"},
    Magic{0, "\0\0\x01\0"sv, "an icon file"},
    Magic{0, "\x93NUMPY"sv, "a NumPy array"},
    Magic{0, "\x1a\x45\xdf\xa3"sv, "a Matroska or WebM video"},
    Magic{0, "PK\x03\x04"sv, "a ZIP archive"},
    Magic{0, "\x1f\x8b"sv, "a gzip archive"},
    Magic{0, "version https://git-lfs"sv, "a Git LFS pointer, not the picture itself"},
};

constexpr std::array kForeignText = {
    Magic{0, "<svg"sv, "an SVG drawing"},
    Magic{0, "<!doctype html"sv, "an HTML page"},
    Magic{0, "<html"sv, "an HTML page"},
    Magic{0, "<?xml"sv, "an XML document"},
};

char lower(std::uint8_t c) {
  return static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

}  // namespace

std::optional<FileFormat> sniff_format(ByteSpan file) {
  if (has_at(file, 0, "\x89PNG\r\n\x1a\n"sv)) return FileFormat::png;
  if (has_at(file, 0, "\xff\xd8\xff"sv)) return FileFormat::jpeg;
  // "BM" is also how a text may begin; the header size that follows tells.
  if (has_at(file, 0, "BM"sv) && (file.size() < 18 || (file[14] >= 12 && file[15] == 0 && file[17] == 0)))
    return FileFormat::bmp;
  if (file.size() >= 3 && file[0] == 'P' && file[1] >= '1' && file[1] <= '6' &&
      " \t\r\n\v\f#"sv.find(static_cast<char>(file[2])) != std::string_view::npos)
    return FileFormat::pnm;
  return std::nullopt;
}

std::string describe_foreign(ByteSpan file) {
  for (const Magic& magic : kForeign)
    if (has_at(file, magic.at, magic.bytes)) return std::string(magic.name);
  std::string start;
  for (const std::uint8_t c : file.first(std::min<std::size_t>(file.size(), 512)))
    if (!start.empty() || " \t\r\n\xef\xbb\xbf"sv.find(static_cast<char>(c)) == std::string_view::npos)
      start += lower(c);
  for (const Magic& magic : kForeignText)
    if (start.starts_with(magic.bytes)) {
      const bool drawing = start.find("<svg") != std::string::npos;
      return std::string(drawing ? kForeignText[0].name : magic.name);
    }
  return {};
}

}  // namespace cuhue
