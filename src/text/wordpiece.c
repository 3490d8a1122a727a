/* Owns the encoding of a word by longest match. See wordpiece.h. */
#include "text/wordpiece.h"

static int64_t characters_of(att_text word) {
  int64_t count = 0;
  for (size_t i = 0; i < word.size; i++) count += ((unsigned char)word.data[i] & 0xc0) != 0x80;
  return count;
}

att_status att_wordpiece_encode(const att_wordpiece *model, const att_vocabulary *vocabulary, att_context *ctx,
                                att_text word, att_ids *ids) {
  if (characters_of(word) > model->most_characters) return att_ids_push(ctx, ids, model->unknown);
  size_t before = ids->count;
  for (size_t start = 0, size; start < word.size; start += size) {
    att_text rest = {word.data + start, word.size - start};
    int32_t id = att_vocabulary_longest(vocabulary, start > 0 ? model->prefix : "", rest, &size);
    if (id < 0) {
      ids->count = before;
      return att_ids_push(ctx, ids, model->unknown);
    }
    ATT_TRY(att_ids_push(ctx, ids, id));
  }
  return ATT_OK;
}
