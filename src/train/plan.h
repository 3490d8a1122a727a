/*
 * Owns the plan of a training run: every number that decides it, chosen once from the options, the data and the budget,
 * printed, written down with the checkpoint and compared when a run is resumed.
 */
#ifndef ATT_TRAIN_PLAN_H
#define ATT_TRAIN_PLAN_H

#include "formats/json.h"
#include "models/config.h"

#define ATT_UNSET        INT64_MIN /* a number still to be chosen; NaN among the doubles */
#define ATT_MOST_AVERAGE 64

/* The members stand as the options do; numbers that are enums in attend.h are so here. */
typedef struct att_plan {
  int64_t seed, fine_tuned; /* fine_tuned: 1 where the run began with a model */
  /* budget: steps is 0 until it is fixed */
  int64_t steps;
  double epochs, minutes;
  int64_t parameters; /* asked for; unset where none was */
  int64_t network;
  int64_t encoder_layers, decoder_layers, width, heads, kv_heads, feedforward, context; /* layers 0: no such side */
  int64_t embedding, one_direction, attention; /* of recurrent networks (embedding also of padded ones) */
  int64_t activation, norm, norm_order, position, tied;
  int64_t head; /* of a classifier */
  int64_t tokenizer, vocab, max_length, lowercase;
  int64_t batch_tokens, batch; /* batch 0: bounded by tokens alone */
  double lr, min_lr;
  int64_t warmup, schedule;
  double weight_decay, beta1, beta2, epsilon, clip;
  double dropout; /* NaN until the number of steps is fixed, where none was asked for */
  double label_smoothing, bpe_dropout, token_dropout;
  int64_t average, valid_every, save_every, patience; /* save_every 0: by time */
} att_plan;

typedef struct att_size {
  int64_t layers, width, heads, feedforward;
} att_size;
enum { ATT_TINY, ATT_SMALL, ATT_BASE, ATT_BIG, ATT_SIZE_COUNT };

/* What models a kind of training makes: their sides, and the Transformer's sizes by name (tiny, small, base, big);
 * recurrent and padded networks have the same in every task (options.c). */
typedef struct att_shapes {
  att_kind kind;
  att_size sizes[ATT_SIZE_COUNT];
} att_shapes;

/* What was asked for, everything else unset. Refuses impossible values (ATT_ARGUMENT naming the option). */
att_status att_plan_wanted(att_context *ctx, const att_shapes *shapes, const att_train_options *options,
                           att_plan *wanted);

/* A task's choices, where nothing was asked for. */
void att_choose_whole(int64_t *value, int64_t choice);
void att_choose_number(double *value, double choice);
/* The sizes that are unset, from one of the task's. */
void att_plan_choose_size(att_plan *plan, const att_shapes *shapes, int size);
/* What is still unset and does not depend on the number of steps; checks that the whole can be. */
att_status att_plan_choose(att_context *ctx, att_plan *plan, const att_shapes *shapes);
/* Translation's choices for a number of pairs (translation.c). */
void att_plan_choose_translation(att_plan *plan, int64_t pairs);
/* 1 where the width is 256, falling with its root: how the learning rates scale. */
double att_plan_width_scale(const att_plan *plan);

/* Takes the shape of a model that is there; refuses a plan that wants another (naming the option). */
att_status att_plan_adopt(att_context *ctx, att_plan *plan, const att_config *config);

/* Fixes the number of steps, and what follows from it: warm-up (one of warmup_part steps) and the distance of
 * validations. most_validations: how many the budget bears. */
void att_plan_fix_steps(att_plan *plan, int64_t steps, int64_t warmup_part, int64_t most_validations);

/* 0 until it is known. */
float att_plan_dropout(const att_plan *plan);

/* The model's configuration, all but the special tokens and the head (configure.c). What no family of Hugging Face can
 * say is given to the nearest. */
void att_plan_config(const att_plan *plan, att_kind kind, const att_tokenizer *tokenizer, att_config *config);
/* The plan's model in words: "3 + 3 layers, width 256, ..." */
void att_plan_describe(const att_plan *plan, char *text, size_t size);
/* The word of an option's value ("rotary"), or its number written into text. */
const char *att_plan_spell(const char *option, double value, char text[32]);

/* Refuses where something wanted differs from the plan of a run that began, naming it. The budget may be larger. */
att_status att_plan_compare(att_context *ctx, const att_plan *begun, const att_plan *wanted);

/* As a JSON object, and back, whatever its numbers are (state.c checks those that a run goes on with); name: for
 * messages. */
att_status att_plan_write(att_context *ctx, const att_plan *plan, att_buffer *out);
att_status att_plan_read(att_context *ctx, const char *name, const json_t *object, att_plan *plan);

/* The rate of a step, from 1 (docs/TRAINING.md has the formulas). Before the steps are fixed it rises over the first
 * 600. */
double att_plan_lr(const att_plan *plan, int64_t step);

#endif
