/*
 * Owns transcribing a recording: windows of what the model hears at once, moved by the timestamps in what was heard
 * (Radford et al. 2022, section 4.5). Only one window of samples is in memory. Silence is skipped, and what is heard in
 * it is nothing.
 */
#include "api/recognise.h"
#include "audio/audio.h"
#include "audio/voice.h"
#include "models/head.h"
#include "speech/words.h"

#include <math.h>
#include <string.h>

#define RESET_TEMPERATURE 0.5 /* what was drawn at more is no prompt for what follows */
#define SKIPPED_SILENCE   1.0 /* seconds at a window's beginning: the first timestamp cannot say more */
#define KEPT_SILENCE      0.1 /* of it */
#define LEAST_REST        0.1 /* seconds at the end that are worth a window */
#define PAUSE             2.0 /* seconds without a voice that end a window */

/* A recording as it is being heard. */
typedef struct att_transcription {
  att_model *model;
  att_context *ctx;
  att_transcribe_options own;
  const att_transcribe_options *options; /* these */
  att_listened_fn *give;
  void *user;
  att_whisper whisper;
  att_listening how;
  char language[16];
  att_audio *audio;
  att_mel *mel;
  att_session *session;
  att_arena *arena; /* of a window */
  /* the window: samples [length] of which count are there, `first` samples into the recording */
  float *samples;
  int64_t length, count, first;
  float *rows; /* [frames, bands] */
  int64_t frames;
  att_ids before;             /* tokens heard, behind the prompt's */
  size_t forgotten;           /* of them, the first ones */
  att_recogniser *recogniser; /* which hears in place of all this; or NULL */
} transcriber;

static int rate_of(const transcriber *t) { return t->model->config.mel.rate; }

static double seconds_of(const transcriber *t, int64_t samples) { return (double)samples / rate_of(t); }

/* To milliseconds: sums of hundredths leave dust behind. */
static double rounded(double seconds) { return round(seconds * 1000) / 1000; }

/* ---- telling ---- */

static att_status tell(transcriber *t, const att_segment *segment, int64_t heard) {
  double length = att_audio_seconds(t->audio), seconds = seconds_of(t, t->first + heard);
  const att_listened listened = {.segment = segment, .seconds = seconds, .length = length < 0 ? -1 : length};
  if (!t->give || t->give(t->user, &listened) == 0) return ATT_OK;
  return att_fail(t->ctx, ATT_INTERRUPTED, "stopped by the caller");
}

/* Lets the first samples of the window go; times stay multiples of the timestamps. */
static att_status advance(transcriber *t, int64_t samples) {
  const att_config *c = &t->model->config;
  int64_t step = c->mel.hop * c->input_stride;
  if (samples < t->count) samples = samples / step * step;
  if (samples < step) samples = step;
  if (samples > t->count) samples = t->count;
  memmove(t->samples, t->samples + samples, (size_t)(t->count - samples) * sizeof *t->samples);
  t->count -= samples;
  t->first += samples;
  return tell(t, NULL, 0);
}

/* ---- silence ---- */

/* Where the window begins with silence it is moved behind it. *moved: begin again. */
static att_status skip_silence(transcriber *t, bool *moved) {
  int64_t silent = att_leading_silence(t->samples, t->count, rate_of(t));
  *moved = silent == t->count || seconds_of(t, silent) > SKIPPED_SILENCE;
  if (!*moved) return ATT_OK;
  return advance(t, silent == t->count ? silent : silent - (int64_t)(KEPT_SILENCE * rate_of(t)));
}

/* The same of what is no voice; and the first long pause behind a voice ends the window: *length, samples. */
static att_status skip_pauses(transcriber *t, bool *moved, int64_t *length) {
  int64_t hop = t->model->config.mel.hop, frames = t->count / hop, begin = 0, end;
  bool *voiced = ATT_ARENA_NEW(t->arena, frames + 1, bool);
  if (!voiced) return ATT_MEMORY;
  *moved = false;
  ATT_TRY(att_mel_logarithms(t->mel, t->samples, t->count, t->count, t->rows));
  ATT_TRY(att_voice_mark(t->ctx, &t->model->config.mel, t->rows, frames, voiced));
  while (begin < frames && !voiced[begin]) begin++;
  *moved = begin == frames || seconds_of(t, begin * hop) > SKIPPED_SILENCE;
  if (*moved) return advance(t, begin == frames ? t->count : begin * hop);
  for (end = begin; end < frames; end++) {
    int64_t pause = 0;
    while (end + pause < frames && !voiced[end + pause]) pause++;
    if (seconds_of(t, pause * hop) < PAUSE) continue;
    *length = end * hop;
    return ATT_OK;
  }
  return ATT_OK;
}

