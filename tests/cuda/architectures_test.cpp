#include "runtime/cuda/architectures.h"

#include <doctest/doctest.h>

#include <string>

using cuhue::cuda::capabilities_of;
using cuhue::cuda::has_code_for;

TEST_CASE("machine code runs on its capability and on later ones of its major version") {
  CHECK(has_code_for("80-real", 8, 0));
  CHECK(has_code_for("80-real", 8, 6));
  CHECK(has_code_for("86-real", 8, 9));
  CHECK(has_code_for("100-real", 10, 3));
  CHECK(has_code_for("120-real", 12, 1));
  CHECK_FALSE(has_code_for("86-real", 8, 0));
  CHECK_FALSE(has_code_for("80-real", 7, 5));
  CHECK_FALSE(has_code_for("89-real", 9, 0));
  CHECK_FALSE(has_code_for("100-real", 12, 0));
}

TEST_CASE("a Jetson runs no other chip's machine code, and none runs a Jetson's") {
  CHECK(has_code_for("87-real", 8, 7));
  CHECK(has_code_for("110-real", 11, 0));
  CHECK_FALSE(has_code_for("86-real", 8, 7));
  CHECK_FALSE(has_code_for("80-real", 8, 7));
  CHECK_FALSE(has_code_for("87-real", 8, 9));
}

TEST_CASE("PTX runs on everything later, Jetsons too") {
  CHECK(has_code_for("80-virtual", 8, 0));
  CHECK(has_code_for("80-virtual", 8, 7));
  CHECK(has_code_for("80-virtual", 12, 0));
  CHECK(has_code_for("80", 9, 0));  // without a suffix: both
  CHECK_FALSE(has_code_for("80-virtual", 7, 5));
  CHECK_FALSE(has_code_for("120-virtual", 9, 0));
}

TEST_CASE("code with a capability's own features runs there only, with a family's in its family") {
  CHECK(has_code_for("90a", 9, 0));
  CHECK(has_code_for("90a-virtual", 9, 0));
  CHECK_FALSE(has_code_for("90a", 10, 0));
  CHECK_FALSE(has_code_for("100a-real", 10, 3));
  CHECK(has_code_for("100f-virtual", 10, 3));
  CHECK_FALSE(has_code_for("100f-virtual", 12, 0));
}

TEST_CASE("the lists of the presets; separators of CMake and of ours") {
  const std::string release = "80-real;86-real;87-real;89-real;90-real;100-real;110-real;120";
  struct Gpu {
    int major, minor;
  };
  for (const Gpu gpu :
       {Gpu{8, 0}, {8, 6}, {8, 7}, {8, 9}, {9, 0}, {10, 0}, {10, 3}, {11, 0}, {12, 0}, {12, 1}, {13, 0}}) {
    CAPTURE(gpu.major);
    CAPTURE(gpu.minor);
    CHECK(has_code_for(release, gpu.major, gpu.minor));
  }
  CHECK_FALSE(has_code_for(release, 7, 5));
  CHECK(has_code_for("87-real,90-real", 9, 0));
  CHECK_FALSE(has_code_for("87-real,90-real", 8, 9));
  CHECK_FALSE(has_code_for("", 9, 0));
  CHECK(has_code_for("native", 9, 0));  // not known here: the driver will tell
}

TEST_CASE("capabilities for people") {
  CHECK(capabilities_of("90-real;80-real;87-real") == "8.0, 8.7, 9.0");
  CHECK(capabilities_of("80-real,120") == "8.0, 12.0 and newer");
  CHECK(capabilities_of("90a") == "9.0");
}
