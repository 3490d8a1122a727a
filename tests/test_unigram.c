/*
 * The training of Unigram tokenizers against SentencePiece's (tests/data/unigram.json, tools/make_unigram_fixtures.py):
 * the pieces, the tokens of a text; special tokens and ids; odd texts; interruption; allocations that fail.
 */
#include "scratch.h"

#include "text/tokenizer.h"

#include <jansson.h>
#include <math.h>

enum { MOST_TEXTS = 1024 };

static json_t *fixture;

static int set_up(void **state) {
  (void)state;
  json_error_t error;
  fixture = json_load_file(ATT_TEST_DATA "/unigram.json", 0, &error);
  return !fixture || !mkdtemp(folder) || att_context_new(NULL, &ctx) != ATT_OK;
}

static int tear_down(void **state) {
  json_decref(fixture);
  return end(state);
}

static size_t lines_of(att_text *lines) {
  json_t *list = json_object_get(fixture, "lines"), *line;
  size_t i;
  json_array_foreach(list, i, line) lines[i] = (att_text){json_string_value(line), json_string_length(line)};
  assert_true(i > 100 && i <= MOST_TEXTS);
  return i;
}

static att_status train(att_context *where, const att_text *lines, size_t count, int vocab, const char *last,
                        int (*progress)(void *, double), att_tokenizer **out) {
  static const char *const first[] = {"<s>", "</s>", "<unk>"};
  const att_tokenizer_plan plan = {.kind = ATT_UNIGRAM,
                                   .vocab = vocab,
                                   .first_specials = first,
                                   .first_count = 3,
                                   .last_special = last,
                                   .end_token = "</s>"};
  return att_tokenizer_train(where, &lines, &count, 1, &plan, progress, NULL, out);
}

static size_t tokens_of(const att_tokenizer *t, att_text text) {
  att_ids ids = {0};
  if (att_tokenizer_encode(t, ctx, text, false, &ids)) fail_msg("%s", att_message(ctx));
  for (size_t i = 0; i < ids.count; i++) assert_in_range(ids.data[i], 0, att_tokenizer_size(t) - 1);
  att_free(ctx, ids.data);
  return ids.count;
}

static void pieces_are_sentencepieces(void **state) {
  (void)state;
  att_text lines[MOST_TEXTS];
  att_tokenizer *t;
  size_t count = lines_of(lines), same = 0, tokens = 0, i;
  json_t *pieces = json_object_get(fixture, "pieces"), *piece;
  int vocab = (int)json_integer_value(json_object_get(fixture, "vocabulary"));
  if (train(ctx, lines, count, vocab, NULL, NULL, &t)) fail_msg("%s", att_message(ctx));
  assert_int_equal(att_tokenizer_size(t), vocab);
  json_array_foreach(pieces, i, piece) same += att_tokenizer_id(t, json_string_value(piece)) >= 0;
  for (i = 0; i < count; i++) tokens += tokens_of(t, lines[i]);
  double wanted = json_number_value(json_object_get(fixture, "tokens"));
  double share = (double)same / (double)json_array_size(pieces), apart = ((double)tokens - wanted) / wanted;
  if (!(share >= 0.99) || !(fabs(apart) <= 0.001))
    fail_msg("%.2f %% of the pieces, %+.2f %% tokens", 100 * share, 100 * apart);
  att_tokenizer_free(t);
}

