// Mask R-CNN on the CPU backend against its reference, stage by stage and whole, and the proof that this
// would notice a wrong layer.
#include "runtime/colorizers/detector.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <set>

#include "kernels/detector_input/detector_input.h"
#include "kernels/proposals/proposals.h"
#include "kernels/roi_align/roi_align.h"
#include "tests/detector/detector_golden.h"
#include "tests/graph/graph_helpers.h"
#include "tests/kernels/support.h"

using namespace cuhue;
using namespace cuhue::test;

namespace {

const Network& network() {
  return network_or_throw("mask-rcnn");
}

// Formula weights with the biases of a golden file, and one tensor of zeros.
class GoldenWeights final : public ParamSource {
 public:
  explicit GoldenWeights(const nlohmann::json& golden, std::string zeros = {}) : zeros_(std::move(zeros)) {
    for (const auto& [key, values] : golden["biases"].items())
      biases_[key] = values.get<std::vector<float>>();
  }
  std::span<const float> fetch(const Param& p, std::vector<float>& scratch) const override {
    if (const auto bias = biases_.find(p.name); bias != biases_.end()) return bias->second;
    const auto values = formula_.fetch(p, scratch);
    if (p.name == zeros_) std::ranges::fill(scratch, 0.0f);
    return values;
  }

 private:
  FormulaSource formula_{network()};
  std::map<std::string, std::vector<float>> biases_;
  std::string zeros_;
};

LoadedNetwork load(std::shared_ptr<const ParamSource> source) {
  LoadedNetwork loaded;
  loaded.network = &network();
  loaded.backend = make_cpu_backend();
  loaded.weights = loaded.backend->make_weights(std::move(source));
  return loaded;
}

const nlohmann::json& golden_float() {
  static const nlohmann::json json = read_detector_golden("detector_float_96x128.json");
  return json;
}
const nlohmann::json& golden_bytes() {
  static const nlohmann::json json = read_detector_golden("detector_bytes_61x83.json");
  return json;
}
// Both goldens are of one set of weights.
const LoadedNetwork& loaded() {
  static const LoadedNetwork network = load(std::make_shared<GoldenWeights>(golden_float()));
  return network;
}

// A formula picture, interleaved.
struct Picture {
  explicit Picture(const nlohmann::json& golden) : h(golden["height"]), w(golden["width"]) {
    const std::vector<std::uint8_t> planes = formula_image(3, h, w);
    const auto plane = static_cast<std::size_t>(h * w);
    for (std::size_t i = 0; i < plane; ++i)
      for (std::size_t c = 0; c < 3; ++c) bytes.push_back(planes[c * plane + i]);
    floats.assign(bytes.begin(), bytes.end());
  }
  DetectorImage image(bool of_bytes) const {
    if (of_bytes) return {bytes.data(), DetectorImage::Type::u8, h, w};
    return {floats.data(), DetectorImage::Type::f32, h, w};
  }
  std::int64_t h, w;
  std::vector<std::uint8_t> bytes;
  std::vector<float> floats;
};

void apply_settings(Detector& detector, const nlohmann::json& golden) {
  for (const auto& [name, value] : golden["settings"].items()) detector.set(name, value.get<double>());
}

Detections detect(const LoadedNetwork& network, const nlohmann::json& golden) {
  const auto detector = make_detector(network);
  apply_settings(*detector, golden);
  Detections found;
  DetectTimings timings;
  detector->run(Picture(golden).image(golden["type"] == "uint8"), {}, found, timings);
  CHECK(timings.features > 0);
  return found;
}

std::vector<std::uint8_t> whole_mask(const Detections& d, std::size_t i) {
  std::vector<std::uint8_t> mask;
  for (std::int64_t y = 0; y < d.height; ++y)
    for (std::int64_t x = 0; x < d.width; ++x) mask.push_back(d.covers(i, x, y) ? 1 : 0);
  return mask;
}

struct Difference {
  bool same_objects = false;  // as many, of the same classes, in the same order
  double box = 0, score = 0;
  bool masks = true;  // each within max(30 pixels, 0.5 %)
};

Difference difference(const Detections& found, const nlohmann::json& golden) {
  Difference d;
  d.same_objects = found.classes == golden["classes"].get<std::vector<std::int32_t>>();
  if (!d.same_objects) return d;
  const auto boxes = golden["boxes"].get<std::vector<float>>(),
             scores = golden["scores"].get<std::vector<float>>();
  for (std::size_t i = 0; i < boxes.size(); ++i)
    d.box = std::max(d.box, static_cast<double>(std::abs(found.boxes[i] - boxes[i])));
  for (std::size_t i = 0; i < scores.size(); ++i) {
    d.score = std::max(d.score, static_cast<double>(std::abs(found.scores[i] - scores[i])));
    const auto expected = from_runs(golden["masks"][i], found.width * found.height);
    const auto mask = whole_mask(found, i);
    std::ptrdiff_t differ = 0;
    for (std::size_t p = 0; p < mask.size(); ++p) differ += mask[p] != expected[p] ? 1 : 0;
    // A few pixels of a mask as small as these: stricter than what is asked for.
    if (differ > std::max<std::ptrdiff_t>(3, std::ranges::count(expected, 1) / 200)) d.masks = false;
  }
  return d;
}

std::vector<Box> proposals_of(Program& features, float h, float w) {
  ProposalParams p;
  for (std::size_t i = 0; i < kMostLevels; ++i) {
    AnchorLevel& level = p.levels[i];
    const TensorRef logits = features.output("logits" + std::to_string(i + 2));
    level.logits = logits.data;
    level.deltas = features.output("deltas" + std::to_string(i + 2)).data;
    level.h = static_cast<int>(logits.dims.h);
    level.w = static_cast<int>(logits.dims.w);
    level.logit_channel = level.delta_channel = logits.dims.h * logits.dims.w;
    level.stride = static_cast<float>(4 << i);
    fill_anchor_cells(32 << i, level.cells);
  }
  p.image_h = h;
  p.image_w = w;
  std::vector<Box> boxes(kMostProposals);
  std::int32_t count = 0;
  const Scratch scratch(proposal_scratch_bytes(p.level_count, p.most));
  p.boxes = &boxes[0].x0;
  p.count = &count;
  p.scratch = scratch.data();
  select_proposals_cpu(p);
  boxes.resize(static_cast<std::size_t>(count));
  return boxes;
}

}  // namespace

