/*
 * Every family and positional encoding: the same hidden states from the training forward, from a prefill and from
 * single steps against a cache, at lengths around the kernels' blocks and up to the model's limit; and the slope of the
 * loss is what the gradient says.
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
#include "models/families/rotary_decoder.h"

enum { LIMIT = 80, VOCABULARY = 90, MEMORY = 7 };

typedef struct setting {
  att_context *ctx;
  att_arena *arena;
  att_model *model;
  int32_t ids[LIMIT + 2], labels[LIMIT + 2];
} setting;

static void ok(const setting *s, att_status status) {
  if (status != ATT_OK) fail_msg("%s: %s", att_status_name(status), att_message(s->ctx));
}

/* What the family's class is by itself, in the sizes of c: windows of the first layer, where it may have them. */
static att_config rotary_config(const att_config *c, const att_config *class) {
  att_config out = *class;
  out.position = c->position;
  out.d_model = c->d_model, out.vocab_size = c->vocab_size, out.max_position_embeddings = c->max_position_embeddings;
  out.decoder_layers = 2, out.decoder_attention_heads = 4, out.decoder_ffn_dim = 40;
  out.key_value_heads = 2, out.head_size = 10, out.query_scalar = class->query_scalar > 0 ? 5 : 0;
  out.pad = out.bos = out.eos = out.mask = out.unk = -1;
  out.rope = c->rope;
  out.rope.partial = class->family == ATT_PHI3 ? 0.6 : 0;
  if (class->local_rope.base > 0) out.local_rope.base = 20;
  if (class->attention_softcap > 0) out.attention_softcap = 1.5f, out.logit_softcap = 2;
  out.local_layers[0] = class->sliding_window > 0;
  out.sliding_window = out.local_layers[0] ? 9 : 0;
  out.relative_buckets = c->relative_buckets, out.relative_distance = c->relative_distance;
  return out;
}

static att_config config_of(att_family family, att_position position) {
  bool encoder = family == ATT_BERT, both = family <= ATT_T5;
  att_config c = {.family = family,
                  .kind = encoder ? ATT_ENCODER
                          : both  ? ATT_ENCODER_DECODER
                                  : ATT_DECODER,
                  .position = position,
                  .activation = ATT_GELU_TANH,
                  .norm_before = family != ATT_BERT && family != ATT_MARIAN && family != ATT_BART,
                  .d_model = 24,
                  .vocab_size = VOCABULARY,
                  .max_position_embeddings = LIMIT,
                  .type_vocab_size = encoder ? 2 : 0,
                  .rope = {.base = 500},
                  .relative_buckets = 8,
                  .relative_distance = 20,
                  .tie_word_embeddings = true,
                  .scale_embedding = both,
                  .layer_norm_epsilon = 1e-5f,
                  .pad = both ? 3 : -1,
                  .bos = -1,
                  .eos = both ? 4 : -1,
                  .decoder_start = both ? 3 : -1,
                  .mask = -1,
                  .unk = -1};
  if (encoder || both) c.encoder_layers = 2, c.encoder_attention_heads = 4, c.encoder_ffn_dim = 40;
  if (!encoder) c.decoder_layers = 2, c.decoder_attention_heads = 4, c.decoder_ffn_dim = 40;
  if (family == ATT_BERT) c.key_value_heads = 2;
  const struct att_rotary_decoder *rotary = att_family_get(family)->rotary;
  return rotary ? rotary_config(&c, &rotary->defaults) : c;
}

/* Weights larger than a new model's, so that attention is not flat. */
static void set_up(setting *s, const att_config *config, int threads) {
  memset(s, 0, sizeof *s);
  assert_int_equal(
      att_context_new(&(att_context_options){.size = sizeof(att_context_options), .threads = threads}, &s->ctx),
      ATT_OK);
  ok(s, att_arena_new(s->ctx, &s->arena));
  ok(s, att_model_new(s->ctx, config, NULL, 7, &s->model));
  for (size_t i = 0; i < s->model->parameter_count; i++) {
    const att_parameter *p = &s->model->parameters[i];
    for (int64_t j = 0; p->trained && j < p->rows * p->cols; j++)
      s->model->values[p->offset + j] += 0.2f * (float)att_normal(i, (uint64_t)j);
  }
  for (int i = 0; i < LIMIT + 2; i++) {
    s->ids[i] = 5 + (int32_t)(att_random64(1, (uint64_t)i) % (VOCABULARY - 5));
    s->labels[i] = 5 + (int32_t)(att_random64(2, (uint64_t)i) % (VOCABULARY - 5));
  }
}

