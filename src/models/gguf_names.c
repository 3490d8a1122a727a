/* Owns what gguf_names.h says. */
#include "models/gguf_names.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ATT_MOST_LAYERS_NAMED 9999
#define ATT_MOST_DIVISORS     4096
#define LENGTH(list)          (sizeof(list) / sizeof *(list))

/* ---- the architectures ---------------------------------------------------------------------------------------- */

static const att_gguf_name llama_names[] = {{"token_embd", "model.embed_tokens", NULL},
                                            {"output_norm", "model.norm", NULL},
                                            {"output", "lm_head", NULL},
                                            {"rope_freqs", "rotary_emb.inv_freq", NULL}, /* read with the settings */
                                            {"blk.#.attn_norm", "model.layers.#.input_layernorm", NULL},
                                            {"blk.#.attn_q", "model.layers.#.self_attn.q_proj", "num_attention_heads"},
                                            {"blk.#.attn_k", "model.layers.#.self_attn.k_proj", "num_key_value_heads"},
                                            {"blk.#.attn_v", "model.layers.#.self_attn.v_proj", NULL},
                                            {"blk.#.attn_output", "model.layers.#.self_attn.o_proj", NULL},
                                            {"blk.#.ffn_norm", "model.layers.#.post_attention_layernorm", NULL},
                                            {"blk.#.ffn_gate", "model.layers.#.mlp.gate_proj", NULL},
                                            {"blk.#.ffn_up", "model.layers.#.mlp.up_proj", NULL},
                                            {"blk.#.ffn_down", "model.layers.#.mlp.down_proj", NULL},
                                            {NULL, NULL, NULL}};
static const att_gguf_key llama_keys[] = {{"context_length", "max_position_embeddings", false, true},
                                          {"embedding_length", "hidden_size", false, true},
                                          {"block_count", "num_hidden_layers", false, true},
                                          {"feed_forward_length", "intermediate_size", false, true},
                                          {"attention.head_count", "num_attention_heads", false, true},
                                          {"attention.head_count_kv", "num_key_value_heads", false, false},
                                          {"attention.key_length", "head_dim", false, false},
                                          {"attention.layer_norm_rms_epsilon", "rms_norm_eps", true, true},
                                          {"rope.freq_base", "rope_theta", true, false},
                                          {NULL, NULL, false, false}};

static const att_gguf_flag llama_flags[] = {
    {"blk.0.attn_q.bias", "attention_bias"}, {"blk.0.ffn_up.bias", "mlp_bias"}, {NULL, NULL}};
static const att_gguf_flag no_flags[] = {{NULL, NULL}};

/* Qwen's rows of q and k stand as in its folders. */
#define QWEN_NAMES                                                                                                     \
  {"token_embd", "model.embed_tokens", NULL}, {"output_norm", "model.norm", NULL}, {"output", "lm_head", NULL},        \
      {"blk.#.attn_norm", "model.layers.#.input_layernorm", NULL},                                                     \
      {"blk.#.attn_q", "model.layers.#.self_attn.q_proj", NULL},                                                       \
      {"blk.#.attn_k", "model.layers.#.self_attn.k_proj", NULL},                                                       \
      {"blk.#.attn_v", "model.layers.#.self_attn.v_proj", NULL},                                                       \
      {"blk.#.attn_output", "model.layers.#.self_attn.o_proj", NULL},                                                  \
      {"blk.#.ffn_norm", "model.layers.#.post_attention_layernorm", NULL},                                             \
      {"blk.#.ffn_gate", "model.layers.#.mlp.gate_proj", NULL}, {"blk.#.ffn_up", "model.layers.#.mlp.up_proj", NULL},  \
  {                                                                                                                    \
    "blk.#.ffn_down", "model.layers.#.mlp.down_proj", NULL                                                             \
  }
