/* Owns the layout of the file. See saved.h. */
#include "decode/saved.h"

#include "formats/safetensors.h"
#include "kernels/kernels.h"
#include "models/fingerprint.h"

#include <math.h>
#include <stdio.h>

enum { FIRST_LAYER = 2, NAME = 32 }; /* tensors before the layers' */

/* Rows of floats stand as what they are, others as bytes. */
static void shape_of(const att_session *s, att_type *type, int64_t *width) {
  att_session_layout layout = att_session_layout_of(s);
  bool floats = layout.type < ATT_FLOAT_TYPES;
  *type = floats ? layout.type : ATT_U8;
  *width = (int64_t)layout.row_bytes / (floats ? (int64_t)att_type_size(layout.type) : 1);
}

/* ---- writing -------------------------------------------------------------------------------------------------- */

typedef struct layer {
  const att_session *session;
  int32_t sequence;
  int64_t number, first; /* the first token whose row it has */
} layer;

static att_status rows_of(const void *owner, int64_t first, int64_t count, void *out) {
  const layer *l = owner;
  att_session_get_rows(l->session, l->sequence, l->number, l->first + first, count, out);
  return ATT_OK;
}

static att_status write_file(const att_session *s, int32_t sequence, int64_t length, const char *path, int32_t *tokens,
                             att_to_store *tensors, layer *layers, char (*names)[NAME]) {
  att_session_layout layout = att_session_layout_of(s);
  int64_t count = layout.layers, held = att_session_held(s, sequence), width;
  int64_t fingerprint = (int64_t)att_model_fingerprint(att_session_model(s));
  att_type type;
  shape_of(s, &type, &width);
  att_session_tokens(s, sequence, 0, length, tokens);
  tensors[0] = (att_to_store){.name = "fingerprint", .type = ATT_I64, .rank = 1, .shape = {1}, .data = &fingerprint};
  tensors[1] = (att_to_store){.name = "tokens", .type = ATT_I32, .rank = 1, .shape = {length}, .data = tokens};
  tensors[0].data_type = ATT_I64;
  tensors[1].data_type = ATT_I32;
  for (int64_t i = 0; i < count; i++) {
    int64_t first = !layout.local || !layout.local[i] ? 0 : held < length ? held : length;
    layers[i] = (layer){s, sequence, i, first};
    snprintf(names[i], NAME, "layers.%lld", (long long)i);
    tensors[FIRST_LAYER + i] = (att_to_store){.name = names[i],
                                              .type = type,
                                              .rank = 2,
                                              .shape = {length - first, width},
                                              .rows = rows_of,
                                              .owner = &layers[i]};
  }
  return att_safetensors_write(att_session_model(s)->ctx, path, tensors, (size_t)(FIRST_LAYER + count));
}

att_status att_session_save(const att_session *s, int32_t sequence, int64_t length, const char *path) {
  att_context *ctx = att_session_model(s)->ctx;
  int64_t count = att_session_layout_of(s).layers;
  int32_t *tokens = ATT_NEW(ctx, length, int32_t);
  att_to_store *tensors = ATT_NEW(ctx, FIRST_LAYER + count, att_to_store);
  layer *layers = ATT_NEW(ctx, count, layer);
  char(*names)[NAME] = att_alloc(ctx, (size_t)count, NAME);
  att_status status = ATT_MEMORY;
  bool room = tokens && tensors && layers && names;
  if (room) status = write_file(s, sequence, length, path, tokens, tensors, layers, names);
  att_free(ctx, tokens);
  att_free(ctx, tensors);
  att_free(ctx, layers);
  att_free(ctx, names);
  return status;
}

/* ---- reading -------------------------------------------------------------------------------------------------- */

typedef struct saved {
  att_context *ctx;
  const char *path;
  att_tensor_file *file;
  int64_t count;
  int64_t held;      /* tokens without rows in layers that see a window; -1: none was read */
  int32_t *tokens;   /* [count] */
  const void **rows; /* [layers] */
} saved;

static att_status refuse(const saved *f, const char *why) {
  return att_fail(f->ctx, ATT_FORMAT, "%s is no saved cache: %s", f->path, why);
}

