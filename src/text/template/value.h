/*
 * Owns the values that a chat template works on, as Python has them, and the run of a template: its memory, its bounds,
 * its output, its errors. Refuses integers beyond 64 bits. Nothing but a namespace changes once it is made.
 */
#ifndef ATT_TEXT_TEMPLATE_VALUE_H
#define ATT_TEXT_TEMPLATE_VALUE_H

#include "base/arena.h"

typedef enum att_value_kind {
  ATT_VALUE_UNDEFINED,
  ATT_VALUE_NONE,
  ATT_VALUE_BOOL,
  ATT_VALUE_INT,
  ATT_VALUE_FLOAT,
  ATT_VALUE_STRING,
  ATT_VALUE_LIST, /* ranges and the views of dicts too */
  ATT_VALUE_TUPLE,
  ATT_VALUE_DICT,
  ATT_VALUE_NAMESPACE,
  ATT_VALUE_GENERATOR, /* what select() and its like give: items that come once */
  ATT_VALUE_LOOP,
  ATT_VALUE_FUNCTION, /* of the program itself */
  ATT_VALUE_METHOD,   /* a function of the program, of a value */
  ATT_VALUE_MACRO,
} att_value_kind;

/* What an undefined value's text is: a name without a value, a key or attribute that is not there, or why. */
typedef enum att_undefined_kind { ATT_UNDEFINED_NAME, ATT_UNDEFINED_KEY, ATT_UNDEFINED_WHY } att_undefined_kind;

typedef struct att_value {
  uint8_t kind; /* att_value_kind */
  uint8_t why;  /* of an undefined value: att_undefined_kind */
  bool safe;    /* of a string: what the filter safe gave, or its sum: + escapes what is joined to it for HTML */
  union {
    bool truth;
    int64_t whole;
    double real;
    att_text text; /* valid UTF-8 */
    struct att_list *list;
    struct att_dict *dict; /* of a namespace too */
    struct att_loop *loop;
    const struct att_function *function;
    struct att_method *method;
    struct att_macro *macro;
    const void *pointer;
  };
} att_value;

typedef struct att_list {
  att_value *items; /* [count] */
  size_t count, capacity;
  size_t at; /* of a generator: those before have come */
} att_list;

typedef struct att_member {
  att_value key, value;
} att_member;

/* In the order in which the keys came. */
typedef struct att_dict {
  att_member *members; /* [count] */
  size_t count, capacity;
} att_dict;

/* Where a for statement is in what it goes over. */
typedef struct att_loop {
  const att_list *items;
  size_t index0;
  int64_t depth0;
  const void *statement; /* what loop(...) runs again: NULL where it is not recursive; */
  void *frame;           /* and the names that it sees */
  att_value changed;     /* what loop.changed() saw last */
} att_loop;

/* ---- a run ------------------------------------------------------------------------------------------------------ */

typedef struct att_render {
  att_context *ctx;
  const char *name; /* of the template, for messages */
  att_arena *arena; /* what lives as long as the run */
  uint64_t work;    /* done, in values or bytes touched */
  att_buffer out;   /* the output; behind it what is being captured */
  int line;         /* where it is */
  int depth;
  att_status failed; /* how att_take failed */
} att_render;

/* Ends the run: "NAME, line N: ...". */
att_status att_stop(att_render *r, att_status status, const char *format, ...) ATT_PRINTF(3, 4);
/* Counts work; ends a run that does too much. */
att_status att_charge(att_render *r, uint64_t work);
/* Memory of the run, not zeroed; NULL with r->failed set. */
void *att_take(att_render *r, size_t count, size_t size);
/* pointer = memory for `count` of what it points to; returns where there is none. */
#define ATT_TAKE(pointer, r, count)                                                                                    \
  do {                                                                                                                 \
    if (!((pointer) = att_take((r), (size_t)(count), sizeof *(pointer)))) return (r)->failed;                          \
  } while (0)

/* Around what goes into itself: ATT_TRY(att_enter(r)) ... att_leave(r). A failing run is over and needs no leaving. */
att_status att_enter(att_render *r);
static inline void att_leave(att_render *r) { r->depth--; }

