// convert, info, verify, models, bench, devices, compare.
#include <doctest/doctest.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "runtime/networks/network.h"
#include "tests/apps/program.h"
#include "tests/apps/scratch.h"
#include "tests/support/checkpoint_writer.h"
#include "weights/weight_writer.h"

using namespace cuhue::test;
namespace fs = std::filesystem;
using Json = nlohmann::json;

namespace {

struct LiteTensor {
  std::string name;
  cuhue::DType dtype;
  std::vector<std::int64_t> shape;
  std::string data;
};

std::vector<LiteTensor> lite_tensors() {
  const cuhue::Network& network = cuhue::network_or_throw("lite");
  const cuhue::FormulaSource formula(network);
  std::vector<LiteTensor> tensors;
  for (const cuhue::Param& p : cuhue::schema(network)) {
    if (p.role == cuhue::ParamRole::ignored) {
      tensors.push_back({p.name, cuhue::DType::i64, p.shape, std::string(8, '\0')});
      continue;
    }
    std::vector<float> scratch;
    const std::span<const float> v = formula.fetch(p, scratch);
    tensors.push_back({p.name, cuhue::DType::f32, p.shape,
                       std::string(reinterpret_cast<const char*>(v.data()), v.size_bytes())});
  }
  return tensors;
}

// A checkpoint of the lite network as PyTorch saves it, with formula weights.
void write_checkpoint(const std::string& path) {
  std::vector<cuhue::testing::SavedTensor> saved;
  for (LiteTensor& t : lite_tensors()) saved.push_back({t.name, t.dtype, t.shape, std::move(t.data)});
  write_text(path, cuhue::testing::torch_zip(saved, {}));
}

// A cuhue weight file with the same.
void write_lite(const std::string& path) {
  const std::vector<LiteTensor> tensors = lite_tensors();
  std::vector<cuhue::TensorToWrite> to_write;
  for (const LiteTensor& t : tensors) {
    to_write.push_back({t.name, t.dtype, t.shape, std::as_bytes(std::span(t.data))});
  }
  cuhue::WeightFileInfo info;
  info.network = "lite";
  info.source_name = "formula";
  cuhue::write_weight_file(path, info, to_write);
}

}  // namespace

