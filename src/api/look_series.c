/*
 * Owns att_look_values, att_look_series and att_look_roll: a series, or a piano roll, as a model of such reads it, and
 * where it looks in time, or how much each time moves what it says. A token stands for some rows. Files and long series
 * are pooled into stretches that a picture has room for. Refuses models that read no series.
 */
#include "api/forecast.h"
#include "api/look.h"
#include "train/data/covariates.h"
#include "train/data/rolls.h"
#include "train/data/sound_series.h"
#include "view/view.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum {
  COLUMNS = 4, /* of the picture of the series, for each key */
  BANDS = 20,  /* of a spectrogram */
  MOST_KEYS = 64
};
#define MOST_WEIGHTS ((int64_t)1 << 27)

typedef struct seer {
  att_model *model;
  att_context *ctx;
  att_attention *attention;
  att_arena *arena;
  const double *offset; /* [channels] to be added to the values that are given, or NULL */
  const float *read;    /* [rows, channels]: z-scores, or of a piano roll the frame before each; on the arena */
  const float *frames;  /* [rows, channels] of a piano roll: those that are predicted; or NULL */
  int64_t rows, channels;
  int64_t channel;             /* of forecasts, each channel is a sequence; else 0 */
  att_input input;             /* as the model takes it: tokens, or a window */
  int64_t tokens, first, step; /* tokens of a sequence; the row that the first begins with; rows from one to the next */
} seer;

static bool reads_windows(const att_model *model) { return model->config.patching.lookback > 0; }
static bool reads_rolls(const att_model *model) { return model->config.head == ATT_HEAD_FRAMES; }

/* ---- what is read --------------------------------------------------------------------------------------------- */

static att_status make_input(seer *s, const float *rows, int64_t count) {
  int64_t *start = ATT_ARENA_NEW(s->arena, 2, int64_t);
  if (!start) return ATT_MEMORY;
  start[0] = 0;
  start[1] = count;
  s->input = (att_input){.rows = rows, .sequences = {1, start}};
  return ATT_OK;
}

/* z-scores [rows, channels] of the rows, filled; behind them zeros up to whole tokens. */
static att_status scale(seer *s, const float *values, int64_t rows) {
  const att_series_front *f = s->model->series;
  int64_t padded = f ? att_series_tokens(f, rows) * f->patch : rows;
  float *read = ATT_ARENA_NEW(s->arena, padded * s->channels, float);
  if (!read) return ATT_MEMORY;
  s->read = read;
  s->rows = rows;
  if (f) return att_series_front_rows(s->ctx, f, values, rows, s->offset, read);
  for (int64_t i = 0; i < rows * s->channels; i++)
    read[i] = (float)((double)values[i] + (s->offset ? s->offset[i % s->channels] : 0));
  return ATT_OK;
}

/* The last window. */
static att_status read_window(seer *s, const float *values, int64_t rows) {
  const att_config *c = &s->model->config;
  int64_t lookback = c->patching.lookback;
  if (rows < lookback) {
    return att_fail(s->ctx, ATT_ARGUMENT, "the series has %lld rows, and the model reads %lld", (long long)rows,
                    (long long)lookback);
  }
  ATT_TRY(scale(s, values + (rows - lookback) * s->channels, lookback));
  s->tokens = att_patch_count(c);
  s->step = c->patching.stride;
  s->first = lookback - (c->input_width + s->step * (s->tokens - 1));
  return make_input(s, s->read, lookback);
}

/* Tokens: as many as the model has positions, and as there is memory for all weights of. */
static int64_t most_tokens(const seer *s) {
  const att_config *c = &s->model->config;
  int64_t maps = (c->encoder_layers + c->decoder_layers) * (c->encoder_attention_heads + c->decoder_attention_heads);
  int64_t most = c->max_position_embeddings;
  while (maps > 0 && most > 1 && most > MOST_WEIGHTS / maps / most) most--;
  return most;
}

static void say_cut(const seer *s, int64_t rows) {
  bool roll = reads_rolls(s->model);
  att_log(s->ctx, ATT_LOG_WARNING, "the %s is too long to be looked at whole: its first %lld %s are",
          roll ? "tune" : "series", (long long)rows, roll ? "frames" : "rows");
}

