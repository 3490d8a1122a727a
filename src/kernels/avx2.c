/* Owns vectors of 8 floats (AVX2, FMA, F16C) under the names that simd.h uses. Compiled for them alone. */
#include "kernels/portable.h"

#if !defined(__AVX2__) || !defined(__FMA__) || !defined(__F16C__)
bool att_kernels_avx2(att_kernels *table) {
  (void)table;
  return false;
}
#else
#include <immintrin.h>

enum { W = 8, SMALL_ROWS = 6, TILE_ROWS = 6, TILE_VECTORS = 2, FEW_STEP = 3 };
#define FEW_MOST INT64_MAX
typedef __m256 vec;
typedef __m256i ints;
typedef __m256i vmask;

static inline vmask v_first(int64_t n) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)(n < W ? n : W)), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
static inline vec v_load_part(const float *x, vmask part) { return _mm256_maskload_ps(x, part); }
static inline void v_store_part(float *y, vec v, vmask part) { _mm256_maskstore_ps(y, part, v); }
static inline vec v_load_all(const float *x) { return _mm256_loadu_ps(x); }
static inline void v_store_all(float *y, vec v) { _mm256_storeu_ps(y, v); }

static inline vec v_zero(void) { return _mm256_setzero_ps(); }
static inline vec v_set(float x) { return _mm256_set1_ps(x); }
static inline vec v_add(vec a, vec b) { return _mm256_add_ps(a, b); }
static inline vec v_sub(vec a, vec b) { return _mm256_sub_ps(a, b); }
static inline vec v_mul(vec a, vec b) { return _mm256_mul_ps(a, b); }
static inline vec v_div(vec a, vec b) { return _mm256_div_ps(a, b); }
static inline vec v_sqrt(vec a) { return _mm256_sqrt_ps(a); }
static inline vec v_max(vec a, vec b) { return _mm256_max_ps(a, b); }
static inline vec v_min(vec a, vec b) { return _mm256_min_ps(a, b); }
static inline vec v_fma(vec a, vec b, vec c) { return _mm256_fmadd_ps(a, b, c); }
static inline vec v_fnma(vec a, vec b, vec c) { return _mm256_fnmadd_ps(a, b, c); }
static inline vec v_abs(vec a) { return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), a); }
static inline vec v_round(vec a) { return _mm256_round_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
/* In two steps, for neither half of n leaves the exponent's range. */
static inline vec v_times_power_of_two(vec a, vec n) {
  ints whole = _mm256_cvtps_epi32(n), half = _mm256_srai_epi32(whole, 1), one = _mm256_set1_epi32(127);
  ints first = _mm256_slli_epi32(_mm256_add_epi32(half, one), 23);
  ints second = _mm256_slli_epi32(_mm256_add_epi32(_mm256_sub_epi32(whole, half), one), 23);
  return _mm256_mul_ps(_mm256_mul_ps(a, _mm256_castsi256_ps(first)), _mm256_castsi256_ps(second));
}
static inline vmask v_less(vec a, vec b) { return _mm256_castps_si256(_mm256_cmp_ps(a, b, _CMP_LT_OQ)); }
static inline vec v_pick(vmask where, vec yes, vec no) { return _mm256_blendv_ps(no, yes, _mm256_castsi256_ps(where)); }
static inline float v_sum(vec a) {
  __m128 s = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
  s = _mm_add_ps(s, _mm_movehl_ps(s, s));
  return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
}
static inline float v_largest(vec a) {
  __m128 s = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
  s = _mm_max_ps(s, _mm_movehl_ps(s, s));
  return _mm_cvtss_f32(_mm_max_ss(s, _mm_movehdup_ps(s)));
}

/* Neighbours are added, then pairs of them, then the halves. So sums of one lane after another are added, those of this
 * order's neighbours first. */
static inline int lane_at(int i) { return i; }

/* sums[i] = the sum of the i-th vector. */
static inline void v_sum4(float *sums, vec a, vec b, vec c, vec d) {
  vec s = _mm256_hadd_ps(_mm256_hadd_ps(a, b), _mm256_hadd_ps(c, d));
  _mm_storeu_ps(sums, _mm_add_ps(_mm256_castps256_ps128(s), _mm256_extractf128_ps(s, 1)));
}

static inline ints i_set(uint32_t x) { return _mm256_set1_epi32((int)x); }
static inline ints i_count(void) { return _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7); }
static inline ints i_add(ints a, ints b) { return _mm256_add_epi32(a, b); }
static inline ints i_mul(ints a, ints b) { return _mm256_mullo_epi32(a, b); }
static inline ints i_xor(ints a, ints b) { return _mm256_xor_si256(a, b); }
static inline ints i_right(ints a, int bits) { return _mm256_srli_epi32(a, bits); }
static inline vec v_where_less(ints a, ints b, vec yes, vec no) { /* unsigned: a >= b where their maximum is a */
  return _mm256_blendv_ps(yes, no, _mm256_castsi256_ps(_mm256_cmpeq_epi32(_mm256_max_epu32(a, b), a)));
}

