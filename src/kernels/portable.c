/*
 * Owns the plain C form of every kernel: what the others are tested against, and what runs where they cannot. Written
 * to be read first; loops are laid out so that a compiler may vectorise them where that costs no clarity.
 */
#include "kernels/portable.h"

#include <math.h>
#include <string.h>

#include "base/random.h"

enum { TILE_ROWS = 4, TILE_COLS = 8, LANES = 8 };

static float dot(const float *a, const float *b, int64_t n) {
  float lane[LANES] = {0}, sum = 0;
  int64_t i = 0;
  for (; i + LANES <= n; i += LANES)
    for (int j = 0; j < LANES; j++) lane[j] += a[i + j] * b[i + j];
  for (; i < n; i++) sum += a[i] * b[i];
  for (int j = 0; j < LANES; j++) sum += lane[j];
  return sum;
}

static double sum_squares(const float *x, int64_t n) {
  double sum = 0;
  for (int64_t i = 0; i < n; i++) sum += (double)x[i] * x[i];
  return sum;
}

static void add(float *y, const float *x, int64_t n) {
  for (int64_t i = 0; i < n; i++) y[i] += x[i];
}

static void scale(float *y, float factor, int64_t n) {
  for (int64_t i = 0; i < n; i++) y[i] *= factor;
}

static void axpy(float *y, float a, const float *x, int64_t n) {
  for (int64_t i = 0; i < n; i++) y[i] += a * x[i];
}

static void column_sums(float *dy, const float *x, int64_t ldx, int64_t rows, int64_t cols) {
  for (int64_t r = 0; r < rows; r++) add(dy, x + r * ldx, cols);
}

static void bias(float *y, const float *b, int64_t ldy, int64_t rows, int64_t cols) {
  for (int64_t r = 0; r < rows; r++) add(y + r * ldy, b, cols);
}

/* The standard normal's distribution and density. */
static float normal_below(float x) { return 0.5f * erfcf(-x * 0.70710678f); }
static float normal_density(float x) { return 0.39894228f * expf(-0.5f * x * x); }
static float sigmoid(float x) { return 1 / (1 + expf(-x)); }

/* f(x), and its slope. */
static float activate(float x, att_activation kind, float *slope) {
  switch (kind) {
  case ATT_RELU: *slope = x <= 0 ? 0 : 1; return x < 0 ? 0 : x; /* NaN stays NaN */
  case ATT_TANH: {
    float y = tanhf(x);
    *slope = 1 - y * y;
    return y;
  }
  case ATT_GELU: *slope = normal_below(x) + x * normal_density(x); return x * normal_below(x);
  case ATT_GELU_TANH: { /* (1 + tanh u) / 2 = sigmoid(2 u), which is constant long before |x| is 20 */
    float z = x < -20 ? -20 : x > 20 ? 20 : x, s = sigmoid(z * (1.59576912f + 0.0713548163f * z * z));
    *slope = s * (1 + z * (1.59576912f + 0.214064449f * z * z) * (1 - s));
    return x * s;
  }
  default: {
    float s = sigmoid(x);
    *slope = s * (1 + x * (1 - s));
    return x * s;
  }
  }
}

static void activation(float *y, const float *z, att_activation kind, int64_t n) {
  float slope;
  for (int64_t i = 0; i < n; i++) y[i] = activate(z[i], kind, &slope);
}

static void activation_backward(float *dz, const float *dy, const float *z, att_activation kind, int64_t n) {
  for (int64_t i = 0; i < n; i++) {
    float slope;
    activate(z[i], kind, &slope);
    dz[i] = dy[i] * slope;
  }
}

static void gated(float *y, const float *x, att_activation kind, int64_t rows, int64_t cols) {
  float slope;
  for (int64_t r = 0; r < rows; r++, x += 2 * cols, y += cols)
    for (int64_t c = 0; c < cols; c++) y[c] = activate(x[c], kind, &slope) * x[cols + c];
}

