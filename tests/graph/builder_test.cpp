#include "runtime/graph/builder.h"

#include "tests/graph/graph_helpers.h"

using namespace cuhue;
using namespace cuhue::test;

TEST_CASE("builder: convolutions have the sizes of PyTorch's") {
  struct Case {
    Dims in;
    ConvOptions o;
    Dims out;
  };
  const Case cases[] = {
      {{1, 3, 8, 8}, {.out = 4, .pad = 1}, {1, 4, 8, 8}},
      {{2, 3, 7, 5}, {.out = 4, .stride = 2, .pad = 1}, {2, 4, 4, 3}},
      {{1, 3, 8, 8}, {.out = 4, .pad = 2, .dilation = 2}, {1, 4, 8, 8}},
      {{1, 3, 5, 9}, {.out = 1, .kernel = 1}, {1, 1, 5, 9}},
      {{1, 1, 256, 256}, {.out = 64, .kernel = 7, .stride = 2, .pad = 3}, {1, 64, 128, 128}},
      {{1, 1, 3, 3}, {.out = 1}, {1, 1, 1, 1}},
      {{1, 1, 4, 4}, {.out = 1, .pad = 3, .pad_mode = PadMode::reflect}, {1, 1, 8, 8}},
  };
  for (const Case& c : cases) {
    Builder b;
    CHECK(b.dims(b.conv(b.input("x", c.in), "layer", c.o)) == c.out);
  }
  Builder b;
  const ValueId x = b.input("x", {1, 6, 5, 7});
  CHECK(b.dims(b.conv_transpose(x, "up", {.out = 3, .kernel = 4, .stride = 2, .pad = 1})) ==
        Dims{1, 3, 10, 14});
  CHECK(b.graph().params[0].shape == std::vector<std::int64_t>{6, 3, 4, 4});
  CHECK(b.graph().params[0].role == ParamRole::transposed_weight);
  CHECK(b.graph().params[0].stride == 2);
}

TEST_CASE("builder: SAME padding is TensorFlow's, side by side") {
  struct Case {
    std::int64_t h, w;
    int kernel, kernel_w, stride, dilation;
    std::int64_t out_h, out_w;
    int top, bottom, left, right;
  };
  const Case cases[] = {
      {8, 7, 3, 0, 2, 1, 4, 4, 0, 1, 1, 1},  // even sizes have their zeros behind only
      {8, 7, 3, 0, 1, 1, 8, 7, 1, 1, 1, 1}, {5, 6, 5, 0, 1, 1, 5, 6, 2, 2, 2, 2},
      {9, 9, 1, 7, 1, 1, 9, 9, 0, 0, 3, 3}, {9, 9, 3, 1, 1, 1, 9, 9, 1, 1, 0, 0},
      {6, 6, 2, 0, 1, 1, 6, 6, 0, 1, 0, 1}, {1, 2, 3, 0, 2, 1, 1, 1, 1, 1, 0, 1},
      {7, 7, 1, 0, 2, 1, 4, 4, 0, 0, 0, 0}, {8, 8, 3, 0, 1, 2, 8, 8, 2, 2, 2, 2},
  };
  for (const Case& c : cases) {
    Builder b;
    const ValueId y = b.conv(b.input("x", {1, 2, c.h, c.w}), "c",
                             {.out = 3,
                              .kernel = c.kernel,
                              .stride = c.stride,
                              .dilation = c.dilation,
                              .kernel_w = c.kernel_w,
                              .same = true});
    CAPTURE(c.h);
    CAPTURE(c.kernel);
    CHECK(b.dims(y) == Dims{1, 3, c.out_h, c.out_w});
    const auto& op = std::get<Convolution>(b.graph().nodes[0].op);
    CHECK(op.pad_top == c.top);
    CHECK(op.pad_bottom == c.bottom);
    CHECK(op.pad_left == c.left);
    CHECK(op.pad_right == c.right);
    const std::int64_t wide = c.kernel_w > 0 ? c.kernel_w : c.kernel;
    CHECK(b.graph().params[0].shape == std::vector<std::int64_t>{3, 2, c.kernel, wide});
  }
}

