/*
 * Owns att_translate and its options: lines to batches, and translations back in the lines' order. Works through
 * windows of lines, so that memory stays bounded and output starts early.
 */
#include "api/text.h"
#include "base/random.h"
#include "decode/decode.h"
#include "decode/stops.h"
#include "models/languages.h"
#include "text/unicode.h"

#include <stdlib.h>
#include <string.h>

/* A window is this many full batches, or this many lines. */
#define ATT_WINDOW_BATCHES 4
#define ATT_WINDOW_LINES   4096
/* Logits of one step, in floats: bounds the lines of a batch beside batch_tokens, which short lines hardly do. */
#define ATT_STEP_LOGITS ((int64_t)1 << 24)

typedef struct line_work {
  const int32_t *ids;
  int64_t count; /* 0: nothing to translate */
  bool truncated, done;
  const att_hypothesis *const *hypotheses;
  size_t hypothesis_count;
} line_work;

typedef struct length_order {
  int64_t length;
  size_t line; /* in the window */
} length_order;

/* A run of the lines in order of length. */
typedef struct batch_range {
  size_t begin, end, first_line;
} batch_range;

typedef struct translator {
  att_model *model;
  const att_text *lines;
  size_t count;
  const att_decode_options *options;
  att_translation_fn *give;
  void *user;
  att_arena *kept; /* what a window's lines and translations need; reset for each window */
  att_arena *work; /* reset for each batch */
  att_session *session;
  int32_t language; /* of the lines, a token; -1: as the tokenizer puts it */
  att_ids ids;      /* scratch */
  att_buffer text;  /* scratch */
  /* the window */
  size_t first, window, given; /* lines[first, first + window), the first `given` of which have been given */
  line_work *work_lines;       /* [window] */
} translator;

/* The language's token takes the place of the one that the tokenizer puts first or last; else it stands before the
 * line. */
static att_status set_language(translator *t) {
  att_ids *ids = &t->ids;
  if (t->language < 0) return ATT_OK;
  size_t last = ids->count ? ids->count - 1 : 0;
  size_t at = ids->count && att_is_language(t->model, ids->data[last]) ? last : 0;
  if (ids->count && att_is_language(t->model, ids->data[at])) {
    ids->data[at] = t->language;
    return ATT_OK;
  }
  size_t moved = ids->count;
  if ((int64_t)moved < att_source_limit(t->model)) {
    ATT_TRY(att_ids_push(t->model->ctx, ids, t->language));
  } else { /* the last token but the end goes */
    moved = moved > 2 ? moved - 2 : 0;
  }
  memmove(ids->data + 1, ids->data, moved * sizeof *ids->data);
  ids->data[0] = t->language;
  return ATT_OK;
}

/* Tokenizes lines until the window is full. */
static att_status fill_window(translator *t) {
  int64_t tokens = 0, most = t->options->batch_tokens;
  most = most > INT64_MAX / ATT_WINDOW_BATCHES ? INT64_MAX : most * ATT_WINDOW_BATCHES;
  size_t left = t->count - t->first, room = left < ATT_WINDOW_LINES ? left : ATT_WINDOW_LINES;
  att_arena_reset(t->kept);
  t->work_lines = ATT_ARENA_NEW(t->kept, room, line_work);
  if (!t->work_lines) return ATT_MEMORY;
  for (t->window = 0; t->window < room && tokens < most; t->window++) {
    size_t number = t->first + t->window;
    line_work *line = &t->work_lines[t->window];
    *line = (line_work){0};
    if (att_is_interrupted(t->model->ctx)) return att_fail(t->model->ctx, ATT_INTERRUPTED, "interrupted");
    if (att_is_blank(t->lines[number])) continue;
    ATT_TRY(att_line_ids(t->model, t->lines[number], number + t->options->first_line, "line", false, &t->ids,
                         &line->truncated));
    ATT_TRY(set_language(t));
    int32_t *ids = ATT_ARENA_NEW(t->kept, t->ids.count, int32_t);
    if (!ids) return ATT_MEMORY;
    if (t->ids.count) memcpy(ids, t->ids.data, t->ids.count * sizeof *ids);
    line->ids = ids;
    line->count = (int64_t)t->ids.count;
    tokens += line->count;
  }
  t->given = 0;
  return ATT_OK;
}

