/* Owns `attend look`: attention drawn in the terminal, or written as SVG, HTML, JSON. */
#include "options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct look_options {
  att_cli_common common;
  const char *target, *file, *data, *context;
  const char *files[4]; /* by att_look_format; that of the terminal is unused */
  int part;             /* an att_look_part, or -1: the one that says most of those the model has */
  int layer, head, series, frames;
  bool gradient;
} look_options;

#define AT(member) offsetof(look_options, member)

/* clang-format off */
static const att_cli_option options[] = {
    ATT_CLI_FILE(AT(file)),

    {.group = "What", .name = "target", .kind = ATT_CLI_TEXT, .value = "TEXT", .offset = AT(target),
     .help = "look at this translation, or at this second text of an encoder; of a model of forecasts the column",
     .initial = "the model's own; the first column"},
    {.name = "context", .kind = ATT_CLI_TEXT, .value = "FILE", .offset = AT(context),
     .help = "of a model that answers questions: what TEXT asks about"},
    {.name = "data", .kind = ATT_CLI_TEXT, .value = "FILE", .offset = AT(data),
     .help = "of a model of series, sounds or tunes, in place of TEXT: the file, as for training"},
    {.name = "series", .kind = ATT_CLI_INT, .value = "N", .low = 1, .high = 1e9, .offset = AT(series),
     .help = "which series, recording or piano roll of that file, from 1", .initial = "1"},
    {.name = "frames", .kind = ATT_CLI_INT, .value = "N", .low = 1, .high = 480, .offset = AT(frames),
     .help = "of a model of piano rolls: frames of a quarter note of a .mid or .abc file", .initial = "1"},
    {.name = "part", .kind = ATT_CLI_CHOICE, .value = "encoder|decoder|cross", .offset = AT(part),
     .help = "whose attention", .initial = "cross; where there is none decoder, or encoder"},
    {.name = "layer", .kind = ATT_CLI_INT, .value = "N", .low = 1, .high = 256, .offset = AT(layer),
     .help = "which layer, from 1", .initial = "the last"},
    {.name = "head", .kind = ATT_CLI_INT, .value = "N", .low = 1, .high = 1024, .offset = AT(head),
     .help = "which head, from 1", .initial = "the mean of all"},
    {.name = "gradient", .kind = ATT_CLI_FLAG, .offset = AT(gradient),
     .help = "in place of attention: how much each position moves each output, as the norm of the gradient of its "
             "log-probability"},

    {.group = "Output", .name = "svg", .kind = ATT_CLI_TEXT, .value = "FILE", .offset = AT(files[ATT_LOOK_SVG]),
     .help = "write a picture in place of drawing in the terminal; - is standard output, also below"},
    {.name = "html", .kind = ATT_CLI_TEXT, .value = "FILE", .offset = AT(files[ATT_LOOK_HTML]),
     .help = "write a page on which parts, layers and heads can be chosen"},
    {.name = "json", .kind = ATT_CLI_TEXT, .value = "FILE", .offset = AT(files[ATT_LOOK_JSON]),
     .help = "write all weights as numbers"},
    {.name = NULL}};
/* clang-format on */

static bool to_files(const look_options *o) {
  return o->files[ATT_LOOK_SVG] || o->files[ATT_LOOK_HTML] || o->files[ATT_LOOK_JSON];
}

/* The part that was asked for, or the first that is there. */
static att_status choose_part(const att_attention *attention, int wanted, att_look_part *part,
                              const att_attention_map **map) {
  static const att_look_part order[] = {ATT_LOOK_CROSS, ATT_LOOK_DECODER, ATT_LOOK_ENCODER};
  *part = (att_look_part)wanted;
  if (wanted >= 0) return att_attention_get(attention, *part, map);
  att_status status = ATT_OK;
  *map = NULL;
  for (size_t i = 0; i < 3 && status == ATT_OK && (!*map || (*map)->layers == 0); i++) {
    *part = order[i];
    status = att_attention_get(attention, *part, map);
  }
  return status;
}

/* Layers and heads that the model does not have; the library counts from 0, people from 1. */
static int choose(att_cli *cli, const att_attention *attention, const look_options *o, att_look_options *look) {
  const att_attention_map *map;
  att_look_options_default(look);
  look->layer = o->layer - 1;
  look->head = o->head - 1;
  look->columns = att_cli_columns(STDOUT_FILENO);
  look->colour = att_cli_colour(STDOUT_FILENO);
  look->unicode = att_cli_unicode();
  att_status status = choose_part(attention, o->part, &look->part, &map);
  if (status != ATT_OK) return att_cli_failed(cli, status);
  if (map->layers == 0) return 0; /* rendering says so */
  if (o->layer > 0 && (size_t)o->layer > map->layers)
    return att_cli_fail(cli, ATT_CLI_MISUSED, "--layer %d: the last layer is %zu", o->layer, map->layers);
  if (o->head > 0 && (size_t)o->head > map->heads)
    return att_cli_fail(cli, ATT_CLI_MISUSED, "--head %d: the last head is %zu", o->head, map->heads);
  return 0;
}

