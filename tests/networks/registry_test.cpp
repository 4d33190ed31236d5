#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "runtime/colorizers/colorizer.h"
#include "runtime/graph/passes.h"
#include "runtime/networks/network.h"
#include "tests/graph/graph_helpers.h"
#include "weights/weight_file.h"
#include "weights/weight_writer.h"

using namespace cuhue;
using namespace cuhue::test;

namespace {

struct Counts {
  std::int64_t tensors = 0, trainable = 0, running = 0, ignored = 0;
};

Counts count(const Network& n) {
  Counts c;
  for (const Param& p : schema(n)) {
    std::int64_t elements = 1;
    for (const std::int64_t extent : p.shape) elements *= extent;
    ++c.tensors;
    if (p.role == ParamRole::ignored)
      ++c.ignored;
    else if (p.role == ParamRole::running_mean || p.role == ParamRole::running_var)
      c.running += elements;
    else
      c.trainable += elements;
  }
  return c;
}

double all_macs(const Graph& g) {
  double sum = 0;
  for (const Node& node : g.nodes) sum += static_cast<double>(macs(g, node));
  return sum;
}

std::vector<std::byte> weight_file(const Network& n, const std::string& name, int version) {
  const FormulaSource source(n);
  std::vector<std::vector<float>> contents;
  for (const Param& p : schema(n)) {
    std::vector<float> scratch;
    const auto values = source.fetch(p, scratch);
    contents.emplace_back(values.begin(), values.end());
  }
  std::vector<TensorToWrite> tensors;
  for (std::size_t i = 0; i < contents.size(); ++i) {
    if (schema(n)[i].role == ParamRole::ignored) continue;
    tensors.push_back(
        {schema(n)[i].name, DType::f32, schema(n)[i].shape, std::as_bytes(std::span(contents[i]))});
  }
  WeightFileInfo info;
  info.network = name;
  info.network_version = version;
  return weight_file_bytes(info, tensors);
}

}  // namespace

TEST_CASE("a system's networks are split at spaces, and each is in the table") {
  CHECK(names_in("segnet colornet") == std::vector<std::string_view>{"segnet", "colornet"});
  CHECK(names_in("").empty());
  for (const System& system : systems()) {
    REQUIRE_FALSE(names_in(system.networks).empty());
    for (const std::string_view list : {system.networks, system.optional})
      for (const std::string_view name : names_in(list)) CHECK(find_network(name) != nullptr);
  }
}

TEST_CASE("a system is known by its networks, with or without those it can do without") {
  using Names = std::vector<std::string_view>;
  CHECK(system_for_networks(Names{"colornet"}).name == "semantic");
  CHECK(system_for_networks(Names{"segnet", "colornet"}).name == "semantic");
  CHECK(system_for_networks(Names{"lite"}).name == "lite");
  CHECK_THROWS_AS(system_for_networks(Names{"segnet"}), Error);
  CHECK_THROWS_AS(system_for_networks(Names{"colornet", "colornet"}), Error);
  CHECK_THROWS_AS(system_for_networks(Names{"colornet", "segnet", "segnet"}), Error);
  CHECK_THROWS_AS(system_for_networks(Names{"colornet", "lite"}), Error);
}

TEST_CASE("eccv16 has the tensors and the cost of the published network") {
  const Network& n = network_or_throw("eccv16");
  const Counts c = count(n);
  CHECK(c.tensors == 82);
  CHECK(c.trainable == 32236011);
  CHECK(c.running == 4992);
  CHECK(c.ignored == 7);
  const auto& s = schema(n);
  CHECK(s[0].name == "model1.0.weight");
  CHECK(s[4].name == "model1.4.weight");
  CHECK(s[8].name == "model1.4.num_batches_tracked");
  CHECK(s[9].name == "model2.0.weight");
  CHECK(s[80].name == "model8.6.bias");
  CHECK(s[81].name == "model_out.weight");
  CHECK(s[81].shape == std::vector<std::int64_t>{2, 313, 1, 1});
  // 41.775 GMAC at 256x256.
  CHECK(std::abs(all_macs(build_graph(n, 1, 256, 256)) * 1e-9 - 41.775) < 0.0005);
}

