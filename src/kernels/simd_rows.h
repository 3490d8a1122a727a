/* Owns the kernels that pass over rows: sums, activations, norms, dropout, softmax, Adam, types. Part of simd.h. */
#ifndef ATT_KERNELS_SIMD_ROWS_H
#define ATT_KERNELS_SIMD_ROWS_H

#include "kernels/simd_math.h"

static float dot(const float *a, const float *b, int64_t n) {
  vec s[4] = {v_zero(), v_zero(), v_zero(), v_zero()};
  int64_t i = 0;
  for (; i + 4 * W <= n; i += 4 * W)
    for (int j = 0; j < 4; j++) s[j] = v_fma(v_load_all(a + i + j * W), v_load_all(b + i + j * W), s[j]);
  for (; i < n; i += W) s[0] = v_fma(v_load(a + i, n - i), v_load(b + i, n - i), s[0]);
  return v_sum(v_add(v_add(s[0], s[1]), v_add(s[2], s[3])));
}

static double sum_squares(const float *x, int64_t n) {
  doubles s[2] = {d_zero(), d_zero()};
  int64_t i = 0;
  for (; i + 2 * W <= n; i += 2 * W)
    for (int j = 0; j < 2; j++) s[j] = d_add_squares(s[j], v_load_all(x + i + j * W));
  for (; i < n; i += W) s[0] = d_add_squares(s[0], v_load(x + i, n - i));
  return d_sum(s[0]) + d_sum(s[1]);
}

static void add(float *y, const float *x, int64_t n) {
  for (int64_t i = 0; i < n; i += W) v_store(y + i, v_add(v_load(y + i, n - i), v_load(x + i, n - i)), n - i);
}

static void scale(float *y, float factor, int64_t n) {
  for (int64_t i = 0; i < n; i += W) v_store(y + i, v_mul(v_load(y + i, n - i), v_set(factor)), n - i);
}

static void axpy(float *y, float a, const float *x, int64_t n) {
  for (int64_t i = 0; i < n; i += W) v_store(y + i, v_fma(v_set(a), v_load(x + i, n - i), v_load(y + i, n - i)), n - i);
}

/* Four rows at a time, so that dy is read and written a quarter as often. */
static void column_sums(float *dy, const float *x, int64_t ldx, int64_t rows, int64_t cols) {
  int64_t r = 0;
  for (; r + 4 <= rows; r += 4, x += 4 * ldx) {
    for (int64_t c = 0; c < cols; c += W) {
      int64_t left = cols - c;
      vec a = v_add(v_load(x + c, left), v_load(x + ldx + c, left));
      vec b = v_add(v_load(x + 2 * ldx + c, left), v_load(x + 3 * ldx + c, left));
      v_store(dy + c, v_add(v_load(dy + c, left), v_add(a, b)), left);
    }
  }
  for (; r < rows; r++, x += ldx) add(dy, x, cols);
}

static void bias(float *y, const float *b, int64_t ldy, int64_t rows, int64_t cols) {
  for (int64_t r = 0; r < rows; r++) add(y + r * ldy, b, cols);
}

/* f(z), and its slope. `kind` is a constant where this is inlined, and what is not used is not computed. */
INLINE vec v_activation(vec z, att_activation kind, vec *slope) {
  vec one = v_set(1), zero = v_zero();
  switch (kind) {
  case ATT_RELU:
    *slope = v_pick(v_less(zero, z), one, zero);
    return v_max(zero, z); /* the second of two is kept where one is NaN */
  case ATT_TANH: {
    vec y = v_tanh(z);
    *slope = v_fnma(y, y, one);
    return y;
  }
  case ATT_GELU: {
    vec density, below = v_normal(z, &density);
    *slope = v_fma(z, density, below);
    return v_mul(z, below);
  }
  case ATT_GELU_TANH: { /* (1 + tanh u) / 2 = sigmoid(2 u), which keeps its digits far below zero */
    vec x = v_max(v_set(-20), v_min(v_set(20), z)), square = v_mul(x, x), linear = v_set(1.59576912f);
    vec s = v_sigmoid(v_mul(x, v_fma(square, v_set(0.0713548163f), linear)));
    vec inner = v_fma(square, v_set(0.214064449f), linear);
    *slope = v_mul(s, v_fma(v_mul(x, inner), v_sub(one, s), one));
    return v_mul(z, s);
  }
  default: {
    vec s = v_sigmoid(z);
    *slope = v_mul(s, v_fma(z, v_sub(one, s), one));
    return v_mul(z, s);
  }
  }
}

