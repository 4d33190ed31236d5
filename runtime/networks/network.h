// The table of networks. One file a network beside this header; nothing below runtime/networks/ knows their
// names.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/graph/builder.h"
#include "runtime/graph/graph.h"
#include "runtime/graph/param_source.h"
#include "weights/weight_file.h"

namespace cuhue {

struct TensorSpec {
  std::string_view name;
  std::string_view shape;   // for people, e.g. "[N,1,H,W]"
  std::string_view about;   // e.g. "L* 0..100, H and W multiples of 8"
  bool by_product = false;  // an output on the way to the result: asking for it costs a fusion
  // Of files that hold it. The tensor is float32 all the same; u8: whole numbers 0..255.
  DType type = DType::f32;
};

struct Setting {
  std::string_view name;
  std::string_view about;
  double default_value = 0, min = 0, max = 0;
  std::vector<const char*> values = {};  // of a setting that is a choice: the names of 0, 1, ...
};
using Settings = std::map<std::string, double, std::less<>>;  // missing = default

// How formula weights of this network are scaled (so that deep layers matter to the output).
struct FormulaRule {
  double gain = 2.0;                                       // of weights
  std::vector<std::pair<std::string, double>> exceptions;  // exact key -> gain
  // Values the architecture itself defines, e.g. bin centres. True = filled.
  std::function<bool(const Param&, std::span<float>)> defined;
  double variance = 1.0;  // of running variances, in the middle
  // Elements are counted in TensorFlow's layout: [kh, kw, in, out], [in, out].
  bool tensorflow = false;
};

// What of a network is one graph.
struct NetworkPart {
  std::string_view name;
  std::vector<TensorSpec> inputs, outputs;
  void (*build)(Builder& b, std::int64_t n, std::int64_t h, std::int64_t w,
                const Settings& settings) = nullptr;
};

struct Network {
  std::string_view name;   // "eccv16"
  int version = 1;         // of this definition; a weight file states the one it was made for
  std::string_view about;  // one line with the paper
  std::vector<TensorSpec> inputs, outputs;
  std::vector<Setting> settings;
  // What checkpoints of it may be: settings that decide which tensors there are, and their shapes. A weight
  // file states them as its properties.
  std::vector<Settings> forms = {{}};
  std::int64_t size_multiple = 1;   // H and W of the inputs must be multiples of this
  std::int64_t default_size = 256;  // H and W for benches and listings
  bool one_size = false;            // H and W must be default_size
  FormulaRule formula;
  // Of a detector: it runs by parts, with work in between that is no layer's. Then `inputs` and `outputs` are
  // those of the whole, and its graph has those of all parts, in order.
  std::vector<NetworkPart> parts = {};
  // States the layers for inputs of [n, *, h, w]; every output listed above is declared with b.output().
  void (*build)(Builder& b, std::int64_t n, std::int64_t h, std::int64_t w,
                const Settings& settings) = nullptr;
};

std::span<const Network> networks();
const Network* find_network(std::string_view name);      // nullptr when unknown
const Network& network_or_throw(std::string_view name);  // Error(Status::usage) that lists the names

double setting(const Network& n, const Settings& s, std::string_view name);  // value or default
void check_settings(const Network& n, const Settings& s);                    // Error(Status::usage) names it
// Checks size_multiple, one_size and positivity: Error(Status::usage) names the network and the sizes that
// would do.
void check_size(const Network& n, std::int64_t batch, std::int64_t h, std::int64_t w);

// A side that check_size() accepts: the only one, or the least of at least `wanted`.
std::int64_t usable_side(const Network& n, std::int64_t wanted);

// The graph for one size, only the named outputs (empty = all of them), before any pass.
Graph build_graph(const Network& n, std::int64_t batch, std::int64_t h, std::int64_t w,
                  const Settings& settings = {}, std::span<const std::string_view> outputs = {});

// The same of one part. h and w matter where the part's inputs have them.
Graph build_part(const Network& n, std::string_view part, std::int64_t batch, std::int64_t h, std::int64_t w,
                 const Settings& settings = {});
// What build_graph()'s graphs take and give.
std::vector<TensorSpec> graph_inputs(const Network& n);
std::vector<TensorSpec> graph_outputs(const Network& n);

// Which tensors a checkpoint of this network holds, in file order, in the form that these settings ask for.
// Error(Status::usage) when there is no such form.
const std::vector<Param>& schema(const Network& n, const Settings& settings = {});

// check_weights() of the schema, and that the file says it is of this network and of this
// version.
void check_weights(const Network& n, const WeightFile& file);

// Weights computed from their names: the same in every language (no trained weights needed).
class FormulaSource final : public ParamSource {
 public:
  explicit FormulaSource(const Network& n) : network_(n) {}
  std::span<const float> fetch(const Param& p, std::vector<float>& scratch) const override;

 private:
  const Network& network_;
};
// A formula input image: byte(c, y, x) = floor(256 u), key "input", C order.
std::vector<std::uint8_t> formula_image(std::int64_t channels, std::int64_t h, std::int64_t w);

}  // namespace cuhue
