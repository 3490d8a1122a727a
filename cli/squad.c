/* Owns `attend squad`: exact match and F1 of predictions, in the words of the official scripts. */
#include "options.h"

#include <math.h>
#include <string.h>

typedef struct squad_options {
  att_cli_common common;
  const char *reference, *odds;
  double threshold;
} squad_options;

#define AT(member) offsetof(squad_options, member)

/* clang-format off */
static const att_cli_option options[] = {
    {.group = "Input", .name = "reference", .kind = ATT_CLI_TEXT, .value = "FILE", .offset = AT(reference),
     .help = "the questions and their answers: SQuAD's JSON (1.1, 2.0), or a .tsv as `train qa` takes it"},
    {.name = "null-odds", .kind = ATT_CLI_TEXT, .value = "FILE", .offset = AT(odds),
     .help = "a JSON object of ids and the odds of no answer: the best threshold is found too"},
    {.name = "null-threshold", .kind = ATT_CLI_NUMBER, .value = "X", .low = -1e6, .high = 1e6, .offset = AT(threshold),
     .help = "with --null-odds: above it there is no answer", .initial = "1"},
    {.name = NULL}};
/* clang-format on */

/* As Python writes a float: 75.0. */
static const char *as_float(double value, char number[40]) {
  att_cli_number(value, number);
  bool whole = number[strspn(number, "-0123456789")] == '\0';
  return whole ? strcat(number, ".0") : number;
}

static void put(att_cli *cli, bool first, const char *name, double value) {
  char number[40];
  att_cli_print(cli, "%s\n  \"%s\": %s", first ? "{" : ",", name, as_float(value, number));
}

static void put_count(att_cli *cli, const char *name, size_t count) {
  att_cli_print(cli, ",\n  \"%s\": %zu", name, count);
}

static void write_version2(att_cli *cli, const att_squad_score *s) {
  put(cli, true, "exact", s->exact);
  put(cli, false, "f1", s->f1);
  put_count(cli, "total", s->total);
  if (s->has_answer) {
    put(cli, false, "HasAns_exact", s->has_answer_exact);
    put(cli, false, "HasAns_f1", s->has_answer_f1);
    put_count(cli, "HasAns_total", s->has_answer);
  }
  if (s->no_answer) {
    put(cli, false, "NoAns_exact", s->no_answer_exact);
    put(cli, false, "NoAns_f1", s->no_answer_f1);
    put_count(cli, "NoAns_total", s->no_answer);
  }
  if (!isnan(s->best_exact)) {
    put(cli, false, "best_exact", s->best_exact);
    put(cli, false, "best_exact_thresh", s->best_exact_threshold);
    put(cli, false, "best_f1", s->best_f1);
    put(cli, false, "best_f1_thresh", s->best_f1_threshold);
  }
  att_cli_print(cli, "\n}\n");
}

static void write_version1(att_cli *cli, const att_squad_score *s) {
  char exact[40], f1[40];
  att_cli_print(cli, "{\"exact_match\": %s, \"f1\": %s}\n", as_float(s->exact, exact), as_float(s->f1, f1));
}

static int measure(att_cli *cli, const squad_options *o, att_squad *squad) {
  att_squad_score score;
  att_status status = att_evaluate_squad(squad, cli->words[0], o->odds, o->threshold, &score);
  if (status != ATT_OK) return att_cli_failed(cli, status);
  if (score.missing)
    att_cli_warn(cli, "%s: %zu questions have no prediction%s", cli->words[0], score.missing,
                 score.version2 ? ", and do not count" : ": they count as wrong");
  if (score.version2)
    write_version2(cli, &score);
  else
    write_version1(cli, &score);
  return 0;
}

static int run(att_cli *cli) {
  squad_options o;
  att_squad *squad = NULL;
  memset(&o, 0, sizeof o);
  o.threshold = 1;
  int status = att_cli_parse(cli, &o);
  if (!status && !o.reference) status = att_cli_fail(cli, ATT_CLI_MISUSED, "--reference FILE is needed");
  if (!status && att_cli_given(cli, "null-threshold") && !o.odds)
    status = att_cli_fail(cli, ATT_CLI_MISUSED, "--null-threshold needs --null-odds");
  if (!status) status = att_cli_start(cli);
  if (!status) {
    att_status opened = att_squad_open(cli->ctx, o.reference, &squad);
    status = opened == ATT_OK ? measure(cli, &o, squad) : att_cli_failed(cli, opened);
  }
  att_squad_close(squad);
  return status;
}

const att_cli_verb att_cli_squad = {
    .name = "squad",
    .arguments = "--reference FILE PREDICTIONS",
    .summary = "exact match and F1 of answers, as the official scripts count",
    .about =
        "Reads PREDICTIONS, a JSON object of question ids and answers as `answer --data --out` writes it, and prints "
        "what evaluate-v1.1.py does, or evaluate-v2.0.py where some questions have no answer.",
    .example = "attend answer MODEL --data dev.json -o out\n"
               "attend squad --reference dev.json out/predictions.json",
    .options = options,
    .least_words = 1,
    .most_words = 1,
    .run = run,
};
