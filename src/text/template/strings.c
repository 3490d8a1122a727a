/* Owns the methods of str. See strings.h. */
#include "text/template/strings.h"

#include "text/template/characters.h"
#include "text/template/print.h"

#include <string.h>

enum { FIRST, LAST, BOTH }; /* the side of a string that a method looks at */

static att_value part(const char *data, size_t size) { return att_string(data, size); }
static att_status put(att_render *r, att_text text) { return att_emit(r, text.data, text.size); }

/* Where `what` is at or after `from`, or size. what is not empty. */
static size_t find(att_text text, att_text what, size_t from) {
  const char *at = memmem(text.data + from, text.size - from, what.data, what.size);
  return at ? (size_t)(at - text.data) : text.size;
}

/* Where `what` last ends at or before `until`; 0: nowhere. what is not empty. */
static size_t find_last(att_text text, att_text what, size_t until) {
  for (size_t end = until; end >= what.size; end--)
    if (memcmp(text.data + end - what.size, what.data, what.size) == 0) return end;
  return 0;
}

/* The first argument, which is looked for in the string: not empty. Counts the work of that. */
static att_status take_wanted(att_render *r, const att_call *call, att_text *wanted) {
  ATT_TRY(att_take_text(r, &call->args[0], "what is looked for", wanted));
  if (wanted->size == 0) return att_stop(r, ATT_FORMAT, "a separator that is empty");
  return att_charge(r, call->self->text.size * (1 + wanted->size / 16) / 4);
}

static att_status change_case(att_render *r, const att_call *call, att_value *out) {
  size_t start = r->out.size;
  ATT_TRY(att_charge(r, call->self->text.size));
  ATT_TRY(att_change_case(r->ctx, call->self->text, (att_case)call->mode, &r->out)); /* three times as long at most */
  return att_captured(r, start, out);
}

static att_status strip(att_render *r, const att_call *call, att_value *out) {
  att_text which = {"", 0}, text = call->self->text;
  bool given = att_given_some(&call->args[0]);
  if (given) ATT_TRY(att_take_text(r, &call->args[0], "what is stripped", &which));
  ATT_TRY(att_charge(r, (text.size / 8 + 1) * (which.size / 8 + 1)));
  text = att_strip(text, given ? &which : NULL, call->mode != LAST, call->mode != FIRST);
  *out = part(text.data, text.size);
  return ATT_OK;
}

/* ---- splitting -------------------------------------------------------------------------------------------------- */

static att_status split_at(att_render *r, att_text text, att_text separator, int64_t most, att_list *parts) {
  size_t from = 0;
  for (size_t at; most != 0 && (at = find(text, separator, from)) < text.size; most--) {
    ATT_TRY(att_list_push(r, parts, part(text.data + from, at - from)));
    from = at + separator.size;
  }
  return att_list_push(r, parts, part(text.data + from, text.size - from));
}

static att_status split_blanks(att_render *r, att_text text, int64_t most, att_list *parts) {
  att_text rest = att_strip(text, NULL, true, false);
  for (; rest.size && most != 0; most--) {
    size_t end = 0, next = 0;
    while (next < rest.size && !att_character_is_blank(att_character_next(rest, &next))) end = next;
    ATT_TRY(att_list_push(r, parts, part(rest.data, end)));
    rest = att_strip((att_text){rest.data + end, rest.size - end}, NULL, true, false);
  }
  return rest.size ? att_list_push(r, parts, part(rest.data, rest.size)) : ATT_OK;
}

/* From the end. */
static att_status split_last(att_render *r, att_text text, att_text separator, int64_t most, att_list *parts) {
  size_t until = text.size;
  for (size_t end; most != 0 && (end = find_last(text, separator, until)) > 0; most--) {
    ATT_TRY(att_list_push(r, parts, part(text.data + end, until - end)));
    until = end - separator.size;
  }
  ATT_TRY(att_list_push(r, parts, part(text.data, until)));
  for (size_t i = 0; i < parts->count / 2; i++) {
    att_value first = parts->items[i];
    parts->items[i] = parts->items[parts->count - 1 - i];
    parts->items[parts->count - 1 - i] = first;
  }
  return ATT_OK;
}

/* args: sep, maxsplit */
static att_status split(att_render *r, const att_call *call, att_value *out) {
  att_text separator, text = call->self->text;
  int64_t most = -1;
  att_list *parts;
  bool given = att_given_some(&call->args[0]);
  ATT_TRY(att_take_whole(r, &call->args[1], "maxsplit", &most));
  if (given) ATT_TRY(take_wanted(r, call, &separator));
  if (!given && call->mode == LAST && most >= 0)
    return att_stop(r, ATT_UNSUPPORTED, "rsplit() at white space with a bound, which attend does not know");
  ATT_TRY(att_charge(r, text.size / 4));
  ATT_TRY(att_list_new(r, 0, &parts));
  *out = att_of_list(ATT_VALUE_LIST, parts);
  if (!given) return split_blanks(r, text, most, parts);
  return (call->mode == LAST ? split_last : split_at)(r, text, separator, most, parts);
}

