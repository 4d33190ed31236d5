// What photos show, for --json: the classes that koalarization's first network holds most likely.
#pragma once

#include <memory>

#include "apps/cuhue/extra.h"

namespace cuhue::app {

// With --json; adds nothing to the reports of other systems.
std::unique_ptr<Extra> make_classes_extra(const ColorizeOptions& options);

}  // namespace cuhue::app
