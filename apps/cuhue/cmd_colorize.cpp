// cuhue colorize: pictures in, pictures in colour out.
#include <algorithm>
#include <chrono>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>
#include <thread>

#include "apps/cuhue/api.h"
#include "apps/cuhue/colorize_plan.h"
#include "apps/cuhue/colorize_report.h"
#include "apps/cuhue/commands.h"
#include "apps/cuhue/console.h"
#include "apps/cuhue/extra.h"
#include "apps/cuhue/files.h"
#include "apps/cuhue/model_files.h"
#include "apps/cuhue/pipeline.h"
#include "apps/cuhue/signals.h"

namespace cuhue::app {
namespace {

using Clock = std::chrono::steady_clock;
double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

std::vector<std::string> words(const char* text) {
  std::istringstream stream(text);
  std::vector<std::string> list;
  for (std::string word; stream >> word;) list.push_back(word);
  return list;
}

struct KnownSystem {
  std::string name;
  std::vector<std::string> networks, optional;  // those it needs, those it can do without
};

// `lite` first, then the library's order.
std::vector<KnownSystem> known_systems() {
  std::vector<KnownSystem> systems;
  for (std::size_t i = 0; i < cuhue_system_count(); ++i) {
    auto info = sized<cuhue_system_info>();
    call(cuhue_system_at, i, &info);
    systems.push_back({info.name, words(info.networks), words(info.optional_networks)});
  }
  std::stable_partition(systems.begin(), systems.end(), [](const auto& s) { return s.name == "lite"; });
  return systems;
}

// A system's name and weights: from -n and -m, and for what these leave open from the weights at hand.
struct Chosen {
  std::string system;  // empty = the one that the weights serve
  std::vector<Weights> weights;
  std::vector<ColorizeReport::WeightsUsed> used;

  void add(Weights w, std::string file) {
    used.push_back({std::move(file), cuhue_weights_network(w.get())});
    weights.push_back(std::move(w));
  }
  bool has(const std::string& network) const {
    return std::any_of(used.begin(), used.end(), [&](const auto& u) { return u.network == network; });
  }
};

std::string default_system() {
  for (const KnownSystem& system : known_systems()) {
    const auto at_hand = [](const std::string& network) { return find_weights(network).has_value(); };
    if (std::all_of(system.networks.begin(), system.networks.end(), at_hand)) return system.name;
  }
  throw_missing_weights("lite");
}

Chosen choose(const ColorizeOptions& options) {
  Chosen chosen{.system = options.system, .weights = {}, .used = {}};
  for (const std::string& file : options.weights) chosen.add(open_weights(file), file);
  if (chosen.system.empty()) chosen.system = implied_system(options);
  if (chosen.system.empty()) {
    if (!options.weights.empty()) return chosen;
    chosen.system = options.formula ? "lite" : default_system();
  }
  const auto systems = known_systems();
  const auto system =
      std::find_if(systems.begin(), systems.end(), [&](const auto& s) { return s.name == chosen.system; });
  if (system == systems.end()) {
    std::string names;
    for (const KnownSystem& s : systems) names += (names.empty() ? "" : ", ") + s.name;
    throw Failure(CUHUE_USAGE, "system '" + chosen.system + "' is unknown; -n takes one of: " + names);
  }
  const auto add = [&](const std::string& network, bool needed) {
    if (chosen.has(network)) return;
    if (options.formula) return chosen.add(formula_weights(network), "formula");
    const auto file = find_weights(network);
    if (!file && needed) throw_missing_weights(network);
    if (file) chosen.add(network_weights(network, file->string(), false), file->string());
  };
  for (const std::string& network : system->networks) add(network, true);
  for (const std::string& network : system->optional) {
    if (options.detections.empty()) add(network, false);  // which stand in for a detector's
  }
  return chosen;
}

struct Work {
  std::size_t index = 0;
  Picture input;
  Picture output;  // empty = the input's own pixels are coloured
  bool failed = false;

