/* Owns att_tokenize, att_detokenize, att_token, and lines as ids. */
#include "api/text.h"
#include "text/unicode.h"

#include <stdio.h>
#include <string.h>

att_status att_tokenize(att_model *model, att_text text, bool special, int32_t **out, size_t *count) {
  *out = NULL;
  *count = 0;
  ATT_TRY(att_model_check_text(model));
  att_ids ids = {0};
  att_status status = att_tokenizer_encode(model->tokenizer, model->ctx, text, special, &ids);
  if (status == ATT_OK && !ids.data) {
    ids.data = ATT_NEW(model->ctx, 1, int32_t);
    if (!ids.data) status = ATT_MEMORY;
  }
  if (status) {
    att_free(model->ctx, ids.data);
    return status;
  }
  *out = ids.data;
  *count = ids.count;
  return ATT_OK;
}

att_status att_detokenize(att_model *model, const int32_t *ids, size_t count, char **text, size_t *size) {
  *text = NULL;
  *size = 0;
  ATT_TRY(att_model_check_text(model));
  att_buffer buffer = {0};
  att_status status = att_tokenizer_decode(model->tokenizer, model->ctx, ids, count, true, &buffer);
  if (status == ATT_OK) status = att_buffer_append(model->ctx, &buffer, "", 0); /* a text, if only an empty one */
  if (status) {
    att_buffer_free(model->ctx, &buffer);
    return status;
  }
  *text = buffer.data;
  *size = buffer.size;
  return ATT_OK;
}

const char *att_token(att_model *model, int32_t id) {
  return model->tokenizer && id >= 0 ? att_tokenizer_token(model->tokenizer, id) : NULL;
}

/* A tokenizer.json can be of another model. */
static att_status check_ids(const att_model *model, const att_ids *ids) {
  for (size_t i = 0; i < ids->count; i++) {
    if (ids->data[i] >= 0 && ids->data[i] < model->config.vocab_size) continue;
    return att_fail(model->ctx, ATT_FORMAT, "the tokenizer gives token %d, but the model's vocabulary has %lld",
                    (int)ids->data[i], (long long)model->config.vocab_size);
  }
  return ATT_OK;
}

/* ---- characters without a token ------------------------------------------------------------------------------- */

enum { MOST_UNKNOWN = 16 };

typedef struct unknown_list {
  att_text items[MOST_UNKNOWN];
  size_t count;
} unknown_list;

static bool is_listed(const unknown_list *list, att_text character) {
  for (size_t i = 0; i < list->count; i++)
    if (list->items[i].size == character.size && memcmp(list->items[i].data, character.data, character.size) == 0)
      return true;
  return false;
}

/* Each character alone: whatever it is in its word, it has no token of its own. */
static att_status list_unknown(const att_model *model, att_text text, unknown_list *list) {
  att_ids ids = {0};
  att_status status = ATT_OK;
  for (size_t at = 0, size; at < text.size && list->count < MOST_UNKNOWN && !status; at += size) {
    size = 1;
    while (at + size < text.size && ((unsigned char)text.data[at + size] & 0xc0) == 0x80) size++;
    att_text character = {text.data + at, size};
    if ((unsigned char)*character.data <= ' ' || is_listed(list, character)) continue;
    ids.count = 0;
    status = att_tokenizer_encode(model->tokenizer, model->ctx, character, false, &ids);
    bool unknown = false;
    for (size_t i = 0; i < ids.count && !status; i++) unknown = unknown || ids.data[i] == model->config.unk;
    if (unknown) list->items[list->count++] = character;
  }
  att_free(model->ctx, ids.data);
  return status;
}

att_status att_warn_unknown(const att_model *model, att_text text, const char *what, int64_t number, const int32_t *ids,
                            size_t count) {
  unknown_list list = {0};
  char place[64], shown[8 * MOST_UNKNOWN];
  bool some = false;
  size_t used = 0;
  for (size_t i = 0; i < count && model->config.unk >= 0 && !some; i++) some = ids[i] == model->config.unk;
  if (!some || !att_utf8_valid(text.data, text.size)) return ATT_OK;
  ATT_TRY(list_unknown(model, text, &list));
  for (size_t i = 0; i < list.count; i++) {
    used += (size_t)snprintf(shown + used, sizeof shown - used, "%s%.*s", i ? " " : "", (int)list.items[i].size,
                             list.items[i].data);
  }
  if (list.count == 0) return ATT_OK; /* the text spells the unknown token itself, or a word is unknown as a whole */
  if (number < 0)
    snprintf(place, sizeof place, "%s", what);
  else
    snprintf(place, sizeof place, "%s %lld", what, (long long)number + 1);
  att_log(model->ctx, ATT_LOG_WARNING, "%s has characters that the model does not know: %s", place, shown);
  return ATT_OK;
}

/* How a line becomes ids. */
typedef struct rule {
  const att_tokenizer *tokenizer;
  size_t most; /* tokens */
  const char *what;
  bool end_token;
  bool whole; /* what is longer is refused */
} rule;

