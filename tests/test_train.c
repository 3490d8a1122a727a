/*
 * The parts of training, each against what it must be: schedules against their formulas, Adam against a reference in
 * double precision, batches that hold every pair once, data that is not as it should be. Whole runs: test_train_run.c.
 */
#include "scratch.h"

#include "base/random.h"
#include "train/checkpoint.h"
#include "train/data/batches.h"
#include "train/loss_curve.h"
#include "train/optimizer.h"
#include "train/task.h"

#include <math.h>

/* ---- the rate ------------------------------------------------------------------------------------------------- */

static void schedules_follow_their_formulas(void **state) {
  (void)state;
  att_plan plan = {.steps = 1000, .warmup = 100, .lr = 2e-3, .min_lr = 1e-4};
  for (int64_t step = 1; step <= 1000; step++) {
    double passed = (double)(step - 100) / 901.0, range = 2e-3 - 1e-4;
    const double expected[] = {1e-4 + range * (1 + cos(acos(-1) * passed)) / 2, 1e-4 + range * (1 - passed),
                               fmax(1e-4, 2e-3 * sqrt(100.0 / (double)step)), 2e-3};
    for (plan.schedule = 0; plan.schedule <= ATT_SCHEDULE_CONSTANT; plan.schedule++) {
      double value = step <= 100 ? 2e-3 * (double)step / 100 : expected[plan.schedule];
      assert_float_equal(att_plan_lr(&plan, step), value, 1e-12);
    }
  }
  assert_float_equal(att_plan_lr(&plan, 100), 2e-3, 1e-15);
}

/* ---- Adam ----------------------------------------------------------------------------------------------------- */

static const att_config tiny = {.family = ATT_M2M_100,
                                .d_model = 32,
                                .vocab_size = 50,
                                .max_position_embeddings = 40,
                                .encoder_layers = 1,
                                .decoder_layers = 2,
                                .encoder_attention_heads = 2,
                                .decoder_attention_heads = 2,
                                .encoder_ffn_dim = 64,
                                .decoder_ffn_dim = 64,
                                .tie_word_embeddings = true,
                                .scale_embedding = true,
                                .layer_norm_epsilon = 1e-5f,
                                .pad = 1,
                                .bos = 0,
                                .eos = 2,
                                .decoder_start = 2};

static att_model *new_model(uint64_t seed) {
  att_model *model;
  assert_int_equal(att_model_new(ctx, &tiny, NULL, seed, &model), ATT_OK);
  assert_int_equal(att_model_add_gradients(model), ATT_OK);
  return model;
}

static bool decays(const att_model *model, int64_t at) {
  bool decay = false;
  for (size_t i = 0; i < model->parameter_count; i++)
    if (model->parameters[i].trained && model->parameters[i].offset <= at) decay = model->parameters[i].decay;
  return decay;
}

static bool is_frozen(const att_model *model, int64_t at) {
  for (size_t i = 0; i < model->parameter_count; i++) {
    const att_parameter *p = &model->parameters[i];
    int64_t begin = p->offset + p->frozen_row * p->cols;
    if (p->frozen_row >= 0 && at >= begin && at < begin + p->cols) return true;
  }
  return false;
}

