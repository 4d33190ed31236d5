// TensorFlow V1: the header lists the tensors, every other entry is a SavedSlice with the values of one.
#include <cstring>
#include <map>
#include <string>

#include "converter/strided.h"
#include "converter/tensorflow_parts.h"
#include "weights/status.h"
#include "weights/text.h"

namespace cuhue {
namespace {

constexpr std::uint32_t kContent = 4;  // TensorProto: raw values

// The field of TensorProto that holds values of a type; 0 = a type that V1 files of networks do not hold.
std::uint32_t values_field(DType t) {
  switch (t) {
    case DType::f32: return 5;
    case DType::f64: return 6;
    case DType::i32: return 7;
    case DType::i64: return 10;
    default: return 0;
  }
}

std::string named(std::string_view tensor) {
  return "tensor " + in_quotes(tensor, 255) + " ";
}

class Slices final : public TableVisitor {
 public:
  Slices(Checkpoint& checkpoint, MemoryBudget& budget) : checkpoint_(checkpoint), budget_(budget) {
    checkpoint.format = "TensorFlow V1";
  }

  void header(const TableEntry& entry) override;
  void tensor(const TableEntry& entry) override;
  void finish() override;

 private:
  struct Place {
    std::size_t tensor = 0;  // of checkpoint_.tensors
    bool found = false;
  };
  void declare(const ByteSource& source, const ProtoField& meta);
  // Refused when it is not the whole tensor.
  void check_slice(const ByteSource& source, const ProtoField& slice, std::string_view name,
                   std::size_t rank) const;
  void read_values(const TableEntry& entry, const ProtoField& proto, CheckpointTensor& t);
  // Values that are not one piece of the file.
  void gather(const ByteSource& source, const ProtoField& proto, CheckpointTensor& t, std::uint64_t bytes);