TEST_CASE("mask-rcnn has the tensors and the cost of the published network") {
  std::int64_t values = 0, norms = 0, tensors = 0, extra = 0;
  for (const Param& p : schema(network())) {
    if (p.role == ParamRole::ignored) {
      ++extra;
      continue;
    }
    std::int64_t count = 1;
    for (const std::int64_t extent : p.shape) count *= extent;
    values += count;
    ++tensors;
    if (p.name.find(".norm.") != std::string::npos) norms += count;
  }
  CHECK(tensors == 562);
  CHECK(values == 63493808);
  CHECK(norms == 210688);
  CHECK(extra == 7);
  const auto cost = [](const Graph& g) {
    double sum = 0;
    for (const Node& node : g.nodes) sum += static_cast<double>(macs(g, node));
    return sum * 1e-9;
  };
  // 237.9 GMAC without the masks, of which the heads of 1000 boxes are 13.89 + 0.41.
  CHECK(std::abs(cost(build_part(network(), "features", 1, 800, 1088)) - 223.61) < 0.05);
  CHECK(std::abs(cost(build_part(network(), "box_head", 1000, 32, 32)) - 14.30) < 0.01);
  CHECK(std::abs(cost(build_part(network(), "mask_head", 1, 32, 32)) - 0.530) < 0.001);
  const Error e = error_of([] { build_part(network(), "head", 1, 32, 32); });
  CHECK(e.status() == Status::usage);
  CHECK(contains(e.what(), "features, box_head, mask_head"));
}

