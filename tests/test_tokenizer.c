/*
 * Tokenizers against Hugging Face `tokenizers`: merges learnt, ids, decoded text, from fixtures made by
 * tools/make_tokenizer_fixtures.py; GPT-2's and Whisper's vocabularies against ids computed by others; files and texts
 * that mean harm.
 */
#include "scratch.h"

#include "formats/json.h"
#include "text/parts.h"
#include "text/unicode.h"

#include <stdlib.h>

#define FIXTURES     ATT_TEST_DATA "/tokenizer/"
#define COUNT(array) (sizeof(array) / sizeof *(array))

/* ---- what tests share ------------------------------------------------------------------------------------------ */

static json_t *read_json(const char *path) {
  json_t *root;
  if (att_json_open(ctx, path, &root) != ATT_OK) fail_msg("%s", att_message(ctx));
  return root;
}

static att_tokenizer *open_tokenizer(const char *path) {
  att_tokenizer *tokenizer;
  if (att_tokenizer_open(ctx, path, &tokenizer) != ATT_OK) fail_msg("%s", att_message(ctx));
  return tokenizer;
}

/* To free with att_free. */
static att_text from_hex(const char *hex) {
  size_t size = strlen(hex) / 2;
  char *data = ATT_NEW(ctx, size, char);
  for (size_t i = 0; i < size; i++) {
    unsigned value;
    assert_int_equal(sscanf(hex + 2 * i, "%2x", &value), 1);
    data[i] = (char)value;
  }
  return (att_text){data, size};
}

static void must_be_ids(const char *what, const char *hex, const att_ids *ids, const json_t *expected) {
  bool same = ids->count == json_array_size(expected);
  for (size_t i = 0; same && i < ids->count; i++)
    same = ids->data[i] == json_integer_value(json_array_get(expected, i));
  if (!same)
    fail_msg("%s: text %s: %zu ids are not the %zu expected", what, hex, ids->count, json_array_size(expected));
}

static void must_be_text(const char *what, const char *hex, att_buffer *out, const char *expected) {
  att_text text = from_hex(expected);
  if (out->size != text.size || memcmp(out->data, text.data, text.size) != 0)
    fail_msg("%s: text %s: decoded to \"%s\"", what, hex, out->data);
  att_free(ctx, (char *)text.data);
  out->size = 0;
}

/* A case is [hex of text, ids, ids with marks, hex of decoded text, hex of it without special tokens]. */
static void check_case(const char *what, const att_tokenizer *tokenizer, const json_t *item) {
  const char *hex = json_string_value(json_array_get(item, 0));
  att_text text = from_hex(hex);
  att_ids ids = {0};
  att_buffer out = {0};
  assert_int_equal(att_tokenizer_encode(tokenizer, ctx, text, false, &ids), ATT_OK);
  must_be_ids(what, hex, &ids, json_array_get(item, 1));
  ids.count = 0;
  assert_int_equal(att_tokenizer_encode(tokenizer, ctx, text, true, &ids), ATT_OK);
  must_be_ids(what, hex, &ids, json_array_get(item, 2));
  assert_int_equal(att_tokenizer_decode(tokenizer, ctx, ids.data, ids.count, false, &out), ATT_OK);
  must_be_text(what, hex, &out, json_string_value(json_array_get(item, 3)));
  assert_int_equal(att_tokenizer_decode(tokenizer, ctx, ids.data, ids.count, true, &out), ATT_OK);
  must_be_text(what, hex, &out, json_string_value(json_array_get(item, 4)));
  att_free(ctx, (char *)text.data);
  att_free(ctx, ids.data);
  att_buffer_free(ctx, &out);
}

static void check_cases(const char *name, const att_tokenizer *tokenizer) {
  json_t *root = read_json(FIXTURES "cases.json");
  const json_t *cases = json_object_get(root, name);
  assert_true(json_array_size(cases) > 70);
  for (size_t i = 0; i < json_array_size(cases); i++) check_case(name, tokenizer, json_array_get(cases, i));
  json_decref(root);
}

static const char *const m2m_marks[] = {"<s>", "<pad>", "</s>", "<unk>"};
static const char *const marian_marks[] = {"</s>", "<unk>"};
static const att_tokenizer_plan m2m_plan = {
    .vocab = 900, .first_specials = m2m_marks, .first_count = 4, .end_mark = "</s>"};
static const att_tokenizer_plan marian_plan = {.vocab = 600,
                                               .lowercase = true,
                                               .first_specials = marian_marks,
                                               .first_count = 2,
                                               .last_special = "<pad>",
                                               .end_mark = "</s>"};

static att_status train_on(att_context *context, const char *path, const att_tokenizer_plan *plan,
                           att_tokenizer **tokenizer) {
  att_text *lines;
  size_t count;
  *tokenizer = NULL;
  ATT_TRY(att_read_lines(context, path, &lines, &count));
  size_t half = count / 2, counts[] = {half, count - half};
  const att_text *texts[] = {lines, lines + half};
  att_status status = att_tokenizer_train(context, texts, counts, 2, plan, NULL, NULL, tokenizer);
  att_release(context, lines);
  return status;
}

