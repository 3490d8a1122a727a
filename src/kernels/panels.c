/* Owns the layout of panels and the portable product with them. See panels.h. */
#include "kernels/panels.h"

#include <math.h>

/*
 * Blocks of 16 rows at the same columns lie together:
 *   d [16], m [16] where there is one (binary16)
 *   scale [parts][16], min [parts][16] of K-types; Q2_K's two are the nibbles of one byte
 *   for each 32 numbers of a row their integers, as planes of 64 bytes: byte 4 * row + j of a plane is number j of four
 *   that follow each other, a group; there are 8 groups
 *     8 bits   plane g is group g
 *     4 to 6   plane g: group g in the low nibble, 4 + g in the high one; behind the four, the fifth bit of group g is bit
 *              g of a plane; or bits five and six of groups 0 to 3, and 4 to 7, are two each of a byte of two planes
 *     2, 3     the same two planes, of the low two bits; behind them the third bit, as a fifth
 */
enum { GROUP = 4, PLANE = ATT_PANEL * GROUP, PIECE = 32, GROUPS = PIECE / GROUP };

typedef struct layout {
  int block, parts, m, scales, mins, numbers; /* sizes, and places in bytes; mins 0: none of their own */
  size_t bytes;                               /* of a block's panel */
} layout;

static layout layout_of(att_type type) {
  const att_block_kind *kind = att_block_kind_of(type);
  layout l = {.block = (int)att_type_block(type)};
  l.parts = l.block / kind->part;
  int half = ATT_PANEL * 2, at = half;
  l.m = at;
  if (kind->lowest) at += half;
  l.scales = at;
  if (kind->scales) at += l.parts * ATT_PANEL;
  if (kind->scales && kind->lowest && type != ATT_Q2_K) l.mins = at, at += l.parts * ATT_PANEL;
  l.numbers = at;
  l.bytes = (size_t)(at + l.block / PIECE * PLANE * kind->bits);
  return l;
}

size_t att_panel_bytes(att_type type, int64_t cols) {
  return (size_t)(cols / att_type_block(type)) * layout_of(type).bytes;
}

/* The integer of group g at byte t of planes, and its place for writing: or'ed in. */
static inline uint8_t get_number(const uint8_t *planes, int g, int t, int bits) {
  const uint8_t *high = planes + (bits < 4 ? 2 : 4) * PLANE;
  int q = bits == 8  ? planes[g * PLANE + t]
          : bits < 4 ? planes[g / 4 * PLANE + t] >> g % 4 * 2 & 3
                     : planes[g % 4 * PLANE + t] >> g / 4 * 4 & 15;
  if (bits == 3) q |= (high[t] >> g & 1) << 2;
  if (bits == 5) q |= (high[t] >> g & 1) << 4;
  if (bits == 6) q |= (high[g / 4 * PLANE + t] >> g % 4 * 2 & 3) << 4;
  return (uint8_t)q;
}

