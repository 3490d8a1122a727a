/*
 * Owns what tells one kind of training from another: its data, its tokenizer's plan, its model's configuration, its
 * batches, its validation. The trainer (budget, optimizer, checkpoints, record, resuming) is the same for all and goes
 * through this table. Each task is a file of tasks/, and stands in tasks.c.
 */
#ifndef ATT_TRAIN_TASK_H
#define ATT_TRAIN_TASK_H

#include "train/checkpoint.h"
#include "train/options.h"

typedef struct att_trainer att_trainer;

/* A piece of what validates a run (held_out.h), in memory of the task's data. */
typedef struct att_held_item {
  /* What is read: a text; of series the bytes of their floats [rows, channels]; of piano rolls a byte a key, as there.
   */
  att_text input;
  int64_t channels; /* of series, and the keys of piano rolls; 0: the input is text */
  bool is_roll;
  att_text second;         /* read beside it: the second of two texts, a question's context; data NULL: none */
  att_text reference;      /* what is true of it: a translation, a label, the floats that follow; data NULL: none */
  const att_text *answers; /* [answer_count], of questions: any of which is right */
  size_t answer_count;
} att_held_item;

typedef struct att_task {
  const char *things; /* what its data is counted in: "pairs", "tokens", "texts" */
  const char *rows;   /* what `batch` counts, where that is something else: "windows"; or NULL */
  const att_shapes *shapes;
  int64_t warmup_part;  /* a tenth of the steps: 10; 0 is that too */
  double telling;       /* below it the quality is mostly noise, and the loss decides; 0: it always tells */
  bool hears;           /* its models read sound, and write tokens */
  bool predicts_tokens; /* the loss is that of tokens: its exponential is a perplexity */

  /* Reads the files that the options name into trainer->data (the task's own struct), holds a part out where no
   * validation files are given, sets state's fingerprints (on resuming they are compared by the caller). */
  att_status (*read)(att_trainer *trainer, uint64_t seed, uint64_t *train_fingerprint, uint64_t *valid_fingerprint);
  /* Item `index` of what is held out; false: there is none such. Asked between read and encode. NULL: comparisons do
   * not have the task. */
  bool (*held)(const att_trainer *trainer, size_t index, att_held_item *item);
  /* Chooses what is unset in the plan and depends on the task and its data; the common choices follow. */
  void (*choose)(const att_trainer *trainer, att_plan *plan);
  att_status (*train_tokenizer)(att_trainer *trainer, att_tokenizer **tokenizer);
  /* config->labels stay the task's. */
  void (*configure)(const att_trainer *trainer, const att_tokenizer *tokenizer, att_config *config);
  /* Refuses trainer->model where the task cannot go on from it; folder: where it is from (options->from, or the run's
   * own checkpoint where it is resumed). */
  att_status (*fits)(att_trainer *trainer, const char *folder);
  /* trainer->model is what options->from named: puts another head on it where it needs one; or NULL: it never does. */
  att_status (*adopt)(att_trainer *trainer);
  /* Lines to ids and validation made ready, with trainer->model->tokenizer. */
  att_status (*encode)(att_trainer *trainer);
  /* The order of state.epoch. */
  att_status (*begin_epoch)(att_trainer *trainer);
  int64_t (*batch_count)(const att_trainer *trainer);                         /* of an epoch */
  double (*epoch_tokens)(const att_trainer *trainer);                         /* that progress counts, in an epoch */
  void (*counts)(const att_trainer *trainer, int64_t *train, int64_t *valid); /* in `things`, for the plan's line */
  /* Batch state.index of the epoch, valid until the next call; *tokens: real ones, padding not. */
  att_status (*batch)(att_trainer *trainer, att_batch *batch, int64_t *tokens);
  /* The loss of all validation data, and the quality where there is one. Resets the arena. */
  att_status (*evaluate)(att_trainer *trainer, att_score_of_model *score);
  /* "BLEU", "accuracy", ... or NULL: the loss alone decides. The key in train.jsonl is it in lower case. */
  const char *(*quality)(const att_trainer *trainer);
  /* Tokens that `evaluate` reads, where that is all it does; or NULL: validations are then as many as usual. */
  double (*evaluated_tokens)(const att_trainer *trainer);
  /* Passes over the data that a budget in minutes is held to, since more would do harm; or NULL: any. */
  double (*most_epochs)(const att_trainer *trainer);
  /* The dropout of a run of so many passes over its data, where none was asked for; or NULL: 0.1. */
  double (*dropout)(const att_trainer *trainer, double epochs);
  /* A score in the closing line's words, behind "validation "; or NULL: the quality, and perplexity or loss. */
  void (*describe)(const att_trainer *trainer, att_score_of_model score, char *text, size_t size);
  void (*free)(att_trainer *trainer); /* trainer->data, NULL too */
} att_task;

extern const att_task att_translation_task, att_language_task, att_classifier_task, att_masked_task,
    att_summarization_task, att_extraction_task, att_questions_task, att_forecast_task, att_speech_task,
    att_frames_task;

/* tasks.c: the task of a run with such options, or NULL. */
const att_task *att_task_of(const att_train_options *options);

/* trainer.c: the run itself, behind att_train. */
att_status att_trainer_run(att_context *ctx, const att_task *task, const att_train_options *options,
                           att_progress_fn *progress, void *user);

#endif
