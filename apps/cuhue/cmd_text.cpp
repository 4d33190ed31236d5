// --help and --version.
#include "apps/cuhue/commands.h"
#include "apps/cuhue/console.h"

namespace cuhue::app {

int run_command(const Text& options) {
  write_stdout(options.text);
  return CUHUE_OK;
}

}  // namespace cuhue::app
