/* Files and texts that mean harm to tokenizers: each file is refused by name or survived, no text takes long. */
#include "scratch.h"

#include "text/tokenizer.h"

#define FIXTURES     ATT_TEST_DATA "/tokenizer/"
#define COUNT(array) (sizeof(array) / sizeof *(array))

/* ---- files that mean harm -------------------------------------------------------------------------------------- */

#define LEVEL                "\"pre_tokenizer\": {\"type\": \"ByteLevel\"}, \"decoder\": {\"type\": \"ByteLevel\"}"
#define MODEL                "\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": 0, \"b\": 1, \"ab\": 2}, \"merges\": [\"a b\"]}"
#define WITH_MODEL(inside)   "{" LEVEL ", \"model\": {\"type\": \"BPE\", " inside "}}"
#define TWO                  "{\"type\": \"RobertaProcessing\", \"cls\": [\"a\", 0], \"sep\": [\"b\", 1]}"
#define CUT(part)            "{\"pre_tokenizer\": " part ", " MODEL "}"
#define BACK(part)           "{\"decoder\": " part ", " MODEL "}"
#define NINE(part)           part ", " part ", " part ", " part ", " part ", " part ", " part ", " part ", " part
#define WITH(part)           "{" LEVEL ", " MODEL ", " part "}"
#define LONG                 "12345678901234567890123456789012"
#define VOCAB                "\"vocab\": {\"a\": 0, \"b\": 1, \"ab\": 2}"
#define UNIGRAM(vocab, more) "{\"model\": {\"type\": \"Unigram\", \"vocab\": " vocab more "}}"
#define PRECOMPILED(map)     "{\"type\": \"Precompiled\", \"precompiled_charsmap\": \"" map "\"}"
#define NOTHING              PRECOMPILED("AAAAAA==")
#define MAP(map)             "{\"normalizer\": " PRECOMPILED(map) ", " MODEL "}"

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
    {"{\"model\": {\"type\": \"Other\", \"vocab\": {}}}", ATT_UNSUPPORTED, "model \"Other\""},
    {"{\"model\": {\"type\": \"WordLevel\", \"vocab\": {}}}", ATT_FORMAT, "vocabulary is empty"},
    {"{\"model\": {\"type\": \"WordLevel\", \"vocab\": {\"a\": 0}}}", ATT_FORMAT, "unk_token \"<unk>\""},
    {UNIGRAM("{}", ""), ATT_FORMAT, "vocab is not an array"},
    {UNIGRAM("[]", ""), ATT_FORMAT, "vocabulary is empty"},
    {UNIGRAM("[7]", ""), ATT_FORMAT, "entry 0 of model.vocab"},
    {UNIGRAM("[[\"a\", 0], [\"b\"]]", ""), ATT_FORMAT, "entry 1 of model.vocab"},
    {UNIGRAM("[[\"a\", 0, 0]]", ""), ATT_FORMAT, "entry 0 of model.vocab"},
    {UNIGRAM("[[0, \"a\"]]", ""), ATT_FORMAT, "entry 0 of model.vocab"},
    {UNIGRAM("[[\"a\", 0], [\"a\", 1]]", ""), ATT_FORMAT, "token \"a\" has two ids"},
    {UNIGRAM("[[\"a\", 0]]", ", \"unk_id\": 1"), ATT_FORMAT, "unk_id is 1"},
    {UNIGRAM("[[\"a\", 0]]", ", \"unk_id\": -1"), ATT_FORMAT, "unk_id is -1"},
    {UNIGRAM("[[\"a\", 0]]", ", \"byte_fallback\": 1"), ATT_FORMAT, "byte_fallback"},
    {"{" LEVEL ", \"model\": {\"type\": \"Unigram\", \"vocab\": [[\"a\", 0]]}}", ATT_UNSUPPORTED,
     "ByteLevel without BPE"},
    {MAP(""), ATT_FORMAT, "precompiled_charsmap is broken"},
    {MAP("AAAA"), ATT_FORMAT, "precompiled_charsmap is broken"},
    {MAP("AAAAA==="), ATT_FORMAT, "precompiled_charsmap is broken"},
    {MAP("AAAAAB=="), ATT_FORMAT, "precompiled_charsmap is broken"},
    {MAP("AA\u00e4AA="), ATT_FORMAT, "precompiled_charsmap is broken"},
    {MAP("BAAAAA=="), ATT_FORMAT, "precompiled_charsmap is broken"},
    {MAP("AwAAAAAAAA=="), ATT_FORMAT, "precompiled_charsmap is broken"},
    {MAP("/////wAAAAA="), ATT_FORMAT, "precompiled_charsmap is broken"},
    {MAP("AAAAAP8="), ATT_FORMAT, "precompiled_charsmap is broken"},
    {"{\"normalizer\": {\"type\": \"Precompiled\"}, " MODEL "}", ATT_FORMAT, "precompiled_charsmap is missing"},
    {"{\"normalizer\": {\"type\": \"Sequence\", \"normalizers\": [" NOTHING ", " NOTHING "]}, " MODEL "}",
     ATT_UNSUPPORTED, "two Precompiled"},
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
    {WITH_MODEL(VOCAB ", \"merges\": [], \"byte_fallback\": 1"), ATT_FORMAT, "byte_fallback"},
    {WITH_MODEL(VOCAB ", \"merges\": [], \"dropout\": 0.1"), ATT_UNSUPPORTED, "dropout"},
    {WITH_MODEL(VOCAB ", \"merges\": [], \"continuing_subword_prefix\": \"" LONG "\""), ATT_UNSUPPORTED, LONG},
    {WITH_MODEL(VOCAB ", \"merges\": [], \"end_of_word_suffix\": \"" LONG "\""), ATT_UNSUPPORTED, LONG},
    {WITH_MODEL(VOCAB ", \"merges\": [\"a b\"], \"continuing_subword_prefix\": \"##\""), ATT_FORMAT, "has no prefix"},
    {CUT("{\"type\": \"UnicodeScripts\"}"), ATT_UNSUPPORTED, "pre_tokenizer \"UnicodeScripts\""},
    {CUT("{\"type\": \"Metaspace\"}"), ATT_FORMAT, "replacement is missing"},
    {CUT("{\"type\": \"Metaspace\", \"replacement\": \"ab\"}"), ATT_FORMAT, "not one character"},
    {CUT("{\"type\": \"Metaspace\", \"replacement\": \"\"}"), ATT_FORMAT, "not one character"},
    {CUT("{\"type\": \"Metaspace\", \"replacement\": \"_\", \"prepend_scheme\": \"last\"}"), ATT_UNSUPPORTED,
     "prepend_scheme \"last\""},
    {CUT("{\"type\": \"Split\", \"behavior\": \"Isolated\"}"), ATT_FORMAT, "pattern of Split"},
    {CUT("{\"type\": \"Split\", \"behavior\": \"Other\", \"pattern\": {\"String\": \" \"}}"), ATT_UNSUPPORTED,
     "behavior \"Other\""},
    {CUT("{\"type\": \"Split\", \"behavior\": \"Isolated\", \"pattern\": {\"String\": \"\"}}"), ATT_UNSUPPORTED,
     "Split by an empty pattern"},
    {CUT("{\"type\": \"Split\", \"behavior\": \"Isolated\", \"pattern\": {\"Regex\": \"(a+)+b\"}}"), ATT_UNSUPPORTED,
     "pattern (a+)+b"},
