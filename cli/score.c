/* Owns `attend score`: how likely a model finds given translations, a text, or piano rolls. */
#include "options.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct score_options {
  att_cli_common common;
  const char *source, *target, *text, *data;
  int64_t stride;
  bool lines, json;
} score_options;

#define AT(member) offsetof(score_options, member)

/* clang-format off */
static const att_cli_option options[] = {
    {.group = "Translations", .name = "source", .kind = ATT_CLI_TEXT, .value = "FILE", .offset = AT(source),
     .help = "source sentences, one a line; plain text or .gz"},
    {.name = "target", .kind = ATT_CLI_TEXT, .value = "FILE", .offset = AT(target),
     .help = "their translations, line by line"},

    {.group = "Text", .name = "text", .kind = ATT_CLI_TEXT, .value = "FILE", .offset = AT(text),
     .help = "one text for a decoder, line ends in it; plain or .gz"},
    {.name = "lines", .kind = ATT_CLI_FLAG, .offset = AT(lines),
     .help = "each line of FILE, without its end, is a text of its own"},
    {.name = "stride", .kind = ATT_CLI_INT64, .value = "N", .low = 1, .high = 1e9, .offset = AT(stride),
     .help = "a text longer than the model's positions is read in windows, each N tokens on from the one before",
     .initial = "half the positions"},

    {.group = "Piano rolls", .name = "data", .kind = ATT_CLI_TEXT, .value = "FILE", .offset = AT(data),
     .help = "tunes for a model of piano rolls, .json or .json.gz: each part of it (train, valid, test)"},

    {.group = "Output", .name = "json", .kind = ATT_CLI_FLAG, .offset = AT(json),
     .help = "one object a line: line (from 1; not of a whole text), logprob, tokens, and truncated (of a pair) or bytes "
             "(of a text); of piano rolls part, logprob, tunes, frames, nats (a frame)"},
    {.name = NULL}};
/* clang-format on */

typedef struct score_totals {
  double logprob;
  int64_t tokens, bytes;
  size_t lines;
} score_totals;

/* ---- translations ---- */

static void give(att_cli *cli, const score_options *o, const att_score *score, score_totals *totals) {
  char number[32];
  totals->lines++;
  totals->logprob += score->logprob;
  totals->tokens += score->tokens;
  att_cli_number(score->logprob, number);
  if (o->json)
    att_cli_print(cli, "{\"line\": %zu, \"logprob\": %s, \"tokens\": %lld, \"truncated\": %s}\n", totals->lines, number,
                  (long long)score->tokens, score->truncated ? "true" : "false");
  else
    att_cli_print(cli, "%s\t%lld\n", number, (long long)score->tokens);
}

static double perplexity(const score_totals *totals) {
  return totals->tokens ? exp(-totals->logprob / (double)totals->tokens) : 1.0;
}

static int score_all(att_cli *cli, att_model *model, const score_options *o, const att_text *sources,
                     const att_text *targets, size_t count) {
  score_totals totals = {0};
  att_score *scores = calloc(count + 1, sizeof *scores);
  if (!scores) return att_cli_fail(cli, ATT_CLI_FAILED, "no memory for %zu scores", count);
  att_status done = att_score_pairs(model, sources, targets, count, scores);
  for (size_t i = 0; i < count && done == ATT_OK; i++) give(cli, o, &scores[i], &totals);
  free(scores);
  if (done != ATT_OK) return att_cli_failed(cli, done);
  if (att_cli_flush(cli) && !cli->common.quiet)
    fprintf(stderr, "%zu lines, %lld tokens, log-probability %.4f, perplexity %.4f\n", totals.lines,
            (long long)totals.tokens, totals.logprob, perplexity(&totals));
  return 0;
}

