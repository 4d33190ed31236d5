// The detector's kernels: the bits of their CPU twins, at ties, boxes that are awkward, and nothing at all.
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <memory>
#include <string>

#include "kernels/color/yuv.h"
#include "kernels/detector_input/detector_input.h"
#include "kernels/mask_paste/mask_paste.h"
#include "kernels/proposals/proposals.h"
#include "kernels/roi_align/roi_align.h"
#include "tests/kernels/device/layouts.h"

using namespace cuhue;
using namespace cuhue::test;

namespace {

std::vector<float> random_values(std::size_t count, std::uint64_t seed, double low, double high) {
  return random_planes({1, 1, 1, static_cast<std::int64_t>(count)}, seed, low, high);
}

std::vector<std::byte> bytes_of(std::span<const float> floats, std::span<const std::int32_t> ints) {
  std::vector<std::byte> all;
  for (const auto part : {std::as_bytes(floats), std::as_bytes(ints)})
    all.insert(all.end(), part.begin(), part.end());
  return all;
}

// ---- proposals

struct Pyramid {
  std::vector<std::vector<float>> logits, deltas;  // channels last
  std::vector<std::array<int, 2>> sizes;
};

Pyramid random_pyramid(int h, int w) {
  Pyramid p;
  for (int level = 0; level < kMostLevels; ++level) {
    const int rows = std::max(h >> level, 1), columns = std::max(w >> level, 1);
    const auto anchors = static_cast<std::size_t>(rows * columns * kAnchorRatios);
    auto& logits = p.logits.emplace_back(random_values(anchors, 900 + static_cast<unsigned>(level), -6, 6));
    for (float& v : logits) v = std::floor(v * 4) / 4;  // ties
    auto& deltas =
        p.deltas.emplace_back(random_values(4 * anchors, 910 + static_cast<unsigned>(level), -1, 1));
    for (std::size_t i = 0; i < deltas.size(); i += 61) deltas[i] *= 20;
    if (level == 1) {
      logits[anchors / 2] = NAN;
      logits[anchors / 3] = -INFINITY;
      deltas[anchors] = INFINITY;
    }
    p.sizes.push_back({rows, columns});
  }
  return p;
}

// The parts of ProposalParams that are where the numbers are: addresses are `at`'s.
template <class At>
ProposalParams params_of(const Pyramid& pyramid, int most, At&& at) {
  ProposalParams p;
  for (std::size_t i = 0; i < kMostLevels; ++i) {
    AnchorLevel& l = p.levels[i];
    std::tie(l.logits, l.deltas) = at(i);
    l.h = pyramid.sizes[i][0];
    l.w = pyramid.sizes[i][1];
    l.logit_pixel = kAnchorRatios;
    l.delta_pixel = std::int64_t{4} * kAnchorRatios;
    l.logit_channel = l.delta_channel = 1;
    l.stride = static_cast<float>(4 << i);
    fill_anchor_cells(32 << i, l.cells);
  }
  p.most = most;
  p.image_h = static_cast<float>(std::max(pyramid.sizes[0][0] * 4 - 3, 9));
  p.image_w = static_cast<float>(std::max(pyramid.sizes[0][1] * 4 - 7, 9));
  return p;
}

void check_proposals(const Pyramid& pyramid, int most) {
  CAPTURE(most);
  ProposalParams p = params_of(pyramid, most, [&](std::size_t i) {
    return std::tuple<const float*, const float*>(pyramid.logits[i].data(), pyramid.deltas[i].data());
  });
  std::vector<float> boxes(static_cast<std::size_t>(4 * most), -1.0f);
  std::int32_t count = -1;
  const Scratch scratch(proposal_scratch_bytes(p.level_count, most));
  p.boxes = boxes.data();
  p.count = &count;
  p.scratch = scratch.data();
  select_proposals_cpu(p);

  std::vector<std::unique_ptr<DeviceArray<float>>> held;
  const auto on_device = [&](const std::vector<float>& values) {
    return held.emplace_back(std::make_unique<DeviceArray<float>>(std::span<const float>(values)))->data();
  };
  ProposalParams d = params_of(pyramid, most, [&](std::size_t i) {
    return std::tuple<const float*, const float*>(on_device(pyramid.logits[i]), on_device(pyramid.deltas[i]));
  });
  DeviceArray<float> device_boxes(boxes.size());
  DeviceArray<std::int32_t> device_count(1);
  DeviceArray<std::byte> device_scratch(proposal_scratch_bytes(p.level_count, most));
  d.boxes = device_boxes.data();
  d.count = device_count.data();
  d.scratch = device_scratch.data();
  const auto found = same_in_every_order([&] {
    select_proposals_cuda(d, nullptr);
    return bytes_of(device_boxes.read(), device_count.read());
  });
  CHECK(count > 0);
  CHECK(found == bytes_of(boxes, std::span(&count, 1)));
}

}  // namespace

