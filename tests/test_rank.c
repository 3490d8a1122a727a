/*
 * Ranking against sentence-transformers (tests/data/rank.json, tools/make_rank_fixtures.py): cross-encoders and
 * vectors, every activation and similarity; the order; texts that come more than once; tables of pairs; refusals;
 * allocations that fail.
 */
#include "sentence_fixture.h"

#include <math.h>

enum { MOST_PAIRS = 32 };

static char warning[512];
static size_t warnings;

static void on_log(void *user, att_log_level level, const char *text) {
  (void)user;
  warnings += level == ATT_LOG_WARNING;
  snprintf(warning, sizeof warning, "%s", text);
}

static int set_up(void **state) {
  (void)state;
  json_error_t error;
  fixture = json_load_file(ATT_TEST_DATA "/rank.json", 0, &error);
  return !fixture || !mkdtemp(folder) ||
         att_context_new(&(att_context_options){.size = sizeof(att_context_options), .log = on_log}, &ctx) != ATT_OK;
}

static int tear_down(void **state) {
  json_decref(fixture);
  return end(state);
}

static att_model *open_folder(const char *path) {
  att_model *model;
  if (att_model_open(ctx, path, &model)) fail_msg("%s: %s", path, att_message(ctx));
  return model;
}

static att_model *open_case(const char *name) { return open_folder(build(find_case(name), name)); }

static att_text text_of(const json_t *string) {
  return (att_text){json_string_value(string), json_string_length(string)};
}

static size_t pairs_of(att_text *queries, att_text *texts) {
  json_t *list = json_object_get(fixture, "pairs"), *pair;
  size_t i;
  json_array_foreach(list, i, pair) {
    assert_true(i < MOST_PAIRS);
    queries[i] = text_of(json_array_get(pair, 0));
    texts[i] = text_of(json_array_get(pair, 1));
  }
  assert_true(i > 10);
  return i;
}

static void must_be(const char *what, const double *got, const json_t *wanted, size_t count) {
  double least = INFINITY, most = -INFINITY;
  assert_int_equal(json_array_size(wanted), count);
  for (size_t i = 0; i < count; i++) {
    double value = json_number_value(json_array_get(wanted, i));
    if (!(fabs(got[i] - value) <= 2e-5 * fmax(1, fabs(value))))
      fail_msg("%s, pair %zu: %.9g, not %.9g", what, i + 1, got[i], value);
    least = fmin(least, value);
    most = fmax(most, value);
  }
  if (!(most - least > 0.01)) fail_msg("%s: all scores alike", what);
}

/* ---- scores ---- */

static void scores_are_sentence_transformers(void **state) {
  (void)state;
  att_text queries[MOST_PAIRS], texts[MOST_PAIRS];
  size_t count = pairs_of(queries, texts), n;
  json_t *one;
  json_array_foreach(json_object_get(fixture, "cases"), n, one) {
    const char *name = json_string_value(json_object_get(one, "name"));
    const json_t *logits = json_object_get(one, "logits");
    att_model *model = open_case(name);
    double scores[MOST_PAIRS];
    att_rank_options options;
    if (att_rank_pairs(model, queries, texts, count, NULL, scores)) fail_msg("%s: %s", name, att_message(ctx));
    must_be(name, scores, json_object_get(one, "scores"), count);
    att_rank_options_default(model, &options);
    options.logits = true;
    options.batch_tokens = 1;
    if (att_rank_pairs(model, queries, texts, count, &options, scores)) fail_msg("%s: %s", name, att_message(ctx));
    must_be(name, scores, json_object_get(one, logits ? "logits" : "scores"), count);
    att_model_close(model);
  }
  assert_int_equal(n, 10);
}

