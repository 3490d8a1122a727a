/*
 * Owns what a picture of a question and its context needs: the window of the context that has the answer, as the model
 * reads it behind the question, and where the answer stands in it.
 */
#ifndef ATT_API_LOOK_ANSWER_H
#define ATT_API_LOOK_ANSWER_H

#include "models/head.h"

/* Zero-initialised is empty. */
typedef struct att_answer_window {
  att_ids ids, types;  /* question and context, with the special tokens */
  int64_t first, last; /* the answer's tokens of these; -1: there is none */
  att_buffer answer;   /* its text */
  double score;        /* its probability among the 20 best */
} att_answer_window;

/* Finds the answer as att_answer does by its defaults. */
att_status att_answer_window_find(att_model *model, att_text question, att_text context, att_answer_window *out);
void att_answer_window_free(att_context *ctx, att_answer_window *window);
/* The log-probabilities of the answer's two ends (without one: of the first token), backwards to the embeddings:
 * norms [ids.count]. The run has a tape. */
att_status att_answer_window_push(att_run *run, att_model *model, const att_answer_window *window,
                                  const att_hidden *hidden, const att_tensor *embedded, float *norms);

#endif
