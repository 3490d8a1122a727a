/* Owns connections, over libmicrohttpd. See http.h. */
#include "http.h"

#include "form.h"
#include "page.h"
#include "routes.h"

#include <errno.h>
#include <microhttpd.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

/* A connection. Those that no request has come from stand in a list, the longest silent one first. */
typedef struct peer {
  int socket;
  struct peer *before, *after;
  bool idle; /* in the list */
} peer;

struct att_http {
  struct MHD_Daemon *daemon;
  att_guard *guard;
  att_tasks *tasks;
  int64_t max_body, max_file; /* bytes of a request */
  int most, count;            /* connections */
  int listener;
  int port;
  bool secure;
  peer idle;      /* the list's ends */
  int64_t bodies; /* bytes of all that is being received */
  int64_t files;  /* of all with a file, until they are answered */
  atomic_int answering;
};

/* All bodies that are there may have so many times a body's limit together. */
enum { BODIES_AT_ONCE = 16, FILES_AT_ONCE = 4 };

/* A request as it comes, and its answer as it goes. */
typedef struct exchange {
  att_http *http;
  peer *peer;
  const att_route *route;
  att_out body;                   /* or */
  att_form *form;                 /* what the body is */
  int64_t received;               /* bytes of it */
  int64_t held;                   /* of them, those in http->bodies or http->files */
  bool too_long, no_room, broken; /* broken: it is no form */
  bool gets;                      /* what it reads: GET or HEAD */
  uint64_t client;
  const char *origin; /* that is to be told that it may ask; the connection's */
  att_task *task;
} exchange;

/* ---- the list of idle connections ---------------------------------------------------------------------------------
 */

static void leave_list(peer *p) {
  if (!p->idle) return;
  p->before->after = p->after;
  p->after->before = p->before;
  p->idle = false;
}

static void join_list(att_http *http, peer *p) {
  leave_list(p);
  p->before = http->idle.before;
  p->after = &http->idle;
  p->before->after = p->after->before = p;
  p->idle = true;
}

static void count_connections(att_http *http, int change) {
  http->count += change;
  pthread_mutex_lock(&http->tasks->lock);
  http->tasks->counts.connections = http->count;
  pthread_mutex_unlock(&http->tasks->lock);
}

/* Where they become many, the one that was silent longest has to go: connections that are opened and left keep nobody
 * out. */
static void on_connection(void *user, struct MHD_Connection *connection, void **context,
                          enum MHD_ConnectionNotificationCode code) {
  att_http *http = user;
  if (code == MHD_CONNECTION_NOTIFY_STARTED) {
    peer *p = calloc(1, sizeof *p);
    if (!p) return;
    p->socket = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
    *context = p;
    join_list(http, p);
    count_connections(http, 1);
    if (http->count > http->most - http->most / 8 && http->idle.after != p) {
      peer *oldest = http->idle.after;
      leave_list(oldest);
      shutdown(oldest->socket, SHUT_RDWR);
    }
  } else if (*context) {
    leave_list(*context);
    free(*context);
    *context = NULL;
    count_connections(http, -1);
  }
}

/* ---- answers ------------------------------------------------------------------------------------------------------
 */

static void add_headers(const exchange *x, struct MHD_Response *response, const char *type) {
  MHD_add_response_header(response, "Content-Type", type);
  MHD_add_response_header(response, "Cache-Control", "no-store");
  MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
  MHD_add_response_header(response, "Referrer-Policy", "no-referrer");
  if (!x->origin) return;
  MHD_add_response_header(response, "Access-Control-Allow-Origin", x->origin);
  MHD_add_response_header(response, "Vary", "Origin");
}

