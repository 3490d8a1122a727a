/* Owns how values are written. See print.h. */
#include "text/template/print.h"

#include "text/template/characters.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static att_status put(att_render *r, const char *text) { return att_emit(r, text, strlen(text)); }
static att_status put_text(att_render *r, att_text text) { return att_emit(r, text.data, text.size); }

static att_status put_whole(att_render *r, int64_t number) {
  char text[24];
  return att_emit(r, text, (size_t)snprintf(text, sizeof text, "%" PRId64, number));
}

/* ---- floats ---------------------------------------------------------------------------------------------------- */

/* The fewest digits that read back as the number; returns the exponent of the first. digits: [18] */
static int shortest(double value, char digits[32]) {
  char text[32];
  double back = 0;
  for (int count = 1; count <= 17; count++) {
    int size = att_format(text, sizeof text, "%.*e", count - 1, value);
    if (att_read_number(text, (size_t)size, &back) && back == value) break;
  }
  size_t used = 0;
  const char *at = text;
  for (; *at != 'e'; at++)
    if (*at != '.') digits[used++] = *at;
  while (used > 1 && digits[used - 1] == '0') used--;
  digits[used] = '\0';
  return (int)strtol(at + 1, NULL, 10);
}

/* As repr() has it: 0.1, 1.0, 1e+16, 1.5e-07. */
static att_status put_positive(att_render *r, double value) {
  char digits[32], text[64];
  int exponent = shortest(value, digits), count = (int)strlen(digits);
  ATT_TRY(att_charge(r, 400));
  if (exponent < -4 || exponent >= 16)
    snprintf(text, sizeof text, "%c%s%se%c%02d", digits[0], count > 1 ? "." : "", digits + 1, exponent < 0 ? '-' : '+',
             exponent < 0 ? -exponent : exponent);
  else if (exponent < 0)
    snprintf(text, sizeof text, "0.%.*s%s", -exponent - 1, "000", digits);
  else if (count <= exponent + 1)
    snprintf(text, sizeof text, "%s%.*s.0", digits, exponent + 1 - count, "0000000000000000");
  else
    snprintf(text, sizeof text, "%.*s.%s", exponent + 1, digits, digits + exponent + 1);
  return put(r, text);
}

/* JSON's words for what is no number differ. */
static att_status put_real(att_render *r, double value, bool json) {
  if (isnan(value)) return put(r, json ? "NaN" : "nan");
  if (signbit(value)) ATT_TRY(put(r, "-"));
  if (isinf(value)) return put(r, json ? "Infinity" : "inf");
  return put_positive(r, fabs(value));
}

/* ---- str() and repr() ------------------------------------------------------------------------------------------ */

static att_status put_escaped(att_render *r, int32_t code, char quote) {
  char text[16];
  switch (code) {
  case '\n': return put(r, "\\n");
  case '\r': return put(r, "\\r");
  case '\t': return put(r, "\\t");
  case '\\': return put(r, "\\\\");
  default: break;
  }
  if (code == quote)
    snprintf(text, sizeof text, "\\%c", quote);
  else
    snprintf(text, sizeof text, code < 0x100 ? "\\x%02x" : code < 0x10000 ? "\\u%04x" : "\\U%08x", (unsigned)code);
  return put(r, text);
}

static att_status put_quoted(att_render *r, att_text text) {
  bool single = text.size && memchr(text.data, '\'', text.size), twice = text.size && memchr(text.data, '"', text.size);
  char quote = single && !twice ? '"' : '\'';
  ATT_TRY(att_emit(r, &quote, 1));
  size_t plain = 0; /* from here on nothing was written yet */
  for (size_t at = 0, start = 0; at < text.size; start = at) {
    int32_t code = att_character_next(text, &at);
    if (code != quote && code != '\\' && att_character_is_printable(code)) continue;
    ATT_TRY(att_emit(r, text.data + plain, start - plain));
    ATT_TRY(put_escaped(r, code, quote));
    plain = at;
  }
  ATT_TRY(att_emit(r, text.data + plain, text.size - plain));
  return att_emit(r, &quote, 1);
}

