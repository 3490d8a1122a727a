/*
 * Any bytes as a regular expression and, behind a NUL byte, a text. The matches of what is accepted lie in the text,
 * one behind the other. Built by cmake/tests.cmake as fuzz_tokenizer.c; the seeds are made by tools/make_fuzz_seeds.py.
 */
#include "text/pattern.h"
#include "text/unicode.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void walk_through(const att_pattern *pattern, att_context *ctx, att_text text) {
  att_pattern_walk walk = {.pattern = pattern, .ctx = ctx, .text = text};
  size_t start = 0, end = 0, done = 0;
  for (bool found = true; found;) {
    if (att_pattern_next(&walk, &found, &start, &end) != ATT_OK) return; /* it takes too long */
    if (found && (start < done || end < start || end > text.size)) abort();
    if (found) done = end;
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const char plain[] = "Ein Hund l\xc3\xa4uft, don't:  123 \n\xf0\x9f\x98\x80 AbC";
  att_text text = {plain, sizeof plain - 1};
  att_context *ctx;
  att_pattern pattern = {0};
  if (att_context_new(NULL, &ctx) != ATT_OK) abort();
  char *regex = att_copy_text(ctx, (const char *)data, size);
  if (!regex) abort();
  const size_t first = strlen(regex);
  if (first < size && att_utf8_valid(regex + first + 1, size - first - 1))
    text = (att_text){regex + first + 1, size - first - 1};
  if (att_utf8_valid(regex, first) && att_pattern_read(ctx, "t.json", "Split", regex, &pattern) == ATT_OK)
    walk_through(&pattern, ctx, text);
  att_pattern_free(ctx, &pattern);
  att_free(ctx, regex);
  att_context_free(ctx);
  return 0;
}
