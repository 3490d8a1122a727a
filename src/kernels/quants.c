/* Owns the layouts of quants.h, as the GGUF specification and the `gguf` package have them. Choosing blocks is in
 * quant_choose.c. */
#include "kernels/quants.h"

#define INLINE static inline __attribute__((always_inline))

const int8_t att_iq4_values[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};

static uint16_t get_half(const uint8_t *at) { return (uint16_t)(at[0] | at[1] << 8); }

static void put_half(uint8_t *at, uint16_t half) {
  at[0] = (uint8_t)half;
  at[1] = (uint8_t)(half >> 8);
}

/* ---- 32 numbers: [d] [m] [fifth bits] nibbles; number i is the low nibble of byte i, number 16 + i its high one ---
 */

INLINE int nibbles_at(att_type type) {
  const att_quant_kind kind = att_quant_kind_of(type);
  return 2 + (kind.lowest ? 2 : 0) + (kind.bits == 5 ? 4 : 0);
}

INLINE void read_short(att_quant_block *b, att_type type, const uint8_t *bytes) {
  const att_quant_kind kind = att_quant_kind_of(type);
  const uint8_t *low = bytes + nibbles_at(type), *high = low - 4;
  b->d = get_half(bytes);
  b->m = kind.lowest ? get_half(bytes + 2) : 0;
  for (int i = 0; i < 32; i++) {
    if (kind.bits == 8) {
      b->q[i] = (uint8_t)(bytes[2 + i] ^ 0x80); /* signed there */
      continue;
    }
    int q = low[i % 16] >> (i < 16 ? 0 : 4) & 15;
    if (kind.bits == 5) q |= (high[i / 8] >> i % 8 & 1) << 4;
    b->q[i] = (uint8_t)q;
  }
}

INLINE void write_short(uint8_t *bytes, att_type type, const att_quant_block *b) {
  const att_quant_kind kind = att_quant_kind_of(type);
  uint8_t *low = bytes + nibbles_at(type), *high = low - 4;
  memset(bytes, 0, att_type_size(type));
  put_half(bytes, b->d);
  if (kind.lowest) put_half(bytes + 2, b->m);
  for (int i = 0; i < 32; i++) {
    if (kind.bits == 8) {
      bytes[2 + i] = (uint8_t)(b->q[i] ^ 0x80);
      continue;
    }
    low[i % 16] |= (uint8_t)((b->q[i] & 15) << (i < 16 ? 0 : 4));
    if (kind.bits == 5) high[i / 8] |= (uint8_t)((b->q[i] >> 4) << i % 8);
  }
}

/* ---- 256 numbers ------------------------------------------------------------------------------------------------
 * Integers stand in bit planes: a plane's byte holds the same bits of several numbers, `apart` from each other. */

typedef struct plane {
  int at;    /* first byte in the block */
  int bits;  /* of a number */
  int shift; /* of them in q */
  int span;  /* numbers that `span * bits / 8` bytes hold; the number `i` of a span is in byte i % (span * bits / 8) */
} plane;

typedef struct long_layout {
  plane planes[2];
  int scales, d, m; /* places; m 0: none */
} long_layout;

/* Only the first plane of types up to 2 and 4 bits is there (bits 0 ends the list). */
static const long_layout layouts[ATT_WEIGHT_TYPES] = {
    [ATT_Q2_K] = {{{16, 2, 0, 128}}, 0, 80, 82},
    [ATT_Q3_K] = {{{32, 2, 0, 128}, {0, 1, 2, 256}}, 96, 108, 0},
    [ATT_Q4_K] = {{{16, 4, 0, 64}}, 4, 0, 2},
    [ATT_Q5_K] = {{{48, 4, 0, 64}, {16, 1, 4, 256}}, 4, 0, 2},
    [ATT_Q6_K] = {{{0, 4, 0, 128}, {128, 2, 4, 128}}, 192, 208, 0},
};

/* The byte and the shift of number i in a plane. */
INLINE int byte_of(const plane *p, int i, int *shift) {
  int width = p->span * p->bits / 8, within = i % p->span;
  *shift = within / width * p->bits;
  return p->at + i / p->span * width + within % width;
}

INLINE void read_numbers(att_quant_block *b, const long_layout *layout, const uint8_t *bytes) {
  memset(b->q, 0, sizeof b->q);
  for (const plane *p = layout->planes; p < layout->planes + 2 && p->bits; p++)
    for (int i = 0; i < 256; i++) {
      int shift, at = byte_of(p, i, &shift);
      b->q[i] |= (uint8_t)((bytes[at] >> shift & ((1 << p->bits) - 1)) << p->shift);
    }
}

INLINE void write_numbers(uint8_t *bytes, const long_layout *layout, const att_quant_block *b) {
  for (const plane *p = layout->planes; p < layout->planes + 2 && p->bits; p++)
    for (int i = 0; i < 256; i++) {
      int shift, at = byte_of(p, i, &shift);
      bytes[at] |= (uint8_t)((b->q[i] >> p->shift & ((1 << p->bits) - 1)) << shift);
    }
}