  cuhue_image* result() const { return output ? output.get() : input.get(); }
};

cuhue_pixels pixels_of(cuhue_image* image) {
  auto pixels = sized<cuhue_pixels>();
  call(cuhue_image_pixels, image, &pixels);
  return pixels;
}

class ColorizeRun {
 public:
  ColorizeRun(const ColorizeOptions& options, const ColorizePlan& plan)
      : options_(options), plan_(plan), start_(Clock::now()), extras_(make_extras(options)) {
    for (const auto& extra : extras_) extra->check_plan(plan);
    check_files(options, plan, extras_);
    jobs_ = options.jobs;
    const int most = static_cast<int>(std::min<std::size_t>(plan.jobs.size(), 1024));
    jobs_.load = std::min(jobs_.load, most);
    jobs_.process = std::min(jobs_.process, most);
    jobs_.save = std::min(jobs_.save, most);
    colorizers_.resize(static_cast<std::size_t>(jobs_.process));
    report_.pictures.resize(plan.jobs.size());
    print_progress_ = plan.jobs.size() == 1;
  }

  // The exit code of the whole.
  int run() {
    std::string fatal;
    cuhue_status status = CUHUE_OK;
    try {
      Pipeline<Work>(plan_.jobs.size(), jobs_, static_cast<std::size_t>(options_.batch),
                     {.load = [this](std::size_t i) { return load(i); },
                      .set_up = [this](int worker) { set_up(worker); },
                      .process = [this](int worker, std::span<Work> items) { process(worker, items); },
                      .save = [this](Work item) { save(std::move(item)); },
                      .stop = [this] { return is_cancelled() || stop_; }})
          .run();
    } catch (...) {
      std::tie(status, fatal) = as_pair(current_exception());
    }
    if (status == CUHUE_OK && is_cancelled() && report_.count(State::skipped) > 0) {
      std::tie(status, fatal) = std::pair(CUHUE_CANCELLED, std::string("cancelled"));
    }
    finish_report();
    return conclude(status, fatal);
  }

 private:
  using State = PictureResult::State;

  static std::pair<cuhue_status, std::string> as_pair(const ExceptionText& e) {
    return {e.status, e.message};
  }

  Work load(std::size_t index) {
    Work work{.index = index, .input = nullptr, .output = nullptr};
    const ColorizeJob& job = plan_.jobs[index];
    PictureResult& result = report_.pictures[index];
    attempt(work, [&] {
      const auto start = Clock::now();
      if (job.input.empty()) {
        const std::vector<std::byte> bytes = read_stdin();
        work.input = make<Picture>(cuhue_image_decode, bytes.data(), bytes.size(), "standard input");
      } else {
        work.input = make<Picture>(cuhue_image_read, job.input.c_str());
      }
      const cuhue_pixels in = pixels_of(work.input.get());
      result.width = in.width;
      result.height = in.height;
      check_format_holds(job.format, in.format, job.input_name());
      for (const auto& extra : extras_) extra->check_photo(in.width, in.height);
      const cuhue_pixel_format format = cuhue_output_format(in.format);
      if (format != in.format) {
        work.output = make<Picture>(cuhue_image_create, in.width, in.height, format, work.input.get());
      }
      result.seconds.load = seconds_since(start);
    });
    return work;
  }

  // Runs f; its failure is this picture's, unless no further picture could fare better.
  template <class F>
  void attempt(Work& work, F f) {
    try {
      f();
    } catch (...) {
      const ExceptionText e = current_exception();
      if (e.status == CUHUE_CANCELLED || e.status == CUHUE_DEVICE) throw;
      fail(work, e);
    }
  }

  void fail(Work& work, const ExceptionText& e) {
    PictureResult& result = report_.pictures[work.index];
    const std::string name = plan_.jobs[work.index].input_name();
    result.status = e.status;
    // Every message names its picture, once.
    result.error = e.message.find(name) == std::string::npos ? name + ": " + e.message : e.message;
    work.failed = true;
    work.input.reset();
    work.output.reset();
    if (options_.fail_fast) stop_ = true;
  }

