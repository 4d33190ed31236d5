// NumPy's .npy files: C-ordered little-endian float32, float16, uint8 and int32 arrays, versions 1.0 to 3.0.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace cuhue::app {

enum class NpyType : std::uint8_t { f32, f16, u8, i32 };

std::string_view name_of(NpyType type);  // "float32"
std::size_t size_of(NpyType type);       // bytes of an element

struct NpyArray {
  NpyType type = NpyType::f32;
  std::vector<std::int64_t> shape;  // empty = scalar
  std::vector<std::byte> data;      // C order, product(shape) * size_of(type) bytes
};

// label: what is wrong, where, and what to do about it, in one line.
class NpyError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// label names the file in messages. Throws NpyError: not an npy file, an unknown version, a header outside
// NumPy's own form, Fortran order, big endian, another element type, a shape that overflows, data that is
// shorter or longer than the shape says. Takes no more memory than the file's size.
NpyArray parse_npy(std::span<const std::byte> file, const std::string& label);

// Version 1.0; data begins at a multiple of 64 bytes. data.size() must be product(shape) * size_of(type).
std::vector<std::byte> npy_bytes(NpyType type, std::span<const std::int64_t> shape,
                                 std::span<const std::byte> data);

// Values as they are: no scaling. out has product(shape) elements.
void to_float(const NpyArray& array, std::span<float> out);

std::string shape_text(std::span<const std::int64_t> shape);  // "(1, 3, 64, 96)"

}  // namespace cuhue::app
