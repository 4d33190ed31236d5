// One test for each exit code of the interface. 70 cannot be provoked from outside: status_test.cpp.
#include <dlfcn.h>
#include <doctest/doctest.h>
#include <signal.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "tests/apps/program.h"
#include "tests/apps/scratch.h"

using namespace cuhue::test;

namespace {

// Every failure is one line that begins with the program's name.
void check_one_line(const ProgramResult& r) {
  CAPTURE(r.err);
  CHECK(r.err.starts_with("cuhue: "));
  CHECK(std::count(r.err.begin(), r.err.end(), '\n') == 1);
  CHECK(r.out.empty());
}

}  // namespace

TEST_CASE("0: a picture is written") {
  const Scratch scratch;
  write_text(scratch / "a.pgm", grey_picture(40, 30));
  const ProgramResult r =
      run_program({"colorize", "--formula", "-i", scratch / "a.pgm", "-o", scratch / "a.png"});
  CHECK(r.code == 0);
  CHECK(r.out.empty());
  CHECK(r.err == "1/1 " + (scratch / "a.png") + "\n");
  CHECK(read_text(scratch / "a.png").starts_with("\x89PNG"));
}

TEST_CASE("1: a folder with one broken photo; the others are written, the counts are on the last line") {
  const Scratch scratch;
  std::filesystem::create_directory(scratch / "in");
  for (const char* name : {"in/a.pgm", "in/c.pgm"}) write_text(scratch / name, grey_picture(24, 16));
  write_text(scratch / "in/b.png", std::string("\x89PNG\r\n\x1a\n", 8) + "broken");
  for (const bool quiet : {false, true}) {
    CAPTURE(quiet);
    std::filesystem::remove_all(scratch / "out");
    std::vector<std::string> arguments = {"colorize",     "--formula", "-i",
                                          scratch / "in", "-o",        scratch / "out"};
    if (quiet) arguments.emplace_back("--quiet");
    const ProgramResult r = run_program(arguments);
    CAPTURE(r.err);
    CHECK(r.code == 1);
    CHECK(r.last_error_line().ends_with("2 written, 1 failed, 0 skipped"));
    CHECK(r.err.find("b.png") != std::string::npos);
    CHECK(std::filesystem::exists(scratch / "out/a.png"));
    CHECK(std::filesystem::exists(scratch / "out/c.png"));
    CHECK(count_files(scratch / "out") == 2);
  }
}

TEST_CASE("2: usage") {
  for (const auto& arguments : {std::vector<std::string>{},
                                {"paint"},
                                {"colorize", "-i", "x", "--no-such-option"},
                                {"colorize", "-i", "x", "-o", "y", "-n"},
                                {"run", "no-such-network", "--formula", "--input", "a=b", "--output", "c=d"},
                                {"models", "fetch", "no-such-model"}}) {
    const ProgramResult r = run_program(arguments);
    CHECK(r.code == 2);
    check_one_line(r);
  }
  CHECK(run_program({"paint"}).err.find("there is no command 'paint'") != std::string::npos);
  const Scratch scratch;
  write_text(scratch / "a.pgm", grey_picture(8, 8));
  const ProgramResult r = run_program(
      {"colorize", "--formula", "-n", "no-such-system", "-i", scratch / "a.pgm", "-o", scratch / "o.png"});
  CHECK(r.code == 2);
  check_one_line(r);
}

TEST_CASE("3: an input that is missing, not a picture, or cut short") {
  const Scratch scratch;
  write_text(scratch / "text.png", "this is no picture");
  write_text(scratch / "empty.png", "");
  write_text(scratch / "cut.pgm", grey_picture(64, 64).substr(0, 1000));
  for (const char* name : {"none.png", "text.png", "empty.png", "cut.pgm"}) {
    CAPTURE(name);
    const ProgramResult r =
        run_program({"colorize", "--formula", "-i", scratch / name, "-o", scratch / "o.png"});
    CHECK(r.code == 3);
    check_one_line(r);
    CHECK(r.err.find(name) != std::string::npos);
    CHECK(!std::filesystem::exists(scratch / "o.png"));
  }
}

TEST_CASE("4: weights missing or corrupt; the line names the folders searched and the remedy") {
  const Scratch scratch;
  write_text(scratch / "a.pgm", grey_picture(8, 8));
  write_text(scratch / "bad.safetensors", "no weights");
  ProgramOptions models;
  models.environment = {{"CUHUE_MODELS", scratch / "models"}, {"HOME", scratch / "home"}};
  const std::vector<std::string> base = {"colorize", "-i", scratch / "a.pgm", "-o", scratch / "o.png"};
  const ProgramResult missing = run_program(base, models);
  CHECK(missing.code == 4);
  check_one_line(missing);
  for (const std::string& part : {scratch / "models", scratch / "home/.local/share/cuhue",
                                  std::string("lite.safetensors"), std::string("cuhue models fetch lite")}) {
    CHECK(missing.err.find(part) != std::string::npos);
  }
  auto corrupt = base;
  corrupt.insert(corrupt.end(), {"-m", scratch / "bad.safetensors"});
  const ProgramResult bad = run_program(corrupt, models);
  CHECK(bad.code == 4);
  check_one_line(bad);
  CHECK(bad.err.find("bad.safetensors") != std::string::npos);
  CHECK(run_program({"verify", scratch / "bad.safetensors"}).code == 4);
  CHECK(run_program({"info", scratch / "none.safetensors"}).code == 4);
  CHECK(run_program({"convert", scratch / "bad.safetensors", "-o", scratch / "w"}).code == 4);
  CHECK(!std::filesystem::exists(scratch / "o.png"));
}

