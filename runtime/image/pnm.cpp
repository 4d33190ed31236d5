// PNM, P1 to P6, by hand: 16-bit samples, text files and comments, none of which the libraries at hand read.
#include <bit>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include "runtime/image/parts.h"

namespace cuhue {
namespace {

constexpr std::uint32_t kMaxSample = 65'535;

// Reads the header's and a text file's numbers: whitespace and comments between them are skipped.
class Scanner {
 public:
  explicit Scanner(ByteSpan bytes) : bytes_(bytes) {}

  // Nothing at the end of the file, at something else, and above `most`.
  std::optional<std::uint32_t> number(std::uint32_t most) {
    skip_space();
    if (at_ == bytes_.size() || !is_digit(bytes_[at_])) return std::nullopt;
    std::uint64_t value = 0;
    for (; at_ < bytes_.size() && is_digit(bytes_[at_]); ++at_) {
      value = value * 10 + (bytes_[at_] - '0');
      if (value > most) return std::nullopt;
    }
    return static_cast<std::uint32_t>(value);
  }
  // One digit 0 or 1; in P1 nothing need stand between them.
  std::optional<std::uint32_t> bit() {
    skip_space();
    if (at_ == bytes_.size() || (bytes_[at_] != '0' && bytes_[at_] != '1')) return std::nullopt;
    return bytes_[at_++] - std::uint32_t{'0'};
  }
  // The single whitespace between the header and binary samples.
  bool one_space() { return at_ < bytes_.size() && is_space(bytes_[at_++]); }
  ByteSpan rest() const { return bytes_.subspan(at_); }

