// What the readers of TensorFlow's two kinds of checkpoints share.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "converter/protobuf.h"
#include "converter/sorted_table.h"
#include "converter/tensorflow.h"

namespace cuhue {

// The numbers of tensorflow/core/framework/types.proto; nullopt = no element type that is read.
std::optional<DType> tensorflow_dtype(std::uint64_t number);
constexpr std::uint64_t kTensorFlowString = 7;
// A TensorShapeProto. Refused: an unknown rank, negative sizes, more dimensions than a checkpoint may have.
std::vector<std::int64_t> tensorflow_shape(const ByteSource& source, const ProtoField& field);

// Takes the entries of a table: the one of key "" first, then those of tensors.
class TableVisitor {
 public:
  virtual ~TableVisitor() = default;
  virtual void header(const TableEntry& entry) = 0;
  virtual void tensor(const TableEntry& entry) = 0;
  virtual void finish() = 0;
};
std::unique_ptr<TableVisitor> tensorflow_v1(Checkpoint& checkpoint, MemoryBudget& budget);
std::unique_ptr<TableVisitor> tensorflow_v2(Checkpoint& checkpoint, const OpenShard& open_shard);

}  // namespace cuhue
