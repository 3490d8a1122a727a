/*
 * Owns what text needs of Unicode: reading UTF-8 that may be broken, the properties the tokenizers' patterns ask for,
 * normal forms, lower case. Refuses to know tokens. Tables are utf8proc's (Unicode 14 in Debian 12).
 */
#ifndef ATT_TEXT_UNICODE_H
#define ATT_TEXT_UNICODE_H

#include "base/context.h"

/* Bytes of the character at text[0] (size >= 1), its code point in *code. Where the bytes are not UTF-8: -1 and the
 * length of the longest start of a character in *bad: what becomes one U+FFFD (Unicode 14, section 3.9, table 3-7). */
int att_utf8_next(const char *text, size_t size, int32_t *code, size_t *bad);
/* Writes a valid code point's 1 to 4 bytes. */
size_t att_utf8_put(int32_t code, char out[4]);
bool att_utf8_valid(const char *text, size_t size);
/* Appends text with each broken sequence replaced by U+FFFD. */
att_status att_utf8_repair(att_context *ctx, att_text text, att_buffer *out);

/* Nothing, or nothing but ASCII white space. */
bool att_is_blank(att_text text);

bool att_is_letter(int32_t code); /* \p{L} */
bool att_is_number(int32_t code); /* \p{N} */
bool att_is_space(int32_t code);  /* \s: White_Space */
bool att_is_word(int32_t code);   /* \w */
bool att_is_mark(int32_t code);   /* \p{M} */

/* Unicode's normal forms, and a text in lower case, a character at a time without context. Both append to out; the
 * text must be valid UTF-8. */
typedef enum att_form { ATT_NFC, ATT_NFD, ATT_NFKC, ATT_NFKD } att_form;
att_status att_normal_form(att_context *ctx, att_form form, att_text text, att_buffer *out);
att_status att_lowercase(att_context *ctx, att_text text, att_buffer *out);
/* Appends the text with each `what` (not empty), from the left, as `with`. */
att_status att_replace(att_context *ctx, att_text text, const char *what, const char *with, att_buffer *out);

#endif
