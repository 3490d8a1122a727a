/* Owns a text that grows. */
#ifndef ATT_SERVER_OUT_H
#define ATT_SERVER_OUT_H

#include <stdbool.h>
#include <stddef.h>

/* Zero-initialised is empty. */
typedef struct att_out {
  char *data; /* [size], and a NUL where there is any */
  size_t size, room;
  bool failed; /* there was no memory for all */
} att_out;

void att_out_put(att_out *out, const void *data, size_t size);
__attribute__((format(printf, 2, 3))) void att_out_print(att_out *out, const char *format, ...);
/* The text, which is then the caller's to free; NULL where it failed. */
char *att_out_take(att_out *out);
void att_out_free(att_out *out);

#endif
