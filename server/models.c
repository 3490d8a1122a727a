/* Owns /v1/models: what there is, and what it can be asked for. */
#include "hosted.h"
#include "routes.h"

#include <string.h>

static const struct {
  att_verb verb;
  const char *name;
} verbs[] = {
    {ATT_VERB_TRANSLATE, "translate"}, {ATT_VERB_SCORE_PAIRS, "score_pairs"}, {ATT_VERB_GENERATE, "generate"},
    {ATT_VERB_SCORE_TEXT, "score"},    {ATT_VERB_CLASSIFY, "classify"},       {ATT_VERB_FILL, "fill"},
    {ATT_VERB_EMBED, "embed"},         {ATT_VERB_ANSWER, "answer"},           {ATT_VERB_SUMMARIZE, "summarize"},
    {ATT_VERB_RANK, "rank"},           {ATT_VERB_TRANSCRIBE, "transcribe"}};

static json_t *model_of(const att_hosted *host) {
  const att_model_info *info = host->info;
  json_t *can = json_array();
  for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
    if (att_hosted_can(host, verbs[i].verb)) json_array_append_new(can, json_string(verbs[i].name));
  if (host->chats) json_array_append_new(can, json_string("chat"));
  json_t *model =
      json_pack("{s:s, s:s, s:I, s:s, s:b, s:o}", "id", host->name, "object", "model", "created",
                (json_int_t)host->created, "owned_by", "attend", "loaded", host->model != NULL, "verbs", can);
  if (!info) return model;
  json_object_set_new(model, "type", json_string(info->type));
  json_object_set_new(model, "storage", json_string(info->storage));
  json_object_set_new(model, "parameters", json_integer((json_int_t)info->parameters));
  json_object_set_new(model, "weight_bytes", json_integer((json_int_t)info->weight_bytes));
  json_object_set_new(model, "context", json_integer((json_int_t)info->context));
  json_object_set_new(model, "vocabulary", json_integer((json_int_t)info->vocabulary));
  json_object_set_new(model, "width", json_integer((json_int_t)info->width));
  return model;
}

void att_begin_models(att_task *task, att_hosts *hosts) {
  const json_t *name = json_object_get(task->request, "model");
  json_t *list = json_array();
  for (size_t i = 0; i < hosts->count; i++) {
    bool asked = name && strcmp(json_string_value(name), hosts->items[i].name) == 0;
    if (asked) {
      json_decref(list);
      att_task_reply(task, model_of(&hosts->items[i]));
      return;
    }
    json_array_append_new(list, model_of(&hosts->items[i]));
  }
  if (!name) {
    att_task_reply(task, json_pack("{s:s, s:o}", "object", "list", "data", list));
    return;
  }
  json_decref(list);
  att_task_fail(task, 404, "model_not_found", "model", "there is no model '%.100s' here", json_string_value(name));
}
