#include <algorithm>
#include <charconv>
#include <cstring>
#include <utility>

#include "runtime/api/boundary.h"
#include "runtime/api/handles.h"

using namespace cuhue;
using namespace cuhue::api;

namespace cuhue::api {
namespace {

// The file's properties that are settings of its network, e.g. "mask_cent".
Settings settings_in(const WeightFile& file, const Network& network) {
  Settings settings;
  for (const Setting& s : network.settings) {
    const auto found = file.properties().find(std::string(s.name));
    if (found == file.properties().end()) continue;
    const std::string& text = found->second;
    double value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size() || !(value >= s.min && value <= s.max)) {
      throw Error(Status::weights, file.label() + ": its property " + std::string(s.name) + " is '" + text +
                                       "', which is no number that " + std::string(network.name) +
                                       " takes; convert the checkpoint again");
    }
    settings[std::string(s.name)] = value;
  }
  return settings;
}

std::shared_ptr<WeightData> from_file(WeightFile file) {
  auto data = std::make_shared<WeightData>();
  data->network = find_network(file.network());
  if (data->network == nullptr) {
    throw Error(Status::weights, file.label() + ": holds weights of network '" + file.network() +
                                     "', which this version does not know; use a newer cuhue");
  }
  data->properties = settings_in(file, *data->network);
  check_weights(schema(*data->network, data->properties), file);
  data->file.emplace(std::move(file));
  data->source = std::make_shared<WeightFileSource>(*data->file);
  const auto& metadata = data->file->metadata();
  data->metadata.assign(metadata.begin(), metadata.end());
  return data;
}

std::shared_ptr<WeightData> from_formula(const Network& network) {
  auto data = std::make_shared<WeightData>();
  data->network = &network;
  data->source = std::make_shared<FormulaSource>(network);
  data->metadata = {{"network", std::string(network.name)}, {"source_name", "formula"}};
  return data;
}

cuhue_dtype to_c(DType t) {
  return static_cast<cuhue_dtype>(t);
}
static_assert(static_cast<int>(DType::f32) == CUHUE_F32 && static_cast<int>(DType::i64) == CUHUE_I64 &&
              static_cast<int>(DType::boolean) == CUHUE_BOOL);

cuhue_tensor_info describe(const char* name, DType dtype, const std::vector<std::int64_t>& shape) {
  cuhue_tensor_info t{};
  t.name = name;
  t.dtype = to_c(dtype);
  t.rank = static_cast<int>(shape.size());
  t.bytes = static_cast<std::int64_t>(size_of(dtype));
  for (std::size_t i = 0; i < shape.size(); ++i) t.bytes *= t.shape[i] = shape[i];
  return t;
}

}  // namespace

// The device weights keep the source, which points into *this: they share its ownership.
std::shared_ptr<DeviceWeights> WeightData::on_device(const std::shared_ptr<Backend>& backend) {
  const std::lock_guard lock(mutex_);
  auto& slot = packed_[backend.get()];
  if (auto shared = slot.lock()) return shared;
  auto made = backend->make_weights({shared_from_this(), source.get()});
  slot = made;
  return made;
}

}  // namespace cuhue::api

extern "C" {

cuhue_status cuhue_weights_open(const char* path, cuhue_weights** weights, cuhue_error* error) {
  return guard(error, [&] {
    require(path != nullptr && weights != nullptr, "path or weights is NULL");
    *weights = new cuhue_weights{from_file(WeightFile::open(path))};
  });
}

cuhue_status cuhue_weights_open_memory(const void* data, size_t size, const char* label,
                                       cuhue_weights** weights, cuhue_error* error) {
  return guard(error, [&] {
    require(data != nullptr && weights != nullptr, "data or weights is NULL");
    const std::span bytes(static_cast<const std::byte*>(data), size);
    *weights = new cuhue_weights{
        from_file(WeightFile::from_memory(bytes, label == nullptr ? "weights in memory" : label))};
  });
}

cuhue_status cuhue_weights_formula(const char* network, cuhue_weights** weights, cuhue_error* error) {
  return guard(error, [&] {
    require(weights != nullptr, "weights is NULL");
    *weights = new cuhue_weights{from_formula(network_named(network))};
  });
}

void cuhue_weights_free(cuhue_weights* weights) {
  delete weights;
}

const char* cuhue_weights_network(const cuhue_weights* weights) {
  return weights == nullptr ? "" : weights->data->network->name.data();
}

size_t cuhue_weights_metadata_count(const cuhue_weights* weights) {
  return weights == nullptr ? 0 : weights->data->metadata.size();
}

cuhue_status cuhue_weights_metadata(const cuhue_weights* weights, size_t index, const char** key,
                                    const char** value, cuhue_error* error) {
  return guard(error, [&] {
    require(weights != nullptr && key != nullptr && value != nullptr, "weights, key or value is NULL");
    require(index < weights->data->metadata.size(), "there is no metadata entry of this index");
    *key = weights->data->metadata[index].first.c_str();
    *value = weights->data->metadata[index].second.c_str();
  });
}

size_t cuhue_weights_tensor_count(const cuhue_weights* weights) {
  if (weights == nullptr) return 0;
  const WeightData& d = *weights->data;
  return d.file ? d.file->tensors().size() : schema(*d.network).size();
}

cuhue_status cuhue_weights_tensor(const cuhue_weights* weights, size_t index, cuhue_tensor_info* info,
                                  cuhue_error* error) {
  return guard(error, [&] {
    require(weights != nullptr, "weights is NULL");
    require(index < cuhue_weights_tensor_count(weights), "there is no tensor of this index");
    const WeightData& d = *weights->data;
    if (d.file) {
      const TensorView& t = d.file->tensors()[index];
      write_struct(info, describe(t.name.data(), t.dtype, t.shape));
    } else {
      const Param& p = schema(*d.network)[index];
      write_struct(info,
                   describe(p.name.c_str(), p.role == ParamRole::ignored ? DType::i64 : DType::f32, p.shape));
    }
  });
}

}  // extern "C"
