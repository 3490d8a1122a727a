/*
 * Owns what the columns of a table of labelled texts are: whether its first row names them, and which is the text, the
 * second text of a pair, the label. Refuses a table that leaves that open, naming its columns.
 */
#ifndef ATT_TRAIN_DATA_COLUMNS_H
#define ATT_TRAIN_DATA_COLUMNS_H

#include "formats/table.h"

typedef struct att_layout {
  bool header;  /* the first row names the columns */
  bool guessed; /* that is concluded from the other rows alone */
  size_t text, label;
  int64_t text_pair; /* -1: a row has one text */
} att_layout;

/* given: what is named; members may be NULL. A first row names columns where `given` has one of its names, where it has
 * a known name of a text and one of a label, where it alone has no number in a column, or where its cells are single
 * words over texts and its label never comes again. Without names the label is the last column that has more than
 * texts, a column of numbers that only rise is a row's number, and one that does not vary is nothing. What is taken for
 * what is said. */
att_status att_columns_find(att_context *ctx, const char *path, const att_table *table, const att_columns *given,
                            att_layout *layout);

/* For qsort and bsearch of att_text: the order of their bytes. */
int att_text_by_bytes(const void *a, const void *b);

#endif