static const att_gguf_name qwen2_names[] = {QWEN_NAMES, {NULL, NULL, NULL}};
static const att_gguf_name qwen3_names[] = {QWEN_NAMES,
                                            {"blk.#.attn_q_norm", "model.layers.#.self_attn.q_norm", NULL},
                                            {"blk.#.attn_k_norm", "model.layers.#.self_attn.k_norm", NULL},
                                            {NULL, NULL, NULL}};
static const att_gguf_flag qwen3_flags[] = {{"blk.0.attn_q.bias", "attention_bias"}, {NULL, NULL}};

static const att_gguf_name gpt2_names[] = {{"token_embd", "transformer.wte", NULL},
                                           {"position_embd", "transformer.wpe", NULL},
                                           {"output_norm", "transformer.ln_f", NULL},
                                           {"output", "lm_head", NULL},
                                           {"blk.#.attn_norm", "transformer.h.#.ln_1", NULL},
                                           {"blk.#.attn_qkv", "transformer.h.#.attn.c_attn", NULL},
                                           {"blk.#.attn_output", "transformer.h.#.attn.c_proj", NULL},
                                           {"blk.#.ffn_norm", "transformer.h.#.ln_2", NULL},
                                           {"blk.#.ffn_up", "transformer.h.#.mlp.c_fc", NULL},
                                           {"blk.#.ffn_down", "transformer.h.#.mlp.c_proj", NULL},
                                           {NULL, NULL, NULL}};
static const att_gguf_key gpt2_keys[] = {{"context_length", "n_positions", false, true},
                                         {"embedding_length", "n_embd", false, true},
                                         {"block_count", "n_layer", false, true},
                                         {"feed_forward_length", "n_inner", false, true},
                                         {"attention.head_count", "n_head", false, true},
                                         {"attention.layer_norm_epsilon", "layer_norm_epsilon", true, true},
                                         {NULL, NULL, false, false}};

static const att_gguf_name bert_names[] = {
    {"token_embd", "bert.embeddings.word_embeddings", NULL},
    {"position_embd", "bert.embeddings.position_embeddings", NULL},
    {"token_types", "bert.embeddings.token_type_embeddings", NULL},
    {"token_embd_norm", "bert.embeddings.LayerNorm", NULL},
    {"blk.#.attn_q", "bert.encoder.layer.#.attention.self.query", NULL},
    {"blk.#.attn_k", "bert.encoder.layer.#.attention.self.key", NULL},
    {"blk.#.attn_v", "bert.encoder.layer.#.attention.self.value", NULL},
    {"blk.#.attn_output", "bert.encoder.layer.#.attention.output.dense", NULL},
    {"blk.#.attn_output_norm", "bert.encoder.layer.#.attention.output.LayerNorm", NULL},
    {"blk.#.ffn_up", "bert.encoder.layer.#.intermediate.dense", NULL},
    {"blk.#.ffn_down", "bert.encoder.layer.#.output.dense", NULL},
    {"blk.#.layer_output_norm", "bert.encoder.layer.#.output.LayerNorm", NULL},
    {NULL, NULL, NULL}};
static const att_gguf_key bert_keys[] = {{"context_length", "max_position_embeddings", false, true},
                                         {"embedding_length", "hidden_size", false, true},
                                         {"block_count", "num_hidden_layers", false, true},
                                         {"feed_forward_length", "intermediate_size", false, true},
                                         {"attention.head_count", "num_attention_heads", false, true},
                                         {"attention.layer_norm_epsilon", "layer_norm_eps", true, true},
                                         {NULL, NULL, false, false}};

static const att_gguf_architecture architectures[] = {
    {"llama", "llama", "LlamaForCausalLM", llama_names, llama_keys, llama_flags, true},
    {"qwen2", "qwen2", "Qwen2ForCausalLM", qwen2_names, llama_keys, no_flags, true},
    {"qwen3", "qwen3", "Qwen3ForCausalLM", qwen3_names, llama_keys, qwen3_flags, true},
    {"gpt2", "gpt2", "GPT2LMHeadModel", gpt2_names, gpt2_keys, no_flags, true},
    {"bert", "bert", "BertModel", bert_names, bert_keys, no_flags, false},
};

