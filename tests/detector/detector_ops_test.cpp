// The detector's ops on the CPU against the reference, at boxes and scores that are awkward.
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <map>

#include "kernels/core/parallel.h"
#include "kernels/detector_input/detector_input.h"
#include "kernels/mask_paste/mask_paste.h"
#include "kernels/proposals/proposals.h"
#include "kernels/proposals/selection_math.h"
#include "kernels/roi_align/roi_align.h"
#include "kernels/roi_align/roi_align_math.h"
#include "runtime/colorizers/detector.h"
#include "tests/detector/detector_golden.h"
#include "tests/kernels/support.h"

using namespace cuhue;
using namespace cuhue::test;

namespace {

const nlohmann::json& ops() {
  static const nlohmann::json json = read_detector_golden("detector_ops.json");
  return json;
}

std::vector<float> floats(const nlohmann::json& json) {
  return json.get<std::vector<float>>();
}

// The same values in blocks of channels.
std::vector<float> in_blocks(const std::vector<float>& planes, Dims d, std::int64_t block) {
  const TensorRef shape = dense_tensor(nullptr, d, block);
  std::vector<float> out(static_cast<std::size_t>(shape.image()));
  for (std::int64_t c = 0; c < d.c; ++c)
    for (std::int64_t i = 0; i < d.h * d.w; ++i)
      out[static_cast<std::size_t>(c / block * shape.plane() + i * block + c % block)] =
          planes[static_cast<std::size_t>(c * d.h * d.w + i)];
  return out;
}

double largest_difference(const std::vector<float>& a, const std::vector<float>& b) {
  if (a.size() != b.size()) return std::numeric_limits<double>::infinity();
  double worst = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    worst = std::max(worst, std::abs(static_cast<double>(a[i]) - static_cast<double>(b[i])));
  return worst;
}

}  // namespace

TEST_CASE("RoIAlign: crops of boxes outside, thin, tiny, without area and at the borders, in every layout") {
  std::map<int, std::vector<float>> planes;
  for (int level = 2; level < 6; ++level)
    planes[level] =
        formula_values("roi p" + std::to_string(level), 256 * (256 >> level) * (320 >> level), -1, 1);
  const std::vector<float> boxes = floats(ops()["roi_align"]["boxes"]);
  const auto count = static_cast<int>(boxes.size() / 4);
  for (const std::int64_t block : {1, 8, 16, 256}) {
    std::map<int, std::vector<float>> maps;
    for (const int size : {7, 14}) {
      RoiAlignParams p;
      for (int level = 2; level < 6; ++level) {
        const Dims d{1, 256, 256 >> level, 320 >> level};
        maps[level] = in_blocks(planes[level], d, block);
        p.levels[level - 2] = dense_tensor(maps[level].data(), d, block);
      }
      std::vector<float> out(static_cast<std::size_t>(count * 256 * size * size), -5.0f);
      p.boxes = boxes.data();
      p.count = count;
      p.size = size;
      p.out = {out.data(), std::int64_t{256} * size * size, std::int64_t{size} * size, 1};
      roi_align_cpu(p);
      const GoldenTensor expected = golden_tensor(ops()["roi_align"]["crops" + std::to_string(size)]);
      CAPTURE(block);
      CHECK(error_of(expected, {count, 256, size, size}, out) < 1e-5);
    }
  }
}

TEST_CASE("RoIAlign: the level of a box, at the sides that decide") {
  const auto level = [](float side) { return crop_level(10, 10, 10 + side, 10 + side) + 2; };
  CHECK(level(0) == 2);
  CHECK(level(1) == 2);
  CHECK(level(111.9f) == 2);
  CHECK(level(112) == 3);
  CHECK(level(223.9f) == 3);
  CHECK(level(224) == 4);
  CHECK(level(447.9f) == 4);
  CHECK(level(448) == 5);
  CHECK(level(1e6f) == 5);
  CHECK(crop_level(0, 0, 56, 896) == 2);  // as large as 224 x 224: level 4
  CHECK(crop_level(NAN, 0, 1, 1) == 0);
}

