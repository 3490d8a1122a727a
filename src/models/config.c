/*
 * Owns the configuration of a model folder: config.json in, that and tokenizer_config.json out.
 * Each family reads, checks and writes its own keys of config.json (family.h); what all share is here. Refuses by name
 * what attend does not know, and sizes that cannot be a model. See model.h.
 *
 * A key that is missing has the default of the Hugging Face class of its model_type. What no class can say (a gpt2
 * with rotary positions) has the model_type "attend": "attend_family" says whose keys and names it has, and beside them
 * stand positions, norms and heads. Folders from before that key have "normalize_before" in its place.
 */
#include "formats/file.h"
#include "models/features.h"
#include "models/head.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static const char *const own_type = "attend";
static const char *const norm_names[] = {[ATT_NORM_LAYER] = "layer",
                                         [ATT_NORM_RMS] = "rms",
                                         [ATT_NORM_RMS_PLUS_ONE] = "rms_plus_one",
                                         [ATT_NORM_BATCH] = "batch"};
static const char *const order_names[] = {"after", "before"};

static const char *class_of(const att_config *config) { return att_head_class(config, att_family_get(config->family)); }

/* The types of attend's own families need no other name. */
const char *att_config_type(const att_config *config) {
  const char *type = att_family_type(config->family);
  bool own = strncmp(type, own_type, strlen(own_type)) == 0;
  return own || class_of(config) ? type : own_type;
}

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
  char known[512] = "";
  for (int i = 0; i < ATT_FAMILY_COUNT; i++) {
    const char *name = att_family_type((att_family)i);
    *out = (att_family)i;
    if (strcmp(type, name) == 0) return ATT_OK;
    size_t size = strlen(known);
    snprintf(known + size, sizeof known - size, "%s%s", i ? ", " : "", name);
  }
  return att_fail(in->ctx, ATT_UNSUPPORTED, "%s: %s is \"%.60s\"; attend knows %s", in->name, key, type, known);
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
  size_t norm = out->norm, before = out->norm_before;
  ATT_TRY(att_json_string(in->ctx, in->name, in->root, "position_embedding_type", true, &position));
  ATT_TRY(att_position_find(in->ctx, in->name, position, &out->position));
  out->relative_buckets = 32;
  out->relative_distance = 128;
  if (out->rope.base <= 0) out->rope.base = 10000;
  ATT_TRY(read_choice(in, "norm", norm_names, ATT_COUNT(norm_names), &norm));
  ATT_TRY(read_choice(in, "norm_order", order_names, ATT_COUNT(order_names), &before));
  ATT_TRY(att_head_find(in, "attend_head", &out->head));
  ATT_TRY(att_read_input_width(in, out));
  ATT_TRY(att_read_bool(in, "mean_pooling", &out->mean_pool));
  ATT_TRY(att_read_bool(in, "gated_feedforward", &out->gated));
  ATT_TRY(att_json_number(in->ctx, in->name, in->root, "rope_theta", false, &out->rope.base));
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
  return ATT_OK;
}

/* The class that wrote the folder says what stands on top. */
static att_status read_head(const att_settings *in, att_config *out) {
  const char *name = json_string_value(json_array_get(json_object_get(in->root, "architectures"), 0));
  if (!name) return ATT_OK;
  ATT_TRY(att_head_find_class(in, name, att_family_get(out->family), &out->head));
  /* what such a class lacks, it has: its embedding is the projection */
  if (out->kind == ATT_ENCODER_DECODER && out->head == ATT_HEAD_NONE) out->head = ATT_HEAD_TOKENS;
  return ATT_OK;
}

static bool needs_vocabulary(const att_config *config) {
  return !config->input_width || config->kind == ATT_ENCODER_DECODER || att_head_get(config->head)->vocabulary;
}

static att_status read_head_keys(const att_settings *in, att_config *out) {
  const att_head_calls *head = att_head_get(out->head);
  if (!needs_vocabulary(out)) { /* what its class has by default is of tokens */
    out->vocab_size = 0;
    for (int i = 0; i < ATT_SPECIALS; i++) *att_special_at(out, i) = -1;
  }
  if (head->read) ATT_TRY(head->read(in, out));
  return att_head_find_problem(in, out->label_count, &out->head);
}

/* "torch_dtype" is the older name. */
static att_status read_storage(const att_settings *in, att_config *out) {
  const char *name = att_type_name(ATT_F32);
  ATT_TRY(att_read_string(in, "torch_dtype", &name));
  ATT_TRY(att_read_string(in, "dtype", &name));
  if (att_type_find(name, &out->storage)) return ATT_OK;
  out->storage = ATT_F32; /* the file has its tensors' own types: this one is of what is written */
  att_log(in->ctx, ATT_LOG_WARNING, "%s: dtype is \"%.60s\"; attend knows float32, float16 and bfloat16", in->name,
          name);
  return ATT_OK;
}

