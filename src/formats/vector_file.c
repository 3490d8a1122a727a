/* Owns what vector_file.h says. */
#include "formats/vector_file.h"

#include <math.h>
#include <string.h>

#define HEAD       128
#define VERSION    1
#define MOST_WIDTH ((uint64_t)1 << 20)

static const char magic[8] = "attindex";

static uint64_t read_u64(const unsigned char *at) {
  uint64_t value = 0;
  for (int i = 7; i >= 0; i--) value = value << 8 | at[i];
  return value;
}

static void put_u64(unsigned char *at, uint64_t value) {
  for (int i = 0; i < 8; i++) at[i] = (unsigned char)(value >> 8 * i);
}

/* Bytes before the lines' places, and before their texts; false: more than there can be. */
static bool find_places(const att_vector_head *head, uint64_t *places, uint64_t *texts) {
  uint64_t row = head->width * att_type_size(head->type);
  if (head->count > (UINT64_MAX >> 2) / (row + 16)) return false;
  *places = (HEAD + head->count * row + 7) & ~(uint64_t)7;
  *texts = *places + head->count * 16;
  return true;
}

/* ---- reading --------------------------------------------------------------------------------------------------- */

static att_status read_head(att_context *ctx, att_vector_file *file) {
  const unsigned char *data = file->mapping.data;
  att_vector_head *head = &file->head;
  uint64_t places, texts;
  if (file->mapping.size < HEAD || memcmp(data, magic, sizeof magic) != 0) {
    return att_fail(ctx, ATT_FORMAT, "%s: is not an index of attend's (attend embed MODEL --index FILE writes one)",
                    file->path);
  }
  uint64_t types = read_u64(data + 8), uses = read_u64(data + 48);
  if ((uint32_t)types != VERSION) {
    return att_fail(ctx, ATT_UNSUPPORTED, "%s: is an index of version %u, and this attend reads version %d", file->path,
                    (unsigned)types, VERSION);
  }
  head->type = types >> 32 ? ATT_F16 : ATT_F32;
  head->count = read_u64(data + 16);
  head->width = read_u64(data + 24);
  head->text_bytes = read_u64(data + 32);
  head->model = read_u64(data + 40);
  head->similarity = (uint32_t)uses;
  head->pooling = (uint32_t)(uses >> 32);
  bool whole = types >> 32 <= 1 && head->width >= 1 && head->width <= MOST_WIDTH && find_places(head, &places, &texts);
  if (!whole || texts > file->mapping.size || head->text_bytes != file->mapping.size - texts) {
    return att_fail(ctx, ATT_FORMAT, "%s: its header does not fit its size: the file is damaged or incomplete",
                    file->path);
  }
  file->vectors = data + HEAD;
  file->places = data + places;
  file->texts = (const char *)data + texts;
  return ATT_OK;
}

att_status att_vector_file_open(att_context *ctx, const char *path, att_vector_file *file) {
  *file = (att_vector_file){.path = att_copy_text(ctx, path, strlen(path))};
  if (!file->path) return ATT_MEMORY;
  att_status status = att_map(ctx, path, &file->mapping);
  if (!status) status = read_head(ctx, file);
  if (status) att_vector_file_close(ctx, file);
  return status;
}

void att_vector_file_close(att_context *ctx, att_vector_file *file) {
  att_unmap(&file->mapping);
  att_free(ctx, file->path);
  *file = (att_vector_file){0};
}

att_status att_vector_file_line(att_context *ctx, const att_vector_file *file, size_t i, att_text *text,
                                size_t *number) {
  const att_vector_head *head = &file->head;
  uint64_t begin = read_u64(file->places + 16 * i);
  uint64_t end = i + 1 < head->count ? read_u64(file->places + 16 * (i + 1)) : head->text_bytes;
  *text = (att_text){0};
  *number = read_u64(file->places + 16 * i + 8);
  if (begin > end || end > head->text_bytes) {
    return att_fail(ctx, ATT_FORMAT, "%s: entry %zu has no place for its text: the file is damaged", file->path, i + 1);
  }
  *text = (att_text){file->texts + begin, end - begin};
  return ATT_OK;
}

/* ---- writing --------------------------------------------------------------------------------------------------- */

