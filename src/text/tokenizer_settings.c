/* Owns the reading of the files beside a tokenizer. See tokenizer_settings.h; what they change is in tokenizer_class.c.
 */
#include "text/tokenizer_settings.h"

#include "formats/file.h"
#include "formats/json_object.h"
#include "text/components.h"

#include <stdio.h>
#include <string.h>

#define ATT_LONGEST_TEMPLATE ((size_t)1 << 24)

static att_status no_memory(att_context *ctx, const char *folder) {
  return att_fail(ctx, ATT_MEMORY, "%s: no memory for the tokenizer's settings", folder);
}

/* *object: an empty one where the file is absent. */
static att_status read_object(att_context *ctx, const char *folder, const char *name, json_t **object) {
  char *path = att_path(ctx, folder, name);
  *object = NULL;
  if (!path) return ATT_MEMORY;
  att_status status = ATT_OK;
  if (att_file_exists(path)) {
    status = att_json_open_reals(ctx, path, object);
    if (!status && !json_is_object(*object))
      status = att_fail(ctx, ATT_FORMAT, "%s: this is not a configuration: no object", path);
  } else if (!(*object = json_object())) {
    status = no_memory(ctx, folder);
  }
  if (status) {
    json_decref(*object);
    *object = NULL;
  }
  att_free(ctx, path);
  return status;
}

/* ---- the class --------------------------------------------------------------------------------------------------- */

/* The "Fast" of older versions says nothing. */
static void set_class(att_tokenizer_settings *settings, const char *name) {
  size_t size = name ? strlen(name) : 0;
  if (size > 4 && strcmp(name + size - 4, "Fast") == 0) size -= 4;
  snprintf(settings->class_name, sizeof settings->class_name, "%.*s", (int)(size < 63 ? size : 63), name ? name : "");
}

static void find_class(att_tokenizer_settings *settings, const json_t *model) {
  static const struct {
    const char *type, *name;
  } usual[] = {{"bert", "BertTokenizer"},
               {"nomic_bert", "BertTokenizer"},
               {"gpt2", "GPT2Tokenizer"},
               {"t5", "T5Tokenizer"},
               {"xlm-roberta", "XLMRobertaTokenizer"}};
  const char *name = json_string_value(json_object_get(settings->config, "tokenizer_class"));
  const char *type = json_string_value(json_object_get(model, "model_type"));
  if (!name) name = json_string_value(json_object_get(model, "tokenizer_class"));
  for (size_t i = 0; !name && type && i < sizeof usual / sizeof *usual; i++)
    if (strcmp(type, usual[i].type) == 0) name = usual[i].name;
  set_class(settings, name);
}

/* ---- the older files ----------------------------------------------------------------------------------------------
 */

static att_status put_added(att_context *ctx, const char *folder, json_t *decoder, const char *token, int64_t id,
                            const json_t *config) {
  static const char *const roles[] = {"bos_token", "eos_token", "unk_token", "sep_token",
                                      "pad_token", "cls_token", "mask_token"};
  char key[32];
  bool special = false;
  for (size_t i = 0; i < sizeof roles / sizeof *roles; i++) {
    const json_t *named = json_object_get(config, roles[i]);
    if (json_is_object(named)) named = json_object_get(named, "content");
    special = special || (json_is_string(named) && strcmp(json_string_value(named), token) == 0);
  }
  snprintf(key, sizeof key, "%lld", (long long)id);
  json_t *entry = json_pack("{s:s, s:b, s:b}", "content", token, "normalized", !special, "special", special);
  return entry && json_object_set_new(decoder, key, entry) == 0 ? ATT_OK : no_memory(ctx, folder);
}

/* {"token": id}, as an added_tokens_decoder has it. */
static att_status read_added(att_context *ctx, const char *folder, json_t *config) {
  json_t *added, *decoder, *id;
  const char *token;
  ATT_TRY(read_object(ctx, folder, "added_tokens.json", &added));
  if (json_object_size(added) == 0) {
    json_decref(added);
    return ATT_OK;
  }
  att_status status = (decoder = json_object()) ? ATT_OK : no_memory(ctx, folder);
  json_object_foreach(added, token, id) {
    bool good = json_is_number(id) && json_number_value(id) >= 0 && json_number_value(id) < 1e9;
    if (!status && good) status = put_added(ctx, folder, decoder, token, (int64_t)json_number_value(id), config);
  }
  if (!status && json_object_set(config, "added_tokens_decoder", decoder)) status = no_memory(ctx, folder);
  json_decref(decoder);
  json_decref(added);
  return status;
}

