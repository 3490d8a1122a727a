/*
 * Owns the public call for BLEU, chrF and TER: its options, and that every line has a reference.
 */
#include "metrics/sacrebleu.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static att_status check_options(att_context *ctx, const att_bleu_options *options) {
  if ((int)options->metric < 0 || options->metric > ATT_METRIC_TER)
    return att_fail(ctx, ATT_ARGUMENT, "metric %d is none of BLEU, chrF, TER", (int)options->metric);
  if ((int)options->tokenizer < 0 || options->tokenizer > ATT_BLEU_ZH)
    return att_fail(ctx, ATT_ARGUMENT, "BLEU: tokenizer %d is none of 13a, none, char, intl, zh",
                    (int)options->tokenizer);
  if ((int)options->smoothing < 0 || options->smoothing > ATT_SMOOTH_NONE)
    return att_fail(ctx, ATT_ARGUMENT, "BLEU: smoothing %d is none of exp, floor, add-k, none",
                    (int)options->smoothing);
  if (!(options->smoothing_value <= 1e9)) /* NaN too */
    return att_fail(ctx, ATT_ARGUMENT, "BLEU: a smoothing value must be a number up to 1e9");
  if (options->word_order < 0 || options->word_order > 4)
    return att_fail(ctx, ATT_ARGUMENT, "chrF: a word order of %d is not from 0 to 4", options->word_order);
  return ATT_OK;
}

/* text: what the signature says of how many references there are. */
static att_status count_references(const att_translations *t, char text[24]) {
  size_t least = SIZE_MAX, most = 0;
  for (size_t i = 0; i < t->count; i++) {
    size_t count = 0;
    for (size_t r = 0; r < t->reference_count; r++) count += t->references[r][i].data != NULL;
    if (count == 0) return att_fail(t->ctx, ATT_ARGUMENT, "line %zu has no reference to be measured against", i + 1);
    if (count < least) least = count;
    if (count > most) most = count;
  }
  if (least == most)
    snprintf(text, 24, "%zu", most);
  else
    memcpy(text, "var", 4);
  return ATT_OK;
}

void att_bleu_options_init(att_bleu_options *options, size_t size) {
  const att_bleu_options own = {.size = size, .smoothing_value = -1};
  att_give_struct(&own, sizeof own, options, size);
}

static att_status measure(att_translations *t, att_bleu_result *result) {
  char nrefs[24];
  ATT_TRY(check_options(t->ctx, t->options));
  if (t->count == 0) return att_fail(t->ctx, ATT_ARGUMENT, "there are no lines to score");
  ATT_TRY(count_references(t, nrefs));
  t->nrefs = nrefs;
  switch (t->options->metric) {
  case ATT_METRIC_BLEU: return att_bleu_measure(t, result);
  case ATT_METRIC_CHRF: return att_chrf_measure(t, result);
  case ATT_METRIC_TER: break;
  }
  return att_ter_measure(t, result);
}

att_status att_bleu_sized(att_context *ctx, const att_text *hypotheses, size_t count, const att_text *const *references,
                          size_t reference_count, const att_bleu_options *given, att_bleu_result *result, size_t size) {
  att_bleu_options options;
  att_bleu_result own = {0};
  att_bleu_options_default(&options);
  att_translations t = {ctx, hypotheses, references, count, reference_count, NULL, &options};
  att_status status = att_take_options(ctx, "att_bleu", given, &options, sizeof options);
  if (!status) status = measure(&t, &own);
  if (status == ATT_INTERRUPTED) ctx->interrupted = 0; /* the next call is a new one */
  att_give_struct(&own, sizeof own, result, size);
  return status;
}
