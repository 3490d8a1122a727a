/* Owns Python's operators on values. See operators.h. */
#include "text/template/operators.h"

#include "text/template/characters.h"
#include "text/template/print.h"

#include <math.h>
#include <string.h>

static att_status too_large(att_render *r) {
  return att_stop(r, ATT_UNSUPPORTED, "an integer beyond 64 bits, which attend does not know");
}

static att_status no_operation(att_render *r, att_operator op, const att_value *a, const att_value *b) {
  static const char *const names[] = {"+", "-", "*", "/", "//", "%", "**"};
  if (a->kind == ATT_VALUE_UNDEFINED) return att_wrong_type(r, a, "");
  if (b->kind == ATT_VALUE_UNDEFINED) return att_wrong_type(r, b, "");
  return att_stop(r, ATT_FORMAT, "there is no %s of %s and %s", names[op], att_type_of(a), att_type_of(b));
}

/* ---- numbers --------------------------------------------------------------------------------------------------- */

static att_status whole_power(att_render *r, int64_t base, int64_t exponent, att_value *out) {
  int64_t power = 1;
  for (; exponent > 0; exponent >>= 1) { /* the base doubles its digits each time: 6 times at most, or is 0, 1, -1 */
    if (exponent & 1 && __builtin_mul_overflow(power, base, &power)) return too_large(r);
    if (exponent > 1 && __builtin_mul_overflow(base, base, &base)) return too_large(r);
  }
  *out = att_whole(power);
  return ATT_OK;
}

static att_status floor_divide(att_render *r, int64_t a, int64_t b, bool remainder, att_value *out) {
  if (b == -1) { /* the smallest integer has no opposite */
    if (!remainder && a == INT64_MIN) return too_large(r);
    return *out = att_whole(remainder ? 0 : -a), ATT_OK;
  }
  int64_t quotient = a / b, rest = a % b;
  bool below = rest != 0 && (rest < 0) != (b < 0);
  *out = att_whole(remainder ? rest + (below ? b : 0) : quotient - below);
  return ATT_OK;
}

static att_status operate_wholes(att_render *r, att_operator op, int64_t a, int64_t b, att_value *out) {
  int64_t result = 0;
  bool over = false;
  switch (op) {
  case ATT_ADD: over = __builtin_add_overflow(a, b, &result); break;
  case ATT_SUBTRACT: over = __builtin_sub_overflow(a, b, &result); break;
  case ATT_MULTIPLY: over = __builtin_mul_overflow(a, b, &result); break;
  case ATT_POWER: return whole_power(r, a, b, out);
  case ATT_DIVIDE: return *out = att_real((double)a / (double)b), ATT_OK;
  default: return floor_divide(r, a, b, op == ATT_REMAINDER, out);
  }
  *out = att_whole(result);
  return over ? too_large(r) : ATT_OK;
}

/* divmod() of floats as CPython computes it. */
static double divide_reals(double a, double b, bool remainder) {
  double rest = fmod(a, b), quotient = (a - rest) / b;
  if (rest != 0 && (b < 0) != (rest < 0)) {
    rest += b;
    quotient -= 1;
  } else if (rest == 0) {
    rest = copysign(0.0, b);
  }
  if (remainder) return rest;
  double whole = quotient != 0 ? floor(quotient) : copysign(0.0, a / b);
  return quotient - whole > 0.5 ? whole + 1 : whole;
}

static att_status operate_reals(att_render *r, att_operator op, double a, double b, att_value *out) {
  switch (op) {
  case ATT_ADD: *out = att_real(a + b); return ATT_OK;
  case ATT_SUBTRACT: *out = att_real(a - b); return ATT_OK;
  case ATT_MULTIPLY: *out = att_real(a * b); return ATT_OK;
  case ATT_DIVIDE: *out = att_real(a / b); return ATT_OK;
  case ATT_POWER: break;
  default: *out = att_real(divide_reals(a, b, op == ATT_REMAINDER)); return ATT_OK;
  }
  double power = pow(a, b);
  if (isnan(power) && !isnan(a) && !isnan(b)) return att_stop(r, ATT_UNSUPPORTED, "a power that is a complex number");
  if (isinf(power) && isfinite(a) && isfinite(b)) return att_stop(r, ATT_FORMAT, "a power that is too large");
  *out = att_real(power);
  return ATT_OK;
}

static att_status operate_numbers(att_render *r, att_operator op, const att_value *a, const att_value *b,
                                  att_value *out) {
  bool divides = op == ATT_DIVIDE || op == ATT_FLOOR_DIVIDE || op == ATT_REMAINDER,
       wholes = att_is_whole(a) && att_is_whole(b);
  bool inverts = op == ATT_POWER && att_as_real(b) < 0;
  if ((divides && att_as_real(b) == 0) || (inverts && att_as_real(a) == 0))
    return att_stop(r, ATT_FORMAT, "a division by zero");
  if (wholes && !inverts) return operate_wholes(r, op, att_as_whole(a), att_as_whole(b), out);
  return operate_reals(r, op, att_as_real(a), att_as_real(b), out);
}

