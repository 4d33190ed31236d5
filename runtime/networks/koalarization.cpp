// The colour network of deep-koalarization (Baldassarre, Gonzalez Morin, Rodes-Guirao 2017): an encoder, the
// fusion with one vector of global features an image, a decoder.
//
// A flat file of it holds the variables of the training checkpoint by their own names, whatever container
// they came from and whatever number its first layer had there, in PyTorch's layouts:
//   conv2d_1/kernel .. conv2d_14/kernel   [out, in, kh, kw]   (TensorFlow and Keras have [kh, kw, in, out])
//   conv2d_1/bias .. conv2d_14/bias       [out]
// Input channels of conv2d_9: those of the encoder, then the 1001 of the embedding.
#include <string>

#include "runtime/networks/definitions.h"

namespace cuhue {
namespace {

constexpr int kEmbedding = 1001;

struct Layer {
  int channels, stride = 1;
};
constexpr Layer kEncoder[] = {{64, 2}, {128}, {128, 2}, {256}, {256, 2}, {512}, {512}, {256}};
constexpr int kFused = 256;
// L* is 50 (l + 1), a and b are 127 times what the network gives.
constexpr float kLightnessMiddle = 50.0f, kColourRange = 127.0f;

struct Layers {
  Builder& b;
  int count = 0;  // of layers so far: their numbers in the checkpoint

  std::string next() { return "conv2d_" + std::to_string(++count); }
  ValueId conv(ValueId x, const Layer& l) {
    return b.conv(x, next(), {.out = l.channels, .stride = l.stride, .same = true});
  }
  ValueId layer(ValueId x, const Layer& l) { return b.relu(conv(x, l)); }
  ValueId twice(ValueId x) { return b.upsample(x, UpsampleKind::nearest, 2); }

  // A 1x1 convolution of the local features and, at every pixel, the global ones. What it makes of those is
  // the same at every pixel: it is made once an image, and added to whole planes.
  ValueId fuse(ValueId local, ValueId global) {
    const std::string name = next();
    const std::int64_t channels = b.dims(local).c, all = channels + b.dims(global).c;
    const ValueId of_image =
        b.conv(global, name,
               {.out = kFused, .kernel = 1, .bias = false, .weight_in = all, .weight_first = channels});
    const ValueId of_pixels = b.conv(local, name, {.out = kFused, .kernel = 1, .weight_in = all});
    return b.relu(b.add(of_pixels, of_image));
  }
};

void build(Builder& b, std::int64_t n, std::int64_t h, std::int64_t w, const Settings& settings) {
  const bool lab = setting(network_or_throw("koalarization"), settings, "units") != 0.0;
  b.call_tensors({.separator = "/", .weight = "/kernel", .bias = "/bias"});
  ValueId x = b.input("l", {n, 1, h, w});
  if (lab) x = b.affine(x, 1.0f / kLightnessMiddle, -1.0f);
  const ValueId embedding = b.input("embedding", {n, kEmbedding, 1, 1});
  Layers net{b};
  for (const Layer& l : kEncoder) x = net.layer(x, l);
  x = net.fuse(x, embedding);
  x = net.twice(net.layer(x, {128}));
  x = net.layer(x, {64});
  x = net.twice(net.layer(x, {64}));
  x = net.layer(x, {32});
  x = b.activation(net.conv(x, {2}), {ActivationKind::tanh});
  x = net.twice(x);
  b.output("ab", lab ? b.affine(x, kColourRange, 0.0f) : x);
}

}  // namespace

Network koalarization() {
  Network n;
  n.name = "koalarization";
  n.about = "colours from local features and Inception-ResNet-v2's global ones (deep-koalarization)";
  n.inputs = {{"l", "[N,1,H,W]", "L* of CIE Lab / 50 - 1: -1..1"},
              {"embedding", "[N,1001]", "logits of inception-resnet-v2"}};
  n.outputs = {{"ab", "[N,2,8*ceil(H/8),8*ceil(W/8)]", "a and b of CIE Lab / 127: -1..1"}};
  n.settings = {{"units",
                 "of l and ab: as published, -1..1, or of CIE Lab, l 0..100 and ab -127..127",
                 0,
                 0,
                 1,
                 {"published", "lab"}}};
  n.default_size = 224;
  n.formula.tensorflow = true;
  n.build = build;
  return n;
}

}  // namespace cuhue