static void tear_down(setting *s) {
  att_arena_free(s->arena);
  att_model_close(s->model);
  att_context_free(s->ctx);
}

static const int64_t memory_start[] = {0, MEMORY};

static att_memory *encode(setting *s, att_memory *memory) {
  att_run run = {.ctx = s->ctx, .arena = s->arena};
  att_input input = {.ids = s->labels, .sequences = {1, memory_start}};
  if (s->model->config.kind != ATT_ENCODER_DECODER) return NULL;
  ok(s, att_model_encode(&run, s->model, &input, NULL, NULL, memory));
  return memory;
}

static void same_rows(const char *what, const att_tensor *got, const att_tensor *want, int64_t first) {
  float most = 0;
  for (int64_t i = 0; i < want->rows * want->cols; i++) most = fmaxf(most, fabsf(want->data[i]));
  assert_true(most > 0.1f);
  for (int64_t r = 0; r < got->rows; r++)
    for (int64_t c = 0; c < got->cols; c++) {
      float x = got->data[r * got->stride + c], y = want->data[(first + r) * want->stride + c];
      if (!(fabsf(x - y) <= 2e-5f * most))
        fail_msg("%s: row %d is %g, not %g", what, (int)(first + r), (double)x, (double)y);
    }
}

/* `chunk` new tokens at a time, cache rows handed out backwards. */
static void step_through(setting *s, const char *what, const att_memory *memory, int64_t length, int64_t chunk,
                         const att_tensor *want) {
  att_run run = {.ctx = s->ctx, .arena = s->arena};
  att_cache_shape shape;
  att_model_cache_shape(s->model, &shape);
  void *self[8], *cross[8];
  int32_t rows[LIMIT], memory_rows[MEMORY];
  const int32_t *row_list[] = {rows}, *memory_list[] = {memory_rows};
  const int64_t memory_count[] = {MEMORY};
  for (int64_t l = 0; l < shape.layers; l++) {
    self[l] = ATT_ARENA_NEW(s->arena, length * shape.self_width, float);
    cross[l] = ATT_ARENA_NEW(s->arena, MEMORY * shape.cross_width, float);
  }
  for (int32_t i = 0; i < length; i++) rows[i] = (int32_t)length - 1 - i;
  for (int32_t i = 0; i < MEMORY; i++) memory_rows[i] = i;
  if (memory) ok(s, att_model_cross(&run, s->model, memory, NULL, cross));
  for (int64_t past = 0; past < length;) {
    int64_t fresh = length - past < chunk ? length - past : chunk, start[] = {0, fresh}, count[] = {past + fresh};
    att_input input = {.ids = s->ids + past, .sequences = {1, start}};
    att_cache cache = {self, ATT_F32, cross, row_list, count, memory_list, memory_count, &length, NULL};
    att_tensor hidden;
    ok(s, att_model_step(&run, s->model, &input, &cache, NULL, &hidden));
    same_rows(what, &hidden, want, past);
    past += fresh;
  }
}

static const char *const positions[] = {"sinusoidal", "learned", "rotary", "relative", "alibi", "none"};

static void check_steps(const char *what, const att_config *config) {
  static const int64_t lengths[] = {1, 2, 63, 64, 65, LIMIT};
  setting s;
  set_up(&s, config, 2);
  for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
    int64_t start[] = {0, lengths[i]};
    att_input input = {.ids = s.ids, .sequences = {1, start}};
    att_run run = {.ctx = s.ctx, .arena = s.arena};
    att_memory room, *memory = encode(&s, &room);
    att_tensor trained, running;
    ok(&s, att_model_decode(&run, s.model, &input, memory, NULL, NULL, &running));
    ok(&s, att_tape_new(s.arena, &run.tape));
    ok(&s, att_model_decode(&run, s.model, &input, memory, NULL, NULL, &trained));
    same_rows(what, &running, &trained, 0);
    step_through(&s, what, memory, lengths[i], 1, &trained);
    step_through(&s, what, memory, lengths[i], 31, &trained);
    step_through(&s, what, memory, lengths[i], LIMIT, &trained);
    att_arena_reset(s.arena);
  }
  int64_t start[] = {0, LIMIT + 1};
  att_input input = {.ids = s.ids, .sequences = {1, start}};
  att_run run = {.ctx = s.ctx, .arena = s.arena};
  att_tensor hidden;
  att_memory room, *memory = encode(&s, &room);
  assert_int_equal(att_model_decode(&run, s.model, &input, memory, NULL, NULL, &hidden), ATT_ARGUMENT);
  tear_down(&s);
}

