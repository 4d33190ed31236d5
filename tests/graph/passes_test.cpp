#include "runtime/graph/passes.h"

#include "tests/graph/graph_helpers.h"

using namespace cuhue;
using namespace cuhue::test;
using Names = std::vector<std::string>;

namespace {

const Convolution& conv_of(const Graph& g, std::size_t node) {
  return std::get<Convolution>(g.nodes.at(node).op);
}

// x -> conv "c" -> then, as an output "y"
template <class Then>
Graph conv_then(Then&& then) {
  Builder b;
  const ValueId x = b.input("x", {1, 2, 4, 4});
  b.output("y", then(b, x, b.conv(x, "c", {.out = 2, .pad = 1})));
  return b.take();
}

// scores (1x1 conv) -> softmax -> centres (1x1 conv)
Graph decoder(const ConvOptions& scores, const ConvOptions& centres, bool output_scores = false) {
  Builder b;
  ValueId x = b.conv(b.input("x", {2, 3, 5, 7}), "scores", scores);
  if (output_scores) b.output("scores", x);
  b.output("ab", b.conv(b.softmax(x, 0.38f), "centres", centres));
  return b.take();
}

}  // namespace

// ---- fold_subsampling

TEST_CASE("fold_subsampling: a conv of every second pixel has twice the stride, dilation and padding") {
  Builder b;
  const ValueId x = b.input("x", {1, 2, 9, 8});
  const ValueId kept = b.subsample(x, 2);
  b.output("y", b.conv(kept, "c", {.out = 3, .kernel = 3, .stride = 3, .pad = 1, .dilation = 2}));
  b.output("z", b.conv(b.subsample(kept, 3), "d", {.out = 3, .kernel = 2, .pad = 1}));
  Graph g = b.take();
  fold_subsampling(g);
  check_graph(g);
  REQUIRE(op_names(g) == Names{"convolution", "convolution"});
  for (const Node& node : g.nodes) CHECK(node.inputs == std::vector<ValueId>{x});
  CHECK(conv_of(g, 0).stride == 6);
  CHECK(conv_of(g, 0).dilation == 4);
  CHECK(conv_of(g, 1).stride == 6);
  CHECK(conv_of(g, 1).dilation == 6);
  for (const int pad :
       {conv_of(g, 1).pad_top, conv_of(g, 1).pad_left, conv_of(g, 1).pad_bottom, conv_of(g, 1).pad_right})
    CHECK(pad == 6);
}

TEST_CASE(
    "fold_subsampling: pixels that others read stay; no repeated borders, no transposed conv, no means") {
  const auto after = [](auto&& layers) {
    Builder b;
    const ValueId x = b.input("x", {1, 2, 9, 8});
    b.output("y", layers(b, x));
    Graph g = b.take();
    fold_subsampling(g);
    check_graph(g);
    return op_names(g);
  };
  CHECK(after([](Builder& b, ValueId x) {
          const ValueId kept = b.subsample(x, 2);
          b.output("kept", kept);
          return b.conv(kept, "c", {.out = 2, .pad = 1});
        }) == Names{"pool", "convolution"});
  CHECK(after([](Builder& b, ValueId x) {
          const ValueId kept = b.subsample(x, 2);
          return b.add(b.conv(kept, "c", {.out = 2, .pad = 1}), kept);
        }) == Names{"pool", "convolution", "add"});
  CHECK(after([](Builder& b, ValueId x) {
          return b.conv(b.subsample(x, 2), "c", {.out = 2, .pad = 1, .pad_mode = PadMode::reflect});
        }) == Names{"pool", "convolution"});
  CHECK(after([](Builder& b, ValueId x) { return b.conv_transpose(b.subsample(x, 2), "c", {.out = 2}); }) ==
        Names{"pool", "transposed_convolution"});
  CHECK(after([](Builder& b, ValueId x) {
          return b.conv(b.pool(x, {.kind = PoolKind::average}), "c", {.out = 2});
        }) == Names{"pool", "convolution"});
}

// ---- fold_batch_norm

