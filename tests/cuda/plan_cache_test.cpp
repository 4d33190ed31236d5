#include "runtime/cuda/plan_cache.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "runtime/cuda/convolution_library.h"
#include "runtime/cuda/dense_library.h"

namespace cuhue::cuda {
namespace {

namespace fs = std::filesystem;

// A folder of its own, gone at the end.
struct Folder {
  Folder() {
    std::string name = (fs::temp_directory_path() / "cuhue-plans-XXXXXX").string();
    REQUIRE(mkdtemp(name.data()) != nullptr);
    path = name;
  }
  ~Folder() {
    std::error_code error;
    fs::permissions(path, fs::perms::owner_all, error);
    fs::remove_all(path, error);
  }
  fs::path path;
};

std::string text_of(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

void write(const fs::path& file, const std::string& text) {
  std::ofstream(file, std::ios::binary) << text;
}

TEST_CASE("plan cache: what one process stored, the next one finds") {
  const Folder folder;
  const fs::path file = folder.path / "deep" / "er" / "plans-v1";  // the folders are made
  PlanCache first(file);
  CHECK_FALSE(first.find("a"));
  first.store("a", "own");
  first.store("b c|d", "cudnn:34:3=1,12=0");
  first.store("a", "cudnn:1:");
  CHECK(first.find("a") == "cudnn:1:");
  CHECK_FALSE(fs::exists(file));
  CHECK(first.save());

  const PlanCache second(file);
  CHECK(second.find("a") == "cudnn:1:");
  CHECK(second.find("b c|d") == "cudnn:34:3=1,12=0");
  CHECK_FALSE(second.find("b"));
}

TEST_CASE("plan cache: with nothing new the file is left alone") {
  const Folder folder;
  const fs::path file = folder.path / "plans";
  PlanCache cache(file);
  CHECK(cache.save());
  CHECK_FALSE(fs::exists(file));
  cache.store("k", "v");
  CHECK(cache.save());
  fs::remove(file);
  CHECK(cache.save());
  CHECK_FALSE(fs::exists(file));
}

TEST_CASE("plan cache: several writers lose nothing of each other; the last one wins") {
  const Folder folder;
  const fs::path file = folder.path / "plans";
  PlanCache one(file), two(file);
  one.store("only one", "1");
  one.store("both", "1");
  two.store("only two", "2");
  two.store("both", "2");
  CHECK(one.save());
  CHECK(two.save());
  CHECK(two.find("only one") == "1");  // read on the way
  const PlanCache all(file);
  CHECK(all.find("only one") == "1");
  CHECK(all.find("only two") == "2");
  CHECK(all.find("both") == "2");
}

TEST_CASE("plan cache: a damaged line is dropped, the others stay") {
  const Folder folder;
  const fs::path file = folder.path / "plans";
  {
    PlanCache cache(file);
    for (const char* key : {"a", "b", "c"}) cache.store(key, std::string("value of ") + key);
    REQUIRE(cache.save());
  }
  const std::string good = text_of(file);
  const std::size_t middle = good.find('\n') + 1;
  for (std::size_t i = middle; i < good.find('\n', middle); ++i) {  // each byte of the line of b
    CAPTURE(i);
    std::string bad = good;
    bad[i] = static_cast<char>(bad[i] ^ 0x15);
    write(file, bad);
    const PlanCache cache(file);
    CHECK(cache.find("a") == "value of a");
    CHECK_FALSE(cache.find("b"));
    CHECK(cache.find("c") == "value of c");
  }
  for (std::size_t length = 0; length < good.size(); ++length) {  // cut anywhere
    CAPTURE(length);
    write(file, good.substr(0, length));
    const PlanCache cache(file);
    for (const char* key : {"a", "b", "c"}) {
      if (const auto found = cache.find(key)) CHECK(*found == std::string("value of ") + key);
    }
    // The last byte is the last line's end, which it does without.
    CHECK(cache.find("c").has_value() == (length + 1 >= good.size()));
  }
  write(file, std::string(100, '\0') + "\n" + good + "no digest\tat all\n");
  CHECK(PlanCache(file).find("b") == "value of b");
}

TEST_CASE("plan cache: what is no line of text is not kept") {
  const Folder folder;
  const fs::path file = folder.path / "plans";
  PlanCache cache(file);
  for (const char* bad : {"", "a\tb", "a\nb", "a\rb"}) {
    CAPTURE(bad);
    cache.store(bad, "v");
    CHECK_FALSE(cache.find(bad));
    cache.store("k", bad);
    CHECK_FALSE(cache.find("k"));
  }
}

TEST_CASE("plan cache: a place that cannot be read or written is no cache, and no error") {
  const Folder folder;
  const auto is_no_cache = [](const fs::path& file) {
    PlanCache cache(file);
    cache.store("k", "v");
    CHECK_FALSE(cache.save());
    CHECK(cache.find("k") == "v");  // for this process
  };
  is_no_cache("");
  is_no_cache(folder.path);  // a folder
  write(folder.path / "file", "x");
  is_no_cache(folder.path / "file" / "plans");  // below a file
  fs::permissions(folder.path, fs::perms::owner_read | fs::perms::owner_exec);
  if (access(folder.path.c_str(), W_OK) != 0) is_no_cache(folder.path / "plans");  // root may write anywhere
}

TEST_CASE("plan cache: threads share one") {
  const Folder folder;
  const fs::path file = folder.path / "plans";
  PlanCache cache(file);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&cache, t] {
      for (int i = 0; i < 25; ++i) {
        cache.store(std::to_string(t) + " " + std::to_string(i), std::to_string(i));
        if (i % 10 == 9) cache.save();
      }
    });
  }
  for (std::thread& t : threads) t.join();
  CHECK(cache.save());
  const PlanCache read(file);
  for (int t = 0; t < 4; ++t) CHECK(read.find(std::to_string(t) + " 24") == "24");
}

