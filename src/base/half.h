/*
 * Owns the types that a weight may be stored in, and the exact scalar conversions between them (IEEE 754 binary16;
 * bfloat16).
 */
#ifndef ATT_BASE_HALF_H
#define ATT_BASE_HALF_H

#include "base/context.h"

#include <string.h>

typedef enum att_type { ATT_F32, ATT_F16, ATT_BF16, ATT_TYPE_COUNT } att_type;
size_t att_type_size(att_type type);
const char *att_type_name(att_type type); /* "float32", "float16", "bfloat16" */

/* Upwards exact; downwards to nearest, ties to even, NaN stays NaN, too large becomes infinity. */
float att_f16_to_f32(uint16_t half);
uint16_t att_f32_to_f16(float value);
float att_bf16_to_f32(uint16_t half);
uint16_t att_f32_to_bf16(float value);

/* Element i of numbers of 16 bits, which in a file may lie at any address. */
static inline uint16_t att_half_at(const void *x, int64_t i) {
  uint16_t half;
  memcpy(&half, (const char *)x + i * (int64_t)sizeof half, sizeof half);
  return half;
}

#endif
