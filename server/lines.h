/*
 * Owns what routes share that answer text by text: a few at each turn, so that long lists hold nobody up, and one
 * answer for all: {"object": "list", "data": [...], "model", "usage"}. Refuses to know what is done with a text.
 */
#ifndef ATT_SERVER_LINES_H
#define ATT_SERVER_LINES_H

#include "hosted.h"
#include "task.h"

typedef struct att_lines att_lines;

struct att_lines {
  att_task *task;
  att_hosts *hosts;
  att_hosted *host;
  att_text *texts;    /* [count] in the request */
  att_text *others;   /* [count] the second of each pair, or NULL */
  size_t count, done; /* texts */
  size_t most;        /* in a turn */
  json_t *results;    /* an array, [done] */
  int64_t tokens;     /* that were read */
  /* Appends the results of texts[first] and so on. */
  att_status (*some)(att_lines *lines, size_t first, size_t count);
  void *detail; /* the route's, malloc's */
};

/* Makes it the task's work. params: the route's "model", "text" or "input", and "text_pair" or NULL. verb -1: any
 * model. Where it fails the task has its answer: NULL. */
att_lines *att_lines_new(att_task *task, att_hosts *hosts, int verb, const char *param, const char *pair_param);
/* Once all is filled in: begins. */
void att_lines_begin(att_lines *lines);

#endif
