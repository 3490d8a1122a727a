/*
 * Owns text files, whole or as lines: plain or gzip by their first bytes, standard input too. Refuses damaged gzip and
 * more text than the limit, and to judge what a line contains. See att_read_lines in attend.h.
 */
#include "formats/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#define ATT_PART        ((size_t)1 << 16)
#define ATT_MOST_TEXT   ((uint64_t)16 << 30)
#define ATT_GZIP_WINDOW (16 + MAX_WBITS) /* zlib: 16 asks for a gzip header */
#define ATT_BYTE_ORDER  "\xef\xbb\xbf"
#define ATT_GIBIBYTE    ((double)((uint64_t)1 << 30))

typedef struct att_source {
  att_context *ctx;
  const char *name;
  int fd;
  uint64_t limit;
  z_stream stream;
  bool inside; /* a gzip member has begun and not ended */
  att_buffer text;
  unsigned char packed[ATT_PART], plain[ATT_PART];
} att_source;

static att_status read_part(att_source *source, size_t *size) {
  size_t filled = 0;
  while (filled < ATT_PART) { /* whole parts: the first must hold the magic bytes, also from a slow pipe */
    ssize_t count = read(source->fd, source->packed + filled, ATT_PART - filled);
    if (count == 0) break;
    if (count < 0 && errno == EINTR) {
      if (!source->ctx->interrupted) continue;
      return att_fail(source->ctx, ATT_INTERRUPTED, "%s: interrupted while reading", source->name);
    }
    if (count < 0) return att_fail(source->ctx, ATT_IO, "%s: cannot be read: %s", source->name, strerror(errno));
    filled += (size_t)count;
  }
  *size = filled;
  return ATT_OK;
}

static att_status keep(att_source *source, const unsigned char *data, size_t size) {
  if (size > source->limit - source->text.size) {
    return att_fail(source->ctx, ATT_UNSUPPORTED, "%s: holds more than %g GiB of text; split it", source->name,
                    (double)source->limit / ATT_GIBIBYTE);
  }
  return att_buffer_append(source->ctx, &source->text, data, size);
}

static att_status damaged(att_source *source, const char *how) {
  return att_fail(source->ctx, ATT_FORMAT, "%s: its gzip data is %s", source->name, how);
}

/* Members may follow each other (as from cat a.gz b.gz), and zeros may pad the end (as on tapes). */
static att_status unpack(att_source *source, size_t size) {
  z_stream *stream = &source->stream;
  stream->next_in = source->packed;
  stream->avail_in = (uInt)size;
  do {
    if (!source->inside) {
      while (stream->avail_in > 0 && *stream->next_in == 0) stream->next_in++, stream->avail_in--;
      if (stream->avail_in == 0) return ATT_OK;
      if (inflateReset(stream) != Z_OK) return damaged(source, "corrupt");
      source->inside = true;
    }
    stream->next_out = source->plain;
    stream->avail_out = (uInt)ATT_PART;
    int result = inflate(stream, Z_NO_FLUSH);
    if (result == Z_MEM_ERROR) return ATT_MEMORY; /* our allocator has said so */
    if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR) return damaged(source, "corrupt");
    ATT_TRY(keep(source, source->plain, ATT_PART - stream->avail_out));
    if (result == Z_STREAM_END) source->inside = false;
  } while (stream->avail_in > 0 || stream->avail_out == 0);
  return ATT_OK;
}

static att_status read_gzip(att_source *source, size_t size) {
  if (inflateInit2(&source->stream, ATT_GZIP_WINDOW) != Z_OK) {
    return att_fail(source->ctx, ATT_MEMORY, "%s: no memory to unpack gzip", source->name);
  }
  source->inside = true;
  att_status status = ATT_OK;
  while (size > 0 && status == ATT_OK) {
    status = unpack(source, size);
    if (status == ATT_OK) status = read_part(source, &size);
  }
  if (status == ATT_OK && source->inside) status = damaged(source, "cut off");
  inflateEnd(&source->stream);
  return status;
}

static att_status read_text(att_source *source) {
  size_t size;
  ATT_TRY(read_part(source, &size));
  if (size >= 2 && source->packed[0] == 0x1f && source->packed[1] == 0x8b) return read_gzip(source, size);
  while (size > 0) {
    ATT_TRY(keep(source, source->packed, size));
    ATT_TRY(read_part(source, &size));
  }
  return ATT_OK;
}

static size_t count_lines(const char *text, size_t size) {
  size_t count = size > 0 && text[size - 1] != '\n';
  for (const char *at = text, *end = text + size; at < end && (at = memchr(at, '\n', (size_t)(end - at))); at++) {
    count++;
  }
  return count;
}