/* ---- what is heard ---- */

/* Without spaces around it. */
static att_text trimmed(const att_buffer *text) {
  att_text out = {text->data ? text->data : "", text->size};
  while (out.size && (out.data[0] == ' ' || out.data[0] == '\n')) out.data++, out.size--;
  while (out.size && (out.data[out.size - 1] == ' ' || out.data[out.size - 1] == '\n')) out.size--;
  return out;
}

/* Text tokens of a window, and the words that they make. */
typedef struct heard_words {
  int32_t *tokens; /* [count] */
  int64_t count;
  att_word_time *words; /* [word_count] */
  int64_t word_count;
} heard_words;

static att_status find_words(transcriber *t, const att_memory *memory, const att_heard *heard, int64_t length,
                             heard_words *out) {
  out->tokens = ATT_ARENA_NEW(t->arena, heard->count + 1, int32_t);
  if (!out->tokens) return ATT_MEMORY;
  for (int64_t i = 0; i < heard->count; i++)
    if (heard->tokens[i] < t->whisper.end) out->tokens[out->count++] = heard->tokens[i];
  return att_window_words(t->model, t->arena, &t->whisper, memory, &t->how, out->tokens, out->count,
                          seconds_of(t, length), &out->words, &out->word_count);
}

/* segment->words: those that begin in text tokens [first, end). */
static att_status put_words(transcriber *t, const heard_words *heard, int64_t first, int64_t end,
                            att_segment *segment) {
  const att_spoken_word **list = ATT_ARENA_NEW(t->arena, heard->word_count + 1, const att_spoken_word *);
  if (!list) return ATT_MEMORY;
  segment->words = list;
  for (int64_t i = 0; i < heard->word_count; i++) {
    const att_word_time *w = &heard->words[i];
    att_buffer text = {0};
    if (w->first < first || w->first >= end) continue;
    att_spoken_word *word = ATT_ARENA_NEW(t->arena, 1, att_spoken_word);
    if (!word) return ATT_MEMORY;
    att_status status = att_window_text(t->model, &t->whisper, heard->tokens + w->first, w->end - w->first, &text);
    char *copy = status ? NULL : ATT_ARENA_NEW(t->arena, text.size + 1, char);
    if (copy && text.size) memcpy(copy, text.data, text.size);
    double begin = seconds_of(t, t->first);
    *word = (att_spoken_word){rounded(begin + w->from), rounded(begin + w->to), w->probability, {copy, text.size}};
    att_buffer_free(t->ctx, &text);
    if (!copy) return status ? status : ATT_MEMORY;
    list[segment->word_count++] = word;
  }
  return ATT_OK;
}

/* Whether a span is worth telling: it lies in the sound, and there is some. */
static bool has_sound(const transcriber *t, const att_span *span, int64_t length) {
  double end = seconds_of(t, length), to = span->to < end ? span->to : end;
  if (t->options->no_timestamps) return true;
  int64_t first = (int64_t)(span->from * rate_of(t)), behind = (int64_t)(to * rate_of(t));
  return span->from < to && !att_is_silent(t->samples + first, behind - first, rate_of(t));
}

