/*
 * Tokenizers against Hugging Face `tokenizers`: merges learnt, ids, decoded text, from fixtures made by
 * tools/make_tokenizer_fixtures.py; GPT-2's and Whisper's vocabularies against ids computed by others. Files and texts
 * that mean harm are in test_tokenizer_harm.c.
 */
#include "scratch.h"

#include "formats/json.h"
#include "text/components.h"
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

/* Text that comes a token at a time is the text of all tokens, and whole characters. */
static void check_stream(const char *what, const char *hex, const att_tokenizer *tokenizer, const att_ids *ids,
                         bool skip_special, const char *expected) {
  att_decoder decoder = {.tokenizer = tokenizer, .skip_special = skip_special};
  att_buffer out = {0};
  for (size_t i = 0; i < ids->count; i++) {
    assert_int_equal(att_decoder_put(&decoder, ctx, ids->data[i], &out), ATT_OK);
    assert_true(att_utf8_valid(out.data ? out.data : "", out.size));
  }
  assert_int_equal(att_decoder_end(&decoder, ctx, &out), ATT_OK);
  must_be_text(what, hex, &out, expected);
  att_decoder_free(&decoder, ctx);
  att_buffer_free(ctx, &out);
}

/* A case is [ids, ids with marks, hex of decoded text, hex of it without special tokens]. */
static void check_case(const char *what, const att_tokenizer *tokenizer, const char *hex, const json_t *item) {
  att_text text = from_hex(hex);
  att_ids ids = {0};
  att_buffer out = {0};
  assert_int_equal(att_tokenizer_encode(tokenizer, ctx, text, false, &ids), ATT_OK);
  must_be_ids(what, hex, &ids, json_array_get(item, 0));
  ids.count = 0;
  assert_int_equal(att_tokenizer_encode(tokenizer, ctx, text, true, &ids), ATT_OK);
  must_be_ids(what, hex, &ids, json_array_get(item, 1));
  assert_int_equal(att_tokenizer_decode(tokenizer, ctx, ids.data, ids.count, false, &out), ATT_OK);
  must_be_text(what, hex, &out, json_string_value(json_array_get(item, 2)));
  assert_int_equal(att_tokenizer_decode(tokenizer, ctx, ids.data, ids.count, true, &out), ATT_OK);
  must_be_text(what, hex, &out, json_string_value(json_array_get(item, 3)));
  check_stream(what, hex, tokenizer, &ids, false, json_string_value(json_array_get(item, 2)));
  check_stream(what, hex, tokenizer, &ids, true, json_string_value(json_array_get(item, 3)));
  att_free(ctx, (char *)text.data);
  att_free(ctx, ids.data);
  att_buffer_free(ctx, &out);
}

/* A pair is [hex of the first text, hex of the second, most tokens, ids, types]. */
static void check_pair(const char *what, const att_tokenizer *tokenizer, const json_t *item) {
  const char *hex = json_string_value(json_array_get(item, 0));
  att_text first = from_hex(hex), second = from_hex(json_string_value(json_array_get(item, 1)));
  json_int_t most = json_integer_value(json_array_get(item, 2));
  att_ids ids = {0}, types = {0};
  bool cut;
  if (att_tokenizer_encode_pair(tokenizer, ctx, first, &second, most, &ids, &types, &cut))
    fail_msg("%s: %s", what, att_message(ctx));
  must_be_ids(what, hex, &ids, json_array_get(item, 3));
  if (att_tokenizer_has_types(tokenizer)) {
    must_be_ids(what, hex, &types, json_array_get(item, 4));
  } else { /* Transformers' class has none */
    assert_int_equal(types.count, ids.count);
    for (size_t i = 0; i < types.count; i++) assert_int_equal(types.data[i], 0);
  }
  if (cut) assert_int_equal(ids.count, most);
  att_free(ctx, ids.data);
  att_free(ctx, types.data);
  att_free(ctx, (char *)first.data);
  att_free(ctx, (char *)second.data);
}

