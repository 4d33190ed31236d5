#include "runtime/cuda/bound_network.h"

#include <algorithm>
#include <exception>
#include <string>
#include <utility>

#include "weights/status.h"

namespace cuhue::cuda {
namespace {

std::int64_t aligned(std::int64_t bytes) {
  return (bytes + kDeviceAlignment - 1) / kDeviceAlignment * kDeviceAlignment;
}

std::int64_t bytes_of(const Port& port) {
  return port.dims.count() * element_bytes(Element::f32);
}

std::size_t index_of(const std::vector<Port>& ports, std::string_view name, const char* what) {
  std::string known;
  for (std::size_t i = 0; i < ports.size(); ++i) {
    if (ports[i].name == name) return i;
  }
  for (const Port& port : ports) known += (known.empty() ? "" : ", ") + port.name;
  throw Error(Status::usage, std::string("no ") + what + " named " + std::string(name) +
                                 " in this network: it has " + known);
}

}  // namespace

BoundNetwork::BoundNetwork(NetworkParts parts, Lowered lowered)
    : parts_(std::move(parts)),
      lowered_(std::move(lowered)),
      plan_(plan_memory(lowered_.buffers, kDeviceAlignment)),
      arena_(parts_.device, plan_.arena_bytes, "the arena of this network and size"),
      stream_(parts_.device),
      latest_(parts_.device->create_event()) {
  const Addresses at(arena_.data(), plan_.offsets);
  // Libraries prepare their plans here, and launch kernels to do so.
  parts_.device->launch([&] {
    for (PlannedStep& step : lowered_.steps) step.step->bind(at);
  });
}

BoundNetwork::~BoundNetwork() {
  try {
    wait();
  } catch (const std::exception&) {  // the device is beyond running anything
  }
}

std::size_t BoundNetwork::input(std::string_view name) const {
  return index_of(lowered_.inputs, name, "input");
}
std::size_t BoundNetwork::output(std::string_view name) const {
  return index_of(lowered_.outputs, name, "output");
}

float* BoundNetwork::planes(const Port& port) const {
  return reinterpret_cast<float*>(Addresses(arena_.data(), plan_.offsets).bytes(port.buffer));
}

DeviceTensor BoundNetwork::tensor(const Place& place) const {
  return Addresses(arena_.data(), plan_.offsets).tensor(place);
}

void BoundNetwork::make_staging() {
  if (staging_.data() != nullptr) return;
  std::int64_t bytes = 0;
  const auto place = [&bytes](const std::vector<Port>& ports, std::vector<std::int64_t>& offsets) {
    offsets.clear();
    for (const Port& port : ports) {
      offsets.push_back(bytes);
      bytes += aligned(bytes_of(port));
    }
  };
  place(lowered_.inputs, input_offsets_);
  place(lowered_.outputs, output_offsets_);
  staging_ = PinnedMemory(parts_.device, bytes, "staging of a network's inputs and outputs");
}

TensorRef BoundNetwork::staged_input(std::size_t index) {
  make_staging();
  return dense_tensor(reinterpret_cast<float*>(staging_.data() + input_offsets_[index]),
                      lowered_.inputs[index].dims);
}

TensorRef BoundNetwork::staged_output(std::size_t index) {
  make_staging();
  return dense_tensor(reinterpret_cast<float*>(staging_.data() + output_offsets_[index]),
                      lowered_.outputs[index].dims);
}

void BoundNetwork::run_steps(std::size_t begin, std::size_t end, Stream stream) const {
  for (std::size_t i = begin; i < end; ++i) lowered_.steps[i].step->run(stream);
}

void BoundNetwork::upload_inputs(Stream stream, std::initializer_list<std::size_t> without) const {
  if (staging_.data() == nullptr) return;
  for (std::size_t i = 0; i < lowered_.inputs.size(); ++i) {
    if (std::ranges::find(without, i) != without.end()) continue;
    const Port& port = lowered_.inputs[i];
    parts_.device->copy(planes(port), staging_.data() + input_offsets_[i], bytes_of(port), stream);
  }
}

void BoundNetwork::download_outputs(Stream stream) const {
  for (std::size_t i = 0; i < lowered_.outputs.size(); ++i) download_output(i, stream);
}

void BoundNetwork::download_output(std::size_t index, Stream stream) const {
  const Port& port = lowered_.outputs[index];
  parts_.device->copy(staging_.data() + output_offsets_[index], planes(port), bytes_of(port), stream);
}

// What came onto the stream before the failure still uses the arena.
void BoundNetwork::mark_failed(Stream stream) noexcept {
  try {
    latest_->record(stream);
  } catch (const std::exception&) {  // the next call fails with the device
  }
}

void BoundNetwork::wait() {
  if (!pending_) return;
  latest_->synchronize();
  pending_ = false;
}

}  // namespace cuhue::cuda