  // Weights and engine are shared; each worker has a colorizer. Runs while the first pictures are decoded.
  void set_up(int worker) {
    const std::lock_guard lock(set_up_mutex_);
    if (!engine_) {
      const auto start = Clock::now();
      chosen_ = choose(options_);
      int threads = options_.threads;
      if (threads == 0 && jobs_.process > 1) {
        threads = std::max(1, static_cast<int>(std::thread::hardware_concurrency()) / jobs_.process);
      }
      engine_ = make_engine(options_, threads);
      report_.weights_seconds = seconds_since(start);
    }
    std::vector<cuhue_weights*> raw;
    for (const Weights& w : chosen_.weights) raw.push_back(w.get());
    auto colorizer =
        make<Colorizer>(cuhue_colorizer_create, engine_.get(),
                        chosen_.system.empty() ? nullptr : chosen_.system.c_str(), raw.data(), raw.size());
    for (const auto& [key, value] : options_.settings)
      call(cuhue_colorizer_set, colorizer.get(), key.c_str(), value);
    for (const auto& extra : extras_) extra->set_up(colorizer.get());
    colorizers_[static_cast<std::size_t>(worker)] = std::move(colorizer);
  }

  static int on_progress(void* user, double fraction) {
    const auto* self = static_cast<const ColorizeRun*>(user);
    if (self->print_progress_) print_fraction(fraction, self->plan_.jobs[0].input_name());
    return is_cancelled() ? 1 : 0;
  }

  void process(int worker, std::span<Work> items) {
    throw_if_cancelled();
    std::vector<Work*> good;
    for (Work& w : items) {
      if (!w.failed) good.push_back(&w);
    }
    if (good.empty()) return;
    try {
      colorize(worker, good);
    } catch (...) {
      const ExceptionText e = current_exception();
      if (good.size() == 1) {
        attempt(*good[0], [] { throw; });
        return;
      }
      if (e.status == CUHUE_CANCELLED || e.status == CUHUE_DEVICE) throw;
      // One of them is the cause: each for itself.
      for (Work* w : good) {
        attempt(*w, [&] { colorize(worker, {&w, 1}); });
      }
    }
  }

  // A picture of another size than the photo's, where the system makes one.
  static void fit_result(const cuhue_colorizer* colorizer, const cuhue_colorize_options& options,
                         Work& work) {
    const cuhue_pixels in = pixels_of(work.input.get()), out = pixels_of(work.result());
    std::int64_t width = in.width, height = in.height;
    call(cuhue_colorizer_result_size, colorizer, &options, &width, &height);
    if (width == out.width && height == out.height) return;
    work.output =
        make<Picture>(cuhue_image_create, width, height, cuhue_output_format(in.format), work.input.get());
  }

  void colorize(int worker, std::span<Work* const> works) {
    auto o = sized<cuhue_colorize_options>();
    o.chroma = static_cast<float>(options_.chroma);
    o.temperature = static_cast<float>(options_.temperature);
    o.as_published = options_.as_published ? 1 : 0;
    o.progress = on_progress;
    o.progress_user = this;
    auto t = sized<cuhue_timings>();
    for (const auto& extra : extras_) extra->change(o);
    cuhue_colorizer* const colorizer = colorizers_[static_cast<std::size_t>(worker)].get();
    std::vector<cuhue_pixels> in, out;
    std::vector<std::size_t> pictures;
    for (Work* w : works) {
      fit_result(colorizer, o, *w);
      pictures.push_back(w->index);
      in.push_back(pixels_of(w->input.get()));
      out.push_back(pixels_of(w->result()));
    }
    const ExtraCall photos{colorizer, in, out, pictures};
    for (const auto& extra : extras_) extra->before(photos);
    call(cuhue_colorize, photos.colorizer, in.data(), out.data(), in.size(), &o, &t);
    std::vector<nlohmann::ordered_json> reports(works.size());
    for (const auto& extra : extras_) extra->after(photos, reports);
    for (std::size_t i = 0; i < works.size(); ++i) {
      if (!reports[i].is_null()) report_.pictures[pictures[i]].extras = reports[i].dump();
    }
    const double share = 1.0 / static_cast<double>(works.size());
    for (Work* w : works) {
      StageSeconds& s = report_.pictures[w->index].seconds;
      s.prepare = t.prepare * share;
      s.detect = t.detect * share;
      s.network = t.network * share;
      s.finish = t.finish * share;
      if (w->output) w->input.reset();
    }
    const std::lock_guard lock(report_mutex_);
    report_.compile_seconds += t.compile;
  }

