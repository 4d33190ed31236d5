// Real-Time User-Guided Image Colorization with Learned Deep Priors (Zhang, Zhu et al., SIGGRAPH 2017): the
// network of local hints.
#include <array>
#include <cstddef>
#include <string>

#include "runtime/networks/definitions.h"

namespace cuhue {
namespace {

constexpr float kLightnessMiddle = 50.0f, kLightnessRange = 100.0f;
constexpr float kAbRange = 110.0f;        // the network computes ab / 110
constexpr std::int64_t kClassBins = 529;  // 23 x 23 of step 10, a slow, b fast

struct Stage {
  int channels, convs, step, dilation;  // step: which pixels it reads of the stage before
};
constexpr Stage kStages[] = {{64, 2, 1, 1},  {128, 2, 2, 1}, {256, 3, 2, 1}, {512, 3, 2, 1},
                             {512, 3, 1, 2}, {512, 3, 1, 2}, {512, 3, 1, 1}};

// [(l - 50) / 100, ab / 110, mask - mask_cent] [n, 4, h, w]
ValueId network_input(Builder& b, std::int64_t n, std::int64_t h, std::int64_t w, float mask_cent) {
  const ValueId l = b.input("l", {n, 1, h, w});
  const ValueId hint_ab = b.input("hint_ab", {n, 2, h, w});
  const ValueId hint_mask = b.input("hint_mask", {n, 1, h, w});
  return b.concat({b.affine(l, 1.0f / kLightnessRange, -kLightnessMiddle / kLightnessRange),
                   b.affine(hint_ab, 1.0f / kAbRange, 0.0f), b.affine(hint_mask, 1.0f, -mask_cent)});
}

// `coarse` at twice its size and what the encoder saw at that size: [n, channels, h, w].
ValueId joined(Builder& b, ValueId coarse, const char* up, ValueId fine, const char* shortcut,
               std::int64_t channels) {
  const ValueId enlarged =
      b.conv_transpose(coarse, up, {.out = channels, .kernel = 4, .stride = 2, .pad = 1});
  return b.relu(b.add(enlarged, b.conv(fine, shortcut, {.out = channels, .pad = 1})));
}

// l [n, 1, h, w], hint_ab [n, 2, h, w], hint_mask [n, 1, h, w] -> class_logits [n, 529, h/4, w/4],
// ab [n, 2, h, w].  Every batch norm follows its ReLU; the shortcuts read all pixels of c1, c2 and c3.
void build(Builder& b, std::int64_t n, std::int64_t h, std::int64_t w, const Settings& settings) {
  const double mask_cent = setting(network_or_throw("siggraph17"), settings, "mask_cent");
  ValueId x = network_input(b, n, h, w, static_cast<float>(mask_cent));

  std::array<ValueId, std::size(kStages) + 1> c{};
  int number = 0;
  for (const Stage& stage : kStages) {
    const Scope model(b, "model", ++number);
    if (stage.step > 1) x = b.subsample(x, stage.step);
    for (int i = 0; i < stage.convs; ++i)
      x = b.relu(
          b.conv(x, 2 * i, {.out = stage.channels, .pad = stage.dilation, .dilation = stage.dilation}));
    x = c[static_cast<std::size_t>(number)] = b.batch_norm(x, 2 * stage.convs);
  }

  x = joined(b, c[7], "model8up.0", c[3], "model3short8.0", 256);
  x = b.relu(b.conv(x, "model8.1", {.out = 256, .pad = 1}));
  x = b.relu(b.conv(x, "model8.3", {.out = 256, .pad = 1}));
  const ValueId c8 = b.batch_norm(x, "model8.5");

  x = joined(b, c8, "model9up.0", c[2], "model2short9.0", 128);
  x = b.relu(b.conv(x, "model9.1", {.out = 128, .pad = 1}));
  x = b.batch_norm(x, "model9.3");

  x = joined(b, x, "model10up.0", c[1], "model1short10.0", 128);
  x = b.conv(x, "model10.1", {.out = 128, .pad = 1});
  x = b.activation(x, {ActivationKind::leaky_relu, 0.2f});

  b.output("class_logits", b.conv(c8, "model_class.0", {.out = kClassBins, .kernel = 1}));
  x = b.activation(b.conv(x, "model_out.0", {.out = 2, .kernel = 1}), {ActivationKind::tanh, 0.0f});
  b.output("ab", b.affine(x, kAbRange, 0.0f));
}

}  // namespace

Network siggraph17() {
  Network n;
  n.name = "siggraph17";
  n.about =
      "Real-Time User-Guided Image Colorization: colours that follow hints (Zhang, Zhu et al., SIGGRAPH "
      "2017)";
  n.inputs = {{"l", "[N,1,H,W]", "L* 0..100, H and W multiples of 8"},
              {"hint_ab", "[N,2,H,W]", "colours of the hints in ab units, 0 elsewhere"},
              {"hint_mask", "[N,1,H,W]", "1 where there is a hint, else 0"}};
  n.outputs = {
      {"class_logits", "[N,529,H/4,W/4]", "scores of 23 x 23 colours, a slow, b fast, step 10", true},
      {"ab", "[N,2,H,W]", "colour in ab units"}};
  n.settings = {{"mask_cent", "subtracted from the mask: what the weights were trained with", 0.0, 0.0, 1.0}};
  n.size_multiple = 8;
  n.build = build;
  return n;
}

}  // namespace cuhue
