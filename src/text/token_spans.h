/*
 * Owns where tokens stand in the text that they were made of: what a normalizer and pre-tokenizers do to a text is
 * followed back, byte by byte. For the files of this room; tokenizer.h has the call.
 */
#ifndef ATT_TEXT_TOKEN_SPANS_H
#define ATT_TEXT_TOKEN_SPANS_H

#include "text/components.h"

/* A place in what a pre-tokenizer changed, and the one in what stood before; both only go on. */
typedef struct att_change_cursor {
  const char *before; /* of which piece; NULL: none yet */
  size_t from, to;
} att_change_cursor;

/* One encoding. Begin with {.tokenizer, .ctx, .text, .spans}; free with att_span_recorder_free. */
typedef struct att_span_recorder {
  const att_tokenizer *tokenizer;
  att_context *ctx;
  att_text text; /* all of it; valid UTF-8 */
  att_token_spans *spans;
  att_text normal;         /* the piece that was normalised last, as it became */
  att_token_span *origins; /* [normal.size]: of each byte; the bytes of the text that it was made of */
  att_token_span *scratch; /* */
  size_t capacity, scratch_capacity;
  att_buffer steps[2], piece;
  att_text changed[ATT_MOST_PRETOKENIZERS]; /* what stood before each pre-tokenizer's change; data NULL: nothing */
  att_change_cursor cursors[ATT_MOST_PRETOKENIZERS];
} att_span_recorder;

/* A piece of the text is about to be normalised: finds where each byte of what it becomes is from. */
att_status att_spans_normalize(att_span_recorder *recorder, att_text piece, att_text normal);
/* A token was found in the text, or in the normalised piece. */
att_status att_spans_found(att_span_recorder *recorder, const char *begin, const char *end);
/* A word became these ids. pieces: the pre-tokenizers' buffers. */
att_status att_spans_word(att_span_recorder *recorder, const att_buffer *pieces, att_text word, const int32_t *ids,
                          size_t count);
void att_span_recorder_free(att_span_recorder *recorder);

#endif
