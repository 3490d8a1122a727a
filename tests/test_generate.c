/*
 * Going on from prompts against Hugging Face Transformers: greedy continuations token for token with and without a
 * repetition penalty, sliding windows of scores (tests/data/generate_*, tools/make_generate_fixtures.py). Then what no
 * other program is needed for: draws follow the model's distribution, texts do not depend on threads, failures.
 */
#include "generate_fixture.h"

#include <math.h>

#include "base/random.h"
#include "counting.h"
#include "decode/candidates.h"
#include "decode/decode.h"

/* ---- against Transformers ---- */

static void compare_greedy(setup *s, const json_t *run, const char *name) {
  att_generate_options options = defaults_of(s);
  assert_true(options.temperature == 0 && options.samples == 1 && options.repetition_penalty == 1);
  options.max_tokens = 200;
  options.repetition_penalty = json_number_value(json_object_get(run, "penalty"));
  collector *all = generate(s, text_of(run, "prompt"), &options);
  const collected *c = &all->samples[0];
  const json_t *tokens = json_object_get(run, "tokens");
  size_t wanted = json_array_size(tokens);
  for (size_t i = 0; i < c->count && i < wanted; i++) {
    if (c->tokens[i] != json_integer_value(json_array_get(tokens, i))) fail_msg("%s: token %zu differs", name, i);
  }
  if (c->count != wanted) fail_msg("%s: %zu tokens, not %zu", name, c->count, wanted);
  assert_int_equal(c->prompt_tokens, json_array_size(json_object_get(run, "ids")));
  char want[MOST_TEXT];
  size_t size = text_of_run(run, want, sizeof want);
  assert_int_equal(c->size, size);
  assert_memory_equal(c->text, want, size);
  bool ended = c->tokens[wanted - 1] == s->model->config.eos;
  assert_int_equal(c->finish, ended ? ATT_FINISH_END : ATT_FINISH_LENGTH);
  double logprob = json_real_value(json_object_get(run, "logprob"));
  if (!(fabs(c->logprob - logprob) < 1e-5 * fabs(logprob) + 1e-3)) {
    fail_msg("%s: log-probability %.6f, not %.6f", name, c->logprob, logprob);
  }
  free(all);
}

static void test_greedy_is_that_of_transformers(void **state) {
  (void)state;
  for (size_t f = 0; f < FOLDERS; f++) {
    for (int threads = 1; threads <= 3; threads += 2) {
      setup s;
      open_folder(&s, folders[f], threads);
      const json_t *runs = json_object_get(s.expected, "greedy");
      assert_true(json_array_size(runs) >= 20);
      for (size_t i = 0; i < json_array_size(runs); i++) {
        char name[128];
        snprintf(name, sizeof name, "%s run %zu, %d threads", folders[f], i, threads);
        compare_greedy(&s, json_array_get(runs, i), name);
      }
      close_folder(&s);
    }
  }
}

static void test_windows_are_those_of_transformers(void **state) {
  (void)state;
  for (size_t f = 0; f < FOLDERS; f++) {
    setup s;
    open_folder(&s, folders[f], 2);
    const json_t *windows = json_object_get(s.expected, "windows");
    assert_true(json_array_size(windows) >= 5);
    for (size_t i = 0; i < json_array_size(windows); i++) {
      const json_t *one = json_array_get(windows, i);
      att_text given = text_of(one, "text");
      att_text_score score, by_default;
      int64_t stride = json_integer_value(json_object_get(one, "stride"));
      require_ok(&s, att_score_text(s.model, given, stride, &score));
      assert_int_equal(score.tokens, json_integer_value(json_object_get(one, "tokens")));
      assert_int_equal(score.bytes, given.size);
      double want = json_real_value(json_object_get(one, "logprob"));
      if (!(fabs(score.logprob - want) < 1e-5 * fabs(want))) {
        fail_msg("%s stride %d: %.6f, not %.6f", folders[f], (int)stride, score.logprob, want);
      }
      require_ok(&s, att_score_text(s.model, given, 0, &by_default));
      if (stride == 128) assert_true(by_default.logprob == score.logprob);
    }
    close_folder(&s);
  }
}

