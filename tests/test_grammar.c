/* Grammars and JSON schemas: what is written fits, whatever the model would rather write; what cannot be is refused,
 * soon. Biases of tokens, and the likeliest tokens beside each. */
#include "decode/grammar.h"
#include "decode/json_schema.h"
#include "service_fixture.h"

#include <jansson.h>
#include <time.h>

static collected *write_with(setup *s, att_generate_options *options, uint64_t seed) {
  att_request request;
  att_request_default(&request);
  options->seed = seed;
  request.text = text("A dog");
  request.generate = options;
  return alone(s, &request);
}

static att_generate_options drawn(const setup *s) {
  att_generate_options options;
  att_generate_options_default(s->model, &options);
  options.temperature = 1.5;
  options.max_tokens = 200;
  return options;
}

/* ---- GBNF ----------------------------------------------------------------------------------------------------- */

static bool fits_list(const char *at) { /* [a-c]{2,3} ("," [a-c]{2,3})* "." */
  for (;;) {
    size_t size = strspn(at, "abc");
    if (size < 2 || size > 3) return false;
    at += size;
    if (strcmp(at, ".") == 0) return true;
    if (*at++ != ',') return false;
  }
}

static bool fits_words(const char *at) {
  return strcmp(at, "yes") == 0 || strcmp(at, "n\xc3\xb6") == 0 || strcmp(at, "\xe2\x82\xac!") == 0;
}

static bool fits_pairs(const char *at) { /* brackets that close, within each other */
  size_t depth = 0, most = 0;
  for (; *at == '('; at++) most = ++depth;
  for (; *at == ')'; at++) depth--;
  return *at == '\0' && depth == 0 && most > 0;
}

static bool fits_other(const char *at) { /* [^a-z\x00-\x7f] once, then anything once: two characters */
  size_t bad;
  int32_t code;
  int size = att_utf8_next(at, strlen(at), &code, &bad);
  if (size < 2) return false;
  return at[size] && att_utf8_next(at + size, strlen(at + size), &code, &bad) == (int)strlen(at + size);
}

static void what_is_written_fits_the_grammar(void **state) {
  static const struct {
    const char *grammar;
    bool (*fits)(const char *);
  } cases[] = {
      {"root ::= item (\",\" item)* \".\" # a list\nitem ::= [a-c]{2,3}\n", fits_list},
      {"root ::= \"yes\" | \"n\\u00f6\" |\n  [\xe2\x82\xac] \"!\"", fits_words},
      {"root ::= \"(\" root? \")\"", fits_pairs},
      {"root ::= [^a-z\\x00-\\x7f] .", fits_other},
      {"root ::= list \".\"\nlist ::= list \",\" item | item\nitem ::= [a-c] [a-c] [a-c]?", fits_list}, /* left */
  };
  setup s;
  (void)state;
  set_up(&s, "generate_llama");
  att_generate_options options = drawn(&s);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    int ended = 0;
    options.grammar = cases[i].grammar;
    for (uint64_t seed = 1; seed <= 12; seed++) {
      collected *all = write_with(&s, &options, seed);
      sample *one = all->samples;
      one->text[one->size] = '\0';
      if (one->finish == ATT_FINISH_END && !cases[i].fits(one->text))
        fail_msg("%s: \"%s\" does not fit", cases[i].grammar, one->text);
      ended += one->finish == ATT_FINISH_END;
      free(all);
    }
    assert_in_range(ended, 6, 12);
  }
  tear_down(&s);
}

