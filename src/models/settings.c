/* Owns what settings.h says. */
#include "models/settings.h"

#include <inttypes.h>
#include <string.h>

#define ATT_LARGEST_HEAD    256 /* the attention kernels' limit */
#define ATT_MOST_PARAMETERS ((int64_t)1 << 36)

static const char *const activation_names[] = {[ATT_RELU] = "relu", [ATT_GELU] = "gelu",          [ATT_SILU] = "silu",
                                               [ATT_SWIGLU] = NULL, [ATT_GELU_TANH] = "gelu_new", [ATT_TANH] = "tanh"};
static const char *const position_names[ATT_POSITION_COUNT] = {"sinusoidal", "learned", "rotary",
                                                               "relative",   "alibi",   "none"};

static const char *const family_types[ATT_FAMILY_COUNT] = {[ATT_MARIAN] = "marian",
                                                           [ATT_M2M_100] = "m2m_100",
                                                           [ATT_BART] = "bart",
                                                           [ATT_MBART] = "mbart",
                                                           [ATT_PEGASUS] = "pegasus",
                                                           [ATT_T5] = "t5",
                                                           [ATT_GPT2] = "gpt2",
                                                           [ATT_LLAMA] = "llama",
                                                           [ATT_QWEN2] = "qwen2",
                                                           [ATT_QWEN3] = "qwen3",
                                                           [ATT_MISTRAL] = "mistral",
                                                           [ATT_GEMMA2] = "gemma2",
                                                           [ATT_GEMMA3] = "gemma3_text",
                                                           [ATT_PHI3] = "phi3",
                                                           [ATT_BERT] = "bert",
                                                           [ATT_ROBERTA] = "roberta",
                                                           [ATT_XLM_ROBERTA] = "xlm-roberta",
                                                           [ATT_DISTILBERT] = "distilbert",
                                                           [ATT_ELECTRA] = "electra",
                                                           [ATT_ALBERT] = "albert",
                                                           [ATT_MPNET] = "mpnet",
                                                           [ATT_NOMIC_BERT] = "nomic_bert",
                                                           [ATT_WHISPER] = "whisper",
                                                           [ATT_PATCHTST] = "patchtst",
                                                           [ATT_RECURRENT] = "attend-rnn",
                                                           [ATT_PADDED] = "attend-ffn"};

const char *att_family_type(att_family family) { return family_types[family]; }

static int64_t *size_at(att_config *config, const att_size_key *key) {
  return (int64_t *)(void *)((char *)config + key->offset);
}

att_status att_read_sizes(const att_settings *in, const att_size_key *keys, size_t count, att_config *config) {
  for (size_t i = 0; i < count; i++) {
    ATT_TRY(att_json_int(in->ctx, in->name, in->root, keys[i].key, false, 1, keys[i].most, size_at(config, &keys[i])));
  }
  return ATT_OK;
}

att_status att_check_sizes(att_context *ctx, const char *name, const att_size_key *keys, size_t count,
                           const att_config *config) {
  att_config copy = *config; /* size_at gives what one may write to */
  for (size_t i = 0; i < count; i++) {
    int64_t size = *size_at(&copy, &keys[i]);
    bool lacks = size == 0 && config->input_width > 0 && keys[i].offset == offsetof(att_config, vocab_size);
    if (lacks || (size >= 1 && size <= keys[i].most)) continue;
    return att_fail(ctx, ATT_FORMAT, "%s: %s is %" PRId64 ", not a whole number from 1 to %" PRId64, name, keys[i].key,
                    size, keys[i].most);
  }
  return ATT_OK;
}

void att_put_sizes(att_object *out, const att_size_key *keys, size_t count, const att_config *config) {
  att_config copy = *config;
  for (size_t i = 0; i < count; i++) {
    int64_t size = *size_at(&copy, &keys[i]);
    if (size > 0) att_put_int(out, keys[i].key, size);
  }
}

