/*
 * Any bytes as a tokenizer.json and, behind a NUL byte, a text. What is accepted must take the text to ids of its own
 * and back without harm.
 * Built by cmake/tests.cmake: with ATTEND_FUZZ by clang's -fsanitize=fuzzer; else with runner.c, as a test over
 * tests/data/fuzz/fuzz_tokenizer (made by tools/make_fuzz_seeds.py).
 */
#include "text/tokenizer.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void use(const att_tokenizer *tokenizer, att_context *ctx, att_text text) {
  att_ids ids = {0};
  att_buffer back = {0};
  if (att_tokenizer_encode(tokenizer, ctx, text, true, &ids) == ATT_OK) {
    for (size_t i = 0; i < ids.count; i++) {
      if (ids.data[i] < 0 || ids.data[i] >= att_tokenizer_size(tokenizer)) abort();
    }
    (void)att_tokenizer_decode(tokenizer, ctx, ids.data, ids.count, false, &back);
  }
  att_free(ctx, ids.data);
  att_buffer_free(ctx, &back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const char plain[] = "Ein Hund l\xc3\xa4uft \xff durch den  Schnee. 123 \xf0\x9f\x98\x80</s>";
  att_text text = {plain, sizeof plain - 1};
  const uint8_t *end = size > 0 ? memchr(data, 0, size) : NULL;
  size_t first = end ? (size_t)(end - data) : size;
  if (end) text = (att_text){(const char *)end + 1, size - first - 1};
  att_context *ctx;
  att_tokenizer *tokenizer;
  if (att_context_new(NULL, &ctx) != ATT_OK) abort();
  if (att_tokenizer_parse(ctx, "tokenizer.json", (const char *)data, first, &tokenizer) == ATT_OK) {
    use(tokenizer, ctx, text);
  }
  att_tokenizer_free(tokenizer);
  att_context_free(ctx);
  return 0;
}
