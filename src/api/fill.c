/*
 * Owns att_fill: the likeliest tokens behind the masks of a line. The model reads the line once, with all its masks;
 * probabilities are over the whole vocabulary. Refuses a line without a mask.
 */
#include "api/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct likely {
  double probability;
  int32_t id;
} likely;

typedef struct filler {
  att_model *model;
  att_text text;
  size_t top, masks;
  att_arena *arena;
  att_ids ids;
  att_tensor logits; /* [masks, vocab_size] */
  likely *best;      /* [masks, top] */
  att_buffer token, strings;
} filler;

const char *att_mask_token(const att_model *model) {
  return model->tokenizer && model->config.mask >= 0 ? att_tokenizer_token(model->tokenizer, model->config.mask) : NULL;
}

static att_status check_model(att_model *model) {
  ATT_TRY(att_check_verb(model, ATT_VERB_FILL));
  if (att_mask_token(model)) return ATT_OK;
  return att_fail(model->ctx, ATT_UNSUPPORTED, "the model's tokenizer has no mask token");
}

/* The logits at the masks of the line. */
static att_status run_model(filler *f) {
  att_model *model = f->model;
  att_run run = {.ctx = model->ctx, .arena = f->arena};
  const int64_t start[] = {0, (int64_t)f->ids.count};
  att_input input = {.ids = f->ids.data, .sequences = {1, start}};
  att_hidden hidden;
  att_tensor masked;
  int32_t *rows = ATT_ARENA_NEW(f->arena, f->ids.count, int32_t);
  if (!rows) return ATT_MEMORY;
  for (size_t i = 0; i < f->ids.count; i++)
    if (f->ids.data[i] == model->config.mask) rows[f->masks++] = (int32_t)i;
  if (f->masks == 0)
    return att_fail(model->ctx, ATT_ARGUMENT, "there is no mask in the line: put %s where a word is to be filled in",
                    att_mask_token(model));
  ATT_TRY(att_model_hidden(&run, model, &input, NULL, NULL, &hidden));
  ATT_TRY(att_op_rows(&run, &hidden.rows, rows, (int64_t)f->masks, &masked));
  return att_model_logits(&run, model, &masked, &f->logits);
}

static int by_probability(const void *a, const void *b) {
  const likely *x = a, *y = b;
  if (x->probability != y->probability) return x->probability > y->probability ? -1 : 1;
  return x->id < y->id ? -1 : 1;
}

/* The top of one row's softmax. */
static att_status choose(filler *f, const float *logits, likely *best) {
  int64_t vocabulary = f->logits.cols;
  likely *all = ATT_ARENA_NEW(f->arena, vocabulary, likely);
  if (!all) return ATT_MEMORY;
  double most = -INFINITY, sum = 0;
  for (int64_t i = 0; i < vocabulary; i++) {
    if (isnan(logits[i])) return att_fail(f->model->ctx, ATT_NUMERIC, "the model's output is not a number");
    most = fmax(most, (double)logits[i]);
  }
  if (isinf(most)) return att_fail(f->model->ctx, ATT_NUMERIC, "the model's output is infinite");
  for (int64_t i = 0; i < vocabulary; i++) sum += all[i].probability = exp((double)logits[i] - most);
  for (int64_t i = 0; i < vocabulary; i++) all[i] = (likely){all[i].probability / sum, (int32_t)i};
  qsort(all, (size_t)vocabulary, sizeof *all, by_probability);
  memcpy(best, all, f->top * sizeof *best);
  return ATT_OK;
}

/* ---- the line with a token in the place of a mask ---------------------------------------------------------------- */

/* Where the mask of that number stands in the text. */
static const char *find_mask(const filler *f, size_t number) {
  const char *mask = att_mask_token(f->model), *end = f->text.data + f->text.size, *at = f->text.data;
  size_t size = strlen(mask);
  for (; (size_t)(end - at) >= size; at++) {
    if (memcmp(at, mask, size) != 0) continue;
    if (number-- == 0) return at;
    at += size - 1;
  }
  return NULL;
}

static att_status decode(filler *f, const int32_t *ids, size_t count) {
  f->token.size = 0;
  ATT_TRY(att_tokenizer_decode(f->model->tokenizer, f->model->ctx, ids, count, false, &f->token));
  return att_buffer_append(f->model->ctx, &f->token, "", 0);
}

