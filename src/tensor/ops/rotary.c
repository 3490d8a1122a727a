/* Owns rotary positions: columns of queries and keys turned in place, and in backward their gradient turned back in
 * place. */
#include "base/parallel.h"
#include "tensor/ops.h"

#include <string.h>

typedef struct rotary_record {
  att_tensor x;
  int64_t heads, size;
  att_turns turns;
  float *rows; /* what is turned: x's data or its gradient */
  float direction;
} rotary_record;

static void turn_rows(void *arg, int64_t begin, int64_t end, int thread) {
  (void)thread;
  const rotary_record *r = arg;
  const att_kernels *k = att_kernels_get();
  for (int64_t i = begin; i < end; i++) {
    const float *cosines = r->turns.angles + r->turns.rows[i] * r->turns.turned, *sines = cosines + r->turns.turned / 2;
    k->rotary(r->rows + i * r->x.stride, cosines, sines, r->direction, r->heads, r->size, r->turns.turned);
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

att_status att_op_rotary(att_run *run, att_tensor *x, int heads, int size, const att_turns *turns) {
  rotary_record r = {.x = *x, .heads = heads, .size = size, .turns = *turns};
  turn(run, &r, x->data, 1.0f);
  if (!run->tape || !x->gradient) return ATT_OK;
  void *record;
  ATT_TRY(att_tape_add(run, rotary_backward, sizeof r, &record));
  memcpy(record, &r, sizeof r);
  return ATT_OK;
}
