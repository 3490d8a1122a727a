/* Owns what spans.h says. */
#include "decode/spans.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static double sum_of(const att_found_span *s) { return (double)s->start_logit + (double)s->end_logit; }

static att_status push(att_span_search *s, att_found_span span) {
  if (s->count == s->capacity) {
    size_t capacity = s->capacity ? 2 * s->capacity : 256;
    att_found_span *grown = att_resize(s->ctx, s->found, capacity, sizeof *grown);
    if (!grown) return ATT_MEMORY;
    s->found = grown;
    s->capacity = capacity;
  }
  s->found[s->count++] = span;
  return ATT_OK;
}

/* ---- a window ------------------------------------------------------------------------------------------------- */

/* One column of the logits, and which of its rows are the likeliest. */
typedef struct column {
  const float *logits;
  int64_t stride, rows;
} column;

static float at_row(const column *c, int64_t row) { return c->logits[row * c->stride]; }

/* best[count]: rows by falling logit, of equal ones the first; returns how many there are. */
static int64_t likeliest(const column *c, int64_t count, int64_t *best) {
  int64_t held = 0;
  for (int64_t row = 0; row < c->rows; row++) {
    int64_t place = held;
    while (place > 0 && at_row(c, row) > at_row(c, best[place - 1])) place--;
    if (place == count) continue;
    if (held < count) held++;
    memmove(best + place + 1, best + place, (size_t)(held - 1 - place) * sizeof *best);
    best[place] = row;
  }
  return held;
}

static att_status check_numbers(const att_span_search *s, const column *c) {
  for (int64_t i = 0; i < c->rows; i++)
    if (!isfinite(at_row(c, i))) return att_fail(s->ctx, ATT_NUMERIC, "the model's output is not a number");
  return ATT_OK;
}

/* The span of rows that may be an answer; false: it may not. */
static bool take(const att_span_search *s, int64_t window, const column ends[2], int64_t at, int64_t begin, int64_t end,
                 att_found_span *out) {
  int64_t first = att_window_first(s->plan, window), size = att_window_size(s->plan, window);
  if (begin < at || end >= at + size || end < begin || end - begin >= s->most_tokens) return false;
  *out = (att_found_span){.first = first + begin - at,
                          .last = first + end - at,
                          .start_logit = at_row(&ends[0], begin),
                          .end_logit = at_row(&ends[1], end)};
  if (att_window_of(s->plan, out->first) != window) return false;
  out->text = att_page_text(s->page, out->first, out->last);
  return out->text.size > 0;
}

static att_status take_likeliest(att_span_search *s, int64_t window, const column ends[2], int64_t at, int64_t *rows) {
  int64_t *begins = rows, *finals = rows + s->best + 1;
  int64_t begin_count = likeliest(&ends[0], s->best, begins), final_count = likeliest(&ends[1], s->best, finals);
  for (int64_t i = 0; i < begin_count; i++)
    for (int64_t j = 0; j < final_count; j++) {
      att_found_span span;
      if (take(s, window, ends, at, begins[i], finals[j], &span)) ATT_TRY(push(s, span));
    }
  return ATT_OK;
}

/* Where none of the likeliest fit together, as of a model that has learned nothing, the best that there is. */
static void take_any(att_span_search *s, int64_t window, const column ends[2], int64_t at) {
  for (int64_t begin = at; begin < ends[0].rows; begin++)
    for (int64_t end = begin; end < ends[0].rows && end - begin < s->most_tokens; end++) {
      att_found_span span;
      if (s->fallback.score > 0 &&
          (double)at_row(&ends[0], begin) + (double)at_row(&ends[1], end) <= sum_of(&s->fallback))
        continue;
      if (!take(s, window, ends, at, begin, end, &span)) continue;
      s->fallback = span;
      s->fallback.score = 1;
    }
}

att_status att_span_search_window(att_span_search *s, int64_t window, const att_tensor *logits, int64_t first_row,
                                  int64_t rows, size_t at) {
  const float *begin = logits->data + first_row * logits->stride;
  const column ends[2] = {{begin, logits->stride, rows}, {begin + 1, logits->stride, rows}};
  const att_found_span null = {
      .first = -1, .last = -1, .start_logit = at_row(&ends[0], 0), .end_logit = at_row(&ends[1], 0), .score = 1};
  for (int end = 0; end < 2; end++) ATT_TRY(check_numbers(s, &ends[end]));
  if (!(s->null.score > 0) || sum_of(&null) < sum_of(&s->null)) s->null = null;
  int64_t *best = att_alloc(s->ctx, 2 * ((size_t)s->best + 1), sizeof *best);
  if (!best) return ATT_MEMORY;
  att_status status = take_likeliest(s, window, ends, (int64_t)at, best);
  att_free(s->ctx, best);
  if (!status && s->count == 0) take_any(s, window, ends, (int64_t)at);
  return status;
}

/* ---- all of them ---------------------------------------------------------------------------------------------- */

static int by_score(const void *a, const void *b) {
  const att_found_span *x = a, *y = b;
  double left = sum_of(x), right = sum_of(y);
  if (left != right) return left > right ? -1 : 1;
  if (x->first != y->first) return x->first < y->first ? -1 : 1;
  return x->last < y->last ? -1 : x->last > y->last;
}

static bool is_there(const att_found_span *spans, size_t count, att_text text) {
  for (size_t i = 0; i < count; i++)
    if (spans[i].text.size == text.size && memcmp(spans[i].text.data, text.data, text.size) == 0) return true;
  return false;
}

static void put_probabilities(att_found_span *spans, size_t count) {
  double most = -INFINITY, sum = 0;
  for (size_t i = 0; i < count; i++) most = fmax(most, sum_of(&spans[i]));
  for (size_t i = 0; i < count; i++) sum += spans[i].score = exp(sum_of(&spans[i]) - most);
  for (size_t i = 0; i < count; i++) spans[i].score /= sum;
}

att_status att_span_search_end(att_span_search *s, bool null, att_arena *arena, att_found_span **out, size_t *count,
                               double *odds) {
  att_found_span *spans = *out = ATT_ARENA_NEW(arena, s->best + 1, att_found_span);
  *count = 0;
  *odds = 0;
  if (!spans) return ATT_MEMORY;
  if (s->count == 0 && s->fallback.score > 0) ATT_TRY(push(s, s->fallback));
  if (s->count) qsort(s->found, s->count, sizeof *s->found, by_score);
  for (size_t i = 0; i < s->count && *count < (size_t)s->best; i++)
    if (!is_there(spans, *count, s->found[i].text)) spans[(*count)++] = s->found[i];
  bool has_null = null && s->null.score > 0;
  if (has_null && *count) *odds = sum_of(&s->null) - sum_of(&spans[0]);
  if (has_null) spans[(*count)++] = s->null;
  put_probabilities(spans, *count);
  if (*count) qsort(spans, *count, sizeof *spans, by_score);
  return ATT_OK;
}