static int by_length(const void *a, const void *b) {
  const length_order *x = a, *y = b;
  if (x->length != y->length) return x->length < y->length ? -1 : 1;
  return x->line < y->line ? -1 : 1;
}

static int by_first_line(const void *a, const void *b) {
  const batch_range *x = a, *y = b;
  return x->first_line < y->first_line ? -1 : 1;
}

/* Lines of like length make a batch; the batch that has the first line comes first. *ranges: on the kept arena. */
static att_status plan_batches(translator *t, length_order **order, batch_range **ranges, size_t *range_count) {
  const att_decode_options *o = t->options;
  int64_t beams = o->temperature > 0 ? o->nbest : o->beam;
  int64_t most_lines = 1 + ATT_STEP_LOGITS / (beams * t->model->config.vocab_size);
  *order = ATT_ARENA_NEW(t->kept, t->window, length_order);
  *ranges = ATT_ARENA_NEW(t->kept, t->window, batch_range);
  if (!*order || !*ranges) return ATT_MEMORY;
  for (size_t i = 0; i < t->window; i++) (*order)[i] = (length_order){t->work_lines[i].count, i};
  qsort(*order, t->window, sizeof **order, by_length);
  size_t count = 0, i = 0;
  for (; i < t->window && (*order)[i].length == 0; i++) t->work_lines[(*order)[i].line].done = true;
  for (; i < t->window; i++) {
    batch_range *last = count ? &(*ranges)[count - 1] : NULL;
    int64_t lines = last ? (int64_t)(i - last->begin) : 0;
    bool fits = last && lines < most_lines && (*order)[i].length <= o->batch_tokens / (lines + 1);
    size_t line = (*order)[i].line;
    if (!fits) (*ranges)[count++] = (batch_range){i, i + 1, line};
    if (!fits) continue;
    last->end = i + 1;
    if (line < last->first_line) last->first_line = line;
  }
  qsort(*ranges, count, sizeof **ranges, by_first_line);
  *range_count = count;
  return ATT_OK;
}

static void *keep(translator *t, const void *data, size_t count, size_t size) {
  void *copy = att_arena_alloc(t->kept, count, size);
  if (copy && count) memcpy(copy, data, count * size);
  return copy;
}

/* Moves a line's outputs to where they stay until the line is given. */
static att_status keep_outputs(translator *t, const att_outputs *outputs, line_work *line) {
  att_hypothesis *kept = ATT_ARENA_NEW(t->kept, outputs->count, att_hypothesis);
  const att_hypothesis **list = ATT_ARENA_NEW(t->kept, outputs->count, const att_hypothesis *);
  if (!kept || !list) return ATT_MEMORY;
  for (int64_t i = 0; i < outputs->count; i++) {
    const att_output *o = &outputs->best[i];
    size_t count = (size_t)o->count;
    t->text.size = 0;
    ATT_TRY(att_tokenizer_decode(t->model->tokenizer, t->model->ctx, o->tokens, count, true, &t->text));
    t->text.size = att_stop_find(t->options->stop, t->options->stop_count, (att_text){t->text.data, t->text.size});
    ATT_TRY(att_buffer_append(t->model->ctx, &t->text, "", 0));
    kept[i] = (att_hypothesis){.text = keep(t, t->text.data, t->text.size + 1, 1),
                               .text_size = t->text.size,
                               .tokens = keep(t, o->tokens, count, sizeof *o->tokens),
                               .alignment = o->alignment ? keep(t, o->alignment, count, sizeof *o->alignment) : NULL,
                               .token_count = count,
                               .score = o->score,
                               .logprob = o->logprob};
    list[i] = &kept[i];
    if (!kept[i].text || !kept[i].tokens || (o->alignment && !kept[i].alignment)) return ATT_MEMORY;
  }
  line->hypotheses = list;
  line->hypothesis_count = (size_t)outputs->count;
  line->done = true;
  return ATT_OK;
}

