/* Owns `attend transcribe`: recordings in, what is said in them out, each piece as soon as it is heard. */
#include "options.h"
#include "progress.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

typedef enum transcript_format { FORMAT_TEXT, FORMAT_SRT, FORMAT_VTT, FORMAT_JSON, FORMAT_TSV } transcript_format;

typedef struct transcribe_options {
  att_cli_common common;
  att_transcribe_options transcribe;
  int format, task;
  bool json;
} transcribe_options;

#define AT(member) offsetof(transcribe_options, member)
#define IN(member) offsetof(transcribe_options, transcribe.member)

/* clang-format off */
static const att_cli_option options[] = {
    {.group = "Listening", .name = "language", .kind = ATT_CLI_TEXT, .value = "CODE", .offset = IN(language),
     .help = "what is spoken: en, de, ...; auto: the one that is heard", .initial = "auto"},
    {.name = "task", .kind = ATT_CLI_CHOICE, .value = "transcribe|translate", .offset = AT(task),
     .help = "write what is said, or translate it into English", .initial = "transcribe"},
    {.name = "prompt", .kind = ATT_CLI_TEXT, .value = "TEXT", .offset = IN(prompt),
     .help = "text as if it came before: names, and how they are spelt"},
    {.name = "vad", .kind = ATT_CLI_FLAG, .offset = IN(voice),
     .help = "skip what is no voice by its energy and spectrum; silence is always skipped"},
    {.name = "no-context", .kind = ATT_CLI_FLAG, .offset = IN(no_context),
     .help = "hear each window without the text before it"},
    {.name = "no-timestamps", .kind = ATT_CLI_FLAG, .offset = IN(no_timestamps),
     .help = "let the model write no times: windows of its whole length, one after another"},

    {.group = "Searching", .name = "beam", .kind = ATT_CLI_INT, .value = "N", .low = 1, .high = 64, .offset = IN(beam),
     .help = "hypotheses kept at each step; 1 is greedy", .initial = "1 of a Whisper model, 8 of train speech's"},
    {.name = "best-of", .kind = ATT_CLI_INT, .value = "N", .low = 1, .high = 64, .offset = IN(best_of),
     .help = "samples at a temperature above 0, of which the best is taken", .initial = "5"},
    {.name = "temperature", .kind = ATT_CLI_NUMBER, .value = "X", .low = 0, .high = 1, .offset = IN(temperature),
     .help = "0: the likeliest tokens; above, they are drawn", .initial = "0"},
    {.name = "temperature-step", .kind = ATT_CLI_NUMBER, .value = "X", .low = 0, .high = 1,
     .offset = IN(temperature_step), .help = "added while a window is doubtful, up to 1; 0: never", .initial = "0.2"},
    {.name = "compression-ratio", .kind = ATT_CLI_NUMBER, .value = "X", .low = 0, .high = 1e9,
     .offset = IN(compression_ratio), .help = "a text that zlib makes more than X times smaller is doubtful",
     .initial = "2.4"},
    {.name = "logprob", .kind = ATT_CLI_NUMBER, .value = "X", .low = -1e9, .high = 0, .offset = IN(logprob),
     .help = "a text whose tokens have less on the mean is doubtful", .initial = "-1"},
    {.name = "no-speech", .kind = ATT_CLI_NUMBER, .value = "X", .low = 0, .high = 1, .offset = IN(no_speech),
     .help = "and is none where silence is likelier than X", .initial = "0.6"},

    {.group = "Output", .name = "format", .kind = ATT_CLI_CHOICE, .value = "text|srt|vtt|json|tsv",
     .offset = AT(format), .help = "a line a segment; subtitles; an object a line; milliseconds and text",
     .initial = "text"},
    {.name = "words", .kind = ATT_CLI_FLAG, .offset = IN(words),
     .help = "when each word was heard: an entry a word; in JSON, words of each segment"},
    {.name = "json", .kind = ATT_CLI_FLAG, .offset = AT(json),
     .help = "as --format json: file, start, end (seconds), text, language, ids, logprob, no_speech, "
             "compression_ratio, temperature, words (start, end, word, probability)"},
    {.name = NULL}};
/* clang-format on */

typedef struct transcribe_run {
  att_cli *cli;
  transcribe_options *options;
  att_cli_progress progress;
  const char *file;
  bool several; /* files */
  size_t entries;
} transcribe_run;

/* ---- formats ---- */

