// Convolutions and matrix products: a library's plans, or our own kernels.
#include <algorithm>
#include <utility>
#include <variant>

#include "kernels/convolution/convolution.h"
#include "kernels/pad/pad.h"
#include "runtime/cuda/providers.h"
#include "runtime/graph/kernel_params.h"

namespace cuhue::cuda {
namespace {

constexpr std::int64_t kVectorBytes = 16;

// What a node asks for. Its output has its place. Our kernels read a border in place; for a library one that
// is not of zeros is a step of its own.
struct Job {
  const Node& node;
  ConvolutionShape shape;
  LayerParams layer;
  bool bias = false;
  std::span<const EpilogueStep> epilogue = {};
  std::optional<ScalarAffine> in_affine = {};
  Place source = {}, out = {};
  int pad_bottom = 0, pad_right = 0;
  std::int64_t macs = 0;

  bool bordered() const { return shape.border != BorderKind::zero; }
  std::int64_t in_pitch() const { return bordered() ? source.dims.c : source.pitch; }
  // Of the input with its border, if that is not of zeros.
  ConvolutionShape padded_shape() const {
    ConvolutionShape padded = shape;
    if (!bordered()) return padded;
    padded.in.h += shape.pad_top + pad_bottom;
    padded.in.w += shape.pad_left + pad_right;
    padded.pad_top = padded.pad_left = 0;
    padded.border = BorderKind::zero;
    return padded;
  }
};

class PadStep final : public Step {
 public:
  PadStep(const Place& x, const Place& out, int top, int left, BorderKind kind) : x_(x), out_(out) {
    params_.top = top;
    params_.left = left;
    params_.kind = kind;
  }
  void bind(const Addresses& at) override {
    params_.x = at.tensor(x_);
    params_.out = at.tensor(out_);
  }
  void run(Stream stream) override { pad_cuda(params_, stream); }

 private:
  Place x_, out_;
  PadDeviceParams params_;
};

class OwnStep final : public Step {
 public:
  OwnStep(const Place& x, const Place& out, int scratch, PlannedEpilogue epilogue,
          const ConvolutionDeviceParams& params)
      : x_(x), out_(out), scratch_(scratch), epilogue_(std::move(epilogue)), params_(params) {}
  void bind(const Addresses& at) override {
    params_.x = at.tensor(x_);
    params_.out = at.tensor(out_);
    params_.scratch = scratch_ >= 0 ? at.bytes(scratch_) : nullptr;
    params_.epilogue = epilogue_.bound(at);
  }
  void run(Stream stream) override { convolution_cuda(params_, stream); }

 private:
  Place x_, out_;
  int scratch_;
  PlannedEpilogue epilogue_;
  ConvolutionDeviceParams params_;
};

// A plan of a library's and its operands.
template <class Plan, class Operands>
class LibraryStep final : public Step {
 public:
  struct Places {
    Place x, out;
    std::optional<Place> residual;
    int workspace = -1;
  };
  LibraryStep(std::unique_ptr<Plan> plan, const Places& places, const Operands& operands)
      : plan_(std::move(plan)), places_(places), operands_(operands) {}
  void bind(const Addresses& at) override {
    operands_.x = at.tensor(places_.x).data;
    operands_.out = at.tensor(places_.out).data;
    if constexpr (requires { operands_.residual; }) {
      if (places_.residual) operands_.residual = at.tensor(*places_.residual).data;
    }
    operands_.workspace = places_.workspace >= 0 ? at.bytes(places_.workspace) : nullptr;
    plan_->prepare(operands_);
  }
  void run(Stream stream) override { plan_->run(operands_, stream); }

