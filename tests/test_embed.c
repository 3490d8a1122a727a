/*
 * Embeddings and filled masks against Hugging Face Transformers (tests/data/look_bert and view_look.json, made by
 * tools/make_look_fixtures.py), at any batch; lines at the edge; refusals. Folders of sentence-transformers are
 * test_sentence.c's.
 */
#include "scratch.h"

#include <jansson.h>
#include <math.h>

#include "models/pass.h"

static json_t *fixture; /* of look_bert */
static att_model *bert;
static size_t warnings;
static char warning[256];

static void on_log(void *user, att_log_level level, const char *text) {
  (void)user;
  warnings += level == ATT_LOG_WARNING;
  snprintf(warning, sizeof warning, "%s", text);
}

static att_status open_model(att_context *where, const char *name, att_model **model) {
  char path[1024];
  snprintf(path, sizeof path, "%s/%s", ATT_TEST_DATA, name);
  return att_model_open(where, path, model);
}

static int set_up(void **state) {
  (void)state;
  json_error_t error;
  json_t *root = json_load_file(ATT_TEST_DATA "/view_look.json", 0, &error);
  if (!root || !mkdtemp(folder)) return 1;
  fixture = json_incref(json_object_get(root, "look_bert"));
  json_decref(root);
  if (att_context_new(&(att_context_options){.size = sizeof(att_context_options), .log = on_log}, &ctx)) return 1;
  return open_model(ctx, "look_bert", &bert) != ATT_OK;
}

static int tear_down(void **state) {
  (void)state;
  att_model_close(bert);
  json_decref(fixture);
  att_context_free(ctx);
  return rmdir(folder);
}

/* ---- embeddings ---- */

enum { WIDTH = 16, MOST_LINES = 16 };

static size_t fixture_lines(att_text *lines) {
  json_t *array = json_object_get(fixture, "lines"), *line;
  size_t i;
  json_array_foreach(array, i, line) lines[i] = (att_text){json_string_value(line), json_string_length(line)};
  assert_true(i > 3 && i <= MOST_LINES);
  return i;
}

static void must_match(const float *vectors, const char *pooling, size_t count, bool normalised) {
  const json_t *theirs = json_object_get(json_object_get(fixture, "embeddings"), pooling);
  for (size_t i = 0; i < count; i++) {
    double square = 0, wanted[WIDTH];
    for (size_t c = 0; c < WIDTH; c++) {
      wanted[c] = json_number_value(json_array_get(json_array_get(theirs, i), c));
      square += wanted[c] * wanted[c];
    }
    for (size_t c = 0; c < WIDTH; c++) {
      double value = normalised ? wanted[c] / sqrt(square) : wanted[c], got = (double)vectors[i * WIDTH + c];
      if (!(fabs(got - value) <= 2e-5)) fail_msg("%s, line %zu: %g, not %g", pooling, i + 1, got, value);
    }
  }
}

static void vectors_are_transformers(void **state) {
  (void)state;
  static const char *const poolings[] = {"mean", "first", "last"};
  static const int64_t bounds[] = {1, 9, 30, 2048};
  att_text lines[MOST_LINES];
  size_t count = fixture_lines(lines);
  float vectors[MOST_LINES * WIDTH];
  for (int pooling = 0; pooling < 3; pooling++)
    for (int i = 0; i < 8; i++) {
      att_embed_options options = {.size = sizeof(att_embed_options),
                                   .pooling = (att_pooling)pooling,
                                   .normalise = i % 2 ? ATT_NORMALISE_YES : ATT_NORMALISE_NO,
                                   .batch_tokens = bounds[i / 2],
                                   .first_line = 100};
      warnings = 0;
      if (att_embed(bert, lines, count, &options, vectors)) fail_msg("%s", att_message(ctx));
      must_match(vectors, poolings[pooling], count, i % 2);
      assert_int_equal(warnings, 2); /* one has an unknown character, the last line is too long */
      assert_non_null(strstr(warning, "line 106"));
    }
  assert_int_equal(att_embed(bert, NULL, 0, NULL, NULL), ATT_OK);
}

