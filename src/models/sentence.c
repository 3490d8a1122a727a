/* Owns reading and writing folders of sentence-transformers. See sentence.h. */
#include "models/sentence.h"
#include "formats/file.h"
#include "formats/json.h"

#include <stdio.h>
#include <string.h>

#define MODULES       "modules.json"
#define CONFIG        "config_sentence_transformers.json"
#define MOST_STAGES   64
#define LARGEST_COUNT INT32_MAX
#define COUNT(list)   (sizeof(list) / sizeof *(list))

/* Of the Transformer, as each version has called it: the first that is there counts. */
static const char *const transformer_configs[] = {"sentence_bert_config.json",       "sentence_roberta_config.json",
                                                  "sentence_distilbert_config.json", "sentence_camembert_config.json",
                                                  "sentence_albert_config.json",     "sentence_xlm-roberta_config.json",
                                                  "sentence_xlnet_config.json"};

/* ---- modules.json ---------------------------------------------------------------------------------------------- */

/* One of modules.json's list. */
typedef struct module {
  const char *type; /* the class's whole path */
  const char *path; /* its folder, in the whole's; "": that itself */
} module;

/* Relative, and not out of the folder. */
static bool stays_inside(const char *path) {
  if (path[0] == '/' || strchr(path, '\\')) return false;
  for (const char *part = path; part; part = strchr(part, '/')) {
    part += part[0] == '/';
    if (strncmp(part, "..", 2) == 0 && (part[2] == '/' || part[2] == '\0')) return false;
  }
  return true;
}

static att_status read_module(att_context *ctx, const char *name, const json_t *entry, module *out) {
  if (!json_is_object(entry)) return att_fail(ctx, ATT_FORMAT, "%s: a stage is not an object", name);
  ATT_TRY(att_json_string(ctx, name, entry, "type", true, &out->type));
  ATT_TRY(att_json_string(ctx, name, entry, "path", true, &out->path));
  while (strncmp(out->path, "./", 2) == 0) out->path += 2;
  if (strcmp(out->path, ".") == 0) out->path++;
  if (stays_inside(out->path)) return ATT_OK;
  return att_fail(ctx, ATT_FORMAT, "%s: a stage's path is \"%.100s\": it must lie inside the folder", name, out->path);
}

/* The Transformer comes first. */
static att_status read_first(att_context *ctx, const char *name, const json_t *list, module *first) {
  ATT_TRY(read_module(ctx, name, json_array_get(list, 0), first));
  const char *class = att_class_name(first->type, "sentence_transformers.");
  if (class && strcmp(class, "Transformer") == 0) return ATT_OK;
  return att_fail(ctx, ATT_UNSUPPORTED,
                  "%s: its first stage is %.100s: attend runs those that begin with a Transformer", name,
                  class ? class : first->type);
}

static att_status open_list(const att_sentence *s, char **path, json_t **list) {
  *list = NULL;
  *path = att_path(s->ctx, s->folder, MODULES);
  if (!*path) return ATT_MEMORY;
  ATT_TRY(att_json_open(s->ctx, *path, list));
  size_t count = json_array_size(*list);
  if (count >= 1 && count <= MOST_STAGES) return ATT_OK;
  return att_fail(s->ctx, ATT_FORMAT, "%s: is not a list of 1 to %d stages", *path, MOST_STAGES);
}

/* ---- finding --------------------------------------------------------------------------------------------------- */

/* folder/path, or a copy of folder. NULL: no memory. */
static char *place_in(att_context *ctx, const char *folder, const char *path) {
  return path[0] ? att_path(ctx, folder, path) : att_copy_text(ctx, folder, strlen(folder));
}

static att_status has_file(att_context *ctx, const char *folder, const char *name, bool *has) {
  char *path = att_path(ctx, folder, name);
  *has = path && att_file_exists(path);
  att_free(ctx, path);
  return path ? ATT_OK : ATT_MEMORY;
}