/* Convolutions make a token of `stride` patches. */
static att_status read_whole(seer *s, const float *values, int64_t rows) {
  const att_config *c = &s->model->config;
  int64_t most = most_tokens(s), stride = c->input_stride ? c->input_stride : 1;
  int64_t patch = s->model->series->patch;
  if (att_series_tokens(s->model->series, rows) > most * stride) {
    rows = most * stride * patch;
    say_cut(s, rows);
  }
  ATT_TRY(scale(s, values, rows));
  int64_t read = att_series_tokens(s->model->series, rows);
  s->tokens = (read + stride - 1) / stride;
  s->step = stride * patch;
  return make_input(s, s->read, read);
}

/* The frame before each, nothing before the first: a token each. */
static att_status read_roll(seer *s, const float *values, int64_t rows) {
  int64_t most = most_tokens(s), keys = s->channels;
  if (rows > most) say_cut(s, rows = most);
  for (int64_t i = 0; i < rows * keys; i++) {
    if (values[i] == 0 || values[i] == 1) continue;
    return att_fail(s->ctx, ATT_ARGUMENT, "frame %lld: a key sounds (1) or does not (0), and one is %g",
                    (long long)(i / keys) + 1, (double)values[i]);
  }
  float *read = ATT_ARENA_NEW(s->arena, rows * keys, float);
  if (!read) return ATT_MEMORY;
  memset(read, 0, (size_t)keys * sizeof *read);
  memcpy(read + keys, values, (size_t)((rows - 1) * keys) * sizeof *read);
  s->read = read;
  s->frames = values;
  s->rows = s->tokens = rows;
  s->step = 1;
  return make_input(s, read, rows);
}

static att_status read_input(seer *s, const float *values, int64_t rows) {
  if (reads_rolls(s->model)) return read_roll(s, values, rows);
  return reads_windows(s->model) ? read_window(s, values, rows) : read_whole(s, values, rows);
}

/* ---- maps ----------------------------------------------------------------------------------------------------- */

static att_look_part part_of(const seer *s) {
  return s->model->config.kind == ATT_DECODER ? ATT_LOOK_DECODER : ATT_LOOK_ENCODER;
}

/* What a key is called: its first row, or in sound its time; of forecasts the rows from there to the end. In a piano
 * roll what is read at a token is the frame before the one that is predicted there (query). */
static void name_time(const seer *s, double token, bool query, char *text, size_t size) {
  const att_mel_settings *mel = &s->model->config.mel;
  double row = (double)s->first + token * (double)s->step;
  if (s->frames && !query && row < 1)
    snprintf(text, size, "start");
  else if (s->frames)
    snprintf(text, size, "%lld", (long long)row + query);
  else if (mel->rate)
    att_format(text, size, "%.2f s", row * mel->hop / mel->rate);
  else
    snprintf(text, size, "%lld", (long long)(reads_windows(s->model) ? (int64_t)row - s->rows : (int64_t)row + 1));
}

static att_status make_labels(seer *s, size_t count, double each, bool query, const char *const **labels) {
  const char **spellings = ATT_ARENA_NEW(s->arena, count, const char *);
  bool *special = ATT_ARENA_NEW(s->arena, count, bool);
  if (!spellings || !special) return ATT_MEMORY;
  for (size_t i = 0; i < count; i++) {
    char *text = ATT_ARENA_NEW(s->arena, 32, char);
    if (!text) return ATT_MEMORY;
    name_time(s, (double)i * each, query, text, 32);
    spellings[i] = text;
    special[i] = true;
  }
  return att_labels_make(s->ctx, (att_token_spelling){0}, spellings, special, count, labels);
}

static att_status make_map(seer *s, int64_t layers, int64_t heads, size_t queries, att_attention_map **map) {
  *map = &s->attention->maps[part_of(s)];
  **map = (att_attention_map){(size_t)layers, (size_t)heads, queries, (size_t)s->tokens, NULL, NULL, NULL};
  ATT_TRY(make_labels(s, (size_t)s->tokens, 1, false, &(*map)->key_labels));
  (*map)->weights = att_alloc(s->ctx, (size_t)(layers * heads), queries * (size_t)s->tokens * sizeof(float));
  return (*map)->weights ? ATT_OK : ATT_MEMORY;
}

