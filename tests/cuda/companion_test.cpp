// A second network beside the one that colours, in one launch: both see the photo, and the first gives an
// input of the other. Both backends; on CUDA the branches run in every order that their dependencies allow.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "tests/cuda/photos_support.h"
#include "weights/status.h"

namespace cuhue::test {
namespace {

constexpr BranchOrder kOrders[] = {BranchOrder::as_captured, BranchOrder::latest_first,
                                   BranchOrder::in_turns};

// image [1, 3, 13, 13] -> what [1, 5, 1, 1]. Several large values on the way, which want memory.
Graph what() {
  GraphMaker m;
  ValueId x = m.input({1, 3, 13, 13}, "image");
  for (const std::int64_t channels : {16, 24, 8})
    x = m.same(Activation{}, {m.convolution(same_size(channels), x)});
  m.output(m.matmul(m.pool({PoolKind::average_valid, 13, 13}, x), 5), "what");
  return std::move(m.graph);
}

// grey [1, 1, 12, 16], what [1, 5, 1, 1] -> ab [1, 2, 12, 16].
Graph where() {
  GraphMaker m;
  ValueId x = m.input({1, 1, 12, 16}, "grey");
  const ValueId of_image = m.matmul(m.input({1, 5, 1, 1}, "what"), 8);
  for (const std::int64_t channels : {16, 24, 8})
    x = m.same(Activation{}, {m.convolution(same_size(channels), x)});
  x = m.same(Add{}, {m.convolution(same_size(8), x), of_image});
  m.output(m.convolution(same_size(2), m.same(Activation{}, {x})), "ab");
  return std::move(m.graph);
}

PhotoEnds ends_with(Program* companion) {
  PhotoEnds ends = kEnds;
  ends.companion = {companion, "image", "what", "what", 0.5};
  return ends;
}

struct Both {
  std::unique_ptr<Program> companion, program;  // in this order

  void run(Picture& p, const PhotoOptions& options = {}) { test::run(*program, {p.job()}, options, ends()); }
  PhotoEnds ends() const { return ends_with(companion.get()); }
  std::vector<float> told() const {
    const TensorRef t = companion->output("what");
    return {t.data, t.data + t.dims.count()};
  }
};

struct Stage {
  explicit Stage(const HostDeviceOptions& options = {}) : host(Precision::fp32, options) {}

  Both make(Backend& backend, bool keeps = true) const {
    CompileOptions keeping;
    if (keeps) keeping.keep = {"grey"};
    return {backend.compile(what(), backend.make_weights(source), {}),
            backend.compile(where(), backend.make_weights(source), keeping)};
  }
  Both on_cpu() const { return make(*cpu); }
  Both on_gpu(bool keeps = true) const { return make(*host.backend, keeps); }

