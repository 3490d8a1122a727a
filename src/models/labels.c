/* Owns the names of a head's outputs: config.json's id2label read, checked and written. See head.h. */
#include "models/head.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

char **att_labels_copy(att_context *ctx, const char *const *labels, int64_t count) {
  size_t size = (size_t)count * sizeof(char *);
  for (int64_t i = 0; i < count; i++) size += strlen(labels[i]) + 1;
  char **out = att_alloc(ctx, size, 1);
  char *at = out ? (char *)(out + count) : NULL;
  for (int64_t i = 0; out && i < count; i++) {
    out[i] = at;
    at += strlen(strcpy(at, labels[i])) + 1;
  }
  return out;
}

/* What stands in the map for a number, or the name that Hugging Face gives. text: room for the latter. */
static const char *label_at(const json_t *map, int64_t i, char text[32]) {
  snprintf(text, 32, "%" PRId64, i);
  if (map) return json_string_value(json_object_get(map, text));
  snprintf(text, 32, "LABEL_%" PRId64, i);
  return text;
}

static att_status read_names(const att_settings *in, const json_t *map, int64_t count, att_config *out) {
  const char **names = ATT_NEW(in->ctx, count, const char *);
  char(*texts)[32] = att_alloc(in->ctx, (size_t)count, sizeof *texts);
  att_status status = names && texts ? ATT_OK : ATT_MEMORY;
  for (int64_t i = 0; !status && i < count; i++) {
    names[i] = label_at(map, i, texts[i]);
    if (!names[i]) {
      status = att_fail(in->ctx, ATT_FORMAT, "%s: id2label has no name for label %" PRId64, in->name, i);
    }
  }
  out->labels = status ? NULL : att_labels_copy(in->ctx, names, count);
  if (!status && !out->labels) status = ATT_MEMORY;
  out->label_count = status ? 0 : count;
  att_free(in->ctx, names);
  att_free(in->ctx, texts);
  return status;
}

att_status att_labels_read(const att_settings *in, att_config *out) {
  const json_t *map = json_object_get(in->root, "id2label");
  int64_t count = 2;
  if (json_is_null(map)) map = NULL;
  if (map && !json_is_object(map)) {
    return att_fail(in->ctx, ATT_FORMAT, "%s: id2label is not an object", in->name);
  }
  if (json_object_get(in->root, "num_targets")) { /* patchtst: its id2label may be another class's default */
    ATT_TRY(att_json_int(in->ctx, in->name, in->root, "num_targets", true, 1, ATT_MOST_LABELS, &count));
    if (map && (int64_t)json_object_size(map) != count) map = NULL;
  } else if (map) {
    count = (int64_t)json_object_size(map);
  } else {
    ATT_TRY(att_json_int(in->ctx, in->name, in->root, "num_labels", false, 1, ATT_MOST_LABELS, &count));
  }
  if (count < 1 || count > ATT_MOST_LABELS) {
    return att_fail(in->ctx, ATT_FORMAT, "%s: id2label has %" PRId64 " labels, not from 1 to %" PRId64, in->name, count,
                    ATT_MOST_LABELS);
  }
  return read_names(in, map, count, out);
}

att_status att_labels_check(att_context *ctx, const char *name, const att_config *config) {
  int64_t count = config->label_count;
  if (config->labels && count >= 1 && count <= ATT_MOST_LABELS) return ATT_OK;
  return att_fail(ctx, ATT_ARGUMENT, "%s: a head of labels cannot have %" PRId64 " of them", name, count);
}

void att_labels_write(att_object *out, const att_config *config) {
  char text[32];
  att_put(out, "id2label", "{");
  for (int64_t i = 0; i < config->label_count; i++) {
    snprintf(text, sizeof text, "%s\"%" PRId64 "\": ", i ? ", " : "", i);
    att_put_more(out, text);
    att_put_more_string(out, config->labels[i]);
  }
  att_put_more(out, "}");
  att_put(out, "label2id", "{");
  for (int64_t i = 0; i < config->label_count; i++) {
    bool again = false; /* a key may not come twice */
    for (int64_t j = 0; j < i && !again; j++) again = strcmp(config->labels[i], config->labels[j]) == 0;
    if (again) continue;
    if (i) att_put_more(out, ", ");
    att_put_more_string(out, config->labels[i]);
    snprintf(text, sizeof text, ": %" PRId64, i);
    att_put_more(out, text);
  }
  att_put_more(out, "}");
}
