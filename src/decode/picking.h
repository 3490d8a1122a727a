/*
 * Owns how an encoder reads the sentences of a text to pick some of them: each with its special tokens around it, one
 * behind another (Liu 2019, section 2.1), as many as fit into a window. What the model says of a sentence stands at its
 * first token: a head of token classes with two labels, so that the folder is Hugging Face's ...ForTokenClassification.
 */
#ifndef ATT_DECODE_PICKING_H
#define ATT_DECODE_PICKING_H

#include "models/head.h"

/* The labels: of a sentence that is left, of one that says what the text says. */
enum { ATT_LEFT, ATT_PICKED, ATT_PICKING_LABELS };
extern const char *const att_picking_labels[ATT_PICKING_LABELS];

/* Whether the model has learnt to. */
bool att_picks_sentences(const att_model *model);
/* Appends a sentence to the window that begins at ids->data[begin]; *fits false: the window would have more than `most`
 * tokens, and is as it was. The first sentence of a window always fits: it is truncated. types: one for each id. */
att_status att_picking_put(const att_model *model, att_text sentence, size_t begin, int64_t most, att_ids *ids,
                           att_ids *types, bool *fits);
/* How much more a row of logits is for picking than for leaving. */
static inline double att_picking_score(const float *logits) {
  return (double)logits[ATT_PICKED] - (double)logits[ATT_LEFT];
}

#endif