static void every_kind_has_vectors(void **state) {
  (void)state;
  static const char *const names[] = {"look_labels", "look_gpt2", "model_m2m_100_relu", "model_marian_gelu"};
  const att_text lines[] = {{"a man", 5}, {"", 0}, {"b", 1}};
  for (int i = 0; i < 4; i++) {
    att_model *model;
    att_embed_options options;
    float vectors[3 * WIDTH], again[3 * WIDTH];
    if (open_model(ctx, names[i], &model)) fail_msg("%s", att_message(ctx));
    att_embed_options_default(model, &options);
    options.normalise = ATT_NORMALISE_YES;
    if (att_embed(model, lines, 3, &options, vectors)) fail_msg("%s: %s", names[i], att_message(ctx));
    for (int line = 0; line < 3; line++) {
      double square = 0;
      for (int c = 0; c < WIDTH; c++) square += pow((double)vectors[line * WIDTH + c], 2);
      assert_true(fabs(square - 1) < 1e-5);
    }
    options.pooling = i == 1 ? ATT_POOL_LAST : ATT_POOL_MEAN; /* which is what holds without a word */
    assert_int_equal(att_embed(model, lines, 3, &options, again), ATT_OK);
    assert_memory_equal(vectors, again, sizeof vectors);
    att_model_close(model);
  }
}

static void impossible_wishes(void **state) {
  (void)state;
  att_text line = {"a", 1};
  float vector[WIDTH];
  must_say(att_embed(bert, NULL, 1, NULL, vector), ATT_ARGUMENT, "needs lines");
  must_say(
      att_embed(bert, &line, 1, &(att_embed_options){.size = sizeof(att_embed_options), .batch_tokens = 0}, vector),
      ATT_ARGUMENT, "batch_tokens");
  must_say(
      att_embed(bert, &line, 1,
                &(att_embed_options){.size = sizeof(att_embed_options), .batch_tokens = 9, .pooling = (att_pooling)-1},
                vector),
      ATT_ARGUMENT, "pooling -1");
}

/* `tokenizers` gives 122 tokens for it. */
static void a_long_line_is_truncated_or_refused(void **state) {
  (void)state;
  char text[400] = "";
  for (int i = 0; i < 60; i++) strcat(text, "a dog ");
  const att_text lines[] = {{"a dog", 5}, {text, strlen(text)}};
  att_embed_options options;
  float vectors[2 * WIDTH];
  att_embed_options_default(bert, &options);
  options.first_line = 10;
  warnings = 0;
  assert_int_equal(att_embed(bert, lines, 2, &options, vectors), ATT_OK);
  assert_int_equal(warnings, 1);
  options.whole = true;
  must_say(att_embed(bert, lines, 2, &options, vectors), ATT_ARGUMENT,
           "line 12 has 122 tokens, but the model reads at most 24");
  assert_int_equal(att_embed(bert, lines, 1, &options, vectors), ATT_OK);
  assert_int_equal(warnings, 1);
}

/* ---- masks ---- */

static att_text text_of(const char *text) { return (att_text){text, strlen(text)}; }

static void fillings_are_transformers(void **state) {
  (void)state;
  const json_t *theirs = json_object_get(fixture, "fill"), *masks = json_object_get(theirs, "masks");
  const char *text = json_string_value(json_object_get(theirs, "text"));
  const att_filling **fillings;
  size_t count, per_mask;
  if (att_fill(bert, text_of(text), 5, &fillings, &count, &per_mask)) fail_msg("%s", att_message(ctx));
  assert_int_equal(count, json_array_size(masks));
  assert_int_equal(per_mask, 5);
  for (size_t i = 0; i < count * 5; i++) {
    const json_t *one = json_array_get(json_array_get(masks, i / 5), i % 5);
    assert_string_equal(att_token(bert, fillings[i]->id), json_string_value(json_array_get(one, 0)));
    assert_true(fabs(fillings[i]->probability - json_number_value(json_array_get(one, 1))) < 1e-5);
  }
  assert_string_equal(fillings[0]->line, "The man woman the [MASK].");
  assert_string_equal(fillings[0]->token, "woman");
  assert_string_equal(fillings[1]->line, "The maner the [MASK].");
  assert_string_equal(fillings[5]->line, "The man [MASK] the woman.");
  att_release(ctx, fillings);
}

