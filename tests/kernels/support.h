// What the kernel tests share: seeded numbers, tensors in any layout inside guarded storage.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "kernels/core/parallel.h"
#include "kernels/core/tensor.h"

namespace cuhue::test {

inline std::uint64_t splitmix64(std::uint64_t x) {
  x += 0x9E3779B97F4A7C15u;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
  return x ^ (x >> 31);
}

class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next() { return splitmix64(state_ += 0x9E3779B97F4A7C15u); }
  double uniform(double low, double high) {
    return low + (high - low) * static_cast<double>(next() >> 11) * 0x1p-53;
  }

 private:
  std::uint64_t state_;
};

// A tensor with room around every image: whatever a kernel writes outside its channels' blocks is found.
class Guarded {
 public:
  Guarded(Dims dims, std::int64_t block, std::int64_t extra_stride = 0) {
    ref_ = dense_tensor(nullptr, dims, block);
    ref_.batch_stride += extra_stride;
    storage_.assign(static_cast<std::size_t>(ref_.batch_stride * dims.n + 2 * kGuard), kCanary);
    ref_.data = storage_.data() + kGuard;
  }
  Guarded(const Guarded& o) : storage_(o.storage_), ref_(o.ref_) { ref_.data = storage_.data() + kGuard; }
  Guarded& operator=(const Guarded&) = delete;

  const TensorRef& ref() const { return ref_; }
  float& at(std::int64_t n, std::int64_t c, std::int64_t y, std::int64_t x) {
    return ref_.data[n * ref_.batch_stride + c / ref_.block * ref_.plane() +
                     (y * ref_.dims.w + x) * ref_.block + c % ref_.block];
  }
  // Values in [low, high), the same for every layout; padding channels 0.
  void fill(std::uint64_t seed, double low, double high) {
    Random random(seed);
    for_each_padded([&](float& v) { v = 0.0f; });
    const Dims d = ref_.dims;
    for (std::int64_t n = 0; n < d.n; ++n)
      for (std::int64_t c = 0; c < d.c; ++c)
        for (std::int64_t y = 0; y < d.h; ++y)
          for (std::int64_t x = 0; x < d.w; ++x)
            at(n, c, y, x) = static_cast<float>(random.uniform(low, high));
  }
  // Everything outside the images' blocks is as it was, and padding channels are 0.
  bool intact() {
    bool ok = true;
    for (std::size_t i = 0; i < storage_.size(); ++i) {
      const std::int64_t place = static_cast<std::int64_t>(i) - kGuard;
      const bool inside =
          place >= 0 && place / ref_.batch_stride < ref_.dims.n && place % ref_.batch_stride < ref_.image();
      ok = ok && (inside || storage_[i] == kCanary);
    }
    for_each_padded([&](float& v) { ok = ok && v == 0.0f; });
    return ok;
  }
  bool same_bits(const Guarded& o) const {
    return storage_.size() == o.storage_.size() &&
           std::memcmp(storage_.data(), o.storage_.data(), storage_.size() * sizeof(float)) == 0;
  }

 private:
  static constexpr std::int64_t kGuard = 32;
  static constexpr float kCanary = -12345.5f;

  template <class F>
  void for_each_padded(F&& f) {
    const Dims d = ref_.dims;
    for (std::int64_t n = 0; n < d.n; ++n)
      for (std::int64_t c = d.c; c < ref_.blocks() * ref_.block; ++c)
        for (std::int64_t y = 0; y < d.h; ++y)
          for (std::int64_t x = 0; x < d.w; ++x) f(at(n, c, y, x));
  }

  std::vector<float> storage_;
  TensorRef ref_;
};

template <class F>
void for_each_element(Dims d, F&& f) {
  for (std::int64_t n = 0; n < d.n; ++n)
    for (std::int64_t c = 0; c < d.c; ++c)
      for (std::int64_t y = 0; y < d.h; ++y)
        for (std::int64_t x = 0; x < d.w; ++x) f(n, c, y, x);
}

// Scratch at the alignment kernels ask for, exactly as long as they asked.
class Scratch {
 public:
  explicit Scratch(std::size_t bytes) : storage_(new (std::align_val_t{64}) std::byte[bytes]) {}
  ~Scratch() { ::operator delete[](storage_, std::align_val_t{64}); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  std::byte* data() const { return storage_; }

 private:
  std::byte* storage_;
};

// Calls run() with one thread and with two and three; the results must be the same bits.
template <class Run>
bool same_for_any_threads(Guarded& out, Run&& run) {
  Guarded first(out);
  {
    ThreadScope one(1);
    run(first);
  }
  bool same = true;
  for (int threads : {2, 3}) {
    Guarded again(out);
    ThreadScope scope(threads);
    run(again);
    same = same && again.same_bits(first);
  }
  std::memcpy(out.ref().data, first.ref().data,
              static_cast<std::size_t>(out.ref().batch_stride * out.ref().dims.n) * sizeof(float));
  return same;
}

}  // namespace cuhue::test
