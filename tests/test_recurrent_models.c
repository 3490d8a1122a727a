/*
 * Recurrent and padded networks against PyTorch (tools/make_recurrent_fixtures.py): outputs, losses, every gradient,
 * attention. Steps through the cache against the whole pass. Settings written and read, and refused by name.
 */
#include "formats/safetensors.h"
#include "models/head.h"
#include "scratch.h"

#include <math.h>
#include <stdlib.h>

static const char *const names[] = {
    "recurrent_gru_additive", "recurrent_lstm_additive", "recurrent_lstm_multiplicative",
    "recurrent_rnn_none",     "recurrent_lstm_decoder",  "recurrent_gru_classifier",
    "recurrent_ffn",          "recurrent_ffn_decoder",   "recurrent_ffn_classifier"};
#define NAMES (sizeof names / sizeof *names)
enum { SAMPLE = 3, MOST_SEQUENCES = 8 };

typedef struct net {
  const char *name;
  att_arena *arena;
  att_model *model;
  att_tensor_file *expected;
  att_batch batch;
  int32_t *source, *inputs, *labels;
  int64_t *source_start, *target_start;
} net;

static void require(const net *n, att_status status) {
  if (status != ATT_OK) fail_msg("%s: %s: %s", n->name, att_status_name(status), att_message(ctx));
}

static const char *path_of(const char *name, const char *file) {
  static char path[1024];
  snprintf(path, sizeof path, "%s/%s/%s", ATT_TEST_DATA, name, file);
  return path;
}

static int32_t *ids_of(const net *n, const char *name) {
  const att_stored *tensor = att_tensor_file_find(n->expected, name);
  if (!tensor) return NULL;
  assert_int_equal(tensor->type, ATT_I64);
  int32_t *ids = malloc((size_t)tensor->count * sizeof *ids);
  assert_non_null(ids);
  for (int64_t i = 0; i < tensor->count; i++) {
    int64_t id;
    memcpy(&id, (const char *)tensor->data + i * 8, 8);
    ids[i] = (int32_t)id;
  }
  return ids;
}

static int64_t *starts_of(const net *n, const char *name, att_sequences *out) {
  const att_stored *tensor = att_tensor_file_find(n->expected, name);
  static const int64_t nothing[] = {0};
  *out = (att_sequences){0, nothing};
  if (!tensor) return NULL;
  int64_t *starts = malloc((size_t)tensor->size);
  assert_non_null(starts);
  memcpy(starts, tensor->data, tensor->size);
  *out = (att_sequences){tensor->count - 1, starts};
  return starts;
}

static void net_open(net *n, const char *name) {
  att_config config;
  char folder_path[1024];
  *n = (net){.name = name};
  snprintf(folder_path, sizeof folder_path, "%s/%s", ATT_TEST_DATA, name);
  require(n, att_config_read(ctx, folder_path, &config));
  require(n, att_model_new(ctx, &config, NULL, 1, &n->model));
  require(n, att_model_read_weights(n->model, folder_path, "model"));
  require(n, att_safetensors_open(ctx, path_of(name, "expected.safetensors"), &n->expected));
  require(n, att_arena_new(ctx, &n->arena));
  n->source = ids_of(n, "source_ids");
  n->inputs = ids_of(n, "inputs");
  n->labels = ids_of(n, n->inputs ? "labels" : "classes");
  n->source_start = starts_of(n, "source_starts", &n->batch.source.sequences);
  n->target_start = starts_of(n, "target_starts", &n->batch.target.sequences);
  n->batch.source.ids = n->source;
  n->batch.target.ids = n->inputs;
  n->batch.labels = n->labels;
}

static void net_close(net *n) {
  free(n->source);
  free(n->inputs);
  free(n->labels);
  free(n->source_start);
  free(n->target_start);
  att_arena_free(n->arena);
  att_tensor_file_close(n->expected);
  att_model_close(n->model);
}

static float *floats_of(const net *n, const char *name, int64_t *count) {
  const att_stored *tensor = att_tensor_file_find(n->expected, name);
  if (!tensor) fail_msg("%s: no %s in expected.safetensors", n->name, name);
  float *values = malloc(tensor->size);
  assert_non_null(values);
  memcpy(values, tensor->data, tensor->size);
  *count = tensor->count;
  return values;
}