att_status att_refuse_switches(const att_settings *in, const char *type, const att_switch_key *keys, size_t count) {
  for (size_t i = 0; i < count; i++) {
    bool value = keys[i].known;
    ATT_TRY(att_read_bool(in, keys[i].key, &value));
    if (value != keys[i].known) {
      return att_fail(in->ctx, ATT_UNSUPPORTED, "%s: %s is %s; attend knows only %s models with %s", in->name,
                      keys[i].key, value ? "true" : "false", type, value ? "false" : "true");
    }
  }
  return ATT_OK;
}

att_status att_read_input_width(const att_settings *in, att_config *config) {
  ATT_TRY(att_json_int(in->ctx, in->name, in->root, "input_width", false, 1, ATT_LARGEST_SIZE, &config->input_width));
  return att_json_int(in->ctx, in->name, in->root, "input_stride", false, 0, 4, &config->input_stride);
}

void att_put_input_width(att_object *out, const att_config *config) {
  if (config->input_width) att_put_int(out, "input_width", config->input_width);
  if (config->input_stride) att_put_int(out, "input_stride", config->input_stride);
}

att_status att_read_string(const att_settings *in, const char *key, const char **out) {
  return att_json_string(in->ctx, in->name, in->root, key, false, out);
}

att_status att_read_bool(const att_settings *in, const char *key, bool *out) {
  return att_json_bool(in->ctx, in->name, in->root, key, false, out);
}

att_status att_read_float(const att_settings *in, const char *key, float *out) {
  double value = (double)*out;
  ATT_TRY(att_json_number(in->ctx, in->name, in->root, key, false, &value));
  *out = (float)value;
  return ATT_OK;
}

void att_read_dropout(const att_settings *in, const char *key, att_config *config) {
  const json_t *value = json_object_get(in->root, key);
  double dropout = json_is_number(value) ? json_number_value(value) : -1;
  if (!value || json_is_null(value)) return;
  if (dropout >= 0 && dropout < 1) {
    config->dropout = (float)dropout;
  } else {
    att_log(in->ctx, ATT_LOG_WARNING, "%s: %s is not a number from 0 to below 1, and is left at %g", in->name, key,
            (double)config->dropout);
  }
}

att_status att_read_activation(const att_settings *in, const char *key, att_activation *out) {
  const char *name = activation_names[*out];
  ATT_TRY(att_read_string(in, key, &name));
  return att_activation_find(in, key, name, out);
}

att_status att_activation_find(const att_settings *in, const char *key, const char *name, att_activation *out) {
  if (strcmp(name, "swish") == 0) name = "silu"; /* two names of one function, as below */
  if (strcmp(name, "gelu_pytorch_tanh") == 0 || strcmp(name, "gelu_fast") == 0) name = "gelu_new";
  for (size_t i = 0; i < ATT_COUNT(activation_names); i++) {
    *out = (att_activation)i;
    if (activation_names[i] && strcmp(name, activation_names[i]) == 0) return ATT_OK;
  }
  return att_fail(in->ctx, ATT_UNSUPPORTED, "%s: %s is \"%.60s\"; attend knows relu, gelu, gelu_new, silu and tanh",
                  in->name, key, name);
}

static const struct {
  const char *key;
  size_t offset;
} specials[ATT_SPECIALS] = {
    {"pad_token_id", offsetof(att_config, pad)},
    {"bos_token_id", offsetof(att_config, bos)},
    {"eos_token_id", offsetof(att_config, eos)},
    {"decoder_start_token_id", offsetof(att_config, decoder_start)},
};

const char *att_special_key(int i) { return specials[i].key; }

int32_t *att_special_at(att_config *config, int i) { return (int32_t *)(void *)((char *)config + specials[i].offset); }

int32_t att_special_of(const att_config *config, int i) {
  return *(const int32_t *)(const void *)((const char *)config + specials[i].offset);
}

