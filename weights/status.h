// The one error type of the library. Inside, failures travel as exceptions; the C boundary turns them into
// a cuhue_status and one line of text. The numbers are the program's exit codes.
#pragma once

#include <stdexcept>
#include <string>

namespace cuhue {

enum class Status : int {
  ok = 0,
  some_failed = 1,    // a batch went on after a bad image
  usage = 2,          // wrong argument or setting
  input = 3,          // image or array unreadable or unsupported
  weights = 4,        // weight file or checkpoint missing, corrupt or mismatched
  out_of_memory = 5,  //
  device = 6,         //
  output = 7,         // a result cannot be written
  cancelled = 8,      //
  internal = 70,      // a defect in cuhue itself
};

// what(): one line, no trailing newline: what failed, where, and how to mend it.
class Error : public std::runtime_error {
 public:
  Error(Status status, const std::string& message) : std::runtime_error(message), status_(status) {}
  Status status() const noexcept { return status_; }

 private:
  Status status_;
};

}  // namespace cuhue
