/*
 * Owns what the command sees of the server: its options, its start, its end. What is asked for over HTTP is answered by
 * the public header alone: no request opens a path or writes a file.
 */
#ifndef ATT_SERVER_SERVER_H
#define ATT_SERVER_SERVER_H

#include <attend/attend.h>

/* Texts stay the caller's while the server is there. */
typedef struct att_server_options {
  const char *const *models; /* [model_count]: PATH or NAME=PATH; the name is else the last part of the path */
  size_t model_count;
  const char *host;        /* to listen on: a name or an address */
  int port;                /* 0: any that is free */
  int slots;               /* samples and hypotheses of a model at once */
  int queue;               /* requests that may wait beyond those */
  const char *const *keys; /* [key_count]: one of them must be given; none: nobody asks */
  size_t key_count;
  const char *key_file;       /* more keys, a line each; or NULL */
  const char *const *origins; /* [origin_count]: pages from elsewhere that may ask: "https://example.org"; "*": all */
  size_t origin_count;
  int64_t max_body;              /* bytes of a request */
  int64_t max_file;              /* bytes of one with a recording */
  int64_t max_text;              /* bytes of a prompt or text */
  int max_tokens;                /* that a sample may ask for */
  int timeout;                   /* seconds of a request */
  int connections;               /* at once */
  int grace;                     /* seconds that running requests have once the server is asked to stop */
  const char *certificate, *key; /* files of TLS, in PEM; or NULL */
  bool lazy;                     /* models are opened by the first request */
  int keep;                      /* minutes after which one that nobody asked is closed; 0: never */
} att_server_options;

typedef struct att_server att_server;

enum { ATT_SERVER_MESSAGE = 512 };

/* Opens the models, listens. NULL, after saying why in `message`. */
att_server *att_server_new(att_context *ctx, const att_server_options *options, char message[ATT_SERVER_MESSAGE]);
/* "http://127.0.0.1:8080" */
const char *att_server_address(const att_server *server);
/* Serves until att_server_stop, and then what runs until it is done, at most `grace` seconds. */
void att_server_run(att_server *server);
/* May be called in a signal handler. */
void att_server_stop(att_server *server);
/* NULL is fine. */
void att_server_free(att_server *server);

#endif
