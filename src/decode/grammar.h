/*
 * Owns which tokens may come next where a grammar says what is written: the states of the grammar, found as they are
 * needed, and of each a mask over the vocabulary that is made once. Refuses to know how grammars are written down
 * (automaton.h) and who chooses.
 */
#ifndef ATT_DECODE_GRAMMAR_H
#define ATT_DECODE_GRAMMAR_H

#include "text/token_trie.h"

typedef struct att_grammar att_grammar;

/* text: GBNF. trie: stays while the grammar does. ATT_ARGUMENT: the text is wrong, too large, or fits nothing. */
att_status att_grammar_new(att_context *ctx, const att_token_trie *trie, const char *text, att_grammar **out);
/* The same of a JSON schema. */
att_status att_grammar_new_schema(att_context *ctx, const att_token_trie *trie, const char *text, att_grammar **out);
void att_grammar_free(att_grammar *grammar); /* NULL is fine */
/* *mask: [(vocabulary + 63) / 64] a bit for each token that may follow tokens[0 .. count), which the grammar keeps;
 * *ends: whether the text may end there. Tokens that do not fit: nothing may follow. ATT_ARGUMENT where the grammar
 * leaves more open at once than attend follows. */
att_status att_grammar_allowed(att_grammar *grammar, const int32_t *tokens, int64_t count, const uint64_t **mask,
                               bool *ends);

#endif
