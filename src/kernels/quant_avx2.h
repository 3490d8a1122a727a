/* Owns the p_ functions of simd_quant.h on vectors of 8 floats and 32 bytes: AVX2, with the products of AVX-VNNI where
 * the file that includes this is compiled for them. */
#include <immintrin.h>

#include "kernels/quant_panels.h"

enum { W = 8, AT_ONCE = 4 };
typedef __m256 vec;
typedef __m256i ints;

static inline ints p_load(const uint8_t *at) { return _mm256_loadu_si256((const ints *)(const void *)at); }
static inline void p_store(uint8_t *at, ints x) { _mm256_storeu_si256((ints *)(void *)at, x); }
static inline ints p_and(ints x, int mask) { return _mm256_and_si256(x, _mm256_set1_epi8((char)mask)); }
static inline ints p_or(ints a, ints b) { return _mm256_or_si256(a, b); }
static inline ints p_right(ints x, int bits) { return _mm256_srli_epi16(x, bits); }
static inline ints p_left_bits(ints x, int bits, int mask) {
  return p_and(bits >= 0 ? _mm256_slli_epi16(x, bits) : _mm256_srli_epi16(x, -bits), mask);
}
static inline ints p_look(ints places) { /* att_iq4_values, 128 above */
  const ints values =
      _mm256_broadcastsi128_si256(_mm_setr_epi8(1, 24, 45, 63, 79, 93, 106, 118, (char)129, (char)141, (char)153,
                                                (char)166, (char)181, (char)197, (char)217, (char)241));
  return _mm256_shuffle_epi8(values, places);
}
static inline ints p_four(const int8_t *x) {
  int32_t four;
  memcpy(&four, x, sizeof four);
  return _mm256_set1_epi32(four);
}
static inline ints p_zero(void) { return _mm256_setzero_si256(); }
static inline ints p_int(const int32_t *x) { return _mm256_set1_epi32(*x); }

#if defined(__AVXVNNI__)
#define HAS_DPBUSD
static inline ints p_wide(ints x) { return x; }
static inline bool p_signed(bool wide) { return wide && false; }
static inline ints p_dot(ints sum, ints w, ints x) { return _mm256_dpbusd_avx_epi32(sum, w, x); }
#else
static inline ints p_wide(ints x) { return _mm256_xor_si256(x, _mm256_set1_epi8(-128)); }
static inline bool p_signed(bool wide) { return wide; }
static inline ints p_add16(ints a, ints b) { return _mm256_add_epi16(a, b); }
static inline ints p_add32(ints a, ints b) { return _mm256_add_epi32(a, b); }
static inline ints p_products(ints w, ints x) { return _mm256_maddubs_epi16(w, x); }
static inline ints p_pairs(ints x) { return _mm256_madd_epi16(x, _mm256_set1_epi16(1)); }
/* Both signed, |w| at most 128: the sum of two products fits. */
static inline ints p_dot(ints sum, ints w, ints x) {
  return p_add32(sum, p_pairs(p_products(_mm256_abs_epi8(w), _mm256_sign_epi8(x, w))));
}
#endif

static inline vec p_nothing(void) { return _mm256_setzero_ps(); }
static inline vec p_set(const float *x) { return _mm256_broadcast_ss(x); }
static inline vec p_mul(vec a, vec b) { return _mm256_mul_ps(a, b); }
static inline vec p_fma(vec a, vec b, vec c) { return _mm256_fmadd_ps(a, b, c); }
static inline vec p_negative(vec a) { return _mm256_xor_ps(a, _mm256_set1_ps(-0.0f)); }
static inline vec p_floats(ints x) { return _mm256_cvtepi32_ps(x); }
static inline vec p_load_floats(const float *x) { return _mm256_loadu_ps(x); }
static inline void p_store_floats(float *y, vec x) { _mm256_storeu_ps(y, x); }
static inline vec p_half(const uint8_t *at) {
  return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(const void *)at));
}
static inline __m128i p_eight(const uint8_t *at) { return _mm_loadl_epi64((const __m128i *)(const void *)at); }
static inline vec p_byte(const uint8_t *at) { return p_floats(_mm256_cvtepi8_epi32(p_eight(at))); }
static inline vec p_nibble(const uint8_t *at, int shift) {
  ints x = _mm256_srli_epi32(_mm256_cvtepu8_epi32(p_eight(at)), shift);
  return p_floats(_mm256_and_si256(x, _mm256_set1_epi32(15)));
}
