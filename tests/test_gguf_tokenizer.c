/*
 * Tokenizers in GGUF metadata: llama.cpp's cases of each vocabulary in ../shared, the fixtures of tokenizer.json said
 * as metadata, and metadata that means harm.
 */
#include "scratch.h"

#include "formats/gguf.h"
#include "formats/json.h"
#include "text/components.h"

#include <stdlib.h>

#define FIXTURES     ATT_TEST_DATA "/tokenizer/"
#define VOCABULARIES ATT_SHARED_DATA "/gguf-vocabs"
#define COUNT(array) (sizeof(array) / sizeof *(array))

/* ---- metadata by hand ------------------------------------------------------------------------------------------ */

#define MOST_ENTRIES 16

typedef struct made {
  att_gguf_metadata m;
  att_gguf_entry entries[MOST_ENTRIES];
  const att_gguf_entry *by_key[MOST_ENTRIES];
  att_text texts[MOST_ENTRIES];
  int32_t ints[MOST_ENTRIES];
} made;

static int by_key(const void *a, const void *b) {
  return strcmp((*(const att_gguf_entry *const *)a)->key, (*(const att_gguf_entry *const *)b)->key);
}

static void put_entry(made *to, att_gguf_entry entry) {
  size_t at = 0;
  while (at < to->m.count && strcmp(to->entries[at].key, entry.key) != 0) at++;
  assert_true(at < MOST_ENTRIES);
  if (at == to->m.count) to->m.count++;
  to->entries[at] = entry;
}

static void put_array(made *to, const char *key, att_gguf_type type, const void *data, size_t count) {
  put_entry(to, (att_gguf_entry){.key = key,
                                 .type = type,
                                 .array = true,
                                 .count = count,
                                 .data = data,
                                 .size = count * att_gguf_type_size(type)});
}

static void put_text(made *to, const char *key, const char *text) {
  att_text *place = &to->texts[to->m.count];
  *place = (att_text){text, strlen(text)};
  put_entry(to, (att_gguf_entry){.key = key, .type = ATT_GGUF_STRING, .count = 1, .data = place});
}

static void put_int(made *to, const char *key, int32_t value) {
  int32_t *place = &to->ints[to->m.count];
  *place = value;
  put_entry(to, (att_gguf_entry){.key = key, .type = ATT_GGUF_INT32, .count = 1, .data = place, .size = 4});
}

static void put_bool(made *to, const char *key, bool value) {
  static const uint8_t bytes[] = {0, 1};
  put_entry(to, (att_gguf_entry){.key = key, .type = ATT_GGUF_BOOL, .count = 1, .data = &bytes[value], .size = 1});
}

static const att_gguf_metadata *finish(made *to, att_context *context) {
  to->m.ctx = context;
  to->m.path = "m.gguf";
  to->m.entries = to->entries;
  to->m.by_key = to->by_key;
  for (size_t i = 0; i < to->m.count; i++) to->by_key[i] = &to->entries[i];
  qsort(to->by_key, to->m.count, sizeof *to->by_key, by_key);
  return &to->m;
}

/* ---- llama.cpp's cases ----------------------------------------------------------------------------------------- */

static const char *next_line(const char *text) {
  const char *end = strchr(text, '\n');
  return end ? end + 1 : text + strlen(text);
}

/* Texts stand between lines "__ggml_vocab_test__"; the ids of each are a line. */
static void check_cases(const att_tokenizer *tokenizer, const char *path) {
  static const char between[] = "\n__ggml_vocab_test__\n";
  char name[1024];
  att_buffer texts = {0}, lines = {0};
  att_ids ids = {0};
  snprintf(name, sizeof name, "%s.inp", path);
  assert_int_equal(att_file_read(ctx, name, 1 << 20, &texts), ATT_OK);
  snprintf(name, sizeof name, "%s.out", path);
  assert_int_equal(att_file_read(ctx, name, 1 << 20, &lines), ATT_OK);
  const char *text = texts.data, *line = lines.data, *last = texts.data + texts.size;
  size_t count = 0;
  for (const char *end = text; end < last; text = end + sizeof between - 1, line = next_line(line), count++) {
    end = memmem(text, (size_t)(last - text), between, sizeof between - 1);
    if (!end) end = last;
    ids.count = 0;
    assert_int_equal(att_tokenizer_encode(tokenizer, ctx, (att_text){text, (size_t)(end - text)}, false, &ids), ATT_OK);
    char *at = (char *)line;
    for (size_t i = 0; i < ids.count; i++) {
      long expected = strtol(at, &at, 10);
      if (ids.data[i] != expected) fail_msg("%s: text %zu: id %zu is %d", path, count, i, (int)ids.data[i]);
    }
    if (*at != '\n' && *at != '\0' && strspn(at, " ") != strcspn(at, "\n"))
      fail_msg("%s: text %zu: too few ids", path, count);
  }
  assert_true(count >= 46);
  att_free(ctx, ids.data);
  att_buffer_free(ctx, &texts);
  att_buffer_free(ctx, &lines);
}

