/* Owns the layout of panels and the portable product with them. See quant_panels.h. */
#include "kernels/quant_panels.h"

#include <math.h>

/*
 * Blocks of 16 rows at the same columns lie together:
 *   d [16], m [16] where there is one (binary16)
 *   scale [parts][16], min [parts][16] of K-types; Q2_K's two are the nibbles of one byte
 *   for each 32 numbers of a row their integers, as planes of 64 bytes: byte 4 * row + j of a plane is number j of four
 *   that follow each other, a group; there are 8 groups
 *     8 bits   plane g is group g
 *     4 to 6   plane g: group g in the low nibble, 4 + g in the high one; behind the four, the fifth bit of group g is
 * bit g of a plane; or bits five and six of groups 0 to 3, and 4 to 7, are two each of a byte of two planes 2, 3 the
 * same two planes, of the low two bits; behind them the third bit, as a fifth
 */
enum { GROUP = 4, PLANE = ATT_QUANT_PANEL * GROUP, PIECE = 32, GROUPS = PIECE / GROUP };

#define INLINE static inline __attribute__((always_inline))
#if defined(__clang__)
#define UNROLL _Pragma("unroll")
#else
#define UNROLL _Pragma("GCC unroll 32")
#endif

typedef struct layout {
  att_quant_kind kind;
  int parts, m, scales, mins, numbers; /* number of parts; places in bytes; mins 0: none of their own */
  size_t bytes;                        /* of a block's panel */
} layout;

INLINE layout layout_of(const att_type type) {
  layout l = {.kind = att_quant_kind_of(type)};
  l.parts = l.kind.block / l.kind.part;
  l.m = ATT_QUANT_PANEL * 2;
  l.scales = l.m + (l.kind.lowest ? ATT_QUANT_PANEL * 2 : 0);
  l.numbers = l.scales + (l.kind.scales ? l.parts * ATT_QUANT_PANEL : 0);
  if (l.kind.scales && l.kind.lowest && type != ATT_Q2_K) {
    l.mins = l.numbers;
    l.numbers += l.parts * ATT_QUANT_PANEL;
  }
  l.bytes = (size_t)(l.numbers + l.kind.block / PIECE * PLANE * l.kind.bits);
  return l;
}

size_t att_quant_panel_bytes(att_type type, int64_t cols) {
  return (size_t)(cols / att_type_block(type)) * layout_of(type).bytes;
}

/* The integer of group g at byte t of planes, and its place for writing: or'ed in. */
INLINE uint8_t get_number(const uint8_t *planes, const int g, int64_t t, const int bits) {
  const uint8_t *high = planes + (bits < 4 ? 2 : 4) * PLANE;
  int q = bits == 8  ? planes[g * PLANE + t]
          : bits < 4 ? planes[g / 4 * PLANE + t] >> g % 4 * 2 & 3
                     : planes[g % 4 * PLANE + t] >> g / 4 * 4 & 15;
  if (bits == 3) q |= (high[t] >> g & 1) << 2;
  if (bits == 5) q |= (high[t] >> g & 1) << 4;
  if (bits == 6) q |= (high[g / 4 * PLANE + t] >> g % 4 * 2 & 3) << 4;
  return (uint8_t)q;
}

INLINE void put_number(uint8_t *planes, const int g, int64_t t, const int bits, int q) {
  uint8_t *high = planes + (bits < 4 ? 2 : 4) * PLANE;
  if (bits == 8) {
    planes[g * PLANE + t] = (uint8_t)q;
  } else if (bits < 4) {
    planes[g / 4 * PLANE + t] |= (uint8_t)((q & 3) << g % 4 * 2);
  } else {
    planes[g % 4 * PLANE + t] |= (uint8_t)((q & 15) << g / 4 * 4);
  }
  if (bits == 3) high[t] |= (uint8_t)(q >> 2 << g);
  if (bits == 5) high[t] |= (uint8_t)(q >> 4 << g);
  if (bits == 6) high[g / 4 * PLANE + t] |= (uint8_t)(q >> 4 << g % 4 * 2);
}

/* A block into lane `lane` of a panel's zeroed block, and back. */
INLINE void put_block(uint8_t *panel, const layout l, const att_type type, const att_quant_block *b, int64_t lane) {
  memcpy(panel + lane * 2, &b->d, 2);
  if (l.kind.lowest) memcpy(panel + l.m + lane * 2, &b->m, 2);
  for (int p = 0; p < l.parts && l.kind.scales; p++) {
    int64_t at = p * ATT_QUANT_PANEL + lane;
    panel[l.scales + at] = (uint8_t)(type == ATT_Q2_K ? b->scale[p] | b->min[p] << 4 : b->scale[p]);
    if (l.mins) panel[l.mins + at] = (uint8_t)b->min[p];
  }
  for (int piece = 0; piece < l.kind.block / PIECE; piece++)
    UNROLL for (int i = 0; i < PIECE; i++) put_number(panel + l.numbers + piece * PLANE * l.kind.bits, i / GROUP,
                                                      lane * GROUP + i % GROUP, l.kind.bits, b->q[piece * PIECE + i]);
}

