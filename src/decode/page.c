/* Owns what page.h says. */
#include "decode/page.h"
#include "models/head.h"
#include "text/unicode.h"

#include <string.h>

/* ---- the page ------------------------------------------------------------------------------------------------- */

att_status att_page_read(const att_model *model, att_text text, att_page *page, bool *unclean) {
  att_context *ctx = model->ctx;
  page->ids.count = page->spans.count = page->repaired.size = 0;
  page->text = text;
  *unclean = !att_utf8_valid(text.data, text.size);
  if (*unclean) {
    ATT_TRY(att_utf8_repair(ctx, text, &page->repaired));
    page->text = (att_text){page->repaired.data, page->repaired.size};
  }
  ATT_TRY(att_tokenizer_encode_spans(model->tokenizer, ctx, page->text, &page->ids, &page->spans));
  return att_check_range(ctx, "token id", page->ids.data, (int64_t)page->ids.count, model->config.vocab_size);
}

void att_page_free(att_context *ctx, att_page *page) {
  att_buffer_free(ctx, &page->repaired);
  att_free(ctx, page->ids.data);
  att_free(ctx, page->spans.data);
  *page = (att_page){0};
}

static bool goes_on(char byte) { return ((unsigned char)byte & 0xc0) == 0x80; }

att_text att_page_text(const att_page *page, int64_t first, int64_t last) {
  att_text text = page->text;
  size_t begin = page->spans.data[first].begin, end = page->spans.data[last].end, next;
  while (begin > 0 && begin < text.size && goes_on(text.data[begin])) begin--;
  while (end < text.size && goes_on(text.data[end])) end++;
  for (; begin < end && att_is_space(att_code_at(text, begin, &next)); begin = next) continue;
  for (; end > begin && att_is_space(att_code_before(text, end, &next)); end = next) continue;
  return (att_text){text.data + begin, end > begin ? end - begin : 0};
}

bool att_page_tokens(const att_page *page, size_t begin, size_t end, int64_t *first, int64_t *last) {
  *first = *last = -1;
  for (size_t i = 0; i < page->spans.count; i++) {
    const att_token_span *s = &page->spans.data[i];
    if (s->end <= begin || s->begin >= end || s->begin == s->end) continue;
    if (*first < 0) *first = (int64_t)i;
    *last = (int64_t)i;
  }
  return *first >= 0;
}

size_t att_page_character(const att_page *page, const char *at) {
  size_t count = 0;
  for (const char *p = page->text.data; p < at; p++) count += !goes_on(*p);
  return count;
}

/* ---- windows -------------------------------------------------------------------------------------------------- */

att_status att_windows_plan(const att_model *model, const att_page *page, int64_t window, int64_t stride,
                            att_ids *question, bool *cut, att_window_plan *plan) {
  int64_t specials = (int64_t)att_tokenizer_pair_specials(model->tokenizer);
  if (window > model->config.max_position_embeddings) window = model->config.max_position_embeddings;
  int64_t most = window / 2 - specials / 2;
  *cut = most >= 1 && (int64_t)question->count > most;
  if (*cut) question->count = (size_t)most;
  *plan = (att_window_plan){.tokens = (int64_t)page->ids.count};
  plan->room = window - specials - (int64_t)question->count;
  if (plan->room < 1 || most < 1) {
    return att_fail(model->ctx, ATT_ARGUMENT, "windows of %lld tokens leave no room for a text beside a question",
                    (long long)window);
  }
  plan->step = stride < plan->room ? stride : plan->room;
  int64_t beyond = plan->tokens - plan->room;
  if (plan->tokens > 0) plan->count = beyond <= 0 ? 1 : (beyond + plan->step - 1) / plan->step + 1;
  return ATT_OK;
}

int64_t att_window_first(const att_window_plan *plan, int64_t window) { return window * plan->step; }

int64_t att_window_size(const att_window_plan *plan, int64_t window) {
  int64_t left = plan->tokens - window * plan->step;
  return left < plan->room ? left : plan->room;
}

/* As run_squad's _check_is_max_context: what is on the side that has less, and a little for a longer window. */
int64_t att_window_of(const att_window_plan *plan, int64_t token) {
  int64_t last = token / plan->step, first = token < plan->room ? 0 : (token - plan->room) / plan->step + 1, best = -1;
  double most = 0;
  if (last >= plan->count) last = plan->count - 1;
  for (int64_t i = first; i <= last; i++) {
    int64_t size = att_window_size(plan, i), before = token - att_window_first(plan, i), behind = size - 1 - before;
    double score = (double)(before < behind ? before : behind) + 0.01 * (double)size;
    if (best >= 0 && score <= most) continue;
    best = i;
    most = score;
  }
  return best;
}

att_status att_window_put(const att_model *model, const att_page *page, const att_window_plan *plan, int64_t window,
                          const att_ids *question, att_ids *ids, att_ids *types, size_t *at) {
  const att_ids part = {.data = page->ids.data + att_window_first(plan, window),
                        .count = (size_t)att_window_size(plan, window)};
  return att_tokenizer_join(model->tokenizer, model->ctx, question, &part, ids, types, at);
}
