// What photos show.
#include <algorithm>
#include <cstddef>
#include <cstring>
#include <vector>

#include "runtime/api/boundary.h"
#include "runtime/api/handles.h"

using namespace cuhue;
using namespace cuhue::api;

extern "C" {

cuhue_status cuhue_colorizer_classes(const cuhue_colorizer* colorizer, size_t photo, cuhue_class* classes,
                                     size_t capacity, size_t* count, cuhue_error* error) {
  return guard(error, [&] {
    require(colorizer != nullptr && classes != nullptr && count != nullptr && capacity > 0,
            "colorizer, classes or count is NULL, or capacity 0");
    const std::size_t size = classes->struct_size;
    require(size >= offsetof(cuhue_class, probability) + sizeof(float),
            "struct_size of classes is not sizeof the struct");
    std::vector<ClassGuess> found(std::min<std::size_t>(capacity, CUHUE_CLASSES));
    found.resize(colorizer->colorizer->classes(photo, found));
    auto* to = reinterpret_cast<std::byte*>(classes);
    for (const ClassGuess& guess : found) {
      cuhue_class c{};
      c.struct_size = size;
      c.index = guess.index;
      c.probability = guess.probability;
      std::memcpy(to, &c, std::min(size, sizeof c));
      to += size;
    }
    *count = found.size();
  });
}

}  // extern "C"
