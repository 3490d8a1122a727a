/*
 * Owns attend's own matrix product. The result is split over the threads in rectangles. Within one, blocks of a and b
 * are copied into panels as wide as the kernels' tile, so that the tile reads both in order from the caches (Goto & van
 * de Geijn 2008, "Anatomy of high-performance matrix multiplication"). An element is summed over k in the order that
 * kernels.h says, as few_rows sums it: neither threads nor rows change a bit. The copies lie on the stack: it cannot
 * fail.
 */
#include "kernels/gemm_own.h"

#include <string.h>

#include "base/parallel.h"

/* Floats of the packed blocks: b's block stays in the second-level cache, with a's. */
enum { B_FLOATS = 256 * 256, A_FLOATS = 256 * 224, WIDEST_TILE = 64 };
/* Multiplications below which another thread costs more than it brings. */
#define GRAIN ((double)(1 << 18))

/* A matrix op(x)[rows, depth]: what is packed. Its element (r, p) is x[r * ld + p], or x[p * ld + r] where its rows are
 * the fast ones. */
typedef struct operand {
  const void *data;
  int64_t ld;
  att_type type;
  bool rows_fast;
} operand;

typedef struct product {
  const att_kernels *kernels;
  float *c;
  int64_t ldc;
  operand a, b; /* b's rows are the columns of c */
  int64_t m, n, k, row_parts, column_parts;
  bool accumulate;
} product;

static int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }

static int64_t round_up(int64_t value, int64_t step) { return (value + step - 1) / step * step; }

/* Of a packed block. */
static int64_t whole_lanes(const att_kernels *kernels, int64_t depth) { return round_up(depth, kernels->gemm_lanes); }

/* Rows [row, row + rows) at depths [first, first + depth) into panels; other types than float a panel at a time. */
static void pack(const product *g, float *packed, const operand *x, int64_t row, int64_t rows, int64_t first,
                 int64_t depth, int64_t tile) {
  int64_t start = x->rows_fast ? first * x->ld + row : row * x->ld + first;
  if (x->type == ATT_F32) {
    g->kernels->pack(packed, (const float *)x->data + start, x->ld, x->rows_fast, rows, depth, tile);
    return;
  }
  float block[WIDEST_TILE * ATT_SUM_BLOCK];
  for (int64_t r = 0; r < rows; r += tile, packed += tile * whole_lanes(g->kernels, depth)) {
    int64_t count = smaller(tile, rows - r), lines = x->rows_fast ? depth : count,
            length = x->rows_fast ? count : depth;
    int64_t size = (int64_t)att_type_size(x->type), first_of = start + (x->rows_fast ? r : r * x->ld);
    const char *from = (const char *)x->data + first_of * size;
    for (int64_t i = 0; i < lines; i++)
      g->kernels->to_f32(block + i * length, from + i * x->ld * size, x->type, length);
    g->kernels->pack(packed, block, length, x->rows_fast, count, depth, tile);
  }
}

/* c[m, n] (+)= the product of two packed blocks. */
static void multiply_block(const product *g, float *c, const float *packed_a, const float *packed_b, int64_t m,
                           int64_t n, int64_t depth, bool accumulate) {
  int64_t tile_m = g->kernels->gemm_tile_rows, tile_n = g->kernels->gemm_tile_cols;
  int64_t size = whole_lanes(g->kernels, depth);
  for (int64_t j = 0; j < n; j += tile_n)
    for (int64_t i = 0; i < m; i += tile_m)
      g->kernels->gemm_tile(c + i * g->ldc + j, g->ldc, packed_a + i * size, packed_b + j * size,
                            smaller(tile_m, m - i), smaller(tile_n, n - j), depth, accumulate);
}

/* The rectangle of c at row, col. */
static void multiply_part(const product *g, int64_t row, int64_t rows, int64_t col, int64_t cols) {
  _Alignas(64) float packed_a[A_FLOATS], packed_b[B_FLOATS];
  int64_t tile_m = g->kernels->gemm_tile_rows, tile_n = g->kernels->gemm_tile_cols;
  int64_t depth = smaller(ATT_SUM_BLOCK, g->k), size = whole_lanes(g->kernels, depth);
  int64_t most_m = A_FLOATS / size / tile_m * tile_m, most_n = B_FLOATS / size / tile_n * tile_n;
  for (int64_t j = 0; j < cols; j += most_n) {
    int64_t n = smaller(most_n, cols - j);
    for (int64_t p = 0; p < g->k; p += depth) {
      int64_t k = smaller(depth, g->k - p);
      pack(g, packed_b, &g->b, col + j, n, p, k, tile_n);
      for (int64_t i = 0; i < rows; i += most_m) {
        int64_t m = smaller(most_m, rows - i);
        pack(g, packed_a, &g->a, row + i, m, p, k, tile_m);
        multiply_block(g, g->c + (row + i) * g->ldc + col + j, packed_a, packed_b, m, n, k, g->accumulate || p > 0);
      }
    }
  }
}

