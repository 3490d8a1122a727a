/*
 * Owns files of questions about texts: SQuAD's JSON (1.1 and 2.0; Rajpurkar et al. 2016, 2018), or a table of context,
 * question, answer and start. Refuses what is neither, saying where it departs. Whether an answer stands where its file
 * says is asked by who needs it.
 */
#ifndef ATT_TRAIN_DATA_SQUAD_H
#define ATT_TRAIN_DATA_SQUAD_H

#include "formats/json.h"
#include "formats/table.h"

typedef struct att_squad_item {
  const char *id; /* a table's: the row's line */
  att_text context, question;
  const att_text *answers; /* [answer_count] */
  const int64_t *starts;   /* [answer_count]: code points of the context before each; -1: not said */
  size_t answer_count;     /* 0: there is no answer in the context */
} att_squad_item;

typedef struct att_squad_file {
  att_squad_item *items; /* [count] */
  size_t count;
  bool unanswerable; /* some have no answer, or the version is 2.0 */
  json_t *root;      /* what all points into, or: */
  att_table table;
  char *ids;
  att_text *texts;
  int64_t *numbers;
} att_squad_file; /* zero-initialised is empty */

att_status att_squad_read(att_context *ctx, const char *path, att_squad_file *out);
void att_squad_file_free(att_context *ctx, att_squad_file *file);
/* Where an answer stands in its context; false: not where its file says, nor (where that says nothing) anywhere. */
bool att_squad_place(const att_squad_item *item, size_t answer, size_t *begin, size_t *end);

#endif
