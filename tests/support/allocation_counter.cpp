#include "tests/support/allocation_counter.h"

#include <dlfcn.h>
#include <execinfo.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdlib>
#include <string>

namespace {

struct Allocation {
  std::size_t bytes = 0;
  int frames = 0;
  std::array<void*, 12> callers{};
};
constexpr std::size_t kMost = 16384;
std::array<Allocation, kMost> allocations;
std::atomic<std::size_t> count{0};
std::atomic<bool> recording{false};
thread_local bool inside = false;

void note(std::size_t bytes) {
  if (!recording.load(std::memory_order_relaxed) || inside) return;
  inside = true;
  const std::size_t i = count.fetch_add(1);
  if (i < kMost) {
    allocations[i].bytes = bytes;
    allocations[i].frames = backtrace(allocations[i].callers.data(), 12);
  }
  inside = false;
}

}  // namespace

#if defined(__SANITIZE_ADDRESS__)
extern "C" int __sanitizer_install_malloc_and_free_hooks(void (*)(const volatile void*, std::size_t),
                                                         void (*)(const volatile void*));
namespace {
void sanitizer_note(const volatile void*, std::size_t bytes) {
  note(bytes);
}
void sanitizer_free(const volatile void*) {}
void install() {
  static const int once = __sanitizer_install_malloc_and_free_hooks(sanitizer_note, sanitizer_free);
  if (once == 0) std::abort();  // nothing would be counted
}
}  // namespace
#else
extern "C" {
// glibc's own, under the names it keeps for those who replace malloc.
void* __libc_malloc(std::size_t);                 // NOLINT(bugprone-reserved-identifier)
void* __libc_calloc(std::size_t, std::size_t);    // NOLINT(bugprone-reserved-identifier)
void* __libc_realloc(void*, std::size_t);         // NOLINT(bugprone-reserved-identifier)
void* __libc_memalign(std::size_t, std::size_t);  // NOLINT(bugprone-reserved-identifier)

#pragma GCC visibility push(default)
void* malloc(std::size_t bytes) {
  note(bytes);
  return __libc_malloc(bytes);
}
void* calloc(std::size_t items, std::size_t size) {
  note(items * size);
  return __libc_calloc(items, size);
}
void* realloc(void* old, std::size_t bytes) {
  note(bytes);
  return __libc_realloc(old, bytes);
}
void* aligned_alloc(std::size_t alignment, std::size_t bytes) {
  note(bytes);
  return __libc_memalign(alignment, bytes);
}
int posix_memalign(void** out, std::size_t alignment, std::size_t bytes) {
  note(bytes);
  *out = __libc_memalign(alignment, bytes);
  return *out == nullptr ? 12 : 0;
}
#pragma GCC visibility pop
}
namespace {
void install() {}
}  // namespace
#endif

namespace cuhue::test {
namespace {

std::string file_of(void* address) {
  Dl_info info{};
  return dladdr(address, &info) != 0 ? info.dli_fname : "";
}

// Whose allocation it is: the first caller above this file, the C and the C++ library.
AllocationTally tally() {
  AllocationTally t;
  const std::string executable = file_of(reinterpret_cast<void*>(&file_of));
  for (std::size_t i = 0; i < std::min(count.load(), kMost); ++i) {
    const Allocation& a = allocations[i];
    t.bytes += a.bytes;
    std::string object;
    for (int f = 0; f < a.frames; ++f) {
      Dl_info info{};
      if (dladdr(a.callers[static_cast<std::size_t>(f)], &info) == 0) continue;
      const std::string symbol = info.dli_sname != nullptr ? info.dli_sname : "";
      object = info.dli_fname;
      const bool mine = f < 2 || symbol == "malloc" || symbol == "calloc" || symbol == "realloc" ||
                        symbol == "aligned_alloc" || symbol == "posix_memalign" || symbol.find("_Zn") == 0;
      const bool library = object.find("libstdc++") != std::string::npos ||
                           object.find("libc.so") != std::string::npos ||
                           object.find("libasan") != std::string::npos;
      if (!mine && !library) break;
    }
    if (object.find("libdnnl") != std::string::npos) {
      ++t.onednn;
    } else if (object.find("libgomp") != std::string::npos || object.find("libomp") != std::string::npos) {
      ++t.openmp;
    } else if (object == executable || object.find("libcuhue") != std::string::npos) {
      ++t.own;
    } else {
      ++t.other;
    }
  }
  return t;
}

}  // namespace

AllocationTally allocations_of(const std::function<void()>& body) {
  install();
  std::array<void*, 4> warm{};
  backtrace(warm.data(), 4);  // loads the unwinder
  count = 0;
  recording = true;
  body();
  recording = false;
  return tally();
}

}  // namespace cuhue::test