/* One loop for each kind. */
#define FOR_KIND(kind, loop, ...)                                                                                      \
  switch (kind) {                                                                                                      \
  case ATT_RELU: loop(ATT_RELU, __VA_ARGS__); break;                                                                   \
  case ATT_GELU: loop(ATT_GELU, __VA_ARGS__); break;                                                                   \
  case ATT_GELU_TANH: loop(ATT_GELU_TANH, __VA_ARGS__); break;                                                         \
  case ATT_TANH: loop(ATT_TANH, __VA_ARGS__); break;                                                                   \
  case ATT_SILU:                                                                                                       \
  case ATT_SWIGLU: loop(ATT_SILU, __VA_ARGS__); break;                                                                 \
  }

INLINE void activate(att_activation kind, float *y, const float *z, int64_t n) {
  vec slope;
  for (int64_t i = 0; i < n; i += W) v_store(y + i, v_activation(v_load(z + i, n - i), kind, &slope), n - i);
}

static void activation(float *y, const float *z, att_activation kind, int64_t n){FOR_KIND(kind, activate, y, z, n)}

INLINE void activate_backward(att_activation kind, float *dz, const float *dy, const float *z, int64_t n) {
  for (int64_t i = 0; i < n; i += W) {
    vec slope;
    v_activation(v_load(z + i, n - i), kind, &slope);
    v_store(dz + i, v_mul(v_load(dy + i, n - i), slope), n - i);
  }
}

static void activation_backward(float *dz, const float *dy, const float *z, att_activation kind,
                                int64_t n){FOR_KIND(kind, activate_backward, dz, dy, z, n)}

INLINE void gate(att_activation kind, float *y, const float *x, int64_t rows, int64_t cols) {
  for (int64_t r = 0; r < rows; r++, x += 2 * cols, y += cols) {
    for (int64_t c = 0; c < cols; c += W) {
      int64_t left = cols - c;
      vec slope, f = v_activation(v_load(x + c, left), kind, &slope);
      v_store(y + c, v_mul(f, v_load(x + cols + c, left)), left);
    }
  }
}

static void gated(float *y, const float *x, att_activation kind, int64_t rows,
                  int64_t cols){FOR_KIND(kind, gate, y, x, rows, cols)}

INLINE void gate_backward(att_activation kind, float *dx, const float *dy, const float *x, bool accumulate,
                          int64_t rows, int64_t cols) {
  for (int64_t r = 0; r < rows; r++, x += 2 * cols, dx += 2 * cols, dy += cols) {
    for (int64_t c = 0; c < cols; c += W) {
      int64_t left = cols - c;
      vec slope, f = v_activation(v_load(x + c, left), kind, &slope), d = v_load(dy + c, left);
      vec inner = v_mul(v_mul(d, v_load(x + cols + c, left)), slope), outer = v_mul(d, f);
      v_store(dx + c, accumulate ? v_add(v_load(dx + c, left), inner) : inner, left);
      v_store(dx + cols + c, accumulate ? v_add(v_load(dx + cols + c, left), outer) : outer, left);
    }
  }
}

static void gated_backward(float *dx, const float *dy, const float *x, att_activation kind, bool accumulate,
                           int64_t rows, int64_t cols) {
  FOR_KIND(kind, gate_backward, dx, dy, x, accumulate, rows, cols)
}

