// Networks small enough for the host executor, with the inputs, outputs and settings of those that colorizers
// know.
#pragma once

#include <cmath>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "runtime/networks/loaded_network.h"

namespace cuhue::test {

// ---- a detector of the parts of mask-rcnn

inline constexpr int kToyChannels = 8, kToyClasses = 3;

inline void build_toy_features(Builder& b, std::int64_t n, std::int64_t h, std::int64_t w, const Settings&) {
  ValueId x = b.affine(b.input("image", {n, 3, h, w}), 1.0f / 64, 0.0f);
  x = b.relu(b.conv(x, "stem", {.out = kToyChannels, .kernel = 4, .stride = 4}));
  ValueId p[4] = {x};
  for (int i = 1; i < 4; ++i)
    p[i] = b.conv(p[i - 1], "down" + std::to_string(i),
                  {.out = kToyChannels, .kernel = 3, .stride = 2, .pad = 1});
  for (int i = 0; i < 4; ++i) b.output("p" + std::to_string(i + 2), p[i], OutputLayout::as_made);
  for (int i = 0; i < 5; ++i) {
    const ValueId level = i < 4 ? p[i] : b.subsample(p[3], 2);
    b.output("logits" + std::to_string(i + 2), b.conv(level, "logits", {.out = 3, .kernel = 1}));
    b.output("deltas" + std::to_string(i + 2), b.conv(level, "deltas", {.out = 12, .kernel = 1}));
  }
}

inline void build_toy_box_head(Builder& b, std::int64_t n, std::int64_t, std::int64_t, const Settings&) {
  const ValueId x = b.relu(b.linear(b.input("box_crops", {n, kToyChannels * 49, 1, 1}), "fc", 16));
  b.output("class_logits", b.linear(x, "cls", kToyClasses + 1));
  b.output("box_deltas", b.linear(x, "box", 4 * kToyClasses));
}

inline void build_toy_mask_head(Builder& b, std::int64_t n, std::int64_t, std::int64_t, const Settings&) {
  const ValueId x = b.relu(b.conv_transpose(b.input("mask_crops", {n, kToyChannels, 14, 14}), "deconv",
                                            {.out = 4, .kernel = 2, .stride = 2}));
  b.output("mask_logits", b.conv(x, "predictor", {.out = kToyClasses, .kernel = 1}));
}

inline const Network& toy_detector() {
  static const Network network = [] {
    Network n;
    n.name = "toy-detector";
    n.settings = network_or_throw("mask-rcnn").settings;
    n.size_multiple = 32;
    n.default_size = 64;
    n.formula.exceptions = {{"cls.weight", 20.0}, {"deltas.weight", 0.05}, {"box.weight", 0.5}};
    n.parts = {{"features", {}, {}, build_toy_features},
               {"box_head", {}, {}, build_toy_box_head},
               {"mask_head", {}, {}, build_toy_mask_head}};
    return n;
  }();
  return network;
}

// Formula weights, or none that are numbers.
class ToyDetectorWeights final : public ParamSource {
 public:
  explicit ToyDetectorWeights(bool broken = false) : broken_(broken) {}
  std::span<const float> fetch(const Param& p, std::vector<float>& scratch) const override {
    const auto values = formula_.fetch(p, scratch);
    if (broken_ && p.name == "logits.bias") scratch[0] = std::nanf("");
    return values;
  }

 private:
  FormulaSource formula_{toy_detector()};
  bool broken_;
};

// ---- colours: a and b of L* by one weight each. Powers of two: every backend gives the same bits.

inline void build_toy_colors(Builder& b, std::int64_t n, std::int64_t h, std::int64_t w,
                             const Settings& settings) {
  const auto scale = static_cast<float>(setting(network_or_throw("eccv16"), settings, "temperature"));
  const ValueId ab = b.conv(b.input("l", {n, 1, h, w}), "colors", {.out = 2, .kernel = 1});
  b.output("ab", b.affine(ab, scale, 0.0f));
}

inline const Network& toy_colors() {
  static const Network network = [] {
    Network n;
    n.name = "toy-colors";
    n.settings = network_or_throw("eccv16").settings;
    n.size_multiple = 8;
    n.build = build_toy_colors;
    return n;
  }();
  return network;
}

class ToyColorsWeights final : public ParamSource {
 public:
  explicit ToyColorsWeights(float bias = 8.0f) : bias_(bias) {}
  std::span<const float> fetch(const Param& p, std::vector<float>& scratch) const override {
    if (p.name == "colors.weight") {
      scratch = {0.5f, -0.25f};
    } else {
      scratch = {-16.0f, bias_};
    }
    return scratch;
  }

 private:
  float bias_;
};

inline LoadedNetwork load_toy(const Network& network, std::shared_ptr<Backend> backend,
                              std::shared_ptr<const ParamSource> source) {
  LoadedNetwork loaded;
  loaded.network = &network;
  loaded.backend = std::move(backend);
  loaded.weights = loaded.backend->make_weights(std::move(source));
  return loaded;
}

}  // namespace cuhue::test
