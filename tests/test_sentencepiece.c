/*
 * SentencePiece's files that are broken or mean harm, alone and in folders. What good ones say is in test_tokenizer.c.
 */
#include "scratch.h"

#include "text/sentencepiece.h"

#include <stdlib.h>

#define FIXTURES     ATT_TEST_DATA "/tokenizer/"
#define COUNT(array) (sizeof(array) / sizeof *(array))

/* ---- files ----------------------------------------------------------------------------------------------------- */

static att_status open_bytes(att_context *context, att_text data, att_tokenizer **out) {
  att_token_list list;
  att_sentencepiece settings;
  *out = NULL;
  att_status status = att_sentencepiece_read(context, "t.model", data, 0, &settings, &list);
  if (!status) status = att_sentencepiece_parts(&settings, &list);
  if (!status) status = att_token_list_open(&list, out);
  att_token_list_free(&list);
  return status;
}

/* Fields: 0x0a a piece (0x0a its text, 0x15 its score, 0x18 its type), 0x12 the trainer's settings. */
static void harmful_files_are_named(void **state) {
  (void)state;
#define FILE_OF(bytes)                                                                                                 \
  { bytes, sizeof bytes - 1 }
#define A "\x0a\x03\x0a\x01"
  static const struct {
    att_text file;
    att_status status;
    const char *clue;
  } files[] = {
      {FILE_OF(""), ATT_FORMAT, "it has no pieces"},
      {FILE_OF("\x12\x00"), ATT_FORMAT, "it has no pieces"},
      {FILE_OF("{\"model\": 1}"), ATT_FORMAT, "not a SentencePiece model"},
      {FILE_OF("\x0a\x05\x0a\x01"
               "a"),
       ATT_FORMAT, "not a SentencePiece model"},
      {FILE_OF("\x0a\x03\x0a\x02"
               "a"),
       ATT_FORMAT, "not a SentencePiece model"},
      {FILE_OF("\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), ATT_FORMAT, "not a SentencePiece model"},
      {FILE_OF("\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), ATT_FORMAT, "not a SentencePiece model"},
      {FILE_OF("\x0b\x00"), ATT_FORMAT, "not a SentencePiece model"},
      {FILE_OF("\x02\x00"), ATT_FORMAT, "not a SentencePiece model"},
      {FILE_OF(A "a" A "a"), ATT_FORMAT, "\"a\" has two ids"},
      {FILE_OF(A "\xff"), ATT_FORMAT, "token 0 is not UTF-8"},
      {FILE_OF(A "\0"), ATT_FORMAT, "token 0 is not UTF-8"},
      {FILE_OF("\x0a\x08\x0a\x01"
               "a\x15\x00\x00\xc0\x7f"),
       ATT_FORMAT, "score of token 0"},
      {FILE_OF(A "a\x12\x02\x18\x03"), ATT_UNSUPPORTED, "words and characters"},
      {FILE_OF(A "a\x12\x03\xc0\x01\x01"), ATT_UNSUPPORTED, "treat_whitespace_as_suffix"},
      {FILE_OF(A "a\x12\x03\xc0\x02\x01"), ATT_FORMAT, "unk_id is 1"},
      {FILE_OF(A "a\x1a\x05\x12\x03"
                 "abc"),
       ATT_FORMAT, "precompiled_charsmap is broken"},
  };
  for (size_t i = 0; i < COUNT(files); i++) {
    att_tokenizer *tokenizer;
    must_say(open_bytes(ctx, files[i].file, &tokenizer), files[i].status, files[i].clue);
    assert_null(tokenizer);
  }
}

static void use(const att_tokenizer *tokenizer) {
  att_ids ids = {0};
  att_buffer out = {0};
  static const char text[] = "The dog's  \xe7\x8a\xac running";
  if (att_tokenizer_encode(tokenizer, ctx, (att_text){text, sizeof text - 1}, true, &ids) == ATT_OK)
    assert_int_equal(att_tokenizer_decode(tokenizer, ctx, ids.data, ids.count, false, &out), ATT_OK);
  att_free(ctx, ids.data);
  att_buffer_free(ctx, &out);
}

static void cut_and_changed_files_are_survived(void **state) {
  (void)state;
  static const char *const paths[] = {FIXTURES "spm_t5/spiece.model", FIXTURES "spm_bpe/tokenizer.model"};
  for (size_t i = 0; i < COUNT(paths); i++) {
    att_buffer file = {0};
    size_t refused = 0, tried = 0;
    assert_int_equal(att_file_read(ctx, paths[i], 1 << 20, &file), ATT_OK);
    for (size_t at = 0; at < 2 * file.size; at += 13, tried++) {
      const bool cut = at >= file.size;
      const size_t size = cut ? at - file.size : file.size;
      char *place = &file.data[cut ? 0 : at], before = *place;
      att_tokenizer *tokenizer;
      if (!cut) *place = (char)(before + 1 + at % 7);
      if (open_bytes(ctx, (att_text){file.data, size}, &tokenizer) == ATT_OK)
        use(tokenizer);
      else
        refused++;
      att_tokenizer_free(tokenizer);
      *place = before;
    }
    assert_true(tried > 300 && refused > 100);
    att_buffer_free(ctx, &file);
  }
}

/* ---- folders --------------------------------------------------------------------------------------------------- */

static void copy(const char *from, const char *name) {
  char path[512];
  att_buffer file = {0};
  snprintf(path, sizeof path, FIXTURES "%s/%s", from, name);
  assert_int_equal(att_file_read(ctx, path, 1 << 20, &file), ATT_OK);
  write_bytes(in_folder(name), file.data, file.size);
  att_buffer_free(ctx, &file);
}

static void put(const char *name, const char *text) { write_bytes(in_folder(name), text, strlen(text)); }

static void must_be_refused(att_status status, const char *clue) {
  att_tokenizer *tokenizer;
  must_say(att_tokenizer_open_folder(ctx, folder, &tokenizer), status, clue);
  assert_null(tokenizer);
}

static void harmful_folders_are_named(void **state) {
  (void)state;
  put("spiece.model", "");
  must_be_refused(ATT_FORMAT, "spiece.model: this is not a SentencePiece model");
  put("tokenizer_config.json", "{\"tokenizer_class\": \"AlbertTokenizer\"}");
  must_be_refused(ATT_UNSUPPORTED, "what AlbertTokenizer makes of it is not known");
  put("tokenizer_config.json", "{\"tokenizer_class\": \"T5Tokenizer\", \"extra_ids\": 1e9}");
  must_be_refused(ATT_FORMAT, "extra_ids");
  remove_within(folder);
  copy("spm_marian", "source.spm");
  must_be_refused(ATT_IO, "vocab.json");
  static const struct {
    const char *vocabulary, *clue;
  } table[] = {{"[]", "vocab.json: this is not a vocabulary"},  {"{}", "no tokens"},
               {"{\"a\": 1}", "not below the 1 of its tokens"}, {"{\"a\": -1}", "the id of \"a\""},
               {"{\"a\": \"0\"}", "the id of \"a\""},           {"{\"a\": 0, \"b\": 0}", "id 0 has two tokens"}};
  for (size_t i = 0; i < COUNT(table); i++) {
    put("vocab.json", table[i].vocabulary);
    must_be_refused(ATT_FORMAT, table[i].clue);
  }
}

static att_status open_it(att_context *context, void *arg) {
  (void)arg;
  att_tokenizer *tokenizer;
  att_status status = att_tokenizer_open_folder(context, folder, &tokenizer);
  att_tokenizer_free(tokenizer);
  return status;
}

/* A file of few pieces, so that all can be tried. */
static void allocations_may_fail(void **state) {
  (void)state;
  static const char unigram[] = A "a" A "b"
                                  "\x0a\x04\x0a\x02"
                                  "ab"
                                  "\x1a\x07\x12\x05\0\0\0\0\0";
  static const char pairs[] = A "a" A "b"
                                "\x0a\x04\x0a\x02"
                                "ab"
                                "\x12\x02\x18\x02";
  write_bytes(in_folder("tokenizer.model"), pairs, sizeof pairs - 1);
  assert_true(fail_each_allocation(open_it, NULL) > 20);
  write_bytes(in_folder("tokenizer.model"), unigram, sizeof unigram - 1);
  put("tokenizer_config.json", "{\"tokenizer_class\": \"T5Tokenizer\", \"extra_ids\": 3}");
  assert_true(fail_each_allocation(open_it, NULL) > 20);
  remove_within(folder);
  write_bytes(in_folder("source.spm"), unigram, sizeof unigram - 1);
  put("vocab.json", "{\"</s>\": 0, \"<unk>\": 1, \"a\": 2, \"x\": 3}");
  assert_true(fail_each_allocation(open_it, NULL) > 20);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_teardown(harmful_files_are_named, empty_folder),
      cmocka_unit_test_teardown(cut_and_changed_files_are_survived, empty_folder),
      cmocka_unit_test_teardown(harmful_folders_are_named, empty_folder),
      cmocka_unit_test_teardown(allocations_may_fail, empty_folder),
  };
  return cmocka_run_group_tests(tests, begin, end);
}
