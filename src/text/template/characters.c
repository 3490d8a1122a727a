/* Owns Python's view of characters. See characters.h; tests/test_template.c compares each of Unicode's. */
#include "text/template/characters.h"

#include <string.h>
#include <utf8proc.h>

typedef struct span {
  int32_t first, last;
} span;

static bool within(int32_t code, const span *spans, size_t count) {
  for (size_t i = 0; i < count; i++)
    if (code >= spans[i].first && code <= spans[i].last) return true;
  return false;
}
#define WITHIN(code, spans) within((code), (spans), sizeof(spans) / sizeof *(spans))

/* ---- places ---------------------------------------------------------------------------------------------------- */

size_t att_character_before(att_text text, size_t at) {
  do at--;
  while (at > 0 && ((unsigned char)text.data[at] & 0xc0) == 0x80);
  return at;
}

int32_t att_character_next(att_text text, size_t *at) {
  int32_t code = 0xfffd;
  size_t bad;
  int size = att_utf8_next(text.data + *at, text.size - *at, &code, &bad);
  *at += size > 0 ? (size_t)size : bad;
  return code;
}

size_t att_count_characters(att_text text) {
  size_t count = 0;
  for (size_t i = 0; i < text.size; i++) count += ((unsigned char)text.data[i] & 0xc0) != 0x80;
  return count;
}

size_t att_character_place(att_text text, size_t number) {
  size_t at = 0;
  while (number > 0 && at < text.size) {
    at += att_character_size(text.data[at]);
    number--;
  }
  return at;
}

/* ---- white space ----------------------------------------------------------------------------------------------- */

bool att_character_is_blank(int32_t code) { return (code >= 0x1c && code <= 0x1f) || att_is_space(code); }

static bool is_one_of(att_text character, const att_text *which) {
  if (!which) {
    size_t at = 0;
    return att_character_is_blank(att_character_next(character, &at));
  }
  for (size_t i = 0; i < which->size; i += att_character_size(which->data[i])) {
    size_t size = att_character_size(which->data[i]);
    if (size == character.size && memcmp(which->data + i, character.data, size) == 0) return true;
  }
  return false;
}

att_text att_strip(att_text text, const att_text *which, bool left, bool right) {
  while (left && text.size) {
    size_t size = att_character_size(text.data[0]);
    if (!is_one_of((att_text){text.data, size}, which)) break;
    text = (att_text){text.data + size, text.size - size};
  }
  while (right && text.size) {
    size_t at = att_character_before(text, text.size);
    if (!is_one_of((att_text){text.data + at, text.size - at}, which)) break;
    text.size = at;
  }
  return text;
}

/* ---- cases ----------------------------------------------------------------------------------------------------- */

/* Unicode's Other_Lowercase and Other_Uppercase: what has a case though its category says no. */
static bool is_lower(int32_t code) {
  static const span others[] = {
      {0xaa, 0xaa},       {0xba, 0xba},       {0x2b0, 0x2b8},     {0x2c0, 0x2c1},     {0x2e0, 0x2e4},
      {0x345, 0x345},     {0x37a, 0x37a},     {0x1d2c, 0x1d6a},   {0x1d78, 0x1d78},   {0x1d9b, 0x1dbf},
      {0x2071, 0x2071},   {0x207f, 0x207f},   {0x2090, 0x209c},   {0x2170, 0x217f},   {0x24d0, 0x24e9},
      {0x2c7c, 0x2c7d},   {0xa69c, 0xa69d},   {0xa770, 0xa770},   {0xa7f8, 0xa7f9},   {0xab5c, 0xab5f},
      {0x10780, 0x10780}, {0x10783, 0x10785}, {0x10787, 0x107b0}, {0x107b2, 0x107ba},
  };
  if (code < 0x80) return code >= 'a' && code <= 'z';
  return utf8proc_category(code) == UTF8PROC_CATEGORY_LL || WITHIN(code, others);
}

static bool is_upper(int32_t code) {
  static const span others[] = {
      {0x2160, 0x216f}, {0x24b6, 0x24cf}, {0x1f130, 0x1f149}, {0x1f150, 0x1f169}, {0x1f170, 0x1f189}};
  if (code < 0x80) return code >= 'A' && code <= 'Z';
  return utf8proc_category(code) == UTF8PROC_CATEGORY_LU || WITHIN(code, others);
}

static bool is_title(int32_t code) { return code >= 0x80 && utf8proc_category(code) == UTF8PROC_CATEGORY_LT; }
static bool is_cased(int32_t code) { return is_lower(code) || is_upper(code) || is_title(code); }

/* Unicode's Case_Ignorable. */
static bool is_case_ignorable(int32_t code) {
  static const span others[] = {{0x27, 0x27},     {0x2e, 0x2e},     {0x3a, 0x3a},     {0xb7, 0xb7},
                                {0x387, 0x387},   {0x55f, 0x55f},   {0x5f4, 0x5f4},   {0x2018, 0x2019},
                                {0x2024, 0x2024}, {0x2027, 0x2027}, {0xfe13, 0xfe13}, {0xfe52, 0xfe52},
                                {0xfe55, 0xfe55}, {0xff07, 0xff07}, {0xff0e, 0xff0e}, {0xff1a, 0xff1a}};
  switch (utf8proc_category(code)) {
  case UTF8PROC_CATEGORY_MN:
  case UTF8PROC_CATEGORY_ME:
  case UTF8PROC_CATEGORY_CF:
  case UTF8PROC_CATEGORY_LM:
  case UTF8PROC_CATEGORY_SK: return true;
  default: return WITHIN(code, others);
  }
}

