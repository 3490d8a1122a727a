/* Owns `attend bleu`: sacreBLEU's numbers for the lines of a file and its references. */
#include "options.h"

#include <string.h>

typedef struct bleu_options {
  att_cli_common common;
  att_bleu_options bleu;
  att_cli_texts references, metrics;
  int tokenize, smooth;
  bool sentence_level, variable_references, json;
} bleu_options;

static const char *const metric_names[] = {"bleu", "chrf", "ter"};
enum { METRICS = sizeof metric_names / sizeof *metric_names };

#define AT(member) offsetof(bleu_options, member)

/* clang-format off */
static const att_cli_option options[] = {
    {.group = "Data", .name = "reference", .kind = ATT_CLI_TEXTS, .value = "FILE", .offset = AT(references),
     .help = "reference translations, one a line; plain text or .gz; may be given several times"},
    {.name = "variable-references", .kind = ATT_CLI_FLAG, .offset = AT(variable_references),
     .help = "an empty line of a reference is none: lines have as many references as there are"},

    {.group = "Measure", .name = "metric", .kind = ATT_CLI_TEXTS, .value = "bleu|chrf|ter", .offset = AT(metrics),
     .help = "BLEU, chrF2, or translation edit rate, of which less is better; may be given several times", .initial = "bleu"},
    {.name = "sentence-level", .kind = ATT_CLI_FLAG, .offset = AT(sentence_level),
     .help = "a score for each line alone (BLEU: of effective order)"},
    {.name = "tokenize", .kind = ATT_CLI_CHOICE, .value = "13a|none|char|intl|zh", .offset = AT(tokenize),
     .help = "how BLEU splits words", .initial = "13a"},
    {.name = "smooth", .kind = ATT_CLI_CHOICE, .value = "exp|floor|add-k|none", .offset = AT(smooth),
     .help = "what BLEU does where no n-gram matches", .initial = "exp"},
    {.name = "smooth-value", .kind = ATT_CLI_NUMBER, .value = "X", .low = 0, .high = 1e6,
     .offset = AT(bleu.smoothing_value), .help = "of floor and add-k", .initial = "floor 0.1, add-k 1"},
    {.name = "lowercase", .kind = ATT_CLI_FLAG, .offset = AT(bleu.lowercase), .help = "BLEU and chrF ignore case"},
    {.name = "chrf-word-order", .kind = ATT_CLI_INT, .value = "N", .low = 0, .high = 4, .offset = AT(bleu.word_order),
     .help = "words up to N-grams beside characters; 2 is chrF++", .initial = "0"},
    {.name = "ter-normalized", .kind = ATT_CLI_FLAG, .offset = AT(bleu.ter_normalized),
     .help = "words without the marks around them, as Tercom does it"},
    {.name = "ter-no-punct", .kind = ATT_CLI_FLAG, .offset = AT(bleu.ter_no_punct), .help = "leave out punctuation"},
    {.name = "ter-asian-support", .kind = ATT_CLI_FLAG, .offset = AT(bleu.ter_asian_support),
     .help = "the two above know Chinese and Japanese"},
    {.name = "ter-case-sensitive", .kind = ATT_CLI_FLAG, .offset = AT(bleu.ter_case_sensitive),
     .help = "else TER ignores case"},

    {.group = "Output", .name = "json", .kind = ATT_CLI_FLAG, .offset = AT(json),
     .help = "an object a score, as sacreBLEU's"},
    {.name = NULL}};
/* clang-format on */

/* The parts of "nrefs:1|case:mixed|...": JSON members. */
static void write_signature_parts(att_cli *cli, const char *signature) {
  while (*signature) {
    size_t size = strcspn(signature, "|"), name = strcspn(signature, ":");
    if (name < size) {
      att_cli_print(cli, ", ");
      att_cli_write_json(cli, signature, name);
      att_cli_print(cli, ": ");
      att_cli_write_json(cli, signature + name + 1, size - name - 1);
    }
    signature += size + (signature[size] == '|');
  }
}

/* result->line is "NAME = SCORE REST"; number_of_line: from 1, or 0 where it is of all. */
static void write_json(att_cli *cli, const att_bleu_options *o, const att_bleu_result *result, size_t number_of_line) {
  char number[32];
  const char *line = result->line, *equals = strstr(line, " = ");
  const char *rest = equals ? strchr(equals + 3, ' ') : NULL;
  att_cli_print(cli, "{");
  if (number_of_line) att_cli_print(cli, "\"line\": %zu, ", number_of_line);
  att_cli_print(cli, "\"name\": ");
  att_cli_write_json(cli, line, equals ? (size_t)(equals - line) : strlen(line));
  att_cli_print(cli, ", \"score\": %s, \"signature\": ", att_cli_number(result->score, number));
  att_cli_write_json(cli, result->signature, strlen(result->signature));
  att_cli_print(cli, ", \"verbose_score\": ");
  att_cli_write_json(cli, rest ? rest + 1 : "", rest ? strlen(rest + 1) : 0);
  if (o->metric == ATT_METRIC_BLEU) {
    att_cli_print(cli, ", \"precisions\": [");
    for (int i = 0; i < 4; i++) att_cli_print(cli, "%s%s", i ? ", " : "", att_cli_number(result->precision[i], number));
    att_cli_print(cli, "], \"bp\": %s", att_cli_number(result->brevity_penalty, number));
    att_cli_print(cli, ", \"ratio\": %s", att_cli_number(result->ratio, number));
    att_cli_print(cli, ", \"hyp_len\": %lld, \"ref_len\": %lld", (long long)result->hypothesis_length,
                  (long long)result->reference_length);
  }
  write_signature_parts(cli, result->signature);
  att_cli_print(cli, "}\n");
}

