// Whole networks on a GPU.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace cuhue::bench {

// One line of JSON: to stdout and to the report.
void note(const std::string& json);
std::string number(double value);
std::string quoted(std::string_view text);
// "median_ms": ..., "p10_ms": ..., "p90_ms": ..., "p99_ms": ..., "runs": ...
std::string quantiles(std::vector<double> seconds);

// Every network whose name holds `filter`, in every precision, with plans tuned on this GPU (and cached in a
// file of this run only): device time of a forward pass by events, photos from host bytes to host bytes by
// the clock, time by layer, memory. False when one of them failed, which its line says.
bool bench_networks(const std::string& filter);

}  // namespace cuhue::bench
