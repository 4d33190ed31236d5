// JPEG out, through libjpeg-turbo.
#include <cstdio>
#include <cstring>
#include <new>
#include <string>
#include <string_view>
#include <utility>
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
constexpr std::size_t kMaxSegment = 65'533;
constexpr std::size_t kMaxProfile = std::size_t{255} * 65'519;  // what APP2 segments can number

struct JpegWriter {
  jpeg_compress_struct jpeg{};
  jpeg_error_mgr errors{};
  jpeg_destination_mgr destination{};
  std::vector<std::byte> out;
  JumpGuard guard;

  JpegWriter() = default;
  JpegWriter(const JpegWriter&) = delete;
  JpegWriter& operator=(const JpegWriter&) = delete;
  ~JpegWriter() { jpeg_destroy_compress(&jpeg); }
};

JpegWriter& writer_of(j_compress_ptr jpeg) {
  return *static_cast<JpegWriter*>(jpeg->client_data);
}

[[noreturn]] void on_error(j_common_ptr jpeg) {
  JumpGuard& guard = static_cast<JpegWriter*>(jpeg->client_data)->guard;
  char text[JMSG_LENGTH_MAX];
  jpeg->err->format_message(jpeg, text);
  std::strncpy(guard.message, text, sizeof(guard.message) - 1);
  if (jpeg->err->msg_code == JERR_OUT_OF_MEMORY) guard.out_of_memory = true;
  std::longjmp(guard.place, 1);  // NOLINT(cert-err52-cpp): libjpeg's own protocol
}

void on_message(j_common_ptr, int) {}
void on_output(j_common_ptr) {}

// False when memory ran out: nothing may be thrown through libjpeg.
bool resize(std::vector<std::byte>& out, std::size_t size) noexcept {
  try {
    out.resize(size);
    return true;
  } catch (const std::bad_alloc&) {
    return false;
  }
}

void offer(JpegWriter& writer, std::size_t used) {
  writer.destination.next_output_byte = reinterpret_cast<JOCTET*>(writer.out.data()) + used;
  writer.destination.free_in_buffer = writer.out.size() - used;
}

void on_start(j_compress_ptr jpeg) {
  offer(writer_of(jpeg), 0);
}

boolean on_full(j_compress_ptr jpeg) {
  JpegWriter& writer = writer_of(jpeg);
  const std::size_t used = writer.out.size();
  if (!resize(writer.out, used * 2)) ERREXIT1(jpeg, JERR_OUT_OF_MEMORY, 0);
  offer(writer, used);
  return TRUE;
}

void on_end(j_compress_ptr jpeg) {
  JpegWriter& writer = writer_of(jpeg);
  resize(writer.out, writer.out.size() - writer.destination.free_in_buffer);  // only ever shorter
}

void set_up(JpegWriter& writer) {
  writer.jpeg.err = jpeg_std_error(&writer.errors);
  writer.jpeg.client_data = &writer;
  writer.errors.error_exit = on_error;
  writer.errors.emit_message = on_message;
  writer.errors.output_message = on_output;
  writer.destination.init_destination = on_start;
  writer.destination.empty_output_buffer = on_full;
  writer.destination.term_destination = on_end;
}

J_COLOR_SPACE colour_space(PixelFormat format) {
  if (is_grey(format)) return JCS_GRAYSCALE;
  return format == PixelFormat::bgr8 ? JCS_EXT_BGR : JCS_RGB;
}

void configure(jpeg_compress_struct& jpeg, const ConstPixelView& pixels, int quality, bool subsample) {
  jpeg.image_width = static_cast<JDIMENSION>(pixels.width);
  jpeg.image_height = static_cast<JDIMENSION>(pixels.height);
  jpeg.input_components = channels(pixels.format);
  jpeg.in_color_space = colour_space(pixels.format);
  jpeg_set_defaults(&jpeg);
  jpeg_set_quality(&jpeg, quality, TRUE);
  jpeg.comp_info[0].h_samp_factor = subsample ? 2 : 1;
  jpeg.comp_info[0].v_samp_factor = subsample ? 2 : 1;
}

// A block too long for one segment cannot be carried and is left out.
void write_segment(jpeg_compress_struct& jpeg, std::string_view sign, ByteSpan block) {
  if (block.empty() || sign.size() + block.size() > kMaxSegment) return;
  jpeg_write_m_header(&jpeg, JPEG_APP0 + 1, static_cast<unsigned>(sign.size() + block.size()));
  for (const char c : sign) jpeg_write_m_byte(&jpeg, static_cast<unsigned char>(c));
  for (const std::uint8_t b : block) jpeg_write_m_byte(&jpeg, b);
}

void write_rows(jpeg_compress_struct& jpeg, const ConstPixelView& pixels) {
  constexpr JDIMENSION kBatch = 16;
  JSAMPROW rows[kBatch];
  while (jpeg.next_scanline < jpeg.image_height) {
    const JDIMENSION left = jpeg.image_height - jpeg.next_scanline;
    const JDIMENSION batch = left < kBatch ? left : kBatch;
    for (JDIMENSION i = 0; i < batch; ++i)  // libjpeg only reads them
      rows[i] = const_cast<JSAMPROW>(pixels.data +
                                     static_cast<std::ptrdiff_t>(jpeg.next_scanline + i) * pixels.stride);
    jpeg_write_scanlines(&jpeg, rows, batch);
  }
}

}  // namespace

std::vector<std::byte> encode_jpeg(const ConstPixelView& pixels, int quality, bool subsample,
                                   const Extras& extras) {
  JpegWriter writer;
  set_up(writer);
  // Half a byte a sample holds most photos of quality 95 without growing.
  writer.out.resize(
      static_cast<std::size_t>(pixels.width * pixels.height * channels(pixels.format) / 2 + 4096));
  const bool written = run_guarded(writer.guard, [&writer, &pixels, quality, subsample, &extras] {
    jpeg_create_compress(&writer.jpeg);
    writer.jpeg.dest = &writer.destination;
    configure(writer.jpeg, pixels, quality, subsample);
    jpeg_start_compress(&writer.jpeg, TRUE);
    write_segment(writer.jpeg, kExifSign, extras.exif);
    write_segment(writer.jpeg, kXmpSign, extras.xmp);
    if (!extras.icc.empty() && extras.icc.size() <= kMaxProfile)
      jpeg_write_icc_profile(&writer.jpeg, extras.icc.data(), static_cast<unsigned>(extras.icc.size()));
    write_rows(writer.jpeg, pixels);
    jpeg_finish_compress(&writer.jpeg);
  });
  if (written) return std::move(writer.out);
  if (writer.guard.out_of_memory) throw std::bad_alloc();
  throw Error(Status::output,
              std::string("the JPEG cannot be written (") + writer.guard.message + "); try another format");
}

}  // namespace cuhue
