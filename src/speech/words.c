/* Owns what words.h says: one pass of the decoder over what was heard, with its cross-attention kept. */
#include "speech/words.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { FILTER = 7 }; /* frames of the median filter */

/* ---- the path ------------------------------------------------------------------------------------------------- */

/* Which step is cheapest: 0 both, 1 the next row, 2 the next column (openai/whisper's order of ties). */
static int cheapest(float both, float row, float col) {
  if (both < row && both < col) return 0;
  return row < both && row < col ? 1 : 2;
}

att_status att_warp(att_context *ctx, const float *cost, int64_t rows, int64_t cols, int64_t *path) {
  int64_t width = cols + 1;
  float *before = ATT_NEW(ctx, 2 * width, float), *now = before + width;
  unsigned char *steps = ATT_NEW(ctx, (size_t)(rows + 1) * (size_t)width, unsigned char);
  if (before && steps) {
    for (int64_t j = 1; j <= cols; j++) before[j] = INFINITY;
    for (int64_t i = 1; i <= rows; i++) {
      now[0] = INFINITY;
      for (int64_t j = 1; j <= cols; j++) {
        int step = cheapest(before[j - 1], before[j], now[j - 1]);
        steps[i * width + j] = (unsigned char)step;
        now[j] = cost[(i - 1) * cols + j - 1] + (step == 0 ? before[j - 1] : step == 1 ? before[j] : now[j - 1]);
      }
      memcpy(before, now, (size_t)width * sizeof *now);
    }
    for (int64_t i = rows, j = cols; i > 0 && j > 0;) {
      path[i - 1] = j - 1;
      int step = i == 1 ? 2 : j == 1 ? 1 : steps[i * width + j];
      i -= step != 2;
      j -= step != 1;
    }
  }
  att_status status = before && steps ? ATT_OK : ATT_MEMORY;
  att_free(ctx, before);
  att_free(ctx, steps);
  return status;
}

/* ---- where tokens look ---------------------------------------------------------------------------------------- */

static att_status make_ids(att_arena *arena, const att_whisper *whisper, const att_listening *how,
                           const int32_t *tokens, int64_t count, att_second_hearing *p) {
  att_listening plain = *how;
  int32_t prompt[4];
  plain.timestamps = false;
  p->prompt = att_window_prompt(whisper, &plain, prompt);
  p->rows = p->prompt + count + 1;
  p->ids = ATT_ARENA_NEW(arena, p->rows, int32_t);
  if (!p->ids) return ATT_MEMORY;
  memcpy(p->ids, prompt, (size_t)p->prompt * sizeof *prompt);
  memcpy(p->ids + p->prompt, tokens, (size_t)count * sizeof *tokens);
  p->ids[p->rows - 1] = whisper->end;
  return ATT_OK;
}

static att_status make_maps(const att_model *model, att_arena *arena, const att_whisper *whisper, bool every,
                            att_second_hearing *p, float *const ***out) {
  const att_config *c = &model->config;
  float *const **cross = *out = ATT_ARENA_NEW(arena, c->decoder_layers, float *const *);
  p->maps = ATT_ARENA_NEW(arena, c->decoder_layers, float *);
  if (!cross || !p->maps) return ATT_MEMORY;
  for (int64_t layer = 0; layer < c->decoder_layers; layer++) {
    bool wanted = every;
    for (int i = 0; i < whisper->head_count && !wanted; i++) wanted = whisper->heads[i].layer == layer;
    cross[layer] = NULL;
    p->maps[layer] = NULL;
    if (!wanted) continue;
    p->maps[layer] = ATT_ARENA_NEW(arena, c->decoder_attention_heads * p->rows * p->keys, float);
    if (!p->maps[layer]) return ATT_MEMORY;
    cross[layer] = &p->maps[layer];
  }
  return ATT_OK;
}

