/* Owns `attend rouge`: rouge-score's numbers for the lines of a file and its references. */
#include "options.h"

#include <stdlib.h>
#include <string.h>

typedef struct rouge_options {
  att_cli_common common;
  att_rouge_options rouge;
  att_cli_texts references;
  const char *newline;
  int average;
  bool sentence_level, json;
} rouge_options;

#define AT(member) offsetof(rouge_options, member)

/* clang-format off */
static const att_cli_option options[] = {
    {.group = "Data", .name = "reference", .kind = ATT_CLI_TEXTS, .value = "FILE", .offset = AT(references),
     .help = "reference summaries, one a line; plain text or .gz; may be given several times"},
    {.name = "newline", .kind = ATT_CLI_TEXT, .value = "TEXT", .offset = AT(newline),
     .help = "what stands between the sentences of a line, for ROUGE-Lsum: \"<n>\"", .initial = "a line is a sentence"},

    {.group = "Measure", .name = "stem", .kind = ATT_CLI_FLAG, .offset = AT(rouge.stem),
     .help = "compare English words by their stems (Porter's)"},
    {.name = "unicode-words", .kind = ATT_CLI_FLAG, .offset = AT(rouge.unicode_words),
     .help = "words of all scripts, of which rouge-score has a-z and 0-9 alone: it gives 0 for the others"},
    {.name = "average", .kind = ATT_CLI_CHOICE, .value = "best|mean", .offset = AT(average),
     .help = "of several references the best for each line, or the mean", .initial = "best"},
    {.name = "bootstrap", .kind = ATT_CLI_INT, .value = "N", .low = 1, .high = 1000000, .offset = AT(rouge.samples),
     .help = "an interval of the mean from N samples of the lines"},
    {.name = "confidence", .kind = ATT_CLI_NUMBER, .value = "X", .low = 1e-6, .high = 0.999999,
     .offset = AT(rouge.confidence), .help = "of that interval", .initial = "0.95"},
    {.name = "sentence-level", .kind = ATT_CLI_FLAG, .offset = AT(sentence_level), .help = "scores of each line"},

    {.group = "Output", .name = "json", .kind = ATT_CLI_FLAG, .offset = AT(json),
     .help = "an object: rouge1, rouge2, rougeL and rougeLsum, each with precision, recall and fmeasure, from 0 to 1"},
    {.name = NULL}};
/* clang-format on */

static const char *const names[ATT_ROUGE_KINDS] = {"ROUGE-1", "ROUGE-2", "ROUGE-L", "ROUGE-Lsum"};
static const char *const keys[ATT_ROUGE_KINDS] = {"rouge1", "rouge2", "rougeL", "rougeLsum"};

typedef struct rouge_lines {
  att_text *texts, *references[ATT_CLI_MOST_TEXTS];
  size_t count, reference_counts[ATT_CLI_MOST_TEXTS];
  char *copies[ATT_CLI_MOST_TEXTS + 1]; /* lines with line feeds in the place of --newline's text */
  int copy_count;
} rouge_lines;

/* ---- lines ---- */

/* The lines' text with each `mark` as a line feed. */
static int put_line_feeds(att_cli *cli, const char *mark, att_text *lines, size_t count, rouge_lines *all) {
  size_t size = 1, width = strlen(mark);
  for (size_t i = 0; i < count; i++) size += lines[i].size;
  char *copy = malloc(size), *to = copy;
  if (!copy) return att_cli_fail(cli, ATT_CLI_FAILED, "no memory");
  all->copies[all->copy_count++] = copy;
  for (size_t i = 0; i < count; i++) {
    const char *from = lines[i].data, *end = from + lines[i].size;
    lines[i].data = to;
    while (from < end) {
      bool found = (size_t)(end - from) >= width && memcmp(from, mark, width) == 0;
      *to++ = found ? '\n' : *from;
      from += found ? width : 1;
    }
    lines[i].size = (size_t)(to - lines[i].data);
  }
  return 0;
}

static int read_one(att_cli *cli, const rouge_options *o, const char *path, rouge_lines *all, att_text **lines,
                    size_t *count) {
  int status = att_cli_failed(cli, att_read_lines(cli->ctx, path, lines, count));
  return status || !o->newline ? status : put_line_feeds(cli, o->newline, *lines, *count, all);
}

static int read_lines(att_cli *cli, const rouge_options *o, const char *path, rouge_lines *lines) {
  int status = 0;
  for (int r = 0; r < o->references.count && !status; r++)
    status = read_one(cli, o, o->references.items[r], lines, &lines->references[r], &lines->reference_counts[r]);
  if (!status) status = read_one(cli, o, path, lines, &lines->texts, &lines->count);
  for (int r = 0; r < o->references.count && !status; r++) {
    const char *reference = o->references.items[r];
    if (lines->reference_counts[r] != lines->count)
      status = att_cli_fail(cli, ATT_CLI_FAILED, "%s has %zu lines, but %s has %zu",
                            strcmp(path, "-") ? path : "standard input", lines->count,
                            strcmp(reference, "-") ? reference : "standard input", lines->reference_counts[r]);
  }
  return status;
}

static void free_lines(att_cli *cli, rouge_lines *lines) {
  att_release(cli->ctx, lines->texts);
  for (int r = 0; r < ATT_CLI_MOST_TEXTS; r++) att_release(cli->ctx, lines->references[r]);
  for (int i = 0; i < lines->copy_count; i++) free(lines->copies[i]);
}

/* ---- scores ---- */

