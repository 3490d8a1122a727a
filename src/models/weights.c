/* Owns the way of parameters from and to model.safetensors: names, aliases, shapes, types. */
#include "formats/safetensors.h"
#include "models/family.h"

#include <math.h>
#include <string.h>

static bool has_name(const att_parameter *p, const char *name) {
  if (strcmp(p->name, name) == 0) return true;
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

/* How many of the file's tensors are this parameter. */
static size_t count_names(const att_safetensors *file, const att_parameter *p) {
  size_t count = att_safetensors_find(file, p->name) != NULL;
  for (int i = 0; i < 4 && p->aliases[i]; i++) count += att_safetensors_find(file, p->aliases[i]) != NULL;
  return count;
}

static att_status refuse_foreign(const att_model *model, const char *path, const att_safetensors *file) {
  size_t count = att_safetensors_count(file), known = 0;
  for (size_t i = 0; i < model->parameter_count; i++) known += count_names(file, &model->parameters[i]);
  for (size_t i = 0; i < count && known < count; i++) {
    const char *name = att_safetensors_at(file, i)->name;
    bool belongs = is_ignored(model, name);
    for (size_t j = 0; j < model->parameter_count && !belongs; j++) belongs = has_name(&model->parameters[j], name);
    if (!belongs) {
      return att_fail(model->ctx, ATT_FORMAT, "%s: tensor %s does not belong to this kind of model", path, name);
    }
  }
  return ATT_OK;
}

static const att_stored *find(const att_safetensors *file, const att_parameter *p) {
  const att_stored *stored = att_safetensors_find(file, p->name);
  for (int i = 0; i < 4 && p->aliases[i] && !stored; i++) stored = att_safetensors_find(file, p->aliases[i]);
  return stored;
}

static bool has_shape(const att_stored *stored, const att_parameter *p) {
  if (stored->rank != p->rank) return false;
  return p->rank == 1 ? stored->shape[0] == p->cols : stored->shape[0] == p->rows && stored->shape[1] == p->cols;
}

static att_status check_one(const att_model *model, const char *path, const att_stored *stored,
                            const att_parameter *p) {
  if (!has_shape(stored, p)) {
    return att_fail(model->ctx, ATT_FORMAT, "%s: tensor %s has another shape than config.json asks for (%lld x %lld)",
                    path, stored->name, (long long)p->rows, (long long)p->cols);
  }
  if (stored->type == ATT_STORE_F32 || stored->type == ATT_STORE_F16 || stored->type == ATT_STORE_BF16) return ATT_OK;
  return att_fail(model->ctx, ATT_UNSUPPORTED, "%s: tensor %s is not of a float type that attend reads", path,
                  stored->name);
}

static att_status check_all(const att_model *model, const char *path, const att_safetensors *file) {
  ATT_TRY(refuse_foreign(model, path, file));
  for (size_t i = 0; i < model->parameter_count; i++) {
    const att_parameter *p = &model->parameters[i];
    const att_stored *stored = find(file, p);
    if (stored) {
      ATT_TRY(check_one(model, path, stored, p));
    } else if (p->in_file && !p->optional) {
      return att_fail(model->ctx, ATT_FORMAT, "%s: tensor %s is missing", path, p->name);
    }
  }
  return ATT_OK;
}

static att_status copy_all(const att_model *model, const char *path, const att_safetensors *file) {
  const att_kernels *k = att_kernels_get();
  for (size_t i = 0; i < model->parameter_count; i++) {
    const att_parameter *p = &model->parameters[i];
    const att_stored *stored = find(file, p);
    if (!stored) continue;
    float *values = model->values + p->offset;
    att_type type = stored->type == ATT_STORE_F32 ? ATT_F32 : stored->type == ATT_STORE_F16 ? ATT_F16 : ATT_BF16;
    k->to_f32(values, stored->data, type, stored->count);
    if (!isfinite(k->sum_squares(values, stored->count))) {
      return att_fail(model->ctx, ATT_NUMERIC, "%s: tensor %s holds NaN or infinity", path, stored->name);
    }
  }
  return ATT_OK;
}

att_status att_model_check_weights(const att_model *model, const char *path) {
  att_safetensors *file;
  ATT_TRY(att_safetensors_open(model->ctx, path, &file));
  att_status status = check_all(model, path, file);
  att_safetensors_close(file);
  return status;
}

att_status att_model_load_weights(att_model *model, const char *path) {
  att_safetensors *file;
  ATT_TRY(att_safetensors_open(model->ctx, path, &file));
  att_status status = check_all(model, path, file);
  if (!status) status = copy_all(model, path, file);
  for (size_t i = 0; i < att_safetensors_count(file); i++) {
    model->file_bytes += (int64_t)att_safetensors_at(file, i)->size;
  }
  att_safetensors_close(file);
  return status;
}

static void put(att_to_store *tensor, const att_parameter *p, const char *name, const float *values, att_type type) {
  static const att_storage storage[ATT_TYPE_COUNT] = {ATT_STORE_F32, ATT_STORE_F16, ATT_STORE_BF16};
  *tensor = (att_to_store){.name = name, .type = storage[type], .rank = p->rank, .data = values + p->offset};
  tensor->shape[0] = p->rank == 1 ? p->cols : p->rows;
  tensor->shape[1] = p->rank == 1 ? 0 : p->cols;
}

att_status att_model_save_weights(const att_model *model, const float *values, const char *path, att_type type) {
  att_to_store *tensors = ATT_NEW(model->ctx, model->parameter_count * 5, att_to_store);
  if (!tensors) return ATT_MEMORY;
  size_t count = 0;
  for (size_t i = 0; i < model->parameter_count; i++) {
    const att_parameter *p = &model->parameters[i];
    if (!p->in_file) continue;
    put(&tensors[count++], p, p->name, values, type);
    for (int j = 0; p->save_aliases && j < 4 && p->aliases[j]; j++)
      put(&tensors[count++], p, p->aliases[j], values, type);
  }
  att_status status = att_safetensors_write(model->ctx, path, tensors, count);
  att_free(model->ctx, tensors);
  return status;
}
