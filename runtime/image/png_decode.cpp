// PNG in, through libpng. 1 to 16 bits, palette, transparency, interlace; gAMA, cHRM and sRGB are ignored:
// samples leave as they are stored.
#include <png.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <string>
#include <string_view>

#include "runtime/image/jump_guard.h"
#include "runtime/image/parts.h"

namespace cuhue {
namespace {

constexpr std::string_view kXmpKeyword = "XML:com.adobe.xmp";

struct PngReader {
  png_structp png = nullptr;
  png_infop info = nullptr;
  ByteSpan data;
  std::size_t at = 0;
  JumpGuard guard;

  PngReader() = default;
  PngReader(const PngReader&) = delete;
  PngReader& operator=(const PngReader&) = delete;
  ~PngReader() { png_destroy_read_struct(&png, &info, nullptr); }
};

[[noreturn]] void on_error(png_structp png, png_const_charp message) {
  auto* guard = static_cast<JumpGuard*>(png_get_error_ptr(png));
  std::strncpy(guard->message, message, sizeof(guard->message) - 1);
  std::longjmp(guard->place, 1);  // NOLINT(cert-err52-cpp): libpng's own protocol
}

void on_warning(png_structp, png_const_charp) {}

void on_read(png_structp png, png_bytep to, png_size_t size) {
  auto* reader = static_cast<PngReader*>(png_get_io_ptr(png));
  if (reader->data.size() - reader->at < size) png_error(png, "the file ends too early");
  std::memcpy(to, reader->data.data() + reader->at, size);
  reader->at += size;
}

std::uint32_t big_endian_u32(const std::uint8_t* at) {
  return std::uint32_t{at[0]} << 24 | std::uint32_t{at[1]} << 16 | std::uint32_t{at[2]} << 8 | at[3];
}

[[noreturn]] void refuse_damaged(const PictureFile& file, const PngReader& reader) {
  refuse(file,
         std::string("the PNG is damaged or cut short (") + reader.guard.message + "); get an intact copy");
}

// Before libpng allocates anything. Returns width and height of the header chunk.
void check_header(const PictureFile& file) {
  constexpr std::size_t kHeaderEnd = 8 + 8 + 13;
  if (file.bytes.size() < kHeaderEnd || std::memcmp(file.bytes.data() + 12, "IHDR", 4) != 0)
    refuse(file, "the PNG is damaged or cut short (no header chunk); get an intact copy");
  check_size(file, big_endian_u32(file.bytes.data() + 16), big_endian_u32(file.bytes.data() + 20));
}

// Settings that bound what a hostile file costs, and skip what is not used.
void configure(PngReader& reader) {
  constexpr png_uint_32 kMaxSide = 0x7fffffff;
  constexpr int kMaxTexts = 16;
  constexpr png_alloc_size_t kMaxChunk = 8'000'000;
  static constexpr png_byte kIgnored[] =
      "tEXt\0zTXt\0sPLT\0hIST\0pCAL\0sCAL\0tIME\0oFFs\0pHYs\0gAMA\0cHRM\0sRGB\0bKGD\0sBIT";
  png_set_read_fn(reader.png, &reader, on_read);
  png_set_user_limits(reader.png, kMaxSide, kMaxSide);
  png_set_chunk_cache_max(reader.png, kMaxTexts);
  png_set_chunk_malloc_max(reader.png, kMaxChunk);
  png_set_keep_unknown_chunks(reader.png, PNG_HANDLE_CHUNK_NEVER, kIgnored,
                              static_cast<int>(sizeof(kIgnored) / 5));
#ifdef PNG_SKIP_sRGB_CHECK_PROFILE
  png_set_option(reader.png, PNG_SKIP_sRGB_CHECK_PROFILE, PNG_OPTION_ON);
#endif
}

void set_transforms(PngReader& reader) {
  const int depth = png_get_bit_depth(reader.png, reader.info);
  const int type = png_get_color_type(reader.png, reader.info);
  if (type == PNG_COLOR_TYPE_PALETTE) png_set_palette_to_rgb(reader.png);
  if (type == PNG_COLOR_TYPE_GRAY && depth < 8) png_set_expand_gray_1_2_4_to_8(reader.png);
  if (png_get_valid(reader.png, reader.info, PNG_INFO_tRNS) != 0) png_set_tRNS_to_alpha(reader.png);
  if (depth == 16 && std::endian::native == std::endian::little) png_set_swap(reader.png);
}

PixelFormat format_of(const PngReader& reader) {
  const int channel_count = png_get_channels(reader.png, reader.info);
  const bool wide = png_get_bit_depth(reader.png, reader.info) == 16;
  switch (channel_count) {
    case 1: return wide ? PixelFormat::grey16 : PixelFormat::grey8;
    case 2: return wide ? PixelFormat::grey_alpha16 : PixelFormat::grey_alpha8;
    case 3: return wide ? PixelFormat::rgb16 : PixelFormat::rgb8;
    default: return wide ? PixelFormat::rgba16 : PixelFormat::rgba8;
  }
}

// Deflate packs at most 1032:1, so a small file cannot hold a huge picture: told before its memory is taken.
void check_plausible(const PictureFile& file, const PngReader& reader, int passes) {
  constexpr std::uint64_t kMaxRatio = 1032;
  const std::uint64_t width = png_get_image_width(reader.png, reader.info);
  const std::uint64_t height = png_get_image_height(reader.png, reader.info);
  const std::uint64_t bits =
      std::uint64_t{png_get_bit_depth(reader.png, reader.info)} * png_get_channels(reader.png, reader.info);
  const std::uint64_t packed_rows = passes > 1 ? width * height * bits / 8 : height * (width * bits / 8);
  if (packed_rows / kMaxRatio > file.bytes.size())
    refuse(file, "the PNG is damaged or cut short (too few bytes for " + std::to_string(width) + "x" +
                     std::to_string(height) + " pixels); get an intact copy");
}

// Every row straight into the picture; of an interlaced file each pass fills in its own pixels.
void read_rows(png_structp png, std::uint8_t* pixels, std::ptrdiff_t stride, std::int64_t height,
               int passes) {
  for (int pass = 0; pass < passes; ++pass)
    for (std::int64_t y = 0; y < height; ++y) png_read_row(png, pixels + y * stride, nullptr);
}

void take_extras(PngReader& reader, Image& image) {
  png_charp name = nullptr;
  int compression = 0;
  png_bytep profile = nullptr;
  png_uint_32 size = 0;
  if (png_get_iCCP(reader.png, reader.info, &name, &compression, &profile, &size) != 0)
    image.icc.assign(profile, profile + size);
  png_bytep exif = nullptr;
  if (png_get_eXIf_1(reader.png, reader.info, &size, &exif) != 0) image.exif.assign(exif, exif + size);
  png_textp texts = nullptr;
  int count = 0;
  png_get_text(reader.png, reader.info, &texts, &count);
  for (int i = 0; i < count && image.xmp.empty(); ++i) {
    const png_text& text = texts[i];
    if (text.key == kXmpKeyword && text.compression >= PNG_ITXT_COMPRESSION_NONE)
      image.xmp.assign(text.text, text.text + text.itxt_length);
  }
}

}  // namespace

Image decode_png(const PictureFile& file) {
  check_header(file);
  PngReader reader;
  reader.data = file.bytes;
  reader.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &reader.guard, on_error, on_warning);
  if (reader.png != nullptr) reader.info = png_create_info_struct(reader.png);
  if (reader.info == nullptr)
    throw Error(Status::out_of_memory, file.label + ": not enough memory to read the PNG");
  const bool opened = run_guarded(reader.guard, [&reader] {
    configure(reader);
    png_read_info(reader.png, reader.info);
  });
  if (!opened) refuse_damaged(file, reader);

