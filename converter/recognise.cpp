#include "converter/recognise.h"

#include <algorithm>
#include <optional>
#include <unordered_map>
#include <unordered_set>

#include "converter/strided.h"
#include "weights/status.h"
#include "weights/text.h"

namespace cuhue {
namespace {

bool is_float(DType t) {
  return t == DType::f32 || t == DType::f16 || t == DType::bf16 || t == DType::f64;
}

// "first; second; third (and 5 more)"
std::string first_few(const std::vector<std::string>& items) {
  constexpr std::size_t kShown = 3;
  std::string text;
  for (std::size_t i = 0; i < items.size() && i < kShown; ++i) text += (i == 0 ? "" : "; ") + items[i];
  if (items.size() > kShown) text += " (and " + std::to_string(items.size() - kShown) + " more)";
  return text;
}

std::vector<std::string> differences(const SchemaMatch& match) {
  std::vector<std::string> all = match.problems;
  for (const std::string& name : match.extras)
    all.push_back(in_quotes(name) + " is not part of " + std::string(match.network->name));
  return all;
}

[[noreturn]] void refuse(const Checkpoint& checkpoint, const SchemaMatch& match, const std::string& verdict) {
  const bool only_extras = match.problems.empty();
  throw Error(Status::weights, checkpoint.label + verdict + first_few(differences(match)) +
                                   (only_extras ? "; to leave out what is extra, allow it (--allow-extra)"
                                                : "; give a checkpoint of a network that is known"));
}

// Better: no differences, then nothing but extras, then the most tensors that fit.
bool better(const SchemaMatch& a, const SchemaMatch& b) {
  if (a.problems.empty() != b.problems.empty()) return a.problems.empty();
  if (a.pairs.size() != b.pairs.size()) return a.pairs.size() > b.pairs.size();
  return a.problems.size() + a.extras.size() < b.problems.size() + b.extras.size();
}

SchemaMatch match_form(const Checkpoint& checkpoint, const Network& network, const Settings& form) {
  SchemaMatch match;
  match.network = &network;
  match.form = form;
  std::unordered_map<std::string_view, const CheckpointTensor*> by_name;
  for (const CheckpointTensor& t : checkpoint.tensors) by_name.emplace(t.name, &t);
  std::unordered_set<std::string_view> known;
  for (const Param& p : schema(network, form)) {
    known.insert(p.name);
    const auto found = by_name.find(p.name);
    if (found == by_name.end()) {
      if (p.role != ParamRole::ignored)
        match.problems.push_back("tensor " + in_quotes(p.name) + " " + shape_text(p.shape) + " is missing");
      continue;
    }
    const CheckpointTensor& t = *found->second;
    if (t.shape != p.shape)
      match.problems.push_back("tensor " + in_quotes(p.name) + " has shape " + shape_text(t.shape) +
                               ", expected " + shape_text(p.shape));
    else if (p.role != ParamRole::ignored && !is_float(t.dtype))
      match.problems.push_back("tensor " + in_quotes(p.name) + " has type " + std::string(name_of(t.dtype)) +
                               ", expected F32, F16, BF16 or F64");
    else
      match.pairs.push_back({&p, &t});
  }
  for (const CheckpointTensor& t : checkpoint.tensors)
    if (!known.contains(t.name)) match.extras.push_back(t.name);
  for (const std::string& name : checkpoint.others) match.extras.push_back(name);
  return match;
}

}  // namespace

SchemaMatch match_schema(const Checkpoint& checkpoint, const Network& network) {
  std::optional<SchemaMatch> best;
  for (const Settings& form : network.forms) {
    SchemaMatch match = match_form(checkpoint, network, form);
    const auto misfits = [](const SchemaMatch& m) { return m.problems.size() + m.extras.size(); };
    if (!best || match.pairs.size() > best->pairs.size() ||
        (match.pairs.size() == best->pairs.size() && misfits(match) < misfits(*best)))
      best = std::move(match);
  }
  return std::move(*best);
}

SchemaMatch recognise(const Checkpoint& checkpoint, const std::string& name, bool allow_extra) {
  if (!name.empty()) {
    SchemaMatch match = match_schema(checkpoint, network_or_throw(name));
    if (!match.problems.empty() || (!match.extras.empty() && !allow_extra))
      refuse(checkpoint, match, " does not fit network " + name + ": ");
    return match;
  }
  std::optional<SchemaMatch> best;
  for (const Network& n : networks()) {
    SchemaMatch match = match_schema(checkpoint, n);
    if (match.problems.empty() && match.extras.empty()) return match;
    if (!best || better(match, *best)) best = std::move(match);
  }
  if (!best || best->pairs.empty()) {
    std::string names;
    for (const Network& n : networks()) names += (names.empty() ? "" : ", ") + std::string(n.name);
    throw Error(Status::weights, checkpoint.label + ": its " + std::to_string(checkpoint.tensors.size()) +
                                     " tensors (the first is '" + checkpoint.tensors.front().name +
                                     "') are of no network that is known (" + names + ")");
  }
  if (best->problems.empty() && allow_extra) return std::move(*best);
  refuse(checkpoint, *best,
         " fits no network; closest is " + std::string(best->network->name) + " (" +
             std::to_string(best->pairs.size()) + " of " +
             std::to_string(schema(*best->network, best->form).size()) + " tensors fit): ");
}

}  // namespace cuhue