INLINE void get_block(att_quant_block *b, const uint8_t *panel, const layout l, const att_type type, int64_t lane) {
  memset(b->min, 0, sizeof b->min);
  memcpy(&b->d, panel + lane * 2, 2);
  b->m = 0;
  if (l.kind.lowest) memcpy(&b->m, panel + l.m + lane * 2, 2);
  for (int p = 0; p < l.parts && l.kind.scales; p++) {
    int64_t at = p * ATT_QUANT_PANEL + lane;
    int scale = panel[l.scales + at];
    b->scale[p] = (int8_t)(type == ATT_Q2_K ? scale & 15 : scale);
    if (l.mins) b->min[p] = (int8_t)panel[l.mins + at];
    if (type == ATT_Q2_K) b->min[p] = (int8_t)(scale >> 4);
  }
  for (int piece = 0; piece < l.kind.block / PIECE; piece++)
    UNROLL for (int i = 0; i < PIECE; i++) b->q[piece * PIECE + i] =
        get_number(panel + l.numbers + piece * PLANE * l.kind.bits, i / GROUP, lane * GROUP + i % GROUP, l.kind.bits);
}

INLINE void pack(uint8_t *panels, const char *blocks, const att_type type, int64_t rows, int64_t cols, int64_t first,
                 int64_t end) {
  const layout l = layout_of(type);
  const int64_t count = cols / l.kind.block, size = (int64_t)att_type_size(type), bytes = (int64_t)l.bytes;
  att_quant_block block;
  memset(panels + first * count * bytes, 0, (size_t)((end - first) * count * bytes));
  for (int64_t row = first * ATT_QUANT_PANEL; row < end * ATT_QUANT_PANEL && row < rows; row++)
    for (int64_t j = 0; j < count; j++) {
      att_quant_read(&block, type, blocks + (row * count + j) * size);
      put_block(panels + (row / ATT_QUANT_PANEL * count + j) * bytes, l, type, &block, row % ATT_QUANT_PANEL);
    }
}

INLINE void unpack(char *blocks, const uint8_t *panels, const att_type type, int64_t rows, int64_t cols, int64_t first,
                   int64_t end) {
  const layout l = layout_of(type);
  const int64_t count = cols / l.kind.block, size = (int64_t)att_type_size(type), bytes = (int64_t)l.bytes;
  att_quant_block block;
  for (int64_t row = first * ATT_QUANT_PANEL; row < end * ATT_QUANT_PANEL && row < rows; row++)
    for (int64_t j = 0; j < count; j++) {
      get_block(&block, panels + (row / ATT_QUANT_PANEL * count + j) * bytes, l, type, row % ATT_QUANT_PANEL);
      att_quant_write(blocks + ((row - first * ATT_QUANT_PANEL) * count + j) * size, type, &block);
    }
}

INLINE void unpack_row(float *y, const uint8_t *panels, const att_type type, int64_t cols, int64_t row) {
  const layout l = layout_of(type);
  const int64_t count = cols / l.kind.block, bytes = (int64_t)l.bytes;
  att_quant_block block;
  for (int64_t j = 0; j < count; j++) {
    get_block(&block, panels + (row / ATT_QUANT_PANEL * count + j) * bytes, l, type, row % ATT_QUANT_PANEL);
    att_quant_values(y + j * l.kind.block, &block, type);
  }
}

void att_quant_pack(void *panels, const void *blocks, att_type type, int64_t rows, int64_t cols, int64_t first,
                    int64_t end) {
  ATT_EACH_QUANT(type, pack(panels, blocks, T, rows, cols, first, end))
}

void att_quant_unpack(void *blocks, const void *panels, att_type type, int64_t rows, int64_t cols, int64_t first,
                      int64_t end) {
  ATT_EACH_QUANT(type, unpack(blocks, panels, T, rows, cols, first, end))
}

void att_quant_row(float *y, const void *panels, att_type type, int64_t cols, int64_t row) {
  ATT_EACH_QUANT(type, unpack_row(y, panels, T, cols, row))
}

/* ---- rows of 8 bits ------------------------------------------------------------------------------------------- */

