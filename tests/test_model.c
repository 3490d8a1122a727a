/*
 * The forward pass, the loss and every gradient of small encoder-decoders against PyTorch's; the same logits from the
 * training forward, a prefill and single steps; the attention that is shown; a folder written and read again.
 */
#include "model_fixture.h"
#include "same_values.h"

#include <unistd.h>

static att_run running(const fixture *f) { return (att_run){.ctx = f->ctx, .arena = f->arena}; }

/* Logits of all target positions, on the fixture's arena. */
static att_tensor forward(const fixture *f, const att_maps *maps, att_memory *memory) {
  att_run run = running(f);
  att_tensor hidden, logits;
  require_ok(f, att_model_encode(&run, f->model, &f->pairs.source, maps, NULL, memory));
  require_ok(f, att_model_decode(&run, f->model, &f->pairs.target, memory, maps, NULL, &hidden));
  require_ok(f, att_model_logits(&run, f->model, &hidden, &logits));
  assert_int_equal(logits.cols, f->model->config.vocab_size);
  return logits;
}

static void test_logits(void **state) {
  (void)state;
  for (size_t i = 0; i < FIXTURES; i++) {
    fixture f;
    fixture_open(&f, fixture_names[i]);
    att_memory memory;
    att_tensor logits = forward(&f, NULL, &memory);
    compare_rows(&f, "memory", &memory.rows);
    compare_rows(&f, "logits", &logits);
    fixture_close(&f);
  }
}

static att_loss backward(fixture *f) {
  att_run run = running(f);
  att_loss loss = {0};
  int64_t tokens = att_batch_targets(f->model, &f->pairs);
  att_arena_reset(f->arena);
  require_ok(f, att_tape_new(f->arena, &run.tape));
  require_ok(f, att_model_loss(&run, f->model, &f->pairs, 0.1f, (double)tokens, &loss));
  require_ok(f, att_backward(&run));
  assert_int_equal(loss.count, tokens);
  return loss;
}

static void test_loss_and_gradients(void **state) {
  (void)state;
  for (size_t i = 0; i < FIXTURES; i++) {
    fixture f;
    fixture_open(&f, fixture_names[i]);
    require_ok(&f, att_model_add_gradients(f.model));
    att_loss loss = backward(&f);
    float *mean = stored_floats(&f, "loss"), *nll = stored_floats(&f, "nll");
    assert_true(fabs(loss.loss / (double)loss.count - (double)*mean) < 1e-5 * (double)*mean);
    assert_true(fabs(loss.nll - (double)*nll) < 1e-5 * (double)*nll);
    compare_gradients(&f, 1);
    backward(&f); /* gradients are added into */
    compare_gradients(&f, 2);
    free(mean);
    free(nll);
    fixture_close(&f);
  }
}

/* ---- steps ---- */

/* The target rows of the pairs, `chunk` new tokens of each sequence at a time, through a cache whose rows are handed
 * out backwards. logits: [target rows, vocabulary] */
static void step_through(const fixture *f, const att_memory *memory, int64_t chunk, float *logits) {
  enum { MOST = 8 };
  const att_config *config = &f->model->config;
  int64_t pairs = f->pairs.target.sequences.count, rows = f->target_starts[pairs], width = 2 * config->d_model;
  att_run run = running(f);
  void **self = ATT_ARENA_NEW(f->arena, config->decoder_layers, void *);
  void **cross = ATT_ARENA_NEW(f->arena, config->decoder_layers, void *);
  for (int64_t l = 0; l < config->decoder_layers; l++) {
    self[l] = ATT_ARENA_NEW(f->arena, rows * width, float);
    cross[l] = ATT_ARENA_NEW(f->arena, memory->rows.rows * width, float);
  }
  require_ok(f, att_model_cross(&run, f->model, memory, NULL, cross));
  int32_t *self_rows = ATT_ARENA_NEW(f->arena, rows, int32_t);
  int32_t *memory_rows = ATT_ARENA_NEW(f->arena, memory->rows.rows, int32_t);
  for (int64_t r = 0; r < rows; r++) self_rows[r] = (int32_t)(rows - 1 - r);
  for (int64_t r = 0; r < memory->rows.rows; r++) memory_rows[r] = (int32_t)r;
  assert_true(pairs <= MOST);
  for (int64_t past = 0;; past += chunk) {
    int64_t start[MOST + 1] = {0}, self_counts[MOST], cross_counts[MOST], first[MOST], live = 0;
    const int32_t *self_list[MOST], *cross_list[MOST];
    int32_t *ids = ATT_ARENA_NEW(f->arena, rows, int32_t);
    for (int64_t i = 0; i < pairs; i++) {
      int64_t left = f->target_starts[i + 1] - f->target_starts[i] - past, new = left < chunk ? left : chunk;
      if (new <= 0) continue;
      first[live] = f->target_starts[i] + past;
      self_list[live] = self_rows + f->target_starts[i];
      self_counts[live] = past + new;
      cross_list[live] = memory_rows + memory->sequences.start[i];
      cross_counts[live] = memory->sequences.start[i + 1] - memory->sequences.start[i];
      memcpy(ids + start[live], f->inputs + first[live], (size_t) new * sizeof *ids);
      start[live + 1] = start[live] + new;
      live++;
    }
    if (live == 0) return;
    att_cache cache = {self, ATT_F32, cross, self_list, self_counts, cross_list, cross_counts, NULL, NULL};
    att_tensor hidden, out;
    att_input input = {.ids = ids, .sequences = {live, start}};
    require_ok(f, att_model_step(&run, f->model, &input, &cache, NULL, &hidden));
    require_ok(f, att_model_logits(&run, f->model, &hidden, &out));
    for (int64_t s = 0; s < live; s++)
      for (int64_t r = start[s]; r < start[s + 1]; r++)
        memcpy(logits + (first[s] + r - start[s]) * out.cols, out.data + r * out.stride,
               (size_t)out.cols * sizeof *logits);
  }
}