static float largest(const float *x, int64_t n) {
  float most = 0;
  for (int64_t i = 0; i < n; i++) most = fmaxf(most, fabsf(x[i]));
  return most;
}

static void require_close(const net *n, const char *what, const float *got, const float *want, int64_t count,
                          float tolerance) {
  for (int64_t i = 0; i < count; i++) {
    if (!(fabsf(got[i] - want[i]) <= tolerance))
      fail_msg("%s: %s[%lld] is %.9g, not %.9g", n->name, what, (long long)i, (double)got[i], (double)want[i]);
  }
}

static bool has_labels(const net *n) { return n->model->head->texts; }

/* Logits of the whole pass; memory, where there is one, for who goes on. */
static att_tensor forward(net *n, const att_maps *maps, att_memory *memory) {
  att_run run = {.ctx = ctx, .arena = n->arena};
  att_tensor hidden, logits;
  if (has_labels(n)) {
    att_hidden body;
    require(n, att_model_hidden(&run, n->model, &n->batch.source, NULL, NULL, &body));
    require(n, att_head_logits(&run, n->model, &body, &logits));
    return logits;
  }
  bool reads = n->model->config.kind == ATT_ENCODER_DECODER;
  if (reads) require(n, att_model_encode(&run, n->model, &n->batch.source, maps, NULL, memory));
  require(n, att_model_decode(&run, n->model, &n->batch.target, reads ? memory : NULL, maps, NULL, &hidden));
  require(n, att_model_logits(&run, n->model, &hidden, &logits));
  return logits;
}

static void test_logits(void **state) {
  (void)state;
  for (size_t i = 0; i < NAMES; i++) {
    net n;
    int64_t count;
    att_memory memory;
    net_open(&n, names[i]);
    att_tensor logits = forward(&n, NULL, &memory);
    float *want = floats_of(&n, "logits", &count);
    assert_int_equal(count, logits.rows * logits.cols);
    assert_true(largest(want, count) > 0.1f);
    require_close(&n, "logits", logits.data, want, count, 1e-4f * largest(want, count));
    free(want);
    net_close(&n);
  }
}

static void compare_gradients(const net *n) {
  float most = 0;
  size_t there = 0, compared = 0;
  for (size_t i = 0; i < n->expected->count; i++) {
    const char *name = n->expected->tensors[i].name;
    if (strncmp(name, "grad.", 5) != 0) continue;
    int64_t count;
    float *want = floats_of(n, name, &count);
    most = fmaxf(most, largest(want, count));
    there++;
    free(want);
  }
  for (size_t i = 0; i < n->model->parameter_count; i++) {
    const att_parameter *p = &n->model->parameters[i];
    char name[256];
    int64_t count;
    snprintf(name, sizeof name, "grad.%s", p->name);
    float *want = floats_of(n, name, &count);
    assert_int_equal(count, p->rows * p->cols);
    require_close(n, name, n->model->gradients + p->offset, want, count, 1e-4f * largest(want, count) + 1e-6f * most);
    compared++;
    free(want);
  }
  assert_true(most > 0.01f);
  assert_int_equal(compared, there);
}

static void test_loss_and_gradients(void **state) {
  (void)state;
  for (size_t i = 0; i < NAMES; i++) {
    net n;
    int64_t count;
    att_loss loss = {0};
    net_open(&n, names[i]);
    require(&n, att_model_add_gradients(n.model));
    att_run run = {.ctx = ctx, .arena = n.arena};
    require(&n, att_tape_new(n.arena, &run.tape));
    int64_t targets = att_batch_targets(n.model, &n.batch);
    require(&n, att_model_loss(&run, n.model, &n.batch, has_labels(&n) ? 0.0f : 0.1f, (double)targets, &loss));
    require(&n, att_backward(&run));
    float *mean = floats_of(&n, "loss", &count);
    if (!(fabs(loss.loss / (double)targets - (double)*mean) < 1e-5 * (double)*mean))
      fail_msg("%s: the loss is %g, not %g", n.name, loss.loss / (double)targets, (double)*mean);
    compare_gradients(&n);
    free(mean);
    net_close(&n);
  }
}

/* ---- steps ---- */

