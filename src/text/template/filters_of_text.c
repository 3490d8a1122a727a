/* Owns the filters of strings, numbers and JSON. See filters.h; they are those of jinja2/filters.py. */
#include "text/template/characters.h"
#include "text/template/filters.h"
#include "text/template/operators.h"
#include "text/template/print.h"
#include "text/template/strings.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static att_status to_string(att_render *r, const att_value *v, att_value *out) {
  *out = att_string("", 0);
  return att_to_text(r, v, &out->text);
}

static att_status call_method(att_render *r, const char *name, const att_value *string, const att_arguments *given,
                              att_value *out) {
  bool refused;
  const att_function *method = att_find_string_method((att_text){name, strlen(name)}, &refused);
  return att_call_function(r, method, string, given, out);
}

att_status att_filter_method(att_render *r, const att_call *call, att_value *out) {
  static const char *const names[] = {"upper", "lower", "capitalize", "strip"};
  att_value string;
  ATT_TRY(to_string(r, call->self, &string));
  return call_method(r, names[call->mode], &string, call->given, out);
}

/* Everything is taken as text. */
att_status att_filter_replace(att_render *r, const att_call *call, att_value *out) {
  att_value string, items[3];
  att_arguments given = {.items = items, .count = att_given_some(&call->args[2]) ? 3 : 2};
  ATT_TRY(to_string(r, call->self, &string));
  ATT_TRY(to_string(r, &call->args[0], &items[0]));
  ATT_TRY(to_string(r, &call->args[1], &items[1]));
  items[2] = call->args[2];
  return call_method(r, "replace", &string, &given, out);
}

att_status att_filter_string(att_render *r, const att_call *call, att_value *out) {
  ATT_TRY(to_string(r, call->self, out));
  out->safe = call->mode || (call->self->kind == ATT_VALUE_STRING && call->self->safe);
  return ATT_OK;
}

static bool parts_words(int32_t code) {
  return (code < 0x80 && code && strchr("-({[<", code)) || att_character_is_blank(code);
}

/* One word: its first character large, the rest small, each without a look at the other. */
static att_status put_title(att_render *r, att_text word) {
  size_t first = word.size ? att_character_size(word.data[0]) : 0;
  ATT_TRY(att_change_case(r->ctx, (att_text){word.data, first}, ATT_CASE_UPPER, &r->out));
  return att_change_case(r->ctx, (att_text){word.data + first, word.size - first}, ATT_CASE_LOWER, &r->out);
}

att_status att_filter_title(att_render *r, const att_call *call, att_value *out) {
  size_t start = r->out.size, from = 0;
  att_text text;
  ATT_TRY(att_to_text(r, call->self, &text));
  ATT_TRY(att_charge(r, text.size));
  for (size_t at = 0; at < text.size;) {
    size_t place = at;
    if (!parts_words(att_character_next(text, &at))) continue;
    ATT_TRY(put_title(r, (att_text){text.data + from, place - from}));
    ATT_TRY(att_emit(r, text.data + place, at - place));
    from = at;
  }
  ATT_TRY(put_title(r, (att_text){text.data + from, text.size - from}));
  return att_captured(r, start, out);
}

/* What a line is indented by: a string, or that many spaces. */
static att_status take_indent(att_render *r, const att_value *width, int64_t usual, att_value *out) {
  static const att_value space = {.kind = ATT_VALUE_STRING, .text = {" ", 1}};
  int64_t count = usual;
  *out = *width;
  if (width->kind == ATT_VALUE_STRING) return ATT_OK;
  ATT_TRY(att_take_whole(r, width, "an indent", &count));
  const att_value times = att_whole(count);
  return att_operate(r, ATT_MULTIPLY, &space, &times, out);
}

/* args: width, first, blank */
att_status att_filter_indent(att_render *r, const att_call *call, att_value *out) {
  static const att_value newline = {.kind = ATT_VALUE_STRING, .text = {"\n", 1}};
  const att_arguments none = {0};
  size_t start = r->out.size;
  att_value indent, string, lines;
  if (call->self->kind != ATT_VALUE_STRING) return att_wrong_type(r, call->self, "cannot be indented");
  ATT_TRY(take_indent(r, &call->args[0], 4, &indent));
  ATT_TRY(att_operate(r, ATT_ADD, call->self, &newline, &string)); /* a last line that is empty counts */
  ATT_TRY(call_method(r, "splitlines", &string, &none, &lines));
  for (size_t i = 0; i < lines.list->count; i++) {
    att_text line = lines.list->items[i].text;
    bool indented = i == 0 ? att_is_true(&call->args[1]) : line.size || att_is_true(&call->args[2]);
    if (i) ATT_TRY(att_emit(r, "\n", 1));
    if (indented) ATT_TRY(att_emit(r, indent.text.data, indent.text.size));
    ATT_TRY(att_emit(r, line.data, line.size));
  }
  return att_captured(r, start, out);
}

/* ---- JSON ------------------------------------------------------------------------------------------------------- */

static att_status take_separators(att_render *r, const att_value *pair, att_json_style *style) {
  const att_list *items;
  ATT_TRY(att_collect(r, pair, &items));
  if (items->count != 2) return att_stop(r, ATT_FORMAT, "separators must be two strings");
  ATT_TRY(att_take_text(r, &items->items[0], "a separator", &style->between));
  return att_take_text(r, &items->items[1], "a separator", &style->colon);
}

