/* Owns `attend score`: how likely a model finds given translations. */
#include "options.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct score_options {
  att_cli_common common;
  const char *source, *target;
  bool json;
} score_options;

#define AT(member) offsetof(score_options, member)

static const att_cli_option options[] = {{.name = "source",
                                          .kind = ATT_CLI_TEXT,
                                          .value = "FILE",
                                          .offset = AT(source),
                                          .group = "Data",
                                          .help = "source sentences, one a line; plain text or .gz"},
                                         {.name = "target",
                                          .kind = ATT_CLI_TEXT,
                                          .value = "FILE",
                                          .offset = AT(target),
                                          .help = "their translations, line by line"},
                                         {.name = "text", .kind = ATT_CLI_LATER, .value = "FILE"},
                                         {.name = "json",
                                          .kind = ATT_CLI_FLAG,
                                          .offset = AT(json),
                                          .help = "one object a line: line (from 1), logprob, tokens, cut",
                                          .group = "Output"},
                                         {.name = NULL}};

typedef struct score_totals {
  double logprob;
  int64_t tokens;
  size_t lines;
} score_totals;

static void give(att_cli *cli, const score_options *o, const att_score *score, score_totals *totals) {
  char number[32];
  totals->lines++;
  totals->logprob += score->logprob;
  totals->tokens += score->tokens;
  att_cli_number(score->logprob, number);
  if (o->json)
    att_cli_print(cli, "{\"line\": %zu, \"logprob\": %s, \"tokens\": %lld, \"cut\": %s}\n", totals->lines, number,
                  (long long)score->tokens, score->cut ? "true" : "false");
  else
    att_cli_print(cli, "%s\t%lld\n", number, (long long)score->tokens);
}

static int score_all(att_cli *cli, att_model *model, const score_options *o, const att_text *sources,
                     const att_text *targets, size_t count) {
  score_totals totals = {0};
  att_score *scores = calloc(count + 1, sizeof *scores);
  if (!scores) return att_cli_fail(cli, ATT_CLI_FAILED, "no memory for %zu scores", count);
  att_cli_begin_work(cli);
  att_status done = att_score_pairs(model, sources, targets, count, scores);
  att_cli_end_work();
  for (size_t i = 0; i < count && done == ATT_OK; i++) give(cli, o, &scores[i], &totals);
  free(scores);
  if (done != ATT_OK) return att_cli_failed(cli, done);
  if (att_cli_flush(cli) && !cli->common.quiet)
    fprintf(stderr, "%zu lines, %lld tokens, log-probability %.4f, perplexity %.4f\n", totals.lines,
            (long long)totals.tokens, totals.logprob,
            totals.tokens ? exp(-totals.logprob / (double)totals.tokens) : 1.0);
  return 0;
}

static int run(att_cli *cli) {
  score_options o;
  memset(&o, 0, sizeof o);
  att_model *model = NULL;
  att_text *sources = NULL, *targets = NULL;
  size_t source_count = 0, target_count = 0;
  int status = att_cli_parse(cli, &o);
  if (status) return status;
  if (!o.source || !o.target)
    return att_cli_fail(cli, ATT_CLI_MISUSED, "%s is missing: both --source FILE and --target FILE are needed",
                        o.source ? "--target" : "--source");
  if (strcmp(o.source, "-") == 0 && strcmp(o.target, "-") == 0)
    return att_cli_fail(cli, ATT_CLI_MISUSED, "--source and --target cannot both be standard input");
  status = att_cli_start(cli);
  if (!status) status = att_cli_open_model(cli, &model);
  if (!status) status = att_cli_failed(cli, att_read_lines(cli->ctx, o.source, &sources, &source_count));
  if (!status) status = att_cli_failed(cli, att_read_lines(cli->ctx, o.target, &targets, &target_count));
  if (!status && source_count != target_count)
    status = att_cli_fail(cli, ATT_CLI_FAILED, "%s has %zu lines, but %s has %zu", o.source, source_count, o.target,
                          target_count);
  if (!status) status = score_all(cli, model, &o, sources, targets, source_count);
  att_release(cli->ctx, sources);
  att_release(cli->ctx, targets);
  att_model_close(model);
  return status;
}

const att_cli_verb att_cli_score = {
    .name = "score",
    .arguments = "MODEL --source FILE --target FILE",
    .task = "translation models",
    .summary = "how likely a model finds given translations",
    .about = "Writes for each pair the natural logarithm of the target's probability given the source, a tab, and the "
             "number of its tokens, end mark included. Totals and the perplexity go to standard error.",
    .example = "attend score de-en --source test.de --target test.en",
    .options = options,
    .least_words = 1,
    .most_words = 1,
    .run = run,
};
