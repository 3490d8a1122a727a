/*
 * Owns the settings of a model folder: config.json and generation_config.json in, those and tokenizer_config.json out.
 * Refuses by name what attend's encoder-decoder does not know, and sizes that cannot be a model. See model.h.
 *
 * A key that is missing has the default of the Hugging Face class of its model_type (configuration_marian.py,
 * configuration_m2m_100.py); those two differ. Learned positions cannot be said in either type: such a model has the
 * model_type "attend", where "normalize_before" says the family and "position_embedding_type" the positions.
 */
#include "formats/file.h"
#include "formats/json.h"
#include "models/model.h"

#include <inttypes.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define ATT_LARGEST_SIZE       ((int64_t)1 << 20) /* of one dimension */
#define ATT_MOST_LAYERS        1024
#define ATT_LARGEST_HEAD       256 /* the attention kernels' limit */
#define ATT_MOST_PARAMETERS    ((int64_t)1 << 36)
#define ATT_MOST_BEAMS         1000
#define ATT_DEFAULT_BEAMS      1 /* generate's */
#define ATT_LAYER_NORM_EPSILON 1e-5f

static const char *const family_types[] = {[ATT_MARIAN] = "marian", [ATT_M2M_100] = "m2m_100"};
static const char *const architectures[] = {
    [ATT_MARIAN] = "MarianMTModel", [ATT_M2M_100] = "M2M100ForConditionalGeneration"};
static const char *const own_type = "attend";
static const char *const activation_names[] = {[ATT_RELU] = "relu", [ATT_GELU] = "gelu", [ATT_SILU] = "silu"};
static const char *const position_names[] = {[ATT_SINUSOIDAL] = "sinusoidal", [ATT_LEARNED] = "learned"};

static const att_config class_defaults[] = {
    [ATT_MARIAN] = {.family = ATT_MARIAN,
                    .activation = ATT_GELU,
                    .d_model = 1024,
                    .vocab_size = 58101,
                    .max_position_embeddings = 1024,
                    .encoder_layers = 12,
                    .decoder_layers = 12,
                    .encoder_attention_heads = 16,
                    .decoder_attention_heads = 16,
                    .encoder_ffn_dim = 4096,
                    .decoder_ffn_dim = 4096,
                    .tie_word_embeddings = true,
                    .dropout = 0.1f,
                    .layer_norm_epsilon = ATT_LAYER_NORM_EPSILON,
                    .pad = 58100,
                    .bos = -1,
                    .eos = 0,
                    .decoder_start = 58100,
                    .num_beams = ATT_DEFAULT_BEAMS,
                    .length_penalty = 1,
                    .forced_bos = -1},
    [ATT_M2M_100] = {.family = ATT_M2M_100,
                     .activation = ATT_RELU,
                     .d_model = 1024,
                     .vocab_size = 128112,
                     .max_position_embeddings = 1024,
                     .encoder_layers = 12,
                     .decoder_layers = 12,
                     .encoder_attention_heads = 16,
                     .decoder_attention_heads = 16,
                     .encoder_ffn_dim = 4096,
                     .decoder_ffn_dim = 4096,
                     .tie_word_embeddings = true,
                     .scale_embedding = true,
                     .dropout = 0.1f,
                     .layer_norm_epsilon = ATT_LAYER_NORM_EPSILON,
                     .pad = 1,
                     .bos = 0,
                     .eos = 2,
                     .decoder_start = 2,
                     .num_beams = ATT_DEFAULT_BEAMS,
                     .length_penalty = 1,
                     .forced_bos = -1},
};

/* The whole numbers of config.json that are sizes: read, checked and written from this list. */
static const struct {
  const char *key;
  size_t offset;
  int64_t most;
} sizes[] = {
    {"vocab_size", offsetof(att_config, vocab_size), ATT_LARGEST_SIZE},
    {"d_model", offsetof(att_config, d_model), ATT_LARGEST_SIZE},
    {"encoder_layers", offsetof(att_config, encoder_layers), ATT_MOST_LAYERS},
    {"decoder_layers", offsetof(att_config, decoder_layers), ATT_MOST_LAYERS},
    {"encoder_attention_heads", offsetof(att_config, encoder_attention_heads), ATT_LARGEST_SIZE},
    {"decoder_attention_heads", offsetof(att_config, decoder_attention_heads), ATT_LARGEST_SIZE},
    {"encoder_ffn_dim", offsetof(att_config, encoder_ffn_dim), ATT_LARGEST_SIZE},
    {"decoder_ffn_dim", offsetof(att_config, decoder_ffn_dim), ATT_LARGEST_SIZE},
    {"max_position_embeddings", offsetof(att_config, max_position_embeddings), ATT_LARGEST_SIZE},
};

