/* Owns a tree of the bytes of all tokens. See token_trie.h. */
#include "text/token_trie.h"

typedef struct builder {
  att_context *ctx;
  att_token_trie *trie;
  int64_t capacity;
} builder;

static att_status add_node(builder *b, unsigned char byte, int32_t *node) {
  att_token_trie *t = b->trie;
  if (t->count == b->capacity) {
    int64_t capacity = 2 * b->capacity + 1024;
    att_trie_node *nodes = capacity < INT32_MAX ? att_resize(b->ctx, t->nodes, (size_t)capacity, sizeof *nodes) : NULL;
    if (!nodes) return ATT_MEMORY;
    t->nodes = nodes;
    b->capacity = capacity;
  }
  *node = (int32_t)t->count++;
  t->nodes[*node] = (att_trie_node){.token = -1, .byte = byte};
  return ATT_OK;
}

static att_status add_token(builder *b, int32_t token) {
  att_token_trie *t = b->trie;
  int32_t at = 0;
  for (size_t i = t->begin[token]; i < t->begin[token + 1]; i++) {
    unsigned char byte = (unsigned char)t->bytes.data[i];
    int32_t child = t->nodes[at].child;
    while (child && t->nodes[child].byte != byte) child = t->nodes[child].sibling;
    if (!child) {
      ATT_TRY(add_node(b, byte, &child));
      t->nodes[child].sibling = t->nodes[at].child;
      t->nodes[at].child = child;
    }
    at = child;
  }
  t->same[token] = t->nodes[at].token;
  t->nodes[at].token = token;
  return ATT_OK;
}

static att_status build(builder *b, const att_tokenizer *tokenizer) {
  att_token_trie *t = b->trie;
  int32_t root;
  ATT_TRY(add_node(b, 0, &root));
  for (int64_t i = 0; i < t->tokens; i++) {
    t->same[i] = -1;
    t->begin[i] = t->bytes.size;
    ATT_TRY(att_tokenizer_bytes(tokenizer, b->ctx, (int32_t)i, &t->bytes));
    t->begin[i + 1] = t->bytes.size;
    if (t->begin[i + 1] > t->begin[i]) ATT_TRY(add_token(b, (int32_t)i));
  }
  return ATT_OK;
}

att_status att_token_trie_new(att_context *ctx, const att_tokenizer *tokenizer, int64_t tokens, att_token_trie **out) {
  *out = NULL;
  att_token_trie *trie = ATT_NEW(ctx, 1, att_token_trie);
  if (!trie) return ATT_MEMORY;
  trie->tokens = tokens;
  trie->same = ATT_NEW(ctx, tokens, int32_t);
  trie->begin = ATT_NEW(ctx, tokens + 1, size_t);
  builder b = {ctx, trie, 0};
  att_status status = trie->same && trie->begin ? build(&b, tokenizer) : ATT_MEMORY;
  if (status) {
    att_token_trie_free(ctx, trie);
  } else {
    *out = trie;
  }
  return status;
}

const char *att_token_trie_bytes(const att_token_trie *trie, int32_t token, size_t *size) {
  *size = token < 0 || token >= trie->tokens ? 0 : trie->begin[token + 1] - trie->begin[token];
  return *size ? trie->bytes.data + trie->begin[token] : "";
}

void att_token_trie_free(att_context *ctx, att_token_trie *trie) {
  if (!trie) return;
  att_free(ctx, trie->nodes);
  att_free(ctx, trie->same);
  att_free(ctx, trie->begin);
  att_buffer_free(ctx, &trie->bytes);
  att_free(ctx, trie);
}