/* *text_at: text tokens before the span, and behind it afterwards. */
static att_status tell_span(transcriber *t, const att_heard *heard, const heard_words *words, const att_span *span,
                            int64_t length, int64_t *text_at) {
  att_buffer text = {0};
  int64_t count = span->end - span->first, text_first = *text_at;
  const int32_t *tokens = heard->tokens + span->first;
  double begin = seconds_of(t, t->first), whole = seconds_of(t, length);
  for (int64_t i = 0; i < count; i++) *text_at += tokens[i] < t->whisper.end;
  att_status status = att_window_text(t->model, &t->whisper, tokens, count, &text);
  att_segment segment = {.start = rounded(begin + span->from),
                         .end = rounded(begin + (span->to < whole ? span->to : whole)),
                         .text = trimmed(&text),
                         .language = t->language,
                         .tokens = tokens,
                         .token_count = (size_t)count,
                         .logprob = heard->logprob,
                         .no_speech = heard->no_speech,
                         .compression_ratio = heard->compression,
                         .temperature = heard->temperature};
  bool told = !status && segment.text.size && has_sound(t, span, length);
  if (told && t->options->words) status = put_words(t, words, text_first, *text_at, &segment);
  if (told && !status) status = tell(t, &segment, (int64_t)((span->to < whole ? span->to : whole) * rate_of(t)));
  for (int64_t i = 0; told && !status && i < count; i++) status = att_ids_push(t->ctx, &t->before, tokens[i]);
  att_buffer_free(t->ctx, &text);
  return status;
}

static att_status tell_all(transcriber *t, const att_memory *memory, const att_heard *heard, int64_t length,
                           double *used) {
  heard_words words = {0};
  int64_t text_at = 0;
  att_span *spans = ATT_ARENA_NEW(t->arena, heard->count + 1, att_span);
  if (!spans) return ATT_MEMORY;
  int64_t count = att_window_spans(&t->whisper, heard->tokens, heard->count, seconds_of(t, length), spans, used);
  if (t->options->words) ATT_TRY(find_words(t, memory, heard, length, &words));
  for (int64_t i = 0; i < count; i++) ATT_TRY(tell_span(t, heard, &words, &spans[i], length, &text_at));
  if (t->options->no_context || heard->temperature > RESET_TEMPERATURE) t->forgotten = t->before.count;
  return ATT_OK;
}

/* ---- a window ---- */

static att_status encode(transcriber *t, int64_t length, att_memory *memory) {
  int64_t *start = ATT_ARENA_NEW(t->arena, 2, int64_t);
  att_run run = {.ctx = t->ctx, .arena = t->arena};
  if (!start) return ATT_MEMORY;
  start[0] = 0;
  start[1] = t->frames;
  ATT_TRY(att_mel_features(t->mel, t->samples, length, t->length, t->rows));
  return att_model_encode(&run, t->model, &(att_input){.rows = t->rows, .sequences = {1, start}}, NULL, NULL, memory);
}

static att_status find_language(transcriber *t, const att_memory *memory) {
  if (!t->whisper.multilingual || t->how.language >= 0) return ATT_OK;
  ATT_TRY(att_window_language(t->session, t->arena, &t->whisper, memory, &t->how.language, NULL));
  att_whisper_code(t->model, t->how.language, t->language);
  return ATT_OK;
}

static att_status hear_window(transcriber *t, int64_t length) {
  att_memory memory;
  att_heard heard;
  double used;
  ATT_TRY(encode(t, length, &memory));
  ATT_TRY(find_language(t, &memory));
  t->how.before = t->before.data ? t->before.data + t->forgotten : NULL;
  t->how.before_count = (int64_t)(t->before.count - t->forgotten);
  ATT_TRY(att_window_hear(t->session, t->arena, &t->whisper, &memory, &t->how, &heard));
  ATT_TRY(tell_all(t, &memory, &heard, length, &used));
  return advance(t, used >= seconds_of(t, length) ? length : llrint(used * rate_of(t)));
}

/* A window. *more: there may be another. */
static att_status hear_some(transcriber *t, bool *more) {
  int64_t got, length;
  bool moved;
  if (att_is_interrupted(t->ctx)) return att_fail(t->ctx, ATT_INTERRUPTED, "interrupted");
  ATT_TRY(att_audio_read(t->audio, t->samples + t->count, t->length - t->count, &got));
  length = t->count += got;
  *more = seconds_of(t, t->count) >= LEAST_REST;
  if (!*more) return ATT_OK;
  att_arena_reset(t->arena);
  ATT_TRY(skip_silence(t, &moved));
  if (!moved && t->options->voice) ATT_TRY(skip_pauses(t, &moved, &length));
  return moved ? ATT_OK : hear_window(t, length);
}

/* ---- options ---- */

