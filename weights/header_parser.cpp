#include "weights/header_parser.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <limits>
#include <numeric>
#include <optional>

#include "weights/checksum.h"
#include "weights/file_kind.h"
#include "weights/format.h"
#include "weights/status.h"
#include "weights/text.h"

namespace cuhue {
namespace {

using namespace format;

constexpr std::string_view kDamaged =
    "the file is damaged or incomplete; convert the checkpoint or fetch it again";
constexpr std::string_view kForeign =
    "written by a program that leaves the format (weights/FORMAT.md); convert the checkpoint with: cuhue "
    "convert";

[[noreturn]] void fail(const std::string& label, std::string_view what, std::string_view remedy) {
  throw Error(Status::weights, clean_text(label) + ": " + std::string(what) + ": " + std::string(remedy));
}

std::string quote(std::string_view text) {
  return std::string("'").append(clean_text(text, 80)).append("'");
}

// Walks over the header; every step states what must stand there.
class Cursor {
 public:
  Cursor(std::string_view file, std::size_t at, const std::string& label)
      : file_(file), at_(at), label_(label) {}

  std::size_t at() const { return at_; }

  [[noreturn]] void refuse(const std::string& what, std::size_t where) const {
    fail(label_, what + " (byte " + std::to_string(where) + ")", kForeign);
  }

  bool next_is(std::string_view text) const { return file_.substr(at_).starts_with(text); }

  bool skip(std::string_view text) {
    if (!next_is(text)) return false;
    at_ += text.size();
    return true;
  }

  void expect(std::string_view text, const std::string& where) {
    if (skip(text)) return;
    refuse("header: " + where + ": expected " + std::string(text) + " but found " +
               quote(file_.substr(at_, std::max<std::size_t>(text.size(), 8))),
           at_);
  }

  // Up to the closing quote, without it; the raw text may hold escapes.
  std::string_view raw_string(std::size_t limit, const std::string& where) {
    const std::size_t start = at_;
    while (at_ < file_.size() && file_[at_] != '"') at_ += file_[at_] == '\\' ? 2 : 1;
    if (at_ >= file_.size()) refuse("header: " + where + " has no closing quote", start);
    const std::string_view raw = file_.substr(start, at_ - start);
    if (raw.size() > limit)
      refuse("header: " + where + " is longer than " + std::to_string(limit) + " bytes", start);
    ++at_;
    return raw;
  }

  // A string without escapes.
  std::string_view plain_string(std::size_t limit, const std::string& where) {
    const std::size_t start = at_;
    const std::string_view raw = raw_string(limit, where);
    if (raw.find('\\') != std::string_view::npos) refuse("header: " + where + " holds an escape", start);
    return raw;
  }

  // A metadata value: \" and \\ are the only escapes.
  std::string text(const std::string& where) {
    const std::size_t start = at_;
    const std::string_view raw = raw_string(2 * kMaxTextBytes, where);
    std::string value;
    value.reserve(raw.size());
    for (std::size_t i = 0; i < raw.size(); ++i) {
      if (raw[i] == '\\' && raw[++i] != '"' && raw[i] != '\\')
        refuse("header: " + where + " holds an escape other than \\\" and \\\\", start + i - 1);
      value += raw[i];
    }
    if (const auto problem = problem_of_text(value)) refuse("header: " + where + " " + *problem, start);
    return value;
  }

  // 0, or digits without leading zeros, below 2^63.
  std::int64_t integer(const std::string& where) {
    const std::size_t start = at_;
    while (at_ < file_.size() && file_[at_] >= '0' && file_[at_] <= '9') ++at_;
    const std::string_view digits = file_.substr(start, at_ - start);
    if (digits.empty()) refuse("header: " + where + " is not a non-negative integer", start);
    if (digits.size() > 1 && digits.front() == '0') refuse("header: " + where + " has leading zeros", start);
    std::int64_t value = 0;
    if (std::from_chars(digits.data(), digits.data() + digits.size(), value).ec != std::errc())
      refuse("header: " + where + " is larger than 2^63-1", start);
    return value;
  }

 private:
  std::string_view file_;  // the file up to the end of its header
  std::size_t at_;
  const std::string& label_;
};

class HeaderParser {
 public:
  HeaderParser(std::span<const std::byte> file, const std::string& label) : file_(file), label_(label) {}