static void gated_backward(float *dx, const float *dy, const float *x, att_activation kind, bool accumulate,
                           int64_t rows, int64_t cols) {
  for (int64_t r = 0; r < rows; r++, x += 2 * cols, dx += 2 * cols, dy += cols) {
    for (int64_t c = 0; c < cols; c++) {
      float slope, f = activate(x[c], kind, &slope), inner = dy[c] * x[cols + c] * slope, outer = dy[c] * f;
      dx[c] = accumulate ? dx[c] + inner : inner;
      dx[cols + c] = accumulate ? dx[cols + c] + outer : outer;
    }
  }
}

static void rotary(float *x, const float *cosines, const float *sines, float direction, int64_t heads, int64_t size,
                   int64_t turned) {
  int64_t half = turned / 2;
  for (int64_t h = 0; h < heads; h++, x += size) {
    for (int64_t k = 0; k < half; k++) {
      float a = x[k], b = x[half + k], s = direction * sines[k];
      x[k] = a * cosines[k] - b * s;
      x[half + k] = b * cosines[k] + a * s;
    }
  }
}

static void layer_norm(float *y, float *mean, float *rstd, const float *x, const float *gamma, const float *beta,
                       float epsilon, int64_t rows, int64_t cols) {
  for (int64_t r = 0; r < rows; r++, x += cols, y += cols) {
    double sum = 0, squares = 0;
    for (int64_t c = 0; c < cols; c++) sum += x[c];
    float m = (float)(sum / (double)cols);
    for (int64_t c = 0; c < cols; c++) squares += (double)(x[c] - m) * (x[c] - m);
    float s = (float)(1 / sqrt(squares / (double)cols + epsilon));
    for (int64_t c = 0; c < cols; c++) y[c] = (x[c] - m) * s * gamma[c] + (beta ? beta[c] : 0);
    if (mean) mean[r] = m;
    if (rstd) rstd[r] = s;
  }
}

/* With n = (x - mean) * rstd and g = dy * gamma: dx = rstd * (g - avg(g) - n * avg(g * n)). */
static void layer_norm_backward(float *dx, float *dgamma, float *dbeta, const float *dy, const float *x,
                                const float *mean, const float *rstd, const float *gamma, bool accumulate, int64_t rows,
                                int64_t cols) {
  for (int64_t r = 0; r < rows; r++, x += cols, dy += cols, dx += cols) {
    double sum_g = 0, sum_gn = 0;
    for (int64_t c = 0; c < cols; c++) {
      float n = (x[c] - mean[r]) * rstd[r], g = dy[c] * gamma[c];
      sum_g += g;
      sum_gn += (double)g * n;
      if (dgamma) dgamma[c] += dy[c] * n;
      if (dbeta) dbeta[c] += dy[c];
    }
    float avg_g = (float)(sum_g / (double)cols), avg_gn = (float)(sum_gn / (double)cols);
    for (int64_t c = 0; c < cols; c++) {
      float n = (x[c] - mean[r]) * rstd[r], d = rstd[r] * (dy[c] * gamma[c] - avg_g - n * avg_gn);
      dx[c] = accumulate ? dx[c] + d : d;
    }
  }
}

static void rms_norm(float *y, float *rstd, const float *x, const float *gamma, float epsilon, int64_t rows,
                     int64_t cols) {
  for (int64_t r = 0; r < rows; r++, x += cols, y += cols) {
    float s = (float)(1 / sqrt(sum_squares(x, cols) / (double)cols + epsilon));
    for (int64_t c = 0; c < cols; c++) y[c] = x[c] * s * gamma[c];
    if (rstd) rstd[r] = s;
  }
}

