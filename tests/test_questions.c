/*
 * att_answer: places in the context's own characters, windows of any number, no answer, other heads; and training for
 * it: SQuAD and tables, answers that stand elsewhere, validation, a run that goes on.
 */
#include "scratch.h"

#include <math.h>
#include <stdlib.h>

static char logged[4096];

static void keep_log(void *user, att_log_level level, const char *text) {
  (void)user, (void)level;
  size_t used = strlen(logged);
  snprintf(logged + used, sizeof logged - used, "%s\n", text);
}

static int begin_with_log(void **state) {
  (void)state;
  att_context_options options;
  att_context_options_default(&options);
  options.threads = 2;
  options.log = keep_log;
  return !mkdtemp(folder) || att_context_new(&options, &ctx) != ATT_OK;
}

static att_model *open_fixture(const char *name) {
  char path[1024];
  att_model *model;
  snprintf(path, sizeof path, "%s/%s", ATT_TEST_DATA, name);
  if (att_model_open(ctx, path, &model)) fail_msg("%s", att_message(ctx));
  return model;
}

/* ---- answers ---- */

typedef struct seen {
  att_text context;
  size_t questions, answers, empty;
  bool may_be_none;
  double odds;
  char best[256];
} seen;

/* Bytes of the context before that many code points. */
static size_t byte_of(att_text text, size_t characters) {
  size_t at = 0;
  for (; at < text.size; at++)
    if (((unsigned char)text.data[at] & 0xc0) != 0x80 && characters-- == 0) break;
  return at;
}

static int check(void *user, const att_answers *given) {
  seen *s = user;
  double sum = 0;
  assert_true(given->count == 0 || given->best < given->count);
  for (size_t i = 0; i < given->count; i++) {
    const att_found_answer *one = given->answers[i];
    sum += one->score;
    if (i) assert_true(one->score <= given->answers[i - 1]->score);
    if (one->size == 0) {
      s->empty++;
      continue;
    }
    assert_true(one->start < one->end);
    size_t from = byte_of(s->context, one->start), to = byte_of(s->context, one->end);
    if (to - from != one->size || memcmp(s->context.data + from, one->text, one->size) != 0)
      fail_msg("\"%.*s\" does not stand at %zu to %zu", (int)one->size, one->text, one->start, one->end);
  }
  if (given->count) assert_true(fabs(sum - 1) < 1e-9);
  s->questions++;
  s->answers += given->count;
  s->may_be_none = given->may_be_none;
  s->odds = given->null_odds;
  const att_found_answer *best = given->count ? given->answers[given->best] : NULL;
  snprintf(s->best, sizeof s->best, "%.*s", best ? (int)best->size : 0, best ? best->text : "");
  return 0;
}

static seen ask(att_model *model, const char *context, const char *question, const att_answer_options *options) {
  const att_question q = {{context, strlen(context)}, {question, strlen(question)}};
  seen s = {.context = q.context};
  if (att_answer(model, &q, 1, options, check, &s)) fail_msg("%s: %s", context, att_message(ctx));
  assert_int_equal(s.questions, 1);
  return s;
}

static const char *const contexts[] = {
    "A man rides a horse.",
    "  Caf\xc3\xa9 na\xc3\xafve \xf0\x9f\x98\x80\xf0\x9f\x98\x80 \xe6\x97\xa5\xe6\x9c\xac\r\n\ttabs\r\n",
    "cafe\xcc\x81 e\xcc\x81", "x", "\xf0\x9f\x91\xa8\xe2\x80\x8d\xf0\x9f\x91\xa9"};
static const char *const models[] = {"family_bert_spans",   "family_roberta_spans", "family_distilbert_spans",
                                     "family_albert_spans", "family_mpnet_spans",   "family_gpt2_spans",
                                     "family_llama_spans",  "family_mbart_spans"};

static void test_places(void **state) {
  (void)state;
  logged[0] = '\0';
  for (size_t m = 0; m < sizeof models / sizeof *models; m++) {
    att_model *model = open_fixture(models[m]);
    att_answer_options options;
    att_answer_options_default(&options);
    options.no_answer = ATT_NO_ANSWER_ALLOWED;
    for (size_t i = 0; i < sizeof contexts / sizeof *contexts; i++) {
      seen s = ask(model, contexts[i], "A horse?", NULL);
      assert_true(s.answers >= 1 && s.empty == 0 && !s.may_be_none && s.best[0]);
      options.null_threshold = -1e9;
      s = ask(model, contexts[i], "A horse?", &options);
      assert_true(s.empty == 1 && s.may_be_none && !s.best[0]);
      options.null_threshold = s.odds + 1;
      assert_true(ask(model, contexts[i], "A horse?", &options).best[0] != '\0');
    }
    assert_int_equal(ask(model, "", "A horse?", NULL).answers, 0);
    assert_int_equal(ask(model, " \n ", "", NULL).answers, 0);
    assert_true(ask(model, "one two", "", NULL).answers > 0);
    att_model_close(model);
  }
}

