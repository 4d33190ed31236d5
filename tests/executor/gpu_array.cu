// Device memory of a GPU, with guard bytes. A sanitizer sees more without them: with CUHUE_TEST_MEMORY=exact
// blocks have no guards, so that it notices a read beyond the end; with =unwritten they are not filled
// either, so that it notices a read of what nobody wrote (tests that look for the filling then fail).
#include <cuda_runtime.h>

#include <cstdlib>
#include <cstring>
#include <exception>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "tests/executor/device_array.h"

namespace cuhue::test {
namespace {

constexpr std::size_t kGuard = 256;
constexpr unsigned char kGuardByte = 0xA5, kPoison = 0xCD;

bool memory_is(std::string_view how) {
  const char* asked = std::getenv("CUHUE_TEST_MEMORY");
  return asked != nullptr && asked == how;
}

// Asked once: a block is released as it was allocated.
bool guarded() {
  static const bool answer = !memory_is("exact") && !memory_is("unwritten");
  return answer;
}

void check(cudaError_t error) {
  if (error != cudaSuccess) throw std::runtime_error(std::string("CUDA: ") + cudaGetErrorString(error));
}

}  // namespace

bool device_present() {
  int count = 0;
  if (cudaGetDeviceCount(&count) == cudaSuccess && count > 0) return true;
  (void)cudaGetLastError();  // the answer is no error of what follows
  return false;
}

// [size, guard | data | guard]
void* device_allocate(std::size_t bytes) {
  void* memory = nullptr;
  if (!guarded()) {
    check(cudaMalloc(&memory, bytes > 0 ? bytes : 1));
    if (!memory_is("unwritten")) check(cudaMemset(memory, kPoison, bytes));
    return memory;
  }
  check(cudaMalloc(&memory, 2 * kGuard + bytes));
  auto* start = static_cast<unsigned char*>(memory);
  check(cudaMemset(start, kGuardByte, 2 * kGuard + bytes));
  check(cudaMemset(start + kGuard, kPoison, bytes));
  device_copy(start, &bytes, sizeof bytes);
  return start + kGuard;
}

void device_free(void* data) {
  auto* start = static_cast<unsigned char*>(data) - (guarded() ? kGuard : 0);
  if (std::uncaught_exceptions() > 0) {  // says what is wrong already
    (void)cudaFree(start);
    return;
  }
  if (!guarded()) return check(cudaFree(start));
  std::size_t bytes = 0;
  device_copy(&bytes, start, sizeof bytes);
  std::vector<unsigned char> guards(2 * kGuard - sizeof bytes, kGuardByte);
  const std::vector<unsigned char> intact = guards;
  device_copy(guards.data(), start + sizeof bytes, kGuard - sizeof bytes);
  device_copy(guards.data() + kGuard - sizeof bytes, start + kGuard + bytes, kGuard);
  check(cudaFree(start));
  if (guards != intact) throw std::logic_error("a kernel wrote outside of its memory");
}

void device_copy(void* to, const void* from, std::size_t bytes) {
  check(cudaDeviceSynchronize());
  check(cudaMemcpy(to, from, bytes, cudaMemcpyDefault));
}

void for_each_order(const std::function<void()>& work) {
  for (int run = 0; run < 3; ++run) work();
}

}  // namespace cuhue::test