static att_status put_items(att_render *r, const att_list *list, const char *open, const char *close) {
  ATT_TRY(put(r, open));
  for (size_t i = 0; i < list->count; i++) {
    if (i) ATT_TRY(put(r, ", "));
    ATT_TRY(att_print_repr(r, &list->items[i]));
  }
  return put(r, close);
}

static att_status put_members(att_render *r, const att_dict *dict) {
  ATT_TRY(put(r, "{"));
  for (size_t i = 0; i < dict->count; i++) {
    if (i) ATT_TRY(put(r, ", "));
    ATT_TRY(att_print_repr(r, &dict->members[i].key));
    ATT_TRY(put(r, ": "));
    ATT_TRY(att_print_repr(r, &dict->members[i].value));
  }
  return put(r, "}");
}

static att_status put_namespace(att_render *r, const att_dict *dict) {
  ATT_TRY(put(r, "<Namespace "));
  ATT_TRY(put_members(r, dict));
  return put(r, ">");
}

static att_status print_repr(att_render *r, const att_value *v) {
  switch (v->kind) {
  case ATT_VALUE_UNDEFINED: return put(r, "Undefined");
  case ATT_VALUE_NONE: return put(r, "None");
  case ATT_VALUE_BOOL: return put(r, v->truth ? "True" : "False");
  case ATT_VALUE_INT: return put_whole(r, v->whole);
  case ATT_VALUE_FLOAT: return put_real(r, v->real, false);
  case ATT_VALUE_STRING: return put_quoted(r, v->text);
  case ATT_VALUE_LIST: return put_items(r, v->list, "[", "]");
  case ATT_VALUE_TUPLE: return put_items(r, v->list, "(", v->list->count == 1 ? ",)" : ")");
  case ATT_VALUE_DICT: return put_members(r, v->dict);
  case ATT_VALUE_NAMESPACE: return put_namespace(r, v->dict);
  default: break; /* in Python with the address where they lie */
  }
  ATT_TRY(put(r, "<"));
  ATT_TRY(put(r, att_type_of(v)));
  return put(r, ">");
}

att_status att_print_repr(att_render *r, const att_value *v) {
  ATT_TRY(att_enter(r));
  ATT_TRY(print_repr(r, v));
  att_leave(r);
  return ATT_OK;
}

att_status att_print(att_render *r, const att_value *v) {
  if (v->kind == ATT_VALUE_STRING) return put_text(r, v->text);
  return v->kind == ATT_VALUE_UNDEFINED ? ATT_OK : att_print_repr(r, v);
}

att_status att_to_text(att_render *r, const att_value *v, att_text *out) {
  size_t start = r->out.size;
  att_value string = *v;
  if (v->kind != ATT_VALUE_STRING) {
    ATT_TRY(att_print(r, v));
    ATT_TRY(att_captured(r, start, &string));
  }
  *out = string.text;
  return ATT_OK;
}

/* ---- json.dumps() ---------------------------------------------------------------------------------------------- */

static att_status put_json_character(att_render *r, int32_t code) {
  char text[16];
  switch (code) {
  case '"': return put(r, "\\\"");
  case '\\': return put(r, "\\\\");
  case '\n': return put(r, "\\n");
  case '\r': return put(r, "\\r");
  case '\t': return put(r, "\\t");
  case '\b': return put(r, "\\b");
  case '\f': return put(r, "\\f");
  default: break;
  }
  unsigned above = (unsigned)code - 0x10000;
  if (code < 0x10000)
    snprintf(text, sizeof text, "\\u%04x", (unsigned)code);
  else
    snprintf(text, sizeof text, "\\u%04x\\u%04x", 0xd800 + (above >> 10), 0xdc00 + (above & 0x3ff));
  return put(r, text);
}

