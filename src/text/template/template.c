/* Owns the run of a chat template: its statements, expressions, names and macros. See template.h. */
#include "text/template/template.h"

#include "text/template/access.h"
#include "text/template/filters.h"
#include "text/template/functions.h"
#include "text/template/operators.h"
#include "text/template/print.h"
#include "text/template/syntax.h"
#include "text/template/tests.h"
#include "text/unicode.h"

#include <string.h>

struct att_chat_template {
  att_context *ctx;
  att_arena *arena; /* all that the tree and its texts are */
  const char *name;
  const att_node *statements;
};

/* Names with their values. A loop's body, a macro's and a `with` have their own; what they set is seen inside alone. */
typedef struct frame {
  struct frame *outer;
  att_dict names;
} frame;

typedef struct att_macro {
  const att_node *node; /* of a macro or a call block */
  frame *frame;         /* where it was defined */
} att_macro;

typedef enum flow { FLOW_ON, FLOW_BREAK, FLOW_CONTINUE } flow;

typedef struct evaluator {
  att_render r;
  frame *frame;
  att_value captured; /* what the block has written whose filters are run */
  flow flow;
} evaluator;

static att_status evaluate(evaluator *e, const att_node *n, att_value *out);
static att_status run(evaluator *e, const att_node *statements);
static att_status run_loop(evaluator *e, const att_node *n, const att_value *over, int64_t depth0);

/* ---- names ------------------------------------------------------------------------------------------------------ */

static att_status push_frame(evaluator *e, frame *outer) {
  frame *own;
  ATT_TAKE(own, &e->r, 1);
  *own = (frame){.outer = outer};
  e->frame = own;
  return ATT_OK;
}

static att_status put_name(evaluator *e, att_text name, att_value value) {
  return att_dict_put(&e->r, &e->frame->names, att_string(name.data, name.size), value);
}

static att_status get_name(evaluator *e, att_text name, att_value *out) {
  att_value *value = NULL, key = att_string(name.data, name.size);
  for (frame *at = e->frame; at && !value; at = at->outer) ATT_TRY(att_dict_find(&e->r, &at->names, &key, &value));
  const att_function *function = value ? NULL : att_find_global(name);
  *out = value      ? *value
         : function ? (att_value){.kind = ATT_VALUE_FUNCTION, .function = function}
                    : att_undefined(ATT_UNDEFINED_NAME, name);
  return ATT_OK;
}

static att_status assign(evaluator *e, const att_node *target, const att_value *value) {
  att_value space;
  const att_list *items;
  size_t i = 0;
  if (target->kind == ATT_NODE_NAME) return put_name(e, target->name, *value);
  if (target->kind == ATT_NODE_ATTRIBUTE) {
    ATT_TRY(evaluate(e, target->a, &space));
    if (space.kind != ATT_VALUE_NAMESPACE)
      return att_stop(&e->r, ATT_FORMAT, "only attributes of a namespace can be set");
    if (target->name.data[0] == '_')
      return att_stop(&e->r, ATT_FORMAT, "a namespace may not have a name that begins with _");
    return att_dict_put(&e->r, space.dict, att_string(target->name.data, target->name.size), *value);
  }
  ATT_TRY(att_collect(&e->r, value, &items));
  for (const att_node *item = target->items; item; item = item->next, i++) {
    if (i >= items->count) break;
    ATT_TRY(assign(e, item, &items->items[i]));
    if (!item->next && i + 1 == items->count) return ATT_OK;
  }
  return att_stop(&e->r, ATT_FORMAT, "%zu values for another number of names", items->count);
}

/* ---- calls ------------------------------------------------------------------------------------------------------ */

/* How many arguments one of a call is. */
static att_status count_argument(evaluator *e, const att_node *item, att_value *value, size_t *count) {
  *count = 1;
  if (item->flag == ATT_ARGUMENT_DICT && value->kind != ATT_VALUE_DICT)
    return att_wrong_type(&e->r, value, "cannot be taken apart by **");
  if (item->flag == ATT_ARGUMENT_DICT) *count = value->dict->count;
  if (item->flag != ATT_ARGUMENT_LIST) return ATT_OK;
  const att_list *items;
  ATT_TRY(att_collect(&e->r, value, &items));
  *value = att_of_list(ATT_VALUE_LIST, (att_list *)items);
  *count = items->count;
  return ATT_OK;
}