#if !defined(__SANITIZE_ADDRESS__)  // its shadow memory does not fit into any such limit
TEST_CASE("5: out of memory") {
  const Scratch scratch;
  ProgramOptions limited;
  limited.address_space = 600UL << 20;
  const ProgramResult network = run_program({"bench", "lite", "--formula", "--size", "8000x4096"}, limited);
  CHECK(network.code == 5);
  check_one_line(network);
  // A photo of 225 MB that is a hole on the disk.
  std::ofstream(scratch / "big.pgm") << "P5 15000 15000 255\n";
  std::filesystem::resize_file(scratch / "big.pgm", 19 + 15000UL * 15000UL);
  const ProgramResult photo =
      run_program({"colorize", "--formula", "-i", scratch / "big.pgm", "-o", scratch / "o.png"}, limited);
  CHECK(photo.code == 5);
  check_one_line(photo);
  CHECK(!std::filesystem::exists(scratch / "o.png"));
}
#endif

TEST_CASE("6: a device that is not there") {
  const Scratch scratch;
  write_text(scratch / "a.pgm", grey_picture(8, 8));
  // Nobody has this many; a build without CUDA has none.
  const ProgramResult r = run_program(
      {"colorize", "--formula", "-g", "cuda:999", "-i", scratch / "a.pgm", "-o", scratch / "o.png"});
  CHECK(r.code == 6);
  check_one_line(r);
}

TEST_CASE("6: no GPU, or none that can be used; the line says why and names a device that works") {
  const Scratch scratch;
  write_text(scratch / "a.pgm", grey_picture(8, 8));
  const auto devices = nlohmann::json::parse(run_program({"devices", "--json", "-"}).out);
  const auto usable = [](const nlohmann::json& d) { return d["name"] != "cpu" && d["unusable"] == ""; };
  if (std::any_of(devices.begin(), devices.end(), usable)) return;  // then 999 alone is missing
  for (const char* device : {"cuda", "cuda:0"}) {
    CAPTURE(device);
    const ProgramResult r = run_program(
        {"colorize", "--formula", "-g", device, "-i", scratch / "a.pgm", "-o", scratch / "o.png"});
    CHECK(r.code == 6);
    check_one_line(r);
    CHECK(r.err.find("device '" + std::string(device)) != std::string::npos);
    CHECK(r.err.find(", or use device 'cpu'") != std::string::npos);
    CHECK(!std::filesystem::exists(scratch / "o.png"));
    if (!CUHUE_TEST_HAS_CUDA) {
      CHECK(r.err.find("this build has no CUDA backend; build with CUHUE_CUDA=ON") != std::string::npos);
    } else if (dlopen("libcuda.so.1", RTLD_LAZY | RTLD_LOCAL) == nullptr) {
      CHECK(r.err.find("no NVIDIA driver was found (libcuda.so.1); install one") != std::string::npos);
    }
  }
  // auto takes the CPU and says so to who asks; what only a GPU can do is refused with the reason.
  const std::vector<std::string> automatic = {"colorize", "--formula",       "-i", scratch / "a.pgm",
                                              "-o",       scratch / "o.png", "-v"};
  const ProgramResult cpu = run_program(automatic);
  CHECK(cpu.code == 0);
  CHECK(cpu.err.find("device 'auto' is the CPU: ") != std::string::npos);
  const ProgramResult half = run_program({"bench", "lite", "--formula", "--precision", "fp16"});
  CHECK(half.code == 2);
  check_one_line(half);
  CHECK(half.err.find("precision fp16 is not supported on cpu, and there is no GPU (") != std::string::npos);
}

TEST_CASE("7: an output that cannot be written") {
  const Scratch scratch;
  const std::string picture = grey_picture(8, 8);
  write_text(scratch / "a.pgm", picture);
  const auto colorize = [&](const std::string& output, const ProgramOptions& options = {}) {
    return run_program({"colorize", "--formula", "-i", scratch / "a.pgm", "-o", output}, options);
  };
  const ProgramResult missing = colorize(scratch / "none/o.png");
  CHECK(missing.code == 7);
  check_one_line(missing);
  const ProgramResult onto_input = colorize(scratch / "./a.pgm");
  CHECK(onto_input.code == 2);  // .pgm holds no colours
  write_text(scratch / "a.ppm", picture);
  const ProgramResult self =
      run_program({"colorize", "--formula", "-i", scratch / "a.ppm", "-o", scratch / "a.ppm"});
  CHECK(self.code == 7);
  CHECK(self.err.find("--force") != std::string::npos);
  check_one_line(self);
  CHECK(read_text(scratch / "a.ppm") == picture);
  ProgramOptions unread;
  unread.close_stdout_early = true;
  const ProgramResult pipe = colorize("-", unread);
  CHECK(pipe.code == 7);
  check_one_line(pipe);
}

TEST_CASE("8: cancelled while it waits for its input") {
  for (const int signal : {SIGINT, SIGTERM}) {
    const Scratch scratch;
    // stdin stays open and empty: the input never comes.
    RunningProgram program({"colorize", "--formula", "-i", "-", "-o", scratch / "o.png"});
    REQUIRE(program.wait_for_handler(signal));
    program.send(signal);
    const ProgramResult r = program.wait();
    CHECK(r.code == 8);
    check_one_line(r);
    CHECK(count_files(scratch.path()) == 0);
  }
}
