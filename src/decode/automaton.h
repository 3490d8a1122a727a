/*
 * Owns the form of a grammar that is run: rules of nodes that each take a byte, go two ways, call a rule or end one.
 * gbnf.c makes it, grammar.c runs it.
 */
#ifndef ATT_DECODE_AUTOMATON_H
#define ATT_DECODE_AUTOMATON_H

#include "base/arena.h"

typedef enum att_node_kind {
  ATT_NODE_BYTE,  /* one of [low, high], then next */
  ATT_NODE_SPLIT, /* next or other */
  ATT_NODE_CALL,  /* the rule `other`, then next */
  ATT_NODE_END    /* of a rule */
} att_node_kind;

typedef struct att_node {
  int32_t next, other;
  uint8_t kind, low, high;
} att_node;

#define ATT_MOST_NODES 200000
#define ATT_MOST_RULES 2048

/* Zero-initialised is empty; free nodes with att_free. */
typedef struct att_automaton {
  att_node *nodes; /* [count] */
  int32_t count, capacity;
  int32_t entries[ATT_MOST_RULES]; /* [rules] the first node of each */
  int32_t rules, root;             /* rules; the one that a text is */
} att_automaton;

/* Of a grammar in GBNF, the format of llama.cpp. ATT_ARGUMENT, with the line: what is wrong with it; what is too large;
 * a grammar that no text fits. */
att_status att_gbnf_compile(att_context *ctx, const char *text, att_automaton *out);

#endif
