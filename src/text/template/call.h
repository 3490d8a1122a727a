/*
 * Owns how what the program itself offers to templates (filters, tests, methods, functions) is called: tables, and
 * arguments by place and by name. Refuses arguments that Python refuses.
 */
#ifndef ATT_TEXT_TEMPLATE_CALL_H
#define ATT_TEXT_TEMPLATE_CALL_H

#include "text/template/value.h"

/* What a template gives. */
typedef struct att_arguments {
  att_value *items; /* [count], by place */
  size_t count;
  att_text *names; /* [named_count] */
  att_value *named;
  size_t named_count;
} att_arguments;

#define ATT_MOST_PARAMETERS 4

typedef struct att_call {
  const att_value *self;               /* what a filter, test or method is applied to; of a function undefined */
  att_value args[ATT_MOST_PARAMETERS]; /* by the function's parameters */
  const att_arguments *given;          /* all that was given */
  int mode;                            /* the function's */
} att_call;

typedef att_status att_call_fn(att_render *r, const att_call *call, att_value *out);

typedef struct att_function {
  const char *name;
  const char *parameters; /* "old,new,count"; NULL: any */
  int least;              /* how many must be given */
  att_call_fn *call;
  int mode; /* which of those that share `call` */
} att_function;

/* A method of a value. */
typedef struct att_method {
  const att_function *function;
  att_value self;
} att_method;

att_status att_call_function(att_render *r, const att_function *function, const att_value *self,
                             const att_arguments *given, att_value *out);
/* NULL: none of that name. */
const att_function *att_find_function(const att_function *table, size_t count, att_text name);
#define ATT_FIND(table, name) att_find_function((table), sizeof(table) / sizeof *(table), (name))

#define ATT_UNDEFINED_NOT_GIVEN 3 /* the `why` of an argument that was not given */
static inline bool att_given(const att_value *arg) {
  return arg->kind != ATT_VALUE_UNDEFINED || arg->why != ATT_UNDEFINED_NOT_GIVEN;
}
/* None too stands for what was not given. */
static inline bool att_given_some(const att_value *arg) { return att_given(arg) && arg->kind != ATT_VALUE_NONE; }
/* Arguments of a kind, or an error that says which argument of what is wrong. Where it was not given, *out stays. */
att_status att_take_text(att_render *r, const att_value *arg, const char *what, att_text *out);
att_status att_take_whole(att_render *r, const att_value *arg, const char *what, int64_t *out);

#endif