static void test_steps_equal_the_forward(void **state) {
  (void)state;
  for (int family = ATT_MARIAN; family <= ATT_PHI3; family++)
    for (int position = 0; position < ATT_POSITION_COUNT && family != ATT_T5; position++) {
      char what[64];
      att_config config = config_of((att_family)family, (att_position)position);
      snprintf(what, sizeof what, "%s, %s", att_family_type((att_family)family), positions[position]);
      check_steps(what, &config);
    }
}

/* ---- gradients ---- */

static att_loss loss_of(setting *s, bool backward) {
  static const int64_t start[] = {0, 1, 12, 40};
  static const int32_t rows[] = {0, 5, 5, 39};
  att_run run = {.ctx = s->ctx, .arena = s->arena};
  att_batch batch = {.labels = s->labels, .label_rows = rows, .label_count = 4};
  batch.source = batch.target = (att_input){.ids = s->ids, .sequences = {3, start}};
  att_loss loss = {0};
  att_arena_reset(s->arena);
  if (backward) ok(s, att_tape_new(s->arena, &run.tape));
  ok(s, att_model_loss(&run, s->model, &batch, 0.1f, (double)att_batch_targets(s->model, &batch), &loss));
  if (backward) ok(s, att_backward(&run));
  loss.loss /= (double)loss.count;
  return loss;
}

static void step_along(setting *s, double step) {
  for (int64_t i = 0; i < s->model->trained_total; i++)
    s->model->values[i] += (float)(step * (double)s->model->gradients[i]);
}

static void check_slope(const char *what, const att_config *config) {
  setting s;
  set_up(&s, config, 2);
  ok(&s, att_model_add_gradients(s.model));
  double before = loss_of(&s, true).loss;
  double squares = att_kernels_get()->sum_squares(s.model->gradients, s.model->trained_total);
  if (!(squares > 1e-8 && isfinite(squares))) fail_msg("%s: the gradient's square is %g", what, squares);
  double fall = 2e-4 * before, step = fall / squares;
  step_along(&s, -step);
  double low = loss_of(&s, false).loss;
  step_along(&s, 2 * step);
  double high = loss_of(&s, false).loss, got = (high - low) / 2;
  if (!(fabs(got - fall) < 0.01 * fall)) fail_msg("%s: the loss fell by %g, not %g", what, got, fall);
  for (size_t i = 0; i < s.model->parameter_count; i++) {
    const att_parameter *p = &s.model->parameters[i];
    double size = att_kernels_get()->sum_squares(s.model->gradients + p->offset, p->rows * p->cols);
    bool keys = strstr(p->name, "k_proj.bias") || strstr(p->name, "key.bias"); /* they cancel in the softmax */
    if (p->trained && !keys && !(size > 0)) fail_msg("%s: no gradient comes to %s", what, p->name);
  }
  tear_down(&s);
}

/* Also where a norm, its order or the gates are not the family's own. */
static void test_slopes(void **state) {
  (void)state;
  for (int family = ATT_MARIAN; family <= ATT_BERT; family++)
    for (int position = 0; position < ATT_POSITION_COUNT && family != ATT_T5; position++)
      for (int other = 0; other < 2; other++) {
        char what[64];
        att_config config = config_of((att_family)family, (att_position)position);
        if (other) {
          config.norm = config.norm == ATT_NORM_RMS ? ATT_NORM_LAYER : ATT_NORM_RMS;
          config.norm_before = !config.norm_before;
          config.gated = !config.gated;
          config.tie_word_embeddings = false;
        }
        snprintf(what, sizeof what, "%s, %s%s", att_family_type((att_family)family), positions[position],
                 other ? ", other" : "");
        check_slope(what, &config);
      }
}