/* The targets, `chunk` new tokens of each sequence at a time, through a cache whose rows are handed out backwards. */
static void check_steps(net *n, const att_memory *memory, const att_tensor *whole, int64_t chunk) {
  att_cache_shape shape;
  att_sequences targets = n->batch.target.sequences;
  att_run run = {.ctx = ctx, .arena = n->arena};
  int64_t rows = targets.start[targets.count], memory_rows = memory ? memory->rows.rows : 0;
  att_model_cache_shape(n->model, &shape);
  assert_int_equal(shape.layers, 1);
  void *self = ATT_ARENA_NEW(n->arena, rows * shape.self_width, float);
  void *cross = ATT_ARENA_NEW(n->arena, memory_rows * shape.cross_width, float);
  int32_t *self_rows = ATT_ARENA_NEW(n->arena, rows, int32_t),
          *cross_rows = ATT_ARENA_NEW(n->arena, memory_rows, int32_t);
  for (int64_t r = 0; r < rows; r++) self_rows[r] = (int32_t)(rows - 1 - r);
  for (int64_t r = 0; r < memory_rows; r++) cross_rows[r] = (int32_t)r;
  if (memory) require(n, att_model_cross(&run, n->model, memory, NULL, &cross));
  for (int64_t past = 0;; past += chunk) {
    int64_t start[MOST_SEQUENCES + 1] = {0}, self_counts[MOST_SEQUENCES], cross_counts[MOST_SEQUENCES], live = 0;
    const int32_t *self_tables[MOST_SEQUENCES], *cross_tables[MOST_SEQUENCES];
    int64_t place[MOST_SEQUENCES];
    int32_t ids[64];
    for (int64_t i = 0; i < targets.count; i++) {
      int64_t length = targets.start[i + 1] - targets.start[i], fresh = length - past < chunk ? length - past : chunk;
      if (fresh <= 0) continue;
      memcpy(ids + start[live], n->inputs + targets.start[i] + past, (size_t)fresh * sizeof *ids);
      place[live] = targets.start[i] + past;
      self_tables[live] = self_rows + targets.start[i];
      self_counts[live] = past + fresh;
      if (memory) {
        cross_tables[live] = cross_rows + memory->sequences.start[i];
        cross_counts[live] = memory->sequences.start[i + 1] - memory->sequences.start[i];
      }
      start[live + 1] = start[live] + fresh;
      live++;
    }
    if (!live) break;
    att_cache cache = {&self, ATT_F32, &cross, self_tables, self_counts, cross_tables, cross_counts, NULL, NULL};
    att_input input = {.ids = ids, .sequences = {live, start}};
    att_tensor hidden, logits;
    require(n, att_model_step(&run, n->model, &input, &cache, NULL, &hidden));
    require(n, att_model_logits(&run, n->model, &hidden, &logits));
    for (int64_t i = 0; i < live; i++)
      require_close(n, "a step", logits.data + start[i] * logits.cols, whole->data + place[i] * whole->cols,
                    (start[i + 1] - start[i]) * logits.cols, 1e-5f);
  }
}

static void test_steps(void **state) {
  (void)state;
  for (size_t i = 0; i < NAMES; i++) {
    net n;
    att_memory memory;
    net_open(&n, names[i]);
    if (!has_labels(&n)) {
      att_tensor whole = forward(&n, NULL, &memory);
      for (int64_t chunk = 1; chunk <= 5; chunk += 2)
        check_steps(&n, n.model->config.kind == ATT_ENCODER_DECODER ? &memory : NULL, &whole, chunk);
    }
    net_close(&n);
  }
}

/* A source without a token: the same from the whole pass and by steps. */
static void test_empty_source(void **state) {
  (void)state;
  static const int64_t empty[] = {0, 0, 2};
  static int64_t targets[] = {0, 3, 5};
  for (size_t i = 0; i < NAMES; i++) {
    net n;
    att_memory memory;
    net_open(&n, names[i]);
    if (n.model->config.kind == ATT_ENCODER_DECODER) {
      n.batch.source.sequences = (att_sequences){2, empty};
      n.batch.target.sequences = (att_sequences){2, targets};
      att_tensor whole = forward(&n, NULL, &memory);
      assert_true(largest(whole.data, whole.cols) > 0.01f);
      check_steps(&n, &memory, &whole, 1);
    }
    net_close(&n);
  }
}

