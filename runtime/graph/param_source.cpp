#include "runtime/graph/param_source.h"

#include <bit>
#include <cstring>
#include <set>
#include <string>

#include "weights/status.h"

namespace cuhue {
namespace {

std::string text(const std::vector<std::int64_t>& shape) {
  std::string s = "[";
  for (std::size_t i = 0; i < shape.size(); ++i) s += (i ? ", " : "") + std::to_string(shape[i]);
  return s + "]";
}

bool is_float(DType t) {
  return t == DType::f32 || t == DType::f16 || t == DType::bf16 || t == DType::f64;
}

// What is wrong with the tensor that should hold p; empty = nothing.
std::string problem(const Param& p, const TensorView* tensor) {
  if (tensor == nullptr) return "tensor " + p.name + " " + text(p.shape) + " is missing";
  if (tensor->shape != p.shape)
    return "tensor " + p.name + " has shape " + text(tensor->shape) + ", expected " + text(p.shape);
  if (!is_float(tensor->dtype))
    return "tensor " + p.name + " has type " + std::string(name_of(tensor->dtype)) +
           ", expected F32, F16, BF16 or F64";
  return {};
}

template <class T>
T load(const std::byte* at) {
  T value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

float from_bf16(std::uint16_t bits) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
}

float from_f16(std::uint16_t bits) {
  const std::uint32_t sign = (bits & 0x8000u) << 16;
  const std::uint32_t exponent = (bits >> 10) & 0x1Fu, fraction = bits & 0x3FFu;
  if (exponent == 0) {  // zero or subnormal: fraction * 2^-24, exact in float
    const float magnitude = static_cast<float>(fraction) * 0x1p-24f;
    return sign ? -magnitude : magnitude;
  }
  const std::uint32_t widened = exponent == 31 ? 0xFFu : exponent + (127 - 15);
  return std::bit_cast<float>(sign | widened << 23 | fraction << 13);
}

void widen(const TensorView& tensor, std::span<float> out) {
  const std::byte* at = tensor.data.data();
  const std::size_t step = size_of(tensor.dtype);
  for (std::size_t i = 0; i < out.size(); ++i, at += step) {
    switch (tensor.dtype) {
      case DType::f16: out[i] = from_f16(load<std::uint16_t>(at)); break;
      case DType::bf16: out[i] = from_bf16(load<std::uint16_t>(at)); break;
      case DType::f64: out[i] = static_cast<float>(load<double>(at)); break;
      default: out[i] = load<float>(at); break;
    }
  }
}

}  // namespace

void check_weights(const std::vector<Param>& schema, const WeightFile& file) {
  std::string first;
  int count = 0;
  const auto note = [&](std::string what) {
    if (what.empty()) return;
    if (count++ == 0) first = std::move(what);
  };
  std::set<std::string_view> expected;
  for (const Param& p : schema) {
    expected.insert(p.name);
    if (p.role != ParamRole::ignored) note(problem(p, file.find(p.name)));
  }
  for (const TensorView& tensor : file.tensors()) {
    if (!expected.contains(tensor.name))
      note("tensor " + std::string(tensor.name) + " " + text(tensor.shape) + " is not part of the network");
  }
  if (count == 0) return;
  const std::string more =
      count > 1 ? " (and " + std::to_string(count - 1) + " more tensors do not fit)" : "";
  throw Error(Status::weights, file.label() + ": " + first + more + "; convert the checkpoint again");
}

std::span<const float> WeightFileSource::fetch(const Param& p, std::vector<float>& scratch) const {
  const TensorView* tensor = file_.find(p.name);
  if (const std::string wrong = problem(p, tensor); !wrong.empty())
    throw Error(Status::weights, file_.label() + ": " + wrong + "; convert the checkpoint again");
  const std::size_t count = tensor->data.size() / size_of(tensor->dtype);
  const auto address = reinterpret_cast<std::uintptr_t>(tensor->data.data());
  if (tensor->dtype == DType::f32 && address % alignof(float) == 0)
    return {reinterpret_cast<const float*>(tensor->data.data()), count};
  scratch.resize(count);
  widen(*tensor, scratch);
  return scratch;
}

void WeightFileSource::release(const Param& p) const {
  if (const TensorView* tensor = file_.find(p.name)) file_.release(*tensor);
}

}  // namespace cuhue
