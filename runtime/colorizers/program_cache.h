// The programs of one network: a batch, a size and settings each. The latest few are kept.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/networks/loaded_network.h"

namespace cuhue {

class ProgramCache {
 public:
  // output: the one that all programs have. most: how many are kept; more would only hold memory.
  ProgramCache(LoadedNetwork network, std::string_view output, std::size_t most)
      : network_(std::move(network)), output_(output), most_(most) {}

  struct Shape {
    std::int64_t batch = 1, h = 0, w = 0;
    friend bool operator==(const Shape&, const Shape&) = default;
  };
  struct Found {
    Program& program;
    bool fresh;  // compiled by this call: its inputs hold nothing yet
  };
  // Allocates nothing when it is there. Others may go: references to them do not stay. also: one more
  // output; empty = none.
  Found find(const Shape& shape, const Settings& settings, std::string_view also = {});

  const LoadedNetwork& network() const { return network_; }
  std::int64_t arena_bytes() const;  // of all

 private:
  struct Kept {
    Shape shape;
    Settings settings;
    std::string_view also;
    std::unique_ptr<Program> program;
  };
  LoadedNetwork network_;
  std::string_view output_;
  std::size_t most_;
  std::vector<Kept> kept_;  // most recently used first
};

}  // namespace cuhue