  int passes = 1;
  const int stored_passes = png_get_interlace_type(reader.png, reader.info) == PNG_INTERLACE_NONE ? 1 : 7;
  check_plausible(file, reader, stored_passes);
  const bool prepared = run_guarded(reader.guard, [&reader, &passes] {
    set_transforms(reader);
    passes = png_set_interlace_handling(reader.png);
    png_read_update_info(reader.png, reader.info);
  });
  if (!prepared) refuse_damaged(file, reader);

  Image image;
  allocate_pixels(image, png_get_image_width(reader.png, reader.info),
                  png_get_image_height(reader.png, reader.info), format_of(reader));
  if (png_get_rowbytes(reader.png, reader.info) != static_cast<std::size_t>(image.stride()))
    throw Error(Status::internal, file.label + ": libpng and cuhue disagree about the size of a row");
  std::uint8_t* const pixels = image.pixels.data();
  const std::ptrdiff_t stride = image.stride();
  const std::int64_t height = image.height;
  const bool read = run_guarded(reader.guard, [&reader, pixels, stride, height, passes] {
    read_rows(reader.png, pixels, stride, height, passes);
    png_read_end(reader.png, reader.info);
  });
  if (!read) refuse_damaged(file, reader);
  take_extras(reader, image);
  return image;
}

}  // namespace cuhue
