/*
 * Owns the matrix products: a small one on operands as they lie, a tile of packed ones, few rows. Part of simd.h.
 *
 * A tile and few rows sum in one order (kernels.h, "The order of sums"): lane l of a vector has the products at l,
 * l + W, l + 2 W, ... of a block, one after another, and the lanes are added as v_sum4 adds them. Few rows have the
 * lanes of one output in a vector. A tile has vectors of outputs, so it makes the sum of one lane after another
 * (lane_at), and keeps those that wait for their neighbour.
 */
#ifndef ATT_KERNELS_SIMD_PRODUCT_H
#define ATT_KERNELS_SIMD_PRODUCT_H

#include "kernels/simd_rows.h"

#if defined(__clang__)
#define UNROLL      _Pragma("unroll")
#define UNROLL_FOUR _Pragma("unroll 4")
#else
#define UNROLL      _Pragma("GCC unroll 16")
#define UNROLL_FOUR _Pragma("GCC unroll 4")
#endif

/* A matrix that is read one element at a time: element (i, p) is data[i * row_step + p * depth_step]. */
typedef struct grid {
  const float *data;
  int64_t row_step, depth_step;
} grid;

/* Rows from which copies of them and of the weights pay. */
enum { MANY_ROWS = 16 };

/* The most sums of lanes that wait for others: one of each power of two. */
enum { MOST_KEPT = W == 8 ? 3 : 4 };

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

/* c[rows, vectors * W] (+)= one panel times one, each of W lanes of `steps` depths. */
INLINE void multiply_lanes(float *c, int64_t ldc, const float *packed_a, const float *packed_b, int64_t steps,
                           bool accumulate, const int rows, const int vectors) {
  enum { COLS = TILE_VECTORS * W };
  vec sum[16][4], row[4], kept[MOST_KEPT][16][4];
  for (int i = 0; i < W; i++) {
    const float *a = packed_a + lane_at(i) * steps * TILE_ROWS, *b = packed_b + lane_at(i) * steps * COLS;
    UNROLL for (int r = 0; r < rows; r++) UNROLL for (int j = 0; j < vectors; j++) sum[r][j] = v_zero();
    UNROLL_FOUR for (int64_t p = 0; p < steps; p++, a += TILE_ROWS, b += COLS) {
      UNROLL for (int j = 0; j < vectors; j++) row[j] = v_load_all(b + j * W);
      UNROLL for (int r = 0; r < rows; r++) {
        vec x = v_set(a[r]);
        UNROLL for (int j = 0; j < vectors; j++) sum[r][j] = v_fma(x, row[j], sum[r][j]);
      }
    }
    int level = 0;
    for (; i >> level & 1; level++)
      UNROLL for (int r = 0; r < rows; r++) UNROLL for (int j = 0; j < vectors; j++) sum[r][j] =
          v_add(kept[level][r][j], sum[r][j]);
    if (i + 1 == W) break;
    UNROLL for (int r = 0; r < rows; r++) UNROLL for (int j = 0; j < vectors; j++) kept[level][r][j] = sum[r][j];
  }
  UNROLL for (int r = 0; r < rows; r++, c += ldc) UNROLL for (int j = 0; j < vectors; j++)
      v_store_all(c + j * W, accumulate ? v_add(v_load_all(c + j * W), sum[r][j]) : sum[r][j]);
}

/* A tile at an edge: the same sums, no more of them than half a tile or the whole needs, then what is wanted. */
static void edge_tile(float *c, int64_t ldc, const float *packed_a, const float *packed_b, int64_t m, int64_t n,
                      int64_t steps, bool accumulate) {
  enum { HALF = (TILE_ROWS + 1) / 2, COLS = TILE_VECTORS * W };
  float tile[TILE_ROWS * COLS];
  if (m <= HALF) {
    if (n <= W) multiply_lanes(tile, COLS, packed_a, packed_b, steps, false, HALF, 1);
    if (n > W) multiply_lanes(tile, COLS, packed_a, packed_b, steps, false, HALF, TILE_VECTORS);
  } else {
    if (n <= W) multiply_lanes(tile, COLS, packed_a, packed_b, steps, false, TILE_ROWS, 1);
    if (n > W) multiply_lanes(tile, COLS, packed_a, packed_b, steps, false, TILE_ROWS, TILE_VECTORS);
  }
  for (int64_t i = 0; i < m; i++, c += ldc)
    for (int64_t j = 0; j < n; j += W) {
      vec sum = v_load_all(tile + i * COLS + j);
      v_store(c + j, accumulate ? v_add(v_load(c + j, n - j), sum) : sum, n - j);
    }
}

