// Hostile and broken checkpoints, each with what must be said of it.
#pragma once

#include <string>
#include <vector>

namespace cuhue::testing {

struct HostileCase {
  std::string name;
  std::string contents;
  std::string
      message;  // must stand in the error: the opcode, global, entry, storage or tensor, and its place
};

// Were anything executed, this file would appear in the current folder.
inline constexpr const char* kCanary = "cuhue-hostile-canary";

std::vector<HostileCase> code_executing_pickles();
std::vector<HostileCase> pickle_bombs();  // memory, nesting, sizes
std::vector<HostileCase> broken_pickles();
std::vector<HostileCase> broken_tensors();   // storages, strides, shapes
std::vector<HostileCase> broken_archives();  // zip
std::vector<HostileCase> broken_legacy();
std::vector<HostileCase> wrong_files();  // something else altogether
std::vector<HostileCase> broken_safetensors();
std::vector<HostileCase> broken_tables();  // TensorFlow: sorted tables, snappy, V1
std::vector<HostileCase> broken_hdf5();

}  // namespace cuhue::testing
