/*
 * Owns a tokenizer as GGUF's metadata: tokens, scores, types, merges, the name of the pattern, as llama.cpp's
 * convert_hf_to_gguf.py writes them. Special tokens' ids are the model's to say. Refuses to know files.
 */
#ifndef ATT_TEXT_TOKENIZER_GGUF_H
#define ATT_TEXT_TOKENIZER_GGUF_H

#include "formats/gguf_metadata.h"
#include "text/tokenizer.h"

#define ATT_TOKENIZER_ENTRIES 16 /* at most */

/* Appends entries, which lie in the arena; there must be room for all of them. size: rows of the model's embedding:
 * what the tokenizer has fewer becomes unused tokens, what it has more is left out, with a warning. */
att_status att_tokenizer_put_gguf(const att_tokenizer *tokenizer, att_arena *arena, int64_t size,
                                  att_gguf_entry *entries, size_t *count);

#endif