static void check_vocabulary(const char *name) {
  char path[512];
  att_tensor_file *file;
  att_tokenizer *tokenizer, *again;
  snprintf(path, sizeof path, "%s/%s", VOCABULARIES, name);
  if (att_gguf_open(ctx, path, &file)) fail_msg("%s", att_message(ctx));
  if (att_tokenizer_open_gguf(ctx, file->metadata, &tokenizer)) fail_msg("%s", att_message(ctx));
  att_tensor_file_close(file); /* nothing of it is needed any more */
  check_cases(tokenizer, path);
  assert_int_equal(att_tokenizer_save(tokenizer, in_folder("tokenizer.json")), ATT_OK);
  att_tokenizer_free(tokenizer);
  assert_int_equal(att_tokenizer_open(ctx, in_folder("tokenizer.json"), &again), ATT_OK);
  check_cases(again, path);
  att_tokenizer_free(again);
}

static void vocabularies_give_llama_cpps_ids(void **state) {
  (void)state;
  size_t seen = 0;
  DIR *all = opendir(VOCABULARIES);
  if (!all) {
    print_message("without %s\n", VOCABULARIES);
    skip();
  }
  for (struct dirent *entry; (entry = readdir(all));) {
    size_t size = strlen(entry->d_name);
    if (size < 5 || strcmp(entry->d_name + size - 5, ".gguf") != 0) continue;
    check_vocabulary(entry->d_name);
    seen++;
  }
  closedir(all);
  assert_true(seen >= 3);
}

/* ---- the fixtures as metadata ---------------------------------------------------------------------------------- */

typedef struct said {
  att_tokenizer *from;
  att_buffer bytes; /* of tokens and merges that are spelled anew */
  att_text *tokens, *merges;
  double *scores;
  int32_t *types;
  made metadata;
} said;

static att_text append(said *s, const char *a, const char *b, const char *c) {
  size_t start = s->bytes.size;
  att_buffer_append(ctx, &s->bytes, a, strlen(a));
  att_buffer_append(ctx, &s->bytes, b, strlen(b));
  att_buffer_append(ctx, &s->bytes, c, strlen(c));
  return (att_text){(const char *)start, s->bytes.size - start}; /* where it will be */
}

/* BERT's words with U+2581 before them, what goes on without "##". */
static att_text spell(said *s, int32_t id) {
  const char *token = att_tokenizer_token(s->from, id);
  if (!token) return append(s, "", "", "");
  if (!s->from->wordpiece.used || att_tokenizer_is_special(s->from, id)) return append(s, token, "", "");
  return strncmp(token, "##", 2) == 0 ? append(s, token + 2, "", "") : append(s, "\xe2\x96\x81", token, "");
}

static void say_tokens(said *s) {
  const int32_t size = att_tokenizer_size(s->from);
  const att_bpe *bpe = &s->from->bpe;
  s->tokens = ATT_NEW(ctx, size, att_text);
  s->scores = ATT_NEW(ctx, size, double);
  s->types = ATT_NEW(ctx, size, int32_t);
  s->merges = ATT_NEW(ctx, bpe->count + 1, att_text);
  for (int32_t i = 0; i < size; i++) {
    s->tokens[i] = spell(s, i);
    s->types[i] = att_tokenizer_is_special(s->from, i) ? 3 : 1;
    s->scores[i] = s->from->unigram.used && i < s->from->unigram.count ? s->from->unigram.scores[i] : 0;
  }
  for (size_t i = 0; i < bpe->count; i++)
    s->merges[i] = append(s, att_tokenizer_token(s->from, bpe->merges[i].left), " ",
                          att_tokenizer_token(s->from, bpe->merges[i].right));
  for (int32_t i = 0; i < size; i++) s->tokens[i].data = s->bytes.data + (size_t)s->tokens[i].data;
  for (size_t i = 0; i < bpe->count; i++) s->merges[i].data = s->bytes.data + (size_t)s->merges[i].data;
}

