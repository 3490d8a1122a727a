/*
 * Owns the settings of a model folder: config.json and generation_config.json in, those and tokenizer_config.json out.
 * Each family reads, checks and writes its own keys of config.json (family.h); what all share is here. Refuses by name
 * what attend does not know, and sizes that cannot be a model. See model.h.
 *
 * A key that is missing has the default of the Hugging Face class of its model_type. What no class can say (a gpt2
 * with rotary positions) has the model_type "attend": "attend_family" says whose keys and names it has, and beside them
 * stand positions, norms and heads. Folders from before that key have "normalize_before" in its place.
 */
#include "formats/file.h"
#include "models/family.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define ATT_MOST_BEAMS    1000
#define ATT_DEFAULT_BEAMS 1 /* generate's */
#define ATT_MOST_LABELS   ((int64_t)1 << 16)

static const char *const own_type = "attend";
static const char *const head_names[ATT_HEAD_COUNT] = {"tokens", "classes", "labels", "values", "none"};
static const char *const norm_names[] = {[ATT_NORM_LAYER] = "layer", [ATT_NORM_RMS] = "rms"};
static const char *const order_names[] = {"after", "before"};
static const char *const problem_types[ATT_HEAD_COUNT] = {[ATT_HEAD_CLASSES] = "single_label_classification",
                                                          [ATT_HEAD_LABELS] = "multi_label_classification",
                                                          [ATT_HEAD_VALUES] = "regression"};

static const char *architecture_of(const att_config *config) {
  const att_family_calls *calls = att_family_get(config->family);
  return calls && calls->architecture ? calls->architecture(config) : NULL;
}

/* The types of attend's own families need no other name. */
const char *att_config_type(const att_config *config) {
  const char *type = att_family_type(config->family);
  bool own = strncmp(type, own_type, strlen(own_type)) == 0;
  return own || architecture_of(config) ? type : own_type;
}

static bool has_labels(const att_config *config) { return problem_types[config->head] != NULL; }

/* ---- reading: what a model is --------------------------------------------------------------------------------- */

static att_status find_choice(const att_settings *in, const char *key, const char *text, const char *const *names,
                              size_t count, size_t *out) {
  for (*out = 0; *out < count; ++*out) {
    if (names[*out] && strcmp(text, names[*out]) == 0) return ATT_OK;
  }
  return att_fail(in->ctx, ATT_UNSUPPORTED, "%s: %s is \"%.60s\", which attend does not know", in->name, key, text);
}

/* out stays where the key is absent. */
static att_status read_choice(const att_settings *in, const char *key, const char *const *names, size_t count,
                              size_t *out) {
  const char *text = NULL;
  ATT_TRY(att_read_string(in, key, &text));
  return text ? find_choice(in, key, text, names, count, out) : ATT_OK;
}

static att_status find_family(const att_settings *in, const char *key, const char *type, att_family *out) {
  for (int i = 0; i < ATT_FAMILY_COUNT; i++) {
    *out = (att_family)i;
    if (att_family_get(*out) && strcmp(type, att_family_type(*out)) == 0) return ATT_OK;
  }
  return att_fail(in->ctx, ATT_UNSUPPORTED,
                  "%s: %s is \"%.60s\"; attend knows marian, m2m_100, gpt2, llama, bert, attend-rnn and attend-ffn",
                  in->name, key, type);
}

static att_status read_family(const att_settings *in, bool *own, att_family *out) {
  const char *type = NULL, *family = NULL;
  ATT_TRY(att_json_string(in->ctx, in->name, in->root, "model_type", true, &type));
  *own = strcmp(type, own_type) == 0;
  if (!*own) return find_family(in, "model_type", type, out);
  ATT_TRY(att_read_string(in, "attend_family", &family));
  if (family) return find_family(in, "attend_family", family, out);
  bool before;
  ATT_TRY(att_json_bool(in->ctx, in->name, in->root, "normalize_before", true, &before));
  *out = before ? ATT_M2M_100 : ATT_MARIAN;
  return ATT_OK;
}