static void rotary(float *x, const float *cosines, const float *sines, float direction, int64_t heads, int64_t size,
                   int64_t turned) {
  int64_t half = turned / 2;
  vec sign = v_set(direction);
  for (int64_t h = 0; h < heads; h++, x += size) {
    for (int64_t k = 0; k < half; k += W) {
      int64_t left = half - k;
      vec a = v_load(x + k, left), b = v_load(x + half + k, left);
      vec c = v_load(cosines + k, left), s = v_mul(sign, v_load(sines + k, left));
      v_store(x + k, v_fnma(b, s, v_mul(a, c)), left);
      v_store(x + half + k, v_fma(a, s, v_mul(b, c)), left);
    }
  }
}

/* The sum of x, in two halves so that additions overlap. */
static inline float row_sum(const float *x, int64_t n) {
  vec s[2] = {v_zero(), v_zero()};
  int64_t i = 0;
  for (; i + 2 * W <= n; i += 2 * W)
    for (int j = 0; j < 2; j++) s[j] = v_add(s[j], v_load_all(x + i + j * W));
  for (; i < n; i += W) s[0] = v_add(s[0], v_load(x + i, n - i));
  return v_sum(v_add(s[0], s[1]));
}

/* The sum of (x - mean)^2. */
static inline float row_spread(const float *x, float mean, int64_t n) {
  vec s[2] = {v_zero(), v_zero()}, m = v_set(mean);
  int64_t i = 0;
  for (; i + 2 * W <= n; i += 2 * W) {
    for (int j = 0; j < 2; j++) {
      vec d = v_sub(v_load_all(x + i + j * W), m);
      s[j] = v_fma(d, d, s[j]);
    }
  }
  for (; i < n; i += W) {
    vec d = v_sub(v_load(x + i, n - i), m);
    if (n - i < W) d = v_pick(v_first(n - i), d, v_zero());
    s[0] = v_fma(d, d, s[0]);
  }
  return v_sum(v_add(s[0], s[1]));
}

/* Layer and root mean square normalisation differ in what is taken for the mean: `centred` is a constant where this is
 * inlined. */
INLINE void normalise(float *y, float *mean, float *rstd, const float *x, const float *gamma, const float *beta,
                      float epsilon, int64_t rows, int64_t cols, bool centred) {
  for (int64_t r = 0; r < rows; r++, x += cols, y += cols) {
    float m = centred ? row_sum(x, cols) / (float)cols : 0;
    float s = 1 / sqrtf(row_spread(x, m, cols) / (float)cols + epsilon);
    for (int64_t c = 0; c < cols; c += W) {
      int64_t left = cols - c;
      vec n = v_mul(v_sub(v_load(x + c, left), v_set(m)), v_set(s));
      v_store(y + c, v_fma(n, v_load(gamma + c, left), beta ? v_load(beta + c, left) : v_zero()), left);
    }
    if (mean) mean[r] = m;
    if (rstd) rstd[r] = s;
  }
}

static void layer_norm(float *y, float *mean, float *rstd, const float *x, const float *gamma, const float *beta,
                       float epsilon, int64_t rows, int64_t cols) {
  normalise(y, mean, rstd, x, gamma, beta, epsilon, rows, cols, true);
}

static void rms_norm(float *y, float *rstd, const float *x, const float *gamma, float epsilon, int64_t rows,
                     int64_t cols) {
  normalise(y, NULL, rstd, x, gamma, NULL, epsilon, rows, cols, false);
}

