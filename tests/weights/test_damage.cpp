#include <doctest/doctest.h>

#include <algorithm>
#include <random>

#include "tests/weights/weight_samples.h"

using namespace cuhue;
using namespace cuhue::test;

namespace {

// Refused as it should be: status weights, one line that begins with the label.
bool refused(std::span<const std::byte> bytes) {
  const Failure f = failure_of([&] { WeightFile::from_memory(bytes, "damaged"); });
  return f.status == Status::weights && f.message.starts_with("damaged: ") &&
         f.message.find('\n') == std::string::npos;
}

void flip(Bytes& bytes, std::size_t bit) {
  bytes[bit / 8] ^= std::byte{1} << (bit % 8);
}

Sample four_megabytes() {
  Sample s;
  s.info.network = "lite";
  for (int i = 0; i < 64; ++i) s.add("layer" + std::to_string(i) + ".weight", DType::f32, {64, 16, 4, 4});
  return s;
}

}  // namespace

TEST_CASE("every single flipped bit of a small file is refused") {
  Bytes bytes = file_of(sample_of_every_kind());
  REQUIRE_FALSE(refused(bytes));
  std::size_t accepted = 0;
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    flip(bytes, bit);
    if (!refused(bytes)) ++accepted;
    flip(bytes, bit);
  }
  CHECK(accepted == 0);
}

TEST_CASE("a small file cut at any byte is refused") {
  const Bytes bytes = file_of(sample_of_every_kind());
  std::size_t accepted = 0;
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    const Bytes cut(bytes.begin(),
                    bytes.begin() + static_cast<std::ptrdiff_t>(size));  // its end is watched by ASan
    if (!refused(cut)) ++accepted;
  }
  CHECK(accepted == 0);
}

TEST_CASE("any single byte of a small file replaced by any other value is refused") {
  Bytes bytes = file_of(sample_of_every_kind());
  std::size_t accepted = 0;
  for (std::byte& b : bytes)
    for (unsigned delta = 1; delta < 256; delta += 7) {
      const std::byte was = b;
      b = std::byte(static_cast<unsigned char>(static_cast<unsigned>(was) + delta));
      if (!refused(bytes)) ++accepted;
      b = was;
    }
  CHECK(accepted == 0);
}

TEST_CASE("appended bytes are refused") {
  const Bytes bytes = file_of(sample_of_every_kind());
  for (const std::size_t extra : {1, 7, 8, 64, 4096})
    for (const std::byte fill : {std::byte{0}, std::byte{' '}, std::byte{0xff}}) {
      Bytes longer = bytes;
      longer.resize(bytes.size() + extra, fill);
      CHECK(refused(longer));
    }
  Bytes twice = bytes;
  twice.insert(twice.end(), bytes.begin(), bytes.end());
  CHECK(refused(twice));
}

TEST_CASE("10,000 random bit flips and cuts of a 4 MB file are refused") {
  Bytes bytes = file_of(four_megabytes());
  REQUIRE(bytes.size() > 4'000'000);
  REQUIRE_FALSE(refused(bytes));
  std::mt19937_64 random(20260731);
  std::size_t accepted = 0;
  for (int i = 0; i < 10000; ++i) {
    if (i % 4 == 3) {
      if (!refused(std::span<const std::byte>(bytes).first(random() % bytes.size()))) ++accepted;
      continue;
    }
    // One bit, or a few; every eighth time all of them in the first 8 KB, where the header is.
    const std::size_t area = (i % 8 == 0 ? 8192 : bytes.size()) * 8;
    std::vector<std::size_t> bits(i % 3 == 0 ? 1 + random() % 8 : 1);
    for (std::size_t& bit : bits) bit = random() % area;
    std::sort(bits.begin(), bits.end());
    bits.erase(std::unique(bits.begin(), bits.end()), bits.end());
    for (const std::size_t bit : bits) flip(bytes, bit);
    if (!refused(bytes)) ++accepted;
    for (const std::size_t bit : bits) flip(bytes, bit);
  }
  CHECK(accepted == 0);
  CHECK_FALSE(refused(bytes));
}

TEST_CASE("a damaged file on disk is refused and names its tensor") {
  const Sample sample = four_megabytes();
  Bytes bytes = file_of(sample);
  const TempFolder folder;
  const auto path = folder / "lite.safetensors";
  flip(bytes, bytes.size() * 8 - 1);
  write_bytes(path, bytes);
  const Failure failure = failure_of([&] { WeightFile::open(path); });
  CHECK(failure.status == Status::weights);
  CHECK(failure.message.starts_with(path.string() + ": tensor 'layer63.weight': checksum is "));
  CHECK(failure.message.find("fetch it again") != std::string::npos);
  // The header alone is whole, and says where the damage would be found.
  CHECK(WeightFile::open(path, Verify::header_only).tensors().size() == 64);
}