/* What the family's own keys cannot say. */
static att_status read_own(const att_settings *in, att_config *out) {
  const char *position = NULL;
  size_t norm = out->norm, before = out->norm_before, head = out->head;
  ATT_TRY(att_json_string(in->ctx, in->name, in->root, "position_embedding_type", true, &position));
  ATT_TRY(att_position_find(in->ctx, in->name, position, &out->position));
  out->relative_buckets = 32;
  out->relative_distance = 128;
  if (out->rope_theta <= 0) out->rope_theta = 10000;
  ATT_TRY(read_choice(in, "norm", norm_names, ATT_COUNT(norm_names), &norm));
  ATT_TRY(read_choice(in, "norm_order", order_names, ATT_COUNT(order_names), &before));
  ATT_TRY(read_choice(in, "attend_head", head_names, ATT_COUNT(head_names), &head));
  ATT_TRY(att_read_bool(in, "gated_feedforward", &out->gated));
  ATT_TRY(att_json_number(in->ctx, in->name, in->root, "rope_theta", false, &out->rope_theta));
  const struct {
    const char *key;
    int64_t *at;
  } sizes[] = {{"num_key_value_heads", &out->key_value_heads},
               {"relative_attention_num_buckets", &out->relative_buckets},
               {"relative_attention_max_distance", &out->relative_distance}};
  for (size_t i = 0; i < ATT_COUNT(sizes); i++) {
    ATT_TRY(att_json_int(in->ctx, in->name, in->root, sizes[i].key, false, 1, ATT_LARGEST_SIZE, sizes[i].at));
  }
  out->norm = (att_norm)norm;
  out->norm_before = before;
  out->head = (att_head)head;
  return ATT_OK;
}

static bool ends_with(const char *text, const char *end) {
  size_t size = strlen(text), tail = strlen(end);
  return size >= tail && memcmp(text + size - tail, end, tail) == 0;
}

/* The class that wrote the folder says what stands on top. */
static att_status read_head(const att_settings *in, att_config *out) {
  static const struct {
    const char *ending;
    att_head head;
  } heads[] = {{"ForSequenceClassification", ATT_HEAD_CLASSES},
               {"LMHeadModel", ATT_HEAD_TOKENS},
               {"ForCausalLM", ATT_HEAD_TOKENS},
               {"ForMaskedLM", ATT_HEAD_TOKENS},
               {"ForPreTraining", ATT_HEAD_TOKENS},
               {"Model", ATT_HEAD_NONE}};
  const char *name = json_string_value(json_array_get(json_object_get(in->root, "architectures"), 0));
  if (!name || out->kind == ATT_ENCODER_DECODER) return ATT_OK;
  for (size_t i = 0; i < ATT_COUNT(heads); i++) {
    out->head = heads[i].head;
    if (ends_with(name, heads[i].ending)) return ATT_OK;
  }
  return att_fail(in->ctx, ATT_UNSUPPORTED, "%s: architectures is [\"%.60s\"], a head that attend does not know",
                  in->name, name);
}

/* "torch_dtype" is the older name. */
static att_status read_storage(const att_settings *in, att_config *out) {
  const char *name = att_type_name(ATT_F32);
  ATT_TRY(att_read_string(in, "torch_dtype", &name));
  ATT_TRY(att_read_string(in, "dtype", &name));
  if (att_type_find(name, &out->storage)) return ATT_OK;
  return att_fail(in->ctx, ATT_UNSUPPORTED, "%s: dtype is \"%.60s\"; attend knows float32, float16 and bfloat16",
                  in->name, name);
}

static att_status refuse_quantised(const att_settings *in) {
  const json_t *quantised = json_object_get(in->root, "quantization_config");
  if (!quantised || json_is_null(quantised)) return ATT_OK;
  return att_fail(in->ctx, ATT_UNSUPPORTED, "%s: has a quantization_config, which attend does not know", in->name);
}

/* ---- reading: labels ------------------------------------------------------------------------------------------ */