/* The marks. `kept`: generation_config.json may not say another, for training and decoding must agree. */
static const struct {
  const char *key;
  size_t offset;
  bool optional, kept;
} marks[] = {
    {"pad_token_id", offsetof(att_config, pad), false, true},
    {"bos_token_id", offsetof(att_config, bos), true, false},
    {"eos_token_id", offsetof(att_config, eos), false, true},
    {"decoder_start_token_id", offsetof(att_config, decoder_start), false, true},
    {"forced_bos_token_id", offsetof(att_config, forced_bos), true, false},
};

#define ATT_COUNT(list) (sizeof(list) / sizeof *(list))

static int64_t *size_at(att_config *config, size_t i) { return (int64_t *)(void *)((char *)config + sizes[i].offset); }
static int32_t *mark_at(att_config *config, size_t i) { return (int32_t *)(void *)((char *)config + marks[i].offset); }

/* ---- reading -------------------------------------------------------------------------------------------------- */

/* One file being read; name is its path, for messages. */
typedef struct att_settings {
  att_context *ctx;
  const char *name;
  json_t *root;
} att_settings;

static att_status read_text(const att_settings *in, const char *key, const char **out) {
  return att_json_string(in->ctx, in->name, in->root, key, false, out);
}

static att_status read_type(const att_settings *in, att_config *out) {
  const char *type = NULL, *position = NULL;
  ATT_TRY(att_json_string(in->ctx, in->name, in->root, "model_type", true, &type));
  for (size_t i = 0; i < ATT_COUNT(family_types); i++) {
    if (strcmp(type, family_types[i]) == 0) {
      *out = class_defaults[i];
      return ATT_OK;
    }
  }
  if (strcmp(type, own_type) != 0) {
    return att_fail(in->ctx, ATT_UNSUPPORTED, "%s: model_type is \"%.60s\"; attend knows marian and m2m_100", in->name,
                    type);
  }
  bool before;
  ATT_TRY(att_json_bool(in->ctx, in->name, in->root, "normalize_before", true, &before));
  ATT_TRY(att_json_string(in->ctx, in->name, in->root, "position_embedding_type", true, &position));
  *out = class_defaults[before ? ATT_M2M_100 : ATT_MARIAN];
  for (size_t i = 0; i < ATT_COUNT(position_names); i++) {
    out->position = (att_position)i;
    if (strcmp(position, position_names[i]) == 0) return ATT_OK;
  }
  return att_fail(in->ctx, ATT_UNSUPPORTED,
                  "%s: position_embedding_type is \"%.60s\"; attend knows learned and sinusoidal", in->name, position);
}

/* Switches of these families and their ancestors that attend knows in one position only. */
static att_status refuse_switches(const att_settings *in, att_family family) {
  bool before = family == ATT_M2M_100;
  const struct {
    const char *key;
    bool known;
  } switches[] = {
      {"is_encoder_decoder", true},
      {"normalize_before", before},
      {"add_final_layer_norm", before},
      {"normalize_embedding", false},
      {"static_position_embeddings", true},
      {"add_bias_logits", false},
      {"is_decoder", false},
      {"share_encoder_decoder_embeddings", true},
  };
  for (size_t i = 0; i < ATT_COUNT(switches); i++) {
    bool value = switches[i].known;
    ATT_TRY(att_json_bool(in->ctx, in->name, in->root, switches[i].key, false, &value));
    if (value != switches[i].known) {
      return att_fail(in->ctx, ATT_UNSUPPORTED, "%s: %s is %s; attend knows only %s models with %s", in->name,
                      switches[i].key, value ? "true" : "false", family_types[family], value ? "false" : "true");
    }
  }
  const json_t *quantised = json_object_get(in->root, "quantization_config");
  if (!quantised || json_is_null(quantised)) return ATT_OK;
  return att_fail(in->ctx, ATT_UNSUPPORTED, "%s: has a quantization_config, which attend does not know", in->name);
}

