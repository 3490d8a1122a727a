/* Owns the way of parameters from a file of tensors: names, aliases, shapes, types, what is mapped and what is copied.
 */
#include "base/parallel.h"
#include "formats/gguf.h"
#include "formats/safetensors.h"
#include "models/family.h"
#include "models/parameters.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define ATT_LONGEST_NAME 256

static const char *behind(const char *name, const char *prefix) {
  size_t size = strlen(prefix);
  return strncmp(name, prefix, size) == 0 ? name + size : NULL;
}

const char *att_bare_name(const att_model *model, const char *name) {
  const char *prefix = model->calls->prefix, *bare = NULL;
  for (const char *const *outer = model->calls->outer; outer && *outer && !bare; outer++) bare = behind(name, *outer);
  if (!bare && prefix) bare = behind(name, prefix);
  return bare ? bare : name;
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

/* With the prefix, without, or with another, whichever the file has. */
static const att_stored *find_either(const att_model *model, const att_tensor_file *file, const char *name) {
  const att_stored *stored = att_tensor_file_find(file, name);
  const char *prefix = model->calls->prefix, *tail = att_bare_name(model, name);
  if (stored || !prefix) return stored;
  char whole[ATT_LONGEST_NAME];
  snprintf(whole, sizeof whole, "%s%s", prefix, tail);
  stored = att_tensor_file_find(file, whole);
  if (!stored) stored = att_tensor_file_find(file, tail);
  for (const char *const *outer = model->calls->outer; outer && *outer && !stored; outer++) {
    snprintf(whole, sizeof whole, "%s%s", *outer, tail);
    stored = att_tensor_file_find(file, whole);
  }
  return stored;
}

static const att_stored *find_name(const att_model *model, const att_tensor_file *file, const char *name) {
  char older[ATT_LONGEST_NAME];
  const att_stored *stored = find_either(model, file, name);
  return !stored && older_name(name, older) ? find_either(model, file, older) : stored;
}

/* The file's tensor of a parameter, and how many it has under its names. */
static const att_stored *find(const att_model *model, const att_tensor_file *file, const att_parameter *p,
                              size_t *count) {
  const att_stored *stored = find_name(model, file, p->name);
  *count = stored != NULL;
  for (int i = 0; i < 4 && p->aliases[i]; i++) {
    const att_stored *other = att_tensor_file_find(file, p->aliases[i]);
    *count += other != NULL;
    if (!stored) stored = other;
  }
  return stored;
}

/* Tensors of the file that are nobody's: Transformers passes them over too, but says so. */
static void say_foreign(const att_model *model, const att_tensor_file *file) {
  char names[160] = "";
  size_t foreign = 0, size = 0;
  for (size_t i = 0; i < file->count; i++) {
    const char *name = file->tensors[i].name;
    bool belongs = is_ignored(model, name);
    for (size_t j = 0; j < model->parameter_count && !belongs; j++) {
      belongs = has_name(model, &model->parameters[j], name);
    }
    if (belongs) continue;
    if (foreign++ < 3 && size < sizeof names) {
      size += (size_t)snprintf(names + size, sizeof names - size, "%s%.60s", size ? ", " : "", name);
    }
  }
  if (foreign) {
    att_log(model->ctx, ATT_LOG_WARNING, "%s: %zu tensors are no part of this kind of model and are not used: %s%s",
            file->path, foreign, names, foreign > 3 ? ", ..." : "");
  }
}

/* The tensors of the model itself, whatever their number. */
static bool all_known(const att_model *model, const att_tensor_file *file) {
  size_t known = 0, names;
  for (size_t i = 0; i < model->parameter_count; i++) {
    find(model, file, &model->parameters[i], &names);
    known += names;
  }
  return known == file->count;
}

/* Whether the file has it as [cols, rows]. */
static bool is_turned(const att_tensor_file *file, const att_parameter *p) { return p->transposed && !file->upright; }

static bool has_shape(const att_tensor_file *file, const att_stored *stored, const att_parameter *p) {
  const int64_t *shape = stored->shape, kernel = p->kernel;
  if (kernel) return stored->rank == 3 && shape[0] == p->rows && shape[1] == p->cols / kernel && shape[2] == kernel;
  if (stored->rank != p->rank) return false;
  if (stored->heads > 0 && stored->shape[0] % (2 * stored->heads) != 0) return false;
  if (p->rank == 1) return shape[0] == p->cols;
  bool turned = is_turned(file, p);
  return shape[0] == (turned ? p->cols : p->rows) && shape[1] == (turned ? p->rows : p->cols);
}

static att_status check_one(const att_model *model, const att_tensor_file *file, const att_stored *stored,
                            const att_parameter *p) {
  if (!has_shape(file, stored, p)) {
    bool turned = is_turned(file, p);
    return att_fail(model->ctx, ATT_FORMAT, "%s: tensor %s has another shape than %s for (%lld x %lld)", file->path,
                    stored->name, file->metadata ? "its settings ask" : "config.json asks",
                    (long long)(turned ? p->cols : p->rows), (long long)(turned ? p->rows : p->cols));
  }
  if (stored->type < (p->kernel ? ATT_FLOAT_TYPES : ATT_WEIGHT_TYPES)) return ATT_OK;
  return att_fail(model->ctx, ATT_UNSUPPORTED, "%s: tensor %s is of the type %s, of which attend reads no weights",
                  file->path, stored->name, stored->label);
}

att_status att_model_check_weights(const att_model *model, const att_tensor_file *file) {
  for (size_t i = 0; i < model->parameter_count; i++) {
    const att_parameter *p = &model->parameters[i];
    size_t names;
    const att_stored *stored = find(model, file, p, &names);
    if (stored) {
      ATT_TRY(check_one(model, file, stored, p));
    } else if (p->in_file && !p->optional) {
      return att_fail(model->ctx, ATT_FORMAT, "%s: tensor %s is missing", file->path, p->name);
    }
  }
  if (!all_known(model, file)) say_foreign(model, file);
  return ATT_OK;
}

/* ---- reading -------------------------------------------------------------------------------------------------- */

/* Numbers looked at together: whole blocks of every type. */
#define ATT_FINITE_BLOCK ((int64_t)1 << 16)

typedef struct finite_task {
  const char *data;
  att_type type;
  int64_t count;
  bool *bad; /* [blocks] */
} finite_task;

/* An exponent of all ones is infinity or NaN. */
static bool halves_finite(const char *data, uint16_t exponent, int64_t count) {
  bool bad = false;
  for (int64_t i = 0; i < count; i++) bad |= (att_half_at(data, i) & exponent) == exponent;
  return !bad;
}

static bool are_finite(const char *data, att_type type, int64_t count) {
  switch (type) {
  case ATT_F32: return isfinite(att_kernels_get()->sum_squares((const float *)(const void *)data, count));
  case ATT_F16: return halves_finite(data, 0x7c00, count);
  case ATT_BF16: return halves_finite(data, 0x7f80, count);
  default: return att_quants_finite(data, type, count);
  }
}

static void look_at_blocks(void *arg, int64_t begin, int64_t end, int thread) {
  (void)thread;
  const finite_task *t = arg;
  for (int64_t i = begin; i < end; i++) {
    int64_t first = i * ATT_FINITE_BLOCK, left = t->count - first;
    t->bad[i] = !are_finite(t->data + att_type_bytes(t->type, first), t->type,
                            left < ATT_FINITE_BLOCK ? left : ATT_FINITE_BLOCK);
  }
}

static att_status check_finite(const att_model *model, const att_tensor_file *file, const att_stored *stored) {
  int64_t blocks = (stored->count + ATT_FINITE_BLOCK - 1) / ATT_FINITE_BLOCK;
  finite_task task = {stored->data, stored->type, stored->count, ATT_NEW(model->ctx, blocks, bool)};
  if (!task.bad) return ATT_MEMORY;
  att_parallel(model->ctx, blocks, 4, look_at_blocks, &task);
  bool bad = false;
  for (int64_t i = 0; i < blocks; i++) bad |= task.bad[i];
  att_free(model->ctx, task.bad);
  if (!bad) return ATT_OK;
  return att_fail(model->ctx, ATT_NUMERIC, "%s: tensor %s holds NaN or infinity", file->path, stored->name);
}

/* out[cols, rows] = in[rows, cols], in elements of so many bytes */
static void transpose(char *out, const char *in, int64_t rows, int64_t cols, size_t size) {
  for (int64_t i = 0; i < rows; i++) {
    for (int64_t j = 0; j < cols; j++)
      memcpy(out + (size_t)(j * rows + i) * size, in + (size_t)(i * cols + j) * size, size);
  }
}

/* out[rows, kernel, cols / kernel] = in[rows, cols / kernel, kernel] */
static void turn_kernels(const att_parameter *p, char *out, const char *in, size_t size) {
  size_t row = (size_t)p->cols * size;
  for (int64_t i = 0; i < p->rows; i++, out += row, in += row) transpose(out, in, p->cols / p->kernel, p->kernel, size);
}

/* Where ops can read the file's bytes as they lie. */
static bool can_be_mapped(const att_stored *stored, const att_parameter *p, bool turned) {
  if (stored->type >= ATT_FLOAT_TYPES || stored->heads > 0) return false;
  bool aligned = (uintptr_t)stored->data % att_type_size(stored->type) == 0;
  return aligned && !turned && !p->kernel && (!p->floats || stored->type == ATT_F32);
}

typedef struct pack_task {
  void *panels;
  const att_stored *stored;
} pack_task;

static void pack_panels(void *arg, int64_t begin, int64_t end, int thread) {
  (void)thread;
  const pack_task *t = arg;
  const att_stored *stored = t->stored;
  att_quant_pack(t->panels, stored->data, stored->type, stored->shape[0], stored->shape[1], begin, end);
}

/* Into the parameter's own memory, which has its type. */
static void copy_values(const att_model *model, const att_stored *stored, att_parameter *p, bool turned) {
  if (p->type >= ATT_FLOAT_TYPES) {
    pack_task task = {p->memory, stored};
    att_parallel(model->ctx, att_quant_panel_count(p->rows), 1, pack_panels, &task);
  } else if (stored->type >= ATT_FLOAT_TYPES) {
    att_quants_to_f32(p->memory, stored->data, stored->type, stored->count);
  } else if (turned) {
    transpose(p->memory, stored->data, p->cols, p->rows, att_type_size(stored->type));
  } else if (p->kernel) {
    turn_kernels(p, p->memory, stored->data, att_type_size(stored->type));
  } else if (p->floats) {
    att_kernels_get()->to_f32(p->memory, stored->data, stored->type, stored->count);
  } else {
    memcpy(p->memory, stored->data, stored->size);
  }
}

/* A copy of the tensor's bytes (att_free) whose rows are in Hugging Face's order; NULL: no memory. */
static char *ordered_rows(const att_model *model, const att_stored *stored) {
  int64_t rows = stored->shape[0], half = rows / stored->heads / 2;
  size_t size = stored->size / (size_t)rows;
  char *out = att_alloc(model->ctx, (size_t)rows, size);
  for (int64_t i = 0; out && i < rows; i++) {
    int64_t head = i / (2 * half), at = i % (2 * half);
    int64_t to = head * 2 * half + at % 2 * half + at / 2;
    memcpy(out + (size_t)to * size, (const char *)stored->data + (size_t)i * size, size);
  }
  return out;
}

static att_status take_one(att_model *model, const att_stored *stored, att_parameter *p, bool turned) {
  p->file_type = stored->type;
  if (p->optional) p->in_file = true;
  if (can_be_mapped(stored, p, turned)) {
    p->data = stored->data;
    p->type = stored->type;
    return ATT_OK;
  }
  bool quantized = stored->type >= ATT_FLOAT_TYPES;
  bool floats = p->floats || (quantized && (turned || p->unquantized));
  ATT_TRY(att_parameter_allocate(model, p, floats ? ATT_F32 : stored->type));
  att_stored ordered = *stored;
  char *rows = stored->heads > 0 ? ordered_rows(model, stored) : NULL;
  if (stored->heads > 0 && !rows) return ATT_MEMORY;
  if (rows) ordered.data = rows;
  copy_values(model, &ordered, p, turned);
  att_free(model->ctx, rows);
  att_tensor_file_forget(stored);
  return ATT_OK;
}

static att_status take_all(att_model *model, const att_tensor_file *file) {
  for (size_t i = 0; i < model->parameter_count; i++) {
    att_parameter *p = &model->parameters[i];
    size_t names;
    const att_stored *stored = find(model, file, p, &names);
    if (att_is_interrupted(model->ctx)) {
      return att_fail(model->ctx, ATT_INTERRUPTED, "%s: interrupted while reading", file->path);
    }
    if (stored) {
      ATT_TRY(check_finite(model, file, stored));
      ATT_TRY(take_one(model, stored, p, is_turned(file, p)));
    } else {
      ATT_TRY(att_parameter_allocate(model, p, ATT_F32));
    }
  }
  for (size_t i = 0; i < file->count; i++) model->file_bytes += (int64_t)file->tensors[i].size;
  return ATT_OK;
}

att_status att_model_take_weights(att_model *model, att_tensor_file *file) {
  model->file = file;
  ATT_TRY(att_model_check_weights(model, file));
  ATT_TRY(take_all(model, file));
  att_parameters_point(model);
  return ATT_OK;
}

bool att_model_ties_differ(const att_model *model, const att_tensor_file *file) {
  for (size_t i = 0; i < model->parameter_count; i++) {
    const att_parameter *p = &model->parameters[i];
    const att_stored *first = find_name(model, file, p->name);
    for (int j = 0; !p->save_aliases && j < 4 && p->aliases[j]; j++) {
      const att_stored *other = att_tensor_file_find(file, p->aliases[j]);
      if (!first) first = other;
      if (!other || other == first || !has_shape(file, other, p) || !has_shape(file, first, p)) continue;
      if (other->size != first->size || memcmp(other->data, first->data, first->size) != 0) return true;
    }
  }
  return false;
}

/* Where the file has the parameter's number j. */
static int64_t place_in_file(const att_tensor_file *file, const att_parameter *p, int64_t j) {
  if (is_turned(file, p)) return j % p->cols * p->rows + j / p->cols;
  if (!p->kernel) return j;
  int64_t inputs = p->cols / p->kernel, at = j % p->cols;
  return j - at + at % inputs * p->kernel + at / inputs;
}

static att_status read_trained(att_model *model, const att_tensor_file *file) {
  for (size_t i = 0; i < model->parameter_count; i++) {
    const att_parameter *p = &model->parameters[i];
    size_t names;
    const att_stored *stored = find(model, file, p, &names);
    if (!p->trained || !stored) continue;
    if (att_is_interrupted(model->ctx)) {
      return att_fail(model->ctx, ATT_INTERRUPTED, "%s: interrupted while reading", file->path);
    }
    float *values = model->values + p->offset;
    for (int64_t j = 0; j < stored->count; j++) {
      values[j] = att_value_at(stored->data, stored->type, place_in_file(file, p, j));
    }
    ATT_TRY(check_finite(model, file, stored));
  }
  return ATT_OK;
}

/* folder/stem.ending (att_free) */
static char *weights_path(att_context *ctx, const char *folder, const char *stem, const char *ending) {
  char name[64];
  snprintf(name, sizeof name, "%.40s.%s", stem, ending);
  return att_path(ctx, folder, name);
}

static att_status open_gguf(att_context *ctx, const char *path, att_tensor_file **out) {
  ATT_TRY(att_gguf_open(ctx, path, out));
  (*out)->upright = true;
  return ATT_OK;
}

att_status att_weights_open(att_context *ctx, const char *folder, const char *stem, att_tensor_file **out) {
  char *usual = weights_path(ctx, folder, stem, "safetensors"), *gguf = weights_path(ctx, folder, stem, "gguf");
  att_status status = ATT_MEMORY;
  *out = NULL;
  if (usual && gguf) {
    bool other = !att_file_exists(usual) && att_file_exists(gguf);
    status = other ? open_gguf(ctx, gguf, out) : att_safetensors_open(ctx, usual, out);
  }
  att_free(ctx, usual);
  att_free(ctx, gguf);
  return status;
}

att_status att_model_read_weights(att_model *model, const char *folder, const char *stem) {
  att_tensor_file *file;
  ATT_TRY(att_weights_open(model->ctx, folder, stem, &file));
  att_status status = att_model_check_weights(model, file);
  if (!status) status = read_trained(model, file);
  att_tensor_file_close(file);
  return status;
}
