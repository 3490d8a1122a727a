/* Owns the settings of a .gguf as a config.json (att_gguf_read_config of gguf_names.h). */
#include "models/config.h"
#include "models/gguf_names.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define ATT_MOST_DIVISORS 4096

/* The first that fails stays. */
typedef struct reader {
  const att_gguf_metadata *m;
  const att_tensor_file *file;
  const att_gguf_architecture *a;
  json_t *root;
  att_status status;
} reader;

/* Takes the value. */
static void put(reader *r, json_t *object, const char *key, json_t *value) {
  if (r->status) {
    json_decref(value);
  } else if (json_object_set_new(object, key, value)) {
    r->status = att_fail(r->m->ctx, ATT_MEMORY, "out of memory");
  }
}

static void set(reader *r, const char *key, json_t *value) { put(r, r->root, key, value); }

static void own_key(const reader *r, const char *key, char out[ATT_GGUF_NAME]) {
  snprintf(out, ATT_GGUF_NAME, "%s.%s", r->a->name, key);
}

static void read_key(reader *r, const att_gguf_key *key) {
  char name[ATT_GGUF_NAME];
  int64_t whole = 0;
  double real = 0;
  own_key(r, key->gguf, name);
  if (r->status || (!(key->is & ATT_GGUF_NEEDED) && !att_gguf_find(r->m, name))) return;
  bool is_real = key->is & ATT_GGUF_REAL, absent = key->is & ATT_GGUF_ABSENT;
  r->status = is_real ? att_gguf_number(r->m, name, true, &real) : att_gguf_int(r->m, name, true, 0, INT32_MAX, &whole);
  absent = absent && whole == 0 && real == 0;
  set(r, key->hf, absent ? json_null() : is_real ? json_real(real) : json_integer(whole));
}

/* As many as the rows of a table. */
static void read_rows(reader *r, const char *tensor, const char *key, bool required) {
  const att_stored *table = att_tensor_file_find(r->file, tensor);
  if (r->status || (!table && !required)) return;
  if (!table || table->rank != 2) {
    r->status =
        att_fail(r->m->ctx, ATT_FORMAT, "%s: tensor %s is %s", r->m->path, tensor, table ? "no table" : "missing");
  } else {
    set(r, key, json_integer(table->shape[0]));
  }
}

static void read_token(reader *r, const char *name, const char *key) {
  char whole[ATT_GGUF_NAME];
  int64_t token = -1;
  snprintf(whole, sizeof whole, "tokenizer.ggml.%s_token_id", name);
  if (!r->status) r->status = att_gguf_int(r->m, whole, false, -1, UINT32_MAX, &token);
  if (!r->status) set(r, key, token < 0 || token > INT32_MAX ? json_null() : json_integer(token));
}

/* A text ends, and a turn of a conversation. */
static void read_ends(reader *r) {
  json_t *list = json_array();
  read_token(r, "eot", "eos_token_id");
  json_t *turn = json_incref(json_object_get(r->root, "eos_token_id"));
  read_token(r, "eos", "eos_token_id");
  json_t *end = json_object_get(r->root, "eos_token_id");
  bool both = !r->status && json_is_integer(turn) && json_is_integer(end) && !json_equal(turn, end);
  if (both) {
    json_array_append(list, end);
    json_array_append(list, turn);
    set(r, "eos_token_id", json_incref(list));
  }
  json_decref(turn);
  json_decref(list);
}

/* The type of most of the weights. */
static att_type storage_of(const att_tensor_file *file) {
  size_t bytes[ATT_WEIGHT_TYPES] = {0};
  att_type best = ATT_F32;
  for (size_t i = 0; i < file->count; i++) {
    const att_stored *t = &file->tensors[i];
    if (t->rank != 2 || t->type >= ATT_WEIGHT_TYPES) continue;
    bytes[t->type] += t->size;
    if (bytes[t->type] > bytes[best]) best = t->type;
  }
  return best;
}

/* Positions in which frequency i turns once. */
static double wave_length(double base, int64_t i, int64_t count) {
  return 2 * 3.14159265358979323846 * pow(base, (double)i / (double)count);
}

double att_llama3_divisor(const att_llama3_scaling *s, int64_t i, int64_t count) {
  double length = wave_length(s->base, i, count);
  if (length < s->original / s->high) return 1;
  if (length > s->original / s->low) return s->factor;
  double smooth = (s->original / length - s->low) / (s->high - s->low);
  return 1 / ((1 - smooth) / s->factor + smooth);
}

/* The original context that the divisors were made with: by one between the ends of the passage, or, where there is
 * none, any that lies between. */
