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

#include "kernels/core/photo.h"
#include "kernels/core/stream.h"
#include "kernels/core/tensor.h"
#include "kernels/merge/merge.h"
#include "kernels/prepare/prepare.h"
#include "runtime/graph/detector_program.h"
#include "runtime/graph/graph.h"
#include "runtime/graph/param_source.h"
#include "runtime/graph/patch_program.h"
#include "runtime/graph/poll.h"

namespace cuhue {

struct StepProfile {
  std::string name;      // scope path of the layer
  std::string op;        // "convolution"
  std::string provider;  // who executes it, e.g. "onednn jit:avx2"
  Dims output;
  std::int64_t macs = 0;
  double seconds = 0;  // of the latest profiled run
};

// Packed weights on a device, shared by the programs (sizes, batches) of one network. Made by a backend.
class DeviceWeights {
 public:
  virtual ~DeviceWeights() = default;
  virtual std::int64_t bytes() const = 0;
};

class Program;

// Another program that sees the same photo, and whose output is an input of this one. It is done beside the
// layers that depend on the photo alone (CompileOptions::keep says which those are): on CUDA in one launch
// with all of them, on the CPU before them. Of a single photo.
struct PhotoCompanion {
  // Of the same backend; outlives the program that it is given to. nullptr = none.
  Program* program = nullptr;
  std::string_view input;   // of it [1, c, side, side]: the photo's luma letterboxed, -1..1, in each channel
  std::string_view output;  // of it; in Program::output() once the work is done
  std::string_view into;    // the input, as large, of this program: what the caller wrote there is not used
  double share = 0.5;       // of all work, for Poll
  friend bool operator==(const PhotoCompanion&, const PhotoCompanion&) = default;
};

// How a program becomes a colorizer of photos: the photo's luminance plane, resized, is input `input`
// [n, 1, h, w]; output `output` [n, 2 or 3, h, w] is upsampled to the photo and merged with its own
// luminance. Inputs beside `input` are what the caller wrote into Program::input(), now or before an earlier
// call. Without an `output` no photo is made: all outputs are there as after run().
struct PhotoEnds {
  std::string_view input, output;
  Luminance luminance = Luminance::cie_l;
  ColorSpace space = ColorSpace::lab;  // of `output`
  float unit = 1.0f;                   // what 1 in `output` is in units of `space`
  float limit = kNoLimit;              // `output` beyond +-limit counts as that
  PlaneFill fill = PlaneFill::repeat;  // beyond PhotoJob::used_h and used_w
  // An output that the caller reads too, in Program::output(), once the work is done. Empty = none. (On the
  // CPU all outputs are there.)
  std::string_view also = {};
  PhotoCompanion companion = {};
  friend bool operator==(const PhotoEnds&, const PhotoEnds&) = default;
};

struct PhotoJob {
  PhotoRef in;
  MutablePhotoRef out;  // size and sample size of in; may be in itself
  // Addresses are the program's device's: nothing is copied. Never on the CPU.
  bool in_on_device = false, out_on_device = false;
  // How much of the planes of `input`, from their top left, the photo is resized to; the rest is filled as
  // PhotoEnds says. 0 = all.
  std::int64_t used_h = 0, used_w = 0;
  GateRef gate = {};  // of the photo's size, in host memory
  friend bool operator==(const PhotoJob&, const PhotoJob&) = default;
};

// The extent of an output that belongs to the `used` part of an input's. 0 = all.
constexpr std::int64_t used_output(std::int64_t used, std::int64_t input, std::int64_t output) {
  return (used * output + input - 1) / input;
}

struct PhotoOptions {
  float chroma = 1.0f;
  ByteRounding rounding = ByteRounding::nearest_even;
  // The photos are those of the latest call: their luminance planes, and what a companion made of them, are
  // used again. Where they cannot be (another size, other work in between) they are made again. A program
  // that keeps what depends on them alone (CompileOptions::keep) does not run that again either.
  bool prepared = false;
  // CUDA: the caller's stream, ordered with what he put on it before; with all photos on the device
  // run_photos returns before the work is done. nullptr: a stream of the program's own, done on return. With
  // a gate too.
  Stream stream = nullptr;
};

// What the error says when colours are NaN or infinite.
inline constexpr const char* kColoursNotFinite =
    "the network's colours are not finite numbers; convert its checkpoint again";
// Throws it as Error(Status::weights): a picture without colours must not pass for a result.
void check_colours(std::span<const float> values);

struct PhotoTimings {  // seconds; where all is one launch, `network` is all
  double prepare = 0, network = 0, finish = 0;
};

// What tests and benches of a GPU ask of a steady state; zeros on the CPU.
struct ProgramCounts {
  std::int64_t allocations = 0;  // of device and pinned memory by this device's user, since the start
  std::int64_t free_bytes = 0;   // of device memory, now
  std::int64_t launches = 0;     // of recorded graphs by this program
  int graph_nodes = 0;           // kernels, copies and fills in the latest of them
};

// Not thread-safe: one program is one arena. Programs over the same DeviceWeights may run at the same time.
class Program {
 public:
  virtual ~Program() = default;
  // Host-visible float32 staging of the graph's inputs and outputs, NCHW (on the CPU an output that is wanted
  // as made: in its block), fixed for the program's life. Waits
  // for a run_photos() that returned before its work was done: what it reads may be written.
  virtual TensorRef input(std::string_view name) = 0;
  virtual TensorRef output(std::string_view name) = 0;
  // Inputs to outputs. Allocates nothing. `poll` may be empty. kept: the inputs that CompileOptions::keep
  // names are those of the latest run: where what depends on them alone is still there it is not run again.
  virtual void run(const Poll& poll = {}, bool kept = false) = 0;
  // The same, timing each step on the way.
  virtual std::span<const StepProfile> profile() = 0;
  virtual std::int64_t arena_bytes() const = 0;
  // Photos to photos, one an image of the batch. A repeated call with the same sizes and formats allocates
  // nothing. Error(Status::weights) when the colours are not finite numbers.
  virtual void run_photos(const PhotoEnds& ends, std::span<const PhotoJob> jobs, const PhotoOptions& options,
                          const Poll& poll, PhotoTimings& timings) = 0;
  virtual ProgramCounts counts() const { return {}; }
};

struct CompileOptions {
  int threads = 0;       // 0 = the machine's
  bool optimize = true;  // run the passes
  // Providers never asked, by name, e.g. "onednn": benches and tests force another one this way.
  std::vector<std::string> without;
  // Inputs that stay while others change: what depends on these alone stays in the arena.
  std::vector<std::string> keep = {};
};

class Backend {
 public:
  virtual ~Backend() = default;
  virtual std::shared_ptr<DeviceWeights> make_weights(std::shared_ptr<const ParamSource> source) = 0;
  virtual std::unique_ptr<Program> compile(Graph graph, std::shared_ptr<DeviceWeights> weights,
                                           const CompileOptions& options) = 0;
  // nullptr: this backend runs a detector part by part, each a Program. (NOLINT: overrides take these over.)
  virtual std::unique_ptr<DetectorProgram> compile_detector(
      DetectorGraphs /*graphs*/,                   // NOLINT
      std::shared_ptr<DeviceWeights> /*weights*/,  // NOLINT
      const CompileOptions& /*options*/) {
    return nullptr;
  }
  // nullptr: this backend colours patches step by step, each batch a Program.
  virtual std::unique_ptr<PatchProgram> compile_patches(PatchNetwork /*network*/,                    // NOLINT
                                                        std::shared_ptr<DeviceWeights> /*weights*/,  // NOLINT
                                                        const CompileOptions& /*options*/) {
    return nullptr;
  }
};

std::unique_ptr<Backend> make_cpu_backend();  // runtime/cpu

// ---- runtime/cuda; in a build without it these say so
enum class Precision : std::uint8_t { fp32, tf32, fp16 };

struct CudaOptions {
  int device = 0;
  Precision precision = Precision::fp32;
  bool tune = false;       // time what no cache holds yet, and cache it
  std::string plan_cache;  // file; empty = in the user's cache directory
  // Told what runs, but not as well as it could: at once, or when a program is compiled. From any thread.
  std::function<void(const std::string&)> warn = {};
};

struct CudaDeviceInfo {
  std::string description;  // model, compute capability, driver
  std::int64_t memory_bytes = 0;
  int multiprocessors = 0;
  std::string unusable;  // why this build cannot use it, and what to do; empty = it can
};

// Empty when there is no driver or no GPU: then `why` says which, and what to do ("...; install one").
std::vector<CudaDeviceInfo> cuda_devices(std::string& why);
// Error(Status::device) without a driver, without such a device, for one this build has no code for.
inline constexpr const char* kUseCpu = ", or use device 'cpu'";  // ends the message of a missing GPU
std::unique_ptr<Backend> make_cuda_backend(const CudaOptions& options);

}  // namespace cuhue
