#include "runtime/cuda/weights.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include "runtime/cuda/uploader.h"
#include "runtime/graph/passes.h"
#include "runtime/graph/spectral_norm.h"
#include "runtime/networks/network.h"
#include "tests/cpu/graph_maker.h"
#include "tests/cuda/host_backend.h"
#include "tests/executor/host_device.h"
#include "weights/half.h"
#include "weights/status.h"

namespace cuhue::test {
namespace {

using cuda::CudaWeights;

std::vector<float> values_of(const Param& p) {
  std::vector<float> scratch;
  NoiseSource().fetch(p, scratch);
  return scratch;
}

// A layer with its parameters: [k, c, r, s], transposed [c, k, r, s].
struct Layer {
  Layer(const std::string& name, std::vector<std::int64_t> shape, bool transposed, bool norm,
        bool spectral = false)
      : weight{name + ".weight", shape, ParamRole::weight, 1} {
    const std::int64_t k = shape[transposed ? 1 : 0];
    bias = {name + ".bias", {k}, ParamRole::bias, 1};
    gamma = {name + ".gamma", {k}, ParamRole::norm_scale, 1};
    beta = {name + ".beta", {k}, ParamRole::bias, 1};
    mean = {name + ".mean", {k}, ParamRole::running_mean, 1};
    var = {name + ".var", {k}, ParamRole::running_var, 1};
    params.name = name;
    params.weight = &weight;
    params.bias = &bias;
    params.transposed = transposed;
    spectral_u = {name + ".u", {k}, ParamRole::unit_vector, 1};
    if (spectral) params.spectral_u = &spectral_u;
    if (!norm) return;
    params.gamma = &gamma;
    params.beta = &beta;
    params.mean = &mean;
    params.var = &var;
    params.eps = 1e-3f;
  }
  Layer(const Layer&) = delete;
  Layer& operator=(const Layer&) = delete;

