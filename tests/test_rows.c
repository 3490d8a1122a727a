/*
 * Models that read rows of floats in place of tokens, of every family and with heads over texts and over rows:
 * gradients of parameters, embeddings and the input by finite differences; batches of unequal lengths against one
 * sequence at a time; steps against the whole pass; folders written and opened again; what is refused.
 */
#include "scratch.h"

#include <math.h>

#include "base/random.h"
#include "models/head.h"

enum { WIDTH = 3, TEXTS = 3, ROWS = 10, TARGETS = 9, LABELS = 4 };
static const int64_t source_start[] = {0, 1, 7, ROWS}, target_start[] = {0, 4, 5, TARGETS};
static const int32_t text_labels[] = {2, 0, 3}, row_labels[] = {1, 3, 0, 2, 2, 1}, label_rows[] = {0, 2, 3, 6, 8, 9};
static const char *const label_names[] = {"stand", "walk", "run", "fall"};

typedef struct kind_of_model {
  const char *name;
  att_family family;
  att_kind kind;
  att_head head;
  att_position position;
  att_network network;
  bool before, untied;
} kind_of_model;

static const kind_of_model models[] = {
    {"bert, classes", ATT_BERT, ATT_ENCODER, ATT_HEAD_CLASSES, ATT_LEARNED, ATT_TRANSFORMER, false, false},
    {"bert, values", ATT_BERT, ATT_ENCODER, ATT_HEAD_VALUES, ATT_SINUSOIDAL, ATT_TRANSFORMER, true, false},
    {"bert, classes of rows", ATT_BERT, ATT_ENCODER, ATT_HEAD_TOKEN_CLASSES, ATT_ALIBI, ATT_TRANSFORMER, false, false},
    {"gpt2, labels", ATT_GPT2, ATT_DECODER, ATT_HEAD_LABELS, ATT_LEARNED, ATT_TRANSFORMER, true, false},
    {"llama, classes", ATT_LLAMA, ATT_DECODER, ATT_HEAD_CLASSES, ATT_ROTARY, ATT_TRANSFORMER, true, false},
    {"marian, tokens", ATT_MARIAN, ATT_ENCODER_DECODER, ATT_HEAD_TOKENS, ATT_SINUSOIDAL, ATT_TRANSFORMER, false, false},
    {"m2m_100, tokens", ATT_M2M_100, ATT_ENCODER_DECODER, ATT_HEAD_TOKENS, ATT_LEARNED, ATT_TRANSFORMER, true, true},
    {"gru, classes", ATT_RECURRENT, ATT_ENCODER, ATT_HEAD_CLASSES, ATT_NO_POSITION, ATT_GRU, false, false},
    {"gru, values", ATT_RECURRENT, ATT_ENCODER, ATT_HEAD_VALUES, ATT_NO_POSITION, ATT_GRU, false, true},
    {"gru, classes of rows", ATT_RECURRENT, ATT_ENCODER, ATT_HEAD_TOKEN_CLASSES, ATT_NO_POSITION, ATT_GRU, false,
     false},
    {"lstm decoder, values", ATT_RECURRENT, ATT_DECODER, ATT_HEAD_VALUES, ATT_NO_POSITION, ATT_LSTM, false, false},
    {"gru, tokens", ATT_RECURRENT, ATT_ENCODER_DECODER, ATT_HEAD_TOKENS, ATT_NO_POSITION, ATT_GRU, false, false},
    {"rnn, tokens", ATT_RECURRENT, ATT_ENCODER_DECODER, ATT_HEAD_TOKENS, ATT_NO_POSITION, ATT_RNN, false, true},
    {"padded, classes", ATT_PADDED, ATT_ENCODER, ATT_HEAD_CLASSES, ATT_NO_POSITION, ATT_FFN, false, false},
    {"padded, tokens", ATT_PADDED, ATT_ENCODER_DECODER, ATT_HEAD_TOKENS, ATT_NO_POSITION, ATT_FFN, false, true},
};
#define MODELS (sizeof models / sizeof *models)

