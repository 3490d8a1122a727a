/*
 * Owns what Python's str knows of characters: their count and places, white space, cases, digits (Unicode 14, as
 * Python 3.11 has it). All text is valid UTF-8.
 */
#ifndef ATT_TEXT_TEMPLATE_CHARACTERS_H
#define ATT_TEXT_TEMPLATE_CHARACTERS_H

#include "text/unicode.h"

/* Bytes of the character that begins with this byte. */
static inline size_t att_character_size(char lead) {
  unsigned char byte = (unsigned char)lead;
  return byte < 0x80 ? 1 : byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4;
}
/* Where the character before text[at] begins; at > 0. */
size_t att_character_before(att_text text, size_t at);
/* The character at text[at], and the place behind it in *at. */
int32_t att_character_next(att_text text, size_t *at);
size_t att_count_characters(att_text text);
/* Where the character of that number begins, counted from 0; text.size where there are no more. */
size_t att_character_place(att_text text, size_t number);

/* Python's isspace, which is \s of Python's re too. */
bool att_character_is_blank(int32_t code);
/* Characters at both ends left out: those of `which`, or blanks where it is NULL. */
att_text att_strip(att_text text, const att_text *which, bool left, bool right);

typedef enum att_case {
  ATT_CASE_UPPER,      /* str.upper() */
  ATT_CASE_LOWER,      /* str.lower() */
  ATT_CASE_TITLE,      /* str.title() */
  ATT_CASE_CAPITALIZE, /* str.capitalize() */
} att_case;
/* Appends. */
att_status att_change_case(att_context *ctx, att_text text, att_case to, att_buffer *out);

/* Python's isalpha and its like: whether there are characters, and all are of the kind. */
typedef enum att_character_class {
  ATT_CLASS_ALPHA,
  ATT_CLASS_ALNUM,
  ATT_CLASS_DIGIT,
  ATT_CLASS_DECIMAL,
  ATT_CLASS_SPACE
} att_character_class;
bool att_all_are(att_text text, att_character_class kind);
/* Python's isupper and islower. */
bool att_text_is_case(att_text text, bool upper);
/* str.isprintable() of one character */
bool att_character_is_printable(int32_t code);

#endif