static void check_cases(const char *name, const att_tokenizer *tokenizer) {
  json_t *root = read_json(FIXTURES "cases.json");
  const json_t *texts = json_object_get(root, "texts"), *all = json_object_get(root, name);
  const json_t *cases = json_object_get(all, "cases"), *pairs = json_object_get(all, "pairs");
  assert_true(json_array_size(cases) > 70);
  assert_int_equal(json_array_size(cases), json_array_size(texts));
  assert_true(json_array_size(pairs) > 10);
  for (size_t i = 0; i < json_array_size(cases); i++)
    check_case(name, tokenizer, json_string_value(json_array_get(texts, i)), json_array_get(cases, i));
  for (size_t i = 0; i < json_array_size(pairs); i++) check_pair(name, tokenizer, json_array_get(pairs, i));
  json_decref(root);
}

static const char *const m2m_marks[] = {"<s>", "<pad>", "</s>", "<unk>"};
static const char *const marian_marks[] = {"</s>", "<unk>"};
static const att_tokenizer_plan m2m_plan = {
    .vocab = 900, .first_specials = m2m_marks, .first_count = 4, .end_token = "</s>"};
static const att_tokenizer_plan marian_plan = {.vocab = 600,
                                               .lowercase = true,
                                               .first_specials = marian_marks,
                                               .first_count = 2,
                                               .last_special = "<pad>",
                                               .end_token = "</s>"};

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
  if (a->bpe.count) assert_memory_equal(a->bpe.merges, b->bpe.merges, a->bpe.count * sizeof *a->bpe.merges);
}

/* ---- against `tokenizers` ------------------------------------------------------------------------------------------
 */

static const char *const names[] = {"m2m",           "marian",    "roberta",  "whole",     "few",     "bert", "cased",
                                    "sentencepiece", "metaspace", "gemma",    "llama3",    "qwen",    "t5",   "albert",
                                    "fallback",      "o200k",     "deepseek", "behaviors", "scripts", "clip", "words"};

/* Saved as tokenizer.json it stays what it was. Frees the tokenizer. */
static void check_now_and_saved(const char *name, att_tokenizer *tokenizer) {
  check_cases(name, tokenizer);
  assert_int_equal(att_tokenizer_save(tokenizer, in_folder("again.json")), ATT_OK);
  att_tokenizer *again = open_tokenizer(in_folder("again.json"));
  must_be_alike(tokenizer, again);
  check_cases(name, again);
  att_tokenizer_free(again);
  att_tokenizer_free(tokenizer);
}

static void ids_and_texts_equal_tokenizers(void **state) {
  (void)state;
  for (size_t i = 0; i < COUNT(names); i++) {
    char path[512];
    snprintf(path, sizeof path, FIXTURES "%s.json", names[i]);
    att_tokenizer *tokenizer = open_tokenizer(path);
    check_now_and_saved(names[i], tokenizer);
  }
}

static void older_files_are_read_as_tokenizers_does(void **state) {
  (void)state;
  static const char *const folders[] = {"older_bert", "older_cased", "older_gpt2",  "spm_llama",
                                        "spm_bpe",    "spm_t5",      "spm_unigram", "spm_xlm_roberta"};
  for (size_t i = 0; i < COUNT(folders); i++) {
    char path[512];
    att_tokenizer *tokenizer;
    snprintf(path, sizeof path, FIXTURES "%s", folders[i]);
    if (att_tokenizer_open_folder(ctx, path, &tokenizer)) fail_msg("%s", att_message(ctx));
    check_now_and_saved(folders[i], tokenizer);
  }
}

static void ids_equal_transformers(const json_t *root, const char *name) {
  char path[512];
  att_tokenizer *tokenizer;
  const json_t *cases = json_object_get(root, name);
  snprintf(path, sizeof path, FIXTURES "%s", name);
  if (att_tokenizer_open_folder(ctx, path, &tokenizer)) fail_msg("%s", att_message(ctx));
  assert_true(json_array_size(cases) > 40);
  for (size_t i = 0; i < json_array_size(cases); i++) {
    const char *hex = json_string_value(json_array_get(json_array_get(cases, i), 0));
    att_text text = from_hex(hex);
    att_ids ids = {0};
    assert_int_equal(att_tokenizer_encode(tokenizer, ctx, text, true, &ids), ATT_OK);
    must_be_ids(name, hex, &ids, json_array_get(json_array_get(cases, i), 1));
    att_free(ctx, ids.data);
    att_free(ctx, (char *)text.data);
  }
  att_tokenizer_free(tokenizer);
}

