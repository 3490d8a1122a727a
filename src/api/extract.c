/*
 * Owns att_extract: the sentences of a text that say most of it. A sentence says as much as its vector is close to the
 * mean of all (the centroid: Radev et al. 2004), less what those chosen before it have said (maximal marginal
 * relevance: Carbonell and Goldstein 1998).
 */
#include "models/head.h"
#include "text/sentences.h"

#include "api/text.h"

#include <math.h>
#include <string.h>

#define NEWNESS 0.3 /* weight of what was said before */

typedef struct extractor {
  att_model *model;
  size_t wanted;    /* sentences of a text */
  int64_t width;    /* of a vector */
  att_arena *arena; /* of one text */
  att_text *sentences;
  size_t count;
  float *vectors; /* [count, width], each of length 1 or 0 */
  double *scores; /* [count] */
  bool *chosen;   /* [count] */
  att_buffer out;
} extractor;

static att_status find_sentences(extractor *e, att_text text) {
  att_text sentence;
  size_t at = 0, i = 0;
  for (e->count = 0; att_sentence_next(text, &at, &sentence);) e->count++;
  int64_t count = (int64_t)e->count;
  e->sentences = ATT_ARENA_NEW(e->arena, count, att_text);
  e->vectors = ATT_ARENA_NEW(e->arena, count * e->width, float);
  e->scores = ATT_ARENA_NEW(e->arena, count, double);
  e->chosen = ATT_ARENA_NEW(e->arena, count, bool);
  if (!e->sentences || !e->vectors || !e->scores || !e->chosen) return ATT_MEMORY;
  for (at = 0; att_sentence_next(text, &at, &sentence); i++) {
    e->sentences[i] = sentence;
    e->chosen[i] = false;
  }
  return ATT_OK;
}

static double dot(const float *a, const float *b, int64_t n) {
  double sum = 0;
  for (int64_t i = 0; i < n; i++) sum += (double)a[i] * (double)b[i];
  return sum;
}

static void scale_to_one(float *x, int64_t n) {
  double size = sqrt(dot(x, x, n));
  for (int64_t i = 0; size > 0 && i < n; i++) x[i] = (float)((double)x[i] / size);
}

static float *vector_of(const extractor *e, size_t i) { return e->vectors + (int64_t)i * e->width; }

/* scores: closeness to the mean of all. */
static att_status score(extractor *e) {
  float *mean = ATT_ARENA_NEW(e->arena, e->width, float);
  if (!mean) return ATT_MEMORY;
  memset(mean, 0, (size_t)e->width * sizeof *mean);
  for (size_t i = 0; i < e->count; i++) {
    scale_to_one(vector_of(e, i), e->width);
    for (int64_t j = 0; j < e->width; j++) mean[j] += vector_of(e, i)[j];
  }
  scale_to_one(mean, e->width);
  for (size_t i = 0; i < e->count; i++) e->scores[i] = dot(vector_of(e, i), mean, e->width);
  return ATT_OK;
}

/* Of equal ones the first. */
static void choose_one(extractor *e) {
  size_t best = e->count;
  double most = -INFINITY;
  for (size_t i = 0; i < e->count; i++) {
    double said = 0;
    for (size_t j = 0; j < e->count && !e->chosen[i]; j++)
      if (e->chosen[j]) said = fmax(said, dot(vector_of(e, i), vector_of(e, j), e->width));
    double value = e->scores[i] - NEWNESS * said;
    if (e->chosen[i] || !(value > most)) continue;
    most = value;
    best = i;
  }
  if (best < e->count) e->chosen[best] = true;
}

static att_status write_chosen(extractor *e, size_t *parts) {
  e->out.size = *parts = 0;
  for (size_t i = 0; i < e->count; i++) {
    if (!e->chosen[i]) continue;
    if ((*parts)++) ATT_TRY(att_buffer_append(e->model->ctx, &e->out, " ", 1));
    ATT_TRY(att_buffer_append(e->model->ctx, &e->out, e->sentences[i].data, e->sentences[i].size));
  }
  return att_buffer_append(e->model->ctx, &e->out, "", 0);
}

static att_status extract(extractor *e, att_text text, size_t number, att_summary_fn *give, void *user) {
  size_t parts = 0;
  att_arena_reset(e->arena);
  ATT_TRY(find_sentences(e, text));
  if (e->count > e->wanted) {
    ATT_TRY(att_embed(e->model, e->sentences, e->count, NULL, e->vectors));
    ATT_TRY(score(e));
  }
  for (size_t i = 0; i < e->count && i < e->wanted; i++) {
    if (e->count > e->wanted) choose_one(e);
    if (e->count <= e->wanted) e->chosen[i] = true;
  }
  ATT_TRY(write_chosen(e, &parts));
  const att_summary summary = {.text = number, .summary = e->out.data, .size = e->out.size, .parts = parts};
  if (give(user, &summary) == 0) return ATT_OK;
  return att_fail(e->model->ctx, ATT_INTERRUPTED, "stopped at text %zu", number + 1);
}

att_status att_extract(att_model *model, const att_text *texts, size_t count, size_t sentences, att_summary_fn *give,
                       void *user) {
  att_context *ctx = model->ctx;
  extractor e = {.model = model, .wanted = sentences};
  if ((count && !texts) || !give || sentences == 0)
    return att_fail(ctx, ATT_ARGUMENT, "att_extract needs texts, a callback and a number of sentences");
  ATT_TRY(att_check_verb(model, ATT_VERB_EMBED));
  ATT_TRY(att_embed(model, NULL, 0, NULL, NULL)); /* whether it can */
  e.width = (int64_t)att_embedding_width(model, NULL);
  att_status status = att_arena_new(ctx, &e.arena);
  for (size_t i = 0; i < count && !status; i++) status = extract(&e, texts[i], i, give, user);
  att_arena_free(e.arena);
  att_buffer_free(ctx, &e.out);
  return status;
}
