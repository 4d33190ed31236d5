#include "runtime/cuda/dense_library.h"

#include "runtime/cuda/convolution_library.h"

namespace cuhue::cuda {

std::string key_of(const DenseProblem& p) {
  const auto rows = [&p](std::int64_t columns, Element element, std::int64_t pitch) {
    return std::to_string(p.n) + "x" + std::to_string(columns) + (element == Element::f16 ? "h" : "f") +
           (pitch == columns ? "" : "/" + std::to_string(pitch));
  };
  return "dense " + rows(p.c, p.in, p.in_pitch) + " -> " + rows(p.k, p.out, p.out_pitch) + " " +
         math_name(p.math) + (p.bias ? " bias" : "") + (p.relu ? " relu" : "");
}

}  // namespace cuhue::cuda