/* See portable.c for the formula. */
INLINE void normalise_backward(float *dx, float *dgamma, float *dbeta, const float *dy, const float *x,
                               const float *mean, const float *rstd, const float *gamma, bool accumulate, int64_t rows,
                               int64_t cols, bool centred) {
  for (int64_t r = 0; r < rows; r++, x += cols, dy += cols, dx += cols) {
    vec m = v_set(centred ? mean[r] : 0), s = v_set(rstd[r]), sum_g = v_zero(), sum_gn = v_zero();
    for (int64_t c = 0; c < cols; c += W) {
      int64_t left = cols - c;
      vec n = v_mul(v_sub(v_load(x + c, left), m), s), d = v_load(dy + c, left), g = v_mul(d, v_load(gamma + c, left));
      sum_g = v_add(sum_g, g);
      sum_gn = v_fma(g, n, sum_gn);
      if (dgamma) v_store(dgamma + c, v_fma(d, n, v_load(dgamma + c, left)), left);
      if (dbeta) v_store(dbeta + c, v_add(d, v_load(dbeta + c, left)), left);
    }
    vec avg_g = v_set(centred ? v_sum(sum_g) / (float)cols : 0), avg_gn = v_set(v_sum(sum_gn) / (float)cols);
    for (int64_t c = 0; c < cols; c += W) {
      int64_t left = cols - c;
      vec n = v_mul(v_sub(v_load(x + c, left), m), s), g = v_mul(v_load(dy + c, left), v_load(gamma + c, left));
      vec d = v_mul(s, v_fnma(n, avg_gn, v_sub(g, avg_g)));
      v_store(dx + c, accumulate ? v_add(v_load(dx + c, left), d) : d, left);
    }
  }
}

static void layer_norm_backward(float *dx, float *dgamma, float *dbeta, const float *dy, const float *x,
                                const float *mean, const float *rstd, const float *gamma, bool accumulate, int64_t rows,
                                int64_t cols) {
  normalise_backward(dx, dgamma, dbeta, dy, x, mean, rstd, gamma, accumulate, rows, cols, true);
}

static void rms_norm_backward(float *dx, float *dgamma, const float *dy, const float *x, const float *rstd,
                              const float *gamma, bool accumulate, int64_t rows, int64_t cols) {
  normalise_backward(dx, dgamma, NULL, dy, x, NULL, rstd, gamma, accumulate, rows, cols, false);
}

static void soft_cap(float *x, float cap, int64_t n) {
  for (int64_t i = 0; i < n; i += W)
    v_store(x + i, v_mul(v_tanh(v_div(v_load(x + i, n - i), v_set(cap))), v_set(cap)), n - i);
}

static void soft_cap_backward(float *dx, const float *y, float cap, int64_t n) {
  for (int64_t i = 0; i < n; i += W) {
    vec bent = v_div(v_load(y + i, n - i), v_set(cap));
    v_store(dx + i, v_mul(v_load(dx + i, n - i), v_fnma(bent, bent, v_set(1))), n - i);
  }
}

/* What dropout needs, in vectors. */
typedef struct chance {
  ints key_low, key_high, threshold, counter;
  vec keep_scale;
} chance;

static inline chance chance_of(uint64_t key, uint32_t first, uint32_t threshold, float keep_scale) {
  return (chance){i_set((uint32_t)key), i_set((uint32_t)(key >> 32)), i_set(threshold), i_add(i_set(first), i_count()),
                  v_set(keep_scale)};
}

/* The next W elements after dropout. */
static inline vec v_dropout(chance *p, vec x) {
  ints bits = i_random(p->key_low, p->key_high, p->counter);
  p->counter = i_add(p->counter, i_set(W));
  return v_where_less(bits, p->threshold, v_zero(), v_mul(x, p->keep_scale));
}

static void dropout(float *y, const float *x, uint64_t key, uint32_t first, uint32_t threshold, float keep_scale,
                    bool accumulate, int64_t n) {
  chance p = chance_of(key, first, threshold, keep_scale);
  for (int64_t i = 0; i < n; i += W) {
    vec value = v_dropout(&p, v_load(x + i, n - i));
    v_store(y + i, accumulate ? v_add(v_load(y + i, n - i), value) : value, n - i);
  }
}

static void add_dropout(float *y, const float *a, const float *x, uint64_t key, uint32_t first, uint32_t threshold,
                        float keep_scale, int64_t n) {
  chance p = chance_of(key, first, threshold, keep_scale);
  for (int64_t i = 0; i < n; i += W)
    v_store(y + i, v_add(v_load(a + i, n - i), v_dropout(&p, v_load(x + i, n - i))), n - i);
}

