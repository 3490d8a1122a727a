/*
 * Decoding against Hugging Face Transformers: greedy and beam outputs token for token, their scores, scoring of pairs,
 * alignment (tests/data/decode_*, tools/make_decode_fixtures.py). Then what needs no other program: the draws of
 * sampling, results that do not depend on batches and threads, lines that are empty, too long or no text, failures.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/random.h"
#include "decode/candidates.h"
#include "decode/decode.h"
#include "formats/json.h"

static const char *const folders[] = {"decode_marian", "decode_m2m_100", "decode_bart", "decode_t5"};
#define FOLDERS (sizeof folders / sizeof *folders)
#define MOST    4096

typedef struct setup {
  att_context *ctx;
  att_model *model;
  json_t *expected;
  int warnings;
  char last_warning[1024];
} setup;

static void on_log(void *user, att_log_level level, const char *text) {
  setup *s = user;
  if (level != ATT_LOG_WARNING) return;
  s->warnings++;
  snprintf(s->last_warning, sizeof s->last_warning, "%s", text);
}

static void require_ok(const setup *s, att_status status) {
  if (status != ATT_OK) fail_msg("%s: %s", att_status_name(status), att_message(s->ctx));
}

static void open_folder(setup *s, const char *folder, int threads) {
  memset(s, 0, sizeof *s);
  att_context_options options = {.size = sizeof(att_context_options), .threads = threads, .log = on_log, .log_user = s};
  assert_int_equal(att_context_new(&options, &s->ctx), ATT_OK);
  char path[1024];
  snprintf(path, sizeof path, "%s/%s", ATT_TEST_DATA, folder);
  require_ok(s, att_model_open(s->ctx, path, &s->model));
  snprintf(path, sizeof path, "%s/%s/expected.json", ATT_TEST_DATA, folder);
  require_ok(s, att_json_open(s->ctx, path, &s->expected));
}

static void close_folder(setup *s) {
  json_decref(s->expected);
  att_model_close(s->model);
  att_context_free(s->ctx);
}

/* ---- against generate() ---- */

static int32_t id_at(const json_t *array, size_t i) { return (int32_t)json_integer_value(json_array_get(array, i)); }

/* Sources [first, first + count) of the fixture, packed. */
static att_sequences pack(const json_t *sources, size_t first, size_t count, int32_t *ids, int64_t *start) {
  start[0] = 0;
  for (size_t i = 0; i < count; i++) {
    const json_t *source = json_object_get(json_array_get(sources, first + i), "ids");
    size_t length = json_array_size(source);
    assert_true(start[i] + (int64_t)length <= MOST);
    for (size_t j = 0; j < length; j++) ids[start[i] + (int64_t)j] = id_at(source, j);
    start[i + 1] = start[i] + (int64_t)length;
  }
  return (att_sequences){(int64_t)count, start};
}

static att_decode_options options_of(const setup *s, const json_t *run) {
  att_decode_options options;
  att_decode_options_default(s->model, &options);
  options.beam = (int)json_integer_value(json_object_get(run, "beam"));
  options.nbest = (int)json_integer_value(json_object_get(run, "nbest"));
  options.max_length = (int)json_integer_value(json_object_get(run, "max_length"));
  options.length_penalty = json_real_value(json_object_get(run, "length_penalty"));
  options.early_stopping = json_is_true(json_object_get(run, "early_stopping"));
  options.no_repeat_ngram_size = (int)json_integer_value(json_object_get(run, "no_repeat_ngram"));
  options.min_tokens = (int)json_integer_value(json_object_get(run, "min_tokens"));
  return options;
}

static void compare_output(const att_output *got, const json_t *want, const char *name) {
  const json_t *tokens = json_object_get(want, "tokens");
  if ((size_t)got->count != json_array_size(tokens)) {
    fail_msg("%s: %lld tokens, not %zu", name, (long long)got->count, json_array_size(tokens));
  }
  for (int64_t i = 0; i < got->count; i++) {
    if (got->tokens[i] != id_at(tokens, (size_t)i)) fail_msg("%s: token %lld differs", name, (long long)i);
  }
  double score = json_real_value(json_object_get(want, "score"));
  double logprob = json_real_value(json_object_get(want, "logprob"));
  assert_true(logprob < -0.01);
  if (!(fabs(got->score - score) < 1e-4)) fail_msg("%s: score %.7f, not %.7f", name, got->score, score);
  if (!(fabs(got->logprob - logprob) < 1e-3)) fail_msg("%s: logprob %.7f, not %.7f", name, got->logprob, logprob);
}

