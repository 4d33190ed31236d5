// Every CPU kernel at the sizes it has in the networks and in a 12-megapixel photo. The first argument is the
// number of threads. bytes_per_second counts what must be read and written once; macs counts
// multiply-accumulates.
#include <benchmark/benchmark.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <vector>

#include "kernels/annealed_mean/annealed_mean.h"
#include "kernels/argmax/argmax.h"
#include "kernels/core/parallel.h"
#include "kernels/detector_input/detector_input.h"
#include "kernels/elementwise/elementwise.h"
#include "kernels/fuse/fuse.h"
#include "kernels/heat/heat.h"
#include "kernels/instance_norm/instance_norm.h"
#include "kernels/interleave/interleave.h"
#include "kernels/labels/labels.h"
#include "kernels/merge/merge.h"
#include "kernels/prepare/prepare.h"
#include "kernels/reorder/reorder.h"
#include "kernels/softmax/softmax.h"
#include "kernels/upsample/upsample.h"

namespace cuhue {
namespace {

constexpr std::int64_t kPhotoWidth = 4000, kPhotoHeight = 3000;

std::uint64_t next_random(std::uint64_t& state) {
  state ^= state << 13;
  state ^= state >> 7;
  return state ^= state << 17;
}

std::vector<float> random_floats(std::int64_t count, float range) {
  std::vector<float> v(static_cast<std::size_t>(count));
  std::uint64_t state = 42;
  for (float& x : v) x = range * (static_cast<float>(next_random(state) >> 40) * 0x1p-23f - 1.0f);
  return v;
}

// A photo of soft shapes and noise: neither one colour nor only noise.
std::vector<std::uint8_t> random_photo(int channels, int bytes_per_sample) {
  std::vector<std::uint8_t> v(
      static_cast<std::size_t>(kPhotoWidth * kPhotoHeight * channels * bytes_per_sample));
  std::uint64_t state = 42;
  for (std::size_t i = 0; i < v.size(); ++i)
    v[i] = static_cast<std::uint8_t>(i / 9000 + (next_random(state) >> 59));
  return v;
}

PhotoRef photo_ref(const std::vector<std::uint8_t>& pixels, int channels, int bytes_per_sample) {
  const int green = channels >= 3 ? 1 : 0, blue = channels >= 3 ? 2 : 0;
  return {pixels.data(),
          kPhotoWidth,
          kPhotoHeight,
          static_cast<std::ptrdiff_t>(kPhotoWidth * channels * bytes_per_sample),
          channels,
          bytes_per_sample,
          0,
          green,
          blue,
          channels == 4 ? 3 : -1};
}

struct AlignedDelete {
  void operator()(std::byte* p) const { ::operator delete[](p, std::align_val_t{64}); }
};
using Scratch = std::unique_ptr<std::byte[], AlignedDelete>;
Scratch make_scratch(std::size_t bytes) {
  return Scratch(new (std::align_val_t{64}) std::byte[bytes]);
}

struct Tensor {
  Tensor(Dims dims, std::int64_t block, float range) : ref(dense_tensor(nullptr, dims, block)) {
    storage = random_floats(ref.image() * dims.n, range);
    ref.data = storage.data();
  }
  TensorRef ref;
  std::vector<float> storage;
};

void count_bytes(benchmark::State& state, std::int64_t bytes) {
  state.SetBytesProcessed(state.iterations() * bytes);
}

void prepare(benchmark::State& state) {  // threads, channels, bytes a sample
  const ThreadScope threads(static_cast<int>(state.range(0)));
  const int channels = static_cast<int>(state.range(1)), bytes = static_cast<int>(state.range(2));
  const auto pixels = random_photo(channels, bytes);
  std::vector<float> out(256 * 256);
  const Scratch scratch = make_scratch(prepare_scratch_bytes(kPhotoHeight, kPhotoWidth, 256, 256));
  while (state.KeepRunning())
    prepare_cpu({photo_ref(pixels, channels, bytes), 256, 256, Luminance::cie_l, out.data(), scratch.get()});
  count_bytes(state, static_cast<std::int64_t>(pixels.size()));
}

// Ten objects that cover a third of a photo of 1280 x 960, half of them twice.
void fuse(benchmark::State& state) {  // threads
  const ThreadScope threads(static_cast<int>(state.range(0)));
  constexpr std::int64_t kW = 1280, kH = 960;
  std::vector<FuseObject> objects;
  for (int i = 0; i < 10; ++i) {
    FuseObject o;
    o.x = o.mask_x = 100 * i;
    o.y = o.mask_y = 60 * i;
    o.w = o.mask_w = 256;
    o.h = o.mask_h = 240;
    o.map = i + 1;
    o.coverage = std::int64_t{256} * 240 * i;
    objects.push_back(o);
  }
  const auto maps = random_floats(11 * 2 * 256 * 256, 60.0f);
  const std::vector<std::uint8_t> coverage(std::size_t{256} * 240 * 10, 255);
  std::vector<float> out(static_cast<std::size_t>(2 * kW * kH));
  while (state.KeepRunning()) fuse_cpu({maps.data(), 256, 256, kH, kW, objects, coverage.data(), out.data()});
  count_bytes(state, static_cast<std::int64_t>(4 * (maps.size() + out.size()) + coverage.size()));
}

void merge_paled(benchmark::State& state) {  // threads; a map of the photo's size
  const ThreadScope threads(static_cast<int>(state.range(0)));
  const auto pixels = random_photo(3, 1);
  std::vector<std::uint8_t> result(pixels.size());
  const auto ab = random_floats(2 * kPhotoWidth * kPhotoHeight, 60.0f);
  MergeParams p;
  p.photo = photo_ref(pixels, 3, 1);
  p.out = {result.data(), kPhotoWidth, kPhotoHeight, static_cast<std::ptrdiff_t>(kPhotoWidth * 3), 3, 1};
  p.ab = ab.data();
  p.ab_h = kPhotoHeight;
  p.ab_w = kPhotoWidth;
  p.saturation = Saturation::by_luma;
  while (state.KeepRunning()) merge_cpu(p);
  count_bytes(state, static_cast<std::int64_t>(pixels.size() + result.size() + 4 * ab.size()));
}

void merge(benchmark::State& state, ColorSpace space) {  // threads, channels, bytes a sample
  const ThreadScope threads(static_cast<int>(state.range(0)));
  const int channels = static_cast<int>(state.range(1)), bytes = static_cast<int>(state.range(2));
  const auto pixels = random_photo(channels, bytes);
  std::vector<std::uint8_t> result(static_cast<std::size_t>(kPhotoWidth * kPhotoHeight * 3 * bytes));
  const auto ab = random_floats(2 * 256 * 256, space == ColorSpace::yuv ? 0.3f : 60.0f);
  MergeParams p;
  p.photo = photo_ref(pixels, channels, bytes);
  p.out = {result.data(), kPhotoWidth, kPhotoHeight, static_cast<std::ptrdiff_t>(kPhotoWidth * 3 * bytes), 3,
           bytes};
  p.ab = ab.data();
  p.ab_h = p.ab_w = 256;
  p.space = space;
  while (state.KeepRunning()) merge_cpu(p);
  count_bytes(state, static_cast<std::int64_t>(pixels.size() + result.size()));
}

void merge_rgb(benchmark::State& state) {  // threads
  const ThreadScope threads(static_cast<int>(state.range(0)));
  const auto pixels = random_photo(3, 1);
  std::vector<std::uint8_t> result(pixels.size());
  const auto rgb = random_floats(3 * 512 * 512, 1.0f);
  MergeParams p;
  p.photo = photo_ref(pixels, 3, 1);
  p.out = {result.data(), kPhotoWidth, kPhotoHeight, static_cast<std::ptrdiff_t>(kPhotoWidth * 3)};
  p.ab = rgb.data();
  p.ab_h = p.ab_w = 512;
  p.space = ColorSpace::rgb;
  while (state.KeepRunning()) merge_cpu(p);
  count_bytes(state, static_cast<std::int64_t>(pixels.size() + result.size()));
}

void heat(benchmark::State& state) {  // threads
  const ThreadScope threads(static_cast<int>(state.range(0)));
  const auto pixels = random_photo(3, 1);
  std::vector<std::uint8_t> result(pixels.size());
  const auto map = random_floats(512 * 512, 1.0f);
  HeatParams p;
  p.photo = photo_ref(pixels, 3, 1);
  p.out = {result.data(), kPhotoWidth, kPhotoHeight, static_cast<std::ptrdiff_t>(kPhotoWidth * 3)};
  p.map = map.data();
  p.map_h = p.map_w = p.map_pitch = 512;
  while (state.KeepRunning()) heat_cpu(p);
  count_bytes(state, static_cast<std::int64_t>(pixels.size() + result.size()));
}

// threads, whether the picture of lightness is made whole first: what a detector sees of a photo
void lightness_input(benchmark::State& state) {
  const ThreadScope threads(static_cast<int>(state.range(0)));
  const auto pixels = random_photo(3, 1);
  const PhotoRef photo = photo_ref(pixels, 3, 1);
  DetectorInputParams p;
  p.sample = PictureSample::f64;
  p.h = photo.height;
  p.w = photo.width;
  p.out_h = 800;
  p.out_w = p.padded_w = 800 * photo.width / photo.height;
  p.padded_h = 800;
  std::vector<float> out(static_cast<std::size_t>(3 * p.padded_h * p.padded_w));
  p.out = out.data();
  std::vector<double> picture;
  if (state.range(1) != 0) picture.resize(static_cast<std::size_t>(3 * p.h * p.w));
  p.picture = picture.data();
  while (state.KeepRunning()) {
    if (picture.empty()) {
      lightness_input_cpu(photo, p);
    } else {
      lightness_picture(photo, picture.data());
      detector_input_cpu(p);
    }
  }
  count_bytes(state, static_cast<std::int64_t>(pixels.size() + 4 * out.size()));
}

void interleave(benchmark::State& state) {  // threads; behind the largest layer of SCGAN at 256x256
  const ThreadScope threads(static_cast<int>(state.range(0)));
  const Tensor x({1, 4 * 128, 129, 129}, 8, 1.0f);
  Tensor out({1, 128, 256, 256}, 8, 0.0f);
  while (state.KeepRunning()) interleave_cpu({x.ref, out.ref});
  count_bytes(state, 4 * (x.ref.image() + out.ref.image()));
}

void annealed_mean(benchmark::State& state) {  // threads, block; the head of ECCV16 at 256x256
  const ThreadScope threads(static_cast<int>(state.range(0)));
  constexpr std::int64_t kBins = 313, kChannels = 256, kSide = 64;
  const Tensor x({1, kChannels, kSide, kSide}, state.range(1), 1.5f);
  Tensor out({1, 2, kSide, kSide}, 1, 0.0f);
  const auto weight = random_floats(kBins * kChannels, 0.17f), bias = random_floats(kBins, 0.1f),
             centres = random_floats(2 * kBins, 1.0f);
  std::vector<float> packed(static_cast<std::size_t>(annealed_mean_packed_floats(kBins, kChannels)));
  pack_annealed_mean_weight(weight.data(), kBins, kChannels, packed.data());
  const Scratch scratch = make_scratch(annealed_mean_scratch_bytes(kBins, kChannels, max_threads()));
  while (state.KeepRunning())
    annealed_mean_cpu(
        {x.ref, out.ref, packed.data(), bias.data(), centres.data(), kBins, 1.0f, scratch.get()});
  state.counters["macs"] =
      benchmark::Counter(static_cast<double>(state.iterations() * kBins * kChannels * kSide * kSide),
                         benchmark::Counter::kIsRate);
}

void softmax(benchmark::State& state) {  // threads, block
  const ThreadScope threads(static_cast<int>(state.range(0)));
  const Tensor x({1, 313, 64, 64}, state.range(1), 6.0f);
  Tensor out({1, 313, 64, 64}, state.range(1), 0.0f);
  while (state.KeepRunning()) softmax_cpu({x.ref, out.ref, 0.38f});
  count_bytes(state, 2 * 4 * x.ref.image());
}

void instance_norm(benchmark::State& state) {  // threads, block, side, channels; leaky ReLU behind it
  const ThreadScope threads(static_cast<int>(state.range(0)));
  const Dims dims{1, state.range(3), state.range(2), state.range(2)};
  const Tensor x(dims, state.range(1), 3.0f);
  Tensor out(dims, state.range(1), 0.0f);
  const auto gamma = random_floats(dims.c, 1.0f), beta = random_floats(dims.c, 1.0f);
  const std::vector<ElementwiseStep> steps = {{ElementwiseKind::leaky_relu, 0.1f, 0, nullptr, nullptr, {}}};
  const Scratch scratch = make_scratch(instance_norm_scratch_bytes(x.ref));
  while (state.KeepRunning())
    instance_norm_cpu({x.ref, out.ref, gamma.data(), beta.data(), 1e-5f, steps, scratch.get()});
  count_bytes(state, 2 * 4 * x.ref.image());
}

void argmax(benchmark::State& state) {  // threads, block; the labels of segnet
  const ThreadScope threads(static_cast<int>(state.range(0)));
  const Tensor x({1, 60, 352, 352}, state.range(1), 6.0f);
  Tensor out({1, 1, 352, 352}, 1, 0.0f);
  while (state.KeepRunning()) argmax_cpu({x.ref, out.ref});
  count_bytes(state, 4 * (x.ref.image() + out.ref.image()));
}

void elementwise(benchmark::State& state, const std::vector<ElementwiseKind>& chain) {  // threads, block
  const ThreadScope threads(static_cast<int>(state.range(0)));
  const Tensor x({1, 64, 256, 256}, state.range(1), 3.0f), other({1, 64, 256, 256}, state.range(1), 3.0f);
  Tensor out({1, 64, 256, 256}, state.range(1), 0.0f);
  const auto scale = random_floats(64, 1.0f), shift = random_floats(64, 1.0f);
  std::vector<ElementwiseStep> steps;
  std::int64_t tensors = 2;
  steps.reserve(chain.size());
  for (ElementwiseKind kind : chain) {
    steps.push_back({kind, 0.2f, 0.1f, scale.data(), shift.data(), other.ref});
    tensors += kind == ElementwiseKind::add ? 1 : 0;
  }
  while (state.KeepRunning()) elementwise_cpu({x.ref, out.ref, steps});
  count_bytes(state, tensors * 4 * x.ref.image());
}

void upsample_nearest(benchmark::State& state) {  // threads, block
  const ThreadScope threads(static_cast<int>(state.range(0)));
  const Tensor x({1, 64, 64, 64}, state.range(1), 1.0f);
  Tensor out({1, 64, 128, 128}, state.range(1), 0.0f);
  while (state.KeepRunning()) upsample_nearest_cpu({x.ref, out.ref, 2, 1.0f});
  count_bytes(state, 4 * (x.ref.image() + out.ref.image()));
}

void upsample_bilinear(benchmark::State& state) {  // threads, block, channels, factor
  const ThreadScope threads(static_cast<int>(state.range(0)));
  const int factor = static_cast<int>(state.range(3));
  const Tensor x({1, state.range(2), 64, 64}, state.range(1), 1.0f);
  Tensor out({1, state.range(2), 64 * factor, 64 * factor}, state.range(1), 0.0f);
  while (state.KeepRunning()) upsample_bilinear_cpu({x.ref, out.ref, factor, 110.0f});
  count_bytes(state, 4 * (x.ref.image() + out.ref.image()));
}

void reorder(benchmark::State& state) {  // threads, block of x, block of out
  const ThreadScope threads(static_cast<int>(state.range(0)));
  const Tensor x({1, 256, 64, 64}, state.range(1), 1.0f);
  Tensor out({1, 256, 64, 64}, state.range(2), 0.0f);
  while (state.KeepRunning()) reorder_cpu({x.ref, out.ref});
  count_bytes(state, 2 * 4 * x.ref.image());
}

// A label map in patches, with some noise.
std::vector<std::uint8_t> random_labels(std::int64_t width, std::int64_t height) {
  std::vector<std::uint8_t> v(static_cast<std::size_t>(width * height));
  std::uint64_t state = 42;
  for (std::int64_t i = 0; i < width * height; ++i)
    v[static_cast<std::size_t>(i)] = static_cast<std::uint8_t>(
        next_random(state) % 16 == 0 ? next_random(state) % 60 : (i % width / 90 + i / width / 70) % 60);
  return v;
}

void resize_labels(benchmark::State& state) {  // threads, up or down: 352x352 and a photo
  const ThreadScope threads(static_cast<int>(state.range(0)));
  const bool down = state.range(1) != 0;
  const std::int64_t in_w = down ? kPhotoWidth : 352, in_h = down ? kPhotoHeight : 352,
                     out_w = down ? 352 : kPhotoWidth, out_h = down ? 352 : kPhotoHeight;
  const std::vector<std::uint8_t> map = random_labels(in_w, in_h);
  std::vector<std::uint8_t> out(static_cast<std::size_t>(out_w * out_h));
  while (state.KeepRunning())
    resize_labels_cpu({{map.data(), in_w, in_h, in_w}, {out.data(), out_w, out_h, out_w}});
  count_bytes(state, in_w * in_h + out_w * out_h);
}

void view_labels(benchmark::State& state) {  // threads
  const ThreadScope threads(static_cast<int>(state.range(0)));
  const std::vector<std::uint8_t> map = random_labels(kPhotoWidth, kPhotoHeight);
  std::vector<std::uint8_t> out(map.size() * 3);
  ViewLabelsParams p;
  p.map = {map.data(), kPhotoWidth, kPhotoHeight, kPhotoWidth};
  p.out = out.data();
  p.out_stride = 3 * kPhotoWidth;
  for (std::size_t i = 0; i < 256; ++i)
    for (std::size_t c = 0; c < 3; ++c) p.palette.rgb[i][c] = static_cast<std::uint8_t>(i * (c + 3));
  while (state.KeepRunning()) view_labels_cpu(p);
  count_bytes(state, 4 * kPhotoWidth * kPhotoHeight);
}

using Kind = ElementwiseKind;
using Args = std::vector<std::vector<std::int64_t>>;
const Args kPhotos = {{1, 2}, {1, 3, 4}, {1, 2}};
const Args kBlocks = {{1, 2}, {1, 8}};

BENCHMARK(prepare)->ArgsProduct(kPhotos)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK_CAPTURE(merge, lab, ColorSpace::lab)
    ->ArgsProduct(kPhotos)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();
BENCHMARK_CAPTURE(merge, yuv, ColorSpace::yuv)
    ->ArgsProduct(kPhotos)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();
BENCHMARK(merge_rgb)->Arg(1)->Arg(2)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(heat)->Arg(1)->Arg(2)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(lightness_input)->ArgsProduct({{1, 2}, {0, 1}})->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(interleave)->Arg(1)->Arg(2)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(merge_paled)->ArgsProduct({{1, 2}})->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(fuse)->ArgsProduct({{1, 2}})->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(annealed_mean)->ArgsProduct(kBlocks)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(instance_norm)->ArgsProduct({{1, 2}, {1, 8}, {512}, {32}})->UseRealTime();
BENCHMARK(instance_norm)->ArgsProduct({{1, 2}, {1, 8}, {16}, {512}})->UseRealTime();
BENCHMARK(argmax)->ArgsProduct(kBlocks)->UseRealTime();
BENCHMARK(softmax)->ArgsProduct(kBlocks)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK_CAPTURE(elementwise, relu, std::vector<Kind>{Kind::relu})->ArgsProduct(kBlocks)->UseRealTime();
BENCHMARK_CAPTURE(elementwise, tanh, std::vector<Kind>{Kind::tanh})->ArgsProduct(kBlocks)->UseRealTime();
BENCHMARK_CAPTURE(elementwise, sigmoid, std::vector<Kind>{Kind::sigmoid})
    ->ArgsProduct(kBlocks)
    ->UseRealTime();
BENCHMARK_CAPTURE(elementwise, affine_add_relu,
                  std::vector<Kind>{Kind::channel_affine, Kind::add, Kind::relu})
    ->ArgsProduct(kBlocks)
    ->UseRealTime();
BENCHMARK(upsample_nearest)->ArgsProduct(kBlocks)->UseRealTime();
BENCHMARK(upsample_bilinear)->ArgsProduct({{1, 2}, {1}, {2}, {4}})->UseRealTime();
BENCHMARK(upsample_bilinear)->ArgsProduct({{1, 2}, {1, 8}, {64}, {2}})->UseRealTime();
BENCHMARK(resize_labels)->ArgsProduct({{1, 2}, {0, 1}})->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(view_labels)->ArgsProduct({{1, 2}})->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(reorder)->ArgsProduct({{1, 2}, {1, 8, 256}, {1, 8, 256}})->UseRealTime();

}  // namespace
}  // namespace cuhue
