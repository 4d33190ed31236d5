#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <optional>
#include <set>
#include <string>

#include "runtime/networks/definitions.h"
#include "runtime/networks/network.h"
#include "weights/status.h"

namespace cuhue {
namespace {

std::string in_quotes(std::string_view s) {
  return "\"" + std::string(s) + "\"";
}

// "a, b, c" of anything with a name.
template <class Range>
std::string names_of(const Range& range) {
  std::string list;
  for (const auto& item : range) list += (list.empty() ? "" : ", ") + std::string(item.name);
  return list.empty() ? "none" : list;
}

std::string number(double value) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%g", value);
  return text.data();
}

std::string size_text(std::int64_t h, std::int64_t w) {
  return std::to_string(h) + "x" + std::to_string(w);
}

const Setting* find_setting(const Network& n, std::string_view name) {
  const auto it =
      std::find_if(n.settings.begin(), n.settings.end(), [&](const Setting& s) { return s.name == name; });
  return it == n.settings.end() ? nullptr : &*it;
}

// "0 = batch, 1 = running"
std::string names_of_values(const Setting& s) {
  std::string list;
  for (std::size_t i = 0; i < s.values.size(); ++i)
    list += (i == 0 ? "" : ", ") + std::to_string(i) + " = " + std::string(s.values[i]);
  return list;
}

// Keeps only the outputs asked for, in the order they were asked for.
void select_outputs(const Network& n, Graph& g, std::span<const std::string_view> names) {
  std::vector<Binding> chosen;
  for (const std::string_view name : names) {
    const auto is_it = [&](const Binding& b) { return b.name == name; };
    const auto it = std::find_if(g.outputs.begin(), g.outputs.end(), is_it);
    if (it == g.outputs.end())
      throw Error(Status::usage, std::string(n.name) + " has no output " + in_quotes(name) +
                                     "; it has: " + names_of(g.outputs));
    if (std::find_if(chosen.begin(), chosen.end(), is_it) != chosen.end())
      throw Error(Status::usage, std::string(n.name) + ": output " + in_quotes(name) + " is asked for twice");
    chosen.push_back(*it);
  }
  g.outputs = std::move(chosen);
}

// Which of the network's forms has every setting that decides about one as it is in `settings`.
std::optional<std::size_t> form_of(const Network& n, const Settings& settings) {
  std::set<std::string, std::less<>> deciding;
  for (const Settings& form : n.forms) {
    for (const auto& [name, value] : form) deciding.insert(name);
  }
  for (std::size_t i = 0; i < n.forms.size(); ++i) {
    if (std::ranges::all_of(deciding, [&](const std::string& name) {
          return setting(n, n.forms[i], name) == setting(n, settings, name);
        }))
      return i;
  }
  return std::nullopt;
}

}  // namespace

std::span<const Network> networks() {
  static const std::vector<Network> table = {
      eccv16(), lite(),      siggraph17(),          segnet(),       colornet(), masks_gan(),
      scgan(),  mask_rcnn(), inception_resnet_v2(), koalarization()};
  return table;
}

const Network* find_network(std::string_view name) {
  for (const Network& n : networks()) {
    if (n.name == name) return &n;
  }
  return nullptr;
}

const Network& network_or_throw(std::string_view name) {
  if (const Network* n = find_network(name)) return *n;
  throw Error(Status::usage, "no network " + in_quotes(name) + "; the networks are: " + names_of(networks()));
}

double setting(const Network& n, const Settings& s, std::string_view name) {
  if (const auto it = s.find(name); it != s.end()) return it->second;
  const Setting* known = find_setting(n, name);
  if (known == nullptr)
    throw Error(Status::internal, std::string(n.name) + " reads setting " + in_quotes(name) +
                                      ", which its table lacks; this is a defect in cuhue");
  return known->default_value;
}

void check_settings(const Network& n, const Settings& s) {
  for (const auto& [name, value] : s) {
    const Setting* known = find_setting(n, name);
    if (known == nullptr)
      throw Error(Status::usage, std::string(n.name) + " has no setting " + in_quotes(name) +
                                     "; it has: " + names_of(n.settings));
    if (!(value >= known->min && value <= known->max))
      throw Error(Status::usage, std::string(n.name) + ": setting " + in_quotes(name) + " is " +
                                     number(value) + ", must be between " + number(known->min) + " and " +
                                     number(known->max));
    if (!known->values.empty() && value != std::floor(value))
      throw Error(Status::usage, std::string(n.name) + ": setting " + in_quotes(name) + " is " +
                                     number(value) + ", must be a whole number: " + names_of_values(*known));
  }
}

