#include "kernels/merge/merge.h"

#include <doctest/doctest.h>

#include <limits>
#include <optional>
#include <utility>

#include "kernels/upsample/upsample.h"
#include "tests/kernels/device/photo_pictures.h"

using namespace cuhue;
using namespace cuhue::test;

namespace {

struct Size {
  std::int64_t w, h, ab_w, ab_h;
};

// A map of colours in device memory and, as planes, on the host.
struct Colours {
  Colours(const Size& s, Element element, std::int64_t pitch, std::int64_t offset, double range,
          int count = 2)
      : device({1, count, s.ab_h, s.ab_w}, element, pitch, offset) {
    std::vector<float> planes(static_cast<std::size_t>(count * s.ab_h * s.ab_w));
    Random random(5);
    for (float& v : planes) v = static_cast<float>(random.uniform(-range, range));
    device.write(planes);
    host = device.read();  // what halves hold
  }
  DeviceArrayTensor device;
  std::vector<float> host;
};

struct Options {
  AbUpsampling upsampling = AbUpsampling::none;
  int factor = 1;
  float scale = 1.0f, chroma = 1.0f;
  ByteRounding rounding = ByteRounding::nearest_even;
  ColorSpace space = ColorSpace::lab;
  std::int64_t used_h = 0, used_w = 0;
  Saturation saturation = Saturation::kept;
  float limit = kNoLimit;
};

// Levels for each pixel of a photo in host and device memory, the first one at an odd address.
struct Gate {
  Gate(const Size& s, std::int64_t padding) : stride(s.w + padding) {
    host.resize(static_cast<std::size_t>(1 + stride * (s.h - 1) + s.w));
    for (std::size_t i = 0; i < host.size(); ++i) host[i] = static_cast<std::uint8_t>(splitmix64(i) % 300);
    device.emplace(host);
  }
  GateRef on_host() const { return {host.data() + 1, static_cast<std::ptrdiff_t>(stride)}; }
  GateRef on_device() const { return {device->data() + 1, static_cast<std::ptrdiff_t>(stride)}; }
  std::int64_t stride;
  Bytes host;
  std::optional<DeviceArray<std::uint8_t>> device;
};

// upsample_cpu, then merge_cpu.
void on_cpu(const PhotoRef& photo, const MutablePhotoRef& out, const Size& s, std::vector<float> ab,
            const Options& o, const GateRef& gate = {}) {
  const int planes = color_planes(o.space);
  const Dims small{1, planes, s.ab_h, s.ab_w}, large{1, planes, s.ab_h * o.factor, s.ab_w * o.factor};
  std::vector<float> map(static_cast<std::size_t>(large.count()));
  const UpsampleParams params{dense_tensor(ab.data(), small), dense_tensor(map.data(), large), o.factor,
                              o.scale};
  if (o.upsampling == AbUpsampling::none) map = ab;
  if (o.upsampling == AbUpsampling::nearest) upsample_nearest_cpu(params);
  if (o.upsampling == AbUpsampling::bilinear) upsample_bilinear_cpu(params);
  merge_cpu({photo, out, map.data(), large.h, large.w, o.chroma, o.rounding, o.space, o.used_h, o.used_w,
             gate, o.saturation, o.limit});
}

void on_device(const PhotoRef& photo, const MutablePhotoRef& out, const Colours& ab, const Options& o,
               int* not_finite = nullptr, const GateRef& gate = {}) {
  merge_cuda({photo, out, ab.device.ref(), o.upsampling, o.factor, o.scale, o.chroma, o.rounding, not_finite,
              o.space, o.used_h, o.used_w, gate, o.saturation, o.limit},
             nullptr);
}

// A result in memory of a known pattern, `offset` bytes into it.
MutablePhotoRef result_at(std::uint8_t* memory, const PhotoRef& photo, int channels, bool bgr, int alpha,
                          std::int64_t padding) {
  MutablePhotoRef out;
  out.data = memory;
  out.width = photo.width;
  out.height = photo.height;
  out.channels = channels;
  out.bytes_per_sample = photo.bytes_per_sample;
  out.stride = static_cast<std::ptrdiff_t>(photo.width * channels * photo.bytes_per_sample + padding);
  out.red = bgr ? 2 : 0;
  out.blue = bgr ? 0 : 2;
  out.alpha = alpha;
  return out;
}

struct Result {
  int channels, alpha;
  bool bgr;
};
constexpr Result kResults[] = {{3, -1, false}, {3, -1, true}, {4, 3, true}, {4, -1, false}};

}  // namespace

