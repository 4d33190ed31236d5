// What the user puts in beside a photo.
#include <algorithm>
#include <cstddef>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include "runtime/api/boundary.h"
#include "runtime/api/handles.h"

using namespace cuhue;
using namespace cuhue::api;

namespace {

[[noreturn]] void refuse_hint(std::size_t index, const std::string& what) {
  throw Error(Status::usage, "hint " + std::to_string(index) + ": " + what);
}

// Element `index` of the caller's array, whose structs may be of another version.
cuhue_hint hint_at(const cuhue_hint* array, std::size_t index) {
  const std::size_t size = array->struct_size;
  require(size >= offsetof(cuhue_hint, b) + sizeof(float), "struct_size of hints is not sizeof the struct");
  cuhue_hint h{};
  std::memcpy(&h, reinterpret_cast<const std::byte*>(array) + index * size, std::min(size, sizeof h));
  require(h.struct_size == size, "the hints of one array differ in struct_size");
  return h;
}

LabColor color_of(const cuhue_hint& h, std::size_t index) {
  if (number_of(h.color) == CUHUE_HINT_AB) return {h.a, h.b};
  if (number_of(h.color) == CUHUE_HINT_RGB) return lab_color_of(h.rgb[0], h.rgb[1], h.rgb[2]);
  refuse_hint(index, "its color is not one of cuhue_hint_color's values");
}

Hint to_hint(const cuhue_hint& h, std::size_t index) {
  Hint hint;
  if (h.point_count == 0) hint.points.push_back({h.x, h.y});
  if (h.point_count > 0 && h.points == nullptr) refuse_hint(index, "its points are NULL");
  for (std::size_t i = 0; i < h.point_count; ++i) hint.points.push_back({h.points[i].x, h.points[i].y});
  if (h.side != 0 && (h.side < 1 || h.side > 2 * Hint::kMostRadius + 1 || h.side % 2 == 0)) {
    refuse_hint(index, "its side is " + std::to_string(h.side) + "; give an odd number from 1 to " +
                           std::to_string(2 * Hint::kMostRadius + 1) + ", or 0 for 7");
  }
  if (h.side != 0) hint.radius = h.side / 2;
  hint.color = color_of(h, index);
  return hint;
}

Colorizer& given(cuhue_colorizer* colorizer) {
  require(colorizer != nullptr, "colorizer is NULL");
  return *colorizer->colorizer;
}

}  // namespace

namespace cuhue::api {

PixelView picture_given(const cuhue_pixels* pixels, const char* what) {
  const std::string name(what);
  if (pixels == nullptr) throw Error(Status::usage, name + " is NULL");
  const PixelView view = to_picture_view(read_struct(pixels));
  if (view.data == nullptr || view.width == 0 || view.height == 0) {
    throw Error(Status::usage, name + " is empty; give pixels with a width and height of at least 1");
  }
  if (view.stride < row_bytes(view.format, view.width)) {
    throw Error(Status::usage, name + " has a stride of " + std::to_string(view.stride) +
                                   " bytes, less than a row of " +
                                   std::to_string(row_bytes(view.format, view.width)));
  }
  return view;
}

}  // namespace cuhue::api

extern "C" {

cuhue_status cuhue_colorizer_set_hints(cuhue_colorizer* colorizer, size_t photo, const cuhue_hint* hints,
                                       size_t count, cuhue_error* error) {
  return guard(error, [&] {
    require(hints != nullptr || count == 0, "hints is NULL");
    std::vector<Hint> list;
    for (std::size_t i = 0; i < count; ++i) list.push_back(to_hint(hint_at(hints, i), i));
    given(colorizer).set_hints(photo, list);
  });
}

cuhue_status cuhue_colorizer_set_hint_picture(cuhue_colorizer* colorizer, size_t photo,
                                              const cuhue_pixels* picture, cuhue_error* error) {
  return guard(error, [&] {
    given(colorizer).set_hint_picture(photo, picture_given(picture, "the picture of hints"));
  });
}

cuhue_status cuhue_colorizer_clear_hints(cuhue_colorizer* colorizer, cuhue_error* error) {
  return guard(error, [&] { given(colorizer).clear_hints(); });
}

cuhue_status cuhue_colorizer_set_mask(cuhue_colorizer* colorizer, size_t photo, const cuhue_pixels* mask,
                                      cuhue_error* error) {
  return guard(error, [&] { given(colorizer).set_mask(photo, picture_given(mask, "the mask")); });
}

cuhue_status cuhue_colorizer_clear_masks(cuhue_colorizer* colorizer, cuhue_error* error) {
  return guard(error, [&] { given(colorizer).clear_masks(); });
}

cuhue_status cuhue_colorizer_suggest(cuhue_colorizer* colorizer, size_t photo, const cuhue_pixels* picture,
                                     int64_t x, int64_t y, cuhue_suggestion* suggestions, size_t capacity,
                                     size_t* count, cuhue_error* error) {
  return guard(error, [&] {
    require(suggestions != nullptr && count != nullptr && capacity > 0,
            "suggestions or count is NULL, or capacity 0");
    const std::size_t size = suggestions->struct_size;
    require(size >= offsetof(cuhue_suggestion, probability) + sizeof(float),
            "struct_size of suggestions is not sizeof the struct");
    std::vector<Suggestion> found(std::min(capacity, Colorizer::kMostSuggestions));
    std::optional<ConstPixelView> view;
    if (picture != nullptr) view = picture_given(picture, "the photo");
    found.resize(given(colorizer).suggest(photo, view ? &*view : nullptr, {x, y}, found));
    auto* to = reinterpret_cast<std::byte*>(suggestions);
    for (const Suggestion& s : found) {
      cuhue_suggestion c{};
      c.a = s.color.a;
      c.b = s.color.b;
      c.probability = s.probability;
      c.struct_size = size;
      std::memcpy(to, &c, std::min(size, sizeof c));
      to += size;
    }
    *count = found.size();
  });
}

}  // extern "C"
