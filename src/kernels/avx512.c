/* Owns vectors of 16 floats (AVX-512 F, BW, DQ, VL) under the names that simd.h uses. Compiled for them alone. */
#include "kernels/portable.h"

#if !defined(__AVX512F__) || !defined(__AVX512BW__) || !defined(__AVX512DQ__) || !defined(__AVX512VL__)
bool att_kernels_avx512(att_kernels *table) {
  (void)table;
  return false;
}
#else
#include <immintrin.h>

enum { W = 16, SMALL_ROWS = 8, TILE_ROWS = 14, TILE_VECTORS = 2, FEW_STEP = 4 };
#define FEW_MOST ATT_FEW_ROWS
typedef __m512 vec;
typedef __m512i ints;
typedef __mmask16 vmask;

static inline vmask v_first(int64_t n) { return (vmask)(n >= W ? 0xffffu : (1u << n) - 1); }
static inline vec v_load_part(const float *x, vmask part) { return _mm512_maskz_loadu_ps(part, x); }
static inline void v_store_part(float *y, vec v, vmask part) { _mm512_mask_storeu_ps(y, part, v); }
static inline vec v_load_all(const float *x) { return _mm512_loadu_ps(x); }
static inline void v_store_all(float *y, vec v) { _mm512_storeu_ps(y, v); }

static inline vec v_zero(void) { return _mm512_setzero_ps(); }
static inline vec v_set(float x) { return _mm512_set1_ps(x); }
static inline vec v_add(vec a, vec b) { return _mm512_add_ps(a, b); }
static inline vec v_sub(vec a, vec b) { return _mm512_sub_ps(a, b); }
static inline vec v_mul(vec a, vec b) { return _mm512_mul_ps(a, b); }
static inline vec v_div(vec a, vec b) { return _mm512_div_ps(a, b); }
static inline vec v_sqrt(vec a) { return _mm512_sqrt_ps(a); }
static inline vec v_max(vec a, vec b) { return _mm512_max_ps(a, b); }
static inline vec v_min(vec a, vec b) { return _mm512_min_ps(a, b); }
static inline vec v_fma(vec a, vec b, vec c) { return _mm512_fmadd_ps(a, b, c); }
static inline vec v_fnma(vec a, vec b, vec c) { return _mm512_fnmadd_ps(a, b, c); }
static inline vec v_abs(vec a) { return _mm512_abs_ps(a); }
static inline vec v_round(vec a) { return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
static inline vec v_times_power_of_two(vec a, vec n) { return _mm512_scalef_ps(a, n); }
static inline vmask v_less(vec a, vec b) { return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ); }
static inline vec v_pick(vmask where, vec yes, vec no) { return _mm512_mask_blend_ps(where, no, yes); }
static inline float v_sum(vec a) { return _mm512_reduce_add_ps(a); }
static inline float v_largest(vec a) { return _mm512_reduce_max_ps(a); }

/* The halves are added, then neighbours, pairs of them, and halves again. So sums of one lane after another are added,
 * those of this order's neighbours first. */
static inline int lane_at(int i) { return i / 2 + i % 2 * 8; }

/* sums[i] = the sum of the i-th vector. */
static inline void v_sum4(float *sums, vec a, vec b, vec c, vec d) {
  const vec four[4] = {a, b, c, d};
  __m256 h[4];
  for (int i = 0; i < 4; i++) h[i] = _mm256_add_ps(_mm512_castps512_ps256(four[i]), _mm512_extractf32x8_ps(four[i], 1));
  __m256 s = _mm256_hadd_ps(_mm256_hadd_ps(h[0], h[1]), _mm256_hadd_ps(h[2], h[3]));
  _mm_storeu_ps(sums, _mm_add_ps(_mm256_castps256_ps128(s), _mm256_extractf128_ps(s, 1)));
}

static inline ints i_set(uint32_t x) { return _mm512_set1_epi32((int)x); }
static inline ints i_count(void) { return _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15); }
static inline ints i_add(ints a, ints b) { return _mm512_add_epi32(a, b); }
static inline ints i_mul(ints a, ints b) { return _mm512_mullo_epi32(a, b); }
static inline ints i_xor(ints a, ints b) { return _mm512_xor_si512(a, b); }
static inline ints i_right(ints a, int bits) { return _mm512_srli_epi32(a, (unsigned)bits); }
static inline vec v_where_less(ints a, ints b, vec yes, vec no) {
  return _mm512_mask_blend_ps(_mm512_cmplt_epu32_mask(a, b), no, yes);
}