 private:
  static bool is_digit(std::uint8_t c) { return c >= '0' && c <= '9'; }
  static bool is_space(std::uint8_t c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
  void skip_space() {
    bool comment = false;
    for (; at_ < bytes_.size(); ++at_) {
      const std::uint8_t c = bytes_[at_];
      if (c == '#') comment = true;
      if (!comment && !is_space(c)) return;
      if (c == '\n' || c == '\r') comment = false;
    }
  }

  ByteSpan bytes_;
  std::size_t at_ = 2;  // behind the "P5"
};

[[noreturn]] void refuse_damaged(const PictureFile& file, const std::string& why) {
  refuse(file, "the PNM is damaged (" + why + "); get an intact copy");
}
[[noreturn]] void refuse_short(const PictureFile& file) {
  refuse(file, "the PNM is cut short; get an intact copy");
}

struct Header {
  std::int64_t width = 0, height = 0;
  std::uint32_t most = 1;  // the sample that means full light
  bool text = false, bits = false, colour = false;
  std::uint64_t samples() const {
    return static_cast<std::uint64_t>(width) * static_cast<std::uint64_t>(height) * (colour ? 3 : 1);
  }
};

Header read_header(const PictureFile& file, Scanner& scan) {
  const char kind = static_cast<char>(file.bytes[1]);
  Header header;
  header.text = kind <= '3';
  header.bits = kind == '1' || kind == '4';
  header.colour = kind == '3' || kind == '6';
  const auto width = scan.number(0x7fffffff);
  const auto height = width ? scan.number(0x7fffffff) : std::nullopt;
  if (!height) refuse_damaged(file, "no width and height");
  header.width = *width;
  header.height = *height;
  if (!header.bits) {
    const auto most = scan.number(kMaxSample);
    if (!most || *most == 0) refuse_damaged(file, "the largest sample is not in 1..65535");
    header.most = *most;
  }
  if (!header.text && !scan.one_space()) refuse_damaged(file, "no space behind the header");
  check_size(file, header.width, header.height);
  return header;
}

// To the full range of 8 or 16 bits, rounded.
std::uint32_t scaled(std::uint32_t sample, std::uint32_t most, std::uint32_t full) {
  return most == full ? sample : static_cast<std::uint32_t>((std::uint64_t{sample} * full + most / 2) / most);
}

void put_sample(std::uint8_t* to, std::size_t index, std::uint32_t value, bool wide) {
  if (wide) {
    const auto word = static_cast<std::uint16_t>(value);
    std::memcpy(to + 2 * index, &word, sizeof(word));
  } else {
    to[index] = static_cast<std::uint8_t>(value);
  }
}

void read_text(const PictureFile& file, const Header& header, Scanner& scan, Image& image) {
  const bool wide = bytes_per_sample(image.format) == 2;
  const std::uint32_t full = wide ? 65'535 : 255;
  for (std::uint64_t i = 0; i < header.samples(); ++i) {
    const auto sample = header.bits ? scan.bit() : scan.number(header.most);
    if (!sample) {
      if (scan.rest().empty()) refuse_short(file);
      refuse_damaged(file, "a sample is no number or too large");
    }
    const std::uint32_t light = header.bits ? 1 - *sample : *sample;  // a bit means ink
    put_sample(image.pixels.data(), i, scaled(light, header.most, full), wide);
  }
}

void read_bits(const Header& header, ByteSpan rows, Image& image) {
  const std::int64_t stride = (header.width + 7) / 8;
  for (std::int64_t y = 0; y < header.height; ++y)
    for (std::int64_t x = 0; x < header.width; ++x) {
      const unsigned byte = rows[static_cast<std::size_t>(y * stride + x / 8)];
      const bool ink = (byte >> (7 - x % 8) & 1U) != 0;
      image.pixels[static_cast<std::size_t>(y * header.width + x)] = ink ? 0 : 255;
    }
}

void read_binary(const PictureFile& file, const Header& header, ByteSpan samples, Image& image) {
  const bool wide = bytes_per_sample(image.format) == 2;
  if (header.most == 255) {
    std::memcpy(image.pixels.data(), samples.data(), image.pixels.size());
    return;
  }
  for (std::uint64_t i = 0; i < header.samples(); ++i) {
    const std::uint32_t sample = wide ? std::uint32_t{samples[2 * i]} << 8 | samples[2 * i + 1] : samples[i];
    if (sample > header.most) refuse_damaged(file, "a sample is too large");
    put_sample(image.pixels.data(), i, scaled(sample, header.most, wide ? 65'535 : 255), wide);
  }
}

// Told before the picture's memory is taken.
void check_length(const PictureFile& file, const Header& header, std::size_t have) {
  std::uint64_t need = header.samples() * (header.most > 255 ? 2 : 1);
  if (header.text) need = header.bits ? header.samples() : 2 * header.samples() - 1;
  if (header.bits && !header.text)
    need = static_cast<std::uint64_t>((header.width + 7) / 8) * static_cast<std::uint64_t>(header.height);
  if (need > have) refuse_short(file);
}

}  // namespace

Image decode_pnm(const PictureFile& file) {
  Scanner scan(file.bytes);
  const Header header = read_header(file, scan);
  check_length(file, header, scan.rest().size());
  const bool wide = header.most > 255;
  Image image;
  allocate_pixels(image, header.width, header.height,
                  header.colour ? (wide ? PixelFormat::rgb16 : PixelFormat::rgb8)
                                : (wide ? PixelFormat::grey16 : PixelFormat::grey8));
  if (header.text)
    read_text(file, header, scan, image);
  else if (header.bits)
    read_bits(header, scan.rest(), image);
  else
    read_binary(file, header, scan.rest(), image);
  return image;
}

std::vector<std::byte> encode_pnm(const ConstPixelView& pixels) {
  const bool wide = bytes_per_sample(pixels.format) == 2;
  const bool swap_channels = pixels.format == PixelFormat::bgr8;
  const bool swap_bytes = wide && std::endian::native == std::endian::little;
  const std::string header = std::string(is_grey(pixels.format) ? "P5\n" : "P6\n") +
                             std::to_string(pixels.width) + " " + std::to_string(pixels.height) +
                             (wide ? "\n65535\n" : "\n255\n");
  const auto row = static_cast<std::size_t>(pixels.width * bytes_per_pixel(pixels.format));
  std::vector<std::byte> out(header.size() + row * static_cast<std::size_t>(pixels.height));
  std::memcpy(out.data(), header.data(), header.size());
  std::byte* to = out.data() + header.size();
  for (std::int64_t y = 0; y < pixels.height; ++y, to += row) {
    std::memcpy(to, pixels.data + y * pixels.stride, row);
    if (swap_bytes)
      for (std::size_t i = 0; i < row; i += 2) std::swap(to[i], to[i + 1]);
    if (swap_channels)
      for (std::size_t i = 0; i < row; i += 3) std::swap(to[i], to[i + 2]);
  }
  return out;
}

}  // namespace cuhue
