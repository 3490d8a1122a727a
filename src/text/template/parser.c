/* Owns the tree of a template. See syntax.h; the grammar is that of jinja2/parser.py. */
#include "text/template/syntax.h"

#include <string.h>

#define ATT_DEEPEST_SYNTAX 150 /* expressions and blocks in one another */

typedef struct parser {
  const att_source *source;
  const att_syntax_token *token; /* the current one */
  int depth, loops;
  int mentions; /* ATT_MENTIONS_... of the macro that is being read */
} parser;

static att_status parse_expression(parser *p, bool choose, att_node **out);
static att_status parse_unary(parser *p, bool filters, att_node **out);
static att_status parse_primary(parser *p, att_node **out);
static att_status parse_body(parser *p, const char *const *ends, att_node **out);

static att_status wrong(const parser *p, const char *wanted) {
  const att_syntax_token *t = p->token;
  if (t->kind == ATT_TOKEN_END) return att_syntax_wrong(p->source, t->line, "%s expected, and this is the end", wanted);
  int size = (int)(t->text.size < 40 ? t->text.size : 40);
  while (size > 0 && size < (int)t->text.size && ((unsigned char)t->text.data[size] & 0xc0) == 0x80) size--;
  const char *newline = memchr(t->text.data, '\n', (size_t)size);
  if (newline) size = (int)(newline - t->text.data);
  return att_syntax_wrong(p->source, t->line, "%s expected, not '%.*s'", wanted, size, t->text.data);
}

static att_status enter(parser *p) {
  if (p->depth >= ATT_DEEPEST_SYNTAX) return att_syntax_wrong(p->source, p->token->line, "this is nested too deep");
  p->depth++;
  return ATT_OK;
}

static att_status new_node(parser *p, att_node_kind kind, att_node **out) {
  *out = ATT_ARENA_NEW(p->source->arena, 1, att_node);
  if (!*out) return ATT_MEMORY;
  **out = (att_node){.kind = kind, .line = p->token->line, .value = att_none()};
  return ATT_OK;
}

/* *node becomes the `a` of a new node. */
static att_status wrap(parser *p, att_node_kind kind, att_node **node) {
  att_node *a = *node;
  ATT_TRY(new_node(p, kind, node));
  (*node)->a = a;
  return ATT_OK;
}

static bool is_name(const parser *p, const char *name) {
  return p->token->kind == ATT_TOKEN_NAME && att_text_is(p->token->text, name);
}

static bool is_operator(const parser *p, const char *operator) {
  return p->token->kind == ATT_TOKEN_OPERATOR && att_text_is(p->token->text, operator);
}

static bool take_name(parser *p, const char *name) { return is_name(p, name) ? p->token++, true : false; }
static bool take_operator(parser *p, const char *operator) {
  return is_operator(p, operator) ? p->token++, true : false;
}

static att_status expect_operator(parser *p, const char *operator) {
  return take_operator(p, operator) ? ATT_OK : wrong(p, operator);
}

static att_status expect_kind(parser *p, att_token_kind kind, const char *wanted) {
  if (p->token->kind != kind) return wrong(p, wanted);
  p->token++;
  return ATT_OK;
}

static att_status expect_any_name(parser *p, att_text *name) {
  *name = p->token->text;
  return expect_kind(p, ATT_TOKEN_NAME, "a name");
}

/* ---- expressions ------------------------------------------------------------------------------------------------ */

static bool ends_tuple(const parser *p, const char *end_name) {
  return p->token->kind == ATT_TOKEN_END_OUTPUT || p->token->kind == ATT_TOKEN_END_STATEMENT || is_operator(p, ")") ||
         (end_name && is_name(p, end_name));
}

typedef enum tuple_of { TUPLE_OF_EXPRESSIONS, TUPLE_WITHOUT_CHOICE, TUPLE_OF_TARGETS } tuple_of;