  Checkpoint& checkpoint_;
  MemoryBudget& budget_;
  std::map<std::string, Place, std::less<>> places_;
};

void Slices::header(const TableEntry& entry) {
  const ByteSource& source = entry.block;
  ProtoReader reader(source, entry.at, entry.size);
  for (ProtoField f; reader.next(f, 1);) {
    ProtoReader meta(source, f);
    for (ProtoField m; meta.next(m);) {
      if (m.number == 1) declare(source, m);
      if (m.number != 2) continue;
      ProtoReader versions(source, m);
      for (ProtoField v; versions.next(v, 2);)
        if (number_of(source, v, "the oldest reader") > 0)
          source.fail(v.at, "a checkpoint of a later version of TensorFlow's format; save it again as V2");
    }
  }
}

void Slices::declare(const ByteSource& source, const ProtoField& meta) {
  CheckpointTensor t;
  std::uint64_t dtype = 0, slices = 0;
  ProtoReader reader(source, meta);
  for (ProtoField f; reader.next(f);) {
    if (f.number == 1) t.name = clean_text(text_of(source, f, "a tensor's name"), 255);
    if (f.number == 2) t.shape = tensorflow_shape(source, f);
    if (f.number == 3) dtype = number_of(source, f, "an element type");
    if (f.number == 4) ++slices;
  }
  if (places_.size() >= Checkpoint::kMaxTensors || !budget_.take(2 * t.name.size()))
    source.fail(meta.at, "more than 20000 tensors; the file is damaged");
  if (slices > 1)
    source.fail(meta.at, named(t.name) + "is stored in " + std::to_string(slices) +
                             " slices (a partitioned variable), which are not read; save the model again "
                             "without a partitioner");
  const std::optional<DType> known = tensorflow_dtype(dtype);
  const bool read = known && values_field(*known) != 0;
  if (!places_.emplace(t.name, Place{read ? checkpoint_.tensors.size() : SIZE_MAX, false}).second)
    source.fail(meta.at, named(t.name) + "is declared twice; the file is damaged");
  if (!read) {
    if (dtype == kTensorFlowString) {
      checkpoint_.skipped.push_back({t.name, "text"});
    } else {
      checkpoint_.others.push_back(t.name);
    }
    return;
  }
  t.dtype = *known;
  if (!count_elements(t.shape, size_of(t.dtype)))
    source.fail(meta.at,
                named(t.name) + "has an impossible shape " + shape_text(t.shape) + "; the file is damaged");
  checkpoint_.tensors.push_back(std::move(t));
}

void Slices::check_slice(const ByteSource& source, const ProtoField& slice, std::string_view name,
                         std::size_t rank) const {
  std::size_t extents = 0;
  ProtoReader reader(source, slice);
  for (ProtoField f; reader.next(f, 1); ++extents) {
    ProtoReader extent(source, f);
    for (ProtoField e; extent.next(e);)
      source.fail(f.at,
                  named(name) +
                      "is stored as a slice (a partitioned variable), which is not read; save the model "
                      "again without a partitioner");
  }
  if (extents != rank)
    source.fail(slice.at, named(name) + "of " + std::to_string(rank) + " dimensions is stored in " +
                              std::to_string(extents) + "; the file is damaged");
}

void Slices::tensor(const TableEntry& entry) {
  const ByteSource& source = entry.block;
  ProtoReader reader(source, entry.at, entry.size);
  for (ProtoField f; reader.next(f, 2);) {
    std::string_view name;
    std::optional<ProtoField> slice, proto;
    ProtoReader saved(source, f);
    for (ProtoField s; saved.next(s);) {
      if (s.number == 1) name = text_of(source, s, "a tensor's name");
      if (s.number == 2) slice = s;
      if (s.number == 3) proto = s;
    }
    const auto found = places_.find(name);
    if (found == places_.end())
      source.fail(f.at, named(name) + "is not in the list of tensors; the file is damaged");
    Place& place = found->second;
    if (place.found) source.fail(f.at, named(name) + "stands in the file twice; the file is damaged");
    place.found = true;
    if (place.tensor == SIZE_MAX) continue;
    CheckpointTensor& t = checkpoint_.tensors[place.tensor];
    if (slice) check_slice(source, *slice, name, t.shape.size());
    if (!proto) source.fail(f.at, named(name) + "has no values; the file is damaged");
    read_values(entry, *proto, t);
  }
}

void Slices::read_values(const TableEntry& entry, const ProtoField& proto, CheckpointTensor& t) {
  const ByteSource& source = entry.block;
  const std::uint64_t bytes = *count_elements(t.shape, size_of(t.dtype)) * size_of(t.dtype);
  const bool packed_as_stored = t.dtype == DType::f32 || t.dtype == DType::f64;
  // Usually one packed field, which is used where it lies.
  ProtoReader reader(source, proto);
  std::optional<ProtoField> whole;
  int pieces = 0;
  for (ProtoField f; reader.next(f);) {
    if (f.number != kContent && f.number != values_field(t.dtype)) continue;
    ++pieces;
    if ((f.number == kContent || packed_as_stored) && f.wire == Wire::bytes && f.size == bytes) whole = f;
  }
  if (whole && pieces == 1 && entry.in_file) {
    t.data = source.part(whole->at, whole->size, "values");
    return;
  }
  gather(source, proto, t, bytes);
}

void Slices::gather(const ByteSource& source, const ProtoField& proto, CheckpointTensor& t,
                    std::uint64_t bytes) {
  const std::size_t element = size_of(t.dtype);
  // At least a byte a value lies in the file.
  if (bytes / element > proto.size || !budget_.take(bytes))
    source.fail(proto.at, named(t.name) + shape_text(t.shape) + " needs " + std::to_string(bytes) +
                              " bytes, which its record cannot hold; the file is damaged");
  const auto values = std::make_shared<std::vector<std::byte>>(static_cast<std::size_t>(bytes));
  std::uint64_t done = 0;
  const auto put = [&](const void* from, std::uint64_t count, std::uint64_t at) {
    if (count > bytes - done)
      source.fail(at, named(t.name) + "has more values than its shape " + shape_text(t.shape) +
                          "; the file is damaged");
    if (count > 0) std::memcpy(values->data() + done, from, static_cast<std::size_t>(count));
    done += count;
  };
  const bool integers = t.dtype == DType::i32 || t.dtype == DType::i64;
  ProtoReader reader(source, proto);
  for (ProtoField f; reader.next(f);) {
    if (f.number != kContent && f.number != values_field(t.dtype)) continue;
    if (f.wire != Wire::bytes) {  // a single value
      const Wire expected = integers ? Wire::varint : t.dtype == DType::f32 ? Wire::fixed32 : Wire::fixed64;
      if (f.wire != expected)
        source.fail(f.at, named(t.name) + "has values of another type; the file is damaged");
      put(&f.value, element, f.at);
    } else if (f.number == kContent || !integers) {
      put(source.part(f.at, f.size, "values").data(), f.size, f.at);
    } else {
      for (std::uint64_t at = f.at; at < f.at + f.size;) {
        const std::uint64_t value = source.varint(at, 64, "values");
        put(&value, element, at);
      }
    }
  }
  if (done != bytes)
    source.fail(proto.at, named(t.name) + "has " + std::to_string(done) +
                              " bytes of values where its shape " + shape_text(t.shape) + " needs " +
                              std::to_string(bytes) + "; the file is damaged");
  t.data = *values;
  checkpoint_.keep_alive.push_back(values);
}

void Slices::finish() {
  for (const auto& [name, place] : places_)
    if (!place.found)
      throw Error(Status::weights, checkpoint_.label + ": " + named(name) +
                                       "is listed but not in the file; it is one of several or damaged, get "
                                       "all of them and save the checkpoint as one");
}

}  // namespace

std::unique_ptr<TableVisitor> tensorflow_v1(Checkpoint& checkpoint, MemoryBudget& budget) {
  return std::make_unique<Slices>(checkpoint, budget);
}

}  // namespace cuhue