/* Each token of a small vocabulary is looked at by itself. */
static void masks_are_those_of_each_token(void **state) {
  setup s;
  att_grammar *grammar;
  att_token_trie *trie;
  const uint64_t *mask;
  bool ends;
  (void)state;
  set_up(&s, "generate_llama");
  int64_t vocab = s.model->config.vocab_size;
  ok(&s, att_token_trie_new(s.ctx, s.model->tokenizer, vocab, &trie));
  ok(&s, att_grammar_new(s.ctx, trie, "root ::= \"a\" (\"an\" | \"n\" [a-e]+)", &grammar));
  ok(&s, att_grammar_allowed(grammar, NULL, 0, &mask, &ends));
  assert_false(ends);
  int count = 0;
  for (int32_t i = 0; i < vocab; i++) {
    size_t size;
    const char *bytes = att_token_trie_bytes(trie, i, &size);
    bool fits = size > 0 && bytes[0] == 'a'; /* "a", "an", "and" ... */
    if (size > 1) fits = fits && (bytes[1] == 'n' || (bytes[1] == 'a' && size < 4 && (size < 3 || bytes[2] == 'n')));
    for (size_t j = 2; j < size && bytes[1] == 'n'; j++) fits = fits && bytes[j] >= 'a' && bytes[j] <= 'e';
    if (((mask[i >> 6] >> (i & 63)) & 1) != fits) fail_msg("token %d, %.*s", (int)i, (int)size, bytes);
    count += fits;
  }
  assert_true(count > 0);
  ok(&s, att_grammar_allowed(grammar, (int32_t[]){s.model->config.eos}, 1, &mask, &ends));
  assert_true(!mask && !ends); /* what does not fit is followed by nothing */
  att_grammar_free(grammar);
  att_token_trie_free(s.ctx, trie);
  tear_down(&s);
}

/* ---- JSON ----------------------------------------------------------------------------------------------------- */

static bool fits_person(const json_t *value) {
  const json_t *age = json_object_get(value, "age"), *kind = json_object_get(value, "kind"),
               *tags = json_object_get(value, "tags");
  const json_t *next = json_object_get(value, "next"), *id = json_object_get(value, "id \"q\"");
  if (!json_is_integer(age) || json_integer_value(age) < -7 || json_integer_value(age) > 120) return false;
  if (!kind || (strcmp(json_string_value(kind), "cat") != 0 && strcmp(json_string_value(kind), "d\xc3\xb6g") != 0))
    return false;
  if (tags && (!json_is_array(tags) || json_array_size(tags) < 1 || json_array_size(tags) > 2)) return false;
  for (size_t i = 0; i < json_array_size(tags); i++) {
    size_t size = json_string_length(json_array_get(tags, i));
    if (!json_is_string(json_array_get(tags, i)) || size < 1 || size > 12) return false;
  }
  if (id && !json_is_null(id) && !json_is_true(id) && !json_is_false(id)) return false;
  return !next || json_is_null(next) || fits_person(next);
}

static const char person[] =
    "{\"type\": \"object\", \"title\": \"T\", \"required\": [\"age\", \"kind\"], \"properties\": {"
    "\"age\": {\"type\": \"integer\", \"minimum\": -7, \"maximum\": 120},"
    "\"kind\": {\"enum\": [\"cat\", \"d\xc3\xb6g\"]},"
    "\"tags\": {\"type\": \"array\", \"minItems\": 1, \"maxItems\": 2, \"items\": {\"$ref\": \"#/$defs/short\"}},"
    "\"id \\\"q\\\"\": {\"type\": [\"boolean\", \"null\"]},"
    "\"next\": {\"anyOf\": [{\"type\": \"null\"}, {\"$ref\": \"#\"}]}},"
    "\"$defs\": {\"short\": {\"type\": \"string\", \"minLength\": 1, \"maxLength\": 3}}}";