TEST_CASE("convert writes a weight file that verify, info and colorize take; an existing one needs --force") {
  const Scratch scratch;
  write_checkpoint(scratch / "checkpoint.bin");
  const std::string out = scratch / "lite.safetensors";
  const ProgramResult r = run_program({"convert", scratch / "checkpoint.bin", "-o", out, "--json", "-"});
  CAPTURE(r.err);
  REQUIRE(r.code == 0);
  const Json json = Json::parse(r.out);
  CHECK(json["network"] == "lite");
  CHECK(json["tensors"] == 90);
  CHECK(json["values"] == 957232);
  CHECK(json["sha256"].get<std::string>().size() == 64);

  const std::string before = read_text(out);
  const ProgramResult again = run_program({"convert", scratch / "checkpoint.bin", "-o", out});
  CHECK(again.code == 7);
  CHECK(read_text(out) == before);
  CHECK(run_program({"convert", scratch / "checkpoint.bin", "-o", out, "--force"}).code == 0);
  CHECK(run_program({"convert", scratch / "checkpoint.bin", "-o", scratch / "e", "-n", "eccv16"}).code == 4);
  CHECK(run_program({"convert", scratch / "checkpoint.bin", "-o", scratch / "e", "-n", "none"}).code == 2);
  const std::string sha256 = json["sha256"].get<std::string>();
  const auto convert_if = [&](const std::string& wanted, const char* to) {
    return run_program({"convert", scratch / "checkpoint.bin", "-o", scratch / to, "--sha256", wanted});
  };
  CHECK(convert_if(sha256, "right").code == 0);
  const ProgramResult other = convert_if(std::string(64, '0'), "e");
  CHECK(other.code == 4);
  CHECK(other.err.find(sha256) != std::string::npos);
  CHECK(convert_if("12ab", "e").code == 2);
  CHECK(!fs::exists(scratch / "e"));

  const ProgramResult verify = run_program({"verify", out});
  CHECK(verify.code == 0);
  CHECK(verify.out.find("ok, lite, 90 tensors") != std::string::npos);

  const ProgramResult info = run_program({"info", out, "--size", "64x96", "--batch", "2", "--json", "-"});
  REQUIRE(info.code == 0);
  const Json about = Json::parse(info.out);
  CHECK(about["network"] == "lite");
  CHECK(about["values"] == 957232);
  CHECK(about["tensors"].size() == 90);
  CHECK(about["file_bytes"] == fs::file_size(out));
  CHECK(about["metadata"]["source_sha256"] == json["sha256"]);
  CHECK(about["memory"]["size"] == "64x96");
  CHECK(about["memory"]["arena_bytes"].get<int>() > 2 * 64 * 96 * 4);
  CHECK(run_program({"info", out, "--size", "65x96"}).code == 2);
  CHECK(run_program({"info", out, "--tensors"}).out.find("midlevel_resnet.0.weight") != std::string::npos);

  // Found by its name in CUHUE_MODELS, given by -m, or from the formula: the same picture.
  write_text(scratch / "a.pgm", grey_picture(32, 32));
  ProgramOptions models;
  models.environment = {{"CUHUE_MODELS", scratch.path().string()}};
  CHECK(run_program({"colorize", "-i", scratch / "a.pgm", "-o", scratch / "1.ppm"}, models).code == 0);
  CHECK(run_program({"colorize", "-i", scratch / "a.pgm", "-o", scratch / "2.ppm", "-m", out}).code == 0);
  CHECK(run_program({"colorize", "-i", scratch / "a.pgm", "-o", scratch / "3.ppm", "--formula"}).code == 0);
  CHECK(read_text(scratch / "1.ppm") == read_text(scratch / "2.ppm"));
  CHECK(read_text(scratch / "1.ppm") == read_text(scratch / "3.ppm"));
  // Weights of one network for the system of another.
  CHECK(run_program({"colorize", "-n", "eccv16", "-m", out, "-i", scratch / "a.pgm", "-o", scratch / "4.ppm"})
            .code == 4);
  fs::rename(out, scratch / "eccv16.safetensors");
  const ProgramResult wrong =
      run_program({"colorize", "-n", "eccv16", "-i", scratch / "a.pgm", "-o", scratch / "4.ppm"}, models);
  CHECK(wrong.code == 4);
  CHECK(wrong.err.find("not of eccv16") != std::string::npos);
}

TEST_CASE("no report is written over a file that is read, nor over another output") {
  const Scratch scratch;
  write_checkpoint(scratch / "checkpoint.bin");
  write_lite(scratch / "w");
  fs::create_symlink("w", scratch / "link");
  write_text(scratch / "a.ppm", "P6 1 1 255\n123");
  const std::string checkpoint = scratch / "checkpoint.bin", w = scratch / "w", picture = scratch / "a.ppm";
  const std::string before = read_text(checkpoint) + read_text(w) + read_text(picture);
  const std::vector<std::vector<std::string>> commands = {
      {"info", w, "--json", scratch / "link"},
      {"verify", w, "--json", w},
      {"bench", "lite", "-m", scratch / "link", "--json", w},
      {"compare", picture, picture, "--json", picture},
      {"convert", checkpoint, "-o", scratch / "new", "--json", checkpoint},
      {"run", "lite", "-m", w, "--input", "grey=" + picture, "--output", "ab=" + w}};
  for (const auto& command : commands) {
    CAPTURE(command[0]);
    const ProgramResult r = run_program(command);
    CHECK(r.code == 7);
    CHECK(r.err.find("is the input") != std::string::npos);
    CHECK(r.err.find("name another output") != std::string::npos);
  }
  CHECK(run_program({"convert", checkpoint, "-o", scratch / "new", "--json", scratch / "./new"}).code == 2);
  CHECK(read_text(checkpoint) + read_text(w) + read_text(picture) == before);
  CHECK(!fs::exists(scratch / "new"));
}

TEST_CASE("a weight file with one flipped bit does not verify") {
  const Scratch scratch;
  write_lite(scratch / "w");
  std::string bytes = read_text(scratch / "w");
  bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 1);
  write_text(scratch / "w", bytes);
  const ProgramResult r = run_program({"verify", scratch / "w"});
  CHECK(r.code == 4);
  CHECK(r.out.empty());
}