static void must_be_alike(const att_tokenizer *a, const att_tokenizer *b) {
  assert_int_equal(att_tokenizer_size(a), att_tokenizer_size(b));
  for (int32_t id = 0; id < att_tokenizer_size(a); id++) {
    const char *left = att_tokenizer_token(a, id), *right = att_tokenizer_token(b, id);
    assert_int_equal(left == NULL, right == NULL);
    if (left) assert_string_equal(left, right);
    if (left) assert_int_equal(att_tokenizer_id(a, left), id);
    assert_int_equal(att_tokenizer_is_special(a, id), att_tokenizer_is_special(b, id));
  }
  assert_int_equal(a->bpe.count, b->bpe.count);
  assert_memory_equal(a->bpe.merges, b->bpe.merges, a->bpe.count * sizeof *a->bpe.merges);
}

/* ---- against the peer ------------------------------------------------------------------------------------------ */

static const char *const names[] = {"m2m", "marian", "roberta", "whole", "few"};

static void ids_and_texts_are_the_peers(void **state) {
  (void)state;
  for (size_t i = 0; i < COUNT(names); i++) {
    char path[512];
    snprintf(path, sizeof path, FIXTURES "%s.json", names[i]);
    att_tokenizer *tokenizer = open_tokenizer(path);
    check_cases(names[i], tokenizer);
    assert_int_equal(att_tokenizer_save(tokenizer, in_folder("again.json")), ATT_OK);
    att_tokenizer *again = open_tokenizer(in_folder("again.json"));
    must_be_alike(tokenizer, again);
    check_cases(names[i], again);
    att_tokenizer_free(again);
    att_tokenizer_free(tokenizer);
  }
}

static void merges_are_the_peers(void **state) {
  (void)state;
  for (int i = 0; i < 2; i++) {
    att_tokenizer *trained, *peer = open_tokenizer(i ? FIXTURES "marian.json" : FIXTURES "m2m.json");
    assert_int_equal(train_on(ctx, FIXTURES "corpus.txt", i ? &marian_plan : &m2m_plan, &trained), ATT_OK);
    assert_true(trained->bpe.count > 300);
    must_be_alike(trained, peer);
    check_cases(i ? "marian" : "m2m", trained);
    assert_string_equal(att_tokenizer_token(trained, i ? 599 : 1), "<pad>");
    att_tokenizer_free(trained);
    att_tokenizer_free(peer);
  }
}

static uint64_t hash_merges(const att_tokenizer *tokenizer) {
  uint64_t hash = 0xcbf29ce484222325u; /* FNV-1a over "left right\n" */
  for (size_t i = 0; i < tokenizer->bpe.count; i++) {
    const char *parts[] = {att_tokenizer_token(tokenizer, tokenizer->bpe.merges[i].left), " ",
                           att_tokenizer_token(tokenizer, tokenizer->bpe.merges[i].right), "\n"};
    for (size_t p = 0; p < 4; p++)
      for (const char *c = parts[p]; *c; c++) hash = (hash ^ (unsigned char)*c) * 0x100000001b3u;
  }
  return hash;
}

static void merges_of_multi30k_are_the_peers(void **state) {
  (void)state;
  static const char *const paths[] = {ATT_SHARED_DATA "/multi30k/train.de.gz", ATT_SHARED_DATA "/multi30k/train.en.gz"};
  if (!att_file_exists(paths[0])) {
    print_message("skipped: no %s\n", paths[0]);
    return;
  }
  json_t *root = read_json(FIXTURES "cases.json");
  const json_t *expected = json_object_get(root, "multi30k");
  att_tokenizer_plan plan = m2m_plan;
  plan.vocab = (int)json_integer_value(json_object_get(expected, "vocab"));
  const att_text *texts[2];
  size_t counts[2];
  att_text *lines[2];
  for (int i = 0; i < 2; i++) {
    assert_int_equal(att_read_lines(ctx, paths[i], &lines[i], &counts[i]), ATT_OK);
    texts[i] = lines[i];
  }
  att_tokenizer *tokenizer;
  assert_int_equal(att_tokenizer_train(ctx, texts, counts, 2, &plan, NULL, NULL, &tokenizer), ATT_OK);
  assert_int_equal(tokenizer->bpe.count, json_integer_value(json_object_get(expected, "merges")));
  char hash[32];
  snprintf(hash, sizeof hash, "%016llx", (unsigned long long)hash_merges(tokenizer));
  assert_string_equal(hash, json_string_value(json_object_get(expected, "fnv1a")));
  att_tokenizer_free(tokenizer);
  for (int i = 0; i < 2; i++) att_release(ctx, lines[i]);
  json_decref(root);
}

/* A vector has "text" and "token_ids", here without marks. */
static void check_vector(const char *what, const att_tokenizer *tokenizer, const char *path, bool special) {
  json_t *root = read_json(path);
  const char *text = json_string_value(json_object_get(root, "text"));
  const json_t *expected = json_object_get(root, "token_ids");
  assert_true(json_array_size(expected) > 100);
  att_ids ids = {0};
  assert_int_equal(att_tokenizer_encode(tokenizer, ctx, (att_text){text, strlen(text)}, special, &ids), ATT_OK);
  must_be_ids(what, "of the vector", &ids, expected);
  att_buffer out = {0};
  assert_int_equal(att_tokenizer_decode(tokenizer, ctx, ids.data, ids.count, true, &out), ATT_OK);
  assert_string_equal(out.data, text);
  att_buffer_free(ctx, &out);
  att_free(ctx, ids.data);
  json_decref(root);
}

