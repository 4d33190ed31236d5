#include <cstdio>
#include <cstdlib>
#include <stdexcept>

#include <jpeglib.h>

#include "tests/image/fixtures.h"

namespace cuhue::fixtures {
namespace {

constexpr jpeg_scan_info kPlaneByPlane[] = {
    {1, {0, 0, 0, 0}, 0, 63, 0, 0}, {1, {1, 0, 0, 0}, 0, 63, 0, 0}, {1, {2, 0, 0, 0}, 0, 63, 0, 0}};

Bytes finish(jpeg_compress_struct& jpeg, const std::uint8_t* rows, std::size_t stride, unsigned char*& memory,
             unsigned long& size) {
  while (jpeg.next_scanline < jpeg.image_height) {
    auto* row = const_cast<JSAMPROW>(rows + jpeg.next_scanline * stride);
    jpeg_write_scanlines(&jpeg, &row, 1);
  }
  jpeg_finish_compress(&jpeg);
  jpeg_destroy_compress(&jpeg);
  Bytes out(memory, memory + size);
  std::free(memory);
  return out;
}

}  // namespace

Bytes jpeg(const Image& image, const JpegParts& parts) {
  jpeg_compress_struct jpeg{};
  jpeg_error_mgr errors{};
  jpeg.err = jpeg_std_error(&errors);
  jpeg_create_compress(&jpeg);
  unsigned char* memory = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&jpeg, &memory, &size);
  jpeg.image_width = static_cast<JDIMENSION>(image.width);
  jpeg.image_height = static_cast<JDIMENSION>(image.height);
  jpeg.input_components = channels(image.format);
  jpeg.in_color_space = is_grey(image.format) ? JCS_GRAYSCALE : JCS_RGB;
  jpeg_set_defaults(&jpeg);
  if (parts.rgb) jpeg_set_colorspace(&jpeg, JCS_RGB);
  jpeg_set_quality(&jpeg, parts.quality, TRUE);
  jpeg.comp_info[0].h_samp_factor = jpeg.comp_info[0].v_samp_factor = parts.sampling;
  if (parts.kind == JpegKind::progressive) jpeg_simple_progression(&jpeg);
  if (parts.kind == JpegKind::arithmetic) jpeg.arith_code = TRUE;
  if (parts.kind == JpegKind::restarts) jpeg.restart_interval = 3;
  if (parts.kind == JpegKind::sequential_scans) {
    jpeg.scan_info = kPlaneByPlane;
    jpeg.num_scans = is_grey(image.format) ? 1 : 3;
  }
  jpeg_start_compress(&jpeg, TRUE);
  const auto write = [&jpeg](const Bytes& data) {
    jpeg_write_marker(&jpeg, JPEG_APP0 + 1, data.data(), static_cast<unsigned>(data.size()));
  };
  if (!parts.exif.empty()) write(text(std::string_view("Exif\0\0", 6)) + parts.exif);
  if (!parts.xmp.empty()) write(text(std::string_view("http://ns.adobe.com/xap/1.0/\0", 29)) + parts.xmp);
  if (!parts.icc.empty())
    jpeg_write_icc_profile(&jpeg, parts.icc.data(), static_cast<unsigned>(parts.icc.size()));
  return finish(jpeg, image.pixels.data(), static_cast<std::size_t>(image.stride()), memory, size);
}

Bytes cmyk_jpeg(const Bytes& cmyk, int width, int height, bool adobe, bool ycck, const Bytes& icc) {
  jpeg_compress_struct jpeg{};
  jpeg_error_mgr errors{};
  jpeg.err = jpeg_std_error(&errors);
  jpeg_create_compress(&jpeg);
  unsigned char* memory = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&jpeg, &memory, &size);
  jpeg.image_width = static_cast<JDIMENSION>(width);
  jpeg.image_height = static_cast<JDIMENSION>(height);
  jpeg.input_components = 4;
  jpeg.in_color_space = JCS_CMYK;
  jpeg_set_defaults(&jpeg);
  jpeg_set_colorspace(&jpeg, ycck ? JCS_YCCK : JCS_CMYK);
  jpeg_set_quality(&jpeg, 100, TRUE);
  jpeg.comp_info[0].h_samp_factor = jpeg.comp_info[0].v_samp_factor = 1;
  jpeg.comp_info[3].h_samp_factor = jpeg.comp_info[3].v_samp_factor = 1;
  jpeg.write_Adobe_marker = adobe || ycck ? TRUE : FALSE;
  jpeg_start_compress(&jpeg, TRUE);
  if (!icc.empty()) jpeg_write_icc_profile(&jpeg, icc.data(), static_cast<unsigned>(icc.size()));
  return finish(jpeg, cmyk.data(), static_cast<std::size_t>(width) * 4, memory, size);
}

}  // namespace cuhue::fixtures
