/*
 * Error rates against jiwer, and the English normalizer against Transformers' (tests/data/wer.json, made by
 * tools/make_wer_fixtures.py): counts, rates and drawn alignments of odd pairs, a long one whose table is parted, what
 * is refused, what memory that fails leaves.
 */
#include <attend/attend.h>

#include <jansson.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "counting.h"
#include "metrics/english.h"

static json_t *fixture;
static att_context *ctx;

static int set_up(void **state) {
  (void)state;
  json_error_t error;
  fixture = json_load_file(ATT_TEST_DATA "/wer.json", JSON_ALLOW_NUL, &error);
  return !fixture || att_context_new(NULL, &ctx) != ATT_OK;
}

static int tear_down(void **state) {
  (void)state;
  json_decref(fixture);
  att_context_free(ctx);
  return 0;
}

static att_text text_of(const json_t *in, const char *name) {
  const json_t *value = json_object_get(in, name);
  assert_true(json_is_string(value));
  return (att_text){json_string_value(value), json_string_length(value)};
}

static void check_counts(const json_t *in, const char *name, int64_t hits, int64_t substitutions, int64_t deletions,
                         int64_t insertions) {
  const int64_t ours[] = {hits, substitutions, deletions, insertions};
  for (size_t i = 0; i < 4; i++) {
    int64_t theirs = json_integer_value(json_array_get(json_object_get(in, name), i));
    if (ours[i] != theirs)
      fail_msg("%s %zu of \"%s\": %lld, not %lld", name, i, json_string_value(json_object_get(in, "reference")),
               (long long)ours[i], (long long)theirs);
  }
}

static void check_rates(const att_wer_result *r, const json_t *in) {
  const struct {
    const char *name;
    double value;
  } rates[] = {{"wer", r->wer}, {"cer", r->cer}, {"mer", r->mer}, {"wil", r->wil}, {"wip", r->wip}};
  for (size_t i = 0; i < 5; i++) {
    double theirs = json_number_value(json_object_get(in, rates[i].name));
    if (!(fabs(rates[i].value - theirs) <= 1e-12))
      fail_msg("%s %.15g, not %.15g", rates[i].name, rates[i].value, theirs);
  }
  check_counts(in, "words", r->hits, r->substitutions, r->deletions, r->insertions);
  check_counts(in, "characters", r->character_hits, r->character_substitutions, r->character_deletions,
               r->character_insertions);
}

static void keep_alignment(void *user, const att_wer_pair *pair) { snprintf(user, 4096, "%s", pair->alignment); }

static void test_pairs(void **state) {
  (void)state;
  const json_t *pairs = json_object_get(fixture, "pairs");
  size_t count = json_array_size(pairs);
  assert_true(count >= 200);
  for (size_t i = 0; i < count; i++) {
    const json_t *in = json_array_get(pairs, i);
    att_text reference = text_of(in, "reference"), hypothesis = text_of(in, "hypothesis");
    for (int characters = 0; characters < 2; characters++) {
      char alignment[4096] = "";
      att_wer_result result;
      att_wer_options options;
      att_wer_options_default(&options);
      options.characters = characters;
      options.on_pair = keep_alignment;
      options.user = alignment;
      assert_int_equal(att_wer(ctx, &hypothesis, &reference, 1, &options, &result), ATT_OK);
      check_rates(&result, in);
      const char *theirs =
          json_string_value(json_object_get(in, characters ? "character_alignment" : "word_alignment"));
      bool nothing = result.hits + result.substitutions + result.deletions + result.insertions == 0;
      if (theirs && !nothing && strcmp(alignment, theirs) != 0)
        fail_msg("pair %zu is drawn\n%s\nnot\n%s", i, alignment, theirs);
    }
  }
}

static void test_corpus(void **state) {
  (void)state;
  const json_t *pairs = json_object_get(fixture, "pairs");
  size_t count = json_array_size(pairs);
  att_text *references = calloc(count, sizeof *references), *hypotheses = calloc(count, sizeof *hypotheses);
  att_wer_result result;
  assert_true(references && hypotheses);
  for (size_t i = 0; i < count; i++) {
    references[i] = text_of(json_array_get(pairs, i), "reference");
    hypotheses[i] = text_of(json_array_get(pairs, i), "hypothesis");
  }
  assert_int_equal(att_wer(ctx, hypotheses, references, count, NULL, &result), ATT_OK);
  assert_true(result.wer > 0.1 && result.cer > 0.1);
  check_rates(&result, json_object_get(fixture, "corpus"));
  free(references);
  free(hypotheses);
}