/* Both count only where tokenizer_config.json does not list the added tokens itself. */
static att_status read_older(att_context *ctx, const char *folder, json_t *config) {
  json_t *names;
  if (json_object_get(config, "added_tokens_decoder")) return ATT_OK;
  ATT_TRY(read_object(ctx, folder, "special_tokens_map.json", &names));
  att_status status = json_object_update(config, names) ? no_memory(ctx, folder) : ATT_OK;
  json_decref(names);
  return status ? status : read_added(ctx, folder, config);
}

/* A file of its own counts before tokenizer_config.json's. */
static att_status read_template(att_context *ctx, const char *folder, json_t *config) {
  att_buffer text = {0};
  char *path = att_path(ctx, folder, "chat_template.jinja");
  if (!path) return ATT_MEMORY;
  att_status status = att_file_exists(path) ? att_file_read(ctx, path, ATT_LONGEST_TEMPLATE, &text) : ATT_OK;
  json_t *template = text.size ? json_stringn(text.data, text.size) : NULL;
  if (!status && template && json_object_set(config, "chat_template", template)) status = no_memory(ctx, folder);
  json_decref(template);
  att_buffer_free(ctx, &text);
  att_free(ctx, path);
  return status;
}

/* ---- writing ------------------------------------------------------------------------------------------------------
 */

void att_tokenizer_put_kept(const att_tokenizer *tokenizer, att_object *out) {
  static const char *const said[] = {"tokenizer_class",
                                     "tokenizer_file",
                                     "vocab_file",
                                     "merges_file",
                                     "special_tokens_map_file",
                                     "name_or_path",
                                     "auto_map",
                                     "use_fast",
                                     "from_slow",
                                     "backend",
                                     "is_local",
                                     "local_files_only",
                                     "added_tokens_decoder",
                                     "do_lower_case",
                                     "strip_accents",
                                     "tokenize_chinese_chars",
                                     "do_basic_tokenize",
                                     "never_split",
                                     "add_prefix_space",
                                     "legacy",
                                     "add_bos_token",
                                     "add_eos_token"};
  const char *key;
  json_t *value;
  json_object_foreach(tokenizer->config, key, value) {
    bool known = false;
    for (size_t i = 0; i < sizeof said / sizeof *said && !known; i++) known = strcmp(key, said[i]) == 0;
    if (known) continue;
    att_put(out, key, "");
    if (!out->status) out->status = att_json_put(out->ctx, &out->text, value, true);
  }
}

bool att_tokenizer_keeps(const att_tokenizer *tokenizer, const char *key) {
  return key ? json_object_get(tokenizer->config, key) != NULL : tokenizer->config != NULL;
}

/* ---- all ----------------------------------------------------------------------------------------------------------
 */

static att_status read_all(att_context *ctx, const char *folder, att_tokenizer_settings *out) {
  json_t *model = NULL;
  ATT_TRY(read_object(ctx, folder, "tokenizer_config.json", &out->config));
  att_status status = read_object(ctx, folder, "config.json", &model);
  if (status == ATT_FORMAT) status = ATT_OK; /* the model's reader says so */
  if (!status) find_class(out, model);
  json_decref(model);
  if (!status) status = read_template(ctx, folder, out->config);
  return status ? status : read_older(ctx, folder, out->config);
}

att_status att_tokenizer_settings_read(att_context *ctx, const char *folder, att_tokenizer_settings *out) {
  *out = (att_tokenizer_settings){0};
  att_status status = read_all(ctx, folder, out);
  if (status) att_tokenizer_settings_free(out);
  return status;
}

void att_tokenizer_settings_free(att_tokenizer_settings *settings) {
  json_decref(settings->config);
  settings->config = NULL;
}