#define REGEX(regex) CUT("{\"type\": \"Split\", \"behavior\": \"Isolated\", \"pattern\": {\"Regex\": \"" regex "\"}}")
    {REGEX("("), ATT_UNSUPPORTED, "pattern ("},
    {REGEX("a)"), ATT_UNSUPPORTED, "pattern a)"},
    {REGEX("[a"), ATT_UNSUPPORTED, "pattern [a"},
    {REGEX("[]"), ATT_UNSUPPORTED, "pattern []"},
    {REGEX("[b-a]"), ATT_UNSUPPORTED, "pattern [b-a]"},
    {REGEX("[^a&&b]"), ATT_UNSUPPORTED, "pattern [^a&&b]"},
    {REGEX("[[:alpha:]]"), ATT_UNSUPPORTED, "pattern [[:alpha:]]"},
    {REGEX("*a"), ATT_UNSUPPORTED, "pattern *a"},
    {REGEX("a{2"), ATT_UNSUPPORTED, "pattern a{2"},
    {REGEX("a{3,2}"), ATT_UNSUPPORTED, "pattern a{3,2}"},
    {REGEX("a{99999999999}"), ATT_UNSUPPORTED, "pattern a{9"},
    {REGEX("a+?"), ATT_UNSUPPORTED, "pattern a+?"},
    {REGEX("(a)\\\\1"), ATT_UNSUPPORTED, "pattern (a)"},
    {REGEX("\\\\p{Hans}"), ATT_UNSUPPORTED, "{Hans}"},
    {REGEX("\\\\p{L"), ATT_UNSUPPORTED, "p{L"},
    {REGEX("\\\\"), ATT_UNSUPPORTED, "pattern"},
    {REGEX("\\\\x{110000}"), ATT_UNSUPPORTED, "110000"},
    {REGEX("(?<=ab)c"), ATT_UNSUPPORTED, "(?<=ab)c"},
    {REGEX("((((((((((((((((((((((((((((((((((a))))))))))))))))))))))))))))))))))"), ATT_UNSUPPORTED, "((a"},
    {CUT("{\"type\": \"FixedLength\", \"length\": 0}"), ATT_FORMAT, "length is 0"},
    {CUT("{\"type\": \"CharDelimiterSplit\", \"delimiter\": \"ab\"}"), ATT_FORMAT, "delimiter"},
    {CUT("{\"type\": \"CharDelimiterSplit\"}"), ATT_FORMAT, "delimiter is missing"},
    {CUT("{\"type\": \"Punctuation\", \"behavior\": \"Other\"}"), ATT_UNSUPPORTED, "behavior \"Other\""},
    {BACK("{\"type\": \"BPEDecoder\", \"suffix\": \"\"}"), ATT_UNSUPPORTED, "without a suffix"},
    {CUT("{\"type\": \"Sequence\", \"pretokenizers\": [{\"type\": \"ByteLevel\"}, {\"type\": \"Digits\"}]}"),
     ATT_UNSUPPORTED, "more after ByteLevel"},
    {CUT("{\"type\": \"Sequence\", \"pretokenizers\": [" NINE("{\"type\": \"Digits\"}") "]}"), ATT_UNSUPPORTED,
     "more than 8"},
    {BACK("{\"type\": \"CTC\"}"), ATT_UNSUPPORTED, "decoder \"CTC\""},
    {BACK("{\"type\": \"Sequence\"}"), ATT_FORMAT, "decoders is not an array"},
    {BACK("{\"type\": \"Sequence\", \"decoders\": [{\"type\": \"Fuse\"}, {\"type\": \"ByteFallback\"}]}"),
     ATT_UNSUPPORTED, "in this order"},
    {BACK("{\"type\": \"Strip\", \"content\": \" \", \"start\": 1, \"stop\": 0}"), ATT_UNSUPPORTED, "in this order"},
    {BACK("{\"type\": \"Sequence\", \"decoders\": [{\"type\": \"Fuse\"}, {\"type\": \"Strip\", \"content\": \" \", "
          "\"start\": 1, \"stop\": 1}]}"),
     ATT_UNSUPPORTED, "Strip at the end"},
    {BACK("{\"type\": \"Replace\", \"pattern\": {\"Regex\": \"a\"}, \"content\": \"b\"}"), ATT_UNSUPPORTED, "pattern"},
    {BACK("{\"type\": \"Replace\", \"pattern\": {\"Regex\": \" {2,}\"}, \"content\": \"b\"}"), ATT_UNSUPPORTED,
     "Replace by a pattern"},
    {BACK("{\"type\": \"Replace\", \"pattern\": {\"String\": \"\"}, \"content\": \"b\"}"), ATT_UNSUPPORTED, "Replace"},
    {BACK("{\"type\": \"Replace\", \"pattern\": {\"String\": \"a\"}}"), ATT_FORMAT, "content is missing"},
    {"{\"pre_tokenizer\": [], " MODEL "}", ATT_FORMAT, "not an object"},
    {WITH("\"normalizer\": {\"type\": \"Replace\", \"pattern\": {\"Regex\": \"(a+)+\"}, \"content\": \"b\"}"),
     ATT_UNSUPPORTED, "Replace by the pattern (a+)+ is"},
    {WITH("\"normalizer\": {\"type\": \"Replace\", \"pattern\": \"a\", \"content\": \"b\"}"), ATT_FORMAT,
     "not an object"},
    {WITH("\"normalizer\": {\"type\": \"Sequence\", \"normalizers\": [{\"type\": \"NFC\"}, {\"type\": \"Other\"}]}"),
     ATT_UNSUPPORTED, "normalizer \"Other\""},
    {WITH("\"normalizer\": {\"type\": \"Prepend\"}"), ATT_FORMAT, "prepend is missing"},
    {WITH("\"normalizer\": {\"type\": \"Replace\", \"pattern\": {\"String\": \"a\"}, \"content\": "
          "\"1234567890123456789012345678901234567890123456789012345678901234567890\"}"),
     ATT_UNSUPPORTED, "more than 64 bytes"},
    {WITH("\"normalizer\": {\"type\": \"BertNormalizer\", \"lowercase\": 1}"), ATT_FORMAT, "lowercase is 1"},
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

