#include "apps/cuhue/signals.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>

#include "apps/cuhue/api.h"

namespace cuhue::app {
namespace {

std::atomic<bool> cancelled{false};
int wake_pipe[2] = {-1, -1};  // a byte in it wakes whoever waits in wait_readable()

static_assert(std::atomic<bool>::is_always_lock_free);

void on_signal(int signal) {
  const int saved = errno;
  cancelled = true;
  if (wake_pipe[1] >= 0 && write(wake_pipe[1], "", 1) < 0) {
    // The pipe is full: somebody was woken already.
  }
  ::signal(signal, SIG_DFL);
  errno = saved;
}

}  // namespace

void catch_signals() {
  if (pipe2(wake_pipe, O_CLOEXEC | O_NONBLOCK) != 0) wake_pipe[0] = wake_pipe[1] = -1;
  struct sigaction action = {};
  action.sa_handler = on_signal;
  sigemptyset(&action.sa_mask);
  for (const int s : {SIGINT, SIGTERM}) {
    // A signal that the parent had ignored (nohup, a background job of a script) stays ignored.
    struct sigaction before = {};
    if (sigaction(s, nullptr, &before) == 0 && before.sa_handler != SIG_IGN) sigaction(s, &action, nullptr);
  }
  ::signal(SIGPIPE, SIG_IGN);
}

bool is_cancelled() {
  return cancelled;
}

void throw_if_cancelled() {
  if (cancelled) throw Failure(CUHUE_CANCELLED, "cancelled");
}

bool wait_readable(int fd) {
  pollfd fds[2] = {{fd, POLLIN, 0}, {wake_pipe[0], POLLIN, 0}};
  while (!cancelled) {
    const int n = poll(fds, wake_pipe[0] >= 0 ? 2 : 1, -1);
    if (n > 0 && fds[0].revents != 0) return !cancelled;
    if (n < 0 && errno != EINTR) return true;  // the read itself will say what is wrong
  }
  return false;
}

int cancel_on_signal(void* /*user*/, double /*fraction*/) {
  return cancelled ? 1 : 0;
}

}  // namespace cuhue::app
