/* Owns how a conversation becomes a prompt. See chat.h. */
#include "chat.h"

#include <stdlib.h>
#include <string.h>

/* "content": [{"type": "text", "text": "..."}] as one text. False where there is more than text. */
static bool join_content(json_t *message) {
  json_t *content = json_object_get(message, "content");
  att_out text = {0};
  bool good = true;
  if (!content || json_is_null(content)) /* beside tool_calls */
    return json_object_set_new(message, "content", json_string("")) == 0;
  if (!json_is_array(content)) return json_is_string(content);
  for (size_t i = 0; i < json_array_size(content); i++) {
    const json_t *part = json_object_get(json_array_get(content, i), "text");
    good = good && json_is_string(part);
    if (good) att_out_put(&text, json_string_value(part), json_string_length(part));
  }
  good = good && !text.failed &&
         json_object_set_new(message, "content", json_stringn(text.size ? text.data : "", text.size)) == 0;
  att_out_free(&text);
  return good;
}

bool att_check_messages(att_task *task, const char *param, json_t *messages) {
  size_t count = json_array_size(messages);
  if (count == 0) {
    att_task_fail(task, 400, NULL, param, "%s must be an array of at least one message", param);
    return false;
  }
  for (size_t i = 0; i < count; i++) {
    json_t *message = json_array_get(messages, i);
    if (json_is_string(json_object_get(message, "role")) && join_content(message)) continue;
    att_task_fail(task, 400, NULL, param, "%s: number %zu needs a role and a content, which is text", param, i + 1);
    return false;
  }
  return true;
}

/* What the template makes of it, released by the caller; NULL: the task has its answer. */
static char *render(att_writing *w, json_t *messages, json_t *tools, const json_t *more, size_t *size) {
  json_t *variables = json_is_object(more) ? json_copy((json_t *)more) : json_object();
  json_object_set(variables, "messages", messages);
  if (tools) json_object_set(variables, "tools", tools);
  char *text = json_dumps(variables, JSON_COMPACT), *prompt = NULL;
  json_decref(variables);
  if (!text) {
    att_task_reply(w->task, NULL);
    return NULL;
  }
  att_status status = att_chat_prompt(w->host->model, NULL, 0, (att_text){text, strlen(text)}, &prompt, size);
  free(text);
  if (status) att_task_failed(w->task, w->hosts->ctx, status);
  return prompt;
}

/* A template that knows no tools says the same without them. */
static bool check_tools(att_writing *w, json_t *messages, const att_chat_extras *extras) {
  size_t size = 0;
  if (!extras->tools || extras->tools_optional) return true;
  char *without = render(w, messages, NULL, extras->variables, &size);
  const att_text *with = &w->parts[0].text;
  bool ignored = without && size == with->size && memcmp(without, with->data, size) == 0;
  att_release(w->hosts->ctx, without);
  if (ignored)
    att_task_fail(w->task, 400, NULL, "tools",
                  "the chat template of %s knows no tools: the model would not hear of them; a tool_choice of "
                  "\"required\", or of one of them, has it call one all the same",
                  w->host->name);
  return !w->task->over;
}

bool att_chat_part(att_writing *w, const char *param, json_t *messages, const att_chat_extras *extras) {
  att_part *part = &w->parts[0];
  part->prompt = render(w, messages, extras->tools, extras->variables, &part->text.size);
  if (!part->prompt) return false;
  part->text.data = part->prompt;
  if ((int64_t)part->text.size > w->hosts->max_text)
    att_task_fail(w->task, 400, "context_length_exceeded", param, "the prompt has %zu bytes; this server takes %lld",
                  part->text.size, (long long)w->hosts->max_text);
  return !w->task->over && check_tools(w, messages, extras);
}