static att_status refuse_quantised(const att_settings *in) {
  const json_t *quantised = json_object_get(in->root, "quantization_config");
  if (!quantised || json_is_null(quantised)) return ATT_OK;
  return att_fail(in->ctx, ATT_UNSUPPORTED, "%s: has a quantization_config, which attend does not know", in->name);
}

/* A text model inside one that reads images too: its keys are in text_config, but for some that stand beside it. */
static att_status enter_text(const att_settings *in, att_settings *text) {
  static const char *const beside[] = {"architectures", "dtype",        "torch_dtype",  "tie_word_embeddings",
                                       "bos_token_id",  "eos_token_id", "pad_token_id", "quantization_config"};
  const char *type = NULL;
  *text = *in;
  ATT_TRY(att_json_string(in->ctx, in->name, in->root, "model_type", true, &type));
  if (strcmp(type, "gemma3") != 0) return ATT_OK;
  text->root = json_object_get(in->root, "text_config");
  if (!json_is_object(text->root)) return att_fail(in->ctx, ATT_FORMAT, "%s: text_config is no object", in->name);
  int failed = json_object_set_new(text->root, "model_type", json_string(att_family_type(ATT_GEMMA3)));
  for (size_t i = 0; i < ATT_COUNT(beside); i++) {
    json_t *value = json_object_get(in->root, beside[i]);
    if (value && !json_object_get(text->root, beside[i])) failed |= json_object_set(text->root, beside[i], value);
  }
  if (failed) return att_fail(in->ctx, ATT_MEMORY, "%s: no memory", in->name);
  att_log(in->ctx, ATT_LOG_WARNING, "%s: of gemma3 the text model alone is read; it sees no images", in->name);
  return ATT_OK;
}

static att_status read_model(const att_settings *whole, att_config *out) {
  att_settings text, *in = &text;
  if (!json_is_object(whole->root)) return att_fail(whole->ctx, ATT_FORMAT, "%s: is not a JSON object", whole->name);
  ATT_TRY(enter_text(whole, &text));
  bool own;
  ATT_TRY(read_family(in, &own, &out->family));
  ATT_TRY(att_family_get(out->family)->read(in, out));
  out->mask = out->unk = -1;
  if (own) {
    ATT_TRY(read_own(in, out));
  } else {
    ATT_TRY(read_head(in, out));
  }
  ATT_TRY(refuse_quantised(in));
  ATT_TRY(read_storage(in, out));
  return read_head_keys(in, out);
}

/* ---- reading: a folder ------------------------------------------------------------------------------------------- */

att_status att_config_take(att_context *ctx, const char *name, json_t *root, att_config *out) {
  const att_settings in = {ctx, name, root};
  memset(out, 0, sizeof *out);
  att_status status = read_model(&in, out);
  if (!status) status = att_config_check(ctx, name, out);
  if (!status) return ATT_OK;
  att_free(ctx, out->labels);
  out->labels = NULL;
  return status;
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
  json_t *root = NULL;
  memset(out, 0, sizeof *out);
  char *path = att_path(ctx, folder, "config.json");
  att_status status = path ? att_json_open(ctx, path, &root) : ATT_MEMORY;
  if (!status) status = att_config_take(ctx, path, root, out);
  if (!status) status = read_tokenizer_length(ctx, folder, out);
  if (!status) status = att_features_read(ctx, folder, out);
  if (status) {
    att_free(ctx, out->labels);
    out->labels = NULL;
  }
  json_decref(root);
  att_free(ctx, path);
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
  return ATT_OK;
}

static att_status check_numbers(att_context *ctx, const char *name, const att_config *config) {
  if (!(config->dropout >= 0 && config->dropout < 1)) {
    return att_fail(ctx, ATT_FORMAT, "%s: dropout is %g, not from 0 to below 1", name, (double)config->dropout);
  }
  if (!(config->layer_norm_epsilon > 0 && config->layer_norm_epsilon < 1)) {
    return att_fail(ctx, ATT_FORMAT, "%s: the norms' epsilon is %g, not between 0 and 1", name,
                    (double)config->layer_norm_epsilon);
  }
  return ATT_OK;
}