/* The full case folding, which SpecialCasing.txt's capitals follow letter by letter; 1 where it is no more than one. */
static int folded(int32_t code, int32_t out[4]) {
  int boundary = 0;
  if (code < 0x80) return 1;
  return (int)utf8proc_decompose_char(code, out, 4, UTF8PROC_CASEFOLD, &boundary);
}

/* Writes one to three characters. */
static int to_upper(int32_t code, int32_t out[4]) {
  int count = is_upper(code) ? 1 : folded(code, out);
  if (count < 2 || count > 3) {
    out[0] = utf8proc_toupper(code);
    return 1;
  }
  for (int i = 0; i < count; i++) out[i] = utf8proc_toupper(out[i]);
  return count;
}

static int to_title(int32_t code, int32_t out[4]) {
  int32_t single = utf8proc_totitle(code);
  int count = single != code || is_upper(code) || is_title(code) ? 1 : folded(code, out);
  if (count < 2 || count > 3) {
    out[0] = single;
    return 1;
  }
  out[0] = utf8proc_totitle(out[0]);
  for (int i = 1; i < count; i++)
    if (out[i] == 0x3b9) out[i] = 0x345; /* the iota below */
  return count;
}

/* A sigma ends its word where a letter with case stands before it and none behind, marks between not counted. */
static bool ends_word(att_text text, size_t at, size_t end) {
  int32_t code = 0;
  do {
    if (at == 0) return false;
    size_t place = at = att_character_before(text, at);
    code = att_character_next(text, &place);
  } while (is_case_ignorable(code));
  if (!is_cased(code)) return false;
  do {
    if (end == text.size) return true;
    code = att_character_next(text, &end);
  } while (is_case_ignorable(code));
  return !is_cased(code);
}

/* Of the character at text[at .. end). */
static int to_lower(att_text text, size_t at, size_t end, int32_t code, int32_t out[4]) {
  out[0] = utf8proc_tolower(code);
  if (code == 0x3a3 && ends_word(text, at, end)) out[0] = 0x3c2;
  if (code != 0x130) return 1;
  out[0] = 'i';
  out[1] = 0x307;
  return 2;
}

att_status att_change_case(att_context *ctx, att_text text, att_case to, att_buffer *out) {
  bool begins = true; /* a word, or the text */
  for (size_t at = 0; at < text.size;) {
    int32_t codes[4];
    size_t start = at;
    int32_t code = att_character_next(text, &at);
    bool large = to == ATT_CASE_UPPER || (begins && to != ATT_CASE_LOWER);
    int count = !large                 ? to_lower(text, start, at, code, codes)
                : to == ATT_CASE_UPPER ? to_upper(code, codes)
                                       : to_title(code, codes);
    for (int i = 0; i < count; i++) {
      char bytes[4];
      ATT_TRY(att_buffer_append(ctx, out, bytes, att_utf8_put(codes[i], bytes)));
    }
    begins = to == ATT_CASE_TITLE && !is_cased(code);
  }
  return ATT_OK;
}

bool att_text_is_case(att_text text, bool upper) {
  bool cased = false;
  for (size_t at = 0; at < text.size;) {
    int32_t code = att_character_next(text, &at);
    if (is_title(code) || (upper ? is_lower(code) : is_upper(code))) return false;
    cased = cased || is_cased(code);
  }
  return cased;
}

/* ---- kinds ----------------------------------------------------------------------------------------------------- */

/* Unicode's Numeric_Type Digit, beside the decimals. */
static bool is_digit(int32_t code) {
  static const span others[] = {{0xb2, 0xb3},       {0xb9, 0xb9},       {0x1369, 0x1371},   {0x19da, 0x19da},
                                {0x2070, 0x2070},   {0x2074, 0x2079},   {0x2080, 0x2089},   {0x2460, 0x2468},
                                {0x2474, 0x247c},   {0x2488, 0x2490},   {0x24ea, 0x24ea},   {0x24f5, 0x24fd},
                                {0x24ff, 0x24ff},   {0x2776, 0x277e},   {0x2780, 0x2788},   {0x278a, 0x2792},
                                {0x10a40, 0x10a43}, {0x10e60, 0x10e68}, {0x11052, 0x1105a}, {0x1f100, 0x1f10a}};
  return utf8proc_category(code) == UTF8PROC_CATEGORY_ND || WITHIN(code, others);
}

static bool is_of(int32_t code, att_character_class kind) {
  switch (kind) {
  case ATT_CLASS_ALPHA: return att_is_letter(code);
  case ATT_CLASS_ALNUM: return att_is_letter(code) || att_is_number(code);
  case ATT_CLASS_DIGIT: return is_digit(code);
  case ATT_CLASS_DECIMAL: return utf8proc_category(code) == UTF8PROC_CATEGORY_ND;
  default: return att_character_is_blank(code);
  }
}

bool att_all_are(att_text text, att_character_class kind) {
  for (size_t at = 0; at < text.size;)
    if (!is_of(att_character_next(text, &at), kind)) return false;
  return text.size > 0;
}

bool att_character_is_printable(int32_t code) {
  utf8proc_category_t category = utf8proc_category(code);
  bool separates = category >= UTF8PROC_CATEGORY_ZS && category <= UTF8PROC_CATEGORY_ZP;
  bool other = category == UTF8PROC_CATEGORY_CN || category >= UTF8PROC_CATEGORY_CC;
  return code == ' ' || (!separates && !other);
}