/* Every source of a run, `batch` at a time. */
static void compare_run(const setup *s, const json_t *run, size_t batch, const char *name) {
  const json_t *sources = json_object_get(s->expected, "sources"), *outputs = json_object_get(run, "outputs");
  att_decode_options options = options_of(s, run);
  att_arena *arena;
  require_ok(s, att_arena_new(s->ctx, &arena));
  size_t total = json_array_size(sources);
  assert_true(total >= 30);
  for (size_t first = 0; first < total; first += batch) {
    int32_t ids[MOST];
    int64_t start[65];
    att_outputs got[64];
    size_t count = total - first < batch ? total - first : batch;
    att_arena_reset(arena);
    att_sequences packed = pack(sources, first, count, ids, start);
    require_ok(s, att_decode_batch(s->model, arena, ids, packed, NULL, &options, got));
    for (size_t i = 0; i < count; i++) {
      const json_t *want = json_array_get(outputs, first + i);
      assert_int_equal(got[i].count, json_array_size(want));
      for (int64_t j = 0; j < got[i].count; j++) {
        char where[128];
        snprintf(where, sizeof where, "%s source %zu output %lld", name, first + i, (long long)j);
        compare_output(&got[i].best[j], json_array_get(want, (size_t)j), where);
        if (j) assert_true(got[i].best[j].score <= got[i].best[j - 1].score);
      }
    }
  }
  att_arena_free(arena);
}

static void test_outputs_are_those_of_generate(void **state) {
  (void)state;
  static const size_t batches[] = {64, 7, 1};
  for (size_t f = 0; f < FOLDERS; f++) {
    for (int threads = 1; threads <= 3; threads += 2) {
      setup s;
      open_folder(&s, folders[f], threads);
      const json_t *runs = json_object_get(s.expected, "runs");
      assert_true(json_array_size(runs) >= 8);
      for (size_t i = 0; i < json_array_size(runs); i++) {
        char name[128];
        snprintf(name, sizeof name, "%s run %zu, %d threads", folders[f], i, threads);
        for (size_t b = 0; b < 3; b++) compare_run(&s, json_array_get(runs, i), batches[b], name);
      }
      close_folder(&s);
    }
  }
}

/* generate_penalty.json: tools/make_generate_fixtures.py */
static void compare_penalised(const setup *s, const json_t *run, const char *name) {
  const json_t *sources = json_object_get(s->expected, "sources"), *outputs = json_object_get(run, "outputs");
  size_t total = json_array_size(sources);
  int32_t ids[MOST];
  int64_t start[65];
  att_outputs got[64];
  att_decode_options options = options_of(s, json_array_get(json_object_get(s->expected, "runs"), 0));
  options.beam = (int)json_integer_value(json_object_get(run, "beam"));
  options.repetition_penalty = json_number_value(json_object_get(run, "penalty"));
  att_arena *arena;
  require_ok(s, att_arena_new(s->ctx, &arena));
  assert_true(total >= 30 && total <= 64 && json_array_size(outputs) == total);
  att_sequences packed = pack(sources, 0, total, ids, start);
  require_ok(s, att_decode_batch(s->model, arena, ids, packed, NULL, &options, got));
  for (size_t i = 0; i < total; i++) {
    const json_t *want = json_array_get(outputs, i), *tokens = json_object_get(want, "tokens");
    const json_t *score = json_object_get(want, "score");
    if ((size_t)got[i].best->count != json_array_size(tokens)) fail_msg("%s: source %zu differs in length", name, i);
    for (int64_t j = 0; j < got[i].best->count; j++) {
      if (got[i].best->tokens[j] != id_at(tokens, (size_t)j)) fail_msg("%s: source %zu differs", name, i);
    }
    if (json_is_real(score)) assert_true(fabs(got[i].best->score - json_real_value(score)) < 1e-4);
  }
  att_arena_free(arena);
}

