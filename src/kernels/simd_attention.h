/*
 * Owns attention for one sequence, forward and backward. Forward, a query's row has the same bits whichever queries are
 * beside it and however many: its scores are made as few rows are (simd_product.h), and its values are summed key after
 * key. Backward, a head's keys and values are transposed into scratch once, so that all products run along rows. Part
 * of simd.h.
 */
#ifndef ATT_KERNELS_SIMD_ATTENTION_H
#define ATT_KERNELS_SIMD_ATTENTION_H

#include "kernels/simd_product.h"
#include "kernels/simd_rows.h"

/* Queries that are too few for a copy of the values in order to pay; and keys that are so few that where causal, small
 * blocks of queries, whose products leave out what the block cannot see, pay in backward. */
enum { FEW_QUERIES = 3, FEW_KEYS = 2 * ATT_QUERY_BLOCK };

/* Where one head's rows begin: queries and outputs at its own columns, keys and values at its group's. */
typedef struct head_view {
  const float *q, *k, *v, *o, *d_o;
  float *dq, *dk, *dv;
} head_view;

static head_view view_of(const att_attention_args *a, int64_t head) {
  int64_t own = head * a->size, group = head * a->kv_heads / a->heads * a->size;
  head_view view = {.q = a->q + own, .k = a->k + group, .v = a->v + group, .o = a->o + own};
  if (a->d_o) {
    view.d_o = a->d_o + own;
    view.dq = a->dq + own;
    view.dk = a->dk + group;
    view.dv = a->dv + group;
  }
  return view;
}

/* s: scores of query i, from its key `first` on. Capped and with their bias, where there are such; what they are still
 * to be multiplied by is returned. */
static float finish_scores(const att_attention_args *a, float *s, int64_t h, int64_t i, int64_t first, int64_t count) {
  float factor = a->scale;
  if (a->softcap > 0) {
    for (int64_t j = 0; j < count; j += W) {
      vec t = v_tanh(v_mul(v_load(s + j, count - j), v_set(factor / a->softcap)));
      v_store(s + j, v_mul(t, v_set(a->softcap)), count - j);
    }
    factor = 1;
  }
  if (!a->bias) return factor;
  const float *b = a->bias + att_attention_distances(a, a->bias_stride, h, i) + first;
  for (int64_t j = 0; j < count; j += W)
    v_store(s + j, v_fma(v_load(s + j, count - j), v_set(factor), v_load(b + j, count - j)), count - j);
  return 1;
}

/* s[i * lds + j] = query i . key j, four keys at a time; a row of s has room for a multiple of four. */
static void score_keys(float *s, int64_t lds, const float *q, int64_t ldq, int64_t queries, const float *k, int64_t ldk,
                       const int32_t *rows, int64_t keys, int64_t size) {
  for (int64_t j = 0; j < keys; j += 4) {
    const char *key[4];
    for (int i = 0; i < 4; i++) {
      int64_t row = j + i < keys ? j + i : keys - 1;
      key[i] = (const char *)(k + (rows ? rows[row] : row) * ldk);
    }
    few_groups(s + j, 1, lds, q, ldq, key, ATT_F32, queries, 4, size, false);
  }
}

/* o[0 .. vectors * W) = the sum of p[j] times row j of v; of the last vector only `last`. */
INLINE void weigh(float *o, const float *p, const float *v, int64_t ldv, const int32_t *rows, int64_t keys, vmask last,
                  const int vectors) {
  vec sum[4];
  UNROLL for (int i = 0; i < vectors; i++) sum[i] = v_zero();
  for (int64_t j = 0; j < keys; j++) {
    const float *value = v + (rows ? rows[j] : j) * ldv;
    vec x = v_set(p[j]);
    UNROLL for (int i = 0; i < vectors; i++) sum[i] =
        v_fma(x, i + 1 < vectors ? v_load_all(value + i * W) : v_load_part(value + i * W, last), sum[i]);
  }
  UNROLL for (int i = 0; i < vectors; i++) v_store_part(o + i * W, sum[i], i + 1 < vectors ? v_first(W) : last);
}

static void weigh_values(float *o, const float *p, const float *v, int64_t ldv, const int32_t *rows, int64_t keys,
                         int64_t size) {
  int64_t c = 0;
  for (; size - c >= 4 * W; c += 4 * W) weigh(o + c, p, v + c, ldv, rows, keys, v_first(W), 4);
  for (; c < size; c += W) weigh(o + c, p, v + c, ldv, rows, keys, v_first(size - c), 1);
}