/* ---- what was asked for ---- */

static bool asks_for(const bleu_options *o, int metric) {
  if (o->metrics.count == 0) return metric == ATT_METRIC_BLEU;
  for (int i = 0; i < o->metrics.count; i++)
    if (strcmp(o->metrics.items[i], metric_names[metric]) == 0) return true;
  return false;
}

static int check_metrics(att_cli *cli, const bleu_options *o) {
  for (int i = 0; i < o->metrics.count; i++) {
    int metric = 0;
    while (metric < METRICS && strcmp(o->metrics.items[i], metric_names[metric])) metric++;
    if (metric == METRICS)
      return att_cli_fail(cli, ATT_CLI_MISUSED, "--metric: '%s' is not one of bleu|chrf|ter", o->metrics.items[i]);
  }
  return 0;
}

/* Options that no metric asked for has are refused, not ignored. */
static int check_owners(att_cli *cli, const bleu_options *o) {
  static const struct {
    const char *name;
    unsigned metrics; /* a bit each */
    const char *says;
  } owners[] = {{"tokenize", 1, "bleu"},         {"smooth", 1, "bleu"},
                {"smooth-value", 1, "bleu"},     {"lowercase", 3, "bleu and --metric chrf"},
                {"chrf-word-order", 2, "chrf"},  {"ter-normalized", 4, "ter"},
                {"ter-no-punct", 4, "ter"},      {"ter-asian-support", 4, "ter"},
                {"ter-case-sensitive", 4, "ter"}};
  unsigned asked = 0;
  for (int metric = 0; metric < METRICS; metric++) asked |= (unsigned)asks_for(o, metric) << metric;
  for (size_t i = 0; i < sizeof owners / sizeof *owners; i++)
    if (att_cli_given(cli, owners[i].name) && !(asked & owners[i].metrics))
      return att_cli_fail(cli, ATT_CLI_MISUSED, "--%s is for --metric %s", owners[i].name, owners[i].says);
  return 0;
}

static int check(att_cli *cli, bleu_options *o, const char *hypothesis) {
  int standard_inputs = strcmp(hypothesis, "-") == 0;
  for (int i = 0; i < o->references.count; i++) standard_inputs += strcmp(o->references.items[i], "-") == 0;
  if (o->references.count == 0)
    return att_cli_fail(cli, ATT_CLI_MISUSED, "--reference is missing: a file of reference translations");
  if (standard_inputs > 1)
    return att_cli_fail(cli, ATT_CLI_MISUSED, "only one of the references and the hypothesis can be standard input");
  int status = check_metrics(cli, o);
  if (!status) status = check_owners(cli, o);
  if (status) return status;
  o->bleu.tokenizer = (att_bleu_tokenizer)o->tokenize;
  o->bleu.smoothing = (att_bleu_smoothing)o->smooth;
  o->bleu.effective_order = o->sentence_level;
  if (att_cli_given(cli, "smooth-value") && o->bleu.smoothing != ATT_SMOOTH_FLOOR &&
      o->bleu.smoothing != ATT_SMOOTH_ADD_K)
    return att_cli_fail(cli, ATT_CLI_MISUSED, "--smooth-value is for --smooth floor and --smooth add-k");
  if (o->sentence_level && o->metrics.count > 1)
    return att_cli_fail(cli, ATT_CLI_MISUSED, "--sentence-level takes one --metric");
  if (o->bleu.ter_asian_support && !o->bleu.ter_normalized && !o->bleu.ter_no_punct)
    return att_cli_fail(cli, ATT_CLI_MISUSED, "--ter-asian-support is for --ter-normalized and --ter-no-punct");
  return 0;
}

/* ---- lines ---- */

typedef struct bleu_lines {
  att_text *hypotheses, *references[ATT_CLI_MOST_TEXTS];
  size_t count, reference_counts[ATT_CLI_MOST_TEXTS];
} bleu_lines;

static int check_counts(att_cli *cli, const bleu_options *o, const char *hypothesis, const bleu_lines *lines) {
  for (int r = 0; r < o->references.count; r++) {
    const char *path = o->references.items[r];
    if (lines->reference_counts[r] != lines->count)
      return att_cli_fail(cli, ATT_CLI_FAILED, "%s has %zu lines, but %s has %zu",
                          strcmp(hypothesis, "-") ? hypothesis : "standard input", lines->count,
                          strcmp(path, "-") ? path : "standard input", lines->reference_counts[r]);
  }
  return 0;
}

