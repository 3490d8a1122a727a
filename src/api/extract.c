/*
 * Owns att_extract: the sentences of a text that say most of it. A model that has learnt to pick (decode/picking.h)
 * says which. Of others a sentence says as much as its vector is close to the mean of all (the centroid: Radev et al.
 * 2004), less what those chosen before it have said (maximal marginal relevance: Carbonell and Goldstein 1998).
 */
#include "decode/picking.h"
#include "text/sentences.h"

#include "api/text.h"

#include <math.h>
#include <string.h>

#define NEWNESS 0.3 /* weight of what was said before */

typedef struct extractor {
  att_model *model;
  size_t wanted;    /* sentences of a text */
  bool picks;       /* by the model's head; else by vectors */
  int64_t width;    /* of a vector */
  att_arena *arena; /* of one text */
  att_text *sentences;
  size_t count;
  float *vectors; /* [count, width], each of length 1 or 0 */
  double *scores; /* [count] */
  bool *chosen;   /* [count] */
  att_buffer out;
  att_ids ids, types; /* of a window that the head reads */
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

/* ---- by a head ---- */

/* Sentences from `first` on that stand in one window; *taken: how many, one at least. firsts: [e->count] of each the
 * row that speaks for it. */
static att_status fill_window(extractor *e, size_t first, int32_t *firsts, size_t *taken) {
  int64_t most = e->model->config.max_position_embeddings;
  bool fits = true;
  e->ids.count = e->types.count = 0;
  for (*taken = 0; fits && first + *taken < e->count; *taken += fits) {
    firsts[*taken] = (int32_t)e->ids.count;
    ATT_TRY(att_picking_put(e->model, e->sentences[first + *taken], 0, most, &e->ids, &e->types, &fits));
  }
  *taken += *taken == 0;
  return att_check_range(e->model->ctx, "token id", e->ids.data, (int64_t)e->ids.count, e->model->config.vocab_size);
}

static att_status pick_window(extractor *e, size_t first, int32_t *firsts, size_t *taken) {
  att_run run = {.ctx = e->model->ctx, .arena = e->arena};
  att_hidden hidden, picked;
  att_tensor logits;
  if (att_is_interrupted(run.ctx)) return att_fail(run.ctx, ATT_INTERRUPTED, "interrupted");
  ATT_TRY(fill_window(e, first, firsts, taken));
  const int64_t start[] = {0, (int64_t)e->ids.count};
  const int32_t *types = e->model->config.type_vocab_size > 0 ? e->types.data : NULL;
  const att_input input = {.ids = e->ids.data, .types = types, .sequences = {1, start}};
  att_arena_mark mark = att_arena_save(e->arena);
  ATT_TRY(att_model_hidden(&run, e->model, &input, NULL, NULL, &hidden));
  picked = hidden;
  ATT_TRY(att_op_rows(&run, &hidden.rows, firsts, (int64_t)*taken, &picked.rows));
  ATT_TRY(att_head_logits(&run, e->model, &picked, &logits));
  for (size_t i = 0; i < *taken; i++)
    e->scores[first + i] = att_picking_score(logits.data + (int64_t)i * logits.stride);
  att_arena_restore(e->arena, mark);
  return ATT_OK;
}

static att_status pick(extractor *e) {
  int32_t *firsts = ATT_ARENA_NEW(e->arena, (int64_t)e->count, int32_t);
  if (!firsts) return ATT_MEMORY;
  for (size_t first = 0, taken; first < e->count; first += taken) ATT_TRY(pick_window(e, first, firsts, &taken));
  return ATT_OK;
}

/* ---- the best ---- */

/* Of equal ones the first. */
static void choose_one(extractor *e) {
  size_t best = e->count;
  double most = -INFINITY;
  for (size_t i = 0; i < e->count; i++) {
    double said = 0;
    for (size_t j = 0; j < e->count && !e->chosen[i] && !e->picks; j++)
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
  if (e->count > e->wanted && e->picks) ATT_TRY(pick(e));
  if (e->count > e->wanted && !e->picks) {
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
  ATT_TRY(att_model_check_text(model));
  e.picks = att_picks_sentences(model);
  if (!e.picks) ATT_TRY(att_embed(model, NULL, 0, NULL, NULL)); /* whether it can */
  e.width = e.picks ? 0 : (int64_t)att_embedding_width(model, NULL);
  att_status status = att_arena_new(ctx, &e.arena);
  for (size_t i = 0; i < count && !status; i++) status = extract(&e, texts[i], i, give, user);
  att_arena_free(e.arena);
  att_buffer_free(ctx, &e.out);
  att_free(ctx, e.ids.data);
  att_free(ctx, e.types.data);
  return status;
}
