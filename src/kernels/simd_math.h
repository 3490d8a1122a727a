/*
 * Owns the functions of one vector: loads and stores of what is left of a row, exponential, normal distribution,
 * logistic function, hyperbolic tangent, random bits. Part of simd.h.
 */
#ifndef ATT_KERNELS_SIMD_MATH_H
#define ATT_KERNELS_SIMD_MATH_H

#include <math.h>
#include <string.h>

#include "base/random.h"

#define INLINE static inline __attribute__((always_inline))

/* The first `left` elements, zeros beyond; left >= 1 may be more than W. */
static inline vec v_load(const float *x, int64_t left) {
  return left >= W ? v_load_all(x) : v_load_part(x, v_first(left));
}

static inline void v_store(float *y, vec v, int64_t left) {
  if (left >= W) {
    v_store_all(y, v);
  } else {
    v_store_part(y, v, v_first(left));
  }
}

/* The same with -infinity beyond, so that what is not there is no maximum and no exponential. */
static inline vec v_load_below(const float *x, int64_t left) {
  return left >= W ? v_load_all(x) : v_pick(v_first(left), v_load_part(x, v_first(left)), v_set(-INFINITY));
}

/* exp(x), within 1.1 units in the last place; results below 2^-126 are 0; NaN stays NaN. x = n log 2 + r, and
 * exp(r) = 1 + r + r^2 q(r) with q fitted for |r| <= log(2)/2 (least largest relative error). */
static inline vec v_exp(vec x) {
  vec low = v_set(-87.33654f), y = v_min(v_set(89), x); /* the second of two is kept where one is NaN */
  vec n = v_round(v_mul(y, v_set(1.44269504f)));
  vec r = v_fnma(n, v_set(-1.90465430e-9f), v_fnma(n, v_set(0.693147182f), y)); /* log 2 in two parts */
  vec q = v_fma(v_set(1.38144672e-3f), r, v_set(8.36878084e-3f));
  q = v_fma(v_fma(v_fma(q, r, v_set(4.16683927e-2f)), r, v_set(0.166665196f)), r, v_set(0.49999994f));
  vec p = v_add(v_set(1), v_fma(q, v_mul(r, r), r));
  return v_pick(v_less(x, low), v_zero(), v_times_power_of_two(p, n));
}

/* The standard normal's distribution function, and its density. The tail below -|x| is the density times a function of
 * t = 1/(1 + 0.35 |x|) that is nearly linear; fitted for |x| <= 13.5 within 1e-7 of the tail (before rounding). */
static inline vec v_normal(vec x, vec *density) {
  static const float c[] = {0.139621571f, 0.13985908f,   0.119852424f, 0.105432987f,  -0.0229372624f,
                            0.158929482f, -0.255504727f, 0.143872321f, -0.0291258842f};
  vec t = v_div(v_set(1), v_fma(v_abs(x), v_set(0.35f), v_set(1))), p = v_set(c[8]);
  for (int i = 7; i >= 0; i--) p = v_fma(p, t, v_set(c[i]));
  vec e = v_exp(v_mul(v_mul(x, x), v_set(-0.5f)));
  vec tail = v_mul(v_mul(p, t), e);
  *density = v_mul(e, v_set(0.39894228f));
  return v_pick(v_less(x, v_zero()), tail, v_sub(v_set(1), tail));
}

static inline vec v_sigmoid(vec x) { return v_div(v_set(1), v_add(v_set(1), v_exp(v_sub(v_zero(), x)))); }

/* Within 3 units in the last place: x + x^3 p(x^2) with p fitted for |x| <= 0.55 (least largest relative error), where
 * the quotient of exponentials would lose digits. */
static inline vec v_tanh(vec x) {
  vec square = v_mul(x, x), p = v_fma(v_set(-6.27423776e-3f), square, v_set(2.1071678e-2f));
  p = v_fma(v_fma(v_fma(p, square, v_set(-5.38523085e-2f)), square, v_set(0.13332586f)), square, v_set(-0.333333164f));
  vec near = v_fma(v_mul(x, square), p, x), size = v_abs(x);
  vec far = v_sub(v_set(1), v_div(v_set(2), v_add(v_set(1), v_exp(v_add(size, size)))));
  vec signed_far = v_pick(v_less(x, v_zero()), v_sub(v_zero(), far), far);
  return v_pick(v_less(size, v_set(0.55f)), near, signed_far);
}

/* att_random32 for W counters. */
static inline ints i_random(ints key_low, ints key_high, ints counter) {
  ints x = i_xor(counter, key_low);
  x = i_mul(i_xor(x, i_right(x, 16)), i_set(0x21f0aaadu));
  x = i_mul(i_xor(x, i_right(x, 15)), i_set(0x735a2d97u));
  x = i_xor(x, key_high);
  x = i_mul(i_xor(x, i_right(x, 15)), i_set(0x21f0aaadu));
  return i_xor(x, i_right(x, 16));
}

#endif