static int score_pairs(att_cli *cli, att_model *model, const score_options *o) {
  att_text *sources = NULL, *targets = NULL;
  size_t source_count = 0, target_count = 0;
  int status = att_cli_failed(cli, att_read_lines(cli->ctx, o->source, &sources, &source_count));
  if (!status) status = att_cli_failed(cli, att_read_lines(cli->ctx, o->target, &targets, &target_count));
  if (!status && source_count != target_count)
    status = att_cli_fail(cli, ATT_CLI_FAILED, "%s has %zu lines, but %s has %zu", o->source, source_count, o->target,
                          target_count);
  if (!status) status = score_all(cli, model, o, sources, targets, source_count);
  att_release(cli->ctx, sources);
  att_release(cli->ctx, targets);
  return status;
}

/* ---- a text ---- */

static int score_text(att_cli *cli, att_model *model, const score_options *o, att_text text, score_totals *totals) {
  att_text_score score;
  char number[32];
  att_status done = att_score_text(model, text, o->stride, &score);
  if (done != ATT_OK) return att_cli_failed(cli, done);
  totals->lines++;
  totals->logprob += score.logprob;
  totals->tokens += score.tokens;
  totals->bytes += score.bytes;
  att_cli_number(score.logprob, number);
  if (o->json && o->lines) att_cli_print(cli, "{\"line\": %zu, ", totals->lines);
  if (o->json)
    att_cli_print(cli, "%s\"logprob\": %s, \"tokens\": %lld, \"bytes\": %lld}\n", o->lines ? "" : "{", number,
                  (long long)score.tokens, (long long)score.bytes);
  else
    att_cli_print(cli, "%s\t%lld\n", number, (long long)score.tokens);
  return att_cli_flush(cli) ? 0 : ATT_CLI_FAILED;
}

static int say_totals(att_cli *cli, const score_options *o, const score_totals *totals) {
  if (cli->common.quiet) return 0;
  if (o->lines) fprintf(stderr, "%zu lines, ", totals->lines);
  fprintf(stderr, "%lld tokens, log-probability %.4f, perplexity %.4f", (long long)totals->tokens, totals->logprob,
          perplexity(totals));
  if (totals->bytes) fprintf(stderr, ", %.4f bits per byte", -totals->logprob / log(2.0) / (double)totals->bytes);
  fprintf(stderr, "\n");
  return 0;
}

static int score_lines(att_cli *cli, att_model *model, const score_options *o, score_totals *totals) {
  att_text *lines;
  size_t count;
  int status = att_cli_failed(cli, att_read_lines(cli->ctx, o->text, &lines, &count));
  if (status) return status;
  for (size_t i = 0; i < count && !status; i++) status = score_text(cli, model, o, lines[i], totals);
  att_release(cli->ctx, lines);
  return status;
}

static int score_file(att_cli *cli, att_model *model, const score_options *o, score_totals *totals) {
  char *text;
  size_t size;
  int status = att_cli_failed(cli, att_read_text(cli->ctx, o->text, &text, &size));
  if (status) return status;
  status = score_text(cli, model, o, (att_text){text, size}, totals);
  att_release(cli->ctx, text);
  return status;
}

/* ---- tunes ---- */

/* The words that a model of tunes reads. */
static int score_tune(att_cli *cli, att_model *model, const score_options *o, score_totals *totals) {
  char *words;
  size_t size;
  int status = att_cli_failed(cli, att_tune_read(cli->ctx, o->data, &words, &size));
  if (status) return status;
  status = score_text(cli, model, o, (att_text){words, size}, totals);
  att_release(cli->ctx, words);
  return status;
}

/* ---- piano rolls ---- */

typedef struct score_rolls_run {
  att_cli *cli;
  bool json;
} score_rolls_run;

