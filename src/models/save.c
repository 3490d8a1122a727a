/* Owns what save.h says, and model.safetensors or model.gguf of a folder. */
#include "models/save.h"

#include "formats/gguf.h"
#include "formats/safetensors.h"
#include "kernels/matrix.h"
#include "models/head.h"
#include "models/parameters.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- types ---------------------------------------------------------------------------------------------------- */

static bool has(const char *name, const char *part) { return strstr(name, part) != NULL; }

static att_role role_of(const att_model *model, const char *name) {
  bool tied = model->head->output && model->config.tie_word_embeddings;
  if (has(name, "lm_head") || has(name, "decoder.weight")) return ATT_ROLE_OUTPUT;
  if (has(name, "embed_tokens") || has(name, "wte") || has(name, "shared") || has(name, "word_embeddings")) {
    return tied ? ATT_ROLE_OUTPUT : ATT_ROLE_TOKENS;
  }
  if (has(name, "c_attn") || has(name, "qkv_proj") || has(name, "Wqkv")) return ATT_ROLE_JOINED;
  if (has(name, "v_proj") || has(name, "self.value")) return ATT_ROLE_VALUES;
  if (has(name, "o_proj") || has(name, "out_proj") || has(name, "attn.c_proj") || has(name, "attention.output")) {
    return ATT_ROLE_ATTENTION_OUT;
  }
  if (has(name, "down_proj") || has(name, "fc2") || has(name, "mlp.c_proj") || has(name, "output.dense")) {
    return ATT_ROLE_DOWN;
  }
  return ATT_ROLE_OTHER;
}

/* The number in a name. */
static int64_t layer_of(const char *name) {
  const char *digit = strpbrk(name, "0123456789");
  return digit ? strtol(digit, NULL, 10) : 0;
}

static bool stays_float(const att_parameter *p) {
  return p->rank != 2 || p->kernel || p->floats || p->fixed || has(p->name, "token_type") || has(p->name, "position");
}

att_type att_written_type(const att_model *model, const att_parameter *p, const att_mixture *wanted, bool gguf) {
  const att_config *c = &model->config;
  bool quantized = wanted && wanted->type >= ATT_FLOAT_TYPES;
  if (stays_float(p) && (gguf || quantized)) return ATT_F32;
  if (!wanted) return p->file_type;
  if (!quantized) return wanted->type;
  int64_t layers = c->decoder_layers ? c->decoder_layers : c->encoder_layers;
  int64_t shared = c->key_value_heads ? c->decoder_attention_heads / c->key_value_heads : 1;
  return att_mixture_type(wanted, role_of(model, p->name), layer_of(p->name), layers, shared, p->cols);
}

/* ---- rows ----------------------------------------------------------------------------------------------------- */

static bool is_turned(const att_written *w) { return w->p->transposed && !w->upright; }

/* The parameter's row that stands as row i in the file. */
static int64_t row_at(const att_written *w, int64_t i) {
  if (!w->heads) return i;
  int64_t whole = (w->p->rank == 1 ? w->p->cols : w->p->rows) / w->heads, at = i % whole;
  return i / whole * whole + at % 2 * (whole / 2) + at / 2;
}

/* Of a convolution a row is the kernel of one output and one input; row: [cols], scratch. */
static void read_kernels(const att_parameter *p, int64_t first, int64_t count, float *row, float *rows) {
  int64_t inputs = p->cols / p->kernel;
  for (int64_t i = 0; i < count; i++) {
    int64_t output = (first + i) / inputs, input = (first + i) % inputs;
    if (i == 0 || input == 0) att_matrix_row(row, p->data, p->type, p->cols, output);
    for (int64_t k = 0; k < p->kernel; k++) rows[i * p->kernel + k] = row[k * inputs + input];
  }
}

/* The file's rows [first, first + count) as floats, [count, cols]: of a turned parameter columns of its own. */
static att_status read_rows(const att_written *w, int64_t first, int64_t count, int64_t cols, float *rows) {
  const att_parameter *p = w->p;
  if (!is_turned(w) && !p->kernel) {
    for (int64_t i = 0; i < count; i++) {
      att_matrix_row(rows + i * cols, p->data, p->type, cols, p->rank == 1 ? first + i : row_at(w, first + i));
    }
    return ATT_OK;
  }
  float *row = ATT_NEW(w->model->ctx, p->cols, float);
  if (!row) return ATT_MEMORY;
  if (p->kernel) read_kernels(p, first, count, row, rows);
  for (int64_t j = 0; !p->kernel && j < p->rows; j++) {
    att_matrix_row(row, p->data, p->type, p->cols, j);
    for (int64_t i = 0; i < count; i++) rows[i * cols + j] = row[first + i];
  }
  att_free(w->model->ctx, row);
  return ATT_OK;
}

/* A vector's numbers are its rows. */
static att_status order_vector(const att_written *w, float *values) {
  int64_t n = w->p->cols;
  float *copy = ATT_NEW(w->model->ctx, n, float);
  if (!copy) return ATT_MEMORY;
  memcpy(copy, values, (size_t)n * sizeof *values);
  for (int64_t i = 0; i < n; i++) values[i] = copy[row_at(w, i)];
  att_free(w->model->ctx, copy);
  return ATT_OK;
}

