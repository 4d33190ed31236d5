#include "weights/weight_file.h"

#include <algorithm>
#include <utility>

#include "weights/checksum.h"
#include "weights/format.h"
#include "weights/header_parser.h"
#include "weights/mapped_file.h"
#include "weights/status.h"
#include "weights/text.h"

namespace cuhue {
namespace {

constexpr std::size_t kVerifyChunk = 4 << 20;  // bytes hashed before their pages are given back

}  // namespace

struct WeightFile::Impl {
  std::string label;
  MappedFile mapping;                // empty for memory buffers
  std::span<const std::byte> bytes;  // the whole file
  ParsedHeader header;

  void parse(Verify verify) {
    header = parse_weight_file(bytes, label);
    if (verify == Verify::all)
      for (const TensorView& t : header.tensors) verify_data(t);
  }

  void verify_data(const TensorView& t) const {
    Xxh3 hash;
    for (std::size_t at = 0; at < t.data.size(); at += kVerifyChunk) {
      const auto chunk = t.data.subspan(at, std::min(kVerifyChunk, t.data.size() - at));
      hash.update(chunk);
      const auto bad = t.dtype == DType::boolean ? format::find_bad_boolean(chunk) : std::nullopt;
      if (bad) refuse(t, "element " + std::to_string(at + *bad) + " of type BOOL is neither 0 nor 1");
      mapping.release(chunk);
    }
    if (hash.digest() != t.xxh3)
      refuse(t, "checksum is " + hex16(hash.digest()) + ", the header says " + hex16(t.xxh3));
  }

  [[noreturn]] void refuse(const TensorView& t, const std::string& what) const {
    const auto begin = static_cast<std::size_t>(t.data.data() - bytes.data());
    throw Error(Status::weights, clean_text(label) + ": tensor '" + clean_text(t.name, 80) + "': " + what +
                                     " (bytes " + std::to_string(begin) + " to " +
                                     std::to_string(begin + t.data.size()) +
                                     "): the file is damaged; convert the checkpoint or fetch it again");
  }
};

WeightFile::WeightFile(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
WeightFile::WeightFile(WeightFile&&) noexcept = default;
WeightFile& WeightFile::operator=(WeightFile&&) noexcept = default;
WeightFile::~WeightFile() = default;

WeightFile WeightFile::open(const std::filesystem::path& path, Verify verify) {
  auto impl = std::make_unique<Impl>();
  impl->label = path.string();
  impl->mapping = MappedFile::open(path, "check the path, or get it with: cuhue models fetch NAME");
  impl->bytes = impl->mapping.bytes();
  impl->parse(verify);
  return WeightFile(std::move(impl));
}

WeightFile WeightFile::from_memory(std::span<const std::byte> bytes, std::string label, Verify verify) {
  if (reinterpret_cast<std::uintptr_t>(bytes.data()) % 8 != 0)
    throw Error(Status::usage,
                clean_text(label) + ": the buffer's address is not a multiple of 8: align it (alignas(8))");
  auto impl = std::make_unique<Impl>();
  impl->label = std::move(label);
  impl->bytes = bytes;
  impl->parse(verify);
  return WeightFile(std::move(impl));
}

const std::string& WeightFile::label() const {
  return impl_->label;
}
const std::string& WeightFile::network() const {
  return impl_->header.network;
}
int WeightFile::network_version() const {
  return impl_->header.network_version;
}
const std::map<std::string, std::string>& WeightFile::metadata() const {
  return impl_->header.metadata;
}
const std::map<std::string, std::string>& WeightFile::properties() const {
  return impl_->header.properties;
}
std::span<const TensorView> WeightFile::tensors() const {
  return impl_->header.tensors;
}
std::uint64_t WeightFile::file_bytes() const {
  return impl_->bytes.size();
}

const TensorView* WeightFile::find(std::string_view name) const {
  const std::vector<TensorView>& tensors = impl_->header.tensors;
  const std::vector<std::uint32_t>& index = impl_->header.by_name;
  const auto it = std::lower_bound(index.begin(), index.end(), name,
                                   [&](std::uint32_t i, std::string_view n) { return tensors[i].name < n; });
  return it != index.end() && tensors[*it].name == name ? &tensors[*it] : nullptr;
}

void WeightFile::release(const TensorView& tensor) const {
  impl_->mapping.release(tensor.data);
}

}  // namespace cuhue