att_status att_gguf_architecture_of(const att_gguf_metadata *m, const att_gguf_architecture **out) {
  att_text name;
  char known[256] = "";
  ATT_TRY(att_gguf_string(m, "general.architecture", true, &name));
  for (size_t i = 0; i < LENGTH(architectures); i++) {
    const char *own = architectures[i].name;
    *out = &architectures[i];
    if (strlen(own) == name.size && memcmp(own, name.data, name.size) == 0) return ATT_OK;
    size_t used = strlen(known);
    snprintf(known + used, sizeof known - used, "%s%s",
             i == 0                          ? ""
             : i + 1 < LENGTH(architectures) ? ", "
                                             : " and ",
             own);
  }
  return att_fail(m->ctx, ATT_UNSUPPORTED, "%s: general.architecture is \"%.*s\"; attend knows %s", m->path,
                  name.size < 60 ? (int)name.size : 60, name.data, known);
}

const att_gguf_architecture *att_gguf_architecture_for(const char *type) {
  for (size_t i = 0; i < LENGTH(architectures); i++) {
    if (strcmp(architectures[i].type, type) == 0) return &architectures[i];
  }
  return NULL;
}

/* ---- names ---------------------------------------------------------------------------------------------------- */

/* Whether the text is the pattern, with a number of no leading zero in place of '#', up to an ending: *rest. */
static bool matches(const char *pattern, const char *text, int *layer, const char **rest) {
  for (; *pattern; pattern++) {
    if (*pattern != '#') {
      if (*text++ != *pattern) return false;
      continue;
    }
    char *end;
    if (*text < '0' || *text > '9' || (*text == '0' && text[1] >= '0' && text[1] <= '9')) return false;
    long number = strtol(text, &end, 10);
    if (number > ATT_MOST_LAYERS_NAMED) return false;
    *layer = (int)number;
    text = end;
  }
  *rest = text;
  return strcmp(text, ".weight") == 0 || strcmp(text, ".bias") == 0;
}

static void fill_in(const char *pattern, int layer, const char *rest, char out[ATT_GGUF_NAME]) {
  const char *number = strchr(pattern, '#');
  if (!number) {
    snprintf(out, ATT_GGUF_NAME, "%s%s", pattern, rest);
  } else {
    snprintf(out, ATT_GGUF_NAME, "%.*s%d%s%s", (int)(number - pattern), pattern, layer, number + 1, rest);
  }
}

static const char *without(const char *prefix, const char *name) {
  size_t size = prefix ? strlen(prefix) : 0;
  return size && strncmp(name, prefix, size) == 0 ? name + size : name;
}

const att_gguf_name *att_gguf_name_for(const att_gguf_architecture *a, const char *prefix, const char *name,
                                       char out[ATT_GGUF_NAME]) {
  for (const att_gguf_name *n = a->names; n->gguf; n++) {
    int layer = 0;
    const char *rest;
    if (!matches(without(prefix, n->hf), without(prefix, name), &layer, &rest)) continue;
    fill_in(n->gguf, layer, rest, out);
    return n;
  }
  return NULL;
}

static att_status rename_one(att_tensor_file *file, size_t i, const att_gguf_architecture *a, const json_t *config) {
  att_stored *tensor = &file->tensors[i];
  char name[ATT_GGUF_NAME];
  for (const att_gguf_name *n = a->names; n->gguf; n++) {
    int layer = 0;
    const char *rest;
    if (!matches(n->gguf, tensor->name, &layer, &rest)) continue;
    fill_in(n->hf, layer, rest, name);
    if (n->heads) tensor->heads = json_integer_value(json_object_get(config, n->heads));
    return att_tensor_file_rename(file, i, name);
  }
  return ATT_OK;
}

att_status att_gguf_rename(att_tensor_file *file, const att_gguf_architecture *a, const json_t *config) {
  file->upright = true;
  for (size_t i = 0; i < file->count; i++) ATT_TRY(rename_one(file, i, a, config));
  return att_tensor_file_sort(file);
}

