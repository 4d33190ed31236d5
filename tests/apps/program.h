// Starts the cuhue program as a shell would.
#pragma once

#include <sys/types.h>

#include <map>
#include <string>
#include <vector>

namespace cuhue::test {

struct ProgramResult {
  int code = -1;  // exit status; 128 + n when ended by signal n
  std::string out, err;

  std::string last_error_line() const;
};

struct ProgramOptions {
  std::string input;                               // stdin
  std::map<std::string, std::string> environment;  // beside PATH; HOME is a folder that does not exist
  std::string directory;                           // empty = this one
  unsigned long address_space = 0;                 // bytes; 0 = no limit
  bool close_stdout_early = false;                 // stdout is a pipe that nobody reads
  bool ignore_interrupt = false;                   // SIGINT ignored from the start, as nohup does
};

ProgramResult run_program(const std::vector<std::string>& arguments, const ProgramOptions& options = {});

// A program that runs beside the test.
class RunningProgram {
 public:
  explicit RunningProgram(const std::vector<std::string>& arguments, const ProgramOptions& options = {});
  RunningProgram(const RunningProgram&) = delete;
  RunningProgram& operator=(const RunningProgram&) = delete;
  ~RunningProgram();

  pid_t pid() const { return pid_; }
  // Waits until the program has its handler of this signal in place; false when it ended before.
  bool wait_for_handler(int signal) const;
  void send(int signal) const;
  ProgramResult wait();  // to the end

 private:
  pid_t pid_ = -1;
  int in_ = -1, out_ = -1, err_ = -1;
  std::string input_;
};

}  // namespace cuhue::test
