/* Owns what answers.h says. */
#include "metrics/answers.h"
#include "text/normal_forms.h"
#include "text/unicode.h"

#include <stdlib.h>
#include <string.h>

void att_answer_scorer_free(att_context *ctx, att_answer_scorer *s) {
  att_buffer_free(ctx, &s->prediction);
  att_buffer_free(ctx, &s->truth);
  for (int i = 0; i < 2; i++) {
    att_buffer_free(ctx, &s->scratch[i]);
    att_free(ctx, s->words[i]);
  }
  *s = (att_answer_scorer){0};
}

/* ---- normalize_answer ------------------------------------------------------------------------------------------- */

/* As Python's str.isspace, and what a word is to its \b: letters and numbers (the line "_" is punctuation, and gone).
 */
static bool is_blank(int32_t code) { return att_is_space(code) || (code >= 0x1c && code <= 0x1f); }
static bool is_in_word(int32_t code) { return att_is_letter(code) || att_is_number(code); }

static bool is_punctuation(int32_t code) {
  return (code >= '!' && code <= '/') || (code >= ':' && code <= '@') || (code >= '[' && code <= '`') ||
         (code >= '{' && code <= '~');
}

/* Python's lower case knows one letter by its place: a sigma at the end of a word. */
static att_status lower(att_context *ctx, att_text text, att_buffer *out) {
  out->size = 0;
  for (size_t at = 0, next; at < text.size; at = next) {
    size_t begin, behind;
    bool sigma = att_code_at(text, at, &next) == 0x3a3;
    bool after = sigma && at > 0 && att_is_letter(att_code_before(text, at, &begin));
    bool ends = after && (next == text.size || !att_is_letter(att_code_at(text, next, &behind)));
    if (ends)
      ATT_TRY(att_buffer_append(ctx, out, "\xcf\x82", 2));
    else
      ATT_TRY(att_lowercase(ctx, (att_text){text.data + at, next - at}, out));
  }
  return ATT_OK;
}

static att_status drop_punctuation(att_context *ctx, att_text text, att_buffer *out) {
  out->size = 0;
  for (size_t at = 0, next; at < text.size; at = next)
    if (!is_punctuation(att_code_at(text, at, &next))) ATT_TRY(att_buffer_append(ctx, out, text.data + at, next - at));
  return ATT_OK;
}

static bool is_article(const char *data, size_t size) {
  return (size == 1 && data[0] == 'a') || (size == 2 && memcmp(data, "an", 2) == 0) ||
         (size == 3 && memcmp(data, "the", 3) == 0);
}

/* Words without articles, one space between: what is left of "the" in "the-end" is "end", whatever parts them. */
static att_status join_words(att_context *ctx, att_text text, att_buffer *out) {
  bool gap = false;
  out->size = 0;
  for (size_t at = 0, next; at < text.size; at = next) {
    int32_t code = att_code_at(text, at, &next);
    size_t end = at, step = at;
    while (end < text.size && is_in_word(att_code_at(text, end, &step))) end = step;
    if (end > at) next = end;
    if (is_blank(code) || is_article(text.data + at, end - at)) {
      gap = true;
      continue;
    }
    if (gap && out->size) ATT_TRY(att_buffer_append(ctx, out, " ", 1));
    gap = false;
    ATT_TRY(att_buffer_append(ctx, out, text.data + at, next - at));
  }
  return ATT_OK;
}

static att_status normalize(att_context *ctx, att_answer_scorer *s, att_text text, att_buffer *out) {
  if (!att_utf8_valid(text.data, text.size)) {
    out->size = 0;
    ATT_TRY(att_utf8_repair(ctx, text, out));
    text = (att_text){out->data, out->size};
  }
  ATT_TRY(lower(ctx, text, &s->scratch[0]));
  ATT_TRY(drop_punctuation(ctx, (att_text){s->scratch[0].data, s->scratch[0].size}, &s->scratch[1]));
  return join_words(ctx, (att_text){s->scratch[1].data, s->scratch[1].size}, out);
}

/* ---- scores ----------------------------------------------------------------------------------------------------- */

static int by_bytes(const void *a, const void *b) {
  const att_text *x = a, *y = b;
  size_t common = x->size < y->size ? x->size : y->size;
  int order = common ? memcmp(x->data, y->data, common) : 0;
  return order ? order : x->size < y->size ? -1 : x->size > y->size;
}

/* The words of a normalised text, in the order of their bytes. */
static att_status split(att_context *ctx, att_answer_scorer *s, int which, const att_buffer *text, size_t *count) {
  *count = 0;
  for (size_t at = 0; at < text->size;) {
    const char *space = memchr(text->data + at, ' ', text->size - at);
    size_t end = space ? (size_t)(space - text->data) : text->size;
    if (*count == s->capacity[which]) {
      size_t capacity = s->capacity[which] ? 2 * s->capacity[which] : 64;
      att_text *grown = att_resize(ctx, s->words[which], capacity, sizeof *grown);
      if (!grown) return ATT_MEMORY;
      s->words[which] = grown;
      s->capacity[which] = capacity;
    }
    s->words[which][(*count)++] = (att_text){text->data + at, end - at};
    at = end + 1;
  }
  if (*count) qsort(s->words[which], *count, sizeof **s->words, by_bytes);
  return ATT_OK;
}

static size_t count_common(const att_answer_scorer *s, const size_t counts[2]) {
  size_t common = 0;
  for (size_t i = 0, j = 0; i < counts[0] && j < counts[1];) {
    int order = by_bytes(&s->words[0][i], &s->words[1][j]);
    common += order == 0;
    i += order <= 0;
    j += order >= 0;
  }
  return common;
}

static att_status score_one(att_context *ctx, att_answer_scorer *s, bool version2, double *exact, double *f1) {
  size_t counts[2];
  ATT_TRY(split(ctx, s, 0, &s->prediction, &counts[0]));
  ATT_TRY(split(ctx, s, 1, &s->truth, &counts[1]));
  bool same = s->prediction.size == s->truth.size &&
              (s->truth.size == 0 || memcmp(s->prediction.data, s->truth.data, s->truth.size) == 0);
  double common = (double)count_common(s, counts);
  *exact = same;
  *f1 = 0;
  if (version2 && (counts[0] == 0 || counts[1] == 0)) {
    *f1 = counts[0] == counts[1];
  } else if (common > 0) {
    double precision = common / (double)counts[0], recall = common / (double)counts[1];
    *f1 = 2 * precision * recall / (precision + recall);
  }
  return ATT_OK;
}

att_status att_answer_score(att_context *ctx, att_answer_scorer *s, att_text prediction, const att_text *answers,
                            size_t count, bool version2, double *exact, double *f1) {
  bool any = false;
  *exact = *f1 = 0;
  ATT_TRY(normalize(ctx, s, prediction, &s->prediction));
  for (size_t i = 0; i <= count; i++) {
    double one_exact, one_f1;
    if (i == count && (any || (count && !version2))) break;
    ATT_TRY(normalize(ctx, s, i < count ? answers[i] : (att_text){"", 0}, &s->truth));
    if (i < count && version2 && s->truth.size == 0) continue;
    any = true;
    ATT_TRY(score_one(ctx, s, version2, &one_exact, &one_f1));
    if (one_exact > *exact) *exact = one_exact;
    if (one_f1 > *f1) *f1 = one_f1;
  }
  return ATT_OK;
}