TEST_CASE("fold_batch_norm: conv -> batch norm becomes one node that makes the norm's value") {
  for (const bool transposed : {false, true}) {
    Builder b;
    const ValueId x = b.input("x", {1, 2, 4, 4});
    const ConvOptions o{.out = 3, .bias = false};
    const ValueId y = b.batch_norm(transposed ? b.conv_transpose(x, "c", o) : b.conv(x, "c", o), "n", 1e-3f);
    b.output("y", y);
    Graph g = b.take();
    fold_batch_norm(g);
    REQUIRE(g.nodes.size() == 1);
    CHECK(g.nodes[0].output == y);
    CHECK(g.nodes[0].name == "c");
    CHECK(conv_of(g, 0).transposed == transposed);
    REQUIRE(conv_of(g, 0).folded.has_value());
    CHECK(conv_of(g, 0).folded->eps == 1e-3f);
    CHECK(g.params[static_cast<std::size_t>(conv_of(g, 0).folded->var)].name == "n.running_var");
    CHECK(g.params.size() == 6);  // the schema stays
    check_graph(g);
  }
}

TEST_CASE("fold_batch_norm: not past an activation, not when the conv's value is an output or read twice") {
  Graph past = conv_then([](Builder& b, ValueId, ValueId c) { return b.batch_norm(b.relu(c), "n"); });
  fold_batch_norm(past);
  CHECK(op_names(past) == Names{"convolution", "activation", "batch_norm"});

  Graph output = conv_then([](Builder& b, ValueId, ValueId c) {
    b.output("c", c);
    return b.batch_norm(c, "n");
  });
  fold_batch_norm(output);
  CHECK(op_names(output) == Names{"convolution", "batch_norm"});

  Graph twice = conv_then([](Builder& b, ValueId, ValueId c) { return b.add(b.batch_norm(c, "n"), c); });
  fold_batch_norm(twice);
  CHECK(op_names(twice) == Names{"convolution", "batch_norm", "add"});
}

TEST_CASE("fold_batch_norm: only the first of two norms folds") {
  Graph g = conv_then(
      [](Builder& b, ValueId, ValueId c) { return b.batch_norm(b.batch_norm(c, "first"), "second"); });
  fold_batch_norm(g);
  CHECK(op_names(g) == Names{"convolution", "batch_norm"});
  CHECK(g.params[static_cast<std::size_t>(conv_of(g, 0).folded->gamma)].name == "first.weight");
}

// ---- fuse_annealed_mean

TEST_CASE("fuse_annealed_mean: 1x1 conv, softmax, 1x1 conv without bias become one node") {
  Graph g = decoder({.out = 30, .kernel = 1}, {.out = 2, .kernel = 1, .bias = false});
  fuse_annealed_mean(g);
  CHECK(op_names(g) == Names{"annealed_mean"});
  const auto& op = std::get<AnnealedMean>(g.nodes[0].op);
  CHECK(op.bins == 30);
  CHECK(op.out_channels == 2);
  CHECK(op.temperature == 0.38f);
  CHECK(g.params[static_cast<std::size_t>(op.weight)].name == "scores.weight");
  CHECK(g.params[static_cast<std::size_t>(op.bias)].name == "scores.bias");
  CHECK(g.params[static_cast<std::size_t>(op.centres)].name == "centres.weight");
  CHECK(g.nodes[0].inputs == std::vector<ValueId>{g.inputs[0].value});
  CHECK(g.nodes[0].output == g.outputs[0].value);
  CHECK(g.nodes[0].name == "centres");
  CHECK(macs(g, g.nodes[0]) == 2 * 5 * 7 * 30 * (3 + 2));
  check_graph(g);
}

TEST_CASE(
    "fuse_annealed_mean: not when the scores are an output, a conv is no plain 1x1, or channels are many") {
  const ConvOptions plain{.out = 30, .kernel = 1}, centres{.out = 2, .kernel = 1, .bias = false};
  const Names whole = {"convolution", "softmax", "convolution"};
  const auto after = [](Graph g) {
    fuse_annealed_mean(g);
    return op_names(g);
  };
  CHECK(after(decoder(plain, centres)) == Names{"annealed_mean"});
  CHECK(after(decoder(plain, centres, true)) == whole);
  CHECK(after(decoder({.out = 30, .kernel = 3}, centres)) == whole);
  CHECK(after(decoder({.out = 30, .kernel = 1, .stride = 2}, centres)) == whole);
  CHECK(after(decoder({.out = 30, .kernel = 1, .pad = 1}, centres)) == whole);
  CHECK(after(decoder({.out = 30, .kernel = 1, .bias = false}, centres)) == whole);
  CHECK(after(decoder(plain, {.out = 2, .kernel = 1})) == whole);
  CHECK(after(decoder(plain, {.out = 2, .kernel = 3, .bias = false})) == whole);
  CHECK(after(decoder(plain, {.out = 16, .kernel = 1, .bias = false})) == Names{"annealed_mean"});
  CHECK(after(decoder(plain, {.out = 17, .kernel = 1, .bias = false})) == whole);

  Builder b;
  const ValueId p = b.softmax(b.conv(b.input("x", {1, 3, 5, 7}), "scores", plain));
  b.output("p", p);
  b.output("ab", b.conv(p, "centres", centres));
  CHECK(after(b.take()) == whole);
}

