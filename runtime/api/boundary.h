// How C++ meets the C API: exceptions become a status and a line, structs of any version are read and written
// whole.
#pragma once

#include <cstddef>
#include <cstring>
#include <exception>
#include <new>
#include <string>
#include <type_traits>

#include "cuhue/cuhue.h"
#include "weights/status.h"

namespace cuhue::api {

cuhue_status report(cuhue_error* error, Status status, const char* message) noexcept;

// Runs body; whatever it throws becomes the returned status and the text in *error.
template <class Body>
cuhue_status guard(cuhue_error* error, Body&& body) noexcept {
  try {
    body();
    return CUHUE_OK;
  } catch (const Error& e) {
    return report(error, e.status(), e.what());
  } catch (const std::bad_alloc&) {
    return report(error, Status::out_of_memory, "out of memory; use a smaller batch or picture");
  } catch (const std::exception& e) {
    return report(error, Status::internal, e.what());
  } catch (...) {
    return report(error, Status::internal, "unknown exception");
  }
}

inline void require(bool condition, const char* message) {
  if (!condition) throw Error(Status::usage, message);
}

// A C enum of the caller's may hold any number: C++ may look at it as its enum only when it is one of its
// values.
template <class E>
unsigned number_of(const E& value) {
  static_assert(std::is_enum_v<E> && sizeof(E) == sizeof(unsigned));
  unsigned number = 0;
  std::memcpy(&number, &value, sizeof number);
  return number;
}

// The caller's options as this version's struct: fields beyond the caller's struct_size are zero.
template <class T>
T read_struct(const T* from) {
  static_assert(std::is_trivially_copyable_v<T>);
  T to{};
  if (from != nullptr) {
    require(from->struct_size >= sizeof(std::size_t), "struct_size is 0; set it to sizeof the struct");
    std::memcpy(&to, from, from->struct_size < sizeof(T) ? from->struct_size : sizeof(T));
  }
  to.struct_size = sizeof(T);
  return to;
}

// Fills as much of the caller's struct as its struct_size covers.
template <class T>
void write_struct(T* to, T value) {
  static_assert(std::is_trivially_copyable_v<T>);
  require(to != nullptr, "a result pointer is NULL");
  require(to->struct_size >= sizeof(std::size_t), "struct_size is 0; set it to sizeof the struct");
  const std::size_t size = to->struct_size;
  std::memcpy(to, &value, size < sizeof(T) ? size : sizeof(T));
  to->struct_size = size;
}

}  // namespace cuhue::api