/* One expression, or several with commas between as a tuple. end_name: a name that ends it too, or NULL. */
static att_status parse_tuple(parser *p, tuple_of of, const char *end_name, bool in_parentheses, att_node **out) {
  att_node *first = NULL, **last = &first;
  bool tuple = false;
  for (; !ends_tuple(p, end_name); last = &(*last)->next) {
    ATT_TRY(of == TUPLE_OF_TARGETS ? parse_primary(p, last) : parse_expression(p, of == TUPLE_OF_EXPRESSIONS, last));
    if (!is_operator(p, ",")) {
      last = &(*last)->next;
      break;
    }
    p->token++;
    tuple = true;
  }
  if (!tuple && first) return *out = first, ATT_OK;
  if (!first && !in_parentheses) return wrong(p, "an expression");
  ATT_TRY(new_node(p, ATT_NODE_TUPLE, out));
  (*out)->items = first;
  return ATT_OK;
}

static att_status parse_list(parser *p, att_node **out) {
  ATT_TRY(new_node(p, ATT_NODE_LIST, out));
  for (att_node **last = &(*out)->items; !take_operator(p, "]"); last = &(*last)->next) {
    if (last != &(*out)->items) {
      ATT_TRY(expect_operator(p, ","));
      if (take_operator(p, "]")) break;
    }
    ATT_TRY(parse_expression(p, true, last));
  }
  return ATT_OK;
}

static att_status parse_dict(parser *p, att_node **out) {
  ATT_TRY(new_node(p, ATT_NODE_DICT, out));
  for (att_node **last = &(*out)->items; !take_operator(p, "}"); last = &(*last)->next) {
    if (last != &(*out)->items) {
      ATT_TRY(expect_operator(p, ","));
      if (take_operator(p, "}")) break;
    }
    ATT_TRY(new_node(p, ATT_NODE_DICT, last));
    ATT_TRY(parse_expression(p, true, &(*last)->a));
    ATT_TRY(expect_operator(p, ":"));
    ATT_TRY(parse_expression(p, true, &(*last)->b));
  }
  return ATT_OK;
}

static att_status parse_constant(parser *p, att_node **out) {
  ATT_TRY(new_node(p, ATT_NODE_CONSTANT, out));
  att_value *value = &(*out)->value;
  *value = p->token++->value;
  while (value->kind == ATT_VALUE_STRING && p->token->kind == ATT_TOKEN_CONSTANT &&
         p->token->value.kind == ATT_VALUE_STRING) { /* strings side by side are one */
    att_text first = value->text, second = p->token++->value.text;
    char *text = att_arena_alloc(p->source->arena, first.size + second.size + 1, 1);
    if (!text) return ATT_MEMORY;
    memcpy(text, first.data, first.size);
    memcpy(text + first.size, second.data, second.size);
    *value = att_string(text, first.size + second.size);
  }
  return ATT_OK;
}

static att_status parse_name(parser *p, att_node **out) {
  static const struct {
    const char *name;
    att_value value;
  } constants[] = {{"true", {.kind = ATT_VALUE_BOOL, .truth = true}},
                   {"True", {.kind = ATT_VALUE_BOOL, .truth = true}},
                   {"false", {.kind = ATT_VALUE_BOOL}},
                   {"False", {.kind = ATT_VALUE_BOOL}},
                   {"none", {.kind = ATT_VALUE_NONE}},
                   {"None", {.kind = ATT_VALUE_NONE}}};
  ATT_TRY(new_node(p, ATT_NODE_NAME, out));
  (*out)->name = p->token->text;
  for (size_t i = 0; i < sizeof constants / sizeof *constants; i++) {
    if (!is_name(p, constants[i].name)) continue;
    (*out)->kind = ATT_NODE_CONSTANT;
    (*out)->value = constants[i].value;
  }
  p->mentions |= is_name(p, "caller")    ? ATT_MENTIONS_CALLER
                 : is_name(p, "varargs") ? ATT_MENTIONS_VARARGS
                 : is_name(p, "kwargs")  ? ATT_MENTIONS_KWARGS
                                         : 0;
  p->token++;
  return ATT_OK;
}

