/*
 * Ops under a tape whose inputs have no gradient (data, or what a frozen part gave) and whose weights are frozen, in
 * every combination: the op works, and every gradient that is wanted has the bits that it has where all are.
 */
#include "op_check.h"

#include <stdlib.h>

enum { ROWS = 11, WIDE = 12, MOST = 5, COUNT = 3 };

static const int64_t starts[COUNT + 1] = {0, 4, 5, ROWS}, key_starts[COUNT + 1] = {0, 3, 7, 9};
static const att_sequences sequences = {COUNT, starts}, key_sequences = {COUNT, key_starts};

typedef void op_fn(fixture *f, att_tensor *in, att_weight *w, att_tensor *out, int *outs);

typedef struct op_case {
  const char *name;
  int inputs, weights;
  int64_t in[MOST][2], w[MOST][2];
  op_fn *run;
} op_case;

static void ok(att_status status) { assert_int_equal(status, ATT_OK); }

/* ---- the ops ---- */

static void linear(fixture *f, att_tensor *in, att_weight *w, att_tensor *out, int *outs) {
  ok(att_op_linear(&f->run, &in[0], &w[0], &w[1], ATT_WITH_GELU, out));
  *outs = 1;
}

static void layer_norm(fixture *f, att_tensor *in, att_weight *w, att_tensor *out, int *outs) {
  ok(att_op_layer_norm(&f->run, &in[0], &w[0], &w[1], 1e-5f, out));
  *outs = 1;
}

static void rms_norm(fixture *f, att_tensor *in, att_weight *w, att_tensor *out, int *outs) {
  ok(att_op_rms_norm(&f->run, &in[0], &w[0], false, 1e-5f, out));
  *outs = 1;
}

static void norm_plus_one(fixture *f, att_tensor *in, att_weight *w, att_tensor *out, int *outs) {
  ok(att_op_rms_norm(&f->run, &in[0], &w[0], true, 1e-5f, out));
  *outs = 1;
}

static void soft_cap(fixture *f, att_tensor *in, att_weight *w, att_tensor *out, int *outs) {
  (void)w;
  ok(att_op_soft_cap(&f->run, &in[0], 3));
  *out = in[0];
  *outs = 1;
}

static void scale(fixture *f, att_tensor *in, att_weight *w, att_tensor *out, int *outs) {
  (void)w;
  ok(att_op_scale(&f->run, &in[0], 0.5f, out));
  *outs = 1;
}

static void gated(fixture *f, att_tensor *in, att_weight *w, att_tensor *out, int *outs) {
  (void)w;
  ok(att_op_gated(&f->run, &in[0], ATT_WITH_SILU, out));
  *outs = 1;
}

static void dropout(fixture *f, att_tensor *in, att_weight *w, att_tensor *out, int *outs) {
  (void)w;
  ok(att_op_dropout(&f->run, &in[0], 3, out));
  *outs = 1;
}

static void no_dropout(fixture *f, att_tensor *in, att_weight *w, att_tensor *out, int *outs) {
  (void)w;
  ok(att_op_dropout(&f->run, &in[0], ATT_NO_DROPOUT, out));
  *outs = 1;
}

static void embed(fixture *f, att_tensor *in, att_weight *w, att_tensor *out, int *outs) {
  static const int32_t ids[] = {3, 1, 3, 0}, positions[] = {0, 1, 2, 0};
  (void)in;
  ok(att_op_embed(&f->run, &w[0], &w[1], ids, positions, 4, 2, 3, out));
  *outs = 1;
}

static void rows(fixture *f, att_tensor *in, att_weight *w, att_tensor *out, int *outs) {
  static const int32_t which[] = {3, 1, 3, 0, 10};
  (void)w;
  ok(att_op_rows(&f->run, &in[0], which, 5, out));
  *outs = 1;
}

static void mean(fixture *f, att_tensor *in, att_weight *w, att_tensor *out, int *outs) {
  (void)w;
  ok(att_op_mean(&f->run, &in[0], sequences, out));
  *outs = 1;
}

