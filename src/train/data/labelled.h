/*
 * Owns labelled texts: tables (formats/table.h) with a text, or two, and a label in each row, what kind of labels they
 * have, and which there are. Refuses, with the line's number, a missing label and a label that is not known; and labels
 * that nothing can be learned from.
 */
#ifndef ATT_TRAIN_DATA_LABELLED_H
#define ATT_TRAIN_DATA_LABELLED_H

#include "models/head.h"
#include "train/data/pairs.h"
#include "train/data/series_table.h"
#include "train/data/sound_series.h"

/* Zero-initialised is empty. */
typedef struct att_labelled {
  char *text;      /* what the lines point into; NULL: nothing was read */
  att_lines lines; /* source: the text, or two texts with a tab between them; target: the label */
  size_t *number;  /* [lines.count]: where each begins in the file, from 1 */
  bool pairs;
  /* Of series in place of texts, else empty: a line's source is then one series, the bytes of its floats
   * [rows, channels], NaN where it is missing. */
  att_series series;
} att_labelled;

/* given: which columns are what (columns.h), or NULL. Rows without anything are left out, and a first row of names too,
 * which the log says. A text is a line: tabs and line ends in it become spaces. */
att_status att_labelled_read(att_context *ctx, const char *path, const att_columns *given, att_labelled *labelled);
/* Series (series_table.h) in place of texts. */
att_status att_labelled_read_series(att_context *ctx, const char *path, const att_series_columns *given,
                                    att_labelled *labelled);
/* Recordings as series (sound_series.h). */
att_status att_labelled_read_sounds(att_context *ctx, const char *path, const att_mel_settings *settings,
                                    att_labelled *labelled);
void att_labelled_free(att_context *ctx, att_labelled *labelled);

/* The two texts of a line; returns false where it has only the first. */
bool att_labelled_texts(att_text source, att_text *first, att_text *second);

/* What labels there are. Zero-initialised is empty. */
typedef struct att_label_set {
  att_head head;
  char **names; /* [count], one block (att_free): sorted, whole numbers by value; of values one: "value" */
  int64_t count;
  int64_t *uses;      /* [count]: how many lines have each; of numbers: NULL */
  bool whole;         /* the labels are whole numbers: they could be names or quantities */
  double least, most; /* of numbers */
} att_label_set;

/* head: ATT_HEAD_CLASSES, LABELS or VALUES, or -1: values where the labels are numbers of which some are not whole, or
 * hardly any comes twice; labels where one has a comma; else classes. Refuses one class alone, and labels that
 * hardly ever come twice. path: for messages. */
att_status att_label_set_find(att_context *ctx, const char *path, const att_labelled *labelled, int head,
                              att_label_set *set);
void att_label_set_free(att_context *ctx, att_label_set *set);
/* Whether `names` are the set's, in its order. */
bool att_label_set_is(const att_label_set *set, char *const *names, int64_t count);

/* names [count]: sorted or not. head: one whose labels a file can say (head.h: form). lines: in what att_labelled_read
 * gave, or a part of it; numbers NULL: a line's place is its number. */
att_status att_truth_read(att_context *ctx, const char *path, const att_lines *lines, const size_t *numbers,
                          att_head head, char *const *names, int64_t count, att_truth *truth);
void att_truth_free(att_context *ctx, att_truth *truth);

#endif
