/*
 * Owns the tests of attention's kernels: forward against double precision; backward against finite differences of that,
 * and at larger shapes every table against the portable one.
 */
#include "kernels_check.h"

/* A problem with queries, keys and values side by side in one row, as a block's projection lays them. */
typedef struct problem {
  int64_t queries, keys, ldq, ldk, ldo;
  int heads, kv_heads, size;
  bool causal;
  const int32_t *rows;
  double scale;
  bool biased;
  int64_t window; /* where causal; 0: none */
  double softcap; /* 0: none */
} problem;

static int64_t q_columns(const problem *p) { return (int64_t)p->heads * p->size; }
static int64_t kv_columns(const problem *p) { return (int64_t)p->kv_heads * p->size; }

/* Of a head: a distance each, and a gap. */
static int64_t bias_stride(const problem *p) { return p->queries + p->keys + 2; }
/* The biases of a query's keys, of which the first is the farthest back. */
static int64_t bias_at(const problem *p, int64_t i, int h) { return h * bias_stride(p) + p->queries - 1 - i; }

/* The weights of one query: probs[keys]; returns the log of the sum. bias: NULL where there is none. */
static double weights_of(const problem *p, double *probs, const double *q, const double *k, const double *bias,
                         int64_t i, int h) {
  int64_t kv = h * p->kv_heads / p->heads * p->size;
  double most = -INFINITY, sum = 0;
  for (int64_t j = 0; j < p->keys; j++) {
    double s = 0;
    for (int c = 0; c < p->size; c++)
      s += q[i * p->ldq + h * p->size + c] * k[(p->rows ? p->rows[j] : j) * p->ldk + kv + c];
    int64_t position = p->keys - p->queries + i;
    bool hidden = p->causal && (j > position || (p->window > 0 && position - j >= p->window));
    double score = p->softcap > 0 ? p->softcap * tanh(s * p->scale / p->softcap) : s * p->scale;
    probs[j] = hidden ? -INFINITY : score + (bias ? bias[bias_at(p, i, h) + j] : 0);
    if (probs[j] > most) most = probs[j];
  }
  for (int64_t j = 0; j < p->keys; j++) sum += exp(probs[j] - most);
  for (int64_t j = 0; j < p->keys; j++) probs[j] = sum > 0 ? exp(probs[j] - most) / sum : 0;
  return most + log(sum);
}

/* o, lse and probs in double precision. */
static void reference(const problem *p, double *o, double *lse, double *probs, const double *q, const double *k,
                      const double *v, const double *bias) {
  for (int h = 0; h < p->heads; h++) {
    int64_t kv = h * p->kv_heads / p->heads * p->size;
    for (int64_t i = 0; i < p->queries; i++) {
      double *row = probs + (h * p->queries + i) * p->keys;
      lse[i * p->heads + h] = weights_of(p, row, q, k, bias, i, h);
      for (int c = 0; c < p->size; c++) {
        double sum = 0;
        for (int64_t j = 0; j < p->keys; j++) sum += row[j] * v[(p->rows ? p->rows[j] : j) * p->ldk + kv + c];
        o[i * p->ldo + h * p->size + c] = sum;
      }
    }
  }
}

/* Areas of a problem in single precision, and what is expected in double. */
typedef struct arrays {
  area q, k, v, bias, o, lse, probs, scratch, d_o, dq, dk, dv, dbias;
  double *want_o, *want_lse, *want_probs, *dq_, *dk_, *dv_, *dbias_;
} arrays;

static arrays arrays_new(const problem *p) {
  arrays x;
  int64_t rows = p->keys;
  for (int64_t j = 0; p->rows && j < p->keys; j++) rows = p->rows[j] >= rows ? p->rows[j] + 1 : rows;
  int64_t nq = p->queries * p->ldq, nk = rows * p->ldk, no = p->queries * p->ldo;
  int64_t nl = p->queries * p->heads, np = nl * p->keys;
  x.q = area_new(nq, 0, 1);
  x.k = area_new(nk, 1, 2);
  x.v = area_new(nk, 0, 3);
  x.o = area_new(no, 1, 4);
  x.lse = area_new(nl, 0, 5);
  x.probs = area_new(np, 1, 6);
  x.scratch = area_new(att_attention_scratch(p->queries, p->keys, p->size), 0, 7);
  x.d_o = area_new(no, 0, 8);
  x.dq = area_new(nq, 1, 9);
  x.dk = area_new(nk, 0, 10);
  x.dv = area_new(nk, 1, 11);
  x.bias = area_new(p->heads * bias_stride(p), 1, 12);
  x.dbias = area_new(p->heads * bias_stride(p), 0, 13);
  x.want_o = doubles_of(x.o.data, no);
  x.want_lse = doubles_of(x.lse.data, nl);
  x.want_probs = doubles_of(x.probs.data, np);
  x.dq_ = doubles_of(x.dq.data, nq);
  x.dk_ = doubles_of(x.dk.data, nk);
  x.dv_ = doubles_of(x.dv.data, nk);
  x.dbias_ = doubles_of(x.dbias.data, x.dbias.n);
  return x;
}

