/*
 * Owns att_look_recording: the first window of a recording, what is said in it, and where each token listened, with
 * Whisper or a recogniser of attend's own (whose encoder is shown too). The weights are pooled into stretches that a
 * picture has room for.
 */
#include "api/recognise.h"
#include "audio/audio.h"
#include "decode/recognise.h"
#include "models/head.h"
#include "speech/words.h"
#include "view/view.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { COLUMNS = 4, BANDS = 20, MOST_SECONDS = 60 }; /* of the spectrogram: for each key; at most; of the recording */

typedef struct listener {
  att_model *model;
  att_context *ctx;
  att_attention *attention;
  att_arena *arena;
  bool own;            /* a recogniser that train speech has made */
  double precision;    /* seconds of a position of the memory */
  att_whisper whisper; /* else */
  att_listening how;
  att_memory memory;
  float *samples; /* [count] on the arena, as rows [frames, bands] */
  float *rows;
  int64_t count, length, frames;
  att_ids tokens;
  int64_t positions, each; /* of the memory that are sound; in a key */
} listener;

/* ---- what is heard ---- */

static att_status read_sound(listener *l, const char *path) {
  const att_config *c = &l->model->config;
  att_audio *audio;
  int64_t more = 0;
  float next;
  int64_t most = MOST_SECONDS * c->mel.rate / c->mel.hop; /* the encoder's own map grows with the square */
  l->frames = att_config_most_read(c, false) < most ? att_config_most_read(c, false) : most;
  l->length = l->frames * c->mel.hop;
  l->samples = ATT_ARENA_NEW(l->arena, l->length, float);
  l->rows = ATT_ARENA_NEW(l->arena, l->frames * c->mel.bands, float);
  if (!l->samples || !l->rows) return ATT_MEMORY;
  ATT_TRY(att_audio_open(l->ctx, path, c->mel.rate, &audio));
  att_status status = att_audio_read(audio, l->samples, l->length, &l->count);
  if (!status) status = att_audio_read(audio, &next, 1, &more);
  att_audio_close(audio);
  if (more)
    att_log(l->ctx, ATT_LOG_WARNING, "%s: the first %d seconds are looked at", path, (int)(l->length / c->mel.rate));
  return status;
}

static att_status encode(listener *l) {
  att_run run = {.ctx = l->ctx, .arena = l->arena};
  int64_t *start = ATT_ARENA_NEW(l->arena, 2, int64_t);
  att_mel *mel;
  if (!start) return ATT_MEMORY;
  start[0] = 0;
  start[1] = l->frames;
  if (l->own) { /* it reads no silence behind the sound */
    l->length = l->count;
    l->frames = att_mel_frames(&l->model->config.mel, l->count);
    if (l->frames < 1) return att_fail(l->ctx, ATT_ARGUMENT, "there is nothing to look at: the recording is too short");
    start[1] = l->frames;
  }
  ATT_TRY(att_mel_new(l->ctx, &l->model->config.mel, &mel));
  att_status status = att_mel_features(mel, l->samples, l->count, l->length, l->rows);
  att_mel_free(mel);
  if (status) return status;
  return att_model_encode(&run, l->model, &(att_input){.rows = l->rows, .sequences = {1, start}}, NULL, NULL,
                          &l->memory);
}

static att_status hear(listener *l, att_session *session, bool given) {
  att_heard heard;
  if (l->whisper.multilingual)
    ATT_TRY(att_window_language(session, l->arena, &l->whisper, &l->memory, &l->how.language, NULL));
  if (given) return ATT_OK;
  ATT_TRY(att_generation_use(l->ctx, &l->model->generation));
  ATT_TRY(att_window_hear(session, l->arena, &l->whisper, &l->memory, &l->how, &heard));
  for (int64_t i = 0; i < heard.count; i++)
    if (heard.tokens[i] < l->whisper.end) ATT_TRY(att_ids_push(l->ctx, &l->tokens, heard.tokens[i]));
  return ATT_OK;
}

