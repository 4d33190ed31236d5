// One file over HTTP or HTTPS.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

namespace cuhue::app {

// Gets url into the file `to` (replaced), follows redirects, honours http_proxy and https_proxy. More bytes
// than expected_bytes end it. progress(received) is called now and then.
// Throws Failure: CUHUE_WEIGHTS (offline, not found, another size: the remedy names the URL), CUHUE_OUTPUT,
// CUHUE_CANCELLED.
void download(const std::string& url, const std::filesystem::path& to, std::uint64_t expected_bytes,
              const std::function<void(std::uint64_t received)>& progress);

}  // namespace cuhue::app
