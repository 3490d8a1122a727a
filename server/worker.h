/*
 * Owns the thread of the models: whose turn it is, what the services step, which clients went away, which requests took
 * too long. Refuses to know HTTP.
 */
#ifndef ATT_SERVER_WORKER_H
#define ATT_SERVER_WORKER_H

#include "hosted.h"
#include "task.h"

#include <stdatomic.h>

typedef struct att_worker {
  att_hosts *hosts;
  att_tasks *tasks;
  double timeout, grace;       /* seconds */
  double keep;                 /* seconds without a request after which a model is closed; 0: never */
  void (*on_stop)(void *user); /* no new connections from now on */
  void *user;
  atomic_int *stop; /* becomes 1 when the server is to stop */
} att_worker;

/* Until *stop, and then until what is there is done, or `grace` is over. Seconds that are left of it. */
double att_worker_run(att_worker *worker);

#endif
