/* Owns the choice of who multiplies. See gemm.h. */
#include "kernels/gemm.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/parallel.h"
#include "kernels/gemm_own.h"

#if defined(ATT_HAVE_DNNL)
#include <dnnl.h>
#endif
#if defined(ATT_HAVE_CBLAS)
#include <cblas.h>
#endif
#if defined(_OPENMP)
#include <omp.h>
#endif

/* Multiplications below which one thread is used, and weights that are worth a thread where rows are few. */
#define ALONE          ((double)(1 << 17))
#define FEW_ROWS_GRAIN 32768
/* Rows up to which the own kernel multiplies, whatever there is: it is within a fifth of oneDNN there, whose first call
 * costs 29 ms, more than translating a sentence. */
#define SHORT_ROWS 64
/* Bytes that must be there at a library's first call: oneDNN makes its kernels then, takes 7 MiB, and ends the process
 * where they are not. */
#define FIRST_CALL_ROOM ((size_t)32 << 20)

/* One product as att_gemm gets it. */
typedef struct product {
  float *c;
  const float *a, *b;
  int64_t ldc, lda, ldb, m, n, k;
  bool transpose_a, transpose_b, accumulate;
} product;

/* A library that multiplies: false where it refuses. */
typedef struct backend {
  const char *name;
  bool (*multiply)(const product *g);
} backend;

#if defined(ATT_HAVE_DNNL)
static bool multiply_dnnl(const product *g) {
  return dnnl_sgemm(g->transpose_a ? 'T' : 'N', g->transpose_b ? 'T' : 'N', g->m, g->n, g->k, 1.0f, g->a, g->lda, g->b,
                    g->ldb, g->accumulate ? 1.0f : 0.0f, g->c, g->ldc) == dnnl_success;
}
#endif

#if defined(ATT_HAVE_CBLAS)
/* OpenBLAS may have threads of its own kind; others have no such functions, and follow OpenMP. */
extern void openblas_set_num_threads(int threads) __attribute__((weak));
extern int openblas_get_num_threads(void) __attribute__((weak));

static bool multiply_cblas(const product *g) {
  const int64_t sizes[] = {g->m, g->n, g->k, g->lda, g->ldb, g->ldc};
  for (int i = 0; i < 6; i++)
    if (sizes[i] > INT32_MAX) return false;
  cblas_sgemm(CblasRowMajor, g->transpose_a ? CblasTrans : CblasNoTrans, g->transpose_b ? CblasTrans : CblasNoTrans,
              (int)g->m, (int)g->n, (int)g->k, 1.0f, g->a, (int)g->lda, g->b, (int)g->ldb, g->accumulate ? 1.0f : 0.0f,
              g->c, (int)g->ldc);
  return true;
}
#endif

/* What this program was built with, the preferred first. */
static const backend backends[] = {
#if defined(ATT_HAVE_DNNL)
    {"onednn", multiply_dnnl},
#endif
#if defined(ATT_HAVE_CBLAS)
    {"cblas", multiply_cblas},
#endif
    {"own", NULL},
};

static const backend *chosen;
static bool has_room;
static pthread_once_t once = PTHREAD_ONCE_INIT, first_call = PTHREAD_ONCE_INIT;

static void choose(void) {
  const char *name = getenv("ATTEND_GEMM");
  chosen = backends;
  for (size_t i = 0; name && i < sizeof backends / sizeof *backends; i++)
    if (!strcmp(name, backends[i].name)) chosen = &backends[i];
}

static const backend *backend_get(void) {
  pthread_once(&once, choose);
  return chosen;
}

static void look_for_room(void) { has_room = att_has_room(FIRST_CALL_ROOM); }

const char *att_gemm_name(void) { return backend_get()->name; }

/* ---- a library's threads ---- */

/* OpenMP's number is the calling thread's own. OpenBLAS has one number for the process, which may be the host's and not
 * ours: it is set when the first of us goes in and set back when the last comes out. Contexts of equal numbers multiply
 * side by side; one of another number waits. What the host multiplies meanwhile has our number of threads. */
#if defined(ATT_HAVE_CBLAS)
static struct {
  pthread_mutex_t mutex;
  pthread_cond_t left;
  int inside, now, before; /* calls inside; their number of threads; the host's */
} blas = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, 0, 0};

static bool is_per_process(void) {
  return !strcmp(chosen->name, "cblas") && openblas_set_num_threads && openblas_get_num_threads;
}

static void go_in(int threads) {
  pthread_mutex_lock(&blas.mutex);
  while (blas.inside > 0 && blas.now != threads) pthread_cond_wait(&blas.left, &blas.mutex);
  if (blas.inside++ == 0) {
    blas.before = openblas_get_num_threads();
    blas.now = threads;
    if (blas.before != threads) openblas_set_num_threads(threads);
  }
  pthread_mutex_unlock(&blas.mutex);
}

static void come_out(void) {
  pthread_mutex_lock(&blas.mutex);
  if (--blas.inside == 0) {
    if (blas.before != blas.now) openblas_set_num_threads(blas.before);
    pthread_cond_broadcast(&blas.left);
  }
  pthread_mutex_unlock(&blas.mutex);
}
#endif

static bool multiply_on(int threads, const product *g) {
#if defined(ATT_HAVE_CBLAS)
  if (is_per_process()) {
    go_in(threads);
    bool done = chosen->multiply(g);
    come_out();
    return done;
  }
#endif
#if defined(_OPENMP)
  int before = omp_get_max_threads();
  if (before != threads) omp_set_num_threads(threads);
  bool done = chosen->multiply(g);
  if (before != threads) omp_set_num_threads(before);
  return done;
#else
  (void)threads;
  return chosen->multiply(g);
#endif
}