TEST_CASE("models lists the catalog; what can be fetched has a URL, a size, a hash and a licence") {
  const ProgramResult text = run_program({"models"});
  CHECK(text.code == 0);
  CHECK(text.out == run_program({"models", "list"}).out);
  CHECK(text.out.find("lite") != std::string::npos);
  const Json json = Json::parse(run_program({"models", "list", "--json", "-"}).out);
  REQUIRE(json.size() >= 2);
  for (const Json& entry : json) {
    CAPTURE(entry["name"].get<std::string>());
    CHECK(entry["weights"].is_null());
    CHECK(text.out.find(entry["url"].get<std::string>()) != std::string::npos);
    if (!entry["fetched"].get<bool>()) {
      const ProgramResult fetch = run_program({"models", "fetch", entry["name"].get<std::string>()});
      CHECK(fetch.code == 2);
      CHECK(fetch.err.find(entry["notes"].get<std::string>()) != std::string::npos);
      CHECK(fetch.err.find(entry["url"].get<std::string>()) != std::string::npos);
      continue;
    }
    // What comes over a plain connection is told from anything else by its whole hash.
    const auto url = entry["url"].get<std::string>();
    CHECK((url.starts_with("https://") ||
           (url.starts_with("http://") && entry["sha256"].get<std::string>().size() == 64)));
    CHECK(entry["bytes"].get<std::int64_t>() > 0);
    CHECK(entry["sha256"].get<std::string>().size() >= 8);
    CHECK(!entry["licence"].get<std::string>().empty());
  }
}

TEST_CASE("fetch without network and copy: exit 4 with the remedy, nothing left behind") {
  const Scratch scratch;
  fs::create_directory(scratch / "models");
  // Something by the checkpoint's name that is not it: said, and not used.
  write_text(scratch / "models/lite-resnet18-places-ep18.pth", "other");
  ProgramOptions options;
  options.environment = {{"CUHUE_MODELS", scratch / "models"}, {"https_proxy", "http://127.0.0.1:1"}};
  const ProgramResult r = run_program({"models", "fetch", "lite"}, options);
  CAPTURE(r.err);
  CHECK(r.code == 4);
  CHECK(r.out.empty());
  CHECK(r.err.find("is not the published file") != std::string::npos);
  CHECK(r.last_error_line().starts_with("cuhue: https://"));
  CHECK(r.last_error_line().find("CUHUE_MODELS") != std::string::npos);
  CHECK(count_files(scratch / "models") == 1);
}

TEST_CASE("fetch does nothing when whole weights are there") {
  const Scratch scratch;
  write_lite(scratch / "lite.safetensors");
  ProgramOptions options;
  options.environment = {{"CUHUE_MODELS", scratch.path().string()}, {"https_proxy", "http://127.0.0.1:1"}};
  const ProgramResult r = run_program({"models", "fetch", "lite"}, options);
  CHECK(r.code == 0);
  CHECK(r.out == (scratch / "lite.safetensors") + "\n");
  // Damaged ones are fetched again, which fails here.
  std::string bytes = read_text(scratch / "lite.safetensors");
  bytes.back() = static_cast<char>(bytes.back() ^ 1);
  write_text(scratch / "lite.safetensors", bytes);
  CHECK(run_program({"models", "fetch", "lite"}, options).code == 4);
}

