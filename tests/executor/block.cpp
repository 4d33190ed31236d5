#include "tests/executor/block.h"

#include <algorithm>
#include <bit>
#include <cstdio>
#include <cstring>
#include <numeric>
#include <utility>

#include "tests/executor/asan.h"
#include "tests/executor/shared_memory.h"

namespace simt {
namespace {

constexpr unsigned kWarp = 32;
constexpr std::size_t kGuardBytes = 272;  // before and after dynamic shared memory
constexpr unsigned char kGuard = 0xA5;

unsigned char poison(Order order) {
  switch (order) {
    case Order::any:
    case Order::forward: return 0xCD;   // -4.3e8
    case Order::reverse: return 0x7F;   // 3.4e38; in half NaN
    case Order::shuffled: return 0xEE;  // -3.7e28
  }
  return 0;
}

std::string hex(unsigned value) {
  std::array<char, 16> text{};
  std::snprintf(text.data(), text.size(), "0x%08x", value);
  return text.data();
}

std::string triple(const uint3& i) {
  return "(" + std::to_string(i.x) + ", " + std::to_string(i.y) + ", " + std::to_string(i.z) + ")";
}

std::string text(const Place& at) {
  return std::string(at.file) + ":" + std::to_string(at.line) + " (" + at.function + ")";
}

bool same(const Place& a, const Place& b) {
  return a.line == b.line && (a.file == b.file || std::strcmp(a.file, b.file) == 0);
}

uint3 unflatten(unsigned i, const dim3& size) {
  return {i % size.x, i / size.x % size.y, i / size.x / size.y};
}

}  // namespace

Block::Block() : threads_(kMaxBlockThreads), thread_at_(kMaxBlockThreads), position_of_(kMaxBlockThreads) {
  idle_.reserve(kMaxBlockThreads);
}

Block::~Block() {
  if (shared_memory_ != nullptr) ASAN_UNPOISON_MEMORY_REGION(shared_memory_.get(), shared_capacity_);
}

void Block::begin(const Launch& launch, Order order) {
  launch_ = &launch;
  order_ = order;
  count_ = launch.block.x * launch.block.y * launch.block.z;
  blockDim = launch.block;
  gridDim = launch.grid;
  const std::size_t bytes = launch.shared_bytes + 2 * kGuardBytes + 32;
  if (shared_memory_ != nullptr) ASAN_UNPOISON_MEMORY_REGION(shared_memory_.get(), shared_capacity_);
  if (bytes > shared_capacity_) {
    shared_memory_ = std::make_unique<unsigned char[]>(bytes);
    shared_capacity_ = bytes;
  }
  std::memset(shared_memory_.get(), kGuard, shared_capacity_);
  // At an odd multiple of 16: more alignment than promised would hide mistakes.
  const auto address = reinterpret_cast<std::uintptr_t>(shared_memory_.get()) + kGuardBytes;
  shared_ = shared_memory_.get() + kGuardBytes + ((16 - address % 32) + 32) % 32;
}

// The order of the threads for this block.
void Block::arrange(unsigned index) {
  std::iota(thread_at_.begin(), thread_at_.begin() + count_, std::uint16_t{0});
  if (order_ == Order::reverse) std::reverse(thread_at_.begin(), thread_at_.begin() + count_);
  if (order_ == Order::shuffled) {
    std::uint32_t random = index * 2654435761u + 12345u;
    for (unsigned i = count_; i-- > 1;) {
      random = random * 1664525u + 1013904223u;
      std::swap(thread_at_[i], thread_at_[(random >> 8) % (i + 1)]);
    }
  }
  for (unsigned i = 0; i < count_; ++i) position_of_[thread_at_[i]] = static_cast<std::uint16_t>(i);
}

void Block::prepare_shared() {
  poison_static_shared(launch_->kernel, poison(order_));
  std::memset(shared_, poison(order_), launch_->shared_bytes);
  unsigned char* end = shared_ + launch_->shared_bytes;
  ASAN_POISON_MEMORY_REGION(shared_memory_.get(), static_cast<std::size_t>(shared_ - shared_memory_.get()));
  ASAN_POISON_MEMORY_REGION(end, static_cast<std::size_t>(shared_memory_.get() + shared_capacity_ - end));
}

void Block::check_shared() const {
  const unsigned char* begin = shared_memory_.get();
  const unsigned char* end = shared_ + launch_->shared_bytes;
  ASAN_UNPOISON_MEMORY_REGION(begin, shared_capacity_);
  const auto intact = [](const unsigned char* from, std::size_t bytes) {
    return std::all_of(from, from + bytes, [](unsigned char byte) { return byte == kGuard; });
  };
  if (!intact(begin, static_cast<std::size_t>(shared_ - begin)) || !intact(end, kGuardBytes))
    throw KernelError("block " + triple({blockIdx.x, blockIdx.y, blockIdx.z}) +
                      " wrote outside of its dynamic shared memory");
}

void Block::run(unsigned index) {
  blockIdx = unflatten(index, launch_->grid);
  arrange(index);
  prepare_shared();
  for (unsigned i = 0; i < count_; ++i) {
    threads_[i].state = State::fresh;
    threads_[i].copies.clear();
    threads_[i].commits = 0;
  }
  for (unsigned word = 0; word < ready_.size(); ++word) {
    const unsigned first = word * 64, bits = count_ > first ? std::min(64u, count_ - first) : 0;
    ready_[word] = bits == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << bits) - 1;
  }
  live_ = count_;
  waiting_ = held_ = 0;
  error_ = nullptr;
  try {
    while (live_ > 0) {
      const bool any = (cursor_ = next_ready(-1)) >= 0;
      // Forward and in reverse a warp runs ahead to its next barrier before another goes on; shuffled, all
      // advance together. A barrier that is missing shows in one or the other.
      for (; cursor_ >= 0; cursor_ = next_ready(order_ == Order::shuffled ? cursor_ : -1)) {
        take(static_cast<unsigned>(cursor_));
        Thread& thread = threads_[current_];
        if (thread.state == State::fresh) thread.fiber = idle_fiber();
        thread.fiber->resume();
        if (error_ != nullptr) std::rethrow_exception(error_);
      }
      if (!any) release_barrier();
    }
  } catch (...) {
    abandon();
    throw;
  }
  check_shared();
}

