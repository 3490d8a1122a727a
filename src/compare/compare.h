/*
 * Owns what the two halves of a comparison share: compare.c trains the networks and writes the report, measure.c
 * measures each trained model: scores, gradients, outputs.
 */
#ifndef ATT_COMPARE_COMPARE_H
#define ATT_COMPARE_COMPARE_H

#include "view/report.h"

enum {
  ATT_MOST_SPANS = 12,
  ATT_MOST_COMPARED = 8,   /* networks */
  ATT_COMPARE_EXAMPLES = 6 /* texts shown side by side */
};

typedef enum att_compare_task { ATT_COMPARE_TRANSLATION, ATT_COMPARE_LM, ATT_COMPARE_CLASSIFIER } att_compare_task;

/* What every network is given to read. Texts point into the caller's lines. */
typedef struct att_probes {
  att_context *ctx;
  att_compare_task task;
  size_t count;
  const att_text *inputs;     /* sources; texts; pieces of the running text */
  const att_text *references; /* targets; labels; NULL for lm */
  const att_text *seconds;    /* classifier: the second texts, or NULL */
  size_t *lengths;            /* [count]: words of the input; of lm pieces the words that come before what is scored */
  att_span spans[ATT_MOST_SPANS], distances[ATT_MOST_SPANS];
  size_t span_count, distance_count;
  int64_t span_texts[ATT_MOST_SPANS];
  size_t examples[ATT_COMPARE_EXAMPLES]; /* which of them are shown */
  size_t example_count;
} att_probes;

typedef struct att_results {
  double score, by_length[ATT_MOST_SPANS], by_distance[ATT_MOST_SPANS];
  char *outputs[ATT_COMPARE_EXAMPLES]; /* each to att_free, or NULL: none */
  size_t refused;                      /* inputs that are longer than the network can take */
} att_results;

/* Sorts nothing, keeps the order: fills lengths, spans and examples from inputs. */
att_status att_probes_prepare(att_probes *probes);
void att_probes_free(att_probes *probes); /* lengths alone */
/* Measures a model with all of it. A number that cannot be had is NaN. ATT_INTERRUPTED: as in the calls it is made of.
 */
att_status att_measure_model(att_model *model, const att_probes *probes, att_results *results);
void att_results_free(att_context *ctx, att_results *results);

#endif