static att_config config_of(const kind_of_model *m) {
  bool encodes = m->kind != ATT_DECODER, decodes = m->kind != ATT_ENCODER, both = encodes && decodes;
  bool transformer = m->network == ATT_TRANSFORMER;
  return (att_config){.family = m->family,
                      .kind = m->kind,
                      .head = m->head,
                      .position = m->position,
                      .activation = transformer ? ATT_GELU : ATT_TANH,
                      .norm = m->family == ATT_LLAMA ? ATT_NORM_RMS : ATT_NORM_LAYER,
                      .norm_before = m->before,
                      .gated = m->family == ATT_LLAMA,
                      .network = m->network,
                      .bidirectional = m->network == ATT_GRU && encodes,
                      .scoring = m->network == ATT_GRU && both ? ATT_SCORING_ADDITIVE : ATT_SCORING_NONE,
                      .input_width = WIDTH,
                      .d_model = 8,
                      .embedding_size = transformer ? 0 : 6,
                      .vocab_size = both ? 280 : 0,
                      .max_position_embeddings = 8,
                      .type_vocab_size = m->family == ATT_BERT,
                      .encoder_layers = encodes,
                      .decoder_layers = decodes,
                      .encoder_attention_heads = transformer && encodes ? 2 : 0,
                      .decoder_attention_heads = transformer && decodes ? 2 : 0,
                      .encoder_ffn_dim = transformer && encodes ? 12 : 0,
                      .decoder_ffn_dim = transformer && decodes ? 12 : 0,
                      .rope = {.base = 100},
                      .tie_word_embeddings = !m->untied,
                      .layer_norm_epsilon = 1e-5f,
                      .pad = both ? 3 : -1,
                      .bos = -1,
                      .eos = both ? 4 : -1,
                      .decoder_start = both ? 3 : -1,
                      .mask = -1,
                      .unk = -1,
                      .label_count = both ? 0 : LABELS};
}

typedef struct sample {
  const char *name;
  att_arena *arena;
  att_model *model;
  float rows[ROWS * WIDTH], values[TEXTS * LABELS];
  int32_t inputs[TARGETS], labels[TARGETS];
  att_batch batch;
} sample;

static void require(const sample *s, att_status status) {
  if (status) fail_msg("%s: %s: %s", s->name, att_status_name(status), att_message(ctx));
}

static att_input *input_of(sample *s) {
  return s->model->config.kind == ATT_DECODER ? &s->batch.target : &s->batch.source;
}

/* Weights larger than a new model's, so that attention is not flat and no gate open. */
static void draw_weights(att_model *model) {
  for (size_t i = 0; i < model->parameter_count; i++) {
    const att_parameter *p = &model->parameters[i];
    for (int64_t j = 0; p->trained && j < p->rows * p->cols; j++)
      model->values[p->offset + j] += 0.3f * (float)att_normal(i + 40, (uint64_t)j);
  }
}

static att_status make_model(att_context *context, const kind_of_model *m, att_model **model) {
  att_config config = config_of(m);
  att_tokenizer *tokenizer = NULL;
  *model = NULL;
  if (config.label_count) {
    config.labels = att_labels_copy(context, label_names, LABELS);
    if (!config.labels) return ATT_MEMORY;
  } else {
    ATT_TRY(att_tokenizer_open(context, ATT_TEST_DATA "/model_m2m_100_relu/tokenizer.json", &tokenizer));
  }
  att_status status = att_model_new(context, &config, tokenizer, 5, model);
  if (status) att_free(context, config.labels);
  if (status) att_tokenizer_free(tokenizer);
  if (!status) draw_weights(*model);
  return status;
}