static att_status find_place(att_sentence *s) {
  json_t *list;
  char *path;
  module first = {0};
  bool beside = false;
  att_status status = open_list(s, &path, &list);
  if (!status) status = read_first(s->ctx, path, list, &first);
  if (status && status != ATT_MEMORY) {
    att_status why = status;
    status = has_file(s->ctx, s->folder, "config.json", &beside);
    if (!status && !beside) status = why;
  }
  if (!status) s->place = place_in(s->ctx, s->folder, beside ? "" : first.path);
  if (!status && !s->place) status = ATT_MEMORY;
  if (!status && !att_file_exists(s->place)) {
    status = att_fail(s->ctx, ATT_IO, "%s: the model's folder that it names, %.100s, is not there: download it too",
                      path, first.path);
  }
  json_decref(list);
  att_free(s->ctx, path);
  return status;
}

att_status att_sentence_find(att_context *ctx, const char *folder, att_sentence **out) {
  bool has;
  *out = NULL;
  ATT_TRY(has_file(ctx, folder, MODULES, &has));
  if (!has) return ATT_OK;
  att_sentence *s = ATT_NEW(ctx, 1, att_sentence);
  if (!s) return ATT_MEMORY;
  s->ctx = ctx;
  s->folder = att_copy_text(ctx, folder, strlen(folder));
  att_status status = s->folder ? find_place(s) : ATT_MEMORY;
  if (status) {
    att_sentence_free(s);
    return status;
  }
  *out = s;
  return ATT_OK;
}

att_status att_sentence_of_pooling(att_context *ctx, att_pooling pooling, att_sentence **out) {
  att_sentence *s = *out = ATT_NEW(ctx, 1, att_sentence);
  if (!s) return ATT_MEMORY;
  s->ctx = ctx;
  s->ready = true;
  s->stages = ATT_NEW(ctx, 1, att_stage);
  if (!s->stages) {
    att_sentence_free(s);
    *out = NULL;
    return ATT_MEMORY;
  }
  s->stages[s->stage_count++] = att_stage_pooling(pooling);
  return ATT_OK;
}

/* What att_sentence_prepare made. */
static void forget(att_sentence *s) {
  for (size_t i = 0; i < s->stage_count; i++) att_stage_free(s->ctx, &s->stages[i]);
  att_free(s->ctx, s->stages);
  att_tokenizer_free(s->tokenizer);
  json_decref(s->config);
  *s = (att_sentence){.ctx = s->ctx, .folder = s->folder, .place = s->place};
}

void att_sentence_free(att_sentence *sentence) {
  if (!sentence) return;
  forget(sentence);
  att_free(sentence->ctx, sentence->folder);
  att_free(sentence->ctx, sentence->place);
  att_free(sentence->ctx, sentence);
}

/* ---- the stages ------------------------------------------------------------------------------------------------ */

static att_status read_stage(att_sentence *s, const char *name, const json_t *entry) {
  module m = {0};
  ATT_TRY(read_module(s->ctx, name, entry, &m));
  const char *class = att_class_name(m.type, "sentence_transformers.");
  if (!class) {
    return att_fail(s->ctx, ATT_UNSUPPORTED, "%s: the stage %.100s is code of its own, which attend does not run", name,
                    m.type);
  }
  char *folder = place_in(s->ctx, s->folder, m.path);
  att_status status = folder ? att_stage_read(s->ctx, class, folder, &s->stages[s->stage_count]) : ATT_MEMORY;
  if (!status) s->stage_count++;
  att_free(s->ctx, folder);
  return status;
}

static att_status read_list(att_sentence *s, const char *name, const json_t *list) {
  module first = {0};
  bool pools = false;
  ATT_TRY(read_first(s->ctx, name, list, &first));
  if (s->cross && json_array_size(list) == 1) return ATT_OK;
  if (s->cross) {
    return att_fail(s->ctx, ATT_UNSUPPORTED, "%s: a CrossEncoder with stages behind its Transformer is not known",
                    name);
  }
  s->stages = ATT_NEW(s->ctx, json_array_size(list), att_stage);
  if (!s->stages) return ATT_MEMORY;
  for (size_t i = 1; i < json_array_size(list); i++) {
    ATT_TRY(read_stage(s, name, json_array_get(list, i)));
    pools = pools || att_stage_pools(&s->stages[s->stage_count - 1]);
  }
  return pools ? ATT_OK : att_fail(s->ctx, ATT_UNSUPPORTED, "%s: no stage is a Pooling", name);
}

