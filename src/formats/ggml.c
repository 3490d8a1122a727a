/* Owns what ggml.h says. */
#include "formats/ggml.h"

#include "formats/gguf.h"

#include <stdio.h>
#include <string.h>

#define MAGIC "lmgg" /* 0x67676d6c, little-endian */
enum { NUMBERS = 11, MOST_DIMENSIONS = 4, LONGEST_NAME = 127 };

typedef struct file_header {
  att_arena *arena;
  att_ggml_head head;
} file_header;

static void free_header(void *header) { att_arena_free(((file_header *)header)->arena); }

bool att_is_ggml_path(const char *path) {
  char magic[4] = "";
  FILE *file = att_is_file(path) ? fopen(path, "rb") : NULL;
  bool is = file && fread(magic, 1, 4, file) == 4 && memcmp(magic, MAGIC, 4) == 0;
  if (file) fclose(file);
  return is;
}

static att_status bad(const att_gguf_cursor *c, const char *why) {
  return att_fail(c->ctx, ATT_FORMAT, "%s: %s %s", c->path, c->what, why);
}

/* ---- before the tensors ---- */

static att_status take_numbers(att_gguf_cursor *c, att_ggml_head *h) {
  int64_t *const at[NUMBERS] = {&h->vocab,
                                &h->audio_positions,
                                &h->audio_width,
                                &h->audio_heads,
                                &h->audio_layers,
                                &h->text_positions,
                                &h->text_width,
                                &h->text_heads,
                                &h->text_layers,
                                &h->bands,
                                NULL}; /* the last: the weights' type */
  for (int i = 0; i < NUMBERS; i++) {
    uint32_t number;
    ATT_TRY(att_gguf_take_u32(c, &number));
    if (!at[i]) continue;
    if (number == 0 || number > INT32_MAX) return bad(c, "has a size that no model has");
    *at[i] = number;
  }
  return ATT_OK;
}

/* attend makes its own. */
static att_status pass_filters(att_gguf_cursor *c) {
  uint32_t bands, frequencies;
  const void *unused;
  snprintf(c->what, sizeof c->what, "its table of mel filters");
  ATT_TRY(att_gguf_take_u32(c, &bands));
  ATT_TRY(att_gguf_take_u32(c, &frequencies));
  return att_gguf_take(c, (uint64_t)bands * frequencies, sizeof(float), &unused);
}

static att_status take_tokens(att_gguf_cursor *c, att_arena *arena, att_ggml_head *h) {
  uint32_t count, size;
  const void *bytes;
  snprintf(c->what, sizeof c->what, "its list of tokens");
  ATT_TRY(att_gguf_take_u32(c, &count));
  att_gguf_cursor ahead = *c;
  ATT_TRY(att_gguf_take(&ahead, count, sizeof size, &bytes)); /* each has its length at least */
  att_text *tokens = ATT_ARENA_NEW(arena, count, att_text);
  if (!tokens) return ATT_MEMORY;
  for (uint32_t i = 0; i < count; i++) {
    ATT_TRY(att_gguf_take_u32(c, &size));
    ATT_TRY(att_gguf_take(c, size, 1, &bytes));
    tokens[i] = (att_text){bytes, size};
  }
  h->tokens = tokens;
  h->token_count = count;
  return ATT_OK;
}

/* ---- tensors ---- */

static att_status take_name(att_gguf_cursor *c, att_arena *arena, uint32_t size, att_stored *out) {
  const void *from;
  if (size == 0 || size > LONGEST_NAME) return bad(c, "has no name, or one that is too long");
  ATT_TRY(att_gguf_take(c, size, 1, &from));
  char *name = att_arena_alloc(arena, size + 1, 1);
  if (!name) return ATT_MEMORY;
  memcpy(name, from, size);
  name[size] = '\0';
  for (uint32_t i = 0; i < size; i++)
    if (name[i] < '!' || name[i] > '~') return bad(c, "has a name that is no text");
  snprintf(c->what, sizeof c->what, "tensor %s", name);
  out->name = name;
  return ATT_OK;
}

