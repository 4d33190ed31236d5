// The C API with owners and exceptions, and what every command needs around it.
#pragma once

#include <cuhue/cuhue.h>

#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace cuhue::app {

// A command's failure: the exit code, and one line that says what, where and how to mend it.
class Failure : public std::runtime_error {
 public:
  Failure(cuhue_status status, const std::string& message) : std::runtime_error(message), status_(status) {}
  cuhue_status status() const noexcept { return status_; }

 private:
  cuhue_status status_;
};

// The process's exit code. A value that no cuhue_status has is a defect: 70.
int exit_code(cuhue_status status);

struct ExceptionText {
  cuhue_status status;
  std::string message;
};
// Inside a catch block: what the exception in flight means. Failure and the converter's errors keep their
// status, std::bad_alloc is out of memory, everything unforeseen is an internal error.
ExceptionText current_exception();

template <auto Free>
struct Freer {
  template <class T>
  void operator()(T* p) const {
    Free(p);
  }
};
using Engine = std::unique_ptr<cuhue_engine, Freer<cuhue_engine_free>>;
using Weights = std::unique_ptr<cuhue_weights, Freer<cuhue_weights_free>>;
using NetworkHandle = std::unique_ptr<cuhue_network, Freer<cuhue_network_free>>;
using Picture = std::unique_ptr<cuhue_image, Freer<cuhue_image_free>>;
using Colorizer = std::unique_ptr<cuhue_colorizer, Freer<cuhue_colorizer_free>>;
using Bytes = std::unique_ptr<unsigned char, Freer<cuhue_bytes_free>>;

// A struct of the API with its size set and the rest zero.
template <class T>
T sized() {
  T t{};
  t.struct_size = sizeof t;
  return t;
}

// call(cuhue_network_run, net, nullptr, nullptr): appends the error argument and throws Failure.
template <class Function, class... Args>
void call(Function function, Args&&... args) {
  auto error = sized<cuhue_error>();
  const cuhue_status status = function(std::forward<Args>(args)..., &error);
  if (status != CUHUE_OK) throw Failure(status, error.message);
}

// The same for functions that give a new handle through the parameter before the error.
template <class Handle, class Function, class... Args>
Handle make(Function function, Args&&... args) {
  typename Handle::pointer raw = nullptr;
  call(function, std::forward<Args>(args)..., &raw);
  return Handle(raw);
}

struct DeviceOptions;
// threads: overrides the option when positive.
Engine make_engine(const DeviceOptions& options, int threads = 0);
std::string_view precision_name(cuhue_precision precision);
std::string_view dtype_name(cuhue_dtype dtype);
Weights open_weights(const std::filesystem::path& path);
Weights formula_weights(const std::string& network);

// What a caller of the network wants: everything but by-products, which cost fusions.
std::vector<const char*> result_outputs(const cuhue_network_info& network);

// The most memory this process has had resident.
std::int64_t peak_bytes();

}  // namespace cuhue::app