static void say(said *s, const char *name, const char *model, const char *pre) {
  char path[512];
  *s = (said){0};
  snprintf(path, sizeof path, FIXTURES "%s.json", name);
  assert_int_equal(att_tokenizer_open(ctx, path, &s->from), ATT_OK);
  say_tokens(s);
  const size_t size = (size_t)att_tokenizer_size(s->from);
  made *m = &s->metadata;
  put_text(m, "tokenizer.ggml.model", model);
  put_array(m, "tokenizer.ggml.tokens", ATT_GGUF_STRING, s->tokens, size);
  put_array(m, "tokenizer.ggml.scores", ATT_GGUF_FLOAT64, s->scores, size);
  put_array(m, "tokenizer.ggml.token_type", ATT_GGUF_INT32, s->types, size);
  put_array(m, "tokenizer.ggml.merges", ATT_GGUF_STRING, s->merges, s->from->bpe.count);
  if (pre) put_text(m, "tokenizer.ggml.pre", pre);
  if (s->from->charsmap.bytes.size)
    put_array(m, "tokenizer.ggml.precompiled_charsmap", ATT_GGUF_UINT8, s->from->charsmap.bytes.data,
              s->from->charsmap.bytes.size);
  static const struct {
    const char *key, *token;
  } roles[] = {{"tokenizer.ggml.bos_token_id", "<|begin_of_text|>"}, {"tokenizer.ggml.cls_token_id", "[CLS]"},
               {"tokenizer.ggml.seperator_token_id", "[SEP]"},       {"tokenizer.ggml.eos_token_id", "</s>"},
               {"tokenizer.ggml.unknown_token_id", "[UNK]"},         {"tokenizer.ggml.unknown_token_id", "<unk>"}};
  for (size_t i = 0; i < COUNT(roles); i++) {
    int32_t id = att_tokenizer_id(s->from, roles[i].token);
    if (id >= 0) put_int(m, roles[i].key, id);
  }
}

static void said_free(said *s) {
  att_tokenizer_free(s->from);
  att_buffer_free(ctx, &s->bytes);
  att_free(ctx, s->tokens);
  att_free(ctx, s->merges);
  att_free(ctx, s->scores);
  att_free(ctx, s->types);
}

static att_text from_hex(const char *hex, char *to) {
  size_t size = strlen(hex) / 2;
  for (size_t i = 0; i < size; i++) {
    unsigned value;
    assert_int_equal(sscanf(hex + 2 * i, "%2x", &value), 1);
    to[i] = (char)value;
  }
  return (att_text){to, size};
}

static void must_be_alike(const char *name, const att_tokenizer *a, const att_tokenizer *b, att_text text) {
  att_ids x = {0}, y = {0};
  att_buffer p = {0}, q = {0};
  for (int special = 0; special < 2; special++) {
    x.count = y.count = p.size = q.size = 0;
    assert_int_equal(att_tokenizer_encode(a, ctx, text, special, &x), ATT_OK);
    assert_int_equal(att_tokenizer_encode(b, ctx, text, special, &y), ATT_OK);
    if (x.count != y.count || (x.count && memcmp(x.data, y.data, x.count * sizeof *x.data) != 0))
      fail_msg("%s: \"%.*s\" has other ids", name, (int)text.size, text.data);
    assert_int_equal(att_tokenizer_decode(a, ctx, x.data, x.count, special, &p), ATT_OK);
    assert_int_equal(att_tokenizer_decode(b, ctx, y.data, y.count, special, &q), ATT_OK);
    assert_string_equal(p.data, q.data);
  }
  att_free(ctx, x.data);
  att_free(ctx, y.data);
  att_buffer_free(ctx, &p);
  att_buffer_free(ctx, &q);
}

static void metadata_says_what_tokenizer_json_says(void **state) {
  (void)state;
  static const struct {
    const char *name, *model, *pre;
  } fixtures[] = {{"llama3", "gpt2", "llama-bpe"},     {"qwen", "gpt2", "qwen2"}, {"o200k", "gpt2", "gpt-4o"},
                  {"deepseek", "gpt2", "deepseek-v3"}, {"bert", "bert", NULL},    {"t5", "t5", NULL}};
  char bytes[4096];
  json_t *root;
  assert_int_equal(att_json_open(ctx, FIXTURES "cases.json", &root), ATT_OK);
  const json_t *texts = json_object_get(root, "texts");
  assert_true(json_array_size(texts) > 70);
  for (size_t i = 0; i < COUNT(fixtures); i++) {
    said s;
    att_tokenizer *tokenizer;
    say(&s, fixtures[i].name, fixtures[i].model, fixtures[i].pre);
    if (att_tokenizer_open_gguf(ctx, finish(&s.metadata, ctx), &tokenizer)) fail_msg("%s", att_message(ctx));
    s.from->wordpiece.most_characters = 100;
    for (size_t k = 0; k < json_array_size(texts); k++)
      must_be_alike(fixtures[i].name, s.from, tokenizer, from_hex(json_string_value(json_array_get(texts, k)), bytes));
    att_tokenizer_free(tokenizer);
    said_free(&s);
  }
  json_decref(root);
}

