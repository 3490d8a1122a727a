/*
 * Owns chrF (Popovic 2015) and chrF++ (Popovic 2017) as sacreBLEU computes them: character orders 1 to 6 without
 * spaces, word orders as asked, beta 2, the mean over the orders that both sides have; of several references of a line
 * the one that gives it the best score.
 */
#include "metrics/ngrams.h"
#include "metrics/sacrebleu.h"

#include <string.h>

enum { CHARACTER_ORDERS = 6, MOST_WORD_ORDERS = 4, MOST_ORDERS = CHARACTER_ORDERS + MOST_WORD_ORDERS };

static const double BETA = 2;

typedef struct chrf_work {
  att_runes hypothesis, reference, words;
  att_ngrams ngrams;
} chrf_work;

static bool is_ascii_punctuation(int32_t rune) {
  return rune > 0 && rune < 0x80 && strchr("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", rune);
}

/* Parts a mark at the end of a word from it, or else one at its start. */
static att_status separate_punctuation(att_context *ctx, const att_runes *line, att_runes *out) {
  ATT_TRY(att_runes_reserve(ctx, out, 3 * line->count));
  out->count = 0;
  for (size_t i = 0; i < line->count;) {
    size_t end = i;
    while (end < line->count && !att_rune_is_space(line->data[end])) end++;
    bool last = end - i > 1 && is_ascii_punctuation(line->data[end - 1]);
    bool first = end - i > 1 && !last && is_ascii_punctuation(line->data[i]);
    for (size_t at = i; at < end; at++) {
      if (last && at == end - 1) out->data[out->count++] = ' ';
      out->data[out->count++] = line->data[at];
      if (first && at == i) out->data[out->count++] = ' ';
    }
    if (end < line->count) out->data[out->count++] = ' ';
    i = end + 1;
  }
  return ATT_OK;
}

static att_status set_characters(att_context *ctx, const att_runes *line, att_runes *symbols) {
  ATT_TRY(att_runes_reserve(ctx, symbols, line->count));
  symbols->count = 0;
  for (size_t i = 0; i < line->count; i++)
    if (!att_rune_is_space(line->data[i])) symbols->data[symbols->count++] = line->data[i];
  return ATT_OK;
}

static att_status count_pair(const att_translations *t, chrf_work *work, att_text hypothesis, att_text reference,
                             att_ngram_count *counts) {
  att_context *ctx = t->ctx;
  const att_bleu_options *options = t->options;
  ATT_TRY(att_runes_read(ctx, hypothesis, options->lowercase, &work->hypothesis));
  ATT_TRY(att_runes_read(ctx, reference, options->lowercase, &work->reference));
  ATT_TRY(set_characters(ctx, &work->hypothesis, &work->ngrams.hypothesis));
  ATT_TRY(set_characters(ctx, &work->reference, &work->ngrams.reference));
  ATT_TRY(att_ngrams_count(ctx, &work->ngrams, CHARACTER_ORDERS, counts));
  if (options->word_order > 0) {
    size_t length;
    ATT_TRY(separate_punctuation(ctx, &work->hypothesis, &work->words));
    ATT_TRY(att_ngrams_set_words(ctx, &work->ngrams, &work->words));
    ATT_TRY(separate_punctuation(ctx, &work->reference, &work->words));
    ATT_TRY(att_ngrams_add_words(ctx, &work->ngrams, &work->words, &length));
    ATT_TRY(att_ngrams_count(ctx, &work->ngrams, options->word_order, counts + CHARACTER_ORDERS));
  }
  for (int n = 0; n < CHARACTER_ORDERS + options->word_order; n++)
    if (counts[n].reference == 0) counts[n].hypothesis = 0; /* they do not count where the reference has none */
  return ATT_OK;
}

static double f_score(const att_ngram_count *totals, int orders) {
  double precision = 0, recall = 0;
  int used = 0;
  for (int n = 0; n < orders; n++) {
    if (totals[n].hypothesis == 0 || totals[n].reference == 0) continue;
    precision += (double)totals[n].match / (double)totals[n].hypothesis;
    recall += (double)totals[n].match / (double)totals[n].reference;
    used++;
  }
  if (precision + recall == 0) return 0;
  precision /= used;
  recall /= used;
  return 100 * ((1 + BETA * BETA) * precision * recall / (BETA * BETA * precision + recall));
}

static att_status count_line(const att_translations *t, chrf_work *work, size_t i, att_ngram_count *totals) {
  int orders = CHARACTER_ORDERS + t->options->word_order;
  att_ngram_count counts[MOST_ORDERS] = {0}, best[MOST_ORDERS] = {0};
  double best_score = -1;
  for (size_t r = 0; r < t->reference_count; r++) {
    if (!t->references[r][i].data) continue;
    ATT_TRY(count_pair(t, work, t->hypotheses[i], t->references[r][i], counts));
    double score = f_score(counts, orders);
    if (score > best_score) {
      best_score = score;
      memcpy(best, counts, sizeof best);
    }
  }
  for (int n = 0; n < orders; n++) {
    totals[n].hypothesis += best[n].hypothesis;
    totals[n].reference += best[n].reference;
    totals[n].match += best[n].match;
  }
  return ATT_OK;
}

att_status att_chrf_measure(const att_translations *t, att_bleu_result *result) {
  chrf_work work = {0};
  att_ngram_count totals[MOST_ORDERS] = {0};
  att_status status = ATT_OK;
  const att_bleu_options *options = t->options;
  for (size_t i = 0; i < t->count && !status; i++) {
    status = att_measure_goes_on(t->ctx);
    if (!status) status = count_line(t, &work, i, totals);
  }
  att_free(t->ctx, work.hypothesis.data);
  att_free(t->ctx, work.reference.data);
  att_free(t->ctx, work.words.data);
  att_ngrams_free(t->ctx, &work.ngrams);
  if (status) return status;
  result->score = f_score(totals, CHARACTER_ORDERS + options->word_order);
  att_format(result->line, sizeof result->line, "chrF2%.*s = %.2f", options->word_order, "++++", result->score);
  att_format(result->signature, sizeof result->signature, "nrefs:%s|case:%s|eff:yes|nc:%d|nw:%d|space:no|version:%s",
             t->nrefs, options->lowercase ? "lc" : "mixed", CHARACTER_ORDERS, options->word_order,
             ATT_SACREBLEU_VERSION);
  return ATT_OK;
}
