/*
 * Owns att_embed: lines to vectors. A folder of sentence-transformers says in modules.json and 1_Pooling/config.json
 * how its tokens become one vector: these are the defaults then. Its max_seq_length is not read: a line is cut where
 * the model's positions end, as Transformers does.
 */
#include "api/text.h"
#include "formats/file.h"
#include "formats/json.h"

#include <math.h>
#include <string.h>

/* ---- defaults -------------------------------------------------------------------------------------------------- */

/* A JSON file beside the model, or NULL where there is none that reads. */
static json_t *read_beside(const att_model *model, const char *name) {
  json_t *root = NULL;
  char *path = model->folder ? att_path(model->ctx, model->folder, name) : NULL;
  if (path && att_file_exists(path) && att_json_open(model->ctx, path, &root) != ATT_OK)
    att_log(model->ctx, ATT_LOG_WARNING, "%s", att_message(model->ctx));
  att_free(model->ctx, path);
  return root;
}

static void read_pooling(const att_model *model, att_embed_options *options) {
  json_t *root = read_beside(model, "1_Pooling/config.json");
  if (!root) return;
  if (json_is_true(json_object_get(root, "pooling_mode_cls_token")))
    options->pooling = ATT_POOL_FIRST;
  else if (json_is_true(json_object_get(root, "pooling_mode_lasttoken")))
    options->pooling = ATT_POOL_LAST;
  else if (json_is_true(json_object_get(root, "pooling_mode_mean_tokens")))
    options->pooling = ATT_POOL_MEAN;
  else
    att_log(model->ctx, ATT_LOG_WARNING, "%s/1_Pooling/config.json: its pooling is none of mean, first, last",
            model->folder);
  json_decref(root);
}

/* Modules after the Transformer: "sentence_transformers.models.Normalize". */
static void read_modules(const att_model *model, att_embed_options *options) {
  json_t *root = read_beside(model, "modules.json"), *module;
  size_t i;
  if (!root) return;
  read_pooling(model, options);
  options->normalise = false;
  json_array_foreach(root, i, module) {
    const char *type = json_string_value(json_object_get(module, "type")), *name = type ? strrchr(type, '.') : NULL;
    name = name ? name + 1 : "?";
    if (strcmp(name, "Normalize") == 0)
      options->normalise = true;
    else if (strcmp(name, "Transformer") != 0 && strcmp(name, "Pooling") != 0)
      att_log(model->ctx, ATT_LOG_WARNING, "%s/modules.json: the module %s is left out", model->folder, name);
  }
  json_decref(root);
}

void att_embed_options_default(const att_model *model, att_embed_options *options) {
  *options = (att_embed_options){.pooling = model->config.kind == ATT_DECODER ? ATT_POOL_LAST : ATT_POOL_MEAN,
                                 .normalise = true,
                                 .batch_tokens = 2048};
  read_modules(model, options);
}

size_t att_embedding_width(const att_model *model) {
  const att_config *c = &model->config;
  bool both = c->family == ATT_RECURRENT && c->kind != ATT_DECODER && c->bidirectional;
  return (size_t)c->d_model * (both ? 2 : 1);
}

/* ---- lines to vectors ------------------------------------------------------------------------------------------ */

/* Lines that go through the model together. They stand one after another without padding, so that they need no sorting.
 */
typedef struct embedder {
  att_model *model;
  const att_embed_options *options;
  float *vectors; /* of the batch's first line */
  att_arena *arena;
  att_ids ids, line;
  int64_t *start; /* [capacity + 1] */
  size_t capacity, count;
} embedder;

/* The line's tokens, at least one: a model must read something. */
static att_status read_line(embedder *e, att_text text, size_t number) {
  const att_config *config = &e->model->config;
  bool truncated;
  ATT_TRY(att_line_ids(e->model, text, number, "line", false, &e->line, &truncated));
  if (e->line.count > 0) return ATT_OK;
  return att_ids_push(e->model->ctx, &e->line, config->bos >= 0 ? config->bos : config->eos >= 0 ? config->eos : 0);
}

static att_status add_line(embedder *e) {
  att_context *ctx = e->model->ctx;
  if (e->count == e->capacity) {
    size_t capacity = e->capacity ? 2 * e->capacity : 64;
    int64_t *start = att_resize(ctx, e->start, capacity + 1, sizeof *start);
    if (!start) return ATT_MEMORY;
    e->start = start;
    e->capacity = capacity;
  }
  e->start[e->count++] = (int64_t)e->ids.count;
  for (size_t i = 0; i < e->line.count; i++) ATT_TRY(att_ids_push(ctx, &e->ids, e->line.data[i]));
  e->start[e->count] = (int64_t)e->ids.count;
  return ATT_OK;
}

