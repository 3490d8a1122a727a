/* Owns what a comparison measures with: items, their lengths, spans of lengths and of distances, examples. */
#include "compare/compare.h"

#include <math.h>
#include <string.h>

#define ATT_LEAST_IN_SPAN 5

static const att_span distances[] = {{1, 1},   {2, 2},   {3, 4},    {5, 8},     {9, 16},
                                     {17, 32}, {33, 64}, {65, 128}, {129, 256}, {257, -1}};

bool att_in_span(const att_span *span, size_t n) {
  return (int64_t)n >= span->first && (span->last < 0 || (int64_t)n <= span->last);
}

static bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

size_t att_count_words(att_text text) {
  size_t words = 0;
  for (size_t i = 0; i < text.size; i++) words += !is_space(text.data[i]) && (i == 0 || is_space(text.data[i - 1]));
  return words;
}

/* ---- items ---------------------------------------------------------------------------------------------------- */

att_status att_probes_reserve(att_probes *q, size_t count, size_t scored) {
  q->items = ATT_NEW(q->ctx, count, att_held_item);
  q->lengths = ATT_NEW(q->ctx, scored, size_t);
  return q->items && q->lengths ? ATT_OK : ATT_MEMORY;
}

size_t att_count_held(const att_held *held) {
  att_held_item item;
  size_t count = 0;
  while (att_held_at(held, count, &item)) count++;
  return count;
}

/* Evenly among all; what has no text, or no translation, is left out. */
static att_status take_items(att_probes *q, const att_held *held) {
  size_t all = att_count_held(held), most = q->kind->most, count = most && all > most ? most : all;
  ATT_TRY(att_probes_reserve(q, count, count));
  for (size_t i = 0; i < count; i++) {
    att_held_item *item = &q->items[q->count];
    att_held_at(held, i * all / count, item);
    bool empty = item->input.size == 0 || (item->reference.size == 0 && !item->second.data);
    if (!empty) q->count++;
  }
  return ATT_OK;
}

/* A question is as long as what it is asked about. */
static att_status choose_texts(att_probes *q, const att_held *held) {
  ATT_TRY(take_items(q, held));
  for (size_t i = 0; i < q->count; i++)
    q->lengths[i] = att_count_words(q->items[i].answers ? q->items[i].second : q->items[i].input);
  return ATT_OK;
}

att_status att_choose_rows(att_probes *q, const att_held *held) {
  ATT_TRY(take_items(q, held));
  for (size_t i = 0; i < q->count; i++)
    q->lengths[i] = q->items[i].input.size / ((size_t)q->items[i].channels * sizeof(float));
  return ATT_OK;
}

/* ---- spans ---------------------------------------------------------------------------------------------------- */

static void add_span(att_probes *q, att_span span, int64_t items) {
  q->spans[q->span_count] = span;
  q->span_items[q->span_count++] = items;
}

/* Neighbours with too few items to say anything become one. */
static void find_spans(att_probes *q) {
  att_span open = {-1, 0};
  int64_t items = 0;
  for (size_t s = 0; s < q->kind->span_count; s++) {
    const att_span *span = &q->kind->spans[s];
    int64_t here = 0;
    for (size_t i = 0; i < q->scored; i++) here += att_in_span(span, q->lengths[i]);
    if (here == 0 && open.first < 0) continue;
    if (open.first < 0) open.first = span->first;
    open.last = span->last;
    items += here;
    if (items < ATT_LEAST_IN_SPAN) continue;
    add_span(q, open, items);
    open.first = -1;
    items = 0;
  }
  if (open.first >= 0 && items > 0 && q->span_count > 0) {
    q->spans[q->span_count - 1].last = open.last;
    q->span_items[q->span_count - 1] += items;
  } else if (open.first >= 0 && items > 0) {
    add_span(q, open, items);
  }
}

att_status att_probes_prepare(att_probes *q, const att_held *held) {
  ATT_TRY(q->kind->choose ? q->kind->choose(q, held) : choose_texts(q, held));
  if (q->count == 0) return att_fail(q->ctx, ATT_FORMAT, "%s: there is nothing in it to measure with", q->name);
  if (q->scored == 0) q->scored = q->count;
  find_spans(q);
  q->distance_count = sizeof distances / sizeof *distances;
  memcpy(q->distances, distances, sizeof distances);
  q->example_count = q->count < ATT_COMPARE_EXAMPLES ? q->count : ATT_COMPARE_EXAMPLES;
  for (size_t i = 0; i < q->example_count; i++) q->examples[i] = (2 * i + 1) * q->count / (2 * q->example_count);
  return ATT_OK;
}

void att_probes_free(att_probes *q) {
  if (!q->ctx) return;
  att_free(q->ctx, q->items);
  att_free(q->ctx, q->lengths);
}

/* ---- results -------------------------------------------------------------------------------------------------- */

att_status att_keep_output(const att_probes *q, size_t index, const char *text, size_t size, att_results *a) {
  for (size_t i = 0; i < q->example_count; i++) {
    if (q->examples[i] != index || a->outputs[i]) continue;
    a->outputs[i] = att_copy_text(q->ctx, text, size);
    if (!a->outputs[i]) return ATT_MEMORY;
  }
  return ATT_OK;
}

att_status att_score_spans(const att_probes *q, att_score_fn *score, void *user, att_results *a) {
  ATT_TRY(score(user, q, NULL, &a->score));
  for (size_t s = 0; s < q->span_count; s++) ATT_TRY(score(user, q, &q->spans[s], &a->by_length[s]));
  return ATT_OK;
}

typedef struct means {
  const double *sums, *weights;
} means;

static att_status score_mean(void *user, const att_probes *q, const att_span *span, double *score) {
  const means *of = user;
  double sum = 0, weight = 0;
  for (size_t i = 0; i < q->scored; i++) {
    if (span && !att_in_span(span, q->lengths[i])) continue;
    sum += of->sums[i];
    weight += of->weights[i];
  }
  *score = weight > 0 ? sum / weight : NAN;
  return ATT_OK;
}

att_status att_score_means(const att_probes *q, const double *sums, const double *weights, att_results *a) {
  means of = {sums, weights};
  return att_score_spans(q, score_mean, &of, a);
}
