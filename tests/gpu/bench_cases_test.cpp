// The cases of cuhue_bench_gpu, but for convolutions, whose launches networks make in other tests: each can
// be made and put on a stream, and says what it moves.
#include <doctest/doctest.h>

#include <memory>
#include <set>
#include <string>

#include "bench/gpu/gpu_bench.h"
#include "tests/executor/host_device.h"

using namespace cuhue;
using namespace cuhue::bench;

TEST_CASE("every kernel's benchmark can be made, and moves no less than it has memory for") {
  const auto device = std::make_shared<test::HostDevice>();
  std::set<std::string> names;
  for (const auto& cases : {photo_cases(), op_cases(), detector_cases()}) {
    for (const Case& c : cases) {
      CAPTURE(c.name);
      CHECK(names.insert(c.name).second);
      CHECK(c.bytes > 0);
      CHECK((c.flops > 0) == !c.unit.empty());
      Set set(device);
      const Work work = c.make(set);
      CHECK(device->record(work)->nodes() > 0);
      // What is counted is there; what lies between launches may be counted twice.
      CHECK(c.bytes <= 2.0 * static_cast<double>(set.allocated()));
    }
  }
  CHECK(device->blocks() == 0);
  CHECK(device->damaged() == 0);
}