void att_transcribe_options_init(att_transcribe_options *options, size_t size) {
  const att_transcribe_options own = {.size = sizeof own,
                                      .temperature_step = 0.2,
                                      .compression_ratio = 2.4,
                                      .logprob = -1,
                                      .no_speech = 0.6,
                                      .seed = 1,
                                      .best_of = 5};
  att_give_struct(&own, sizeof own, options, size);
}

static att_status check_options(att_context *ctx, const att_transcribe_options *o) {
  const char *wrong = NULL;
  if (!(o->temperature >= 0 && o->temperature <= 1)) wrong = "temperature must be 0 to 1";
  if (!(o->temperature_step == 0 || (o->temperature_step >= 0.01 && o->temperature_step <= 1)))
    wrong = "temperature_step must be 0, or 0.01 to 1";
  if (isnan(o->compression_ratio) || isnan(o->logprob) || isnan(o->no_speech)) wrong = "a threshold is no number";
  if (o->beam < 0 || o->beam > ATT_WIDEST_BEAM) wrong = "beam must be 0 to 64";
  if (o->best_of < 1 || o->best_of > ATT_WIDEST_BEAM) wrong = "best_of must be 1 to 64";
  return wrong ? att_fail(ctx, ATT_ARGUMENT, "att_transcribe: %s", wrong) : ATT_OK;
}

static att_status choose_language(transcriber *t) {
  const char *language = t->options->language;
  t->how.language = -1;
  if (t->options->translate && (!t->whisper.multilingual || t->whisper.translate < 0)) {
    return att_fail(t->ctx, ATT_UNSUPPORTED, "the model hears English alone, and translates from no language");
  }
  strcpy(t->language, "en");
  if (!language) return ATT_OK;
  if (!t->whisper.multilingual && strcmp(language, "en") == 0) return ATT_OK;
  t->how.language = att_whisper_language(&t->whisper, t->model, language);
  if (t->how.language < 0) {
    return att_fail(t->ctx, ATT_ARGUMENT, "language \"%.20s\" is none of the model's %d%s", language,
                    t->whisper.multilingual ? t->whisper.language_count : 1,
                    t->whisper.multilingual ? " (en, de, fr ...)" : " (en)");
  }
  att_whisper_code(t->model, t->how.language, t->language);
  return ATT_OK;
}

static void take_thresholds(transcriber *t) {
  const att_transcribe_options *o = t->options;
  t->how.translate = o->translate;
  t->how.timestamps = !o->no_timestamps;
  t->how.beam = o->beam ? o->beam : 1;
  t->how.best_of = o->best_of;
  t->how.temperature = o->temperature;
  t->how.step = o->temperature_step;
  t->how.most_compression = o->compression_ratio;
  t->how.least_logprob = o->logprob;
  t->how.most_no_speech = o->no_speech;
  t->how.seed = o->seed;
}

/* " " and the prompt, as if it had been heard. */
static att_status read_prompt(transcriber *t) {
  const char *prompt = t->options->prompt;
  att_buffer text = {0};
  if (!prompt || !prompt[0]) return ATT_OK;
  att_status status = att_buffer_print(t->ctx, &text, " %s", prompt);
  if (!status)
    status = att_tokenizer_encode(t->model->tokenizer, t->ctx, (att_text){text.data, text.size}, false, &t->before);
  att_buffer_free(t->ctx, &text);
  return status;
}

static att_status begin_whisper(transcriber *t) {
  const att_config *c = &t->model->config;
  ATT_TRY(att_generation_use(t->ctx, &t->model->generation));
  ATT_TRY(att_whisper_find(t->model, &t->whisper));
  ATT_TRY(choose_language(t));
  take_thresholds(t);
  ATT_TRY(read_prompt(t));
  t->frames = att_config_most_read(c, false);
  t->length = t->frames * c->mel.hop;
  t->samples = ATT_NEW(t->ctx, t->length, float);
  t->rows = ATT_NEW(t->ctx, t->frames * c->mel.bands, float);
  if (!t->samples || !t->rows) return ATT_MEMORY;
  ATT_TRY(att_arena_new(t->ctx, &t->arena));
  ATT_TRY(att_mel_new(t->ctx, &c->mel, &t->mel));
  return att_session_new(t->model, 0, &t->session);
}

