/*
 * Owns tables of float32 as .npy files, as numpy.save writes them to the byte (numpy/lib/format.py, version 1.0). The
 * head has room for any number of rows, so it is written first and patched at the end. Refuses to leave half a file.
 */
#include "formats/file.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

/* Magic, version, the length of what follows, a Python dictionary padded with spaces, a line end. numpy makes the whole
 * a multiple of 64 bytes after leaving room for 21 digits of rows. */
enum { HEAD = 128, MAGIC = 10 };

struct att_npy {
  att_context *ctx;
  att_writer *writer;
  size_t columns, rows;
};

static bool little_endian(void) {
  const uint16_t one = 1;
  uint8_t first;
  memcpy(&first, &one, 1);
  return first == 1;
}

static void make_head(const att_npy *npy, char head[HEAD]) {
  char text[HEAD + 1];
  int size =
      snprintf(text, sizeof text, "\x93NUMPY%c%c%c%c{'descr': '%cf4', 'fortran_order': False, 'shape': (%zu, %zu), }",
               1, 0, HEAD - MAGIC, 0, little_endian() ? '<' : '>', npy->rows, npy->columns);
  memset(head, ' ', HEAD);
  memcpy(head, text, (size_t)size);
  head[HEAD - 1] = '\n';
}

att_status att_npy_open(att_context *ctx, const char *path, size_t columns, att_npy **out) {
  char head[HEAD];
  *out = NULL;
  if (!path || columns > INT32_MAX)
    return att_fail(ctx, ATT_ARGUMENT, "att_npy_open: no path, or more than %d columns", INT32_MAX);
  att_npy *npy = ATT_NEW(ctx, 1, att_npy);
  if (!npy) return ATT_MEMORY;
  npy->ctx = ctx;
  npy->columns = columns;
  att_status status = att_writer_open(ctx, path, &npy->writer);
  make_head(npy, head);
  if (!status) status = att_writer_put(npy->writer, head, HEAD);
  if (status)
    att_npy_discard(npy);
  else
    *out = npy;
  return status;
}

att_status att_npy_put(att_npy *npy, const float *rows, size_t count) {
  size_t row = npy->columns * sizeof *rows;
  if (row && count > SIZE_MAX / row) return att_fail(npy->ctx, ATT_ARGUMENT, "att_npy_put: %zu rows", count);
  npy->rows += count;
  return att_writer_put(npy->writer, rows, count * row);
}

att_status att_npy_commit(att_npy *npy) {
  char head[HEAD];
  make_head(npy, head);
  att_status status = att_writer_patch(npy->writer, 0, head, HEAD);
  if (!status) {
    status = att_writer_commit(npy->writer);
    npy->writer = NULL;
  }
  att_npy_discard(npy);
  return status;
}

void att_npy_discard(att_npy *npy) {
  if (!npy) return;
  att_writer_discard(npy->writer);
  att_free(npy->ctx, npy);
}
