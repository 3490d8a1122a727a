/*
 * Owns the names of the verbs, and the one place where a model of the wrong kind is refused: its head says what it can.
 */
#include "api/recognise.h"
#include "models/head.h"

#include <stdio.h>
#include <string.h>

/* A verb in a message, and as the command calls it; by att_verb. */
static const struct {
  const char *what, *command;
} verbs[] = {{"translate", "translate"},
             {"score pairs of texts", "score"},
             {"generate", "generate"},
             {"score a text", "score"},
             {"classify", "classify"},
             {"fill in masks", "fill"},
             {"embed", "embed"},
             {"transcribe", "transcribe"},
             {"answer questions", "answer"},
             {"summarize", "summarize"},
             {"rank texts", "rank"},
             {"forecast", "forecast"},
             {"compose", "compose"}};
#define COUNT (sizeof verbs / sizeof *verbs)

/* "generate, score, embed and look": what many can comes last. */
static void list_verbs(unsigned can, char *out, size_t size) {
  size_t used = 0;
  for (size_t i = 0; i < COUNT; i++) {
    if (i != ATT_VERB_EMBED && can & 1u << i)
      used += (size_t)snprintf(out + used, size - used, "%s, ", verbs[i].command);
  }
  if (can & ATT_CAN(EMBED)) used += (size_t)snprintf(out + used, size - used, "embed, ");
  snprintf(used ? out + used - 2 : out, used ? size - used + 2 : size, used ? " and look" : "look");
}

/* A cross-encoder has one value, and what has no labels has vectors. */
static bool ranks(const att_model *model) {
  int64_t labels = model->config.label_count;
  if (!model->tokenizer) return false;
  return labels == 0 || (labels == 1 && model->head->texts);
}

/* What the folder lacks, or has wrong, that this verb needs. */
static att_status check_settings(att_model *model, att_verb verb) {
  bool writes = verb == ATT_VERB_TRANSLATE || verb == ATT_VERB_SUMMARIZE;
  if (writes || verb == ATT_VERB_SCORE_PAIRS) {
    ATT_TRY(att_config_check_pairs(model->ctx, model->folder ? model->folder : "the model", &model->config));
  }
  return writes || verb == ATT_VERB_GENERATE ? att_generation_use(model->ctx, &model->generation) : ATT_OK;
}

/* A model of sound that writes tokens transcribes, and has no text to do anything else with. */
static unsigned verbs_of(const att_model *model) {
  const att_config *c = &model->config;
  if (att_is_recogniser(model) || (c->mel.rate && c->kind == ATT_ENCODER_DECODER)) return ATT_CAN(TRANSCRIBE);
  return model->head->kinds[c->kind].verbs | ATT_CAN(EMBED) | (ranks(model) ? ATT_CAN(RANK) : 0);
}

att_status att_check_verb(att_model *model, att_verb verb) {
  char list[160];
  const char *what = model->head->kinds[model->config.kind].what;
  unsigned can = verbs_of(model);
  if ((unsigned)verb >= COUNT) return att_fail(model->ctx, ATT_ARGUMENT, "%d is no verb of models", (int)verb);
  if (can & 1u << verb) return check_settings(model, verb);
  list_verbs(can, list, sizeof list);
  const char *type = att_config_type(&model->config);
  return att_fail(model->ctx, ATT_UNSUPPORTED, "cannot %s with %s %s model, which is %s: it can %s%s", verbs[verb].what,
                  strchr("aeiou", *type) ? "an" : "a", type, what, list,
                  verb == ATT_VERB_SUMMARIZE && can & ATT_CAN(EMBED) ? ", and pick sentences (--extract N)" : "");
}
