/* Owns what types.h says; the conversions work on bits. */
#include "base/types.h"

static uint32_t bits_of(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  return bits;
}

static float of_bits(uint32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

static const struct {
  const char *name, *label;
  int64_t block;
  size_t size;
} types[ATT_TYPE_COUNT] = {
    [ATT_F32] = {"float32", "F32", 1, 4},    [ATT_F16] = {"float16", "F16", 1, 2},
    [ATT_BF16] = {"bfloat16", "BF16", 1, 2}, [ATT_Q4_0] = {"q4_0", "Q4_0", 32, 18},
    [ATT_Q4_1] = {"q4_1", "Q4_1", 32, 20},   [ATT_Q5_0] = {"q5_0", "Q5_0", 32, 22},
    [ATT_Q5_1] = {"q5_1", "Q5_1", 32, 24},   [ATT_Q8_0] = {"q8_0", "Q8_0", 32, 34},
    [ATT_Q2_K] = {"q2_k", "Q2_K", 256, 84},  [ATT_Q3_K] = {"q3_k", "Q3_K", 256, 110},
    [ATT_Q4_K] = {"q4_k", "Q4_K", 256, 144}, [ATT_Q5_K] = {"q5_k", "Q5_K", 256, 176},
    [ATT_Q6_K] = {"q6_k", "Q6_K", 256, 210}, [ATT_IQ4_NL] = {"iq4_nl", "IQ4_NL", 32, 18},
    [ATT_I64] = {"int64", "I64", 1, 8},      [ATT_I32] = {"int32", "I32", 1, 4},
    [ATT_U8] = {"uint8", "U8", 1, 1},        [ATT_F64] = {"float64", "F64", 1, 8},
    [ATT_BOOL] = {"bool", "BOOL", 1, 1},
};

int64_t att_type_block(att_type type) { return types[type].block; }

size_t att_type_size(att_type type) { return types[type].size; }

const char *att_type_name(att_type type) { return (unsigned)type < ATT_TYPE_COUNT ? types[type].name : "unknown"; }

const char *att_type_label(att_type type) { return types[type].label; }

bool att_type_find(const char *name, att_type *type) {
  for (int i = 0; i < ATT_WEIGHT_TYPES; i++) {
    if (strcmp(name, types[i].name) != 0) continue;
    *type = (att_type)i;
    return true;
  }
  return false;
}

float att_bf16_to_f32(uint16_t half) { return of_bits((uint32_t)half << 16); }

uint16_t att_f32_to_bf16(float value) {
  uint32_t bits = bits_of(value);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return (uint16_t)(bits >> 16 | 0x40u); /* stays NaN */
  return (uint16_t)((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16);
}

float att_f16_to_f32(uint16_t half) {
  uint32_t sign = (uint32_t)(half & 0x8000u) << 16, exponent = half >> 10 & 0x1fu, fraction = half & 0x3ffu;
  if (exponent == 0x1f) return of_bits(sign | 0x7f800000u | fraction << 13);
  if (exponent) return of_bits(sign | (exponent + 112) << 23 | fraction << 13);
  float small = (float)fraction * 0x1p-24f; /* zero and subnormal numbers */
  return of_bits(sign | bits_of(small));
}

uint16_t att_f32_to_f16(float value) {
  uint32_t bits = bits_of(value), sign = bits >> 16 & 0x8000u, magnitude = bits & 0x7fffffffu;
  if (magnitude > 0x7f800000u) return (uint16_t)(sign | 0x7e00u);
  if (magnitude >= 0x477ff000u) return (uint16_t)(sign | 0x7c00u); /* rounds to 65536 or more */
  if (magnitude < 0x38800000u) { /* subnormal: adding 0.5 lets the sum's rounding do ours */
    return (uint16_t)(sign | (bits_of(of_bits(magnitude) + 0.5f) - 0x3f000000u));
  }
  return (uint16_t)(sign | ((magnitude - 0x38000000u + 0xfffu + (magnitude >> 13 & 1u)) >> 13));
}
