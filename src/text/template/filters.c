/*
 * Owns the table of filters, and those of lists and dicts. See filters.h; they are those of jinja2/filters.py. Missing:
 * attr, batch, escape, filesizeformat, format, groupby, pprint, random, slice, striptags, truncate, urlencode, urlize,
 * wordcount, wordwrap, xmlattr.
 */
#include "text/template/filters.h"

#include "text/template/access.h"
#include "text/template/operators.h"
#include "text/template/print.h"
#include "text/template/strings.h"
#include "text/template/tests.h"

#include <string.h>

/* args: default_value, boolean */
static att_status use_default(att_render *r, const att_call *call, att_value *out) {
  (void)r;
  const att_value *v = call->self;
  bool none = v->kind == ATT_VALUE_UNDEFINED || (att_is_true(&call->args[1]) && !att_is_true(v));
  *out = !none ? *v : att_given(&call->args[0]) ? call->args[0] : att_string("", 0);
  return ATT_OK;
}

static att_status length(att_render *r, const att_call *call, att_value *out) {
  int64_t count = att_length(call->self);
  if (call->self->kind == ATT_VALUE_STRING) ATT_TRY(att_charge(r, call->self->text.size / 8));
  *out = att_whole(count);
  return count < 0 ? att_wrong_type(r, call->self, "has no length") : ATT_OK;
}

/* ---- elements --------------------------------------------------------------------------------------------------- */

/* A path of attributes and numbers: "function.name", 0. Given no path: the value itself. */
static att_status get_path(att_render *r, const att_value *v, const att_value *path, att_value *out) {
  *out = *v;
  if (!att_given_some(path)) return ATT_OK;
  att_value item = *v;
  if (path->kind != ATT_VALUE_STRING) return att_get_item(r, &item, path, out);
  for (size_t from = 0, size; from <= path->text.size; from += size + 1) {
    const char *data = path->text.data + from, *dot = memchr(data, '.', path->text.size - from);
    size = dot ? (size_t)(dot - data) : path->text.size - from;
    att_value key = att_whole(0);
    bool digits = size > 0 && size < 10;
    for (size_t i = 0; i < size && digits; i++) {
      digits = data[i] >= '0' && data[i] <= '9';
      key.whole = 10 * key.whole + (data[i] - '0');
    }
    if (!digits) key = att_string(data, size);
    item = *out;
    ATT_TRY(att_get_item(r, &item, &key, out));
  }
  return ATT_OK;
}

/* What a value is compared by: where case does not count, a string in lower case. */
static att_status get_key(att_render *r, const att_value *v, const att_value *path, bool cased, att_value *out) {
  static const att_arguments none = {0};
  bool refused;
  ATT_TRY(get_path(r, v, path, out));
  if (cased || out->kind != ATT_VALUE_STRING) return ATT_OK;
  const att_value string = *out;
  return att_call_function(r, att_find_string_method((att_text){"lower", 5}, &refused), &string, &none, out);
}

enum { FIRST, LAST };

static att_status end_of(att_render *r, const att_call *call, att_value *out) {
  const att_list *items;
  ATT_TRY(att_collect(r, call->self, &items));
  *out = att_undefined_why("there is no first or last item, for there is none");
  if (items->count) *out = items->items[call->mode == FIRST ? 0 : items->count - 1];
  return ATT_OK;
}

static att_status to_list(att_render *r, const att_call *call, att_value *out) {
  const att_list *items;
  att_list *own;
  ATT_TRY(att_collect(r, call->self, &items));
  ATT_TRY(att_list_new(r, 0, &own));
  *own = (att_list){.items = items->items, .count = items->count, .capacity = items->count};
  *out = att_of_list(ATT_VALUE_LIST, own);
  return ATT_OK;
}

static att_status reverse(att_render *r, const att_call *call, att_value *out) {
  size_t start = r->out.size;
  const att_list *items;
  att_list *own;
  ATT_TRY(att_collect(r, call->self, &items));
  if (call->self->kind == ATT_VALUE_STRING) {
    for (size_t i = items->count; i-- > 0;) ATT_TRY(att_print(r, &items->items[i]));
    return att_captured(r, start, out);
  }
  ATT_TRY(att_list_new(r, items->count, &own));
  for (size_t i = items->count; i-- > 0;) own->items[own->count++] = items->items[i];
  *out = att_of_list(ATT_VALUE_GENERATOR, own);
  return ATT_OK;
}

