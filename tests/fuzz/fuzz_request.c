/*
 * Any bytes as a request to `attend serve`: a path, a line end, and the body; answered by tiny models of three kinds,
 * as the models' thread answers. Built by cmake/tests.cmake where libmicrohttpd is: with ATTEND_FUZZ by clang's
 * -fsanitize=fuzzer; else with runner.c, as a test over tests/data/fuzz/fuzz_request.
 */
#include "../../server/hosted.h"
#include "../../server/routes.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void resume(att_task *task) { (void)task; }

static const char *const models[] = {
    "writes=" ATT_TEST_DATA "/generate_llama", "fills=" ATT_TEST_DATA "/family_bert_masked",
    "labels=" ATT_TEST_DATA "/family_bert_classes", "translates=" ATT_TEST_DATA "/decode_marian"};

/* Until it has its answer, or so many turns: what comes then is more of the same. */
static void answer(att_task *task, att_hosts *hosts) {
  task->route->begin(task, hosts);
  for (int turn = 0; turn < 40 && !task->over; turn++) {
    if (task->step) task->step(task);
    for (size_t i = 0; i < hosts->count; i++)
      if (hosts->items[i].service) att_service_step(hosts->items[i].service, NULL);
  }
  if (task->over && !task->streams && task->out.size == 0) abort(); /* an answer says something */
  if (task->end) task->end(task);
}

static void ask(att_hosts *hosts, const char *path, const char *body, size_t size) {
  bool other;
  const att_route *route = att_route_find("POST", path, &other);
  json_t *request = json_loadb(body, size, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
  void *scratch = route && route->params ? calloc(1, *route->size) : NULL;
  att_wrong wrong;
  att_tasks tasks;
  if (!scratch || !json_is_object(request) || !att_params_read(route->params, request, scratch, &wrong)) {
    json_decref(request);
    free(scratch);
    return;
  }
  free(scratch);
  if (att_tasks_init(&tasks, 4) != 0) abort();
  att_task *task = att_task_new(&tasks, route, request);
  if (!task) abort();
  task->resume = resume;
  answer(task, hosts);
  att_task_drop(task);
  att_tasks_free(&tasks);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static att_hosts hosts;
  static att_context *ctx;
  char message[512], path[64] = "";
  const uint8_t *end = size ? memchr(data, '\n', size) : NULL;
  if (!ctx) {
    att_context_options options;
    att_context_options_default(&options);
    options.threads = 1;
    if (att_context_new(&options, &ctx) != ATT_OK) abort();
    if (!att_hosts_init(&hosts, ctx, models, sizeof models / sizeof *models, message, sizeof message)) abort();
    hosts.slots = 4;
    hosts.max_text = 2000;
    hosts.max_tokens = 20;
  }
  if (!end || (size_t)(end - data) >= sizeof path) return 0;
  memcpy(path, data, (size_t)(end - data));
  path[end - data] = '\0';
  ask(&hosts, path, (const char *)end + 1, size - (size_t)(end - data) - 1);
  for (size_t i = 0; i < hosts.count; i++)
    if (hosts.items[i].slots != 0 || hosts.items[i].users != 0) abort(); /* all is given back */
  return 0;
}
