/*
 * Owns a model as a .gguf: its settings and tensors by GGUF's names, as llama.cpp's convert_hf_to_gguf.py writes them.
 * See att_model_save_gguf in model.h.
 */
#include "formats/gguf.h"
#include "models/gguf_names.h"
#include "models/head.h"
#include "models/parameters.h"
#include "models/save.h"
#include "models/sentence.h"
#include "text/tokenizer_gguf.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ATT_MOST_ENTRIES   96
#define ATT_UNSAID_CONTEXT 512 /* T5's, as llama.cpp's converter has it */

/* The file as it is put together; what it points to lies in the arena. The first that fails stays. */
typedef struct builder {
  att_context *ctx;
  att_arena *arena;
  const att_model *model;
  const att_gguf_architecture *a;
  json_t *config;
  const char *path;
  att_gguf_entry entries[ATT_MOST_ENTRIES];
  size_t entry_count;
  att_to_store *tensors;
  size_t tensor_count;
  att_status status;
} builder;

/* ---- entries -------------------------------------------------------------------------------------------------- */

static void *keep(builder *b, const void *data, size_t size) {
  void *copy = att_arena_alloc(b->arena, size ? size : 1, sizeof(double));
  if (!copy) b->status = ATT_MEMORY;
  return copy && size ? memcpy(copy, data, size) : copy;
}

/* own: the key begins with the architecture's name. */
static void put(builder *b, bool own, const char *key, att_gguf_type type, const void *data, size_t size) {
  char name[ATT_GGUF_NAME];
  if (b->status || b->entry_count == ATT_MOST_ENTRIES) return;
  snprintf(name, sizeof name, "%s%s%s", own ? b->a->name : "", own ? "." : "", key);
  b->entries[b->entry_count++] = (att_gguf_entry){
      .key = keep(b, name, strlen(name) + 1), .type = type, .count = 1, .data = keep(b, data, size), .size = size};
}

static void put_list(builder *b, const char *key, att_gguf_type type, const void *data, size_t count, size_t each) {
  size_t before = b->entry_count;
  put(b, true, key, type, data, count * each);
  if (b->entry_count == before) return;
  b->entries[before].array = true;
  b->entries[before].count = count;
}

static void put_u32(builder *b, bool own, const char *key, int64_t value) {
  put(b, own, key, ATT_GGUF_UINT32, &(uint32_t){(uint32_t)value}, sizeof(uint32_t));
}

static void put_f32(builder *b, bool own, const char *key, double value) {
  put(b, own, key, ATT_GGUF_FLOAT32, &(float){(float)value}, sizeof(float));
}

static void put_text(builder *b, bool own, const char *key, const char *value, size_t size) {
  const char *copy = keep(b, value, size);
  put(b, own, key, ATT_GGUF_STRING, &(att_text){copy, size}, sizeof(att_text));
}

static int64_t whole_of(const builder *b, const char *key) {
  return json_integer_value(json_object_get(b->config, key));
}

/* ---- settings ------------------------------------------------------------------------------------------------- */

/* The last part of where the model came from. */
static void put_name(builder *b) {
  const char *name = b->model->folder ? b->model->folder : "model";
  size_t size = strlen(name);
  while (size > 1 && name[size - 1] == '/') size--;
  size_t first = size;
  while (first > 0 && name[first - 1] != '/') first--;
  put_text(b, false, "general.name", name + first, size - first);
}

static void put_key(builder *b, const att_gguf_key *k) {
  const json_t *value = json_object_get(b->config, k->hf);
  bool absent = (k->is & ATT_GGUF_ABSENT) && json_is_null(value), real = k->is & ATT_GGUF_REAL;
  if (!json_is_number(value) && !absent) return;
  if (real) put_f32(b, true, k->gguf, absent ? 0 : json_number_value(value));
  if (!real) put_u32(b, true, k->gguf, absent ? 0 : json_integer_value(value));
}

static void put_keys(builder *b) {
  for (int table = 0; table < ATT_GGUF_TABLES && b->a->keys[table]; table++) {
    for (const att_gguf_key *k = b->a->keys[table]; k->gguf; k++) put_key(b, k);
  }
}

