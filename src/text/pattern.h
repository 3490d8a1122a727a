/*
 * Owns patterns: what Split, Replace and their like look for in a text. Well-known regular expressions are scanned by
 * code of their own (word_patterns.h), others by regex.h. Refuses, by name, what that does not know.
 */
#ifndef ATT_TEXT_PATTERN_H
#define ATT_TEXT_PATTERN_H

#include "text/regex.h"

/* One of these; zero-initialised it matches nothing. */
typedef struct att_pattern {
  att_text string;          /* this one, or */
  bool (*is)(int32_t code); /* each such character, or */
  att_regex *regex;         /* owned */
  int words;                /* GPT-2's words (ATT_WORDS_GPT2), or GPT-4's with at most so many digits of a number */
} att_pattern;

#define ATT_WORDS_GPT2 (-1)

/* A regular expression, as Oniguruma reads it. name: for messages; what: "pre_tokenizer", ... */
att_status att_pattern_read(att_context *ctx, const char *name, const char *what, const char *regex,
                            att_pattern *pattern);
void att_pattern_free(att_context *ctx, att_pattern *pattern);
/* Whether its matches are all of any text, one behind the other. */
static inline bool att_pattern_tiles(const att_pattern *pattern) { return pattern->words != 0; }

/* A walk over the matches, left to right, as the one of the `onig` crate: an empty one never follows another at once.
 * Begin with {.pattern = ..., .ctx = ..., .text = ...}. */
typedef struct att_pattern_walk {
  const att_pattern *pattern;
  att_context *ctx;
  att_text text; /* valid UTF-8 */
  size_t at, last;
  bool matched; /* a match ended at `last` */
  att_regex_walk regex;
} att_pattern_walk;

att_status att_pattern_next(att_pattern_walk *walk, bool *found, size_t *start, size_t *end);
/* The end of the match that begins at `start`, of a pattern whose matches tile. */
size_t att_pattern_tile_end(const att_pattern *pattern, att_text text, size_t start);

#endif
