/*
 * Languages of a multilingual model: the token that a line begins with, the one that its translation begins with, names
 * in full and in short, names that are none.
 */
#include <attend/attend.h>

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define FOLDER ATT_TEST_DATA "/decode_m2m_100"

static att_context *ctx;
static char folder[] = "/tmp/attend-test-XXXXXX";
static att_model *model;

static void link_file(const char *name) {
  char from[1024], to[128];
  assert_non_null(realpath(FOLDER, from));
  snprintf(from + strlen(from), 64, "/%s", name);
  snprintf(to, sizeof to, "%s/%s", folder, name);
  assert_int_equal(symlink(from, to), 0);
}

/* A byte's token becomes a special one with that name. */
static void rename_token(json_t *root, const char *before, const char *after) {
  json_t *vocab = json_object_get(json_object_get(root, "model"), "vocab");
  json_int_t id = json_integer_value(json_object_get(vocab, before));
  assert_true(id > 3);
  json_object_del(vocab, before);
  json_object_set_new(vocab, after, json_integer(id));
  json_array_append_new(json_object_get(root, "added_tokens"),
                        json_pack("{s:I, s:s, s:b, s:b, s:b, s:b, s:b}", "id", id, "content", after, "single_word", 0,
                                  "lstrip", 0, "rstrip", 0, "normalized", 0, "special", 1));
}

static int set_up(void **state) {
  (void)state;
  static const char *const files[] = {"config.json", "generation_config.json", "model.safetensors",
                                      "tokenizer_config.json"};
  char path[128];
  json_error_t error;
  if (att_context_new(NULL, &ctx) || !mkdtemp(folder)) return 1;
  for (size_t i = 0; i < sizeof files / sizeof *files; i++) link_file(files[i]);
  json_t *root = json_load_file(FOLDER "/tokenizer.json", 0, &error);
  if (!root) return 1;
  rename_token(root, "\u00fe", "deu_Latn");
  rename_token(root, "\u00fd", "eng_Latn");
  rename_token(root, "\u00fc", "eng_Cyrl");
  rename_token(root, "\u00fb", "__fr__");
  snprintf(path, sizeof path, "%s/tokenizer.json", folder);
  int failed = json_dump_file(root, path, 0);
  json_decref(root);
  return failed || att_model_open(ctx, folder, &model) != ATT_OK;
}

static int tear_down(void **state) {
  (void)state;
  char command[64];
  att_model_close(model);
  att_context_free(ctx);
  snprintf(command, sizeof command, "rm -r %s", folder);
  return system(command);
}

typedef struct got {
  int32_t source[80], target[80];
  size_t source_count, target_count;
} got;

static int keep(void *user, const att_translation *given) {
  got *g = user;
  assert_true(given->source_count <= 80 && given->hypotheses[0]->token_count <= 80);
  memcpy(g->source, given->source_tokens, given->source_count * sizeof *g->source);
  memcpy(g->target, given->hypotheses[0]->tokens, given->hypotheses[0]->token_count * sizeof *g->target);
  g->source_count = given->source_count;
  g->target_count = given->hypotheses[0]->token_count;
  return 0;
}

static att_status translate(const char *text, const char *from, const char *into, got *g) {
  att_decode_options options;
  const att_text line = {text, strlen(text)};
  att_decode_options_default(model, &options);
  options.source_language = from;
  options.target_language = into;
  memset(g, 0, sizeof *g);
  return att_translate(model, &line, 1, &options, keep, g);
}

static void test_tokens(void **state) {
  (void)state;
  got plain, one, other;
  assert_int_equal(translate("abc de", NULL, NULL, &plain), ATT_OK);
  assert_int_equal(translate("abc de", "deu_Latn", "fr", &one), ATT_OK);
  assert_int_equal(one.source_count, plain.source_count + 1);
  assert_string_equal(att_token(model, one.source[0]), "deu_Latn");
  assert_memory_equal(one.source + 1, plain.source, plain.source_count * sizeof *plain.source);
  assert_string_equal(att_token(model, one.target[0]), "__fr__");
  assert_int_equal(translate("deu_Latnabc de", "eng_Cyrl", NULL, &other), ATT_OK);
  assert_string_equal(att_token(model, other.source[0]), "eng_Cyrl");
  assert_memory_equal(other.source + 1, one.source + 1, plain.source_count * sizeof *plain.source);
  char text[200]; /* more than the model's 32 positions */
  memset(text, 'a', sizeof text);
  for (size_t i = 1; i < sizeof text; i += 2) text[i] = ' ';
  text[sizeof text - 1] = '\0';
  assert_int_equal(translate(text, "deu", NULL, &one), ATT_OK);
  assert_int_equal(one.source_count, 32);
  assert_string_equal(att_token(model, one.source[0]), "deu_Latn");
  assert_string_equal(att_token(model, one.source[31]), "</s>");
}

static void test_names(void **state) {
  (void)state;
  got g;
  assert_int_equal(translate("abc", "xx", NULL, &g), ATT_ARGUMENT);
  assert_non_null(strstr(att_message(ctx), "'xx' is none of the model's languages: "));
  assert_non_null(strstr(att_message(ctx), "deu_Latn"));
  assert_int_equal(translate("abc", NULL, "eng", &g), ATT_ARGUMENT);
  assert_non_null(strstr(att_message(ctx), "'eng' is several of"));
  assert_int_equal(translate("abc", NULL, "</s>", &g), ATT_ARGUMENT);
  assert_int_equal(translate("abc", NULL, "", &g), ATT_ARGUMENT);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_tokens), cmocka_unit_test(test_names)};
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
