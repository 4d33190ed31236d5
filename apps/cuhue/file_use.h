// What a command reads and writes: nothing that is read is written over, and no two outputs are one file.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace cuhue::app {

// A file that a command reads or writes, and the option that names it. A path that is empty or "-" is no
// file.
struct FileUse {
  std::filesystem::path path;
  std::string option;
};

// For a command with --force, whose message names that remedy too; with it given the check is left out.
enum class Forcible { no, yes };

// Throws Failure with CUHUE_OUTPUT for an output that is one of the inputs, by whatever name.
void refuse_inputs_as_outputs(std::span<const FileUse> inputs, std::span<const FileUse> outputs,
                              Forcible forcible = Forcible::yes);

// Throws Failure with CUHUE_USAGE when two of them are one file.
void refuse_shared_outputs(std::span<const FileUse> outputs);

// Both, of a command that cannot be forced.
void check_file_uses(const std::vector<FileUse>& inputs, const std::vector<FileUse>& outputs);

}  // namespace cuhue::app
