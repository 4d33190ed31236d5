// How work is asked whether it should stop, and told how far it is.
#pragma once

#include <functional>

namespace cuhue {

// Asked between layers with the fraction of the run that is done; true = stop with Error(Status::cancelled).
using Poll = std::function<bool(double fraction)>;

// A run's poll for a part of it: the part's own fraction becomes (from + fraction * share) / of. Outlives
// what poll() gives, which allocates nothing.
struct PollPart {
  const Poll& whole;
  double from = 0, share = 1, of = 1;

  Poll poll() const {
    if (!whole) return {};
    return [this](double fraction) { return whole((from + fraction * share) / of); };
  }
};

}  // namespace cuhue
