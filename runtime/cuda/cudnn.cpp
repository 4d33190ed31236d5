#include "runtime/cuda/cudnn.h"

#include <array>
#include <exception>
#include <map>
#include <mutex>
#include <utility>
#include <vector>

#include "runtime/cuda/cudnn_engines.h"
#include "runtime/cuda/cudnn_problem.h"
#include "runtime/cuda/half_vectors.h"
#include "weights/status.h"

namespace cuhue::cuda {
namespace {

// What plans share with their library. A handle may be used by one thread at a time, and its stream is set a
// run. A run only puts work on the stream, and most are replayed from recordings, so that one handle does for
// all of them; plans are built, which may take seconds, with another.
class Session {
 public:
  explicit Session(std::shared_ptr<Device> device) : device_(std::move(device)) {
    try {
      device_->launch([&] {
        check(cudnn().create(&runs_), "a handle");
        check(cudnn().create(&builds_), "a handle");
      });
    } catch (...) {
      destroy();
      throw;
    }
  }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  ~Session() { destroy(); }

  cudnnHandle_t builder() const { return builds_; }
  const std::shared_ptr<Device>& device() const { return device_; }

  void execute(const Descriptor& plan, const Descriptor& pack, Stream stream) {
    const std::lock_guard lock(mutex_);
    check(cudnn().set_stream(runs_, stream), "set the stream");
    check(cudnn().execute(runs_, plan.get(), pack.get()), "run a plan");
  }

 private:
  void destroy() noexcept {
    try {
      device_->launch([&] {
        if (runs_ != nullptr) cudnn().destroy(runs_);
        if (builds_ != nullptr) cudnn().destroy(builds_);
      });
    } catch (const std::exception&) {  // a device that no longer answers
    }
  }

  std::shared_ptr<Device> device_;
  cudnnHandle_t runs_ = nullptr, builds_ = nullptr;
  std::mutex mutex_;
};

// A plan that several layers may share.
struct SharedPlan {
  std::shared_ptr<const OperationGraph> graph;
  BuiltPlan built;
};

// ---- one layer's plan

class CudnnPlan final : public ConvolutionPlan {
 public:
  CudnnPlan(std::shared_ptr<Session> session, std::shared_ptr<const SharedPlan> shared,
            const ConvolutionProblem& problem)
      : session_(std::move(session)), shared_(std::move(shared)), problem_(problem) {}

  void prepare(const ConvolutionOperands& operands) override;
  std::int64_t workspace_bytes() const override { return shared_->built.workspace; }
  std::string description() const override {
    return "cudnn engine " + std::to_string(shared_->built.from.engine);
  }
  std::string choice() const override { return shared_->built.choice; }
  void run(const ConvolutionOperands& operands, Stream stream) override;

 private:
  using Addresses = std::array<const void*, 8>;  // x, weight, bias, residual, scale, shift, out, workspace
  Addresses addresses_of(const ConvolutionOperands& operands) const;
  Descriptor variant_pack(const Addresses& a) const;

  std::shared_ptr<Session> session_;
  std::shared_ptr<const SharedPlan> shared_;
  ConvolutionProblem problem_;
  Memory halves_;  // the [k] vectors as f16, where cuDNN wants them so
  const void *bias_ = nullptr, *scale_ = nullptr, *shift_ = nullptr;

