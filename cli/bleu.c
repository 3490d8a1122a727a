/* Owns `attend bleu`: sacreBLEU's numbers for two files. */
#include "options.h"

#include <string.h>

typedef struct bleu_options {
  att_cli_common common;
  att_bleu_options bleu;
  const char *reference;
  int metric, tokenize, smooth;
  bool json;
} bleu_options;

#define AT(member) offsetof(bleu_options, member)

/* clang-format off */
static const att_cli_option options[] = {
    {.group = "Data", .name = "reference", .kind = ATT_CLI_TEXT, .value = "FILE", .offset = AT(reference),
     .help = "reference translations, one a line; plain text or .gz"},

    {.group = "Measure", .name = "metric", .kind = ATT_CLI_CHOICE, .value = "bleu|chrf", .offset = AT(metric),
     .help = "BLEU, or chrF2", .initial = "bleu"},
    {.name = "tokenize", .kind = ATT_CLI_CHOICE, .value = "13a|none|char|intl", .offset = AT(tokenize),
     .help = "how BLEU splits words", .initial = "13a"},
    {.name = "smooth", .kind = ATT_CLI_CHOICE, .value = "exp|floor|add-k|none", .offset = AT(smooth),
     .help = "what BLEU does where no n-gram matches", .initial = "exp"},
    {.name = "smooth-value", .kind = ATT_CLI_NUMBER, .value = "X", .low = 0, .high = 1e6,
     .offset = AT(bleu.smoothing_value), .help = "of floor and add-k", .initial = "floor 0.1, add-k 1"},
    {.name = "lowercase", .kind = ATT_CLI_FLAG, .offset = AT(bleu.lowercase), .help = "ignore case"},
    {.name = "chrf-word-order", .kind = ATT_CLI_INT, .value = "N", .low = 0, .high = 6, .offset = AT(bleu.word_order),
     .help = "words up to N-grams beside characters; 2 is chrF++", .initial = "0"},

    {.group = "Output", .name = "json", .kind = ATT_CLI_FLAG, .offset = AT(json), .help = "one object, as "
                                                                                          "sacreBLEU's"},
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

/* result->line is "NAME = SCORE REST" */
static void write_json(att_cli *cli, const att_bleu_options *o, const att_bleu_result *result) {
  char number[32];
  const char *line = result->line, *equals = strstr(line, " = ");
  const char *rest = equals ? strchr(equals + 3, ' ') : NULL;
  att_cli_print(cli, "{\"name\": ");
  att_cli_write_json(cli, line, equals ? (size_t)(equals - line) : strlen(line));
  att_cli_print(cli, ", \"score\": %s, \"signature\": ", att_cli_number(result->score, number));
  att_cli_write_json(cli, result->signature, strlen(result->signature));
  att_cli_print(cli, ", \"verbose_score\": ");
  att_cli_write_json(cli, rest ? rest + 1 : "", rest ? strlen(rest + 1) : 0);
  if (!o->chrf) {
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

/* Options that the chosen metric does not have are refused, not ignored. */
static int check(att_cli *cli, bleu_options *o, const char *hypothesis) {
  if (!o->reference)
    return att_cli_fail(cli, ATT_CLI_MISUSED, "--reference is missing: a file of reference translations");
  if (strcmp(o->reference, "-") == 0 && strcmp(hypothesis, "-") == 0)
    return att_cli_fail(cli, ATT_CLI_MISUSED, "--reference and the hypothesis cannot both be standard input");
  const char *const of_bleu[] = {"tokenize", "smooth", "smooth-value"};
  for (size_t i = 0; i < 3 && o->metric == 1; i++)
    if (att_cli_given(cli, of_bleu[i]))
      return att_cli_fail(cli, ATT_CLI_MISUSED, "--%s is for --metric bleu", of_bleu[i]);
  if (o->metric == 0 && att_cli_given(cli, "chrf-word-order"))
    return att_cli_fail(cli, ATT_CLI_MISUSED, "--chrf-word-order is for --metric chrf");
  o->bleu.chrf = o->metric == 1;
  o->bleu.tokenizer = (att_bleu_tokenizer)o->tokenize;
  o->bleu.smoothing = (att_bleu_smoothing)o->smooth;
  if (att_cli_given(cli, "smooth-value") && o->bleu.smoothing != ATT_SMOOTH_FLOOR &&
      o->bleu.smoothing != ATT_SMOOTH_ADD_K)
    return att_cli_fail(cli, ATT_CLI_MISUSED, "--smooth-value is for --smooth floor and --smooth add-k");
  return 0;
}

static int run(att_cli *cli) {
  bleu_options o;
  memset(&o, 0, sizeof o);
  att_bleu_options_default(&o.bleu);
  att_text *hypotheses = NULL, *references = NULL;
  size_t count = 0, reference_count = 0;
  att_bleu_result result;
  int status = att_cli_parse(cli, &o);
  const char *hypothesis = cli->word_count ? cli->words[0] : "-";
  if (!status) status = check(cli, &o, hypothesis);
  if (!status) status = att_cli_start(cli);
  if (!status) status = att_cli_failed(cli, att_read_lines(cli->ctx, o.reference, &references, &reference_count));
  if (!status) status = att_cli_failed(cli, att_read_lines(cli->ctx, hypothesis, &hypotheses, &count));
  if (!status && count != reference_count)
    status = att_cli_fail(cli, ATT_CLI_FAILED, "%s has %zu lines, but %s has %zu",
                          strcmp(hypothesis, "-") ? hypothesis : "standard input", count, o.reference, reference_count);
  if (!status) status = att_cli_failed(cli, att_bleu(cli->ctx, hypotheses, references, count, &o.bleu, &result));
  if (!status && o.json) write_json(cli, &o.bleu, &result);
  if (!status && !o.json) att_cli_print(cli, "%s\n%s\n", result.line, result.signature);
  att_release(cli->ctx, hypotheses);
  att_release(cli->ctx, references);
  return status;
}

const att_cli_verb att_cli_bleu = {
    .name = "bleu",
    .arguments = "--reference FILE [HYPOTHESIS]",
    .summary = "BLEU and chrF of translations, as sacreBLEU counts",
    .about =
        "Compares the lines of HYPOTHESIS (or standard input) with those of the reference and writes the score, and "
        "under it sacreBLEU's signature, which says how it was counted.",
    .example = "attend translate de-en < test.de | attend bleu --reference test.en",
    .options = options,
    .most_words = 1,
    .run = run,
};
