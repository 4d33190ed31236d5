#include "runtime/cuda/architectures.h"

#include <algorithm>
#include <charconv>
#include <set>
#include <utility>
#include <vector>

namespace cuhue::cuda {
namespace {

using Capability = std::pair<int, int>;

struct Architecture {
  Capability capability;
  bool real = true, is_virtual = true;
  char feature = 0;  // 'a': this capability only; 'f': its major version from it on
};

struct Parsed {
  std::vector<Architecture> list;
  bool open = false;  // an entry that is no number
};

Parsed parse(std::string_view text) {
  Parsed parsed;
  while (!text.empty()) {
    const std::size_t length = std::min(text.find_first_of(";,"), text.size());
    const std::string_view item = text.substr(0, length);
    text.remove_prefix(std::min(length + 1, text.size()));
    int number = 0;
    const auto [end, error] = std::from_chars(item.data(), item.data() + item.size(), number);
    if (error != std::errc()) {
      parsed.open = parsed.open || !item.empty();
      continue;
    }
    Architecture a;
    a.capability = {number / 10, number % 10};
    if (end != item.data() + item.size() && (*end == 'a' || *end == 'f')) a.feature = *end;
    a.real = !item.ends_with("-virtual");
    a.is_virtual = !item.ends_with("-real");
    parsed.list.push_back(a);
  }
  return parsed;
}

// Jetson's chips run no code of other ones, and no other chip runs theirs.
bool is_tegra(Capability c) {
  constexpr Capability kTegra[] = {{5, 3}, {6, 2}, {7, 2}, {8, 7}, {11, 0}};
  return std::ranges::find(kTegra, c) != std::end(kTegra);
}

bool fits(const Architecture& a, Capability gpu) {
  if (a.capability == gpu) return true;
  if (a.feature == 'a' || gpu < a.capability) return false;
  const bool same_major = a.capability.first == gpu.first;
  if (a.is_virtual && (a.feature == 0 || same_major)) return true;
  return a.real && same_major && !is_tegra(a.capability) && !is_tegra(gpu);
}

}  // namespace

bool has_code_for(std::string_view architectures, int major, int minor) {
  const Parsed parsed = parse(architectures);
  const auto runs = [&](const Architecture& a) { return fits(a, {major, minor}); };
  return parsed.open || std::ranges::any_of(parsed.list, runs);
}

std::string capabilities_of(std::string_view architectures) {
  const Parsed parsed = parse(architectures);
  std::set<Capability> all;
  bool newer = parsed.open;
  for (const Architecture& a : parsed.list) {
    all.insert(a.capability);
    newer = newer || (a.is_virtual && a.feature == 0);
  }
  std::string text;
  for (const auto& [major, minor] : all) {
    text += (text.empty() ? "" : ", ") + std::to_string(major) + "." + std::to_string(minor);
  }
  return text + (newer ? " and newer" : "");
}

}  // namespace cuhue::cuda
