/*
 * Owns the quantized types' blocks: how GGUF lays them out, what numbers they are, and which block says a row of
 * numbers best. Every type has the same parts (att_quant_block), so who reads blocks knows no layout. Plain C: products
 * of them are in quant_panels.h.
 */
#ifndef ATT_KERNELS_QUANTS_H
#define ATT_KERNELS_QUANTS_H

#include "base/types.h"

#define ATT_QUANT_BLOCK 256 /* numbers of the longest block */
#define ATT_QUANT_PARTS 16  /* parts of a block that have a scale of their own */

/* How a type says its numbers. Number i of a block, in part p, with its integer q:
 *   scaled     d * (q - zero)                       legacy types; IQ4_NL: q is looked up, zero is 0
 *   with m     d * q + m
 *   K-types    d * scale[p] * (q - zero)            Q3_K, Q6_K: the scale is signed
 *   with min   d * scale[p] * q - m * min[p] */
typedef struct att_quant_kind {
  int bits;    /* of q */
  int part;    /* numbers of a part: 16 or 32 */
  int block;   /* and of a block: 32 or 256 */
  int zero;    /* taken from q; of IQ4_NL added to what is looked up, in panels' products only */
  bool scales; /* parts have scales of their own (K-types) */
  bool lowest; /* m is there: what q 0 stands for */
  bool looked; /* q is a place in att_iq4_values */
} att_quant_kind;

typedef struct att_quant_block {
  uint16_t d, m; /* binary16 */
  int8_t scale[ATT_QUANT_PARTS], min[ATT_QUANT_PARTS];
  uint8_t q[ATT_QUANT_BLOCK];
} att_quant_block;

extern const int8_t att_iq4_values[16];

/* Calls a function whose parameter `type` becomes a constant, where it is inlined: the layouts' loops unroll. */
#define ATT_EACH_QUANT(type, call)                                                                                     \
  switch (type) {                                                                                                      \
    ATT_QUANT_CASE(ATT_Q4_0, call);                                                                                    \
    ATT_QUANT_CASE(ATT_Q4_1, call);                                                                                    \
    ATT_QUANT_CASE(ATT_Q5_0, call);                                                                                    \
    ATT_QUANT_CASE(ATT_Q5_1, call);                                                                                    \
    ATT_QUANT_CASE(ATT_Q8_0, call);                                                                                    \
    ATT_QUANT_CASE(ATT_Q2_K, call);                                                                                    \
    ATT_QUANT_CASE(ATT_Q3_K, call);                                                                                    \
    ATT_QUANT_CASE(ATT_Q4_K, call);                                                                                    \
    ATT_QUANT_CASE(ATT_Q5_K, call);                                                                                    \
    ATT_QUANT_CASE(ATT_Q6_K, call);                                                                                    \
    ATT_QUANT_CASE(ATT_IQ4_NL, call);                                                                                  \
  default: break;                                                                                                      \
  }
#define ATT_QUANT_CASE(name, call)                                                                                     \
  case name: {                                                                                                         \
    const att_type T = name;                                                                                           \
    call;                                                                                                              \
  } break

/* A constant where the type is one. */
static inline att_quant_kind att_quant_kind_of(att_type type) {
  bool five = type == ATT_Q5_0 || type == ATT_Q5_1 || type == ATT_Q5_K;
  return (att_quant_kind){
      .bits = type == ATT_Q2_K   ? 2
              : type == ATT_Q3_K ? 3
              : type == ATT_Q6_K ? 6
              : type == ATT_Q8_0 ? 8
              : five             ? 5
                                 : 4,
      .part = type == ATT_Q2_K || type == ATT_Q3_K || type == ATT_Q6_K ? 16 : 32,
      .block = type >= ATT_Q2_K && type <= ATT_Q6_K ? 256 : 32,
      .zero = type == ATT_Q4_0                         ? 8
              : type == ATT_Q5_0                       ? 16
              : type == ATT_Q3_K                       ? 4
              : type == ATT_Q6_K                       ? 32
              : type == ATT_Q8_0 || type == ATT_IQ4_NL ? 128
                                                       : 0,
      .scales = type >= ATT_Q2_K && type <= ATT_Q6_K,
      .lowest = type == ATT_Q4_1 || type == ATT_Q5_1 || type == ATT_Q2_K || type == ATT_Q4_K || type == ATT_Q5_K,
      .looked = type == ATT_IQ4_NL,
  };
}

/* One block of a file to its parts, and back: exactly. */
void att_quant_read(att_quant_block *block, att_type type, const void *bytes);
void att_quant_write(void *bytes, att_type type, const att_quant_block *block);

/* A block's numbers. */
void att_quant_values(float *y, const att_quant_block *block, att_type type);

/* Blocks to floats, n numbers (whole blocks). */
void att_quants_to_f32(float *y, const void *blocks, att_type type, int64_t n);
/* The blocks whose numbers come nearest to x, n of them (whole blocks), by the squares of the differences, each times
 * what it weighs (NULL: as much as x's magnitude says). x is finite; what binary16 cannot scale becomes infinite. */
void att_quants_from_f32(void *blocks, att_type type, const float *x, const float *weights, int64_t n);

#endif
