/* Owns the way of ids back to text, all at once and as they come. See tokenizer.h. */
#include "text/parts.h"
#include "text/pretokenize.h"
#include "text/unicode.h"

#include <string.h>

/* The bytes that a token's characters stand for; a token with any other character stands for itself. */
static att_status append_bytes(att_context *ctx, const char *token, att_buffer *out) {
  size_t before = out->size, size = strlen(token), bad;
  for (size_t i = 0; i < size;) {
    int32_t code;
    int length = att_utf8_next(token + i, size - i, &code, &bad);
    int byte = length > 0 ? att_char_to_byte(code) : -1;
    if (byte < 0) {
      out->size = before;
      return att_buffer_append(ctx, out, token, size);
    }
    char single = (char)byte;
    ATT_TRY(att_buffer_append(ctx, out, &single, 1));
    i += (size_t)length;
  }
  return ATT_OK;
}

/* Gives what is held but the start of a character at its end that its next bytes may complete. */
static att_status give_whole(att_decoder *d, att_context *ctx, att_buffer *out) {
  size_t size = d->held.size, keep = 0, bad;
  for (size_t back = 1; back <= 3 && back <= size; back++) {
    const char *start = d->held.data + size - back;
    int32_t code;
    if (((unsigned char)*start & 0xc0) == 0x80) continue;
    if (att_utf8_next(start, back, &code, &bad) < 0 && bad == back && (unsigned char)*start >= 0xc2 &&
        (unsigned char)*start <= 0xf4)
      keep = back;
    break;
  }
  ATT_TRY(att_utf8_repair(ctx, (att_text){d->held.data, size - keep}, out));
  if (keep) memmove(d->held.data, d->held.data + size - keep, keep);
  d->held.size = keep;
  return ATT_OK;
}

/* Every `what` in the text by `with`, which is not longer, from the left. */
static void replace_all(att_buffer *text, const char *what, const char *with) {
  size_t size = strlen(what), kept = 0;
  for (size_t i = 0; i < text->size;) {
    bool here = text->size - i >= size && memcmp(text->data + i, what, size) == 0;
    if (here) memcpy(text->data + kept, with, strlen(with));
    if (!here) text->data[kept] = text->data[i];
    kept += here ? strlen(with) : 1;
    i += here ? size : 1;
  }
  text->size = kept;
}

/* A token of WordPiece, with what comes before it. The peer cleans up within a token and the space before it only. */
static att_status put_piece(att_decoder *d, att_context *ctx, const char *token, bool first, att_buffer *out) {
  static const char *const untidy[][2] = {{" .", "."},   {" ?", "?"},     {" !", "!"},    {" ,", ","},
                                          {" ' ", "'"},  {" n't", "n't"}, {" 'm", "'m"},  {" do not", " don't"},
                                          {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"}};
  const att_decode_plan *plan = &d->tokenizer->decoding;
  size_t prefix = strlen(plan->prefix);
  bool goes_on = !first && strncmp(token, plan->prefix, prefix) == 0;
  d->piece.size = 0;
  if (!first && !goes_on) ATT_TRY(att_buffer_append(ctx, &d->piece, " ", 1));
  if (goes_on) token += prefix;
  ATT_TRY(att_buffer_append(ctx, &d->piece, token, strlen(token)));
  for (size_t i = 0; plan->clean_up && i < sizeof untidy / sizeof *untidy; i++)
    replace_all(&d->piece, untidy[i][0], untidy[i][1]);
  return att_buffer_append(ctx, out, d->piece.data, d->piece.size);
}

att_status att_decoder_put(att_decoder *d, att_context *ctx, int32_t id, att_buffer *out) {
  const att_tokenizer *t = d->tokenizer;
  const char *token = att_tokenizer_token(t, id);
  if (!token || (d->skip_special && att_tokenizer_is_special(t, id))) return ATT_OK;
  if (t->added_of[id]) token = t->added_of[id]->content.data; /* normalised, as the peer's since 0.22 */
  bool first = !d->started;
  d->started = true;
  if (t->decoding.kind == ATT_DECODE_BYTES) {
    ATT_TRY(append_bytes(ctx, token, &d->held));
    return give_whole(d, ctx, out);
  }
  if (t->decoding.kind == ATT_DECODE_WORDPIECE) return put_piece(d, ctx, token, first, out);
  if (t->decoding.kind == ATT_DECODE_SPACED && !first) ATT_TRY(att_buffer_append(ctx, out, " ", 1));
  return att_buffer_append(ctx, out, token, strlen(token));
}

att_status att_decoder_end(att_decoder *d, att_context *ctx, att_buffer *out) {
  ATT_TRY(att_utf8_repair(ctx, (att_text){d->held.data, d->held.size}, out));
  d->held.size = 0;
  return att_buffer_append(ctx, out, "", 0); /* also of nothing comes a string */
}

void att_decoder_free(att_decoder *d, att_context *ctx) {
  att_buffer_free(ctx, &d->held);
  att_buffer_free(ctx, &d->piece);
}

att_status att_tokenizer_decode(const att_tokenizer *tokenizer, att_context *ctx, const int32_t *ids, size_t count,
                                bool skip_special, att_buffer *out) {
  att_decoder decoder = {.tokenizer = tokenizer, .skip_special = skip_special};
  att_status status = ATT_OK;
  for (size_t i = 0; i < count && status == ATT_OK; i++) status = att_decoder_put(&decoder, ctx, ids[i], out);
  if (status == ATT_OK) status = att_decoder_end(&decoder, ctx, out);
  att_decoder_free(&decoder, ctx);
  return status;
}
