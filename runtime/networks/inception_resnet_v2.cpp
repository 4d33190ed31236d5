// Inception-ResNet-v2 (Szegedy et al. 2016) as TF-slim defines it, without the auxiliary head.
//
// A flat file of it holds the variables of the checkpoint `inception_resnet_v2_2016_08_30.ckpt` by their own
// names, whatever container they came from, in PyTorch's layouts:
//   InceptionResnetV2/<scope>/weights                    [out, in, kh, kw]   (TensorFlow has [kh, kw, in,
//   out]) InceptionResnetV2/<scope>/biases                     [out] InceptionResnetV2/<scope>/BatchNorm/beta
//   [out] InceptionResnetV2/<scope>/BatchNorm/moving_mean      [out]
//   InceptionResnetV2/<scope>/BatchNorm/moving_variance  [out]
//   InceptionResnetV2/Logits/Logits/weights              [1001, 1536]        (TensorFlow has [1536, 1001])
// There is no gamma: a checkpoint that has one, as the PyTorch port, where it is all ones, has it multiplied
// into the weights. Class 0 is the background.
#include <string>
#include <utility>
#include <vector>

#include "runtime/networks/definitions.h"

namespace cuhue {
namespace {

constexpr float kEps = 0.001f;
constexpr std::int64_t kSize = 299;
constexpr int kClasses = 1001;

constexpr TensorNames kNames = {.separator = "/",
                                .weight = "/weights",
                                .bias = "/biases",
                                .gamma = nullptr,
                                .beta = "/beta",
                                .mean = "/moving_mean",
                                .variance = "/moving_variance",
                                .counter = nullptr};

// A convolution, batch norm and ReLU. VALID where not `same`.
struct Layer {
  const char* scope;
  int channels;
  int kernel_h = 1, kernel_w = 1;
  int stride = 1;
  bool same = true;
};
using Branch = std::vector<Layer>;

struct Residual {
  std::vector<Branch> branches;
  float scale;
  bool activated = true;
};

struct Layers {
  Builder& b;