static void json_fits_its_schema(void **state) {
  setup s;
  int ended = 0;
  (void)state;
  set_up(&s, "generate_llama");
  att_generate_options options = drawn(&s);
  options.json_schema = person;
  for (uint64_t seed = 1; seed <= 25; seed++) {
    collected *all = write_with(&s, &options, seed);
    sample *one = all->samples;
    if (one->finish == ATT_FINISH_END) {
      json_t *value = json_loadb(one->text, one->size, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
      if (!value || !fits_person(value)) fail_msg("does not fit: %.*s", (int)one->size, one->text);
      json_decref(value);
      ended++;
    }
    free(all);
  }
  assert_in_range(ended, 10, 25);
  tear_down(&s);
}

/* Whether the text is one that the grammar takes, to its end; read by characters. */
static bool fits(setup *s, const att_token_trie *trie, att_grammar *grammar, const char *text) {
  att_ids ids = {0};
  const uint64_t *mask;
  bool ends;
  for (const char *c = text; *c; c++) {
    int32_t token = -1;
    for (int32_t t = 0; token < 0 && t < s->model->config.vocab_size; t++) {
      size_t length;
      const char *bytes = att_token_trie_bytes(trie, t, &length);
      if (length == 1 && bytes[0] == *c) token = t;
    }
    assert_true(token >= 0);
    ok(s, att_ids_push(s->ctx, &ids, token));
  }
  ok(s, att_grammar_allowed(grammar, ids.data, (int64_t)ids.count, &mask, &ends));
  att_free(s->ctx, ids.data);
  return ends;
}

/* Whole numbers in ranges: all of them, and no others. */
static void ranges_have_just_their_numbers(void **state) {
  static const int ranges[][2] = {{0, 0},  {0, 9},      {3, 7},    {9, 10},   {12, 345},
                                  {-5, 5}, {-120, -99}, {99, 101}, {-1, 1000}};
  setup s;
  (void)state;
  set_up(&s, "generate_llama");
  att_token_trie *trie;
  ok(&s, att_token_trie_new(s.ctx, s.model->tokenizer, s.model->config.vocab_size, &trie));
  for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
    char schema[120];
    att_grammar *grammar;
    snprintf(schema, sizeof schema, "{\"type\": \"integer\", \"minimum\": %d, \"maximum\": %d}", ranges[i][0],
             ranges[i][1]);
    ok(&s, att_grammar_new_schema(s.ctx, trie, schema, &grammar));
    for (int number = -1100; number <= 1100; number++) {
      char digits[16];
      snprintf(digits, sizeof digits, "%d", number);
      if (fits(&s, trie, grammar, digits) != (number >= ranges[i][0] && number <= ranges[i][1]))
        fail_msg("%d of %d to %d", number, ranges[i][0], ranges[i][1]);
    }
    att_grammar_free(grammar);
  }
  att_token_trie_free(s.ctx, trie);
  tear_down(&s);
}

/* By JSON Schema's own words (draft 2020-12, sections 6 and 10): what is valid, and what is not. */
static void schemas_have_just_their_texts(void **state) {
  static const struct {
    const char *schema, *valid[6], *not_valid[6];
  } cases[] = {
      {"{\"type\": \"number\", \"minimum\": 1, \"maximum\": 3}",
       {"1", "2.5", "3", "1.05"},
       {"0", "3.5", "-2", "4", "03"}},
      {"{\"type\": \"number\", \"maximum\": -2}", {"-2", "-17"}, {"0", "3", "-1"}},
      {"{\"minimum\": 2, \"exclusiveMaximum\": 4}", {"2", "3", "2.5"}, {"4", "1", "\"2\""}},
      {"{\"type\": \"integer\", \"exclusiveMinimum\": 2, \"maximum\": 4}", {"3", "4"}, {"2", "5", "3.5"}},
      {"{\"type\": \"integer\", \"minimum\": 0}", {"0", "7", "10", "123456789012345"}, {"-1", "007"}},
      {"{\"type\": \"integer\"}", {"0", "-12", "345"}, {"1.5", "01", "true"}},
      {"{\"prefixItems\": [{\"type\": \"integer\"}, {\"type\": \"boolean\"}], \"items\": false}",
       {"[1,true]", "[2, false]"},
       {"[1]", "[true,1]", "[1,true,2]"}},
      {"{\"prefixItems\": [{\"type\": \"integer\"}], \"items\": {\"type\": \"null\"}, \"minItems\": 2, \"maxItems\": "
       "3}",
       {"[1,null]", "[1,null,null]"},
       {"[1]", "[1,2]", "[1,null,null,null]"}},
      {"{\"minItems\": 1, \"maxItems\": 2}", {"[1]", "[1,\"a\"]"}, {"[]", "[1,2,3]"}},
      {"{\"type\": \"array\", \"maxItems\": 0}", {"[]"}, {"[1]"}},
      {"{\"additionalProperties\": {\"type\": \"integer\"}}",
       {"{}", "{\"a\":1}", "{\"a\":1,\"b\":2}"},
       {"{\"a\":\"b\"}", "[]"}},
      {"{\"type\": \"object\", \"additionalProperties\": false}", {"{}"}, {"{\"a\":1}"}},
      {"{\"type\": \"object\"}", {"{}", "{\"a\":[1]}"}, {"1", "[]"}},
      {"{\"type\": [\"integer\", \"null\"]}", {"1", "null"}, {"true", "\"1\""}},
      {"{\"minLength\": 1, \"maxLength\": 2}", {"\"a\"", "\"ab\""}, {"\"\"", "\"abc\"", "1"}},
      {"{\"const\": {\"a\": [1, \"b\\n\"]}}", {"{\"a\":[1,\"b\\n\"]}"}, {"{\"a\":[1]}", "1"}},
      {"{\"oneOf\": [{\"type\": \"boolean\"}, {\"const\": 7}]}", {"true", "7"}, {"8", "null"}},
      {"{\"allOf\": [{\"type\": \"boolean\"}]}", {"true", "false"}, {"1"}},
      {"{\"format\": \"date\"}",
       {"\"2024-02-28\"", "\"1999-12-31\"", "\"2026-11-30\"", "\"0001-04-09\""},
       {"\"2024-13-01\"", "\"2024-02-30\"", "\"2024-11-31\"", "\"2024-10-00\"", "\"24-01-01\"", "1"}},
      {"{\"properties\": {\"a\": true}, \"required\": [\"a\"]}", {"{\"a\":1}", "{\"a\":[\"x\"]}"}, {"{}", "{\"b\":1}"}},
      {"{}", {"1", "[true]", "{\"a\":null}"}, {"x", "[1,]"}},
  };
  setup s;
  (void)state;
  set_up(&s, "generate_llama");
  att_token_trie *trie;
  ok(&s, att_token_trie_new(s.ctx, s.model->tokenizer, s.model->config.vocab_size, &trie));
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    att_grammar *grammar;
    if (att_grammar_new_schema(s.ctx, trie, cases[i].schema, &grammar))
      fail_msg("%s: %s", cases[i].schema, att_message(s.ctx));
    for (int j = 0; j < 6; j++) {
      if (cases[i].valid[j] && !fits(&s, trie, grammar, cases[i].valid[j]))
        fail_msg("%s refuses %s", cases[i].schema, cases[i].valid[j]);
      if (cases[i].not_valid[j] && fits(&s, trie, grammar, cases[i].not_valid[j]))
        fail_msg("%s takes %s", cases[i].schema, cases[i].not_valid[j]);
    }
    att_grammar_free(grammar);
  }
  att_token_trie_free(s.ctx, trie);
  tear_down(&s);
}

