// The greatest of many channels, found one by one or in parts.
#pragma once

#include <cmath>
#include <cstdint>

#include "kernels/core/hd.h"

namespace cuhue {

struct Greatest {
  float value, index;  // a NaN is greater than all
};

// Of no channel: any that there is comes before it.
CUHUE_HD Greatest none_of(std::int64_t channels) {
  return {-INFINITY, static_cast<float>(channels)};
}

// Of two parts of the channels; of equal values the lower index.
CUHUE_HD Greatest greatest(const Greatest& a, const Greatest& b) {
  // Not && and ||: without branches loops over this become vector code.
  const bool lower = (b.value == a.value) & (b.index < a.index);
  const bool take = (b.value > a.value) | (b.value != b.value) | lower;
  return {take ? b.value : a.value, take ? b.index : a.index};
}

// What is stored.
CUHUE_HD float label_of(const Greatest& g) {
  return g.value != g.value ? g.value : g.index;
}

}  // namespace cuhue
