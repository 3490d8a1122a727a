/* Owns what values are, how they compare, and a run's bounds. See value.h. */
#include "text/template/value.h"

#include "text/template/characters.h"

#include <math.h>
#include <string.h>

#define ATT_DEEPEST     500 /* a level takes a few hundred bytes of the stack, or some thousand in a macro */
#define ATT_MOST_WORK   ((uint64_t)1 << 27) /* a second or a few; a chat of a thousand messages takes a hundredth */
#define ATT_MOST_MEMORY ((size_t)1 << 28)
#define ATT_MOST_OUTPUT ((size_t)1 << 26)

/* ---- a run ------------------------------------------------------------------------------------------------------ */

att_status att_stop(att_render *r, att_status status, const char *format, ...) {
  char text[800];
  va_list args;
  va_start(args, format);
  att_format_list(text, sizeof text, format, args);
  va_end(args);
  return att_fail(r->ctx, status, "%s, line %d: %s", r->name, r->line, text);
}

att_status att_charge(att_render *r, uint64_t work) {
  r->work += work < ATT_MOST_WORK ? work : ATT_MOST_WORK;
  if (att_is_interrupted(r->ctx)) return att_fail(r->ctx, ATT_INTERRUPTED, "interrupted");
  if (r->work <= ATT_MOST_WORK) return ATT_OK;
  return att_stop(r, ATT_FORMAT, "this takes too long, so the template is given up: does it loop?");
}

void *att_take(att_render *r, size_t count, size_t size) {
  att_arena_mark mark = att_arena_save(r->arena);
  size_t bytes, used = mark.before + mark.used;
  bool fits = !__builtin_mul_overflow(count, size, &bytes) && used < ATT_MOST_MEMORY && bytes < ATT_MOST_MEMORY - used;
  r->failed = fits ? att_charge(r, bytes / 8) : att_stop(r, ATT_FORMAT, "this takes too much memory");
  void *memory = r->failed ? NULL : att_arena_alloc(r->arena, count, size);
  if (!memory && !r->failed) r->failed = ATT_MEMORY;
  return memory;
}

att_status att_enter(att_render *r) {
  if (r->depth >= ATT_DEEPEST) return att_stop(r, ATT_FORMAT, "this goes too deep: does a macro call itself?");
  r->depth++;
  return ATT_OK;
}

att_status att_emit(att_render *r, const char *data, size_t size) {
  ATT_TRY(att_charge(r, size / 8 + 1));
  if (size > ATT_MOST_OUTPUT || r->out.size > ATT_MOST_OUTPUT - size)
    return att_stop(r, ATT_FORMAT, "this writes too much");
  return att_buffer_append(r->ctx, &r->out, data, size);
}

att_status att_captured(att_render *r, size_t start, att_value *out) {
  size_t size = r->out.size - start;
  char *text;
  ATT_TAKE(text, r, size + 1);
  if (size) memcpy(text, r->out.data + start, size);
  r->out.size = start;
  *out = att_string(text, size);
  return ATT_OK;
}

/* ---- what they are ---------------------------------------------------------------------------------------------- */

att_value att_undefined_why(const char *why) { return att_undefined(ATT_UNDEFINED_WHY, (att_text){why, strlen(why)}); }

bool att_text_is(att_text text, const char *word) {
  return text.size == strlen(word) && memcmp(text.data, word, text.size) == 0;
}

const char *att_type_of(const att_value *v) {
  static const char *const names[] = {"Undefined", "NoneType", "bool",     "int",    "float",
                                      "str",       "list",     "tuple",    "dict",   "namespace",
                                      "generator", "loop",     "function", "method", "macro"};
  return names[v->kind];
}