static att_status read_stages(att_sentence *s) {
  json_t *list;
  char *path;
  att_status status = open_list(s, &path, &list);
  if (!status) status = read_list(s, path, list);
  json_decref(list);
  att_free(s->ctx, path);
  return status;
}

/* ---- the Transformer's own file -------------------------------------------------------------------------------- */

typedef struct settings {
  att_sentence *s;
  const char *name;
  const json_t *root;
} settings;

static const json_t *either(const json_t *root, const char *now, const char *before) {
  const json_t *value = json_object_get(root, now);
  return value ? value : json_object_get(root, before);
}

/* A member that must be one text. */
static att_status only(const settings *in, const json_t *object, const char *key, const char *known) {
  const json_t *value = json_object_get(object, key);
  if (json_array_size(value) == 1) value = json_array_get(value, 0);
  const char *text = json_string_value(value);
  if (text && strcmp(text, known) == 0) return ATT_OK;
  return att_fail(in->s->ctx, ATT_UNSUPPORTED, "%s: %s is %s%.60s%s: attend runs %s", in->name, key, text ? "\"" : "",
                  text ? text : "no text", text ? "\"" : "", known);
}

/* What of the model's output the next stage gets, and how text comes in. */
static att_status read_modality(const settings *in) {
  bool cross = in->s->cross;
  const json_t *modalities = json_object_get(in->root, "modality_config"), *text = json_object_get(modalities, "text");
  if (json_object_get(in->root, "transformer_task")) {
    ATT_TRY(only(in, in->root, "transformer_task", cross ? "sequence-classification" : "feature-extraction"));
  }
  if (!modalities || json_is_null(modalities)) return ATT_OK;
  if (!text || json_object_get(modalities, "message")) {
    return att_fail(in->s->ctx, ATT_UNSUPPORTED, "%s: modality_config has %s: attend embeds plain text", in->name,
                    text ? "message (texts that are put into a chat)" : "no text");
  }
  ATT_TRY(only(in, text, "method", "forward"));
  ATT_TRY(only(in, text, "method_output_name", cross ? "logits" : "last_hidden_state"));
  return only(in, in->root, "module_output_name", cross ? "scores" : "token_embeddings");
}

/* The tokens of a text: what the tokenizer is called with, else what it is made with, else max_seq_length. */
static att_status read_length(const settings *in) {
  static const char *const made[] = {"model_max_length", "padding_side", "use_fast", "trust_remote_code"};
  static const char *const called[] = {"max_length", "padding"};
  att_context *ctx = in->s->ctx;
  int64_t *most = &in->s->most_tokens;
  const json_t *processor = either(in->root, "processor_kwargs", "tokenizer_args");
  const json_t *processing = json_object_get(in->root, "processing_kwargs"),
               *text = json_object_get(processing, "text");
  ATT_TRY(att_json_int(ctx, in->name, in->root, "max_seq_length", false, 1, LARGEST_COUNT, most));
  ATT_TRY(att_json_int(ctx, in->name, processor, "model_max_length", false, 1, LARGEST_COUNT, most));
  ATT_TRY(att_json_int(ctx, in->name, text, "max_length", false, 1, LARGEST_COUNT, most));
  att_json_warn_of_others(in->s->ctx, in->name, processor, "processor_kwargs.", made, COUNT(made));
  att_json_warn_of_others(in->s->ctx, in->name, text, "processing_kwargs.text.", called, COUNT(called));
  return ATT_OK;
}

static att_status lower_case(att_sentence *s) {
  ATT_TRY(att_tokenizer_open_folder(s->ctx, s->place, &s->tokenizer));
  return att_tokenizer_lowercase(s->tokenizer);
}

