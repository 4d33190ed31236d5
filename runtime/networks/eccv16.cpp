// Colorful Image Colorization (Zhang, Isola, Efros, ECCV 2016), the network of release v2.
#include <cstddef>

#include "runtime/networks/definitions.h"
#include "runtime/networks/gamut_bins.h"

namespace cuhue {
namespace {

constexpr float kLightnessMiddle = 50.0f, kLightnessRange = 100.0f;
constexpr float kAbRange = 110.0f;  // the network computes ab / 110

struct Stage {
  int channels, convs, last_stride, dilation;
};
constexpr Stage kStages[] = {{64, 2, 2, 1},  {128, 2, 2, 1}, {256, 3, 2, 1}, {512, 3, 1, 1},
                             {512, 3, 1, 2}, {512, 3, 1, 2}, {512, 3, 1, 1}};

// l [n, 1, h, w] -> logits [n, 313, h/4, w/4], ab [n, 2, h, w].  Every batch norm follows its ReLU.
void build(Builder& b, std::int64_t n, std::int64_t h, std::int64_t w, const Settings& settings) {
  const auto temperature = static_cast<float>(setting(network_or_throw("eccv16"), settings, "temperature"));

  ValueId x = b.input("l", {n, 1, h, w});
  x = b.affine(x, 1.0f / kLightnessRange, -kLightnessMiddle / kLightnessRange);

  int number = 0;
  for (const Stage& stage : kStages) {
    const Scope model(b, "model", ++number);
    for (int i = 0; i < stage.convs; ++i) {
      const int stride = i + 1 == stage.convs ? stage.last_stride : 1;
      x = b.relu(b.conv(
          x, 2 * i,
          {.out = stage.channels, .stride = stride, .pad = stage.dilation, .dilation = stage.dilation}));
    }
    x = b.batch_norm(x, 2 * stage.convs);
  }

  {
    const Scope model(b, "model8");
    x = b.relu(b.conv_transpose(x, 0, {.out = 256, .kernel = 4, .stride = 2, .pad = 1}));
    x = b.relu(b.conv(x, 2, {.out = 256, .pad = 1}));
    x = b.relu(b.conv(x, 4, {.out = 256, .pad = 1}));
    x = b.conv(x, 6, {.out = kGamutBins, .kernel = 1});
  }
  b.output("logits", x);

  x = b.softmax(x, temperature);
  x = b.conv(x, "model_out", {.out = 2, .kernel = 1, .bias = false});
  x = b.upsample(x, UpsampleKind::bilinear, 4);
  b.output("ab", b.affine(x, kAbRange, 0.0f));
}

// model_out is the table of bin centres.
bool defined_values(const Param& p, std::span<float> values) {
  if (p.name != "model_out.weight") return false;
  const auto bins = gamut_bins();
  for (std::size_t i = 0; i < bins.size(); ++i) {
    values[i] = static_cast<float>(bins[i].a / static_cast<double>(kAbRange));
    values[bins.size() + i] = static_cast<float>(bins[i].b / static_cast<double>(kAbRange));
  }
  return true;
}

}  // namespace

Network eccv16() {
  Network n;
  n.name = "eccv16";
  n.about =
      "Colorful Image Colorization: a distribution over 313 colours per pixel (Zhang et al., ECCV 2016)";
  n.inputs = {{"l", "[N,1,H,W]", "L* 0..100, H and W multiples of 8"}};
  n.outputs = {{"logits", "[N,313,H/4,W/4]", "scores of the 313 colour bins", true},
               {"ab", "[N,2,H,W]", "colour in ab units"}};
  n.settings = {{"temperature", "of the softmax over colour bins: 1 as published, lower = more vivid", 1.0,
                 0.01, 100.0}};
  n.size_multiple = 8;
  // 2.0 gives a nearly uniform softmax, which would hide errors of deep layers.
  n.formula = {.gain = 2.4, .exceptions = {}, .defined = defined_values};
  n.build = build;
  return n;
}

}  // namespace cuhue