static att_status parse_primary(parser *p, att_node **out) {
  if (p->token->kind == ATT_TOKEN_NAME) return parse_name(p, out);
  if (p->token->kind == ATT_TOKEN_CONSTANT) return parse_constant(p, out);
  if (take_operator(p, "[")) return parse_list(p, out);
  if (take_operator(p, "{")) return parse_dict(p, out);
  if (!take_operator(p, "(")) return wrong(p, "an expression");
  ATT_TRY(parse_tuple(p, TUPLE_OF_EXPRESSIONS, NULL, true, out));
  return expect_operator(p, ")");
}

/* Behind the "[": an expression, or a slice. */
static att_status parse_index(parser *p, att_node **out) {
  att_node *part[3] = {NULL, NULL, NULL};
  int count = 0;
  for (; count < 3; count++) {
    if (!is_operator(p, ":") && !is_operator(p, "]")) ATT_TRY(parse_expression(p, true, &part[count]));
    if (!take_operator(p, ":")) break;
  }
  ATT_TRY(expect_operator(p, "]"));
  if (count == 0 && !part[0]) return wrong(p, "an expression");
  if (count == 0) return *out = part[0], ATT_OK;
  ATT_TRY(new_node(p, ATT_NODE_SLICE, out));
  for (int i = 2; i >= 0; i--) {
    if (!part[i]) ATT_TRY(new_node(p, ATT_NODE_CONSTANT, &part[i]));
    part[i]->next = (*out)->items;
    (*out)->items = part[i];
  }
  return ATT_OK;
}

/* Behind the "(". */
static att_status parse_arguments(parser *p, att_node **out) {
  bool named = false, list = false, dict = false; /* there was one */
  for (att_node **last = out; !take_operator(p, ")"); last = &(*last)->next) {
    if (last != out) {
      ATT_TRY(expect_operator(p, ","));
      if (take_operator(p, ")")) break;
    }
    ATT_TRY(new_node(p, ATT_NODE_ARGUMENT, last));
    int flag = take_operator(p, "*") ? ATT_ARGUMENT_LIST : take_operator(p, "**") ? ATT_ARGUMENT_DICT : 0;
    bool name = !flag && p->token->kind == ATT_TOKEN_NAME && p->token[1].kind == ATT_TOKEN_OPERATOR &&
                att_text_is(p->token[1].text, "=");
    if (dict || (list && flag == ATT_ARGUMENT_LIST) || (!flag && !name && (list || named)))
      return wrong(p, "another order of arguments");
    if (name) {
      (*last)->name = p->token->text;
      p->token += 2;
    }
    (*last)->flag = flag;
    named = named || name;
    list = list || flag == ATT_ARGUMENT_LIST;
    dict = flag == ATT_ARGUMENT_DICT;
    ATT_TRY(parse_expression(p, true, &(*last)->a));
  }
  return ATT_OK;
}

static att_status parse_call(parser *p, att_node **node) {
  ATT_TRY(wrap(p, ATT_NODE_CALL, node));
  return parse_arguments(p, &(*node)->items);
}

/* .name, [index] and (arguments), as often as they come. */
static att_status parse_postfix(parser *p, att_node **node) {
  for (;;) {
    if (take_operator(p, ".")) {
      bool number = p->token->kind == ATT_TOKEN_CONSTANT && p->token->value.kind == ATT_VALUE_INT;
      ATT_TRY(wrap(p, number ? ATT_NODE_ITEM : ATT_NODE_ATTRIBUTE, node));
      if (number)
        ATT_TRY(parse_constant(p, &(*node)->b));
      else
        ATT_TRY(expect_any_name(p, &(*node)->name));
    } else if (take_operator(p, "[")) {
      ATT_TRY(wrap(p, ATT_NODE_ITEM, node));
      ATT_TRY(parse_index(p, &(*node)->b));
    } else if (take_operator(p, "(")) {
      ATT_TRY(parse_call(p, node));
    } else {
      return ATT_OK;
    }
  }
}

/* Behind a "|". */
static att_status parse_filter(parser *p, att_node **node) {
  ATT_TRY(wrap(p, ATT_NODE_FILTER, node));
  ATT_TRY(expect_any_name(p, &(*node)->name));
  return take_operator(p, "(") ? parse_arguments(p, &(*node)->items) : ATT_OK;
}

