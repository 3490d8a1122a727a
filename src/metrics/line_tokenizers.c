/*
 * Owns lines as code points, BLEU's tokenizers: 13a (mteval-v13a.pl's), none, char, intl (mteval-v14.pl's) and zh, and
 * TER's (Tercom's Normalizer.java), with sacreBLEU's behaviour to the character (Post 2018). Refuses lines that are
 * absurdly long.
 */
#include "metrics/line_tokenizers.h"

#include <string.h>
#include <utf8proc.h>

att_status att_runes_reserve(att_context *ctx, att_runes *runes, size_t count) {
  if (count > (size_t)1 << 29)
    return att_fail(ctx, ATT_ARGUMENT, "a line of %zu characters is too long to score", count);
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

/* ---- rules that put spaces around characters, or take some away, one after the other ---- */

typedef bool rune_class(int32_t rune);

static bool is_any(int32_t rune) { return rune >= 0; }
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

typedef struct rune_range {
  int32_t first, last;
} rune_range;

static bool is_in(int32_t rune, const rune_range *ranges, size_t count) {
  for (size_t i = 0; i < count; i++)
    if (rune >= ranges[i].first && rune <= ranges[i].last) return true;
  return false;
}
#define IS_IN(rune, ranges) is_in(rune, ranges, sizeof(ranges) / sizeof *(ranges))

/* The second range comes of sacreBLEU's "\u20000" and "\u2a6d6": Python reads them as U+2000 and U+2A6D with a digit
 * after, so what was to be CJK's extension B is dashes, quotation marks, arrows, signs and boxes. */
static bool is_chinese(int32_t rune) {
  static const rune_range ranges[] = {
      {0x3400, 0x4db5}, {0x2001, 0x2a6d}, {0x4e00, 0x9fbb}, {0xf900, 0xfa2d}, {0xfa30, 0xfa6a}, {0xfa70, 0xfad9},
      {0xff00, 0xffef}, {0x2e80, 0x2eff}, {0x3000, 0x303f}, {0x31c0, 0x31ef}, {0x2f00, 0x2fdf}, {0x2ff0, 0x2fff},
      {0x3100, 0x312f}, {0x31a0, 0x31bf}, {0xfe10, 0xfe1f}, {0xfe30, 0xfe4f}, {0x3200, 0x33ff},
  };
  return IS_IN(rune, ranges);
}

static bool is_ter_mark(int32_t rune) { return rune > 0 && rune < 0x80 && strchr(".,?:;!\"()", rune); }

static bool is_asian_mark(int32_t rune) {
  static const rune_range ranges[] = {
      {0x3001, 0x3002}, {0x3008, 0x3011}, {0x3014, 0x301f}, {0xff61, 0xff65}, {0x30fb, 0x30fb}, /* Asian */
      {0xff0e, 0xff0e}, {0xff0c, 0xff0c}, {0xff1f, 0xff1f}, {0xff1a, 0xff1b}, {0xff01, 0xff02}, /* of full width */
      {0xff08, 0xff09},
  };
  return IS_IN(rune, ranges);
}

/* Kana is not among them: sacreBLEU's rules for it want the line to begin with kana, and there it begins with a space.
 */
static bool is_asian(int32_t rune) {
  static const rune_range ranges[] = {
      {0x4e00, 0x9fff}, {0x3400, 0x4dbf}, {0x31c0, 0x31ef}, {0x2e80, 0x2eff},
      {0xf900, 0xfaff}, {0xfe30, 0xfe4f}, {0x3200, 0x3f22},
  };
  return IS_IN(rune, ranges) || is_asian_mark(rune);
}

static void swap_runes(att_runes *a, att_runes *b) {
  att_runes swap = *a;
  *a = *b;
  *b = swap;
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
  swap_runes(line, scratch);
  return ATT_OK;
}

/* Replaces an ASCII text by another, which may be one character longer. */
static att_status replace(att_context *ctx, att_runes *line, att_runes *scratch, const char *from, const char *by) {
  size_t size = strlen(from), to = 0;
  ATT_TRY(att_runes_reserve(ctx, scratch, 2 * line->count));
  for (size_t i = 0; i < line->count;) {
    size_t same = 0;
    while (same < size && i + same < line->count && line->data[i + same] == from[same]) same++;
    if (same < size)
      scratch->data[to++] = line->data[i++];
    else
      for (const char *p = by; *p; p++) scratch->data[to++] = *p;
    if (same == size) i += size;
  }
  scratch->count = to;
  swap_runes(line, scratch);
  return ATT_OK;
}

static att_status replace_entities(att_context *ctx, att_runes *line, att_runes *scratch) {
  ATT_TRY(replace(ctx, line, scratch, "\n", " "));
  ATT_TRY(replace(ctx, line, scratch, "&quot;", "\""));
  ATT_TRY(replace(ctx, line, scratch, "&amp;", "&"));
  ATT_TRY(replace(ctx, line, scratch, "&lt;", "<"));
  return replace(ctx, line, scratch, "&gt;", ">");
}

/* A space at both ends. */
static att_status surround(att_context *ctx, att_runes *line) {
  ATT_TRY(att_runes_reserve(ctx, line, line->count + 2));
  memmove(line->data + 1, line->data, line->count * sizeof *line->data);
  line->data[0] = line->data[line->count + 1] = ' ';
  line->count += 2;
  return ATT_OK;
}

static att_status part_points(att_context *ctx, att_runes *line, att_runes *scratch) {
  ATT_TRY(substitute(ctx, line, scratch, not_digit, is_point, "1 2 "));
  ATT_TRY(substitute(ctx, line, scratch, is_point, not_digit, " 1 2"));
  return substitute(ctx, line, scratch, is_digit, is_dash, "1 2 ");
}

/* ---- the tokenizers ---- */

static att_status tokenize_13a(att_context *ctx, att_runes *line, att_runes *scratch) {
  ATT_TRY(replace(ctx, line, scratch, "<skipped>", ""));
  ATT_TRY(replace(ctx, line, scratch, "-\n", ""));
  ATT_TRY(replace_entities(ctx, line, scratch));
  ATT_TRY(surround(ctx, line));
  ATT_TRY(substitute(ctx, line, scratch, is_ascii_mark, NULL, " 1 "));
  return part_points(ctx, line, scratch);
}

static att_status tokenize_intl(att_context *ctx, att_runes *line, att_runes *scratch) {
  ATT_TRY(substitute(ctx, line, scratch, not_number, is_punctuation, "1 2 "));
  ATT_TRY(substitute(ctx, line, scratch, is_punctuation, not_number, " 1 2"));
  return substitute(ctx, line, scratch, is_symbol, NULL, " 1 ");
}

/* 13a's rules without its spaces at the ends, so that a point at the start stays with its word. */
static att_status tokenize_zh(att_context *ctx, att_runes *line, att_runes *scratch) {
  size_t spaces = 0;
  while (spaces < line->count && att_rune_is_space(line->data[spaces])) spaces++;
  line->count -= spaces;
  memmove(line->data, line->data + spaces, line->count * sizeof *line->data);
  ATT_TRY(substitute(ctx, line, scratch, is_chinese, NULL, " 1 "));
  ATT_TRY(substitute(ctx, line, scratch, is_ascii_mark, NULL, " 1 "));
  return part_points(ctx, line, scratch);
}

static void strip_end(att_runes *line) {
  while (line->count > 0 && att_rune_is_space(line->data[line->count - 1])) line->count--;
}

att_status att_bleu_tokenize(att_context *ctx, att_bleu_tokenizer tokenizer, att_runes *line, att_runes *scratch) {
  strip_end(line);
  switch (tokenizer) {
  case ATT_BLEU_13A: return tokenize_13a(ctx, line, scratch);
  case ATT_BLEU_INTL: return tokenize_intl(ctx, line, scratch);
  case ATT_BLEU_CHAR: return substitute(ctx, line, scratch, is_any, NULL, "1 ");
  case ATT_BLEU_ZH: return tokenize_zh(ctx, line, scratch);
  case ATT_BLEU_NONE: return ATT_OK;
  }
  return att_fail(ctx, ATT_ARGUMENT, "BLEU: tokenizer %d is none of 13a, none, char, intl, zh", (int)tokenizer);
}

static att_status normalize_for_ter(att_context *ctx, bool asian, att_runes *line, att_runes *scratch) {
  ATT_TRY(replace(ctx, line, scratch, "\n-", ""));
  ATT_TRY(replace_entities(ctx, line, scratch));
  ATT_TRY(surround(ctx, line));
  ATT_TRY(substitute(ctx, line, scratch, is_ascii_mark, NULL, " 1 "));
  ATT_TRY(replace(ctx, line, scratch, "'s ", " 's "));
  ATT_TRY(part_points(ctx, line, scratch));
  return asian ? substitute(ctx, line, scratch, is_asian, NULL, " 1 ") : ATT_OK;
}

att_status att_ter_tokenize(att_context *ctx, const att_bleu_options *options, att_runes *line, att_runes *scratch) {
  strip_end(line);
  if (line->count == 0) return ATT_OK;
  if (options->ter_normalized) ATT_TRY(normalize_for_ter(ctx, options->ter_asian_support, line, scratch));
  if (options->ter_no_punct) ATT_TRY(substitute(ctx, line, scratch, is_ter_mark, NULL, ""));
  if (options->ter_no_punct && options->ter_asian_support)
    ATT_TRY(substitute(ctx, line, scratch, is_asian_mark, NULL, ""));
  for (size_t i = 0; i < line->count; i++)
    if (att_rune_is_space(line->data[i])) line->data[i] = ' '; /* "'s" may be followed by another at the first time */
  return ATT_OK;
}