// ---- fuse_epilogues

TEST_CASE("fuse_epilogues: activation, batch norm and affine follow the conv in their order") {
  Graph g =
      conv_then([](Builder& b, ValueId, ValueId c) { return b.affine(b.batch_norm(b.relu(c), "n"), 2, 3); });
  fuse_epilogues(g);
  REQUIRE(op_names(g) == Names{"convolution"});
  const auto& steps = conv_of(g, 0).epilogue;
  REQUIRE(steps.size() == 3);
  CHECK(std::holds_alternative<Activation>(steps[0]));
  CHECK(std::holds_alternative<BatchNormParams>(steps[1]));
  CHECK(std::get<ScalarAffine>(steps[2]).shift == 3);
  CHECK(g.nodes[0].output == g.outputs[0].value);
}

TEST_CASE("fuse_epilogues: a matrix product takes them too") {
  Builder b;
  b.output("y", b.relu(b.linear(b.input("x", {2, 3, 1, 1}), "fc", 4)));
  Graph g = b.take();
  fuse_epilogues(g);
  REQUIRE(op_names(g) == Names{"matmul"});
  CHECK(std::get<MatMul>(g.nodes[0].op).epilogue.size() == 1);
}

TEST_CASE("fuse_epilogues: an instance norm takes them too; it is never folded") {
  Builder b;
  const ValueId x = b.input("x", {2, 3, 4, 4});
  const ValueId c = b.conv(x, "conv", {.out = 3, .pad = 1});
  b.output("y", b.add(b.relu(b.batch_norm_per_image(c, "bn")), x));
  Graph g = b.take();
  optimize(g);
  REQUIRE(op_names(g) == Names{"convolution", "instance_norm"});
  const auto& steps = std::get<InstanceNorm>(g.nodes[1].op).epilogue;
  REQUIRE(steps.size() == 2);
  CHECK(std::holds_alternative<Activation>(steps[0]));
  CHECK(std::get<Residual>(steps[1]).value == g.inputs[0].value);
}

TEST_CASE("fuse_epilogues: a residual that is there already is added, on either side of the add") {
  for (const bool first : {false, true}) {
    Graph g = conv_then(
        [&](Builder& b, ValueId x, ValueId c) { return b.relu(first ? b.add(x, c) : b.add(c, x)); });
    fuse_epilogues(g);
    REQUIRE(op_names(g) == Names{"convolution"});
    const auto& steps = conv_of(g, 0).epilogue;
    REQUIRE(steps.size() == 2);
    CHECK(std::get<Residual>(steps[0]).value == g.inputs[0].value);
    CHECK(uses(g.nodes[0]) == std::vector<ValueId>{g.inputs[0].value, g.inputs[0].value});
  }
}

TEST_CASE("fuse_epilogues: of two convs that are added the later one takes the sum") {
  Builder b;
  const ValueId x = b.input("x", {1, 2, 4, 4});
  const ValueId early = b.conv(x, "early", {.out = 2, .pad = 1});
  const ValueId late = b.conv(x, "late", {.out = 2, .kernel = 1});
  b.output("y", b.relu(b.add(early, late)));
  Graph g = b.take();
  fuse_epilogues(g);
  REQUIRE(op_names(g) == Names{"convolution", "convolution"});
  CHECK(conv_of(g, 0).epilogue.empty());
  CHECK(conv_of(g, 1).epilogue.size() == 2);
  CHECK(std::get<Residual>(conv_of(g, 1).epilogue[0]).value == early);
  check_graph(g);
}

