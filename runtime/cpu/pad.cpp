#include "runtime/cpu/pad.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "kernels/core/parallel.h"
#include "kernels/pad/pad.h"
#include "runtime/graph/kernel_params.h"

namespace cuhue::cpu {
namespace {

class PadStep final : public Step {
 public:
  PadStep(const Place& from, const Place& to, std::vector<std::int64_t> rows,
          std::vector<std::int64_t> columns)
      : from_(from), to_(to), rows_(std::move(rows)), columns_(std::move(columns)) {}

  void bind(const Memory& memory) override {
    x_ = memory.tensor(from_);
    out_ = memory.tensor(to_);
  }
  void run() override {
    const std::int64_t lines = out_.dims.n * out_.blocks() * out_.dims.h;
    parallel_for(lines, 16, [this](std::int64_t begin, std::int64_t end) {
      for (std::int64_t line = begin; line < end; ++line) pad_line(line);
    });
  }

 private:
  void pad_line(std::int64_t line) const {
    const std::int64_t row = line % out_.dims.h, plane = line / out_.dims.h;
    const std::int64_t n = plane / out_.blocks(), block = plane % out_.blocks();
    const float* from = x_.data + n * x_.batch_stride + block * x_.plane() +
                        rows_[static_cast<std::size_t>(row)] * x_.dims.w * x_.block;
    float* to = out_.data + n * out_.batch_stride + block * out_.plane() + row * out_.dims.w * out_.block;
    for (const std::int64_t column : columns_) {
      to = std::copy_n(from + column * x_.block, x_.block, to);
    }
  }

  Place from_, to_;
  std::vector<std::int64_t> rows_, columns_;  // source index of each padded one
  TensorRef x_, out_;
};

std::vector<std::int64_t> sources(const Border& border, std::int64_t pad, std::int64_t size,
                                  std::int64_t padded) {
  const std::int64_t times = border.enlarged ? 2 : 1;
  std::vector<std::int64_t> list;
  list.reserve(static_cast<std::size_t>(padded));
  for (std::int64_t i = 0; i < padded; ++i)
    list.push_back(border_source(border_kind(border.mode), i, pad, times * size) / times);
  return list;
}

}  // namespace

Place emit_pad(const Border& border, ValueId x, const Dims& padded, Lowering& lowering) {
  const Place from = lowering.read(x, lowering.place(x).block);
  const Place to = lowering.temporary(padded, from.block);
  lowering.emit(std::make_unique<PadStep>(from, to, sources(border, border.top, from.dims.h, padded.h),
                                          sources(border, border.left, from.dims.w, padded.w)),
                "kernels", padded, 0);
  return to;
}

}  // namespace cuhue::cpu