/* ---- harm ------------------------------------------------------------------------------------------------------ */

#define TEXT(text)                                                                                                     \
  { text, sizeof text - 1 }

static const att_text tokens[] = {TEXT("<unk>"), TEXT("<s>"), TEXT("</s>"), TEXT("a"), TEXT("b"), TEXT("ab")};
static const att_text merges[] = {TEXT("a b")};
static const float scores[] = {0, 0, 0, -1, -2, -3};
static const int32_t types[] = {2, 3, 3, 1, 1, 1};

static void make_plain(made *to, const char *model) {
  *to = (made){0};
  put_text(to, "general.architecture", "llama");
  put_text(to, "tokenizer.ggml.model", model);
  put_array(to, "tokenizer.ggml.tokens", ATT_GGUF_STRING, tokens, COUNT(tokens));
  put_array(to, "tokenizer.ggml.scores", ATT_GGUF_FLOAT32, scores, COUNT(scores));
  put_array(to, "tokenizer.ggml.token_type", ATT_GGUF_INT32, types, COUNT(types));
  put_array(to, "tokenizer.ggml.merges", ATT_GGUF_STRING, merges, COUNT(merges));
}

static void must_be_refused(made *m, att_status status, const char *clue) {
  att_tokenizer *tokenizer;
  must_say(att_tokenizer_open_gguf(ctx, finish(m, ctx), &tokenizer), status, clue);
  assert_null(tokenizer);
}

static void roles_and_spaces_are_those_said(void **state) {
  (void)state;
  made m;
  make_plain(&m, "llama");
  att_tokenizer *tokenizer;
  att_ids ids = {0};
  put_bool(&m, "tokenizer.ggml.add_eos_token", true);
  put_bool(&m, "tokenizer.ggml.add_space_prefix", false);
  assert_int_equal(att_tokenizer_open_gguf(ctx, finish(&m, ctx), &tokenizer), ATT_OK);
  assert_int_equal(att_tokenizer_encode(tokenizer, ctx, (att_text){"abba</s>", 8}, true, &ids), ATT_OK);
  assert_int_equal(ids.count, 6);
  assert_memory_equal(ids.data, ((const int32_t[]){1, 5, 4, 3, 2, 2}), 6 * sizeof *ids.data);
  assert_true(att_tokenizer_keeps(tokenizer, "bos_token"));
  att_tokenizer_free(tokenizer);
  att_free(ctx, ids.data);
}

