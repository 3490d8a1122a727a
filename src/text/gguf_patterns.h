/* Owns what `tokenizer.ggml.pre` calls ways to cut words before byte-level BPE. (gguf_tokenizer.c) */
#ifndef ATT_TEXT_GGUF_PATTERNS_H
#define ATT_TEXT_GGUF_PATTERNS_H

#include <stdbool.h>
#include <stddef.h>

#define ATT_GPT2_PATTERN "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"
#define ATT_MOST_CUTS    6

typedef struct att_cutting {
  const char *patterns[ATT_MOST_CUTS]; /* [count], one after another */
  size_t count;
  bool ignore_merges, composed; /* as tokenizer.json says: of BPE; a normalizer that is NFC */
} att_cutting;

/* Bytes of the name at *name (no NUL behind it), 0: there is none. */
size_t att_gguf_pattern_name(const att_cutting *cutting, const char **name);

#endif