TEST_CASE("fuse_epilogues: not with a residual made after the conv") {
  Builder b;
  const ValueId x = b.input("x", {1, 2, 4, 4});
  const ValueId c = b.conv(x, "c", {.out = 2, .pad = 1});
  const ValueId later = b.softmax(x);
  b.output("y", b.add(c, later));
  Graph g = b.take();
  fuse_epilogues(g);
  CHECK(op_names(g) == Names{"convolution", "softmax", "add"});
  CHECK(conv_of(g, 0).epilogue.empty());
}

TEST_CASE("fuse_epilogues: an activation that moved into an earlier conv makes the residual early enough") {
  Builder b;
  const ValueId x = b.input("x", {1, 2, 4, 4});
  const ValueId early = b.conv(x, "early", {.out = 2, .pad = 1});
  const ValueId late = b.conv(x, "late", {.out = 2, .pad = 1});
  const ValueId residual = b.relu(early);  // stands after "late" until it is fused
  b.output("y", b.add(late, residual));
  Graph g = b.take();
  fuse_epilogues(g);
  CHECK(op_names(g) == Names{"convolution", "convolution"});
  check_graph(g);
}

TEST_CASE("fuse_epilogues: outputs, values read twice and a value added to itself stay") {
  Graph output = conv_then([](Builder& b, ValueId, ValueId c) {
    const ValueId r = b.relu(c);
    b.output("r", r);
    return b.affine(r, 2, 0);
  });
  fuse_epilogues(output);
  CHECK(op_names(output) == Names{"convolution", "affine"});

  Graph twice = conv_then([](Builder& b, ValueId, ValueId c) {
    b.output("other", b.affine(c, 2, 0));
    return b.relu(c);
  });
  fuse_epilogues(twice);
  CHECK(op_names(twice) == Names{"convolution", "affine", "activation"});

  Graph itself = conv_then([](Builder& b, ValueId, ValueId c) { return b.add(c, c); });
  fuse_epilogues(itself);
  CHECK(op_names(itself) == Names{"convolution", "add"});
}

TEST_CASE("fuse_epilogues: one addend for each plane is added by the conv; the addend's maker takes no sum") {
  Builder b;
  const ValueId v = b.conv(b.input("v", {2, 3, 1, 1}), "v", {.out = 2, .kernel = 1});
  const ValueId x = b.conv(b.input("x", {2, 2, 4, 4}), "x", {.out = 2, .kernel = 1});
  b.output("y", b.relu(b.add(x, v)));
  Graph g = b.take();
  optimize(g);
  REQUIRE(op_names(g) == Names{"convolution", "convolution"});
  CHECK(conv_of(g, 0).epilogue.empty());
  REQUIRE(conv_of(g, 1).epilogue.size() == 2);
  CHECK(std::get<Residual>(conv_of(g, 1).epilogue[0]).value == g.nodes[0].output);

  Builder late;  // the addend is made behind the conv: neither can take the sum
  const ValueId planes = late.conv(late.input("x", {2, 2, 4, 4}), "x", {.out = 2, .kernel = 1});
  const ValueId addend = late.conv(late.input("v", {2, 3, 1, 1}), "v", {.out = 2, .kernel = 1});
  late.output("y", late.add(planes, addend));
  Graph h = late.take();
  optimize(h);
  CHECK(op_names(h) == Names{"convolution", "convolution", "add"});
}

TEST_CASE("fuse_epilogues: a chain longer than a kernel takes is cut at eight steps") {
  Graph g = conv_then([](Builder& b, ValueId, ValueId c) {
    for (int i = 0; i < 10; ++i) c = b.affine(c, 1.5f, 0.5f);
    return c;
  });
  fuse_epilogues(g);
  CHECK(op_names(g) == Names{"convolution", "affine", "affine"});
  CHECK(conv_of(g, 0).epilogue.size() == 8);
}

// ---- fuse_scale