static enum MHD_Result queue(exchange *x, struct MHD_Connection *connection, unsigned status,
                             struct MHD_Response *response) {
  att_tasks *tasks = x->http->tasks;
  size_t place = x->route ? (size_t)(x->route - att_routes) : ATT_MOST_ROUTES;
  pthread_mutex_lock(&tasks->lock);
  tasks->counts.answers[place][status / 100]++;
  bool stopping = tasks->stopping;
  pthread_mutex_unlock(&tasks->lock);
  if (status == 429 || status == 503) MHD_add_response_header(response, "Retry-After", "1");
  if (status == 401) MHD_add_response_header(response, "WWW-Authenticate", "Bearer");
  if (status == 405) MHD_add_response_header(response, "Allow", x->gets ? "POST" : "GET, HEAD");
  if (stopping) MHD_add_response_header(response, "Connection", "close");
  enum MHD_Result result = MHD_queue_response(connection, status, response);
  MHD_destroy_response(response);
  return result;
}

/* Takes text, malloc's. */
static enum MHD_Result send_text(exchange *x, struct MHD_Connection *connection, unsigned status, const char *type,
                                 char *text, size_t size) {
  static char nothing[] = "";
  struct MHD_Response *response = MHD_create_response_from_buffer(
      text ? size : 0, text ? text : nothing, text ? MHD_RESPMEM_MUST_FREE : MHD_RESPMEM_PERSISTENT);
  if (!response) {
    free(text);
    return MHD_NO;
  }
  add_headers(x, response, type);
  if (strncmp(type, "text/html", 9) == 0) {
    char policy[ATT_POLICY];
    att_page_policy(text, policy);
    MHD_add_response_header(response, "Content-Security-Policy", policy);
  }
  return queue(x, connection, text ? status : 500, response);
}

static enum MHD_Result send_error(exchange *x, struct MHD_Connection *connection, unsigned status, const char *code,
                                  const char *param, const char *message) {
  json_t *body = att_error_body((int)status, code, param, message);
  char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
  json_decref(body);
  return send_text(x, connection, status, "application/json", text, text ? strlen(text) : 0);
}

/* What has come of a stream; where nothing has, the connection waits. */
static ssize_t give_events(void *user, uint64_t at, char *buffer, size_t room) {
  att_task *task = user;
  ssize_t given = 0;
  (void)at;
  pthread_mutex_lock(&task->tasks->lock);
  size_t left = task->out.size - task->sent;
  if (left > 0) {
    given = (ssize_t)(left < room ? left : room);
    memcpy(buffer, task->out.data + task->sent, (size_t)given);
    task->sent += (size_t)given;
    if (task->sent == task->out.size) task->out.size = task->sent = 0;
  } else if (task->out.failed) {
    given = MHD_CONTENT_READER_END_WITH_ERROR;
  } else if (task->over) {
    given = MHD_CONTENT_READER_END_OF_STREAM;
  } else {
    task->waits = true;
    MHD_suspend_connection(task->connection);
  }
  pthread_mutex_unlock(&task->tasks->lock);
  return given;
}

static enum MHD_Result answer_task(exchange *x, struct MHD_Connection *connection) {
  att_task *task = x->task;
  struct MHD_Response *response = NULL;
  pthread_mutex_lock(&task->tasks->lock);
  unsigned status = (unsigned)task->status;
  bool streams = task->streams, failed = task->out.failed;
  const char *type = task->type;
  att_out out = task->out;
  if (!streams) task->out = (att_out){0};
  pthread_mutex_unlock(&task->tasks->lock);
  if (status == 0 || failed) { /* the client has gone, or there is no memory to say anything */
    if (!streams) att_out_free(&out);
    return MHD_NO;
  }
  if (!streams) return send_text(x, connection, status, type ? type : "application/json", out.data, out.size);
  response = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 8192, give_events, task, NULL);
  if (!response) return MHD_NO;
  add_headers(x, response, "text/event-stream; charset=utf-8");
  MHD_add_response_header(response, "X-Accel-Buffering", "no");
  return queue(x, connection, status, response);
}

/* ---- requests -----------------------------------------------------------------------------------------------------
 */

static void resume(att_task *task) { MHD_resume_connection(task->connection); }

