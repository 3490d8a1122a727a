/* Owns the embedding of token ids with their positions, and its backward: rows gathered, gradients scattered. */
#include "base/parallel.h"
#include "base/random.h"
#include "tensor/dropout.h"
#include "tensor/ops.h"

#include <string.h>

typedef struct embed_record {
  att_weight table, positions;
  const int32_t *ids, *position_ids;
  float scale;
  att_dropout dropout;
  att_tensor out;
  float *dy; /* backward: the output's gradient */
} embed_record;

static void embed_rows(void *arg, int64_t begin, int64_t end, int thread) {
  (void)thread;
  const embed_record *e = arg;
  const att_kernels *k = att_kernels_get();
  int64_t d = e->out.cols;
  for (int64_t i = begin; i < end; i++) {
    float *y = e->out.data + i * d;
    att_matrix_row(y, e->table.data, e->table.type, d, e->ids[i]);
    if (e->scale != 1.0f) k->scale(y, e->scale, d);
    if (e->positions.data) k->add(y, (const float *)e->positions.data + e->position_ids[i] * d, d);
  }
  float *rows = e->out.data + begin * d;
  att_dropout_apply(&e->dropout, rows, rows, begin * d, false, (end - begin) * d);
}

static void undrop_rows(void *arg, int64_t begin, int64_t end, int thread) {
  (void)thread;
  embed_record *e = arg;
  float *rows = e->dy + begin * e->out.cols;
  att_dropout_apply(&e->dropout, rows, rows, begin * e->out.cols, false, (end - begin) * e->out.cols);
}

/* Several rows may add into one row of the table, so threads share the columns, not the rows: the order of sums is
 * fixed. */
static void scatter_columns(void *arg, int64_t begin, int64_t end, int thread) {
  (void)thread;
  const embed_record *e = arg;
  const att_kernels *k = att_kernels_get();
  int64_t d = e->out.cols;
  for (int64_t i = 0; i < e->out.rows; i++) {
    const float *dy = e->dy + i * d + begin;
    if (e->table.grad && e->ids[i] != e->table.frozen_row) {
      k->axpy(e->table.grad + e->ids[i] * d + begin, e->scale, dy, end - begin);
    }
    if (e->positions.grad) k->add(e->positions.grad + e->position_ids[i] * d + begin, dy, end - begin);
  }
}

static att_status embed_backward(att_run *run, void *record) {
  embed_record *e = record;
  e->dy = att_gradient_of(&e->out);
  if (!e->dy) return ATT_OK;
  if (e->dropout.threshold) att_parallel(run->ctx, e->out.rows, 16, undrop_rows, e);
  att_parallel(run->ctx, e->out.cols, 32, scatter_columns, e);
  att_gradient_close(run, &e->out);
  return ATT_OK;
}

att_status att_op_embed(att_run *run, const att_weight *table, const att_weight *positions, const int32_t *ids,
                        const int32_t *position_ids, int64_t n, float scale, uint32_t place, att_tensor *out) {
  ATT_TRY(att_tensor_new(run, n, table->cols, out));
  embed_record e = {*table, *positions, ids, position_ids, scale, att_dropout_of(run, place), *out, NULL};
  att_parallel(run->ctx, n, 16, embed_rows, &e);
  if (!run->tape) return ATT_OK;
  void *record;
  ATT_TRY(att_tape_add(run, embed_backward, sizeof e, &record));
  memcpy(record, &e, sizeof e);
  return ATT_OK;
}