TEST_CASE("builder: tensors may have other names, and norms no gamma") {
  Builder b;
  b.call_tensors({.separator = "/",
                  .weight = "/weights",
                  .bias = "/biases",
                  .gamma = nullptr,
                  .beta = "/beta",
                  .mean = "/moving_mean",
                  .variance = "/moving_variance",
                  .counter = nullptr});
  const ValueId x = b.input("x", {1, 1, 4, 4});
  const Scope net(b, "Net"), block(b, "Block_", 1);
  ValueId y = b.conv(x, "Conv", {.out = 2, .kernel = 1});
  y = b.batch_norm(y, "Conv/Norm", 0.001f);
  CHECK(param_names(b.graph()) ==
        std::vector<std::string>{"Net/Block_1/Conv/weights", "Net/Block_1/Conv/biases",
                                 "Net/Block_1/Conv/Norm/beta", "Net/Block_1/Conv/Norm/moving_mean",
                                 "Net/Block_1/Conv/Norm/moving_variance"});
  CHECK(std::get<BatchNormParams>(b.graph().nodes[1].op).gamma == kNone);
  CHECK(contains(error_of([&] { b.batch_norm_per_image(y, "again"); }).what(), "gamma"));
}

TEST_CASE("builder: layers may read parts of one weight") {
  Builder b;
  const ValueId x = b.input("x", {2, 8, 4, 4}), v = b.input("v", {2, 5, 1, 1});
  const ValueId of_v =
      b.conv(v, "c", {.out = 3, .kernel = 1, .bias = false, .weight_in = 13, .weight_first = 8});
  const ValueId of_x = b.conv(x, "c", {.out = 3, .kernel = 1, .weight_in = 13});
  CHECK(b.dims(b.add(of_x, of_v)) == Dims{2, 3, 4, 4});
  CHECK(param_names(b.graph()) == std::vector<std::string>{"c.weight", "c.bias"});
  CHECK(b.graph().params[0].shape == std::vector<std::int64_t>{3, 13, 1, 1});
  const auto& part = std::get<Convolution>(b.graph().nodes[0].op).part;
  CHECK(part.first == 8);
  CHECK(part.count == 5);
  CHECK(contains(error_of([&] { b.add(of_v, of_x); }).what(), "adds"));
  CHECK(contains(error_of([&] { b.conv(x, "d", {.out = 3, .weight_in = 13, .weight_first = 6}); }).what(),
                 "13"));
}

TEST_CASE("builder: a spectral norm has its vectors beside the weight") {
  Builder b;
  const ValueId x = b.input("x", {1, 3, 8, 8});
  b.conv(x, "c", {.out = 4, .kernel = 5, .bias = false, .spectral_norm = true});
  CHECK(param_names(b.graph()) == std::vector<std::string>{"c.weight_u", "c.weight_v", "c.weight_bar"});
  const auto& params = b.graph().params;
  CHECK(params[0].shape == std::vector<std::int64_t>{4});
  CHECK(params[1].shape == std::vector<std::int64_t>{75});
  CHECK(params[2].shape == std::vector<std::int64_t>{4, 3, 5, 5});
  CHECK(params[0].role == ParamRole::unit_vector);
  CHECK(params[1].role == ParamRole::unit_vector);
  CHECK(params[2].role == ParamRole::weight);
  const auto& conv = std::get<Convolution>(b.graph().nodes[0].op);
  CHECK(conv.weight == 2);
  CHECK(conv.spectral_u == 0);
  const Error e =
      error_of([&] { b.conv_transpose(x, "up", {.out = 3, .kernel = 4, .spectral_norm = true}); });
  CHECK(contains(e.what(), "up"));
}

TEST_CASE("builder: other layers have the sizes of PyTorch's") {
  Builder b;
  const ValueId x = b.input("x", {2, 3, 7, 9});
  CHECK(b.dims(b.pool(x, {.kernel = 3, .stride = 2, .pad = 1})) == Dims{2, 3, 4, 5});
  CHECK(b.dims(b.pool(x, {.kind = PoolKind::average})) == Dims{2, 3, 3, 4});
  CHECK(b.dims(b.subsample(x, 2)) == Dims{2, 3, 4, 5});
  CHECK(b.dims(b.subsample(x, 3)) == Dims{2, 3, 3, 3});
  CHECK(b.dims(b.subsample(x, 9)) == Dims{2, 3, 1, 1});
  CHECK(b.dims(b.upsample(x, UpsampleKind::bilinear, 4)) == Dims{2, 3, 28, 36});
  CHECK(b.dims(b.concat({x, x, x})) == Dims{2, 9, 7, 9});
  CHECK(b.dims(b.softmax(x, 0.5f)) == Dims{2, 3, 7, 9});
  CHECK(b.dims(b.argmax(x)) == Dims{2, 1, 7, 9});
  CHECK(b.dims(b.add(x, x)) == Dims{2, 3, 7, 9});
  CHECK(b.dims(b.linear(b.input("v", {2, 3, 1, 1}), "fc", 10)) == Dims{2, 10, 1, 1});
  check_graph(b.graph());
}

