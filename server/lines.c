/* Owns what routes share that answer text by text. See lines.h. */
#include "lines.h"

#include "requests.h"

#include <stdlib.h>

enum { MOST_TEXTS = 4096, MOST_BYTES = 32 << 10 }; /* of a request; of a batch, where it has several texts */

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

static json_t *list_of(const att_lines *lines, json_t *results) {
  json_int_t tokens = (json_int_t)lines->tokens;
  return json_pack("{s:s, s:o, s:s, s:{s:I, s:I}}", "object", "list", "data", results, "model", lines->host->name,
                   "usage", "prompt_tokens", tokens, "total_tokens", tokens);
}

static void reply(att_lines *lines) {
  json_t *results = lines->results;
  lines->results = NULL;
  pthread_mutex_lock(&lines->task->tasks->lock);
  lines->task->tasks->counts.prompt_tokens += (uint64_t)lines->tokens;
  pthread_mutex_unlock(&lines->task->tasks->lock);
  att_task_reply(lines->task, (lines->answer ? lines->answer : list_of)(lines, results));
}

/* ---- batches ------------------------------------------------------------------------------------------------------
 */

/* As many as there is room for, of which each is short. */
static void add(att_batch *b, att_lines *lines) {
  for (size_t i = lines->done; i < lines->count && i - lines->done < lines->most && b->count < ATT_BATCH_TEXTS; i++) {
    size_t bytes = lines->texts[i].size + (lines->others ? lines->others[i].size : 0);
    if (b->count && b->bytes + bytes > MOST_BYTES) return;
    b->texts[b->count] = lines->texts[i];
    b->others[b->count] = lines->others ? lines->others[i] : (att_text){NULL, 0};
    b->lines[b->count] = lines;
    b->index[b->count++] = i;
    b->bytes += bytes;
  }
}

static bool step(att_task *task);

/* Those of other tasks, the first that came first. */
static void add_others(att_batch *b, const att_lines *lines) {
  att_tasks *tasks = lines->task->tasks;
  pthread_mutex_lock(&tasks->lock);
  for (const att_task *task = tasks->first; task && lines->joins; task = task->next) {
    att_lines *other = task->work;
    if (task->step != step || task->over || task->gone || other == lines) continue;
    bool same = other->host == lines->host && other->some == lines->some && !other->others == !lines->others;
    if (same && lines->joins(lines, other)) add(b, other);
  }
  pthread_mutex_unlock(&tasks->lock);
}

static att_status run(att_lines *lines, const att_batch *b) {
  att_status status = lines->some(lines, b);
  for (size_t i = 0; !status && i < b->count; i++) {
    status = count_tokens(b->lines[i], b->texts[i]);
    if (!status && lines->others) status = count_tokens(b->lines[i], b->others[i]);
  }
  for (size_t i = 0; status && i < b->count; i++) /* as if nothing had been done */
    while (json_array_size(b->lines[i]->results) > b->lines[i]->done)
      json_array_remove(b->lines[i]->results, json_array_size(b->lines[i]->results) - 1);
  return status;
}

/* What fails among others is tried alone: it may be theirs. */
static bool step(att_task *task) {
  att_lines *lines = task->work;
  att_batch batch = {.count = 0};
  add(&batch, lines);
  size_t own = batch.count;
  add_others(&batch, lines);
  att_status status = run(lines, &batch);
  if (status && batch.count > own) {
    batch.count = own;
    status = run(lines, &batch);
  }
  if (status) {
    att_task_failed(task, lines->hosts->ctx, status);
    return true;
  }
  for (size_t i = 0; i < batch.count; i++)
    if (++batch.lines[i]->done == batch.lines[i]->count) reply(batch.lines[i]);
  return true;
}

const att_text *att_batch_others(const att_batch *b) { return b->count && b->lines[0]->others ? b->others : NULL; }

/* ---- requests -----------------------------------------------------------------------------------------------------
 */

static bool take(att_lines *lines, const char *param, att_text **texts, size_t *count) {
  return att_take_texts(lines->task, lines->hosts, param, json_object_get(lines->task->request, param), MOST_TEXTS,
                        texts, count);
}

/* The same second text for all. */
static bool repeat(att_lines *lines) {
  att_text *others = calloc(lines->count, sizeof *others);
  for (size_t i = 0; others && i < lines->count; i++) others[i] = lines->others[0];
  free(lines->others);
  lines->others = others;
  if (!others) att_task_reply(lines->task, NULL);
  return others != NULL;
}

att_lines *att_lines_new(att_task *task, att_hosts *hosts, int verb, const char *param, const char *pair_param) {
  att_hosted *host = att_find_model(task, hosts, att_model_name(task->request), verb);
  att_lines *lines = host ? calloc(1, sizeof *lines) : NULL;
  const json_t *pair = pair_param ? json_object_get(task->request, pair_param) : NULL;
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
  if (!pair || json_is_null(pair)) return lines;
  if (!take(lines, pair_param, &lines->others, &others)) return NULL;
  if (json_is_string(pair)) return repeat(lines) ? lines : NULL;
  if (others == lines->count) return lines;
  att_task_fail(task, 400, NULL, pair_param, "%s has %zu texts, but %s %zu", pair_param, others, param, lines->count);
  return NULL;
}

void att_lines_begin(att_lines *lines) { lines->task->step = step; }