att_status att_wrong_type(att_render *r, const att_value *v, const char *what) {
  int size = v->kind == ATT_VALUE_UNDEFINED ? (int)(v->text.size < 100 ? v->text.size : 100) : 0;
  if (v->kind != ATT_VALUE_UNDEFINED) return att_stop(r, ATT_FORMAT, "a value of type %s %s", att_type_of(v), what);
  switch (v->why) {
  case ATT_UNDEFINED_NAME: return att_stop(r, ATT_FORMAT, "'%.*s' is undefined", size, v->text.data);
  case ATT_UNDEFINED_KEY: return att_stop(r, ATT_FORMAT, "there is no key or attribute '%.*s'", size, v->text.data);
  default: return att_stop(r, ATT_FORMAT, "%.*s", size, v->text.data);
  }
}

att_status att_list_new(att_render *r, size_t capacity, att_list **out) {
  ATT_TAKE(*out, r, 1);
  **out = (att_list){.capacity = capacity};
  if (capacity) ATT_TAKE((*out)->items, r, capacity);
  return ATT_OK;
}

att_status att_list_push(att_render *r, att_list *list, att_value value) {
  if (list->count == list->capacity) {
    size_t capacity = list->capacity ? 2 * list->capacity : 4;
    att_value *items;
    ATT_TAKE(items, r, capacity);
    if (list->count) memcpy(items, list->items, list->count * sizeof *items);
    list->items = items;
    list->capacity = capacity;
  }
  list->items[list->count++] = value;
  return ATT_OK;
}

att_status att_dict_new(att_render *r, att_dict **out) {
  ATT_TAKE(*out, r, 1);
  **out = (att_dict){0};
  return ATT_OK;
}

static bool is_hashable(const att_value *v) {
  if (v->kind == ATT_VALUE_TUPLE)
    for (size_t i = 0; i < v->list->count; i++)
      if (!is_hashable(&v->list->items[i])) return false;
  return v->kind != ATT_VALUE_LIST && v->kind != ATT_VALUE_DICT;
}

att_status att_dict_find(att_render *r, const att_dict *dict, const att_value *key, att_value **value) {
  bool equal = false;
  *value = NULL;
  if (!is_hashable(key)) return ATT_OK;
  ATT_TRY(att_charge(r, dict->count / 4));
  for (size_t i = 0; i < dict->count && !*value; i++) {
    const att_value *own = &dict->members[i].key;
    if (own->kind == ATT_VALUE_STRING && key->kind == ATT_VALUE_STRING)
      equal = att_texts_equal(own->text, key->text);
    else
      ATT_TRY(att_equal(r, own, key, &equal));
    if (equal) *value = &dict->members[i].value;
  }
  return ATT_OK;
}

att_status att_dict_put(att_render *r, att_dict *dict, att_value key, att_value value) {
  att_value *there;
  if (!is_hashable(&key)) return att_wrong_type(r, &key, "cannot be a key");
  ATT_TRY(att_dict_find(r, dict, &key, &there));
  if (there) return *there = value, ATT_OK;
  if (dict->count == dict->capacity) {
    size_t capacity = dict->capacity ? 2 * dict->capacity : 4;
    att_member *members;
    ATT_TAKE(members, r, capacity);
    if (dict->count) memcpy(members, dict->members, dict->count * sizeof *members);
    dict->members = members;
    dict->capacity = capacity;
  }
  dict->members[dict->count++] = (att_member){key, value};
  return ATT_OK;
}

att_status att_pair(att_render *r, att_value a, att_value b, att_value *out) {
  att_list *list;
  ATT_TRY(att_list_new(r, 2, &list));
  list->items[0] = a;
  list->items[1] = b;
  list->count = 2;
  *out = (att_value){.kind = ATT_VALUE_TUPLE, .list = list};
  return ATT_OK;
}

/* ---- how they compare ------------------------------------------------------------------------------------------- */