TEST_CASE("builder: parameters stand in the order of the calls, keys carry the scopes") {
  Builder b;
  const ValueId x = b.input("x", {1, 1, 4, 4});
  {
    const Scope model(b, "model", 1);
    ValueId y = b.conv(x, 0, {.out = 2, .pad = 1});
    {
      const Scope inner(b, "short");
      y = b.conv(y, "cut", {.out = 2, .kernel = 1, .bias = false});
    }
    b.batch_norm(y, 4);
  }
  b.conv(x, "tail", {.out = 1});
  CHECK(param_names(b.graph()) ==
        std::vector<std::string>{"model1.0.weight", "model1.0.bias", "model1.short.cut.weight",
                                 "model1.4.weight", "model1.4.bias", "model1.4.running_mean",
                                 "model1.4.running_var", "model1.4.num_batches_tracked", "tail.weight",
                                 "tail.bias"});
  CHECK(b.graph().params[7].role == ParamRole::ignored);
  CHECK(b.graph().params[7].shape.empty());
}

TEST_CASE("builder: values are named by their scope path, unkeyed ones after their input, never twice") {
  Builder b;
  const ValueId x = b.input("x", {1, 1, 4, 4});
  const Scope model(b, "model1");
  const ValueId c = b.conv(x, 0, {.out = 1, .pad = 1});
  CHECK(name_of(b.graph(), c) == "model1.0");
  CHECK(name_of(b.graph(), b.relu(c)) == "model1.0.relu");
  CHECK(name_of(b.graph(), b.relu(c)) == "model1.0.relu_2");
  CHECK(name_of(b.graph(), b.relu(c)) == "model1.0.relu_3");
  CHECK(name_of(b.graph(), b.add(c, x)) == "model1.0.add");
  CHECK(name_of(b.graph(), b.upsample(c, UpsampleKind::nearest, 2)) == "model1.0.upsample");
  CHECK(name_of(b.graph(), b.pool(c, {})) == "model1.0.pool");
  CHECK(name_of(b.graph(), b.subsample(c, 2)) == "model1.0.subsample");
  CHECK(name_of(b.graph(), b.softmax(c)) == "model1.0.softmax");
  CHECK(name_of(b.graph(), b.argmax(c)) == "model1.0.argmax");
  CHECK(name_of(b.graph(), b.affine(c, 2, 1)) == "model1.0.affine");
  CHECK(name_of(b.graph(), b.activation(c, {ActivationKind::tanh})) == "model1.0.tanh");
}

TEST_CASE("builder: one key stated twice is one shared parameter, stated differently it is an error") {
  Builder b;
  const ValueId x = b.input("x", {1, 2, 4, 4});
  const ValueId y = b.conv(x, "head", {.out = 3});
  const ValueId z = b.conv(x, "head", {.out = 3, .stride = 2});
  CHECK(b.graph().params.size() == 2);
  CHECK(name_of(b.graph(), y) == "head");
  CHECK(name_of(b.graph(), z) == "head_2");
  const Error e = error_of([&] { b.conv(x, "head", {.out = 4}); });
  CHECK(e.status() == Status::usage);
  CHECK(contains(e.what(), "head.weight"));
  CHECK(contains(e.what(), "[3, 2, 3, 3]"));
  CHECK(contains(e.what(), "[4, 2, 3, 3]"));
}