static void test_scores_at_the_edges(void **state) {
  (void)state;
  setup s;
  open_folder(&s, folders[0], 1);
  att_text_score score;
  require_ok(&s, att_score_text(s.model, text(""), 0, &score));
  assert_true(score.logprob == 0 && score.tokens == 0 && score.bytes == 0);
  require_ok(&s, att_score_text(s.model, text("x"), 0, &score));
  assert_true(score.logprob < 0 && score.tokens == 1 && score.bytes == 1);
  s.model->config.bos = s.model->generation.bos = -1; /* then the first token is given */
  require_ok(&s, att_score_text(s.model, text("x"), 0, &score));
  assert_true(score.logprob == 0 && score.tokens == 0 && score.bytes == 1);
  assert_int_equal(att_score_text(s.model, text("x"), 256, &score), ATT_ARGUMENT);
  assert_non_null(strstr(att_message(s.ctx), "1 to 255"));
  assert_int_equal(att_score_text(s.model, text("x"), -1, &score), ATT_ARGUMENT);
  close_folder(&s);
}

/* ---- sampling ---- */

/* What is left of logits, the slow way, in the order of Transformers' processors and warpers. */
static void filtered(const float *logits, int64_t n, const bool *seen, const att_generate_options *o, double *p) {
  double total = 0, mass = 0;
  int32_t *order = malloc((size_t)n * sizeof *order);
  assert_non_null(order);
  for (int64_t i = 0; i < n; i++) {
    double x = (double)logits[i];
    if (seen[i]) x = x < 0 ? x * o->repetition_penalty : x / o->repetition_penalty;
    p[i] = exp(x / o->temperature);
    int64_t at = i;
    for (; at > 0 && p[order[at - 1]] < p[i]; at--) order[at] = order[at - 1];
    order[at] = (int32_t)i;
  }
  int64_t left = o->top_k > 0 ? o->top_k : n, kept = 0;
  for (int64_t i = 0; i < left; i++) total += p[order[i]];
  while (kept < left && mass < o->top_p * total && p[order[kept]] >= o->min_p * p[order[0]]) mass += p[order[kept++]];
  for (int64_t i = kept; i < n; i++) p[order[i]] = 0;
  for (int64_t i = 0; i < n; i++) p[i] /= mass;
  free(order);
}

/* Chi-square below its mean plus five standard deviations; tokens that are expected fewer than 20 times are one class.
 */
static void require_distribution(const char *what, const int64_t *counts, const double *p, int64_t vocabulary,
                                 double draws) {
  double chi = 0, rare = 0, rare_count = 0;
  int classes = 0;
  for (int64_t i = 0; i < vocabulary; i++) {
    double expected = p[i] * draws, count = (double)counts[i];
    if (p[i] == 0) assert_int_equal(counts[i], 0);
    classes += expected >= 20;
    chi += expected >= 20 ? (count - expected) * (count - expected) / expected : 0;
    rare += expected < 20 ? expected : 0;
    rare_count += expected < 20 ? count : 0;
  }
  if (rare > 20) chi += (rare_count - rare) * (rare_count - rare) / rare;
  classes += rare > 20;
  assert_true(classes > 10);
  double bound = classes - 1 + 5 * sqrt(2.0 * (classes - 1));
  if (!(chi < bound)) fail_msg("%s: chi-square %.1f of %d classes, above %.1f", what, chi, classes, bound);
}

static void count_generated(setup *s, att_text prompt, att_generate_options options, int64_t draws, int64_t *counts) {
  options.size = sizeof options;
  options.samples = MOST_SAMPLES;
  options.max_tokens = 1;
  options.seed = 3;
  for (int64_t done = 0; done < draws; done += MOST_SAMPLES) {
    options.prompt_number = (size_t)done;
    collector *all = generate(s, prompt, &options);
    for (int j = 0; j < MOST_SAMPLES; j++) counts[all->samples[j].tokens[0]]++;
    free(all);
  }
}

enum { SOME = 64 };
static const int32_t some_seen[] = {3, 17, 3, 60};

/* The same without the model, from its first logits alone: many draws in little time. */
static void count_chosen(setup *s, const float *logits, const att_generate_options *o, int64_t draws, int64_t *counts) {
  const att_sequence sequence = {.tokens = some_seen, .count = 4, .source = some_seen, .source_count = 4};
  att_processors p;
  att_generation settings = s->model->generation;
  require_ok(s, att_generation_take(s->ctx, ATT_OPTIONS_GENERATE, o, &settings));
  att_processors_make(&settings, SOME, 4, 9, NULL, &p);
  att_arena *arena;
  require_ok(s, att_arena_new(s->ctx, &arena));
  for (int64_t i = 0; i < draws; i++) {
    float row[SOME];
    double uniform = att_uniform(att_key(att_key(4, (uint64_t)i / 64), (uint64_t)i % 64), 0);
    att_choice choice;
    int32_t count;
    att_arena_reset(arena);
    memcpy(row, logits, sizeof row);
    require_ok(s, att_choose(s->ctx, arena, row, 1, 1, &p, &sequence, &uniform, &choice, &count));
    counts[choice.token]++;
  }
  att_arena_free(arena);
}