static int render(att_cli *cli, const att_attention *attention, att_look_format format, const att_look_options *look,
                  const char *path) {
  char *text;
  size_t size;
  att_status status = att_attention_render(attention, format, look, &text, &size);
  if (status != ATT_OK) return att_cli_failed(cli, status);
  if (strcmp(path, "-") == 0)
    att_cli_write(cli, text, size);
  else
    status = att_write_file(cli->ctx, path, text, size);
  att_release(cli->ctx, text);
  return att_cli_failed(cli, status);
}

static att_text target_of(const look_options *o) {
  size_t mark = o->target ? att_cli_byte_order_mark(o->target, strlen(o->target)) : 0;
  return (att_text){o->target ? o->target + mark : NULL, o->target ? strlen(o->target) - mark : 0};
}

/* Takes the attention, where done says that there is one. */
static int show(att_cli *cli, att_status done, att_attention *attention, const look_options *o) {
  att_look_options look;
  int status = att_cli_failed(cli, done);
  if (!status) status = choose(cli, attention, o, &look);
  if (!status && !to_files(o)) status = render(cli, attention, ATT_LOOK_TERMINAL, &look, "-");
  for (int format = ATT_LOOK_SVG; format <= ATT_LOOK_JSON && !status; format++)
    if (o->files[format]) status = render(cli, attention, (att_look_format)format, &look, o->files[format]);
  att_attention_free(attention);
  return status;
}

static int look_at(att_cli *cli, att_model *model, att_text text, const look_options *o) {
  att_attention *attention = NULL;
  att_status done = (o->gradient ? att_look_gradient : att_look)(model, text, target_of(o), &attention);
  return show(cli, done, attention, o);
}

/* The file that a model of sounds or of series looks at: the word, or --data. */
static int find_file(att_cli *cli, const look_options *o, const char **path) {
  *path = o->data ? o->data : cli->word_count == 2 ? cli->words[1] : NULL;
  if (*path && cli->word_count == (o->data ? 1 : 2) && !o->file) return 0;
  return att_cli_fail(cli, ATT_CLI_MISUSED,
                      "a model of sounds, series or tunes looks at one file: attend look MODEL --data FILE");
}

static int look_at_recording(att_cli *cli, att_model *model, const look_options *o) {
  att_attention *attention = NULL;
  const char *path;
  int status = find_file(cli, o, &path);
  if (status) return status;
  if (o->series) return att_cli_fail(cli, ATT_CLI_MISUSED, "--series is for files of several series");
  if (o->gradient) return att_cli_fail(cli, ATT_CLI_MISUSED, "--gradient is for models of text and of series");
  att_status done = att_look_recording(model, path, target_of(o), &attention);
  return show(cli, done, attention, o);
}

static int look_at_series(att_cli *cli, att_model *model, const look_options *o) {
  att_attention *attention = NULL;
  const char *path;
  int status = find_file(cli, o, &path);
  if (status) return status;
  att_status done = att_look_series(model, path, o->series ? o->series - 1 : 0, o->target, o->gradient, &attention);
  return show(cli, done, attention, o);
}

static int look_at_roll(att_cli *cli, att_model *model, const look_options *o) {
  att_attention *attention = NULL;
  const char *path;
  int status = find_file(cli, o, &path);
  if (status) return status;
  if (o->target) return att_cli_fail(cli, ATT_CLI_MISUSED, "--target is for models of text and of forecasts");
  att_status done =
      att_look_roll(model, path, o->series ? o->series - 1 : 0, o->frames ? o->frames : 1, o->gradient, &attention);
  return show(cli, done, attention, o);
}

/* The words that a model of tunes reads. */
static int look_at_tune(att_cli *cli, att_model *model, const look_options *o) {
  const char *path;
  char *words;
  size_t size;
  int status = find_file(cli, o, &path);
  if (!status) status = att_cli_failed(cli, att_tune_read(cli->ctx, path, &words, &size));
  if (status) return status;
  status = look_at(cli, model, (att_text){words, size}, o);
  att_release(cli->ctx, words);
  return status;
}

static bool reads_series(att_model *model) {
  const att_model_info *info;
  return att_model_describe(model, &info) == ATT_OK && info->input_width > 0;
}