static att_status look_at_attention(seer *s) {
  const att_config *c = &s->model->config;
  bool decoder = c->kind == ATT_DECODER;
  int64_t layers = decoder ? c->decoder_layers : c->encoder_layers;
  int64_t heads = decoder ? c->decoder_attention_heads : c->encoder_attention_heads;
  att_run run = {.ctx = s->ctx, .arena = s->arena};
  att_maps maps = {0};
  att_attention_map *map;
  att_hidden hidden;
  if (c->network != ATT_TRANSFORMER) {
    return att_fail(
        s->ctx, ATT_UNSUPPORTED,
        "this model has no attention to look at; attend look --gradient shows how its inputs move its outputs");
  }
  ATT_TRY(make_map(s, layers, heads, (size_t)s->tokens, &map));
  ATT_TRY(make_labels(s, (size_t)s->tokens, 1, true, &map->query_labels));
  float *const **of_layers = ATT_ARENA_NEW(s->arena, layers, float *const *);
  for (int64_t l = 0; of_layers && l < layers; l++) {
    int64_t sequences = reads_windows(s->model) ? s->channels : 1; /* NULL: not looked at */
    float **of_sequences = ATT_ARENA_NEW(s->arena, sequences, float *);
    if (!of_sequences) return ATT_MEMORY;
    for (int64_t i = 0; i < sequences; i++) of_sequences[i] = NULL;
    of_sequences[s->channel] = (float *)map->weights + (size_t)(l * heads) * map->queries * map->keys;
    of_layers[l] = of_sequences;
  }
  if (!of_layers) return ATT_MEMORY;
  maps.encoder = decoder ? NULL : (float *const *const *)of_layers;
  maps.decoder = decoder ? (float *const *const *)of_layers : NULL;
  return att_model_hidden(&run, s->model, &s->input, &maps, NULL, &hidden);
}

/* log p of frame `row`, backwards to what the network begins with. Later rows cannot move it. */
static att_status move_frame(seer *s, att_arena *work, int64_t row, float *norms) {
  int64_t start[2] = {0, row + 1};
  const att_input input = {.rows = s->read, .sequences = {1, start}};
  att_run run = {.ctx = s->ctx, .arena = work};
  att_hidden hidden;
  att_tensor embedded, logits;
  float *gradient;
  bool accumulate;
  if (att_is_interrupted(s->ctx)) return att_fail(s->ctx, ATT_INTERRUPTED, "interrupted");
  att_arena_reset(work);
  ATT_TRY(att_tape_new(work, &run.tape));
  ATT_TRY(att_model_hidden(&run, s->model, &input, NULL, &embedded, &hidden));
  ATT_TRY(att_head_logits(&run, s->model, &hidden, &logits));
  double *scores = ATT_ARENA_NEW(work, logits.cols, double);
  if (!scores) return ATT_MEMORY;
  s->model->head->scores(logits.data + row * logits.stride, logits.cols, scores);
  ATT_TRY(att_gradient_open(&run, &logits, &gradient, &accumulate));
  memset(gradient, 0, (size_t)(logits.rows * logits.stride) * sizeof *gradient);
  for (int64_t k = 0; k < logits.cols; k++)
    gradient[row * logits.stride + k] = (float)((double)s->frames[row * s->channels + k] - scores[k]);
  ATT_TRY(att_backward(&run));
  att_look_measure(&embedded, norms);
  return ATT_OK;
}

static att_status look_at_frames(seer *s) {
  att_attention_map *map;
  att_arena *work;
  ATT_TRY(make_map(s, 1, 1, (size_t)s->tokens, &map));
  ATT_TRY(make_labels(s, (size_t)s->tokens, 1, true, &map->query_labels));
  ATT_TRY(att_arena_new(s->ctx, &work));
  att_status status = ATT_OK;
  for (int64_t row = 0; row < s->tokens && !status; row++)
    status = move_frame(s, work, row, (float *)map->weights + row * s->tokens);
  att_arena_free(work);
  return status;
}