/* ---- looking ---- */

static void test_attention(void **state) {
  (void)state;
  for (size_t i = 0; i < NAMES; i++) {
    net n;
    net_open(&n, names[i]);
    if (n.model->config.scoring != ATT_SCORING_NONE) {
      float *probs[MOST_SEQUENCES];
      for (int64_t s = 0; s < n.batch.target.sequences.count; s++) probs[s] = ATT_ARENA_NEW(n.arena, 16 * 16, float);
      float *const *layers[] = {probs};
      att_maps maps = {.cross = layers};
      att_memory memory;
      int64_t count;
      forward(&n, &maps, &memory);
      float *want = floats_of(&n, "cross", &count);
      require_close(&n, "attention", probs[SAMPLE], want, count, 1e-5f);
      free(want);
    }
    net_close(&n);
  }
}

/* ---- settings ---- */

static void test_settings_come_back(void **state) {
  (void)state;
  for (size_t i = 0; i < NAMES; i++) {
    net n;
    att_config back;
    net_open(&n, names[i]);
    att_config *c = &n.model->config;
    require(&n, att_config_write(ctx, folder, c, NULL));
    require(&n, att_config_read(ctx, folder, &back));
    assert_int_equal(back.family, c->family);
    assert_int_equal(back.kind, c->kind);
    assert_int_equal(back.head, c->head);
    assert_int_equal(back.network, c->network);
    assert_int_equal(back.scoring, c->scoring);
    assert_int_equal(back.bidirectional, c->bidirectional);
    assert_int_equal(back.activation, c->activation);
    const int64_t sizes[] = {back.d_model - c->d_model,
                             back.vocab_size - c->vocab_size,
                             back.embedding_size - c->embedding_size,
                             back.max_position_embeddings - c->max_position_embeddings,
                             back.encoder_layers - c->encoder_layers,
                             back.decoder_layers - c->decoder_layers,
                             back.label_count - c->label_count,
                             back.tie_word_embeddings - c->tie_word_embeddings,
                             back.scale_embedding - c->scale_embedding,
                             back.eos - c->eos,
                             back.decoder_start - c->decoder_start};
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) assert_int_equal(sizes[s], 0);
    att_free(ctx, back.labels);
    net_close(&n);
    empty_folder(NULL);
  }
}

/* Weights written and read again give the same bits. */
static void test_weights_come_back(void **state) {
  (void)state;
  for (size_t i = 0; i < NAMES; i++) {
    net n;
    att_memory memory;
    net_open(&n, names[i]);
    att_tensor before = forward(&n, NULL, &memory);
    require(&n, att_model_save_weights(n.model, folder, "model", NULL));
    memset(n.model->values, 0, (size_t)n.model->trained_total * sizeof(float));
    require(&n, att_model_read_weights(n.model, folder, "model"));
    att_tensor after = forward(&n, NULL, &memory);
    assert_memory_equal(before.data, after.data, (size_t)(before.rows * before.cols) * sizeof(float));
    net_close(&n);
  }
}

/* A folder with its tokenizer, saved and opened: the same logits. */
static void test_folder_comes_back(void **state) {
  (void)state;
  for (int family = ATT_RECURRENT; family <= ATT_PADDED; family++) {
    att_config config = {.family = (att_family)family,
                         .position = ATT_NO_POSITION,
                         .activation = ATT_TANH,
                         .d_model = 12,
                         .vocab_size = 280,
                         .max_position_embeddings = 16,
                         .encoder_layers = 1,
                         .decoder_layers = 2,
                         .network = family == ATT_PADDED ? ATT_FFN : ATT_LSTM,
                         .scoring = family == ATT_PADDED ? ATT_SCORING_NONE : ATT_SCORING_ADDITIVE,
                         .bidirectional = family == ATT_RECURRENT,
                         .embedding_size = 8,
                         .layer_norm_epsilon = 1e-5f,
                         .pad = 1,
                         .eos = 2,
                         .decoder_start = 2};
    static int32_t ids[] = {2, 3, 4, 5, 6};
    static const int64_t start[] = {0, 3, 5};
    att_tokenizer *tokenizer;
    net n = {.name = "a saved folder", .inputs = ids, .batch.source = {.ids = ids, .sequences = {2, start}}};
    n.batch.target = n.batch.source;
    require(&n, att_arena_new(ctx, &n.arena));
    require(&n, att_tokenizer_open(ctx, path_of("model_m2m_100_relu", "tokenizer.json"), &tokenizer));
    require(&n, att_model_new(ctx, &config, tokenizer, 9, &n.model));
    att_memory memory;
    att_tensor before = forward(&n, NULL, &memory);
    require(&n, att_model_save(n.model, folder, NULL));
    att_model_close(n.model);
    require(&n, att_model_open(ctx, folder, &n.model));
    att_tensor after = forward(&n, NULL, &memory);
    assert_true(largest(before.data, before.cols) > 0.001f);
    assert_memory_equal(before.data, after.data, (size_t)(before.rows * before.cols) * sizeof(float));
    att_model_close(n.model);
    att_arena_free(n.arena);
    empty_folder(NULL);
  }
}

