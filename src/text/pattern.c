/* Owns the choice among ways to match, and the walk over matches. See pattern.h. */
#include "text/pattern.h"

#include "text/unicode.h"
#include "text/word_patterns.h"

#include <string.h>

/* ---- reading --------------------------------------------------------------------------------------------------- */

#define GPT4(digits)                                                                                                   \
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}" digits                                           \
  "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"

/* Those whose matches are all of a text. */
static int known_words(const char *regex) {
  static const struct {
    const char *regex;
    int words;
  } known[] = {{"'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+", ATT_WORDS_GPT2},
               {GPT4("{1,3}"), 3},
               {GPT4(""), 1}};
  for (size_t i = 0; i < sizeof known / sizeof *known; i++)
    if (strcmp(regex, known[i].regex) == 0) return known[i].words;
  return 0;
}

att_status att_pattern_read(att_context *ctx, const char *name, const char *what, const char *regex,
                            att_pattern *pattern) {
  *pattern = (att_pattern){.words = known_words(regex)};
  if (pattern->words) return ATT_OK;
  ATT_TRY(att_regex_compile(ctx, regex, &pattern->regex));
  if (pattern->regex) return ATT_OK;
  return att_fail(ctx, ATT_UNSUPPORTED, "%s: %s by the pattern %.200s is not supported", name, what, regex);
}

void att_pattern_free(att_context *ctx, att_pattern *pattern) {
  att_regex_free(ctx, pattern->regex);
  *pattern = (att_pattern){0};
}

/* ---- matching -------------------------------------------------------------------------------------------------- */

size_t att_pattern_tile_end(const att_pattern *pattern, att_text text, size_t start) {
  if (pattern->words == ATT_WORDS_GPT2) return att_word_end(text.data, text.size, start);
  return att_word_end_gpt4(text.data, text.size, start, pattern->words);
}

static bool find_string(const att_pattern *p, att_text text, size_t at, size_t *start, size_t *end) {
  const char *here = at < text.size ? memmem(text.data + at, text.size - at, p->string.data, p->string.size) : NULL;
  if (!here) return false;
  *start = (size_t)(here - text.data);
  *end = *start + p->string.size;
  return true;
}

static bool find_char(const att_pattern *p, att_text text, size_t at, size_t *start, size_t *end) {
  for (size_t next; at < text.size; at = next) {
    int32_t code = att_code_at(text, at, &next);
    if (!p->is(code)) continue;
    *start = at;
    *end = next;
    return true;
  }
  return false;
}

static att_status find(att_pattern_walk *w, bool *found, size_t *start, size_t *end) {
  const att_pattern *p = w->pattern;
  if (p->regex) return att_regex_find(p->regex, w->ctx, &w->regex, w->text, w->at, found, start, end);
  *found = p->string.size ? find_string(p, w->text, w->at, start, end) : false;
  if (p->is) *found = find_char(p, w->text, w->at, start, end);
  if (!att_pattern_tiles(p) || w->at >= w->text.size) return ATT_OK;
  *found = true;
  *start = w->at;
  *end = att_pattern_tile_end(p, w->text, w->at);
  return ATT_OK;
}

att_status att_pattern_next(att_pattern_walk *w, bool *found, size_t *start, size_t *end) {
  for (*found = false; w->at <= w->text.size;) {
    ATT_TRY(find(w, found, start, end));
    if (!*found) return ATT_OK;
    if (*start < *end || !w->matched || w->last != *end) {
      w->at = w->last = *end;
      w->matched = true;
      return ATT_OK;
    }
    *found = false;
    if (w->at == w->text.size) break;
    att_code_at(w->text, w->at, &w->at);
  }
  return ATT_OK;
}