TEST_CASE("bench gives the interface's names as JSON") {
  const ProgramResult r = run_program({"bench", "lite", "--formula", "--size", "32x64", "--batch", "2",
                                       "--seconds", "0.05", "--threads", "1", "--layers", "--json", "-"});
  CAPTURE(r.err);
  REQUIRE(r.code == 0);
  const Json json = Json::parse(r.out);
  CHECK(json["network"] == "lite");
  CHECK(json["device"] == "cpu");
  CHECK(json["precision"] == "fp32");
  CHECK(json["threads"] == 1);
  CHECK(json["batch"] == 2);
  CHECK(json["size"] == "32x64");
  CHECK(json["runs"].get<int>() >= 10);
  CHECK(json["p10_ms"].get<double>() > 0);
  CHECK(json["p10_ms"] <= json["median_ms"]);
  CHECK(json["median_ms"] <= json["p90_ms"]);
  CHECK(json["p90_ms"] <= json["p99_ms"]);
  CHECK(json["arena_bytes"].get<std::int64_t>() > 0);
  CHECK(json["peak_bytes"] > json["arena_bytes"]);
  REQUIRE(!json["layers"].empty());
  for (const char* key : {"name", "op", "provider", "shape", "macs", "ms"}) {
    CAPTURE(key);
    CHECK(json["layers"][0].contains(key));
  }
  // The parts are sums: no layer is missing, none counts twice.
  double macs = 0;
  std::size_t layers = 0;
  for (const Json& layer : json["layers"]) macs += layer["macs"].get<double>();
  CHECK(json["stages"].size() > 1);
  CHECK(json["stages"].size() < json["layers"].size());
  for (const Json& stage : json["stages"]) {
    macs -= stage["macs"].get<double>();
    layers += stage["layers"].get<std::size_t>();
  }
  CHECK(macs == 0);
  CHECK(layers == json["layers"].size());
  const ProgramResult text = run_program({"bench", "lite", "--formula", "--size", "32", "--seconds", "0.01"});
  CHECK(text.code == 0);
  CHECK(text.out.find("median") != std::string::npos);
  CHECK(run_program({"bench", "lite"}).code == 4);
  CHECK(run_program({"bench", "no-such-network", "--formula"}).code == 2);
  CHECK(run_program({"bench", "lite", "--formula", "--size", "30x64"}).code == 2);
}

TEST_CASE("devices names the CPU") {
  const ProgramResult text = run_program({"devices"});
  CHECK(text.code == 0);
  CHECK(text.out.find("cpu") != std::string::npos);
  const Json json = Json::parse(run_program({"devices", "--json", "-"}).out);
  CHECK(json[0]["name"] == "cpu");
  CHECK(json[0]["threads"].get<int>() >= 1);
  CHECK(json[0]["precisions"][0] == "fp32");
  CHECK(json[0]["unusable"] == "");
}

TEST_CASE("devices lists the GPUs, or says why there is none") {
  const ProgramResult text = run_program({"devices"});
  const Json json = Json::parse(run_program({"devices", "--json", "-"}).out);
  REQUIRE(json.size() >= 2);
  for (std::size_t i = 1; i < json.size(); ++i) {
    const Json& gpu = json[i];
    CAPTURE(gpu.dump());
    const bool usable = gpu["unusable"].get<std::string>().empty();
    CHECK(usable == (gpu["precisions"] == Json{"fp32", "tf32", "fp16"}));
    CHECK(usable == !gpu["precisions"].empty());
    if (gpu["name"] == "cuda") {  // stands for all
      CHECK(json.size() == 2);
      CHECK(!usable);
      CHECK(text.out.find("cuda  cannot be used: " + gpu["unusable"].get<std::string>()) !=
            std::string::npos);
    } else {
      CHECK(gpu["name"] == "cuda:" + std::to_string(i - 1));
      CHECK(gpu["memory_bytes"].get<double>() > 0);
    }
  }
}

TEST_CASE("compare: equal pictures, different pictures, different sizes") {
  const Scratch scratch;
  write_text(scratch / "a.pgm", grey_picture(32, 24));
  write_text(scratch / "b.pgm", grey_picture(32, 24, 3));
  write_text(scratch / "c.pgm", grey_picture(24, 32));
  const Json same =
      Json::parse(run_program({"compare", scratch / "a.pgm", scratch / "a.pgm", "--json", "-"}).out);
  CHECK(same["psnr"].is_null());
  CHECK(same["ssim"] == doctest::Approx(1));
  CHECK(same["mean_delta_e2000"] == doctest::Approx(0));
  CHECK(same["max_difference"] == 0);
  const Json other =
      Json::parse(run_program({"compare", scratch / "a.pgm", scratch / "b.pgm", "--json", "-"}).out);
  CHECK(other["psnr"].get<double>() < 40);
  CHECK(other["max_difference"].get<int>() > 0);
  const ProgramResult text = run_program({"compare", scratch / "a.pgm", scratch / "b.pgm"});
  for (const char* word : {"PSNR", "SSIM", "colourfulness", "dE2000"}) {
    CAPTURE(word);
    CHECK(text.out.find(word) != std::string::npos);
  }
  CHECK(run_program({"compare", scratch / "a.pgm", scratch / "c.pgm"}).code == 3);
  CHECK(run_program({"compare", scratch / "a.pgm", scratch / "none.pgm"}).code == 3);
}

