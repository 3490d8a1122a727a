/*
 * Owns which parameters a run trains: what the option freeze names, by part or by parameter name. The others keep the
 * type and the values that they have, and get no gradient and no moments. Refuses a name that the model has nothing
 * of, and a choice that leaves nothing to train.
 */
#ifndef ATT_TRAIN_FREEZE_H
#define ATT_TRAIN_FREEZE_H

#include "models/model.h"

/* freeze: names with commas between, each "embeddings", "encoder", "all-but-head", or a pattern with * and ? (fnmatch)
 * of parameter names or of parts (att_parameter). "": everything is trained. ATT_ARGUMENT: see above. */
att_status att_freeze(att_model *model, const char *freeze);

#endif
