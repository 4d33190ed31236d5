#include "kernels/color/linear_table.h"

namespace cuhue {

const float* linear_from_8bit() {
  return kLinearTable.of;
}

}  // namespace cuhue
