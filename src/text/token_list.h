/*
 * Owns tokenizers that are said as a list of tokens with scores and types, as SentencePiece's files and GGUF's metadata
 * do: what they are in the parts of a tokenizer.json, and their models. Refuses to know either file.
 */
#ifndef ATT_TEXT_TOKEN_LIST_H
#define ATT_TEXT_TOKEN_LIST_H

#include "text/components.h"

/* As SentencePiece and GGUF number them. */
typedef enum att_token_type {
  ATT_TOKEN_NORMAL = 1,
  ATT_TOKEN_UNKNOWN,
  ATT_TOKEN_CONTROL,
  ATT_TOKEN_USER_DEFINED,
  ATT_TOKEN_UNUSED,
  ATT_TOKEN_BYTE
} att_token_type;

typedef struct att_listed_token {
  att_text text; /* where the file has it; empty: no token has this id */
  double score;
  int type;
  bool unread; /* of Unigram: no text becomes this token */
  bool lstrip; /* of control and user-defined ones: takes the white space before it */
} att_listed_token;

typedef enum att_list_kind {
  ATT_LIST_SCORES, /* BPE: of two neighbours those first that make the token of the highest score */
  ATT_LIST_MERGES, /* BPE by merges */
  ATT_LIST_UNIGRAM,
  ATT_LIST_WORDPIECE /* tokens that begin a word are spelled with U+2581 before them, others have no mark */
} att_list_kind;

typedef struct att_token_list {
  att_context *ctx;
  const char *name; /* of the file: for messages */
  att_list_kind kind;
  att_listed_token *tokens; /* [count], owned; its places are the ids */
  size_t count;
  att_text *merges; /* [merge_count]: "left right", owned; of ATT_LIST_MERGES */
  size_t merge_count;
  int32_t unknown;       /* or -1 */
  int32_t before, after; /* ids put around a text, or -1 */
  bool joined;           /* of two texts only the first has `before` (BERT) */
  bool ignore_merges, byte_fallback;
  json_t *parts; /* owned: an object of tokenizer.json's parts, to which att_token_list_open adds what is said here */
} att_token_list;

/* An empty list for `count` tokens. Free with att_token_list_free whatever is filled in. */
att_status att_token_list_make(att_context *ctx, const char *name, size_t count, att_token_list *out);
void att_token_list_free(att_token_list *list);

/* Adds a part: NULL (for want of memory) is an error. Takes part. */
att_status att_token_list_part(att_token_list *list, const char *key, json_t *part);
/* The normalizer of SentencePiece's table of characters; NULL for want of memory. */
json_t *att_token_list_charsmap(const att_token_list *list, att_text charsmap);
/* What SentencePiece does around its models: spaces as U+2581, one before the text (prefix), and back. unigram: runs of
 * white space are one space, as T5's and XLM-R's tokenizers have it; charsmap may be empty. */
att_status att_token_list_spaces(att_token_list *list, bool prefix, bool unigram, att_text charsmap);
/* GPT-2's characters for bytes; patterns up to the first NULL cut the text, one after another. */
att_status att_token_list_bytes(att_token_list *list, const char *const *patterns, size_t most);

/* Tokens of type control, unknown and user-defined are looked for in the text itself. */
att_status att_token_list_open(att_token_list *list, att_tokenizer **out);

#endif
