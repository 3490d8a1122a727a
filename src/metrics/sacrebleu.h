/*
 * Owns what BLEU, chrF and TER share: the translations to be measured. Numbers, lines and signatures are sacreBLEU's to
 * the digit (Post 2018). The public call is att_bleu of attend.h, in sacrebleu.c.
 */
#ifndef ATT_METRICS_SACREBLEU_H
#define ATT_METRICS_SACREBLEU_H

#include "base/context.h"

/* The release of sacreBLEU whose numbers and signatures these are. */
#define ATT_SACREBLEU_VERSION "2.6.0"

/* What att_bleu was given, checked: every line has a reference. */
typedef struct att_translations {
  att_context *ctx;
  const att_text *hypotheses;        /* [count] */
  const att_text *const *references; /* [reference_count][count]; data NULL: the line has none there */
  size_t count, reference_count;
  const char *nrefs; /* what the signature says: how many references each line has, or "var" */
  const att_bleu_options *options;
} att_translations;

/* ATT_INTERRUPTED where att_interrupt was called. */
static inline att_status att_measure_goes_on(att_context *ctx) {
  return ctx->interrupted ? att_fail(ctx, ATT_INTERRUPTED, "interrupted while measuring") : ATT_OK;
}

/* Each fills the score, the line and the signature of a zeroed result; BLEU all of it. */
att_status att_bleu_measure(const att_translations *t, att_bleu_result *result);
att_status att_chrf_measure(const att_translations *t, att_bleu_result *result);
att_status att_ter_measure(const att_translations *t, att_bleu_result *result);

#endif