static att_status read_activation(const att_settings *in, att_config *out) {
  const char *name = activation_names[out->activation];
  ATT_TRY(read_text(in, "activation_function", &name));
  if (strcmp(name, "swish") == 0) name = "silu"; /* two names of one function */
  for (size_t i = 0; i < ATT_COUNT(activation_names); i++) {
    out->activation = (att_activation)i;
    if (strcmp(name, activation_names[i]) == 0) return ATT_OK;
  }
  return att_fail(in->ctx, ATT_UNSUPPORTED, "%s: activation_function is \"%.60s\"; attend knows relu, gelu and silu",
                  in->name, name);
}

/* "torch_dtype" is the older name. */
static att_status read_storage(const att_settings *in, att_config *out) {
  const char *name = att_type_name(ATT_F32);
  ATT_TRY(read_text(in, "torch_dtype", &name));
  ATT_TRY(read_text(in, "dtype", &name));
  for (int i = 0; i < ATT_TYPE_COUNT; i++) {
    out->storage = (att_type)i;
    if (strcmp(name, att_type_name(out->storage)) == 0) return ATT_OK;
  }
  return att_fail(in->ctx, ATT_UNSUPPORTED, "%s: dtype is \"%.60s\"; attend knows float32, float16 and bfloat16",
                  in->name, name);
}

static att_status read_sizes(const att_settings *in, att_config *out) {
  for (size_t i = 0; i < ATT_COUNT(sizes); i++) {
    ATT_TRY(att_json_int(in->ctx, in->name, in->root, sizes[i].key, false, 1, sizes[i].most, size_at(out, i)));
  }
  int64_t decoder_vocab = out->vocab_size;
  ATT_TRY(att_json_int(in->ctx, in->name, in->root, "decoder_vocab_size", false, 1, ATT_LARGEST_SIZE, &decoder_vocab));
  if (decoder_vocab == out->vocab_size) return ATT_OK;
  return att_fail(in->ctx, ATT_UNSUPPORTED,
                  "%s: decoder_vocab_size is %" PRId64 " and vocab_size %" PRId64 "; attend knows one vocabulary",
                  in->name, decoder_vocab, out->vocab_size);
}

/* Some files list the end marks; a list of one is that one. */
static att_status read_mark(const att_settings *in, const char *key, int32_t *mark) {
  int64_t value = *mark;
  const json_t *list = json_object_get(in->root, key);
  if (json_array_size(list) > 1) {
    return att_fail(in->ctx, ATT_UNSUPPORTED, "%s: %s lists several tokens; attend knows one", in->name, key);
  }
  const json_t *only = json_array_get(list, 0);
  if (json_is_integer(only) && json_integer_value(only) >= 0 && json_integer_value(only) <= INT32_MAX) {
    value = json_integer_value(only);
  } else {
    ATT_TRY(att_json_int(in->ctx, in->name, in->root, key, false, 0, INT32_MAX, &value));
  }
  *mark = (int32_t)value;
  return ATT_OK;
}

static att_status read_model(const att_settings *in, att_config *out) {
  if (!json_is_object(in->root)) return att_fail(in->ctx, ATT_FORMAT, "%s: is not a JSON object", in->name);
  ATT_TRY(read_type(in, out));
  ATT_TRY(refuse_switches(in, out->family));
  ATT_TRY(read_sizes(in, out));
  ATT_TRY(read_activation(in, out));
  ATT_TRY(read_storage(in, out));
  ATT_TRY(att_json_bool(in->ctx, in->name, in->root, "tie_word_embeddings", false, &out->tie_word_embeddings));
  ATT_TRY(att_json_bool(in->ctx, in->name, in->root, "scale_embedding", false, &out->scale_embedding));
  double dropout = (double)out->dropout;
  ATT_TRY(att_json_number(in->ctx, in->name, in->root, "dropout", false, &dropout));
  out->dropout = (float)dropout;
  for (size_t i = 0; i < ATT_COUNT(marks); i++) ATT_TRY(read_mark(in, marks[i].key, mark_at(out, i)));
  return ATT_OK;
}