static void adam_is_the_papers(void **state) {
  (void)state;
  att_model *model = new_model(3);
  att_optimizer optimizer;
  att_plan plan = {.beta1 = 0.9, .beta2 = 0.98, .epsilon = 1e-9, .weight_decay = 0.1, .clip = 0.5};
  assert_int_equal(att_optimizer_new(model, &optimizer), ATT_OK);
  int64_t count = model->trained_total;
  double *w = calloc((size_t)count, sizeof(double)), *m = calloc((size_t)count, sizeof(double)),
         *v = calloc((size_t)count, sizeof(double));
  float *first = malloc((size_t)count * sizeof(float));
  memcpy(first, model->values, (size_t)count * sizeof(float));
  for (int64_t i = 0; i < count; i++) w[i] = (double)model->values[i];
  for (int64_t t = 1; t <= 4; t++) {
    double squares = 0, lr = 1e-2 / (double)t;
    for (int64_t i = 0; i < count; i++) {
      model->gradients[i] = (float)(0.02 * att_normal((uint64_t)t, (uint64_t)i));
      if (!is_frozen(model, i)) squares += (double)model->gradients[i] * (double)model->gradients[i];
    }
    double norm = att_optimizer_norm(&optimizer), scale = fmin(1, 0.5 / sqrt(squares));
    assert_float_equal(norm, sqrt(squares), 1e-6 * norm);
    assert_true(scale < 0.9); /* clipping is at work */
    for (int64_t i = 0; i < count; i++) {
      if (is_frozen(model, i)) continue;
      double g = scale * (double)model->gradients[i];
      m[i] = 0.9 * m[i] + 0.1 * g;
      v[i] = 0.98 * v[i] + 0.02 * g * g;
      double step = m[i] / (1 - pow(0.9, (double)t)) / (sqrt(v[i] / (1 - pow(0.98, (double)t))) + 1e-9);
      w[i] -= lr * (step + (decays(model, i) ? 0.1 * w[i] : 0));
    }
    att_optimizer_step(&optimizer, &plan, t, lr, norm);
  }
  double moved = 0;
  for (int64_t i = 0; i < count; i++) {
    assert_float_equal(model->values[i], w[i], 2e-6 + 1e-5 * fabs(w[i]));
    moved += fabs((double)model->values[i] - (double)first[i]);
    assert_true(model->gradients[i] == 0);
  }
  assert_true(moved / (double)count > 5e-3); /* a step moves by about lr */
  att_optimizer_free(&optimizer);
  att_model_close(model);
  free(w), free(m), free(v), free(first);
}

typedef struct every_nth {
  const att_parameter *first;
  size_t distance;
} every_nth;

static bool is_not_nth(const void *arg, const att_parameter *p) {
  const every_nth *n = arg;
  return (size_t)(p - n->first) % n->distance != n->distance - 2;
}

/* Parameters that are not trained, wherever they stand in the table, stay as they are, whatever their neighbours'
 * decay: they have no place in the block that is trained. */
static void what_is_not_trained_stays(void **state) {
  (void)state;
  att_plan plan = {.beta1 = 0.9, .beta2 = 0.98, .epsilon = 1e-9, .weight_decay = 0.1};
  for (size_t distance = 2; distance <= 6; distance++) {
    att_model *model = new_model(3);
    att_optimizer optimizer;
    size_t frozen = 0;
    const every_nth nth = {model->parameters, distance};
    assert_int_equal(att_model_train(model, is_not_nth, &nth), ATT_OK);
    assert_int_equal(att_model_add_gradients(model), ATT_OK);
    assert_int_equal(att_optimizer_new(model, &optimizer), ATT_OK);
    for (size_t i = 0; i < model->parameter_count; i++) {
      const att_parameter *p = &model->parameters[i];
      float *values = p->trained ? model->values + p->offset : p->memory;
      frozen += !p->trained;
      assert_true(values && values == p->data);
      for (int64_t k = 0; k < p->rows * p->cols; k++) values[k] = 1;
    }
    assert_true(frozen > 2 && frozen < model->parameter_count);
    att_optimizer_step(&optimizer, &plan, 1, 1, att_optimizer_norm(&optimizer)); /* the decay alone */
    for (size_t i = 0; i < model->parameter_count; i++) {
      const att_parameter *p = &model->parameters[i];
      const float *values = p->data, expected = p->trained && p->decay ? 0.9f : 1;
      for (int64_t k = 0; k < p->rows * p->cols; k++) {
        if (!(fabsf(values[k] - expected) < 1e-6f))
          fail_msg("%s, one of %zu not trained: %g, not %g", p->name, distance, (double)values[k], (double)expected);
      }
    }
    att_optimizer_free(&optimizer);
    att_model_close(model);
  }
}

static void not_a_number_is_seen(void **state) {
  (void)state;
  att_model *model = new_model(3);
  att_optimizer optimizer;
  assert_int_equal(att_optimizer_new(model, &optimizer), ATT_OK);
  assert_true(att_optimizer_norm(&optimizer) == 0);
  model->gradients[model->trained_total - 1] = NAN;
  assert_false(isfinite(att_optimizer_norm(&optimizer)));
  assert_true(att_optimizer_is_finite(&optimizer));
  model->values[17] = INFINITY;
  assert_false(att_optimizer_is_finite(&optimizer));
  att_optimizer_free(&optimizer);
  att_model_close(model);
}

