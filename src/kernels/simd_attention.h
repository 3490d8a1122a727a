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
 * blocks of queries, whose products leave out what the block cannot see, pay in backward. Keys that are made floats at
 * once: four for scores, and as many values as stay in the first-level cache. */
enum { FEW_QUERIES = 3, FEW_KEYS = 2 * ATT_QUERY_BLOCK, MOST_SIZE = 256, VALUES_ROOM = 8 * MOST_SIZE };

/* Where one head's rows begin, backward: queries and outputs at its own columns, keys and values at its group's. */
typedef struct head_view {
  const float *q, *k, *v, *o, *d_o;
  float *dq, *dk, *dv;
} head_view;

/* A group's keys or values: row j begins at data + rows[j] * stride bytes, or at data + j * stride. */
typedef struct group_rows {
  const char *data;
  const int32_t *rows;
  int64_t stride;
  att_type type;
} group_rows;

static head_view view_of(const att_attention_args *a, int64_t head) {
  int64_t own = head * a->size, group = head * a->kv_heads / a->heads * a->size;
  return (head_view){.q = a->q + own,
                     .k = (const float *)a->k + group,
                     .v = (const float *)a->v + group,
                     .o = a->o + own,
                     .d_o = a->d_o + own,
                     .dq = a->dq + own,
                     .dk = a->dk + group,
                     .dv = a->dv + group};
}

static group_rows rows_of_group(const att_attention_args *a, const void *data, int64_t ld, int64_t head) {
  size_t before = att_type_bytes(a->key_type, head * a->kv_heads / a->heads * a->size);
  return (group_rows){(const char *)data + before, a->key_rows, (int64_t)att_type_bytes(a->key_type, ld), a->key_type};
}