#define LINES "[PAD]\n[UNK]\n[CLS]\n[SEP]\na\n##b\n"
#define PAIRS "{\"a\": 0, \"b\": 1, \"ab\": 2}"

typedef struct older {
  const char *vocabulary, *merges, *config; /* NULL: no such file; with merges it is vocab.json, else vocab.txt */
  att_status status;
  const char *clue;
} older;

static const older older_files[] = {
    {LINES, NULL, NULL, ATT_OK, ""},
    {LINES, NULL, "{\"do_lower_case\": false, \"strip_accents\": true}", ATT_OK, ""},
    {LINES, NULL, "{\"model_max_length\": 1000000000000000019884624838656}", ATT_OK, ""},
    {"", NULL, NULL, ATT_FORMAT, "vocab.txt: "},
    {"[UNK]\n[CLS]\na\n", NULL, NULL, ATT_FORMAT, "vocab.txt: \"[SEP]\" is not in it"},
    {"[CLS]\n[SEP]\na\n", NULL, NULL, ATT_FORMAT, "unk_token \"[UNK]\" is not in the vocabulary"},
    {LINES "\xff\n", NULL, NULL, ATT_FORMAT, "vocab.txt: line 7 is not UTF-8"},
    {LINES, NULL, "[]", ATT_FORMAT, "tokenizer_config.json: "},
    {LINES, NULL, "{", ATT_FORMAT, "tokenizer_config.json: "},
    {LINES, NULL, "{\"do_lower_case\": 1}", ATT_FORMAT, "do_lower_case is 1"},
    {LINES, NULL, "{\"strip_accents\": 1}", ATT_FORMAT, "strip_accents is 1"},
    {LINES, NULL, "{\"cls_token\": \"<s>\"}", ATT_OK, ""}, /* it is added, as Transformers adds it */
    {PAIRS, "#version: 0.2\na b\n", NULL, ATT_OK, ""},
    {PAIRS, "a b\n", "{\"add_prefix_space\": true}", ATT_OK, ""},
    {"[]", "a b\n", NULL, ATT_FORMAT, "vocab.json: this is not a vocabulary"},
    {NULL, "a b\n", NULL, ATT_IO, "vocab.json: "},
    {"{\"a\": \"b\"}", "", NULL, ATT_FORMAT, "the id of token \"a\""},
    {"{\"a\": 0, \"b\": 0}", "", NULL, ATT_FORMAT, "id 0 has two tokens"},
    {PAIRS, "a b c\n", NULL, ATT_FORMAT, "merge 0 is not a pair"},
    {PAIRS, "b a\n", NULL, ATT_FORMAT, "not in the vocabulary"},
    {PAIRS, "a b\n\xff b\n", NULL, ATT_FORMAT, "merges.txt: line 2 is not UTF-8"},
};

