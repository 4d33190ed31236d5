#include "runtime/cuda/convolution_tuner.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <utility>

#include "kernels/convolution/convolution.h"
#include "kernels/elementwise/elementwise.h"
#include "kernels/pack/pack.h"
#include "runtime/graph/kernel_params.h"
#include "runtime/networks/formula.h"
#include "weights/half.h"
#include "weights/status.h"

namespace cuhue::cuda {
namespace {

constexpr const char* kLibraryAndStep = "library";
constexpr int kMostPlans = 6;  // of a library, that are timed

// What rounding may do between two right answers: sums in another order, Winograd's transforms; products of
// operands rounded to 11 bits, results stored as half.
double most_error(ConvolutionMath math) {
  return math == ConvolutionMath::fp32 ? 1e-4 : 5e-3;
}

// The part of an epilogue that a library takes with ready-made kernels.
LibraryEpilogue bias_and_relu(const LibraryEpilogue& all) {
  LibraryEpilogue part;
  part.bias = all.bias;
  part.activated = all.activated && all.activation.kind == ActivationKind::relu && !all.residual;
  if (part.activated) part.activation = all.activation;
  return part;
}

// Operands of one problem in device memory, filled with numbers that depend on nothing but their place.
class TrialData {
 public:
  TrialData(const std::shared_ptr<Device>& device, const ConvolutionProblem& problem);

  const ConvolutionProblem& problem() const { return problem_; }
  DeviceTensor x() const { return {x_.data(), problem_.shape.in, problem_.in, problem_.in_pitch}; }
  DeviceTensor out() const { return {out_.data(), problem_.shape.out, problem_.out, problem_.out_pitch}; }
  // What of the epilogue `done` leaves over.
  DeviceEpilogue rest(const LibraryEpilogue& done) const;
  ConvolutionDeviceParams own() const;
  ConvolutionOperands library() const;
  Memory scratch(std::int64_t bytes) const { return Memory(device_, bytes, "a tuner's scratch memory"); }

 private:
  Memory floats(std::uint64_t seed, std::int64_t count, float scale, float shift);
  Memory tensor(std::uint64_t seed, const Dims& dims, Element element, std::int64_t pitch);
  Memory packed(const Memory& weight, WeightOrder order, Element element);
  Memory upload(const PinnedMemory& from);