TEST_CASE("builder: a layer that does not fit names itself and both sizes") {
  const auto fails = [](auto&& f, const std::vector<std::string>& parts) {
    Builder b;
    const Scope scope(b, "net");
    const ValueId x = b.input("x", {1, 2, 4, 6});
    const Error e = error_of([&] { f(b, x); });
    CHECK(e.status() == Status::usage);
    for (const std::string& part : parts) {
      INFO(std::string(e.what()) << " should contain " << part);
      CHECK(contains(e.what(), part));
    }
  };
  fails([](Builder& b, ValueId x) { b.conv(x, 3, {.out = 1, .kernel = 5}); }, {"net.3", "5", "[1, 2, 4, 6]"});
  fails([](Builder& b, ValueId x) { b.conv(x, 3, {.out = 0}); }, {"net.3", "out"});
  fails([](Builder& b, ValueId x) { b.conv(x, 3, {.out = 1, .stride = 0}); }, {"net.3", "stride"});
  fails([](Builder& b, ValueId x) { b.conv(x, 3, {.out = 1, .pad = -1}); }, {"net.3", "pad"});
  fails([](Builder& b, ValueId x) { b.conv(x, 3, {.out = 1, .pad = 4, .pad_mode = PadMode::reflect}); },
        {"net.3", "reflect"});
  fails([](Builder& b, ValueId x) { b.conv_transpose(x, 3, {.out = 1, .kernel = 1, .pad = 4}); }, {"net.3"});
  fails([](Builder& b, ValueId x) { b.conv_transpose(x, 3, {.out = 1, .pad_mode = PadMode::replicate}); },
        {"net.3", "zeros"});
  fails([](Builder& b, ValueId x) { b.linear(x, "fc", 5); }, {"net.fc", "[1, 2, 4, 6]"});
  fails(
      [](Builder& b, ValueId x) {
        b.add(x, b.input("y", {1, 3, 4, 6}));
      },
      {"x.add", "[1, 2, 4, 6]", "[1, 3, 4, 6]"});
  fails(
      [](Builder& b, ValueId x) {
        b.concat({x, b.input("y", {1, 3, 4, 5})});
      },
      {"x.concat", "[1, 2, 4, 6]", "[1, 3, 4, 5]"});
  fails([](Builder& b, ValueId) { b.concat({}); }, {"concat"});
  fails([](Builder& b, ValueId x) { b.pool(x, {.kernel = 5, .stride = 1}); }, {"x.pool", "[1, 2, 4, 6]"});
  fails([](Builder& b, ValueId x) { b.pool(x, {.kernel = 2, .stride = 1, .pad = 2}); }, {"x.pool", "pad"});
  fails([](Builder& b, ValueId x) { b.subsample(x, 0); }, {"x.subsample", "step"});
  fails([](Builder& b, ValueId x) { b.upsample(x, UpsampleKind::nearest, 0); }, {"x.upsample", "factor"});
  fails([](Builder& b, ValueId x) { b.softmax(x, 0); }, {"x.softmax", "temperature"});
  fails([](Builder& b, ValueId x) { b.affine(x, 1.0f / 0.0f, 0); }, {"x.affine", "finite"});
  fails([](Builder& b, ValueId) { b.input("x", {1, 1, 1, 1}); }, {"x", "input"});
  fails([](Builder& b, ValueId) { b.input("y", {1, 0, 1, 1}); }, {"y", "[1, 0, 1, 1]"});
  fails([](Builder& b, ValueId) { b.relu(77); }, {"activation"});
  fails(
      [](Builder& b, ValueId x) {
        b.output("o", x);
        b.output("o", x);
      },
      {"o", "output"});
}

TEST_CASE("builder: sizes beyond 64 bits are refused, not wrapped") {
  Builder b;
  const std::int64_t big = INT32_MAX;
  CHECK(error_of([&] { b.input("x", {big, big, big, big}); }).status() == Status::usage);
  CHECK(error_of([&] { b.input("x", {1, 1, 1, big + 1}); }).status() == Status::usage);
  const ValueId x = b.input("x", {1, 1, big, 1});
  CHECK(contains(error_of([&] { b.upsample(x, UpsampleKind::nearest, INT32_MAX); }).what(), "too large"));
  CHECK(contains(
      error_of([&] { b.conv_transpose(x, "up", {.out = 1, .kernel = 1, .stride = INT32_MAX}); }).what(),
      "too large"));
}

