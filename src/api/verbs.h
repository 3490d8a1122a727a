/*
 * Owns which model has which verbs: the one place where a model of the wrong kind is refused.
 */
#ifndef ATT_API_VERBS_H
#define ATT_API_VERBS_H

#include "models/model.h"

typedef enum att_verb {
  ATT_VERB_TRANSLATE,
  ATT_VERB_SCORE_PAIRS,
  ATT_VERB_GENERATE,
  ATT_VERB_SCORE_TEXT,
  ATT_VERB_CLASSIFY,
  ATT_VERB_FILL,
  ATT_VERB_EMBED
} att_verb;

/* ATT_UNSUPPORTED, saying what the model is and which verbs it has, where it does not have this one. */
att_status att_check_verb(att_model *model, att_verb verb);

#endif
