/*
 * Owns what routes share that answer text by text: a few at each turn, so that long lists hold nobody up, those of
 * several requests together where they ask for the same, and one answer for all of a request: {"object": "list",
 * "data": [...], "model", "usage"}. Refuses to know what is done with a text.
 */
#ifndef ATT_SERVER_LINES_H
#define ATT_SERVER_LINES_H

#include "hosted.h"
#include "task.h"

typedef struct att_lines att_lines;

enum { ATT_BATCH_TEXTS = 32 };

/* Texts that are done in one call. */
typedef struct att_batch {
  att_text texts[ATT_BATCH_TEXTS], others[ATT_BATCH_TEXTS]; /* [count] others: all empty where there are none */
  att_lines *lines[ATT_BATCH_TEXTS];                        /* [count] whose each is, one's texts in a row */
  size_t index[ATT_BATCH_TEXTS];                            /* [count] of its texts */
  size_t count, bytes;
} att_batch;

struct att_lines {
  att_task *task;
  att_hosts *hosts;
  att_hosted *host;
  att_text *texts;    /* [count] in the request */
  att_text *others;   /* [count] the second of each pair, or NULL */
  size_t count, done; /* texts */
  size_t most;        /* in a turn, up to ATT_BATCH_TEXTS */
  json_t *results;    /* an array, [done] */
  int64_t tokens;     /* that were read */
  /* Appends a result for each text of the batch to the results of whose it is. lines: one of these. */
  att_status (*some)(att_lines *lines, const att_batch *batch);
  /* Whether another's texts, of the same model and `some`, may stand in a batch with these. NULL: never. */
  bool (*joins)(const att_lines *lines, const att_lines *other);
  /* The answer, where it is no list. Takes results. NULL: no memory. */
  json_t *(*answer)(const att_lines *lines, json_t *results);
  void *detail; /* the route's, malloc's */
};

/* Makes it the task's work. params: the route's "model", "text" or "input", and "text_pair" or NULL, of which a text
 * that is no array stands beside each of the others. verb -1: any model. Where it fails the task has its answer: NULL.
 */
att_lines *att_lines_new(att_task *task, att_hosts *hosts, int verb, const char *param, const char *pair_param);
/* Once all is filled in: begins. */
void att_lines_begin(att_lines *lines);
/* The batch's others, or NULL where it has none. */
const att_text *att_batch_others(const att_batch *batch);

#endif