static att_status read_settings(const settings *in) {
  static const char *const known[] = {"max_seq_length",     "do_lower_case",     "transformer_task", "modality_config",
                                      "module_output_name", "processing_kwargs", "unpad_inputs",     "query_length",
                                      "document_length",    "query_expansion",   "model_kwargs",     "model_args",
                                      "processor_kwargs",   "tokenizer_args",    "config_kwargs",    "config_args"};
  static const char *const loading[] = {"dtype",      "torch_dtype",       "attn_implementation", "add_pooling_layer",
                                        "device_map", "low_cpu_mem_usage", "trust_remote_code"};
  bool lower = false;
  if (!json_is_object(in->root)) return att_fail(in->s->ctx, ATT_FORMAT, "%s: is not a JSON object", in->name);
  ATT_TRY(read_modality(in));
  ATT_TRY(read_length(in));
  ATT_TRY(att_json_bool(in->s->ctx, in->name, in->root, "do_lower_case", false, &lower));
  att_json_warn_of_others(in->s->ctx, in->name, in->root, "", known, COUNT(known));
  att_json_warn_of_others(in->s->ctx, in->name, either(in->root, "model_kwargs", "model_args"), "model_kwargs.",
                          loading, COUNT(loading));
  att_json_warn_of_others(in->s->ctx, in->name, either(in->root, "config_kwargs", "config_args"), "config_kwargs.",
                          loading, COUNT(loading));
  return lower ? lower_case(in->s) : ATT_OK;
}

static att_status read_transformer(att_sentence *s) {
  for (size_t i = 0; i < COUNT(transformer_configs); i++) {
    json_t *root = NULL;
    char *path = att_path(s->ctx, s->place, transformer_configs[i]);
    bool has = path && att_file_exists(path);
    att_status status = !path ? ATT_MEMORY : has ? att_json_open(s->ctx, path, &root) : ATT_OK;
    if (!status && has) status = read_settings(&(settings){s, path, root});
    json_decref(root);
    att_free(s->ctx, path);
    if (has || status) return status;
  }
  return ATT_OK;
}

/* ---- the whole's --------------------------------------------------------------------------------------------- */

/* Which sentence-transformers has in every folder; without a text they are empty. */
static bool always_named(const char *name) { return strcmp(name, "query") == 0 || strcmp(name, "document") == 0; }

static att_status check_prompts(att_sentence *s, const char *name) {
  const json_t *prompts = json_object_get(s->config, "prompts");
  const char *key, *type = "SentenceTransformer";
  json_t *value;
  if (prompts && !json_is_null(prompts) && !json_is_object(prompts)) {
    return att_fail(s->ctx, ATT_FORMAT, "%s: prompts is not an object", name);
  }
  json_object_foreach((json_t *)prompts, key, value) {
    if (json_is_string(value) || json_is_null(value)) continue;
    return att_fail(s->ctx, ATT_FORMAT, "%s: the prompt \"%.60s\" is not a string", name, key);
  }
  ATT_TRY(att_json_string(s->ctx, name, s->config, "model_type", false, &type));
  s->cross = strcmp(type, "CrossEncoder") == 0;
  if (!s->cross && strcmp(type, "SentenceTransformer") != 0) {
    return att_fail(s->ctx, ATT_UNSUPPORTED,
                    "%s: its model_type is %.60s: attend runs those of a SentenceTransformer or a CrossEncoder", name,
                    type);
  }
  ATT_TRY(att_json_int(s->ctx, name, s->config, "truncate_dim", false, 1, LARGEST_COUNT, &s->truncate_dim));
  ATT_TRY(att_json_string(s->ctx, name, s->config, "default_prompt_name", false, &s->default_name));
  if (!s->default_name || json_object_get(prompts, s->default_name) || always_named(s->default_name)) return ATT_OK;
  return att_fail(s->ctx, ATT_FORMAT, "%s: default_prompt_name is \"%.60s\", which is none of its prompts", name,
                  s->default_name);
}

