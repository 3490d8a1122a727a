/* Owns tasks and answers. See task.h. */
#include "task.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

double att_seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* ---- all of them --------------------------------------------------------------------------------------------------
 */

int att_tasks_init(att_tasks *tasks, size_t most) {
  *tasks = (att_tasks){.most = most};
  tasks->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (tasks->wake < 0) return errno;
  return pthread_mutex_init(&tasks->lock, NULL);
}

void att_tasks_free(att_tasks *tasks) {
  close(tasks->wake);
  json_decref(tasks->models);
  pthread_mutex_destroy(&tasks->lock);
}

void att_tasks_wake(att_tasks *tasks) {
  uint64_t one = 1;
  int before = errno;
  if (write(tasks->wake, &one, sizeof one) < 0) { /* it is awake already */
  }
  errno = before;
}

/* ---- one ----------------------------------------------------------------------------------------------------------
 */

att_task *att_task_new(att_tasks *tasks, const att_route *route, json_t *request) {
  att_task *task = calloc(1, sizeof *task);
  if (!task) {
    json_decref(request);
    return NULL;
  }
  task->tasks = tasks;
  task->route = route;
  task->request = request;
  task->arrived = att_seconds();
  task->holders = 1;
  task->socket = -1;
  return task;
}

int att_tasks_refuse(att_tasks *tasks) {
  pthread_mutex_lock(&tasks->lock);
  int status = tasks->stopping ? 503 : tasks->count >= tasks->most ? 429 : 0;
  tasks->counts.refused += status != 0;
  pthread_mutex_unlock(&tasks->lock);
  return status;
}

void att_task_put(att_task *task) {
  att_tasks *tasks = task->tasks;
  pthread_mutex_lock(&tasks->lock);
  task->waits = true;
  task->holders++;
  if (tasks->last) {
    tasks->last->next = task;
  } else {
    tasks->first = task;
  }
  tasks->last = task;
  tasks->count++;
  pthread_mutex_unlock(&tasks->lock);
  att_tasks_wake(tasks);
}

void att_task_drop(att_task *task) {
  pthread_mutex_lock(&task->tasks->lock);
  int left = --task->holders;
  pthread_mutex_unlock(&task->tasks->lock);
  if (left > 0) return;
  json_decref(task->request);
  att_out_free(&task->file);
  att_out_free(&task->out);
  free(task);
}

/* ---- answers ------------------------------------------------------------------------------------------------------
 */

/* What a server says that has no memory to say more. */
static const char no_memory[] =
    "{\"error\":{\"message\":\"no memory\",\"type\":\"server_error\",\"param\":null,\"code\":null}}";

/* Adds prefix, body and suffix; under the lock. */
static void put(att_task *task, const char *prefix, json_t *body, const char *suffix) {
  char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
  const char *said = text ? text : no_memory;
  if (!text && !task->streams) task->status = 500;
  att_out_put(&task->out, prefix, strlen(prefix));
  att_out_put(&task->out, said, strlen(said));
  att_out_put(&task->out, suffix, strlen(suffix));
  free(text);
  json_decref(body);
}

static void go_on(att_task *task) {
  if (task->waits && !task->gone) {
    task->waits = false;
    task->resume(task);
  }
}

static void answer(att_task *task, int status, json_t *body) {
  pthread_mutex_lock(&task->tasks->lock);
  if (task->over) {
    json_decref(body);
  } else if (task->streams) {
    put(task, "data: ", body, "\n\n");
  } else {
    task->status = status;
    put(task, "", body, "\n");
  }
  task->over = true;
  go_on(task);
  pthread_mutex_unlock(&task->tasks->lock);
}

void att_task_reply(att_task *task, json_t *body) { answer(task, 200, body); }

void att_task_reply_text(att_task *task, const char *type, const char *text, size_t size) {
  pthread_mutex_lock(&task->tasks->lock);
  task->type = type;
  if (!task->over) att_out_put(&task->out, text, size);
  task->status = 200;
  task->over = true;
  go_on(task);
  pthread_mutex_unlock(&task->tasks->lock);
}

json_t *att_error_body(int status, const char *code, const char *param, const char *message) {
  const char *type = status == 401   ? "authentication_error"
                     : status == 403 ? "permission_error"
                     : status == 429 ? "rate_limit_error"
                     : status >= 500 ? "server_error"
                                     : "invalid_request_error";
  return json_pack("{s:{s:o, s:s, s:o?, s:s?}}", "error", "message", att_text_json(message, strlen(message)), "type",
                   type, "param", param ? att_text_json(param, strlen(param)) : json_null(), "code", code);
}

void att_task_fail(att_task *task, int status, const char *code, const char *param, const char *format, ...) {
  char text[1400];
  va_list args;
  va_start(args, format);
  vsnprintf(text, sizeof text, format, args);
  va_end(args);
  answer(task, status, att_error_body(status, code, param, text));
}

void att_task_refuse(att_task *task, const att_wrong *wrong) {
  att_task_fail(task, 400, NULL, wrong->param, "%s", wrong->text);
}

void att_task_failed(att_task *task, att_context *ctx, att_status status) {
  bool theirs = status == ATT_ARGUMENT || status == ATT_UNSUPPORTED || status == ATT_FORMAT;
  const char *message = att_message(ctx);
  att_task_fail(task,
                theirs               ? 400
                : status == ATT_FULL ? 429
                                     : 500,
                NULL, NULL, "%s", *message ? message : att_status_name(status));
}

void att_task_event(att_task *task, const char *name, json_t *event) {
  pthread_mutex_lock(&task->tasks->lock);
  if (task->over) {
    json_decref(event);
  } else {
    task->streams = true;
    task->status = 200;
    if (name) att_out_print(&task->out, "event: %s\n", name);
    put(task, "data: ", event, "\n\n");
    go_on(task);
  }
  pthread_mutex_unlock(&task->tasks->lock);
}

void att_task_done(att_task *task) {
  static const char end[] = "data: [DONE]\n\n";
  pthread_mutex_lock(&task->tasks->lock);
  if (!task->over) att_out_put(&task->out, end, sizeof end - 1);
  task->over = true;
  go_on(task);
  pthread_mutex_unlock(&task->tasks->lock);
}
