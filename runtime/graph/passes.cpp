#include "runtime/graph/passes.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "weights/status.h"

namespace cuhue {
namespace {

constexpr std::size_t kMostEpilogueSteps = 8;           // what one elementwise kernel takes
constexpr std::int64_t kMostAnnealedMeanChannels = 16;  // the sums of a pixel stay in registers

// A graph while it is rewritten: who makes and who reads each value. A node that another one has taken in is
// marked and goes when the Rewrite ends.
class Rewrite {
 public:
  explicit Rewrite(Graph& g)
      : g_(g), maker_(g.values.size(), kNone), readers_(g.values.size()), gone_(g.nodes.size(), false) {
    for (std::size_t i = 0; i < g.nodes.size(); ++i) {
      maker_[index(g.nodes[i].output)] = static_cast<int>(i);
      for (const ValueId v : uses(g.nodes[i])) readers_[index(v)].push_back(static_cast<int>(i));
    }
    kept_.assign(g.values.size(), false);
    for (const Binding& output : g.outputs) kept_[index(output.value)] = true;
  }
  ~Rewrite() {
    std::vector<Node> left;
    for (std::size_t i = 0; i < g_.nodes.size(); ++i) {
      if (!gone_[i]) left.push_back(std::move(g_.nodes[i]));
    }
    g_.nodes = std::move(left);
  }
  Rewrite(const Rewrite&) = delete;
  Rewrite& operator=(const Rewrite&) = delete;

  int count() const { return static_cast<int>(g_.nodes.size()); }
  bool gone(int node) const { return gone_[static_cast<std::size_t>(node)]; }
  Node& node(int i) { return g_.nodes[static_cast<std::size_t>(i)]; }
  const Dims& dims(ValueId v) const { return g_.values[index(v)].dims; }
  // kNone for an input of the graph.
  int maker(ValueId v) const { return maker_[index(v)]; }

  // The node that is the one reader of v, reads it once, and v is no output of the graph; else kNone.
  int only_reader(ValueId v) const {
    const auto& readers = readers_[index(v)];
    return readers.size() == 1 && !kept_[index(v)] ? readers[0] : kNone;
  }

  // `taker` does from now on what `taken` did too, and makes its value.
  void take_in(int taker, int taken) {
    for (const ValueId v : uses(node(taken)))
      std::replace(readers_[index(v)].begin(), readers_[index(v)].end(), taken, taker);
    readers_[index(node(taker).output)].clear();
    node(taker).output = node(taken).output;
    maker_[index(node(taken).output)] = taker;
    gone_[static_cast<std::size_t>(taken)] = true;
  }

  // `reader` reads from now on what node `passed` read, which goes when nothing else wants its value.
  void pass_by(int reader, int passed) {
    const ValueId from = node(passed).inputs[0], v = node(passed).output;
    node(reader).inputs[0] = from;
    readers_[index(from)].push_back(reader);
    auto& left = readers_[index(v)];
    left.erase(std::find(left.begin(), left.end(), reader));
    if (!left.empty() || kept_[index(v)]) return;
    std::erase(readers_[index(from)], passed);
    gone_[static_cast<std::size_t>(passed)] = true;
  }

 private:
  static std::size_t index(ValueId v) { return static_cast<std::size_t>(v); }