static att_status read_config(att_sentence *s) {
  char *path = att_path(s->ctx, s->folder, CONFIG);
  att_status status = path ? ATT_OK : ATT_MEMORY;
  if (!status && att_file_exists(path)) {
    status = att_json_open(s->ctx, path, &s->config);
    if (!status && !json_is_object(s->config)) {
      status = att_fail(s->ctx, ATT_FORMAT, "%s: is not a JSON object", path);
    }
    if (!status) status = check_prompts(s, path);
  }
  att_free(s->ctx, path);
  return status;
}

att_status att_sentence_prepare(att_sentence *sentence) {
  if (sentence->ready) return ATT_OK;
  att_status status = read_config(sentence);
  if (!status) status = read_stages(sentence);
  if (!status) status = read_transformer(sentence);
  if (status) {
    forget(sentence);
    return status;
  }
  sentence->ready = true;
  return ATT_OK;
}

/* Once: a name with a slip in it would silently be put before each line. */
static void say_names(att_sentence *s, const char *wish) {
  const char *key;
  char names[256];
  size_t size = 0;
  json_t *value, *prompts = json_object_get(s->config, "prompts");
  if (s->told || json_object_size(prompts) == 0) return;
  s->told = true;
  json_object_foreach(prompts, key, value) {
    if (size >= sizeof names) break;
    size += (size_t)snprintf(names + size, sizeof names - size, "%s%.60s", size ? ", " : "", key);
  }
  att_log(s->ctx, ATT_LOG_NOTE,
          "the prompt \"%.60s\" is none that the folder names (%s): it is taken as the text itself", wish, names);
}

const char *att_sentence_prompt(att_sentence *sentence, const char *wish) {
  const char *name = wish ? wish : sentence->default_name;
  if (!name || !name[0]) return "";
  const json_t *value = json_object_get(json_object_get(sentence->config, "prompts"), name);
  if (value || always_named(name)) return json_is_string(value) ? json_string_value(value) : "";
  say_names(sentence, wish);
  return wish;
}

/* ---- relevance ------------------------------------------------------------------------------------------------- */

static att_status read_similarity(att_context *ctx, const json_t *config, att_relevance *out) {
  static const char *const names[] = {"cosine", "dot", "euclidean", "manhattan"};
  const char *name = NULL;
  ATT_TRY(att_json_string(ctx, CONFIG, config, "similarity_fn_name", false, &name));
  if (!name) return ATT_OK;
  for (size_t i = 0; i < COUNT(names); i++) {
    if (strcmp(name, names[i]) != 0) continue;
    out->similarity = (att_similarity)(ATT_SIMILARITY_COSINE + i);
    return ATT_OK;
  }
  return att_fail(ctx, ATT_UNSUPPORTED, CONFIG ": similarity_fn_name \"%.60s\" is not one that attend knows", name);
}

static att_status read_activation(att_context *ctx, const char *name, const json_t *object, const char *key,
                                  att_relevance *out) {
  const char *path = NULL;
  ATT_TRY(att_json_string(ctx, name, object, key, false, &path));
  if (!path) return ATT_OK;
  out->activation = att_torch_activation(path);
  if (out->activation) return ATT_OK;
  return att_fail(ctx, ATT_UNSUPPORTED, "%s: %s \"%.100s\" is not one that attend knows", name, key, path);
}

/* Where cross-encoders before sentence-transformers 5.4 say it. */
static att_status read_old_activation(att_context *ctx, const char *path, att_relevance *out) {
  json_t *root = NULL;
  if (!att_is_file(path)) return ATT_OK; /* a .gguf says nothing */
  ATT_TRY(att_json_open(ctx, path, &root));
  const json_t *now = json_object_get(root, "sentence_transformers");
  att_status status = json_object_get(now, "activation_fn")
                          ? read_activation(ctx, path, now, "activation_fn", out)
                          : read_activation(ctx, path, root, "sbert_ce_default_activation_function", out);
  json_decref(root);
  return status;
}

