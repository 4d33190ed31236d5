// Photos as kernels read and write them: four pixels of a row at a time, whatever the format. Included by .cu
// files only.
#pragma once

#include <cstdint>

#include "kernels/color/lab.h"
#include "kernels/color/yuv.h"
#include "kernels/core/bytes.cuh"
#include "kernels/core/launch.cuh"
#include "kernels/core/photo.h"
#include "kernels/core/vector.cuh"

namespace cuhue {

// Bytes [begin, begin + 4 N) of a row of `size` bytes. Those outside of the row are zero and are not read:
// aligned words where all of them lie in the row (16 bytes at once where they can be), single bytes at the
// row's ends.
template <int N>
__device__ inline void load_words(const std::uint8_t* row, int begin, int size, std::uint32_t (&word)[N]) {
  const std::uint8_t* from = row + begin;
  const auto shift = static_cast<int>(reinterpret_cast<std::uintptr_t>(from) & 3);
  const int whole = shift == 0 ? 4 * N : 4 * N + 4;
  if (begin < shift || begin - shift + whole > size) {
#pragma unroll
    for (int i = 0; i < N; ++i) {
      word[i] = 0;
#pragma unroll
      for (int b = 0; b < 4; ++b) {
        const int at = begin + 4 * i + b;
        if (at >= 0 && at < size) word[i] |= static_cast<std::uint32_t>(row[at]) << 8 * b;
      }
    }
    return;
  }
  struct alignas(16) Four {
    std::uint32_t word[4];
  };
  if (N % 4 == 0 && (reinterpret_cast<std::uintptr_t>(from) & 15) == 0) {
#pragma unroll
    for (int i = 0; i + 4 <= N; i += 4) {
      const Four four = *reinterpret_cast<const Four*>(from + 4 * i);
#pragma unroll
      for (int b = 0; b < 4; ++b) word[i + b] = four.word[b];
    }
    return;
  }
  const auto* aligned = reinterpret_cast<const std::uint32_t*>(from - shift);
#pragma unroll
  for (int i = 0; i < N; ++i) word[i] = aligned[i];
  if (shift == 0) return;
  const std::uint32_t last = aligned[N];
#pragma unroll
  for (int i = 0; i < N; ++i)
    word[i] = bytes_at(word[i], i + 1 < N ? word[i + 1] : last, static_cast<unsigned>(shift));
}

// Four samples of one colour in a register: bytes, or 16-bit samples. The first pixel is lowest.
template <class Sample>
struct FourSamples;
template <>
struct FourSamples<std::uint8_t> {
  using Type = std::uint32_t;
};
template <>
struct FourSamples<std::uint16_t> {
  using Type = std::uint64_t;
};

// The nearest bytes of four samples.
__device__ inline std::uint32_t four_bytes(std::uint32_t samples) {
  return samples;
}
__device__ inline std::uint32_t four_bytes(std::uint64_t samples) {
  std::uint32_t bytes = 0;
  for (int i = 0; i < 4; ++i) {
    const auto sample = static_cast<std::int32_t>(samples >> 16 * i & 0xffff);
    bytes |= static_cast<std::uint32_t>(sample_16_to_8(sample)) << 8 * i;
  }
  return bytes;
}

template <class Sample>
struct FourPixels {
  typename FourSamples<Sample>::Type r, g, b, a;
};

// Channel `c` of four interleaved pixels.
template <int C>
__device__ inline std::uint32_t channel_of(const std::uint32_t (&w)[C], int c) {
  if constexpr (C == 1) return w[0];
  if constexpr (C == 2) return select_bytes(w[0], w[1], c == 0 ? 0x6420 : 0x7531);
  if constexpr (C == 3) {
    const std::uint32_t most = select_bytes(w[0], w[1], c == 0 ? 0x0630 : c == 1 ? 0x0741 : 0x0052);
    return select_bytes(most, w[2], c == 0 ? 0x5210 : c == 1 ? 0x6210 : 0x7410);
  }
  if constexpr (C == 4) {
    const std::uint32_t pair = c == 0 ? 0x40 : c == 1 ? 0x51 : c == 2 ? 0x62 : 0x73;
    return select_bytes(select_bytes(w[0], w[1], pair), select_bytes(w[2], w[3], pair), 0x5410);
  }
}

template <class T, int C>
__device__ inline T pick(const T (&channel)[C], int index) {
  T picked = channel[0];
#pragma unroll
  for (int c = 1; c < C; ++c) picked = index == c ? channel[c] : picked;
  return picked;
}

// Formats, as kernels are compiled for them. four(): pixels [x, x + 4) of a row, opaque where the photo has
// no alpha; x may be negative and pixels may lie beyond the row, then they are of any colour.
template <class S, int C>
struct Interleaved {
  using Sample = S;
  static constexpr bool kGrey = C <= 2;
  using Samples = typename FourSamples<S>::Type;

  __device__ static FourPixels<S> four(const PhotoRef& photo, const YuvToRgb& /*factors*/, int row, int x) {
    constexpr int kPixel = C * static_cast<int>(sizeof(S));
    std::uint32_t word[kPixel];
    load_words(photo.data + row * photo.stride, x * kPixel, static_cast<int>(photo.width) * kPixel, word);
    Samples channel[C];
#pragma unroll
    for (int c = 0; c < C; ++c) {
      if constexpr (sizeof(S) == 1) {
        channel[c] = channel_of<C>(word, c);
      } else {
        channel[c] = 0;
#pragma unroll
        for (int i = 0; i < 4; ++i) {
          const int at = i * C + c;
          const std::uint32_t sample = word[at / 2] >> 16 * (at % 2) & 0xffff;
          channel[c] |= static_cast<Samples>(sample) << 16 * i;
        }
      }
    }
    FourPixels<S> pixels;
    pixels.r = pick(channel, photo.red);
    pixels.g = pick(channel, photo.green);
    pixels.b = pick(channel, photo.blue);
    pixels.a = photo.alpha < 0 ? static_cast<Samples>(~Samples{0}) : pick(channel, photo.alpha);
    return pixels;
  }
};

struct Nv12 {
  using Sample = std::uint8_t;
  static constexpr bool kGrey = false;

