#include "apps/cuhue/download.h"

#include <doctest/doctest.h>
#include <httplib.h>

#include <cstdlib>
#include <string>
#include <thread>

#include "apps/cuhue/api.h"
#include "tests/apps/scratch.h"

using namespace cuhue::app;
using namespace cuhue::test;

namespace {

// A server on this machine's own interface.
class Server {
 public:
  Server() {
    unsetenv("http_proxy");
    server_.Get("/file", [](const httplib::Request&, httplib::Response& r) {
      r.set_content(std::string(100000, 'w'), "application/octet-stream");
    });
    server_.Get("/moved",
                [](const httplib::Request&, httplib::Response& r) { r.set_redirect("/file", 302); });
    server_.Get("/round",
                [](const httplib::Request&, httplib::Response& r) { r.set_redirect("/round", 302); });
    port_ = server_.bind_to_any_port("127.0.0.1");
    thread_ = std::thread([this] { server_.listen_after_bind(); });
    while (!server_.is_running()) std::this_thread::yield();
  }
  ~Server() {
    server_.stop();
    thread_.join();
  }
  std::string url(const std::string& path) const {
    return "http://127.0.0.1:" + std::to_string(port_) + path;
  }

 private:
  httplib::Server server_;
  int port_ = 0;
  std::thread thread_;
};

std::string failure(const std::string& url, const std::string& to, std::uint64_t bytes, cuhue_status status) {
  try {
    download(url, to, bytes, [](std::uint64_t) {});
  } catch (const Failure& e) {
    CHECK(e.status() == status);
    return e.what();
  }
  return "";
}

}  // namespace

TEST_CASE("a file is downloaded, through redirects, with progress") {
  const Server server;
  const Scratch scratch;
  for (const char* path : {"/file", "/moved"}) {
    CAPTURE(path);
    std::uint64_t last = 0;
    download(server.url(path), scratch / "f", 100000, [&](std::uint64_t received) {
      CHECK(received > last);
      last = received;
    });
    CHECK(last == 100000);
    CHECK(read_text(scratch / "f") == std::string(100000, 'w'));
  }
}

TEST_CASE("a download that is not the published file fails and names the URL and the way around") {
  const Server server;
  const Scratch scratch;
  struct Case {
    std::string url, message;
    std::uint64_t bytes;
  };
  const Case cases[] = {{server.url("/none"), "404", 100000},
                        {server.url("/file"), "longer than the published 99999", 99999},
                        {server.url("/file"), "has 100000 bytes, the published file 100001", 100001},
                        {server.url("/round"), "/round", 100000},
                        {"http://127.0.0.1:1/file", "cannot be reached", 100000}};
  for (const Case& c : cases) {
    CAPTURE(c.url);
    CAPTURE(c.bytes);
    const std::string message = failure(c.url, scratch / "f", c.bytes, CUHUE_WEIGHTS);
    CAPTURE(message);
    CHECK(message.starts_with(c.url));
    CHECK(message.find(c.message) != std::string::npos);
    CHECK(message.find("CUHUE_MODELS") != std::string::npos);
  }
  CHECK(failure(server.url("/file"), scratch / "no folder/f", 100000, CUHUE_OUTPUT) != "");
}