TEST_CASE("lite has the tensors and the cost of the published network") {
  const Network& n = network_or_throw("lite");
  const Counts c = count(n);
  CHECK(c.tensors == 90);
  CHECK(c.trainable == 954722);
  CHECK(c.ignored == 14);
  CHECK(c.trainable + c.running + c.ignored == 957232);
  const auto& s = schema(n);
  CHECK(s[0].name == "midlevel_resnet.0.weight");
  CHECK(s[0].shape == std::vector<std::int64_t>{64, 1, 7, 7});
  CHECK(s[5].name == "midlevel_resnet.1.num_batches_tracked");
  CHECK(s[6].name == "midlevel_resnet.4.0.conv1.weight");
  CHECK(s[42].name == "midlevel_resnet.5.0.downsample.0.weight");
  CHECK(s[60].name == "upsample.0.weight");
  CHECK(s[89].name == "upsample.14.bias");
  // 2.11 GMAC at 256x256.
  CHECK(std::abs(all_macs(build_graph(n, 1, 256, 256)) * 1e-9 - 2.11) < 0.005);
}

TEST_CASE("siggraph17 has the tensors and the cost of the published network") {
  const Network& n = network_or_throw("siggraph17");
  const Counts c = count(n);
  CHECK(c.tensors == 107);
  CHECK(c.trainable == 34187027);
  CHECK(c.running == 5760);
  CHECK(c.ignored == 9);
  std::map<std::string, std::vector<std::int64_t>> shapes;
  for (const Param& p : schema(n)) shapes[p.name] = p.shape;
  using Shape = std::vector<std::int64_t>;
  CHECK(shapes.at("model1.0.weight") == Shape{64, 4, 3, 3});
  CHECK(shapes.at("model7.6.running_var") == Shape{512});
  CHECK(shapes.at("model8up.0.weight") == Shape{512, 256, 4, 4});
  CHECK(shapes.at("model8.5.weight") == Shape{256});
  CHECK(shapes.at("model3short8.0.weight") == Shape{256, 256, 3, 3});
  CHECK(shapes.at("model1short10.0.bias") == Shape{128});
  CHECK(shapes.at("model10.1.weight") == Shape{128, 128, 3, 3});
  CHECK(shapes.at("model_class.0.weight") == Shape{529, 256, 1, 1});
  CHECK(shapes.at("model_out.0.bias") == Shape{2});
  // 75.195 GMAC at 256x256, and 0.555 more for the scores of colours, where they are wanted.
  const std::string_view ab[] = {"ab"};
  const auto cost = [&n](std::span<const std::string_view> outputs) {
    Graph g = build_graph(n, 1, 256, 256, {}, outputs);
    optimize(g);
    return all_macs(g) * 1e-9;
  };
  CHECK(std::abs(cost(ab) - 75.195) < 0.0005);
  CHECK(std::abs(cost({}) - 75.195 - 0.555) < 0.0005);
}

