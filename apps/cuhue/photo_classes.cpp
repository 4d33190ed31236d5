#include "apps/cuhue/photo_classes.h"

#include <array>
#include <nlohmann/json.hpp>
#include <string_view>

#include "apps/cuhue/api.h"

namespace cuhue::app {
namespace {

constexpr std::size_t kMost = 5;

class PhotoClasses final : public Extra {
 public:
  void after(const ExtraCall& photos, std::span<nlohmann::ordered_json> reports) const override {
    if (std::string_view(cuhue_colorizer_system(photos.colorizer)) != "koalarization") return;
    for (std::size_t i = 0; i < reports.size(); ++i) {
      std::array<cuhue_class, kMost> classes{};
      for (cuhue_class& c : classes) c = sized<cuhue_class>();
      std::size_t count = 0;
      call(cuhue_colorizer_classes, photos.colorizer, i, classes.data(), classes.size(), &count);
      auto& list = reports[i]["classes"] = nlohmann::ordered_json::array();
      for (std::size_t c = 0; c < count; ++c)
        list.push_back({{"class", classes[c].index}, {"probability", classes[c].probability}});
    }
  }
};

}  // namespace

std::unique_ptr<Extra> make_classes_extra(const ColorizeOptions& options) {
  return options.json.empty() ? nullptr : std::make_unique<PhotoClasses>();
}

}  // namespace cuhue::app
