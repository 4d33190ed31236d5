#include "tests/executor/host_device.h"

#include <sys/mman.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <new>
#include <stdexcept>
#include <utility>
#include <vector>

#include "tests/executor/device_array.h"
#include "weights/status.h"

namespace cuhue::test {

using Work = std::function<void()>;

namespace {

// A piece of captured work; `after`: those that must have run before it.
struct CapturedPiece {
  Work work;
  std::vector<std::size_t> after;
  std::size_t lane = 0;  // of the streams of the capture
};

struct Capture {
  std::vector<CapturedPiece> pieces;
  std::vector<std::shared_ptr<HostStream>> streams;  // the first is where it began
};

}  // namespace

// What a Stream of this device points to.
struct HostStream : std::enable_shared_from_this<HostStream> {
  std::recursive_mutex running;  // held while its work runs: which may wait for a stream that waits for it
  std::mutex mutex;              // of what follows
  std::vector<Work> kept;        //
  std::size_t done = 0;          // pieces of work that were taken to be run, since the stream's birth

  std::shared_ptr<Capture> capture;  // under way
  std::size_t lane = 0;              // in it
  std::vector<std::size_t> after;    // what its next piece comes behind
  bool dry = false;                  // what is not captured is dropped

  std::size_t end() {
    const std::lock_guard lock(mutex);
    return done + kept.size();
  }
  void keep(Work work) {
    if (capture) {
      capture->pieces.push_back({std::move(work), std::move(after), lane});
      after = {capture->pieces.size() - 1};
      return;
    }
    if (dry) return;
    const std::lock_guard lock(mutex);
    kept.push_back(std::move(work));
  }
  void join(const std::shared_ptr<Capture>& its) {
    capture = its;
    lane = its->streams.size();
    after.clear();
    its->streams.push_back(shared_from_this());
  }
  // Runs what was kept before piece `number`.
  void run_until(std::size_t number) {
    const std::lock_guard run(running);
    std::vector<Work> now;
    {
      const std::lock_guard lock(mutex);
      if (number <= done) return;
      const auto first = kept.begin(), last = first + static_cast<std::ptrdiff_t>(number - done);
      now.assign(std::make_move_iterator(first), std::make_move_iterator(last));
      kept.erase(first, last);
      done = number;
    }
    for (const Work& work : now) work();
  }
};

namespace {

// Of this thread, under way. CUDA then refuses it all that may wait or move memory (thread-local capture
// mode).
thread_local int captures = 0;

void refuse_in_capture(const char* what) {
  if (captures > 0) throw std::logic_error(std::string(what) + " while a capture is under way");
}

HostStream& host_stream(Stream stream) {
  if (stream == nullptr) throw std::logic_error("the device's streams are made by create_stream()");
  return *reinterpret_cast<HostStream*>(stream);
}

class HostEvent final : public cuda::Event {
 public:
  void record(Stream stream) override {
    stream_ = host_stream(stream).shared_from_this();
    capture_ = stream_->capture;
    captured_ = capture_.lock() != nullptr;
    if (captured_) {
      after_ = stream_->after;
    } else {
      number_ = stream_->end();
    }
  }
  void synchronize() override {
    refuse_in_capture("waiting for an event");
    if (captured_) throw std::logic_error("the host waits for an event of a capture");
    if (stream_) stream_->run_until(number_);
  }
  void hold(Stream stream) override {
    HostStream& holding = host_stream(stream);
    if (captured_) return hold_captured(holding);
    if (!stream_ || stream_.get() == &holding) return;  // its own work is in order anyway
    if (holding.capture)
      throw std::logic_error("captured work waits for an event from outside of its capture");
    holding.keep([on = stream_, number = number_] { on->run_until(number); });
  }

 private:
  void hold_captured(HostStream& holding) {
    const std::shared_ptr<Capture> capture = capture_.lock();
    if (!capture || (holding.capture && holding.capture != capture))
      throw std::logic_error("work waits for an event of a capture that it is not in");
    if (!holding.capture) holding.join(capture);
    holding.after.insert(holding.after.end(), after_.begin(), after_.end());
  }

  std::shared_ptr<HostStream> stream_;
  std::size_t number_ = 0;
  bool captured_ = false;
  std::weak_ptr<Capture> capture_;  // its end makes the event useless, as it does on a GPU
  std::vector<std::size_t> after_;
};

class HostClock final : public cuda::Clock {
 public:
  explicit HostClock(std::size_t points) : times_(points) {}
  void mark(std::size_t point, Stream stream) override {
    take(point);  // a dry device does no work
    host_stream(stream).keep([this, point] { take(point); });
  }
  double seconds(std::size_t from, std::size_t to) const override {
    refuse_in_capture("reading a clock");
    return std::chrono::duration<double>(times_.at(to) - times_.at(from)).count();
  }