static size_t round_up(size_t size) { return (size + 63) & ~(size_t)63; }

size_t att_quant_rows_bytes(att_type type, int64_t rows, int64_t cols) {
  size_t count = (size_t)(rows * cols);
  return round_up(count) + round_up(count / PIECE * sizeof(float)) +
         round_up(count / (size_t)att_quant_kind_of(type).part * sizeof(int32_t));
}

att_quant_rows att_quant_rows_in(void *memory, att_type type, int64_t rows, int64_t cols) {
  (void)type;
  size_t count = (size_t)(rows * cols);
  char *at = memory, *scale = at + round_up(count);
  return (att_quant_rows){.q = (int8_t *)at,
                          .scale = (float *)(void *)scale,
                          .start = (int32_t *)(void *)(scale + round_up(count / PIECE * sizeof(float))),
                          .rows = rows,
                          .cols = cols};
}

static float quantize_piece(int8_t *q, const float *x, int32_t sums[2]) {
  uint32_t bits[PIECE], largest_bits = 0; /* of magnitudes: they are ordered as these are, NaN above all */
  memcpy(bits, x, sizeof bits);
  for (int i = 0; i < PIECE; i++) {
    uint32_t magnitude = bits[i] & 0x7fffffffu;
    largest_bits = magnitude > largest_bits ? magnitude : largest_bits;
  }
  float largest;
  memcpy(&largest, &largest_bits, sizeof largest);
  float inverse = 127 / largest;
  bool finite = largest > 0 && isfinite(largest) && isfinite(inverse);
  sums[0] = sums[1] = 0;
  for (int i = 0; i < PIECE; i++) {
    q[i] = finite ? (int8_t)(int)rintf(x[i] * inverse) : 0;
    sums[i / (PIECE / 2)] += q[i];
  }
  return largest / 127;
}

#include "kernels/quant_rows.h"

void att_quant_rows_make(const att_quant_rows *to, att_type type, const float *x, int64_t ldx, int64_t first,
                         int64_t end) {
  quantize_rows(to, type, x, ldx, first, end);
}

/* ---- the portable product ------------------------------------------------------------------------------------- */

/* What the 16 rows' parts of a block give for one row of x: added to sums. */
INLINE void multiply_block(float *sums, const uint8_t *panel, const layout l, const att_type type, const int8_t *x,
                           const float *scale, const int32_t *start) {
  for (int lane = 0; lane < ATT_QUANT_PANEL; lane++) {
    att_quant_block b;
    get_block(&b, panel, l, type, lane);
    float d = att_f16_to_f32(b.d), m = att_f16_to_f32(b.m);
    for (int p = 0; p < l.parts; p++) {
      int32_t sum = l.kind.lowest ? 0 : start[p];
      for (int i = p * l.kind.part; i < (p + 1) * l.kind.part; i++)
        sum += x[i] * (l.kind.looked ? att_iq4_values[b.q[i]] + l.kind.zero : b.q[i]);
      float low = 0;
      if (l.kind.lowest) memcpy(&low, &start[p], sizeof low);
      sums[lane] += (float)sum * (l.kind.scales ? d * b.scale[p] : d) * scale[p * l.kind.part / PIECE];
      if (l.kind.lowest) sums[lane] += low * (l.kind.scales ? -(m * b.min[p]) : m);
    }
  }
}

INLINE void multiply(float *y, int64_t ldy, const att_quant_rows *x, const uint8_t *panels, const att_type type,
                     int64_t rows, int64_t first, int64_t end) {
  const layout l = layout_of(type);
  const int64_t count = x->cols / l.kind.block, bytes = (int64_t)l.bytes;
  for (int64_t i = first; i < end; i++)
    for (int64_t r = 0; r < x->rows; r++) {
      float sums[ATT_QUANT_PANEL] = {0};
      for (int64_t j = 0; j < count; j++) {
        int64_t at = r * x->cols + j * l.kind.block;
        multiply_block(sums, panels + (i * count + j) * bytes, l, type, x->q + at, x->scale + at / PIECE,
                       x->start + at / l.kind.part);
      }
      for (int lane = 0; lane < ATT_QUANT_PANEL && i * ATT_QUANT_PANEL + lane < rows; lane++)
        y[r * ldy + i * ATT_QUANT_PANEL + lane] = sums[lane];
    }
}

void att_quant_multiply(float *y, int64_t ldy, const att_quant_rows *x, const void *panels, att_type type, int64_t rows,
                        int64_t first, int64_t end) {
  ATT_EACH_QUANT(type, multiply(y, ldy, x, panels, T, rows, first, end))
}