static att_status line_ids(const att_model *model, const rule *by, att_text line, size_t number, att_ids *ids,
                           bool *truncated) {
  int32_t eos = model->config.eos;
  const char *what = by->what;
  ids->count = 0;
  ATT_TRY(att_model_check_text(model));
  if (!att_utf8_valid(line.data, line.size)) {
    att_log(model->ctx, ATT_LOG_WARNING, "%s %zu is not valid UTF-8: its wrong bytes become U+FFFD", what, number + 1);
  }
  ATT_TRY(att_tokenizer_encode(by->tokenizer, model->ctx, line, true, ids));
  ATT_TRY(check_ids(model, ids));
  ATT_TRY(att_warn_unknown(model, line, what, (int64_t)number, ids->data, ids->count));
  bool ends = ids->count && ids->data[ids->count - 1] == eos;
  if (by->end_token && !ends) {
    ATT_TRY(att_ids_push(model->ctx, ids, eos));
    ends = true;
  }
  *truncated = ids->count > by->most;
  if (!*truncated) return ATT_OK;
  if (by->whole) {
    return att_fail(model->ctx, ATT_ARGUMENT,
                    "%s %zu has %zu tokens, but the model reads at most %zu: shorten it, or have it truncated", what,
                    number + 1, ids->count, by->most);
  }
  att_log(model->ctx, ATT_LOG_WARNING, "%s %zu is too long for the model: truncated from %zu tokens to %zu", what,
          number + 1, ids->count, by->most);
  ids->count = 0;
  ATT_TRY(att_tokenizer_encode_pair(by->tokenizer, model->ctx, line, NULL, (int64_t)by->most, ids, NULL, truncated));
  *truncated = true;
  if (ends) ids->data[ids->count - 1] = eos;
  return ATT_OK;
}

int64_t att_source_limit(const att_model *model) {
  int64_t positions = model->config.max_position_embeddings, said = model->config.model_max_length;
  return said > 0 && said < positions ? said : positions;
}

att_status att_line_ids(att_model *model, att_text line, size_t number, const char *what, bool end_token, att_ids *ids,
                        bool *truncated) {
  const rule by = {model->tokenizer, (size_t)att_source_limit(model), what, end_token, false};
  return line_ids(model, &by, line, number, ids, truncated);
}

att_status att_line_ids_within(att_model *model, const att_tokenizer *tokenizer, int64_t most, bool whole,
                               att_text line, const char *what, size_t number, att_ids *ids, bool *truncated) {
  const rule by = {tokenizer, (size_t)most, what, false, whole};
  return line_ids(model, &by, line, number, ids, truncated);
}

att_status att_warn_unknown_of(const att_model *model, att_text text, const char *what, size_t number) {
  att_ids ids = {0};
  att_status status = att_tokenizer_encode(model->tokenizer, model->ctx, text, false, &ids);
  if (!status) status = att_warn_unknown(model, text, what, (int64_t)number, ids.data, ids.count);
  att_free(model->ctx, ids.data);
  return status;
}

att_status att_line_example(const att_model *model, att_text line, const att_text *other, int64_t most, size_t number,
                            bool known, att_examples *examples, bool *truncated) {
  const att_ids *ids = &examples->ids;
  int64_t positions = model->config.max_position_embeddings;
  size_t before = ids->count;
  bool unknown = false;
  bool valid = (known || att_utf8_valid(line.data, line.size)) && (!other || att_utf8_valid(other->data, other->size));
  if (!valid) {
    att_log(model->ctx, ATT_LOG_WARNING, "line %zu is not valid UTF-8: its wrong bytes become U+FFFD", number + 1);
  }
  ATT_TRY(att_examples_add(model, line, other, most, examples, truncated));
  for (size_t i = before; i < ids->count && !unknown; i++) unknown = ids->data[i] == model->config.unk;
  if (unknown && !known) ATT_TRY(att_warn_unknown_of(model, line, "line", number));
  if (unknown && other) ATT_TRY(att_warn_unknown_of(model, *other, "line", number));
  if (*truncated) {
    att_log(model->ctx, ATT_LOG_WARNING, "line %zu is too long for the model: truncated to %lld tokens", number + 1,
            (long long)(most > 0 && most < positions ? most : positions));
  }
  return ATT_OK;
}

/* Whether the text itself, without special tokens, ends with the end token's spelling. */
static bool ends_with_special(const att_model *model, att_text text) {
  if (att_tokenizer_splits_specials(model->tokenizer)) return false;
  const char *special = att_tokenizer_token(model->tokenizer, model->config.eos);
  size_t size = special ? strlen(special) : 0;
  return size && text.size >= size && memcmp(text.data + text.size - size, special, size) == 0;
}

att_status att_text_ids(att_model *model, att_text text, bool special, const char *what, att_ids *ids) {
  ids->count = 0;
  ATT_TRY(att_model_check_text(model));
  if (!att_utf8_valid(text.data, text.size)) {
    att_log(model->ctx, ATT_LOG_WARNING, "%s is not valid UTF-8: its wrong bytes become U+FFFD", what);
  }
  ATT_TRY(att_tokenizer_encode(model->tokenizer, model->ctx, text, special, ids));
  bool ends = special && ids->count && ids->data[ids->count - 1] == model->config.eos;
  if (ends && !ends_with_special(model, text)) ids->count--;
  ATT_TRY(check_ids(model, ids));
  return att_warn_unknown(model, text, what, -1, ids->data, ids->count);
}