char **att_labels_copy(att_context *ctx, const char *const *labels, int64_t count) {
  size_t size = (size_t)count * sizeof(char *);
  for (int64_t i = 0; i < count; i++) size += strlen(labels[i]) + 1;
  char **out = att_alloc(ctx, size, 1);
  char *at = out ? (char *)(out + count) : NULL;
  for (int64_t i = 0; out && i < count; i++) {
    out[i] = at;
    at += strlen(strcpy(at, labels[i])) + 1;
  }
  return out;
}

/* What stands in the map for a number, or the name that Hugging Face gives. text: room for the latter. */
static const char *label_at(const json_t *map, int64_t i, char text[32]) {
  snprintf(text, 32, "%" PRId64, i);
  if (map) return json_string_value(json_object_get(map, text));
  snprintf(text, 32, "LABEL_%" PRId64, i);
  return text;
}

static att_status read_names(const att_settings *in, const json_t *map, int64_t count, att_config *out) {
  const char **names = ATT_NEW(in->ctx, count, const char *);
  char(*texts)[32] = att_alloc(in->ctx, (size_t)count, sizeof *texts);
  att_status status = names && texts ? ATT_OK : ATT_MEMORY;
  for (int64_t i = 0; !status && i < count; i++) {
    names[i] = label_at(map, i, texts[i]);
    if (!names[i]) {
      status = att_fail(in->ctx, ATT_FORMAT, "%s: id2label has no name for label %" PRId64, in->name, i);
    }
  }
  out->labels = status ? NULL : att_labels_copy(in->ctx, names, count);
  if (!status && !out->labels) status = ATT_MEMORY;
  out->label_count = status ? 0 : count;
  att_free(in->ctx, names);
  att_free(in->ctx, texts);
  return status;
}

/* Without a problem_type one label is a number to regress to, as in Transformers. */
static att_status read_labels(const att_settings *in, att_config *out) {
  if (!has_labels(out)) return ATT_OK;
  const json_t *map = json_object_get(in->root, "id2label");
  int64_t count = 2;
  size_t problem = out->head;
  if (json_is_null(map)) map = NULL;
  if (map && !json_is_object(map)) {
    return att_fail(in->ctx, ATT_FORMAT, "%s: id2label is not an object", in->name);
  }
  if (map) {
    count = (int64_t)json_object_size(map);
  } else {
    ATT_TRY(att_json_int(in->ctx, in->name, in->root, "num_labels", false, 1, ATT_MOST_LABELS, &count));
  }
  if (count < 1 || count > ATT_MOST_LABELS) {
    return att_fail(in->ctx, ATT_FORMAT, "%s: id2label has %" PRId64 " labels, not from 1 to %" PRId64, in->name, count,
                    ATT_MOST_LABELS);
  }
  if (out->head == ATT_HEAD_CLASSES && count == 1) problem = ATT_HEAD_VALUES;
  ATT_TRY(read_choice(in, "problem_type", problem_types, ATT_HEAD_COUNT, &problem));
  out->head = (att_head)problem;
  return read_names(in, map, count, out);
}

static att_status read_model(const att_settings *in, att_config *out) {
  if (!json_is_object(in->root)) return att_fail(in->ctx, ATT_FORMAT, "%s: is not a JSON object", in->name);
  bool own;
  ATT_TRY(read_family(in, &own, &out->family));
  ATT_TRY(att_family_get(out->family)->read(in, out));
  out->num_beams = ATT_DEFAULT_BEAMS;
  out->length_penalty = out->temperature = out->top_p = out->repetition_penalty = 1;
  out->mask = out->unk = -1;
  if (own) {
    ATT_TRY(read_own(in, out));
  } else {
    ATT_TRY(read_head(in, out));
  }
  ATT_TRY(refuse_quantised(in));
  ATT_TRY(read_storage(in, out));
  return read_labels(in, out);
}

/* ---- reading: generation -------------------------------------------------------------------------------------- */

