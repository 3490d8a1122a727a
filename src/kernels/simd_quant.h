/*
 * Owns the products of panels, written once for every instruction set: its file defines W (floats in a vector; 8 or
 * 16), vec, ints (a vector of bytes or of int32), and the p_ functions on them, then includes this. Where HAS_DPBUSD,
 * p_dot multiplies four bytes of weights and of x and adds them into an int32; elsewhere products of bytes are added as
 * int16 as long as they fit, and as int32 then. All of it is exact.
 */
#ifndef ATT_KERNELS_SIMD_QUANT_H
#define ATT_KERNELS_SIMD_QUANT_H

#include "kernels/quant_panels.h"

#define INLINE static inline __attribute__((always_inline))
#if defined(__SANITIZE_ADDRESS__) /* gcc cannot keep the promise then */
#define UNROLL
#elif defined(__clang__)
#define UNROLL _Pragma("unroll")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif

enum { LANES = ATT_QUANT_PANEL, PLANE = LANES * 4, VECTORS = LANES / W, PIECE = 32, MOST_ROWS = 8 };
#define EACH_VECTOR UNROLL for (int v = 0; v < VECTORS; v++)
/* Numbers of a row that are unpacked at once, and rows that use them; where rows are fewer, weights are used as they
 * are unpacked. */
enum { DEPTH = 1024, MANY = 64 };

typedef struct unpacked {
  _Alignas(64) uint8_t q[DEPTH / PIECE][8][PLANE];
  float scale[DEPTH / 16][LANES], low[DEPTH / 16][LANES];
} unpacked;

/* What the template's functions know of a type: constants where they are inlined. wide: integers of 8 bits. */
typedef struct shape {
  int bits, part, block, parts;
  bool scales, lowest, wide, nibbles, looked;
} shape;

INLINE shape shape_of(const att_type type) {
  const att_quant_kind kind = att_quant_kind_of(type);
  return (shape){.bits = kind.bits,
                 .part = kind.part,
                 .block = kind.block,
                 .parts = kind.block / kind.part,
                 .scales = kind.scales,
                 .lowest = kind.lowest,
                 .wide = kind.bits == 8 || kind.looked,
                 .nibbles = type == ATT_Q2_K,
                 .looked = kind.looked};
}

/* Where a panel's block has what (quant_panels.c). */
INLINE int scales_at(const shape s) { return LANES * 2 * (1 + s.lowest); }
INLINE int numbers_at(const shape s) {
  return scales_at(s) + (s.scales ? s.parts * LANES * (1 + (s.lowest && !s.nibbles)) : 0);
}
INLINE int block_bytes(const shape s) { return numbers_at(s) + s.block / PIECE * PLANE * s.bits; }

/* Group g of a piece's planes, at vector v: bytes 4 * lane + j, unsigned (wide ones without HAS_DPBUSD signed). */
INLINE ints group(const uint8_t *planes, const int g, const int v, const shape s) {
  const uint8_t *at = planes + v * 4 * W;
  if (s.bits == 8) return p_wide(p_load(at + g * PLANE));
  if (s.bits < 4) {
    ints q = p_and(p_right(p_load(at + g / 4 * PLANE), g % 4 * 2), 3);
    return s.bits == 2 ? q : p_or(q, p_left_bits(p_load(at + 2 * PLANE), 2 - g, 4));
  }
  ints q = p_and(p_right(p_load(at + g % 4 * PLANE), g / 4 * 4), 15);
  if (s.looked) return p_wide(p_look(q));
  if (s.bits == 5) q = p_or(q, p_left_bits(p_load(at + 4 * PLANE), 4 - g, 16));
  if (s.bits == 6) q = p_or(q, p_left_bits(p_load(at + (4 + g / 4) * PLANE), 4 - g % 4 * 2, 48));
  return q;
}

/* The scale of part p, and what its lowest integer stands for. */
INLINE vec scale_of(const uint8_t *panel, const int p, const int v, const shape s) {
  vec d = p_half(panel + v * W * 2);
  if (!s.scales) return d;
  const uint8_t *at = panel + scales_at(s) + p * LANES + v * W;
  return p_mul(d, s.nibbles ? p_nibble(at, 0) : p_byte(at));
}

INLINE vec low_of(const uint8_t *panel, const int p, const int v, const shape s) {
  vec m = p_half(panel + LANES * 2 + v * W * 2);
  if (!s.scales) return m;
  const uint8_t *at = panel + scales_at(s) + p * LANES + v * W;
  return p_mul(p_negative(m), s.nibbles ? p_nibble(at, 4) : p_byte(at + s.parts * LANES));
}

