/* Owns the way of ids back to text, all at once and as they come. See tokenizer.h. */
#include "text/components.h"
#include "text/unicode.h"
#include "text/word_patterns.h"

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

/* Through a Replace, from one scratch buffer to the other. */
static att_status replace(att_decoder *d, att_context *ctx, const char *what, const char *with, att_text *piece) {
  att_buffer *to = &d->pieces[piece->data == d->pieces[0].data];
  if (!memmem(piece->data, piece->size, what, strlen(what))) return ATT_OK;
  to->size = 0;
  ATT_TRY(att_replace(ctx, *piece, what, with, to));
  *piece = (att_text){to->data, to->size};
  return ATT_OK;
}

/* A token of WordPiece, with what comes before it. `tokenizers` cleans up within a token and the space before it only.
 */
static att_status join_piece(att_decoder *d, att_context *ctx, bool first, att_text *piece) {
  static const char *const untidy[][2] = {{" .", "."},   {" ?", "?"},     {" !", "!"},    {" ,", ","},
                                          {" ' ", "'"},  {" n't", "n't"}, {" 'm", "'m"},  {" do not", " don't"},
                                          {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"}};
  const att_decode_plan *plan = &d->tokenizer->decoding;
  size_t prefix = strlen(plan->prefix);
  bool goes_on = !first && strncmp(piece->data, plan->prefix, prefix) == 0;
  if (goes_on) *piece = (att_text){piece->data + prefix, piece->size - prefix};
  if (!first && !goes_on) {
    d->pieces[0].size = 0;
    ATT_TRY(att_buffer_append(ctx, &d->pieces[0], " ", 1));
    ATT_TRY(att_buffer_append(ctx, &d->pieces[0], piece->data, piece->size));
    *piece = (att_text){d->pieces[0].data, d->pieces[0].size};
  }
  for (size_t i = 0; plan->clean_up && i < sizeof untidy / sizeof *untidy; i++)
    ATT_TRY(replace(d, ctx, untidy[i][0], untidy[i][1], piece));
  return ATT_OK;
}

/* Appends, but what is to be stripped from the beginning of all. */
static att_status give(att_decoder *d, att_context *ctx, att_text text, att_buffer *out) {
  const att_decode_plan *plan = &d->tokenizer->decoding;
  const size_t size = plan->strip ? strlen(plan->strip) : 0;
  while (plan->strip && text.size >= size && d->stripped >= 0 && d->stripped < plan->strip_most) {
    bool here = memcmp(text.data, plan->strip, size) == 0;
    d->stripped = here ? d->stripped + 1 : -1;
    if (here) text = (att_text){text.data + size, text.size - size};
  }
  if (text.size > 0) d->stripped = -1;
  return att_buffer_append(ctx, out, text.data, text.size);
}

/* The bytes of a run of tokens like <0x0A>: as they are where they are UTF-8, else U+FFFD for each. */
static att_status give_run(att_decoder *d, att_context *ctx, att_buffer *out) {
  att_buffer *held = &d->held;
  if (held->size == 0) return ATT_OK;
  bool valid = att_utf8_valid(held->data, held->size);
  if (valid) ATT_TRY(give(d, ctx, (att_text){held->data, held->size}, out));
  for (size_t i = 0; !valid && i < held->size; i++) ATT_TRY(give(d, ctx, (att_text){"\xef\xbf\xbd", 3}, out));
  held->size = 0;
  return ATT_OK;
}

/* The byte that a token like <0x0A> stands for, or -1. */
static int byte_of(const char *token) {
  int value = 0;
  if (strlen(token) != 6 || memcmp(token, "<0x", 3) != 0 || token[5] != '>') return -1;
  for (int i = 3; i < 5; i++) {
    static const char digits[] = "0123456789ABCDEFabcdef";
    const char *digit = memchr(digits, token[i], sizeof digits - 1);
    if (!digit) return -1;
    int at = (int)(digit - digits);
    value = 16 * value + (at < 16 ? at : at - 6);
  }
  return value;
}

static att_status put_text(att_decoder *d, att_context *ctx, const char *token, bool first, att_buffer *out) {
  const att_decode_plan *plan = &d->tokenizer->decoding;
  att_text piece = {token, strlen(token)};
  for (int i = 0; i < plan->replacements; i++) ATT_TRY(replace(d, ctx, plan->what[i], plan->with[i], &piece));
  if (plan->space) ATT_TRY(replace(d, ctx, plan->space, first && plan->drop_first ? "" : " ", &piece));
  if (plan->kind == ATT_DECODE_WORDPIECE) ATT_TRY(join_piece(d, ctx, first, &piece));
  if (plan->kind == ATT_DECODE_SPACED && !first) ATT_TRY(att_buffer_append(ctx, out, " ", 1));
  return give(d, ctx, piece, out);
}

/* The token that is held, whose suffixes become `with`. */
static att_status give_held(att_decoder *d, att_context *ctx, const char *with, att_buffer *out) {
  att_status status =
      att_replace(ctx, (att_text){d->held.data, d->held.size}, d->tokenizer->decoding.suffix, with, out);
  d->held.size = 0;
  return status;
}

/* Transformers' clean_up_tokenization, over all of the text. */
static att_status clean_up(att_context *ctx, att_buffer *text, att_buffer *out) {
  static const char *const untidy[][2] = {{" .", "."},     {" ?", "?"},     {" !", "!"},   {" ,", ","},
                                          {" ' ", "'"},    {" n't", "n't"}, {" 'm", "'m"}, {" 's", "'s"},
                                          {" 've", "'ve"}, {" 're", "'re"}};
  att_buffer other = {0};
  att_status status = ATT_OK;
  for (size_t i = 0; i < sizeof untidy / sizeof *untidy && !status; i++) {
    other.size = 0;
    status = att_replace(ctx, (att_text){text->data, text->size}, untidy[i][0], untidy[i][1], &other);
    att_buffer swap = *text;
    *text = other;
    other = swap;
  }
  if (!status) status = att_buffer_append(ctx, out, text->data, text->size);
  att_buffer_free(ctx, &other);
  text->size = 0;
  return status;
}

att_status att_decoder_put(att_decoder *d, att_context *ctx, int32_t id, att_buffer *out) {
  const att_tokenizer *t = d->tokenizer;
  if (t->clean_up) out = &d->whole;
  const char *token = att_tokenizer_token(t, id);
  if (!token || (d->skip_special && att_tokenizer_is_special(t, id))) return ATT_OK;
  if (t->added_of[id]) token = t->added_of[id]->content.data; /* normalised, as `tokenizers` has it since 0.22 */
  bool first = !d->started;
  d->started = true;
  if (t->decoding.kind == ATT_DECODE_BYTES) {
    ATT_TRY(append_bytes(ctx, token, &d->held));
    return give_whole(d, ctx, out);
  }
  if (t->decoding.kind == ATT_DECODE_SUFFIXED) {
    ATT_TRY(give_held(d, ctx, " ", out));
    return att_buffer_append(ctx, &d->held, token, strlen(token));
  }
  int byte = t->decoding.byte_fallback ? byte_of(token) : -1;
  if (byte >= 0) {
    char single = (char)byte;
    return att_buffer_append(ctx, &d->held, &single, 1);
  }
  ATT_TRY(give_run(d, ctx, out));
  return put_text(d, ctx, token, first, out);
}

att_status att_decoder_end(att_decoder *d, att_context *ctx, att_buffer *out) {
  att_buffer *to = d->tokenizer->clean_up ? &d->whole : out;
  if (d->tokenizer->decoding.byte_fallback)
    ATT_TRY(give_run(d, ctx, to));
  else if (d->tokenizer->decoding.kind == ATT_DECODE_SUFFIXED)
    ATT_TRY(give_held(d, ctx, "", to));
  else
    ATT_TRY(att_utf8_repair(ctx, (att_text){d->held.data, d->held.size}, to));
  d->held.size = 0;
  if (to != out) ATT_TRY(clean_up(ctx, to, out));
  return att_buffer_append(ctx, out, "", 0); /* also of nothing comes a string */
}

void att_decoder_free(att_decoder *d, att_context *ctx) {
  att_buffer_free(ctx, &d->held);
  att_buffer_free(ctx, &d->whole);
  att_buffer_free(ctx, &d->pieces[0]);
  att_buffer_free(ctx, &d->pieces[1]);
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

att_status att_tokenizer_bytes(const att_tokenizer *t, att_context *ctx, int32_t id, att_buffer *out) {
  const char *token = att_tokenizer_token(t, id);
  if (!token || att_tokenizer_is_special(t, id)) return ATT_OK;
  if (t->added_of[id]) token = t->added_of[id]->content.data;
  if (t->decoding.kind == ATT_DECODE_BYTES) return append_bytes(ctx, token, out);
  int byte = t->decoding.byte_fallback ? byte_of(token) : -1;
  char single = (char)byte;
  if (byte >= 0) return att_buffer_append(ctx, out, &single, 1);
  att_decoder decoder = {.tokenizer = t, .stripped = -1};
  att_status status = put_text(&decoder, ctx, token, false, out);
  att_decoder_free(&decoder, ctx);
  return status;
}