TEST_CASE("proposals: the CPU's boxes in their order, with ties, numbers that are none, and few anchors") {
  check_proposals(random_pyramid(16, 20), 150);
  check_proposals(random_pyramid(16, 20), 1000);  // more than most levels have
  check_proposals(random_pyramid(1, 1), 3);
}

TEST_CASE("proposals: none of a pyramid that has no number") {
  Pyramid pyramid = random_pyramid(4, 4);
  for (auto& logits : pyramid.logits) std::ranges::fill(logits, std::nanf(""));
  DeviceArray<float> boxes(4 * 20);
  DeviceArray<std::int32_t> count(1);
  DeviceArray<std::byte> scratch(proposal_scratch_bytes(kMostLevels, 20));
  std::vector<std::unique_ptr<DeviceArray<float>>> held;
  ProposalParams p = params_of(pyramid, 20, [&](std::size_t i) {
    for (const auto* values : {&pyramid.logits[i], &pyramid.deltas[i]})
      held.push_back(std::make_unique<DeviceArray<float>>(std::span<const float>(*values)));
    return std::tuple<const float*, const float*>(held[held.size() - 2]->data(), held.back()->data());
  });
  p.boxes = boxes.data();
  p.count = count.data();
  p.scratch = scratch.data();
  for_each_order([&] {
    select_proposals_cuda(p, nullptr);
    CHECK(count.read()[0] == 0);
    CHECK(boxes.read() == std::vector<float>(4 * 20));
  });
}

// ---- detections

namespace {

struct Heads {
  int rows = 0, classes = 0;
  std::vector<float> logits, deltas, boxes;
};

Heads random_heads(int rows, int classes) {
  Heads h{rows, classes, {}, {}, {}};
  const auto n = static_cast<std::size_t>(rows), c = static_cast<std::size_t>(classes);
  h.logits = random_values(n * (c + 1), 921, -3, 3);
  for (std::size_t row = 0; row < n; ++row)
    for (std::size_t k = 0; k < row % 4; ++k)
      h.logits[row * (c + 1) + (row * 7 + k * 3) % (c + 1)] = 6.0f + static_cast<float>(row % 5) * 0.25f;
  h.deltas = random_values(n * 4 * c, 922, -2, 2);
  h.boxes = random_values(n * 4, 923, 0, 100);
  for (std::size_t i = 0; i < h.boxes.size(); i += 4) {
    h.boxes[i + 2] += h.boxes[i];
    h.boxes[i + 3] += h.boxes[i + 1];
  }
  for (std::size_t row = 1; row < n; row += 9) {  // equal in all
    std::copy_n(h.logits.begin() + static_cast<std::ptrdiff_t>((row - 1) * (c + 1)), c + 1,
                h.logits.begin() + static_cast<std::ptrdiff_t>(row * (c + 1)));
  }
  if (n > 20) h.logits[12 * (c + 1)] = NAN;
  return h;
}

DetectionParams params_of(const Heads& h) {
  DetectionParams p;
  p.rows = h.rows;
  p.classes = h.classes;
  p.image_h = 150;
  p.image_w = 170;
  return p;
}

void check_detections(const Heads& h, std::int32_t count) {
  CAPTURE(count);
  DetectionParams p = params_of(h), d = p;
  std::vector<float> boxes(4 * kMostDetections), scores(kMostDetections);
  std::vector<std::int32_t> labels(kMostDetections + 1);
  const Scratch scratch(detection_scratch_bytes(p.rows, p.classes));
  p.class_logits = h.logits.data();
  p.box_deltas = h.deltas.data();
  p.proposals = h.boxes.data();
  p.count = &count;
  p.boxes = boxes.data();
  p.scores = scores.data();
  p.labels = labels.data();
  p.found = labels.data() + kMostDetections;
  p.scratch = scratch.data();
  select_detections_cpu(p);

  const DeviceArray<float> logits{std::span<const float>(h.logits)}, deltas{std::span<const float>(h.deltas)},
      proposals{std::span<const float>(h.boxes)};
  const DeviceArray<std::int32_t> device_count{std::span<const std::int32_t>(&count, 1)};
  DeviceArray<float> device_boxes(boxes.size()), device_scores(scores.size());
  DeviceArray<std::int32_t> device_labels(labels.size());
  DeviceArray<std::byte> device_scratch(detection_scratch_bytes(p.rows, p.classes));
  d.class_logits = logits.data();
  d.box_deltas = deltas.data();
  d.proposals = proposals.data();
  d.count = device_count.data();
  d.boxes = device_boxes.data();
  d.scores = device_scores.data();
  d.labels = device_labels.data();
  d.found = device_labels.data() + kMostDetections;
  d.scratch = device_scratch.data();
  const auto found = same_in_every_order([&] {
    select_detections_cuda(d, nullptr);
    std::vector<float> all = device_boxes.read();
    const auto more = device_scores.read();
    all.insert(all.end(), more.begin(), more.end());
    return bytes_of(all, device_labels.read());
  });
  std::vector<float> all = boxes;
  all.insert(all.end(), scores.begin(), scores.end());
  CHECK(found == bytes_of(all, labels));
  CHECK((*p.found > 0) == (count > 0));
}

}  // namespace

