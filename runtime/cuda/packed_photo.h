// Photos as they pass through pinned memory: rows close together, at multiples of 64 bytes.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/core/photo.h"

namespace cuhue::cuda {

constexpr std::int64_t kPhotoAlignment = 256;    // of photos
constexpr std::int64_t kPhotoRowAlignment = 64;  // of their rows in pinned memory

constexpr std::int64_t aligned_to(std::int64_t bytes, std::int64_t to) {
  return (bytes + to - 1) / to * to;
}

// Bytes of a row, and of a row of NV12's chroma, without what lies between rows.
template <class Byte>
std::int64_t photo_row_bytes(const PhotoRefOf<Byte>& p) {
  return p.width * p.channels * p.bytes_per_sample;
}
template <class Byte>
std::int64_t photo_chroma_row_bytes(const PhotoRefOf<Byte>& p) {
  return p.nv12() ? (p.width + 1) / 2 * 2 : 0;
}
template <class Byte>
std::int64_t photo_chroma_rows(const PhotoRefOf<Byte>& p) {
  return p.nv12() ? (p.height + 1) / 2 : 0;
}

// The photo as it lies in pinned memory, at offset 0.
template <class Byte>
PhotoRefOf<Byte> packed_photo(PhotoRefOf<Byte> p) {
  const std::int64_t row = photo_row_bytes(p), chroma = photo_chroma_row_bytes(p);
  p.stride = aligned_to(row > chroma ? row : chroma, kPhotoRowAlignment);
  p.data = nullptr;
  if (p.nv12()) {
    p.chroma_stride = p.stride;
    p.chroma =
        reinterpret_cast<Byte*>(static_cast<std::uintptr_t>(p.stride * p.height));  // NOLINT: an offset
  }
  return p;
}
template <class Byte>
std::int64_t packed_photo_bytes(const PhotoRefOf<Byte>& packed) {
  return aligned_to(packed.stride * (packed.height + photo_chroma_rows(packed)), kPhotoAlignment);
}

// A packed photo whose memory begins at `base`.
template <class Byte>
PhotoRefOf<Byte> photo_at(PhotoRefOf<Byte> packed, std::byte* base) {
  auto* at = reinterpret_cast<Byte*>(base);
  packed.data = at + reinterpret_cast<std::uintptr_t>(packed.data);
  if (packed.nv12()) packed.chroma = at + reinterpret_cast<std::uintptr_t>(packed.chroma);
  return packed;
}

// May the result take the photo's place, both in pinned memory?
bool same_layout(const PhotoRef& in, const MutablePhotoRef& out);

// ---- in host memory, by several threads
void copy_host_rows(void* to, std::ptrdiff_t to_stride, const void* from, std::ptrdiff_t from_stride,
                    std::int64_t bytes, std::int64_t rows);
// The photo to memory in which it is `packed`.
void pack_photo(const PhotoRef& from, const PhotoRef& packed, std::byte* to);
// The result from there.
void unpack_photo(const std::byte* from, std::ptrdiff_t from_stride, const MutablePhotoRef& to);

}  // namespace cuhue::cuda
