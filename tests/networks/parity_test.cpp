// The networks on the CPU backend against PyTorch, and the proof that this would notice a wrong layer.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "runtime/graph/backend.h"
#include "runtime/graph/passes.h"
#include "tests/networks/golden.h"

using namespace cuhue;
using namespace cuhue::test;

namespace {

constexpr double kTolerance = 1e-4;  // of the largest magnitude

const char* const kGoldens[] = {"eccv16_64x96_1.json",
                                "eccv16_64x96_1_temperature0.38.json",
                                "eccv16_64x96_3.json",
                                "eccv16_256x256_1.json",
                                "lite_64x96_1.json",
                                "lite_64x96_3.json",
                                "lite_256x256_1.json",
                                "eccv16_16x24_2.json",
                                "lite_16x24_2.json",
                                "siggraph17_16x24_2.json",
                                "siggraph17_16x24_2_mask_cent0.5.json",
                                "siggraph17_16x24_2_hints.json",
                                "siggraph17_16x24_2_hints_mask_cent0.5.json",
                                "siggraph17_32x32_1_hints.json",
                                "siggraph17_64x96_1_hints.json",
                                "masks-gan_64x64_2_halves.json",
                                "masks-gan_64x96_1_halves.json",
                                "masks-gan_64x96_1_zeros.json",
                                "masks-gan_64x96_1_ones.json",
                                "masks-gan_64x96_1_halves_norm1.json",
                                "masks-gan_96x64_3_halves.json",
                                "segnet_32x64_1.json",
                                "segnet_48x32_2.json",
                                "segnet_192x160_1.json",
                                "colornet_32x64_2_blocks.json",
                                "colornet_64x64_1_blocks.json",
                                "colornet_64x96_1_zeros.json",
                                "colornet_192x160_1_blocks.json",
                                "masks-gan_224x224_1_halves.json",
                                "koalarization_16x24_2.json",
                                "koalarization_101x67_2.json",
                                "koalarization_120x88_1.json",
                                "koalarization_224x224_1.json"};

// Of networks that take seconds a run.
const char* const kLargeGoldens[] = {"scgan_256x256_1.json", "scgan_256x512_1.json",
                                     "scgan_256x256_1_norm1.json", "scgan_256x256_1_input1.json",
                                     "inception-resnet-v2_299x299_1.json"};

// One network on the backend, its weights shared by all programs of a test.
class Runner {
 public:
  explicit Runner(std::shared_ptr<const ParamSource> source)
      : backend_(make_cpu_backend()), weights_(backend_->make_weights(std::move(source))) {}

  std::unique_ptr<Program> run(Graph g, const Golden& golden, bool optimize = true) {
    CompileOptions options;
    options.optimize = optimize;
    auto program = backend_->compile(std::move(g), weights_, options);
    for (const auto& [name, x] : golden_inputs(golden)) {
      const TensorRef to = program->input(name);
      REQUIRE(x.size() == static_cast<std::size_t>(to.dims.count()));
      std::copy(x.begin(), x.end(), to.data);
    }
    program->run();
    return program;
  }

 private:
  std::unique_ptr<Backend> backend_;
  std::shared_ptr<DeviceWeights> weights_;
};

// Of a network's weights in one form.
Runner& runner_of(const Golden& g) {
  static std::map<std::string, Runner, std::less<>> runners;
  std::string key(g.network->name);
  if (g.settings.contains("input")) key += " of three channels";
  const auto it = runners.find(key);
  if (it != runners.end()) return it->second;
  return runners.emplace(key, Runner(std::make_shared<FormulaSource>(*g.network))).first->second;
}

std::span<const float> floats(const TensorRef& t) {
  return {t.data, static_cast<std::size_t>(t.dims.count())};
}

// Makes an output of every value that has a golden tap, in `names` only when given.
void add_taps(Graph& g, const Golden& golden, const std::set<std::string>* names = nullptr) {
  for (std::size_t v = 0; v < g.values.size(); ++v) {
    const std::string& name = g.values[v].name;
    if (golden.taps.contains(name) && (names == nullptr || names->contains(name)))
      g.outputs.push_back({name, static_cast<ValueId>(v)});
  }
}

double worst_error(Program& program, const std::map<std::string, GoldenTensor>& expected,
                   const std::vector<std::string>& names) {
  double worst = 0;
  for (const std::string& name : names) {
    const TensorRef t = program.output(name);
    const double error = error_of(expected.at(name), t.dims, floats(t));
    INFO(name);
    CHECK(error < kTolerance);
    worst = std::max(worst, error);
  }
  return worst;
}

std::vector<std::string> output_names(const Golden& golden) {
  std::vector<std::string> names;
  for (const auto& [name, tensor] : golden.outputs) names.push_back(name);
  return names;
}

std::vector<std::string> tap_names(const Graph& g, const Golden& golden) {
  std::vector<std::string> names;
  for (const Binding& b : g.outputs) {
    if (golden.taps.contains(b.name)) names.push_back(b.name);
  }
  return names;
}

// A network with every value it stores besides its outputs, all against PyTorch.
void check_stored(const char* file) {
  const Golden golden = read_golden(file);
  INFO(golden.label);
  Graph fused = golden_graph(golden);
  optimize(fused);
  std::set<std::string> stored;
  for (const Value& v : fused.values) stored.insert(v.name);
  Graph g = golden_graph(golden);
  add_taps(g, golden, &stored);
  const std::vector<std::string> names = tap_names(g, golden);
  CHECK(names.size() >= 12);
  const auto program = runner_of(golden).run(std::move(g), golden);
  const double taps = worst_error(*program, golden.taps, names);
  const double outputs = worst_error(*program, golden.outputs, output_names(golden));
  MESSAGE(golden.label << ": " << names.size() << " taps, worst error " << taps << ", of the outputs "
                       << outputs);
}

// The formula weights with one tensor set to zero.
class WithoutLayer final : public ParamSource {
 public:
  WithoutLayer(const Network& n, std::string key) : source_(n), key_(std::move(key)) {}
  std::span<const float> fetch(const Param& p, std::vector<float>& scratch) const override {
    const auto values = source_.fetch(p, scratch);
    if (p.name != key_) return values;
    scratch.assign(values.size(), 0.0f);
    return scratch;
  }