/* Behind an "is". */
static att_status parse_test(parser *p, att_node **node) {
  bool negated = take_name(p, "not");
  ATT_TRY(wrap(p, ATT_NODE_TEST, node));
  ATT_TRY(expect_any_name(p, &(*node)->name));
  bool more = p->token->kind == ATT_TOKEN_CONSTANT || is_operator(p, "[") || is_operator(p, "{") ||
              (p->token->kind == ATT_TOKEN_NAME && !is_name(p, "else") && !is_name(p, "or") && !is_name(p, "and"));
  if (more && is_name(p, "is")) return wrong(p, "an end of the test");
  if (take_operator(p, "(")) {
    ATT_TRY(parse_arguments(p, &(*node)->items));
  } else if (more) {
    ATT_TRY(new_node(p, ATT_NODE_ARGUMENT, &(*node)->items));
    ATT_TRY(parse_primary(p, &(*node)->items->a));
    ATT_TRY(parse_postfix(p, &(*node)->items->a));
  }
  return negated ? wrap(p, ATT_NODE_NOT, node) : ATT_OK;
}

static att_status parse_filters(parser *p, att_node **node) {
  for (;;) {
    if (take_operator(p, "|"))
      ATT_TRY(parse_filter(p, node));
    else if (take_name(p, "is"))
      ATT_TRY(parse_test(p, node));
    else if (take_operator(p, "("))
      ATT_TRY(parse_call(p, node));
    else
      return ATT_OK;
  }
}

static att_status parse_unary(parser *p, bool filters, att_node **out) {
  ATT_TRY(enter(p));
  if (is_operator(p, "-") || is_operator(p, "+")) {
    ATT_TRY(new_node(p, ATT_NODE_SIGN, out));
    (*out)->flag = is_operator(p, "-");
    p->token++;
    ATT_TRY(parse_unary(p, false, &(*out)->a));
  } else {
    ATT_TRY(parse_primary(p, out));
  }
  ATT_TRY(parse_postfix(p, out));
  if (filters) ATT_TRY(parse_filters(p, out));
  p->depth--;
  return ATT_OK;
}

/* Levels of operators with two sides, from the loosest; ~ stands between the first two. */
static const struct {
  const char *operators[5];
  int first; /* att_operator */
} levels[] = {
    {{"+", "-"}, ATT_ADD}, {{NULL}, 0}, {{"*", "/", "//", "%"}, ATT_MULTIPLY}, {{"**"}, ATT_POWER}, {{NULL}, 0}};

static att_status parse_concat(parser *p, att_node **out);

static att_status parse_level(parser *p, int level, att_node **out) {
  if (level == 1) return parse_concat(p, out);
  if (level == 4) return parse_unary(p, true, out);
  ATT_TRY(parse_level(p, level + 1, out));
  for (int i = 0; levels[level].operators[i];) {
    if (!take_operator(p, levels[level].operators[i])) {
      i++;
      continue;
    }
    ATT_TRY(wrap(p, ATT_NODE_OPERATE, out));
    (*out)->flag = levels[level].first + i;
    ATT_TRY(parse_level(p, level + 1, &(*out)->b));
    i = 0;
  }
  return ATT_OK;
}

static att_status parse_concat(parser *p, att_node **out) {
  att_node *first;
  ATT_TRY(parse_level(p, 2, &first));
  *out = first;
  if (!is_operator(p, "~")) return ATT_OK;
  ATT_TRY(new_node(p, ATT_NODE_CONCAT, out));
  (*out)->items = first;
  while (take_operator(p, "~")) {
    ATT_TRY(parse_level(p, 2, &first->next));
    first = first->next;
  }
  return ATT_OK;
}

