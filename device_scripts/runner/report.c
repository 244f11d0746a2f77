#include "report.h"

#include <fcntl.h>
#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static FILE *out;
static int data_fd = -1;
static bool comma;

void report_open(int fd) {
  fflush(stdout);
  int kept = fcntl(fd, F_DUPFD_CLOEXEC, 3);
  data_fd = fcntl(1, F_DUPFD_CLOEXEC, 3);
  if (dup2(2, 1) < 0) _exit(EXIT_FAILED);
  out = kept < 0 ? NULL : fdopen(kept, "w");
  if (out == NULL) {
    fprintf(stderr, "the report cannot be written to descriptor %d\n", fd);
    _exit(EXIT_USAGE);
  }
}

int report_data_fd(void) { return data_fd; }

/* Length of the UTF-8 sequence at `s`, 0 when it is none. */
static int utf8_length(const unsigned char *s) {
  int length = s[0] >= 0xc2 && s[0] < 0xe0 ? 2 : s[0] >= 0xe0 && s[0] < 0xf0 ? 3 : s[0] >= 0xf0 && s[0] < 0xf5 ? 4 : 0;
  for (int i = 1; i < length; i++)
    if ((s[i] & 0xc0) != 0x80) return 0;
  if (length == 3 && ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f))) return 0;
  if (length == 4 && ((s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))) return 0;
  return length;
}

static void write_quoted(const char *text) {
  putc('"', out);
  for (const unsigned char *s = (const unsigned char *)text; *s;) {
    if (*s == '"' || *s == '\\') fprintf(out, "\\%c", *s++);
    else if (*s < 0x20 || *s == 0x7f) fprintf(out, "\\u%04x", *s++);
    else if (*s < 0x80) putc(*s++, out);
    else {
      int length = utf8_length(s);
      if (length == 0) fputs("\\ufffd", out), s++;
      for (; length > 0; length--) putc(*s++, out);
    }
  }
  putc('"', out);
}

static void begin_value(const char *key) {
  if (comma) putc(',', out);
  comma = true;
  if (key == NULL) return;
  write_quoted(key);
  putc(':', out);
}

void put_string(const char *key, const char *text) {
  begin_value(key);
  write_quoted(text);
}

void put_int(const char *key, int64_t value) {
  begin_value(key);
  fprintf(out, "%lld", (long long)value);
}

void put_number(const char *key, double value) {
  begin_value(key);
  if (isfinite(value)) fprintf(out, "%.17g", value);
  else fputs("null", out);
}

void put_bool(const char *key, int value) {
  begin_value(key);
  fputs(value ? "true" : "false", out);
}

void put_null(const char *key) {
  begin_value(key);
  fputs("null", out);
}

static void put_base64_group(const unsigned char *three, int count) {
  static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  uint32_t bits = (uint32_t)three[0] << 16 | (uint32_t)three[1] << 8 | three[2];
  for (int i = 0; i < 4; i++) putc(i <= count ? digits[bits >> (18 - 6 * i) & 63] : '=', out);
}

void put_ns(const char *key, const int64_t *values, size_t count) {
  begin_value(key);
  putc('"', out);
  unsigned char group[3] = {0};
  int filled = 0;
  for (size_t i = 0; i < count; i++)
    for (int byte = 0; byte < 8; byte++) {
      group[filled++] = (unsigned char)((uint64_t)values[i] >> (8 * byte));
      if (filled < 3) continue;
      put_base64_group(group, 3);
      memset(group, 0, sizeof group);
      filled = 0;
    }
  if (filled > 0) put_base64_group(group, filled);
  putc('"', out);
}

static void open_with(const char *key, char bracket) {
  begin_value(key);
  putc(bracket, out);
  comma = false;
}

static void close_with(char bracket) {
  putc(bracket, out);
  comma = true;
}

void open_object(const char *key) { open_with(key, '{'); }
void close_object(void) { close_with('}'); }
void open_array(const char *key) { open_with(key, '['); }
void close_array(void) { close_with(']'); }

void report_begin(const char *type) {
  comma = false;
  open_object(NULL);
  put_string("type", type);
}

void report_end(void) {
  close_object();
  putc('\n', out);
  comma = false;
  if (fflush(out) != 0 || ferror(out)) { /* a part that was lost before is an error, too */
    fputs("the report cannot be written\n", stderr);
    _exit(EXIT_FAILED);
  }
}

static _Noreturn void end_with(int exit_code, const char *kind, const char *format, va_list arguments) {
  char message[1024];
  vsnprintf(message, sizeof message, format, arguments);
  for (char *c = message; *c; c++)
    if (*c == '\n' || *c == '\r' || *c == '\t') *c = ' ';
  report_begin("error");
  put_string("runner", "c");
  put_string("kind", kind);
  put_string("message", message);
  report_end();
  fflush(stderr);
  _exit(exit_code); /* libraries may crash in their own teardown */
}

void die(const char *kind, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  end_with(EXIT_FAILED, kind, format, arguments);
}

void die_usage(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  end_with(EXIT_USAGE, "usage", format, arguments);
}
