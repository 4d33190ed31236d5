#include <algorithm>
#include <limits>

#include "kernels/color/lab.h"
#include "kernels/color/saturation.h"
#include "kernels/color/tables.cuh"
#include "kernels/color/yuv_planes.h"
#include "kernels/core/photo.cuh"
#include "kernels/core/vector.cuh"
#include "kernels/merge/merge.h"
#include "kernels/resample/bilinear.h"

namespace cuhue {
namespace {

// A block makes kTileW x kTileH pixels, four of a row a thread at a time.
constexpr int kTileW = 128, kTileH = 32, kThreads = 256;
// Rows of a tile begin up to three pixels further left, where their bytes are aligned.
constexpr int kMostShift = 3, kTileColumns = kTileW + kMostShift + 1;
// What a block holds of the upsampled map: all cells that its pixels lie between; where the map is larger
// than the photo, only those that are neighbours of a pixel, of a lower tile.
constexpr int kMostCells = 4224, kMostEdges = 320, kLowTileH = 8;
static_assert(2 * kTileColumns * 2 * kLowTileH <= kMostCells && 2 * (kTileColumns + kLowTileH) <= kMostEdges);

// Where the tap of a tile's column is: those of every fourth column together, which a warp reads at once.
__device__ inline int tap_of(int column) {
  return column % 4 * (kTileColumns / 4) + column / 4;
}

struct alignas(8) Ab {
  float a, b;
};

struct MergeJob {
  MergeDeviceParams p;
  YuvToRgb factors;
  int w, h, ab_w, ab_h;
  int map_w, map_h;      // of the upsampled map's part that is the photo
  float step_x, step_y;  // its cells a photo pixel
  float up_x, up_y;      // cells of ab a cell of the map
  int tile_h;
  bool sparse;           // a block holds two rows a row and two columns a column, not all between them
  int cells_w, cells_h;  // most of a block
};

__device__ inline float load_ab(const DeviceTensor& ab, int at) {
  return ab.element == Element::f16 ? to_float(static_cast<const __half*>(ab.data)[at])
                                    : static_cast<const float*>(ab.data)[at];
}

// Where a row or a column of the map comes from in ab.
__device__ inline BilinearTap map_tap(const MergeJob& job, int i, float up, int size) {
  if (job.p.upsampling == AbUpsampling::bilinear) return bilinear_tap(i, up, size);
  const int from = job.p.upsampling == AbUpsampling::nearest ? i / job.p.factor : i;
  return {from, from, 0.0f};
}

// A cell of the upsampled map, with the arithmetic of kernels/upsample; of RGB, its a and b.
template <bool Rgb>
__device__ inline Ab map_cell(const MergeJob& job, const BilinearTap& y, const BilinearTap& x) {
  constexpr int kPlanes = Rgb ? 3 : 2;
  const auto pitch = static_cast<int>(job.p.ab.pitch);
  const int top = y.i0 * job.ab_w, bottom = y.i1 * job.ab_w;
  float value[kPlanes];
  for (int k = 0; k < kPlanes; ++k) {
    const float p00 = load_ab(job.p.ab, (top + x.i0) * pitch + k);
    if (job.p.upsampling == AbUpsampling::none) {
      value[k] = p00;
    } else if (job.p.upsampling == AbUpsampling::nearest) {
      value[k] = p00 * job.p.scale;
    } else {
      value[k] = bilinear_mix(p00, load_ab(job.p.ab, (top + x.i1) * pitch + k),
                              load_ab(job.p.ab, (bottom + x.i0) * pitch + k),
                              load_ab(job.p.ab, (bottom + x.i1) * pitch + k), y.w1, x.w1) *
                 job.p.scale;
    }
  }
  if constexpr (Rgb) {
    const LabColor color = lab_color_of_srgb(value[0], value[1], value[2]);
    return {limited(color.a, job.p.limit), limited(color.b, job.p.limit)};
  }
  return {limited(value[0], job.p.limit), limited(value[1], job.p.limit)};
}

// Where a row or a column that a block holds is in the map.
__device__ inline int held_at(const MergeJob& job, const BilinearTap* taps, int i) {
  if (!job.sparse) return taps[0].i0 + i;
  return i % 2 == 0 ? taps[i / 2].i0 : taps[i / 2].i1;
}

// Makes the cells [rows, columns] under the taps of a block's pixels; then lets the taps point to them: rows
// to the first cell of a row. All threads of the block call it.
template <bool Rgb>
__device__ const Ab* hold_cells(const MergeJob& job, BilinearTap* rows, BilinearTap* columns) {
  const auto thread = static_cast<int>(threadIdx.x);
  auto* cells = dynamic_shared<Ab>();
  auto* from_y = reinterpret_cast<BilinearTap*>(cells + job.cells_w * job.cells_h);
  BilinearTap* from_x = from_y + job.cells_h;
  const int left = columns[0].i0, top = rows[0].i0;
  const int w = job.sparse ? job.cells_w : columns[kTileColumns - 1].i1 - left + 1;
  const int h = job.sparse ? job.cells_h : rows[job.tile_h - 1].i1 - top + 1;
  for (int i = thread; i < w; i += kThreads)
    from_x[i] = map_tap(job, held_at(job, columns, i), job.up_x, job.ab_w);
  for (int i = thread; i < h; i += kThreads)
    from_y[i] = map_tap(job, held_at(job, rows, i), job.up_y, job.ab_h);
  __syncthreads();
  for (int i = thread; i < w * h; i += kThreads) cells[i] = map_cell<Rgb>(job, from_y[i / w], from_x[i % w]);
  if (thread < kTileColumns) {
    BilinearTap& tap = columns[thread];
    tap.i0 = job.sparse ? 2 * thread : tap.i0 - left;
    tap.i1 = job.sparse ? 2 * thread + 1 : tap.i1 - left;
  }
  if (thread < job.tile_h) {
    BilinearTap& tap = rows[thread];
    tap.i0 = (job.sparse ? 2 * thread : tap.i0 - top) * w;
    tap.i1 = (job.sparse ? 2 * thread + 1 : tap.i1 - top) * w;
  }
  __syncthreads();
  return cells;
}

// The map between its cells, with the arithmetic of merge_cpu.
__device__ inline Ab ab_between(const Ab* cells, const BilinearTap& y, const BilinearTap& x, float chroma) {
  const Ab p00 = cells[y.i0 + x.i0], p01 = cells[y.i0 + x.i1];
  const Ab p10 = cells[y.i1 + x.i0], p11 = cells[y.i1 + x.i1];
  return {mix(mix(p00.a, p10.a, y.w1) * chroma, mix(p01.a, p11.a, y.w1) * chroma, x.w1),
          mix(mix(p00.b, p10.b, y.w1) * chroma, mix(p01.b, p11.b, y.w1) * chroma, x.w1)};
}

// The blocks share all of ab between them.
template <int Planes>
__device__ void look_for_not_finite(const MergeJob& job) {
  const int count = job.ab_w * job.ab_h, pitch = static_cast<int>(job.p.ab.pitch);
  const auto blocks = static_cast<int>(gridDim.x * gridDim.y);
  bool found = false;
  for (int i =
           (static_cast<int>(blockIdx.y * gridDim.x + blockIdx.x)) * kThreads + static_cast<int>(threadIdx.x);
       i < count; i += blocks * kThreads) {
    for (int k = 0; k < Planes; ++k) {
      constexpr std::int32_t kExponent = 0x7f800000;
      found = found || (float_to_bits(load_ab(job.p.ab, i * pitch + k)) & kExponent) == kExponent;
    }
  }
  if (found) *job.p.not_finite = 1;
}

// How many pixels left of a tile's first one a row of it begins, so that four pixels are whole words.
__device__ inline int shift_of(const std::uint8_t* row, int pixel_bytes) {
  const auto at = static_cast<int>(reinterpret_cast<std::uintptr_t>(row) & 3);
  for (int shift = 0; shift <= kMostShift; ++shift)
    if (((at - shift * pixel_bytes) & 3) == 0) return shift;
  return 0;
}

__device__ inline std::uint32_t rounded(float v, float full, ByteRounding rounding) {
  std::int32_t sample = quantize<false>(v, full);
  if (rounding == ByteRounding::truncate) sample = quantize<true>(v, full);
  if (rounding == ByteRounding::in_steps) sample = quantize_in_steps(v, full);
  return static_cast<std::uint32_t>(sample);
}

// How a pixel gets its colour in a space: from samples of the photo and two of the map to three numbers, and
// from those to samples. load() fills tables in shared memory.
template <class Sample>
struct YuvColors {
  static constexpr bool kRgbMap = false;
  __device__ void load() {}
  __device__ UnitRgb color(std::uint32_t r, std::uint32_t g, std::uint32_t b, const Ab& ab) const {
    return yuv_to_unit_rgb(bt601_luma(unit_of<Sample>(r), unit_of<Sample>(g), unit_of<Sample>(b)), ab.a,
                           ab.b);
  }
  __device__ std::uint32_t sample(float v, ByteRounding rounding) const {
    return rounded(v, kFullRange<Sample>, rounding);
  }
};

// Of 16 bits by formulas; of bytes by tables of linear light.
template <class Sample>
struct LabColors {
  static constexpr bool kRgbMap = false;
  __device__ void load() {}
  __device__ float linear(std::uint32_t sample) const { return srgb_to_linear(unit_of<Sample>(sample)); }
  __device__ LinearRgb color(std::uint32_t r, std::uint32_t g, std::uint32_t b, const Ab& ab) const {
    const float y = luminance_y(linear(r), linear(g), linear(b));
    return lab_to_linear(y, lab_f(y), ab.a, ab.b);
  }
  __device__ std::uint32_t sample(float linear, ByteRounding rounding) const {
    return rounded(linear_to_srgb(linear), kFullRange<Sample>, rounding);
  }
};
template <>
struct LabColors<std::uint8_t> {
  static constexpr bool kRgbMap = false;
  float linear_of[256];
  std::uint32_t cells[kByteCells];