/* *comparison: what stands here; false: none. */
static bool take_comparison(parser *p, int *comparison) {
  static const char *const operators[] = {"==", "!=", "<", "<=", ">", ">="};
  for (int i = 0; i < 6; i++)
    if (take_operator(p, operators[i])) return *comparison = i, true;
  if (take_name(p, "in")) return *comparison = ATT_IN, true;
  if (!is_name(p, "not") || p->token[1].kind != ATT_TOKEN_NAME || !att_text_is(p->token[1].text, "in")) return false;
  p->token += 2;
  *comparison = ATT_NOT_IN;
  return true;
}

static att_status parse_compare(parser *p, att_node **out) {
  int comparison;
  att_node **last = NULL;
  ATT_TRY(parse_level(p, 0, out));
  while (take_comparison(p, &comparison)) {
    if (!last) {
      ATT_TRY(wrap(p, ATT_NODE_COMPARE, out));
      last = &(*out)->items;
    }
    ATT_TRY(new_node(p, ATT_NODE_COMPARE, last));
    (*last)->flag = comparison;
    ATT_TRY(parse_level(p, 0, &(*last)->a));
    last = &(*last)->next;
  }
  return ATT_OK;
}

static att_status parse_not(parser *p, att_node **out) {
  if (!take_name(p, "not")) return parse_compare(p, out);
  ATT_TRY(enter(p));
  ATT_TRY(new_node(p, ATT_NODE_NOT, out));
  ATT_TRY(parse_not(p, &(*out)->a));
  p->depth--;
  return ATT_OK;
}

static att_status parse_and(parser *p, att_node **out) {
  ATT_TRY(parse_not(p, out));
  while (take_name(p, "and")) {
    ATT_TRY(wrap(p, ATT_NODE_AND, out));
    ATT_TRY(parse_not(p, &(*out)->b));
  }
  return ATT_OK;
}

static att_status parse_or(parser *p, att_node **out) {
  ATT_TRY(parse_and(p, out));
  while (take_name(p, "or")) {
    ATT_TRY(wrap(p, ATT_NODE_OR, out));
    ATT_TRY(parse_and(p, &(*out)->b));
  }
  return ATT_OK;
}

/* choose: it may have an "if". */
static att_status parse_expression(parser *p, bool choose, att_node **out) {
  ATT_TRY(enter(p));
  ATT_TRY(parse_or(p, out));
  while (choose && take_name(p, "if")) {
    ATT_TRY(wrap(p, ATT_NODE_CHOOSE, out));
    ATT_TRY(parse_or(p, &(*out)->b));
    if (take_name(p, "else")) ATT_TRY(parse_expression(p, true, &(*out)->c));
  }
  p->depth--;
  return ATT_OK;
}

/* ---- statements ------------------------------------------------------------------------------------------------- */

/* Behind the words of a tag: its end, the statements up to one of `ends`; stands on that name then. */
static att_status parse_block(parser *p, const char *const *ends, att_node **out) {
  take_operator(p, ":");
  ATT_TRY(expect_kind(p, ATT_TOKEN_END_STATEMENT, "the end of the tag"));
  return parse_body(p, ends, out);
}

/* The same up to one name, which is taken. */
static att_status parse_until(parser *p, const char *end, att_node **out) {
  const char *const ends[] = {end, NULL};
  ATT_TRY(parse_block(p, ends, out));
  p->token++;
  return ATT_OK;
}

static att_status parse_if(parser *p, att_node *node) {
  static const char *const ends[] = {"elif", "else", "endif", NULL};
  for (;;) {
    ATT_TRY(parse_tuple(p, TUPLE_WITHOUT_CHOICE, NULL, false, &node->a));
    ATT_TRY(parse_block(p, ends, &node->body));
    if (take_name(p, "elif")) {
      ATT_TRY(new_node(p, ATT_NODE_IF, &node->other));
      node = node->other;
      continue;
    }
    if (take_name(p, "else")) return parse_until(p, "endif", &node->other);
    p->token++;
    return ATT_OK;
  }
}

