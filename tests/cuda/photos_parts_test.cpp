// Photos that use a part of a network's planes, gates, and colours in YUV, against the CPU backend.
#include <doctest/doctest.h>

#include "tests/cuda/photos_support.h"

namespace cuhue::test {
namespace {

constexpr PhotoEnds kYuvEnds{"grey", "ab", Luminance::bt601_luma, ColorSpace::yuv};

// Columns of 0 and 255 with a slope between them, rows further apart than they are long.
struct Gate {
  Gate(std::int64_t w, std::int64_t h) : stride(static_cast<std::ptrdiff_t>(w + 3)) {
    levels.resize(static_cast<std::size_t>(stride * h));
    for (std::size_t i = 0; i < levels.size(); ++i) {
      const std::int64_t x = static_cast<std::int64_t>(i) % stride;
      levels[i] = static_cast<std::uint8_t>(std::clamp<std::int64_t>(x * 40 - 200, 0, 255));
    }
  }
  GateRef ref() const { return {levels.data(), stride}; }
  Bytes levels;
  std::ptrdiff_t stride;
};

PhotoJob with_parts(PhotoJob job, std::int64_t used_h, std::int64_t used_w, const Gate* gate) {
  job.used_h = used_h;
  job.used_w = used_w;
  if (gate != nullptr) job.gate = gate->ref();
  return job;
}

TEST_CASE("photos: parts of planes, gates and YUV as the CPU backend has them, and each is recorded apart") {
  const Gate gate(37, 23);
  for (const bool integrated : {false, true}) {
    HostDeviceOptions device;
    device.integrated = integrated;
    Pair pair(colours(), device);
    std::vector<Bytes> results;
    for (int call = 0; call < 2; ++call) {
      for (const PhotoEnds& ends : {kEnds, kYuvEnds}) {
        for (const auto& [h, w] : {std::pair{0, 0}, {7, 16}, {12, 5}, {1, 1}}) {
          for (const Gate* g : {static_cast<const Gate*>(nullptr), &gate}) {
            Picture p(37, 23), want = p;
            run(*pair.reference, {with_parts(want.job(), h, w, g)}, {}, ends);
            run(*pair.program, {with_parts(p.job(), h, w, g)}, {}, ends);
            CHECK(far_off(p, p.out, want.out) <= 0.001);
            results.push_back(p.out);
          }
        }
      }
    }
    const auto half = results.begin() + static_cast<std::ptrdiff_t>(results.size() / 2);
    CHECK(std::equal(results.begin(), half, half));
    for (auto a = results.begin(); a != half; ++a)
      for (auto b = a + 1; b != half; ++b) CHECK(*a != *b);
    CHECK(pair.device().damaged() == 0);
  }
}

TEST_CASE("photos: a batch with a gate for one photo, changed from call to call") {
  Pair pair(colours(2));
  Gate gate(31, 11);
  for (int call = 0; call < 3; ++call) {
    for (std::uint8_t& level : gate.levels) level = static_cast<std::uint8_t>(255 - level + call);
    Picture a(20, 30), b(31, 11, kRgba, kRgba, 2), want_a = a, want_b = b;
    run(*pair.reference, {want_a.job(), with_parts(want_b.job(), 6, 16, &gate)}, {}, kYuvEnds);
    run(*pair.program, {a.job(), with_parts(b.job(), 6, 16, &gate)}, {}, kYuvEnds);
    CHECK(far_off(a, a.out, want_a.out) <= 0.001);
    CHECK(far_off(b, b.out, want_b.out) <= 0.001);
  }
}

TEST_CASE("photos: where a gate is shut a photo keeps its grey") {
  Pair pair(colours());
  const Gate gate(37, 23);
  Picture p(37, 23, kGrey, kRgb);
  run(*pair.program, {with_parts(p.job(), 8, 13, &gate)}, {}, kYuvEnds);
  int shut = 0, colored = 0;
  for (std::int64_t y = 0; y < 23; ++y) {
    for (std::int64_t x = 0; x < 37; ++x) {
      const std::uint8_t* pixel = p.out.data() + y * p.out_stride_ + 3 * x;
      const std::uint8_t grey = p.in[static_cast<std::size_t>(y * p.in_stride_ + x)];
      const bool same = pixel[0] == grey && pixel[1] == grey && pixel[2] == grey;
      if (gate.levels[static_cast<std::size_t>(y * gate.stride + x)] == 0) {
        ++shut;
        CHECK(same);
      } else {
        colored += same ? 0 : 1;
      }
    }
  }
  CHECK(shut == 6 * 23);
  CHECK(colored > 23 * 15);
}

TEST_CASE("photos: planes of another part are not those of the latest call") {
  Pair pair(colours());
  Picture p(37, 23), again = p;
  PhotoOptions prepared;
  prepared.prepared = true;
  run(*pair.reference, {with_parts(p.job(), 7, 16, nullptr)});
  run(*pair.reference, {with_parts(again.job(), 12, 5, nullptr)});
  const Bytes want = again.out;
  run(*pair.reference, {with_parts(p.job(), 7, 16, nullptr)});
  run(*pair.reference, {with_parts(again.job(), 12, 5, nullptr)}, prepared);
  CHECK(again.out == want);
}

}  // namespace
}  // namespace cuhue::test
