/*
 * What a pass through a model promises whatever its size: the same bits at any number of threads, memory that does not
 * grow with the layers where nothing is recorded, gradients' memory that does not either, and shapes at the edges.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/random.h"
#include "models/pass.h"
#include "train/optimizer.h"

/* A model of random weights and pairs of random ids. */
typedef struct setting {
  att_context *ctx;
  att_arena *arena;
  att_model *model;
  int32_t *source_ids, *inputs, *labels;
  att_batch pairs;
} setting;

static att_config config_of(att_family family, int64_t width, int64_t heads, int64_t layers) {
  return (att_config){.family = family,
                      .activation = ATT_GELU,
                      .norm_before = family == ATT_M2M_100,
                      .d_model = width,
                      .vocab_size = 300,
                      .max_position_embeddings = 512,
                      .encoder_layers = layers,
                      .decoder_layers = layers,
                      .encoder_attention_heads = heads,
                      .decoder_attention_heads = heads,
                      .encoder_ffn_dim = 4 * width,
                      .decoder_ffn_dim = 4 * width,
                      .tie_word_embeddings = true,
                      .scale_embedding = true,
                      .layer_norm_epsilon = 1e-5f,
                      .bos = -1,
                      .pad = 0,
                      .eos = 1,
                      .decoder_start = 0};
}

static void ok(const setting *s, att_status status) {
  if (status != ATT_OK) fail_msg("%s: %s", att_status_name(status), att_message(s->ctx));
}

/* Never the pad, whose row is looked up without a gradient. */
static int32_t *draw_ids(int64_t count, int64_t vocabulary, uint64_t key) {
  int32_t *ids = malloc((size_t)(count + 1) * sizeof *ids);
  assert_non_null(ids);
  for (int64_t i = 0; i < count; i++)
    ids[i] = 1 + (int32_t)(att_random64(key, (uint64_t)i) % (uint64_t)(vocabulary - 1));
  return ids;
}

static void set_up(setting *s, const att_config *config, int threads, int64_t pairs, const int64_t *source,
                   const int64_t *target) {
  memset(s, 0, sizeof *s);
  assert_int_equal(
      att_context_new(&(att_context_options){.size = sizeof(att_context_options), .threads = threads}, &s->ctx),
      ATT_OK);
  ok(s, att_arena_new(s->ctx, &s->arena));
  ok(s, att_model_new(s->ctx, config, NULL, 7, &s->model));
  s->source_ids = draw_ids(source[pairs], config->vocab_size, 1);
  s->inputs = draw_ids(target[pairs], config->vocab_size, 2);
  s->labels = draw_ids(target[pairs], config->vocab_size, 3);
  s->pairs = (att_batch){.source = {.ids = s->source_ids, .sequences = {pairs, source}},
                         .target = {.ids = s->inputs, .sequences = {pairs, target}},
                         .labels = s->labels};
}

static void tear_down(setting *s) {
  free(s->source_ids);
  free(s->inputs);
  free(s->labels);
  att_arena_free(s->arena);
  att_model_close(s->model);
  att_context_free(s->ctx);
}

static att_loss backward(setting *s, float dropout, uint64_t key) {
  att_run run = {.ctx = s->ctx, .arena = s->arena, .dropout = dropout, .dropout_key = key};
  att_loss loss = {0};
  att_arena_reset(s->arena);
  ok(s, att_tape_new(s->arena, &run.tape));
  ok(s, att_model_loss(&run, s->model, &s->pairs, 0.1f, (double)att_batch_targets(s->model, &s->pairs), &loss));
  ok(s, att_backward(&run));
  return loss;
}

/* ---- threads ---- */

enum { STEPS = 5 };

/* What training gives: each step's loss, the first gradients, the last weights. */
typedef struct outcome {
  att_loss losses[STEPS];
  float *gradients, *values;
} outcome;

