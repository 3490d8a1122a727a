/* Owns stop texts: where the first of them stands in a text. */
#ifndef ATT_DECODE_STOPS_H
#define ATT_DECODE_STOPS_H

#include "base/context.h"

/* What is impossible in them, in words, or NULL. */
const char *att_stops_wrong(const char *const *stops, size_t count);
/* Where the stop text that is complete first begins (of several that end there, the longest), or text.size. */
size_t att_stop_find(const char *const *stops, size_t count, att_text text);

#endif
