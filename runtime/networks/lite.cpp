// The first half of ResNet-18 with an upsampling decoder, trained on Places205 (akbokha/image-colorization).
#include "runtime/networks/definitions.h"

namespace cuhue {
namespace {

ValueId conv_bn(Builder& b, ValueId x, const char* conv, const char* bn, const ConvOptions& o) {
  return b.batch_norm(b.conv(x, conv, o), bn);
}

// Basic block of He et al. 2015; its shortcut is a 1x1 convolution where the size changes.
ValueId basic_block(Builder& b, ValueId x, int channels, int stride) {
  ValueId y =
      b.relu(conv_bn(b, x, "conv1", "bn1", {.out = channels, .stride = stride, .pad = 1, .bias = false}));
  y = conv_bn(b, y, "conv2", "bn2", {.out = channels, .pad = 1, .bias = false});
  if (stride != 1) {
    const Scope shortcut(b, "downsample");
    x = conv_bn(b, x, "0", "1", {.out = channels, .kernel = 1, .stride = stride, .bias = false});
  }
  return b.relu(b.add(y, x));
}

// grey [n, 1, h, w] -> [n, 128, h/8, w/8]
ValueId midlevel_resnet(Builder& b, ValueId x) {
  const Scope scope(b, "midlevel_resnet");
  x = b.relu(conv_bn(b, x, "0", "1", {.out = 64, .kernel = 7, .stride = 2, .pad = 3, .bias = false}));
  x = b.pool(x, {.kind = PoolKind::max, .kernel = 3, .stride = 2, .pad = 1});

  struct Block {
    const char* name;
    int channels, stride;
  };
  for (const Block& block : {Block{"4.0", 64, 1}, {"4.1", 64, 1}, {"5.0", 128, 2}, {"5.1", 128, 1}}) {
    const Scope inside(b, block.name);
    x = basic_block(b, x, block.channels, block.stride);
  }
  return x;
}

// [n, 128, h/8, w/8] -> y [n, 2, h/2, w/2]
ValueId decoder(Builder& b, ValueId x) {
  const Scope scope(b, "upsample");
  x = b.relu(conv_bn(b, x, "0", "1", {.out = 128, .pad = 1}));
  x = b.upsample(x, UpsampleKind::nearest, 2);
  x = b.relu(conv_bn(b, x, "4", "5", {.out = 64, .pad = 1}));
  x = b.relu(conv_bn(b, x, "7", "8", {.out = 64, .pad = 1}));
  x = b.upsample(x, UpsampleKind::nearest, 2);
  x = b.relu(conv_bn(b, x, "11", "12", {.out = 32, .pad = 1}));
  return b.conv(x, "14", {.out = 2, .pad = 1});
}

void build(Builder& b, std::int64_t n, std::int64_t h, std::int64_t w, const Settings&) {
  const ValueId grey = b.input("grey", {n, 1, h, w});
  const ValueId y = decoder(b, midlevel_resnet(b, grey));
  // Nearest upsampling only repeats samples, so ab units may be made before it, on a quarter of them.
  b.output("ab", b.upsample(b.affine(y, 255.0f, -128.0f), UpsampleKind::nearest, 2));
}

}  // namespace

Network lite() {
  Network n;
  n.name = "lite";
  n.about = "half ResNet-18 with an upsampling decoder, trained on Places205 (3.8 MB)";
  n.inputs = {{"grey", "[N,1,H,W]", "0.2125 R + 0.7154 G + 0.0721 B of sRGB 0..1, H and W multiples of 8"}};
  n.outputs = {{"ab", "[N,2,H,W]", "colour in ab units"}};
  n.size_multiple = 8;
  n.build = build;
  return n;
}

}  // namespace cuhue
