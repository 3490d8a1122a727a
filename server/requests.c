/* Owns what requests say alike. See requests.h. */
#include "requests.h"

#include "routes.h"

#include <stdlib.h>

att_text att_model_name(const json_t *request) {
  const json_t *name = json_object_get(request, "model");
  return (att_text){json_string_value(name), json_string_length(name)};
}

att_hosted *att_find_model(att_task *task, att_hosts *hosts, att_text name, int verb) {
  att_hosted *host = name.data ? att_hosts_find(hosts, name) : NULL;
  if (name.data && !host) {
    att_task_fail(task, 404, "model_not_found", "model", ATT_NO_MODEL, name.data);
    return NULL;
  }
  for (size_t i = 0; !host && i < hosts->count; i++) { /* a model that was never opened may have it */
    att_hosted *one = &hosts->items[i];
    if (!one->info && att_hosted_open(hosts, one)) continue;
    if (verb < 0 ? one->model != NULL : att_hosted_can(one, (att_verb)verb)) host = one;
  }
  if (!host) {
    att_task_fail(task, 404, "model_not_found", "model", "none of the models here can do this");
    return NULL;
  }
  att_status status = att_hosted_open(hosts, host);
  if (status) {
    att_task_fail(task, 500, NULL, "model", "%s", att_message(hosts->ctx));
    return NULL;
  }
  if (verb >= 0) status = att_check_verb(host->model, (att_verb)verb);
  if (!status) return host;
  att_task_failed(task, hosts->ctx, status);
  return NULL;
}

bool att_take_texts(att_task *task, const att_hosts *hosts, const char *param, json_t *value, size_t most,
                    att_text **texts, size_t *count) {
  bool one = json_is_string(value);
  *texts = NULL;
  *count = one ? 1 : json_array_size(value);
  if (!one && (!json_is_array(value) || *count == 0 || *count > most)) {
    att_task_fail(task, 400, NULL, param, "%s must be a string or an array of 1 to %zu strings", param, most);
    return false;
  }
  *texts = calloc(*count, sizeof **texts);
  if (!*texts) {
    att_task_reply(task, NULL);
    return false;
  }
  for (size_t i = 0; i < *count; i++) {
    const json_t *text = one ? value : json_array_get(value, i);
    const char *wrong = !json_is_string(text)                                 ? "is not a string"
                        : (int64_t)json_string_length(text) > hosts->max_text ? "is longer than the server takes"
                                                                              : NULL;
    if (wrong) {
      att_task_fail(task, 400, NULL, param, "%s: number %zu %s", param, i + 1, wrong);
      free(*texts);
      *texts = NULL;
      return false;
    }
    (*texts)[i] = (att_text){json_string_value(text), json_string_length(text)};
  }
  return true;
}

bool att_take_params(att_task *task, void *into) {
  att_wrong wrong;
  if (att_params_read(task->route->params, task->request, into, &wrong)) return true;
  att_task_refuse(task, &wrong);
  return false;
}
