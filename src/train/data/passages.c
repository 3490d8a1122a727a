/* Owns what passages.h says. */
#include "train/data/passages.h"

#include "text/normal_forms.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SHORTEST = 4, LONGEST = 64, OF_SUMMARY = 10 };

typedef struct finder {
  att_context *ctx;
  const att_corpus *corpus;
  int32_t end;
  int32_t *kind;    /* [tokens] the first token that is spelled alike */
  int32_t *texts;   /* [tokens] by kind: that have it */
  int32_t *here;    /* [tokens] by kind: times in the text at hand; 0 between texts */
  bool *of_summary; /* [tokens] by kind: the summary at hand has it; false between texts */
  double *sums;     /* [tokens of the longest source + 1] */
} finder;

/* ---- tokens that are spelled alike ------------------------------------------------------------------------------ */

typedef struct spelling {
  size_t begin, size;
  const att_buffer *all;
  int32_t id;
} spelling;

static int by_spelling(const void *a, const void *b) {
  const spelling *x = a, *y = b;
  size_t shared = x->size < y->size ? x->size : y->size;
  int order = shared ? memcmp(x->all->data + x->begin, y->all->data + y->begin, shared) : 0;
  if (!order) order = (x->size > y->size) - (x->size < y->size);
  return order ? order : (x->id > y->id) - (x->id < y->id);
}

static bool is_alike(const spelling *a, const spelling *b) {
  return a->size > 0 && a->size == b->size && memcmp(a->all->data + a->begin, b->all->data + b->begin, a->size) == 0;
}

static att_status spell(att_context *ctx, const att_tokenizer *tokenizer, int32_t id, att_buffer *room, att_buffer *all,
                        spelling *out) {
  room->size = 0;
  ATT_TRY(att_tokenizer_bytes(tokenizer, ctx, id, room));
  size_t space = room->size > 0 && room->data[0] == ' ';
  *out = (spelling){.begin = all->size, .all = all, .id = id};
  ATT_TRY(att_lowercase(ctx, (att_text){room->data + space, room->size - space}, all));
  out->size = all->size - out->begin;
  return ATT_OK;
}

static att_status find_kinds(finder *f, const att_tokenizer *tokenizer, int32_t tokens) {
  att_buffer room = {0}, all = {0};
  spelling *spellings = ATT_NEW(f->ctx, tokens, spelling);
  att_status status = spellings ? ATT_OK : ATT_MEMORY;
  for (int32_t id = 0; id < tokens && !status; id++) status = spell(f->ctx, tokenizer, id, &room, &all, &spellings[id]);
  if (!status) qsort(spellings, (size_t)tokens, sizeof *spellings, by_spelling);
  for (int32_t i = 0; i < tokens && !status; i++) {
    bool alike = i > 0 && is_alike(&spellings[i], &spellings[i - 1]);
    f->kind[spellings[i].id] = alike ? f->kind[spellings[i - 1].id] : spellings[i].id;
  }
  att_free(f->ctx, spellings);
  att_buffer_free(f->ctx, &room);
  att_buffer_free(f->ctx, &all);
  return status;
}

/* ---- weights ---------------------------------------------------------------------------------------------------- */

typedef struct side {
  const int32_t *ids;
  int64_t count; /* without the end token */
} side;

static side side_of(const att_ids *ids, const int64_t *start, int64_t pair, int32_t end) {
  side s = {ids->data + start[pair], start[pair + 1] - start[pair]};
  if (s.count > 0 && s.ids[s.count - 1] == end) s.count--;
  return s;
}

static side source_of(const finder *f, int64_t pair) {
  return side_of(&f->corpus->source, f->corpus->source_start, pair, f->end);
}

static side summary_of(const finder *f, int64_t pair) {
  return side_of(&f->corpus->target, f->corpus->target_start, pair, f->end);
}

static void count_texts(finder *f) {
  for (int64_t pair = 0; pair < f->corpus->count; pair++) {
    side source = source_of(f, pair);
    for (int64_t i = 0; i < source.count; i++) {
      int32_t kind = f->kind[source.ids[i]];
      if (f->here[kind]++ == 0) f->texts[kind]++;
    }
    for (int64_t i = 0; i < source.count; i++) f->here[f->kind[source.ids[i]]] = 0;
  }
}

