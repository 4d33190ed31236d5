#include "runtime/graph/param_source.h"

#include <bit>
#include <cstring>
#include <set>
#include <string>

#include "weights/half.h"
#include "weights/status.h"
#include "weights/text.h"

namespace cuhue {
namespace {

bool is_float(DType t) {
  return t == DType::f32 || t == DType::f16 || t == DType::bf16 || t == DType::f64;
}

// What is wrong with the tensor that should hold p; empty = nothing.
std::string problem(const Param& p, const TensorView* tensor) {
  if (tensor == nullptr) return "tensor " + p.name + " " + shape_text(p.shape) + " is missing";
  if (tensor->shape != p.shape)
    return "tensor " + p.name + " has shape " + shape_text(tensor->shape) + ", expected " +
           shape_text(p.shape);
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

void widen(const TensorView& tensor, std::span<float> out) {
  const std::byte* at = tensor.data.data();
  const std::size_t step = size_of(tensor.dtype);
  for (std::size_t i = 0; i < out.size(); ++i, at += step) {
    switch (tensor.dtype) {
      case DType::f16: out[i] = float_from_f16(load<std::uint16_t>(at)); break;
      case DType::bf16: out[i] = float_from_bf16(load<std::uint16_t>(at)); break;
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
      note("tensor " + std::string(tensor.name) + " " + shape_text(tensor.shape) +
           " is not part of the network");
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
