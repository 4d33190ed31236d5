// Which photos the luminance planes of a program are of.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "runtime/graph/backend.h"

namespace cuhue {

// A repeated call of the same kind allocates nothing.
class PreparedPlanes {
 public:
  // Could the planes be those of these photos? All that is not in their pixels is compared.
  bool may_be_of(const PhotoEnds& ends, std::span<const PhotoJob> jobs) const;
  void set(const PhotoEnds& ends, std::span<const PhotoJob> jobs);
  void forget() { photos_.clear(); }

 private:
  std::string input_;
  PhotoEnds ends_;                // but for its names
  std::vector<PhotoJob> photos_;  // without results and addresses; empty = the planes are nobody's
};

}  // namespace cuhue