static void rotary(fixture *f, att_tensor *in, att_weight *w, att_tensor *out, int *outs) {
  static const int64_t which[ROWS] = {0, 1, 2, 3, 0, 0, 1, 2, 3, 1, 2};
  static const float angles[] = {1,     1,     1,     0,     0,     0,     0.54f,  0.88f, 0.97f, 0.84f, 0.48f, 0.25f,
                                 -0.4f, 0.54f, 0.88f, 0.91f, 0.84f, 0.48f, -0.99f, 0.07f, 0.73f, 0.14f, 1,     0.68f};
  (void)w;
  ok(att_op_rotary(&f->run, &in[0], 2, 6, &(att_turns){angles, which, 6}));
  *out = in[0];
  *outs = 1;
}

static void residual(fixture *f, att_tensor *in, att_weight *w, att_tensor *out, int *outs) {
  (void)w;
  ok(att_op_residual(&f->run, &in[0], &in[1], 5, out));
  *outs = 1;
}

static void two_residuals(fixture *f, att_tensor *in, att_weight *w, att_tensor *out, int *outs) {
  att_tensor between;
  (void)w;
  ok(att_op_residual(&f->run, &in[0], &in[1], 5, &between));
  ok(att_op_residual(&f->run, &between, &in[2], 6, out));
  *outs = 1;
}

static att_attention_shape attention_shape(att_sequences keys) {
  return (att_attention_shape){.heads = 2, .kv_heads = 2, .size = 6, .queries = sequences, .keys = keys};
}

static void attention(fixture *f, att_tensor *in, att_weight *w, att_tensor *out, int *outs) {
  const att_attention_shape shape = attention_shape(key_sequences);
  (void)w;
  ok(att_op_attention(&f->run, &in[0], &in[1], &in[2], &shape, out));
  *outs = 1;
}

/* The keys are used by another op too, whose gradient comes first. */
static void keys_used_again(fixture *f, att_tensor *in, att_weight *w, att_tensor *out, int *outs) {
  static const int32_t which[] = {3, 1};
  attention(f, in, w, out, outs);
  ok(att_op_rows(&f->run, &in[1], which, 2, &out[1]));
  *outs = 2;
}

/* Queries, keys and values are columns of one tensor. */
static void joined_attention(fixture *f, att_tensor *in, att_weight *w, att_tensor *out, int *outs) {
  const att_attention_shape shape = attention_shape(sequences);
  att_tensor q = att_tensor_columns(&in[0], 0, WIDE), k = att_tensor_columns(&in[0], WIDE, WIDE),
             v = att_tensor_columns(&in[0], 2 * WIDE, WIDE);
  (void)w;
  ok(att_op_attention(&f->run, &q, &k, &v, &shape, out));
  *outs = 1;
}

/* Keys and values are columns of one tensor, queries stand alone. */
static void cross_attention(fixture *f, att_tensor *in, att_weight *w, att_tensor *out, int *outs) {
  const att_attention_shape shape = attention_shape(key_sequences);
  att_tensor k = att_tensor_columns(&in[1], 0, WIDE), v = att_tensor_columns(&in[1], WIDE, WIDE);
  (void)w;
  ok(att_op_attention(&f->run, &in[0], &k, &v, &shape, out));
  *outs = 1;
}

static void biased_attention(fixture *f, att_tensor *in, att_weight *w, att_tensor *out, int *outs) {
  att_distance_bias *bias = ATT_ARENA_NEW(f->arena, 1, att_distance_bias);
  att_attention_shape shape = attention_shape(sequences);
  ok(att_op_relative_bias(&f->run, &w[0], false, 16, 8, bias));
  shape.bias = bias;
  ok(att_op_attention(&f->run, &in[0], &in[1], &in[2], &shape, out));
  *outs = 1;
}

static void concat(fixture *f, att_tensor *in, att_weight *w, att_tensor *out, int *outs) {
  const att_tensor *parts[] = {&in[0], &in[1], &in[2]};
  (void)w;
  ok(att_op_concat(&f->run, parts, 3, out));
  *outs = 1;
}