/* As for layer_norm, with n = x * rstd and without avg(g). */
static void rms_norm_backward(float *dx, float *dgamma, const float *dy, const float *x, const float *rstd,
                              const float *gamma, bool accumulate, int64_t rows, int64_t cols) {
  for (int64_t r = 0; r < rows; r++, x += cols, dy += cols, dx += cols) {
    double sum = 0;
    for (int64_t c = 0; c < cols; c++) {
      float n = x[c] * rstd[r];
      sum += (double)(dy[c] * gamma[c]) * n;
      if (dgamma) dgamma[c] += dy[c] * n;
    }
    float avg = (float)(sum / (double)cols);
    for (int64_t c = 0; c < cols; c++) {
      float d = rstd[r] * (dy[c] * gamma[c] - x[c] * rstd[r] * avg);
      dx[c] = accumulate ? dx[c] + d : d;
    }
  }
}

static void soft_cap(float *x, float cap, int64_t n) {
  for (int64_t i = 0; i < n; i++) x[i] = cap * tanhf(x[i] / cap);
}

static void soft_cap_backward(float *dx, const float *y, float cap, int64_t n) {
  for (int64_t i = 0; i < n; i++) dx[i] *= 1 - (y[i] / cap) * (y[i] / cap);
}

static float kept(float x, uint64_t key, uint32_t counter, uint32_t threshold, float keep_scale) {
  return att_random32(key, counter) < threshold ? 0 : x * keep_scale;
}

static void dropout(float *y, const float *x, uint64_t key, uint32_t first, uint32_t threshold, float keep_scale,
                    bool accumulate, int64_t n) {
  for (int64_t i = 0; i < n; i++) {
    float value = kept(x[i], key, first + (uint32_t)i, threshold, keep_scale);
    y[i] = accumulate ? y[i] + value : value;
  }
}

static void add_dropout(float *y, const float *a, const float *x, uint64_t key, uint32_t first, uint32_t threshold,
                        float keep_scale, int64_t n) {
  for (int64_t i = 0; i < n; i++) y[i] = a[i] + kept(x[i], key, first + (uint32_t)i, threshold, keep_scale);
}

/* What is subtracted before exponentials: the largest, or 0 where that is infinite. A NaN is not larger than anything,
 * and comes through in the exponentials. */
static float shift_of(const float *x, int64_t n) {
  float largest = -INFINITY;
  for (int64_t i = 0; i < n; i++) largest = x[i] > largest ? x[i] : largest;
  return isinf(largest) ? 0 : largest;
}

static float softmax(float *x, int64_t n) {
  float shift = shift_of(x, n);
  double sum = 0;
  for (int64_t i = 0; i < n; i++) sum += x[i] = expf(x[i] - shift);
  scale(x, (float)(1 / sum), n);
  return shift + (float)log(sum);
}

static float log_sum_exp(const float *x, int64_t n) {
  float shift = shift_of(x, n);
  double sum = 0;
  for (int64_t i = 0; i < n; i++) sum += expf(x[i] - shift);
  return shift + (float)log(sum);
}

static void cross_entropy(float *logits, double *loss, double *nll, int32_t target, float smoothing, float grad_scale,
                          bool gradient, int64_t n) {
  double sum = 0, lse = log_sum_exp(logits, n), share = (double)smoothing / (double)n;
  for (int64_t i = 0; i < n; i++) sum += logits[i];
  *nll = lse - logits[target];
  *loss = lse - (1 - (double)smoothing) * logits[target] - share * sum;
  if (!gradient) return;
  for (int64_t i = 0; i < n; i++) logits[i] = (expf(logits[i] - (float)lse) - (float)share) * grad_scale;
  logits[target] -= (1 - smoothing) * grad_scale;
}

static void to_f32(float *y, const void *x, att_type type, int64_t n) {
  if (type == ATT_Q8_0) att_q8_to_f32(y, x, n);
  if (type == ATT_F32 && n > 0) memcpy(y, x, (size_t)n * sizeof *y);
  for (int64_t i = 0; type == ATT_F16 && i < n; i++) y[i] = att_f16_to_f32(att_half_at(x, i));
  for (int64_t i = 0; type == ATT_BF16 && i < n; i++) y[i] = att_bf16_to_f32(att_half_at(x, i));
}

