#include <doctest/doctest.h>
#include <signal.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <string>
#include <thread>

#include "tests/apps/program.h"
#include "tests/apps/scratch.h"

using namespace cuhue::test;
namespace fs = std::filesystem;

TEST_CASE("interrupted at any time: exit 8, whole files only, counts on the last line") {
  const Scratch scratch;
  fs::create_directory(scratch / "in");
  constexpr int kPhotos = 200;
  for (int i = 0; i < kPhotos; ++i) {
    write_text(scratch / ("in/" + std::to_string(i) + ".pgm"), grey_picture(320, 240, i));
  }
  // What each picture must be, to the byte.
  const auto arguments = [&](const std::string& out) {
    return std::vector<std::string>{"colorize", "--formula", "-i", scratch / "in", "-o",        out,
                                    "-j",       "2:1:2",     "-f", "ppm",          "--threads", "1"};
  };
  int interrupted = 0;
  for (int round = 0; round < 20; ++round) {
    CAPTURE(round);
    const std::string out = scratch / ("out" + std::to_string(round));
    RunningProgram program(arguments(out));
    REQUIRE(program.wait_for_handler(SIGINT));
    // Times spread over half a second, the same in every run of the test.
    std::this_thread::sleep_for(std::chrono::microseconds(round * 7919 * 31 % 500000));
    program.send(round % 4 == 3 ? SIGTERM : SIGINT);
    const ProgramResult r = program.wait();
    CAPTURE(r.err);
    REQUIRE((r.code == 8 || r.code == 0));
    if (r.code == 0) continue;  // it was faster
    ++interrupted;
    int files = 0;
    if (fs::exists(out)) {
      for (const auto& entry : fs::directory_iterator(out)) {
        ++files;
        CHECK(entry.path().extension() == ".ppm");
        CHECK(entry.file_size() == 15 + 320 * 240 * 3);
      }
      CHECK(r.last_error_line() ==
            std::to_string(files) + " written, 0 failed, " + std::to_string(kPhotos - files) + " skipped");
    }
  }
  CHECK(interrupted >= 15);
}

TEST_CASE("an interrupted single picture leaves nothing") {
  const Scratch scratch;
  write_text(scratch / "a.pgm", grey_picture(3000, 2000));
  for (int round = 0; round < 5; ++round) {
    RunningProgram program(
        {"colorize", "--formula", "-n", "eccv16", "-i", scratch / "a.pgm", "-o", scratch / "o.png"});
    REQUIRE(program.wait_for_handler(SIGINT));
    std::this_thread::sleep_for(std::chrono::milliseconds(round * 13));
    program.send(SIGINT);
    const ProgramResult r = program.wait();
    CAPTURE(r.err);
    CHECK(r.code == 8);
    CHECK(r.err.starts_with("cuhue: cancelled"));
    CHECK(std::count(r.err.begin(), r.err.end(), '\n') == 1);
    CHECK(count_files(scratch.path()) == 1);
  }
}

TEST_CASE("a signal that the parent ignored stays ignored") {
  const Scratch scratch;
  ProgramOptions options;
  options.ignore_interrupt = true;
  RunningProgram program({"colorize", "--formula", "-i", "-", "-o", scratch / "o.png"}, options);
  REQUIRE(program.wait_for_handler(SIGTERM));
  program.send(SIGINT);
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  program.send(SIGTERM);  // still ends the run
  CHECK(program.wait().code == 8);
}