static att_status take_argument(evaluator *e, const att_node *item, const att_value *value, att_arguments *given) {
  for (size_t i = 0; item->flag == ATT_ARGUMENT_LIST && i < value->list->count; i++)
    given->items[given->count++] = value->list->items[i];
  for (size_t i = 0; item->flag == ATT_ARGUMENT_DICT && i < value->dict->count; i++) {
    const att_member *member = &value->dict->members[i];
    ATT_TRY(att_take_text(&e->r, &member->key, "a name of an argument", &given->names[given->named_count]));
    given->named[given->named_count++] = member->value;
  }
  if (item->flag) return ATT_OK;
  if (!item->name.size) return given->items[given->count++] = *value, ATT_OK;
  given->names[given->named_count] = item->name;
  given->named[given->named_count++] = *value;
  return ATT_OK;
}

static att_status evaluate_arguments(evaluator *e, const att_node *items, att_arguments *given) {
  size_t written = 0, count = 0, part, i = 0;
  att_value *values;
  for (const att_node *item = items; item; item = item->next) written++;
  ATT_TAKE(values, &e->r, written + 1);
  for (const att_node *item = items; item; item = item->next, i++) {
    ATT_TRY(evaluate(e, item->a, &values[i]));
    ATT_TRY(count_argument(e, item, &values[i], &part));
    count += part;
  }
  *given = (att_arguments){0};
  ATT_TAKE(given->items, &e->r, count + 1); /* one more: a call block's caller */
  ATT_TAKE(given->named, &e->r, count + 1);
  ATT_TAKE(given->names, &e->r, count + 1);
  i = 0;
  for (const att_node *item = items; item; item = item->next) ATT_TRY(take_argument(e, item, &values[i++], given));
  return ATT_OK;
}

static att_value *find_named(const att_arguments *given, att_text name) {
  for (size_t i = 0; i < given->named_count; i++)
    if (att_texts_equal(given->names[i], name)) return &given->named[i];
  return NULL;
}

static bool is_parameter(const att_node *macro, att_text name) {
  for (const att_node *item = macro->items; item; item = item->next)
    if (att_texts_equal(item->name, name)) return true;
  return false;
}

/* What a macro has no parameters for, as varargs, kwargs and caller, where it mentions them. */
static att_status bind_rest(evaluator *e, const att_node *n, const att_arguments *given, size_t taken) {
  static const att_text caller = {"caller", 6}, varargs = {"varargs", 7}, kwargs = {"kwargs", 6};
  att_list *list;
  att_dict *dict;
  if (given->count > taken && !(n->flag & ATT_MENTIONS_VARARGS))
    return att_stop(&e->r, ATT_FORMAT, "the macro %.*s takes %zu arguments", (int)(n->name.size & 63), n->name.data,
                    taken);
  ATT_TRY(att_list_new(&e->r, 0, &list));
  ATT_TRY(att_dict_new(&e->r, &dict));
  for (size_t i = taken; i < given->count; i++) ATT_TRY(att_list_push(&e->r, list, given->items[i]));
  att_value called = att_undefined_why("there is no caller");
  for (size_t i = 0; i < given->named_count; i++) {
    att_text name = given->names[i];
    if (is_parameter(n, name)) continue;
    if (att_texts_equal(name, caller) && n->flag & ATT_MENTIONS_CALLER)
      called = given->named[i];
    else if (n->flag & ATT_MENTIONS_KWARGS)
      ATT_TRY(att_dict_put(&e->r, dict, att_string(name.data, name.size), given->named[i]));
    else
      return att_stop(&e->r, ATT_FORMAT, "the macro %.*s takes no argument %.*s", (int)(n->name.size & 63),
                      n->name.data, (int)(name.size & 63), name.data);
  }
  if (n->flag & ATT_MENTIONS_CALLER) ATT_TRY(put_name(e, caller, called));
  if (n->flag & ATT_MENTIONS_VARARGS) ATT_TRY(put_name(e, varargs, att_of_list(ATT_VALUE_TUPLE, list)));
  if (n->flag & ATT_MENTIONS_KWARGS) ATT_TRY(put_name(e, kwargs, (att_value){.kind = ATT_VALUE_DICT, .dict = dict}));
  return ATT_OK;
}