static void check_texts(setup *s, const att_token_trie *trie, const char *schema, const json_t *texts, int counts[2]) {
  att_grammar *grammar;
  if (att_grammar_new_schema(s->ctx, trie, schema, &grammar)) fail_msg("%s: %s", schema, att_message(s->ctx));
  for (size_t i = 0; i < json_array_size(texts); i++) {
    json_t *one = json_array_get(json_array_get(texts, i), 0);
    const char *text = json_string_value(one);
    bool valid = json_is_true(json_array_get(json_array_get(texts, i), 1));
    if (fits(s, trie, grammar, text) != valid) fail_msg("%s %s %s", schema, valid ? "refuses" : "takes", text);
    counts[valid]++;
  }
  att_grammar_free(grammar);
}

/* As Node.js has regular expressions, as jsonschema has schemas. */
static void patterns_and_schemas_have_their_texts(void **state) {
  setup s;
  int patterns[2] = {0, 0}, schemas[2] = {0, 0};
  size_t i;
  json_t *all = json_load_file(ATT_TEST_DATA "/schemas.json", 0, NULL), *one;
  (void)state;
  set_up(&s, "generate_llama");
  att_token_trie *trie;
  ok(&s, att_token_trie_new(s.ctx, s.model->tokenizer, s.model->config.vocab_size, &trie));
  json_array_foreach(json_object_get(all, "patterns"), i, one) {
    json_t *schema = json_pack("{s:O}", "pattern", json_object_get(one, "pattern"));
    json_t *texts = json_deep_copy(json_object_get(one, "texts"));
    char *text = json_dumps(schema, 0);
    for (size_t j = 0; j < json_array_size(texts); j++) { /* as JSON */
      json_t *pair = json_array_get(texts, j);
      char *quoted = json_dumps(json_array_get(pair, 0), JSON_ENCODE_ANY);
      json_array_set_new(pair, 0, json_string(quoted));
      free(quoted);
    }
    check_texts(&s, trie, text, texts, patterns);
    free(text);
    json_decref(texts);
    json_decref(schema);
  }
  json_array_foreach(json_object_get(all, "schemas"), i, one) {
    char *text = json_dumps(json_object_get(one, "schema"), 0);
    check_texts(&s, trie, text, json_object_get(one, "texts"), schemas);
    free(text);
  }
  assert_true(patterns[0] > 100 && patterns[1] > 100 && schemas[0] > 300 && schemas[1] > 200);
  att_token_trie_free(s.ctx, trie);
  json_decref(all);
  tear_down(&s);
}

