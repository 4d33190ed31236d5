#include "converter/convert.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstring>
#include <deque>
#include <limits>
#include <span>
#include <system_error>

#include "converter/adopt.h"
#include "converter/recognise.h"
#include "converter/sha256.h"
#include "converter/state_dict.h"
#include "weights/catalog.h"
#include "weights/half.h"
#include "weights/status.h"
#include "weights/text.h"

namespace cuhue {
namespace {

template <class T>
T load(const std::byte* at) {
  T value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

// Value i of a float tensor, in double so that what float32 cannot hold is seen.
double value_at(const CheckpointTensor& t, std::size_t i) {
  const std::byte* at = t.data.data() + i * size_of(t.dtype);
  switch (t.dtype) {
    case DType::f16: return float_from_f16(load<std::uint16_t>(at));
    case DType::bf16: return float_from_bf16(load<std::uint16_t>(at));
    case DType::f64: return load<double>(at);
    default: return load<float>(at);
  }
}

[[noreturn]] void refuse_value(const Checkpoint& checkpoint, const CheckpointTensor& t, std::size_t i) {
  const double value = value_at(t, i);
  const std::string is = std::isnan(value) ? "NaN" : std::isinf(value) ? "infinite" : "too large for float32";
  throw Error(Status::weights, checkpoint.label + ": tensor '" + t.name + "' element " + std::to_string(i) +
                                   " is " + is +
                                   "; the training diverged or the file is damaged, give another checkpoint");
}

void check_finite(const Checkpoint& checkpoint, const CheckpointTensor& t) {
  const std::size_t count = t.data.size() / sizeof(float);
  for (std::size_t i = 0; i < count; ++i)
    if (!std::isfinite(load<float>(t.data.data() + i * sizeof(float)))) refuse_value(checkpoint, t, i);
}

std::vector<float> widen(const Checkpoint& checkpoint, const CheckpointTensor& t) {
  std::vector<float> out(t.data.size() / size_of(t.dtype));
  for (std::size_t i = 0; i < out.size(); ++i) {
    const double value = value_at(t, i);
    // Checked before the cast: a double beyond float32's range has no defined float.
    if (!(std::abs(value) <= static_cast<double>(std::numeric_limits<float>::max())))
      refuse_value(checkpoint, t, i);
    out[i] = static_cast<float>(value);
  }
  return out;
}

std::string licence_of(const std::string& sha256, std::uint64_t bytes) {
  for (const CatalogEntry& e : catalog())
    if (matches(e, bytes, sha256)) return std::string(e.licence);
  return {};
}

// A SHA-256 as the report has it.
std::string digits_of(const std::string& sha256) {
  std::string digits = sha256;
  const auto lower = [](char c) { return c >= 'A' && c <= 'F' ? static_cast<char>(c - 'A' + 'a') : c; };
  std::ranges::transform(digits, digits.begin(), lower);
  const auto is_digit = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
  if (digits.empty() || (digits.size() == 64 && std::ranges::all_of(digits, is_digit))) return digits;
  throw Error(Status::usage, in_quotes(clean_text(sha256, 80)) +
                                 " is no SHA-256: that is 64 hexadecimal digits, as sha256sum prints them");
}

// The shortest text that is read back as the same number.
std::string number_text(double value) {
  std::array<char, 32> text{};
  return {text.data(), std::to_chars(text.data(), text.data() + text.size(), value).ptr};
}

}  // namespace

ConvertReport convert_checkpoint(const std::filesystem::path& in, const std::filesystem::path& out,
                                 const ConvertOptions& options) {
  std::error_code ignored;
  if (options.overwrite == Overwrite::no && std::filesystem::equivalent(in, out, ignored))
    throw Error(Status::usage,
                "output " + in_quotes(out.string()) + " is the checkpoint itself; give another name");
  const std::string wanted = digits_of(options.sha256);
  Checkpoint checkpoint = read_checkpoint(in);
  ConvertReport report;
  std::vector<std::span<const std::byte>> files = {checkpoint.file};
  files.insert(files.end(), checkpoint.more_files.begin(), checkpoint.more_files.end());
  for (const std::span<const std::byte> file : files) report.source_bytes += file.size();
  report.sha256 = sha256_hex(files);
  if (!wanted.empty() && report.sha256 != wanted)
    throw Error(Status::weights, checkpoint.label + " has the SHA-256 " + report.sha256 + ", not " + wanted +
                                     ": it is damaged or another file; get it again");
  adopt_names(checkpoint, options.network);
  const SchemaMatch match = recognise(checkpoint, options.network, options.allow_extra);

  check_settings(*match.network, options.settings);

  report.network = match.network->name;
  report.network_version = match.network->version;
  report.format = checkpoint.format;
  for (Checkpoint::Skipped& s : checkpoint.skipped)
    report.skipped.push_back({std::move(s.name), std::move(s.why)});
  report.left_out = match.extras;
  report.unwrapped = checkpoint.unwrapped;
  report.properties = options.extra;
  for (const Settings& settings : {options.settings, match.form}) {
    for (const auto& [name, value] : settings) report.properties[name] = number_text(value);
  }

  std::vector<TensorToWrite> tensors;
  std::deque<std::vector<float>> widened;
  for (const auto& [param, tensor] : match.pairs) {
    TensorToWrite& t = tensors.emplace_back();
    t.name = param->name;
    t.shape = param->shape;
    t.dtype = tensor->dtype;
    t.data = tensor->data;
    if (tensor->dtype == DType::f32) {
      check_finite(checkpoint, *tensor);
    } else if (param->role != ParamRole::ignored) {
      t.dtype = DType::f32;
      t.data = std::as_bytes(std::span<const float>(widened.emplace_back(widen(checkpoint, *tensor))));
    }
    report.values += static_cast<std::int64_t>(t.data.size() / size_of(t.dtype));
  }
  report.tensors = static_cast<std::int64_t>(tensors.size());
  report.widened = static_cast<std::int64_t>(widened.size());
  report.licence = licence_of(report.sha256, report.source_bytes);

  WeightFileInfo info;
  info.network = report.network;
  info.network_version = report.network_version;
  info.source_sha256 = report.sha256;
  info.source_name = in.filename().string();
  info.licence = report.licence;
  info.converter_version = "cuhue " CUHUE_VERSION_TEXT;
  info.extra = report.properties;
  write_weight_file(out, info, tensors, options.overwrite);
  return report;
}

}  // namespace cuhue