TEST_CASE("compare: folders pair pictures by name, tell what has no counterpart, go on after a bad pair") {
  const Scratch scratch;
  for (const char* folder : {"a", "b", "c"}) std::filesystem::create_directory(scratch / folder);
  write_text(scratch / "a/one.pgm", grey_picture(32, 24));
  write_text(scratch / "b/one.pgm", grey_picture(32, 24));
  write_text(scratch / "a/two.pgm", grey_picture(32, 24));
  write_text(scratch / "b/two.pnm", grey_picture(32, 24, 3));
  write_text(scratch / "b/only.pgm", grey_picture(8, 8));
  write_text(scratch / "a/notes.txt", "no picture");
  const ProgramResult good = run_program({"compare", scratch / "a", scratch / "b", "--json", "-"});
  CHECK(good.code == 0);
  Json json = Json::parse(good.out);
  REQUIRE(json["pairs"].size() == 2);
  CHECK(json["pairs"][0]["name"] == "one");
  CHECK(json["pairs"][0]["psnr"].is_null());
  const Json alone =
      Json::parse(run_program({"compare", scratch / "a/two.pgm", scratch / "b/two.pnm", "--json", "-"}).out);
  for (const char* key : {"psnr", "ssim", "ssim_floats", "nrmse", "colorfulness_b", "naturalness_a"}) {
    CAPTURE(key);
    CHECK(json["pairs"][1][key] == alone[key]);
  }
  CHECK(json["mean"]["psnr"] == alone["psnr"]);  // equal pictures have none
  CHECK(json["mean"]["nrmse"].get<double>() == doctest::Approx(alone["nrmse"].get<double>() / 2));
  CHECK(json["cci_ratio_a"] == 0);
  REQUIRE(json["alone"].size() == 1);
  CHECK(json["alone"][0].get<std::string>().ends_with("only.pgm"));
  const ProgramResult text = run_program({"compare", scratch / "a", scratch / "b"});
  for (const char* word : {"mean of 2 pairs", "NRMSE", "CNI", "CCI ratio", "two: PSNR"}) {
    CAPTURE(word);
    CHECK(text.out.find(word) != std::string::npos);
  }
  write_text(scratch / "a/only.pgm", grey_picture(9, 8));
  const ProgramResult bad = run_program({"compare", scratch / "a", scratch / "b", "--json", "-"});
  CHECK(bad.code == 1);
  json = Json::parse(bad.out);
  CHECK(json["pairs"].size() == 3);
  CHECK(json["mean"]["nrmse"].get<double>() == doctest::Approx(alone["nrmse"].get<double>() / 2));
  CHECK(bad.err.find("9x8") != std::string::npos);
  CHECK(run_program({"compare", scratch / "a", scratch / "a/one.pgm"}).code == 2);
  CHECK(run_program({"compare", scratch / "a", scratch / "c"}).code == 3);
}

TEST_CASE("help goes to stdout with exit 0; stdout that is closed is exit 7") {
  for (const std::vector<std::string>& words : {std::vector<std::string>{"-h"},
                                                {"--help"},
                                                {"colorize", "-h"},
                                                {"models", "fetch", "--help"},
                                                {"--version"}}) {
    const ProgramResult r = run_program(words);
    CHECK(r.code == 0);
    CHECK(!r.out.empty());
    CHECK(r.err.empty());
  }
  ProgramOptions closed;
  closed.close_stdout_early = true;
  const ProgramResult r = run_program({"run", "--list"}, closed);
  CHECK(r.code == 7);
  CHECK(r.err.starts_with("cuhue: standard output"));
}