/* Parts [begin, end) of the grid. */
static void multiply_parts(void *arg, int64_t begin, int64_t end, int thread) {
  (void)thread;
  const product *g = arg;
  int64_t tall = round_up((g->m + g->row_parts - 1) / g->row_parts, g->kernels->gemm_tile_rows);
  int64_t wide = round_up((g->n + g->column_parts - 1) / g->column_parts, g->kernels->gemm_tile_cols);
  for (int64_t i = begin; i < end; i++) {
    int64_t row = i / g->column_parts * tall, col = i % g->column_parts * wide;
    if (row < g->m && col < g->n) multiply_part(g, row, smaller(tall, g->m - row), col, smaller(wide, g->n - col));
  }
}

/* The grid of parts, one a thread, whose copies of a and b are the least. */
static void plan(product *g, int threads) {
  double work = (double)g->m * (double)g->n * (double)g->k, least = 0;
  int64_t parts = work / GRAIN < threads ? (int64_t)(work / GRAIN) : threads;
  if (parts < 1) parts = 1;
  for (int64_t r = 1; r <= parts; r++) {
    if (parts % r) continue;
    double cost = (double)g->m / (double)r + (double)g->n / (double)(parts / r);
    if (r > 1 && cost >= least) continue;
    least = cost;
    g->row_parts = r;
    g->column_parts = parts / r;
  }
}

void att_gemm_own(const att_context *ctx, const att_kernels *kernels, float *c, int64_t ldc, const float *a,
                  int64_t lda, bool transpose_a, const void *b, att_type b_type, int64_t ldb, bool transpose_b,
                  int64_t m, int64_t n, int64_t k, bool accumulate) {
  product g = {.kernels = kernels,
               .c = c,
               .ldc = ldc,
               .a = {a, lda, ATT_F32, transpose_a},
               .b = {b, ldb, b_type, !transpose_b},
               .m = m,
               .n = n,
               .k = k,
               .accumulate = accumulate};
  if (m <= 0 || n <= 0) return;
  if (k <= 0) {
    for (int64_t i = 0; i < m && !accumulate; i++) memset(c + i * ldc, 0, (size_t)n * sizeof *c);
    return;
  }
  plan(&g, ctx->threads);
  att_parallel(ctx, g.row_parts * g.column_parts, 1, multiply_parts, &g);
}

int64_t att_panels(const att_kernels *kernels, int64_t n) {
  return (n + kernels->gemm_tile_cols - 1) / kernels->gemm_tile_cols;
}

int64_t att_panels_size(const att_kernels *kernels, int64_t n, int64_t k) {
  return att_panels(kernels, n) * kernels->gemm_tile_cols * whole_lanes(kernels, k);
}

/* Each block of k has all its panels together. */
void att_panels_pack(const att_kernels *kernels, float *panels, const void *b, att_type b_type, int64_t ldb,
                     bool transpose_b, int64_t n, int64_t k) {
  int64_t tile = kernels->gemm_tile_cols;
  product g = {.kernels = kernels, .b = {b, ldb, b_type, !transpose_b}};
  for (int64_t p = 0; p < k; p += ATT_SUM_BLOCK)
    pack(&g, panels + p * round_up(n, tile), &g.b, 0, n, p, smaller(ATT_SUM_BLOCK, k - p), tile);
}

void att_panels_multiply(const att_kernels *kernels, float *c, int64_t ldc, const float *a, int64_t lda,
                         const float *panels, int64_t m, int64_t n, int64_t k, int64_t first, int64_t end,
                         bool accumulate) {
  _Alignas(64) float packed_a[A_FLOATS];
  int64_t tile_m = kernels->gemm_tile_rows, tile_n = kernels->gemm_tile_cols, col = first * tile_n;
  int64_t cols = smaller(end * tile_n, n) - col;
  int64_t most_m = A_FLOATS / ATT_SUM_BLOCK / tile_m * tile_m;
  product g = {.kernels = kernels, .ldc = ldc, .a = {a, lda, ATT_F32, false}};
  for (int64_t p = 0; p < k; p += ATT_SUM_BLOCK) {
    int64_t part = smaller(ATT_SUM_BLOCK, k - p);
    const float *b = panels + p * round_up(n, tile_n) + col * whole_lanes(kernels, part);
    for (int64_t i = 0; i < m; i += most_m) {
      int64_t rows = smaller(most_m, m - i);
      pack(&g, packed_a, &g.a, i, rows, p, part, tile_m);
      multiply_block(&g, c + i * ldc + col, packed_a, b, rows, cols, part, accumulate || p > 0);
    }
  }
}
