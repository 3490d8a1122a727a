/*
 * The mixture of writing and copying against PyTorch (tests/data/ops.json, made by tools/make_op_fixtures.py): loss,
 * logarithms, every gradient; against differences; from a cache; what is far apart, what is empty.
 */
#include <jansson.h>

#include "op_check.h"

enum { MOST_SEQUENCES = 8, MOST_IDS = 64 };

/* ---- a mixture -------------------------------------------------------------------------------------------------- */

typedef struct mixture {
  int64_t start[MOST_SEQUENCES + 1], source_start[MOST_SEQUENCES + 1], count, cols, width, vocab;
  int32_t all[MOST_IDS], targets[MOST_IDS];
  const int32_t *ids[MOST_SEQUENCES];
  double smoothing;
  att_tensor x;
  att_weight w, bias;
  att_pointer pointer;
} mixture;

static void make(fixture *f, mixture *m) {
  int64_t rows = m->start[m->count], keys = m->source_start[m->count];
  begin(f, 0);
  m->x = new_input(f, rows, m->cols, 1);
  m->w = new_weight(f, m->vocab, m->cols, 2);
  m->bias = new_weight(f, 1, m->vocab, 3);
  m->pointer = (att_pointer){.queries = new_input(f, rows, m->width + 1, 4),
                             .keys = new_input(f, keys, m->width + 1, 5),
                             .rows = {m->count, m->start},
                             .sources = {m->count, m->source_start},
                             .ids = m->ids};
  for (int64_t i = 0; i < m->count; i++) m->ids[i] = m->all + m->source_start[i];
}

static att_loss learn(fixture *f, const mixture *m, double divisor) {
  att_loss loss = {0};
  assert_int_equal(att_op_pointer_loss(&f->run, &m->x, &m->w, &m->bias, &m->pointer, m->targets, (float)m->smoothing,
                                       divisor, &loss),
                   ATT_OK);
  assert_int_equal(loss.count, m->x.rows);
  return loss;
}

static att_tensor mix(fixture *f, const mixture *m, const att_pointer *pointer) {
  att_run run = {.ctx = f->ctx, .arena = f->arena};
  att_tensor logits;
  assert_int_equal(att_op_linear(&run, &m->x, &m->w, &m->bias, ATT_PLAIN, &logits), ATT_OK);
  assert_int_equal(att_op_pointer_logits(&run, &logits, pointer), ATT_OK);
  return logits;
}

/* ---- PyTorch ---------------------------------------------------------------------------------------------------- */

static json_t *values;

static void take(const json_t *in, const char *name, float *out, int64_t count) {
  const json_t *list = json_object_get(in, name);
  assert_int_equal(json_array_size(list), count);
  for (int64_t i = 0; i < count; i++) out[i] = (float)json_number_value(json_array_get(list, (size_t)i));
}

static void take_starts(const json_t *in, const char *name, int64_t *start, int64_t *count) {
  const json_t *list = json_object_get(in, name);
  *count = (int64_t)json_array_size(list);
  assert_in_range(*count, 1, MOST_SEQUENCES);
  for (int64_t i = 0; i < *count; i++) start[i + 1] = start[i] + json_integer_value(json_array_get(list, (size_t)i));
}

static void take_ids(const json_t *in, const char *name, int32_t *ids, int64_t count) {
  const json_t *list = json_object_get(in, name);
  assert_int_equal(json_array_size(list), count);
  assert_in_range(count, 1, MOST_IDS);
  for (int64_t i = 0; i < count; i++) ids[i] = (int32_t)json_integer_value(json_array_get(list, (size_t)i));
}

static void same(const json_t *in, const char *name, const float *ours, int64_t count) {
  const json_t *list = json_object_get(in, name);
  double most = 0;
  assert_int_equal(json_array_size(list), count);
  for (int64_t i = 0; i < count; i++) most = fmax(most, fabs(json_number_value(json_array_get(list, (size_t)i))));
  assert_true(most > 0.05);
  for (int64_t i = 0; i < count; i++) {
    double theirs = json_number_value(json_array_get(list, (size_t)i));
    if (!(fabs(ours[i] - theirs) <= 2e-6 * most))
      fail_msg("%s[%d] is %g, not %g", name, (int)i, (double)ours[i], theirs);
  }
}

static int64_t whole(const json_t *in, const char *name) { return json_integer_value(json_object_get(in, name)); }