TEST_CASE("NMS: overlaps at the threshold, equal scores, boxes without area") {
  constexpr int kCount = 300;
  const std::vector<float> u = formula_values("nms boxes", 4 * kCount, 0, 1),
                           s = formula_values("nms scores", kCount, 0, 1);
  for (const auto& [name, kept] : ops()["nms"]["kept"].items()) {
    const double threshold = std::stod(name);
    // One class whose boxes the deltas leave as they are; scores by its logit.
    std::vector<Box> boxes;
    std::vector<std::pair<std::uint64_t, int>> order;
    for (int i = 0; i < kCount; ++i) {
      const auto at = [&](int k, float cells) {
        return std::floor(u[static_cast<std::size_t>(4 * i + k)] * cells) * 4;
      };
      const float x = at(0, 20), y = at(1, 15);
      boxes.push_back({x, y, x + at(2, 6), y + at(3, 6)});
      order.emplace_back(
          rank_key(std::floor(s[static_cast<std::size_t>(i)] * 40) / 40, static_cast<std::uint32_t>(i)), i);
    }
    std::ranges::sort(order, std::greater<>());
    std::vector<int> left;
    for (const auto& [key, i] : order) {
      CHECK(static_cast<int>(index_of_key(key)) == i);
      if (std::ranges::none_of(left, [&, i = i](int j) {
            return suppresses(boxes[static_cast<std::size_t>(j)], boxes[static_cast<std::size_t>(i)],
                              threshold);
          }))
        left.push_back(i);
    }
    CHECK(left == kept.get<std::vector<int>>());
  }
}

TEST_CASE("ranks: descending scores, then ascending indices; a NaN before all") {
  CHECK(rank_key(1.0f, 7) > rank_key(0.5f, 3));
  CHECK(rank_key(-1.0f, 7) > rank_key(-1.5f, 3));
  CHECK(rank_key(0.0f, 3) > rank_key(-0.0f, 4));
  CHECK(rank_key(-0.0f, 3) > rank_key(0.0f, 4));
  CHECK(rank_key(NAN, 9) > rank_key(std::numeric_limits<float>::infinity(), 0));
  CHECK(rank_key(-std::numeric_limits<float>::infinity(), 0) > 0);
}

namespace {

struct Pyramid {
  std::vector<std::vector<float>> logits, deltas;
  ProposalParams p;
};

void fill_level(Pyramid& pyramid, std::size_t i) {
  const int level = static_cast<int>(i) + 2, h = std::max(1, 256 >> level), w = std::max(1, 320 >> level);
  auto& logits = pyramid.logits[i] =
      formula_values("proposal logits" + std::to_string(level), 3 * h * w, -8, 8);
  for (float& v : logits) v = std::floor(v * 4) / 4;
  auto& deltas = pyramid.deltas[i] =
      formula_values("proposal deltas" + std::to_string(level), 12 * h * w, -1, 1);
  for (std::size_t k = 0; k < deltas.size(); k += 97) deltas[k] *= 9;
  if (level == 3) {
    logits[5] = NAN;
    deltas[12] = INFINITY;
  }
  AnchorLevel& l = pyramid.p.levels[i];
  l.logits = logits.data();
  l.deltas = deltas.data();
  l.h = h;
  l.w = w;
  l.logit_channel = l.delta_channel = std::int64_t{h} * w;
  l.stride = static_cast<float>(1 << level);
  fill_anchor_cells(8 << level, l.cells);
}

}  // namespace

TEST_CASE("proposals: ties, numbers that are none, boxes beyond the image; the same for any threads") {
  Pyramid pyramid;
  pyramid.logits.resize(5);
  pyramid.deltas.resize(5);
  for (std::size_t i = 0; i < 5; ++i) fill_level(pyramid, i);
  ProposalParams& p = pyramid.p;
  p.image_h = 250;
  p.image_w = 311;
  std::vector<float> boxes(4 * kMostProposals, -1.0f);
  std::int32_t count = -1;
  const Scratch scratch(proposal_scratch_bytes(p.level_count, p.most));
  p.boxes = boxes.data();
  p.count = &count;
  p.scratch = scratch.data();
  const std::vector<float> expected = floats(ops()["proposals"]["boxes"]);
  for (const int threads : {1, 2, 3}) {
    const ThreadScope scope(threads);
    select_proposals_cpu(p);
    CHECK(count == static_cast<int>(expected.size() / 4));
    boxes.resize(expected.size());
    CHECK(largest_difference(boxes, expected) < 1e-3);
    boxes.resize(4 * kMostProposals);
  }
}