/* The library on exactly the context's threads. */
static bool multiply(const att_context *ctx, const product *g) {
  const backend *library = backend_get();
  if (!library->multiply || g->m <= SHORT_ROWS || !g->n || !g->k) return false;
  pthread_once(&first_call, look_for_room);
  if (!has_room) return false;
  return multiply_on((double)g->m * (double)g->n * (double)g->k < ALONE ? 1 : ctx->threads, g);
}

/* Rows of x with a weight of any type, as few_rows multiplies them. Many rows go in blocks, with as many columns as
 * give every thread a few of them. */
enum { BLOCK_ROWS = 192, BLOCKS = 4, LEAST_COLUMNS = 64 };

typedef struct few_task {
  float *y;
  const float *x;
  const void *w;
  int64_t ldy, ldx, ldw, m, n, k, row_blocks, columns;
  att_type type;
} few_task;

static void multiply_few_block(const few_task *t, int64_t row, int64_t rows, int64_t column, int64_t columns) {
  const char *w = (const char *)t->w + (size_t)(column * t->ldw) * att_type_size(t->type);
  att_kernels_get()->few_rows(t->y + row * t->ldy + column, t->ldy, t->x + row * t->ldx, t->ldx, w, t->type, t->ldw,
                              rows, columns, t->k);
}

static void few_columns(void *arg, int64_t begin, int64_t end, int thread) {
  (void)thread;
  const few_task *t = arg;
  multiply_few_block(t, 0, t->m, begin, end - begin);
}

/* Items are blocks of rows, all of some columns before the next. */
static void few_blocks(void *arg, int64_t begin, int64_t end, int thread) {
  (void)thread;
  const few_task *t = arg;
  for (int64_t i = begin; i < end; i++) {
    int64_t row = i % t->row_blocks * BLOCK_ROWS, column = i / t->row_blocks * t->columns;
    multiply_few_block(t, row, t->m - row < BLOCK_ROWS ? t->m - row : BLOCK_ROWS, column,
                       t->n - column < t->columns ? t->n - column : t->columns);
  }
}

static void multiply_few(const att_context *ctx, few_task *t) {
  if (t->m <= BLOCK_ROWS) {
    att_parallel(ctx, t->n, 1 + FEW_ROWS_GRAIN / (t->k + 1), few_columns, t);
    return;
  }
  t->row_blocks = (t->m + BLOCK_ROWS - 1) / BLOCK_ROWS;
  t->columns = ctx->threads > 1 ? (t->n * t->row_blocks / ((int64_t)ctx->threads * BLOCKS) / 4 + 1) * 4 : t->n;
  if (t->columns < LEAST_COLUMNS) t->columns = LEAST_COLUMNS;
  att_parallel(ctx, t->row_blocks * ((t->n + t->columns - 1) / t->columns), 1, few_blocks, t);
}

void att_gemm(const att_context *ctx, float *c, int64_t ldc, const float *a, int64_t lda, bool transpose_a,
              const float *b, int64_t ldb, bool transpose_b, int64_t m, int64_t n, int64_t k, bool accumulate) {
  if (m > 0 && m <= ATT_FEW_ROWS && transpose_b && !transpose_a && !accumulate) {
    few_task few = {.y = c, .x = a, .w = b, .ldy = ldc, .ldx = lda, .ldw = ldb, .m = m, .n = n, .k = k};
    multiply_few(ctx, &few);
    return;
  }
  product g = {c, a, b, ldc, lda, ldb, m, n, k, transpose_a, transpose_b, accumulate};
  if (multiply(ctx, &g)) return;
  att_gemm_own(ctx, att_kernels_get(), c, ldc, a, lda, transpose_a, b, ATT_F32, ldb, transpose_b, m, n, k, accumulate);
}

void att_gemm_weight(const att_context *ctx, float *y, int64_t ldy, const float *x, int64_t ldx, const void *w,
                     att_type w_type, int64_t m, int64_t n, int64_t k, bool own) {
  const att_kernels *kernels = att_kernels_get();
  if (m <= (own || w_type != ATT_F32 ? kernels->few_rows_most : ATT_FEW_ROWS)) {
    few_task few = {.y = y, .x = x, .w = w, .ldy = ldy, .ldx = ldx, .ldw = k, .m = m, .n = n, .k = k, .type = w_type};
    multiply_few(ctx, &few);
  } else if (w_type == ATT_F32 && !own) {
    att_gemm(ctx, y, ldy, x, ldx, false, w, k, true, m, n, k, false);
  } else {
    att_gemm_own(ctx, kernels, y, ldy, x, ldx, false, w, w_type, k, true, m, n, k, false);
  }
}

void att_gemm_weight_backward(const att_context *ctx, float *dx, int64_t lddx, const float *dy, int64_t lddy,
                              const void *w, att_type w_type, int64_t m, int64_t n, int64_t k, bool accumulate) {
  if (w_type == ATT_F32) {
    att_gemm(ctx, dx, lddx, dy, lddy, false, w, k, false, m, k, n, accumulate);
  } else {
    att_gemm_own(ctx, att_kernels_get(), dx, lddx, dy, lddy, false, w, w_type, k, false, m, k, n, accumulate);
  }
}
