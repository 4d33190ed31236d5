#include "runtime/cuda/patch_program.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <exception>
#include <string>
#include <utility>
#include <vector>

#include "kernels/core/parallel.h"
#include "runtime/cuda/packed_photo.h"
#include "runtime/cuda/photo_graphs.h"
#include "runtime/stopwatch.h"
#include "weights/status.h"

namespace cuhue::cuda {
namespace {

constexpr std::size_t kKinds = 4;
constexpr std::size_t kBatchSizes = std::bit_width(static_cast<unsigned>(kMostPatchBatch));
constexpr std::size_t kFewestObjects = 32;

std::int64_t aligned(std::int64_t bytes) {
  return aligned_to(bytes, kDeviceAlignment);
}

std::size_t index_of(std::int64_t batch) {
  return static_cast<std::size_t>(std::countr_zero(static_cast<std::uint64_t>(batch)));
}

// What a batch reads beside the photo, in one block that is copied in front of it.
struct BatchBlock {
  std::int64_t places = 0, tables = 0;  // crops are in front
  explicit BatchBlock(std::int64_t batch)
      : places(aligned(batch * static_cast<std::int64_t>(sizeof(PrepareCrop)))),
        tables(places + aligned(batch * std::int64_t{4})) {}
};

// A batch of a run, and where its block is in pinned memory.
struct Batch {
  std::int64_t size = 0;
  std::int64_t at = 0, bytes = 0;
};

// A recording cannot hold a whole run: how many boxes there are differs from photo to photo, and with that
// the batches. So there is one for each size of batch and one for what follows all of them. All they read
// that differs from run to run lies in device memory at fixed places: crops, their tables and where their
// maps go are copied there in front of each batch, objects and coverage in front of the end. Objects are as
// many as there is room for, the last of them empty.
class CudaPatchProgram final : public PatchProgram {
 public:
  CudaPatchProgram(const NetworkParts& parts, PatchNetwork network, std::function<Lowered(Graph)> lower,
                   int threads)
      : device_(parts.device),
        parts_(parts),
        network_(std::move(network)),
        lower_(std::move(lower)),
        threads_(threads),
        stream_(device_),
        latest_(device_->create_event()),
        not_finite_(device_, sizeof(int), "a flag for colours that are not finite") {
    std::memset(not_finite_.data(), 0, sizeof(int));
  }
  ~CudaPatchProgram() override {
    try {
      wait();
    } catch (const std::exception&) {  // the device is beyond running anything
    }
  }

  void run(const PatchRequest& request, const Poll& poll, PatchTimings& timings) override;
  std::int64_t arena_bytes() const override;
  PatchCounts counts() const override {
    return {device_->allocations(), launches_, static_cast<std::int64_t>(missing_.size())};
  }

 private:
  // Everything recordings depend on, beside addresses of the program's own. Photos that pass through pinned
  // memory are as they are packed there, at 0.
  struct Kind {
    PhotoRef in;
    MutablePhotoRef out;
    bool in_on_device = false, out_on_device = false;
    float chroma = 1.0f;
    Saturation saturation = Saturation::kept;
    friend bool operator==(const Kind&, const Kind&) = default;

    bool in_place() const { return !in_on_device && !out_on_device && same_layout(in, out); }
    std::int64_t in_bytes() const { return in_on_device ? 0 : packed_photo_bytes(in); }
    std::int64_t out_at() const { return in_place() ? 0 : in_bytes(); }
    std::int64_t bytes() const {
      return in_place() || out_on_device ? in_bytes() : in_bytes() + packed_photo_bytes(out);
    }
  };
  struct Graphs {
    Kind kind;
    std::array<std::unique_ptr<Recording>, kBatchSizes> batches;
    std::unique_ptr<Recording> finish;
  };

  BoundNetwork& network(std::int64_t batch);
  static Kind kind_of(const PatchRequest& request);
  Graphs& graphs_of(const Kind& kind);
  void find_places(const PatchRequest& request);
  void plan_batches(double most_bytes);
  void reserve(const PatchRequest& request, const Kind& kind);
  // ---- true = what recordings hold is elsewhere now
  bool reserve_batches(const PatchRequest& request);
  bool reserve_objects(const PatchRequest& request);
  bool reserve_maps();
  template <class Owned>
  bool grow(Owned& memory, std::int64_t bytes, const char* what);
  // ----
  void stage(const PatchRequest& request, const Kind& kind);
  void put(Graphs& graphs, const PatchRequest& request, const Poll& poll, Stream stream);
  void enqueue(Graphs& graphs, const PatchRequest& request, const Poll& poll, Stream stream);
  void enqueue_batch(const Kind& kind, std::int64_t batch, Stream stream) const;
  void enqueue_finish(const Kind& kind, Stream stream) const;
  template <class Work>
  void launch(std::unique_ptr<Recording>& recording, Stream stream, Work&& work);
  void wait();
  void check_finite();