static outcome train(const att_config *config, int threads) {
  static const int64_t source[] = {0, 1, 90, 131, 300}, target[] = {0, 70, 71, 160, 291};
  const att_plan plan = {.beta1 = 0.9, .beta2 = 0.98, .epsilon = 1e-9, .weight_decay = 0.01, .clip = 1};
  setting s;
  outcome out;
  set_up(&s, config, threads, 4, source, target);
  ok(&s, att_model_add_gradients(s.model));
  size_t bytes = (size_t)s.model->trained_total * sizeof(float);
  out.gradients = malloc(bytes);
  out.values = malloc(bytes);
  assert_true(out.gradients && out.values);
  att_optimizer optimizer;
  ok(&s, att_optimizer_new(s.model, &optimizer));
  for (int i = 0; i < STEPS; i++) {
    out.losses[i] = backward(&s, 0.1f, (uint64_t)i);
    if (i == 0) memcpy(out.gradients, s.model->gradients, bytes);
    att_optimizer_step(&optimizer, &plan, i + 1, 1e-3, att_optimizer_norm(&optimizer));
  }
  memcpy(out.values, s.model->values, bytes);
  att_optimizer_free(&optimizer);
  tear_down(&s);
  return out;
}

static void test_threads_change_no_bit(void **state) {
  (void)state;
  for (int family = ATT_MARIAN; family <= ATT_M2M_100; family++) {
    att_config config = config_of((att_family)family, 72, 3, 2);
    setting s;
    set_up(&s, &config, 1, 0, (int64_t[]){0}, (int64_t[]){0});
    size_t bytes = (size_t)s.model->trained_total * sizeof(float);
    outcome first = train(&config, 1);
    assert_true(memcmp(s.model->values, first.values, bytes) != 0);
    assert_true(first.losses[STEPS - 1].loss < first.losses[0].loss);
    for (int threads = 2; threads <= 3; threads++) {
      outcome other = train(&config, threads);
      for (int i = 0; i < STEPS; i++) {
        assert_true(first.losses[i].loss == other.losses[i].loss && first.losses[i].nll == other.losses[i].nll);
      }
      assert_memory_equal(first.gradients, other.gradients, bytes);
      assert_memory_equal(first.values, other.values, bytes);
      free(other.gradients);
      free(other.values);
    }
    free(first.gradients);
    free(first.values);
    tear_down(&s);
  }
}

/* ---- memory ---- */

static const int64_t long_source[] = {0, 100, 500}, long_target[] = {0, 300, 420};

static size_t peak_of_running(att_family family, int64_t layers) {
  att_config config = config_of(family, 64, 2, layers);
  setting s;
  set_up(&s, &config, 1, 2, long_source, long_target);
  att_run run = {.ctx = s.ctx, .arena = s.arena};
  att_memory memory;
  att_tensor hidden;
  ok(&s, att_model_encode(&run, s.model, &s.pairs.source, NULL, NULL, &memory));
  ok(&s, att_model_decode(&run, s.model, &s.pairs.target, &memory, NULL, NULL, &hidden));
  size_t peak = att_arena_peak(s.arena);
  assert_true(peak >= (size_t)(500 + 420) * 64 * sizeof(float));
  tear_down(&s);
  return peak;
}

/* What backward takes beyond what forward has left. */
static size_t gradients_of(att_family family, int64_t layers) {
  att_config config = config_of(family, 64, 2, layers);
  setting s;
  set_up(&s, &config, 1, 2, long_source, long_target);
  ok(&s, att_model_add_gradients(s.model));
  att_run run = {.ctx = s.ctx, .arena = s.arena};
  att_loss loss = {0};
  ok(&s, att_tape_new(s.arena, &run.tape));
  ok(&s, att_model_loss(&run, s.model, &s.pairs, 0, 1, &loss));
  size_t forward = att_arena_save(s.arena).before + att_arena_save(s.arena).used;
  ok(&s, att_backward(&run));
  size_t after = att_arena_save(s.arena).before + att_arena_save(s.arena).used;
  assert_true(after > forward);
  tear_down(&s);
  return after - forward;
}

