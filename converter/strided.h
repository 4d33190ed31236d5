// Strided tensors into C order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace cuhue {

// Elements of a tensor; nullopt when a dimension is negative or the product of them, in bytes, overflows.
std::optional<std::uint64_t> count_elements(std::span<const std::int64_t> shape, std::uint64_t element_bytes);

struct Strided {
  std::span<const std::byte> storage;
  std::uint64_t element_bytes = 4;
  std::int64_t offset = 0;  // in elements
  std::span<const std::int64_t> shape;
  std::vector<std::int64_t> strides;  // in elements, as many as dimensions
};

// The elements in C order: a view of the storage when they lie so already, else copied to what
// `allocate(bytes)` gives (empty = refused). Returns nullopt and says why in `problem` when an element lies
// outside of the storage or memory is refused.
std::optional<std::span<const std::byte>> in_c_order(
    const Strided& tensor, const std::function<std::span<std::byte>(std::uint64_t)>& allocate,
    std::string& problem);

// Strides of a dense array, in elements. fortran: first dimension fastest.
std::vector<std::int64_t> dense_strides(std::span<const std::int64_t> shape, bool fortran);

}  // namespace cuhue
