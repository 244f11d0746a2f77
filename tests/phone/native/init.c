// The phone's first process: starts its arguments (adbd) and starts them again when they die, as Android's init does;
// adopts and reaps what is left behind. What ran on the phone survives the death of adbd.
#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static pid_t start(char **argv) {
  pid_t child = fork();
  if (child == 0) {
    execv(argv[0], argv);
    _exit(127);
  }
  return child;
}

int main(int argc, char **argv) {
  if (argc < 2) return 2;
  struct timespec pause = {0, 300 * 1000 * 1000};
  pid_t daemon = start(argv + 1);
  for (;;) {
    pid_t ended = wait(0);
    if (ended < 0 && errno != EINTR) return 1;
    if (ended != daemon) continue;
    nanosleep(&pause, 0);
    daemon = start(argv + 1);
  }
}
