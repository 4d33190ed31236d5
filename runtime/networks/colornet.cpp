// The colorizer of Semantic-driven Colorization (Ho et al. 2021): a U-Net whose one encoder sees the grey
// photo and its labels, one after the other.
#include <array>
#include <cstddef>
#include <string>

#include "runtime/networks/definitions.h"

namespace cuhue {
namespace {

constexpr float kSlope = 0.1f;
constexpr float kLastLabel = 59.0f;
constexpr std::array<int, 6> kChannels = {32, 64, 128, 256, 512, 512};  // of the encoder's stages
using Stages = std::array<ValueId, kChannels.size()>;

ValueId activated(Builder& b, ValueId x) {
  return b.activation(x, {ActivationKind::leaky_relu, kSlope});
}

ValueId conv(Builder& b, ValueId x, const Leaf& leaf, std::int64_t channels, int stride = 1) {
  return activated(b, b.conv(x, leaf, {.out = channels, .stride = stride, .pad = 1, .bias = false}));
}

enum class Seen { grey, labels };

// x [n, 1, h, w] in -1..1 -> what the decoder takes of each stage [n, kChannels[i], h / 2^i, w / 2^i]. Only
// that is normalized: the next stage sees the stage as it is. A change of labels leaves all of grey's alone.
Stages encode(Builder& b, ValueId x, Seen seen) {
  Stages stages{};
  for (std::size_t i = 0; i < stages.size(); ++i) {
    const Scope enc(b, "enc", static_cast<int>(i) + 1);
    x = conv(b, x, "conv1", kChannels[i], i == 0 ? 1 : 2);
    x = conv(b, x, "conv2", kChannels[i]);
    stages[i] = seen == Seen::grey ? b.instance_norm(x) : x;
  }
  return stages;
}

// The skips are added behind the activation, and the sum is not activated again. -> [n, 2, h, w]
ValueId decode(Builder& b, const Stages& grey, const Stages& labels) {
  Stages skips{};
  for (std::size_t i = 0; i < skips.size(); ++i) skips[i] = b.concat({grey[i], labels[i]});
  ValueId x = skips.back();
  for (std::size_t i = skips.size() - 1; i-- > 0;) {
    const Scope dec(b, "dec", static_cast<int>(skips.size() - 1 - i));
    const std::int64_t channels = 2 * kChannels[i];
    x = b.conv_transpose(x, "conv1",
                         {.out = channels, .stride = 2, .pad = 1, .output_pad = 1, .bias = false});
    x = conv(b, b.add(activated(b, x), skips[i]), "conv2", channels);
  }
  return conv(b, x, "final_conv", 2);
}

void build(Builder& b, std::int64_t n, std::int64_t h, std::int64_t w, const Settings& /*settings*/) {
  const ValueId grey = b.input("grey", {n, 1, h, w}), labels = b.input("labels", {n, 1, h, w});
  const Stages of_grey = encode(b, b.affine(grey, 2.0f, -1.0f), Seen::grey);
  const Stages of_labels = encode(b, b.affine(labels, 2.0f / kLastLabel, -1.0f), Seen::labels);
  b.output("ab", decode(b, of_grey, of_labels));
}

}  // namespace

Network colornet() {
  Network n;
  n.name = "colornet";
  n.about = "U-Net that colours a photo by its labels (Semantic-driven Colorization, arXiv 2006.07587)";
  n.inputs = {{"grey", "[N,1,H,W]", "grey 0..1, H and W multiples of 32"},
              {"labels", "[N,1,H,W]", "labels 0..59 as segnet gives them", false, DType::u8}};
  n.outputs = {{"ab", "[N,2,H,W]", "the network's two planes: bytes of 8-bit Lab are 127.5 v + 127.5"}};
  n.size_multiple = 32;
  n.default_size = 352;
  n.formula = {.gain = 2.0, .exceptions = {{"final_conv.weight", 0.02}}, .defined = {}};
  n.build = build;
  return n;
}

}  // namespace cuhue