/* All of the vocabulary: probabilities fall and sum to 1. */
static void a_whole_vocabulary(void **state) {
  (void)state;
  const att_filling **fillings;
  size_t masks, per_mask;
  double sum = 0;
  assert_int_equal(att_fill(bert, text_of("[MASK]"), 1000, &fillings, &masks, &per_mask), ATT_OK);
  assert_int_equal(masks, 1);
  assert_int_equal(per_mask, bert->config.vocab_size);
  for (size_t i = 0; i < per_mask; i++) {
    sum += fillings[i]->probability;
    assert_true(i == 0 || fillings[i]->probability <= fillings[i - 1]->probability);
    bool suffix = strncmp(fillings[i]->token, "##", 2) == 0;
    assert_string_equal(fillings[i]->line, fillings[i]->token + (suffix ? 2 : 0));
  }
  assert_true(fabs(sum - 1) < 1e-9);
  att_release(ctx, fillings);
}

/* A NUL in the line stays where it is, and every result is its own. */
static void a_line_with_a_nul(void **state) {
  (void)state;
  static const char text[] = "The [MASK]\0the [MASK]\0.";
  const att_filling **fillings;
  size_t masks, per_mask;
  const att_text line = {text, sizeof text - 1};
  assert_int_equal(att_fill(bert, line, 4, &fillings, &masks, &per_mask), ATT_OK);
  assert_int_equal(masks, 2);
  for (size_t i = 0; i < masks * per_mask; i++) {
    const att_filling *f = fillings[i];
    const char *first = memchr(f->line, '\0', f->line_size);
    assert_int_equal(strlen(f->token), f->token_size);
    assert_true(f->token_size > 0 && f->line[f->line_size] == '\0');
    assert_true(first && memmem(f->line, f->line_size, "[MASK]", 6));
    assert_memory_equal(f->line + f->line_size - 2, "\0.", 2);
    size_t filled = strncmp(f->token, "##", 2) == 0 ? f->token_size - 2 - 1 : f->token_size; /* goes on: no space */
    assert_int_equal(f->line_size, line.size - 6 + filled);
  }
  att_release(ctx, fillings);
}

static void must_not_fill(const char *name, const char *text, size_t top, att_status status, const char *clue) {
  att_model *model;
  const att_filling **fillings;
  size_t masks, per_mask;
  if (open_model(ctx, name, &model)) fail_msg("%s", att_message(ctx));
  must_say(att_fill(model, text_of(text), top, &fillings, &masks, &per_mask), status, clue);
  assert_null(fillings);
  att_model_close(model);
}

static void lines_without_a_mask(void **state) {
  (void)state;
  assert_string_equal(att_mask_token(bert), "[MASK]");
  must_not_fill("look_bert", "The man throws the ball.", 5, ATT_ARGUMENT, "no mask in the line: put [MASK]");
  must_not_fill("look_bert", "", 5, ATT_ARGUMENT, "no mask in the line");
  must_not_fill("look_bert", "[MASK]", 0, ATT_ARGUMENT, "top");
  must_not_fill("look_labels", "[MASK]", 5, ATT_UNSUPPORTED, "cannot fill");
  must_not_fill("look_gpt2", "[MASK]", 5, ATT_UNSUPPORTED, "cannot fill");
  must_not_fill("model_m2m_100_relu", "[MASK]", 5, ATT_UNSUPPORTED, "cannot fill");
}

/* ---- no memory ---- */

static att_status embed_and_fill(att_context *small, void *arg) {
  att_model *model;
  const att_filling **fillings = NULL;
  size_t masks, per_mask;
  float vectors[2 * WIDTH];
  const att_text lines[] = {{"The man throws", 14}, {"a ball", 6}};
  att_status status = open_model(small, arg, &model);
  if (status) return status;
  status =
      att_embed(model, lines, 2, &(att_embed_options){.size = sizeof(att_embed_options), .batch_tokens = 4}, vectors);
  if (!status) status = att_fill(model, text_of("The [MASK] reads"), 3, &fillings, &masks, &per_mask);
  att_release(small, fillings);
  att_model_close(model);
  return status;
}

static void each_allocation_may_fail(void **state) {
  (void)state;
  char name[] = "look_bert";
  assert_true(fail_each_allocation(embed_and_fill, name) > 50);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(vectors_are_transformers),  cmocka_unit_test(every_kind_has_vectors),
      cmocka_unit_test(impossible_wishes),         cmocka_unit_test(a_long_line_is_truncated_or_refused),
      cmocka_unit_test(fillings_are_transformers), cmocka_unit_test(a_whole_vocabulary),
      cmocka_unit_test(a_line_with_a_nul),         cmocka_unit_test(lines_without_a_mask),
      cmocka_unit_test(each_allocation_may_fail),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