att_status att_hear_again(att_model *model, att_arena *arena, const att_whisper *whisper, const att_memory *memory,
                          const att_listening *how, const int32_t *tokens, int64_t count, bool every,
                          att_second_hearing *p) {
  att_run run = {.ctx = model->ctx, .arena = arena};
  int64_t *start = ATT_ARENA_NEW(arena, 2, int64_t);
  float *const **cross;
  *p = (att_second_hearing){.keys = memory->rows.rows};
  if (!start) return ATT_MEMORY;
  ATT_TRY(make_ids(arena, whisper, how, tokens, count, p));
  ATT_TRY(make_maps(model, arena, whisper, every, p, &cross));
  start[0] = 0;
  start[1] = p->rows;
  const att_input input = {.ids = p->ids, .sequences = {1, start}};
  const att_maps maps = {.cross = (float *const *const *)cross};
  return att_model_decode(&run, model, &input, memory, &maps, NULL, &p->hidden);
}

static int by_value(const void *a, const void *b) {
  const float *x = a, *y = b;
  return (*x > *y) - (*x < *y);
}

/* Each column of rows less its mean, by its deviation; scratch-free. x: [rows, cols] */
static void standardise_columns(float *x, int64_t rows, int64_t cols) {
  for (int64_t j = 0; j < cols; j++) {
    double sum = 0, squares = 0;
    for (int64_t i = 0; i < rows; i++) sum += (double)x[i * cols + j];
    double mean = sum / (double)rows;
    for (int64_t i = 0; i < rows; i++) squares += pow((double)x[i * cols + j] - mean, 2);
    double scale = squares > 0 ? 1 / sqrt(squares / (double)rows) : 0;
    for (int64_t i = 0; i < rows; i++) x[i * cols + j] = (float)(((double)x[i * cols + j] - mean) * scale);
  }
}

/* y = the median of FILTER neighbours, the row reflected at its ends. */
static float median_at(const float *x, int64_t cols, int64_t at) {
  float near[FILTER];
  for (int64_t k = 0; k < FILTER; k++) {
    int64_t j = at + k - FILTER / 2;
    j = j < 0 ? -j : j;
    near[k] = x[j < cols ? j : 2 * (cols - 1) - j];
  }
  qsort(near, FILTER, sizeof *near, by_value);
  return near[FILTER / 2];
}

/* cost[rows, frames] -= what one head says. head: [rows, keys]; x: [rows, frames], scratch. */
static void add_head(const att_second_hearing *p, const float *head, int64_t frames, float *x, float *cost) {
  for (int64_t i = 0; i < p->rows; i++) { /* a softmax over the frames that are sound alone */
    double sum = 0;
    for (int64_t j = 0; j < frames; j++) sum += (double)head[i * p->keys + j];
    double scale = sum > 0 ? 1 / sum : 0;
    for (int64_t j = 0; j < frames; j++) x[i * frames + j] = (float)((double)head[i * p->keys + j] * scale);
  }
  standardise_columns(x, p->rows, frames);
  for (int64_t i = 0; i < p->rows; i++) {
    const float *row = x + i * frames;
    for (int64_t j = 0; j < frames; j++)
      cost[i * frames + j] -= frames > FILTER / 2 ? median_at(row, frames, j) : row[j];
  }
}

/* starts[count + 1]: seconds at which each token begins, and the end. */
static att_status find_starts(att_model *model, att_arena *arena, const att_whisper *whisper,
                              const att_second_hearing *p, int64_t frames, int64_t count, double *starts) {
  int64_t size = p->rows * frames, rows = count + 1;
  float *x = ATT_ARENA_NEW(arena, size, float), *cost = ATT_ARENA_NEW(arena, size, float);
  int64_t *path = ATT_ARENA_NEW(arena, rows, int64_t);
  if (!x || !cost || !path) return ATT_MEMORY;
  memset(cost, 0, (size_t)size * sizeof *cost);
  for (int i = 0; i < whisper->head_count; i++)
    add_head(p, p->maps[whisper->heads[i].layer] + whisper->heads[i].head * p->rows * p->keys, frames, x, cost);
  /* what a row predicts is the token behind it: rows from the prompt's last to the last token's */
  ATT_TRY(att_warp(model->ctx, cost + (p->prompt - 1) * frames, rows, frames, path));
  for (int64_t i = 0; i < rows; i++) starts[i] = (double)path[i] * whisper->precision;
  return ATT_OK;
}