static void test_steps_equal_the_forward(void **state) {
  (void)state;
  static const int64_t chunks[] = {1, 3, 1000};
  for (size_t i = 0; i < FIXTURES; i++) {
    fixture f;
    fixture_open(&f, fixture_names[i]);
    att_memory memory;
    att_tensor logits = forward(&f, NULL, &memory);
    int64_t size = logits.rows * logits.cols;
    float *got = malloc((size_t)size * sizeof *got), most = largest(logits.data, logits.rows * logits.stride);
    assert_non_null(got);
    for (size_t c = 0; c < sizeof chunks / sizeof *chunks; c++) {
      for (int64_t k = 0; k < size; k++) got[k] = NAN;
      step_through(&f, &memory, chunks[c], got);
      for (int64_t r = 0; r < logits.rows; r++)
        require_close(&f, "step", got + r * logits.cols, logits.data + r * logits.stride, logits.cols, 1e-5f * most);
    }
    free(got);
    fixture_close(&f);
  }
}

/* ---- attention ---- */

/* [layers] of [sequences] of [heads, queries, keys], on the arena. */
static float ***make_maps(const fixture *f, int64_t layers, int64_t heads, const int64_t *queries,
                          const int64_t *keys) {
  int64_t count = f->pairs.source.sequences.count;
  float ***maps = ATT_ARENA_NEW(f->arena, layers, float **);
  for (int64_t l = 0; l < layers; l++) {
    maps[l] = ATT_ARENA_NEW(f->arena, count, float *);
    for (int64_t i = 0; i < count; i++)
      maps[l][i] = ATT_ARENA_NEW(f->arena, heads * (queries[i + 1] - queries[i]) * (keys[i + 1] - keys[i]), float);
  }
  return maps;
}

static void compare_maps(const fixture *f, const char *name, float ***maps) {
  const att_stored *shape = stored(f, name);
  int64_t *sample = stored_longs(f, "sample"), keys = shape->shape[3], size = shape->count / shape->shape[0];
  float *want = stored_floats(f, name);
  for (int64_t l = 0; l < shape->shape[0]; l++) {
    const float *got = maps[l][*sample];
    require_close(f, name, got, want + l * size, size, 1e-5f);
    for (int64_t row = 0; row < size / keys; row++) {
      double sum = 0;
      for (int64_t k = 0; k < keys; k++) sum += (double)got[row * keys + k];
      assert_true(fabs(sum - 1) < 1e-5);
    }
  }
  free(want);
  free(sample);
}

static void test_attention(void **state) {
  (void)state;
  for (size_t i = 0; i < FIXTURES; i++) {
    fixture f;
    fixture_open(&f, fixture_names[i]);
    const att_config *c = &f.model->config;
    att_memory memory;
    forward(&f, NULL, &memory); /* which rows are whose */
    const int64_t *source = memory.sequences.start;
    float ***encoder = make_maps(&f, c->encoder_layers, c->encoder_attention_heads, source, source);
    float ***decoder = make_maps(&f, c->decoder_layers, c->decoder_attention_heads, f.target_starts, f.target_starts);
    float ***cross = make_maps(&f, c->decoder_layers, c->decoder_attention_heads, f.target_starts, source);
    att_maps maps = {(float *const *const *)encoder, (float *const *const *)decoder, (float *const *const *)cross};
    att_tensor logits = forward(&f, &maps, &memory);
    compare_rows(&f, "logits", &logits); /* looking changes nothing */
    compare_maps(&f, "encoder", encoder);
    compare_maps(&f, "decoder", decoder);
    compare_maps(&f, "cross", cross);
    fixture_close(&f);
  }
}

/* ---- ids from outside ---- */