/* args: d, attribute */
static att_status join(att_render *r, const att_call *call, att_value *out) {
  size_t start = r->out.size;
  const att_list *items;
  att_value item;
  ATT_TRY(att_collect(r, call->self, &items));
  for (size_t i = 0; i < items->count; i++) {
    if (i && att_given(&call->args[0])) ATT_TRY(att_print(r, &call->args[0]));
    ATT_TRY(get_path(r, &items->items[i], &call->args[1], &item));
    ATT_TRY(att_print(r, &item));
  }
  return att_captured(r, start, out);
}

/* args: attribute, start */
static att_status sum(att_render *r, const att_call *call, att_value *out) {
  const att_list *items;
  att_value item;
  ATT_TRY(att_collect(r, call->self, &items));
  *out = att_given(&call->args[1]) ? call->args[1] : att_whole(0);
  for (size_t i = 0; i < items->count; i++) {
    const att_value before = *out;
    ATT_TRY(get_path(r, &items->items[i], &call->args[0], &item));
    ATT_TRY(att_operate(r, ATT_ADD, &before, &item, out));
  }
  return ATT_OK;
}

enum { LEAST, MOST };

/* args: case_sensitive, attribute */
static att_status extreme(att_render *r, const att_call *call, att_value *out) {
  const att_list *items;
  att_value key, best = {0};
  bool better;
  ATT_TRY(att_collect(r, call->self, &items));
  *out = att_undefined_why("there is no least or largest item, for there is none");
  for (size_t i = 0; i < items->count; i++) {
    ATT_TRY(get_key(r, &items->items[i], &call->args[1], att_is_true(&call->args[0]), &key));
    better = i == 0;
    if (i) ATT_TRY(att_less(r, call->mode == LEAST ? &key : &best, call->mode == LEAST ? &best : &key, &better));
    if (!better) continue;
    best = key;
    *out = items->items[i];
  }
  return ATT_OK;
}

/* Sorted by the keys in members, as a list of their values. */
static att_status sorted(att_render *r, att_member *members, size_t count, bool reverse, att_value *out) {
  att_list *list;
  ATT_TRY(att_sort_members(r, members, members + count, count, reverse));
  ATT_TRY(att_list_new(r, count, &list));
  for (size_t i = 0; i < count; i++) list->items[list->count++] = members[i].value;
  *out = att_of_list(ATT_VALUE_LIST, list);
  return ATT_OK;
}

/* args: reverse, case_sensitive, attribute */
static att_status sort(att_render *r, const att_call *call, att_value *out) {
  const att_list *items;
  att_member *members;
  ATT_TRY(att_collect(r, call->self, &items));
  ATT_TAKE(members, r, 2 * items->count + 1);
  for (size_t i = 0; i < items->count; i++) {
    members[i].value = items->items[i];
    ATT_TRY(get_key(r, &items->items[i], &call->args[2], att_is_true(&call->args[1]), &members[i].key));
  }
  return sorted(r, members, items->count, att_is_true(&call->args[0]), out);
}

/* args: case_sensitive, by, reverse */
static att_status dictsort(att_render *r, const att_call *call, att_value *out) {
  att_member *members;
  att_text by = {"key", 3};
  const att_value none = att_none();
  ATT_TRY(att_take_text(r, &call->args[1], "by", &by));
  if (call->self->kind != ATT_VALUE_DICT) return att_wrong_type(r, call->self, "is no dict to be sorted");
  const att_dict *dict = call->self->dict;
  ATT_TAKE(members, r, 2 * dict->count + 1);
  for (size_t i = 0; i < dict->count; i++) {
    const att_member *m = &dict->members[i];
    ATT_TRY(get_key(r, att_text_is(by, "value") ? &m->value : &m->key, &none, att_is_true(&call->args[0]),
                    &members[i].key));
    ATT_TRY(att_pair(r, m->key, m->value, &members[i].value));
  }
  return sorted(r, members, dict->count, att_is_true(&call->args[2]), out);
}

