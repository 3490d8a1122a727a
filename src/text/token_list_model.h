/*
 * Owns the models of lists of tokens: vocabulary, scores, and the merges that scores mean. For token_list.c alone.
 */
#ifndef ATT_TEXT_TOKEN_LIST_MODEL_H
#define ATT_TEXT_TOKEN_LIST_MODEL_H

#include "text/token_list.h"

/* An att_model_fn. list: an att_token_list that has been checked. */
att_status att_token_list_model(att_tokenizer *tokenizer, void *list);

#endif