static void read_special(const att_settings *in, int i, att_config *config) {
  const json_t *value = json_object_get(in->root, specials[i].key);
  if (!value && att_special_of(config, i) < config->vocab_size) return; /* the class's, but of another vocabulary */
  if (json_is_array(value)) value = json_array_get(value, 0);
  json_int_t id = json_is_integer(value) ? json_integer_value(value) : -1;
  bool token = id >= 0 && id < config->vocab_size;
  if (!token && id >= 0) {
    att_log(in->ctx, ATT_LOG_WARNING, "%s: %s is %" JSON_INTEGER_FORMAT ", not one of the %" PRId64 " tokens", in->name,
            specials[i].key, id, config->vocab_size);
  }
  *att_special_at(config, i) = token ? (int32_t)id : -1;
}

void att_read_specials(const att_settings *in, att_config *config) {
  for (int i = 0; i < ATT_SPECIALS; i++) read_special(in, i, config);
}

void att_put_special(att_object *out, const att_config *config, int i) {
  int32_t special = att_special_of(config, i);
  if (special < 0) {
    att_put(out, specials[i].key, "null");
  } else {
    att_put_int(out, specials[i].key, special);
  }
}

void att_put_specials(att_object *out, const att_config *config) {
  for (int i = 0; i < ATT_SPECIALS; i++) {
    bool start = specials[i].offset == offsetof(att_config, decoder_start);
    if (!start || config->kind == ATT_ENCODER_DECODER) att_put_special(out, config, i);
  }
}

const char *att_activation_name(att_activation activation) {
  return (unsigned)activation < ATT_COUNT(activation_names) ? activation_names[activation] : NULL;
}

const char *att_position_name(att_position position) {
  return (unsigned)position < ATT_POSITION_COUNT ? position_names[position] : NULL;
}

att_status att_position_find(att_context *ctx, const char *name, const char *text, att_position *out) {
  for (size_t i = 0; i < ATT_POSITION_COUNT; i++) {
    *out = (att_position)i;
    if (strcmp(text, position_names[i]) == 0) return ATT_OK;
  }
  return att_fail(ctx, ATT_UNSUPPORTED,
                  "%s: position_embedding_type is \"%.60s\"; attend knows sinusoidal, learned, rotary, relative, alibi "
                  "and none",
                  name, text);
}

/* ---- checking ------------------------------------------------------------------------------------------------- */

att_status att_check_heads(att_context *ctx, const char *name, const char *key, int64_t heads,
                           const att_config *config) {
  int64_t width = config->d_model, size = config->head_size, groups = config->key_value_heads;
  if (size == 0 && width % heads != 0) {
    return att_fail(ctx, ATT_FORMAT, "%s: %s is %" PRId64 ", not a multiple of %" PRId64 " heads", name, key, width,
                    heads);
  }
  if (size == 0) size = width / heads;
  if (size < 0 || size > ATT_LARGEST_HEAD) {
    return att_fail(ctx, ATT_UNSUPPORTED, "%s: a head has %" PRId64 " of %s, more than the %d that attend knows", name,
                    size, key, ATT_LARGEST_HEAD);
  }
  if (groups < 0 || (groups > 0 && heads % groups != 0)) {
    return att_fail(ctx, ATT_FORMAT,
                    "%s: %" PRId64 " heads cannot share %" PRId64 " key/value heads (num_key_value_heads)", name, heads,
                    groups);
  }
  if (config->position == ATT_ROTARY && size % 2 != 0) {
    return att_fail(ctx, ATT_FORMAT, "%s: a head has %" PRId64 " columns; rotary positions need an even number", name,
                    size);
  }
  return ATT_OK;
}

bool att_config_has_own_heads(const att_config *c) {
  int64_t heads = c->decoder_layers ? c->decoder_attention_heads : c->encoder_attention_heads;
  bool grouped = c->key_value_heads && c->key_value_heads != heads;
  return !grouped && (!c->head_size || c->head_size * heads == c->d_model);
}

