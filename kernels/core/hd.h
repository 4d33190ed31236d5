// Marks arithmetic that stands once and compiles for host and device.
#pragma once

#if defined(__CUDACC__)
#define CUHUE_HD __host__ __device__ inline
#else
#define CUHUE_HD inline
#endif