TEST_CASE("scgan has the tensors and the cost of its specification") {
  const Network& n = network_or_throw("scgan");
  const Counts c = count(n);
  CHECK(c.tensors == 279);
  CHECK(c.ignored == 33);
  std::int64_t weights = 0, vectors = 0, scales = 0;
  std::map<std::string, std::vector<std::int64_t>> shapes;
  for (const Param& p : schema(n)) {
    shapes[p.name] = p.shape;
    std::int64_t elements = 1;
    for (const std::int64_t extent : p.shape) elements *= extent;
    if (p.role == ParamRole::weight) weights += elements;
    if (p.role == ParamRole::unit_vector) vectors += elements;
    if (p.role == ParamRole::norm_scale) scales += elements;
  }
  CHECK(weights == 58732672);
  CHECK(2 * scales == 22528);
  CHECK(c.trainable + c.running + c.ignored == 58931999);  // all elements of the state dictionary
  CHECK(c.running == 2 * scales);
  CHECK(vectors == c.trainable - weights - 2 * scales);
  using Shape = std::vector<std::int64_t>;
  CHECK(shapes.at("global_feature_network.conv1_1.conv2d.module.weight_bar") == Shape{64, 1, 3, 3});
  CHECK(shapes.at("down1.conv2d.module.weight_v") == Shape{49});
  CHECK(shapes.at("down7.conv2d.module.weight_bar") == Shape{512, 1024, 3, 3});
  CHECK(shapes.at("up1.conv2d.conv2d.module.weight_bar") == Shape{512, 512, 3, 3});
  CHECK(shapes.at("up1.conv2d.norm.running_var") == Shape{512});
  CHECK(shapes.at("attention_prediction_network.conv4.conv2d.conv2d.module.weight_bar") ==
        Shape{128, 384, 3, 3});
  CHECK(shapes.at("attention_prediction_network.conv3.conv2d.module.weight_bar") == Shape{128, 128, 3, 3});
  CHECK(shapes.at("attention_prediction_network.final.conv2d.module.weight_u") == Shape{1});
  CHECK(shapes.at("up9.conv2d.module.weight_bar") == Shape{3, 128, 3, 3});
  // 94.334 GMAC at 256x256, of which the saliency branch is 41.146.
  const std::string_view color[] = {"color"};
  const auto cost = [&n](std::span<const std::string_view> outputs) {
    Graph g = build_graph(n, 1, 256, 256, {}, outputs);
    optimize(g);
    return all_macs(g) * 1e-9;
  };
  CHECK(std::abs(cost({}) - 94.334) < 0.0005);
  CHECK(std::abs(cost(color) - 53.188) < 0.0005);
}

TEST_CASE(
    "scgan's forms: three channels change two layers, without the saliency branch 43 tensors are gone") {
  const Network& n = network_or_throw("scgan");
  const auto shape = [&](const Settings& form, std::string_view name) {
    for (const Param& p : schema(n, form))
      if (p.name == name) return p.shape;
    return std::vector<std::int64_t>{};
  };
  using Shape = std::vector<std::int64_t>;
  const char* first = "global_feature_network.conv1_1.conv2d.module.weight_bar";
  CHECK(shape({{"input", 1}}, first) == Shape{64, 3, 3, 3});
  CHECK(shape({{"input", 1}}, "down1.conv2d.module.weight_v") == Shape{147});
  CHECK(shape({{"norm", 1}, {"input", 1}}, first) == Shape{64, 3, 3, 3});
  CHECK(shape({{"norm", 1}}, first) == Shape{64, 1, 3, 3});
  const auto& grey = schema(n);
  const auto& multispectral = schema(n, {{"input", 1}});
  REQUIRE(grey.size() == multispectral.size());
  int changed = 0;
  for (std::size_t i = 0; i < grey.size(); ++i) changed += grey[i].shape != multispectral[i].shape ? 1 : 0;
  CHECK(changed == 4);
  CHECK(schema(n, {{"saliency", 0}}).size() == 279 - 6 * 3 - 5 * 5);
  const Graph g = build_graph(n, 1, 256, 512, {{"input", 1}, {"saliency", 0}});
  CHECK(g.values[static_cast<std::size_t>(g.inputs[0].value)].dims == Dims{1, 3, 256, 512});
  const std::string_view saliency[] = {"saliency"};
  const Error e = error_of([&] { build_graph(n, 1, 256, 256, {{"saliency", 0}}, saliency); });
  CHECK(e.status() == Status::usage);
  CHECK(contains(e.what(), "it has: color"));
}