static att_status find_own_tokens(listener *l, att_text text) {
  att_run run = {.ctx = l->ctx, .arena = l->arena};
  att_ctc_text said = {0};
  if (text.data)
    ATT_TRY(att_tokenizer_encode(l->model->tokenizer, l->ctx, text, false, &l->tokens));
  else
    ATT_TRY(att_recognise(&run, l->model, l->rows, l->frames, 1, &said));
  for (int64_t i = 0; i < said.count; i++) ATT_TRY(att_ids_push(l->ctx, &l->tokens, said.ids[i]));
  return ATT_OK;
}

/* The text that is given, or what is heard; and the language. */
static att_status find_tokens(listener *l, att_text text) {
  att_session *session;
  att_buffer spaced = {0};
  if (l->own) {
    ATT_TRY(find_own_tokens(l, text));
    if (l->tokens.count) return ATT_OK;
    return att_fail(l->ctx, ATT_ARGUMENT, "there is nothing to look at: no word was heard");
  }
  ATT_TRY(att_session_new(l->model, 0, &session));
  att_status status = hear(l, session, text.data != NULL);
  att_session_free(session);
  if (!status && text.data) { /* a text begins with a space */
    status = att_buffer_append(l->ctx, &spaced, " ", 1);
    if (!status) status = att_buffer_append(l->ctx, &spaced, text.data, text.size);
    if (!status)
      status =
          att_tokenizer_encode(l->model->tokenizer, l->ctx, (att_text){spaced.data, spaced.size}, false, &l->tokens);
    att_buffer_free(l->ctx, &spaced);
  }
  if (status || l->tokens.count) return status;
  return att_fail(l->ctx, ATT_ARGUMENT, "there is nothing to look at: no word was heard");
}

/* ---- what is shown ---- */

static void plan_keys(listener *l, size_t *keys) {
  const att_config *c = &l->model->config;
  int64_t sound = (l->count + c->mel.hop * c->input_stride - 1) / (c->mel.hop * c->input_stride);
  double seconds = (double)l->count / c->mel.rate;
  l->positions = sound < 1 ? 1 : sound < l->memory.rows.rows ? sound : l->memory.rows.rows;
  l->each = (int64_t)((seconds < 4 ? 0.1 : 0.2) / l->precision + 0.5);
  if (l->each < 1) l->each = 1;
  *keys = (size_t)((l->positions + l->each - 1) / l->each);
}

/* out[queries, keys] = sums of head[rows, positions] of the sound, each row scaled to 1, added with a share. */
static void pool_row(const listener *l, const float *row, float share, float *out) {
  double sum = 0;
  for (int64_t p = 0; p < l->positions; p++) sum += (double)row[p];
  for (int64_t p = 0; p < l->positions && sum > 0; p++) out[p / l->each] += (float)((double)row[p] / sum) * share;
}

static void pool(const listener *l, const att_second_hearing *pass, const float *head, float share, float *out) {
  size_t keys = l->attention->maps[ATT_LOOK_CROSS].keys;
  for (size_t q = 0; q < l->tokens.count; q++)
    pool_row(l, head + (pass->prompt - 1 + (int64_t)q) * pass->keys, share, out + q * keys);
}

static att_status take_weights(listener *l, att_attention_map *map) {
  const att_config *c = &l->model->config;
  const att_whisper *w = &l->whisper;
  size_t size = map->queries * map->keys;
  att_second_hearing pass;
  map->layers = (size_t)c->decoder_layers;
  map->heads = (size_t)c->decoder_attention_heads;
  float *weights = att_alloc(l->ctx, map->layers * map->heads * size, sizeof *weights);
  map->weights = weights;
  l->attention->aligned = att_alloc(l->ctx, size, sizeof(float));
  if (!weights || !l->attention->aligned) return ATT_MEMORY;
  ATT_TRY(att_hear_again(l->model, l->arena, w, &l->memory, &l->how, l->tokens.data, (int64_t)l->tokens.count, true,
                         &pass));
  int64_t head = pass.rows * pass.keys;
  for (size_t i = 0; i < map->layers * map->heads; i++)
    pool(l, &pass, pass.maps[i / map->heads] + (int64_t)(i % map->heads) * head, 1, weights + i * size);
  for (int i = 0; i < w->head_count; i++)
    pool(l, &pass, pass.maps[w->heads[i].layer] + w->heads[i].head * head, 1 / (float)w->head_count,
         l->attention->aligned);
  l->attention->aligned_heads = (size_t)w->head_count;
  return ATT_OK;
}