TEST_CASE("fuse_scale: an affine without shift goes into the upsampling, one with shift does not") {
  for (const auto kind : {UpsampleKind::nearest, UpsampleKind::bilinear}) {
    Builder b;
    const ValueId x = b.input("x", {1, 2, 4, 4});
    b.output("y", b.affine(b.upsample(x, kind, 4), 110, 0));
    b.output("z", b.affine(b.upsample(x, kind, 4), 110, 1));
    Graph g = b.take();
    fuse_scale(g);
    REQUIRE(op_names(g) == Names{"upsample", "upsample", "affine"});
    CHECK(std::get<Upsample>(g.nodes[0].op).scale == 110);
    CHECK(std::get<Upsample>(g.nodes[1].op).scale == 1);
    CHECK(g.nodes[0].output == g.outputs[0].value);
  }
}

TEST_CASE("fuse_scale: not when the upsampled value is an output") {
  Builder b;
  const ValueId up = b.upsample(b.input("x", {1, 2, 4, 4}), UpsampleKind::nearest, 2);
  b.output("up", up);
  b.output("y", b.affine(up, 110, 0));
  Graph g = b.take();
  fuse_scale(g);
  CHECK(op_names(g) == Names{"upsample", "affine"});
}

// ---- fuse_enlarging

TEST_CASE("fuse_enlarging: nearest by 2, then 3x3 with a border of one pixel, is one convolution") {
  for (const PadMode mode : {PadMode::zero, PadMode::reflect, PadMode::replicate}) {
    Builder b;
    const ValueId x = b.input("x", {1, 2, 4, 5});
    const ValueId up = b.upsample(x, UpsampleKind::nearest, 2);
    b.output("y", b.conv(up, "c", {.out = 3, .pad = 1, .pad_mode = mode}));
    b.output("z", b.conv(up, "d", {.out = 3, .pad = 1, .pad_mode = mode}));
    Graph g = b.take();
    fuse_enlarging(g);
    check_graph(g);
    REQUIRE(op_names(g) == Names{"enlarged_convolution", "enlarged_convolution"});
    for (const Node& node : g.nodes) {
      CHECK(node.inputs == std::vector<ValueId>{x});
      CHECK(std::get<Convolution>(node.op).pad_mode == mode);
      CHECK(macs(g, node) == 8 * 10 * 3 * 2 * 9);
    }
  }
}

TEST_CASE("fuse_enlarging: an upsampled value that others read stays for them") {
  Builder b;
  const ValueId up = b.upsample(b.input("x", {1, 2, 4, 4}), UpsampleKind::nearest, 2);
  b.output("up", up);
  b.output("y", b.conv(up, "c", {.out = 3, .pad = 1}));
  Graph g = b.take();
  fuse_enlarging(g);
  CHECK(op_names(g) == Names{"upsample", "enlarged_convolution"});
}

TEST_CASE("fuse_enlarging: no other upsampling, no other window, nothing scaled in between") {
  const auto stays = [](UpsampleKind kind, int factor, float scale, const ConvOptions& o) {
    Builder b;
    ValueId x = b.upsample(b.input("x", {1, 2, 4, 4}), kind, factor);
    if (scale != 1.0f) x = b.affine(x, scale, 0.0f);
    b.output("y", b.conv(x, "c", o));
    Graph g = b.take();
    fuse_scale(g);
    fuse_enlarging(g);
    return op_names(g) == Names{"upsample", "convolution"};
  };
  const ConvOptions plain{.out = 3, .pad = 1};
  CHECK_FALSE(stays(UpsampleKind::nearest, 2, 1.0f, plain));
  CHECK(stays(UpsampleKind::bilinear, 2, 1.0f, plain));
  CHECK(stays(UpsampleKind::nearest, 3, 1.0f, plain));
  CHECK(stays(UpsampleKind::nearest, 2, 0.5f, plain));
  for (const ConvOptions& o :
       {ConvOptions{.out = 3, .kernel = 5, .pad = 2}, ConvOptions{.out = 3},
        ConvOptions{.out = 3, .stride = 2, .pad = 1}, ConvOptions{.out = 3, .pad = 2, .dilation = 2}})
    CHECK(stays(UpsampleKind::nearest, 2, 1.0f, o));
}

// ---- remove_dead, optimize