int64_t att_attention_visible(const att_attention_args *args, int64_t query) {
  if (!args->causal) return args->key_count;
  int64_t visible = args->key_count - args->query_count + query + 1;
  return visible > 0 ? visible : 0;
}

int64_t att_attention_first(const att_attention_args *args, int64_t query) {
  int64_t first = args->key_count - args->query_count + query + 1 - args->window;
  return args->causal && args->window > 0 && first > 0 ? first : 0;
}

int64_t att_attention_scratch(int64_t query_count, int64_t key_count, int size) {
  int64_t keys = (key_count + 15) / 16 * 16, queries = query_count < ATT_QUERY_BLOCK ? query_count : ATT_QUERY_BLOCK;
  return keys * (3 * (int64_t)size + 2 * queries + ATT_HEADS_TOGETHER) + 16;
}

/* The score of a product of query and key, before its bias. */
static float score_of(const att_attention_args *a, float product) {
  float score = a->scale * product;
  return a->softcap > 0 ? a->softcap * tanhf(score / a->softcap) : score;
}

/* Key or value j of a group whose columns begin at `column`, as floats, where need be in `wide`. */
static const float *attention_row(const att_attention_args *a, const void *data, int64_t ld, int64_t column, int64_t j,
                                  float *wide) {
  int64_t row = a->key_rows ? a->key_rows[j] : j;
  if (a->key_type == ATT_F32) return (const float *)data + row * ld + column;
  size_t before = (size_t)row * att_type_bytes(a->key_type, ld) + att_type_bytes(a->key_type, column);
  to_f32(wide, (const char *)data + before, a->key_type, a->size);
  return wide;
}

static void attention_forward(const att_attention_args *a, int first_head, int end_head, float *scratch) {
  float wide[256];
  for (int h = first_head; h < end_head; h++) {
    int64_t kv = (int64_t)h * a->kv_heads / a->heads * a->size;
    for (int64_t i = 0; i < a->query_count; i++) {
      const float *q = a->q + i * a->ldq + (int64_t)h * a->size;
      float *o = a->o + i * a->ldo + (int64_t)h * a->size, *p = scratch;
      int64_t first = att_attention_first(a, i), visible = att_attention_visible(a, i);
      for (int64_t j = first; j < visible; j++)
        p[j] = score_of(a, dot(q, attention_row(a, a->k, a->ldk, kv, j, wide), a->size));
      if (a->bias) add(p + first, a->bias + att_attention_distances(a, a->bias_stride, h, i) + first, visible - first);
      float lse = softmax(p + first, visible - first);
      memset(o, 0, (size_t)a->size * sizeof *o);
      for (int64_t j = first; j < visible; j++) axpy(o, p[j], attention_row(a, a->v, a->ldv, kv, j, wide), a->size);
      if (a->lse) a->lse[i * a->heads + h] = lse;
      if (!a->probs) continue;
      float *probs = a->probs + ((int64_t)h * a->query_count + i) * a->key_count;
      for (int64_t j = 0; j < a->key_count; j++) probs[j] = j >= first && j < visible ? p[j] : 0;
    }
  }
}

/* With p the weights, D = do . o: ds = p * (do . v - D), which is the bias's; dq = slope * ds k, dk = slope * ds^T q,
 * dv = p^T do, the slope being the scale, and with a soft cap that times 1 - (score / cap)^2. */
