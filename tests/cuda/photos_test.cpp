// Photos through programs of the CUDA backend on the host executor, against the CPU backend.
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <limits>
#include <string>
#include <thread>
#include <vector>

#include "runtime/networks/network.h"
#include "tests/cuda/photos_support.h"
#include "weights/status.h"

namespace cuhue::test {
namespace {

TEST_CASE("photos: every format as the CPU backend colours it, again and again") {
  Pair pair(colours());
  const std::pair<Format, Format> formats[] = {{kRgb, kRgb},  {kBgr, kBgr},     {kRgba, kRgba}, {kGrey, kRgb},
                                               {kBgr, kRgba}, {kRgb16, kRgb16}, {kNv12, kRgb},  {kRgb, kBgr}};
  for (const auto& [from, to] : formats) {
    for (const auto& [w, h] : {std::pair{37, 23}, {16, 12}, {9, 41}}) {
      Picture p(w, h, from, to);
      const Bytes want = expected(*pair.reference, p), before = p.in;
      for (int call = 0; call < 3; ++call) {
        std::ranges::fill(p.out, Picture::kUntouched);
        run(*pair.program, {p.job()});
        CHECK(far_off(p, p.out, want, to.bytes) <= 0.001);
        CHECK(p.in == before);
        for (std::int64_t y = 0; y < h; ++y) {  // what lies between rows is the caller's
          const auto end = p.out.begin() + (y + 1) * p.out_stride_;
          CHECK(std::count(end - 7, end, Picture::kUntouched) == 7);
        }
      }
    }
  }
  CHECK(pair.device().damaged() == 0);
}

TEST_CASE("photos: lite as the CPU backend colours it") {
  const Network& network = network_or_throw("lite");
  const std::string_view only[] = {"ab"};
  const auto source = std::make_shared<FormulaSource>(network);
  const auto cpu = make_cpu_backend();
  const auto reference =
      cpu->compile(build_graph(network, 1, 32, 32, {}, only), cpu->make_weights(source), {});
  Picture p(75, 50);
  const Bytes want = expected(*reference, p);
  for (const auto& [precision, most] : {std::pair{Precision::fp32, 0.001}, {Precision::fp16, 0.02}}) {
    const HostBackend host(precision);
    const auto program =
        host->compile(build_graph(network, 1, 32, 32, {}, only), host->make_weights(source), {});
    run(*program, {p.job()});
    CHECK(far_off(p, p.out, want) <= most);
    const Bytes first = p.out;
    run(*program, {p.job()});
    CHECK(p.out == first);
  }
}

TEST_CASE("photos: an output that no upsampling makes") {
  Pair pair(colours(2, false));
  Picture a(20, 30), b(31, 11, kRgba, kRgba, 2);
  const Bytes want_a = expected(*pair.reference, a), want_b = expected(*pair.reference, b);
  for (int call = 0; call < 2; ++call) {
    run(*pair.program, {a.job(), b.job()});
    CHECK(far_off(a, a.out, want_a) <= 0.001);
    CHECK(far_off(b, b.out, want_b) <= 0.001);
  }
}

TEST_CASE("photos: a batch of different sizes and formats, then a part of one") {
  Pair pair(colours(3));
  std::vector<Picture> pictures = {Picture(33, 20, kRgb, kRgb, 1), Picture(8, 50, kNv12, kRgba, 2),
                                   Picture(16, 12, kRgb16, kRgb16, 3)};
  std::vector<Bytes> want;
  for (const Picture& p : pictures) want.push_back(expected(*pair.reference, p));
  for (int call = 0; call < 2; ++call) {
    run(*pair.program, {pictures[0].job(), pictures[1].job(), pictures[2].job()});
    for (std::size_t i = 0; i < 3; ++i)
      CHECK(far_off(pictures[i], pictures[i].out, want[i], i == 2 ? 2 : 1) <= 0.001);
  }
  run(*pair.program, {pictures[1].job()});
  CHECK(far_off(pictures[1], pictures[1].out, want[1]) <= 0.001);
  CHECK_THROWS_AS(
      run(*pair.program, {pictures[0].job(), pictures[0].job(), pictures[0].job(), pictures[0].job()}),
      Error);
}

TEST_CASE("photos: the result may take the photo's place") {
  Pair pair(colours());
  Picture p(30, 21);
  const Bytes want = expected(*pair.reference, p);
  Picture moved = p;
  moved.out_stride_ = moved.in_stride_;
  run(*pair.program, {moved.job(moved.in.data(), moved.in.data())});
  for (std::int64_t y = 0; y < 21; ++y)
    for (std::int64_t i = 0; i < p.row(); ++i)
      CHECK(std::abs(moved.in[static_cast<std::size_t>(y * p.in_stride_ + i)] -
                     want[static_cast<std::size_t>(y * p.out_stride_ + i)]) <= 1);
}

TEST_CASE("photos: a steady state is one launch a call and allocates nothing") {
  Pair pair(colours());
  Picture a(40, 30), b(20, 50, kRgba, kRgba, 2);
  HostDevice& device = pair.device();
  for (int call = 0; call < 2; ++call) {
    run(*pair.program, {a.job()});
    run(*pair.program, {b.job()});
  }
  const auto allocations = device.allocations(), recordings = device.recordings(), blocks = device.blocks();
  const auto launches = device.launches();
  const Bytes first_a = a.out, first_b = b.out;
  for (int call = 1; call <= 3; ++call) {
    run(*pair.program, {a.job()});
    run(*pair.program, {b.job()});
    CHECK(device.launches() == launches + 2 * call);
    CHECK(a.out == first_a);
    CHECK(b.out == first_b);
  }
  CHECK(device.allocations() == allocations);
  CHECK(device.recordings() == recordings);
  CHECK(device.blocks() == blocks);
  // From the second call on: the first alone makes what is needed.
  Picture c(11, 12, kGrey, kRgb, 3);
  run(*pair.program, {c.job()});
  const auto after_first = device.allocations();
  run(*pair.program, {c.job()});
  CHECK(device.allocations() == after_first);
}

TEST_CASE("photos: more kinds of calls than are kept, in turns") {
  Pair pair(colours());
  std::vector<Picture> pictures;
  std::vector<Bytes> want;
  for (int i = 0; i < 11; ++i) {
    pictures.emplace_back(10 + 3 * i, 40 - 2 * i, kRgb, kRgb, static_cast<std::uint64_t>(i));
    want.push_back(expected(*pair.reference, pictures.back()));
  }
  std::int64_t blocks = 0;
  for (int round = 0; round < 3; ++round) {
    for (std::size_t i = 0; i < pictures.size(); ++i) {
      run(*pair.program, {pictures[i].job()});
      CHECK(far_off(pictures[i], pictures[i].out, want[i]) <= 0.001);
    }
    if (round == 1) blocks = pair.device().blocks();
  }
  CHECK(pair.device().blocks() == blocks);
}

TEST_CASE("photos: options are part of what is recorded") {
  Pair pair(colours());
  Picture p(24, 24);
  PhotoOptions strong, truncated;
  strong.chroma = 1.5f;
  truncated.rounding = ByteRounding::truncate;
  std::vector<Bytes> results;
  for (int call = 0; call < 2; ++call) {
    for (const PhotoOptions& options : {PhotoOptions{}, strong, truncated}) {
      run(*pair.program, {p.job()}, options);
      CHECK(far_off(p, p.out, expected(*pair.reference, p, options)) <= 0.001);
      results.push_back(p.out);
    }
  }
  CHECK(results[0] != results[1]);
  CHECK(results[0] != results[2]);
  CHECK(std::equal(results.begin(), results.begin() + 3, results.begin() + 3));
}

// A picture in the device's memory.
struct OnDevice {
  OnDevice(const std::shared_ptr<HostDevice>& device, const Picture& p)
      : picture(p),
        in(device, static_cast<std::int64_t>(p.in.size()), "photo"),
        out(device, static_cast<std::int64_t>(p.out.size()), "result") {
    std::ranges::copy(p.in, bytes(in));
    std::ranges::copy(p.out, bytes(out));
  }
  static std::uint8_t* bytes(const cuda::Memory& m) { return reinterpret_cast<std::uint8_t*>(m.data()); }
  PhotoJob job() const {
    PhotoJob j = picture.job(bytes(in), bytes(out));
    j.in_on_device = j.out_on_device = true;
    return j;
  }
  Bytes result() const { return {bytes(out), bytes(out) + picture.out.size()}; }

