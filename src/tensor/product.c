/* Owns what product.h says. */
#include "tensor/product.h"

#include "base/parallel.h"

#include <string.h>

/* Weights that are worth a thread, and rows of a quantized weight that are floats at once, backward. */
enum { GRAIN = 32768, ROWS_AT_ONCE = 64 };

typedef struct quant_task {
  const att_quant_rows *x8;
  const float *x;
  const att_weight *w;
  float *y; /* backward: the weight's rows */
  int64_t ldx, ldy, first;
} quant_task;

static void make_rows(void *arg, int64_t begin, int64_t end, int thread) {
  (void)thread;
  const quant_task *t = arg;
  att_kernels_get()->quantize_rows(t->x8, t->w->type, t->x, t->ldx, begin, end);
}

/* Items are the panels of t->w, then of those behind it. */
static void multiply_panels(void *arg, int64_t begin, int64_t end, int thread) {
  (void)thread;
  const quant_task *t = arg;
  float *y = t->y;
  for (const att_weight *w = t->w; end > 0; y += w->rows, w = w->next) {
    const int64_t panels = att_quant_panel_count(w->rows), last = end < panels ? end : panels;
    if (begin < last) att_kernels_get()->multiply_panels(y, t->ldy, t->x8, w->data, w->type, w->rows, begin, last);
    begin = begin > panels ? begin - panels : 0;
    end -= panels;
  }
}

/* x is rounded once for w and those of its type that follow it; *next is the first of another type, and *y where its
 * product begins. */
static att_status quant_product(att_run *run, float **y, int64_t ldy, const float *x, int64_t ldx, int64_t rows,
                                const att_weight *w, const att_weight **next) {
  att_arena_mark mark = att_arena_save(run->arena);
  void *memory = att_arena_alloc(run->arena, att_quant_rows_bytes(w->type, rows, w->cols), 1);
  if (!memory) return ATT_MEMORY;
  att_quant_rows x8 = att_quant_rows_in(memory, w->type, rows, w->cols);
  quant_task task = {.x8 = &x8, .x = x, .w = w, .y = *y, .ldx = ldx, .ldy = ldy};
  int64_t panels = 0;
  for (*next = w; *next && (*next)->type == w->type; *y += (*next)->rows, *next = (*next)->next)
    panels += att_quant_panel_count((*next)->rows);
  att_parallel(run->ctx, rows, 1 + GRAIN / w->cols, make_rows, &task);
  att_parallel(run->ctx, panels, 1 + GRAIN / (ATT_QUANT_PANEL * w->cols), multiply_panels, &task);
  att_arena_restore(run->arena, mark);
  return ATT_OK;
}

att_status att_product(att_run *run, float *y, int64_t ldy, const float *x, int64_t ldx, int64_t rows,
                       const att_weight *w) {
  while (w) {
    if (w->type >= ATT_FLOAT_TYPES) {
      ATT_TRY(quant_product(run, &y, ldy, x, ldx, rows, w, &w));
      continue;
    }
    att_gemm_weight(run->ctx, y, ldy, x, ldx, w->data, w->type, rows, w->rows, w->cols, !run->tape);
    y += w->rows;
    w = w->next;
  }
  return ATT_OK;
}

static void widen_rows(void *arg, int64_t begin, int64_t end, int thread) {
  (void)thread;
  const quant_task *t = arg;
  for (int64_t i = begin; i < end; i++)
    att_quant_row(t->y + i * t->w->cols, t->w->data, t->w->type, t->w->cols, t->first + i);
}

att_status att_product_backward(att_run *run, float *dx, int64_t lddx, const float *dy, int64_t lddy, int64_t rows,
                                const att_weight *w, bool accumulate) {
  if (w->type < ATT_FLOAT_TYPES) {
    att_gemm_weight_backward(run->ctx, dx, lddx, dy, lddy, w->data, w->type, rows, w->rows, w->cols, accumulate);
    return ATT_OK;
  }
  att_arena_mark mark = att_arena_save(run->arena);
  quant_task task = {.w = w, .y = ATT_ARENA_NEW(run->arena, ROWS_AT_ONCE * w->cols, float)};
  if (!task.y) return ATT_MEMORY;
  for (; task.first < w->rows; task.first += ROWS_AT_ONCE, accumulate = true) {
    int64_t count = w->rows - task.first < ROWS_AT_ONCE ? w->rows - task.first : ROWS_AT_ONCE;
    att_parallel(run->ctx, count, 1, widen_rows, &task);
    att_gemm(run->ctx, dx, lddx, dy + task.first, lddy, false, task.y, w->cols, false, rows, w->cols, count,
             accumulate);
  }
  att_arena_restore(run->arena, mark);
  return ATT_OK;
}
