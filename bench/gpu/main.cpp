// cuhue_bench_gpu: the machine's ceilings, every kernel's share of them, every network's time. One line of
// JSON a result, to stdout and to the file that CUHUE_GPU_FACTS names. See bench/README.md.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "bench/gpu/gpu_bench.h"
#include "bench/gpu/machine.h"
#include "bench/gpu/network_bench.h"
#include "weights/status.h"

namespace cuhue::bench {

void note(const std::string& json) {
  std::printf("%s\n", json.c_str());
  std::fflush(stdout);
  if (const char* path = std::getenv("CUHUE_GPU_FACTS")) std::ofstream(path, std::ios::app) << json << "\n";
}

std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.6g", value);
  return text;
}

std::string quoted(std::string_view text) {
  std::string json = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') json += '\\';
    json += static_cast<unsigned char>(c) < ' ' ? ' ' : c;
  }
  return json + "\"";
}

namespace {

// By unit: bytes a second of "copy", operations a second of the others.
using Ceilings = std::map<std::string, double>;

double copy_ceiling(const std::shared_ptr<cuda::Device>& device) {
  constexpr std::int64_t kBytes = std::int64_t{1} << 30;
  Case c;
  c.make = [device](Set& set) {
    std::byte* from = set.bytes(kBytes);
    std::byte* to = set.bytes(kBytes);
    return [=](Stream stream) { device->copy(to, from, kBytes, stream); };
  };
  return 2.0 * kBytes / time_case(device, c).median;
}

// A large matrix product by the library: what the machine gives to others.
double matrix_ceiling(const std::shared_ptr<cuda::Device>& device, cuda::DenseLibrary& library,
                      ConvolutionMath math) {
  constexpr std::int64_t kSide = 8192;
  const Element element = math == ConvolutionMath::fp16 ? Element::f16 : Element::f32;
  cuda::DenseProblem problem;
  problem.n = problem.c = problem.k = problem.in_pitch = problem.out_pitch = kSide;
  problem.math = math;
  problem.in = problem.out = element;
  const std::shared_ptr<cuda::DensePlan> plan = library.plan(problem);
  if (!plan) return 0;
  Case c;
  c.make = [=](Set& set) {
    cuda::DenseOperands operands;
    operands.x = set.tensor({1, kSide * kSide, 1, 1}, element).data;
    operands.weight = set.tensor({1, kSide * kSide, 1, 1}, element).data;
    operands.out = set.bytes(kSide * kSide * element_bytes(element));
    operands.workspace = set.bytes(std::max<std::int64_t>(plan->workspace_bytes(), 1));
    plan->prepare(operands);
    return [=](Stream stream) { plan->run(operands, stream); };
  };
  return 2.0 * kSide * kSide * kSide / time_case(device, c).median;
}

Ceilings measure_ceilings(const std::shared_ptr<cuda::Device>& device) {
  Ceilings ceilings{{"copy", copy_ceiling(device)}};
  try {
    const std::shared_ptr<cuda::DenseLibrary> library = open_matrix_library(device);
    ceilings["fp32"] = matrix_ceiling(device, *library, ConvolutionMath::fp32);
    ceilings["tf32"] = matrix_ceiling(device, *library, ConvolutionMath::tf32);
    ceilings["fp16"] = matrix_ceiling(device, *library, ConvolutionMath::fp16);
  } catch (const Error& e) {
    std::fprintf(stderr, "no ceilings of matrix products: %s\n", e.what());
  }
  for (const auto& [unit, rate] : ceilings)
    note(R"({"fact": "ceiling", "of": ")" + unit + R"(", "rate": )" + number(rate) + "}");
  return ceilings;
}

void run_cases(const std::shared_ptr<cuda::Device>& device, const std::vector<Case>& cases,
               Ceilings& ceilings, const std::string& filter) {
  for (const Case& c : cases) {
    if (c.name.find(filter) == std::string::npos) continue;
    try {
      const Times t = time_case(device, c);
      // The larger of the two times that the ceilings allow bounds the kernel.
      const double memory = ceilings["copy"] > 0 ? c.bytes / ceilings["copy"] : 0;
      const double math = c.flops > 0 && ceilings[c.unit] > 0 ? c.flops / ceilings[c.unit] : 0;
      note(R"({"fact": "kernel", "name": ")" + c.name + R"(", "median_us": )" + number(1e6 * t.median) +
           R"(, "p10_us": )" + number(1e6 * t.p10) + R"(, "p90_us": )" + number(1e6 * t.p90) +
           R"(, "gb_per_s": )" + number(c.bytes / t.median / 1e9) + R"(, "tflop_per_s": )" +
           number(c.flops / t.median / 1e12) + R"(, "bound": ")" + (math > memory ? c.unit : "copy") +
           R"(", "share_of_ceiling": )" + number(std::max(memory, math) / t.median) + "}");
    } catch (const std::exception& e) {
      note(R"({"fact": "kernel", "name": ")" + c.name + R"(", "failed": )" + quoted(e.what()) + "}");
    }
  }
}

int run(int argc, char** argv) {
  std::string what = argc > 1 ? argv[1] : "all", filter = argc > 2 ? argv[2] : "";
  std::string why;
  const std::shared_ptr<cuda::Device> device = open_device(why);
  if (!device) {
    std::fprintf(stderr, "%s\n", why.c_str());
    return 77;
  }
  Ceilings ceilings;
  if (what == "all" || what == "ceilings" || what == "kernels") ceilings = measure_ceilings(device);
  if (what == "all" || what == "kernels") {
    run_cases(device, photo_cases(), ceilings, filter);
    run_cases(device, op_cases(), ceilings, filter);
    run_cases(device, detector_cases(), ceilings, filter);
    run_cases(device, convolution_cases(), ceilings, filter);
  }
  if ((what == "all" || what == "networks") && !bench_networks(filter)) return 1;
  return 0;
}

}  // namespace
}  // namespace cuhue::bench

int main(int argc, char** argv) {
  if (argc > 1 && std::strcmp(argv[1], "--help") == 0) {
    std::puts("cuhue_bench_gpu [all|ceilings|kernels|networks] [PART OF A NAME]");
    return 0;
  }
  try {
    return cuhue::bench::run(argc, argv);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 1;
  }
}