static att_status put_json_string(att_render *r, att_text text, bool ascii) {
  size_t plain = 0; /* from here on nothing was written yet */
  ATT_TRY(put(r, "\""));
  for (size_t at = 0, start = 0; at < text.size; start = at) {
    int32_t code = att_character_next(text, &at);
    if (code >= ' ' && code != '"' && code != '\\' && (code < 0x7f || !ascii)) continue;
    ATT_TRY(att_emit(r, text.data + plain, start - plain));
    ATT_TRY(put_json_character(r, code));
    plain = at;
  }
  ATT_TRY(att_emit(r, text.data + plain, text.size - plain));
  return put(r, "\"");
}

static att_status put_json_line(att_render *r, const att_json_style *style, int deep) {
  if (!style->indented) return ATT_OK;
  ATT_TRY(put(r, "\n"));
  for (int i = 0; i < deep; i++) ATT_TRY(put_text(r, style->indent));
  return ATT_OK;
}

static att_status put_json(att_render *r, const att_value *v, const att_json_style *style, int deep);

static att_status put_json_list(att_render *r, const att_list *list, const att_json_style *style, int deep) {
  if (list->count == 0) return put(r, "[]");
  ATT_TRY(put(r, "["));
  for (size_t i = 0; i < list->count; i++) {
    if (i) ATT_TRY(put_text(r, style->between));
    ATT_TRY(put_json_line(r, style, deep + 1));
    ATT_TRY(put_json(r, &list->items[i], style, deep + 1));
  }
  ATT_TRY(put_json_line(r, style, deep));
  return put(r, "]");
}

/* Numbers and the like become strings. */
static att_status put_json_key(att_render *r, const att_value *key, bool ascii) {
  if (key->kind == ATT_VALUE_STRING) return put_json_string(r, key->text, ascii);
  if (!att_is_numeric(key) && key->kind != ATT_VALUE_NONE) return att_wrong_type(r, key, "cannot be a key in JSON");
  ATT_TRY(put(r, "\""));
  ATT_TRY(put_json(r, key, NULL, 0));
  return put(r, "\"");
}

static att_status put_json_dict(att_render *r, const att_dict *dict, const att_json_style *style, int deep) {
  att_member *members = dict->members;
  if (dict->count == 0) return put(r, "{}");
  if (style->sorted) {
    ATT_TAKE(members, r, 2 * dict->count);
    memcpy(members, dict->members, dict->count * sizeof *members);
    ATT_TRY(att_sort_members(r, members, members + dict->count, dict->count, false));
  }
  ATT_TRY(put(r, "{"));
  for (size_t i = 0; i < dict->count; i++) {
    if (i) ATT_TRY(put_text(r, style->between));
    ATT_TRY(put_json_line(r, style, deep + 1));
    ATT_TRY(put_json_key(r, &members[i].key, style->ascii));
    ATT_TRY(put_text(r, style->colon));
    ATT_TRY(put_json(r, &members[i].value, style, deep + 1));
  }
  ATT_TRY(put_json_line(r, style, deep));
  return put(r, "}");
}

/* style NULL: a number or the like, which has none. */
static att_status put_json(att_render *r, const att_value *v, const att_json_style *style, int deep) {
  ATT_TRY(att_enter(r));
  switch (v->kind) {
  case ATT_VALUE_NONE: ATT_TRY(put(r, "null")); break;
  case ATT_VALUE_BOOL: ATT_TRY(put(r, v->truth ? "true" : "false")); break;
  case ATT_VALUE_INT: ATT_TRY(put_whole(r, v->whole)); break;
  case ATT_VALUE_FLOAT: ATT_TRY(put_real(r, v->real, true)); break;
  case ATT_VALUE_STRING: ATT_TRY(put_json_string(r, v->text, style->ascii)); break;
  case ATT_VALUE_LIST:
  case ATT_VALUE_TUPLE: ATT_TRY(put_json_list(r, v->list, style, deep)); break;
  case ATT_VALUE_DICT: ATT_TRY(put_json_dict(r, v->dict, style, deep)); break;
  default: return att_wrong_type(r, v, "cannot be written as JSON");
  }
  att_leave(r);
  return ATT_OK;
}

att_status att_print_json(att_render *r, const att_value *v, const att_json_style *style) {
  return put_json(r, v, style, 0);
}