static inline vec v_load_f16(const void *x) { return _mm512_cvtph_ps(_mm256_loadu_si256(x)); }
static inline vec v_load_bf16(const void *x) {
  __m256i half = _mm256_loadu_si256(x);
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(half), 16));
}
static inline void v_store_f16(uint16_t *y, vec v) {
  _mm256_storeu_si256((__m256i *)(void *)y, _mm512_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}
static inline void v_store_bf16(uint16_t *y, vec v) {
  ints bits = _mm512_castps_si512(v), odd = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
  ints rounded = _mm512_add_epi32(bits, _mm512_add_epi32(odd, _mm512_set1_epi32(0x7fff)));
  __mmask16 nan = _mm512_cmp_ps_mask(v, v, _CMP_UNORD_Q);
  rounded = _mm512_mask_or_epi32(rounded, nan, bits, _mm512_set1_epi32(0x400000));
  _mm256_storeu_si256((__m256i *)(void *)y, _mm512_cvtepi32_epi16(_mm512_srli_epi32(rounded, 16)));
}

typedef __m512d doubles;
static inline doubles d_zero(void) { return _mm512_setzero_pd(); }
static inline doubles d_add_squares(doubles sum, vec v) {
  doubles low = _mm512_cvtps_pd(_mm512_castps512_ps256(v)), high = _mm512_cvtps_pd(_mm512_extractf32x8_ps(v, 1));
  return _mm512_fmadd_pd(high, high, _mm512_fmadd_pd(low, low, sum));
}
static inline double d_sum(doubles a) { return _mm512_reduce_add_pd(a); }

/* y[c * ldy + r] = x[r * ldx + c] for a block of at most W x W: 4 x 4 blocks, then their order. */
static inline void v_transpose(float *y, int64_t ldy, const float *x, int64_t ldx, int64_t rows, int64_t cols) {
  vec r[16], t[16];
  vmask part = v_first(cols), out = v_first(rows);
  for (int i = 0; i < 16; i++) r[i] = i < rows ? _mm512_maskz_loadu_ps(part, x + i * ldx) : _mm512_setzero_ps();
  for (int i = 0; i < 16; i += 2) {
    t[i] = _mm512_unpacklo_ps(r[i], r[i + 1]);
    t[i + 1] = _mm512_unpackhi_ps(r[i], r[i + 1]);
  }
  for (int i = 0; i < 16; i += 4) {
    r[i] = _mm512_shuffle_ps(t[i], t[i + 2], 0x44);
    r[i + 1] = _mm512_shuffle_ps(t[i], t[i + 2], 0xee);
    r[i + 2] = _mm512_shuffle_ps(t[i + 1], t[i + 3], 0x44);
    r[i + 3] = _mm512_shuffle_ps(t[i + 1], t[i + 3], 0xee);
  }
  for (int i = 0; i < 4; i++) { /* r[4 g + i]: columns i, i + 4, i + 8, i + 12 of rows 4 g ... 4 g + 3 */
    vec a = _mm512_shuffle_f32x4(r[i], r[i + 4], 0x88), b = _mm512_shuffle_f32x4(r[i], r[i + 4], 0xdd);
    vec c = _mm512_shuffle_f32x4(r[i + 8], r[i + 12], 0x88), d = _mm512_shuffle_f32x4(r[i + 8], r[i + 12], 0xdd);
    t[i] = _mm512_shuffle_f32x4(a, c, 0x88);
    t[i + 4] = _mm512_shuffle_f32x4(b, d, 0x88);
    t[i + 8] = _mm512_shuffle_f32x4(a, c, 0xdd);
    t[i + 12] = _mm512_shuffle_f32x4(b, d, 0xdd);
  }
  for (int i = 0; i < 16; i++)
    if (i < cols) _mm512_mask_storeu_ps(y + i * ldy, out, t[i]);
}

#include "kernels/simd.h"

bool att_kernels_avx512(att_kernels *table) {
  fill(table);
  return true;
}
#endif