/* args: case_sensitive, attribute */
static att_status unique(att_render *r, const att_call *call, att_value *out) {
  const att_list *items;
  att_list *list;
  att_dict *seen;
  att_value key, *there;
  ATT_TRY(att_collect(r, call->self, &items));
  ATT_TRY(att_list_new(r, 0, &list));
  ATT_TRY(att_dict_new(r, &seen));
  for (size_t i = 0; i < items->count; i++) {
    ATT_TRY(get_key(r, &items->items[i], &call->args[1], att_is_true(&call->args[0]), &key));
    ATT_TRY(att_dict_find(r, seen, &key, &there));
    if (there) continue;
    ATT_TRY(att_dict_put(r, seen, key, att_none()));
    ATT_TRY(att_list_push(r, list, items->items[i]));
  }
  *out = att_of_list(ATT_VALUE_GENERATOR, list);
  return ATT_OK;
}

static att_status items_of(att_render *r, const att_call *call, att_value *out) {
  static const att_arguments none = {0};
  const att_text name = {"items", 5};
  att_list *list;
  att_value method;
  if (call->self->kind == ATT_VALUE_UNDEFINED) {
    ATT_TRY(att_list_new(r, 0, &list));
    return *out = att_of_list(ATT_VALUE_GENERATOR, list), ATT_OK;
  }
  if (call->self->kind != ATT_VALUE_DICT) return att_wrong_type(r, call->self, "is no dict with items");
  ATT_TRY(att_get_attribute(r, call->self, name, &method));
  ATT_TRY(att_call_function(r, method.method->function, call->self, &none, out));
  out->kind = ATT_VALUE_GENERATOR;
  return ATT_OK;
}

/* map() and select() take what counts as false for empty, also what cannot be gone over. */
static att_status collect_true(att_render *r, const att_value *v, const att_list **out) {
  static const att_value nothing = {.kind = ATT_VALUE_UNDEFINED};
  return att_collect(r, att_is_true(v) ? v : &nothing, out);
}

/* ---- map, select and their like --------------------------------------------------------------------------------- */

static att_arguments rest_of(const att_arguments *given, size_t from) {
  att_arguments rest = *given;
  rest.items += from;
  rest.count -= from;
  return rest;
}

static att_status take_function(att_render *r, const att_value *name, bool filter, const att_function **function) {
  att_text text = {"", 0};
  ATT_TRY(att_take_text(r, name, "a name of a filter or test", &text));
  *function = filter ? att_find_filter(text) : att_find_test(text);
  if (*function) return ATT_OK;
  return att_stop(r, ATT_UNSUPPORTED, "there is no %s '%.*s' that attend knows", filter ? "filter" : "test",
                  (int)(text.size & 63), text.data);
}

/* map(attribute="path", default=...): *attribute and *otherwise, which are undefined where not given. */
static att_status take_attribute(att_render *r, const att_arguments *given, att_value *attribute,
                                 att_value *otherwise) {
  *attribute = *otherwise = (att_value){.kind = ATT_VALUE_UNDEFINED};
  if (given->count) return ATT_OK;
  for (size_t i = 0; i < given->named_count; i++) {
    if (att_text_is(given->names[i], "attribute"))
      *attribute = given->named[i];
    else if (att_text_is(given->names[i], "default"))
      *otherwise = given->named[i];
    else
      return att_stop(r, ATT_FORMAT, "map takes attribute and default, or a filter");
  }
  return attribute->kind != ATT_VALUE_UNDEFINED ? ATT_OK : att_stop(r, ATT_FORMAT, "map needs a filter");
}

static att_status map(att_render *r, const att_call *call, att_value *out) {
  const att_function *filter = NULL;
  const att_list *items;
  att_list *list;
  att_value item, attribute, otherwise;
  ATT_TRY(take_attribute(r, call->given, &attribute, &otherwise));
  att_arguments rest = call->given->count ? rest_of(call->given, 1) : *call->given;
  if (call->given->count) ATT_TRY(take_function(r, &call->given->items[0], true, &filter));
  ATT_TRY(att_enter(r));
  ATT_TRY(collect_true(r, call->self, &items));
  ATT_TRY(att_list_new(r, items->count, &list));
  for (size_t i = 0; i < items->count; i++) {
    if (filter)
      ATT_TRY(att_call_function(r, filter, &items->items[i], &rest, &item));
    else
      ATT_TRY(get_path(r, &items->items[i], &attribute, &item));
    if (!filter && item.kind == ATT_VALUE_UNDEFINED && otherwise.kind != ATT_VALUE_UNDEFINED) item = otherwise;
    list->items[list->count++] = item;
  }
  *out = att_of_list(ATT_VALUE_GENERATOR, list);
  att_leave(r);
  return ATT_OK;
}

