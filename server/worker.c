/* Owns the thread of the models. See worker.h. */
#include "worker.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

typedef struct loop {
  att_worker *worker;
  struct pollfd *polled; /* [count] */
  att_task **waiting;    /* [count] whose sockets they are, from 1 on */
  size_t count, room;
  uint64_t turn;
  double stopped; /* when it was asked to; 0: it was not */
} loop;

/* ---- clients ------------------------------------------------------------------------------------------------------
 */

static bool reserve(loop *l, size_t count) {
  if (count <= l->room) return true;
  struct pollfd *polled = realloc(l->polled, 2 * count * sizeof *polled);
  if (polled) l->polled = polled;
  att_task **waiting = realloc(l->waiting, 2 * count * sizeof *waiting);
  if (waiting) l->waiting = waiting;
  if (polled && waiting) l->room = 2 * count;
  return polled && waiting;
}

/* The sockets of those that wait: they stay open meanwhile, as this thread alone lets connections go on. */
static void collect_sockets(loop *l) {
  att_tasks *tasks = l->worker->tasks;
  pthread_mutex_lock(&tasks->lock);
  bool room = reserve(l, tasks->count + 1);
  l->count = 1;
  for (att_task *task = tasks->first; task && room; task = task->next) {
    if (!task->waits || task->over) continue;
    l->polled[l->count] = (struct pollfd){.fd = task->socket, .events = POLLRDHUP};
    l->waiting[l->count++] = task;
  }
  pthread_mutex_unlock(&tasks->lock);
  if (!room && !reserve(l, 1)) l->count = 0;
  if (l->count) l->polled[0] = (struct pollfd){.fd = tasks->wake, .events = POLLIN};
}

static void go_away(att_task *task) {
  pthread_mutex_lock(&task->tasks->lock);
  task->over = true;
  task->tasks->counts.cancelled++;
  if (task->waits) {
    task->waits = false;
    task->resume(task); /* HTTP sees for itself that nobody is there */
  }
  pthread_mutex_unlock(&task->tasks->lock);
}

/* Waits for something to do, at most so many milliseconds. A client that sends no more is gone. */
static void look_around(loop *l, int milliseconds) {
  collect_sockets(l);
  if (poll(l->polled, l->count, milliseconds) <= 0) return;
  uint64_t times;
  if (l->count && l->polled[0].revents && read(l->worker->tasks->wake, &times, sizeof times) < 0) { /* nobody woke us */
  }
  for (size_t i = 1; i < l->count; i++)
    if (l->polled[i].revents) go_away(l->waiting[i]);
}

/* ---- tasks --------------------------------------------------------------------------------------------------------
 */

static bool is_over(att_task *task) {
  pthread_mutex_lock(&task->tasks->lock);
  bool over = task->over || task->gone;
  pthread_mutex_unlock(&task->tasks->lock);
  return over;
}

/* Takes those that are over out of the list. */
static void reap(att_tasks *tasks) {
  att_task *over = NULL;
  pthread_mutex_lock(&tasks->lock);
  tasks->last = NULL;
  for (att_task **at = &tasks->first; *at;) {
    att_task *task = *at;
    if (task->over || task->gone) {
      *at = task->next;
      task->next = over;
      over = task;
      tasks->count--;
      tasks->counts.total_seconds += att_seconds() - task->arrived;
      tasks->counts.cancelled += task->gone && !task->over;
    } else {
      tasks->last = task;
      at = &task->next;
    }
  }
  pthread_mutex_unlock(&tasks->lock);
  while (over) {
    att_task *next = over->next;
    if (over->end) over->end(over);
    att_task_drop(over);
    over = next;
  }
}

/* The list grows at its end only while this thread goes through it, and shrinks in this thread. */
static att_task *next_of(att_task *task) {
  pthread_mutex_lock(&task->tasks->lock);
  att_task *next = task->next;
  pthread_mutex_unlock(&task->tasks->lock);
  return next;
}

static att_task *first_of(att_tasks *tasks) {
  pthread_mutex_lock(&tasks->lock);
  att_task *first = tasks->first;
  pthread_mutex_unlock(&tasks->lock);
  return first;
}

/* Who had a turn longer ago goes first: of the clients, then of a client's tasks. */
static bool is_before(const att_task *a, const att_task *b) {
  if (!b || a->client_turn != b->client_turn) return !b || a->client_turn < b->client_turn;
  return a->turn < b->turn;
}

/* A client does not gain by asking once more. */
static void begin(loop *l, att_task *task) {
  for (att_task *other = first_of(task->tasks); other; other = next_of(other))
    if (other->client == task->client && other->client_turn > task->client_turn) task->client_turn = other->client_turn;
  task->begun = true;
  task->route->begin(task, l->worker->hosts);
}

