// Stacks of their own that a thread switches between, by a dozen instructions; swapcontext would make a
// system call each time, for the signal mask.
#pragma once

#include <cstddef>

namespace simt {

// A function that can be left in the middle and gone on with. It belongs to one OS thread.
class Fiber {
 public:
  // `body` runs on the first resume(); it must never return, nor throw. Fibers are abandoned by destroying
  // them: what lives on the stack is not destroyed then.
  Fiber(void (*body)(void*), void* argument);
  ~Fiber();
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;

  void resume();  // called from the thread's own stack; returns when the fiber leaves
  void leave();   // called on the fiber

 private:
  static void start();

  void (*body_)(void*);
  void* argument_;
  std::byte* memory_;    // a guard page, then the stack
  void* inside_;         // the fiber's stack pointer while it does not run
  void* outside_;        // that of who resumed it
  void* fake_stack_[2];  // AddressSanitizer's books: the fiber's, the resumer's
  const void* outside_stack_;
  std::size_t outside_bytes_;
};

}  // namespace simt
