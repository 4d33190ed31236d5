#include "tests/graph/random_graph.h"

#include <algorithm>
#include <random>
#include <vector>

#include "runtime/graph/builder.h"

namespace cuhue::test {
namespace {

class Maker {
 public:
  explicit Maker(std::uint64_t seed) : random_(seed) {}

  Graph make() {
    const Dims dims{pick(1, 2), pick(1, 4), pick(3, 9), pick(3, 9)};
    values_.push_back(b_.input("x", dims));
    if (chance(3)) values_.push_back(b_.input("y", dims));
    const int layers = static_cast<int>(pick(3, 24));
    for (int i = 0; i < layers; ++i) layer(std::to_string(i));
    const int outputs = static_cast<int>(pick(1, 3));
    for (int i = 0; i < outputs; ++i) b_.output("out" + std::to_string(i), i == 0 ? values_.back() : any());
    return b_.take();
  }

 private:
  std::int64_t pick(std::int64_t low, std::int64_t high) {
    return low + static_cast<std::int64_t>(random_() % static_cast<std::uint64_t>(high - low + 1));
  }
  bool chance(int one_in) { return pick(1, one_in) == 1; }
  // Mostly the latest value, so that chains grow; sometimes any, so that values are shared.
  ValueId some() { return chance(4) ? any() : values_.back(); }
  ValueId any() {
    return values_[static_cast<std::size_t>(pick(0, static_cast<std::int64_t>(values_.size()) - 1))];
  }

  ConvOptions conv_options(const Dims& in) {
    ConvOptions o;
    o.out = chance(2) ? in.c : pick(1, 6);
    o.kernel = static_cast<int>(pick(1, 3));
    o.dilation = static_cast<int>(pick(1, 2));
    o.pad = chance(2) ? o.dilation * (o.kernel / 2) : static_cast<int>(pick(0, 2));
    o.stride = chance(4) ? 2 : 1;
    o.bias = !chance(3);
    o.spectral_norm = !o.bias && o.out % 2 == 0;
    if (o.pad < std::min(in.h, in.w)) o.pad_mode = static_cast<PadMode>(pick(0, 2));
    const std::int64_t extent = o.dilation * (o.kernel - 1) + 1;
    if (std::min(in.h, in.w) + 2 * o.pad < extent) o = {.out = o.out, .kernel = 1};
    return o;
  }

  void layer(const std::string& name) {
    const ValueId x = some();
    const Dims in = b_.dims(x);
    switch (pick(0, 11)) {
      case 0:
      case 1:
      case 2: return put(b_.conv(x, name, conv_options(in)));
      case 3: return put(b_.conv_transpose(x, name, {.out = pick(1, 4), .kernel = 4, .stride = 2, .pad = 1}));
      case 4: return put(norm(x, name));
      case 5: return put(b_.activation(x, {static_cast<ActivationKind>(pick(0, 3)), 0.2f}));
      case 6: return put(b_.affine(x, static_cast<float>(pick(-3, 3)) * 0.5f, chance(2) ? 0.0f : 0.25f));
      case 7:
      case 8: return add(x);
      case 9: return upsample(x, name);
      case 10: return reduce(x, name);
      default: return decoder(x, name);
    }
  }

  // Per image with an eps that keeps planes of nearly equal values from being their rounding, magnified.
  ValueId norm(ValueId x, const std::string& name) {
    constexpr float kEps = 0.1f;
    if (chance(2)) return b_.batch_norm(x, name);
    return chance(2) ? b_.batch_norm_per_image(x, name, kEps) : b_.instance_norm(x, kEps);
  }

  void add(ValueId x) {
    std::vector<ValueId> same;
    for (const ValueId v : values_) {
      if (b_.dims(v) == b_.dims(x)) same.push_back(v);
    }
    const ValueId other = same[static_cast<std::size_t>(pick(0, static_cast<std::int64_t>(same.size()) - 1))];
    if (chance(4)) return put(b_.concat({x, other}));
    if (chance(4)) return put(b_.add(x, addend_of_planes(x)));
    put(chance(2) ? b_.add(x, other) : b_.add(other, x));
  }

  // [n, c, 1, 1]: the mean of each plane.
  ValueId addend_of_planes(ValueId x) {
    const Dims in = b_.dims(x);
    const int side = static_cast<int>(std::max(in.h, in.w));
    const ValueId rows =
        b_.pool(x, {.kind = PoolKind::average_valid, .kernel = side, .stride = side, .pad = side / 2});
    return b_.subsample(rows, side);
  }

  void upsample(ValueId x, const std::string& name) {
    const ValueId up = b_.upsample(x, chance(2) ? UpsampleKind::nearest : UpsampleKind::bilinear, 2);
    put(up);
    const Dims& large = b_.dims(up);
    if (chance(2)) {
      const auto mode = static_cast<PadMode>(std::min(large.h, large.w) > 1 ? pick(0, 2) : 0);
      return put(b_.conv(up, name, {.out = pick(1, 6), .pad = 1, .bias = chance(2), .pad_mode = mode}));
    }
    if (chance(2)) put(b_.affine(up, 1.5f, chance(3) ? 0.5f : 0.0f));
  }

  void reduce(ValueId x, const std::string& name) {
    const Dims in = b_.dims(x);
    if (in.h == 1 && in.w == 1) return put(b_.linear(x, name, pick(1, 6), chance(2)));
    if (in.h < 2 || in.w < 2) return put(b_.relu(x));
    if (chance(3)) {
      const ValueId kept = b_.subsample(x, static_cast<int>(pick(1, 3)));
      put(kept);
      return put(b_.conv(kept, name, conv_options(b_.dims(kept))));
    }
    put(b_.pool(x, {.kind = static_cast<PoolKind>(pick(0, 2)), .pad = static_cast<int>(pick(0, 1))}));
  }

  void decoder(ValueId x, const std::string& name) {
    const ValueId scores = b_.conv(x, name + "s", {.out = pick(2, 9), .kernel = 1, .bias = !chance(4)});
    values_.push_back(scores);
    const ValueId p = b_.softmax(scores, 0.38f);
    put(p);
    if (!chance(4)) put(b_.conv(p, name + "c", {.out = pick(1, 3), .kernel = 1, .bias = chance(4)}));
  }

  // Keeps sizes small: what grew too large is left a dead end.
  void put(ValueId v) {
    if (b_.dims(v).count() < 6000) values_.push_back(v);
  }

  std::mt19937_64 random_;
  Builder b_;
  std::vector<ValueId> values_;
};

}  // namespace

Graph random_graph(std::uint64_t seed) {
  return Maker(seed).make();
}

std::map<std::string, ReferenceTensor> random_inputs(const Graph& g, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::map<std::string, ReferenceTensor> inputs;
  for (const Binding& b : g.inputs) {
    ReferenceTensor t = make_tensor(g.values[static_cast<std::size_t>(b.value)].dims);
    for (double& v : t.data) v = static_cast<double>(random() >> 11) * 0x1p-53 * 2 - 1;
    inputs[b.name] = std::move(t);
  }
  return inputs;
}

}  // namespace cuhue::test