/* What generate would do beside what attend does: said, not refused, for the model is the same. (forced_eos_token_id
 * speaks only at max_length, where attend ends a hypothesis too.) */
static void warn_of_generation(const att_settings *in) {
  static const struct {
    const char *key;
    double neutral;
  } ignored[] = {{"do_sample", 0},          {"renormalize_logits", 0}, {"no_repeat_ngram_size", 0},
                 {"repetition_penalty", 1}, {"min_length", 0},         {"encoder_no_repeat_ngram_size", 0},
                 {"diversity_penalty", 0},  {"num_beam_groups", 1},    {"encoder_repetition_penalty", 1},
                 {"min_new_tokens", 0},     {"max_new_tokens", 0},     {"exponential_decay_length_penalty", 0},
                 {"suppress_tokens", 0},    {"sequence_bias", 0},      {"begin_suppress_tokens", 0},
                 {"guidance_scale", 1}};
  for (size_t i = 0; i < ATT_COUNT(ignored); i++) {
    const json_t *value = json_object_get(in->root, ignored[i].key);
    if (!value || json_is_null(value) || json_is_false(value)) continue;
    if (json_is_number(value) && json_number_value(value) == ignored[i].neutral) continue;
    att_log(in->ctx, ATT_LOG_WARNING, "%s: %s is not applied", in->name, ignored[i].key);
  }
}

static att_status read_generation(const att_settings *in, att_config *out) {
  if (!json_is_object(in->root)) return att_fail(in->ctx, ATT_FORMAT, "%s: is not a JSON object", in->name);
  out->forced_bos = -1; /* config.json's, where this is another file, is not generate's */
  for (size_t i = 0; i < ATT_COUNT(marks); i++) {
    int32_t mark = *mark_at(out, i);
    ATT_TRY(read_mark(in, marks[i].key, &mark));
    if (marks[i].kept && mark != *mark_at(out, i)) {
      return att_fail(in->ctx, ATT_UNSUPPORTED, "%s: %s is %" PRId32 ", but %" PRId32 " in config.json", in->name,
                      marks[i].key, mark, *mark_at(out, i));
    }
    if (mark_at(out, i) == &out->forced_bos) out->forced_bos = mark;
  }
  int64_t beams = out->num_beams, length = out->max_position_embeddings;
  ATT_TRY(att_json_int(in->ctx, in->name, in->root, "num_beams", false, 1, ATT_MOST_BEAMS, &beams));
  ATT_TRY(att_json_int(in->ctx, in->name, in->root, "max_length", false, 1, INT32_MAX, &length));
  ATT_TRY(att_json_number(in->ctx, in->name, in->root, "length_penalty", false, &out->length_penalty));
  ATT_TRY(att_json_bool(in->ctx, in->name, in->root, "early_stopping", false, &out->early_stopping));
  out->num_beams = (int)beams;
  out->max_length = (int)(length < out->max_position_embeddings ? length : out->max_position_embeddings);
  warn_of_generation(in);
  return ATT_OK;
}

/* Older folders keep the generation settings in config.json. */
static att_status read_folder(att_settings *model, att_settings *generation, att_config *out) {
  ATT_TRY(att_json_open(model->ctx, model->name, &model->root));
  ATT_TRY(read_model(model, out));
  if (att_file_exists(generation->name)) {
    ATT_TRY(att_json_open(generation->ctx, generation->name, &generation->root));
    ATT_TRY(read_generation(generation, out));
  } else {
    ATT_TRY(read_generation(model, out));
  }
  return att_config_check(model->ctx, model->name, out);
}

att_status att_config_read(att_context *ctx, const char *folder, att_config *out) {
  memset(out, 0, sizeof *out);
  char *model_path = att_path(ctx, folder, "config.json");
  char *generation_path = model_path ? att_path(ctx, folder, "generation_config.json") : NULL;
  att_settings model = {ctx, model_path, NULL}, generation = {ctx, generation_path, NULL};
  att_status status = generation_path ? read_folder(&model, &generation, out) : ATT_MEMORY;
  json_decref(model.root);
  json_decref(generation.root);
  att_free(ctx, model_path);
  att_free(ctx, generation_path);
  return status;
}

/* ---- checking ------------------------------------------------------------------------------------------------- */