static void write_where_given(const char *name, const char *text) {
  if (text)
    write_bytes(in_folder(name), text, strlen(text));
  else
    remove(in_folder(name));
}

static void harmful_older_files_are_named(void **state) {
  (void)state;
  for (size_t i = 0; i < COUNT(older_files); i++) {
    const older *o = &older_files[i];
    att_tokenizer *tokenizer;
    write_where_given(o->merges ? "vocab.json" : "vocab.txt", o->vocabulary);
    write_where_given(o->merges ? "vocab.txt" : "vocab.json", NULL);
    write_where_given("merges.txt", o->merges);
    write_where_given("tokenizer_config.json", o->config);
    must_say(att_tokenizer_open_folder(ctx, folder, &tokenizer), o->status, o->status ? o->clue : "");
    assert_int_equal(tokenizer == NULL, o->status != ATT_OK);
    att_tokenizer_free(tokenizer);
  }
  write_bytes(in_folder("vocab.txt"), LINES "a\0b\n", sizeof LINES + 3);
  att_tokenizer *tokenizer;
  must_say(att_tokenizer_open_folder(ctx, folder, &tokenizer), ATT_FORMAT, "line 7 has a NUL");
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

/* As `tokenizers`: it has no id for the text, and says so. */
static void text_that_nothing_stands_for_is_refused(void **state) {
  (void)state;
  static const char file[] = UNIGRAM("[[\"a\", -1], [\"b\", -2.5]]", "");
  att_tokenizer *tokenizer;
  att_ids ids = {0};
  assert_int_equal(att_tokenizer_parse(ctx, "t.json", file, sizeof file - 1, &tokenizer), ATT_OK);
  assert_int_equal(att_tokenizer_encode(tokenizer, ctx, (att_text){"abba", 4}, true, &ids), ATT_OK);
  assert_int_equal(ids.count, 4);
  assert_memory_equal(ids.data, ((const int32_t[]){0, 1, 1, 0}), 4 * sizeof *ids.data);
  must_say(att_tokenizer_encode(tokenizer, ctx, (att_text){"ab\xc3\xa4", 4}, true, &ids), ATT_UNSUPPORTED,
           "no token for \"\xc3\xa4\"");
  att_free(ctx, ids.data);
  att_tokenizer_free(tokenizer);
}

static void cut_and_change(const char *path) {
  att_buffer file = {0};
  assert_int_equal(att_file_read(ctx, path, 1 << 20, &file), ATT_OK);
  att_tokenizer *tokenizer;
  size_t refused = 0, tried = 0;
  for (size_t size = 0; size < file.size; size += 97, tried++) {
    assert_int_equal(att_tokenizer_parse(ctx, "cut.json", file.data, size, &tokenizer), ATT_FORMAT);
    assert_null(tokenizer);
  }
  for (size_t at = 0; at < file.size; at += 19, tried++) {
    char before = file.data[at];
    file.data[at] = (char)(before + 1 + at % 7);
    if (att_tokenizer_parse(ctx, "changed.json", file.data, file.size, &tokenizer) == ATT_OK) {
      static const char text[] = "Ein Hund <mask> keep Stra\xc3\x9f"
                                 "e </s>";
      att_ids ids = {0};
      att_status encoded = att_tokenizer_encode(tokenizer, ctx, (att_text){text, strlen(text)}, true, &ids);
      if (encoded) must_say(encoded, ATT_UNSUPPORTED, "none for what is unknown");
      att_buffer out = {0};
      assert_int_equal(att_tokenizer_decode(tokenizer, ctx, ids.data, ids.count, false, &out), ATT_OK);
      att_buffer_free(ctx, &out);
      att_free(ctx, ids.data);
    } else {
      refused++;
    }
    att_tokenizer_free(tokenizer);
    file.data[at] = before;
  }
  assert_true(tried > 300 && refused > 100);
  att_buffer_free(ctx, &file);
}

static void cut_and_changed_files_are_survived(void **state) {
  (void)state;
  static const char *const paths[] = {
      FIXTURES "roberta.json",   FIXTURES "bert.json",      FIXTURES "sentencepiece.json",
      FIXTURES "metaspace.json", FIXTURES "llama3.json",    FIXTURES "t5.json",
      FIXTURES "fallback.json",  FIXTURES "behaviors.json", FIXTURES "clip.json"};
  for (size_t i = 0; i < COUNT(paths); i++) cut_and_change(paths[i]);
}

/* ---- texts ----------------------------------------------------------------------------------------------------- */

static const char *const names[] = {"m2m",           "marian",    "roberta",  "whole",     "few",  "bert", "cased",
                                    "sentencepiece", "metaspace", "gemma",    "llama3",    "qwen", "t5",   "albert",
                                    "fallback",      "o200k",     "deepseek", "behaviors", "clip", "words"};

/* A hundred thousand of each; what is slower than n log n would not end. */
static void harmful_texts_are_no_trouble(void **state) {
  (void)state;
  static const char *const parts[] = {" ",         "a", "\xe2\x96\x81", "\n", "\xe4\xbd\xa0",
                                      "e\xcc\x81", "1", "<mask>",       "! ", "\xff"};
  static const char blanks[] = "{\"added_tokens\": [{\"id\": 3, \"content\": \" \", \"lstrip\": true, \"rstrip\": "
                               "true}, {\"id\": 4, \"content\": "
                               "\"<mask>\", \"lstrip\": true, \"rstrip\": true}], " LEVEL ", " MODEL "}";
  for (size_t n = 0; n <= COUNT(names); n++) {
    char path[512];
    att_tokenizer *tokenizer;
    snprintf(path, sizeof path, FIXTURES "%s.json", n < COUNT(names) ? names[n] : "");
    if (n < COUNT(names) ? att_tokenizer_open(ctx, path, &tokenizer)
                         : att_tokenizer_parse(ctx, "blanks.json", blanks, strlen(blanks), &tokenizer))
      fail_msg("%s", att_message(ctx));
    for (size_t i = 0; i < COUNT(parts); i++) {
      att_buffer text = {0};
      att_ids ids = {0};
      for (int k = 0; k < 100000; k++)
        assert_int_equal(att_buffer_append(ctx, &text, parts[i], strlen(parts[i])), ATT_OK);
      assert_int_equal(att_tokenizer_encode(tokenizer, ctx, (att_text){text.data, text.size}, true, &ids), ATT_OK);
      att_free(ctx, ids.data);
      att_buffer_free(ctx, &text);
    }
    att_tokenizer_free(tokenizer);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(harmful_files_are_named),
      cmocka_unit_test_teardown(harmful_older_files_are_named, empty_folder),
      cmocka_unit_test(deep_nesting_and_long_tokens_are_refused),
      cmocka_unit_test(text_that_nothing_stands_for_is_refused),
      cmocka_unit_test(cut_and_changed_files_are_survived),
      cmocka_unit_test(harmful_texts_are_no_trouble),
  };
  return cmocka_run_group_tests(tests, begin, end);
}