  void save(Work work) {
    const ColorizeJob& job = plan_.jobs[work.index];
    PictureResult& result = report_.pictures[work.index];
    if (!work.failed) {
      throw_if_cancelled();
      attempt(work, [&] {
        const auto start = Clock::now();
        write_picture(work, job);
        result.seconds.save = seconds_since(start);
        result.state = State::written;
      });
    }
    if (work.failed) result.state = State::failed;
    const std::lock_guard lock(report_mutex_);
    ++done_;
    if (work.failed) {
      if (plan_.is_folder) print_error(result.error);
    } else {
      std::string text = job.output_name();
      if (verbosity() > 0) text += " (" + stage_text(result) + ")";
      print_progress(done_, plan_.jobs.size(), text);
    }
  }

  void write_picture(const Work& work, const ColorizeJob& job) const {
    auto o = sized<cuhue_encode_options>();
    o.format = job.format;
    o.jpeg_quality = options_.quality;
    o.overwrite = 1;
    if (!job.output.empty()) {
      call(cuhue_image_write, work.result(), job.output.c_str(), &o);
      return;
    }
    unsigned char* data = nullptr;
    std::size_t size = 0;
    call(cuhue_image_encode, work.result(), &o, &data, &size);
    const Bytes bytes(data);
    write_stdout(std::as_bytes(std::span(bytes.get(), size)));
  }

  void finish_report() {
    report_.wall_seconds = seconds_since(start_);
    report_.weights = chosen_.used;
    if (engine_) {
      report_.device = cuhue_engine_device(engine_.get());
      report_.threads = cuhue_engine_threads(engine_.get());
    }
    for (const Colorizer& c : colorizers_) {
      if (!c) continue;
      report_.system = cuhue_colorizer_system(c.get());
      auto memory = sized<cuhue_memory>();
      call(cuhue_colorizer_memory, c.get(), &memory);
      report_.weight_bytes = memory.weight_bytes;  // one copy for all workers
      report_.arena_bytes += memory.arena_bytes;
    }
  }

  int conclude(cuhue_status status, const std::string& fatal) {
    write_json(options_.json, report_json(report_, plan_, options_));
    if (!plan_.is_folder) {
      const PictureResult& only = report_.pictures[0];
      if (status == CUHUE_OK && only.state == State::failed) throw Failure(only.status, only.error);
      if (status != CUHUE_OK) throw Failure(status, fatal);
      return CUHUE_OK;
    }
    const bool failed = report_.count(State::failed) > 0;
    if (status != CUHUE_OK) {
      print_error(fatal);
    } else if (failed) {
      status = CUHUE_SOME_FAILED;
    }
    if (status != CUHUE_OK && verbosity() < 0) {
      print_error(counts_text(report_));
    } else {
      print_note(counts_text(report_));
    }
    return exit_code(status);
  }

  const ColorizeOptions& options_;
  const ColorizePlan& plan_;
  Clock::time_point start_;
  Jobs jobs_;
  bool print_progress_ = false;
  std::vector<std::unique_ptr<Extra>> extras_;
  Chosen chosen_;
  Engine engine_;
  std::vector<Colorizer> colorizers_;  // a worker each
  std::mutex set_up_mutex_, report_mutex_;
  // Each picture's entry is touched only by the thread that holds its Work.
  ColorizeReport report_;
  std::size_t done_ = 0;
  std::atomic<bool> stop_{false};
};

}  // namespace

int run_command(const ColorizeOptions& options) {
  if (options.output == "-" && options.json == "-") {
    throw Failure(CUHUE_USAGE,
                  "the picture and the report both go to standard output; name a file with --json");
  }
  const ColorizePlan plan = plan_colorize(options);
  return ColorizeRun(options, plan).run();
}

}  // namespace cuhue::app