static att_status bind(evaluator *e, const att_node *n, const att_arguments *given) {
  size_t place = 0;
  for (const att_node *item = n->items; item; item = item->next, place++) {
    att_value value = att_undefined_why("a parameter of a macro was not given"), *named = find_named(given, item->name);
    if (named && place < given->count)
      return att_stop(&e->r, ATT_FORMAT, "a macro gets its argument %.*s twice", (int)(item->name.size & 63),
                      item->name.data);
    if (place < given->count)
      value = given->items[place];
    else if (named)
      value = *named;
    else if (item->a)
      ATT_TRY(evaluate(e, item->a, &value));
    ATT_TRY(put_name(e, item->name, value));
  }
  return bind_rest(e, n, given, place);
}

static att_status call_macro(evaluator *e, const att_macro *macro, const att_arguments *given, att_value *out) {
  frame *outer = e->frame;
  size_t start = e->r.out.size;
  ATT_TRY(push_frame(e, macro->frame));
  ATT_TRY(bind(e, macro->node, given));
  ATT_TRY(run(e, macro->node->body));
  e->frame = outer;
  return att_captured(&e->r, start, out);
}

/* loop(items) in a recursive loop. */
static att_status call_loop(evaluator *e, const att_loop *loop, const att_arguments *given, att_value *out) {
  frame *inner = e->frame;
  size_t start = e->r.out.size;
  if (!loop->statement || given->count != 1 || given->named_count)
    return att_stop(&e->r, ATT_FORMAT, "loop() needs one argument, and {%% for ... recursive %%}");
  e->frame = loop->frame;
  ATT_TRY(run_loop(e, loop->statement, &given->items[0], loop->depth0 + 1));
  e->frame = inner;
  return att_captured(&e->r, start, out);
}

static att_status call_value(evaluator *e, const att_value *v, const att_arguments *given, att_value *out) {
  static const att_value nothing = {.kind = ATT_VALUE_UNDEFINED};
  switch (v->kind) {
  case ATT_VALUE_FUNCTION: return att_call_function(&e->r, v->function, &nothing, given, out);
  case ATT_VALUE_METHOD: return att_call_function(&e->r, v->method->function, &v->method->self, given, out);
  case ATT_VALUE_MACRO: return call_macro(e, v->macro, given, out);
  case ATT_VALUE_LOOP: return call_loop(e, v->loop, given, out);
  default: return att_wrong_type(&e->r, v, "cannot be called");
  }
}

static att_status evaluate_call(evaluator *e, const att_node *n, const att_value *caller, att_value *out) {
  att_value function;
  att_arguments given;
  ATT_TRY(evaluate(e, n->a, &function));
  ATT_TRY(evaluate_arguments(e, n->items, &given));
  if (caller) {
    given.names[given.named_count] = (att_text){"caller", 6};
    given.named[given.named_count++] = *caller;
  }
  e->r.line = n->line;
  return call_value(e, &function, &given, out);
}

/* A filter or test. */
static att_status evaluate_applied(evaluator *e, const att_node *n, att_value *out) {
  bool filter = n->kind == ATT_NODE_FILTER;
  const att_function *function = filter ? att_find_filter(n->name) : att_find_test(n->name);
  att_value self;
  att_arguments given;
  if (!function)
    return att_stop(&e->r, ATT_UNSUPPORTED, "there is no %s '%.*s' that attend knows", filter ? "filter" : "test",
                    (int)(n->name.size & 63), n->name.data);
  ATT_TRY(evaluate(e, n->a, &self));
  ATT_TRY(evaluate_arguments(e, n->items, &given));
  return att_call_function(&e->r, function, &self, &given, out);
}

