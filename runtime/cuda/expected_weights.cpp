#include "runtime/cuda/expected_weights.h"

#include <optional>
#include <variant>

#include "kernels/convolution/convolution.h"
#include "runtime/cuda/providers.h"
#include "runtime/cuda/weight_store.h"

namespace cuhue::cuda {
namespace {

class Expected {
 public:
  explicit Expected(const Graph& graph) : graph_(graph) {}

  void add_layer(const LayerParams& layer, Element element) {
    tensors_[weight_key(layer)] = packed_count(layer) * element_bytes(element);
    if (layer.bias != nullptr || layer.has_norm())
      tensors_[bias_key(layer)] = padded_channels(channels_of(layer)) * element_bytes(Element::f32);
  }
  void add_layer(const std::string& name, ParamId weight, ParamId bias, Element element) {
    add_layer(layer_params(graph_, name, weight, bias, std::nullopt), element);
  }
  void add_norm(const std::string& name, const BatchNormParams& norm) {
    const LayerParams layer = layer_params(graph_, name, kNone, kNone, norm);
    tensors_[affine_key(layer)] = 2 * padded_channels(norm_channels(layer)) * element_bytes(Element::f32);
  }
  void add_norms(const std::string& name, const std::vector<EpilogueStep>& steps) {
    for (const EpilogueStep& step : steps) {
      if (const auto* norm = std::get_if<BatchNormParams>(&step)) add_norm(name, *norm);
    }
  }
  std::map<std::string, std::int64_t> take() { return std::move(tensors_); }

 private:
  const Graph& graph_;
  std::map<std::string, std::int64_t> tensors_;
};

}  // namespace

std::map<std::string, std::int64_t> expected_weights(const Graph& graph, Precision precision) {
  const ConvolutionMath math = math_of(precision);
  const Element element = math == ConvolutionMath::fp16 ? Element::f16 : Element::f32;
  Expected expected(graph);
  for (const Node& node : graph.nodes) {
    if (const auto* op = std::get_if<Convolution>(&node.op)) {
      expected.add_layer(layer_params(graph, node.name, *op),
                         convolution_weight_element(shape_of(graph, node, *op), math));
      expected.add_norms(node.name, op->epilogue);
    } else if (const auto* product = std::get_if<MatMul>(&node.op)) {
      expected.add_layer(node.name, product->weight, product->bias, element);
      expected.add_norms(node.name, product->epilogue);
    } else if (const auto* mean = std::get_if<AnnealedMean>(&node.op)) {
      expected.add_layer(node.name, mean->weight, mean->bias, element);
      expected.add_layer(node.name, mean->centres, kNone, Element::f32);
    } else if (const auto* norm = std::get_if<BatchNormParams>(&node.op)) {
      expected.add_norm(node.name, *norm);
    } else if (const auto* own = std::get_if<InstanceNorm>(&node.op); own != nullptr && own->gamma != kNone) {
      expected.add_norm(node.name, {own->gamma, own->beta, kNone, kNone, own->eps});
    }
  }
  return expected.take();
}

}  // namespace cuhue::cuda
