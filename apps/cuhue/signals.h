// SIGINT and SIGTERM as a flag that every stage asks. The second signal ends the process at once.
#pragma once

namespace cuhue::app {

void catch_signals();  // SIGINT, SIGTERM; SIGPIPE is ignored: writes fail instead
bool is_cancelled();
void throw_if_cancelled();  // Failure with CUHUE_CANCELLED

// Waits until fd can be read or a signal came (then false), whichever thread the signal was sent to.
bool wait_readable(int fd);

// For cuhue_network_run: nonzero after a signal.
int cancel_on_signal(void* user, double fraction);

}  // namespace cuhue::app
