/* Any bytes as a tokenizer.json: refused with a message, or it makes ids of text and text of ids. The text is the bytes
 * themselves. */
#include "text/tokenizer.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void use(att_context *ctx, const att_tokenizer *tokenizer, att_text text) {
  att_ids ids = {0};
  att_buffer out = {0};
  if (att_tokenizer_encode(tokenizer, ctx, text, true, &ids) == ATT_OK) {
    int32_t limit = att_tokenizer_size(tokenizer);
    for (size_t i = 0; i < ids.count; i++)
      if (ids.data[i] < 0 || ids.data[i] >= limit) abort();
    (void)att_tokenizer_decode(tokenizer, ctx, ids.data, ids.count, false, &out);
  }
  for (int32_t id = -2; id < 10; id++) (void)att_tokenizer_token(tokenizer, id);
  att_free(ctx, ids.data);
  att_buffer_free(ctx, &out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  att_context *ctx;
  att_tokenizer *tokenizer;
  const char *bytes = (const char *)data;
  if (att_context_new(&(att_context_options){.threads = 1}, &ctx) != ATT_OK) exit(1);
  if (att_tokenizer_parse(ctx, "fuzz", bytes, size, &tokenizer) == ATT_OK) {
    use(ctx, tokenizer, (att_text){bytes, size < 4096 ? size : 4096});
    att_tokenizer_free(tokenizer);
  } else if (!att_message(ctx)[0]) {
    abort();
  }
  att_context_free(ctx);
  return 0;
}
