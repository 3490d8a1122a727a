/*
 * Tokenizers of folders whose other files say something: ids and texts against Transformers' AutoTokenizer
 * (tests/data/tokenizer_settings.json, tools/make_tokenizer_settings_fixtures.py), and the same again from what is
 * written of them. Then what needs no other program: what is kept, own models of letters, broken files.
 */
#include "scratch.h"

#include "formats/json.h"
#include "models/config.h"
#include "text/tokenizer.h"

static void put(const char *name, const char *text) { write_bytes(in_folder(name), text, strlen(text)); }

static void put_json(const char *name, const json_t *value) {
  if (json_is_null(value)) {
    unlink(in_folder(name));
    return;
  }
  char *text = json_is_string(value) ? strdup(json_string_value(value)) : json_dumps(value, 0);
  assert_non_null(text);
  put(name, text);
  free(text);
}

static json_t *fixture(void) {
  json_t *root;
  if (att_json_open_reals(ctx, ATT_TEST_DATA "/tokenizer_settings.json", &root)) fail_msg("%s", att_message(ctx));
  return root;
}

/* Ids are whole, though they were read as reals. */
static json_t *with_whole_numbers(const json_t *value) {
  att_buffer text = {0};
  json_t *root;
  assert_int_equal(att_json_put(ctx, &text, value, true), ATT_OK);
  json_t *whole = json_loads(text.data, JSON_DECODE_ANY, NULL);
  att_buffer_free(ctx, &text);
  root = whole ? whole : json_incref((json_t *)value); /* 1e30 is none */
  return root;
}

static void write_files(const json_t *files) {
  const char *name;
  json_t *content;
  json_object_foreach((json_t *)files, name, content) {
    json_t *whole = with_whole_numbers(content);
    put_json(name, whole);
    json_decref(whole);
  }
}

static void check_texts(const char *what, const att_tokenizer *tokenizer, const json_t *texts) {
  assert_true(json_array_size(texts) >= 2);
  for (size_t i = 0; i < json_array_size(texts); i++) {
    const json_t *row = json_array_get(texts, i), *text = json_object_get(row, "text");
    const json_t *want = json_object_get(row, "ids"), *decoded = json_object_get(row, "decoded");
    att_ids ids = {0};
    att_buffer back = {0};
    assert_int_equal(
        att_tokenizer_encode(tokenizer, ctx, (att_text){json_string_value(text), json_string_length(text)}, true, &ids),
        ATT_OK);
    bool same = ids.count == json_array_size(want);
    for (size_t j = 0; same && j < ids.count; j++)
      same = ids.data[j] == (int32_t)json_number_value(json_array_get(want, j));
    if (!same) {
      char got[2000] = "";
      for (size_t j = 0; j < ids.count; j++)
        snprintf(got + strlen(got), sizeof got - strlen(got), " %d", (int)ids.data[j]);
      char *list = json_dumps(want, JSON_REAL_PRECISION(6));
      fail_msg("%s: \"%s\" gives%s, not %s", what, json_string_value(text), got, list);
    }
    assert_int_equal(att_tokenizer_decode(tokenizer, ctx, ids.data, ids.count, true, &back), ATT_OK);
    if (strcmp(back.data, json_string_value(decoded)) != 0)
      fail_msg("%s: \"%s\" comes back as \"%s\", not \"%s\"", what, json_string_value(text), back.data,
               json_string_value(decoded));
    att_free(ctx, ids.data);
    att_buffer_free(ctx, &back);
  }
}

static void check_pair(const char *what, const att_tokenizer *tokenizer, const json_t *pair) {
  const json_t *want[] = {json_object_get(pair, "ids"), json_object_get(pair, "types")};
  att_ids got[2] = {{0}, {0}};
  const att_text second = {"b", 1};
  bool truncated;
  assert_int_equal(
      att_tokenizer_encode_pair(tokenizer, ctx, (att_text){"a", 1}, &second, 0, &got[0], &got[1], &truncated), ATT_OK);
  for (int i = 0; i < 2; i++) {
    bool same = got[i].count == json_array_size(want[i]) && got[i].count >= 2;
    for (size_t j = 0; same && j < got[i].count; j++)
      same = got[i].data[j] == (int32_t)json_number_value(json_array_get(want[i], j));
    if (!same) fail_msg("%s: the %s of a pair differ", what, i ? "types" : "ids");
    att_free(ctx, got[i].data);
  }
}

