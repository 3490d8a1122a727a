/*
 * Owns lines as code points and BLEU's tokenizers: 13a (mteval-v13a.pl's), none, char and intl (mteval-v14.pl's), with
 * sacreBLEU's behaviour to the character (Post 2018). Refuses lines that are absurdly long.
 */
#include "metrics/ngrams.h"

#include <string.h>
#include <utf8proc.h>

att_status att_runes_reserve(att_context *ctx, att_runes *runes, size_t count) {
  if (count > (size_t)1 << 29)
    return att_fail(ctx, ATT_UNSUPPORTED, "a line of %zu characters is too long to score", count);
  if (count <= runes->capacity && runes->data) return ATT_OK;
  size_t capacity = runes->capacity * 2 > count ? runes->capacity * 2 : count + 64;
  int32_t *data = att_resize(ctx, runes->data, capacity, sizeof *data);
  if (!data) return ATT_MEMORY;
  runes->data = data;
  runes->capacity = capacity;
  return ATT_OK;
}

bool att_rune_is_space(int32_t rune) {
  if (rune <= ' ') return rune == ' ' || (rune >= 9 && rune <= 13) || (rune >= 28 && rune <= 31);
  if (rune < 0x1680) return rune == 0x85 || rune == 0xa0;
  return rune == 0x1680 || (rune >= 0x2000 && rune <= 0x200a) || rune == 0x2028 || rune == 0x2029 || rune == 0x202f ||
         rune == 0x205f || rune == 0x3000;
}

/* Unicode's Cased: letters of a case, and what has one though it is no letter: Roman numerals, circled letters. */
static bool is_cased(int32_t rune) {
  utf8proc_category_t category = utf8proc_category(rune);
  return category == UTF8PROC_CATEGORY_LU || category == UTF8PROC_CATEGORY_LL || category == UTF8PROC_CATEGORY_LT ||
         rune == 0xaa || rune == 0xba || utf8proc_tolower(rune) != rune || utf8proc_toupper(rune) != rune;
}

/* Unicode's Case_Ignorable: marks, formats, modifiers, and the points that may stand inside a word. */
static bool is_case_ignorable(int32_t rune) {
  static const uint16_t points[] = {'\'',   '.',    ':',    0xb7,   0x387,  0x55f,  0x5f4,  0x2018, 0x2019,
                                    0x2024, 0x2027, 0xfe13, 0xfe52, 0xfe55, 0xff07, 0xff0e, 0xff1a};
  switch (utf8proc_category(rune)) {
  case UTF8PROC_CATEGORY_MN:
  case UTF8PROC_CATEGORY_ME:
  case UTF8PROC_CATEGORY_CF:
  case UTF8PROC_CATEGORY_LM:
  case UTF8PROC_CATEGORY_SK: return true;
  default: break;
  }
  for (size_t i = 0; i < sizeof points / sizeof *points; i++)
    if (rune == points[i]) return true;
  return false;
}

/* Unicode's Final_Sigma: after a cased letter and before none. */
static bool is_final_sigma(const int32_t *data, size_t count, size_t at) {
  size_t before = at, after = at + 1;
  while (before > 0 && is_case_ignorable(data[before - 1])) before--;
  if (before == 0 || !is_cased(data[before - 1])) return false;
  while (after < count && is_case_ignorable(data[after])) after++;
  return after == count || !is_cased(data[after]);
}

/* In place, from the end, because U+0130 becomes two: room for twice the count must be there. */
static void lower(att_runes *runes) {
  size_t wide = 0, count = runes->count;
  int32_t *data = runes->data;
  for (size_t i = 0; i < count; i++) {
    wide += data[i] == 0x130;
    if (data[i] == 0x3a3 && is_final_sigma(data, count, i)) data[i] = 0x3c2;
  }
  size_t to = count + wide;
  runes->count = to;
  for (size_t i = count; i-- > 0;) {
    if (data[i] == 0x130) {
      data[--to] = 0x307;
      data[--to] = 'i';
    } else
      data[--to] = utf8proc_tolower(data[i]);
  }
}

att_status att_runes_read(att_context *ctx, att_text text, bool lowercase, att_runes *out) {
  if (att_is_interrupted(ctx)) return att_fail(ctx, ATT_INTERRUPTED, "interrupted while measuring");
  ATT_TRY(att_runes_reserve(ctx, out, text.size)); /* U+0130 has two bytes, so there is room for lower() */
  out->count = 0;
  for (size_t i = 0; i < text.size;) {
    utf8proc_int32_t rune = (unsigned char)text.data[i];
    utf8proc_ssize_t size = 1;
    if (rune >= 0x80) {
      size_t left = text.size - i;
      size = utf8proc_iterate((const utf8proc_uint8_t *)text.data + i, left < 4 ? (utf8proc_ssize_t)left : 4, &rune);
      if (size < 1) size = 1, rune = 0xfffd;
    }
    out->data[out->count++] = rune;
    i += (size_t)size;
  }
  if (lowercase) lower(out);
  return ATT_OK;
}

/* ---- 13a and intl: rules that put spaces around marks, one after the other ---- */

typedef bool rune_class(int32_t rune);