static const char *header(struct MHD_Connection *connection, const char *name) {
  return MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
}

/* Equal for equal addresses. */
static uint64_t address_of(struct MHD_Connection *connection) {
  const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
  const struct sockaddr *address = info ? info->client_addr : NULL;
  uint64_t hash = 14695981039346656037u; /* FNV-1a */
  const unsigned char *bytes = NULL;
  size_t size = 0;
  if (address && address->sa_family == AF_INET) {
    bytes = (const unsigned char *)&((const struct sockaddr_in *)(const void *)address)->sin_addr;
    size = 4;
  } else if (address && address->sa_family == AF_INET6) {
    bytes = (const unsigned char *)&((const struct sockaddr_in6 *)(const void *)address)->sin6_addr;
    size = 8; /* a customer's network */
  }
  for (size_t i = 0; i < size; i++) hash = (hash ^ bytes[i]) * 1099511628211u;
  return hash | (uint64_t)1 << 63; /* no key's number */
}

static enum MHD_Result allow(exchange *x, struct MHD_Connection *connection) {
  struct MHD_Response *response = MHD_create_response_from_buffer(0, "", MHD_RESPMEM_PERSISTENT);
  if (!response) return MHD_NO;
  add_headers(x, response, "text/plain");
  MHD_add_response_header(response, "Access-Control-Allow-Methods", "GET, POST");
  MHD_add_response_header(response, "Access-Control-Allow-Headers", "Authorization, *");
  MHD_add_response_header(response, "Access-Control-Max-Age", "600");
  return queue(x, connection, 204, response);
}

static int64_t most_bytes(const exchange *x) { return x->route->form ? x->http->max_file : x->http->max_body; }

/* Once the headers are there: refuses, answers what needs no body, or takes the body. */
static enum MHD_Result begin_request(exchange *x, struct MHD_Connection *connection, const char *path,
                                     const char *method) {
  att_http *http = x->http;
  const char *host = header(connection, "Host"), *origin = header(connection, "Origin");
  const char *length = header(connection, "Content-Length");
  bool other, known;
  if (!att_guard_is_host(http->guard, host))
    return send_error(x, connection, 403, "wrong_host", NULL, "this server is not called so: ask for localhost");
  if (!att_guard_is_origin(http->guard, origin, host, &other))
    return send_error(x, connection, 403, "wrong_origin", NULL, "pages from elsewhere may not ask: see --allow-origin");
  if (other) x->origin = origin;
  if (strcmp(method, "OPTIONS") == 0) return allow(x, connection);
  x->gets = strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
  x->route = att_route_find(method, path, &known);
  if (!x->route)
    return send_error(x, connection, known ? 405 : 404, known ? "wrong_method" : "unknown_url", NULL,
                      known ? "this path is asked for with another method" : "there is nothing here by that path");
  x->client = address_of(connection);
  if (!x->route->open && !att_guard_knows(http->guard, header(connection, "Authorization"), &x->client))
    return send_error(x, connection, 401, "invalid_api_key", NULL,
                      "a key is needed that this server knows: Authorization: Bearer KEY");
  const char *encoding = header(connection, "Content-Encoding");
  if (encoding && strcasecmp(encoding, "identity") != 0)
    return send_error(x, connection, 415, "encoded", NULL, "the body must come as it is, without a Content-Encoding");
  unsigned long long coming = length ? strtoull(length, NULL, 10) : 0, most = (unsigned long long)most_bytes(x);
  if (coming > 2 * most)
    return send_error(x, connection, 413, "too_long", NULL, "the body is longer than this server takes");
  x->too_long = coming > most; /* told once it was sent: who is sending reads no answer */
  if (x->route->form && !(x->form = att_form_new(connection, x->route->params)))
    return send_error(x, connection, 415, "no_form", NULL, "the body must be multipart/form-data");
  return MHD_YES;
}

