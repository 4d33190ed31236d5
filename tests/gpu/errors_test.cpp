// What goes wrong is said, and what comes after works.
#include <cstdlib>
#include <string>

#include <doctest/doctest.h>

#include "tests/gpu/gpu_support.h"
#include "weights/status.h"

using namespace cuhue;
using namespace cuhue::test;

namespace {

template <class Work>
Error error_of(Work&& work) {
  try {
    work();
  } catch (const Error& e) {
    return e;
  }
  return Error(Status::ok, "nothing was thrown");
}

}  // namespace

TEST_SUITE("errors") {
  TEST_CASE("a device that is not there") {
    CudaOptions options;
    options.device = 99;
    const Error e = error_of([&] { make_cuda_backend(options); });
    CHECK(e.status() == Status::device);
    CHECK(std::string(e.what()).find("cuda:99") != std::string::npos);
  }

  TEST_CASE("out of memory names what is needed and what is free, and the next program works") {
    const Network& network = network_or_throw("lite");
    const auto backend = cuda_backend(Precision::fp32);
    const auto weights = backend->make_weights(std::make_shared<FormulaSource>(network));
    std::string message;
    // Larger and larger, until the memory is used up; one tensor alone may not have 2^31 elements.
    std::vector<std::unique_ptr<Program>> programs;
    Status status = Status::ok;
    for (int i = 0; i < 4096 && status == Status::ok; ++i) {
      const Error e = error_of([&] {
        const std::int64_t side = 1024;
        programs.push_back(backend->compile(build_graph(network, 64, side, side), weights, {}));
      });
      status = e.status();
      message = e.what();
    }
    CHECK(status == Status::out_of_memory);
    CHECK(message.find("free") != std::string::npos);
    note_fact(R"({"fact": "out of memory", "programs": )" + std::to_string(programs.size()) + "}");
    programs.clear();
    const std::int64_t side = test_side(network);
    const auto program = backend->compile(build_graph(network, 1, side, side), weights, {});
    fill_inputs(network, *program);
    program->run();
    CHECK(relative_error(program->output("ab"), program->output("ab")) == 0);
  }
}

#if !defined(CUHUE_GPU_TESTS_SMALL)
// Runs in a process of its own, since nothing after it can use the GPU: asked for by name with --no-skip.
TEST_SUITE("poisoned") {
  TEST_CASE("after an illegal address every call says so, everything can be freed, and the CPU goes on" *
            doctest::skip()) {
    const Network& network = network_or_throw("lite");
    const auto source = std::make_shared<FormulaSource>(network);
    const std::int64_t side = test_side(network);
    const Graph graph = build_graph(network, 1, side, side);
    const auto backend = cuda_backend(Precision::fp32);
    const auto weights = backend->make_weights(source);
    const auto program = backend->compile(graph, weights, {}), other = backend->compile(graph, weights, {});
    fill_inputs(network, *program);
    program->run();

    std::vector<std::uint8_t> result(64 * 48 * 3);
    PhotoJob job;
    job.in.data = reinterpret_cast<const std::uint8_t*>(std::uintptr_t{4096});  // nobody's memory
    job.in_on_device = true;
    job.out.data = result.data();
    job.in.width = job.out.width = 64;
    job.in.height = job.out.height = 48;
    job.in.stride = job.out.stride = 64 * 3;
    PhotoTimings timings;
    const Error first = error_of([&] {
      program->run_photos(photo_ends(network).value(), {&job, 1}, {}, {}, timings);
    });
    CHECK(first.status() == Status::device);
    CHECK(std::string(first.what()).find("restart the process") != std::string::npos);

    for (const Error& e : {error_of([&] { program->run(); }), error_of([&] { other->run(); }),
                           error_of([&] { backend->compile(graph, weights, {}); }),
                           error_of([&] { cuda_backend(Precision::fp16); })}) {
      CHECK(e.status() == Status::device);
      CHECK(std::string(e.what()).find("cuda:0") != std::string::npos);
    }
    CHECK(std::string(error_of([&] { other->run(); }).what()).find("restart the process") !=
          std::string::npos);

    const auto cpu = make_cpu_backend();
    const auto reference = cpu->compile(graph, cpu->make_weights(source), {});
    fill_inputs(network, *reference);
    reference->run();
    CHECK(relative_error(reference->output("ab"), reference->output("ab")) == 0);
    note_fact(R"({"fact": "poisoned context", "message": "every later call names it"})");
  }
}
#endif

// A small network under the sanitizers: every step of a program, uploads and recordings included.
TEST_SUITE("sanitized") {
  TEST_CASE("lite, forward and twice") {
    const Network& network = network_or_throw("lite");
    for (const Precision precision : kPrecisions) {
      const auto cuda = cuda_backend(precision);
      const auto weights = cuda->make_weights(std::make_shared<FormulaSource>(network));
      CompileOptions options;
      if (const char* without = std::getenv("CUHUE_TEST_WITHOUT")) options.without = {without};
      const auto program = cuda->compile(build_graph(network, 2, 40, 24), weights, options);
      fill_inputs(network, *program);
      program->run();
      program->run();
      const auto cpu = make_cpu_backend();
      const auto reference = cpu->compile(build_graph(network, 2, 40, 24),
                                          cpu->make_weights(std::make_shared<FormulaSource>(network)), {});
      fill_inputs(network, *reference);
      reference->run();
      CHECK(relative_error(program->output("ab"), reference->output("ab")) < 1e-2);
    }
  }
}