static int look_at_lines(att_cli *cli, att_model *model, const look_options *o, att_cli_input *input) {
  const att_text *lines;
  size_t count, first;
  for (;;) {
    int status = att_cli_input_next(input, &lines, &count, &first);
    if (status || count == 0) return status;
    for (size_t i = 0; i < count; i++) {
      if (lines[i].size == 0 && !att_cli_input_is_words(input)) continue;
      if (first + i > 0 && (to_files(o) || o->target))
        return att_cli_fail(cli, ATT_CLI_MISUSED,
                            "--target, --svg, --html and --json take one text, not several lines");
      if (first + i > 0) att_cli_print(cli, "\n");
      status = look_at(cli, model, lines[i], o);
      if (status) return status;
      if (!att_cli_flush(cli)) return ATT_CLI_FAILED;
    }
  }
}

/* Two documents in one stream are none; a gradient has one map. */
static int check_options(att_cli *cli, const look_options *o) {
  int count = 0;
  for (int i = 0; o->gradient && i < cli->given_count; i++)
    if (strcmp(cli->given[i], "part") == 0 || strcmp(cli->given[i], "layer") == 0 || strcmp(cli->given[i], "head") == 0)
      return att_cli_fail(cli, ATT_CLI_MISUSED, "--%s is for attention: --gradient has one map", cli->given[i]);
  for (int format = ATT_LOOK_SVG; format <= ATT_LOOK_JSON; format++)
    count += o->files[format] && strcmp(o->files[format], "-") == 0;
  if (count < 2) return 0;
  return att_cli_fail(cli, ATT_CLI_MISUSED, "only one of --svg, --html and --json can go to standard output");
}

static int look(att_cli *cli, att_model *model, const look_options *o, att_cli_input **input) {
  bool rolls = att_check_verb(model, ATT_VERB_COMPOSE) == ATT_OK;
  if (o->frames && !rolls) return att_cli_fail(cli, ATT_CLI_MISUSED, "--frames is for models of piano rolls");
  if (rolls) return look_at_roll(cli, model, o);
  if (att_check_verb(model, ATT_VERB_TRANSCRIBE) == ATT_OK) return look_at_recording(cli, model, o);
  if (reads_series(model)) return look_at_series(cli, model, o);
  bool words = att_check_verb(model, ATT_VERB_SCORE_TEXT) == ATT_OK;
  if (words && o->data && !o->series && att_cli_is_tune(o->data)) return look_at_tune(cli, model, o);
  if (o->data || o->series)
    return att_cli_fail(cli, ATT_CLI_MISUSED, "--%s is for models of series, sounds and tunes",
                        o->series ? "series" : "data");
  int status = att_cli_input_open(cli, o->file, input);
  return status ? status : look_at_lines(cli, model, o, *input);
}

/* What a question is about is the second text of its pair. *data: to att_release. */
static int read_context(att_cli *cli, look_options *o, char **data) {
  size_t size;
  if (!o->context) return 0;
  if (o->target) return att_cli_fail(cli, ATT_CLI_MISUSED, "give one of --context and --target");
  int status = att_cli_failed(cli, att_read_text(cli->ctx, o->context, data, &size));
  o->target = *data;
  return status;
}

static int run(att_cli *cli) {
  look_options o;
  char *context = NULL;
  memset(&o, 0, sizeof o);
  o.part = -1;
  att_model *model = NULL;
  att_cli_input *input = NULL;
  int status = att_cli_parse(cli, &o);
  if (!status) status = check_options(cli, &o);
  if (!status) status = att_cli_start(cli);
  if (!status) status = read_context(cli, &o, &context);
  if (!status) status = att_cli_open_model(cli, &model);
  if (!status) status = look(cli, model, &o, &input);
  att_cli_input_close(input);
  att_model_close(model);
  att_release(cli->ctx, context);
  return status;
}

const att_cli_verb att_cli_look = {
    .name = "look",
    .arguments = "MODEL [TEXT]",
    .summary = "see which words, or sounds, a model looks at",
    .about =
        "Draws how much each word looks at each other: words of the text at each other (encoder), each word at "
        "those before it (decoder), words of a translation at those of the source (cross). TEXT, or each line of "
        "--file or standard input, is looked at as it is; a translator translates it first, unless --target gives a "
        "translation. Of a recogniser of speech TEXT is a recording: each word that is heard looks at the sound "
        "(cross), "
        "over its spectrogram. Of a model of series or of piano rolls it is a file of them (--series N: which): each "
        "time looks at the others, under the curves or the roll. A tune (--data, .mid or .abc) is the words that a "
        "model of tunes reads.",
    .example = "attend look de-en \"Ein Hund läuft durch den Schnee.\"\n"
               "attend look de-en \"Ein Hund.\" --target \"A dog.\" --html look.html\n"
               "attend look gpt2 \"Once upon a time\" --gradient\n"
               "attend look whisper-base talk.wav --svg talk.svg\n"
               "attend look gestures new.ts --series 3 --gradient\n"
               "attend look chorales --data tune.mid",
    .options = options,
    .least_words = 1,
    .most_words = INT32_MAX,
    .run = run,
};