  __device__ void load() {
    const auto thread = static_cast<int>(threadIdx.x);
    linear_of[thread] = kDeviceLinearTable.of[thread];
    for (int i = thread; i < kByteCells; i += kThreads) cells[i] = kDeviceByteTable.cell[i];
  }
  __device__ LinearRgb color(std::uint32_t r, std::uint32_t g, std::uint32_t b, const Ab& ab) const {
    const float y = luminance_y(linear_of[r], linear_of[g], linear_of[b]);
    return lab_to_linear(y, lab_f(y), ab.a, ab.b);
  }
  __device__ std::uint32_t sample(float linear, ByteRounding rounding) const {
    if (rounding == ByteRounding::nearest_even) return byte_of_linear(cells, linear);
    return rounded(linear_to_srgb(linear), 255.0f, rounding);
  }
};
static_assert(kThreads == 256);

// LabColors, paled by the photo's luma. No table: what it rounds has passed through gamma.
template <class Sample>
struct PaledLabColors : LabColors<Sample> {
  __device__ UnitRgb color(std::uint32_t r, std::uint32_t g, std::uint32_t b, const Ab& ab) const {
    const LinearRgb c = LabColors<Sample>::color(r, g, b, ab);
    const float luma = rec709_luma(unit_of<Sample>(r), unit_of<Sample>(g), unit_of<Sample>(b));
    return with_saturation({linear_to_srgb(c.r), linear_to_srgb(c.g), linear_to_srgb(c.b)},
                           saturation_kept(luma));
  }
  __device__ std::uint32_t sample(float v, ByteRounding rounding) const {
    return rounded(v, kFullRange<Sample>, rounding);
  }
};

// Its map's cells have become a and b.
template <class Sample>
struct RgbColors : LabColors<Sample> {
  static constexpr bool kRgbMap = true;
};

// Gated: the photo has a gate.
template <class Format, template <class> class Colors, bool Gated>
__global__ void __launch_bounds__(kThreads, 4) merge_kernel(MergeJob job) {
  using Sample = typename Format::Sample;
  using Samples = typename FourSamples<Sample>::Type;
  constexpr int kBits = 8 * sizeof(Sample);
  __shared__ Colors<Sample> colors;
  __shared__ BilinearTap columns[kTileColumns], rows[kTileH];
  const int x0 = static_cast<int>(blockIdx.x) * kTileW - kMostShift;
  const int y0 = static_cast<int>(blockIdx.y) * job.tile_h;
  const auto thread = static_cast<int>(threadIdx.x);
  colors.load();
  if (thread < kTileColumns)
    columns[tap_of(thread)] = bilinear_tap(min(max(x0 + thread, 0), job.w - 1), job.step_x, job.map_w);
  if (thread < job.tile_h) rows[thread] = bilinear_tap(min(y0 + thread, job.h - 1), job.step_y, job.map_h);
  constexpr bool kRgb = Colors<Sample>::kRgbMap;
  if (job.p.not_finite != nullptr) look_for_not_finite<kRgb ? 3 : 2>(job);
  __syncthreads();
  const Ab* cells = hold_cells<kRgb>(job, rows, columns);

  const int pixel_bytes = job.p.out.channels * static_cast<int>(sizeof(Sample));
  for (int r = thread / 32; r < min(job.tile_h, job.h - y0); r += kThreads / 32) {
    std::uint8_t* to = job.p.out.data + (y0 + r) * job.p.out.stride;
    const int column = kMostShift - shift_of(to, pixel_bytes) + 4 * (thread % 32), x = x0 + column;
    if (x >= job.w) continue;
    const FourPixels<Sample> in = Format::four(job.p.photo, job.factors, y0 + r, x);
    FourPixels<Sample> out{0, 0, 0, in.a};
    const std::uint8_t* gate_row = job.p.gate.data + (Gated ? (y0 + r) * job.p.gate.stride : 0);
#pragma unroll 1
    for (int i = 0; i < 4; ++i) {
      const auto red = static_cast<Sample>(in.r >> kBits * i), green = static_cast<Sample>(in.g >> kBits * i),
                 blue = static_cast<Sample>(in.b >> kBits * i);
      Ab ab = ab_between(cells, rows[r], columns[tap_of(column + i)], job.p.chroma);
      if constexpr (Gated) {
        const float gate = unit_of<std::uint8_t>(gate_row[min(max(x + i, 0), job.w - 1)]);
        ab = {ab.a * gate, ab.b * gate};
      }
      const auto c = colors.color(red, green, blue, ab);
      out.r |= static_cast<Samples>(colors.sample(c.r, job.p.rounding)) << kBits * i;
      out.g |= static_cast<Samples>(colors.sample(c.g, job.p.rounding)) << kBits * i;
      out.b |= static_cast<Samples>(colors.sample(c.b, job.p.rounding)) << kBits * i;
    }
    if (job.p.out.channels == 3) {
      store_four<Sample, 3>(job.p.out, to, x, job.w, out);
    } else {
      store_four<Sample, 4>(job.p.out, to, x, job.w, out);
    }
  }
}

MergeJob job_of(const MergeDeviceParams& p) {
  MergeJob job{};
  job.p = p;
  job.factors = yuv_to_rgb(p.photo.coding);
  job.w = checked_int(p.photo.width);
  job.h = checked_int(p.photo.height);
  job.ab_w = checked_int(p.ab.dims.w);
  job.ab_h = checked_int(p.ab.dims.h);
  const int factor = p.upsampling == AbUpsampling::none ? 1 : p.factor;
  const int full_w = checked_int(p.ab.dims.w * factor), full_h = checked_int(p.ab.dims.h * factor);
  job.map_w = p.used_w > 0 ? checked_int(p.used_w) : full_w;
  job.map_h = p.used_h > 0 ? checked_int(p.used_h) : full_h;
  job.step_x = static_cast<float>(job.map_w) / static_cast<float>(job.w);
  job.step_y = static_cast<float>(job.map_h) / static_cast<float>(job.h);
  job.up_x = static_cast<float>(job.ab_w) / static_cast<float>(full_w);
  job.up_y = static_cast<float>(job.ab_h) / static_cast<float>(full_h);
  const auto most = [](int pixels, float step,
                       int size) {  // cells under so many pixels, and one on each side
    const double cells = static_cast<double>(pixels) * static_cast<double>(step) + 3;
    return static_cast<std::int64_t>(std::min<double>(cells, size));
  };
  const std::int64_t cells_w = most(kTileColumns, job.step_x, job.map_w),
                     cells_h = most(kTileH, job.step_y, job.map_h);
  job.sparse = cells_w * cells_h > kMostCells || cells_w + cells_h > kMostEdges;
  job.tile_h = job.sparse ? kLowTileH : kTileH;
  job.cells_w = job.sparse ? 2 * kTileColumns : static_cast<int>(cells_w);
  job.cells_h = job.sparse ? 2 * kLowTileH : static_cast<int>(cells_h);
  return job;
}

template <class Format, template <class> class Colors>
void launch_merge(const LaunchShape& shape, Stream stream, const MergeJob& job) {
  if (job.p.gate.data != nullptr) {
    launch(merge_kernel<Format, Colors, true>, shape, stream, job);
  } else {
    launch(merge_kernel<Format, Colors, false>, shape, stream, job);
  }
}

}  // namespace

void merge_cuda(const MergeDeviceParams& p, Stream stream) {
  checked_int(p.ab.pixels() * p.ab.pitch);
  checked_int(p.photo.width * p.photo.channels * p.photo.bytes_per_sample + 16);
  checked_int(p.out.width * p.out.channels * p.out.bytes_per_sample + 16);
  const MergeJob job = job_of(p);
  const auto shared = static_cast<std::size_t>(job.cells_w * job.cells_h) * sizeof(Ab) +
                      static_cast<std::size_t>(job.cells_w + job.cells_h) * sizeof(BilinearTap);
  const dim3 grid{blocks_for(p.photo.width + kMostShift, kTileW), blocks_for(p.photo.height, job.tile_h)};
  with_format(p.photo, [&](auto format) {
    using Format = decltype(format);
    const LaunchShape shape{grid, kThreads, shared};
    if (p.space == ColorSpace::yuv) {
      launch_merge<Format, YuvColors>(shape, stream, job);
    } else if (p.space == ColorSpace::rgb) {
      launch_merge<Format, RgbColors>(shape, stream, job);
    } else if (p.saturation == Saturation::by_luma) {
      launch_merge<Format, PaledLabColors>(shape, stream, job);
    } else {
      launch_merge<Format, LabColors>(shape, stream, job);
    }
  });
}

}  // namespace cuhue
