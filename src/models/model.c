/* Owns making and freeing models, and att_model_open and att_model_save of attend.h: a folder to a model and back. */
#include "formats/file.h"
#include "models/family.h"
#include "models/parameters.h"

#include <string.h>

void att_model_close(att_model *model) {
  if (!model) return;
  att_context *ctx = model->ctx;
  if (model->calls) model->calls->free(model);
  att_parameters_free(model);
  att_tokenizer_free(model->tokenizer);
  if (model->info) att_free(ctx, (att_part_info *)model->info->parts);
  att_free(ctx, model->info);
  att_free(ctx, model->folder);
  att_free(ctx, model->config.labels);
  att_free(ctx, model);
}

/* The block, values zero but for the fixed tables. */
static att_status add_values(att_model *model) {
  ATT_TRY(att_parameters_place(model));
  if (model->calls->fill) model->calls->fill(model);
  return ATT_OK;
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
    if (p->trained) *parameters += p->rows * p->cols;
  }
  att_model_close(model);
  return ATT_OK;
}

att_status att_model_new(att_context *ctx, const att_config *config, att_tokenizer *tokenizer, uint64_t seed,
                         att_model **out) {
  att_model *model;
  *out = NULL;
  ATT_TRY(att_config_check(ctx, "the model", config));
  ATT_TRY(make_model(ctx, config, &model));
  att_status status = add_values(model);
  if (status) {
    att_model_close(model);
    return status;
  }
  att_parameters_initialise(model, seed);
  model->tokenizer = tokenizer;
  model->config.labels = config->labels;
  *out = model;
  return ATT_OK;
}

/* The special tokens that no config names. */
static void find_specials(att_model *model) {
  att_config *c = &model->config;
  const att_tokenizer *t = model->tokenizer;
  c->mask = att_tokenizer_id(t, "[MASK]") >= 0 ? att_tokenizer_id(t, "[MASK]") : att_tokenizer_id(t, "<mask>");
  c->unk = att_tokenizer_id(t, "<unk>") >= 0 ? att_tokenizer_id(t, "<unk>") : att_tokenizer_id(t, "[UNK]");
}

/* A parameter of another head's model, whose names may have the family's prefix or not. */
static const att_parameter *find_parameter(const att_model *model, const char *name) {
  for (size_t i = 0; i < model->parameter_count; i++) {
    const att_parameter *p = &model->parameters[i];
    if (strcmp(att_bare_name(model, p->name), att_bare_name(model, name)) == 0) return p;
  }
  return NULL;
}

static void copy_parameters(att_model *model, const att_model *body) {
  for (size_t i = 0; i < model->parameter_count; i++) {
    att_parameter *p = &model->parameters[i];
    const att_parameter *from = find_parameter(body, p->name);
    bool same = from && (from->in_file || !from->optional) && from->rows == p->rows && from->cols == p->cols;
    size_t size = (size_t)(p->rows * p->cols) * sizeof(float);
    if (!same) continue;
    memcpy(model->values + p->offset, body->values + from->offset, size);
    if (p->optional) p->in_file = true;
  }
}

att_status att_model_new_head(att_model *body, att_head head, char **labels, int64_t label_count, uint64_t seed,
                              att_model **out) {
  att_config config = body->config;
  config.head = head;
  config.labels = labels;
  config.label_count = label_count;
  ATT_TRY(att_model_new(body->ctx, &config, NULL, seed, out));
  copy_parameters(*out, body);
  (*out)->tokenizer = body->tokenizer;
  body->tokenizer = NULL;
  return ATT_OK;
}

static att_status load_tokenizer(att_model *model, const char *folder) {
  ATT_TRY(att_tokenizer_open_folder(model->ctx, folder, &model->tokenizer));
  int32_t size = att_tokenizer_size(model->tokenizer);
  if (size > model->config.vocab_size) {
    return att_fail(model->ctx, ATT_FORMAT, "%s: its tokenizer has %d tokens, config.json's vocab_size is %lld", folder,
                    (int)size, (long long)model->config.vocab_size);
  }
  find_specials(model);
  return ATT_OK;
}

/* The block is as large as config.json says: it is made once the file was seen to hold as much. */
static att_status load_weights(att_model *model, const char *folder) {
  char *path = att_path(model->ctx, folder, "model.safetensors");
  if (!path) return ATT_MEMORY;
  att_status status = att_model_check_weights(model, path);
  if (!status) status = add_values(model);
  if (!status) status = att_model_load_weights(model, path);
  att_free(model->ctx, path);
  return status;
}

att_status att_model_open(att_context *ctx, const char *folder, att_model **out) {
  *out = NULL;
  att_config config;
  att_model *model;
  ATT_TRY(att_model_check_folder(ctx, folder));
  ATT_TRY(att_config_read(ctx, folder, &config));
  att_status status = make_model(ctx, &config, &model);
  if (status) {
    att_free(ctx, config.labels);
    return status;
  }
  model->config.labels = config.labels;
  status = load_tokenizer(model, folder);
  if (!status) status = load_weights(model, folder);
  if (!status) {
    model->folder = att_copy_text(ctx, folder, strlen(folder));
    if (!model->folder) status = ATT_MEMORY;
  }
  if (status) {
    att_model_close(model);
    return status;
  }
  *out = model;
  return ATT_OK;
}

att_status att_model_save_settings(const att_model *model, const char *folder) {
  char *path = att_path(model->ctx, folder, "tokenizer.json");
  if (!path) return ATT_MEMORY;
  att_status status = att_tokenizer_save(model->tokenizer, path);
  att_free(model->ctx, path);
  return status ? status : att_config_write(model->ctx, folder, &model->config, model->tokenizer);
}

static att_status save_folder(att_model *model, const char *folder, bool half) {
  att_type before = model->config.storage;
  model->config.storage = half ? ATT_F16 : ATT_F32;
  att_status status = att_model_save_settings(model, folder);
  char *path = status ? NULL : att_path(model->ctx, folder, "model.safetensors");
  if (!status) status = path ? att_model_save_weights(model, model->values, path, model->config.storage) : ATT_MEMORY;
  att_free(model->ctx, path);
  model->config.storage = before;
  return status;
}

att_status att_model_save(att_model *model, const char *path, bool half) {
  att_folder *folder;
  ATT_TRY(att_folder_begin(model->ctx, path, &folder));
  return att_folder_end(folder, save_folder(model, att_folder_aside(folder), half));
}
