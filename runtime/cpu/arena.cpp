#include "runtime/cpu/arena.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <string>
#include <utility>

#include "kernels/core/parallel.h"
#include "weights/status.h"

namespace cuhue {
namespace {

constexpr std::size_t kHugePage = std::size_t{2} << 20;

// A machine that overcommits would grant any size and end the process later, when the pages are touched.
bool fits_machine(std::size_t bytes) {
  const long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
  if (pages <= 0 || page <= 0) return true;
  return bytes / static_cast<std::size_t>(page) < static_cast<std::size_t>(pages);
}

}  // namespace

Arena::Arena(std::size_t bytes, std::string_view what) : bytes_(bytes) {
  if (bytes == 0) return;
  void* block = fits_machine(bytes)
                    ? mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
                    : MAP_FAILED;
  if (block == MAP_FAILED) {
    throw Error(Status::out_of_memory,
                std::string(what) + " needs " + std::to_string(bytes) +
                    " bytes, which the system does not give: use a smaller size or batch");
  }
  data_ = static_cast<std::byte*>(block);
  if (bytes >= kHugePage) madvise(block, bytes, MADV_HUGEPAGE);  // advice: a refusal changes nothing
  // Fresh pages are zero: one write makes each of them present.
  constexpr std::int64_t kPage = 4096;
  parallel_for((static_cast<std::int64_t>(bytes) + kPage - 1) / kPage, kHugePage / kPage,
               [this](std::int64_t begin, std::int64_t end) {
                 volatile std::byte* touched = data_;
                 for (std::int64_t page = begin; page < end; ++page) touched[page * kPage] = std::byte{0};
               });
}

Arena::Arena(Arena&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}

Arena& Arena::operator=(Arena&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(bytes_, other.bytes_);
  return *this;
}

Arena::~Arena() {
  if (data_ != nullptr) munmap(data_, bytes_);
}

}  // namespace cuhue
