/* Owns `attend compare`: the data of one kind of training, given to every kind of network. */
#include "options.h"
#include "progress.h"

#include <stdio.h>
#include <string.h>

typedef struct compare_options {
  att_cli_common common;
  att_compare_options compare;
  att_cli_texts texts;
} compare_options;

#define AT(member) offsetof(compare_options, member)
#define IN(member) offsetof(compare_options, compare.train.member)

/* clang-format off */
static const att_cli_option options[] = {
    {.group = "Data: of translation, of a language model, or of a classifier", .name = "source", .kind = ATT_CLI_TEXT,
     .value = "FILE", .offset = IN(source), .help = "source sentences, one a line; plain text or .gz"},
    {.name = "target", .kind = ATT_CLI_TEXT, .value = "FILE", .offset = IN(target),
     .help = "their translations, line by line"},
    {.name = "valid-source", .kind = ATT_CLI_TEXT, .value = "FILE", .offset = IN(valid_source),
     .help = "source sentences to measure with", .initial = "every tenth is held out"},
    {.name = "valid-target", .kind = ATT_CLI_TEXT, .value = "FILE", .offset = IN(valid_target),
     .help = "their translations"},
    {.name = "text", .kind = ATT_CLI_TEXTS, .value = "FILE", .offset = AT(texts),
     .help = "running text, plain or .gz; more files may follow"},
    {.name = "data", .kind = ATT_CLI_TEXT, .value = "FILE", .offset = IN(data),
     .help = "lines of text<TAB>label, or text<TAB>text<TAB>label"},
    {.name = "valid", .kind = ATT_CLI_TEXT, .value = "FILE", .offset = IN(valid),
     .help = "with --text or --data: the same, to measure with", .initial = "a tenth is held out"},
    {.name = "out", .letter = 'o', .kind = ATT_CLI_TEXT, .value = "DIR", .offset = IN(out),
     .help = "where the models and the report go; absent or empty, unless --resume is given"},

    {.group = "Budget", .name = "minutes", .kind = ATT_CLI_NUMBER, .value = "N", .low = 1e-3, .high = 1e7,
     .offset = IN(minutes), .help = "of the whole comparison; each network gets an equal part", .initial = "30"},
    {.name = "steps", .kind = ATT_CLI_INT64, .value = "N", .low = 1, .high = 1e12, .offset = IN(steps),
     .help = "or: steps of each network"},
    {.name = "epochs", .kind = ATT_CLI_NUMBER, .value = "N", .low = 1e-6, .high = 1e6, .offset = IN(epochs),
     .help = "or: passes of each network over the data"},
    {.name = "parameters", .kind = ATT_CLI_INT64, .value = "N", .low = 1, .high = 1e12,
     .offset = AT(compare.parameters), .help = "of each network, about; the width follows",
     .initial = "what the Transformer has by default"},

    {.group = "Shared by all", .name = "vocab", .kind = ATT_CLI_INT, .value = "N", .low = 260, .high = 1 << 20,
     .offset = IN(vocab), .help = "pieces of the vocabulary", .initial = "from the data"},
    {.name = "lowercase", .kind = ATT_CLI_FLAG, .offset = IN(lowercase), .help = "make all text lower case"},
    {.name = "context", .kind = ATT_CLI_INT, .value = "N", .low = 8, .high = 1 << 20, .offset = IN(context),
     .help = "the most tokens of a text (of a side) that a network can take"},
    {.name = "dropout", .kind = ATT_CLI_NUMBER, .value = "X", .low = 0, .high = 0.99, .offset = IN(dropout),
     .help = "probability that an activation is left out"},
    {.name = "resume", .kind = ATT_CLI_FLAG, .offset = IN(resume),
     .help = "go on with the comparison in --out where it stopped"},
    {.name = NULL}};
/* clang-format on */

static int check(att_cli *cli, compare_options *o) {
  att_train_options *train = &o->compare.train;
  train->texts = o->texts.items;
  train->text_count = o->texts.count;
  int given = (train->source != NULL) + (train->text_count > 0) + (train->data != NULL);
  if (given != 1)
    return att_cli_fail(cli, ATT_CLI_MISUSED,
                        "%s: give --source and --target (translation), --text (a language model), or --data "
                        "(a classifier)",
                        given ? "the data of one kind of training only" : "the data are missing");
  if (train->source && !train->target) return att_cli_fail(cli, ATT_CLI_MISUSED, "--target is missing");
  if (!train->source && (train->target || train->valid_source || train->valid_target))
    return att_cli_fail(cli, ATT_CLI_MISUSED, "--target, --valid-source and --valid-target belong to --source");
  if (train->source && train->valid)
    return att_cli_fail(cli, ATT_CLI_MISUSED, "--valid: translators are measured with --valid-source, --valid-target");
  if (!train->valid_source != !train->valid_target)
    return att_cli_fail(cli, ATT_CLI_MISUSED, "--valid-source and --valid-target go together");
  if (!train->out) return att_cli_fail(cli, ATT_CLI_MISUSED, "--out is missing: the folder of the report");
  int budgets = att_cli_given(cli, "steps") + att_cli_given(cli, "epochs") + att_cli_given(cli, "minutes");
  if (budgets > 1) return att_cli_fail(cli, ATT_CLI_MISUSED, "--steps, --epochs and --minutes exclude each other");
  if (budgets == 0) train->minutes = 30;
  if (att_cli_given(cli, "seed")) train->seed = (int64_t)o->common.seed;
  return 0;
}

static int run(att_cli *cli) {
  compare_options o;
  memset(&o, 0, sizeof o);
  att_compare_options_default(&o.compare);
  int status = att_cli_parse(cli, &o);
  if (!status) status = check(cli, &o);
  if (!status) status = att_cli_start(cli);
  if (status) return status;
  att_cli_progress progress;
  att_cli_progress_start(&progress, cli);
  status = att_cli_progress_end(&progress, att_compare(cli->ctx, &o.compare, att_cli_on_progress, &progress));
  if (!status) att_cli_print(cli, "%s/report.html\n", o.compare.train.out);
  return status;
}

const att_cli_verb att_cli_compare = {
    .name = "compare",
    .arguments = "DATA --out DIR",
    .task = "comparison",
    .summary = "train every kind of network on your data and show who does best",
    .about = "Trains a padded feed-forward network, RNN, LSTM, GRU, GRU with attention (translation) and a Transformer "
             "on the same data, of about the same size and in the same time, one after another, each into DIR/NAME. "
             "Then evaluates all of them on the validation texts and writes DIR/report.html and DIR/report.json: "
             "parameters, "
             "time, score, score by length, how far the gradient reaches, learning curves, outputs side by side. "
             "Ctrl-C saves, and --resume goes on.",
    .example = "attend compare --source train.de.gz --target train.en.gz --minutes 60 -o DIR\n"
               "attend compare --data train.tsv --valid dev.tsv -o compared",
    .options = options,
    .run = run,
};