  Graph& g_;
  std::vector<int> maker_;                 // by value
  std::vector<std::vector<int>> readers_;  // by value, one entry a use
  std::vector<bool> gone_;                 // by node
  std::vector<bool> kept_;                 // by value: output of the graph
};

bool is_plain_1x1(const Op& op) {
  const auto* conv = std::get_if<Convolution>(&op);
  return conv && !conv->transposed && conv->kernel_h == 1 && conv->kernel_w == 1 && conv->stride == 1 &&
         conv->pad_top == 0 && conv->pad_left == 0 && conv->pad_bottom == 0 && conv->pad_right == 0 &&
         conv->spectral_u == kNone && !conv->folded && conv->epilogue.empty();
}

bool is_subsampling(const Pool& p) {
  return p.kernel == 1 && std::max({p.pad_top, p.pad_left, p.pad_bottom, p.pad_right}) == 0;
}

bool may_be_enlarged(const Convolution& c) {
  return !c.transposed && !c.enlarged && c.kernel_h == 3 && c.kernel_w == 3 && c.stride == 1 &&
         c.dilation == 1 && c.pad_top == 1 && c.pad_left == 1 && c.pad_bottom == 1 && c.pad_right == 1;
}

std::vector<EpilogueStep>* epilogue_of(Op& op) {
  if (auto* conv = std::get_if<Convolution>(&op)) return &conv->epilogue;
  if (auto* product = std::get_if<MatMul>(&op)) return &product->epilogue;
  if (auto* norm = std::get_if<InstanceNorm>(&op)) return &norm->epilogue;
  return nullptr;
}

// What `reader` does to v, as a step of the epilogue of node i, which makes v.
std::optional<EpilogueStep> as_step(Rewrite& r, int i, ValueId v, int reader) {
  const Node& node = r.node(reader);
  if (const auto* a = std::get_if<Activation>(&node.op)) return *a;
  if (const auto* bn = std::get_if<BatchNormParams>(&node.op)) return *bn;
  if (const auto* affine = std::get_if<ScalarAffine>(&node.op)) return *affine;
  if (std::holds_alternative<Add>(node.op)) {
    const ValueId other = node.inputs[0] == v ? node.inputs[1] : node.inputs[0];
    const bool whole = r.dims(v) == r.dims(node.output);      // not itself one addend for a whole plane
    if (whole && r.maker(other) < i) return Residual{other};  // it is there before node i runs
  }
  return std::nullopt;
}

}  // namespace

// Sample o of a convolution with stride t, dilation d and padding p over every s-th sample of x is the sum
// over k of w[k] x[s (t o + d k - p)]: a convolution of x itself, with stride s t, dilation s d and padding s
// p. What lies outside lies outside of both.
void fold_subsampling(Graph& g) {
  Rewrite r(g);
  for (int i = 0; i < r.count(); ++i) {
    auto* conv = std::get_if<Convolution>(&r.node(i).op);
    if (conv == nullptr || conv->transposed || conv->pad_mode != PadMode::zero) continue;
    for (;;) {
      const int maker = r.maker(r.node(i).inputs[0]);
      const auto* pool = maker == kNone ? nullptr : std::get_if<Pool>(&r.node(maker).op);
      if (pool == nullptr || !is_subsampling(*pool)) break;
      for (int* distance : {&conv->stride, &conv->dilation, &conv->pad_top, &conv->pad_left,
                            &conv->pad_bottom, &conv->pad_right})
        *distance *= pool->stride;
      r.pass_by(i, maker);
    }
  }
}

void fold_batch_norm(Graph& g) {
  Rewrite r(g);
  for (int i = 0; i < r.count(); ++i) {
    auto* conv = std::get_if<Convolution>(&r.node(i).op);
    if (conv == nullptr || conv->folded || !conv->epilogue.empty()) continue;
    const int reader = r.only_reader(r.node(i).output);
    if (reader == kNone) continue;
    const auto* bn = std::get_if<BatchNormParams>(&r.node(reader).op);
    if (bn == nullptr) continue;
    conv->folded = *bn;
    r.take_in(i, reader);
  }
}

void fuse_annealed_mean(Graph& g) {
  Rewrite r(g);
  for (int last = 0; last < r.count(); ++last) {
    const auto* product = std::get_if<Convolution>(&r.node(last).op);
    if (!is_plain_1x1(r.node(last).op) || product->bias != kNone ||
        product->out_channels > kMostAnnealedMeanChannels)
      continue;
    const ValueId probabilities = r.node(last).inputs[0];
    const int middle = r.maker(probabilities);
    if (middle == kNone || r.only_reader(probabilities) == kNone) continue;
    const auto* softmax = std::get_if<Softmax>(&r.node(middle).op);
    if (softmax == nullptr) continue;
    const ValueId scores = r.node(middle).inputs[0];
    const int first = r.maker(scores);
    if (first == kNone || r.only_reader(scores) == kNone || !is_plain_1x1(r.node(first).op)) continue;
    const auto& bins = std::get<Convolution>(r.node(first).op);
    if (bins.bias == kNone) continue;

    AnnealedMean fused;
    fused.bins = bins.out_channels;
    fused.out_channels = product->out_channels;
    fused.weight = bins.weight;
    fused.bias = bins.bias;
    fused.centres = product->weight;
    fused.temperature = softmax->temperature;
    // The three make one value each, and only the last is read elsewhere: the first's place in the order will
    // do.
    r.node(first).name = r.node(last).name;
    r.take_in(first, middle);
    r.take_in(first, last);
    r.node(first).op = fused;
  }
}

void fuse_epilogues(Graph& g) {
  Rewrite r(g);
  for (int i = 0; i < r.count(); ++i) {
    auto* epilogue = epilogue_of(r.node(i).op);
    if (r.gone(i) || epilogue == nullptr) continue;
    while (epilogue->size() < kMostEpilogueSteps) {
      const ValueId v = r.node(i).output;
      const int reader = r.only_reader(v);
      if (reader == kNone) break;
      const auto step = as_step(r, i, v, reader);
      if (!step) break;
      epilogue->push_back(*step);
      r.take_in(i, reader);
    }
  }
}

void fuse_scale(Graph& g) {
  Rewrite r(g);
  for (int i = 0; i < r.count(); ++i) {
    auto* upsample = std::get_if<Upsample>(&r.node(i).op);
    if (r.gone(i) || upsample == nullptr) continue;
    for (;;) {
      const int reader = r.only_reader(r.node(i).output);
      if (reader == kNone) break;
      const auto* affine = std::get_if<ScalarAffine>(&r.node(reader).op);
      if (affine == nullptr || affine->shift != 0.0f) break;
      upsample->scale *= affine->scale;
      r.take_in(i, reader);
    }
  }
}

void fuse_enlarging(Graph& g) {
  Rewrite r(g);
  for (int i = 0; i < r.count(); ++i) {
    auto* conv = std::get_if<Convolution>(&r.node(i).op);
    if (conv == nullptr || !may_be_enlarged(*conv)) continue;
    const int maker = r.maker(r.node(i).inputs[0]);
    const auto* upsample = maker == kNone ? nullptr : std::get_if<Upsample>(&r.node(maker).op);
    if (upsample == nullptr || upsample->kind != UpsampleKind::nearest || upsample->factor != 2 ||
        upsample->scale != 1.0f)
      continue;
    conv->enlarged = true;
    r.pass_by(i, maker);
  }
}

void remove_dead(Graph& g) {
  std::vector<bool> alive(g.values.size(), false);
  const auto index = [](ValueId v) { return static_cast<std::size_t>(v); };
  for (const Binding& b : g.outputs) alive[index(b.value)] = true;
  for (auto node = g.nodes.rbegin(); node != g.nodes.rend(); ++node) {
    if (!alive[index(node->output)]) continue;
    for (const ValueId v : uses(*node)) alive[index(v)] = true;
  }
  std::erase_if(g.nodes, [&](const Node& n) { return !alive[index(n.output)]; });
  for (const Binding& b : g.inputs) alive[index(b.value)] = true;  // the caller fills them all the same

  std::vector<ValueId> renamed(g.values.size(), kNone);
  std::vector<Value> values;
  for (std::size_t v = 0; v < g.values.size(); ++v) {
    if (!alive[v]) continue;
    renamed[v] = static_cast<ValueId>(values.size());
    values.push_back(std::move(g.values[v]));
  }
  g.values = std::move(values);
  const auto rename = [&](ValueId& v) { v = renamed[index(v)]; };
  for (Node& node : g.nodes) {
    for (ValueId& v : node.inputs) rename(v);
    rename(node.output);
    if (auto* epilogue = epilogue_of(node.op)) {
      for (EpilogueStep& step : *epilogue) {
        if (auto* residual = std::get_if<Residual>(&step)) rename(residual->value);
      }
    }
  }
  for (Binding& b : g.inputs) rename(b.value);
  for (Binding& b : g.outputs) rename(b.value);
}

void optimize(Graph& g) {
  remove_dead(g);  // a dead reader would keep a value from being fused
  fold_subsampling(g);
  fold_batch_norm(g);
  fuse_annealed_mean(g);  // before an epilogue could hide the plain convolutions
  fuse_epilogues(g);
  fuse_scale(g);
  fuse_enlarging(g);  // behind what an upsampling may take in
  remove_dead(g);
}

void keep_first(Graph& g, std::span<const std::string> inputs) {
  g.kept_inputs = g.kept_nodes = 0;
  if (inputs.empty()) return;
  const auto named = [&](const Binding& b) { return std::ranges::find(inputs, b.name) != inputs.end(); };
  for (const std::string& name : inputs) {
    if (std::ranges::find(g.inputs, name, &Binding::name) == g.inputs.end())
      throw Error(Status::usage, "no input named " + name + " in this network: nothing to keep");
  }
  const auto others = std::stable_partition(g.inputs.begin(), g.inputs.end(), named);
  std::vector<bool> changes(g.values.size(), false);
  const auto index = [](ValueId v) { return static_cast<std::size_t>(v); };
  for (auto b = others; b != g.inputs.end(); ++b) changes[index(b->value)] = true;
  for (const Node& node : g.nodes) {
    changes[index(node.output)] =
        std::ranges::any_of(uses(node), [&](ValueId v) { return changes[index(v)]; });
  }
  const auto rest = std::stable_partition(g.nodes.begin(), g.nodes.end(),
                                          [&](const Node& n) { return !changes[index(n.output)]; });
  g.kept_inputs = static_cast<std::size_t>(others - g.inputs.begin());
  g.kept_nodes = static_cast<std::size_t>(rest - g.nodes.begin());
}

}  // namespace cuhue
