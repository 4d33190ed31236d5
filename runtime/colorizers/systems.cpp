#include "runtime/colorizers/systems.h"

#include <algorithm>
#include <string>

#include "weights/status.h"

namespace cuhue {
namespace {

const System kSystems[] = {
    {"lite", "half ResNet-18 with a decoder, trained on Places205: small and quick, muted colours", "lite",
     make_lite},
    {"eccv16", "Zhang et al. 2016, Colorful Image Colorization: vivid colours from 313 bins", "eccv16",
     make_eccv16},
    {"siggraph17", "Real-Time User-Guided Image Colorization: colours that follow the user's hints",
     "siggraph17", make_siggraph17},
    {"masks-gan", "Colorization with masks and a GAN: colours only the part of a photo that a mask shows",
     "masks-gan", make_masks_gan},
    {"semantic", "Semantic-driven Colorization: colours that follow the labels of what is in the photo",
     "colornet", make_semantic, "segnet"},
    {"koalarization",
     "deep-koalarization: colours from what the whole photo shows and what each place looks like",
     "inception-resnet-v2 koalarization", make_koalarization},
    {"scgan", "SCGAN: colours, and a map of where people look in the photo", "scgan", make_scgan},
    {"patch", "PatchColorization: the photo and each object found in it get colours by themselves", "eccv16",
     make_patch, "mask-rcnn"},
};

[[noreturn]] void refuse(std::size_t index, const std::string& what) {
  throw Error(Status::usage, "photo " + std::to_string(index) + ": " + what);
}

void check_view(const ConstPixelView& v, std::size_t index, const char* which) {
  if (v.data == nullptr || v.width <= 0 || v.height <= 0) {
    refuse(index, std::string(which) + " is empty; give pixels with a width and height of at least 1");
  }
  if (v.stride < row_bytes(v.format, v.width)) {
    refuse(index, std::string(which) + " has a stride of " + std::to_string(v.stride) +
                      " bytes, less than a row of " + std::to_string(row_bytes(v.format, v.width)));
  }
}

}  // namespace

std::span<const System> systems() {
  return kSystems;
}

std::vector<std::string_view> names_in(std::string_view list) {
  std::vector<std::string_view> names;
  for (std::string_view left = list; !left.empty();) {
    const std::size_t length = std::min(left.find(' '), left.size());
    names.push_back(left.substr(0, length));
    left.remove_prefix(std::min(length + 1, left.size()));
  }
  return names;
}

const System& system_or_throw(std::string_view name) {
  std::string names;
  for (const System& s : kSystems) {
    if (s.name == name) return s;
    names += (names.empty() ? "" : ", ") + std::string(s.name);
  }
  throw Error(Status::usage, "no system is called '" + std::string(name) + "'; there are: " + names);
}

const System& system_for_networks(std::span<const std::string_view> networks) {
  std::string list;
  for (const System& s : kSystems) {
    std::vector<std::string_view> left(networks.begin(), networks.end());
    const auto given = [&](std::string_view name) { return std::erase(left, name); };
    const bool complete =
        std::ranges::all_of(names_in(s.networks), [&](std::string_view name) { return given(name) == 1; });
    const bool twice =
        std::ranges::any_of(names_in(s.optional), [&](std::string_view name) { return given(name) > 1; });
    if (complete && !twice && left.empty()) return s;
  }
  for (const std::string_view n : networks) list += (list.empty() ? "" : ", ") + std::string(n);
  throw Error(Status::usage,
              "no system works with exactly these weights (" + list + "); name one with its weights");
}

void check_job(const ColorizeJob& job, std::size_t index, const PictureSize& result) {
  check_view(job.in, index, "the input");
  check_view(job.out, index, "the output");
  if (PictureSize{job.out.width, job.out.height} != result) {
    const auto text = [](std::int64_t w, std::int64_t h) {
      return std::to_string(w) + "x" + std::to_string(h);
    };
    const bool same = PictureSize{job.in.width, job.in.height} == result;
    refuse(index,
           "the output is " + text(job.out.width, job.out.height) + ", the input " +
               text(job.in.width, job.in.height) +
               (same ? "; they must be equal"
                     : "; with these options the output must be " + text(result.width, result.height)));
  }
  if (is_grey(job.out.format) || is_video(job.out.format))
    refuse(index, "the output format is grey or video; give an RGB, RGBA, BGR or BGRA format");
  if (bytes_per_sample(job.in.format) != bytes_per_sample(job.out.format)) {
    refuse(index, "input and output differ in bits a sample; give the output the depth of the input");
  }
}

}  // namespace cuhue