static att_status find_probabilities(att_model *model, att_arena *arena, const att_second_hearing *p, int64_t count,
                                     double *probabilities) {
  att_run run = {.ctx = model->ctx, .arena = arena};
  att_tensor rows = p->hidden, logits;
  rows.data += (p->prompt - 1) * rows.stride;
  rows.rows = count;
  ATT_TRY(att_model_logits(&run, model, &rows, &logits));
  for (int64_t i = 0; i < count; i++) {
    const float *row = logits.data + i * logits.stride;
    double sum = (double)att_kernels_get()->log_sum_exp(row, logits.cols);
    probabilities[i] = exp((double)row[p->ids[p->prompt + i]] - sum);
  }
  return ATT_OK;
}

/* ---- words ---------------------------------------------------------------------------------------------------- */

/* Whether the language is written without spaces between words. */
static bool has_no_spaces(const att_model *model, int32_t language) {
  static const char *const codes[] = {"zh", "ja", "th", "lo", "my", "yue"};
  char code[16];
  if (language < 0) return false;
  att_whisper_code(model, language, code);
  for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
    if (strcmp(code, codes[i]) == 0) return true;
  return false;
}

/* Whether a word begins with this token: its spelling begins with a space (which byte-level BPE writes as U+0120); or
 * where there are none, with a whole character (bytes that go on with one are written as U+0122 and on, or as U+00A0 to
 * U+00BF). */
static bool begins_word(const att_model *model, int32_t token, bool no_spaces) {
  const unsigned char *text = (const unsigned char *)att_tokenizer_token(model->tokenizer, token);
  bool space = text && text[0] == 0xC4 && text[1] == 0xA0;
  bool middle =
      text && ((text[0] == 0xC4 && text[1] >= 0xA2) || (text[0] == 0xC5) || (text[0] == 0xC2 && text[1] >= 0xA0));
  return space || (no_spaces && text && !middle);
}

static void collect(const att_model *model, const int32_t *tokens, int64_t count, bool no_spaces, const double *starts,
                    const double *probabilities, att_word_time *words, int64_t *word_count) {
  for (int64_t i = 0; i < count; i++) {
    if (i == 0 || begins_word(model, tokens[i], no_spaces)) {
      words[(*word_count)++] = (att_word_time){.first = i, .from = starts[i]};
    }
    att_word_time *word = &words[*word_count - 1];
    word->end = i + 1;
    word->to = starts[i + 1];
    word->probability += probabilities[i];
  }
  for (int64_t i = 0; i < *word_count; i++) words[i].probability /= (double)(words[i].end - words[i].first);
}

att_status att_window_words(att_model *model, att_arena *arena, const att_whisper *whisper, const att_memory *memory,
                            const att_listening *how, const int32_t *tokens, int64_t count, double seconds,
                            att_word_time **words, int64_t *word_count) {
  att_second_hearing p;
  double *starts = ATT_ARENA_NEW(arena, count + 1, double), *probabilities = ATT_ARENA_NEW(arena, count + 1, double);
  int64_t frames = (int64_t)(seconds / whisper->precision);
  *word_count = 0;
  *words = ATT_ARENA_NEW(arena, count + 1, att_word_time);
  if (!starts || !probabilities || !*words) return ATT_MEMORY;
  if (frames > memory->rows.rows) frames = memory->rows.rows;
  if (count == 0 || frames == 0 || count + 5 > model->config.max_position_embeddings) return ATT_OK; /* no room */
  ATT_TRY(att_hear_again(model, arena, whisper, memory, how, tokens, count, false, &p));
  ATT_TRY(find_starts(model, arena, whisper, &p, frames, count, starts));
  ATT_TRY(find_probabilities(model, arena, &p, count, probabilities));
  collect(model, tokens, count, has_no_spaces(model, how->language), starts, probabilities, *words, word_count);
  return ATT_OK;
}
