/*
 * Owns connections: what comes in by HTTP becomes tasks, and what tasks say goes out; limits of bodies and connections.
 * Refuses to know models.
 */
#ifndef ATT_SERVER_HTTP_H
#define ATT_SERVER_HTTP_H

#include "guard.h"
#include "task.h"

typedef struct att_http att_http;

typedef struct att_http_options {
  const char *host;
  int port; /* 0: any */
  int connections;
  int64_t max_body, max_file;
  int patience;                  /* seconds that a client may be silent, or not take what it gets */
  const char *certificate, *key; /* PEM, the texts; or NULL */
} att_http_options;

/* Listens, and begins to answer. NULL after saying why. */
att_http *att_http_new(const att_http_options *options, att_guard *guard, att_tasks *tasks, char *message, size_t room);
int att_http_port(const att_http *http);
/* No new connections. */
void att_http_quiesce(att_http *http);
/* Once no task is left: waits until what was answered is sent, at most so many seconds, and ends. NULL is fine. */
void att_http_free(att_http *http, double seconds);

#endif
