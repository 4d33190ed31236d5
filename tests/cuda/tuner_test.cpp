#include "runtime/cuda/tuner.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <limits>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "runtime/cuda/convolution_tuner.h"
#include "runtime/cuda/half_vectors.h"
#include "tests/executor/executor.h"
#include "tests/executor/host_device.h"
#include "weights/half.h"
#include "weights/status.h"

namespace cuhue::cuda {
namespace {

using test::HostDevice;

float read(const void* data, Element element, std::int64_t i) {
  if (element == Element::f32) return static_cast<const float*>(data)[i];
  return float_from_f16(static_cast<const std::uint16_t*>(data)[i]);
}

void store(void* data, Element element, std::int64_t i, float value) {
  if (element == Element::f32)
    static_cast<float*>(data)[i] = value;
  else
    static_cast<std::uint16_t*>(data)[i] = f16_from_float(value);
}

// ---- any candidates

// A result tensor, and candidates that copy ready answers to it.
struct Copies {
  explicit Copies(Element e) : element(e) { out = {target.data(), dims, element, pitch}; }
  std::int64_t bytes() const { return 20 * pitch * element_bytes(element); }

  // What is right, changed in one place.
  const void* answer(std::int64_t pixel = 0, std::int64_t channel = 0, float change = 0) {
    Memory& m = answers.emplace_back(device, bytes(), "an answer");
    for (std::int64_t i = 0; i < 20 * pitch; ++i) store(m.data(), element, i, static_cast<float>(i % 7) - 3);
    const std::int64_t at = pixel * pitch + channel;
    store(m.data(), element, at, read(m.data(), element, at) + change);
    return m.data();
  }
  Candidate copying(std::string name, const void* from, int times) {
    return {std::move(name), [this, from, times](Stream stream) {
              for (int i = 0; i < times; ++i) device->copy(target.data(), from, bytes(), stream);
            }};
  }
  std::vector<Timed> time(std::vector<Candidate> candidates, double most_error) {
    return time_candidates(device, out, candidates, {most_error, 3, 2},
                           [this](const std::string& line) { log.push_back(line); });
  }

