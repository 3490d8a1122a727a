/*
 * Owns the sizes of networks that are compared: how wide each must be to have about so many parameters.
 */
#ifndef ATT_TRAIN_COMPARED_H
#define ATT_TRAIN_COMPARED_H

#include "base/context.h"

/* What a comparison's networks are to have: wanted, or (0) what the Transformer has by default for the data. */
att_status att_compared_parameters(att_context *ctx, const att_train_options *options, int64_t wanted,
                                   int64_t *parameters);
/* Sets the width (and what hangs on it) of the network that the options name, where it was not given, so that it has
 * about so many parameters. */
att_status att_compared_fit(att_context *ctx, att_train_options *options, int64_t parameters);

#endif