static void test_refusals(void **state) {
  (void)state;
  static const struct {
    const char *config, *clue;
    att_status status;
  } bad[] = {
      {"\"model_type\": \"attend-rnn\", \"kind\": \"decoder\", \"decoder_layers\": 1", "cell is missing", ATT_FORMAT},
      {"\"model_type\": \"attend-rnn\", \"cell\": \"mgu\", \"kind\": \"decoder\", \"decoder_layers\": 1",
       "cell is \"mgu\"", ATT_UNSUPPORTED},
      {"\"model_type\": \"attend-rnn\", \"cell\": \"gru\", \"kind\": \"both\"", "kind is \"both\"", ATT_UNSUPPORTED},
      {"\"model_type\": \"attend-rnn\", \"cell\": \"gru\", \"kind\": \"decoder\"", "decoder_layers", ATT_FORMAT},
      {"\"model_type\": \"attend-rnn\", \"cell\": \"gru\", \"kind\": \"decoder\", \"decoder_layers\": 2000",
       "decoder_layers", ATT_FORMAT},
      {"\"model_type\": \"attend-rnn\", \"cell\": \"gru\", \"kind\": \"decoder\", \"decoder_layers\": 1, "
       "\"attention\": \"additive\"",
       "attention", ATT_FORMAT},
      {"\"model_type\": \"attend-rnn\", \"cell\": \"gru\", \"kind\": \"decoder\", \"decoder_layers\": 1, "
       "\"bidirectional\": true",
       "bidirectional", ATT_FORMAT},
      {"\"model_type\": \"attend-ffn\", \"kind\": \"encoder\", \"encoder_layers\": 1", "fills no masks",
       ATT_UNSUPPORTED},
      {"\"model_type\": \"attend-ffn\", \"kind\": \"decoder\", \"decoder_layers\": 1, \"activation_function\": \"sin\"",
       "activation_function", ATT_UNSUPPORTED},
  };
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    char text[1024];
    att_config config;
    snprintf(text, sizeof text,
             "{%s, \"vocab_size\": 20, \"d_model\": 4, \"embedding_size\": 4, \"max_position_embeddings\": 8}",
             bad[i].config);
    write_bytes(in_folder("config.json"), text, strlen(text));
    must_say(att_config_read(ctx, folder, &config), bad[i].status, bad[i].clue);
  }
  const char *huge =
      "{\"model_type\": \"attend-ffn\", \"kind\": \"decoder\", \"decoder_layers\": 1, \"vocab_size\": "
      "1048576, \"d_model\": 1048576, \"embedding_size\": 1048576, \"max_position_embeddings\": 1048576}";
  att_config config;
  write_bytes(in_folder("config.json"), huge, strlen(huge));
  must_say(att_config_read(ctx, folder, &config), ATT_UNSUPPORTED, "parameters");
}

/* A padded network says how long is too long. */
static void test_too_long(void **state) {
  (void)state;
  net n;
  att_hidden hidden;
  int32_t ids[10] = {3, 3, 3, 3, 3, 3, 3, 3, 3, 3};
  const int64_t start[] = {0, 10};
  net_open(&n, "recurrent_ffn_classifier");
  att_run run = {.ctx = ctx, .arena = n.arena};
  att_input input = {.ids = ids, .sequences = {1, start}};
  must_say(att_model_hidden(&run, n.model, &input, NULL, NULL, &hidden), ATT_ARGUMENT, "10 tokens");
  must_say(att_model_hidden(&run, n.model, &input, NULL, NULL, &hidden), ATT_ARGUMENT, "9 positions");
  net_close(&n);
}