static att_status look_at_gradient(seer *s) {
  att_run run = {.ctx = s->ctx, .arena = s->arena};
  att_hidden hidden;
  att_tensor embedded;
  att_attention_map *map;
  int64_t label;
  const char *name = "forecast";
  const bool special = true;
  s->attention->gradient = true;
  if (s->frames) return look_at_frames(s);
  if (!s->model->head->push)
    return att_fail(s->ctx, ATT_UNSUPPORTED, "the model gives no output whose gradient could be looked at");
  ATT_TRY(att_tape_new(s->arena, &run.tape));
  ATT_TRY(att_model_hidden(&run, s->model, &s->input, NULL, &embedded, &hidden));
  float *norms = ATT_ARENA_NEW(s->arena, embedded.rows, float);
  if (!norms) return ATT_MEMORY;
  memset(norms, 0, (size_t)embedded.rows * sizeof *norms);
  int64_t row = s->model->config.head == ATT_HEAD_FORECAST ? s->channel : 0; /* else there is one for all channels */
  ATT_TRY(att_look_push(&run, s->model, &hidden, &embedded, row, &label, norms));
  ATT_TRY(make_map(s, 1, 1, 1, &map));
  if (s->model->config.labels) name = s->model->config.labels[label];
  memcpy((float *)map->weights, norms + s->channel * s->tokens, map->keys * sizeof *norms);
  return att_labels_make(s->ctx, (att_token_spelling){0}, &name, &special, 1, &map->query_labels);
}

/* ---- pooling -------------------------------------------------------------------------------------------------- */

/* One head [queries, keys] into stretches of `each`: attention of a stretch is the sum over its keys, the mean over its
 * queries; a norm is the root of the sum of squares. A single query stays one. */
static void pool_head(const att_attention_map *map, const float *from, size_t each, bool gradient, size_t queries,
                      size_t keys, float *to) {
  for (size_t q = 0; q < map->queries; q++) {
    size_t row = queries == 1 ? 0 : q / each, first = row * each;
    size_t together = map->queries - first < each ? map->queries - first : each;
    for (size_t k = 0; k < map->keys; k++) {
      float weight = from[q * map->keys + k];
      to[row * keys + k / each] += gradient ? weight * weight : weight / (float)together;
    }
  }
  for (size_t i = 0; i < queries * keys && gradient; i++) to[i] = sqrtf(to[i]);
}

static void take_labels(seer *s, const char *const **labels, const char *const *pooled) {
  att_free(s->ctx, (void *)(uintptr_t)*labels);
  *labels = pooled;
}

static att_status pool(seer *s) {
  att_attention_map *map = &s->attention->maps[part_of(s)];
  bool gradient = s->attention->gradient, one = map->queries == 1;
  size_t each = (map->keys + MOST_KEYS - 1) / MOST_KEYS, keys = (map->keys + each - 1) / each;
  size_t queries = one ? 1 : (map->queries + each - 1) / each, maps = map->layers * map->heads;
  const char *const *labels;
  if (each < 2) return ATT_OK;
  float *pooled = att_alloc(s->ctx, maps * queries * keys, sizeof *pooled);
  if (!pooled) return ATT_MEMORY;
  for (size_t i = 0; i < maps; i++)
    pool_head(map, map->weights + i * map->queries * map->keys, each, gradient, queries, keys,
              pooled + i * queries * keys);
  att_free(s->ctx, (void *)(uintptr_t)map->weights);
  map->weights = pooled;
  map->keys = keys;
  map->queries = queries;
  ATT_TRY(make_labels(s, keys, (double)each, false, &labels));
  take_labels(s, &map->key_labels, labels);
  if (!one) {
    ATT_TRY(make_labels(s, queries, (double)each, true, &labels));
    take_labels(s, &map->query_labels, labels);
  }
  s->step *= (int64_t)each;
  return ATT_OK;
}

/* ---- the picture ---------------------------------------------------------------------------------------------- */

/* The mean of neighbouring channels [low, high) in a row that is there, or of the last one. */
static float level_of(const seer *s, int64_t row, int64_t low, int64_t high) {
  float sum = 0;
  row = row < 0 ? 0 : row < s->rows ? row : s->rows - 1;
  for (int64_t c = low; c < high; c++) sum += s->read[row * s->channels + c];
  return sum / (float)(high - low);
}