/* Which layers see a window, where that is not what the architecture has. */
static void put_layers(builder *b) {
  const att_config *c = &b->model->config;
  bool *local = b->a->period ? ATT_ARENA_NEW(b->arena, c->decoder_layers, bool) : NULL, usual = true;
  if (!local) return;
  for (int64_t i = 0; i < c->decoder_layers; i++) {
    local[i] = c->local_layers[i];
    usual = usual && local[i] == ((i + 1) % b->a->period != 0);
  }
  if (!usual) put_list(b, "attention.sliding_window_pattern", ATT_GGUF_BOOL, local, (size_t)c->decoder_layers, 1);
}

/* What llama.cpp has no key for. */
static void put_scalar(builder *b) {
  const att_config *c = &b->model->config;
  const bool broad = c->decoder_layers == b->a->broad_layers;
  if (!b->a->period) return;
  int64_t usual = c->head_size && !broad ? c->head_size : c->d_model / c->decoder_attention_heads;
  double scalar = json_number_value(json_object_get(b->config, "query_pre_attn_scalar"));
  if (scalar == (double)usual) return;
  put_f32(b, true, "attention.scale", 1 / sqrt(scalar));
  att_log(b->ctx, ATT_LOG_WARNING,
          "%s: query_pre_attn_scalar is %g where llama.cpp takes %lld; attend reads it from attention.scale", b->path,
          scalar, (long long)usual);
}

/* ---- rotary positions ----------------------------------------------------------------------------------------- */

static double real_of(const json_t *object, const char *key) { return json_number_value(json_object_get(object, key)); }

/* A divisor of each frequency, as a tensor of its own; its numbers stay in the arena. NULL: no memory. */
static float *new_divisors(builder *b, const char *name, int64_t count) {
  float *divisors = att_arena_alloc(b->arena, (size_t)count * sizeof *divisors, sizeof *divisors);
  if (divisors) {
    b->tensors[b->tensor_count++] = (att_to_store){name, ATT_F32, 1, {count}, divisors, ATT_F32, NULL, NULL};
  } else {
    b->status = ATT_MEMORY;
  }
  return divisors;
}

static void put_llama3(builder *b, const json_t *rope, int64_t count) {
  const att_llama3_scaling scaling = {real_of(rope, "rope_theta"), real_of(rope, "factor"),
                                      real_of(rope, "low_freq_factor"), real_of(rope, "high_freq_factor"),
                                      real_of(rope, "original_max_position_embeddings")};
  float *divisors = new_divisors(b, "rope_freqs.weight", count);
  for (int64_t i = 0; divisors && i < count; i++) divisors[i] = (float)att_llama3_divisor(&scaling, i, count);
}

static void put_longrope(builder *b, const json_t *rope, int64_t count) {
  const att_rope *own = &b->model->config.rope;
  float *longs = new_divisors(b, "rope_factors_long.weight", count);
  float *shorts = longs ? new_divisors(b, "rope_factors_short.weight", count) : NULL;
  if (!shorts) return;
  memcpy(longs, own->long_factors, (size_t)count * sizeof *longs);
  memcpy(shorts, own->short_factors, (size_t)count * sizeof *shorts);
  put_u32(b, true, "rope.scaling.original_context_length", own->original);
  put_f32(b, true, "rope.scaling.attn_factor", real_of(rope, "attention_factor"));
}

/* llama.cpp multiplies by what yarn makes of the factor. */
static void put_yarn(builder *b, const json_t *rope) {
  double factor = real_of(rope, "factor"), usual = factor > 1 ? 0.1 * log(factor) + 1 : 1;
  put_f32(b, true, "rope.scaling.factor", factor);
  put_u32(b, true, "rope.scaling.original_context_length", b->model->config.rope.original);
  put_f32(b, true, "rope.scaling.yarn_beta_fast", real_of(rope, "beta_fast"));
  put_f32(b, true, "rope.scaling.yarn_beta_slow", real_of(rope, "beta_slow"));
  put_f32(b, true, "rope.scaling.attn_factor", real_of(rope, "attention_factor") / usual);
}