static att_status convert_rows(const att_written *w, int64_t first, int64_t count, int64_t cols, void *out) {
  att_context *ctx = w->model->ctx;
  float *rows = att_alloc(ctx, (size_t)(count * cols), sizeof *rows);
  att_status status = rows ? read_rows(w, first, count, cols, rows) : ATT_MEMORY;
  if (!status && w->heads && w->p->rank == 1) status = order_vector(w, rows);
  for (int64_t i = 0; !status && w->more != 0 && i < count * cols; i++) rows[i] += w->more;
  if (!status) {
    const float *columns = is_turned(w) || w->p->rank == 1 ? NULL : w->p->importance;
    status =
        att_convert_numbers(ctx, w->path, w->p->name, w->type, first * cols, rows, count * cols, columns, cols, out);
  }
  att_free(ctx, rows);
  return status;
}

/* Blocks of rows that do not lie one after another. Both halves of a head are read from their beginning on, so two
 * panels at a time are enough. */
static att_status unpack_in_order(const att_written *w, int64_t first, int64_t count, char *out) {
  const att_parameter *p = w->p;
  size_t row = att_type_bytes(p->type, p->cols);
  int64_t at[2] = {-1, -1};
  char *panels = att_alloc(w->model->ctx, 2 * ATT_QUANT_PANEL, row);
  if (!panels) return ATT_MEMORY;
  for (int64_t i = 0; i < count; i++) {
    int64_t from = row_at(w, first + i), panel = from / ATT_QUANT_PANEL, half = (first + i) % 2;
    char *blocks = panels + (size_t)(half * ATT_QUANT_PANEL) * row;
    if (at[half] != panel) att_quant_unpack(blocks, p->data, p->type, p->rows, p->cols, panel, panel + 1);
    at[half] = panel;
    memcpy(out + (size_t)i * row, blocks + (size_t)(from % ATT_QUANT_PANEL) * row, row);
  }
  att_free(w->model->ctx, panels);
  return ATT_OK;
}

static att_status rows_of(const void *owner, int64_t first, int64_t count, void *out) {
  const att_written *w = owner;
  const att_parameter *p = w->p;
  if (p->type < ATT_FLOAT_TYPES || p->type != w->type) {
    return convert_rows(w, first, count, p->kernel ? p->kernel : is_turned(w) ? p->rows : p->cols, out);
  }
  if (w->heads) return unpack_in_order(w, first, count, out); /* bit for bit, as this: */
  att_quant_unpack(out, p->data, p->type, p->rows, p->cols, first / ATT_QUANT_PANEL,
                   (first + count + ATT_QUANT_PANEL - 1) / ATT_QUANT_PANEL);
  return ATT_OK;
}

void att_written_put(att_to_store *tensor, const att_written *w, const char *name) {
  const att_parameter *p = w->p;
  bool turned = is_turned(w);
  *tensor = (att_to_store){.name = name, .type = w->type, .rank = p->rank, .rows = rows_of, .owner = w};
  tensor->shape[0] = p->rank == 1 || turned ? p->cols : p->rows;
  tensor->shape[1] = p->rank == 1 ? 0 : turned ? p->rows : p->cols;
  if (!p->kernel) return;
  tensor->rank = 3;
  tensor->shape[1] = p->cols / p->kernel;
  tensor->shape[2] = p->kernel;
}

/* ---- a folder's weights --------------------------------------------------------------------------------------- */

typedef struct list {
  att_written *written; /* [parameters] */
  att_to_store *tensors;
  size_t count; /* of tensors */
  bool gguf;
} list;

static void fill(list *l, const att_model *model, const char *path, const att_mixture *wanted) {
  for (size_t i = 0; i < model->parameter_count; i++) {
    const att_parameter *p = &model->parameters[i];
    if (!p->in_file) continue;
    l->written[i] = (att_written){.model = model, .p = p, .path = path, .upright = l->gguf};
    l->written[i].type = att_written_type(model, p, wanted, l->gguf);
    att_written_put(&l->tensors[l->count++], &l->written[i], p->name);
    for (int j = 0; p->save_aliases && j < 4 && p->aliases[j]; j++) {
      att_written_put(&l->tensors[l->count++], &l->written[i], p->aliases[j]);
    }
  }
}

static bool needs_gguf(const att_model *model, const att_mixture *wanted) {
  for (size_t i = 0; i < model->parameter_count; i++) {
    const att_parameter *p = &model->parameters[i];
    if (p->in_file && att_written_type(model, p, wanted, false) >= ATT_FLOAT_TYPES) return true;
  }
  return false;
}

static att_status write_file(const list *l, const att_model *model, const char *path) {
  static const att_text attend = {"attend", 6};
  static const att_gguf_entry own = {"general.architecture", ATT_GGUF_STRING, false, 1, &attend, 0};
  if (l->gguf) return att_gguf_write(model->ctx, path, &own, 1, l->tensors, l->count);
  return att_safetensors_write(model->ctx, path, l->tensors, l->count);
}

att_status att_model_save_weights(const att_model *model, const char *folder, const char *stem,
                                  const att_mixture *wanted) {
  att_context *ctx = model->ctx;
  char name[64];
  list l = {ATT_NEW(ctx, model->parameter_count, att_written), ATT_NEW(ctx, model->parameter_count * 5, att_to_store),
            0, needs_gguf(model, wanted)};
  snprintf(name, sizeof name, "%.40s.%s", stem, l.gguf ? "gguf" : "safetensors");
  char *path = att_path(ctx, folder, name);
  att_status status = path && l.written && l.tensors ? ATT_OK : ATT_MEMORY;
  if (!status) fill(&l, model, path, wanted);
  if (!status) status = write_file(&l, model, path);
  att_free(ctx, path);
  att_free(ctx, l.tensors);
  att_free(ctx, l.written);
  return status;
}
