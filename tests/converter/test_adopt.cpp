// Checkpoints of deep-koalarization's networks under the names of TensorFlow, Keras and the PyTorch port.
#include <algorithm>
#include <cstring>
#include <map>
#include <memory>

#include "converter/adopt.h"
#include "converter/inception_names.h"
#include "tests/converter/converter_fixture.h"

namespace cuhue::testing {
namespace {

using Kind = InceptionLayer::Kind;

// A checkpoint as a reader gives it, with its tensors' memory.
struct Made {
  Checkpoint checkpoint;
  std::vector<std::shared_ptr<std::vector<float>>> memory;

  explicit Made(std::string_view format) {
    checkpoint.label = "'test'";
    checkpoint.format = format;
  }
  Made& add(const std::string& name, std::vector<std::int64_t> shape, std::vector<float> values) {
    memory.push_back(std::make_shared<std::vector<float>>(std::move(values)));
    checkpoint.tensors.push_back(
        {name, DType::f32, std::move(shape), std::as_bytes(std::span<const float>(*memory.back()))});
    return *this;
  }
  Made& add(const std::string& name, float value = 0) { return add(name, {1}, {value}); }
  const CheckpointTensor* find(std::string_view name) const {
    const auto t = std::ranges::find(checkpoint.tensors, name, &CheckpointTensor::name);
    return t == checkpoint.tensors.end() ? nullptr : &*t;
  }
  std::string why(std::string_view name) const {
    const auto s = std::ranges::find(checkpoint.skipped, name, &Checkpoint::Skipped::name);
    return s == checkpoint.skipped.end() ? "" : s->why;
  }
  std::string refusal(std::string_view network = "") {
    const Outcome o = outcome_of([&] { adopt_names(checkpoint, network); });
    CHECK(o.status == Status::weights);
    return o.message;
  }
};

std::vector<float> floats(const CheckpointTensor& t) {
  std::vector<float> values(t.data.size() / sizeof(float));
  std::memcpy(values.data(), t.data.data(), t.data.size());
  return values;
}

std::vector<float> counting(std::size_t count) {
  std::vector<float> values(count);
  for (std::size_t i = 0; i < count; ++i) values[i] = static_cast<float>(i);
  return values;
}

Made colours(int first) {
  Made made("TensorFlow V2");
  for (int i = 0; i < 14; ++i) {
    const std::string layer = "conv2d_" + std::to_string(first + i);
    made.add(layer + "/kernel", static_cast<float>(i)).add(layer + "/bias").add(layer + "/bias/Adam");
  }
  return made;
}

TEST_CASE("kernels go from [kh, kw, in, out] to [out, in, kh, kw], matrices from [in, out] to [out, in]") {
  Made made("TensorFlow V1");
  made.add("InceptionResnetV2/x/weights", {2, 3, 4, 5}, counting(120));
  made.add("InceptionResnetV2/Logits/Logits/weights", {3, 2}, {0, 1, 2, 3, 4, 5});
  made.add("InceptionResnetV2/x/biases", {2}, {7, 8});
  adopt_names(made.checkpoint, "");
  const CheckpointTensor& kernel = *made.find("InceptionResnetV2/x/weights");
  CHECK(kernel.shape == std::vector<std::int64_t>{5, 4, 2, 3});
  const std::vector<float> values = floats(kernel);
  for (int o = 0; o < 5; ++o)
    for (int i = 0; i < 4; ++i)
      for (int y = 0; y < 2; ++y)
        for (int x = 0; x < 3; ++x)
          CHECK(values[static_cast<std::size_t>(((o * 4 + i) * 2 + y) * 3 + x)] ==
                ((y * 3 + x) * 4 + i) * 5 + o);
  CHECK(floats(*made.find("InceptionResnetV2/Logits/Logits/weights")) ==
        std::vector<float>{0, 2, 4, 1, 3, 5});
  CHECK(floats(*made.find("InceptionResnetV2/x/biases")) == std::vector<float>{7, 8});
}

TEST_CASE("the colour network is adopted from any fourteen consecutive numbers") {
  for (const int first : {1, 7, 95}) {
    Made made = colours(first);
    adopt_names(made.checkpoint, "");
    for (int i = 0; i < 14; ++i) {
      const CheckpointTensor* t = made.find("conv2d_" + std::to_string(i + 1) + "/kernel");
      REQUIRE(t != nullptr);
      CHECK(floats(*t)[0] == static_cast<float>(i));
    }
    CHECK(made.checkpoint.tensors.size() == 28);
    CHECK(made.why("conv2d_" + std::to_string(first) + "/bias/Adam") == "state of the optimizer");
  }
  // A hole, or one more: names stay, and the schema says what is wrong.
  Made hole = colours(7);
  std::erase_if(hole.checkpoint.tensors,
                [](const CheckpointTensor& t) { return t.name == "conv2d_9/kernel"; });
  adopt_names(hole.checkpoint, "");
  CHECK(hole.find("conv2d_7/kernel") != nullptr);
}

TEST_CASE("Keras's first layer may have no number") {
  Made made("Keras (HDF5)");
  for (int i = 0; i < 14; ++i)
    made.add("conv2d" + (i == 0 ? "" : "_" + std::to_string(i)) + "/kernel", static_cast<float>(i));
  adopt_names(made.checkpoint, "");
  CHECK(floats(*made.find("conv2d_1/kernel"))[0] == 0.0f);
  CHECK(floats(*made.find("conv2d_14/kernel"))[0] == 13.0f);
}

TEST_CASE("what inference has no use for is skipped, with the reason") {
  Made made = colours(1);
  const std::map<std::string, std::string> expected = {
      {"global_step", "a counter"},
      {"beta1_power", "state of the optimizer"},
      {"conv2d_3/kernel/Adam_1", "state of the optimizer"},
      {"training/Adam/conv2d_3/kernel/m", "state of the optimizer"},
      {"conv2d_3/kernel/ExponentialMovingAverage", "a moving average, not the weight itself"},
  };
  for (const auto& [name, why] : expected) made.add(name);
  adopt_names(made.checkpoint, "");
  for (const auto& [name, why] : expected) CHECK(made.why(name) == why);
  CHECK(made.checkpoint.tensors.size() == 28);
  Made inception("TensorFlow V1");
  inception.add("InceptionResnetV2/AuxLogits/Logits/biases").add("InceptionResnetV2/Logits/Logits/biases");
  adopt_names(inception.checkpoint, "");
  CHECK(inception.why("InceptionResnetV2/AuxLogits/Logits/biases") == "auxiliary head, for training only");
  CHECK(inception.checkpoint.tensors.size() == 1);
}

TEST_CASE("a checkpoint of both networks is converted by name") {
  const auto both = [] {
    Made made = colours(1);
    made.add("InceptionResnetV2/Logits/Logits/biases");
    return made;
  };
  CHECK(both().refusal().find("holds two networks, inception-resnet-v2 and koalarization") !=
        std::string::npos);
  Made first = both(), second = both();
  adopt_names(first.checkpoint, "inception-resnet-v2");
  CHECK(first.checkpoint.tensors.size() == 1);
  CHECK(first.why("conv2d_1/kernel") == "of koalarization: convert again with -n koalarization");
  adopt_names(second.checkpoint, "koalarization");
  CHECK(second.checkpoint.tensors.size() == 28);
  CHECK(second.why("InceptionResnetV2/Logits/Logits/biases").starts_with("of inception-resnet-v2"));
}

TEST_CASE("Inception-ResNet-v2 has 245 layers by three names, each once") {
  const std::vector<InceptionLayer> layers = inception_layers();
  CHECK(layers.size() == 245);
  CHECK(std::ranges::count(layers, Kind::norm, &InceptionLayer::kind) == 204);
  CHECK(std::ranges::count(layers, Kind::linear, &InceptionLayer::kind) == 40);
  CHECK(std::ranges::count(layers, std::string(), &InceptionLayer::keras) == 203);
  // Some of the specification's table, by hand.
  const std::map<std::string, std::string> modules = {
      {"Conv2d_4a_3x3", "conv2d_4a"},
      {"Mixed_5b/Branch_0/Conv2d_1x1", "mixed_5b.branch0"},
      {"Mixed_5b/Branch_2/Conv2d_0b_3x3", "mixed_5b.branch2.1"},
      {"Mixed_5b/Branch_3/Conv2d_0b_1x1", "mixed_5b.branch3.1"},
      {"Repeat/block35_10/Branch_2/Conv2d_0c_3x3", "repeat.9.branch2.2"},
      {"Repeat/block35_1/Conv2d_1x1", "repeat.0.conv2d"},
      {"Mixed_6a/Branch_0/Conv2d_1a_3x3", "mixed_6a.branch0"},
      {"Mixed_6a/Branch_1/Conv2d_1a_3x3", "mixed_6a.branch1.2"},
      {"Repeat_1/block17_20/Branch_1/Conv2d_0c_7x1", "repeat_1.19.branch1.2"},
      {"Mixed_7a/Branch_0/Conv2d_1a_3x3", "mixed_7a.branch0.1"},
      {"Mixed_7a/Branch_2/Conv2d_1a_3x3", "mixed_7a.branch2.2"},
      {"Repeat_2/block8_9/Branch_1/Conv2d_0b_1x3", "repeat_2.8.branch1.1"},
      {"Block8/Branch_0/Conv2d_1x1", "block8.branch0"},
      {"Block8/Conv2d_1x1", "block8.conv2d"},
      {"Conv2d_7b_1x1", "conv2d_7b"},
      {"Logits/Logits", "last_linear"},
  };
  for (const auto& pair : modules) {
    const auto &scope = pair.first, &module = pair.second;
    CAPTURE(scope);
    const auto layer = std::ranges::find(layers, "InceptionResnetV2/" + scope, &InceptionLayer::scope);
    REQUIRE(layer != layers.end());
    CHECK(layer->module == module);
  }
  // The places of Keras's numbers.
  const std::map<int, std::string> numbers = {{6, "Mixed_5b/Branch_0/Conv2d_1x1"},
                                              {13, "Repeat/block35_1/Branch_0/Conv2d_1x1"},
                                              {72, "Repeat/block35_10/Branch_2/Conv2d_0c_3x3"},
                                              {73, "Mixed_6a/Branch_0/Conv2d_1a_3x3"},
                                              {77, "Repeat_1/block17_1/Branch_0/Conv2d_1x1"},
                                              {157, "Mixed_7a/Branch_0/Conv2d_0a_1x1"},
                                              {164, "Repeat_2/block8_1/Branch_0/Conv2d_1x1"},
                                              {203, "Block8/Branch_1/Conv2d_0c_3x1"}};
  int number = 0;
  for (const InceptionLayer& layer : layers)
    if (layer.keras.empty() && numbers.contains(++number))
      CHECK(layer.scope == "InceptionResnetV2/" + numbers.at(number));
}

// The PyTorch port with one value a tensor; the value of layer i is i.
Made port(float gamma, std::string_view classifier = "last_linear") {
  Made made("PyTorch (legacy)");
  float value = 0;
  for (const InceptionLayer& layer : inception_layers()) {
    const std::string module = layer.kind == Kind::classifier ? std::string(classifier) : layer.module;
    if (layer.kind == Kind::norm) {
      made.add(module + ".conv.weight", {1, 1, 1, 2}, {value, 2 * value}).add(module + ".bn.weight", gamma);
      made.add(module + ".bn.bias", value).add(module + ".bn.running_mean", value);
      made.add(module + ".bn.running_var", value).add(module + ".bn.num_batches_tracked");
    } else {
      made.add(module + ".weight", value).add(module + ".bias", value);
    }
    ++value;
  }
  return made;
}

TEST_CASE("the PyTorch port is adopted layer by layer; a gamma of ones goes, another is multiplied in") {
  for (const std::string_view classifier : {"last_linear", "classif"}) {
    Made made = port(1.0f, classifier);
    adopt_names(made.checkpoint, "");
    CHECK(made.checkpoint.tensors.size() == 898);
    float value = 0;
    for (const InceptionLayer& layer : inception_layers()) {
      CAPTURE(layer.scope);
      const std::vector<const char*> parts =
          layer.kind == Kind::norm
              ? std::vector<const char*>{"/weights", "/BatchNorm/beta", "/BatchNorm/moving_mean",
                                         "/BatchNorm/moving_variance"}
              : std::vector<const char*>{"/weights", "/biases"};
      for (const char* part : parts) {
        const CheckpointTensor* t = made.find(layer.scope + part);
        REQUIRE(t != nullptr);
        CHECK(floats(*t)[0] == value);
      }
      ++value;
    }
    CHECK(made.why("conv2d_1a.bn.weight") == "all ones, which change nothing");
    CHECK(made.why("conv2d_1a.bn.num_batches_tracked") == "a counter");
  }
  Made scaled = port(0.5f);
  adopt_names(scaled.checkpoint, "");
  const std::string second = "InceptionResnetV2/Conv2d_2a_3x3";
  CHECK(floats(*scaled.find(second + "/weights")) == std::vector<float>{0.5f, 1.0f});
  CHECK(floats(*scaled.find(second + "/BatchNorm/moving_mean")) == std::vector<float>{0.5f});
  CHECK(floats(*scaled.find(second + "/BatchNorm/beta")) == std::vector<float>{1.0f});
  CHECK(scaled.why("conv2d_2a.bn.weight") == "multiplied into the weights");
}

TEST_CASE("Keras's numbered layers are adopted in their order") {
  Made made("Keras (HDF5)");
  int number = 100;  // of the first, when other networks were made before
  float value = 0;
  for (const InceptionLayer& layer : inception_layers()) {
    std::string conv = layer.keras, norm = layer.keras + "_bn";
    if (conv.empty()) {
      ++number;
      conv = "conv2d_" + std::to_string(number);
      norm = "batch_normalization_" + std::to_string(number);
    }
    made.add(conv + "/kernel", value);
    if (layer.kind == Kind::norm)
      for (const char* what : {"/beta", "/moving_mean", "/moving_variance"}) made.add(norm + what, value);
    else
      made.add(conv + "/bias", value);
    ++value;
  }
  adopt_names(made.checkpoint, "");
  value = 0;
  for (const InceptionLayer& layer : inception_layers()) {
    CAPTURE(layer.scope);
    const CheckpointTensor* t = made.find(layer.scope + "/weights");
    REQUIRE(t != nullptr);
    CHECK(floats(*t)[0] == value);
    const CheckpointTensor* mean = made.find(layer.scope + "/BatchNorm/moving_mean");
    CHECK((mean != nullptr) == (layer.kind == Kind::norm));
    if (mean != nullptr) CHECK(floats(*mean)[0] == value);
    ++value;
  }
}

TEST_CASE("variants with 1000 classes are refused with the reason") {
  const char* reason = "is of a variant with 1000 classes, without the background";
  Made timm("safetensors"), keras("Keras (HDF5)"), slim("TensorFlow V1");
  timm.add("conv2d_1a.conv.weight").add("classif.weight", {1000, 1}, std::vector<float>(1000));
  keras.add("conv2d_1/kernel")
      .add("conv_7b/kernel")
      .add("predictions/kernel", {1, 1000}, std::vector<float>(1000));
  slim.add("InceptionResnetV2/Logits/Logits/weights", {1, 1000}, std::vector<float>(1000));
  CHECK(timm.refusal().find(reason) != std::string::npos);
  CHECK(keras.refusal().find(reason) != std::string::npos);
  CHECK(slim.refusal().find(reason) != std::string::npos);
}

TEST_CASE("checkpoints of other networks stay as they are") {
  Made made("PyTorch (zip)");
  made.add("conv2d_1/kernel", {1, 2}, {1, 2}).add("global_step").add("x.weight", {2, 3}, counting(6));
  adopt_names(made.checkpoint, "");
  CHECK(made.checkpoint.tensors.size() == 3);
  CHECK(made.find("x.weight")->shape == std::vector<std::int64_t>{2, 3});
  CHECK(made.checkpoint.skipped.empty());
}

}  // namespace
}  // namespace cuhue::testing
