/* Owns the table of kinds, heads and verbs: the one place where a model of the wrong kind is refused. */
#include "models/model.h"

/* What a verb's name is in a message, by att_verb. */
static const char *const names[] = {"translate", "score pairs of texts", "generate", "score a text",
                                    "classify",  "fill in masks",        "embed"};
#define VERB_COUNT (sizeof names / sizeof *names)

typedef struct ability {
  const char *what;
  unsigned verbs; /* a bit an att_verb */
  const char *list;
} ability;

#define CAN(verb) (1u << ATT_VERB_##verb)

static ability ability_of(const att_config *config) {
  bool labels = config->head == ATT_HEAD_CLASSES || config->head == ATT_HEAD_LABELS || config->head == ATT_HEAD_VALUES;
  if (config->kind == ATT_ENCODER_DECODER) {
    return (ability){"an encoder-decoder", CAN(TRANSLATE) | CAN(SCORE_PAIRS) | CAN(EMBED),
                     "translate, score, embed and look"};
  }
  bool decoder = config->kind == ATT_DECODER;
  if (labels) {
    return (ability){decoder ? "a decoder that classifies" : "an encoder that classifies", CAN(CLASSIFY) | CAN(EMBED),
                     "classify, embed and look"};
  }
  if (config->head == ATT_HEAD_NONE) {
    return (ability){decoder ? "a decoder without a head" : "an encoder without a head", CAN(EMBED), "embed and look"};
  }
  if (decoder) {
    return (ability){"a decoder", CAN(GENERATE) | CAN(SCORE_TEXT) | CAN(EMBED), "generate, score, embed and look"};
  }
  return (ability){"an encoder that fills in masks", CAN(FILL) | CAN(EMBED), "fill, embed and look"};
}

att_status att_check_verb(att_model *model, att_verb verb) {
  if ((size_t)verb >= VERB_COUNT) return att_fail(model->ctx, ATT_ARGUMENT, "%d is no verb of models", (int)verb);
  ability has = ability_of(&model->config);
  if (has.verbs & 1u << verb) return ATT_OK;
  const att_model_info *info;
  ATT_TRY(att_model_describe(model, &info));
  return att_fail(model->ctx, ATT_UNSUPPORTED, "cannot %s with a %s model, which is %s: it can %s", names[verb],
                  info->type, has.what, has.list);
}
