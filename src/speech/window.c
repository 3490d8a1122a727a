/* Owns what window.h says. The order of tries and thresholds are those of openai/whisper (transcribe.py), the rules of
 * the search those of Transformers (generation_whisper.py). */
#include "speech/window.h"

#include "base/random.h"
#include "decode/hypotheses.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

/* ---- the prompt ----------------------------------------------------------------------------------------------- */

int att_window_prompt(const att_whisper *whisper, const att_listening *how, int32_t out[4]) {
  int count = 0;
  out[count++] = whisper->start;
  if (whisper->multilingual) {
    out[count++] = how->language;
    out[count++] = how->translate ? whisper->translate : whisper->transcribe;
  }
  if (!how->timestamps) out[count++] = whisper->no_timestamps;
  return count;
}

static double probability_of(const float *logits, int64_t vocab, int32_t token) {
  return exp((double)logits[token] - (double)att_kernels_get()->log_sum_exp(logits, vocab));
}

att_status att_window_language(att_session *session, att_arena *arena, const att_whisper *whisper,
                               const att_memory *memory, int32_t *language, double *probability) {
  int32_t sequence;
  float *logits;
  att_arena_mark mark = att_arena_save(arena);
  ATT_TRY(att_session_add_memory(session, arena, memory, &sequence));
  const att_reading reading = {.sequence = sequence, .tokens = &whisper->start, .count = 1};
  att_status status = att_session_step(session, arena, &reading, 1, &logits);
  for (int i = 0; !status && i < whisper->language_count; i++) {
    int32_t token = whisper->languages[i];
    if (i == 0 || logits[token] > logits[*language]) *language = token;
  }
  if (!status && probability) { /* among languages */
    double sum = 0;
    for (int i = 0; i < whisper->language_count; i++)
      sum += exp((double)logits[whisper->languages[i]] - (double)logits[*language]);
    *probability = 1 / sum;
  }
  att_session_drop(session, sequence);
  att_arena_restore(arena, mark);
  return status;
}

/* ---- text ----------------------------------------------------------------------------------------------------- */

att_status att_window_text(const att_model *model, const att_whisper *whisper, const int32_t *tokens, int64_t count,
                           att_buffer *text) {
  int64_t first = 0;
  for (int64_t i = 0; i <= count; i++) {
    if (i < count && tokens[i] < whisper->end) continue;
    if (i > first)
      ATT_TRY(att_tokenizer_decode(model->tokenizer, model->ctx, tokens + first, (size_t)(i - first), true, text));
    first = i + 1;
  }
  return ATT_OK;
}

/* Bytes of the text by those that zlib makes of it. */
static att_status compress_text(const att_model *model, const att_whisper *whisper, att_heard *heard) {
  att_buffer text = {0};
  att_status status = att_window_text(model, whisper, heard->tokens, heard->count, &text);
  uLongf size = compressBound((uLong)text.size);
  Bytef *packed = status ? NULL : ATT_NEW(model->ctx, size, Bytef);
  if (!status && !packed) status = ATT_MEMORY;
  heard->compression = 0;
  if (!status && text.size && compress(packed, &size, (const Bytef *)text.data, (uLong)text.size) == Z_OK)
    heard->compression = (double)text.size / (double)size;
  att_free(model->ctx, packed);
  att_buffer_free(model->ctx, &text);
  return status;
}

/* ---- a try ---------------------------------------------------------------------------------------------------- */

static void make_settings(const att_model *model, const att_whisper *whisper, const att_listening *how,
                          double temperature, att_generation *settings) {
  const att_generation *g = &model->generation;
  att_generation_neutral(settings);
  settings->ends = (att_token_list){(int32_t *)&whisper->end, 1};
  settings->suppress_tokens = g->suppress_tokens;
  settings->begin_suppress_tokens = g->begin_suppress_tokens;
  settings->temperature = temperature;
  settings->top_k = 0;
  if (!how->timestamps) return;
  settings->first_timestamp = whisper->first_timestamp;
  settings->no_timestamps = whisper->no_timestamps;
  settings->last_initial_timestamp = whisper->last_initial;
}

static att_status take_result(const att_search *search, const att_whisper *whisper, att_arena *arena,
                              att_heard *heard) {
  const att_output *best = &search->results[0];
  if (search->result_count == 0) return att_fail_no_token(att_session_model(search->session)->ctx);
  bool ended = best->count > 0 && best->tokens[best->count - 1] == whisper->end;
  int32_t *tokens = ATT_ARENA_NEW(arena, best->count, int32_t);
  if (!tokens) return ATT_MEMORY;
  memcpy(tokens, best->tokens, (size_t)best->count * sizeof *tokens);
  heard->tokens = tokens;
  heard->count = best->count - ended;
  heard->logprob = best->logprob / (double)(heard->count + 1);
  return ATT_OK;
}

/* sequence: the prompt but for its last token. */
static att_status try_once(att_session *session, att_arena *arena, const att_whisper *whisper, const att_listening *how,
                           int32_t sequence, int32_t token, double temperature, att_heard *heard) {
  const att_model *model = att_session_model(session);
  int64_t length = att_session_length(session, sequence), positions = model->config.max_position_embeddings;
  att_generation settings;
  att_search search = {0}, *one = &search;
  int32_t fork;
  make_settings(model, whisper, how, temperature, &settings);
  const att_search_plan plan = {.beam = temperature > 0 ? 1 : how->beam,
                                .samples = temperature > 0 ? how->best_of : 1,
                                .most = positions - length - 1,
                                .at_most = ATT_FINISH_LENGTH,
                                .length_penalty = 1,
                                .key = att_key(how->seed, (uint64_t)(temperature * 1000)),
                                .settings = &settings};
  ATT_TRY(att_session_fork(session, sequence, length, &fork));
  att_status status = att_search_begin(&search, session, &plan, fork, token);
  while (!status && search.running) status = att_searches_step(session, arena, &one, 1);
  heard->temperature = temperature;
  if (!status) status = take_result(&search, whisper, arena, heard);
  att_search_end(&search);
  return status ? status : compress_text(model, whisper, heard);
}

