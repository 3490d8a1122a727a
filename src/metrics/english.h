/*
 * Owns English text made alike before it is compared: the rules of Whisper's normalizer (Radford et al. 2022, appendix
 * C), as Transformers has them in EnglishTextNormalizer. Digits are those of ASCII. British spellings stay, unless a
 * table of them is given (the normalizer.json of a Whisper folder).
 */
#ifndef ATT_METRICS_ENGLISH_H
#define ATT_METRICS_ENGLISH_H

#include "base/context.h"

#include <jansson.h>

/* Appends the text. spellings: an object of word to word, or NULL. */
att_status att_english_normalize(att_context *ctx, att_text text, const json_t *spellings, att_buffer *out);

/* The part that writes numbers in digits: words between spaces, appended with a space between two (english_numbers.c).
 */
att_status att_english_numbers(att_context *ctx, att_text text, att_buffer *out);
/* Whether a word says a number that "and a half" may follow: "two", "twenty", "oh", "million". */
bool att_english_is_number(att_text word);

#endif
