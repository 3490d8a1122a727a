/*
 * Owns att_look_recording: the first window of a recording, what is said in it, and where each token listened. The
 * weights are pooled into stretches that a picture has room for.
 */
#include "audio/audio.h"
#include "models/head.h"
#include "speech/words.h"
#include "view/view.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { COLUMNS = 4, BANDS = 20 }; /* of the spectrogram: for each key; at most */

typedef struct listener {
  att_model *model;
  att_context *ctx;
  att_attention *attention;
  att_arena *arena;
  att_whisper whisper;
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
  l->frames = att_config_most_read(c, false);
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

/* The text that is given, or what is heard; and the language. */
static att_status find_tokens(listener *l, att_text text) {
  att_session *session;
  att_buffer spaced = {0};
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

static void plan_keys(listener *l, att_attention_map *map) {
  const att_config *c = &l->model->config;
  int64_t sound = (l->count + c->mel.hop * c->input_stride - 1) / (c->mel.hop * c->input_stride);
  double seconds = (double)l->count / c->mel.rate;
  l->positions = sound < 1 ? 1 : sound < l->memory.rows.rows ? sound : l->memory.rows.rows;
  l->each = (int64_t)((seconds < 4 ? 0.1 : 0.2) / l->whisper.precision + 0.5);
  map->keys = (size_t)((l->positions + l->each - 1) / l->each);
  map->queries = l->tokens.count;
}

/* out[queries, keys] = sums of head[rows, positions] of the sound, each row scaled to 1, added with a share. */
static void pool(const listener *l, const att_second_hearing *pass, const float *head, float share, float *out) {
  size_t keys = l->attention->maps[ATT_LOOK_CROSS].keys;
  for (size_t q = 0; q < l->tokens.count; q++) {
    const float *row = head + (pass->prompt - 1 + (int64_t)q) * pass->keys;
    double sum = 0;
    for (int64_t p = 0; p < l->positions; p++) sum += (double)row[p];
    for (int64_t p = 0; p < l->positions && sum > 0; p++)
      out[q * keys + (size_t)(p / l->each)] += (float)((double)row[p] / sum) * share;
  }
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

static att_status take_labels(listener *l, att_attention_map *map) {
  const att_tokenizer *tokenizer = l->model->tokenizer;
  const char **spellings = ATT_ARENA_NEW(l->arena, map->queries + map->keys, const char *);
  bool *special = ATT_ARENA_NEW(l->arena, map->queries + map->keys, bool);
  if (!spellings || !special) return ATT_MEMORY;
  for (size_t q = 0; q < map->queries; q++) {
    spellings[q] = att_tokenizer_token(tokenizer, l->tokens.data[q]);
    special[q] = false;
  }
  ATT_TRY(
      att_labels_make(l->ctx, att_tokenizer_spelling(tokenizer), spellings, special, map->queries, &map->query_labels));
  for (size_t k = 0; k < map->keys; k++) {
    char *text = ATT_ARENA_NEW(l->arena, 32, char);
    if (!text) return ATT_MEMORY;
    att_format(text, 32, "%.1f s", (double)k * (double)l->each * l->whisper.precision);
    spellings[k] = text;
    special[k] = true;
  }
  return att_labels_make(l->ctx, (att_token_spelling){0}, spellings, special, map->keys, &map->key_labels);
}

/* The features, which are 2 from the quietest to the loudest, as levels from 0 to 1. */
static att_status take_sound(listener *l, const att_attention_map *map) {
  const att_config *c = &l->model->config;
  att_sound *sound = &l->attention->sound;
  size_t bands = (size_t)c->mel.bands, frames = (size_t)(l->each * c->input_stride) * map->keys;
  float most = -INFINITY;
  sound->bands = bands < BANDS ? bands : BANDS;
  sound->columns = COLUMNS * map->keys;
  sound->seconds = (double)map->keys * (double)l->each * l->whisper.precision;
  sound->levels = att_alloc(l->ctx, sound->bands * sound->columns, sizeof(float));
  if (!sound->levels) return ATT_MEMORY;
  for (size_t i = 0; i < (size_t)l->frames * bands; i++) most = fmaxf(most, l->rows[i]);
  for (size_t b = 0; b < sound->bands; b++) {
    size_t low = b * bands / sound->bands, high = (b + 1) * bands / sound->bands;
    for (size_t i = 0; i < sound->columns; i++) {
      size_t frame = i * frames / sound->columns;
      float level = 0;
      for (size_t band = low; band < high && frame < (size_t)l->frames; band++)
        level += fmaxf(0, 1 + (l->rows[frame * bands + band] - most) / 2);
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
  if (!status) status = att_window_text(l->model, &l->whisper, l->tokens.data, (int64_t)l->tokens.count, &text);
  size_t space = text.size && text.data[0] == ' ';
  if (!status) l->attention->target = att_copy_text(l->ctx, text.data ? text.data + space : "", text.size - space);
  if (!status && !l->attention->target) status = ATT_MEMORY;
  att_buffer_free(l->ctx, &text);
  return status;
}

static att_status look(listener *l, const char *path, att_text text) {
  att_attention_map *map = &l->attention->maps[ATT_LOOK_CROSS];
  l->how = (att_listening){
      .language = -1, .beam = 1, .best_of = 1, .most_compression = 1e9, .least_logprob = -1e9, .most_no_speech = 1};
  ATT_TRY(att_check_verb(l->model, ATT_VERB_TRANSCRIBE));
  ATT_TRY(att_whisper_find(l->model, &l->whisper));
  ATT_TRY(read_sound(l, path));
  ATT_TRY(encode(l));
  ATT_TRY(find_tokens(l, text));
  plan_keys(l, map);
  ATT_TRY(take_weights(l, map));
  ATT_TRY(take_labels(l, map));
  ATT_TRY(take_sound(l, map));
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