/* ---- a recogniser of attend's own ---- */

/* Places for one sequence's weights of some layers, on the arena, and the lists of them that a pass wants. */
static att_status make_places(listener *l, int64_t layers, int64_t size, float ***places, float *const *const **lists) {
  *places = ATT_ARENA_NEW(l->arena, layers, float *);
  float *const **all = ATT_ARENA_NEW(l->arena, layers, float *const *);
  if (!*places || !all) return ATT_MEMORY;
  for (int64_t i = 0; i < layers; i++) {
    (*places)[i] = ATT_ARENA_NEW(l->arena, size, float);
    if (!(*places)[i]) return ATT_MEMORY;
    all[i] = &(*places)[i];
  }
  *lists = (float *const *const *)all;
  return ATT_OK;
}

/* Both sides pooled: a stretch's row is the mean of its positions' rows. */
static att_status take_encoder(listener *l, size_t keys) {
  const att_config *c = &l->model->config;
  att_run run = {.ctx = l->ctx, .arena = l->arena};
  att_attention_map *map = &l->attention->maps[ATT_LOOK_ENCODER];
  int64_t *start = ATT_ARENA_NEW(l->arena, 2, int64_t), rows = l->memory.rows.rows;
  int64_t heads = c->encoder_attention_heads;
  att_maps maps = {0};
  att_memory again;
  float **places;
  if (!start) return ATT_MEMORY;
  start[0] = 0;
  start[1] = l->frames;
  ATT_TRY(make_places(l, c->encoder_layers, heads * rows * rows, &places, &maps.encoder));
  ATT_TRY(
      att_model_encode(&run, l->model, &(att_input){.rows = l->rows, .sequences = {1, start}}, &maps, NULL, &again));
  *map = (att_attention_map){(size_t)c->encoder_layers, (size_t)heads, keys, keys, NULL, NULL, NULL};
  float *weights = att_alloc(l->ctx, map->layers * map->heads, keys * keys * sizeof *weights);
  map->weights = weights;
  for (int64_t i = 0; weights && i < c->encoder_layers * heads; i++)
    for (int64_t q = 0; q < l->positions; q++) {
      int64_t stretch = q / l->each, left = l->positions - stretch * l->each,
              together = left < l->each ? left : l->each;
      pool_row(l, places[i / heads] + ((i % heads) * rows + q) * rows, 1 / (float)together,
               weights + ((size_t)i * keys + (size_t)stretch) * keys);
    }
  return weights ? ATT_OK : ATT_MEMORY;
}

/* The decoder is given the tokens, from its start on, and the weights of the row that gives each are its own. */
static att_status take_cross(listener *l, int64_t layers, int64_t heads, size_t keys) {
  att_run run = {.ctx = l->ctx, .arena = l->arena};
  att_attention_map *map = &l->attention->maps[ATT_LOOK_CROSS];
  int64_t count = (int64_t)l->tokens.count, rows = l->memory.rows.rows;
  int64_t *start = ATT_ARENA_NEW(l->arena, 2, int64_t);
  int32_t *ids = ATT_ARENA_NEW(l->arena, count, int32_t);
  att_maps maps = {0};
  att_tensor hidden;
  float **places;
  if (!start || !ids) return ATT_MEMORY;
  start[0] = 0;
  start[1] = count;
  ids[0] = l->model->config.decoder_start;
  memcpy(ids + 1, l->tokens.data, (size_t)(count - 1) * sizeof *ids);
  ATT_TRY(make_places(l, layers, heads * count * rows, &places, &maps.cross));
  ATT_TRY(att_model_decode(&run, l->model, &(att_input){.ids = ids, .sequences = {1, start}}, &l->memory, &maps, NULL,
                           &hidden));
  *map = (att_attention_map){(size_t)layers, (size_t)heads, l->tokens.count, keys, NULL, NULL, NULL};
  float *weights = att_alloc(l->ctx, map->layers * map->heads, map->queries * keys * sizeof *weights);
  map->weights = weights;
  for (int64_t i = 0; weights && i < layers * heads; i++)
    for (int64_t q = 0; q < count; q++)
      pool_row(l, places[i / heads] + ((i % heads) * count + q) * rows, 1, weights + (i * count + q) * (int64_t)keys);
  return weights ? ATT_OK : ATT_MEMORY;
}

