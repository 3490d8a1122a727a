/* Owns the products of panels, and rows of 8 bits, with AVX2. Compiled for them alone. */
#include "kernels/portable.h"

#if defined(__AVX2__)
#include "kernels/quant_avx2.h"

#include "kernels/simd_quant.h"

#include <math.h>

/* The sums of the integers of a and of b. */
static inline void sum_two(int32_t sums[2], ints a, ints b) {
  ints both = _mm256_hadd_epi32(a, b);
  __m128i four = _mm_add_epi32(_mm256_castsi256_si128(both), _mm256_extracti128_si256(both, 1));
  _mm_storel_epi64((__m128i *)(void *)sums, _mm_hadd_epi32(four, four));
}

static inline float quantize_piece(int8_t *q, const float *x, int32_t sums[2]) {
  ints bits = p_zero(), n[4]; /* of magnitudes: they are ordered as these are, NaN above all */
  for (int i = 0; i < 4; i++) {
    ints magnitude = _mm256_and_si256(_mm256_castps_si256(p_load_floats(x + i * W)), _mm256_set1_epi32(0x7fffffff));
    bits = _mm256_max_epu32(bits, magnitude);
  }
  __m128i most = _mm_max_epu32(_mm256_castsi256_si128(bits), _mm256_extracti128_si256(bits, 1));
  most = _mm_max_epu32(most, _mm_shuffle_epi32(most, 0x4e));
  most = _mm_max_epu32(most, _mm_shuffle_epi32(most, 0xb1));
  float largest = _mm_cvtss_f32(_mm_castsi128_ps(most)), inverse = 127 / largest;
  if (!(largest > 0 && isfinite(largest) && isfinite(inverse))) {
    memset(q, 0, PIECE);
    sums[0] = sums[1] = 0;
    return largest / 127;
  }
  for (int i = 0; i < 4; i++) n[i] = _mm256_cvtps_epi32(p_mul(p_load_floats(x + i * W), _mm256_set1_ps(inverse)));
  ints bytes = _mm256_packs_epi16(_mm256_packs_epi32(n[0], n[1]), _mm256_packs_epi32(n[2], n[3]));
  bytes = _mm256_permutevar8x32_epi32(bytes, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
  _mm256_storeu_si256((ints *)(void *)q, bytes);
  sum_two(sums, _mm256_add_epi32(n[0], n[1]), _mm256_add_epi32(n[2], n[3]));
  return largest / 127;
}

#include "kernels/quant_rows.h"

bool att_quant_avx2(att_kernels *table) {
  table->quantize_rows = quantize_rows;
  table->multiply_panels = multiply_panels;
  return true;
}
#else
bool att_quant_avx2(att_kernels *table) {
  (void)table;
  return false;
}
#endif