/* Transformers' own: args: ensure_ascii, indent, separators, sort_keys */
att_status att_filter_tojson(att_render *r, const att_call *call, att_value *out) {
  att_json_style style = {.ascii = att_is_true(&call->args[0]), .sorted = att_is_true(&call->args[3])};
  att_value indent;
  size_t start = r->out.size;
  style.between = (att_text){", ", 2};
  style.colon = (att_text){": ", 2};
  style.indented = att_given_some(&call->args[1]);
  if (style.indented) {
    ATT_TRY(take_indent(r, &call->args[1], 0, &indent));
    style.indent = indent.text;
    style.between.size = 1;
  }
  if (att_given_some(&call->args[2])) ATT_TRY(take_separators(r, &call->args[2], &style));
  ATT_TRY(att_print_json(r, call->self, &style));
  return att_captured(r, start, out);
}

/* ---- numbers ---------------------------------------------------------------------------------------------------- */

static att_status too_large(att_render *r) {
  return att_stop(r, ATT_UNSUPPORTED, "an integer beyond 64 bits, which attend does not know");
}

/* int() of a string; *good false: it is none. */
static att_status read_whole(att_render *r, att_text text, int64_t *number, bool *good) {
  text = att_strip(text, NULL, true, true);
  bool minus = text.size && text.data[0] == '-', digit = false;
  *good = true;
  *number = 0;
  for (size_t i = text.size && (minus || text.data[0] == '+'); i < text.size && *good; i++) {
    bool between = text.data[i] == '_' && digit; /* one of these between two digits */
    digit = text.data[i] >= '0' && text.data[i] <= '9';
    *good = digit || between;
    if (!digit) continue;
    int value = text.data[i] - '0';
    if (__builtin_mul_overflow(*number, 10, number) || __builtin_add_overflow(*number, minus ? -value : value, number))
      return too_large(r);
  }
  *good = *good && digit;
  return ATT_OK;
}

static bool read_real(att_text text, double *number) {
  text = att_strip(text, NULL, true, true);
  if (text.size && text.data[0] == '+') text = (att_text){text.data + 1, text.size - 1};
  return att_read_number(text.data, text.size, number);
}

/* args: default. What is no number becomes that; "42.7" is 42. */
att_status att_filter_int(att_render *r, const att_call *call, att_value *out) {
  const att_value *v = call->self;
  int64_t whole = 0;
  double real = NAN;
  bool good = false;
  if (v->kind == ATT_VALUE_UNDEFINED) return att_wrong_type(r, v, "");
  *out = att_given(&call->args[0]) ? call->args[0] : att_whole(0);
  if (att_is_whole(v)) return *out = att_whole(att_as_whole(v)), ATT_OK;
  if (v->kind == ATT_VALUE_STRING) {
    ATT_TRY(att_charge(r, v->text.size));
    ATT_TRY(read_whole(r, v->text, &whole, &good));
    if (good) return *out = att_whole(whole), ATT_OK;
    if (!read_real(v->text, &real)) return ATT_OK;
  } else if (v->kind == ATT_VALUE_FLOAT) {
    real = v->real;
  }
  if (!isfinite(real)) return ATT_OK;
  if (real >= 0x1p63 || real < -0x1p63) return too_large(r);
  *out = att_whole((int64_t)real);
  return ATT_OK;
}

/* args: default */
att_status att_filter_float(att_render *r, const att_call *call, att_value *out) {
  const att_value *v = call->self;
  double real = 0;
  bool good = att_is_numeric(v);
  if (v->kind == ATT_VALUE_UNDEFINED) return att_wrong_type(r, v, "");
  if (good) real = att_as_real(v);
  if (v->kind == ATT_VALUE_STRING) good = read_real(v->text, &real);
  *out = good ? att_real(real) : att_given(&call->args[0]) ? call->args[0] : att_real(0);
  return ATT_OK;
}

att_status att_filter_abs(att_render *r, const att_call *call, att_value *out) {
  const att_value *v = call->self;
  if (!att_is_numeric(v)) return att_wrong_type(r, v, "has no absolute value");
  if (v->kind == ATT_VALUE_FLOAT) return *out = att_real(fabs(v->real)), ATT_OK;
  return att_sign(r, att_as_whole(v) < 0, v, out);
}

/* round() of Python: the decimal number that is nearest, of two the even one. */
static att_status round_common(att_render *r, const att_value *v, int64_t precision, att_value *out) {
  char text[80];
  if (precision < 0) return att_stop(r, ATT_UNSUPPORTED, "rounding to tens, which attend does not do");
  *out = att_is_whole(v) ? att_whole(att_as_whole(v)) : *v;
  if (att_is_whole(v) || !isfinite(v->real) || fabs(v->real) >= 0x1p52 || precision > 40) return ATT_OK;
  int size = att_format(text, sizeof text, "%.*f", (int)precision, v->real);
  att_read_number(text, (size_t)size, &out->real);
  return ATT_OK;
}

/* args: precision, method */
att_status att_filter_round(att_render *r, const att_call *call, att_value *out) {
  att_text method = {"common", 6};
  int64_t precision = 0;
  ATT_TRY(att_take_whole(r, &call->args[0], "a precision", &precision));
  ATT_TRY(att_take_text(r, &call->args[1], "a method of rounding", &method));
  bool up = att_text_is(method, "ceil"), common = att_text_is(method, "common");
  if (!up && !common && !att_text_is(method, "floor"))
    return att_stop(r, ATT_FORMAT, "a method of rounding must be common, ceil or floor");
  if (!att_is_numeric(call->self)) return att_wrong_type(r, call->self, "cannot be rounded");
  if (common) return round_common(r, call->self, precision, out);
  double scale = pow(10, (double)precision), scaled = att_as_real(call->self) * scale;
  if (!isfinite(scaled) || !isfinite(scale)) return att_stop(r, ATT_FORMAT, "infinity cannot be rounded");
  *out = att_real((up ? ceil(scaled) : floor(scaled)) / scale);
  return ATT_OK;
}