  std::shared_ptr<HostDevice> device = std::make_shared<HostDevice>();
  Element element;
  Dims dims{1, 5, 4, 5};
  std::int64_t pitch = 8;
  Memory target{device, 20 * 8 * 4, "the result"};
  DeviceTensor out;
  std::vector<Memory> answers;
  std::vector<std::string> log;
};

TEST_CASE("tuner: the fastest right candidate comes first") {
  for (const Element element : {Element::f32, Element::f16}) {
    Copies c(element);
    const void* right = c.answer();
    const auto timed = c.time(
        {c.copying("plain", right, 400), c.copying("slow", right, 4000), c.copying("fast", right, 1)}, 1e-4);
    REQUIRE(timed.size() == 3);
    CHECK(timed[0].candidate == 2);
    CHECK(timed[1].candidate == 0);
    CHECK(timed[2].candidate == 1);
    CHECK(timed[0].seconds > 0);
    CHECK(timed[0].error == 0);
    CHECK(c.log.empty());
  }
}

TEST_CASE("tuner: what a candidate costs the host, which a recording spares, plays no part") {
  Copies c(Element::f32);
  const void* right = c.answer();
  const Candidate quick = c.copying("dawdles on the host", right, 1);
  const Candidate dawdling{quick.name, [&](Stream stream) {
                             std::this_thread::sleep_for(std::chrono::milliseconds(3));
                             quick.run(stream);
                           }};
  const auto timed = c.time({c.copying("plain", right, 2000), dawdling}, 1e-4);
  REQUIRE(timed.size() == 2);
  CHECK(timed[0].candidate == 1);
}

TEST_CASE("tuner: what takes long is run less often") {
  Copies c(Element::f32);
  const Candidate plain = c.copying("plain", c.answer(), 1);
  int runs[2] = {0, 0};
  const auto counting = [&](int which, std::chrono::milliseconds pause) {
    return Candidate{"counted", [&, which, pause](Stream stream) {
                       plain.run(stream);
                       simt::keeps(stream, [&, which, pause] {
                         ++runs[which];
                         std::this_thread::sleep_for(pause);
                       });
                     }};
  };
  const Candidate candidates[] = {plain, counting(0, {}), counting(1, std::chrono::milliseconds(3))};
  time_candidates(c.device, c.out, candidates, {1e-4, 5, 4}, {});
  CHECK(runs[1] == 1 + 1 + 5);
  CHECK(runs[0] > runs[1]);  // 1 + 1 + 5 * 4 on a machine that has time
}

TEST_CASE("tuner: a candidate that is wrong anywhere is left out and named") {
  Copies c(Element::f32);
  const void* right = c.answer();
  // The largest value is 3: the last channel of the last pixel is off by 0.01 of it, the other by half that.
  const auto timed = c.time({c.copying("plain", right, 1), c.copying("off", c.answer(19, 4, 0.03f), 1),
                             c.copying("near", c.answer(19, 4, 0.015f), 1),
                             c.copying("none", c.answer(3, 0, std::numeric_limits<float>::quiet_NaN()), 1),
                             c.copying("endless", c.answer(0, 0, std::numeric_limits<float>::infinity()), 1),
                             // Beyond the channels nothing is compared: it belongs to others.
                             c.copying("beside", c.answer(3, 6, 100.0f), 1)},
                            0.006);
  std::vector<std::size_t> kept;
  for (const Timed& t : timed) kept.push_back(t.candidate);
  std::sort(kept.begin(), kept.end());
  CHECK(kept == std::vector<std::size_t>{0, 2, 5});
  for (const Timed& t : timed) CHECK(t.error == doctest::Approx(t.candidate == 2 ? 0.005 : 0).epsilon(1e-4));
  REQUIRE(c.log.size() == 3);
  CHECK(c.log[0] == "off is wrong by 0.01 of the largest value, more than 0.006: not used");
  CHECK(c.log[1].starts_with("none is wrong by inf"));
  CHECK(c.log[2].starts_with("endless is wrong by inf"));
}

TEST_CASE("tuner: what a candidate does not write does not pass") {
  for (const Element element : {Element::f32, Element::f16}) {
    Copies c(element);
    const void* right = c.answer();
    const Candidate half{"half", [&](Stream s) { c.device->copy(c.target.data(), right, c.bytes() / 2, s); }};
    const Candidate idle{"idle", [](Stream) {}};
    // All but one value, which is 0.
    const std::int64_t hole = 3, after = (hole + 1) * element_bytes(element);
    REQUIRE(read(right, element, hole) == 0.0f);
    const Candidate holed{"holed", [&](Stream s) {
                            const auto* from = static_cast<const std::byte*>(right);
                            c.device->copy(c.target.data(), from, hole * element_bytes(element), s);
                            c.device->copy(c.target.data() + after, from + after, c.bytes() - after, s);
                          }};
    // After the plain plan, whose result would still be there.
    const auto timed = c.time({c.copying("plain", right, 1), half, idle, holed}, 0.5);
    REQUIRE(timed.size() == 1);
    CHECK(timed[0].candidate == 0);
    CHECK(c.log.size() == 3);
  }
}

TEST_CASE("tuner: a candidate that fails is left out; a device that fails is not") {
  Copies c(Element::f32);
  const void* right = c.answer();
  const Candidate failing{"failing", [](Stream) { throw Error(Status::device, "cuDNN: no"); }};
  CHECK(c.time({c.copying("plain", right, 1), failing}, 0.5).size() == 1);
  REQUIRE(c.log.size() == 1);
  CHECK(c.log[0] == "failing fails: cuDNN: no: not used");
  CHECK_THROWS_AS(c.time({failing, c.copying("plain", right, 1)}, 0.5), Error);

  const Candidate fatal{"fatal", [&](Stream) {
                          c.device->break_down();
                          throw Error(Status::device, "an illegal address");
                        }};
  CHECK_THROWS_AS(c.time({c.copying("plain", right, 1), fatal}, 0.5), Error);
}

TEST_CASE("vectors as half: each is rounded, and stands at a multiple of 256 bytes") {
  const auto device = std::make_shared<HostDevice>();
  {
    const std::int64_t k = 133;
    std::vector<Memory> floats;
    std::vector<const float*> vectors;
    for (int v = 0; v < 3; ++v) {
      Memory& m = floats.emplace_back(device, k * 4, "a vector");
      for (std::int64_t i = 0; i < k; ++i)
        store(m.data(), Element::f32, i, std::sin(static_cast<float>(i + 1000 * v)) * 3);
      vectors.push_back(reinterpret_cast<const float*>(m.data()));
    }
    const Memory halves = half_vectors(device, vectors, k);
    for (int v = 0; v < 3; ++v) {
      const auto* half = static_cast<const std::uint16_t*>(half_vector(halves, k, v));
      CHECK(reinterpret_cast<std::uintptr_t>(half) % 256 == 0);
      for (std::int64_t i = 0; i < k; ++i) REQUIRE(half[i] == f16_from_float(vectors[v][i]));
    }
  }
  CHECK(device->blocks() == 0);
  CHECK(device->streams() == 0);
  CHECK(device->damaged() == 0);
}

// ---- convolutions

// What a library's operands say, by plain loops.
void reference(const ConvolutionProblem& p, const ConvolutionOperands& o, void* out) {
  const ConvolutionShape& s = p.shape;
  const Element we = p.math == ConvolutionMath::fp16 ? Element::f16 : Element::f32;
  std::vector<double> sums(static_cast<std::size_t>(s.out.h * s.out.w * s.out.c));
  const Dims &from = s.transposed ? s.out : s.in, &to = s.transposed ? s.in : s.out;
  for (std::int64_t y = 0; y < to.h; ++y) {
    for (std::int64_t x = 0; x < to.w; ++x) {
      for (std::int64_t r = 0; r < s.kernel_h * s.kernel_w; ++r) {
        const std::int64_t iy = y * s.stride - s.pad_top + r / s.kernel_w * s.dilation;
        const std::int64_t ix = x * s.stride - s.pad_left + r % s.kernel_w * s.dilation;
        if (iy < 0 || iy >= from.h || ix < 0 || ix >= from.w) continue;
        for (std::int64_t k = 0; k < to.c; ++k) {
          for (std::int64_t c = 0; c < from.c; ++c) {
            // [K, R, S, C] of the forward direction, which a transposed one runs backwards.
            const double w = read(o.weight, we, (k * s.kernel_h * s.kernel_w + r) * from.c + c);
            const std::int64_t far = iy * from.w + ix, near = y * to.w + x;
            if (s.transposed)
              sums[far * s.out.c + c] += w * read(o.x, p.in, near * p.in_pitch + k);
            else
              sums[near * s.out.c + k] += w * read(o.x, p.in, far * p.in_pitch + c);
          }
        }
      }
    }
  }
  const LibraryEpilogue& e = p.epilogue;
  for (std::int64_t pixel = 0; pixel < s.out.h * s.out.w; ++pixel) {
    for (std::int64_t k = 0; k < s.out.c; ++k) {
      double v = sums[pixel * s.out.c + k];
      if (e.bias) v += o.bias[k];
      if (e.residual) v += read(o.residual, p.residual, pixel * p.residual_pitch + k);
      if (e.activated && e.activation.kind == ActivationKind::relu) v = std::max(v, 0.0);
      if (e.activated && e.activation.kind == ActivationKind::leaky_relu && v < 0) v *= e.activation.alpha;
      if (e.affine) v = o.scale[k] * v + o.shift[k];
      store(out, p.out, pixel * p.out_pitch + k, static_cast<float>(v));
    }
  }
}

enum class Kind { right, wrong };

// Its result is ready after prepare(): it is faster than any kernel.
class ReadyPlan final : public ConvolutionPlan {
 public:
  ReadyPlan(std::shared_ptr<HostDevice> device, const ConvolutionProblem& problem, Kind kind)
      : device_(std::move(device)), problem_(problem), kind_(kind) {}
  void prepare(const ConvolutionOperands& operands) override {
    const Dims& d = problem_.shape.out;
    bytes_ = ((d.h * d.w - 1) * problem_.out_pitch + d.c) * element_bytes(problem_.out);
    answer_ = Memory(device_, bytes_, "an answer");
    std::memset(answer_.data(), 0, static_cast<std::size_t>(bytes_));
    if (kind_ == Kind::right) reference(problem_, operands, answer_.data());
  }
  std::int64_t workspace_bytes() const override { return 512; }
  std::string description() const override { return kind_ == Kind::right ? "right" : "wrong"; }
  std::string choice() const override { return "cudnn:1:"; }
  void run(const ConvolutionOperands& operands, Stream stream) override {
    REQUIRE(operands.workspace != nullptr);
    device_->copy(operands.out, answer_.data(), bytes_, stream);
  }

