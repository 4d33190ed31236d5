// A prepared program runs without allocating.
#include <doctest/doctest.h>
#include <sys/resource.h>

#include <array>
#include <memory>
#include <string>

#include "runtime/graph/backend.h"
#include "runtime/networks/network.h"
#include "tests/support/allocation_counter.h"

namespace cuhue {
namespace {

using test::allocations_of;
using test::AllocationTally;

long page_faults() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_minflt + usage.ru_majflt;
}

TEST_CASE("a steady-state run allocates nothing of its own") {
  for (const char* name : {"lite", "eccv16"}) {
    const Network& network = network_or_throw(name);
    const auto backend = make_cpu_backend();
    const std::string_view only[] = {"ab"};
    const auto program = backend->compile(build_graph(network, 1, 64, 64, {}, only),
                                          backend->make_weights(std::make_shared<FormulaSource>(network)),
                                          {.threads = 2, .optimize = true, .without = {}});
    program->run();
    const AllocationTally t = allocations_of([&] { program->run(); });
    MESSAGE(std::string(name) << ": cuhue " << t.own << ", oneDNN " << t.onednn << ", OpenMP " << t.openmp
                              << ", other " << t.other << ", " << t.bytes << " bytes in all");
    CHECK(t.own == 0);
    // Every page a run touches was touched before. A megabyte of new memory would be 256 of them.
    const long before = page_faults();
    program->run();
    const long faults = page_faults() - before;
    MESSAGE(std::string(name) << ": " << faults << " page faults");
    CHECK(faults < 64);
    CHECK(t.other == 0);
    CHECK(t.bytes < 256 * 1024);
  }
}

TEST_CASE("the count sees what this program allocates") {
  const AllocationTally t = allocations_of([] {
    auto* p = new std::array<double, 100>;
    asm volatile("" : : "r"(p) : "memory");  // the pair must not be optimised away
    delete p;
  });
  CHECK(t.own == 1);
  CHECK(t.bytes == 800);
}

}  // namespace
}  // namespace cuhue
