// From a checkpoint to a weight file: recognised, checked, written.
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <limits>
#include <vector>

#include "converter/convert.h"
#include "converter/recognise.h"
#include "converter/sha256.h"
#include "runtime/networks/network.h"
#include "tests/converter/converter_fixture.h"
#include "weights/weight_file.h"

namespace cuhue::testing {
namespace {

std::vector<SavedTensor> tensors_of(const char* name) {
  const Network& network = network_or_throw(name);
  const FormulaSource source(network);
  std::vector<SavedTensor> tensors;
  std::vector<float> scratch;
  for (const Param& p : schema(network)) {
    if (p.role == ParamRole::ignored && p.shape.empty()) {  // a counter
      tensors.push_back({p.name, DType::i64, p.shape, std::string(8, '\0')});
    } else if (p.role == ParamRole::ignored) {  // a vector that nothing reads
      tensors.push_back(saved(p.name, p.shape, std::vector<float>(static_cast<std::size_t>(p.shape[0]))));
    } else {
      tensors.push_back(saved(p.name, p.shape, source.fetch(p, scratch)));
    }
  }
  return tensors;
}

std::vector<SavedTensor> lite_tensors() {
  return tensors_of("lite");
}

SavedTensor& named(std::vector<SavedTensor>& tensors, std::string_view name) {
  for (SavedTensor& t : tensors)
    if (t.name == name) return t;
  throw std::logic_error("no such tensor");
}

constexpr const char* kWeight = "midlevel_resnet.4.0.conv1.weight";  // [64, 64, 3, 3]

struct Converted {
  ConvertReport report;
  WeightFile file;
};
Converted convert(const TemporaryFolder& folder, const std::string& contents, ConvertOptions options = {}) {
  write_file(folder / "in.pth", contents);
  options.overwrite = Overwrite::yes;
  ConvertReport report = convert_checkpoint(folder / "in.pth", folder / "out.cuhue", options);
  return {std::move(report), WeightFile::open(folder / "out.cuhue")};
}

TEST_CASE("checkpoints of lite convert from every container, bit for bit") {
  const TemporaryFolder folder;
  const std::vector<SavedTensor> tensors = lite_tensors();
  for (const std::string& contents :
       {torch_zip(tensors), torch_legacy(tensors), detectron_pickle(tensors, 4),
        torch_zip(tensors, {{"state_dict"}, "module."}), safetensors_file(tensors)}) {
    const Converted c = convert(folder, contents);
    CAPTURE(c.report.format);
    CHECK(c.report.network == "lite");
    CHECK(c.file.network() == "lite");
    CHECK(c.report.sha256 == sha256_hex(as_bytes(contents)));
    CHECK(c.file.metadata().at("source_sha256") == c.report.sha256);
    CHECK(c.file.metadata().at("source_name") == "in.pth");
    REQUIRE(c.file.tensors().size() == tensors.size());
    CHECK(c.report.tensors == static_cast<std::int64_t>(tensors.size()));
    for (const SavedTensor& t : tensors) {
      const TensorView* view = c.file.find(t.name);
      REQUIRE(view != nullptr);
      CHECK(view->shape == t.shape);
      CHECK(std::string(reinterpret_cast<const char*>(view->data.data()), view->data.size()) == t.data);
    }
  }
}

TEST_CASE("siggraph17 is recognised in both containers of PyTorch, with its counters or without") {
  const TemporaryFolder folder;
  std::vector<SavedTensor> tensors = tensors_of("siggraph17");
  CHECK(tensors.size() == 107);
  // The order of the published file: shortcuts behind the decoder.
  std::stable_partition(tensors.begin(), tensors.end(),
                        [](const SavedTensor& t) { return t.name.find("short") == std::string::npos; });
  const Converted legacy = convert(folder, torch_legacy(tensors));
  CHECK(legacy.report.network == "siggraph17");
  CHECK(legacy.report.tensors == 107);
  CHECK(legacy.file.properties().empty());
  for (const SavedTensor& t : tensors) {
    const TensorView* view = legacy.file.find(t.name);
    REQUIRE(view != nullptr);
    CHECK(std::string(reinterpret_cast<const char*>(view->data.data()), view->data.size()) == t.data);
  }
  std::erase_if(tensors, [](const SavedTensor& t) { return t.dtype == DType::i64; });
  const Converted zip = convert(folder, torch_zip(tensors));
  CHECK(zip.report.network == "siggraph17");
  CHECK(zip.report.tensors == 98);
  std::erase_if(tensors, [](const SavedTensor& t) { return t.name == "model9up.0.bias"; });
  write_file(folder / "in.pth", torch_zip(tensors));
  const Outcome o = outcome_of([&] { convert_checkpoint(folder / "in.pth", folder / "none.cuhue"); });
  CHECK(o.status == Status::weights);
  CHECK(o.message.find("closest is siggraph17") != std::string::npos);
  CHECK(o.message.find("tensor 'model9up.0.bias' [128] is missing") != std::string::npos);
}

TEST_CASE("settings that belong to the weights are kept as properties, and checked") {
  const TemporaryFolder folder;
  const std::string contents = torch_zip(tensors_of("siggraph17"));
  const Converted c =
      convert(folder, contents, {.extra = {{"from", "a test"}}, .settings = {{"mask_cent", 0.1}}});
  using Properties = std::map<std::string, std::string>;
  CHECK(c.file.properties() == Properties{{"from", "a test"}, {"mask_cent", "0.1"}});
  CHECK(c.report.properties == c.file.properties());
  for (const auto& wrong : {std::pair("mask_cent", 1.5), std::pair("norm_cent", 0.5)}) {
    const char* name = wrong.first;
    const double value = wrong.second;
    const Outcome o = outcome_of([&] { convert(folder, contents, {.settings = {{name, value}}}); });
    CHECK(o.status == Status::usage);
    CHECK(o.message.find(name) != std::string::npos);
  }
}

// The same values in another float type, chosen so that each is exact there.
std::string encode(DType t, float sign_and_power) {
  const auto bits = [](auto v) { return std::string(reinterpret_cast<const char*>(&v), sizeof v); };
  const auto f32 = std::bit_cast<std::uint32_t>(sign_and_power);
  if (t == DType::f64) return bits(static_cast<double>(sign_and_power));
  if (t == DType::bf16) return le(f32 >> 16, 2);
  const int exponent = static_cast<int>(f32 >> 23 & 0xff) - 127;
  const std::uint32_t half =
      exponent < -14 ? 1u << (24 + exponent) : static_cast<std::uint32_t>(exponent + 15) << 10;
  return le((f32 >> 31) << 15 | half, 2);
}

TEST_CASE("segnet and colornet are recognised in their wrapper, strictly, in both containers of PyTorch") {
  const TemporaryFolder folder;
  struct Expected {
    const char* network;
    std::size_t tensors, counters;
    const char* one;
  };
  for (const Expected& e : {Expected{"segnet", 617, 103, "upSamplingSequence4_3to3_3.convTranspose1.weight"},
                            {"colornet", 23, 0, "dec5.conv1.weight"}}) {
    CAPTURE(e.network);
    std::vector<SavedTensor> tensors = tensors_of(e.network);
    CHECK(tensors.size() == e.tensors);
    std::reverse(tensors.begin(), tensors.end());  // by name, not by order
    const SaveOptions wrapped{{"G"}, ""};
    const Converted legacy = convert(folder, torch_legacy(tensors, wrapped));
    CHECK(legacy.report.network == e.network);
    CHECK(legacy.report.unwrapped == std::vector<std::string>{"G"});
    CHECK(legacy.report.tensors == static_cast<std::int64_t>(e.tensors));
    for (const SavedTensor& t : tensors) {
      const TensorView* view = legacy.file.find(t.name);
      REQUIRE(view != nullptr);
      CHECK(std::string(reinterpret_cast<const char*>(view->data.data()), view->data.size()) == t.data);
    }
    std::erase_if(tensors, [](const SavedTensor& t) { return t.dtype == DType::i64; });
    CHECK(tensors.size() == e.tensors - e.counters);
    CHECK(convert(folder, torch_zip(tensors, wrapped)).report.network == e.network);

    const auto refusal = [&](std::vector<SavedTensor> changed) {
      write_file(folder / "in.pth", torch_legacy(changed, wrapped));
      const Outcome o = outcome_of([&] { convert_checkpoint(folder / "in.pth", folder / "none.cuhue"); });
      CHECK(o.status == Status::weights);
      CHECK(o.message.find("closest is " + std::string(e.network)) != std::string::npos);
      return o.message;
    };
    std::vector<SavedTensor> changed = tensors;
    std::erase_if(changed, [&](const SavedTensor& t) { return t.name == e.one; });
    CHECK(refusal(changed).find("'" + std::string(e.one) + "'") != std::string::npos);
    changed = tensors;
    std::swap(named(changed, e.one).shape[0], named(changed, e.one).shape[1]);  // the other kind of weight
    CHECK(refusal(changed).find("has shape") != std::string::npos);
    changed = tensors;
    changed.push_back(tensors.front());
    changed.back().name = "extra.weight";
    CHECK(refusal(changed).find("extra.weight") != std::string::npos);
  }
}

TEST_CASE("masks-gan is recognised in both containers of PyTorch, with bn10 or without") {
  const TemporaryFolder folder;
  std::vector<SavedTensor> tensors = tensors_of("masks-gan");
  CHECK(tensors.size() == 67);
  const Converted legacy = convert(folder, torch_legacy(tensors));
  CHECK(legacy.report.network == "masks-gan");
  CHECK(legacy.report.tensors == 67);
  for (const SavedTensor& t : tensors) {
    const TensorView* view = legacy.file.find(t.name);
    REQUIRE(view != nullptr);
    CHECK(std::string(reinterpret_cast<const char*>(view->data.data()), view->data.size()) == t.data);
  }
  std::erase_if(tensors, [](const SavedTensor& t) { return t.name.starts_with("bn10."); });
  const Converted zip = convert(folder, torch_zip(tensors));
  CHECK(zip.report.network == "masks-gan");
  CHECK(zip.report.tensors == 62);
  tensors.push_back(tensors.front());
  tensors.back().name = "bn11.weight";
  write_file(folder / "in.pth", torch_zip(tensors));
  const Outcome o = outcome_of([&] { convert_checkpoint(folder / "in.pth", folder / "none.cuhue"); });
  CHECK(o.status == Status::weights);
  CHECK(o.message.find("bn11.weight") != std::string::npos);
}

TEST_CASE("float16, bfloat16 and float64 become float32 with the same values") {
  const TemporaryFolder folder;
  for (const DType type : {DType::f16, DType::bf16, DType::f64}) {
    CAPTURE(name_of(type));
    std::vector<SavedTensor> tensors = lite_tensors();
    SavedTensor& t = named(tensors, "upsample.14.bias");  // [2]
    t.dtype = type;
    for (const int power : {-24, -20, -15, -14, -1, 0, 3, 15}) {
      const float values[] = {std::ldexp(1.0f, power), -std::ldexp(1.0f, power)};
      t.data = encode(type, values[0]) + encode(type, values[1]);
      const Converted c = convert(folder, torch_zip(tensors));
      const TensorView* view = c.file.find(t.name);
      REQUIRE(view != nullptr);
      CHECK(view->dtype == DType::f32);
      CHECK(std::string(reinterpret_cast<const char*>(view->data.data()), view->data.size()) ==
            saved("", {2}, values).data);
      CHECK(c.report.widened == 1);
    }
  }
}

TEST_CASE("counters that the network never reads may be absent") {
  const TemporaryFolder folder;
  std::vector<SavedTensor> tensors = lite_tensors();
  const std::size_t all = tensors.size();
  std::erase_if(tensors, [](const SavedTensor& t) { return t.dtype == DType::i64; });
  REQUIRE(tensors.size() < all);
  CHECK(convert(folder, torch_zip(tensors)).report.tensors == static_cast<std::int64_t>(tensors.size()));
}

TEST_CASE("a checkpoint that does not fit is refused, and the tensor is named") {
  struct Case {
    const char* what;
    std::function<void(std::vector<SavedTensor>&)> spoil;
    const char* message;
  };
  const float nan = std::numeric_limits<float>::quiet_NaN(), inf = std::numeric_limits<float>::infinity();
  const auto poison = [](std::vector<SavedTensor>& ts, std::size_t at, float v) {
    std::memcpy(named(ts, kWeight).data.data() + 4 * at, &v, 4);
  };
  const Case cases[] = {
      {"missing", [](auto& ts) { std::erase_if(ts, [](auto& t) { return t.name == kWeight; }); },
       "closest is lite (89 of 90 tensors fit): tensor 'midlevel_resnet.4.0.conv1.weight' [64, 64, 3, 3] is "
       "missing"},
      {"extra",
       [](auto& ts) {
         ts.push_back({"head.weight", DType::f32, {1}, std::string(4, '\0')});
       },
       "'head.weight' is not part of lite; to leave out what is extra, allow it (--allow-extra)"},
      {"misnamed", [](auto& ts) { named(ts, kWeight).name = "midlevel_resnet.4.0.conv3.weight"; }, "(and 0"},
      {"misshaped",
       [](auto& ts) {
         named(ts, kWeight).shape = {64, 3, 64, 3};
       },
       "tensor 'midlevel_resnet.4.0.conv1.weight' has shape [64, 3, 64, 3], expected [64, 64, 3, 3]"},
      {"transposed rank",
       [](auto& ts) {
         named(ts, kWeight).shape = {64, 576};
       },
       "tensor 'midlevel_resnet.4.0.conv1.weight' has shape [64, 576], expected [64, 64, 3, 3]"},
      {"wrong type", [](auto& ts) { named(ts, kWeight).dtype = DType::i32; },
       "tensor 'midlevel_resnet.4.0.conv1.weight' has type I32, expected F32, F16, BF16 or F64"},
      {"NaN", [&](auto& ts) { poison(ts, 17, nan); },
       "tensor 'midlevel_resnet.4.0.conv1.weight' element 17 is NaN"},
      {"infinite", [&](auto& ts) { poison(ts, 0, -inf); },
       "tensor 'midlevel_resnet.4.0.conv1.weight' element 0 is infinite"},
      {"beyond float32",
       [](auto& ts) {
         SavedTensor& t = named(ts, "upsample.14.bias");
         const double values[] = {0.0, 1e300};
         t.dtype = DType::f64;
         t.data.assign(reinterpret_cast<const char*>(values), sizeof values);
       },
       "tensor 'upsample.14.bias' element 1 is too large for float32"},
      {"half infinity",
       [](auto& ts) {
         SavedTensor& t = named(ts, "upsample.14.bias");
         t.dtype = DType::f16;
         t.data = le(0x7c00, 2) + le(0, 2);
       },
       "tensor 'upsample.14.bias' element 0 is infinite"},
      {"another network",
       [](auto& ts) {
         ts = {{"fc.weight", DType::f32, {1}, std::string(4, '\0')}};
       },
       "its 1 tensors (the first is 'fc.weight') are of no network that is known (eccv16, lite"},
  };
  const TemporaryFolder folder;
  for (const Case& c : cases) {
    CAPTURE(c.what);
    std::vector<SavedTensor> tensors = lite_tensors();
    c.spoil(tensors);
    write_file(folder / "in.pth", torch_zip(tensors));
    const Outcome o = outcome_of([&] { convert_checkpoint(folder / "in.pth", folder / "out.cuhue"); });
    CHECK(o.status == Status::weights);
    CAPTURE(o.message);
    if (std::string_view(c.what) == "misnamed") {
      CHECK(o.message.find("'midlevel_resnet.4.0.conv1.weight' [64, 64, 3, 3] is missing") !=
            std::string::npos);
      CHECK(o.message.find("'midlevel_resnet.4.0.conv3.weight' is not part of lite") != std::string::npos);
    } else {
      CHECK(o.message.find(c.message) != std::string::npos);
    }
    CHECK(o.message.find('\n') == std::string::npos);
    CHECK_FALSE(std::filesystem::exists(folder / "out.cuhue"));
  }
}

// A checkpoint of SCGAN by its names and shapes alone.
Checkpoint scgan_checkpoint(const Settings& form) {
  Checkpoint checkpoint;
  checkpoint.label = "'scgan.pth'";
  for (const Param& p : schema(network_or_throw("scgan"), form))
    checkpoint.tensors.push_back(
        {p.name, p.role == ParamRole::ignored ? DType::i64 : DType::f32, p.shape, {}});
  return checkpoint;
}

TEST_CASE("scgan is recognised in each of its forms, and by no tensor less") {
  const Network& scgan = network_or_throw("scgan");
  const std::size_t sizes[] = {279, 236, 279, 236};
  for (std::size_t i = 0; i < scgan.forms.size(); ++i) {
    Checkpoint checkpoint = scgan_checkpoint(scgan.forms[i]);
    CHECK(checkpoint.tensors.size() == sizes[i]);
    const SchemaMatch match = recognise(checkpoint, "", false);
    CHECK(match.network == &scgan);
    CHECK(match.form == scgan.forms[i]);
    CHECK(match.pairs.size() == sizes[i]);
    for (const char* name : {"up1.conv2d.conv2d.module.weight_u", "down1.conv2d.module.weight_v",
                             "global_feature_network.pool5.conv2d.module.weight_bar"}) {
      Checkpoint less = checkpoint;
      std::erase_if(less.tensors, [&](const CheckpointTensor& t) { return t.name == name; });
      const Outcome o = outcome_of([&] { recognise(less, "", true); });
      CHECK(o.status == Status::weights);
      CHECK(o.message.find(std::string("tensor '") + name + "'") != std::string::npos);
      CHECK(o.message.find("(and ") == std::string::npos);  // nothing else is wrong with it
    }
  }
  // A part of the saliency branch is neither form.
  Checkpoint part = scgan_checkpoint({});
  std::erase_if(part.tensors, [](const CheckpointTensor& t) {
    return t.name == "attention_prediction_network.final.conv2d.module.weight_bar";
  });
  CHECK(outcome_of([&] {
          recognise(part, "scgan", true);
        }).message.find("'attention_prediction_network.final.conv2d.module.weight_bar' [1, 128, 3, 3] is") !=
        std::string::npos);
}

TEST_CASE("the form of a checkpoint is written into the file") {
  const TemporaryFolder folder;
  const Network& scgan = network_or_throw("scgan");
  std::vector<SavedTensor> tensors;
  for (const Param& p : schema(scgan, scgan.forms[3])) {
    if (p.role == ParamRole::ignored) continue;
    std::size_t count = 1;
    for (const std::int64_t d : p.shape) count *= static_cast<std::size_t>(d);
    tensors.push_back({p.name, DType::f32, p.shape, std::string(4 * count, '\0')});
  }
  const Converted c = convert(folder, safetensors_file(tensors));
  CHECK(c.file.properties() == std::map<std::string, std::string>{{"input", "1"}, {"saliency", "0"}});
  CHECK_NOTHROW(check_weights(schema(scgan, {{"input", 1}, {"saliency", 0}}), c.file));
  CHECK(outcome_of([&] { check_weights(schema(scgan), c.file); }).status == Status::weights);
}

TEST_CASE("extra tensors are left out when that is allowed") {
  const TemporaryFolder folder;
  std::vector<SavedTensor> tensors = lite_tensors();
  tensors.push_back({"head.weight", DType::f32, {1}, std::string(4, '\0')});
  ConvertOptions options;
  options.allow_extra = true;
  const Converted c = convert(folder, torch_zip(tensors), options);
  CHECK(c.report.left_out == std::vector<std::string>{"head.weight"});
  CHECK(c.file.find("head.weight") == nullptr);
}

TEST_CASE("a network that is named must be known and must fit") {
  const TemporaryFolder folder;
  write_file(folder / "in.pth", torch_zip(lite_tensors()));
  ConvertOptions options;
  options.network = "eccv16";
  const Outcome misfit =
      outcome_of([&] { convert_checkpoint(folder / "in.pth", folder / "out.cuhue", options); });
  CHECK(misfit.status == Status::weights);
  CHECK(misfit.message.find("does not fit network eccv16: tensor 'model1.0.weight'") != std::string::npos);
  options.network = "lite2";
  CHECK(outcome_of([&] { convert_checkpoint(folder / "in.pth", folder / "out.cuhue", options); }).status ==
        Status::usage);
}

TEST_CASE("outputs are never replaced unasked, and the input is never written to") {
  const TemporaryFolder folder;
  const std::string contents = torch_zip(lite_tensors());
  write_file(folder / "in.pth", contents);
  write_file(folder / "out.cuhue", "precious");
  CHECK(outcome_of([&] { convert_checkpoint(folder / "in.pth", folder / "out.cuhue"); }).status ==
        Status::output);
  CHECK(std::filesystem::file_size(folder / "out.cuhue") == 8);
  CHECK(outcome_of([&] { convert_checkpoint(folder / "in.pth", folder / "in.pth"); }).status ==
        Status::usage);
  CHECK(std::filesystem::file_size(folder / "in.pth") == contents.size());
  // Forced: the new file takes the name only when it is whole.
  ConvertOptions force;
  force.overwrite = Overwrite::yes;
  convert_checkpoint(folder / "in.pth", folder / "in.pth", force);
  CHECK(WeightFile::open(folder / "in.pth").network() == "lite");
}

TEST_CASE("a weight file is not converted again") {
  const TemporaryFolder folder;
  convert(folder, torch_zip(lite_tensors()));
  const Outcome o = outcome_of([&] { convert_checkpoint(folder / "out.cuhue", folder / "again.cuhue"); });
  CHECK(o.status == Status::weights);
  CHECK(o.message.find("is a cuhue weight file already") != std::string::npos);
}

TEST_CASE("properties of the weights are written into the file") {
  const TemporaryFolder folder;
  ConvertOptions options;
  options.extra["mask_cent"] = "0.5";
  const Converted c = convert(folder, torch_zip(lite_tensors()), options);
  const std::string contents = [&] {
    std::string all;
    for (const auto& [key, value] : c.file.metadata()) all += key + "=" + value + ";";
    return all;
  }();
  CHECK(contents.find("mask_cent=0.5;") != std::string::npos);
}

// A plain safetensors file of zeros that takes no room on the disk, without the tensor `but`.
void write_zeros(const std::filesystem::path& path, const std::vector<Param>& params, std::string_view but) {
  std::string header = "{";
  std::uint64_t at = 0;
  for (const Param& p : params) {
    if (p.name == but) continue;
    std::string shape;
    std::uint64_t bytes = sizeof(float);
    for (const std::int64_t d : p.shape) {
      shape += (shape.empty() ? "" : ",") + std::to_string(d);
      bytes *= static_cast<std::uint64_t>(d);
    }
    header += (at == 0 ? "\"" : ",\"") + p.name + R"(":{"dtype":"F32","shape":[)" + shape +
              R"(],"data_offsets":[)" + std::to_string(at) + "," + std::to_string(at + bytes) + "]}";
    at += bytes;
  }
  header += "}";
  write_file(path, le(header.size(), 8) + header);
  std::filesystem::resize_file(path, 8 + header.size() + at);
}

TEST_CASE("every network converts, and the last tensor is missed by name") {
  const TemporaryFolder folder;
  for (const Network& network : networks()) {
    CAPTURE(network.name);
    const std::vector<Param>& params = schema(network);
    const auto last = std::find_if(params.rbegin(), params.rend(),
                                   [](const Param& p) { return p.role != ParamRole::ignored; });
    write_zeros(folder / "short", params, last->name);
    const Outcome o = outcome_of([&] { convert_checkpoint(folder / "short", folder / "out"); });
    CHECK(o.status == Status::weights);
    CHECK_MESSAGE(o.message.find("'" + last->name + "'") != std::string::npos, o.message);
    write_zeros(folder / "whole", params, "");
    const ConvertReport report = convert_checkpoint(folder / "whole", folder / "out");
    CHECK(report.network == network.name);
    CHECK(report.tensors == static_cast<std::int64_t>(params.size()));
    std::filesystem::remove(folder / "out");
    MESSAGE("converts " << network.name << ": " << report.tensors << " tensors");
  }
}

TEST_CASE("the published lite checkpoint converts") {
  const char* models = std::getenv("CUHUE_MODELS");
  const auto path = std::filesystem::path(models == nullptr ? "" : models) / "lite-resnet18-places-ep18.pth";
  if (models == nullptr || !std::filesystem::exists(path)) {
    MESSAGE("skipped: CUHUE_MODELS names no folder with lite-resnet18-places-ep18.pth");
    return;
  }
  const TemporaryFolder folder;
  const ConvertReport report = convert_checkpoint(path, folder / "lite.cuhue");
  CHECK(report.network == "lite");
  CHECK(report.format == "PyTorch (legacy)");
  CHECK(report.sha256 == "e33be793f13ae6b3d69d12eee0bf297c5605f90e9096db0b85da86fc59ad0f5c");
  CHECK(report.licence == "MIT");
  CHECK(report.tensors == 90);
  CHECK(report.values == 957232);
  const WeightFile file = WeightFile::open(folder / "lite.cuhue");
  CHECK(file.find("midlevel_resnet.0.weight")->shape == std::vector<std::int64_t>{64, 1, 7, 7});
}

}  // namespace
}  // namespace cuhue::testing
