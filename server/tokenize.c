/* Owns /v1/tokenize: pieces and ids of texts, and texts of ids. */
#include "lines.h"
#include "requests.h"
#include "routes.h"

#include <stdlib.h>
#include <string.h>

typedef struct tokenize_request {
  att_text model;
  json_t *text, *ids;
  bool special;
} tokenize_request;

#define AT(member) offsetof(tokenize_request, member)

/* clang-format off */
const att_param att_tokenize_params[] = {
  {"model", ATT_PARAM_TEXT, 0, 0, AT(model), "a name of /v1/models", 0},
  {"text", ATT_PARAM_JSON, 0, 0, AT(text), "a text, or an array of texts; or", 0},
  {"ids", ATT_PARAM_JSON, 0, 0, AT(ids), "token ids, which become a text", 0},
  {"special", ATT_PARAM_FLAG, 0, 0, AT(special), "with the special tokens that the model expects around a text", 0},
  {.name = NULL}};
/* clang-format on */
const size_t att_tokenize_size = sizeof(tokenize_request);
const char att_tokenize_gives[] = ATT_LIST_OF(
    "{object: text, index: int, tokens: [text|null], ids: [int]}") "|{object: text, text: text, model: text}";

static att_status tokenize_some(att_lines *lines, const att_batch *batch) {
  const tokenize_request *r = lines->detail;
  for (size_t i = 0; i < batch->count; i++) {
    int32_t *ids;
    size_t size;
    att_status status = att_tokenize(lines->host->model, batch->texts[i], r->special, &ids, &size);
    if (status) return status;
    json_t *tokens = json_array(), *numbers = json_array();
    for (size_t j = 0; j < size; j++) {
      const char *token = att_token(lines->host->model, ids[j]);
      json_array_append_new(tokens, token ? att_text_json(token, strlen(token)) : json_null());
      json_array_append_new(numbers, json_integer(ids[j]));
    }
    att_release(lines->hosts->ctx, ids);
    json_array_append_new(lines->results, json_pack("{s:s, s:I, s:o, s:o}", "object", "tokens", "index",
                                                    (json_int_t)batch->index[i], "tokens", tokens, "ids", numbers));
  }
  return ATT_OK;
}

static void detokenize(att_task *task, att_hosts *hosts, const tokenize_request *r) {
  size_t count = json_array_size(r->ids), size = 0;
  char *text = NULL;
  att_hosted *host = att_find_model(task, hosts, att_model_name(task->request), -1);
  int32_t *ids = host ? calloc(count + 1, sizeof *ids) : NULL;
  if (host && !ids) att_task_reply(task, NULL);
  if (!ids) return;
  for (size_t i = 0; i < count && !task->over; i++) {
    json_t *id = json_array_get(r->ids, i);
    json_int_t number = json_is_integer(id) ? json_integer_value(id) : -1;
    ids[i] = (int32_t)number;
    if (number < 0 || number >= host->info->vocabulary)
      att_task_fail(task, 400, NULL, "ids", "ids: number %zu is not in the model's vocabulary", i + 1);
  }
  if (task->over) {
    free(ids);
    return;
  }
  att_status status = att_detokenize(host->model, ids, count, &text, &size);
  free(ids);
  if (status) {
    att_task_failed(task, hosts->ctx, status);
    return;
  }
  att_task_reply(
      task, json_pack("{s:s, s:o, s:s}", "object", "text", "text", att_text_json(text, size), "model", host->name));
  att_release(hosts->ctx, text);
}

void att_begin_tokenize(att_task *task, att_hosts *hosts) {
  tokenize_request r = {.text = NULL};
  if (!att_take_params(task, &r)) return;
  if (!r.text == !r.ids || (r.ids && !json_is_array(r.ids))) {
    att_task_fail(task, 400, NULL, "text", "give text, or ids as an array");
    return;
  }
  if (r.ids) {
    detokenize(task, hosts, &r);
    return;
  }
  att_lines *lines = att_lines_new(task, hosts, -1, "text", NULL);
  if (!lines) return;
  lines->detail = malloc(sizeof r);
  if (!lines->detail) {
    att_task_reply(task, NULL);
    return;
  }
  memcpy(lines->detail, &r, sizeof r);
  lines->some = tokenize_some;
  att_lines_begin(lines);
}
