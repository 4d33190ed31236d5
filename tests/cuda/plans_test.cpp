// Asks cuDNN, without a GPU, whether it has a plan for every convolution of every network on devices that are
// known by description only. Run with the toolkit's stub as libcuda.so.1: see CMakeLists.txt.
#include <doctest/doctest.h>

#include <cstdio>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <variant>
#include <vector>

#include "runtime/cuda/cudnn.h"
#include "runtime/cuda/shared_library.h"
#include "runtime/graph/passes.h"
#include "runtime/networks/network.h"
#include "weights/status.h"

namespace cuhue::cuda {
namespace {

struct Layer {
  std::string name;
  ConvolutionProblem problem;  // with what may be fused of bias and ReLU
};

ConvolutionProblem problem_of(const ConvolutionShape& shape, ConvolutionMath math, bool bias, bool relu) {
  ConvolutionProblem p;
  p.shape = shape;
  p.math = math;
  p.in = p.out = math == ConvolutionMath::fp16 ? Element::f16 : Element::f32;
  p.in_pitch = shape.in.c;
  p.out_pitch = shape.out.c;
  p.epilogue.bias = bias;
  p.epilogue.activated = relu;
  return p;
}

bool starts_with_relu(const std::vector<EpilogueStep>& epilogue) {
  if (epilogue.empty()) return false;
  const auto* a = std::get_if<Activation>(&epilogue.front());
  return a != nullptr && a->kind == ActivationKind::relu;
}

// The product with bins that fuse_annealed_mean() put into another op is a convolution, too.
std::vector<Layer> convolutions_of(const Network& network, ConvolutionMath math) {
  Graph g = build_graph(network, 1, network.default_size, network.default_size);
  optimize(g);
  std::vector<Layer> layers;
  for (const Node& node : g.nodes) {
    ConvolutionShape s;
    s.in = g.values[static_cast<std::size_t>(node.inputs.at(0))].dims;
    s.out = g.values[static_cast<std::size_t>(node.output)].dims;
    if (const auto* c = std::get_if<Convolution>(&node.op)) {
      s.kernel_h = c->kernel_h, s.kernel_w = c->kernel_w;
      s.stride = c->stride, s.dilation = c->dilation, s.transposed = c->transposed;
      s.pad_top = c->pad_top, s.pad_left = c->pad_left;
      const bool bias = c->bias != kNone || c->folded.has_value();
      layers.push_back({node.name, problem_of(s, math, bias, starts_with_relu(c->epilogue))});
    } else if (const auto* m = std::get_if<AnnealedMean>(&node.op)) {
      s.out.c = m->bins;
      layers.push_back({node.name, problem_of(s, math, m->bias != kNone, false)});
    }
  }
  return layers;
}

struct Served {
  int fused = 0, plain = 0, generic = 0, refused = 0;
};

// With its bias and ReLU if need be without them, as the lowering may ask.
void ask(const CudnnSurvey& survey, const Layer& layer, Served& served,
         std::map<std::string, CudnnSurvey::Answer>& known) {
  const auto answer = [&](const ConvolutionProblem& p) -> const CudnnSurvey::Answer& {
    const auto [it, added] = known.try_emplace(key_of(p));
    if (added) it->second = survey.ask(p);
    return it->second;
  };
  const CudnnSurvey::Answer& fused = answer(layer.problem);
  if (fused.built && !fused.generic) {
    ++served.fused;
    CHECK_MESSAGE(survey.restores(layer.problem, fused.choice), layer.name, ": ", fused.choice);
    return;
  }
  ConvolutionProblem bare = layer.problem;
  bare.epilogue = {};
  const CudnnSurvey::Answer& plain = answer(bare);
  CHECK_MESSAGE((plain.built || fused.built), layer.name, ": no plan for ", key_of(layer.problem), " (",
                plain.why_not, ")");
  ++(plain.built && !plain.generic ? served.plain
     : plain.built || fused.built  ? served.generic
                                   : served.refused);
}

bool cudnn_can_be_asked() {
  try {
    static_cast<void>(cudnn_version());
    return true;
  } catch (const Error& e) {
    std::printf("cuda_plans skipped: %s\n", e.what());
    return false;
  }
}

std::string description_of(const std::string& device) {
  std::ifstream in(std::string(CUHUE_TEST_DATA "/cudnn-devices/") + device + ".json");
  REQUIRE(in);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

TEST_CASE("every convolution of every network has a plan on sm_87 and sm_90") {
  if (!cudnn_can_be_asked()) return;
  for (const std::string& device : {std::string("orin"), std::string("h200")}) {
    const CudnnSurvey survey(description_of(device));
    std::map<std::string, CudnnSurvey::Answer> known;
    for (const Network& network : networks()) {
      for (const ConvolutionMath math :
           {ConvolutionMath::fp32, ConvolutionMath::tf32, ConvolutionMath::fp16}) {
        CAPTURE(device);
        CAPTURE(network.name);
        const std::vector<Layer> layers = convolutions_of(network, math);
        REQUIRE(!layers.empty());
        Served served;
        for (const Layer& layer : layers) ask(survey, layer, served, known);
        std::printf("%-5s %-8s %s: %2zu convolutions: %2d fused, %2d plain, %2d generic only, %d none\n",
                    device.c_str(), std::string(network.name).c_str(), math_name(math), layers.size(),
                    served.fused, served.plain, served.generic, served.refused);
      }
    }
  }
}

TEST_CASE("a plan is as deterministic and exact as its math, or there is none") {
  if (!cudnn_can_be_asked()) return;
  const CudnnSurvey survey(description_of("h200"));
  ConvolutionShape s;
  s.in = s.out = {1, 512, 32, 32};
  s.kernel_h = s.kernel_w = 3;
  s.pad_top = s.pad_left = 1;
  const auto ready = [&](ConvolutionMath math) { return survey.ask(problem_of(s, math, true, true)).ready; };
  // All of fp32's serve tf32, which has tensor cores besides.
  CHECK(ready(ConvolutionMath::fp32) > 0);
  CHECK(ready(ConvolutionMath::tf32) > ready(ConvolutionMath::fp32));
  CHECK(ready(ConvolutionMath::fp16) > 0);

  // An operation that does not exist is an answer, not an error.
  ConvolutionProblem wrong = problem_of(s, ConvolutionMath::fp32, false, false);
  wrong.shape.out.h = 7;
  const CudnnSurvey::Answer none = survey.ask(wrong);
  CHECK_FALSE(none.built);
  CHECK_FALSE(none.why_not.empty());
}

TEST_CASE("a choice that is not this cuDNN's is refused") {
  if (!cudnn_can_be_asked()) return;
  const CudnnSurvey survey(description_of("orin"));
  ConvolutionShape s;
  s.in = s.out = {1, 64, 32, 32};
  const ConvolutionProblem p = problem_of(s, ConvolutionMath::fp16, true, true);
  const CudnnSurvey::Answer answer = survey.ask(p);
  REQUIRE(answer.built);
  CHECK(survey.restores(p, answer.choice));
  const std::string& good = answer.choice;
  for (const std::string& bad :
       {std::string(), std::string("own"), std::string("cudnn:"), std::string("cudnn:99999:"),
        std::string("cudnn:-1:"), good + ",", good + "x", good + ",43=77", std::string("cudnn:1:2=")}) {
    CAPTURE(bad);
    CHECK_FALSE(survey.restores(p, bad));
  }
}

TEST_CASE("a description that is none is an error that says so") {
  if (!cudnn_can_be_asked()) return;
  for (const char* text : {"", "{}", "{\"deviceName\": 3", "no json"}) {
    CAPTURE(text);
    CHECK_THROWS_AS(CudnnSurvey{text}, Error);
  }
}

TEST_CASE("a library that is missing, or lacks a function, is an error with the remedy") {
  const auto message = [](const auto& work) -> std::string {
    try {
      work();
    } catch (const Error& e) {
      CHECK(e.status() == Status::device);
      return e.what();
    }
    return "none";
  };
  const std::string missing = message([] { SharedLibrary("libcuhue-none.so.9", "install it"); });
  CHECK(missing.starts_with("libcuhue-none.so.9 cannot be opened ("));
  CHECK(missing.ends_with("; install it"));

  const SharedLibrary c("libc.so.6", "install it");
  int (*absolute)(int) = nullptr;
  c.resolve("abs", absolute);
  CHECK(absolute(-3) == 3);
  CHECK(message([&] { c.resolve("cuhue_none", absolute); }) ==
        "libc.so.6 has no cuhue_none: it is too old; install it");
}

}  // namespace
}  // namespace cuhue::cuda
