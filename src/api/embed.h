/* Owns what other calls want of att_embed: vectors of lines that do not stand in the caller's order. */
#ifndef ATT_API_EMBED_H
#define ATT_API_EMBED_H

#include <attend/attend.h>

/* att_embed of lines whose numbers, from options->first_line on, are not 0, 1 ...: for messages, which call them
 * `what` ("line"). numbers NULL: they are. truncated: [count], which were too long, or NULL. */
att_status att_embed_numbered(att_model *model, const att_text *lines, const char *what, const size_t *numbers,
                              size_t count, const att_embed_options *options, float *vectors, bool *truncated);

#endif
