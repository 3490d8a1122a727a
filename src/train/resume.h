/*
 * Owns what a run that is resumed takes from its checkpoint: which kind of training it is, and its files.
 */
#ifndef ATT_TRAIN_RESUME_H
#define ATT_TRAIN_RESUME_H

#include "train/options.h"

/* A copy of the options in which, where they resume a run, files that were not given are those of the run in `out`; of
 * a comparison all options: free with att_train_options_free. */
att_status att_train_options_recall(att_context *ctx, const att_train_options *given, att_train_options **options);

/* Writes the options of a comparison into its folder, for the call above. */
att_status att_train_options_keep(att_context *ctx, const att_train_options *options);

#endif