/* ---- expressions ------------------------------------------------------------------------------------------------ */

static att_status evaluate_items(evaluator *e, const att_node *n, att_value *out) {
  att_list *list;
  att_value value;
  ATT_TRY(att_list_new(&e->r, 0, &list));
  for (const att_node *item = n->items; item; item = item->next) {
    ATT_TRY(evaluate(e, item, &value));
    ATT_TRY(att_list_push(&e->r, list, value));
  }
  *out = att_of_list(n->kind == ATT_NODE_LIST ? ATT_VALUE_LIST : ATT_VALUE_TUPLE, list);
  return ATT_OK;
}

static att_status evaluate_dict(evaluator *e, const att_node *n, att_value *out) {
  att_dict *dict;
  att_value key, value;
  ATT_TRY(att_dict_new(&e->r, &dict));
  for (const att_node *item = n->items; item; item = item->next) {
    ATT_TRY(evaluate(e, item->a, &key));
    ATT_TRY(evaluate(e, item->b, &value));
    ATT_TRY(att_dict_put(&e->r, dict, key, value));
  }
  *out = (att_value){.kind = ATT_VALUE_DICT, .dict = dict};
  return ATT_OK;
}

static att_status evaluate_operation(evaluator *e, const att_node *n, att_value *out) {
  att_value a, b;
  ATT_TRY(evaluate(e, n->a, &a));
  ATT_TRY(evaluate(e, n->b, &b));
  e->r.line = n->line;
  return att_operate(&e->r, (att_operator)n->flag, &a, &b, out);
}

/* Each part is evaluated before any is written: a macro among them captures what it writes. */
static att_status evaluate_concat(evaluator *e, const att_node *n, att_value *out) {
  att_value list;
  ATT_TRY(evaluate_items(e, n, &list));
  size_t start = e->r.out.size;
  for (size_t i = 0; i < list.list->count; i++) ATT_TRY(att_print(&e->r, &list.list->items[i]));
  return att_captured(&e->r, start, out);
}

/* a < b < c: whether all hold, up to the first that does not. */
static att_status evaluate_comparison(evaluator *e, const att_node *n, att_value *out) {
  att_value a, b;
  bool holds = true;
  ATT_TRY(evaluate(e, n->a, &a));
  for (const att_node *item = n->items; item && holds; item = item->next, a = b) {
    ATT_TRY(evaluate(e, item->a, &b));
    ATT_TRY(att_compare_values(&e->r, (att_comparison)item->flag, &a, &b, &holds));
  }
  *out = att_truth(holds);
  return ATT_OK;
}

static att_status evaluate_item(evaluator *e, const att_node *n, att_value *out) {
  att_value v, key, bounds[3];
  ATT_TRY(evaluate(e, n->a, &v));
  if (n->b->kind != ATT_NODE_SLICE) {
    ATT_TRY(evaluate(e, n->b, &key));
    e->r.line = n->line;
    return att_get_item(&e->r, &v, &key, out);
  }
  const att_node *item = n->b->items;
  for (int i = 0; i < 3; i++, item = item->next) ATT_TRY(evaluate(e, item, &bounds[i]));
  return att_slice(&e->r, &v, bounds, out);
}

static att_status evaluate_choice(evaluator *e, const att_node *n, att_value *out) {
  att_value holds;
  ATT_TRY(evaluate(e, n->b, &holds));
  if (att_is_true(&holds)) return evaluate(e, n->a, out);
  *out = att_undefined_why("the condition of an if without an else was false");
  return n->c ? evaluate(e, n->c, out) : ATT_OK;
}