/* Products of one part: groups [first, first + count) of a piece with the same numbers of `rows` rows of x. q: the
 * groups where they are unpacked, else NULL. Each four numbers of x meet all lanes while they are in a register. */
INLINE void multiply_part(ints (*sum)[VECTORS], const uint8_t *planes, const uint8_t *q, const int8_t *const *x,
                          int64_t at, const int first, const int count, const shape s, const int rows) {
  ints w[VECTORS];
#if !defined(HAS_DPBUSD)
  const int fit = s.bits <= 4 ? 8 : s.bits == 5 ? 4 : 2, run = fit < count ? fit : count; /* added as int16 */
  if (!s.wide) {
    UNROLL for (int g = first; g < first + count; g += run) {
      ints wide[MOST_ROWS][VECTORS];
      UNROLL for (int i = g; i < g + run; i++) {
        EACH_VECTOR w[v] = q ? p_load(q + i * PLANE + v * 4 * W) : group(planes, i, v, s);
        UNROLL for (int r = 0; r < rows; r++) {
          const ints four = p_four(x[r] + at + 4 * i);
          EACH_VECTOR {
            ints product = p_products(w[v], four);
            wide[r][v] = i == g ? product : p_add16(wide[r][v], product);
          }
        }
      }
      UNROLL for (int r = 0; r < rows; r++) EACH_VECTOR sum[r][v] = p_add32(sum[r][v], p_pairs(wide[r][v]));
    }
    return;
  }
#endif
  UNROLL for (int i = first; i < first + count; i++) {
    EACH_VECTOR w[v] = q ? p_load(q + i * PLANE + v * 4 * W) : group(planes, i, v, s);
    UNROLL for (int r = 0; r < rows; r++) {
      const ints four = p_four(x[r] + at + 4 * i);
      EACH_VECTOR sum[r][v] = p_dot(sum[r][v], w[v], four);
    }
  }
}

/* Adds to sums[rows][LANES] the products of numbers [from, from + depth) of rows of x; panel, u: of the first of them.
 */
INLINE void multiply_rows(float *sums, const att_quant_rows *x, int64_t row, int64_t from, int64_t depth,
                          const uint8_t *panel, const unpacked *u, const att_type type, const int rows) {
  const shape s = shape_of(type);
  const int groups = s.part / 4, halves = PIECE / s.part;
  const bool kept = rows * VECTORS <= AT_ONCE; /* there are registers for the sums */
  const int64_t pieces = x->cols / PIECE, parts = x->cols / s.part, ahead = x->cols / s.block * block_bytes(s);
  const int8_t *q[MOST_ROWS];
  const float *scale = x->scale + row * pieces + from / PIECE;
  const int32_t *start = x->start + row * parts + from / s.part;
  vec total[MOST_ROWS][VECTORS];
  UNROLL for (int r = 0; r < rows; r++) {
    q[r] = x->q + (row + r) * x->cols + from;
    if (kept) EACH_VECTOR total[r][v] = p_load_floats(sums + r * LANES + v * W);
  }
  for (int64_t i = 0; i < depth / PIECE; i++) {
    const int64_t block = i * PIECE / s.block;
    const int inside = (int)(i * PIECE % s.block / PIECE);
    const uint8_t *at = panel + block * block_bytes(s), *planes = at + numbers_at(s) + inside * PLANE * s.bits;
    if (!u) /* the next panel's lines, while there is something to do */
      UNROLL for (int line = 0; line < PLANE * s.bits + 64; line += 64) __builtin_prefetch(planes + ahead + line);
    UNROLL for (int h = 0; h < halves; h++) {
      const int64_t p = i * halves + h;
      const int part = inside * halves + h;
      ints sum[MOST_ROWS][VECTORS];
      UNROLL for (int r = 0; r < rows; r++) EACH_VECTOR sum[r][v] =
          s.lowest || p_signed(s.wide) ? p_zero() : p_int(start + r * parts + p);
      multiply_part(sum, planes, u ? u->q[i][0] : NULL, q, i * PIECE, h * groups, groups, s, rows);
      EACH_VECTOR {
        vec by = u ? p_load_floats(u->scale[p] + v * W) : scale_of(at, part, v, s), low;
        if (s.lowest) low = u ? p_load_floats(u->low[p] + v * W) : low_of(at, part, v, s);
        UNROLL for (int r = 0; r < rows; r++) {
          float *to = sums + r * LANES + v * W;
          vec y = p_fma(p_mul(p_floats(sum[r][v]), by), p_set(scale + r * pieces + i),
                        kept ? total[r][v] : p_load_floats(to));
          if (s.lowest) y = p_fma(low, p_set((const float *)(const void *)(start + r * parts + p)), y);
          if (kept) {
            total[r][v] = y;
          } else {
            p_store_floats(to, y);
          }
        }
      }
    }
  }
  if (kept) UNROLL for (int r = 0; r < rows; r++) EACH_VECTOR p_store_floats(sums + r * LANES + v * W, total[r][v]);
}