static void test_repetition_penalty_is_that_of_generate(void **state) {
  (void)state;
  for (size_t f = 0; f < 2; f++) { /* the others have no such runs */
    setup s;
    json_t *all;
    char path[1024];
    open_folder(&s, folders[f], 2);
    snprintf(path, sizeof path, "%s/generate_penalty.json", ATT_TEST_DATA);
    require_ok(&s, att_json_open(s.ctx, path, &all));
    const json_t *runs = json_object_get(all, folders[f]);
    assert_true(json_array_size(runs) >= 4);
    for (size_t i = 0; i < json_array_size(runs); i++) compare_penalised(&s, json_array_get(runs, i), folders[f]);
    json_decref(all);
    close_folder(&s);
  }
}

static void test_alignment_is_that_of_the_last_cross_attention(void **state) {
  (void)state;
  for (size_t f = 0; f < FOLDERS; f++) {
    setup s;
    open_folder(&s, folders[f], 2);
    const json_t *alignment = json_object_get(s.expected, "alignment");
    size_t count = json_array_size(alignment);
    assert_true(count >= 10 && count <= 64);
    int32_t ids[MOST];
    int64_t start[65];
    att_outputs got[64];
    att_decode_options options = options_of(&s, json_array_get(json_object_get(s.expected, "runs"), 0));
    options.alignment = true;
    att_arena *arena;
    require_ok(&s, att_arena_new(s.ctx, &arena));
    att_sequences packed = pack(json_object_get(s.expected, "sources"), 0, count, ids, start);
    require_ok(&s, att_decode_batch(s.model, arena, ids, packed, NULL, &options, got));
    for (size_t i = 0; i < count; i++) {
      const json_t *want = json_array_get(alignment, i);
      assert_int_equal(got[i].best[0].count, json_array_size(want));
      for (size_t j = 0; j < json_array_size(want); j++) assert_int_equal(got[i].best[0].alignment[j], id_at(want, j));
    }
    att_arena_free(arena);
    close_folder(&s);
  }
}

static att_text text_of(const json_t *string) {
  return (att_text){json_string_value(string), json_string_length(string)};
}

static void test_scores_are_those_of_pytorch(void **state) {
  (void)state;
  for (size_t f = 0; f < FOLDERS; f++) {
    setup s;
    open_folder(&s, folders[f], 2);
    const json_t *pairs = json_object_get(s.expected, "pairs");
    size_t count = json_array_size(pairs);
    assert_true(count >= 10 && count <= 64);
    att_text sources[64], targets[64];
    att_score scores[64];
    for (size_t i = 0; i < count; i++) {
      sources[i] = text_of(json_object_get(json_array_get(pairs, i), "source"));
      targets[i] = text_of(json_object_get(json_array_get(pairs, i), "target"));
    }
    require_ok(&s, att_score_pairs(s.model, sources, targets, count, scores));
    for (size_t i = 0; i < count; i++) {
      const json_t *pair = json_array_get(pairs, i);
      assert_int_equal(scores[i].tokens, json_integer_value(json_object_get(pair, "tokens")));
      assert_false(scores[i].truncated);
      assert_true(fabs(scores[i].logprob - json_real_value(json_object_get(pair, "logprob"))) < 1e-3);
    }
    close_folder(&s);
  }
}

/* ---- choosing ---- */

static int by_value(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return x < y ? 1 : x > y ? -1 : 0;
}

static void test_best_choices(void **state) {
  (void)state;
  const att_generation greedy = {.temperature = 0};
  static const int64_t sizes[] = {1, 2, 31, 32, 33, 64, 1000, 8001};
  static const int widths[] = {1, 8, 64};
  att_context *ctx;
  att_arena *arena;
  assert_int_equal(att_context_new(&(att_context_options){.size = sizeof(att_context_options), .threads = 2}, &ctx),
                   ATT_OK);
  assert_int_equal(att_arena_new(ctx, &arena), ATT_OK);
  for (int t = 0; t < 24; t++) {
    int64_t n = sizes[t % 8];
    int width = widths[t / 8];
    float *x = malloc((size_t)(3 * n) * sizeof *x);
    double *sorted = malloc((size_t)n * sizeof *sorted);
    att_choice choices[3 * 64];
    int32_t counts[3];
    assert_true(x && sorted);
    for (int64_t i = 0; i < 3 * n; i++) x[i] = (float)att_normal(1, (uint64_t)i) * 3;
    att_processors p = {.settings = &greedy, .vocab = n};
    assert_int_equal(att_choose(ctx, arena, x, 3, width, &p, NULL, NULL, choices, counts), ATT_OK);
    for (int r = 0; r < 3; r++) {
      double sum = 0;
      for (int64_t i = 0; i < n; i++) {
        sorted[i] = (double)x[r * n + i];
        sum += exp(sorted[i]);
      }
      qsort(sorted, (size_t)n, sizeof *sorted, by_value);
      assert_int_equal(counts[r], n < width ? n : width);
      for (int i = 0; i < counts[r]; i++) {
        const att_choice *c = &choices[r * width + i];
        assert_true((double)x[r * n + c->token] == sorted[i]);
        assert_true(fabs(c->logprob - (sorted[i] - log(sum))) < 1e-5);
      }
    }
    free(x);
    free(sorted);
  }
  att_arena_free(arena);
  att_context_free(ctx);
}

