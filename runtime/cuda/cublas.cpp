#include "runtime/cuda/cublas.h"

#include <cublasLt.h>

#include <array>
#include <exception>
#include <utility>

#include "runtime/cuda/half_vectors.h"
#include "runtime/cuda/shared_library.h"
#include "weights/status.h"

namespace cuhue::cuda {
namespace {

#define CUHUE_TEXT_OF(x) #x
#define CUHUE_TEXT(x) CUHUE_TEXT_OF(x)
// The header's own major version: another one's constants may differ.
constexpr const char* kLibrary = "libcublasLt.so." CUHUE_TEXT(CUBLAS_VER_MAJOR);
constexpr const char* kRemedy =
    "install cuBLAS of CUDA " CUHUE_TEXT(CUBLAS_VER_MAJOR) ", or put its folder into LD_LIBRARY_PATH";
constexpr std::size_t kMostWorkspace = std::size_t{32} << 20;  // what Hopper's kernels want

struct Functions {
  decltype(&cublasLtGetVersion) version;
  decltype(&cublasLtGetStatusString) status_string;
  decltype(&cublasLtCreate) create;
  decltype(&cublasLtDestroy) destroy;
  decltype(&cublasLtMatmulDescCreate) create_operation;
  decltype(&cublasLtMatmulDescDestroy) destroy_operation;
  decltype(&cublasLtMatmulDescSetAttribute) set_operation;
  decltype(&cublasLtMatrixLayoutCreate) create_layout;
  decltype(&cublasLtMatrixLayoutDestroy) destroy_layout;
  decltype(&cublasLtMatmulPreferenceCreate) create_preference;
  decltype(&cublasLtMatmulPreferenceDestroy) destroy_preference;
  decltype(&cublasLtMatmulPreferenceSetAttribute) set_preference;
  decltype(&cublasLtMatmulAlgoGetHeuristic) heuristic;
  decltype(&cublasLtMatmul) matmul;
};

Functions open_cublas() {
  const SharedLibrary library(kLibrary, kRemedy);
  Functions f{};
  library.resolve("cublasLtGetVersion", f.version);
  library.resolve("cublasLtGetStatusString", f.status_string);
  library.resolve("cublasLtCreate", f.create);
  library.resolve("cublasLtDestroy", f.destroy);
  library.resolve("cublasLtMatmulDescCreate", f.create_operation);
  library.resolve("cublasLtMatmulDescDestroy", f.destroy_operation);
  library.resolve("cublasLtMatmulDescSetAttribute", f.set_operation);
  library.resolve("cublasLtMatrixLayoutCreate", f.create_layout);
  library.resolve("cublasLtMatrixLayoutDestroy", f.destroy_layout);
  library.resolve("cublasLtMatmulPreferenceCreate", f.create_preference);
  library.resolve("cublasLtMatmulPreferenceDestroy", f.destroy_preference);
  library.resolve("cublasLtMatmulPreferenceSetAttribute", f.set_preference);
  library.resolve("cublasLtMatmulAlgoGetHeuristic", f.heuristic);
  library.resolve("cublasLtMatmul", f.matmul);
  return f;
}

const Functions& cublas() {
  static const Functions functions = open_cublas();  // thrown: tried again by the next call
  return functions;
}

void check(cublasStatus_t status, const std::string& what) {
  if (status != CUBLAS_STATUS_SUCCESS)
    throw Error(Status::device, "cuBLASLt: " + what + ": " + cublas().status_string(status));
}

cudaDataType_t data_type(Element e) {
  return e == Element::f32 ? CUDA_R_32F : CUDA_R_16F;
}

// ---- owners

class Handle {
 public:
  explicit Handle(std::shared_ptr<Device> device) : device_(std::move(device)) {
    device_->launch([this] { check(cublas().create(&handle_), "a handle"); });
  }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  ~Handle() {
    try {
      device_->launch([this] { cublas().destroy(handle_); });
    } catch (const std::exception&) {  // a device that no longer answers
    }
  }
  cublasLtHandle_t get() const { return handle_; }
  const std::shared_ptr<Device>& device() const { return device_; }

 private:
  std::shared_ptr<Device> device_;
  cublasLtHandle_t handle_ = nullptr;
};

// A column-major matrix: our rows are its columns.
class Layout {
 public:
  Layout(Element element, std::int64_t rows, std::int64_t columns, std::int64_t stride) {
    check(cublas().create_layout(&layout_, data_type(element), static_cast<std::uint64_t>(rows),
                                 static_cast<std::uint64_t>(columns), stride),
          "a layout");
  }
  Layout(const Layout&) = delete;
  Layout& operator=(const Layout&) = delete;
  ~Layout() { cublas().destroy_layout(layout_); }
  cublasLtMatrixLayout_t get() const { return layout_; }

 private:
  cublasLtMatrixLayout_t layout_ = nullptr;
};

class Operation {
 public:
  explicit Operation(cublasComputeType_t compute) {
    check(cublas().create_operation(&operation_, compute, CUDA_R_32F), "an operation");
  }
  Operation(const Operation&) = delete;
  Operation& operator=(const Operation&) = delete;
  ~Operation() { cublas().destroy_operation(operation_); }
  template <class T>
  void set(cublasLtMatmulDescAttributes_t name, const T& value) {
    check(cublas().set_operation(operation_, name, &value, sizeof value),
          "attribute " + std::to_string(static_cast<int>(name)));
  }
  cublasLtMatmulDesc_t get() const { return operation_; }