static void test_pytorch(void **state) {
  fixture *f = *state;
  const json_t *list = json_object_get(values, "pointer"), *in;
  size_t i;
  assert_int_equal(json_array_size(list), 2);
  json_array_foreach(list, i, in) {
    mixture m = {.cols = whole(in, "cols"), .width = whole(in, "width"), .vocab = whole(in, "vocab")};
    int64_t count;
    m.smoothing = json_number_value(json_object_get(in, "smoothing"));
    take_starts(in, "rows", m.start, &m.count);
    take_starts(in, "sources", m.source_start, &count);
    make(f, &m);
    int64_t rows = m.start[m.count], keys = m.source_start[m.count], side = m.width + 1;
    take_ids(in, "ids", m.all, keys);
    take_ids(in, "targets", m.targets, rows);
    take(in, "x", m.x.data, rows * m.cols);
    take(in, "w", (float *)(uintptr_t)m.w.data, m.vocab * m.cols);
    take(in, "bias", (float *)(uintptr_t)m.bias.data, m.vocab);
    take(in, "queries", m.pointer.queries.data, rows * side);
    take(in, "keys", m.pointer.keys.data, keys * side);
    att_loss loss = learn(f, &m, 1);
    double want = json_number_value(json_object_get(in, "loss")), nll = json_number_value(json_object_get(in, "nll"));
    assert_true(want > 1 && fabs(loss.loss - want) <= 1e-6 * want && fabs(loss.nll - nll) <= 1e-6 * nll);
    same(in, "dx", m.x.gradient->data, rows * m.cols);
    same(in, "dw", m.w.grad, m.vocab * m.cols);
    same(in, "dbias", m.bias.grad, m.vocab);
    same(in, "dqueries", m.pointer.queries.gradient->data, rows * side);
    same(in, "dkeys", m.pointer.keys.gradient->data, keys * side);
    same(in, "logs", mix(f, &m, &m.pointer).data, rows * m.vocab);
  }
}

/* ---- differences ------------------------------------------------------------------------------------------------ */

static double probability(const mixture *m, double *const *v, int64_t sequence, int64_t row, int32_t token) {
  const double *x = v[0] + row * m->cols, *w = v[1], *bias = v[2], *q = v[3] + row * (m->width + 1);
  double sum = 0, mine = 0, norm = 0, gate = q[m->width], copied = 0;
  for (int64_t t = 0; t < m->vocab; t++) {
    double logit = bias[t];
    for (int64_t c = 0; c < m->cols; c++) logit += x[c] * w[t * m->cols + c];
    sum += exp(logit);
    if (t == token) mine = exp(logit);
  }
  int64_t from = m->source_start[sequence], to = m->source_start[sequence + 1];
  for (int pass = 0; pass < 2; pass++)
    for (int64_t j = from; j < to; j++) {
      const double *k = v[4] + j * (m->width + 1);
      double score = 0;
      for (int64_t c = 0; c < m->width; c++) score += q[c] * k[c];
      double weight = exp(score / sqrt((double)m->width));
      if (pass == 0) norm += weight;
      if (pass == 1) gate += weight / norm * k[m->width];
      if (pass == 1 && m->all[j] == token) copied += weight / norm;
    }
  double p = from < to ? 1 / (1 + exp(-gate)) : 1;
  return p * mine / sum + (1 - p) * copied;
}

static void reference(const problem *p, double *out) {
  const mixture *m = p->arg;
  *out = 0;
  for (int64_t i = 0; i < m->count; i++)
    for (int64_t row = m->start[i]; row < m->start[i + 1]; row++)
      for (int32_t t = 0; t < m->vocab; t++) {
        double w = m->smoothing / (double)m->vocab + (t == m->targets[row] ? 1 - m->smoothing : 0);
        *out -= w > 0 ? w * log(probability(m, p->values, i, row, t)) : 0;
      }
}