/* One row of four tokens, after one. */
static att_status choose_one(att_context *ctx, att_arena *arena, const att_generation *settings, int width,
                             const float *logits, att_choice *choices, int32_t *count) {
  static const int32_t tokens[] = {0};
  const att_sequence sequence = {.tokens = tokens, .count = 1, .source = tokens, .source_count = 1};
  float x[4];
  att_processors p;
  memcpy(x, logits, sizeof x);
  att_processors_make(settings, 4, 1, 9, NULL, &p);
  return att_choose(ctx, arena, x, 1, width, &p, &sequence, NULL, choices, count);
}

static void test_rules_of_choice(void **state) {
  (void)state;
  static const float logits[] = {0, 5, 3, 1}, bad[] = {0, NAN, 3, 1};
  static int32_t one = 1, three = 3, all[] = {0, 1, 2, 3};
  att_context *ctx;
  att_arena *arena;
  att_generation settings;
  att_choice choices[4];
  int32_t count;
  assert_int_equal(att_context_new(NULL, &ctx), ATT_OK);
  assert_int_equal(att_arena_new(ctx, &arena), ATT_OK);
  att_generation_neutral(&settings);
  settings.temperature = 0;
  settings.suppress_tokens = (att_token_list){&one, 1};
  double sum = exp(0) + exp(5) + exp(3) + exp(1); /* what is ruled out still has its share */
  for (int width = 1; width <= 4; width += 3) {
    assert_int_equal(choose_one(ctx, arena, &settings, width, logits, choices, &count), ATT_OK);
    assert_int_equal(count, width == 1 ? 1 : 3);
    assert_int_equal(choices[0].token, 2);
    assert_true(fabs(choices[0].logprob - (3 - log(sum))) < 1e-6);
  }
  att_generation_neutral(&settings);
  settings.temperature = 0;
  settings.forced_bos = (att_token_list){&three, 1};
  assert_int_equal(choose_one(ctx, arena, &settings, 4, logits, choices, &count), ATT_OK);
  assert_true(count == 1 && choices[0].token == 3 && choices[0].logprob == 0);
  assert_int_equal(choose_one(ctx, arena, &settings, 1, logits, choices, &count), ATT_OK);
  assert_true(count == 1 && choices[0].token == 3 && fabs(choices[0].logprob - (1 - log(sum))) < 1e-6);
  assert_int_equal(choose_one(ctx, arena, &settings, 4, bad, choices, &count), ATT_NUMERIC);
  assert_non_null(strstr(att_message(ctx), "not finite"));
  settings.remove_invalid_values = true; /* NaN is 0 then */
  settings.forced_bos.count = 0;
  assert_int_equal(choose_one(ctx, arena, &settings, 4, bad, choices, &count), ATT_OK);
  assert_true(count == 4 && choices[0].token == 2 && choices[1].token == 3);
  att_generation_neutral(&settings);
  settings.suppress_tokens = (att_token_list){all, 4};
  for (settings.temperature = 0; settings.temperature <= 1; settings.temperature += 1) {
    assert_int_equal(choose_one(ctx, arena, &settings, 1, logits, choices, &count), ATT_OK);
    assert_int_equal(count, 0);
  }
  settings.temperature = 0;
  assert_int_equal(choose_one(ctx, arena, &settings, 4, logits, choices, &count), ATT_OK);
  assert_int_equal(count, 0);
  att_arena_free(arena);
  att_context_free(ctx);
}

/* ---- sampling ---- */

#define TOKENS 12
#define DRAWS  100000