static const char *group_row(const group_rows *x, int64_t j) {
  return x->data + (x->rows ? x->rows[j] : j) * x->stride;
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

/* s[i * lds + j] = query i . key first + j, four keys at a time; a row of s has room for a multiple of four. */
static void score_keys(float *s, int64_t lds, const float *q, int64_t ldq, int64_t queries, const group_rows *k,
                       int64_t first, int64_t keys, int64_t size) {
  float wide[4][MOST_SIZE];
  for (int64_t j = 0; j < keys; j += 4) {
    const char *key[4];
    for (int i = 0; i < 4; i++) {
      key[i] = group_row(k, first + (j + i < keys ? j + i : keys - 1));
      if (k->type == ATT_F32) continue;
      to_f32(wide[i], key[i], k->type, size);
      key[i] = (const char *)wide[i];
    }
    few_groups(s + j, 1, lds, q, ldq, key, ATT_F32, queries, 4, size, false);
  }
}

/* o[0 .. vectors * W) of `heads` heads (+)= the sum of p[j] times values[j], at column c; of the last vector only
 * `last`. */
INLINE void weigh(float *o, int64_t ldo, const float *p, int64_t ldp, const char *const *values, int64_t c,
                  int64_t keys, vmask last, bool accumulate, const int vectors, const int heads) {
  vec sum[FEW_STEP][4], value[4];
  UNROLL for (int h = 0; h < heads; h++) UNROLL for (int i = 0; i < vectors; i++) sum[h][i] =
      accumulate ? v_load_part(o + h * ldo + i * W, i + 1 < vectors ? v_first(W) : last) : v_zero();
  for (int64_t j = 0; j < keys; j++) {
    const float *from = (const float *)(const void *)values[j] + c;
    UNROLL for (int i = 0; i < vectors; i++) value[i] =
        i + 1 < vectors ? v_load_all(from + i * W) : v_load_part(from + i * W, last);
    UNROLL for (int h = 0; h < heads; h++) {
      vec weight = v_set(p[h * ldp + j]);
      UNROLL for (int i = 0; i < vectors; i++) sum[h][i] = v_fma(weight, value[i], sum[h][i]);
    }
  }
  UNROLL for (int h = 0; h < heads; h++) UNROLL for (int i = 0; i < vectors; i++)
      v_store_part(o + h * ldo + i * W, sum[h][i], i + 1 < vectors ? v_first(W) : last);
}

INLINE void weigh_columns(float *o, int64_t ldo, const float *p, int64_t ldp, const char *const *values, int64_t keys,
                          int64_t size, bool accumulate, const int heads) {
  int64_t c = 0;
  for (; size - c >= 4 * W; c += 4 * W) weigh(o + c, ldo, p, ldp, values, c, keys, v_first(W), accumulate, 4, heads);
  for (; c < size; c += W) weigh(o + c, ldo, p, ldp, values, c, keys, v_first(size - c), accumulate, 1, heads);
}

/* o[heads, size], rows ldo apart = p[heads, keys], rows ldp apart, times the values from row `first` on: so many of
 * them at a time as stay in the first-level cache, for all heads. */
static void weigh_values(float *o, int64_t ldo, const float *p, int64_t ldp, int64_t heads, const group_rows *v,
                         int64_t first, int64_t keys, int64_t size) {
  float wide[VALUES_ROOM];
  const char *values[64];
  const int64_t most = VALUES_ROOM / size < 64 ? VALUES_ROOM / size : 64;
  for (int64_t j = 0; j < keys || j == 0; j += most) {
    const int64_t count = keys - j < most ? keys - j : most;
    for (int64_t i = 0; i < count; i++) {
      values[i] = group_row(v, first + j + i);
      if (v->type == ATT_F32) continue;
      to_f32(wide + i * size, values[i], v->type, size);
      values[i] = (const char *)(wide + i * size);
    }
    int64_t h = 0;
    for (; h + FEW_STEP <= heads; h += FEW_STEP)
      weigh_columns(o + h * ldo, ldo, p + h * ldp + j, ldp, values, count, size, j > 0, FEW_STEP);
    for (; h < heads; h++) weigh_columns(o + h * ldo, ldo, p + h * ldp + j, ldp, values, count, size, j > 0, 1);
  }
}

/* Row i of head h has its weights, p from its key `first` on: hands out what was asked for. */
static void put_row(const att_attention_args *a, int64_t h, int64_t i, const float *p, int64_t first, int64_t visible,
                    float lse) {
  if (a->lse) a->lse[i * a->heads + h] = lse;
  if (!a->probs) return;
  float *row = a->probs + (h * a->query_count + i) * a->key_count;
  for (int64_t j = 0; j < a->key_count; j++) row[j] = j >= first && j < visible ? p[j - first] : 0;
}

static int64_t whole_vectors(int64_t n) { return (n + W - 1) / W * W; }

/* Few queries of some heads of a group: each key and value is read once for all of them. */
static void attend_few(const att_attention_args *a, int64_t h, int64_t heads, float *s) {
  group_rows k = rows_of_group(a, a->k, a->ldk, h), v = rows_of_group(a, a->v, a->ldv, h);
  for (int64_t i = 0; i < a->query_count; i++) {
    int64_t first = att_attention_first(a, i), visible = att_attention_visible(a, i), count = visible - first;
    int64_t ld = whole_vectors(count);
    score_keys(s, ld, a->q + h * a->size + i * a->ldq, a->size, heads, &k, first, count, a->size);
    for (int64_t r = 0; r < heads; r++) {
      float *row = s + r * ld, lse = softmax_of(row, finish_scores(a, row, h + r, i, first, count), count);
      put_row(a, h + r, i, row, first, visible, lse);
    }
    weigh_values(a->o + h * a->size + i * a->ldo, a->size, s, ld, heads, &v, first, count, a->size);
  }
}

static void attend_block(const att_attention_args *a, int64_t h, const group_rows *k, const group_rows *v, float *s,
                         int64_t ld) {
  const float *values = (const float *)(const void *)v->data, *q = a->q + h * a->size;
  const int64_t ldv = v->stride / (int64_t)sizeof *values;
  for (int64_t i = 0; i < a->query_count; i += SMALL_ROWS) {
    int64_t rows = a->query_count - i < SMALL_ROWS ? a->query_count - i : SMALL_ROWS;
    int64_t from = att_attention_first(a, i), most = att_attention_visible(a, i + rows - 1) - from;
    score_keys(s, ld, q + i * a->ldq, a->ldq, rows, k, from, most, a->size);
    for (int64_t r = 0; r < rows; r++) {
      int64_t first = att_attention_first(a, i + r), visible = att_attention_visible(a, i + r);
      float *row = s + r * ld, *seen = row + (first - from);
      float lse = softmax_of(seen, finish_scores(a, seen, h, i + r, first, visible - first), visible - first);
      for (int64_t j = 0; j < first - from; j++) row[j] = 0;
      for (int64_t j = visible - from; j < most; j++) row[j] = 0;
      put_row(a, h, i + r, seen, first, visible, lse);
    }
    small_product(a->o + h * a->size + i * a->ldo, a->ldo, (grid){s, ld, 1}, values + from * ldv, ldv, rows, a->size,
                  most, false);
  }
}

/* Copies rows that a query sees, in order and as floats: out[key_count, size]. */
static group_rows collect(float *out, const att_attention_args *a, const group_rows *x) {
  for (int64_t j = att_attention_first(a, 0); j < a->key_count; j++)
    to_f32(out + j * a->size, group_row(x, j), x->type, a->size);
  return (group_rows){(const char *)out, NULL, a->size * (int64_t)sizeof *out, ATT_F32};
}

static void attention_forward(const att_attention_args *a, int first_head, int end_head, float *scratch) {
  const int64_t ld = whole_vectors(a->key_count), share = a->heads / a->kv_heads;
  float *values = scratch, *keys = values + ld * a->size, *s = a->key_type == ATT_F32 ? keys : keys + ld * a->size;
  for (int64_t h = first_head, heads; h < end_head; h += heads) {
    heads = share - h % share < ATT_HEADS_TOGETHER ? share - h % share : ATT_HEADS_TOGETHER;
    if (heads > end_head - h) heads = end_head - h;
    if (a->query_count <= FEW_QUERIES) {
      attend_few(a, h, heads, scratch);
      continue;
    }
    group_rows k = rows_of_group(a, a->k, a->ldk, h), v = rows_of_group(a, a->v, a->ldv, h);
    if (a->key_rows) v = collect(values, a, &v);
    if (a->key_type != ATT_F32) k = collect(keys, a, &k);
    for (int64_t r = 0; r < heads; r++) attend_block(a, h + r, &k, &v, s, ld);
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