static att_status find(const saved *f, const char *name, att_type type, const att_stored **out) {
  *out = att_tensor_file_find(f->file, name);
  if (!*out) return att_fail(f->ctx, ATT_FORMAT, "%s is no saved cache: it has no tensor %s", f->path, name);
  if ((*out)->type == type) return ATT_OK;
  return att_fail(f->ctx, ATT_ARGUMENT, "%s was saved with another cache type: its %s is %s, not %s", f->path, name,
                  att_type_name((*out)->type), att_type_name(type));
}

static att_status read_tokens(saved *f, const att_model *model) {
  const att_stored *fingerprint, *tokens;
  ATT_TRY(find(f, "fingerprint", ATT_I64, &fingerprint));
  ATT_TRY(find(f, "tokens", ATT_I32, &tokens));
  if (fingerprint->count != 1) return refuse(f, "its fingerprint is not one number");
  uint64_t made_by;
  memcpy(&made_by, fingerprint->data, sizeof made_by);
  if (made_by != att_model_fingerprint(model))
    return att_fail(f->ctx, ATT_ARGUMENT, "%s was saved with another model: save it again with this one", f->path);
  f->count = tokens->count;
  if (tokens->rank != 1 || f->count < 1 || f->count > model->config.max_position_embeddings)
    return refuse(f, "so many tokens do not fit the model");
  f->tokens = ATT_NEW(f->ctx, f->count, int32_t);
  if (!f->tokens) return ATT_MEMORY;
  memcpy(f->tokens, tokens->data, tokens->size);
  for (int64_t i = 0; i < f->count; i++)
    if (f->tokens[i] < 0 || f->tokens[i] >= model->config.vocab_size) return refuse(f, "a token is not the model's");
  return ATT_OK;
}

/* All numbers of a layer. line: room for a row of floats. */
static bool is_finite(const void *rows, const att_session_layout *layout, int64_t count, int64_t width, float *line) {
  for (int64_t i = 0; i < count; i++) {
    double sum = 0;
    att_kernels_get()->to_f32(line, (const char *)rows + (size_t)i * layout->row_bytes, layout->type, width);
    for (int64_t j = 0; j < width; j++) sum += fabs((double)line[j]);
    if (!isfinite(sum)) return false;
  }
  return true;
}

/* A row a token, or in layers that see a window one of each of the last tokens, of all those layers the same ones. */
static bool has_sizes(saved *f, const att_stored *stored, bool local, int64_t width) {
  int64_t first = f->count - (stored->rank == 2 ? stored->shape[0] : 0);
  if (stored->rank != 2 || stored->shape[1] != width || first < 0) return false;
  if (!local) return first == 0;
  if (f->held < 0) f->held = first;
  return f->held == first;
}

static att_status read_rows(saved *f, const att_session *s) {
  att_session_layout layout = att_session_layout_of(s);
  att_type type;
  int64_t width, numbers = (int64_t)(layout.row_bytes / att_type_size(layout.type)) * att_type_block(layout.type);
  shape_of(s, &type, &width);
  f->rows = ATT_NEW(f->ctx, layout.layers, const void *);
  float *line = ATT_NEW(f->ctx, numbers, float);
  att_status status = f->rows && line ? ATT_OK : ATT_MEMORY;
  for (int64_t i = 0; !status && i < layout.layers; i++) {
    char name[NAME];
    const att_stored *stored;
    snprintf(name, sizeof name, "layers.%lld", (long long)i);
    status = find(f, name, type, &stored);
    if (status) break;
    if (!has_sizes(f, stored, layout.local && layout.local[i], width))
      status = refuse(f, "a layer has other sizes than the model's");
    else if (!is_finite(stored->data, &layout, stored->shape[0], numbers, line))
      status = att_fail(f->ctx, ATT_NUMERIC, "%s holds NaN or infinity: it is damaged", f->path);
    f->rows[i] = stored->data;
  }
  att_free(f->ctx, line);
  return status;
}

att_status att_session_load(att_session *s, const char *path, int32_t *sequence) {
  const att_model *model = att_session_model(s);
  saved f = {.ctx = model->ctx, .path = path, .held = -1};
  att_status status = att_safetensors_open(f.ctx, path, &f.file);
  if (!status) status = read_tokens(&f, model);
  if (!status) status = read_rows(&f, s);
  if (!status) status = att_session_add_rows(s, f.tokens, f.count, f.held < 0 ? 0 : f.held, f.rows, sequence);
  att_free(f.ctx, f.tokens);
  att_free(f.ctx, f.rows);
  att_tensor_file_close(f.file);
  return status;
}
