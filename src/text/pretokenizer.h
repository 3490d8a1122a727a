/*
 * Owns what pre-tokenizers do to a text, each as components.h says of att_pretokenizer, and the running of them.
 */
#ifndef ATT_TEXT_PRETOKENIZER_H
#define ATT_TEXT_PRETOKENIZER_H

#include "text/components.h"

/* ByteLevel: a piece that does not begin with a space gets one. */
att_status att_split_space_before(att_context *ctx, const att_pretokenizer *p, att_text text, bool first,
                                  att_buffer *buffer, att_text *out);
/* Metaspace: its string for spaces, and before the piece as it says. */
att_status att_split_metaspace(att_context *ctx, const att_pretokenizer *p, att_text text, bool first,
                               att_buffer *buffer, att_text *out);

size_t att_split_whole(const att_pretokenizer *p, att_text text, size_t start, bool *kept);
size_t att_split_gpt2(const att_pretokenizer *p, att_text text, size_t start, bool *kept);
size_t att_split_gpt4(const att_pretokenizer *p, att_text text, size_t start, bool *kept);
size_t att_split_string(const att_pretokenizer *p, att_text text, size_t start, bool *kept);
/* Numbers apart from the rest; most_digits 1: each digit alone. */
size_t att_split_digits(const att_pretokenizer *p, att_text text, size_t start, bool *kept);
/* White space is dropped. */
size_t att_split_whitespace(const att_pretokenizer *p, att_text text, size_t start, bool *kept);
/* The same, and words (\w+) apart from other characters. */
size_t att_split_words_and_marks(const att_pretokenizer *p, att_text text, size_t start, bool *kept);

#endif
