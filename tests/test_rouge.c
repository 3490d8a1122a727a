/*
 * ROUGE against rouge-score: odd pairs of texts with and without stems, one reference and several; Porter's stems
 * against NLTK's (tests/data/rouge.json, made by tools/make_rouge_fixtures.py). Then what has no other program: words
 * of other scripts, the mean of several references, the bootstrap, what cannot be, memory that runs out.
 */
#include <attend/attend.h>

#include <jansson.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "counting.h"
#include "metrics/porter.h"

static json_t *fixture;
static att_context *ctx;

static int set_up(void **state) {
  (void)state;
  json_error_t error;
  fixture = json_load_file(ATT_TEST_DATA "/rouge.json", JSON_ALLOW_NUL, &error);
  return !fixture || att_context_new(NULL, &ctx) != ATT_OK;
}

static int tear_down(void **state) {
  (void)state;
  json_decref(fixture);
  att_context_free(ctx);
  return 0;
}

static att_text text_of(const json_t *text) { return (att_text){json_string_value(text), json_string_length(text)}; }

enum { MOST_REFERENCES = 4 };

static void measure(const json_t *pair, const att_rouge_options *options, att_rouge_scores *scores,
                    att_rouge_result *result) {
  const json_t *list = json_object_get(pair, "references");
  att_text text = text_of(json_object_get(pair, "text")), references[MOST_REFERENCES];
  const att_text *each[MOST_REFERENCES];
  size_t count = json_array_size(list);
  assert_in_range(count, 1, MOST_REFERENCES);
  for (size_t i = 0; i < count; i++) {
    references[i] = text_of(json_array_get(list, i));
    each[i] = &references[i];
  }
  assert_int_equal(att_rouge(ctx, &text, 1, each, count, options, scores, result), ATT_OK);
}

static void compare(const json_t *pair, bool stem, double *sum) {
  att_rouge_options options;
  att_rouge_scores scores;
  att_rouge_result result;
  att_rouge_options_default(&options);
  options.stem = stem;
  measure(pair, &options, &scores, &result);
  assert_memory_equal(&scores, &result.mean, sizeof scores);
  const json_t *want = json_object_get(pair, stem ? "stemmed" : "plain");
  for (size_t k = 0; k < ATT_ROUGE_KINDS; k++) {
    const att_rouge_score *s = &scores.kinds[k];
    const double got[] = {s->precision, s->recall, s->f};
    for (size_t i = 0; i < 3; i++) {
      double value = json_number_value(json_array_get(json_array_get(want, k), i));
      if (!(fabs(got[i] - value) < 1e-15)) {
        fail_msg("\"%s\", kind %zu, value %zu: %.17g, not %.17g", json_string_value(json_object_get(pair, "text")), k,
                 i, got[i], value);
      }
      *sum += got[i];
    }
  }
}

static void test_scores(void **state) {
  (void)state;
  const json_t *pairs = json_object_get(fixture, "pairs");
  size_t i;
  json_t *pair;
  double sum = 0;
  assert_true(json_array_size(pairs) >= 200);
  json_array_foreach(pairs, i, pair) {
    compare(pair, false, &sum);
    compare(pair, true, &sum);
  }
  assert_true(sum > 100);
}

static void test_stems(void **state) {
  (void)state;
  const char *word;
  json_t *stem;
  const json_t *stems = json_object_get(fixture, "stems");
  assert_true(json_object_size(stems) > 400);
  json_object_foreach((json_t *)(uintptr_t)stems, word, stem) {
    char text[64];
    size_t size = strlen(word);
    assert_true(size < sizeof text);
    memcpy(text, word, size);
    size = att_porter_stem(text, size);
    if (size != json_string_length(stem) || memcmp(text, json_string_value(stem), size) != 0)
      fail_msg("%s becomes %.*s, not %s", word, (int)size, text, json_string_value(stem));
  }
}

static att_rouge_scores score(const char *text, const char *reference, const att_rouge_options *options) {
  att_rouge_scores scores;
  const att_text one = {text, strlen(text)}, other = {reference, strlen(reference)}, *others = &other;
  assert_int_equal(att_rouge(ctx, &one, 1, &others, 1, options, &scores, NULL), ATT_OK);
  return scores;
}