#define SHARED_TOKENIZERS ATT_SHARED_DATA "/tokenizers/"
#define VECTORS           SHARED_TOKENIZERS "vectors/swift-transformers/"

/* GPT-2's own two files as one tokenizer.json. */
static att_tokenizer *open_gpt2(void) {
  att_buffer vocab = {0}, merges = {0}, file = {0};
  assert_int_equal(att_file_read(ctx, SHARED_TOKENIZERS "gpt2_encoder.json", 1 << 24, &vocab), ATT_OK);
  assert_int_equal(att_file_read(ctx, SHARED_TOKENIZERS "gpt2_vocab.bpe", 1 << 24, &merges), ATT_OK);
  att_buffer_print(
      ctx, &file,
      "{\"pre_tokenizer\": {\"type\": \"ByteLevel\", \"add_prefix_space\": false}, \"decoder\": {\"type\": "
      "\"ByteLevel\"}, \"model\": {\"vocab\": %s, \"merges\": [",
      vocab.data);
  const char *between = "", *line = strchr(merges.data, '\n') + 1; /* the first names the version */
  for (const char *next; (next = strchr(line, '\n')); line = next + 1) {
    att_buffer_print(ctx, &file, "%s", between);
    att_json_put_string(ctx, &file, line, (size_t)(next - line));
    between = ", ";
  }
  att_buffer_print(ctx, &file, "]}}");
  att_tokenizer *tokenizer;
  if (att_tokenizer_parse(ctx, "gpt2", file.data, file.size, &tokenizer)) fail_msg("%s", att_message(ctx));
  att_buffer_free(ctx, &vocab);
  att_buffer_free(ctx, &merges);
  att_buffer_free(ctx, &file);
  return tokenizer;
}

static void well_known_vocabularies_give_known_ids(void **state) {
  (void)state;
  if (!att_file_exists(VECTORS "gpt2_encoded_tokens.json")) {
    print_message("skipped: no %s\n", VECTORS);
    return;
  }
  att_tokenizer *gpt2 = open_gpt2();
  assert_int_equal(att_tokenizer_size(gpt2), 50257);
  check_vector("gpt2", gpt2, VECTORS "gpt2_encoded_tokens.json", false);
  att_tokenizer_free(gpt2);
  att_tokenizer *whisper = open_tokenizer(SHARED_TOKENIZERS "tokenizer_whisper.tiny_tokenizer.json");
  check_vector("whisper", whisper, VECTORS "whisper_large_v2_encoded.json", true);
  att_tokenizer_free(whisper);
  att_tokenizer *roberta = open_tokenizer(SHARED_TOKENIZERS "tokenizer_roberta-base_tokenizer.json");
  static const char text[] = "Hello world";
  static const int32_t expected[] = {0, 31414, 232, 2};
  att_ids ids = {0};
  assert_int_equal(att_tokenizer_encode(roberta, ctx, (att_text){text, strlen(text)}, true, &ids), ATT_OK);
  assert_int_equal(ids.count, COUNT(expected));
  assert_memory_equal(ids.data, expected, sizeof expected);
  att_free(ctx, ids.data);
  att_tokenizer_free(roberta);
}

/* ---- texts ----------------------------------------------------------------------------------------------------- */

static uint32_t next_random(uint32_t *seed) { return (*seed = *seed * 1664525u + 1013904223u) >> 8; }

/* Code points of every plane, often from small ranges so that marks meet letters. */
static void append_random(att_buffer *text, uint32_t *seed) {
  static const uint32_t starts[] = {0x20, 0x41, 0xc0, 0x300, 0x370, 0x1100, 0x1e00, 0x4e00, 0xac00, 0x1f600, 0x1d15e};
  static const uint32_t sizes[] = {0x40, 0x3a, 0x100, 0x70, 0x90, 0x100, 0x1ff, 0x100, 0x2ba4, 0x50, 0x60};
  for (uint32_t n = next_random(seed) % 30; n > 0; n--) {
    uint32_t range = next_random(seed) % COUNT(starts);
    char bytes[4];
    size_t size = att_utf8_put((int32_t)(starts[range] + next_random(seed) % sizes[range]), bytes);
    assert_int_equal(att_buffer_append(ctx, text, bytes, size), ATT_OK);
  }
}