static att_status take_tensor(att_gguf_cursor *c, att_arena *arena, att_stored *out) {
  uint32_t rank, size, type, dimension;
  *out = (att_stored){.name = NULL};
  ATT_TRY(att_gguf_take_u32(c, &rank));
  ATT_TRY(att_gguf_take_u32(c, &size));
  ATT_TRY(att_gguf_take_u32(c, &type));
  if (rank > MOST_DIMENSIONS) return bad(c, "has more dimensions than there are");
  out->rank = (int)rank;
  for (int i = out->rank - 1; i >= 0; i--) {
    ATT_TRY(att_gguf_take_u32(c, &dimension));
    if (dimension == 0 || dimension > INT32_MAX) return bad(c, "has a dimension of 0, or too large");
    out->shape[i] = dimension;
  }
  ATT_TRY(take_name(c, arena, size, out));
  ATT_TRY(att_gguf_set_type(c, arena, type, out));
  if (out->type == ATT_TYPE_COUNT) /* where it ends, and all that follows, is not known */
    return att_fail(c->ctx, ATT_UNSUPPORTED, "%s: tensor %s is of the type %s, which attend does not read", c->path,
                    out->name, out->label);
  return att_gguf_take(c, out->size, 1, &out->data);
}

static att_status take_tensors(att_gguf_cursor *c, att_arena *arena, att_tensor_file *file) {
  size_t room = 0;
  while (c->at < c->size) {
    if (file->count == room) {
      room = room ? 2 * room : 64;
      att_stored *tensors = att_resize(c->ctx, file->tensors, room, sizeof *tensors);
      if (!tensors) return ATT_MEMORY;
      file->tensors = tensors;
    }
    snprintf(c->what, sizeof c->what, "tensor %zu", file->count);
    ATT_TRY(take_tensor(c, arena, &file->tensors[file->count]));
    file->count++;
  }
  return ATT_OK;
}

/* ---- the whole ---- */

static att_status read_part(att_context *ctx, const char *path, att_tensor_file *file, att_tensor_part *part) {
  att_arena *arena;
  ATT_TRY(att_map(ctx, path, &part->mapping));
  if (part->mapping.size < 4 || memcmp(part->mapping.data, MAGIC, 4) != 0)
    return att_fail(ctx, ATT_FORMAT, "%s: is no file of whisper.cpp", path);
  ATT_TRY(att_arena_new(ctx, &arena));
  file_header *header = ATT_ARENA_NEW(arena, 1, file_header);
  if (!header) {
    att_arena_free(arena);
    return ATT_MEMORY;
  }
  *header = (file_header){.arena = arena};
  part->header = header;
  att_gguf_cursor c = {ctx, path, part->mapping.data, part->mapping.size, 4, "its head"};
  ATT_TRY(take_numbers(&c, &header->head));
  ATT_TRY(pass_filters(&c));
  ATT_TRY(take_tokens(&c, arena, &header->head));
  return take_tensors(&c, arena, file);
}

static att_status read_all(att_context *ctx, const char *path, att_tensor_file *file) {
  file->free_header = free_header;
  file->path = att_copy_text(ctx, path, strlen(path));
  file->parts = ATT_NEW(ctx, 1, att_tensor_part);
  if (!file->path || !file->parts) return ATT_MEMORY;
  file->part_count = 1;
  ATT_TRY(read_part(ctx, path, file, file->parts));
  return att_tensor_file_sort(file);
}

att_status att_ggml_open(att_context *ctx, const char *path, att_tensor_file **out, const att_ggml_head **head) {
  att_tensor_file *file;
  *out = NULL;
  ATT_TRY(att_tensor_file_new(ctx, &file));
  att_status status = read_all(ctx, path, file);
  if (status) {
    att_tensor_file_close(file);
    return status;
  }
  *head = &((const file_header *)file->parts[0].header)->head;
  *out = file;
  return ATT_OK;
}
