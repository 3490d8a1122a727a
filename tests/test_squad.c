/* Exact match and F1 as SQuAD's official scripts count them (tools/make_squad_fixtures.py); files that are none. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "formats/json.h"
#include "metrics/answers.h"
#include "train/data/squad.h"

static json_t *open_fixture(att_context *ctx, const char *name) {
  char path[1024];
  json_t *root = NULL;
  snprintf(path, sizeof path, "%s/%s", ATT_TEST_DATA, name);
  if (att_json_open(ctx, path, &root)) fail_msg("%s", att_message(ctx));
  return root;
}

static double number_at(const json_t *list, size_t i) { return json_number_value(json_array_get(list, i)); }

static void test_pairs(void **state) {
  (void)state;
  att_context *ctx;
  att_answer_scorer scorer = {0};
  double sum = 0;
  assert_int_equal(att_context_new(NULL, &ctx), ATT_OK);
  json_t *pairs = open_fixture(ctx, "squad_pairs.json");
  assert_true(json_array_size(pairs) >= 200);
  for (size_t i = 0; i < json_array_size(pairs); i++) {
    const json_t *one = json_array_get(pairs, i), *list = json_object_get(one, "answers");
    const char *prediction = json_string_value(json_object_get(one, "prediction"));
    att_text answers[8];
    size_t count = json_array_size(list);
    for (size_t k = 0; k < count; k++) {
      const char *text = json_string_value(json_array_get(list, k));
      answers[k] = (att_text){text, strlen(text)};
    }
    for (int version2 = 0; version2 < 2; version2++) {
      const json_t *want = json_object_get(one, version2 ? "v2" : "v1");
      double exact, f1;
      assert_int_equal(att_answer_score(ctx, &scorer, (att_text){prediction, strlen(prediction)}, answers, count,
                                        version2 == 1, &exact, &f1),
                       ATT_OK);
      if (exact != number_at(want, 0) || !(fabs(f1 - number_at(want, 1)) < 1e-12))
        fail_msg("pair %zu, version %d: \"%s\" has %g and %g, not %g and %g", i, version2 + 1, prediction, exact, f1,
                 number_at(want, 0), number_at(want, 1));
      sum += f1;
    }
  }
  assert_true(sum > 20);
  att_answer_scorer_free(ctx, &scorer);
  json_decref(pairs);
  att_context_free(ctx);
}

/* The members of a fixture as files of their own. */
static void write_members(const json_t *root, const char *folder) {
  static const char *const names[] = {"data", "predictions", "odds"};
  for (size_t i = 0; i < 3; i++) {
    char path[1024];
    const json_t *member = json_object_get(root, names[i]);
    snprintf(path, sizeof path, "%s/%s.json", folder, names[i]);
    if (member) assert_int_equal(json_dump_file(member, path, 0), 0);
  }
}

static void compare(const json_t *want, const char *key, double got) {
  const json_t *value = json_object_get(want, key);
  if (value && !(fabs(got - json_number_value(value)) < 1e-9))
    fail_msg("%s is %.17g, not %.17g", key, got, json_number_value(value));
}

static void compare_all(const json_t *want, const att_squad_score *s) {
  assert_true(json_object_size(want) >= 3 && s->exact > 10);
  compare(want, "exact", s->exact);
  compare(want, "f1", s->f1);
  compare(want, "total", (double)s->total);
  compare(want, "has_answer", (double)s->has_answer);
  compare(want, "has_answer_exact", s->has_answer_exact);
  compare(want, "has_answer_f1", s->has_answer_f1);
  compare(want, "no_answer", (double)s->no_answer);
  compare(want, "no_answer_exact", s->no_answer_exact);
  compare(want, "no_answer_f1", s->no_answer_f1);
  compare(want, "best_exact", s->best_exact);
  compare(want, "best_exact_threshold", s->best_exact_threshold);
  compare(want, "best_f1", s->best_f1);
  compare(want, "best_f1_threshold", s->best_f1_threshold);
}

