/*
 * Owns a request on its way: one thread speaks HTTP and makes tasks, another owns the models and answers them. Here is
 * what both see, under one lock, and how an answer goes back. Refuses to know HTTP and models.
 */
#ifndef ATT_SERVER_TASK_H
#define ATT_SERVER_TASK_H

#include "out.h"
#include "params.h"

#include <jansson.h>
#include <pthread.h>
#include <stdint.h>

typedef struct att_task att_task;
typedef struct att_tasks att_tasks;
struct att_hosts;

/* What a request may ask for. */
typedef struct att_route {
  const char *method, *path;
  const char *summary;                           /* of /openapi.json */
  const att_param *params;                       /* of the object in the body; NULL: there is no body */
  const size_t *size;                            /* of the struct that they are read into */
  void (*begin)(att_task *, struct att_hosts *); /* in the models' thread; or */
  /* At once, whatever the models' thread does: the text, to be freed, or NULL. rest: what the request's path has behind
   * the route's. */
  char *(*answer)(att_tasks *, const char *rest, size_t *size);
  const char *type; /* of `answer` */
  bool open;        /* needs no key */
  bool form;        /* the body is multipart/form-data, with a file */
  /* The shape of an answer that is JSON, for /openapi.json: text, int, number, flag, null and any; [shape], {name:
   * shape, name?: shape} (it may be missing), {*: shape} (any names), shape|shape. */
  const char *gives;
} att_route;

enum { ATT_MOST_ROUTES = 48 };

/* What there is to count: /metrics. */
typedef struct att_counts {
  uint64_t answers[ATT_MOST_ROUTES + 1][6]; /* by place in att_routes (last: no route) and hundreds of the status */
  uint64_t prompt_tokens, shared_tokens, written_tokens;
  uint64_t refused, cancelled;                       /* for want of room; clients that went away */
  double step_seconds, other_seconds, total_seconds; /* of services, of other work, of requests from first to last */
  int64_t cache_rows, kept_rows;                     /* in use */
  size_t running;                                    /* requests of services */
  int connections;
} att_counts;

/* What the threads share. */
struct att_tasks {
  pthread_mutex_t lock;
  int wake;               /* an eventfd: the models' thread has something to look at */
  att_task *first, *last; /* in order of arrival, until they are over */
  size_t count, most;
  bool stopping;  /* no new ones */
  json_t *models; /* what /v1/models tells of each, as of its last opening or closing */
  att_counts counts;
};

struct att_task {
  att_tasks *tasks;
  const att_route *route;
  json_t *request; /* an object */
  att_out file;    /* of a form */
  uint64_t client; /* who asks: equal for the same key or address */
  int socket;      /* the client's, while the connection waits */
  void *connection;
  void (*resume)(att_task *); /* goes on with the connection */
  double arrived;
  /* under the lock */
  bool waits;       /* the connection does */
  bool gone;        /* the client is */
  bool streams;     /* by events */
  bool over;        /* nothing more comes */
  int status;       /* of HTTP, once there is any output */
  const char *type; /* of the answer; NULL: application/json */
  att_out out;      /* what has not been sent */
  size_t sent;      /* of it */
  int holders;      /* threads that know it */
  att_task *next;
  /* the models' thread's */
  bool begun;
  uint64_t turn, client_turn; /* when it, and when its client last had one */
  bool tried;                 /* had its chance in this round */
  void *work;                 /* the route's */
  /* The next piece of the work, where it is the task's turn; whether something was done. Pieces that only hand requests
   * to a service are `light`: all have their turns between two steps, until nothing more is done; of the others one. */
  bool (*step)(att_task *);
  bool light;
  void (*end)(att_task *); /* frees `work`, cancelling what runs; whatever became of the task */
};

double att_seconds(void); /* seconds of a clock that only goes on */

/* 0, or an errno. */
int att_tasks_init(att_tasks *tasks, size_t most);
void att_tasks_free(att_tasks *tasks);
void att_tasks_wake(att_tasks *tasks); /* may be called in a signal handler */

/* A task for the models' thread; takes request. False: there is no memory. The connection must wait when it is put. */
att_task *att_task_new(att_tasks *tasks, const att_route *route, json_t *request);
/* 0; 429: as many as may are there already; 503: the server stops. */
int att_tasks_refuse(att_tasks *tasks);
/* Puts a task at the end. */
void att_task_put(att_task *task);
/* One of the threads is done with it. */
void att_task_drop(att_task *task);

/* ---- answers: from the models' thread ---- */

/* The whole answer. Takes body; NULL: there was no memory. */
void att_task_reply(att_task *task, json_t *body);
/* The same of text; copied. type: static; NULL: it is JSON. */
void att_task_reply_text(att_task *task, const char *type, const char *text, size_t size);
/* An error in OpenAI's form, as the whole answer or as the last event. param may be NULL. */
__attribute__((format(printf, 5, 6))) void att_task_fail(att_task *task, int status, const char *code,
                                                         const char *param, const char *format, ...);
void att_task_refuse(att_task *task, const att_wrong *wrong);
/* The library's message, with the status that belongs to it. */
void att_task_failed(att_task *task, att_context *ctx, att_status status);
/* One event. Takes it. name: NULL, or what the event is called. */
void att_task_event(att_task *task, const char *name, json_t *event);
/* The end of events. */
void att_task_done(att_task *task);

/* An error's body. NULL: no memory. */
json_t *att_error_body(int status, const char *code, const char *param, const char *message);

#endif
