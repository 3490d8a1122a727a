/*
 * Owns what the parts of a comparison share. compare.c trains the networks and writes the report; kinds.c has a row for
 * each kind of data; probes.c chooses what is measured with; measure.c measures a trained model by the kind's own call
 * (pairs.c, classes.c, language.c, questions.c, forecasts.c, rolls.c) and takes its gradients.
 */
#ifndef ATT_COMPARE_COMPARE_H
#define ATT_COMPARE_COMPARE_H

#include "train/held_out.h"
#include "view/report.h"

enum {
  ATT_MOST_SPANS = 16,
  ATT_MOST_COMPARED = 8,   /* networks */
  ATT_COMPARE_EXAMPLES = 6 /* inputs shown side by side */
};

typedef struct att_probes att_probes;
typedef struct att_results att_results;

/* A kind of data. A new one is a row of kinds.c, and a call that measures where none of those there does. */
typedef struct att_compare_kind {
  int task;            /* whose trainings they are (train/options.h) */
  const char *things;  /* what the task's data must be counted in (att_held_things); NULL: anything */
  const char *endings; /* of files that are this kind where no task is named: ".json .json.gz"; or NULL */
  /* Whether such a file is this kind, where its name does not say it; NULL: it does. */
  att_status (*is_in)(att_context *ctx, const char *path, bool *is_in);
  unsigned without;           /* a bit each network that cannot read it (att_network) */
  const char *title;          /* "Translation" */
  const char *score;          /* "BLEU"; NULL: as the head of the model has it */
  bool higher_is_better;      /* of the score */
  const char *input;          /* what a text of it is: "source" */
  const char *probes;         /* what it is measured on: "texts" */
  const char *length_unit;    /* "words of the source" */
  const char *length_meaning; /* of the score by length, in a sentence */
  const char *loss_meaning;   /* in which the validation loss is */
  att_look_part part;         /* whose gradients are taken */
  size_t most;                /* items that are measured with, evenly among all; 0: all */
  const att_span *spans;      /* [span_count] of lengths, before those with few items are joined */
  size_t span_count;
  /* Fills items and lengths; NULL: the items that are held out, by their words. */
  att_status (*choose)(att_probes *probes, const att_held *held);
  /* Fills score, by_length, outputs, refused. */
  att_status (*measure)(att_model *model, const att_probes *probes, att_results *results);
} att_compare_kind;

/* The row of a task whose data is counted in `things`; NULL: there is none. */
const att_compare_kind *att_kind_find(int task, const char *things);
/* The task of a file of data by its name, and where several kinds have that by what is in it; or ATT_TASK_CLASSIFIER.
 */
att_status att_kind_of_file(att_context *ctx, const char *name, int *task);

/* What every network is given to read. Texts are memory of the run's data (train/held_out.h). */
struct att_probes {
  att_context *ctx;
  const att_compare_kind *kind;
  const char *name;     /* of the data, for messages */
  att_held_item *items; /* [count] */
  size_t *lengths;      /* [scored]: of what has a score of its own: the items; the steps ahead; the frames of tunes */
  size_t count, scored;
  att_span spans[ATT_MOST_SPANS], distances[ATT_MOST_SPANS];
  size_t span_count, distance_count;
  int64_t span_items[ATT_MOST_SPANS];
  size_t examples[ATT_COMPARE_EXAMPLES]; /* which items are shown */
  size_t example_count;
};

struct att_results {
  double score, by_length[ATT_MOST_SPANS], by_distance[ATT_MOST_SPANS];
  char *outputs[ATT_COMPARE_EXAMPLES]; /* each to att_free, or NULL: none */
  float *likely[ATT_COMPARE_EXAMPLES]; /* of piano rolls: how likely each key was found, [att_shown_frames, keys] */
  size_t refused;                      /* inputs that are longer than the network can take */
};

/* ---- probes.c ---- */

/* Chooses items, lengths, spans and examples. */
att_status att_probes_prepare(att_probes *probes, const att_held *held);
void att_probes_free(att_probes *probes);
bool att_in_span(const att_span *span, size_t number);
/* Room for so many items and lengths. */
att_status att_probes_reserve(att_probes *probes, size_t count, size_t scored);
size_t att_count_words(att_text text);
size_t att_count_held(const att_held *held);
/* The output of item `index`, where it is an example; size: of text. */
att_status att_keep_output(const att_probes *probes, size_t index, const char *text, size_t size, att_results *results);
/* The score of what has a length in the span (NULL: of all). A score that cannot be had is NaN. */
typedef att_status att_score_fn(void *user, const att_probes *probes, const att_span *span, double *score);
att_status att_score_spans(const att_probes *probes, att_score_fn *score, void *user, att_results *results);
/* The sum of sums[i] over the sum of weights[i], [scored] each. */
att_status att_score_means(const att_probes *probes, const double *sums, const double *weights, att_results *results);

/* ---- measures, each of a kind ---- */

att_status att_compare_translations(att_model *model, const att_probes *probes, att_results *results);
att_status att_compare_summaries(att_model *model, const att_probes *probes, att_results *results);
att_status att_compare_classes(att_model *model, const att_probes *probes, att_results *results);
att_status att_choose_rows(att_probes *probes, const att_held *held);
att_status att_compare_language(att_model *model, const att_probes *probes, att_results *results);
att_status att_compare_music(att_model *model, const att_probes *probes, att_results *results);
att_status att_choose_pieces(att_probes *probes, const att_held *held);
att_status att_compare_answers(att_model *model, const att_probes *probes, att_results *results);
att_status att_compare_forecasts(att_model *model, const att_probes *probes, att_results *results);
att_status att_choose_steps(att_probes *probes, const att_held *held);
att_status att_compare_rolls(att_model *model, const att_probes *probes, att_results *results);
att_status att_choose_tunes(att_probes *probes, const att_held *held);
/* The frames of a piano roll that are shown: its first ones. */
size_t att_shown_frames(const att_held_item *item);

/* ---- measure.c ---- */

/* Measures a model with all of it. ATT_INTERRUPTED: as in the calls it is made of. */
att_status att_measure_model(att_model *model, const att_probes *probes, att_results *results);
void att_results_free(att_context *ctx, att_results *results);

#endif