/* Scales of 6 bits. Q4_K, Q5_K: 8 scales and 8 minima in 12 bytes; Q3_K: 16 scales that 32 is taken from. */
INLINE void read_scales(att_quant_block *b, att_type type, const uint8_t *s) {
  for (int i = 0; i < 16; i++) {
    switch (type) {
    case ATT_Q2_K: b->scale[i] = s[i] & 15, b->min[i] = (int8_t)(s[i] >> 4); break;
    case ATT_Q3_K:
      b->scale[i] = (int8_t)(((s[i % 8] >> i / 8 * 4 & 15) | (s[8 + i % 4] >> i / 4 * 2 & 3) << 4) - 32);
      break;
    case ATT_Q6_K: b->scale[i] = (int8_t)s[i]; break;
    default:
      if (i < 4) {
        b->scale[i] = s[i] & 63, b->min[i] = s[i + 4] & 63;
      } else if (i < 8) {
        b->scale[i] = (int8_t)((s[i + 4] & 15) | s[i - 4] >> 6 << 4);
        b->min[i] = (int8_t)(s[i + 4] >> 4 | s[i] >> 6 << 4);
      }
    }
  }
}

INLINE void write_scales(uint8_t *s, att_type type, const att_quant_block *b) {
  for (int i = 0; i < 16; i++) {
    int scale = b->scale[i], min = b->min[i];
    switch (type) {
    case ATT_Q2_K: s[i] = (uint8_t)(scale | min << 4); break;
    case ATT_Q3_K:
      s[i % 8] |= (uint8_t)(((scale + 32) & 15) << i / 8 * 4);
      s[8 + i % 4] |= (uint8_t)((scale + 32) >> 4 << i / 4 * 2);
      break;
    case ATT_Q6_K: s[i] = (uint8_t)scale; break;
    default:
      if (i < 4) {
        s[i] |= (uint8_t)scale, s[i + 4] |= (uint8_t)min;
      } else if (i < 8) {
        s[i + 4] = (uint8_t)((scale & 15) | (min & 15) << 4);
        s[i - 4] |= (uint8_t)(scale >> 4 << 6), s[i] |= (uint8_t)(min >> 4 << 6);
      }
    }
  }
}

INLINE void read_block(att_quant_block *block, const att_type type, const uint8_t *bytes) {
  const long_layout *layout = &layouts[type];
  if (!att_quant_kind_of(type).scales) {
    read_short(block, type, bytes);
    return;
  }
  block->d = get_half(bytes + layout->d);
  block->m = layout->m ? get_half(bytes + layout->m) : 0;
  memset(block->min, 0, sizeof block->min);
  memset(block->scale, 0, sizeof block->scale);
  read_scales(block, type, bytes + layout->scales);
  read_numbers(block, layout, bytes);
}

INLINE void write_block(uint8_t *bytes, const att_type type, const att_quant_block *block) {
  const long_layout *layout = &layouts[type];
  if (!att_quant_kind_of(type).scales) {
    write_short(bytes, type, block);
    return;
  }
  memset(bytes, 0, att_type_size(type));
  put_half(bytes + layout->d, block->d);
  if (layout->m) put_half(bytes + layout->m, block->m);
  write_scales(bytes + layout->scales, type, block);
  write_numbers(bytes, layout, block);
}

void att_quant_read(att_quant_block *block, att_type type, const void *bytes) {
  ATT_EACH_QUANT(type, read_block(block, T, bytes))
}

void att_quant_write(void *bytes, att_type type, const att_quant_block *block) {
  ATT_EACH_QUANT(type, write_block(bytes, T, block))
}

/* ---- numbers ---------------------------------------------------------------------------------------------------- */

void att_quant_values(float *y, const att_quant_block *b, att_type type) {
  const att_quant_kind kind = att_quant_kind_of(type);
  float d = att_f16_to_f32(b->d), m = att_f16_to_f32(b->m);
  for (int i = 0; i < att_type_block(type); i++) {
    int part = i / kind.part, q = kind.looked ? att_iq4_values[b->q[i]] : b->q[i] - kind.zero;
    float scale = kind.scales ? d * b->scale[part] : d;
    y[i] = scale * (float)q;
    if (kind.lowest) y[i] += kind.scales ? -(m * b->min[part]) : m;
  }
}

void att_quants_to_f32(float *y, const void *blocks, att_type type, int64_t n) {
  int64_t size = att_type_block(type);
  const char *from = blocks;
  att_quant_block block;
  for (int64_t i = 0; i < n; i += size, from += att_type_size(type)) {
    att_quant_read(&block, type, from);
    att_quant_values(y + i, &block, type);
  }
}
