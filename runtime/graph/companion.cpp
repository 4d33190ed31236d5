#include "runtime/graph/companion.h"

#include <string>

#include "weights/status.h"

namespace cuhue {

void check_companion(const PhotoCompanion& companion, std::size_t photos, const Dims& input,
                     const Dims& output, const Dims& into) {
  const auto named = [](std::string_view name) { return "'" + std::string(name) + "'"; };
  if (photos != 1)
    throw Error(Status::usage, "a companion network sees one photo at a time, not " + std::to_string(photos));
  if (input.n != 1 || input.h != input.w)
    throw Error(Status::usage, "a companion network's " + named(companion.input) + " must be one square");
  if (output.count() != into.count()) {
    throw Error(Status::usage, "a companion network's " + named(companion.output) + " has " +
                                   std::to_string(output.count()) + " numbers, " + named(companion.into) +
                                   " takes " + std::to_string(into.count()));
  }
}

}  // namespace cuhue
