#include "tests/gpu/gpu_support.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>

namespace cuhue::test {

bool gpu_present(std::string& why) {
  for (const CudaDeviceInfo& device : cuda_devices(why)) {
    if (device.unusable.empty()) return true;
    why = device.unusable;
  }
  return false;
}

std::unique_ptr<Backend> cuda_backend(Precision precision) {
  CudaOptions options;
  options.precision = precision;
  return make_cuda_backend(options);
}

bool left_out([[maybe_unused]] const Network& network, [[maybe_unused]] std::int64_t most_work) {
  if (!network.parts.empty()) return true;  // no network from one input to one output
#if defined(CUHUE_GPU_TESTS_SMALL)
  std::int64_t work = 0;
  const Graph g = build_graph(network, 1, test_side(network), test_side(network));
  for (const Node& node : g.nodes) work += macs(g, node);
  return work > most_work;
#else
  return false;
#endif
}

std::int64_t test_side(const Network& network) {
#if defined(CUHUE_GPU_TESTS_SMALL)
  return usable_side(network, std::max<std::int64_t>(16, network.size_multiple * 2));
#else
  return network.default_size;
#endif
}

const char* name_of(Precision precision) {
  switch (precision) {
    case Precision::fp32: return "fp32";
    case Precision::tf32: return "tf32";
    case Precision::fp16: break;
  }
  return "fp16";
}

std::string_view result_of(const Network& network) {
  std::string_view name = network.outputs.front().name;
  for (const TensorSpec& output : network.outputs) {
    if (!output.by_product) name = output.name;
  }
  return name;
}

std::optional<PhotoEnds> photo_ends(const Network& network) {
  const std::string_view outputs[] = {result_of(network)};
  const Graph g = build_graph(network, 1, test_side(network), test_side(network), {}, outputs);
  const auto channels = [&](const Binding& b) { return g.values[static_cast<std::size_t>(b.value)].dims.c; };
  if (channels(g.inputs[0]) != 1 || channels(g.outputs[0]) != 2) return std::nullopt;
  return PhotoEnds{network.inputs[0].name, outputs[0],
                   network.name == "lite" ? Luminance::rec709_luma : Luminance::cie_l};
}

double relative_error(const TensorRef& a, const TensorRef& b) {
  double error = 0, most = 0;
  for (std::int64_t i = 0; i < b.dims.count(); ++i) {
    const double difference = std::abs(static_cast<double>(a.data[i]) - b.data[i]);
    if (!std::isfinite(difference)) return 1e30;
    error = std::max(error, difference);
    most = std::max(most, std::abs(static_cast<double>(b.data[i])));
  }
  return most > 0 ? error / most : error;
}

void fill_inputs(const Network& network, Program& program) {
  fill_inputs(network.inputs, program);
}

void fill_inputs(std::span<const TensorSpec> inputs, Program& program) {
  for (const TensorSpec& spec : inputs) {
    const TensorRef x = program.input(spec.name);
    const auto bytes = formula_image(x.dims.n * x.dims.c, x.dims.h, x.dims.w);
    const float range = spec.about.find("0..100") != std::string_view::npos ? 100.0f : 1.0f;
    constexpr int kLabels = 60;
    for (std::size_t i = 0; i < bytes.size(); ++i)
      x.data[i] = spec.type == DType::u8 ? static_cast<float>(bytes[i] % kLabels)
                                         : static_cast<float>(bytes[i]) * range / 255.0f;
  }
}

void note_fact(const std::string& json) {
  const char* path = std::getenv("CUHUE_GPU_FACTS");
  if (path == nullptr) return;
  std::ofstream(path, std::ios::app) << json << "\n";
}

}  // namespace cuhue::test