static void arrays_free(arrays *x) {
  area *areas[] = {&x->q,   &x->k,  &x->v,  &x->o,  &x->lse,  &x->probs, &x->scratch,
                   &x->d_o, &x->dq, &x->dk, &x->dv, &x->bias, &x->dbias};
  double *doubles[] = {x->want_o, x->want_lse, x->want_probs, x->dq_, x->dk_, x->dv_, x->dbias_};
  for (size_t i = 0; i < COUNT(areas); i++) area_free(areas[i]);
  for (size_t i = 0; i < COUNT(doubles); i++) free(doubles[i]);
}

static att_attention_args args_of(const problem *p, arrays *x) {
  return (att_attention_args){.q = x->q.data,
                              .k = x->k.data,
                              .v = x->v.data,
                              .ldq = p->ldq,
                              .ldk = p->ldk,
                              .ldv = p->ldk,
                              .key_rows = p->rows,
                              .query_count = p->queries,
                              .key_count = p->keys,
                              .heads = p->heads,
                              .kv_heads = p->kv_heads,
                              .size = p->size,
                              .scale = (float)p->scale,
                              .causal = p->causal,
                              .window = p->window,
                              .softcap = (float)p->softcap,
                              .bias = p->biased ? x->bias.data + p->keys - 1 : NULL,
                              .bias_stride = bias_stride(p),
                              .o = x->o.data,
                              .ldo = p->ldo,
                              .lse = x->lse.data,
                              .probs = x->probs.data};
}

static void check_forward(const att_kernels *k, const problem *p) {
  arrays x = arrays_new(p);
  double *q = doubles_of(x.q.data, x.q.n), *key = doubles_of(x.k.data, x.k.n), *v = doubles_of(x.v.data, x.v.n);
  double *bias = p->biased ? doubles_of(x.bias.data, x.bias.n) : NULL;
  reference(p, x.want_o, x.want_lse, x.want_probs, q, key, v, bias);
  att_attention_args args = args_of(p, &x);
  k->attention_forward(&args, 0, p->heads / 2, x.scratch.data); /* in two ranges of heads */
  k->attention_forward(&args, p->heads / 2, p->heads, x.scratch.data);
  check_close("attention o", k->name, x.o.data, x.want_o, x.o.n, 2e-6);
  check_close("attention lse", k->name, x.lse.data, x.want_lse, x.lse.n, 1e-6);
  check_close("attention weights", k->name, x.probs.data, x.want_probs, x.probs.n, 2e-6);
  for (int64_t i = 0; i < x.lse.n; i++) {
    double sum = 0;
    for (int64_t j = 0; j < p->keys; j++) sum += x.probs.data[i * p->keys + j];
    assert_true(fabs(sum - 1) < 1e-6);
  }
  args.lse = args.probs = NULL; /* not wanted: the same output */
  put_pattern(x.scratch.data, x.scratch.n);
  float *before = malloc((size_t)x.o.n * sizeof *before);
  memcpy(before, x.o.data, (size_t)x.o.n * sizeof *before);
  k->attention_forward(&args, 0, p->heads, x.scratch.data);
  assert_memory_equal(before, x.o.data, (size_t)x.o.n * sizeof *before);
  double *doubles[] = {q, key, v, bias};
  for (size_t i = 0; i < COUNT(doubles); i++) free(doubles[i]);
  free(before);
  arrays_free(&x);
}

/* queries, keys, heads, kv_heads, size, causal */
static const int forward_shapes[][6] = {
    {1, 1, 2, 2, 4, 0},    {1, 7, 2, 2, 64, 0},    {1, 65, 4, 2, 64, 1},  {2, 2, 2, 1, 3, 1},    {2, 33, 3, 3, 17, 0},
    {3, 16, 2, 2, 256, 1}, {4, 5, 2, 2, 16, 1},    {5, 17, 4, 4, 64, 1},  {13, 13, 4, 4, 64, 0}, {15, 31, 2, 1, 33, 1},
    {17, 17, 6, 3, 8, 1},  {30, 30, 4, 4, 64, 1},  {7, 100, 2, 2, 65, 1}, {63, 63, 2, 2, 31, 0}, {65, 64, 2, 2, 16, 0},
    {9, 257, 2, 1, 64, 1}, {70, 100, 2, 2, 48, 1}, {8, 1, 2, 2, 100, 0},  {64, 65, 4, 1, 64, 1}, {6, 63, 2, 2, 1, 0}};