TEST_CASE("mask-rcnn's features, scores and box head are the reference's, each from exact inputs") {
  const nlohmann::json& golden = golden_float();
  const Picture picture(golden);
  auto features = loaded().compile_part("features", 1, 96, 128);
  DetectorInputParams p;
  p.picture = picture.floats.data();
  p.sample = PictureSample::f32;
  p.h = p.out_h = p.padded_h = 96;
  p.w = p.out_w = p.padded_w = 128;
  std::ranges::copy(std::array{103.530f, 116.280f, 123.675f}, p.mean);
  const TensorRef image = features->input("image");
  p.out = image.data;
  detector_input_cpu(p);
  const std::span<const float> pixels(image.data, static_cast<std::size_t>(image.dims.count()));
  CHECK(error_of(golden_tensor(golden["input"]), image.dims, pixels) < 1e-6);
  features->run();
  double worst_feature = 0, worst_score = 0;
  for (const auto& tap : golden["taps"].items()) {
    const std::string name = tap.key();
    const auto& json = tap.value();
    if (name.starts_with("res")) continue;
    const TensorRef t = features->output(name);
    std::vector<float> planes;
    for (std::int64_t c = 0; c < t.dims.c; ++c)
      for (std::int64_t i = 0; i < t.dims.h * t.dims.w; ++i)
        planes.push_back(t.data[c / t.block * t.plane() + i * t.block + c % t.block]);
    const double error = error_of(golden_tensor(json), t.dims, planes);
    CAPTURE(name);
    CHECK(error < (name[0] == 'p' ? 1e-4 : 1e-3));
    double& worst = name[0] == 'p' ? worst_feature : worst_score;
    worst = std::max(worst, error);
  }
  MESSAGE("features " << worst_feature << ", scores and deltas " << worst_score << " of their maximum");

  // As sets: ranks of nearly equal scores may change places.
  const std::vector<Box> mine = proposals_of(*features, 96, 128);
  const auto theirs = golden["proposals"].get<std::vector<float>>();
  CHECK(mine.size() * 4 == theirs.size());
  std::size_t missing = 0;
  for (std::size_t i = 0; i < theirs.size(); i += 4) {
    missing += std::ranges::none_of(mine, [&](const Box& b) {
      return std::max({std::abs(b.x0 - theirs[i]), std::abs(b.y0 - theirs[i + 1]),
                       std::abs(b.x1 - theirs[i + 2]), std::abs(b.y1 - theirs[i + 3])}) < 0.05f;
    });
  }
  CHECK(missing <= theirs.size() / 4 / 200);
  MESSAGE(mine.size() << " proposals, " << missing << " of the reference's missing");

  // The box head from the reference's boxes.
  const auto boxes = golden["proposals"].get<std::vector<float>>();
  const auto rows = static_cast<std::int64_t>(boxes.size() / 4);
  auto head = loaded().compile_part("box_head", rows, 32, 32);
  RoiAlignParams crop;
  for (std::size_t i = 0; i < 4; ++i) crop.levels[i] = features->output("p" + std::to_string(i + 2));
  crop.boxes = boxes.data();
  crop.count = static_cast<int>(rows);
  crop.out = {head->input("box_crops").data, 12544, 49, 1};
  roi_align_cpu(crop);
  head->run();
  const TensorRef logits = head->output("class_logits");
  const double error =
      error_of(golden_tensor(golden["class_logits"]), logits.dims,
               std::span<const float>(logits.data, static_cast<std::size_t>(logits.dims.count())));
  CHECK(error < 1e-4);
  MESSAGE("class logits " << error << " of their maximum");
  MESSAGE("fact: parity mask-rcnn " << std::max({worst_feature, worst_score, error}));
}

TEST_CASE("mask-rcnn finds the reference's objects, of floats and of bytes") {
  for (const nlohmann::json* golden : {&golden_float(), &golden_bytes()}) {
    const Detections found = detect(loaded(), *golden);
    REQUIRE(found.count() == (*golden)["scores"].size());
    const Difference d = difference(found, *golden);
    MESSAGE(found.count() << " objects, boxes within " << d.box << ", scores within " << d.score);
    CHECK(d.same_objects);
    CHECK(d.box < 0.05);
    CHECK(d.score < 5e-4);
    CHECK(d.masks);
    CHECK(std::ranges::is_sorted(found.scores, std::greater<>()));
  }
}

TEST_CASE("a wrong deep layer changes what is found") {
  for (const char* key : {"backbone.bottom_up.res5.2.conv3.weight", "backbone.fpn_output3.weight",
                          "proposal_generator.rpn_head.anchor_deltas.weight", "roi_heads.box_head.fc2.weight",
                          "roi_heads.mask_head.mask_fcn4.weight"}) {
    const nlohmann::json& golden = golden_bytes();
    const Detections found = detect(load(std::make_shared<GoldenWeights>(golden, key)), golden);
    const Difference d = difference(found, golden);
    CAPTURE(key);
    CHECK((!d.same_objects || d.box > 0.5 || d.score > 0.005 || !d.masks));
  }
}

