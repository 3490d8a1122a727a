/* Owns reading forms, over libmicrohttpd's processor. See form.h. */
#include "form.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_FIELDS = 64, MOST_FIELD_BYTES = 1 << 16 }; /* of all that are no file */

struct att_form {
  struct MHD_PostProcessor *processor;
  const att_param *table;
  json_t *fields;        /* what has come */
  char *name;            /* of the field that is coming, or NULL */
  att_out value;         /* as far as it has */
  att_out file;          /* the bytes of the file */
  bool in_file, no_room; /* the field is the file; it does not fit */
  size_t count, bytes;
};

static att_param_kind kind_of(const att_form *form, const char *name) {
  for (const att_param *param = form->table; param->name; param++)
    if (strcmp(param->name, name) == 0) return param->kind;
  return ATT_PARAM_TEXT; /* which the table refuses */
}

/* Numbers and flags as JSON spells them; what is none is told by the table. */
static json_t *value_of(att_param_kind kind, const char *data, size_t size) {
  json_t *value =
      kind == ATT_PARAM_TEXT || kind == ATT_PARAM_JSON ? NULL : json_loadb(data, size, JSON_DECODE_ANY, NULL);
  return value ? value : att_text_json(data, size);
}

/* The field that was coming is whole. A name that comes again makes a list. */
static bool end_field(att_form *form) {
  if (!form->name) return true;
  att_param_kind kind = kind_of(form, form->name);
  const char *data = form->value.data ? form->value.data : "";
  json_t *value = form->in_file ? json_integer((json_int_t)form->file.size) : value_of(kind, data, form->value.size);
  json_t *before = json_object_get(form->fields, form->name);
  bool good = value && !form->value.failed && !form->file.failed;
  if (good && kind == ATT_PARAM_JSON) {
    if (!before) good = json_object_set_new(form->fields, form->name, before = json_array()) == 0;
    good = good && json_array_append(before, value) == 0;
  } else if (good) {
    good = !before && json_object_set(form->fields, form->name, value) == 0;
  }
  json_decref(value);
  free(form->name);
  form->name = NULL;
  att_out_free(&form->value);
  return good;
}

static bool begin_field(att_form *form, const char *name) {
  if (!end_field(form) || ++form->count > MOST_FIELDS || strlen(name) > 200) return false;
  form->in_file = kind_of(form, name) == ATT_PARAM_FILE;
  form->name = strdup(name);
  return form->name != NULL;
}

static enum MHD_Result on_data(void *user, enum MHD_ValueKind kind, const char *name, const char *filename,
                               const char *type, const char *encoding, const char *data, uint64_t at, size_t size) {
  att_form *form = user;
  (void)kind, (void)filename, (void)type, (void)encoding;
  /* A first piece may be empty, and the next one then is at 0 too. */
  bool goes_on = form->name && name && strcmp(form->name, name) == 0 &&
                 (at > 0 || (form->in_file ? form->file.size : form->value.size) == 0);
  form->no_room |= !name || (!goes_on && !begin_field(form, name));
  if (form->no_room) return MHD_NO;
  if (!form->in_file) form->bytes += size;
  form->no_room |= form->bytes > MOST_FIELD_BYTES;
  if (!form->no_room) att_out_put(form->in_file ? &form->file : &form->value, data, size);
  return form->no_room ? MHD_NO : MHD_YES;
}

att_form *att_form_new(struct MHD_Connection *connection, const att_param *table) {
  att_form *form = calloc(1, sizeof *form);
  if (!form) return NULL;
  form->table = table;
  form->fields = json_object();
  form->processor = MHD_create_post_processor(connection, 4096, on_data, form);
  if (form->fields && form->processor) return form;
  att_form_free(form);
  return NULL;
}

bool att_form_put(att_form *form, const char *data, size_t size) {
  return MHD_post_process(form->processor, data, size) == MHD_YES && !form->file.failed && !form->value.failed;
}

json_t *att_form_take(att_form *form, att_out *file, att_wrong *wrong) {
  bool whole = MHD_destroy_post_processor(form->processor) == MHD_YES;
  form->processor = NULL;
  if (!end_field(form) || form->no_room || !whole) {
    att_wrong_say(wrong, NULL, "the form is not whole, has a field twice, or fields longer than %d bytes together",
                  MOST_FIELD_BYTES);
    return NULL;
  }
  json_t *fields = form->fields;
  form->fields = NULL;
  *file = form->file;
  form->file = (att_out){0};
  return fields;
}

void att_form_free(att_form *form) {
  if (!form) return;
  if (form->processor) MHD_destroy_post_processor(form->processor);
  json_decref(form->fields);
  free(form->name);
  att_out_free(&form->value);
  att_out_free(&form->file);
  free(form);
}
