// A photo and parts of it, each through a network by itself, and their colours fused on the photo, as one
// piece of work on one device.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string_view>

#include "kernels/core/photo.h"
#include "kernels/core/stream.h"
#include "kernels/fuse/fuse.h"
#include "kernels/merge/merge.h"
#include "kernels/prepare/prepare.h"
#include "runtime/graph/graph.h"
#include "runtime/graph/poll.h"

namespace cuhue {

// A part of the photo that gets colours by itself.
struct PatchBox {
  std::int32_t x = 0, y = 0, w = 0, h = 0;
  friend bool operator==(const PatchBox&, const PatchBox&) = default;
};

// Batches are powers of two, so that any number of crops is a few of them without an image too many, and no
// number needs a program of its own.
constexpr std::int64_t kMostPatchBatch = 8;

// The largest batch whose programs, all smaller ones with it, take at most `most_bytes`; one image is always
// possible. one: bytes of the program of one image.
constexpr std::int64_t largest_patch_batch(double one, double most_bytes) {
  std::int64_t batch = 1, all = 1;  // images in all programs
  while (batch < kMostPatchBatch && static_cast<double>(all + 2 * batch) * one <= most_bytes) {
    batch *= 2;
    all += batch;
  }
  return batch;
}

struct PatchNetwork {
  // The graph for a batch: `input` [batch, 1, h, w] of luminance -> `output` [batch, 2, h, w], a and b of CIE
  // Lab, the only output. Called when a batch of that size first comes up.
  std::function<Graph(std::int64_t batch)> graph;
  std::string_view input, output;
  Luminance luminance = Luminance::cie_l;
};

struct PatchRequest {
  PhotoRef photo;       // any format
  MutablePhotoRef out;  // size and sample size of photo; may be the photo itself
  bool in_on_device = false, out_on_device = false;
  std::span<const PatchBox> boxes;      // the whole photo, then others, each once
  std::span<const FuseObject> objects;  // `map` is the place of its box
  std::span<const std::uint8_t> coverage;
  float chroma = 1.0f;
  Saturation saturation = Saturation::kept;
  double most_bytes = 0;  // that the programs of all batch sizes may take
  bool kept = false;      // the photo is that of the latest run: boxes that it had are not coloured again
  // The caller's, ordered with what he put on it before; with photo and result on the device the run may come
  // back before its work is done. nullptr: one of the program's own, done on return.
  Stream stream = nullptr;
};

struct PatchTimings {  // seconds
  double compile = 0, prepare = 0, network = 0, finish = 0;
};

struct PatchCounts {
  std::int64_t allocations = 0;  // of device and pinned memory by this device's user, since the start
  std::int64_t launches = 0;     // of recorded graphs by this program
  std::int64_t crops = 0;        // that the latest run sent through the network
};

// Not thread-safe. A repeated run over a photo of the same size allocates nothing, unless it has more boxes,
// objects or pixels of masks than any before.
class PatchProgram {
 public:
  virtual ~PatchProgram() = default;
  // `poll` is asked with the fraction of the batches that are on their way. Error(Status::weights) when the
  // colours of a box are not finite numbers, seen or not: by this run, or, where it came back before it was
  // done, by a later one.
  virtual void run(const PatchRequest& request, const Poll& poll, PatchTimings& timings) = 0;
  virtual std::int64_t arena_bytes() const = 0;
  virtual PatchCounts counts() const = 0;
};

}  // namespace cuhue