static bool ends_line(int32_t code) {
  return (code >= '\n' && code <= '\r') || (code >= 0x1c && code <= 0x1e) || code == 0x85 || code == 0x2028 ||
         code == 0x2029;
}

/* args: keepends */
static att_status splitlines(att_render *r, const att_call *call, att_value *out) {
  att_text text = call->self->text;
  att_list *lines;
  ATT_TRY(att_charge(r, text.size));
  ATT_TRY(att_list_new(r, 0, &lines));
  *out = att_of_list(ATT_VALUE_LIST, lines);
  for (size_t from = 0; from < text.size;) {
    size_t end = from, next = from;
    while (next < text.size) {
      int32_t code = att_character_next(text, &next);
      if (ends_line(code)) {
        if (code == '\r' && next < text.size && text.data[next] == '\n') next++;
        break;
      }
      end = next;
    }
    ATT_TRY(att_list_push(r, lines, part(text.data + from, (att_is_true(&call->args[0]) ? next : end) - from)));
    from = next;
  }
  return ATT_OK;
}

/* (before, separator, after); where it is not there, all is on the side that is searched from. */
static att_status partition(att_render *r, const att_call *call, att_value *out) {
  att_text separator, text = call->self->text;
  att_list *parts;
  bool last = call->mode == LAST;
  ATT_TRY(take_wanted(r, call, &separator));
  size_t end = last ? find_last(text, separator, text.size) : find(text, separator, 0) + separator.size;
  bool found = last ? end > 0 : end <= text.size;
  size_t before = found ? end - separator.size : last ? 0 : text.size, after = found ? end : before;
  ATT_TRY(att_list_new(r, 3, &parts));
  ATT_TRY(att_list_push(r, parts, part(text.data, before)));
  ATT_TRY(att_list_push(r, parts, part(separator.data, found ? separator.size : 0)));
  ATT_TRY(att_list_push(r, parts, part(text.data + after, text.size - after)));
  *out = att_of_list(ATT_VALUE_TUPLE, parts);
  return ATT_OK;
}

/* ---- finding ---------------------------------------------------------------------------------------------------- */

/* In bytes; -1: nowhere. */
static att_status find_place(att_render *r, const att_call *call, int64_t *place) {
  att_text wanted = {"", 0}, text = call->self->text;
  bool last = call->mode == LAST;
  ATT_TRY(att_take_text(r, &call->args[0], "what is looked for", &wanted));
  if (wanted.size == 0) return *place = last ? (int64_t)text.size : 0, ATT_OK;
  ATT_TRY(take_wanted(r, call, &wanted));
  size_t at = last ? find_last(text, wanted, text.size) : find(text, wanted, 0);
  if (last)
    *place = at ? (int64_t)(at - wanted.size) : -1;
  else
    *place = at < text.size ? (int64_t)at : -1;
  return ATT_OK;
}

static att_status find_number(att_render *r, const att_call *call, att_value *out) {
  int64_t place;
  ATT_TRY(find_place(r, call, &place));
  if (place > 0) place = (int64_t)att_count_characters((att_text){call->self->text.data, (size_t)place});
  *out = att_whole(place);
  return ATT_OK;
}

static att_status index_of(att_render *r, const att_call *call, att_value *out) {
  ATT_TRY(find_number(r, call, out));
  return out->whole < 0 ? att_stop(r, ATT_FORMAT, "what index() looks for is not there") : ATT_OK;
}

static att_status count(att_render *r, const att_call *call, att_value *out) {
  att_text wanted = {"", 0}, text = call->self->text;
  ATT_TRY(att_take_text(r, &call->args[0], "what is counted", &wanted));
  ATT_TRY(att_charge(r, text.size / 4));
  *out = att_whole(wanted.size ? 0 : (int64_t)att_count_characters(text) + 1);
  for (size_t at = 0; wanted.size && (at = find(text, wanted, at)) < text.size; at += wanted.size) out->whole++;
  return ATT_OK;
}

static bool has_end(att_text text, att_text end, bool last) {
  return text.size >= end.size &&
         (!end.size || !memcmp(text.data + (last ? text.size - end.size : 0), end.data, end.size));
}