  std::byte* photos() const { return device_->facts().integrated ? pinned_photos_.data() : photos_.data(); }
  PhotoRef photo_of(const Kind& k) const { return k.in_on_device ? k.in : photo_at(k.in, photos()); }
  MutablePhotoRef result_of(const Kind& k) const {
    return k.out_on_device ? k.out : photo_at(k.out, photos() + k.out_at());
  }
  int* flag() const { return reinterpret_cast<int*>(not_finite_.data()); }
  Dims map() const { return networks_[0]->lowered().outputs[0].dims; }
  std::int64_t map_floats() const { return map().c * map().h * map().w; }
  std::int64_t coverage_at() const {
    return aligned(static_cast<std::int64_t>(object_room_ * sizeof(FuseObject)));
  }

  std::shared_ptr<Device> device_;
  NetworkParts parts_;
  PatchNetwork network_;
  std::function<Lowered(Graph)> lower_;
  int threads_;
  OwnedStream stream_;
  std::unique_ptr<Event> latest_;
  bool pending_ = false;     // a run may still be under way
  PinnedMemory not_finite_;  // int, set by kernels, reset here

  std::array<std::unique_ptr<BoundNetwork>, kBatchSizes> networks_;
  std::vector<std::unique_ptr<Graphs>> graphs_;  // most recently used first
  std::int64_t launches_ = 0;

  Memory photos_, work_, maps_, objects_;
  PinnedMemory pinned_photos_, pinned_batches_, pinned_objects_;
  std::int64_t scratch_at_ = 0, fused_at_ = 0;  // in work_, behind the block of a batch
  std::size_t object_room_ = 0;                 // objects; coverage is behind them

