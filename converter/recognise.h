// Which network a checkpoint is of, by the names and shapes of its tensors.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "converter/state_dict.h"
#include "runtime/networks/network.h"

namespace cuhue {

// A checkpoint held against one network's schema in one of its forms.
struct SchemaMatch {
  const Network* network = nullptr;
  Settings form;
  struct Pair {
    const Param* param;
    const CheckpointTensor* tensor;
  };
  std::vector<Pair> pairs;            // that fit, in the schema's order; ignored parameters only when present
  std::vector<std::string> problems;  // "tensor 'a.weight' [2, 3] is missing", wrong shape, wrong type
  std::vector<std::string> extras;    // names outside of the schema
};

// In the form of which the most tensors fit and, of two alike, the fewest do not.
SchemaMatch match_schema(const Checkpoint& checkpoint, const Network& network);

// The network the checkpoint fits: the named one, or (name empty) the one of networks() whose schema it
// fulfils. Extra tensors are refused unless allow_extra. Error(Status::weights): the closest network and the
// first differences; Error(Status::usage): no network of that name.
SchemaMatch recognise(const Checkpoint& checkpoint, const std::string& name, bool allow_extra);

}  // namespace cuhue