static att_status translate_batch(translator *t, const length_order *order, int64_t count) {
  att_arena_reset(t->work);
  int64_t *start = ATT_ARENA_NEW(t->work, count + 1, int64_t);
  uint64_t *keys = ATT_ARENA_NEW(t->work, count, uint64_t);
  att_outputs *outputs = ATT_ARENA_NEW(t->work, count, att_outputs);
  if (!start || !keys || !outputs) return ATT_MEMORY;
  start[0] = 0;
  for (int64_t i = 0; i < count; i++) {
    start[i + 1] = start[i] + order[i].length;
    keys[i] = att_key(t->options->seed, t->options->first_line + t->first + order[i].line);
  }
  int32_t *ids = ATT_ARENA_NEW(t->work, start[count], int32_t);
  if (!ids) return ATT_MEMORY;
  for (int64_t i = 0; i < count; i++) {
    memcpy(ids + start[i], t->work_lines[order[i].line].ids, (size_t)order[i].length * sizeof *ids);
  }
  ATT_TRY(att_decode_sources(t->session, t->work, ids, (att_sequences){count, start}, keys, t->options, outputs));
  for (int64_t i = 0; i < count; i++) ATT_TRY(keep_outputs(t, &outputs[i], &t->work_lines[order[i].line]));
  return ATT_OK;
}

/* Gives the translations of the lines that are done, up to the first that is not. */
static att_status give_done(translator *t) {
  static const att_hypothesis nothing = {.text = ""}, *const nothings[] = {&nothing};
  for (; t->given < t->window && t->work_lines[t->given].done; t->given++) {
    const line_work *line = &t->work_lines[t->given];
    bool blank = line->count == 0;
    att_translation translation = {.line = t->first + t->given,
                                   .source_tokens = line->ids,
                                   .source_count = (size_t)line->count,
                                   .truncated = line->truncated,
                                   .hypotheses = blank ? nothings : line->hypotheses,
                                   .count = blank ? 1 : line->hypothesis_count};
    if (t->give(t->user, &translation) != 0) {
      return att_fail(t->model->ctx, ATT_INTERRUPTED, "stopped at line %zu", translation.line + 1);
    }
  }
  return ATT_OK;
}

static att_status translate_all(translator *t) {
  for (t->first = 0; t->first < t->count; t->first += t->window) {
    length_order *order;
    batch_range *ranges;
    size_t count;
    ATT_TRY(fill_window(t));
    ATT_TRY(plan_batches(t, &order, &ranges, &count));
    ATT_TRY(give_done(t));
    for (size_t i = 0; i < count; i++) {
      ATT_TRY(translate_batch(t, order + ranges[i].begin, (int64_t)(ranges[i].end - ranges[i].begin)));
      ATT_TRY(give_done(t));
    }
  }
  return ATT_OK;
}

att_status att_translate(att_model *model, const att_text *lines, size_t count, const att_decode_options *given,
                         att_translation_fn *give, void *user) {
  att_context *ctx = model->ctx;
  att_decode_options own, *options = &own;
  att_decode_options_default(model, &own);
  ATT_TRY(att_take_options(ctx, "att_translate", given, &own, sizeof own));
  if ((count && !lines) || !give) return att_fail(ctx, ATT_ARGUMENT, "att_translate needs lines and a callback");
  ATT_TRY(att_check_verb(model, ATT_VERB_TRANSLATE));
  const char *wrong = att_decode_options_wrong(options);
  if (wrong) return att_fail(ctx, ATT_ARGUMENT, "%s", wrong);
  translator t = {.model = model, .lines = lines, .count = count, .options = options, .give = give, .user = user};
  t.language = -1;
  if (options->source_language) ATT_TRY(att_language_find(model, options->source_language, &t.language));
  att_status status = att_arena_new(ctx, &t.kept);
  if (status == ATT_OK) status = att_arena_new(ctx, &t.work);
  if (status == ATT_OK) status = att_session_new(model, 0, &t.session);
  if (status == ATT_OK) status = translate_all(&t);
  att_session_free(t.session);
  att_arena_free(t.work);
  att_arena_free(t.kept);
  att_free(ctx, t.ids.data);
  att_buffer_free(ctx, &t.text);
  return status;
}
