/* Owns making and freeing models, and att_model_open and att_model_save of attend.h: a folder to a model and back. */
#include "formats/file.h"
#include "formats/gguf.h"
#include "models/ggml_whisper.h"
#include "models/gguf_names.h"
#include "models/head.h"
#include "models/mixture.h"
#include "models/parameters.h"
#include "models/sentence.h"
#include "models/series_front.h"
#include "text/token_trie.h"

#include <stdio.h>
#include <string.h>

void att_model_close(att_model *model) {
  if (!model) return;
  att_context *ctx = model->ctx;
  if (model->calls) model->calls->free(model);
  att_parameters_free(model);
  att_tensor_file_close(model->file);
  att_token_trie_free(ctx, model->trie);
  att_tokenizer_free(model->tokenizer);
  att_generation_free(ctx, &model->generation);
  if (model->info) att_free(ctx, (void *)model->info->parts);
  att_free(ctx, model->info);
  att_sentence_free(model->sentence);
  att_series_front_free(ctx, model->series);
  att_free(ctx, model->folder);
  att_free(ctx, model->head_layers);
  att_free(ctx, model->config.labels);
  att_free(ctx, model);
}

/* A model with its table, and neither block nor labels yet. */
static att_status make_model(att_context *ctx, const att_config *config, att_model **out) {
  *out = NULL;
  att_model *model = ATT_NEW(ctx, 1, att_model);
  if (!model) return ATT_MEMORY;
  model->ctx = ctx;
  model->config = *config;
  model->config.labels = NULL;
  model->calls = att_family_get(config->family);
  model->head = att_head_get(config->head);
  att_status status = model->calls->plan(model);
  if (status) {
    att_model_close(model);
    return status;
  }
  *out = model;
  return ATT_OK;
}

att_status att_model_count(att_context *ctx, const att_config *config, int64_t *parameters) {
  att_model *model;
  *parameters = 0;
  ATT_TRY(att_config_check(ctx, "the model", config));
  ATT_TRY(make_model(ctx, config, &model));
  for (size_t i = 0; i < model->parameter_count; i++) {
    const att_parameter *p = &model->parameters[i];
    if (!p->fixed) *parameters += p->rows * p->cols;
  }
  att_model_close(model);
  return ATT_OK;
}

/* What is never trained has memory of its own. */
static att_status allocate_fixed(att_model *model) {
  for (size_t i = 0; i < model->parameter_count; i++) {
    if (model->parameters[i].fixed) ATT_TRY(att_parameter_allocate(model, &model->parameters[i], ATT_F32));
  }
  return ATT_OK;
}

att_status att_model_new(att_context *ctx, const att_config *config, att_tokenizer *tokenizer, uint64_t seed,
                         att_model **out) {
  att_model *model;
  *out = NULL;
  ATT_TRY(att_config_check(ctx, "the model", config));
  ATT_TRY(make_model(ctx, config, &model));
  att_status status = allocate_fixed(model);
  if (!status) status = att_model_train(model, NULL, NULL);
  if (!status) status = att_generation_new(ctx, config, &model->generation);
  if (status) {
    att_model_close(model);
    return status;
  }
  if (model->calls->fill) model->calls->fill(model);
  att_parameters_initialise(model, seed, NULL);
  if (model->calls->initialise) model->calls->initialise(model, seed);
  model->tokenizer = tokenizer;
  model->config.labels = config->labels;
  *out = model;
  return ATT_OK;
}

/* The first of two spellings that the model has a token for. */
static int32_t find_special(const att_model *model, const char *one, const char *other) {
  const att_tokenizer *t = model->tokenizer;
  int32_t id = att_tokenizer_id(t, one) >= 0 ? att_tokenizer_id(t, one) : att_tokenizer_id(t, other);
  return id < model->config.vocab_size ? id : -1;
}

/* By a name without prefix: another head's model may have another. */
static att_parameter *find_parameter(const att_model *model, const char *bare) {
  for (size_t i = 0; i < model->parameter_count; i++) {
    att_parameter *p = &model->parameters[i];
    if (strcmp(att_bare_name(model, p->name), bare) == 0) return p;
  }
  return NULL;
}

static bool same_shape(const att_parameter *p, const att_parameter *from) {
  return from && (from->in_file || !from->optional) && from->rows == p->rows && from->cols == p->cols;
}

/* The values of what the body has too, as they are stored, leave it; what it has not is fresh. A body that was trained
 * hands its block over by copies. */