static void test_memory_does_not_grow_with_layers(void **state) {
  (void)state;
  for (int family = ATT_MARIAN; family <= ATT_M2M_100; family++) {
    size_t two = peak_of_running((att_family)family, 2), six = peak_of_running((att_family)family, 6);
    if (two != six) fail_msg("running: %zu bytes with 2 layers, %zu with 6", two, six);
    two = gradients_of((att_family)family, 2), six = gradients_of((att_family)family, 6);
    if (two != six) fail_msg("gradients: %zu bytes with 2 layers, %zu with 6", two, six);
  }
}

/* ---- shapes at the edges ---- */

/* The loss after a step against the gradient. */
static double descend(setting *s, double step) {
  for (int64_t i = 0; i < s->model->trained_total; i++)
    s->model->values[i] -= (float)(step * (double)s->model->gradients[i]);
  att_run run = {.ctx = s->ctx, .arena = s->arena};
  att_loss loss = {0};
  att_arena_reset(s->arena);
  ok(s, att_model_loss(&run, s->model, &s->pairs, 0.1f, 1, &loss));
  return loss.loss / (double)loss.count;
}

/* Small steps against the gradient and along it change the loss by as much as the gradient says. */
static void check_slope(const char *what, const att_config *config, const int64_t *source, const int64_t *target) {
  setting s;
  set_up(&s, config, 2, 2, source, target);
  ok(&s, att_model_add_gradients(s.model));
  att_loss loss = backward(&s, 0, 0);
  double before = loss.loss / (double)loss.count;
  double squares = att_kernels_get()->sum_squares(s.model->gradients, s.model->trained_total);
  assert_int_equal(loss.count, target[2]);
  if (!(squares > 1e-8 && isfinite(squares))) fail_msg("%s: the gradient's square is %g", what, squares);
  double fall = 2e-4 * before, step = fall / squares, low = descend(&s, step), high = descend(&s, -2 * step);
  double got = (high - low) / 2;
  if (!(fabs(got - fall) < 0.01 * fall)) fail_msg("%s: the loss fell by %g, not %g", what, got, fall);
  tear_down(&s);
}

static void test_edges(void **state) {
  (void)state;
  static const int64_t one[] = {0, 1, 2}, few[] = {0, 1, 8}, many[] = {0, 1, 2000}, some[] = {0, 3, 400};
  att_config narrow = config_of(ATT_M2M_100, 4, 4, 1), single = config_of(ATT_MARIAN, 12, 1, 3);
  att_config odd = config_of(ATT_M2M_100, 22, 11, 1), wide = config_of(ATT_MARIAN, 256, 1, 1);
  att_config two = config_of(ATT_M2M_100, 20, 2, 2), distant = config_of(ATT_M2M_100, 8, 2, 1);
  single.encoder_layers = 1;
  single.decoder_attention_heads = 3;
  single.encoder_ffn_dim = single.decoder_ffn_dim = 1;
  odd.tie_word_embeddings = false;
  odd.activation = ATT_SILU;
  two.vocab_size = 2;
  two.activation = ATT_RELU;
  distant.max_position_embeddings = 2000;
  check_slope("heads of one column", &narrow, few, few);
  check_slope("one head", &single, few, few);
  check_slope("odd widths", &odd, few, few);
  check_slope("a head of 256 columns", &wide, few, few);
  check_slope("two words", &two, few, few);
  check_slope("one token each", &two, one, one);
  check_slope("2,000 tokens", &distant, many, some);
}

static void test_an_empty_batch(void **state) {
  (void)state;
  static const int64_t none[] = {0, 0, 0};
  att_config config = config_of(ATT_MARIAN, 16, 2, 1);
  for (int64_t pairs = 0; pairs <= 2; pairs += 2) {
    setting s;
    set_up(&s, &config, 2, pairs, none, none);
    ok(&s, att_model_add_gradients(s.model));
    att_loss loss = backward(&s, 0.1f, 1);
    assert_true(loss.loss == 0 && loss.nll == 0 && loss.count == 0);
    assert_true(att_kernels_get()->sum_squares(s.model->gradients, s.model->trained_total) == 0);
    tear_down(&s);
  }
}

