/* Owns the running of pre-tokenizers: a text's way through the cuts to words. What each one does is in parts.c and
 * pretokenize.c. See parts.h. */
#include "text/parts.h"

typedef struct cutter {
  const att_tokenizer *t;
  att_context *ctx;
  att_buffer *buffers;
  att_word_fn *word;
  void *user;
} cutter;

/* The piece through the cuts from `step` on. Recursion is bounded by ATT_MOST_STEPS. */
static att_status cut_from(const cutter *c, int step, att_text text, bool first) {
  if (text.size == 0) return ATT_OK;
  if (step == c->t->cut_count) return c->word(c->user, text);
  const att_cut *cut = &c->t->cuts[step];
  if (cut->change) {
    c->buffers[step].size = 0;
    ATT_TRY(cut->change(c->ctx, cut, text, first, &c->buffers[step], &text));
  }
  for (size_t start = 0, end; start < text.size; start = end) {
    bool kept = true;
    end = cut->end(cut, text, start, &kept);
    if (kept) ATT_TRY(cut_from(c, step + 1, (att_text){text.data + start, end - start}, first && start == 0));
  }
  return ATT_OK;
}

att_status att_cut_words(const att_tokenizer *tokenizer, att_context *ctx, att_text text, bool first,
                         att_buffer *buffers, att_word_fn *word, void *user) {
  const cutter c = {tokenizer, ctx, buffers, word, user};
  return cut_from(&c, 0, text, first);
}
