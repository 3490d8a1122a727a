/*
 * Owns rotary positions: columns of queries and keys turned in place, and in backward their gradient turned back in
 * place. Cosines and sines are made once for each position of a call, not for each row.
 */
#include "base/parallel.h"
#include "tensor/ops.h"

#include <math.h>
#include <string.h>

typedef struct rotary_record {
  att_tensor x;
  int64_t heads, size;
  const float *turns;  /* [.., size]: cosines, then sines */
  const int64_t *turn; /* [x.rows]: which of them is a row's */
  float *rows;         /* what is turned: x's data or its gradient */
  float direction;
} rotary_record;

static void turn_rows(void *arg, int64_t begin, int64_t end, int thread) {
  (void)thread;
  const rotary_record *r = arg;
  const att_kernels *k = att_kernels_get();
  for (int64_t i = begin; i < end; i++) {
    const float *cosines = r->turns + r->turn[i] * r->size;
    k->rotary(r->rows + i * r->x.stride, cosines, cosines + r->size / 2, r->direction, r->heads, r->size);
  }
}

static void turn(const att_run *run, rotary_record *r, float *rows, float direction) {
  r->rows = rows;
  r->direction = direction;
  att_parallel(run->ctx, r->x.rows, 1 + 16384 / (r->x.cols + 1), turn_rows, r);
}

static att_status rotary_backward(att_run *run, void *record) {
  rotary_record *r = record;
  float *gradient = att_gradient_of(&r->x);
  if (gradient) turn(run, r, gradient, -1.0f);
  return ATT_OK; /* it goes on as that of x before */
}

static void make_turn(float *out, int32_t position, const float *frequencies, int64_t half) {
  for (int64_t k = 0; k < half; k++) {
    float angle = (float)position * frequencies[k];
    out[k] = cosf(angle);
    out[half + k] = sinf(angle);
  }
}

/* Positions that lie close together, as in training, share their turns; else each row has its own. */
static att_status make_turns(att_run *run, rotary_record *r, const int32_t *position_ids, const float *frequencies) {
  int64_t rows = r->x.rows, least = INT32_MAX, most = 0;
  for (int64_t i = 0; i < rows; i++) {
    if (position_ids[i] < least) least = position_ids[i];
    if (position_ids[i] > most) most = position_ids[i];
  }
  bool shared = most - least < rows;
  int64_t count = shared ? most - least + 1 : rows;
  float *turns = ATT_ARENA_NEW(run->arena, count * r->size, float);
  int64_t *which = ATT_ARENA_NEW(run->arena, rows, int64_t);
  if (!turns || !which) return ATT_MEMORY;
  for (int64_t i = 0; i < count; i++) {
    make_turn(turns + i * r->size, shared ? (int32_t)(least + i) : position_ids[i], frequencies, r->size / 2);
  }
  for (int64_t i = 0; i < rows; i++) which[i] = shared ? position_ids[i] - least : i;
  r->turns = turns;
  r->turn = which;
  return ATT_OK;
}

att_status att_op_rotary(att_run *run, att_tensor *x, int heads, int size, const int32_t *position_ids,
                         const float *frequencies) {
  if (x->rows == 0) return ATT_OK;
  rotary_record r = {.x = *x, .heads = heads, .size = size};
  att_arena_mark mark = att_arena_save(run->arena);
  ATT_TRY(make_turns(run, &r, position_ids, frequencies));
  turn(run, &r, x->data, 1.0f);
  if (!run->tape || !x->gradient) {
    att_arena_restore(run->arena, mark);
    return ATT_OK;
  }
  void *record;
  ATT_TRY(att_tape_add(run, rotary_backward, sizeof r, &record));
  memcpy(record, &r, sizeof r);
  return ATT_OK;
}