static const att_config bert = {.family = ATT_BERT,
                                .kind = ATT_ENCODER,
                                .head = ATT_HEAD_NONE,
                                .position = ATT_LEARNED,
                                .d_model = 8,
                                .vocab_size = 100,
                                .max_position_embeddings = 64,
                                .encoder_layers = 1,
                                .encoder_attention_heads = 1,
                                .encoder_ffn_dim = 8,
                                .type_vocab_size = 2,
                                .layer_norm_epsilon = 1e-5f,
                                .activation = ATT_GELU,
                                .pad = -1,
                                .bos = -1,
                                .eos = -1,
                                .decoder_start = -1};

/* What is written of a tokenizer reads as the tokenizer. */
static att_tokenizer *written_again(const att_tokenizer *tokenizer) {
  att_tokenizer *again;
  empty_folder(NULL);
  assert_int_equal(att_tokenizer_save(tokenizer, in_folder("tokenizer.json")), ATT_OK);
  assert_int_equal(att_config_write(ctx, folder, &bert, tokenizer), ATT_OK);
  if (att_tokenizer_open_folder(ctx, folder, &again)) fail_msg("%s", att_message(ctx));
  return again;
}

static void tokenizers_are_those_of_transformers(void **state) {
  (void)state;
  json_t *root = fixture();
  const json_t *cases = json_object_get(root, "cases"), *bases = json_object_get(root, "bases");
  assert_true(json_array_size(cases) >= 45);
  for (size_t i = 0; i < json_array_size(cases); i++) {
    const json_t *one = json_array_get(cases, i), *files = json_object_get(one, "files");
    att_tokenizer *tokenizer, *again;
    char what[400],
        *said = json_dumps(json_object_get(files, "tokenizer_config.json"), JSON_REAL_PRECISION(6) | JSON_ENCODE_ANY);
    snprintf(what, sizeof what, "case %zu (%s %.300s)", i, json_string_value(json_object_get(one, "base")),
             said ? said : "");
    free(said);
    empty_folder(NULL);
    write_files(json_object_get(bases, json_string_value(json_object_get(one, "base"))));
    write_files(files);
    if (att_tokenizer_open_folder(ctx, folder, &tokenizer)) fail_msg("%s: %s", what, att_message(ctx));
    check_texts(what, tokenizer, json_object_get(one, "texts"));
    check_pair(what, tokenizer, json_object_get(one, "pair"));
    again = written_again(tokenizer);
    strcat(what, ", written again");
    check_texts(what, again, json_object_get(one, "texts"));
    check_pair(what, again, json_object_get(one, "pair"));
    att_tokenizer_free(tokenizer);
    att_tokenizer_free(again);
  }
  json_decref(root);
}

/* ---- what is kept ---------------------------------------------------------------------------------------------------
 */

static void open_gpt2(const char *config, att_tokenizer **tokenizer) {
  json_t *root = fixture();
  write_files(json_object_get(json_object_get(root, "bases"), "gpt2"));
  json_decref(root);
  put("tokenizer_config.json", config);
  if (att_tokenizer_open_folder(ctx, folder, tokenizer)) fail_msg("%s", att_message(ctx));
}

