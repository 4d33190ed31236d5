#include "tests/converter/measured.h"

#include <malloc.h>

#include <atomic>
#include <cstdlib>
#include <new>

namespace {
std::atomic<std::size_t> live_bytes{0}, peak_bytes{0};

void* counted_or_null(std::size_t size) noexcept {
  void* const p = std::malloc(size == 0 ? 1 : size);
  if (p == nullptr) return nullptr;
  const std::size_t now = live_bytes += ::malloc_usable_size(p);
  if (now > peak_bytes) peak_bytes = now;
  return p;
}
void* counted(std::size_t size) {
  void* const p = counted_or_null(size);
  if (p == nullptr) throw std::bad_alloc();
  return p;
}
void uncount(void* p) noexcept {
  if (p == nullptr) return;
  live_bytes -= ::malloc_usable_size(p);
  std::free(p);
}
}  // namespace

// Every allocation of this program is counted.
void* operator new(std::size_t size) {
  return counted(size);
}
void* operator new[](std::size_t size) {
  return counted(size);
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  return counted_or_null(size);
}
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept {
  return counted_or_null(size);
}
void operator delete(void* p, const std::nothrow_t&) noexcept {
  uncount(p);
}
void operator delete[](void* p, const std::nothrow_t&) noexcept {
  uncount(p);
}
void operator delete(void* p) noexcept {
  uncount(p);
}
void operator delete[](void* p) noexcept {
  uncount(p);
}
void operator delete(void* p, std::size_t) noexcept {
  uncount(p);
}
void operator delete[](void* p, std::size_t) noexcept {
  uncount(p);
}

namespace cuhue::testing {

std::size_t live_allocated() {
  return live_bytes;
}
void forget_peak() {
  peak_bytes = live_bytes.load();
}
std::size_t peak_allocated() {
  return peak_bytes;
}

}  // namespace cuhue::testing
