/* Owns the list of heads, and what is looked up in it. */
#include "models/head.h"

#include <string.h>

extern const att_head_calls att_tokens_head, att_classes_head, att_labels_head, att_values_head, att_no_head,
    att_token_classes_head, att_spans_head, att_forecast_head, att_ctc_head, att_ctc_attention_head, att_frames_head,
    att_copying_head;

static const att_head_calls *const heads[ATT_HEAD_COUNT] = {
    [ATT_HEAD_TOKENS] = &att_tokens_head, [ATT_HEAD_CLASSES] = &att_classes_head,
    [ATT_HEAD_LABELS] = &att_labels_head, [ATT_HEAD_VALUES] = &att_values_head,
    [ATT_HEAD_NONE] = &att_no_head,       [ATT_HEAD_TOKEN_CLASSES] = &att_token_classes_head,
    [ATT_HEAD_SPANS] = &att_spans_head,   [ATT_HEAD_FORECAST] = &att_forecast_head,
    [ATT_HEAD_CTC] = &att_ctc_head,       [ATT_HEAD_CTC_ATTENTION] = &att_ctc_attention_head,
    [ATT_HEAD_FRAMES] = &att_frames_head, [ATT_HEAD_COPYING] = &att_copying_head,
};

const att_head_calls *att_head_get(att_head head) { return (unsigned)head < ATT_HEAD_COUNT ? heads[head] : NULL; }

static bool ends_with(const char *text, const char *end) {
  size_t size = strlen(text), tail = strlen(end);
  return size >= tail && memcmp(text + size - tail, end, tail) == 0;
}

const char *att_head_class(const att_config *config, const att_family_calls *family) {
  const att_head_calls *head = att_head_get(config->head);
  const att_head_form *form = att_head_form_of(head, family);
  if (!family->stem || (config->input_width && !family->rows) || !family->plain(config)) return NULL;
  if (form) return form->absent ? NULL : form->ending;
  return head->common ? head->endings[0] : NULL;
}

att_status att_head_find(const att_settings *in, const char *key, att_head *out) {
  const char *text = NULL;
  ATT_TRY(att_read_string(in, key, &text));
  for (int i = 0; text && i < ATT_HEAD_COUNT; i++) {
    if (strcmp(text, heads[i]->name) != 0) continue;
    *out = (att_head)i;
    return ATT_OK;
  }
  if (!text) return ATT_OK;
  return att_fail(in->ctx, ATT_UNSUPPORTED, "%s: %s is \"%.60s\", which attend does not know", in->name, key, text);
}

att_status att_head_find_class(const att_settings *in, const char *class, const att_family_calls *family,
                               att_head *out) {
  size_t longest = 0;
  for (const char *const *body = family->bodies; body && *body; body++) {
    if (!ends_with(class, *body)) continue;
    att_log(in->ctx, ATT_LOG_NOTE, "%s: %.60s is read without its head", in->name, class);
    *out = ATT_HEAD_NONE;
    return ATT_OK;
  }
  for (int i = 0; i < ATT_HEAD_COUNT; i++) {
    for (const char *const *ending = heads[i]->endings; ending && *ending; ending++) {
      if (strlen(*ending) <= longest || !ends_with(class, *ending)) continue;
      longest = strlen(*ending);
      *out = (att_head)i;
    }
  }
  if (longest) return ATT_OK;
  return att_fail(in->ctx, ATT_UNSUPPORTED, "%s: architectures is [\"%.60s\"], a head that attend does not know",
                  in->name, class);
}

att_status att_head_find_problem(const att_settings *in, int64_t labels, att_head *head) {
  const char *problem = NULL;
  const att_head_calls *calls = heads[*head];
  if (!calls->problem_type) return ATT_OK;
  ATT_TRY(att_read_string(in, "problem_type", &problem));
  if (!problem && labels == 1 && calls->one_label) *head = calls->one_label;
  for (int i = 0; problem && i < ATT_HEAD_COUNT; i++) {
    if (!heads[i]->problem_type || strcmp(problem, heads[i]->problem_type) != 0) continue;
    *head = (att_head)i;
    return ATT_OK;
  }
  if (!problem) return ATT_OK;
  return att_fail(in->ctx, ATT_UNSUPPORTED, "%s: problem_type is \"%.60s\", which attend does not know", in->name,
                  problem);
}