static void attention_backward_query(const att_attention_args *a, int head, int64_t i) {
  int64_t column = (int64_t)head * a->size, kv = (int64_t)head * a->kv_heads / a->heads * a->size;
  const float *q = a->q + i * a->ldq + column, *d_o = a->d_o + i * a->ldo + column;
  float *dq = a->dq + i * a->ldq + column, delta = dot(d_o, a->o + i * a->ldo + column, a->size);
  if (!a->accumulate_q) memset(dq, 0, (size_t)a->size * sizeof *dq);
  const float *biases = a->bias ? a->bias + att_attention_distances(a, a->bias_stride, head, i) : NULL;
  float *dbiases = a->dbias ? a->dbias + att_attention_distances(a, a->dbias_stride, head, i) : NULL;
  for (int64_t j = att_attention_first(a, i); j < att_attention_visible(a, i); j++) {
    const float *k = (const float *)a->k + j * a->ldk + kv, *v = (const float *)a->v + j * a->ldv + kv;
    float score = score_of(a, dot(q, k, a->size)), bent = a->softcap > 0 ? score / a->softcap : 0;
    float p = expf(score + (biases ? biases[j] : 0) - a->lse[i * a->heads + head]);
    float ds = p * (dot(d_o, v, a->size) - delta), slope = a->scale * (1 - bent * bent);
    if (dbiases) dbiases[j] += ds;
    axpy(dq, slope * ds, k, a->size);
    axpy(a->dk + j * a->ldk + kv, slope * ds, q, a->size);
    axpy(a->dv + j * a->ldv + kv, p, d_o, a->size);
  }
}

static void attention_backward(const att_attention_args *a, int first_head, int end_head, float *scratch) {
  (void)scratch;
  for (int h = first_head; h < end_head; h++) {
    int64_t kv = (int64_t)h * a->kv_heads / a->heads * a->size;
    bool first_of_group = h == first_head || h % (a->heads / a->kv_heads) == 0;
    for (int64_t j = 0; first_of_group && !a->accumulate_kv && j < a->key_count; j++) {
      memset(a->dk + j * a->ldk + kv, 0, (size_t)a->size * sizeof(float));
      memset(a->dv + j * a->ldv + kv, 0, (size_t)a->size * sizeof(float));
    }
    for (int64_t i = 0; i < a->query_count; i++) attention_backward_query(a, h, i);
  }
}

static void adam(float *w, float *m, float *v, const float *g, const att_adam_args *a, int64_t n) {
  float step = a->lr / a->correction1, root = 1 / sqrtf(a->correction2), keep = 1 - a->lr * a->weight_decay;
  for (int64_t i = 0; i < n; i++) {
    float gradient = g[i] * a->grad_scale;
    m[i] = a->beta1 * m[i] + (1 - a->beta1) * gradient;
    v[i] = a->beta2 * v[i] + (1 - a->beta2) * gradient * gradient;
    w[i] = keep * w[i] - step * m[i] / (sqrtf(v[i]) * root + a->epsilon);
  }
}

static void from_f32(void *y, const float *x, att_type type, int64_t n) {
  uint16_t *half = y;
  if (type == ATT_Q8_0) att_q8_from_f32(y, x, n);
  if (type == ATT_F32 && n > 0) memcpy(y, x, (size_t)n * sizeof *x);
  for (int64_t i = 0; type == ATT_F16 && i < n; i++) half[i] = att_f32_to_f16(x[i]);
  for (int64_t i = 0; type == ATT_BF16 && i < n; i++) half[i] = att_f32_to_bf16(x[i]);
}

static void pack(float *packed, const float *x, int64_t ldx, bool rows_fast, int64_t rows, int64_t depth,
                 int64_t tile) {
  const int64_t steps = (depth + LANES - 1) / LANES, size = steps * LANES;
  for (int64_t r = 0; r < rows; r += tile, packed += tile * size)
    for (int64_t p = 0; p < size; p++)
      for (int64_t i = 0; i < tile; i++) {
        float value = r + i >= rows || p >= depth ? 0 : rows_fast ? x[p * ldx + r + i] : x[(r + i) * ldx + p];
        packed[(p % LANES * steps + p / LANES) * tile + i] = value;
      }
}

