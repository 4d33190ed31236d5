// deep-koalarization's colorizer on both backends, over small networks with the ends of its two.
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <vector>

#include "runtime/colorizers/systems.h"
#include "tests/cuda/photos_support.h"
#include "tests/support/standin_networks.h"
#include "weights/status.h"

namespace cuhue::test {
namespace {

constexpr std::size_t kGuesses = 5;
using Guesses = std::vector<ClassGuess>;

struct Stage {
  explicit Stage(Backend& backend) {
    LoadedNetwork loaded[2];
    for (std::size_t i = 0; i < 2; ++i) {
      loaded[i].network = &networks[i];
      loaded[i].weights = backend.make_weights(std::make_shared<FormulaSource>(networks[i]));
      // The stage holds it: the colorizer goes first.
      loaded[i].backend = std::shared_ptr<Backend>(std::shared_ptr<Backend>(), &backend);
    }
    colorizer = make_koalarization(loaded);
  }

  Guesses guesses(std::size_t photo) const {
    Guesses found(kGuesses);
    CHECK(colorizer->classes(photo, found) == kGuesses);
    return found;
  }

  std::array<Network, 2> networks{standin_features(), standin_colours()};
  std::unique_ptr<Colorizer> colorizer;
};

ColorizeJob job_of(Picture& p, std::int64_t w, std::int64_t h) {
  return {ConstPixelView{p.in.data(), w, h, p.in_stride_, PixelFormat::rgb8},
          PixelView{p.out.data(), w, h, p.out_stride_, PixelFormat::rgb8}};
}

struct Photo {
  Photo(std::int64_t width, std::int64_t height, std::uint64_t seed)
      : picture(width, height, kRgb, kRgb, seed), w(width), h(height) {}
  ColorizeJob job() { return job_of(picture, w, h); }
  const Bytes& out() const { return picture.out; }
  void forget() { std::ranges::fill(picture.out, Picture::kUntouched); }

