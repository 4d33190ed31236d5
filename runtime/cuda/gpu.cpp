#include "runtime/cuda/gpu.h"

#include <cuda_runtime.h>

#include <array>
#include <cstdio>
#include <fstream>
#include <utility>

#include "runtime/cuda/architectures.h"
#include "weights/status.h"

namespace cuhue::cuda {
namespace {

// A CUDA version number, 13000, as people write it: "13.0".
std::string version_text(int version) {
  return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
}

// "580.65.06 (CUDA 13.0)". The driver's own number is in the one file that all its versions write.
std::string driver_text() {
  int version = 0;
  if (cudaDriverGetVersion(&version) != cudaSuccess) version = 0;
  const std::string cuda = "CUDA " + version_text(version);
  std::ifstream file("/proc/driver/nvidia/version");
  for (std::string word; file >> word;) {
    const bool number = word.find_first_not_of("0123456789.") == std::string::npos;
    if (number && word.find('.') != std::string::npos) return word + " (" + cuda + ")";
  }
  return cuda;
}

std::string gigabytes(std::size_t bytes) {
  std::array<char, 32> text{};
  const auto value = static_cast<double>(bytes);
  if (value >= 1e9) {
    std::snprintf(text.data(), text.size(), "%.2f GB", value / 1e9);
  } else {
    std::snprintf(text.data(), text.size(), "%.1f MB", value / 1e6);
  }
  return text.data();
}

// Why the runtime found no GPU at all, and what to do.
std::string no_gpu_text(cudaError_t error) {
  int driver = 0;
  if (cudaDriverGetVersion(&driver) != cudaSuccess) driver = 0;
  switch (error) {
    case cudaErrorInsufficientDriver:
      if (driver == 0) return "no NVIDIA driver was found (libcuda.so.1); install one";
      return "the NVIDIA driver is for CUDA " + version_text(driver) + ", this build needs " +
             version_text(CUDART_VERSION) + "; install a newer driver";
    case cudaErrorStubLibrary:
      return "the libcuda.so.1 that was found is the toolkit's stub for linking; take its folder out of "
             "LD_LIBRARY_PATH";
    case cudaErrorNoDevice: return "the NVIDIA driver sees no GPU; check nvidia-smi and CUDA_VISIBLE_DEVICES";
    default: return std::string("CUDA does not start: ") + cudaGetErrorString(error) + "; check nvidia-smi";
  }
}

DeviceFacts facts_of(int index, const cudaDeviceProp& p) {
  DeviceFacts f;
  f.index = index;
  f.name = p.name;
  f.major = p.major;
  f.minor = p.minor;
  f.multiprocessors = p.multiProcessorCount;
  f.l2_bytes = p.l2CacheSize;
  f.total_bytes = static_cast<std::int64_t>(p.totalGlobalMem);
  f.integrated = p.integrated != 0;
  return f;
}

std::string why_unusable(const DeviceFacts& f) {
  constexpr int kLeastMajor = 8;  // the tensor-core instructions and copies of our kernels
  const std::string capability = std::to_string(f.major) + "." + std::to_string(f.minor);
  if (f.major < kLeastMajor) return "compute capability " + capability + ": cuhue needs 8.0 or newer";
  if (!has_code_for(CUHUE_CUDA_ARCHITECTURES, f.major, f.minor)) {
    return "compute capability " + capability + ": this build has code for " +
           capabilities_of(CUHUE_CUDA_ARCHITECTURES) +
           "; build with CMAKE_CUDA_ARCHITECTURES=" + std::to_string(f.major * 10 + f.minor);
  }
  int mode = cudaComputeModeDefault;
  if (cudaDeviceGetAttribute(&mode, cudaDevAttrComputeMode, f.index) == cudaSuccess &&
      mode == cudaComputeModeProhibited) {
    return "its compute mode is 'prohibited'; set it with nvidia-smi -c";
  }
  return {};
}

// After these the driver answers every further call of this process with the same error.
bool is_sticky(int code) {
  switch (static_cast<cudaError_t>(code)) {
    case cudaErrorECCUncorrectable:
    case cudaErrorNvlinkUncorrectable:
    case cudaErrorContained:
    case cudaErrorIllegalAddress:
    case cudaErrorLaunchTimeout:
    case cudaErrorContextIsDestroyed:
    case cudaErrorAssert:
    case cudaErrorHardwareStackError:
    case cudaErrorIllegalInstruction:
    case cudaErrorMisalignedAddress:
    case cudaErrorInvalidAddressSpace:
    case cudaErrorInvalidPc:
    case cudaErrorLaunchFailure:
    case cudaErrorTensorMemoryLeak:
    case cudaErrorExternalDevice: return true;
    default: return false;
  }
}

// What an earlier call left behind must not be taken for the next one's.
void forget_last_error() {
  static_cast<void>(cudaGetLastError());
}

class GpuRecording final : public Recording {
 public:
  GpuRecording(Gpu& gpu, cudaGraph_t graph, Stream stream) : gpu_(gpu) {
    std::size_t nodes = 0;
    gpu_.check(cudaGraphGetNodes(graph, nullptr, &nodes), "counting a graph's nodes");
    nodes_ = static_cast<int>(nodes);
    gpu_.check(cudaGraphInstantiate(&graph_, graph, 0), "preparing a graph");
    const cudaError_t error = cudaGraphUpload(graph_, stream);
    if (error == cudaSuccess) return;
    static_cast<void>(cudaGraphExecDestroy(graph_));
    gpu_.check(error, "uploading a graph");
  }
  GpuRecording(const GpuRecording&) = delete;
  GpuRecording& operator=(const GpuRecording&) = delete;
  // A launch that is under way ends undisturbed.
  ~GpuRecording() override {
    const CurrentGpu current(gpu_.facts().index);
    static_cast<void>(cudaGraphExecDestroy(graph_));
    forget_last_error();
  }