/* ---- strings and lists ----------------------------------------------------------------------------------------- */

/* & < > ' " as HTML writes them. */
static att_status escape(att_render *r, const att_value *v, att_value *out) {
  static const char *const escapes[] = {
      ['&'] = "&amp;", ['<'] = "&lt;", ['>'] = "&gt;", ['\''] = "&#39;", ['"'] = "&#34;"};
  size_t start = r->out.size;
  for (size_t i = 0; i < v->text.size; i++) {
    unsigned char byte = (unsigned char)v->text.data[i];
    const char *as = byte < sizeof escapes / sizeof *escapes ? escapes[byte] : NULL;
    ATT_TRY(att_emit(r, as ? as : v->text.data + i, as ? strlen(as) : 1));
  }
  return att_captured(r, start, out);
}

static att_status join_strings(att_render *r, const att_value *a, const att_value *b, att_value *out) {
  att_value escaped;
  char *text;
  bool safe = a->safe || b->safe;
  if (a->safe != b->safe) {
    ATT_TRY(escape(r, a->safe ? b : a, &escaped));
    *(a->safe ? &b : &a) = &escaped;
  }
  size_t first = a->text.size, second = b->text.size;
  ATT_TAKE(text, r, first + second + 1); /* no more than the bound on memory, so no overflow */
  if (first) memcpy(text, a->text.data, first);
  if (second) memcpy(text + first, b->text.data, second);
  *out = att_string(text, first + second);
  out->safe = safe;
  return ATT_OK;
}

static att_status join_lists(att_render *r, const att_value *a, const att_value *b, att_value *out) {
  att_list *list;
  ATT_TRY(att_list_new(r, a->list->count + b->list->count, &list));
  for (size_t i = 0; i < a->list->count; i++) list->items[list->count++] = a->list->items[i];
  for (size_t i = 0; i < b->list->count; i++) list->items[list->count++] = b->list->items[i];
  *out = *a;
  out->list = list;
  return ATT_OK;
}

static att_status repeat_string(att_render *r, const att_value *v, size_t times, att_value *out) {
  char *text;
  size_t size;
  if (__builtin_mul_overflow(v->text.size, times, &size)) size = SIZE_MAX / 2;
  ATT_TAKE(text, r, size + 1);
  for (size_t i = 0; i < times && v->text.size; i++) memcpy(text + i * v->text.size, v->text.data, v->text.size);
  *out = att_string(text, v->text.size ? size : 0);
  return ATT_OK;
}

static att_status repeat(att_render *r, const att_value *v, int64_t number, att_value *out) {
  size_t times = number > 0 ? (size_t)number : 0, count;
  if (v->kind == ATT_VALUE_STRING) return repeat_string(r, v, times, out);
  if (__builtin_mul_overflow(v->list->count, times, &count)) count = SIZE_MAX / 2;
  att_list *list;
  ATT_TRY(att_list_new(r, count, &list));
  while (list->count < count) {
    list->items[list->count] = v->list->items[list->count % v->list->count];
    list->count++;
  }
  *out = *v;
  out->list = list;
  return ATT_OK;
}

static bool is_sequence(const att_value *v) {
  return v->kind == ATT_VALUE_STRING || v->kind == ATT_VALUE_LIST || v->kind == ATT_VALUE_TUPLE;
}

att_status att_operate(att_render *r, att_operator op, const att_value *a, const att_value *b, att_value *out) {
  if (att_is_numeric(a) && att_is_numeric(b)) return operate_numbers(r, op, a, b, out);
  if (op == ATT_ADD && a->kind == b->kind && is_sequence(a))
    return a->kind == ATT_VALUE_STRING ? join_strings(r, a, b, out) : join_lists(r, a, b, out);
  if (op == ATT_MULTIPLY && is_sequence(a) && att_is_whole(b)) return repeat(r, a, att_as_whole(b), out);
  if (op == ATT_MULTIPLY && is_sequence(b) && att_is_whole(a)) return repeat(r, b, att_as_whole(a), out);
  if (op == ATT_REMAINDER && a->kind == ATT_VALUE_STRING)
    return att_stop(r, ATT_UNSUPPORTED, "%% of a string, which attend does not format");
  return no_operation(r, op, a, b);
}

att_status att_sign(att_render *r, bool minus, const att_value *v, att_value *out) {
  if (!att_is_numeric(v)) return att_wrong_type(r, v, "has no sign");
  if (v->kind == ATT_VALUE_FLOAT) return *out = att_real(minus ? -v->real : v->real), ATT_OK;
  return operate_wholes(r, minus ? ATT_SUBTRACT : ATT_ADD, 0, att_as_whole(v), out);
}

/* ---- in -------------------------------------------------------------------------------------------------------- */

static att_status in_string(att_render *r, att_text text, const att_value *item, bool *contains) {
  if (item->kind != ATT_VALUE_STRING) return att_wrong_type(r, item, "cannot be in a string");
  ATT_TRY(att_charge(r, text.size));
  *contains = item->text.size == 0 || memmem(text.data, text.size, item->text.data, item->text.size) != NULL;
  return ATT_OK;
}