/* Every factor is bounded by then, so that nothing overflows: the largest term is 2^10 layers of 2^48. */
static int64_t count_parameters(const att_config *c) {
  int64_t width = c->d_model, norm = 2 * width, matrices = c->gated ? 3 : 2;
  int64_t heads =
      c->encoder_attention_heads > c->decoder_attention_heads ? c->encoder_attention_heads : c->decoder_attention_heads;
  int64_t inner = c->head_size ? heads * c->head_size : width, attention = 4 * inner * (width + 1);
  int64_t columns = c->embedding_size > width ? c->embedding_size : width;
  int64_t embeddings = c->vocab_size * columns * (c->tie_word_embeddings ? 1 : 4) + c->vocab_size;
  int64_t positions = 2 * (c->max_position_embeddings + c->pad + 1) * columns;
  int64_t encoder = attention + (matrices * width + 1) * c->encoder_ffn_dim + width + 2 * norm;
  int64_t decoder = 2 * attention + (matrices * width + 1) * c->decoder_ffn_dim + width + 3 * norm;
  int64_t rest = (c->type_vocab_size + c->label_count + (c->kind == ATT_ENCODER ? width : 0)) * width;
  rest += (c->input_width + c->embedding_size + c->max_source_positions) * width;
  if (c->input_stride) rest += (2 * c->input_width + 3 * width + 2) * width;
  return embeddings + positions + c->encoder_layers * encoder + c->decoder_layers * decoder + 2 * norm + rest;
}

att_status att_check_parameters(att_context *ctx, const char *name, const att_config *config) {
  return att_check_parameter_count(ctx, name, count_parameters(config));
}

att_status att_check_parameter_count(att_context *ctx, const char *name, int64_t parameters) {
  if (parameters <= ATT_MOST_PARAMETERS) return ATT_OK;
  return att_fail(ctx, ATT_UNSUPPORTED,
                  "%s: the model would have %" PRId64 " parameters, more than the %" PRId64 " that attend holds", name,
                  parameters, ATT_MOST_PARAMETERS);
}

static att_status check_ropes(att_context *ctx, const char *name, const att_config *c) {
  int64_t heads = c->kind == ATT_ENCODER ? c->encoder_attention_heads : c->decoder_attention_heads;
  int64_t size = c->head_size ? c->head_size : c->d_model / heads;
  ATT_TRY(att_check_rope(ctx, name, &c->rope, size));
  return c->local_rope.base > 0 ? att_check_rope(ctx, name, &c->local_rope, size) : ATT_OK;
}

static att_status check_positions(att_context *ctx, const char *name, const char *key, const att_config *c) {
  if (c->position == ATT_ROTARY) ATT_TRY(check_ropes(ctx, name, c));
  if (c->position == ATT_SINUSOIDAL && c->d_model % 2 != 0) {
    return att_fail(ctx, ATT_FORMAT, "%s: %s is %" PRId64 ", not an even number, which sinusoidal positions need", name,
                    key, c->d_model);
  }
  if (c->position != ATT_RELATIVE) return ATT_OK;
  bool good = c->relative_buckets >= 4 && c->relative_buckets % 2 == 0 && c->relative_distance >= c->relative_buckets &&
              c->relative_distance <= ATT_LARGEST_SIZE;
  if (good) return ATT_OK;
  return att_fail(ctx, ATT_FORMAT,
                  "%s: %" PRId64 " relative_attention_num_buckets cannot cover %" PRId64
                  " of relative_attention_max_distance",
                  name, c->relative_buckets, c->relative_distance);
}

att_status att_check_transformer(att_context *ctx, const char *name, const char *key, att_kind kind,
                                 const att_config *config) {
  if (config->kind != kind) {
    return att_fail(ctx, ATT_ARGUMENT, "%s: a %s model is of another kind", name, att_family_type(config->family));
  }
  if (kind != ATT_DECODER) ATT_TRY(att_check_heads(ctx, name, key, config->encoder_attention_heads, config));
  if (kind != ATT_ENCODER) ATT_TRY(att_check_heads(ctx, name, key, config->decoder_attention_heads, config));
  ATT_TRY(check_positions(ctx, name, key, config));
  return att_check_parameters(ctx, name, config);
}