  void launch(Stream stream) override {
    gpu_.use([&] { gpu_.check(cudaGraphLaunch(graph_, stream), "launching a graph"); });
  }
  int nodes() const override { return nodes_; }

 private:
  Gpu& gpu_;
  cudaGraphExec_t graph_ = nullptr;
  int nodes_ = 0;
};

class GpuEvent final : public Event {
 public:
  explicit GpuEvent(Gpu& gpu) : gpu_(gpu) {
    gpu_.check(cudaEventCreateWithFlags(&event_, cudaEventDisableTiming), "making an event");
  }
  GpuEvent(const GpuEvent&) = delete;
  GpuEvent& operator=(const GpuEvent&) = delete;
  ~GpuEvent() override {
    const CurrentGpu current(gpu_.facts().index);
    static_cast<void>(cudaEventDestroy(event_));
    forget_last_error();
  }

  void record(Stream stream) override {
    gpu_.use([&] { gpu_.check(cudaEventRecord(event_, stream), "recording an event"); });
  }
  void synchronize() override {
    gpu_.use([&] { gpu_.check(cudaEventSynchronize(event_), "running its work"); });
  }
  void hold(Stream stream) override {
    gpu_.use([&] { gpu_.check(cudaStreamWaitEvent(stream, event_, 0), "waiting for an event"); });
  }

 private:
  Gpu& gpu_;
  cudaEvent_t event_ = nullptr;
};

class GpuClock final : public Clock {
 public:
  GpuClock(Gpu& gpu, std::size_t points) : gpu_(gpu), events_(points) {
    for (cudaEvent_t& event : events_) {
      const cudaError_t error = cudaEventCreate(&event);
      if (error == cudaSuccess) continue;
      destroy();
      gpu_.check(error, "making a clock");
    }
  }
  GpuClock(const GpuClock&) = delete;
  GpuClock& operator=(const GpuClock&) = delete;
  ~GpuClock() override {
    const CurrentGpu current(gpu_.facts().index);
    destroy();
  }

  void mark(std::size_t point, Stream stream) override {
    cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
    gpu_.check(cudaStreamIsCapturing(stream, &status), "asking whether a stream is captured");
    // In a capture any other event says what waits for what, and is no part of the graph.
    const unsigned kind =
        status == cudaStreamCaptureStatusNone ? cudaEventRecordDefault : cudaEventRecordExternal;
    gpu_.check(cudaEventRecordWithFlags(events_[point], stream, kind), "marking a point of time");
  }
  double seconds(std::size_t from, std::size_t to) const override {
    return gpu_.use([&] {
      float ms = 0;
      gpu_.check(cudaEventElapsedTime(&ms, events_[from], events_[to]), "reading a clock");
      return static_cast<double>(ms) * 1e-3;
    });
  }

 private:
  void destroy() {
    for (const cudaEvent_t event : events_) {
      if (event != nullptr) static_cast<void>(cudaEventDestroy(event));
    }
    forget_last_error();
  }

