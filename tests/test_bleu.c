/*
 * BLEU, chrF and TER against sacreBLEU: every option on small corpora of hard cases, with one and with several
 * references, and each line alone (tests/data/bleu.json, made by tools/make_bleu_fixtures.py), and systems on FLORES
 * where the data folder is there.
 */
#include <attend/attend.h>

#include <jansson.h>
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

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

static bool is_set(const json_t *result, const char *name) { return json_is_true(json_object_get(result, name)); }

static att_bleu_options read_options(const json_t *result) {
  static const char *const metrics[] = {"bleu", "chrf", "ter"};
  static const char *const tokenizers[] = {"13a", "none", "char", "intl", "zh"};
  static const char *const smoothings[] = {"exp", "floor", "add-k", "none"};
  att_bleu_options options;
  att_bleu_options_default(&options);
  options.metric = (att_bleu_metric)index_of(json_string_value(json_object_get(result, "metric")), metrics, 3);
  options.lowercase = is_set(result, "lowercase");
  options.word_order = (int)json_integer_value(json_object_get(result, "word_order"));
  options.ter_normalized = is_set(result, "normalized");
  options.ter_no_punct = is_set(result, "no_punct");
  options.ter_asian_support = is_set(result, "asian_support");
  options.ter_case_sensitive = is_set(result, "case_sensitive");
  if (options.metric != ATT_METRIC_BLEU) return options;
  const char *tokenizer = json_string_value(json_object_get(result, "tokenizer"));
  const char *smoothing = json_string_value(json_object_get(result, "smoothing"));
  options.tokenizer = (att_bleu_tokenizer)index_of(tokenizer, tokenizers, 5);
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

enum { MOST_REFERENCES = 4 };

/* Where there is no line (null), data is NULL. */
static att_text *lines_of(const json_t *array) {
  att_text *lines = calloc(json_array_size(array) + 1, sizeof *lines);
  assert_non_null(lines);
  for (size_t i = 0; i < json_array_size(array); i++) {
    const json_t *line = json_array_get(array, i);
    if (json_is_string(line)) lines[i] = (att_text){json_string_value(line), json_string_length(line)};
  }
  return lines;
}

typedef struct corpus_lines {
  att_text *hypotheses;
  const att_text *references[MOST_REFERENCES];
  size_t count, reference_count;
} corpus_lines;

static corpus_lines read_corpus(const json_t *corpus) {
  const json_t *references = json_object_get(corpus, "references");
  corpus_lines lines = {.count = json_array_size(json_object_get(corpus, "hypotheses")),
                        .reference_count = json_array_size(references)};
  assert_in_range(lines.reference_count, 1, MOST_REFERENCES);
  lines.hypotheses = lines_of(json_object_get(corpus, "hypotheses"));
  for (size_t r = 0; r < lines.reference_count; r++) {
    assert_int_equal(json_array_size(json_array_get(references, r)), lines.count);
    lines.references[r] = lines_of(json_array_get(references, r));
  }
  return lines;
}

static void free_corpus(corpus_lines *lines) {
  free(lines->hypotheses);
  for (size_t r = 0; r < lines->reference_count; r++) free((void *)lines->references[r]);
}

static void test_small_corpora(void **state) {
  (void)state;
  size_t i, j, checked = 0;
  json_t *corpus, *theirs;
  json_array_foreach(json_object_get(fixture, "corpora"), i, corpus) {
    corpus_lines c = read_corpus(corpus);
    json_array_foreach(json_object_get(corpus, "results"), j, theirs) {
      att_bleu_options options = read_options(theirs);
      att_bleu_result ours;
      assert_int_equal(att_bleu(ctx, c.hypotheses, c.count, c.references, c.reference_count, &options, &ours), ATT_OK);
      check_result(&ours, theirs);
      checked++;
    }
    free_corpus(&c);
  }
  assert_true(checked > 1200);
}

/* sacreBLEU's sentence_score: of the references that line i has. */
static void check_sentence(const corpus_lines *c, size_t i, const att_bleu_options *options, const json_t *theirs) {
  att_bleu_result ours;
  const att_text *references[MOST_REFERENCES];
  char nrefs[16];
  size_t count = 0, j;
  for (size_t r = 0; r < c->reference_count; r++)
    if (c->references[r][i].data) references[count++] = &c->references[r][i];
  assert_int_equal(att_bleu(ctx, &c->hypotheses[i], 1, references, count, options, &ours), ATT_OK);
  double score = json_number_value(json_array_get(json_object_get(theirs, "scores"), i));
  if (!(fabs(ours.score - score) <= 1e-9 * fmax(1, score)))
    fail_msg("line %zu: %s: %.12f is not %.12f", i, ours.signature, ours.score, score);
  snprintf(nrefs, sizeof nrefs, "nrefs:%zu|", count);
  assert_memory_equal(ours.signature, nrefs, strlen(nrefs));
  bool found = false;
  json_t *signature;
  json_array_foreach(json_object_get(theirs, "signatures"), j, signature) {
    found = found || strcmp(ours.signature, json_string_value(signature)) == 0;
  }
  if (!found) fail_msg("sacreBLEU has no signature %s", ours.signature);
}

static void test_sentences(void **state) {
  (void)state;
  size_t i, j, checked = 0;
  json_t *corpus, *theirs;
  json_array_foreach(json_object_get(fixture, "corpora"), i, corpus) {
    corpus_lines c = read_corpus(corpus);
    json_array_foreach(json_object_get(corpus, "sentences"), j, theirs) {
      att_bleu_options options = read_options(theirs);
      options.effective_order = options.metric == ATT_METRIC_BLEU;
      assert_int_equal(json_array_size(json_object_get(theirs, "scores")), c.count);
      for (size_t line = 0; line < c.count; line++) check_sentence(&c, line, &options, theirs);
      checked += c.count;
    }
    free_corpus(&c);
  }
  assert_true(checked > 1500);
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

static att_text *shared_lines(const json_t *name, char **block, size_t *count) {
  char path[4096];
  snprintf(path, sizeof path, "%s/%s", ATT_SHARED_DATA, json_string_value(name));
  return read_lines(path, block, count);
}

static void test_systems_on_flores(void **state) {
  (void)state;
  size_t i, j;
  json_t *corpus, *theirs;
  json_array_foreach(json_object_get(fixture, "files"), i, corpus) {
    const json_t *names = json_object_get(corpus, "references");
    char *blocks[1 + MOST_REFERENCES] = {NULL};
    size_t count, reference_count = json_array_size(names), same;
    const att_text *references[MOST_REFERENCES];
    att_text *hypotheses = shared_lines(json_object_get(corpus, "hypotheses"), &blocks[0], &count);
    if (!hypotheses) {
      print_message("skipped: no FLORES data here\n");
      return;
    }
    for (size_t r = 0; r < reference_count; r++) {
      references[r] = shared_lines(json_array_get(names, r), &blocks[1 + r], &same);
      assert_non_null(references[r]);
      assert_int_equal(same, count);
    }
    json_array_foreach(json_object_get(corpus, "results"), j, theirs) {
      att_bleu_options options = read_options(theirs);
      att_bleu_result ours;
      assert_int_equal(att_bleu(ctx, hypotheses, count, references, reference_count, &options, &ours), ATT_OK);
      check_result(&ours, theirs);
      assert_true(ours.score > 20);
    }
    for (size_t side = 0; side <= reference_count; side++) free(blocks[side]);
    for (size_t r = 0; r < reference_count; r++) free((void *)references[r]);
    free(hypotheses);
  }
}

static void test_defaults(void **state) {
  (void)state;
  const att_text line = {"The cat sat on the mat.", 23}, *same = &line;
  att_bleu_result result;
  assert_int_equal(att_bleu(ctx, &line, 1, &same, 1, NULL, &result), ATT_OK);
  check_near(result.score, 100);
  assert_non_null(strstr(result.signature, "nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|version:"));
}

/* Bytes that are no UTF-8, NUL bytes and a very long line count as characters and harm nothing. */
static void test_hostile_lines(void **state) {
  (void)state;
  enum { LONG = 1000000 };
  char *line = malloc(LONG);
  for (int i = 0; i < LONG; i++) line[i] = (char)((unsigned)i * 7919u >> 3);
  const att_text lines[] = {{line, LONG}, {"\xff\xfe a\0b \xe2\x82", 9}, {"a\xc3", 2}, {"", 0}}, *same = lines;
  for (int kind = 0; kind < 8; kind++) {
    att_bleu_options options;
    att_bleu_options_default(&options);
    options.metric = kind < 5 ? ATT_METRIC_BLEU : kind < 7 ? ATT_METRIC_CHRF : ATT_METRIC_TER;
    options.tokenizer = (att_bleu_tokenizer)(kind % 5);
    options.word_order = kind == 6 ? 2 : 0;
    options.lowercase = kind % 2;
    options.ter_normalized = options.ter_asian_support = true;
    att_bleu_result result;
    assert_int_equal(att_bleu(ctx, lines, 4, &same, 1, &options, &result), ATT_OK);
    check_near(result.score, kind == 7 ? 0 : 100);
  }
  free(line);
}

static void on_alarm(int number) {
  (void)number;
  att_interrupt(ctx);
}

static void interrupt_soon(void) {
  const struct itimerval soon = {.it_value.tv_usec = 20000};
  signal(SIGALRM, on_alarm);
  setitimer(ITIMER_REAL, &soon, NULL);
}

/* Lines that differ everywhere, and lengths far apart: time and memory in proportion to the words, up to the limit that
 * is named; an interrupt is heard within a line. */
static void test_ter_of_long_lines(void **state) {
  (void)state;
  enum { WORDS = 1100000 };
  char *text = malloc(2 * WORDS), *other = malloc(2 * WORDS);
  for (int i = 0; i < WORDS; i++) {
    text[2 * i] = (char)('a' + (unsigned)i * 2654435761u % 13);
    other[2 * i] = (char)('a' + (unsigned)i * 40503u % 17);
    text[2 * i + 1] = other[2 * i + 1] = ' ';
  }
  const struct { size_t words, others; } sizes[] = {{20000, 20000}, {1, 100000}, {100000, 1}, {300, 20000}};
  att_bleu_options options;
  att_bleu_result result;
  att_bleu_options_default(&options);
  options.metric = ATT_METRIC_TER;
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    const att_text hypothesis = {text, 2 * sizes[i].words}, reference = {other, 2 * sizes[i].others};
    const att_text *references = &reference;
    assert_int_equal(att_bleu(ctx, &hypothesis, 1, &references, 1, &options, &result), ATT_OK);
    double longer = (double)(sizes[i].words > sizes[i].others ? sizes[i].words : sizes[i].others);
    assert_true(result.score > 0 && result.score <= 100 * longer / (double)sizes[i].others);
  }
  const att_text half = {text, WORDS}, other_half = {other, WORDS}, *other_halves = &other_half;
  interrupt_soon();
  assert_int_equal(att_bleu(ctx, &half, 1, &other_halves, 1, &options, &result), ATT_INTERRUPTED);
  const att_text whole = {text, 2 * WORDS}, *references = &whole;
  assert_int_equal(att_bleu(ctx, &whole, 1, &references, 1, &options, &result), ATT_ARGUMENT);
  assert_non_null(strstr(att_message(ctx), "TER: line 1 has 1100000 words"));
  free(text);
  free(other);
}

static void test_interrupt(void **state) {
  (void)state;
  const att_text lines[] = {{"a b c", 5}, {"b a c", 5}}, *references = lines + 1;
  for (int metric = 0; metric < 3; metric++) {
    att_bleu_options options;
    att_bleu_result result;
    att_bleu_options_default(&options);
    options.metric = (att_bleu_metric)metric;
    att_interrupt(ctx);
    assert_int_equal(att_bleu(ctx, lines, 1, &references, 1, &options, &result), ATT_INTERRUPTED);
    assert_int_equal(att_bleu(ctx, lines, 1, &references, 1, &options, &result), ATT_OK); /* the next is a new call */
  }
}

static void test_missing_references(void **state) {
  (void)state;
  const att_text hypotheses[] = {{"a b c d e", 9}, {"f g", 3}};
  const att_text first[] = {{"a b c d e", 9}, {NULL, 0}}, second[] = {{NULL, 0}, {"f g", 3}}, none[2] = {{NULL, 0}};
  const att_text *const both[] = {first, second}, *const one[] = {second, none};
  att_bleu_result result;
  assert_int_equal(att_bleu(ctx, hypotheses, 2, both, 2, NULL, &result), ATT_OK);
  check_near(result.score, 100);
  assert_memory_equal(result.signature, "nrefs:1|", 8); /* as sacreBLEU counts them: one each */
  assert_int_equal(att_bleu(ctx, hypotheses, 2, one, 2, NULL, &result), ATT_ARGUMENT);
  assert_non_null(strstr(att_message(ctx), "line 1 has no reference"));
  assert_int_equal(att_bleu(ctx, hypotheses, 2, both, 0, NULL, &result), ATT_ARGUMENT);
}

static void test_impossible_arguments(void **state) {
  (void)state;
  const att_text line = {"a", 1}, *same = &line;
  att_bleu_result result;
  assert_int_equal(att_bleu(ctx, &line, 0, &same, 1, NULL, &result), ATT_ARGUMENT);
  att_bleu_options bad[] = {{.metric = (att_bleu_metric)3},
                            {.metric = (att_bleu_metric)-1},
                            {.tokenizer = (att_bleu_tokenizer)9},
                            {.smoothing = (att_bleu_smoothing)9},
                            {.smoothing_value = (double)NAN},
                            {.metric = ATT_METRIC_CHRF, .word_order = 100},
                            {.metric = ATT_METRIC_CHRF, .word_order = -1}};
  const char *const says[] = {"metric 3",        "metric -1",         "tokenizer 9",     "smoothing 9",
                              "smoothing value", "word order of 100", "word order of -1"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    bad[i].size = sizeof bad[i];
    assert_int_equal(att_bleu(ctx, &line, 1, &same, 1, &bad[i], &result), ATT_ARGUMENT);
    assert_non_null(strstr(att_message(ctx), says[i]));
  }
}

static att_status measure_two_lines(att_context *small, void *arg) {
  const att_text lines[] = {{"The dog, it runs &amp; runs.", 28}, {"a 12.5 b", 8}, {"b a 12.5", 8}};
  const att_text *const references[] = {lines, lines + 1};
  att_bleu_result result;
  return att_bleu(small, lines, 2, references, 2, arg, &result);
}

static void test_each_allocation_fails(void **state) {
  (void)state;
  att_bleu_options options;
  att_bleu_options_default(&options);
  options.word_order = 2;
  options.ter_normalized = true;
  for (int metric = 0; metric < 3; metric++) {
    options.metric = (att_bleu_metric)metric;
    assert_true(fail_each_allocation(measure_two_lines, &options) > 5);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_small_corpora),
      cmocka_unit_test(test_sentences),
      cmocka_unit_test(test_systems_on_flores),
      cmocka_unit_test(test_defaults),
      cmocka_unit_test(test_hostile_lines),
      cmocka_unit_test(test_ter_of_long_lines),
      cmocka_unit_test(test_interrupt),
      cmocka_unit_test(test_missing_references),
      cmocka_unit_test(test_impossible_arguments),
      cmocka_unit_test(test_each_allocation_fails),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
