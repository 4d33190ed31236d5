// deep-koalarization's two networks from every container that they come in, whole.
#include <algorithm>
#include <cstring>
#include <map>
#include <memory>

#include "converter/adopt.h"
#include "converter/convert.h"
#include "converter/inception_names.h"
#include "converter/recognise.h"
#include "runtime/networks/network.h"
#include "tests/converter/converter_fixture.h"
#include "tests/support/hdf5_writer.h"
#include "tests/support/tensorflow_writer.h"
#include "weights/weight_file.h"

namespace cuhue::testing {
namespace {

std::string text_of(std::span<const float> values) {
  const auto bytes = std::as_bytes(values);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// From PyTorch's layout to TensorFlow's.
SavedTensor as_tensorflow(const Param& p, std::span<const float> values) {
  if (p.shape.size() != 4) return {p.name, DType::f32, p.shape, text_of(values)};
  const std::int64_t out = p.shape[0], in = p.shape[1], taps = p.shape[2] * p.shape[3];
  std::vector<float> moved(values.size());
  for (std::int64_t o = 0; o < out; ++o)
    for (std::int64_t i = 0; i < in; ++i)
      for (std::int64_t t = 0; t < taps; ++t)
        moved[static_cast<std::size_t>((t * in + i) * out + o)] =
            values[static_cast<std::size_t>((o * in + i) * taps + t)];
  return {p.name, DType::f32, {p.shape[2], p.shape[3], in, out}, text_of(moved)};
}

// The variables of a training checkpoint, in the order of their names.
std::vector<SavedTensor> colour_variables() {
  const Network& network = network_or_throw("koalarization");
  const FormulaSource source(network);
  std::vector<float> scratch;
  std::vector<SavedTensor> all;
  for (const Param& p : schema(network)) {
    all.push_back(as_tensorflow(p, source.fetch(p, scratch)));
    if (p.shape.size() == 1) all.push_back({p.name + "/Adam", DType::f32, p.shape, all.back().data});
  }
  all.push_back({"beta1_power", DType::f32, {}, std::string(4, '\0')});
  all.push_back({"global_step", DType::i32, {}, std::string(4, '\1')});
  std::ranges::sort(all, {}, &SavedTensor::name);
  return all;
}

void check_converted(const ConvertReport& report, const std::filesystem::path& path) {
  CHECK(report.network == "koalarization");
  CHECK(report.tensors == 28);
  const WeightFile file = WeightFile::open(path);
  const Network& network = network_or_throw("koalarization");
  const FormulaSource source(network);
  std::vector<float> scratch;
  for (const Param& p : schema(network)) {
    const TensorView* t = file.find(p.name);
    REQUIRE(t != nullptr);
    CHECK(t->shape == p.shape);
    const std::string expected = text_of(source.fetch(p, scratch));
    CHECK(std::memcmp(t->data.data(), expected.data(), expected.size()) == 0);
  }
}

TEST_CASE("the colour network converts from TensorFlow V1 and V2 and from Keras, bit for bit") {
  const TemporaryFolder folder;
  const std::vector<SavedTensor> variables = colour_variables();
  write_file(folder / "v1.ckpt", tensorflow_v1(variables, Compression::none));
  const TensorFlowV2 v2 = tensorflow_v2(variables, 2, Compression::snappy);
  write_file(folder / "v2.index", v2.index);
  write_file(folder / "v2.data-00000-of-00002", v2.shards[0]);
  write_file(folder / "v2.data-00001-of-00002", v2.shards[1]);
  for (const char* name : {"v1.ckpt", "v2"}) {
    const ConvertReport report =
        convert_checkpoint(folder / name, folder / "out.safetensors", {.overwrite = Overwrite::yes});
    check_converted(report, folder / "out.safetensors");
    CHECK(report.skipped.size() == 16);
    CHECK(std::ranges::count(report.skipped, "state of the optimizer", &ConvertReport::Skipped::why) == 15);
  }
  std::vector<SavedTensor> keras;
  for (const SavedTensor& t : variables) {
    if (!t.name.ends_with("/kernel") && !t.name.ends_with("/bias")) continue;
    keras.push_back(t);
    keras.back().name = t.name.substr(0, t.name.find('/')) + "/" + t.name + ":0";
  }
  write_file(folder / "keras.h5", hdf5_file(keras));
  check_converted(convert_checkpoint(folder / "keras.h5", folder / "keras.safetensors"),
                  folder / "keras.safetensors");

  // One missing tensor is refused by name, and nothing is written.
  std::erase_if(keras, [](const SavedTensor& t) { return t.name.ends_with("conv2d_9/bias:0"); });
  write_file(folder / "short.h5", hdf5_file(keras));
  const Outcome o = outcome_of([&] { convert_checkpoint(folder / "short.h5", folder / "none.safetensors"); });
  CHECK(o.status == Status::weights);
  CHECK_MESSAGE(
      o.message.find("closest is koalarization (27 of 28 tensors fit): tensor 'conv2d_9/bias' [256] "
                     "is missing") != std::string::npos,
      o.message);
  CHECK_FALSE(std::filesystem::exists(folder / "none.safetensors"));
}

// The paths of an object-based checkpoint in place of the names.
std::vector<SavedTensor> by_objects(const std::string& model) {
  const std::string value = "/.ATTRIBUTES/VARIABLE_VALUE";
  std::vector<SavedTensor> variables;
  for (SavedTensor t : colour_variables()) {
    if (t.name.ends_with("/Adam")) {
      const std::string weight = t.name.substr(0, t.name.rfind('/'));
      t.name = model + weight + "/.OPTIMIZER_SLOT/optimizer/m" + value;
    } else if (t.name == "beta1_power") {
      t.name = "optimizer/beta_1" + value;
    } else if (t.name == "global_step") {
      t.name = "save_counter" + value;
    } else {
      t.name = model + t.name + value;
    }
    variables.push_back(std::move(t));
  }
  std::ranges::sort(variables, {}, &SavedTensor::name);
  return variables;
}

TEST_CASE("object-based checkpoints of TensorFlow 2 convert by the layers that their paths name") {
  const TemporaryFolder folder;
  const auto write = [&](const std::vector<SavedTensor>& variables) {
    const TensorFlowV2 v2 = tensorflow_v2(variables, 1, Compression::none);
    write_file(folder / "tf2.index", v2.index);
    write_file(folder / "tf2.data-00000-of-00001", v2.shards[0]);
  };
  const auto converted = [&] {
    return convert_checkpoint(folder / "tf2", folder / "out.safetensors", {.overwrite = Overwrite::yes});
  };
  for (const char* model : {"", "model/", "root/net/decoder/"}) {
    write(by_objects(model));
    const ConvertReport report = converted();
    check_converted(report, folder / "out.safetensors");
    CHECK(report.format == "TensorFlow V2 (of objects)");
    CHECK(report.skipped.size() == 16);
    CHECK(std::ranges::count(report.skipped, "state of the optimizer", &ConvertReport::Skipped::why) == 15);
  }
  // A slash of a name is ".S" in a path.
  std::vector<SavedTensor> escaped = by_objects("weights/");
  for (SavedTensor& t : escaped) {
    const std::size_t slash = t.name.find('/', std::string_view("weights/").size());
    if (t.name.starts_with("weights/") && t.name.find("SLOT") == std::string::npos)
      t.name.replace(slash, 1, ".S");
  }
  std::ranges::sort(escaped, {}, &SavedTensor::name);
  write(escaped);
  check_converted(converted(), folder / "out.safetensors");

  const auto refused = [&](std::vector<SavedTensor> variables, const char* says) {
    std::ranges::sort(variables, {}, &SavedTensor::name);
    write(variables);
    std::filesystem::remove(folder / "out.safetensors");
    const Outcome o = outcome_of(converted);
    CHECK(o.status == Status::weights);
    CHECK_MESSAGE(o.message.find(says) != std::string::npos, o.message);
    CHECK_FALSE(std::filesystem::exists(folder / "out.safetensors"));
  };
  std::vector<SavedTensor> numbered = by_objects("");
  for (SavedTensor& t : numbered)
    if (t.name.starts_with("conv2d_3/")) t.name.replace(0, 8, "layer_with_weights-2");
  refused(numbered,
          "'layer_with_weights-2/bias/.ATTRIBUTES/VARIABLE_VALUE') and does not say what they are called");
  std::vector<SavedTensor> twice = by_objects("a/");
  for (const SavedTensor& t : by_objects("b/"))
    if (t.name.starts_with("b/conv2d_1/")) twice.push_back(t);
  refused(twice, "'conv2d_1/bias' stands in the state dict twice");
  std::vector<SavedTensor> missing = by_objects("model/");
  std::erase_if(missing, [](const SavedTensor& t) { return t.name.starts_with("model/conv2d_9/bias/.ATT"); });
  refused(missing, "tensor 'conv2d_9/bias' [256] is missing");
}

TEST_CASE("a checkpoint of another SHA-256 than the one asked for is refused, whatever its container") {
  const TemporaryFolder folder;
  std::vector<SavedTensor> keras;
  for (const SavedTensor& t : colour_variables()) {
    if (!t.name.ends_with("/kernel") && !t.name.ends_with("/bias")) continue;
    keras.push_back(t);
    keras.back().name = t.name.substr(0, t.name.find('/')) + "/" + t.name + ":0";
  }
  const TensorFlowV2 v2 = tensorflow_v2(colour_variables(), 2, Compression::none);
  write_file(folder / "keras.h5", hdf5_file(keras));
  write_file(folder / "v2.index", v2.index);
  write_file(folder / "v2.data-00000-of-00002", v2.shards[0]);
  write_file(folder / "v2.data-00001-of-00002", v2.shards[1]);
  const std::filesystem::path out = folder / "out.safetensors";
  for (const char* name : {"keras.h5", "v2"}) {
    const std::string sha256 = convert_checkpoint(folder / name, out, {.overwrite = Overwrite::yes}).sha256;
    std::string upper = sha256;
    std::ranges::transform(upper, upper.begin(),
                           [](char c) { return c >= 'a' ? static_cast<char>(c - 32) : c; });
    for (const std::string& right : {sha256, upper})
      CHECK(convert_checkpoint(folder / name, out, {.sha256 = right, .overwrite = Overwrite::yes}).tensors ==
            28);
    std::filesystem::remove(out);
    std::string wrong = sha256;
    wrong[63] = wrong[63] == '0' ? '1' : '0';
    const Outcome other = outcome_of([&] { convert_checkpoint(folder / name, out, {.sha256 = wrong}); });
    CHECK(other.status == Status::weights);
    CHECK_MESSAGE(other.message.find("has the SHA-256 " + sha256 + ", not " + wrong) != std::string::npos,
                  other.message);
    for (const std::string& malformed :
         {sha256.substr(1), sha256 + "0", std::string("g") + sha256.substr(1)}) {
      const Outcome o = outcome_of([&] { convert_checkpoint(folder / name, out, {.sha256 = malformed}); });
      CHECK(o.status == Status::usage);
      CHECK(o.message.find("64 hexadecimal digits") != std::string::npos);
    }
    CHECK_FALSE(std::filesystem::exists(out));
  }
  // What the container itself cannot see: a value of the last tensor, changed.
  const std::string sha256 =
      convert_checkpoint(folder / "keras.h5", out, {.overwrite = Overwrite::yes}).sha256;
  std::string bytes = hdf5_file(keras);
  const std::size_t at = bytes.find(keras.front().data);
  REQUIRE(at != std::string::npos);
  bytes[at] = static_cast<char>(bytes[at] ^ 1);
  write_file(folder / "keras.h5", bytes);
  CHECK(convert_checkpoint(folder / "keras.h5", out, {.overwrite = Overwrite::yes}).tensors == 28);
  CHECK(outcome_of([&] {
          convert_checkpoint(folder / "keras.h5", out, {.sha256 = sha256, .overwrite = Overwrite::yes});
        }).status == Status::weights);
}

// Inception-ResNet-v2 with memory that all tensors share: names and shapes are what is tested.
struct Shared {
  Checkpoint checkpoint;
  std::vector<std::byte> ones = std::vector<std::byte>(std::size_t{16} << 20);

  explicit Shared(std::string_view format) {
    const float one = 1.0f;
    for (std::size_t i = 0; i < ones.size(); i += sizeof one) std::memcpy(ones.data() + i, &one, sizeof one);
    checkpoint.label = "'test'";
    checkpoint.format = format;
  }
  void add(const std::string& name, const std::vector<std::int64_t>& shape) {
    std::size_t count = 1;
    for (const std::int64_t d : shape) count *= static_cast<std::size_t>(d);
    REQUIRE(count * sizeof(float) <= ones.size());
    checkpoint.tensors.push_back(
        {name, DType::f32, shape, std::span<const std::byte>(ones).first(4 * count)});
  }
};

std::map<std::string, std::vector<std::int64_t>> inception_shapes() {
  std::map<std::string, std::vector<std::int64_t>> shapes;
  for (const Param& p : schema(network_or_throw("inception-resnet-v2"))) shapes[p.name] = p.shape;
  return shapes;
}

Shared port_of_inception() {
  Shared port("PyTorch (legacy)");
  auto shapes = inception_shapes();
  for (const InceptionLayer& layer : inception_layers()) {
    if (layer.kind != InceptionLayer::Kind::norm) {
      port.add(layer.module + ".weight", shapes.at(layer.scope + "/weights"));
      port.add(layer.module + ".bias", shapes.at(layer.scope + "/biases"));
      continue;
    }
    port.add(layer.module + ".conv.weight", shapes.at(layer.scope + "/weights"));
    port.add(layer.module + ".bn.bias", shapes.at(layer.scope + "/BatchNorm/beta"));
    port.add(layer.module + ".bn.weight", shapes.at(layer.scope + "/BatchNorm/beta"));
    port.add(layer.module + ".bn.running_mean", shapes.at(layer.scope + "/BatchNorm/moving_mean"));
    port.add(layer.module + ".bn.running_var", shapes.at(layer.scope + "/BatchNorm/moving_variance"));
  }
  return port;
}

TEST_CASE("the PyTorch port has exactly the tensors of Inception-ResNet-v2") {
  Shared port = port_of_inception();
  CHECK(port.checkpoint.tensors.size() == 1102);  // as the published file
  adopt_names(port.checkpoint, "");
  const SchemaMatch match = recognise(port.checkpoint, "", false);
  CHECK(match.network->name == "inception-resnet-v2");
  CHECK(match.pairs.size() == 898);
  CHECK(match.extras.empty());

  Shared short_of_one = port_of_inception();
  std::erase_if(short_of_one.checkpoint.tensors,
                [](const CheckpointTensor& t) { return t.name == "repeat_1.7.conv2d.bias"; });
  adopt_names(short_of_one.checkpoint, "");
  const Outcome o = outcome_of([&] { (void)recognise(short_of_one.checkpoint, "", false); });
  CHECK_MESSAGE(
      o.message.find("tensor 'InceptionResnetV2/Repeat_1/block17_8/Conv2d_1x1/biases' [1088] is missing") !=
          std::string::npos,
      o.message);
}

TEST_CASE("TF-slim's checkpoint and Keras's have exactly the tensors of Inception-ResNet-v2") {
  Shared slim("TensorFlow V1"), keras("Keras (HDF5)");
  const std::vector<InceptionLayer> layers = inception_layers();
  std::map<std::string, std::string> keras_conv, keras_norm;
  int number = 0;
  for (const InceptionLayer& layer : layers) {
    const std::string n = layer.keras.empty() ? "_" + std::to_string(++number) : "";
    keras_conv[layer.scope] = layer.keras.empty() ? "conv2d" + n : layer.keras;
    keras_norm[layer.scope] = layer.keras.empty() ? "batch_normalization" + n : layer.keras + "_bn";
  }
  for (const auto& [name, shape] : inception_shapes()) {
    std::vector<std::int64_t> theirs = shape;
    if (shape.size() == 4) theirs = {shape[2], shape[3], shape[1], shape[0]};
    if (shape.size() == 2) theirs = {shape[1], shape[0]};
    slim.add(name, theirs);
    const std::string last = name.substr(name.rfind('/')), scope = name.substr(0, name.rfind('/'));
    if (last == "/weights")
      keras.add(keras_conv.at(scope) + "/kernel", theirs);
    else if (last == "/biases")
      keras.add(keras_conv.at(scope) + "/bias", theirs);
    else
      keras.add(keras_norm.at(scope.substr(0, scope.rfind('/'))) + last, theirs);
  }
  slim.add("InceptionResnetV2/AuxLogits/Logits/biases", {1001});
  slim.add("global_step", {});
  for (Shared* s : {&slim, &keras}) {
    adopt_names(s->checkpoint, "");
    const SchemaMatch match = recognise(s->checkpoint, "", false);
    CHECK(match.network->name == "inception-resnet-v2");
    CHECK(match.pairs.size() == 898);
  }
  CHECK(slim.checkpoint.skipped.size() == 2);
}

}  // namespace
}  // namespace cuhue::testing
