/* Owns /v1/models: what there is, and what it can be asked for, as the models' thread last told it. */
#include "hosted.h"
#include "routes.h"

#include <stdlib.h>
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

void att_models_tell(const att_hosts *hosts, att_tasks *tasks) {
  json_t *models = json_array();
  for (size_t i = 0; i < hosts->count; i++) json_array_append_new(models, model_of(&hosts->items[i]));
  pthread_mutex_lock(&tasks->lock);
  json_t *before = tasks->models;
  tasks->models = models;
  pthread_mutex_unlock(&tasks->lock);
  json_decref(before);
}

/* Under the lock. NULL: there is none of that name. */
static json_t *find(const att_tasks *tasks, const char *name) {
  for (size_t i = 0; i < json_array_size(tasks->models); i++) {
    json_t *model = json_array_get(tasks->models, i);
    if (strcmp(json_string_value(json_object_get(model, "id")), name) == 0) return model;
  }
  return NULL;
}

bool att_models_have(att_tasks *tasks, const char *name) {
  pthread_mutex_lock(&tasks->lock);
  bool there = find(tasks, name) != NULL;
  pthread_mutex_unlock(&tasks->lock);
  return there;
}

char *att_models(att_tasks *tasks, const char *name, size_t *size) {
  pthread_mutex_lock(&tasks->lock);
  json_t *all =
      *name ? json_incref(find(tasks, name)) : json_pack("{s:s, s:O}", "object", "list", "data", tasks->models);
  char *text = all ? json_dumps(all, JSON_COMPACT) : NULL;
  json_decref(all);
  pthread_mutex_unlock(&tasks->lock);
  *size = text ? strlen(text) : 0;
  return text;
}