 private:
  cublasLtMatmulDesc_t operation_ = nullptr;
};

class Preference {
 public:
  Preference() { check(cublas().create_preference(&preference_), "a preference"); }
  Preference(const Preference&) = delete;
  Preference& operator=(const Preference&) = delete;
  ~Preference() { cublas().destroy_preference(preference_); }
  template <class T>
  void set(cublasLtMatmulPreferenceAttributes_t name, const T& value) {
    check(cublas().set_preference(preference_, name, &value, sizeof value),
          "preference " + std::to_string(static_cast<int>(name)));
  }
  cublasLtMatmulPreference_t get() const { return preference_; }

 private:
  cublasLtMatmulPreference_t preference_ = nullptr;
};

// ---- one layer

cublasComputeType_t compute_type(ConvolutionMath math) {
  return math == ConvolutionMath::tf32 ? CUBLAS_COMPUTE_32F_FAST_TF32 : CUBLAS_COMPUTE_32F;
}

cublasLtEpilogue_t epilogue_of(const DenseProblem& p) {
  if (p.bias) return p.relu ? CUBLASLT_EPILOGUE_RELU_BIAS : CUBLASLT_EPILOGUE_BIAS;
  return p.relu ? CUBLASLT_EPILOGUE_RELU : CUBLASLT_EPILOGUE_DEFAULT;
}

class CublasPlan final : public DensePlan {
 public:
  CublasPlan(std::shared_ptr<Handle> handle, const DenseProblem& p)
      : handle_(std::move(handle)),
        problem_(p),
        operation_(compute_type(p.math)),
        weight_(p.math == ConvolutionMath::fp16 ? Element::f16 : Element::f32, p.c, p.k, p.c),
        x_(p.in, p.c, p.n, p.in_pitch),
        out_(p.out, p.k, p.n, p.out_pitch) {
    operation_.set(CUBLASLT_MATMUL_DESC_TRANSA, CUBLAS_OP_T);
    operation_.set(CUBLASLT_MATMUL_DESC_EPILOGUE, epilogue_of(p));
  }

  bool choose();  // false when cuBLASLt has nothing

  void prepare(const DenseOperands& operands) override {
    if (!problem_.bias) return;
    const void* bias = operands.bias;
    if (problem_.out == Element::f16) {
      halves_ = half_vectors(handle_->device(), std::array{operands.bias}, problem_.k);
      bias = half_vector(halves_, problem_.k, 0);
    }
    operation_.set(CUBLASLT_MATMUL_DESC_BIAS_POINTER, bias);
  }

  std::int64_t workspace_bytes() const override { return static_cast<std::int64_t>(chosen_.workspaceSize); }
  std::string description() const override { return "cublaslt " + cublas_version(); }

  void run(const DenseOperands& o, Stream stream) override {
    const float alpha = 1.0f, beta = 0.0f;
    check(cublas().matmul(handle_->get(), operation_.get(), &alpha, o.weight, weight_.get(), o.x, x_.get(),
                          &beta, o.out, out_.get(), o.out, out_.get(), &chosen_.algo, o.workspace,
                          chosen_.workspaceSize, stream),
          key_of(problem_));
  }

 private:
  std::shared_ptr<Handle> handle_;
  DenseProblem problem_;
  Operation operation_;
  Layout weight_, x_, out_;
  cublasLtMatmulHeuristicResult_t chosen_{};
  Memory halves_;
};

bool CublasPlan::choose() {
  Preference preference;
  preference.set(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, kMostWorkspace);
  // Parts of a split sum are added in fp32, never in the result's own element.
  preference.set(CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK,
                 static_cast<std::uint32_t>(CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE));
  for (const auto name :
       {CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES,
        CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES})
    preference.set(name, std::uint32_t{16});
  int found = 0;
  const cublasStatus_t status =
      cublas().heuristic(handle_->get(), operation_.get(), weight_.get(), x_.get(), out_.get(), out_.get(),
                         preference.get(), 1, &chosen_, &found);
  return status == CUBLAS_STATUS_SUCCESS && found == 1 && chosen_.state == CUBLAS_STATUS_SUCCESS;
}

class CublasLibrary final : public DenseLibrary {
 public:
  explicit CublasLibrary(std::shared_ptr<Device> device)
      : handle_(std::make_shared<Handle>(std::move(device))) {}

  std::unique_ptr<DensePlan> plan(const DenseProblem& problem) override {
    if ((problem.in == Element::f16) != (problem.math == ConvolutionMath::fp16)) return nullptr;
    std::unique_ptr<CublasPlan> plan;
    handle_->device()->launch([&] {
      plan = std::make_unique<CublasPlan>(handle_, problem);
      if (!plan->choose()) plan.reset();
    });
    return plan;
  }

 private:
  std::shared_ptr<Handle> handle_;
};

}  // namespace

std::shared_ptr<DenseLibrary> make_cublas_library(std::shared_ptr<Device> device) {
  return std::make_shared<CublasLibrary>(std::move(device));
}

std::string cublas_version() {
  const std::size_t v = cublas().version();  // 130100: 13.1.0
  return std::to_string(v / 10000) + "." + std::to_string(v / 100 % 100) + "." + std::to_string(v % 100);
}

}  // namespace cuhue::cuda