int Block::next_ready(int after) const {
  const unsigned from = static_cast<unsigned>(after + 1);
  for (unsigned word = from / 64; word * 64 < count_; ++word) {
    std::uint64_t bits = ready_[word];
    if (word == from / 64) bits &= ~std::uint64_t{0} << from % 64;
    if (bits != 0) return static_cast<int>(word * 64) + std::countr_zero(bits);
  }
  return -1;
}

// The thread at a position becomes the one that runs.
void Block::take(unsigned position) {
  ready_[position / 64] &= ~(std::uint64_t{1} << position % 64);
  current_ = thread_at_[position];
  threadIdx = unflatten(current_, launch_->block);
}

void Block::set_ready(unsigned thread, State state) {
  threads_[thread].state = state;
  const unsigned position = position_of_[thread];
  ready_[position / 64] |= std::uint64_t{1} << position % 64;
}

// A fiber starts a thread, and after it the next one, as long as they finish and the next has not started:
// kernels that never wait run as a loop on one fiber.
void Block::serve(void* self) {
  auto& block = *static_cast<Block*>(self);
  for (;;) {
    Fiber* fiber = block.threads_[block.current_].fiber;
    for (bool more = true; more;) {
      try {
        block.threads_[block.current_].state = State::ready;
        block.launch_->call(block.launch_->self);
        block.finish_thread();
      } catch (...) {
        block.error_ = std::current_exception();
      }
      const int next = block.error_ == nullptr ? block.next_ready(block.cursor_) : -1;
      more = next >= 0 && block.threads_[block.thread_at_[static_cast<unsigned>(next)]].state == State::fresh;
      if (more) {
        block.cursor_ = next;
        block.take(static_cast<unsigned>(next));
        block.threads_[block.current_].fiber = fiber;
      }
    }
    block.idle_.push_back(fiber);
    fiber->leave();
  }
}

void Block::finish_thread() {
  Thread& thread = threads_[current_];
  thread.state = State::done;
  --live_;
  // Others may have waited for this one alone.
  const unsigned warp = current_ / kWarp, first = warp * kWarp, end = std::min(first + kWarp, count_);
  for (unsigned i = first; i < end; ++i)
    if (threads_[i].state == State::in_warp && group_complete(warp, threads_[i].mask))
      release_group(warp, threads_[i].mask);
}

void Block::leave() {
  const unsigned thread = current_;
  threads_[thread].fiber->leave();
}

Fiber* Block::idle_fiber() {
  if (idle_.empty()) {
    fibers_.push_back(std::make_unique<Fiber>(&Block::serve, this));
    return fibers_.back().get();
  }
  Fiber* fiber = idle_.back();
  idle_.pop_back();
  return fiber;
}

// Threads in the middle of a kernel are forgotten.
void Block::abandon() {
  idle_.clear();
  fibers_.clear();
  if (shared_memory_ != nullptr) ASAN_UNPOISON_MEMORY_REGION(shared_memory_.get(), shared_capacity_);
}

// ---- warps
bool Block::group_complete(unsigned warp, unsigned mask) const {
  for (unsigned rest = mask; rest != 0; rest &= rest - 1) {
    const unsigned i = warp * kWarp + static_cast<unsigned>(std::countr_zero(rest));
    if (i >= count_ || threads_[i].state == State::done) continue;
    if (threads_[i].state != State::in_warp || threads_[i].mask != mask) return false;
  }
  return true;
}