static void put_rope(builder *b) {
  const att_config *c = &b->model->config;
  const json_t *rope = json_object_get(b->config, "rope_parameters");
  const json_t *full = json_object_get(rope, "full_attention");
  if (full) rope = full;
  const char *type = json_string_value(json_object_get(rope, "rope_type"));
  if (b->status || !type) return;
  int64_t heads = c->kind == ATT_ENCODER ? c->encoder_attention_heads : c->decoder_attention_heads;
  int64_t size = c->head_size ? c->head_size : c->d_model / heads;
  int64_t turned = att_rope_turned(&c->rope, size);
  put_u32(b, true, "rope.dimension_count", turned);
  if (strcmp(type, "llama3") == 0) {
    put_llama3(b, rope, turned / 2);
  } else if (strcmp(type, "longrope") == 0) {
    put_longrope(b, rope, turned / 2);
  } else if (strcmp(type, "linear") == 0) {
    put_text(b, true, "rope.scaling.type", type, strlen(type));
    put_f32(b, true, "rope.scaling.factor", real_of(rope, "factor"));
  } else if (strcmp(type, "yarn") == 0) {
    put_text(b, true, "rope.scaling.type", type, strlen(type));
    put_yarn(b, rope);
  }
}

/* What the classes of a head are called, with llama.cpp's number for such heads in place of a pooling. */
static void put_labels(builder *b) {
  const att_config *c = &b->model->config;
  if (c->head != ATT_HEAD_CLASSES) return;
  att_text *labels = ATT_ARENA_NEW(b->arena, c->label_count, att_text);
  if (!labels) b->status = ATT_MEMORY;
  for (int64_t i = 0; labels && i < c->label_count; i++) labels[i] = (att_text){c->labels[i], strlen(c->labels[i])};
  put_u32(b, true, "pooling_type", 4);
  if (labels) put_list(b, "classifier.output_labels", ATT_GGUF_STRING, labels, (size_t)c->label_count, sizeof *labels);
}

/* llama.cpp's numbers. */
static void put_pooling(builder *b) {
  att_sentence *s = b->model->sentence;
  if (!s || b->status) return;
  b->status = att_sentence_prepare(s);
  if (b->status || s->stage_count == 0 || s->stages[0].pooling_count != 1) return;
  att_pooling pooling = s->stages[0].poolings[0];
  int kind = pooling == ATT_POOL_MEAN ? 1 : pooling == ATT_POOL_FIRST ? 2 : pooling == ATT_POOL_LAST ? 3 : 0;
  if (kind) put_u32(b, true, "pooling_type", kind);
  if (s->stage_count > 1 && !att_stage_normalises(&s->stages[s->stage_count - 1])) {
    att_log(b->ctx, ATT_LOG_WARNING, "%s: what stands behind the pooling is not written: GGUF has no such stages",
            b->path);
  }
}

static void put_settings(builder *b, const att_mixture *written) {
  const att_config *c = &b->model->config;
  put_text(b, false, "general.architecture", b->a->name, strlen(b->a->name));
  put_text(b, false, "general.type", "model", 5);
  put_name(b);
  put_u32(b, false, "general.file_type", written->file_type);
  put_u32(b, false, "general.quantization_version", 2);
  put_keys(b);
  put_layers(b);
  put_scalar(b);
  put_u32(b, true, "vocab_size", c->vocab_size);
  const char *size = json_object_get(b->config, "d_kv") ? "d_kv" : "head_dim";
  if (json_object_get(b->config, size)) put_u32(b, true, "attention.value_length", whole_of(b, size));
  if (c->kind == ATT_ENCODER_DECODER) { /* llama.cpp asks for it; distances have no end */
    put_u32(b, true, "context_length", ATT_UNSAID_CONTEXT);
  }
  if (c->kind == ATT_ENCODER) put(b, true, "attention.causal", ATT_GGUF_BOOL, &(char){0}, 1);
  if (c->type_vocab_size) put_u32(b, false, "tokenizer.ggml.token_type_count", c->type_vocab_size);
  put_rope(b);
  put_labels(b);
  put_pooling(b);
}

static void put_special(builder *b, const char *name, int32_t id) {
  char key[ATT_GGUF_NAME];
  snprintf(key, sizeof key, "tokenizer.ggml.%s_token_id", name);
  if (id >= 0 && id < b->model->config.vocab_size) put_u32(b, false, key, id);
}

/* What ends a turn comes second in a folder's list. "seperator" is how GGUF spells it. */
static void put_specials(builder *b) {
  const att_config *c = &b->model->config;
  const att_token_list *ends = &b->model->generation.ends;
  put_special(b, "bos", c->bos);
  put_special(b, "eos", c->eos);
  if (ends->count > 1) put_special(b, "eot", ends->tokens[ends->tokens[0] == c->eos]);
  put_special(b, "padding", c->pad);
  put_special(b, "unknown", c->unk);
  put_special(b, "mask", c->mask);
  if (c->kind != ATT_ENCODER) return;
  put_special(b, "cls", att_tokenizer_special(b->model->tokenizer, ATT_SPECIAL_START));
  put_special(b, "seperator", att_tokenizer_special(b->model->tokenizer, ATT_SPECIAL_END));
}