static att_status take_values(att_model *model, att_model *body, bool *fresh) {
  for (size_t i = 0; i < model->parameter_count; i++) {
    att_parameter *p = &model->parameters[i], *from = find_parameter(body, att_bare_name(model, p->name));
    fresh[i] = !same_shape(p, from);
    if (fresh[i] || from->trained) {
      ATT_TRY(att_parameter_allocate(model, p, ATT_F32));
      if (!fresh[i]) memcpy(p->memory, from->data, (size_t)(p->rows * p->cols) * sizeof(float));
      continue;
    }
    p->data = from->data;
    p->memory = from->memory;
    p->type = from->type;
    p->file_type = from->file_type;
    from->memory = NULL;
    if (p->optional) p->in_file = true;
  }
  model->file = body->file;
  body->file = NULL;
  return ATT_OK;
}

static att_status move_body(att_model *model, att_model *body, uint64_t seed) {
  bool *fresh = ATT_NEW(model->ctx, model->parameter_count, bool);
  if (!fresh) return ATT_MEMORY;
  att_status status = take_values(model, body, fresh);
  if (!status) {
    att_parameters_point(model);
    if (model->calls->fill) model->calls->fill(model);
    att_parameters_initialise(model, seed, fresh);
  }
  att_free(model->ctx, fresh);
  return status;
}

att_status att_model_new_head(att_model *body, att_head head, char **labels, int64_t label_count, uint64_t seed,
                              att_model **out) {
  att_config config = body->config;
  att_model *model;
  *out = NULL;
  config.head = head;
  config.labels = labels;
  config.label_count = label_count;
  ATT_TRY(att_config_check(body->ctx, "the model", &config));
  ATT_TRY(make_model(body->ctx, &config, &model));
  att_status status = move_body(model, body, seed);
  if (status) {
    att_model_close(model);
    return status;
  }
  model->config.labels = labels;
  model->tokenizer = body->tokenizer;
  model->series = body->series;
  body->tokenizer = NULL;
  body->series = NULL;
  if (model->head->output) {
    model->generation = body->generation;
    body->generation = (att_generation){0};
  }
  *out = model;
  return ATT_OK;
}

att_status att_model_check_text(const att_model *model) {
  if (model->tokenizer) return ATT_OK;
  if (model->config.input_width == 0) {
    return att_fail(model->ctx, ATT_UNSUPPORTED,
                    "the model has no tokenizer: its folder needs a tokenizer.json, its .gguf tokenizer.ggml.model");
  }
  if (model->series) {
    return att_fail(model->ctx, ATT_UNSUPPORTED,
                    "the model reads series of %lld channels, not text: give a .ts or .csv file",
                    (long long)model->series->channels);
  }
  return att_fail(model->ctx, ATT_UNSUPPORTED, "the model reads rows of %lld numbers, not text",
                  (long long)model->config.input_width);
}

/* It may have more tokens than the model: a text that has one of these is refused, not the model. file: a .gguf, which
 * may have none, or NULL. */
static att_status load_tokenizer(att_model *model, const char *folder, const att_tensor_file *file) {
  if (model->config.vocab_size == 0) return ATT_OK;
  if (file && !att_gguf_find(file->metadata, "tokenizer.ggml.model")) return ATT_OK;
  if (file) ATT_TRY(att_tokenizer_open_gguf(model->ctx, file->metadata, &model->tokenizer));
  if (!file) ATT_TRY(att_tokenizer_open_folder(model->ctx, folder, &model->tokenizer));
  model->config.mask = find_special(model, "[MASK]", "<mask>"); /* no config names these */
  model->config.unk = find_special(model, "<unk>", "[UNK]");
  return ATT_OK;
}

/* A table for other ties than config.json says, where the file has two tensors that differ. */
static att_status untie(att_model **model, const att_tensor_file *file) {
  att_model *before = *model, *after;
  att_config config = before->config;
  if (!config.tie_word_embeddings || !att_model_ties_differ(before, file)) return ATT_OK;
  if (!before->calls->tie_unsaid) {
    att_log(before->ctx, ATT_LOG_WARNING,
            "%s: the output projection is not the embedding that config.json ties it to; it is used as it is",
            file->path);
  }
  config.tie_word_embeddings = false;
  ATT_TRY(make_model(before->ctx, &config, &after));
  after->config.labels = before->config.labels;
  after->tokenizer = before->tokenizer;
  after->series = before->series;
  after->generation = before->generation;
  before->config.labels = NULL;
  before->generation = (att_generation){0};
  before->tokenizer = NULL;
  before->series = NULL;
  att_model_close(before);
  *model = after;
  return ATT_OK;
}

