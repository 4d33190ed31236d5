// The segmentation network of Semantic-driven Colorization (Ho et al. 2021): a GridNet (Fourure et al. 2017)
// of five sizes and six columns, three that go down and three that come up.
#include <array>
#include <cstddef>
#include <string>

#include "runtime/networks/definitions.h"

namespace cuhue {
namespace {

constexpr std::array<int, 5> kChannels = {16, 32, 64, 128, 256};  // of the rows; row i is 1/2^i as large
constexpr int kRows = 5, kColumns = 6, kDownColumns = 3;
constexpr int kLabels = 60;  // 0 = background

// "name1_2to1_3"
std::string between(const char* name, int row, int column, int to_row, int to_column) {
  return name + std::to_string(row) + "_" + std::to_string(column) + "to" + std::to_string(to_row) + "_" +
         std::to_string(to_column);
}

int channels_of(int row) {
  return kChannels[static_cast<std::size_t>(row)];
}

struct Grid {
  Builder& b;
  std::array<std::array<ValueId, kColumns>, kRows> x{};

  ValueId& at(int row, int column) {
    return x[static_cast<std::size_t>(row)][static_cast<std::size_t>(column)];
  }
  ValueId conv(ValueId v, const char* leaf, int channels, int stride = 1) {
    return b.conv(v, leaf, {.out = channels, .stride = stride, .pad = 1, .bias = false});
  }
  ValueId norm_relu(ValueId v, const char* leaf) { return b.relu(b.batch_norm(v, leaf)); }

  // To the column on the right.
  ValueId residual(int row, int column) {
    const ValueId from = at(row, column - 1);
    const Scope block(b, between("convSequence", row, column - 1, row, column));
    const ValueId v = conv(norm_relu(from, "batch1"), "conv1", channels_of(row));
    return b.add(conv(norm_relu(v, "batch2"), "conv2", channels_of(row)), from);
  }
  // From the row above, to half its size.
  ValueId down(int row, int column) {
    const Scope block(b, between("subSamplingSequence", row - 1, column, row, column));
    const ValueId v = conv(norm_relu(at(row - 1, column), "batch1"), "conv1", channels_of(row), 2);
    return conv(norm_relu(v, "batch2"), "conv2", channels_of(row));
  }
  // From the row below, to twice its size.
  ValueId up(int row, int column) {
    const Scope block(b, between("upSamplingSequence", row + 1, column, row, column));
    ValueId v = norm_relu(at(row + 1, column), "batch1");
    v = b.conv_transpose(v, "convTranspose1",
                         {.out = channels_of(row), .stride = 2, .pad = 1, .output_pad = 1, .bias = false});
    return conv(norm_relu(v, "batch2"), "conv2", channels_of(row));
  }
};

// grey [n, 1, h, w] -> [n, 16, h, w]
ValueId stem(Grid& grid, ValueId grey) {
  const ValueId x = grid.b.batch_norm(grey, "batchNormInitial");
  const Scope block(grid.b, "firstConv");
  const ValueId v = grid.norm_relu(grid.conv(x, "conv1", channels_of(0)), "batch1");
  return grid.norm_relu(grid.conv(v, "conv2", channels_of(0)), "batch2");
}

// [n, 16, h, w] -> [n, 60, h, w]
ValueId head(Grid& grid, ValueId x) {
  const Scope block(grid.b, "lastConv");
  const ValueId v = grid.norm_relu(grid.conv(x, "conv1", kLabels), "batch1");
  return grid.b.batch_norm(grid.conv(v, "conv2", kLabels), "batch2");
}

void build(Builder& b, std::int64_t n, std::int64_t h, std::int64_t w, const Settings& /*settings*/) {
  Grid grid{b};
  grid.at(0, 0) = stem(grid, b.input("grey", {n, 1, h, w}));
  for (int row = 1; row < kRows; ++row) grid.at(row, 0) = grid.down(row, 0);
  for (int column = 1; column < kDownColumns; ++column) {
    for (int row = 0; row < kRows; ++row) {
      const ValueId right = grid.residual(row, column);
      grid.at(row, column) = row == 0 ? right : b.add(grid.down(row, column), right);
    }
  }
  for (int row = kRows - 1; row >= 0; --row) {
    for (int column = kDownColumns; column < kColumns; ++column) {
      const ValueId right = grid.residual(row, column);
      grid.at(row, column) = row == kRows - 1 ? right : b.add(grid.up(row, column), right);
    }
  }
  const ValueId logits = head(grid, grid.at(0, kColumns - 1));
  b.output("logits", logits);
  b.output("labels", b.argmax(logits));
}

}  // namespace

Network segnet() {
  Network n;
  n.name = "segnet";
  n.about = "GridNet that labels the things in a photo (Semantic-driven Colorization, arXiv 2006.07587)";
  n.inputs = {{"grey", "[N,1,H,W]", "grey 0..1, H and W multiples of 16"}};
  n.outputs = {{"logits", "[N,60,H,W]", "scores of the labels", true},
               {"labels", "[N,1,H,W]", "the label of the highest score, 0 = background", false, DType::u8}};
  n.size_multiple = 16;
  n.default_size = 352;
  n.formula = {.gain = 1.0, .exceptions = {}, .defined = {}};  // sums of branches grow with every column
  n.build = build;
  return n;
}

}  // namespace cuhue