att_status att_relevance_read(att_context *ctx, const char *folder, const att_sentence *sentence, att_relevance *out) {
  const json_t *config = sentence ? sentence->config : NULL;
  *out = (att_relevance){.activation = att_torch_activation("torch.nn.Sigmoid"), .similarity = ATT_SIMILARITY_COSINE};
  if (config) ATT_TRY(read_similarity(ctx, config, out));
  if (json_is_string(json_object_get(config, "activation_fn"))) {
    return read_activation(ctx, CONFIG, config, "activation_fn", out);
  }
  if (sentence && sentence->place) folder = sentence->place;
  if (!folder) return ATT_OK;
  char *path = att_path(ctx, folder, "config.json");
  att_status status = path ? read_old_activation(ctx, path, out) : ATT_MEMORY;
  att_free(ctx, path);
  return status;
}

/* ---- writing --------------------------------------------------------------------------------------------------- */

/* Makes the folders of a path inside `folder`; *out: the last (att_free). */
static att_status make_folders(att_context *ctx, const char *folder, const char *path, char **out) {
  *out = place_in(ctx, folder, path);
  if (!*out) return ATT_MEMORY;
  for (char *at = *out + strlen(folder) + 1; path[0] && (at = strchr(at, '/')); at++) {
    *at = '\0';
    att_status status = att_folder_make(ctx, *out);
    *at = '/';
    ATT_TRY(status);
  }
  return path[0] ? att_folder_make(ctx, *out) : ATT_OK;
}

static att_status copy_where_there(att_context *ctx, const char *from, const char *to, const char *name) {
  char *source = att_path(ctx, from, name), *target = source ? att_path(ctx, to, name) : NULL;
  att_status status = !target ? ATT_MEMORY : att_file_exists(source) ? att_file_copy(ctx, source, target) : ATT_OK;
  att_free(ctx, source);
  att_free(ctx, target);
  return status;
}

/* A stage's folder. One without (an older Normalize has none), or with the Transformer's own files: nothing. */
static att_status copy_stage(const att_sentence *s, const char *name, const json_t *entry, const char *to) {
  module m = {0};
  ATT_TRY(read_module(s->ctx, name, entry, &m));
  char *from = place_in(s->ctx, s->folder, m.path), *target = NULL;
  att_status status = from ? ATT_OK : ATT_MEMORY;
  bool own = from && m.path[0] && strcmp(from, s->place) != 0 && att_file_exists(from);
  if (own) status = make_folders(s->ctx, to, m.path, &target);
  if (own && !status) status = att_folder_copy(s->ctx, from, target);
  att_free(s->ctx, from);
  att_free(s->ctx, target);
  return status;
}

static att_status copy_list(const att_sentence *s, const char *name, const json_t *list, const char *to, char **place) {
  module first = {0};
  ATT_TRY(read_first(s->ctx, name, list, &first));
  ATT_TRY(make_folders(s->ctx, to, first.path, place));
  for (size_t i = 1; i < json_array_size(list); i++) ATT_TRY(copy_stage(s, name, json_array_get(list, i), to));
  for (size_t i = 0; i < COUNT(transformer_configs); i++) {
    ATT_TRY(copy_where_there(s->ctx, s->place, *place, transformer_configs[i]));
  }
  ATT_TRY(copy_where_there(s->ctx, s->folder, to, CONFIG));
  return copy_where_there(s->ctx, s->folder, to, MODULES);
}

att_status att_sentence_copy_names(const att_sentence *sentence, const char *place) {
  ATT_TRY(copy_where_there(sentence->ctx, sentence->place, place, "special_tokens_map.json"));
  return copy_where_there(sentence->ctx, sentence->place, place, "tokenizer_config.json");
}

att_status att_sentence_copy(const att_sentence *sentence, const char *folder, char **place) {
  json_t *list;
  char *path;
  *place = NULL;
  att_status status = open_list(sentence, &path, &list);
  if (!status) status = copy_list(sentence, path, list, folder, place);
  if (status) {
    att_free(sentence->ctx, *place);
    *place = NULL;
  }
  json_decref(list);
  att_free(sentence->ctx, path);
  return status;
}