static void random_texts_come_back_in_nfc(void **state) {
  (void)state;
  att_tokenizer *tokenizer = open_tokenizer(FIXTURES "m2m.json");
  att_buffer text = {0}, nfc = {0}, out = {0};
  att_ids ids = {0};
  uint32_t seed = 1;
  size_t changed = 0;
  for (int i = 0; i < 3000; i++) {
    text.size = nfc.size = out.size = ids.count = 0;
    assert_int_equal(att_buffer_append(ctx, &text, "x", 1), ATT_OK);
    append_random(&text, &seed);
    assert_int_equal(att_normal_form(ctx, ATT_NFC, (att_text){text.data, text.size}, &nfc), ATT_OK);
    assert_int_equal(att_tokenizer_encode(tokenizer, ctx, (att_text){text.data, text.size}, false, &ids), ATT_OK);
    assert_int_equal(att_tokenizer_decode(tokenizer, ctx, ids.data, ids.count, false, &out), ATT_OK);
    assert_int_equal(out.size, nfc.size);
    assert_memory_equal(out.data, nfc.data, nfc.size);
    changed += text.size != nfc.size;
    out.size = 0;
    assert_int_equal(att_normal_form(ctx, ATT_NFC, (att_text){nfc.data, nfc.size}, &out),
                     ATT_OK); /* of NFC is itself */
    assert_int_equal(out.size, nfc.size);
    assert_memory_equal(out.data, nfc.data, nfc.size);
  }
  assert_true(changed > 500);
  att_buffer_free(ctx, &text);
  att_buffer_free(ctx, &nfc);
  att_buffer_free(ctx, &out);
  att_free(ctx, ids.data);
  att_tokenizer_free(tokenizer);
}

/* A million of each; what is slower than n log n would not end. */
static void long_lines_are_no_trouble(void **state) {
  (void)state;
  static const char *const parts[] = {
      "a", " ", "ab", "1", "\xcc\x81\xcc\x96", "\xff", "\xe2\x82", "\xea\xb0\x80", "'", "\xf0\x9f\x98\x80", "x "};
  att_tokenizer *tokenizer = open_tokenizer(FIXTURES "m2m.json");
  for (size_t i = 0; i < COUNT(parts); i++) {
    att_buffer text = {0}, out = {0};
    att_ids ids = {0};
    for (int k = 0; k < 1000000; k++)
      assert_int_equal(att_buffer_append(ctx, &text, parts[i], strlen(parts[i])), ATT_OK);
    att_text line = {text.data, text.size};
    assert_int_equal(att_tokenizer_encode(tokenizer, ctx, line, true, &ids), ATT_OK);
    assert_true(ids.count > 1000);
    assert_int_equal(att_tokenizer_decode(tokenizer, ctx, ids.data, ids.count, true, &out), ATT_OK);
    if (parts[i][0] >= ' ') assert_int_equal(out.size, text.size);
    if (parts[i][0] == '\xff') assert_int_equal(out.size, 3 * text.size);
    const att_text *lines = &line;
    att_tokenizer *trained;
    assert_int_equal(att_tokenizer_train(ctx, &lines, (size_t[]){1}, 1, &marian_plan, NULL, NULL, &trained), ATT_OK);
    att_tokenizer_free(trained);
    att_buffer_free(ctx, &text);
    att_buffer_free(ctx, &out);
    att_free(ctx, ids.data);
  }
  att_tokenizer_free(tokenizer);
}

static void unknown_ids_are_left_out(void **state) {
  (void)state;
  att_tokenizer *tokenizer = open_tokenizer(FIXTURES "few.json");
  static const int32_t ids[] = {3, -1, 5, 1 << 30, INT32_MIN, 9, 8, 4};
  att_buffer out = {0};
  assert_int_equal(att_tokenizer_decode(tokenizer, ctx, ids, COUNT(ids), true, &out), ATT_OK);
  assert_string_equal(out.data, "ab ab ");
  assert_null(att_tokenizer_token(tokenizer, 5));
  assert_null(att_tokenizer_token(tokenizer, -1));
  assert_int_equal(att_tokenizer_id(tokenizer, "none"), -1);
  assert_int_equal(att_tokenizer_id(tokenizer, ""), -1);
  assert_false(att_tokenizer_is_special(tokenizer, 1 << 30));
  att_buffer_free(ctx, &out);
  assert_int_equal(att_tokenizer_decode(tokenizer, ctx, NULL, 0, true, &out), ATT_OK);
  assert_string_equal(out.data, "");
  att_buffer_free(ctx, &out);
  att_tokenizer_free(tokenizer);
}

/* ---- plans ----------------------------------------------------------------------------------------------------- */

static int stop_at_once(void *user, double done) {
  *(double *)user = done;
  return 1;
}

