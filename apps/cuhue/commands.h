// One function a command. Each returns the exit code or throws (current_exception() gives the code then).
#pragma once

#include "apps/cuhue/options.h"

namespace cuhue::app {

int run_command(const Text& options);
int run_command(const ColorizeOptions& options);
int run_command(const RunOptions& options);
int run_command(const ConvertOptions& options);
int run_command(const InfoOptions& options);
int run_command(const VerifyOptions& options);
int run_command(const ModelsOptions& options);
int run_command(const BenchOptions& options);
int run_command(const DevicesOptions& options);
int run_command(const CompareOptions& options);

}  // namespace cuhue::app
