/* Owns the table of what can be asked for: a row each. Refuses to know connections. */
#ifndef ATT_SERVER_ROUTES_H
#define ATT_SERVER_ROUTES_H

#include "task.h"

/* Ends in a path that is NULL. */
extern const att_route att_routes[];
/* The route; NULL, with *other: whether the path is known for another method. */
const att_route *att_route_find(const char *method, const char *path, bool *other);
/* /openapi.json, /metrics, /health and the page; malloc's. */
char *att_openapi(att_tasks *tasks, size_t *size);
char *att_metrics(att_tasks *tasks, size_t *size);
char *att_health(att_tasks *tasks, size_t *size);

/* ---- the routes, a file each ---- */

typedef void att_begin_fn(att_task *task, struct att_hosts *hosts);
extern const att_param att_completion_params[], att_chat_params[], att_embedding_params[];
extern const size_t att_completion_size, att_embedding_size;
att_begin_fn att_begin_completion, att_begin_chat, att_begin_embeddings, att_begin_models;

#endif
