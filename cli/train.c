/* Owns `attend train`: its verbs, one a task of the library, and the words around a run of the trainer. */
#include "options.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* What stands behind the folder in the closing line. out: the folder. */
typedef const char *closing_words(att_train_options *options, const char *out);

/* Trains, and says what can be done now: `hint` DIR, and `after` or what `words` says. */
static int run_with(att_cli *cli, const char *hint, const char *after, closing_words *words) {
  att_train_options *options;
  int status = att_cli_call_library(cli, att_train, &options);
  const char *out = options ? att_train_options_get(options, "out", 0) : NULL;
  if (!status && !cli->common.quiet) fprintf(stderr, "%s%s%s\n", hint, out, words ? words(options, out) : after);
  att_train_options_free(options);
  return status;
}

static int run(att_cli *cli, const char *hint, const char *after) { return run_with(cli, hint, after, NULL); }

static int run_translation(att_cli *cli) { return run(cli, "To translate: attend translate ", " \"A text\""); }
static const char *words_of_summaries(att_train_options *options, const char *out) {
  const char *extract = att_train_options_get(options, "extract", 0);
  (void)out;
  return extract && strcmp(extract, "yes") == 0 ? " --extract 1 \"A text\"" : " \"A text\"";
}

static int run_summarization(att_cli *cli) {
  return run_with(cli, "To sum up: attend summarize ", NULL, words_of_summaries);
}

static int run_lm(att_cli *cli) {
  return run(cli, "To write: attend generate ", " \"Once upon a time\" (--temperature 0: the likeliest each time)");
}

static bool has_file(const char *folder, const char *name) {
  char path[4096];
  return snprintf(path, sizeof path, "%s/%s", folder, name) < (int)sizeof path && access(path, F_OK) == 0;
}

/* What stands in the folder tells what it reads. */
static const char *words_of_classifier(att_train_options *options, const char *out) {
  (void)options;
  return has_file(out, "preprocessor_config.json") ? " NEW.wav"
         : has_file(out, "series.json")            ? " --file NEW.ts (or a table)"
                                                   : " \"A text\"";
}

static int run_classifier(att_cli *cli) {
  return run_with(cli, "To label: attend classify ", NULL, words_of_classifier);
}

static int run_qa(att_cli *cli) {
  return run(cli, "To ask: attend answer ", " --context page.txt --question \"A question?\"");
}
static int run_mlm(att_cli *cli) { return run(cli, "To fill in: attend fill ", " \"A text with a [MASK] in it\""); }
static int run_music(att_cli *cli) { return run(cli, "To compose: attend compose ", " -o tune.mid"); }
static int run_forecast(att_cli *cli) { return run(cli, "To forecast: attend forecast ", " --data RECENT.csv"); }

static int run_speech(att_cli *cli) { return run(cli, "To write what is said: attend transcribe ", " recording.wav"); }

const att_cli_verb att_cli_train_translation = {
    .name = "train translation",
    .arguments = "--source FILE --target FILE --out DIR",
    .summary = "train a translator from two text files",
    .about = "Trains its own joint byte-level BPE on the two files, then an encoder-decoder Transformer. Sizes, batch, "
             "learning rate and schedule come from the data and the budget unless given; they are printed, and kept in "
             "DIR/checkpoint. The best model is kept in DIR, which Hugging Face Transformers opens too. Ctrl-C saves, "
             "and `attend train --resume DIR` goes on.",
    .example = "attend train translation --source train.de.gz --target train.en.gz \\\n"
               "  --valid-source val.de.gz --valid-target val.en.gz --minutes 60 -o de-en",
    .library = "translation",
    .most_words = 1,
    .run = run_translation,
};