/* ---- what cannot be ------------------------------------------------------------------------------------------- */

static void wrong_ones_are_refused(void **state) {
  static const char *const grammars[][2] = {
      {"", "no rule root"},
      {"a ::= \"x\"", "no rule root"},
      {"root ::= b", "no rule b"},
      {"root ::= \"a", "has no end"},
      {"root ::= [a", "has no end"},
      {"root ::= (\"a\"", "has no end"},
      {"root ::= \"a\")", "did not begin"},
      {"root = \"a\"", "::="},
      {"root ::= \"a\"\nroot ::= \"b\"", "already"},
      {"root ::= [z-a]", "ends before"},
      {"root ::= \"a\"{3,2}", "ends before"},
      {"root ::= \"a\"{99999}", "too large"},
      {"root ::= \"\\q\"", "escape"},
      {"root ::= \"\\uD8\"", "escape"},
      {"root ::= \"\xff\"", "UTF-8"},
      {"root ::= \"x\" root", "never end"},
      {"root ::= root", "never end"},
      {"root ::= a\na ::= b \"x\"\nb ::= a \"y\"", "never end"},
      {"root ::= []", "never end"},
      {"root ::= a{5000}\na ::= \"x\"\nb ::= (.{100}){1000}", "larger than attend takes"},
      {"root ::= ((((((((\"a\"{9}){9}){9}){9}){9}){9}){9}){9})", "larger than attend takes"},
  };
  static const char *const schemas[][2] = {
      {"", "JSON"},
      {"{", "JSON"},
      {"[]", "no schema"},
      {"7", "JSON"},
      {"{\"items\": false, \"type\": \"array\", \"minItems\": 1}", "more than there may be"},
      {"{\"type\": \"thing\"}", "type"},
      {"{\"type\": []}", "nothing fits"},
      {"{\"enum\": []}", "nothing fits"},
      {"{\"pattern\": 7}", "a pattern is no text"},
      {"{\"pattern\": \"(?=a)\"}", "'pattern': look-ahead"},
      {"{\"pattern\": \"^(?!a)b\"}", "look-ahead"},
      {"{\"pattern\": \"(?<=a)b\"}", "look-behind"},
      {"{\"pattern\": \"(?<!a)b\"}", "look-behind"},
      {"{\"pattern\": \"(?i)b\"}", "a kind of group"},
      {"{\"pattern\": \"(a)\\\\1\"}", "back-references"},
      {"{\"pattern\": \"(?<x>a)\\\\k<x>\"}", "back-references"},
      {"{\"pattern\": \"\\\\bword\"}", "word boundaries"},
      {"{\"pattern\": \"\\\\p{L}\"}", "Unicode properties"},
      {"{\"pattern\": \"\\\\Aa\\\\Z\"}", "an escape is not known"},
      {"{\"pattern\": \"\\\\x4\"}", "hexadecimal"},
      {"{\"pattern\": \"\\\\u{110000}\"}", "no character"},
      {"{\"pattern\": \"a\\\\\"}", "ends in a backslash"},
      {"{\"pattern\": \"(a\"}", "a group has no end"},
      {"{\"pattern\": \"a)\"}", "did not begin"},
      {"{\"pattern\": \"[a\"}", "a class has no end"},
      {"{\"pattern\": \"[z-a]\"}", "ends before"},
      {"{\"pattern\": \"a{3,2}\"}", "ends before"},
      {"{\"pattern\": \"a{,2}\"}", "smaller number"},
      {"{\"pattern\": \"a{2\"}", "a repetition has no end"},
      {"{\"pattern\": \"*a\"}", "nothing to repeat"},
      {"{\"pattern\": \"a**\"}", "nothing to repeat"},
      {"{\"pattern\": \"^*\"}", "nothing to repeat"},
      {"{\"pattern\": \"$^\"}", "behind '$'"},
      {"{\"pattern\": \"a^b\"}", "nothing fits"},
      {"{\"pattern\": \"(a|b)*a(a|b){20}\"}", "more states"},
      {"{\"pattern\": \"((((a{99}){99}){99}){99}){99}\"}", "larger than attend takes"},
      {"{\"pattern\": \"((((){999}){999}){999}){999}\"}", "larger than attend takes"},
      {"{\"pattern\": \".{1,9999}\"}", "larger than attend takes"},
      {"{\"pattern\": \"(.{0,30}a){30}\"}", "more states"},
      {"{\"pattern\": \"^[a-z]+$\", \"maxLength\": 9999}", "more states"},
      {"{\"pattern\": \"^aaa$\", \"maxLength\": 2}", "never end"},
      {"{\"pattern\": \"a\", \"minLength\": 3, \"maxLength\": 2}", "nothing fits"},
      {"{\"pattern\": \"a\", \"format\": \"date\"}", "a format beside"},
      {"{\"maxLength\": 3, \"format\": \"date\"}", "a format beside"},
      {"{\"type\": \"integer\", \"multipleOf\": 0}", "multipleOf"},
      {"{\"type\": \"number\", \"multipleOf\": 0.01}", "multipleOf"},
      {"{\"type\": \"integer\", \"multipleOf\": 99991}", "multipleOf"},
      {"{\"type\": \"integer\", \"multipleOf\": 7, \"minimum\": 1, \"maximum\": 6}", "never end"},
      {"{\"not\": {}}", "nothing fits"},
      {"{\"not\": true}", "nothing fits"},
      {"{\"not\": 7}", "no schema"},
      {"{\"not\": {\"required\": [\"a\"]}}", "'not' is known of type, pattern, const and enum, not of 'required'"},
      {"{\"type\": \"number\", \"not\": {\"type\": \"integer\"}}", "'not' of integers"},
      {"{\"type\": \"integer\", \"not\": {\"const\": 7}}", "'not' of constants"},
      {"{\"type\": \"string\", \"not\": {\"const\": \"a\", \"pattern\": \"a\"}}", "'not' of several"},
      {"{\"enum\": [\"a\"], \"type\": \"integer\"}", "no constant is left"},
      {"{\"enum\": [\"a\"], \"maxLength\": 3}", "'maxLength' beside const or enum"},
      {"{\"const\": 7, \"minimum\": 3}", "'minimum' beside const or enum"},
      {"{\"uniqueItems\": true}", "'uniqueItems'"},
      {"{\"$ref\": \"#name\"}", "leads to nothing"},
      {"{\"$ref\": \"#\", \"minimum\": 3}", "itself"},
      {"{\"allOf\": [{\"$ref\": \"#\"}, {\"$ref\": \"#\"}]}", "itself"},
      {"{\"allOf\": []}", "allOf"},
      {"{\"allOf\": [{\"pattern\": \"a\"}, {\"pattern\": \"b\"}]}", "another 'pattern' each"},
      {"{\"allOf\": [{\"type\": \"string\"}, {\"type\": \"null\"}]}", "nothing fits"},
      {"{\"allOf\": [{\"properties\": {\"a\": {}}}, {\"additionalProperties\": false}]}", "another part's members"},
      {"{\"patternProperties\": {\"a\": {}, \"b\": {}}}", "several patterns"},
      {"{\"patternProperties\": {\"a\": {}}, \"properties\": {\"b\": {}}}", "beside properties"},
      {"{\"propertyNames\": {\"maxLength\": 3}, \"properties\": {\"b\": {}}}", "beside properties"},
      {"{\"minProperties\": 1}", "minProperties"},
      {"{\"$ref\": \"#\"}", "itself"},
      {"{\"$ref\": \"#/$defs/x\", \"$defs\": {\"x\": {\"$ref\": \"#/$defs/x\"}}}", "itself"},
      {"{\"$ref\": \"http://example.org\"}", "beyond"},
      {"{\"$ref\": \"#/nothing\"}", "nothing"},
      {"{\"anyOf\": [{\"$ref\": \"#\"}]}", "never end"},
      {"{\"$ref\": \"#/a~\"}", "leads to nothing"},
      {"{\"$ref\": \"#/a~2/b\"}", "leads to nothing"},
      {"{\"type\": \"object\", \"required\": [\"a\"], \"properties\": {\"a\": {\"$ref\": \"#\"}}}", "never end"},
      {"{\"type\": \"array\", \"minItems\": 1, \"items\": {\"$ref\": \"#\"}}", "never end"},
      {"{\"type\": \"object\", \"required\": [\"b\"], \"properties\": {\"a\": {}}}", "no property"},
      {"{\"type\": \"array\", \"minItems\": 3, \"maxItems\": 2}", "nothing fits"},
      {"{\"type\": \"string\", \"minLength\": 3, \"maxLength\": 2}", "nothing fits"},
      {"{\"type\": \"integer\", \"minimum\": 3, \"maximum\": 2}", "nothing fits"},
      {"{\"type\": \"string\", \"maxLength\": 99999}", "maxLength"},
      {"{\"minimum\": 1.5}", "whole number"},
      {"{\"type\": \"integer\", \"maximum\": 1e20}", "whole number"},
      {"{\"properties\": {\"a\": false}}", "nothing fits"},
      {"{\"properties\": [1]}", "properties must be an object"},
      {"{\"type\": \"object\", \"minProperties\": 1}", "minProperties"},
      {"{\"properties\": {\"a\": {}}, \"minProperties\": 1}", "minProperties"},
      {"{\"prefixItems\": [{}, {}], \"maxItems\": 1}", "more than maxItems"},
      {"{\"items\": {}, \"minItems\": 1, \"maxItems\": 0}", "more than maxItems"},
      {"{\"type\": [1]}", "a type is no text"},
      {"{\"type\": 1}", "a type is no text"},
      {"{\"type\": \"string\", \"format\": \"email\"}", "formats"},
  };
  setup s;
  (void)state;
  set_up(&s, "generate_llama");
  att_service *service;
  att_request request;
  att_generate_options options = drawn(&s);
  collected all = {0};
  ok(&s, att_service_new(s.model, NULL, &service));
  att_request_default(&request);
  request.text = text("A");
  request.generate = &options;
  request.give = collect;
  request.user = &all;
  for (size_t i = 0; i < sizeof grammars / sizeof *grammars + sizeof schemas / sizeof *schemas; i++) {
    size_t j = i - sizeof grammars / sizeof *grammars;
    bool schema = i >= sizeof grammars / sizeof *grammars;
    options.grammar = schema ? NULL : grammars[i][0];
    options.json_schema = schema ? schemas[j][0] : NULL;
    clock_t begin = clock();
    must_say(&s, att_service_submit(service, &request, NULL), ATT_ARGUMENT, schema ? schemas[j][1] : grammars[i][1]);
    double seconds = (double)(clock() - begin) / CLOCKS_PER_SEC;
    if (seconds > 1) fail_msg("%s: %g seconds", schema ? schemas[j][0] : grammars[i][0], seconds);
  }
  options.grammar = options.json_schema = "root ::= \"a\"";
  must_say(&s, att_service_submit(service, &request, NULL), ATT_ARGUMENT, "exclude each other");
  options.json_schema = NULL;
  options.ignore_end = true;
  must_say(&s, att_service_submit(service, &request, NULL), ATT_ARGUMENT, "end token");
  att_service_free(service);
  tear_down(&s);
}