/* ---- tensors -------------------------------------------------------------------------------------------------- */

/* A head for masks has no place in GGUF, and the pooler none in models without its head. */
static bool is_left_out(builder *b, const char *name) {
  if (strstr(name, "pooler.")) return true;
  if (strncmp(name, "cls.", 4) != 0) return false;
  if (strcmp(name, "cls.predictions.bias") == 0) {
    att_log(b->ctx, ATT_LOG_WARNING, "%s: the head that fills masks is not written: GGUF has none", b->path);
  }
  return true;
}

static void put_tensor(builder *b, const att_parameter *p, const att_mixture *wanted, att_written *w) {
  char name[ATT_GGUF_NAME];
  const att_gguf_name *n = att_gguf_name_for(b->a, b->model->calls->prefix, p->name, name);
  bool classes = b->model->config.head == ATT_HEAD_CLASSES;
  if ((!n || (!classes && strcmp(n->gguf, "cls") == 0)) && is_left_out(b, p->name)) return;
  if (!n) {
    b->status = att_fail(b->ctx, ATT_UNSUPPORTED, "%s: GGUF has no name for the tensor %.200s of %s models", b->path,
                         p->name, b->a->type);
    return;
  }
  *w = (att_written){.model = b->model, .p = p, .path = b->path, .upright = true};
  w->type = att_written_type(b->model, p, wanted, true);
  w->heads = att_gguf_turned_heads(b->a, n, b->config);
  w->more = att_gguf_more(b->a, n);
  att_written_put(&b->tensors[b->tensor_count++], w, keep(b, name, strlen(name) + 1));
}

static void put_tensors(builder *b, const att_mixture *wanted) {
  size_t count = b->model->parameter_count;
  att_written *written = ATT_ARENA_NEW(b->arena, count, att_written);
  if (!written) b->status = ATT_MEMORY;
  for (size_t i = 0; !b->status && i < count; i++) {
    const att_parameter *p = &b->model->parameters[i];
    if (p->in_file) put_tensor(b, p, wanted, &written[i]);
  }
}

/* ---- the whole ------------------------------------------------------------------------------------------------ */

/* Whether two settings are the same but for float32's roundings. */
static bool same_value(const json_t *a, const json_t *b) {
  const char *key;
  json_t *value;
  if (json_is_number(a) && json_is_number(b)) {
    double x = json_number_value(a), y = json_number_value(b);
    return fabs(x - y) <= 1e-6 * fmax(fabs(x), fabs(y));
  }
  if (json_is_array(a) && json_array_size(a) == json_array_size(b)) {
    for (size_t i = 0; i < json_array_size(a); i++)
      if (!same_value(json_array_get(a, i), json_array_get(b, i))) return false;
    return true;
  }
  if (!json_is_object(a) || !json_is_object(b)) return json_equal(a, b);
  json_object_foreach((json_t *)(uintptr_t)a, key, value) if (!same_value(value, json_object_get(b, key))) return false;
  return json_object_size(a) == json_object_size(b);
}

/* What running the model does not depend on. */
static bool is_beside(const char *key) {
  static const char *const parts[] = {"token_id", "drop", "model_type", "architectures", "dtype", "initializer"};
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
    if (strstr(key, parts[i])) return true;
  return false;
}

/* A head that fills masks is left out, with a warning. */
static att_status compare_heads(const builder *b, const att_config *read) {
  const att_head own = b->model->config.head;
  if (own == read->head || (own == ATT_HEAD_TOKENS && read->head == ATT_HEAD_NONE)) return ATT_OK;
  return att_fail(b->ctx, ATT_UNSUPPORTED, "%s: a .gguf cannot say that a %s model has a head of %s: name a folder",
                  b->path, b->a->type, b->model->head->name);
}

static att_status compare_configs(const builder *b, const json_t *read) {
  const char *key;
  json_t *value;
  json_object_foreach(b->config, key, value) {
    const json_t *other = json_object_get(read, key);
    if (!other || is_beside(key) || same_value(value, other)) continue;
    return att_fail(b->ctx, ATT_UNSUPPORTED,
                    "%s: a .gguf cannot say the %s of this %s model: name a folder, which then has a model.gguf of "
                    "attend's own",
                    b->path, key, att_config_type(&b->model->config));
  }
  return ATT_OK;
}

