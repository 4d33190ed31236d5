#include "runtime/cuda/packed_photo.h"

#include <algorithm>
#include <cstring>

#include "kernels/core/parallel.h"

namespace cuhue::cuda {

bool same_layout(const PhotoRef& in, const MutablePhotoRef& out) {
  return !in.nv12() && in.channels == out.channels && in.bytes_per_sample == out.bytes_per_sample &&
         in.red == out.red && in.green == out.green && in.blue == out.blue && in.alpha == out.alpha;
}

void copy_host_rows(void* to, std::ptrdiff_t to_stride, const void* from, std::ptrdiff_t from_stride,
                    std::int64_t bytes, std::int64_t rows) {
  constexpr std::int64_t kGrain = std::int64_t{1} << 20;  // bytes that a thread is worth
  parallel_for(rows, kGrain / std::max<std::int64_t>(bytes, 1) + 1,
               [&](std::int64_t begin, std::int64_t end) {
                 for (std::int64_t row = begin; row < end; ++row) {
                   std::memcpy(static_cast<std::byte*>(to) + row * to_stride,
                               static_cast<const std::byte*>(from) + row * from_stride,
                               static_cast<std::size_t>(bytes));
                 }
               });
}

void pack_photo(const PhotoRef& from, const PhotoRef& packed, std::byte* to) {
  copy_host_rows(to, packed.stride, from.data, from.stride, photo_row_bytes(from), from.height);
  if (!from.nv12()) return;
  copy_host_rows(to + packed.stride * packed.height, packed.chroma_stride, from.chroma, from.chroma_stride,
                 photo_chroma_row_bytes(from), photo_chroma_rows(from));
}

void unpack_photo(const std::byte* from, std::ptrdiff_t from_stride, const MutablePhotoRef& to) {
  copy_host_rows(to.data, to.stride, from, from_stride, photo_row_bytes(to), to.height);
}

}  // namespace cuhue::cuda