static problem problem_of(const int *s, const int32_t *rows) {
  problem p = {.queries = s[0], .keys = s[1], .heads = s[2], .kv_heads = s[3], .size = s[4], .causal = s[5]};
  p.rows = rows;
  p.scale = (double)(float)(1 / sqrt(s[4]));
  p.ldq = q_columns(&p) + 2 * kv_columns(&p);
  p.ldk = kv_columns(&p) * 2 + 1;
  p.ldo = q_columns(&p) + 3;
  return p;
}

/* Plain, with a bias, a window, a soft cap; and all of these. */
enum { VARIANTS = 8 };
static void vary(problem *p, int variant) {
  p->biased = variant & 1;
  p->window = variant & 2 ? 5 + 9 * (p->heads % 3) : 0;
  p->softcap = variant & 4 ? 1.5 : 0;
}

static void test_forward(void **state) {
  (void)state;
  static int32_t rows[300]; /* beams share what came before: rows repeat, out of order */
  for (int i = 0; i < 300; i++) rows[i] = (int32_t)((i * 7 + i / 3) % 290);
  const att_kernels *k;
  EACH_TABLE(k) for (size_t s = 0; s < COUNT(forward_shapes); s++) {
    problem p = problem_of(forward_shapes[s], NULL), gathered = problem_of(forward_shapes[s], rows);
    for (int variant = 0; variant < VARIANTS; variant++) {
      vary(&p, variant);
      vary(&gathered, variant);
      check_forward(k, &p);
      check_forward(k, &gathered);
    }
  }
}

/* Keys outside the window are not touched: what is there may be NaN. */
static void test_window_skips(void **state) {
  (void)state;
  const att_kernels *k;
  for (int queries = 1; queries < 8; queries += 6) EACH_TABLE(k) {
      problem p = problem_of((const int[]){queries, 90, 2, 1, 16, 1}, NULL);
      p.window = 20;
      arrays x = arrays_new(&p);
      att_attention_args args = args_of(&p, &x);
      for (int64_t j = 0; j < (p.keys - queries - 19) * p.ldk; j++) x.k.data[j] = x.v.data[j] = NAN;
      k->attention_forward(&args, 0, 2, x.scratch.data);
      for (int64_t i = 0; i < queries; i++)
        for (int64_t c = 0; c < 32; c++) assert_true(isfinite(x.o.data[i * p.ldo + c]));
      for (int64_t j = 0; j < 90; j++)
        assert_true((x.probs.data[j] > 0) == (j >= 91 - queries - 20 && j <= 90 - queries));
      arrays_free(&x);
    }
}

/* More queries than keys, causal: the first see nothing and get zeros. */
static void test_nothing_to_see(void **state) {
  (void)state;
  const att_kernels *k;
  for (int extra = 1; extra < 12; extra += 5) EACH_TABLE(k) {
      problem p = problem_of((const int[]){2 + extra, 2, 2, 2, 20, 1}, NULL);
      arrays x = arrays_new(&p);
      att_attention_args args = args_of(&p, &x);
      k->attention_forward(&args, 0, 2, x.scratch.data);
      for (int64_t i = 0; i < p.queries; i++)
        for (int64_t c = 0; c < 40; c++) assert_true((x.o.data[i * p.ldo + c] == 0) == (i < extra));
      args.d_o = x.d_o.data;
      args.dq = x.dq.data;
      args.dk = x.dk.data;
      args.dv = x.dv.data;
      k->attention_backward(&args, 0, 2, x.scratch.data);
      for (int64_t i = 0; i < p.queries; i++) /* a query that sees one key cannot change its weight: zero too */
        for (int64_t c = 0; c < 40; c++) assert_true((fabsf(x.dq.data[i * p.ldq + c]) < 1e-6f) == (i <= extra));
      arrays_free(&x);
    }
}

static void test_scores_of_any_size(void **state) {
  (void)state;
  const att_kernels *k;
  EACH_TABLE(k) for (int queries = 1; queries < 10; queries += 8) {
    problem p = problem_of((const int[]){queries, 9, 1, 1, 16, 0}, NULL);
    arrays x = arrays_new(&p);
    att_attention_args args = args_of(&p, &x);
    args.scale = 1e4f; /* one key takes all */
    k->attention_forward(&args, 0, 1, x.scratch.data);
    for (int i = 0; i < queries; i++) {
      double sum = 0;
      for (int j = 0; j < 9; j++) sum += x.probs.data[i * 9 + j];
      assert_true(fabs(sum - 1) < 1e-6);
    }
    x.k.data[3 * p.ldk + 2] = NAN;
    k->attention_forward(&args, 0, 1, x.scratch.data);
    for (int c = 0; c < 16; c++) assert_true(isnan(x.o.data[c]));
    arrays_free(&x);
  }
}