/* ---- contexts longer than trained with ---- */

/* Every way to stretch a context; texts both within the original one and beyond. */
static void test_steps_of_scaled_positions(void **state) {
  (void)state;
  for (int scaling = ATT_ROPE_LINEAR; scaling < ATT_ROPE_SCALINGS; scaling++) {
    char what[64];
    att_config config = config_of(ATT_GEMMA3, ATT_ROTARY);
    att_rope *rope = &config.rope;
    *rope = (att_rope){.base = 500, .scaling = (att_rope_scaling)scaling, .factor = 3, .low = 1, .high = 4};
    rope->original = 63, rope->magnitude = scaling >= ATT_ROPE_YARN ? 1.2 : 0;
    for (int k = 0; k < 5; k++) rope->short_factors[k] = (float)(1 + k), rope->long_factors[k] = (float)(2 + 3 * k);
    config.local_rope = *rope, config.local_rope.base = 20;
    snprintf(what, sizeof what, "rope type %d", scaling);
    check_steps(what, &config);
    check_slope(what, &config);
  }
}

/* A cache whose keys were turned as those of a short text cannot go on as a long one. */
static void test_longrope_in_a_cache(void **state) {
  (void)state;
  att_config config = config_of(ATT_PHI3, ATT_ROTARY);
  config.rope = (att_rope){.base = 500, .scaling = ATT_ROPE_LONGROPE, .factor = 1, .magnitude = 1, .original = 6};
  for (int k = 0; k < 5; k++) config.rope.short_factors[k] = 1, config.rope.long_factors[k] = 2;
  setting s;
  set_up(&s, &config, 1);
  att_run run = {.ctx = s.ctx, .arena = s.arena};
  att_cache_shape shape;
  att_model_cache_shape(s.model, &shape);
  void *self[2];
  for (int l = 0; l < 2; l++) self[l] = ATT_ARENA_NEW(s.arena, 9 * shape.self_width, float);
  const int32_t rows[] = {0, 1, 2, 3, 4, 5, 6, 7, 8}, *tables[] = {rows};
  for (int64_t past = 0; past < 8; past++) {
    const int64_t start[] = {0, 1}, count[] = {past + 1};
    att_input input = {.ids = s.ids + past, .sequences = {1, start}};
    const att_cache cache = {.self = self, .self_rows = tables, .self_counts = count};
    att_tensor hidden;
    assert_int_equal(att_model_step(&run, s.model, &input, &cache, NULL, &hidden), past == 6 ? ATT_ARGUMENT : ATT_OK);
    if (past == 6) assert_non_null(strstr(att_message(s.ctx), "from 6 to 7 tokens"));
  }
  tear_down(&s);
}

/* ---- threads ---- */

static void test_threads_change_no_bit(void **state) {
  (void)state;
  static const att_position some[] = {ATT_ROTARY, ATT_RELATIVE, ATT_LEARNED};
  for (int family = ATT_MARIAN; family <= ATT_BERT; family++)
    for (int i = 0; i < 3 && family != ATT_T5; i++) {
      att_config config = config_of((att_family)family, some[i]);
      setting one, three;
      set_up(&one, &config, 1);
      set_up(&three, &config, 3);
      ok(&one, att_model_add_gradients(one.model));
      ok(&three, att_model_add_gradients(three.model));
      att_loss a = loss_of(&one, true), b = loss_of(&three, true);
      assert_true(a.loss == b.loss && a.nll == b.nll);
      assert_memory_equal(one.model->gradients, three.model->gradients,
                          (size_t)one.model->trained_total * sizeof(float));
      tear_down(&one);
      tear_down(&three);
    }
}

int main(void) {
  setenv("ATTEND_GEMM", "own", 1); /* the others promise no bits */
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_steps_equal_the_forward), cmocka_unit_test(test_steps_of_scaled_positions),
      cmocka_unit_test(test_longrope_in_a_cache),     cmocka_unit_test(test_slopes),
      cmocka_unit_test(test_threads_change_no_bit),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