/* The keys [low, high) that sound in what is read; one where none does. */
static void find_keys(const seer *s, int64_t *low, int64_t *high) {
  *low = s->channels;
  *high = 0;
  for (int64_t i = 0; i < s->rows * s->channels; i++) {
    int64_t key = i % s->channels;
    if (s->read[i] == 0) continue;
    if (key < *low) *low = key;
    if (key >= *high) *high = key + 1;
  }
  if (*high == 0) *low = 0, *high = 1;
}

/* A line a key: whether it sounds somewhere in the column. */
static att_status take_roll(seer *s) {
  att_signal *signal = &s->attention->signal;
  size_t keys = s->attention->maps[part_of(s)].keys;
  int64_t low, high, each = s->step < COLUMNS ? COLUMNS : s->step;
  find_keys(s, &low, &high);
  *signal = (att_signal){.kind = ATT_SIGNAL_ROLL,
                         .lines = (size_t)(high - low),
                         .columns = COLUMNS * keys,
                         .lowest = ATT_ROLL_FIRST + (int)low,
                         .length = (double)s->step * (double)keys};
  signal->levels = att_alloc(s->ctx, signal->lines * signal->columns, sizeof(float));
  if (!signal->levels) return ATT_MEMORY;
  for (int64_t c = 0; c < (int64_t)signal->columns; c++) {
    int64_t row = c * s->step / COLUMNS, after = (c * s->step + each) / COLUMNS;
    for (; row < after && row < s->rows; row++)
      for (int64_t k = low; k < high; k++)
        if (s->read[row * s->channels + k] > 0) signal->levels[(k - low) * (int64_t)signal->columns + c] = 1;
  }
  return ATT_OK;
}

/* All lines on one scale, from the least to the largest value; of sound from the mean upwards. */
static att_status take_signal(seer *s) {
  const att_mel_settings *mel = &s->model->config.mel;
  att_signal *signal = &s->attention->signal;
  size_t keys = s->attention->maps[part_of(s)].keys;
  int64_t lines = reads_windows(s->model) ? 1 : mel->rate && s->channels > BANDS ? BANDS : s->channels;
  float least = INFINITY, most = -INFINITY;
  double unit = mel->rate ? (double)mel->hop / mel->rate : 1;
  if (s->frames) return take_roll(s);
  *signal = (att_signal){.lines = (size_t)lines, .columns = COLUMNS * keys};
  signal->kind = mel->rate ? ATT_SIGNAL_SOUND : ATT_SIGNAL_CURVES;
  signal->first = (double)(reads_windows(s->model) ? s->first - s->rows : mel->rate ? 0 : s->first + 1) * unit;
  signal->length = (double)s->step * (double)keys * unit;
  signal->levels = att_alloc(s->ctx, signal->lines * signal->columns, sizeof(float));
  if (!signal->levels) return ATT_MEMORY;
  for (int64_t i = 0; i < lines; i++) {
    int64_t low = reads_windows(s->model) ? s->channel : i * s->channels / lines;
    int64_t high = reads_windows(s->model) ? low + 1 : (i + 1) * s->channels / lines;
    for (size_t c = 0; c < signal->columns; c++) {
      float level = level_of(s, s->first + (int64_t)c * s->step / COLUMNS, low, high);
      signal->levels[(size_t)i * signal->columns + c] = level;
      least = fminf(least, level);
      most = fmaxf(most, level);
    }
  }
  for (size_t i = 0; i < signal->lines * signal->columns; i++)
    signal->levels[i] = most > least ? (signal->levels[i] - least) / (most - least) : 0.5f;
  return ATT_OK;
}

/* How well the frames are predicted. */
static att_status say_nats(seer *s, char *text, size_t size) {
  att_run run = {.ctx = s->ctx, .arena = s->arena};
  const att_batch batch = {.target = s->input, .values = s->frames};
  att_loss loss = {0};
  ATT_TRY(att_model_loss(&run, s->model, &batch, 0, 1, &loss));
  att_format(text, size, "%lld frames, %.4g nats a frame", (long long)s->rows, loss.loss / (double)s->rows);
  return ATT_OK;
}