  Param weight, bias, gamma, beta, mean, var, spectral_u;
  LayerParams params;
};

// The weight as `order` has it, each element rounded once.
std::vector<float> expected(const Layer& layer, WeightOrder order, Element element) {
  const auto& shape = layer.weight.shape;
  const bool transposed = layer.params.transposed;
  const std::int64_t k = shape[transposed ? 1 : 0], c = shape[transposed ? 0 : 1];
  const std::int64_t taps = shape[2] * shape[3];
  const std::vector<float> raw = values_of(layer.weight);
  const NoiseSource source;
  std::vector<double> scale(static_cast<std::size_t>(k), 1.0);
  if (layer.params.gamma != nullptr) scale = fold_norm(source, layer.params).scale;
  if (layer.params.spectral_u != nullptr) {
    const double sigma = spectral_sigma(raw, values_of(layer.spectral_u));
    for (double& s : scale) s /= sigma;
  }
  std::vector<float> packed(raw.size());
  for (std::int64_t ki = 0; ki < k; ++ki)
    for (std::int64_t ci = 0; ci < c; ++ci)
      for (std::int64_t t = 0; t < taps; ++t) {
        const std::int64_t from = ((transposed ? ci * k + ki : ki * c + ci)) * taps + t;
        std::int64_t to = 0;
        switch (order) {
          case WeightOrder::krsc: to = (ki * taps + t) * c + ci; break;
          case WeightOrder::crsk: to = (ci * taps + t) * k + ki; break;
          case WeightOrder::rsck: to = (t * c + ci) * k + ki; break;
        }
        const float value =
            raw[static_cast<std::size_t>(from)] * static_cast<float>(scale[static_cast<std::size_t>(ki)]);
        packed[static_cast<std::size_t>(to)] =
            element == Element::f32 ? value : float_from_f16(f16_from_float(value));
      }
  return packed;
}

std::vector<float> read(const void* at, std::size_t count, Element element) {
  std::vector<float> values;
  for (std::size_t i = 0; i < count; ++i) {
    values.push_back(element == Element::f32 ? static_cast<const float*>(at)[i]
                                             : float_from_f16(static_cast<const std::uint16_t*>(at)[i]));
  }
  return values;
}

TEST_CASE("weights: packed over their spectral norm") {
  for (const bool norm : {false, true}) {
    const Layer layer("a", {5, 7, 3, 2}, false, norm, true), other("a", {5, 7, 3, 2}, false, norm);
    CudaWeights weights(std::make_shared<HostDevice>(), std::make_shared<NoiseSource>());
    const void* at = weights.packed(layer.params, WeightOrder::krsc, Element::f32);
    CHECK(weights.packed(other.params, WeightOrder::krsc, Element::f32) != at);
    weights.wait();
    const auto values = read(at, 5 * 7 * 3 * 2, Element::f32);
    CHECK(values == expected(layer, WeightOrder::krsc, Element::f32));
    CHECK(values != expected(other, WeightOrder::krsc, Element::f32));
  }
}

TEST_CASE("weights: packed in every order and element, batch norm folded in") {
  const auto device = std::make_shared<HostDevice>();
  for (const WeightOrder order : {WeightOrder::krsc, WeightOrder::crsk, WeightOrder::rsck})
    for (const Element element : {Element::f32, Element::f16})
      for (const bool transposed : {false, true})
        for (const bool norm : {false, true}) {
          const Layer layer("a", {5, 7, 3, 2}, transposed, norm);
          CudaWeights weights(device, std::make_shared<NoiseSource>());
          const void* at = weights.packed(layer.params, order, element);
          weights.wait();
          CHECK(read(at, 5 * 7 * 3 * 2, element) == expected(layer, order, element));
        }
  CHECK(device->damaged() == 0);
  CHECK(device->blocks() == 0);
}

TEST_CASE("weights: bias, affine and plain vectors are those of the definition, padded with zeros") {
  const auto source = std::make_shared<NoiseSource>();
  CudaWeights weights(std::make_shared<HostDevice>(), source);
  const Layer plain("plain", {21, 2, 1, 1}, false, false), folded("folded", {21, 2, 1, 1}, false, true);
  const float* plain_bias = weights.bias(plain.params);
  const float* folded_bias = weights.bias(folded.params);
  const cuda::ChannelAffine affine = weights.affine(folded.params);
  const float* raw = weights.plain(plain.params);
  LayerParams bare = plain.params;
  bare.bias = nullptr;
  CHECK(weights.bias(bare) == nullptr);
  weights.wait();

  const std::vector<float> b = values_of(plain.bias), fb = values_of(folded.bias);
  const FoldedNorm norm = fold_norm(*source, folded.params);
  for (std::size_t c = 0; c < 32; ++c) {
    const bool inside = c < 21;
    CHECK(plain_bias[c] == (inside ? b[c] : 0.0f));
    CHECK(folded_bias[c] == (inside ? static_cast<float>(fb[c] * norm.scale[c] + norm.shift[c]) : 0.0f));
    CHECK(affine.scale[c] == (inside ? static_cast<float>(norm.scale[c]) : 0.0f));
    CHECK(affine.shift[c] == (inside ? static_cast<float>(norm.shift[c]) : 0.0f));
  }
  CHECK(read(raw, 42, Element::f32) == values_of(plain.weight));
  CHECK(source->released("plain.weight"));
  CHECK(source->released("plain.bias"));
  CHECK(source->released("folded.gamma"));
}

TEST_CASE("weights: one copy of each, in few blocks, and nothing left of uploading them") {
  const auto device = std::make_shared<HostDevice>();
  const auto source = std::make_shared<NoiseSource>();
  CudaWeights weights(device, source);
  CHECK(weights.bytes() == 0);
  std::vector<std::unique_ptr<Layer>> layers;
  for (int i = 0; i < 20; ++i) {
    layers.push_back(
        std::make_unique<Layer>("l" + std::to_string(i), std::vector<std::int64_t>{8, 4, 3, 3}, false, true));
  }
  std::vector<const void*> first, second;
  for (const auto& layer : layers)
    first.push_back(weights.packed(layer->params, WeightOrder::krsc, Element::f32));
  for (const auto& layer : layers)
    second.push_back(weights.packed(layer->params, WeightOrder::krsc, Element::f32));
  CHECK(first == second);
  for (const auto& layer : layers) {
    CHECK(source->fetches(layer->weight.name) == 1);
    CHECK(source->released(layer->weight.name));
  }
  weights.wait();
  CHECK(device->blocks() == 1);
  CHECK(device->device_bytes() == weights.bytes());
  // A second layout would be a second copy.
  try {
    weights.packed(layers[0]->params, WeightOrder::krsc, Element::f16);
    FAIL("a second layout was given");
  } catch (const Error& e) {
    CHECK(e.status() == Status::internal);
  }
}

namespace {

// Of any length, all one: what weights take is not their values' business.
struct OnesSource final : ParamSource {
  std::span<const float> fetch(const Param& p, std::vector<float>& scratch) const override {
    scratch.assign(static_cast<std::size_t>(count_of(p)), 1.0f);
    return scratch;
  }
};

}  // namespace

namespace {

// Of the weights of all layers, as they are packed.
std::int64_t packed_values(Graph g) {
  optimize(g);
  std::map<std::string, std::int64_t> counts;
  for (const Node& node : g.nodes) {
    LayerParams layer;
    if (const auto* op = std::get_if<Convolution>(&node.op)) layer = layer_params(g, node.name, *op);
    if (const auto* op = std::get_if<MatMul>(&node.op))
      layer = layer_params(g, node.name, op->weight, op->bias, std::nullopt);
    if (layer.weight != nullptr) counts[weight_key(layer)] = packed_count(layer);
  }
  std::int64_t values = 0;
  for (const auto& [key, count] : counts) values += count;
  return values;
}

}  // namespace

TEST_CASE("weights: of every network in one block of their size, more programs need no more") {
  for (const Network& network : networks()) {
    for (const Precision precision : {Precision::fp32, Precision::fp16}) {
      CAPTURE(network.name);
      const HostBackend host(precision, dry_gpu());
      const auto weights = host->make_weights(std::make_shared<OnesSource>());
      std::vector<std::unique_ptr<Program>> programs;
      std::int64_t values = 0;
      const auto compile = [&](std::int64_t batch) {
        const std::int64_t side = usable_side(network, network.size_multiple * 2);
        Graph g = network.parts.empty() ? build_graph(network, batch, side, side)
                                        : build_part(network, network.parts.front().name, batch, side, side);
        if (values == 0) values = packed_values(g);
        programs.push_back(host->compile(std::move(g), weights, {}));
      };
      compile(1);
      const std::int64_t once = weights->bytes();
      const double size = precision == Precision::fp16 ? 2 : 4, least = size * static_cast<double>(values);
      CHECK(static_cast<double>(once) < 1.02 * least + (256 << 10));
      compile(3);
      CHECK(weights->bytes() == once);
    }
  }
}

TEST_CASE("weights: from several threads at once") {
  const auto device = std::make_shared<HostDevice>();
  const auto source = std::make_shared<NoiseSource>();
  CudaWeights weights(device, source);
  std::vector<std::unique_ptr<Layer>> layers;
  for (int i = 0; i < 12; ++i) {
    layers.push_back(std::make_unique<Layer>("t" + std::to_string(i), std::vector<std::int64_t>{6, 4, 2, 2},
                                             false, false));
  }
  std::array<std::vector<const void*>, 3> seen;
  std::vector<std::thread> threads;
  for (auto& mine : seen) {
    threads.emplace_back([&] {
      for (const auto& layer : layers)
        mine.push_back(weights.packed(layer->params, WeightOrder::crsk, Element::f32));
      weights.wait();
    });
  }
  for (std::thread& t : threads) t.join();
  CHECK(seen[0] == seen[1]);
  CHECK(seen[0] == seen[2]);
  for (std::size_t i = 0; i < layers.size(); ++i) {
    CHECK(source->fetches(layers[i]->weight.name) == 1);
    CHECK(read(seen[0][i], 96, Element::f32) == expected(*layers[i], WeightOrder::crsk, Element::f32));
  }
}

TEST_CASE("weights: a lack of device memory is an error, and the next try may succeed") {
  HostDeviceOptions small;
  small.memory_bytes = std::int64_t{128} << 10;
  const auto device = std::make_shared<HostDevice>(small);
  {
    CudaWeights weights(device, std::make_shared<NoiseSource>());
    const Layer layer("big", {64, 64, 3, 3}, false, false);
    try {
      weights.packed(layer.params, WeightOrder::krsc, Element::f32);
      FAIL("memory was given");
    } catch (const Error& e) {
      CHECK(e.status() == Status::out_of_memory);
      CHECK(std::string(e.what()).find("big.weight") != std::string::npos);
    }
  }
  CHECK(device->blocks() == 0);
  CHECK(device->streams() == 0);

  const auto refusing = std::make_shared<HostDevice>();
  const Layer layer("again", {8, 4, 3, 3}, false, false);
  for (int allowed = 0; allowed < 3; ++allowed) {  // the block, the staging, the slot
    CudaWeights weights(refusing, std::make_shared<NoiseSource>());
    refusing->refuse_after(allowed);
    CHECK_THROWS_AS(weights.packed(layer.params, WeightOrder::krsc, Element::f32), Error);
    refusing->refuse_after(-1);
    const void* at = weights.packed(layer.params, WeightOrder::krsc, Element::f32);
    weights.wait();
    CHECK(read(at, 288, Element::f32) == expected(layer, WeightOrder::krsc, Element::f32));
  }
  CHECK(refusing->blocks() == 0);
}

TEST_CASE("weights: a tensor that is shorter than its shape is named") {
  struct Short final : ParamSource {
    std::span<const float> fetch(const Param& p, std::vector<float>& scratch) const override {
      return NoiseSource().fetch(p, scratch).first(3);
    }
  };
  CudaWeights weights(std::make_shared<HostDevice>(), std::make_shared<Short>());
  const Layer layer("cut", {4, 4, 1, 1}, false, false);
  CHECK_THROWS_WITH_AS(weights.packed(layer.params, WeightOrder::krsc, Element::f32),
                       doctest::Contains("cut.weight has 3 elements where 16"), Error);
}

TEST_CASE("uploader: the ring waits for a slot that is still being read") {
  const auto device = std::make_shared<HostDevice>();
  constexpr std::int64_t kSlot = 1000;
  constexpr std::size_t kCount = 25 * 1000 + 17;
  std::vector<std::uint8_t> from(kCount);
  for (std::size_t i = 0; i < kCount; ++i) from[i] = static_cast<std::uint8_t>(i * 7 + i / 1000);
  const cuda::Memory to(device, kCount, "target");
  {
    cuda::Uploader uploader(device, kSlot);
    uploader.upload(to.data(), std::as_bytes(std::span(from)));
    const std::vector<std::uint8_t> sent = from;
    std::ranges::fill(from, std::uint8_t{0});  // the caller's again
    uploader.finish();
    CHECK(std::memcmp(to.data(), sent.data(), kCount) == 0);
    CHECK(device->copies() == 26);
    CHECK(device->blocks() == 1);  // no slot is left
  }
  CHECK(device->streams() == 0);
}

}  // namespace
}  // namespace cuhue::test
