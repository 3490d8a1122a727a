/*
 * Owns SentencePiece's files (tokenizer.model, spiece.model, *.spm: the protobuf ModelProto of
 * sentencepiece_model.proto) as lists of tokens. Refuses models of words and characters, and whatever goes beyond the
 * file.
 */
#ifndef ATT_TEXT_SENTENCEPIECE_H
#define ATT_TEXT_SENTENCEPIECE_H

#include "text/token_list.h"

typedef struct att_sentencepiece {
  att_text charsmap;
  bool prefix;    /* add_dummy_prefix */
  bool one_space; /* remove_extra_whitespaces: runs of spaces are one, none at the ends */
  bool escaped;   /* escape_whitespaces: spaces are U+2581 */
  int32_t end;    /* id of the token that ends a text, or -1 */
} att_sentencepiece;

/* data: the file, which must outlive the list. extra: ids kept free behind the tokens, to be filled by the caller. */
att_status att_sentencepiece_read(att_context *ctx, const char *name, att_text data, size_t extra,
                                  att_sentencepiece *settings, att_token_list *list);
/* The parts that such a file says by itself, as Transformers has them where no class says more. */
att_status att_sentencepiece_parts(const att_sentencepiece *settings, att_token_list *list);

#endif