 private:
  std::shared_ptr<HostDevice> device_;
  ConvolutionProblem problem_;
  Kind kind_;
  std::int64_t bytes_ = 0;
  Memory answer_;
};

class ReadyLibrary final : public ConvolutionLibrary {
 public:
  ReadyLibrary(std::shared_ptr<HostDevice> device, std::vector<Kind> kinds, bool any_epilogue)
      : device_(std::move(device)), kinds_(std::move(kinds)), any_epilogue_(any_epilogue) {}
  std::string name() const override { return "ready 1.0"; }
  std::unique_ptr<ConvolutionPlan> plan(const ConvolutionProblem&) override { return nullptr; }
  std::vector<std::unique_ptr<ConvolutionPlan>> candidates(const ConvolutionProblem& problem,
                                                           int most) override {
    asked.push_back(key_of(problem));
    std::vector<std::unique_ptr<ConvolutionPlan>> plans;
    const LibraryEpilogue& e = problem.epilogue;
    const bool relu = !e.activated || e.activation.kind == ActivationKind::relu;
    if (!any_epilogue_ && (e.residual || e.affine || !relu)) return plans;
    for (const Kind kind : kinds_) plans.push_back(std::make_unique<ReadyPlan>(device_, problem, kind));
    CHECK(static_cast<int>(plans.size()) <= most);
    return plans;
  }
  std::vector<std::string> asked;

