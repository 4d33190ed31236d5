// The CPU backend: a graph as prepared steps over one arena.
#include "runtime/graph/backend.h"

#include <chrono>
#include <utility>

#include "kernels/core/parallel.h"
#include "runtime/cpu/arena.h"
#include "runtime/cpu/lowering.h"
#include "runtime/cpu/photos.h"
#include "runtime/cpu/step.h"
#include "runtime/cpu/weights.h"
#include "runtime/graph/passes.h"
#include "runtime/graph/plan.h"
#include "weights/status.h"

namespace cuhue::cpu {
namespace {

class CpuProgram final : public Program {
 public:
  CpuProgram(Lowered lowered, std::shared_ptr<CpuWeights> weights, int threads)
      : weights_(std::move(weights)), lowered_(std::move(lowered)), threads_(threads) {
    const MemoryPlan plan = plan_memory(lowered_.buffers);
    arena_ = Arena(static_cast<std::size_t>(plan.arena_bytes), "the arena of this network and size");
    const Memory memory(arena_.data(), plan.offsets);
    for (PlannedStep& step : lowered_.steps) {
      step.step->bind(memory);
      profile_.push_back(step.about);
      work_ += work_of(step.about);
    }
    for (const auto& [name, place] : lowered_.inputs) inputs_.emplace_back(name, memory.tensor(place));
    for (const auto& [name, place] : lowered_.outputs) outputs_.emplace_back(name, memory.tensor(place));
  }

  TensorRef input(std::string_view name) override { return named(inputs_, name, "input"); }
  TensorRef output(std::string_view name) override { return named(outputs_, name, "output"); }
  std::int64_t arena_bytes() const override {
    return static_cast<std::int64_t>(arena_.bytes()) + photos_.bytes();
  }
  void run_photos(const PhotoEnds& ends, std::span<const PhotoJob> jobs, const PhotoOptions& options,
                  const Poll& poll, PhotoTimings& timings) override {
    const ThreadScope scope(threads_);
    photos_.run(*this, ends, jobs, options, poll, timings);
  }

  void run(const Poll& poll, bool kept) override {
    const ThreadScope scope(threads_);
    const std::size_t first = kept && kept_ ? lowered_.kept_steps : 0;
    kept_ = first > 0;
    double done = 0;
    for (std::size_t i = 0; i < lowered_.steps.size(); ++i) {
      PlannedStep& step = lowered_.steps[i];
      if (i >= first) {
        if (poll && poll(done / work_)) {
          throw Error(Status::cancelled, "cancelled before layer " + step.about.name);
        }
        step.step->run();
      }
      done += work_of(step.about);
      if (i + 1 == lowered_.kept_steps) kept_ = true;
    }
  }

  std::span<const StepProfile> profile() override {
    using Clock = std::chrono::steady_clock;
    const ThreadScope scope(threads_);
    auto before = Clock::now();
    for (std::size_t i = 0; i < profile_.size(); ++i) {
      lowered_.steps[i].step->run();
      const auto after = Clock::now();
      profile_[i].seconds = std::chrono::duration<double>(after - before).count();
      before = after;
    }
    kept_ = lowered_.kept_steps > 0;
    return profile_;
  }

 private:
  // For the share of a run that is done; a value that only passes through costs about as much as 32
  // multiplications.
  static double work_of(const StepProfile& step) {
    return static_cast<double>(step.macs) + 32.0 * static_cast<double>(step.output.count());
  }

  using Named = std::vector<std::pair<std::string, TensorRef>>;
  static TensorRef named(const Named& tensors, std::string_view name, const char* what) {
    std::string known;
    for (const auto& [its_name, tensor] : tensors) {
      if (its_name == name) return tensor;
      known += (known.empty() ? "" : ", ") + its_name;
    }
    throw Error(Status::usage, std::string("no ") + what + " named " + std::string(name) +
                                   " in this network: it has " + known);
  }

  std::shared_ptr<CpuWeights> weights_;  // steps hold addresses in it
  Lowered lowered_;
  int threads_;
  double work_ = 1;
  bool kept_ = false;  // what the kept steps made is in the arena
  Arena arena_;
  std::vector<StepProfile> profile_;
  Named inputs_, outputs_;
  PhotoRunner photos_;
};

class CpuBackend final : public Backend {
 public:
  std::shared_ptr<DeviceWeights> make_weights(std::shared_ptr<const ParamSource> source) override {
    return std::make_shared<CpuWeights>(std::move(source));
  }

  std::unique_ptr<Program> compile(Graph graph, std::shared_ptr<DeviceWeights> weights,
                                   const CompileOptions& options) override {
    auto mine = std::dynamic_pointer_cast<CpuWeights>(std::move(weights));
    if (!mine) {
      throw Error(Status::usage,
                  "these weights are not the CPU backend's: make them with its make_weights()");
    }
    const ThreadScope scope(options.threads);
    if (options.optimize) optimize(graph);
    keep_first(graph, options.keep);
    Lowered lowered = Lowering(graph, *mine, options.without).run();
    return std::make_unique<CpuProgram>(std::move(lowered), std::move(mine), options.threads);
  }
};

}  // namespace
}  // namespace cuhue::cpu

namespace cuhue {

std::unique_ptr<Backend> make_cpu_backend() {
  return std::make_unique<cpu::CpuBackend>();
}

}  // namespace cuhue