  std::shared_ptr<Device> device_;
  ConvolutionProblem problem_;
  OwnedStream stream_;
  Memory x_, residual_, bias_, scale_, shift_, out_, own_weight_, library_weight_, own_scratch_;
};

Memory TrialData::upload(const PinnedMemory& from) {
  Memory to(device_, from.bytes(), "a tuner's operand");
  device_->copy(to.data(), from.data(), from.bytes(), stream_.get());
  device_->synchronize(stream_.get());
  return to;
}

Memory TrialData::floats(std::uint64_t seed, std::int64_t count, float scale, float shift) {
  const PinnedMemory host(device_, count * 4, "a tuner's operand");
  for (std::int64_t i = 0; i < count; ++i) {
    const float u = static_cast<float>(formula_uniform(seed, static_cast<std::uint64_t>(i)));
    const float v = scale * (2 * u - 1) + shift;
    std::memcpy(host.data() + i * 4, &v, 4);
  }
  return upload(host);
}

// All of the pitch is filled: what belongs to other tensors must play no part.
Memory TrialData::tensor(std::uint64_t seed, const Dims& dims, Element element, std::int64_t pitch) {
  const std::int64_t count = dims.n * dims.h * dims.w * pitch;
  if (element == Element::f32) return floats(seed, count, 1.0f, 0.0f);
  const PinnedMemory host(device_, count * 2, "a tuner's operand");
  for (std::int64_t i = 0; i < count; ++i) {
    const float u = static_cast<float>(formula_uniform(seed, static_cast<std::uint64_t>(i)));
    const std::uint16_t bits = f16_from_float(2 * u - 1);
    std::memcpy(host.data() + i * 2, &bits, 2);
  }
  return upload(host);
}

Memory TrialData::packed(const Memory& weight, WeightOrder order, Element element) {
  const ConvolutionShape& s = problem_.shape;
  PackWeightDeviceParams p;
  p.weight = reinterpret_cast<const float*>(weight.data());
  p.transposed = s.transposed;
  p.k = s.out.c;
  p.c = s.in.c;
  p.r = s.kernel_h;
  p.s = s.kernel_w;
  p.order = order;
  p.element = element;
  Memory to(device_, p.k * p.c * p.r * p.s * element_bytes(element), "a tuner's weight");
  p.packed = to.data();
  device_->launch([&] { pack_weight_cuda(p, stream_.get()); });
  device_->synchronize(stream_.get());
  return to;
}

TrialData::TrialData(const std::shared_ptr<Device>& device, const ConvolutionProblem& problem)
    : device_(device), problem_(problem), stream_(device) {
  const ConvolutionShape& s = problem.shape;
  const LibraryEpilogue& e = problem.epilogue;
  const std::int64_t terms = s.in.c * s.kernel_h * s.kernel_w;
  // Sums of about 1, whatever their length.
  const Memory weight = floats(1, s.out.c * terms, std::sqrt(9.0f / static_cast<float>(terms)), 0.0f);
  own_weight_ = packed(weight, convolution_weight_order(s), convolution_weight_element(s, problem.math));
  library_weight_ = packed(weight, s.transposed ? WeightOrder::crsk : WeightOrder::krsc,
                           problem.math == ConvolutionMath::fp16 ? Element::f16 : Element::f32);
  x_ = tensor(2, s.in, problem.in, problem.in_pitch);
  out_ = tensor(3, s.out, problem.out, problem.out_pitch);
  // Vectors are padded to whole blocks of channels, as those of weight stores.
  const std::int64_t k = (s.out.c + 15) / 16 * 16;
  if (e.bias) bias_ = floats(4, k, 0.5f, 0.0f);
  if (e.residual) residual_ = tensor(5, s.out, problem.residual, problem.residual_pitch);
  if (e.affine) scale_ = floats(6, k, 0.5f, 1.0f);
  if (e.affine) shift_ = floats(7, k, 0.5f, 0.0f);
  const auto bytes =
      static_cast<std::int64_t>(convolution_scratch_bytes(s, problem.math, device->facts().multiprocessors));
  if (bytes > 0) own_scratch_ = scratch(bytes);
}

DeviceEpilogue TrialData::rest(const LibraryEpilogue& done) const {
  const LibraryEpilogue& e = problem_.epilogue;
  DeviceEpilogue rest;
  const auto add = [&rest](const DeviceEpilogueStep& step) { rest.steps[rest.count++] = step; };
  if (e.residual && !done.residual) {
    DeviceEpilogueStep step;
    step.kind = ElementwiseKind::add;
    step.other = {residual_.data(), problem_.shape.out, problem_.residual, problem_.residual_pitch};
    add(step);
  }
  if (e.activated && !done.activated) {
    DeviceEpilogueStep step;
    step.kind = elementwise_kind(e.activation.kind);
    step.alpha = e.activation.alpha;
    add(step);
  }
  if (e.affine && !done.affine) {
    DeviceEpilogueStep step;
    step.kind = ElementwiseKind::channel_affine;
    step.scale = reinterpret_cast<const float*>(scale_.data());
    step.shift = reinterpret_cast<const float*>(shift_.data());
    add(step);
  }
  return rest;
}

ConvolutionDeviceParams TrialData::own() const {
  ConvolutionDeviceParams p;
  p.shape = problem_.shape;
  p.math = problem_.math;
  p.x = x();
  p.out = out();
  p.weight = own_weight_.data();
  p.bias = reinterpret_cast<const float*>(bias_.data());
  p.epilogue = rest({});
  p.scratch = own_scratch_.data();
  p.multiprocessors = device_->facts().multiprocessors;
  return p;
}

ConvolutionOperands TrialData::library() const {
  ConvolutionOperands o;
  o.x = x_.data();
  o.weight = library_weight_.data();
  o.bias = reinterpret_cast<const float*>(bias_.data());
  o.residual = residual_.data();
  o.scale = reinterpret_cast<const float*>(scale_.data());
  o.shift = reinterpret_cast<const float*>(shift_.data());
  o.out = out_.data();
  return o;
}

// A library's plans as candidates; they, and the memory they work in, live as long as this.
class LibraryTrials {
 public:
  LibraryTrials(ConvolutionLibrary& library, const TrialData& data) : library_(library), data_(data) {}