/* What generate would do beside what attend does: said, not refused, for the model is the same. (forced_eos_token_id
 * speaks only at max_length, where attend ends a hypothesis too.) */
static void warn_of_generation(const att_settings *in, const att_config *config) {
  static const struct {
    const char *key;
    double neutral;
    bool decoders; /* those apply it */
  } ignored[] = {{"do_sample", 0, true},
                 {"repetition_penalty", 1, true},
                 {"renormalize_logits", 0, false},
                 {"no_repeat_ngram_size", 0, false},
                 {"min_length", 0, false},
                 {"encoder_no_repeat_ngram_size", 0, false},
                 {"diversity_penalty", 0, false},
                 {"num_beam_groups", 1, false},
                 {"encoder_repetition_penalty", 1, false},
                 {"min_new_tokens", 0, false},
                 {"max_new_tokens", 0, false},
                 {"exponential_decay_length_penalty", 0, false},
                 {"suppress_tokens", 0, false},
                 {"sequence_bias", 0, false},
                 {"begin_suppress_tokens", 0, false},
                 {"guidance_scale", 1, false}};
  for (size_t i = 0; i < ATT_COUNT(ignored); i++) {
    const json_t *value = json_object_get(in->root, ignored[i].key);
    if (!value || json_is_null(value) || json_is_false(value)) continue;
    if (json_is_number(value) && json_number_value(value) == ignored[i].neutral) continue;
    if (ignored[i].decoders && config->kind == ATT_DECODER) continue;
    att_log(in->ctx, ATT_LOG_WARNING, "%s: %s is not applied", in->name, ignored[i].key);
  }
}

/* A translator's special tokens may not be others than in config.json, for training and decoding must agree; a
 * decoder's are generate's. */
static att_status read_generation_specials(const att_settings *in, att_config *out) {
  out->forced_bos = -1; /* config.json's, where this is another file, is not generate's */
  for (int i = 0; i < ATT_SPECIALS; i++) {
    int32_t before = att_special_of(out, i), special = before;
    ATT_TRY(att_read_special(in, att_special_key(i), &special));
    bool free = out->kind != ATT_ENCODER_DECODER || att_special_at(out, i) == &out->forced_bos;
    if (free) *att_special_at(out, i) = special;
    if (free || special == before || att_special_at(out, i) == &out->bos) continue;
    return att_fail(in->ctx, ATT_UNSUPPORTED, "%s: %s is %" PRId32 ", but %" PRId32 " in config.json", in->name,
                    att_special_key(i), special, before);
  }
  return att_read_other_ends(in, out);
}

static att_status read_sampling(const att_settings *in, att_config *out) {
  int64_t top_k = 0;
  ATT_TRY(att_read_bool(in, "do_sample", &out->do_sample));
  ATT_TRY(att_json_int(in->ctx, in->name, in->root, "top_k", false, 0, INT32_MAX, &top_k));
  ATT_TRY(att_json_number(in->ctx, in->name, in->root, "temperature", false, &out->temperature));
  ATT_TRY(att_json_number(in->ctx, in->name, in->root, "top_p", false, &out->top_p));
  ATT_TRY(att_json_number(in->ctx, in->name, in->root, "min_p", false, &out->min_p));
  out->top_k = (int)top_k;
  return att_json_number(in->ctx, in->name, in->root, "repetition_penalty", false, &out->repetition_penalty);
}