  ParsedHeader parse() {
    find_header();
    check_header_hash();
    Cursor c(header_, kHeaderHashAt + kHashDigits, label_);
    c.expect("\"", "metadata");
    parse_metadata(c);
    Cursor checksums = c;
    skip_checksums(c);
    out_.tensors.reserve(tensor_count_);
    while (out_.tensors.size() < tensor_count_) parse_tensor(c, checksums);
    c.expect("}", "after the last tensor");
    check_padding(c);
    check_end();
    index_names();
    return std::move(out_);
  }

 private:
  // [2] The length field, its bounds, and the start that tells a cuhue file from other safetensors files.
  void find_header() {
    const std::string_view text(reinterpret_cast<const char*>(file_.data()), file_.size());
    const std::string_view after_length = text.substr(std::min(kLengthBytes, text.size()));
    if (!after_length.starts_with(kMagic)) refuse_foreign();
    std::uint64_t length = 0;
    std::memcpy(&length, file_.data(), kLengthBytes);
    if (length > kMaxDataStart - kLengthBytes)
      fail(label_, "header length " + std::to_string(length) + " (byte 0) is larger than the format's 16 MiB",
           kDamaged);
    if ((length + kLengthBytes) % kAlignment != 0)
      fail(label_, "header length " + std::to_string(length) + " (byte 0) does not end at a multiple of 64",
           kDamaged);
    if (length > file_.size() - kLengthBytes)
      fail(label_,
           "header of " + std::to_string(length) + " bytes ends beyond the file's " +
               std::to_string(file_.size()) + " bytes",
           kDamaged);
    header_ = text.substr(0, kLengthBytes + length);
    if (!header_.substr(kLengthBytes).starts_with(kStart)) refuse_version();
    if (header_.size() < kHeaderHashAt + kHashDigits)
      fail(label_, "header ends inside its own checksum (byte " + std::to_string(header_.size()) + ")",
           kDamaged);
  }

  [[noreturn]] void refuse_foreign() {
    if (file_.empty()) fail(label_, "the file is empty", "convert the checkpoint or fetch it again");
    const std::string_view start(reinterpret_cast<const char*>(file_.data()),
                                 std::min<std::size_t>(file_.size(), 128));
    const std::string_view json = start.substr(std::min(kLengthBytes, start.size()));
    if ((!json.empty() && kMagic.starts_with(json)) || json.find("cuhue_format") != std::string_view::npos ||
        json.find("header_xxh3") != std::string_view::npos)
      fail(label_, "header (byte 8) does not start as a weight file's does", kDamaged);
    if (const auto kind = known_file_kind(file_.first(std::min<std::size_t>(file_.size(), 32))))
      fail(label_, "not a cuhue weight file but " + std::string(kind->what), kind->remedy);
    fail(label_, "not a cuhue weight file (its first bytes are not a weight file's header)",
         "convert a checkpoint with: cuhue convert FILE -o OUT");
  }

  [[noreturn]] void refuse_version() {
    const std::string_view rest = header_.substr(kLengthBytes + kMagic.size());
    const std::string_view version = rest.substr(0, std::min<std::size_t>(rest.find('"'), 16));
    if (version == kVersion)
      fail(label_,
           "header: header_xxh3 does not follow cuhue_format (byte " +
               std::to_string(kLengthBytes + kMagic.size() + kVersion.size()) + ")",
           kForeign);
    fail(label_,
         "cuhue_format is " + quote(version) + ", this build reads " + std::string(kVersion) + " (byte " +
             std::to_string(kLengthBytes + kMagic.size()) + ")",
         "convert the checkpoint with this version of cuhue, or update cuhue");
  }

  void check_header_hash() {
    const std::string_view digits = header_.substr(kHeaderHashAt, kHashDigits);
    const auto stored = parse_hex16(digits);
    const std::string where = " (byte " + std::to_string(kHeaderHashAt) + ")";
    if (!stored)
      fail(label_, "header_xxh3 " + quote(digits) + where + " is not 16 lower-case hex digits", kDamaged);
    const std::uint64_t computed = header_checksum(file_.first(header_.size()));
    if (*stored != computed)
      fail(label_,
           "header checksum is " + hex16(computed) + ", header_xxh3" + where + " says " + hex16(*stored),
           kDamaged);
  }

