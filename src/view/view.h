/*
 * Owns pictures of attention: terminal, SVG, HTML, JSON, from maps that are already there. Knows labels and weights, no
 * model.
 */
#ifndef ATT_VIEW_VIEW_H
#define ATT_VIEW_VIEW_H

#include "base/context.h"

/* Behind the public handle: three maps that own their memory. */
struct att_attention {
  att_context *ctx;
  att_attention_map maps[ATT_LOOK_PART_COUNT]; /* labels and weights are in memory of ctx */
  char *source, *target;                       /* the texts, for titles */
};

/* Labels for people: byte-level spellings become text, the start of a word is marked by a leading "▁"-less convention
 * described in view.c. */

#endif
