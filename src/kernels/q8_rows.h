/* Owns rows of q8_0 (blocks of 32 integers of 8 bits behind a binary16 scale, as GGUF has them) as a cache keeps them:
 * to floats and back, the same bits in every table. Plain loops, which each instruction set's compiler makes wide. */
#ifndef ATT_KERNELS_Q8_ROWS_H
#define ATT_KERNELS_Q8_ROWS_H

#include "base/types.h"

#include <math.h>

enum { ATT_Q8_NUMBERS = 32, ATT_Q8_BYTES = 34 };

/* y[n] = scale * integer; n: whole blocks. */
static inline void att_q8_to_f32(float *y, const void *x, int64_t n) {
  const char *block = x;
  for (int64_t i = 0; i < n; i += ATT_Q8_NUMBERS, block += ATT_Q8_BYTES) {
    int8_t q[ATT_Q8_NUMBERS];
    float scale = att_f16_to_f32(att_half_at(block, 0));
    memcpy(q, block + 2, sizeof q);
    for (int j = 0; j < ATT_Q8_NUMBERS; j++) y[i + j] = scale * (float)q[j];
  }
}

/* The scale is the largest magnitude / 127, of which each number takes the nearest multiple. */
static inline void att_q8_from_f32(void *y, const float *x, int64_t n) {
  char *block = y;
  for (int64_t i = 0; i < n; i += ATT_Q8_NUMBERS, block += ATT_Q8_BYTES) {
    int8_t q[ATT_Q8_NUMBERS];
    float most = 0.0f;
    for (int j = 0; j < ATT_Q8_NUMBERS; j++) most = fabsf(x[i + j]) > most ? fabsf(x[i + j]) : most;
    uint16_t scale = att_f32_to_f16(most / 127.0f);
    float factor = most > 0.0f ? 127.0f / most : 0.0f;
    for (int j = 0; j < ATT_Q8_NUMBERS; j++) q[j] = (int8_t)lrintf(x[i + j] * factor);
    memcpy(block, &scale, sizeof scale);
    memcpy(block + 2, q, sizeof q);
  }
}

#endif