static void what_is_not_applied_here_is_kept(void **state) {
  (void)state;
  static const char *const kept[] = {
      "\"chat_template\": \"{% a %}\\n\"", "\"model_max_length\": 1000000000000000019884624838656",
      "\"eos_token\": \"<|endoftext|>\"",  "\"padding_side\": \"left\"",
      "\"own\": {\"a\": [1, 2.5, null]}",  "\"clean_up_tokenization_spaces\": true"};
  static const char *const gone[] = {"GPT2Tokenizer\"", "do_lower_case", "added_tokens_decoder", "auto_map"};
  att_tokenizer *tokenizer, *again;
  att_buffer text = {0};
  open_gpt2(
      "{\"tokenizer_class\": \"GPT2Tokenizer\", \"chat_template\": \"old\", \"model_max_length\": "
      "1000000000000000019884624838656, \"eos_token\": \"<|endoftext|>\", \"padding_side\": \"left\", \"own\": {\"a\": "
      "[1, 2.5, null]}, \"clean_up_tokenization_spaces\": true, \"do_lower_case\": true, \"auto_map\": {}, "
      "\"added_tokens_decoder\": {}}",
      &tokenizer);
  att_tokenizer_free(tokenizer);
  put("chat_template.jinja", "{% a %}\n"); /* counts before the key */
  assert_int_equal(att_tokenizer_open_folder(ctx, folder, &tokenizer), ATT_OK);
  again = written_again(tokenizer);
  assert_int_equal(att_file_read(ctx, in_folder("tokenizer_config.json"), 100000, &text), ATT_OK);
  for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
    if (!strstr(text.data, kept[i])) fail_msg("%s is lost in %s", kept[i], text.data);
  for (size_t i = 0; i < sizeof gone / sizeof *gone; i++)
    if (strstr(text.data, gone[i])) fail_msg("%s is still in %s", gone[i], text.data);
  att_buffer_free(ctx, &text);
  att_tokenizer_free(tokenizer);
  att_tokenizer_free(again);
}

/* Six letters in five places. */
static void the_side_that_is_truncated_is_the_folders(void **state) {
  (void)state;
  static const struct {
    const char *config;
    int32_t ids[5];
  } sides[] = {{"{}", {65, 66, 67, 68, 69}}, {"{\"truncation_side\": \"left\"}", {66, 67, 68, 69, 70}}};
  for (size_t i = 0; i < 2; i++) {
    att_tokenizer *tokenizer;
    att_ids ids = {0};
    bool truncated;
    open_gpt2(sides[i].config, &tokenizer);
    int32_t first = att_tokenizer_id(tokenizer, "a");
    assert_int_equal(
        att_tokenizer_encode_pair(tokenizer, ctx, (att_text){"abcdef", 6}, NULL, 5, &ids, NULL, &truncated), ATT_OK);
    assert_true(truncated && ids.count == 5);
    for (size_t j = 0; j < 5; j++) assert_int_equal(ids.data[j] - first, sides[i].ids[j] - 65);
    att_free(ctx, ids.data);
    att_tokenizer_free(tokenizer);
    empty_folder(NULL);
  }
}

/* ---- own models of letters ------------------------------------------------------------------------------------------
 */

static void comes_back(const att_tokenizer *tokenizer, const char *text, bool whole) {
  att_ids ids = {0};
  att_buffer back = {0};
  assert_int_equal(att_tokenizer_encode(tokenizer, ctx, (att_text){text, strlen(text)}, false, &ids), ATT_OK);
  for (size_t i = 0; i < ids.count; i++)
    if (whole) assert_false(att_tokenizer_is_special(tokenizer, ids.data[i]));
  assert_int_equal(att_tokenizer_decode(tokenizer, ctx, ids.data, ids.count, true, &back), ATT_OK);
  if ((strcmp(back.data, text) == 0) != whole) fail_msg("\"%s\" comes back as \"%s\"", text, back.data);
  att_free(ctx, ids.data);
  att_buffer_free(ctx, &back);
}

static void letters_that_spell_a_special_token_are_letters(void **state) {
  (void)state;
  static const char *const specials[] = {"<|endoftext|>", "<unk>", "[MASK]"};
  static const char *const spelled[] = {"the <unk> of", "<|endoftext|>", "a[MASK]b <unk><unk>"};
  static const att_text line = {"the <unk> of a <|endoftext|> b [MASK]", 37};
  const att_text *texts[] = {&line};
  const size_t count = 1;
  for (int plain = 0; plain <= 1; plain++)
    for (att_tokenizer_kind kind = ATT_CHAR; kind <= ATT_BYTE; kind++) {
      const att_tokenizer_plan plan = {
          .kind = kind, .vocab = 300, .plain = plain, .first_specials = specials, .first_count = 3};
      att_tokenizer *trained, *again;
      assert_int_equal(att_tokenizer_train(ctx, texts, &count, 1, &plan, NULL, NULL, &trained), ATT_OK);
      again = written_again(trained);
      for (size_t i = 0; i < 3; i++) {
        comes_back(trained, spelled[i], plain);
        comes_back(again, spelled[i], plain);
      }
      att_tokenizer_free(trained);
      att_tokenizer_free(again);
    }
}