TEST_CASE(
    "detections: classes apart, ties by row and class, rows that are not finite left out, none at all") {
  constexpr int kRows = 200;
  std::vector<float> logits = formula_values("detection logits", 81 * kRows, -3, 3);
  for (int row = 0; row < kRows; ++row)
    for (int k = 0; k < row % 4; ++k)
      logits[static_cast<std::size_t>(row * 81 + (row * 7 + k * 31) % 81)] =
          6 + static_cast<float>(row % 5) * 0.25f;
  std::vector<float> deltas = formula_values("detection deltas", 320 * kRows, -2, 2);
  const std::vector<float> u = formula_values("detection boxes", 4 * kRows, 0, 1);
  std::vector<float> boxes;
  const std::uint64_t seed = 0;
  (void)seed;
  for (int i = 0; i < kRows; ++i) {
    const auto at = [&](int k) { return static_cast<double>(u[static_cast<std::size_t>(4 * i + k)]); };
    const double x = at(0) * 280, y = at(1) * 220;
    for (const double v : {x, y, x + at(2) * 90, y + at(3) * 90}) boxes.push_back(static_cast<float>(v));
  }
  std::copy_n(boxes.begin() + 8, 4, boxes.begin() + 12);
  boxes[42] = boxes[40];

  std::int32_t rows = kRows, found = -1;
  std::vector<float> out(4 * kMostDetections), scores(kMostDetections);
  std::vector<std::int32_t> labels(kMostDetections);
  DetectionParams p;
  p.rows = kRows;
  const Scratch scratch(detection_scratch_bytes(p.rows, p.classes));
  p.class_logits = logits.data();
  p.box_deltas = deltas.data();
  p.proposals = boxes.data();
  p.count = &rows;
  p.image_h = 250;
  p.image_w = 311;
  p.boxes = out.data();
  p.scores = scores.data();
  p.labels = labels.data();
  p.found = &found;
  p.scratch = scratch.data();
  const auto& expected = ops()["detections"];
  for (const int threads : {1, 2}) {
    const ThreadScope scope(threads);
    select_detections_cpu(p);
    REQUIRE(found == static_cast<int>(expected["scores"].size()));
    CHECK(labels == expected["classes"].get<std::vector<std::int32_t>>());
    CHECK(largest_difference(scores, floats(expected["scores"])) < 1e-6);
    CHECK(largest_difference(out, floats(expected["boxes"])) < 1e-3);
  }
  const int best = found;
  rows = 5;  // only the rows there are
  select_detections_cpu(p);
  CHECK(found < best);
  CHECK(scores[static_cast<std::size_t>(found)] == 0.0f);
  rows = 0;
  select_detections_cpu(p);
  CHECK(found == 0);
  rows = kRows;
  for (int row = 0; row < kRows; ++row)
    (row % 2 == 0 ? logits[static_cast<std::size_t>(row * 81 + 80)]
                  : deltas[static_cast<std::size_t>(row * 320 + 319)]) = NAN;
  select_detections_cpu(p);
  CHECK(found == 0);
}

TEST_CASE("masks are pasted as the reference does, the border included; nothing outside of the rectangle") {
  const auto& golden = ops()["paste"];
  const std::vector<float> boxes = floats(golden["boxes"]);
  constexpr std::int64_t kHeight = 100, kWidth = 120;
  for (std::size_t i = 0; i < boxes.size() / 4; ++i) {
    std::vector<float> mask = formula_values("paste " + std::to_string(i), kMaskSize * kMaskSize, 0, 1);
    if (i == 1) std::ranges::fill(mask, 1.0f);
    MaskPasteParams p;
    p.mask = mask.data();
    std::copy_n(boxes.begin() + static_cast<std::ptrdiff_t>(4 * i), 4, p.box);
    p.rectangle = paste_rectangle(p.box, kHeight, kWidth);
    const PasteRectangle& r = p.rectangle;
    std::vector<std::uint8_t> part(static_cast<std::size_t>(r.w * r.h)), whole(kHeight * kWidth);
    p.out = part.data();
    mask_paste_cpu(p);
    for (std::int64_t y = 0; y < r.h; ++y)
      std::copy_n(part.begin() + y * r.w, r.w, whole.begin() + (r.y + y) * kWidth + r.x);
    CAPTURE(i);
    CHECK(whole == from_runs(golden["masks"][i], kHeight * kWidth));
  }
}

