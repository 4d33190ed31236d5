// cuhue compare: two pictures, or the pictures of two folders.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <system_error>

#include "apps/cuhue/api.h"
#include "apps/cuhue/colorize_plan.h"
#include "apps/cuhue/commands.h"
#include "apps/cuhue/console.h"
#include "apps/cuhue/file_use.h"
#include "apps/cuhue/files.h"

namespace cuhue::app {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

// SCGAN's evaluation counts pictures of a colourfulness in this range.
constexpr double kLeastColorful = 16, kMostColorful = 20;

struct Opened {
  Picture picture;
  cuhue_pixels pixels = sized<cuhue_pixels>();

  explicit Opened(const std::string& path) : picture(make<Picture>(cuhue_image_read, path.c_str())) {
    call(cuhue_image_pixels, picture.get(), &pixels);
  }
  std::string size() const { return std::to_string(pixels.width) + "x" + std::to_string(pixels.height); }
};

struct Compared {
  std::int64_t width = 0, height = 0;
  cuhue_metrics metrics = sized<cuhue_metrics>();
};

Compared compare(const std::string& path_a, const std::string& path_b) {
  const Opened a(path_a);
  const Opened b(path_b);
  if (a.pixels.width != b.pixels.width || a.pixels.height != b.pixels.height) {
    throw Failure(CUHUE_INPUT, path_a + " is " + a.size() + ", " + path_b + " is " + b.size() +
                                   "; compare pictures of one size");
  }
  Compared c{a.pixels.width, a.pixels.height};
  call(cuhue_compare, &a.pixels, &b.pixels, &c.metrics);
  return c;
}

// JSON has no infinity: null.
Json number(double value) {
  return std::isfinite(value) ? Json(value) : Json(nullptr);
}

Json numbers(const cuhue_metrics& m) {
  return {{"psnr", number(m.psnr)},
          {"ssim", m.ssim},
          {"ssim_floats", m.ssim_floats},
          {"nrmse", number(m.nrmse)},
          {"colorfulness_a", m.colorfulness_a},
          {"colorfulness_b", m.colorfulness_b},
          {"naturalness_a", m.naturalness_a},
          {"naturalness_b", m.naturalness_b},
          {"mean_delta_e2000", m.mean_delta_e2000},
          {"max_difference", m.max_difference}};
}

std::string text_of(const cuhue_metrics& m) {
  std::array<char, 512> text{};
  std::snprintf(text.data(), text.size(),
                "PSNR            %.3f dB\nSSIM            %.5f (%.5f with the data range of floats)\n"
                "NRMSE           %.5f\ncolourfulness   %.3f and %.3f (CCI)\n"
                "naturalness     %.5f and %.5f (CNI)\nmean dE2000     %.4f\nmax difference  %d levels\n",
                m.psnr, m.ssim, m.ssim_floats, m.nrmse, m.colorfulness_a, m.colorfulness_b, m.naturalness_a,
                m.naturalness_b, m.mean_delta_e2000, m.max_difference);
  return text.data();
}

int compare_files(const CompareOptions& options) {
  check_file_uses({{options.a, "A"}, {options.b, "B"}}, {{options.json, "--json"}});
  const Compared c = compare(options.a, options.b);
  Json json = {{"a", options.a}, {"b", options.b}, {"width", c.width}, {"height", c.height}};
  json.update(numbers(c.metrics));
  if (options.json != "-") write_stdout(text_of(c.metrics));
  write_json(options.json, json);
  return CUHUE_OK;
}

// ---- folders

// The pictures of a folder by their names without extension.
std::map<std::string, std::string> pictures_in(const std::string& folder) {
  std::error_code error;
  std::map<std::string, std::string> pictures;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    const fs::path& path = it->path();
    const std::string name = path.filename().string();
    if (name.starts_with('.') || !is_picture_name(path)) continue;
    if (!pictures.emplace(path.stem().string(), path.string()).second) {
      throw Failure(CUHUE_INPUT, folder + ": two pictures are called '" + path.stem().string() +
                                     "' but for their extensions; keep one of them");
    }
  }
  if (error) throw Failure(CUHUE_INPUT, folder + ": cannot list it: " + error.message());
  if (pictures.empty()) throw Failure(CUHUE_INPUT, folder + ": has no pictures");
  return pictures;
}

