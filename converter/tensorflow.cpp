#include "converter/tensorflow.h"

#include <charconv>
#include <cstdio>

#include "converter/tensorflow_objects.h"
#include "converter/tensorflow_parts.h"
#include "weights/mapped_file.h"
#include "weights/status.h"
#include "weights/text.h"

namespace cuhue {

std::optional<DType> tensorflow_dtype(std::uint64_t number) {
  switch (number) {
    case 1: return DType::f32;
    case 2: return DType::f64;
    case 3: return DType::i32;
    case 4: return DType::u8;
    case 5: return DType::i16;
    case 6: return DType::i8;
    case 9: return DType::i64;
    case 10: return DType::boolean;
    case 14: return DType::bf16;
    case 19: return DType::f16;
    default: return std::nullopt;
  }
}

std::vector<std::int64_t> tensorflow_shape(const ByteSource& source, const ProtoField& field) {
  std::vector<std::int64_t> shape;
  ProtoReader reader(source, field);
  for (ProtoField f; reader.next(f);) {
    if (f.number == 3 && f.value != 0) source.fail(f.at, "a shape without a known rank; the file is damaged");
    if (f.number != 2) continue;
    if (shape.size() >= Checkpoint::kMaxRank)
      source.fail(f.at, "a shape has more than 8 dimensions; the file is damaged");
    std::uint64_t size = 0;
    ProtoReader dimension(source, f);
    for (ProtoField d; dimension.next(d, 1);) size = number_of(source, d, "a dimension");
    if (size > static_cast<std::uint64_t>(INT64_MAX))
      source.fail(f.at, "a shape has a negative dimension; the file is damaged");
    shape.push_back(static_cast<std::int64_t>(size));
  }
  return shape;
}

void read_tensorflow(Checkpoint& checkpoint, const OpenShard& open_shard) {
  const ByteSource file(checkpoint.file, checkpoint.label);
  MemoryBudget budget(file.size());
  std::unique_ptr<TableVisitor> visitor;
  read_sorted_table(file, budget, [&](const TableEntry& entry) {
    if (visitor != nullptr) return visitor->tensor(entry);
    if (!entry.key.empty())
      entry.block.fail(entry.at,
                       "a sorted table without the header of a TensorFlow checkpoint (its first key "
                       "is '" +
                           clean_text(entry.key, 100) + "'); give a checkpoint");
    // Field 1 of V2's header is a number, of V1's a message.
    ProtoField field;
    ProtoReader header(entry.block, entry.at, entry.size);
    const bool v1 = header.next(field) && field.number == 1 && field.wire == Wire::bytes;
    visitor = v1 ? tensorflow_v1(checkpoint, budget) : tensorflow_v2(checkpoint, open_shard);
    visitor->header(entry);
  });
  if (visitor == nullptr)
    throw Error(Status::weights,
                checkpoint.label + ": a TensorFlow checkpoint without any entry; get it again");
  visitor->finish();
  name_by_layers(checkpoint);
}

namespace {

constexpr std::string_view kIndex = ".index";

bool ends_as_shard(std::string_view name) {  // ".data-00000-of-00001"
  constexpr std::string_view kPattern = ".data-00000-of-00000";
  if (name.size() <= kPattern.size()) return false;
  name.remove_prefix(name.size() - kPattern.size());
  for (std::size_t i = 0; i < name.size(); ++i)
    if (kPattern[i] == '0' ? name[i] < '0' || name[i] > '9' : name[i] != kPattern[i]) return false;
  return true;
}

}  // namespace

std::filesystem::path tensorflow_index_of(const std::filesystem::path& path) {
  std::error_code ignored;
  std::string prefix = path.string();
  if (ends_as_shard(prefix)) {
    prefix.resize(prefix.size() - std::string_view(".data-00000-of-00000").size());
  } else if (std::filesystem::exists(path, ignored)) {
    return path;
  }
  prefix += kIndex;
  return std::filesystem::exists(prefix, ignored) ? std::filesystem::path(prefix) : path;
}

OpenShard shards_beside(Checkpoint& checkpoint, const std::filesystem::path& index) {
  std::string prefix = index.string();
  const bool named = prefix.ends_with(kIndex);
  if (named) prefix.resize(prefix.size() - kIndex.size());
  return [&checkpoint, prefix, named](std::uint64_t shard, std::uint64_t count) {
    if (!named)
      throw Error(Status::weights, checkpoint.label +
                                       " is the index of a TensorFlow V2 checkpoint, but is not called "
                                       "PREFIX.index; give it its name back, beside its data files");
    char suffix[48];
    std::snprintf(suffix, sizeof suffix, ".data-%05llu-of-%05llu", static_cast<unsigned long long>(shard),
                  static_cast<unsigned long long>(count));
    const auto file = std::make_shared<const MappedFile>(MappedFile::open(
        prefix + suffix, "a data file of a TensorFlow V2 checkpoint, which belongs beside its index"));
    checkpoint.keep_alive.push_back(file);
    return ByteSource(file->bytes(), in_quotes(prefix + suffix));
  };
}

OpenShard no_shards(const Checkpoint& checkpoint) {
  return [&checkpoint](std::uint64_t, std::uint64_t) -> ByteSource {
    throw Error(Status::weights, checkpoint.label +
                                     " is the index of a TensorFlow V2 checkpoint, which is nothing without "
                                     "its data files; give the path of PREFIX.index");
  };
}

}  // namespace cuhue