/* x as a cache of another type keeps it, and what that is as floats, in its place. */
static void *keep_as(const att_kernels *k, att_type type, area *x) {
  void *kept = malloc(att_type_bytes(type, x->n));
  k->from_f32(kept, x->data, type, x->n);
  k->to_f32(x->data, kept, type, x->n);
  return kept;
}

/* Keys and values of another type give the bits that they give as floats, few queries and many, alone and in groups. */
static void test_other_types(void **state) {
  (void)state;
  static const int shapes[][5] = {{1, 70, 6, 2, 64}, {3, 7, 2, 2, 32},   {2, 41, 9, 1, 96}, {1, 1, 4, 2, 32},
                                  {9, 70, 4, 2, 32}, {20, 20, 3, 1, 64}, {1, 90, 4, 2, 256}};
  static const att_type types[] = {ATT_F16, ATT_BF16, ATT_Q8_0};
  int32_t rows[90];
  for (int i = 0; i < 90; i++) rows[i] = (i * 37 + 11) % 90;
  const att_kernels *k;
  EACH_TABLE(k)
  for (size_t s = 0; s < COUNT(shapes); s++)
    for (size_t t = 0; t < COUNT(types) * 2; t++) {
      const int *n = shapes[s];
      problem p = {.queries = n[0], .keys = n[1], .heads = n[2], .kv_heads = n[3], .size = n[4]};
      p.ldq = p.ldo = q_columns(&p);
      p.ldk = kv_columns(&p) + 32;
      p.causal = true;
      p.rows = rows;
      p.scale = 0.3;
      p.window = t % 2 ? 5 : 0;
      arrays x = arrays_new(&p);
      att_type type = types[t / 2];
      void *keys = keep_as(k, type, &x.k), *values = keep_as(k, type, &x.v);
      att_attention_args args = args_of(&p, &x);
      k->attention_forward(&args, 0, p.heads, x.scratch.data);
      float *want = malloc((size_t)x.o.n * sizeof *want);
      memcpy(want, x.o.data, (size_t)x.o.n * sizeof *want);
      args.k = keys;
      args.v = values;
      args.key_type = type;
      put_pattern(x.o.data, x.o.n);
      put_pattern(x.scratch.data, x.scratch.n);
      k->attention_forward(&args, 0, p.heads / 2, x.scratch.data);
      k->attention_forward(&args, p.heads / 2, p.heads, x.scratch.data);
      assert_memory_equal(want, x.o.data, (size_t)x.o.n * sizeof *want);
      void *made[] = {keys, values, want};
      for (size_t i = 0; i < COUNT(made); i++) free(made[i]);
      arrays_free(&x);
    }
}

/* In double precision: q, k, v, bias. */
typedef struct doubles {
  double *q, *k, *v, *bias;
} doubles;

static double loss_of(const problem *p, const arrays *x, double *o, const doubles *in) {
  double sum = 0;
  reference(p, o, x->want_lse, x->want_probs, in->q, in->k, in->v, in->bias);
  for (int64_t i = 0; i < p->queries; i++)
    for (int64_t c = 0; c < q_columns(p); c++) sum += o[i * p->ldo + c] * x->d_o.data[i * p->ldo + c];
  return sum;
}

/* d[at] of `columns` columns: added to or replaced, as asked. */
static void differences(const problem *p, arrays *x, double *d, double *at, int64_t rows, int64_t ld, int64_t columns,
                        bool accumulate, const doubles *in) {
  for (int64_t i = 0; i < rows; i++) {
    for (int64_t c = 0; c < columns; c++) {
      double *element = at + i * ld + c, kept = *element, up, down;
      *element = kept + 1e-5;
      up = loss_of(p, x, x->want_o, in);
      *element = kept - 1e-5;
      down = loss_of(p, x, x->want_o, in);
      *element = kept;
      d[i * ld + c] = (up - down) / 2e-5 + (accumulate ? d[i * ld + c] : 0);
    }
  }
}