/* The distribution that the filters leave, the slow way. */
static void filtered(const float *logits, const att_generation *rules, double *p) {
  int order[TOKENS];
  bool kept[TOKENS] = {false};
  double total = 0, mass = 0, most = 0;
  for (int i = 0; i < TOKENS; i++) {
    p[i] = exp((double)logits[i] / rules->temperature);
    int at = i;
    for (; at > 0 && p[order[at - 1]] < p[i]; at--) order[at] = order[at - 1];
    order[at] = i;
  }
  int left = rules->top_k > 0 ? rules->top_k : TOKENS;
  for (int i = 0; i < left; i++) total += p[order[i]];
  for (int i = 0; i < left && mass < rules->top_p * total; i++) {
    kept[order[i]] = true;
    mass += p[order[i]];
  }
  most = p[order[0]];
  total = 0;
  for (int i = 0; i < TOKENS; i++) {
    if (!kept[i] || p[i] < rules->min_p * most) p[i] = 0;
    total += p[i];
  }
  for (int i = 0; i < TOKENS; i++) p[i] /= total;
}

static void test_draws_follow_the_distribution(void **state) {
  (void)state;
  static const float logits[TOKENS] = {0.1f, 2.3f, -1.0f, 1.9f, -3.0f, 0.7f, 2.0f, -0.2f, 1.0f, -INFINITY, 0.4f, -7.0f};
  static const att_generation manners[] = {
      {.temperature = 1, .top_p = 1, .typical_p = 1},
      {.temperature = 0.5, .top_p = 1, .typical_p = 1},
      {.temperature = 3, .top_p = 1, .typical_p = 1},
      {.temperature = 1, .top_p = 1, .top_k = 4, .typical_p = 1},
      {.temperature = 1, .top_p = 1, .top_k = 1, .typical_p = 1},
      {.temperature = 1, .top_p = 0.7, .typical_p = 1},
      {.temperature = 1, .top_p = 0.01, .typical_p = 1},
      {.temperature = 1, .top_p = 1, .min_p = 0.25, .typical_p = 1},
      {.temperature = 1.5, .top_p = 0.85, .min_p = 0.1, .top_k = 6, .typical_p = 1}};
  for (size_t m = 0; m < sizeof manners / sizeof *manners; m++) {
    double p[TOKENS], chi = 0;
    float weights[TOKENS];
    int32_t order[TOKENS];
    const att_draw_scratch scratch = {weights, NULL, order};
    int64_t counts[TOKENS] = {0};
    int possible = 0;
    filtered(logits, &manners[m], p);
    for (int i = 0; i < DRAWS; i++) {
      counts[att_draw(logits, TOKENS, &manners[m], att_uniform(m, (uint64_t)i), &scratch)]++;
    }
    for (int i = 0; i < TOKENS; i++) {
      double expected = p[i] * DRAWS, difference = (double)counts[i] - expected;
      possible += p[i] > 0;
      if (p[i] == 0) assert_int_equal(counts[i], 0);
      if (p[i] > 0) chi += difference * difference / expected;
    }
    /* mean plus five standard deviations of chi-square with possible - 1 degrees of freedom, at least */
    double bound = possible - 1 + 5 * sqrt(2.0 * (possible - 1)) + 1;
    if (!(chi < bound)) fail_msg("manner %zu: chi-square %.1f of %d tokens, above %.1f", m, chi, possible, bound);
  }
}

/* Equal tokens at the edge of top_k all stay, as in Transformers. */
static void test_ties_of_top_k_stay(void **state) {
  (void)state;
  static const float logits[4] = {1, 1, 2, 1};
  const att_generation rules = {.temperature = 1, .top_p = 1, .typical_p = 1, .top_k = 2};
  bool seen[4] = {false};
  for (int i = 0; i < 1000; i++) {
    float weights[4];
    int32_t order[4];
    const att_draw_scratch scratch = {weights, NULL, order};
    seen[att_draw(logits, 4, &rules, att_uniform(7, (uint64_t)i), &scratch)] = true;
  }
  assert_true(seen[0] && seen[1] && seen[2] && seen[3]);
}

/* ---- lines ---- */

typedef struct collected {
  att_buffer text; /* every hypothesis with its number of tokens, a line each */
  size_t next;     /* the line that must come next */
  size_t stop_at;
  bool truncated[8192];
  size_t counts[8192];
  att_context *ctx;
} collected;

