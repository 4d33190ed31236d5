// Small networks that colour photos on both backends, and pictures for them.
#pragma once

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <utility>
#include <vector>

#include "tests/cpu/graph_maker.h"
#include "tests/cuda/host_backend.h"

namespace cuhue::test {

using Bytes = std::vector<std::uint8_t>;

struct Format {
  int channels = 3, bytes = 1, red = 0, green = 1, blue = 2, alpha = -1;
  bool nv12 = false;
};
inline constexpr Format kRgb{}, kBgr{3, 1, 2, 1, 0, -1}, kRgba{4, 1, 0, 1, 2, 3}, kGrey{1, 1, 0, 0, 0, -1},
    kRgb16{3, 2, 0, 1, 2, -1}, kNv12{1, 1, 0, 0, 0, -1, true};

// A picture of smooth noise and the room for its result; rows further apart than they are long.
class Picture {
 public:
  Picture(std::int64_t w, std::int64_t h, const Format& format = kRgb, const Format& result = kRgb,
          std::uint64_t seed = 1)
      : in_stride_(w * format.channels * format.bytes + 5 + (format.nv12 ? 1 : 0)),
        out_stride_(w * result.channels * result.bytes + 7),
        in(static_cast<std::size_t>(in_stride_ * (h + (format.nv12 ? (h + 1) / 2 : 0)))),
        out(static_cast<std::size_t>(out_stride_ * h), kUntouched),
        from_(format),
        to_(result),
        w_(w),
        h_(h) {
    for (std::size_t i = 0; i < in.size(); ++i)
      in[i] = static_cast<std::uint8_t>(127.5 + 100.0 * noise(seed, i / 16) + 27.0 * noise(seed + 9, i));
  }

  PhotoJob job(std::uint8_t* in_at, std::uint8_t* out_at) const {
    PhotoJob j;
    describe(j.in, from_, in_at, in_stride_);
    if (from_.nv12) {
      j.in.chroma = in_at + in_stride_ * h_;
      j.in.chroma_stride = in_stride_;
    }
    describe(j.out, to_, out_at, out_stride_);
    return j;
  }
  PhotoJob job() { return job(in.data(), out.data()); }

  static constexpr std::uint8_t kUntouched = 0x5A;
  std::ptrdiff_t in_stride_, out_stride_;
  Bytes in, out;
  std::int64_t row() const { return w_ * to_.channels * to_.bytes; }
  std::int64_t height() const { return h_; }

 private:
  template <class Ref>
  void describe(Ref& ref, const Format& f, std::uint8_t* data, std::ptrdiff_t stride) const {
    ref.data = data;
    ref.width = w_;
    ref.height = h_;
    ref.stride = stride;
    ref.channels = f.channels;
    ref.bytes_per_sample = f.bytes;
    ref.red = f.red;
    ref.green = f.green;
    ref.blue = f.blue;
    ref.alpha = f.alpha;
  }
  Format from_, to_;
  std::int64_t w_, h_;
};

inline Convolution same_size(std::int64_t channels) {
  Convolution op;
  op.out_channels = channels;
  op.kernel_h = op.kernel_w = 3;
  op.pad_top = op.pad_left = op.pad_bottom = op.pad_right = 1;
  return op;
}

// grey [n, 1, 12, 16] -> ab [n, 2, 24, 32], or of the input's size.
inline Graph colours(std::int64_t n = 1, bool upsampled = true) {
  GraphMaker m;
  const ValueId grey = m.input({n, 1, 12, 16}, "grey");
  const ValueId x = m.same(Activation{}, {m.convolution(same_size(8), grey)});
  ValueId ab = m.convolution(same_size(2), x);
  if (upsampled) ab = m.upsample({UpsampleKind::bilinear, 2, 1.0f}, ab);
  m.output(ab, "ab");
  return std::move(m.graph);
}

inline constexpr PhotoEnds kEnds{"grey", "ab", Luminance::rec709_luma};

inline void run(Program& program, std::vector<PhotoJob> jobs, const PhotoOptions& options = {},
                const PhotoEnds& ends = kEnds) {
  PhotoTimings timings;
  program.run_photos(ends, jobs, options, {}, timings);
}

// Both backends over the same graph.
struct Pair {
  explicit Pair(const Graph& g, const HostDeviceOptions& options = {}, Precision precision = Precision::fp32)
      : host(precision, options), cpu(make_cpu_backend()) {
    const auto source = std::make_shared<NoiseSource>();
    reference = cpu->compile(g, cpu->make_weights(source), {});
    program = host->compile(g, host->make_weights(source), {});
  }
  HostDevice& device() const { return *host.device; }

  HostBackend host;
  std::unique_ptr<Backend> cpu;
  std::unique_ptr<Program> reference, program;
};

// The share of samples that differ by more than one level.
inline double far_off(const Picture& p, const Bytes& a, const Bytes& b, int bytes_per_sample = 1) {
  std::int64_t off = 0;
  for (std::int64_t y = 0; y < p.height(); ++y)
    for (std::int64_t i = 0; i < p.row(); i += bytes_per_sample) {
      const auto at = static_cast<std::size_t>(y * p.out_stride_ + i);
      const auto value = [&](const Bytes& v) {
        return bytes_per_sample == 1 ? static_cast<int>(v[at]) : v[at] | v[at + 1] << 8;
      };
      off += std::abs(value(a) - value(b)) > (bytes_per_sample == 1 ? 1 : 256);
    }
  return static_cast<double>(off) / static_cast<double>(p.row() / bytes_per_sample * p.height());
}

// What the CPU backend makes of it.
inline Bytes expected(Program& reference, Picture p, const PhotoOptions& options = {}) {
  run(reference, {p.job()}, options);
  return p.out;
}

inline bool coloured(const Picture& p) {
  return std::ranges::any_of(p.out, [](std::uint8_t b) { return b != Picture::kUntouched; });
}

}  // namespace cuhue::test
