// Which GPUs a build has code for, from the list that it was compiled with.
#pragma once

#include <string>
#include <string_view>

namespace cuhue::cuda {

// architectures: as CMAKE_CUDA_ARCHITECTURES, "80-real;87-real;90a;120-virtual". Machine code runs on its own
// capability and, desktop GPUs only, on later ones of the same major version; PTX on all later ones; an "a"
// binds either to its own. What is no number ("native") is taken to fit.
bool has_code_for(std::string_view architectures, int major, int minor);

// For messages: "8.0, 8.7, 9.0 and newer".
std::string capabilities_of(std::string_view architectures);

}  // namespace cuhue::cuda
