// su of a rooted phone: su [-] [0|root|shell] [-c COMMAND | COMMAND ...]. Root is that of a user namespace of its own,
// where the owner of the phone's files is user 0 and file modes do not bind: sysfs can be written, as after a real su.
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int put(const char *path, const char *text) {
  int fd = open(path, O_WRONLY);
  if (fd < 0) return -1;
  ssize_t done = write(fd, text, strlen(text));
  close(fd);
  return done < 0 ? -1 : 0;
}

static int become_root(void) {
  char users[40], groups[40];
  snprintf(users, sizeof users, "0 %d 1\n", (int)getuid());
  snprintf(groups, sizeof groups, "0 %d 1\n", (int)getgid());
  if (unshare(CLONE_NEWUSER)) return -1;
  put("/proc/self/setgroups", "deny");
  return put("/proc/self/uid_map", users) || put("/proc/self/gid_map", groups) ? -1 : 0;
}

int main(int argc, char **argv) {
  int at = 1;
  if (at < argc && !strcmp(argv[at], "-")) at++;
  if (at < argc && (!strcmp(argv[at], "0") || !strcmp(argv[at], "root"))) at++;
  if (become_root()) {
    perror("su");
    return 1;
  }
  if (at + 1 < argc && !strcmp(argv[at], "-c")) {
    execl("/system/bin/sh", "sh", "-c", argv[at + 1], (char *)0);
  } else if (at < argc) {
    execvp(argv[at], argv + at);
  } else {
    execl("/system/bin/sh", "sh", (char *)0);
  }
  perror("su: exec");
  return 127;
}