static bool take_turn(loop *l, att_task *task) {
  bool done = task->step(task);
  uint64_t turn = ++l->turn;
  for (att_task *other = first_of(task->tasks); done && other; other = next_of(other))
    if (other->client == task->client) other->client_turn = turn;
  if (done) task->turn = turn;
  return done;
}

static att_task *choose(att_tasks *tasks, bool light) {
  att_task *best = NULL;
  for (att_task *task = first_of(tasks); task; task = next_of(task))
    if (task->step && task->light == light && !task->tried && !is_over(task) && is_before(task, best)) best = task;
  return best;
}

/* New ones begin, those that took too long end. */
static void begin_new(loop *l) {
  double now = att_seconds();
  for (att_task *task = first_of(l->worker->tasks); task; task = next_of(task)) {
    task->tried = false;
    if (is_over(task)) continue;
    if (now - task->arrived > l->worker->timeout)
      att_task_fail(task, 504, "timeout", NULL, "the request took more than the %g seconds that this server gives it",
                    l->worker->timeout);
    else if (!task->begun)
      begin(l, task);
  }
}

/* False: there is nothing to do but what the services do. */
static bool take_turns(loop *l) {
  att_tasks *tasks = l->worker->tasks;
  double before = att_seconds();
  begin_new(l);
  for (att_task *task; (task = choose(tasks, true));) task->tried = !take_turn(l, task);
  att_task *heavy = choose(tasks, false);
  if (heavy) take_turn(l, heavy);
  pthread_mutex_lock(&tasks->lock);
  tasks->counts.other_seconds += att_seconds() - before;
  pthread_mutex_unlock(&tasks->lock);
  return heavy != NULL;
}

/* ---- models -------------------------------------------------------------------------------------------------------
 */

/* One step of each service that has something to do. */
static bool step_services(loop *l) {
  att_hosts *hosts = l->worker->hosts;
  att_tasks *tasks = l->worker->tasks;
  double begin = att_seconds();
  int64_t rows = 0, kept = 0;
  size_t running = 0, left = 0;
  for (size_t i = 0; i < hosts->count; i++) {
    att_hosted *host = &hosts->items[i];
    if (!host->service) continue;
    size_t these = 0;
    if (host->slots > 0) att_service_step(host->service, &these); /* who fails is told by a piece */
    const att_service_info *info = att_service_describe(host->service);
    left += these;
    rows += info->cache_rows + info->source_rows;
    kept += info->kept_rows;
    running += info->running;
  }
  pthread_mutex_lock(&tasks->lock);
  tasks->counts.step_seconds += left ? att_seconds() - begin : 0;
  tasks->counts.cache_rows = rows;
  tasks->counts.kept_rows = kept;
  tasks->counts.running = running;
  pthread_mutex_unlock(&tasks->lock);
  return left > 0;
}

static void close_idle(loop *l) {
  const att_worker *w = l->worker;
  for (size_t i = 0; w->keep > 0 && i < w->hosts->count; i++) {
    att_hosted *host = &w->hosts->items[i];
    if (host->users > 0) host->used = att_seconds();
    if (host->model && host->users == 0 && att_seconds() - host->used > w->keep) att_hosted_close(w->hosts, host);
  }
}

/* ---- the loop -----------------------------------------------------------------------------------------------------
 */

static void begin_to_stop(loop *l) {
  att_tasks *tasks = l->worker->tasks;
  pthread_mutex_lock(&tasks->lock);
  tasks->stopping = true;
  pthread_mutex_unlock(&tasks->lock);
  l->stopped = att_seconds();
  l->worker->on_stop(l->worker->user);
}

static void cut_off(loop *l) {
  for (att_task *task = first_of(l->worker->tasks); task; task = next_of(task))
    att_task_fail(task, 503, "stopping", NULL, "the server stops, and the request was not done in time");
}

double att_worker_run(att_worker *worker) {
  loop l = {.worker = worker};
  bool busy = false;
  for (;;) {
    look_around(&l, busy ? 0 : 500);
    if (atomic_load(worker->stop) && !l.stopped) begin_to_stop(&l);
    if (l.stopped && att_seconds() - l.stopped > worker->grace) cut_off(&l);
    reap(worker->tasks);
    busy = take_turns(&l);
    reap(worker->tasks);
    busy = step_services(&l) || busy;
    reap(worker->tasks);
    close_idle(&l);
    if (l.stopped && !first_of(worker->tasks)) break;
  }
  free(l.polled);
  free(l.waiting);
  double left = worker->grace - (att_seconds() - l.stopped);
  return left > 0 ? left : 0;
}
