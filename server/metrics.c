/* Owns /metrics, in Prometheus' text format, and /health. */
#include "routes.h"

#include <stdlib.h>
#include <string.h>

static void put(att_out *out, const char *name, const char *type, const char *help, double value) {
  att_out_print(out, "# HELP attend_%s %s\n# TYPE attend_%s %s\nattend_%s %.17g\n", name, help, name, type, name,
                value);
}

static void put_answers(att_out *out, const att_counts *counts) {
  att_out_print(out,
                "# HELP attend_requests_total Requests that were answered.\n# TYPE attend_requests_total counter\n");
  for (size_t i = 0, last = 0; !last; i++) {
    const char *path = att_routes[i].path;
    last = !path;
    for (int status = 1; status < 6; status++)
      if (counts->answers[path ? i : ATT_MOST_ROUTES][status])
        att_out_print(out, "attend_requests_total{path=\"%s\",status=\"%dxx\"} %llu\n", path ? path : "", status,
                      (unsigned long long)counts->answers[path ? i : ATT_MOST_ROUTES][status]);
  }
}

char *att_metrics(att_tasks *tasks, const char *rest, size_t *size) {
  (void)rest;
  att_out out = {0};
  pthread_mutex_lock(&tasks->lock);
  att_counts c = tasks->counts;
  size_t count = tasks->count;
  pthread_mutex_unlock(&tasks->lock);
  put_answers(&out, &c);
  put(&out, "refused_total", "counter", "Requests for which there was no room.", (double)c.refused);
  put(&out, "cancelled_total", "counter", "Requests whose client went away.", (double)c.cancelled);
  put(&out, "prompt_tokens_total", "counter", "Tokens of prompts and sources.", (double)c.prompt_tokens);
  put(&out, "shared_tokens_total", "counter", "Of them, those that had been read before.", (double)c.shared_tokens);
  put(&out, "written_tokens_total", "counter", "Tokens that were written.", (double)c.written_tokens);
  put(&out, "requests_open", "gauge", "Requests that run or wait.", (double)count);
  put(&out, "sequences_running", "gauge", "Prompts and sources that are being served.", (double)c.running);
  put(&out, "cache_rows", "gauge", "Tokens in the caches.", (double)c.cache_rows);
  put(&out, "kept_rows", "gauge", "Of them, those of requests that have ended.", (double)c.kept_rows);
  put(&out, "connections", "gauge", "Open connections.", c.connections);
  put(&out, "step_seconds_total", "counter", "Seconds in which tokens were read and written.", c.step_seconds);
  put(&out, "other_seconds_total", "counter", "Seconds of other work with models.", c.other_seconds);
  put(&out, "request_seconds_total", "counter", "Seconds of requests from first to last.", c.total_seconds);
  *size = out.size;
  return att_out_take(&out);
}

char *att_health(att_tasks *tasks, const char *rest, size_t *size) {
  (void)rest;
  pthread_mutex_lock(&tasks->lock);
  bool stopping = tasks->stopping;
  pthread_mutex_unlock(&tasks->lock);
  char *text = strdup(stopping ? "{\"status\":\"stopping\"}\n" : "{\"status\":\"ok\"}\n");
  *size = text ? strlen(text) : 0;
  return text;
}
