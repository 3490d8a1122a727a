/* Owns the way of parameters from and to model.safetensors: names, aliases, shapes, types. */
#include "formats/safetensors.h"
#include "models/family.h"
#include "models/parameters.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define ATT_LONGEST_NAME 256

const char *att_bare_name(const att_model *model, const char *name) {
  const char *prefix = model->calls->prefix;
  size_t size = prefix ? strlen(prefix) : 0;
  return size && strncmp(name, prefix, size) == 0 ? name + size : name;
}

/* BERT's norms as its first files called them: "LayerNorm.gamma". out: [ATT_LONGEST_NAME]; whether there is such a
 * name. */
static bool older_name(const char *name, char *out) {
  static const char *const ends[][2] = {{"LayerNorm.weight", "LayerNorm.gamma"}, {"LayerNorm.bias", "LayerNorm.beta"}};
  size_t size = strlen(name);
  for (int i = 0; i < 2; i++) {
    size_t tail = strlen(ends[i][0]);
    if (size < tail || strcmp(name + size - tail, ends[i][0]) != 0) continue;
    snprintf(out, ATT_LONGEST_NAME, "%.*s%s", (int)(size - tail), name, ends[i][1]);
    return true;
  }
  return false;
}

static bool has_name(const att_model *model, const att_parameter *p, const char *name) {
  char older[ATT_LONGEST_NAME];
  if (strcmp(att_bare_name(model, p->name), att_bare_name(model, name)) == 0) return true;
  if (older_name(p->name, older) && strcmp(att_bare_name(model, older), att_bare_name(model, name)) == 0) return true;
  for (int i = 0; i < 4 && p->aliases[i]; i++) {
    if (strcmp(p->aliases[i], name) == 0) return true;
  }
  return false;
}

static bool is_ignored(const att_model *model, const char *name) {
  const char *const *part = model->calls->ignored;
  for (; part && *part; part++) {
    if (strstr(name, *part)) return true;
  }
  return false;
}

/* With the prefix or without, whichever the file has. */
static const att_stored *find_either(const att_model *model, const att_safetensors *file, const char *name) {
  const att_stored *stored = att_safetensors_find(file, name);
  const char *prefix = model->calls->prefix, *tail = att_bare_name(model, name);
  if (stored || !prefix) return stored;
  char whole[ATT_LONGEST_NAME];
  snprintf(whole, sizeof whole, "%s%s", prefix, tail);
  stored = att_safetensors_find(file, whole);
  return stored ? stored : att_safetensors_find(file, tail);
}

static const att_stored *find_name(const att_model *model, const att_safetensors *file, const char *name) {
  char older[ATT_LONGEST_NAME];
  const att_stored *stored = find_either(model, file, name);
  return !stored && older_name(name, older) ? find_either(model, file, older) : stored;
}

/* The file's tensor of a parameter, and how many it has under its names. */
static const att_stored *find(const att_model *model, const att_safetensors *file, const att_parameter *p,
                              size_t *count) {
  const att_stored *stored = find_name(model, file, p->name);
  *count = stored != NULL;
  for (int i = 0; i < 4 && p->aliases[i]; i++) {
    const att_stored *other = att_safetensors_find(file, p->aliases[i]);
    *count += other != NULL;
    if (!stored) stored = other;
  }
  return stored;
}

static att_status refuse_foreign(const att_model *model, const att_safetensors *file) {
  size_t count = att_safetensors_count(file), known = 0, names;
  for (size_t i = 0; i < model->parameter_count; i++) {
    find(model, file, &model->parameters[i], &names);
    known += names;
  }
  for (size_t i = 0; i < count && known < count; i++) {
    const char *name = att_safetensors_at(file, i)->name;
    bool belongs = is_ignored(model, name);
    for (size_t j = 0; j < model->parameter_count && !belongs; j++) {
      belongs = has_name(model, &model->parameters[j], name);
    }
    if (!belongs) {
      return att_fail(model->ctx, ATT_FORMAT, "%s: tensor %s does not belong to this kind of model",
                      att_safetensors_path(file), name);
    }
  }
  return ATT_OK;
}

static bool has_shape(const att_stored *stored, const att_parameter *p) {
  if (stored->rank != p->rank) return false;
  if (p->rank == 1) return stored->shape[0] == p->cols;
  int64_t rows = p->transposed ? p->cols : p->rows, cols = p->transposed ? p->rows : p->cols;
  return stored->shape[0] == rows && stored->shape[1] == cols;
}

static att_status check_one(const att_model *model, const char *path, const att_stored *stored,
                            const att_parameter *p) {
  if (!has_shape(stored, p)) {
    return att_fail(model->ctx, ATT_FORMAT, "%s: tensor %s has another shape than config.json asks for (%lld x %lld)",
                    path, stored->name, (long long)(p->transposed ? p->cols : p->rows),
                    (long long)(p->transposed ? p->rows : p->cols));
  }
  if (stored->type == ATT_STORE_F32 || stored->type == ATT_STORE_F16 || stored->type == ATT_STORE_BF16) return ATT_OK;
  return att_fail(model->ctx, ATT_UNSUPPORTED, "%s: tensor %s is not of a float type that attend reads", path,
                  stored->name);
}