static void windows(fixture *f, att_tensor *in, att_weight *w, att_tensor *out, int *outs) {
  static const int32_t which[] = {0, 1, -1, 1, 2, 10};
  (void)w;
  ok(att_op_windows(&f->run, &in[0], which, 2, 3, out));
  *outs = 1;
}

static void convolve(fixture *f, att_tensor *in, att_weight *w, att_tensor *out, int *outs) {
  static const att_convolution kernels = {.kernel = 3, .stride = 2, .padding = 1};
  att_sequences convolved;
  ok(att_op_convolve(&f->run, &in[0], sequences, &kernels, &w[0], &w[1], ATT_WITH_GELU, out, &convolved));
  *outs = 1;
}

static void ends(fixture *f, att_tensor *in, att_weight *w, att_tensor *out, int *outs) {
  (void)w;
  ok(att_op_ends(&f->run, &in[0], sequences, 5, out));
  *outs = 1;
}

static void align(fixture *f, att_tensor *in, att_weight *w, att_tensor *out, int *outs) {
  const att_alignment alignment = {.keys = in[1], .memory = in[2], .sequences = key_sequences};
  (void)w;
  ok(att_op_align(&f->run, &in[0], sequences, &alignment, out));
  *outs = 1;
}

static void cell(fixture *f, att_cell kind, att_tensor *in, att_weight *w, att_tensor *out, int *outs) {
  const att_recurrent_shape shape = {kind, false, sequences, NULL};
  const att_recurrent_outputs outputs = {.out = &out[0], .last = &out[1]};
  ok(att_op_recurrent(&f->run, &in[0], &w[0], &w[1], &in[1], &shape, &outputs));
  *outs = 2;
}

static void rnn(fixture *f, att_tensor *in, att_weight *w, att_tensor *out, int *outs) {
  cell(f, ATT_CELL_RNN, in, w, out, outs);
}
static void lstm(fixture *f, att_tensor *in, att_weight *w, att_tensor *out, int *outs) {
  cell(f, ATT_CELL_LSTM, in, w, out, outs);
}

static void additive(fixture *f, att_tensor *in, att_weight *w, att_tensor *out, int *outs) {
  const att_additive looks = {.alignment = {.keys = in[2], .memory = in[3], .sequences = key_sequences},
                              .inputs = in[4],
                              .query = w[2],
                              .vector = w[3]};
  const att_recurrent_shape shape = {ATT_CELL_GRU, false, sequences, &looks};
  const att_recurrent_outputs outputs = {.out = &out[0], .last = &out[1], .context = &out[2]};
  ok(att_op_recurrent(&f->run, &in[0], &w[0], &w[1], &in[1], &shape, &outputs));
  *outs = 3;
}

static void cross_entropy(fixture *f, att_tensor *in, att_weight *w, att_tensor *out, int *outs) {
  static const int32_t targets[ROWS] = {1, 2, 3, 4, 5, 6, 0, 1, 2, 3, 4};
  att_loss loss = {0};
  (void)out;
  ok(att_op_cross_entropy(&f->run, &in[0], &w[0], &w[1], 4, targets, 0.1f, 3, &loss));
  assert_true(loss.count == ROWS && loss.loss > 1);
  *outs = 0;
}

static void class_loss(fixture *f, att_tensor *in, att_weight *w, att_tensor *out, int *outs) {
  static const int32_t targets[ROWS] = {1, 2, 3, 4, 5, 6, 0, 1, 2, 3, 4};
  att_loss loss = {0};
  (void)w, (void)out;
  ok(att_op_class_loss(&f->run, &in[0], targets, 0.1f, 3, &loss));
  *outs = 0;
}

static void label_loss(fixture *f, att_tensor *in, att_weight *w, att_tensor *out, int *outs) {
  static const float targets[ROWS * WIDE] = {1, 0, 1};
  att_loss loss = {0};
  (void)w, (void)out;
  ok(att_op_label_loss(&f->run, &in[0], targets, 3, &loss));
  *outs = 0;
}