static void free_body(exchange *x) {
  *(x->route && x->route->form ? &x->http->files : &x->http->bodies) -= x->held;
  x->held = 0;
  att_form_free(x->form);
  x->form = NULL;
  att_out_free(&x->body);
}

static enum MHD_Result take_body(exchange *x, const char *data, size_t *size) {
  bool form = x->route->form;
  int64_t *all = form ? &x->http->files : &x->http->bodies, most = most_bytes(x);
  x->received += (int64_t)*size;
  if (x->received > 2 * most) return MHD_NO; /* it will not end */
  x->too_long |= x->received > most;
  x->no_room |= *all + (int64_t)*size > (form ? FILES_AT_ONCE : BODIES_AT_ONCE) * most;
  if (x->too_long || x->no_room) {
    free_body(x);
  } else {
    x->held += (int64_t)*size;
    *all += (int64_t)*size;
    if (!form) att_out_put(&x->body, data, *size);
    if (form) x->broken |= !att_form_put(x->form, data, *size);
  }
  *size = 0;
  return MHD_YES;
}

static enum MHD_Result send_no_model(exchange *x, struct MHD_Connection *connection, const char *name) {
  char text[200];
  snprintf(text, sizeof text, ATT_NO_MODEL, name);
  return send_error(x, connection, 404, "model_not_found", "model", text);
}

/* Makes the task of a request whose body is `request` and a file, which it takes, and lets the connection wait. */
static enum MHD_Result make_task(exchange *x, struct MHD_Connection *connection, json_t *request, att_out file) {
  int refused = att_tasks_refuse(x->http->tasks);
  if (refused) {
    json_decref(request);
    att_out_free(&file);
    return send_error(x, connection, (unsigned)refused, refused == 429 ? "queue_full" : "stopping", NULL,
                      refused == 429 ? "as many requests wait as may: try again later" : "the server stops");
  }
  att_task *task = att_task_new(x->http->tasks, x->route, request);
  if (!task) {
    att_out_free(&file);
    return MHD_NO;
  }
  task->file = file;
  task->client = x->client;
  task->connection = connection;
  task->resume = resume;
  task->socket = x->peer ? x->peer->socket : -1;
  x->task = task;
  MHD_suspend_connection(connection);
  att_task_put(task);
  return MHD_YES;
}

/* What the parameters' table says of the body, before anybody waits for an answer. */
static bool check(const att_route *route, json_t *request, att_wrong *wrong) {
  void *scratch = calloc(1, *route->size);
  bool good =
      scratch ? att_params_read(route->params, request, scratch, wrong) : att_wrong_say(wrong, NULL, "no memory");
  free(scratch);
  return good;
}

