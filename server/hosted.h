/*
 * Owns the models that are served: their names, opening and closing them, the service of each. Refuses to know
 * requests.
 */
#ifndef ATT_SERVER_HOSTED_H
#define ATT_SERVER_HOSTED_H

#include <attend/attend.h>

/* One model. */
typedef struct att_hosted {
  char *name;
  const char *path;
  att_model *model;           /* NULL: it is not open */
  const att_model_info *info; /* of it */
  att_service *service;       /* NULL: none was asked for */
  unsigned verbs;             /* bits: 1 << att_verb; known once it was open */
  bool chats;                 /* it has a chat template */
  int slots;                  /* in use by requests */
  int users;                  /* tasks that need it open */
  double used;                /* when it last was */
  long created;               /* the time since 1970 at which it was named */
} att_hosted;

typedef struct att_hosts {
  att_context *ctx;
  att_hosted *items; /* [count] */
  size_t count;
  struct att_tasks *tasks; /* that are told of what is open, or NULL */
  int slots;               /* of each service */
  /* what requests may ask for */
  int64_t max_text;
  int max_tokens;
} att_hosts;

/* Names the models of words like PATH or NAME=PATH. False after saying why. */
bool att_hosts_init(att_hosts *hosts, att_context *ctx, const char *const *words, size_t count, char *message,
                    size_t room);
void att_hosts_free(att_hosts *hosts);
/* Opens it, if it is not. */
att_status att_hosted_open(att_hosts *hosts, att_hosted *host);
/* Its service, if there is none yet. */
att_status att_hosted_serve(att_hosts *hosts, att_hosted *host);
void att_hosted_close(att_hosts *hosts, att_hosted *host);
/* NULL: there is none of that name. */
att_hosted *att_hosts_find(att_hosts *hosts, att_text name);
bool att_hosted_can(const att_hosted *host, att_verb verb);
/* Tells tasks->models of them. */
void att_models_tell(const att_hosts *hosts, struct att_tasks *tasks);

#endif