att_status att_contains(att_render *r, const att_value *container, const att_value *item, bool *contains) {
  const att_list *items;
  att_value *value;
  *contains = false;
  if (container->kind == ATT_VALUE_STRING) return in_string(r, container->text, item, contains);
  if (container->kind == ATT_VALUE_DICT) {
    ATT_TRY(att_dict_find(r, container->dict, item, &value));
    return *contains = value != NULL, ATT_OK;
  }
  ATT_TRY(att_collect(r, container, &items));
  for (size_t i = 0; i < items->count && !*contains; i++) ATT_TRY(att_equal(r, &items->items[i], item, contains));
  return ATT_OK;
}

att_status att_compare_values(att_render *r, att_comparison op, const att_value *a, const att_value *b, bool *holds) {
  bool equal = false;
  switch (op) {
  case ATT_IS_EQ:
  case ATT_IS_NE: ATT_TRY(att_equal(r, a, b, holds)); break;
  case ATT_IN:
  case ATT_NOT_IN: ATT_TRY(att_contains(r, b, a, holds)); break;
  case ATT_IS_GT:
  case ATT_IS_GE: ATT_TRY(att_less(r, b, a, holds)); break;
  default: ATT_TRY(att_less(r, a, b, holds)); break;
  }
  if (op == ATT_IS_NE || op == ATT_NOT_IN) *holds = !*holds;
  if ((op == ATT_IS_LE || op == ATT_IS_GE) && !*holds) {
    ATT_TRY(att_equal(r, a, b, &equal));
    *holds = equal;
  }
  return ATT_OK;
}

/* ---- slices ---------------------------------------------------------------------------------------------------- */

typedef struct slice_bounds {
  int64_t start, stop, step, count;
} slice_bounds;

/* As slice.indices() has it. */
static att_status find_bound(att_render *r, const att_value *bound, int64_t count, bool back, int64_t otherwise,
                             int64_t *out) {
  int64_t least = back ? -1 : 0, most = back ? count - 1 : count;
  *out = otherwise;
  if (bound->kind == ATT_VALUE_NONE) return ATT_OK;
  if (!att_is_whole(bound)) return att_wrong_type(r, bound, "cannot be a bound of a slice");
  int64_t place = att_as_whole(bound);
  if (place < 0) place += count;
  *out = place < least ? least : place > most ? most : place;
  return ATT_OK;
}

static att_status find_bounds(att_render *r, const att_value bounds[3], int64_t count, slice_bounds *out) {
  int64_t step = 1;
  bool given = bounds[2].kind != ATT_VALUE_NONE;
  if (given && !att_is_whole(&bounds[2])) return att_wrong_type(r, &bounds[2], "cannot be the step of a slice");
  if (given) step = att_as_whole(&bounds[2]);
  if (step == 0) return att_stop(r, ATT_FORMAT, "a slice with a step of 0");
  if (step < -INT64_MAX) step = -INT64_MAX;
  bool back = step < 0;
  *out = (slice_bounds){.step = step};
  ATT_TRY(find_bound(r, &bounds[0], count, back, back ? count - 1 : 0, &out->start));
  ATT_TRY(find_bound(r, &bounds[1], count, back, back ? -1 : count, &out->stop));
  int64_t way = back ? out->start - out->stop : out->stop - out->start;
  out->count = way > 0 ? (way - 1) / (back ? -step : step) + 1 : 0;
  return ATT_OK;
}

static att_status slice_string(att_render *r, const att_value *v, const slice_bounds *bounds, att_value *out) {
  size_t start = r->out.size, places[2];
  if (bounds->step == 1) {
    places[0] = att_character_place(v->text, (size_t)bounds->start);
    places[1] = att_character_place(v->text, (size_t)(bounds->start + bounds->count));
    *out = att_string(v->text.data + places[0], places[1] - places[0]);
    return ATT_OK;
  }
  size_t *at, count = 0;
  ATT_TAKE(at, r, v->text.size + 1);
  for (size_t i = 0; i < v->text.size; i += att_character_size(v->text.data[i])) at[count++] = i;
  for (int64_t i = 0; i < bounds->count; i++) {
    size_t place = at[bounds->start + i * bounds->step];
    ATT_TRY(att_emit(r, v->text.data + place, att_character_size(v->text.data[place])));
  }
  ATT_TRY(att_captured(r, start, out));
  return ATT_OK;
}

att_status att_slice(att_render *r, const att_value *v, const att_value bounds[3], att_value *out) {
  slice_bounds range;
  if (!is_sequence(v)) return att_wrong_type(r, v, "has no slices");
  if (v->kind == ATT_VALUE_STRING) ATT_TRY(att_charge(r, 4 * v->text.size));
  ATT_TRY(find_bounds(r, bounds, att_length(v), &range));
  if (v->kind == ATT_VALUE_STRING) return slice_string(r, v, &range, out);
  att_list *list;
  ATT_TRY(att_list_new(r, (size_t)range.count, &list));
  for (int64_t i = 0; i < range.count; i++) list->items[list->count++] = v->list->items[range.start + i * range.step];
  *out = *v;
  out->list = list;
  return ATT_OK;
}