static att_status take_own_weights(listener *l, size_t keys) {
  const att_config *c = &l->model->config;
  bool transformer = c->network == ATT_TRANSFORMER, decoder = c->kind == ATT_ENCODER_DECODER;
  bool aligned = decoder && c->scoring != ATT_SCORING_NONE; /* a recurrent decoder with attention */
  if (transformer) ATT_TRY(take_encoder(l, keys));
  if (transformer && decoder) return take_cross(l, c->decoder_layers, c->decoder_attention_heads, keys);
  if (aligned) return take_cross(l, 1, 1, keys);
  return transformer ? ATT_OK : att_fail(l->ctx, ATT_UNSUPPORTED, "this recogniser has no attention to look at");
}

/* ---- names ---- */

/* Of stretches of sound. */
static att_status name_keys(listener *l, size_t keys, const char *const **labels) {
  const char **spellings = ATT_ARENA_NEW(l->arena, keys, const char *);
  bool *special = ATT_ARENA_NEW(l->arena, keys, bool);
  if (!spellings || !special) return ATT_MEMORY;
  for (size_t k = 0; k < keys; k++) {
    char *text = ATT_ARENA_NEW(l->arena, 32, char);
    if (!text) return ATT_MEMORY;
    att_format(text, 32, "%.1f s", (double)k * (double)l->each * l->precision);
    spellings[k] = text;
    special[k] = true;
  }
  return att_labels_make(l->ctx, (att_token_spelling){0}, spellings, special, keys, labels);
}

static att_status take_labels(listener *l) {
  att_attention_map *map = &l->attention->maps[ATT_LOOK_CROSS], *times = &l->attention->maps[ATT_LOOK_ENCODER];
  if (times->layers) {
    ATT_TRY(name_keys(l, times->queries, &times->query_labels));
    ATT_TRY(name_keys(l, times->keys, &times->key_labels));
  }
  if (!map->layers) return ATT_OK;
  const att_tokenizer *tokenizer = l->model->tokenizer;
  const char **spellings = ATT_ARENA_NEW(l->arena, map->queries, const char *);
  bool *special = ATT_ARENA_NEW(l->arena, map->queries, bool);
  if (!spellings || !special) return ATT_MEMORY;
  for (size_t q = 0; q < map->queries; q++) {
    spellings[q] = att_tokenizer_token(tokenizer, l->tokens.data[q]);
    special[q] = false;
  }
  ATT_TRY(
      att_labels_make(l->ctx, att_tokenizer_spelling(tokenizer), spellings, special, map->queries, &map->query_labels));
  return name_keys(l, map->keys, &map->key_labels);
}

/* A feature as a level from 0 to 1. Whisper's are 2 from the quietest to the loudest; attend's own are z-scores. */
static float level_of(const listener *l, float feature, float most) {
  return l->own ? fminf(fmaxf((feature + 2) / 5, 0), 1) : fmaxf(0, 1 + (feature - most) / 2);
}