static att_status evaluate_kind(evaluator *e, const att_node *n, att_value *out) {
  att_value a;
  switch (n->kind) {
  case ATT_NODE_CONSTANT: *out = n->value; return ATT_OK;
  case ATT_NODE_CAPTURED: *out = e->captured; return ATT_OK;
  case ATT_NODE_NAME: return get_name(e, n->name, out);
  case ATT_NODE_LIST:
  case ATT_NODE_TUPLE: return evaluate_items(e, n, out);
  case ATT_NODE_DICT: return evaluate_dict(e, n, out);
  case ATT_NODE_OPERATE: return evaluate_operation(e, n, out);
  case ATT_NODE_CONCAT: return evaluate_concat(e, n, out);
  case ATT_NODE_COMPARE: return evaluate_comparison(e, n, out);
  case ATT_NODE_CHOOSE: return evaluate_choice(e, n, out);
  case ATT_NODE_ITEM: return evaluate_item(e, n, out);
  case ATT_NODE_CALL: return evaluate_call(e, n, NULL, out);
  case ATT_NODE_FILTER:
  case ATT_NODE_TEST: return evaluate_applied(e, n, out);
  default: break;
  }
  ATT_TRY(evaluate(e, n->a, &a));
  switch (n->kind) {
  case ATT_NODE_NOT: *out = att_truth(!att_is_true(&a)); return ATT_OK;
  case ATT_NODE_SIGN: return att_sign(&e->r, n->flag, &a, out);
  case ATT_NODE_ATTRIBUTE: e->r.line = n->line; return att_get_attribute(&e->r, &a, n->name, out);
  default: break; /* and, or */
  }
  *out = a;
  return att_is_true(&a) == (n->kind == ATT_NODE_AND) ? evaluate(e, n->b, out) : ATT_OK;
}

static att_status evaluate(evaluator *e, const att_node *n, att_value *out) {
  ATT_TRY(att_enter(&e->r));
  ATT_TRY(att_charge(&e->r, 1));
  ATT_TRY(evaluate_kind(e, n, out));
  att_leave(&e->r);
  return ATT_OK;
}

/* ---- statements ------------------------------------------------------------------------------------------------- */

/* What a loop goes over: what its test lets through. */
static att_status select_items(evaluator *e, const att_node *n, const att_value *over, const att_list **out) {
  const att_list *all;
  att_list *list;
  att_value holds;
  frame *outer = e->frame;
  ATT_TRY(att_collect(&e->r, over, &all));
  *out = all;
  if (!n->c) return ATT_OK;
  ATT_TRY(att_list_new(&e->r, 0, &list));
  *out = list;
  ATT_TRY(push_frame(e, outer));
  for (size_t i = 0; i < all->count; i++) {
    ATT_TRY(assign(e, n->a, &all->items[i]));
    ATT_TRY(evaluate(e, n->c, &holds));
    if (att_is_true(&holds)) ATT_TRY(att_list_push(&e->r, list, all->items[i]));
  }
  e->frame = outer;
  return ATT_OK;
}

static att_status run_loop(evaluator *e, const att_node *n, const att_value *over, int64_t depth0) {
  static const att_text name = {"loop", 4};
  frame *outer = e->frame;
  att_loop *loop;
  ATT_TAKE(loop, &e->r, 1);
  *loop = (att_loop){.depth0 = depth0, .statement = n->flag ? n : NULL, .frame = outer};
  ATT_TRY(select_items(e, n, over, &loop->items));
  for (; loop->index0 < loop->items->count; loop->index0++) {
    ATT_TRY(push_frame(e, outer));
    ATT_TRY(put_name(e, name, (att_value){.kind = ATT_VALUE_LOOP, .loop = loop}));
    ATT_TRY(assign(e, n->a, &loop->items->items[loop->index0]));
    ATT_TRY(run(e, n->body));
    bool ended = e->flow == FLOW_BREAK;
    e->flow = FLOW_ON;
    if (ended) break;
  }
  if (loop->items->count == 0 && n->other) {
    ATT_TRY(push_frame(e, outer));
    ATT_TRY(run(e, n->other));
  }
  e->frame = outer;
  return ATT_OK;
}

static att_status run_for(evaluator *e, const att_node *n) {
  att_value over;
  ATT_TRY(evaluate(e, n->b, &over));
  return run_loop(e, n, &over, 0);
}