static att_status check_heads(att_context *ctx, const char *name, int64_t width, int64_t heads) {
  if (width % heads != 0) {
    return att_fail(ctx, ATT_FORMAT, "%s: d_model is %" PRId64 ", not a multiple of %" PRId64 " heads", name, width,
                    heads);
  }
  if (width / heads > ATT_LARGEST_HEAD) {
    return att_fail(ctx, ATT_UNSUPPORTED, "%s: a head has %" PRId64 " of d_model, more than the %d that attend knows",
                    name, width / heads, ATT_LARGEST_HEAD);
  }
  return ATT_OK;
}

/* Every factor is bounded by then, so that nothing overflows: the largest term is 2^10 layers of 2^44. */
static int64_t count_parameters(const att_config *config) {
  int64_t width = config->d_model, attention = 4 * width * (width + 1), norm = 2 * width;
  int64_t embeddings = config->vocab_size * width * (config->tie_word_embeddings ? 1 : 4) + config->vocab_size;
  int64_t positions = 2 * (config->max_position_embeddings + config->pad + 1) * width;
  int64_t encoder = attention + (2 * width + 1) * config->encoder_ffn_dim + width + 2 * norm;
  int64_t decoder = 2 * attention + (2 * width + 1) * config->decoder_ffn_dim + width + 3 * norm;
  return embeddings + positions + config->encoder_layers * encoder + config->decoder_layers * decoder + 2 * norm;
}

static att_status check_sizes(att_context *ctx, const char *name, att_config *config) {
  for (size_t i = 0; i < ATT_COUNT(sizes); i++) {
    int64_t size = *size_at(config, i);
    if (size >= 1 && size <= sizes[i].most) continue;
    return att_fail(ctx, ATT_FORMAT, "%s: %s is %" PRId64 ", not a whole number from 1 to %" PRId64, name, sizes[i].key,
                    size, sizes[i].most);
  }
  ATT_TRY(check_heads(ctx, name, config->d_model, config->encoder_attention_heads));
  ATT_TRY(check_heads(ctx, name, config->d_model, config->decoder_attention_heads));
  if (config->d_model % 2 != 0 || config->d_model < 4) { /* m2m_100 divides by half of it less one */
    return att_fail(ctx, ATT_FORMAT, "%s: d_model is %" PRId64 ", not an even number from 4", name, config->d_model);
  }
  int64_t parameters = count_parameters(config);
  if (parameters <= ATT_MOST_PARAMETERS) return ATT_OK;
  return att_fail(ctx, ATT_UNSUPPORTED,
                  "%s: the model would have %" PRId64 " parameters, more than the %" PRId64 " that attend holds", name,
                  parameters, ATT_MOST_PARAMETERS);
}

static att_status check_marks(att_context *ctx, const char *name, att_config *config) {
  for (size_t i = 0; i < ATT_COUNT(marks); i++) {
    int32_t mark = *mark_at(config, i);
    if ((mark >= 0 && mark < config->vocab_size) || (mark == -1 && marks[i].optional)) continue;
    return att_fail(ctx, ATT_FORMAT, "%s: %s is %" PRId32 ", not one of the %" PRId64 " tokens", name, marks[i].key,
                    mark, config->vocab_size);
  }
  if (config->eos != config->pad) return ATT_OK;
  return att_fail(ctx, ATT_FORMAT, "%s: eos_token_id and pad_token_id are both %" PRId32, name, config->pad);
}

static att_status check_numbers(att_context *ctx, const char *name, const att_config *config) {
  if (!(config->dropout >= 0 && config->dropout < 1)) {
    return att_fail(ctx, ATT_FORMAT, "%s: dropout is %g, not from 0 to below 1", name, (double)config->dropout);
  }
  if (!(config->layer_norm_epsilon > 0 && config->layer_norm_epsilon < 1)) {
    return att_fail(ctx, ATT_ARGUMENT, "%s: the norms' epsilon is %g, not between 0 and 1", name,
                    (double)config->layer_norm_epsilon);
  }
  if (!isfinite(config->length_penalty) || fabs(config->length_penalty) > 100) {
    return att_fail(ctx, ATT_FORMAT, "%s: length_penalty is %g, not from -100 to 100", name, config->length_penalty);
  }
  if (config->num_beams < 1 || config->num_beams > ATT_MOST_BEAMS) {
    return att_fail(ctx, ATT_FORMAT, "%s: num_beams is %d, not from 1 to %d", name, config->num_beams, ATT_MOST_BEAMS);
  }
  if (config->max_length < 1 || config->max_length > config->max_position_embeddings) {
    return att_fail(ctx, ATT_FORMAT, "%s: max_length is %d, not from 1 to the %" PRId64 " positions", name,
                    config->max_length, config->max_position_embeddings);
  }
  return ATT_OK;
}

