/* Owns what freeze.h says. */
#include "train/freeze.h"

#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

/* The head is what the parts of these names hold; where an embedding is tied to it, it is an embedding. */
static bool is_head(const char *part) {
  static const char *const head[] = {"labels", "pooler", "output projection", "output transform", "final_logits_bias"};
  for (size_t i = 0; i < sizeof head / sizeof *head; i++)
    if (strcmp(part, head[i]) == 0) return true;
  return false;
}

static bool is_embedding(const char *part) {
  return strstr(part, "embedding") || strstr(part, "positions") || strcmp(part, "input projection") == 0;
}

/* Whether one name (of `freeze`, ended by NUL) means the parameter. */
static bool means(const char *name, const att_parameter *p) {
  if (strcmp(name, "embeddings") == 0) return is_embedding(p->part);
  if (strcmp(name, "encoder") == 0) return strncmp(p->part, "encoder", 7) == 0;
  if (strcmp(name, "all-but-head") == 0) return !is_head(p->part);
  bool is = fnmatch(name, p->name, 0) == 0 || fnmatch(name, p->part, 0) == 0;
  for (int i = 0; !is && p->aliases[i]; i++) is = fnmatch(name, p->aliases[i], 0) == 0;
  return is;
}

/* Copies the next name from *list, which moves on; false: there is none. */
static bool next_name(const char **list, char *name, size_t size) {
  if (!*list || !**list) return false;
  size_t length = strcspn(*list, ",");
  snprintf(name, size, "%.*s", (int)length, *list);
  *list += length + ((*list)[length] == ',');
  return true;
}

static bool is_trained(const void *arg, const att_parameter *p) {
  char name[256];
  for (const char *list = arg; next_name(&list, name, sizeof name);)
    if (means(name, p)) return false;
  return true;
}

static bool has(const att_model *model, const char *name) {
  for (size_t i = 0; i < model->parameter_count; i++)
    if (!model->parameters[i].fixed && means(name, &model->parameters[i])) return true;
  return false;
}

att_status att_freeze(att_model *model, const char *freeze) {
  char name[256];
  bool rest = false;
  for (const char *list = freeze; next_name(&list, name, sizeof name);) {
    if (has(model, name)) continue;
    return att_fail(
        model->ctx, ATT_ARGUMENT,
        "--freeze: this model has no \"%s\": give a pattern of parameter names (\"%s\"), or of the parts that "
        "info lists (\"%s\")",
        name, model->parameters[0].name, model->parameters[0].part);
  }
  for (size_t i = 0; i < model->parameter_count; i++)
    rest = rest || (!model->parameters[i].fixed && is_trained(freeze, &model->parameters[i]));
  if (!rest)
    return att_fail(
        model->ctx, ATT_ARGUMENT,
        "--freeze: \"%s\" leaves nothing to train: a head that is the embeddings is theirs; give a pattern of "
        "the parts that info lists (\"%s\")",
        freeze, model->parameters[0].part);
  return att_model_train(model, is_trained, freeze);
}