/* Returns whether the source has all that the summary has. */
static bool add_up(finder *f, side source, side summary) {
  bool all = true;
  for (int64_t i = 0; i < source.count; i++) f->here[f->kind[source.ids[i]]]++;
  for (int64_t i = 0; i < summary.count; i++) all &= f->here[f->kind[summary.ids[i]]] > 0;
  for (int64_t i = 0; i < summary.count; i++) f->of_summary[f->kind[summary.ids[i]]] = true;
  f->sums[0] = 0;
  for (int64_t i = 0; i < source.count; i++) {
    int32_t kind = f->kind[source.ids[i]];
    double weight = (1 + log(f->here[kind])) * log((double)f->corpus->count / f->texts[kind]);
    f->sums[i + 1] = f->sums[i] + (f->of_summary[kind] ? OF_SUMMARY * weight : weight);
  }
  for (int64_t i = 0; i < source.count; i++) f->here[f->kind[source.ids[i]]] = 0;
  for (int64_t i = 0; i < summary.count; i++) f->of_summary[f->kind[summary.ids[i]]] = false;
  return all;
}

/* ---- passages --------------------------------------------------------------------------------------------------- */

/* With its end token no longer than the source. */
static int64_t length_for(const finder *f, int64_t pair) {
  const att_corpus *c = f->corpus;
  int64_t length = summary_of(f, pair).count, most = c->source_start[pair + 1] - c->source_start[pair] - 1;
  length = length < SHORTEST ? SHORTEST : length > LONGEST ? LONGEST : length;
  return length < most ? length : most;
}

static side find(finder *f, int64_t pair) {
  side source = source_of(f, pair), summary = summary_of(f, pair);
  int64_t length = length_for(f, pair), best = 0;
  const double *sums = f->sums;
  if (add_up(f, source, summary) && summary.count <= length) return summary;
  for (int64_t i = 1; i + length <= source.count; i++)
    if (sums[i + length] - sums[i] > sums[best + length] - sums[best]) best = i;
  return (side){source.ids + best, length};
}

static att_status put(finder *f, int64_t pair, att_corpus *out) {
  side passage = find(f, pair);
  for (int64_t i = 0; i < passage.count; i++) ATT_TRY(att_ids_push(f->ctx, &out->target, passage.ids[i]));
  ATT_TRY(att_ids_push(f->ctx, &out->target, f->end));
  out->target_start[pair + 1] = (int64_t)out->target.count;
  return ATT_OK;
}

static int64_t longest_source(const att_corpus *c) {
  int64_t longest = 0;
  for (int64_t i = 0; i < c->count; i++)
    if (c->source_start[i + 1] - c->source_start[i] > longest) longest = c->source_start[i + 1] - c->source_start[i];
  return longest;
}

att_status att_passages_find(att_context *ctx, const att_tokenizer *tokenizer, const att_corpus *corpus, int32_t end,
                             att_corpus *passages) {
  *passages = (att_corpus){.source = corpus->source,
                           .source_start = corpus->source_start,
                           .target_start = ATT_NEW(ctx, corpus->count + 1, int64_t),
                           .count = corpus->count};
  int32_t tokens = att_tokenizer_size(tokenizer);
  finder f = {ctx,
              corpus,
              end,
              ATT_NEW(ctx, tokens, int32_t),
              ATT_NEW(ctx, tokens, int32_t),
              ATT_NEW(ctx, tokens, int32_t),
              ATT_NEW(ctx, tokens, bool),
              ATT_NEW(ctx, longest_source(corpus) + 1, double)};
  bool there = passages->target_start && f.kind && f.texts && f.here && f.of_summary && f.sums;
  att_status status = there ? find_kinds(&f, tokenizer, tokens) : ATT_MEMORY;
  if (!status) count_texts(&f);
  for (int64_t pair = 0; pair < corpus->count && !status; pair++) status = put(&f, pair, passages);
  void *const owned[] = {f.kind, f.texts, f.here, f.of_summary, f.sums};
  for (size_t i = 0; i < sizeof owned / sizeof *owned; i++) att_free(ctx, owned[i]);
  if (status) att_passages_free(ctx, passages);
  return status;
}

void att_passages_free(att_context *ctx, att_corpus *passages) {
  att_free(ctx, passages->target.data);
  att_free(ctx, passages->target_start);
  *passages = (att_corpus){0};
}