static void translators_pieces_equal_transformers(void **state) {
  (void)state;
  json_t *root = read_json(FIXTURES "cases.json");
  ids_equal_transformers(root, "spm_marian");
  ids_equal_transformers(root, "spm_mbart");
  ids_equal_transformers(root, "spm_mbart50");
  json_decref(root);
}

static void merges_equal_tokenizers(void **state) {
  (void)state;
  for (int i = 0; i < 2; i++) {
    att_tokenizer *trained, *theirs = open_tokenizer(i ? FIXTURES "marian.json" : FIXTURES "m2m.json");
    assert_int_equal(train_on(ctx, FIXTURES "corpus.txt", i ? &marian_plan : &m2m_plan, &trained), ATT_OK);
    assert_true(trained->bpe.count > 300);
    must_be_alike(trained, theirs);
    check_cases(i ? "marian" : "m2m", trained);
    assert_string_equal(att_tokenizer_token(trained, i ? 599 : 1), "<pad>");
    att_tokenizer_free(trained);
    att_tokenizer_free(theirs);
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

static void merges_of_multi30k_equal_tokenizers(void **state) {
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

static void must_decode(const att_tokenizer *tokenizer, const att_ids *ids, bool skip_special, const char *expected) {
  att_buffer out = {0};
  assert_int_equal(att_tokenizer_decode(tokenizer, ctx, ids->data, ids->count, skip_special, &out), ATT_OK);
  assert_string_equal(out.data, expected);
  att_buffer_free(ctx, &out);
}

/* A vector has "text", "token_ids", here without marks, and "decoded_text", here with what is special. exact: without
 * that the text comes back as it was. */
static void check_vector(const char *what, const att_tokenizer *tokenizer, const char *path, bool special, bool exact) {
  json_t *root = read_json(path);
  const char *text = json_string_value(json_object_get(root, "text"));
  const json_t *expected = json_object_get(root, "token_ids");
  assert_true(json_array_size(expected) > 100);
  att_ids ids = {0};
  assert_int_equal(att_tokenizer_encode(tokenizer, ctx, (att_text){text, strlen(text)}, special, &ids), ATT_OK);
  must_be_ids(what, "of the vector", &ids, expected);
  must_decode(tokenizer, &ids, false, json_string_value(json_object_get(root, "decoded_text")));
  if (exact) must_decode(tokenizer, &ids, true, text);
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

/* BERT's vocabulary, a token a line, as tokenizer.json. */
static att_tokenizer *open_bert(void) {
  att_text *lines;
  size_t count;
  att_buffer file = {0};
  assert_int_equal(att_read_lines(ctx, SHARED_TOKENIZERS "bert-base-uncased_vocab.txt", &lines, &count), ATT_OK);
  att_buffer_print(
      ctx, &file,
      "{\"normalizer\": {\"type\": \"BertNormalizer\"}, \"pre_tokenizer\": {\"type\": \"BertPreTokenizer\"}, "
      "\"post_processor\": {\"type\": \"BertProcessing\", \"sep\": [\"[SEP]\", 102], \"cls\": [\"[CLS]\", 101]}, "
      "\"decoder\": {\"type\": \"WordPiece\"}, \"model\": {\"type\": \"WordPiece\", \"vocab\": {");
  for (size_t i = 0; i < count; i++) {
    att_buffer_print(ctx, &file, "%s", i ? ", " : "");
    att_json_put_string(ctx, &file, lines[i].data, lines[i].size);
    att_buffer_print(ctx, &file, ": %zu", i);
  }
  att_buffer_print(ctx, &file, "}}}");
  att_tokenizer *tokenizer;
  if (att_tokenizer_parse(ctx, "bert", file.data, file.size, &tokenizer)) fail_msg("%s", att_message(ctx));
  att_release(ctx, lines);
  att_buffer_free(ctx, &file);
  return tokenizer;
}

static void must_encode(const char *what, const att_tokenizer *tokenizer, const json_t *text, bool special,
                        const json_t *expected) {
  att_ids ids = {0};
  const att_text plain = {json_string_value(text), json_string_length(text)};
  assert_int_equal(att_tokenizer_encode(tokenizer, ctx, plain, special, &ids), ATT_OK);
  must_be_ids(what, plain.data, &ids, expected);
  att_free(ctx, ids.data);
}

/* Ids of BERT computed by others: SQuAD's questions without marks, and odd texts with them. */
static void berts_vocabulary_gives_known_ids(void **state) {
  (void)state;
  if (!att_file_exists(VECTORS "question_tokens.json")) {
    print_message("skipped: no %s\n", VECTORS);
    return;
  }
  att_tokenizer *tokenizer = open_bert();
  json_t *questions = read_json(VECTORS "question_tokens.json"), *ids = read_json(VECTORS "tokenized_questions.json");
  json_t *odd = read_json(VECTORS "tokenizer_tests.json");
  const json_t *texts = json_object_get(odd, "bert-base-uncased");
  assert_int_equal(json_array_size(questions), json_array_size(ids));
  assert_true(json_array_size(ids) > 10000 && json_array_size(texts) > 10);
  for (size_t i = 0; i < json_array_size(ids); i++)
    must_encode("question", tokenizer, json_object_get(json_array_get(questions, i), "original"), false,
                json_array_get(ids, i));
  for (size_t i = 0; i < json_array_size(texts); i++) {
    const json_t *item = json_array_get(texts, i);
    must_encode("odd", tokenizer, json_object_get(item, "input"), true,
                json_object_get(json_object_get(item, "encoded"), "input_ids"));
  }
  json_decref(questions);
  json_decref(ids);
  json_decref(odd);
  att_tokenizer_free(tokenizer);
}

static void well_known_vocabularies_give_known_ids(void **state) {
  (void)state;
  if (!att_file_exists(VECTORS "gpt2_encoded_tokens.json")) {
    print_message("skipped: no %s\n", VECTORS);
    return;
  }
  att_tokenizer *gpt2 = open_gpt2();
  assert_int_equal(att_tokenizer_size(gpt2), 50257);
  check_vector("gpt2", gpt2, VECTORS "gpt2_encoded_tokens.json", false, true);
  att_tokenizer_free(gpt2);
  att_tokenizer *whisper = open_tokenizer(SHARED_TOKENIZERS "tokenizer_whisper.tiny_tokenizer.json");
  check_vector("whisper", whisper, VECTORS "whisper_large_v2_encoded.json", true, true);
  att_tokenizer_free(whisper);
  att_tokenizer *t5 = open_tokenizer(SHARED_TOKENIZERS "tokenizer_t5-small_tokenizer.json");
  check_vector("t5", t5, VECTORS "t5_base_encoded.json", true, false);
  att_tokenizer_free(t5);
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
      {{.vocab = 300, .end_token = "</s>"}, ATT_ARGUMENT, "end token \"</s>\""},
      {{.vocab = 300, .end_token = "a"}, ATT_ARGUMENT, "end token \"a\""},
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

/* ---- characters, bytes, word pieces ----------------------------------------------------------------------------- */

static const char *const bert_marks[] = {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"};

static att_tokenizer_plan plan_of(att_tokenizer_kind kind, int vocab) {
  return (att_tokenizer_plan){.kind = kind,
                              .vocab = vocab,
                              .first_specials = bert_marks,
                              .first_count = COUNT(bert_marks),
                              .start_token = "[CLS]",
                              .end_token = "[SEP]"};
}

static att_tokenizer *train_on_text(const att_tokenizer_plan *plan, att_text text) {
  att_tokenizer *tokenizer;
  const att_text *lines = &text;
  if (att_tokenizer_train(ctx, &lines, (size_t[]){1}, 1, plan, NULL, NULL, &tokenizer))
    fail_msg("%s", att_message(ctx));
  assert_int_equal(att_tokenizer_save(tokenizer, in_folder("trained.json")), ATT_OK);
  att_tokenizer *again = open_tokenizer(in_folder("trained.json"));
  must_be_alike(tokenizer, again);
  att_tokenizer_free(tokenizer);
  return again;
}

static void must_come_back(const att_tokenizer *tokenizer, att_text text, size_t count) {
  att_ids ids = {0};
  att_buffer out = {0};
  assert_int_equal(att_tokenizer_encode(tokenizer, ctx, text, true, &ids), ATT_OK);
  assert_int_equal(ids.count, count + 2);
  assert_int_equal(ids.data[0], att_tokenizer_special(tokenizer, ATT_SPECIAL_START));
  assert_int_equal(ids.data[count + 1], att_tokenizer_special(tokenizer, ATT_SPECIAL_END));
  assert_int_equal(att_tokenizer_decode(tokenizer, ctx, ids.data, ids.count, true, &out), ATT_OK);
  assert_int_equal(out.size, text.size);
  assert_memory_equal(out.data, text.data, text.size);
  att_free(ctx, ids.data);
  att_buffer_free(ctx, &out);
}

static void characters_and_bytes_come_back(void **state) {
  (void)state;
  static const char data[] = "One\r\n\ttwo  e\xcc\x81\xc3\xa9 \xe4\xbd\xa0\xf0\x9f\x98\x80\xef\xbb\xbf\n\n";
  const att_text text = {data, sizeof data - 1};
  att_tokenizer_plan plan = plan_of(ATT_CHAR, 100);
  att_tokenizer *tokenizer = train_on_text(&plan, text);
  assert_int_equal(att_tokenizer_size(tokenizer), 5 + 15);
  assert_string_equal(att_tokenizer_token(tokenizer, 5), "\t");
  assert_string_equal(att_tokenizer_token(tokenizer, 6), "\n");
  assert_string_equal(att_tokenizer_token(tokenizer, 19), "\xf0\x9f\x98\x80");
  must_come_back(tokenizer, text, 20);
  att_ids ids = {0};
  assert_int_equal(att_tokenizer_encode(tokenizer, ctx, (att_text){"nZ\0\xff", 4}, false, &ids), ATT_OK);
  assert_int_equal(ids.count, 4);
  for (int i = 1; i < 4; i++) assert_int_equal(ids.data[i], 1);
  att_free(ctx, ids.data);
  att_tokenizer_free(tokenizer);
  plan.vocab = 5 + 2; /* the two most frequent */
  tokenizer = train_on_text(&plan, (att_text){"abbccc", 6});
  assert_int_equal(att_tokenizer_id(tokenizer, "a"), -1);
  assert_int_equal(att_tokenizer_id(tokenizer, "b"), 5);
  assert_int_equal(att_tokenizer_id(tokenizer, "c"), 6);
  att_tokenizer_free(tokenizer);
  plan = plan_of(ATT_BYTE, 300);
  tokenizer = train_on_text(&plan, text);
  assert_int_equal(att_tokenizer_size(tokenizer), 5 + 256);
  must_come_back(tokenizer, text, text.size);
  must_come_back(tokenizer, (att_text){"Z\0\x7f", 3}, 3);
  att_tokenizer_free(tokenizer);
}

static void word_pieces_are_learnt(void **state) {
  (void)state;
  att_tokenizer_plan plan = plan_of(ATT_WORDPIECE, 600);
  plan.lowercase = true;
  att_tokenizer *tokenizer;
  assert_int_equal(train_on(ctx, FIXTURES "corpus.txt", &plan, &tokenizer), ATT_OK);
  assert_true(att_tokenizer_size(tokenizer) > 500 && att_tokenizer_size(tokenizer) <= 600);
  for (int32_t i = 0; i < 5; i++) assert_string_equal(att_tokenizer_token(tokenizer, i), bert_marks[i]);
  static const char *const learnt[] = {"the", "through", "##en", "fast", "snow"};
  for (size_t i = 0; i < COUNT(learnt); i++) assert_true(att_tokenizer_id(tokenizer, learnt[i]) > 5);
  static const char text[] = "The Snow, dogs l\xc3\xa4uft!";
  att_ids ids = {0};
  att_buffer out = {0};
  assert_int_equal(att_tokenizer_encode(tokenizer, ctx, (att_text){text, strlen(text)}, true, &ids), ATT_OK);
  assert_int_equal(att_tokenizer_decode(tokenizer, ctx, ids.data, ids.count, true, &out), ATT_OK);
  assert_string_equal(out.data, "the snow, dogs lauft!");
  assert_int_equal(att_tokenizer_special(tokenizer, ATT_SPECIAL_MASK), 4);
  assert_int_equal(att_tokenizer_special(tokenizer, ATT_SPECIAL_PAD), 0);
  att_free(ctx, ids.data);
  att_buffer_free(ctx, &out);
  att_tokenizer_free(tokenizer);
  plan.first_count = 1; /* without [UNK] */
  plan.start_token = plan.end_token = NULL;
  must_say(train_on(ctx, FIXTURES "corpus.txt", &plan, &tokenizer), ATT_ARGUMENT, "word pieces need <unk>");
  plan.kind = ATT_CHAR;
  must_say(train_on(ctx, FIXTURES "corpus.txt", &plan, &tokenizer), ATT_ARGUMENT, "characters need <unk>");
}

static void pairs_need_room(void **state) {
  (void)state;
  att_tokenizer *tokenizer = open_tokenizer(FIXTURES "bert.json");
  const att_text text = {"the dog", 7};
  att_ids ids = {0};
  bool cut;
  must_say(att_tokenizer_encode_pair(tokenizer, ctx, text, &text, 3, &ids, NULL, &cut), ATT_ARGUMENT,
           "beside 3 special tokens");
  must_say(att_tokenizer_encode_pair(tokenizer, ctx, text, NULL, -1, &ids, NULL, &cut), ATT_ARGUMENT,
           "beside 2 special tokens");
  assert_int_equal(att_tokenizer_encode_pair(tokenizer, ctx, text, NULL, 3, &ids, NULL, &cut), ATT_OK);
  assert_true(cut);
  assert_int_equal(ids.count, 3);
  att_free(ctx, ids.data);
  att_tokenizer_free(tokenizer);
}

/* ---- no memory ------------------------------------------------------------------------------------------------- */

static att_status train_and_save(att_context *context, void *plan) {
  att_tokenizer *tokenizer;
  static const char *const line[] = {"aab aab abab ccc \xcc\x81", "\xff aab abab </s>", "abcde abcde"};
  att_text lines[COUNT(line)];
  for (size_t i = 0; i < COUNT(line); i++) lines[i] = (att_text){line[i], strlen(line[i])};
  const att_text *texts[] = {lines};
  ATT_TRY(att_tokenizer_train(context, texts, (size_t[]){COUNT(lines)}, 1, plan, NULL, NULL, &tokenizer));
  att_status status = att_tokenizer_save(tokenizer, in_folder("trained.json"));
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

static att_status open_older(att_context *context, void *path) {
  att_tokenizer *tokenizer;
  ATT_TRY(att_tokenizer_open_folder(context, path, &tokenizer));
  att_tokenizer_free(tokenizer);
  return ATT_OK;
}

static void no_memory_leaves_nothing(void **state) {
  (void)state;
  att_tokenizer_plan plans[] = {marian_plan, plan_of(ATT_WORDPIECE, 60), plan_of(ATT_CHAR, 60), plan_of(ATT_BYTE, 300)};
  for (size_t i = 0; i < COUNT(plans); i++) assert_true(fail_each_allocation(train_and_save, &plans[i]) > 20);
  for (size_t i = 0; i < COUNT(names); i++) {
    char path[512];
    snprintf(path, sizeof path, FIXTURES "%s.json", names[i]);
    assert_true(fail_each_allocation(open_and_use, path) > 20);
  }
  assert_true(fail_each_allocation(open_older, FIXTURES "older_cased") > 20);
  assert_true(fail_each_allocation(open_older, FIXTURES "older_gpt2") > 20);
  assert_int_equal(files_in_folder(), 1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_teardown(ids_and_texts_equal_tokenizers, empty_folder),
      cmocka_unit_test_teardown(older_files_are_read_as_tokenizers_does, empty_folder),
      cmocka_unit_test_teardown(translators_pieces_equal_transformers, empty_folder),
      cmocka_unit_test(merges_equal_tokenizers),
      cmocka_unit_test(merges_of_multi30k_equal_tokenizers),
      cmocka_unit_test(well_known_vocabularies_give_known_ids),
      cmocka_unit_test(berts_vocabulary_gives_known_ids),
      cmocka_unit_test(random_texts_come_back_in_nfc),
      cmocka_unit_test(long_lines_are_no_trouble),
      cmocka_unit_test(unknown_ids_are_left_out),
      cmocka_unit_test(impossible_plans_are_refused),
      cmocka_unit_test(dropout_cuts_words_in_other_ways),
      cmocka_unit_test_teardown(characters_and_bytes_come_back, empty_folder),
      cmocka_unit_test(word_pieces_are_learnt),
      cmocka_unit_test(pairs_need_room),
      cmocka_unit_test_teardown(no_memory_leaves_nothing, empty_folder),
  };
  return cmocka_run_group_tests(tests, begin, end);
}
