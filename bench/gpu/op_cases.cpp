// The ops of networks at the sizes they have there.
#include "bench/gpu/gpu_bench.h"
#include "kernels/annealed_mean/annealed_mean.h"
#include "kernels/argmax/argmax.h"
#include "kernels/elementwise/elementwise.h"
#include "kernels/instance_norm/instance_norm.h"
#include "kernels/labels/labels.h"
#include "kernels/pack/pack.h"
#include "kernels/pad/pad.h"
#include "kernels/pool/pool.h"
#include "kernels/softmax/softmax.h"
#include "kernels/upsample/upsample.h"

namespace cuhue::bench {
namespace {

double bytes_of(Dims dims, Element element) {
  return static_cast<double>(dims.count() * element_bytes(element));
}

std::string with_element(const char* name, Element element) {
  return std::string(name) + (element == Element::f16 ? " f16" : " f32");
}

Case elementwise_case(Element element, bool residual) {
  constexpr Dims kDims{1, 64, 256, 256};
  Case c;
  c.name = with_element(residual ? "elementwise/affine+add+relu" : "elementwise/affine", element);
  c.bytes = (residual ? 3 : 2) * bytes_of(kDims, element);
  c.make = [=](Set& set) {
    ElementwiseDeviceParams p;
    p.x = set.tensor(kDims, element);
    p.out = set.tensor(kDims, element);
    p.epilogue.steps[p.epilogue.count++] = {
        ElementwiseKind::channel_affine, 0, 0, set.floats(64), set.floats(64), {}};
    if (residual) {
      p.epilogue.steps[p.epilogue.count++] = {ElementwiseKind::add,      0, 0, nullptr, nullptr,
                                              set.tensor(kDims, element)};
      p.epilogue.steps[p.epilogue.count++] = {};
    }
    return [p](Stream stream) { elementwise_cuda(p, stream); };
  };
  return c;
}

Case upsample_case(Element element, bool bilinear) {
  constexpr Dims kIn{1, 64, 64, 64}, kOut{1, 64, 128, 128};
  Case c;
  c.name = with_element(bilinear ? "upsample/bilinear" : "upsample/nearest", element);
  c.bytes = bytes_of(kIn, element) + bytes_of(kOut, element);
  c.make = [=](Set& set) {
    const UpsampleDeviceParams p{set.tensor(kIn, element), set.tensor(kOut, element), 2, 1.0f};
    return [=](Stream stream) {
      bilinear ? upsample_bilinear_cuda(p, stream) : upsample_nearest_cuda(p, stream);
    };
  };
  return c;
}

Case pool_case(Element element) {
  constexpr Dims kIn{1, 64, 128, 128}, kOut{1, 64, 64, 64};
  Case c;
  c.name = with_element("pool/max 3x3 stride 2", element);
  c.bytes = bytes_of(kIn, element) + bytes_of(kOut, element);
  c.make = [=](Set& set) {
    const PoolDeviceParams p{
        set.tensor(kIn, element), set.tensor(kOut, element), {PoolingKind::max, 3, 2, 1, 1}};
    return [p](Stream stream) { pool_cuda(p, stream); };
  };
  return c;
}

Case annealed_mean_case(std::int64_t batch) {
  const Dims logits{batch, 313, 64, 64}, out{batch, 2, 64, 64};
  Case c;
  c.name = "annealed_mean/batch " + std::to_string(batch);
  c.bytes = bytes_of(logits, Element::f32) + bytes_of(out, Element::f32);
  c.make = [=](Set& set) {
    const AnnealedMeanDeviceParams p{set.tensor(logits, Element::f32, 4.0f), set.tensor(out, Element::f32),
                                     set.floats(2 * 313), 1.0f};
    return [p](Stream stream) { annealed_mean_cuda(p, stream); };
  };
  return c;
}

Case softmax_case() {
  constexpr Dims kDims{1, 313, 64, 64};
  Case c;
  c.name = "softmax";
  c.bytes = 2 * bytes_of(kDims, Element::f32);
  c.make = [=](Set& set) {
    const SoftmaxDeviceParams p{set.tensor(kDims, Element::f32, 4.0f), set.tensor(kDims, Element::f32), 1.0f};
    return [p](Stream stream) { softmax_cuda(p, stream); };
  };
  return c;
}

Case argmax_case() {
  constexpr Dims kScores{1, 60, 352, 352}, kLabels{1, 1, 352, 352};
  Case c;
  c.name = "argmax";
  c.bytes = bytes_of(kScores, Element::f32) + bytes_of(kLabels, Element::f32);
  c.make = [=](Set& set) {
    const ArgmaxDeviceParams p{set.tensor(kScores, Element::f32, 4.0f), set.tensor(kLabels, Element::f32)};
    return [p](Stream stream) { argmax_cuda(p, stream); };
  };
  return c;
}

// The masks GAN's first norm, the largest, and one of its smallest; behind it the leaky ReLU.
Case instance_norm_case(Element element, Dims dims) {
  Case c;
  c.name = with_element(dims.h > 16 ? "instance_norm/leaky_relu, large" : "instance_norm/leaky_relu, small",
                        element);
  c.bytes = 2 * bytes_of(dims, element);
  c.make = [=](Set& set) {
    InstanceNormDeviceParams p;
    p.x = set.tensor(dims, element);
    p.out = set.tensor(dims, element);
    p.gamma = set.floats(dims.c);
    p.beta = set.floats(dims.c);
    DeviceEpilogueStep& step = p.epilogue.steps[p.epilogue.count++];
    step.kind = ElementwiseKind::leaky_relu;
    step.alpha = 0.1f;
    p.scratch = set.bytes(static_cast<std::int64_t>(instance_norm_device_scratch_bytes(p)));
    return [p](Stream stream) { instance_norm_cuda(p, stream); };
  };
  return c;
}

// Of a label map: from the network to a photo of 12 megapixels and back.
Case resize_labels_case(bool down) {
  constexpr std::int64_t kSide = 352, kWidth = 4000, kHeight = 3000;
  Case c;
  c.name = down ? "labels/resize 12 MP to 352x352" : "labels/resize 352x352 to 12 MP";
  c.bytes = static_cast<double>(kSide * kSide + kWidth * kHeight);
  c.make = [=](Set& set) {
    const std::int64_t in_w = down ? kWidth : kSide, in_h = down ? kHeight : kSide,
                       out_w = down ? kSide : kWidth, out_h = down ? kSide : kHeight;
    ResizeLabelsParams p;
    p.map = {set.random_bytes(in_w * in_h), in_w, in_h, in_w};
    p.out = {set.random_bytes(out_w * out_h), out_w, out_h, out_w};
    return [p](Stream stream) { resize_labels_cuda(p, stream); };
  };
  return c;
}

Case view_labels_case() {
  constexpr std::int64_t kWidth = 4000, kHeight = 3000;
  Case c;
  c.name = "labels/view 12 MP";
  c.bytes = 4.0 * kWidth * kHeight;
  c.make = [=](Set& set) {
    ViewLabelsParams p;
    p.map = {set.random_bytes(kWidth * kHeight), kWidth, kHeight, kWidth};
    p.out = set.random_bytes(3 * kWidth * kHeight);
    p.out_stride = 3 * kWidth;
    p.palette = {};
    return [p](Stream stream) { view_labels_cuda(p, stream); };
  };
  return c;
}

Case pack_case(bool unpack) {
  constexpr Dims kDims{1, 64, 256, 256};
  Case c;
  c.name = unpack ? "unpack" : "pack";
  c.bytes = 2 * bytes_of(kDims, Element::f32);
  c.make = [=](Set& set) -> Work {
    const DeviceTensor tensor = set.tensor(kDims, Element::f32);
    float* planes = set.floats(kDims.count());
    if (unpack) return [=](Stream stream) { unpack_cuda({tensor, planes}, stream); };
    return [=](Stream stream) { pack_cuda({planes, tensor}, stream); };
  };
  return c;
}

Case pack_weight_case(Element element) {
  constexpr std::int64_t kChannels = 512, kCount = kChannels * kChannels * 9;
  Case c;
  c.name = with_element("pack_weight", element);
  c.bytes = static_cast<double>(kCount * (4 + element_bytes(element)));
  c.make = [=](Set& set) {
    PackWeightDeviceParams p;
    p.weight = set.floats(kCount);
    p.k = p.c = kChannels;
    p.r = p.s = 3;
    p.scale = set.floats(kChannels);
    p.element = element;
    p.packed = set.bytes(kCount * element_bytes(element));
    return [p](Stream stream) { pack_weight_cuda(p, stream); };
  };
  return c;
}

Case pad_case(Element element) {
  constexpr Dims kIn{1, 64, 128, 128}, kOut{1, 64, 130, 130};
  Case c;
  c.name = with_element("pad/reflect", element);
  c.bytes = bytes_of(kIn, element) + bytes_of(kOut, element);
  c.make = [=](Set& set) {
    const PadDeviceParams p{set.tensor(kIn, element), set.tensor(kOut, element), 1, 1, BorderKind::reflect};
    return [p](Stream stream) { pad_cuda(p, stream); };
  };
  return c;
}

}  // namespace

std::vector<Case> op_cases() {
  std::vector<Case> cases;
  for (const Element element : {Element::f32, Element::f16}) {
    cases.push_back(elementwise_case(element, false));
    cases.push_back(elementwise_case(element, true));
    cases.push_back(upsample_case(element, false));
    cases.push_back(upsample_case(element, true));
    cases.push_back(pool_case(element));
    cases.push_back(pad_case(element));
    cases.push_back(instance_norm_case(element, {1, 32, 512, 512}));
    cases.push_back(instance_norm_case(element, {1, 512, 16, 16}));
    cases.push_back(pack_weight_case(element));
  }
  cases.push_back(annealed_mean_case(1));
  cases.push_back(annealed_mean_case(32));
  cases.push_back(softmax_case());
  cases.push_back(argmax_case());
  cases.push_back(resize_labels_case(false));
  cases.push_back(resize_labels_case(true));
  cases.push_back(view_labels_case());
  cases.push_back(pack_case(false));
  cases.push_back(pack_case(true));
  return cases;
}

}  // namespace cuhue::bench
