// Mask R-CNN (He et al. 2017) on a ResNet-101 with a feature pyramid (Lin et al. 2017), as Detectron2's
// mask_rcnn_R_101_FPN_3x: its layers, in the three parts between which boxes are selected.
#include <array>
#include <string>
#include <vector>

#include "runtime/networks/definitions.h"

namespace cuhue {
namespace {

constexpr int kChannels = 256;  // of the pyramid and all heads
constexpr int kClasses = 80, kAnchors = 3;
constexpr int kBoxCrop = 7, kMaskCrop = 14;

struct Stage {
  int number, blocks, inner, out, stride;
};
constexpr Stage kStages[] = {
    {2, 3, 64, 256, 1}, {3, 4, 128, 512, 2}, {4, 23, 256, 1024, 2}, {5, 3, 512, 2048, 2}};

ValueId conv_norm(Builder& b, ValueId x, const std::string& leaf, const ConvOptions& o) {
  x = b.conv(x, leaf, o);
  return b.frozen_batch_norm(x, leaf + ".norm");
}

// The stride is in the first 1x1, as in the networks of MSRA.
ValueId bottleneck(Builder& b, ValueId x, const Stage& s, int number) {
  const Scope scope(b, std::to_string(number));
  const int stride = number == 0 ? s.stride : 1;
  ValueId shortcut = x;
  if (number == 0)
    shortcut = conv_norm(b, x, "shortcut", {.out = s.out, .kernel = 1, .stride = stride, .bias = false});
  x = b.relu(conv_norm(b, x, "conv1", {.out = s.inner, .kernel = 1, .stride = stride, .bias = false}));
  x = b.relu(conv_norm(b, x, "conv2", {.out = s.inner, .kernel = 3, .pad = 1, .bias = false}));
  x = conv_norm(b, x, "conv3", {.out = s.out, .kernel = 1, .bias = false});
  return b.relu(b.add(x, shortcut));
}

using Levels = std::array<ValueId, 4>;  // 2 to 5

// [n, 3, h, w] -> [n, 256 .. 2048, h / 4 .. h / 32, w / 4 .. w / 32]
Levels resnet(Builder& b, ValueId x) {
  const Scope scope(b, "bottom_up");
  {
    const Scope stem(b, "stem");
    x = b.relu(conv_norm(b, x, "conv1", {.out = 64, .kernel = 7, .stride = 2, .pad = 3, .bias = false}));
    x = b.pool(x, {.kind = PoolKind::max, .kernel = 3, .stride = 2, .pad = 1});
  }
  Levels levels{};
  for (std::size_t i = 0; i < levels.size(); ++i) {
    const Scope stage(b, "res", kStages[i].number);
    for (int block = 0; block < kStages[i].blocks; ++block) x = bottleneck(b, x, kStages[i], block);
    levels[i] = x;
  }
  return levels;
}

// [n, 256, h / 4 .. h / 32, w / 4 .. w / 32]
Levels pyramid(Builder& b, const Levels& features) {
  Levels p{};
  ValueId inner = kNone;
  for (std::size_t i = features.size(); i-- > 0;) {
    const std::string level = std::to_string(kStages[i].number);
    const ValueId above = inner == kNone ? kNone : b.upsample(inner, UpsampleKind::nearest, 2);
    inner = b.conv(features[i], "fpn_lateral" + level, {.out = kChannels, .kernel = 1});
    if (above != kNone) inner = b.add(inner, above);
    p[i] = b.conv(inner, "fpn_output" + level, {.out = kChannels, .kernel = 3, .pad = 1});
  }
  return p;
}

// Scores and boxes of all anchors of a level, channel = anchor or 4 * anchor + {dx, dy, dw, dh}.
void region_proposals(Builder& b, ValueId p, const std::string& level) {
  const Scope scope(b, "proposal_generator.rpn_head");
  const ValueId x = b.relu(b.conv(p, "conv", {.out = kChannels, .kernel = 3, .pad = 1}));
  b.output("logits" + level, b.conv(x, "objectness_logits", {.out = kAnchors, .kernel = 1}));
  b.output("deltas" + level, b.conv(x, "anchor_deltas", {.out = 4 * kAnchors, .kernel = 1}));
}

void build_features(Builder& b, std::int64_t n, std::int64_t h, std::int64_t w,
                    const Settings& /*settings*/) {
  Levels p{};
  {
    const Scope scope(b, "backbone");
    p = pyramid(b, resnet(b, b.input("image", {n, 3, h, w})));
  }
  for (std::size_t i = 0; i < p.size(); ++i)
    b.output("p" + std::to_string(kStages[i].number), p[i], OutputLayout::as_made);
  for (std::size_t i = 0; i < p.size(); ++i) region_proposals(b, p[i], std::to_string(kStages[i].number));
  region_proposals(b, b.subsample(p[3], 2), "6");
}

void build_box_head(Builder& b, std::int64_t n, std::int64_t, std::int64_t, const Settings& /*settings*/) {
  const Scope scope(b, "roi_heads");
  ValueId x = b.input("box_crops", {n, kChannels * kBoxCrop * kBoxCrop, 1, 1});
  {
    const Scope head(b, "box_head");
    for (const char* leaf : {"fc1", "fc2"}) x = b.relu(b.linear(x, leaf, 1024));
  }
  const Scope predictor(b, "box_predictor");
  b.output("class_logits", b.linear(x, "cls_score", kClasses + 1));
  b.output("box_deltas", b.linear(x, "bbox_pred", 4 * kClasses));
}

void build_mask_head(Builder& b, std::int64_t n, std::int64_t, std::int64_t, const Settings& /*settings*/) {
  const Scope scope(b, "roi_heads.mask_head");
  ValueId x = b.input("mask_crops", {n, kChannels, kMaskCrop, kMaskCrop});
  for (int i = 1; i <= 4; ++i)
    x = b.relu(b.conv(x, "mask_fcn" + std::to_string(i), {.out = kChannels, .kernel = 3, .pad = 1}));
  x = b.relu(b.conv_transpose(x, "deconv", {.out = kChannels, .kernel = 2, .stride = 2}));
  b.output("mask_logits", b.conv(x, "predictor", {.out = kClasses, .kernel = 1}));
}

void build(Builder& b, std::int64_t n, std::int64_t h, std::int64_t w, const Settings& settings) {
  build_features(b, n, h, w, settings);
  build_box_head(b, n, h, w, settings);
  build_mask_head(b, n, h, w, settings);
  // What some files hold beside the weights: constants of the specification.
  for (int level = 0; level < 5; ++level)
    b.unused("proposal_generator.anchor_generator.cell_anchors." + std::to_string(level), {kAnchors, 4});
  b.unused("pixel_mean", {3, 1, 1});
  b.unused("pixel_std", {3, 1, 1});
}

// Gains under which every stage matters to the detections.
FormulaRule formula_rule() {
  FormulaRule rule;
  const std::string backbone = "backbone.bottom_up.";
  rule.exceptions = {{backbone + "stem.conv1.weight", 1.0 / 2048},
                     {"backbone.fpn_lateral2.weight", 0.5},
                     {"backbone.fpn_lateral3.weight", 0.25},
                     {"backbone.fpn_lateral4.weight", 0.0625},
                     {"backbone.fpn_lateral5.weight", 0.0625},
                     {"backbone.fpn_output2.weight", 0.55},
                     {"backbone.fpn_output3.weight", 5.4},
                     {"backbone.fpn_output4.weight", 38},
                     {"backbone.fpn_output5.weight", 193},
                     {"proposal_generator.rpn_head.anchor_deltas.weight", 0.1},
                     {"roi_heads.box_predictor.cls_score.weight", 12},
                     {"roi_heads.box_predictor.bbox_pred.weight", 4}};
  for (const Stage& s : kStages) {
    const std::string stage = backbone + "res" + std::to_string(s.number) + ".";
    rule.exceptions.emplace_back(stage + "0.shortcut.weight", 1.0);
    for (int i = 0; i < s.blocks; ++i)
      rule.exceptions.emplace_back(stage + std::to_string(i) + ".conv3.weight", 0.1);
  }
  return rule;
}

NetworkPart features_part() {
  NetworkPart part{
      "features", {{"image", "[N,3,H,W]", "less the mean, padded with zeros"}}, {}, build_features};
  part.outputs = {{"p2", "[N,256,H/4,W/4]", "the pyramid"},
                  {"p3", "[N,256,H/8,W/8]", "the pyramid"},
                  {"p4", "[N,256,H/16,W/16]", "the pyramid"},
                  {"p5", "[N,256,H/32,W/32]", "the pyramid"}};
  struct Level {
    const char *logits, *logits_shape, *deltas, *deltas_shape;
  };
  constexpr Level kLevels[] = {
      {"logits2", "[N,3,H/4,W/4]", "deltas2", "[N,12,H/4,W/4]"},
      {"logits3", "[N,3,H/8,W/8]", "deltas3", "[N,12,H/8,W/8]"},
      {"logits4", "[N,3,H/16,W/16]", "deltas4", "[N,12,H/16,W/16]"},
      {"logits5", "[N,3,H/32,W/32]", "deltas5", "[N,12,H/32,W/32]"},
      {"logits6", "[N,3,H/64,W/64]", "deltas6", "[N,12,H/64,W/64]"},
  };
  for (const Level& level : kLevels) {
    part.outputs.push_back({level.logits, level.logits_shape, "scores of the anchors"});
    part.outputs.push_back({level.deltas, level.deltas_shape, "what moves and scales the anchors"});
  }
  return part;
}

}  // namespace

Network mask_rcnn() {
  Network n;
  n.name = "mask-rcnn";
  n.about =
      "instance segmentation: objects of 80 classes with boxes and masks (Mask R-CNN R101-FPN, arXiv "
      "1703.06870)";
  n.inputs = {{"image", "[H,W,3]",
               "0..255 as fed: float32 (resized without antialiasing) or uint8 (as Pillow resizes)"}};
  n.outputs = {{"boxes", "[K,4]", "x0, y0, x1, y1 in input pixels"},
               {"scores", "[K]", "descending"},
               {"classes", "[K]", "0..79, COCO's", false, DType::i32},
               {"masks", "[K,H,W]", "0 or 1", false, DType::u8}};
  n.settings = {
      {"score_threshold", "least score of a detection", 0.3, 0.05, 1.0},
      {"nms_threshold", "overlap above which the lower of two boxes of a class goes", 0.3, 0.0, 1.0},
      {"min_size", "the shorter side is resized to this", 800, 32, 4096},
      {"max_size", "but the longer one to no more than this: less takes less memory", 1333, 32, 8192}};
  n.size_multiple = 32;
  n.default_size = 800;
  n.formula = formula_rule();
  n.parts = {
      features_part(),
      {"box_head",
       {{"box_crops", "[N,12544,1,1]", "7x7 of the pyramid"}},
       {{"class_logits", "[N,81,1,1]", "the last is background"}, {"box_deltas", "[N,320,1,1]", "4 a class"}},
       build_box_head},
      {"mask_head",
       {{"mask_crops", "[N,256,14,14]", "of the pyramid"}},
       {{"mask_logits", "[N,80,28,28]", "a class each"}},
       build_mask_head}};
  n.build = build;
  return n;
}

}  // namespace cuhue
