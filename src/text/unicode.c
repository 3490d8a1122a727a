/* Owns UTF-8 as it comes and Unicode's properties. See unicode.h. */
#include "text/unicode_tables.h"

#include <string.h>
#include <utf8proc.h>

/* The second byte's range depends on the first: no overlong forms, no surrogates, nothing above U+10FFFF. */
static int lead_length(unsigned char lead, unsigned char *low, unsigned char *high) {
  *low = 0x80;
  *high = 0xbf;
  if (lead >= 0xc2 && lead <= 0xdf) return 2;
  if (lead >= 0xe0 && lead <= 0xef) {
    if (lead == 0xe0) *low = 0xa0;
    if (lead == 0xed) *high = 0x9f;
    return 3;
  }
  if (lead >= 0xf0 && lead <= 0xf4) {
    if (lead == 0xf0) *low = 0x90;
    if (lead == 0xf4) *high = 0x8f;
    return 4;
  }
  return 0;
}

int att_utf8_next(const char *text, size_t size, int32_t *code, size_t *bad) {
  const unsigned char *bytes = (const unsigned char *)text;
  if (bytes[0] < 0x80) {
    *code = bytes[0];
    return 1;
  }
  unsigned char low, high;
  int length = lead_length(bytes[0], &low, &high);
  *bad = 1;
  if (length == 0) return -1;
  int32_t value = bytes[0] & (0x7f >> length);
  for (int i = 1; i < length; i++, low = 0x80, high = 0xbf) {
    if ((size_t)i >= size || bytes[i] < low || bytes[i] > high) {
      *bad = (size_t)i;
      return -1;
    }
    value = value << 6 | (bytes[i] & 0x3f);
  }
  *code = value;
  return length;
}

int32_t att_code_at(att_text text, size_t at, size_t *next) {
  int32_t code;
  size_t bad;
  *next = at + (size_t)att_utf8_next(text.data + at, text.size - at, &code, &bad);
  return code;
}

int32_t att_code_before(att_text text, size_t at, size_t *begin) {
  size_t next, start = at - 1;
  while (start > 0 && ((unsigned char)text.data[start] & 0xc0) == 0x80) start--;
  *begin = start;
  return att_code_at((att_text){text.data, at}, start, &next);
}

size_t att_utf8_put(int32_t code, char out[4]) { return (size_t)utf8proc_encode_char(code, (utf8proc_uint8_t *)out); }

/* Where the first broken sequence begins, or size. */
static size_t valid_until(const char *text, size_t size) {
  size_t i = 0, bad;
  int32_t code;
  while (i < size) {
    uint64_t eight;
    if (size - i >= sizeof eight) {
      memcpy(&eight, text + i, sizeof eight);
      if (!(eight & 0x8080808080808080u)) {
        i += sizeof eight;
        continue;
      }
    }
    int length = att_utf8_next(text + i, size - i, &code, &bad);
    if (length < 0) return i;
    i += (size_t)length;
  }
  return i;
}

bool att_is_blank(att_text text) {
  for (size_t i = 0; i < text.size; i++)
    if (text.data[i] == '\0' || !strchr(" \t\r\n\v\f", text.data[i])) return false;
  return true;
}

bool att_utf8_valid(const char *text, size_t size) { return valid_until(text, size) == size; }

att_status att_utf8_repair(att_context *ctx, att_text text, att_buffer *out) {
  for (size_t i = 0; i < text.size;) {
    size_t good = valid_until(text.data + i, text.size - i), bad;
    int32_t code;
    ATT_TRY(att_buffer_append(ctx, out, text.data + i, good));
    i += good;
    if (i == text.size) break;
    att_utf8_next(text.data + i, text.size - i, &code, &bad);
    ATT_TRY(att_buffer_append(ctx, out, "\xef\xbf\xbd", 3));
    i += bad;
  }
  return ATT_OK;
}

att_status att_replace(att_context *ctx, att_text text, const char *what, const char *with, att_buffer *out) {
  const size_t size = strlen(what), put = strlen(with);
  for (size_t done = 0; done < text.size;) {
    const char *here = memmem(text.data + done, text.size - done, what, size);
    size_t before = here ? (size_t)(here - text.data) - done : text.size - done;
    ATT_TRY(att_buffer_append(ctx, out, text.data + done, before));
    if (here) ATT_TRY(att_buffer_append(ctx, out, with, put));
    done += before + (here ? size : 0);
  }
  return ATT_OK;
}

