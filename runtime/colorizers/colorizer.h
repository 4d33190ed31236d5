// A system: photos in, photos in colour out. One file a system beside this header.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "runtime/colorizers/detections.h"
#include "runtime/colorizers/hints.h"
#include "runtime/colorizers/per_photo.h"
#include "runtime/colorizers/saliency.h"
#include "runtime/image/pixels.h"
#include "runtime/networks/loaded_network.h"

namespace cuhue {

// out: of the colorizer's result_of() in's size, with in's sample size and 3 or 4 channels; may be in itself.
struct ColorizeJob {
  ConstPixelView in;
  PixelView out;
  bool in_on_device = false, out_on_device = false;  // addresses of the backend's device
};

struct ColorizeOptions {
  float chroma = 1.0f;       // colours times this
  float temperature = 1.0f;  // of the annealed mean, where the system has one
  bool as_published = false;
  bool prepared = false;    // as PhotoOptions::prepared
  bool gate = false;        // no colour where a mask says none, whatever the network says
  Stream stream = nullptr;  // as PhotoOptions::stream
};

struct PictureSize {
  std::int64_t width = 0, height = 0;
  friend bool operator==(const PictureSize&, const PictureSize&) = default;
};

struct ColorizeTimings {  // seconds
  double compile = 0, prepare = 0, network = 0, finish = 0;
  double detect = 0;  // finding objects, where the system does
};

struct ClassGuess {
  int index = 0;  // of the 1001 of ImageNet's classes: 0 is the background
  float probability = 0;
};

// Not thread-safe; colorizers over the same LoadedNetworks may work at the same time.
class Colorizer {
 public:
  virtual ~Colorizer() = default;
  // All jobs in one network batch where the system's network has one size, else one after another. A second
  // call with the same number of jobs, sizes and options allocates nothing (but for more than two sizes of
  // the network).
  virtual void run(std::span<const ColorizeJob> jobs, const ColorizeOptions& options, const Poll& poll,
                   ColorizeTimings& timings) = 0;
  // Of the picture that a photo of this size becomes.
  virtual PictureSize result_of(const PictureSize& photo, const ColorizeOptions& /*options*/) const {
    return photo;
  }
  // A setting of the system's network, for the calls to come.
  virtual void set(std::string_view setting, double value);

  // ---- what the user puts in beside a photo, for the calls to come. photo: its place among a call's jobs;
  // kAllPhotos = every one, in place of what single photos were given. Error(Status::usage) where the system
  // takes no such thing.
  static constexpr std::size_t kAllPhotos = cuhue::kAllPhotos;
  virtual void set_hints(std::size_t photo, std::span<const Hint> hints);
  // Opaque pixels are hints; of the photo's size. Read before it returns.
  virtual void set_hint_picture(std::size_t photo, const ConstPixelView& picture);
  virtual void clear_hints();
  // Of the photo's size: white is coloured, black stays grey. Read before it returns.
  virtual void set_mask(std::size_t photo, const ConstPixelView& mask);
  virtual void clear_masks();
  // What the photos of the latest call show, where the system's networks tell: photo `index`, classes most
  // likely first; returns how many it wrote.
  virtual std::size_t classes(std::size_t index, std::span<ClassGuess> guesses) const;
  // Likely colours at a pixel of a photo under the hints of photo `index`, most likely first; returns how
  // many it wrote. photo: nullptr = that of the latest call of suggest().
  static constexpr std::size_t kMostSuggestions = 529;
  virtual std::size_t suggest(std::size_t index, const ConstPixelView* photo, PhotoPoint at,
                              std::span<Suggestion> suggestions);

  // A label for each pixel of the photo's result. Read before it returns.
  virtual void set_labels(std::size_t photo, const ConstPixelView& map);
  virtual void clear_labels();
  // What photo `index` of the latest call was coloured by, or what the system sees in a photo: into a grey
  // picture of bytes, of the result's size.
  virtual void labels_of(std::size_t index, const PixelView& map) const;
  virtual void find_labels(const ConstPixelView& photo, const ColorizeOptions& options, const PixelView& map);

  // ---- what a system tells of a photo beside its colours. Error(Status::usage) where it tells no such
  // thing. Calls to come find out where people look in each photo: saliency() tells it of the latest call.
  virtual void keep_saliency(bool keep);
  virtual SaliencyMap saliency(std::size_t photo) const;

  // The objects in a photo, in place of what the system would find itself; of the size of the photo's result.
  virtual void set_detections(std::size_t photo, Detections detections);
  virtual void clear_detections();
  // By what photo `index` of the latest call was coloured; valid until the next one.
  virtual const Detections& detections_of(std::size_t index) const;

  virtual std::int64_t weight_bytes() const = 0;
  virtual std::int64_t arena_bytes() const = 0;  // of all programs and scratch held now
};

struct System {
  std::string_view name;      // "eccv16"
  std::string_view about;     // one line
  std::string_view networks;  // whose weights it needs, separated by spaces, in the order make() takes them
  std::unique_ptr<Colorizer> (*make)(std::span<const LoadedNetwork> networks) = nullptr;
  // Networks that it can do without, as `networks`; make() takes them behind the others, those that are
  // missing with no `network`.
  std::string_view optional = {};
};

std::span<const System> systems();
std::vector<std::string_view> names_in(std::string_view list);  // separated by spaces
const System& system_or_throw(std::string_view name);           // Error(Status::usage) that lists the names
// The system that all of the given networks are of, and that needs no others: Error(Status::usage) when none
// is.
const System& system_for_networks(std::span<const std::string_view> networks);

// Throws Error(Status::usage) that names what is wrong with job i: empty, stride too small, another size than
// `result`, depths that differ.
void check_job(const ColorizeJob& job, std::size_t index, const PictureSize& result);

}  // namespace cuhue