  __device__ static FourPixels<std::uint8_t> four(const PhotoRef& photo, const YuvToRgb& factors, int row,
                                                  int x) {
    const int width = static_cast<int>(photo.width), pairs_x = x & ~1;
    std::uint32_t luma[1], chroma[2];
    load_words(photo.data + row * photo.stride, x, width, luma);
    load_words(photo.chroma + row / 2 * photo.chroma_stride, pairs_x, (width + 1) & ~1, chroma);
    FourPixels<std::uint8_t> pixels{0, 0, 0, ~std::uint32_t{0}};
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const int pair = (x - pairs_x + i) / 2;  // 0, 1, 2
      const std::uint32_t uv = chroma[0] >> 16 * (pair & 1) & 0xffff;
      const std::uint32_t chosen = pair == 2 ? chroma[1] : uv;
      const Rgb8 rgb =
          rgb_from_yuv(factors, static_cast<std::int32_t>(luma[0] >> 8 * i & 255),
                       static_cast<std::int32_t>(chosen & 255), static_cast<std::int32_t>(chosen >> 8 & 255));
      pixels.r |= static_cast<std::uint32_t>(rgb.r) << 8 * i;
      pixels.g |= static_cast<std::uint32_t>(rgb.g) << 8 * i;
      pixels.b |= static_cast<std::uint32_t>(rgb.b) << 8 * i;
    }
    return pixels;
  }
};

// Calls use(Format{}) with the format of the photo.
template <class Use>
void with_format(const PhotoRef& photo, Use&& use) {
  if (photo.nv12()) return use(Nv12{});
  if (photo.bytes_per_sample == 1) {
    switch (photo.channels) {
      case 1: return use(Interleaved<std::uint8_t, 1>{});
      case 2: return use(Interleaved<std::uint8_t, 2>{});
      case 3: return use(Interleaved<std::uint8_t, 3>{});
      default: return use(Interleaved<std::uint8_t, 4>{});
    }
  }
  switch (photo.channels) {
    case 1: return use(Interleaved<std::uint16_t, 1>{});
    case 2: return use(Interleaved<std::uint16_t, 2>{});
    case 3: return use(Interleaved<std::uint16_t, 3>{});
    default: return use(Interleaved<std::uint16_t, 4>{});
  }
}

// Pixels [x, x + 4) of a row, those that lie in it: whole words where they can be.
template <class Sample, int C>
__device__ inline void store_four(const MutablePhotoRef& out, std::uint8_t* row, int x, int width,
                                  const FourPixels<Sample>& pixels) {
  constexpr int kSize = sizeof(Sample), kBits = 8 * kSize, kPerWord = 4 / kSize;
  std::uint8_t* to = row + x * C * kSize;
  if (x < 0 || x + 4 > width || (reinterpret_cast<std::uintptr_t>(to) & 3) != 0 ||
      (C == 4 && out.alpha < 0)) {
    for (int i = max(0, -x); i < min(4, width - x); ++i) {
      for (int b = 0; b < kSize; ++b) {
        const int bit = kBits * i + 8 * b;
        std::uint8_t* pixel = to + i * C * kSize + b;
        pixel[out.red * kSize] = static_cast<std::uint8_t>(pixels.r >> bit);
        pixel[out.green * kSize] = static_cast<std::uint8_t>(pixels.g >> bit);
        pixel[out.blue * kSize] = static_cast<std::uint8_t>(pixels.b >> bit);
        if (out.alpha >= 0) pixel[out.alpha * kSize] = static_cast<std::uint8_t>(pixels.a >> bit);
      }
    }
    return;
  }
  typename FourSamples<Sample>::Type channel[C];
#pragma unroll
  for (int c = 0; c < C; ++c)
    channel[c] = c == out.red ? pixels.r : c == out.green ? pixels.g : c == out.blue ? pixels.b : pixels.a;
  std::uint32_t word[C * kSize];
#pragma unroll
  for (int i = 0; i < C * kSize; ++i) {
    word[i] = 0;
#pragma unroll
    for (int s = 0; s < kPerWord; ++s) {
      const int at = i * kPerWord + s;  // sample of the four pixels
      const auto sample = static_cast<Sample>(channel[at % C] >> kBits * (at / C));
      word[i] |= static_cast<std::uint32_t>(sample) << kBits * s;
    }
  }
  using Four = Vector<std::uint32_t, 4>;
  if (C * kSize % 4 == 0 && (reinterpret_cast<std::uintptr_t>(to) & 15) == 0) {
#pragma unroll
    for (int i = 0; i + 4 <= C * kSize; i += 4)
      *reinterpret_cast<Four*>(to + 4 * i) = {word[i], word[i + 1], word[i + 2], word[i + 3]};
  } else {
#pragma unroll
    for (int i = 0; i < C * kSize; ++i) reinterpret_cast<std::uint32_t*>(to)[i] = word[i];
  }
}

}  // namespace cuhue
