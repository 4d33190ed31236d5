// What a person sees on stderr, and data on stdout. All functions may be called from any thread.
#pragma once

#include <cuhue/cuhue.h>

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace cuhue::app {

struct CommonOptions;

// Once, before anything is printed.
void set_up_console(const CommonOptions& options);
int verbosity();  // -1 quiet, 0 normal, 1 -v, 2 -vv

// "cuhue: message", always one line.
void print_error(std::string_view message);
void print_warning(std::string_view message);  // not with --quiet
void print_note(std::string_view message);     // a plain line; not with --quiet
void print_detail(std::string_view message);   // only with -v

// "n/N text": a line each, or one bar that is redrawn when stderr is a terminal.
void print_progress(std::size_t done, std::size_t total, std::string_view text);
// Part of one step, 0..1; only drawn on a terminal.
void print_fraction(double fraction, std::string_view text);

// For cuhue_engine_options.log.
void log_to_console(void* user, cuhue_log_level level, const char* message);
cuhue_log_level console_log_level();

// Throws Failure with CUHUE_OUTPUT (a closed pipe, a full disk).
void write_stdout(std::span<const std::byte> bytes);
void write_stdout(std::string_view text);

std::string format_seconds(double seconds);  // "12.3 ms", "1.24 s"
std::string format_bytes(double bytes);      // "3.8 MB"

}  // namespace cuhue::app
