#include "runtime/cuda/backend.h"

#include <utility>

#include "runtime/cuda/lowering.h"
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
    auto mine = std::dynamic_pointer_cast<CudaWeights>(std::move(weights));
    if (!mine || &mine->device() != parts_.device.get()) {
      throw Error(Status::usage,
                  "these weights are not of this CUDA device: make them with make_weights() "
                  "of the backend that compiles");
    }
    if (options.optimize) optimize(graph);
    LoweringOptions lowering;
    lowering.precision = parts_.precision;
    lowering.multiprocessors = parts_.device->facts().multiprocessors;
    lowering.dense = parts_.dense.get();
    lowering.choose = parts_.choose;
    lowering.without = options.without;
    Lowered lowered = lower(graph, *mine, parts_.library.get(), lowering);
    mine->wait();  // before a library reads vectors, and before a program of another stream reads anything
    NetworkParts parts{parts_.device, parts_.library, parts_.dense, std::move(mine)};
    return std::make_unique<CudaProgram>(std::move(parts), std::move(lowered), options.threads);
  }

 private:
  BackendParts parts_;
};

}  // namespace

std::unique_ptr<Backend> make_backend(BackendParts parts) {
  return std::make_unique<CudaBackend>(std::move(parts));
}

}  // namespace cuhue::cuda