/* ---- where the time goes ---- */

/* Seconds of each part, of some passes with `length` tokens on each side; all: of the passes themselves. */
static double time_passes(const att_config *config, int64_t length, size_t count,
                          double seconds[ATT_TIMED_PART_COUNT]) {
  const int64_t starts[] = {0, length};
  setting s;
  att_memory memory;
  att_tensor hidden, logits;
  set_up(&s, config, 1, 1, starts, starts);
  att_run run = {.ctx = s.ctx, .arena = s.arena};
  memset(seconds, 0, ATT_TIMED_PART_COUNT * sizeof *seconds);
  att_time_parts(s.ctx, seconds, count);
  double begin = att_now();
  for (int i = 0; i < 20; i++) {
    att_arena_reset(s.arena);
    ok(&s, att_model_encode(&run, s.model, &s.pairs.source, NULL, NULL, &memory));
    ok(&s, att_model_decode(&run, s.model, &s.pairs.target, &memory, NULL, NULL, &hidden));
    ok(&s, att_model_logits(&run, s.model, &hidden, &logits));
  }
  double all = att_now() - begin, before[ATT_TIMED_PART_COUNT];
  memcpy(before, seconds, sizeof before);
  att_time_parts(s.ctx, NULL, 0);
  ok(&s, att_model_encode(&run, s.model, &s.pairs.source, NULL, NULL, &memory));
  assert_memory_equal(before, seconds, sizeof before);
  tear_down(&s);
  return all;
}

/* They are within the passes' time and most of it. What is more by its multiplications takes longer: an encoder layer
 * has 4 w^2 a token in projections, 8 w^2 in its feed-forward part, 2 w n in attention. */
static void test_parts(void **state) {
  (void)state;
  double of[ATT_TIMED_PART_COUNT], sum = 0;
  att_config config = config_of(ATT_M2M_100, 256, 4, 2);
  double all = time_passes(&config, 24, ATT_TIMED_PART_COUNT, of);
  for (int i = 0; i < ATT_TIMED_PART_COUNT; i++) {
    assert_true((of[i] > 0) == (i != ATT_TIMED_RECURRENT));
    sum += of[i];
  }
  assert_true(sum <= all && sum > 0.5 * all);
  assert_true(of[ATT_TIMED_ENCODER_FEEDFORWARD] > 1.2 * of[ATT_TIMED_ENCODER_PROJECTIONS]);
  assert_true(of[ATT_TIMED_ENCODER_PROJECTIONS] > 2 * of[ATT_TIMED_ENCODER_ATTENTION]);
  assert_true(of[ATT_TIMED_DECODER_PROJECTIONS] > 1.4 * of[ATT_TIMED_ENCODER_PROJECTIONS]);
  config = config_of(ATT_M2M_100, 16, 4, 2);
  time_passes(&config, 400, ATT_TIMED_DECODER_ATTENTION, of);
  assert_true(of[ATT_TIMED_ENCODER_ATTENTION] > 2 * of[ATT_TIMED_ENCODER_PROJECTIONS]);
  assert_true(of[ATT_TIMED_DECODER_PROJECTIONS] > 0 && of[ATT_TIMED_DECODER_ATTENTION] == 0); /* beyond the count */
  for (int i = 0; i < ATT_TIMED_PART_COUNT; i++) assert_non_null(att_timed_part_name((att_timed_part)i));
  assert_null(att_timed_part_name(ATT_TIMED_PART_COUNT));
}

int main(void) {
  setenv("ATTEND_GEMM", "own", 1); /* the others promise no bits */
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_threads_change_no_bit),
      cmocka_unit_test(test_memory_does_not_grow_with_layers),
      cmocka_unit_test(test_edges),
      cmocka_unit_test(test_an_empty_batch),
      cmocka_unit_test(test_parts),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