/* The body as an object. NULL: it has been answered, with *result. */
static json_t *read_json(exchange *x, struct MHD_Connection *connection, enum MHD_Result *result) {
  json_error_t error;
  char text[300];
  json_t *request =
      json_loadb(x->body.data ? x->body.data : "", x->body.size, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
  free_body(x);
  if (json_is_object(request)) return request;
  snprintf(text, sizeof text, "the body must be a JSON object%s%s", request ? "" : ": ", request ? "" : error.text);
  json_decref(request);
  *result = send_error(x, connection, 400, "invalid_json", NULL, text);
  return NULL;
}

/* The same of a form; its file counts as held until it is answered. */
static json_t *read_form(exchange *x, struct MHD_Connection *connection, att_out *file, enum MHD_Result *result) {
  att_wrong wrong = {.text = "the body is no form as it should be, or has too many or too long fields"};
  json_t *request = x->broken ? NULL : att_form_take(x->form, file, &wrong);
  if (!request) *result = send_error(x, connection, 400, "invalid_form", NULL, wrong.text);
  return request;
}

static enum MHD_Result take_request(exchange *x, struct MHD_Connection *connection) {
  enum MHD_Result result = MHD_NO;
  att_wrong wrong;
  att_out file = {0};
  if (x->too_long) return send_error(x, connection, 413, "too_long", NULL, "the body is longer than this server takes");
  if (x->no_room || x->body.failed)
    return send_error(x, connection, 503, "no_room", NULL, "there is no room for the body now: try again later");
  json_t *request = x->route->form ? read_form(x, connection, &file, &result) : read_json(x, connection, &result);
  if (!request) return result;
  bool good = check(x->route, request, &wrong);
  const char *name = json_string_value(json_object_get(request, "model"));
  if (good && (!name || att_models_have(x->http->tasks, name))) return make_task(x, connection, request, file);
  result = good ? send_no_model(x, connection, name) : send_error(x, connection, 400, NULL, wrong.param, wrong.text);
  json_decref(request);
  att_out_free(&file);
  return result;
}

/* All of a request is there. */
static enum MHD_Result end_request(exchange *x, struct MHD_Connection *connection, const char *path) {
  const att_route *route = x->route;
  const char *rest = path + strlen(route->path);
  if (!route->answer) return take_request(x, connection);
  if (route->answer == att_models && *rest && !att_models_have(x->http->tasks, rest))
    return send_no_model(x, connection, rest);
  size_t size;
  char *text = route->answer(x->http->tasks, rest, &size);
  return send_text(x, connection, 200, route->type, text, size);
}

static enum MHD_Result on_request(void *user, struct MHD_Connection *connection, const char *path, const char *method,
                                  const char *version, const char *data, size_t *size, void **context) {
  att_http *http = user;
  exchange *x = *context;
  (void)version;
  if (!x) {
    x = *context = calloc(1, sizeof *x);
    if (!x) return MHD_NO;
    atomic_fetch_add(&http->answering, 1);
    x->http = http;
    x->peer = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
    return begin_request(x, connection, path, method);
  }
  if (x->task) return answer_task(x, connection);
  if (*size) return take_body(x, data, size);
  if (x->peer) leave_list(x->peer);
  return end_request(x, connection, path);
}

/* Sent, or broken off. */
static void on_completed(void *user, struct MHD_Connection *connection, void **context,
                         enum MHD_RequestTerminationCode code) {
  att_http *http = user;
  exchange *x = *context;
  (void)connection;
  (void)code;
  if (!x) return;
  if (x->task) {
    pthread_mutex_lock(&http->tasks->lock);
    x->task->gone = true;
    x->task->waits = false;
    pthread_mutex_unlock(&http->tasks->lock);
    att_task_drop(x->task);
    att_tasks_wake(http->tasks);
  }
  if (x->peer) join_list(http, x->peer);
  free_body(x);
  free(x);
  *context = NULL;
  atomic_fetch_sub(&http->answering, 1);
}

/* ---- listening ----------------------------------------------------------------------------------------------------
 */

static int listen_at(const struct addrinfo *at) {
  int on = 1, fd = socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return -1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (at->ai_family == AF_INET6) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
  if (bind(fd, at->ai_addr, at->ai_addrlen) == 0 && listen(fd, 1024) == 0) return fd;
  int error = errno;
  close(fd);
  errno = error;
  return -1;
}

static bool is_loopback(const struct sockaddr *address) {
  if (address->sa_family == AF_INET)
    return ntohl(((const struct sockaddr_in *)(const void *)address)->sin_addr.s_addr) >> 24 == 127;
  return address->sa_family == AF_INET6 &&
         IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)(const void *)address)->sin6_addr);
}

static bool open_listener(att_http *http, const att_http_options *options, char *message, size_t room) {
  char port[16];
  struct addrinfo wanted = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV}, *found = NULL;
  snprintf(port, sizeof port, "%d", options->port);
  int failed = getaddrinfo(options->host, port, &wanted, &found);
  if (failed) {
    snprintf(message, room, "--host %s: %s", options->host, gai_strerror(failed));
    return false;
  }
  for (const struct addrinfo *at = found; at && http->listener < 0; at = at->ai_next) {
    http->listener = listen_at(at);
    http->guard->loopback = is_loopback(at->ai_addr);
  }
  if (http->listener < 0) snprintf(message, room, "cannot listen on %s:%s: %s", options->host, port, strerror(errno));
  freeaddrinfo(found);
  struct sockaddr_storage bound;
  socklen_t size = sizeof bound;
  if (http->listener < 0 || getsockname(http->listener, (struct sockaddr *)&bound, &size) != 0) return false;
  http->port = ntohs(bound.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)(void *)&bound)->sin6_port
                                                 : ((struct sockaddr_in *)(void *)&bound)->sin_port);
  return true;
}

