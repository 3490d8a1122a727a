/*
 * Owns preprocessor_config.json: which log-mel features a model of sound reads, as Hugging Face's feature extractors
 * say it. Refuses settings that cannot be, and features that attend does not make.
 */
#ifndef ATT_MODELS_FEATURES_H
#define ATT_MODELS_FEATURES_H

#include "models/config.h"

/* config->mel; stays as it is (the class's) where the folder has no such file, or the model reads no rows of floats. */
att_status att_features_read(att_context *ctx, const char *folder, att_config *config);
/* Where the model reads sound. */
att_status att_features_write(att_context *ctx, const char *folder, const att_config *config);

#endif