TEST_CASE("segnet and colornet have the tensors and the cost of the published networks") {
  using Shape = std::vector<std::int64_t>;
  const auto shape = [](const Network& n, std::string_view name) {
    for (const Param& p : schema(n))
      if (p.name == name) return p.shape;
    return Shape{};
  };
  const Network& labels = network_or_throw("segnet");
  const Counts l = count(labels);
  CHECK(l.tensors == 617);
  CHECK(l.trainable == 13206674);
  CHECK(l.running == 18866);
  CHECK(l.ignored == 103);
  CHECK(shape(labels, "batchNormInitial.running_var") == Shape{1});
  CHECK(shape(labels, "firstConv.conv1.weight") == Shape{16, 1, 3, 3});
  CHECK(shape(labels, "convSequence4_4to4_5.conv2.weight") == Shape{256, 256, 3, 3});
  CHECK(shape(labels, "subSamplingSequence3_2to4_2.conv1.weight") == Shape{256, 128, 3, 3});
  CHECK(shape(labels, "upSamplingSequence4_3to3_3.convTranspose1.weight") == Shape{256, 128, 3, 3});
  CHECK(shape(labels, "upSamplingSequence1_5to0_5.batch2.bias") == Shape{16});
  CHECK(shape(labels, "lastConv.conv2.weight") == Shape{60, 60, 3, 3});
  CHECK(std::abs(all_macs(build_graph(labels, 1, 256, 256)) * 1e-9 - 15.84) < 0.005);
  CHECK(std::abs(all_macs(build_graph(labels, 1, 352, 352)) * 1e-9 - 29.94) < 0.005);

  const Network& colours = network_or_throw("colornet");
  const Counts c = count(colours);
  CHECK(c.tensors == 23);
  CHECK(c.trainable == 37704096);
  CHECK(c.running == 0);
  CHECK(shape(colours, "enc1.conv1.weight") == Shape{32, 1, 3, 3});
  CHECK(shape(colours, "enc6.conv2.weight") == Shape{512, 512, 3, 3});
  CHECK(shape(colours, "dec1.conv1.weight") == Shape{1024, 1024, 3, 3});
  CHECK(shape(colours, "dec5.conv1.weight") == Shape{128, 64, 3, 3});
  CHECK(shape(colours, "final_conv.weight") == Shape{2, 64, 3, 3});
  CHECK(std::abs(all_macs(build_graph(colours, 1, 256, 256)) * 1e-9 - 26.69) < 0.005);
  CHECK(std::abs(all_macs(build_graph(colours, 1, 352, 352)) * 1e-9 - 50.46) < 0.005);
}

TEST_CASE("inception-resnet-v2 has the tensors and the cost of its specification") {
  const Network& n = network_or_throw("inception-resnet-v2");
  const Counts c = count(n);
  CHECK(c.tensors == 898);
  CHECK(c.trainable == 55814729);
  CHECK(c.running == 60544);
  CHECK(c.ignored == 0);
  std::map<std::string, std::vector<std::int64_t>> shapes;
  for (const Param& p : schema(n)) shapes[p.name] = p.shape;
  using Shape = std::vector<std::int64_t>;
  const std::string root = "InceptionResnetV2/";
  CHECK(shapes.at(root + "Conv2d_1a_3x3/weights") == Shape{32, 3, 3, 3});
  CHECK(shapes.at(root + "Conv2d_1a_3x3/BatchNorm/moving_variance") == Shape{32});
  CHECK(shapes.at(root + "Mixed_5b/Branch_1/Conv2d_0b_5x5/weights") == Shape{64, 48, 5, 5});
  CHECK(shapes.at(root + "Mixed_5b/Branch_3/Conv2d_0b_1x1/BatchNorm/beta") == Shape{64});
  CHECK(shapes.at(root + "Repeat/block35_10/Conv2d_1x1/biases") == Shape{320});
  CHECK(shapes.at(root + "Repeat_1/block17_20/Branch_1/Conv2d_0b_1x7/weights") == Shape{160, 128, 1, 7});
  CHECK(shapes.at(root + "Repeat_1/block17_1/Branch_1/Conv2d_0c_7x1/weights") == Shape{192, 160, 7, 1});
  CHECK(shapes.at(root + "Mixed_7a/Branch_2/Conv2d_1a_3x3/weights") == Shape{320, 288, 3, 3});
  CHECK(shapes.at(root + "Repeat_2/block8_9/Conv2d_1x1/weights") == Shape{2080, 448, 1, 1});
  CHECK(shapes.at(root + "Block8/Branch_1/Conv2d_0c_3x1/weights") == Shape{256, 224, 3, 1});
  CHECK(shapes.at(root + "Conv2d_7b_1x1/weights") == Shape{1536, 2080, 1, 1});
  CHECK(shapes.at(root + "Logits/Logits/weights") == Shape{1001, 1536});
  CHECK(std::abs(all_macs(build_graph(n, 1, 299, 299)) * 1e-9 - 13.156) < 0.0005);
  // The network sees one size.
  CHECK_THROWS_WITH(build_graph(n, 1, 224, 224), "inception-resnet-v2: size must be 299x299, not 224x224");
}

