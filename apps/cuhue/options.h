// The command line as plain structs. Only the sources of options (option_parts.h) know CLI11.
#pragma once

#include <cuhue/cuhue.h>

#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace cuhue::app {

struct CommonOptions {
  std::string json;  // a file, "-" for stdout, empty for none
  bool quiet = false;
  int verbose = 0;
};

struct DeviceOptions {
  std::string device = "auto";
  int threads = 0;  // 0 = all cores of this process
  cuhue_precision precision = CUHUE_FP32;
  bool tune = false;  // time convolution plans and keep what is fastest
};

// "-j LOAD:PROC:SAVE": threads that decode, colorize, encode.
struct Jobs {
  int load = 1, process = 1, save = 2;
};

using Setting = std::pair<std::string, double>;         // --set KEY=VALUE
using NamedFile = std::pair<std::string, std::string>;  // --input NAME=FILE

struct Size {
  std::int64_t height = 0, width = 0;  // 0 = the network's own
};

struct Rectangle {
  std::int64_t x = 0, y = 0, width = 0, height = 0;  // pixels, from the top left
};

// What `semantic` is told of labels, and where it writes them.
struct LabelOptions {
  struct Relabel {
    Rectangle rectangle;  // where there is no mask
    std::string mask;     // file
    std::string name;     // of the label
  };
  std::string map, save, view;      // files
  std::vector<Relabel> relabel;     // rectangles, then masks
  std::vector<std::string> listed;  // names of labels
};

struct ColorizeOptions : CommonOptions, DeviceOptions {
  std::string input, output, system, format;
  std::vector<std::string> weights;
  std::string hints, mask;                   // files
  std::string save_saliency, saliency_view;  // files, of a folder folders
  std::string norm;                          // the name of a choice
  std::vector<Rectangle> mask_rectangles;
  LabelOptions labels;
  std::string detections, save_detections, overlay;  // files
  std::vector<Setting> patch_settings;
  bool no_saturation = false;
  std::vector<Setting> settings;
  bool formula = false;
  Jobs jobs;
  int batch = 1;
  bool force = false, fail_fast = false, as_published = false, gate = false;
  double chroma = 1, temperature = 1;
  int quality = 95;
};

struct RunOptions : CommonOptions, DeviceOptions {
  std::string network, weights;
  bool formula = false, list = false;
  std::vector<NamedFile> inputs, outputs;
  std::vector<Setting> settings;
};

struct ConvertOptions : CommonOptions {
  std::string checkpoint, output, network, sha256;
  std::vector<Setting> settings;
  bool allow_extra = false, force = false;
};

struct InfoOptions : CommonOptions, DeviceOptions {
  std::string file;
  Size size;
  int batch = 1;
  bool tensors = false;
};

struct VerifyOptions : CommonOptions {
  std::string file;
};

struct ModelsOptions : CommonOptions {
  bool fetch = false;
  std::string name, output;
  bool force = false;
};

struct BenchOptions : CommonOptions, DeviceOptions {
  std::string network, weights;
  bool formula = false, layers = false;
  Size size;
  int batch = 1;
  double seconds = 3;
  std::vector<Setting> settings;
};

struct DevicesOptions : CommonOptions {};

struct CompareOptions : CommonOptions {
  std::string a, b;
};

// --help and --version: what to print on stdout.
struct Text {
  std::string text;
};

using Command = std::variant<Text, ColorizeOptions, RunOptions, ConvertOptions, InfoOptions, VerifyOptions,
                             ModelsOptions, BenchOptions, DevicesOptions, CompareOptions>;

// Throws Failure with CUHUE_USAGE.
Command parse_command_line(int argc, const char* const* argv);

// The system that options of its own ask for, e.g. --hints; empty = none.
std::string implied_system(const ColorizeOptions& options);

// The parts of it that have their own syntax; each throws Failure with CUHUE_USAGE.
Jobs parse_jobs(const std::string& text);
Size parse_size(const std::string& text);  // "256x320" (height x width) or "256"
Rectangle parse_rectangle(const std::string& text, const char* option = "--mask-rect");  // "X,Y,W,H"
std::string parse_device(const std::string& text);  // "-1" -> "cpu", "1" -> "cuda:1"
cuhue_precision parse_precision(const std::string& text);
cuhue_file_format parse_format(const std::string& text);  // "" = CUHUE_FILE_AUTO

}  // namespace cuhue::app
