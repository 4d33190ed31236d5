#include "converter/strided.h"

#include <cstring>

#include "weights/text.h"

namespace cuhue {

std::optional<std::uint64_t> count_elements(std::span<const std::int64_t> shape,
                                            std::uint64_t element_bytes) {
  std::int64_t count = 1;
  bool empty = false;
  for (const std::int64_t d : shape) {
    if (d < 0) return std::nullopt;
    if (d == 0) empty = true;
    if (d > 0 && __builtin_mul_overflow(count, d, &count)) return std::nullopt;
  }
  std::int64_t bytes = 0;
  if (__builtin_mul_overflow(count, static_cast<std::int64_t>(element_bytes), &bytes)) return std::nullopt;
  return empty ? 0 : static_cast<std::uint64_t>(count);
}

std::vector<std::int64_t> dense_strides(std::span<const std::int64_t> shape, bool fortran) {
  std::vector<std::int64_t> strides(shape.size());
  std::int64_t stride = 1;
  for (std::size_t i = 0; i < shape.size(); ++i) {
    const std::size_t d = fortran ? i : shape.size() - 1 - i;
    strides[d] = stride;
    stride *= shape[d] > 0 ? shape[d] : 1;
  }
  return strides;
}

namespace {

bool is_dense(const Strided& t) {
  std::int64_t expected = 1;
  for (std::size_t d = t.shape.size(); d-- > 0;) {
    if (t.shape[d] == 1) continue;  // its stride is never used
    if (t.strides[d] != expected) return false;
    expected *= t.shape[d];
  }
  return true;
}

// The element that lies furthest from the storage's start; nullopt = overflow or negative stride.
std::optional<std::int64_t> last_element(const Strided& t) {
  std::int64_t last = t.offset;
  for (std::size_t d = 0; d < t.shape.size(); ++d) {
    std::int64_t reach = 0;
    if (t.strides[d] < 0 || __builtin_mul_overflow(t.shape[d] - 1, t.strides[d], &reach) ||
        __builtin_add_overflow(last, reach, &last))
      return std::nullopt;
  }
  return last;
}

template <std::size_t N>
void gather(const Strided& t, std::span<std::byte> out) {
  std::vector<std::int64_t> index(t.shape.size(), 0);
  std::int64_t at = t.offset;
  for (std::size_t to = 0; to < out.size(); to += N) {
    std::memcpy(out.data() + to, t.storage.data() + static_cast<std::size_t>(at) * N, N);
    for (std::size_t d = t.shape.size(); d-- > 0;) {  // to the next element in C order
      if (index[d] + 1 < t.shape[d]) {
        ++index[d];
        at += t.strides[d];
        break;
      }
      at -= t.strides[d] * index[d];
      index[d] = 0;
    }
  }
}

}  // namespace

std::optional<std::span<const std::byte>> in_c_order(
    const Strided& t, const std::function<std::span<std::byte>(std::uint64_t)>& allocate,
    std::string& problem) {
  const std::optional<std::uint64_t> count = count_elements(t.shape, t.element_bytes);
  if (!count || t.strides.size() != t.shape.size() || t.offset < 0) {
    problem = "has an impossible shape " + shape_text(t.shape);
    return std::nullopt;
  }
  if (*count == 0) return std::span<const std::byte>{};
  const std::uint64_t held = t.storage.size() / t.element_bytes;
  const std::optional<std::int64_t> last = last_element(t);
  if (!last || static_cast<std::uint64_t>(*last) >= held) {
    problem = "of shape " + shape_text(t.shape) + ", strides " + shape_text(t.strides) + " and offset " +
              std::to_string(t.offset) + " reaches outside of its storage of " + std::to_string(held) +
              " elements";
    return std::nullopt;
  }
  const std::uint64_t bytes = *count * t.element_bytes;
  if (is_dense(t))
    return t.storage.subspan(static_cast<std::size_t>(t.offset) * t.element_bytes,
                             static_cast<std::size_t>(bytes));
  const std::span<std::byte> out = allocate(bytes);
  if (out.empty()) {
    problem = "of shape " + shape_text(t.shape) + " and strides " + shape_text(t.strides) +
              " repeats its elements beyond the size of the file";
    return std::nullopt;
  }
  switch (t.element_bytes) {
    case 1: gather<1>(t, out); break;
    case 2: gather<2>(t, out); break;
    case 4: gather<4>(t, out); break;
    default: gather<8>(t, out); break;
  }
  return out;
}

}  // namespace cuhue