static att_status run_if(evaluator *e, const att_node *n) {
  att_value holds;
  for (;; n = n->other) {
    ATT_TRY(evaluate(e, n->a, &holds));
    if (att_is_true(&holds)) return run(e, n->body);
    bool alone = n->other && n->other->kind == ATT_NODE_IF && !n->other->next; /* elif, or what is the same */
    if (!alone) return run(e, n->other);
  }
}

/* What the body of a block writes, through its filters. */
static att_status run_captured(evaluator *e, const att_node *n, att_value *out) {
  att_value before = e->captured;
  frame *outer = e->frame;
  size_t start = e->r.out.size;
  ATT_TRY(push_frame(e, outer));
  ATT_TRY(run(e, n->body));
  e->frame = outer;
  ATT_TRY(att_captured(&e->r, start, &e->captured));
  ATT_TRY(evaluate(e, n->b, out));
  e->captured = before;
  return ATT_OK;
}

static att_status run_scope(evaluator *e, const att_node *n) {
  frame *outer = e->frame, *inner;
  att_value value;
  ATT_TRY(push_frame(e, outer));
  inner = e->frame;
  for (const att_node *item = n->items; item; item = item->next) {
    e->frame = outer;
    ATT_TRY(evaluate(e, item->b, &value));
    e->frame = inner;
    ATT_TRY(assign(e, item->a, &value));
  }
  ATT_TRY(run(e, n->body));
  e->frame = outer;
  return ATT_OK;
}

static att_status make_macro(evaluator *e, const att_node *n, att_value *out) {
  att_macro *macro;
  ATT_TAKE(macro, &e->r, 1);
  *macro = (att_macro){n, e->frame};
  *out = (att_value){.kind = ATT_VALUE_MACRO, .macro = macro};
  return ATT_OK;
}

static att_status run_statement(evaluator *e, const att_node *n) {
  att_value value, macro;
  switch (n->kind) {
  case ATT_NODE_TEXT: return att_emit(&e->r, n->name.data, n->name.size);
  case ATT_NODE_OUTPUT: ATT_TRY(evaluate(e, n->a, &value)); return att_print(&e->r, &value);
  case ATT_NODE_IF: return run_if(e, n);
  case ATT_NODE_FOR: return run_for(e, n);
  case ATT_NODE_SET: ATT_TRY(evaluate(e, n->b, &value)); return assign(e, n->a, &value);
  case ATT_NODE_SET_BLOCK: ATT_TRY(run_captured(e, n, &value)); return assign(e, n->a, &value);
  case ATT_NODE_WRITE: ATT_TRY(run_captured(e, n, &value)); return att_print(&e->r, &value);
  case ATT_NODE_MACRO: ATT_TRY(make_macro(e, n, &value)); return put_name(e, n->name, value);
  case ATT_NODE_CALL_BLOCK:
    ATT_TRY(make_macro(e, n, &macro));
    ATT_TRY(evaluate_call(e, n->a, &macro, &value));
    return att_print(&e->r, &value);
  case ATT_NODE_SCOPE: return run_scope(e, n);
  case ATT_NODE_BREAK: e->flow = FLOW_BREAK; return ATT_OK;
  default: e->flow = FLOW_CONTINUE; return ATT_OK;
  }
}

static att_status run(evaluator *e, const att_node *statements) {
  ATT_TRY(att_enter(&e->r));
  for (const att_node *n = statements; n && e->flow == FLOW_ON; n = n->next) {
    e->r.line = n->line;
    ATT_TRY(att_charge(&e->r, 1));
    ATT_TRY(run_statement(e, n));
  }
  att_leave(&e->r);
  return ATT_OK;
}

/* ---- from outside ----------------------------------------------------------------------------------------------- */

