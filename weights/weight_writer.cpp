#include "weights/weight_writer.h"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <optional>
#include <set>
#include <string_view>

#include "weights/checksum.h"
#include "weights/format.h"
#include "weights/status.h"
#include "weights/text.h"

namespace cuhue {
namespace {

using namespace format;

[[noreturn]] void refuse(const std::string& what) {
  throw Error(Status::usage, "weight file to write: " + what);
}

void check_info(const WeightFileInfo& info) {
  const auto check = [](const std::string& what, const std::optional<std::string>& problem) {
    if (problem) refuse(what + " " + *problem);
  };
  check("network '" + clean_text(info.network, 80) + "'", problem_of_network(info.network));
  if (info.network_version < 1) refuse("network_version is less than 1");
  check("source_sha256", problem_of_source_sha256(info.source_sha256));
  check("licence", problem_of_text(info.licence));
  check("converter_version", problem_of_text(info.converter_version));
  if (info.extra.size() > kMaxProperties)
    refuse("more than " + std::to_string(kMaxProperties) + " properties");
  for (const auto& [name, value] : info.extra) {
    check("property '" + clean_text(name, 80) + "'", problem_of_property_name(name));
    check("value of property '" + name + "'", problem_of_text(value));
  }
}

void check_tensors(std::span<const TensorToWrite> tensors) {
  if (tensors.empty()) refuse("no tensor");
  if (tensors.size() > kMaxTensors) refuse("more than " + std::to_string(kMaxTensors) + " tensors");
  std::set<std::string_view> names;
  for (const TensorToWrite& t : tensors) {
    const std::string name = "tensor '" + clean_text(t.name, 80) + "'";
    if (const auto problem = problem_of_tensor_name(t.name)) refuse(name + ": its name " + *problem);
    if (!names.insert(t.name).second) refuse(name + " stands twice");
    const auto bytes = tensor_bytes(t.dtype, t.shape);
    if (!bytes)
      refuse(name + ": its shape has more than 8 dimensions, one below 1, or a product that overflows");
    if (*bytes != t.data.size())
      refuse(name + ": " + std::to_string(t.data.size()) + " bytes of data, its dtype and shape need " +
             std::to_string(*bytes));
    if (t.dtype == DType::boolean && find_bad_boolean(t.data))
      refuse(name + ": a BOOL that is neither 0 nor 1");
  }
}

// [5] Larger elements first, otherwise as given.
std::vector<const TensorToWrite*> file_order(std::span<const TensorToWrite> tensors) {
  std::vector<const TensorToWrite*> order(tensors.size());
  std::transform(tensors.begin(), tensors.end(), order.begin(), [](const TensorToWrite& t) { return &t; });
  std::stable_sort(order.begin(), order.end(), [](const TensorToWrite* a, const TensorToWrite* b) {
    return size_of(a->dtype) > size_of(b->dtype);
  });
  return order;
}

void append_member(std::string& json, std::string_view key, std::string_view value) {
  json.append(",\"").append(key).append("\":\"");
  for (const char c : value) {
    if (c == '"' || c == '\\') json += '\\';
    json += c;
  }
  json += '"';
}

void append_metadata(std::string& json, const WeightFileInfo& info,
                     std::span<const TensorToWrite* const> order) {
  json.append(kStart).append(kHashDigits, '0').append("\"");
  append_member(json, "network", info.network);
  append_member(json, "network_version", std::to_string(info.network_version));
  append_member(json, "source_sha256", info.source_sha256);
  append_member(json, "source_name", clean_text(info.source_name, kMaxTextBytes - 3));
  append_member(json, "licence", info.licence);
  append_member(json, "converter", info.converter_version);
  for (const auto& [name, value] : info.extra)
    append_member(json, std::string(kPropertyPrefix) + name, value);
  for (const TensorToWrite* t : order)
    append_member(json, std::string(kChecksumPrefix) + t->name, hex16(xxh3_64(t->data)));
  json += '}';
}

void append_tensors(std::string& json, std::span<const TensorToWrite* const> order) {
  std::uint64_t offset = 0;
  for (const TensorToWrite* t : order) {
    json.append(",\"")
        .append(t->name)
        .append("\":{\"dtype\":\"")
        .append(name_of(t->dtype))
        .append("\",\"shape\":[");
    for (std::size_t i = 0; i < t->shape.size(); ++i)
      json.append(i == 0 ? "" : ",").append(std::to_string(t->shape[i]));
    json.append("],\"data_offsets\":[").append(std::to_string(offset)).append(",");
    offset += t->data.size();
    json.append(std::to_string(offset)).append("]}");
  }
  json += '}';
}

// The length field and the header, padded and with its checksum.
std::string header_bytes(const WeightFileInfo& info, std::span<const TensorToWrite* const> order) {
  std::string bytes(kLengthBytes, '\0');
  append_metadata(bytes, info, order);
  append_tensors(bytes, order);
  bytes.append((kAlignment - bytes.size() % kAlignment) % kAlignment, ' ');
  if (bytes.size() > kMaxDataStart)
    refuse("its header of " + std::to_string(bytes.size()) +
           " bytes is larger than the format's 16 MiB: fewer or shorter names");
  const std::uint64_t length = bytes.size() - kLengthBytes;
  std::memcpy(bytes.data(), &length, kLengthBytes);
  bytes.replace(kHeaderHashAt, kHashDigits, hex16(header_checksum(std::as_bytes(std::span(bytes)))));
  return bytes;
}

}  // namespace

std::vector<std::byte> weight_file_bytes(const WeightFileInfo& info, std::span<const TensorToWrite> tensors) {
  check_info(info);
  check_tensors(tensors);
  const auto order = file_order(tensors);
  const std::string header = header_bytes(info, order);
  const auto header_view = std::as_bytes(std::span(header));
  std::vector<std::byte> bytes;
  bytes.reserve(
      std::accumulate(order.begin(), order.end(), header.size(),
                      [](std::size_t sum, const TensorToWrite* t) { return sum + t->data.size(); }));
  bytes.assign(header_view.begin(), header_view.end());
  for (const TensorToWrite* t : order) bytes.insert(bytes.end(), t->data.begin(), t->data.end());
  return bytes;
}

void write_weight_file(const std::filesystem::path& path, const WeightFileInfo& info,
                       std::span<const TensorToWrite> tensors, Overwrite overwrite) {
  check_info(info);
  check_tensors(tensors);
  AtomicFile file(path, overwrite);
  const auto order = file_order(tensors);
  const std::string header = header_bytes(info, order);
  file.write(std::as_bytes(std::span(header)));
  for (const TensorToWrite* t : order) file.write(t->data);
  file.publish();
}

}  // namespace cuhue
