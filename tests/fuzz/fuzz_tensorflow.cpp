// Any bytes as the block of a sorted table with all its checksums right, so that the parsers behind them are
// reached: entries and their keys, snappy, the records of both kinds of TensorFlow checkpoints. The first
// byte says whether the block is compressed and where the rest is split: what is behind the split is a data
// file.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "converter/tensorflow.h"
#include "tests/support/tensorflow_writer.h"
#include "weights/status.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cuhue;
  if (size < 2) return 0;
  const std::string rest(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::size_t split = rest.size() - rest.size() * (data[0] >> 1) / 256;
  const std::string blocks[] = {testing::stored_block(rest.substr(0, split), data[0] & 1)}, keys[] = {"z"};
  const std::string table = testing::table_of_blocks(blocks, keys), shard = rest.substr(split);
  Checkpoint checkpoint;
  checkpoint.label = "'fuzz'";
  checkpoint.file = std::as_bytes(std::span(table));
  try {
    read_tensorflow(checkpoint, [&](std::uint64_t, std::uint64_t) {
      return ByteSource(std::as_bytes(std::span(shard)), "'shard'");
    });
    unsigned sum = 0;
    for (const CheckpointTensor& t : checkpoint.tensors)
      for (const std::byte b : t.data) sum += std::to_integer<unsigned>(b);
    static volatile unsigned sink;  // keeps the reads
    sink = sum;
  } catch (const Error& e) {
    if (e.status() != Status::weights) std::abort();
  }
  return 0;
}
