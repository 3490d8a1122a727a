/* Owns what token_spans.h says. */
#include "text/token_spans.h"
#include "text/unicode.h"

#include <string.h>

enum { MOST_JOINED = 64 }; /* characters that a step may take together */

static att_status reserve(att_context *ctx, att_token_span **items, size_t *capacity, size_t size) {
  if (size <= *capacity) return ATT_OK;
  att_token_span *grown = att_resize(ctx, *items, size + size / 2, sizeof *grown);
  if (!grown) return ATT_MEMORY;
  *items = grown;
  *capacity = size + size / 2;
  return ATT_OK;
}

void att_span_recorder_free(att_span_recorder *r) {
  att_free(r->ctx, r->origins);
  att_free(r->ctx, r->scratch);
  att_buffer_free(r->ctx, &r->steps[0]);
  att_buffer_free(r->ctx, &r->steps[1]);
  att_buffer_free(r->ctx, &r->piece);
}

/* ---- a step of the normalizer --------------------------------------------------------------------------------- */

/* One step from `text`, whose bytes are from `old`, to `after`, whose bytes get `made`. */
typedef struct follower {
  att_span_recorder *r;
  const att_normal_step *step;
  att_text text, after;
  const att_token_span *old;
  att_token_span *made;
  size_t done; /* bytes of after that are followed back */
} follower;

/* The next `size` bytes of after are text[begin, end) as it is, or where that is empty were put in there. */
static void put(follower *f, size_t begin, size_t end, size_t size) {
  att_token_span whole = {0, 0};
  if (begin == end && f->text.size > 0) {
    size_t place = begin < f->text.size ? f->old[begin].begin : f->old[begin - 1].end;
    whole = (att_token_span){place, place};
  }
  for (size_t i = 0; i < size; i++) f->made[f->done + i] = size == end - begin ? f->old[begin + i] : whole;
  f->done += size;
}

/* What the step makes of a part of the text alone; whether that is what comes next in after. */
static att_status try_part(follower *f, size_t begin, size_t end, bool *fits) {
  bool first = true;
  att_buffer *piece = &f->r->piece;
  piece->size = 0;
  ATT_TRY(f->step->apply(f->r->ctx, f->step, (att_text){f->text.data + begin, end - begin}, piece, &first));
  *fits = piece->size <= f->after.size - f->done &&
          (piece->size == 0 || memcmp(f->after.data + f->done, piece->data, piece->size) == 0);
  return ATT_OK;
}

static bool is_plain(att_text text, size_t at) { return (unsigned char)text.data[at] < 0x80; }

/* The end of ASCII characters from `at` on, without the last one before others, which may become one with it. */
static size_t plain_end(att_text text, size_t at) {
  size_t end = at;
  while (end < text.size && is_plain(text, end)) end++;
  return end < text.size && end > at ? end - 1 : end;
}

/* The next `size` bytes of after are of all of text[begin, end). */
static void put_whole(follower *f, size_t begin, size_t end, size_t size) {
  const att_token_span whole = {f->old[begin].begin, f->old[end - 1].end};
  for (size_t i = 0; i < size; i++) f->made[f->done + i] = whole;
  f->done += size;
}

/* What a user sees as one character, which became `size` bytes: code point by code point, where that comes to the same;
 * one of which nothing is left goes with the one before it. */
static att_status follow_cluster(follower *f, size_t begin, size_t end, size_t size) {
  size_t first = f->done, before = first;
  for (size_t at = begin, next; at < end; at = next) {
    bool fits;
    att_code_at(f->text, at, &next);
    ATT_TRY(try_part(f, at, next, &fits));
    if (!fits || f->done + f->r->piece.size > first + size) break;
    if (f->r->piece.size) before = f->done;
    put_whole(f, at, next, f->r->piece.size);
    for (size_t i = before; i < f->done; i++) f->made[i].end = f->old[next - 1].end;
    if (next == end && f->done == first + size) return ATT_OK;
  }
  f->done = first;
  put_whole(f, begin, end, size);
  return ATT_OK;
}

/* Steps that look at no more than a character and its marks: as long a run of ASCII as keeps its length, else character
 * by character, or as few together as agree. */
static att_status follow_characters(follower *f) {
  for (size_t at = 0, end; at < f->text.size; at = end) {
    bool fits = false;
    end = plain_end(f->text, at);
    if (end > at) ATT_TRY(try_part(f, at, end, &fits));
    if (fits && f->r->piece.size == end - at) {
      put(f, at, end, end - at);
      continue;
    }
    fits = false;
    end = at;
    for (int joined = 0; !fits && end < f->text.size && joined < MOST_JOINED; joined++) {
      end = att_cluster_end(f->text, end);
      ATT_TRY(try_part(f, at, end, &fits));
    }
    if (!fits) break;
    ATT_TRY(follow_cluster(f, at, end, f->r->piece.size));
  }
  return ATT_OK;
}

