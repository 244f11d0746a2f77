/* JSON lines of protocol 1 on the report descriptor, and the ways to end the process with an error line. */
#ifndef HARNESS_REPORT_H
#define HARNESS_REPORT_H

#include <stddef.h>
#include <stdint.h>

enum { PROTOCOL = 1, EXIT_FAILED = 1, EXIT_USAGE = 2 };

/* Keep the report (and, for data_to_stdout, standard output) to ourselves; what libraries print goes to stderr. */
void report_open(int fd);

/* The original standard output, for data. */
int report_data_fd(void);

/* One line: report_begin("hello"), fields, report_end(). */
void report_begin(const char *type);
void report_end(void);

/* Fields of the innermost open object; `key` is NULL inside an array. */
void put_string(const char *key, const char *text);
void put_int(const char *key, int64_t value);
void put_number(const char *key, double value); /* null when it is not finite */
void put_bool(const char *key, int value);
void put_null(const char *key);
void put_ns(const char *key, const int64_t *values, size_t count); /* base64 of little-endian int64 */
void open_object(const char *key);
void close_object(void);
void open_array(const char *key);
void close_array(void);

/* An error line and the end. `kind` is unsupported, model, request, library, memory or usage. */
_Noreturn void die(const char *kind, const char *format, ...) __attribute__((format(printf, 2, 3)));
_Noreturn void die_usage(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