TEST_CASE("plan cache: the file is where the user's caches are") {
  const auto with = [](const char* xdg, const char* home) {
    xdg == nullptr ? unsetenv("XDG_CACHE_HOME") : setenv("XDG_CACHE_HOME", xdg, 1);
    home == nullptr ? unsetenv("HOME") : setenv("HOME", home, 1);
    return PlanCache::default_path();
  };
  const char* old_xdg = std::getenv("XDG_CACHE_HOME");
  const char* old_home = std::getenv("HOME");
  const std::string kept_xdg = old_xdg == nullptr ? "" : old_xdg,
                    kept_home = old_home == nullptr ? "" : old_home;
  CHECK(with("/x", "/h") == "/x/cuhue/plans-v1");
  CHECK(with(nullptr, "/h") == "/h/.cache/cuhue/plans-v1");
  CHECK(with("", "/h") == "/h/.cache/cuhue/plans-v1");
  CHECK(with("relative", "/h") == "/h/.cache/cuhue/plans-v1");
  CHECK(with(nullptr, nullptr).empty());
  with(old_xdg == nullptr ? nullptr : kept_xdg.c_str(), old_home == nullptr ? nullptr : kept_home.c_str());
}

TEST_CASE("plan cache: device, driver and library are part of a key") {
  DeviceFacts facts;
  facts.name = "NVIDIA H200";
  facts.major = 9;
  facts.driver = "580.65.06 (CUDA 13.0)";
  CHECK(cache_prefix(facts, "cudnn 9.19.0") == "NVIDIA H200|9.0|580.65.06 (CUDA 13.0)|cudnn 9.19.0|");
}

// ---- keys of problems

ConvolutionProblem a_problem() {
  ConvolutionProblem p;
  p.shape.in = {1, 64, 32, 48};
  p.shape.out = {1, 128, 16, 24};
  p.shape.kernel_h = p.shape.kernel_w = 3;
  p.shape.stride = 2;
  p.shape.pad_top = p.shape.pad_left = 1;
  p.in_pitch = 64;
  p.out_pitch = 160;
  p.epilogue.bias = p.epilogue.activated = true;
  return p;
}

