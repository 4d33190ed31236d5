#include "converter/tensorflow_objects.h"

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "weights/status.h"
#include "weights/text.h"

namespace cuhue {
namespace {

constexpr std::string_view kSuffix = "/.ATTRIBUTES/VARIABLE_VALUE";

// The parts of a path, where ".S" stands for a slash in a name and ".." for a point.
std::vector<std::string> parts_of(std::string_view path) {
  std::vector<std::string> parts(1);
  for (std::size_t i = 0; i < path.size(); ++i) {
    const std::string_view two = path.substr(i, 2);
    if (two == ".S" || two == "..") {
      parts.back() += two == ".S" ? '/' : '.';
      ++i;
    } else if (path[i] == '/') {
      parts.emplace_back();
    } else {
      parts.back() += path[i];
    }
  }
  return parts;
}

std::optional<std::string_view> why_skipped(std::string_view path) {
  if (path.find("/.OPTIMIZER_SLOT/") != std::string_view::npos || path.starts_with("optimizer/") ||
      path.starts_with("_optimizer/"))
    return "state of the optimizer";
  if (path == "save_counter" || path == "step" || path == "global_step") return "a counter";
  if (path.starts_with("keras_api/metrics/")) return "a metric of the training";
  return std::nullopt;
}

// Layers as Keras numbers them in a path, whatever they are called.
bool is_number_of_layer(std::string_view part) {
  return part.starts_with("layer_with_weights-") || part.starts_with("layer-");
}

}  // namespace

void name_by_layers(Checkpoint& checkpoint) {
  const auto is_path = [](const CheckpointTensor& t) { return t.name.ends_with(kSuffix); };
  if (std::ranges::none_of(checkpoint.tensors, is_path)) return;
  checkpoint.format = "TensorFlow V2 (of objects)";
  std::erase_if(checkpoint.tensors, [&](const CheckpointTensor& t) {
    const std::string_view name = t.name;
    const std::string_view path = is_path(t) ? name.substr(0, name.size() - kSuffix.size()) : name;
    const auto why = why_skipped(path);
    if (why) checkpoint.skipped.push_back({clean_text(t.name, 255), std::string(*why)});
    return why.has_value();
  });
  for (CheckpointTensor& t : checkpoint.tensors) {
    if (!is_path(t)) continue;
    const std::vector<std::string> parts =
        parts_of(std::string_view(t.name).substr(0, t.name.size() - kSuffix.size()));
    if (std::ranges::any_of(parts, is_number_of_layer))
      throw Error(Status::weights,
                  checkpoint.label + ": a checkpoint of TensorFlow 2 that numbers its layers (" +
                      in_quotes(t.name, 255) +
                      ") and does not say what they are called; save the model again as Keras HDF5, "
                      "model.save_weights('weights.h5'), and convert that");
    const bool whole = parts.size() == 1 || parts.back().find('/') != std::string::npos;
    t.name = whole ? parts.back() : parts[parts.size() - 2] + "/" + parts.back();
  }
}

}  // namespace cuhue
