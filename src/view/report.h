/*
 * Owns the report of a comparison: several networks on one task, as JSON and as one HTML page that needs nothing beside
 * itself. Knows numbers and texts, no model.
 */
#ifndef ATT_VIEW_REPORT_H
#define ATT_VIEW_REPORT_H

#include "base/context.h"

/* Whole numbers from first to last; last -1: no end. */
typedef struct att_span {
  int64_t first, last;
} att_span;

/* One validation of a run. A number that is not known is NaN, here and below: null in the files. */
typedef struct att_report_point {
  int64_t step;
  double seconds, valid_loss, quality;
} att_report_point;

typedef struct att_report_network {
  const char *name;                  /* of its folder: "gru-attention" */
  const char *title;                 /* "GRU with attention" */
  const char *note;                  /* what a reader must know, or NULL */
  int64_t parameters, steps, tokens; /* tokens read while training */
  double seconds, score, valid_loss;
  const double *by_length;   /* [length_count]: the score of the texts of each length */
  const double *by_distance; /* [distance_count] */
  const att_report_point *curve;
  size_t curve_count;
} att_report_network;

typedef struct att_report_example {
  att_text input, reference;  /* data NULL: there is none */
  const float *values;        /* [rows, channels]: in place of the text a series; NaN is missing */
  const unsigned char *roll;  /* the same of a piano roll: 1 where a key sounds */
  const float *const *likely; /* of a roll, [network_count]: how likely each network found each key; NULL: none */
  int lowest;                 /* the MIDI number of its first key */
  size_t rows, channels;      /* many channels are drawn as a spectrogram */
  const att_text *outputs;    /* [network_count], data NULL: none */
} att_report_example;

typedef struct att_report {
  const char *task;                              /* "translation" */
  const char *title, *subtitle;                  /* of the page */
  const char *score_name;                        /* "BLEU" */
  bool higher_is_better;                         /* of the score */
  const char *quality;                           /* what validations measured beside the loss, or NULL */
  const char *input_name;                        /* "source" */
  const char *length_unit;                       /* "words of the source" */
  const char *length_meaning, *distance_meaning; /* a sentence each */
  const char *loss_meaning;                      /* "in nats a predicted token; lower is better" */
  const att_span *lengths, *distances;
  size_t length_count, distance_count;
  const int64_t *length_texts; /* [length_count]: how many texts have it */
  const att_report_network *networks;
  size_t network_count;
  const att_report_example *examples;
  size_t example_count;
} att_report;

/* Both append to out. */
att_status att_report_json(att_context *ctx, const att_report *report, att_buffer *out);
att_status att_report_html(att_context *ctx, const att_report *report, att_buffer *out);

#endif
