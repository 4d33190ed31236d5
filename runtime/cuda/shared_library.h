// NVIDIA's libraries, opened when they are first needed: one package runs with them and without.
#pragma once

#include <dlfcn.h>

#include <string>

#include "weights/status.h"

namespace cuhue::cuda {

// Open for good: these libraries do not survive being closed.
class SharedLibrary {
 public:
  // Error(Status::device) names the library, the loader's reason and the remedy.
  SharedLibrary(const char* name, const char* remedy)
      : name_(name), remedy_(remedy), handle_(dlopen(name, RTLD_NOW | RTLD_LOCAL)) {
    if (handle_ != nullptr) return;
    const char* why = dlerror();
    refuse(std::string(" cannot be opened (") + (why == nullptr ? "no reason given" : why) + ")");
  }

  // Error(Status::device) when the library has no such function.
  template <class Function>
  void resolve(const char* function, Function& address) const {
    address = reinterpret_cast<Function>(dlsym(handle_, function));
    if (address == nullptr) refuse(std::string(" has no ") + function + ": it is too old");
  }

  [[noreturn]] void refuse(const std::string& why) const {
    throw Error(Status::device, name_ + why + "; " + remedy_);
  }

 private:
  std::string name_, remedy_;
  void* handle_;
};

}  // namespace cuhue::cuda
