#include <doctest/doctest.h>

#include <initializer_list>
#include <string>
#include <variant>
#include <vector>

#include "apps/cuhue/api.h"
#include "apps/cuhue/options.h"

using namespace cuhue::app;

namespace {

Command parse(std::vector<const char*> words) {
  words.insert(words.begin(), "cuhue");
  return parse_command_line(static_cast<int>(words.size()), words.data());
}

template <class F>
std::string usage_error(F f) {
  try {
    f();
  } catch (const Failure& e) {
    CHECK(e.status() == CUHUE_USAGE);
    CHECK(std::string(e.what()).find('\n') == std::string::npos);
    return e.what();
  }
  return "";
}

}  // namespace

TEST_CASE("colorize takes every option of the interface") {
  const auto o = std::get<ColorizeOptions>(parse({"colorize",
                                                  "-i",
                                                  "in.png",
                                                  "-o",
                                                  "-",
                                                  "-n",
                                                  "eccv16",
                                                  "-m",
                                                  "a",
                                                  "-m",
                                                  "b",
                                                  "-g",
                                                  "-1",
                                                  "-j",
                                                  "2:3:4",
                                                  "-f",
                                                  "jpg",
                                                  "--threads",
                                                  "5",
                                                  "--precision",
                                                  "fp16",
                                                  "--batch",
                                                  "6",
                                                  "--force",
                                                  "--json",
                                                  "r.json",
                                                  "--quiet",
                                                  "-v",
                                                  "--chroma",
                                                  "1.5",
                                                  "--temperature",
                                                  "0.38",
                                                  "--as-published",
                                                  "--quality",
                                                  "80",
                                                  "--fail-fast"}));
  CHECK(o.input == "in.png");
  CHECK(o.output == "-");
  CHECK(o.system == "eccv16");
  CHECK(o.weights == std::vector<std::string>{"a", "b"});
  CHECK(o.device == "cpu");
  CHECK(o.jobs.load == 2);
  CHECK(o.jobs.process == 3);
  CHECK(o.jobs.save == 4);
  CHECK(o.format == "jpg");
  CHECK(o.threads == 5);
  CHECK(o.precision == CUHUE_FP16);
  CHECK(o.batch == 6);
  CHECK((o.force && o.quiet && o.as_published && o.fail_fast && o.verbose == 1));
  CHECK(o.json == "r.json");
  CHECK(o.chroma == doctest::Approx(1.5));
  CHECK(o.temperature == doctest::Approx(0.38));
  CHECK(o.quality == 80);
}

TEST_CASE("the defaults") {
  const auto o = std::get<ColorizeOptions>(parse({"colorize", "-i", "-", "-o", "out"}));
  CHECK(o.input == "-");
  CHECK(o.device == "auto");
  CHECK(o.threads == 0);
  CHECK(o.precision == CUHUE_FP32);
  CHECK((o.chroma == 1 && o.temperature == 1 && o.batch == 1 && o.quality == 95));
  CHECK(!(o.force || o.quiet || o.as_published || o.formula));
}

TEST_CASE("run takes assignments one by one or in a row, before or after the network") {
  for (const auto& words : {std::vector<const char*>{"run", "eccv16", "--input", "l=x.npy", "--output",
                                                     "ab=y.npy", "logits=z.npy", "--set", "temperature=0.5"},
                            {"run", "--set", "temperature=0.5", "--output", "ab=y.npy", "--output",
                             "logits=z.npy", "--input", "l=x.npy", "eccv16"}}) {
    const auto o = std::get<RunOptions>(parse(words));
    CHECK(o.network == "eccv16");
    CHECK(o.inputs == std::vector<NamedFile>{{"l", "x.npy"}});
    CHECK(o.outputs == std::vector<NamedFile>{{"ab", "y.npy"}, {"logits", "z.npy"}});
    CHECK(o.settings == std::vector<Setting>{{"temperature", 0.5}});
  }
}

TEST_CASE("a setting that is a choice is given by name or by number") {
  const auto settings = [](const char* value) {
    return std::get<RunOptions>(
               parse({"run", "masks-gan", "--input", "y=x.npy", "--output", "uv=y.npy", "--set", value}))
        .settings;
  };
  CHECK(settings("norm=running") == std::vector<Setting>{{"norm", 1}});
  CHECK(settings("norm=batch") == std::vector<Setting>{{"norm", 0}});
  CHECK(settings("norm=1") == std::vector<Setting>{{"norm", 1}});
  CHECK(std::get<BenchOptions>(parse({"bench", "masks-gan", "--set", "norm=running"})).settings ==
        std::vector<Setting>{{"norm", 1}});
  CHECK_THROWS_AS(settings("norm=sometimes"), Failure);
}