static void options_go_before_the_folder(void **state) {
  (void)state;
  att_text queries[MOST_PAIRS], texts[MOST_PAIRS];
  size_t count = pairs_of(queries, texts);
  double scores[MOST_PAIRS];
  att_rank_options options;
  att_model *model = open_case("cosine");
  att_rank_options_default(model, &options);
  options.similarity = ATT_SIMILARITY_EUCLIDEAN; /* whose folder has the same prompts */
  assert_int_equal(att_rank_pairs(model, queries, texts, count, &options, scores), ATT_OK);
  must_be("euclidean", scores, json_object_get(find_case("euclidean"), "scores"), count);
  options.similarity = ATT_SIMILARITY_DOT; /* whose folder has none */
  options.query_prompt = options.text_prompt = "";
  assert_int_equal(att_rank_pairs(model, queries, texts, count, &options, scores), ATT_OK);
  must_be("dot", scores, json_object_get(find_case("dot"), "scores"), count);
  att_model_close(model);
  model = open_case("prompted");
  att_rank_options_default(model, &options);
  options.query_prompt = "";
  assert_int_equal(att_rank_pairs(model, queries, texts, count, &options, scores), ATT_OK);
  must_be("plain", scores, json_object_get(find_case("plain"), "scores"), count);
  att_model_close(model);
}

/* A bare model, and one of another kind: the cosine of what att_embed gives. */
static void a_model_without_stages_has_vectors(void **state) {
  (void)state;
  static const char *const names[] = {"look_bert", "look_gpt2", "model_marian_gelu"};
  const att_text query = {"a man", 5}, lines[] = {{"a dog", 5}, {"the man", 7}};
  for (size_t n = 0; n < 3; n++) {
    char path[512];
    float q[64], v[2][64];
    snprintf(path, sizeof path, ATT_TEST_DATA "/%s", names[n]);
    att_model *model = open_folder(path);
    att_ranked ranked[2];
    size_t width = att_embedding_width(model, NULL);
    assert_in_range(width, 1, 64);
    if (att_rank(model, query, lines, 2, NULL, ranked)) fail_msg("%s: %s", names[n], att_message(ctx));
    assert_int_equal(att_embed(model, &query, 1, NULL, q), ATT_OK);
    for (size_t i = 0; i < 2; i++) assert_int_equal(att_embed(model, &lines[i], 1, NULL, v[i]), ATT_OK);
    for (size_t i = 0; i < 2; i++) {
      double product = 0, a = 0, b = 0;
      for (size_t c = 0; c < width; c++) {
        float other = v[ranked[i].line][c];
        product += (double)(q[c] * other), a += (double)(q[c] * q[c]), b += (double)(other * other);
      }
      assert_true(fabs(ranked[i].score - product / sqrt(a * b)) < 1e-5);
    }
    assert_true(ranked[0].line != ranked[1].line && ranked[0].score >= ranked[1].score);
    att_model_close(model);
  }
}

/* ---- order, repeats, warnings ---- */

static void the_most_relevant_comes_first(void **state) {
  (void)state;
  enum { LINES = 3000 };
  att_text queries[MOST_PAIRS], texts[MOST_PAIRS], *lines = calloc(LINES, sizeof *lines);
  att_ranked *ranked = calloc(LINES, sizeof *ranked);
  double scores[MOST_PAIRS];
  size_t distinct = 7;
  pairs_of(queries, texts);
  assert_true(lines && ranked);
  for (size_t i = 0; i < LINES; i++) lines[i] = texts[i * i % distinct];
  for (int kind = 0; kind < 2; kind++) {
    att_model *model = open_case(kind ? "cosine" : "plain");
    assert_int_equal(att_rank(model, queries[0], lines, LINES, NULL, ranked), ATT_OK);
    assert_int_equal(att_rank_pairs(model, queries, texts, distinct, NULL, scores), ATT_OK);
    bool seen[LINES] = {false};
    for (size_t i = 0; i < LINES; i++) {
      const att_ranked *now = &ranked[i], *last = i ? &ranked[i - 1] : now;
      assert_true(now->line < LINES && !seen[now->line]);
      seen[now->line] = true;
      assert_true(now->score == scores[now->line * now->line % distinct]);
      assert_true(i == 0 || last->score > now->score || (last->score == now->score && last->line < now->line));
    }
    att_model_close(model);
  }
  free(lines);
  free(ranked);
}

