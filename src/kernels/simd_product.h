/* Owns the matrix products: a small one on operands as they lie, a tile of packed ones, few rows. Part of simd.h. */
#ifndef ATT_KERNELS_SIMD_PRODUCT_H
#define ATT_KERNELS_SIMD_PRODUCT_H

#include "kernels/simd_math.h"

#if defined(__clang__)
#define UNROLL _Pragma("unroll")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif

/* A matrix that is read one element at a time: element (i, p) is data[i * row_step + p * depth_step]. */
typedef struct grid {
  const float *data;
  int64_t row_step, depth_step;
} grid;

/* c[rows, vectors * W] (+)= a[rows, depth] * b[depth, ...]; of the last vector only `last`. rows and vectors are
 * constants where this is inlined, and the sums stay in registers. */
INLINE void multiply(float *c, int64_t ldc, grid a, const float *b, int64_t ldb, vmask last, int64_t depth,
                     bool accumulate, const int rows, const int vectors) {
  vec sum[16][4], row[4];
  UNROLL for (int i = 0; i < rows; i++) UNROLL for (int j = 0; j < vectors; j++) sum[i][j] = v_zero();
  for (int64_t p = 0; p < depth; p++, b += ldb, a.data += a.depth_step) {
    UNROLL for (int j = 0; j < vectors; j++) row[j] =
        j + 1 < vectors ? v_load_all(b + j * W) : v_load_part(b + j * W, last);
    UNROLL for (int i = 0; i < rows; i++) {
      vec x = v_set(a.data[i * a.row_step]);
      UNROLL for (int j = 0; j < vectors; j++) sum[i][j] = v_fma(x, row[j], sum[i][j]);
    }
  }
  UNROLL for (int i = 0; i < rows; i++, c += ldc) UNROLL for (int j = 0; j < vectors; j++) {
    vmask part = j + 1 < vectors ? v_first(W) : last;
    v_store_part(c + j * W, accumulate ? v_add(v_load_part(c + j * W, part), sum[i][j]) : sum[i][j], part);
  }
}

/* The same with a number of rows known only now, SMALL_ROWS at most. */
INLINE void multiply_rows(float *c, int64_t ldc, grid a, const float *b, int64_t ldb, vmask last, int64_t depth,
                          bool accumulate, int64_t rows, const int vectors) {
#define ROWS(count)                                                                                                    \
  case count:                                                                                                          \
    multiply(c, ldc, a, b, ldb, last, depth, accumulate, count < SMALL_ROWS ? count : SMALL_ROWS, vectors);            \
    break
  switch (rows) {
    ROWS(1);
    ROWS(2);
    ROWS(3);
    ROWS(4);
    ROWS(5);
    ROWS(6);
    ROWS(7);
    ROWS(8);
  }
#undef ROWS
}

/* c[m, n] (+)= a[m, k] * b[k, n] for one head's sizes: nothing is packed. */
static void small_product(float *c, int64_t ldc, grid a, const float *b, int64_t ldb, int64_t m, int64_t n, int64_t k,
                          bool accumulate) {
  for (int64_t j = 0; j < n; j += 2 * W) {
    grid rows = a;
    for (int64_t i = 0; i < m; i += SMALL_ROWS, rows.data += SMALL_ROWS * a.row_step) {
      int64_t count = m - i < SMALL_ROWS ? m - i : SMALL_ROWS;
      float *to = c + i * ldc + j;
      if (n - j > W) {
        multiply_rows(to, ldc, rows, b + j, ldb, v_first(n - j - W), k, accumulate, count, 2);
      } else {
        multiply_rows(to, ldc, rows, b + j, ldb, v_first(n - j), k, accumulate, count, 1);
      }
    }
  }
}

/* A tile at an edge: the same sums, no more of them than half a tile or the whole needs, then what is wanted. */
static void edge_tile(float *c, int64_t ldc, grid a, const float *packed_b, int64_t m, int64_t n, int64_t k,
                      bool accumulate) {
  enum { HALF = (TILE_ROWS + 1) / 2, COLS = TILE_VECTORS * W };
  float tile[TILE_ROWS * COLS];
  if (m <= HALF) {
    if (n <= W) multiply(tile, COLS, a, packed_b, COLS, v_first(W), k, false, HALF, 1);
    if (n > W) multiply(tile, COLS, a, packed_b, COLS, v_first(W), k, false, HALF, TILE_VECTORS);
  } else {
    if (n <= W) multiply(tile, COLS, a, packed_b, COLS, v_first(W), k, false, TILE_ROWS, 1);
    if (n > W) multiply(tile, COLS, a, packed_b, COLS, v_first(W), k, false, TILE_ROWS, TILE_VECTORS);
  }
  for (int64_t i = 0; i < m; i++, c += ldc)
    for (int64_t j = 0; j < n; j += W) {
      vec sum = v_load_all(tile + i * COLS + j);
      v_store(c + j, accumulate ? v_add(v_load(c + j, n - j), sum) : sum, n - j);
    }
}