TEST_CASE("macs count the direct form") {
  Builder b;
  const ValueId x = b.input("x", {2, 3, 8, 8});
  b.conv(x, "a", {.out = 4, .stride = 2, .pad = 1});
  b.conv_transpose(x, "b", {.out = 4, .kernel = 4, .stride = 2, .pad = 1});
  b.relu(x);
  b.linear(b.input("v", {2, 3, 1, 1}), "c", 5);
  const Graph& g = b.graph();
  CHECK(macs(g, g.nodes[0]) == 2 * 4 * 4 * 4 * 3 * 9);
  CHECK(macs(g, g.nodes[1]) == 2 * 8 * 8 * 3 * 4 * 16);
  CHECK(macs(g, g.nodes[2]) == 0);
  CHECK(macs(g, g.nodes[3]) == 2 * 3 * 5);
}

TEST_CASE("output padding makes a transposed convolution larger at the far side, below its stride") {
  Builder b;
  const ValueId x = b.input("x", {1, 2, 7, 5});
  const ValueId up = b.conv_transpose(x, "up", {.out = 3, .stride = 2, .pad = 1, .output_pad = 1});
  CHECK(b.dims(up) == Dims{1, 3, 14, 10});
  const auto refused = [&](auto&& layer) { return error_of(layer).status() == Status::usage; };
  CHECK(refused([&] { b.conv_transpose(x, "a", {.out = 3, .stride = 2, .output_pad = 2}); }));
  CHECK(refused([&] { b.conv_transpose(x, "b", {.out = 3, .stride = 2, .output_pad = -1}); }));
  CHECK(refused([&] { b.conv(x, "c", {.out = 3, .stride = 2, .output_pad = 1}); }));
}

TEST_CASE("a batch norm per image has the parameters of a batch norm, and may be called twice") {
  Builder b;
  const ValueId x = b.input("x", {2, 3, 8, 8});
  const ValueId y = b.batch_norm_per_image(x, "bn"), z = b.batch_norm_per_image(y, "bn");
  CHECK(name_of(b.graph(), y) == "bn");
  CHECK(name_of(b.graph(), z) == "bn_2");
  CHECK(name_of(b.graph(), b.instance_norm(x)) == "x.instance_norm");
  b.unused("left.over", {4, 2});
  using Names = std::vector<std::string>;
  CHECK(param_names(b.graph()) == Names{"bn.weight", "bn.bias", "bn.running_mean", "bn.running_var",
                                        "bn.num_batches_tracked", "left.over"});
  CHECK(b.graph().params.back().role == ParamRole::ignored);
  CHECK(error_of([&] { b.instance_norm(x, -1.0f); }).status() == Status::usage);
}

TEST_CASE("op names follow the order of the variant") {
  CHECK(op_name(Convolution{}) == "convolution");
  CHECK(op_name(MatMul{}) == "matmul");
  CHECK(op_name(Pool{}) == "pool");
  CHECK(op_name(BatchNormParams{}) == "batch_norm");
  CHECK(op_name(Activation{}) == "activation");
  CHECK(op_name(ScalarAffine{}) == "affine");
  CHECK(op_name(Add{}) == "add");
  CHECK(op_name(Concat{}) == "concat");
  CHECK(op_name(Upsample{}) == "upsample");
  CHECK(op_name(Softmax{}) == "softmax");
  CHECK(op_name(Argmax{}) == "argmax");
  CHECK(op_name(AnnealedMean{}) == "annealed_mean");
  CHECK(op_name(InstanceNorm{}) == "instance_norm");
  Convolution up;
  up.transposed = true;
  CHECK(op_name(up) == "transposed_convolution");
}

TEST_CASE("check_graph finds values that are read before they are made, made twice or never") {
  Builder b;
  ValueId x = b.input("x", {1, 1, 4, 4});
  x = b.relu(b.relu(x));
  b.output("y", x);
  const Graph good = b.graph();
  check_graph(good);

  Graph swapped = good;
  std::swap(swapped.nodes[0], swapped.nodes[1]);
  CHECK(contains(error_of([&] { check_graph(swapped); }).what(), "before it is made"));
  Graph twice = good;
  twice.nodes.push_back(twice.nodes[1]);
  CHECK(contains(error_of([&] { check_graph(twice); }).what(), "second time"));
  Graph lost = good;
  lost.nodes.pop_back();
  CHECK(contains(error_of([&] { check_graph(lost); }).what(), "never made"));
  Graph outside = good;
  outside.nodes[1].inputs[0] = 99;
  CHECK(error_of([&] { check_graph(outside); }).status() == Status::internal);
}