/* ---- settings ------------------------------------------------------------------------------------------------- */

/* The first that fails stays. */
typedef struct reader {
  const att_gguf_metadata *m;
  const att_tensor_file *file;
  const att_gguf_architecture *a;
  json_t *root;
  att_status status;
} reader;

/* Takes the value. */
static void set(reader *r, const char *key, json_t *value) {
  if (r->status) {
    json_decref(value);
  } else if (json_object_set_new(r->root, key, value)) {
    r->status = att_fail(r->m->ctx, ATT_MEMORY, "out of memory");
  }
}

static void own_key(const reader *r, const char *key, char out[ATT_GGUF_NAME]) {
  snprintf(out, ATT_GGUF_NAME, "%s.%s", r->a->name, key);
}

static void read_key(reader *r, const att_gguf_key *key) {
  char name[ATT_GGUF_NAME];
  int64_t whole = 0;
  double real = 0;
  own_key(r, key->gguf, name);
  if (r->status || (!key->required && !att_gguf_find(r->m, name))) return;
  r->status =
      key->real ? att_gguf_number(r->m, name, true, &real) : att_gguf_int(r->m, name, true, 0, INT32_MAX, &whole);
  set(r, key->hf, key->real ? json_real(real) : json_integer(whole));
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

static void read_scaling(reader *r) {
  char key[ATT_GGUF_NAME];
  att_text type = {"none", 4};
  double factor = 1;
  own_key(r, "rope.scaling.type", key);
  if (!r->status) r->status = att_gguf_string(r->m, key, false, &type);
  bool linear = type.size == 6 && memcmp(type.data, "linear", 6) == 0;
  if (!r->status && !linear && !(type.size == 4 && memcmp(type.data, "none", 4) == 0)) {
    r->status = att_fail(r->m->ctx, ATT_UNSUPPORTED, "%s: %s is \"%.*s\"; attend knows none and linear", r->m->path,
                         key, type.size < 40 ? (int)type.size : 40, type.data);
  }
  own_key(r, "rope.scaling.factor", key);
  if (!r->status && linear) r->status = att_gguf_number(r->m, key, true, &factor);
  if (linear) set(r, "rope_scaling", json_pack("{s:s, s:f}", "rope_type", "linear", "factor", factor));
}

static bool has_key(const att_gguf_architecture *a, const char *hf) {
  const att_gguf_key *k = a->keys;
  while (k->hf && strcmp(k->hf, hf) != 0) k++;
  return k->hf != NULL;
}

static void read_all(reader *r) {
  static const char shared[] = "num_key_value_heads";
  const att_gguf_architecture *a = r->a;
  set(r, "model_type", json_string(a->type));
  set(r, "architectures", json_pack("[s]", a->class));
  set(r, "dtype", json_string(att_type_name(storage_of(r->file))));
  for (const att_gguf_key *k = a->keys; k->gguf; k++) read_key(r, k);
  if (has_key(a, shared) && !json_object_get(r->root, shared)) {
    set(r, shared, json_incref(json_object_get(r->root, "num_attention_heads")));
  }
  read_rows(r, "token_embd.weight", "vocab_size", true);
  read_rows(r, "token_types.weight", "type_vocab_size", false);
  if (a->ties) set(r, "tie_word_embeddings", json_boolean(!att_tensor_file_find(r->file, "output.weight")));
  for (const att_gguf_flag *f = a->flags; f->hf; f++) {
    set(r, f->hf, json_boolean(att_tensor_file_find(r->file, f->tensor) != NULL));
  }
  read_token(r, "bos", "bos_token_id");
  read_ends(r);
  read_token(r, "padding", "pad_token_id");
  if (!has_key(a, "rope_theta")) return;
  const json_t *base = json_object_get(r->root, "rope_theta");
  read_scaling(r);
  read_divisors(r, base ? json_number_value(base) : 10000);
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