TEST_CASE("a mask is the sigmoid of the class that was found") {
  const std::vector<float> logits = formula_values("pick", 2 * 80 * 784, -9, 9);
  const std::vector<std::int32_t> labels = {79, 3};
  std::vector<float> out(2 * 784);
  mask_pick_cpu({logits.data(), labels.data(), 2, 80, out.data()});
  for (std::size_t i = 0; i < out.size(); ++i) {
    const double x = logits[(i / 784 * 80 + static_cast<std::size_t>(labels[i / 784])) * 784 + i % 784];
    CHECK(std::abs(out[i] - 1.0 / (1.0 + std::exp(-x))) < 1e-6);
  }
}

namespace {

std::vector<float> resized(const void* picture, PictureSample sample, std::int64_t h, std::int64_t w,
                           std::int64_t out_h, std::int64_t out_w) {
  DetectorInputParams p;
  p.picture = picture;
  p.sample = sample;
  p.h = h;
  p.w = w;
  p.out_h = out_h;
  p.out_w = out_w;
  p.padded_h = out_h + 3;
  p.padded_w = out_w + 5;
  if (sample != PictureSample::u8) std::ranges::copy(std::array{103.530f, 116.280f, 123.675f}, p.mean);
  std::vector<float> out(static_cast<std::size_t>(3 * p.padded_h * p.padded_w), -7.0f), seen;
  const Scratch scratch(detector_input_scratch_bytes(p));
  p.out = out.data();
  p.scratch = scratch.data();
  detector_input_cpu(p);
  for (std::int64_t c = 0; c < 3; ++c)
    for (std::int64_t y = 0; y < p.padded_h; ++y)
      for (std::int64_t x = 0; x < p.padded_w; ++x) {
        const float v = out[static_cast<std::size_t>((c * p.padded_h + y) * p.padded_w + x)];
        if (y >= out_h || x >= out_w) {
          if (v != 0.0f) return {};  // padding
        } else if (y % 3 == 0 && x % 5 == 0) {
          seen.push_back(v);
        }
      }
  return seen;
}

}  // namespace

TEST_CASE("pictures are resized as torch does it to floats and Pillow to bytes, to the bit") {
  constexpr std::int64_t kHeight = 37, kWidth = 53;
  const std::vector<std::uint8_t> planes = formula_image(3, kHeight, kWidth);
  std::vector<std::uint8_t> bytes;
  for (std::size_t i = 0; i < kHeight * kWidth; ++i)
    for (std::size_t c = 0; c < 3; ++c) bytes.push_back(planes[c * kHeight * kWidth + i]);
  const std::vector<float> as_float(bytes.begin(), bytes.end());
  const std::vector<double> as_double(bytes.begin(), bytes.end());
  for (const char* name : {"grown", "shrunk", "rows", "columns"}) {
    CAPTURE(name);
    const auto& expected = ops()["input"]["float " + std::string(name)];
    const std::int64_t h = expected["size"][0], w = expected["size"][1];
    const std::vector<float> values = floats(expected["values"]);
    CHECK(resized(as_float.data(), PictureSample::f32, kHeight, kWidth, h, w) == values);
    CHECK(resized(as_double.data(), PictureSample::f64, kHeight, kWidth, h, w) == values);
    CHECK(resized(bytes.data(), PictureSample::u8, kHeight, kWidth, h, w) ==
          floats(ops()["input"]["bytes " + std::string(name)]["values"]));
  }
}

