/*
 * Tokenizers as a .gguf's metadata: what attend writes of each kind, and that it means the same when it is read again.
 */
#include "scratch.h"

#include "formats/gguf.h"
#include "text/tokenizer_gguf.h"

#define LENGTH(array) (sizeof(array) / sizeof *(array))

static void ok(att_status status) {
  if (status != ATT_OK) fail_msg("%s: %s", att_status_name(status), att_message(ctx));
}

/* What a tokenizer.json is written as. size: of the model's vocabulary. */
typedef struct tokenizer_case {
  const char *json;
  int64_t size;
  const char *model, *pre; /* pre NULL: none */
  const char *tokens[8];
  int32_t types[8];
  float scores[8]; /* the first is 99: none */
  const char *merges[2];
} tokenizer_case;

#define SPECIAL(id, text)                                                                                              \
  "\"added_tokens\":[{\"id\":" #id ",\"content\":\"" text                                                              \
  "\",\"single_word\":false,\"lstrip\":false,\"rstrip\":false,\"normalized\":false,\"special\":true}],"
#define BYTES "\"pre_tokenizer\":{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"use_regex\":true},"
#define BPE   "\"model\":{\"type\":\"BPE\",\"vocab\":{\"<e>\":0,\"a\":1,\"b\":2,\"ab\":3},\"merges\":[\"a b\"]}}"
#define SPLIT(digits)                                                                                                  \
  "\"pre_tokenizer\":{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"Split\",\"pattern\":{\"Regex\":\"(?i:'s|'"  \
  "t|'re|'"                                                                                                            \
  "ve|'m|'ll|'d)|[^\\\\r\\\\n\\\\p{L}\\\\p{N}]?\\\\p{L}+|\\\\p{N}" digits                                              \
  "| ?[^\\\\s\\\\p{L}\\\\p{N}]+[\\\\r\\\\n]*|\\\\s*["                                                                  \
  "\\\\r\\\\n]+|\\\\s+(?!\\\\S)|\\\\s+\"},\"behavior\":\"Isolated\",\"invert\":false},{\"type\":\"ByteLevel\",\"add_"  \
  "prefix_"                                                                                                            \
  "space\":false,\"use_regex\":false}]},"

static const tokenizer_case tokenizer_cases[] = {
    {"{" SPECIAL(0, "<e>") BYTES BPE,
     6,
     "gpt2",
     "gpt-2",
     {"<e>", "a", "b", "ab", "[PAD4]", "[PAD5]"},
     {3, 1, 1, 1, 5, 5},
     {99},
     {"a b"}},
    {"{" SPECIAL(0, "<e>") SPLIT("{1,3}") BPE, 4, "gpt2", "dbrx", {"<e>", "a", "b", "ab"}, {3, 1, 1, 1}, {99}, {"a b"}},
    {"{" SPECIAL(0, "<e>") SPLIT("") BPE, 4, "gpt2", "stablelm2", {"<e>", "a", "b", "ab"}, {3, 1, 1, 1}, {99}, {"a b"}},
    {"{" SPECIAL(0, "[CLS]") "\"normalizer\":{\"type\":\"BertNormalizer\"},\"pre_tokenizer\":{\"type\":"
                             "\"BertPreTokenizer\"},\"model\":{\"type\":\"WordPiece\",\"unk_token\":\"[UNK]\","
                             "\"continuing_subword_prefix\":\"##\","
                             "\"vocab\":{\"[CLS]\":0,\"[UNK]\":1,\"a\":2,\"##b\":3}}}",
     4,
     "bert",
     NULL,
     {"[CLS]", "\xe2\x96\x81[UNK]",
      "\xe2\x96\x81"
      "a",
      "b"},
     {3, 1, 1, 1},
     {99},
     {NULL}},
    {"{\"model\":{\"type\":\"Unigram\",\"unk_id\":0,\"byte_fallback\":false,\"vocab\":[[\"<unk>\",0],[\"a\",-1.5],"
     "[\"b\",-2]]}}",
     3,
     "t5",
     "default",
     {"<unk>", "a", "b"},
     {2, 1, 1},
     {0, -1.5f, -2},
     {NULL}},
    {"{\"normalizer\":{\"type\":\"Prepend\",\"prepend\":\"\xe2\x96\x81\"},\"model\":{\"type\":\"BPE\",\"unk_token\":\"<"
     "u>\","
     "\"byte_fallback\":true,\"vocab\":{\"<u>\":0,\"<0x41>\":1,\"a\":2,\"b\":3,\"ab\":4},\"merges\":[\"a b\"]}}",
     5,
     "llama",
     "default",
     {"<u>", "<0x41>", "a", "b", "ab"},
     {2, 6, 1, 1, 1},
     {0, 0, 0, 0, -1},
     {NULL}},
};

