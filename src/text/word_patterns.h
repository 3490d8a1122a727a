/*
 * Owns the cutting of text into words that byte-level BPE works within, and the spelling of bytes as printable
 * characters. Refuses patterns other than GPT-2's and GPT-4's.
 */
#ifndef ATT_TEXT_WORD_PATTERNS_H
#define ATT_TEXT_WORD_PATTERNS_H

#include "base/context.h"

/* The end of the word that begins at text[start] (start < size; valid UTF-8), by GPT-2's pattern (Radford et al. 2019):
 * 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+ */
size_t att_word_end(const char *text, size_t size, size_t start);

/* The same by GPT-4's pattern, of which Llama 3's (most_digits 3) and Qwen 2's (1) are the known kinds:
 * (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+
 */
size_t att_word_end_gpt4(const char *text, size_t size, size_t start, int most_digits);

/* GPT-2's printable character for a byte, and the byte of a character (-1 where it stands for none). */
int32_t att_byte_to_char(unsigned char byte);
int att_char_to_byte(int32_t code);
/* Appends the bytes spelled in those characters. */
att_status att_spell(att_context *ctx, const char *bytes, size_t size, att_buffer *out);

#endif