 private:
  std::shared_ptr<HostDevice> device_;
  std::vector<Kind> kinds_;
  bool any_epilogue_;
};

struct Tuning {
  Tuning(std::vector<Kind> kinds, bool any_epilogue, bool tune = true,
         std::shared_ptr<PlanCache> plans = std::make_shared<PlanCache>())
      : library(std::make_shared<ReadyLibrary>(device, std::move(kinds), any_epilogue)),
        cache(std::move(plans)),
        tuner({device, library, cache, tune, [this](const std::string& line) { log.push_back(line); }}) {}
  std::optional<std::string> kept(const ConvolutionProblem& p) const {
    return cache->find(cache_prefix(device->facts(), "ready 1.0") + key_of(p));
  }
  void check_nothing_left() const {
    CHECK(device->blocks() == 0);
    CHECK(device->streams() == 0);
    CHECK(device->damaged() == 0);
  }
  std::shared_ptr<HostDevice> device = std::make_shared<HostDevice>();
  std::shared_ptr<ReadyLibrary> library;
  std::shared_ptr<PlanCache> cache;
  std::vector<std::string> log;
  ConvolutionTuner tuner;
};

ConvolutionProblem small_problem(ConvolutionMath math) {
  ConvolutionProblem p;
  p.math = math;
  p.shape.in = {1, 16, 7, 6};
  p.shape.out = {1, 24, 7, 6};
  p.shape.kernel_h = p.shape.kernel_w = 3;
  p.shape.pad_top = p.shape.pad_left = 1;
  p.in = p.out = p.residual = math == ConvolutionMath::fp16 ? Element::f16 : Element::f32;
  p.in_pitch = 16;
  p.out_pitch = p.residual_pitch = 24;
  p.epilogue.bias = p.epilogue.activated = true;
  return p;
}

ConvolutionProblem with_everything(ConvolutionMath math) {
  ConvolutionProblem p = small_problem(math);
  p.in_pitch = 24;
  p.out_pitch = 40;
  p.residual_pitch = 32;
  p.epilogue.residual = p.epilogue.affine = true;
  p.epilogue.activation = {ActivationKind::leaky_relu, 0.2f};
  return p;
}

TEST_CASE("tuning: a library's right plan that is faster than our kernel is chosen and kept") {
  for (const ConvolutionMath math : {ConvolutionMath::fp32, ConvolutionMath::tf32, ConvolutionMath::fp16}) {
    CAPTURE(math_name(math));
    std::vector<ConvolutionProblem> problems = {small_problem(math), with_everything(math)};
    problems.push_back(small_problem(math));
    problems.back().shape.dilation = problems.back().shape.pad_top = problems.back().shape.pad_left = 2;
    problems.push_back(small_problem(math));
    problems.back().shape.stride = 2;
    problems.back().shape.out.h = 4, problems.back().shape.out.w = 3;
    problems.push_back(small_problem(math));  // what a transposed convolution's operands mean to a library
    problems.back().shape.transposed = true;
    problems.back().shape.stride = 2;
    problems.back().shape.kernel_h = problems.back().shape.kernel_w = 4;
    problems.back().shape.out.h = 14, problems.back().shape.out.w = 12;
    for (const ConvolutionProblem& p : problems) {
      CAPTURE(key_of(p));
      Tuning t({Kind::wrong, Kind::right}, true);
      CHECK(t.tuner.choose(p) == ConvolutionChoice::library_epilogue);
      CHECK(t.kept(p) == "cudnn:1:");
      REQUIRE(!t.log.empty());
      CHECK(t.log.front().find("wrong is wrong by") != std::string::npos);
      CHECK(t.log.back().find(": right") != std::string::npos);
      // Known now.
      const std::size_t asked = t.library->asked.size();
      CHECK(t.tuner.choose(p) == ConvolutionChoice::library_epilogue);
      CHECK(t.library->asked.size() == asked);
      t.check_nothing_left();
    }
  }
}

TEST_CASE("tuning: with nothing right but ours, ours is chosen") {
  Tuning t({Kind::wrong}, true);
  const ConvolutionProblem p = with_everything(ConvolutionMath::fp32);
  CHECK(t.tuner.choose(p) == ConvolutionChoice::own);
  CHECK(t.kept(p) == kOwnKernel);
  CHECK(t.tuner.choose(p) == ConvolutionChoice::own);
  t.check_nothing_left();
}

TEST_CASE("tuning: the library's bias and ReLU with a step of ours is a way, too") {
  const ConvolutionProblem p = with_everything(ConvolutionMath::fp16);
  ConvolutionProblem smaller = p;
  smaller.epilogue = {};
  smaller.epilogue.bias = true;
  {
    Tuning t({Kind::right}, false);
    CHECK(t.tuner.choose(p) == ConvolutionChoice::library);
    CHECK(t.kept(p) == "library");
    CHECK(t.kept(smaller) == "cudnn:1:");
    CHECK(t.tuner.choose(p) == ConvolutionChoice::library);
    CHECK(t.tuner.choose(smaller) == ConvolutionChoice::library_epilogue);
    CHECK(t.library->asked == std::vector<std::string>{key_of(p), key_of(smaller)});
    t.check_nothing_left();
  }
  {
    // Ours is known to be faster in the smaller problem: it is not timed again.
    Tuning t({Kind::right}, false);
    t.cache->store(cache_prefix(t.device->facts(), "ready 1.0") + key_of(smaller), kOwnKernel);
    CHECK(t.tuner.choose(p) == ConvolutionChoice::own);
    CHECK(t.library->asked == std::vector<std::string>{key_of(p)});
  }
}

TEST_CASE("tuning: unless it is asked for nothing is timed, and what is known is used") {
  std::string folder = (std::filesystem::temp_directory_path() / "cuhue-tuner-XXXXXX").string();
  REQUIRE(mkdtemp(folder.data()) != nullptr);
  const std::filesystem::path file = std::filesystem::path(folder) / "plans";
  const ConvolutionProblem p = small_problem(ConvolutionMath::fp32);
  const auto cache = [&] { return std::make_shared<PlanCache>(file); };
  {
    Tuning t({Kind::right}, true, false, cache());
    CHECK(t.tuner.choose(p) == ConvolutionChoice::by_rule);
    CHECK(t.library->asked.empty());
    CHECK(t.device->allocations() == 0);
  }
  CHECK(Tuning({Kind::right}, true, true, cache()).tuner.choose(p) == ConvolutionChoice::library_epilogue);
  {
    Tuning t({Kind::right}, true, false, cache());
    CHECK(t.tuner.choose(p) == ConvolutionChoice::library_epilogue);
    CHECK(t.library->asked.empty());
  }
  std::filesystem::remove_all(folder);
}

TEST_CASE("tuning: out of memory, the rule decides") {
  const ConvolutionProblem p = with_everything(ConvolutionMath::fp32);
  for (int after = 0; after < 12; ++after) {
    CAPTURE(after);
    Tuning t({Kind::right}, true);
    t.device->refuse_after(after);
    CHECK(t.tuner.choose(p) == ConvolutionChoice::by_rule);
    CHECK_FALSE(t.kept(p));
    REQUIRE(t.log.size() == 1);
    CHECK(t.log[0].find("is not timed") != std::string::npos);
    t.check_nothing_left();
  }
}

}  // namespace
}  // namespace cuhue::cuda
