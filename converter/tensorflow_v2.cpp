// TensorFlow V2: the table holds a BundleEntryProto a tensor, the data files hold raw values.
#include <algorithm>
#include <string>

#include "converter/crc32c.h"
#include "converter/strided.h"
#include "converter/tensorflow_parts.h"
#include "weights/status.h"
#include "weights/text.h"

namespace cuhue {
namespace {

constexpr std::uint64_t kMaxShards = 4096, kMaxName = 255;

struct BundleEntry {
  std::uint64_t dtype = 0, shard = 0, offset = 0, size = 0;
  std::vector<std::int64_t> shape;
  std::uint32_t crc = 0;
};

class Bundle final : public TableVisitor {
 public:
  Bundle(Checkpoint& checkpoint, const OpenShard& open_shard)
      : checkpoint_(checkpoint), open_shard_(open_shard) {
    checkpoint.format = "TensorFlow V2";
  }

  void header(const TableEntry& entry) override;
  void tensor(const TableEntry& entry) override;
  void finish() override;

 private:
  // A tensor's bytes in its data file.
  struct Extent {
    std::uint64_t shard = 0, begin = 0, end = 0;
    std::size_t tensor = 0;
  };
  BundleEntry read_entry(const TableEntry& entry) const;

  Checkpoint& checkpoint_;
  const OpenShard& open_shard_;
  std::vector<ByteSource> shards_;
  std::vector<Extent> extents_;
  std::vector<std::uint32_t> crcs_;  // of the tensors, in their order
};

std::string named(std::string_view tensor) {
  return "tensor " + in_quotes(tensor, 255) + " ";
}

void Bundle::header(const TableEntry& entry) {
  const ByteSource& source = entry.block;
  std::uint64_t shards = 0, oldest_reader = 0;
  ProtoReader reader(source, entry.at, entry.size);
  for (ProtoField f; reader.next(f);) {
    if (f.number == 1) shards = number_of(source, f, "the number of data files");
    if (f.number == 2 && number_of(source, f, "the byte order") != 0)
      source.fail(f.at, "a big-endian checkpoint is not read; save it again on a little-endian machine");
    if (f.number != 3) continue;
    ProtoReader version(source, f);
    for (ProtoField v; version.next(v, 2);) oldest_reader = number_of(source, v, "the oldest reader");
  }
  if (oldest_reader > 1)
    source.fail(entry.at, "a checkpoint of a later version (" + std::to_string(oldest_reader) +
                              ") of TensorFlow's format; save it again with an older TensorFlow");
  if (shards == 0 || shards > kMaxShards)
    source.fail(entry.at, "a checkpoint of " + std::to_string(shards) +
                              " data files (1 to 4096 are read); the file is damaged");
  for (std::uint64_t i = 0; i < shards; ++i) {
    shards_.push_back(open_shard_(i, shards));
    checkpoint_.more_files.push_back(shards_.back().bytes());
  }
}

BundleEntry Bundle::read_entry(const TableEntry& entry) const {
  const ByteSource& source = entry.block;
  BundleEntry e;
  ProtoReader reader(source, entry.at, entry.size);
  for (ProtoField f; reader.next(f);) switch (f.number) {
      case 1: e.dtype = number_of(source, f, "an element type"); break;
      case 2: e.shape = tensorflow_shape(source, f); break;
      case 3: e.shard = number_of(source, f, "a data file's number"); break;
      case 4: e.offset = number_of(source, f, "an offset"); break;
      case 5: e.size = number_of(source, f, "a size"); break;
      case 6: e.crc = fixed32_of(source, f, "a checksum"); break;
      case 7:
        source.fail(f.at, named(entry.key) +
                              "is stored in slices (a partitioned variable), which are not read; save the "
                              "model again without a partitioner");
      default: break;
    }
  return e;
}

void Bundle::tensor(const TableEntry& entry) {
  const ByteSource& source = entry.block;
  if (checkpoint_.tensors.size() + checkpoint_.skipped.size() + checkpoint_.others.size() >=
      Checkpoint::kMaxTensors)
    source.fail(entry.at, "more than 20000 tensors; the file is damaged");
  if (entry.key.size() > kMaxName)
    source.fail(entry.at, named(entry.key) + "has a name of more than 255 bytes; the file is damaged");
  const BundleEntry e = read_entry(entry);
  if (e.dtype == kTensorFlowString) {
    checkpoint_.skipped.push_back({clean_text(entry.key, 255), "text"});
    return;
  }
  const std::optional<DType> dtype = tensorflow_dtype(e.dtype);
  if (!dtype) {
    checkpoint_.others.push_back(clean_text(entry.key, 255));
    return;
  }
  const std::optional<std::uint64_t> count = count_elements(e.shape, size_of(*dtype));
  if (!count || *count * size_of(*dtype) != e.size)
    source.fail(entry.at, named(entry.key) + "of " + std::string(name_of(*dtype)) + " " +
                              shape_text(e.shape) + " is said to have " + std::to_string(e.size) +
                              " bytes; the file is damaged");
  if (e.shard >= shards_.size())
    source.fail(entry.at, named(entry.key) + "lies in data file " + std::to_string(e.shard) + " of " +
                              std::to_string(shards_.size()) + "; the file is damaged");
  const ByteSource& shard = shards_[static_cast<std::size_t>(e.shard)];
  if (!shard.has(e.offset, e.size))
    shard.fail(e.offset, named(entry.key) + "of " + std::to_string(e.size) +
                             " bytes reaches beyond the end at " + std::to_string(shard.size()) +
                             "; the data file is cut short or of another checkpoint, get it again");
  if (e.size > 0) extents_.push_back({e.shard, e.offset, e.offset + e.size, checkpoint_.tensors.size()});
  const auto data =
      shard.bytes().subspan(static_cast<std::size_t>(e.offset), static_cast<std::size_t>(e.size));
  checkpoint_.tensors.push_back({std::string(entry.key), *dtype, e.shape, data});
  crcs_.push_back(e.crc);
}

void Bundle::finish() {
  // No byte belongs to two tensors, so checksums cost no more than one pass over the files.
  std::sort(extents_.begin(), extents_.end(), [](const Extent& a, const Extent& b) {
    return a.shard != b.shard ? a.shard < b.shard : a.begin < b.begin;
  });
  for (std::size_t i = 0; i < extents_.size(); ++i) {
    const Extent& extent = extents_[i];
    const ByteSource& shard = shards_[static_cast<std::size_t>(extent.shard)];
    const CheckpointTensor& t = checkpoint_.tensors[extent.tensor];
    if (i > 0 && extents_[i - 1].shard == extent.shard && extents_[i - 1].end > extent.begin)
      shard.fail(extent.begin, named(t.name) + "overlaps " +
                                   in_quotes(checkpoint_.tensors[extents_[i - 1].tensor].name, 255) +
                                   "; the index is damaged");
    if (masked_crc32c(t.data) != crcs_[extent.tensor])
      shard.fail(extent.begin,
                 named(t.name) +
                     "does not have its recorded CRC-32C; the data file is damaged or of another "
                     "checkpoint, get it again");
  }
}

}  // namespace

std::unique_ptr<TableVisitor> tensorflow_v2(Checkpoint& checkpoint, const OpenShard& open_shard) {
  return std::make_unique<Bundle>(checkpoint, open_shard);
}

}  // namespace cuhue
