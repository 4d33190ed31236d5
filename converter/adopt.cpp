#include "converter/adopt.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <numeric>
#include <optional>
#include <set>

#include "converter/inception_names.h"
#include "converter/strided.h"
#include "weights/half.h"
#include "weights/status.h"
#include "weights/text.h"

namespace cuhue {
namespace {

using Kind = InceptionLayer::Kind;

constexpr std::string_view kInception = "inception-resnet-v2", kColours = "koalarization";
constexpr std::string_view kSlim = "InceptionResnetV2/";

// ---- what is skipped by name

std::optional<std::string_view> why_skipped(std::string_view name) {
  constexpr const char* kOptimizer = "state of the optimizer";
  for (const std::string_view end : {"/Adam", "/Adam_1", "/Momentum", "/RMSProp", "/RMSProp_1", "/Adagrad"})
    if (name.ends_with(end)) return kOptimizer;
  if (name == "beta1_power" || name == "beta2_power" || name.starts_with("training/")) return kOptimizer;
  if (name.ends_with("/ExponentialMovingAverage")) return "a moving average, not the weight itself";
  if (name == "global_step" || name.ends_with("num_batches_tracked")) return "a counter";
  if (name.starts_with(kSlim) && name.substr(kSlim.size()).starts_with("AuxLogits/"))
    return "auxiliary head, for training only";
  return std::nullopt;
}

void skip_by_name(Checkpoint& checkpoint) {
  const auto skipped = [&](const CheckpointTensor& t) {
    const std::optional<std::string_view> why = why_skipped(t.name);
    if (why) checkpoint.skipped.push_back({t.name, std::string(*why)});
    return why.has_value();
  };
  std::erase_if(checkpoint.tensors, skipped);
}

// ---- layouts

// The same values with the dimensions in another order: out[i] is dimension order[i].
void permute(Checkpoint& checkpoint, CheckpointTensor& t, std::span<const std::size_t> order) {
  const std::vector<std::int64_t> from = dense_strides(t.shape, false);
  std::vector<std::int64_t> shape, strides;
  for (const std::size_t d : order) {
    shape.push_back(t.shape[d]);
    strides.push_back(from[d]);
  }
  const Strided strided{t.data, size_of(t.dtype), 0, shape, strides};
  const auto allocate = [&](std::uint64_t bytes) -> std::span<std::byte> {
    const auto owned = std::make_shared<std::vector<std::byte>>(static_cast<std::size_t>(bytes));
    checkpoint.keep_alive.push_back(owned);
    return *owned;
  };
  std::string problem;
  const auto data = in_c_order(strided, allocate, problem);
  if (!data)
    throw Error(Status::weights, checkpoint.label + ": tensor " + in_quotes(t.name, 255) + " " + problem +
                                     "; the file is damaged");
  t.shape = shape;
  t.data = *data;
}

// From TensorFlow's layouts to PyTorch's; of other ranks there is only one layout.
void to_pytorch_layout(Checkpoint& checkpoint, CheckpointTensor& t) {
  constexpr std::size_t kKernel[] = {3, 2, 0, 1}, kMatrix[] = {1, 0};
  if (t.shape.size() == 4) permute(checkpoint, t, kKernel);
  if (t.shape.size() == 2) permute(checkpoint, t, kMatrix);
}

// ---- the parts of a checkpoint

struct Tensors {
  explicit Tensors(Checkpoint& checkpoint) : checkpoint(checkpoint) {
    for (std::size_t i = 0; i < checkpoint.tensors.size(); ++i)
      by_name.emplace(checkpoint.tensors[i].name, i);
  }
  CheckpointTensor* find(const std::string& name) {
    const auto found = by_name.find(name);
    return found == by_name.end() ? nullptr : &checkpoint.tensors[found->second];
  }
  void rename(CheckpointTensor& t, std::string name) {
    const auto found = by_name.find(t.name);
    const std::size_t index = found->second;
    by_name.erase(found);
    t.name = std::move(name);
    by_name.emplace(t.name, index);
  }