/* Takes the file. */
static att_status take_file(att_model **model, att_tensor_file *file) {
  att_status status = untie(model, file);
  if (status) {
    att_tensor_file_close(file);
    return status;
  }
  ATT_TRY(att_model_take_weights(*model, file));
  if ((*model)->calls->fill) (*model)->calls->fill(*model);
  return ATT_OK;
}

static att_status load_weights(att_model **model, const char *folder) {
  att_tensor_file *file;
  ATT_TRY(att_weights_open((*model)->ctx, folder, "model", &file));
  return take_file(model, file);
}

/* The table of a config, whose labels the model takes whatever comes of it. */
static att_status begin_model(att_context *ctx, const att_config *config, att_model **out) {
  att_status status = make_model(ctx, config, out);
  if (!status) (*out)->config.labels = config->labels;
  if (status) att_free(ctx, config->labels);
  return status;
}

static att_status read_folder(att_model **model, const char *folder) {
  att_context *ctx = (*model)->ctx;
  int64_t width = att_config_row_width(&(*model)->config);
  if (width) ATT_TRY(att_series_front_read(ctx, folder, width, &(*model)->series));
  ATT_TRY(att_generation_read(ctx, folder, &(*model)->config, &(*model)->generation));
  ATT_TRY(load_tokenizer(*model, folder, NULL));
  return load_weights(model, folder);
}

/* Closes a model that did not open whole; gives one that did, which is called `name`. */
static att_status give_model(att_model *model, att_status status, const char *name, att_model **out) {
  if (!status) model->folder = att_copy_text(model->ctx, name, strlen(name));
  if (!status && !model->folder) status = ATT_MEMORY;
  if (status) {
    att_model_close(model);
  } else {
    *out = model;
  }
  return status;
}

static att_status open_folder(att_context *ctx, const char *folder, att_model **out) {
  att_config config;
  att_model *model;
  ATT_TRY(att_model_check_folder(ctx, folder));
  ATT_TRY(att_config_read(ctx, folder, &config));
  ATT_TRY(begin_model(ctx, &config, &model));
  att_status status = read_folder(&model, folder);
  return give_model(model, status, folder, out);
}

/* ---- a .gguf -------------------------------------------------------------------------------------------------- */

/* llama.cpp's numbers: 1 the mean, 2 the first token, 3 the last. */
static att_status read_pooling(att_model *model, const att_gguf_metadata *m, const char *architecture) {
  static const att_pooling poolings[] = {ATT_POOL_DEFAULT, ATT_POOL_MEAN, ATT_POOL_FIRST, ATT_POOL_LAST};
  char key[64];
  int64_t kind = 0;
  snprintf(key, sizeof key, "%.40s.pooling_type", architecture);
  ATT_TRY(att_gguf_int(m, key, false, INT32_MIN, INT32_MAX, &kind));
  if (kind < 1 || kind > 3) return ATT_OK;
  return att_sentence_of_pooling(model->ctx, poolings[kind], &model->sentence);
}

/* Takes the file. */
static att_status read_file(att_model **model, const char *path, const att_gguf_architecture *a, json_t *root,
                            att_tensor_file *file) {
  att_model *made = *model;
  att_status status = att_generation_take_config(made->ctx, path, json_incref(root), &made->config, &made->generation);
  if (!status) status = load_tokenizer(made, NULL, file);
  if (!status) status = read_pooling(made, file->metadata, a->name);
  if (!status) return take_file(model, file);
  att_tensor_file_close(file);
  return status;
}

/* Takes the file. */
static att_status make_from_file(att_context *ctx, const char *path, const att_gguf_architecture *a, json_t *root,
                                 att_tensor_file *file, att_model **out) {
  att_config config;
  att_model *model;
  att_status status = att_gguf_rename(file, a, root);
  if (!status) status = att_config_take(ctx, path, root, &config);
  if (!status) status = begin_model(ctx, &config, &model);
  if (status) {
    att_tensor_file_close(file);
    return status;
  }
  status = read_file(&model, path, a, root, file);
  return give_model(model, status, path, out);
}

static att_status open_gguf(att_context *ctx, const char *path, att_model **out) {
  att_tensor_file *file;
  const att_gguf_architecture *a;
  json_t *root = NULL;
  ATT_TRY(att_gguf_open(ctx, path, &file));
  att_status status = att_gguf_architecture_of(file->metadata, &a);
  if (!status) status = att_gguf_read_config(file, a, &root);
  if (status) {
    att_tensor_file_close(file);
    return status;
  }
  status = make_from_file(ctx, path, a, root, file, out);
  json_decref(root);
  return status;
}

/* ---- a file of whisper.cpp ------------------------------------------------------------------------------------ */

