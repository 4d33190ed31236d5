#include "converter/sha256.h"

#include <openssl/evp.h>

#include "weights/mapped_file.h"
#include "weights/status.h"

namespace cuhue {

std::string sha256_hex(std::span<const std::byte> bytes) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  if (EVP_Digest(bytes.data(), bytes.size(), digest, &size, EVP_sha256(), nullptr) != 1)
    throw Error(Status::internal, "SHA-256 is not available from OpenSSL; check its installation");
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (unsigned i = 0; i < size; ++i) {
    text += kDigits[digest[i] >> 4];
    text += kDigits[digest[i] & 15];
  }
  return text;
}

std::string sha256_of_file(const std::filesystem::path& path) {
  return sha256_hex(MappedFile::open(path).bytes());
}

}  // namespace cuhue
