// JPEG in, through libjpeg-turbo: baseline, extended, progressive, arithmetic; grey, YCbCr, RGB, CMYK, YCCK.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

// In this order: neither header includes what it uses.
#include <jpeglib.h>

#include <jerror.h>

#include "runtime/image/jump_guard.h"
#include "runtime/image/parts.h"

namespace cuhue {
namespace {

using namespace std::string_view_literals;

constexpr std::string_view kExifSign = "Exif\0\0"sv;
constexpr std::string_view kXmpSign = "http://ns.adobe.com/xap/1.0/\0"sv;
// A real progressive file has a dozen scans; a hostile one makes thousands out of a few kilobytes.
constexpr int kMaxScans = 500;

struct JpegReader {
  jpeg_decompress_struct jpeg{};
  jpeg_error_mgr errors{};
  jpeg_source_mgr source{};
  jpeg_progress_mgr progress{};
  JumpGuard guard;
  bool ran_dry = false;  // the decoder asked for bytes behind the end of the file

  JpegReader() = default;
  JpegReader(const JpegReader&) = delete;
  JpegReader& operator=(const JpegReader&) = delete;
  ~JpegReader() { jpeg_destroy_decompress(&jpeg); }
};

JpegReader& reader_of(j_common_ptr jpeg) {
  return *static_cast<JpegReader*>(jpeg->client_data);
}
JpegReader& reader_of(j_decompress_ptr jpeg) {
  return *static_cast<JpegReader*>(jpeg->client_data);
}

[[noreturn]] void on_error(j_common_ptr jpeg) {
  JumpGuard& guard = reader_of(jpeg).guard;
  char text[JMSG_LENGTH_MAX];
  jpeg->err->format_message(jpeg, text);
  std::strncpy(guard.message, text, sizeof(guard.message) - 1);
  guard.out_of_memory = jpeg->err->msg_code == JERR_OUT_OF_MEMORY;
  std::longjmp(guard.place, 1);  // NOLINT(cert-err52-cpp): libjpeg's own protocol
}

// libjpeg only warns when picture data are lost and fills in grey. That is no picture.
void on_message(j_common_ptr jpeg, int level) {
  if (level >= 0) return;
  switch (jpeg->err->msg_code) {
    case JWRN_HIT_MARKER:
    case JWRN_HUFF_BAD_CODE:
    case JWRN_ARITH_BAD_CODE:
    case JWRN_MUST_RESYNC:
    case JWRN_BOGUS_PROGRESSION: on_error(jpeg);
    default: break;
  }
}

void on_output(j_common_ptr) {}

void on_progress(j_common_ptr jpeg) {
  if (jpeg->is_decompressor == FALSE) return;
  if (reinterpret_cast<j_decompress_ptr>(jpeg)->input_scan_number <= kMaxScans) return;
  JumpGuard& guard = reader_of(jpeg).guard;
  std::snprintf(guard.message, sizeof(guard.message), "more than %d scans", kMaxScans);
  std::longjmp(guard.place, 1);  // NOLINT(cert-err52-cpp): libjpeg's own protocol
}

void on_start(j_decompress_ptr) {}
void on_end(j_decompress_ptr) {}

// Out of bytes: an end marker is handed out, so that whatever is missing turns up as one of the warnings
// above.
boolean on_fill(j_decompress_ptr jpeg) {
  static constexpr JOCTET kEnd[] = {0xFF, JPEG_EOI};
  JpegReader& reader = reader_of(jpeg);
  reader.ran_dry = true;
  reader.source.next_input_byte = kEnd;
  reader.source.bytes_in_buffer = sizeof(kEnd);
  return TRUE;
}

void on_skip(j_decompress_ptr jpeg, long count) {
  jpeg_source_mgr& source = reader_of(jpeg).source;
  if (count <= 0) return;
  if (static_cast<std::size_t>(count) > source.bytes_in_buffer) {
    on_fill(jpeg);
    return;
  }
  source.next_input_byte += count;
  source.bytes_in_buffer -= static_cast<std::size_t>(count);
}

void set_up(JpegReader& reader, ByteSpan bytes) {
  reader.jpeg.err = jpeg_std_error(&reader.errors);
  reader.jpeg.client_data = &reader;
  reader.errors.error_exit = on_error;
  reader.errors.emit_message = on_message;
  reader.errors.output_message = on_output;
  reader.source.init_source = on_start;
  reader.source.fill_input_buffer = on_fill;
  reader.source.skip_input_data = on_skip;
  reader.source.resync_to_restart = jpeg_resync_to_restart;
  reader.source.term_source = on_end;
  reader.source.next_input_byte = bytes.data();
  reader.source.bytes_in_buffer = bytes.size();
  reader.progress.progress_monitor = on_progress;
}

[[noreturn]] void refuse_damaged(const PictureFile& file, const JpegReader& reader) {
  if (reader.guard.out_of_memory)
    throw Error(Status::out_of_memory,
                file.label + ": not enough memory to decode the JPEG; reduce it first");
  const char* what =
      reader.ran_dry ? "the JPEG is cut short (" : "the JPEG is damaged or of a kind that is not supported (";
  refuse(file, std::string(what) + reader.guard.message + "); get an intact copy");
}

// The whole picture is there although the end marker is not: all scans were seen to their last bit.
bool is_complete(const jpeg_decompress_struct& jpeg) {
  if (jpeg.arith_code != FALSE) return false;  // arithmetic data go on as zeros without a warning
  if (!jpeg_has_multiple_scans(const_cast<j_decompress_ptr>(&jpeg))) return true;
  if (jpeg.coef_bits == nullptr) return false;
  for (int component = 0; component < jpeg.num_components; ++component)
    for (int k = 0; k < DCTSIZE2; ++k)
      if (jpeg.coef_bits[component][k] != 0) return false;
  return true;
}

// At least one bit a block and at most 64x16 pixels a block; told before the picture's memory is taken.
void check_plausible(const PictureFile& file, const jpeg_decompress_struct& jpeg) {
  if (jpeg.arith_code != FALSE) return;
  const std::uint64_t pixels = std::uint64_t{jpeg.image_width} * jpeg.image_height;
  if (pixels / (64 * 16 * 8) > file.bytes.size())
    refuse(file, "the JPEG is damaged or cut short (too few bytes for " + std::to_string(jpeg.image_width) +
                     "x" + std::to_string(jpeg.image_height) + " pixels); get an intact copy");
}

PixelFormat choose_output(const PictureFile& file, jpeg_decompress_struct& jpeg) {
  switch (jpeg.jpeg_color_space) {
    case JCS_GRAYSCALE: jpeg.out_color_space = JCS_GRAYSCALE; return PixelFormat::grey8;
    case JCS_RGB:
    case JCS_YCbCr: jpeg.out_color_space = JCS_RGB; return PixelFormat::rgb8;
    case JCS_CMYK:
    case JCS_YCCK: jpeg.out_color_space = JCS_CMYK; return PixelFormat::rgb8;
    default:
      refuse(file, "a JPEG of " + std::to_string(jpeg.num_components) +
                       " unknown channels is not supported; convert it to RGB first");
  }
}

// Ink to light. Adobe stores 255 for no ink, the standard says 0.
void cmyk_to_rgb(const std::uint8_t* cmyk, std::uint8_t* rgb, std::int64_t width, bool adobe) {
  const unsigned flip = adobe ? 0 : 255;
  for (std::int64_t x = 0; x < width; ++x, cmyk += 4, rgb += 3) {
    const unsigned light = cmyk[3] ^ flip;
    for (int c = 0; c < 3; ++c) rgb[c] = static_cast<std::uint8_t>(((cmyk[c] ^ flip) * light + 127) / 255);
  }
}

// The decoder likes to give several rows at once, straight into the picture.
void read_rows(jpeg_decompress_struct& jpeg, std::uint8_t* pixels, std::ptrdiff_t stride) {
  constexpr JDIMENSION kBatch = 16;
  JSAMPROW rows[kBatch];
  while (jpeg.output_scanline < jpeg.output_height) {
    const JDIMENSION left = jpeg.output_height - jpeg.output_scanline;
    const JDIMENSION batch = left < kBatch ? left : kBatch;
    for (JDIMENSION i = 0; i < batch; ++i)
      rows[i] = pixels + static_cast<std::ptrdiff_t>(jpeg.output_scanline + i) * stride;
    jpeg_read_scanlines(&jpeg, rows, batch);
  }
}

void read_cmyk_rows(jpeg_decompress_struct& jpeg, std::uint8_t* pixels, std::ptrdiff_t stride,
                    std::uint8_t* ink) {
  const bool adobe = jpeg.saw_Adobe_marker != FALSE;
  JSAMPROW row = ink;
  while (jpeg.output_scanline < jpeg.output_height) {
    std::uint8_t* to = pixels + static_cast<std::ptrdiff_t>(jpeg.output_scanline) * stride;
    if (jpeg_read_scanlines(&jpeg, &row, 1) == 1) cmyk_to_rgb(ink, to, jpeg.output_width, adobe);
  }
}

bool starts_with(const jpeg_marker_struct& marker, std::string_view sign) {
  return marker.data_length >= sign.size() && std::memcmp(marker.data, sign.data(), sign.size()) == 0;
}

void take_extras(JpegReader& reader, Image& image) {
  for (const jpeg_marker_struct* m = reader.jpeg.marker_list; m != nullptr; m = m->next) {
    if (m->marker != JPEG_APP0 + 1) continue;
    if (image.exif.empty() && starts_with(*m, kExifSign))
      image.exif.assign(m->data + kExifSign.size(), m->data + m->data_length);
    else if (image.xmp.empty() && starts_with(*m, kXmpSign))
      image.xmp.assign(m->data + kXmpSign.size(), m->data + m->data_length);
  }
  // The ink profile of a CMYK file says nothing about the RGB that leaves here.
  if (reader.jpeg.out_color_space == JCS_CMYK) return;
  JOCTET* profile = nullptr;
  unsigned size = 0;
  const bool read = run_guarded(
      reader.guard, [&reader, &profile, &size] { jpeg_read_icc_profile(&reader.jpeg, &profile, &size); });
  const std::unique_ptr<JOCTET, decltype(&std::free)> owner(profile, &std::free);
  if (read && profile != nullptr) image.icc.assign(profile, profile + size);
}

}  // namespace

Image decode_jpeg(const PictureFile& file) {
  JpegReader reader;
  set_up(reader, file.bytes);
  const bool opened = run_guarded(reader.guard, [&reader] {
    jpeg_create_decompress(&reader.jpeg);
    reader.jpeg.src = &reader.source;
    reader.jpeg.progress = &reader.progress;
    jpeg_save_markers(&reader.jpeg, JPEG_APP0 + 1, 0xFFFF);
    jpeg_save_markers(&reader.jpeg, JPEG_APP0 + 2, 0xFFFF);
    jpeg_read_header(&reader.jpeg, TRUE);
  });
  if (!opened) refuse_damaged(file, reader);
  check_size(file, reader.jpeg.image_width, reader.jpeg.image_height);
  check_plausible(file, reader.jpeg);

  Image image;
  const PixelFormat format = choose_output(file, reader.jpeg);
  take_extras(reader, image);
  if (!run_guarded(reader.guard, [&reader] { jpeg_start_decompress(&reader.jpeg); }))
    refuse_damaged(file, reader);
  allocate_pixels(image, reader.jpeg.output_width, reader.jpeg.output_height, format);
  std::vector<std::uint8_t> ink(reader.jpeg.out_color_space == JCS_CMYK ? image.width * 4 : 0);
  std::uint8_t* const pixels = image.pixels.data();
  const std::ptrdiff_t stride = image.stride();
  std::uint8_t* const ink_row = ink.data();
  const bool read = run_guarded(reader.guard, [&reader, pixels, stride, ink_row] {
    if (ink_row != nullptr)
      read_cmyk_rows(reader.jpeg, pixels, stride, ink_row);
    else
      read_rows(reader.jpeg, pixels, stride);
  });
  if (!read) refuse_damaged(file, reader);
  if (reader.ran_dry && !is_complete(reader.jpeg))
    refuse(file, "the JPEG is cut short (picture data are missing); get an intact copy");
  return image;
}

}  // namespace cuhue
