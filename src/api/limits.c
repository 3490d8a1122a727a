/*
 * Owns what this machine can do at most, measured when it is asked: reading memory, products of matrices. Refuses to
 * know models: what share of it one reaches is for who measures that.
 */
#include "base/parallel.h"
#include "kernels/gemm.h"

#include <math.h>
#include <string.h>

enum { TIMES = 5, CHUNK = 1 << 14, CHUNKS = 1 << 12, ROWS = 192, WIDTH = 512 }; /* CHUNK floats: 64 KB; 256 MB in all */

/* What is worked on. */
typedef struct limits_task {
  att_context *ctx;
  float *block;               /* [CHUNKS, CHUNK] */
  float *x, *y, *w;           /* [ROWS, WIDTH] twice, [WIDTH, WIDTH] */
  void *blocks, *panels, *q8; /* the weight in q8_0, as a file has it and as it is multiplied, and x for it */
  att_quant_rows rows;
  float sums[256]; /* of each thread, so that reading is for something */
} limits_task;

static void read_chunks(void *arg, int64_t begin, int64_t end, int thread) {
  limits_task *t = arg;
  for (int64_t i = begin; i < end; i++) {
    const float *chunk = t->block + i * CHUNK;
    t->sums[thread] += att_kernels_get()->dot(chunk, chunk + CHUNK / 2, CHUNK / 2);
  }
}

static void read_all(limits_task *t) { att_parallel(t->ctx, CHUNKS, 1, read_chunks, t); }

static void multiply_floats(limits_task *t) {
  att_gemm_weight(t->ctx, t->y, WIDTH, t->x, WIDTH, t->w, ATT_F32, ROWS, WIDTH, WIDTH, true);
}

static void multiply_panels(void *arg, int64_t begin, int64_t end, int thread) {
  (void)thread;
  limits_task *t = arg;
  att_kernels_get()->multiply_panels(t->y, WIDTH, &t->rows, t->panels, ATT_Q8_0, WIDTH, begin, end);
}

static void multiply_q8(limits_task *t) {
  att_kernels_get()->quantize_rows(&t->rows, ATT_Q8_0, t->x, WIDTH, 0, ROWS);
  att_parallel(t->ctx, att_quant_panel_count(WIDTH), 1, multiply_panels, t);
}

/* Of `each` things done at a time: so many a second, the best of some times, each of 20 ms or more. */
static att_status measure(limits_task *t, void (*work)(limits_task *t), double each, double *best) {
  *best = 0;
  work(t);
  for (int i = 0; i < TIMES; i++) {
    int64_t count = 0;
    double begin = att_now(), now;
    if (att_is_interrupted(t->ctx)) return att_fail(t->ctx, ATT_INTERRUPTED, "interrupted while measuring the machine");
    do {
      work(t);
      count++;
      now = att_now();
    } while (now - begin < 0.02);
    *best = fmax(*best, each * (double)count / (now - begin));
  }
  return ATT_OK;
}

static att_status take_memory(limits_task *t) {
  att_context *ctx = t->ctx;
  size_t q8 = att_type_bytes(ATT_Q8_0, (int64_t)WIDTH * WIDTH);
  t->block = att_take_aligned(ctx, (size_t)CHUNKS * CHUNK, sizeof(float));
  t->x = att_alloc_aligned(ctx, (size_t)ROWS * WIDTH, sizeof(float));
  t->y = att_alloc_aligned(ctx, (size_t)ROWS * WIDTH, sizeof(float));
  t->w = att_alloc_aligned(ctx, (size_t)WIDTH * WIDTH, sizeof(float));
  t->blocks = att_alloc_aligned(ctx, q8, 1);
  t->panels = att_alloc_aligned(ctx, (size_t)att_quant_panel_count(WIDTH), att_quant_panel_bytes(ATT_Q8_0, WIDTH));
  t->q8 = att_alloc_aligned(ctx, att_quant_rows_bytes(ATT_Q8_0, ROWS, WIDTH), 1);
  return t->block && t->x && t->y && t->w && t->blocks && t->panels && t->q8 ? ATT_OK : ATT_MEMORY;
}

/* A page that was never written is no memory. */
static void write_chunks(void *arg, int64_t begin, int64_t end, int thread) {
  (void)thread;
  limits_task *t = arg;
  for (int64_t i = begin * CHUNK; i < end * CHUNK; i++) t->block[i] = 1e-3f;
}

static void fill(limits_task *t) {
  att_parallel(t->ctx, CHUNKS, 1, write_chunks, t);
  for (int64_t i = 0; i < (int64_t)ROWS * WIDTH; i++) t->x[i] = (float)(i % 17 - 8);
  for (int64_t i = 0; i < (int64_t)WIDTH * WIDTH; i++) t->w[i] = (float)(i % 13 - 6);
  att_quants_from_f32(t->blocks, ATT_Q8_0, t->w, NULL, (int64_t)WIDTH * WIDTH);
  att_quant_pack(t->panels, t->blocks, ATT_Q8_0, WIDTH, WIDTH, 0, att_quant_panel_count(WIDTH));
  t->rows = att_quant_rows_in(t->q8, ATT_Q8_0, ROWS, WIDTH);
}

att_status att_measure_machine(att_context *ctx, const att_machine_limits **limits) {
  const double products = (double)ROWS * WIDTH * WIDTH;
  limits_task t = {.ctx = ctx};
  att_machine_limits *out = &ctx->limits;
  *limits = NULL;
  att_status status = take_memory(&t);
  if (!status) fill(&t);
  if (!status) status = measure(&t, read_all, (double)CHUNKS * CHUNK * sizeof(float), &out->read_bytes);
  if (!status) status = measure(&t, multiply_floats, products, &out->float32_products);
  if (!status) status = measure(&t, multiply_q8, products, &out->q8_0_products);
  void *const memory[] = {t.block, t.x, t.y, t.w, t.blocks, t.panels, t.q8};
  for (size_t i = 0; i < sizeof memory / sizeof *memory; i++) att_free_aligned(ctx, memory[i]);
  if (!status) *limits = out;
  return status;
}