/* What leaves too much open is refused, and where that shows later it ends alone. */
static void what_explodes_ends(void **state) {
  static const char rules[] = " a a\na ::= b b | \"\"\nb ::= c c | \"\"\nc ::= d d | \"\"\nd ::= e e | \"\"\n"
                              "e ::= (a | b | c) [a-z] | \"\"";
  setup s;
  char grammar[300];
  collected *all = collector(), *other = collector();
  att_service *service;
  att_request request;
  (void)state;
  set_up(&s, "generate_llama");
  att_generate_options options = drawn(&s), plain = drawn(&s);
  att_request_default(&request);
  ok(&s, att_service_new(s.model, NULL, &service));
  request.text = text("A dog");
  request.give = collect;
  request.generate = &options;
  request.user = all;
  snprintf(grammar, sizeof grammar, "root ::=%s", rules);
  options.grammar = grammar;
  must_say(&s, att_service_submit(service, &request, NULL), ATT_ARGUMENT, "too much open");
  snprintf(grammar, sizeof grammar, "root ::= \"x\"%s", rules);
  submit(&s, service, &request, all);
  plain.max_tokens = 12;
  request.generate = &plain;
  request.user = other;
  submit(&s, service, &request, other);
  run_all(&s, service);
  att_service_free(service);
  assert_true(all->failed && other->last && !other->failed);
  collected *want = alone(&s, &request);
  same_sample("beside one that explodes", other->samples, want->samples, 0);
  free(all);
  free(other);
  free(want);
  tear_down(&s);
}