static void span_loss(fixture *f, att_tensor *in, att_weight *w, att_tensor *out, int *outs) {
  static const int32_t targets[2 * COUNT];
  att_loss loss = {0};
  (void)w, (void)out;
  ok(att_op_span_loss(&f->run, &in[0], sequences, targets, 3, &loss));
  *outs = 0;
}

static void value_loss(fixture *f, att_tensor *in, att_weight *w, att_tensor *out, int *outs) {
  static const float targets[ROWS * WIDE] = {1, -2, 1};
  att_loss loss = {0};
  (void)w, (void)out;
  ok(att_op_value_loss(&f->run, &in[0], targets, 3, &loss));
  *outs = 0;
}

static void ctc_loss(fixture *f, att_tensor *in, att_weight *w, att_tensor *out, int *outs) {
  static const int32_t labels[] = {1, 2, 3, 3};
  static const int64_t label_start[COUNT + 1] = {0, 2, 2, 4};
  att_loss loss = {0};
  int64_t impossible;
  (void)w, (void)out;
  ok(att_op_ctc_loss(&f->run, &in[0], sequences, labels, label_start, 0, 3, &loss, &impossible));
  *outs = 0;
}

static void pointer_loss(fixture *f, att_tensor *in, att_weight *w, att_tensor *out, int *outs) {
  static const int32_t targets[ROWS] = {1, 2, 6, 0, 3, 3, 4, 5, 1, 0, 2}, all[] = {1, 1, 5, 6, 2, 3, 2, 0, 1};
  static const int32_t *const ids[] = {all, all + 3, all + 7};
  const att_pointer pointer = {
      .queries = in[1], .keys = in[2], .rows = sequences, .sources = key_sequences, .ids = ids};
  att_loss loss = {0};
  (void)out;
  ok(att_op_pointer_loss(&f->run, &in[0], &w[0], &w[1], &pointer, targets, 0.1f, 3, &loss));
  *outs = 0;
}

#define FLAT                                                                                                           \
  { ROWS, WIDE }
#define KEYS                                                                                                           \
  { 9, WIDE }
