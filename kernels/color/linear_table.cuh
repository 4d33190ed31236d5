// The linear table in device memory. Included by .cu files only.
#pragma once

#include "kernels/color/linear_table.h"
#include "kernels/core/launch.cuh"

namespace cuhue {

static __device__ const LinearTable kDeviceLinearTable = kLinearTable;

}  // namespace cuhue