  // [4] The fixed keys in their order, then the properties in theirs.
  void parse_metadata(Cursor& c) {
    const auto fixed = [&](const char* key, std::optional<std::string> (*problem_of)(std::string_view)) {
      const std::string name = std::string("metadata ") + key;
      c.expect(",\"" + std::string(key) + "\":\"", name);
      const std::size_t at = c.at();
      std::string value = c.text(name);
      if (const auto problem = problem_of(value)) c.refuse("header: " + name + " " + *problem, at);
      out_.metadata.emplace(key, value);
      return value;
    };
    out_.metadata.emplace("cuhue_format", kVersion);
    out_.network = fixed("network", problem_of_network);
    const std::string version =
        fixed("network_version", [](std::string_view text) -> std::optional<std::string> {
          const auto digit = [](char ch) { return ch >= '0' && ch <= '9'; };
          int value = 0;
          if (text.empty() || text.front() == '0' || !std::all_of(text.begin(), text.end(), digit) ||
              std::from_chars(text.data(), text.data() + text.size(), value).ec != std::errc())
            return "is not an integer from 1 to 2147483647";
          return std::nullopt;
        });
    std::from_chars(version.data(), version.data() + version.size(), out_.network_version);
    fixed("source_sha256", problem_of_source_sha256);
    fixed("source_name", problem_of_text);
    fixed("licence", problem_of_text);
    fixed("converter", problem_of_text);
    while (c.next_is(",\"property.")) parse_property(c);
  }

  void parse_property(Cursor& c) {
    c.skip(",\"");
    const std::size_t at = c.at();
    const std::string key(c.plain_string(kPropertyPrefix.size() + kMaxPropertyNameBytes, "a metadata key"));
    const std::string name = key.substr(kPropertyPrefix.size());
    const std::string where = "metadata " + quote(key);
    if (const auto problem = problem_of_property_name(name))
      c.refuse("header: " + where + " " + *problem, at);
    if (!out_.properties.empty() && name <= out_.properties.rbegin()->first)
      c.refuse("header: " + where +
                   (name == out_.properties.rbegin()->first ? " stands twice" : " is out of order"),
               at);
    if (out_.properties.size() == kMaxProperties)
      c.refuse("header: more than " + std::to_string(kMaxProperties) + " properties", at);
    c.expect(":\"", where);
    std::string value = c.text(where);
    out_.metadata.emplace(key, value);
    out_.properties.emplace(name, std::move(value));
  }

  // [4] Counts the tensors' checksums; their names are compared when the tensors follow.
  void skip_checksums(Cursor& c) {
    while (c.next_is(",\"xxh3.")) {
      if (tensor_count_ == kMaxTensors)
        c.refuse("header: more than " + std::to_string(kMaxTensors) + " tensors", c.at());
      c.skip(",\"");
      const std::size_t at = c.at();
      const std::string_view key = c.plain_string(kChecksumPrefix.size() + kMaxNameBytes, "a checksum's key");
      c.expect(":\"", "the checksum of a tensor");
      if (!parse_hex16(c.plain_string(kHashDigits, "the checksum of a tensor")))
        c.refuse("header: metadata " + quote(key) + " is not 16 lower-case hex digits", at);
      ++tensor_count_;
    }
    c.expect("}", "after the checksums, at the end of the metadata");
    if (tensor_count_ == 0) c.refuse("the file holds no tensor", c.at());
  }

  // [5] One entry, and in step with it its checksum.
  void parse_tensor(Cursor& c, Cursor& checksums) {
    TensorView t;
    c.expect(",\"", "tensor " + std::to_string(out_.tensors.size()) + " of " + std::to_string(tensor_count_));
    const std::size_t at = c.at();
    t.name = c.plain_string(kMaxNameBytes, "a tensor's name");
    const std::string name = "tensor " + quote(t.name);
    if (const auto problem = problem_of_tensor_name(t.name))
      c.refuse("header: " + name + ": its name " + *problem, at);
    t.xxh3 = matching_checksum(checksums, t.name, name);

    c.expect(":{\"dtype\":\"", name);
    const std::size_t dtype_at = c.at();
    const std::string_view dtype = c.plain_string(16, name + ": dtype");
    const auto known = dtype_of(dtype);
    if (!known) c.refuse(name + ": dtype " + quote(dtype) + " is not one of the format's", dtype_at);
    t.dtype = *known;
    if (!out_.tensors.empty() && size_of(t.dtype) > size_of(out_.tensors.back().dtype))
      c.refuse(name + ": elements of " + std::to_string(size_of(t.dtype)) + " bytes follow smaller ones",
               dtype_at);

    c.expect(",\"shape\":[", name);
    parse_shape(c, t, name);
    c.expect(",\"data_offsets\":[", name);
    parse_offsets(c, t, name);
    c.expect("]}", name);
    out_.tensors.push_back(std::move(t));
  }

