/* Owns making tensors and walking the tape. See tensor.h. */
#include "tensor/tensor.h"

typedef struct att_record {
  struct att_record *before;
  att_backward_fn *backward;
  void *data;
} att_record;

struct att_tape {
  att_record *last;
};

att_status att_tape_new(att_arena *arena, att_tape **tape) {
  *tape = ATT_ARENA_NEW(arena, 1, att_tape);
  if (!*tape) return ATT_MEMORY;
  (*tape)->last = NULL;
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

att_status att_backward(att_run *run) {
  for (att_record *record = run->tape->last; record; record = record->before) {
    ATT_TRY(record->backward(run, record->data));
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
  out->grad = ATT_ARENA_NEW(run->arena, count, float);
  out->written = ATT_ARENA_NEW(run->arena, 1, bool);
  if (!out->grad || !out->written) return ATT_MEMORY;
  *out->written = false;
  return ATT_OK;
}

att_tensor att_tensor_columns(const att_tensor *x, int64_t first, int64_t cols) {
  att_tensor view = *x;
  view.data += first;
  if (view.grad) view.grad += first;
  view.cols = cols;
  return view;
}