const att_cli_verb att_cli_train_summarization = {
    .name = "train summarization",
    .arguments = "--data FILE --out DIR",
    .summary = "train a model that sums up texts",
    .about =
        "Trains an encoder-decoder with a vocabulary of its own that both sides share, or with --from goes on with "
        "one that is there: T5, BART, PEGASUS, a translator. The data is a file of JSON objects, a line each, with "
        "a text (text, document, article, source, body, dialogue, abstract) and its summary (summary, target, "
        "highlights, subject, headline, title, tldr), or a table with such columns; or two files of lines. --copy lets "
        "the summary take words of the text as they are; --extract trains an encoder (--from BERT, or its own) that "
        "picks sentences, for summarize --extract. What is chosen is printed, and kept in DIR/checkpoint. Validation "
        "is by ROUGE-L. The best model is kept in DIR, "
        "which Hugging Face Transformers opens too. Ctrl-C saves, and `attend train --resume DIR` goes on.",
    .example = "attend train summarization --data mails.jsonl -o subjects\n"
               "attend train summarization --data papers.tsv --from bart-base -o tldr\n"
               "attend train summarization --extract --data papers.tsv -o picker",
    .library = "summarization",
    .most_words = 1,
    .run = run_summarization,
};

const att_cli_verb att_cli_train_lm = {
    .name = "train lm",
    .arguments = "--text FILE [FILE]... --out DIR",
    .summary = "train a language model from text",
    .about = "Trains a decoder that predicts the next character, byte or piece of its own BPE: GPT-2's blocks, or "
             "Llama's with --norm rms, or a recurrent network with --family. Sizes, pieces, batch and learning rate "
             "come from the amount of text and the budget unless given; they are printed, and kept in DIR/checkpoint. "
             "The best model is kept in DIR, which Hugging Face Transformers opens too. Ctrl-C saves, and "
             "`attend train --resume DIR` goes on.",
    .example = "attend train lm --text shakespeare.txt --minutes 10 -o bard\n"
               "attend train lm --text more.txt --from bard -o bard-2",
    .library = "lm",
    .most_words = ATT_CLI_MOST_TEXTS,
    .run = run_lm,
};

const att_cli_verb att_cli_train_classifier = {
    .name = "train classifier",
    .arguments = "--data FILE --out DIR",
    .summary = "train a classifier from texts, or series, and labels",
    .about =
        "Trains its own tokenizer and an encoder with a head of labels, or with --from puts that head on an encoder "
        "or decoder that is there. The data is a table, CSV or TSV: a row has a text and its label, or two texts "
        "and a label. Columns are found by their names in the first row, or by what is in them, which is said; "
        "--text-column and --label-column name others. Series (gestures, sensors) are read from .ts files or tables "
        "of numbers; they are scaled by channel, and --patch rows of them are a token. A label is one of several, any "
        "of several with commas between, "
        "or a number; "
        "which is seen from the data and said. Choices are printed, and kept in DIR/checkpoint. The best model is "
        "kept in DIR, which Hugging Face Transformers opens too. Ctrl-C saves, and `attend train --resume DIR` goes "
        "on.",
    .example = "attend train classifier --data train.tsv --valid dev.tsv -o sentiment\n"
               "attend train classifier --data reviews.csv --text-column body -o reviews\n"
               "attend train classifier --data gestures.ts --family gru -o gestures",
    .library = "classifier",
    .most_words = 1,
    .run = run_classifier,
};

const att_cli_verb att_cli_train_mlm = {
    .name = "train mlm",
    .arguments = "--text FILE [FILE]... --out DIR",
    .summary = "train an encoder to fill in masks",
    .about =
        "Trains an encoder on unlabelled text as BERT was: of 15 in 100 tokens it is to say what stood there. What "
        "it learns helps `attend train classifier --from`, where labelled texts are few. The best model is kept in "
        "DIR, which Hugging Face Transformers opens as a BertForMaskedLM. Ctrl-C saves, and `attend train --resume "
        "DIR` goes on.",
    .example = "attend train mlm --text wiki.txt --minutes 60 -o pretrained",
    .library = "mlm",
    .most_words = ATT_CLI_MOST_TEXTS,
    .run = run_mlm,
};

