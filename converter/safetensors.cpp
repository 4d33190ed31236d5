#include "converter/safetensors.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "converter/strided.h"
#include "weights/format.h"
#include "weights/status.h"
#include "weights/text.h"

namespace cuhue {
namespace {

using Json = nlohmann::json;

std::uint64_t header_length(std::span<const std::byte> bytes) {
  std::uint64_t length = 0;
  for (std::size_t i = 8; i-- > 0;) length = length << 8 | std::to_integer<std::uint64_t>(bytes[i]);
  return length;
}

// Takes the JSON header event by event. Depth: 1 = names, 2 = the fields of a tensor, 3 = its arrays.
class HeaderEvents final : public nlohmann::json_sax<Json> {
 public:
  explicit HeaderEvents(Checkpoint& checkpoint) : checkpoint_(checkpoint) {}

  bool start_object(std::size_t) override {
    if (++depth_ > 2) fail("has objects where none belong");
    if (depth_ == 2 && !in_metadata_) begin_tensor();
    return true;
  }
  bool end_object() override {
    if (depth_ == 2 && !in_metadata_) end_tensor();
    if (depth_ == 2) in_metadata_ = false;
    --depth_;
    return true;
  }
  bool key(string_t& text) override {
    if (depth_ == 1) {
      name_ = text;
      in_metadata_ = text == "__metadata__";
    } else {
      field_ = text;
    }
    return true;
  }
  bool start_array(std::size_t) override {
    if (depth_ != 2 || in_metadata_ || in_array_) fail("has an array where none belongs");
    in_array_ = true;
    return true;
  }
  bool end_array() override {
    in_array_ = false;
    return true;
  }
  bool number_integer(number_integer_t) override { fail("has a negative number"); }
  bool number_unsigned(number_unsigned_t value) override {
    if (!in_array_ || value > static_cast<number_unsigned_t>(INT64_MAX)) fail("has an impossible number");
    if (field_ == "shape") {
      if (shape_.size() >= Checkpoint::kMaxRank) fail("has more than 8 dimensions");
      shape_.push_back(static_cast<std::int64_t>(value));
    } else if (field_ == "data_offsets" && offset_count_ < 2) {
      offsets_[offset_count_++] = value;
    } else {
      fail("has an unexpected number");
    }
    return true;
  }
  bool string(string_t& text) override {
    if (depth_ == 2 && in_metadata_) return true;
    if (depth_ != 2 || in_array_ || field_ != "dtype") fail("has an unexpected text");
    dtype_ = format::dtype_of(text);
    if (!dtype_) fail("has type '" + clean_text(text, 40) + "', which is not read");
    return true;
  }
  bool null() override { fail("has a null"); }
  bool boolean(bool) override { fail("has a boolean"); }
  bool number_float(number_float_t, const string_t&) override { fail("has a fraction"); }
  bool binary(binary_t&) override { fail("has binary data"); }
  bool parse_error(std::size_t position, const std::string&, const nlohmann::detail::exception&) override {
    throw Error(Status::weights,
                checkpoint_.label + ", byte " + std::to_string(position + 8) +
                    ": the safetensors header is not valid JSON; the file is damaged, get it again");
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw Error(Status::weights, checkpoint_.label + ": the safetensors header " + what + " at '" +
                                     clean_text(name_, 255) + "'; the file is damaged, get it again");
  }
  void begin_tensor() {
    shape_.clear();
    offset_count_ = 0;
    dtype_.reset();
    if (checkpoint_.tensors.size() >= Checkpoint::kMaxTensors) fail("declares too many tensors");
    if (name_.size() > 255) fail("has a name longer than 255 bytes");
  }
  void end_tensor() {
    const std::span<const std::byte> data =
        checkpoint_.file.subspan(8 + static_cast<std::size_t>(header_length(checkpoint_.file)));
    if (!dtype_ || offset_count_ != 2) fail("is incomplete");
    const std::optional<std::uint64_t> count = count_elements(shape_, size_of(*dtype_));
    if (offsets_[0] > offsets_[1] || offsets_[1] > data.size()) fail("has offsets outside of the file");
    if (!count || *count * size_of(*dtype_) != offsets_[1] - offsets_[0])
      fail("has a shape that contradicts the offsets");
    checkpoint_.tensors.push_back({name_, *dtype_, shape_,
                                   data.subspan(static_cast<std::size_t>(offsets_[0]),
                                                static_cast<std::size_t>(offsets_[1] - offsets_[0]))});
  }

  Checkpoint& checkpoint_;
  std::string name_, field_;
  bool in_metadata_ = false, in_array_ = false;
  int depth_ = 0;
  std::optional<DType> dtype_;
  std::vector<std::int64_t> shape_;
  std::uint64_t offsets_[2] = {};
  std::size_t offset_count_ = 0;
};

// The format allows neither holes nor overlaps, and nothing after the last tensor.
void check_coverage(const Checkpoint& checkpoint, const std::byte* begin) {
  std::vector<const CheckpointTensor*> order;
  for (const CheckpointTensor& t : checkpoint.tensors)
    if (!t.data.empty()) order.push_back(&t);
  std::sort(order.begin(), order.end(),
            [](const auto* a, const auto* b) { return a->data.data() < b->data.data(); });
  const std::byte* at = begin;
  for (const CheckpointTensor* t : order) {
    if (t->data.data() != at)
      throw Error(Status::weights,
                  checkpoint.label + ": tensor '" + clean_text(t->name, 255) +
                      "' overlaps another or leaves a hole before it; the file is damaged, get it again");
    at += t->data.size();
  }
  if (at != checkpoint.file.data() + checkpoint.file.size())
    throw Error(Status::weights,
                checkpoint.label + ": data after the last tensor; the file is damaged, get it again");
}

}  // namespace

bool looks_like_safetensors(std::span<const std::byte> bytes) {
  return bytes.size() >= 10 && std::to_integer<char>(bytes[8]) == '{' &&
         header_length(bytes) < (std::uint64_t{1} << 48);
}

void read_safetensors(Checkpoint& checkpoint) {
  constexpr std::uint64_t kMaxHeader = 8 << 20;
  checkpoint.format = "safetensors";
  const std::uint64_t length = header_length(checkpoint.file);
  if (length > checkpoint.file.size() - 8 || length > kMaxHeader)
    throw Error(Status::weights, checkpoint.label + ": a safetensors header of " + std::to_string(length) +
                                     " bytes in a file of " + std::to_string(checkpoint.file.size()) +
                                     " (8 MiB at most); the file is damaged, get it again");
  const auto* const begin = reinterpret_cast<const char*>(checkpoint.file.data()) + 8;
  if (std::string_view(begin, static_cast<std::size_t>(length)).starts_with(format::kMagic))
    throw Error(Status::weights,
                checkpoint.label + " is a cuhue weight file already; it needs no conversion");
  HeaderEvents events(checkpoint);
  Json::sax_parse(begin, begin + length, &events);
  check_coverage(checkpoint, checkpoint.file.data() + 8 + length);
}

}  // namespace cuhue
