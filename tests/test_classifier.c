/*
 * Classifiers and masked language models, trained on small tasks of every kind: they are learned; an interrupted run
 * ends in the same bits as one that was not; what att_classify and att_evaluate say is what training said; fine-tuning.
 */
#include "scratch.h"

#include "train/checkpoint.h"
#include "train/options.h"

#include <ftw.h>
#include <math.h>

static int remove_entry(const char *path, const struct stat *info, int flag, struct FTW *walk) {
  (void)info, (void)flag, (void)walk;
  return remove(path);
}

static int end_runs(void **state) {
  (void)state;
  att_context_free(ctx);
  nftw(folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
  return 0;
}

/* ---- data: a line's label follows from the words in it ---------------------------------------------------------- */

static unsigned seed;
static int draw(int below) { return (int)((seed = seed * 1664525u + 1013904223u) >> 16) % below; }

static const char *const fillers[] = {"the", "film", "of", "a", "story", "and", "night", "it", "was", "there"};
static const char *const moods[2][3] = {{"awful", "dull", "sad"}, {"lovely", "bright", "warm"}};

static void put_fillers(FILE *f, int most) {
  for (int i = draw(most + 1); i > 0; i--) fprintf(f, "%s ", fillers[draw(10)]);
}

/* kind 'c': one of two labels; 'm': any of three; 'v': a number; 'p': two texts, the mood of the second. */
static const char *write_data(const char *name, char kind, int count, unsigned from) {
  const char *path = in_folder(name);
  FILE *f = fopen(path, "w");
  assert_non_null(f);
  seed = from;
  for (int i = 0; i < count; i++) {
    int mood = draw(2), other = draw(2), value = draw(5);
    put_fillers(f, 4);
    if (kind == 'v') fprintf(f, "%s ", ((const char *[]){"none", "one", "two", "three", "four"})[value]);
    if (kind != 'v') fprintf(f, "%s ", moods[mood][draw(3)]);
    if (kind == 'm' && other) fprintf(f, "long ");
    if (kind == 'p') fprintf(f, "\t%s", moods[other][draw(3)]);
    put_fillers(f, 4);
    if (kind == 'c') fprintf(f, "\t%s\n", mood ? "good \"film\"" : "bad");
    if (kind == 'm') fprintf(f, "\t%s%s\n", mood ? "good" : "bad", other ? ",long" : "");
    if (kind == 'v') fprintf(f, "\t%d.5\n", value);
    if (kind == 'p') fprintf(f, "\t%s\n", other ? "good" : "bad");
  }
  assert_int_equal(fclose(f), 0);
  return path;
}

static char data[512], valid[512];

static att_train_options small_options(const char *out, char kind) {
  att_train_options o;
  snprintf(data, sizeof data, "%s", write_data("train.tsv", kind, 400, 1));
  snprintf(valid, sizeof valid, "%s", write_data("valid.tsv", kind, 60, 2));
  att_options_begin(ctx, ATT_TASK_CLASSIFIER, &o);
  o.data = data, o.valid = valid, o.out = out;
  o.plan.encoder_layers = 1, o.plan.width = 32, o.plan.heads = 2, o.plan.feedforward = 64, o.plan.vocab = 300,
  o.plan.context = 32;
  o.plan.tokenizer = ATT_WORDPIECE; /* of 300 pieces of a byte-level BPE 261 are bytes and marks */
  o.plan.batch = 16, o.plan.lr = 3e-3, o.plan.dropout = 0.1, o.plan.seed = 5, o.plan.steps = 150,
  o.plan.valid_every = 25, o.plan.warmup = 20;
  return o;
}

typedef struct watching {
  char done[1024];
  const char *quality;
  double best;
  int64_t stop_at;
} watching;

static void watch(void *user, const att_progress *p) {
  watching *w = user;
  if (p->kind == ATT_PROGRESS_DONE) snprintf(w->done, sizeof w->done, "%s", p->text);
  if (p->kind == ATT_PROGRESS_VALID) {
    w->quality = p->quality_name;
    if (p->quality > w->best) w->best = p->quality;
  }
  if (p->kind == ATT_PROGRESS_STEP && w->stop_at && p->step == w->stop_at) att_interrupt(ctx);
}

static att_model *open_model(const char *path) {
  att_model *model;
  if (att_model_open(ctx, path, &model)) fail_msg("%s", att_message(ctx));
  return model;
}

/* ---- learning --------------------------------------------------------------------------------------------------- */

static double measure_of(const att_evaluation *e, const char *key) {
  for (size_t i = 0; i < e->measure_count; i++)
    if (strcmp(e->measures[i].key, key) == 0) return e->measures[i].value;
  fail_msg("no measure %s", key);
  return NAN;
}

static att_evaluation learn(char kind, const char *quality, const char *closing, double least) {
  char out[512];
  snprintf(out, sizeof out, "%s/learned-%c", folder, kind);
  att_train_options o = small_options(out, kind);
  watching w = {0};
  if (kind != 'c') o.plan.steps = 400, o.plan.dropout = 0, o.plan.token_dropout = 0;
  if (att_train(ctx, &o, watch, &w)) fail_msg("%s", att_message(ctx));
  assert_string_equal(w.quality, quality);
  if (!strstr(w.done, closing)) fail_msg("\"%s\" says no \"%s\"", w.done, closing);
  if (!(w.best >= least)) fail_msg("%s of %c is only %.3f", quality, kind, w.best);
  att_model *model = open_model(out);
  att_evaluation e;
  if (att_evaluate(model, valid, NULL, &e)) fail_msg("%s", att_message(ctx));
  att_model_close(model);
  assert_int_equal(e.count, 60);
  return e;
}

static void one_of_several_is_learned(void **state) {
  (void)state;
  att_evaluation e = learn('c', "accuracy", ", Matthews ", 0.95);
  assert_true(measure_of(&e, "accuracy") >= 0.95 && measure_of(&e, "matthews") >= 0.9);
  assert_int_equal(e.classes, 2);
  assert_int_equal(e.confusion[0] + e.confusion[1] + e.confusion[2] + e.confusion[3], 60);
  assert_true((double)(e.confusion[0] + e.confusion[3]) / 60 == measure_of(&e, "accuracy"));
  att_release(ctx, (void *)(uintptr_t)e.confusion);
}

static void any_of_several_is_learned(void **state) {
  (void)state;
  att_evaluation e = learn('m', "macro-F1", ", micro-F1 ", 0.9);
  assert_true(measure_of(&e, "macro_f1") >= 0.9 && measure_of(&e, "micro_f1") >= 0.9 && !e.confusion);
}

static void a_number_is_learned(void **state) {
  (void)state;
  att_evaluation e = learn('v', "Spearman", ", Pearson ", 0.9);
  assert_true(measure_of(&e, "spearman") >= 0.9 && measure_of(&e, "mean_squared_error") < 0.5 && !e.confusion);
}

static void two_texts_are_learned(void **state) {
  (void)state;
  att_evaluation e = learn('p', "accuracy", "accuracy", 0.9);
  assert_true(measure_of(&e, "accuracy") >= 0.9);
  att_release(ctx, (void *)(uintptr_t)e.confusion);
}

static void every_network_learns(void **state) {
  (void)state;
  static const att_network networks[] = {ATT_RNN, ATT_LSTM, ATT_GRU, ATT_FFN};
  for (size_t i = 0; i < sizeof networks / sizeof *networks; i++) {
    char out[512];
    watching w = {0};
    snprintf(out, sizeof out, "%s/network-%zu", folder, i);
    att_train_options o = small_options(out, 'c');
    o.plan.heads = o.plan.feedforward = ATT_UNSET, o.plan.network = networks[i], o.plan.embedding = 16;
    if (att_train(ctx, &o, watch, &w)) fail_msg("%s", att_message(ctx));
    if (!(w.best >= 0.9)) fail_msg("network %d reaches only %.3f", (int)networks[i], w.best);
  }
}

/* ---- classifying ------------------------------------------------------------------------------------------------ */

typedef struct answers {
  size_t count;
  size_t best[2100];
  bool truncated[2100];
  double sums[2100];
  size_t stop_at;
} answers;

static int keep(void *user, const att_classification *c) {
  answers *a = user;
  assert_int_equal(c->line, a->count);
  a->best[a->count] = c->best;
  a->truncated[a->count] = c->truncated;
  a->sums[a->count++] = c->scores ? c->scores[0] + c->scores[1] : 0; /* of a blank line: none */
  return a->stop_at && a->count == a->stop_at;
}

/* A token each, special ones left out; the likeliest label is the likeliest. */
static int keep_tokens(void *user, const att_classification *c) {
  answers *a = user;
  assert_null(c->scores);
  for (size_t i = 0; i < c->token_count; i++) {
    double sum = 0;
    for (size_t k = 0; k < 5; k++) {
      assert_true(c->tokens[i].scores[k] <= c->tokens[i].scores[c->tokens[i].best]);
      sum += c->tokens[i].scores[k];
    }
    assert_true(fabs(sum - 1) < 1e-9 && c->tokens[i].token);
  }
  a->best[a->count++] = c->token_count;
  return 0;
}

static att_status label_tokens(att_context *small, void *unused) {
  (void)unused;
  const att_text lines[] = {{"a man walks", 11}, {"", 0}, {"[SEP] dogs", 10}};
  att_model *model;
  answers *a = calloc(1, sizeof *a);
  att_status status = att_model_open(small, ATT_TEST_DATA "/family_bert_token_classes", &model);
  if (!status) status = att_classify(model, lines, NULL, 3, 0, keep_tokens, a);
  int32_t *ids = NULL;
  size_t count = 0;
  if (!status) status = att_tokenize(model, lines[0], false, &ids, &count);
  if (!status) assert_true(a->count == 3 && a->best[0] == count && a->best[1] <= 1 && a->best[2] == 4);
  att_release(small, ids);
  att_model_close(model);
  free(a);
  return status;
}

static void tokens_are_labelled(void **state) {
  (void)state;
  assert_int_equal(label_tokens(ctx, NULL), ATT_OK);
  assert_true(fail_each_allocation(label_tokens, NULL) > 20);
}

static void lines_are_answered_in_order(void **state) {
  (void)state;
  static answers a;
  static att_text lines[2100];
  char longest[2000], out[512];
  snprintf(out, sizeof out, "%s/learned-c", folder);
  att_model *model = open_model(out);
  const char *const *labels;
  size_t count;
  assert_int_equal(att_model_labels(model, &labels, &count), ATT_OK);
  assert_int_equal(count, 2);
  assert_string_equal(labels[0], "bad");
  assert_string_equal(labels[1], "good \"film\"");
  memset(longest, 'a', sizeof longest);
  for (size_t i = 0; i < sizeof longest; i += 2) longest[i] = ' ';
  for (size_t i = 0; i < 2100; i++) {
    static const char *const texts[] = {"it was lovely", "the film was dull and sad", "", "a bright night"};
    lines[i] = (att_text){texts[i % 4], strlen(texts[i % 4])};
  }
  lines[1501] = (att_text){longest, sizeof longest};
  a = (answers){0};
  if (att_classify(model, lines, NULL, 2100, 0, keep, &a)) fail_msg("%s", att_message(ctx));
  assert_int_equal(a.count, 2100);
  for (size_t i = 0; i < 2100; i++) {
    bool blank = i % 4 == 2 && i != 1501;
    assert_true(fabs(a.sums[i] - !blank) < 1e-9);
    assert_int_equal(a.truncated[i], i == 1501);
    if (i % 4 != 2 && i != 1501) assert_int_equal(a.best[i], i % 4 != 1);
  }
  a = (answers){.stop_at = 7};
  must_say(att_classify(model, lines, NULL, 2100, 100, keep, &a), ATT_INTERRUPTED, "stopped at line 107");
  a = (answers){0};
  assert_int_equal(att_classify(model, NULL, NULL, 0, 0, keep, &a), ATT_OK);
  must_say(att_classify(model, NULL, NULL, 1, 0, keep, &a), ATT_ARGUMENT, "needs lines");
  att_evaluation e;
  must_say(att_evaluate(model, write_data("other.tsv", 'p', 30, 1), NULL, &e), ATT_FORMAT, "there are: ");
  must_say(att_evaluate(model, in_folder("nowhere"), NULL, &e), ATT_IO, "nowhere");
  att_model_close(model);
}

static att_status classify_and_measure(att_context *small, void *unused) {
  (void)unused;
  char out[512];
  att_model *model;
  answers *a = calloc(1, sizeof *a);
  att_evaluation e = {0};
  const att_text lines[] = {{"lovely", 6}, {"dull night", 10}};
  snprintf(out, sizeof out, "%s/learned-c", folder);
  att_status status = att_model_open(small, out, &model);
  if (!status) status = att_classify(model, lines, NULL, 2, 0, keep, a);
  if (!status) status = att_evaluate(model, valid, NULL, &e);
  att_release(small, (void *)(uintptr_t)e.confusion);
  att_model_close(model);
  free(a);
  return status;
}

static void each_allocation_may_fail(void **state) {
  (void)state;
  snprintf(valid, sizeof valid, "%s", write_data("few.tsv", 'c', 8, 2));
  assert_true(fail_each_allocation(classify_and_measure, NULL) > 20);
}

/* ---- resuming --------------------------------------------------------------------------------------------------- */

static void same_model(const char *a, const char *b) {
  char first[600], second[600];
  att_buffer text = {0};
  snprintf(first, sizeof first, "%s/model.safetensors", a);
  snprintf(second, sizeof second, "%s/model.safetensors", b);
  if (att_file_read(ctx, first, 1 << 28, &text)) fail_msg("%s", att_message(ctx));
  must_hold(second, text.data, text.size);
  att_buffer_free(ctx, &text);
}

/* Runs whole, and again with two interruptions. */
static void ends_in_the_same_bits(att_train_options o, const char *whole, const char *broken) {
  o.plan.steps = 40, o.plan.valid_every = 10, o.plan.warmup = 5, o.plan.average = 1;
  o.out = whole;
  if (att_train(ctx, &o, NULL, NULL)) fail_msg("%s", att_message(ctx));
  o.out = broken;
  for (int64_t stop = 13; stop <= 29; stop += 16) {
    watching w = {.stop_at = stop};
    assert_int_equal(att_train(ctx, &o, watch, &w), ATT_INTERRUPTED);
    o.resume = true;
  }
  watching w = {0};
  if (att_train(ctx, &o, watch, &w)) fail_msg("%s", att_message(ctx));
  same_model(whole, broken);
}

static void an_interrupted_classifier_ends_in_the_same_bits(void **state) {
  (void)state;
  char whole[512], broken[512];
  snprintf(whole, sizeof whole, "%s/whole", folder);
  snprintf(broken, sizeof broken, "%s/broken", folder);
  att_train_options o = small_options(whole, 'm');
  o.valid = NULL;
  ends_in_the_same_bits(o, whole, broken);
  o.out = broken, o.resume = true, o.plan.steps = 40;
  o.plan.head = ATT_HEAD_CLASSES;
  must_say(att_train(ctx, &o, NULL, NULL), ATT_ARGUMENT, "labels is one, but the run to resume began with");
}

/* ---- masks, and what is built on them ------------------------------------------------------------------------------
 */

static char corpus[512];

static att_train_options masked_options(const char *out) {
  static const char *texts[1];
  snprintf(corpus, sizeof corpus, "%s", in_folder("corpus.txt"));
  FILE *f = fopen(corpus, "w");
  assert_non_null(f);
  seed = 3;
  for (int i = 0; i < 400; i++) { /* a word again and again, then another: each follows from its neighbours */
    int word = draw(16);
    for (int count = 10 + draw(20); count > 0; count--)
      fprintf(f, "%s ", word < 10 ? fillers[word] : moods[(word - 10) / 3][(word - 10) % 3]);
    fputc('\n', f);
  }
  assert_int_equal(fclose(f), 0);
  texts[0] = corpus;
  att_train_options o = small_options(out, 'c');
  o.task = ATT_TASK_MLM, o.data = o.valid = NULL;
  o.texts = (att_files){texts, 1};
  o.plan.vocab = 400, o.plan.max_length = 24, o.plan.steps = 400, o.plan.valid_every = 100, o.plan.dropout = 0;
  return o;
}

static void masks_are_filled(void **state) {
  (void)state;
  char out[512];
  watching w = {0};
  snprintf(out, sizeof out, "%s/masked", folder);
  att_train_options o = masked_options(out);
  if (att_train(ctx, &o, watch, &w)) fail_msg("%s", att_message(ctx));
  assert_string_equal(w.quality, "accuracy");
  assert_non_null(strstr(w.done, "perplexity"));
  if (!(w.best > 0.5)) fail_msg("only %.3f of the masks are filled right", w.best);
  att_model *model = open_model(out);
  const att_model_info *info;
  assert_int_equal(att_model_describe(model, &info), ATT_OK);
  assert_string_equal(info->type, "bert");
  assert_true(info->kind == ATT_ENCODER && info->head == ATT_HEAD_TOKENS);
  att_buffer text = {0}; /* without it Transformers takes both of two texts for the first */
  assert_int_equal(att_file_read(ctx, in_folder("masked/tokenizer_config.json"), 1 << 20, &text), ATT_OK);
  assert_non_null(strstr(text.data, "\"token_type_ids\""));
  att_buffer_free(ctx, &text);
  att_model_close(model);
}

static void interrupted_masks_end_in_the_same_bits(void **state) {
  (void)state;
  char whole[512], broken[512];
  snprintf(whole, sizeof whole, "%s/masked-whole", folder);
  snprintf(broken, sizeof broken, "%s/masked-broken", folder);
  ends_in_the_same_bits(masked_options(whole), whole, broken);
}

static void a_masked_model_becomes_a_classifier(void **state) {
  (void)state;
  char out[512], from[512], again[512];
  watching w = {0};
  snprintf(from, sizeof from, "%s/masked", folder);
  snprintf(out, sizeof out, "%s/tuned", folder);
  snprintf(again, sizeof again, "%s/tuned-again", folder);
  att_train_options o = small_options(out, 'c');
  o.plan.encoder_layers = o.plan.width = o.plan.heads = o.plan.feedforward = o.plan.vocab = o.plan.context = ATT_UNSET,
  o.plan.tokenizer = ATT_UNSET;
  o.from = from, o.plan.steps = 100;
  if (att_train(ctx, &o, watch, &w)) fail_msg("%s", att_message(ctx));
  if (!(w.best >= 0.85)) fail_msg("fine-tuned it reaches only %.3f", w.best);
  o.from = out, o.out = again, o.plan.steps = 5, o.plan.valid_every = 5,
  o.plan.lr = 1e-30; /* the same labels: the head stays */
  double before = w.best;
  w = (watching){0};
  if (att_train(ctx, &o, watch, &w)) fail_msg("%s", att_message(ctx));
  assert_true(fabs(w.best - before) < 0.02);
  att_train_options masked = masked_options(again);
  masked.from = out, masked.out = in_folder("not-made");
  masked.plan.encoder_layers = masked.plan.width = masked.plan.heads = masked.plan.feedforward = masked.plan.vocab =
      masked.plan.context = ATT_UNSET,
  masked.plan.tokenizer = ATT_UNSET;
  must_say(att_train(ctx, &masked, NULL, NULL), ATT_UNSUPPORTED, "train mlm needs an encoder with a mask token");
  assert_false(att_file_exists(in_folder("not-made")));
}

/* ---- where words begin --------------------------------------------------------------------------------------------
 */

static const char *const topics[2][4] = {{"apple", "pear", "plum", "cherry"}, {"lathe", "drill", "hammer", "chisel"}};

static void put_topics(FILE *f, bool labels) {
  seed = 5;
  for (int i = 0; i < 120; i++) {
    int topic = draw(2);
    for (int count = 0; count < 12; count++) fprintf(f, "%s%s", count ? " " : "", topics[topic][draw(4)]);
    fprintf(f, labels ? "\t%c\n" : "\n", 'a' + draw(2)); /* of the topic the label says nothing */
  }
}

static double closeness(const att_model *model, const char *one, const char *other) {
  const att_parameter *p = model->parameters;
  assert_int_equal(p->rows, model->config.vocab_size);
  int32_t i = att_tokenizer_id(model->tokenizer, one), j = att_tokenizer_id(model->tokenizer, other);
  assert_true(i >= 0 && j >= 0);
  assert_int_equal(p->type, ATT_F32);
  const float *values = p->data, *a = values + i * p->cols, *b = values + j * p->cols;
  double sum = 0;
  for (int64_t k = 0; k < p->cols; k++) sum += (double)a[k] * b[k];
  return sum;
}

static void check_closeness(const char *out) {
  att_model *model = open_model(out);
  for (int i = 0; i < 8; i++)
    for (int j = 0; j < i; j++) {
      double close = closeness(model, topics[i / 4][i % 4], topics[j / 4][j % 4]);
      if (i / 4 == j / 4 ? !(close > 0.5) : !(close < 0.3))
        fail_msg("%s and %s: %.3f", topics[i / 4][i % 4], topics[j / 4][j % 4], close);
    }
  att_model_close(model);
}

/* A dimension a topic, after a step that changes nothing. */
static void words_begin_near_those_like_them(void **state) {
  (void)state;
  char out[2][512], files[2][512];
  for (int i = 0; i < 2; i++) {
    snprintf(out[i], sizeof out[i], "%s/%s", folder, i ? "placed-classifier" : "placed");
    snprintf(files[i], sizeof files[i], "%s", in_folder(i ? "topics.tsv" : "topics.txt"));
    FILE *f = fopen(files[i], "w");
    assert_non_null(f);
    put_topics(f, i == 1);
    assert_int_equal(fclose(f), 0);
  }
  const char *texts[] = {files[0]};
  att_train_options o = small_options(out[0], 'c');
  o.task = ATT_TASK_MLM, o.data = o.valid = NULL, o.texts = (att_files){texts, 1};
  o.plan.width = 2, o.plan.heads = 1, o.plan.vocab = 300, o.plan.steps = 1, o.plan.lr = 1e-30, o.plan.max_length = 24;
  if (att_train(ctx, &o, NULL, NULL)) fail_msg("%s", att_message(ctx));
  check_closeness(out[0]);
  o.task = ATT_TASK_CLASSIFIER, o.texts = (att_files){0}, o.data = files[1], o.out = out[1];
  if (att_train(ctx, &o, NULL, NULL)) fail_msg("%s", att_message(ctx));
  check_closeness(out[1]);
}

/* ---- what cannot be -------------------------------------------------------------------------------------------------
 */

static void what_cannot_be_is_refused(void **state) {
  (void)state;
  char out[512];
  snprintf(out, sizeof out, "%s/refused", folder);
  att_train_options o = small_options(out, 'c'), good = o;
  o.data = NULL;
  must_say(att_train(ctx, &o, NULL, NULL), ATT_ARGUMENT, "data is missing");
  o = good, o.valid = write_data("two.tsv", 'p', 20, 1);
  must_say(att_train(ctx, &o, NULL, NULL), ATT_FORMAT, "both need the same");
  o = good, o.valid = write_data("marks.tsv", 'm', 20, 1);
  must_say(att_train(ctx, &o, NULL, NULL), ATT_FORMAT, "line ");
  o = good, o.data = in_folder("same.tsv");
  write_bytes(o.data, "a\tx\nb\tx\n", 8);
  must_say(att_train(ctx, &o, NULL, NULL), ATT_FORMAT, "every line has the label \"x\"");
  assert_false(att_file_exists(out));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(one_of_several_is_learned),
      cmocka_unit_test(any_of_several_is_learned),
      cmocka_unit_test(a_number_is_learned),
      cmocka_unit_test(two_texts_are_learned),
      cmocka_unit_test(lines_are_answered_in_order),
      cmocka_unit_test(tokens_are_labelled),
      cmocka_unit_test(each_allocation_may_fail),
      cmocka_unit_test(an_interrupted_classifier_ends_in_the_same_bits),
      cmocka_unit_test(masks_are_filled),
      cmocka_unit_test(interrupted_masks_end_in_the_same_bits),
      cmocka_unit_test(a_masked_model_becomes_a_classifier),
      cmocka_unit_test(every_network_learns),
      cmocka_unit_test(words_begin_near_those_like_them),
      cmocka_unit_test(what_cannot_be_is_refused),
  };
  return cmocka_run_group_tests(tests, begin, end_runs);
}
