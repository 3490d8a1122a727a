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
    .about = "Trains a padded feed-forward network, RNN, LSTM, GRU, GRU with attention (translation) and a Transformer "
             "on the same data, of about the same size and in the same time, one after another, each into DIR/NAME. "
             "Then evaluates all of them on the validation texts and writes DIR/report.html and DIR/report.json: "
             "parameters, "
             "time, score, score by length, how far the gradient reaches, learning curves, outputs side by side. "
             "Ctrl-C saves, and `attend compare --resume DIR` goes on.",
    .example = "attend compare --source train.de.gz --target train.en.gz --minutes 60 -o DIR\n"
               "attend compare --data train.tsv --valid dev.tsv -o compared",
    .library = "compare",
    .most_words = 1,
    .run = run,
};