static void fill_lines(att_text *lines, size_t count, const char *text, size_t size) {
  const char *end = text + size;
  for (size_t i = 0; i < count; i++) {
    const char *stop = memchr(text, '\n', (size_t)(end - text));
    size_t length = (size_t)((stop ? stop : end) - text);
    lines[i] = (att_text){text, stop && length > 0 && text[length - 1] == '\r' ? length - 1 : length};
    text += length + 1;
  }
}

static size_t byte_order_mark(const att_buffer *text) {
  size_t size = strlen(ATT_BYTE_ORDER);
  return text->size >= size && memcmp(text->data, ATT_BYTE_ORDER, size) == 0 ? size : 0;
}

/* The bytes move up to make room for the array before them, so that all is one block. */
static att_status split(att_context *ctx, const char *name, att_buffer *text, att_text **lines, size_t *count) {
  size_t skip = byte_order_mark(text), size = text->size - skip, total, array;
  *count = size > 0 ? count_lines(text->data + skip, size) : 0;
  if (__builtin_mul_overflow(*count, sizeof **lines, &array) || __builtin_add_overflow(array, text->size, &total)) {
    return att_fail(ctx, ATT_MEMORY, "%s: too many lines for memory", name);
  }
  char *block = att_resize(ctx, text->data, total, 1);
  if (!block) return ATT_MEMORY;
  *text = (att_buffer){0};
  memmove(block + array, block + skip, size);
  *lines = (att_text *)(void *)block;
  fill_lines(*lines, *count, block + array, size);
  return ATT_OK;
}

static voidpf allocate(voidpf ctx, uInt count, uInt size) { return att_alloc(ctx, count, size); }
static void release(voidpf ctx, voidpf pointer) { att_free(ctx, pointer); }

/* The whole text into *text, also where it fails: att_buffer_free. */
static att_status read_path(att_context *ctx, const char *path, uint64_t limit, att_buffer *text) {
  bool standard = strcmp(path, "-") == 0;
  att_source *source = ATT_NEW(ctx, 1, att_source);
  if (!source) return ATT_MEMORY;
  source->ctx = ctx;
  source->name = standard ? "standard input" : path;
  source->limit = limit < SIZE_MAX / 4 ? limit : SIZE_MAX / 4;
  source->stream = (z_stream){.zalloc = allocate, .zfree = release, .opaque = ctx};
  source->fd = standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
  att_status status;
  if (source->fd < 0) {
    status = att_fail(ctx, ATT_IO, "%s: cannot be opened: %s", path, strerror(errno));
  } else {
    status = read_text(source);
    if (!standard) close(source->fd);
  }
  *text = source->text;
  att_free(ctx, source);
  return status;
}

att_text att_trimmed(att_text text) {
  while (text.size && (text.data[0] == ' ' || text.data[0] == '\r')) text.data++, text.size--;
  while (text.size && (text.data[text.size - 1] == ' ' || text.data[text.size - 1] == '\r')) text.size--;
  return text;
}

att_status att_read_lines_within(att_context *ctx, const char *path, uint64_t limit, att_text **lines, size_t *count) {
  att_buffer text = {0};
  *lines = NULL;
  *count = 0;
  att_status status = read_path(ctx, path, limit, &text);
  if (status == ATT_OK) status = split(ctx, strcmp(path, "-") == 0 ? "standard input" : path, &text, lines, count);
  att_buffer_free(ctx, &text);
  return status;
}

att_status att_read_text(att_context *ctx, const char *path, char **text, size_t *size) {
  att_buffer bytes = {0};
  if (!path || !text || !size) return att_fail(ctx, ATT_ARGUMENT, "att_read_text: an argument is NULL");
  *text = NULL;
  *size = 0;
  att_status status = read_path(ctx, path, ATT_MOST_TEXT, &bytes);
  if (status == ATT_OK) status = att_buffer_append(ctx, &bytes, "", 0); /* an empty file is a text too */
  if (status) {
    att_buffer_free(ctx, &bytes);
    return status;
  }
  size_t skip = byte_order_mark(&bytes);
  *size = bytes.size - skip;
  memmove(bytes.data, bytes.data + skip, *size + 1);
  *text = bytes.data;
  return ATT_OK;
}

att_status att_read_lines(att_context *ctx, const char *path, att_text **lines, size_t *count) {
  if (!path || !lines || !count) return att_fail(ctx, ATT_ARGUMENT, "att_read_lines: an argument is NULL");
  return att_read_lines_within(ctx, path, ATT_MOST_TEXT, lines, count);
}