static void a_warning_names_the_line(void **state) {
  (void)state;
  char text[400] = "";
  for (int i = 0; i < 60; i++) strcat(text, "a dog ");
  const att_text query = {"a man", 5}, lines[] = {{"a dog", 5}, {text, strlen(text)}, {"a", 1}, {text, strlen(text)}};
  static const char *const names[] = {"plain", "dot"};
  for (int n = 0; n < 2; n++) {
    att_model *model = open_case(names[n]);
    att_rank_options options;
    att_ranked ranked[4];
    att_rank_options_default(model, &options);
    options.first_line = 10;
    warnings = 0;
    assert_int_equal(att_rank(model, query, lines, 4, &options, ranked), ATT_OK);
    assert_int_equal(warnings, 1); /* the line of it, read once */
    if (!strstr(warning, "line 12 is too long")) fail_msg("%s: %s", names[n], warning);
    warnings = 0;
    assert_int_equal(att_rank(model, (att_text){"a qqq man", 9}, lines, 4, &options, ranked), ATT_OK);
    assert_int_equal(warnings, 2); /* of the query once */
    bool truncated[4] = {true, false, true, false};
    double scores[4];
    const att_text queries[] = {query, query, lines[3], query};
    options.truncated = truncated;
    assert_int_equal(att_rank_pairs(model, queries, lines, 4, &options, scores), ATT_OK);
    assert_true(!truncated[0] && truncated[1] && truncated[2] && truncated[3]); /* the third by its query */
    att_model_close(model);
  }
}

/* ---- refusals ---- */

static void wrong_models_and_options_are_refused(void **state) {
  (void)state;
  const att_text line = {"a dog", 5};
  att_ranked ranked;
  double score;
  att_model *model = open_folder(ATT_TEST_DATA "/family_bert_classes");
  must_say(att_rank(model, line, &line, 1, NULL, &ranked), ATT_UNSUPPORTED, "cannot rank texts with a bert model");
  att_model_close(model);
  model = open_folder(ATT_TEST_DATA "/family_bert_token_classes");
  must_say(att_rank(model, line, &line, 1, NULL, &ranked), ATT_UNSUPPORTED, "cannot rank texts");
  att_model_close(model);
  model = open_case("saved");
  must_say(att_embed(model, NULL, 0, NULL, NULL), ATT_UNSUPPORTED, "CrossEncoder");
  att_rank_options options;
  att_rank_options_default(model, &options);
  options.similarity = (att_similarity)9;
  must_say(att_rank(model, line, &line, 1, &options, &ranked), ATT_ARGUMENT, "similarity 9");
  must_say(att_rank(model, line, NULL, 1, NULL, &ranked), ATT_ARGUMENT, "needs");
  must_say(att_rank_pairs(model, &line, NULL, 1, NULL, &score), ATT_ARGUMENT, "needs");
  assert_int_equal(att_rank(model, line, NULL, 0, NULL, NULL), ATT_OK);
  att_interrupt(ctx);
  must_say(att_rank(model, line, &line, 1, NULL, &ranked), ATT_INTERRUPTED, "interrupted");
  assert_int_equal(att_rank(model, line, &line, 1, NULL, &ranked), ATT_OK);
  att_model_close(model);
}