static double original_of(const float *divisors, int64_t count, double base, double factor) {
  double original = 8192;
  for (int64_t i = 0; i < count; i++) {
    double divisor = (double)divisors[i], next = i + 1 < count ? (double)divisors[i + 1] : 0;
    if (divisor > 1.001 && divisor < 0.999 * factor) {
      double smooth = (1 / divisor - 1 / factor) / (1 - 1 / factor);
      return round(wave_length(base, i, count) * (3 * smooth + 1));
    }
    if (divisor <= 1.001 && next >= 0.999 * factor) {
      original = round((4 * wave_length(base, i, count) + wave_length(base, i + 1, count)) / 2);
    }
  }
  return original;
}

/* Llama 3's scaling stands in the file as what each frequency is divided by; config.json says it in four numbers, of
 * which two are the same in all of its models. */
static void read_divisors(reader *r, double base) {
  const att_stored *t = att_tensor_file_find(r->file, "rope_freqs.weight");
  if (r->status || !t) return;
  float divisors[ATT_MOST_DIVISORS];
  bool good = t->type == ATT_F32 && t->rank == 1 && t->count <= ATT_MOST_DIVISORS;
  if (good) memcpy(divisors, t->data, t->size);
  att_llama3_scaling s = {base, 1, 1, 4, 8192};
  for (int64_t i = 0; good && i < t->count; i++) s.factor = fmax(s.factor, (double)divisors[i]);
  if (good) s.original = original_of(divisors, t->count, base, s.factor);
  for (int64_t i = 0; good && i < t->count; i++) {
    good = fabs((double)divisors[i] / att_llama3_divisor(&s, i, t->count) - 1) < 1e-4;
  }
  if (!good || !(s.original >= 1 && s.original < 1e9)) {
    r->status =
        att_fail(r->m->ctx, ATT_UNSUPPORTED,
                 "%s: tensor rope_freqs.weight: attend knows the rotary frequencies of Llama 3 only", r->m->path);
  } else if (s.factor > 1) {
    set(r, "rope_scaling",
        json_pack("{s:s, s:f, s:f, s:f, s:I}", "rope_type", "llama3", "factor", s.factor, "low_freq_factor", s.low,
                  "high_freq_factor", s.high, "original_max_position_embeddings", (json_int_t)s.original));
  }
}

/* ---- rotary scaling ------------------------------------------------------------------------------------------- */

static double number_of(reader *r, const char *key, double otherwise) {
  char name[ATT_GGUF_NAME];
  own_key(r, key, name);
  if (!r->status) r->status = att_gguf_number(r->m, name, false, &otherwise);
  return otherwise;
}

static int64_t whole_of(const reader *r, const char *key) { return json_integer_value(json_object_get(r->root, key)); }

static int64_t head_size(const reader *r) {
  int64_t size = whole_of(r, "head_dim"), heads = whole_of(r, "num_attention_heads");
  return size ? size : heads ? whole_of(r, "hidden_size") / heads : 0;
}

/* Columns of a head that are turned. */
static void read_turned(reader *r) {
  char key[ATT_GGUF_NAME];
  int64_t size = head_size(r), turned = size;
  own_key(r, "rope.dimension_count", key);
  if (!r->status) r->status = att_gguf_int(r->m, key, false, 0, INT32_MAX, &turned);
  if (r->status || turned == size) return;
  if (!r->a->partial || turned > size || turned == 0) {
    r->status = att_fail(r->m->ctx, ATT_UNSUPPORTED, "%s: %s is %lld where heads have %lld columns", r->m->path, key,
                         (long long)turned, (long long)size);
    return;
  }
  double part = (double)turned / (double)size;
  if ((int64_t)((double)size * part) < turned) part = nextafter(part, 1);
  set(r, "partial_rotary_factor", json_real(part));
}

/* A tensor of one divisor a frequency. */
static json_t *read_factors(reader *r, const char *name) {
  const att_stored *t = att_tensor_file_find(r->file, name);
  json_t *list = json_array();
  float factors[ATT_MOST_DIVISORS];
  bool good = t && t->type == ATT_F32 && t->rank == 1 && t->count <= ATT_MOST_DIVISORS;
  if (good) memcpy(factors, t->data, t->size);
  for (int64_t i = 0; good && i < t->count; i++) json_array_append_new(list, json_real((double)factors[i]));
  if (!good && !r->status) {
    r->status = att_fail(r->m->ctx, ATT_FORMAT, "%s: tensor %s is %s", r->m->path, name,
                         t ? "no list of float32 numbers" : "missing");
  }
  return list;
}

/* Phi-3's: one list for texts within the context that it was trained with, one for longer ones. */
static void read_longrope(reader *r, json_t *rope) {
  if (r->status || !att_tensor_file_find(r->file, "rope_factors_long.weight")) return;
  put(r, rope, "rope_type", json_string("longrope"));
  put(r, rope, "long_factor", read_factors(r, "rope_factors_long.weight"));
  put(r, rope, "short_factor", read_factors(r, "rope_factors_short.weight"));
  put(r, rope, "attention_factor", json_real(number_of(r, "rope.scaling.attn_factor", 1)));
}

