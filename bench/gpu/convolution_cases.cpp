// Every convolution of every network, once a shape, by our own kernels in each precision. What the library
// makes of them is timed where it counts: layer by layer in their networks.
#include <set>
#include <variant>

#include "bench/gpu/gpu_bench.h"
#include "kernels/convolution/convolution.h"
#include "runtime/cuda/providers.h"
#include "runtime/graph/passes.h"
#include "runtime/networks/network.h"

namespace cuhue::bench {
namespace {

struct Layer {
  std::string name;
  ConvolutionShape shape;
  bool bias = false;
  std::int64_t macs = 0;
};

std::string text_of(const ConvolutionShape& s) {
  return std::to_string(s.in.c) + "-" + std::to_string(s.out.c) + " " + std::to_string(s.kernel_h) + "x" +
         std::to_string(s.kernel_w) + (s.transposed ? " transposed" : "") + " s" + std::to_string(s.stride) +
         " d" + std::to_string(s.dilation) + " " + std::to_string(s.in.h) + "x" + std::to_string(s.in.w);
}

std::vector<Layer> layers() {
  std::vector<Layer> all;
  std::set<std::string> seen;
  for (const Network& network : networks()) {
    Graph g = build_graph(network, 1, network.default_size, network.default_size);
    optimize(g);
    for (const Node& node : g.nodes) {
      const auto* op = std::get_if<Convolution>(&node.op);
      if (op == nullptr) continue;
      Layer layer{std::string(network.name) + "/" + node.name, cuda::shape_of(g, node, *op),
                  op->bias != kNone, macs(g, node)};
      if (seen.insert(text_of(layer.shape)).second) all.push_back(std::move(layer));
    }
  }
  return all;
}

const char* name_of(ConvolutionMath math) {
  return math == ConvolutionMath::fp32 ? "fp32" : math == ConvolutionMath::tf32 ? "tf32" : "fp16";
}

Case own_case(const Layer& layer, ConvolutionMath math) {
  const ConvolutionShape& s = layer.shape;
  const bool few = convolution_kernel(s) == ConvolutionKernel::few_channels;
  const Element in = math == ConvolutionMath::fp16 && !few ? Element::f16 : Element::f32;
  const Element out = math == ConvolutionMath::fp16 ? Element::f16 : Element::f32;
  const Element weight = convolution_weight_element(s, math);
  const std::int64_t weights = s.in.c * s.out.c * s.kernel_h * s.kernel_w;
  Case c;
  c.name = "convolution/" + layer.name + " " + text_of(s) + " " + name_of(math) + " own";
  c.bytes = static_cast<double>(s.in.count() * element_bytes(in) + s.out.count() * element_bytes(out) +
                                weights * element_bytes(weight));
  c.flops = 2.0 * static_cast<double>(layer.macs);
  c.unit = name_of(math);
  c.make = [=](Set& set) {
    ConvolutionDeviceParams p;
    p.shape = layer.shape;
    p.math = math;
    p.x = set.tensor(layer.shape.in, in);
    p.out = set.tensor(layer.shape.out, out);
    p.weight = set.tensor({1, weights, 1, 1}, weight, 0.1f).data;
    p.bias = set.floats((layer.shape.out.c + 15) / 16 * 16);
    p.epilogue.steps[p.epilogue.count++] = {};  // ReLU
    p.multiprocessors = set.facts().multiprocessors;
    p.scratch =
        set.bytes(static_cast<std::int64_t>(convolution_scratch_bytes(layer.shape, math, p.multiprocessors)));
    return [p](Stream stream) { convolution_cuda(p, stream); };
  };
  return c;
}

}  // namespace

std::vector<Case> convolution_cases() {
  std::vector<Case> cases;
  for (const Layer& layer : layers())
    for (const ConvolutionMath math : {ConvolutionMath::fp32, ConvolutionMath::tf32, ConvolutionMath::fp16})
      cases.push_back(own_case(layer, math));
  return cases;
}

}  // namespace cuhue::bench