static void set_batch(sample *s) {
  bool both = s->model->config.kind == ATT_ENCODER_DECODER;
  for (int i = 0; i < ROWS * WIDTH; i++) s->rows[i] = (float)att_normal(1, (uint64_t)i);
  for (int i = 0; i < TEXTS * LABELS; i++) s->values[i] = (float)(att_random64(2, (uint64_t)i) % 2);
  for (int i = 0; i < TARGETS; i++) s->inputs[i] = 5 + i, s->labels[i] = 20 - i;
  s->batch = (att_batch){.values = s->values};
  *input_of(s) = (att_input){.rows = s->rows, .sequences = {TEXTS, source_start}};
  if (both) s->batch.target = (att_input){.ids = s->inputs, .sequences = {TEXTS, target_start}};
  s->batch.labels = both ? s->labels : text_labels;
  if (s->model->config.head != ATT_HEAD_TOKEN_CLASSES) return;
  s->batch.labels = row_labels;
  s->batch.label_rows = label_rows;
  s->batch.label_count = 6;
}

static void open_sample(sample *s, const kind_of_model *m) {
  memset(s, 0, sizeof *s);
  s->name = m->name;
  require(s, att_arena_new(ctx, &s->arena));
  require(s, make_model(ctx, m, &s->model));
  set_batch(s);
}

static void close_sample(sample *s) {
  att_arena_free(s->arena);
  att_model_close(s->model);
}

/* The mean loss; embedded, where wanted, after backward. */
static double learn(sample *s, bool backward, att_tensor *embedded) {
  att_run run = {.ctx = ctx, .arena = s->arena};
  att_loss loss = {0};
  att_hidden hidden;
  att_memory memory;
  double targets = (double)att_batch_targets(s->model, &s->batch);
  att_arena_reset(s->arena);
  if (backward) require(s, att_tape_new(s->arena, &run.tape));
  if (!embedded) {
    require(s, att_model_loss(&run, s->model, &s->batch, 0.1f, targets, &loss));
  } else if (s->model->config.kind == ATT_ENCODER_DECODER) {
    require(s, att_model_encode(&run, s->model, &s->batch.source, NULL, embedded, &memory));
    hidden = (att_hidden){.sequences = s->batch.target.sequences, .memory = &memory};
    require(s, att_model_decode(&run, s->model, &s->batch.target, &memory, NULL, NULL, &hidden.rows));
    require(s, att_head_loss(&run, s->model, &hidden, &s->batch, 0.1f, targets, &loss));
  } else {
    require(s, att_model_hidden(&run, s->model, input_of(s), NULL, embedded, &hidden));
    require(s, att_head_loss(&run, s->model, &hidden, &s->batch, 0.1f, targets, &loss));
  }
  if (backward) require(s, att_backward(&run));
  assert_int_equal(loss.count, (int64_t)targets);
  assert_true(loss.loss > 0.01 && isfinite(loss.loss));
  return loss.loss / (double)loss.count;
}

/* ---- gradients ---- */

/* The loss along a parameter's gradient, forwards and backwards, against the gradient's length. */
static double slope_along(sample *s, const att_parameter *p, double length) {
  const float *gradient = s->model->gradients + p->offset;
  float *values = s->model->values + p->offset, step = (float)(0.004 / length);
  double found[2];
  for (int side = 0; side < 2; side++) {
    float by = side ? -2 * step : step;
    for (int64_t i = 0; i < p->rows * p->cols; i++) values[i] += by * gradient[i];
    found[side] = learn(s, false, NULL);
  }
  for (int64_t i = 0; i < p->rows * p->cols; i++) values[i] += step * gradient[i];
  return (found[0] - found[1]) / (2 * (double)step * length);
}