static att_status check_input(att_context *ctx, const char *name, const att_config *config) {
  bool good = config->input_width >= 0 && config->input_width <= ATT_LARGEST_SIZE;
  int64_t stride = config->input_stride;
  if (stride && (!config->input_width || config->kind == ATT_DECODER || (stride != 2 && stride != 4))) {
    return att_fail(ctx, ATT_ARGUMENT, "%s: an input_stride of %" PRId64 " cannot be: 2 or 4, of an encoder of rows",
                    name, stride);
  }
  if (!good || (config->vocab_size > 0) != needs_vocabulary(config)) {
    return att_fail(ctx, ATT_ARGUMENT, "%s: an input_width of %" PRId64 " and a vocab_size of %" PRId64 " cannot be",
                    name, config->input_width, config->vocab_size);
  }
  if (!config->input_width || config->kind == ATT_ENCODER_DECODER || !att_head_get(config->head)->output) return ATT_OK;
  return att_fail(ctx, ATT_UNSUPPORTED, "%s: input_width: a model that reads rows of floats has no head of %s", name,
                  att_head_get(config->head)->name);
}

static att_status check_head(att_context *ctx, const char *name, const att_config *config) {
  static const char *const kinds[] = {"an encoder-decoder", "a decoder", "an encoder"};
  const att_head_calls *head = att_head_get(config->head);
  bool twice = config->kind == ATT_ENCODER_DECODER && !head->vocabulary;
  bool none = !head->kinds[config->kind].what;
  if (!none && twice && (!att_family_get(config->family)->reads_twice || config->input_width)) {
    return att_fail(ctx, ATT_UNSUPPORTED, "%s: attend knows no %s model with a head of %s", name,
                    att_config_type(config), head->name);
  }
  if (none) {
    return att_fail(ctx, ATT_UNSUPPORTED, "%s: %s has no head of %s", name, kinds[config->kind], head->name);
  }
  if (head->check) return head->check(ctx, name, config);
  if (config->label_count == 0) return ATT_OK;
  return att_fail(ctx, ATT_ARGUMENT, "%s: a head of %s has no labels", name, head->name);
}

att_status att_config_check(att_context *ctx, const char *name, const att_config *config) {
  const att_family_calls *calls = att_family_get(config->family);
  if (!calls || !att_position_name(config->position) || !att_activation_name(config->activation) ||
      (unsigned)config->storage >= ATT_WEIGHT_TYPES || (unsigned)config->kind >= ATT_KIND_COUNT ||
      !att_head_get(config->head) || (unsigned)config->norm >= ATT_COUNT(norm_names)) {
    return att_fail(ctx, ATT_ARGUMENT,
                    "%s: family, kind, head, position, norm, activation or storage is none that there is", name);
  }
  ATT_TRY(calls->check(ctx, name, config));
  ATT_TRY(check_specials(ctx, name, config));
  ATT_TRY(check_head(ctx, name, config));
  ATT_TRY(check_input(ctx, name, config));
  return check_numbers(ctx, name, config);
}

att_status att_config_check_pairs(att_context *ctx, const char *name, const att_config *config) {
  const char *missing = config->eos < 0 ? "eos_token_id" : config->decoder_start < 0 ? "decoder_start_token_id" : NULL;
  if (!missing) return ATT_OK;
  return att_fail(ctx, ATT_FORMAT, "%s: config.json has no %s that is one of the %" PRId64 " tokens", name, missing,
                  config->vocab_size);
}

/* ---- writing -------------------------------------------------------------------------------------------------- */

/* Rotary decoders' own keys have their heads and their rotary base. */
static void put_own(att_object *out, const att_config *config) {
  const att_family_calls *calls = att_family_get(config->family);
  bool rotary = calls->rotary != NULL, says_rope = rotary || calls->says_rope;
  att_put_text(out, "attend_family", att_family_type(config->family));
  att_put_text(out, "attend_head", att_head_get(config->head)->name);
  att_put_input_width(out, config);
  if (config->mean_pool) att_put_bool(out, "mean_pooling", true);
  att_put_text(out, "position_embedding_type", att_position_name(config->position));
  att_put_text(out, "norm", norm_names[config->norm]);
  att_put_text(out, "norm_order", order_names[config->norm_before]);
  att_put_bool(out, "gated_feedforward", config->gated);
  if (config->key_value_heads && !rotary) att_put_int(out, "num_key_value_heads", config->key_value_heads);
  if (config->position == ATT_ROTARY && !says_rope) att_put_real(out, "rope_theta", config->rope.base, false);
  if (config->position != ATT_RELATIVE) return;
  att_put_int(out, "relative_attention_num_buckets", config->relative_buckets);
  att_put_int(out, "relative_attention_max_distance", config->relative_distance);
}

