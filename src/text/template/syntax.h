/*
 * Owns the syntax of chat templates: Jinja2's with trim_blocks, lstrip_blocks, loop controls and Transformers'
 * {% generation %}, from text to tokens to a tree. Refuses blocks, imports and autoescape.
 */
#ifndef ATT_TEXT_TEMPLATE_SYNTAX_H
#define ATT_TEXT_TEMPLATE_SYNTAX_H

#include "text/template/value.h"

typedef enum att_token_kind {
  ATT_TOKEN_TEXT,
  ATT_TOKEN_BEGIN_OUTPUT, /* {{ */
  ATT_TOKEN_END_OUTPUT,
  ATT_TOKEN_BEGIN_STATEMENT, /* {% */
  ATT_TOKEN_END_STATEMENT,
  ATT_TOKEN_NAME,
  ATT_TOKEN_CONSTANT, /* a string or number: value */
  ATT_TOKEN_OPERATOR,
  ATT_TOKEN_END,
} att_token_kind;

typedef struct att_syntax_token {
  att_token_kind kind;
  int line;
  att_text text; /* as it is written */
  att_value value;
} att_syntax_token;

/* What belongs to a template's text while it is read. */
typedef struct att_source {
  att_context *ctx;
  const char *name; /* for messages */
  att_arena *arena; /* what is made */
  att_text text;    /* valid UTF-8, on the arena; line ends are \n */
} att_source;

att_status att_syntax_wrong(const att_source *source, int line, const char *format, ...) ATT_PRINTF(3, 4);
/* *tokens: on the arena; the last is ATT_TOKEN_END. */
att_status att_tokenize_template(const att_source *source, const att_syntax_token **tokens);

typedef enum att_node_kind {
  /* statements */
  ATT_NODE_TEXT,       /* name */
  ATT_NODE_OUTPUT,     /* a */
  ATT_NODE_IF,         /* a: test; body; other: else, or an ATT_NODE_IF for elif */
  ATT_NODE_FOR,        /* a: target; b: what it goes over; c: test or NULL; body; other: else; flag: recursive */
  ATT_NODE_SET,        /* a: target; b */
  ATT_NODE_SET_BLOCK,  /* a: target; b: filters over ATT_NODE_CAPTURED; body */
  ATT_NODE_WRITE,      /* b: filters over ATT_NODE_CAPTURED; body */
  ATT_NODE_MACRO,      /* name; items: parameters, a: default; body; flag: names of ATT_MENTIONS_... */
  ATT_NODE_CALL_BLOCK, /* a: call; items: parameters; body */
  ATT_NODE_SCOPE,      /* items: ATT_NODE_SETs, in the scope outside; body */
  ATT_NODE_BREAK,
  ATT_NODE_CONTINUE,
  /* expressions */
  ATT_NODE_CONSTANT,  /* value */
  ATT_NODE_NAME,      /* name */
  ATT_NODE_CAPTURED,  /* what a block has written */
  ATT_NODE_LIST,      /* items */
  ATT_NODE_TUPLE,     /* items */
  ATT_NODE_DICT,      /* items: a: key, b: value */
  ATT_NODE_NOT,       /* a */
  ATT_NODE_AND,       /* a, b */
  ATT_NODE_OR,        /* a, b */
  ATT_NODE_SIGN,      /* a; flag: minus */
  ATT_NODE_OPERATE,   /* a, b; flag: att_operator */
  ATT_NODE_CONCAT,    /* items: ~ */
  ATT_NODE_COMPARE,   /* a; items: flag: att_comparison, a */
  ATT_NODE_CHOOSE,    /* a if b else c; c may be NULL */
  ATT_NODE_ATTRIBUTE, /* a, name */
  ATT_NODE_ITEM,      /* a[b] */
  ATT_NODE_SLICE,     /* b of ATT_NODE_ITEM: items: three, constants None where not given */
  ATT_NODE_CALL,      /* a(items) */
  ATT_NODE_ARGUMENT,  /* a; name: where it is given by name; flag: ATT_ARGUMENT_... */
  ATT_NODE_FILTER,    /* a | name(items) */
  ATT_NODE_TEST,      /* a is name(items) */
} att_node_kind;

typedef struct att_node {
  att_node_kind kind;
  int line, flag;
  att_text name;
  att_value value;
  struct att_node *a, *b, *c, *items, *body, *other;
  struct att_node *next; /* in the list that it is in */
} att_node;

typedef enum att_operator {
  ATT_ADD,
  ATT_SUBTRACT,
  ATT_MULTIPLY,
  ATT_DIVIDE,
  ATT_FLOOR_DIVIDE,
  ATT_REMAINDER,
  ATT_POWER
} att_operator;
typedef enum att_comparison {
  ATT_IS_EQ,
  ATT_IS_NE,
  ATT_IS_LT,
  ATT_IS_LE,
  ATT_IS_GT,
  ATT_IS_GE,
  ATT_IN,
  ATT_NOT_IN
} att_comparison;

enum { ATT_ARGUMENT_LIST = 1, ATT_ARGUMENT_DICT = 2 }; /* *a, **a */

/* Names that a macro takes arguments by which it has no parameters for. */
enum { ATT_MENTIONS_CALLER = 1, ATT_MENTIONS_VARARGS = 2, ATT_MENTIONS_KWARGS = 4 };

/* *statements: a list, on the arena; NULL: none. */
att_status att_parse_template(const att_source *source, const att_node **statements);

#endif
