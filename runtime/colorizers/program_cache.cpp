#include "runtime/colorizers/program_cache.h"

#include <algorithm>
#include <span>
#include <utility>

namespace cuhue {

ProgramCache::Found ProgramCache::find(const Shape& shape, const Settings& settings, std::string_view also) {
  const auto found = std::ranges::find_if(
      kept_, [&](const Kept& k) { return k.shape == shape && k.settings == settings && k.also == also; });
  if (found != kept_.end()) {
    std::rotate(kept_.begin(), found, found + 1);
    return {*kept_.front().program, false};
  }
  // Before compiling: the arenas of one more would be the peak of memory.
  if (kept_.size() == most_) kept_.pop_back();
  const std::string_view outputs[] = {output_, also};
  const auto wanted = std::span(outputs).first(also.empty() ? 1 : 2);
  Kept made{shape, settings, also, network_.compile(shape.batch, shape.h, shape.w, settings, wanted)};
  return {*kept_.insert(kept_.begin(), std::move(made))->program, true};
}

std::int64_t ProgramCache::arena_bytes() const {
  std::int64_t bytes = 0;
  for (const Kept& k : kept_) bytes += k.program->arena_bytes();
  return bytes;
}

}  // namespace cuhue