bool att_is_true(const att_value *v) {
  switch (v->kind) {
  case ATT_VALUE_UNDEFINED:
  case ATT_VALUE_NONE: return false;
  case ATT_VALUE_BOOL: return v->truth;
  case ATT_VALUE_INT: return v->whole != 0;
  case ATT_VALUE_FLOAT: return v->real != 0;
  case ATT_VALUE_STRING: return v->text.size > 0;
  case ATT_VALUE_LIST:
  case ATT_VALUE_TUPLE: return v->list->count > 0;
  case ATT_VALUE_DICT: return v->dict->count > 0;
  default: return true;
  }
}

/* -1, 0, 1; 2: not a number. Exact, also where no double holds the integer. */
static int order_numbers(const att_value *a, const att_value *b) {
  if (att_is_whole(a) && att_is_whole(b)) {
    int64_t x = att_as_whole(a), y = att_as_whole(b);
    return x < y ? -1 : x > y;
  }
  double x = att_as_real(a), y = att_as_real(b);
  if (isnan(x) || isnan(y)) return 2;
  if (x != y || isinf(x)) return x < y ? -1 : x > y;
  if (a->kind == ATT_VALUE_FLOAT && b->kind == ATT_VALUE_FLOAT) return 0;
  if (x >= 0x1p63) return att_is_whole(a) ? -1 : 1;
  int64_t i = att_is_whole(a) ? att_as_whole(a) : (int64_t)x, j = att_is_whole(b) ? att_as_whole(b) : (int64_t)y;
  return i < j ? -1 : i > j;
}

static att_status equal_lists(att_render *r, const att_list *a, const att_list *b, bool *equal) {
  *equal = a->count == b->count;
  for (size_t i = 0; i < a->count && *equal; i++) ATT_TRY(att_equal(r, &a->items[i], &b->items[i], equal));
  return ATT_OK;
}

static att_status equal_dicts(att_render *r, const att_dict *a, const att_dict *b, bool *equal) {
  att_value *other;
  *equal = a->count == b->count;
  for (size_t i = 0; i < a->count && *equal; i++) {
    ATT_TRY(att_dict_find(r, b, &a->members[i].key, &other));
    *equal = other != NULL;
    if (other) ATT_TRY(att_equal(r, &a->members[i].value, other, equal));
  }
  return ATT_OK;
}

static att_status equal_same_kind(att_render *r, const att_value *a, const att_value *b, bool *equal) {
  switch (a->kind) {
  case ATT_VALUE_UNDEFINED:
  case ATT_VALUE_NONE: *equal = true; return ATT_OK;
  case ATT_VALUE_STRING: *equal = att_texts_equal(a->text, b->text); return att_charge(r, a->text.size / 8);
  case ATT_VALUE_LIST:
  case ATT_VALUE_TUPLE: return equal_lists(r, a->list, b->list, equal);
  case ATT_VALUE_DICT: return equal_dicts(r, a->dict, b->dict, equal);
  default: *equal = a->pointer == b->pointer; return ATT_OK; /* the same one */
  }
}

att_status att_equal(att_render *r, const att_value *a, const att_value *b, bool *equal) {
  ATT_TRY(att_enter(r));
  ATT_TRY(att_charge(r, 1));
  *equal = false;
  if (att_is_numeric(a) && att_is_numeric(b))
    *equal = order_numbers(a, b) == 0;
  else if (a->kind == b->kind)
    ATT_TRY(equal_same_kind(r, a, b, equal));
  att_leave(r);
  return ATT_OK;
}

/* The first place where they differ decides, or the length. */
static att_status less_lists(att_render *r, const att_list *a, const att_list *b, bool *less) {
  bool equal;
  for (size_t i = 0; i < a->count && i < b->count; i++) {
    ATT_TRY(att_equal(r, &a->items[i], &b->items[i], &equal));
    if (!equal) return att_less(r, &a->items[i], &b->items[i], less);
  }
  *less = a->count < b->count;
  return ATT_OK;
}

static att_status less_strings(att_render *r, att_text a, att_text b, bool *less) {
  size_t both = a.size < b.size ? a.size : b.size;
  int order = both ? memcmp(a.data, b.data, both) : 0; /* of UTF-8: that of the code points */
  *less = order < 0 || (order == 0 && a.size < b.size);
  return att_charge(r, both / 8);
}