static void a_folder_with_unknown_settings_is_refused(void **state) {
  (void)state;
  static const struct {
    const char *base, *file, *text, *clue;
  } bad[] = {
      {"saved", "config_sentence_transformers.json",
       "{\"model_type\": \"CrossEncoder\", \"activation_fn\": \"my.Own\"}", "\"my.Own\" is not one"},
      {"saved", "modules.json",
       "[{\"path\": \"\", \"type\": \"sentence_transformers.base.modules.transformer.Transformer\"},"
       "{\"path\": \"1\", \"type\": \"sentence_transformers.cross_encoder.modules.logit_score.LogitScore\"}]",
       "stages behind"},
      {"cosine", "config_sentence_transformers.json",
       "{\"model_type\": \"SentenceTransformer\", \"similarity_fn_name\": \"hamming\"}", "\"hamming\" is not one"},
      {"cosine", "config_sentence_transformers.json",
       "{\"model_type\": \"SentenceTransformer\", \"similarity_fn_name\": 3}", "similarity_fn_name"},
  };
  const att_text line = {"a dog", 5};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    att_ranked ranked;
    char path[512];
    const char *root = build(find_case(bad[i].base), bad[i].base);
    snprintf(path, sizeof path, "%s/%s", root, bad[i].file);
    write_bytes(path, bad[i].text, strlen(bad[i].text));
    att_model *model = open_folder(root);
    att_status status = att_rank(model, line, &line, 1, NULL, &ranked);
    if (status != ATT_UNSUPPORTED && status != ATT_FORMAT) fail_msg("%s is taken", bad[i].text);
    must_say(status, status, bad[i].clue);
    att_model_close(model);
    clear(state);
  }
}

/* ---- tables of pairs ---- */

static void pairs_are_read(void **state) {
  (void)state;
  const char *path = in_folder("pairs.tsv");
  att_text *queries, *texts;
  size_t count;
  static const char table[] = "query\ttext\na dog\t\"a \"\"man\"\"\"\n\nb\tc d\n";
  write_bytes(path, table, sizeof table - 1);
  assert_int_equal(att_read_pairs(ctx, path, &queries, &texts, &count), ATT_OK);
  assert_int_equal(count, 2);
  assert_memory_equal(queries[0].data, "a dog", queries[0].size);
  assert_int_equal(texts[0].size, 7);
  assert_memory_equal(texts[0].data, "a \"man\"", 7);
  assert_int_equal(queries[1].size, 1);
  assert_memory_equal(texts[1].data, "c d", 3);
  att_release(ctx, queries);
  write_bytes(path, "", 0);
  assert_int_equal(att_read_pairs(ctx, path, &queries, &texts, &count), ATT_OK);
  assert_int_equal(count, 0);
  att_release(ctx, queries);
  write_bytes(path, "a\tb\tc\n", 6);
  must_say(att_read_pairs(ctx, path, &queries, &texts, &count), ATT_FORMAT, "has 3 columns");
  assert_null(queries);
  must_say(att_read_pairs(ctx, in_folder("none"), &queries, &texts, &count), ATT_IO, "none");
}

/* ---- allocations ---- */

static att_status rank_both(att_context *where, void *arg) {
  const att_text query = {"a man", 5}, lines[] = {{"a dog", 5}, {"the man", 7}, {"a dog", 5}};
  att_ranked ranked[3];
  att_model *model;
  att_text *queries, *texts;
  size_t count;
  ATT_TRY(att_model_open(where, arg, &model));
  att_status status = att_rank(model, query, lines, 3, NULL, ranked);
  att_model_close(model);
  if (!status) status = att_read_pairs(where, in_folder("pairs.tsv"), &queries, &texts, &count);
  if (!status) att_release(where, queries);
  return status;
}

static void each_allocation_may_fail(void **state) {
  (void)state;
  static const char *const names[] = {"prompted", "manhattan"};
  write_bytes(in_folder("pairs.tsv"), "a\tb\n", 4);
  for (int i = 0; i < 2; i++) {
    char path[256];
    snprintf(path, sizeof path, "%s", build(find_case(names[i]), names[i]));
    assert_true(fail_each_allocation(rank_both, path) > 100);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_teardown(scores_are_sentence_transformers, clear),
      cmocka_unit_test_teardown(options_go_before_the_folder, clear),
      cmocka_unit_test(a_model_without_stages_has_vectors),
      cmocka_unit_test_teardown(the_most_relevant_comes_first, clear),
      cmocka_unit_test_teardown(a_warning_names_the_line, clear),
      cmocka_unit_test_teardown(wrong_models_and_options_are_refused, clear),
      cmocka_unit_test_teardown(a_folder_with_unknown_settings_is_refused, clear),
      cmocka_unit_test_teardown(pairs_are_read, clear),
      cmocka_unit_test_teardown(each_allocation_may_fail, clear),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