const att_cli_verb att_cli_train_qa = {
    .name = "train qa",
    .arguments = "--data FILE --out DIR",
    .summary = "train an encoder to answer questions about texts",
    .about =
        "Learns where in a text the answer to a question begins and ends, from SQuAD's files (1.1, 2.0) or a table of "
        "context, question, answer and start (code points before the answer; empty: where it first stands). With "
        "--from "
        "an encoder that is there, which such a task needs to be good. Questions without an answer are learned as "
        "such. "
        "Answers that do not stand where they should are left out, and named. Validated by F1 and exact match. The "
        "best "
        "model is kept in DIR, which Hugging Face Transformers opens too. Ctrl-C saves, and `attend train --resume "
        "DIR` "
        "goes on.",
    .example = "attend train qa --data train-v1.1.json --valid dev-v1.1.json \\\n"
               "  --from all-MiniLM-L6-v2 -o reader",
    .library = "qa",
    .most_words = 1,
    .run = run_qa,
};

const att_cli_verb att_cli_train_forecast = {
    .name = "train forecast",
    .arguments = "--data FILE --horizon N --out DIR",
    .summary = "train a forecaster from a table of times and values",
    .about =
        "Trains a network that reads the last --lookback rows of each column and forecasts the next --horizon: "
        "PatchTST "
        "(patches of each column by itself, normalised within the window), or a recurrent network over the same "
        "patches "
        "with --family. The step from row to row is found; gaps and missing values are filled, and said. Several "
        "series "
        "stand in one table with a column that tells them apart. What is known ahead of time (--covariates) helps: "
        "to forecast, the table goes on with it. Beside the mean it learns quantiles. The last fifth "
        "of "
        "each series validates, and the last value and the last season again are measured beside it. The best model is "
        "kept in DIR; with --quantiles none Hugging Face Transformers opens it too. Ctrl-C saves, and `attend train "
        "--resume DIR` goes on.",
    .example = "attend train forecast --data meter.csv --horizon 96 -o meter\n"
               "attend train forecast --data load.csv --target load --covariates temperature,holiday --horizon 24 "
               "-o load\n"
               "attend train forecast --data shops.csv --series shop --target sales --horizon 14 --family gru -o shops",
    .library = "forecast",
    .most_words = 1,
    .run = run_forecast,
};

const att_cli_verb att_cli_train_music = {
    .name = "train music",
    .arguments = "--data FILE [FILE]... --out DIR",
    .summary = "train a composer from tunes",
    .about = "Trains a decoder on tunes as words (bars, metres, tempi, positions, instruments, velocities, keys and "
             "lengths), read from MIDI files and ABC notation: a language model in all else, with the same options and "
             "networks. The best model is kept in DIR. Ctrl-C saves, and `attend train --resume DIR` goes on.",
    .example = "attend train music --data tunes/*.mid --minutes 30 -o tunes",
    .library = "music",
    .most_words = ATT_CLI_MOST_TEXTS,
    .run = run_music,
};

const att_cli_verb att_cli_train_speech = {
    .name = "train speech",
    .arguments = "--data FILE --out DIR",
    .summary = "train a recogniser from recordings and what is said in them",
    .about =
        "Trains an encoder of log-mel features, behind two convolutions, with connectionist temporal classification "
        "(CTC), and a decoder with attention beside it; --ctc-weight 1 leaves the decoder out. The data is a table: a "
        "row has a file (wav, flac, ogg, mp3; any rate) and its text. What is no recording is left out and named. "
        "Recordings are heard at three speeds and behind masks unless --no-speed-perturbation and --no-masking. "
        "Validation is by word error rate. Ctrl-C saves, and `attend train --resume DIR` goes on.",
    .example = "attend train speech --data train.tsv --minutes 60 -o ears\n"
               "attend train speech --data train.tsv --family lstm --ctc-weight 1 -o ears",
    .library = "speech",
    .most_words = 1,
    .run = run_speech,
};