static void snapshots_are_averaged(void **state) {
  (void)state;
  const att_snapshot snapshots[] = {{.step = 1}, {.step = 2}, {.step = 3}};
  att_model *models[3];
  for (int i = 0; i < 3; i++) {
    models[i] = new_model((uint64_t)i + 1);
    assert_int_equal(att_snapshot_save(models[i], folder, i + 1), ATT_OK);
  }
  int64_t count = models[0]->trained_total;
  float *expected = malloc((size_t)count * sizeof(float));
  double size = 0;
  for (int64_t i = 0; i < count; i++) {
    expected[i] = (models[0]->values[i] + models[1]->values[i] + models[2]->values[i]) / 3;
    size += fabs((double)expected[i]);
  }
  assert_true(size / (double)count > 1e-3);
  assert_int_equal(att_snapshots_average(models[0], folder, snapshots, 3), ATT_OK);
  for (int64_t i = 0; i < count; i++) assert_float_equal(models[0]->values[i], expected[i], 1e-6);
  att_state named;
  att_state_begin(&named, "translation");
  named.snapshots[0].step = 2;
  named.snapshot_count = 1;
  att_snapshots_prune(ctx, folder, &named);
  assert_true(att_file_exists(in_folder("snapshots/2.safetensors")));
  assert_false(att_file_exists(in_folder("snapshots/1.safetensors")));
  named.snapshot_count = 0;
  att_snapshots_prune(ctx, folder, &named);
  assert_false(att_file_exists(in_folder("snapshots")));
  for (int i = 0; i < 3; i++) att_model_close(models[i]);
  free(expected);
}

/* ---- batches -------------------------------------------------------------------------------------------------- */

/* Pairs of 2 to 21 tokens whose first id is the pair's number. */
static att_corpus make_corpus(int64_t count) {
  att_corpus c = {.count = count,
                  .source_start = calloc((size_t)count + 1, sizeof(int64_t)),
                  .target_start = calloc((size_t)count + 1, sizeof(int64_t))};
  c.source.data = calloc((size_t)count * 21, sizeof(int32_t));
  c.target.data = calloc((size_t)count * 21, sizeof(int32_t));
  for (int64_t i = 0; i < count; i++) {
    c.source_start[i + 1] = c.source_start[i] + 2 + (int64_t)(att_random64(1, (uint64_t)i) % 20);
    c.target_start[i + 1] = c.target_start[i] + 2 + (int64_t)(att_random64(2, (uint64_t)i) % 20);
    c.source.data[c.source_start[i]] = c.target.data[c.target_start[i]] = (int32_t)i;
    c.target.data[c.target_start[i + 1] - 1] = -2;
  }
  return c;
}

static void free_corpus(att_corpus *c) {
  free(c->source.data), free(c->target.data), free(c->source_start), free(c->target_start);
}

static void check_batch(const att_corpus *c, const att_batch *batch, int64_t tokens, int64_t rows, int *seen) {
  const int64_t *sources_at = batch->source.sequences.start, *targets_at = batch->target.sequences.start;
  int64_t longest = 0, count = batch->source.sequences.count;
  assert_true(count > 0 && batch->target.sequences.count == count);
  for (int64_t r = 0; r < count; r++) {
    int64_t s = sources_at[r], t = targets_at[r], end = targets_at[r + 1];
    int64_t sources = sources_at[r + 1] - s, pair = batch->source.ids[s];
    seen[pair]++;
    assert_int_equal(sources, c->source_start[pair + 1] - c->source_start[pair]);
    assert_int_equal(end - t, c->target_start[pair + 1] - c->target_start[pair]);
    assert_int_equal(batch->labels[t], pair);
    assert_int_equal(batch->labels[end - 1], -2);
    assert_int_equal(batch->target.ids[t], 77);
    assert_memory_equal(batch->target.ids + t + 1, batch->labels + t, (size_t)(end - t - 1) * sizeof(int32_t));
    if (sources > longest) longest = sources;
    if (end - t > longest) longest = end - t;
  }
  if (tokens > 0) assert_true(count * longest <= tokens);
  if (rows > 0) assert_true(count <= rows);
}