TEST_CASE("a problem's key says everything that decides its plan") {
  CHECK(key_of(a_problem()) == "conv 1x32x48x64f -> 1x16x24x128f/160 k3x3 s2 d1 p1,1 fp32 bias relu");
  using Change = void (*)(ConvolutionProblem&);
  const Change changes[] = {
      [](ConvolutionProblem& p) { p.shape.in.n = 2; },
      [](ConvolutionProblem& p) { p.shape.in.c = 65; },
      [](ConvolutionProblem& p) { p.shape.in.h = 33; },
      [](ConvolutionProblem& p) { p.shape.in.w = 49; },
      [](ConvolutionProblem& p) { p.shape.out.c = 129; },
      [](ConvolutionProblem& p) { p.shape.out.h = 17; },
      [](ConvolutionProblem& p) { p.shape.kernel_h = 1; },
      [](ConvolutionProblem& p) { p.shape.kernel_w = 1; },
      [](ConvolutionProblem& p) { p.shape.stride = 1; },
      [](ConvolutionProblem& p) { p.shape.dilation = 2; },
      [](ConvolutionProblem& p) { p.shape.pad_top = 0; },
      [](ConvolutionProblem& p) { p.shape.pad_left = 0; },
      [](ConvolutionProblem& p) { p.shape.transposed = true; },
      [](ConvolutionProblem& p) { p.math = ConvolutionMath::tf32; },
      [](ConvolutionProblem& p) { p.math = ConvolutionMath::fp16; },
      [](ConvolutionProblem& p) { p.in = Element::f16; },
      [](ConvolutionProblem& p) { p.out = Element::f16; },
      [](ConvolutionProblem& p) { p.in_pitch = 72; },
      [](ConvolutionProblem& p) { p.out_pitch = 128; },
      [](ConvolutionProblem& p) { p.epilogue.bias = false; },
      [](ConvolutionProblem& p) { p.epilogue.activated = false; },
      [](ConvolutionProblem& p) { p.epilogue.activation.kind = ActivationKind::tanh; },
      [](ConvolutionProblem& p) {
        p.epilogue.activation = {ActivationKind::leaky_relu, 0.1f};
      },
      [](ConvolutionProblem& p) {
        p.epilogue.activation = {ActivationKind::leaky_relu, 0.2f};
      },
      [](ConvolutionProblem& p) { p.epilogue.affine = true; },
      [](ConvolutionProblem& p) { p.epilogue.residual = true; },
      [](ConvolutionProblem& p) { p.epilogue.residual = true, p.residual = Element::f16; },
      [](ConvolutionProblem& p) { p.epilogue.residual = true, p.residual_pitch = 200; },
  };
  std::vector<std::string> keys = {key_of(a_problem())};
  for (const Change change : changes) {
    ConvolutionProblem p = a_problem();
    change(p);
    keys.push_back(key_of(p));
  }
  for (std::size_t i = 0; i < keys.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) CHECK(keys[i] != keys[j]);
  }

  // What plays no part is no part of it.
  ConvolutionProblem same = a_problem();
  same.residual_pitch = 7;
  CHECK(key_of(same) == key_of(a_problem()));
  same.epilogue.activated = false;
  ConvolutionProblem other = same;
  other.epilogue.activation.kind = ActivationKind::sigmoid;
  CHECK(key_of(same) == key_of(other));
}

TEST_CASE("a dense layer's key") {
  DenseProblem p{2, 512, 256, ConvolutionMath::fp16, Element::f16, Element::f16, 512, 300, true, true};
  CHECK(key_of(p) == "dense 2x512h -> 2x256h/300 fp16 bias relu");
}

}  // namespace
}  // namespace cuhue::cuda