static void impossible_plans_are_refused(void **state) {
  (void)state;
  static const char *const twice[] = {"<s>", "<s>"}, *const broken[] = {"\xff"}, *const empty[] = {""};
  const struct {
    att_tokenizer_plan plan;
    att_status status;
    const char *clue;
  } table[] = {
      {{.vocab = 255}, ATT_ARGUMENT, "255 tokens is not possible"},
      {{.vocab = 256, .last_special = "<pad>"}, ATT_ARGUMENT, "from 257"},
      {{.vocab = -1}, ATT_ARGUMENT, "-1 tokens"},
      {{.vocab = 2000000000}, ATT_ARGUMENT, "to 10000000"},
      {{.vocab = 300, .first_specials = twice, .first_count = 2}, ATT_FORMAT, "\"<s>\" has two ids"},
      {{.vocab = 300, .first_specials = broken, .first_count = 1}, ATT_ARGUMENT, "not UTF-8"},
      {{.vocab = 300, .first_specials = empty, .first_count = 1}, ATT_ARGUMENT, "empty"},
      {{.vocab = 300, .end_mark = "</s>"}, ATT_ARGUMENT, "end mark \"</s>\""},
      {{.vocab = 300, .end_mark = "a"}, ATT_ARGUMENT, "end mark \"a\""},
  };
  for (size_t i = 0; i < COUNT(table); i++) {
    att_tokenizer *tokenizer;
    must_say(train_on(ctx, FIXTURES "corpus.txt", &table[i].plan, &tokenizer), table[i].status, table[i].clue);
    assert_null(tokenizer);
  }
  att_text line = {"abababab", 8}, *lines = ATT_NEW(ctx, 10000, att_text);
  for (int i = 0; i < 10000; i++) lines[i] = line;
  att_tokenizer *tokenizer;
  double done = 0;
  must_say(att_tokenizer_train(ctx, (const att_text *const[]){lines}, (size_t[]){10000}, 1, &m2m_plan, stop_at_once,
                               &done, &tokenizer),
           ATT_INTERRUPTED, "interrupted");
  assert_true(done > 0 && done < 1);
  assert_int_equal(att_tokenizer_train(ctx, NULL, NULL, 0, &m2m_plan, NULL, NULL, &tokenizer), ATT_OK);
  assert_int_equal(att_tokenizer_size(tokenizer), 260); /* of no text: marks and bytes */
  att_tokenizer_free(tokenizer);
  att_free(ctx, lines);
}

/* ---- files that mean harm -------------------------------------------------------------------------------------- */

#define LEVEL              "\"pre_tokenizer\": {\"type\": \"ByteLevel\"}, \"decoder\": {\"type\": \"ByteLevel\"}"
#define MODEL              "\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": 0, \"b\": 1, \"ab\": 2}, \"merges\": [\"a b\"]}"
#define WITH_MODEL(inside) "{" LEVEL ", \"model\": {\"type\": \"BPE\", " inside "}}"
#define TWO                "{\"type\": \"RobertaProcessing\", \"cls\": [\"a\", 0], \"sep\": [\"b\", 1]}"
#define WITH(part)         "{" LEVEL ", " MODEL ", " part "}"
#define VOCAB              "\"vocab\": {\"a\": 0, \"b\": 1, \"ab\": 2}"