/* Row i of head h has its weights, p from its key `first` on: hands out what was asked for. */
static void put_row(const att_attention_args *a, int64_t h, int64_t i, const float *p, int64_t first, int64_t visible,
                    float lse) {
  if (a->lse) a->lse[i * a->heads + h] = lse;
  if (!a->probs) return;
  float *row = a->probs + (h * a->query_count + i) * a->key_count;
  for (int64_t j = 0; j < a->key_count; j++) row[j] = j >= first && j < visible ? p[j - first] : 0;
}

static void attend_few(const att_attention_args *a, int64_t h, float *scratch) {
  head_view view = view_of(a, h);
  for (int64_t i = 0; i < a->query_count; i++) {
    int64_t first = att_attention_first(a, i), visible = att_attention_visible(a, i), count = visible - first;
    const int32_t *rows = a->key_rows ? a->key_rows + first : NULL;
    int64_t skipped = rows ? 0 : first;
    score_keys(scratch, 0, view.q + i * a->ldq, a->ldq, 1, view.k + skipped * a->ldk, a->ldk, rows, count, a->size);
    float lse = softmax_of(scratch, finish_scores(a, scratch, h, i, first, count), count);
    weigh_values(a->o + h * a->size + i * a->ldo, scratch, view.v + skipped * a->ldv, a->ldv, rows, count, a->size);
    put_row(a, h, i, scratch, first, visible, lse);
  }
}

static int64_t whole_vectors(int64_t n) { return (n + W - 1) / W * W; }

static void attend_block(const att_attention_args *a, int64_t h, const float *v, int64_t ldv, float *s, int64_t ld) {
  head_view view = view_of(a, h);
  for (int64_t i = 0; i < a->query_count; i += SMALL_ROWS) {
    int64_t rows = a->query_count - i < SMALL_ROWS ? a->query_count - i : SMALL_ROWS;
    int64_t from = att_attention_first(a, i), most = att_attention_visible(a, i + rows - 1) - from;
    const int32_t *key_rows = a->key_rows ? a->key_rows + from : NULL;
    const float *keys = a->key_rows ? view.k : view.k + from * a->ldk;
    score_keys(s, ld, view.q + i * a->ldq, a->ldq, rows, keys, a->ldk, key_rows, most, a->size);
    for (int64_t r = 0; r < rows; r++) {
      int64_t first = att_attention_first(a, i + r), visible = att_attention_visible(a, i + r);
      float *row = s + r * ld, *seen = row + (first - from);
      float lse = softmax_of(seen, finish_scores(a, seen, h, i + r, first, visible - first), visible - first);
      for (int64_t j = 0; j < first - from; j++) row[j] = 0;
      for (int64_t j = visible - from; j < most; j++) row[j] = 0;
      put_row(a, h, i + r, seen, first, visible, lse);
    }
    small_product(a->o + h * a->size + i * a->ldo, a->ldo, (grid){s, ld, 1}, v + from * ldv, ldv, rows, a->size, most,
                  false);
  }
}

static void attention_forward(const att_attention_args *a, int first_head, int end_head, float *scratch) {
  int64_t ld = whole_vectors(a->key_count);
  float *values = scratch, *s = scratch + ld * a->size;
  const float *last = NULL;
  for (int h = first_head; h < end_head; h++) {
    if (a->query_count <= FEW_QUERIES) {
      attend_few(a, h, scratch);
      continue;
    }
    head_view view = view_of(a, h);
    for (int64_t j = 0; a->key_rows && view.v != last && j < a->key_count; j++)
      memcpy(values + j * a->size, view.v + a->key_rows[j] * a->ldv, (size_t)a->size * sizeof *values);
    last = view.v;
    attend_block(a, h, a->key_rows ? values : view.v, a->key_rows ? a->size : a->ldv, s, ld);
  }
}

/* Keys [first, first + count) of row i: products of query and keys to weights, and the gradients of the weights to
 * those of the products. */
static void backward_keys(const att_attention_args *a, float *p, float *ds, int64_t h, int64_t i, float delta,
                          int64_t first, int64_t count) {
  vec factor = v_set(finish_scores(a, p, h, i, first, count)), scaling = v_set(a->scale),
      shift = v_set(-a->lse[i * a->heads + h]);
  for (int64_t j = 0; j < count; j += W) {
    int64_t left = count - j;
    vec weight = v_exp(v_fma(v_load(p + j, left), factor, shift));
    vec slope = v_mul(v_sub(v_load(ds + j, left), v_set(delta)), scaling);
    v_store(p + j, weight, left);
    v_store(ds + j, v_mul(weight, slope), left);
  }
  if (a->dbias) axpy(a->dbias + att_attention_distances(a, a->dbias_stride, h, i) + first, 1 / a->scale, ds, count);
}

