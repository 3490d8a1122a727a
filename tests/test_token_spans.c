/* Where tokens stand in their texts, as `tokenizers` says (tools/make_span_fixtures.py); and what it does not say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "counting.h"
#include "formats/json.h"
#include "text/tokenizer.h"
#include "text/unicode.h"

static size_t characters(att_text text, size_t end) {
  size_t count = 0;
  for (size_t i = 0; i < end; i++) count += ((unsigned char)text.data[i] & 0xc0) != 0x80;
  return count;
}

static bool goes_on(att_text text, size_t at) {
  return at > 0 && at < text.size && ((unsigned char)text.data[at] & 0xc0) == 0x80;
}

/* A space that was put before a text is of no character; `tokenizers` gives it the first one. */
static bool is_put_before(const char *token) {
  return strcmp(token, "\xe2\x96\x81") == 0 || strcmp(token, "\xc4\xa0") == 0;
}

/* Whole characters, without white space at both ends, in code points. */
static void trim(att_text text, att_token_span span, size_t *begin, size_t *end) {
  size_t next;
  while (goes_on(text, span.begin)) span.begin--;
  while (goes_on(text, span.end)) span.end++;
  size_t b = span.begin, e = span.end;
  for (; b < e && att_is_space(att_code_at(text, b, &next)); b = next) continue;
  if (b == e) b = e = span.begin;
  for (; e > b && att_is_space(att_code_before(text, e, &next)); e = next) continue;
  *begin = characters(text, b);
  *end = characters(text, e);
}

static void test_places(void **state) {
  (void)state;
  att_context *ctx;
  json_t *root;
  size_t tokens = 0;
  assert_int_equal(att_context_new(NULL, &ctx), ATT_OK);
  assert_int_equal(att_json_open(ctx, ATT_TEST_DATA "/token_spans.json", &root), ATT_OK);
  assert_true(json_array_size(root) > 50);
  for (size_t i = 0; i < json_array_size(root); i++) {
    const json_t *one = json_array_get(root, i), *ids = json_object_get(one, "ids");
    const char *name = json_string_value(json_object_get(one, "tokenizer"));
    const json_t *string = json_object_get(one, "text");
    const att_text text = {json_string_value(string), json_string_length(string)};
    char path[1024];
    att_tokenizer *tokenizer;
    att_ids got = {0};
    att_token_spans spans = {0};
    snprintf(path, sizeof path, "%s/tokenizer/%s", ATT_TEST_DATA, name);
    if (att_tokenizer_open(ctx, path, &tokenizer)) fail_msg("%s: %s", name, att_message(ctx));
    if (att_tokenizer_encode_spans(tokenizer, ctx, text, &got, &spans)) fail_msg("%s: %s", name, att_message(ctx));
    assert_int_equal(got.count, json_array_size(ids));
    assert_int_equal(spans.count, got.count);
    for (size_t k = 0; k < got.count; k++, tokens++) {
      size_t begin, end, want_begin = (size_t)json_integer_value(json_array_get(json_object_get(one, "begins"), k)),
                         want_end = (size_t)json_integer_value(json_array_get(json_object_get(one, "ends"), k));
      assert_int_equal(got.data[k], json_integer_value(json_array_get(ids, k)));
      assert_true(spans.data[k].begin <= spans.data[k].end && spans.data[k].end <= text.size);
      trim(text, spans.data[k], &begin, &end);
      if (want_begin == want_end && begin == end) continue;
      if (begin == end && begin == want_begin && is_put_before(att_tokenizer_token(tokenizer, got.data[k]))) continue;
      bool byte = strncmp(att_tokenizer_token(tokenizer, got.data[k]), "<0x", 3) == 0;
      if (byte && begin >= want_begin && end <= want_end && begin < end)
        continue; /* there, all of a run have all of it */
      if (begin != want_begin || end != want_end)
        fail_msg("%s, \"%s\": token %zu (%s) is %zu to %zu, not %zu to %zu", name, text.data, k,
                 att_tokenizer_token(tokenizer, got.data[k]), begin, end, want_begin, want_end);
    }
    att_free(ctx, got.data);
    att_free(ctx, spans.data);
    att_tokenizer_free(tokenizer);
  }
  assert_true(tokens > 500);
  json_decref(root);
  att_context_free(ctx);
}

/* A mark that stands by itself belongs to its letter. */
static void test_marks(void **state) {
  (void)state;
  att_context *ctx;
  att_tokenizer *tokenizer;
  att_ids ids = {0};
  att_token_spans spans = {0};
  const char *text = "cafe\xcc\x81 x";
  assert_int_equal(att_context_new(NULL, &ctx), ATT_OK);
  assert_int_equal(att_tokenizer_open(ctx, ATT_TEST_DATA "/tokenizer/bert.json", &tokenizer), ATT_OK);
  assert_int_equal(att_tokenizer_encode_spans(tokenizer, ctx, (att_text){text, strlen(text)}, &ids, &spans), ATT_OK);
  assert_true(spans.count >= 2);
  assert_int_equal(spans.data[spans.count - 2].end, 6);
  assert_int_equal(spans.data[spans.count - 1].begin, 7);
  assert_int_equal(att_tokenizer_encode_spans(tokenizer, ctx, (att_text){"a\xff", 2}, &ids, &spans), ATT_ARGUMENT);
  att_free(ctx, ids.data);
  att_free(ctx, spans.data);
  att_tokenizer_free(tokenizer);
  att_context_free(ctx);
}

static att_status encode(att_context *ctx, void *path) {
  att_tokenizer *tokenizer;
  att_ids ids = {0};
  att_token_spans spans = {0};
  const char *text = "  Caf\xc3\xa9 \xf0\x9f\x98\x80 don't";
  att_status status = att_tokenizer_open(ctx, path, &tokenizer);
  if (!status) status = att_tokenizer_encode_spans(tokenizer, ctx, (att_text){text, strlen(text)}, &ids, &spans);
  att_free(ctx, ids.data);
  att_free(ctx, spans.data);
  att_tokenizer_free(tokenizer);
  return status;
}

static void test_each_allocation_may_fail(void **state) {
  (void)state;
  static char path[] = ATT_TEST_DATA "/tokenizer/bert.json";
  assert_true(fail_each_allocation(encode, path) > 10);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_places), cmocka_unit_test(test_marks),
                                     cmocka_unit_test(test_each_allocation_may_fail)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
