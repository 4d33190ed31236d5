// Any bytes as a checkpoint: refused with Error(Status::weights) or read; tensors lie inside of their memory.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

#include "converter/state_dict.h"
#include "weights/status.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    const cuhue::Checkpoint checkpoint =
        cuhue::read_checkpoint(std::as_bytes(std::span(data, size)), "'fuzz'");
    unsigned sum = 0;
    for (const cuhue::CheckpointTensor& t : checkpoint.tensors)
      for (const std::byte b : t.data) sum += std::to_integer<unsigned>(b);
    static volatile unsigned sink;  // keeps the reads
    sink = sum;
  } catch (const cuhue::Error& e) {
    if (e.status() != cuhue::Status::weights) std::abort();
  }
  return 0;
}