static int collect(void *user, const att_translation *t) {
  collected *c = user;
  assert_int_equal(t->line, c->next);
  assert_true(t->count >= 1);
  c->truncated[t->line] = t->truncated;
  c->counts[t->line] = t->source_count;
  for (size_t i = 0; i < t->count; i++) {
    const att_hypothesis *h = t->hypotheses[i];
    assert_int_equal(h->text[h->text_size], '\0');
    assert_int_equal(strlen(h->text), h->text_size);
    assert_true(h->token_count ? h->score < 0 : h->score == 0);
    if (i) assert_true(h->score <= t->hypotheses[i - 1]->score);
    att_buffer_print(c->ctx, &c->text, "%zu|%s|%zu\n", t->line, h->text, h->token_count);
  }
  return ++c->next == c->stop_at;
}

static att_text text(const char *string) { return (att_text){string, strlen(string)}; }

static char *translate(setup *s, const att_text *lines, size_t count, const att_decode_options *options) {
  collected *c = calloc(1, sizeof *c);
  assert_non_null(c);
  c->ctx = s->ctx;
  require_ok(s, att_translate(s->model, lines, count, options, collect, c));
  assert_int_equal(c->next, count);
  char *copy = strdup(c->text.data ? c->text.data : "");
  att_buffer_free(s->ctx, &c->text);
  free(c);
  return copy;
}

static void fixture_lines(const setup *s, att_text *lines, size_t count) {
  const json_t *sources = json_object_get(s->expected, "sources");
  size_t known = json_array_size(sources);
  for (size_t i = 0; i < count; i++) {
    lines[i] =
        i % 5 == 3 ? text(i % 2 ? "" : " \t ") : text_of(json_object_get(json_array_get(sources, i % known), "text"));
  }
}

/* Names the first line that differs. */
static void require_same(const char *got, const char *want) {
  while (*got && *got == *want) {
    size_t n = strcspn(got, "\n") + 1;
    if (strncmp(got, want, n) != 0) fail_msg("%.*s, not %.*s", (int)n - 1, got, (int)strcspn(want, "\n"), want);
    got += n;
    want += n;
  }
  assert_true(*got == *want);
}

static void test_translations_do_not_depend_on_batches_and_threads(void **state) {
  (void)state;
  for (size_t f = 0; f < FOLDERS; f++) {
    char *first[2] = {NULL, NULL}; /* beam, sampling */
    for (int i = 0; i < 6; i++) {
      setup s;
      open_folder(&s, folders[f], 1 + i % 3);
      att_text lines[40];
      fixture_lines(&s, lines, 40);
      for (int sampling = 0; sampling < 2; sampling++) {
        att_decode_options options;
        att_decode_options_default(s.model, &options);
        options.batch_tokens = i < 2 ? 4096 : i * 10;
        options.nbest = 3;
        options.beam = sampling ? 1 : 4;
        options.temperature = sampling ? 0.8 : 0;
        options.seed = 5;
        char *got = translate(&s, lines, 40, &options);
        if (i == 0) first[sampling] = got;
        if (i == 0) continue;
        require_same(got, first[sampling]);
        free(got);
      }
      close_folder(&s);
    }
    assert_string_not_equal(first[0], first[1]);
    free(first[0]);
    free(first[1]);
  }
}

static void test_seeds_and_lines_draw_apart(void **state) {
  (void)state;
  setup s;
  open_folder(&s, folders[0], 1);
  att_text lines[2] = {text("abc dea fgh"), text("abc dea fgh")};
  att_decode_options options;
  att_decode_options_default(s.model, &options);
  options.beam = 1;
  options.temperature = 1;
  char *one = translate(&s, lines, 2, &options), *second = strchr(one, '\n') + 1;
  assert_string_not_equal(strchr(one, '|'), strchr(second, '|'));
  options.first_line = 1; /* the second line alone draws the same */
  char *alone = translate(&s, lines + 1, 1, &options);
  assert_string_equal(strchr(alone, '|'), strchr(second, '|'));
  options.first_line = 0;
  options.seed++;
  char *other = translate(&s, lines, 2, &options);
  assert_string_not_equal(one, other);
  free(one);
  free(alone);
  free(other);
  close_folder(&s);
}

