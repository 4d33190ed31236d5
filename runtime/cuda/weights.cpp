#include "runtime/cuda/weights.h"

#include <algorithm>
#include <span>
#include <utility>

#include "weights/status.h"

namespace cuhue::cuda {
namespace {

constexpr std::int64_t kAlignment = 256;                            // of every tensor
constexpr std::int64_t kLeastBlockBytes = std::int64_t{256} << 10;  // where nothing was expected

std::int64_t aligned(std::int64_t bytes) {
  return (bytes + kAlignment - 1) / kAlignment * kAlignment;
}

const char* name_of(WeightOrder order) {
  switch (order) {
    case WeightOrder::krsc: return "krsc";
    case WeightOrder::crsk: return "crsk";
    case WeightOrder::rsck: return "rsck";
  }
  return "?";
}

}  // namespace

CudaWeights::CudaWeights(std::shared_ptr<Device> device, std::shared_ptr<const ParamSource> source)
    : device_(std::move(device)), source_(std::move(source)), uploader_(device_) {}

std::int64_t CudaWeights::bytes() const {
  const std::lock_guard lock(mutex_);
  std::int64_t bytes = 0;
  for (const Block& block : blocks_) bytes += block.memory.bytes();
  return bytes;
}

void CudaWeights::wait() {
  const std::lock_guard lock(mutex_);
  uploader_.finish();
}

void CudaWeights::expect(const std::map<std::string, std::int64_t>& tensors) {
  const std::lock_guard lock(mutex_);
  expected_ = 0;
  for (const auto& [key, bytes] : tensors) {
    if (!tensors_.contains(key)) expected_ += aligned(bytes);
  }
}

std::byte* CudaWeights::place(std::int64_t bytes, const std::string& what) {
  bytes = aligned(bytes);
  auto block =
      std::ranges::find_if(blocks_, [bytes](const Block& b) { return b.memory.bytes() - b.used >= bytes; });
  if (block == blocks_.end()) {
    const std::int64_t size = std::max({bytes, expected_, kLeastBlockBytes});
    blocks_.push_back({Memory(device_, size, "weight " + what), 0});
    block = std::prev(blocks_.end());
  }
  std::byte* at = block->memory.data() + block->used;
  block->used += bytes;
  expected_ = std::max<std::int64_t>(expected_ - bytes, 0);
  return at;
}

std::byte* CudaWeights::cached(const std::string& key, const std::string& layout, std::int64_t bytes,
                               const std::function<void(std::byte*)>& fill) {
  const std::lock_guard lock(mutex_);
  if (const auto found = tensors_.find(key); found != tensors_.end()) {
    if (found->second.layout == layout) return found->second.at;
    throw Error(Status::internal, "weight " + key + " is asked for as " + layout + " and as " +
                                      found->second.layout + "; this is a defect in cuhue, please report it");
  }
  std::byte* at = place(bytes, key);
  fill(at);
  tensors_.emplace(key, Tensor{at, layout});
  return at;
}

void CudaWeights::upload(std::byte* to, const std::vector<float>& values) {
  uploader_.upload(to, std::as_bytes(std::span(values)));
}

void CudaWeights::pack(const LayerParams& layer, WeightOrder order, Element element, std::byte* to) {
  const std::vector<std::int64_t> shape = weight_shape(layer);
  PackWeightDeviceParams p;
  p.transposed = layer.transposed;
  p.k = shape[layer.transposed ? 1 : 0];
  p.c = shape[layer.transposed ? 0 : 1];
  p.r = shape.size() > 2 ? static_cast<int>(shape[2]) : 1;
  p.s = shape.size() > 3 ? static_cast<int>(shape[3]) : 1;
  if (layer.enlarged) p.r = p.s = 4;
  p.order = order;
  p.element = element;
  p.packed = to;

  std::vector<float> scratch;
  const std::span<const float> values = fetch_weight(*source_, layer, scratch);
  std::vector<float> enlarged;
  if (layer.enlarged) enlarged = enlarged_kernel(values);
  const auto weight = std::as_bytes(layer.enlarged ? std::span<const float>(enlarged) : values);
  const std::int64_t weight_bytes = aligned(static_cast<std::int64_t>(weight.size()));
  std::byte* staging = uploader_.staging(weight_bytes + p.k * element_bytes(Element::f32));
  p.weight = reinterpret_cast<const float*>(staging);
  uploader_.upload(staging, weight);
  if (const std::vector<double> scale = weight_scale(*source_, layer, values); !scale.empty()) {
    p.scale = reinterpret_cast<const float*>(staging + weight_bytes);
    upload(staging + weight_bytes, {scale.begin(), scale.end()});
  }
  device_->launch([&] { pack_weight_cuda(p, uploader_.stream()); });
  source_->release(*layer.weight);
}

const void* CudaWeights::packed(const LayerParams& layer, WeightOrder order, Element element) {
  const std::string layout = std::string(name_of(order)) + (element == Element::f16 ? " f16" : " f32");
  return cached(weight_key(layer), layout, packed_count(layer) * element_bytes(element),
                [&](std::byte* to) { pack(layer, order, element, to); });
}

const float* CudaWeights::bias(const LayerParams& layer) {
  if (layer.bias == nullptr && !layer.has_norm()) return nullptr;
  const std::int64_t channels = padded_channels(channels_of(layer));
  return reinterpret_cast<const float*>(
      cached(bias_key(layer), "f32", channels * element_bytes(Element::f32), [&](std::byte* to) {
        std::vector<float> values(static_cast<std::size_t>(channels), 0.0f);
        fold_bias(*source_, layer, values.data());
        upload(to, values);
      }));
}

ChannelAffine CudaWeights::affine(const LayerParams& layer) {
  const std::int64_t channels = padded_channels(norm_channels(layer));
  const auto* both = reinterpret_cast<const float*>(
      cached(affine_key(layer), "f32", 2 * channels * element_bytes(Element::f32), [&](std::byte* to) {
        const FoldedNorm n = fold_norm(*source_, layer);
        std::vector<float> values(static_cast<std::size_t>(2 * channels), 0.0f);
        const auto narrowed = [](double v) { return static_cast<float>(v); };
        std::ranges::transform(n.scale, values.begin(), narrowed);
        std::ranges::transform(n.shift, values.begin() + channels, narrowed);
        upload(to, values);
        release_norm(*source_, layer);
      }));
  return {both, both + channels};
}

const float* CudaWeights::plain(const LayerParams& layer) {
  return reinterpret_cast<const float*>(cached(
      weight_key(layer), "plain", weight_count(layer) * element_bytes(Element::f32), [&](std::byte* to) {
        std::vector<float> scratch;
        uploader_.upload(to, std::as_bytes(fetch_weight(*source_, layer, scratch)));
        source_->release(*layer.weight);
      }));
}

}  // namespace cuhue::cuda