static att_status check_target(const parser *p, const att_node *target, bool attribute) {
  for (const att_node *item = target->kind == ATT_NODE_TUPLE ? target->items : target; item; item = item->next)
    if (item->kind == ATT_NODE_TUPLE)
      ATT_TRY(check_target(p, item, attribute));
    else if (item->kind != ATT_NODE_NAME && !(attribute && item->kind == ATT_NODE_ATTRIBUTE))
      return att_syntax_wrong(p->source, target->line, "this cannot be assigned to");
    else if (target->kind != ATT_NODE_TUPLE)
      break;
  return ATT_OK;
}

static att_status parse_for(parser *p, att_node *node) {
  static const char *const ends[] = {"endfor", "else", NULL};
  ATT_TRY(parse_tuple(p, TUPLE_OF_TARGETS, "in", false, &node->a));
  ATT_TRY(check_target(p, node->a, false));
  if (!take_name(p, "in")) return wrong(p, "in");
  ATT_TRY(parse_tuple(p, TUPLE_WITHOUT_CHOICE, "recursive", false, &node->b));
  if (take_name(p, "if")) ATT_TRY(parse_expression(p, true, &node->c));
  node->flag = take_name(p, "recursive");
  p->loops++;
  ATT_TRY(parse_block(p, ends, &node->body));
  p->loops--;
  if (!take_name(p, "else")) return p->token++, ATT_OK;
  return parse_until(p, "endfor", &node->other);
}

/* name, ns.name, or several. */
static att_status parse_set(parser *p, att_node *node) {
  if (p->token->kind == ATT_TOKEN_NAME && p->token[1].kind == ATT_TOKEN_OPERATOR && p->token[1].text.data[0] == '.') {
    ATT_TRY(parse_name(p, &node->a));
    p->token++;
    ATT_TRY(wrap(p, ATT_NODE_ATTRIBUTE, &node->a));
    ATT_TRY(expect_any_name(p, &node->a->name));
  } else {
    ATT_TRY(parse_tuple(p, TUPLE_OF_TARGETS, NULL, false, &node->a));
  }
  ATT_TRY(check_target(p, node->a, true));
  if (take_operator(p, "=")) return parse_tuple(p, TUPLE_OF_EXPRESSIONS, NULL, false, &node->b);
  node->kind = ATT_NODE_SET_BLOCK;
  ATT_TRY(new_node(p, ATT_NODE_CAPTURED, &node->b));
  while (take_operator(p, "|")) ATT_TRY(parse_filter(p, &node->b));
  return parse_until(p, "endset", &node->body);
}

/* Behind the "(". */
static att_status parse_parameters(parser *p, att_node **out) {
  for (att_node **last = out; !take_operator(p, ")"); last = &(*last)->next) {
    if (last != out) ATT_TRY(expect_operator(p, ","));
    if (p->token->kind != ATT_TOKEN_NAME) return wrong(p, "a parameter");
    ATT_TRY(new_node(p, ATT_NODE_NAME, last));
    (*last)->name = p->token++->text;
    if (take_operator(p, "=")) ATT_TRY(parse_expression(p, true, &(*last)->a));
  }
  return ATT_OK;
}

/* A body that is called: of a macro or a call block. */
static att_status parse_called(parser *p, const char *end, att_node *node) {
  int mentions = p->mentions, loops = p->loops;
  p->mentions = p->loops = 0;
  ATT_TRY(parse_until(p, end, &node->body));
  node->flag = p->mentions;
  p->mentions = mentions;
  p->loops = loops;
  return ATT_OK;
}

static att_status parse_macro(parser *p, att_node *node) {
  ATT_TRY(expect_any_name(p, &node->name));
  ATT_TRY(expect_operator(p, "("));
  ATT_TRY(parse_parameters(p, &node->items));
  return parse_called(p, "endmacro", node);
}

static att_status parse_call_block(parser *p, att_node *node) {
  if (take_operator(p, "(")) ATT_TRY(parse_parameters(p, &node->items));
  ATT_TRY(parse_unary(p, true, &node->a));
  if (node->a->kind != ATT_NODE_CALL) return att_syntax_wrong(p->source, node->line, "call needs a call");
  return parse_called(p, "endcall", node);
}