static inline vec v_load_f16(const void *x) { return _mm256_cvtph_ps(_mm_loadu_si128(x)); }
static inline vec v_load_bf16(const void *x) {
  __m128i half = _mm_loadu_si128(x);
  return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(half), 16));
}
static inline void v_store_f16(uint16_t *y, vec v) {
  _mm_storeu_si128((__m128i *)(void *)y, _mm256_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}
static inline void v_store_bf16(uint16_t *y, vec v) {
  ints bits = _mm256_castps_si256(v), odd = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
  ints rounded = _mm256_add_epi32(bits, _mm256_add_epi32(odd, _mm256_set1_epi32(0x7fff)));
  ints quiet = _mm256_or_si256(bits, _mm256_set1_epi32(0x400000));
  vec nan = _mm256_cmp_ps(v, v, _CMP_UNORD_Q);
  rounded = _mm256_blendv_epi8(rounded, quiet, _mm256_castps_si256(nan));
  rounded = _mm256_srli_epi32(rounded, 16);
  _mm_storeu_si128((__m128i *)(void *)y,
                   _mm_packus_epi32(_mm256_castsi256_si128(rounded), _mm256_extracti128_si256(rounded, 1)));
}

typedef __m256d doubles;
static inline doubles d_zero(void) { return _mm256_setzero_pd(); }
static inline doubles d_add_squares(doubles sum, vec v) {
  doubles low = _mm256_cvtps_pd(_mm256_castps256_ps128(v)), high = _mm256_cvtps_pd(_mm256_extractf128_ps(v, 1));
  return _mm256_fmadd_pd(high, high, _mm256_fmadd_pd(low, low, sum));
}
static inline double d_sum(doubles a) {
  __m128d s = _mm_add_pd(_mm256_castpd256_pd128(a), _mm256_extractf128_pd(a, 1));
  return _mm_cvtsd_f64(_mm_add_sd(s, _mm_unpackhi_pd(s, s)));
}

/* y[c * ldy + r] = x[r * ldx + c] for a block of at most W x W: 4 x 4 blocks, then their order. */
static inline void v_transpose(float *y, int64_t ldy, const float *x, int64_t ldx, int64_t rows, int64_t cols) {
  vec r[8], t[8];
  vmask part = v_first(cols), out = v_first(rows);
  for (int i = 0; i < 8; i++) r[i] = i < rows ? _mm256_maskload_ps(x + i * ldx, part) : _mm256_setzero_ps();
  for (int i = 0; i < 8; i += 2) {
    t[i] = _mm256_unpacklo_ps(r[i], r[i + 1]);
    t[i + 1] = _mm256_unpackhi_ps(r[i], r[i + 1]);
  }
  for (int i = 0; i < 8; i += 4) {
    r[i] = _mm256_shuffle_ps(t[i], t[i + 2], 0x44);
    r[i + 1] = _mm256_shuffle_ps(t[i], t[i + 2], 0xee);
    r[i + 2] = _mm256_shuffle_ps(t[i + 1], t[i + 3], 0x44);
    r[i + 3] = _mm256_shuffle_ps(t[i + 1], t[i + 3], 0xee);
  }
  for (int i = 0; i < 4; i++) { /* r[4 g + i]: columns i and i + 4 of rows 4 g ... 4 g + 3 */
    t[i] = _mm256_permute2f128_ps(r[i], r[i + 4], 0x20);
    t[i + 4] = _mm256_permute2f128_ps(r[i], r[i + 4], 0x31);
  }
  for (int i = 0; i < 8; i++)
    if (i < cols) _mm256_maskstore_ps(y + i * ldy, out, t[i]);
}

#include "kernels/simd.h"

bool att_kernels_avx2(att_kernels *table) {
  fill(table);
  return true;
}
#endif
