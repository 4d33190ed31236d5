#include "runtime/cuda/convolution_library.h"

#include <cstdio>

namespace cuhue::cuda {
namespace {

const char* name_of(ActivationKind kind) {
  switch (kind) {
    case ActivationKind::relu: return "relu";
    case ActivationKind::leaky_relu: return "leaky";
    case ActivationKind::tanh: return "tanh";
    case ActivationKind::sigmoid: return "sigmoid";
  }
  return "?";
}

std::string tensor_text(const Dims& d, Element element, std::int64_t pitch) {
  return std::to_string(d.n) + "x" + std::to_string(d.h) + "x" + std::to_string(d.w) + "x" +
         std::to_string(d.c) + (element == Element::f16 ? "h" : "f") +
         (pitch == d.c ? "" : "/" + std::to_string(pitch));
}

std::string epilogue_text(const ConvolutionProblem& p) {
  const LibraryEpilogue& e = p.epilogue;
  std::string text;
  if (e.bias) text += " bias";
  if (e.residual) text += " add:" + tensor_text(p.shape.out, p.residual, p.residual_pitch);
  if (e.activated) text += std::string(" ") + name_of(e.activation.kind);
  if (e.activated && e.activation.kind == ActivationKind::leaky_relu) {
    char slope[32];
    std::snprintf(slope, sizeof slope, ":%.9g", static_cast<double>(e.activation.alpha));
    text += slope;
  }
  if (e.affine) text += " affine";
  return text;
}

}  // namespace

const char* math_name(ConvolutionMath math) {
  switch (math) {
    case ConvolutionMath::fp32: return "fp32";
    case ConvolutionMath::tf32: return "tf32";
    case ConvolutionMath::fp16: return "fp16";
  }
  return "?";
}

std::string key_of(const ConvolutionProblem& p) {
  const ConvolutionShape& s = p.shape;
  return std::string(s.transposed ? "deconv " : "conv ") + tensor_text(s.in, p.in, p.in_pitch) + " -> " +
         tensor_text(s.out, p.out, p.out_pitch) + " k" + std::to_string(s.kernel_h) + "x" +
         std::to_string(s.kernel_w) + " s" + std::to_string(s.stride) + " d" + std::to_string(s.dilation) +
         " p" + std::to_string(s.pad_top) + "," + std::to_string(s.pad_left) + " " + math_name(p.math) +
         epilogue_text(p);
}

}  // namespace cuhue::cuda