static att_status parse_write(parser *p, att_node *node) {
  ATT_TRY(new_node(p, ATT_NODE_CAPTURED, &node->b));
  do ATT_TRY(parse_filter(p, &node->b));
  while (take_operator(p, "|"));
  return parse_until(p, "endfilter", &node->body);
}

static att_status parse_with(parser *p, att_node *node) {
  for (att_node **last = &node->items; p->token->kind != ATT_TOKEN_END_STATEMENT; last = &(*last)->next) {
    if (last != &node->items) ATT_TRY(expect_operator(p, ","));
    ATT_TRY(new_node(p, ATT_NODE_SET, last));
    ATT_TRY(parse_name(p, &(*last)->a));
    ATT_TRY(check_target(p, (*last)->a, false));
    ATT_TRY(expect_operator(p, "="));
    ATT_TRY(parse_expression(p, true, &(*last)->b));
  }
  return parse_until(p, "endwith", &node->body);
}

static att_status parse_generation(parser *p, att_node *node) { return parse_until(p, "endgeneration", &node->body); }

static att_status parse_jump(parser *p, att_node *node) {
  return p->loops ? ATT_OK : att_syntax_wrong(p->source, node->line, "break or continue outside of a loop");
}

static att_status parse_statement(parser *p, att_node **out) {
  static const struct {
    const char *name;
    att_node_kind kind;
    att_status (*parse)(parser *p, att_node *node);
  } statements[] = {{"if", ATT_NODE_IF, parse_if},
                    {"for", ATT_NODE_FOR, parse_for},
                    {"set", ATT_NODE_SET, parse_set},
                    {"macro", ATT_NODE_MACRO, parse_macro},
                    {"call", ATT_NODE_CALL_BLOCK, parse_call_block},
                    {"filter", ATT_NODE_WRITE, parse_write},
                    {"with", ATT_NODE_SCOPE, parse_with},
                    {"generation", ATT_NODE_SCOPE, parse_generation},
                    {"break", ATT_NODE_BREAK, parse_jump},
                    {"continue", ATT_NODE_CONTINUE, parse_jump}};
  for (size_t i = 0; i < sizeof statements / sizeof *statements; i++) {
    if (!is_name(p, statements[i].name)) continue;
    ATT_TRY(new_node(p, statements[i].kind, out));
    p->token++;
    ATT_TRY(statements[i].parse(p, *out));
    return expect_kind(p, ATT_TOKEN_END_STATEMENT, "the end of the tag");
  }
  return wrong(p, "a tag that attend knows");
}

static att_status parse_output(parser *p, att_node **out) {
  ATT_TRY(new_node(p, ATT_NODE_OUTPUT, out));
  p->token++;
  ATT_TRY(parse_tuple(p, TUPLE_OF_EXPRESSIONS, NULL, false, &(*out)->a));
  return expect_kind(p, ATT_TOKEN_END_OUTPUT, "}}");
}

/* Up to one of the names in `ends`, behind its {%; NULL: up to the end. */
static att_status parse_body(parser *p, const char *const *ends, att_node **out) {
  ATT_TRY(enter(p));
  for (*out = NULL; p->token->kind != ATT_TOKEN_END; out = &(*out)->next) {
    if (p->token->kind == ATT_TOKEN_TEXT) {
      ATT_TRY(new_node(p, ATT_NODE_TEXT, out));
      (*out)->name = p->token++->text;
    } else if (p->token->kind == ATT_TOKEN_BEGIN_OUTPUT) {
      ATT_TRY(parse_output(p, out));
    } else {
      p->token++;
      p->depth--;
      for (const char *const *end = ends; end && *end; end++)
        if (is_name(p, *end)) return ATT_OK;
      p->depth++;
      ATT_TRY(parse_statement(p, out));
    }
  }
  p->depth--;
  return ends ? wrong(p, ends[0]) : ATT_OK;
}

att_status att_parse_template(const att_source *source, const att_node **statements) {
  parser p = {.source = source};
  att_node *first;
  ATT_TRY(att_tokenize_template(source, &p.token));
  ATT_TRY(parse_body(&p, NULL, &first));
  *statements = first;
  return ATT_OK;
}
