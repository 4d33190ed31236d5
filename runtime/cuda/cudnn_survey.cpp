#include <algorithm>

#include "runtime/cuda/cudnn.h"
#include "runtime/cuda/cudnn_engines.h"
#include "runtime/cuda/cudnn_problem.h"
#include "weights/status.h"

namespace cuhue::cuda {

struct CudnnSurvey::State {
  Descriptor device;
  EngineTarget target() const { return {nullptr, &device}; }
};

CudnnSurvey::CudnnSurvey(std::string_view device_json) {
  if (cudnn().version() < 90800)
    throw Error(Status::device, "cuDNN " + cudnn_version() +
                                    " cannot be asked about devices by description; 9.8 or newer can");
  try {
    state_ = std::make_unique<State>();
    state_->device = Descriptor(CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR);
    state_->device.set(CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION, CUDNN_TYPE_CHAR,
                       static_cast<std::int64_t>(device_json.size()), device_json.data());
    state_->device.finalize();
  } catch (const CudnnFailure& e) {
    throw Error(Status::device, std::string("the description of a device: ") + e.what());
  }
}

CudnnSurvey::~CudnnSurvey() = default;

CudnnSurvey::Answer CudnnSurvey::ask(const ConvolutionProblem& problem) const {
  Answer answer;
  const EngineRules rules{problem.math, true, CudnnOptions().workspace_limit};
  try {
    const OperationGraph graph = operation_graph(problem, nullptr);
    for (EngineConfig& config : engine_configs(graph.graph, state_->target(), rules)) {
      if (!config.compiles && answer.ready == 0) answer.generic = config.engine == kGenericEngine;
      ++(config.compiles ? answer.compiled : answer.ready);
      if (answer.built || config.compiles) continue;
      BuiltPlan plan;
      if (!build_plan(std::move(config), state_->target(), rules, plan)) continue;
      answer.built = true;
      answer.choice = plan.choice;
      answer.workspace = plan.workspace;
    }
  } catch (const CudnnFailure& e) {
    answer.why_not = e.what();
  }
  return answer;
}

bool CudnnSurvey::restores(const ConvolutionProblem& problem, std::string_view choice) const {
  const OperationGraph graph = operation_graph(problem, nullptr);
  const EngineRules rules{problem.math, false, CudnnOptions().workspace_limit};
  BuiltPlan plan;
  return restore_plan(choice, graph.graph, state_->target(), rules, plan) && plan.choice == choice;
}

}  // namespace cuhue::cuda