static uint64_t epoch_key(att_batches *batches, const att_corpus *c, int64_t epoch, int64_t tokens, int64_t rows) {
  int *seen = calloc((size_t)c->count, sizeof(int));
  uint64_t key = 0;
  att_batches_shuffle(batches, 5, epoch);
  for (int64_t b = 0; b < batches->count; b++) {
    att_batch batch = att_batches_get(batches, b, 77);
    check_batch(c, &batch, tokens, rows, seen);
    for (int64_t r = 0; r < batch.source.sequences.count; r++)
      key = att_key(key, (uint64_t)batch.source.ids[batch.source.sequences.start[r]]);
  }
  for (int64_t i = 0; i < c->count; i++) assert_int_equal(seen[i], 1);
  free(seen);
  return key;
}

static void every_pair_stands_in_an_epoch_once(void **state) {
  (void)state;
  att_corpus corpus = make_corpus(997);
  const int64_t bounds[][2] = {{128, 0}, {0, 7}, {22, 0}, {100000, 0}, {0, 1}};
  for (size_t i = 0; i < sizeof bounds / sizeof *bounds; i++) {
    att_batches batches;
    assert_int_equal(att_batches_new(ctx, &corpus, bounds[i][0], bounds[i][1], &batches), ATT_OK);
    uint64_t first = epoch_key(&batches, &corpus, 0, bounds[i][0], bounds[i][1]);
    assert_int_not_equal(epoch_key(&batches, &corpus, 1, bounds[i][0], bounds[i][1]), first);
    assert_int_equal(epoch_key(&batches, &corpus, 0, bounds[i][0], bounds[i][1]), first);
    att_batches_free(ctx, &batches);
  }
  free_corpus(&corpus);
}

static void batches_are_nearly_full(void **state) {
  (void)state;
  att_corpus corpus = make_corpus(5000);
  att_batches batches;
  assert_int_equal(att_batches_new(ctx, &corpus, 1024, 0, &batches), ATT_OK);
  double ideal = (double)corpus.source_start[corpus.count] / 1024; /* the padded sum is above this */
  assert_true((double)batches.count > ideal && (double)batches.count < 1.7 * ideal);
  att_batches_free(ctx, &batches);
  free_corpus(&corpus);
}

/* ---- data ----------------------------------------------------------------------------------------------------- */

static char logged[4096];
static void remember(void *user, att_log_level level, const char *text) {
  (void)user;
  (void)level;
  snprintf(logged + strlen(logged), sizeof logged - strlen(logged), "%s\n", text);
}

static att_tokenizer *byte_tokenizer(void) {
  static const char *const marks[] = {"<s>", "<pad>", "</s>", "<unk>"};
  const att_text line = {"a b", 3}, *texts[] = {&line};
  const size_t counts[] = {1};
  const att_tokenizer_plan plan = {.vocab = 260, .first_specials = marks, .first_count = 4, .end_token = "</s>"};
  att_tokenizer *tokenizer;
  assert_int_equal(att_tokenizer_train(ctx, texts, counts, 1, &plan, NULL, NULL, &tokenizer), ATT_OK);
  return tokenizer;
}

static void odd_lines_are_left_out_and_said(void **state) {
  (void)state;
  static const char source[] = "one\n\n  \ntoo long for the bound\nfo\xff!\nn\0l\nlast",
                    target[] = "1\n2\n3\n4\n5\n6\n7\n";
  att_lines lines;
  att_corpus corpus;
  att_tokenizer *tokenizer = byte_tokenizer();
  write_bytes(in_folder("s"), source, sizeof source - 1);
  write_bytes(in_folder("t"), target, sizeof target - 1);
  assert_int_equal(att_lines_read(ctx, in_folder("s"), in_folder("t"), &lines), ATT_OK);
  logged[0] = '\0';
  assert_int_equal(att_corpus_encode(ctx, tokenizer, &lines, "the data", 8, ATT_LEAVE_OUT, 2, NULL, NULL, &corpus),
                   ATT_OK);
  assert_int_equal(corpus.count, 4);
  assert_int_equal(corpus.left_out_empty, 2);
  assert_int_equal(corpus.left_out_long, 1);
  const size_t kept[] = {0, 4, 5, 6};
  for (int i = 0; i < 4; i++) assert_int_equal(corpus.line[i], kept[i]);
  for (int i = 0; i < 4; i++) {
    assert_int_equal(corpus.source.data[corpus.source_start[i + 1] - 1], 2);
    assert_int_equal(corpus.target.data[corpus.target_start[i + 1] - 1], 2);
    assert_int_equal(corpus.target_start[i + 1] - corpus.target_start[i], 2);
  }
  assert_non_null(strstr(logged, "2 pairs with an empty side left out"));
  assert_non_null(strstr(logged, "1 pair longer than 8 tokens left out"));
  assert_non_null(strstr(logged, "2 pairs with invalid UTF-8 or NUL bytes, the first in line 5"));
  att_corpus_free(ctx, &corpus);
  must_say(att_corpus_encode(ctx, tokenizer, &lines, "the data", 1, ATT_LEAVE_OUT, 2, NULL, NULL, &corpus), ATT_FORMAT,
           "the data: no pair is left");
  att_lines_free(ctx, &lines);
  att_tokenizer_free(tokenizer);
}

