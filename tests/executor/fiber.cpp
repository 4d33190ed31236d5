#include "tests/executor/fiber.h"

#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <new>

#include "tests/executor/asan.h"

// Saves the registers that a call preserves on the stack, its pointer in *save, and takes up the stack `to`.
extern "C" void simt_switch_stack(void** save, void* to);

#if defined(__x86_64__)
asm(R"(
.pushsection .text
.globl simt_switch_stack
.hidden simt_switch_stack
.type simt_switch_stack, @function
simt_switch_stack:
  push %rbp
  push %rbx
  push %r12
  push %r13
  push %r14
  push %r15
  mov %rsp, (%rdi)
  mov %rsi, %rsp
  pop %r15
  pop %r14
  pop %r13
  pop %r12
  pop %rbx
  pop %rbp
  ret
.size simt_switch_stack, . - simt_switch_stack
.popsection
)");
#elif defined(__aarch64__)
asm(R"(
.pushsection .text
.globl simt_switch_stack
.hidden simt_switch_stack
.type simt_switch_stack, %function
simt_switch_stack:
  sub sp, sp, #160
  stp x19, x20, [sp, #0]
  stp x21, x22, [sp, #16]
  stp x23, x24, [sp, #32]
  stp x25, x26, [sp, #48]
  stp x27, x28, [sp, #64]
  stp x29, x30, [sp, #80]
  stp d8, d9, [sp, #96]
  stp d10, d11, [sp, #112]
  stp d12, d13, [sp, #128]
  stp d14, d15, [sp, #144]
  mov x9, sp
  str x9, [x0]
  mov sp, x1
  ldp x19, x20, [sp, #0]
  ldp x21, x22, [sp, #16]
  ldp x23, x24, [sp, #32]
  ldp x25, x26, [sp, #48]
  ldp x27, x28, [sp, #64]
  ldp x29, x30, [sp, #80]
  ldp d8, d9, [sp, #96]
  ldp d10, d11, [sp, #112]
  ldp d12, d13, [sp, #128]
  ldp d14, d15, [sp, #144]
  add sp, sp, #160
  ret
.size simt_switch_stack, . - simt_switch_stack
.popsection
)");
#else
#error "the host executor of the kernel tests knows x86-64 and aarch64; build with CUHUE_BUILD_TESTS=OFF"
#endif

namespace simt {
namespace {

constexpr std::size_t kGuardBytes = 64 * 1024;  // a multiple of every page size
#if defined(SIMT_ADDRESS_SANITIZER)
constexpr std::size_t kStackBytes = 512 * 1024;  // its frames are large
#else
constexpr std::size_t kStackBytes = 128 * 1024;
#endif

thread_local Fiber* starting = nullptr;

// The two halves of a switch, for AddressSanitizer.
void announce_switch([[maybe_unused]] void** fake_stack, [[maybe_unused]] const void* stack,
                     [[maybe_unused]] std::size_t bytes) {
#if defined(SIMT_ADDRESS_SANITIZER)
  __sanitizer_start_switch_fiber(fake_stack, stack, bytes);
#endif
}
void complete_switch([[maybe_unused]] void* fake_stack, [[maybe_unused]] const void** from,
                     [[maybe_unused]] std::size_t* bytes) {
#if defined(SIMT_ADDRESS_SANITIZER)
  __sanitizer_finish_switch_fiber(fake_stack, from, bytes);
#endif
}

// Stacks that all ended at the same offset of a page would share a few sets of the caches.
std::size_t stagger() {
  static std::atomic<std::size_t> fibers{0};
  return fibers++ * 9 * 64 % 16384;
}

}  // namespace

Fiber::Fiber(void (*body)(void*), void* argument)
    : body_(body), argument_(argument), fake_stack_{}, outside_stack_(nullptr), outside_bytes_(0) {
  void* memory = mmap(nullptr, kGuardBytes + kStackBytes, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED || mprotect(memory, kGuardBytes, PROT_NONE) != 0) throw std::bad_alloc();
  memory_ = static_cast<std::byte*>(memory);
  // What simt_switch_stack takes up: zeroed registers, and start() as where it returns to.
  auto** top = reinterpret_cast<void**>(memory_ + kGuardBytes + kStackBytes - stagger());
#if defined(__x86_64__)
  top[-2] = reinterpret_cast<void*>(&Fiber::start);  // and above it no caller
  inside_ = top - 8;
#else
  top[-20 + 11] = reinterpret_cast<void*>(&Fiber::start);
  inside_ = top - 20;
#endif
  outside_ = nullptr;
}

Fiber::~Fiber() {
  ASAN_UNPOISON_MEMORY_REGION(memory_ + kGuardBytes, kStackBytes);
  munmap(memory_, kGuardBytes + kStackBytes);
}

void Fiber::resume() {
  starting = this;
  announce_switch(&fake_stack_[1], memory_ + kGuardBytes, kStackBytes);
  simt_switch_stack(&outside_, inside_);
  complete_switch(fake_stack_[1], nullptr, nullptr);
}

void Fiber::leave() {
  announce_switch(&fake_stack_[0], outside_stack_, outside_bytes_);
  simt_switch_stack(&inside_, outside_);
  complete_switch(fake_stack_[0], &outside_stack_, &outside_bytes_);
}

void Fiber::start() {
  Fiber& fiber = *starting;
  complete_switch(nullptr, &fiber.outside_stack_, &fiber.outside_bytes_);
  fiber.body_(fiber.argument_);
  __builtin_trap();
}

}  // namespace simt