static void gemm_tile(float *c, int64_t ldc, const float *packed_a, const float *packed_b, int64_t m, int64_t n,
                      int64_t k, bool accumulate) {
  const grid a = {packed_a, 1, TILE_ROWS};
  if (m < TILE_ROWS || n < TILE_VECTORS * W) {
    edge_tile(c, ldc, a, packed_b, m, n, k, accumulate);
  } else {
    multiply(c, ldc, a, packed_b, TILE_VECTORS * W, v_first(W), k, accumulate, TILE_ROWS, TILE_VECTORS);
  }
}

/* W weights of a type, which is a constant where this is inlined; and the last ones of a row. */
INLINE vec load_weights(const char *w, const att_type type) {
  return type == ATT_F16    ? v_load_f16(w)
         : type == ATT_BF16 ? v_load_bf16(w)
                            : v_load_all((const float *)(const void *)w);
}

INLINE vec load_last_weights(const char *w, const att_type type, int64_t count) {
  float last[W] = {0};
  if (type == ATT_F32) return v_load_part((const float *)(const void *)w, v_first(count));
  for (int64_t i = 0; i < count; i++) last[i] = att_value_at(w, type, i);
  return v_load_all(last);
}

/* y[rows, n <= 4]: the products of `rows` rows of x with up to four of w. A weight's row that is not there is another
 * one again, so that each sum is made in the same way wherever it lies. The weights `ahead` bytes on come next: with
 * several rows there is so much to do with each that memory would wait (one row alone keeps it busy). */
INLINE void few_block(float *y, int64_t ldy, const float *x, int64_t ldx, const char *const *w, const att_type type,
                      int64_t ahead, int64_t n, int64_t k, const int rows) {
  const int64_t size = type == ATT_F32 ? 4 : 2;
  vec sum[FEW_STEP][4], weight[4];
  UNROLL for (int i = 0; i < rows; i++) UNROLL for (int j = 0; j < 4; j++) sum[i][j] = v_zero();
  int64_t p = 0;
  for (; p + W <= k; p += W) {
    UNROLL for (int j = 0; j < 4; j++) {
      weight[j] = load_weights(w[j] + p * size, type);
      if (rows > 1) __builtin_prefetch(w[j] + p * size + ahead);
    }
    UNROLL for (int i = 0; i < rows; i++) {
      vec value = v_load_all(x + i * ldx + p);
      UNROLL for (int j = 0; j < 4; j++) sum[i][j] = v_fma(value, weight[j], sum[i][j]);
    }
  }
  if (p < k) {
    vmask part = v_first(k - p);
    UNROLL for (int j = 0; j < 4; j++) weight[j] = load_last_weights(w[j] + p * size, type, k - p);
    UNROLL for (int i = 0; i < rows; i++) {
      vec value = v_load_part(x + i * ldx + p, part);
      UNROLL for (int j = 0; j < 4; j++) sum[i][j] = v_fma(value, weight[j], sum[i][j]);
    }
  }
  UNROLL for (int i = 0; i < rows; i++) {
    float four[4], *to = n == 4 ? y + i * ldy : four;
    v_sum4(to, sum[i][0], sum[i][1], sum[i][2], sum[i][3]);
    for (int64_t j = 0; n < 4 && j < n; j++) y[i * ldy + j] = four[j];
  }
}

INLINE void few_rows_of(float *y, int64_t ldy, const float *x, int64_t ldx, const char *w, const att_type type,
                        int64_t ldw, int64_t m, int64_t n, int64_t k) {
  const int64_t stride = ldw * (type == ATT_F32 ? 4 : 2);
  for (int64_t j = 0; j < n; j += 4) {
    int64_t count = n - j < 4 ? n - j : 4;
    const char *rows[4];
    for (int64_t i = 0; i < 4; i++) rows[i] = w + (j + (i < count ? i : count - 1)) * stride;
    int64_t i = 0, ahead = j + 8 <= n ? 4 * stride : 0;
    for (; i + FEW_STEP <= m; i += FEW_STEP)
      few_block(y + i * ldy + j, ldy, x + i * ldx, ldx, rows, type, ahead, count, k, FEW_STEP);
    for (; i < m; i++) few_block(y + i * ldy + j, ldy, x + i * ldx, ldx, rows, type, ahead, count, k, 1);
  }
}

static void few_rows(float *y, int64_t ldy, const float *x, int64_t ldx, const void *w, att_type type, int64_t ldw,
                     int64_t m, int64_t n, int64_t k) {
  switch (type) {
  case ATT_F16: few_rows_of(y, ldy, x, ldx, w, ATT_F16, ldw, m, n, k); break;
  case ATT_BF16: few_rows_of(y, ldy, x, ldx, w, ATT_BF16, ldw, m, n, k); break;
  default: few_rows_of(y, ldy, x, ldx, w, ATT_F32, ldw, m, n, k);
  }
}

#endif
