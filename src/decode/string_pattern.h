/*
 * Owns regular expressions as grammars: ECMA-262's, as JSON Schema's "pattern" has them, that are regular indeed.
 * Refuses, by name, what no finite automaton can follow or attend does not know, and what needs too many states.
 * Tokenizers cut text by expressions of another kind: text/regex.h.
 */
#ifndef ATT_DECODE_STRING_PATTERN_H
#define ATT_DECODE_STRING_PATTERN_H

#include "base/context.h"

typedef struct att_string_pattern {
  const char *text;
  bool literal; /* the text itself, and nothing around it */
  bool denied;  /* what does not fit it */
} att_string_pattern;

/* Appends rules of GBNF, NAME-0, NAME-1, ...: the first is what stands behind the opening quote of a JSON string, the
 * closing one included, of `low` to `high` (-1: any) characters that fit all the patterns. Each character has one way
 * to be written; what JSON has no short escape for (U+0001) is not written. *count: of rules, at most `most`.
 * ATT_ARGUMENT: a pattern is wrong, not known, or leads to more rules. */
att_status att_string_pattern_rules(att_context *ctx, const att_string_pattern *patterns, size_t pattern_count, int low,
                                    int high, const char *name, int most, int *count, att_buffer *gbnf);

#endif