TEST_CASE("remove_dead: keeps what outputs need, all inputs and all parameters") {
  Builder b;
  const ValueId x = b.input("x", {1, 2, 4, 4});
  b.input("unused", {1, 1, 1, 1});
  const ValueId c = b.conv(x, "c", {.out = 2, .pad = 1});
  b.relu(b.conv(c, "dead", {.out = 9}));
  b.output("y", b.add(c, x));
  Graph g = b.take();
  remove_dead(g);
  CHECK(op_names(g) == Names{"convolution", "add"});
  CHECK(g.inputs.size() == 2);
  CHECK(g.values.size() == 4);
  CHECK(g.params.size() == 4);
  CHECK(name_of(g, g.outputs[0].value) == "c.add");
  CHECK(name_of(g, g.inputs[1].value) == "unused");
  check_graph(g);
}

TEST_CASE("remove_dead: residuals of epilogues are alive") {
  Builder b;
  const ValueId x = b.input("x", {1, 2, 4, 4});
  b.relu(x);
  const ValueId residual = b.softmax(x);
  b.output("y", b.add(b.conv(x, "c", {.out = 2, .pad = 1}), residual));
  Graph g = b.take();
  fuse_epilogues(g);
  remove_dead(g);
  CHECK(op_names(g) == Names{"softmax", "convolution"});
  CHECK(name_of(g, std::get<Residual>(conv_of(g, 1).epilogue[0]).value) == "x.softmax");
  check_graph(g);
}

TEST_CASE("optimize: a residual block is two convolutions, three with a shortcut") {
  for (const bool shortcut : {false, true}) {
    Builder b;
    ValueId x = b.input("x", {1, 2, 4, 4});
    ValueId y = b.relu(b.batch_norm(b.conv(x, "conv1", {.out = 2, .pad = 1, .bias = false}), "bn1"));
    y = b.batch_norm(b.conv(y, "conv2", {.out = 2, .pad = 1, .bias = false}), "bn2");
    if (shortcut) x = b.batch_norm(b.conv(x, "down", {.out = 2, .kernel = 1, .bias = false}), "bn3");
    b.output("y", b.relu(b.add(y, x)));
    Graph g = b.take();
    optimize(g);
    CHECK(g.nodes.size() == (shortcut ? 3 : 2));
    const Convolution& last = conv_of(g, g.nodes.size() - 1);
    CHECK(last.folded.has_value());
    CHECK(last.epilogue.size() == 2);
    CHECK(g.values.size() == g.nodes.size() + 1);
    check_graph(g);
  }
}

TEST_CASE("optimize: a dead reader does not keep a conv from being fused") {
  Graph g = conv_then([](Builder& b, ValueId, ValueId c) {
    b.softmax(c);
    return b.relu(c);
  });
  optimize(g);
  CHECK(op_names(g) == Names{"convolution"});
}

// ---- keep_first

TEST_CASE("keep_first: what reads only the named inputs comes first, both in the order they were stated") {
  Builder b;
  const ValueId labels = b.input("labels", {1, 2, 4, 4}), grey = b.input("grey", {1, 2, 4, 4});
  const ValueId l1 = b.relu(labels), g1 = b.relu(grey);
  const ValueId both = b.add(l1, g1), g2 = b.affine(g1, 2, 0), l2 = b.affine(l1, 2, 0);
  b.output("y", b.concat({both, g2, l2}));
  Graph g = b.take();
  const std::string keep[] = {"grey"};
  keep_first(g, keep);
  check_graph(g);
  CHECK(op_names(g) == Names{"activation", "affine", "activation", "add", "affine", "concat"});
  CHECK(g.nodes[0].inputs == std::vector<ValueId>{grey});
  CHECK(g.kept_nodes == 2);
  CHECK(g.kept_inputs == 1);
  CHECK(g.inputs[0].name == "grey");
  const std::string unknown[] = {"gray"};
  CHECK(contains(error_of([&] { keep_first(g, unknown); }).what(), "gray"));
  keep_first(g, {});
  CHECK(g.kept_nodes == 0);
}

TEST_CASE("keep_first: a residual in an epilogue is read too") {
  Builder b;
  const ValueId grey = b.input("grey", {1, 2, 4, 4}), labels = b.input("labels", {1, 2, 4, 4});
  const ValueId sum = b.add(b.conv(grey, "c", {.out = 2, .pad = 1}), b.relu(labels));
  b.output("y", sum);
  Graph g = b.take();
  optimize(g);
  const std::string keep[] = {"grey"};
  keep_first(g, keep);
  check_graph(g);
  CHECK(g.kept_nodes == (g.nodes.size() == 2 ? 0 : 1));  // fused or not
}
