/* Owns the text of a sample. See pieces.h. */
#include "serve/pieces.h"

#include "decode/stops.h"

#include <string.h>

att_status att_pieces_begin(att_pieces *p, att_context *ctx, const att_tokenizer *tokenizer, const att_ids *before,
                            const char *const *stop, size_t stop_count) {
  *p = (att_pieces){.stop = stop, .stop_count = stop_count};
  p->decoder = (att_decoder){.tokenizer = tokenizer, .skip_special = true};
  for (size_t i = 0; tokenizer && before && i < before->count; i++) {
    ATT_TRY(att_decoder_put(&p->decoder, ctx, before->data[i], &p->held));
    p->held.size = 0;
  }
  return att_buffer_append(ctx, &p->held, "", 0); /* a text, if only an empty one */
}

/* Bytes at the end of the text that may be the beginning of a stop text. */
static size_t undecided(const att_pieces *p) {
  const att_buffer *text = &p->held;
  size_t most = 0;
  for (size_t i = 0; i < p->stop_count; i++) {
    size_t size = strlen(p->stop[i]) - 1;
    if (size > text->size) size = text->size;
    for (; size > most && memcmp(text->data + text->size - size, p->stop[i], size) != 0; size--) continue;
    if (size > most) most = size;
  }
  return most;
}

/* A special token has no text, but may be asked for by its spelling. */
static bool is_stop(const att_pieces *p, int32_t token) {
  const att_tokenizer *tokenizer = p->decoder.tokenizer;
  const char *spelling =
      tokenizer && att_tokenizer_is_special(tokenizer, token) ? att_tokenizer_token(tokenizer, token) : NULL;
  for (size_t i = 0; spelling && i < p->stop_count; i++) {
    if (strcmp(p->stop[i], spelling) == 0) return true;
  }
  return false;
}

att_status att_pieces_put(att_pieces *p, att_context *ctx, int32_t token, double logprob, const att_token_logprob *top,
                          att_finish *finish, size_t *size) {
  ATT_TRY(att_ids_push(ctx, &p->tokens, token));
  ATT_TRY(att_buffer_append(ctx, &p->logprobs, &logprob, sizeof logprob));
  if (top) ATT_TRY(att_buffer_append(ctx, &p->top, top, p->top_count * sizeof *top));
  p->logprob += logprob;
  if (is_stop(p, token)) *finish = ATT_FINISH_STOP;
  if (p->decoder.tokenizer) {
    ATT_TRY(att_decoder_put(&p->decoder, ctx, token, &p->held));
    if (*finish != ATT_RUNNING) ATT_TRY(att_decoder_end(&p->decoder, ctx, &p->held));
  }
  *size = att_stop_find(p->stop, p->stop_count, (att_text){p->held.data, p->held.size});
  if (*size < p->held.size) *finish = ATT_FINISH_STOP;
  if (*finish == ATT_RUNNING) *size -= undecided(p);
  return ATT_OK;
}

void att_pieces_show(const att_pieces *p, size_t size, att_piece_of_text *piece) {
  piece->text = p->held.data;
  piece->size = size;
  piece->tokens = p->tokens.data;
  piece->token_count = p->tokens.count;
  piece->first_token = p->given;
  piece->logprobs = (const double *)(const void *)p->logprobs.data;
  piece->logprob = p->logprob;
  piece->top = (const att_token_logprob *)(const void *)p->top.data;
  piece->top_count = p->top_count;
}

void att_pieces_pass(att_pieces *p, size_t size) {
  p->given = p->tokens.count;
  p->held.size -= size;
  memmove(p->held.data, p->held.data + size, p->held.size + 1);
}

void att_pieces_free(att_pieces *p, att_context *ctx) {
  att_free(ctx, p->tokens.data);
  att_decoder_free(&p->decoder, ctx);
  att_buffer_free(ctx, &p->logprobs);
  att_buffer_free(ctx, &p->top);
  att_buffer_free(ctx, &p->held);
}