/* What the model says: "label 3 (98%)". */
static att_status say_label(seer *s, char *text, size_t size) {
  att_run run = {.ctx = s->ctx, .arena = s->arena};
  const att_config *c = &s->model->config;
  att_hidden hidden;
  att_tensor logits;
  *text = '\0';
  if (!s->model->head->scores || !s->model->head->texts || c->label_count < 1) return ATT_OK;
  ATT_TRY(att_model_hidden(&run, s->model, &s->input, NULL, NULL, &hidden));
  ATT_TRY(att_head_logits(&run, s->model, &hidden, &logits));
  double *scores = ATT_ARENA_NEW(s->arena, c->label_count, double);
  if (!scores) return ATT_MEMORY;
  s->model->head->scores(logits.data, c->label_count, scores);
  int64_t best = 0;
  for (int64_t k = 1; k < c->label_count; k++)
    if (scores[k] > scores[best]) best = k;
  if (s->model->head->form == ATT_NUMBER)
    att_format(text, size, "the model says %.4g", scores[0]);
  else
    att_format(text, size, "the model says %.80s (%.0f%%)", c->labels[best], 100 * scores[best]);
  return ATT_OK;
}

/* ---- the calls ------------------------------------------------------------------------------------------------ */

static int64_t channels_of(const att_model *model) {
  if (reads_rolls(model)) return model->config.input_width;
  return reads_windows(model) ? model->config.patching.channels : model->series ? model->series->channels : 0;
}

static att_status no_series(const att_model *model) {
  return att_fail(model->ctx, ATT_UNSUPPORTED, "the model reads no series");
}

static att_status check(att_model *model, size_t rows, size_t channel) {
  int64_t channels = channels_of(model);
  if (channels == 0) return no_series(model);
  if (rows == 0) return att_fail(model->ctx, ATT_ARGUMENT, "there is nothing to look at: the series is empty");
  if (channel < (size_t)channels || !reads_windows(model)) return ATT_OK;
  return att_fail(model->ctx, ATT_ARGUMENT, "there is no channel %zu: the model reads %lld", channel,
                  (long long)channels);
}

/* pooled: into as many stretches as a picture has room for. */
static att_status look(att_model *model, const float *values, const double *offset, size_t rows, size_t channel,
                       bool gradient, bool pooled, const char *source, const char *target, att_attention **out) {
  att_context *ctx = model->ctx;
  char said[128] = "";
  *out = NULL;
  ATT_TRY(check(model, rows, channel));
  att_attention *attention = ATT_NEW(ctx, 1, att_attention);
  if (!attention) return ATT_MEMORY;
  attention->ctx = ctx;
  seer s = {.model = model, .ctx = ctx, .attention = attention, .offset = offset};
  if (reads_windows(model)) s.channel = (int64_t)channel;
  s.channels = channels_of(model);
  att_status status = att_arena_new(ctx, &s.arena);
  if (!status) status = read_input(&s, values, (int64_t)rows);
  if (!status) status = gradient ? look_at_gradient(&s) : look_at_attention(&s);
  if (!status && pooled) status = pool(&s);
  if (!status) status = take_signal(&s);
  if (!status && !target) status = (s.frames ? say_nats : say_label)(&s, said, sizeof said);
  if (!target && *said) target = said;
  if (!status) attention->source = att_copy_text(ctx, source, strlen(source));
  if (!status && target) attention->target = att_copy_text(ctx, target, strlen(target));
  if (!status && (!attention->source || (target && !attention->target))) status = ATT_MEMORY;
  att_arena_free(s.arena);
  if (status)
    att_attention_free(attention);
  else
    *out = attention;
  return status;
}

att_status att_look_values(att_model *model, const float *values, size_t rows, size_t channel, bool gradient,
                           att_attention **attention) {
  if (!values && rows) return att_fail(model->ctx, ATT_ARGUMENT, "att_look_values: no values");
  return look(model, values, NULL, rows, channel, gradient, false, "a series", NULL, attention);
}

/* ---- files ---------------------------------------------------------------------------------------------------- */

static att_status read_file(att_model *model, const char *path, att_series *out) {
  const att_series_front *f = model->series;
  const att_mel_settings *mel = &model->config.mel;
  if (mel->rate && att_is_sound_name((att_text){path, strlen(path)}))
    return att_sound_series_read_one(model->ctx, path, mel, out);
  if (mel->rate) return att_sound_series_read(model->ctx, path, mel, out);
  att_series_columns columns = {0};
  if (f) columns = (att_series_columns){.of_model = true, .series = f->series, .time = f->time, .label = f->label};
  return att_series_read_labelled(model->ctx, path, &columns, false, out);
}