TEST_CASE(
    "merge: every format, result, padding and address gives the bytes of the CPU and touches no others") {
  constexpr Size kSizes[] = {{1, 1, 1, 1}, {1, 9, 3, 2},   {9, 1, 4, 4},
                             {3, 5, 2, 3}, {128, 5, 9, 3}, {135, 34, 16, 8}};
  int moved = 0;
  for (const PhotoFormat& format : kPhotoFormats) {
    CAPTURE(format.channels);
    CAPTURE(format.size);
    CAPTURE(format.nv12);
    for (const Size& s : kSizes) {
      CAPTURE(s.w);
      for (const Result& result : kResults) {
        CAPTURE(result.channels);
        CAPTURE(result.alpha);
        ++moved;  // through paddings and addresses, each combination a few times
        const std::int64_t padding = moved % 5 * format.size, offset = moved % 4 * format.size;
        const std::int64_t out_padding = moved % 7 * format.size, out_offset = moved / 4 % 4 * format.size;
        const DevicePhoto photo(format, s.w, s.h, padding, offset, 3);
        const Colours ab(s, moved % 2 == 0 ? Element::f32 : Element::f16, 2 + moved % 3, moved % 2, 80);
        const Options options{AbUpsampling::none, 1, 1.0f, 1.25f,
                              moved % 3 == 0 ? ByteRounding::truncate : ByteRounding::nearest_even};
        MutablePhotoRef out =
            result_at(nullptr, photo.host(), result.channels, result.bgr, result.alpha, out_padding);
        Bytes expected(static_cast<std::size_t>(out.stride * s.h + out_offset), 0x5A);
        const Bytes before = expected;
        out.data = expected.data() + out_offset;
        on_cpu(photo.host(), out, s, ab.host, options);
        DeviceArray<std::uint8_t> memory(before.size());
        for_each_order([&] {
          memory.write(before);
          out.data = memory.data() + out_offset;
          on_device(photo.device(), out, ab, options);
          CHECK(memory.read() == expected);
        });
      }
    }
  }
}

TEST_CASE("merge: YUV, RGB, gates, padded maps, paled colours and every rounding give the bytes of the CPU") {
  constexpr Size kSizes[] = {{1, 1, 32, 32}, {3, 5, 2, 3}, {135, 34, 16, 8}};
  constexpr ByteRounding kRoundings[] = {ByteRounding::nearest_even, ByteRounding::truncate,
                                         ByteRounding::in_steps};
  int moved = 0;
  for (const PhotoFormat& format : kPhotoFormats) {
    CAPTURE(format.channels);
    CAPTURE(format.size);
    CAPTURE(format.nv12);
    for (const Size& s : kSizes) {
      CAPTURE(s.w);
      const Gate gate(s, moved % 4);
      for (const auto& [space, saturation] :
           {std::pair(ColorSpace::lab, Saturation::kept), std::pair(ColorSpace::lab, Saturation::by_luma),
            std::pair(ColorSpace::yuv, Saturation::kept), std::pair(ColorSpace::rgb, Saturation::kept)}) {
        for (const bool gated : {false, true}) {
          ++moved;
          CAPTURE(moved);
          const DevicePhoto photo(format, s.w, s.h, moved % 5 * format.size, moved % 4 * format.size, 43);
          const Colours ab(s, moved % 2 == 0 ? Element::f32 : Element::f16, color_planes(space) + moved % 3,
                           moved % 2, space == ColorSpace::lab ? 80 : 1, color_planes(space));
          Options options;
          options.chroma = moved % 5 == 0 ? 1.25f : 1.0f;
          options.rounding = kRoundings[moved % 3];
          options.space = space;
          options.saturation = saturation;
          if (moved % 3 == 0) options.limit = space == ColorSpace::lab ? 30.0f : 0.4f;
          options.used_h = moved % 4 == 0 ? 0 : (s.ab_h + 1) / 2;
          options.used_w = moved % 4 == 1 ? 0 : s.ab_w * 2 / 3 + 1;
          const Result& result = kResults[moved / 2 % 4];
          MutablePhotoRef out =
              result_at(nullptr, photo.host(), result.channels, result.bgr, result.alpha, moved % 3);
          out.stride = (out.stride + format.size - 1) / format.size * format.size;
          Bytes expected(static_cast<std::size_t>(out.stride * s.h), 0x5A);
          const Bytes before = expected;
          out.data = expected.data();
          on_cpu(photo.host(), out, s, ab.host, options, gated ? gate.on_host() : GateRef{});
          DeviceArray<std::uint8_t> memory(before.size());
          for_each_order([&] {
            memory.write(before);
            out.data = memory.data();
            on_device(photo.device(), out, ab, options, nullptr, gated ? gate.on_device() : GateRef{});
            CHECK(memory.read() == expected);
          });
        }
      }
    }
  }
}