static void sides_must_be_equal(void **state) {
  (void)state;
  att_lines lines;
  write_bytes(in_folder("s"), "a\nb\n", 4);
  write_bytes(in_folder("t"), "a\nb\nc", 5);
  write_bytes(in_folder("e"), "", 0);
  must_say(att_lines_read(ctx, in_folder("s"), in_folder("t"), &lines), ATT_FORMAT, "s has 2 lines");
  must_say(att_lines_read(ctx, in_folder("e"), in_folder("e"), &lines), ATT_FORMAT, "e: it has no lines");
  must_say(att_lines_read(ctx, in_folder("s"), in_folder("no"), &lines), ATT_IO, "no: ");
}

static void a_part_is_held_out(void **state) {
  (void)state;
  char text[40000], *at = text;
  for (int i = 0; i < 5000; i++) at += sprintf(at, "%d\n", i);
  write_bytes(in_folder("s"), text, (size_t)(at - text));
  att_lines lines, held;
  uint64_t before[2], after[2];
  for (int seed = 0; seed < 2; seed++) {
    assert_int_equal(att_lines_read(ctx, in_folder("s"), in_folder("s"), &lines), ATT_OK);
    before[seed] = att_lines_fingerprint(&lines);
    assert_int_equal(att_lines_hold_out(ctx, &lines, 100, (uint64_t)seed, &held), ATT_OK);
    assert_int_equal(held.count, 100);
    assert_int_equal(lines.count, 4900);
    int sum = 0, expected = 5000 * 4999 / 2;
    for (size_t i = 0; i < held.count; i++) sum += atoi(held.source[i].data);
    for (size_t i = 0; i < lines.count; i++) sum += atoi(lines.target[i].data);
    assert_int_equal(sum, expected);
    after[seed] = att_lines_fingerprint(&held);
    att_lines_free(ctx, &held);
    att_lines_free(ctx, &lines);
  }
  assert_int_equal(before[0], before[1]);
  assert_int_not_equal(after[0], after[1]);
}

/* ---- options, the picture ------------------------------------------------------------------------------------- */

static att_status choose_for(att_plan *plan, int64_t pairs) {
  ATT_TRY(att_plan_begin(ctx, plan, ATT_TASK_TRANSLATION));
  att_plan_choose_translation(plan, pairs);
  return att_plan_choose(ctx, plan, att_translation_task.shapes);
}

static att_train_options of_translation(void) {
  att_train_options o;
  att_options_begin(ctx, ATT_TASK_TRANSLATION, &o);
  o.source = o.target = o.out = "x";
  return o;
}

static void impossible_options_are_refused(void **state) {
  (void)state;
  const att_shapes *shapes = att_translation_task.shapes;
  att_train_options good = of_translation(), o;
  att_plan plan;
  assert_int_equal(att_plan_wanted(ctx, shapes, &good, &plan), ATT_OK);
#define REFUSED(change, clue)                                                                                          \
  o = good, o.change;                                                                                                  \
  must_say(att_plan_wanted(ctx, shapes, &o, &plan), ATT_ARGUMENT, clue)
  REFUSED(source = NULL, "source is missing");
  REFUSED(out = NULL, "out is missing");
  REFUSED(valid_source = "x", "valid-target is missing");
  REFUSED(plan.embedding = 8, "embedding cannot be chosen: a network of the family transformer has none");
  o = good, o.plan.network = ATT_GRU, o.plan.norm = ATT_NORM_RMS;
  must_say(att_plan_wanted(ctx, shapes, &o, &plan), ATT_ARGUMENT, "norm cannot be chosen: a network of the family gru");
  o = good, o.plan.steps = 5, o.plan.minutes = 1;
  must_say(att_plan_wanted(ctx, shapes, &o, &plan), ATT_ARGUMENT, "one budget");
  o = good, o.plan.batch = 5, o.plan.batch_tokens = 100;
  must_say(att_plan_wanted(ctx, shapes, &o, &plan), ATT_ARGUMENT, "give one of --batch and --batch-tokens");
  o = good, o.plan.width = 30, o.plan.heads = 4;
  assert_int_equal(att_plan_wanted(ctx, shapes, &o, &plan), ATT_OK);
  must_say(choose_for(&plan, 1000), ATT_ARGUMENT, "width is 30, not a multiple of 4 heads");
}