static const att_gguf_entry *entry_of(const att_gguf_entry *entries, size_t count, const char *key) {
  for (size_t i = 0; i < count; i++) {
    if (strcmp(entries[i].key, key) == 0) return &entries[i];
  }
  return NULL;
}

static void must_be_text(const att_gguf_entry *entry, size_t i, const char *want) {
  assert_true(entry && i < entry->count);
  att_text got = att_gguf_string_at(entry, i);
  if (got.size != strlen(want) || memcmp(got.data, want, got.size) != 0)
    fail_msg("%s: \"%.*s\", not \"%s\"", entry->key, (int)got.size, got.data, want);
}

static void must_be_written(const tokenizer_case *c, const att_tokenizer *tokenizer) {
  att_arena *arena;
  att_gguf_entry list[ATT_TOKENIZER_ENTRIES];
  size_t n = 0;
  ok(att_arena_new(ctx, &arena));
  ok(att_tokenizer_put_gguf(tokenizer, arena, c->size, list, &n));
  assert_true(n <= ATT_TOKENIZER_ENTRIES);
  const att_gguf_entry *pre = entry_of(list, n, "tokenizer.ggml.pre"),
                       *scores = entry_of(list, n, "tokenizer.ggml.scores"),
                       *tokens = entry_of(list, n, "tokenizer.ggml.tokens"),
                       *types = entry_of(list, n, "tokenizer.ggml.token_type"),
                       *merges = entry_of(list, n, "tokenizer.ggml.merges");
  must_be_text(entry_of(list, n, "tokenizer.ggml.model"), 0, c->model);
  if (c->pre) must_be_text(pre, 0, c->pre);
  if (!c->pre) assert_null(pre);
  assert_int_equal(tokens->count, c->size);
  assert_int_equal(types->count, c->size);
  assert_true(!scores == (c->scores[0] == 99) && !merges == !c->merges[0]);
  for (size_t i = 0; i < tokens->count; i++) {
    must_be_text(tokens, i, c->tokens[i]);
    assert_int_equal(att_gguf_int_at(types, i), c->types[i]);
    if (scores) assert_true(att_gguf_number_at(scores, i) == (double)c->scores[i]);
  }
  if (merges) assert_int_equal(merges->count, 1);
  if (merges) must_be_text(merges, 0, c->merges[0]);
  att_arena_free(arena);
}

/* The tokenizer as it comes back from a .gguf. */
static att_tokenizer *through_gguf(const char *json, int64_t size) {
  att_arena *arena;
  att_gguf_entry list[ATT_TOKENIZER_ENTRIES + 2];
  const att_text name = {"test", 4};
  const uint32_t unknown = 0;
  size_t n = 0;
  att_tokenizer *tokenizer, *back;
  att_tensor_file *file;
  ok(att_arena_new(ctx, &arena));
  ok(att_tokenizer_parse(ctx, "test", json, strlen(json), &tokenizer));
  ok(att_tokenizer_put_gguf(tokenizer, arena, size, list, &n));
  list[n++] = (att_gguf_entry){"general.architecture", ATT_GGUF_STRING, false, 1, &name, 0};
  list[n++] = (att_gguf_entry){"tokenizer.ggml.unknown_token_id", ATT_GGUF_UINT32, false, 1, &unknown, 4};
  ok(att_gguf_write(ctx, in_folder("t.gguf"), list, n, NULL, 0));
  ok(att_gguf_open(ctx, in_folder("t.gguf"), &file));
  ok(att_tokenizer_open_gguf(ctx, file->metadata, &back));
  att_tensor_file_close(file);
  att_tokenizer_free(tokenizer);
  att_arena_free(arena);
  return back;
}

