/* Owns turning rows of floats into rows of 8 bits (quant_panels.h): the same C, compiled for each instruction set. */
#ifndef ATT_KERNELS_QUANT_ROWS_H
#define ATT_KERNELS_QUANT_ROWS_H

#include "kernels/quant_panels.h"

#include <math.h>

/* 32 numbers: the largest becomes 127. Where it is infinite or NaN so is the scale, and with it all that is made of
 * them. */
static inline void quantize_piece(int8_t *q, float *scale, const float *x) {
  uint32_t bits[32], largest_bits = 0; /* of magnitudes: they are ordered as these are, NaN above all */
  memcpy(bits, x, sizeof bits);
  for (int i = 0; i < 32; i++) {
    uint32_t magnitude = bits[i] & 0x7fffffffu;
    largest_bits = magnitude > largest_bits ? magnitude : largest_bits;
  }
  float largest;
  memcpy(&largest, &largest_bits, sizeof largest);
  *scale = largest / 127;
  float inverse = 127 / largest;
  if (!(largest > 0 && isfinite(largest) && isfinite(inverse))) {
    memset(q, 0, 32);
    return;
  }
  for (int i = 0; i < 32; i++) q[i] = (int8_t)(int)rintf(x[i] * inverse);
}

static inline void quantize_rows(const att_quant_rows *to, att_type type, const float *x, int64_t ldx, int64_t first,
                                 int64_t end) {
  const att_quant_kind kind = att_quant_kind_of(type);
  const int64_t pieces = to->cols / 32, halves = 32 / kind.part;
  for (int64_t r = first; r < end; r++)
    for (int64_t i = 0; i < pieces; i++) {
      int64_t at = r * pieces + i;
      int8_t *q = to->q + at * 32;
      quantize_piece(q, &to->scale[at], x + r * ldx + i * 32);
      int32_t low = 0, high = 0;
      for (int j = 0; j < 16; j++) low += q[j], high += q[16 + j];
      const int32_t sums[2] = {halves == 1 ? low + high : low, high};
      for (int64_t h = 0; h < halves; h++) {
        float start = (float)sums[h] * to->scale[at];
        int32_t *out = &to->start[at * halves + h];
        *out = -kind.zero * sums[h];
        if (kind.lowest) memcpy(out, &start, sizeof start);
      }
    }
}

#endif
