#include "runtime/cuda/cudnn_engines.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <set>
#include <utility>

namespace cuhue::cuda {
namespace {

constexpr std::string_view kChoice = "cudnn:";

struct Knob {
  std::int64_t type = 0, value = 0;
};

void set_target(Descriptor& d, cudnnBackendAttributeName_t device, const EngineTarget& target) {
  if (target.described != nullptr) d.set(device, *target.described);
}

// ---- what an engine may do

template <class Note>
bool has(const std::vector<Note>& notes, Note note) {
  return std::find(notes.begin(), notes.end(), note) != notes.end();
}

bool keeps_the_math(const std::vector<cudnnBackendNumericalNote_t>& notes, ConvolutionMath math) {
  if (has(notes, CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC)) return false;
  if (has(notes, CUDNN_NUMERICAL_NOTE_REDUCED_PRECISION_REDUCTION)) return false;
  if (has(notes, CUDNN_NUMERICAL_NOTE_DOWN_CONVERT_INPUTS)) return false;
  // Winograd's larger tiles: F(4x4) is 6e-6 from exact in fp32, but half cannot hold its transforms.
  if (has(notes, CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_13x13)) return false;
  if (math == ConvolutionMath::fp16 && has(notes, CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_6x6)) return false;
  return math != ConvolutionMath::fp32 || !has(notes, CUDNN_NUMERICAL_NOTE_TENSOR_CORE);
}

// Whether the rules allow the engine; `compiles` says whether it does so at build.
bool is_allowed(const Descriptor& engine, const EngineRules& rules, bool& compiles) {
  const auto behaviour = engine.get_all<cudnnBackendBehaviorNote_t>(
      CUDNN_ATTR_ENGINE_BEHAVIOR_NOTE, CUDNN_TYPE_BEHAVIOR_NOTE, CUDNN_BEHAVIOR_NOTE_TYPE_COUNT);
  compiles = has(behaviour, CUDNN_BEHAVIOR_NOTE_RUNTIME_COMPILATION);
  if (compiles && !rules.runtime_compilation) return false;
  const auto notes = engine.get_all<cudnnBackendNumericalNote_t>(
      CUDNN_ATTR_ENGINE_NUMERICAL_NOTE, CUDNN_TYPE_NUMERICAL_NOTE, CUDNN_NUMERICAL_NOTE_TYPE_COUNT);
  return keeps_the_math(notes, rules.math);
}

// ---- choices as text

std::vector<Knob> knobs_of(const Descriptor& config) {
  std::vector<Knob> knobs;
  for (const Descriptor& d : config.get_descriptors(
           CUDNN_ATTR_ENGINECFG_KNOB_CHOICES, CUDNN_BACKEND_KNOB_CHOICE_DESCRIPTOR, CUDNN_KNOB_TYPE_COUNTS)) {
    const auto type =
        d.get_all<cudnnBackendKnobType_t>(CUDNN_ATTR_KNOB_CHOICE_KNOB_TYPE, CUDNN_TYPE_KNOB_TYPE, 1);
    if (!type.empty())
      knobs.push_back({static_cast<std::int64_t>(type[0]), d.get_int(CUDNN_ATTR_KNOB_CHOICE_KNOB_VALUE)});
  }
  std::sort(knobs.begin(), knobs.end(), [](const Knob& a, const Knob& b) { return a.type < b.type; });
  return knobs;
}

std::string choice_text(std::int64_t engine, const std::vector<Knob>& knobs) {
  std::string text = std::string(kChoice) + std::to_string(engine) + ":";
  for (const Knob& k : knobs)
    text += (text.back() == ':' ? "" : ",") + std::to_string(k.type) + "=" + std::to_string(k.value);
  return text;
}

// Takes a number from the front of `text`.
bool take_number(std::string_view& text, std::int64_t& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc()) return false;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return true;
}

bool take(std::string_view& text, std::string_view expected) {
  if (!text.starts_with(expected)) return false;
  text.remove_prefix(expected.size());
  return true;
}

struct Choice {
  std::int64_t engine = 0;
  std::vector<Knob> knobs;
};

std::optional<Choice> parse_choice(std::string_view text) {
  Choice choice;
  if (!take(text, kChoice) || !take_number(text, choice.engine) || !take(text, ":")) return std::nullopt;
  while (!text.empty()) {
    Knob knob;
    if (!choice.knobs.empty() && !take(text, ",")) return std::nullopt;
    if (!take_number(text, knob.type) || !take(text, "=") || !take_number(text, knob.value))
      return std::nullopt;
    choice.knobs.push_back(knob);
  }
  return choice;
}

// ---- heuristics

std::vector<Descriptor> heuristics(const Descriptor& graph, cudnnBackendHeurMode_t mode,
                                   const EngineTarget& target) {
  Descriptor d(CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR);
  d.set(CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, graph);
  d.set(CUDNN_ATTR_ENGINEHEUR_MODE, CUDNN_TYPE_HEUR_MODE, 1, &mode);
  set_target(d, CUDNN_ATTR_ENGINEHEUR_DEVICEPROP, target);
  if (d.try_finalize() != CUDNN_STATUS_SUCCESS) return {};  // a mode without an answer
  return d.get_descriptors(CUDNN_ATTR_ENGINEHEUR_RESULTS, CUDNN_BACKEND_ENGINECFG_DESCRIPTOR);
}

}  // namespace