/* args: one string or a tuple of several */
static att_status has_either(att_render *r, const att_call *call, att_value *out) {
  bool several = call->args[0].kind == ATT_VALUE_TUPLE;
  att_text end = {"", 0};
  *out = att_truth(false);
  for (size_t i = 0; i < (several ? call->args[0].list->count : 1) && !out->truth; i++) {
    ATT_TRY(att_take_text(r, several ? &call->args[0].list->items[i] : &call->args[0], "an end of a string", &end));
    ATT_TRY(att_charge(r, end.size / 8 + 1));
    out->truth = has_end(call->self->text, end, call->mode == LAST);
  }
  return ATT_OK;
}

static att_status remove_end(att_render *r, const att_call *call, att_value *out) {
  att_text end = {"", 0}, text = call->self->text;
  ATT_TRY(att_take_text(r, &call->args[0], "an end of a string", &end));
  size_t size = has_end(text, end, call->mode == LAST) ? end.size : 0;
  *out = part(text.data + (call->mode == LAST ? 0 : size), text.size - size);
  return ATT_OK;
}

/* ---- making others ---------------------------------------------------------------------------------------------- */

/* An empty string is before each character and at the end. */
static att_status replace_nothing(att_render *r, att_text text, att_text new, int64_t most) {
  for (size_t at = 0; at <= text.size; most--) {
    if (most == 0) return put(r, (att_text){text.data + at, text.size - at});
    ATT_TRY(put(r, new));
    if (at == text.size) return ATT_OK;
    size_t size = att_character_size(text.data[at]);
    ATT_TRY(att_emit(r, text.data + at, size));
    at += size;
  }
  return ATT_OK;
}

/* args: old, new, count */
static att_status replace(att_render *r, const att_call *call, att_value *out) {
  att_text old = {"", 0}, new = {"", 0}, text = call->self->text;
  int64_t most = -1;
  size_t start = r->out.size, from = 0;
  ATT_TRY(att_take_text(r, &call->args[0], "what is replaced", &old));
  ATT_TRY(att_take_text(r, &call->args[1], "a replacement", &new));
  ATT_TRY(att_take_whole(r, &call->args[2], "count", &most));
  if (old.size == 0) {
    ATT_TRY(replace_nothing(r, text, new, most));
    return att_captured(r, start, out);
  }
  ATT_TRY(att_charge(r, text.size / 8));
  for (size_t at; most != 0 && (at = find(text, old, from)) < text.size; most--) {
    ATT_TRY(att_emit(r, text.data + from, at - from));
    ATT_TRY(put(r, new));
    from = at + old.size;
  }
  ATT_TRY(att_emit(r, text.data + from, text.size - from));
  return att_captured(r, start, out);
}

static att_status join(att_render *r, const att_call *call, att_value *out) {
  const att_list *items;
  size_t start = r->out.size;
  ATT_TRY(att_collect(r, &call->args[0], &items));
  for (size_t i = 0; i < items->count; i++) {
    if (i) ATT_TRY(put(r, call->self->text));
    if (items->items[i].kind != ATT_VALUE_STRING)
      return att_wrong_type(r, &items->items[i], "cannot be joined to strings");
    ATT_TRY(put(r, items->items[i].text));
  }
  return att_captured(r, start, out);
}

/* ---- format ---------------------------------------------------------------------------------------------------- */

static att_status named_argument(att_render *r, const att_arguments *given, att_text name, const att_value **out) {
  for (size_t i = 0; i < given->named_count; i++) {
    if (att_texts_equal(given->names[i], name)) return *out = &given->named[i], ATT_OK;
  }
  return att_stop(r, ATT_FORMAT, "format() got no argument '%.*s'", (int)(name.size & 63), name.data);
}

/* The argument of a field: {} is the next one, {2} the third, {name} one by name. */
static att_status field_argument(att_render *r, const att_arguments *given, att_text field, int64_t *next,
                                 const att_value **out) {
  int64_t number = 0;
  size_t digits = 0;
  while (digits < field.size && field.data[digits] >= '0' && field.data[digits] <= '9' && number < 1000000)
    number = 10 * number + (field.data[digits++] - '0');
  if (field.size && digits < field.size) return named_argument(r, given, field, out);
  bool counted = field.size == 0, mixed = counted ? *next < 0 : *next > 0;
  if (mixed) return att_stop(r, ATT_FORMAT, "format() with {} and with numbers");
  if (counted) number = *next;
  *next = counted ? number + 1 : -1;
  if (number >= (int64_t)given->count) return att_stop(r, ATT_FORMAT, "format() got too few arguments");
  *out = &given->items[number];
  return ATT_OK;
}