TEST_CASE("no objects, thresholds, sizes and pictures that are none") {
  const Picture picture(golden_bytes());
  const auto detector = make_detector(loaded());
  apply_settings(*detector, golden_bytes());
  Detections found;
  DetectTimings timings;
  detector->set("score_threshold", 1.0);
  detector->run(picture.image(true), {}, found, timings);
  CHECK(found.count() == 0);
  CHECK(found.mask_bytes.empty());
  CHECK(found.width == 83);
  detector->set("score_threshold", 0.5);
  detector->set("nms_threshold", 1.0);
  detector->run(picture.image(true), {}, found, timings);
  CHECK(found.count() > golden_bytes()["scores"].size());

  CHECK(error_of([&] { detector->set("score_threshold", 2); }).status() == Status::usage);
  CHECK(contains(error_of([&] { detector->set("scale", 2); }).what(), "score_threshold"));
  CHECK(error_of([&] { detector->run({}, {}, found, timings); }).status() == Status::usage);
  std::vector<float> values = picture.floats;
  values[17] = std::nanf("");
  const Error e = error_of([&] {
    detector->run({values.data(), DetectorImage::Type::f32, 61, 83}, {}, found, timings);
  });
  CHECK(e.status() == Status::usage);
  CHECK(contains(e.what(), "value 17"));
  CHECK(found.count() == 0);
  CHECK(error_of([&] {
          detector->run(
              picture.image(true), [](double) { return true; }, found, timings);
        }).status() == Status::cancelled);
  double last = 0;
  detector->run(
      picture.image(true),
      [&](double fraction) {
        CHECK(fraction >= last);
        last = fraction;
        return false;
      },
      found, timings);
  CHECK(last > 0.9);
}

TEST_CASE("weights that are no numbers are an error, not a photo without objects") {
  class Broken final : public ParamSource {
   public:
    std::span<const float> fetch(const Param& p, std::vector<float>& scratch) const override {
      const auto values = formula_.fetch(p, scratch);
      if (p.name == "backbone.fpn_lateral4.bias") scratch[7] = std::nanf("");
      return values;
    }

   private:
    FormulaSource formula_{network()};
  };
  const LoadedNetwork broken = load(std::make_shared<Broken>());
  const Error e = error_of([&] { detect(broken, golden_bytes()); });
  CHECK(e.status() == Status::weights);
  CHECK(contains(e.what(), "convert its checkpoint again"));
}

TEST_CASE("photos of all formats find the same objects; a smaller max_size takes less memory") {
  const Picture picture(golden_bytes());
  const auto detector = make_detector(loaded());
  apply_settings(*detector, golden_bytes());
  std::vector<std::uint8_t> rgba;
  std::vector<std::uint16_t> wide;
  for (std::size_t i = 0; i < picture.bytes.size(); i += 3) {
    rgba.insert(rgba.end(),
                {picture.bytes[i], picture.bytes[i + 1], picture.bytes[i + 2], static_cast<std::uint8_t>(i)});
    for (std::size_t c = 0; c < 3; ++c)
      wide.push_back(static_cast<std::uint16_t>(picture.bytes[i + c] * 257));
  }
  DetectTimings timings;
  Detections of_rgb, of_rgba, of_wide;
  detector->run_photo({picture.bytes.data(), 83, 61, 83 * 3, PixelFormat::rgb8}, {}, {}, of_rgb, timings);
  detector->run_photo({rgba.data(), 83, 61, 83 * 4, PixelFormat::rgba8}, {}, {}, of_rgba, timings);
  detector->run_photo(
      {reinterpret_cast<const std::uint8_t*>(wide.data()), 83, 61, 83 * 6, PixelFormat::rgb16}, {}, {},
      of_wide, timings);
  CHECK(of_rgb.count() > 0);
  for (const Detections* other : {&of_rgba, &of_wide}) {
    CHECK(other->boxes == of_rgb.boxes);
    CHECK(other->mask_bytes == of_rgb.mask_bytes);
  }
  CHECK(error_of([&] {
          Detections none;
          detector->run_photo({rgba.data(), 82, 60, 84, PixelFormat::nv12}, {}, {}, none, timings);
        }).status() == Status::usage);

  const auto planned = [](double max_size) {
    const auto fresh = make_detector(loaded());
    fresh->set("min_size", 128);
    fresh->set("max_size", max_size);
    fresh->prepare(100, 150);
    return fresh->arena_bytes();
  };
  CHECK(planned(96) < planned(160));
}

TEST_CASE("COCO's 80 classes have the ids of its files") {
  const auto classes = detection_classes();
  REQUIRE(classes.size() == 80);
  CHECK(classes[0].name == "person");
  CHECK(classes[11].name == "stop sign");
  CHECK(classes[11].coco_id == 13);
  CHECK(classes[79].name == "toothbrush");
  CHECK(classes[79].coco_id == 90);
  std::set<int> ids;
  for (const DetectionClass& c : classes) ids.insert(c.coco_id);
  CHECK(ids.size() == 80);
}