static int compare_keys(const void *a, const void *b) {
  return strcmp((*(const att_gguf_entry *const *)a)->key, (*(const att_gguf_entry *const *)b)->key);
}

/* The entries and tensors as the reader of a file has them. The file's data is that of `b`. */
static att_status as_file(const builder *b, att_gguf_metadata *m, att_tensor_file *file) {
  file->tensors = ATT_ARENA_NEW(b->arena, b->tensor_count, att_stored);
  m->by_key = ATT_ARENA_NEW(b->arena, b->entry_count, const att_gguf_entry *);
  if (!file->tensors || !m->by_key) return ATT_MEMORY;
  for (size_t i = 0; i < b->entry_count; i++) m->by_key[i] = &b->entries[i];
  qsort(m->by_key, b->entry_count, sizeof *m->by_key, compare_keys);
  for (size_t i = 0; i < b->tensor_count; i++) {
    const att_to_store *t = &b->tensors[i];
    att_stored *stored = &file->tensors[i];
    *stored = (att_stored){.name = t->name, .type = t->type, .rank = t->rank, .count = t->shape[0], .data = t->data};
    memcpy(stored->shape, t->shape, sizeof stored->shape);
    stored->size = (size_t)stored->count * sizeof(float); /* of what has data */
  }
  file->count = b->tensor_count;
  return att_tensor_file_sort(file);
}

/* Reads the settings as who opens the file will, and refuses what came out otherwise. */
static att_status check(const builder *b) {
  att_gguf_metadata m = {
      .ctx = b->ctx, .path = b->path, .count = b->entry_count, .entries = (att_gguf_entry *)b->entries};
  att_tensor_file file = {.ctx = b->ctx, .path = (char *)(uintptr_t)b->path, .metadata = &m};
  att_config config = {.labels = NULL};
  const att_gguf_architecture *a;
  json_t *root = NULL, *read = NULL;
  att_status status = as_file(b, &m, &file);
  if (!status) status = att_gguf_architecture_of(&m, &a);
  if (!status) status = att_gguf_read_config(&file, a, &root);
  if (!status) status = att_config_take(b->ctx, b->path, root, &config);
  if (!status) status = compare_heads(b, &config);
  if (!status) status = att_config_give(b->ctx, &config, &read);
  if (!status) status = compare_configs(b, read);
  att_free(b->ctx, config.labels);
  att_free(b->ctx, file.by_name);
  json_decref(root);
  json_decref(read);
  return status;
}

static att_status build(builder *b, const att_mixture *wanted) {
  const char *type = att_config_type(&b->model->config);
  b->a = att_gguf_architecture_for(type);
  if (!b->a) {
    return att_fail(b->ctx, ATT_UNSUPPORTED,
                    "%s: GGUF has no architecture of %s models that attend writes: name a folder, which then has a "
                    "model.gguf of attend's own",
                    b->path, type);
  }
  b->tensors = ATT_ARENA_NEW(b->arena, b->model->parameter_count + 2, att_to_store);
  if (!b->tensors) return ATT_MEMORY;
  ATT_TRY(att_config_give(b->ctx, &b->model->config, &b->config));
  put_settings(b, wanted ? wanted : att_mixture_of(b->model->config.storage));
  if (!b->status && b->model->tokenizer) {
    put_specials(b);
    if (!b->status)
      b->status = att_tokenizer_put_gguf(b->model->tokenizer, b->arena, b->model->config.vocab_size, b->entries,
                                         &b->entry_count);
  }
  if (!b->status) put_tensors(b, wanted);
  if (b->status) return b->status;
  ATT_TRY(check(b));
  return att_gguf_write(b->ctx, b->path, b->entries, b->entry_count, b->tensors, b->tensor_count);
}

att_status att_model_save_gguf(const att_model *model, const char *path, const att_mixture *wanted) {
  builder *b = ATT_NEW(model->ctx, 1, builder);
  if (!b) return ATT_MEMORY;
  b->ctx = model->ctx;
  b->model = model;
  b->path = path;
  att_status status = att_arena_new(model->ctx, &b->arena);
  if (!status) status = build(b, wanted);
  json_decref(b->config);
  att_arena_free(b->arena);
  att_free(model->ctx, b);
  return status;
}