TEST_CASE("a photo's lightness is scikit-image's, whatever its format") {
  constexpr std::int64_t kHeight = 37, kWidth = 53;
  const std::vector<std::uint8_t> planes = formula_image(3, kHeight, kWidth);
  std::vector<std::uint8_t> rgb, bgra;
  std::vector<std::uint16_t> wide;
  for (std::size_t i = 0; i < kHeight * kWidth; ++i) {
    for (std::size_t c = 0; c < 3; ++c) {
      const std::uint8_t v = planes[c * kHeight * kWidth + i];
      rgb.push_back(v);
      wide.push_back(static_cast<std::uint16_t>(v * 257));
    }
    bgra.insert(bgra.end(), {rgb[3 * i + 2], rgb[3 * i + 1], rgb[3 * i], static_cast<std::uint8_t>(i)});
  }
  const auto expected = ops()["input"]["lightness"].get<std::vector<double>>();
  const auto check = [&](const PhotoRef& photo) {
    std::vector<double> out(3 * kHeight * kWidth);
    lightness_picture(photo, out.data());
    double worst = 0;
    for (std::size_t i = 0; i < expected.size(); ++i)
      worst = std::max(worst, std::abs(out[7 * i] - expected[i]));
    CHECK(worst < 1e-9);
  };
  check({rgb.data(), kWidth, kHeight, 3 * kWidth, 3});
  PhotoRef photo{bgra.data(), kWidth, kHeight, 4 * kWidth, 4, 1, 2, 1, 0, 3};
  check(photo);
  photo = {reinterpret_cast<const std::uint8_t*>(wide.data()), kWidth, kHeight, 6 * kWidth, 3, 2};
  check(photo);
  // Grey bytes: as equal channels.
  std::vector<std::uint8_t> grey(256), three;
  for (std::size_t i = 0; i < grey.size(); ++i) {
    grey[i] = static_cast<std::uint8_t>(i);
    three.insert(three.end(), 3, grey[i]);
  }
  std::vector<double> of_one(768), of_three(768);
  PhotoRef one{grey.data(), 16, 16, 16, 1};
  one.green = one.blue = 0;
  lightness_picture(one, of_one.data());
  lightness_picture({three.data(), 16, 16, 48, 3}, of_three.data());
  CHECK(of_one == of_three);
}

TEST_CASE("a photo's lightness on its way to the detector is that of the whole picture, to the bit") {
  struct Size {
    std::int64_t h, w, out_h, out_w;
  };
  for (const Size& s : {Size{37, 53, 20, 31},
                        {37, 53, 90, 160},
                        {37, 53, 37, 53},
                        {1, 1, 5, 3},
                        {300, 2, 9, 1},
                        {2, 301, 40, 9},
                        {150, 150, 149, 7}}) {
    CAPTURE(s.h);
    CAPTURE(s.out_h);
    for (const std::int64_t channels : {1, 3, 4}) {
      CAPTURE(channels);
      const std::int64_t stride = s.w * channels + 5;
      std::vector<std::uint8_t> bytes(static_cast<std::size_t>(stride * s.h));
      Random random(9);
      for (std::uint8_t& b : bytes) b = static_cast<std::uint8_t>(random.next() >> 56);
      PhotoRef photo{bytes.data(), s.w, s.h, stride, static_cast<int>(channels)};
      if (channels == 1) photo.green = photo.blue = 0;
      std::vector<double> picture(static_cast<std::size_t>(3 * s.h * s.w));
      lightness_picture(photo, picture.data());
      DetectorInputParams p;
      p.h = s.h;
      p.w = s.w;
      p.out_h = s.out_h;
      p.out_w = s.out_w;
      p.padded_h = s.out_h + 3;
      p.padded_w = s.out_w + 2;
      std::copy_n(std::array{103.53f, 116.28f, 123.675f}.data(), 3, p.mean);
      std::vector<float> expected(static_cast<std::size_t>(3 * p.padded_h * p.padded_w), -1.0f),
          found = expected;
      p.picture = picture.data();
      p.sample = PictureSample::f64;
      p.out = expected.data();
      detector_input_cpu(p);
      p.picture = nullptr;
      p.out = found.data();
      for (const int threads : {1, 3}) {
        std::fill(found.begin(), found.end(), -2.0f);
        const ThreadScope scope(threads);
        lightness_input_cpu(photo, p);
        CHECK(found == expected);
      }
    }
  }
}

TEST_CASE("the size a picture is shown to the detector in") {
  for (const auto& row : ops()["input"]["sizes"]) {
    const DetectorSize size = detector_size(row[0], row[1], 800, 1333);
    CHECK(size.h == row[2]);
    CHECK(size.w == row[3]);
    CHECK(size.padded_h == (size.h + 31) / 32 * 32);
    CHECK(size.padded_w == (size.w + 31) / 32 * 32);
  }
  CHECK(detector_size(1, 100000, 800, 1333).h == 1);  // not 0
}
