/*
 * Owns files of what a session keeps of a sequence, so that a long prompt is read once: a safetensors file with the
 * tokens, the rows of each layer, and the fingerprint of the model that made them. A file is hostile: what does not
 * fit the session is refused (ATT_FORMAT, ATT_ARGUMENT for another model's), and nothing has changed.
 */
#ifndef ATT_DECODE_SAVED_H
#define ATT_DECODE_SAVED_H

#include "decode/session.h"

/* The first `length` (above 0) tokens of a sequence of a decoder; whole or not at all. Of layers that see a window,
 * what the sequence has; where it does not go back to that length, its tokens are read again when they are loaded. */
att_status att_session_save(const att_session *session, int32_t sequence, int64_t length, const char *path);
/* A new sequence with what the file has. */
att_status att_session_load(att_session *session, const char *path, int32_t *sequence);

#endif