/* Strings stay the JSON's. */
static att_status from_json(att_render *r, const json_t *json, att_value *out) {
  att_list *list;
  att_dict *dict;
  const char *key;
  json_t *item;
  size_t i;
  ATT_TRY(att_enter(r));
  switch (json_typeof(json)) {
  case JSON_NULL: *out = att_none(); break;
  case JSON_TRUE:
  case JSON_FALSE: *out = att_truth(json_is_true(json)); break;
  case JSON_INTEGER: *out = att_whole(json_integer_value(json)); break;
  case JSON_REAL: *out = att_real(json_real_value(json)); break;
  case JSON_STRING: *out = att_string(json_string_value(json), json_string_length(json)); break;
  case JSON_ARRAY:
    ATT_TRY(att_list_new(r, json_array_size(json), &list));
    *out = att_of_list(ATT_VALUE_LIST, list);
    json_array_foreach(json, i, item) ATT_TRY(from_json(r, item, &list->items[list->count++]));
    break;
  case JSON_OBJECT:
    ATT_TRY(att_dict_new(r, &dict));
    *out = (att_value){.kind = ATT_VALUE_DICT, .dict = dict};
    json_object_foreach((json_t *)json, key, item) {
      att_value value;
      ATT_TRY(from_json(r, item, &value));
      ATT_TRY(att_dict_put(r, dict, att_string(key, strlen(key)), value));
    }
    break;
  }
  att_leave(r);
  return ATT_OK;
}

/* The text with all line ends as \n, and without the last one. */
static att_status normalize(att_source *source, att_text text) {
  char *own = att_arena_alloc(source->arena, text.size + 1, 1);
  size_t size = 0;
  if (!own) return ATT_MEMORY;
  for (size_t i = 0; i < text.size; i++) {
    bool end = text.data[i] == '\r' || text.data[i] == '\n';
    own[size++] = end ? '\n' : text.data[i];
    if (text.data[i] == '\r' && i + 1 < text.size && text.data[i + 1] == '\n') i++;
  }
  if (size > 0 && own[size - 1] == '\n') size--;
  own[size] = '\0';
  source->text = (att_text){own, size};
  return ATT_OK;
}

static att_status open_template(att_chat_template *template, att_context *ctx, const char *name, att_text text) {
  ATT_TRY(att_arena_new(ctx, &template->arena));
  char *own = att_arena_alloc(template->arena, strlen(name) + 1, 1);
  if (!own) return ATT_MEMORY;
  memcpy(own, name, strlen(name) + 1);
  template->name = own;
  att_source source = {.ctx = ctx, .name = own, .arena = template->arena};
  if (!att_utf8_valid(text.data, text.size))
    return att_fail(ctx, ATT_FORMAT, "%s: the chat template is not UTF-8", name);
  ATT_TRY(normalize(&source, text));
  return att_parse_template(&source, &template->statements);
}

att_status att_chat_template_open(att_context *ctx, const char *name, att_text text, att_chat_template **out) {
  att_chat_template *template = ATT_NEW(ctx, 1, att_chat_template);
  *out = NULL;
  if (!template) return ATT_MEMORY;
  template->ctx = ctx;
  att_status status = open_template(template, ctx, name, text);
  if (status)
    att_chat_template_free(template);
  else
    *out = template;
  return status;
}

void att_chat_template_free(att_chat_template *template) {
  if (!template) return;
  att_arena_free(template->arena);
  att_free(template->ctx, template);
}

static att_status render(const att_chat_template *template, evaluator *e, const json_t *variables) {
  att_value all;
  ATT_TRY(from_json(&e->r, variables, &all));
  ATT_TRY(push_frame(e, NULL));
  if (all.kind == ATT_VALUE_DICT) e->frame->names = *all.dict;
  return run(e, template->statements);
}

att_status att_chat_template_render(const att_chat_template *template, att_context *ctx, const json_t *variables,
                                    att_buffer *out) {
  evaluator e = {.r = {.ctx = ctx, .name = template->name, .line = 1}};
  ATT_TRY(att_arena_new(ctx, &e.r.arena));
  att_status status = render(template, &e, variables);
  if (!status) status = att_buffer_append(ctx, out, e.r.out.data ? e.r.out.data : "", e.r.out.size);
  att_buffer_free(ctx, &e.r.out);
  att_arena_free(e.r.arena);
  return status;
}