/* The largest of x * factor, or 0 where that is infinite: what is subtracted before exponentials. A NaN is passed over
 * here, and comes through in the exponentials. */
static inline float shift_of(const float *x, float factor, int64_t n) {
  vec most[2] = {v_set(-INFINITY), v_set(-INFINITY)}, f = v_set(factor);
  int64_t i = 0;
  for (; i + 2 * W <= n; i += 2 * W)
    for (int j = 0; j < 2; j++) most[j] = v_max(v_mul(v_load_all(x + i + j * W), f), most[j]);
  for (; i < n; i += W) most[0] = v_max(v_mul(v_load_below(x + i, n - i), f), most[0]);
  float largest = v_largest(v_max(most[0], most[1]));
  return isinf(largest) ? 0 : largest;
}

/* The sum of exp(x * factor - shift); the exponentials go to y, unless that is NULL (a constant where inlined). */
static inline float exponentials(float *y, const float *x, float factor, float shift, int64_t n) {
  vec s[2] = {v_zero(), v_zero()}, f = v_set(factor), m = v_set(-shift);
  int64_t i = 0;
  for (; i + 2 * W <= n; i += 2 * W) {
    for (int j = 0; j < 2; j++) {
      vec e = v_exp(v_fma(v_load_all(x + i + j * W), f, m));
      if (y) v_store_all(y + i + j * W, e);
      s[j] = v_add(s[j], e);
    }
  }
  for (; i < n; i += W) {
    vec e = v_exp(v_fma(v_load_below(x + i, n - i), f, m));
    if (y) v_store(y + i, e, n - i);
    s[0] = v_add(s[0], e);
  }
  return v_sum(v_add(s[0], s[1]));
}

/* x to the probabilities of x * factor. */
static inline float softmax_of(float *x, float factor, int64_t n) {
  float shift = shift_of(x, factor, n), sum = exponentials(x, x, factor, shift, n);
  scale(x, 1 / sum, n);
  return shift + logf(sum);
}

static float softmax(float *x, int64_t n) { return softmax_of(x, 1, n); }

static float log_sum_exp(const float *x, int64_t n) {
  float shift = shift_of(x, 1, n);
  return shift + logf(exponentials(NULL, x, 1, shift, n));
}

static void cross_entropy(float *logits, double *loss, double *nll, int32_t target, float smoothing, float grad_scale,
                          bool gradient, int64_t n) {
  float shift = shift_of(logits, 1, n), at_target = logits[target], share = smoothing / (float)n;
  double all = smoothing != 0 ? row_sum(logits, n) : 0;
  float sum = gradient ? exponentials(logits, logits, 1, shift, n) : exponentials(NULL, logits, 1, shift, n);
  double lse = (double)shift + log(sum);
  *nll = lse - at_target;
  *loss = lse - (1 - (double)smoothing) * at_target - smoothing * (all / (double)n);
  if (!gradient) return;
  vec factor = v_set(grad_scale / sum), less = v_set(-share * grad_scale);
  for (int64_t i = 0; i < n; i += W) v_store(logits + i, v_fma(v_load(logits + i, n - i), factor, less), n - i);
  logits[target] -= (1 - smoothing) * grad_scale;
}

static void adam(float *w, float *m, float *v, const float *g, const att_adam_args *a, int64_t n) {
  vec beta1 = v_set(a->beta1), beta2 = v_set(a->beta2), rest1 = v_set(1 - a->beta1), rest2 = v_set(1 - a->beta2);
  vec keep = v_set(1 - a->lr * a->weight_decay), step = v_set(a->lr / a->correction1);
  vec root = v_set(1 / sqrtf(a->correction2)), epsilon = v_set(a->epsilon), grad_scale = v_set(a->grad_scale);
  for (int64_t i = 0; i < n; i += W) {
    int64_t left = n - i;
    vec gradient = v_mul(v_load(g + i, left), grad_scale);
    vec first = v_fma(rest1, gradient, v_mul(beta1, v_load(m + i, left)));
    vec second = v_fma(v_mul(rest2, gradient), gradient, v_mul(beta2, v_load(v + i, left)));
    vec change = v_div(v_mul(step, first), v_fma(v_sqrt(second), root, epsilon));
    v_store(m + i, first, left);
    v_store(v + i, second, left);
    v_store(w + i, v_fma(keep, v_load(w + i, left), v_sub(v_zero(), change)), left);
  }
}

