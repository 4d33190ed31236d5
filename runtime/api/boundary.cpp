#include "runtime/api/boundary.h"

#include <algorithm>

namespace cuhue::api {

cuhue_status report(cuhue_error* error, Status status, const char* message) noexcept {
  const auto code = static_cast<cuhue_status>(status);
  constexpr std::size_t kHead = offsetof(cuhue_error, message);
  if (error == nullptr || error->struct_size <= kHead) return code;
  error->status = code;
  const std::size_t room = std::min(error->struct_size, sizeof *error) - kHead - 1;
  std::size_t length = std::min(std::strlen(message), room);
  // A cut must not leave half a UTF-8 character.
  if (length == room) {
    while (length > 0 && (static_cast<unsigned char>(message[length]) & 0xC0U) == 0x80U) --length;
  }
  std::transform(message, message + length, error->message,
                 [](char c) { return c == '\n' || c == '\r' ? ' ' : c; });
  error->message[length] = '\0';
  return code;
}

}  // namespace cuhue::api

extern "C" {

const char* cuhue_version(void) {
  return CUHUE_VERSION_TEXT;
}
int cuhue_abi_version(void) {
  return CUHUE_ABI_VERSION;
}

const char* cuhue_status_name(cuhue_status status) {
  switch (status) {
    case CUHUE_OK: return "ok";
    case CUHUE_SOME_FAILED: return "some images failed";
    case CUHUE_USAGE: return "usage";
    case CUHUE_INPUT: return "input unreadable or unsupported";
    case CUHUE_WEIGHTS: return "weights missing, corrupt or mismatched";
    case CUHUE_OUT_OF_MEMORY: return "out of memory";
    case CUHUE_DEVICE: return "device error";
    case CUHUE_OUTPUT: return "output not writable";
    case CUHUE_CANCELLED: return "cancelled";
    case CUHUE_INTERNAL: return "internal error";
  }
  return "unknown status";
}

}  // extern "C"
