/* Owns telling models apart: one number of the weights and of what config.json makes of them. */
#ifndef ATT_MODELS_FINGERPRINT_H
#define ATT_MODELS_FINGERPRINT_H

#include "models/model.h"

/* Of two models that read a text otherwise it is another, but for one chance in 2^64. Reads all weights. */
uint64_t att_model_fingerprint(const att_model *model);

#endif