  std::vector<PatchBox> held_;        // whose map is at each place of maps_; of no width: nobody's
  std::vector<std::int32_t> places_;  // of this run's boxes
  std::vector<std::size_t> missing_;  // of its boxes those that have no map yet
  std::vector<Batch> batches_;        // of this run
  std::vector<PrepareCrop> crops_;    // of all of its batches
};

std::int64_t CudaPatchProgram::arena_bytes() const {
  std::int64_t bytes = photos_.bytes() + work_.bytes() + maps_.bytes() + objects_.bytes();
  for (const auto& n : networks_) bytes += n ? n->arena_bytes() : 0;
  return bytes;
}

BoundNetwork& CudaPatchProgram::network(std::int64_t batch) {
  auto& bound = networks_[index_of(batch)];
  if (bound) return *bound;
  Lowered lowered = lower_(network_.graph(batch));
  const Dims in = lowered.inputs[0].dims, out = lowered.outputs[0].dims;
  if (in.n != batch || in.c != 1 || out.n != batch || out.c != 2 ||
      lowered.inputs[0].name != network_.input || lowered.outputs[0].name != network_.output) {
    throw Error(Status::usage, "patches need a network of one luminance plane '" +
                                   std::string(network_.input) + "' and two planes of colour '" +
                                   std::string(network_.output) + "', compiled for as many images");
  }
  bound = std::make_unique<BoundNetwork>(parts_, std::move(lowered));
  return *bound;
}

CudaPatchProgram::Kind CudaPatchProgram::kind_of(const PatchRequest& r) {
  Kind k{r.photo, r.out, r.in_on_device, r.out_on_device, r.chroma, r.saturation};
  if (!k.in_on_device) k.in = packed_photo(k.in);
  if (!k.out_on_device) k.out = packed_photo(k.out);
  return k;
}

CudaPatchProgram::Graphs& CudaPatchProgram::graphs_of(const Kind& kind) {
  const auto found = std::ranges::find_if(graphs_, [&](const auto& g) { return g->kind == kind; });
  if (found != graphs_.end()) {
    std::rotate(graphs_.begin(), found, found + 1);
    return *graphs_.front();
  }
  if (graphs_.size() == kKinds) graphs_.pop_back();
  auto fresh = std::make_unique<Graphs>();
  fresh->kind = kind;
  return **graphs_.insert(graphs_.begin(), std::move(fresh));
}

// Boxes whose maps are there keep their places; the others get free ones, the whole photo the first. Nobody
// holds anything until the run is known to be on its way.
void CudaPatchProgram::find_places(const PatchRequest& request) {
  const std::span<const PatchBox> boxes = request.boxes;
  const bool kept = request.kept && !held_.empty() && held_[0] == boxes[0];
  if (!kept) std::ranges::fill(held_, PatchBox{});
  if (held_.size() < boxes.size()) held_.resize(boxes.size());
  places_.assign(boxes.size(), -1);
  missing_.clear();
  for (std::size_t i = 0; i < boxes.size(); ++i) {
    const auto found = std::ranges::find(held_, boxes[i]);
    if (found == held_.end()) {
      missing_.push_back(i);
    } else {
      places_[i] = static_cast<std::int32_t>(found - held_.begin());
    }
  }
  std::int32_t next = 0;
  for (const std::size_t i : missing_) {
    while (std::ranges::find(places_, next) != places_.end()) ++next;
    places_[i] = next;
  }
  std::ranges::fill(held_, PatchBox{});
}

void CudaPatchProgram::plan_batches(double most_bytes) {
  batches_.clear();
  const auto one = static_cast<double>(network(1).arena_bytes());
  const auto count = static_cast<std::int64_t>(missing_.size());
  for (std::int64_t done = 0, batch = largest_patch_batch(one, most_bytes); done < count; done += batch) {
    while (batch > count - done) batch /= 2;
    network(batch);
    batches_.push_back({batch});
  }
}

template <class Owned>
bool CudaPatchProgram::grow(Owned& memory, std::int64_t bytes, const char* what) {
  if (bytes <= memory.bytes()) return false;
  memory = Owned();  // before the larger one: both are the peak of memory
  memory = Owned(device_, bytes, what);
  return true;
}

// Those that are kept move along.
bool CudaPatchProgram::reserve_maps() {
  const std::int64_t bytes = static_cast<std::int64_t>(held_.size()) * map_floats() * 4;
  const char* what = "the colours of boxes";
  if (bytes <= maps_.bytes() || missing_.size() == places_.size()) return grow(maps_, bytes, what);
  Memory larger(device_, bytes, what);
  device_->copy(larger.data(), maps_.data(), maps_.bytes(), stream_.get());
  device_->synchronize(stream_.get());
  maps_ = std::move(larger);
  return true;
}

// Plans where the batches' blocks are. Blocks and scratch are as large as the photo as a whole would need
// in place of each crop, so that other boxes need no more.
bool CudaPatchProgram::reserve_batches(const PatchRequest& request) {
  const Dims plane = networks_[0]->lowered().inputs[0].dims;
  const std::int64_t h = request.photo.height, w = request.photo.width;
  crops_.clear();
  for (const std::size_t i : missing_) {
    const PatchBox& b = request.boxes[i];
    crops_.push_back({b.x, b.y, b.w, b.h, 0, 0});
  }
  std::array<PrepareCrop, kMostPatchBatch> whole;
  whole.fill({0, 0, static_cast<std::int32_t>(w), static_cast<std::int32_t>(h), 0, 0});
  std::int64_t block = 0, scratch = 0, pinned = 0;
  std::size_t first = 0;
  for (Batch& batch : batches_) {
    const auto size = static_cast<std::size_t>(batch.size);
    const CropsMemory own = place_crops(std::span(crops_).subspan(first, size), plane.h, plane.w);
    const CropsMemory most = place_crops(std::span(whole).first(size), plane.h, plane.w);
    const std::int64_t tables = BatchBlock(batch.size).tables;
    batch.at = pinned;
    batch.bytes = tables + static_cast<std::int64_t>(own.tables);
    const std::int64_t room = tables + static_cast<std::int64_t>(std::max(own.tables, most.tables));
    block = std::max(block, room);
    scratch = std::max(scratch, static_cast<std::int64_t>(std::max(own.scratch, most.scratch)));
    pinned += aligned(room);
    first += size;
  }
  grow(pinned_batches_, pinned, "staging of crops");
  const bool moved = block > scratch_at_ || scratch > fused_at_ - scratch_at_;
  scratch_at_ = std::max(scratch_at_, aligned(block));
  fused_at_ = std::max(fused_at_, scratch_at_ + aligned(scratch));
  return grow(work_, fused_at_ + h * w * 8, "crops and the fused colours of a photo") || moved;
}

bool CudaPatchProgram::reserve_objects(const PatchRequest& request) {
  const std::size_t room = std::max(std::bit_ceil(request.objects.size()), kFewestObjects);
  const bool moved = room > object_room_;
  object_room_ = std::max(room, object_room_);
  const std::int64_t bytes =
      coverage_at() + static_cast<std::int64_t>(std::bit_ceil(request.coverage.size()));
  grow(pinned_objects_, bytes, "staging of objects and their masks");
  return grow(objects_, bytes, "objects and their masks") || moved;
}

void CudaPatchProgram::reserve(const PatchRequest& request, const Kind& kind) {
  bool moved = reserve_batches(request);
  moved |= reserve_objects(request);
  moved |= reserve_maps();
  moved |= grow(pinned_photos_, kind.bytes(), "staging of a photo and its result");
  if (!device_->facts().integrated) moved |= grow(photos_, kind.bytes(), "a photo and its result");
  if (moved) graphs_.clear();  // recordings hold addresses
}

// To pinned memory, and from there on the stream.
void CudaPatchProgram::stage(const PatchRequest& request, const Kind& kind) {
  if (!kind.in_on_device) pack_photo(request.photo, kind.in, pinned_photos_.data());
  const Dims plane = networks_[0]->lowered().inputs[0].dims;
  std::size_t first = 0;
  for (const Batch& batch : batches_) {
    const auto size = static_cast<std::size_t>(batch.size);
    const std::span<const PrepareCrop> crops = std::span(crops_).subspan(first, size);
    const BatchBlock block(batch.size);
    std::byte* to = pinned_batches_.data() + batch.at;
    std::memcpy(to, crops.data(), crops.size_bytes());
    for (std::size_t i = 0; i < size; ++i)
      std::memcpy(to + block.places + 4 * i, &places_[missing_[first + i]], 4);
    fill_crop_tables(crops, plane.h, plane.w, to + block.tables);
    first += size;
  }
  std::byte* to = pinned_objects_.data();
  for (std::size_t i = 0; i < object_room_; ++i) {
    FuseObject o;  // of no extent: at no pixel
    if (i < request.objects.size()) {
      o = request.objects[i];
      o.map = places_[static_cast<std::size_t>(o.map)];
    }
    std::memcpy(to + i * sizeof o, &o, sizeof o);
  }
  if (!request.coverage.empty())
    std::memcpy(to + coverage_at(), request.coverage.data(), request.coverage.size());
}

void CudaPatchProgram::enqueue_batch(const Kind& kind, std::int64_t batch, Stream stream) const {
  const BoundNetwork& n = *networks_[index_of(batch)];
  const Dims in = n.lowered().inputs[0].dims;
  const BatchBlock block(batch);
  PrepareCropsDeviceParams p;
  p.photo = photo_of(kind);
  p.crops = reinterpret_cast<const PrepareCrop*>(work_.data());
  p.count = static_cast<int>(batch);
  p.largest_w = static_cast<std::int32_t>(kind.in.width);
  p.largest_h = static_cast<std::int32_t>(kind.in.height);
  p.out_h = in.h;
  p.out_w = in.w;
  p.luminance = network_.luminance;
  p.out = n.planes(n.lowered().inputs[0]);
  p.tables = work_.data() + block.tables;
  p.scratch = work_.data() + scratch_at_;
  prepare_crops_cuda(p, stream);
  n.run_steps(0, n.lowered().steps.size(), stream);
  KeepMapsParams k;
  k.from = n.planes(n.lowered().outputs[0]);
  k.floats = map_floats();
  k.count = p.count;
  k.places = reinterpret_cast<const std::int32_t*>(work_.data() + block.places);
  k.maps = reinterpret_cast<float*>(maps_.data());
  k.not_finite = flag();
  keep_maps_cuda(k, stream);
}

void CudaPatchProgram::enqueue_finish(const Kind& kind, Stream stream) const {
  const std::int64_t h = kind.in.height, w = kind.in.width;
  auto* fused = reinterpret_cast<float*>(work_.data() + fused_at_);
  FuseDeviceParams f;
  f.maps = reinterpret_cast<const float*>(maps_.data());
  f.map_h = map().h;
  f.map_w = map().w;
  f.h = h;
  f.w = w;
  f.objects = reinterpret_cast<const FuseObject*>(objects_.data());
  f.object_count = static_cast<int>(object_room_);
  f.coverage = reinterpret_cast<const std::uint8_t*>(objects_.data() + coverage_at());
  f.out = fused;
  fuse_cuda(f, stream);
  MergeDeviceParams m;
  m.photo = photo_of(kind);
  m.out = result_of(kind);
  m.ab = dense_device_tensor(fused, {1, 2, h, w}, Element::f32);
  m.chroma = kind.chroma;
  m.saturation = kind.saturation;
  merge_cuda(m, stream);
  if (kind.out_on_device || device_->facts().integrated) return;
  device_->copy(pinned_photos_.data() + kind.out_at(), m.out.data, m.out.stride * h, stream);
}

// Step by step first: a library loads its code at the first launch, which a capture does not allow.
template <class Work>
void CudaPatchProgram::launch(std::unique_ptr<Recording>& recording, Stream stream, Work&& work) {
  if (recording) {
    ++launches_;
    device_->launch([&] { recording->launch(stream); });
    return;
  }
  device_->launch([&] { work(stream); });
  recording = device_->record([&](Stream s) { work(s); });
}

void CudaPatchProgram::enqueue(Graphs& graphs, const PatchRequest& request, const Poll& poll, Stream stream) {
  const Kind& kind = graphs.kind;
  if (!kind.in_on_device && !device_->facts().integrated)
    device_->copy(photos_.data(), pinned_photos_.data(), kind.in_bytes(), stream);
  std::int64_t done = 0;
  for (const Batch& batch : batches_) {
    ask(poll, static_cast<double>(done) / static_cast<double>(missing_.size()));
    device_->copy(work_.data(), pinned_batches_.data() + batch.at, batch.bytes, stream);
    launch(graphs.batches[index_of(batch.size)], stream,
           [&](Stream s) { enqueue_batch(kind, batch.size, s); });
    done += batch.size;
  }
  device_->copy(objects_.data(), pinned_objects_.data(),
                coverage_at() + static_cast<std::int64_t>(request.coverage.size()), stream);
  launch(graphs.finish, stream, [&](Stream s) { enqueue_finish(kind, s); });
}

void CudaPatchProgram::put(Graphs& graphs, const PatchRequest& request, const Poll& poll, Stream stream) {
  pending_ = true;
  try {
    enqueue(graphs, request, poll, stream);
  } catch (...) {  // what came onto the stream before still uses the memory
    try {
      latest_->record(stream);
    } catch (const std::exception&) {  // the next run fails with the device
    }
    throw;
  }
  latest_->record(stream);
}

void CudaPatchProgram::wait() {
  if (!pending_) return;
  latest_->synchronize();
  pending_ = false;
}

// When no run is under way.
void CudaPatchProgram::check_finite() {
  int found = 0;
  std::memcpy(&found, not_finite_.data(), sizeof found);
  if (found == 0) return;
  std::memset(not_finite_.data(), 0, sizeof found);
  std::ranges::fill(held_, PatchBox{});
  throw Error(Status::weights, kColoursNotFinite);
}

void CudaPatchProgram::run(const PatchRequest& request, const Poll& poll, PatchTimings& timings) {
  const ThreadScope scope(threads_);
  Stopwatch watch;
  timings = {};
  ask(poll, 0.0);
  wait();  // for a run that came back before: pinned memory is written below
  check_finite();
  find_places(request);
  plan_batches(request.most_bytes);
  timings.compile = watch.lap();
  const Kind kind = kind_of(request);
  reserve(request, kind);
  stage(request, kind);
  timings.prepare = watch.lap();
  put(graphs_of(kind), request, poll, request.stream != nullptr ? request.stream : stream_.get());
  const bool waits = !kind.in_on_device || !kind.out_on_device || request.stream == nullptr;
  if (waits) wait();
  timings.network = watch.lap();
  if (waits) check_finite();
  for (std::size_t i = 0; i < places_.size(); ++i)
    held_[static_cast<std::size_t>(places_[i])] = request.boxes[i];
  if (!kind.out_on_device) unpack_photo(pinned_photos_.data() + kind.out_at(), kind.out.stride, request.out);
  timings.finish = watch.lap();
}

}  // namespace

std::unique_ptr<PatchProgram> make_patch_program(const NetworkParts& parts, PatchNetwork network,
                                                 std::function<Lowered(Graph)> lower, int threads) {
  return std::make_unique<CudaPatchProgram>(parts, std::move(network), std::move(lower), threads);
}

}  // namespace cuhue::cuda
