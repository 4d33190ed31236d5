// What the commands' options are made of. Only the sources of options include this header, and CLI11.
#pragma once

#include <CLI/CLI.hpp>
#include <charconv>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "apps/cuhue/options.h"

namespace cuhue::app {

inline constexpr const char* kExitCodes =
    "\nExit codes: 0 ok, 1 some pictures of a batch failed, 2 usage, 3 input unreadable or unsupported, 4 "
    "weights\n"
    "missing, corrupt or mismatched, 5 out of memory, 6 device error, 7 output not writable, 8 cancelled,\n"
    "70 internal error.";

// Throws Failure with CUHUE_USAGE.
[[noreturn]] void usage(const std::string& message);

template <class T>
bool parse_number(std::string_view text, T& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

// "NAME=FILE": usage() when the text is not of that form.
std::pair<std::string, std::string> split_assignment(const std::string& text, const char* option,
                                                     const char* form);

// A number, or a name that the network has for it.
Setting parse_setting(const std::string& text, const std::string& network);

// What CLI11 fills as text, turned into values after the parse.
struct RawText {
  std::string device, precision, jobs, size;
  std::vector<std::string> inputs, outputs, settings, rectangles, relabel, relabel_masks, patch_numbers;
};

void add_common(CLI::App& app, CommonOptions& o);
void add_device(CLI::App& app, DeviceOptions& o, RawText& raw);
void add_tune(CLI::App& app, DeviceOptions& o);
void add_batch(CLI::App& app, int& batch, const char* about);
void finish_device(DeviceOptions& o, const RawText& raw);

CLI::App* add_colorize(CLI::App& top, ColorizeOptions& o, RawText& raw);
void finish(ColorizeOptions& o, const RawText& raw);

// What one system takes beside photos, among the options of `colorize`.
struct SystemOptions {
  const char* system;  // the one that they imply
  void (*add)(CLI::App& app, ColorizeOptions& o, RawText& raw);
  void (*finish)(ColorizeOptions& o, const RawText& raw);  // raw text to values; usage() where it is none
  bool (*given)(const ColorizeOptions& o);
};
SystemOptions hint_options();
SystemOptions mask_options();
SystemOptions label_options();
SystemOptions saliency_options();
SystemOptions patch_options();

}  // namespace cuhue::app
