/* Owns the list of kept sequences. See kept.h. */
#include "serve/kept.h"

#include <string.h>

static void remove_at(att_kept *k, int64_t at) {
  k->rows -= att_session_length(k->session, k->sequences[at]);
  k->count--;
  memmove(k->sequences + at, k->sequences + at + 1, (size_t)(k->count - at) * sizeof *k->sequences);
}

static void append(att_kept *k, int32_t sequence) {
  k->sequences[k->count++] = sequence;
  k->rows += att_session_length(k->session, sequence);
}

bool att_kept_drop(att_kept *k) {
  if (k->count == 0) return false;
  int32_t oldest = k->sequences[0];
  remove_at(k, 0);
  att_session_drop(k->session, oldest);
  return true;
}

void att_kept_use(att_kept *k, int32_t sequence) {
  for (int64_t i = 0; i < k->count; i++) {
    if (k->sequences[i] != sequence) continue;
    remove_at(k, i);
    append(k, sequence);
    return;
  }
}

void att_beginning_look(att_beginning *b, const att_session *session, int32_t sequence, const int32_t *tokens,
                        int64_t count) {
  int64_t same = att_session_common(session, sequence, tokens, count);
  if (!att_session_goes_back(session, sequence, same)) {
    if (same > b->parts) b->parts = same;
  } else if (same > b->common) {
    b->common = same;
    b->sequence = sequence;
  }
}

void att_kept_find(const att_kept *k, const int32_t *tokens, int64_t count, att_beginning *b) {
  for (int64_t i = 0; i < k->count; i++) att_beginning_look(b, k->session, k->sequences[i], tokens, count);
}

/* Whether another one that is kept begins with the first `length` tokens too. */
static bool others_begin_so(const att_kept *k, int64_t at, const int32_t *tokens, int64_t length) {
  for (int64_t i = 0; i < k->count; i++)
    if (i != at && att_session_common(k->session, k->sequences[i], tokens, length) == length) return true;
  return false;
}

/* Of the sequence, tokens[count], and what is kept, one may be a beginning of the other: the longer one stays, if it
 * stands for both. true: that is kept. */
static bool has_longer(att_kept *k, int32_t sequence, const int32_t *tokens, int64_t count) {
  for (int64_t i = k->count - 1; i >= 0; i--) {
    int32_t other = k->sequences[i];
    int64_t same = att_session_common(k->session, other, tokens, count);
    if (same == count && att_session_goes_back(k->session, other, count)) {
      att_kept_use(k, other);
      return true;
    }
    if (same < att_session_length(k->session, other)) continue;
    if (!att_session_goes_back(k->session, sequence, same) && others_begin_so(k, i, tokens, same)) continue;
    remove_at(k, i);
    att_session_drop(k->session, other);
  }
  return false;
}

static att_status make_room(att_kept *k, att_context *ctx, int64_t rows) {
  while (k->rows + rows > k->most) att_kept_drop(k);
  if (k->count < k->capacity) return ATT_OK;
  int64_t capacity = k->capacity ? 2 * k->capacity : 16;
  int32_t *sequences = att_resize(ctx, k->sequences, (size_t)capacity, sizeof *sequences);
  if (!sequences) return ATT_MEMORY;
  k->sequences = sequences;
  k->capacity = capacity;
  return ATT_OK;
}

att_status att_kept_add(att_kept *k, att_context *ctx, int32_t sequence) {
  int64_t length = att_session_length(k->session, sequence);
  if (length > k->most) length = k->most;
  if (length == 0 || !att_session_goes_back(k->session, sequence, length)) return ATT_OK;
  int32_t *tokens = ATT_NEW(ctx, length, int32_t), fork;
  if (!tokens) return ATT_MEMORY;
  att_session_tokens(k->session, sequence, 0, length, tokens);
  bool longer = has_longer(k, sequence, tokens, length);
  att_free(ctx, tokens);
  if (longer) return ATT_OK;
  ATT_TRY(make_room(k, ctx, length));
  ATT_TRY(att_session_fork(k->session, sequence, length, &fork));
  append(k, fork);
  return ATT_OK;
}

void att_kept_free(att_kept *k, att_context *ctx) {
  while (att_kept_drop(k)) continue;
  att_free(ctx, k->sequences);
}