static void harmful_metadata_is_named(void **state) {
  (void)state;
  static const att_text twice[] = {TEXT("a"), TEXT("a")}, broken[] = {TEXT("\xff")}, ended[] = {TEXT("a\0b")};
  static const float no_number[] = {0, 0, 0, 0, 0, (float)1e39};
  static const att_text no_merge[] = {TEXT("ab")}, strange[] = {TEXT("a x")};
  static char longest[2000];
  made m = {0};
  must_be_refused(&m, ATT_FORMAT, "tokenizer.ggml.model is missing");
  put_text(&m, "tokenizer.ggml.model", "rwkv");
  must_be_refused(&m, ATT_UNSUPPORTED, "\"rwkv\" is not supported");
  m.texts[0] = (att_text){"llama", 5};
  must_be_refused(&m, ATT_FORMAT, "tokens is missing");
  put_array(&m, "tokenizer.ggml.tokens", ATT_GGUF_STRING, tokens, 0);
  must_be_refused(&m, ATT_FORMAT, "no tokens");
  put_array(&m, "tokenizer.ggml.tokens", ATT_GGUF_STRING, tokens, (size_t)1 << 40);
  must_be_refused(&m, ATT_FORMAT, "at most 10000000");
  put_array(&m, "tokenizer.ggml.tokens", ATT_GGUF_INT32, types, 3);
  must_be_refused(&m, ATT_FORMAT, "tokenizer.ggml.tokens is");
  make_plain(&m, "llama");
  put_int(&m, "llama.vocab_size", 7);
  must_be_refused(&m, ATT_FORMAT, "6 tokens where llama.vocab_size is 7");
  make_plain(&m, "llama");
  put_array(&m, "tokenizer.ggml.scores", ATT_GGUF_FLOAT32, scores, 5);
  must_be_refused(&m, ATT_FORMAT, "scores has 5 entries where the tokenizer has 6");
  put_array(&m, "tokenizer.ggml.scores", ATT_GGUF_FLOAT32, no_number, 6);
  must_be_refused(&m, ATT_FORMAT, "score of token 5");
  make_plain(&m, "llama");
  put_array(&m, "tokenizer.ggml.token_type", ATT_GGUF_INT32, types, 7);
  must_be_refused(&m, ATT_FORMAT, "token_type has 7 entries");
  make_plain(&m, "llama");
  put_int(&m, "tokenizer.ggml.bos_token_id", 6);
  must_be_refused(&m, ATT_FORMAT, "bos_token_id is 6 where the tokenizer has 6");
  make_plain(&m, "gpt2");
  put_text(&m, "tokenizer.ggml.pre", "nobodys");
  must_be_refused(&m, ATT_UNSUPPORTED, "tokenizer.ggml.pre \"nobodys\" is not known");
  make_plain(&m, "gpt2");
  put_array(&m, "tokenizer.ggml.merges", ATT_GGUF_STRING, no_merge, 1);
  must_be_refused(&m, ATT_FORMAT, "merge 0 is not two tokens");
  put_array(&m, "tokenizer.ggml.merges", ATT_GGUF_STRING, strange, 1);
  must_be_refused(&m, ATT_FORMAT, "merge 0 is not two tokens");
  make_plain(&m, "bert");
  must_be_refused(&m, ATT_FORMAT, "no unknown token");
  make_plain(&m, "t5");
  put_array(&m, "tokenizer.ggml.precompiled_charsmap", ATT_GGUF_INT32, types, 2);
  must_be_refused(&m, ATT_FORMAT, "charsmap is not bytes");
  put_array(&m, "tokenizer.ggml.precompiled_charsmap", ATT_GGUF_UINT8, "abc", 3);
  must_be_refused(&m, ATT_FORMAT, "precompiled_charsmap is broken");
  const att_text *const all[] = {twice, broken, ended};
  static const char *const clues[] = {"two ids", "not UTF-8", "not UTF-8"};
  for (size_t i = 0; i < COUNT(all); i++) {
    m = (made){0};
    put_text(&m, "tokenizer.ggml.model", "gpt2");
    put_array(&m, "tokenizer.ggml.tokens", ATT_GGUF_STRING, all[i], i == 0 ? 2 : 1);
    put_array(&m, "tokenizer.ggml.merges", ATT_GGUF_STRING, merges, 0);
    must_be_refused(&m, ATT_FORMAT, clues[i]);
  }
  memset(longest, 'a', sizeof longest);
  att_text one = {longest, sizeof longest};
  m = (made){0};
  put_text(&m, "tokenizer.ggml.model", "llama");
  put_array(&m, "tokenizer.ggml.tokens", ATT_GGUF_STRING, &one, 1);
  put_array(&m, "tokenizer.ggml.scores", ATT_GGUF_FLOAT32, scores, 1);
  must_be_refused(&m, ATT_UNSUPPORTED, "longer than 1000");
}

static att_status open_and_free(att_context *context, void *model) {
  made m;
  make_plain(&m, model);
  att_tokenizer *tokenizer;
  put_text(&m, "tokenizer.ggml.pre", "qwen2");
  put_text(&m, "tokenizer.chat_template", "{{ messages }}");
  put_int(&m, "tokenizer.ggml.unknown_token_id", 0);
  put_array(&m, "tokenizer.ggml.precompiled_charsmap", ATT_GGUF_UINT8, "\0\0\0\0", 5);
  att_status status = att_tokenizer_open_gguf(context, finish(&m, context), &tokenizer);
  att_tokenizer_free(tokenizer);
  return status;
}

static void allocations_may_fail(void **state) {
  (void)state;
  static const char *const models[] = {"llama", "gpt2", "gemma4", "bert", "t5"};
  for (size_t i = 0; i < COUNT(models); i++) assert_true(fail_each_allocation(open_and_free, (void *)models[i]) > 8);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_teardown(vocabularies_give_llama_cpps_ids, empty_folder),
      cmocka_unit_test_teardown(metadata_says_what_tokenizer_json_says, empty_folder),
      cmocka_unit_test_teardown(roles_and_spaces_are_those_said, empty_folder),
      cmocka_unit_test_teardown(harmful_metadata_is_named, empty_folder),
      cmocka_unit_test_teardown(allocations_may_fail, empty_folder),
  };
  return cmocka_run_group_tests(tests, begin, end);
}