TEST_CASE(
    "koalarization's fusion costs its vector once an image, where its published form costs it a pixel") {
  const Network& n = network_or_throw("koalarization");
  const Counts c = count(n);
  CHECK(c.tensors == 28);
  CHECK(c.trainable == 6574050);
  CHECK(schema(n)[16].name == "conv2d_9/kernel");
  CHECK(schema(n)[16].shape == std::vector<std::int64_t>{256, 1257, 1, 1});
  CHECK(schema(n)[27].name == "conv2d_14/bias");
  for (const std::int64_t batch : {1, 3}) {
    Graph g = build_graph(n, batch, 224, 224);
    optimize(g);
    const double published = 7.550e9 * static_cast<double>(batch), pixels = 28 * 28;
    const double saved = (pixels - 1) * 1001 * 256 * static_cast<double>(batch);
    CHECK(std::abs(all_macs(g) - (published - saved)) < 0.0005e9 * static_cast<double>(batch));
    CHECK(std::abs(saved * 1e-9 - 0.2006 * static_cast<double>(batch)) < 0.0001 * static_cast<double>(batch));
    // No value holds the vector at more than one pixel, and adding it is no step.
    for (const Value& v : g.values) CHECK((v.dims.c < 1001 || v.dims.h * v.dims.w == 1));
    for (const std::string& op : op_names(g))
      CHECK((op == "convolution" || op == "enlarged_convolution" || op == "upsample"));
  }
}

TEST_CASE("every network states what its table says, at several sizes") {
  for (const Network& n : networks()) {
    const std::int64_t m = n.size_multiple;
    const auto inputs = graph_inputs(n), outputs = graph_outputs(n);
    for (const auto& [batch, high, wide] : {std::array{std::int64_t{1}, n.default_size, n.default_size},
                                            std::array{std::int64_t{3}, 8 * m, 12 * m},
                                            {2, m, 2 * m}}) {
      Graph g = build_graph(n, batch, usable_side(n, high), usable_side(n, wide));
      check_graph(g);
      REQUIRE(g.inputs.size() == inputs.size());
      REQUIRE(g.outputs.size() == outputs.size());
      for (std::size_t i = 0; i < g.inputs.size(); ++i) CHECK(g.inputs[i].name == inputs[i].name);
      for (std::size_t i = 0; i < g.outputs.size(); ++i) {
        CHECK(g.outputs[i].name == outputs[i].name);
        CHECK(g.values[static_cast<std::size_t>(g.outputs[i].value)].dims.n == batch);
      }
      CHECK(g.params.size() == schema(n).size());
      optimize(g);
      check_graph(g);
    }
  }
}