/* "00:01:02,345"; point: the character before the milliseconds. */
static const char *spell_time(double seconds, char point, char text[32]) {
  long long all = llround((seconds > 0 ? seconds : 0) * 1000);
  snprintf(text, 32, "%02lld:%02lld:%02lld%c%03lld", all / 3600000, all / 60000 % 60, all / 1000 % 60, point,
           all % 1000);
  return text;
}

/* WebVTT reads markup. */
static void write_vtt_text(att_cli *cli, att_text text) {
  for (size_t i = 0, first = 0; i <= text.size; i++) {
    const char *escape = i == text.size ? "" : text.data[i] == '&' ? "&amp;" : text.data[i] == '<' ? "&lt;" : NULL;
    if (!escape) continue;
    att_cli_write_line_text(cli, text.data + first, i - first);
    att_cli_print(cli, "%s", escape);
    first = i + 1;
  }
}

static void write_cue(transcribe_run *run, double start, double end, att_text text) {
  bool srt = run->options->format == FORMAT_SRT;
  char from[32], to[32], point = srt ? ',' : '.';
  if (srt) att_cli_print(run->cli, "%zu\n", run->entries);
  att_cli_print(run->cli, "%s --> %s\n", spell_time(start, point, from), spell_time(end, point, to));
  if (srt)
    att_cli_write_line_text(run->cli, text.data, text.size);
  else
    write_vtt_text(run->cli, text);
  att_cli_print(run->cli, "\n\n");
}

static void write_row(transcribe_run *run, double start, double end, att_text text) {
  if (run->several) att_cli_print(run->cli, "%s\t", run->file);
  att_cli_print(run->cli, "%lld\t%lld\t", llround(start * 1000), llround(end * 1000));
  att_cli_write_line_text(run->cli, text.data, text.size);
  att_cli_print(run->cli, "\n");
}

/* A segment, or a word. */
static void write_entry(transcribe_run *run, double start, double end, att_text text) {
  run->entries++;
  switch (run->options->format) {
  case FORMAT_SRT:
  case FORMAT_VTT: write_cue(run, start, end, text); break;
  case FORMAT_TSV: write_row(run, start, end, text); break;
  default:
    if (run->options->transcribe.words) att_cli_print(run->cli, "%.2f\t%.2f\t", start, end);
    att_cli_write_line_text(run->cli, text.data, text.size);
    att_cli_print(run->cli, "\n");
  }
}

static void write_number(att_cli *cli, const char *key, double number) {
  char text[32];
  att_cli_print(cli, ", \"%s\": %s", key, att_cli_number(number, text));
}

static att_text without_space(att_text text) {
  return text.size && text.data[0] == ' ' ? (att_text){text.data + 1, text.size - 1} : text;
}

static void write_json_words(att_cli *cli, const att_segment *segment) {
  att_cli_print(cli, ", \"words\": [");
  for (size_t i = 0; i < segment->word_count; i++) {
    const att_spoken_word *word = segment->words[i];
    att_text text = without_space(word->text);
    att_cli_print(cli, "%s{\"word\": ", i ? ", " : "");
    att_cli_write_json(cli, text.data, text.size);
    write_number(cli, "start", word->start);
    write_number(cli, "end", word->end);
    write_number(cli, "probability", word->probability);
    att_cli_print(cli, "}");
  }
  att_cli_print(cli, "]");
}

static void write_json(transcribe_run *run, const att_segment *segment) {
  att_cli *cli = run->cli;
  att_cli_print(cli, "{\"file\": ");
  att_cli_write_json(cli, run->file, strlen(run->file));
  write_number(cli, "start", segment->start);
  write_number(cli, "end", segment->end);
  att_cli_print(cli, ", \"text\": ");
  att_cli_write_json(cli, segment->text.data, segment->text.size);
  att_cli_print(cli, ", \"language\": \"%s\", \"ids\": ", segment->language);
  att_cli_write_integers(cli, segment->tokens, segment->token_count);
  write_number(cli, "logprob", segment->logprob);
  write_number(cli, "no_speech", segment->no_speech);
  write_number(cli, "compression_ratio", segment->compression_ratio);
  write_number(cli, "temperature", segment->temperature);
  if (run->options->transcribe.words) write_json_words(cli, segment);
  att_cli_print(cli, "}\n");
}

/* ---- a recording ---- */