static void test_many_lines_come_in_order(void **state) {
  (void)state;
  enum { COUNT = 5000 };
  static att_text lines[COUNT];
  setup s;
  open_folder(&s, folders[0], 2);
  fixture_lines(&s, lines, COUNT);
  att_decode_options options;
  att_decode_options_default(s.model, &options);
  options.beam = 1;
  options.max_length = 3;
  char *got = translate(&s, lines, COUNT, &options);
  assert_true(strlen(got) > COUNT * 6);
  free(got);
  close_folder(&s);
}

static void test_odd_lines(void **state) {
  (void)state;
  setup s;
  open_folder(&s, folders[0], 2);
  char *long_line = malloc(200001);
  assert_non_null(long_line);
  for (int i = 0; i < 200000; i++) long_line[i] = "abc d"[i % 5];
  long_line[200000] = '\0';
  att_text lines[] = {text(""), text(long_line), text("ab\xff\xfe"), text("  "), text("ab"), {"a\0b", 3}, {NULL, 0}};
  collected *c = calloc(1, sizeof *c);
  assert_non_null(c);
  c->ctx = s.ctx;
  require_ok(&s, att_translate(s.model, lines, 7, NULL, collect, c));
  assert_int_equal(c->next, 7);
  assert_int_equal(s.warnings, 2); /* one cut, one invalid */
  assert_true(strncmp(c->text.data, "0||0\n1|", 7) == 0);
  assert_non_null(strstr(c->text.data, "\n3||0\n4|"));
  assert_true(c->truncated[1] && !c->truncated[0] && !c->truncated[2] && !c->truncated[4]);
  assert_int_equal(c->counts[1], s.model->config.max_position_embeddings);
  assert_int_equal(c->counts[0], 0);
  assert_non_null(strstr(s.last_warning, "line 3 is not valid UTF-8"));
  att_buffer_free(s.ctx, &c->text);
  att_score score;
  s.warnings = 0;
  require_ok(&s, att_score_pairs(s.model, &lines[1], &lines[4], 1, &score));
  assert_true(score.truncated && score.logprob < 0 && score.tokens == 3);
  assert_int_equal(s.warnings, 1);
  require_ok(&s, att_score_pairs(s.model, &lines[0], &lines[0], 1, &score));
  assert_true(!score.truncated && score.logprob < 0 && score.tokens == 1);
  free(c);
  free(long_line);
  close_folder(&s);
}

static void test_interruption(void **state) {
  (void)state;
  setup s;
  open_folder(&s, folders[0], 1);
  att_text lines[] = {text("ab"), text("abc de"), text("")};
  collected *c = calloc(1, sizeof *c);
  assert_non_null(c);
  c->ctx = s.ctx;
  att_interrupt(s.ctx);
  assert_int_equal(att_translate(s.model, lines, 3, NULL, collect, c), ATT_INTERRUPTED);
  assert_int_equal(c->next, 0);
  c->stop_at = 2;
  assert_int_equal(att_translate(s.model, lines, 3, NULL, collect, c), ATT_INTERRUPTED);
  assert_int_equal(c->next, 2);
  c->next = c->stop_at = 0;
  require_ok(&s, att_translate(s.model, lines, 3, NULL, collect, c));
  assert_int_equal(c->next, 3);
  att_buffer_free(s.ctx, &c->text);
  free(c);
  close_folder(&s);
}

static int give_nothing(void *user, const att_translation *t) {
  (void)user;
  (void)t;
  return 0;
}

static void test_options_are_checked(void **state) {
  (void)state;
  setup s;
  open_folder(&s, folders[0], 1);
  att_decode_options defaults, o;
  att_decode_options_default(s.model, &defaults);
  assert_int_equal(defaults.beam, 4);
  assert_int_equal(defaults.max_length, 19);
  assert_true(defaults.top_p == 1 && defaults.temperature == 0 && defaults.nbest == 1);
  att_text line = text("ab");
#define REFUSED(change, word)                                                                                          \
  do {                                                                                                                 \
    o = defaults;                                                                                                      \
    change;                                                                                                            \
    assert_int_equal(att_translate(s.model, &line, 1, &o, give_nothing, NULL), ATT_ARGUMENT);                          \
    assert_non_null(strstr(att_message(s.ctx), word));                                                                 \
  } while (0)
  REFUSED(o.beam = 0, "beam");
  REFUSED(o.beam = 65, "beam");
  REFUSED(o.nbest = 5, "nbest");
  REFUSED(o.nbest = 0, "nbest");
  REFUSED(o.max_length = 0, "max_length");
  REFUSED(o.batch_tokens = 0, "batch_tokens");
  REFUSED(o.temperature = -1, "temperature");
  REFUSED(o.temperature = NAN, "temperature");
  REFUSED(o.temperature = 1, "beam 1");
  REFUSED(o.top_k = -1, "top_k");
  REFUSED(o.top_p = -0.1, "top_p");
  REFUSED(o.top_p = 1.1, "top_p");
  REFUSED(o.min_p = -0.1, "min_p");
  REFUSED(o.length_penalty = INFINITY, "length_penalty");
#undef REFUSED
  o = defaults;
  o.max_length = 1000000; /* the model's positions bound it */
  require_ok(&s, att_translate(s.model, &line, 1, &o, give_nothing, NULL));
  close_folder(&s);
}