TEST_CASE("outputs have the sizes of the interface") {
  const Graph zhang = build_graph(network_or_throw("eccv16"), 2, 64, 96);
  const auto dims = [](const Graph& g, std::size_t i) {
    return g.values[static_cast<std::size_t>(g.outputs[i].value)].dims;
  };
  CHECK(dims(zhang, 0) == Dims{2, 313, 16, 24});
  CHECK(dims(zhang, 1) == Dims{2, 2, 64, 96});
  CHECK(dims(build_graph(network_or_throw("lite"), 2, 64, 96), 0) == Dims{2, 2, 64, 96});
  const Graph guided = build_graph(network_or_throw("siggraph17"), 2, 64, 96);
  CHECK(dims(guided, 0) == Dims{2, 529, 16, 24});
  CHECK(dims(guided, 1) == Dims{2, 2, 64, 96});
}

TEST_CASE("optimized networks consist of the fused ops they should") {
  const auto left = [](const char* name, std::vector<std::string_view> outputs) {
    Graph g = build_graph(network_or_throw(name), 1, 64, 64, {}, outputs);
    optimize(g);
    std::map<std::string, int> ops;
    for (const std::string& op : op_names(g)) ++ops[op];
    return ops;
  };
  using Ops = std::map<std::string, int>;
  CHECK(left("eccv16", {"ab"}) == Ops{{"affine", 1},
                                      {"convolution", 21},
                                      {"transposed_convolution", 1},
                                      {"annealed_mean", 1},
                                      {"upsample", 1}});
  CHECK(left("eccv16", {}) == Ops{{"affine", 1},
                                  {"convolution", 23},
                                  {"transposed_convolution", 1},
                                  {"softmax", 1},
                                  {"upsample", 1}});
  CHECK(left("lite", {}) ==
        Ops{{"convolution", 13}, {"enlarged_convolution", 2}, {"pool", 1}, {"upsample", 1}});
  // What the encoder skips, norms, sums and activations are all inside of convolutions.
  CHECK(left("siggraph17", {"ab"}) ==
        Ops{{"affine", 3}, {"concat", 1}, {"convolution", 27}, {"transposed_convolution", 3}});
}

TEST_CASE("only the outputs asked for are built, in that order") {
  const Network& n = network_or_throw("eccv16");
  const std::string_view order[] = {"ab", "logits"}, unknown[] = {"rgb"}, twice[] = {"ab", "ab"};
  const Graph g = build_graph(n, 1, 64, 64, {}, order);
  REQUIRE(g.outputs.size() == 2);
  CHECK(g.outputs[0].name == "ab");
  const Error e = error_of([&] { build_graph(n, 1, 64, 64, {}, unknown); });
  CHECK(e.status() == Status::usage);
  CHECK(contains(e.what(), "\"rgb\""));
  CHECK(contains(e.what(), "logits, ab"));
  CHECK(contains(error_of([&] { build_graph(n, 1, 64, 64, {}, twice); }).what(), "twice"));
}

TEST_CASE("an unknown network is an error that lists the known ones") {
  CHECK(find_network("eccv17") == nullptr);
  const Error e = error_of([] { network_or_throw("eccv17"); });
  CHECK(e.status() == Status::usage);
  CHECK(contains(e.what(), "\"eccv17\""));
  CHECK(contains(e.what(), "eccv16, lite"));
}

