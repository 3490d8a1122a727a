/*
 * BLEU and chrF against sacreBLEU: every option on small corpora of hard cases (tests/data/bleu.json, made by
 * tools/make_bleu_fixtures.py), and systems on FLORES where the data folder is there.
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

#ifndef ATT_SHARED_DATA
#define ATT_SHARED_DATA ""
#endif

static json_t *fixture;
static att_context *ctx;

static int set_up(void **state) {
  (void)state;
  json_error_t error;
  fixture = json_load_file(ATT_TEST_DATA "/bleu.json", JSON_ALLOW_NUL, &error);
  return !fixture || att_context_new(NULL, &ctx) != ATT_OK;
}

static int tear_down(void **state) {
  (void)state;
  json_decref(fixture);
  att_context_free(ctx);
  return 0;
}

static int index_of(const char *name, const char *const *names, int count) {
  for (int i = 0; i < count; i++)
    if (strcmp(name, names[i]) == 0) return i;
  fail_msg("%s is unknown", name);
  return -1;
}

static att_bleu_options read_options(const json_t *result) {
  static const char *const tokenizers[] = {"13a", "none", "char", "intl"};
  static const char *const smoothings[] = {"exp", "floor", "add-k", "none"};
  att_bleu_options options;
  att_bleu_options_default(&options);
  options.lowercase = json_is_true(json_object_get(result, "lowercase"));
  options.chrf = strcmp(json_string_value(json_object_get(result, "metric")), "chrf") == 0;
  if (options.chrf) {
    options.word_order = (int)json_integer_value(json_object_get(result, "word_order"));
    return options;
  }
  const char *tokenizer = json_string_value(json_object_get(result, "tokenizer"));
  const char *smoothing = json_string_value(json_object_get(result, "smoothing"));
  options.tokenizer = (att_bleu_tokenizer)index_of(tokenizer, tokenizers, 4);
  options.smoothing = (att_bleu_smoothing)index_of(smoothing, smoothings, 4);
  const json_t *value = json_object_get(result, "value");
  if (value) options.smoothing_value = json_number_value(value);
  return options;
}

static void check_near(double ours, double theirs) {
  if (!(fabs(ours - theirs) <= 1e-9 * fmax(1, fabs(theirs)))) fail_msg("%.12f is not %.12f", ours, theirs);
}

static void check_result(const att_bleu_result *ours, const json_t *theirs) {
  assert_string_equal(ours->line, json_string_value(json_object_get(theirs, "line")));
  check_near(ours->score, json_number_value(json_object_get(theirs, "score")));
  const char *signature = json_string_value(json_object_get(theirs, "signature"));
  if (signature) assert_string_equal(ours->signature, signature);
  const json_t *precision = json_object_get(theirs, "precision");
  if (!precision) return;
  for (size_t n = 0; n < 4; n++) check_near(ours->precision[n], json_number_value(json_array_get(precision, n)));
  check_near(ours->brevity_penalty, json_number_value(json_object_get(theirs, "brevity_penalty")));
  const json_t *lengths = json_object_get(theirs, "lengths");
  assert_int_equal(ours->hypothesis_length, json_integer_value(json_array_get(lengths, 0)));
  assert_int_equal(ours->reference_length, json_integer_value(json_array_get(lengths, 1)));
}

static att_text *lines_of(const json_t *array) {
  att_text *lines = calloc(json_array_size(array) + 1, sizeof *lines);
  assert_non_null(lines);
  for (size_t i = 0; i < json_array_size(array); i++) {
    const json_t *line = json_array_get(array, i);
    lines[i] = (att_text){json_string_value(line), json_string_length(line)};
  }
  return lines;
}

static void test_small_corpora(void **state) {
  (void)state;
  size_t i, j, checked = 0;
  json_t *corpus, *theirs;
  json_array_foreach(json_object_get(fixture, "corpora"), i, corpus) {
    size_t count = json_array_size(json_object_get(corpus, "hypotheses"));
    att_text *hypotheses = lines_of(json_object_get(corpus, "hypotheses"));
    att_text *references = lines_of(json_object_get(corpus, "references"));
    json_array_foreach(json_object_get(corpus, "results"), j, theirs) {
      att_bleu_options options = read_options(theirs);
      att_bleu_result ours;
      assert_int_equal(att_bleu(ctx, hypotheses, references, count, &options, &ours), ATT_OK);
      check_result(&ours, theirs);
      checked++;
    }
    free(hypotheses);
    free(references);
  }
  assert_true(checked > 500);
}

/* A file's lines, split at \n only. *block: free. */
static att_text *read_lines(const char *path, char **block, size_t *count) {
  FILE *file = fopen(path, "rb");
  if (!file) return NULL;
  fseek(file, 0, SEEK_END);
  size_t size = (size_t)ftell(file);
  rewind(file);
  *block = malloc(size + 1);
  assert_int_equal(fread(*block, 1, size, file), size);
  fclose(file);
  att_text *lines = calloc(size + 1, sizeof *lines);
  *count = 0;
  for (char *at = *block, *end; at < *block + size; at = end + 1) {
    end = memchr(at, '\n', (size_t)(*block + size - at));
    if (!end) end = *block + size;
    lines[(*count)++] = (att_text){at, (size_t)(end - at)};
  }
  return lines;
}