enum { SELECT, REJECT, SELECT_BY = 2, REJECT_BY = 3 }; /* the lowest bit: what does not hold; the next: by attribute */

static att_status choose(att_render *r, const att_call *call, att_value *out) {
  const att_arguments *given = call->given;
  const att_function *test = NULL;
  const att_list *items;
  att_list *list;
  att_value item, holds;
  size_t names = call->mode >= SELECT_BY;
  if (given->count < names) return att_stop(r, ATT_FORMAT, "selectattr and rejectattr need an attribute");
  att_arguments rest = rest_of(given, given->count > names ? names + 1 : given->count);
  if (given->count > names) ATT_TRY(take_function(r, &given->items[names], false, &test));
  ATT_TRY(collect_true(r, call->self, &items));
  ATT_TRY(att_list_new(r, 0, &list));
  for (size_t i = 0; i < items->count; i++) {
    item = items->items[i];
    if (names) ATT_TRY(get_path(r, &items->items[i], &given->items[0], &item));
    holds = item;
    if (test) ATT_TRY(att_call_function(r, test, &item, &rest, &holds));
    if (att_is_true(&holds) != (call->mode & 1)) ATT_TRY(att_list_push(r, list, items->items[i]));
  }
  *out = att_of_list(ATT_VALUE_GENERATOR, list);
  return ATT_OK;
}

const att_function *att_find_filter(att_text name) {
  static const att_function filters[] = {
      {"default", "default_value,boolean", 0, use_default, 0},
      {"d", "default_value,boolean", 0, use_default, 0},
      {"length", "", 0, length, 0},
      {"count", "", 0, length, 0},
      {"first", "", 0, end_of, FIRST},
      {"last", "", 0, end_of, LAST},
      {"list", "", 0, to_list, 0},
      {"reverse", "", 0, reverse, 0},
      {"join", "d,attribute", 0, join, 0},
      {"sum", "attribute,start", 0, sum, 0},
      {"min", "case_sensitive,attribute", 0, extreme, LEAST},
      {"max", "case_sensitive,attribute", 0, extreme, MOST},
      {"sort", "reverse,case_sensitive,attribute", 0, sort, 0},
      {"dictsort", "case_sensitive,by,reverse", 0, dictsort, 0},
      {"unique", "case_sensitive,attribute", 0, unique, 0},
      {"items", "", 0, items_of, 0},
      {"map", NULL, 0, map, 0},
      {"select", NULL, 0, choose, SELECT},
      {"reject", NULL, 0, choose, REJECT},
      {"selectattr", NULL, 0, choose, SELECT_BY},
      {"rejectattr", NULL, 0, choose, REJECT_BY},
      {"upper", "", 0, att_filter_method, ATT_FILTER_UPPER},
      {"lower", "", 0, att_filter_method, ATT_FILTER_LOWER},
      {"capitalize", "", 0, att_filter_method, ATT_FILTER_CAPITALIZE},
      {"trim", "chars", 0, att_filter_method, ATT_FILTER_TRIM},
      {"replace", "old,new,count", 2, att_filter_replace, 0},
      {"string", "", 0, att_filter_string, 0},
      {"safe", "", 0, att_filter_string, 1},
      {"title", "", 0, att_filter_title, 0},
      {"indent", "width,first,blank", 0, att_filter_indent, 0},
      {"tojson", "ensure_ascii,indent,separators,sort_keys", 0, att_filter_tojson, 0},
      {"int", "default", 0, att_filter_int, 0},
      {"float", "default", 0, att_filter_float, 0},
      {"abs", "", 0, att_filter_abs, 0},
      {"round", "precision,method", 0, att_filter_round, 0},
  };
  return ATT_FIND(filters, name);
}