TEST_CASE("detections: the CPU's in their order, however many of the rows there are") {
  const Heads heads = random_heads(200, 11);
  check_detections(heads, 200);
  check_detections(heads, 37);
  check_detections(heads, 0);
}

// ---- crops

namespace {

void check_crops(std::int64_t channels, std::span<const Layout> layouts, std::span<const int> sizes) {
  constexpr std::int64_t kSide = 32;
  std::vector<float> boxes = {0,  0, 128, 128, 10.5f, 3.25f, 50,  90, 100, 100, 128, 128, 5,   5,   5,   5,
                              17, 3, 17,  120, 0,     40.5f, 128, 41, -40, -40, -10, -10, 120, 120, 300, 300};
  boxes.insert(boxes.end(), {0, 0, 224, 224, 0, 0, 448, 448, 0, 0, 112, 112, NAN, 0, 10, 10});
  const auto count = static_cast<int>(boxes.size() / 4);
  const DeviceArray<float> device_boxes{std::span<const float>(boxes)};
  for (const Layout& layout : layouts) {
    CAPTURE(name_of(layout));
    std::vector<std::vector<float>> planes;
    std::vector<std::unique_ptr<DeviceArrayTensor>> held;
    RoiAlignParams p;
    RoiAlignDeviceParams d;
    for (int level = 0; level < kCropLevels; ++level) {
      const Dims dims{1, channels, kSide >> level, kSide >> level};
      planes.push_back(
          stored(random_planes(dims, 930 + static_cast<unsigned>(level), -1, 1), layout.element));
      held.push_back(
          std::make_unique<DeviceArrayTensor>(dims, layout.element, dims.c + layout.gap, layout.offset));
      held.back()->write(planes.back());
      d.levels[level] = held.back()->ref();
    }
    for (int level = 0; level < kCropLevels; ++level)
      p.levels[level] =
          view(planes[static_cast<std::size_t>(level)], {1, channels, kSide >> level, kSide >> level});
    for (const int size : sizes) {
      std::vector<float> crops(static_cast<std::size_t>(count * channels * size * size));
      DeviceArray<float> out(crops.size());
      p.boxes = boxes.data();
      d.boxes = device_boxes.data();
      p.count = d.count = count;
      p.size = d.size = size;
      p.out = d.out = {crops.data(), channels * size * size, std::int64_t{size} * size, 1};
      d.out.data = out.data();
      roi_align_cpu(p);
      const auto found = same_in_every_order([&] {
        roi_align_cuda(d, nullptr);
        return out.read();
      });
      double worst = 0;
      for (std::size_t i = 0; i < crops.size(); ++i)
        worst = std::max(worst, static_cast<double>(std::abs(found[i] - crops[i])));
      CHECK(worst < 1e-6);
    }
  }
}

}  // namespace

TEST_CASE("RoIAlign: the CPU's crops in every layout, at boxes outside, thin, tiny and without area") {
  check_crops(20, kLayouts, std::array{2, 7});
  check_crops(300, std::span(kLayouts).first(1), std::array{14});  // more than a block has threads
}