static inline void put_number(uint8_t *planes, int g, int t, int bits, int q) {
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
static void put_block(uint8_t *panel, const layout *l, att_type type, const att_block *b, int lane) {
  int bits = att_block_kind_of(type)->bits;
  memcpy(panel + lane * 2, &b->d, 2);
  if (l->scales > l->m) memcpy(panel + l->m + lane * 2, &b->m, 2);
  for (int p = 0; p < l->parts && l->numbers > l->scales; p++) {
    int at = p * ATT_PANEL + lane;
    panel[l->scales + at] = (uint8_t)(type == ATT_Q2_K ? b->scale[p] | b->min[p] << 4 : b->scale[p]);
    if (l->mins) panel[l->mins + at] = (uint8_t)b->min[p];
  }
  for (int i = 0; i < l->block; i++)
    put_number(panel + l->numbers + i / PIECE * PLANE * bits, i % PIECE / GROUP, lane * GROUP + i % GROUP, bits, b->q[i]);
}

static void get_block(att_block *b, const uint8_t *panel, const layout *l, att_type type, int lane) {
  int bits = att_block_kind_of(type)->bits;
  memset(b, 0, sizeof *b);
  memcpy(&b->d, panel + lane * 2, 2);
  if (l->scales > l->m) memcpy(&b->m, panel + l->m + lane * 2, 2);
  for (int p = 0; p < l->parts && l->numbers > l->scales; p++) {
    int at = p * ATT_PANEL + lane, scale = panel[l->scales + at];
    b->scale[p] = (int8_t)(type == ATT_Q2_K ? scale & 15 : scale);
    if (l->mins) b->min[p] = (int8_t)panel[l->mins + at];
    if (type == ATT_Q2_K) b->min[p] = (int8_t)(scale >> 4);
  }
  for (int i = 0; i < l->block; i++) {
    const uint8_t *planes = panel + l->numbers + i / PIECE * PLANE * bits;
    b->q[i] = get_number(planes, i % PIECE / GROUP, lane * GROUP + i % GROUP, bits);
  }
}

void att_panels_pack(void *panels, const void *blocks, att_type type, int64_t rows, int64_t cols, int64_t first,
                     int64_t end) {
  layout l = layout_of(type);
  int64_t count = cols / l.block;
  size_t size = att_type_size(type);
  att_block block;
  for (int64_t i = first; i < end; i++)
    for (int64_t j = 0; j < count; j++) {
      uint8_t *panel = (uint8_t *)panels + (size_t)(i * count + j) * l.bytes;
      memset(panel, 0, l.bytes);
      for (int lane = 0; lane < ATT_PANEL && i * ATT_PANEL + lane < rows; lane++) {
        att_block_read(&block, type, (const char *)blocks + (size_t)((i * ATT_PANEL + lane) * count + j) * size);
        put_block(panel, &l, type, &block, lane);
      }
    }
}

void att_panels_unpack(void *blocks, const void *panels, att_type type, int64_t rows, int64_t cols, int64_t first,
                       int64_t end) {
  layout l = layout_of(type);
  int64_t count = cols / l.block;
  size_t size = att_type_size(type);
  att_block block;
  for (int64_t row = first * ATT_PANEL; row < end * ATT_PANEL && row < rows; row++)
    for (int64_t j = 0; j < count; j++) {
      const uint8_t *panel = (const uint8_t *)panels + (size_t)(row / ATT_PANEL * count + j) * l.bytes;
      get_block(&block, panel, &l, type, (int)(row % ATT_PANEL));
      att_block_write((char *)blocks + (size_t)(row * count + j) * size, type, &block);
    }
}

void att_panels_row(float *y, const void *panels, att_type type, int64_t cols, int64_t row) {
  layout l = layout_of(type);
  int64_t count = cols / l.block;
  att_block block;
  for (int64_t j = 0; j < count; j++) {
    const uint8_t *panel = (const uint8_t *)panels + (size_t)(row / ATT_PANEL * count + j) * l.bytes;
    get_block(&block, panel, &l, type, (int)(row % ATT_PANEL));
    att_block_values(y + j * l.block, &block, type);
  }
}

/* ---- rows of 8 bits ------------------------------------------------------------------------------------------- */

static size_t round_up(size_t size) { return (size + 63) & ~(size_t)63; }

size_t att_rows8_bytes(att_type type, int64_t rows, int64_t cols) {
  size_t count = (size_t)(rows * cols);
  return round_up(count) + round_up(count / PIECE * sizeof(float)) +
         round_up(count / (size_t)att_block_kind_of(type)->part * sizeof(int32_t));
}

att_rows8 att_rows8_in(void *memory, att_type type, int64_t rows, int64_t cols) {
  (void)type;
  size_t count = (size_t)(rows * cols);
  char *at = memory, *scale = at + round_up(count);
  return (att_rows8){.q = (int8_t *)at,
                     .scale = (float *)(void *)scale,
                     .start = (int32_t *)(void *)(scale + round_up(count / PIECE * sizeof(float))),
                     .rows = rows,
                     .cols = cols};
}

static void quantize_piece(int8_t *q, float *scale, const float *x) {
  float largest = 0;
  for (int i = 0; i < PIECE; i++) largest = fabsf(x[i]) > largest || isnan(x[i]) ? fabsf(x[i]) : largest;
  *scale = largest / 127;
  float inverse = largest > 0 && isfinite(largest) ? 127 / largest : 0;
  for (int i = 0; i < PIECE; i++) q[i] = (int8_t)(inverse > 0 ? lrintf(x[i] * inverse) : 0);
}

void att_quantize_rows(const att_rows8 *to, att_type type, const float *x, int64_t ldx, int64_t first, int64_t end) {
  const att_block_kind *kind = att_block_kind_of(type);
  int64_t pieces = to->cols / PIECE, parts = to->cols / kind->part;
  for (int64_t r = first; r < end; r++) {
    int8_t *q = to->q + r * to->cols;
    float *scale = to->scale + r * pieces;
    for (int64_t i = 0; i < pieces; i++) quantize_piece(q + i * PIECE, scale + i, x + r * ldx + i * PIECE);
    for (int64_t p = 0; p < parts; p++) {
      int32_t sum = 0;
      for (int i = 0; i < kind->part; i++) sum += q[p * kind->part + i];
      att_rows8_start(&to->start[r * parts + p], kind, sum, scale[p * kind->part / PIECE]);
    }
  }
}

/* ---- the portable product ------------------------------------------------------------------------------------- */

/* What the 16 rows' parts of a block give for one row of x: added to sums. */
static void multiply_block(float *sums, const uint8_t *panel, const layout *l, att_type type, const int8_t *x,
                           const float *scale, const int32_t *start) {
  const att_block_kind *kind = att_block_kind_of(type);
  for (int lane = 0; lane < ATT_PANEL; lane++) {
    att_block b;
    get_block(&b, panel, l, type, lane);
    float d = att_f16_to_f32(b.d), m = att_f16_to_f32(b.m);
    for (int p = 0; p < l->parts; p++) {
      int32_t sum = kind->lowest ? 0 : start[p];
      for (int i = p * kind->part; i < (p + 1) * kind->part; i++)
        sum += x[i] * (kind->looked ? att_iq4_values[b.q[i]] + kind->zero : b.q[i]);
      float by = scale[p * kind->part / PIECE], low = 0;
      if (kind->lowest) memcpy(&low, &start[p], sizeof low);
      sums[lane] += (float)sum * (kind->scales ? d * b.scale[p] : d) * by;
      if (kind->lowest) sums[lane] += low * (kind->scales ? -(m * b.min[p]) : m);
    }
  }
}

void att_multiply_panels(float *y, int64_t ldy, const att_rows8 *x, const void *panels, att_type type, int64_t rows,
                         int64_t first, int64_t end) {
  layout l = layout_of(type);
  int64_t count = x->cols / l.block, parts = count * l.parts;
  for (int64_t i = first; i < end; i++)
    for (int64_t r = 0; r < x->rows; r++) {
      float sums[ATT_PANEL] = {0};
      for (int64_t j = 0; j < count; j++)
        multiply_block(sums, (const uint8_t *)panels + (size_t)(i * count + j) * l.bytes, &l, type,
                       x->q + r * x->cols + j * l.block, x->scale + (r * x->cols + j * l.block) / PIECE,
                       x->start + r * parts + j * l.parts);
      for (int lane = 0; lane < ATT_PANEL && i * ATT_PANEL + lane < rows; lane++)
        y[r * ldy + i * ATT_PANEL + lane] = sums[lane];
    }
}
