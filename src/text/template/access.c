/* Owns what a.b and a[b] mean. See access.h. */
#include "text/template/access.h"

#include "text/template/characters.h"
#include "text/template/strings.h"

#include <string.h>

/* ---- methods ---------------------------------------------------------------------------------------------------- */

static att_status dict_get(att_render *r, const att_call *call, att_value *out) {
  att_value *value;
  ATT_TRY(att_dict_find(r, call->self->dict, &call->args[0], &value));
  *out = value ? *value : att_given(&call->args[1]) ? call->args[1] : att_none();
  return ATT_OK;
}

enum { KEYS, VALUES, ITEMS };

static att_status dict_view(att_render *r, const att_call *call, att_value *out) {
  const att_dict *dict = call->self->dict;
  att_list *list;
  ATT_TRY(att_list_new(r, dict->count, &list));
  for (size_t i = 0; i < dict->count; i++) {
    const att_member *member = &dict->members[i];
    att_value item = call->mode == KEYS ? member->key : member->value;
    if (call->mode == ITEMS) ATT_TRY(att_pair(r, member->key, member->value, &item));
    list->items[list->count++] = item;
  }
  *out = att_of_list(ATT_VALUE_LIST, list);
  return ATT_OK;
}

/* What never changes is its own copy. */
static att_status copy(att_render *r, const att_call *call, att_value *out) {
  (void)r;
  *out = *call->self;
  return ATT_OK;
}

enum { COUNT, INDEX };

static att_status list_count(att_render *r, const att_call *call, att_value *out) {
  bool equal;
  *out = att_whole(0);
  for (size_t i = 0; i < call->self->list->count; i++) {
    ATT_TRY(att_equal(r, &call->self->list->items[i], &call->args[0], &equal));
    if (equal && call->mode == INDEX) return *out = att_whole((int64_t)i), ATT_OK;
    out->whole += equal;
  }
  return call->mode == COUNT ? ATT_OK : att_stop(r, ATT_FORMAT, "what index() looks for is not there");
}

static att_status loop_cycle(att_render *r, const att_call *call, att_value *out) {
  if (call->given->count == 0) return att_stop(r, ATT_FORMAT, "loop.cycle() needs what to go through");
  *out = call->given->items[call->self->loop->index0 % call->given->count];
  return ATT_OK;
}

static att_status loop_changed(att_render *r, const att_call *call, att_value *out) {
  att_list *list;
  bool equal;
  ATT_TRY(att_list_new(r, call->given->count, &list));
  for (size_t i = 0; i < call->given->count; i++) list->items[list->count++] = call->given->items[i];
  att_value now = att_of_list(ATT_VALUE_TUPLE, list);
  ATT_TRY(att_equal(r, &call->self->loop->changed, &now, &equal));
  call->self->loop->changed = now;
  *out = att_truth(!equal);
  return ATT_OK;
}

static const att_function dict_methods[] = {{"get", "key,default", 1, dict_get, 0},
                                            {"items", "", 0, dict_view, ITEMS},
                                            {"keys", "", 0, dict_view, KEYS},
                                            {"values", "", 0, dict_view, VALUES},
                                            {"copy", "", 0, copy, 0}};
static const att_function list_methods[] = {{"index", "value", 1, list_count, INDEX},
                                            {"count", "value", 1, list_count, COUNT},
                                            {"copy", "", 0, copy, 0}}; /* the last not of tuples */
static const att_function loop_methods[] = {{"cycle", NULL, 0, loop_cycle, 0}, {"changed", NULL, 0, loop_changed, 0}};

static bool changes(const att_value *v, att_text name) {
  static const char *const of_dicts[] = {"clear", "pop", "popitem", "setdefault", "update"};
  static const char *const of_lists[] = {"append", "clear", "pop", "reverse", "insert", "sort", "extend", "remove"};
  const char *const *names = v->kind == ATT_VALUE_DICT ? of_dicts : of_lists;
  size_t count = v->kind == ATT_VALUE_DICT ? 5 : v->kind == ATT_VALUE_LIST ? 8 : 0;
  for (size_t i = 0; i < count; i++)
    if (att_text_is(name, names[i])) return true;
  return false;
}

