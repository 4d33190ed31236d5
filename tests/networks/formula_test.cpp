#include "runtime/networks/formula.h"

#include <doctest/doctest.h>

#include <set>

#include "runtime/networks/gamut_bins.h"
#include "runtime/networks/network.h"

using namespace cuhue;

namespace {

std::vector<float> formula(const char* network, const std::string& key) {
  const Network& n = network_or_throw(network);
  for (const Param& p : schema(n)) {
    if (p.name != key) continue;
    std::vector<float> scratch;
    const auto values = FormulaSource(n).fetch(p, scratch);
    return {values.begin(), values.end()};
  }
  FAIL("no parameter " << key);
  return {};
}

void check_ends(const std::vector<float>& values, float first, float second, float last) {
  CHECK(values.front() == first);
  CHECK(values.at(1) == second);
  CHECK(values.back() == last);
}

}  // namespace

// Literals of this file come from tests/golden/formula_weights.py.

TEST_CASE("FNV-1a and SplitMix64 give their published values") {
  CHECK(fnv1a64("") == 0xcbf29ce484222325u);
  CHECK(fnv1a64("a") == 0xaf63dc4c8601ec8cu);
  CHECK(fnv1a64("input") == 0x1ebbae8f5810b65bu);
  CHECK(fnv1a64("model1.0.weight") == 0x0b55da8f6068ef47u);
  CHECK(splitmix64(0) == 0xe220a8397b1dcdafu);
  CHECK(splitmix64(1) == 0x910a2dec89025cc1u);
  CHECK(splitmix64(0xffffffffffffffffu) == 0xe4d971771b652c20u);
  CHECK(splitmix64(fnv1a64("input")) == 0x190a9f76a9bd8bf6u);
  CHECK(formula_uniform(fnv1a64("model1.0.weight"), 0) == 0x1.973bd8p-2);
  CHECK(formula_uniform(fnv1a64("model1.0.weight"), 999) == 0x1.91da4p-5);
}

TEST_CASE("formula weights are bit for bit those of the Python generator") {
  check_ends(formula("eccv16", "model1.0.weight"), -0x1.76d2b6p-3f, 0x1.456e92p-1f, -0x1.8ffe0cp-5f);
  check_ends(formula("eccv16", "model8.0.weight"), -0x1.9312dcp-9f, 0x1.adcb84p-5f, -0x1.76c1a2p-5f);
  check_ends(formula("eccv16", "model8.0.bias"), 0x1.3be74p-6f, -0x1.2be466p-5f, -0x1.74e42cp-5f);
  check_ends(formula("eccv16", "model1.4.weight"), 0x1.8635d8p-1f, 0x1.005632p+0f, 0x1.075ce8p+0f);
  check_ends(formula("eccv16", "model1.4.running_mean"), -0x1.f343f4p-6f, -0x1.707dacp-5f, 0x1.072aa4p-4f);
  check_ends(formula("eccv16", "model1.4.running_var"), 0x1.161e1p+0f, 0x1.7c36b2p+0f, 0x1.dde1c8p-1f);
  check_ends(formula("lite", "upsample.14.weight"), 0x1.929f62p-4f, -0x1.0df35ap-4f, -0x1.c6b19cp-6f);
  check_ends(formula("scgan", "down1.conv2d.module.weight_u"), -0x1.7ea8f4p-5f, 0x1.17b7d6p-3f,
             0x1.c5a3aap-3f);
  check_ends(formula("scgan", "down1.conv2d.module.weight_v"), -0x1.737a06p-6f, -0x1.db278ap-3f,
             -0x1.218c56p-4f);
  check_ends(formula("scgan", "down2.norm.running_var"), 0x1.0f9336p-2f, 0x1.97cc02p-2f, 0x1.852918p-2f);
  CHECK(formula("eccv16", "model1.4.num_batches_tracked") == std::vector<float>{0.0f});
  CHECK(formula("lite", "upsample.14.bias") == std::vector<float>{0x1.91c9aap-4f, 0x1.c2bf66p-6f});
}

TEST_CASE("the formula image is that of the Python generator") {
  const std::vector<std::uint8_t> image = formula_image(2, 3, 5);
  REQUIRE(image.size() == 30);
  CHECK(std::vector<std::uint8_t>(image.begin(), image.begin() + 8) ==
        std::vector<std::uint8_t>{25, 167, 52, 70, 202, 194, 39, 255});
  CHECK(image.back() == 74);
}

TEST_CASE("colour bins: 313, grey at index 120, and the published list") {
  const auto bins = gamut_bins();
  CHECK(bins.size() == 313);
  CHECK(bins[120].a == 0);
  CHECK(bins[120].b == 0);
  std::string list;
  for (const GamutBin& bin : bins) list += std::to_string(bin.a) + " " + std::to_string(bin.b) + "\n";
  CHECK(fnv1a64(list) == 0xcf8c85af6c0801a0u);  // of the 313 lines "a b" of pts_in_hull
}

TEST_CASE("eccv16's last weight is the bin centres over 110, a in channel 0") {
  const std::vector<float> w = formula("eccv16", "model_out.weight");
  REQUIRE(w.size() == 626);
  CHECK(w[0] == static_cast<float>(-90 / 110.0));
  CHECK(w[313] == static_cast<float>(50 / 110.0));
  CHECK(w[120] == 0.0f);
  CHECK(w[313 + 120] == 0.0f);
}

TEST_CASE("formula weights of two keys differ") {
  std::set<float> firsts;
  const Network& n = network_or_throw("eccv16");
  int weights = 0;
  for (const Param& p : schema(n)) {
    if (p.role != ParamRole::weight) continue;
    ++weights;
    firsts.insert(formula("eccv16", p.name).front());
  }
  CHECK(firsts.size() == static_cast<std::size_t>(weights));
}