/* An odd width, many tokens twice, targets in the source and not, gradients that are added to what is there. */
static void test_differences(void **state) {
  fixture *f = *state;
  for (int i = 0; i < 4; i++) {
    mixture m = {
        .start = {0, 2, 2, 7}, .source_start = {0, 9, 10, 14}, .count = 3, .cols = 5, .width = 3 + i, .vocab = 11};
    m.smoothing = i % 2 ? 0.2 : 0;
    make(f, &m);
    for (int j = 0; j < 14; j++) m.all[j] = (j * j) % 7;
    for (int j = 0; j < 7; j++) m.targets[j] = (3 * j + i) % 11;
    for (int64_t j = 0; j < m.x.rows * m.x.cols; j++) m.x.data[j] *= 3;
    if (i == 3) {
      float *dq = open_output(f, &m.pointer.queries), *dk = open_output(f, &m.pointer.keys);
      memset(dq, 0, (size_t)(7 * (m.width + 1)) * sizeof *dq);
      memset(dk, 0, (size_t)(14 * (m.width + 1)) * sizeof *dk);
    }
    att_loss loss = learn(f, &m, 2);
    problem p = {.reference = reference, .arg = &m};
    add_input(f, &p, m.x.data, m.x.gradient->data, m.x.rows * m.x.cols);
    add_input(f, &p, m.w.data, m.w.grad, m.vocab * m.cols);
    add_input(f, &p, m.bias.data, m.bias.grad, m.vocab);
    add_input(f, &p, m.pointer.queries.data, m.pointer.queries.gradient->data, 7 * (m.width + 1));
    add_input(f, &p, m.pointer.keys.data, m.pointer.keys.gradient->data, 14 * (m.width + 1));
    prepare(f, &p, 1);
    p.weights[0] = 0.5;
    reference(&p, p.out);
    assert_true(p.out[0] > 1 && fabs(loss.loss - p.out[0]) <= 1e-6 * p.out[0]);
    check_gradients(&p);
  }
}

/* ---- what is not as usual ---------------------------------------------------------------------------------------- */

/* Keys in a cache, in another order: the same bits, whichever rows are beside it. */
static void test_cache(void **state) {
  fixture *f = *state;
  mixture m = {.start = {0, 1, 2, 3}, .source_start = {0, 4, 4, 7}, .count = 3, .cols = 4, .width = 8, .vocab = 9};
  make(f, &m);
  for (int j = 0; j < 7; j++) m.all[j] = (2 * j) % 5;
  att_tensor whole = mix(f, &m, &m.pointer);
  att_pointer cached = m.pointer;
  static const int32_t rows[] = {6, 2, 5, 0, 3, 1, 4};
  const int32_t *tables[] = {rows, rows, rows + 4};
  const int64_t counts[] = {4, 0, 3};
  cached.keys = new_input(f, 7, m.width + 1, 9);
  for (int j = 0; j < 7; j++)
    memcpy(cached.keys.data + rows[j] * cached.keys.stride, m.pointer.keys.data + j * m.pointer.keys.stride,
           (size_t)(m.width + 1) * sizeof(float));
  cached.key_rows = tables;
  cached.key_counts = counts;
  att_tensor again = mix(f, &m, &cached);
  assert_memory_equal(whole.data, again.data, (size_t)(3 * m.vocab) * sizeof(float));
  double sums[3] = {0};
  for (int64_t i = 0; i < 3 * m.vocab; i++) sums[i / m.vocab] += exp((double)whole.data[i]);
  for (int i = 0; i < 3; i++) assert_true(fabs(sums[i] - 1) < 1e-5);
}

/* Scores and gates so large that chances become 0: a finite loss, finite gradients. */
static void test_far(void **state) {
  fixture *f = *state;
  for (int i = 0; i < 8; i++) {
    mixture m = {.start = {0, 3}, .source_start = {0, 4}, .count = 1, .cols = 2, .width = 2, .vocab = 5};
    m.smoothing = i & 1 ? 0.1 : 0;
    make(f, &m);
    for (int j = 0; j < 4; j++) m.all[j] = j;
    for (int64_t j = 0; j < 3 * 3; j++) m.pointer.queries.data[j] *= i & 2 ? 500 : -500;
    for (int64_t j = 0; j < 3 * 2; j++) m.x.data[j] *= i & 4 ? 30 : 1;
    m.targets[1] = 4; /* is not in the source */
    att_loss loss = learn(f, &m, 1);
    assert_true(isfinite(loss.loss) && loss.nll > 0);
    att_tensor logs = mix(f, &m, &m.pointer);
    for (int64_t j = 0; j < 3 * 5; j++) assert_true(logs.data[j] <= 1e-5f && !isnan(logs.data[j]));
    for (int64_t j = 0; j < 3 * 3; j++) assert_true(isfinite(m.pointer.queries.gradient->data[j]));
    for (int64_t j = 0; j < 4 * 3; j++) assert_true(isfinite(m.pointer.keys.gradient->data[j]));
  }
}

int main(void) {
  json_error_t error;
  values = json_load_file(ATT_TEST_DATA "/ops.json", 0, &error);
  if (!values) return fprintf(stderr, "ops.json: %s\n", error.text), 1;
  const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(test_pytorch, setup, teardown),
                                     cmocka_unit_test_setup_teardown(test_differences, setup, teardown),
                                     cmocka_unit_test_setup_teardown(test_cache, setup, teardown),
                                     cmocka_unit_test_setup_teardown(test_far, setup, teardown)};
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  json_decref(values);
  return failed;
}
