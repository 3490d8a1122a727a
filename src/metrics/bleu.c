/*
 * Owns BLEU (Papineni et al. 2002) as sacreBLEU computes it (Post 2018): one reference, orders 1 to 4, no effective
 * order; and the public door of the metrics. Numbers, line and signature are sacreBLEU's to the digit.
 */
#include "metrics/ngrams.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { ORDERS = 4 };

typedef struct bleu_counts {
  int64_t match[ORDERS], total[ORDERS], hypothesis_length, reference_length;
} bleu_counts;

typedef struct bleu_work {
  att_runes hypothesis, reference, scratch;
  att_ngrams ngrams;
} bleu_work;

static att_status count_line(att_context *ctx, bleu_work *work, att_text hypothesis, att_text reference,
                             const att_bleu_options *options, bleu_counts *counts) {
  ATT_TRY(att_runes_read(ctx, hypothesis, options->lowercase, &work->hypothesis));
  ATT_TRY(att_runes_read(ctx, reference, options->lowercase, &work->reference));
  ATT_TRY(att_bleu_tokenize(ctx, options->tokenizer, &work->hypothesis, &work->scratch));
  ATT_TRY(att_bleu_tokenize(ctx, options->tokenizer, &work->reference, &work->scratch));
  ATT_TRY(att_ngrams_words(ctx, &work->ngrams, &work->hypothesis, &work->reference));
  att_ngram_count line[ORDERS];
  ATT_TRY(att_ngrams_count(ctx, &work->ngrams, ORDERS, line));
  for (int n = 0; n < ORDERS; n++) {
    counts->match[n] += line[n].match;
    counts->total[n] += line[n].hypothesis;
  }
  counts->hypothesis_length += line[0].hypothesis;
  counts->reference_length += line[0].reference;
  return ATT_OK;
}

static att_status count_corpus(att_context *ctx, const att_text *hypotheses, const att_text *references, size_t count,
                               const att_bleu_options *options, bleu_counts *counts) {
  bleu_work work = {0};
  att_status status = ATT_OK;
  for (size_t i = 0; i < count && !status; i++)
    status = count_line(ctx, &work, hypotheses[i], references[i], options, counts);
  att_free(ctx, work.hypothesis.data);
  att_free(ctx, work.reference.data);
  att_free(ctx, work.scratch.data);
  att_ngrams_free(ctx, &work.ngrams);
  return status;
}

static double smoothing_value(const att_bleu_options *options) {
  if (options->smoothing_value >= 0) return options->smoothing_value;
  return options->smoothing == ATT_SMOOTH_FLOOR ? 0.1 : 1.0;
}

/* Percent, with the four ways of smoothing that Chen and Cherry (2014) compare. An order without n-grams ends it. */
static void compute_precisions(const bleu_counts *counts, const att_bleu_options *options, double *precision) {
  double value = smoothing_value(options), halving = 1;
  for (int n = 0; n < ORDERS; n++) {
    double add = options->smoothing == ATT_SMOOTH_ADD_K && n > 0 ? value : 0;
    double match = (double)counts->match[n] + add, total = (double)counts->total[n] + add;
    if (total == 0) return;
    if (match > 0)
      precision[n] = 100.0 * match / total;
    else if (options->smoothing == ATT_SMOOTH_EXP)
      precision[n] = 100.0 / ((halving *= 2) * total);
    else if (options->smoothing == ATT_SMOOTH_FLOOR)
      precision[n] = 100.0 * value / total;
  }
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
  compute_precisions(counts, options, result->precision);
  double sum = 0;
  for (int n = 0; n < ORDERS; n++) sum += result->precision[n] > 0 ? log(result->precision[n]) : -9999999999.0;
  result->score = result->brevity_penalty * exp(sum / ORDERS);
}

static void describe(const att_bleu_options *options, att_bleu_result *result) {
  static const char *const tokenizers[] = {"13a", "none", "char", "intl"};
  static const char *const smoothings[] = {"exp", "floor", "add-k", "none"};
  char value[64] = "";
  if (options->smoothing == ATT_SMOOTH_FLOOR || options->smoothing == ATT_SMOOTH_ADD_K)
    snprintf(value, sizeof value, "[%.2f]", smoothing_value(options));
  const double *p = result->precision;
  snprintf(result->line, sizeof result->line,
           "BLEU = %.2f %.1f/%.1f/%.1f/%.1f (BP = %.3f ratio = %.3f hyp_len = %lld ref_len = %lld)", result->score,
           p[0], p[1], p[2], p[3], result->brevity_penalty, result->ratio, (long long)result->hypothesis_length,
           (long long)result->reference_length);
  snprintf(result->signature, sizeof result->signature, "nrefs:1|case:%s|eff:no|tok:%s|smooth:%s%s|version:%s",
           options->lowercase ? "lc" : "mixed", tokenizers[options->tokenizer], smoothings[options->smoothing], value,
           ATT_SACREBLEU_VERSION);
}

static att_status check_options(att_context *ctx, const att_bleu_options *options) {
  if ((int)options->tokenizer < 0 || options->tokenizer > ATT_BLEU_INTL)
    return att_fail(ctx, ATT_ARGUMENT, "BLEU: tokenizer %d is none of 13a, none, char, intl", (int)options->tokenizer);
  if ((int)options->smoothing < 0 || options->smoothing > ATT_SMOOTH_NONE)
    return att_fail(ctx, ATT_ARGUMENT, "BLEU: smoothing %d is none of exp, floor, add-k, none",
                    (int)options->smoothing);
  if (!(options->smoothing_value <= 1e9)) /* NaN too */
    return att_fail(ctx, ATT_ARGUMENT, "BLEU: a smoothing value must be a number up to 1e9");
  if (options->word_order < 0 || options->word_order > 4)
    return att_fail(ctx, ATT_ARGUMENT, "chrF: a word order of %d is not from 0 to 4", options->word_order);
  return ATT_OK;
}

void att_bleu_options_init(att_bleu_options *options, size_t size) {
  const att_bleu_options own = {.size = size, .smoothing_value = -1};
  att_give_struct(&own, sizeof own, options, size);
}

static att_status score(att_context *ctx, const att_text *hypotheses, const att_text *references, size_t count,
                        const att_bleu_options *options, att_bleu_result *result) {
  ATT_TRY(check_options(ctx, options));
  if (count == 0) return att_fail(ctx, ATT_ARGUMENT, "there are no lines to score");
  if (options->chrf) {
    ATT_TRY(att_chrf(ctx, hypotheses, references, count, options, result));
  } else {
    bleu_counts counts = {0};
    ATT_TRY(count_corpus(ctx, hypotheses, references, count, options, &counts));
    compute_score(&counts, options, result);
    describe(options, result);
  }
  /* A host's locale may print a comma in numbers; there is no other comma in these texts. */
  for (char *comma = result->line; (comma = strchr(comma, ','));) *comma = '.';
  for (char *comma = result->signature; (comma = strchr(comma, ','));) *comma = '.';
  return ATT_OK;
}

att_status att_bleu_sized(att_context *ctx, const att_text *hypotheses, const att_text *references, size_t count,
                          const att_bleu_options *given, att_bleu_result *result, size_t size) {
  att_bleu_options options;
  att_bleu_result own = {0};
  att_bleu_options_default(&options);
  att_status status = att_take_options(ctx, "att_bleu", given, &options, sizeof options);
  if (!status) status = score(ctx, hypotheses, references, count, &options, &own);
  att_give_struct(&own, sizeof own, result, size);
  return status;
}