static att_status follow_replace(follower *f) {
  att_pattern_walk walk = {.pattern = &f->step->pattern, .ctx = f->r->ctx, .text = f->text};
  size_t done = 0, start, end;
  for (bool found = true;; done = end) {
    ATT_TRY(att_pattern_next(&walk, &found, &start, &end));
    if (!found) start = f->text.size;
    put(f, done, start, start - done);
    if (!found) return ATT_OK;
    size_t size = strlen(f->step->with);
    att_token_span whole = {f->old[start < f->text.size ? start : f->text.size - 1].begin,
                            f->old[end > start            ? end - 1
                                   : start < f->text.size ? start
                                                          : f->text.size - 1]
                                .end};
    for (size_t i = 0; i < size; i++) f->made[f->done++] = whole;
  }
}

static att_status follow(follower *f) {
  size_t left = 0, next;
  switch (f->step->kind) {
  case ATT_STEP_REPLACE: return follow_replace(f);
  case ATT_STEP_PREPEND: put(f, 0, 0, f->after.size - f->text.size); break;
  case ATT_STEP_STRIP:
    for (; f->step->left && left < f->text.size && att_is_space(att_code_at(f->text, left, &next)); left = next)
      continue;
    break;
  default: return follow_characters(f);
  }
  put(f, left, left + f->after.size - f->done, f->after.size - f->done);
  return ATT_OK;
}

/* What could not be followed is from anywhere in the piece. */
static void complete(follower *f) {
  if (f->done < f->after.size && f->text.size > 0) {
    att_token_span whole = {f->old[0].begin, f->old[f->text.size - 1].end};
    while (f->done < f->after.size) f->made[f->done++] = whole;
  }
}

static att_status follow_step(att_span_recorder *r, const att_normal_step *step, att_text text, att_text after) {
  ATT_TRY(reserve(r->ctx, &r->scratch, &r->scratch_capacity, after.size));
  follower f = {.r = r, .step = step, .text = text, .after = after, .old = r->origins, .made = r->scratch};
  ATT_TRY(follow(&f));
  complete(&f);
  att_token_span *items = r->origins;
  size_t capacity = r->capacity;
  r->origins = r->scratch, r->capacity = r->scratch_capacity;
  r->scratch = items, r->scratch_capacity = capacity;
  return ATT_OK;
}

att_status att_spans_normalize(att_span_recorder *r, att_text piece, att_text normal) {
  size_t begin = (size_t)(piece.data - r->text.data);
  ATT_TRY(reserve(r->ctx, &r->origins, &r->capacity, piece.size));
  for (size_t i = 0; i < piece.size; i++) r->origins[i] = (att_token_span){begin + i, begin + i + 1};
  att_text text = piece;
  for (int i = 0; i < r->tokenizer->step_count && text.size > 0; i++) {
    const att_normal_step *step = &r->tokenizer->steps[i];
    att_buffer *buffer = &r->steps[i % 2];
    bool first = true;
    buffer->size = 0;
    ATT_TRY(step->apply(r->ctx, step, text, buffer, &first));
    att_text after = {buffer->data, buffer->size};
    ATT_TRY(follow_step(r, step, text, after));
    text = after;
  }
  r->normal = normal;
  return ATT_OK;
}

/* ---- changes of pre-tokenizers -------------------------------------------------------------------------------- */

/* What is put before the piece: the rest is the piece with the pre-tokenizer's string for each space. */
static size_t put_before(const att_pretokenizer *p, att_text before, size_t after) {
  size_t size = before.size, more = p->string ? strlen(p->string) - 1 : 0;
  for (size_t i = 0; p->string && i < before.size; i++) size += before.data[i] == ' ' ? more : 0;
  return after - size;
}

/* The place in `before` of a place in what it became. */
static size_t place_before(const att_pretokenizer *p, att_text before, size_t after, size_t at, att_change_cursor *c) {
  if (c->before != before.data || at < c->to)
    *c = (att_change_cursor){.before = before.data, .from = 0, .to = put_before(p, before, after)};
  while (c->to < at && c->from < before.size) {
    c->to += p->string && before.data[c->from] == ' ' ? strlen(p->string) : 1;
    c->from++;
  }
  return c->from;
}

/* Through the changes, last one first, to the normalised piece. */
static const char *before_changes(att_span_recorder *r, const att_buffer *pieces, const char *at) {
  for (int i = r->tokenizer->pretokenizer_count - 1; i >= 0; i--) {
    att_text before = r->changed[i];
    if (!before.data || at < pieces[i].data || at > pieces[i].data + pieces[i].size) continue;
    at = before.data + place_before(&r->tokenizer->pretokenizers[i], before, pieces[i].size,
                                    (size_t)(at - pieces[i].data), &r->cursors[i]);
  }
  return at;
}

