/*
 * Owns what text needs of Unicode: reading UTF-8 that may be broken, the properties that patterns ask for, lower case
 * of a character. Refuses to know tokens. Tables are utf8proc's, and unicode_tables.h's where `tokenizers` has newer or
 * older ones: categories are those of Unicode 16, lower case of 17.
 */
#ifndef ATT_TEXT_UNICODE_H
#define ATT_TEXT_UNICODE_H

#include "base/context.h"

/* Bytes of the character at text[0] (size >= 1), its code point in *code. Where the bytes are not UTF-8: -1 and the
 * length of the longest start of a character in *bad: what becomes one U+FFFD (Unicode 14, section 3.9, table 3-7). */
int att_utf8_next(const char *text, size_t size, int32_t *code, size_t *bad);
/* The same of text that is UTF-8: the code point at `at`, *next: where the next one begins. */
int32_t att_code_at(att_text text, size_t at, size_t *next);
/* The code point that ends before `at` (at > 0), *begin: where it begins. */
int32_t att_code_before(att_text text, size_t at, size_t *begin);
/* Writes a valid code point's 1 to 4 bytes. */
size_t att_utf8_put(int32_t code, char out[4]);
bool att_utf8_valid(const char *text, size_t size);
/* Appends text with each broken sequence replaced by U+FFFD. */
att_status att_utf8_repair(att_context *ctx, att_text text, att_buffer *out);
/* Appends the text with each `what` (not empty), from the left, as `with`. */
att_status att_replace(att_context *ctx, att_text text, const char *what, const char *with, att_buffer *out);

/* Nothing, or nothing but ASCII white space. */
bool att_is_blank(att_text text);

/* Unicode's general categories, in utf8proc's order. */
typedef enum att_category {
  ATT_CN,
  ATT_LU,
  ATT_LL,
  ATT_LT,
  ATT_LM,
  ATT_LO,
  ATT_MN,
  ATT_MC,
  ATT_ME,
  ATT_ND,
  ATT_NL,
  ATT_NO,
  ATT_PC,
  ATT_PD,
  ATT_PS,
  ATT_PE,
  ATT_PI,
  ATT_PF,
  ATT_PO,
  ATT_SM,
  ATT_SC,
  ATT_SK,
  ATT_SO,
  ATT_ZS,
  ATT_ZL,
  ATT_ZP,
  ATT_CC,
  ATT_CF,
  ATT_CS,
  ATT_CO
} att_category;

/* Sets of them are bits: 1 << category. */
#define ATT_LETTERS        0x0000003eu
#define ATT_MARKS          0x000001c0u
#define ATT_NUMBERS        0x00000e00u
#define ATT_PUNCTUATION    0x0007f000u
#define ATT_SYMBOLS        0x00780000u
#define ATT_SEPARATORS     0x03800000u
#define ATT_OTHERS         0x3c000001u
#define ATT_ALL_CATEGORIES 0x3fffffffu

att_category att_category_of(int32_t code);
static inline uint32_t att_category_bit(int32_t code) { return 1u << att_category_of(code); }

bool att_is_letter(int32_t code); /* \p{L} */
bool att_is_number(int32_t code); /* \p{N} */
bool att_is_space(int32_t code);  /* \s: White_Space */
bool att_is_word(int32_t code);   /* \w, as Rust's regular expressions have it */

/* Lower case of a character by itself; U+0130's is two characters, of which this is the first. */
int32_t att_lower(int32_t code);
int32_t att_upper(int32_t code);

typedef struct att_code_range {
  int32_t first, last;
} att_code_range;
/* The characters of a script that patterns name (\p{Han}), [*count] in order, as Oniguruma has them (Unicode 16); NULL:
 * a script that is not known here. */
const att_code_range *att_script_ranges(att_text name, size_t *count);

/* The script of a character as SentencePiece's trainer has it (Unicode 14): Hiragana, Katakana and Han are one. */
enum { ATT_SCRIPT_COMMON, ATT_SCRIPT_INHERITED };
int att_script_of(int32_t code);

/* Whether normal forms leave the character as it is, and it is no accent, for it came after Unicode 9. */
bool att_is_formless(int32_t code);
/* A mark that is an accent: of Unicode 9. */
bool att_is_accent(int32_t code);

#endif