TEST_CASE("models, bench and compare") {
  CHECK(!std::get<ModelsOptions>(parse({"models"})).fetch);
  CHECK(!std::get<ModelsOptions>(parse({"models", "list", "--json", "-"})).fetch);
  const auto fetch = std::get<ModelsOptions>(parse({"models", "fetch", "lite", "--force", "--quiet"}));
  CHECK((fetch.fetch && fetch.name == "lite" && fetch.force && fetch.quiet));
  const auto bench = std::get<BenchOptions>(parse(
      {"bench", "lite", "--formula", "--size", "64x96", "--batch", "3", "--seconds", "0.5", "--layers"}));
  CHECK((bench.size.height == 64 && bench.size.width == 96 && bench.batch == 3 && bench.layers));
  CHECK(bench.seconds == doctest::Approx(0.5));
  const auto compare = std::get<CompareOptions>(parse({"compare", "a.png", "b.png"}));
  CHECK((compare.a == "a.png" && compare.b == "b.png"));
}

TEST_CASE("help and version are texts for stdout") {
  for (const char* command :
       {"colorize", "run", "convert", "info", "verify", "models", "bench", "devices", "compare"}) {
    CAPTURE(command);
    const auto text = std::get<Text>(parse({command, "-h"})).text;
    CHECK(text.find("Usage: cuhue " + std::string(command)) != std::string::npos);
    CHECK(text == std::get<Text>(parse({command, "--help"})).text);
  }
  CHECK(std::get<Text>(parse({"--version"})).text == std::string("cuhue ") + cuhue_version() + "\n");
}

TEST_CASE("wrong command lines are usage errors of one line") {
  const std::vector<const char*> lines[] = {
      {},
      {"paint"},
      {"colorize"},
      {"colorize", "-i", "a"},
      {"colorize", "-i", "a", "-o", "b", "--no-such-option"},
      {"colorize", "-i", "a", "-o", "b", "stray"},
      {"colorize", "-i", "a", "-o", "b", "-j", "1:2"},
      {"colorize", "-i", "a", "-o", "b", "-j", "1:2:0"},
      {"colorize", "-i", "a", "-o", "b", "-j", "1:2:x"},
      {"colorize", "-i", "a", "-o", "b", "-j", "1:2:3:"},
      {"colorize", "-i", "a", "-o", "b", "-f", "gif"},
      {"colorize", "-i", "a", "-o", "b", "-g", "gpu"},
      {"colorize", "-i", "a", "-o", "b", "-g", "cuda:x"},
      {"colorize", "-i", "a", "-o", "b", "--precision", "fp8"},
      {"colorize", "-i", "a", "-o", "b", "--batch", "0"},
      {"colorize", "-i", "a", "-o", "b", "--threads", "-2"},
      {"colorize", "-i", "a", "-o", "b", "--chroma", "0"},
      {"colorize", "-i", "a", "-o", "b", "--chroma", "nan"},
      {"colorize", "-i", "a", "-o", "b", "--temperature", "-1"},
      {"colorize", "-i", "a", "-o", "b", "--quality", "101"},
      {"colorize", "-i", "a", "-o", "b", "--formula", "-m", "w"},
      {"run"},
      {"run", "lite"},
      {"run", "lite", "--input", "grey", "--output", "ab=b"},
      {"run", "lite", "--input", "=a", "--output", "ab=b"},
      {"run", "lite", "--input", "grey=a", "--output", "ab=b", "--set", "x=y"},
      {"run", "lite", "--input", "grey=a", "--output", "ab=b", "--set", "x=inf"},
      {"convert", "a"},
      {"convert", "-o", "b"},
      {"convert", "a", "-o", "b", "--set", "mask_cent"},
      {"convert", "a", "-o", "b", "--set", "mask_cent=half"},
      {"info"},
      {"info", "f", "--size",
       "10"
       "x"},
      {"info", "f", "--size", "0x8"},
      {"info", "f", "--size", "8x8x8"},
      {"verify"},
      {"models", "fetch"},
      {"models", "steal"},
      {"bench"},
      {"bench", "lite", "--seconds", "-1"},
      {"devices", "extra"},
      {"compare", "a"},
  };
  for (const auto& line : lines) {
    std::string text;
    for (const char* word : line) text += std::string(word) + " ";
    CAPTURE(text);
    CHECK(usage_error([&] { parse(line); }) != "");
  }
}

TEST_CASE("devices by name, index and the image tools' -1") {
  CHECK(parse_device("auto") == "auto");
  CHECK(parse_device("cpu") == "cpu");
  CHECK(parse_device("-1") == "cpu");
  CHECK(parse_device("cuda") == "cuda");
  CHECK(parse_device("cuda:1") == "cuda:1");
  CHECK(parse_device("0") == "cuda:0");
}

TEST_CASE("formats by name, any case, with or without a dot") {
  CHECK(parse_format("") == CUHUE_FILE_AUTO);
  CHECK(parse_format("PNG") == CUHUE_FILE_PNG);
  CHECK(parse_format(".jpeg") == CUHUE_FILE_JPEG);
  CHECK(parse_format("ppm") == CUHUE_FILE_PNM);
  CHECK(parse_format("bmp") == CUHUE_FILE_BMP);
}