TEST_CASE("sizes that do not fit are errors that name sizes that would") {
  const Network& n = network_or_throw("eccv16");
  const Error e = error_of([&] { check_size(n, 1, 100, 257); });
  CHECK(e.status() == Status::usage);
  CHECK(contains(e.what(), "100x257"));
  CHECK(contains(e.what(), "96x256"));
  CHECK(contains(e.what(), "104x264"));
  CHECK(contains(error_of([&] { check_size(n, 1, 3, 8); }).what(), "8x8"));
  CHECK(contains(error_of([&] { check_size(n, 0, 8, 8); }).what(), "batch"));
  CHECK(contains(error_of([&] { check_size(n, 1, -8, 8); }).what(), "-8x8"));
  CHECK(error_of([&] { check_size(n, 1, INT64_MAX, 8); }).status() == Status::usage);
  CHECK_NOTHROW(check_size(n, 4, 8, 1024));
  CHECK(error_of([&] { build_graph(n, 1, 12, 8); }).status() == Status::usage);
  CHECK(error_of([&] { build_graph(n, 1, std::int64_t{1} << 40, 8); }).status() == Status::usage);
}

TEST_CASE("settings are checked against the network's table") {
  const Network& n = network_or_throw("eccv16");
  CHECK(setting(n, {}, "temperature") == 1.0);
  CHECK(setting(n, {{"temperature", 0.38}}, "temperature") == 0.38);
  CHECK_NOTHROW(check_settings(n, {{"temperature", 0.01}}));
  const Error unknown = error_of([&] { check_settings(n, {{"heat", 1}}); });
  CHECK(unknown.status() == Status::usage);
  CHECK(contains(unknown.what(), "\"heat\""));
  CHECK(contains(unknown.what(), "temperature"));
  for (const double bad : {0.0, 0.009, 101.0, -1.0, std::numeric_limits<double>::quiet_NaN()}) {
    const Error e = error_of([&] { build_graph(n, 1, 8, 8, {{"temperature", bad}}); });
    CHECK(e.status() == Status::usage);
    CHECK(contains(e.what(), "between 0.01 and 100"));
  }
  CHECK(contains(error_of([&] { check_settings(network_or_throw("lite"), {{"heat", 1}}); }).what(), "none"));
}

TEST_CASE("a setting that is a choice takes whole numbers and says what they are") {
  const Network& n = network_or_throw("masks-gan");
  CHECK(setting(n, {}, "norm") == 0.0);
  CHECK_NOTHROW(check_settings(n, {{"norm", 1}}));
  CHECK(contains(error_of([&] { check_settings(n, {{"norm", 0.5}}); }).what(), "0 = batch, 1 = running"));
  CHECK(contains(error_of([&] { check_settings(n, {{"norm", 2}}); }).what(), "between 0 and 1"));
}

TEST_CASE("masks-gan has the tensors and the cost of its specification") {
  const Network& n = network_or_throw("masks-gan");
  const Counts c = count(n);
  CHECK(c.tensors == 67);
  CHECK(c.trainable == 7839936);  // and 4 of bn10, which nobody reads
  CHECK(c.trainable + 4 + c.running + 4 == 7844840);
  CHECK(c.ignored == 15);
  CHECK(schema(n)[0].name == "conv0_1.weight");
  CHECK(schema(n)[66].name == "bn10.num_batches_tracked");
  // 1.879 GMAC at 224x224, in both modes.
  for (const double norm : {0.0, 1.0})
    CHECK(std::abs(all_macs(build_graph(n, 1, 224, 224, {{"norm", norm}})) * 1e-9 - 1.879) < 0.0005);
}

TEST_CASE("a weight file of another network, another version or without a tensor is refused") {
  const Network& n = network_or_throw("lite");
  const auto check = [&](const std::vector<std::byte>& bytes) {
    check_weights(n, WeightFile::from_memory(bytes, "some.file"));
  };
  CHECK_NOTHROW(check(weight_file(n, "lite", n.version)));
  const Error name = error_of([&] { check(weight_file(n, "eccv16", n.version)); });
  CHECK(name.status() == Status::weights);
  CHECK(contains(name.what(), "\"eccv16\""));
  CHECK(contains(name.what(), "\"lite\""));
  const Error version = error_of([&] { check(weight_file(n, "lite", n.version + 1)); });
  CHECK(version.status() == Status::weights);
  CHECK(contains(version.what(), "version 2"));
}