att_status att_config_check(att_context *ctx, const char *name, const att_config *config) {
  att_config copy = *config; /* the lists above give addresses that one may write to */
  if ((unsigned)copy.family >= ATT_COUNT(family_types) || (unsigned)copy.position >= ATT_COUNT(position_names) ||
      (unsigned)copy.activation >= ATT_COUNT(activation_names) || (unsigned)copy.storage >= ATT_TYPE_COUNT) {
    return att_fail(ctx, ATT_ARGUMENT, "%s: family, position, activation or storage is none that there is", name);
  }
  ATT_TRY(check_sizes(ctx, name, &copy));
  ATT_TRY(check_marks(ctx, name, &copy));
  return check_numbers(ctx, name, &copy);
}

/* ---- writing -------------------------------------------------------------------------------------------------- */

/* A JSON object as it grows. The first failure stays, so that a list of keys reads as one. */
typedef struct att_object {
  att_context *ctx;
  att_buffer text;
  att_status status;
} att_object;

/* value: JSON text */
static void put(att_object *out, const char *key, const char *value) {
  if (out->status) return;
  const char *before = out->text.size > 0 ? ",\n  " : "{\n  ";
  out->status = att_buffer_print(out->ctx, &out->text, "%s\"%s\": %s", before, key, value);
}

static void put_bool(att_object *out, const char *key, bool value) { put(out, key, value ? "true" : "false"); }

static void put_int(att_object *out, const char *key, int64_t value) {
  char text[32];
  snprintf(text, sizeof text, "%" PRId64, value);
  put(out, key, text);
}

static void put_mark(att_object *out, const char *key, int32_t mark) {
  if (mark < 0) {
    put(out, key, "null");
  } else {
    put_int(out, key, mark);
  }
}

static void put_text(att_object *out, const char *key, const char *value) {
  put(out, key, "");
  if (!out->status) out->status = att_json_put_string(out->ctx, &out->text, value, strlen(value));
}

/* single: the fewest digits that give the float32 back. Python tells 1 from 1.0, and Transformers checks. */
static void put_real(att_object *out, const char *key, double value, bool single) {
  put(out, key, "");
  if (out->status) return;
  size_t start = out->text.size;
  out->status = single ? att_json_put_float(out->ctx, &out->text, (float)value)
                       : att_json_put_number(out->ctx, &out->text, value);
  if (!out->status && !strpbrk(out->text.data + start, ".en")) {
    out->status = att_buffer_append(out->ctx, &out->text, ".0", 2);
  }
}

/* Closes the object and writes it to folder/name; frees its text, whatever the outcome. */
static att_status finish(att_object *out, const char *folder, const char *name) {
  if (!out->status) out->status = att_buffer_append(out->ctx, &out->text, "\n}\n", 3);
  char *path = out->status ? NULL : att_path(out->ctx, folder, name);
  if (!out->status && !path) out->status = ATT_MEMORY;
  if (!out->status) out->status = att_write_file(out->ctx, path, out->text.data, out->text.size);
  att_free(out->ctx, path);
  att_buffer_free(out->ctx, &out->text);
  return out->status;
}

/* What says which class reads the folder. Transformers knows no learned positions in these families. */
static void put_family(att_object *out, const att_config *config) {
  if (config->position == ATT_SINUSOIDAL) {
    char list[64];
    snprintf(list, sizeof list, "[\"%s\"]", architectures[config->family]);
    put(out, "architectures", list);
    put_text(out, "model_type", family_types[config->family]);
  } else {
    put_text(out, "model_type", own_type);
    put_bool(out, "normalize_before", config->family == ATT_M2M_100);
    put_text(out, "position_embedding_type", position_names[config->position]);
  }
}