static void check_parameters(sample *s) {
  int looked_at = 0;
  bool projected = false;
  require(s, att_model_add_gradients(s->model));
  learn(s, true, NULL);
  for (size_t i = 0; i < s->model->parameter_count; i++) {
    const att_parameter *p = &s->model->parameters[i];
    if (!p->trained) continue;
    const float *gradient = s->model->gradients + p->offset;
    double length = sqrt(att_kernels_get()->sum_squares(gradient, p->rows * p->cols));
    assert_true(isfinite(length));
    if (length < 2e-3) continue; /* a key's bias moves nothing */
    double slope = slope_along(s, p, length);
    if (!(fabs(slope - length) < 0.01 * length + 2e-5))
      fail_msg("%s: %s: the loss moves by %g, not %g", s->name, p->name, slope, length);
    projected |= strstr(p->name, "input_projection.weight") != NULL;
    looked_at++;
  }
  assert_true(projected && 3 * looked_at > 2 * (int)s->model->parameter_count - 6);
}

static void test_gradients(void **state) {
  (void)state;
  for (size_t i = 0; i < MODELS; i++) {
    sample s;
    open_sample(&s, &models[i]);
    check_parameters(&s);
    close_sample(&s);
  }
}

static const float *projection_of(const att_model *model, int64_t *width) {
  for (size_t i = 0; i < model->parameter_count; i++) {
    const att_parameter *p = &model->parameters[i];
    if (!strstr(p->name, "input_projection.weight")) continue;
    *width = p->rows;
    return model->values + p->offset;
  }
  fail_msg("no projection");
  return NULL;
}

/* What the embeddings' gradient says of the input through the projection is how the input moves the loss. */
static void test_embedded_gradients(void **state) {
  (void)state;
  for (size_t i = 0; i < MODELS; i++) {
    sample s;
    int64_t width;
    att_tensor embedded;
    float of_input[ROWS * WIDTH] = {0}, most = 0;
    open_sample(&s, &models[i]);
    learn(&s, true, &embedded);
    const float *w = projection_of(s.model, &width), *gradient = att_gradient_of(&embedded);
    assert_int_equal(embedded.cols, width);
    for (int r = 0; r < ROWS; r++)
      for (int64_t d = 0; d < width; d++)
        for (int c = 0; c < WIDTH; c++) of_input[r * WIDTH + c] += gradient[r * embedded.stride + d] * w[d * WIDTH + c];
    for (int j = 0; j < ROWS * WIDTH; j++) most = fmaxf(most, fabsf(of_input[j]));
    assert_true(most > 0.01f);
    for (int j = 0; j < ROWS * WIDTH; j++) {
      float kept = s.rows[j], step = 0x1p-7f;
      s.rows[j] = kept + step;
      double above = learn(&s, false, NULL);
      s.rows[j] = kept - step;
      double slope = (above - learn(&s, false, NULL)) / (2 * (double)step);
      s.rows[j] = kept;
      if (!(fabs(slope - (double)of_input[j]) < 0.01 * (double)most))
        fail_msg("%s: input %d: %g, not %g", s.name, j, slope, (double)of_input[j]);
    }
    close_sample(&s);
  }
}

/* ---- passes ---- */

/* The head's logits, or of an encoder-decoder those of its targets. */
static att_tensor forward(sample *s, att_model *model) {
  att_run run = {.ctx = ctx, .arena = s->arena};
  att_hidden hidden;
  att_memory memory;
  att_tensor logits;
  if (model->config.kind == ATT_ENCODER_DECODER) {
    require(s, att_model_encode(&run, model, &s->batch.source, NULL, NULL, &memory));
    hidden = (att_hidden){.sequences = s->batch.target.sequences};
    require(s, att_model_decode(&run, model, &s->batch.target, &memory, NULL, NULL, &hidden.rows));
  } else {
    require(s, att_model_hidden(&run, model, input_of(s), NULL, NULL, &hidden));
  }
  require(s, att_head_logits(&run, model, &hidden, &logits));
  return logits;
}

static float largest(const att_tensor *x) {
  float most = 0;
  for (int64_t i = 0; i < x->rows * x->cols; i++) most = fmaxf(most, fabsf(x->data[i]));
  return most;
}

