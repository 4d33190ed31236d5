// The tables of linear light in device memory. Included by .cu files only.
#pragma once

#include "kernels/color/byte_table.h"
#include "kernels/color/linear_table.h"
#include "kernels/core/launch.cuh"

namespace cuhue {

static __device__ const LinearTable kDeviceLinearTable = kLinearTable;
static __device__ const ByteTable kDeviceByteTable = kByteTable;

}  // namespace cuhue