/* The process may have as many files open as there may be connections, or there are fewer of these. */
static int reserve_files(int connections) {
  struct rlimit limit;
  rlim_t wanted = (rlim_t)connections + 64;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return connections;
  if (limit.rlim_cur < wanted) {
    limit.rlim_cur = limit.rlim_max == RLIM_INFINITY || wanted < limit.rlim_max ? wanted : limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0) getrlimit(RLIMIT_NOFILE, &limit);
  }
  return limit.rlim_cur < wanted && limit.rlim_cur > 80 ? (int)limit.rlim_cur - 64 : connections;
}

static void drop_log(void *user, const char *format, va_list args) {
  (void)user;
  (void)format;
  (void)args;
}

static bool start(att_http *http, const att_http_options *options) {
  struct MHD_OptionItem tls[] = {{MHD_OPTION_HTTPS_MEM_CERT, 0, (void *)options->certificate},
                                 {MHD_OPTION_HTTPS_MEM_KEY, 0, (void *)options->key},
                                 {MHD_OPTION_END, 0, NULL}};
  unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ITC | MHD_USE_ERROR_LOG;
  if (http->secure) flags |= MHD_USE_TLS;
  http->daemon = MHD_start_daemon(flags, 0, NULL, NULL, on_request, http, MHD_OPTION_EXTERNAL_LOGGER, drop_log, NULL,
                                  MHD_OPTION_LISTEN_SOCKET, http->listener, MHD_OPTION_CONNECTION_LIMIT,
                                  (unsigned)http->most, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)options->patience,
                                  MHD_OPTION_NOTIFY_COMPLETED, on_completed, http, MHD_OPTION_NOTIFY_CONNECTION,
                                  on_connection, http, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)32768,
                                  MHD_OPTION_ARRAY, http->secure ? tls : &tls[2], MHD_OPTION_END);
  return http->daemon != NULL;
}

att_http *att_http_new(const att_http_options *options, att_guard *guard, att_tasks *tasks, char *message,
                       size_t room) {
  att_http *http = calloc(1, sizeof *http);
  if (!http) {
    snprintf(message, room, "no memory");
    return NULL;
  }
  http->guard = guard;
  http->tasks = tasks;
  http->max_body = options->max_body;
  http->max_file = options->max_file;
  http->listener = -1;
  http->most = reserve_files(options->connections);
  http->secure = options->certificate != NULL;
  http->idle.before = http->idle.after = &http->idle;
  if (open_listener(http, options, message, room)) {
    if (start(http, options)) return http;
    snprintf(message, room, "%s",
             http->secure ? "cannot start: are the TLS certificate and its key right?" : "cannot start listening");
  }
  if (http->listener >= 0) close(http->listener);
  free(http);
  return NULL;
}

int att_http_port(const att_http *http) { return http->port; }

void att_http_quiesce(att_http *http) {
  if (http->listener < 0) return;
  MHD_socket listener = MHD_quiesce_daemon(http->daemon);
  if (listener != MHD_INVALID_SOCKET) close(listener);
  http->listener = -1;
}

void att_http_free(att_http *http, double seconds) {
  if (!http) return;
  att_http_quiesce(http);
  for (double end = att_seconds() + seconds; atomic_load(&http->answering) > 0 && att_seconds() < end;) usleep(5000);
  MHD_stop_daemon(http->daemon);
  free(http);
}
