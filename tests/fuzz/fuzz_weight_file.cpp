// libFuzzer target: the reader must refuse or accept any bytes with nothing worse than an Error. Bytes are
// tried as they are, and once more with the length and header checksum mended, so that the parser behind them
// is reached.
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "weights/checksum.h"
#include "weights/format.h"
#include "weights/status.h"
#include "weights/weight_file.h"

namespace {

using namespace cuhue;

void open(std::span<const std::byte> bytes) {
  try {
    const WeightFile file = WeightFile::from_memory(bytes, "fuzz");
    // What was accepted can be used: every byte in bounds, every tensor found.
    for (const TensorView& t : file.tensors())
      if (xxh3_64(t.data) != t.xxh3 || file.find(t.name) != &t) __builtin_trap();
  } catch (const Error& e) {
    if (e.status() != Status::weights || std::strchr(e.what(), '\n') != nullptr) __builtin_trap();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // A copy at an aligned address, exactly as long as the input.
  std::vector<std::byte> bytes(size);
  if (size > 0) std::memcpy(bytes.data(), data, size);
  open(bytes);

  using namespace cuhue::format;
  if (size < kHeaderHashAt + kHashDigits) return 0;
  std::uint64_t length = 0;
  std::memcpy(&length, bytes.data(), kLengthBytes);
  length = length % (size - kLengthBytes) / kAlignment * kAlignment + kAlignment - kLengthBytes;
  if (length > size - kLengthBytes || length + kLengthBytes < kHeaderHashAt + kHashDigits) return 0;
  std::memcpy(bytes.data(), &length, kLengthBytes);
  std::memcpy(bytes.data() + kLengthBytes, kStart.data(), kStart.size());
  const std::span<const std::byte> header = std::span<const std::byte>(bytes).first(kLengthBytes + length);
  const std::string digits = hex16(header_checksum(header));
  std::memcpy(bytes.data() + kHeaderHashAt, digits.data(), digits.size());
  open(bytes);
  return 0;
}
