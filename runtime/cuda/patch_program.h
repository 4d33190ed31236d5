// Patches on CUDA: photo, crops, colours and the fusion stay on the device.
#pragma once

#include <functional>
#include <memory>

#include "runtime/cuda/bound_network.h"
#include "runtime/graph/patch_program.h"

namespace cuhue::cuda {

// lower: a graph of `network` to steps over `parts`; kept and called as batches come up.
std::unique_ptr<PatchProgram> make_patch_program(const NetworkParts& parts, PatchNetwork network,
                                                 std::function<Lowered(Graph)> lower, int threads);

}  // namespace cuhue::cuda