static void test_long(void **state) {
  (void)state;
  const json_t *in = json_object_get(fixture, "long");
  att_text reference = text_of(in, "reference"), hypothesis = text_of(in, "hypothesis");
  att_wer_result r;
  assert_int_equal(att_wer(ctx, &hypothesis, &reference, 1, NULL, &r), ATT_OK);
  check_counts(in, "characters", r.character_hits, r.character_substitutions, r.character_deletions,
               r.character_insertions);
}

static void test_english(void **state) {
  (void)state;
  const json_t *texts = json_object_get(fixture, "english"), *spellings = json_object_get(fixture, "spellings");
  assert_true(json_array_size(texts) >= 120);
  for (size_t i = 0; i < json_array_size(texts); i++) {
    const json_t *in = json_array_get(texts, i), *given = json_array_get(in, 0);
    for (size_t k = 1; k < 3; k++) {
      const char *theirs = json_string_value(json_array_get(in, k));
      att_buffer out = {0};
      att_text text = {json_string_value(given), json_string_length(given)};
      assert_int_equal(att_english_normalize(ctx, text, k == 2 ? spellings : NULL, &out), ATT_OK);
      if (strcmp(out.data ? out.data : "", theirs) != 0)
        fail_msg("\"%s\" became \"%s\", not \"%s\"", text.data, out.data, theirs);
      att_buffer_free(ctx, &out);
    }
  }
}

/* Both sides are made alike, with the spellings of a file. */
static void test_normalized(void **state) {
  (void)state;
  const char *path = "test_wer_spellings.json";
  const att_text reference = {"The COLOUR's 21!", 16}, hypothesis = {"the color is twenty one", 23};
  att_wer_result r;
  att_wer_options options;
  att_wer_options_default(&options);
  options.english = true;
  assert_int_equal(att_wer(ctx, &hypothesis, &reference, 1, &options, &r), ATT_OK);
  assert_true(r.hits == 3 && r.substitutions == 1 && r.wer == 0.25);
  FILE *file = fopen(path, "w");
  assert_true(file && fputs("{\"colour\": \"color\"}", file) >= 0 && fclose(file) == 0);
  options.spellings = path;
  assert_int_equal(att_wer(ctx, &hypothesis, &reference, 1, &options, &r), ATT_OK);
  assert_true(r.hits == 4 && r.wer == 0);
  file = fopen(path, "w");
  assert_true(file && fputs("[1]", file) >= 0 && fclose(file) == 0);
  assert_int_equal(att_wer(ctx, &hypothesis, &reference, 1, &options, &r), ATT_FORMAT);
  assert_non_null(strstr(att_message(ctx), "no JSON object"));
  options.english = false;
  assert_int_equal(att_wer(ctx, &hypothesis, &reference, 1, &options, &r), ATT_ARGUMENT);
  assert_true(remove(path) == 0 && r.wer == 0 && r.hits == 0);
  assert_int_equal(att_wer(ctx, &hypothesis, &reference, 0, NULL, &r), ATT_ARGUMENT);
}

/* Broken UTF-8 and text of hostile size are measured in time in proportion. */
static void test_hostile(void **state) {
  (void)state;
  enum { SIZE = 1 << 16 };
  static const char *const parts[] = {"<", "(", " ", "\xff", "and a half ", "1 ", "one ", "$", ".", "\xcc\x81"};
  char *data = malloc(SIZE);
  assert_non_null(data);
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
    size_t size = strlen(parts[i]), whole = SIZE / size * size;
    for (size_t k = 0; k < whole; k += size) memcpy(data + k, parts[i], size);
    att_buffer out = {0};
    assert_int_equal(att_english_normalize(ctx, (att_text){data, whole}, NULL, &out), ATT_OK);
    att_buffer_free(ctx, &out);
  }
  free(data);
}

static att_status measure_all(att_context *with, void *arg) {
  (void)arg;
  const att_text reference = {"Mr. Smith had $2 and a half, isn't it", 37}, hypothesis = {"mister smith had two", 20};
  att_wer_result r;
  char alignment[4096];
  att_wer_options options;
  att_wer_options_default(&options);
  options.english = true;
  options.on_pair = keep_alignment;
  options.user = alignment;
  return att_wer(with, &hypothesis, &reference, 1, &options, &r);
}

static void test_memory(void **state) {
  (void)state;
  assert_true(fail_each_allocation(measure_all, NULL) > 10);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_pairs),   cmocka_unit_test(test_corpus),     cmocka_unit_test(test_long),
      cmocka_unit_test(test_english), cmocka_unit_test(test_normalized), cmocka_unit_test(test_hostile),
      cmocka_unit_test(test_memory),
  };
  return cmocka_run_group_tests_name("error rates", tests, set_up, tear_down);
}
