// Who executes an op. Each provider serves a node by emitting steps, or returns false and has emitted none.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "runtime/cpu/lowering.h"

namespace cuhue::cpu {

struct Provider {
  std::string_view name;
  bool (*serve)(const Node& node, Lowering& lowering);
};

bool serve_few_outputs(const Node& node, Lowering& lowering);  // convolutions to at most four channels
bool serve_winograd(const Node& node, Lowering& lowering);  // convolutions by fewer products, where it pays
bool serve_phases(const Node& node, Lowering& lowering);    // convolutions of an enlarged input
bool serve_onednn(const Node& node, Lowering& lowering);    // convolutions, matrix product, pooling
bool serve_winograd_at_all(const Node& node, Lowering& lowering);  // also where a direct form would be faster
bool serve_kernels(const Node& node, Lowering& lowering);          // everything else, from kernels/
bool serve_reference(const Node& node, Lowering& lowering);        // plain loops for what oneDNN refuses

// In the order they are asked.
inline constexpr Provider kProviders[] = {
    {"few outputs", serve_few_outputs}, {"winograd", serve_winograd},        {"phases", serve_phases},
    {"onednn", serve_onednn},           {"winograd", serve_winograd_at_all},  // before plain loops
    {"kernels", serve_kernels},         {"reference", serve_reference}};

// Pixels of an enlarged convolution's input from which on Winograd or phases may pay: below, reading the
// weights is what takes the time.
inline constexpr std::int64_t kLeastEnlargedPixels = 16 * 16;

// The layout that vector code of `lanes` channels reads a value in: its own where vectors can be loaded from
// that.
std::int64_t readable_block(const Lowering& lowering, ValueId v, int lanes);

// Elementwise steps from one place to another (may be the same) for `ops` in order; residual values are read
// in the layout of `from`. At least one step is emitted when the places differ.
void emit_elementwise(const Node& node, Lowering& lowering, const Place& from, const Place& to,
                      std::span<const EpilogueStep> ops);

}  // namespace cuhue::cpu