static void test_alone(void **state) {
  (void)state;
  for (size_t i = 0; i < MODELS; i++) {
    sample s;
    open_sample(&s, &models[i]);
    bool both = s.model->config.kind == ATT_ENCODER_DECODER;
    att_tensor whole = forward(&s, s.model);
    assert_true(largest(&whole) > 0.1f && isfinite(largest(&whole)));
    for (int64_t t = 0; t < TEXTS; t++) {
      const int64_t source[] = {0, source_start[t + 1] - source_start[t]};
      const int64_t target[] = {0, target_start[t + 1] - target_start[t]};
      set_batch(&s);
      *input_of(&s) = (att_input){.rows = s.rows + source_start[t] * WIDTH, .sequences = {1, source}};
      if (both) s.batch.target = (att_input){.ids = s.inputs + target_start[t], .sequences = {1, target}};
      att_tensor alone = forward(&s, s.model);
      int64_t first = s.model->head->texts ? t : both ? target_start[t] : source_start[t];
      assert_int_equal(alone.rows, s.model->head->texts ? 1 : both ? target[1] : source[1]);
      for (int64_t j = 0; j < alone.rows * alone.cols; j++)
        if (!(fabsf(alone.data[j] - whole.data[first * whole.cols + j]) < 1e-5f * largest(&whole)))
          fail_msg("%s: sequence %d gives other logits alone", s.name, (int)t);
    }
    close_sample(&s);
  }
}

/* A decoder row by row, through its cache. */
static void test_steps(void **state) {
  (void)state;
  for (size_t i = 0; i < MODELS; i++) {
    enum { LENGTH = 6 };
    const int64_t all[] = {0, LENGTH};
    sample s;
    att_hidden whole;
    att_cache_shape shape;
    void *self[4];
    int32_t rows[] = {5, 3, 1, 0, 2, 4};
    const int32_t *tables[] = {rows};
    open_sample(&s, &models[i]);
    att_run run = {.ctx = ctx, .arena = s.arena};
    if (s.model->config.kind != ATT_DECODER) {
      close_sample(&s);
      continue;
    }
    s.batch.target = (att_input){.rows = s.rows, .sequences = {1, all}};
    require(&s, att_model_hidden(&run, s.model, &s.batch.target, NULL, NULL, &whole));
    att_model_cache_shape(s.model, &shape);
    assert_true(shape.layers > 0 && shape.layers <= 4);
    for (int64_t l = 0; l < shape.layers; l++) self[l] = ATT_ARENA_NEW(s.arena, LENGTH * shape.self_width, float);
    for (int64_t past = 0; past < LENGTH; past += 2) {
      const int64_t start[] = {0, 2}, count[] = {past + 2};
      const att_input input = {.rows = s.rows + past * WIDTH, .sequences = {1, start}};
      const att_cache cache = {.self = self, .self_rows = tables, .self_counts = count};
      att_tensor hidden;
      require(&s, att_model_step(&run, s.model, &input, &cache, NULL, &hidden));
      for (int64_t j = 0; j < 2 * hidden.cols; j++)
        assert_true(fabsf(hidden.data[j] - whole.rows.data[past * hidden.cols + j]) < 2e-5f);
    }
    close_sample(&s);
  }
}

/* ---- folders ---- */

static void test_folders(void **state) {
  (void)state;
  for (size_t i = 0; i < MODELS; i++) {
    sample s;
    att_model *copy;
    const att_model_info *info;
    open_sample(&s, &models[i]);
    bool both = s.model->config.kind == ATT_ENCODER_DECODER;
    require(&s, att_model_save(s.model, folder, false));
    require(&s, att_model_open(ctx, folder, &copy));
    const att_config *c = &copy->config;
    assert_true(c->input_width == WIDTH && c->head == models[i].head && c->family == models[i].family);
    assert_int_equal(c->vocab_size, both ? 280 : 0);
    assert_true(c->pad == s.model->config.pad && c->eos == s.model->config.eos && c->bos == -1 && c->mask == -1);
    require(&s, att_model_describe(copy, &info));
    assert_true(info->input_width == WIDTH && info->vocabulary == c->vocab_size &&
                strncmp(info->type, "attend", 6) == 0);
    for (int64_t k = 0; k < c->label_count; k++) assert_string_equal(c->labels[k], label_names[k]);
    att_tensor before = forward(&s, s.model), after = forward(&s, copy);
    assert_memory_equal(before.data, after.data, (size_t)(before.rows * before.cols) * sizeof(float));
    assert_int_equal(att_file_exists(in_folder("tokenizer.json")), both);
    att_model_close(copy);
    close_sample(&s);
    empty_folder(NULL);
  }
}