/* Every window has its part: what is said does not depend on how many questions are asked at once. */
static void test_long_contexts(void **state) {
  (void)state;
  enum { WORDS = 4000 };
  char *text = calloc(WORDS, 8);
  assert_non_null(text);
  logged[0] = '\0';
  for (int i = 0; i < WORDS; i++) sprintf(text + strlen(text), "w%d ", i % 97);
  att_model *model = open_fixture("family_bert_spans");
  att_answer_options options;
  att_answer_options_default(&options);
  options.window = 40;
  options.stride = 9;
  options.nbest = 3;
  seen s = ask(model, text, "Which word is it?", &options);
  assert_int_equal(s.answers, 3);
  options.stride = 1000; /* no token is left out all the same */
  assert_int_equal(ask(model, text, "Which?", &options).answers, 3);
  logged[0] = '\0';
  ask(model, "a b", text, &options);
  assert_non_null(strstr(logged, "is too long"));
  const att_question bad = {{"a\xff"
                             "b",
                             3},
                            {"q", 1}};
  seen none = {.context = {"a\xef\xbf\xbd"
                           "b",
                           5}};
  assert_int_equal(att_answer(model, &bad, 1, NULL, check, &none), ATT_OK);
  assert_non_null(strstr(logged, "is not valid UTF-8"));
  options.window = 8;
  must_say(att_answer(model, &bad, 0, &options, NULL, NULL), ATT_ARGUMENT, "callback");
  options.stride = 0;
  must_say(att_answer(model, &bad, 1, &options, check, &none), ATT_ARGUMENT, "window or stride");
  att_model_close(model);
  model = open_fixture("family_bert_masked");
  must_say(att_answer(model, &bad, 1, NULL, check, &none), ATT_UNSUPPORTED,
           "cannot answer questions with a bert model");
  att_model_close(model);
  free(text);
}

static int ignore(void *user, const att_answers *given) {
  (void)user, (void)given;
  return 0;
}

static att_status answer(att_context *own, void *name) {
  char path[1024];
  att_model *model;
  const att_question q[] = {{{"A man rides a horse. ", 21}, {"Who?", 4}}, {{"Caf\xc3\xa9 x", 7}, {"What?", 5}}};
  snprintf(path, sizeof path, "%s/%s", ATT_TEST_DATA, (const char *)name);
  att_status status = att_model_open(own, path, &model);
  if (!status) status = att_answer(model, q, 2, NULL, ignore, NULL);
  att_model_close(model);
  return status;
}

static void test_each_allocation_may_fail(void **state) {
  (void)state;
  static char name[] = "family_distilbert_spans";
  assert_true(fail_each_allocation(answer, name) > 100);
}

/* ---- training ---- */

static const char *const colours[] = {"red", "blue", "green", "black", "white"};

static void write_table(const char *path, bool unanswerable) {
  FILE *file = fopen(path, "w");
  assert_non_null(file);
  fprintf(file, "context\tquestion\tanswer\tstart\n");
  for (int i = 0; i < 60; i++) {
    const char *colour = colours[i % 5];
    bool none = unanswerable && i % 4 == 0;
    fprintf(file, "Caf\xc3\xa9 %d has a %s door.\tWhich colour?\t%s\t%d\n", i % 10, colour, none ? "" : colour, 13);
  }
  fprintf(file, "It is a cat.\tWhat is it?\tdog\t8\n");
  assert_int_equal(fclose(file), 0);
}

static void set(att_train_options *options, const char *name, const char *value) {
  if (att_train_options_set(options, name, value)) fail_msg("%s: %s", name, att_message(ctx));
}

static void train(const char *data, const char *out, const char *from) {
  att_train_options *options;
  assert_int_equal(att_train_options_new(ctx, "qa", &options), ATT_OK);
  set(options, "data", data);
  set(options, "out", out);
  set(options, "steps", from ? "4" : "60");
  if (from) set(options, "from", from);
  if (!from) {
    set(options, "width", "16"), set(options, "layers", "1"), set(options, "heads", "2");
    set(options, "vocab", "300"), set(options, "lr", "0.01"), set(options, "dropout", "0");
  }
  if (att_train(ctx, options, NULL, NULL)) fail_msg("%s", att_message(ctx));
  att_train_options_free(options);
}

static void test_training(void **state) {
  (void)state;
  const char *context = "Caf\xc3\xa9 3 has a black door.";
  char one[512], two[512], data[512];
  logged[0] = '\0';
  snprintf(one, sizeof one, "%s", in_folder("one"));
  snprintf(two, sizeof two, "%s", in_folder("two"));
  snprintf(data, sizeof data, "%s", in_folder("data.tsv"));
  write_table(data, false);
  train(data, one, NULL);
  assert_non_null(strstr(logged, "answers that do not stand where they should are left out (1): "));
  att_model *model;
  const att_model_info *info;
  assert_int_equal(att_model_open(ctx, one, &model), ATT_OK);
  assert_int_equal(att_model_describe(model, &info), ATT_OK);
  assert_string_equal(info->head_name, "spans");
  assert_string_equal(ask(model, context, "Which colour?", NULL).best, "black");
  assert_false(ask(model, context, "Which colour?", NULL).may_be_none);
  att_model_close(model);
  write_table(data, true);
  train(data, two, one);
  assert_int_equal(att_model_open(ctx, two, &model), ATT_OK);
  assert_true(ask(model, context, "Which colour?", NULL).may_be_none); /* it is in its folder */
  att_model_close(model);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_places), cmocka_unit_test(test_long_contexts),
                                     cmocka_unit_test(test_each_allocation_may_fail),
                                     cmocka_unit_test_teardown(test_training, empty_folder)};
  return cmocka_run_group_tests(tests, begin_with_log, end);
}