static const op_case cases[] = {
    {"linear", 1, 2, {FLAT}, {{7, WIDE}, {1, 7}}, linear},
    {"layer norm", 1, 2, {FLAT}, {{1, WIDE}, {1, WIDE}}, layer_norm},
    {"RMS norm", 1, 1, {FLAT}, {{1, WIDE}}, rms_norm},
    {"RMS norm plus one", 1, 1, {FLAT}, {{1, WIDE}}, norm_plus_one},
    {"soft cap", 1, 0, {FLAT}, {{0}}, soft_cap},
    {"scale", 1, 0, {FLAT}, {{0}}, scale},
    {"gated", 1, 0, {{ROWS, 2 * WIDE}}, {{0}}, gated},
    {"dropout", 1, 0, {FLAT}, {{0}}, dropout},
    {"no dropout", 1, 0, {FLAT}, {{0}}, no_dropout},
    {"embed", 0, 2, {{0}}, {{5, WIDE}, {3, WIDE}}, embed},
    {"rows", 1, 0, {FLAT}, {{0}}, rows},
    {"mean", 1, 0, {FLAT}, {{0}}, mean},
    {"rotary", 1, 0, {FLAT}, {{0}}, rotary},
    {"residual", 2, 0, {FLAT, FLAT}, {{0}}, residual},
    {"two residuals", 3, 0, {FLAT, FLAT, FLAT}, {{0}}, two_residuals},
    {"attention", 3, 0, {FLAT, KEYS, KEYS}, {{0}}, attention},
    {"keys used again", 3, 0, {FLAT, KEYS, KEYS}, {{0}}, keys_used_again},
    {"joined attention", 1, 0, {{ROWS, 3 * WIDE}}, {{0}}, joined_attention},
    {"cross-attention", 2, 0, {FLAT, {9, 2 * WIDE}}, {{0}}, cross_attention},
    {"biased attention", 3, 1, {FLAT, FLAT, FLAT}, {{8, 2}}, biased_attention},
    {"concat", 3, 0, {FLAT, {ROWS, 3}, {ROWS, 5}}, {{0}}, concat},
    {"windows", 1, 0, {FLAT}, {{0}}, windows},
    {"convolve", 1, 2, {FLAT}, {{5, 3 * WIDE}, {1, 5}}, convolve},
    {"ends", 1, 0, {FLAT}, {{0}}, ends},
    {"align", 3, 0, {FLAT, KEYS, {9, 4}}, {{0}}, align},
    {"RNN", 2, 2, {FLAT, {COUNT, WIDE}}, {{WIDE, WIDE}, {1, WIDE}}, rnn},
    {"LSTM", 2, 2, {{ROWS, 4 * WIDE}, {COUNT, 2 * WIDE}}, {{4 * WIDE, WIDE}, {1, 4 * WIDE}}, lstm},
    {"additive",
     5,
     4,
     {{ROWS, 3 * WIDE}, {COUNT, WIDE}, KEYS, {9, 4}, {9, 3 * WIDE}},
     {{3 * WIDE, WIDE}, {1, 3 * WIDE}, {WIDE, WIDE}, {1, WIDE}},
     additive},
    {"cross-entropy", 1, 2, {FLAT}, {{7, WIDE}, {1, 7}}, cross_entropy},
    {"class loss", 1, 0, {FLAT}, {{0}}, class_loss},
    {"label loss", 1, 0, {FLAT}, {{0}}, label_loss},
    {"span loss", 1, 0, {{ROWS, 2}}, {{0}}, span_loss},
    {"value loss", 1, 0, {FLAT}, {{0}}, value_loss},
    {"CTC loss", 1, 0, {FLAT}, {{0}}, ctc_loss},
    {"pointer loss", 3, 2, {FLAT, {ROWS, 4}, {9, 4}}, {{7, WIDE}, {1, 7}}, pointer_loss},
};

/* ---- a pass ---- */

typedef struct result {
  int outs, inputs, weights;
  float *out[MOST], *in[MOST], *w[MOST]; /* outputs; gradients */
} result;

static float *copy(const float *from, int64_t count) {
  float *to = malloc((size_t)count * sizeof *to + 1);
  assert_non_null(to);
  if (count) memcpy(to, from, (size_t)count * sizeof *to);
  return to;
}

static int64_t size_of(const int64_t shape[2]) { return shape[0] * shape[1]; }

/* wanted: a bit an input, then a bit a weight. */
static result pass(fixture *f, const op_case *c, unsigned wanted) {
  att_tensor in[MOST], out[MOST];
  att_weight w[MOST];
  result r = {.inputs = c->inputs, .weights = c->weights};
  begin(f, 0.3f);
  for (int i = 0; i < c->inputs; i++) {
    in[i] = new_input(f, c->in[i][0], c->in[i][1], 20 + (uint64_t)i);
    if (!(wanted >> i & 1)) in[i].gradient = NULL;
  }
  for (int i = 0; i < c->weights; i++) {
    w[i] = new_weight(f, c->w[i][0], c->w[i][1], 40 + (uint64_t)i);
    if (!(wanted >> (c->inputs + i) & 1)) w[i].grad = NULL;
  }
  c->run(f, in, w, out, &r.outs);
  for (int i = 0; i < r.outs; i++) {
    r.out[i] = copy(out[i].data, out[i].rows * out[i].cols);
    if (out[i].gradient) draw(open_output(f, &out[i]), out[i].rows * out[i].cols, 60 + (uint64_t)i);
  }
  ok(att_backward(&f->run));
  for (int i = 0; i < c->inputs; i++)
    if (wanted >> i & 1) r.in[i] = copy(in[i].gradient->data, size_of(c->in[i]));
  for (int i = 0; i < c->weights; i++)
    if (wanted >> (c->inputs + i) & 1) r.w[i] = copy(w[i].grad, size_of(c->w[i]));
  return r;
}

