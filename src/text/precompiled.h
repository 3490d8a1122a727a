/*
 * Owns SentencePiece's table of what characters become before text is cut (`Precompiled` in a tokenizer.json): its
 * reading from base64, and what it does to a text. Refuses to make such tables.
 */
#ifndef ATT_TEXT_PRECOMPILED_H
#define ATT_TEXT_PRECOMPILED_H

#include "base/context.h"

/* The bytes: a number of 4 bytes (all are little-endian); so many bytes of units of 4, a trie over UTF-8 (the double
 * array of darts-clone), whose values are places in what follows; texts, each ending in NUL. */
typedef struct att_charsmap {
  att_buffer bytes; /* owned */
  att_text units, texts;
} att_charsmap;

/* Where the character that begins at `at` ends for a user (Unicode Standard Annex 29, extended grapheme clusters). */
size_t att_cluster_end(att_text text, size_t at);
/* base64: with padding. Broken: ATT_FORMAT, `name` in the message. */
att_status att_charsmap_read(att_context *ctx, const char *name, const char *base64, att_charsmap *map);
/* Appends the text (valid UTF-8) as the normaliser of `tokenizers` has it: what a user sees as one character, where it
 * is below 6 bytes, becomes the text of the shortest start of it that the table has; else each code point for itself;
 * what the table has not stays. */
att_status att_charsmap_apply(const att_charsmap *map, att_context *ctx, att_text text, att_buffer *out);

#endif
