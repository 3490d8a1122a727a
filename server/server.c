/* Owns the server as a whole: what it is made of, its start and its end. See server.h. */
#include "server.h"

#include "http.h"
#include "worker.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct att_server {
  att_server_options options;
  att_tasks tasks;
  bool shares; /* the tasks are there */
  att_hosts hosts;
  att_guard guard;
  att_http *http;
  char *certificate, *key; /* of TLS: att_release */
  atomic_int stop;
  char address[300];
};

static bool say(char *message, const char *text) {
  snprintf(message, ATT_SERVER_MESSAGE, "%s", text);
  return false;
}

static bool read_keys(att_server *s, char *message) {
  const att_server_options *o = &s->options;
  att_text *lines = NULL;
  size_t count = 0;
  bool good = true;
  for (size_t i = 0; i < o->key_count; i++) good = good && att_guard_add_key(&s->guard, o->keys[i], strlen(o->keys[i]));
  if (good && o->key_file && att_read_lines(s->hosts.ctx, o->key_file, &lines, &count) != ATT_OK)
    return say(message, att_message(s->hosts.ctx));
  for (size_t i = 0; good && i < count; i++)
    if (lines[i].size) good = att_guard_add_key(&s->guard, lines[i].data, lines[i].size);
  att_release(s->hosts.ctx, lines);
  if (!good) return say(message, "no memory");
  if (o->key_file && s->guard.key_count == o->key_count) return say(message, "the file of --api-key-file has no key");
  return true;
}

static bool read_certificate(att_server *s, char *message) {
  size_t size;
  if (!s->options.certificate) return true;
  if (att_read_text(s->hosts.ctx, s->options.certificate, &s->certificate, &size) == ATT_OK &&
      att_read_text(s->hosts.ctx, s->options.key, &s->key, &size) == ATT_OK)
    return true;
  return say(message, att_message(s->hosts.ctx));
}

static bool open_models(att_server *s, char *message) {
  for (size_t i = 0; !s->options.lazy && i < s->hosts.count; i++)
    if (att_hosted_open(&s->hosts, &s->hosts.items[i]) != ATT_OK) return say(message, att_message(s->hosts.ctx));
  return true;
}

static bool begin(att_server *s, att_context *ctx, char *message) {
  const att_server_options *o = &s->options;
  if (!att_hosts_init(&s->hosts, ctx, o->models, o->model_count, message, ATT_SERVER_MESSAGE)) return false;
  s->hosts.slots = o->slots;
  s->hosts.max_text = o->max_text;
  s->hosts.max_tokens = o->max_tokens;
  s->guard.origins = o->origins;
  s->guard.origin_count = o->origin_count;
  s->guard.host = o->host;
  if (att_tasks_init(&s->tasks, (size_t)o->queue + (size_t)o->slots) != 0) return say(message, "no memory");
  s->shares = true;
  s->hosts.tasks = &s->tasks;
  att_models_tell(&s->hosts, &s->tasks);
  if (!read_keys(s, message) || !read_certificate(s, message) || !open_models(s, message)) return false;
  att_http_options http = {.host = o->host,
                           .port = o->port,
                           .connections = o->connections,
                           .max_body = o->max_body,
                           .max_file = o->max_file,
                           .patience = 60,
                           .certificate = s->certificate,
                           .key = s->key};
  s->http = att_http_new(&http, &s->guard, &s->tasks, message, ATT_SERVER_MESSAGE);
  if (!s->http) return false;
  bool six = strchr(o->host, ':') != NULL;
  snprintf(s->address, sizeof s->address, "http%s://%s%.200s%s:%d", s->certificate ? "s" : "", six ? "[" : "", o->host,
           six ? "]" : "", att_http_port(s->http));
  return true;
}

att_server *att_server_new(att_context *ctx, const att_server_options *options, char message[ATT_SERVER_MESSAGE]) {
  att_server *s = calloc(1, sizeof *s);
  message[0] = '\0';
  if (!s) {
    say(message, "no memory");
    return NULL;
  }
  s->options = *options;
  if (begin(s, ctx, message)) return s;
  att_server_free(s);
  return NULL;
}

const char *att_server_address(const att_server *s) { return s->address; }

static void on_stop(void *user) { att_http_quiesce(((att_server *)user)->http); }

void att_server_run(att_server *s) {
  att_worker worker = {.hosts = &s->hosts,
                       .tasks = &s->tasks,
                       .timeout = s->options.timeout,
                       .grace = s->options.grace,
                       .keep = 60.0 * s->options.keep,
                       .on_stop = on_stop,
                       .user = s,
                       .stop = &s->stop};
  att_http_free(s->http, 1 + att_worker_run(&worker));
  s->http = NULL;
}

void att_server_stop(att_server *s) {
  atomic_store(&s->stop, 1);
  att_tasks_wake(&s->tasks);
}

void att_server_free(att_server *s) {
  if (!s) return;
  att_http_free(s->http, 0);
  att_hosts_free(&s->hosts);
  if (s->shares) att_tasks_free(&s->tasks);
  att_guard_free(&s->guard);
  att_release(s->hosts.ctx, s->certificate);
  att_release(s->hosts.ctx, s->key);
  free(s);
}