static att_status find_index(att_context *ctx, const char *path, const att_series *s, int64_t *index) {
  if (*index == -1) *index = s->count - 1;
  if (*index >= 0 && *index < s->count) return ATT_OK;
  return att_fail(ctx, ATT_ARGUMENT, "%s: there is no series %lld: it has %lld", path, (long long)*index + 1,
                  (long long)s->count);
}

/* By its name, or its number from 1. */
static att_status find_column(att_model *model, const char *name, size_t *channel) {
  const att_series_front *f = model->series;
  int64_t channels = model->config.patching.channels;
  double number;
  *channel = 0;
  if (!name) return ATT_OK;
  for (int64_t i = 0; f && f->names && i < channels; i++) {
    *channel = (size_t)i;
    if (strcmp(f->names[i], name) == 0) return ATT_OK;
  }
  bool good = att_read_number(name, strlen(name), &number) && number >= 1 && number <= (double)channels;
  if (good && number == floor(number)) {
    *channel = (size_t)number - 1;
    return ATT_OK;
  }
  return att_fail(model->ctx, ATT_ARGUMENT, "the model forecasts no column \"%s\"", name);
}

/* "F.ts, series 3 of 120, labelled walking". */
static void name_series(const char *path, const att_series *s, int64_t index, char *text, size_t size) {
  const char *name = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
  att_text label = s->labels ? s->labels[index] : (att_text){0};
  int used = snprintf(text, size, "%.120s", name);
  if (s->count > 1)
    used +=
        snprintf(text + used, size - (size_t)used, ", series %lld of %lld", (long long)index + 1, (long long)s->count);
  if (label.size)
    snprintf(text + used, size - (size_t)used, ", labelled %.*s", (int)(label.size < 60 ? label.size : 60), label.data);
}

/* In the table's units, without the effect of covariates where the model has some: what the network reads. */
static att_status take_covariates_off(att_model *model, att_timeline *g) {
  const att_series *s = &g->series;
  if (g->covariates.channels == 0) return ATT_OK;
  ATT_TRY(att_timeline_scale(model->ctx, g, model->series, NULL));
  ATT_TRY(att_covariates_apply(model->ctx, g, model->series));
  for (int64_t i = 0; i < s->count; i++)
    for (int64_t k = s->start[i] * s->channels; k < s->start[i + 1] * s->channels; k++) {
      int64_t place = i * s->channels + k % s->channels;
      s->values[k] = (float)((double)s->values[k] * g->deviation[place] + (g->mean[place] - s->offset[place]));
    }
  return ATT_OK;
}

static att_status look_ahead(att_model *model, const char *path, int64_t index, const char *column, bool gradient,
                             att_attention **attention) {
  const att_series_front *f = model->series;
  att_timeline grid = {0};
  size_t channel;
  char source[256], target[128];
  ATT_TRY(find_column(model, column, &channel));
  ATT_TRY(att_forecast_read(model, path, &grid));
  const att_series *s = &grid.series;
  att_status status = find_index(model->ctx, path, s, &index);
  if (!status) status = take_covariates_off(model, &grid);
  if (!status) {
    name_series(path, s, index, source, sizeof source);
    snprintf(target, sizeof target, "the next %lld rows of %.60s", (long long)model->config.patching.horizon,
             f && f->names ? f->names[channel] : "its column");
    status = look(model, s->values + s->start[index] * s->channels, s->offset + index * s->channels,
                  (size_t)(s->start[index + 1] - s->start[index]), channel, gradient, true, source, target, attention);
  }
  att_timeline_free(model->ctx, &grid);
  return status;
}

static att_status look_at_label(att_model *model, const char *path, int64_t index, bool gradient,
                                att_attention **attention) {
  att_series s = {0};
  char source[256];
  ATT_TRY(read_file(model, path, &s));
  att_status status = ATT_OK;
  if (s.channels != channels_of(model))
    status = att_fail(model->ctx, ATT_FORMAT, "%s: its series have %lld channels, the model reads %lld", path,
                      (long long)s.channels, (long long)channels_of(model));
  if (!status) status = find_index(model->ctx, path, &s, &index);
  if (!status) {
    name_series(path, &s, index, source, sizeof source);
    status = look(model, s.values + s.start[index] * s.channels, NULL, (size_t)(s.start[index + 1] - s.start[index]), 0,
                  gradient, true, source, NULL, attention);
  }
  att_series_free(model->ctx, &s);
  return status;
}