static void test_impossible_ids(void **state) {
  (void)state;
  fixture f;
  fixture_open(&f, fixture_names[2]);
  att_run run = running(&f);
  att_memory memory;
  int32_t ids[65] = {0};
  int64_t start[2] = {0, 3};
  att_input input = {.ids = ids, .sequences = {1, start}};
  static const int32_t bad[] = {-1, INT32_MIN, INT32_MAX};
  for (size_t i = 0; i < 3; i++) {
    ids[1] = bad[i];
    assert_int_equal(att_model_encode(&run, f.model, &input, NULL, NULL, &memory), ATT_ARGUMENT);
  }
  ids[1] = (int32_t)f.model->config.vocab_size;
  assert_int_equal(att_model_encode(&run, f.model, &input, NULL, NULL, &memory), ATT_ARGUMENT);
  ids[1] = 5;
  start[1] = f.model->config.max_position_embeddings + 1;
  assert_int_equal(start[1], 65);
  assert_int_equal(att_model_encode(&run, f.model, &input, NULL, NULL, &memory), ATT_ARGUMENT);
  start[1] = 64;
  require_ok(&f, att_model_encode(&run, f.model, &input, NULL, NULL, &memory));
  fixture_close(&f);
}

/* ---- saving ---- */

static void remove_folder(const fixture *f, const char *folder) {
  static const char *const names[] = {"config.json",           "model.safetensors",      "tokenizer.json",
                                      "tokenizer_config.json", "generation_config.json", "preprocessor_config.json"};
  size_t count = sizeof names / sizeof *names - !f->model->config.mel.rate;
  for (size_t i = 0; i < count; i++) {
    char path[1200];
    snprintf(path, sizeof path, "%s/%s", folder, names[i]);
    assert_int_equal(unlink(path), 0);
  }
  assert_int_equal(rmdir(folder), 0); /* and nothing else stood in it */
}

static void same_settings(const fixture *f, const att_model *other) {
  const att_config *a = &f->model->config, *b = &other->config;
  assert_int_equal(a->family, b->family);
  assert_int_equal(a->activation, b->activation);
  assert_int_equal(a->scale_embedding, b->scale_embedding);
  assert_int_equal(a->tie_word_embeddings, b->tie_word_embeddings);
  assert_int_equal(a->decoder_attention_heads, b->decoder_attention_heads);
  assert_int_equal(a->pad, b->pad);
  assert_int_equal(a->eos, b->eos);
  assert_int_equal(a->decoder_start, b->decoder_start);
  assert_memory_equal(&a->mel, &b->mel, sizeof a->mel);
  assert_int_equal(f->model->generation.num_beams, other->generation.num_beams);
  assert_int_equal(f->model->generation.max_length, other->generation.max_length);
  assert_int_equal(att_tokenizer_size(f->model->tokenizer), att_tokenizer_size(other->tokenizer));
}

static void save_and_open(const fixture *f, att_model *model, const char *type, att_model **out) {
  char folder[] = "/tmp/attend-test-XXXXXX";
  assert_non_null(mkdtemp(folder));
  require_ok(f, att_model_save(model, folder, type));
  require_ok(f, att_model_open(f->ctx, folder, out));
  assert_int_equal(att_model_save(model, folder, type) == ATT_OK, false); /* it is not empty any more */
  remove_folder(f, folder);
}

static void test_saving(void **state) {
  (void)state;
  static const char *const types[] = {"float16", "bfloat16"};
  for (size_t i = 0; i < FIXTURES; i++) {
    fixture f;
    fixture_open(&f, fixture_names[i]);
    att_model *copy, *half, *again, *back;
    save_and_open(&f, f.model, NULL, &copy);
    same_settings(&f, copy);
    assert_true(value_difference(f.model, copy) == 0);
    save_and_open(&f, f.model, types[i % 2], &half);
    assert_string_equal(att_type_name(half->config.storage), types[i % 2]);
    double difference = value_difference(f.model, half);
    assert_true(difference > 0 && difference < (i % 2 ? 0x1p-8 : 2e-3));
    save_and_open(&f, half, NULL, &again);
    assert_int_equal(again->config.storage, half->config.storage);
    assert_int_equal(again->file_bytes, half->file_bytes);
    assert_true(value_difference(half, again) == 0);
    save_and_open(&f, half, "float32", &back);
    assert_int_equal(back->config.storage, ATT_F32);
    assert_true(value_difference(half, back) == 0);
    att_model_close(back);
    att_model_close(copy);
    att_model_close(half);
    att_model_close(again);
    fixture_close(&f);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_logits),         cmocka_unit_test(test_loss_and_gradients),
      cmocka_unit_test(test_attention),      cmocka_unit_test(test_steps_equal_the_forward),
      cmocka_unit_test(test_impossible_ids), cmocka_unit_test(test_saving),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
