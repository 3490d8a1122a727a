/*
 * Owns what a run is resumed from: DIR/checkpoint (a model folder with the optimizer's moments and the trainer's state
 * beside the weights) and DIR/snapshots (weights that will be averaged).
 *
 * A checkpoint is written as DIR/checkpoint.new, synced, and changes places with the old one: checkpoint becomes
 * checkpoint.old, checkpoint.new becomes checkpoint, checkpoint.old is removed. Killed at any moment, there is a whole
 * `checkpoint`, or none and a whole `checkpoint.old`. Snapshots never change; a checkpoint names those that count.
 */
#ifndef ATT_TRAIN_CHECKPOINT_H
#define ATT_TRAIN_CHECKPOINT_H

#include "train/optimizer.h"
#include "train/plan.h"

typedef struct att_score_of_model {
  double loss;    /* nats a predicted token (a sequence, with a head of labels) of the validation data */
  double quality; /* what the task names so: higher is better; negative: not measured */
  double also[2]; /* what the task's closing line says beside it */
} att_score_of_model;

typedef struct att_snapshot {
  int64_t step;
  att_score_of_model score;
} att_snapshot;

/* All that decides how a run goes on, beside the parameters and the moments. */
typedef struct att_state {
  char task[16]; /* the task's name */
  att_plan plan;
  uint64_t train_fingerprint, valid_fingerprint;
  uint64_t from_fingerprint; /* of the weights that it began with, where it was given a model; else 0 */
  int64_t step;              /* done */
  int64_t epoch, index;      /* where the next batch stands */
  int64_t tokens;
  double seconds;
  double loss_sum, loss_weight; /* the smoothed loss is their quotient */
  int64_t validated;            /* the last step that was validated; -1: none */
  int64_t stale;                /* validations since something got better */
  att_score_of_model lowest;    /* the lowest loss and the highest quality so far, for patience */
  att_snapshot best;            /* whose weights are DIR/model.safetensors; step -1: none yet */
  att_snapshot snapshots[ATT_MOST_AVERAGE];
  int64_t snapshot_count; /* oldest first */
  bool complete;
  const struct att_train_options *options; /* whose files are written down beside it; NULL: none. Not read back */
} att_state;

/* A state of nothing done of a task (by its name). */
void att_state_begin(att_state *state, const char *task);

/* Writes the checkpoint; what was there stays whole until the new one is. */
att_status att_checkpoint_save(att_optimizer *optimizer, const char *folder, const att_state *state);
/* Writes anew only the state of the checkpoint that is there. */
att_status att_checkpoint_save_state(att_context *ctx, const char *folder, const att_state *state);

/* Whether there is a checkpoint to go on from. Completes a change of places that was cut short. */
att_status att_checkpoint_find(att_context *ctx, const char *folder, bool *found);
/* Removes what killed writers left in a run's folder. What cannot be removed stays: it is only room. */
att_status att_checkpoint_clean(att_context *ctx, const char *folder);
att_status att_checkpoint_load_state(att_context *ctx, const char *folder, att_state *state);
/* The model of the checkpoint: att_model_close. */
att_status att_checkpoint_load_model(att_context *ctx, const char *folder, att_model **model);
att_status att_checkpoint_load_moments(att_context *ctx, const char *folder, att_optimizer *optimizer);

/* DIR/snapshots/STEP.safetensors, or .gguf */
att_status att_snapshot_save(const att_model *model, const char *folder, int64_t step);
/* Sets model->values to the mean of the snapshots. */
att_status att_snapshots_average(att_model *model, const char *folder, const att_snapshot *snapshots, int64_t count);
/* Removes every snapshot that the state does not name, and the folder where none is left. */
att_status att_snapshots_prune(att_context *ctx, const char *folder, const att_state *state);

#endif
