#include "apps/cuhue/run_detector.h"

#include <array>
#include <chrono>
#include <nlohmann/json.hpp>
#include <span>

#include "apps/cuhue/commands.h"
#include "apps/cuhue/console.h"
#include "apps/cuhue/files.h"
#include "apps/cuhue/model_files.h"
#include "apps/cuhue/signals.h"

namespace cuhue::app {
namespace {

using Json = nlohmann::ordered_json;

cuhue_picture_array picture_array(const NpyArray& picture, const std::string& file) {
  auto array = sized<cuhue_picture_array>();
  const auto& s = picture.shape;
  if (s.size() != 3 || s[2] != 3)
    throw Failure(CUHUE_INPUT, file + ": input 'image' has shape " + shape_text(s) + "; save it as [H,W,3]");
  if (picture.type != NpyType::u8 && picture.type != NpyType::f32)
    throw Failure(CUHUE_INPUT, file + ": input 'image' is of " + std::string(name_of(picture.type)) +
                                   "; save it as uint8 or float32");
  array.data = picture.data.data();
  array.dtype = picture.type == NpyType::u8 ? CUHUE_U8 : CUHUE_F32;
  array.height = s[0];
  array.width = s[1];
  return array;
}

std::vector<cuhue_detection> all_of(const cuhue_detections* detections) {
  std::vector<cuhue_detection> all(cuhue_detections_count(detections), sized<cuhue_detection>());
  for (std::size_t i = 0; i < all.size(); ++i) call(cuhue_detections_at, detections, i, &all[i]);
  return all;
}

template <class T>
std::vector<std::byte> npy_of(NpyType type, const std::vector<std::int64_t>& shape,
                              const std::vector<T>& values) {
  return npy_bytes(type, shape, std::as_bytes(std::span(values)));
}

std::vector<std::byte> output_bytes(const std::string& name, const cuhue_detections* detections,
                                    const cuhue_picture_array& picture) {
  const std::vector<cuhue_detection> found = all_of(detections);
  const auto count = static_cast<std::int64_t>(found.size());
  if (name == "classes") {
    std::vector<std::int32_t> classes;
    classes.reserve(found.size());
    for (const auto& d : found) classes.push_back(d.class_index);
    return npy_of(NpyType::i32, {count}, classes);
  }
  if (name == "masks") {
    const auto pixels = static_cast<std::size_t>(picture.height * picture.width);
    std::vector<std::uint8_t> masks(found.size() * pixels);
    for (std::size_t i = 0; i < found.size(); ++i)
      call(cuhue_detections_mask, detections, i, masks.data() + i * pixels, pixels);
    return npy_of(NpyType::u8, {count, picture.height, picture.width}, masks);
  }
  std::vector<float> values;
  for (const auto& d : found) {
    if (name == "boxes")
      values.insert(values.end(), {d.x0, d.y0, d.x1, d.y1});
    else
      values.push_back(d.score);
  }
  return name == "boxes" ? npy_of(NpyType::f32, {count, 4}, values) : npy_of(NpyType::f32, {count}, values);
}

std::string size_text(const cuhue_picture_array& picture) {
  return std::to_string(picture.height) + "x" + std::to_string(picture.width);
}

}  // namespace

DetectorHandle make_detector(cuhue_engine* engine, cuhue_weights* weights,
                             const std::vector<Setting>& settings) {
  auto detector = make<DetectorHandle>(cuhue_detector_create, engine, weights);
  for (const auto& [key, value] : settings) call(cuhue_detector_set, detector.get(), key.c_str(), value);
  return detector;
}

Json timings_json(const cuhue_detect_timings& t) {
  return {{"compile", t.compile},     {"prepare", t.prepare}, {"features", t.features},
          {"proposals", t.proposals}, {"boxes", t.boxes},     {"masks", t.masks},
          {"total", t.total}};
}

int run_detector(const RunOptions& options, const std::string& file, const NpyArray& picture) {
  const cuhue_picture_array array = picture_array(picture, file);
  const Weights weights = network_weights(options.network, options.weights, options.formula);
  const Engine engine = make_engine(options);
  const DetectorHandle detector = make_detector(engine.get(), weights.get(), options.settings);
  auto wanted = sized<cuhue_detect_options>();
  wanted.progress = cancel_on_signal;
  cuhue_detections* raw = nullptr;
  auto timings = sized<cuhue_detect_timings>();
  call(cuhue_detect_array, detector.get(), &array, &wanted, &raw, &timings);
  const DetectionsHandle detections(raw);
  auto memory = sized<cuhue_memory>();
  call(cuhue_detector_memory, detector.get(), &memory);
  print_detail(options.network + ": " + std::to_string(cuhue_detections_count(raw)) + " objects in " +
               format_seconds(timings.total) + ", " + format_bytes(static_cast<double>(memory.arena_bytes)) +
               " beside the weights");
  for (const auto& [name, path] : options.outputs) {
    write_file(path, output_bytes(name, raw, array));
    print_detail(std::string(path).append(": ").append(name));
  }
  if (!options.json.empty()) {
    write_json(options.json, Json{{"network", options.network},
                                  {"device", cuhue_engine_device(engine.get())},
                                  {"precision", precision_name(options.precision)},
                                  {"threads", cuhue_engine_threads(engine.get())},
                                  {"size", size_text(array)},
                                  {"detections", cuhue_detections_count(raw)},
                                  {"seconds", timings.total},
                                  {"stages", timings_json(timings)},
                                  {"weight_bytes", memory.weight_bytes},
                                  {"arena_bytes", memory.arena_bytes},
                                  {"peak_bytes", peak_bytes()}});
  }
  return CUHUE_OK;
}

cuhue_memory detector_memory(cuhue_engine* engine, cuhue_weights* weights, const Size& size) {
  const DetectorHandle detector = make_detector(engine, weights, {});
  call(cuhue_detector_prepare, detector.get(), size.height, size.width);
  auto memory = sized<cuhue_memory>();
  call(cuhue_detector_memory, detector.get(), &memory);
  return memory;
}

std::vector<std::uint8_t> bench_picture(const Size& size) {
  std::vector<std::uint8_t> picture(static_cast<std::size_t>(size.height * size.width * 3));
  std::uint32_t state = 1;
  for (std::uint8_t& v : picture) {
    state = state * 1664525U + 1013904223U;
    v = static_cast<std::uint8_t>(state >> 24);
  }
  return picture;
}

double detect_once(cuhue_detector* detector, const std::vector<std::uint8_t>& picture, const Size& size,
                   cuhue_detect_timings* timings) {
  auto array = sized<cuhue_picture_array>();
  array.data = picture.data();
  array.dtype = CUHUE_U8;
  array.height = size.height;
  array.width = size.width;
  auto wanted = sized<cuhue_detect_options>();
  wanted.progress = cancel_on_signal;
  cuhue_detections* raw = nullptr;
  const auto start = std::chrono::steady_clock::now();
  call(cuhue_detect_array, detector, &array, &wanted, &raw, timings);
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  cuhue_detections_free(raw);
  return seconds;
}

}  // namespace cuhue::app