static void run_backward(const att_kernels *k, const problem *p, arrays *x, bool accumulate_q, bool accumulate_kv) {
  att_attention_args args = args_of(p, x);
  k->attention_forward(&args, 0, p->heads, x->scratch.data);
  args.d_o = x->d_o.data;
  args.dq = x->dq.data;
  args.dk = x->dk.data;
  args.dv = x->dv.data;
  args.accumulate_q = accumulate_q;
  args.accumulate_kv = accumulate_kv;
  args.dbias = p->biased ? x->dbias.data + p->keys - 1 : NULL;
  args.dbias_stride = bias_stride(p);
  put_pattern(x->scratch.data, x->scratch.n);
  int half = p->kv_heads / 2 * (p->heads / p->kv_heads);
  k->attention_backward(&args, 0, half, x->scratch.data); /* in two ranges of whole groups */
  k->attention_backward(&args, half, p->heads, x->scratch.data);
}

static void check_backward(const att_kernels *k, const problem *p, bool accumulate_q, bool accumulate_kv) {
  arrays x = arrays_new(p);
  doubles in = {doubles_of(x.q.data, x.q.n), doubles_of(x.k.data, x.k.n), doubles_of(x.v.data, x.v.n), NULL};
  if (p->biased) in.bias = doubles_of(x.bias.data, x.bias.n);
  differences(p, &x, x.dq_, in.q, p->queries, p->ldq, q_columns(p), accumulate_q, &in);
  differences(p, &x, x.dk_, in.k, p->keys, p->ldk, kv_columns(p), accumulate_kv, &in);
  differences(p, &x, x.dv_, in.v, p->keys, p->ldk, kv_columns(p), accumulate_kv, &in);
  if (p->biased) differences(p, &x, x.dbias_, in.bias, p->heads, bias_stride(p), bias_stride(p), true, &in);
  run_backward(k, p, &x, accumulate_q, accumulate_kv);
  check_close("attention dq", k->name, x.dq.data, x.dq_, x.dq.n, 5e-6);
  check_close("attention dk", k->name, x.dk.data, x.dk_, x.dk.n, 5e-6);
  check_close("attention dv", k->name, x.dv.data, x.dv_, x.dv.n, 5e-6);
  check_close("attention dbias", k->name, x.dbias.data, x.dbias_, x.dbias.n, 5e-6); /* or untouched */
  double *made[] = {in.q, in.k, in.v, in.bias};
  for (size_t i = 0; i < COUNT(made); i++) free(made[i]);
  arrays_free(&x);
}

static void test_backward(void **state) {
  (void)state;
  static const int shapes[][6] = {{1, 1, 1, 1, 4, 0}, {2, 3, 2, 2, 5, 1},  {7, 7, 2, 1, 8, 1},
                                  {5, 9, 4, 2, 3, 1}, {9, 17, 1, 1, 7, 0}, {17, 16, 2, 2, 4, 0}};
  const att_kernels *k;
  EACH_TABLE(k) for (size_t s = 0; s < COUNT(shapes); s++) for (int i = 0; i < 4 * VARIANTS; i++) {
    problem p = problem_of(shapes[s], NULL);
    vary(&p, i / 4);
    if (p.window) p.window = 3;
    check_backward(k, &p, i & 1, i & 2);
  }
}

static void compare_backward(const att_kernels *k, const problem *p, bool accumulate) {
  arrays x = arrays_new(p), y = arrays_new(p);
  run_backward(k, p, &x, accumulate, !accumulate);
  run_backward(att_kernels_named("portable"), p, &y, accumulate, !accumulate);
  area *got[] = {&x.dq, &x.dk, &x.dv, &x.dbias}, *wanted[] = {&y.dq, &y.dk, &y.dv, &y.dbias};
  for (int i = 0; i < 4; i++) {
    double *want = doubles_of(wanted[i]->data, wanted[i]->n);
    check_close("attention backward", k->name, got[i]->data, want, got[i]->n, 5e-6);
    free(want);
  }
  arrays_free(&x);
  arrays_free(&y);
}

static void test_backward_as_portable(void **state) {
  (void)state;
  const att_kernels *k;
  EACH_TABLE(k) for (size_t s = 0; s < COUNT(forward_shapes); s++) for (int i = 0; i < 2 * VARIANTS; i++) {
    problem p = problem_of(forward_shapes[s], NULL);
    vary(&p, i / 2);
    compare_backward(k, &p, i & 1);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_forward),
      cmocka_unit_test(test_nothing_to_see),
      cmocka_unit_test(test_window_skips),
      cmocka_unit_test(test_scores_of_any_size),
      cmocka_unit_test(test_other_types),
      cmocka_unit_test(test_backward),
      cmocka_unit_test(test_backward_as_portable),
  };
  return cmocka_run_group_tests_name("attention", tests, NULL, NULL);
}
