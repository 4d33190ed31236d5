// A graph prepared for one device and one set of sizes. What every backend gives, and all that colorizers
// see.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/core/tensor.h"
#include "runtime/graph/graph.h"
#include "runtime/graph/param_source.h"

namespace cuhue {

struct StepProfile {
  std::string name;      // scope path of the layer
  std::string op;        // "convolution"
  std::string provider;  // who executes it, e.g. "onednn jit:avx2"
  Dims output;
  std::int64_t macs = 0;
  double seconds = 0;  // of the latest profiled run
};

// Asked between layers with the fraction of the run that is done; true = stop with Error(Status::cancelled).
using Poll = std::function<bool(double fraction)>;

// Packed weights on a device, shared by the programs (sizes, batches) of one network. Made by a backend.
class DeviceWeights {
 public:
  virtual ~DeviceWeights() = default;
  virtual std::int64_t bytes() const = 0;
};

// Not thread-safe: one program is one arena. Programs over the same DeviceWeights may run at the same time.
class Program {
 public:
  virtual ~Program() = default;
  // Host-visible float32 NCHW staging of the graph's inputs and outputs, fixed for the program's life.
  virtual TensorRef input(std::string_view name) = 0;
  virtual TensorRef output(std::string_view name) = 0;
  // Inputs to outputs. Allocates nothing. `poll` may be empty.
  virtual void run(const Poll& poll = {}) = 0;
  // The same, timing each step on the way.
  virtual std::span<const StepProfile> profile() = 0;
  virtual std::int64_t arena_bytes() const = 0;
};

struct CompileOptions {
  int threads = 0;       // 0 = the machine's
  bool optimize = true;  // run the passes
  // Providers never asked, by name, e.g. "onednn": benches and tests force another one this way.
  std::vector<std::string> without;
};

class Backend {
 public:
  virtual ~Backend() = default;
  virtual std::shared_ptr<DeviceWeights> make_weights(std::shared_ptr<const ParamSource> source) = 0;
  virtual std::unique_ptr<Program> compile(Graph graph, std::shared_ptr<DeviceWeights> weights,
                                           const CompileOptions& options) = 0;
};

std::unique_ptr<Backend> make_cpu_backend();  // runtime/cpu

}  // namespace cuhue