/* *out stays where there is none. */
static att_status find_method(att_render *r, const att_value *v, att_text name, att_value *out) {
  const att_function *function = NULL;
  att_method *method;
  bool refused = false;
  if (v->kind == ATT_VALUE_STRING) function = att_find_string_method(name, &refused);
  if (v->kind == ATT_VALUE_DICT) function = ATT_FIND(dict_methods, name);
  if (v->kind == ATT_VALUE_LIST) function = ATT_FIND(list_methods, name);
  if (v->kind == ATT_VALUE_TUPLE) function = att_find_function(list_methods, 2, name);
  if (v->kind == ATT_VALUE_LOOP) function = ATT_FIND(loop_methods, name);
  if (refused) return att_stop(r, ATT_UNSUPPORTED, "str.%.*s(), which attend does not know", (int)name.size, name.data);
  if (changes(v, name))
    *out = att_undefined_why("a method that would change a list or dict, which the sandbox gives to no template");
  if (!function) return ATT_OK;
  ATT_TAKE(method, r, 1);
  *method = (att_method){function, *v};
  *out = (att_value){.kind = ATT_VALUE_METHOD, .method = method};
  return ATT_OK;
}

/* ---- loop.name -------------------------------------------------------------------------------------------------- */

static void get_of_loop(const att_loop *loop, att_text name, att_value *out) {
  int64_t at = (int64_t)loop->index0, count = (int64_t)loop->items->count;
  const struct {
    const char *name;
    int64_t value;
  } numbers[] = {{"index", at + 1},
                 {"index0", at},
                 {"length", count},
                 {"revindex", count - at},
                 {"revindex0", count - at - 1},
                 {"depth", loop->depth0 + 1},
                 {"depth0", loop->depth0}};
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
    if (att_text_is(name, numbers[i].name)) *out = att_whole(numbers[i].value);
  if (att_text_is(name, "first")) *out = att_truth(at == 0);
  if (att_text_is(name, "last")) *out = att_truth(at + 1 == count);
  if (att_text_is(name, "previtem"))
    *out = at > 0 ? loop->items->items[at - 1] : att_undefined_why("there is no previous item");
  if (att_text_is(name, "nextitem"))
    *out = at + 1 < count ? loop->items->items[at + 1] : att_undefined_why("there is no next item");
}

/* ---- a.b and a[b] ----------------------------------------------------------------------------------------------- */

static att_status find_attribute(att_render *r, const att_value *v, att_text name, att_value *out) {
  att_value *value, key = att_string(name.data, name.size);
  *out = att_undefined(ATT_UNDEFINED_KEY, name);
  ATT_TRY(find_method(r, v, name, out));
  if (v->kind == ATT_VALUE_LOOP) get_of_loop(v->loop, name, out);
  if (v->kind != ATT_VALUE_NAMESPACE) return ATT_OK;
  ATT_TRY(att_dict_find(r, v->dict, &key, &value));
  if (value) *out = *value;
  return ATT_OK;
}

att_status att_get_attribute(att_render *r, const att_value *v, att_text name, att_value *out) {
  att_value *value, key = att_string(name.data, name.size);
  if (v->kind == ATT_VALUE_UNDEFINED) return att_wrong_type(r, v, "");
  ATT_TRY(find_attribute(r, v, name, out));
  if (out->kind != ATT_VALUE_UNDEFINED || v->kind != ATT_VALUE_DICT || out->why == ATT_UNDEFINED_WHY) return ATT_OK;
  ATT_TRY(att_dict_find(r, v->dict, &key, &value));
  if (value) *out = *value;
  return ATT_OK;
}

static att_status get_place(att_render *r, const att_value *v, int64_t place, att_value *out) {
  if (v->kind == ATT_VALUE_STRING) ATT_TRY(att_charge(r, v->text.size / 4));
  int64_t count = att_length(v);
  if (place < 0) place += count;
  *out = att_undefined_why("there is no element of that number");
  if (place < 0 || place >= count) return ATT_OK;
  if (v->kind != ATT_VALUE_STRING) return *out = v->list->items[place], ATT_OK;
  size_t at = att_character_place(v->text, (size_t)place);
  *out = att_string(v->text.data + at, att_character_size(v->text.data[at]));
  return ATT_OK;
}

att_status att_get_item(att_render *r, const att_value *v, const att_value *key, att_value *out) {
  att_value *value;
  if (v->kind == ATT_VALUE_UNDEFINED) return att_wrong_type(r, v, "");
  if ((v->kind == ATT_VALUE_STRING || att_is_listed(v)) && att_is_whole(key))
    return get_place(r, v, att_as_whole(key), out);
  if (v->kind == ATT_VALUE_DICT) {
    ATT_TRY(att_dict_find(r, v->dict, key, &value));
    if (value) return *out = *value, ATT_OK;
  }
  *out = att_undefined_why("there is no such element");
  return key->kind == ATT_VALUE_STRING ? find_attribute(r, v, key->text, out) : ATT_OK;
}
