/* Owns what sentences.h says. */
#include "text/sentences.h"

#include "text/unicode.h"

#include <string.h>

/* A stop of a script that puts spaces behind it, or that does not. */
static bool is_spaced_stop(int32_t c) {
  return c == '.' || c == '!' || c == '?' || c == 0x2026 || c == 0x203d || c == 0x0964 || c == 0x06d4 || c == 0x061f ||
         c == 0x037e || c == 0x0589;
}

static bool is_wide_stop(int32_t c) { return c == 0x3002 || c == 0xff01 || c == 0xff1f || c == 0xff61; }

static bool closes(int32_t c) {
  return c == '"' || c == '\'' || c == ')' || c == ']' || c == '}' || c == 0x2019 || c == 0x201d || c == 0xbb ||
         c == 0x300d || c == 0x300f || c == 0xff09;
}

static int32_t code_at(att_text text, size_t at, size_t *next) {
  int32_t code;
  size_t bad;
  int size = att_utf8_next(text.data + at, text.size - at, &code, &bad);
  *next = at + (size > 0 ? (size_t)size : bad);
  return size > 0 ? code : 0xfffd;
}

/* The word that a full stop at `stop` ends: an abbreviation, or a letter that stands for a name. */
static bool is_short_form(att_text text, size_t begin, size_t stop) {
  static const char *const forms[] = {"mr",  "mrs",  "ms", "dr",   "prof", "st",  "jr",  "sr",  "vs",   "etc", "al",
                                      "fig", "figs", "eq", "eqs",  "sec",  "no",  "nos", "vol", "pp",   "cf",  "approx",
                                      "inc", "ltd",  "co", "corp", "dept", "e.g", "i.e", "u.s", "resp", "gen", "gov"};
  size_t from = stop;
  while (from > begin && text.data[from - 1] != ' ' && text.data[from - 1] != '(' && text.data[from - 1] != '\t')
    from--;
  size_t size = stop - from;
  const char *word = text.data + from;
  if (size == 1) return (word[0] >= 'A' && word[0] <= 'Z');
  for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
    size_t j = 0;
    if (strlen(forms[i]) != size) continue;
    while (j < size && (word[j] | 0x20) == (forms[i][j] | 0x20)) j++;
    if (j == size) return true;
  }
  return false;
}

static bool begins_small(att_text text, size_t at) {
  size_t next;
  int32_t c = code_at(text, at, &next);
  return att_category_of(c) == ATT_LL;
}

/* Whether a sentence that begins at `begin` ends with the stop at `at`, *end: behind what closes it. */
static bool ends_at(att_text text, size_t begin, size_t at, size_t *end) {
  size_t next, behind;
  int32_t c = code_at(text, at, &next);
  bool wide = is_wide_stop(c);
  if (!wide && !is_spaced_stop(c)) return false;
  for (*end = next; *end < text.size; *end = behind) {
    int32_t more = code_at(text, *end, &behind);
    if (!is_spaced_stop(more) && !is_wide_stop(more) && !closes(more)) break;
  }
  if (wide || *end == text.size) return true;
  bool alone = c == '.' && *end == next;
  if (!att_is_space(code_at(text, *end, &behind))) return false;
  while (behind < text.size && att_is_space(code_at(text, behind, &next))) behind = next;
  if (behind < text.size && begins_small(text, behind)) return false;
  return !alone || !is_short_form(text, begin, at);
}

static att_text without_space_behind(const char *data, size_t size) {
  while (size > 0 && (unsigned char)data[size - 1] <= ' ') size--;
  return (att_text){data, size};
}

bool att_sentence_next(att_text text, size_t *at, att_text *sentence) {
  size_t begin = *at, next;
  while (begin < text.size && att_is_space(code_at(text, begin, &next))) begin = next;
  if (begin >= text.size) return false;
  size_t i = begin, end = text.size;
  for (; i < text.size; i = next) {
    if (code_at(text, i, &next) == '\n') {
      end = i;
      break;
    }
    size_t behind;
    if (!ends_at(text, begin, i, &behind)) continue;
    end = behind;
    break;
  }
  *sentence = without_space_behind(text.data + begin, end - begin);
  *at = end;
  return true;
}