  std::mutex mutex_;
  Addresses bound_{};
  Descriptor pack_;  // of bound_: operands seldom change
};

void CudnnPlan::prepare(const ConvolutionOperands& operands) {
  bias_ = operands.bias;
  scale_ = operands.scale;
  shift_ = operands.shift;
  const LibraryEpilogue& e = problem_.epilogue;
  if (vector_element(problem_) == Element::f32 || (!e.bias && !e.affine)) return;

  const std::int64_t k = problem_.shape.out.c;
  std::vector<const float*> vectors;
  if (e.bias) vectors.push_back(operands.bias);
  if (e.affine) vectors.insert(vectors.end(), {operands.scale, operands.shift});
  halves_ = half_vectors(session_->device(), vectors, k);
  int next = 0;
  if (e.bias) bias_ = half_vector(halves_, k, next++);
  if (e.affine) scale_ = half_vector(halves_, k, next++);
  if (e.affine) shift_ = half_vector(halves_, k, next);
}

CudnnPlan::Addresses CudnnPlan::addresses_of(const ConvolutionOperands& o) const {
  return {o.x, o.weight, bias_, o.residual, scale_, shift_, o.out, o.workspace};
}

Descriptor CudnnPlan::variant_pack(const Addresses& a) const {
  const LibraryEpilogue& e = problem_.epilogue;
  const std::array<std::pair<std::int64_t, bool>, 7> tensors{{{kUidX, true},
                                                              {kUidWeight, true},
                                                              {kUidBias, e.bias},
                                                              {kUidResidual, e.residual},
                                                              {kUidScale, e.affine},
                                                              {kUidShift, e.affine},
                                                              {kUidOut, true}}};
  std::array<std::int64_t, 7> uids{};
  std::array<void*, 7> pointers{};
  std::int64_t count = 0;
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    if (!tensors[i].second) continue;
    if (a[i] == nullptr || reinterpret_cast<std::uintptr_t>(a[i]) % 16 != 0)
      throw Error(Status::internal,
                  key_of(problem_) + ": an operand is missing or not aligned to 16 bytes; a defect in cuhue");
    uids[static_cast<std::size_t>(count)] = tensors[i].first;
    pointers[static_cast<std::size_t>(count++)] = const_cast<void*>(a[i]);
  }
  void* workspace = const_cast<void*>(a.back());
  Descriptor pack(CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR);
  pack.set(CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, CUDNN_TYPE_INT64, count, uids.data());
  pack.set(CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, CUDNN_TYPE_VOID_PTR, count, pointers.data());
  pack.set(CUDNN_ATTR_VARIANT_PACK_WORKSPACE, CUDNN_TYPE_VOID_PTR, 1, &workspace);
  pack.finalize();
  return pack;
}

void CudnnPlan::run(const ConvolutionOperands& operands, Stream stream) try {
  const std::lock_guard lock(mutex_);
  if (const Addresses now = addresses_of(operands); pack_.get() == nullptr || now != bound_) {
    pack_ = variant_pack(now);
    bound_ = now;
  }
  session_->execute(shared_->built.plan, pack_, stream);
} catch (const CudnnFailure& e) {
  throw Error(Status::device, key_of(problem_) + ": " + e.what());
}

// ---- the library

std::string library_name() {
  return "cudnn " + cudnn_version();
}

class CudnnLibrary final : public ConvolutionLibrary {
 public:
  explicit CudnnLibrary(CudnnOptions options)
      : options_(std::move(options)),
        session_(std::make_shared<Session>(options_.device)),
        prefix_(cache_prefix(options_.device->facts(), library_name())) {}

  std::string name() const override { return library_name(); }
  std::unique_ptr<ConvolutionPlan> plan(const ConvolutionProblem& problem) override;
  std::vector<std::unique_ptr<ConvolutionPlan>> candidates(const ConvolutionProblem& problem,
                                                           int most) override;

 private:
  std::shared_ptr<const SharedPlan> cached(const ConvolutionProblem& problem, std::string_view choice) const;
  std::vector<std::shared_ptr<const SharedPlan>> promising(const ConvolutionProblem& problem, int most) const;
  std::unique_ptr<ConvolutionPlan> layer(std::shared_ptr<const SharedPlan> shared,
                                         const ConvolutionProblem& problem) const;
  EngineRules rules(ConvolutionMath math) const {
    return {math, options_.runtime_compilation, options_.workspace_limit};
  }
  EngineTarget target() const { return {session_->builder(), nullptr}; }

