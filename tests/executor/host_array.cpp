// Device memory of the host executor: the heap, with guard bytes.
#include <cstdlib>
#include <cstring>
#include <exception>
#include <stdexcept>

#include "tests/executor/asan.h"
#include "tests/executor/device_array.h"
#include "tests/executor/executor.h"

namespace cuhue::test {
namespace {

constexpr std::size_t kGuard = 256;  // also keeps the alignment that a GPU's allocator gives
constexpr unsigned char kGuardByte = 0xA5, kPoison = 0xCD;

class OrderScope {
 public:
  explicit OrderScope(simt::Order order) : before_(simt::order()) { simt::set_order(order); }
  ~OrderScope() { simt::set_order(before_); }
  OrderScope(const OrderScope&) = delete;
  OrderScope& operator=(const OrderScope&) = delete;

 private:
  simt::Order before_;
};

}  // namespace

bool device_present() {
  return true;
}

void* device_allocate(std::size_t bytes) {
  const std::size_t whole = (2 * kGuard + bytes + kGuard - 1) / kGuard * kGuard;
  auto* memory = static_cast<unsigned char*>(std::aligned_alloc(kGuard, whole));
  std::memset(memory, kGuardByte, whole);
  std::memcpy(memory, &bytes, sizeof bytes);
  std::memset(memory + kGuard, kPoison, bytes);
  ASAN_POISON_MEMORY_REGION(memory, kGuard);
  ASAN_POISON_MEMORY_REGION(memory + kGuard + bytes, whole - kGuard - bytes);
  return memory + kGuard;
}

void device_free(void* data) {
  auto* memory = static_cast<unsigned char*>(data) - kGuard;
  ASAN_UNPOISON_MEMORY_REGION(memory, kGuard);
  std::size_t bytes = 0;
  std::memcpy(&bytes, memory, sizeof bytes);
  ASAN_UNPOISON_MEMORY_REGION(memory + kGuard + bytes, kGuard);
  bool intact = true;
  for (std::size_t i = sizeof bytes; i < kGuard; ++i) intact = intact && memory[i] == kGuardByte;
  for (std::size_t i = kGuard + bytes; i < 2 * kGuard + bytes; ++i)
    intact = intact && memory[i] == kGuardByte;
  std::free(memory);
  if (!intact && std::uncaught_exceptions() == 0)
    throw std::logic_error("a kernel wrote outside of its memory");
}

void device_copy(void* to, const void* from, std::size_t bytes) {
  if (bytes > 0) std::memcpy(to, from, bytes);
}

void for_each_order(const std::function<void()>& work) {
  for (const simt::Order order : {simt::Order::forward, simt::Order::reverse, simt::Order::shuffled}) {
    const OrderScope scope(order);
    work();
  }
}

}  // namespace cuhue::test