static bool is_digit(int32_t rune) { return rune >= '0' && rune <= '9'; }
static bool not_digit(int32_t rune) { return !is_digit(rune); }
static bool is_point(int32_t rune) { return rune == '.' || rune == ','; }
static bool is_dash(int32_t rune) { return rune == '-'; }
/* Python: [\{-\~\[-\` -\&\(-\+\:-\@\/] */
static bool is_ascii_mark(int32_t rune) {
  return (rune >= '{' && rune <= '~') || (rune >= '[' && rune <= '`') || (rune >= ' ' && rune <= '&') ||
         (rune >= '(' && rune <= '+') || (rune >= ':' && rune <= '@') || rune == '/';
}

static bool not_number(int32_t rune) {
  if (rune < 0x80) return !is_digit(rune);
  utf8proc_category_t category = utf8proc_category(rune);
  return category < UTF8PROC_CATEGORY_ND || category > UTF8PROC_CATEGORY_NO;
}
static bool is_punctuation(int32_t rune) {
  utf8proc_category_t category = utf8proc_category(rune);
  return category >= UTF8PROC_CATEGORY_PC && category <= UTF8PROC_CATEGORY_PO;
}
static bool is_symbol(int32_t rune) {
  utf8proc_category_t category = utf8proc_category(rune);
  return category >= UTF8PROC_CATEGORY_SM && category <= UTF8PROC_CATEGORY_SO;
}

/* Replaces, from the left and without overlap, (first)(second) as the pattern says, where 1 and 2 stand for the runes.
 * second NULL: single runes. The result may be three times as long. */
static att_status substitute(att_context *ctx, att_runes *line, att_runes *scratch, rune_class *first,
                             rune_class *second, const char *pattern) {
  ATT_TRY(att_runes_reserve(ctx, scratch, 3 * line->count));
  size_t to = 0, width = second ? 2 : 1;
  for (size_t i = 0; i < line->count;) {
    const int32_t *at = line->data + i;
    bool match = i + width <= line->count && first(at[0]) && (!second || second(at[1]));
    i += match ? width : 1;
    if (!match)
      scratch->data[to++] = at[0];
    else
      for (const char *p = pattern; *p; p++) scratch->data[to++] = *p == ' ' ? ' ' : at[*p - '1'];
  }
  scratch->count = to;
  att_runes swap = *line;
  *line = *scratch;
  *scratch = swap;
  return ATT_OK;
}

/* Replaces an ASCII text by one character, or by none where `to` is 0. */
static void replace(att_runes *line, const char *from, int32_t to) {
  size_t size = strlen(from), write = 0;
  for (size_t i = 0; i < line->count;) {
    size_t same = 0;
    while (same < size && i + same < line->count && line->data[i + same] == from[same]) same++;
    if (same < size)
      line->data[write++] = line->data[i++];
    else {
      i += size;
      if (to) line->data[write++] = to;
    }
  }
  line->count = write;
}

static att_status surround(att_context *ctx, att_runes *line) {
  ATT_TRY(att_runes_reserve(ctx, line, line->count + 2));
  memmove(line->data + 1, line->data, line->count * sizeof *line->data);
  line->data[0] = line->data[line->count + 1] = ' ';
  line->count += 2;
  return ATT_OK;
}

static att_status tokenize_13a(att_context *ctx, att_runes *line, att_runes *scratch) {
  replace(line, "<skipped>", 0);
  replace(line, "-\n", 0);
  replace(line, "\n", ' ');
  replace(line, "&quot;", '"');
  replace(line, "&amp;", '&');
  replace(line, "&lt;", '<');
  replace(line, "&gt;", '>');
  ATT_TRY(surround(ctx, line));
  ATT_TRY(substitute(ctx, line, scratch, is_ascii_mark, NULL, " 1 "));
  ATT_TRY(substitute(ctx, line, scratch, not_digit, is_point, "1 2 "));
  ATT_TRY(substitute(ctx, line, scratch, is_point, not_digit, " 1 2"));
  return substitute(ctx, line, scratch, is_digit, is_dash, "1 2 ");
}

static att_status tokenize_intl(att_context *ctx, att_runes *line, att_runes *scratch) {
  ATT_TRY(substitute(ctx, line, scratch, not_number, is_punctuation, "1 2 "));
  ATT_TRY(substitute(ctx, line, scratch, is_punctuation, not_number, " 1 2"));
  return substitute(ctx, line, scratch, is_symbol, NULL, " 1 ");
}

static bool is_any(int32_t rune) { return rune >= 0; }

att_status att_bleu_tokenize(att_context *ctx, att_bleu_tokenizer tokenizer, att_runes *line, att_runes *scratch) {
  while (line->count > 0 && att_rune_is_space(line->data[line->count - 1])) line->count--;
  switch (tokenizer) {
  case ATT_BLEU_13A: return tokenize_13a(ctx, line, scratch);
  case ATT_BLEU_INTL: return tokenize_intl(ctx, line, scratch);
  case ATT_BLEU_CHAR: return substitute(ctx, line, scratch, is_any, NULL, "1 ");
  case ATT_BLEU_NONE: return ATT_OK;
  }
  return att_fail(ctx, ATT_ARGUMENT, "BLEU: tokenizer %d is none of 13a, none, char, intl", (int)tokenizer);
}