att_status att_less(att_render *r, const att_value *a, const att_value *b, bool *less) {
  ATT_TRY(att_enter(r));
  if (att_is_numeric(a) && att_is_numeric(b))
    *less = order_numbers(a, b) == -1;
  else if (a->kind == b->kind && a->kind == ATT_VALUE_STRING)
    ATT_TRY(less_strings(r, a->text, b->text, less));
  else if (a->kind == b->kind && att_is_listed(a))
    ATT_TRY(less_lists(r, a->list, b->list, less));
  else if (a->kind == ATT_VALUE_UNDEFINED || b->kind == ATT_VALUE_UNDEFINED)
    return att_wrong_type(r, a->kind == ATT_VALUE_UNDEFINED ? a : b, "");
  else
    return att_stop(r, ATT_FORMAT, "there is no order between %s and %s", att_type_of(a), att_type_of(b));
  att_leave(r);
  return ATT_OK;
}

att_status att_sort_members(att_render *r, att_member *members, att_member *scratch, size_t count, bool reverse) {
  size_t half = count / 2, i = 0, j = half;
  bool second;
  if (count < 2) return ATT_OK;
  ATT_TRY(att_sort_members(r, members, scratch, half, reverse));
  ATT_TRY(att_sort_members(r, members + half, scratch, count - half, reverse));
  for (size_t k = 0; k < count; k++) {
    second = i == half;
    if (i < half && j < count)
      ATT_TRY(att_less(r, &members[reverse ? i : j].key, &members[reverse ? j : i].key, &second));
    scratch[k] = second ? members[j++] : members[i++];
  }
  memcpy(members, scratch, count * sizeof *members);
  return ATT_OK;
}

/* ---- going over them -------------------------------------------------------------------------------------------- */

bool att_is_iterable(const att_value *v) {
  return v->kind == ATT_VALUE_UNDEFINED || (v->kind >= ATT_VALUE_STRING && v->kind <= ATT_VALUE_DICT) ||
         v->kind == ATT_VALUE_GENERATOR || v->kind == ATT_VALUE_LOOP;
}

att_status att_collect(att_render *r, const att_value *v, const att_list **out) {
  att_list *list;
  if (att_is_listed(v)) return *out = v->list, ATT_OK;
  ATT_TRY(att_list_new(r, 0, &list));
  *out = list;
  switch (v->kind) {
  case ATT_VALUE_UNDEFINED: return ATT_OK;
  case ATT_VALUE_STRING:
    for (size_t i = 0, size; i < v->text.size; i += size) {
      size = att_character_size(v->text.data[i]);
      ATT_TRY(att_list_push(r, list, att_string(v->text.data + i, size)));
    }
    return ATT_OK;
  case ATT_VALUE_DICT:
    for (size_t i = 0; i < v->dict->count; i++) ATT_TRY(att_list_push(r, list, v->dict->members[i].key));
    return ATT_OK;
  case ATT_VALUE_GENERATOR:
    *list = (att_list){.items = v->list->items + v->list->at, .count = v->list->count - v->list->at};
    list->capacity = list->count;
    v->list->at = v->list->count;
    return ATT_OK;
  default: return att_wrong_type(r, v, "cannot be gone over");
  }
}

int64_t att_length(const att_value *v) {
  switch (v->kind) {
  case ATT_VALUE_UNDEFINED: return 0;
  case ATT_VALUE_STRING: return (int64_t)att_count_characters(v->text);
  case ATT_VALUE_LIST:
  case ATT_VALUE_TUPLE: return (int64_t)v->list->count;
  case ATT_VALUE_DICT: return (int64_t)v->dict->count;
  case ATT_VALUE_LOOP: return (int64_t)v->loop->items->count;
  default: return -1;
  }
}