// Means over pairs, and the share of pictures that are as colourful as photos.
class Summary {
 public:
  void add(const cuhue_metrics& m) {
    ++pairs_;
    if (std::isfinite(m.psnr)) {
      sum_.psnr += m.psnr;
    } else {
      ++equal_;
    }
    sum_.ssim += m.ssim;
    sum_.ssim_floats += m.ssim_floats;
    sum_.nrmse += m.nrmse;
    sum_.colorfulness_a += m.colorfulness_a;
    sum_.colorfulness_b += m.colorfulness_b;
    sum_.naturalness_a += m.naturalness_a;
    sum_.naturalness_b += m.naturalness_b;
    sum_.mean_delta_e2000 += m.mean_delta_e2000;
    sum_.max_difference = std::max(sum_.max_difference, m.max_difference);
    const auto in_range = [](double c) { return c >= kLeastColorful && c <= kMostColorful; };
    colorful_a_ += in_range(m.colorfulness_a);
    colorful_b_ += in_range(m.colorfulness_b);
  }
  std::size_t pairs() const { return pairs_; }
  std::size_t equal() const { return equal_; }

  // psnr: of the pairs that differ, infinity when none does. max_difference: the largest.
  cuhue_metrics mean() const {
    cuhue_metrics m = sum_;
    const auto n = static_cast<double>(pairs_);
    m.psnr = pairs_ > equal_ ? sum_.psnr / static_cast<double>(pairs_ - equal_)
                             : std::numeric_limits<double>::infinity();
    for (double* value : {&m.ssim, &m.ssim_floats, &m.nrmse, &m.colorfulness_a, &m.colorfulness_b,
                          &m.naturalness_a, &m.naturalness_b, &m.mean_delta_e2000})
      *value /= n;
    return m;
  }
  double colorful_a() const { return static_cast<double>(colorful_a_) / static_cast<double>(pairs_); }
  double colorful_b() const { return static_cast<double>(colorful_b_) / static_cast<double>(pairs_); }

 private:
  cuhue_metrics sum_ = sized<cuhue_metrics>();
  std::size_t pairs_ = 0, equal_ = 0, colorful_a_ = 0, colorful_b_ = 0;
};

std::string text_of(const Summary& s) {
  std::array<char, 256> text{};
  std::snprintf(text.data(), text.size(),
                "CCI ratio       %.4f and %.4f (share of pictures with colourfulness %g to %g)\n",
                s.colorful_a(), s.colorful_b(), kLeastColorful, kMostColorful);
  std::string equal =
      s.equal() > 0 ? ", " + std::to_string(s.equal()) + " of them equal, not in the PSNR" : "";
  return "mean of " + std::to_string(s.pairs()) + " pairs" + equal + "\n" + text_of(s.mean()) + text.data();
}

int compare_folders(const CompareOptions& options) {
  const auto of_a = pictures_in(options.a), of_b = pictures_in(options.b);
  Json pairs = Json::array(), alone = Json::array();
  Summary summary;
  bool failed = false;
  std::string text;
  const auto only = [&](const std::string& path) {
    alone.push_back(path);
    print_warning(path + ": has no counterpart in the other folder");
  };
  for (const auto& [name, path_b] : of_b) {
    if (!of_a.contains(name)) only(path_b);
  }
  for (const auto& [name, path_a] : of_a) {
    const auto found = of_b.find(name);
    if (found == of_b.end()) {
      only(path_a);
      continue;
    }
    Json pair = {{"name", name}, {"a", path_a}, {"b", found->second}};
    try {
      const Compared c = compare(path_a, found->second);
      summary.add(c.metrics);
      pair.update(Json{{"width", c.width}, {"height", c.height}});
      pair.update(numbers(c.metrics));
      std::array<char, 128> line{};
      std::snprintf(line.data(), line.size(), ": PSNR %.3f dB, SSIM %.5f, mean dE2000 %.4f\n", c.metrics.psnr,
                    c.metrics.ssim, c.metrics.mean_delta_e2000);
      text += name + line.data();
    } catch (const Failure& e) {
      failed = true;
      pair["error"] = e.what();
      print_error(e.what());
    }
    pairs.push_back(std::move(pair));
  }
  if (pairs.empty()) throw Failure(CUHUE_INPUT, options.a + " and " + options.b + " share no picture's name");
  Json json = {{"a", options.a}, {"b", options.b}, {"pairs", std::move(pairs)}, {"alone", std::move(alone)}};
  if (summary.pairs() > 0) {
    json["mean"] = numbers(summary.mean());
    json["cci_ratio_a"] = summary.colorful_a();
    json["cci_ratio_b"] = summary.colorful_b();
    text += text_of(summary);
  }
  if (options.json != "-") write_stdout(text);
  write_json(options.json, json);
  return failed ? exit_code(CUHUE_SOME_FAILED) : exit_code(CUHUE_OK);
}

}  // namespace

int run_command(const CompareOptions& options) {
  std::error_code ignored;
  const bool a = fs::is_directory(options.a, ignored), b = fs::is_directory(options.b, ignored);
  if (a != b) {
    throw Failure(CUHUE_USAGE, "one of " + options.a + " and " + options.b +
                                   " is a folder, the other is not; compare two pictures or two folders");
  }
  return a ? compare_folders(options) : compare_files(options);
}

}  // namespace cuhue::app