/* ---- recognisers that attend has trained ---- */

static att_status tell_recognised(void *user, const att_recognised *part) {
  transcriber *t = user;
  const att_segment segment = {
      .start = rounded(part->begin), .end = rounded(part->end), .text = part->text, .language = ""};
  const att_listened listened = {part->text.size ? &segment : NULL, part->end, part->length < 0 ? -1 : part->length};
  if (!t->give || t->give(t->user, &listened) == 0) return ATT_OK;
  return att_fail(t->ctx, ATT_INTERRUPTED, "stopped by the caller");
}

/* They know no languages, and not when a word was heard. */
static att_status check_recogniser(const transcriber *t) {
  const att_transcribe_options *o = t->options;
  const char *wrong = o->language          ? "language"
                      : o->prompt          ? "prompt"
                      : o->translate       ? "translating"
                      : o->words           ? "words' times"
                      : o->voice           ? "voice"
                      : o->temperature > 0 ? "temperature"
                                           : NULL;
  if (wrong) return att_fail(t->ctx, ATT_UNSUPPORTED, "%s: for Whisper models; one of train speech has none", wrong);
  return ATT_OK;
}

/* ---- the calls ---- */

/* path NULL: what is in memory. */
static att_status begin(transcriber *t, const char *path, const void *data, size_t size) {
  bool recognises = att_is_recogniser(t->model);
  int rate = t->model->config.mel.rate;
  ATT_TRY(check_options(t->ctx, t->options));
  ATT_TRY(att_check_verb(t->model, ATT_VERB_TRANSCRIBE));
  ATT_TRY(recognises ? check_recogniser(t) : begin_whisper(t));
  ATT_TRY(path ? att_audio_open(t->ctx, path, rate, &t->audio)
               : att_audio_open_memory(t->ctx, data, size, rate, &t->audio));
  if (!recognises) return ATT_OK;
  att_audio *audio = t->audio;
  t->audio = NULL; /* the recogniser's */
  return att_recogniser_new(t->model, audio, t->options->beam, &t->recogniser);
}

static att_status open_any(att_model *model, const char *path, const void *data, size_t size,
                           const att_transcribe_options *given, att_listened_fn *give, void *user, transcriber **out) {
  transcriber *t = ATT_NEW(model->ctx, 1, transcriber);
  *out = NULL;
  if (!t) return ATT_MEMORY;
  t->model = model;
  t->ctx = model->ctx;
  t->options = &t->own;
  t->give = give;
  t->user = user;
  att_transcribe_options_default(&t->own);
  att_status status = att_take_options(model->ctx, "att_transcribe", given, &t->own, sizeof t->own);
  if (!status) status = begin(t, path, data, size);
  if (status)
    att_transcription_free(t);
  else
    *out = t;
  return status;
}

att_status att_transcription_new(att_model *model, const void *data, size_t size, const att_transcribe_options *options,
                                 att_listened_fn *give, void *user, att_transcription **out) {
  return open_any(model, NULL, data, size, options, give, user, out);
}

att_status att_transcription_step(att_transcription *t, bool *more) {
  return t->recogniser ? att_recogniser_step(t->recogniser, tell_recognised, t, more) : hear_some(t, more);
}

void att_transcription_free(att_transcription *t) {
  if (!t) return;
  att_recogniser_free(t->recogniser);
  att_audio_close(t->audio);
  att_session_free(t->session);
  att_mel_free(t->mel);
  att_arena_free(t->arena);
  att_free(t->ctx, t->samples);
  att_free(t->ctx, t->rows);
  att_free(t->ctx, t->before.data);
  att_free(t->ctx, t);
}

att_status att_transcribe(att_model *model, const char *path, const att_transcribe_options *options,
                          att_listened_fn *give, void *user) {
  transcriber *t;
  bool more = true;
  if (!path) return att_fail(model->ctx, ATT_ARGUMENT, "att_transcribe: no path");
  ATT_TRY(open_any(model, path, NULL, 0, options, give, user, &t));
  att_status status = ATT_OK;
  while (!status && more) status = att_transcription_step(t, &more);
  att_transcription_free(t);
  return status;
}