  CudnnOptions options_;
  std::shared_ptr<Session> session_;
  std::string prefix_;
  std::mutex mutex_;  // the handle, while plans are built, and what follows
  std::map<std::string, std::shared_ptr<const SharedPlan>> built_;  // nullptr = there is none
};

// fp16 math multiplies halves: other activations would have to be converted on the way.
bool is_served(const ConvolutionProblem& p) {
  return (p.in == Element::f16) == (p.math == ConvolutionMath::fp16);
}

std::shared_ptr<const SharedPlan> CudnnLibrary::cached(const ConvolutionProblem& problem,
                                                       std::string_view choice) const try {
  auto shared = std::make_shared<SharedPlan>();
  auto graph = std::make_shared<const OperationGraph>(operation_graph(problem, session_->builder()));
  if (!restore_plan(choice, graph->graph, target(), rules(problem.math), shared->built)) return nullptr;
  shared->graph = std::move(graph);
  return shared;
} catch (const CudnnFailure&) {  // it has no such operation
  return nullptr;
}

std::vector<std::shared_ptr<const SharedPlan>> CudnnLibrary::promising(const ConvolutionProblem& problem,
                                                                       int most) const {
  std::vector<std::shared_ptr<const SharedPlan>> plans;
  try {
    const auto graph = std::make_shared<const OperationGraph>(operation_graph(problem, session_->builder()));
    for (EngineConfig& config : engine_configs(graph->graph, target(), rules(problem.math))) {
      if (plans.size() >= static_cast<std::size_t>(most)) break;
      auto shared = std::make_shared<SharedPlan>();
      if (!build_plan(std::move(config), target(), rules(problem.math), shared->built)) continue;
      shared->graph = graph;
      plans.push_back(std::move(shared));
    }
  } catch (const CudnnFailure&) {  // it has no such operation: ours serves it
  }
  return plans;
}

std::unique_ptr<ConvolutionPlan> CudnnLibrary::layer(std::shared_ptr<const SharedPlan> shared,
                                                     const ConvolutionProblem& problem) const {
  if (shared == nullptr) return nullptr;
  return std::make_unique<CudnnPlan>(session_, std::move(shared), problem);
}

std::unique_ptr<ConvolutionPlan> CudnnLibrary::plan(const ConvolutionProblem& problem) {
  if (!is_served(problem)) return nullptr;
  const std::string key = prefix_ + key_of(problem);
  const std::optional<std::string> choice = options_.cache ? options_.cache->find(key) : std::nullopt;
  if (choice == kOwnKernel) return nullptr;

  const std::lock_guard lock(mutex_);
  const std::string name = key + (choice ? "\t" + *choice : "");
  if (const auto it = built_.find(name); it != built_.end()) return layer(it->second, problem);
  std::shared_ptr<const SharedPlan> shared;
  options_.device->launch([&] {
    if (choice) shared = cached(problem, *choice);
    if (shared != nullptr) return;
    const std::vector<std::shared_ptr<const SharedPlan>> first = promising(problem, 1);
    if (!first.empty() && first.front()->built.from.engine != kGenericEngine) shared = first.front();
  });
  built_.emplace(name, shared);
  return layer(std::move(shared), problem);
}

std::vector<std::unique_ptr<ConvolutionPlan>> CudnnLibrary::candidates(const ConvolutionProblem& problem,
                                                                       int most) {
  std::vector<std::unique_ptr<ConvolutionPlan>> plans;
  if (!is_served(problem)) return plans;
  const std::lock_guard lock(mutex_);
  options_.device->launch([&] {
    for (auto& shared : promising(problem, most)) plans.push_back(layer(std::move(shared), problem));
  });
  return plans;
}

}  // namespace

std::shared_ptr<ConvolutionLibrary> make_cudnn_library(CudnnOptions options) try {
  return std::make_shared<CudnnLibrary>(std::move(options));
} catch (const CudnnFailure& e) {
  throw Error(Status::device,
              std::string(e.what()) + "; install a cuDNN 9 that fits the driver, or use device 'cpu'");
}

}  // namespace cuhue::cuda
