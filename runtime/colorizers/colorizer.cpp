#include "runtime/colorizers/colorizer.h"

#include <string>

#include "weights/status.h"

namespace cuhue {
namespace {

[[noreturn]] void no_hints() {
  throw Error(Status::usage, "this system takes no colour hints; use system 'siggraph17'");
}

[[noreturn]] void no_masks() {
  throw Error(Status::usage, "this system takes no mask; use system 'masks-gan'");
}

[[noreturn]] void no_labels() {
  throw Error(Status::usage, "this system has no labels; use system 'semantic'");
}

[[noreturn]] void no_saliency() {
  throw Error(Status::usage, "this system tells no saliency; use system 'scgan'");
}

[[noreturn]] void no_objects() {
  throw Error(Status::usage, "this system knows no objects; use system 'patch'");
}

}  // namespace

void Colorizer::set(std::string_view setting, double /*value*/) {
  throw Error(Status::usage, "this system has no setting '" + std::string(setting) + "'");
}
void Colorizer::set_hints(std::size_t /*photo*/, std::span<const Hint> /*hints*/) {
  no_hints();
}
void Colorizer::set_hint_picture(std::size_t /*photo*/, const ConstPixelView& /*picture*/) {
  no_hints();
}
void Colorizer::clear_hints() {
  no_hints();
}
void Colorizer::set_mask(std::size_t /*photo*/, const ConstPixelView& /*mask*/) {
  no_masks();
}
void Colorizer::clear_masks() {
  no_masks();
}
void Colorizer::set_labels(std::size_t /*photo*/, const ConstPixelView& /*map*/) {
  no_labels();
}
void Colorizer::clear_labels() {
  no_labels();
}
void Colorizer::labels_of(std::size_t /*index*/, const PixelView& /*map*/) const {
  no_labels();
}
void Colorizer::find_labels(const ConstPixelView& /*photo*/, const ColorizeOptions& /*options*/,
                            const PixelView& /*map*/) {
  no_labels();
}
std::size_t Colorizer::classes(std::size_t /*index*/, std::span<ClassGuess> /*guesses*/) const {
  throw Error(Status::usage, "this system tells no classes; use system 'koalarization'");
}
void Colorizer::set_detections(std::size_t /*photo*/,
                               Detections /*detections*/) {  // NOLINT: overrides keep them
  no_objects();
}
void Colorizer::clear_detections() {
  no_objects();
}
const Detections& Colorizer::detections_of(std::size_t /*index*/) const {
  no_objects();
}
std::size_t Colorizer::suggest(std::size_t /*index*/, const ConstPixelView* /*photo*/, PhotoPoint /*at*/,
                               std::span<Suggestion> /*suggestions*/) {
  throw Error(Status::usage, "this system suggests no colours; use system 'siggraph17'");
}
void Colorizer::keep_saliency(bool /*keep*/) {
  no_saliency();
}
SaliencyMap Colorizer::saliency(std::size_t /*photo*/) const {
  no_saliency();
}

}  // namespace cuhue
