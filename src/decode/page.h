/*
 * Owns a text that questions are asked about: its tokens with where they stand, and the windows that a model reads it
 * in, each with the question before it. As Devlin et al. 2019 and the scripts after them cut SQuAD's paragraphs.
 */
#ifndef ATT_DECODE_PAGE_H
#define ATT_DECODE_PAGE_H

#include "models/pass.h"

typedef struct att_page {
  att_text text; /* valid UTF-8; the caller's, or: */
  att_buffer repaired;
  att_ids ids;
  att_token_spans spans; /* [ids.count] bytes of text */
} att_page;              /* zero-initialised is empty */

/* Replaces what was there. Bytes that are no UTF-8 become U+FFFD; *unclean: there were some. */
att_status att_page_read(const att_model *model, att_text text, att_page *page, bool *unclean);
void att_page_free(att_context *ctx, att_page *page);
/* Of the tokens [first, last] the text, without white space around it, in whole characters; empty: there is none. */
att_text att_page_text(const att_page *page, int64_t first, int64_t last);
/* The tokens that bytes [begin, end) stand in; false: in none. */
bool att_page_tokens(const att_page *page, size_t begin, size_t end, int64_t *first, int64_t *last);
/* Code points before a place in the page's text. */
size_t att_page_character(const att_page *page, const char *at);

/* Window i has the page's tokens from i * step on, `room` or as many as there are. */
typedef struct att_window_plan {
  int64_t tokens, room, step, count;
} att_window_plan;

/* window: tokens of one with question and special tokens, at most as many as the model has positions; stride: from one
 * window's first token to the next one's. A question that takes more than half of a window is cut, *cut. A window that
 * leaves no room: ATT_ARGUMENT. An empty page has no window. */
att_status att_windows_plan(const att_model *model, const att_page *page, int64_t window, int64_t stride,
                            att_ids *question, bool *cut, att_window_plan *plan);
int64_t att_window_first(const att_window_plan *plan, int64_t window);
int64_t att_window_size(const att_window_plan *plan, int64_t window);
/* The window in which a token has the most around it: of equals the first. */
int64_t att_window_of(const att_window_plan *plan, int64_t token);
/* Appends a window; *at: where the page's tokens begin in it. */
att_status att_window_put(const att_model *model, const att_page *page, const att_window_plan *plan, int64_t window,
                          const att_ids *question, att_ids *ids, att_ids *types, size_t *at);

#endif
