/*
 * Owns regular expressions of the kind that tokenizers cut text by: alternatives of runs of characters of some set
 * (\p{L}+, [^\s\p{L}\p{N}]{1,3}), groups that are there once or not, looks at what stands beside, and the ends of
 * words, lines and of the text. They mean what they do in Oniguruma, which `tokenizers` uses: the first alternative
 * that matches, each run as long as the rest allows. Refuses the rest: repeated groups, lazy runs, back references, ...
 */
#ifndef ATT_TEXT_REGEX_H
#define ATT_TEXT_REGEX_H

#include "base/context.h"

typedef struct att_regex att_regex;

/* *regex NULL (and ATT_OK): this is not of that kind. pattern: UTF-8. */
att_status att_regex_compile(att_context *ctx, const char *pattern, att_regex **regex);
void att_regex_free(att_context *ctx, att_regex *regex);

/* A walk over the matches in a text. Zero-initialised it stands at the beginning of the text. */
typedef struct att_regex_walk {
  uint64_t steps; /* made so far: a pattern that takes too many on a text is stopped */
  size_t dead[8]; /* [alternative]: it does not match at any place before this one */
} att_regex_walk;

/* The first match at or after `at`: [*start, *end); *found false: there is none. Calls go on from smaller to larger
 * `at`. */
att_status att_regex_find(const att_regex *regex, att_context *ctx, att_regex_walk *walk, att_text text, size_t at,
                          bool *found, size_t *start, size_t *end);

#endif
