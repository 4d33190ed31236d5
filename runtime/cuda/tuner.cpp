#include "runtime/cuda/tuner.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <mutex>

#include "kernels/core/parallel.h"
#include "weights/half.h"
#include "weights/status.h"

namespace cuhue::cuda {
namespace {

void say(const TuningLog& log, const std::string& line) {
  if (log) log(line);
}

std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3g", value);
  return text;
}

constexpr std::int64_t kPixelsAtOnce = 1024;  // of a result, by one thread of the host
constexpr double kSecondsOfATiming = 2e-3;    // beside which the clock's resolution is nothing

// Candidates on one stream, their results on the host.
class Bench {
 public:
  Bench(const std::shared_ptr<Device>& device, const DeviceTensor& out)
      : device_(*device),
        out_(out),
        stream_(device),
        bytes_(((out.pixels() - 1) * out.pitch + out.dims.c) * element_bytes(out.element)),
        staging_(device, bytes_, "a tuner's result") {}

  // The candidate's result comes to the host.
  void run(const Candidate& candidate) {
    // NaN in either element: what is not written does not pass for a small difference.
    std::memset(staging_.data(), 0xFF, static_cast<std::size_t>(bytes_));
    device_.copy(out_.data, staging_.data(), bytes_, stream_.get());
    device_.launch([&] { candidate.run(stream_.get()); });
    device_.copy(staging_.data(), out_.data, bytes_, stream_.get());
    device_.synchronize(stream_.get());
  }

  // Of the latest run the channels alone, as floats.
  std::vector<float> result() const {
    const std::int64_t channels = out_.dims.c;
    std::vector<float> values(static_cast<std::size_t>(out_.pixels() * channels));
    parallel_for(out_.pixels(), kPixelsAtOnce, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t p = begin; p < end; ++p) {
        for (std::int64_t c = 0; c < channels; ++c)
          values[static_cast<std::size_t>(p * channels + c)] = value(p * out_.pitch + c);
      }
    });
    return values;
  }

  // Of the latest run from `right`; infinite when either has something that is no number.
  double difference(const std::vector<float>& right) const {
    const std::int64_t channels = out_.dims.c;
    std::mutex mutex;
    double all = 0;
    parallel_for(out_.pixels(), kPixelsAtOnce, [&](std::int64_t begin, std::int64_t end) {
      double most = 0;
      for (std::int64_t p = begin; p < end; ++p) {
        for (std::int64_t c = 0; c < channels; ++c) {
          const double d = std::abs(static_cast<double>(value(p * out_.pitch + c)) -
                                    static_cast<double>(right[static_cast<std::size_t>(p * channels + c)]));
          most = std::max(most, std::isfinite(d) ? d : INFINITY);
        }
      }
      const std::lock_guard lock(mutex);
      all = std::max(all, most);
    });
    return all;
  }

  // Of a recording, as programs run it: what launching costs the host plays no part. Behind run(), which has
  // loaded the candidate's code: a capture does not allow that.
  double seconds_of(const Candidate& candidate, const TuningRules& rules) {
    const auto clock = device_.create_clock(2);
    int runs = 1;
    const auto enqueue = [&](Stream stream) {
      clock->mark(0, stream);
      for (int run = 0; run < runs; ++run) candidate.run(stream);
      clock->mark(1, stream);
    };
    const auto seconds_of_runs = [&] {
      device_.synchronize(stream_.get());
      return clock->seconds(0, 1);
    };
    device_.launch([&] { enqueue(stream_.get()); });
    const double once = seconds_of_runs();
    runs = static_cast<int>(std::clamp(kSecondsOfATiming / once, 1.0, static_cast<double>(rules.runs)));
    const auto recording = device_.record(enqueue);
    std::vector<double> seconds(static_cast<std::size_t>(rules.repeats));
    std::ranges::generate(seconds, [&] {
      recording->launch(stream_.get());
      return seconds_of_runs();
    });
    const auto middle = seconds.begin() + static_cast<std::ptrdiff_t>(seconds.size() / 2);
    std::nth_element(seconds.begin(), middle, seconds.end());
    return *middle / runs;
  }

 private:
  float value(std::int64_t i) const {
    if (out_.element == Element::f32) {
      float v = 0;
      std::memcpy(&v, staging_.data() + i * 4, 4);
      return v;
    }
    std::uint16_t bits = 0;
    std::memcpy(&bits, staging_.data() + i * 2, 2);
    return float_from_f16(bits);
  }

  Device& device_;
  DeviceTensor out_;
  OwnedStream stream_;
  std::int64_t bytes_;
  PinnedMemory staging_;
};

double largest(const std::vector<float>& values) {
  double most = 0;
  for (const float v : values) most = std::max(most, std::abs(static_cast<double>(v)));
  return most;
}

}  // namespace

std::vector<Timed> time_candidates(const std::shared_ptr<Device>& device, const DeviceTensor& out,
                                   std::span<const Candidate> candidates, const TuningRules& rules,
                                   const TuningLog& log) {
  Bench bench(device, out);
  bench.run(candidates.front());
  const std::vector<float> right = bench.result();
  const double scale = largest(right);
  std::vector<Timed> timed = {{0, bench.seconds_of(candidates.front(), rules), 0.0}};
  for (std::size_t i = 1; i < candidates.size(); ++i) {
    const Candidate& candidate = candidates[i];
    try {
      bench.run(candidate);
      Timed t{i, 0.0, bench.difference(right) / (scale > 0 ? scale : 1.0)};
      if (!(t.error <= rules.most_error)) {
        say(log, candidate.name + " is wrong by " + number(t.error) + " of the largest value, more than " +
                     number(rules.most_error) + ": not used");
        continue;
      }
      t.seconds = bench.seconds_of(candidate, rules);
      timed.push_back(t);
    } catch (const Error& e) {
      say(log, candidate.name + " fails: " + e.what() + ": not used");
    }
  }
  // A device that an error left unusable throws here, too.
  bench.run(candidates.front());
  std::stable_sort(timed.begin(), timed.end(),
                   [](const Timed& a, const Timed& b) { return a.seconds < b.seconds; });
  return timed;
}

}  // namespace cuhue::cuda