/* The same with a soft cap, whose slope is a factor of the products' gradients but not of the bias's. */
static void backward_capped(const att_attention_args *a, float *p, float *ds, int64_t h, int64_t i, float delta,
                            int64_t first, int64_t count) {
  const float *b = a->bias ? a->bias + att_attention_distances(a, a->bias_stride, h, i) + first : NULL;
  float *db = a->dbias ? a->dbias + att_attention_distances(a, a->dbias_stride, h, i) + first : NULL;
  vec bend = v_set(a->scale / a->softcap), shift = v_set(-a->lse[i * a->heads + h]);
  for (int64_t j = 0; j < count; j += W) {
    int64_t left = count - j;
    vec t = v_tanh(v_mul(v_load(p + j, left), bend));
    vec score = v_fma(t, v_set(a->softcap), b ? v_load(b + j, left) : v_zero());
    vec weight = v_exp(v_add(score, shift)), d = v_mul(weight, v_sub(v_load(ds + j, left), v_set(delta)));
    if (db) v_store(db + j, v_add(v_load(db + j, left), d), left);
    v_store(p + j, weight, left);
    v_store(ds + j, v_mul(d, v_mul(v_set(a->scale), v_fnma(t, t, v_set(1)))), left);
  }
}

/* Queries [begin, begin + rows) of head h: adds into dk and dv. */
static void backward_block(const att_attention_args *a, int64_t h, int64_t begin, int64_t rows, const float *keys,
                           const float *values, int64_t ld, float *p, float *ds) {
  head_view view = view_of(a, h);
  int64_t from = att_attention_first(a, begin), most = att_attention_visible(a, begin + rows - 1) - from;
  const float *q = view.q + begin * a->ldq, *d_o = view.d_o + begin * a->ldo;
  small_product(p, ld, (grid){q, a->ldq, 1}, keys + from, ld, rows, most, a->size, false);
  small_product(ds, ld, (grid){d_o, a->ldo, 1}, values + from, ld, rows, most, a->size, false);
  for (int64_t r = 0; r < rows; r++) {
    int64_t i = begin + r, first = att_attention_first(a, i), count = att_attention_visible(a, i) - first;
    float delta = dot(d_o + r * a->ldo, view.o + i * a->ldo, a->size), *row = p + r * ld, *drow = ds + r * ld;
    int64_t before = first - from;
    if (a->softcap > 0)
      backward_capped(a, row + before, drow + before, h, i, delta, first, count);
    else
      backward_keys(a, row + before, drow + before, h, i, delta, first, count);
    for (int64_t j = 0; j < before; j++) row[j] = drow[j] = 0;
    for (int64_t j = before + count; j < most; j++) row[j] = drow[j] = 0;
  }
  small_product(view.dq + begin * a->ldq, a->ldq, (grid){ds, ld, 1}, view.k + from * a->ldk, a->ldk, rows, a->size,
                most, a->accumulate_q);
  small_product(view.dk + from * a->ldk, a->ldk, (grid){ds, 1, ld}, q, a->ldq, most, a->size, rows, true);
  small_product(view.dv + from * a->ldv, a->ldv, (grid){p, 1, ld}, d_o, a->ldo, most, a->size, rows, true);
}

static void attention_backward(const att_attention_args *a, int first_head, int end_head, float *scratch) {
  int64_t ld = whole_vectors(a->key_count), matrix = ld * a->size;
  float *keys = scratch, *values = scratch + matrix, *p = values + matrix;
  float *ds = p + (a->query_count < ATT_QUERY_BLOCK ? a->query_count : ATT_QUERY_BLOCK) * ld;
  int64_t reach = a->window > 0 && a->window < a->key_count ? a->window : a->key_count;
  int64_t block = a->causal && reach <= FEW_KEYS ? 2 * SMALL_ROWS : ATT_QUERY_BLOCK;
  const float *last = NULL;
  for (int h = first_head; h < end_head; h++) {
    head_view view = view_of(a, h);
    if (view.k != last) {
      transpose(keys, ld, view.k, a->ldk, a->key_count, a->size);
      transpose(values, ld, view.v, a->ldv, a->key_count, a->size);
      for (int64_t j = 0; !a->accumulate_kv && j < a->key_count; j++) {
        memset(view.dk + j * a->ldk, 0, (size_t)a->size * sizeof(float));
        memset(view.dv + j * a->ldv, 0, (size_t)a->size * sizeof(float));
      }
      last = view.k;
    }
    for (int64_t i = 0; i < a->query_count; i += block) {
      int64_t rows = a->query_count - i < block ? a->query_count - i : block;
      backward_block(a, h, i, rows, keys, values, ld, p, ds);
    }
  }
}

#endif