std::vector<EngineConfig> engine_configs(const Descriptor& graph, const EngineTarget& target,
                                         const EngineRules& rules) {
  std::vector<EngineConfig> configs;
  std::set<std::string> seen;
  for (const cudnnBackendHeurMode_t mode : {CUDNN_HEUR_MODE_A, CUDNN_HEUR_MODE_B, CUDNN_HEUR_MODE_FALLBACK}) {
    for (Descriptor& config : heuristics(graph, mode, target)) {
      const std::vector<Descriptor> engine =
          config.get_descriptors(CUDNN_ATTR_ENGINECFG_ENGINE, CUDNN_BACKEND_ENGINE_DESCRIPTOR, 1);
      EngineConfig found;
      if (engine.size() != 1 || !is_allowed(engine[0], rules, found.compiles)) continue;
      found.engine = engine[0].get_int(CUDNN_ATTR_ENGINE_GLOBAL_INDEX);
      if (!seen.insert(choice_text(found.engine, knobs_of(config))).second) continue;
      found.config = std::move(config);
      configs.push_back(std::move(found));
    }
  }
  return configs;
}

bool build_plan(EngineConfig config, const EngineTarget& target, const EngineRules& rules, BuiltPlan& built) {
  built.plan = Descriptor(CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR);
  if (target.handle != nullptr) built.plan.set(CUDNN_ATTR_EXECUTION_PLAN_HANDLE, target.handle);
  set_target(built.plan, CUDNN_ATTR_EXECUTION_PLAN_DEVICEPROP, target);
  built.plan.set(CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, config.config);
  if (built.plan.try_finalize() != CUDNN_STATUS_SUCCESS) return false;
  built.workspace = built.plan.get_int(CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE);
  built.choice = choice_text(config.engine, knobs_of(config.config));
  built.from = std::move(config);
  return built.workspace <= rules.workspace_limit;
}

bool restore_plan(std::string_view choice, const Descriptor& graph, const EngineTarget& target,
                  const EngineRules& rules, BuiltPlan& built) {
  const std::optional<Choice> read = parse_choice(choice);
  if (!read) return false;
  try {
    Descriptor engine(CUDNN_BACKEND_ENGINE_DESCRIPTOR);
    engine.set(CUDNN_ATTR_ENGINE_OPERATION_GRAPH, graph);
    engine.set(CUDNN_ATTR_ENGINE_GLOBAL_INDEX, read->engine);
    set_target(engine, CUDNN_ATTR_ENGINE_DEVICEPROP, target);
    engine.finalize();
    EngineConfig config{Descriptor(CUDNN_BACKEND_ENGINECFG_DESCRIPTOR), read->engine, false};
    if (!is_allowed(engine, rules, config.compiles)) return false;
    std::vector<Descriptor> knobs;
    std::vector<const Descriptor*> choices;
    knobs.reserve(read->knobs.size());
    for (const Knob& k : read->knobs) {
      const auto type = static_cast<cudnnBackendKnobType_t>(k.type);
      Descriptor d(CUDNN_BACKEND_KNOB_CHOICE_DESCRIPTOR);
      d.set(CUDNN_ATTR_KNOB_CHOICE_KNOB_TYPE, CUDNN_TYPE_KNOB_TYPE, 1, &type);
      d.set(CUDNN_ATTR_KNOB_CHOICE_KNOB_VALUE, k.value);
      d.finalize();
      knobs.push_back(std::move(d));
    }
    for (const Descriptor& d : knobs) choices.push_back(&d);
    config.config.set(CUDNN_ATTR_ENGINECFG_ENGINE, engine);
    if (!choices.empty()) config.config.set(CUDNN_ATTR_ENGINECFG_KNOB_CHOICES, choices);
    config.config.finalize();
    return build_plan(std::move(config), target, rules, built);
  } catch (const CudnnFailure&) {  // knobs of another version of cuDNN
    return false;
  }
}

}  // namespace cuhue::cuda