/* The likeliest piece follows the special tokens; the file says the same; text comes back. */
static void a_trained_tokenizer_is_whole(void **state) {
  (void)state;
  att_text lines[MOST_TEXTS];
  att_tokenizer *t, *again;
  size_t count = lines_of(lines);
  assert_int_equal(train(ctx, lines, count, 300, "<pad>", NULL, &t), ATT_OK);
  assert_int_equal(att_tokenizer_size(t), 300);
  assert_int_equal(att_tokenizer_id(t, "<s>"), 0);
  assert_int_equal(att_tokenizer_id(t, "<pad>"), 299);
  assert_string_equal(att_tokenizer_token(t, 3), "\xe2\x96\x81");
  assert_int_equal(att_tokenizer_save(t, in_folder("tokenizer.json")), ATT_OK);
  assert_int_equal(att_tokenizer_open(ctx, in_folder("tokenizer.json"), &again), ATT_OK);
  size_t same_lines = 0;
  for (size_t i = 0; i < count; i += 7) {
    att_ids ids = {0}, same = {0};
    att_buffer back = {0};
    assert_int_equal(att_tokenizer_encode(t, ctx, lines[i], true, &ids), ATT_OK);
    assert_int_equal(att_tokenizer_encode(again, ctx, lines[i], true, &same), ATT_OK);
    assert_int_equal(ids.count, same.count);
    assert_memory_equal(ids.data, same.data, ids.count * sizeof *ids.data);
    assert_int_equal(ids.data[ids.count - 1], 1);
    assert_int_equal(att_tokenizer_decode(t, ctx, ids.data, ids.count, true, &back), ATT_OK);
    bool unknown = false; /* a rare character */
    for (size_t k = 0; k < ids.count; k++) unknown = unknown || ids.data[k] == 2;
    same_lines += !unknown;
    if (!unknown) assert_int_equal(back.size, lines[i].size);
    if (!unknown) assert_memory_equal(back.data, lines[i].data, back.size);
    att_free(ctx, ids.data);
    att_free(ctx, same.data);
    att_buffer_free(ctx, &back);
  }
  assert_true(same_lines > 90);
  att_tokenizer_free(t);
  att_tokenizer_free(again);
}

static void odd_texts_are_learned_from(void **state) {
  (void)state;
  char longest[3000];
  memset(longest, 'a', sizeof longest);
  static const char nul[] = "a\0b a\0b";
  const struct {
    att_text lines[3];
    size_t count;
  } texts[] = {{{{"", 0}}, 0},
               {{{"", 0}, {" \t ", 3}}, 2},
               {{{"a", 1}}, 1},
               {{{"\xff\xfe", 2}, {nul, sizeof nul - 1}}, 2},
               {{{"\xe6\xbc\xa2\xe5\xad\x97\xe3\x81\x8b", 9}, {"\xe6\xbc\xa2\xe5\xad\x97", 6}}, 2},
               {{{longest, sizeof longest}, {longest, 40}, {"aa aa", 5}}, 3}};
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    att_tokenizer *t;
    if (train(ctx, texts[i].lines, texts[i].count, 300, NULL, NULL, &t)) fail_msg("%zu: %s", i, att_message(ctx));
    tokens_of(t, (att_text){"A text with a \xc3\xa4", 16});
    for (size_t k = 0; k < texts[i].count; k++) tokens_of(t, texts[i].lines[k]);
    att_tokenizer_free(t);
  }
}

static int stop_late(void *user, double done) {
  (void)user;
  return done > 0.6;
}

static void training_stops(void **state) {
  (void)state;
  att_text lines[MOST_TEXTS];
  att_tokenizer *t;
  size_t count = lines_of(lines);
  must_say(train(ctx, lines, count, 300, NULL, stop_late, &t), ATT_INTERRUPTED, "interrupted");
  assert_null(t);
  att_interrupt(ctx);
  must_say(train(ctx, lines, count, 300, NULL, NULL, &t), ATT_INTERRUPTED, "interrupted");
  static const char *const none[] = {"<s>"};
  const att_text *text = lines;
  const att_tokenizer_plan plan = {.kind = ATT_UNIGRAM, .vocab = 300, .first_specials = none, .first_count = 1};
  must_say(att_tokenizer_train(ctx, &text, &count, 1, &plan, NULL, NULL, &t), ATT_ARGUMENT, "<unk>");
}

static att_status train_little(att_context *where, void *arg) {
  att_tokenizer *t;
  ATT_TRY(train(where, arg, 40, 120, NULL, NULL, &t));
  att_tokenizer_free(t);
  return ATT_OK;
}

static void each_allocation_may_fail(void **state) {
  (void)state;
  att_text lines[MOST_TEXTS];
  lines_of(lines);
  assert_true(fail_each_allocation(train_little, lines) > 30);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(pieces_are_sentencepieces),
      cmocka_unit_test_teardown(a_trained_tokenizer_is_whole, empty_folder),
      cmocka_unit_test(odd_texts_are_learned_from),
      cmocka_unit_test(training_stops),
      cmocka_unit_test(each_allocation_may_fail),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