 private:
  FormulaSource source_;
  std::string key_;
};

}  // namespace

TEST_CASE("parity: the optimized networks give PyTorch's outputs, all of them or the picture alone") {
  for (const char* file : kGoldens) {
    const Golden golden = read_golden(file);
    INFO(golden.label);
    Runner& runner = runner_of(golden);
    const auto all = runner.run(golden_graph(golden), golden);
    const double whole = worst_error(*all, golden.outputs, output_names(golden));
    const std::string_view only[] = {picture_of(golden)};
    const auto alone = runner.run(golden_graph(golden, only), golden);
    const double picture = worst_error(*alone, golden.outputs, {std::string(only[0])});
    MESSAGE(golden.label << ": worst error of all outputs " << whole << ", of the picture alone " << picture);
  }
}

TEST_CASE("parity: at the size that the networks of labels are used at") {
  for (const char* file : {"segnet_352x352_1.json", "colornet_352x352_1_blocks.json"}) {
    const Golden golden = read_golden(file);
    INFO(golden.label);
    const auto program = runner_of(golden).run(golden_graph(golden), golden);
    const double worst = worst_error(*program, golden.outputs, output_names(golden));
    MESSAGE(golden.label << ": worst error " << worst);
  }
}

TEST_CASE("parity: every value the optimized networks store is PyTorch's") {
  for (const char* file : kGoldens) check_stored(file);
}

TEST_CASE("parity: every value the optimized large networks store is PyTorch's, and the picture alone") {
  for (const char* file : kLargeGoldens) check_stored(file);
  const Golden golden = read_golden(kLargeGoldens[0]);
  const std::string_view only[] = {picture_of(golden)};
  const auto alone = runner_of(golden).run(golden_graph(golden, only), golden);
  worst_error(*alone, golden.outputs, {std::string(only[0])});
}

TEST_CASE("parity: without any pass every layer is PyTorch's") {
  for (const char* file : kGoldens) {
    const Golden golden = read_golden(file);
    INFO(golden.label);
    Graph g = golden_graph(golden);
    add_taps(g, golden);
    const std::vector<std::string> names = tap_names(g, golden);
    CHECK(names.size() == golden.taps.size());
    const auto program = runner_of(golden).run(std::move(g), golden, false);
    const double taps = worst_error(*program, golden.taps, names);
    const double outputs = worst_error(*program, golden.outputs, output_names(golden));
    MESSAGE(golden.label << ": " << names.size() << " taps, worst error " << std::max(taps, outputs));
  }
}