static att_status put_field(att_render *r, const att_arguments *given, att_text field, int64_t *next) {
  const att_value *value = NULL;
  for (size_t i = 0; i < field.size; i++)
    if (strchr(".[:!{", field.data[i]))
      return att_stop(r, ATT_UNSUPPORTED, "a field of format() other than {}, {2} or {name}: '{%.*s}'",
                      (int)(field.size & 63), field.data);
  ATT_TRY(field_argument(r, given, field, next, &value));
  return att_print(r, value);
}

/* Fields are {}, {2} and {name} alone. */
static att_status format(att_render *r, const att_call *call, att_value *out) {
  const att_arguments *given = call->given;
  att_text text = call->self->text;
  int64_t next = 0; /* the number of the next {}; below 0: fields have numbers */
  size_t start = r->out.size;
  ATT_TRY(att_charge(r, text.size));
  for (size_t i = 0; i < text.size; i++) {
    char byte = text.data[i];
    bool twice = i + 1 < text.size && text.data[i + 1] == byte;
    if ((byte != '{' && byte != '}') || twice) {
      ATT_TRY(att_emit(r, &byte, 1));
      i += twice && (byte == '{' || byte == '}');
      continue;
    }
    const char *end = byte == '{' ? memchr(text.data + i, '}', text.size - i) : NULL;
    if (!end) return att_stop(r, ATT_FORMAT, "format() of a string with a single '%c'", byte);
    att_text field = {text.data + i + 1, (size_t)(end - text.data) - i - 1};
    ATT_TRY(put_field(r, given, field, &next));
    i += field.size + 1;
  }
  return att_captured(r, start, out);
}

/* ---- what they are ---------------------------------------------------------------------------------------------- */

static att_status all_are(att_render *r, const att_call *call, att_value *out) {
  *out = att_truth(att_all_are(call->self->text, (att_character_class)call->mode));
  return att_charge(r, call->self->text.size);
}

static att_status is_case(att_render *r, const att_call *call, att_value *out) {
  *out = att_truth(att_text_is_case(call->self->text, call->mode == ATT_CASE_UPPER));
  return att_charge(r, call->self->text.size);
}

static const att_function methods[] = {
    {"strip", "chars", 0, strip, BOTH},
    {"lstrip", "chars", 0, strip, FIRST},
    {"rstrip", "chars", 0, strip, LAST},
    {"split", "sep,maxsplit", 0, split, FIRST},
    {"rsplit", "sep,maxsplit", 0, split, LAST},
    {"splitlines", "keepends", 0, splitlines, 0},
    {"startswith", "prefix", 1, has_either, FIRST},
    {"endswith", "suffix", 1, has_either, LAST},
    {"upper", "", 0, change_case, ATT_CASE_UPPER},
    {"lower", "", 0, change_case, ATT_CASE_LOWER},
    {"title", "", 0, change_case, ATT_CASE_TITLE},
    {"capitalize", "", 0, change_case, ATT_CASE_CAPITALIZE},
    {"replace", "old,new,count", 2, replace, 0},
    {"find", "sub", 1, find_number, FIRST},
    {"rfind", "sub", 1, find_number, LAST},
    {"index", "sub", 1, index_of, FIRST},
    {"rindex", "sub", 1, index_of, LAST},
    {"count", "sub", 1, count, 0},
    {"join", "iterable", 1, join, 0},
    {"format", NULL, 0, format, 0},
    {"removeprefix", "prefix", 1, remove_end, FIRST},
    {"removesuffix", "suffix", 1, remove_end, LAST},
    {"partition", "sep", 1, partition, FIRST},
    {"rpartition", "sep", 1, partition, LAST},
    {"isalpha", "", 0, all_are, ATT_CLASS_ALPHA},
    {"isalnum", "", 0, all_are, ATT_CLASS_ALNUM},
    {"isdigit", "", 0, all_are, ATT_CLASS_DIGIT},
    {"isdecimal", "", 0, all_are, ATT_CLASS_DECIMAL},
    {"isspace", "", 0, all_are, ATT_CLASS_SPACE},
    {"isupper", "", 0, is_case, ATT_CASE_UPPER},
    {"islower", "", 0, is_case, ATT_CASE_LOWER},
};

const att_function *att_find_string_method(att_text name, bool *refused) {
  static const char *const others[] = {"format_map", "casefold",  "encode",      "expandtabs",  "isascii", "isnumeric",
                                       "istitle",    "ljust",     "rjust",       "center",      "zfill",   "swapcase",
                                       "translate",  "maketrans", "isprintable", "isidentifier"};
  *refused = false;
  for (size_t i = 0; i < sizeof others / sizeof *others; i++) *refused = *refused || att_text_is(name, others[i]);
  return ATT_FIND(methods, name);
}
