/*
 * Owns how tokens become pieces of text: whole characters, nothing of a stop text, and nothing that may be the
 * beginning of one until that is decided. Refuses to know where tokens come from.
 */
#ifndef ATT_SERVE_PIECES_H
#define ATT_SERVE_PIECES_H

#include "text/tokenizer.h"

/* One sample. Zero-initialised is empty; free with att_pieces_free. */
typedef struct att_pieces {
  const char *const *stop; /* [stop_count] the caller's, none empty */
  size_t stop_count;
  att_decoder decoder;
  att_ids tokens;
  att_buffer logprobs; /* doubles */
  att_buffer top;      /* att_token_logprobs, top_count for each token */
  size_t top_count;
  double logprob;  /* their sum */
  att_buffer held; /* text that has not been given */
  size_t given;    /* tokens that came with pieces before */
} att_pieces;

/* before: tokens that stand before the sample, for the text of a token may depend on them. tokenizer NULL: there is no
 * text. */
att_status att_pieces_begin(att_pieces *pieces, att_context *ctx, const att_tokenizer *tokenizer, const att_ids *before,
                            const char *const *stop, size_t stop_count);
/* The next token, top: [top_count] the likeliest in its place. *finish: how the sample ends with it, which may become
 * ATT_FINISH_STOP. *size: so much of the text that is held may be given. */
att_status att_pieces_put(att_pieces *pieces, att_context *ctx, int32_t token, double logprob,
                          const att_token_logprob *top, att_finish *finish, size_t *size);
/* What a piece with `size` bytes of the held text says. */
void att_pieces_show(const att_pieces *pieces, size_t size, att_piece_of_text *piece);
/* It has been given. */
void att_pieces_pass(att_pieces *pieces, size_t size);
void att_pieces_free(att_pieces *pieces, att_context *ctx);

#endif