/* ---- harm -------------------------------------------------------------------------------------------------------- */

static void broken_files_are_named(void **state) {
  (void)state;
  static const struct {
    const char *name, *text, *clue;
  } broken[] = {{"tokenizer_config.json", "{", "tokenizer_config.json: is not valid JSON"},
                {"tokenizer_config.json", "[1]", "tokenizer_config.json: this is not a configuration"},
                {"tokenizer_config.json", "{\"add_prefix_space\": 3}", "add_prefix_space is 3, not true or false"},
                {"tokenizer_config.json", "{\"split_special_tokens\": \"no\"}", "split_special_tokens is \"no\""},
                {"special_tokens_map.json", "[3]", "special_tokens_map.json: this is not a configuration"},
                {"added_tokens.json", "{", "added_tokens.json: is not valid JSON"}};
  for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
    att_tokenizer *tokenizer;
    open_gpt2("{}", &tokenizer);
    att_tokenizer_free(tokenizer);
    put(broken[i].name, broken[i].text);
    must_say(att_tokenizer_open_folder(ctx, folder, &tokenizer), ATT_FORMAT, broken[i].clue);
    assert_null(tokenizer);
    empty_folder(NULL);
  }
}

/* Lists of odd things, names of tokens that are no text: nothing, or one line. */
static void odd_settings_do_no_harm(void **state) {
  (void)state;
  static const char *const odd[] = {
      "{\"eos_token\": 3, \"extra_special_tokens\": [1, {}, {\"content\": 5}, null, \"\", \"<a>\", \"<a>\"]}",
      "{\"added_tokens_decoder\": [1]}",
      "{\"added_tokens_decoder\": {\"x\": \"y\", \"-5\": {\"content\": \"z\"}, \"99999999999999999999\": {\"content\": "
      "\"w\"}}}",
      "{\"added_tokens_decoder\": {\"0\": {\"content\": \"<|endoftext|>\", \"lstrip\": 4, \"special\": []}}}",
      "{\"tokenizer_class\": \"LlamaTokenizer\"}",
      "{\"tokenizer_class\": \"BertTokenizer\"}",
      "{\"chat_template\": {\"a\": \"b\"}, \"tokenizer_class\": 7}"};
  for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
    att_tokenizer *tokenizer, *again;
    open_gpt2(odd[i], &tokenizer);
    again = written_again(tokenizer);
    comes_back(again, "a dog", true);
    att_tokenizer_free(tokenizer);
    att_tokenizer_free(again);
    empty_folder(NULL);
  }
}

static att_status open_it(att_context *c, void *arg) {
  att_tokenizer *tokenizer;
  (void)arg;
  ATT_TRY(att_tokenizer_open_folder(c, folder, &tokenizer));
  att_tokenizer_free(tokenizer);
  return ATT_OK;
}

static void each_allocation_may_fail(void **state) {
  (void)state;
  att_tokenizer *tokenizer;
  open_gpt2("{\"eos_token\": \"<|endoftext|>\", \"extra_special_tokens\": [\"<a>\"], \"split_special_tokens\": true}",
            &tokenizer);
  att_tokenizer_free(tokenizer);
  put("added_tokens.json", "{\"<b>\": 7}");
  put("chat_template.jinja", "x");
  assert_true(fail_each_allocation(open_it, NULL) >= 20);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_teardown(tokenizers_are_those_of_transformers, empty_folder),
      cmocka_unit_test_teardown(what_is_not_applied_here_is_kept, empty_folder),
      cmocka_unit_test_teardown(the_side_that_is_truncated_is_the_folders, empty_folder),
      cmocka_unit_test_teardown(letters_that_spell_a_special_token_are_letters, empty_folder),
      cmocka_unit_test_teardown(broken_files_are_named, empty_folder),
      cmocka_unit_test_teardown(odd_settings_do_no_harm, empty_folder),
      cmocka_unit_test_teardown(each_allocation_may_fail, empty_folder),
  };
  return cmocka_run_group_tests(tests, begin, end);
}
