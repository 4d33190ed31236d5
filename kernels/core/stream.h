// What launchers of CUDA kernels take and throw, without CUDA's headers.
#pragma once

#include <stdexcept>
#include <string>

struct CUstream_st;  // cudaStream_t is a pointer to it

namespace cuhue {

// The order of work on a GPU. Launchers return at once; what they start runs in the order of its stream.
using Stream = CUstream_st*;

// A kernel could not be started; `code` is a cudaError_t.
struct LaunchError : std::runtime_error {
  LaunchError(int code, const std::string& what) : std::runtime_error(what), code(code) {}
  int code;
};

}  // namespace cuhue
