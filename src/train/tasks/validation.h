/*
 * Owns validation: the loss of all validation pairs, and BLEU of greedy translations, or ROUGE-L of greedy summaries,
 * of some of them. Results do not depend on when or how often it runs.
 */
#ifndef ATT_TRAIN_TASKS_VALIDATION_H
#define ATT_TRAIN_TASKS_VALIDATION_H

#include "decode/decode.h"
#include "train/checkpoint.h"
#include "train/data/batches.h"

typedef struct att_validation {
  att_context *ctx;
  att_corpus corpus;
  att_batches batches;
  bool lowercase;
  bool rouge;      /* the quality is ROUGE-L in percent, else BLEU */
  int64_t longest; /* tokens of a target */
  int32_t *asked;  /* [asked_count]: pairs to translate, by length */
  int64_t asked_count;
  att_text *references, *hypotheses; /* [asked_count] */
  size_t *ends;                      /* [asked_count]: of the hypotheses in `text` */
  att_buffer text, reference_text;
} att_validation;

/* Takes the corpus where it succeeds; lines: what the corpus was encoded from, not needed afterwards. */
att_status att_validation_new(att_context *ctx, att_corpus *corpus, const att_lines *lines, const att_plan *plan,
                              bool rouge, att_validation *out);
void att_validation_free(att_validation *validation); /* zeroed is fine */

/* arena is reset, before and between. ATT_INTERRUPTED where att_interrupt was called meanwhile. */
att_status att_validation_run(att_validation *validation, att_model *model, att_arena *arena,
                              att_score_of_model *score);

#endif
