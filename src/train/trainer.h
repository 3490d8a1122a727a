/*
 * Owns what the parts of a training run share: setup.c makes it (data, tokenizer, plan, model, or all of them from a
 * checkpoint), budget.c fixes how many steps it has, trainer.c runs it.
 */
#ifndef ATT_TRAIN_TRAINER_H
#define ATT_TRAIN_TRAINER_H

#include "formats/file.h"
#include "train/record.h"
#include "train/task.h"

struct att_trainer {
  att_context *ctx;
  const att_task *task;
  const att_train_options *options;
  att_progress_fn *progress; /* or NULL */
  void *user;
  const char *things; /* the task's, or what its data has in their place */
  const char *work;   /* what is under way, for ATT_PROGRESS_WORK */

  att_state state;
  att_model *model;
  att_optimizer optimizer;
  void *data; /* the task's own */
  att_record record;
  att_arena *arena;

  att_lock *lock;                    /* of the folder: two runs never share one */
  bool reads_rows;                   /* the task's data is rows of floats: there is no tokenizer */
  bool few_held;                     /* too few are held out to choose by: the last models are taken */
  bool resumed;                      /* from a checkpoint */
  bool finishing;                    /* the last checkpoint is written: nothing is left to save when interrupted */
  bool made_folder;                  /* by this run: removed again where nothing came into it */
  double clock_start;                /* att_now() when state.seconds were spent; seconds = state.seconds + now - this */
  double save_cost, evaluation_cost; /* seconds of the last checkpoint, of the last validation */
  double saved_at;                   /* att_now() after it */
  int64_t saved_step;                /* -1: none in this process */
  double step_seconds, rate_tokens, rate_seconds; /* of the last step; smoothed */
  int64_t timed_steps, timed_tokens;              /* while the steps are not fixed */
  double timed_seconds;
};

/* ---- progress.c ---- */
/* Seconds of the run so far, those before a resumption included. */
double att_trainer_seconds(const att_trainer *trainer);
/* Of a mean step. */
double att_trainer_step_tokens(const att_trainer *trainer);
/* Says how far `work` is; non-zero where it is to stop. trainer: an att_trainer. */
int att_trainer_work(void *trainer, double done);
void att_trainer_say(att_trainer *trainer, att_progress_kind kind, const char *text);
/* "12,345" into out, of at least 32 bytes; returns out. */
const char *att_grouped(char *out, int64_t number);
/* "0.7 s", "12.5 minutes", "3.2 hours" into out, of at least 32 bytes; returns out. */
const char *att_spell_seconds(char *out, double seconds);

/* ---- save.c ---- */
/* Writes a checkpoint; refuses one that holds infinities (ATT_NUMERIC). */
att_status att_trainer_save(att_trainer *trainer);

/* ---- setup.c ---- */
/* Refuses trainer->model (of `folder`), saying what it is, what the task needs, and what would take it. */
att_status att_trainer_wrong_model(const att_trainer *trainer, const char *folder, const char *needs);
/* ATT_OK with state.complete: there is nothing to do. On failure att_trainer_free is still to be called. */
att_status att_trainer_setup(att_trainer *trainer);
void att_trainer_free(att_trainer *trainer);

/* ---- budget.c ---- */
/* Fixes the steps of a budget in steps or epochs; says what was fixed. */
void att_budget_begin(att_trainer *trainer);
/* Takes a larger budget into a run that began with another; refuses a smaller one. */
att_status att_budget_extend(att_trainer *trainer, const att_plan *wanted);
/* After a step, while the steps are not fixed: counts it in, and fixes them once enough is known. */
att_status att_budget_time_step(att_trainer *trainer, int64_t tokens);
/* Whether a budget in minutes has run out before the steps have. */
bool att_budget_is_spent(const att_trainer *trainer);

#endif
