/* Owns how the program's own functions are called. See call.h. */
#include "text/template/call.h"

#include <string.h>

/* The place of a parameter, or -1. */
static int place_of(const char *parameters, att_text name) {
  int place = 0;
  for (const char *at = parameters; *at; place++) {
    size_t size = strcspn(at, ",");
    if (size == name.size && memcmp(at, name.data, size) == 0) return place;
    at += size + (at[size] == ',');
  }
  return -1;
}

static size_t count_parameters(const char *parameters) {
  size_t count = *parameters != '\0';
  for (const char *at = parameters; *at; at++) count += *at == ',';
  return count;
}

static att_status bind(att_render *r, const att_function *f, const att_arguments *given, att_value *values) {
  size_t most = count_parameters(f->parameters);
  if (given->count > most)
    return att_stop(r, ATT_FORMAT, "%s takes %zu arguments at most, and gets %zu", f->name, most, given->count);
  for (size_t i = 0; i < given->count; i++) values[i] = given->items[i];
  for (size_t i = 0; i < given->named_count; i++) {
    int place = place_of(f->parameters, given->names[i]), size = (int)(given->names[i].size & 63);
    if (place < 0) return att_stop(r, ATT_FORMAT, "%s takes no argument %.*s", f->name, size, given->names[i].data);
    if (att_given(&values[place]))
      return att_stop(r, ATT_FORMAT, "%s gets its argument %.*s twice", f->name, size, given->names[i].data);
    values[place] = given->named[i];
  }
  for (int i = 0; i < f->least; i++)
    if (!att_given(&values[i])) return att_stop(r, ATT_FORMAT, "%s needs %d arguments", f->name, f->least);
  return ATT_OK;
}

att_status att_call_function(att_render *r, const att_function *function, const att_value *self,
                             const att_arguments *given, att_value *out) {
  att_call call = {.self = self, .given = given, .mode = function->mode};
  for (size_t i = 0; i < ATT_MOST_PARAMETERS; i++)
    call.args[i] = (att_value){.kind = ATT_VALUE_UNDEFINED, .why = ATT_UNDEFINED_NOT_GIVEN};
  if (function->parameters) ATT_TRY(bind(r, function, given, call.args));
  return function->call(r, &call, out);
}

const att_function *att_find_function(const att_function *table, size_t count, att_text name) {
  for (size_t i = 0; i < count; i++)
    if (att_text_is(name, table[i].name)) return &table[i];
  return NULL;
}

att_status att_take_text(att_render *r, const att_value *arg, const char *what, att_text *out) {
  if (!att_given(arg)) return ATT_OK;
  if (arg->kind == ATT_VALUE_UNDEFINED) return att_wrong_type(r, arg, "");
  if (arg->kind != ATT_VALUE_STRING)
    return att_stop(r, ATT_FORMAT, "%s must be a string, not %s", what, att_type_of(arg));
  *out = arg->text;
  return ATT_OK;
}

att_status att_take_whole(att_render *r, const att_value *arg, const char *what, int64_t *out) {
  if (!att_given(arg)) return ATT_OK;
  if (arg->kind == ATT_VALUE_UNDEFINED) return att_wrong_type(r, arg, "");
  if (!att_is_whole(arg)) return att_stop(r, ATT_FORMAT, "%s must be an integer, not %s", what, att_type_of(arg));
  *out = att_as_whole(arg);
  return ATT_OK;
}