// ---- masks

TEST_CASE("masks: the CPU's pixels as bits; masks that are not there stay as they were") {
  constexpr std::int64_t kHeight = 37, kWidth = 70, kWords = 3;
  const std::vector<float> boxes = {3.5f,  2.25f, 40.75f, 30,    0,  0,     70, 37, 69.5f, 1,
                                    69.9f, 36.5f, 0,      20.2f, 70, 20.6f, 1,  1,  2,     2};
  constexpr std::int32_t kFound = 4;
  std::vector<float> masks = random_values(5 * kMaskSize * kMaskSize, 940, 0, 1);
  std::fill_n(masks.begin() + kMaskSize * kMaskSize, kMaskSize * kMaskSize, 1.0f);
  const DeviceArray<float> device_masks{std::span<const float>(masks)},
      device_boxes{std::span<const float>(boxes)};
  const DeviceArray<std::int32_t> found{std::span<const std::int32_t>(&kFound, 1)};
  DeviceArray<std::uint32_t> out(5 * kHeight * kWords);
  for_each_order([&] {
    mask_paste_cuda({device_masks.data(), device_boxes.data(), found.data(), 5, kHeight, kWidth, out.data()},
                    nullptr);
    const auto bits = out.read();
    for (std::size_t i = 0; i < kFound; ++i) {
      MaskPasteParams p;
      p.mask = masks.data() + i * kMaskSize * kMaskSize;
      std::copy_n(boxes.begin() + static_cast<std::ptrdiff_t>(4 * i), 4, p.box);
      p.rectangle = paste_rectangle(p.box, kHeight, kWidth);
      const PasteRectangle& r = p.rectangle;
      std::vector<std::uint8_t> part(static_cast<std::size_t>(r.w * r.h));
      p.out = part.data();
      mask_paste_cpu(p);
      int different = 0;
      for (std::int64_t y = 0; y < kHeight; ++y)
        for (std::int64_t x = 0; x < kWords * 32; ++x) {
          const bool inside = x >= r.x && y >= r.y && x < r.x + r.w && y < r.y + r.h;
          const bool expected = inside && part[static_cast<std::size_t>((y - r.y) * r.w + x - r.x)] != 0;
          const std::uint32_t word =
              bits[(i * kHeight + static_cast<std::size_t>(y)) * kWords + static_cast<std::size_t>(x / 32)];
          different += ((word >> (x % 32) & 1) != 0) != expected ? 1 : 0;
        }
      CHECK(different == 0);
    }
    CHECK(bits[4 * kHeight * kWords] == 0xCDCDCDCDu);
  });
}

TEST_CASE("masks: of the class that was found") {
  constexpr int kCount = 3, kClasses = 5;
  const std::vector<float> logits = random_values(kCount * kClasses * kMaskSize * kMaskSize, 941, -9, 9);
  const std::vector<std::int32_t> labels = {4, 0, 2};
  std::vector<float> expected(kCount * kMaskSize * kMaskSize);
  mask_pick_cpu({logits.data(), labels.data(), kCount, kClasses, expected.data()});
  const DeviceArray<float> device_logits{std::span<const float>(logits)};
  const DeviceArray<std::int32_t> device_labels{std::span<const std::int32_t>(labels)};
  DeviceArray<float> out(expected.size());
  CHECK(same_in_every_order([&] {
          mask_pick_cuda({device_logits.data(), device_labels.data(), kCount, kClasses, out.data()}, nullptr);
          return out.read();
        }) == expected);
}

// ---- input

namespace {

template <class Sample>
void check_input(PictureSample sample) {
  constexpr std::int64_t kHeight = 13, kWidth = 21;
  std::vector<Sample> picture;
  for (const float v : random_values(kHeight * kWidth * 3, 950, 0, 255.99))
    picture.push_back(static_cast<Sample>(v));
  for (const auto& [h, w] :
       {std::pair<std::int64_t, std::int64_t>{29, 40}, {7, 11}, {13, 30}, {20, 21}, {13, 21}}) {
    DetectorInputParams p;
    p.picture = picture.data();
    p.sample = sample;
    p.h = kHeight;
    p.w = kWidth;
    p.out_h = h;
    p.out_w = w;
    p.padded_h = h + 3;
    p.padded_w = w + 11;
    std::ranges::copy(std::array{103.53f, 116.28f, 123.675f}, p.mean);
    std::vector<float> expected(static_cast<std::size_t>(3 * p.padded_h * p.padded_w));
    const std::size_t bytes = detector_input_scratch_bytes(p);
    const Scratch scratch(bytes);
    p.out = expected.data();
    p.scratch = scratch.data();
    detector_input_cpu(p);
    const DeviceArray<Sample> device_picture{std::span<const Sample>(picture)};
    DeviceArray<float> out(expected.size());
    DeviceArray<std::byte> device_scratch(bytes);
    p.picture = device_picture.data();
    p.out = out.data();
    p.scratch = device_scratch.data();
    CHECK(same_in_every_order([&] {
            detector_input_cuda(p, nullptr);
            return out.read();
          }) == expected);
  }
}

}  // namespace

