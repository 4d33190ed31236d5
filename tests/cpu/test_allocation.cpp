// Counts the allocations of a steady-state run, by who asks: cuhue itself, oneDNN (which keeps small books in
// every call) or the OpenMP runtime.
#include <dlfcn.h>
#include <doctest/doctest.h>
#include <execinfo.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdlib>
#include <functional>
#include <memory>
#include <string>

#include "runtime/graph/backend.h"
#include "runtime/networks/network.h"

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
  REQUIRE(once != 0);
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

namespace cuhue {
namespace {

struct Tally {
  int own = 0, onednn = 0, openmp = 0, other = 0;
  std::size_t bytes = 0;
};

// Whose allocation it is: the first caller above this file, the C and the C++ library.
Tally tally() {
  Tally t;
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
    } else if (object.find("test_cpu_allocation") != std::string::npos) {
      ++t.own;
    } else {
      ++t.other;
    }
  }
  return t;
}

Tally recorded(const std::function<void()>& body) {
  count = 0;
  recording = true;
  body();
  recording = false;
  return tally();
}

TEST_CASE("a steady-state run allocates nothing of its own") {
  install();
  std::array<void*, 4> warm{};
  backtrace(warm.data(), 4);  // loads the unwinder
  for (const char* name : {"lite", "eccv16"}) {
    const Network& network = network_or_throw(name);
    const auto backend = make_cpu_backend();
    const std::string_view only[] = {"ab"};
    const auto program = backend->compile(build_graph(network, 1, 64, 64, {}, only),
                                          backend->make_weights(std::make_shared<FormulaSource>(network)),
                                          {.threads = 2, .optimize = true, .without = {}});
    program->run();
    const Tally t = recorded([&] { program->run(); });
    MESSAGE(std::string(name) << ": cuhue " << t.own << ", oneDNN " << t.onednn << ", OpenMP " << t.openmp
                              << ", other " << t.other << ", " << t.bytes << " bytes in all");
    CHECK(t.own == 0);
    CHECK(t.other == 0);
    CHECK(t.bytes < 256 * 1024);
  }
}

TEST_CASE("the count sees what this program allocates") {
  install();
  const Tally t = recorded([] {
    auto* p = new std::array<double, 100>;
    asm volatile("" : : "r"(p) : "memory");  // the pair must not be optimised away
    delete p;
  });
  CHECK(t.own == 1);
  CHECK(t.bytes == 800);
}

}  // namespace
}  // namespace cuhue