static bool is_doubtful(const att_listening *how, const att_heard *heard) {
  if (heard->no_speech > how->most_no_speech && heard->logprob < how->least_logprob) return false; /* silence */
  return heard->compression > how->most_compression || heard->logprob < how->least_logprob;
}

static att_status try_all(att_session *session, att_arena *arena, const att_whisper *whisper, const att_listening *how,
                          int32_t sequence, int32_t token, att_heard *heard) {
  for (int i = 0;; i++) {
    double temperature = how->temperature + i * how->step;
    ATT_TRY(try_once(session, arena, whisper, how, sequence, token, temperature, heard));
    if (how->step <= 0 || temperature + how->step > 1 + 1e-9 || !is_doubtful(how, heard)) break;
  }
  heard->silent = heard->no_speech > how->most_no_speech && heard->logprob < how->least_logprob;
  if (heard->silent) heard->count = 0;
  return ATT_OK;
}

/* ---- a window ------------------------------------------------------------------------------------------------- */

/* <|startofprev|>, the text before and <|startoftranscript|>, on the arena. */
static int32_t *make_beginning(const att_model *model, att_arena *arena, const att_whisper *whisper,
                               const att_listening *how, int64_t *count) {
  int64_t most = model->config.max_position_embeddings / 2 - 1, kept = how->before_count;
  if (kept > most) kept = most;
  int32_t *tokens = ATT_ARENA_NEW(arena, kept + 2, int32_t);
  if (!tokens) return NULL;
  *count = 0;
  if (kept > 0) tokens[(*count)++] = whisper->previous;
  for (int64_t i = 0; i < kept; i++) tokens[(*count)++] = how->before[how->before_count - kept + i];
  tokens[(*count)++] = whisper->start;
  return tokens;
}

/* Reads the prompt but for its last token, which becomes *token; the probability of silence stands behind
 * <|startoftranscript|>. */
static att_status read_prompt(att_session *session, att_arena *arena, const att_whisper *whisper,
                              const att_listening *how, int32_t sequence, int32_t *token, att_heard *heard) {
  const att_model *model = att_session_model(session);
  int64_t vocab = model->config.vocab_size, count;
  int32_t steering[4];
  float *logits;
  int32_t *beginning = make_beginning(model, arena, whisper, how, &count);
  if (!beginning) return ATT_MEMORY;
  att_reading reading = {.sequence = sequence, .tokens = beginning, .count = count};
  ATT_TRY(att_session_step(session, arena, &reading, 1, &logits));
  heard->no_speech = probability_of(logits, vocab, whisper->no_speech);
  int given = att_window_prompt(whisper, how, steering);
  *token = steering[given - 1];
  if (given == 1) { /* it is read with the first new token */
    att_session_cut(session, sequence, count - 1);
    return ATT_OK;
  }
  reading = (att_reading){.sequence = sequence, .tokens = steering + 1, .count = given - 2};
  return given > 2 ? att_session_step(session, arena, &reading, 1, NULL) : ATT_OK;
}

att_status att_window_hear(att_session *session, att_arena *arena, const att_whisper *whisper, const att_memory *memory,
                           const att_listening *how, att_heard *heard) {
  int32_t sequence, token;
  *heard = (att_heard){0};
  ATT_TRY(att_session_add_memory(session, arena, memory, &sequence));
  att_status status = read_prompt(session, arena, whisper, how, sequence, &token, heard);
  if (!status) status = try_all(session, arena, whisper, how, sequence, token, heard);
  att_session_drop(session, sequence);
  return status;
}

/* ---- segments ------------------------------------------------------------------------------------------------- */

static bool is_timestamp(const att_whisper *whisper, int32_t token) { return token >= whisper->first_timestamp; }

static double time_of(const att_whisper *whisper, int32_t token) {
  return (double)(token - whisper->first_timestamp) * whisper->precision;
}

static att_span make_span(const att_whisper *whisper, const int32_t *tokens, int64_t first, int64_t end,
                          int64_t last_time) {
  return (att_span){first, end, time_of(whisper, tokens[first]), time_of(whisper, tokens[last_time])};
}

int64_t att_window_spans(const att_whisper *whisper, const int32_t *tokens, int64_t count, double seconds,
                         att_span *spans, double *used) {
  int64_t made = 0, first = 0, latest = -1;
  bool single = count > 1 && is_timestamp(whisper, tokens[count - 1]) && !is_timestamp(whisper, tokens[count - 2]);
  *used = seconds;
  for (int64_t i = 0; i < count; i++) {
    if (!is_timestamp(whisper, tokens[i])) continue;
    latest = i;
    if (i == 0 || !is_timestamp(whisper, tokens[i - 1])) continue;
    spans[made++] = make_span(whisper, tokens, first, i, i - 1);
    first = i;
  }
  if (made > 0 && single) {
    spans[made++] = make_span(whisper, tokens, first, count, count - 1);
  } else if (made > 0) { /* what is behind the last pair is heard again, from there on */
    double end = spans[made - 1].to;
    if (end > 0) *used = end;
  } else if (count > 0) {
    double end = latest >= 0 && tokens[latest] != whisper->first_timestamp ? time_of(whisper, tokens[latest]) : seconds;
    spans[made++] = (att_span){0, count, 0, end};
  }
  return made;
}
