/* Owns a text that grows. See out.h. */
#include "out.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool reserve(att_out *out, size_t size) {
  if (out->failed || size > SIZE_MAX / 4 - out->size) return !(out->failed = true);
  if (out->data && out->size + size < out->room) return true;
  size_t room = 2 * (out->size + size) + 64;
  char *grown = realloc(out->data, room);
  if (!grown) return !(out->failed = true);
  out->data = grown;
  out->room = room;
  return true;
}

void att_out_put(att_out *out, const void *data, size_t size) {
  if (!reserve(out, size)) return;
  if (size) memcpy(out->data + out->size, data, size);
  out->size += size;
  out->data[out->size] = '\0';
}

void att_out_print(att_out *out, const char *format, ...) {
  va_list args, again;
  va_start(args, format);
  va_copy(again, args);
  int size = vsnprintf(NULL, 0, format, args);
  if (size >= 0 && reserve(out, (size_t)size + 1)) {
    vsnprintf(out->data + out->size, (size_t)size + 1, format, again);
    out->size += (size_t)size;
  }
  va_end(again);
  va_end(args);
}

char *att_out_take(att_out *out) {
  att_out_put(out, "", 0);
  char *data = out->failed ? NULL : out->data;
  if (!data) free(out->data);
  *out = (att_out){0};
  return data;
}

void att_out_free(att_out *out) {
  free(out->data);
  *out = (att_out){0};
}