static void test_draws_follow_the_model(void **state) {
  (void)state;
  enum { DRAWS = 100000, GENERATED = 32 * MOST_SAMPLES };
  static const att_generate_options manners[] = {
      {.temperature = 3, .top_p = 1, .repetition_penalty = 1, .typical_p = 1, .encoder_repetition_penalty = 1},
      {.temperature = 4, .top_p = 1, .repetition_penalty = 1.4, .typical_p = 1, .encoder_repetition_penalty = 1},
      {.temperature = 3,
       .top_p = 0.8,
       .top_k = 40,
       .min_p = 0.02,
       .repetition_penalty = 0.7,
       .typical_p = 1,
       .encoder_repetition_penalty = 1}};
  setup s;
  open_folder(&s, folders[1], 2);
  int32_t *ids;
  size_t count;
  att_text prompt = text("A dog runs");
  require_ok(&s, att_tokenize(s.model, prompt, true, &ids, &count));
  float logits[MOST_VOCABULARY];
  logits_after(&s, s.model, ids, (int64_t)count, logits);
  bool seen[MOST_VOCABULARY] = {false};
  for (size_t i = 0; i < count; i++) seen[ids[i]] = true;
  int64_t vocabulary = s.model->config.vocab_size;
  for (size_t m = 0; m < sizeof manners / sizeof *manners; m++) {
    double p[MOST_VOCABULARY];
    int64_t generated[MOST_VOCABULARY] = {0}, chosen[MOST_VOCABULARY] = {0};
    filtered(logits, vocabulary, seen, &manners[m], p);
    count_generated(&s, prompt, manners[m], GENERATED, generated);
    require_distribution("att_generate", generated, p, vocabulary, GENERATED);
    bool seen_of_some[SOME] = {[3] = true, [17] = true, [60] = true};
    filtered(logits, SOME, seen_of_some, &manners[m], p);
    count_chosen(&s, logits, &manners[m], DRAWS, chosen);
    require_distribution("att_choose", chosen, p, SOME, DRAWS);
  }
  att_release(s.ctx, ids);
  close_folder(&s);
}

static att_generate_options sampling_of(const setup *s) {
  att_generate_options options = defaults_of(s);
  options.temperature = 2;
  options.samples = 5;
  options.max_tokens = 60;
  options.seed = 9;
  return options;
}

static void test_samples_do_not_depend_on_threads(void **state) {
  (void)state;
  for (size_t f = 0; f < FOLDERS; f++) {
    collector *first = NULL;
    for (int threads = 1; threads <= 4; threads++) {
      setup s;
      open_folder(&s, folders[f], threads);
      att_generate_options options = sampling_of(&s);
      options.repetition_penalty = 1.1;
      collector *got = generate(&s, text("Ein Hund läuft"), &options);
      if (!first) first = got;
      for (int i = 0; i < options.samples; i++) {
        assert_int_equal(got->samples[i].count, first->samples[i].count);
        assert_memory_equal(got->samples[i].tokens, first->samples[i].tokens, got->samples[i].count * sizeof(int32_t));
        assert_string_equal(got->samples[i].text, first->samples[i].text);
        if (i) assert_string_not_equal(got->samples[i].text, got->samples[i - 1].text);
      }
      if (got != first) free(got);
      close_folder(&s);
    }
    free(first);
  }
}

static void test_seeds_and_prompts_draw_apart(void **state) {
  (void)state;
  setup s;
  open_folder(&s, folders[0], 1);
  att_generate_options options = sampling_of(&s);
  collector *one = generate(&s, text("A dog"), &options);
  collector *again = generate(&s, text("A dog"), &options);
  assert_string_equal(one->samples[2].text, again->samples[2].text);
  options.seed++;
  collector *other = generate(&s, text("A dog"), &options);
  assert_string_not_equal(one->samples[2].text, other->samples[2].text);
  options.seed--;
  options.prompt_number = 1;
  collector *next = generate(&s, text("A dog"), &options);
  assert_string_not_equal(one->samples[2].text, next->samples[2].text);
  free(one);
  free(again);
  free(other);
  free(next);
  close_folder(&s);
}

/* ---- failures ---- */