static att_text *shared_lines(const json_t *corpus, const char *side, char **block, size_t *count) {
  char path[4096];
  snprintf(path, sizeof path, "%s/%s", ATT_SHARED_DATA, json_string_value(json_object_get(corpus, side)));
  return read_lines(path, block, count);
}

static void test_systems_on_flores(void **state) {
  (void)state;
  size_t i, j;
  json_t *corpus, *theirs;
  json_array_foreach(json_object_get(fixture, "files"), i, corpus) {
    char *blocks[2];
    size_t counts[2];
    att_text *hypotheses = shared_lines(corpus, "hypotheses", &blocks[0], &counts[0]);
    if (!hypotheses) {
      print_message("skipped: no FLORES data here\n");
      return;
    }
    att_text *references = shared_lines(corpus, "references", &blocks[1], &counts[1]);
    assert_non_null(references);
    assert_int_equal(counts[0], counts[1]);
    json_array_foreach(json_object_get(corpus, "results"), j, theirs) {
      att_bleu_options options = read_options(theirs);
      att_bleu_result ours;
      assert_int_equal(att_bleu(ctx, hypotheses, references, counts[0], &options, &ours), ATT_OK);
      check_result(&ours, theirs);
      assert_true(ours.score > 20);
    }
    for (int side = 0; side < 2; side++) free(blocks[side]);
    free(hypotheses);
    free(references);
  }
}

static void test_defaults(void **state) {
  (void)state;
  att_text line = {"The cat sat on the mat.", 23};
  att_bleu_result result;
  assert_int_equal(att_bleu(ctx, &line, &line, 1, NULL, &result), ATT_OK);
  check_near(result.score, 100);
  assert_non_null(strstr(result.signature, "nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|version:"));
}

/* Bytes that are no UTF-8, NUL bytes and a very long line count as characters and harm nothing. */
static void test_hostile_lines(void **state) {
  (void)state;
  enum { LONG = 1000000 };
  char *line = malloc(LONG);
  for (int i = 0; i < LONG; i++) line[i] = (char)((unsigned)i * 7919u >> 3);
  att_text lines[] = {{line, LONG}, {"\xff\xfe a\0b \xe2\x82", 9}, {"a\xc3", 2}, {"", 0}, {NULL, 0}};
  for (int kind = 0; kind < 6; kind++) {
    att_bleu_options options;
    att_bleu_options_default(&options);
    options.tokenizer = (att_bleu_tokenizer)(kind % 4);
    options.chrf = kind >= 4;
    options.word_order = kind == 5 ? 2 : 0;
    options.lowercase = kind % 2;
    att_bleu_result result;
    assert_int_equal(att_bleu(ctx, lines, lines, 5, &options, &result), ATT_OK);
    check_near(result.score, 100);
  }
  free(line);
}

static void test_impossible_arguments(void **state) {
  (void)state;
  att_text line = {"a", 1};
  att_bleu_result result;
  assert_int_equal(att_bleu(ctx, &line, &line, 0, NULL, &result), ATT_ARGUMENT);
  att_bleu_options bad[] = {{.tokenizer = (att_bleu_tokenizer)9},
                            {.smoothing = (att_bleu_smoothing)9},
                            {.smoothing_value = (double)NAN},
                            {.chrf = true, .word_order = 100},
                            {.chrf = true, .word_order = -1}};
  const char *const says[] = {"tokenizer 9", "smoothing 9", "smoothing value", "word order of 100", "word order of -1"};
  for (int i = 0; i < 5; i++) {
    bad[i].size = sizeof bad[i];
    assert_int_equal(att_bleu(ctx, &line, &line, 1, &bad[i], &result), ATT_ARGUMENT);
    assert_non_null(strstr(att_message(ctx), says[i]));
  }
}

static att_status measure_two_lines(att_context *small, void *arg) {
  att_text lines[] = {{"The dog, it runs &amp; runs.", 28}, {"a 12.5 b", 8}};
  att_bleu_result result;
  return att_bleu(small, lines, lines, 2, arg, &result);
}

static void test_each_allocation_fails(void **state) {
  (void)state;
  att_bleu_options options;
  att_bleu_options_default(&options);
  assert_true(fail_each_allocation(measure_two_lines, &options) > 5);
  options.chrf = true;
  options.word_order = 2;
  assert_true(fail_each_allocation(measure_two_lines, &options) > 5);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_small_corpora),
      cmocka_unit_test(test_systems_on_flores),
      cmocka_unit_test(test_defaults),
      cmocka_unit_test(test_hostile_lines),
      cmocka_unit_test(test_impossible_arguments),
      cmocka_unit_test(test_each_allocation_fails),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
