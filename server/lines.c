/* Owns what routes share that answer text by text. See lines.h. */
#include "lines.h"

#include "requests.h"

#include <stdlib.h>

enum { MOST_TEXTS = 4096 };

static void end(att_task *task) {
  att_lines *lines = task->work;
  lines->host->users--;
  json_decref(lines->results);
  free(lines->texts);
  free(lines->others);
  free(lines->detail);
  free(lines);
}

static att_status count_tokens(att_lines *lines, att_text text) {
  int32_t *ids;
  size_t count;
  att_status status = att_tokenize(lines->host->model, text, true, &ids, &count);
  if (status) return status;
  lines->tokens += (int64_t)count;
  att_release(lines->hosts->ctx, ids);
  return ATT_OK;
}

static void reply(att_lines *lines) {
  json_int_t tokens = (json_int_t)lines->tokens;
  json_t *results = lines->results;
  lines->results = NULL;
  pthread_mutex_lock(&lines->task->tasks->lock);
  lines->task->tasks->counts.prompt_tokens += (uint64_t)lines->tokens;
  pthread_mutex_unlock(&lines->task->tasks->lock);
  att_task_reply(lines->task, json_pack("{s:s, s:o, s:s, s:{s:I, s:I}}", "object", "list", "data", results, "model",
                                        lines->host->name, "usage", "prompt_tokens", tokens, "total_tokens", tokens));
}

static bool step(att_task *task) {
  att_lines *lines = task->work;
  size_t first = lines->done, left = lines->count - first, count = left < lines->most ? left : lines->most;
  att_status status = lines->some(lines, first, count);
  for (size_t i = first; !status && i < first + count; i++) {
    status = count_tokens(lines, lines->texts[i]);
    if (!status && lines->others) status = count_tokens(lines, lines->others[i]);
  }
  lines->done += count;
  if (status) {
    att_task_failed(task, lines->hosts->ctx, status);
  } else if (lines->done == lines->count) {
    reply(lines);
  }
  return true;
}

static bool take(att_lines *lines, const char *param, att_text **texts, size_t *count) {
  return att_take_texts(lines->task, lines->hosts, param, json_object_get(lines->task->request, param), MOST_TEXTS,
                        texts, count);
}

att_lines *att_lines_new(att_task *task, att_hosts *hosts, int verb, const char *param, const char *pair_param) {
  att_hosted *host = att_find_model(task, hosts, att_model_name(task->request), verb);
  att_lines *lines = host ? calloc(1, sizeof *lines) : NULL;
  size_t others = 0;
  if (!lines) {
    if (host) att_task_reply(task, NULL);
    return NULL;
  }
  *lines = (att_lines){.task = task, .hosts = hosts, .host = host, .most = 16, .results = json_array()};
  host->users++;
  task->work = lines;
  task->end = end;
  if (!take(lines, param, &lines->texts, &lines->count)) return NULL;
  if (!pair_param || !json_object_get(task->request, pair_param)) return lines;
  if (!take(lines, pair_param, &lines->others, &others)) return NULL;
  if (others == lines->count) return lines;
  att_task_fail(task, 400, NULL, pair_param, "%s has %zu texts, but %s %zu", pair_param, others, param, lines->count);
  return NULL;
}

void att_lines_begin(att_lines *lines) { lines->task->step = step; }
