#include "converter/sha256.h"

#include <openssl/evp.h>

#include <memory>

#include "weights/mapped_file.h"
#include "weights/status.h"

namespace cuhue {

std::string sha256_hex(std::span<const std::span<const std::byte>> parts) {
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), &EVP_MD_CTX_free);
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  bool fine = context != nullptr && EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr) == 1;
  for (const std::span<const std::byte> part : parts)
    fine = fine && EVP_DigestUpdate(context.get(), part.data(), part.size()) == 1;
  if (!fine || EVP_DigestFinal_ex(context.get(), digest, &size) != 1)
    throw Error(Status::internal, "SHA-256 is not available from OpenSSL; check its installation");
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (unsigned i = 0; i < size; ++i) {
    text += kDigits[digest[i] >> 4];
    text += kDigits[digest[i] & 15];
  }
  return text;
}

std::string sha256_hex(std::span<const std::byte> bytes) {
  return sha256_hex(std::span<const std::span<const std::byte>>(&bytes, 1));
}

std::string sha256_of_file(const std::filesystem::path& path) {
  return sha256_hex(MappedFile::open(path).bytes());
}

}  // namespace cuhue