void Block::release_group(unsigned warp, unsigned mask) {
  std::array<void*, kWarp> values{};
  unsigned lanes = 0;
  const Thread* first = nullptr;
  for (unsigned lane = 0; lane < kWarp; ++lane) {
    const unsigned i = warp * kWarp + lane;
    if ((mask >> lane & 1u) == 0 || i >= count_ || threads_[i].state != State::in_warp) continue;
    const Thread& thread = threads_[i];
    if (first == nullptr) first = &thread;
    if (thread.operation != first->operation)
      throw KernelError(describe(
          "lanes of a warp meet in different operations, of " + text(first->at) + " and", thread.at));
    lanes |= 1u << lane;
    values[lane] = thread.value;
  }
  if (first->operation != nullptr) first->operation(lanes, values.data());
  for (unsigned rest = lanes; rest != 0; rest &= rest - 1)
    set_ready(warp * kWarp + static_cast<unsigned>(std::countr_zero(rest)), State::ready);
}

void Block::warp_wait(unsigned mask, Collective operation, void* value, Place at) {
  if ((mask >> current_ % kWarp & 1u) == 0)
    throw KernelError(describe("a lane waits for mask " + hex(mask) + " without itself", at));
  Thread& thread = threads_[current_];
  thread.state = State::in_warp;
  thread.mask = mask;
  thread.operation = operation;
  thread.value = value;
  thread.at = at;
  if (group_complete(current_ / kWarp, mask)) release_group(current_ / kWarp, mask);
  leave();
}

// ---- the block
int Block::block_wait(Barrier kind, bool predicate, Place at) {
  Thread& thread = threads_[current_];
  thread.state = State::at_barrier;
  thread.kind = kind;
  thread.at = at;
  ++waiting_;
  if (predicate) ++held_;
  leave();
  return static_cast<int>(barrier_result_);
}

// Nobody is ready.
void Block::release_barrier() {
  if (waiting_ < live_) report_deadlock();
  const Thread* first = nullptr;
  for (unsigned i = 0; i < count_; ++i) {
    Thread& thread = threads_[i];
    if (thread.state != State::at_barrier) continue;
    if (first == nullptr) first = &thread;
    if (!same(thread.at, first->at) || thread.kind != first->kind)
      throw KernelError("block " + triple({blockIdx.x, blockIdx.y, blockIdx.z}) +
                        ": threads are at different barriers: one at " + text(first->at) + ", thread " +
                        triple(unflatten(i, launch_->block)) + " at " + text(thread.at));
  }
  switch (first->kind) {
    case Barrier::plain: break;
    case Barrier::count: barrier_result_ = held_; break;
    case Barrier::all: barrier_result_ = held_ == live_ ? 1 : 0; break;
    case Barrier::any: barrier_result_ = held_ > 0 ? 1 : 0; break;
  }
  waiting_ = held_ = 0;
  for (unsigned i = 0; i < count_; ++i)
    if (threads_[i].state == State::at_barrier) set_ready(i, State::ready);
}

void Block::report_deadlock() const {
  std::string places;
  for (unsigned i = 0; i < count_; ++i) {
    const Thread& thread = threads_[i];
    const bool in_warp = thread.state == State::in_warp;
    if (!in_warp && thread.state != State::at_barrier) continue;
    // One thread of each place says it.
    const auto alike = [&](const Thread& t) { return t.state == thread.state && same(t.at, thread.at); };
    const auto begin = threads_.begin();
    if (std::any_of(begin, begin + i, alike)) continue;
    places += "; " + std::to_string(std::count_if(begin, begin + count_, alike)) + " at " +
              (in_warp ? "lanes " + hex(thread.mask) : "the barrier") + " of " + text(thread.at) +
              ", the first is thread " + triple(unflatten(i, launch_->block));
  }
  throw KernelError("block " + triple({blockIdx.x, blockIdx.y, blockIdx.z}) + ": deadlock of " +
                    std::to_string(live_) + " threads" + places);
}

// ---- asynchronous copies
void Block::copy_later(void* to, const void* from) {
  threads_[current_].copies.push_back({to, from, threads_[current_].commits});
}

void Block::finish_copies(int pending) {
  Thread& thread = threads_[current_];
  const auto due = std::partition_point(thread.copies.begin(), thread.copies.end(),
                                        [&](const Copy& c) { return c.group < thread.commits - pending; });
  for (auto c = thread.copies.begin(); c != due; ++c) {
    if (c->from != nullptr) {
      std::memcpy(c->to, c->from, 16);
    } else {
      std::memset(c->to, 0, 16);
    }
  }
  thread.copies.erase(thread.copies.begin(), due);
}

std::string Block::describe(const std::string& what, Place at) const {
  return "block " + triple({blockIdx.x, blockIdx.y, blockIdx.z}) + ", thread " +
         triple(unflatten(current_, launch_->block)) + ": " + what + " at " + text(at);
}

}  // namespace simt
