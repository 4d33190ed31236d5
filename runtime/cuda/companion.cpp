#include "runtime/cuda/companion.h"

#include "kernels/letterbox/letterbox.h"
#include "runtime/graph/companion.h"
#include "weights/status.h"

namespace cuhue::cuda {
namespace {

const Port& input_of(const CompanionEnds& ends) {
  return ends.network->lowered().inputs[ends.input];
}

Memory make_tables(BoundNetwork& network, std::int64_t h, std::int64_t w, std::int64_t side) {
  const auto bytes = static_cast<std::int64_t>(letterbox_table_bytes(h, w, side));
  if (bytes == 0) return {};
  const std::shared_ptr<Device>& device = network.shared_device();
  Memory tables(device, bytes, "tables of a photo's size");
  const PinnedMemory filled(device, bytes, "tables of a photo's size");
  fill_letterbox_tables(h, w, side, filled.data());
  device->copy(tables.data(), filled.data(), bytes, network.own_stream());
  device->synchronize(network.own_stream());
  return tables;
}

}  // namespace

CompanionEnds Companion::ends(const PhotoCompanion& companion, std::size_t photos, BoundNetwork& network,
                              const BoundNetwork& other) {
  const CompanionEnds ends{&network, network.input(companion.input), network.output(companion.output),
                           other.input(companion.into)};
  check_companion(companion, photos, input_of(ends).dims, network.lowered().outputs[ends.output].dims,
                  other.lowered().inputs[ends.into].dims);
  if (ends.into < other.lowered().kept_inputs)
    throw Error(Status::usage, "what a companion makes is not kept beside the photo: compile without that");
  network.make_staging();
  return ends;
}

Companion::Companion(const CompanionEnds& ends, const BoundNetwork& other, std::int64_t photo_h,
                     std::int64_t photo_w)
    : ends_(ends),
      into_(other.planes(other.lowered().inputs[ends.into])),
      tables_(make_tables(*ends.network, photo_h, photo_w, input_of(ends).dims.h)) {}

std::int64_t Companion::scratch_bytes(const CompanionEnds& ends, std::int64_t photo_h, std::int64_t photo_w) {
  return static_cast<std::int64_t>(letterbox_scratch_bytes(photo_h, photo_w, input_of(ends).dims.h));
}

void Companion::run(const PhotoRef& photo, std::byte* scratch, Stream stream) const {
  BoundNetwork& network = *ends_.network;
  const Port& input = input_of(ends_);
  letterbox_cuda({photo, input.dims.h, input.dims.c, network.planes(input), tables_.data(), scratch}, stream);
  network.run_steps(0, network.lowered().steps.size(), stream);
  const Port& output = network.lowered().outputs[ends_.output];
  network.device().copy(into_, network.planes(output), output.dims.count() * element_bytes(Element::f32),
                        stream);
  network.download_output(ends_.output, stream);
}

}  // namespace cuhue::cuda
