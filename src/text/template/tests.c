/* Owns the tests. See tests.h. */
#include "text/template/tests.h"

#include "text/template/characters.h"
#include "text/template/operators.h"
#include "text/template/print.h"

enum {
  DEFINED,
  UNDEFINED,
  NONE,
  BOOLEAN,
  TRUTH,
  FALSEHOOD,
  INTEGER,
  REAL,
  NUMBER,
  STRING,
  MAPPING,
  ITERABLE,
  SEQUENCE,
  CALLABLE
};

static bool is(const att_value *v, int what) {
  switch (what) {
  case DEFINED: return v->kind != ATT_VALUE_UNDEFINED;
  case UNDEFINED: return v->kind == ATT_VALUE_UNDEFINED;
  case NONE: return v->kind == ATT_VALUE_NONE;
  case BOOLEAN: return v->kind == ATT_VALUE_BOOL;
  case TRUTH: return v->kind == ATT_VALUE_BOOL && v->truth;
  case FALSEHOOD: return v->kind == ATT_VALUE_BOOL && !v->truth;
  case INTEGER: return v->kind == ATT_VALUE_INT;
  case REAL: return v->kind == ATT_VALUE_FLOAT;
  case NUMBER: return att_is_numeric(v);
  case STRING: return v->kind == ATT_VALUE_STRING;
  case MAPPING: return v->kind == ATT_VALUE_DICT;
  case ITERABLE: return att_is_iterable(v);
  case SEQUENCE: /* what has a length and elements */
    return v->kind == ATT_VALUE_UNDEFINED || (v->kind >= ATT_VALUE_STRING && v->kind <= ATT_VALUE_DICT);
  default: return v->kind >= ATT_VALUE_FUNCTION || v->kind == ATT_VALUE_LOOP || v->kind == ATT_VALUE_UNDEFINED;
  }
}

static att_status is_kind(att_render *r, const att_call *call, att_value *out) {
  (void)r;
  *out = att_truth(is(call->self, call->mode));
  return ATT_OK;
}

static att_status is_case(att_render *r, const att_call *call, att_value *out) {
  att_text text;
  ATT_TRY(att_to_text(r, call->self, &text));
  ATT_TRY(att_charge(r, text.size));
  *out = att_truth(att_text_is_case(text, call->mode == ATT_CASE_UPPER));
  return ATT_OK;
}

/* Whether v % 2 (or % what is given, mode -1) is `mode`. */
static att_status leaves(att_render *r, const att_call *call, att_value *out) {
  const att_value two = att_whole(2), wanted = att_whole(call->mode < 0 ? 0 : call->mode);
  att_value remainder;
  bool equal;
  ATT_TRY(att_operate(r, ATT_REMAINDER, call->self, call->mode < 0 ? &call->args[0] : &two, &remainder));
  ATT_TRY(att_equal(r, &remainder, &wanted, &equal));
  *out = att_truth(equal);
  return ATT_OK;
}

/* `is` of Python. What is a value only: the same where it is equal and of one kind. */
static att_status is_same(att_render *r, const att_call *call, att_value *out) {
  const att_value *a = call->self, *b = &call->args[0];
  bool equal = false, value = a->kind <= ATT_VALUE_STRING;
  if (a->kind == b->kind && value && a->kind != ATT_VALUE_UNDEFINED) ATT_TRY(att_equal(r, a, b, &equal));
  if (a->kind == b->kind && !value) equal = a->pointer == b->pointer;
  *out = att_truth(equal);
  return ATT_OK;
}

static att_status compare(att_render *r, const att_call *call, att_value *out) {
  bool holds;
  ATT_TRY(att_compare_values(r, (att_comparison)call->mode, call->self, &call->args[0], &holds));
  *out = att_truth(holds);
  return ATT_OK;
}

const att_function *att_find_test(att_text name) {
  static const att_function tests[] = {
      {"defined", "", 0, is_kind, DEFINED},
      {"undefined", "", 0, is_kind, UNDEFINED},
      {"none", "", 0, is_kind, NONE},
      {"boolean", "", 0, is_kind, BOOLEAN},
      {"true", "", 0, is_kind, TRUTH},
      {"false", "", 0, is_kind, FALSEHOOD},
      {"integer", "", 0, is_kind, INTEGER},
      {"float", "", 0, is_kind, REAL},
      {"number", "", 0, is_kind, NUMBER},
      {"string", "", 0, is_kind, STRING},
      {"mapping", "", 0, is_kind, MAPPING},
      {"iterable", "", 0, is_kind, ITERABLE},
      {"sequence", "", 0, is_kind, SEQUENCE},
      {"callable", "", 0, is_kind, CALLABLE},
      {"upper", "", 0, is_case, ATT_CASE_UPPER},
      {"lower", "", 0, is_case, ATT_CASE_LOWER},
      {"odd", "", 0, leaves, 1},
      {"even", "", 0, leaves, 0},
      {"divisibleby", "num", 1, leaves, -1},
      {"sameas", "other", 1, is_same, 0},
      {"eq", "b", 1, compare, ATT_IS_EQ},
      {"equalto", "b", 1, compare, ATT_IS_EQ},
      {"==", "b", 1, compare, ATT_IS_EQ},
      {"ne", "b", 1, compare, ATT_IS_NE},
      {"!=", "b", 1, compare, ATT_IS_NE},
      {"lt", "b", 1, compare, ATT_IS_LT},
      {"lessthan", "b", 1, compare, ATT_IS_LT},
      {"<", "b", 1, compare, ATT_IS_LT},
      {"le", "b", 1, compare, ATT_IS_LE},
      {"<=", "b", 1, compare, ATT_IS_LE},
      {"gt", "b", 1, compare, ATT_IS_GT},
      {"greaterthan", "b", 1, compare, ATT_IS_GT},
      {">", "b", 1, compare, ATT_IS_GT},
      {"ge", "b", 1, compare, ATT_IS_GE},
      {">=", "b", 1, compare, ATT_IS_GE},
      {"in", "seq", 1, compare, ATT_IN},
  };
  return ATT_FIND(tests, name);
}
