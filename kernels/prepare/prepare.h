// Photo bytes to network input in one op: resize as Pillow does it, then one luminance plane.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "kernels/core/photo.h"
#include "kernels/core/stream.h"

namespace cuhue {

enum class Luminance : std::uint8_t {
  cie_l,        // L* 0..100 of sRGB, as scikit-image rgb2lab
  rec709_luma,  // 0.2125 R + 0.7154 G + 0.0721 B of gamma-encoded sRGB, 0..1
  bt601_luma    // 0.299 R + 0.587 G + 0.114 B of gamma-encoded sRGB, 0..1
};

// What stands beyond the photo where a plane is larger: its last row and column again, or the photo reflected
// (the edge not repeated; over and over where it is smaller than what is to be filled).
enum class PlaneFill : std::uint8_t { repeat, reflect };

struct PrepareParams {
  PhotoRef photo;  // [h, w, channels] bytes or 16-bit samples (16 bits are rounded to 8 first), or NV12
  std::int64_t out_h = 0, out_w = 0;
  Luminance luminance = Luminance::cie_l;
  float* out = nullptr;                     // [out_h, out_w] float, dense; padded: [padded_h, padded_w]
  std::byte* scratch = nullptr;             // prepare_scratch_bytes(), aligned to 64
  std::int64_t padded_h = 0, padded_w = 0;  // 0 = out_h and out_w; more is below and to the right
  PlaneFill fill = PlaneFill::repeat;       // what is there
};

// Coefficient tables and the 8-bit image between the two passes.
std::size_t prepare_scratch_bytes(std::int64_t h, std::int64_t w, std::int64_t out_h, std::int64_t out_w);

// Pillow BICUBIC (antialiased, horizontal then vertical, 8-bit intermediate, 22-bit fixed point; bit-exact
// against Pillow 9.4), then luminance of the 8-bit RGB. No pass for a dimension that keeps its size.
// Allocates nothing.
void prepare_cpu(const PrepareParams& p);

// ---- on CUDA: two launches (rows, then columns with the luminance) ----
// Coefficient tables of one photo size: made on the host once, kept in device memory by the caller.
std::size_t prepare_table_bytes(std::int64_t h, std::int64_t w, std::int64_t out_h, std::int64_t out_w);
void fill_prepare_tables(std::int64_t h, std::int64_t w, std::int64_t out_h, std::int64_t out_w,
                         std::byte* tables /* host, aligned to 16 */);
std::size_t prepare_device_scratch_bytes(std::int64_t h, std::int64_t w, std::int64_t out_h,
                                         std::int64_t out_w);

struct PrepareDeviceParams {
  PhotoRef photo;  // addresses the device can read; any stride
  std::int64_t out_h = 0, out_w = 0;
  Luminance luminance = Luminance::cie_l;
  float* out = nullptr;                     // [out_h, out_w] or [padded_h, padded_w] float, dense
  const std::byte* tables = nullptr;        // as filled, in device memory, aligned to 16
  std::byte* scratch = nullptr;             // prepare_device_scratch_bytes(), device memory, aligned to 64
  std::int64_t padded_h = 0, padded_w = 0;  // as in PrepareParams
  PlaneFill fill = PlaneFill::repeat;
};
// The bits of prepare_cpu.
void prepare_cuda(const PrepareDeviceParams& p, Stream stream);

// ---- many crops of one photo at once, each to a plane of its own: two launches for all of them
struct PrepareCrop {
  std::int32_t x = 0, y = 0, w = 0, h = 0;  // inside of the photo, not empty
  std::int64_t tables = 0, scratch = 0;     // where its parts of both begin, in bytes: place_crops()
};
struct CropsMemory {
  std::size_t tables = 0, scratch = 0;  // bytes for all
};
// Sets the places of the crops' parts.
CropsMemory place_crops(std::span<PrepareCrop> crops, std::int64_t out_h, std::int64_t out_w);
void fill_crop_tables(std::span<const PrepareCrop> crops, std::int64_t out_h, std::int64_t out_w,
                      std::byte* tables /* host, aligned to 16 */);

struct PrepareCropsDeviceParams {
  PhotoRef photo;                      // addresses the device can read; any stride
  const PrepareCrop* crops = nullptr;  // in device memory
  int count = 0;
  std::int32_t largest_w = 0, largest_h = 0;  // of all crops
  std::int64_t out_h = 0, out_w = 0;
  Luminance luminance = Luminance::cie_l;
  float* out = nullptr;               // [count, out_h, out_w] float, dense
  const std::byte* tables = nullptr;  // as filled, in device memory, aligned to 16
  std::byte* scratch = nullptr;       // device memory, aligned to 64
};
// The bits of prepare_cpu of each crop.
void prepare_crops_cuda(const PrepareCropsDeviceParams& p, Stream stream);

}  // namespace cuhue