  Checkpoint& checkpoint;
  std::map<std::string, std::size_t> by_name;
};

// Refuses a classifier without the background; may be nullptr.
void check_classes(const Checkpoint& checkpoint, const CheckpointTensor* t) {
  if (t == nullptr || std::ranges::find(t->shape, 1000) == t->shape.end()) return;
  throw Error(
      Status::weights,
      checkpoint.label + ": tensor " + in_quotes(t->name, 255) + " " + shape_text(t->shape) +
          " is of a variant with 1000 classes, without the background; deep-koalarization was trained "
          "with all 1001 logits and has no input for what is missing: give TF-slim's checkpoint of 2016 "
          "or its PyTorch port inceptionresnetv2-520b38e4.pth, which have 1001");
}

// ---- the PyTorch port

// Weights and mean times gamma, which the network does not have: (w x - m) g = (g w) x - g m.
void multiply_gamma(Tensors& all, CheckpointTensor& gamma, CheckpointTensor* weight, CheckpointTensor* mean) {
  Checkpoint& checkpoint = all.checkpoint;
  const auto value = [](const CheckpointTensor& t, std::size_t i) {
    float v = 0;
    std::memcpy(&v, t.data.data() + i * sizeof v, sizeof v);
    return v;
  };
  const std::size_t channels = gamma.data.size() / sizeof(float);
  bool ones = gamma.dtype == DType::f32;
  for (std::size_t c = 0; ones && c < channels; ++c) ones = value(gamma, c) == 1.0f;
  if (ones) {
    checkpoint.skipped.push_back({gamma.name, "all ones, which change nothing"});
    return;
  }
  for (CheckpointTensor* t : {weight, mean}) {
    if (t == nullptr) return;  // missing: found later
    if (gamma.dtype != DType::f32 || t->dtype != DType::f32 || t->shape.empty() ||
        t->shape[0] != static_cast<std::int64_t>(channels))
      throw Error(Status::weights,
                  checkpoint.label + ": tensor " + in_quotes(gamma.name, 255) +
                      " is a factor that the network does not have, and cannot be multiplied "
                      "into " +
                      in_quotes(t->name, 255) + "; save both as float32");
  }
  for (CheckpointTensor* t : {weight, mean}) {
    const std::size_t count = t->data.size() / sizeof(float);
    const auto owned = std::make_shared<std::vector<float>>(count);
    for (std::size_t i = 0; i < count; ++i) (*owned)[i] = value(*t, i) * value(gamma, i / (count / channels));
    t->data = std::as_bytes(std::span<const float>(*owned));
    checkpoint.keep_alive.push_back(owned);
  }
  checkpoint.skipped.push_back({gamma.name, "multiplied into the weights"});
}

void drop(Checkpoint& checkpoint, const std::set<std::string>& names) {
  std::erase_if(checkpoint.tensors, [&](const CheckpointTensor& t) { return names.contains(t.name); });
}

void adopt_port(Checkpoint& checkpoint) {
  Tensors all(checkpoint);
  std::set<std::string> used;
  const auto rename = [&](const std::string& from, const std::string& to) {
    if (CheckpointTensor* t = all.find(from)) all.rename(*t, to);
  };
  for (const InceptionLayer& layer : inception_layers()) {
    if (layer.kind == Kind::classifier) {
      for (const std::string module : {"last_linear", "classif"}) {
        check_classes(checkpoint, all.find(module + ".weight"));
        rename(module + ".weight", layer.scope + "/weights");
        rename(module + ".bias", layer.scope + "/biases");
      }
    } else if (layer.kind == Kind::linear) {
      rename(layer.module + ".weight", layer.scope + "/weights");
      rename(layer.module + ".bias", layer.scope + "/biases");
    } else {
      if (CheckpointTensor* gamma = all.find(layer.module + ".bn.weight")) {
        multiply_gamma(all, *gamma, all.find(layer.module + ".conv.weight"),
                       all.find(layer.module + ".bn.running_mean"));
        used.insert(gamma->name);
      }
      rename(layer.module + ".conv.weight", layer.scope + "/weights");
      rename(layer.module + ".bn.bias", layer.scope + "/BatchNorm/beta");
      rename(layer.module + ".bn.running_mean", layer.scope + "/BatchNorm/moving_mean");
      rename(layer.module + ".bn.running_var", layer.scope + "/BatchNorm/moving_variance");
    }
  }
  drop(checkpoint, used);
}

// ---- Keras

// The numbers n of PREFIX_<n>/SUFFIX (and of PREFIX/SUFFIX, which comes first), in order.
std::vector<std::int64_t> numbers_of(const Checkpoint& checkpoint, std::string_view prefix,
                                     std::string_view suffix) {
  std::vector<std::int64_t> numbers;
  for (const CheckpointTensor& t : checkpoint.tensors) {
    std::string_view name = t.name;
    if (!name.starts_with(prefix) || !name.ends_with(suffix) || name.size() < prefix.size() + suffix.size())
      continue;
    name.remove_prefix(prefix.size());
    name.remove_suffix(suffix.size());
    if (name.empty()) numbers.push_back(0);
    if (name.size() < 2 || name.size() > 6 || name[0] != '_' || name[1] == '0') continue;
    std::int64_t number = 0;
    bool digits = true;
    for (const char c : name.substr(1)) {
      digits = digits && c >= '0' && c <= '9';
      number = number * 10 + (c - '0');
    }
    if (digits) numbers.push_back(number);
  }
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

std::string numbered(std::string_view prefix, std::int64_t number) {
  return std::string(prefix) + (number == 0 ? "" : "_" + std::to_string(number));
}

void adopt_keras_inception(Checkpoint& checkpoint) {
  const std::vector<std::int64_t> convs = numbers_of(checkpoint, "conv2d", "/kernel"),
                                  norms = numbers_of(checkpoint, "batch_normalization", "/moving_mean");
  Tensors all(checkpoint);
  const auto rename = [&](const std::string& from, const std::string& to) {
    if (CheckpointTensor* t = all.find(from)) {
      to_pytorch_layout(checkpoint, *t);
      all.rename(*t, to);
    }
  };
  std::size_t at = 0;
  for (const InceptionLayer& layer : inception_layers()) {
    if (layer.kind == Kind::classifier) check_classes(checkpoint, all.find("predictions/kernel"));
    if (layer.kind != Kind::norm) {
      rename(layer.keras + "/kernel", layer.scope + "/weights");
      rename(layer.keras + "/bias", layer.scope + "/biases");
      continue;
    }
    const bool named = !layer.keras.empty();
    if (!named && at >= std::min(convs.size(), norms.size())) continue;
    const std::string conv = named ? layer.keras : numbered("conv2d", convs[at]);
    const std::string norm = named ? layer.keras + "_bn" : numbered("batch_normalization", norms[at]);
    rename(conv + "/kernel", layer.scope + "/weights");
    for (const char* what : {"beta", "moving_mean", "moving_variance"})
      rename(norm + "/" + what, layer.scope + "/BatchNorm/" + what);
    if (!named) ++at;
  }
}

// conv2d_<n> .. conv2d_<n+13> become conv2d_1 .. conv2d_14.
void adopt_colours(Checkpoint& checkpoint) {
  constexpr std::size_t kLayers = 14;
  const std::vector<std::int64_t> numbers = numbers_of(checkpoint, "conv2d", "/kernel");
  if (numbers.size() == kLayers && numbers.back() - numbers.front() == kLayers - 1) {
    std::map<std::string, std::string> names;
    for (std::size_t i = 0; i < kLayers; ++i)
      for (const char* what : {"/kernel", "/bias"})
        names[numbered("conv2d", numbers[i]) + what] = "conv2d_" + std::to_string(i + 1) + what;
    for (CheckpointTensor& t : checkpoint.tensors)
      if (const auto found = names.find(t.name); found != names.end()) t.name = found->second;
  }
  for (CheckpointTensor& t : checkpoint.tensors) to_pytorch_layout(checkpoint, t);
}

// ---- which is it

bool any_of(const Checkpoint& checkpoint, const std::function<bool(std::string_view)>& is) {
  return std::ranges::any_of(checkpoint.tensors, [&](const CheckpointTensor& t) { return is(t.name); });
}

void leave_out(Checkpoint& checkpoint, std::string_view why, bool inception) {
  std::erase_if(checkpoint.tensors, [&](const CheckpointTensor& t) {
    const bool leave = t.name.starts_with(kSlim) == inception;
    if (leave) checkpoint.skipped.push_back({t.name, std::string(why)});
    return leave;
  });
}

}  // namespace

void adopt_names(Checkpoint& checkpoint, std::string_view network) {
  const bool slim = any_of(checkpoint, [](std::string_view n) { return n.starts_with(kSlim); });
  const bool layers = any_of(
      checkpoint, [](std::string_view n) { return n.starts_with("conv2d") && n.ends_with("/kernel"); });
  const bool keras = layers && any_of(checkpoint, [](std::string_view n) {
                       return n.starts_with("block35_") || n.starts_with("conv_7b/");
                     });
  const bool port = any_of(checkpoint, [](std::string_view n) { return n == "conv2d_1a.conv.weight"; });
  const bool foreign = checkpoint.format.starts_with("TensorFlow") || checkpoint.format.starts_with("Keras");
  if (!port && !(foreign && (slim || layers))) return;
  skip_by_name(checkpoint);
  if (port) return adopt_port(checkpoint);
  if (keras) return adopt_keras_inception(checkpoint);
  if (slim && layers) {
    if (network != kInception && network != kColours)
      throw Error(Status::weights, checkpoint.label +
                                       " holds two networks, inception-resnet-v2 and koalarization, and a "
                                       "weight file holds one: convert it twice, with -n inception-resnet-v2 "
                                       "and with -n koalarization");
    leave_out(checkpoint,
              network == kInception ? "of koalarization: convert again with -n koalarization"
                                    : "of inception-resnet-v2: convert again with -n "
                                      "inception-resnet-v2",
              network == kColours);
  }
  if (!slim || network == kColours) return adopt_colours(checkpoint);
  for (CheckpointTensor& t : checkpoint.tensors) {
    if (t.name == "InceptionResnetV2/Logits/Logits/weights") check_classes(checkpoint, &t);
    to_pytorch_layout(checkpoint, t);
  }
}

}  // namespace cuhue