/* The sum of a float row with one of weights. */
static float dot_weights(const float *a, const char *w, att_type type, int64_t n) {
  float total = 0;
  for (int64_t first = 0; first < n; first += ATT_SUM_BLOCK) {
    int64_t end = n - first < ATT_SUM_BLOCK ? n : first + ATT_SUM_BLOCK;
    float lane[LANES] = {0}, sum;
    for (int64_t i = first; i < end; i += LANES)
      for (int j = 0; j < LANES; j++) lane[j] += i + j < end ? a[i + j] * att_value_at(w, type, i + j) : 0;
    sum = lane[0];
    for (int j = 1; j < LANES; j++) sum += lane[j];
    total = first > 0 ? total + sum : sum;
  }
  return total;
}

static void few_rows(float *y, int64_t ldy, const float *x, int64_t ldx, const void *w, att_type type, int64_t ldw,
                     int64_t m, int64_t n, int64_t k) {
  for (int64_t j = 0; j < n; j++) {
    const char *row = (const char *)w + (size_t)(j * ldw) * att_type_size(type);
    for (int64_t i = 0; i < m; i++) y[i * ldy + j] = dot_weights(x + i * ldx, row, type, k);
  }
}

static void gemm_tile(float *c, int64_t ldc, const float *packed_a, const float *packed_b, int64_t m, int64_t n,
                      int64_t k, bool accumulate) {
  float sum[TILE_ROWS][TILE_COLS] = {{0}};
  for (int l = 0; l < LANES; l++) {
    float lane[TILE_ROWS][TILE_COLS] = {{0}};
    for (int64_t p = 0; p < (k + LANES - 1) / LANES; p++, packed_a += TILE_ROWS, packed_b += TILE_COLS)
      for (int i = 0; i < TILE_ROWS; i++)
        for (int j = 0; j < TILE_COLS; j++) lane[i][j] += packed_a[i] * packed_b[j];
    for (int i = 0; i < TILE_ROWS; i++)
      for (int j = 0; j < TILE_COLS; j++) sum[i][j] = l > 0 ? sum[i][j] + lane[i][j] : lane[i][j];
  }
  for (int64_t i = 0; i < m; i++)
    for (int64_t j = 0; j < n; j++) c[i * ldc + j] = accumulate ? c[i * ldc + j] + sum[i][j] : sum[i][j];
}

void att_kernels_portable(att_kernels *table) {
  *table = (att_kernels){
      .name = "portable",
      .dot = dot,
      .sum_squares = sum_squares,
      .add = add,
      .scale = scale,
      .axpy = axpy,
      .column_sums = column_sums,
      .bias = bias,
      .activation = activation,
      .activation_backward = activation_backward,
      .gated = gated,
      .gated_backward = gated_backward,
      .rotary = rotary,
      .layer_norm = layer_norm,
      .layer_norm_backward = layer_norm_backward,
      .rms_norm = rms_norm,
      .rms_norm_backward = rms_norm_backward,
      .soft_cap = soft_cap,
      .soft_cap_backward = soft_cap_backward,
      .dropout = dropout,
      .add_dropout = add_dropout,
      .softmax = softmax,
      .log_sum_exp = log_sum_exp,
      .cross_entropy = cross_entropy,
      .attention_forward = attention_forward,
      .attention_backward = attention_backward,
      .adam = adam,
      .to_f32 = to_f32,
      .from_f32 = from_f32,
      .pack = pack,
      .few_rows = few_rows,
      .few_rows_most = ATT_FEW_ROWS,
      .quantize_rows = att_quant_rows_make,
      .multiply_panels = att_quant_multiply,
      .gemm_tile = gemm_tile,
      .gemm_lanes = LANES,
      .gemm_tile_rows = TILE_ROWS,
      .gemm_tile_cols = TILE_COLS,
  };
  att_kernels_portable_recurrent(table);
}