static int on_part(void *user, const att_roll_score *s) {
  const score_rolls_run *run = user;
  char number[32], nats[32];
  att_cli_number(s->logprob, number);
  att_cli_number(-s->logprob / (double)s->frames, nats);
  if (run->json)
    att_cli_print(run->cli, "{\"part\": \"%s\", \"logprob\": %s, \"tunes\": %lld, \"frames\": %lld, \"nats\": %s}\n",
                  s->part, number, (long long)s->tunes, (long long)s->frames, nats);
  else
    att_cli_print(run->cli, "%s\t%s\t%lld\n", s->part, nats, (long long)s->frames);
  return !att_cli_flush(run->cli);
}

static int score_rolls(att_cli *cli, att_model *model, const score_options *o) {
  score_rolls_run run = {cli, o->json};
  return att_cli_failed(cli, att_score_rolls(model, o->data, on_part, &run));
}

/* ---- the verb ---- */

static int check(att_cli *cli, const score_options *o) {
  if (o->data && (o->text || o->source || o->target || o->lines || o->stride))
    return att_cli_fail(cli, ATT_CLI_MISUSED, "--data is for piano rolls and tunes, and goes with no other input");
  if (o->data) return 0;
  if (o->text && (o->source || o->target))
    return att_cli_fail(cli, ATT_CLI_MISUSED, "--text is for a decoder, --source and --target are for a translator");
  if (!o->text && (o->lines || o->stride))
    return att_cli_fail(cli, ATT_CLI_MISUSED, "--%s goes with --text FILE", o->lines ? "lines" : "stride");
  if (!o->text && (!o->source || !o->target))
    return att_cli_fail(cli, ATT_CLI_MISUSED,
                        "%s is missing: --source FILE and --target FILE for a translator, or --text FILE for a decoder",
                        o->source   ? "--target"
                        : o->target ? "--source"
                                    : "--source or --text");
  if (!o->text && strcmp(o->source, "-") == 0 && strcmp(o->target, "-") == 0)
    return att_cli_fail(cli, ATT_CLI_MISUSED, "--source and --target cannot both be standard input");
  return 0;
}

static int run(att_cli *cli) {
  score_options o;
  memset(&o, 0, sizeof o);
  att_model *model = NULL;
  score_totals totals = {0};
  int status = att_cli_parse(cli, &o);
  if (!status) status = check(cli, &o);
  if (!status) status = att_cli_start(cli);
  bool tune = !status && o.data && att_cli_is_tune(o.data);
  const att_verb verb = tune     ? ATT_VERB_SCORE_TEXT
                        : o.data ? ATT_VERB_COMPOSE
                        : o.text ? ATT_VERB_SCORE_TEXT
                                 : ATT_VERB_SCORE_PAIRS;
  if (!status) status = att_cli_open_model_for(cli, verb, &model);
  if (!status && o.data) status = tune ? score_tune(cli, model, &o, &totals) : score_rolls(cli, model, &o);
  if (!status && !o.text && !o.data) status = score_pairs(cli, model, &o);
  if (!status && o.text) status = (o.lines ? score_lines : score_file)(cli, model, &o, &totals);
  if (!status && (o.text || tune)) status = say_totals(cli, &o, &totals);
  att_model_close(model);
  return status;
}

const att_cli_verb att_cli_score = {
    .name = "score",
    .arguments = "MODEL --source F --target F | --text F | --data F",
    .summary = "how likely a model finds given translations, a text, or tunes",
    .about = "Writes for each pair the natural logarithm of the target's probability given the source, a tab, and the "
             "number of its tokens, end token included; of a text that of its tokens, each given those before it. Of "
             "piano rolls a line for each part: its name, the nats a frame, the frames; of a tune (--data, .mid or "
             ".abc) as of a text, by its words. Totals, the perplexity of a "
             "token and the bits of a byte go to standard error.",
    .example = "attend score de-en --source test.de --target test.en\n"
               "attend score model --text test.txt\n"
               "attend score chorales --data rolls.json\n"
               "attend score tunes --data tune.mid",
    .options = options,
    .least_words = 1,
    .most_words = 1,
    .run = run,
};
