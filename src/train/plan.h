/*
 * Owns the plan of a training run: every number that decides it, chosen once from the options, the data and the budget,
 * printed, written down with the checkpoint and compared when a run is resumed. What each number is called, and what it
 * may be, is in the table of options (options.h).
 */
#ifndef ATT_TRAIN_PLAN_H
#define ATT_TRAIN_PLAN_H

#include "formats/json.h"
#include "models/config.h"

#define ATT_UNSET        INT64_MIN /* a number still to be chosen; NaN among the doubles */
#define ATT_MOST_AVERAGE 64
#define ATT_PLAN_TEXT    256 /* bytes of a text, its NUL in */

typedef enum att_norm_order { ATT_NORM_BEFORE, ATT_NORM_AFTER } att_norm_order;
typedef enum att_schedule {
  ATT_SCHEDULE_COSINE,
  ATT_SCHEDULE_LINEAR,
  ATT_SCHEDULE_INVERSE_SQRT,
  ATT_SCHEDULE_CONSTANT
} att_schedule;

/* Whole numbers, flags (0, 1) and choices (the enum's value) are int64_t; texts that are unset are empty. */
typedef struct att_plan {
  int64_t seed, fine_tuned; /* fine_tuned: 1 where the run began with a model */
  /* budget: steps is 0 until it is fixed */
  int64_t steps;
  double epochs, minutes;
  int64_t size, parameters, layers; /* asked for */
  int64_t network;
  int64_t encoder_layers, decoder_layers, width, heads, kv_heads, feedforward, context; /* layers 0: no such side */
  int64_t embedding, one_direction, attention; /* of recurrent networks (embedding also of padded ones) */
  int64_t activation, norm, norm_order, position, tied;
  int64_t head;          /* of a classifier: an att_head */
  int64_t copy, extract; /* of summaries: a head that copies; sentences as they are */
  int64_t tokenizer, vocab, max_length, stride, lowercase;
  int64_t rate, speed_perturbation, masking; /* of sound: hertz; */
  double ctc_weight;                         /* 1: there is no decoder */
  int64_t batch_tokens, batch;               /* batch 0: bounded by tokens alone */
  double lr, min_lr;
  int64_t warmup, schedule;
  double weight_decay, beta1, beta2, epsilon, clip;
  double dropout; /* NaN until the number of steps is fixed, where none was asked for */
  double label_smoothing, bpe_dropout, token_dropout;
  double passages;                                    /* of summaries: the share of the steps that learn passages.h's */
  int64_t warping;                                    /* of series */
  int64_t average, valid_every, save_every, patience; /* save_every 0: by time */
  char freeze[ATT_PLAN_TEXT];                         /* freeze.h */
  char language[ATT_PLAN_TEXT];                       /* of what a multilingual Whisper hears */
  char text_column[ATT_PLAN_TEXT], text_pair_column[ATT_PLAN_TEXT], label_column[ATT_PLAN_TEXT]; /* att_columns */
  char series_column[ATT_PLAN_TEXT], time_column[ATT_PLAN_TEXT]; /* att_series_columns */
  char target_columns[ATT_PLAN_TEXT], quantiles[ATT_PLAN_TEXT];  /* of forecasts */
  char covariate_columns[ATT_PLAN_TEXT];                         /* of forecasts */
  int64_t patch, patch_stride, horizon, lookback;                /* of series, in rows */
  int64_t transpose;                                             /* of piano rolls, in keys */
} att_plan;

typedef struct att_size {
  int64_t layers, width, heads, feedforward;
} att_size;
enum { ATT_TINY, ATT_SMALL, ATT_BASE, ATT_BIG, ATT_SIZE_COUNT };

/* What models a kind of training makes: their sides, and the Transformer's sizes by name (tiny, small, base, big);
 * recurrent and padded networks have the same in every task (choose.c). */
typedef struct att_shapes {
  att_kind kind;
  att_size sizes[ATT_SIZE_COUNT];
} att_shapes;

/* What was asked for, everything else unset; what follows from it (sizes, layers) too. Refuses what att_options_check
 * does. */
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
 * say is given to the nearest. tokenizer NULL: of a model that reads rows. */
void att_plan_config(const att_plan *plan, att_kind kind, const att_tokenizer *tokenizer, att_config *config);
/* The plan's model in words: "3 + 3 layers, width 256, ..." */
void att_plan_describe(const att_plan *plan, char *text, size_t size);
/* The value that a plan has of an option, as a person writes it ("rotary"); text: where there is no word for it. */
const char *att_plan_spell(const att_plan *plan, const char *option, char text[32]);

/* Refuses where something wanted differs from the plan of a run that began, naming it. The budget may be larger. */
att_status att_plan_compare(att_context *ctx, const att_plan *begun, const att_plan *wanted);

/* As a JSON object, and back; refuses a plan that cannot be. name: for messages. */
att_status att_plan_write(att_context *ctx, const att_plan *plan, att_buffer *out);
att_status att_plan_read(att_context *ctx, const char *name, const json_t *object, att_plan *plan);

/* The rate of a step, from 1 (docs/TRAINING.md has the formulas). Before the steps are fixed it rises over the first
 * 600. */
double att_plan_lr(const att_plan *plan, int64_t step);

#endif