 private:
  void take(std::size_t point) { times_.at(point) = std::chrono::steady_clock::now(); }
  std::vector<std::chrono::steady_clock::time_point> times_;
};

// The pieces in an order that is allowed: pieces come behind those that they wait for.
std::vector<std::size_t> ordered(const std::vector<CapturedPiece>& pieces, BranchOrder order) {
  std::vector<std::size_t> result;
  std::vector<bool> done(pieces.size());
  const auto ready = [&](std::size_t i) {
    return !done[i] && std::ranges::all_of(pieces[i].after, [&](std::size_t before) { return done[before]; });
  };
  std::size_t latest_lane = 0;
  const auto better = [&](std::size_t i, std::size_t than) {
    if (order == BranchOrder::latest_first) return i > than;
    return order == BranchOrder::in_turns && pieces[than].lane == latest_lane &&
           pieces[i].lane != latest_lane;
  };
  while (result.size() < pieces.size()) {
    std::size_t next = pieces.size();
    for (std::size_t i = 0; i < pieces.size(); ++i) {
      if (ready(i) && (next == pieces.size() || better(i, next))) next = i;
    }
    done[next] = true;
    latest_lane = pieces[next].lane;
    result.push_back(next);
  }
  return result;
}

}  // namespace

class HostRecording final : public cuda::Recording {
 public:
  HostRecording(HostDevice& device, std::vector<CapturedPiece> pieces)
      : device_(device), pieces_(std::move(pieces)) {}
  void launch(Stream stream) override {
    device_.check();
    ++device_.launches_;
    if (device_.dry_) return;
    if (device_.order_ == BranchOrder::as_captured) {
      for (const CapturedPiece& piece : pieces_) host_stream(stream).keep(piece.work);
      return;
    }
    for (const std::size_t i : ordered(pieces_, device_.order_)) host_stream(stream).keep(pieces_[i].work);
  }
  int nodes() const override { return static_cast<int>(pieces_.size()); }