INLINE void unpack(unpacked *u, const uint8_t *panel, int64_t depth, const att_type type) {
  const shape s = shape_of(type);
  for (int64_t i = 0; i < depth / PIECE; i++) {
    const uint8_t *at = panel + i * PIECE / s.block * block_bytes(s);
    const int inside = (int)(i * PIECE % s.block / PIECE);
    EACH_VECTOR {
      UNROLL for (int g = 0; g < 8; g++)
          p_store(u->q[i][g] + v * 4 * W, group(at + numbers_at(s) + inside * PLANE * s.bits, g, v, s));
      UNROLL for (int h = 0; h < PIECE / s.part; h++) {
        const int part = inside * (PIECE / s.part) + h;
        p_store_floats(u->scale[i * (PIECE / s.part) + h] + v * W, scale_of(at, part, v, s));
        if (s.lowest) p_store_floats(u->low[i * (PIECE / s.part) + h] + v * W, low_of(at, part, v, s));
      }
    }
  }
}

/* Any number of rows, AT_ONCE together and the rest one by one. */
INLINE void multiply_all(float *sums, const att_quant_rows *x, int64_t row, int64_t count, int64_t from, int64_t depth,
                         const uint8_t *panel, const unpacked *u, const att_type type) {
  int64_t i = 0;
  for (; i + AT_ONCE <= count; i += AT_ONCE)
    multiply_rows(sums + i * LANES, x, row + i, from, depth, panel, u, type, AT_ONCE);
  for (; i < count; i++) multiply_rows(sums + i * LANES, x, row + i, from, depth, panel, u, type, 1);
}

/* A call for so few bytes would take as long as a tenth of their products. */
INLINE void put_lanes(float *y, const float *sums, int64_t lanes) {
  if (lanes == LANES) {
    EACH_VECTOR p_store_floats(y + v * W, p_load_floats(sums + v * W));
  } else {
    memcpy(y, sums, (size_t)lanes * sizeof *y);
  }
}

INLINE void multiply_type(float *y, int64_t ldy, const att_quant_rows *x, const uint8_t *panels, int64_t rows,
                          int64_t first, int64_t end, const att_type type) {
  const shape s = shape_of(type);
  const int64_t bytes = x->cols / s.block * block_bytes(s);
  unpacked u;
  for (int64_t i = first; i < end; i++) {
    const uint8_t *panel = panels + i * bytes;
    const int64_t lanes = rows - i * LANES < LANES ? rows - i * LANES : LANES;
    for (int64_t r = 0; r < x->rows; r += MANY) {
      const int64_t count = x->rows - r < MANY ? x->rows - r : MANY;
      _Alignas(64) float sums[MANY][LANES];
      for (int64_t j = 0; j < count; j++) EACH_VECTOR p_store_floats(sums[j] + v * W, p_nothing());
      if (count < 2 * AT_ONCE) {
        multiply_all(sums[0], x, r, count, 0, x->cols, panel, NULL, type);
      } else {
        for (int64_t k = 0; k < x->cols; k += DEPTH) {
          const int64_t depth = x->cols - k < DEPTH ? x->cols - k : DEPTH;
          const uint8_t *at = panel + k / s.block * block_bytes(s);
          unpack(&u, at, depth, type);
          multiply_all(sums[0], x, r, count, k, depth, at, &u, type);
        }
      }
      for (int64_t j = 0; j < count; j++) put_lanes(y + (r + j) * ldy + i * LANES, sums[j], lanes);
    }
  }
}

static void multiply_panels(float *y, int64_t ldy, const att_quant_rows *x, const void *panels, att_type type,
                            int64_t rows, int64_t first, int64_t end) {
  ATT_EACH_QUANT(type, multiply_type(y, ldy, x, panels, rows, first, end, T))
}

#endif