/* What says which class reads the folder. */
static void put_family(att_object *out, const att_config *config) {
  const char *type = att_config_type(config), *class = class_of(config);
  const att_family_calls *family = att_family_get(config->family);
  if (class) {
    const att_head_form *form = att_head_form_of(att_head_get(config->head), family);

    char list[96];
    snprintf(list, sizeof list, "[\"%s%s\"]", form && form->stem ? form->stem : family->stem, class);
    att_put(out, "architectures", list);
  }
  att_put_text(out, "model_type", type);
  if (strcmp(type, own_type) == 0) put_own(out, config);
}

static void put_model(att_object *out, const att_config *config) {
  put_family(out, config);
  att_put_text(out, "dtype", att_type_name(config->storage));
  att_put_text(out, "torch_dtype", att_type_name(config->storage)); /* for Transformers 4 */
  att_family_get(config->family)->write(out, config);
  const att_head_calls *head = att_head_get(config->head);
  if (head->problem_type) att_put_text(out, "problem_type", head->problem_type);
  if (head->write) head->write(out, config);
}

static att_status write_model(att_context *ctx, const char *folder, const att_config *config) {
  att_object out = {.ctx = ctx};
  put_model(&out, config);
  return att_object_write(&out, folder, "config.json");
}

att_status att_config_give(att_context *ctx, const att_config *config, json_t **root) {
  att_object out = {.ctx = ctx};
  *root = NULL;
  put_model(&out, config);
  att_put_more(&out, "}");
  att_status status = out.status;
  if (!status) status = att_json_parse(ctx, "the configuration", out.text.data, out.text.size, root);
  att_buffer_free(ctx, &out.text);
  return status;
}

/* The first of the spellings that the vocabulary has, or NULL. */
static const char *spelling(const att_tokenizer *tokenizer, const char *one, const char *other) {
  return att_tokenizer_id(tokenizer, one) >= 0 ? one : att_tokenizer_id(tokenizer, other) >= 0 ? other : NULL;
}

/* What the folder that the model came from called its special tokens stays. Else they are those of the configuration;
 * Transformers makes special what is named, so another token of a vocabulary that came with names is not. */
static void put_names(att_object *out, const att_config *config, const att_tokenizer *tokenizer) {
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
  bool kept = att_tokenizer_keeps(tokenizer, NULL);
  for (size_t i = 0; i < ATT_COUNT(names); i++) {
    const char *token = names[i].token;
    if (!token || att_tokenizer_keeps(tokenizer, names[i].key)) continue;
    bool special = att_tokenizer_is_special(tokenizer, att_tokenizer_id(tokenizer, token));
    if (special || !kept) att_put_text(out, names[i].key, token);
  }
}

/* Without the class Transformers 5 looks for a SentencePiece tokenizer; without a bos CTranslate2 fails. */
static att_status write_tokenizer(att_context *ctx, const char *folder, const att_config *config,
                                  const att_tokenizer *tokenizer) {
  att_object out = {.ctx = ctx};
  att_put_text(&out, "tokenizer_class", "PreTrainedTokenizerFast");
  put_names(&out, config, tokenizer);
  att_tokenizer_put_kept(tokenizer, &out);
  if (!att_tokenizer_keeps(tokenizer, "model_max_length"))
    att_put_int(&out, "model_max_length",
                config->model_max_length ? config->model_max_length : config->max_position_embeddings);
  bool types = config->type_vocab_size > 1 && att_tokenizer_has_types(tokenizer);
  if (types && !att_tokenizer_keeps(tokenizer, "model_input_names")) { /* or Transformers 5 leaves them out */
    att_put(&out, "model_input_names", "[\"input_ids\", \"token_type_ids\", \"attention_mask\"]");
  }
  if (!att_tokenizer_keeps(tokenizer, "clean_up_tokenization_spaces"))
    att_put_bool(&out, "clean_up_tokenization_spaces", false);
  if (att_tokenizer_splits_specials(tokenizer) && !att_tokenizer_keeps(tokenizer, "split_special_tokens"))
    att_put_bool(&out, "split_special_tokens", true);
  return att_object_write(&out, folder, "tokenizer_config.json");
}

att_status att_config_write(att_context *ctx, const char *folder, const att_config *config,
                            const att_tokenizer *tokenizer) {
  ATT_TRY(att_config_check(ctx, folder, config));
  if (tokenizer) ATT_TRY(write_tokenizer(ctx, folder, config, tokenizer));
  ATT_TRY(att_features_write(ctx, folder, config));
  return write_model(ctx, folder, config);
}