/* llama.cpp multiplies what yarn itself makes of the factor by attn_factor. */
static void read_yarn(reader *r, json_t *rope, double factor) {
  double magnitude = number_of(r, "rope.scaling.attn_factor", 1) * (factor > 1 ? 0.1 * log(factor) + 1 : 1);
  put(r, rope, "rope_type", json_string("yarn"));
  put(r, rope, "factor", json_real(factor));
  put(r, rope, "beta_fast", json_real(number_of(r, "rope.scaling.yarn_beta_fast", 32)));
  put(r, rope, "beta_slow", json_real(number_of(r, "rope.scaling.yarn_beta_slow", 1)));
  put(r, rope, "attention_factor", json_real(magnitude));
}

static bool is_type(att_text type, const char *name) {
  return type.size == strlen(name) && memcmp(type.data, name, type.size) == 0;
}

/* A factor without a type is a linear one's, as for llama.cpp. */
static void read_type(reader *r, json_t *rope) {
  char key[ATT_GGUF_NAME];
  double factor = number_of(r, "rope.scaling.factor", 0);
  att_text type = {factor > 0 ? "linear" : "none", factor > 0 ? 6 : 4};
  own_key(r, "rope.scaling.type", key);
  if (!r->status) r->status = att_gguf_string(r->m, key, false, &type);
  if (r->status || is_type(type, "none")) return;
  if (r->a->partial && is_type(type, "longrope")) return; /* its tensors say so too */
  if (!is_type(type, "linear") && !is_type(type, "yarn")) {
    r->status = att_fail(r->m->ctx, ATT_UNSUPPORTED, "%s: %s is \"%.*s\"; attend knows none, linear and yarn",
                         r->m->path, key, type.size < 40 ? (int)type.size : 40, type.data);
    return;
  }
  own_key(r, "rope.scaling.factor", key);
  r->status = att_gguf_number(r->m, key, true, &factor);
  if (is_type(type, "yarn")) {
    read_yarn(r, rope, factor);
  } else {
    put(r, rope, "rope_type", json_string("linear"));
    put(r, rope, "factor", json_real(factor));
  }
}

static void read_rope(reader *r) {
  const json_t *base = json_object_get(r->root, "rope_theta");
  double original = number_of(r, "rope.scaling.original_context_length", 0);
  json_t *rope = json_object();
  read_turned(r);
  read_type(r, rope);
  if (r->a->partial) read_longrope(r, rope);
  if (!r->status && json_object_size(rope) > 0) {
    if (original >= 1 && original < INT32_MAX)
      put(r, rope, "original_max_position_embeddings", json_integer((json_int_t)original));
    set(r, "rope_scaling", json_incref(rope));
  }
  json_decref(rope);
  read_divisors(r, base ? json_number_value(base) : 10000);
}

/* ---- layers that differ --------------------------------------------------------------------------------------- */

/* Which layers see a window: a key says the period, or each; no window: none. */
static void read_layers(reader *r) {
  char key[ATT_GGUF_NAME];
  const att_gguf_entry *each = NULL;
  int64_t period = r->a->period, layers = whole_of(r, "num_hidden_layers");
  own_key(r, "attention.sliding_window_pattern", key);
  const att_gguf_entry *entry = att_gguf_find(r->m, key);
  if (!r->status && entry && entry->array) {
    bool bools = entry->type == ATT_GGUF_BOOL;
    r->status = att_gguf_array(r->m, key, true, bools ? ATT_GGUF_BOOLS : ATT_GGUF_INTS, &each);
  } else if (!r->status) {
    r->status = att_gguf_int(r->m, key, false, 0, INT32_MAX, &period);
  }
  if (!r->status && each && each->count != (size_t)layers) {
    r->status = att_fail(r->m->ctx, ATT_FORMAT, "%s: %s has %zu entries where the model has %lld layers", r->m->path,
                         key, each->count, (long long)layers);
  }
  if (r->status || layers > ATT_MOST_LAYERS) return; /* these are refused with the settings */
  bool windows = json_is_integer(json_object_get(r->root, "sliding_window"));
  json_t *list = json_array();
  for (int64_t i = 0; i < layers; i++) {
    bool local = period == 0 || (i + 1) % period != 0;
    if (each)
      local = each->type == ATT_GGUF_BOOL ? att_gguf_bool_at(each, (size_t)i) : att_gguf_int_at(each, (size_t)i);
    json_array_append_new(list, json_string(windows && local ? "sliding_attention" : "full_attention"));
  }
  set(r, "layer_types", list);
}

