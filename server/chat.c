/* Owns how a conversation becomes a prompt. See chat.h. */
#include "chat.h"

#include <stdlib.h>
#include <string.h>

/* "content": [{"type": "text", "text": "..."}] as one text. False where there is more than text. */
static bool join_content(json_t *message) {
  json_t *content = json_object_get(message, "content");
  att_out text = {0};
  bool good = true;
  if (!json_is_array(content)) return json_is_string(content) || !content || json_is_null(content);
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

/* What the template sees, as text; the caller frees it. */
static char *template_variables(json_t *messages, json_t *tools, const json_t *more) {
  json_t *variables = json_is_object(more) ? json_copy((json_t *)more) : json_object();
  json_object_set(variables, "messages", messages);
  if (tools) json_object_set(variables, "tools", tools);
  char *text = json_dumps(variables, JSON_COMPACT);
  json_decref(variables);
  return text;
}

bool att_chat_part(att_writing *w, const char *param, json_t *messages, json_t *tools, const json_t *more) {
  char *variables = template_variables(messages, tools, more);
  att_text text = {variables, variables ? strlen(variables) : 0};
  att_part *part = &w->parts[0];
  if (!variables) {
    att_task_reply(w->task, NULL);
    return false;
  }
  att_status status = att_chat_prompt(w->host->model, NULL, 0, text, &part->prompt, &part->text.size);
  free(variables);
  part->text.data = part->prompt;
  if (status) {
    att_task_failed(w->task, w->hosts->ctx, status);
  } else if ((int64_t)part->text.size > w->hosts->max_text) {
    att_task_fail(w->task, 400, "context_length_exceeded", param, "the prompt has %zu bytes; this server takes %lld",
                  part->text.size, (long long)w->hosts->max_text);
  }
  return !w->task->over;
}
