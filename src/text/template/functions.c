/* Owns the functions that every template sees. See functions.h. */
#include "text/template/functions.h"

#include "text/template/print.h"
#include "text/unicode.h"

#include <locale.h>
#include <string.h>
#include <time.h>

#define ATT_LONGEST_RANGE 100000 /* that of Jinja's sandbox */

static att_status make_range(att_render *r, const att_call *call, att_value *out) {
  int64_t start = 0, stop = 0, step = 1;
  bool one = !att_given(&call->args[1]);
  att_list *list;
  ATT_TRY(att_take_whole(r, &call->args[0], "a bound of range()", one ? &stop : &start));
  ATT_TRY(att_take_whole(r, &call->args[1], "a bound of range()", &stop));
  ATT_TRY(att_take_whole(r, &call->args[2], "the step of range()", &step));
  if (step == 0) return att_stop(r, ATT_FORMAT, "range() with a step of 0");
  ATT_TRY(att_list_new(r, 0, &list));
  for (int64_t at = start; step > 0 ? at < stop : at > stop;) {
    if (list->count == ATT_LONGEST_RANGE)
      return att_stop(r, ATT_FORMAT, "range() gives more than %d numbers", ATT_LONGEST_RANGE);
    ATT_TRY(att_list_push(r, list, att_whole(at)));
    if (__builtin_add_overflow(at, step, &at)) break;
  }
  *out = att_of_list(ATT_VALUE_LIST, list);
  return ATT_OK;
}

/* One dict and names: dict(a, b=1). mode: the kind of value that it makes. A namespace has no name with _ before. */
static att_status make_dict(att_render *r, const att_call *call, att_value *out) {
  const att_arguments *given = call->given;
  att_dict *dict;
  ATT_TRY(att_dict_new(r, &dict));
  if (given->count > 1 || (given->count && given->items[0].kind != ATT_VALUE_DICT))
    return att_stop(r, ATT_FORMAT, "dict() and namespace() take one dict, and values by name");
  for (size_t i = 0; given->count && i < given->items[0].dict->count; i++)
    ATT_TRY(att_dict_put(r, dict, given->items[0].dict->members[i].key, given->items[0].dict->members[i].value));
  for (size_t i = 0; i < given->named_count; i++)
    ATT_TRY(att_dict_put(r, dict, att_string(given->names[i].data, given->names[i].size), given->named[i]));
  for (size_t i = 0; i < dict->count && call->mode == ATT_VALUE_NAMESPACE; i++)
    if (dict->members[i].key.kind == ATT_VALUE_STRING && dict->members[i].key.text.size &&
        dict->members[i].key.text.data[0] == '_')
      return att_stop(r, ATT_FORMAT, "a namespace may not have a name that begins with _");
  *out = (att_value){.kind = (uint8_t)call->mode, .dict = dict};
  return ATT_OK;
}

static att_status raise_exception(att_render *r, const att_call *call, att_value *out) {
  att_text text;
  char line[800];
  (void)out;
  ATT_TRY(att_to_text(r, &call->args[0], &text));
  size_t size = text.size < sizeof line - 1 ? text.size : sizeof line - 1;
  while (size > 0 && size < text.size && ((unsigned char)text.data[size] & 0xc0) == 0x80) size--;
  for (size_t i = 0; i < size; i++) line[i] = text.data[i] == '\n' || text.data[i] == '\r' ? ' ' : text.data[i];
  return att_fail(r->ctx, ATT_ARGUMENT, "the chat template says: %.*s", (int)size, line);
}

static att_status strftime_now(att_render *r, const att_call *call, att_value *out) {
  char *text, *format;
  att_text given = {"", 0};
  time_t now = time(NULL);
  struct tm parts;
  ATT_TRY(att_take_text(r, &call->args[0], "a format", &given));
  size_t room = 64 * given.size + 64; /* no field is longer */
  ATT_TAKE(format, r, given.size + 1);
  ATT_TAKE(text, r, room);
  if (given.size) memcpy(format, given.data, given.size);
  format[given.size] = '\0';
  locale_t plain = newlocale(LC_ALL_MASK, "C", (locale_t)0); /* English names, as in Python */
  bool good = plain && localtime_r(&now, &parts);
  size_t size = good ? strftime_l(text, room, format, &parts, plain) : 0;
  if (plain) freelocale(plain);
  if (!good) return att_stop(r, ATT_FORMAT, "the time is not known");
  if (!att_utf8_valid(text, size)) return att_stop(r, ATT_FORMAT, "a format of time that is not UTF-8");
  *out = att_string(text, size);
  return ATT_OK;
}

const att_function *att_find_global(att_text name) {
  static const att_function functions[] = {
      {"range", "start,stop,step", 1, make_range, 0},         {"dict", NULL, 0, make_dict, ATT_VALUE_DICT},
      {"namespace", NULL, 0, make_dict, ATT_VALUE_NAMESPACE}, {"raise_exception", "message", 1, raise_exception, 0},
      {"strftime_now", "format", 1, strftime_now, 0},
  };
  return ATT_FIND(functions, name);
}