/* ---- biases, and what else might have come --------------------------------------------------------------------- */

static int look_at_top(void *user, const att_piece_of_text *piece) {
  att_token_logprob *before = user;
  assert_int_equal(piece->top_count, 3);
  for (size_t i = piece->first_token; i < piece->token_count; i++) {
    const att_token_logprob *top = piece->top + 3 * i;
    assert_int_equal(top[0].token, piece->tokens[i]); /* greedy */
    assert_true(fabs(top[0].logprob - piece->logprobs[i]) < 1e-9);
    assert_true(top[0].logprob >= top[1].logprob && top[1].logprob >= top[2].logprob && top[2].logprob < 0);
    *before = top[1];
  }
  return 0;
}

static void likeliest_tokens_and_biases(void **state) {
  setup s;
  att_token_logprob second = {-1, 0};
  (void)state;
  set_up(&s, "generate_llama");
  att_generate_options options;
  att_generate_options_default(s.model, &options);
  options.temperature = 0;
  options.max_tokens = 1;
  options.top_logprobs = 3;
  ok(&s, att_generate(s.model, text("A dog"), &options, look_at_top, &second));
  assert_true(second.token >= 0);
  options.max_tokens = 10;
  ok(&s, att_generate(s.model, text("A dog"), &options, look_at_top, &second));
  options.top_logprobs = 0;
  options.max_tokens = 5;
  options.logit_bias = &(att_token_bias){70, 100};
  options.logit_bias_count = 1;
  collected *all = write_with(&s, &options, 1);
  for (int i = 0; i < 5; i++) assert_int_equal(all->samples[0].tokens[i], 70);
  free(all);
  options.logit_bias = &(att_token_bias){99999, 1};
  must_say(&s, att_generate(s.model, text("A"), &options, collect, NULL), ATT_ARGUMENT, "logit_bias");
  options.logit_bias_count = 0;
  options.top_logprobs = 21;
  must_say(&s, att_generate(s.model, text("A"), &options, collect, NULL), ATT_ARGUMENT, "top_logprobs");
  tear_down(&s);
}

