/*
 * Owns what validates the runs of a task, as their own reading of the data gives it, for who measures models with it:
 * no run has learned from any of it. Refuses to know what the items are for.
 */
#ifndef ATT_TRAIN_HELD_OUT_H
#define ATT_TRAIN_HELD_OUT_H

#include "train/task.h"

typedef struct att_held att_held;

/* Reads the data that the options name as a run of their task does, quietly; `out` is not looked at. options stay the
 * caller's and must outlive it. On failure there is nothing to free. */
att_status att_held_read(att_context *ctx, const att_train_options *options, att_held **held);
void att_held_free(att_held *held); /* NULL is fine */
/* Item `index`; false: there is none such. */
bool att_held_at(const att_held *held, size_t index, att_held_item *item);
/* What the data is counted in: "pairs", "texts", "series", "recordings", "tunes" (piano rolls; else tunes are
 * "tokens"). */
const char *att_held_things(const att_held *held);
/* What validations measure of it beside the loss: "accuracy"; NULL: nothing. */
const char *att_held_quality(const att_held *held);
/* Of what is held out, as the state of a run of it has it. */
uint64_t att_held_fingerprint(const att_held *held);

#endif
