/* Owns `attend wer`: jiwer's error rates for the lines of a file and its reference. */
#include "options.h"

#include <string.h>

typedef struct wer_options {
  att_cli_common common;
  att_wer_options wer;
  const char *reference;
  int normalize, alignment;
  bool json;
} wer_options;

enum { NO_ALIGNMENT, OF_WORDS, OF_CHARACTERS };

#define AT(member) offsetof(wer_options, member)

/* clang-format off */
static const att_cli_option options[] = {
    {.group = "Data", .name = "reference", .kind = ATT_CLI_TEXT, .value = "FILE", .offset = AT(reference),
     .help = "what was said, a line each; plain text or .gz"},

    {.group = "Measure", .name = "normalize", .kind = ATT_CLI_CHOICE, .value = "none|english", .offset = AT(normalize),
     .help = "make both sides alike first; english: case, marks, contractions and numbers, as Whisper's normalizer does", .initial = "none"},
    {.name = "spellings", .kind = ATT_CLI_TEXT, .value = "FILE", .offset = AT(wer.spellings),
     .help = "with english: words and what to write for them, as JSON: the normalizer.json of a Whisper folder"},

    {.group = "Output", .name = "alignment", .kind = ATT_CLI_CHOICE, .value = "none|words|characters", .offset = AT(alignment),
     .help = "show each pair that differs, with S, D and I below what was substituted, deleted and inserted", .initial = "none"},
    {.name = "json", .kind = ATT_CLI_FLAG, .offset = AT(json), .help = "an object, parts of 1 in place of percent"},
    {.name = NULL}};
/* clang-format on */

static int check(att_cli *cli, wer_options *o, const char *hypothesis) {
  if (!o->reference)
    return att_cli_fail(cli, ATT_CLI_MISUSED, "--reference is missing: a file of what was said, a line each");
  if (strcmp(hypothesis, "-") == 0 && strcmp(o->reference, "-") == 0)
    return att_cli_fail(cli, ATT_CLI_MISUSED, "only one of the reference and the hypothesis can be standard input");
  if (o->wer.spellings && o->normalize == 0)
    return att_cli_fail(cli, ATT_CLI_MISUSED, "--spellings is for --normalize english");
  if (o->json && o->alignment != NO_ALIGNMENT)
    return att_cli_fail(cli, ATT_CLI_MISUSED, "--alignment is for people: leave out --json");
  o->wer.english = o->normalize != 0;
  o->wer.characters = o->alignment == OF_CHARACTERS;
  return 0;
}

static void write_pair(void *user, const att_wer_pair *pair) {
  att_cli *cli = user;
  if (pair->substitutions + pair->deletions + pair->insertions == 0) return;
  att_cli_print(cli, "line %zu\n%s\n\n", pair->index + 1, pair->alignment);
}

static void write_rate(att_cli *cli, const char *name, const char *of, double rate, const int64_t counts[4]) {
  att_cli_print(cli, "%s %.2f %%  of %lld %s: %lld substituted, %lld deleted, %lld inserted\n", name, 100 * rate,
                (long long)(counts[0] + counts[1] + counts[2]), of, (long long)counts[1], (long long)counts[2],
                (long long)counts[3]);
}

static void write_counts(att_cli *cli, const char *name, const int64_t counts[4]) {
  att_cli_print(cli, "\"%s\": {\"hits\": %lld, \"substitutions\": %lld, \"deletions\": %lld, \"insertions\": %lld}",
                name, (long long)counts[0], (long long)counts[1], (long long)counts[2], (long long)counts[3]);
}

static void write_result(att_cli *cli, const wer_options *o, const att_wer_result *r) {
  const int64_t words[] = {r->hits, r->substitutions, r->deletions, r->insertions};
  const int64_t characters[] = {r->character_hits, r->character_substitutions, r->character_deletions,
                                r->character_insertions};
  if (!o->json) {
    write_rate(cli, "WER", "words", r->wer, words);
    write_rate(cli, "CER", "characters", r->cer, characters);
    return;
  }
  const struct {
    const char *name;
    double value;
  } rates[] = {{"wer", r->wer}, {"cer", r->cer}, {"mer", r->mer}, {"wil", r->wil}, {"wip", r->wip}};
  char number[32];
  for (size_t i = 0; i < sizeof rates / sizeof *rates; i++)
    att_cli_print(cli, "%s\"%s\": %s", i ? ", " : "{", rates[i].name, att_cli_number(rates[i].value, number));
  att_cli_print(cli, ", ");
  write_counts(cli, "words", words);
  att_cli_print(cli, ", ");
  write_counts(cli, "characters", characters);
  att_cli_print(cli, "}\n");
}

static int measure(att_cli *cli, wer_options *o, const char *hypothesis) {
  att_text *hypotheses = NULL, *references = NULL;
  size_t count = 0, reference_count = 0;
  att_wer_result result;
  int status = att_cli_failed(cli, att_read_lines(cli->ctx, o->reference, &references, &reference_count));
  if (!status) status = att_cli_failed(cli, att_read_lines(cli->ctx, hypothesis, &hypotheses, &count));
  if (!status && count != reference_count)
    status = att_cli_fail(cli, ATT_CLI_FAILED, "%s has %zu lines, but %s has %zu",
                          strcmp(hypothesis, "-") ? hypothesis : "standard input", count,
                          strcmp(o->reference, "-") ? o->reference : "standard input", reference_count);
  if (o->alignment != NO_ALIGNMENT) o->wer.on_pair = write_pair;
  o->wer.user = cli;
  if (!status) status = att_cli_failed(cli, att_wer(cli->ctx, hypotheses, references, count, &o->wer, &result));
  if (!status) write_result(cli, o, &result);
  att_release(cli->ctx, hypotheses);
  att_release(cli->ctx, references);
  return status;
}

static int run(att_cli *cli) {
  wer_options o;
  memset(&o, 0, sizeof o);
  att_wer_options_default(&o.wer);
  int status = att_cli_parse(cli, &o);
  const char *hypothesis = cli->word_count ? cli->words[0] : "-";
  if (!status) status = check(cli, &o, hypothesis);
  if (!status) status = att_cli_start(cli);
  if (!status && strcmp(hypothesis, "-") == 0) att_cli_say_waiting(cli, "the hypotheses, a line each");
  return status ? status : measure(cli, &o, hypothesis);
}

const att_cli_verb att_cli_wer = {
    .name = "wer",
    .arguments = "--reference FILE [HYPOTHESIS]",
    .summary = "word and character error rates of transcripts, as jiwer counts",
    .about = "Compares the lines of HYPOTHESIS (or standard input) with those of the reference: the fewest words, and "
             "characters, that were substituted, deleted and inserted, in percent of those of the reference. Case and "
             "marks count unless --normalize english makes both sides alike.",
    .example = "attend wer --reference said.txt heard.txt\n"
               "attend wer --reference said.txt heard.txt --normalize english \\\n"
               "  --alignment words",
    .options = options,
    .most_words = 1,
    .run = run,
};