static int leave_out_empty_lines(att_cli *cli, const bleu_options *o, bleu_lines *lines) {
  for (size_t i = 0; i < lines->count; i++) {
    int left = 0;
    for (int r = 0; r < o->references.count; r++) {
      att_text *line = &lines->references[r][i];
      if (line->size == 0) line->data = NULL;
      left += line->size > 0;
    }
    if (left == 0) return att_cli_fail(cli, ATT_CLI_FAILED, "line %zu is empty in every reference", i + 1);
  }
  return 0;
}

static void warn_of_empty_lines(att_cli *cli, const bleu_options *o, const bleu_lines *lines) {
  for (size_t i = 0; i < lines->count; i++)
    for (int r = 0; r < o->references.count; r++) {
      if (lines->references[r][i].size > 0) continue;
      att_cli_warn(cli,
                   "%s: line %zu is empty, and counts as one more reference, of no words; --variable-references leaves "
                   "such lines out",
                   o->references.items[r], i + 1);
      return;
    }
}

static int read_lines(att_cli *cli, const bleu_options *o, const char *hypothesis, bleu_lines *lines) {
  int status = 0;
  for (int r = 0; r < o->references.count && !status; r++)
    status = att_cli_failed(
        cli, att_read_lines(cli->ctx, o->references.items[r], &lines->references[r], &lines->reference_counts[r]));
  if (!status) status = att_cli_failed(cli, att_read_lines(cli->ctx, hypothesis, &lines->hypotheses, &lines->count));
  if (!status) status = check_counts(cli, o, hypothesis, lines);
  if (status) return status;
  if (o->variable_references) return leave_out_empty_lines(cli, o, lines);
  if (o->references.count > 1) warn_of_empty_lines(cli, o, lines);
  return 0;
}

/* ---- scores ---- */

/* The score of `count` lines from `first` on. */
static int write_score(att_cli *cli, const bleu_options *o, const bleu_lines *lines, size_t first, size_t count) {
  const att_text *references[ATT_CLI_MOST_TEXTS];
  att_bleu_result result;
  for (int r = 0; r < o->references.count; r++) references[r] = lines->references[r] + first;
  att_status status =
      att_bleu(cli->ctx, lines->hypotheses + first, count, references, (size_t)o->references.count, &o->bleu, &result);
  if (status && o->sentence_level)
    return att_cli_fail(cli, ATT_CLI_FAILED, "of line %zu alone: %s", first + 1, att_message(cli->ctx));
  if (status) return att_cli_failed(cli, status);
  const char *rest = strstr(result.line, " = ");
  if (o->json)
    write_json(cli, &o->bleu, &result, o->sentence_level ? first + 1 : 0);
  else if (o->sentence_level)
    att_cli_print(cli, "%.*s|%s%s\n", (int)(rest - result.line), result.line, result.signature, rest);
  else
    att_cli_print(cli, "%s\n%s\n", result.line, result.signature);
  return 0;
}

static int write_scores(att_cli *cli, bleu_options *o, const bleu_lines *lines) {
  int status = 0;
  for (int metric = 0; metric < METRICS && !status; metric++) {
    if (!asks_for(o, metric)) continue;
    o->bleu.metric = (att_bleu_metric)metric;
    if (!o->sentence_level) status = write_score(cli, o, lines, 0, lines->count);
    for (size_t i = 0; i < lines->count && o->sentence_level && !status; i++) status = write_score(cli, o, lines, i, 1);
  }
  return status;
}

static int run(att_cli *cli) {
  bleu_options o;
  bleu_lines lines;
  memset(&o, 0, sizeof o);
  memset(&lines, 0, sizeof lines);
  att_bleu_options_default(&o.bleu);
  int status = att_cli_parse(cli, &o);
  const char *hypothesis = cli->word_count ? cli->words[0] : "-";
  if (!status) status = check(cli, &o, hypothesis);
  if (!status) status = att_cli_start(cli);
  if (!status && strcmp(hypothesis, "-") == 0) att_cli_say_waiting(cli, "the hypotheses, a line each");
  if (!status) status = read_lines(cli, &o, hypothesis, &lines);
  if (!status) status = write_scores(cli, &o, &lines);
  att_release(cli->ctx, lines.hypotheses);
  for (int r = 0; r < o.references.count; r++) att_release(cli->ctx, lines.references[r]);
  return status;
}

const att_cli_verb att_cli_bleu = {
    .name = "bleu",
    .arguments = "--reference FILE [HYPOTHESIS]",
    .summary = "BLEU, chrF and TER of translations, as sacreBLEU counts",
    .about =
        "Compares the lines of HYPOTHESIS (or standard input) with those of the references and writes the score, and "
        "under it sacreBLEU's signature, which says how it was counted. --sentence-level writes a line for each line, "
        "with the signature before the score.",
    .example = "attend translate de-en < test.de | attend bleu --reference test.en\n"
               "attend bleu --reference one.zh --reference two.zh --tokenize zh out.zh",
    .options = options,
    .most_words = 1,
    .run = run,
};
