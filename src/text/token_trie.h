/*
 * Owns a tree of the bytes of all tokens of a vocabulary, for who asks which of them fit a text so far. Refuses to know
 * what fits.
 */
#ifndef ATT_TEXT_TOKEN_TRIE_H
#define ATT_TEXT_TOKEN_TRIE_H

#include "text/tokenizer.h"

/* A beginning of tokens: what stands one byte further is its children. */
typedef struct att_trie_node {
  int32_t child, sibling; /* the first child, the next child of the same parent; 0: none */
  int32_t token;          /* the first token of just these bytes, or -1 */
  unsigned char byte;
} att_trie_node;

typedef struct att_token_trie {
  att_trie_node *nodes; /* [count]; the first is the root */
  int32_t *same;        /* [tokens] the next token of the same bytes, or -1 */
  att_buffer bytes;     /* of all tokens, one after another */
  size_t *begin;        /* [tokens + 1] where each one's begin */
  int64_t count, tokens;
} att_token_trie;

/* Special tokens, and those without text, are left out. */
att_status att_token_trie_new(att_context *ctx, const att_tokenizer *tokenizer, int64_t tokens, att_token_trie **out);
/* The bytes of a token; none of those that were left out. */
const char *att_token_trie_bytes(const att_token_trie *trie, int32_t token, size_t *size);
void att_token_trie_free(att_context *ctx, att_token_trie *trie); /* NULL is fine */

#endif
