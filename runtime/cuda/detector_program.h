// A detector on CUDA: one recorded launch from the picture to what was found, of fixed largest shapes; how
// many of the rows there are is known to the device only.
#pragma once

#include <memory>

#include "runtime/cuda/bound_network.h"
#include "runtime/graph/detector_program.h"

namespace cuhue::cuda {

struct LoweredDetector {
  Lowered features, box_head, mask_head;
};

std::unique_ptr<DetectorProgram> make_detector_program(const NetworkParts& parts, LoweredDetector lowered);

}  // namespace cuhue::cuda
