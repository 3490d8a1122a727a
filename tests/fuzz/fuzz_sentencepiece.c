/*
 * Any bytes as a SentencePiece file. What is accepted must take a text to ids of its own and back without harm.
 * Built by cmake/tests.cmake as fuzz_tokenizer.c; the seeds are made by tools/make_fuzz_seeds.py.
 */
#include "text/sentencepiece.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void use(const att_tokenizer *tokenizer, att_context *ctx) {
  static const char plain[] = "Ein Hund l\xc3\xa4uft \xff durch den  Schnee. 123 \xf0\x9f\x98\x80</s>";
  att_ids ids = {0};
  att_buffer back = {0};
  if (att_tokenizer_encode(tokenizer, ctx, (att_text){plain, sizeof plain - 1}, true, &ids) == ATT_OK) {
    for (size_t i = 0; i < ids.count; i++)
      if (ids.data[i] < 0 || ids.data[i] >= att_tokenizer_size(tokenizer)) abort();
    (void)att_tokenizer_decode(tokenizer, ctx, ids.data, ids.count, false, &back);
  }
  att_free(ctx, ids.data);
  att_buffer_free(ctx, &back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  att_context *ctx;
  att_token_list list;
  att_sentencepiece settings;
  att_tokenizer *tokenizer = NULL;
  if (att_context_new(NULL, &ctx) != ATT_OK) abort();
  att_text file = {(const char *)data, size};
  att_status status = att_sentencepiece_read(ctx, "t.model", file, 0, &settings, &list);
  if (!status) status = att_sentencepiece_parts(&settings, &list);
  if (!status && att_token_list_open(&list, &tokenizer) == ATT_OK) use(tokenizer, ctx);
  att_tokenizer_free(tokenizer);
  att_token_list_free(&list);
  att_context_free(ctx);
  return 0;
}