/* The first of `count` items of `size` bytes, each beginning with its first and last code point, that ends at or after
 * the code point. */
static size_t find_range(const void *items, size_t count, size_t size, int32_t code) {
  size_t low = 0;
  for (size_t high = count; low < high;) {
    size_t middle = low + (high - low) / 2;
    const att_code_range *range = (const att_code_range *)(const void *)((const char *)items + middle * size);
    if (range->last < code)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

static att_category newer_category(int32_t code) {
  size_t at = find_range(att_newer_categories, att_newer_category_count, sizeof *att_newer_categories, code);
  const att_code_category *range = &att_newer_categories[at];
  return at < att_newer_category_count && range->first <= code ? range->category : ATT_CN;
}

att_category att_category_of(int32_t code) {
  utf8proc_category_t category = utf8proc_category(code);
  return category == UTF8PROC_CATEGORY_CN ? newer_category(code) : (att_category)category;
}

bool att_is_letter(int32_t code) { return att_category_bit(code) & ATT_LETTERS; }

bool att_is_number(int32_t code) { return att_category_bit(code) & ATT_NUMBERS; }

bool att_is_space(int32_t code) {
  if (code < 0x80) return code == ' ' || (code >= '\t' && code <= '\r');
  return code == 0x85 || code == 0xa0 || code == 0x1680 || (code >= 0x2000 && code <= 0x200a) || code == 0x2028 ||
         code == 0x2029 || code == 0x202f || code == 0x205f || code == 0x3000;
}

/* Unicode Technical Standard 18, annex C; the 52 + 78 circled and squared letters are alphabetic though symbols. */
bool att_is_word(int32_t code) {
  const uint32_t categories = ATT_LETTERS | ATT_MARKS | 1u << ATT_ND | 1u << ATT_NL | 1u << ATT_PC;
  if (att_category_bit(code) & categories) return true;
  if (code == 0x200c || code == 0x200d) return true;
  return (code >= 0x24b6 && code <= 0x24e9) || (code >= 0x1f130 && code <= 0x1f149) ||
         (code >= 0x1f150 && code <= 0x1f169) || (code >= 0x1f170 && code <= 0x1f189);
}

int32_t att_lower(int32_t code) {
  int32_t lower = utf8proc_tolower(code);
  if (lower != code || utf8proc_category(code) != UTF8PROC_CATEGORY_CN) return lower;
  size_t low = 0;
  for (size_t high = att_newer_lower_count; low < high;) {
    size_t middle = low + (high - low) / 2;
    if (att_newer_lower[middle].upper < code)
      low = middle + 1;
    else
      high = middle;
  }
  return low < att_newer_lower_count && att_newer_lower[low].upper == code ? att_newer_lower[low].lower : code;
}

int32_t att_upper(int32_t code) { return utf8proc_toupper(code); }

bool att_is_formless(int32_t code) {
  if (code < att_formless[0].first) return false;
  size_t at = find_range(att_formless, att_formless_count, sizeof *att_formless, code);
  return at < att_formless_count && att_formless[at].first <= code;
}

bool att_is_accent(int32_t code) { return att_category_bit(code) & ATT_MARKS && !att_is_formless(code); }

const att_code_range *att_script_ranges(att_text name, size_t *count) {
  for (size_t i = 0; i < att_named_script_count; i++) {
    const att_named_script *script = &att_named_scripts[i];
    size_t at = 0;
    while (at < name.size && script->name[at] && (name.data[at] | 0x20) == script->name[at]) at++;
    if (at < name.size || script->name[at]) continue;
    *count = script->count;
    return script->ranges;
  }
  return NULL;
}

int att_script_of(int32_t code) {
  size_t low = 0, high = att_script_count;
  while (high - low > 1) { /* the last run that begins at or before the character */
    size_t middle = low + (high - low) / 2;
    if (att_scripts[middle].first <= code)
      low = middle;
    else
      high = middle;
  }
  return att_scripts[low].script;
}
