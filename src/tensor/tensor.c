/* Owns making tensors and walking the tape. See tensor.h. */
#include "tensor/tensor.h"

typedef struct att_record {
  struct att_record *before;
  att_backward_fn *backward;
  void *data;
} att_record;

#define ATT_MOST_SPARE  32
#define ATT_MOST_UNREAD 8 /* inputs of one op */

struct att_tape {
  att_record *last;
  att_gradient spare[ATT_MOST_SPARE];   /* memory of gradients that have been used */
  att_gradient unread[ATT_MOST_UNREAD]; /* what the record at work was given for inputs without a gradient */
  int spare_count, unread_count;
};

att_status att_tape_new(att_arena *arena, att_tape **tape) {
  *tape = ATT_ARENA_NEW(arena, 1, att_tape);
  if (!*tape) return ATT_MEMORY;
  (*tape)->last = NULL;
  (*tape)->spare_count = (*tape)->unread_count = 0;
  return ATT_OK;
}

att_status att_tape_add(att_run *run, att_backward_fn *backward, size_t size, void **data) {
  att_record *record = ATT_ARENA_NEW(run->arena, 1, att_record);
  *data = att_arena_alloc(run->arena, 1, size);
  if (!record || !*data) return ATT_MEMORY;
  *record = (att_record){run->tape->last, backward, *data};
  run->tape->last = record;
  return ATT_OK;
}

static void spare(att_tape *tape, const att_gradient *g) {
  if (tape->spare_count < ATT_MOST_SPARE) tape->spare[tape->spare_count++] = *g;
}

att_status att_backward(att_run *run) {
  att_tape *tape = run->tape;
  for (att_record *record = tape->last; record; record = record->before) {
    ATT_TRY(record->backward(run, record->data));
    while (tape->unread_count > 0) spare(tape, &tape->unread[--tape->unread_count]);
  }
  return ATT_OK;
}

att_status att_tensor_new(att_run *run, int64_t rows, int64_t cols, att_tensor *out) {
  size_t count;
  if (__builtin_mul_overflow(rows, cols, &count)) return att_fail(run->ctx, ATT_MEMORY, "no memory for a tensor");
  *out = (att_tensor){.rows = rows, .cols = cols, .stride = cols};
  out->data = ATT_ARENA_NEW(run->arena, count, float);
  if (!out->data) return ATT_MEMORY;
  if (!run->tape) return ATT_OK;
  out->gradient = ATT_ARENA_NEW(run->arena, 1, att_gradient);
  if (!out->gradient) return ATT_MEMORY;
  *out->gradient = (att_gradient){.size = (int64_t)count};
  return ATT_OK;
}

/* The smallest spare memory that is large enough, or new. */
static att_status take_memory(att_run *run, att_gradient *g) {
  att_tape *tape = run->tape;
  int best = -1;
  for (int i = 0; i < tape->spare_count; i++) {
    bool fits = tape->spare[i].size >= g->size;
    if (fits && (best < 0 || tape->spare[i].size < tape->spare[best].size)) best = i;
  }
  if (best >= 0) {
    g->data = tape->spare[best].data;
    g->size = tape->spare[best].size;
    tape->spare[best] = tape->spare[--tape->spare_count];
  } else {
    g->data = ATT_ARENA_NEW(run->arena, g->size, float);
  }
  return g->data ? ATT_OK : ATT_MEMORY;
}

/* Memory for a gradient that none reads. */
static att_status open_unread(att_run *run, const att_tensor *x, float **data) {
  att_tape *tape = run->tape;
  att_gradient g = {.size = x->rows * x->stride};
  ATT_TRY(take_memory(run, &g));
  if (tape->unread_count < ATT_MOST_UNREAD) tape->unread[tape->unread_count++] = g;
  *data = g.data + x->first;
  return ATT_OK;
}

att_status att_gradient_open(att_run *run, const att_tensor *x, float **data, bool *accumulate) {
  att_gradient *g = x->gradient;
  *accumulate = false;
  if (!g) return open_unread(run, x, data);
  if (!g->data) ATT_TRY(take_memory(run, g));
  *data = g->data + x->first;
  *accumulate = g->written;
  g->written = true;
  return ATT_OK;
}

float *att_gradient_of(const att_tensor *out) {
  return out->gradient->written ? out->gradient->data + out->first : NULL;
}

void att_gradient_close(att_run *run, const att_tensor *out) {
  if (out->gradient->keep) return;
  spare(run->tape, out->gradient);
  out->gradient->data = NULL;
  out->gradient->written = false;
}

att_tensor att_tensor_columns(const att_tensor *x, int64_t first, int64_t cols) {
  att_tensor view = *x;
  view.data += first;
  view.first += first;
  view.cols = cols;
  return view;
}

int64_t att_weight_rows(const att_weight *w) {
  int64_t rows = 0;
  for (; w; w = w->next) rows += w->rows;
  return rows;
}
