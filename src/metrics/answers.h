/*
 * Owns the measures of answers to questions, as the official scripts of SQuAD 1.1 and 2.0 count them: exact match and
 * F1 over words, of texts without case, punctuation and English articles. The public call is att_evaluate_squad.
 */
#ifndef ATT_METRICS_ANSWERS_H
#define ATT_METRICS_ANSWERS_H

#include "base/context.h"

/* A scorer keeps its memory from call to call; zero-initialised is empty. */
typedef struct att_answer_scorer {
  att_buffer prediction, truth, scratch[2];
  att_text *words[2];
  size_t capacity[2];
} att_answer_scorer;

/* The best of the answers for each: *exact 0 or 1, *f1 0 to 1. No answers: the right one is none. version2: answers
 * that are nothing but articles and punctuation are none, and two texts without words are alike. */
att_status att_answer_score(att_context *ctx, att_answer_scorer *scorer, att_text prediction, const att_text *answers,
                            size_t count, bool version2, double *exact, double *f1);
void att_answer_scorer_free(att_context *ctx, att_answer_scorer *scorer);

#endif
