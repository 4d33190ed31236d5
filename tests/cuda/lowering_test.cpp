// The lowered CUDA program of each network, and of small graphs, is what it should be: seen without a GPU and
// without memory.
#include "runtime/cuda/lowering.h"

#include <doctest/doctest.h>

#include <map>
#include <set>

#include "runtime/graph/passes.h"
#include "runtime/networks/network.h"
#include "tests/cpu/graph_maker.h"
#include "tests/cuda/lowering_support.h"
#include "tests/graph/random_graph.h"
#include "tests/support/disjoint.h"
#include "weights/status.h"

namespace cuhue::test {
namespace {

using cuda::ConvolutionChoice;
using cuda::Lowered;
using cuda::LoweringOptions;

constexpr Precision kPrecisions[] = {Precision::fp32, Precision::tf32, Precision::fp16};
const char* const kPrecisionNames[] = {"fp32", "tf32", "fp16"};

Graph photo_graph(const char* name, std::int64_t size = 256, const Settings& settings = {}) {
  const Network& network = network_or_throw(name);
  const std::string_view picture[] = {network.outputs.back().name};
  Graph g = build_graph(network, 1, size, size, settings, picture);
  optimize(g);
  return g;
}

// Kernels from photo bytes to photo bytes: two before the network, one behind what is left of it.
int launches_of_photo(const Lowered& lowered) {
  REQUIRE(lowered.maps.at(0).has_value());
  return 2 + launches(lowered, lowered.maps[0]->first_step) + 1;
}

Lowered lowered(const Graph& g, LoweringOptions options = {}, cuda::ConvolutionLibrary* library = nullptr) {
  PaperWeights weights;
  Lowered result = cuda::lower(g, weights, library, options);
  CHECK(weights.clashes() == 0);
  return result;
}

LoweringOptions with(Precision precision) {
  LoweringOptions options;
  options.precision = precision;
  return options;
}

Convolution conv(std::int64_t out, int kernel = 3) {
  Convolution op;
  op.out_channels = out;
  op.kernel_h = op.kernel_w = kernel;
  op.pad_top = op.pad_left = op.pad_bottom = op.pad_right = kernel / 2;
  return op;
}

Convolution with_epilogue(Convolution op, std::vector<EpilogueStep> epilogue) {
  op.epilogue = std::move(epilogue);
  return op;
}

// Convolutions whose border is not of zeros and that a library serves: our kernels read it in place.
std::int64_t borders_of_library(const Graph& g, const Lowered& lowered) {
  return std::ranges::count_if(lowered.steps, [&g](const auto& step) {
    if (step.about.op != "convolution" || step.about.provider.starts_with("own")) return false;
    return std::ranges::any_of(g.nodes, [&step](const Node& node) {
      const auto* conv = std::get_if<Convolution>(&node.op);
      return conv != nullptr && node.name == step.about.name && conv->pad_mode != PadMode::zero;
    });
  });
}

// What no lowering of this graph could leave out, as moves() says it: colours in and out, borders that a
// library needs, parts of a second concatenation.
std::string moves_needed(const Graph& g, std::int64_t borders) {
  const auto is_colour = [&g](const Binding& b) {
    const Dims& d = g.values[static_cast<std::size_t>(b.value)].dims;
    return d.c > 1 && d.h * d.w > 1;  // vectors are planes and pixels at once
  };
  std::map<std::string, std::int64_t> count;
  count["pack"] = std::ranges::count_if(g.inputs, is_colour);
  count["unpack"] = std::ranges::count_if(g.outputs, is_colour);
  count["pad"] = borders;
  std::set<ValueId> joined;
  for (const Node& node : g.nodes) {
    if (!std::holds_alternative<Concat>(node.op)) continue;
    for (const ValueId v : node.inputs) count["copy"] += joined.insert(v).second ? 0 : 1;
  }
  std::string text;
  for (const auto& [what, times] : count) {
    if (times > 0) text += (text.empty() ? "" : ", ") + what + " " + std::to_string(times);
  }
  return text;
}

// Reads of a part of a weight beyond the first.
std::size_t parts_of_weights(const Graph& g) {
  std::size_t reads = 0;
  std::set<ParamId> weights;
  for (const Node& node : g.nodes) {
    const auto* conv = std::get_if<Convolution>(&node.op);
    if (conv == nullptr || conv->part.count == 0) continue;
    ++reads;
    weights.insert(conv->weight);
  }
  return reads - weights.size();
}

// Is there a convolution of whole vectors that ends with a ReLU at most?
bool suits_library(const Graph& g) {
  return std::ranges::any_of(g.nodes, [&g](const Node& node) {
    const auto* conv = std::get_if<Convolution>(&node.op);
    if (conv == nullptr || conv->out_channels % 8 != 0 || conv->epilogue.size() > 1) return false;
    if (g.values[static_cast<std::size_t>(node.inputs[0])].dims.c % 8 != 0) return false;
    const auto* last = conv->epilogue.empty() ? nullptr : std::get_if<Activation>(&conv->epilogue[0]);
    return conv->epilogue.empty() || (last != nullptr && last->kind == ActivationKind::relu);
  });
}

std::string error_of(const std::function<void()>& body) {
  try {
    body();
  } catch (const Error& e) {
    CHECK(e.status() == Status::usage);
    return e.what();
  }
  return "no error";
}

}  // namespace

TEST_CASE("every network, whole: nothing moves that need not; each weight in one order and element") {
  for (const Network& network : networks()) {
    for (const Precision precision : kPrecisions) {
      for (const bool use_library : {false, true}) {
        CAPTURE(std::string(network.name));
        CAPTURE(static_cast<int>(precision));
        TestLibrary library;
        PaperWeights weights;
        Graph g = build_graph(network, 1, network.default_size, network.default_size);
        optimize(g);
        const Lowered whole = cuda::lower(g, weights, use_library ? &library : nullptr, with(precision));
        const std::int64_t borders = borders_of_library(g, whole);
        CHECK((use_library || borders == 0));
        CHECK(moves(whole) == moves_needed(g, borders));
        CHECK(weights.clashes() == 0);
        // Every weight of 2 dimensions or more is read, once: in an order, or plain; or each of its parts.
        std::size_t known = 0;
        for (const Param& p : g.params)
          known += p.role == ParamRole::weight || p.role == ParamRole::transposed_weight;
        known += parts_of_weights(g);
        CHECK(weights.packed().size() + weights.plain().size() == known);
        CHECK(library.problems.empty() == (!use_library || !suits_library(g)));
        CHECK(disjoint(whole.buffers, plan_memory(whole.buffers, cuda::kDeviceAlignment)));
      }
    }
  }
}

TEST_CASE("eccv16 from bytes to bytes: at most 30 launches") {
  const Graph g = photo_graph("eccv16");
  for (const Precision precision : kPrecisions) {
    for (const int multiprocessors : {16, kUsualMultiprocessors, 132}) {
      for (const bool use_library : {false, true}) {
        TestLibrary library;
        LoweringOptions options = with(precision);
        options.multiprocessors = multiprocessors;
        const Lowered program = lowered(g, options, use_library ? &library : nullptr);
        MESSAGE("eccv16 " << std::string(kPrecisionNames[static_cast<int>(precision)]) << " on "
                          << multiprocessors << " multiprocessors, library " << use_library << ": "
                          << launches_of_photo(program) << " launches");
        CHECK(launches_of_photo(program) <= 30);
        // 22 convolutions, scores and their mean; upsampling and planes only where the caller wants them.
        CHECK(steps_by_op(program) ==
              "annealed_mean 2, convolution 21, transposed_convolution 1, unpack 1, upsample 1");
      }
    }
  }
}

TEST_CASE("lite from bytes to bytes: 16 steps of the network, before the merge upsamples") {
  const Graph g = photo_graph("lite");
  for (const Precision precision : kPrecisions) {
    const Lowered program = lowered(g, with(precision));
    MESSAGE("lite " << std::string(kPrecisionNames[static_cast<int>(precision)]) << ": "
                    << launches_of_photo(program) << " launches");
    CHECK(steps_by_op(program) == "convolution 13, enlarged_convolution 2, pool 1, unpack 1, upsample 1");
    CHECK(program.maps[0]->first_step == 16);
    CHECK(launches_of_photo(program) <= 26);  // sums of deep layers are split: a launch more each
  }
}

TEST_CASE("siggraph17 from bytes to bytes: 27 + 3 convolutions, and its four input planes made") {
  const Graph g = photo_graph("siggraph17");
  for (const Precision precision : kPrecisions) {
    for (const bool use_library : {false, true}) {
      TestLibrary library(true);
      LoweringOptions options = with(precision);
      options.choose = [](const cuda::ConvolutionProblem&) { return ConvolutionChoice::library_epilogue; };
      const Lowered program = lowered(g, options, use_library ? &library : nullptr);
      MESSAGE("siggraph17 " << std::string(kPrecisionNames[static_cast<int>(precision)]) << ", library "
                            << use_library << ": " << launches_of_photo(program) << " launches");
      // No step subsamples, adds, normalizes or copies.
      CHECK(steps_by_op(program) == "affine 3, convolution 27, pack 1, transposed_convolution 3, unpack 1");
      CHECK(launches_of_photo(program) <= 41);
      if (!use_library) continue;
      // Encoder stages 2, 3 and 4 read every second pixel of the one before where it lies.
      std::vector<std::int64_t> read_at;
      for (const cuda::ConvolutionProblem& problem : library.problems) {
        if (problem.shape.stride == 2 && !problem.shape.transposed) {
          read_at.push_back(problem.shape.in.h);
          CHECK(problem.shape.dilation == 2);
          CHECK(problem.shape.pad_top == 2);
        }
      }
      CHECK(read_at == std::vector<std::int64_t>{256, 128, 64});
      // The sum of encoder and decoder is the later convolution's, with its ReLU.
      CHECK(std::ranges::count_if(library.problems, [](const cuda::ConvolutionProblem& problem) {
              return problem.epilogue.residual && problem.epilogue.activated;
            }) == 3);
    }
  }
}

TEST_CASE(
    "segnet: a norm of what others read too is a step with its ReLU, all else is inside of convolutions") {
  for (const Precision precision : kPrecisions) {
    for (const bool labels_alone : {false, true}) {
      const std::string_view labels[] = {"labels"};
      Graph g = build_graph(
          network_or_throw("segnet"), 1, 352, 352, {},
          labels_alone ? std::span<const std::string_view>(labels) : std::span<const std::string_view>());
      optimize(g);
      const Lowered program = lowered(g, with(precision));
      // 49 norms before convolutions, 4 of them of values that nothing else reads; and the photo's.
      CHECK(steps_by_op(program) == std::string("activation 45, argmax 1, batch_norm 1, convolution 90, ") +
                                        "transposed_convolution 12" + (labels_alone ? "" : ", unpack 1"));
    }
  }
}

TEST_CASE("scgan: every border is read in place, nothing is enlarged, saliency only where it is wanted") {
  // The copy is of a stage that two concatenations hold.
  for (const Precision precision : kPrecisions) {
    for (const bool saliency : {false, true}) {
      const std::string_view outputs[] = {"color", "saliency"};
      Graph g =
          build_graph(network_or_throw("scgan"), 1, 256, 256, {}, std::span(outputs).first(saliency ? 2 : 1));
      optimize(g);
      const Lowered program = lowered(g, with(precision));
      CHECK(steps_by_op(program) == (saliency ? "convolution 26, copy 1, enlarged_convolution 12, unpack 1"
                                              : "convolution 24, copy 1, enlarged_convolution 8, unpack 1"));
    }
  }
}

TEST_CASE("colornet: skips are made where they are read; an instance norm is a step") {
  for (const Precision precision : kPrecisions) {
    const Lowered program = lowered(photo_graph("colornet", 352), with(precision));
    CHECK(steps_by_op(program) == "convolution 30, instance_norm 6, transposed_convolution 5, unpack 1");
  }
}

TEST_CASE("masks-gan from bytes to bytes: a norm with all that follows it is a step, or the convolution's") {
  for (const Precision precision : kPrecisions) {
    const Lowered of_images = lowered(photo_graph("masks-gan", 224), with(precision));
    MESSAGE("masks-gan " << std::string(kPrecisionNames[static_cast<int>(precision)]) << ": "
                         << launches_of_photo(of_images) << " launches");
    CHECK(steps_by_op(of_images) == "convolution 7, instance_norm 11, transposed_convolution 5, unpack 1");
    // Where a block keeps the image, the norm is one launch: from 28x28 down.
    int norms_of_one_launch = 0;
    for (const auto& step : of_images.steps) {
      if (step.about.op != "instance_norm") continue;
      CHECK((step.launches == 1) == (step.about.output.h <= 28));
      norms_of_one_launch += step.launches == 1;
    }
    CHECK(norms_of_one_launch == 5);
    CHECK(launches_of_photo(of_images) <= 38);
    const Lowered running = lowered(photo_graph("masks-gan", 224, {{"norm", 1.0}}), with(precision));
    CHECK(steps_by_op(running) == "convolution 7, transposed_convolution 5, unpack 1");
  }
}

TEST_CASE("the arena of a network is its live peak, and no larger than it was") {
  struct Bound {
    const char* network;
    Precision precision;
    double megabytes;
  };
  for (const Bound& bound : {Bound{"eccv16", Precision::fp32, 21.0},
                             {"eccv16", Precision::fp16, 10.5},
                             {"lite", Precision::fp32, 6.3},
                             {"lite", Precision::fp16, 4.2},
                             {"siggraph17", Precision::fp32, 85.0},
                             {"siggraph17", Precision::fp16, 43.0},
                             {"masks-gan", Precision::fp32, 13.2},
                             {"masks-gan", Precision::fp16, 8.0}}) {
    CAPTURE(std::string(bound.network));
    const Lowered program = lowered(photo_graph(bound.network), with(bound.precision));
    const MemoryPlan plan = plan_memory(program.buffers, cuda::kDeviceAlignment);
    CHECK(disjoint(program.buffers, plan));
    const double megabytes = static_cast<double>(plan.arena_bytes) / 1e6;
    const double peak = static_cast<double>(plan.live_peak_bytes) / 1e6;
    MESSAGE(std::string(bound.network)
            << " " << std::string(kPrecisionNames[static_cast<int>(bound.precision)]) << ": arena "
            << megabytes << " MB, live peak " << peak << " MB");
    CHECK(megabytes <= bound.megabytes);
    CHECK(megabytes <= 1.05 * peak);
  }
}

TEST_CASE("the merge reads a network's small map; its last steps can be left out") {
  const Lowered eccv16 = lowered(photo_graph("eccv16"), with(Precision::fp16));
  const cuda::OutputMap& map = eccv16.maps[0].value();
  CHECK(map.map.dims == Dims{1, 2, 64, 64});
  CHECK(map.map.element == Element::f32);
  CHECK(map.upsampling == AbUpsampling::bilinear);
  CHECK(map.factor == 4);
  CHECK(map.scale == 110.0f);
  CHECK(eccv16.steps[map.first_step].about.op == "upsample");
  CHECK(map.first_step + 2 == eccv16.steps.size());
  // It lives to the end, whatever is left out.
  CHECK(eccv16.buffers[static_cast<std::size_t>(map.map.buffer)].last_step + 1 ==
        static_cast<int>(eccv16.steps.size()));

  const Lowered lite = lowered(photo_graph("lite"));
  CHECK(lite.maps[0]->upsampling == AbUpsampling::nearest);
  CHECK(lite.maps[0]->factor == 2);
  CHECK(lite.maps[0]->map.dims == Dims{1, 2, 128, 128});

  SUBCASE("what others read or follow is not left out") {
    GraphMaker m;
    const ValueId a = m.convolution(conv(2), m.input({1, 8, 6, 6}));
    const ValueId up = m.upsample({UpsampleKind::nearest, 2, 1.0f}, a);
    m.output(up, "ab");
    m.output(m.same(Activation{}, {up}), "more");
    const Lowered program = lowered(m.graph);
    for (const auto& its : program.maps) {
      CHECK(its->upsampling == AbUpsampling::none);
      CHECK(its->map.dims == Dims{1, 2, 12, 12});
    }
    CHECK(program.maps[0]->first_step == program.steps.size());
    CHECK(program.maps[1]->first_step + 1 == program.steps.size());  // its planes
  }
}

TEST_CASE("who serves what") {
  TestLibrary library;
  const Lowered program = lowered(photo_graph("eccv16"), with(Precision::fp16), &library);
  // Seven stages end in a batch norm behind the ReLU, which no single plan takes; 313 channels are no whole
  // vectors.
  CHECK(steps_by_provider(program) ==
        "kernels 3, own few_channels 1, own implicit_gemm 8, own transposed_phases 1, test library 13");
  for (const auto& problem : library.problems) {
    CHECK(problem.math == ConvolutionMath::fp16);
    CHECK((problem.in == Element::f16 && problem.out == Element::f16));
    CHECK((problem.in_pitch % 8 == 0 && problem.out_pitch % 8 == 0));
  }
  std::int64_t macs_of_steps = 0, macs_of_nodes = 0;
  const Graph g = photo_graph("eccv16");
  for (const auto& step : program.steps) macs_of_steps += step.about.macs;
  for (const Node& node : g.nodes) macs_of_nodes += macs(g, node);
  CHECK(macs_of_steps == macs_of_nodes);
}

TEST_CASE("a measured choice overrides the rule") {
  GraphMaker m;
  const ValueId x = m.convolution(conv(16), m.input({1, 1, 12, 12}));
  const BatchNormParams norm = m.batch_norm(16);
  m.output(m.convolution(with_epilogue(conv(16), {Activation{}, norm}), x));
  const auto steps_with = [&](ConvolutionChoice choice) {
    TestLibrary library(true);
    LoweringOptions options;
    options.choose = [choice](const cuda::ConvolutionProblem& problem) {
      CHECK((problem.epilogue.activated && problem.epilogue.affine));
      return choice;
    };
    std::vector<std::string> providers;
    for (const auto& step : lowered(m.graph, options, &library).steps)
      providers.push_back(step.about.provider);
    providers.pop_back();  // the planes
    providers.erase(providers.begin());
    return providers;
  };
  using Names = std::vector<std::string>;
  CHECK(steps_with(ConvolutionChoice::by_rule) == Names{"own implicit_gemm"});
  CHECK(steps_with(ConvolutionChoice::own) == Names{"own implicit_gemm"});
  CHECK(steps_with(ConvolutionChoice::library) == Names{"test library", "kernels"});
  CHECK(steps_with(ConvolutionChoice::library_epilogue) == Names{"test library"});
}

TEST_CASE("an affine step before a convolution of few channels is no step") {
  GraphMaker m;
  const ValueId x = m.input({1, 1, 8, 8});
  const ValueId scaled = m.same(ScalarAffine{0.01f, -0.5f}, {x});
  SUBCASE("read once") {
    m.output(m.convolution(conv(16), scaled));
    CHECK(steps_by_op(lowered(m.graph)) == "convolution 1, unpack 1");
  }
  SUBCASE("read twice") {
    m.output(m.convolution(conv(16), scaled));
    m.output(m.same(Activation{}, {scaled}), "z");
    CHECK(steps_by_op(lowered(m.graph)) == "activation 1, affine 1, convolution 1, unpack 1");
  }
  SUBCASE("a border that repeats pixels") {
    Convolution op = conv(16);
    op.pad_mode = PadMode::reflect;
    m.output(m.convolution(op, scaled));
    CHECK(steps_by_op(lowered(m.graph)) == "convolution 1, unpack 1");
  }
  SUBCASE("our kernels are not wanted") {
    const std::vector<std::string> without = {"own"};
    LoweringOptions options;
    options.without = without;
    m.output(m.convolution(conv(16), scaled));
    CHECK(error_of([&] { lowered(m.graph, options); }) ==
          "layer n1: no provider serves this convolution: switch fewer providers off");
  }
}

TEST_CASE("elementwise chains are one step, in place where nothing else reads the value") {
  GraphMaker m;
  const ValueId x = m.convolution(conv(16), m.input({1, 1, 8, 8}));
  const ValueId a = m.pool({}, x);
  const ValueId b = m.pool({PoolKind::average}, x);
  ValueId y = m.same(Add{}, {a, m.same(Activation{ActivationKind::tanh, 0.0f}, {b})});
  y = m.same(ScalarAffine{2.0f, 1.0f}, {m.same(m.batch_norm(16), {m.same(Activation{}, {y})})});
  m.output(m.pool({}, y));
  const Lowered program = lowered(m.graph);
  CHECK(steps_by_op(program) == "affine 1, convolution 1, pool 3, unpack 1");
  // Input, convolution, two pools of which one is overwritten, the last pool, its planes.
  CHECK(program.buffers.size() == 6);
  CHECK(program.steps[3].about.name == "n7");
}

TEST_CASE("what a chain has read may be overwritten by its last reader") {
  GraphMaker m;
  const ValueId a = m.pool({}, m.convolution(conv(16), m.input({1, 1, 8, 8})));
  const ValueId b = m.same(Add{}, {m.same(Activation{ActivationKind::tanh, 0.0f}, {a}), a});
  m.output(b, "b");
  m.output(m.pool({}, m.same(Activation{}, {a})), "c");
  // Input, convolution, pool (the ReLU's too), b and its planes, the last pool and its planes.
  CHECK(lowered(m.graph).buffers.size() == 7);
}

TEST_CASE("kernels behind a step are counted: split sums, many phases") {
  GraphMaker m;
  const ValueId x = m.convolution(conv(256), m.input({1, 1, 4, 5}));
  const ValueId y = m.convolution(conv(67), x);
  Convolution up = conv(8, 5);
  up.transposed = true;
  up.stride = 3;
  m.output(m.convolution(up, y));
  const Lowered program = lowered(m.graph);
  CHECK(program.steps[0].launches == 1);
  CHECK(program.steps[1].launches == 2);
  CHECK(program.steps[2].launches >= 3);  // nine phases, four a launch
}

TEST_CASE("a library gets whole aligned vectors only") {
  GraphMaker m;
  const ValueId x = m.convolution(conv(16), m.input({1, 1, 8, 8}));
  const ValueId in_odd = m.convolution(conv(8), x);  // its pixels lie 11 floats apart
  const ValueId odd = m.concat({in_odd, m.convolution(conv(3), x)});
  m.output(m.convolution(with_epilogue(conv(8), {Residual{in_odd}, Activation{}}), x));
  m.output(odd, "odd");
  TestLibrary library(true);
  LoweringOptions options;
  options.choose = [](const cuda::ConvolutionProblem&) { return ConvolutionChoice::library_epilogue; };
  const Lowered program = lowered(m.graph, options, &library);
  CHECK(library.problems.size() == 1);
  CHECK_FALSE(library.problems[0].epilogue.residual);
  CHECK(steps_by_provider(program) == "kernels 3, own few_channels 1, own implicit_gemm 2, test library 1");
}

TEST_CASE("more than an epilogue takes goes on elementwise") {
  GraphMaker m;
  std::vector<EpilogueStep> nine(9, EpilogueStep{ScalarAffine{1.5f, 0.5f}});
  m.output(m.convolution(with_epilogue(conv(8), nine), m.input({1, 1, 4, 4})));
  const Lowered program = lowered(m.graph);
  CHECK(program.steps.size() == 3);
  CHECK(program.steps[1].about.provider == "kernels");
  CHECK(program.buffers.size() == 3);
}

TEST_CASE("parts of a concatenation are written in place by whoever makes them") {
  GraphMaker m;
  const ValueId in = m.input({1, 3, 8, 8});
  const ValueId x = m.convolution(conv(16), in);
  SUBCASE("convolution, pool, upsampling, elementwise, packed input, concatenation") {
    const ValueId small = m.pool({}, x);
    const ValueId up = m.upsample({UpsampleKind::bilinear, 2, 1.0f}, small);
    const ValueId pooled = m.pool({PoolKind::max, 3, 1, 1, 1, 1, 1}, x);
    const ValueId inner = m.concat({pooled, m.same(Activation{}, {x})});
    const ValueId all = m.concat({in, m.convolution(conv(5), x), up, inner});
    m.output(m.convolution(conv(8), all));
    for (const Precision precision : kPrecisions) {
      CHECK(moves(lowered(m.graph, with(precision))) == "pack 1, unpack 1");
    }
  }
  SUBCASE("a dense block reads its own buffer while it grows") {
    const ValueId a = m.convolution(conv(8), x);
    const ValueId one = m.concat({x, a});
    const ValueId b = m.convolution(conv(8), one);
    m.output(m.convolution(conv(8), m.concat({one, b})));
    CHECK(moves(lowered(m.graph)) == "pack 1, unpack 1");
  }
  SUBCASE("a value in two places is copied to the second") {
    m.output(m.convolution(conv(8), m.concat({x, x})));
    m.output(m.convolution(conv(8), m.concat({m.convolution(conv(8), in), x})), "z");
    CHECK(moves(lowered(m.graph)) == "copy 2, pack 1, unpack 2");
  }
  SUBCASE("the caller's own planes are copied") {
    m.output(m.convolution(conv(8), m.concat({x, m.input({1, 1, 8, 8}, "hint")})));
    CHECK(moves(lowered(m.graph)) == "copy 1, pack 1, unpack 1");
  }
}

TEST_CASE("inputs and outputs of one channel, or of one pixel, are neither packed nor unpacked") {
  GraphMaker m;
  const ValueId x = m.convolution(conv(8), m.input({2, 1, 4, 4}));
  m.output(m.convolution(conv(1), x), "plane");
  m.output(m.matmul(m.input({2, 24, 1, 1}, "vector"), 10), "scores");
  m.output(m.same(Activation{}, {m.input({2, 3, 4, 4}, "planes")}), "y");
  CHECK(moves(lowered(m.graph)) == "pack 1, unpack 1");
  CHECK(moves(lowered(m.graph, with(Precision::fp16))) == "pack 1, unpack 1");
}

TEST_CASE("a matrix product goes to the library for those") {
  GraphMaker m;
  const ValueId x = m.input({3, 64, 1, 1});
  const ValueId y = m.matmul(x, 32);
  std::get<MatMul>(m.graph.nodes.back().op).epilogue = {Activation{}, ScalarAffine{2.0f, 0.0f}};
  m.output(y);
  TestDenseLibrary dense;
  LoweringOptions options;
  options.dense = &dense;
  const Lowered program = lowered(m.graph, options);
  REQUIRE(program.steps.size() == 2);
  CHECK(program.steps[0].about.provider == "test dense library");
  CHECK(program.steps[1].about.provider == "kernels");
  const std::vector<std::string> without = {"library"};
  options.without = without;
  CHECK(lowered(m.graph, options).steps[0].about.provider == "own implicit_gemm");
}

TEST_CASE("a tensor that kernels cannot index is refused in words") {
  GraphMaker m;
  m.output(m.same(Activation{}, {m.input({64, 64, 8192, 8192})}));
  CHECK(error_of([&] { lowered(m.graph); }) ==
        "layer input: a tensor of 64x64x8192x8192 elements is more than one can be: use a smaller size or "
        "batch");
}

TEST_CASE("random graphs: no two live buffers overlap, inputs are there from the start, outputs to the end") {
  for (std::uint64_t seed = 0; seed < 400; ++seed) {
    INFO("seed " << seed);
    Graph g = random_graph(seed);
    if (seed % 2 == 0) optimize(g);
    TestLibrary library(seed % 3 == 0);
    const Lowered program = lowered(g, with(kPrecisions[seed % 3]), &library);
    const MemoryPlan plan = plan_memory(program.buffers, cuda::kDeviceAlignment);
    REQUIRE(disjoint(program.buffers, plan));
    const auto life = [&](int buffer) { return program.buffers[static_cast<std::size_t>(buffer)]; };
    REQUIRE(program.inputs.size() == g.inputs.size());
    REQUIRE(program.outputs.size() == g.outputs.size());
    for (const auto& port : program.inputs) CHECK(life(port.buffer).first_step == 0);
    for (std::size_t i = 0; i < g.outputs.size(); ++i) {
      const auto& port = program.outputs[i];
      CHECK(port.name == g.outputs[i].name);
      CHECK(life(port.buffer).last_step + 1 == static_cast<int>(program.steps.size()));
      CHECK(life(port.buffer).bytes == port.dims.count() * 4);
      CHECK(program.maps[i].has_value() == (port.dims.c == 2));
    }
    int convolutions = 0;
    for (const auto& step : program.steps) convolutions += step.about.op == "convolution";
    CHECK(convolutions <= static_cast<int>(g.nodes.size()) * 2);
  }
}

}  // namespace cuhue::test