static void test_wrong_kinds_and_options(void **state) {
  (void)state;
  setup s;
  open_folder(&s, "decode_marian", 1);
  collector all = {0};
  att_generate_options options;
  att_text_score score;
  assert_int_equal(att_generate(s.model, text("a"), NULL, collect, &all), ATT_UNSUPPORTED);
  assert_non_null(strstr(att_message(s.ctx), "encoder-decoder"));
  assert_int_equal(att_score_text(s.model, text("a"), 0, &score), ATT_UNSUPPORTED);
  close_folder(&s);
  open_folder(&s, folders[0], 1);
  att_score pair;
  att_text line = text("a");
  assert_int_equal(att_score_pairs(s.model, &line, &line, 1, &pair), ATT_UNSUPPORTED);
  assert_non_null(strstr(att_message(s.ctx), "gpt2 model, which is a decoder"));
  assert_int_equal(att_check_verb(s.model, ATT_VERB_GENERATE), ATT_OK);
#define REFUSED(change, word)                                                                                          \
  do {                                                                                                                 \
    options = defaults_of(&s);                                                                                         \
    change;                                                                                                            \
    assert_int_equal(att_generate(s.model, line, &options, collect, &all), ATT_ARGUMENT);                              \
    assert_non_null(strstr(att_message(s.ctx), word));                                                                 \
  } while (0)
  const char *empty[] = {""};
  REFUSED(options.samples = 0, "samples");
  REFUSED(options.samples = 65, "samples");
  REFUSED(options.max_tokens = -1, "max_tokens");
  REFUSED(options.temperature = NAN, "temperature");
  REFUSED(options.temperature = INFINITY, "temperature");
  REFUSED(options.top_p = -1, "top_p");
  REFUSED(options.typical_p = 0, "typical_p");
  REFUSED(options.no_repeat_ngram_size = -1, "no_repeat_ngram_size");
  REFUSED(options.min_tokens = -1, "min_new_tokens");
  REFUSED(options.max_length = -1, "max_length");
  REFUSED(options.repetition_penalty = 0, "repetition_penalty");
  REFUSED((options.stop = empty, options.stop_count = 1), "stop");
  REFUSED(options.stop_count = 1, "stop");
#undef REFUSED
  assert_int_equal(all.calls, 0);
  close_folder(&s);
}

static void test_interruption(void **state) {
  (void)state;
  setup s;
  open_folder(&s, folders[0], 1);
  collector all = {.stop_at = 3};
  assert_int_equal(att_generate(s.model, text("A dog"), NULL, collect, &all), ATT_INTERRUPTED);
  assert_int_equal(all.calls, 3);
  collector none = {0};
  att_interrupt(s.ctx);
  assert_int_equal(att_generate(s.model, text("A dog"), NULL, collect, &none), ATT_INTERRUPTED);
  assert_int_equal(none.calls, 0);
  att_generate_options options = defaults_of(&s);
  free(generate(&s, text("A dog"), &options));
  close_folder(&s);
}

static int drop(void *user, const att_piece_of_text *piece) {
  (void)user;
  (void)piece;
  return 0;
}

static att_status call_everything(att_context *ctx, void *arg) {
  (void)arg;
  char path[1024];
  att_model *model;
  att_text_score score;
  snprintf(path, sizeof path, "%s/%s", ATT_TEST_DATA, folders[1]);
  ATT_TRY(att_model_open(ctx, path, &model));
  const char *stops[] = {"never"};
  att_generate_options options;
  att_generate_options_default(model, &options);
  options.temperature = 1;
  options.samples = 3;
  options.max_tokens = 40;
  options.repetition_penalty = 1.2;
  options.stop = stops;
  options.stop_count = 1;
  att_status status = att_generate(model, text("Ein Hund 🙂"), &options, drop, NULL);
  if (!status) status = att_generate(model, text(""), NULL, drop, NULL);
  char nearly[251] = {0}; /* the context is 256 tokens: the window moves */
  memset(nearly, '(', 250);
  options.slide = options.ignore_end = true;
  options.max_tokens = 10;
  if (!status) status = att_generate(model, text(nearly), &options, drop, NULL);
  if (!status) status = att_score_text(model, text("Ein Hund"), 0, &score);
  att_model_close(model);
  return status;
}

static void test_every_failing_allocation(void **state) {
  (void)state;
  assert_true(fail_each_allocation(call_everything, NULL) > 20);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_greedy_is_that_of_transformers),
      cmocka_unit_test(test_windows_are_those_of_transformers),
      cmocka_unit_test(test_scores_at_the_edges),
      cmocka_unit_test(test_draws_follow_the_model),
      cmocka_unit_test(test_samples_do_not_depend_on_threads),
      cmocka_unit_test(test_seeds_and_prompts_draw_apart),
      cmocka_unit_test(test_wrong_kinds_and_options),
      cmocka_unit_test(test_interruption),
      cmocka_unit_test(test_every_failing_allocation),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
