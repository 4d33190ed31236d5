#include "tests/kernels/device/convolution_case.h"

#include "kernels/core/math.h"

namespace cuhue::test {
namespace {

std::vector<float> random_values(std::int64_t count, std::uint64_t seed) {
  Random random(seed);
  std::vector<float> values(static_cast<std::size_t>(count));
  for (float& v : values) v = static_cast<float>(random.uniform(-1.0, 1.0));
  return values;
}

float rounded(float x, Operands operands) {
  if (operands == Operands::half) return float_from_f16(f16_from_float(x));
  if (operands == Operands::exact) return x;
  // Nearest of 10 bits of mantissa, ties away from zero.
  return bits_to_float(
      static_cast<std::int32_t>((static_cast<std::uint32_t>(float_to_bits(x)) + 0x1000u) & ~0x1FFFu));
}

// All on planes: x [n, c, h, w], weight as PyTorch's.
struct Operation {
  const ConvolutionCase& c;
  std::vector<float> x, weight, bias;

  // The weight from input channel `in` to output channel `out`.
  std::size_t weight_index(std::int64_t out, std::int64_t in, int r, int s) const {
    const ConvolutionShape& f = c.shape;
    const auto pair = f.transposed ? in * f.out.c + out : out * f.in.c + in;
    return static_cast<std::size_t>((pair * f.kernel_h + r) * f.kernel_w + s);
  }

  std::vector<double> sums() const {
    const ConvolutionShape& f = c.shape;
    std::vector<double> y;
    for_each_element(f.out, [&](std::int64_t n, std::int64_t k, std::int64_t oy, std::int64_t ox) {
      double sum = c.bias ? double{bias[static_cast<std::size_t>(k)]} : 0.0;
      for (int r = 0; r < f.kernel_h; ++r)
        for (int s = 0; s < f.kernel_w; ++s) {
          std::int64_t iy = oy * f.stride - f.pad_top + r * f.dilation,
                       ix = ox * f.stride - f.pad_left + s * f.dilation;
          if (f.transposed) {
            iy = oy + f.pad_top - r * f.dilation;
            ix = ox + f.pad_left - s * f.dilation;
            if (iy % f.stride != 0 || ix % f.stride != 0) continue;
            iy /= f.stride;
            ix /= f.stride;
          }
          if (f.border == BorderKind::zero) {
            if (iy < 0 || ix < 0 || iy >= f.in.h || ix >= f.in.w) continue;
          } else {
            iy = border_source(f.border, iy, 0, f.in.h);
            ix = border_source(f.border, ix, 0, f.in.w);
          }
          for (std::int64_t i = 0; i < f.in.c; ++i) {
            const auto at = static_cast<std::size_t>(((n * f.in.c + i) * f.in.h + iy) * f.in.w + ix);
            sum += double{rounded(x[at] * c.in_scale + c.in_shift, c.operands)} *
                   double{rounded(weight[weight_index(k, i, r, s)], c.operands)};
          }
        }
      y.push_back(sum);
    });
    return y;
  }

  // In convolution_weight_order() and convolution_weight_element().
  std::vector<std::uint8_t> packed() const {
    const ConvolutionShape& f = c.shape;
    const bool half = convolution_weight_element(f, c.math) == Element::f16,
               krsc = convolution_weight_order(f) == WeightOrder::krsc;
    std::vector<std::uint8_t> bytes(weight.size() * (half ? 2 : 4));
    for (std::int64_t k = 0; k < f.out.c; ++k)
      for (int r = 0; r < f.kernel_h; ++r)
        for (int s = 0; s < f.kernel_w; ++s)
          for (std::int64_t i = 0; i < f.in.c; ++i) {
            const auto tap = r * f.kernel_w + s;
            const auto at = static_cast<std::size_t>(krsc ? (k * f.kernel_h * f.kernel_w + tap) * f.in.c + i
                                                          : (tap * f.in.c + i) * f.out.c + k);
            const float v = weight[weight_index(k, i, r, s)];
            if (half) {
              const std::uint16_t h = f16_from_float(v);
              std::memcpy(&bytes[2 * at], &h, 2);
            } else {
              std::memcpy(&bytes[4 * at], &v, 4);
            }
          }
    return bytes;
  }
};

double stepped(double v, const ElementwiseStep& step, double scale, double shift, double other) {
  switch (step.kind) {
    case ElementwiseKind::relu: return std::max(v, 0.0);
    case ElementwiseKind::leaky_relu: return v > 0.0 ? v : double{step.alpha} * v;
    case ElementwiseKind::tanh: return std::tanh(v);
    case ElementwiseKind::sigmoid: return 1.0 / (1.0 + std::exp(-v));
    case ElementwiseKind::scalar_affine: return double{step.alpha} * v + double{step.beta};
    case ElementwiseKind::channel_affine: return scale * v + shift;
    case ElementwiseKind::add:
    case ElementwiseKind::add_channels: return v + other;
  }
  return 0.0;
}

// Nothing but the pixels' own channels was written: the rest holds what memory is born with.
bool gaps_untouched(const DeviceArrayTensor& t, std::int64_t offset) {
  const auto bytes = t.bytes();
  const auto element = element_bytes(t.ref().element);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const auto at = static_cast<std::int64_t>(i) / element - offset;
    const bool ours = at >= 0 && at % t.ref().pitch < t.ref().dims.c;
    if (!ours && bytes[i] != 0xCD) return false;
  }
  return true;
}

// What does not belong to the tensor must not even be multiplied by zero.
void fill_with_nan(const DeviceArrayTensor& t, std::int64_t offset) {
  const std::vector<std::uint8_t> nan(t.bytes().size(), 0xFF);
  device_copy(static_cast<std::uint8_t*>(t.ref().data) - offset * element_bytes(t.ref().element), nan.data(),
              nan.size());
}

}  // namespace

