/*
 * Owns the fewest edits between two sequences (Levenshtein 1966). Of several ways with as few edits it is the one that
 * rapidfuzz finds, and jiwer with it, so that substitutions, deletions and insertions are theirs one by one.
 */
#ifndef ATT_METRICS_EDITS_H
#define ATT_METRICS_EDITS_H

#include "base/context.h"

typedef enum att_edit { ATT_EDIT_EQUAL, ATT_EDIT_SUBSTITUTE, ATT_EDIT_DELETE, ATT_EDIT_INSERT } att_edit;

/* What turns the reference into the hypothesis, in order: edits[0 .. *count), room for both sizes together. Items are
 * equal where their numbers are. Memory is in proportion to the sizes' sum; att_interrupt stops it. */
att_status att_edits_find(att_context *ctx, const int32_t *reference, size_t reference_size, const int32_t *hypothesis,
                          size_t hypothesis_size, unsigned char *edits, size_t *count);

#endif
