/*
 * Owns the training options: one table (option_table.c), from which come setting by name with its checks, the list that
 * help is made of, the defaults that are constant, what a checkpoint writes down and compares, and which tasks and
 * networks have an option. A new one is a row, its place in att_plan or in att_train_options, and the code that uses
 * it.
 */
#ifndef ATT_TRAIN_OPTIONS_H
#define ATT_TRAIN_OPTIONS_H

#include "train/plan.h"

/* The tasks, and att_compare, whose options are those of a task too. */
enum {
  ATT_TASK_TRANSLATION,
  ATT_TASK_LM,
  ATT_TASK_CLASSIFIER,
  ATT_TASK_MLM,
  ATT_TASK_SUMMARIZATION,
  ATT_TASK_QA,
  ATT_TASK_FORECAST,
  ATT_TASK_MUSIC,
  ATT_TASK_SPEECH,
  ATT_TASK_COMPARE,
  ATT_TASK_COUNT
};

extern const char *const att_task_names[ATT_TASK_COUNT];

typedef struct att_files {
  const char **names;
  size_t count;
} att_files;

/* What was asked for. The strings are the options' own where att_train_options_set put them there. */
struct att_train_options {
  att_context *ctx;
  int task;
  att_plan plan; /* all else in it is unset */
  int64_t resume;
  const char *source, *target, *valid_source, *valid_target, *data, *valid, *out, *from; /* NULL: not given */
  att_files texts;
  /* of a comparison: the kind of training, or unset, and the files of its data, where that is not text */
  int64_t compared;
  att_files tables;
  char spelled[32]; /* what att_train_options_get gave */
};

/* What a resumed run may have otherwise than the run that began. */
typedef enum att_resuming { ATT_SAME, ATT_MAY_GROW, ATT_MAY_DIFFER } att_resuming;

/* When a run's plan has a value for it. */
typedef enum att_standing {
  ATT_ALWAYS,
  ATT_OF_MODEL, /* where the model has such a thing; a run that begins with a model takes it from there */
  ATT_LATE,     /* once the number of steps is fixed */
  ATT_IF_ASKED  /* where it was asked for: other values follow from it */
} att_standing;

/* What one task says in place of the others. */
typedef struct att_option_words {
  const char *help, *initial, *chosen;
} att_option_words;

/* A row. Members are those of att_train_option in attend.h where they have its names. */
typedef struct att_option {
  const char *name, *group, *value;
  att_option_kind kind;
  char letter;
  size_t offset;     /* in att_train_options; in its plan: int64_t where whole, flag or choice, char[ATT_PLAN_TEXT] of
                        a text, else double */
  unsigned tasks;    /* a bit each; 0: a value of plans that is no option */
  unsigned required; /* the tasks that need it */
  const char *with;  /* the option without which this one cannot be given, or NULL */
  unsigned networks; /* a bit an att_network that has it; 0: all */
  att_standing standing;
  att_resuming resuming;
  const char *const *choices; /* [choice_count]: by value; NULL: no such choice */
  size_t choice_count;
  unsigned without[ATT_TASK_COUNT]; /* of a choice: a bit a value that the task does not have */
  double low, high;                 /* of numbers, both included */
  const char *help;
  const char *initial;                  /* the value of a plan in which nothing else was asked for or chosen */
  const char *chosen;                   /* or how it is chosen, in words */
  att_option_words own[ATT_TASK_COUNT]; /* initial and chosen: one of them replaces both */
} att_option;

extern const att_option att_options[];
extern const size_t att_option_count;

bool att_option_in_plan(const att_option *option);
/* Where its value is in a plan: to be read, to be written. */
const void *att_option_value(const att_option *option, const att_plan *plan);
void *att_option_place(const att_option *option, att_plan *plan);
/* Whether a plan has a value for it. */
bool att_option_is_set(const att_option *option, const att_plan *plan);
/* A value (its place in a plan or in options) as a person writes it; text: where there is no word for it. */
const char *att_option_spell(const att_option *option, const void *value, char text[32]);
/* The word of a choice that the task has, or NULL. */
const char *att_option_choice(const att_option *option, int task, size_t value);
/* What that task says of it: its own help and default, or those of all. */
att_option_words att_option_words_of(const att_option *option, int task);

/* Options of a task in which nothing is asked for. */
void att_options_begin(att_context *ctx, int task, att_train_options *out);
/* Whether it was asked for. */
bool att_option_is_given(const att_option *option, const att_train_options *options);
/* Names of the data's files, with commas between, cut where there is no room: those of validation or the others. False:
 * there are none. */
bool att_options_list_files(const att_train_options *options, bool valid, char *names, size_t size);
/* Refuses what is missing and what excludes each other, naming it. */
att_status att_options_check(att_context *ctx, const att_train_options *options);
/* What is unset and has a constant default in that task. */
att_status att_plan_begin(att_context *ctx, att_plan *plan, int task);

#endif
