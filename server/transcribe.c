/* Owns /v1/audio/transcriptions and /v1/audio/translations: OpenAI's forms, and what is said in a recording. */
#include "requests.h"
#include "routes.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct transcribe_request {
  att_transcribe_options options;
  att_text model, language, prompt, format;
  json_t *granularities;
} transcribe_request;

#define AT(member) offsetof(transcribe_request, member)
#define IN(member) offsetof(transcribe_request, options.member)

/* clang-format off */
#define BOTH                                                                                                           \
  {"file", ATT_PARAM_FILE, 0, 0, 0, "a recording: wav, flac, ogg or mp3", true},                                       \
  {"model", ATT_PARAM_TEXT, 0, 0, AT(model), "a name of /v1/models", 0},                                               \
  {"prompt", ATT_PARAM_TEXT, 0, 0, AT(prompt), "text as if it came before: names, and how they are spelt", 0},         \
  {"response_format", ATT_PARAM_TEXT, 0, 0, AT(format), "json, text, srt, vtt or verbose_json", 0},                    \
  {"temperature", ATT_PARAM_NUMBER, 0, 1, IN(temperature), "0: the likeliest tokens; above, they are drawn", 0},       \
  {"beam", ATT_PARAM_INT, 1, 64, IN(beam), "hypotheses where nothing is drawn; 1: greedy", 0},                         \
  {"seed", ATT_PARAM_SEED, 0, 0, IN(seed), "of what is drawn; 1", 0},                                                  \
  {"vad", ATT_PARAM_FLAG, 0, 0, IN(voice), "skip what is no voice by its energy and spectrum", 0}

const att_param att_transcribe_params[] = {
  BOTH,
  {"language", ATT_PARAM_TEXT, 0, 0, AT(language), "what is spoken: en, de, ...; without it: the one that is heard", 0},
  {"timestamp_granularities[]", ATT_PARAM_JSON, 0, 0, AT(granularities), "word, segment: of verbose_json", 0},
  {.name = NULL}};
const att_param att_speech_translation_params[] = {BOTH, {.name = NULL}};
/* clang-format on */
const size_t att_transcribe_size = sizeof(transcribe_request);
const char att_transcribe_gives[] =
    "{text: text, task?: text, language?: text, duration?: number, segments?: [{*: any}], "
    "words?: [{word: text, start: number|null, end: number|null}]}";

typedef enum format { FORMAT_JSON, FORMAT_TEXT, FORMAT_SRT, FORMAT_VTT, FORMAT_VERBOSE, FORMAT_COUNT } format;

typedef struct hearing {
  att_task *task;
  att_hosts *hosts;
  att_hosted *host;
  att_transcription *transcription;
  format format;
  bool translates, tells_words, tells_segments;
  att_out text;
  size_t count; /* segments */
  json_t *segments, *words;
  char language[16];
  double seconds;
} hearing;

static void end(att_task *task) {
  hearing *h = task->work;
  att_transcription_free(h->transcription);
  att_out_free(&h->text);
  json_decref(h->segments);
  json_decref(h->words);
  h->host->users--;
  free(h);
}

/* ---- what is heard ------------------------------------------------------------------------------------------------
 */

static void put_time(att_out *out, double seconds, char point) {
  long long all = llround((seconds > 0 ? seconds : 0) * 1000);
  att_out_print(out, "%02lld:%02lld:%02lld%c%03lld", all / 3600000, all / 60000 % 60, all / 1000 % 60, point,
                all % 1000);
}

/* On one line; WebVTT reads markup. */
static void put_line(att_out *out, att_text text, bool markup) {
  for (size_t i = 0; i < text.size; i++) {
    char c = text.data[i];
    const char *other = c == '\n' || c == '\r' || c == '\t' ? " "
                        : markup && c == '&'                ? "&amp;"
                        : markup && c == '<'                ? "&lt;"
                                                            : NULL;
    att_out_put(out, other ? other : &c, other ? strlen(other) : 1);
  }
}

static void put_cue(hearing *h, const att_segment *s) {
  bool srt = h->format == FORMAT_SRT;
  char point = srt ? ',' : '.';
  if (srt) att_out_print(&h->text, "%zu\n", h->count);
  put_time(&h->text, s->start, point);
  att_out_put(&h->text, " --> ", 5);
  put_time(&h->text, s->end, point);
  att_out_put(&h->text, "\n", 1);
  put_line(&h->text, s->text, !srt);
  att_out_put(&h->text, "\n\n", 2);
}

static json_t *segment_of(const hearing *h, const att_segment *s) {
  json_t *tokens = json_array();
  for (size_t i = 0; i < s->token_count; i++) json_array_append_new(tokens, json_integer(s->tokens[i]));
  return json_pack("{s:I, s:i, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "id", (json_int_t)h->count - 1, "seek", 0,
                   "start", att_number_json(s->start), "end", att_number_json(s->end), "text",
                   att_text_json(s->text.data, s->text.size), "tokens", tokens, "temperature",
                   att_number_json(s->temperature), "avg_logprob", att_number_json(s->logprob), "compression_ratio",
                   att_number_json(s->compression_ratio), "no_speech_prob", att_number_json(s->no_speech));
}

static json_t *word_of(const att_spoken_word *word) {
  size_t space = word->text.size && word->text.data[0] == ' ';
  return json_pack("{s:o, s:o, s:o}", "word", att_text_json(word->text.data + space, word->text.size - space), "start",
                   att_number_json(word->start), "end", att_number_json(word->end));
}