struct att_vector_writer {
  att_context *ctx;
  att_writer *writer;
  att_vector_head head;
  void *row;         /* [width] in the file's type */
  att_buffer places; /* of the lines */
  att_buffer texts;
};

static att_status begin(att_vector_writer *w, const char *path) {
  static const unsigned char empty[HEAD];
  w->row = att_alloc(w->ctx, w->head.width, att_type_size(w->head.type));
  if (!w->row) return ATT_MEMORY;
  ATT_TRY(att_writer_open(w->ctx, path, &w->writer));
  return att_writer_put(w->writer, empty, HEAD);
}

att_status att_vector_writer_open(att_context *ctx, const char *path, const att_vector_head *head,
                                  att_vector_writer **out) {
  *out = NULL;
  if ((head->type != ATT_F32 && head->type != ATT_F16) || head->width < 1 || head->width > MOST_WIDTH) {
    return att_fail(ctx, ATT_ARGUMENT, "an index is of float32 or float16, its vectors of 1 to %d numbers",
                    (int)MOST_WIDTH);
  }
  att_vector_writer *w = ATT_NEW(ctx, 1, att_vector_writer);
  if (!w) return ATT_MEMORY;
  w->ctx = ctx;
  w->head = *head;
  w->head.count = 0;
  att_status status = begin(w, path);
  if (status)
    att_vector_writer_discard(w);
  else
    *out = w;
  return status;
}

static att_status fill_row(att_vector_writer *w, const float *vector, size_t number) {
  bool half = w->head.type == ATT_F16;
  for (size_t i = 0; i < w->head.width; i++) {
    uint16_t *halves = w->row;
    if (half) halves[i] = att_f32_to_f16(vector[i]);
    if (isfinite(half ? att_f16_to_f32(halves[i]) : vector[i])) continue;
    return att_fail(w->ctx, ATT_NUMERIC, "line %zu: a number of its vector is too large for float16", number + 1);
  }
  if (!half) memcpy(w->row, vector, w->head.width * sizeof *vector);
  return ATT_OK;
}

att_status att_vector_writer_put(att_vector_writer *w, const float *vector, att_text text, size_t number) {
  unsigned char place[16];
  put_u64(place, w->texts.size);
  put_u64(place + 8, number);
  ATT_TRY(fill_row(w, vector, number));
  ATT_TRY(att_writer_put(w->writer, w->row, w->head.width * att_type_size(w->head.type)));
  ATT_TRY(att_buffer_append(w->ctx, &w->places, place, sizeof place));
  ATT_TRY(att_buffer_append(w->ctx, &w->texts, text.data, text.size));
  w->head.count++;
  return ATT_OK;
}

static att_status finish(att_vector_writer *w) {
  static const unsigned char zeros[8];
  const att_vector_head *head = &w->head;
  unsigned char bytes[HEAD] = {0};
  size_t vectors = head->count * head->width * att_type_size(head->type);
  memcpy(bytes, magic, sizeof magic);
  put_u64(bytes + 8, VERSION | (uint64_t)(head->type == ATT_F16) << 32);
  put_u64(bytes + 16, head->count);
  put_u64(bytes + 24, head->width);
  put_u64(bytes + 32, w->texts.size);
  put_u64(bytes + 40, head->model);
  put_u64(bytes + 48, head->similarity | (uint64_t)head->pooling << 32);
  ATT_TRY(att_writer_put(w->writer, zeros, (8 - vectors % 8) % 8));
  ATT_TRY(att_writer_put(w->writer, w->places.data, w->places.size));
  ATT_TRY(att_writer_put(w->writer, w->texts.data, w->texts.size));
  return att_writer_patch(w->writer, 0, bytes, HEAD);
}

att_status att_vector_writer_commit(att_vector_writer *w) {
  att_status status = finish(w);
  if (!status) {
    att_writer *writer = w->writer;
    w->writer = NULL;
    status = att_writer_commit(writer);
  }
  att_vector_writer_discard(w);
  return status;
}

void att_vector_writer_discard(att_vector_writer *w) {
  if (!w) return;
  att_writer_discard(w->writer);
  att_buffer_free(w->ctx, &w->places);
  att_buffer_free(w->ctx, &w->texts);
  att_free(w->ctx, w->row);
  att_free(w->ctx, w);
}