  static std::uint64_t matching_checksum(Cursor& checksums, std::string_view tensor,
                                         const std::string& name) {
    const std::size_t at = checksums.at() + 2;
    checksums.skip(",\"xxh3.");
    const std::string_view of = checksums.plain_string(kMaxNameBytes, "a checksum's key");
    if (of != tensor) checksums.refuse(name + ": the checksum in its place is that of " + quote(of), at);
    checksums.skip(":\"");
    return parse_hex16(checksums.plain_string(kHashDigits, "the checksum of a tensor")).value_or(0);
  }

  static void parse_shape(Cursor& c, TensorView& t, const std::string& name) {
    std::array<std::int64_t, kMaxRank> dims{};
    std::size_t rank = 0;
    while (!c.next_is("]")) {
      if (rank == kMaxRank)
        c.refuse(name + ": more than " + std::to_string(kMaxRank) + " dimensions", c.at());
      if (rank > 0) c.expect(",", name + ": shape");
      const std::size_t at = c.at();
      dims[rank] = c.integer(name + ": dimension " + std::to_string(rank));
      if (dims[rank] == 0) c.refuse(name + ": dimension " + std::to_string(rank) + " is 0", at);
      ++rank;
    }
    c.skip("]");
    t.shape.assign(dims.begin(), dims.begin() + static_cast<std::ptrdiff_t>(rank));
  }

  void parse_offsets(Cursor& c, TensorView& t, const std::string& name) {
    const std::size_t at = c.at();
    const auto bytes = tensor_bytes(t.dtype, t.shape);
    if (!bytes) c.refuse(name + ": its shape holds more bytes than can be counted", at);
    const auto begin = static_cast<std::uint64_t>(c.integer(name + ": data_offsets begin"));
    c.expect(",", name + ": data_offsets");
    const auto end = static_cast<std::uint64_t>(c.integer(name + ": data_offsets end"));
    if (begin != data_end_)
      c.refuse(name + ": its data begins at " + std::to_string(begin) + ", not at " +
                   std::to_string(data_end_) + " where the one before it ends",
               at);
    if (end < begin || end - begin != *bytes)
      c.refuse(name + ": data_offsets " + std::to_string(begin) + ".." + std::to_string(end) +
                   " do not hold the " + std::to_string(*bytes) + " bytes of its dtype and shape",
               at);
    const std::uint64_t available = file_.size() - header_.size();
    if (end > available)
      fail(label_,
           name + ": its data ends at byte " + std::to_string(header_.size() + end) + ", the file at byte " +
               std::to_string(file_.size()),
           kDamaged);
    t.data = file_.subspan(header_.size() + begin, *bytes);
    data_end_ = end;
  }

  // [2] Spaces up to the data section, fewer than 64 of them.
  void check_padding(const Cursor& c) const {
    const std::string_view padding = header_.substr(c.at());
    const std::size_t other = padding.find_first_not_of(' ');
    if (other != std::string_view::npos)
      c.refuse("header: something follows its closing brace, only spaces may", c.at() + other);
    if (padding.size() >= kAlignment)
      c.refuse("header: " + std::to_string(padding.size()) + " spaces of padding, fewer than 64 would do",
               c.at());
  }

  void check_end() const {
    const std::uint64_t end = header_.size() + data_end_;
    if (end != file_.size())
      fail(label_,
           std::to_string(file_.size() - end) + " bytes follow the last tensor " +
               quote(out_.tensors.back().name) + ", which ends at byte " + std::to_string(end),
           kDamaged);
  }

  void index_names() {
    const std::vector<TensorView>& tensors = out_.tensors;
    out_.by_name.resize(tensors.size());
    std::iota(out_.by_name.begin(), out_.by_name.end(), 0U);
    std::sort(out_.by_name.begin(), out_.by_name.end(),
              [&](std::uint32_t a, std::uint32_t b) { return tensors[a].name < tensors[b].name; });
    const auto twice = std::adjacent_find(
        out_.by_name.begin(), out_.by_name.end(),
        [&](std::uint32_t a, std::uint32_t b) { return tensors[a].name == tensors[b].name; });
    if (twice != out_.by_name.end())
      fail(label_, "tensor " + quote(tensors[*twice].name) + " stands twice", kForeign);
  }

  std::span<const std::byte> file_;
  const std::string& label_;
  std::string_view header_;  // length field and header
  std::size_t tensor_count_ = 0;
  std::uint64_t data_end_ = 0;  // of the tensors so far, from the data section's start
  ParsedHeader out_;
};

}  // namespace

ParsedHeader parse_weight_file(std::span<const std::byte> file, const std::string& label) {
  return HeaderParser(file, label).parse();
}

}  // namespace cuhue