/* ---- what cannot be ---- */

static void test_inputs_refused(void **state) {
  (void)state;
  sample s;
  att_hidden hidden;
  att_tensor rows;
  open_sample(&s, &models[0]);
  att_run run = {.ctx = ctx, .arena = s.arena};
  const att_input tokens = {.ids = text_labels, .sequences = {1, (const int64_t[]){0, 3}}};
  const att_input long_one = {.rows = s.rows, .sequences = {1, (const int64_t[]){0, 9}}};
  must_say(att_model_hidden(&run, s.model, &tokens, NULL, NULL, &hidden), ATT_ARGUMENT, "reads rows of 3 floats");
  must_say(att_model_hidden(&run, s.model, &long_one, NULL, NULL, &hidden), ATT_ARGUMENT, "a sequence of 9 rows");
  s.rows[4] = NAN;
  must_say(att_model_hidden(&run, s.model, &s.batch.source, NULL, NULL, &hidden), ATT_NUMERIC, "row 1 of the input");
  s.rows[4] = -INFINITY;
  must_say(att_model_hidden(&run, s.model, &s.batch.source, NULL, NULL, &hidden), ATT_NUMERIC, "row 1 of the input");
  close_sample(&s);
  open_sample(&s, &models[5]); /* its decoder reads tokens */
  run.arena = s.arena;
  att_memory memory;
  require(&s, att_model_encode(&run, s.model, &s.batch.source, NULL, NULL, &memory));
  must_say(att_model_decode(&run, s.model, &s.batch.source, &memory, NULL, NULL, &rows), ATT_ARGUMENT, "reads tokens");
  must_say(att_model_encode(&run, s.model, &s.batch.target, NULL, NULL, &memory), ATT_ARGUMENT, "rows of 3 floats");
  close_sample(&s);
}

static int give_nothing(void *user, const att_classification *given) {
  (void)user, (void)given;
  return 0;
}

static void test_text_is_refused(void **state) {
  (void)state;
  sample s;
  int32_t *ids;
  size_t count;
  float vector[8];
  att_attention *attention;
  const att_text line = {"a", 1};
  open_sample(&s, &models[0]);
  const char *clue = "reads rows of 3 numbers, not text";
  must_say(att_tokenize(s.model, line, true, &ids, &count), ATT_UNSUPPORTED, clue);
  must_say(att_classify(s.model, &line, NULL, 1, 0, give_nothing, NULL), ATT_UNSUPPORTED, clue);
  must_say(att_embed(s.model, &line, 1, NULL, vector), ATT_UNSUPPORTED, clue);
  must_say(att_look(s.model, line, (att_text){0}, &attention), ATT_UNSUPPORTED, clue);
  write_bytes(in_folder("data.tsv"), "a\tstand\nb\twalk\n", 15);
  att_evaluation evaluation;
  must_say(att_evaluate(s.model, in_folder("data.tsv"), NULL, &evaluation), ATT_UNSUPPORTED, clue);
  close_sample(&s);
}

