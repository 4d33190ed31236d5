// libpng and libjpeg report errors by a callback that must not return. Throwing through their C frames is not
// defined, so the callbacks jump back here, and only then an exception is thrown.
#pragma once

#include <csetjmp>

namespace cuhue {

struct JumpGuard {
  std::jmp_buf place;
  char message[256] = {};      // the library's own words, filled by the error callback
  bool out_of_memory = false;  // an allocation of ours failed inside a callback
};

// Runs body; false when the library jumped out of it. body, and every function between it and the jump, may
// own nothing that needs a destructor: the jump skips them.
template <class Body>
bool run_guarded(JumpGuard& guard, const Body& body) {
  if (setjmp(guard.place) != 0) return false;
  body();
  return true;
}

}  // namespace cuhue
