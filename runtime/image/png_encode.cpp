// PNG out, through libpng.
#include <png.h>
#include <zlib.h>

#include <bit>
#include <cstring>
#include <new>
#include <string>
#include <vector>

#include "runtime/image/jump_guard.h"
#include "runtime/image/parts.h"

namespace cuhue {
namespace {

struct PngWriter {
  png_structp png = nullptr;
  png_infop info = nullptr;
  std::vector<std::byte> out;
  JumpGuard guard;

  PngWriter() = default;
  PngWriter(const PngWriter&) = delete;
  PngWriter& operator=(const PngWriter&) = delete;
  ~PngWriter() { png_destroy_write_struct(&png, &info); }
};

[[noreturn]] void on_error(png_structp png, png_const_charp message) {
  auto* guard = static_cast<JumpGuard*>(png_get_error_ptr(png));
  std::strncpy(guard->message, message, sizeof(guard->message) - 1);
  std::longjmp(guard->place, 1);  // NOLINT(cert-err52-cpp): libpng's own protocol
}

void on_warning(png_structp, png_const_charp) {}

// False when memory ran out: nothing may be thrown through libpng.
bool append(std::vector<std::byte>& out, const std::uint8_t* from, std::size_t size) noexcept {
  try {
    const auto* bytes = reinterpret_cast<const std::byte*>(from);
    out.insert(out.end(), bytes, bytes + size);
    return true;
  } catch (const std::bad_alloc&) {
    return false;
  }
}

void on_write(png_structp png, png_bytep from, png_size_t size) {
  auto* writer = static_cast<PngWriter*>(png_get_io_ptr(png));
  if (append(writer->out, from, size)) return;
  writer->guard.out_of_memory = true;
  png_error(png, "out of memory");
}

void on_flush(png_structp) {}

int colour_type(PixelFormat format) {
  switch (channels(format)) {
    case 1: return PNG_COLOR_TYPE_GRAY;
    case 2: return PNG_COLOR_TYPE_GRAY_ALPHA;
    case 3: return PNG_COLOR_TYPE_RGB;
    default: return PNG_COLOR_TYPE_RGB_ALPHA;
  }
}

// Up to level 3 one fixed filter: choosing one per row costs more time than deflate's fast levels do. At
// level 1 runs alone are matched: on filtered photos that is both faster and smaller than deflate's quick
// search.
void set_compression(png_structp png, int level) {
  png_set_compression_level(png, level);
  png_set_compression_mem_level(png, 9);
  png_set_compression_buffer_size(png, 1 << 16);
  png_set_compression_strategy(png, level == 1 ? Z_RLE : Z_DEFAULT_STRATEGY);
  const int filters = level == 0 ? PNG_FILTER_NONE : (level <= 3 ? PNG_FILTER_UP : PNG_ALL_FILTERS);
  png_set_filter(png, PNG_FILTER_TYPE_BASE, filters);
}

void set_extras(PngWriter& writer, const Extras& extras) {
  if (!extras.icc.empty())
    png_set_iCCP(writer.png, writer.info, "ICC profile", PNG_COMPRESSION_TYPE_BASE, extras.icc.data(),
                 static_cast<png_uint_32>(extras.icc.size()));
  // libpng copies the block but takes it as a pointer to non-const.
  if (!extras.exif.empty())
    png_set_eXIf_1(writer.png, writer.info, static_cast<png_uint_32>(extras.exif.size()),
                   const_cast<png_bytep>(extras.exif.data()));
}

void set_xmp(PngWriter& writer, char* packet, std::size_t size) {
  char keyword[] = "XML:com.adobe.xmp";
  char none[] = "";
  png_text text{};
  text.compression = PNG_ITXT_COMPRESSION_NONE;
  text.key = keyword;
  text.text = packet;
  text.itxt_length = size;
  text.lang = none;
  text.lang_key = none;
  png_set_text(writer.png, writer.info, &text, 1);
}

void write_rows(png_structp png, const ConstPixelView& pixels) {
  if (pixels.format == PixelFormat::bgr8 || pixels.format == PixelFormat::bgra8) png_set_bgr(png);
  if (bytes_per_sample(pixels.format) == 2 && std::endian::native == std::endian::little) png_set_swap(png);
  for (std::int64_t y = 0; y < pixels.height; ++y) png_write_row(png, pixels.data + y * pixels.stride);
}

}  // namespace

std::vector<std::byte> encode_png(const ConstPixelView& pixels, int level, const Extras& extras) {
  constexpr png_uint_32 kMaxSide = 0x7fffffff;
  PngWriter writer;
  writer.png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &writer.guard, on_error, on_warning);
  if (writer.png != nullptr) writer.info = png_create_info_struct(writer.png);
  if (writer.info == nullptr) throw std::bad_alloc();
  std::string xmp(extras.xmp.begin(), extras.xmp.end());  // libpng wants its end marked by a zero
  const bool written = run_guarded(writer.guard, [&writer, &pixels, level, &extras, &xmp] {
    png_set_write_fn(writer.png, &writer, on_write, on_flush);
    png_set_benign_errors(writer.png, 1);  // a profile libpng finds faulty is left out, not fatal
    png_set_user_limits(writer.png, kMaxSide, kMaxSide);
    set_compression(writer.png, level);
    png_set_IHDR(writer.png, writer.info, static_cast<png_uint_32>(pixels.width),
                 static_cast<png_uint_32>(pixels.height), 8 * bytes_per_sample(pixels.format),
                 colour_type(pixels.format), PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
                 PNG_FILTER_TYPE_DEFAULT);
    set_extras(writer, extras);
    if (!xmp.empty()) set_xmp(writer, xmp.data(), xmp.size());
    png_write_info(writer.png, writer.info);
    write_rows(writer.png, pixels);
    png_write_end(writer.png, writer.info);
  });
  if (written) return std::move(writer.out);
  if (writer.guard.out_of_memory) throw std::bad_alloc();
  throw Error(Status::output,
              std::string("the PNG cannot be written (") + writer.guard.message + "); try another format");
}

}  // namespace cuhue
