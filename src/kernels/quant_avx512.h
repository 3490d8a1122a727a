/* Owns the p_ functions of simd_quant.h on vectors of 16 floats and 64 bytes: AVX-512 F, BW, DQ, VL, with the products
 * of VNNI where the file that includes this is compiled for them. */
#include <immintrin.h>

#include "kernels/quant_panels.h"

enum { W = 16, AT_ONCE = 8 };
typedef __m512 vec;
typedef __m512i ints;

static inline ints p_load(const uint8_t *at) { return _mm512_loadu_si512(at); }
static inline void p_store(uint8_t *at, ints x) { _mm512_storeu_si512(at, x); }
static inline ints p_and(ints x, int mask) { return _mm512_and_si512(x, _mm512_set1_epi8((char)mask)); }
static inline ints p_or(ints a, ints b) { return _mm512_or_si512(a, b); }
static inline ints p_right(ints x, int bits) { return _mm512_srli_epi16(x, (unsigned)bits); }
static inline ints p_left_bits(ints x, int bits, int mask) {
  return p_and(bits >= 0 ? _mm512_slli_epi16(x, (unsigned)bits) : _mm512_srli_epi16(x, (unsigned)-bits), mask);
}
static inline ints p_look(ints places) { /* att_iq4_values, 128 above */
  const ints values =
      _mm512_broadcast_i32x4(_mm_setr_epi8(1, 24, 45, 63, 79, 93, 106, 118, (char)129, (char)141, (char)153, (char)166,
                                           (char)181, (char)197, (char)217, (char)241));
  return _mm512_shuffle_epi8(values, places);
}
static inline ints p_four(const int8_t *x) {
  int32_t four;
  memcpy(&four, x, sizeof four);
  return _mm512_set1_epi32(four);
}
static inline ints p_zero(void) { return _mm512_setzero_si512(); }
static inline ints p_int(const int32_t *x) { return _mm512_set1_epi32(*x); }

#if defined(__AVX512VNNI__)
#define HAS_DPBUSD
static inline ints p_wide(ints x) { return x; }
static inline bool p_signed(bool wide) { return wide && false; }
static inline ints p_dot(ints sum, ints w, ints x) { return _mm512_dpbusd_epi32(sum, w, x); }
#else
static inline ints p_wide(ints x) { return _mm512_xor_si512(x, _mm512_set1_epi8(-128)); }
static inline bool p_signed(bool wide) { return wide; }
static inline ints p_add16(ints a, ints b) { return _mm512_add_epi16(a, b); }
static inline ints p_add32(ints a, ints b) { return _mm512_add_epi32(a, b); }
static inline ints p_products(ints w, ints x) { return _mm512_maddubs_epi16(w, x); }
static inline ints p_pairs(ints x) { return _mm512_madd_epi16(x, _mm512_set1_epi16(1)); }
/* Both signed, |w| at most 128: the sum of two products fits. */
static inline ints p_dot(ints sum, ints w, ints x) {
  ints turned = _mm512_mask_sub_epi8(x, _mm512_movepi8_mask(w), p_zero(), x);
  return p_add32(sum, p_pairs(p_products(_mm512_abs_epi8(w), turned)));
}
#endif

static inline vec p_nothing(void) { return _mm512_setzero_ps(); }
static inline vec p_set(const float *x) { return _mm512_set1_ps(*x); }
static inline vec p_mul(vec a, vec b) { return _mm512_mul_ps(a, b); }
static inline vec p_fma(vec a, vec b, vec c) { return _mm512_fmadd_ps(a, b, c); }
static inline vec p_negative(vec a) { return _mm512_xor_ps(a, _mm512_set1_ps(-0.0f)); }
static inline vec p_floats(ints x) { return _mm512_cvtepi32_ps(x); }
static inline vec p_load_floats(const float *x) { return _mm512_loadu_ps(x); }
static inline void p_store_floats(float *y, vec x) { _mm512_storeu_ps(y, x); }
static inline vec p_half(const uint8_t *at) {
  return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)(const void *)at));
}
static inline __m128i p_sixteen(const uint8_t *at) { return _mm_loadu_si128((const __m128i *)(const void *)at); }
static inline vec p_byte(const uint8_t *at) { return p_floats(_mm512_cvtepi8_epi32(p_sixteen(at))); }
static inline vec p_nibble(const uint8_t *at, int shift) {
  ints x = _mm512_srli_epi32(_mm512_cvtepu8_epi32(p_sixteen(at)), (unsigned)shift);
  return p_floats(_mm512_and_si512(x, _mm512_set1_epi32(15)));
}
