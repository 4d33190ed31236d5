// Memory of a program or of packed weights: one block, aligned to 64 bytes, mapped straight from the system.
#pragma once

#include <cstddef>
#include <string_view>

namespace cuhue {

class Arena {
 public:
  Arena() = default;
  // Zeroed and touched by the pool's threads, so that no later access faults a page in.
  // Error(Status::out_of_memory) says what for, how much, and how to do with less.
  Arena(std::size_t bytes, std::string_view what);
  Arena(Arena&& other) noexcept;
  Arena& operator=(Arena&& other) noexcept;
  ~Arena();

  std::byte* data() const { return data_; }
  float* floats() const { return reinterpret_cast<float*>(data_); }
  std::size_t bytes() const { return bytes_; }

 private:
  std::byte* data_ = nullptr;
  std::size_t bytes_ = 0;
};

}  // namespace cuhue