/* Appends to the output. att_captured takes what was written since `start` (r->out.size then) out of it, as a string.
 */
att_status att_emit(att_render *r, const char *data, size_t size);
att_status att_captured(att_render *r, size_t start, att_value *out);

/* ---- values ----------------------------------------------------------------------------------------------------- */

static inline att_value att_none(void) { return (att_value){.kind = ATT_VALUE_NONE}; }
static inline att_value att_truth(bool truth) { return (att_value){.kind = ATT_VALUE_BOOL, .truth = truth}; }
static inline att_value att_whole(int64_t whole) { return (att_value){.kind = ATT_VALUE_INT, .whole = whole}; }
static inline att_value att_real(double real) { return (att_value){.kind = ATT_VALUE_FLOAT, .real = real}; }
static inline att_value att_string(const char *data, size_t size) {
  return (att_value){.kind = ATT_VALUE_STRING, .text = {data, size}};
}
static inline att_value att_of_list(att_value_kind kind, att_list *list) {
  return (att_value){.kind = (uint8_t)kind, .list = list};
}
static inline att_value att_undefined(att_undefined_kind why, att_text text) {
  return (att_value){.kind = ATT_VALUE_UNDEFINED, .why = (uint8_t)why, .text = text};
}
/* why: a constant of the program. */
att_value att_undefined_why(const char *why);
/* bool or int, which Python takes for one */
static inline bool att_is_whole(const att_value *v) { return v->kind == ATT_VALUE_BOOL || v->kind == ATT_VALUE_INT; }
static inline bool att_is_numeric(const att_value *v) { return att_is_whole(v) || v->kind == ATT_VALUE_FLOAT; }
static inline bool att_is_listed(const att_value *v) { return v->kind == ATT_VALUE_LIST || v->kind == ATT_VALUE_TUPLE; }
static inline int64_t att_as_whole(const att_value *v) {
  return v->kind == ATT_VALUE_BOOL ? (int64_t)v->truth : v->whole;
}
static inline double att_as_real(const att_value *v) {
  return v->kind == ATT_VALUE_FLOAT ? v->real : (double)att_as_whole(v);
}
bool att_text_is(att_text text, const char *word);
static inline bool att_texts_equal(att_text a, att_text b) {
  return a.size == b.size && (a.size == 0 || !__builtin_memcmp(a.data, b.data, a.size));
}

/* "str", "NoneType": as Python calls it. */
const char *att_type_of(const att_value *v);
/* The error that Python's TypeError is; an undefined value says what was not defined. what: "has no length". */
att_status att_wrong_type(att_render *r, const att_value *v, const char *what);

att_status att_list_new(att_render *r, size_t capacity, att_list **out);
att_status att_list_push(att_render *r, att_list *list, att_value value);
att_status att_dict_new(att_render *r, att_dict **out);
/* Replaces the value of an equal key. A key that Python cannot hash is an error. */
att_status att_dict_put(att_render *r, att_dict *dict, att_value key, att_value value);
/* *value: NULL where there is none, also for what cannot be a key. */
att_status att_dict_find(att_render *r, const att_dict *dict, const att_value *key, att_value **value);
/* (a, b) */
att_status att_pair(att_render *r, att_value a, att_value b, att_value *out);

bool att_is_true(const att_value *v);
/* == and < of Python; < is an error between what it does not order. */
att_status att_equal(att_render *r, const att_value *a, const att_value *b, bool *equal);
att_status att_less(att_render *r, const att_value *a, const att_value *b, bool *less);

/* By their keys, equal ones in their order. scratch: as many. */
att_status att_sort_members(att_render *r, att_member *members, att_member *scratch, size_t count, bool reverse);

bool att_is_iterable(const att_value *v);
/* list() of Python; a list or tuple gives its own, which must not be changed. An undefined value is empty. */
att_status att_collect(att_render *r, const att_value *v, const att_list **out);
/* len() of Python: -1 where there is none. */
int64_t att_length(const att_value *v);

#endif
