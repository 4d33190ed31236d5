#include "apps/cuhue/download.h"

#include <httplib.h>

#include <cstdlib>
#include <cstring>
#include <fstream>

#include "apps/cuhue/api.h"
#include "apps/cuhue/signals.h"

namespace cuhue::app {
namespace {

struct Url {
  std::string origin, path;  // "https://host:port", "/path?query"
};

Url split(const std::string& url) {
  const std::size_t scheme = url.find("://");
  const std::size_t slash = scheme == std::string::npos ? scheme : url.find('/', scheme + 3);
  if (slash == std::string::npos) throw Failure(CUHUE_INTERNAL, url + ": is not a URL of a file");
  return {url.substr(0, slash), url.substr(slash)};
}

// "http://host:3128" in https_proxy or http_proxy, as curl and apt take it.
void set_proxy(httplib::Client& client, const std::string& origin) {
  const bool https = origin.starts_with("https:");
  const char* value = nullptr;
  for (const char* name : {https ? "https_proxy" : "http_proxy", https ? "HTTPS_PROXY" : "http_proxy"}) {
    value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): nothing here sets it
    if (value != nullptr && *value != '\0') break;
  }
  if (value == nullptr || *value == '\0') return;
  std::string host = value;
  if (const std::size_t scheme = host.find("://"); scheme != std::string::npos) host.erase(0, scheme + 3);
  while (host.ends_with('/')) host.pop_back();
  const std::size_t colon = host.rfind(':');
  const int port =
      colon == std::string::npos ? 80 : std::atoi(host.c_str() + colon + 1);  // NOLINT(cert-err34-c)
  client.set_proxy(host.substr(0, colon), port);
}

[[noreturn]] void fail(const std::string& url, const std::string& what) {
  throw Failure(CUHUE_WEIGHTS,
                url + ": " + what +
                    "; download it by other means into the folder that CUHUE_MODELS names, and "
                    "fetch again");
}

}  // namespace

void download(const std::string& url, const std::filesystem::path& to, std::uint64_t expected_bytes,
              const std::function<void(std::uint64_t)>& progress) {
  const Url parts = split(url);
  httplib::Client client(parts.origin);
  client.set_follow_location(true);
  client.set_connection_timeout(15);
  client.set_read_timeout(30);
  set_proxy(client, parts.origin);
  std::ofstream file(to, std::ios::binary | std::ios::trunc);
  if (!file) throw Failure(CUHUE_OUTPUT, to.string() + ": cannot be created; check the folder");
  std::uint64_t received = 0;
  int status = 0;
  const auto result = client.Get(
      parts.path, httplib::Headers{{"User-Agent", std::string("cuhue/") + cuhue_version()}},
      [&](const httplib::Response& response) {
        status = response.status;
        return status == 200;
      },
      [&](const char* data, std::size_t size) {
        received += size;
        if (received > expected_bytes || is_cancelled()) return false;
        file.write(data, static_cast<std::streamsize>(size));
        progress(received);
        return file.good();
      });
  throw_if_cancelled();
  file.close();
  if (!file) throw Failure(CUHUE_OUTPUT, to.string() + ": " + std::strerror(errno) + "; is the disk full?");
  if (status != 0 && status != 200) fail(url, "the server answered " + std::to_string(status));
  if (received > expected_bytes)
    fail(url, "is longer than the published " + std::to_string(expected_bytes) + " bytes");
  if (!result) fail(url, "cannot be reached or broke off (" + httplib::to_string(result.error()) + ")");
  if (received != expected_bytes) {
    fail(url,
         "has " + std::to_string(received) + " bytes, the published file " + std::to_string(expected_bytes));
  }
}

}  // namespace cuhue::app