  Gpu& gpu_;
  std::vector<cudaEvent_t> events_;
};

struct StreamOwner {
  explicit StreamOwner(Device& d) : device(d), stream(d.create_stream()) {}
  StreamOwner(const StreamOwner&) = delete;
  StreamOwner& operator=(const StreamOwner&) = delete;
  ~StreamOwner() { device.destroy_stream(stream); }
  Device& device;
  Stream stream;
};

struct GraphOwner {
  GraphOwner() = default;
  GraphOwner(const GraphOwner&) = delete;
  GraphOwner& operator=(const GraphOwner&) = delete;
  ~GraphOwner() {
    if (graph != nullptr) static_cast<void>(cudaGraphDestroy(graph));
  }
  cudaGraph_t graph = nullptr;
};

}  // namespace

std::vector<FoundGpu> find_gpus(std::string& why) {
  int count = 0;
  const cudaError_t error = cudaGetDeviceCount(&count);
  forget_last_error();
  if (error != cudaSuccess || count == 0) {
    why = no_gpu_text(error == cudaSuccess ? cudaErrorNoDevice : error);
    return {};
  }
  const std::string driver = driver_text();
  std::vector<FoundGpu> found;
  for (int i = 0; i < count; ++i) {
    cudaDeviceProp properties{};
    const cudaError_t failed = cudaGetDeviceProperties(&properties, i);
    FoundGpu gpu{facts_of(i, properties), {}};
    gpu.facts.driver = driver;
    if (failed == cudaSuccess) {
      gpu.unusable = why_unusable(gpu.facts);
    } else {
      forget_last_error();
      gpu.unusable = std::string("it does not answer: ") + cudaGetErrorString(failed) + "; check nvidia-smi";
    }
    found.push_back(std::move(gpu));
  }
  return found;
}

CurrentGpu::CurrentGpu(int index) noexcept {
  if (cudaGetDevice(&before_) != cudaSuccess) before_ = -1;
  if (before_ == index) return;
  error_ = static_cast<int>(cudaSetDevice(index));
}

CurrentGpu::~CurrentGpu() {
  int now = -1;
  if (before_ < 0 || cudaGetDevice(&now) != cudaSuccess || now == before_) return;
  static_cast<void>(cudaSetDevice(before_));
}

Gpu::Gpu(DeviceFacts facts)
    : facts_(std::move(facts)), label_("cuda:" + std::to_string(facts_.index) + " (" + facts_.name + ")") {
  // Creates the context now: a GPU that cannot be used is found out here, and not by the first photo.
  use([&] { check(cudaFree(nullptr), "starting it"); });
}

void Gpu::require_usable(const CurrentGpu& current) {
  if (poisoned_) {
    const std::lock_guard lock(mutex_);
    throw Error(Status::device, poison_);
  }
  check(current.error(), "choosing it");
}

void Gpu::fail(int code, std::string_view what) {
  forget_last_error();
  const auto error = static_cast<cudaError_t>(code);
  if (error == cudaErrorMemoryAllocation) out_of_memory(0, what);
  const std::string text = label_ + ": " + std::string(what) + " failed: " + cudaGetErrorString(error);
  if (is_sticky(code)) {
    const std::lock_guard lock(mutex_);
    if (!poisoned_) {
      poison_ = label_ + " is unusable since an earlier error (" + std::string(what) + ": " +
                cudaGetErrorString(error) + "); restart the process";
      poisoned_ = true;
    }
    throw Error(Status::device, text + "; nothing runs on it any more: restart the process");
  }
  if (error == cudaErrorNoKernelImageForDevice) {
    throw Error(Status::device, text + "; build with CMAKE_CUDA_ARCHITECTURES=" +
                                    std::to_string(facts_.major * 10 + facts_.minor));
  }
  throw Error(Status::device, text + "; check nvidia-smi, or use device 'cpu'");
}

void Gpu::refuse(const char* why) const {
  throw Error(Status::usage, label_ + ": " + why);
}

void Gpu::out_of_memory(std::int64_t bytes, std::string_view what) {
  forget_last_error();
  std::size_t free = 0, total = 0;
  std::string state;
  if (cudaMemGetInfo(&free, &total) == cudaSuccess) {
    state = ", " + gigabytes(free) + " of " + gigabytes(total) + " are free";
  }
  forget_last_error();
  const std::string needs =
      bytes > 0 ? " needs " + gigabytes(static_cast<std::size_t>(bytes)) : std::string(" needs more");
  throw Error(Status::out_of_memory,
              label_ + ": out of memory: " + std::string(what) + needs + state +
                  "; use a smaller batch or size, or fp16, or end other programs on it");
}

std::int64_t Gpu::free_bytes() const {
  const CurrentGpu current(facts_.index);
  std::size_t free = 0, total = 0;
  if (cudaMemGetInfo(&free, &total) != cudaSuccess) forget_last_error();
  return static_cast<std::int64_t>(free);
}

void* Gpu::allocate(std::int64_t bytes, std::string_view what) {
  return use([&] {
    void* memory = nullptr;
    const cudaError_t error = cudaMalloc(&memory, static_cast<std::size_t>(bytes > 0 ? bytes : 1));
    if (error == cudaErrorMemoryAllocation) out_of_memory(bytes, what);
    check(error, "allocating memory");
    ++allocations_;
    return memory;
  });
}

void Gpu::release(void* memory) noexcept {
  if (memory == nullptr) return;
  const CurrentGpu current(facts_.index);
  static_cast<void>(cudaFree(memory));
  forget_last_error();
}

void* Gpu::allocate_pinned(std::int64_t bytes, std::string_view what) {
  return use([&] {
    void* memory = nullptr;
    const cudaError_t error = cudaHostAlloc(&memory, static_cast<std::size_t>(bytes > 0 ? bytes : 1),
                                            cudaHostAllocPortable | cudaHostAllocMapped);
    if (error == cudaErrorMemoryAllocation) {
      forget_last_error();
      throw Error(Status::out_of_memory,
                  label_ + ": out of pinned host memory: " + std::string(what) + " needs " +
                      gigabytes(static_cast<std::size_t>(bytes)) +
                      "; use a smaller batch or picture, or end other programs of this machine");
    }
    check(error, "allocating pinned memory");
    ++allocations_;
    return memory;
  });
}

void Gpu::release_pinned(void* memory) noexcept {
  if (memory == nullptr) return;
  const CurrentGpu current(facts_.index);
  static_cast<void>(cudaFreeHost(memory));
  forget_last_error();
}

Stream Gpu::create_stream() {
  return use([&] {
    cudaStream_t stream = nullptr;
    check(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "making a stream");
    return stream;
  });
}

void Gpu::destroy_stream(Stream stream) noexcept {
  if (stream == nullptr) return;
  const CurrentGpu current(facts_.index);
  static_cast<void>(cudaStreamDestroy(stream));
  forget_last_error();
}

void Gpu::synchronize(Stream stream) {
  use([&] { check(cudaStreamSynchronize(stream), "running its work"); });
}

void Gpu::copy(void* to, const void* from, std::int64_t bytes, Stream stream) {
  if (bytes <= 0) return;
  use([&] {
    check(cudaMemcpyAsync(to, from, static_cast<std::size_t>(bytes), cudaMemcpyDefault, stream),
          "copying memory");
  });
}

void Gpu::copy_rows(void* to, std::ptrdiff_t to_stride, const void* from, std::ptrdiff_t from_stride,
                    std::int64_t bytes, std::int64_t rows, Stream stream) {
  if (bytes <= 0 || rows <= 0) return;
  if (to_stride == bytes && from_stride == bytes) return copy(to, from, bytes * rows, stream);
  use([&] {
    check(cudaMemcpy2DAsync(to, static_cast<std::size_t>(to_stride), from,
                            static_cast<std::size_t>(from_stride), static_cast<std::size_t>(bytes),
                            static_cast<std::size_t>(rows), cudaMemcpyDefault, stream),
          "copying rows of memory");
  });
}

void Gpu::fill_zero(void* to, std::int64_t bytes, Stream stream) {
  if (bytes <= 0) return;
  use([&] { check(cudaMemsetAsync(to, 0, static_cast<std::size_t>(bytes), stream), "clearing memory"); });
}

void Gpu::launch(const std::function<void()>& work) {
  use(work);
}

std::unique_ptr<Recording> Gpu::record(const std::function<void(Stream)>& work) {
  return use([&]() -> std::unique_ptr<Recording> {
    const StreamOwner own(*this);
    GraphOwner captured;
    // Thread-local: other threads may allocate meanwhile.
    check(cudaStreamBeginCapture(own.stream, cudaStreamCaptureModeThreadLocal), "beginning a capture");
    try {
      work(own.stream);
    } catch (...) {
      static_cast<void>(cudaStreamEndCapture(own.stream, &captured.graph));
      forget_last_error();
      throw;
    }
    check(cudaStreamEndCapture(own.stream, &captured.graph), "ending a capture");
    auto recording = std::make_unique<GpuRecording>(*this, captured.graph, own.stream);
    synchronize(own.stream);  // the upload
    return recording;
  });
}

std::unique_ptr<Event> Gpu::create_event() {
  return use([&]() -> std::unique_ptr<Event> { return std::make_unique<GpuEvent>(*this); });
}

std::unique_ptr<Clock> Gpu::create_clock(std::size_t points) {
  return use([&]() -> std::unique_ptr<Clock> { return std::make_unique<GpuClock>(*this, points); });
}

}  // namespace cuhue::cuda
