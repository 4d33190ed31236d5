// Memory that kernels under test work on: of the host executor, or of a GPU where the test links the real
// backend.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <span>
#include <stdexcept>
#include <vector>

#include "kernels/core/device_tensor.h"

namespace cuhue::test {

// ---- one implementation for the executor (host_array.cpp), one for a GPU (gpu_array.cu)
bool device_present();  // false: the binary is for GPUs and there is none; its tests are skipped
void* device_allocate(std::size_t bytes);  // filled with 0xCD: floats of it are far from any result
void device_free(void* memory);            // throws when the guard bytes around it were written to
void device_copy(void* to, const void* from,
                 std::size_t bytes);  // any direction, done on return; waits for kernels
// Runs `work` in every order that threads of a block can be taken in: forward, reverse, shuffled. On a GPU
// three times as it is.
void for_each_order(const std::function<void()>& work);
// What `run` gives in every order, which must be the same bits: throws std::logic_error when it is not.
template <class Run>
auto same_in_every_order(Run&& run) {
  std::vector<decltype(run())> results;
  for_each_order([&] { results.push_back(run()); });
  for (const auto& values : results) {
    const auto bytes = std::as_bytes(std::span(values)), first = std::as_bytes(std::span(results.front()));
    if (bytes.size() != first.size() || std::memcmp(bytes.data(), first.data(), bytes.size()) != 0)
      throw std::logic_error("a kernel's results depend on the order of its threads or blocks");
  }
  return results.front();
}

template <class T>
class DeviceArray {
 public:
  explicit DeviceArray(std::size_t count) : count_(count), data_(device_allocate(count * sizeof(T))) {}
  explicit DeviceArray(std::span<const T> values) : DeviceArray(values.size()) { write(values); }
  DeviceArray(const DeviceArray&) = delete;
  DeviceArray& operator=(const DeviceArray&) = delete;
  ~DeviceArray() noexcept(false) { device_free(data_); }

  T* data() const { return static_cast<T*>(data_); }
  std::size_t size() const { return count_; }
  void write(std::span<const T> values) { device_copy(data_, values.data(), values.size_bytes()); }
  std::vector<T> read() const {
    std::vector<T> values(count_);
    device_copy(values.data(), data_, count_ * sizeof(T));
    return values;
  }

 private:
  std::size_t count_;
  void* data_;
};

// A tensor in device memory, [n, h, w, c] with `pitch`, for values given and taken as float planes [n, c, h,
// w].
class DeviceArrayTensor {
 public:
  // `offset` elements before the first: moves it off its alignment.
  DeviceArrayTensor(Dims dims, Element element, std::int64_t pitch, std::int64_t offset = 0);
  DeviceArrayTensor(Dims dims, Element element) : DeviceArrayTensor(dims, element, dims.c) {}
  const DeviceTensor& ref() const { return ref_; }
  void write(std::span<const float> planes);
  std::vector<float> read() const;
  std::vector<std::uint8_t> bytes() const {
    return memory_.read();
  }  // all of it, what lies between pixels too

 private:
  DeviceArray<std::uint8_t> memory_;
  DeviceTensor ref_;
};

}  // namespace cuhue::test
