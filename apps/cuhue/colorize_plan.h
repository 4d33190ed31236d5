// Which pictures `cuhue colorize` reads and where their colours go, settled before any work starts.
#pragma once

#include <cuhue/cuhue.h>

#include <filesystem>
#include <string>
#include <vector>

#include "apps/cuhue/options.h"

namespace cuhue::app {

struct ColorizeJob {
  std::filesystem::path input;   // empty = stdin
  std::filesystem::path output;  // empty = stdout
  cuhue_file_format format = CUHUE_FILE_PNG;

  std::string input_name() const { return input.empty() ? "standard input" : input.string(); }
  std::string output_name() const { return output.empty() ? "standard output" : output.string(); }
};

struct ColorizePlan {
  std::vector<ColorizeJob> jobs;  // in the order of the inputs' names
  bool is_folder = false;         // the counts are printed and failures do not end the run
};

// Creates the output folder of a folder input. Throws Failure: CUHUE_INPUT (no such file, a folder without
// pictures), CUHUE_USAGE (a folder to stdout), CUHUE_OUTPUT (no such folder).
ColorizePlan plan_colorize(const ColorizeOptions& options);

// The format of a single output: its extension, then `format`, then PNG. Throws Failure with CUHUE_USAGE for
// an extension of another picture format.
cuhue_file_format choose_format(const std::filesystem::path& output, const std::string& format);

// Names for pictures that go into one folder: stem and extension; sources whose names would meet keep their
// full name (a.jpg, a.png -> a.jpg.png, a.png.png).
std::vector<std::string> output_names(const std::vector<std::string>& sources, const std::string& extension);

bool is_picture_name(const std::filesystem::path& path);

// Throws Failure with CUHUE_USAGE when the format cannot hold the picture's alpha or 16 bits.
void check_format_holds(cuhue_file_format format, cuhue_pixel_format pixels, const std::string& name);

}  // namespace cuhue::app