  Picture picture;
  cuda::Memory in, out;
};

TEST_CASE("photos: on the device nothing is copied, and the bits are those of photos on the host") {
  Pair pair(colours());
  for (const Format& format : {kRgb, kRgba, kNv12}) {
    Picture p(39, 26, format, kRgb);
    run(*pair.program, {p.job()});
    const OnDevice d(pair.host.device, Picture(39, 26, format, kRgb));
    const auto copies = pair.device().copies();
    for (int call = 0; call < 2; ++call) run(*pair.program, {d.job()});
    CHECK(pair.device().copies() == copies);  // nor are the tables of the size made again
    CHECK(d.result() == p.out);
  }
}

TEST_CASE("photos: one end on the device, the other on the host") {
  Pair pair(colours());
  Picture p(39, 26);
  run(*pair.program, {p.job()});
  const OnDevice d(pair.host.device, Picture(39, 26));
  Picture host(39, 26);
  PhotoJob from_device = d.job(), to_device = d.job();
  from_device.out = host.job().out;
  from_device.out_on_device = false;
  to_device.in = host.job().in;
  to_device.in_on_device = false;
  for (int call = 0; call < 2; ++call) {
    run(*pair.program, {from_device});
    CHECK(host.out == p.out);
    run(*pair.program, {to_device});
    CHECK(d.result() == p.out);
  }
}

TEST_CASE("photos: where host and device share memory, nothing is copied either") {
  HostDeviceOptions shared;
  shared.integrated = true;
  Pair pair(colours(), shared);
  Picture a(37, 23), b(20, 31, kNv12, kRgba, 2);
  for (Picture* p : {&a, &b}) {
    const Bytes want = expected(*pair.reference, *p);
    run(*pair.program, {p->job()});
    const auto copies = pair.device().copies();
    for (int call = 0; call < 2; ++call) {
      run(*pair.program, {p->job()});
      CHECK(far_off(*p, p->out, want) <= 0.001);
    }
    CHECK(pair.device().copies() == copies);
  }
}

TEST_CASE("photos: on the caller's stream the call returns before the work is done") {
  Pair pair(colours());
  HostDevice& device = pair.device();
  Picture a(39, 26, kRgb, kRgb, 1), b(39, 26, kRgb, kRgb, 2);
  const Bytes want_a = expected(*pair.reference, a), want_b = expected(*pair.reference, b);
  const OnDevice on_a(pair.host.device, a), on_b(pair.host.device, b);
  {
    const cuda::OwnedStream stream(pair.host.device), other(pair.host.device);
    PhotoOptions options;
    options.stream = stream.get();
    for (int call = 0; call < 3; ++call) {
      std::ranges::copy(a.out, OnDevice::bytes(on_a.out));
      std::ranges::copy(b.out, OnDevice::bytes(on_b.out));
      run(*pair.program, {on_a.job()}, options);
      CHECK(on_a.result() == a.out);  // untouched
      run(*pair.program, {on_b.job()}, options);
      device.synchronize(stream.get());
      CHECK(far_off(a, on_a.result(), want_a) <= 0.001);
      CHECK(far_off(b, on_b.result(), want_b) <= 0.001);
    }
    // Another stream waits for the arena, though nobody waits for the first stream.
    run(*pair.program, {on_a.job()}, options);
    options.stream = other.get();
    run(*pair.program, {on_b.job()}, options);
    std::ranges::fill(std::span(OnDevice::bytes(on_a.out), a.out.size()), std::uint8_t{0});
    device.synchronize(other.get());
    CHECK(far_off(a, on_a.result(), want_a) <= 0.001);
    CHECK(far_off(b, on_b.result(), want_b) <= 0.001);
    // So does a call with photos of the host.
    run(*pair.program, {on_a.job()}, options);
  }
  Picture host(39, 26, kRgb, kRgb, 2);
  run(*pair.program, {host.job()});
  CHECK(far_off(host, host.out, want_b) <= 0.001);
  // Host photos on the caller's stream are done on return.
  const cuda::OwnedStream stream(pair.host.device);
  PhotoOptions options;
  options.stream = stream.get();
  Picture again(39, 26, kRgb, kRgb, 1);
  run(*pair.program, {again.job()}, options);
  CHECK(far_off(again, again.out, want_a) <= 0.001);
}

TEST_CASE("photos: addresses of the caller change from frame to frame") {
  Pair pair(colours());
  std::vector<std::unique_ptr<OnDevice>> frames;
  std::vector<Bytes> want;
  for (std::uint64_t i = 0; i < 10; ++i) {
    const Picture p(24, 18, kRgb, kRgb, i);
    want.push_back(expected(*pair.reference, p));
    frames.push_back(std::make_unique<OnDevice>(pair.host.device, p));
  }
  const cuda::OwnedStream stream(pair.host.device);
  PhotoOptions options;
  options.stream = stream.get();
  for (int round = 0; round < 2; ++round) {
    for (const auto& frame : frames) run(*pair.program, {frame->job()}, options);
    pair.device().synchronize(stream.get());
    for (std::size_t i = 0; i < frames.size(); ++i)
      CHECK(far_off(frames[i]->picture, frames[i]->result(), want[i]) <= 0.001);
  }
}

// ab = network(grey) + tint.
Graph tinted() {
  GraphMaker m;
  const ValueId grey = m.input({1, 1, 12, 16}, "grey"), tint = m.input({1, 2, 12, 16}, "tint");
  m.output(m.same(Add{}, {m.convolution(same_size(2), grey), tint}), "ab");
  return std::move(m.graph);
}

TEST_CASE("photos: other inputs come from their staging; colours that are not finite are an error, once") {
  Pair pair(tinted());
  Picture p(21, 17);
  const auto tint = [&](float value) {
    for (Program* program : {pair.program.get(), pair.reference.get()}) {
      const TensorRef t = program->input("tint");
      std::fill_n(t.data, t.dims.count(), value);
    }
  };
  const auto fails = [&](const auto& call) {
    try {
      call();
    } catch (const Error& e) {
      CHECK(e.status() == Status::weights);
      CHECK(std::string(e.what()) == kColoursNotFinite);
      return true;
    }
    return false;
  };
  for (int round = 0; round < 2; ++round) {
    for (const float value : {30.0f, -20.0f}) {
      tint(value);
      run(*pair.program, {p.job()});
      CHECK(far_off(p, p.out, expected(*pair.reference, p)) <= 0.001);
    }
    const Bytes before = p.out;
    for (const float value :
         {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
      tint(value);
      CHECK(fails([&] { run(*pair.program, {p.job()}); }));
      CHECK(p.out == before);  // a picture without colours must not pass for a result
    }
  }
  // Where the call returns early, a later one says it.
  const OnDevice d(pair.host.device, p);
  const cuda::OwnedStream stream(pair.host.device);
  PhotoOptions options;
  options.stream = stream.get();
  run(*pair.program, {d.job()}, options);
  pair.device().synchronize(stream.get());
  tint(1.0f);
  CHECK(fails([&] { run(*pair.program, {d.job()}, options); }));
  run(*pair.program, {d.job()}, options);
  pair.device().synchronize(stream.get());
  CHECK(far_off(p, d.result(), expected(*pair.reference, p)) <= 0.001);
}

TEST_CASE("photos: a caller may stop before the work and before its result") {
  Pair pair(colours());
  Picture p(20, 20);
  PhotoTimings timings;
  for (const double when : {0.0, 1.0}) {
    const Poll poll = [when](double done) { return done >= when; };
    const PhotoJob jobs[] = {p.job()};
    try {
      pair.program->run_photos(kEnds, jobs, {}, poll, timings);
      FAIL("it went on");
    } catch (const Error& e) {
      CHECK(e.status() == Status::cancelled);
    }
    CHECK_FALSE(coloured(p));
  }
  run(*pair.program, {p.job()});
  CHECK(far_off(p, p.out, expected(*pair.reference, p)) <= 0.001);
}

TEST_CASE("photos: a network with other ends is refused") {
  GraphMaker m;
  m.output(m.convolution(same_size(3), m.input({1, 1, 8, 8}, "grey")), "ab");
  const Graph g = std::move(m.graph);
  const HostBackend host;
  const auto program = host->compile(g, host->make_weights(std::make_shared<NoiseSource>()), {});
  Picture p(10, 10);
  try {
    run(*program, {p.job()});
    FAIL("it ran");
  } catch (const Error& e) {
    CHECK(e.status() == Status::usage);
  }
}

TEST_CASE("photos: a lack of memory at any point is an error, and the next call works") {
  Pair first(colours());
  Picture p(30, 40), larger(60, 70, kRgb, kRgb, 2);
  const Bytes want = expected(*first.reference, p), want_larger = expected(*first.reference, larger);
  int failures = 0;
  for (int allowed = 0; allowed < 12; ++allowed) {
    std::shared_ptr<HostDevice> device;
    {
      Pair pair(colours());
      device = pair.host.device;
      run(*pair.program, {p.job()});
      device->refuse_after(allowed);
      try {
        run(*pair.program, {larger.job()});
      } catch (const Error& e) {
        CHECK(e.status() == Status::out_of_memory);
        ++failures;
      }
      device->refuse_after(-1);
      run(*pair.program, {p.job()});
      CHECK(far_off(p, p.out, want) <= 0.001);
      run(*pair.program, {larger.job()});
      CHECK(far_off(larger, larger.out, want_larger) <= 0.001);
    }
    CHECK(device->blocks() == 0);
    CHECK(device->streams() == 0);
    CHECK(device->damaged() == 0);
  }
  CHECK(failures >= 3);  // the photos on the device and in pinned memory, the tables
  CHECK(failures < 12);
}

TEST_CASE("photos: two programs over one set of weights from two threads") {
  const HostBackend host;
  const auto weights = host->make_weights(std::make_shared<NoiseSource>());
  Pair pair(colours());
  std::array<double, 2> worst{};
  std::array<Bytes, 2> want;
  for (std::uint64_t t = 0; t < 2; ++t) want[t] = expected(*pair.reference, Picture(28, 35, kRgb, kRgb, t));
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < 2; ++t) {
    threads.emplace_back([&, t] {
      const auto program = host->compile(colours(), weights, {});
      for (int call = 0; call < 4; ++call) {
        Picture p(28, 35, kRgb, kRgb, t);
        run(*program, {p.job()});
        worst[t] = std::max(worst[t], far_off(p, p.out, want[t]));
      }
    });
  }
  for (std::thread& t : threads) t.join();
  CHECK(worst[0] <= 0.001);
  CHECK(worst[1] <= 0.001);
}

}  // namespace
}  // namespace cuhue::test
