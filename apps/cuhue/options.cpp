#include <charconv>
#include <cmath>
#include <limits>
#include <sstream>
#include <string_view>

#include "apps/cuhue/api.h"
#include "apps/cuhue/option_parts.h"

namespace cuhue::app {
namespace {

std::string lower(std::string text) {
  for (char& c : text) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  return text;
}

CLI::App* add_run(CLI::App& top, RunOptions& o, RawText& raw) {
  CLI::App* app = top.add_subcommand("run", "Run one network on raw tensors, NumPy files in and out");
  app->add_option("network", o.network, "Name of the network; --list without it names them")
      ->type_name("NETWORK");
  app->add_option("-m,--model", o.weights, "Weight file")->type_name("WEIGHTS");
  app->add_flag("--formula", o.formula, "Weights computed from their names instead of -m, for tests");
  app->add_option("--input", raw.inputs, "An input's file: float32, float16, uint8 or int32, C order")
      ->type_name("NAME=FILE.npy");
  app->add_option("--output", raw.outputs, "An output's file, float32")->type_name("NAME=FILE.npy");
  app->add_option("--set", raw.settings, "A setting of the network")->type_name("KEY=VALUE");
  app->add_flag("--list", o.list, "Print the network's inputs, outputs, shapes and settings");
  add_device(*app, o, raw);
  add_common(*app, o);
  app->footer(kExitCodes);
  return app;
}

CLI::App* add_convert(CLI::App& top, ConvertOptions& o, RawText& raw) {
  CLI::App* app = top.add_subcommand("convert", "Turn a foreign checkpoint into a cuhue weight file");
  app->add_option("checkpoint", o.checkpoint,
                  "PyTorch .pth or .pth.tar, Detectron2 .pkl, TensorFlow .ckpt or .index, Keras .h5, "
                  "safetensors")
      ->type_name("CHECKPOINT")
      ->required();
  app->add_option("-o,--out", o.output, "Weight file to write")->type_name("FILE")->required();
  app->add_option("-n,--network", o.network, "The network it is for; default: recognised by its tensors")
      ->type_name("NETWORK");
  app->add_option("--set", raw.settings,
                  "A setting of the network that belongs to these weights, kept in FILE")
      ->type_name("KEY=VALUE");
  app->add_option("--sha256", o.sha256,
                  "Refuse the checkpoint unless its bytes have this SHA-256 (of a TensorFlow V2 checkpoint: "
                  "of its index and data files, one behind the other); -v prints it")
      ->type_name("HEX");
  app->add_flag("--allow-extra", o.allow_extra, "Leave out tensors that the network does not have");
  app->add_flag("--force", o.force, "Replace an existing FILE");
  add_common(*app, o);
  app->footer(kExitCodes);
  return app;
}

CLI::App* add_info(CLI::App& top, InfoOptions& o, RawText& raw) {
  CLI::App* app =
      top.add_subcommand("info", "What a weight file holds, where it comes from, memory it needs");
  app->add_option("file", o.file, "Weight file")->type_name("FILE")->required();
  app->add_option("--size", raw.size, "Height and width of the input to state memory for")->type_name("HxW");
  add_batch(*app, o.batch, "Inputs in one run; default 1");
  app->add_flag("--tensors", o.tensors, "List every tensor");
  add_device(*app, o, raw);
  add_common(*app, o);
  app->footer(kExitCodes);
  return app;
}

CLI::App* add_verify(CLI::App& top, VerifyOptions& o) {
  CLI::App* app = top.add_subcommand("verify", "Check a weight file's checksums and its network's schema");
  app->add_option("file", o.file, "Weight file")->type_name("FILE")->required();
  add_common(*app, o);
  app->footer(kExitCodes);
  return app;
}

CLI::App* add_models(CLI::App& top, ModelsOptions& o) {
  CLI::App* app = top.add_subcommand("models", "Published checkpoints: list them, or fetch and convert one");
  add_common(*app, o);
  CLI::App* list = app->add_subcommand("list", "Name, licence, size, hash and URL of each");
  add_common(*list, o);
  CLI::App* fetch = app->add_subcommand("fetch", "Get a checkpoint, check its hash, convert it");
  fetch->add_option("name", o.name, "A name of the list")->type_name("NAME")->required();
  fetch
      ->add_option("-o,--out", o.output, "Weight file to write; default: in $CUHUE_MODELS or the data folder")
      ->type_name("FILE");
  fetch->add_flag("--force", o.force, "Fetch again and replace the weight file");
  fetch->parse_complete_callback([&o] { o.fetch = true; });
  add_common(*fetch, o);
  app->require_subcommand(0, 1);
  app->footer(
      "A copy of the checkpoint in $CUHUE_MODELS is used instead of a download. fetch prints the weight\n"
      "file's path.\n" +
      std::string(kExitCodes));
  return app;
}

CLI::App* add_bench(CLI::App& top, BenchOptions& o, RawText& raw) {
  CLI::App* app = top.add_subcommand("bench", "Latency of one network after warm-up");
  app->add_option("network", o.network, "Name of the network")->type_name("NETWORK")->required();
  app->add_option("-m,--model", o.weights, "Weight file")->type_name("WEIGHTS");
  app->add_flag("--formula", o.formula, "Weights computed from their names: as fast as trained ones");
  app->add_option("--size", raw.size, "Height and width of the input; default: the network's own")
      ->type_name("HxW");
  add_batch(*app, o.batch, "Inputs in one run; default 1");
  app->add_option("--seconds", o.seconds, "Measure for S seconds; default 3")
      ->type_name("S")
      ->check(CLI::Range(0.0, 86400.0));
  app->add_option("--set", raw.settings, "A setting of the network")->type_name("KEY=VALUE");
  app->add_flag("--layers", o.layers,
                "Also the time of every layer, and their sums over the network's parts");
  add_device(*app, o, raw);
  add_tune(*app, o);
  add_common(*app, o);
  app->footer(kExitCodes);
  return app;
}

CLI::App* add_devices(CLI::App& top, DevicesOptions& o) {
  CLI::App* app = top.add_subcommand("devices", "Devices of this machine and what they support");
  add_common(*app, o);
  return app;
}

CLI::App* add_compare(CLI::App& top, CompareOptions& o) {
  CLI::App* app =
      top.add_subcommand("compare", "PSNR, SSIM, NRMSE, colourfulness and more of two pictures, or folders");
  app->add_option("a", o.a, "Picture, or a folder of them: the truth")->type_name("A")->required();
  app->add_option("b", o.b, "Picture of the same size, or a folder with the same names")
      ->type_name("B")
      ->required();
  add_common(*app, o);
  app->footer(kExitCodes);
  return app;
}

void finish(RunOptions& o, RawText raw) {
  finish_device(o, raw);
  // `--input a=x.npy lite`: the option takes what follows, so a word without '=' there is the network.
  for (auto* list : {&raw.inputs, &raw.outputs, &raw.settings}) {
    if (o.network.empty() && !list->empty() && list->back().find('=') == std::string::npos) {
      o.network = list->back();
      list->pop_back();
    }
  }
  for (const auto& text : raw.inputs) o.inputs.push_back(split_assignment(text, "--input", "NAME=FILE.npy"));
  for (const auto& text : raw.outputs)
    o.outputs.push_back(split_assignment(text, "--output", "NAME=FILE.npy"));
  for (const auto& text : raw.settings) o.settings.push_back(parse_setting(text, o.network));
  if (o.list) return;
  if (o.network.empty()) usage("run needs a network's name; `cuhue run --list` prints them");
  if (o.formula && !o.weights.empty()) usage("--formula and -m exclude each other");
  if (o.inputs.empty() || o.outputs.empty()) {
    usage("run needs --input and --output; `cuhue run " + o.network + " --list` prints their names");
  }
}

void finish(ConvertOptions& o, const RawText& raw) {
  for (const auto& text : raw.settings) o.settings.push_back(parse_setting(text, o.network));
}

void finish(InfoOptions& o, const RawText& raw) {
  finish_device(o, raw);
  if (!raw.size.empty()) o.size = parse_size(raw.size);
}

void finish(BenchOptions& o, const RawText& raw) {
  finish_device(o, raw);
  if (!raw.size.empty()) o.size = parse_size(raw.size);
  for (const auto& text : raw.settings) o.settings.push_back(parse_setting(text, o.network));
  if (o.formula && !o.weights.empty()) usage("--formula and -m exclude each other");
}

}  // namespace

void usage(const std::string& message) {
  throw Failure(CUHUE_USAGE, message);
}

std::pair<std::string, std::string> split_assignment(const std::string& text, const char* option,
                                                     const char* form) {
  const std::size_t equal = text.find('=');
  if (equal == std::string::npos || equal == 0 || equal + 1 == text.size()) {
    usage(std::string(option) + " '" + text + "' is not of the form " + form);
  }
  return {text.substr(0, equal), text.substr(equal + 1)};
}

namespace {

// The number that a network's setting has this name for; -1 = none.
int number_of(const std::string& network, const std::string& key, const std::string& value) {
  cuhue_network_info info{};
  info.struct_size = sizeof info;
  if (cuhue_network_find(network.c_str(), &info, nullptr) != CUHUE_OK) return -1;
  for (std::size_t i = 0; i < info.setting_count; ++i) {
    cuhue_setting_info setting{};
    setting.struct_size = sizeof setting;
    if (cuhue_network_setting_at(network.c_str(), i, &setting, nullptr) != CUHUE_OK) return -1;
    for (std::size_t v = 0; v < setting.value_count; ++v) {
      if (key == setting.name && value == setting.values[v]) return static_cast<int>(v);
    }
  }
  return -1;
}

}  // namespace

// A number, or a name that the network has for it.
Setting parse_setting(const std::string& text, const std::string& network) {
  const auto [key, value] = split_assignment(text, "--set", "KEY=VALUE");
  if (const int named = number_of(network, key, value); named >= 0) return {key, named};
  double number = 0;
  if (!parse_number(std::string_view(value), number) || !std::isfinite(number)) {
    usage("--set '" + text + "': '" + value + "' is not a number");
  }
  return {key, number};
}

void add_common(CLI::App& app, CommonOptions& o) {
  app.add_option("--json", o.json, "Write what was done as JSON to FILE, - for standard output")
      ->type_name("FILE|-");
  app.add_flag("--quiet", o.quiet, "Print errors only");
  app.add_flag("-v,--verbose", o.verbose, "Print details; -vv prints more");
}

void add_device(CLI::App& app, DeviceOptions& o, RawText& raw) {
  app.add_option("-g,--device", raw.device,
                 "auto (a GPU if one can be used), cpu, cuda, cuda:1; -1 is cpu, 1 is cuda:1")
      ->type_name("DEVICE");
  app.add_option("--threads", o.threads, "CPU threads of one network run; 0 = all cores")
      ->type_name("N")
      ->check(CLI::Range(0, 1024));
  app.add_option("--precision", raw.precision, "fp32; on a GPU also tf32 and fp16")->type_name("NAME");
}

void add_tune(CLI::App& app, DeviceOptions& o) {
  app.add_flag("--tune", o.tune,
               "On a GPU: first time the ways to run each convolution, and keep the fastest for later runs");
}

void add_batch(CLI::App& app, int& batch, const char* about) {
  app.add_option("--batch", batch, about)->type_name("N")->check(CLI::Range(1, 4096));
}

void finish_device(DeviceOptions& o, const RawText& raw) {
  if (!raw.device.empty()) o.device = parse_device(raw.device);
  if (!raw.precision.empty()) o.precision = parse_precision(raw.precision);
}

Jobs parse_jobs(const std::string& text) {
  std::vector<int> values;
  std::istringstream parts(text);
  for (std::string part; std::getline(parts, part, ':');) {
    int value = 0;
    if (!parse_number(std::string_view(part), value) || value < 1 || value > 256) break;
    values.push_back(value);
  }
  Jobs jobs;
  if (values.size() == 3 && std::count(text.begin(), text.end(), ':') == 2) {
    jobs = {values[0], values[1], values[2]};
    return jobs;
  }
  usage("-j '" + text + "' is not LOAD:PROC:SAVE, three numbers from 1 to 256, e.g. 1:1:2");
}

Size parse_size(const std::string& text) {
  Size size;
  const std::size_t x = text.find_first_of("xX");
  const std::string_view view(text);
  const bool ok = x == std::string::npos ? parse_number(view, size.height) && parse_number(view, size.width)
                                         : parse_number(view.substr(0, x), size.height) &&
                                               parse_number(view.substr(x + 1), size.width);
  constexpr std::int64_t kMost = 1'000'000;
  if (!ok || size.height < 1 || size.width < 1 || size.height > kMost || size.width > kMost) {
    usage("--size '" + text + "' is not HxW, height and width from 1 to 1000000, e.g. 256x320");
  }
  return size;
}

std::string parse_device(const std::string& text) {
  if (text == "-1") return "cpu";
  int index = 0;
  if (parse_number(std::string_view(text), index) && index >= 0) return "cuda:" + std::to_string(index);
  const bool numbered =
      text.starts_with("cuda:") && parse_number(std::string_view(text).substr(5), index) && index >= 0;
  if (text == "auto" || text == "cpu" || text == "cuda" || numbered) return text;
  usage("-g '" + text + "' is not a device; use auto, cpu, cuda, cuda:1 or -1 (cpu)");
}

cuhue_precision parse_precision(const std::string& text) {
  for (const cuhue_precision p : {CUHUE_FP32, CUHUE_TF32, CUHUE_FP16, CUHUE_INT8}) {
    if (precision_name(p) == text) return p;
  }
  usage("--precision '" + text + "' is not fp32, tf32, fp16 or int8");
}

cuhue_file_format parse_format(const std::string& text) {
  const std::string name = lower(text.starts_with('.') ? text.substr(1) : text);
  if (name.empty()) return CUHUE_FILE_AUTO;
  if (name == "png") return CUHUE_FILE_PNG;
  if (name == "jpg" || name == "jpeg") return CUHUE_FILE_JPEG;
  if (name == "bmp") return CUHUE_FILE_BMP;
  if (name == "ppm" || name == "pnm") return CUHUE_FILE_PNM;
  usage("-f '" + text + "' is not png, jpg, bmp or ppm");
}

Command parse_command_line(int argc, const char* const* argv) {
  CLI::App top("cuhue: automatic colours for grey pictures");
  top.name("cuhue");
  top.set_version_flag("--version", std::string("cuhue ") + cuhue_version());
  top.require_subcommand(1);
  top.footer("`cuhue COMMAND --help` prints a command's options.\n" + std::string(kExitCodes));
  ColorizeOptions colorize;
  RunOptions run;
  ConvertOptions convert;
  InfoOptions info;
  VerifyOptions verify;
  ModelsOptions models;
  BenchOptions bench;
  DevicesOptions devices;
  CompareOptions compare;
  RawText raw;
  const CLI::App* colorize_app = add_colorize(top, colorize, raw);
  const CLI::App* run_app = add_run(top, run, raw);
  const CLI::App* convert_app = add_convert(top, convert, raw);
  const CLI::App* info_app = add_info(top, info, raw);
  const CLI::App* verify_app = add_verify(top, verify);
  const CLI::App* models_app = add_models(top, models);
  const CLI::App* bench_app = add_bench(top, bench, raw);
  const CLI::App* devices_app = add_devices(top, devices);
  try {
    if (argc < 2) usage("no command was given; `cuhue --help` lists them");
    add_compare(top, compare);
    // CLI11 would only say that a command is required.
    const auto is_meant = [&](const CLI::App* command) { return command->check_name(argv[1]); };
    if (argv[1][0] != '-' && top.get_subcommands(is_meant).empty()) {
      usage("there is no command '" + std::string(argv[1]) + "'; `cuhue --help` lists them");
    }
    top.parse(argc, argv);
  } catch (const CLI::Success& e) {  // --help, --version
    std::ostringstream text;
    top.exit(e, text, text);
    return Text{text.str()};
  } catch (const CLI::ParseError& e) {
    std::string command = "cuhue";
    for (const CLI::App* sub : top.get_subcommands()) command += " " + sub->get_name();
    usage(std::string(e.what()) + "; `" + command + " --help` explains the options");
  }
  if (*colorize_app) return finish(colorize, raw), Command(std::move(colorize));
  if (*run_app) return finish(run, raw), Command(std::move(run));
  if (*convert_app) return finish(convert, raw), Command(std::move(convert));
  if (*info_app) return finish(info, raw), Command(std::move(info));
  if (*verify_app) return verify;
  if (*models_app) return models;
  if (*bench_app) return finish(bench, raw), Command(std::move(bench));
  if (*devices_app) return devices;
  return compare;
}

}  // namespace cuhue::app