void check_size(const Network& n, std::int64_t batch, std::int64_t h, std::int64_t w) {
  const std::string name(n.name);
  if (batch < 1)
    throw Error(Status::usage, name + ": batch is " + std::to_string(batch) + ", must be at least 1");
  if (h < 1 || w < 1) throw Error(Status::usage, name + ": size " + size_text(h, w) + " is not positive");
  if (std::max({batch, h, w}) > INT32_MAX)
    throw Error(Status::usage,
                name + ": size " + std::to_string(batch) + " of " + size_text(h, w) + " is too large");
  if (n.one_size && (h != n.default_size || w != n.default_size))
    throw Error(Status::usage, name + ": size must be " + size_text(n.default_size, n.default_size) +
                                   ", not " + size_text(h, w));
  const std::int64_t m = n.size_multiple;
  if (h % m == 0 && w % m == 0) return;
  const auto down = [&](std::int64_t x) { return std::max(x / m, std::int64_t{1}) * m; };
  const auto up = [&](std::int64_t x) { return ((x - 1) / m + 1) * m; };
  throw Error(Status::usage, name + ": height and width must be multiples of " + std::to_string(m) +
                                 ", not " + size_text(h, w) + "; " + size_text(down(h), down(w)) + " and " +
                                 size_text(up(h), up(w)) + " would do");
}

std::int64_t usable_side(const Network& n, std::int64_t wanted) {
  if (n.one_size) return n.default_size;
  return (std::max(wanted, std::int64_t{1}) + n.size_multiple - 1) / n.size_multiple * n.size_multiple;
}

Graph build_graph(const Network& n, std::int64_t batch, std::int64_t h, std::int64_t w,
                  const Settings& settings, std::span<const std::string_view> outputs) {
  check_size(n, batch, h, w);
  check_settings(n, settings);
  Builder b;
  n.build(b, batch, h, w, settings);
  Graph g = b.take();
  if (!outputs.empty()) select_outputs(n, g, outputs);
  return g;
}

Graph build_part(const Network& n, std::string_view part, std::int64_t batch, std::int64_t h, std::int64_t w,
                 const Settings& settings) {
  check_size(n, batch, h, w);
  check_settings(n, settings);
  const auto found = std::ranges::find(n.parts, part, &NetworkPart::name);
  if (found == n.parts.end())
    throw Error(Status::usage,
                std::string(n.name) + " has no part " + in_quotes(part) + "; it has: " + names_of(n.parts));
  Builder b;
  found->build(b, batch, h, w, settings);
  return b.take();
}

namespace {

std::vector<TensorSpec> ports_of(const Network& n, std::vector<TensorSpec> Network::*whole,
                                 std::vector<TensorSpec> NetworkPart::*own) {
  if (n.parts.empty()) return n.*whole;
  std::vector<TensorSpec> all;
  for (const NetworkPart& part : n.parts) all.insert(all.end(), (part.*own).begin(), (part.*own).end());
  return all;
}

}  // namespace

std::vector<TensorSpec> graph_inputs(const Network& n) {
  return ports_of(n, &Network::inputs, &NetworkPart::inputs);
}

std::vector<TensorSpec> graph_outputs(const Network& n) {
  return ports_of(n, &Network::outputs, &NetworkPart::outputs);
}

const std::vector<Param>& schema(const Network& n, const Settings& settings) {
  using Schemas = std::vector<std::vector<Param>>;  // of a network's forms
  static const std::vector<Schemas> all = [] {
    std::vector<Schemas> schemas;
    for (const Network& each : networks()) {
      Schemas& of_forms = schemas.emplace_back();
      for (const Settings& form : each.forms)
        of_forms.push_back(build_graph(each, 1, each.default_size, each.default_size, form).params);
    }
    return schemas;
  }();
  const std::span<const Network> table = networks();
  const auto known = std::ranges::find(table, n.name, &Network::name);
  if (known == table.end())
    throw Error(Status::internal,
                "schema of " + in_quotes(n.name) + ", which is not in the table of networks");
  const std::optional<std::size_t> form = form_of(n, settings);
  if (!form) throw Error(Status::usage, std::string(n.name) + ": no weights are of these settings");
  return all[static_cast<std::size_t>(known - table.begin())][*form];
}

void check_weights(const Network& n, const WeightFile& file) {
  if (file.network() != n.name)
    throw Error(Status::weights, file.label() + ": holds weights of network " + in_quotes(file.network()) +
                                     ", expected " + in_quotes(n.name) + "; give the file of that network");
  if (file.network_version() != n.version)
    throw Error(Status::weights, file.label() + ": made for version " +
                                     std::to_string(file.network_version()) + " of " + std::string(n.name) +
                                     ", this build has version " + std::to_string(n.version) +
                                     "; convert the checkpoint again");
  check_weights(schema(n), file);
}

}  // namespace cuhue
