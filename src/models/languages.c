/* Owns what languages.h says. */
#include "models/languages.h"

#include <stdio.h>
#include <string.h>

#define LISTED 12 /* languages in a message */

bool att_is_language(const att_model *model, int32_t id) {
  const att_config *c = &model->config;
  if (id < 0 || id >= c->vocab_size || !att_tokenizer_is_special(model->tokenizer, id)) return false;
  return id != c->pad && id != c->bos && id != c->eos && id != c->mask && id != c->unk;
}

/* Whether a token names the language: "deu" of "deu_Latn", "de" of "__de__". */
static bool names(const char *token, const char *name) {
  size_t size = strlen(name);
  while (*token == '_') token++;
  return strncmp(token, name, size) == 0 && (token[size] == '_' || token[size] == '\0');
}

static att_status refuse(const att_model *model, const char *name, const char *why) {
  char list[256] = "";
  size_t used = 0, count = 0;
  int32_t end = att_tokenizer_size(model->tokenizer);
  for (int32_t id = 0; id < end && count < LISTED; id++) {
    if (!att_is_language(model, id)) continue;
    used += (size_t)snprintf(list + used, sizeof list - used, "%s%.16s", count++ ? ", " : "",
                             att_tokenizer_token(model->tokenizer, id));
  }
  if (count == 0)
    return att_fail(model->ctx, ATT_ARGUMENT, "'%.60s': the model's vocabulary has no tokens of languages", name);
  return att_fail(model->ctx, ATT_ARGUMENT, "'%.60s' %s the model's languages: %s%s", name, why, list,
                  count == LISTED ? ", ..." : "");
}

att_status att_language_find(const att_model *model, const char *name, int32_t *id) {
  int32_t end = att_tokenizer_size(model->tokenizer), found = 0;
  *id = att_tokenizer_id(model->tokenizer, name);
  if (att_is_language(model, *id)) return ATT_OK;
  for (int32_t i = 0; i < end; i++) {
    if (!att_is_language(model, i) || !names(att_tokenizer_token(model->tokenizer, i), name)) continue;
    *id = i;
    found++;
  }
  if (found == 1) return ATT_OK;
  return refuse(model, name, found ? "is several of" : "is none of");
}