static const char bounded[] =
    "{\"allOf\": [{\"properties\": {\"a\": {\"pattern\": \"^(x|[^y]{2,3})+$\", \"maxLength\": 4, \"not\": {\"const\": "
    "\"x\"}}}}, {\"properties\": {\"b\": {\"type\": \"integer\", \"multipleOf\": 7}}}]}";

static att_status make_grammar(att_context *ctx, void *arg) {
  const att_token_trie *trie = arg;
  att_grammar *grammar;
  const uint64_t *mask;
  bool ends;
  att_status status = att_grammar_new_schema(ctx, trie, person, &grammar);
  if (!status) status = att_grammar_allowed(grammar, NULL, 0, &mask, &ends);
  att_grammar_free(grammar);
  if (status) return status;
  status = att_grammar_new_schema(ctx, trie, bounded, &grammar);
  att_grammar_free(grammar);
  return status;
}

static void every_allocation_may_fail(void **state) {
  setup s;
  att_token_trie *trie;
  (void)state;
  set_up(&s, "generate_llama");
  ok(&s, att_token_trie_new(s.ctx, s.model->tokenizer, s.model->config.vocab_size, &trie));
  assert_true(fail_each_allocation(make_grammar, trie) > 20);
  att_token_trie_free(s.ctx, trie);
  tear_down(&s);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_is_written_fits_the_grammar),
      cmocka_unit_test(masks_are_those_of_each_token),
      cmocka_unit_test(json_fits_its_schema),
      cmocka_unit_test(ranges_have_just_their_numbers),
      cmocka_unit_test(schemas_have_just_their_texts),
      cmocka_unit_test(patterns_and_schemas_have_their_texts),
      cmocka_unit_test(wrong_ones_are_refused),
      cmocka_unit_test(what_explodes_ends),
      cmocka_unit_test(likeliest_tokens_and_biases),
      cmocka_unit_test(every_allocation_may_fail),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
