// What a file is, told by its first bytes.
#pragma once

#include <optional>
#include <string>

#include "runtime/image/parts.h"

namespace cuhue {

// The format of a picture we read; nothing for any other content.
std::optional<FileFormat> sniff_format(ByteSpan file);

// For content we do not read: "a WebP picture", "an HTML page", …; empty when it is unknown to us too.
std::string describe_foreign(ByteSpan file);

}  // namespace cuhue