static void clear(result *r) {
  for (int i = 0; i < MOST; i++) free(r->out[i]), free(r->in[i]), free(r->w[i]);
}

static bool is_zero(const float *x, int64_t count) {
  for (int64_t i = 0; i < count; i++)
    if (x[i] < 0 || x[i] > 0) return false;
  return true;
}

static void same(const op_case *c, const char *what, int i, unsigned wanted, const float *all, const float *some,
                 int64_t count) {
  if (some && memcmp(all, some, (size_t)count * sizeof *all) != 0)
    fail_msg("%s: with the gradients %#x alone, %s %d is another", c->name, wanted, what, i);
}

static void every_combination(void **state) {
  fixture *f = *state;
  for (size_t n = 0; n < sizeof cases / sizeof *cases; n++) {
    const op_case *c = &cases[n];
    unsigned all = (1u << (c->inputs + c->weights)) - 1;
    result whole = pass(f, c, all);
    for (int i = 0; i < c->inputs; i++) assert_false(is_zero(whole.in[i], size_of(c->in[i])));
    for (int i = 0; i < c->weights; i++) assert_false(is_zero(whole.w[i], size_of(c->w[i])));
    for (unsigned wanted = 0; wanted < all; wanted++) {
      result r = pass(f, c, wanted);
      for (int i = 0; i < whole.outs; i++) same(c, "output", i, wanted, whole.out[i], r.out[i], 1);
      for (int i = 0; i < c->inputs; i++) same(c, "input", i, wanted, whole.in[i], r.in[i], size_of(c->in[i]));
      for (int i = 0; i < c->weights; i++) same(c, "weight", i, wanted, whole.w[i], r.w[i], size_of(c->w[i]));
      clear(&r);
    }
    clear(&whole);
  }
}

/* What one of keys and values was given already is none of the other's. */
static void keys_alone_are_added_to(void **state) {
  fixture *f = *state;
  const op_case *plain = NULL, *again = NULL;
  for (size_t n = 0; n < sizeof cases / sizeof *cases; n++) {
    if (cases[n].run == attention) plain = &cases[n];
    if (cases[n].run == keys_used_again) again = &cases[n];
  }
  result one = pass(f, plain, 7), two = pass(f, again, 7);
  assert_memory_equal(one.in[0], two.in[0], ROWS * WIDE * sizeof(float));
  assert_memory_equal(one.in[2], two.in[2], 9 * WIDE * sizeof(float));
  assert_memory_not_equal(one.in[1], two.in[1], 9 * WIDE * sizeof(float));
  clear(&one);
  clear(&two);
}

/* Memory that a gradient goes to and nobody reads is used again: a deep frozen part takes no more of it. */
static void unread_memory_is_used_again(void **state) {
  fixture *f = *state;
  size_t peak[2];
  for (int deep = 0; deep < 2; deep++) {
    att_arena_free(f->arena);
    ok(att_arena_new(f->ctx, &f->arena));
    begin(f, 0);
    int layers = deep ? 40 : 4;
    size_t forward = 0;
    for (int i = 0; i < layers; i++) {
      att_tensor x = new_input(f, 64, 64, 1), out;
      att_weight gamma = new_weight(f, 1, 64, 2), beta = new_weight(f, 1, 64, 3);
      x.gradient = NULL;
      ok(att_op_layer_norm(&f->run, &x, &gamma, &beta, 1e-5f, &out));
      gradient_room(f, &out);
      draw(open_output(f, &out), 64 * 64, 4);
    }
    forward = att_arena_peak(f->arena);
    ok(att_backward(&f->run));
    peak[deep] = att_arena_peak(f->arena) - forward;
  }
  assert_true(peak[1] <= peak[0] + 4096);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(every_combination, setup, teardown),
      cmocka_unit_test_setup_teardown(keys_alone_are_added_to, setup, teardown),
      cmocka_unit_test_setup_teardown(unread_memory_is_used_again, setup, teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
