/* Owns the models that are served. See hosted.h. */
#include "hosted.h"

#include "task.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* "models/de-en/" and "de-en.gguf": "de-en". */
static char *name_of(const char *path) {
  size_t end = strlen(path);
  while (end > 1 && path[end - 1] == '/') end--;
  size_t begin = end;
  while (begin > 0 && path[begin - 1] != '/') begin--;
  if (end - begin > 5 && strncmp(path + end - 5, ".gguf", 5) == 0) end -= 5;
  return strndup(path + begin, end - begin);
}

bool att_hosts_init(att_hosts *hosts, att_context *ctx, const char *const *words, size_t count, char *message,
                    size_t room) {
  *hosts = (att_hosts){.ctx = ctx, .items = calloc(count ? count : 1, sizeof(att_hosted))};
  for (size_t i = 0; hosts->items && i < count; i++) {
    const char *equals = strchr(words[i], '='), *slash = strchr(words[i], '/');
    bool named = equals && equals > words[i] && (!slash || slash > equals);
    att_hosted *host = &hosts->items[hosts->count++];
    host->path = named ? equals + 1 : words[i];
    host->name = named ? strndup(words[i], (size_t)(equals - words[i])) : name_of(words[i]);
    host->created = (long)time(NULL);
    if (!host->name) break;
    if (att_hosts_find(hosts, (att_text){host->name, strlen(host->name)}) == host) continue;
    snprintf(message, room, "two models are called %s: name one, NAME=%s", host->name, host->path);
    return false;
  }
  if (hosts->items && hosts->count == count && (!count || hosts->items[count - 1].name)) return true;
  snprintf(message, room, "no memory");
  return false;
}

void att_hosts_free(att_hosts *hosts) {
  hosts->tasks = NULL;
  for (size_t i = 0; i < hosts->count; i++) {
    att_hosted_close(hosts, &hosts->items[i]);
    free(hosts->items[i].name);
  }
  free(hosts->items);
}

static bool has_template(att_hosts *hosts, att_model *model) {
  static const att_chat_message one = {{"user", 4}, {"?", 1}};
  char *prompt;
  size_t size;
  if (att_chat_prompt(model, &one, 1, (att_text){NULL, 0}, &prompt, &size) != ATT_OK) return false;
  att_release(hosts->ctx, prompt);
  return true;
}

att_status att_hosted_open(att_hosts *hosts, att_hosted *host) {
  host->used = att_seconds();
  if (host->model) return ATT_OK;
  att_status status = att_model_open(hosts->ctx, host->path, &host->model);
  if (!status) status = att_model_describe(host->model, &host->info);
  if (status) {
    att_model_close(host->model);
    host->model = NULL;
    return status;
  }
  host->verbs = 0;
  for (int verb = 0; verb <= ATT_VERB_FORECAST; verb++)
    if (att_check_verb(host->model, (att_verb)verb) == ATT_OK) host->verbs |= 1u << verb;
  host->chats = att_hosted_can(host, ATT_VERB_GENERATE) && has_template(hosts, host->model);
  if (hosts->tasks) att_models_tell(hosts, hosts->tasks);
  return ATT_OK;
}

att_status att_hosted_serve(att_hosts *hosts, att_hosted *host) {
  att_service_options options;
  if (host->service) return ATT_OK;
  att_service_options_default(&options);
  options.slots = hosts->slots;
  options.queue = 1 << 20; /* the server has a queue of its own */
  return att_service_new(host->model, &options, &host->service);
}

void att_hosted_close(att_hosts *hosts, att_hosted *host) {
  att_service_free(host->service);
  att_model_close(host->model);
  host->service = NULL;
  host->model = NULL;
  host->info = NULL;
  if (hosts->tasks) att_models_tell(hosts, hosts->tasks);
}

att_hosted *att_hosts_find(att_hosts *hosts, att_text name) {
  for (size_t i = 0; i < hosts->count; i++) {
    att_hosted *host = &hosts->items[i];
    if (strlen(host->name) == name.size && memcmp(host->name, name.data, name.size) == 0) return host;
  }
  return NULL;
}

bool att_hosted_can(const att_hosted *host, att_verb verb) { return (host->verbs >> verb) & 1; }