TEST_CASE("input: the CPU's planes of bytes and floats, grown, shrunk and as they are") {
  check_input<std::uint8_t>(PictureSample::u8);
  check_input<float>(PictureSample::f32);
  check_input<double>(PictureSample::f64);
}

TEST_CASE("lightness: the CPU's picture, of every format; of video that of its RGB") {
  constexpr std::int64_t kW = 37, kH = 19;
  Random random(77);
  std::vector<std::uint8_t> bytes(static_cast<std::size_t>(kW * kH * 8 + 64));
  for (std::uint8_t& b : bytes) b = static_cast<std::uint8_t>(random.next() >> 56);
  const DeviceArray<std::uint8_t> on_device{std::span<const std::uint8_t>(bytes)};
  struct Format {
    int channels, samples, red, green, blue, alpha;
  };
  for (const Format& f : {Format{1, 1, 0, 0, 0, -1},
                          {2, 1, 0, 0, 0, 1},
                          {3, 1, 0, 1, 2, -1},
                          {4, 1, 2, 1, 0, 3},
                          {1, 2, 0, 0, 0, -1},
                          {3, 2, 0, 1, 2, -1}}) {
    CAPTURE(f.channels);
    PhotoRef photo;
    photo.data = bytes.data();
    photo.width = kW;
    photo.height = kH;
    photo.channels = f.channels;
    photo.bytes_per_sample = f.samples;
    photo.stride = kW * f.channels * f.samples + (f.samples == 1 ? 3 : 2);
    photo.red = f.red;
    photo.green = f.green;
    photo.blue = f.blue;
    photo.alpha = f.alpha;
    std::vector<double> want(static_cast<std::size_t>(kW * kH * 3));
    lightness_picture(photo, want.data());
    photo.data = on_device.data();
    const auto found = same_in_every_order([&] {
      const DeviceArray<double> out(want.size());
      lightness_picture_cuda(photo, out.data(), nullptr);
      return out.read();
    });
    double worst = 0;
    for (std::size_t i = 0; i < want.size(); ++i) worst = std::max(worst, std::abs(found[i] - want[i]));
    CHECK(worst < 1e-10);
  }
  PhotoRef video;
  video.data = on_device.data();
  video.width = kW;
  video.height = kH;
  video.stride = video.chroma_stride = kW + 1;
  video.channels = 1;
  video.green = video.blue = 0;
  video.chroma = video.data + video.stride * kH;
  const DeviceArray<double> out(static_cast<std::size_t>(kW * kH * 3));
  lightness_picture_cuda(video, out.data(), nullptr);
  const auto found = out.read();
  std::vector<double> want(found.size());
  std::vector<std::uint8_t> rgb;
  const YuvToRgb factors = yuv_to_rgb(video.coding);
  for (std::int64_t y = 0; y < kH; ++y) {
    for (std::int64_t x = 0; x < kW; ++x) {
      const std::uint8_t* pair = bytes.data() + video.stride * (kH + y / 2) + x / 2 * 2;
      const Rgb8 c =
          rgb_from_yuv(factors, bytes[static_cast<std::size_t>(y * video.stride + x)], pair[0], pair[1]);
      for (const std::int32_t v : {c.r, c.g, c.b}) rgb.push_back(static_cast<std::uint8_t>(v));
    }
  }
  PhotoRef picture;
  picture.data = rgb.data();
  picture.width = kW;
  picture.height = kH;
  picture.stride = 3 * kW;
  lightness_picture(picture, want.data());
  for (std::size_t i = 0; i < want.size(); ++i) CHECK(found[i] == doctest::Approx(want[i]));
}