/* ---- tokens --------------------------------------------------------------------------------------------------- */

static att_status push(att_span_recorder *r, att_token_span span) {
  att_token_spans *s = r->spans;
  ATT_TRY(reserve(r->ctx, &s->data, &s->capacity, s->count + 1));
  s->data[s->count++] = span;
  return ATT_OK;
}

static bool is_inside(att_text text, const char *at) {
  return text.data && at >= text.data && at <= text.data + text.size;
}

att_status att_spans_found(att_span_recorder *r, const char *begin, const char *end) {
  if (is_inside(r->text, begin) && is_inside(r->text, end))
    return push(r, (att_token_span){(size_t)(begin - r->text.data), (size_t)(end - r->text.data)});
  size_t from = (size_t)(begin - r->normal.data), to = (size_t)(end - r->normal.data);
  if (from < to) return push(r, (att_token_span){r->origins[from].begin, r->origins[to - 1].end});
  size_t place = r->normal.size == 0     ? 0
                 : from < r->normal.size ? r->origins[from].begin
                                         : r->origins[r->normal.size - 1].end;
  return push(r, (att_token_span){place, place});
}

static bool matches(att_text word, size_t at, const char *spelling, size_t size) {
  return size > 0 && size <= word.size - at && memcmp(word.data + at, spelling, size) == 0;
}

/* The token's letters in the word: its spelling without what marks that it goes on a word, or ends it. */
static att_text letters_of(const att_tokenizer *t, int32_t id, size_t at) {
  const char *spelling = att_vocabulary_spelling(&t->vocabulary, id);
  att_text out = {spelling, spelling ? strlen(spelling) : 0};
  const char *prefix = t->wordpiece.used ? t->wordpiece.prefix : t->bpe.prefix, *suffix = t->bpe.suffix;
  size_t before = strlen(prefix), behind = strlen(suffix);
  if (at > 0 && before && out.size > before && memcmp(out.data, prefix, before) == 0)
    out = (att_text){out.data + before, out.size - before};
  if (!t->wordpiece.used && behind && out.size > behind && memcmp(out.data + out.size - behind, suffix, behind) == 0)
    out.size -= behind;
  return out;
}

static size_t count_characters(att_text text) {
  size_t count = 0;
  for (size_t i = 0; i < text.size; i++) count += ((unsigned char)text.data[i] & 0xc0) != 0x80;
  return count;
}

/* How much of an unknown run one token takes: to where the next known one is found; all of it, where it is the last. */
static size_t unknown_size(const att_tokenizer *t, att_text word, size_t at, const int32_t *ids, size_t count) {
  size_t one = at, next;
  if (count == 1 || t->wordpiece.used) return word.size - at;
  att_code_at(word, at, &next);
  one = next - at;
  att_text known = letters_of(t, ids[1], at + one);
  for (size_t end = at + one; end < word.size; end++)
    if (matches(word, end, known.data, known.size)) return end - at;
  return one;
}

/* The same of bytes, which have no token of their own. */
static size_t unknown_bytes(const att_bpe *bpe, att_text word, size_t at) {
  size_t end = at + 1;
  while (bpe->fuse_unknown && end < word.size && bpe->byte_ids[(unsigned char)word.data[end]] < 0) end++;
  return end - at;
}

static bool is_byte(att_text letters) { return letters.size == 6 && memcmp(letters.data, "<0x", 3) == 0; }

/* Bytes of the word, from `at` on, that the first of the ids takes. */
static size_t token_size(const att_tokenizer *t, att_text word, size_t at, const int32_t *ids, size_t count) {
  att_text letters = letters_of(t, ids[0], at);
  bool bytes = !t->wordpiece.used && !t->unigram.used && !t->bpe.characters;
  if (at >= word.size) return 0;
  if (bytes && ids[0] == t->bpe.unknown) return unknown_bytes(&t->bpe, word, at);
  if (bytes) {
    size_t size = count_characters(letters);
    return size < word.size - at ? size : word.size - at;
  }
  if (matches(word, at, letters.data, letters.size)) return letters.size;
  return is_byte(letters) ? 1 : unknown_size(t, word, at, ids, count);
}

att_status att_spans_word(att_span_recorder *r, const att_buffer *pieces, att_text word, const int32_t *ids,
                          size_t count) {
  size_t at = 0;
  for (size_t i = 0; i < count; i++) {
    size_t size = token_size(r->tokenizer, word, at, ids + i, count - i);
    const char *begin = before_changes(r, pieces, word.data + at);
    const char *end = before_changes(r, pieces, word.data + at + size);
    ATT_TRY(att_spans_found(r, begin, end));
    at += size;
  }
  return ATT_OK;
}