/* ---- failing allocations ---- */

typedef struct counting {
  long live, calls, fail_at;
} counting;

static void *counted(void *user, void *pointer, size_t size) {
  counting *c = user;
  if (size == 0) {
    if (pointer) c->live--;
    free(pointer);
    return NULL;
  }
  if (c->fail_at && ++c->calls >= c->fail_at) return NULL;
  void *grown = realloc(pointer, size);
  if (grown && !pointer) c->live++;
  return grown;
}

static att_status call_everything(att_model *model, att_context *ctx) {
  att_text lines[] = {text("abc de"), text(""), text("ab")};
  att_decode_options options;
  att_score scores[3];
  int32_t *ids;
  char *back;
  size_t count, size;
  att_decode_options_default(model, &options);
  options.alignment = true;
  ATT_TRY(att_translate(model, lines, 3, &options, give_nothing, NULL));
  options.beam = 1;
  options.temperature = 1;
  options.nbest = 2;
  ATT_TRY(att_translate(model, lines, 3, &options, give_nothing, NULL));
  ATT_TRY(att_score_pairs(model, lines, lines, 3, scores));
  ATT_TRY(att_tokenize(model, lines[0], true, &ids, &count));
  att_status status = att_detokenize(model, ids, count, &back, &size);
  if (status == ATT_OK) assert_string_equal(back, "abc de");
  att_release(ctx, back);
  att_release(ctx, ids);
  return status;
}

static void test_every_failing_allocation(void **state) {
  (void)state;
  counting counts = {0};
  att_context *ctx;
  att_model *model;
  char path[1024];
  snprintf(path, sizeof path, "%s/%s", ATT_TEST_DATA, folders[0]);
  att_context_options options = {.size = sizeof(att_context_options), .allocator = {counted, &counts}, .threads = 1};
  assert_int_equal(att_context_new(&options, &ctx), ATT_OK);
  assert_int_equal(att_model_open(ctx, path, &model), ATT_OK);
  assert_int_equal(call_everything(model, ctx), ATT_OK);
  long before = counts.live;
  att_status status = ATT_MEMORY;
  for (long i = 1; status != ATT_OK; i++) {
    assert_true(i < 100000);
    counts.calls = 0;
    counts.fail_at = i;
    status = call_everything(model, ctx);
    counts.fail_at = 0;
    if (status != ATT_OK) assert_int_equal(status, ATT_MEMORY);
    assert_int_equal(counts.live, before);
  }
  att_model_close(model);
  att_context_free(ctx);
  assert_int_equal(counts.live, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_outputs_are_those_of_generate),
      cmocka_unit_test(test_repetition_penalty_is_that_of_generate),
      cmocka_unit_test(test_alignment_is_that_of_the_last_cross_attention),
      cmocka_unit_test(test_scores_are_those_of_pytorch),
      cmocka_unit_test(test_best_choices),
      cmocka_unit_test(test_rules_of_choice),
      cmocka_unit_test(test_draws_follow_the_distribution),
      cmocka_unit_test(test_ties_of_top_k_stay),
      cmocka_unit_test(test_translations_do_not_depend_on_batches_and_threads),
      cmocka_unit_test(test_seeds_and_lines_draw_apart),
      cmocka_unit_test(test_many_lines_come_in_order),
      cmocka_unit_test(test_odd_lines),
      cmocka_unit_test(test_interruption),
      cmocka_unit_test(test_options_are_checked),
      cmocka_unit_test(test_every_failing_allocation),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
