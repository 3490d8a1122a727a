/*
 * What quantizing heeds: the mean squares of what linear multiplies with, by hand; those of a model's weights, equal in
 * what reads the same rows; and blocks that are nearer where it counts.
 */
#include "scratch.h"

#include "kernels/matrix.h"
#include "models/model.h"
#include "tensor/ops.h"

#include <math.h>

static const char text[] = "the cat sat on the mat, and the dog ran after the cat; then they slept, and it was night.";

static void ok(att_status status) {
  if (status != ATT_OK) fail_msg("%s: %s", att_status_name(status), att_message(ctx));
}

static void squares_are_added(void **state) {
  (void)state;
  float x[] = {1, 2, 3, -4, 0, 5}, w[] = {1, 1, 1, 2, 2, 2, 3, 3, 3};
  double moments[4] = {0};
  att_arena *arena;
  ok(att_arena_new(ctx, &arena));
  att_run run = {.ctx = ctx, .arena = arena};
  const att_tensor in = {.data = x, .rows = 2, .cols = 3, .stride = 3};
  const att_weight weight = {.data = w, .rows = 3, .cols = 3, .frozen_row = -1, .moments = moments}, none = {0};
  att_tensor out;
  for (int i = 0; i < 2; i++) ok(att_op_linear(&run, &in, &weight, &none, ATT_PLAIN, &out));
  const double want[] = {2 * 17, 2 * 4, 2 * 34, 4};
  for (int i = 0; i < 4; i++) assert_true(moments[i] == want[i]);
  att_arena_free(arena);
}

/* A llama whose rows are whole blocks, in the test's folder. */
static att_model *new_llama(void) {
  att_config config;
  att_tokenizer *tokenizer;
  att_model *model;
  ok(att_config_read(ctx, ATT_TEST_DATA "/family_llama", &config));
  ok(att_tokenizer_open(ctx, ATT_TEST_DATA "/family_llama/tokenizer.json", &tokenizer));
  config.d_model = 64;
  config.decoder_ffn_dim = 96;
  config.head_size = 16;
  ok(att_model_new(ctx, &config, tokenizer, 11, &model));
  return model;
}

static const att_parameter *find(const att_model *model, const char *name) {
  for (size_t i = 0; i < model->parameter_count; i++)
    if (strstr(model->parameters[i].name, name)) return &model->parameters[i];
  fail_msg("no %s", name);
  return NULL;
}

static void weights_know_their_inputs(void **state) {
  (void)state;
  static const char *const parts[] = {"layers.1.self_attn.q_proj", "layers.1.self_attn.k_proj",
                                      "layers.1.self_attn.v_proj"};
  att_model *model = new_llama();
  ok(att_model_calibrate(model, (att_text){text, strlen(text)}));
  for (int i = 0; i < 3; i++) { /* what a new norm gives has squares of 1 in the mean */
    const att_parameter *p = find(model, parts[i]);
    double sum = 0, least = INFINITY;
    assert_non_null(p->importance);
    for (int64_t j = 0; j < p->cols; j++)
      sum += (double)p->importance[j], least = fmin(least, (double)p->importance[j]);
    if (!(fabs(sum / (double)p->cols - 1) < 0.02 && least > 0)) fail_msg("%s: %g", parts[i], sum / (double)p->cols);
    assert_memory_equal(p->importance, find(model, parts[0])->importance, (size_t)p->cols * sizeof(float));
  }
  assert_non_null(find(model, "layers.0.mlp.down_proj")->importance);
  assert_non_null(find(model, "lm_head")->importance);
  assert_null(find(model, "embed_tokens")->importance); /* is looked up */
  assert_null(find(model, "input_layernorm")->importance);
  for (size_t i = 0; i < model->parameter_count; i++)
    if (model->parameters[i].weight) assert_null(model->parameters[i].weight->moments);
  att_model_close(model);
}

/* The squares of what quantizing changed, each times its column's. */
static double weighted_error(const att_parameter *p, const att_parameter *q, const float *importance) {
  double error = 0;
  float *x = calloc((size_t)p->cols * 2, sizeof *x), *y = x + p->cols;
  assert_non_null(x);
  for (int64_t r = 0; r < p->rows; r++) {
    att_matrix_row(x, p->data, p->type, p->cols, r);
    att_matrix_row(y, q->data, q->type, q->cols, r);
    for (int64_t j = 0; j < p->cols; j++) error += (double)importance[j] * pow((double)x[j] - (double)y[j], 2);
  }
  free(x);
  return error;
}

static void blocks_are_nearer(void **state) {
  (void)state;
  static const char *const types[] = {"q4_0", "q4_1", "q5_0", "iq4_nl"};
  for (size_t t = 0; t < sizeof types / sizeof *types; t++) {
    att_model *model = new_llama(), *plain, *heeded;
    double before = 0, after = 0;
    ok(att_model_save(model, in_folder("plain.gguf"), types[t]));
    ok(att_model_calibrate(model, (att_text){text, strlen(text)}));
    ok(att_model_save(model, in_folder("heeded.gguf"), types[t]));
    ok(att_model_open(ctx, in_folder("plain.gguf"), &plain));
    ok(att_model_open(ctx, in_folder("heeded.gguf"), &heeded));
    for (size_t i = 0; i < model->parameter_count; i++) {
      const att_parameter *p = &model->parameters[i];
      if (!p->importance || plain->parameters[i].type < ATT_FLOAT_TYPES) continue;
      before += weighted_error(p, &plain->parameters[i], p->importance);
      after += weighted_error(p, &heeded->parameters[i], p->importance);
    }
    if (!(before > 0 && after < before)) fail_msg("%s: %g before, %g after", types[t], before, after);
    att_model_close(plain);
    att_model_close(heeded);
    att_model_close(model);
    empty_folder(NULL);
  }
}

static void what_does_not_read_text(void **state) {
  (void)state;
  att_model *model;
  ok(att_model_open(ctx, ATT_TEST_DATA "/family_bert", &model));
  assert_int_equal(att_model_calibrate(model, (att_text){text, strlen(text)}), ATT_UNSUPPORTED);
  att_model_close(model);
}

static att_status calibrate(att_context *counted, void *arg) {
  att_model *model;
  ATT_TRY(att_model_open(counted, arg, &model));
  att_status status = att_model_calibrate(model, (att_text){text, strlen(text)});
  if (!status) status = att_model_calibrate(model, (att_text){text, 20});
  att_model_close(model);
  return status;
}

static void each_allocation_may_fail(void **state) {
  (void)state;
  char path[] = ATT_TEST_DATA "/family_llama";
  assert_true(fail_each_allocation(calibrate, path) > 20);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(squares_are_added),
      cmocka_unit_test(weights_know_their_inputs),
      cmocka_unit_test_teardown(blocks_are_nearer, empty_folder),
      cmocka_unit_test(what_does_not_read_text),
      cmocka_unit_test(each_allocation_may_fail),
  };
  return cmocka_run_group_tests(tests, begin, end);
}