/* Every key of the classes, for their defaults differ and bite. */
static att_status write_model(att_context *ctx, const char *folder, const att_config *config) {
  att_object out = {.ctx = ctx};
  att_config copy = *config; /* as in att_config_check */
  put_family(&out, config);
  put_text(&out, "dtype", att_type_name(config->storage));
  put_text(&out, "torch_dtype", att_type_name(config->storage)); /* for Transformers 4 */
  for (size_t i = 0; i < ATT_COUNT(sizes); i++) put_int(&out, sizes[i].key, *size_at(&copy, i));
  if (config->family == ATT_MARIAN) put_int(&out, "decoder_vocab_size", config->vocab_size);
  put_text(&out, "activation_function", activation_names[config->activation]);
  put_bool(&out, "tie_word_embeddings", config->tie_word_embeddings);
  if (config->family == ATT_MARIAN) put_bool(&out, "share_encoder_decoder_embeddings", true);
  put_bool(&out, "scale_embedding", config->scale_embedding);
  put_real(&out, "dropout", (double)config->dropout, true);
  put_real(&out, "attention_dropout", 0, false);
  put_real(&out, "activation_dropout", 0, false);
  put_real(&out, "encoder_layerdrop", 0, false);
  put_real(&out, "decoder_layerdrop", 0, false);
  put_real(&out, "init_std", 0.02, false);
  for (size_t i = 0; i < ATT_COUNT(marks); i++) {
    if (mark_at(&copy, i) != &copy.forced_bos) put_mark(&out, marks[i].key, *mark_at(&copy, i));
  }
  put(&out, "forced_eos_token_id", "null"); /* marian's class would say 0 */
  put_bool(&out, "is_encoder_decoder", true);
  put_bool(&out, "use_cache", true);
  return finish(&out, folder, "config.json");
}

/* generate stops after 20 tokens where no max_length is said. */
static att_status write_generation(att_context *ctx, const char *folder, const att_config *config) {
  att_object out = {.ctx = ctx};
  att_config copy = *config;
  for (size_t i = 0; i < ATT_COUNT(marks); i++) {
    int32_t mark = *mark_at(&copy, i);
    if (mark >= 0) put_int(&out, marks[i].key, mark);
  }
  if (config->family == ATT_MARIAN) { /* there the pad is the start token and a row of zeros: never a word */
    char list[32];
    snprintf(list, sizeof list, "[[%" PRId32 "]]", config->pad);
    put(&out, "bad_words_ids", list);
  }
  put_int(&out, "max_length", config->max_length);
  put_int(&out, "num_beams", config->num_beams);
  put_real(&out, "length_penalty", config->length_penalty, false);
  put_bool(&out, "early_stopping", config->early_stopping);
  return finish(&out, folder, "generation_config.json");
}

/* Without the class Transformers 5 looks for a SentencePiece tokenizer; without a bos CTranslate2 fails. */
static att_status write_tokenizer(att_context *ctx, const char *folder, const att_config *config,
                                  const att_tokenizer *tokenizer) {
  const struct {
    const char *key, *token;
  } names[] = {
      {"pad_token", att_tokenizer_token(tokenizer, config->pad)},
      {"bos_token", att_tokenizer_token(tokenizer, config->bos >= 0 ? config->bos : config->eos)},
      {"eos_token", att_tokenizer_token(tokenizer, config->eos)},
      {"unk_token", att_tokenizer_id(tokenizer, "<unk>") >= 0 ? "<unk>" : NULL},
  };
  att_object out = {.ctx = ctx};
  put_text(&out, "tokenizer_class", "PreTrainedTokenizerFast");
  for (size_t i = 0; i < ATT_COUNT(names); i++) {
    if (names[i].token) put_text(&out, names[i].key, names[i].token);
  }
  put_int(&out, "model_max_length", config->max_position_embeddings);
  put_bool(&out, "clean_up_tokenization_spaces", false);
  return finish(&out, folder, "tokenizer_config.json");
}

att_status att_config_write(att_context *ctx, const char *folder, const att_config *config,
                            const att_tokenizer *tokenizer) {
  ATT_TRY(att_config_check(ctx, folder, config));
  if (tokenizer) ATT_TRY(write_tokenizer(ctx, folder, config, tokenizer));
  ATT_TRY(write_generation(ctx, folder, config));
  return write_model(ctx, folder, config);
}