static void test_words_of_other_scripts(void **state) {
  (void)state;
  att_rouge_options options;
  att_rouge_options_default(&options);
  options.unicode_words = true;
  assert_true(score("Мама мыла раму", "мама раму", NULL).kinds[ATT_ROUGE_1].f == 0);
  assert_true(fabs(score("Мама мыла раму", "мама раму", &options).kinds[ATT_ROUGE_1].precision - 2.0 / 3) < 1e-12);
  assert_true(fabs(score("日本語", "日本", &options).kinds[ATT_ROUGE_2].precision - 0.5) < 1e-12);
  assert_true(score("naïve café", "naïve", &options).kinds[ATT_ROUGE_1].recall == 1);
  assert_true(score("\xff\xfe", "\xff", &options).kinds[ATT_ROUGE_1].f == 0);
}

static void test_mean_and_interval(void **state) {
  (void)state;
  enum { COUNT = 40 };
  att_text texts[COUNT], same[COUNT], other[COUNT];
  const att_text *references[] = {same, other};
  att_rouge_options options;
  att_rouge_result best, mean, again;
  att_rouge_options_default(&options);
  for (int i = 0; i < COUNT; i++) {
    texts[i] = (att_text){"a b c d", 7};
    same[i] = (att_text){i % 2 ? "a b c d" : "a b", i % 2 ? 7 : 3};
    other[i] = (att_text){"x y", 3};
  }
  options.samples = 200;
  assert_int_equal(att_rouge(ctx, texts, COUNT, references, 2, &options, NULL, &best), ATT_OK);
  options.mean = true;
  assert_int_equal(att_rouge(ctx, texts, COUNT, references, 2, &options, NULL, &mean), ATT_OK);
  assert_int_equal(att_rouge(ctx, texts, COUNT, references, 2, &options, NULL, &again), ATT_OK);
  assert_memory_equal(&mean, &again, sizeof mean);
  const att_rouge_score *b = &best.mean.kinds[ATT_ROUGE_1], *m = &mean.mean.kinds[ATT_ROUGE_1];
  assert_true(fabs(b->precision - 0.75) < 1e-12 && fabs(m->precision - 0.375) < 1e-12);
  double low = best.low.kinds[ATT_ROUGE_1].precision, high = best.high.kinds[ATT_ROUGE_1].precision;
  double error = 0.25 / sqrt(COUNT); /* of the mean: half are 0.5, half 1 */
  assert_true(low < 0.75 && high > 0.75);
  assert_true(fabs(high - low - 2 * 1.96 * error) < 0.5 * error);
}

static void test_what_cannot_be(void **state) {
  (void)state;
  const att_text text = {"a", 1}, *references = &text;
  att_rouge_options options;
  att_rouge_result result;
  att_rouge_options_default(&options);
  assert_int_equal(att_rouge(ctx, &text, 0, &references, 1, NULL, NULL, &result), ATT_ARGUMENT);
  assert_int_equal(att_rouge(ctx, &text, 1, &references, 0, NULL, NULL, &result), ATT_ARGUMENT);
  options.samples = -1;
  assert_int_equal(att_rouge(ctx, &text, 1, &references, 1, &options, NULL, &result), ATT_ARGUMENT);
  options.samples = 1;
  options.confidence = NAN;
  assert_int_equal(att_rouge(ctx, &text, 1, &references, 1, &options, NULL, &result), ATT_ARGUMENT);
  att_interrupt(ctx);
  assert_int_equal(att_rouge(ctx, &text, 1, &references, 1, NULL, NULL, &result), ATT_INTERRUPTED);
}

static att_status measure_counted(att_context *counted, void *arg) {
  (void)arg;
  const att_text text = {"police kill gunmen\nin the city\nof long words", 44},
                 reference = {"the police killed\nwords in the cities", 37}, *references = &reference;
  att_rouge_options options;
  att_rouge_result result;
  att_rouge_options_default(&options);
  options.stem = true;
  options.samples = 10;
  return att_rouge(counted, &text, 1, &references, 1, &options, NULL, &result);
}

static void test_memory(void **state) {
  (void)state;
  assert_true(fail_each_allocation(measure_counted, NULL) > 10);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_scores),
      cmocka_unit_test(test_stems),
      cmocka_unit_test(test_words_of_other_scripts),
      cmocka_unit_test(test_mean_and_interval),
      cmocka_unit_test(test_what_cannot_be),
      cmocka_unit_test(test_memory),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