/* vector[cols] of rows [first, end). */
static void pool(const att_tensor *hidden, int64_t first, int64_t end, att_pooling pooling, float *vector) {
  int64_t cols = hidden->cols;
  if (pooling == ATT_POOL_FIRST) end = first + 1;
  if (pooling == ATT_POOL_LAST) first = end - 1;
  for (int64_t c = 0; c < cols; c++) {
    double sum = 0;
    for (int64_t r = first; r < end; r++) sum += (double)hidden->data[r * hidden->stride + c];
    vector[c] = (float)(sum / (double)(end - first));
  }
}

/* To length 1 where asked; refuses what is no number. */
static att_status finish(embedder *e, float *vector, int64_t cols, size_t number) {
  double square = 0;
  for (int64_t c = 0; c < cols; c++) square += (double)vector[c] * (double)vector[c];
  if (!isfinite(square))
    return att_fail(e->model->ctx, ATT_NUMERIC, "line %zu: its vector is not made of finite numbers", number + 1);
  double scale = e->options->normalise && square > 0 ? 1 / sqrt(square) : 1;
  for (int64_t c = 0; c < cols; c++) vector[c] = (float)(vector[c] * scale);
  return ATT_OK;
}

/* Runs the batch, whose lines end before line `next`, and empties it. */
static att_status run_batch(embedder *e, size_t next) {
  att_model *model = e->model;
  int64_t width = (int64_t)att_embedding_width(model);
  if (e->count == 0) return ATT_OK;
  att_arena_reset(e->arena);
  att_run run = {.ctx = model->ctx, .arena = e->arena};
  att_input input = {.ids = e->ids.data, .sequences = {(int64_t)e->count, e->start}};
  att_tensor hidden;
  ATT_TRY(att_model_hidden(&run, model, &input, NULL, NULL, &hidden));
  if (hidden.cols != width)
    return att_fail(model->ctx, ATT_UNSUPPORTED, "the model's rows have %lld numbers, not %lld", (long long)hidden.cols,
                    (long long)width);
  for (size_t i = 0; i < e->count; i++, e->vectors += width) {
    pool(&hidden, e->start[i], e->start[i + 1], e->options->pooling, e->vectors);
    ATT_TRY(finish(e, e->vectors, width, next - e->count + i));
  }
  e->count = e->ids.count = 0;
  return ATT_OK;
}

static att_status embed_all(embedder *e, const att_text *lines, size_t count) {
  size_t first = e->options->first_line;
  ATT_TRY(att_arena_new(e->model->ctx, &e->arena));
  for (size_t i = 0; i < count; i++) {
    if (att_is_interrupted(e->model->ctx)) return att_fail(e->model->ctx, ATT_INTERRUPTED, "interrupted");
    ATT_TRY(read_line(e, lines[i], first + i));
    if ((int64_t)(e->ids.count + e->line.count) > e->options->batch_tokens) ATT_TRY(run_batch(e, first + i));
    ATT_TRY(add_line(e));
  }
  return run_batch(e, first + count);
}

att_status att_embed(att_model *model, const att_text *lines, size_t count, const att_embed_options *options,
                     float *vectors) {
  att_context *ctx = model->ctx;
  att_embed_options defaults;
  if (!options) att_embed_options_default(model, &defaults);
  if (!options) options = &defaults;
  ATT_TRY(att_check_verb(model, ATT_VERB_EMBED));
  if (count && (!lines || !vectors)) return att_fail(ctx, ATT_ARGUMENT, "att_embed needs lines and vectors");
  if (options->batch_tokens < 1) return att_fail(ctx, ATT_ARGUMENT, "batch_tokens must be at least 1");
  if ((int)options->pooling < 0 || options->pooling > ATT_POOL_LAST)
    return att_fail(ctx, ATT_ARGUMENT, "pooling %d is none of mean, first, last", (int)options->pooling);
  embedder e = {.model = model, .options = options, .vectors = vectors};
  att_status status = embed_all(&e, lines, count);
  att_arena_free(e.arena);
  att_free(ctx, e.ids.data);
  att_free(ctx, e.line.data);
  att_free(ctx, e.start);
  return status;
}