static att_status read_generation(const att_settings *in, att_config *out) {
  if (!json_is_object(in->root)) return att_fail(in->ctx, ATT_FORMAT, "%s: is not a JSON object", in->name);
  ATT_TRY(read_generation_specials(in, out));
  ATT_TRY(read_sampling(in, out));
  int64_t beams = out->num_beams, length = out->max_position_embeddings;
  ATT_TRY(att_json_int(in->ctx, in->name, in->root, "num_beams", false, 1, ATT_MOST_BEAMS, &beams));
  ATT_TRY(att_json_int(in->ctx, in->name, in->root, "max_length", false, 1, INT32_MAX, &length));
  ATT_TRY(att_json_number(in->ctx, in->name, in->root, "length_penalty", false, &out->length_penalty));
  ATT_TRY(att_json_bool(in->ctx, in->name, in->root, "early_stopping", false, &out->early_stopping));
  out->num_beams = (int)beams;
  out->max_length = (int)(length < out->max_position_embeddings ? length : out->max_position_embeddings);
  warn_of_generation(in, out);
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

/* Only where texts are truncated does it count: what is wrong with it is said, and stops nothing. Transformers writes
 * 1e30 where there is no bound. */
static att_status read_length(att_context *ctx, const char *path, att_config *out) {
  json_t *root = NULL;
  double length = 0;
  att_status status = att_json_open_reals(ctx, path, &root);
  if (!status) status = att_json_number(ctx, path, root, "max_len", false, &length); /* as it was called once */
  if (!status) status = att_json_number(ctx, path, root, "model_max_length", false, &length);
  if (!status && length >= 1 && length <= INT32_MAX) out->model_max_length = (int64_t)length;
  json_decref(root);
  if (!status || status == ATT_MEMORY) return status;
  att_log(ctx, ATT_LOG_WARNING, "%s", att_message(ctx));
  return ATT_OK;
}

static att_status read_tokenizer_length(att_context *ctx, const char *folder, att_config *out) {
  char *path = att_path(ctx, folder, "tokenizer_config.json");
  if (!path) return ATT_MEMORY;
  att_status status = att_file_exists(path) ? read_length(ctx, path, out) : ATT_OK;
  att_free(ctx, path);
  return status;
}

att_status att_config_read(att_context *ctx, const char *folder, att_config *out) {
  memset(out, 0, sizeof *out);
  char *model_path = att_path(ctx, folder, "config.json");
  char *generation_path = model_path ? att_path(ctx, folder, "generation_config.json") : NULL;
  att_settings model = {ctx, model_path, NULL}, generation = {ctx, generation_path, NULL};
  att_status status = generation_path ? read_folder(&model, &generation, out) : ATT_MEMORY;
  if (!status) status = read_tokenizer_length(ctx, folder, out);
  if (status) {
    att_free(ctx, out->labels);
    out->labels = NULL;
  }
  json_decref(model.root);
  json_decref(generation.root);
  att_free(ctx, model_path);
  att_free(ctx, generation_path);
  return status;
}

/* ---- checking ------------------------------------------------------------------------------------------------- */

static att_status check_specials(att_context *ctx, const char *name, const att_config *config) {
  for (int i = 0; i < ATT_SPECIALS; i++) {
    int32_t special = att_special_of(config, i);
    if (special >= -1 && special < config->vocab_size) continue;
    return att_fail(ctx, ATT_FORMAT, "%s: %s is %" PRId32 ", not one of the %" PRId64 " tokens", name,
                    att_special_key(i), special, config->vocab_size);
  }
  for (int i = 0; i < config->other_end_count; i++) {
    if (config->other_ends[i] < config->vocab_size) continue;
    return att_fail(ctx, ATT_FORMAT, "%s: eos_token_id lists %" PRId32 ", not one of the %" PRId64 " tokens", name,
                    config->other_ends[i], config->vocab_size);
  }
  return ATT_OK;
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

static att_status check_sampling(att_context *ctx, const char *name, const att_config *config) {
  const struct {
    const char *key;
    double value, most;
  } numbers[] = {{"temperature", config->temperature, 1e4},
                 {"top_p", config->top_p, 1},
                 {"min_p", config->min_p, 1},
                 {"repetition_penalty", config->repetition_penalty, 1e4}};
  for (size_t i = 0; i < ATT_COUNT(numbers); i++) {
    if (numbers[i].value >= 0 && numbers[i].value <= numbers[i].most) continue;
    return att_fail(ctx, ATT_FORMAT, "%s: %s is %g, not from 0 to %g", name, numbers[i].key, numbers[i].value,
                    numbers[i].most);
  }
  return ATT_OK;
}

static att_status check_labels(att_context *ctx, const char *name, const att_config *config) {
  int64_t count = config->label_count;
  bool good = has_labels(config) ? config->labels && count >= 1 && count <= ATT_MOST_LABELS : count == 0;
  if (good) return ATT_OK;
  return att_fail(ctx, ATT_ARGUMENT, "%s: a head of %s cannot have %" PRId64 " labels", name, head_names[config->head],
                  count);
}

att_status att_config_check(att_context *ctx, const char *name, const att_config *config) {
  const att_family_calls *calls = att_family_get(config->family);
  if (!calls || !att_position_name(config->position) || !att_activation_name(config->activation) ||
      (unsigned)config->storage >= ATT_WEIGHT_TYPES || (unsigned)config->kind >= ATT_KIND_COUNT ||
      (unsigned)config->head >= ATT_HEAD_COUNT || (unsigned)config->norm >= ATT_COUNT(norm_names)) {
    return att_fail(ctx, ATT_ARGUMENT,
                    "%s: family, kind, head, position, norm, activation or storage is none that there is", name);
  }
  ATT_TRY(calls->check(ctx, name, config));
  ATT_TRY(check_specials(ctx, name, config));
  ATT_TRY(check_labels(ctx, name, config));
  ATT_TRY(check_numbers(ctx, name, config));
  return check_sampling(ctx, name, config);
}

/* ---- writing -------------------------------------------------------------------------------------------------- */

/* llama's own keys have its heads and its rotary base. */
static void put_own(att_object *out, const att_config *config) {
  bool llama = config->family == ATT_LLAMA;
  att_put_text(out, "attend_family", att_family_type(config->family));
  att_put_text(out, "attend_head", head_names[config->head]);
  att_put_text(out, "position_embedding_type", att_position_name(config->position));
  att_put_text(out, "norm", norm_names[config->norm]);
  att_put_text(out, "norm_order", order_names[config->norm_before]);
  att_put_bool(out, "gated_feedforward", config->gated);
  if (config->key_value_heads && !llama) att_put_int(out, "num_key_value_heads", config->key_value_heads);
  if (config->position == ATT_ROTARY && !llama) att_put_real(out, "rope_theta", config->rope_theta, false);
  if (config->position != ATT_RELATIVE) return;
  att_put_int(out, "relative_attention_num_buckets", config->relative_buckets);
  att_put_int(out, "relative_attention_max_distance", config->relative_distance);
}

/* What says which class reads the folder. */
static void put_family(att_object *out, const att_config *config) {
  const char *type = att_config_type(config), *architecture = architecture_of(config);
  if (architecture) {
    char list[96];
    snprintf(list, sizeof list, "[\"%s\"]", architecture);
    att_put(out, "architectures", list);
  }
  att_put_text(out, "model_type", type);
  if (strcmp(type, own_type) == 0) put_own(out, config);
}

static void put_labels(att_object *out, const att_config *config) {
  char text[32];
  if (!has_labels(config)) return;
  att_put_text(out, "problem_type", problem_types[config->head]);
  att_put(out, "id2label", "{");
  for (int64_t i = 0; i < config->label_count; i++) {
    snprintf(text, sizeof text, "%s\"%" PRId64 "\": ", i ? ", " : "", i);
    att_put_more(out, text);
    att_put_more_string(out, config->labels[i]);
  }
  att_put_more(out, "}");
  att_put(out, "label2id", "{");
  for (int64_t i = 0; i < config->label_count; i++) {
    bool again = false; /* a key may not come twice */
    for (int64_t j = 0; j < i && !again; j++) again = strcmp(config->labels[i], config->labels[j]) == 0;
    if (again) continue;
    if (i) att_put_more(out, ", ");
    att_put_more_string(out, config->labels[i]);
    snprintf(text, sizeof text, ": %" PRId64, i);
    att_put_more(out, text);
  }
  att_put_more(out, "}");
}

static att_status write_model(att_context *ctx, const char *folder, const att_config *config) {
  att_object out = {.ctx = ctx};
  put_family(&out, config);
  att_put_text(&out, "dtype", att_type_name(config->storage));
  att_put_text(&out, "torch_dtype", att_type_name(config->storage)); /* for Transformers 4 */
  att_family_get(config->family)->write(&out, config);
  put_labels(&out, config);
  return att_object_write(&out, folder, "config.json");
}

static void put_sampling(att_object *out, const att_config *config) {
  att_put_bool(out, "do_sample", config->do_sample);
  if (!config->do_sample) return; /* Transformers refuses them beside greedy search */
  att_put_real(out, "temperature", config->temperature, false);
  att_put_int(out, "top_k", config->top_k);
  att_put_real(out, "top_p", config->top_p, false);
  if (config->min_p > 0) att_put_real(out, "min_p", config->min_p, false);
}

/* generate stops after 20 tokens where no max_length is said. */
static att_status write_generation(att_context *ctx, const char *folder, const att_config *config) {
  if (config->kind == ATT_ENCODER || config->head != ATT_HEAD_TOKENS) return ATT_OK;
  att_object out = {.ctx = ctx};
  for (int i = 0; i < ATT_SPECIALS; i++) {
    if (att_special_of(config, i) >= 0) att_put_special(&out, config, i);
  }
  if (config->family == ATT_MARIAN) { /* there the pad is the start token and a row of zeros: never a word */
    char list[32];
    snprintf(list, sizeof list, "[[%" PRId32 "]]", config->pad);
    att_put(&out, "bad_words_ids", list);
  }
  att_put_int(&out, "max_length", config->max_length);
  if (config->kind == ATT_DECODER) {
    put_sampling(&out, config);
    if (config->repetition_penalty > 0) {
      att_put_real(&out, "repetition_penalty", config->repetition_penalty, false);
    }
  } else {
    att_put_int(&out, "num_beams", config->num_beams);
    att_put_real(&out, "length_penalty", config->length_penalty, false);
    att_put_bool(&out, "early_stopping", config->early_stopping);
  }
  return att_object_write(&out, folder, "generation_config.json");
}

/* The first of the spellings that the vocabulary has, or NULL. */
static const char *spelling(const att_tokenizer *tokenizer, const char *one, const char *other) {
  return att_tokenizer_id(tokenizer, one) >= 0 ? one : att_tokenizer_id(tokenizer, other) >= 0 ? other : NULL;
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
      {"unk_token", spelling(tokenizer, "<unk>", "[UNK]")},
      {"cls_token", spelling(tokenizer, "[CLS]", "[CLS]")},
      {"sep_token", spelling(tokenizer, "[SEP]", "[SEP]")},
      {"mask_token", spelling(tokenizer, "[MASK]", "<mask>")},
  };
  att_object out = {.ctx = ctx};
  att_put_text(&out, "tokenizer_class", "PreTrainedTokenizerFast");
  for (size_t i = 0; i < ATT_COUNT(names); i++) {
    if (names[i].token) att_put_text(&out, names[i].key, names[i].token);
  }
  att_put_int(&out, "model_max_length",
              config->model_max_length ? config->model_max_length : config->max_position_embeddings);
  if (config->type_vocab_size > 1) { /* Transformers 5 leaves the segments out unless they are named */
    att_put(&out, "model_input_names", "[\"input_ids\", \"token_type_ids\", \"attention_mask\"]");
  }
  att_put_bool(&out, "clean_up_tokenization_spaces", false);
  return att_object_write(&out, folder, "tokenizer_config.json");
}

att_status att_config_write(att_context *ctx, const char *folder, const att_config *config,
                            const att_tokenizer *tokenizer) {
  ATT_TRY(att_config_check(ctx, folder, config));
  if (tokenizer) ATT_TRY(write_tokenizer(ctx, folder, config, tokenizer));
  ATT_TRY(write_generation(ctx, folder, config));
  return write_model(ctx, folder, config);
}
