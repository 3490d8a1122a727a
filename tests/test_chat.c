/*
 * att_chat_prompt on a small folder with templates of each form, against apply_chat_template of Transformers
 * (tests/data/template.json, tools/make_template_fixtures.py), and what it says of what is wrong; generating from it.
 */
#include "scratch.h"

#include "formats/json.h"

#define SOURCE ATT_TEST_DATA "/generate_llama"

static void link_file(const char *name) {
  char from[1024];
  snprintf(from, sizeof from, "%s/%s", SOURCE, name);
  assert_int_equal(symlink(from, in_folder(name)), 0);
}

/* The folder with these settings of its tokenizer, opened. */
static att_model *open_with(const json_t *config) {
  static const char *const names[] = {"config.json", "generation_config.json", "model.safetensors", "tokenizer.json"};
  att_model *model;
  char *text = json_dumps(config, 0);
  remove_within(folder);
  for (size_t i = 0; i < 4; i++) link_file(names[i]);
  write_bytes(in_folder("tokenizer_config.json"), text, strlen(text));
  free(text);
  if (att_model_open(ctx, folder, &model) != ATT_OK) fail_msg("%s", att_message(ctx));
  return model;
}

static att_model *open_template(const char *template) {
  json_t *config = json_pack("{s:s, s:s, s:s, s:s?}", "tokenizer_class", "PreTrainedTokenizerFast", "bos_token", "<s>",
                             "eos_token", "</s>", "chat_template", template);
  att_model *model = open_with(config);
  json_decref(config);
  return model;
}

static void must_tokenize(att_model *model, att_text prompt, const json_t *expected) {
  int32_t *ids;
  size_t count;
  assert_int_equal(att_tokenize(model, prompt, false, &ids, &count), ATT_OK);
  assert_int_equal(count, json_array_size(expected));
  for (size_t i = 0; i < count; i++) assert_int_equal(ids[i], json_integer_value(json_array_get(expected, i)));
  att_release(ctx, ids);
}

static void test_prompts(void **state) {
  (void)state;
  json_t *root, *item;
  size_t i, failed = 0;
  assert_int_equal(att_json_open(ctx, ATT_TEST_DATA "/template.json", &root), ATT_OK);
  json_array_foreach(json_object_get(root, "prompts"), i, item) {
    att_model *model = open_with(json_object_get(item, "config"));
    char *chat = json_dumps(json_object_get(item, "chat"), 0), *prompt;
    const char *expected = json_string_value(json_object_get(item, "text"));
    size_t size;
    att_status status = att_chat_prompt(model, NULL, 0, (att_text){chat, strlen(chat)}, &prompt, &size);
    assert_int_equal(status == ATT_OK, expected != NULL);
    failed += status != ATT_OK;
    if (expected) assert_string_equal(prompt, expected);
    if (expected) must_tokenize(model, (att_text){prompt, size}, json_object_get(item, "ids"));
    if (!expected) assert_null(prompt);
    att_release(ctx, prompt);
    free(chat);
    att_model_close(model);
  }
  json_decref(root);
  assert_true(i > 10 && failed > 2 && failed < i / 2);
}

static att_chat_message message(const char *role, const char *content) {
  return (att_chat_message){{role, strlen(role)}, {content, strlen(content)}};
}

static void test_messages(void **state) {
  (void)state;
  att_model *model = open_template("{% for m in messages %}[{{ m.role }}:{{ m.content }}]{% endfor %}{{ n }}");
  const att_chat_message two[] = {message("system", ""), message("user", "a\xff\"{{ n }}")};
  const char *more = "{\"n\": 7, \"messages\": [{\"role\": \"tool\", \"content\": 1}]}";
  char *prompt;
  size_t size;
  assert_int_equal(att_chat_prompt(model, two, 2, (att_text){more, strlen(more)}, &prompt, &size), ATT_OK);
  assert_string_equal(prompt, "[tool:1][system:][user:a\xef\xbf\xbd\"{{ n }}]7");
  assert_int_equal(size, strlen(prompt));
  att_release(ctx, prompt);
  att_model_close(model);
}

static void must_refuse(att_model *model, const char *variables, att_status status, const char *clue) {
  const att_chat_message one = message("user", "hi");
  char *prompt;
  size_t size;
  must_say(att_chat_prompt(model, &one, 1, (att_text){variables, strlen(variables)}, &prompt, &size), status, clue);
  assert_null(prompt);
}

static void test_refusals(void **state) {
  (void)state;
  char *prompt;
  size_t size;
  att_model *model = open_template(NULL);
  must_refuse(model, "", ATT_UNSUPPORTED, "no chat template");
  att_model_close(model);
  model = open_template("{{ raise_exception('only ' ~ messages | length) }}");
  must_refuse(model, "", ATT_ARGUMENT, "the chat template says: only 1");
  must_refuse(model, "[1]", ATT_ARGUMENT, "no JSON object");
  must_refuse(model, "{", ATT_FORMAT, "the chat's variables");
  must_refuse(model, "{\"messages\": 1}", ATT_ARGUMENT, "no list");
  must_refuse(model, "{\"messages\": [1]}", ATT_ARGUMENT, "message 1 of the chat is no object");
  must_say(att_chat_prompt(model, NULL, 0, (att_text){NULL, 0}, &prompt, &size), ATT_ARGUMENT, "needs messages");
  att_model_close(model);
  model = open_template("\n{% nonsense %}");
  must_refuse(model, "", ATT_FORMAT, "chat template, line 2: a tag");
  att_model_close(model);
}

typedef struct kept {
  size_t prompt_tokens;
  char text[4096];
} kept;

static int keep(void *user, const att_piece_of_text *piece) {
  kept *k = user;
  size_t used = strlen(k->text);
  snprintf(k->text + used, sizeof k->text - used, "%.*s", (int)piece->size, piece->text);
  if (piece->finish != ATT_RUNNING) k->prompt_tokens = piece->prompt_tokens;
  return 0;
}

/* What the template writes is all that the model reads: <s> once. */
static void test_generating(void **state) {
  (void)state;
  att_model *model = open_template("{{ bos_token }}{{ messages[0].content }}");
  const att_chat_message one = message("user", "A dog");
  att_generate_options options;
  char *prompt;
  size_t size;
  kept own = {0}, plain = {0}, twice = {0};
  att_generate_options_default(model, &options);
  options.max_tokens = 8;
  assert_int_equal(att_chat_prompt(model, &one, 1, (att_text){NULL, 0}, &prompt, &size), ATT_OK);
  assert_string_equal(prompt, "<s>A dog");
  assert_int_equal(att_generate(model, (att_text){"A dog", 5}, &options, keep, &plain), ATT_OK);
  assert_int_equal(att_generate(model, (att_text){prompt, size}, &options, keep, &twice), ATT_OK);
  options.no_special_tokens = true;
  assert_int_equal(att_generate(model, (att_text){prompt, size}, &options, keep, &own), ATT_OK);
  assert_string_equal(own.text, plain.text);
  assert_int_equal(own.prompt_tokens, plain.prompt_tokens);
  assert_int_equal(twice.prompt_tokens, plain.prompt_tokens + 1);
  att_release(ctx, prompt);
  att_model_close(model);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_teardown(test_prompts, empty_folder), cmocka_unit_test_teardown(test_messages, empty_folder),
      cmocka_unit_test_teardown(test_refusals, empty_folder), cmocka_unit_test_teardown(test_generating, empty_folder)};
  return cmocka_run_group_tests(tests, begin, end);
}