static void test_files(void **state) {
  (void)state;
  static const char *const names[] = {"squad_v1.json", "squad_v2.json"};
  att_context *ctx;
  assert_int_equal(att_context_new(NULL, &ctx), ATT_OK);
  for (int i = 0; i < 2; i++) {
    char folder[] = "/tmp/attend-test-XXXXXX", data[64], predictions[64], odds[64];
    json_t *root = open_fixture(ctx, names[i]);
    att_squad *squad;
    att_squad_score score;
    bool unanswerable;
    assert_non_null(mkdtemp(folder));
    write_members(root, folder);
    snprintf(data, sizeof data, "%s/data.json", folder);
    snprintf(predictions, sizeof predictions, "%s/predictions.json", folder);
    snprintf(odds, sizeof odds, "%s/odds.json", folder);
    assert_int_equal(att_squad_open(ctx, data, &squad), ATT_OK);
    assert_int_equal(att_squad_count(squad, &unanswerable), 60);
    assert_int_equal(unanswerable, i);
    assert_int_equal(att_evaluate_squad(squad, predictions, NULL, 1, &score), ATT_OK);
    assert_int_equal(score.missing, 1);
    assert_true(isnan(score.best_f1));
    compare_all(json_object_get(root, "score"), &score);
    if (i == 1) {
      assert_int_equal(att_evaluate_squad(squad, predictions, odds, 0.1, &score), ATT_OK);
      compare_all(json_object_get(root, "with_odds"), &score);
    }
    assert_int_equal(att_evaluate_squad(squad, data, NULL, 1, &score), ATT_OK); /* an object, of other ids */
    assert_int_equal(score.missing, 60);
    att_squad_close(squad);
    json_decref(root);
    unlink(data), unlink(predictions), unlink(odds), rmdir(folder);
  }
  att_context_free(ctx);
}

static const struct {
  const char *ending, *text, *clue; /* clue NULL: it opens */
} files[] = {
    {".json", "[]", "no list \"data\""},
    {".json", "{\"data\": {}}", "no list \"data\""},
    {".json", "{\"data\": []}", "has no question"},
    {".json", "{\"data\": [{\"paragraphs\": 3}]}", "no list \"paragraphs\""},
    {".json", "{\"data\": [{\"paragraphs\": [{\"qas\": []}]}]}", "no \"context\""},
    {".json", "{\"data\": [{\"paragraphs\": [{\"context\": \"c\"}]}]}", "no list \"qas\""},
    {".json", "{\"data\": [{\"paragraphs\": [{\"context\": \"c\", \"qas\": [{\"id\": \"1\"}]}]}]}", "no \"question\""},
    {".json",
     "{\"data\": [{\"paragraphs\": [{\"context\": \"c\", \"qas\": [{\"question\": \"q\", \"answers\": [{}]}]}]}]}",
     "no \"text\""},
    {".json",
     "{\"data\": [{\"paragraphs\": [{\"context\": \"c\", \"qas\": [{\"question\": \"q\", \"answers\": "
     "[{\"text\": \"c\", \"answer_start\": \"0\"}]}]}]}]}",
     "answer_start is no whole number"},
    {".json", "{\"data\": [{\"paragraphs\": [{\"context\": \"c\", \"qas\": [{\"question\": \"q\"}]}]}]}", NULL},
    {".json", "what?", "1"},
    {".tsv", "a\tb\n", "has 2 columns"},
    {".tsv", "a b\tb\tb\tx\n", "start is \"x\""},
    {".tsv", "a b\tb\tb\t2\n", NULL},
    {".tsv", "question\tcontext\tanswer\nq\tthe c\tc\n", NULL},
};

static void test_wrong_files(void **state) {
  (void)state;
  att_context *ctx;
  assert_int_equal(att_context_new(NULL, &ctx), ATT_OK);
  for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
    char path[64];
    att_squad *squad;
    snprintf(path, sizeof path, "/tmp/attend-test-squad-%d%s", (int)getpid(), files[i].ending);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(files[i].text, file);
    fclose(file);
    att_status status = att_squad_open(ctx, path, &squad);
    const char *said = status ? att_message(ctx) : "", *clue = files[i].clue;
    if ((status == ATT_OK) != (clue == NULL) || (clue && !strstr(said, clue)) || strchr(said, '\n'))
      fail_msg("%s: \"%s\" does not say \"%s\"", files[i].text, said, clue ? clue : "");
    att_squad_close(squad);
    unlink(path);
  }
  att_context_free(ctx);
}

/* Code points, not bytes; and an answer that is somewhere else is not found. */
static void test_places(void **state) {
  (void)state;
  const char *context = "\xc3\xa9t\xc3\xa9 \xf0\x9f\x98\x80 la mer";
  const att_text answers[] = {{"mer", 3}, {"mer", 3}, {"mer", 3}, {"x", 1}, {"mer", 3}};
  const int64_t starts[] = {9, 8, -1, -1, INT64_MAX};
  const bool there[] = {true, false, true, false, false};
  const att_squad_item item = {
      .context = {context, strlen(context)}, .answers = answers, .starts = starts, .answer_count = 5};
  for (size_t i = 0; i < 5; i++) {
    size_t begin = 0, end = 0;
    assert_int_equal(att_squad_place(&item, i, &begin, &end), there[i]);
    if (there[i]) assert_true(begin == 14 && end == 17);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_pairs), cmocka_unit_test(test_files),
                                     cmocka_unit_test(test_wrong_files), cmocka_unit_test(test_places)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