static void to_f32(float *y, const void *x, att_type type, int64_t n) {
  int64_t i = 0;
  if (type == ATT_Q8_0) {
    att_q8_to_f32(y, x, n);
    return;
  }
  if (type == ATT_F32) {
    if (n > 0) memcpy(y, x, (size_t)n * sizeof *y);
    return;
  }
  for (const char *half = x; i + W <= n; i += W)
    v_store_all(y + i, type == ATT_F16 ? v_load_f16(half + 2 * i) : v_load_bf16(half + 2 * i));
  for (; i < n; i++) y[i] = type == ATT_F16 ? att_f16_to_f32(att_half_at(x, i)) : att_bf16_to_f32(att_half_at(x, i));
}

static void from_f32(void *y, const float *x, att_type type, int64_t n) {
  uint16_t *half = y;
  int64_t i = 0;
  if (type == ATT_Q8_0) {
    att_q8_from_f32(y, x, n);
    return;
  }
  if (type == ATT_F32) {
    if (n > 0) memcpy(y, x, (size_t)n * sizeof *x);
    return;
  }
  for (; i + W <= n; i += W) {
    if (type == ATT_F16) v_store_f16(half + i, v_load_all(x + i));
    if (type == ATT_BF16) v_store_bf16(half + i, v_load_all(x + i));
  }
  for (; i < n; i++) half[i] = type == ATT_F16 ? att_f32_to_f16(x[i]) : att_f32_to_bf16(x[i]);
}

static void transpose(float *y, int64_t ldy, const float *x, int64_t ldx, int64_t rows, int64_t cols) {
  for (int64_t r = 0; r < rows; r += W)
    for (int64_t c = 0; c < cols; c += W)
      v_transpose(y + c * ldy + r, ldy, x + r * ldx + c, ldx, rows - r < W ? rows - r : W, cols - c < W ? cols - c : W);
}

/* Lane l of a panel's rows, `steps` depths, begins at l * steps * tile. */
static void pack_panel(float *packed, const float *x, int64_t ldx, int64_t rows, int64_t depth, int64_t tile) {
  const int64_t steps = (depth + W - 1) / W;
  if (rows < tile || depth % W) memset(packed, 0, (size_t)(tile * steps * W) * sizeof *packed);
  for (int64_t r = 0; r < rows; r += W)
    for (int64_t s = 0; s < steps; s++) {
      int64_t left = depth - s * W, high = rows - r;
      v_transpose(packed + s * tile + r, steps * tile, x + r * ldx + s * W, ldx, high < W ? high : W,
                  left < W ? left : W);
    }
}

static void pack(float *packed, const float *x, int64_t ldx, bool rows_fast, int64_t rows, int64_t depth,
                 int64_t tile) {
  const int64_t steps = (depth + W - 1) / W, size = steps * W;
  if (!rows_fast) {
    for (int64_t r = 0; r < rows; r += tile, packed += tile * size)
      pack_panel(packed, x + r * ldx, ldx, rows - r < tile ? rows - r : tile, depth, tile);
    return;
  }
  for (int64_t p = 0; p < size; p++, x += ldx) /* all panels of a depth together: x is read in order */
    for (int64_t r = 0; r < rows; r += tile)
      for (int64_t i = 0; i < tile; i += W) {
        vec part = p < depth && r + i < rows ? v_load(x + r + i, rows - r - i) : v_zero();
        v_store(packed + r * size + (p % W * steps + p / W) * tile + i, part, tile - i);
      }
}

#endif
