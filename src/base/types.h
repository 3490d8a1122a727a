/*
 * Owns the types of numbers in files and memory, and the exact scalar conversions of those that weights may have (IEEE
 * 754 binary16; bfloat16).
 */
#ifndef ATT_BASE_TYPES_H
#define ATT_BASE_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Weights may be of the types before ATT_WEIGHT_TYPES; the others stand in files beside them. Those from
 * ATT_FLOAT_TYPES on are quantized: a row is blocks of integers that share scales (base/quants.h), as GGUF has them.
 */
typedef enum att_type {
  ATT_F32,
  ATT_F16,
  ATT_BF16,
  ATT_FLOAT_TYPES,
  ATT_Q4_0 = ATT_FLOAT_TYPES,
  ATT_Q4_1,
  ATT_Q5_0,
  ATT_Q5_1,
  ATT_Q8_0,
  ATT_Q2_K,
  ATT_Q3_K,
  ATT_Q4_K,
  ATT_Q5_K,
  ATT_Q6_K,
  ATT_IQ4_NL,
  ATT_WEIGHT_TYPES,
  ATT_I64 = ATT_WEIGHT_TYPES,
  ATT_I32,
  ATT_U8,
  ATT_F64,
  ATT_BOOL,
  ATT_TYPE_COUNT
} att_type;

int64_t att_type_block(att_type type);     /* numbers of a block: 1 where it is not quantized */
size_t att_type_size(att_type type);       /* bytes of a block */
const char *att_type_name(att_type type);  /* as config.json spells it: "float32", "bfloat16"; "q4_0", ... */
const char *att_type_label(att_type type); /* as safetensors and GGUF spell it: "F32", "Q4_0", ... */
/* Of so many numbers, whole blocks. */
static inline size_t att_type_bytes(att_type type, int64_t count) {
  return (size_t)(count / att_type_block(type)) * att_type_size(type);
}
/* A weight's type by its name; false: none that there is. */
bool att_type_find(const char *name, att_type *type);

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

/* Element i of numbers that are not quantized, at any address. */
static inline float att_value_at(const void *x, att_type type, int64_t i) {
  float value;
  if (type == ATT_F16) return att_f16_to_f32(att_half_at(x, i));
  if (type == ATT_BF16) return att_bf16_to_f32(att_half_at(x, i));
  memcpy(&value, (const char *)x + i * (int64_t)sizeof value, sizeof value);
  return value;
}

#endif
