/*
 * Owns the plan of a training run: every number that decides it, chosen once from the options, the data and the budget,
 * printed, written down with the checkpoint and compared when a run is resumed.
 */
#ifndef ATT_TRAIN_PLAN_H
#define ATT_TRAIN_PLAN_H

#include "formats/json.h"
#include "models/model.h"

#define ATT_UNSET        INT64_MIN /* a number still to be chosen; NaN among the doubles */
#define ATT_MOST_AVERAGE 64

typedef struct att_plan {
  int64_t seed, fine_tuned; /* fine_tuned: 1 where the run began with a model */
  /* budget: steps is 0 until it is fixed */
  int64_t steps;
  double epochs, minutes;
  int64_t encoder_layers, decoder_layers, width, heads, feedforward, context;
  int64_t activation, norm_order, position, tied;
  int64_t vocab, max_length, lowercase;
  int64_t batch_tokens, batch; /* batch 0: bounded by tokens alone */
  double lr, min_lr;
  int64_t warmup, schedule;
  double weight_decay, beta1, beta2, epsilon, clip, dropout, label_smoothing, bpe_dropout;
  int64_t average, valid_every, save_every, patience; /* save_every 0: by time */
} att_plan;

/* What was asked for, everything else unset. Refuses impossible values (ATT_ARGUMENT naming the option). */
att_status att_plan_wanted(att_context *ctx, const att_train_options *options, att_plan *wanted);

/* Chooses what is unset and does not depend on the number of steps, from the number of training pairs. */
att_status att_plan_choose(att_context *ctx, att_plan *plan, int64_t pairs);

/* Takes the shape of a model that is there; refuses a plan that wants another (naming the option). */
att_status att_plan_adopt(att_context *ctx, att_plan *plan, const att_config *config);

/* Fixes the number of steps, and what follows from it: warm-up and the distance of validations. most_validations: how
 * many the budget bears. */
void att_plan_fix_steps(att_plan *plan, int64_t steps, int64_t most_validations);

/* The model's configuration for a tokenizer of the plan. */
void att_plan_config(const att_plan *plan, const att_tokenizer *tokenizer, att_config *config);

/* Refuses where something wanted differs from the plan of a run that began, naming it. The budget may be larger. */
att_status att_plan_compare(att_context *ctx, const att_plan *begun, const att_plan *wanted);

/* As a JSON object, and back; name: for messages. */
att_status att_plan_write(att_context *ctx, const att_plan *plan, att_buffer *out);
att_status att_plan_read(att_context *ctx, const char *name, const json_t *object, att_plan *plan);

/* The rate of a step, from 1 (docs/TRAINING.md has the formulas). Before the steps are fixed it rises over the first
 * 600. */
double att_plan_lr(const att_plan *plan, int64_t step);

#endif
