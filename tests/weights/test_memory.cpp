// Opening a file, good or hostile, takes no more memory than the file and 16 MB: heap counted by replacing
// operator new, mapped pages by the kernel's own count.
#include <doctest/doctest.h>
#include <malloc.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <new>

#include "tests/weights/crafted_file.h"

namespace {
std::atomic<std::size_t> g_live{0};
std::atomic<std::size_t> g_peak{0};

void* counted(void* p) {
  if (p == nullptr) throw std::bad_alloc();
  const std::size_t live = g_live += ::malloc_usable_size(p);
  std::size_t peak = g_peak;
  while (live > peak && !g_peak.compare_exchange_weak(peak, live)) {
  }
  return p;
}

void uncounted(void* p) {
  if (p != nullptr) g_live -= ::malloc_usable_size(p);
  std::free(p);
}
}  // namespace

// Every form, since under a sanitizer the others would not lead here.
void* operator new(std::size_t n) {
  return counted(std::malloc(n == 0 ? 1 : n));
}
void* operator new[](std::size_t n) {
  return operator new(n);
}
void* operator new(std::size_t n, std::align_val_t a) {
  const auto alignment = static_cast<std::size_t>(a);
  return counted(std::aligned_alloc(alignment, (n + alignment - 1) / alignment * alignment));
}
void* operator new[](std::size_t n, std::align_val_t a) {
  return operator new(n, a);
}
void* operator new(std::size_t n, const std::nothrow_t&) noexcept {
  void* p = std::malloc(n == 0 ? 1 : n);
  return p == nullptr ? nullptr : counted(p);
}
void* operator new[](std::size_t n, const std::nothrow_t& t) noexcept {
  return operator new(n, t);
}
void operator delete(void* p) noexcept {
  uncounted(p);
}
void operator delete[](void* p) noexcept {
  uncounted(p);
}
void operator delete(void* p, std::size_t) noexcept {
  uncounted(p);
}
void operator delete[](void* p, std::size_t) noexcept {
  uncounted(p);
}
void operator delete(void* p, std::align_val_t) noexcept {
  uncounted(p);
}
void operator delete[](void* p, std::align_val_t) noexcept {
  uncounted(p);
}
void operator delete(void* p, std::size_t, std::align_val_t) noexcept {
  uncounted(p);
}
void operator delete[](void* p, std::size_t, std::align_val_t) noexcept {
  uncounted(p);
}
void operator delete(void* p, const std::nothrow_t&) noexcept {
  uncounted(p);
}
void operator delete[](void* p, const std::nothrow_t&) noexcept {
  uncounted(p);
}

using namespace cuhue;
using namespace cuhue::test;

namespace {

constexpr std::size_t kAllowance = 16'000'000;

struct Cost {
  Status status = Status::ok;
  std::size_t heap = 0;  // bytes at the highest
  double seconds = 0;
};

Cost cost_of_opening(const std::string& file) {
  const Bytes bytes = to_bytes(file);
  const std::size_t before = g_live;
  g_peak = before;
  const auto start = std::chrono::steady_clock::now();
  Cost cost;
  try {
    const WeightFile opened = WeightFile::from_memory(bytes, "hostile");
  } catch (const Error& e) {
    cost.status = e.status();
  }
  cost.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  cost.heap = g_peak - before;
  return cost;
}

void check_cheap(const std::string& file, Status expected) {
  const Cost cost = cost_of_opening(file);
  CHECK(cost.status == expected);
  CHECK(cost.heap <= kAllowance);
  CHECK(cost.seconds < 30.0);  // under sanitizers on a busy machine; 0.1 s otherwise
}

// As many tensors as fit: rank-8 shapes of ones, names of `name_bytes` bytes.
std::string many_tensors(std::size_t count, std::size_t name_bytes) {
  const std::string one(1, 'x');
  const std::string hash = hex16(xxh3_64(std::as_bytes(std::span(one))));
  std::string json = metadata_start();
  const auto name = [&](std::size_t i) {
    std::string n = std::to_string(i);
    n.resize(std::max(name_bytes, n.size()), '.');
    return n;
  };
  for (std::size_t i = 0; i < count; ++i) json += ",\"xxh3." + name(i) + "\":\"" + hash + "\"";
  json += "}";
  for (std::size_t i = 0; i < count; ++i)
    json += ",\"" + name(i) + "\":{\"dtype\":\"U8\",\"shape\":[1,1,1,1,1,1,1,1],\"data_offsets\":[" +
            std::to_string(i) + "," + std::to_string(i + 1) + "]}";
  return sealed_header(json + "}") + std::string(count, 'x');
}

}  // namespace

TEST_CASE("the largest number of tensors costs less than 16 MB beside the file") {
  check_cheap(many_tensors(65536, 1), Status::ok);
  check_cheap(many_tensors(65536, 40), Status::ok);
  check_cheap(many_tensors(25000, 255), Status::ok);
}

TEST_CASE("hostile headers cost less than 16 MB beside the file") {
  const std::size_t room = (1 << 24) - 4096;
  std::string huge_claim = sealed_header(metadata_start() + "}}");
  for (const std::uint64_t length : {(1ULL << 24) - 8, 1ULL << 40, 1ULL << 63, ~0ULL}) {
    std::memcpy(huge_claim.data(), &length, 8);
    check_cheap(huge_claim, Status::weights);
  }
  const auto hostile = [&](const std::string& rest) {
    check_cheap(sealed_header(metadata_start() + rest), Status::weights);
  };
  hostile(std::string(room, '['));
  hostile(std::string(room, '{'));
  hostile(",\"property.a\":\"" + std::string(room, 'x'));
  hostile(",\"property.a\":\"" + std::string(room, '\\'));
  hostile(",\"xxh3." + std::string(room, 'x') + "\":\"0000000000000000\"}}");
  hostile("},\"w\":{\"dtype\":\"F32\",\"shape\":[" + std::string(room, '1') + "]");
  hostile(",\"xxh3.w\":\"0000000000000000\"},\"w\":{\"dtype\":\"F32\",\"shape\":[" + std::string(room, '9'));
  hostile(",\"xxh3.w\":\"0000000000000000\"},\"w\":{\"dtype\":\"" + std::string(room, 'F'));
  std::string checksums;
  while (checksums.size() < room) checksums += ",\"xxh3.\":\"0000000000000000\"";
  hostile(checksums + "}}");
  std::string properties;
  for (int i = 0; properties.size() + 2000 < room; ++i)
    properties += ",\"property." + std::to_string(100000 + i) + "\":\"" + std::string(1024, 'p') + "\"";
  hostile(properties + "}}");
}

TEST_CASE("verifying a mapped file leaves few of its pages resident") {
  const TempFolder folder;
  const auto path = folder / "large";
  const std::size_t megabytes = 64;
  {
    Sample s;
    s.info.network = "large";
    s.add("w", DType::f32, {static_cast<std::int64_t>(megabytes) << 18});
    write_weight_file(path, s.info, s.tensors);
  }
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    // Kilobytes; the peak of this process so far, and after.
    rusage before{};
    rusage after{};
    ::getrusage(RUSAGE_SELF, &before);
    bool good = true;
    for (int i = 0; i < 3; ++i) good = WeightFile::open(path).tensors().size() == 1 && good;
    ::getrusage(RUSAGE_SELF, &after);
    ::_exit(good && after.ru_maxrss - before.ru_maxrss < 16000 ? 0 : 1);
  }
  int status = 1;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(status == 0);
}
