// RAII and short calls over the C API, for tests.
#pragma once

#include <cuhue/cuhue.h>
#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

namespace api_test {

template <class T, void (*Free)(T*)>
struct Freed {
  void operator()(T* p) const { Free(p); }
};
using Engine = std::unique_ptr<cuhue_engine, Freed<cuhue_engine, cuhue_engine_free>>;
using Weights = std::unique_ptr<cuhue_weights, Freed<cuhue_weights, cuhue_weights_free>>;
using Network = std::unique_ptr<cuhue_network, Freed<cuhue_network, cuhue_network_free>>;
using Colorizer = std::unique_ptr<cuhue_colorizer, Freed<cuhue_colorizer, cuhue_colorizer_free>>;
using Image = std::unique_ptr<cuhue_image, Freed<cuhue_image, cuhue_image_free>>;

inline void must(cuhue_status status, const cuhue_error& error) {
  INFO(error.message);
  REQUIRE(status == CUHUE_OK);
}

inline Engine make_engine(int threads = 0) {
  cuhue_error error{sizeof error, CUHUE_OK, {}};
  cuhue_engine_options options{};
  options.struct_size = sizeof options;
  options.device = "cpu";
  options.threads = threads;
  cuhue_engine* engine = nullptr;
  must(cuhue_engine_create(&options, &engine, &error), error);
  return Engine(engine);
}

inline Weights formula_weights(const std::string& network) {
  cuhue_error error{sizeof error, CUHUE_OK, {}};
  cuhue_weights* weights = nullptr;
  must(cuhue_weights_formula(network.c_str(), &weights, &error), error);
  return Weights(weights);
}

inline Colorizer make_colorizer(cuhue_engine* engine, cuhue_weights* weights) {
  cuhue_error error{sizeof error, CUHUE_OK, {}};
  cuhue_colorizer* colorizer = nullptr;
  must(cuhue_colorizer_create(engine, nullptr, &weights, 1, &colorizer, &error), error);
  return Colorizer(colorizer);
}

inline int channels_of(cuhue_pixel_format format) {
  switch (format) {
    case CUHUE_GREY8:
    case CUHUE_GREY16: return 1;
    case CUHUE_GREY_ALPHA8:
    case CUHUE_GREY_ALPHA16: return 2;
    case CUHUE_RGB8:
    case CUHUE_BGR8:
    case CUHUE_RGB16: return 3;
    default: return 4;
  }
}
inline int depth_of(cuhue_pixel_format format) {
  return format >= CUHUE_GREY16 ? 2 : 1;
}

// Pixels of our own, rows tightly packed.
struct Photo {
  std::int64_t width = 0, height = 0;
  cuhue_pixel_format format = CUHUE_RGB8;
  std::vector<std::uint8_t> bytes;

  Photo() = default;
  Photo(std::int64_t w, std::int64_t h, cuhue_pixel_format f)
      : width(w),
        height(h),
        format(f),
        bytes(static_cast<std::size_t>(h * w * channels_of(f) * depth_of(f))) {}

  cuhue_pixels pixels() {
    cuhue_pixels p{};
    p.struct_size = sizeof p;
    p.data = bytes.data();
    p.width = width;
    p.height = height;
    p.format = format;
    return p;
  }
  // Sample i of the dense picture, at 8 bits.
  int sample8(std::size_t i) const {
    if (depth_of(format) == 1) return bytes[i];
    std::uint16_t v = 0;
    std::memcpy(&v, bytes.data() + 2 * i, sizeof v);
    return (v + 128) / 257;
  }
  std::size_t samples() const { return bytes.size() / static_cast<std::size_t>(depth_of(format)); }
};

inline Photo read_photo(const std::string& path) {
  cuhue_error error{sizeof error, CUHUE_OK, {}};
  cuhue_image* handle = nullptr;
  must(cuhue_image_read(path.c_str(), &handle, &error), error);
  const Image image(handle);
  cuhue_pixels p{};
  p.struct_size = sizeof p;
  must(cuhue_image_pixels(image.get(), &p, &error), error);
  Photo photo(p.width, p.height, p.format);
  const std::size_t row = photo.bytes.size() / static_cast<std::size_t>(p.height);
  const std::size_t stride = p.stride != 0 ? static_cast<std::size_t>(p.stride) : row;
  for (std::size_t y = 0; y < static_cast<std::size_t>(p.height); ++y)
    std::memcpy(photo.bytes.data() + y * row, static_cast<const std::uint8_t*>(p.data) + y * stride, row);
  return photo;
}

}  // namespace api_test
