// cuDNN's engines for an operation graph: which are allowed, how one is written down. For cudnn*.cpp alone.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/cuda/convolution_library.h"
#include "runtime/cuda/cudnn_api.h"

namespace cuhue::cuda {

// Whom plans are for: the device of a handle, or a described one that need not be here.
struct EngineTarget {
  cudnnHandle_t handle = nullptr;
  const Descriptor* described = nullptr;  // CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR
};

struct EngineRules {
  ConvolutionMath math = ConvolutionMath::fp32;
  bool runtime_compilation = false;  // engines that compile a kernel when the plan is built: seconds each
  std::int64_t workspace_limit = 0;  // bytes
};

// Runs everything and nothing fast. Where the heuristics name it first cuDNN has no kernel of its own for the
// problem, such as dilated fp32 with a fused bias on sm_87: our implicit GEMM is asked instead.
inline constexpr std::int64_t kGenericEngine = 0;

struct EngineConfig {
  Descriptor config;
  std::int64_t engine = 0;
  bool compiles = false;  // has the behaviour note RUNTIME_COMPILATION
};

struct BuiltPlan {
  EngineConfig from;
  Descriptor plan;
  std::int64_t workspace = 0;
  std::string choice;  // "cudnn:34:3=1,12=0": engine:knob=value,...
};

// What the heuristics name for the graph, the most promising first: mode A, then B, then the fallback,
// without repeats. Only what is deterministic and true to the math: fp32 without tensor cores, no conversion
// of operands to fewer bits than the math has, sums in fp32.
std::vector<EngineConfig> engine_configs(const Descriptor& graph, const EngineTarget& target,
                                         const EngineRules& rules);

// False when cuDNN cannot build it after all, or it needs more workspace than the rules allow.
bool build_plan(EngineConfig config, const EngineTarget& target, const EngineRules& rules, BuiltPlan& built);

// A written choice to its plan: false when it cannot be read, is not allowed, or this cuDNN cannot build it.
bool restore_plan(std::string_view choice, const Descriptor& graph, const EngineTarget& target,
                  const EngineRules& rules, BuiltPlan& built);

}  // namespace cuhue::cuda