/* Takes the file. */
static att_status read_ggml(att_model **model, const char *path, const att_ggml_head *head, json_t *root,
                            att_tensor_file *file) {
  att_model *made = *model;
  att_status status = att_ggml_whisper_tokenizer(made->ctx, path, head, &made->tokenizer);
  if (!status) status = att_ggml_whisper_suppress(made->ctx, made->tokenizer, root);
  if (!status)
    status = att_generation_take_config(made->ctx, path, json_incref(root), &made->config, &made->generation);
  if (!status) return take_file(model, file);
  att_tensor_file_close(file);
  return status;
}

static att_status open_ggml(att_context *ctx, const char *path, att_model **out) {
  att_tensor_file *file;
  const att_ggml_head *head;
  att_config config;
  att_model *model;
  json_t *root = NULL;
  ATT_TRY(att_ggml_open(ctx, path, &file, &head));
  att_status status = att_ggml_whisper_config(file, head, &root);
  if (!status) status = att_ggml_whisper_rename(file);
  if (!status) status = att_config_take(ctx, path, root, &config);
  if (!status) status = begin_model(ctx, &config, &model);
  if (status) {
    att_tensor_file_close(file);
    json_decref(root);
    return status;
  }
  status = read_ggml(&model, path, head, root, file);
  json_decref(root);
  return give_model(model, status, path, out);
}

/* ---- opening -------------------------------------------------------------------------------------------------- */

att_status att_model_open(att_context *ctx, const char *folder, att_model **out) {
  att_sentence *sentence;
  *out = NULL;
  if (att_is_gguf_path(folder)) return open_gguf(ctx, folder, out);
  if (att_is_ggml_path(folder)) return open_ggml(ctx, folder, out);
  ATT_TRY(att_sentence_find(ctx, folder, &sentence));
  att_status status = open_folder(ctx, sentence ? sentence->place : folder, out);
  if (status) {
    att_sentence_free(sentence);
    return status;
  }
  (*out)->sentence = sentence;
  return ATT_OK;
}

att_status att_model_save_settings(const att_model *model, const char *folder) {
  char *path = att_path(model->ctx, folder, "tokenizer.json");
  if (!path) return ATT_MEMORY;
  att_status status = model->tokenizer ? att_tokenizer_save(model->tokenizer, path) : ATT_OK;
  att_free(model->ctx, path);
  if (!status) status = att_generation_write(model->ctx, folder, &model->generation);
  if (!status && model->series) status = att_series_front_write(model->ctx, folder, model->series);
  return status ? status : att_config_write(model->ctx, folder, &model->config, model->tokenizer);
}

/* wanted NULL: as the parameters came. */
static att_status save_model(att_model *model, const char *folder, const att_mixture *wanted) {
  ATT_TRY(att_model_save_settings(model, folder));
  return att_model_save_weights(model, folder, "model", wanted);
}

static att_status save_file(att_model *model, const char *path, const att_mixture *wanted) {
  if (!att_file_exists(path)) return att_model_save_gguf(model, path, wanted);
  return att_fail(model->ctx, ATT_ARGUMENT, "%s: is there; name another file", path);
}

static att_status find_mixture(att_context *ctx, const char *type, const att_mixture **out) {
  char names[256];
  *out = type ? att_mixture_find(type) : NULL;
  if (!type || *out) return ATT_OK;
  att_mixture_names(names, sizeof names);
  return att_fail(ctx, ATT_ARGUMENT, "type is \"%.60s\": it must be one of %s", type, names);
}

/* With the stages of a pipeline where there is one. */
static att_status save_folder(att_model *model, const char *folder, const att_mixture *wanted) {
  att_type before = model->config.storage;
  if (wanted) model->config.storage = wanted->type;
  char *place = NULL;
  bool stages = model->sentence && model->sentence->folder;
  att_status status = stages ? att_sentence_copy(model->sentence, folder, &place) : ATT_OK;
  if (!status) status = save_model(model, place ? place : folder, wanted);
  if (!status && place) status = att_sentence_copy_names(model->sentence, place);
  att_free(model->ctx, place);
  model->config.storage = before;
  return status;
}

att_status att_model_save(att_model *model, const char *path, const char *type) {
  att_folder *folder;
  const att_mixture *wanted;
  ATT_TRY(find_mixture(model->ctx, type, &wanted));
  if (att_is_gguf_path(path)) return save_file(model, path, wanted);
  ATT_TRY(att_folder_begin(model->ctx, path, &folder));
  return att_folder_end(folder, save_folder(model, att_folder_aside(folder), wanted));
}
