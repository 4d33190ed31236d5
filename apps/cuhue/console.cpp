#include "apps/cuhue/console.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <mutex>

#include "apps/cuhue/api.h"
#include "apps/cuhue/options.h"

namespace cuhue::app {
namespace {

struct State {
  std::mutex mutex;
  int verbosity = 0;
  bool terminal = false;
  bool bar_drawn = false;
};

State& state() {
  static State s;
  return s;
}

// stderr may be a closed pipe: nothing can be said about that, and the work goes on.
void write_line(State& s, std::string_view prefix, std::string_view message) {
  std::string line;
  if (s.bar_drawn) line = "\r\x1b[K";
  s.bar_drawn = false;
  line.append(prefix).append(message);
  std::replace(line.begin() + static_cast<std::ptrdiff_t>(line.size() - message.size()), line.end(), '\n',
               ' ');
  line += '\n';
  std::fwrite(line.data(), 1, line.size(), stderr);
}

void say(int level, std::string_view prefix, std::string_view message) {
  State& s = state();
  const std::lock_guard lock(s.mutex);
  if (s.verbosity >= level) write_line(s, prefix, message);
}

void draw_bar(State& s, double fraction, std::string_view text) {
  constexpr int kWidth = 24;
  const int filled = static_cast<int>(std::clamp(fraction, 0.0, 1.0) * kWidth);
  std::string line = "\r\x1b[K[";
  line.append(static_cast<std::size_t>(filled), '#').append(static_cast<std::size_t>(kWidth - filled), ' ');
  line.append("] ").append(text);
  std::fwrite(line.data(), 1, line.size(), stderr);
  s.bar_drawn = true;
}

}  // namespace

void set_up_console(const CommonOptions& options) {
  State& s = state();
  s.verbosity = options.quiet ? -1 : options.verbose;
  s.terminal = isatty(STDERR_FILENO) == 1;
}

int verbosity() {
  return state().verbosity;
}

void print_error(std::string_view message) {
  say(-1, "cuhue: ", message);
}
void print_warning(std::string_view message) {
  say(0, "cuhue: warning: ", message);
}
void print_note(std::string_view message) {
  say(0, "", message);
}
void print_detail(std::string_view message) {
  say(1, "", message);
}

void print_progress(std::size_t done, std::size_t total, std::string_view text) {
  State& s = state();
  const std::lock_guard lock(s.mutex);
  if (s.verbosity < 0) return;
  const std::string counted = std::to_string(done) + "/" + std::to_string(total) + " " + std::string(text);
  if (s.terminal && s.verbosity == 0 && done < total) {
    draw_bar(s, static_cast<double>(done) / static_cast<double>(total), counted);
  } else {
    write_line(s, "", counted);
  }
}

void print_fraction(double fraction, std::string_view text) {
  State& s = state();
  const std::lock_guard lock(s.mutex);
  if (s.terminal && s.verbosity >= 0) draw_bar(s, fraction, text);
}

void log_to_console(void* /*user*/, cuhue_log_level level, const char* message) {
  switch (level) {
    case CUHUE_LOG_ERROR: print_error(message); break;
    case CUHUE_LOG_WARNING: print_warning(message); break;
    case CUHUE_LOG_INFO:
    case CUHUE_LOG_DEBUG: print_detail(message); break;
  }
}

cuhue_log_level console_log_level() {
  if (verbosity() < 0) return CUHUE_LOG_ERROR;
  if (verbosity() == 0) return CUHUE_LOG_WARNING;
  return verbosity() == 1 ? CUHUE_LOG_INFO : CUHUE_LOG_DEBUG;
}

void write_stdout(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t n = write(STDOUT_FILENO, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      throw Failure(CUHUE_OUTPUT, std::string("standard output: ") + std::strerror(errno) +
                                      "; keep its reader open, or write to a file");
    }
    bytes = bytes.subspan(static_cast<std::size_t>(n));
  }
}

void write_stdout(std::string_view text) {
  write_stdout(std::as_bytes(std::span(text)));
}

std::string format_seconds(double seconds) {
  std::array<char, 32> text{};
  if (seconds < 1) {
    std::snprintf(text.data(), text.size(), seconds < 0.01 ? "%.2f ms" : "%.1f ms", seconds * 1e3);
  } else {
    std::snprintf(text.data(), text.size(), "%.2f s", seconds);
  }
  return text.data();
}

std::string format_bytes(double bytes) {
  constexpr std::array kUnits = {"bytes", "kB", "MB", "GB", "TB"};
  std::size_t unit = 0;
  while (bytes >= 1000 && unit + 1 < kUnits.size()) {
    bytes /= 1000;
    ++unit;
  }
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), unit == 0 || bytes >= 100 ? "%.0f %s" : "%.1f %s", bytes,
                kUnits[unit]);
  return text.data();
}

}  // namespace cuhue::app
