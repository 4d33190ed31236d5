// The random numbers behind formula weights: computed from a name, the same in every language.
#pragma once

#include <cstdint>
#include <string_view>

namespace cuhue {

constexpr std::uint64_t kSplitMixStep = 0x9E3779B97F4A7C15u;

// FNV-1a, 64 bits.
constexpr std::uint64_t fnv1a64(std::string_view text) {
  std::uint64_t hash = 0xCBF29CE484222325u;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3u;
  return hash;
}

// SplitMix64 (Steele, Lea, Flood 2014): one step from state x.
constexpr std::uint64_t splitmix64(std::uint64_t x) {
  x += kSplitMixStep;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
  return x ^ (x >> 31);
}

// Element i of the sequence of a seed, uniform in [0, 1), 24 bits.
constexpr double formula_uniform(std::uint64_t seed, std::uint64_t i) {
  return static_cast<double>(splitmix64(seed + i * kSplitMixStep) >> 40) / 16777216.0;
}

}  // namespace cuhue