 private:
  std::unique_ptr<Plan> plan_;
  Places places_;
  Operands operands_;
};
using ConvolutionStep = LibraryStep<ConvolutionPlan, ConvolutionOperands>;
using DenseStep = LibraryStep<DensePlan, DenseOperands>;

// Is every pixel of it at a multiple of 16 bytes?
bool aligned(const Place& p) {
  const std::int64_t bytes = element_bytes(p.element);
  return p.offset * bytes % kVectorBytes == 0 && p.pitch * bytes % kVectorBytes == 0;
}

// The first steps of an epilogue as a library takes them.
struct LibraryPart {
  LibraryEpilogue epilogue;
  std::size_t fused = 0;  // steps
  std::optional<Place> residual;
  ChannelAffine affine;
};

// As many as it takes, or (`plain`) a ReLU at most.
LibraryPart library_part(const Job& job, Lowering& lowering, bool plain) {
  LibraryPart part;
  LibraryEpilogue& e = part.epilogue;
  e.bias = job.bias;
  for (const EpilogueStep& step : job.epilogue) {
    const auto* activation = std::get_if<Activation>(&step);
    const auto* norm = std::get_if<BatchNormParams>(&step);
    const auto* residual = std::get_if<Residual>(&step);
    if (plain && (activation == nullptr || activation->kind != ActivationKind::relu)) break;
    if (activation != nullptr && !e.activated && !e.affine) {
      e.activated = true;
      e.activation = *activation;
    } else if (norm != nullptr && !e.affine) {
      e.affine = true;
      part.affine = lowering.weights().affine(lowering.layer_params(job.node.name, kNone, kNone, *norm));
    } else if (residual != nullptr && !e.residual && !e.activated && !e.affine) {
      if (!(lowering.dims(residual->value) == job.out.dims)) break;  // an addend of planes
      const Place other = lowering.read(residual->value);
      if (!aligned(other) || other.element != job.out.element) break;
      e.residual = true;
      part.residual = other;
    } else {
      break;
    }
    ++part.fused;
    if (plain) break;
  }
  return part;
}

ConvolutionProblem problem_of(const Job& job, const LibraryPart& part, ConvolutionMath math) {
  ConvolutionProblem problem;
  problem.shape = job.padded_shape();
  problem.math = math;
  problem.in = job.source.element;
  problem.out = job.out.element;
  problem.in_pitch = job.in_pitch();
  problem.out_pitch = job.out.pitch;
  if (part.residual) {
    problem.residual = part.residual->element;
    problem.residual_pitch = part.residual->pitch;
  }
  problem.epilogue = part.epilogue;
  return problem;
}

// The library reads and writes whole vectors, of the element that the math asks for, and its weight is the
// one that our kernel would have: another size of the network may be served by that.
bool suits_library(const Job& job, ConvolutionMath math) {
  const Element element = math == ConvolutionMath::fp16 ? Element::f16 : Element::f32;
  const std::int64_t lanes = kVectorBytes / element_bytes(element);
  const ConvolutionShape& s = job.shape;
  return job.source.element == element && job.out.element == element && s.in.c % lanes == 0 &&
         s.out.c % lanes == 0 && (job.bordered() || aligned(job.source)) && aligned(job.out) &&
         convolution_weight_element(s, math) == element &&
         convolution_weight_order(s) == (s.transposed ? WeightOrder::crsk : WeightOrder::krsc);
}

// The convolution's input: its source, or the source with its border, which is made first.
Place emit_border(const Job& job, Lowering& lowering) {
  if (!job.bordered()) return job.source;
  const Place padded = lowering.temporary(job.padded_shape().in, job.source.element);
  lowering.emit(
      std::make_unique<PadStep>(job.source, padded, job.shape.pad_top, job.shape.pad_left, job.shape.border),
      {.provider = "kernels", .output = padded.dims, .op = "pad"}, {job.source});
  return padded;
}

bool emit_library(const Job& job, Lowering& lowering) {
  const ConvolutionMath math = lowering.math();
  if (lowering.library() == nullptr || !suits_library(job, math)) return false;
  const LibraryPart most = library_part(job, lowering, false), least = library_part(job, lowering, true);
  ConvolutionChoice choice = ConvolutionChoice::by_rule;
  if (const auto& choose = lowering.options().choose) choice = choose(problem_of(job, most, math));
  const LibraryPart& part = choice == ConvolutionChoice::library_epilogue ? most : least;
  if (choice == ConvolutionChoice::own) return false;
  if (choice == ConvolutionChoice::by_rule && part.fused < job.epilogue.size() && lowering.allowed("own"))
    return false;
  auto plan = lowering.library()->plan(problem_of(job, part, math));
  if (!plan) return false;

  const Place in = emit_border(job, lowering);
  ConvolutionStep::Places places{in, job.out, part.residual, -1};
  ConvolutionOperands operands;
  operands.weight = lowering.weights().packed(job.layer, convolution_weight_order(job.shape),
                                              convolution_weight_element(job.shape, math));
  operands.bias = job.bias ? lowering.weights().bias(job.layer) : nullptr;
  operands.scale = part.affine.scale;
  operands.shift = part.affine.shift;
  if (plan->workspace_bytes() > 0) places.workspace = lowering.scratch(plan->workspace_bytes());
  StepFacts facts{plan->description(), job.out.dims, job.macs, {}, 1};
  lowering.emit(std::make_unique<ConvolutionStep>(std::move(plan), places, operands), std::move(facts),
                {in, job.out, part.residual.value_or(in)});
  const auto left = job.epilogue.subspan(part.fused);
  if (!left.empty()) emit_elementwise(job.node, lowering, job.out, job.out, left);
  return true;
}

const char* name_of(ConvolutionKernel kernel) {
  switch (kernel) {
    case ConvolutionKernel::few_channels: return "own few_channels";
    case ConvolutionKernel::transposed_phases: return "own transposed_phases";
    case ConvolutionKernel::implicit_gemm: break;
  }
  return "own implicit_gemm";
}

bool emit_own(const Job& job, Lowering& lowering) {
  const Place in = job.source;
  ConvolutionDeviceParams params;
  params.shape = job.shape;
  params.math = lowering.math();
  params.multiprocessors = lowering.options().multiprocessors;
  params.weight = lowering.weights().packed(job.layer, convolution_weight_order(job.shape),
                                            convolution_weight_element(job.shape, params.math));
  params.bias = job.bias ? lowering.weights().bias(job.layer) : nullptr;
  if (job.in_affine) {
    params.in_scale = job.in_affine->scale;
    params.in_shift = job.in_affine->shift;
  }
  const auto scratch_bytes = convolution_scratch_bytes(job.shape, params.math, params.multiprocessors);
  const int scratch = scratch_bytes > 0 ? lowering.scratch(static_cast<std::int64_t>(scratch_bytes)) : -1;
  const auto fused = job.epilogue.first(std::min<std::size_t>(job.epilogue.size(), DeviceEpilogue::kMost));
  StepFacts facts{name_of(convolution_kernel(job.shape)), job.out.dims, job.macs, {}, 1};
  params.x = from_start(in);
  params.out = from_start(job.out);
  facts.launches = convolution_launches(params);
  lowering.emit(
      std::make_unique<OwnStep>(in, job.out, scratch, PlannedEpilogue(job.node, lowering, fused), params),
      std::move(facts), {in, job.out});
  const auto left = job.epilogue.subspan(fused.size());
  if (!left.empty()) emit_elementwise(job.node, lowering, job.out, job.out, left);
  return true;
}

std::optional<Job> convolution_job(const Node& node, Lowering& lowering, const Convolution& op) {
  if (op.transposed && op.pad_mode != PadMode::zero) return std::nullopt;
  const Chain chain = lowering.take(node.inputs[0]);
  Job job{node, shape_of(lowering.graph(), node, op), lowering.layer_params(node.name, op)};
  job.bias = op.bias != kNone || op.folded.has_value();
  job.epilogue = op.epilogue;
  if (!chain.ops.empty()) job.in_affine = std::get<ScalarAffine>(chain.ops[0]);
  job.source = lowering.read(chain.source);
  job.out = lowering.write();
  job.macs = macs(lowering.graph(), node);
  job.pad_bottom = op.pad_bottom;
  job.pad_right = op.pad_right;
  return job;
}

Job matmul_job(const Node& node, Lowering& lowering, const MatMul& op) {
  Job job{node, {}, lowering.layer_params(node.name, op.weight, op.bias, std::nullopt)};
  job.shape.in = lowering.dims(node.inputs[0]);
  job.shape.out = lowering.dims(node.output);
  job.bias = op.bias != kNone;
  job.epilogue = op.epilogue;
  job.source = lowering.read(node.inputs[0]);
  job.out = lowering.write();
  job.macs = macs(lowering.graph(), node);
  return job;
}

// A matrix product by the library for those; what it does not take of the epilogue comes behind.
bool emit_dense(const Job& job, Lowering& lowering) {
  DenseLibrary* library = lowering.options().dense;
  const ConvolutionMath math = lowering.math();
  if (library == nullptr || !suits_library(job, math)) return false;
  const LibraryPart part = library_part(job, lowering, true);
  DenseProblem problem;
  problem.n = job.shape.in.n;
  problem.c = job.shape.in.c;
  problem.k = job.shape.out.c;
  problem.math = math;
  problem.in = job.source.element;
  problem.out = job.out.element;
  problem.in_pitch = job.source.pitch;
  problem.out_pitch = job.out.pitch;
  problem.bias = job.bias;
  problem.relu = part.fused > 0;
  auto plan = library->plan(problem);
  if (!plan) return false;

  DenseStep::Places places{job.source, job.out, {}, -1};
  DenseOperands operands;
  operands.weight =
      lowering.weights().packed(job.layer, WeightOrder::krsc, convolution_weight_element(job.shape, math));
  operands.bias = job.bias ? lowering.weights().bias(job.layer) : nullptr;
  if (plan->workspace_bytes() > 0) places.workspace = lowering.scratch(plan->workspace_bytes());
  StepFacts facts{plan->description(), job.out.dims, job.macs, {}, 1};
  lowering.emit(std::make_unique<DenseStep>(std::move(plan), places, operands), std::move(facts),
                {job.source, job.out});
  const auto left = job.epilogue.subspan(part.fused);
  if (!left.empty()) emit_elementwise(job.node, lowering, job.out, job.out, left);
  return true;
}

}  // namespace

DeviceTensor from_start(const Place& p) {
  const auto offset = static_cast<std::uintptr_t>(p.offset * element_bytes(p.element));
  return {reinterpret_cast<void*>(offset), p.dims, p.element, p.pitch};  // NOLINT: no address yet
}

ConvolutionShape shape_of(const Graph& graph, const Node& node, const Convolution& op) {
  ConvolutionShape shape;
  shape.in = graph.values[static_cast<std::size_t>(node.inputs[0])].dims;
  shape.out = graph.values[static_cast<std::size_t>(node.output)].dims;
  shape.kernel_h = op.kernel_h;
  shape.kernel_w = op.kernel_w;
  shape.stride = op.stride;
  shape.dilation = op.dilation;
  shape.pad_top = op.pad_top;
  shape.pad_left = op.pad_left;
  shape.transposed = op.transposed;
  shape.border = border_kind(op.pad_mode);
  if (op.enlarged) {  // as enlarged_kernel() says
    shape.transposed = true;
    shape.kernel_h = shape.kernel_w = 4;
    shape.stride = 2;
    shape.pad_top = shape.pad_left = 1;
    if (shape.border == BorderKind::reflect) shape.border = BorderKind::replicate;
  }
  return shape;
}

bool serve_library(const Node& node, Lowering& lowering) {
  if (const auto* op = std::get_if<Convolution>(&node.op)) {
    const auto job = convolution_job(node, lowering, *op);
    return job && emit_library(*job, lowering);
  }
  if (const auto* op = std::get_if<MatMul>(&node.op)) {
    const Job job = matmul_job(node, lowering, *op);
    return emit_dense(job, lowering) || emit_library(job, lowering);
  }
  return false;
}

bool serve_own(const Node& node, Lowering& lowering) {
  if (const auto* op = std::get_if<Convolution>(&node.op)) {
    const auto job = convolution_job(node, lowering, *op);
    return job && emit_own(*job, lowering);
  }
  if (const auto* op = std::get_if<MatMul>(&node.op))
    return emit_own(matmul_job(node, lowering, *op), lowering);
  return false;
}

bool emit_projection(const Node& node, Lowering& lowering, const Projection& projection) {
  Job job{node, {}, lowering.layer_params(node.name, projection.weight, projection.bias, std::nullopt)};
  job.source = projection.in;
  job.out = projection.out;
  job.shape.in = job.source.dims;
  job.shape.out = job.out.dims;
  job.bias = projection.bias != kNone;
  job.macs = projection.macs;
  return (lowering.allowed("library") && emit_library(job, lowering)) ||
         (lowering.allowed("own") && emit_own(job, lowering));
}

}  // namespace cuhue::cuda
