/*
 * Owns how comparisons measure what goes on with a text, or a tune as words: how well the words are predicted that
 * follow so many others, in bits a byte of text and in nats a word of music; and what is written after them.
 */
#include "compare/compare.h"

#include <math.h>
#include <string.h>

enum {
  SCORED_WORDS = 8,     /* of a piece: those after the context */
  LENGTHS = 8,          /* of context: 1, 2, 4 ... words */
  PIECES_OF_LENGTH = 12 /* for each of them */
};
#define ATT_EXAMPLE_TOKENS 48

static bool is_space(char c) { return (unsigned char)c <= ' '; }

/* The first place from `at` on where a word begins. */
static size_t next_word(att_text text, size_t at) {
  while (at > 0 && at < text.size && !is_space(text.data[at - 1])) at++;
  while (at < text.size && is_space(text.data[at])) at++;
  return at;
}

/* Behind so many words from there. */
static size_t words_from(att_text text, size_t at, size_t words) {
  for (; at < text.size && words > 0; at++)
    words -= !is_space(text.data[at]) && (at + 1 == text.size || is_space(text.data[at + 1]));
  return at;
}

/* Where the last `words` words of a text begin. */
static size_t tail_start(att_text text, size_t words) {
  size_t at = text.size;
  for (size_t i = text.size; i > 0 && words > 0; i--) {
    bool begins = !is_space(text.data[i - 1]) && (i == 1 || is_space(text.data[i - 2]));
    if (begins) at = i - 1, words--;
  }
  return at;
}

/* Pieces of running text, evenly spread: 1, 2, 4 ... words, and after them the words that are scored. */
att_status att_choose_pieces(att_probes *q, const att_held *held) {
  size_t texts = att_count_held(held), all = LENGTHS * PIECES_OF_LENGTH;
  ATT_TRY(att_probes_reserve(q, all, all));
  for (size_t i = 0; i < all && texts > 0; i++) {
    att_held_item item;
    size_t text = i * texts / all, first = (text * all + texts - 1) / texts,
           after = ((text + 1) * all + texts - 1) / texts;
    att_held_at(held, text, &item);
    size_t begin = next_word(item.input, (i - first) * item.input.size / (after - first));
    size_t end = words_from(item.input, begin, ((size_t)1 << (i % LENGTHS)) + SCORED_WORDS);
    att_text piece = {item.input.data + begin, end - begin};
    size_t words = att_count_words(piece);
    if (words == 0) continue;
    q->items[q->count].input = piece;
    q->lengths[q->count++] = words > SCORED_WORDS ? words - SCORED_WORDS : words;
  }
  return ATT_OK;
}

/* Nats that the last words of a piece take, given what stands before them. */
static att_status tail_nats(att_model *model, att_text piece, double *nats, double *bytes) {
  size_t start = tail_start(piece, SCORED_WORDS);
  att_text_score whole, before = {0};
  ATT_TRY(att_score_text(model, piece, 0, &whole));
  if (start > 0) ATT_TRY(att_score_text(model, (att_text){piece.data, start}, 0, &before));
  *nats = before.logprob - whole.logprob;
  *bytes = (double)(piece.size - start);
  return ATT_OK;
}

typedef struct writing {
  att_context *ctx;
  att_buffer text;
  att_status status;
} writing;

static int on_piece(void *user, const att_piece_of_text *piece) {
  writing *w = user;
  w->status = att_buffer_append(w->ctx, &w->text, piece->text, piece->size);
  return w->status != ATT_OK;
}

/* What the model writes after the words of an example. */
static att_status go_on(att_model *model, const att_probes *q, size_t example, att_results *a) {
  size_t index = q->examples[example];
  writing w = {.ctx = q->ctx};
  att_generate_options options;
  att_generate_options_default(model, &options);
  options.max_tokens = ATT_EXAMPLE_TOKENS;
  options.samples = 1;
  options.temperature = 0.7;
  options.seed = example + 1;
  att_status status = att_generate(model, q->items[index].input, &options, on_piece, &w);
  if (w.status) status = w.status;
  if (!status) status = att_keep_output(q, index, w.text.data ? w.text.data : "", w.text.size, a);
  att_buffer_free(q->ctx, &w.text);
  return status == ATT_ARGUMENT ? ATT_OK : status; /* longer than the network: no output is its answer */
}

/* A nat is `unit` of what is given, over bytes or over words. */
static att_status measure(att_model *model, const att_probes *q, double unit, bool words, att_results *a) {
  double *sums = ATT_NEW(q->ctx, 2 * q->count, double), *weights = sums ? sums + q->count : NULL;
  att_status status = sums ? ATT_OK : ATT_MEMORY;
  for (size_t i = 0; i < q->count && !status; i++) {
    status = tail_nats(model, q->items[i].input, &sums[i], &weights[i]);
    sums[i] *= unit;
    size_t count = att_count_words(q->items[i].input);
    if (words) weights[i] = (double)(count < SCORED_WORDS ? count : SCORED_WORDS);
  }
  if (!status) status = att_score_means(q, sums, weights, a);
  for (size_t i = 0; i < q->example_count && !status; i++) status = go_on(model, q, i, a);
  att_free(q->ctx, sums);
  return status;
}

att_status att_compare_language(att_model *model, const att_probes *q, att_results *a) {
  return measure(model, q, 1 / log(2), false, a);
}

att_status att_compare_music(att_model *model, const att_probes *q, att_results *a) {
  return measure(model, q, 1, true, a);
}