static void write_members(att_cli *cli, const att_rouge_score *s) {
  char number[32];
  att_cli_print(cli, "\"precision\": %s", att_cli_number(s->precision, number));
  att_cli_print(cli, ", \"recall\": %s", att_cli_number(s->recall, number));
  att_cli_print(cli, ", \"fmeasure\": %s", att_cli_number(s->f, number));
}

static void write_json(att_cli *cli, const att_rouge_scores *scores, const att_rouge_result *intervals, size_t line) {
  att_cli_print(cli, "{");
  if (line) att_cli_print(cli, "\"line\": %zu, ", line);
  for (int k = 0; k < ATT_ROUGE_KINDS; k++) {
    att_cli_print(cli, "%s\"%s\": {", k ? ", " : "", keys[k]);
    write_members(cli, &scores->kinds[k]);
    if (intervals) {
      att_cli_print(cli, ", \"low\": {");
      write_members(cli, &intervals->low.kinds[k]);
      att_cli_print(cli, "}, \"high\": {");
      write_members(cli, &intervals->high.kinds[k]);
      att_cli_print(cli, "}");
    }
    att_cli_print(cli, "}");
  }
  att_cli_print(cli, "}\n");
}

static void write_table(att_cli *cli, const att_rouge_result *r, bool intervals) {
  for (int k = 0; k < ATT_ROUGE_KINDS; k++) {
    const att_rouge_score *s = &r->mean.kinds[k];
    att_cli_print(cli, "%-10s %6.2f  precision %6.2f  recall %6.2f", names[k], 100 * s->f, 100 * s->precision,
                  100 * s->recall);
    if (intervals) att_cli_print(cli, "  interval %.2f to %.2f", 100 * r->low.kinds[k].f, 100 * r->high.kinds[k].f);
    att_cli_print(cli, "\n");
  }
}

static void write_line(att_cli *cli, const att_rouge_scores *s) {
  for (int k = 0; k < ATT_ROUGE_KINDS; k++) att_cli_print(cli, "%s%.4f", k ? "\t" : "", s->kinds[k].f);
  att_cli_print(cli, "\n");
}

static int write_scores(att_cli *cli, const rouge_options *o, const rouge_lines *lines) {
  const att_text *references[ATT_CLI_MOST_TEXTS];
  att_rouge_result result;
  att_rouge_scores *scores = calloc(lines->count + 1, sizeof *scores);
  if (!scores) return att_cli_fail(cli, ATT_CLI_FAILED, "no memory");
  for (int r = 0; r < o->references.count; r++) references[r] = lines->references[r];
  int status = att_cli_failed(cli, att_rouge(cli->ctx, lines->texts, lines->count, references,
                                             (size_t)o->references.count, &o->rouge, scores, &result));
  for (size_t i = 0; i < lines->count && o->sentence_level && !status; i++) {
    if (o->json)
      write_json(cli, &scores[i], NULL, i + 1);
    else
      write_line(cli, &scores[i]);
  }
  bool intervals = o->rouge.samples > 0;
  if (!status && !o->sentence_level && o->json) write_json(cli, &result.mean, intervals ? &result : NULL, 0);
  if (!status && !o->sentence_level && !o->json) write_table(cli, &result, intervals);
  free(scores);
  return status;
}

static int check(att_cli *cli, rouge_options *o, const char *path) {
  int standard_inputs = strcmp(path, "-") == 0;
  for (int i = 0; i < o->references.count; i++) standard_inputs += strcmp(o->references.items[i], "-") == 0;
  if (o->references.count == 0)
    return att_cli_fail(cli, ATT_CLI_MISUSED, "--reference is missing: a file of reference summaries");
  if (standard_inputs > 1)
    return att_cli_fail(cli, ATT_CLI_MISUSED, "only one of the references and the summaries can be standard input");
  if (o->newline && !*o->newline) return att_cli_fail(cli, ATT_CLI_MISUSED, "--newline: the text is empty");
  if (att_cli_given(cli, "confidence") && !o->rouge.samples)
    return att_cli_fail(cli, ATT_CLI_MISUSED, "--confidence is for --bootstrap");
  if (o->sentence_level && o->rouge.samples)
    return att_cli_fail(cli, ATT_CLI_MISUSED, "--bootstrap is of all lines: leave out --sentence-level");
  o->rouge.mean = o->average == 1;
  if (att_cli_given(cli, "seed")) o->rouge.seed = o->common.seed;
  return 0;
}

static int run(att_cli *cli) {
  rouge_options o;
  rouge_lines lines;
  memset(&o, 0, sizeof o);
  memset(&lines, 0, sizeof lines);
  att_rouge_options_default(&o.rouge);
  int status = att_cli_parse(cli, &o);
  const char *path = cli->word_count ? cli->words[0] : "-";
  if (!status) status = check(cli, &o, path);
  if (!status) status = att_cli_start(cli);
  if (!status && strcmp(path, "-") == 0) att_cli_say_waiting(cli, "the summaries, a line each");
  if (!status) status = read_lines(cli, &o, path, &lines);
  if (!status) status = write_scores(cli, &o, &lines);
  free_lines(cli, &lines);
  return status;
}

const att_cli_verb att_cli_rouge = {
    .name = "rouge",
    .arguments = "--reference FILE [SUMMARIES]",
    .summary = "ROUGE of summaries, as rouge-score counts",
    .about =
        "Compares the lines of SUMMARIES (or standard input) with those of the references: ROUGE-1, 2, L and Lsum, "
        "the mean over the lines in percent. --sentence-level writes the four f-measures of each line, from 0 to 1.",
    .example = "attend summarize my-model < mails.txt | attend rouge --reference subjects.txt\n"
               "attend rouge --reference a.txt --reference b.txt --bootstrap 1000 out.txt",
    .options = options,
    .most_words = 1,
    .run = run,
};