static const struct {
  const char *file;
  att_status status;
  const char *clue;
} hostile[] = {
    {"", ATT_FORMAT, "JSON"},
    {"[]", ATT_FORMAT, "not a tokenizer.json"},
    {"7", ATT_FORMAT, ""},
    {"{}", ATT_FORMAT, "no model"},
    {"{\"model\": []}", ATT_FORMAT, "no model"},
    {"{\"model\": {}}", ATT_FORMAT, "type is missing"},
    {"{\"model\": {\"type\": \"Unigram\", \"vocab\": []}}", ATT_UNSUPPORTED, "model \"Unigram\""},
    {"{\"model\": {\"type\": \"WordPiece\", \"vocab\": {}}}", ATT_FORMAT, "vocabulary is empty"},
    {"{\"model\": {\"type\": \"WordPiece\", \"vocab\": {\"a\": 0}}}", ATT_FORMAT, "unk_token \"[UNK]\""},
    {"{\"model\": {\"type\": \"WordPiece\", \"vocab\": {\"a\": 0}, \"max_input_chars_per_word\": -1}}", ATT_FORMAT,
     "max_input_chars_per_word is -1"},
    {"{\"model\": {\"type\": 3}}", ATT_FORMAT, "type is 3"},
    {WITH_MODEL("\"merges\": []"), ATT_FORMAT, "vocab is not an object"},
    {WITH_MODEL("\"vocab\": {}, \"merges\": []"), ATT_FORMAT, "vocabulary is empty"},
    {WITH_MODEL("\"vocab\": {\"a\": 0}"), ATT_FORMAT, "merges is not an array"},
    {WITH_MODEL("\"vocab\": {\"a\": -1}, \"merges\": []"), ATT_FORMAT, "token \"a\""},
    {WITH_MODEL("\"vocab\": {\"a\": 10000000}, \"merges\": []"), ATT_FORMAT, "9999999"},
    {WITH_MODEL("\"vocab\": {\"a\": 9223372036854775807}, \"merges\": []"), ATT_FORMAT, "token \"a\""},
    {WITH_MODEL("\"vocab\": {\"a\": 9223372036854775808}, \"merges\": []"), ATT_FORMAT, "JSON"},
    {WITH_MODEL("\"vocab\": {\"a\": 1.5}, \"merges\": []"), ATT_FORMAT, "token \"a\""},
    {WITH_MODEL("\"vocab\": {\"a\": \"0\"}, \"merges\": []"), ATT_FORMAT, "token \"a\""},
    {WITH_MODEL("\"vocab\": {\"a\": 9999999}, \"merges\": []"), ATT_FORMAT, "ids go up to 9999999"},
    {WITH_MODEL("\"vocab\": {\"a\": 0, \"b\": 0}, \"merges\": []"), ATT_FORMAT, "id 0 has two tokens"},
    {WITH_MODEL("\"vocab\": {\"a\": 0, \"a\": 1}, \"merges\": []"), ATT_FORMAT, "duplicate"},
    {WITH_MODEL("\"vocab\": {\"a\\u0000\": 0}, \"merges\": []"), ATT_FORMAT, "JSON"},
    {WITH_MODEL("\"vocab\": {\"\xff\": 0}, \"merges\": []"), ATT_FORMAT, "JSON"},
    {WITH_MODEL("\"vocab\": {\"\\ud800\": 0}, \"merges\": []"), ATT_FORMAT, "JSON"},
    {WITH_MODEL(VOCAB ", \"merges\": [\"a c\"]"), ATT_FORMAT, "merge 0"},
    {WITH_MODEL(VOCAB ", \"merges\": [\"a b\", \"b a\"]"), ATT_FORMAT, "merge 1 (\"b\" + \"a\")"},
    {WITH_MODEL(VOCAB ", \"merges\": [\"ab\"]"), ATT_FORMAT, "merge 0 is not a pair"},
    {WITH_MODEL(VOCAB ", \"merges\": [\"a b c\"]"), ATT_FORMAT, "merge 0 is not a pair"},
    {WITH_MODEL(VOCAB ", \"merges\": [[\"a\"]]"), ATT_FORMAT, "merge 0 is not a pair"},
    {WITH_MODEL(VOCAB ", \"merges\": [[\"a\", 1]]"), ATT_FORMAT, "merge 0 is not a pair"},
    {WITH_MODEL(VOCAB ", \"merges\": [[\"a\", \"b\", \"c\"]]"), ATT_FORMAT, "merge 0 is not a pair"},
    {WITH_MODEL(VOCAB ", \"merges\": [{}]"), ATT_FORMAT, "merge 0 is not a pair"},
    {WITH_MODEL(VOCAB ", \"merges\": {\"a\": \"b\"}"), ATT_FORMAT, "merges is not an array"},
    {WITH_MODEL(VOCAB ", \"merges\": [], \"unk_token\": \"<unk>\""), ATT_FORMAT, "unk_token \"<unk>\""},
    {WITH_MODEL(VOCAB ", \"merges\": [], \"unk_token\": 1"), ATT_FORMAT, "unk_token"},
    {WITH_MODEL(VOCAB ", \"merges\": [], \"byte_fallback\": true"), ATT_UNSUPPORTED, "byte_fallback"},
    {WITH_MODEL(VOCAB ", \"merges\": [], \"dropout\": 0.1"), ATT_UNSUPPORTED, "dropout"},
    {WITH_MODEL(VOCAB ", \"merges\": [], \"continuing_subword_prefix\": \"##\""), ATT_UNSUPPORTED, "\"##\""},
    {WITH_MODEL(VOCAB ", \"merges\": [], \"end_of_word_suffix\": \"</w>\""), ATT_UNSUPPORTED, "\"</w>\""},
    {"{\"pre_tokenizer\": {\"type\": \"Metaspace\"}, " MODEL "}", ATT_UNSUPPORTED, "pre_tokenizer \"Metaspace\""},
    {"{\"pre_tokenizer\": {\"type\": \"Sequence\", \"pretokenizers\": [{\"type\": \"Split\"}, {\"type\": "
     "\"ByteLevel\"}]}, " MODEL "}",
     ATT_UNSUPPORTED, "pre_tokenizer \"Split\""},
    {"{\"pre_tokenizer\": [], " MODEL "}", ATT_FORMAT, "not an object"},
    {WITH("\"normalizer\": {\"type\": \"Precompiled\"}"), ATT_UNSUPPORTED, "normalizer \"Precompiled\""},
    {WITH("\"normalizer\": {\"type\": \"Sequence\", \"normalizers\": [{\"type\": \"NFC\"}, {\"type\": \"Strip\"}]}"),
     ATT_UNSUPPORTED, "normalizer \"Strip\""},
    {WITH("\"normalizer\": {\"type\": \"Sequence\"}"), ATT_FORMAT, "normalizers is not an array"},
    {WITH("\"normalizer\": \"NFC\""), ATT_FORMAT, "not an object"},
    {WITH("\"normalizer\": {}"), ATT_FORMAT, "type is missing"},
    {WITH("\"post_processor\": {\"type\": \"Other\"}"), ATT_UNSUPPORTED, "post_processor \"Other\""},
    {WITH("\"post_processor\": {\"type\": \"RobertaProcessing\"}"), ATT_FORMAT, "cls is not a token"},
    {WITH("\"post_processor\": {\"type\": \"RobertaProcessing\", \"cls\": [\"a\", 0], \"sep\": [\"x\", 3]}"),
     ATT_FORMAT, "id 3"},
    {WITH("\"post_processor\": {\"type\": \"Sequence\", \"processors\": [" TWO ", " TWO "]}"), ATT_UNSUPPORTED,
     "two that add tokens"},
    {WITH("\"post_processor\": {\"type\": \"TemplateProcessing\"}"), ATT_FORMAT, "single is not an array"},
    {WITH("\"post_processor\": {\"type\": \"TemplateProcessing\", \"single\": []}"), ATT_UNSUPPORTED, "one text"},
    {WITH("\"post_processor\": {\"type\": \"TemplateProcessing\", \"single\": [{\"Sequence\": {}}, 1]}"), ATT_FORMAT,
     "neither"},
    {WITH("\"post_processor\": {\"type\": \"TemplateProcessing\", \"single\": [{\"SpecialToken\": {\"id\": "
          "\"x\"}}]}"),
     ATT_FORMAT, "special_tokens"},
    {WITH("\"post_processor\": {\"type\": \"TemplateProcessing\", \"single\": [{\"SpecialToken\": {\"id\": \"x\"}}, "
          "{\"Sequence\": {}}], \"special_tokens\": {\"x\": {\"ids\": [1, 4294967296]}}}"),
     ATT_FORMAT, "id 4294967296"},
    {WITH("\"added_tokens\": {}"), ATT_FORMAT, "added_tokens is not an array"},
    {WITH("\"added_tokens\": [1]"), ATT_FORMAT, "not an object"},
    {WITH("\"added_tokens\": [{\"content\": \"x\"}]"), ATT_FORMAT, "id is missing"},
    {WITH("\"added_tokens\": [{\"id\": 3}]"), ATT_FORMAT, "content is missing"},
    {WITH("\"added_tokens\": [{\"id\": -3, \"content\": \"x\"}]"), ATT_FORMAT, "id is -3"},
    {WITH("\"added_tokens\": [{\"id\": 1, \"content\": \"x\"}]"), ATT_FORMAT, "id 1 has two tokens"},
    {WITH("\"added_tokens\": [{\"id\": 3, \"content\": \"a\"}]"), ATT_FORMAT, "token \"a\" has two ids, 0 and 3"},
    {WITH("\"added_tokens\": [{\"id\": 3, \"content\": \"x\"}, {\"id\": 3, \"content\": \"x\"}]"), ATT_FORMAT,
     "id 3 twice"},
    {WITH("\"added_tokens\": [{\"id\": 3, \"content\": \"x\", \"special\": 1}]"), ATT_FORMAT, "special is 1"},
};

