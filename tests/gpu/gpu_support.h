// Tests of the CUDA backend as a whole, against the CPU backend. Linked with the real backend they need a GPU
// and run at the networks' own sizes; linked with the host executor they run everywhere at small ones.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/graph/backend.h"
#include "runtime/networks/network.h"

namespace cuhue::test {

// False when there is no GPU that can be used, and why.
bool gpu_present(std::string& why);

std::unique_ptr<Backend> cuda_backend(Precision precision);

// Small tests leave out networks of more work than this, in multiply-accumulates at test_side(): the executor
// is no GPU. Where a test runs a program many times it takes less.
inline constexpr std::int64_t kMostWork = 1'000'000'000, kMostRepeatedWork = 20'000'000;
bool left_out(const Network& network, std::int64_t most_work = kMostRepeatedWork);

// Side of the square that `network` is tested at.
std::int64_t test_side(const Network& network);

inline constexpr Precision kPrecisions[] = {Precision::fp32, Precision::tf32, Precision::fp16};
const char* name_of(Precision precision);

// What people run the network for: its last output that is no by-product.
std::string_view result_of(const Network& network);

// As a colorizer of photos: a network that turns one plane into two, other inputs left at zero. Nothing when
// it is none.
std::optional<PhotoEnds> photo_ends(const Network& network);

// max |a - b| / max |b|
double relative_error(const TensorRef& a, const TensorRef& b);

// Fills every input with values between its usual bounds, the same for the same network and size.
void fill_inputs(const Network& network, Program& program);
void fill_inputs(std::span<const TensorSpec> inputs, Program& program);

// Appends one JSON object, a line of text, to the file that CUHUE_GPU_FACTS names, if it does: what scripts
// collect.
void note_fact(const std::string& json);

}  // namespace cuhue::test