/* ---- memory, dropout ---- */

static att_status train_once(att_context *context, void *arg) {
  const char *name = arg;
  att_config config;
  char path[1024];
  att_model *model = NULL;
  att_arena *arena = NULL;
  static const int32_t ids[] = {2, 3, 4, 5, 6}, labels[] = {0, 1, 4, 5, 6};
  static const int64_t start[] = {0, 3, 5};
  snprintf(path, sizeof path, "%s/%s", ATT_TEST_DATA, name);
  ATT_TRY(att_config_read(context, path, &config));
  att_status status = att_model_new(context, &config, NULL, 1, &model);
  if (status) att_free(context, config.labels);
  if (!status) status = att_model_add_gradients(model);
  if (!status) status = att_arena_new(context, &arena);
  att_run run = {.ctx = context, .arena = arena, .dropout = 0.3f, .dropout_key = 5};
  if (!status) status = att_tape_new(arena, &run.tape);
  att_input input = {.ids = ids, .sequences = {2, start}};
  att_batch batch = {.source = input, .target = input, .labels = labels};
  att_loss loss = {0};
  if (!status) status = att_model_loss(&run, model, &batch, 0, 1, &loss);
  if (!status) status = att_backward(&run);
  att_arena_free(arena);
  att_model_close(model);
  return status;
}

static void test_each_allocation_may_fail(void **state) {
  (void)state;
  for (size_t i = 0; i < NAMES; i++) assert_true(fail_each_allocation(train_once, (void *)(uintptr_t)names[i]) > 5);
}

/* With dropout, small steps against and along the gradient change the loss by as much as the gradient says: forward and
 * backward drop the same. */
static double loss_of(net *n, bool backward) {
  att_run run = {.ctx = ctx, .arena = n->arena, .dropout = 0.3f, .dropout_key = 5};
  att_loss loss = {0};
  att_arena_reset(n->arena);
  if (backward) require(n, att_tape_new(n->arena, &run.tape));
  require(n, att_model_loss(&run, n->model, &n->batch, 0, 1, &loss));
  if (backward) require(n, att_backward(&run));
  return loss.loss;
}

static void test_dropout(void **state) {
  (void)state;
  for (size_t i = 0; i < NAMES; i++) {
    net n;
    net_open(&n, names[i]);
    require(&n, att_model_add_gradients(n.model));
    double before = loss_of(&n, true);
    double squares = att_kernels_get()->sum_squares(n.model->gradients, n.model->trained_total);
    double fall = 5e-4 * before, size = fall / squares, ends[2];
    assert_true(squares > 1e-6);
    for (int end = 0; end < 2; end++) {
      for (int64_t p = 0; p < n.model->trained_total; p++)
        n.model->values[p] -= (float)((end ? -2 : 1) * size * (double)n.model->gradients[p]);
      ends[end] = loss_of(&n, false);
    }
    if (!(fabs((ends[1] - ends[0]) / 2 - fall) < 0.02 * fall))
      fail_msg("%s: the loss fell by %g, not %g", n.name, (ends[1] - ends[0]) / 2, fall);
    net_close(&n);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_teardown(test_logits, empty_folder),
      cmocka_unit_test_teardown(test_loss_and_gradients, empty_folder),
      cmocka_unit_test_teardown(test_steps, empty_folder),
      cmocka_unit_test_teardown(test_empty_source, empty_folder),
      cmocka_unit_test_teardown(test_attention, empty_folder),
      cmocka_unit_test_teardown(test_settings_come_back, empty_folder),
      cmocka_unit_test_teardown(test_weights_come_back, empty_folder),
      cmocka_unit_test_teardown(test_folder_comes_back, empty_folder),
      cmocka_unit_test_teardown(test_refusals, empty_folder),
      cmocka_unit_test_teardown(test_too_long, empty_folder),
      cmocka_unit_test_teardown(test_each_allocation_may_fail, empty_folder),
      cmocka_unit_test_teardown(test_dropout, empty_folder),
  };
  return cmocka_run_group_tests(tests, begin, end);
}