static int on_listened(void *user, const att_listened *listened) {
  hearing *h = user;
  const att_segment *s = listened->segment;
  h->seconds = listened->length >= 0 ? listened->length : listened->seconds;
  if (!s) return 0;
  h->count++;
  snprintf(h->language, sizeof h->language, "%s", s->language);
  if (h->format == FORMAT_SRT || h->format == FORMAT_VTT) {
    put_cue(h, s);
  } else {
    if (h->text.size) att_out_put(&h->text, " ", 1);
    att_out_put(&h->text, s->text.data, s->text.size);
  }
  if (h->tells_segments) json_array_append_new(h->segments, segment_of(h, s));
  for (size_t i = 0; h->tells_words && i < s->word_count; i++) json_array_append_new(h->words, word_of(s->words[i]));
  return h->text.failed;
}

static void reply(hearing *h) {
  att_out *text = &h->text;
  if (h->format != FORMAT_JSON && h->format != FORMAT_VERBOSE) {
    if (h->format == FORMAT_TEXT) att_out_put(text, "\n", 1);
    att_task_reply_text(h->task, "text/plain; charset=utf-8", text->data ? text->data : "", text->size);
    return;
  }
  json_t *answer = json_pack("{s:o}", "text", att_text_json(text->data, text->size));
  if (h->format == FORMAT_VERBOSE) {
    json_object_set_new(answer, "task", json_string(h->translates ? "translate" : "transcribe"));
    json_object_set_new(answer, "language", json_string(h->language));
    json_object_set_new(answer, "duration", att_number_json(h->seconds));
    if (h->tells_segments) json_object_set(answer, "segments", h->segments);
    if (h->tells_words) json_object_set(answer, "words", h->words);
  }
  att_task_reply(h->task, answer);
}

/* A window. */
static bool step(att_task *task) {
  hearing *h = task->work;
  bool more = false;
  att_status status = att_transcription_step(h->transcription, &more);
  if (status)
    att_task_failed(task, h->hosts->ctx, status);
  else if (!more)
    reply(h);
  return true;
}

/* ---- requests -----------------------------------------------------------------------------------------------------
 */

static bool is_plain(att_text text) { return !text.data || strlen(text.data) == text.size; }

/* *format, or false, after saying why. */
static bool read_format(att_task *task, const transcribe_request *r, hearing *h) {
  static const char *const names[] = {"json", "text", "srt", "vtt", "verbose_json"};
  size_t i = 0;
  while (r->format.data && i < FORMAT_COUNT && strcmp(r->format.data, names[i]) != 0) i++;
  h->format = (format)i;
  if (i == FORMAT_COUNT)
    att_task_fail(task, 400, NULL, "response_format", "response_format must be json, text, srt, vtt or verbose_json");
  bool segments = json_array_size(r->granularities) == 0;
  for (i = 0; i < json_array_size(r->granularities); i++) {
    const char *name = json_string_value(json_array_get(r->granularities, i));
    bool word = name && strcmp(name, "word") == 0, segment = name && strcmp(name, "segment") == 0;
    h->tells_words |= word;
    segments |= segment;
    if (!task->over && !word && !segment)
      att_task_fail(task, 400, NULL, "timestamp_granularities[]", "timestamp_granularities[] must be word or segment");
  }
  h->tells_segments = segments && h->format == FORMAT_VERBOSE;
  if (!task->over && r->granularities && h->format != FORMAT_VERBOSE)
    att_task_fail(task, 400, NULL, "timestamp_granularities[]", "timestamp_granularities[] needs verbose_json");
  return !task->over;
}

static void begin(att_task *task, att_hosts *hosts, bool translates) {
  transcribe_request r = {.granularities = NULL};
  att_transcribe_options_default(&r.options);
  if (!att_take_params(task, &r)) return;
  att_hosted *host = att_find_model(task, hosts, r.model, ATT_VERB_TRANSCRIBE);
  hearing *h = host ? calloc(1, sizeof *h) : NULL;
  if (!h) {
    if (host) att_task_reply(task, NULL);
    return;
  }
  *h = (hearing){.task = task, .hosts = hosts, .host = host, .translates = translates};
  h->segments = json_array();
  h->words = json_array();
  host->users++;
  task->work = h;
  task->end = end;
  if (!read_format(task, &r, h)) return;
  if (!is_plain(r.language) || !is_plain(r.prompt)) {
    att_task_fail(task, 400, NULL, NULL, "language or prompt has a NUL in it");
    return;
  }
  if (h->format == FORMAT_VTT) att_out_put(&h->text, "WEBVTT\n\n", 8);
  r.options.language = r.language.size ? r.language.data : NULL;
  r.options.prompt = r.prompt.size ? r.prompt.data : NULL;
  r.options.translate = translates;
  r.options.words = h->tells_words;
  att_status status = att_transcription_new(host->model, task->file.data, task->file.size, &r.options, on_listened, h,
                                            &h->transcription);
  if (status) {
    att_task_failed(task, hosts->ctx, status);
    return;
  }
  task->step = step;
}

void att_begin_transcribe(att_task *task, att_hosts *hosts) { begin(task, hosts, false); }
void att_begin_speech_translation(att_task *task, att_hosts *hosts) { begin(task, hosts, true); }
