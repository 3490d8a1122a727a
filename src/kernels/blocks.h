/*
 * Owns the quantized types' blocks: how GGUF lays them out, what numbers they are, and which block says a row of
 * numbers best. Every type has the same parts (att_block), so who reads blocks knows no layout. Plain C: products of
 * them are in panels.h.
 */
#ifndef ATT_KERNELS_BLOCKS_H
#define ATT_KERNELS_BLOCKS_H

#include "base/types.h"

#define ATT_BLOCK_MOST 256 /* numbers of the longest block */
#define ATT_PARTS_MOST 16  /* parts of a block that have a scale of their own */

/* How a type says its numbers. Number i of a block, in part p, with its integer q:
 *   scaled     d * (q - zero)                       legacy types; IQ4_NL: q is looked up, zero is 0
 *   with m     d * q + m
 *   K-types    d * scale[p] * (q - zero)            Q3_K, Q6_K: the scale is signed
 *   with min   d * scale[p] * q - m * min[p] */
typedef struct att_block_kind {
  int bits;     /* of q */
  int part;     /* numbers of a part: 16 or 32 */
  int zero;     /* taken from q; of IQ4_NL added to what is looked up, in panels' products only */
  bool scales;  /* parts have scales of their own (K-types) */
  bool lowest;  /* m is there: what q 0 stands for */
  bool looked;  /* q is a place in att_iq4_values */
} att_block_kind;

typedef struct att_block {
  uint16_t d, m; /* binary16 */
  int8_t scale[ATT_PARTS_MOST], min[ATT_PARTS_MOST];
  uint8_t q[ATT_BLOCK_MOST];
} att_block;

extern const int8_t att_iq4_values[16];

const att_block_kind *att_block_kind_of(att_type type);

/* One block of a file to its parts, and back: exactly. */
void att_block_read(att_block *block, att_type type, const void *bytes);
void att_block_write(void *bytes, att_type type, const att_block *block);

/* A block's numbers. */
void att_block_values(float *y, const att_block *block, att_type type);

/* Blocks to floats, n numbers (whole blocks). */
void att_blocks_to_f32(float *y, const void *blocks, att_type type, int64_t n);
/* The blocks whose numbers come nearest to x, n of them (whole blocks), by the squares of the differences, each times
 * what it weighs (NULL: as much as x's magnitude says). x is finite; what binary16 cannot scale becomes infinite. */
void att_blocks_from_f32(void *blocks, att_type type, const float *x, const float *weights, int64_t n);

#endif