static void the_data_chooses(void **state) {
  (void)state;
  const att_shapes *shapes = att_translation_task.shapes;
  att_train_options o = of_translation();
  att_plan small, large, own;
  o.plan.minutes = 60;
  assert_int_equal(att_plan_wanted(ctx, shapes, &o, &small), ATT_OK);
  large = small;
  large.minutes = 6000;
  assert_int_equal(choose_for(&small, 29000), ATT_OK);
  assert_int_equal(choose_for(&large, 4000000), ATT_OK);
  assert_true(small.width == 256 && small.encoder_layers == 3 && small.vocab == 8000 && small.feedforward == 1024);
  assert_true(large.width == 512 && large.encoder_layers == 6 && large.vocab == 32000 && large.lr < small.lr);
  assert_true(small.clip == 1 && small.beta2 == 0.98 && small.label_smoothing == 0.1 && small.average == 5);
  o.plan.width = 96;
  o.plan.size = ATT_BASE;
  o.plan.dropout = 0;
  assert_int_equal(att_plan_wanted(ctx, shapes, &o, &own), ATT_OK);
  assert_int_equal(choose_for(&own, 29000), ATT_OK);
  assert_true(own.width == 96 && own.encoder_layers == 6 && own.dropout == 0);
  o = of_translation(), o.plan.layers = 4, o.plan.decoder_layers = 2;
  assert_int_equal(att_plan_wanted(ctx, shapes, &o, &own), ATT_OK);
  assert_true(own.encoder_layers == 4 && own.decoder_layers == 2);
}

static void the_picture_holds_both_curves(void **state) {
  (void)state;
  static const char text[] = "{\"step\": 1, \"loss\": 9.5}\nnonsense\n{\"step\": 10, \"loss\": 5.25}\n"
                             "{\"step\": 10, \"valid_loss\": 4.75, \"bleu\": 12.3}\n{\"step\": 20, \"loss\": null}\n";
  att_buffer svg = {0};
  assert_int_equal(att_picture_draw(ctx, text, "BLEU", &svg), ATT_OK);
  assert_non_null(strstr(svg.data, "class=\"train\" d=\"M128.0 64.0L704.0 "));
  assert_non_null(strstr(svg.data, "class=\"valid\" d=\"M704.0 384.0"));
  assert_non_null(strstr(svg.data, "12.3 at step 10"));
  assert_null(strstr(svg.data, "nan"));
  svg.size = 0;
  assert_int_equal(att_picture_draw(ctx, "", NULL, &svg), ATT_OK);
  assert_non_null(strstr(svg.data, "</svg>"));
  att_buffer_free(ctx, &svg);
}

static int begin_logging(void **state) {
  if (begin(state)) return 1;
  ctx->log = remember;
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(schedules_follow_their_formulas),
      cmocka_unit_test(adam_is_the_papers),
      cmocka_unit_test(what_is_not_trained_stays),
      cmocka_unit_test(not_a_number_is_seen),
      cmocka_unit_test_teardown(snapshots_are_averaged, empty_folder),
      cmocka_unit_test(every_pair_stands_in_an_epoch_once),
      cmocka_unit_test(batches_are_nearly_full),
      cmocka_unit_test_teardown(odd_lines_are_left_out_and_said, empty_folder),
      cmocka_unit_test_teardown(sides_must_be_equal, empty_folder),
      cmocka_unit_test_teardown(a_part_is_held_out, empty_folder),
      cmocka_unit_test(impossible_options_are_refused),
      cmocka_unit_test(the_data_chooses),
      cmocka_unit_test(the_picture_holds_both_curves),
  };
  return cmocka_run_group_tests(tests, begin_logging, end);
}