static void must_become(const att_tokenizer *tokenizer, const char *text, const int32_t *want, size_t count) {
  att_ids got = {0};
  ok(att_tokenizer_encode(tokenizer, ctx, (att_text){text, strlen(text)}, false, &got));
  assert_int_equal(got.count, count);
  assert_memory_equal(got.data, want, count * sizeof *want);
  att_free(ctx, got.data);
}

/* BERT's letters stay as large and as accented as they are, or do not. */
static void letters_are_written(void **state) {
  (void)state;
  static const struct {
    const char *step;
    int32_t ids[3]; /* of "A a \u00e1" */
  } cases[] = {{"\"lowercase\":false,\"strip_accents\":false", {1, 2, 3}},
               {"\"lowercase\":false,\"strip_accents\":true", {1, 2, 2}},
               {"\"lowercase\":true,\"strip_accents\":false", {2, 2, 3}},
               {"\"lowercase\":false", {1, 2, 3}},
               {"\"strip_accents\":null", {2, 2, 2}}};
  for (size_t i = 0; i < LENGTH(cases); i++) {
    char json[800];
    snprintf(
        json, sizeof json,
        "{" SPECIAL(
            0,
            "[UNK]") "\"normalizer\":{\"type\":\"BertNormalizer\",%s},\"pre_tokenizer\":{\"type\":\"BertPreTokenizer\"}"
                     ","
                     "\"model\":{\"type\":\"WordPiece\",\"unk_token\":\"[UNK]\",\"continuing_subword_prefix\":\"##\","
                     "\"vocab\":{\"[UNK]\":0,\"A\":1,\"a\":2,\"\u00e1\":3}}}",
        cases[i].step);
    att_tokenizer *back = through_gguf(json, 4);
    must_become(back, "A a \u00e1", cases[i].ids, 3);
    att_tokenizer_free(back);
    empty_folder(NULL);
  }
}

/* SentencePiece's table that makes "A" of "X": 16 bytes of units (of the root, of "X", of its place among the texts),
 * and the texts. */
#define CHARSMAP "EAAAAABkAQBYDQAAAAAAgAAAAABBAA=="
static void charsmap_is_written(void **state) {
  (void)state;
  static const char *const json =
      "{\"normalizer\":{\"type\":\"Precompiled\",\"precompiled_charsmap\":\"" CHARSMAP "\"},"
      "\"pre_tokenizer\":{\"type\":\"Metaspace\",\"replacement\":\"\u2581\",\"prepend_scheme\":\"always\",\"split\":"
      "true},"
      "\"model\":{\"type\":\"Unigram\",\"unk_id\":0,\"byte_fallback\":false,\"vocab\":[[\"<unk>\",0],[\"\u2581\",-1],"
      "[\"A\",-1.5],[\"b\",-2]]}}";
  static const int32_t want[] = {1, 2, 3};
  att_tokenizer *back = through_gguf(json, 4);
  must_become(back, "Xb", want, 3);
  att_tokenizer_free(back);
}

static void tokenizers_are_written(void **state) {
  (void)state;
  for (size_t i = 0; i < LENGTH(tokenizer_cases); i++) {
    const tokenizer_case *c = &tokenizer_cases[i];
    att_tokenizer *tokenizer;
    ok(att_tokenizer_parse(ctx, "test", c->json, strlen(c->json), &tokenizer));
    must_be_written(c, tokenizer);
    att_tokenizer_free(tokenizer);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(tokenizers_are_written),
      cmocka_unit_test_teardown(letters_are_written, empty_folder),
      cmocka_unit_test_teardown(charsmap_is_written, empty_folder),
  };
  return cmocka_run_group_tests(tests, begin, end);
}