static void harmful_files_are_named(void **state) {
  (void)state;
  for (size_t i = 0; i < COUNT(hostile); i++) {
    att_tokenizer *tokenizer;
    att_status status = att_tokenizer_parse(ctx, "t.json", hostile[i].file, strlen(hostile[i].file), &tokenizer);
    must_say(status, hostile[i].status, hostile[i].clue);
    must_say(status, hostile[i].status, "t.json: ");
    assert_null(tokenizer);
  }
  att_tokenizer *tokenizer; /* the plain one is right */
  assert_int_equal(
      att_tokenizer_parse(ctx, "t.json", WITH("\"truncation\": {}"), strlen(WITH("\"truncation\": {}")), &tokenizer),
      ATT_OK);
  att_tokenizer_free(tokenizer);
  must_say(att_tokenizer_open(ctx, in_folder("none.json"), &tokenizer), ATT_IO, "none.json");
}

static void deep_nesting_and_long_tokens_are_refused(void **state) {
  (void)state;
  att_buffer file = {0};
  att_tokenizer *tokenizer;
  att_buffer_print(ctx, &file, "{" LEVEL ", " MODEL ", \"added_tokens\": [{\"id\": 3, \"content\": \"%01001d\"}]}", 0);
  must_say(att_tokenizer_parse(ctx, "t.json", file.data, file.size, &tokenizer), ATT_UNSUPPORTED, "longer than 1000");
  file.size = 0;
  att_buffer_print(ctx, &file, "{" LEVEL ", " MODEL ", \"normalizer\": ");
  for (int i = 0; i < 100000; i++) att_buffer_print(ctx, &file, "{\"type\": \"Sequence\", \"normalizers\": [");
  must_say(att_tokenizer_parse(ctx, "t.json", file.data, file.size, &tokenizer), ATT_FORMAT, "t.json: ");
  assert_null(tokenizer);
  att_buffer_free(ctx, &file);
}

static void cut_and_changed_files_are_survived(void **state) {
  (void)state;
  att_buffer file = {0};
  assert_int_equal(att_file_read(ctx, FIXTURES "roberta.json", 1 << 20, &file), ATT_OK);
  att_tokenizer *tokenizer;
  size_t refused = 0, tried = 0;
  for (size_t size = 0; size < file.size; size += 41, tried++) {
    assert_int_equal(att_tokenizer_parse(ctx, "cut.json", file.data, size, &tokenizer), ATT_FORMAT);
    assert_null(tokenizer);
  }
  for (size_t at = 0; at < file.size; at += 13, tried++) {
    char before = file.data[at];
    file.data[at] = (char)(before + 1 + at % 7);
    if (att_tokenizer_parse(ctx, "changed.json", file.data, file.size, &tokenizer) == ATT_OK) {
      static const char text[] = "Ein Hund <mask> keep Stra\xc3\x9f"
                                 "e </s>";
      att_ids ids = {0};
      assert_int_equal(att_tokenizer_encode(tokenizer, ctx, (att_text){text, strlen(text)}, true, &ids), ATT_OK);
      att_free(ctx, ids.data);
    } else {
      refused++;
    }
    att_tokenizer_free(tokenizer);
    file.data[at] = before;
  }
  assert_true(tried > 700 && refused > 300);
  att_buffer_free(ctx, &file);
}

