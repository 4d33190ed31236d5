// A U-Net that colours only what a mask shows (hallpaz/colorization-masks-gans; generator after T. Han).
#include "runtime/networks/definitions.h"

namespace cuhue {
namespace {

constexpr float kSlope = 0.1f;
constexpr std::int64_t kUnusedChannels = 2;  // of bn10, which is in the checkpoints and nowhere else

enum class Statistics { of_the_image, running };

struct Layers {
  Builder& b;
  Statistics statistics;

  ValueId norm(ValueId x, const Leaf& leaf) const {
    return statistics == Statistics::running ? b.batch_norm(x, leaf) : b.batch_norm_per_image(x, leaf);
  }
  // Convolution, norm, leaky ReLU.
  ValueId encode(ValueId x, const Leaf& conv, const Leaf& bn, int channels, int stride) const {
    x = b.conv(x, conv, {.out = channels, .stride = stride, .pad = 1, .bias = false});
    return b.activation(norm(x, bn), {ActivationKind::leaky_relu, kSlope});
  }
  // To twice the size.
  ValueId up(ValueId x, const Leaf& leaf, int channels) const {
    return b.conv_transpose(x, leaf,
                            {.out = channels, .stride = 2, .pad = 1, .output_pad = 1, .bias = false});
  }
  // The skip comes behind the ReLU, and the sum is not activated again.
  ValueId decode(ValueId x, const Leaf& deconv, const Leaf& bn, ValueId skip) const {
    const auto channels = static_cast<int>(b.dims(skip).c);
    return b.add(b.relu(norm(up(x, deconv, channels), bn)), skip);
  }
};

void build(Builder& b, std::int64_t n, std::int64_t h, std::int64_t w, const Settings& settings) {
  const bool running = setting(network_or_throw("masks-gan"), settings, "norm") != 0.0;
  const Layers net{b, running ? Statistics::running : Statistics::of_the_image};

  const ValueId y = b.affine(b.input("y", {n, 1, h, w}), 1.0f, -0.5f);
  const ValueId mask = b.input("mask", {n, 1, h, w});
  // One norm for both: each branch is taken by its own statistics.
  const ValueId grey = net.encode(y, "conv0_1", "bn0", 16, 1);
  const ValueId shown = net.encode(mask, "conv0_2", "bn0", 16, 1);

  ValueId x = b.concat({grey, shown});
  const ValueId s1 = x = net.encode(x, "conv1", "bn1", 64, 2);
  const ValueId s2 = x = net.encode(x, "conv2", "bn2", 128, 2);
  const ValueId s3 = x = net.encode(x, "conv3", "bn3", 256, 2);
  const ValueId s4 = x = net.encode(x, "conv4", "bn4", 512, 2);
  x = net.encode(x, "conv5", "bn5", 512, 2);

  x = net.decode(x, "deconv6", "bn6", s4);
  x = net.decode(x, "deconv7", "bn7", s3);
  x = net.decode(x, "deconv8", "bn8", s2);
  x = net.decode(x, "deconv9", "bn9", s1);
  b.output("uv", b.activation(net.up(x, "deconv10", 2), {ActivationKind::tanh}));

  const Scope unused(b, "bn10");
  for (const char* vector : {"weight", "bias", "running_mean", "running_var"})
    b.unused(vector, {kUnusedChannels});
  b.unused("num_batches_tracked", {});
}

}  // namespace

Network masks_gan() {
  Network n;
  n.name = "masks-gan";
  n.about = "U-Net GAN that colours what a mask shows (colorization-masks-gans)";
  n.inputs = {{"y", "[N,1,H,W]", "luma 0..1 of YUV, H and W multiples of 32"},
              {"mask", "[N,1,H,W]", "1 = colour, 0 = leave grey"}};
  n.outputs = {{"uv", "[N,2,H,W]", "colour: U / 0.436, V / 0.615"}};
  n.settings = {{"norm",
                 "statistics of the norms: of each image (batch, as published) or stored (running)",
                 0,
                 0,
                 1,
                 {"batch", "running"}}};
  n.size_multiple = 32;
  n.default_size = 224;
  // 2.0 saturates the tanh of the output.
  n.formula = {.gain = 1.0, .exceptions = {{"deconv10.weight", 0.25}}, .defined = {}};
  n.build = build;
  return n;
}

}  // namespace cuhue