  Picture picture;
  std::int64_t w, h;
};

void run(Stage& stage, std::vector<ColorizeJob> jobs, const ColorizeOptions& options = {}) {
  ColorizeTimings timings;
  stage.colorizer->run(jobs, options, {}, timings);
}

void check_guesses(const Guesses& a, const Guesses& b) {
  for (std::size_t i = 0; i < kGuesses; ++i) {
    CHECK(a[i].index == b[i].index);
    CHECK(a[i].probability == doctest::Approx(b[i].probability).epsilon(1e-3));
  }
}

bool differ(const Guesses& a, const Guesses& b) {
  for (std::size_t i = 0; i < kGuesses; ++i)
    if (a[i].index != b[i].index || std::abs(a[i].probability - b[i].probability) > 1e-4f) return true;
  return false;
}

TEST_CASE(
    "koalarization on CUDA: pictures and classes are those of the CPU, photo after photo and as published") {
  const HostBackend host;
  const auto cpu = make_cpu_backend();
  Stage reference(*cpu), stage(*host.backend);
  for (const auto& [w, h] : {std::pair{61, 43}, {300, 310}, {20, 90}}) {
    Photo want(w, h, 3), got(w, h, 3);
    run(reference, {want.job()});
    for (int call = 0; call < 2; ++call) {
      got.forget();
      run(stage, {got.job()});
      CHECK(far_off(got.picture, got.out(), want.out()) <= 0.001);
      check_guesses(stage.guesses(0), reference.guesses(0));
    }
  }
  Photo photo(61, 43, 3);
  std::vector<Bytes> pictures;
  for (Stage* s : {&reference, &stage}) {
    Bytes picture(224 * 224 * 3);
    ColorizeJob job = photo.job();
    job.out = PixelView{picture.data(), 224, 224, 224 * 3, PixelFormat::rgb8};
    ColorizeOptions published;
    published.as_published = true;
    run(*s, {job}, published);
    pictures.push_back(picture);
  }
  std::int64_t off = 0;
  for (std::size_t i = 0; i < pictures[0].size(); ++i) off += std::abs(pictures[0][i] - pictures[1][i]) > 1;
  CHECK(off <= 100);
  check_guesses(stage.guesses(0), reference.guesses(0));
  CHECK(host.device->damaged() == 0);
}

TEST_CASE("koalarization on CUDA: a steady state is one launch a photo and allocates nothing") {
  const HostBackend host;
  Stage stage(*host.backend);
  HostDevice& device = *host.device;
  Photo a(61, 43, 1), b(43, 61, 2);  // upright and across
  for (int call = 0; call < 2; ++call)
    for (Photo* photo : {&a, &b}) run(stage, {photo->job()});
  const Bytes first = a.out();
  const auto allocations = device.allocations(), launches = device.launches(),
             recordings = device.recordings();
  for (int call = 1; call <= 2; ++call) {
    for (Photo* photo : {&a, &b}) {
      photo->forget();
      run(stage, {photo->job()});
      stage.guesses(0);
    }
    CHECK(device.launches() == launches + 2 * call);
  }
  run(stage, {a.job(), b.job()});
  CHECK(device.launches() == launches + 6);
  CHECK(device.allocations() == allocations);
  CHECK(device.recordings() == recordings);
  CHECK(a.out() == first);
}

TEST_CASE("koalarization on CUDA: photos in device memory, in the order of the caller's stream") {
  const HostBackend host;
  Stage stage(*host.backend);
  HostDevice& device = *host.device;
  Photo photos[] = {Photo(61, 43, 1), Photo(30, 75, 2)};
  Bytes want[2];
  Guesses guesses[2];
  for (int i = 0; i < 2; ++i) {
    run(stage, {photos[i].job()});
    want[i] = photos[i].out();
    guesses[i] = stage.guesses(0);
  }
  REQUIRE(differ(guesses[0], guesses[1]));
  ColorizeOptions options;
  options.stream = device.create_stream();
  const auto on_device = [](ColorizeJob job) {
    job.in_on_device = job.out_on_device = true;
    return job;
  };
  for (int call = 0; call < 3; ++call) {
    for (int i = 0; i < 2; ++i) {
      photos[i].forget();
      // The photo arrives by the stream, so that colours of it prove the order.
      const Bytes bytes = photos[i].picture.in;
      std::ranges::fill(photos[i].picture.in, std::uint8_t{0});
      device.copy(photos[i].picture.in.data(), bytes.data(), static_cast<std::int64_t>(bytes.size()),
                  options.stream);
      run(stage, {on_device(photos[i].job())}, options);
      CHECK(!coloured(photos[i].picture));  // not done yet
      if (call == 1) {
        check_guesses(stage.guesses(0), guesses[i]);  // whoever asks for what it shows waits
        CHECK(photos[i].out() == want[i]);
      }
      device.synchronize(options.stream);
      CHECK(photos[i].out() == want[i]);
      CHECK(!differ(stage.guesses(0), guesses[i]));
    }
  }
  // In place, as one kept, and several at once.
  options.prepared = true;
  photos[1].forget();
  run(stage, {on_device(photos[1].job())}, options);
  device.synchronize(options.stream);
  CHECK(photos[1].out() == want[1]);
  options.prepared = false;
  for (Photo& photo : photos) photo.forget();
  run(stage, {on_device(photos[0].job()), on_device(photos[1].job())}, options);
  for (std::size_t i = 0; i < 2; ++i) CHECK(!differ(stage.guesses(i), guesses[i]));
  device.synchronize(options.stream);
  for (int i = 0; i < 2; ++i) CHECK(photos[i].out() == want[i]);
  ColorizeJob job = on_device(photos[0].job());
  job.out = PixelView{photos[0].picture.in.data(), 61, 43, photos[0].picture.in_stride_, PixelFormat::rgb8};
  run(stage, {job}, options);
  device.synchronize(options.stream);
  for (std::int64_t y = 0; y < 43; ++y) {
    CHECK(std::equal(photos[0].picture.in.begin() + y * photos[0].picture.in_stride_,
                     photos[0].picture.in.begin() + y * photos[0].picture.in_stride_ + 3 * 61,
                     want[0].begin() + y * photos[0].picture.out_stride_));
  }
  // As published it is made on the host.
  options.as_published = true;
  CHECK_THROWS_WITH_AS(run(stage, {on_device(photos[1].job())}, options), doctest::Contains("as published"),
                       Error);
  device.destroy_stream(options.stream);
}

TEST_CASE("koalarization: photos kept and in turns with others, on both backends") {
  const HostBackend host;
  const auto cpu = make_cpu_backend();
  for (Backend* backend : {cpu.get(), host.backend.get()}) {
    Stage stage(*backend);
    Photo a(61, 43, 1), b(50, 43, 2), c(43, 61, 3);
    std::vector<Bytes> want;
    std::vector<Guesses> guesses;
    for (Photo* photo : {&a, &b, &c}) {
      run(stage, {photo->job()});
      want.push_back(photo->out());
      guesses.push_back(stage.guesses(0));
    }
    ColorizeOptions kept;
    kept.prepared = true;
    run(stage, {c.job()}, kept);
    CHECK(c.out() == want[2]);
    CHECK(!differ(stage.guesses(0), guesses[2]));
    for (const bool prepared : {false, true, true}) {
      for (Photo* photo : {&a, &b, &c}) photo->forget();
      kept.prepared = prepared;
      run(stage, {a.job(), b.job(), c.job()}, kept);
      CHECK(a.out() == want[0]);
      CHECK(b.out() == want[1]);
      CHECK(c.out() == want[2]);
      for (std::size_t i = 0; i < 3; ++i) CHECK(!differ(stage.guesses(i), guesses[i]));
    }
    // One photo is another than three: what was kept of those is not taken for it.
    kept.prepared = true;
    run(stage, {a.job()}, kept);
    CHECK(a.out() == want[0]);
    CHECK(!differ(stage.guesses(0), guesses[0]));
    Guesses none(kGuesses);
    CHECK_THROWS_AS(stage.colorizer->classes(1, none), Error);
    kept.chroma = 0.5f;
    run(stage, {a.job()}, kept);
    CHECK(a.out() != want[0]);
    kept.chroma = 1.0f;
    run(stage, {a.job()}, kept);
    CHECK(a.out() == want[0]);
  }
}

}  // namespace
}  // namespace cuhue::test
