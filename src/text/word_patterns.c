/* Owns GPT-2's word pattern and its spelling of bytes. See pretokenize.h. */
#include "text/word_patterns.h"

#include "text/unicode.h"

#include <string.h>

typedef enum kind { LETTER, NUMBER, SPACE, OTHER, END } kind;

static kind kind_of(int32_t code) {
  if (code < 0x80) {
    if ((code | 0x20) >= 'a' && (code | 0x20) <= 'z') return LETTER;
    if (code >= '0' && code <= '9') return NUMBER;
    return att_is_space(code) ? SPACE : OTHER;
  }
  if (att_is_letter(code)) return LETTER;
  if (att_is_number(code)) return NUMBER;
  return att_is_space(code) ? SPACE : OTHER;
}

/* The kind of the character at `at`, and where the next one begins. */
static kind kind_at(const char *text, size_t size, size_t at, size_t *next) {
  int32_t code;
  size_t bad;
  if (at >= size) return END;
  *next = at + (size_t)att_utf8_next(text + at, size - at, &code, &bad);
  return kind_of(code);
}

static size_t run_end(const char *text, size_t size, size_t at, kind run) {
  size_t next;
  while (kind_at(text, size, at, &next) == run) at = next;
  return at;
}

/* Bytes of an English contraction after the apostrophe, or 0. */
static size_t contraction(const char *text, size_t size) {
  if (size >= 1 && memchr("stmd", text[0], 4)) return 1;
  if (size >= 2 && (!memcmp(text, "re", 2) || !memcmp(text, "ve", 2) || !memcmp(text, "ll", 2))) return 2;
  return 0;
}

/* White space up to the last one before something else: that one goes with it, or stands alone. */
static size_t space_end(const char *text, size_t size, size_t start) {
  size_t last = start, end = start, next;
  while (kind_at(text, size, end, &next) == SPACE) {
    last = end;
    end = next;
  }
  return end == size || last == start ? end : last;
}

size_t att_word_end(const char *text, size_t size, size_t start) {
  if (text[start] == '\'') {
    size_t rest = contraction(text + start + 1, size - start - 1);
    if (rest) return start + 1 + rest;
  }
  size_t next = start, after = start;
  kind first = kind_at(text, size, start, &next);
  if (text[start] == ' ') {
    first = kind_at(text, size, start + 1, &after);
    if (first == END) first = SPACE;
    next = after;
  }
  return first == SPACE ? space_end(text, size, start) : run_end(text, size, next, first);
}

/* The same in any case. The long s (U+017F) is an s in another case. */
static size_t contraction_of_any_case(const char *text, size_t size) {
  char lower[2] = {0, 0};
  for (size_t i = 0; i < 2 && i < size; i++)
    lower[i] = (char)(text[i] >= 'A' && text[i] <= 'Z' ? text[i] + 32 : text[i]);
  if (size >= 2 && memcmp(text, "\xc5\xbf", 2) == 0) return 2;
  return contraction(lower, size < 2 ? size : 2);
}

static bool is_line_end(char byte) { return byte == '\r' || byte == '\n'; }

/* White space: up to its last line end, where it has one. */
static size_t lines_end(const char *text, size_t size, size_t start) {
  size_t last = 0, next;
  for (size_t at = start; kind_at(text, size, at, &next) == SPACE; at = next)
    if (is_line_end(text[at])) last = next;
  return last ? last : space_end(text, size, start);
}

size_t att_word_end_gpt4(const char *text, size_t size, size_t start, int most_digits) {
  if (text[start] == '\'') {
    size_t rest = contraction_of_any_case(text + start + 1, size - start - 1);
    if (rest) return start + 1 + rest;
  }
  size_t next = start, after = start;
  kind first = kind_at(text, size, start, &next);
  if (first == LETTER) return run_end(text, size, next, LETTER);
  if (first == NUMBER) {
    for (int digits = 1; digits < most_digits && kind_at(text, size, next, &after) == NUMBER; digits++) next = after;
    return next;
  }
  kind second = kind_at(text, size, next, &after);
  if (second == LETTER && !is_line_end(text[start])) return run_end(text, size, after, LETTER);
  if (first == SPACE && !(text[start] == ' ' && second == OTHER)) return lines_end(text, size, start);
  size_t end = run_end(text, size, next, OTHER);
  while (end < size && is_line_end(text[end])) end++;
  return end;
}

/* Printable Latin-1 stands for itself; the 68 other bytes, in order, are U+0100 onwards. */
static bool stands_for_itself(int32_t code) {
  return (code >= 33 && code <= 126) || (code >= 161 && code <= 255 && code != 173);
}

int32_t att_byte_to_char(unsigned char byte) {
  if (stands_for_itself(byte)) return byte;
  if (byte <= 32) return 256 + byte;
  return byte == 173 ? 256 + 67 : 256 + 33 + (byte - 127);
}

int att_char_to_byte(int32_t code) {
  if (stands_for_itself(code)) return (int)code;
  if (code >= 256 && code <= 256 + 32) return (int)(code - 256);
  if (code >= 256 + 33 && code < 256 + 67) return (int)(code - 256 - 33 + 127);
  return code == 256 + 67 ? 173 : -1;
}

att_status att_spell(att_context *ctx, const char *bytes, size_t size, att_buffer *out) {
  for (size_t i = 0; i < size; i++) {
    char spelled[4];
    ATT_TRY(att_buffer_append(ctx, out, spelled, att_utf8_put(att_byte_to_char((unsigned char)bytes[i]), spelled)));
  }
  return ATT_OK;
}
