#include "tests/apps/program.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <stdexcept>
#include <thread>
#include <utility>

namespace cuhue::test {
namespace {

struct Pipe {
  int read = -1, write = -1;
  Pipe() {
    int fds[2];
    if (pipe2(fds, O_CLOEXEC) != 0) throw std::runtime_error("pipe failed");
    read = fds[0];
    write = fds[1];
  }
};

std::vector<char*> pointers(std::vector<std::string>& strings) {
  std::vector<char*> list;
  for (std::string& s : strings) list.push_back(s.data());
  list.push_back(nullptr);
  return list;
}

std::vector<std::string> environment_of(const ProgramOptions& options) {
  std::map<std::string, std::string> all = {{"HOME", "/nonexistent"}, {"PATH", "/usr/bin:/bin"}};
  for (const char* name : {"ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS", "LD_LIBRARY_PATH"}) {
    if (const char* value = std::getenv(name)) all[name] = value;
  }
  for (const auto& [name, value] : options.environment) all[name] = value;
  std::vector<std::string> list;
  for (const auto& [name, value] : all) list.push_back(name + "=" + value);
  return list;
}

void close_if_open(int& fd) {
  if (fd >= 0) close(fd);
  fd = -1;
}

// False at the end of the stream.
bool read_some(int fd, std::string& to) {
  char buffer[65536];
  const ssize_t n = read(fd, buffer, sizeof buffer);
  if (n > 0) to.append(buffer, static_cast<std::size_t>(n));
  return n > 0 || (n < 0 && errno == EINTR);
}

}  // namespace

std::string ProgramResult::last_error_line() const {
  std::string text = err;
  while (text.ends_with('\n')) text.pop_back();
  const std::size_t begin = text.rfind('\n');
  return begin == std::string::npos ? text : text.substr(begin + 1);
}

RunningProgram::RunningProgram(const std::vector<std::string>& arguments, const ProgramOptions& options)
    : input_(options.input) {
  const Pipe in, out, err;
  std::vector<std::string> words = {CUHUE_PROGRAM};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<std::string> variables = environment_of(options);
  const std::vector<char*> argv = pointers(words);
  const std::vector<char*> envp = pointers(variables);
  pid_ = fork();
  if (pid_ < 0) throw std::runtime_error("fork failed");
  if (pid_ == 0) {
    dup2(in.read, 0);
    dup2(out.write, 1);
    dup2(err.write, 2);
    if (!options.directory.empty() && chdir(options.directory.c_str()) != 0) _exit(126);
    if (options.address_space != 0) {
      const rlimit limit = {options.address_space, options.address_space};
      setrlimit(RLIMIT_AS, &limit);
    }
    signal(SIGPIPE, SIG_DFL);
    signal(SIGINT, options.ignore_interrupt ? SIG_IGN : SIG_DFL);
    execve(argv[0], argv.data(), envp.data());
    _exit(127);
  }
  close(in.read);
  close(out.write);
  close(err.write);
  in_ = in.write;
  out_ = out.read;
  err_ = err.read;
  if (options.close_stdout_early) close_if_open(out_);
}

RunningProgram::~RunningProgram() {
  for (int* fd : {&in_, &out_, &err_}) close_if_open(*fd);
  if (pid_ > 0) {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
}

bool RunningProgram::wait_for_handler(int signal) const {
  const std::string path = "/proc/" + std::to_string(pid_) + "/status";
  for (int i = 0; i < 100000; ++i) {
    std::ifstream status(path);
    std::string line;
    while (std::getline(status, line)) {
      // Before exec it is still this process, with this process's handlers.
      if (line.starts_with("Name:") && line != "Name:\tcuhue") break;
      if (line.starts_with("State:") && line.find('Z') != std::string::npos) return false;
      if (!line.starts_with("SigCgt:")) continue;
      const unsigned long long caught = std::strtoull(line.c_str() + 7, nullptr, 16);
      if ((caught >> (signal - 1) & 1) != 0) return true;
    }
    std::this_thread::sleep_for(std::chrono::microseconds(200));
  }
  return false;
}

void RunningProgram::send(int signal) const {
  kill(pid_, signal);
}

ProgramResult RunningProgram::wait() {
  signal(SIGPIPE, SIG_IGN);  // the program may end before it read its input
  ProgramResult result;
  std::size_t sent = 0;
  while (out_ >= 0 || err_ >= 0) {
    if (in_ >= 0 && sent == input_.size()) close_if_open(in_);
    pollfd fds[3] = {{out_, POLLIN, 0}, {err_, POLLIN, 0}, {in_, POLLOUT, 0}};
    if (poll(fds, 3, -1) < 0) continue;
    if (fds[0].revents != 0 && !read_some(out_, result.out)) close_if_open(out_);
    if (fds[1].revents != 0 && !read_some(err_, result.err)) close_if_open(err_);
    if (fds[2].revents != 0) {
      const ssize_t n = write(in_, input_.data() + sent, std::min<std::size_t>(4096, input_.size() - sent));
      if (n > 0) sent += static_cast<std::size_t>(n);
      if (n < 0 && errno != EINTR) close_if_open(in_);
    }
  }
  int status = 0;
  waitpid(std::exchange(pid_, -1), &status, 0);
  result.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return result;
}

ProgramResult run_program(const std::vector<std::string>& arguments, const ProgramOptions& options) {
  return RunningProgram(arguments, options).wait();
}

}  // namespace cuhue::test