static void show_progress(transcribe_run *run, const att_listened *listened) {
  if (!run->progress.bar || listened->length <= 0) return;
  const att_progress event = {
      .kind = ATT_PROGRESS_WORK, .text = run->file, .done = listened->seconds / listened->length};
  att_cli_on_progress(&run->progress, &event);
}

static int on_listened(void *user, const att_listened *listened) {
  transcribe_run *run = user;
  const att_segment *segment = listened->segment;
  if (segment) {
    att_cli_progress_clear(&run->progress);
    if (run->options->format == FORMAT_JSON) {
      write_json(run, segment);
    } else if (run->options->transcribe.words) {
      for (size_t i = 0; i < segment->word_count; i++)
        write_entry(run, segment->words[i]->start, segment->words[i]->end, without_space(segment->words[i]->text));
    } else {
      write_entry(run, segment->start, segment->end, segment->text);
    }
    if (!att_cli_flush(run->cli)) return 1;
  }
  show_progress(run, listened);
  return 0;
}

static int transcribe_files(transcribe_run *run, att_model *model) {
  att_cli *cli = run->cli;
  static const char *const own = "-";
  const char *const *files = cli->word_count > 1 ? cli->words + 1 : &own;
  int count = cli->word_count > 1 ? cli->word_count - 1 : 1, status = 0;
  run->several = count > 1;
  if (run->options->format == FORMAT_VTT) att_cli_print(cli, "WEBVTT\n\n");
  if (run->options->format == FORMAT_TSV) att_cli_print(cli, "%sstart\tend\ttext\n", run->several ? "file\t" : "");
  for (int i = 0; !status && i < count; i++) {
    run->file = files[i];
    if (strcmp(files[i], "-") == 0) att_cli_say_waiting(cli, "a recording (wav)");
    att_status done = att_transcribe(model, files[i], &run->options->transcribe, on_listened, run);
    att_cli_progress_clear(&run->progress);
    status = att_cli_failed(cli, done);
  }
  return status;
}

static int check_options(att_cli *cli, transcribe_options *o) {
  if (o->json && att_cli_given(cli, "format") && o->format != FORMAT_JSON)
    return att_cli_fail(cli, ATT_CLI_MISUSED, "--json and --format: give one of them");
  if (o->json) o->format = FORMAT_JSON;
  bool subtitles = o->format == FORMAT_SRT || o->format == FORMAT_VTT;
  if (subtitles && cli->word_count > 2)
    return att_cli_fail(cli, ATT_CLI_MISUSED, "subtitles are of one recording: give one file");
  if (o->transcribe.language && strcmp(o->transcribe.language, "auto") == 0) o->transcribe.language = NULL;
  o->transcribe.translate = o->task == 1;
  if (att_cli_given(cli, "seed")) o->transcribe.seed = o->common.seed;
  return 0;
}

static int run(att_cli *cli) {
  transcribe_options o;
  memset(&o, 0, sizeof o);
  att_transcribe_options_default(&o.transcribe);
  att_model *model = NULL;
  transcribe_run work = {.cli = cli, .options = &o};
  int status = att_cli_parse(cli, &o);
  if (!status) status = check_options(cli, &o);
  if (!status) status = att_cli_start(cli);
  if (!status) status = att_cli_open_model_for(cli, ATT_VERB_TRANSCRIBE, &model);
  att_cli_progress_start(&work.progress, cli);
  if (!status) status = transcribe_files(&work, model);
  att_model_close(model);
  return status;
}

const att_cli_verb att_cli_transcribe = {
    .name = "transcribe",
    .arguments = "MODEL [FILE...]",
    .summary = "recordings to text",
    .about =
        "Writes what is said in recordings (wav, flac, ogg, mp3, any rate and channels; wav on standard input), by a "
        "Whisper model or a recogniser of train speech. A recording is heard "
        "in windows of 30 seconds, each moved to where the last thing that was "
        "heard ended, and each piece is written as soon as it is heard; three hours need no more memory than one "
        "minute. A window whose text repeats itself or is unlikely is heard again at higher temperatures. Silence "
        "gives nothing.",
    .example = "attend transcribe whisper-base talk.mp3\n"
               "attend transcribe whisper-base talk.flac --format srt > talk.srt\n"
               "attend transcribe whisper-base rede.ogg --language de --task translate\n"
               "arecord -f S16_LE -r 16000 -d 10 | attend transcribe whisper-base - --words",
    .options = options,
    .least_words = 1,
    .most_words = INT32_MAX,
    .run = run,
};
