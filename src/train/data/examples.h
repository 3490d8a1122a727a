/*
 * Owns texts, or series, as models with a head of labels read them: ids of one text or of two, cut where they are too
 * long, batches of them, and what the model says of each.
 */
#ifndef ATT_TRAIN_DATA_EXAMPLES_H
#define ATT_TRAIN_DATA_EXAMPLES_H

#include "models/head.h"

/* Zero-initialised is empty. */
typedef struct att_examples {
  att_ids ids, types;  /* types: of each id; 1 in the second of two texts */
  float *rows;         /* [tokens, width] in their place, of series */
  int64_t width, room; /* room: tokens that rows has memory for */
  int64_t *start;      /* [count + 1] of each text's ids */
  int64_t count, capacity;
  int64_t truncated; /* texts that were too long */
  int64_t longest;
} att_examples;

/* Appends a text, or a pair of them where second is not NULL. most: tokens; 0: as many as the model has positions.
 * *truncated (may be NULL): it was longer. A text without any token becomes one end token. */
att_status att_examples_add(const att_model *model, att_text first, const att_text *second, int64_t most,
                            att_examples *examples, bool *truncated);
/* Appends a series of [rows, channels] as the model's folder reads it (models/series_front.h), cut to `most` tokens. */
att_status att_examples_add_series(const att_model *model, const float *values, int64_t rows, int64_t most,
                                   att_examples *examples, bool *truncated);
void att_examples_clear(att_examples *examples); /* keeps the memory */
void att_examples_free(att_context *ctx, att_examples *examples);

/* The texts which[0 .. count), or begin .. begin + count where which is NULL, as a model reads them; on the arena. */
att_status att_examples_input(const att_model *model, const att_examples *examples, const int32_t *which, int64_t begin,
                              int64_t count, att_arena *arena, att_input *input);
/* How many texts from `begin` on make a batch that runs well. */
int64_t att_examples_fit(const att_examples *examples, int64_t begin);

/* The side of a model that reads texts: a decoder's target, else the source. */
att_input *att_batch_texts(const att_model *model, att_batch *batch);

/* What the model's body makes of texts begin .. begin + count, on the run's arena. */
att_status att_examples_hidden(att_run *run, att_model *model, const att_examples *examples, int64_t begin,
                               int64_t count, att_hidden *hidden);
/* The head's logits of them as what they say: *scores [rows of logits, config.label_count], on the run's arena. */
att_status att_examples_scores(att_run *run, att_model *model, const att_hidden *hidden, double **scores);

#endif
