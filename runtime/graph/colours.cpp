#include "kernels/core/finite.h"
#include "runtime/graph/backend.h"
#include "weights/status.h"

namespace cuhue {

void check_colours(std::span<const float> values) {
  if (!all_finite(values.data(), static_cast<std::int64_t>(values.size())))
    throw Error(Status::weights, kColoursNotFinite);
}

}  // namespace cuhue
