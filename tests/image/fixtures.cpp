#include "tests/image/fixtures.h"

#include <png.h>
#include <zlib.h>

#include <algorithm>
#include <cstring>
#include <stdexcept>

namespace cuhue::fixtures {

Bytes operator+(Bytes a, const Bytes& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

void put16(Bytes& to, std::uint32_t value, bool little) {
  const auto low = static_cast<std::uint8_t>(value & 0xff);
  const auto high = static_cast<std::uint8_t>(value >> 8 & 0xff);
  to.push_back(little ? low : high);
  to.push_back(little ? high : low);
}

void put32(Bytes& to, std::uint32_t value, bool little) {
  put16(to, little ? value & 0xffff : value >> 16, little);
  put16(to, little ? value >> 16 : value & 0xffff, little);
}

Image pattern(std::int64_t width, std::int64_t height, PixelFormat format) {
  Image image;
  image.width = width;
  image.height = height;
  image.format = format;
  image.pixels.resize(static_cast<std::size_t>(image.stride() * height));
  std::uint32_t state = 12345;
  for (std::uint8_t& byte : image.pixels) {
    state = state * 1664525U + 1013904223U;
    byte = static_cast<std::uint8_t>(state >> 24);
  }
  return image;
}

Image smooth(std::int64_t width, std::int64_t height, PixelFormat format) {
  Image image = pattern(width, height, format);
  const int count = channels(format);
  for (std::int64_t y = 0; y < height; ++y)
    for (std::int64_t x = 0; x < width; ++x)
      for (int c = 0; c < count; ++c)
        image.pixels[static_cast<std::size_t>((y * width + x) * count + c)] =
            static_cast<std::uint8_t>(40 + c * 30 + (x * (3 - c) + y * (1 + c)) % 120);
  return image;
}

Bytes png_chunk(std::string_view type, const Bytes& data) {
  Bytes chunk;
  put32(chunk, static_cast<std::uint32_t>(data.size()), false);
  const Bytes body = text(type) + data;
  chunk = chunk + body;
  put32(chunk, static_cast<std::uint32_t>(crc32(0, body.data(), static_cast<uInt>(body.size()))), false);
  return chunk;
}

Bytes deflate(const Bytes& data) {
  uLongf size = compressBound(static_cast<uLong>(data.size()));
  Bytes packed(size);
  if (compress(packed.data(), &size, data.data(), static_cast<uLong>(data.size())) != Z_OK)
    throw std::runtime_error("compress");
  packed.resize(size);
  return packed;
}

namespace {

// Forward filters 0..2 of the PNG specification, of as many rows as are given.
Bytes filtered(const PngParts& parts, std::size_t row_bytes, std::size_t pixel_bytes) {
  Bytes out;
  for (std::size_t y = 0; y < parts.height && (y + 1) * row_bytes <= parts.rows.size(); ++y) {
    out.push_back(static_cast<std::uint8_t>(parts.filter));
    for (std::size_t i = 0; i < row_bytes; ++i) {
      const std::size_t at = y * row_bytes + i;
      int before = 0;
      if (parts.filter == 1 && i >= pixel_bytes) before = parts.rows[at - pixel_bytes];
      if (parts.filter == 2 && y > 0) before = parts.rows[at - row_bytes];
      out.push_back(static_cast<std::uint8_t>(parts.rows[at] - before));
    }
  }
  return out;
}

Bytes png_signature() {
  return {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
}

}  // namespace

Bytes png(const PngParts& parts) {
  constexpr int kSamples[] = {1, 0, 3, 1, 2, 0, 4};
  const std::size_t bits =
      static_cast<std::size_t>(kSamples[parts.colour_type]) * static_cast<std::size_t>(parts.depth);
  const std::size_t row_bytes = (parts.width * bits + 7) / 8;
  Bytes header;
  put32(header, parts.width, false);
  put32(header, parts.height, false);
  header = header + Bytes{static_cast<std::uint8_t>(parts.depth),
                          static_cast<std::uint8_t>(parts.colour_type), 0, 0, 0};
  return png_signature() + png_chunk("IHDR", header) + parts.before_pixels +
         png_chunk("IDAT", deflate(filtered(parts, row_bytes, std::max<std::size_t>(1, bits / 8)))) +
         parts.after_pixels + png_chunk("IEND", {});
}

Bytes interlaced_png(const Image& image) {
  // The seven passes of the PNG specification: first column and row, steps.
  struct Pass {
    std::int64_t x, y, dx, dy;
  };
  constexpr Pass kPasses[] = {{0, 0, 8, 8}, {4, 0, 8, 8}, {0, 4, 4, 8}, {2, 0, 4, 4},
                              {0, 2, 2, 4}, {1, 0, 2, 2}, {0, 1, 1, 2}};
  constexpr int kTypes[] = {0, 0, 4, 2, 6};
  const int pixel = bytes_per_pixel(image.format);
  const int sample = bytes_per_sample(image.format);
  Bytes raw;
  for (const Pass& pass : kPasses) {
    if (pass.x >= image.width) continue;
    for (std::int64_t y = pass.y; y < image.height; y += pass.dy) {
      raw.push_back(0);
      for (std::int64_t x = pass.x; x < image.width; x += pass.dx)
        for (int i = 0; i < pixel; ++i) {
          const auto at = static_cast<std::size_t>(y * image.stride() + x * pixel);
          // The file is big-endian, the picture in this machine's order.
          std::uint16_t one = 1;
          std::uint8_t first = 0;
          std::memcpy(&first, &one, 1);
          const int place = sample == 2 && first == 1 ? i ^ 1 : i;
          raw.push_back(image.pixels[at + static_cast<std::size_t>(place)]);
        }
    }
  }
  Bytes header;
  put32(header, static_cast<std::uint32_t>(image.width), false);
  put32(header, static_cast<std::uint32_t>(image.height), false);
  header = header + Bytes{static_cast<std::uint8_t>(8 * sample),
                          static_cast<std::uint8_t>(kTypes[channels(image.format)]), 0, 0, 1};
  return png_signature() + png_chunk("IHDR", header) + png_chunk("IDAT", deflate(raw)) +
         png_chunk("IEND", {});
}

Bytes iccp_chunk(const Bytes& profile) {
  return png_chunk("iCCP", text(std::string_view("test\0\0", 6)) + deflate(profile));
}

Bytes xmp_chunk(const Bytes& packet, bool compressed) {
  const Bytes head =
      text(std::string_view("XML:com.adobe.xmp\0", 18)) + Bytes{std::uint8_t{compressed}, 0, 0, 0};
  return png_chunk("iTXt", head + (compressed ? deflate(packet) : packet));
}

Bytes segment(int marker, const Bytes& data) {
  Bytes out{0xff, static_cast<std::uint8_t>(marker)};
  put16(out, static_cast<std::uint32_t>(data.size() + 2), false);
  return out + data;
}

Bytes with_segments(const Bytes& jpeg, const Bytes& segments) {
  return Bytes(jpeg.begin(), jpeg.begin() + 2) + segments + Bytes(jpeg.begin() + 2, jpeg.end());
}

Bytes bmp(const BmpParts& parts) {
  Bytes header;
  put32(header, parts.core_header ? 12 : 40, true);
  if (parts.core_header) {
    put16(header, static_cast<std::uint32_t>(parts.width), true);
    put16(header, static_cast<std::uint32_t>(parts.height), true);
  } else {
    put32(header, static_cast<std::uint32_t>(parts.width), true);
    put32(header, static_cast<std::uint32_t>(parts.height), true);
  }
  put16(header, 1, true);
  put16(header, static_cast<std::uint32_t>(parts.bits), true);
  if (!parts.core_header) {
    put32(header, parts.packing, true);
    for (int i = 0; i < 5; ++i) put32(header, 0, true);
  }
  for (const std::uint32_t mask : parts.masks) put32(header, mask, true);
  header = header + parts.palette;
  Bytes out = text("BM");
  put32(out, static_cast<std::uint32_t>(14 + header.size() + parts.rows.size()), true);
  put32(out, 0, true);
  put32(out, static_cast<std::uint32_t>(14 + header.size()), true);
  return out + header + parts.rows;
}

namespace {

void put_entry(Bytes& to, bool little, std::uint32_t tag, bool as_long, std::uint32_t value) {
  put16(to, tag, little);
  put16(to, as_long ? 4 : 3, little);
  put32(to, 1, little);
  if (as_long) {
    put32(to, value, little);
  } else {
    put16(to, value, little);
    put16(to, 0, little);
  }
}

}  // namespace

Bytes exif(const ExifParts& parts) {
  const bool little = parts.little;
  const bool deep = parts.pixel_width != 0;
  Bytes out = text(little ? "II" : "MM");
  put16(out, 42, little);
  put32(out, 8, little);
  put16(out, deep ? 3 : 2, little);
  put_entry(out, little, 0x0100, true, 4711);  // a tag before the one that is looked for
  put_entry(out, little, 0x0112, parts.as_long, static_cast<std::uint32_t>(parts.orientation));
  if (deep) put_entry(out, little, 0x8769, true, static_cast<std::uint32_t>(out.size() + 12 + 4));
  put32(out, 0, little);
  if (deep) {
    put16(out, 2, little);
    put_entry(out, little, 0xA002, true, parts.pixel_width);
    put_entry(out, little, 0xA003, true, parts.pixel_height);
    put32(out, 0, little);
  }
  return out;
}

Bytes icc(std::string_view colour_space, std::size_t padding) {
  Bytes out(132 + (padding + 3) / 4 * 4);
  const auto put = [&out](std::size_t at, std::string_view s) {
    std::copy(s.begin(), s.end(), out.begin() + static_cast<std::ptrdiff_t>(at));
  };
  Bytes size;
  put32(size, static_cast<std::uint32_t>(out.size()), false);
  std::copy(size.begin(), size.end(), out.begin());
  out[8] = 4;  // version
  put(12, "mntr");
  put(16, colour_space);
  put(20, "XYZ ");
  put(36, "acsp");
  // The D50 white point every profile states.
  const Bytes d50{0, 0, 0xf6, 0xd6, 0, 1, 0, 0, 0, 0, 0xd3, 0x2d};
  std::copy(d50.begin(), d50.end(), out.begin() + 68);
  for (std::size_t i = 132; i < out.size(); ++i) out[i] = static_cast<std::uint8_t>(i * 7 + i / 251);
  return out;
}

}  // namespace cuhue::fixtures
