/* Owns trainer_state.json: the state of a run as text, and back. Numbers read back exactly. */
#ifndef ATT_TRAIN_STATE_H
#define ATT_TRAIN_STATE_H

#include "train/checkpoint.h"

att_status att_state_write(att_context *ctx, const att_state *state, att_buffer *out);
att_status att_state_read(att_context *ctx, const char *path, att_state *state);
/* Appends the member "files" of such a text, and a comma: the options' files, by their whole paths. options NULL: none.
 */
att_status att_state_write_files(att_context *ctx, const struct att_train_options *options, att_buffer *out);
/* Sets those files of the options that are not given to what the state at `path` says: whole paths, as they were when
 * it was written. */
att_status att_state_read_files(att_context *ctx, const char *path, struct att_train_options *options);

#endif