static att_status take_sound(listener *l, size_t keys) {
  const att_config *c = &l->model->config;
  att_signal *sound = &l->attention->signal;
  size_t bands = (size_t)c->mel.bands, frames = (size_t)(l->each * c->input_stride) * keys;
  float most = -INFINITY;
  sound->lines = bands < BANDS ? bands : BANDS;
  sound->columns = COLUMNS * keys;
  sound->length = (double)keys * (double)l->each * l->precision;
  sound->levels = att_alloc(l->ctx, sound->lines * sound->columns, sizeof(float));
  if (!sound->levels) return ATT_MEMORY;
  for (size_t i = 0; i < (size_t)l->frames * bands; i++) most = fmaxf(most, l->rows[i]);
  for (size_t b = 0; b < sound->lines; b++) {
    size_t low = b * bands / sound->lines, high = (b + 1) * bands / sound->lines;
    for (size_t i = 0; i < sound->columns; i++) {
      size_t frame = i * frames / sound->columns;
      float level = 0;
      for (size_t band = low; band < high && frame < (size_t)l->frames; band++)
        level += level_of(l, l->rows[frame * bands + band], most);
      sound->levels[b * sound->columns + i] = level / (float)(high - low);
    }
  }
  return ATT_OK;
}

static att_status take_titles(listener *l, const char *path) {
  att_buffer text = {0};
  const char *name = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
  l->attention->source = att_copy_text(l->ctx, name, strlen(name));
  att_status status = l->attention->source ? ATT_OK : ATT_MEMORY;
  if (!status && l->own)
    status = att_tokenizer_decode(l->model->tokenizer, l->ctx, l->tokens.data, l->tokens.count, true, &text);
  else if (!status)
    status = att_window_text(l->model, &l->whisper, l->tokens.data, (int64_t)l->tokens.count, &text);
  size_t space = text.size && text.data[0] == ' ';
  if (!status) l->attention->target = att_copy_text(l->ctx, text.data ? text.data + space : "", text.size - space);
  if (!status && !l->attention->target) status = ATT_MEMORY;
  att_buffer_free(l->ctx, &text);
  return status;
}

static att_status find_kind(listener *l) {
  const att_config *c = &l->model->config;
  ATT_TRY(att_check_verb(l->model, ATT_VERB_TRANSCRIBE));
  l->own = att_is_recogniser(l->model);
  l->precision = (double)(c->mel.hop * c->input_stride) / c->mel.rate;
  if (l->own) return ATT_OK;
  ATT_TRY(att_whisper_find(l->model, &l->whisper));
  l->precision = l->whisper.precision;
  return ATT_OK;
}

static att_status look(listener *l, const char *path, att_text text) {
  att_attention_map *map = &l->attention->maps[ATT_LOOK_CROSS];
  size_t keys;
  l->how = (att_listening){
      .language = -1, .beam = 1, .best_of = 1, .most_compression = 1e9, .least_logprob = -1e9, .most_no_speech = 1};
  ATT_TRY(find_kind(l));
  ATT_TRY(read_sound(l, path));
  ATT_TRY(encode(l));
  ATT_TRY(find_tokens(l, text));
  plan_keys(l, &keys);
  if (!l->own) map->keys = keys, map->queries = l->tokens.count;
  ATT_TRY(l->own ? take_own_weights(l, keys) : take_weights(l, map));
  ATT_TRY(take_labels(l));
  ATT_TRY(take_sound(l, keys));
  return take_titles(l, path);
}

att_status att_look_recording(att_model *model, const char *path, att_text text, att_attention **out) {
  att_context *ctx = model->ctx;
  *out = NULL;
  if (!path) return att_fail(ctx, ATT_ARGUMENT, "att_look_recording: no path");
  att_attention *attention = ATT_NEW(ctx, 1, att_attention);
  if (!attention) return ATT_MEMORY;
  attention->ctx = ctx;
  listener l = {.model = model, .ctx = ctx, .attention = attention};
  att_status status = att_arena_new(ctx, &l.arena);
  if (!status) status = look(&l, path, text);
  att_arena_free(l.arena);
  att_free(ctx, l.tokens.data);
  if (status)
    att_attention_free(attention);
  else
    *out = attention;
  return status;
}