/* ---- dropout ---------------------------------------------------------------------------------------------------- */

static void encode_dropped(const att_tokenizer *tokenizer, double rate, uint64_t key, att_ids *ids) {
  static const char text[] = "The merges of these words are left out, now and then, as the key says.";
  ids->count = 0;
  assert_int_equal(att_tokenizer_encode_dropout(tokenizer, ctx, (att_text){text, strlen(text)}, false, rate, key, ids),
                   ATT_OK);
  att_buffer back = {0};
  assert_int_equal(att_tokenizer_decode(tokenizer, ctx, ids->data, ids->count, true, &back), ATT_OK);
  assert_string_equal(back.data, text);
  att_buffer_free(ctx, &back);
}

static bool equal_ids(const att_ids *a, const att_ids *b) {
  return a->count == b->count && memcmp(a->data, b->data, a->count * sizeof *a->data) == 0;
}

/* The same text whatever falls; the same pieces for the same key; more pieces the more falls. */
static void dropout_cuts_words_in_other_ways(void **state) {
  (void)state;
  att_tokenizer *tokenizer;
  att_ids whole = {0}, some = {0}, again = {0}, bytes = {0};
  assert_int_equal(att_tokenizer_open(ctx, FIXTURES "m2m.json", &tokenizer), ATT_OK);
  encode_dropped(tokenizer, 0, 1, &whole);
  encode_dropped(tokenizer, 0.3, 1, &some);
  encode_dropped(tokenizer, 0.3, 1, &again);
  assert_true(equal_ids(&some, &again));
  encode_dropped(tokenizer, 0.3, 2, &again);
  assert_false(equal_ids(&some, &again));
  encode_dropped(tokenizer, 0.999999, 1, &bytes);
  assert_true(whole.count < some.count && some.count < bytes.count);
  att_ids *all[] = {&whole, &some, &again, &bytes};
  for (size_t i = 0; i < COUNT(all); i++) att_free(ctx, all[i]->data);
  att_tokenizer_free(tokenizer);
}

/* ---- no memory ------------------------------------------------------------------------------------------------- */

static att_status train_and_save(att_context *context, void *path) {
  att_tokenizer *tokenizer;
  static const char *const line[] = {"aab aab abab ccc \xcc\x81", "\xff aab abab </s>", "abcde abcde"};
  att_text lines[COUNT(line)];
  for (size_t i = 0; i < COUNT(line); i++) lines[i] = (att_text){line[i], strlen(line[i])};
  const att_text *texts[] = {lines};
  ATT_TRY(att_tokenizer_train(context, texts, (size_t[]){COUNT(lines)}, 1, &marian_plan, NULL, NULL, &tokenizer));
  att_status status = att_tokenizer_save(tokenizer, path);
  att_tokenizer_free(tokenizer);
  return status;
}

static att_status open_and_use(att_context *context, void *path) {
  static const char text[] = "keep e\xcc\x81 <mask> \xff"
                             "abab Stra\xc3\x9f"
                             "e";
  att_tokenizer *tokenizer;
  att_ids ids = {0};
  att_buffer out = {0};
  ATT_TRY(att_tokenizer_open(context, path, &tokenizer));
  att_status status = att_tokenizer_encode(tokenizer, context, (att_text){text, strlen(text)}, true, &ids);
  if (status == ATT_OK) status = att_tokenizer_decode(tokenizer, context, ids.data, ids.count, true, &out);
  att_free(context, ids.data);
  att_buffer_free(context, &out);
  att_tokenizer_free(tokenizer);
  return status;
}

static void no_memory_leaves_nothing(void **state) {
  (void)state;
  assert_true(fail_each_allocation(train_and_save, (void *)in_folder("trained.json")) > 50);
  static const char *const paths[] = {FIXTURES "roberta.json", FIXTURES "whole.json", FIXTURES "marian.json"};
  for (size_t i = 0; i < COUNT(paths); i++) assert_true(fail_each_allocation(open_and_use, (void *)paths[i]) > 20);
  assert_int_equal(files_in_folder(), 1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_teardown(ids_and_texts_are_the_peers, empty_folder),
      cmocka_unit_test(merges_are_the_peers),
      cmocka_unit_test(merges_of_multi30k_are_the_peers),
      cmocka_unit_test(well_known_vocabularies_give_known_ids),
      cmocka_unit_test(random_texts_come_back_in_nfc),
      cmocka_unit_test(long_lines_are_no_trouble),
      cmocka_unit_test(unknown_ids_are_left_out),
      cmocka_unit_test(impossible_plans_are_refused),
      cmocka_unit_test(harmful_files_are_named),
      cmocka_unit_test(deep_nesting_and_long_tokens_are_refused),
      cmocka_unit_test(cut_and_changed_files_are_survived),
      cmocka_unit_test(dropout_cuts_words_in_other_ways),
      cmocka_unit_test_teardown(no_memory_leaves_nothing, empty_folder),
  };
  return cmocka_run_group_tests(tests, begin, end);
}
