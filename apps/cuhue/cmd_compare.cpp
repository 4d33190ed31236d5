// cuhue compare
#include <array>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "apps/cuhue/api.h"
#include "apps/cuhue/commands.h"
#include "apps/cuhue/console.h"
#include "apps/cuhue/file_use.h"
#include "apps/cuhue/files.h"

namespace cuhue::app {
namespace {

struct Opened {
  Picture picture;
  cuhue_pixels pixels = sized<cuhue_pixels>();

  explicit Opened(const std::string& path) : picture(make<Picture>(cuhue_image_read, path.c_str())) {
    call(cuhue_image_pixels, picture.get(), &pixels);
  }
  std::string size() const { return std::to_string(pixels.width) + "x" + std::to_string(pixels.height); }
};

}  // namespace

int run_command(const CompareOptions& options) {
  check_file_uses({{options.a, "A"}, {options.b, "B"}}, {{options.json, "--json"}});
  const Opened a(options.a);
  const Opened b(options.b);
  if (a.pixels.width != b.pixels.width || a.pixels.height != b.pixels.height) {
    throw Failure(CUHUE_INPUT, options.a + " is " + a.size() + ", " + options.b + " is " + b.size() +
                                   "; compare pictures of one size");
  }
  auto m = sized<cuhue_metrics>();
  call(cuhue_compare, &a.pixels, &b.pixels, &m);
  // JSON has no infinity: psnr is null for equal pictures.
  nlohmann::ordered_json json = {{"a", options.a},
                                 {"b", options.b},
                                 {"width", a.pixels.width},
                                 {"height", a.pixels.height},
                                 {"psnr", nullptr},
                                 {"ssim", m.ssim},
                                 {"colorfulness_a", m.colorfulness_a},
                                 {"colorfulness_b", m.colorfulness_b},
                                 {"mean_delta_e2000", m.mean_delta_e2000},
                                 {"max_difference", m.max_difference}};
  if (std::isfinite(m.psnr)) json["psnr"] = m.psnr;
  std::array<char, 256> text{};
  std::snprintf(text.data(), text.size(),
                "PSNR            %.3f dB\nSSIM            %.5f\ncolourfulness   %.3f and %.3f\n"
                "mean dE2000     %.4f\nmax difference  %d levels\n",
                m.psnr, m.ssim, m.colorfulness_a, m.colorfulness_b, m.mean_delta_e2000, m.max_difference);
  if (options.json != "-") write_stdout(text.data());
  write_json(options.json, json);
  return CUHUE_OK;
}

}  // namespace cuhue::app