att_status att_look_series(att_model *model, const char *path, int64_t index, const char *column, bool gradient,
                           att_attention **attention) {
  *attention = NULL;
  if (!path) return att_fail(model->ctx, ATT_ARGUMENT, "att_look_series: no path");
  if (model->config.head == ATT_HEAD_FORECAST) return look_ahead(model, path, index, column, gradient, attention);
  if (reads_rolls(model)) return att_fail(model->ctx, ATT_UNSUPPORTED, "a model of piano rolls reads no series");
  if (channels_of(model) == 0) return no_series(model);
  if (column) return att_fail(model->ctx, ATT_ARGUMENT, "a model of labels reads all columns at once");
  return look_at_label(model, path, index, gradient, attention);
}

/* ---- piano rolls ---------------------------------------------------------------------------------------------- */

static att_status look_at_tune(att_model *model, const unsigned char *frames, int64_t count, bool gradient,
                               const char *source, att_attention **attention) {
  float *values = ATT_NEW(model->ctx, count * ATT_ROLL_KEYS, float);
  if (!values) return ATT_MEMORY;
  for (int64_t i = 0; i < count * ATT_ROLL_KEYS; i++) values[i] = frames[i];
  att_status status = look(model, values, NULL, (size_t)count, 0, gradient, true, source, NULL, attention);
  att_free(model->ctx, values);
  return status;
}

/* Tune `index` of all parts, in their order; -1: the last. */
static att_status look_in_parts(att_model *model, const char *path, int64_t index, bool gradient,
                                att_attention **attention) {
  att_rolls parts[ATT_ROLL_PARTS];
  const char *name = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
  char source[256];
  int part = 0;
  int64_t all = 0;
  ATT_TRY(att_rolls_read(model->ctx, path, parts));
  for (int i = 0; i < ATT_ROLL_PARTS; i++) all += parts[i].count;
  int64_t asked = index == -1 ? all - 1 : index, at = asked;
  att_status status = ATT_OK;
  if (asked < 0 || asked >= all)
    status = att_fail(model->ctx, ATT_ARGUMENT, "%s: there is no tune %lld: it has %lld", path, (long long)asked + 1,
                      (long long)all);
  while (!status && at >= parts[part].count) at -= parts[part++].count;
  const att_rolls *r = &parts[part];
  snprintf(source, sizeof source, "%.120s, tune %lld of %lld (%s)", name, (long long)asked + 1, (long long)all,
           att_roll_parts[part]);
  if (!status)
    status = look_at_tune(model, r->frames + r->start[at] * ATT_ROLL_KEYS, r->start[at + 1] - r->start[at], gradient,
                          source, attention);
  for (int i = 0; i < ATT_ROLL_PARTS; i++) att_rolls_free(model->ctx, &parts[i]);
  return status;
}

att_status att_look_roll(att_model *model, const char *path, int64_t index, int64_t frames_per_quarter, bool gradient,
                         att_attention **attention) {
  att_rolls roll;
  *attention = NULL;
  if (!path) return att_fail(model->ctx, ATT_ARGUMENT, "att_look_roll: no path");
  if (frames_per_quarter < 1 || frames_per_quarter > 480)
    return att_fail(model->ctx, ATT_ARGUMENT, "att_look_roll: frames_per_quarter is not from 1 to 480");
  ATT_TRY(att_rolls_check_model(model));
  if (att_is_roll_file(path)) return look_in_parts(model, path, index, gradient, attention);
  if (index > 0)
    return att_fail(model->ctx, ATT_ARGUMENT, "%s: there is no tune %lld: it has 1", path, (long long)index + 1);
  ATT_TRY(att_roll_read_tune(model->ctx, path, frames_per_quarter, &roll));
  const char *name = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
  att_status status = look_at_tune(model, roll.frames, roll.start[1], gradient, name, attention);
  att_rolls_free(model->ctx, &roll);
  return status;
}
