// A network beside another in one recorded launch: it sees the same photo, and its output is an input of the
// other. The two have arenas of their own, so nothing that runs at the same time shares memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "kernels/core/photo.h"
#include "runtime/cuda/bound_network.h"
#include "runtime/cuda/device.h"
#include "runtime/graph/backend.h"

namespace cuhue::cuda {

// A second stream, for work beside that of the first. Within Device::launch or record.
class Branch {
 public:
  explicit Branch(const std::shared_ptr<Device>& device)
      : side_(device), fork_(device->create_event()), join_(device->create_event()) {}
  // What is put on the stream that this returns comes behind what is on `stream` now ...
  Stream fork(Stream stream) {
    fork_->record(stream);
    fork_->hold(side_.get());
    return side_.get();
  }
  // ... up to here, and ahead of what `stream` is given after join().
  void end() { join_->record(side_.get()); }
  void join(Stream stream) { join_->hold(stream); }

 private:
  OwnedStream side_;
  std::unique_ptr<Event> fork_, join_;
};

// Which network, and its ends.
struct CompanionEnds {
  BoundNetwork* network = nullptr;  // nullptr = none
  std::size_t input = 0, output = 0;
  std::size_t into = 0;  // of the other network's inputs
  friend bool operator==(const CompanionEnds&, const CompanionEnds&) = default;
};

// Of one size of photo.
class Companion {
 public:
  // Error(Status::usage): ends that do not fit. Makes the network's staging, where its output goes.
  static CompanionEnds ends(const PhotoCompanion& companion, std::size_t photos, BoundNetwork& network,
                            const BoundNetwork& other);

  Companion(const CompanionEnds& ends, const BoundNetwork& other, std::int64_t photo_h, std::int64_t photo_w);

  // Device memory of the preparation, in use while other work of the graph runs.
  static std::int64_t scratch_bytes(const CompanionEnds& ends, std::int64_t photo_h, std::int64_t photo_w);

  // Within Device::launch or record: from the photo, as kernels see it, to the input of the other network.
  void run(const PhotoRef& photo, std::byte* scratch, Stream stream) const;
  std::int64_t bytes() const { return tables_.bytes(); }  // of device memory

 private:
  CompanionEnds ends_;
  float* into_;
  Memory tables_;
};

}  // namespace cuhue::cuda
