// SCGAN: saliency map-guided colorization with a generative adversarial network (Zhao et al. 2020), the
// generator.
#include <array>
#include <optional>

#include "runtime/networks/definitions.h"

namespace cuhue {
namespace {

constexpr std::int64_t kSpectra = 3;  // of the multispectral variant's input

enum class Statistics { running, of_the_image };

// What levels 0..1 of a picture are to the network: themselves, or, to networks trained before April 2021,
// (level - 128) / 128 of bytes.
struct ValueRange {
  float scale = 1.0f, shift = 0.0f;
};
constexpr ValueRange kSymmetric{255.0f / 128.0f, -1.0f};

struct Block {
  const char* name;
  int channels;
  int stride = 1;
  int kernel = 3;
  bool norm = true;
  Activation activation = {ActivationKind::leaky_relu, 0.2f};
};

constexpr Block kGlobal[] = {{"conv1_1", 64, 1, 3, false},
                             {"conv1_2", 64, 2},
                             {"conv2_1", 128},
                             {"conv2_2", 128, 2},
                             {"conv3_1", 256},
                             {"conv3_2", 256},
                             {"conv3_3", 256, 2},
                             {"conv4_1", 512},
                             {"conv4_2", 512},
                             {"conv4_3", 512, 2},
                             {"conv5_1", 512},
                             {"conv5_2", 512},
                             {"conv5_3", 512},
                             {"pool5", 512, 2}};
constexpr Block kDown[] = {{"down1", 64, 1, 7, false}, {"down2", 128, 2}, {"down3", 256, 2},
                           {"down4", 512, 2},          {"down5", 512, 2}, {"down6", 512, 2},
                           {"down7", 512, 2},          {"down8", 512, 2}, {"down9", 512, 2, 3, false}};
constexpr int kJoined = 7;  // the stage of the encoder that sees the global features too
// Each reads the one before it and the stage of the encoder of the same size.
constexpr Block kUp[] = {{"up1", 512}, {"up2", 512}, {"up3", 512}, {"up4", 512},
                         {"up5", 512}, {"up6", 256}, {"up7", 128}, {"up8", 64}};

struct Layers {
  Builder& b;
  Statistics statistics;

  // Reflected border, convolution, norm, activation.
  ValueId same(ValueId x, const Block& block) const {
    const Scope scope(b, block.name);
    return layer(x, block);
  }
  // The same of x at twice its size.
  ValueId enlarged(ValueId x, const Block& block) const {
    const Scope scope(b, block.name), inner(b, "conv2d");
    return layer(b.upsample(x, UpsampleKind::nearest, 2), block);
  }

 private:
  ValueId layer(ValueId x, const Block& block) const {
    x = b.conv(x, "conv2d.module",
               {.out = block.channels,
                .kernel = block.kernel,
                .stride = block.stride,
                .pad = block.kernel / 2,
                .bias = false,
                .spectral_norm = true,
                .pad_mode = PadMode::reflect});
    if (block.norm)
      x = statistics == Statistics::running ? b.batch_norm(x, "norm") : b.batch_norm_per_image(x, "norm");
    return b.activation(x, block.activation);
  }
};

// Where people look, [n, 1, h, w], from the decoder at h/8, h/4 and h/2.
ValueId saliency(const Layers& net, ValueId u5, ValueId u6, ValueId u7) {
  const Scope scope(net.b, "attention_prediction_network");
  const ValueId a1 = net.enlarged(u5, {"conv11", 128});
  const ValueId a2 = net.enlarged(a1, {"conv12", 128});
  const ValueId a3 = net.enlarged(u6, {"conv2", 128});
  const ValueId a4 = net.same(u7, {"conv3", 128});
  const ValueId a5 = net.enlarged(net.b.concat({a2, a3, a4}), {"conv4", 128});
  return net.same(a5, {"final", 1, 1, 3, false, {ActivationKind::sigmoid}});
}

void build(Builder& b, std::int64_t n, std::int64_t h, std::int64_t w, const Settings& settings) {
  const Network& self = network_or_throw("scgan");
  const bool batch = setting(self, settings, "norm") != 0.0;
  const Layers net{b, batch ? Statistics::of_the_image : Statistics::running};
  const bool multispectral = setting(self, settings, "input") != 0.0;
  const bool symmetric = setting(self, settings, "value_range") != 0.0;
  ValueId grey = b.input("grey", {n, multispectral ? kSpectra : 1, h, w});
  if (symmetric) grey = b.affine(grey, kSymmetric.scale, kSymmetric.shift);

  ValueId x = grey;
  {
    const Scope scope(b, "global_feature_network");
    for (const Block& block : kGlobal) x = net.same(x, block);
  }
  const ValueId global = x;

  std::array<ValueId, std::size(kDown) + 1> down{};
  x = grey;
  for (std::size_t i = 1; i < down.size(); ++i) {
    if (i == kJoined) x = b.concat({x, global});
    x = down[i] = net.same(x, kDown[i - 1]);
  }

  std::array<ValueId, std::size(kUp) + 1> up{};
  for (std::size_t i = 1; i < up.size(); ++i) {
    x = up[i] = net.enlarged(x, kUp[i - 1]);
    x = b.concat({down[std::size(kDown) - i], x});
  }
  ValueId color = net.same(x, {"up9", 3, 1, 3, false, {ActivationKind::tanh}});
  if (symmetric) color = b.affine(color, 1.0f / kSymmetric.scale, -kSymmetric.shift / kSymmetric.scale);
  b.output("color", color);
  if (setting(self, settings, "saliency") != 0.0) b.output("saliency", saliency(net, up[5], up[6], up[7]));
}

}  // namespace

Network scgan() {
  Network n;
  n.name = "scgan";
  n.about = "SCGAN: colours and a saliency map from one generator (Zhao et al., IEEE TCSVT 2021)";
  n.inputs = {{"grey", "[N,1,H,W]", "0..1, H and W multiples of 256; [N,3,H,W] when multispectral"}};
  n.outputs = {{"color", "[N,3,H,W]",
                "red, green, blue: times 255, below 0 is 0; blue, green, red when multispectral"},
               {"saliency", "[N,1,H,W]", "where people look, 0..1", true}};
  n.settings = {{"norm",
                 "statistics of the norms: stored (running) or of each image (batch, as the author's script)",
                 0,
                 0,
                 1,
                 {"running", "batch"}},
                {"input", "what the weights were trained with", 0, 0, 1, {"grey", "multispectral"}},
                {"saliency", "whether the weights have that branch", 1, 0, 1, {"absent", "present"}},
                {"value_range",
                 "what the weights were trained on: 0..1 (unit), or, before April 2021, -1..1 (sym128)",
                 0,
                 0,
                 1,
                 {"unit", "sym128"}}};
  n.forms = {{}, {{"saliency", 0}}, {{"input", 1}}, {{"input", 1}, {"saliency", 0}}};
  n.size_multiple = 256;
  n.default_size = 256;
  n.formula.variance = 0.4;  // of 1, the activations would fade from layer to layer
  n.build = build;
  return n;
}

}  // namespace cuhue