  ValueId layer(ValueId x, const Layer& l) const {
    x = b.conv(x, l.scope,
               {.out = l.channels,
                .kernel = l.kernel_h,
                .stride = l.stride,
                .kernel_w = l.kernel_w,
                .same = l.same,
                .bias = false});
    return b.relu(b.batch_norm(x, std::string(l.scope) + "/BatchNorm", kEps));
  }
  ValueId chain(ValueId x, const Branch& layers) const {
    for (const Layer& l : layers) x = layer(x, l);
    return x;
  }
  // Each in its scope, Branch_0 and on.
  std::vector<ValueId> branches(ValueId x, const std::vector<Branch>& all) const {
    std::vector<ValueId> results;
    for (const Branch& branch : all) {
      const Scope scope(b, "Branch_", static_cast<int>(results.size()));
      results.push_back(chain(x, branch));
    }
    return results;
  }
  // x + scale * (the branches, joined and brought back to the channels of x)
  ValueId residual(ValueId x, const std::string& scope, const Residual& block) const {
    const Scope here(b, scope);
    const ValueId mixed = b.concat(branches(x, block.branches));
    const ValueId up = b.conv(mixed, "Conv2d_1x1", {.out = b.dims(x).c, .kernel = 1});
    x = b.add(block.scale == 1.0f ? up : b.affine(up, block.scale, 0.0f), x);
    return block.activated ? b.relu(x) : x;
  }
  ValueId repeat(ValueId x, const std::string& scope, int count, const Residual& block) const {
    for (int i = 1; i <= count; ++i) x = residual(x, scope + "_" + std::to_string(i), block);
    return x;
  }
  ValueId max_pool(ValueId x) const { return b.pool(x, {.kind = PoolKind::max, .kernel = 3, .stride = 2}); }
  // The branches, and behind them the greatest of each window.
  ValueId reduction(ValueId x, const char* scope, const std::vector<Branch>& all) const {
    const Scope here(b, scope);
    std::vector<ValueId> parts = branches(x, all);
    parts.push_back(max_pool(x));
    return b.concat(std::move(parts));
  }
};

// [n, 3, 299, 299] -> [n, 192, 35, 35]
ValueId stem(const Layers& net, ValueId x) {
  x = net.layer(x, {"Conv2d_1a_3x3", 32, 3, 3, 2, false});
  x = net.layer(x, {"Conv2d_2a_3x3", 32, 3, 3, 1, false});
  x = net.max_pool(net.layer(x, {"Conv2d_2b_3x3", 64, 3, 3}));
  x = net.layer(x, {"Conv2d_3b_1x1", 80});
  return net.max_pool(net.layer(x, {"Conv2d_4a_3x3", 192, 3, 3, 1, false}));
}

// -> [n, 320, 35, 35]
ValueId mixed_5b(const Layers& net, ValueId x) {
  const Scope scope(net.b, "Mixed_5b");
  std::vector<ValueId> parts =
      net.branches(x, {{{"Conv2d_1x1", 96}},
                       {{"Conv2d_0a_1x1", 48}, {"Conv2d_0b_5x5", 64, 5, 5}},
                       {{"Conv2d_0a_1x1", 64}, {"Conv2d_0b_3x3", 96, 3, 3}, {"Conv2d_0c_3x3", 96, 3, 3}}});
  const ValueId mean = net.b.pool(x, {.kind = PoolKind::average_valid, .kernel = 3, .stride = 1, .pad = 1});
  const Scope last(net.b, "Branch_3");
  parts.push_back(net.layer(mean, {"Conv2d_0b_1x1", 64}));
  return net.b.concat(std::move(parts));
}

Residual block35() {
  return {{{{"Conv2d_1x1", 32}},
           {{"Conv2d_0a_1x1", 32}, {"Conv2d_0b_3x3", 32, 3, 3}},
           {{"Conv2d_0a_1x1", 32}, {"Conv2d_0b_3x3", 48, 3, 3}, {"Conv2d_0c_3x3", 64, 3, 3}}},
          0.17f};
}

Residual block17() {
  return {{{{"Conv2d_1x1", 192}},
           {{"Conv2d_0a_1x1", 128}, {"Conv2d_0b_1x7", 160, 1, 7}, {"Conv2d_0c_7x1", 192, 7, 1}}},
          0.10f};
}

Residual block8(float scale, bool activated) {
  return {{{{"Conv2d_1x1", 192}},
           {{"Conv2d_0a_1x1", 192}, {"Conv2d_0b_1x3", 224, 1, 3}, {"Conv2d_0c_3x1", 256, 3, 1}}},
          scale,
          activated};
}

// -> [n, 1088, 17, 17]
ValueId mixed_6a(const Layers& net, ValueId x) {
  return net.reduction(
      x, "Mixed_6a",
      {{{"Conv2d_1a_3x3", 384, 3, 3, 2, false}},
       {{"Conv2d_0a_1x1", 256}, {"Conv2d_0b_3x3", 256, 3, 3}, {"Conv2d_1a_3x3", 384, 3, 3, 2, false}}});
}

// -> [n, 2080, 8, 8]
ValueId mixed_7a(const Layers& net, ValueId x) {
  return net.reduction(
      x, "Mixed_7a",
      {{{"Conv2d_0a_1x1", 256}, {"Conv2d_1a_3x3", 384, 3, 3, 2, false}},
       {{"Conv2d_0a_1x1", 256}, {"Conv2d_1a_3x3", 288, 3, 3, 2, false}},
       {{"Conv2d_0a_1x1", 256}, {"Conv2d_0b_3x3", 288, 3, 3}, {"Conv2d_1a_3x3", 320, 3, 3, 2, false}}});
}

void build(Builder& b, std::int64_t n, std::int64_t h, std::int64_t w, const Settings& /*settings*/) {
  b.call_tensors(kNames);
  ValueId x = b.input("image", {n, 3, h, w});
  const Layers net{b};
  const Scope scope(b, "InceptionResnetV2");
  x = mixed_5b(net, stem(net, x));
  x = net.repeat(x, "Repeat/block35", 10, block35());
  x = mixed_6a(net, x);
  x = net.repeat(x, "Repeat_1/block17", 20, block17());
  x = mixed_7a(net, x);
  x = net.repeat(x, "Repeat_2/block8", 9, block8(0.20f, true));
  x = net.residual(x, "Block8", block8(1.0f, false));
  x = net.layer(x, {"Conv2d_7b_1x1", 1536});
  const ValueId prelogits =
      b.pool(x, {.kind = PoolKind::average, .kernel = static_cast<int>(b.dims(x).h), .stride = 1});
  b.output("prelogits", prelogits);
  b.output("logits", b.linear(prelogits, "Logits/Logits", kClasses));
}

}  // namespace

Network inception_resnet_v2() {
  Network n;
  n.name = "inception-resnet-v2";
  n.about = "Inception-ResNet-v2, what a photo shows: ImageNet's 1000 classes (Szegedy et al. 2016)";
  n.inputs = {{"image", "[N,3,299,299]", "red, green, blue -1..1"}};
  n.outputs = {{"prelogits", "[N,1536]", "the features that the scores are made of", true},
               {"logits", "[N,1001]", "scores before softmax; class 0 is the background"}};
  n.default_size = kSize;
  n.one_size = true;
  n.formula.exceptions = {{"InceptionResnetV2/Logits/Logits/weights", 0.02}};
  n.formula.tensorflow = true;
  n.build = build;
  return n;
}

}  // namespace cuhue