static void test_settings_refused(void **state) {
  (void)state;
  static const struct {
    const char *settings, *clue;
    att_status status;
  } bad[] = {
      {"\"attend_family\": \"bert\", \"attend_head\": \"tokens\", \"input_width\": 3", "has no head of tokens",
       ATT_UNSUPPORTED},
      {"\"attend_family\": \"gpt2\", \"attend_head\": \"tokens\", \"input_width\": 3", "has no head of tokens",
       ATT_UNSUPPORTED},
      {"\"attend_family\": \"bert\", \"attend_head\": \"classes\", \"input_width\": 0", "input_width is 0", ATT_FORMAT},
      {"\"attend_family\": \"bert\", \"attend_head\": \"classes\", \"input_width\": -4", "input_width", ATT_FORMAT},
      {"\"attend_family\": \"bert\", \"attend_head\": \"classes\", \"input_width\": 1e9", "input_width", ATT_FORMAT},
      {"\"attend_family\": \"bert\", \"attend_head\": \"classes\", \"input_width\": 3, \"hidden_size\": 0",
       "hidden_size", ATT_FORMAT},
      {"\"attend_family\": \"gpt2\", \"attend_head\": \"classes\", \"vocab_size\": 0", "vocab_size is 0", ATT_FORMAT},
  };
  att_config config;
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    char text[512];
    snprintf(text, sizeof text, "{\"model_type\": \"attend\", \"position_embedding_type\": \"learned\", %s}",
             bad[i].settings);
    write_bytes(in_folder("config.json"), text, strlen(text));
    must_say(att_config_read(ctx, folder, &config), bad[i].status, bad[i].clue);
  }
  static const char padded[] = "{\"model_type\": \"attend-ffn\", \"kind\": \"decoder\", \"attend_head\": \"values\", "
                               "\"input_width\": 2, \"d_model\": 4, \"embedding_size\": 4, "
                               "\"max_position_embeddings\": 4, \"decoder_layers\": 1}";
  write_bytes(in_folder("config.json"), padded, sizeof padded - 1);
  must_say(att_config_read(ctx, folder, &config), ATT_UNSUPPORTED, "a padded decoder reads tokens");
  att_config widths = config_of(&models[0]);
  widths.labels = (char **)(uintptr_t)label_names;
  widths.vocab_size = 5;
  must_say(att_config_check(ctx, "the model", &widths), ATT_ARGUMENT, "a vocab_size of 5 cannot be");
  widths = config_of(&models[5]);
  widths.input_width = -1;
  must_say(att_config_check(ctx, "the model", &widths), ATT_ARGUMENT, "an input_width of -1");
}

static att_status use(att_context *small, void *arg) {
  const kind_of_model *m = arg;
  sample s = {.name = m->name};
  att_loss loss = {0};
  att_run run = {.ctx = small};
  ATT_TRY(make_model(small, m, &s.model));
  set_batch(&s);
  att_status status = att_model_add_gradients(s.model);
  if (!status) status = att_arena_new(small, &s.arena);
  run.arena = s.arena;
  if (!status) status = att_tape_new(s.arena, &run.tape);
  if (!status) status = att_model_loss(&run, s.model, &s.batch, 0, 1, &loss);
  if (!status) status = att_backward(&run);
  close_sample(&s);
  return status;
}

static void test_each_allocation_may_fail(void **state) {
  (void)state;
  assert_true(fail_each_allocation(use, (void *)(uintptr_t)&models[0]) > 20);
  assert_true(fail_each_allocation(use, (void *)(uintptr_t)&models[8]) > 10);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_teardown(test_gradients, empty_folder),
      cmocka_unit_test_teardown(test_embedded_gradients, empty_folder),
      cmocka_unit_test_teardown(test_alone, empty_folder),
      cmocka_unit_test_teardown(test_steps, empty_folder),
      cmocka_unit_test_teardown(test_folders, empty_folder),
      cmocka_unit_test_teardown(test_inputs_refused, empty_folder),
      cmocka_unit_test_teardown(test_text_is_refused, empty_folder),
      cmocka_unit_test_teardown(test_settings_refused, empty_folder),
      cmocka_unit_test_teardown(test_each_allocation_may_fail, empty_folder),
  };
  return cmocka_run_group_tests(tests, begin, end);
}