void check_convolution(const ConvolutionCase& c) {
  const ConvolutionShape& f = c.shape;
  const auto channels = f.out.c;
  Operation op{c, random_values(f.in.count(), 1),
               random_values(f.in.c * f.out.c * f.kernel_h * f.kernel_w, 2), random_values(channels, 3)};
  if (c.x_element == Element::f16)
    for (float& v : op.x) v = rounded(v, Operands::half);
  if (convolution_weight_element(f, c.math) == Element::f16)
    for (float& v : op.weight) v = rounded(v, Operands::half);
  std::vector<float> scale = random_values(channels, 4), shift = random_values(channels, 5),
                     other = random_values(f.out.count(), 6), addends = random_values(f.out.n * channels, 7);
  if (c.other_element == Element::f16) {
    for (float& v : other) v = rounded(v, Operands::half);
    for (float& v : addends) v = rounded(v, Operands::half);
  }

  std::vector<double> expected = op.sums();
  double largest = 0.0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const auto k = static_cast<std::size_t>(static_cast<std::int64_t>(i) / (f.out.h * f.out.w) % channels);
    largest = std::max(largest, std::fabs(expected[i]));
    for (const ElementwiseStep& step : c.steps) {
      const bool planes = step.kind == ElementwiseKind::add_channels;
      const float added = planes ? addends[i / static_cast<std::size_t>(f.out.h * f.out.w)] : other[i];
      expected[i] = stepped(expected[i], step, double{scale[k]}, double{shift[k]}, double{added});
    }
    largest = std::max(largest, std::fabs(expected[i]));
  }

  DeviceArrayTensor x(f.in, c.x_element, f.in.c + c.x_more, c.x_offset);
  fill_with_nan(x, c.x_offset);
  x.write(op.x);
  const DeviceArray<std::uint8_t> weight(op.packed());
  const DeviceArray<float> bias(op.bias), on_device_scale(scale), on_device_shift(shift);
  DeviceArrayTensor residual(f.out, c.other_element, channels + c.other_more);
  residual.write(other);
  DeviceArrayTensor of_planes({f.out.n, channels, 1, 1}, c.other_element, channels + c.other_more);
  of_planes.write(addends);
  std::vector<std::uint8_t> first;
  for_each_order([&] {
    const DeviceArrayTensor out(f.out, c.out_element, channels + c.out_more, c.out_offset);
    const DeviceArray<std::byte> scratch(convolution_scratch_bytes(f, c.math, c.multiprocessors));
    ConvolutionDeviceParams p;
    p.shape = f;
    p.math = c.math;
    p.x = x.ref();
    p.out = out.ref();
    p.weight = weight.data();
    p.bias = c.bias ? bias.data() : nullptr;
    p.in_scale = c.in_scale;
    p.in_shift = c.in_shift;
    p.scratch = scratch.data();
    p.multiprocessors = c.multiprocessors;
    for (const ElementwiseStep& step : c.steps) {
      const bool planes = step.kind == ElementwiseKind::add_channels;
      p.epilogue.steps[p.epilogue.count++] = {step.kind,
                                              step.alpha,
                                              step.beta,
                                              on_device_scale.data(),
                                              on_device_shift.data(),
                                              planes ? of_planes.ref() : residual.ref(),
                                              static_cast<int>(f.out.h * f.out.w)};
    }
    convolution_cuda(p, nullptr);

    const std::vector<float> got = out.read();
    double worst = 0.0;
    for (std::size_t i = 0; i < got.size(); ++i) {
      const double store =
          c.out_element == Element::f16 ? std::fabs(expected[i]) * 0x1.01p-11 + 0x1p-25 : 0.0;
      const double off = std::fabs(double{got[i]} - expected[i]) - store;
      worst = off > worst || std::isnan(off) ? off : worst;
    }
    CHECK(worst <= c.bound * largest);
    CHECK(gaps_untouched(out, c.out_offset));
    if (first.empty()) first = out.bytes();
    CHECK(first == out.bytes());
  });
}

}  // namespace cuhue::test