  std::shared_ptr<NoiseSource> source = std::make_shared<NoiseSource>();
  std::unique_ptr<Backend> cpu = make_cpu_backend();
  HostBackend host;
};

TEST_CASE("companion: its result reaches the colours, on both backends alike, and the caller") {
  Stage stage;
  Both cpu = stage.on_cpu(), gpu = stage.on_gpu();
  for (const auto& [w, h] : {std::pair{37, 23}, {7, 5}, {13, 40}}) {
    Picture p(w, h), want = p, other(w, h, kRgb, kRgb, 5);
    cpu.run(want);
    const std::vector<float> told = cpu.told();
    gpu.run(other);
    const std::vector<float> of_other = gpu.told();
    for (int call = 0; call < 3; ++call) {
      std::ranges::fill(p.out, Picture::kUntouched);
      gpu.run(p);
      CHECK(far_off(p, p.out, want.out) <= 0.001);
      CHECK(gpu.told() != of_other);
      for (std::size_t i = 0; i < told.size(); ++i)
        CHECK(gpu.told()[i] == doctest::Approx(told[i]).epsilon(1e-4));
    }
    // By hand: what it told, written by the caller.
    const TensorRef into = gpu.program->input("what");
    std::ranges::copy(gpu.told(), into.data);
    Picture by_hand = p;
    test::run(*gpu.program, {by_hand.job()});
    CHECK(by_hand.out == p.out);
    std::fill_n(into.data, into.dims.count(), 3.0f);
    test::run(*gpu.program, {by_hand.job()});
    CHECK(far_off(p, by_hand.out, p.out) > 0.1);
    gpu.run(by_hand);  // what the caller wrote is not used
    CHECK(by_hand.out == p.out);
  }
  CHECK(stage.host.device->damaged() == 0);
}

TEST_CASE("companion: the branches share no memory: every order of their steps gives the same bits") {
  for (const bool integrated : {false, true}) {
    HostDeviceOptions device;
    device.integrated = integrated;
    Stage stage(device);
    for (const bool keeps : {true, false}) {
      for (const auto& [w, h] : {std::pair{37, 23}, {90, 13}, {5, 7}}) {
        Both gpu = stage.on_gpu(keeps);
        Picture p(w, h), first = p;
        gpu.run(first);  // step by step
        const std::vector<float> told = gpu.told();
        for (const BranchOrder order : kOrders) {
          stage.host.device->set_branch_order(order);
          for (int call = 0; call < 2; ++call) {
            std::ranges::fill(p.out, Picture::kUntouched);
            gpu.run(p);
            CHECK(p.out == first.out);
            CHECK(gpu.told() == told);
          }
        }
      }
    }
    CHECK(stage.host.device->damaged() == 0);
  }
}

TEST_CASE("companion: a photo is one launch, and a steady state allocates nothing") {
  Stage stage;
  Both gpu = stage.on_gpu();
  HostDevice& device = *stage.host.device;
  Picture a(40, 30), b(20, 50, kRgba, kRgba, 2);
  for (int call = 0; call < 2; ++call) {
    gpu.run(a);
    gpu.run(b);
  }
  const Bytes first_a = a.out, first_b = b.out;
  const auto allocations = device.allocations(), recordings = device.recordings(),
             launches = device.launches();
  const auto streams = device.streams();
  for (int call = 1; call <= 3; ++call) {
    gpu.run(a);
    gpu.run(b);
    CHECK(device.launches() == launches + 2 * call);
    CHECK(a.out == first_a);
    CHECK(b.out == first_b);
  }
  CHECK(gpu.program->counts().launches == launches + 6);
  CHECK(gpu.companion->counts().launches == 0);
  CHECK(device.allocations() == allocations);
  CHECK(device.recordings() == recordings);
  CHECK(device.streams() == streams);
}

TEST_CASE("companion: of a kept photo neither it nor what stands beside it is run again") {
  Stage stage;
  for (const bool on_gpu : {false, true}) {
    Both both = on_gpu ? stage.on_gpu() : stage.on_cpu();
    Picture p(37, 23), other(37, 23, kRgb, kRgb, 8);
    PhotoOptions kept;
    kept.prepared = true;
    both.run(p);
    const Bytes fresh = p.out;
    both.run(p);
    const int nodes = both.program->counts().graph_nodes;
    const std::vector<float> told = both.told();
    for (int call = 0; call < 3; ++call) {
      std::ranges::fill(p.out, Picture::kUntouched);
      both.run(p, kept);
      CHECK(p.out == fresh);
      CHECK(both.told() == told);
    }
    if (on_gpu) {
      // Two of each preparation, five layers and two copies of the companion, three layers of the other.
      CHECK(nodes - both.program->counts().graph_nodes >= 2 + 2 + 5 + 2 + 3);
    } else {
      int fresh_layers = 0, kept_layers = 0;
      PhotoTimings timings;
      const PhotoJob job = p.job();
      double last = 0;
      const auto counting = [&](int& layers) {
        last = 0;
        return [&](double fraction) {
          CHECK(fraction >= last);
          last = fraction;
          ++layers;
          return false;
        };
      };
      both.program->run_photos(both.ends(), {&job, 1}, {}, counting(fresh_layers), timings);
      both.program->run_photos(both.ends(), {&job, 1}, kept, counting(kept_layers), timings);
      CHECK(fresh_layers - kept_layers >= 5 + 3);
    }
    // The promise is taken at its word, but not where other work came in between.
    Picture broken = other, right = other;
    both.run(broken, kept);
    both.run(right);
    CHECK(broken.out != right.out);
    both.run(p);
    std::fill_n(both.program->input("what").data, 5, 2.0f);
    test::run(*both.program, {other.job()});
    both.run(p, kept);
    CHECK(p.out == fresh);
  }
}

TEST_CASE("companion: photos in device memory, on the caller's streams, in their order") {
  Stage stage;
  HostDevice& device = *stage.host.device;
  // Two programs with one companion, each on a stream of its own.
  Both one = stage.on_gpu();
  Both two{nullptr, stage.on_gpu().program};
  Picture pictures[] = {Picture(37, 23), Picture(21, 44, kRgb, kRgb, 6)};
  Bytes want[2];
  std::vector<float> told[2];
  for (int i = 0; i < 2; ++i) {
    one.run(pictures[i]);
    want[i] = pictures[i].out;
    told[i] = one.told();
  }
  REQUIRE(told[0] != told[1]);
  Stream streams[] = {device.create_stream(), device.create_stream()};
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 2; ++i) {
      Picture& p = pictures[i];
      std::ranges::fill(p.out, Picture::kUntouched);
      PhotoJob job = p.job();
      job.in_on_device = job.out_on_device = true;
      PhotoOptions options;
      options.stream = streams[i];
      test::run(i == 0 ? *one.program : *two.program, {job}, options, one.ends());
      CHECK(!coloured(p));  // not done yet
    }
    device.synchronize(streams[1]);
    CHECK(pictures[1].out == want[1]);
    device.synchronize(streams[0]);
    CHECK(pictures[0].out == want[0]);
    CHECK(one.told() == told[1]);  // of the later photo, whose work came behind that of the first
  }
  for (const Stream stream : streams) device.destroy_stream(stream);
}

TEST_CASE("companion: what cannot be one is refused") {
  Stage stage, elsewhere;
  Both gpu = stage.on_gpu(), cpu = stage.on_cpu(), other = elsewhere.on_gpu();
  Picture p(20, 10);
  const auto refused = [&](Program& program, const PhotoCompanion& companion, const char* says) {
    PhotoEnds ends = kEnds;
    ends.companion = companion;
    CHECK_THROWS_WITH_AS(test::run(program, {p.job()}, {}, ends), doctest::Contains(says), Error);
    CHECK(!coloured(p));
  };
  for (Both* both : {&gpu, &cpu}) {
    Program* const companion = both->companion.get();
    refused(*both->program, {companion, "image", "what", "grey", 0.5}, "'grey' takes 192");
    refused(*both->program, {companion, "picture", "what", "what", 0.5}, "picture");
    refused(*both->program, {companion, "image", "labels", "what", 0.5}, "labels");
    refused(*both->program, {companion, "image", "what", "guide", 0.5}, "guide");
  }
  for (Program* companion : {gpu.program.get(), cpu.companion.get(), other.companion.get()})
    refused(*gpu.program, {companion, "image", "what", "what", 0.5}, "same CUDA device");
  CompileOptions keeping;
  keeping.keep = {"what"};
  const auto wrong = stage.host->compile(where(), stage.host->make_weights(stage.source), keeping);
  refused(*wrong, gpu.ends().companion, "not kept");
}

}  // namespace
}  // namespace cuhue::test