TEST_CASE("parity: a wrong layer anywhere would be seen: each one set to zero changes the picture by far") {
  struct Mutation {
    const char* file;
    std::vector<std::string> layers;
    std::string_view output = {};  // empty = the picture
  };
  const Mutation mutations[] = {
      {"eccv16_64x96_1.json",
       {"model1.2.weight", "model3.4.weight", "model5.2.weight", "model6.4.weight", "model7.4.weight",
        "model7.6.weight", "model8.0.weight", "model8.4.weight", "model8.6.weight", "model_out.weight"}},
      {"lite_64x96_1.json",
       {"midlevel_resnet.0.weight", "midlevel_resnet.4.1.conv2.weight", "midlevel_resnet.5.0.conv1.weight",
        "midlevel_resnet.5.0.downsample.0.weight", "midlevel_resnet.5.1.bn2.weight", "upsample.0.weight",
        "upsample.7.weight", "upsample.11.weight", "upsample.14.weight"}},
      {"siggraph17_32x32_1_hints.json",
       {"model1.2.weight", "model3.4.weight", "model4.2.weight", "model5.2.weight", "model6.4.weight",
        "model7.6.weight", "model8up.0.weight", "model3short8.0.weight", "model8.3.weight",
        "model9up.0.weight", "model2short9.0.weight", "model9.1.weight", "model10up.0.weight",
        "model1short10.0.weight", "model10.1.weight", "model_out.0.weight"}},
      {"segnet_32x64_1.json",
       {"batchNormInitial.weight", "firstConv.conv1.weight", "firstConv.batch2.running_mean",
        "subSamplingSequence0_0to1_0.conv1.weight", "convSequence2_0to2_1.conv2.weight",
        "subSamplingSequence3_2to4_2.batch1.bias", "convSequence4_3to4_4.conv1.weight",
        "upSamplingSequence4_3to3_3.convTranspose1.weight", "upSamplingSequence3_5to2_5.conv2.weight",
        "convSequence1_4to1_5.batch2.weight", "upSamplingSequence1_4to0_4.convTranspose1.weight",
        "lastConv.conv1.weight", "lastConv.batch2.bias"}},
      {"colornet_32x64_2_blocks.json",
       {"enc1.conv1.weight", "enc1.conv2.weight", "enc2.conv1.weight", "enc3.conv2.weight",
        "enc4.conv1.weight", "enc5.conv2.weight", "enc6.conv2.weight", "dec1.conv1.weight",
        "dec1.conv2.weight", "dec2.conv1.weight", "dec3.conv2.weight", "dec4.conv1.weight",
        "dec5.conv1.weight", "dec5.conv2.weight", "final_conv.weight"}},
      {"scgan_256x256_1.json",
       {"global_feature_network.conv3_2.norm.weight", "down4.norm.running_mean", "down8.norm.weight",
        "up4.conv2d.norm.weight", "up7.conv2d.norm.bias"}},
      {"scgan_256x256_1.json",
       {"attention_prediction_network.conv12.conv2d.norm.weight",
        "attention_prediction_network.conv2.conv2d.norm.weight"},
       "saliency"},
      {"koalarization_101x67_2.json",
       {"conv2d_1/kernel", "conv2d_3/kernel", "conv2d_5/kernel", "conv2d_7/kernel", "conv2d_8/bias",
        "conv2d_9/kernel", "conv2d_9/bias", "conv2d_10/kernel", "conv2d_12/kernel", "conv2d_13/bias",
        "conv2d_14/kernel"}},
      {"inception-resnet-v2_299x299_1.json",
       {"InceptionResnetV2/Mixed_5b/Branch_3/Conv2d_0b_1x1/weights",
        "InceptionResnetV2/Repeat_1/block17_11/Conv2d_1x1/weights",
        "InceptionResnetV2/Repeat_2/block8_9/Conv2d_1x1/weights",
        "InceptionResnetV2/Block8/Conv2d_1x1/weights",
        "InceptionResnetV2/Mixed_7a/Branch_2/Conv2d_1a_3x3/weights"}},
      {"masks-gan_64x96_1_halves.json",
       {"conv0_1.weight", "conv0_2.weight", "bn0.weight", "conv1.weight", "conv3.weight", "bn3.weight",
        "bn3.bias", "conv5.weight", "bn5.weight", "deconv6.weight", "deconv7.weight", "bn8.bias",
        "deconv9.weight", "deconv10.weight"}},
      {"masks-gan_64x96_1_halves_norm1.json",
       {"conv0_2.weight", "conv4.weight", "bn4.running_mean", "conv5.weight", "bn6.weight",
        "deconv8.weight"}}};
  for (const Mutation& m : mutations) {
    const Golden golden = read_golden(m.file);
    const std::string_view only[] = {m.output.empty() ? picture_of(golden) : m.output};
    for (const std::string& layer : m.layers) {
      Runner runner(std::make_shared<WithoutLayer>(*golden.network, layer));
      const auto program = runner.run(golden_graph(golden, only), golden);
      const TensorRef t = program->output(only[0]);
      const double error = error_of(golden.outputs.at(std::string(only[0])), t.dims, floats(t));
      INFO(layer << " set to zero changes what comes out by " << error);
      CHECK(error > 100 * kTolerance);
      CHECK(std::isfinite(error));
    }
  }
}
