// Host memory that one kernel call after another works in.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace cuhue {

// Grows to the largest call and stays. Not thread-safe.
class Scratch {
 public:
  // `bytes`, aligned to 64, of undefined contents; valid until the next call.
  std::byte* get(std::size_t bytes) {
    constexpr std::size_t kAlignment = 64;
    if (memory_.size() < bytes + kAlignment) memory_ = std::vector<std::byte>(bytes + kAlignment);
    const std::size_t past = reinterpret_cast<std::uintptr_t>(memory_.data()) % kAlignment;
    return memory_.data() + (kAlignment - past) % kAlignment;
  }
  std::int64_t bytes() const { return static_cast<std::int64_t>(memory_.capacity()); }

 private:
  std::vector<std::byte> memory_;
};

}  // namespace cuhue