/* WordPiece's "##ing" goes on with the word before it: two of them read as one word, where "ing" twice do not. */
static att_status goes_on(filler *f, int32_t id, bool *on) {
  const int32_t twice[] = {id, id};
  const char *spelling = att_tokenizer_token(f->model->tokenizer, id);
  *on = false;
  if (!spelling || strncmp(spelling, "##", 2) != 0 || !spelling[2]) return ATT_OK;
  ATT_TRY(decode(f, twice, 2));
  *on = f->token.size < 2 * strlen(spelling);
  return ATT_OK;
}

/* Appends the token's text and the line with it in place of mask `number`, a NUL after each. */
static att_status put_texts(filler *f, size_t number, int32_t id) {
  att_context *ctx = f->model->ctx;
  const char *mask = find_mask(f, number), *line = f->text.data;
  size_t after = 0, before = 0, skip = 0;
  bool on;
  ATT_TRY(goes_on(f, id, &on));
  ATT_TRY(decode(f, &id, 1));
  ATT_TRY(att_buffer_append(ctx, &f->strings, f->token.data, strlen(f->token.data) + 1));
  if (mask) {
    before = (size_t)(mask - line);
    after = before + strlen(att_mask_token(f->model));
  }
  bool spaced = before == 0 || line[before - 1] == ' ';
  if (on) skip = 2; /* the "##" */
  if (on && before && spaced) before--;
  if (!on && spaced && f->token.data[0] == ' ') skip = 1;
  ATT_TRY(att_buffer_append(ctx, &f->strings, line, before));
  if (mask) ATT_TRY(att_buffer_append(ctx, &f->strings, f->token.data + skip, f->token.size - skip));
  ATT_TRY(att_buffer_append(ctx, &f->strings, line + after, f->text.size - after));
  return att_buffer_append(ctx, &f->strings, "", 1);
}

/* ---- the result ------------------------------------------------------------------------------------------------- */

/* One block: pointers, the fillings, then their strings. */
static att_status give(filler *f, const att_filling ***out) {
  size_t count = f->masks * f->top;
  for (size_t i = 0; i < count; i++) ATT_TRY(put_texts(f, i / f->top, f->best[i].id));
  const att_filling **list = att_alloc(f->model->ctx, count * (sizeof *list + sizeof **list) + f->strings.size, 1);
  if (!list) return ATT_MEMORY;
  att_filling *fillings = (att_filling *)(list + count);
  char *at = (char *)(fillings + count);
  memcpy(at, f->strings.data, f->strings.size);
  for (size_t i = 0; i < count; i++) {
    fillings[i] = (att_filling){.token = at, .id = f->best[i].id, .probability = f->best[i].probability};
    at += strlen(at) + 1;
    fillings[i].line = at;
    list[i] = &fillings[i];
    at += strlen(at) + 1;
  }
  *out = list;
  return ATT_OK;
}

static att_status fill(filler *f, const att_filling ***fillings) {
  att_model *model = f->model;
  bool truncated;
  ATT_TRY(check_model(model));
  ATT_TRY(att_line_ids(model, f->text, 0, "line", false, &f->ids, &truncated));
  ATT_TRY(att_arena_new(model->ctx, &f->arena));
  ATT_TRY(run_model(f));
  if (f->top > (size_t)f->logits.cols) f->top = (size_t)f->logits.cols;
  f->best = ATT_ARENA_NEW(f->arena, f->masks * f->top, likely);
  if (!f->best) return ATT_MEMORY;
  for (size_t m = 0; m < f->masks; m++) {
    att_arena_mark mark = att_arena_save(f->arena);
    ATT_TRY(choose(f, f->logits.data + (int64_t)m * f->logits.stride, f->best + m * f->top));
    att_arena_restore(f->arena, mark);
  }
  return give(f, fillings);
}

att_status att_fill(att_model *model, att_text line, size_t top, const att_filling ***fillings, size_t *masks,
                    size_t *per_mask) {
  filler f = {.model = model, .text = line, .top = top};
  *fillings = NULL;
  *masks = *per_mask = 0;
  if (top == 0) return att_fail(model->ctx, ATT_ARGUMENT, "top must be at least 1");
  att_status status = fill(&f, fillings);
  if (status == ATT_OK) {
    *masks = f.masks;
    *per_mask = f.top;
  }
  att_arena_free(f.arena);
  att_free(model->ctx, f.ids.data);
  att_buffer_free(model->ctx, &f.token);
  att_buffer_free(model->ctx, &f.strings);
  return status;
}
