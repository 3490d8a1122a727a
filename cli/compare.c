/* Owns `attend compare`: the data of one kind of training, given to every kind of network. */
#include "options.h"

static int run(att_cli *cli) {
  att_train_options *options;
  int status = att_cli_call_library(cli, att_compare, &options);
  if (!status) att_cli_print(cli, "%s/report.html\n", att_train_options_get(options, "out", 0));
  att_train_options_free(options);
  return status;
}

const att_cli_verb att_cli_compare = {
    .name = "compare",
    .arguments = "DATA --out DIR",
    .summary = "train every kind of network on your data and show who does best",
    .about =
        "Trains a padded feed-forward network, RNN, LSTM, GRU, GRU with attention (where a text is written for a "
        "text) and a Transformer on the same data, of about the same size and in the same time, one after "
        "another, each into DIR/NAME. Then evaluates all of them on what none has learned from and writes "
        "DIR/report.html and DIR/report.json: parameters, time, score, score by length, how far the gradient "
        "reaches, learning curves, outputs side by side. The data says which kind of training it is: pairs of texts, "
        "running text, texts, series or recordings with labels, tunes, piano rolls, questions, summaries, a table to "
        "forecast. "
        "Ctrl-C saves, and `attend compare --resume DIR` goes on.",
    .example = "attend compare --source train.de.gz --target train.en.gz --minutes 60 -o DIR\n"
               "attend compare --data train.tsv --valid dev.tsv -o compared\n"
               "attend compare --data gestures.ts --minutes 10 -o compared\n"
               "attend compare --data meter.csv --horizon 96 -o compared",
    .library = "compare",
    .most_words = ATT_CLI_MOST_TEXTS,
    .run = run,
};
