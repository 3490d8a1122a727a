/*
 * Owns BLEU (Papineni et al. 2002) as sacreBLEU computes it (Post 2018): orders 1 to 4, the matches of a line in all of
 * its references, the length of the reference that is closest to the hypothesis'.
 */
#include "metrics/ngrams.h"
#include "metrics/sacrebleu.h"

#include <math.h>

enum { ORDERS = 4 };

typedef struct bleu_counts {
  int64_t match[ORDERS], total[ORDERS], hypothesis_length, reference_length;
} bleu_counts;

typedef struct bleu_work {
  att_runes line, scratch;
  att_ngrams ngrams;
} bleu_work;

static att_status read_words(const att_translations *t, bleu_work *work, att_text text) {
  ATT_TRY(att_runes_read(t->ctx, text, t->options->lowercase, &work->line));
  return att_bleu_tokenize(t->ctx, t->options->tokenizer, &work->line, &work->scratch);
}

/* Whether a reference of that length is closer to the hypothesis', or as close and shorter. */
static bool is_closer(size_t length, size_t closest, size_t hypothesis) {
  size_t far = length > hypothesis ? length - hypothesis : hypothesis - length;
  size_t before = closest > hypothesis ? closest - hypothesis : hypothesis - closest;
  return far < before || (far == before && length < closest);
}

static att_status count_line(const att_translations *t, bleu_work *work, size_t i, bleu_counts *counts) {
  size_t closest = SIZE_MAX, length;
  ATT_TRY(read_words(t, work, t->hypotheses[i]));
  ATT_TRY(att_ngrams_set_words(t->ctx, &work->ngrams, &work->line));
  for (size_t r = 0; r < t->reference_count; r++) {
    if (!t->references[r][i].data) continue;
    ATT_TRY(read_words(t, work, t->references[r][i]));
    ATT_TRY(att_ngrams_add_words(t->ctx, &work->ngrams, &work->line, &length));
    if (is_closer(length, closest, work->ngrams.hypothesis.count)) closest = length;
  }
  att_ngram_count line[ORDERS];
  ATT_TRY(att_ngrams_count(t->ctx, &work->ngrams, ORDERS, line));
  for (int n = 0; n < ORDERS; n++) {
    counts->match[n] += line[n].match;
    counts->total[n] += line[n].hypothesis;
  }
  counts->hypothesis_length += line[0].hypothesis;
  counts->reference_length += (int64_t)closest;
  return ATT_OK;
}

static att_status count_corpus(const att_translations *t, bleu_counts *counts) {
  bleu_work work = {0};
  att_status status = ATT_OK;
  for (size_t i = 0; i < t->count && !status; i++) {
    status = att_measure_goes_on(t->ctx);
    if (!status) status = count_line(t, &work, i, counts);
  }
  att_free(t->ctx, work.line.data);
  att_free(t->ctx, work.scratch.data);
  att_ngrams_free(t->ctx, &work.ngrams);
  return status;
}

static double smoothing_value(const att_bleu_options *options) {
  if (options->smoothing_value >= 0) return options->smoothing_value;
  return options->smoothing == ATT_SMOOTH_FLOOR ? 0.1 : 1.0;
}

/* Percent, with the four ways of smoothing that Chen and Cherry (2014) compare. An order without n-grams ends it;
 * returns how many orders have some. */
static int compute_precisions(const bleu_counts *counts, const att_bleu_options *options, double *precision) {
  double value = smoothing_value(options), halving = 1;
  for (int n = 0; n < ORDERS; n++) {
    double add = options->smoothing == ATT_SMOOTH_ADD_K && n > 0 ? value : 0;
    double match = (double)counts->match[n] + add, total = (double)counts->total[n] + add;
    if (total == 0) return n;
    if (match > 0)
      precision[n] = 100.0 * match / total;
    else if (options->smoothing == ATT_SMOOTH_EXP)
      precision[n] = 100.0 / ((halving *= 2) * total);
    else if (options->smoothing == ATT_SMOOTH_FLOOR)
      precision[n] = 100.0 * value / total;
  }
  return ORDERS;
}

static void compute_score(const bleu_counts *counts, const att_bleu_options *options, att_bleu_result *result) {
  double hypothesis = (double)counts->hypothesis_length, reference = (double)counts->reference_length;
  result->hypothesis_length = counts->hypothesis_length;
  result->reference_length = counts->reference_length;
  result->ratio = reference > 0 ? hypothesis / reference : 0;
  result->brevity_penalty = 1;
  if (hypothesis < reference) result->brevity_penalty = hypothesis > 0 ? exp(1 - reference / hypothesis) : 0;
  int64_t matches = 0;
  for (int n = 0; n < ORDERS; n++) matches += counts->match[n];
  if (matches == 0) return;
  int orders = compute_precisions(counts, options, result->precision);
  if (!options->effective_order) orders = ORDERS;
  double sum = 0;
  for (int n = 0; n < orders; n++) sum += result->precision[n] > 0 ? log(result->precision[n]) : -9999999999.0;
  result->score = result->brevity_penalty * exp(sum / orders);
}

static void describe(const att_translations *t, att_bleu_result *result) {
  static const char *const tokenizers[] = {"13a", "none", "char", "intl", "zh"};
  static const char *const smoothings[] = {"exp", "floor", "add-k", "none"};
  const att_bleu_options *options = t->options;
  char value[64] = "";
  if (options->smoothing == ATT_SMOOTH_FLOOR || options->smoothing == ATT_SMOOTH_ADD_K)
    att_format(value, sizeof value, "[%.2f]", smoothing_value(options));
  const double *p = result->precision;
  att_format(result->line, sizeof result->line,
             "BLEU = %.2f %.1f/%.1f/%.1f/%.1f (BP = %.3f ratio = %.3f hyp_len = %lld ref_len = %lld)", result->score,
             p[0], p[1], p[2], p[3], result->brevity_penalty, result->ratio, (long long)result->hypothesis_length,
             (long long)result->reference_length);
  att_format(result->signature, sizeof result->signature, "nrefs:%s|case:%s|eff:%s|tok:%s|smooth:%s%s|version:%s",
             t->nrefs, options->lowercase ? "lc" : "mixed", options->effective_order ? "yes" : "no",
             tokenizers[options->tokenizer], smoothings[options->smoothing], value, ATT_SACREBLEU_VERSION);
}

att_status att_bleu_measure(const att_translations *t, att_bleu_result *result) {
  bleu_counts counts = {0};
  ATT_TRY(count_corpus(t, &counts));
  compute_score(&counts, t->options, result);
  describe(t, result);
  return ATT_OK;
}