TEST_CASE("merge: the network's own upsampling inside gives the bytes of upsampling first") {
  // From a map much smaller than the photo to one so much larger that no block holds all under its pixels.
  constexpr Size kSizes[] = {
      {300, 70, 4, 3}, {64, 64, 16, 16}, {20, 10, 30, 60}, {7, 5, 1, 1}, {2, 3, 300, 2}};
  for (const Size& s : kSizes) {
    CAPTURE(s.w);
    const DevicePhoto photo(kPhotoFormats[0], s.w, s.h, 0, 0, 13);
    for (const AbUpsampling upsampling :
         {AbUpsampling::none, AbUpsampling::nearest, AbUpsampling::bilinear}) {
      for (const int factor : {1, 2, 4, 5}) {
        if (upsampling == AbUpsampling::none && factor > 1) continue;
        CAPTURE(factor);
        Options options{upsampling, factor, upsampling == AbUpsampling::none ? 1.0f : 110.0f, 0.75f};
        if (factor == 2) options.used_h = 2 * s.ab_h - 1;  // of the upsampled map
        if (factor == 4) options.used_w = 4 * s.ab_w - 3;
        for (const Element element : {Element::f32, Element::f16}) {
          const Colours ab(s, element, 2, 0, upsampling == AbUpsampling::none ? 60 : 0.6);
          MutablePhotoRef out = result_at(nullptr, photo.host(), 3, false, -1, 0);
          Bytes expected(static_cast<std::size_t>(out.stride * s.h));
          out.data = expected.data();
          on_cpu(photo.host(), out, s, ab.host, options);
          const DeviceArray<std::uint8_t> memory(expected.size());
          for_each_order([&] {
            out.data = memory.data();
            on_device(photo.device(), out, ab, options);
            CHECK(memory.read() == expected);
          });
        }
      }
    }
  }
}

TEST_CASE("merge: a photo may be its own result") {
  constexpr Size kSizes[] = {{3, 5, 2, 2}, {135, 34, 16, 8}};
  for (const PhotoFormat& format : kPhotoFormats) {
    if (format.channels < 3) continue;
    CAPTURE(format.channels);
    CAPTURE(format.size);
    for (const Size& s : kSizes) {
      for (const std::int64_t offset : {0, 1, 2}) {
        const std::int64_t at = offset * format.size;
        DevicePhoto photo(format, s.w, s.h, at, at, 23);
        const Colours ab(s, Element::f32, 2, 0, 80);
        Bytes expected = photo.host_bytes();
        MutablePhotoRef out;
        out.width = s.w;
        out.height = s.h;
        out.stride = photo.host().stride;
        out.channels = format.channels;
        out.bytes_per_sample = format.size;
        out.red = format.red;
        out.green = format.green;
        out.blue = format.blue;
        out.alpha = format.alpha;
        out.data = expected.data() + at;
        on_cpu(photo.host(), out, s, ab.host, {});
        for_each_order([&] {
          photo.device_memory().write(photo.host_bytes());
          out.data = photo.device_memory().data() + at;
          on_device(photo.device(), out, ab, {});
          CHECK(photo.device_memory().read() == expected);
        });
      }
    }
  }
}

TEST_CASE("merge: colours that are not finite numbers are told, wherever they are, and others never") {
  constexpr Size kSize{9, 4, 70, 50};  // most cells of the map are under no pixel's taps
  const DevicePhoto photo(kPhotoFormats[0], kSize.w, kSize.h, 0, 0, 33);
  const DeviceArray<std::uint8_t> memory(static_cast<std::size_t>(kSize.w * kSize.h * 3));
  MutablePhotoRef out = result_at(memory.data(), photo.host(), 3, false, -1, 0);
  DeviceArray<int> flag(1);
  const auto told = [&](const Colours& ab, int before) {
    flag.write(std::vector<int>{before});
    on_device(photo.device(), out, ab, {}, flag.data());
    return flag.read()[0];
  };
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  for (const Element element : {Element::f32, Element::f16}) {
    Colours ab(kSize, element, 3, 0, 80);
    const Bytes nan(static_cast<std::size_t>(element_bytes(element)), 0xFF);
    for (std::int64_t i = 2; i < 3 * kSize.ab_w * kSize.ab_h; i += 3)  // between c and pitch: nobody's colour
      device_copy(static_cast<std::uint8_t*>(ab.device.ref().data) + i * element_bytes(element), nan.data(),
                  nan.size());
    CHECK(told(ab, 0) == 0);
    CHECK(told(ab, 1) == 1);  // never cleared
    for (const std::size_t at : {std::size_t{0}, std::size_t{3499}, std::size_t{3500}, ab.host.size() - 1})
      for (const float value : {kInfinity, -kInfinity, std::numeric_limits<float>::quiet_NaN()}) {
        std::vector<float> planes = ab.host;
        planes[at] = value;
        ab.device.write(planes);
        CHECK(told(ab, 0) == 1);
      }
  }
}
