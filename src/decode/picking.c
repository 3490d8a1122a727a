/* Owns what picking.h says. */
#include "decode/picking.h"

#include <string.h>

const char *const att_picking_labels[ATT_PICKING_LABELS] = {"left", "picked"};

bool att_picks_sentences(const att_model *model) {
  const att_config *c = &model->config;
  if (c->head != ATT_HEAD_TOKEN_CLASSES || c->label_count != ATT_PICKING_LABELS || !c->labels) return false;
  for (int i = 0; i < ATT_PICKING_LABELS; i++)
    if (strcmp(c->labels[i], att_picking_labels[i]) != 0) return false;
  return true;
}

att_status att_picking_put(const att_model *model, att_text sentence, size_t begin, int64_t most, att_ids *ids,
                           att_ids *types, bool *fits) {
  size_t before = ids->count;
  bool cut, first = before == begin;
  ATT_TRY(att_tokenizer_encode_pair(model->tokenizer, model->ctx, sentence, NULL, most, ids, types, &cut));
  *fits = first || (int64_t)(ids->count - begin) <= most;
  if (!*fits) ids->count = types->count = before;
  return ATT_OK;
}
