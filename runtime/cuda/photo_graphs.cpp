#include "runtime/cuda/photo_graphs.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <exception>
#include <string>
#include <utility>

#include "kernels/merge/merge.h"
#include "kernels/pack/pack.h"
#include "kernels/prepare/prepare.h"
#include "runtime/cuda/packed_photo.h"
#include "runtime/stopwatch.h"
#include "weights/status.h"

namespace cuhue::cuda {
namespace {

constexpr std::size_t kGraphs = 8;

bool through_pinned(const PhotoJob& job) {
  return !job.in_on_device || !job.out_on_device || job.gate.data != nullptr;
}

// Of one in pinned memory; nothing without a gate.
std::int64_t gate_bytes(const PhotoJob& packed) {
  return aligned_to(packed.gate.stride * packed.in.height, kPhotoAlignment);
}

// The result may take the photo's place.
bool in_place(const PhotoJob& packed) {
  return !packed.in_on_device && !packed.out_on_device && same_layout(packed.in, packed.out);
}

}  // namespace

void ask(const Poll& poll, double fraction) {
  if (poll && poll(fraction)) throw Error(Status::cancelled, "cancelled");
}

// What a photo is resized to.
struct PhotoGraphs::Extent {
  Extent(const PhotoJob& job, const Dims& input)
      : h(job.used_h > 0 ? job.used_h : input.h), w(job.used_w > 0 ? job.used_w : input.w) {}
  std::int64_t h, w;
  friend bool operator==(const Extent&, const Extent&) = default;
};

// Coefficients of the preparation for one size of photo.
struct PhotoGraphs::Tables {
  std::int64_t h = 0, w = 0;
  Extent plane;
  Memory memory;
};

struct PhotoGraphs::Image {
  PhotoRef in;  // as kernels see it
  MutablePhotoRef out;
  std::byte *pinned_in = nullptr, *pinned_out = nullptr;  // nullptr = the photo is on the device
  std::int64_t in_offset = 0, out_offset = 0;             // of the two in pinned memory
  GateRef gate;                                           // as kernels see it
  std::byte* pinned_gate = nullptr;                       // nullptr = none
  std::int64_t gate_offset = 0;
  std::shared_ptr<const Tables> tables;
};

struct PhotoGraphs::Graph {
  Kind kind;
  std::vector<Image> images;
  std::byte* scratch = nullptr;
  std::byte* side_scratch = nullptr;  // of what runs beside the preparation
  std::optional<Companion> companion;
  std::int64_t in_bytes = 0;  // photos and gates in pinned memory, from its start
  Memory map;                 // of an output that only exists as planes: channels last
  std::unique_ptr<Recording> recording;
};

PhotoGraphs::PhotoGraphs(BoundNetwork& network)
    : network_(network),
      not_finite_(network.shared_device(), sizeof(int), "a flag for colours that are not finite") {
  std::memset(not_finite_.data(), 0, sizeof(int));
}

PhotoGraphs::~PhotoGraphs() {
  try {
    network_.wait();
  } catch (const std::exception&) {  // the device is beyond running anything
  }
}

std::int64_t PhotoGraphs::bytes() const {
  std::int64_t bytes = device_memory_.bytes();
  for (const auto& graph : graphs_) {
    bytes += graph->map.bytes();
    if (graph->companion) bytes += graph->companion->bytes();
  }
  return bytes;
}

void PhotoGraphs::describe(const PhotoEnds& ends, std::span<const PhotoJob> jobs, const PhotoOptions& options,
                           BoundNetwork* companion) {
  asked_.input = network_.input(ends.input);
  asked_.output.reset();
  if (!ends.output.empty()) asked_.output = network_.output(ends.output);
  asked_.luminance = ends.luminance;
  asked_.fill = ends.fill;
  asked_.also.reset();
  if (!ends.also.empty()) {
    asked_.also = network_.output(ends.also);
    network_.make_staging();
  }
  asked_.companion = {};
  if (companion != nullptr)
    asked_.companion = Companion::ends(ends.companion, jobs.size(), *companion, network_);
  asked_.space = ends.space;
  asked_.chroma = options.chroma * ends.unit;
  asked_.limit = ends.limit;
  asked_.rounding = options.rounding;
  asked_.prepared = options.prepared && network_.keeps_inputs() && planes_.may_be_of(ends, jobs);
  const Dims in = network_.lowered().inputs[asked_.input].dims;
  const std::int64_t planes = color_planes(ends.space);
  const std::int64_t given = asked_.output ? network_.lowered().outputs[*asked_.output].dims.c : planes;
  if (in.c != 1 || given != planes || static_cast<std::int64_t>(jobs.size()) > in.n) {
    throw Error(Status::usage,
                "photos need a network of one luminance plane in and the colour planes out, "
                "compiled for as many images: '" +
                    std::string(ends.input) + "' and '" + std::string(ends.output) + "' are not such ends");
  }
  asked_.jobs.assign(jobs.begin(), jobs.end());
  for (PhotoJob& job : asked_.jobs) {
    if (!job.in_on_device) job.in = packed_photo(job.in);
    if (!asked_.output) job.out = {};
    if (!job.out_on_device) job.out = packed_photo(job.out);
    const bool gated = job.gate.data != nullptr;
    job.gate = {nullptr,
                gated ? static_cast<std::ptrdiff_t>(aligned_to(job.in.width, kPhotoRowAlignment)) : 0};
  }
}

PhotoGraphs::Graph* PhotoGraphs::find() {
  const auto found =
      std::ranges::find_if(graphs_, [this](const auto& graph) { return graph->kind == asked_; });
  if (found == graphs_.end()) return nullptr;
  std::rotate(graphs_.begin(), found, found + 1);
  return graphs_.front().get();
}

std::shared_ptr<const PhotoGraphs::Tables> PhotoGraphs::tables_for(const PhotoRef& photo,
                                                                   const Extent& plane) {
  for (const auto& graph : graphs_) {
    for (const Image& image : graph->images) {
      const auto& t = image.tables;
      if (t && t->h == photo.height && t->w == photo.width && t->plane == plane) return t;
    }
  }
  const auto bytes =
      static_cast<std::int64_t>(prepare_table_bytes(photo.height, photo.width, plane.h, plane.w));
  if (bytes == 0) return nullptr;
  const std::shared_ptr<Device>& device = network_.shared_device();
  auto tables = std::make_shared<Tables>(
      Tables{photo.height, photo.width, plane, Memory(device, bytes, "tables of a photo's size")});
  const PinnedMemory filled(device, bytes, "tables of a photo's size");
  fill_prepare_tables(photo.height, photo.width, plane.h, plane.w, filled.data());
  device->copy(tables->memory.data(), filled.data(), bytes, network_.own_stream());
  device->synchronize(network_.own_stream());
  return tables;
}

// Graphs hold addresses in what grows.
void PhotoGraphs::reserve(std::int64_t device_bytes, std::int64_t pinned_bytes) {
  if (device_bytes <= device_memory_.bytes() && pinned_bytes <= pinned_.bytes()) return;
  network_.wait();
  graphs_.clear();
  const std::shared_ptr<Device>& device = network_.shared_device();
  if (device_bytes > device_memory_.bytes()) {
    device_memory_ = Memory();  // before the larger one: both are the peak of memory
    device_memory_ = Memory(device, device_bytes, "the photos of a call");
  }
  if (pinned_bytes > pinned_.bytes()) {
    pinned_ = PinnedMemory();
    pinned_ = PinnedMemory(device, pinned_bytes, "the photos of a call");
  }
}

std::unique_ptr<PhotoGraphs::Graph> PhotoGraphs::make() {
  auto graph = std::make_unique<Graph>();
  graph->kind = asked_;
  const Dims input = network_.lowered().inputs[asked_.input].dims;
  std::int64_t photos = 0, scratch = 0;
  for (const PhotoJob& job : asked_.jobs) {
    Image& image = graph->images.emplace_back();
    image.in_offset = photos;
    if (!job.in_on_device) photos += packed_photo_bytes(job.in);
    image.gate_offset = photos;
    photos += gate_bytes(job);
    const Extent plane(job, input);
    scratch = std::max(scratch, static_cast<std::int64_t>(prepare_device_scratch_bytes(
                                    job.in.height, job.in.width, plane.h, plane.w)));
  }
  graph->in_bytes = photos;
  for (std::size_t i = 0; i < graph->images.size(); ++i) {
    const PhotoJob& job = asked_.jobs[i];
    Image& image = graph->images[i];
    image.out_offset = in_place(job) ? image.in_offset : photos;
    if (!job.out_on_device && !in_place(job)) photos += packed_photo_bytes(job.out);
  }
  const PhotoRef& first = asked_.jobs.front().in;
  const CompanionEnds& companion = asked_.companion;
  const bool accompanied = companion.network != nullptr && !asked_.prepared;
  const std::int64_t side_scratch =
      accompanied ? Companion::scratch_bytes(companion, first.height, first.width) : 0;
  // Where host and device share their memory, kernels work on the pinned photos.
  const bool integrated = network_.device().facts().integrated;
  const std::int64_t on_device = integrated ? 0 : photos;
  scratch = aligned_to(scratch, kPhotoAlignment);
  reserve(on_device + scratch + side_scratch, photos);
  graph->scratch = device_memory_.data() + on_device;
  graph->side_scratch = graph->scratch + scratch;
  if (accompanied) {
    graph->companion.emplace(companion, network_, first.height, first.width);
    if (!branch_) branch_ = std::make_unique<Branch>(network_.shared_device());
  }
  std::byte* const base = integrated ? pinned_.data() : device_memory_.data();
  for (std::size_t i = 0; i < graph->images.size(); ++i) {
    const PhotoJob& job = asked_.jobs[i];
    Image& image = graph->images[i];
    image.in = job.in_on_device ? job.in : photo_at(job.in, base + image.in_offset);
    image.out = job.out_on_device ? job.out : photo_at(job.out, base + image.out_offset);
    if (!job.in_on_device) image.pinned_in = pinned_.data() + image.in_offset;
    if (!job.out_on_device) image.pinned_out = pinned_.data() + image.out_offset;
    if (job.gate.stride > 0) {
      image.gate = {reinterpret_cast<const std::uint8_t*>(base + image.gate_offset), job.gate.stride};
      image.pinned_gate = pinned_.data() + image.gate_offset;
    }
  }
  for (std::size_t i = 0; i < graph->images.size(); ++i)
    graph->images[i].tables = tables_for(graph->images[i].in, Extent(asked_.jobs[i], input));
  if (asked_.output && left_out(asked_) == nullptr) {
    const Dims out = network_.lowered().outputs[*asked_.output].dims;
    graph->map =
        Memory(network_.shared_device(), out.count() * element_bytes(Element::f32), "a map of colours");
  }
  return graph;
}

void PhotoGraphs::keep(std::unique_ptr<Graph> graph) {
  if (graphs_.size() == kGraphs) {
    network_.wait();  // the oldest may be under way
    graphs_.pop_back();
  }
  graphs_.insert(graphs_.begin(), std::move(graph));
}

// The map that the merge upsamples itself, in place of the network's last steps; nullptr = all steps run:
// where there is no such map, or another output is wanted too.
const OutputMap* PhotoGraphs::left_out(const Kind& kind) const {
  if (!kind.output) return nullptr;
  const std::optional<OutputMap>& map = network_.lowered().maps[*kind.output];
  return map && !kind.also ? &*map : nullptr;
}

void PhotoGraphs::merge(const Graph& graph, Stream stream) const {
  MergeDeviceParams m;
  if (const OutputMap* map = left_out(graph.kind)) {
    m.ab = network_.tensor(map->map);
    m.upsampling = map->upsampling;
    m.factor = map->factor;
    m.scale = map->scale;
  } else {
    const Port& port = network_.lowered().outputs[*graph.kind.output];
    m.ab = dense_device_tensor(graph.map.data(), port.dims, Element::f32);
    pack_cuda({network_.planes(port), m.ab}, stream);
  }
  m.ab.dims.n = 1;
  m.chroma = graph.kind.chroma;
  m.limit = graph.kind.limit;
  m.rounding = graph.kind.rounding;
  m.space = graph.kind.space;
  m.not_finite = reinterpret_cast<int*>(not_finite_.data());
  const std::int64_t image_bytes = m.ab.pixels() * m.ab.pitch * element_bytes(m.ab.element);
  const Dims in = network_.lowered().inputs[graph.kind.input].dims;
  const Dims out = network_.lowered().outputs[*graph.kind.output].dims;
  for (std::size_t i = 0; i < graph.images.size(); ++i) {
    const PhotoJob& job = graph.kind.jobs[i];
    m.photo = graph.images[i].in;
    m.out = graph.images[i].out;
    m.gate = graph.images[i].gate;
    m.used_h = used_output(job.used_h, in.h, out.h);
    m.used_w = used_output(job.used_w, in.w, out.w);
    merge_cuda(m, stream);
    m.ab.data = static_cast<std::byte*>(m.ab.data) + image_bytes;
  }
}

// On the stream. A companion's network is in use as this one is.
void PhotoGraphs::launch(Graph& graph, Stream stream) {
  const auto put = [&] {
    network_.put(stream, [&] {
      if (graph.recording) {
        network_.launch(*graph.recording, stream);
      } else {
        // Step by step first: a library loads its code at the first launch, which a capture does not allow.
        network_.device().launch([&] { enqueue(graph, stream); });
      }
    });
  };
  if (graph.companion) {
    graph.kind.companion.network->put(stream, put);
  } else {
    put();
  }
}

void PhotoGraphs::enqueue(const Graph& graph, Stream stream) const {
  Device& device = network_.device();
  const bool copies = !device.facts().integrated;
  if (copies && graph.in_bytes > 0) {
    device.copy(device_memory_.data(), pinned_.data(), graph.in_bytes, stream);
  }
  enqueue_network(graph, stream);
  if (!graph.kind.output) {
    network_.download_outputs(stream);
    return;
  }
  merge(graph, stream);
  if (graph.kind.also) network_.download_output(*graph.kind.also, stream);
  if (!copies) return;
  for (const Image& image : graph.images) {
    if (image.pinned_out == nullptr) continue;
    device.copy(image.pinned_out, image.out.data, image.out.stride * image.out.height, stream);
  }
}

// From photos to the network's outputs. A companion runs beside what is kept: that does not read what it
// makes.
void PhotoGraphs::enqueue_network(const Graph& graph, Stream stream) const {
  const Lowered& lowered = network_.lowered();
  const std::size_t input = graph.kind.input;
  const bool accompanied = graph.kind.companion.network != nullptr;
  network_.upload_inputs(stream, {input, accompanied ? graph.kind.companion.into : input});
  if (graph.companion) {
    graph.companion->run(graph.images[0].in, graph.side_scratch, branch_->fork(stream));
    branch_->end();
  }
  if (!graph.kind.prepared) {
    prepare(graph, lowered.inputs[input], stream);
    network_.run_steps(0, lowered.kept_steps, stream);
  }
  if (graph.companion) branch_->join(stream);
  const OutputMap* map = left_out(graph.kind);
  network_.run_steps(lowered.kept_steps, map != nullptr ? map->first_step : lowered.steps.size(), stream);
}

void PhotoGraphs::prepare(const Graph& graph, const Port& input, Stream stream) const {
  PrepareDeviceParams p;
  p.padded_h = input.dims.h;
  p.padded_w = input.dims.w;
  p.luminance = graph.kind.luminance;
  p.fill = graph.kind.fill;
  p.out = network_.planes(input);
  p.scratch = graph.scratch;
  for (std::size_t i = 0; i < graph.images.size(); ++i) {
    const Image& image = graph.images[i];
    const Extent plane(graph.kind.jobs[i], input.dims);
    p.photo = image.in;
    p.out_h = plane.h;
    p.out_w = plane.w;
    p.tables = image.tables ? image.tables->memory.data() : nullptr;
    prepare_cuda(p, stream);
    p.out += input.dims.h * input.dims.w;
  }
}

// When no run is under way.
void PhotoGraphs::check_finite() {
  int found = 0;
  std::memcpy(&found, not_finite_.data(), sizeof found);
  if (found == 0) return;
  std::memset(not_finite_.data(), 0, sizeof found);
  throw Error(Status::weights, kColoursNotFinite);
}

// A photo and its gate to pinned memory.
void PhotoGraphs::copy_in(const PhotoJob& job, const Graph& graph, std::size_t index) {
  const Image& image = graph.images[index];
  if (image.pinned_gate != nullptr)
    copy_host_rows(image.pinned_gate, image.gate.stride, job.gate.data, job.gate.stride, job.in.width,
                   job.in.height);
  if (!job.in_on_device) pack_photo(job.in, graph.kind.jobs[index].in, image.pinned_in);
}

void PhotoGraphs::run(const PhotoEnds& ends, std::span<const PhotoJob> jobs, const PhotoOptions& options,
                      const Poll& poll, BoundNetwork* companion, PhotoTimings& timings) {
  Stopwatch watch;
  ask(poll, 0.0);
  describe(ends, jobs, options, companion);
  const bool pinned = !asked_.output || std::ranges::any_of(jobs, through_pinned);
  const bool waits = pinned || options.stream == nullptr;
  if (waits) network_.wait();  // for those that did not
  if (*reinterpret_cast<volatile int*>(not_finite_.data()) != 0) {
    network_.wait();
    check_finite();
  }
  if (network_.lowered().inputs.size() > 1 || !asked_.output) network_.make_staging();
  Graph* graph = find();
  std::unique_ptr<Graph> fresh;
  if (graph == nullptr) {
    fresh = make();
    graph = fresh.get();
  }
  for (std::size_t i = 0; i < jobs.size(); ++i) copy_in(jobs[i], *graph, i);
  timings.prepare = watch.lap();

  const Stream stream = options.stream != nullptr ? options.stream : network_.own_stream();
  planes_.forget();  // until they are known to be on their way
  launch(*graph, stream);
  planes_.set(ends, jobs);
  if (fresh) {
    fresh->recording = network_.device().record([&](Stream s) { enqueue(*fresh, s); });
    keep(std::move(fresh));
  }
  timings.finish = 0;
  if (waits) network_.wait();
  timings.network = watch.lap();
  if (!waits) return;
  check_finite();
  ask(poll, 1.0);
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    if (jobs[i].out_on_device || !asked_.output) continue;
    unpack_photo(graph->images[i].pinned_out, graph->images[i].out.stride, jobs[i].out);
  }
  timings.finish = watch.lap();
}

}  // namespace cuhue::cuda
