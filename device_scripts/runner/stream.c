#include "stream.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "report.h"

/* A file or pipe of samples, and where its outputs go. */
struct stream {
  int in, out;
  const char *in_name, *out_name; /* for messages */
  char *partial;                  /* the file until it is whole, NULL for standard output */
};

static void open_input(struct stream *s, const struct packing *p) {
  struct stat status;
  s->in = strcmp(s->in_name, "-") == 0 ? 0 : open(s->in_name, O_RDONLY | O_CLOEXEC);
  if (s->in < 0 || fstat(s->in, &status) != 0)
    die("request", "inputs %s cannot be read: %s", s->in_name, strerror(errno));
  if (!S_ISREG(status.st_mode)) return;
  if (status.st_size == 0 || (size_t)status.st_size % p->in_bytes != 0)
    die("request", "inputs %s have %lld bytes; the model wants a positive multiple of %zu", s->in_name,
        (long long)status.st_size, p->in_bytes);
}

static void open_output(struct stream *s) {
  if (strcmp(s->out_name, "-") == 0) {
    s->out = report_data_fd();
    return;
  }
  size_t size = strlen(s->out_name) + sizeof ".partial";
  s->partial = malloc(size);
  if (s->partial == NULL) die("memory", "out of memory");
  snprintf(s->partial, size, "%s.partial", s->out_name);
  s->out = open(s->partial, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (s->out < 0) die("request", "outputs %s cannot be written: %s", s->partial, strerror(errno));
}

/* As many bytes as there are, up to `size`. */
static size_t read_fully(const struct stream *s, unsigned char *into, size_t size) {
  size_t have = 0;
  while (have < size) {
    ssize_t got = read(s->in, into + have, size - have);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) die("request", "inputs %s cannot be read: %s", s->in_name, strerror(errno));
    if (got == 0) break;
    have += (size_t)got;
  }
  return have;
}

static void write_fully(const struct stream *s, const unsigned char *data, size_t size) {
  while (size > 0) {
    ssize_t put = write(s->out, data, size);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) {
      int why = errno;
      if (s->partial != NULL) unlink(s->partial);
      die("request", "outputs %s cannot be written: %s", s->out_name, strerror(why));
    }
    data += put;
    size -= (size_t)put;
  }
}

static void finish(struct stream *s, bool lasting) {
  if (s->partial == NULL) return;
  if (lasting && fsync(s->out) != 0 && errno != EINVAL)
    die("request", "outputs %s cannot be written: %s", s->partial, strerror(errno));
  if (close(s->out) != 0 || rename(s->partial, s->out_name) != 0)
    die("request", "outputs %s cannot be written: %s", s->out_name, strerror(errno));
  free(s->partial);
}

static int64_t run_through(struct stream *s, struct packing *p, int64_t first) {
  int64_t done = 0;
  for (;;) {
    size_t got = read_fully(s, p->inputs, p->batch * p->in_bytes), samples = got / p->in_bytes;
    if (got % p->in_bytes != 0) {
      if (s->partial != NULL) unlink(s->partial);
      die("request", "inputs %s end after %zu bytes of sample %lld, which has %zu", s->in_name, got % p->in_bytes,
          (long long)done + (long long)samples, p->in_bytes);
    }
    if (samples > 0) {
      packing_run(p, samples, first + done);
      write_fully(s, p->outputs, samples * p->out_bytes);
    }
    done += (int64_t)samples;
    if (samples < p->batch) return done;
  }
}

int64_t stream_file(struct packing *packing, const char *inputs, const char *outputs, int64_t first) {
  struct stream s = {.in_name = inputs, .out_name = outputs};
  open_input(&s, packing);
  open_output(&s);
  int64_t done = run_through(&s, packing, first);
  close(s.in);
  finish(&s, false); /* it is fetched at once: to wait for the disk would only cost time */
  return done;
}

int64_t stream_run(struct engine *engine, const struct args *args) {
  struct packing packing = packing_new(engine, args);
  struct stream s = {.in_name = args->inputs, .out_name = args->outputs};
  open_input(&s, &packing);
  open_output(&s);
  int64_t done = run_through(&s, &packing, 0);
  if (done == 0) {
    if (s.partial != NULL) unlink(s.partial);
    die("request", "inputs %s are empty", args->inputs);
  }
  finish(&s, true);
  return done;
}