static att_status check_all(const att_model *model, const att_safetensors *file) {
  const char *path = att_safetensors_path(file);
  ATT_TRY(refuse_foreign(model, file));
  for (size_t i = 0; i < model->parameter_count; i++) {
    const att_parameter *p = &model->parameters[i];
    size_t names;
    const att_stored *stored = find(model, file, p, &names);
    if (stored) {
      ATT_TRY(check_one(model, path, stored, p));
    } else if (p->in_file && !p->optional) {
      return att_fail(model->ctx, ATT_FORMAT, "%s: tensor %s is missing", path, p->name);
    }
  }
  return ATT_OK;
}

/* out[cols, rows] = in[rows, cols] */
static void transpose(float *out, const float *in, int64_t rows, int64_t cols) {
  for (int64_t i = 0; i < rows; i++) {
    for (int64_t j = 0; j < cols; j++) out[j * rows + i] = in[i * cols + j];
  }
}

static att_status copy_one(const att_model *model, const att_stored *stored, const att_parameter *p) {
  const att_kernels *k = att_kernels_get();
  float *values = model->values + p->offset, *straight = values;
  att_type type = stored->type == ATT_STORE_F32 ? ATT_F32 : stored->type == ATT_STORE_F16 ? ATT_F16 : ATT_BF16;
  if (p->transposed) straight = ATT_NEW(model->ctx, stored->count, float);
  if (!straight) return ATT_MEMORY;
  k->to_f32(straight, stored->data, type, stored->count);
  if (!p->transposed) return ATT_OK;
  transpose(values, straight, p->cols, p->rows);
  att_free(model->ctx, straight);
  return ATT_OK;
}

static att_status copy_all(att_model *model, const att_safetensors *file) {
  const att_kernels *k = att_kernels_get();
  for (size_t i = 0; i < model->parameter_count; i++) {
    att_parameter *p = &model->parameters[i];
    size_t names;
    const att_stored *stored = find(model, file, p, &names);
    if (!stored) continue;
    if (att_is_interrupted(model->ctx)) {
      return att_fail(model->ctx, ATT_INTERRUPTED, "%s: interrupted while reading", att_safetensors_path(file));
    }
    if (p->optional) p->in_file = true;
    ATT_TRY(copy_one(model, stored, p));
    if (!isfinite(k->sum_squares(model->values + p->offset, stored->count))) {
      return att_fail(model->ctx, ATT_NUMERIC, "%s: tensor %s holds NaN or infinity", att_safetensors_path(file),
                      stored->name);
    }
  }
  return ATT_OK;
}

att_status att_model_check_weights(const att_model *model, const char *path) {
  att_safetensors *file;
  ATT_TRY(att_safetensors_open(model->ctx, path, &file));
  att_status status = check_all(model, file);
  att_safetensors_close(file);
  return status;
}

att_status att_model_load_weights(att_model *model, const char *path) {
  att_safetensors *file;
  ATT_TRY(att_safetensors_open(model->ctx, path, &file));
  att_status status = check_all(model, file);
  if (!status) status = copy_all(model, file);
  for (size_t i = 0; i < att_safetensors_count(file); i++) {
    model->file_bytes += (int64_t)att_safetensors_at(file, i)->size;
  }
  att_safetensors_close(file);
  return status;
}

static void put(att_to_store *tensor, const att_parameter *p, const char *name, const float *values, att_type type) {
  static const att_storage storage[ATT_TYPE_COUNT] = {ATT_STORE_F32, ATT_STORE_F16, ATT_STORE_BF16};
  *tensor = (att_to_store){
      .name = name, .type = storage[type], .rank = p->rank, .data = values + p->offset, .transposed = p->transposed};
  tensor->shape[0] = p->rank == 1 || p->transposed ? p->cols : p->rows;
  tensor->shape[1] = p->rank == 1 ? 0 : p->transposed ? p->rows : p->cols;
}

att_status att_model_save_weights(const att_model *model, const float *values, const char *path, att_type type) {
  att_to_store *tensors = ATT_NEW(model->ctx, model->parameter_count * 5, att_to_store);
  if (!tensors) return ATT_MEMORY;
  size_t count = 0;
  for (size_t i = 0; i < model->parameter_count; i++) {
    const att_parameter *p = &model->parameters[i];
    if (!p->in_file) continue;
    put(&tensors[count++], p, p->name, values, type);
    for (int j = 0; p->save_aliases && j < 4 && p->aliases[j]; j++) {
      put(&tensors[count++], p, p->aliases[j], values, type);
    }
  }
  att_status status = att_safetensors_write(model->ctx, path, tensors, count);
  att_free(model->ctx, tensors);
  return status;
}
