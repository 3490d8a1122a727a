/*
 * Owns the choice of answers: of the spans that a model's logits allow in a page's windows the best. As Transformers'
 * run_squad chooses (compute_predictions_logits): the likeliest beginnings and ends of each window, in the page, in
 * order, not too long, each beginning in the window that has the most around it; the null answer's score is the least
 * over the windows.
 */
#ifndef ATT_DECODE_SPANS_H
#define ATT_DECODE_SPANS_H

#include "decode/page.h"

typedef struct att_found_span {
  int64_t first, last; /* tokens of the page, both in it; -1: no answer */
  float start_logit, end_logit;
  double score;  /* probability among those that were chosen */
  att_text text; /* the page's; empty: no answer */
} att_found_span;

typedef struct att_span_search {
  att_context *ctx;
  const att_page *page;
  const att_window_plan *plan;
  int64_t best, most_tokens; /* beginnings and ends of a window, and answers; tokens of an answer */
  att_found_span *found;     /* [count] */
  size_t count, capacity;
  att_found_span fallback, null; /* the best of all that could be; no answer. score: 0 until there is one, then 1 */
} att_span_search;               /* begin with ctx, page, plan, best and most_tokens; free `found` with att_free */

/* A window's logits [rows, 2]; at: of the page's first token in it. ATT_NUMERIC where they are no numbers. */
att_status att_span_search_window(att_span_search *search, int64_t window, const att_tensor *logits, int64_t first_row,
                                  int64_t rows, size_t at);
/* The best ones, best first, each text once, probabilities among them; [*count] on the arena. null: no answer is one.
 * *odds: what it has more than the best answer; 0 where there is none. */
att_status att_span_search_end(att_span_search *search, bool null, att_arena *arena, att_found_span **spans,
                               size_t *count, double *odds);

#endif
