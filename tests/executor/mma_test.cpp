#include "kernels/core/mma.cuh"

#include <doctest/doctest.h>

#include <vector>

#include "tests/executor/device_array.h"

using namespace cuhue;
using namespace cuhue::test;

namespace {

// Asymmetric in rows and columns, exact in half and in tf32, and sums of it exact in float.
float left(int row, int k) {
  return static_cast<float>(row * 3 + k * k - 40) * 0.125f;
}
float right(int k, int column) {
  return static_cast<float>(k * 5 - column * column + 7) * 0.25f;
}
float before(int row, int column) {
  return static_cast<float>(row * 100 - column * 7);
}

std::vector<float> product(int depth) {
  std::vector<float> d;
  for (int row = 0; row < 16; ++row)
    for (int column = 0; column < 8; ++column) {
      float sum = before(row, column);
      for (int k = 0; k < depth; ++k) sum += left(row, k) * right(k, column);
      d.push_back(sum);
    }
  return d;
}

// a [16, depth], b [depth, 8], d [16, 8], rows dense
__global__ void half_product(const float* a, const float* b, float* d) {
  const int lane = static_cast<int>(threadIdx.x), g = lane / 4, t = lane % 4;
  const auto two = [](float low, float high) {
    return static_cast<std::uint32_t>(f16_from_float(low)) | static_cast<std::uint32_t>(f16_from_float(high))
                                                                 << 16;
  };
  std::uint32_t fa[4], fb[2];
  for (int i = 0; i < 4; ++i) {
    const int row = g + i % 2 * 8, k = 2 * t + i / 2 * 8;
    fa[i] = two(a[row * 16 + k], a[row * 16 + k + 1]);
  }
  for (int i = 0; i < 2; ++i) {
    const int k = 2 * t + i * 8;
    fb[i] = two(b[k * 8 + g], b[(k + 1) * 8 + g]);
  }
  float fd[4];
  for (int i = 0; i < 4; ++i) fd[i] = d[(g + i / 2 * 8) * 8 + 2 * t + i % 2];
  mma_m16n8k16(fd, fa, fb);
  for (int i = 0; i < 4; ++i) d[(g + i / 2 * 8) * 8 + 2 * t + i % 2] = fd[i];
}

__global__ void tf32_product(const float* a, const float* b, float* d) {
  const int lane = static_cast<int>(threadIdx.x), g = lane / 4, t = lane % 4;
  std::uint32_t fa[4], fb[2];
  for (int i = 0; i < 4; ++i) fa[i] = to_tf32(a[(g + i % 2 * 8) * 8 + t + i / 2 * 4]);
  for (int i = 0; i < 2; ++i) fb[i] = to_tf32(b[(t + i * 4) * 8 + g]);
  float fd[4];
  for (int i = 0; i < 4; ++i) fd[i] = d[(g + i / 2 * 8) * 8 + 2 * t + i % 2];
  mma_m16n8k8_tf32(fd, fa, fb);
  for (int i = 0; i < 4; ++i) d[(g + i / 2 * 8) * 8 + 2 * t + i % 2] = fd[i];
}

void check_product(void (*kernel)(const float*, const float*, float*), int depth) {
  std::vector<float> a, b, d;
  for (int row = 0; row < 16; ++row)
    for (int k = 0; k < depth; ++k) a.push_back(left(row, k));
  for (int k = 0; k < depth; ++k)
    for (int column = 0; column < 8; ++column) b.push_back(right(k, column));
  for (int row = 0; row < 16; ++row)
    for (int column = 0; column < 8; ++column) d.push_back(before(row, column));
  DeviceArray<float> on_a{std::span<const float>(a)}, on_b{std::span<const float>(b)}, on_d(d.size());
  for_each_order([&] {
    on_d.write(d);
    launch(kernel, {1, 32}, nullptr, on_a.data(), on_b.data(), on_d.data());
    CHECK(on_d.read() == product(depth));
  });
}

}  // namespace

TEST_CASE("mma m16n8k16: a warp's fragments give the product of their matrices") {
  check_product(half_product, 16);
}

TEST_CASE("mma m16n8k8: a warp's fragments give the product of their matrices") {
  check_product(tf32_product, 8);
}

TEST_CASE("tf32: 10 bits of fraction, ties away from zero") {
  const auto rounded = [](float x) { return std::bit_cast<float>(to_tf32(x)); };
  CHECK(rounded(1.0f) == 1.0f);
  CHECK(rounded(0x1.001p0f) == 0x1.004p0f - 0x1p-10f);  // less than half a unit
  CHECK(rounded(0x1.002p0f) == 0x1.004p0f);             // a tie, up although 1.0 is even
  CHECK(rounded(-0x1.002p0f) == -0x1.004p0f);
  CHECK(rounded(0x1.006p0f) == 0x1.008p0f);
  CHECK(rounded(0x1.fffp127f) == std::numeric_limits<float>::infinity());
  CHECK(rounded(std::numeric_limits<float>::quiet_NaN()) != rounded(0.0f));
  CHECK(std::isnan(rounded(std::numeric_limits<float>::quiet_NaN())));
}