 private:
  HostDevice& device_;
  std::vector<CapturedPiece> pieces_;
};

HostDevice::HostDevice(const HostDeviceOptions& options) : untouched_(options.dry), dry_(options.dry) {
  facts_.name = "host executor";
  facts_.major = 8;
  facts_.multiprocessors = 2;
  facts_.total_bytes = options.memory_bytes;
  facts_.l2_bytes = std::int64_t{1} << 20;
  facts_.integrated = options.integrated;
  facts_.driver = "none";
}

HostDevice::~HostDevice() {
  for (const auto* blocks : {&device_blocks_, &pinned_blocks_})
    for (const auto& [memory, bytes] : *blocks) free_block(memory, bytes);
}

void* HostDevice::new_block(std::int64_t bytes) const {
  const auto size = static_cast<std::size_t>(bytes);
  if (!untouched_) return device_allocate(size);
  void* memory =
      mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  return memory;
}

void HostDevice::free_block(void* memory, std::int64_t bytes) const {
  if (untouched_)
    munmap(memory, static_cast<std::size_t>(bytes));
  else
    device_free(memory);
}

void HostDevice::check() const {
  if (!broken_) return;
  throw Error(Status::device, facts_.name +
                                  " reported an illegal address earlier and is unusable in this "
                                  "process: start it again");
}

void* HostDevice::take(std::map<void*, std::int64_t>& blocks, std::int64_t bytes, std::string_view what) {
  check();
  refuse_in_capture("allocating memory");
  const std::lock_guard lock(mutex_);
  std::int64_t free = facts_.total_bytes;
  for (const auto& [memory, its_bytes] : device_blocks_) free -= its_bytes;
  if (refuse_after_ == 0) free = 0;
  if (refuse_after_ > 0) --refuse_after_;
  if (bytes > free) {
    throw Error(Status::out_of_memory, std::string(what) + " needs " + std::to_string(bytes) + " bytes of " +
                                           facts_.name + ", where " + std::to_string(free) +
                                           " are free: use a smaller size or batch");
  }
  void* memory = new_block(bytes);
  blocks.emplace(memory, bytes);
  ++allocations_;
  return memory;
}

void HostDevice::give(std::map<void*, std::int64_t>& blocks, void* memory) noexcept {
  const std::lock_guard lock(mutex_);
  try {
    refuse_in_capture("releasing memory");
    const auto block = blocks.extract(memory);
    if (block.empty()) throw std::logic_error("not a block of this device");
    free_block(memory, block.mapped());
  } catch (const std::exception&) {
    ++damaged_;
  }
}

void* HostDevice::allocate(std::int64_t bytes, std::string_view what) {
  return take(device_blocks_, bytes, what);
}
void HostDevice::release(void* memory) noexcept {
  give(device_blocks_, memory);
}
void* HostDevice::allocate_pinned(std::int64_t bytes, std::string_view what) {
  return take(pinned_blocks_, bytes, what);
}
void HostDevice::release_pinned(void* memory) noexcept {
  give(pinned_blocks_, memory);
}

std::int64_t HostDevice::device_bytes() const {
  const std::lock_guard lock(mutex_);
  std::int64_t bytes = 0;
  for (const auto& [memory, its_bytes] : device_blocks_) bytes += its_bytes;
  return bytes;
}

std::int64_t HostDevice::blocks() const {
  const std::lock_guard lock(mutex_);
  return static_cast<std::int64_t>(device_blocks_.size() + pinned_blocks_.size());
}

std::int64_t HostDevice::streams() const {
  const std::lock_guard lock(mutex_);
  return static_cast<std::int64_t>(streams_.size());
}

Stream HostDevice::create_stream() {
  check();
  auto made = std::make_shared<HostStream>();
  made->dry = dry_;
  const auto stream = reinterpret_cast<Stream>(made.get());
  const std::lock_guard lock(mutex_);
  streams_.emplace(stream, std::move(made));
  return stream;
}

// Work that nobody waited for is lost with the stream, as it is for one who never looks.
void HostDevice::destroy_stream(Stream stream) noexcept {
  const std::lock_guard lock(mutex_);
  streams_.erase(stream);
}

void HostDevice::synchronize(Stream stream) {
  check();
  refuse_in_capture("waiting for a stream");
  HostStream& s = host_stream(stream);
  s.run_until(s.end());
}

std::unique_ptr<cuda::Event> HostDevice::create_event() {
  check();
  return std::make_unique<HostEvent>();
}

std::unique_ptr<cuda::Clock> HostDevice::create_clock(std::size_t points) {
  check();
  refuse_in_capture("making a clock");
  return std::make_unique<HostClock>(points);
}

void HostDevice::copy(void* to, const void* from, std::int64_t bytes, Stream stream) {
  check();
  host_stream(stream).keep([this, to, from, bytes] {
    ++copies_;
    std::memcpy(to, from, static_cast<std::size_t>(bytes));
  });
}

void HostDevice::copy_rows(void* to, std::ptrdiff_t to_stride, const void* from, std::ptrdiff_t from_stride,
                           std::int64_t bytes, std::int64_t rows, Stream stream) {
  check();
  host_stream(stream).keep([this, to, to_stride, from, from_stride, bytes, rows] {
    ++copies_;
    for (std::int64_t row = 0; row < rows; ++row) {
      std::memcpy(static_cast<std::byte*>(to) + row * to_stride,
                  static_cast<const std::byte*>(from) + row * from_stride, static_cast<std::size_t>(bytes));
    }
  });
}

void HostDevice::fill_zero(void* to, std::int64_t bytes, Stream stream) {
  check();
  host_stream(stream).keep([to, bytes] { std::memset(to, 0, static_cast<std::size_t>(bytes)); });
}

void HostDevice::launch(const std::function<void()>& work) {
  check();
  try {
    work();
  } catch (const LaunchError& e) {
    throw Error(Status::device, facts_.name + ": starting a kernel failed: " + e.what());
  } catch (const std::length_error& e) {
    throw Error(Status::usage, facts_.name + ": " + e.what());
  }
}

std::unique_ptr<cuda::Recording> HostDevice::record(const std::function<void(Stream)>& work) {
  refuse_in_capture("a capture");
  const auto capture = std::make_shared<Capture>();
  const auto origin = std::make_shared<HostStream>();
  origin->join(capture);
  ++captures;
  const auto end = [&] {
    --captures;
    for (const auto& stream : capture->streams) stream->capture.reset();
  };
  try {
    launch([&] { work(reinterpret_cast<Stream>(origin.get())); });
  } catch (...) {
    end();
    throw;
  }
  end();
  // The origin must have waited for all: what another piece comes behind is waited for with that piece.
  std::vector<bool> waited(capture->pieces.size());
  const auto mark = [&](const std::vector<std::size_t>& after) {
    for (const std::size_t i : after) waited[i] = true;
  };
  for (const CapturedPiece& piece : capture->pieces) mark(piece.after);
  mark(origin->after);
  if (!std::ranges::all_of(waited, [](bool w) { return w; }))
    throw std::logic_error("a capture ends with work of another stream that nobody waited for");
  ++recordings_;
  return std::make_unique<HostRecording>(*this, std::move(capture->pieces));
}

}  // namespace cuhue::test

// What launch() of kernels/core/launch.cuh asks before it runs a kernel at once.
namespace simt {

bool keeps(CUstream_st* stream, const std::function<void()>& work) {
  if (stream == nullptr) return false;
  cuhue::test::host_stream(stream).keep(work);
  return true;
}

}  // namespace simt