  // With the part of the epilogue that is `done` by the library, the rest by a step of ours.
  void add(const LibraryEpilogue& done, const char* name_suffix, std::vector<Candidate>& candidates) {
    ConvolutionProblem problem = data_.problem();
    problem.epilogue = done;
    const DeviceEpilogue rest = data_.rest(done);
    for (auto& made : library_.candidates(problem, kMostPlans)) {
      ConvolutionPlan* plan = plans_.emplace_back(std::move(made)).get();
      ConvolutionOperands operands = data_.library();
      if (plan->workspace_bytes() > 0)
        operands.workspace = workspaces_.emplace_back(data_.scratch(plan->workspace_bytes())).data();
      plan->prepare(operands);
      const DeviceTensor out = data_.out();
      choices_.push_back(plan->choice());
      candidates.push_back({plan->description() + name_suffix, [plan, operands, rest, out](Stream stream) {
                              plan->run(operands, stream);
                              if (rest.count > 0) elementwise_cuda({out, out, rest}, stream);
                            }});
    }
  }

  // Of the i-th candidate that was added.
  const std::string& choice(std::size_t i) const { return choices_[i]; }

 private:
  ConvolutionLibrary& library_;
  const TrialData& data_;
  std::vector<std::string> choices_;
  std::vector<std::unique_ptr<ConvolutionPlan>> plans_;
  std::vector<Memory> workspaces_;
};

std::string microseconds(double seconds) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f us", seconds * 1e6);
  return text;
}

}  // namespace

ConvolutionTuner::ConvolutionTuner(ConvolutionTunerParts parts)
    : parts_(std::move(parts)), prefix_(cache_prefix(parts_.device->facts(), parts_.library->name())) {}

ConvolutionChoice ConvolutionTuner::choose(const ConvolutionProblem& problem) {
  const std::lock_guard lock(mutex_);
  const std::string key = prefix_ + key_of(problem);
  if (const auto known = parts_.cache->find(key)) {
    if (*known == kOwnKernel) return ConvolutionChoice::own;
    return *known == kLibraryAndStep ? ConvolutionChoice::library : ConvolutionChoice::library_epilogue;
  }
  if (!parts_.tune) return ConvolutionChoice::by_rule;
  try {
    return tune(problem, key);
  } catch (const Error& e) {
    if (e.status() != Status::out_of_memory) throw;
    if (parts_.log) parts_.log(key_of(problem) + " is not timed: " + e.what());
    return ConvolutionChoice::by_rule;
  }
}

ConvolutionChoice ConvolutionTuner::tune(const ConvolutionProblem& problem, const std::string& key) {
  ConvolutionProblem smaller = problem;
  smaller.epilogue = bias_and_relu(problem.epilogue);
  const std::string smaller_key = prefix_ + key_of(smaller);

  const TrialData data(parts_.device, problem);
  LibraryTrials trials(*parts_.library, data);
  const ConvolutionDeviceParams own = data.own();
  std::vector<Candidate> candidates = {
      {"own kernel", [own](Stream stream) { convolution_cuda(own, stream); }}};
  trials.add(problem.epilogue, "", candidates);
  const std::size_t whole = candidates.size();
  // Where our kernel beats the library in the smaller problem it does with more fused, too.
  if (smaller_key != key && parts_.cache->find(smaller_key) != kOwnKernel)
    trials.add(smaller.epilogue, " and a step", candidates);

  const auto say = [&](const std::string& line) {
    if (parts_.log) parts_.log(key_of(problem) + ": " + line);
  };
  const std::vector<Timed> timed =
      time_candidates(parts_.device, data.out(), candidates, {most_error(problem.math)}, say);
  const Timed& best = timed.front();
  say(candidates[best.candidate].name + ", " + microseconds(best.seconds) + ", is the fastest of " +
      std::to_string(timed.size()));

  const auto keep = [&](const std::string& value, ConvolutionChoice choice) {
    parts_.cache->store(key, value);
    static_cast<void>(parts_.cache->save());  // where nothing is kept the next process times it again
    return choice;
  };
  if (best.candidate == 0) return keep(kOwnKernel, ConvolutionChoice::own);
  const std::string& choice = trials.choice(best.candidate - 1);
  if (best.candidate < whole) return keep(choice, ConvolutionChoice::library_epilogue);
  if (!parts_.cache->find(smaller_key)) parts_.cache->store(smaller_key, choice);
  return keep(kLibraryAndStep, ConvolutionChoice::library);
}

}  // namespace cuhue::cuda
