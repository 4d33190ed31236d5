// Prints what the converter reads from each checkpoint given, one line a tensor: file, name, type, shape,
// SHA-256 of the data. For comparison with what PyTorch and NumPy hold.
#include <cstdio>

#include "converter/sha256.h"
#include "converter/state_dict.h"
#include "converter/strided.h"
#include "weights/status.h"
#include "weights/text.h"

int main(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    try {
      const cuhue::Checkpoint checkpoint = cuhue::read_checkpoint(std::filesystem::path(argv[i]));
      for (const cuhue::CheckpointTensor& t : checkpoint.tensors)
        std::printf("%s|%s|%s|%s|%s\n", argv[i], t.name.c_str(), std::string(name_of(t.dtype)).c_str(),
                    cuhue::shape_text(t.shape).c_str(), cuhue::sha256_hex(t.data).c_str());
    } catch (const cuhue::Error& e) {
      std::printf("%s|error|%s\n", argv[i], e.what());
    }
  }
  return 0;
}
