// What colorizing allocates: nothing in the steady state, and no more at its peak than it says.
#include <cstdint>
#include <string>
#include <vector>

#include "tests/api/api_support.h"
#include "tests/support/allocation_counter.h"

namespace {

using namespace api_test;
using cuhue::test::allocations_of;
using cuhue::test::AllocationTally;

Photo noise_photo(std::int64_t width, std::int64_t height, cuhue_pixel_format format) {
  Photo p(width, height, format);
  std::uint32_t state = 1;
  for (std::uint8_t& b : p.bytes) {
    state = state * 1664525u + 1013904223u;
    b = static_cast<std::uint8_t>(state >> 24);
  }
  return p;
}

}  // namespace

TEST_CASE("the second colorize call with the same sizes allocates nothing of ours") {
  for (const std::string system : {"lite", "eccv16", "masks-gan"}) {
    const Engine engine = make_engine(2);
    const Weights weights = formula_weights(system);
    const Colorizer colorizer = make_colorizer(engine.get(), weights.get());
    std::vector<Photo> photos, colored;
    photos.push_back(noise_photo(301, 211, CUHUE_RGB8));
    photos.push_back(noise_photo(64, 90, CUHUE_GREY16));
    std::vector<cuhue_pixels> in, out;
    for (const Photo& p : photos) colored.emplace_back(p.width, p.height, cuhue_output_format(p.format));
    for (Photo& p : photos) in.push_back(p.pixels());
    for (Photo& p : colored) out.push_back(p.pixels());

    cuhue_error error{sizeof error, CUHUE_OK, {}};
    for (std::size_t i = 0; system == "masks-gan" && i < photos.size(); ++i)
      must(cuhue_colorizer_set_mask(colorizer.get(), i, &in[i], &error), error);  // a photo is a mask too
    cuhue_timings timings{};
    timings.struct_size = sizeof timings;
    cuhue_status status = CUHUE_INTERNAL;
    const auto colorize = [&] {
      status = cuhue_colorize(colorizer.get(), in.data(), out.data(), in.size(), nullptr, &timings, &error);
    };
    const AllocationTally first = allocations_of(colorize);
    must(status, error);
    CHECK(first.own > 0);  // it compiles the network: the count works
    const AllocationTally second = allocations_of(colorize);
    must(status, error);
    MESSAGE(system, ": cuhue ", second.own, ", oneDNN ", second.onednn, ", OpenMP ", second.openmp,
            ", other ", second.other, ", ", second.bytes, " bytes in all");
    CHECK(second.own == 0);
    CHECK(second.other == 0);
    CHECK(second.bytes < 256 * 1024);
  }
}

TEST_CASE("one photo coloured call after call allocates nothing after the first call") {
  const Engine engine = make_engine(1);
  const Weights weights = formula_weights("lite");
  const Colorizer colorizer = make_colorizer(engine.get(), weights.get());
  Photo photo = noise_photo(400, 300, CUHUE_RGBA8), colored = photo;
  const cuhue_pixels in = photo.pixels(), out = colored.pixels();
  cuhue_status status = CUHUE_INTERNAL;
  const auto colorize = [&] {
    status = cuhue_colorize(colorizer.get(), &in, &out, 1, nullptr, nullptr, nullptr);
  };
  colorize();
  REQUIRE(status == CUHUE_OK);
  for (int i = 0; i < 3; ++i) {
    const AllocationTally again = allocations_of(colorize);
    REQUIRE(status == CUHUE_OK);
    CHECK(again.own == 0);
  }
}
