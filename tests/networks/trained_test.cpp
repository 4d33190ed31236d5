// Published weights, when the folder that CUHUE_MODELS names has them: the authors' own numbers.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>

#include "converter/convert.h"
#include "runtime/graph/backend.h"
#include "runtime/networks/network.h"
#include "weights/catalog.h"
#include "weights/weight_file.h"

using namespace cuhue;

namespace {

// The checkpoint of a catalog entry among the user's models; empty = not there.
std::filesystem::path checkpoint(std::string_view name) {
  const char* folder = std::getenv("CUHUE_MODELS");
  const CatalogEntry* entry = find_catalog_entry(name);
  if (folder == nullptr || entry == nullptr) return {};
  const auto path = std::filesystem::path(folder) / entry->file_name;
  return std::filesystem::exists(path) ? path : std::filesystem::path{};
}

struct Moments {
  double mean = 0, deviation = 0;
};

Moments moments(std::span<const float> values) {
  double sum = 0, squares = 0;
  for (const float v : values) sum += static_cast<double>(v);
  const double mean = sum / static_cast<double>(values.size());
  for (const float v : values) squares += (static_cast<double>(v) - mean) * (static_cast<double>(v) - mean);
  return {mean, std::sqrt(squares / static_cast<double>(values.size()))};
}

// Removed with all it holds at the end of a test.
struct TemporaryFolder {
  std::filesystem::path path;
  TemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "cuhue-trained-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("cannot make a temporary folder");
    path = name;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
};

}  // namespace

TEST_CASE("lite with its trained weights gives the numbers of the authors' code") {
  const auto source = checkpoint("lite");
  if (source.empty()) {
    MESSAGE("skipped: CUHUE_MODELS has no checkpoint of lite");
    return;
  }
  const TemporaryFolder folder;
  const auto converted = folder.path / "lite.cuhue";
  CHECK(convert_checkpoint(source, converted).network == "lite");
  const WeightFile file = WeightFile::open(converted);
  const Network& n = network_or_throw("lite");
  CHECK_NOTHROW(check_weights(n, file));

  Graph g = build_graph(n, 1, 64, 64);
  for (std::size_t v = 0; v < g.values.size(); ++v) {
    if (g.values[v].name == "midlevel_resnet.5.1.bn2.add.relu")
      g.outputs.push_back({"features", static_cast<ValueId>(v)});
  }
  REQUIRE(g.outputs.size() == 2);
  const auto backend = make_cpu_backend();
  const auto weights = backend->make_weights(std::make_shared<WeightFileSource>(file));
  const auto program = backend->compile(std::move(g), weights, {});
  const TensorRef grey = program->input("grey");
  for (int i = 0; i < 64; ++i) {
    for (int j = 0; j < 64; ++j) grey.data[i * 64 + j] = static_cast<float>((7 * i + 13 * j) % 256) / 255.0f;
  }
  program->run();

  const TensorRef features = program->output("features"), ab = program->output("ab");
  REQUIRE(features.dims == Dims{1, 128, 8, 8});
  const Moments f = moments({features.data, 128 * 8 * 8});
  CHECK(f.mean == doctest::Approx(0.7084299).epsilon(1e-6));
  CHECK(f.deviation == doctest::Approx(1.5709880).epsilon(1e-6));

  // ab = 255 y - 128. y varies by thousandths here, hence an absolute bound in ab units too.
  struct Expected {
    double mean, deviation, first, middle, last;
  };
  const Expected expected[] = {{0.5171244, 0.0043472, 0.5228378, 0.5204316, 0.5139914},
                               {0.5173919, 0.0073930, 0.5025597, 0.5260482, 0.5314105}};
  for (int c = 0; c < 2; ++c) {
    const float* plane = ab.data + c * 64 * 64;
    const Moments m = moments({plane, 64 * 64});
    const auto y = [](double value) { return (value + 128) / 255; };
    CHECK(std::abs(y(m.mean) - expected[c].mean) < 1e-6);
    CHECK(std::abs(m.deviation / 255 - expected[c].deviation) < 1e-6);
    const std::pair<int, double> samples[] = {
        {0, expected[c].first}, {31 * 64 + 17, expected[c].middle}, {63 * 64 + 63, expected[c].last}};
    for (const auto& [at, value] : samples) {
      const auto found = static_cast<double>(plane[at]);
      CHECK(std::abs(found - (255 * value - 128)) < 0.001);
      CHECK(std::abs(y(found) - value) < 2e-6);
    }
  }
}
