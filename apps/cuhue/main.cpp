// The cuhue program: parse, run one command, turn its failure into one line and an exit code.
#include <variant>

#include "apps/cuhue/api.h"
#include "apps/cuhue/commands.h"
#include "apps/cuhue/console.h"
#include "apps/cuhue/signals.h"

namespace {

using namespace cuhue::app;

int run(int argc, const char* const* argv) {
  catch_signals();
  const Command command = parse_command_line(argc, argv);
  return std::visit(
      [](const auto& options) {
        if constexpr (requires { options.quiet; }) set_up_console(options);
        return run_command(options);
      },
      command);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (...) {
    const ExceptionText e = cuhue::app::current_exception();
    print_error(e.message);
    return exit_code(e.status);
  }
}