/* What the root of scores are divided by is of; attention.scale is attend's own word for another. */
static void read_scalar(reader *r) {
  int64_t heads = whole_of(r, "num_attention_heads");
  bool broad = heads && whole_of(r, "num_hidden_layers") == r->a->broad_layers;
  double usual = (double)(broad ? whole_of(r, "hidden_size") / heads : head_size(r));
  double scale = number_of(r, "attention.scale", 0);
  if (!r->status && scale != 0 && !(scale >= 1e-6 && scale <= 1e3)) {
    r->status = att_fail(r->m->ctx, ATT_FORMAT, "%s: %s.attention.scale is %g, not from 1e-6 to 1000", r->m->path,
                         r->a->name, scale);
  }
  double scalar = scale > 0 ? 1 / (scale * scale) : usual;
  if (scale > 0 && fabs(scalar - round(scalar)) < 1e-6 * scalar) scalar = round(scalar);
  set(r, "query_pre_attn_scalar", json_real(scalar));
}

/* ---- the whole ------------------------------------------------------------------------------------------------ */

static bool has_key(const att_gguf_architecture *a, const char *hf) {
  for (int table = 0; table < ATT_GGUF_TABLES && a->keys[table]; table++) {
    for (const att_gguf_key *k = a->keys[table]; k->hf; k++)
      if (strcmp(k->hf, hf) == 0) return true;
  }
  return false;
}

static void read_keys(reader *r) {
  static const char shared[] = "num_key_value_heads";
  for (int table = 0; table < ATT_GGUF_TABLES && r->a->keys[table]; table++) {
    for (const att_gguf_key *k = r->a->keys[table]; k->gguf; k++) read_key(r, k);
  }
  if (has_key(r->a, shared) && !json_object_get(r->root, shared))
    set(r, shared, json_incref(json_object_get(r->root, "num_attention_heads")));
}

/* A head of classes, and what these are called. */
static void read_labels(reader *r) {
  const att_stored *head = att_tensor_file_find(r->file, "cls.output.weight");
  const att_gguf_entry *names = NULL;
  char key[ATT_GGUF_NAME];
  if (r->status || !r->a->labelled || !head) return;
  set(r, "architectures", json_pack("[s]", r->a->labelled));
  set(r, "num_labels", json_integer(head->rank > 0 ? head->shape[0] : 0));
  own_key(r, "classifier.output_labels", key);
  if (!r->status) r->status = att_gguf_array(r->m, key, false, ATT_GGUF_STRINGS, &names);
  if (r->status || !names) return;
  json_t *labels = json_object();
  for (size_t i = 0; i < names->count; i++) {
    att_text name = att_gguf_string_at(names, i);
    json_t *text = json_stringn(name.data, name.size);
    if (!text && !r->status) r->status = att_fail(r->m->ctx, ATT_FORMAT, "%s: %s is not UTF-8", r->m->path, key);
    snprintf(key, sizeof key, "%zu", i);
    put(r, labels, key, text);
    own_key(r, "classifier.output_labels", key);
  }
  set(r, "id2label", labels);
}

static void read_all(reader *r) {
  const att_gguf_architecture *a = r->a;
  set(r, "model_type", json_string(a->type));
  set(r, "architectures", json_pack("[s]", a->class));
  set(r, "dtype", json_string(att_type_name(storage_of(r->file))));
  read_keys(r);
  read_rows(r, "token_embd.weight", "vocab_size", true);
  read_rows(r, "token_types.weight", "type_vocab_size", false);
  if (a->ties) set(r, "tie_word_embeddings", json_boolean(!att_tensor_file_find(r->file, "output.weight")));
  for (const att_gguf_flag *f = a->flags; f->hf; f++) {
    set(r, f->hf, json_boolean(att_tensor_file_find(r->file, f->tensor) != NULL));
  }
  read_labels(r);
  read_token(r, "bos", "bos_token_id");
  read_ends(r);
  read_token(r, "padding", "pad_token_id");
  if (a->gate) set(r, "feed_forward_proj", json_string(att_tensor_file_find(r->file, a->gate) ? "gated-gelu" : "relu"));
  if (a->rotary) read_rope(r);
  if (a->period) read_layers(r);
  if (a->period) read_scalar(r);
}

att_status att_gguf_read_config(const att_tensor_file *file, const att_gguf_architecture *a, json_t **out) {
  reader r = {.m = file->metadata, .file = file, .a = a, .root = json_object()};
  *out = NULL;
  if (!r.root) return att_fail(r.m->ctx, ATT_MEMORY, "out of memory");
  read_all(&r);
  if (r.status) {
    json_decref(r.root);
    return r.status;
  }
  *out = r.root;
  return ATT_OK;
}
