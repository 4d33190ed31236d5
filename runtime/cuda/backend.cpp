#include "runtime/cuda/backend.h"

#include <utility>

#include "runtime/cuda/detector_program.h"
#include "runtime/cuda/expected_weights.h"
#include "runtime/cuda/lowering.h"
#include "runtime/cuda/patch_program.h"
#include "runtime/cuda/program.h"
#include "runtime/cuda/weights.h"
#include "runtime/graph/passes.h"
#include "weights/status.h"

namespace cuhue::cuda {
namespace {

class CudaBackend final : public Backend {
 public:
  explicit CudaBackend(BackendParts parts) : parts_(std::move(parts)) {}

  std::shared_ptr<DeviceWeights> make_weights(std::shared_ptr<const ParamSource> source) override {
    return std::make_shared<CudaWeights>(parts_.device, std::move(source));
  }

  std::unique_ptr<Program> compile(Graph graph, std::shared_ptr<DeviceWeights> weights,
                                   const CompileOptions& options) override {
    auto mine = own(std::move(weights));
    Lowered lowered = lowered_of(graph, *mine, options);
    return std::make_unique<CudaProgram>(parts_of(std::move(mine)), std::move(lowered), options.threads);
  }

  std::unique_ptr<PatchProgram> compile_patches(PatchNetwork network, std::shared_ptr<DeviceWeights> weights,
                                                const CompileOptions& options) override {
    const auto mine = own(std::move(weights));
    // The program may outlive this backend.
    auto lowered = [parts = parts_, mine, options](Graph graph) {
      return lowered_of(parts, graph, *mine, options);
    };
    return make_patch_program(parts_of(mine), std::move(network), std::move(lowered), options.threads);
  }

  std::unique_ptr<DetectorProgram> compile_detector(DetectorGraphs graphs,
                                                    std::shared_ptr<DeviceWeights> weights,
                                                    const CompileOptions& options) override {
    const auto mine = own(std::move(weights));
    LoweredDetector lowered;
    lowered.features = lowered_of(graphs.features, *mine, options);
    lowered.box_head = lowered_of(graphs.box_head, *mine, options);
    lowered.mask_head = lowered_of(graphs.mask_head, *mine, options);
    return make_detector_program(parts_of(mine), std::move(lowered));
  }

 private:
  std::shared_ptr<CudaWeights> own(std::shared_ptr<DeviceWeights> weights) const {
    auto mine = std::dynamic_pointer_cast<CudaWeights>(std::move(weights));
    if (!mine || &mine->device() != parts_.device.get()) {
      throw Error(Status::usage,
                  "these weights are not of this CUDA device: make them with make_weights() "
                  "of the backend that compiles");
    }
    return mine;
  }

  Lowered lowered_of(Graph& graph, CudaWeights& weights, const CompileOptions& options) const {
    return lowered_of(parts_, graph, weights, options);
  }

  static Lowered lowered_of(const BackendParts& parts, Graph& graph, CudaWeights& weights,
                            const CompileOptions& options) {
    if (options.optimize) optimize(graph);
    keep_first(graph, options.keep);
    LoweringOptions lowering;
    lowering.precision = parts.precision;
    lowering.multiprocessors = parts.device->facts().multiprocessors;
    lowering.dense = parts.dense.get();
    lowering.choose = parts.choose;
    lowering.without = options.without;
    weights.expect(expected_weights(graph, parts.precision));
    Lowered lowered = lower(graph, weights, parts.library.get(), lowering);
    weights.wait();  // before a library reads vectors, and before a program of another stream reads anything
    return lowered;
  }

  NetworkParts parts_of(std::shared_ptr<CudaWeights> weights) const {
    return {parts_.device, parts_.library, parts_.dense, std::move(weights)};
  }

  BackendParts parts_;
};

}  // namespace

std::unique_ptr<Backend> make_backend(BackendParts parts) {
  return std::make_unique<CudaBackend>(std::move(parts));
}

}  // namespace cuhue::cuda
