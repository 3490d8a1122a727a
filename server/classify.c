/* Owns /v1/classify: labels of texts, or of their tokens. */
#include "lines.h"
#include "requests.h"
#include "routes.h"

#include <string.h>

typedef struct classify_request {
  att_text model;
  json_t *text, *text_pair;
} classify_request;

#define AT(member) offsetof(classify_request, member)

/* clang-format off */
const att_param att_classify_params[] = {
  {"model", ATT_PARAM_TEXT, 0, 0, AT(model), "a name of /v1/models", 0},
  {"text", ATT_PARAM_JSON, 0, 0, AT(text), "a text, or an array of texts", true},
  {"text_pair", ATT_PARAM_JSON, 0, 0, AT(text_pair), "the second text of each, of models of pairs", 0},
  {.name = NULL}};
/* clang-format on */
const size_t att_classify_size = sizeof(classify_request);
const char att_classify_gives[] =
    ATT_LIST_OF("{object: text, index: int, truncated: flag, label?: text, score?: number|null, "
                "scores?: {*: number|null}, tokens?: [{token: text|null, label: text, score: number|null}]}");

static const char *label_of(const att_lines *lines, size_t at) {
  const char *const *labels;
  size_t count;
  return att_model_labels(lines->host->model, &labels, &count) == ATT_OK && at < count ? labels[at] : "";
}

static json_t *scores_of(const att_lines *lines, const double *scores) {
  json_t *object = json_object();
  size_t count = (size_t)lines->host->info->label_count;
  for (size_t i = 0; i < count; i++) json_object_set_new(object, label_of(lines, i), att_number_json(scores[i]));
  return object;
}

static json_t *tokens_of(const att_lines *lines, const att_classification *given) {
  json_t *list = json_array();
  for (size_t i = 0; i < given->token_count; i++) {
    const att_token_class *t = &given->tokens[i];
    json_array_append_new(list, json_pack("{s:o, s:s, s:o}", "token",
                                          t->token ? att_text_json(t->token, strlen(t->token)) : json_null(), "label",
                                          label_of(lines, t->best), "score", att_number_json(t->scores[t->best])));
  }
  return list;
}

static int on_class(void *user, const att_classification *given) {
  const att_batch *batch = user;
  att_lines *lines = batch->lines[given->line];
  bool one = lines->host->info->head == ATT_HEAD_CLASSES;
  json_t *result = json_pack("{s:s, s:I, s:b}", "object", "classification", "index",
                             (json_int_t)json_array_size(lines->results), "truncated", given->truncated);
  if (given->scores && one) {
    json_object_set_new(result, "label", json_string(label_of(lines, given->best)));
    json_object_set_new(result, "score", att_number_json(given->scores[given->best]));
  }
  if (given->scores) json_object_set_new(result, "scores", scores_of(lines, given->scores));
  if (given->tokens) json_object_set_new(result, "tokens", tokens_of(lines, given));
  return json_array_append_new(lines->results, result);
}

static att_status classify_some(att_lines *lines, const att_batch *batch) {
  return att_classify(lines->host->model, batch->texts, att_batch_others(batch), batch->count, 0, on_class,
                      (void *)batch);
}

static bool joins(const att_lines *lines, const att_lines *other) {
  (void)lines, (void)other;
  return true;
}

void att_begin_classify(att_task *task, att_hosts *hosts) {
  att_lines *lines = att_lines_new(task, hosts, ATT_VERB_CLASSIFY, "text", "text_pair");
  if (!lines) return;
  lines->some = classify_some;
  lines->joins = joins;
  att_lines_begin(lines);
}
