#include <doctest/doctest.h>

#include <new>
#include <stdexcept>

#include "apps/cuhue/api.h"
#include "weights/status.h"

using namespace cuhue::app;

namespace {

template <class Thrown>
ExceptionText text_of(const Thrown& thrown) {
  try {
    throw thrown;
  } catch (...) {
    return current_exception();
  }
}

}  // namespace

TEST_CASE("the exit code is the status; a value that is none is an internal error") {
  for (const int code : {0, 1, 2, 3, 4, 5, 6, 7, 8, 70})
    CHECK(exit_code(static_cast<cuhue_status>(code)) == code);
  for (const int code : {9, 42, 71, -1}) CHECK(exit_code(static_cast<cuhue_status>(code)) == 70);
}

TEST_CASE("exceptions keep their status, and what nobody foresaw is an internal error") {
  CHECK(text_of(Failure(CUHUE_OUTPUT, "no")).status == CUHUE_OUTPUT);
  CHECK(text_of(Failure(CUHUE_OUTPUT, "no")).message == "no");
  CHECK(text_of(cuhue::Error(cuhue::Status::weights, "bad")).status == CUHUE_WEIGHTS);
  CHECK(text_of(cuhue::Error(cuhue::Status::internal, "bad")).status == CUHUE_INTERNAL);
  CHECK(text_of(std::bad_alloc()).status == CUHUE_OUT_OF_MEMORY);
  CHECK(text_of(std::logic_error("x")).status == CUHUE_INTERNAL);
  CHECK(text_of(std::logic_error("x")).message.find('x') != std::string::npos);
  CHECK(text_of(7).status == CUHUE_INTERNAL);
}

TEST_CASE("the API's error becomes a Failure with its text") {
  auto info = sized<cuhue_network_info>();
  try {
    call(cuhue_network_find, "no-such-network", &info);
    FAIL("no exception");
  } catch (const Failure& e) {
    CHECK(e.status() == CUHUE_USAGE);
    CHECK(std::string(e.what()).find("no-such-network") != std::string::npos);
  }
}