static void gemm_tile(float *c, int64_t ldc, const float *packed_a, const float *packed_b, int64_t m, int64_t n,
                      int64_t k, bool accumulate) {
  const int64_t steps = (k + W - 1) / W;
  if (m < TILE_ROWS || n < TILE_VECTORS * W) {
    edge_tile(c, ldc, packed_a, packed_b, m, n, steps, accumulate);
  } else {
    multiply_lanes(c, ldc, packed_a, packed_b, steps, accumulate, TILE_ROWS, TILE_VECTORS);
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

/* y[rows, n <= 4] (+)= the products of `rows` rows of x with four of w over one block of k, of which the first n are
 * wanted. The weights `ahead` bytes on come next: with several rows there is so much to do with each that memory would
 * wait (one row alone keeps it busy). -1: they do not. */
INLINE void few_block(float *y, int64_t apart, int64_t ldy, const float *x, int64_t ldx, const char *const *w,
                      const att_type type, int64_t n, int64_t k, bool accumulate, const int rows) {
  const int64_t size = type == ATT_F32 ? 4 : 2;
  vec sum[FEW_STEP][4], value[FEW_STEP];
  UNROLL for (int i = 0; i < rows; i++) UNROLL for (int j = 0; j < 4; j++) sum[i][j] = v_zero();
  int64_t p = 0;
  UNROLL_FOUR for (; p + W <= k; p += W) {
    UNROLL for (int i = 0; i < rows; i++) value[i] = v_load_all(x + i * ldx + p);
    UNROLL for (int j = 0; j < 4; j++) {
      vec weight = load_weights(w[j] + p * size, type);
      UNROLL for (int i = 0; i < rows; i++) sum[i][j] = v_fma(value[i], weight, sum[i][j]);
    }
  }
  if (p < k) {
    vmask part = v_first(k - p);
    UNROLL for (int i = 0; i < rows; i++) value[i] = v_load_part(x + i * ldx + p, part);
    UNROLL for (int j = 0; j < 4; j++) {
      vec weight = load_last_weights(w[j] + p * size, type, k - p);
      UNROLL for (int i = 0; i < rows; i++) sum[i][j] = v_fma(value[i], weight, sum[i][j]);
    }
  }
  UNROLL for (int i = 0; i < rows; i++) {
    float four[4], *to = y + i * ldy;
    v_sum4(four, sum[i][0], sum[i][1], sum[i][2], sum[i][3]);
    if (n == 4 && apart == 1) {
      UNROLL for (int j = 0; j < 4; j++) to[j] = accumulate ? to[j] + four[j] : four[j];
    } else {
      for (int64_t j = 0; j < n; j++) to[j * apart] = accumulate ? to[j * apart] + four[j] : four[j];
    }
  }
}

/* The same with any number of rows. */
INLINE void few_groups(float *y, int64_t apart, int64_t ldy, const float *x, int64_t ldx, const char *const *w,
                       const att_type type, int64_t m, int64_t n, int64_t k, bool accumulate) {
  int64_t i = 0;
  for (; i + FEW_STEP <= m; i += FEW_STEP)
    few_block(y + i * ldy, apart, ldy, x + i * ldx, ldx, w, type, n, k, accumulate, FEW_STEP);
  for (; i + 2 <= m; i += 2) few_block(y + i * ldy, apart, ldy, x + i * ldx, ldx, w, type, n, k, accumulate, 2);
  if (i < m) few_block(y + i * ldy, apart, ldy, x + i * ldx, ldx, w, type, n, k, accumulate, 1);
}

/* Four rows of weights from row j on. One that is not there is another one again, so that each sum is made in the same
 * way wherever it lies. */
INLINE int64_t four_rows(const char **four, const char *w, int64_t stride, int64_t j, int64_t apart, int64_t n) {
  const int64_t count = (n - j + apart - 1) / apart < 4 ? (n - j + apart - 1) / apart : 4;
  for (int64_t i = 0; i < 4; i++) four[i] = w + (j + (i < count ? i : count - 1) * apart) * stride;
  return count;
}

/* Many rows, over one block of k: as many of them as stay in the first-level cache meet as many weights as stay in the
 * second, both side by side, as floats: copied where they do not lie so. */
INLINE void many_rows(float *y, int64_t ldy, const float *x, int64_t ldx, const char *w, const att_type type,
                      int64_t stride, int64_t m, int64_t n, int64_t k, bool accumulate) {
  enum { X_ROOM = 96 * ATT_SUM_BLOCK, W_ROOM = 48 * ATT_SUM_BLOCK, X_NEAR = 9 * ATT_SUM_BLOCK };
  float kept_x[X_ROOM], kept_w[W_ROOM];
  const int64_t near = X_NEAR / k / FEW_STEP * FEW_STEP, rows = X_ROOM / X_NEAR * near, columns = W_ROOM / k / 4 * 4;
  const int64_t size = k * (int64_t)sizeof *x;
  const bool copy_x = ldx != k, copy_w = type != ATT_F32 || stride != size;
  for (int64_t first = 0; first < m; first += rows, x += rows * ldx, y += rows * ldy) {
    const int64_t count = m - first < rows ? m - first : rows;
    for (int64_t i = 0; copy_x && i < count; i++) memcpy(kept_x + i * k, x + i * ldx, (size_t)size);
    for (int64_t c = 0; c < n; c += columns) {
      const int64_t width = n - c < columns ? n - c : columns;
      for (int64_t j = 0; copy_w && j < width; j++) to_f32(kept_w + j * k, w + (c + j) * stride, type, k);
      const char *some_w = copy_w ? (const char *)kept_w : w + c * stride;
      for (int64_t i = 0; i < count; i += near)
        for (int64_t j = 0; j < width; j += 4) {
          const char *four[4];
          int64_t wanted = four_rows(four, some_w, size, j, 1, width);
          few_groups(y + i * ldy + c + j, 1, ldy, (copy_x ? kept_x : x) + i * k, k, four, ATT_F32,
                     count - i < near ? count - i : near, wanted, k, accumulate);
        }
    }
  }
}

INLINE void few_rows_of(float *y, int64_t ldy, const float *x, int64_t ldx, const char *w, const att_type type,
                        int64_t ldw, int64_t m, int64_t n, int64_t k) {
  const int64_t size = type == ATT_F32 ? 4 : 2, stride = ldw * size, apart = (n + 3) / 4;
  for (int64_t p = 0; m > MANY_ROWS && p < k; p += ATT_SUM_BLOCK)
    many_rows(y, ldy, x + p, ldx, w + p * size, type, stride, m, n, k - p < ATT_SUM_BLOCK ? k - p : ATT_SUM_BLOCK,
              p > 0);
  if (m > MANY_ROWS && k > 0) return;
  for (int64_t j = 0; j < apart; j++) {
    const char *four[4];
    int64_t p = 0, wanted = four_rows(four, w, stride, j, apart, n);
    do {
      const int64_t depth = k - p < ATT_SUM_BLOCK ? k - p : ATT_SUM_BLOCK;
      few_groups(y + j, apart, ldy, x + p, ldx, four, type, m, wanted, depth, p > 0);
      for (int i = 0; i < 4; i++) four[i] += depth * size;
    } while ((p += ATT_SUM_BLOCK) < k);
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
