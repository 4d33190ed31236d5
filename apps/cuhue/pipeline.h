// Load, process, save: three groups of threads with bounded queues between them.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <optional>
#include <span>
#include <thread>
#include <utility>
#include <vector>

#include "apps/cuhue/options.h"

namespace cuhue::app {

// A queue that holds at most `capacity` items. close(): no more are coming; cancel(): nobody wants them.
template <class T>
class BoundedQueue {
 public:
  BoundedQueue(std::size_t capacity, int producers) : capacity_(capacity), producers_(producers) {}

  // Blocks while the queue is full. False after cancel(): the item is dropped.
  bool push(T item) {
    std::unique_lock lock(mutex_);
    space_.wait(lock, [&] { return items_.size() < capacity_ || cancelled_; });
    if (cancelled_) return false;
    items_.push_back(std::move(item));
    arrived_.notify_one();
    return true;
  }

  // Blocks until an item is there; nothing when the queue is closed and empty, or cancelled.
  std::optional<T> pop() {
    std::unique_lock lock(mutex_);
    arrived_.wait(lock, [&] { return !items_.empty() || producers_ == 0 || cancelled_; });
    if (items_.empty() || cancelled_) return std::nullopt;
    T item = std::move(items_.front());
    items_.pop_front();
    space_.notify_one();
    return item;
  }

  // Each producer calls this once, at its end.
  void producer_done() {
    const std::lock_guard lock(mutex_);
    if (--producers_ == 0) arrived_.notify_all();
  }

  void cancel() {
    const std::lock_guard lock(mutex_);
    cancelled_ = true;
    items_.clear();
    arrived_.notify_all();
    space_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable arrived_, space_;
  std::deque<T> items_;
  std::size_t capacity_;
  int producers_;
  bool cancelled_ = false;
};

// What the threads do. An exception from any of them stops all and leaves run_pipeline; what concerns one
// item only belongs into the item.
template <class T>
struct PipelineStages {
  std::function<T(std::size_t index)> load;
  // Before a worker's first item; worker 0 .. jobs.process-1.
  std::function<void(int worker)> set_up;
  std::function<void(int worker, std::span<T> items)> process;  // `batch` items, fewer only at the end
  std::function<void(T item)> save;
  std::function<bool()> stop;  // asked before each item is loaded
};

template <class T>
class Pipeline {
 public:
  Pipeline(std::size_t count, const Jobs& jobs, std::size_t batch, PipelineStages<T> stages)
      : count_(count),
        batch_(batch),
        jobs_(jobs),
        stages_(std::move(stages)),
        loaded_(batch + static_cast<std::size_t>(jobs.process - 1), jobs.load),
        processed_(static_cast<std::size_t>(jobs.save), jobs.process) {}

  // Returns when every item is saved, or rethrows the first exception after all threads ended.
  void run() {
    {
      std::vector<std::jthread> threads;
      threads.reserve(static_cast<std::size_t>(jobs_.load) + static_cast<std::size_t>(jobs_.process) +
                      static_cast<std::size_t>(jobs_.save));
      for (int i = 0; i < jobs_.load; ++i) threads.emplace_back([this] { guarded([&] { load(); }); });
      for (int i = 0; i < jobs_.save; ++i) threads.emplace_back([this] { guarded([&] { save(); }); });
      for (int i = 1; i < jobs_.process; ++i) {
        threads.emplace_back([this, i] { guarded([&] { process(i); }); });
      }
      guarded([&] { process(0); });  // the calling thread is worker 0
    }
    if (failure_) std::rethrow_exception(failure_);
  }

 private:
  template <class F>
  void guarded(F work) {
    try {
      work();
    } catch (...) {
      {
        const std::lock_guard lock(mutex_);
        if (!failure_) failure_ = std::current_exception();
      }
      loaded_.cancel();
      processed_.cancel();
    }
  }

  void load() {
    while (!stages_.stop()) {
      std::size_t index;
      {
        const std::lock_guard lock(mutex_);
        if (next_ == count_) break;
        index = next_++;
      }
      if (!loaded_.push(stages_.load(index))) break;
    }
    loaded_.producer_done();
  }

  // One worker at a time collects, so that batches are full whatever the threads' timing.
  std::vector<T> collect() {
    const std::lock_guard lock(collect_mutex_);
    std::vector<T> items;
    while (items.size() < batch_) {
      std::optional<T> item = loaded_.pop();
      if (!item) break;
      items.push_back(std::move(*item));
    }
    return items;
  }

  void process(int worker) {
    stages_.set_up(worker);
    while (true) {
      std::vector<T> items = collect();
      if (items.empty()) break;
      stages_.process(worker, items);
      for (T& item : items) {
        if (!processed_.push(std::move(item))) return;
      }
    }
    processed_.producer_done();
  }

  void save() {
    while (std::optional<T> item = processed_.pop()) stages_.save(std::move(*item));
  }

  std::size_t count_, batch_, next_ = 0;
  Jobs jobs_;
  PipelineStages<T> stages_;
  BoundedQueue<T> loaded_, processed_;
  std::mutex mutex_, collect_mutex_;
  std::exception_ptr failure_;
};

}  // namespace cuhue::app
