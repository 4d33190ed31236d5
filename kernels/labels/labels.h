// Maps of labels: a byte a pixel, the number of what is there.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/core/stream.h"

namespace cuhue {

// [height, width] bytes, rows `stride` bytes apart.
template <class Byte>
struct LabelMapRef {
  Byte* data = nullptr;
  std::int64_t width = 0, height = 0;
  std::ptrdiff_t stride = 0;
};

// To another size, each axis on its own (labels_math.h): larger maps repeat, in smaller ones the label of
// most pixels wins, of equally many the lowest. A map made larger and smaller again is what it was. Labels
// are below 64. Allocates nothing.
struct ResizeLabelsParams {
  LabelMapRef<const std::uint8_t> map;
  LabelMapRef<std::uint8_t> out;  // not map; at least 1 x 1, as map
};
void resize_labels_cpu(const ResizeLabelsParams& p);
// A thread an output pixel. Addresses of the device.
void resize_labels_cuda(const ResizeLabelsParams& p, Stream stream);

// Every label as its colour.
struct LabelPalette {
  std::uint8_t rgb[256][3];
};
struct ViewLabelsParams {
  LabelMapRef<const std::uint8_t> map;
  // [height, width, 3] bytes red, green, blue, of map's size, rows `out_stride` bytes apart.
  std::uint8_t* out = nullptr;
  std::ptrdiff_t out_stride = 0;
  LabelPalette palette;
};
void view_labels_cpu(const ViewLabelsParams& p);
// A thread four pixels of a row. Addresses of the device.
void view_labels_cuda(const ViewLabelsParams& p, Stream stream);

}  // namespace cuhue
