/* Owns `attend train`: its four verbs, which share a table of options, and the words around a run of the trainer. */
#include "options.h"
#include "progress.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { TRANSLATION = 1, LM = 2, CLASSIFIER = 4, MLM = 8 };

typedef struct train_options {
  att_cli_common common;
  att_train_options train;
  att_cli_texts texts;
  int layers; /* of all sides */
  int labels; /* -1: not given; else a head of labels, from 0 */
  bool one_direction;
  int pieces;  /* -1: not given; else of a language model: BPE, characters, bytes */
  int settled; /* choices of which this version has one */
} train_options;

#define AT(member) offsetof(train_options, member)
#define IN(member) offsetof(train_options, train.member)

/* clang-format off */
static const att_cli_option options[] = {
    {.group = "Data", .name = "source", .kind = ATT_CLI_TEXT, .value = "FILE", .offset = IN(source),
     .help = "source sentences, one a line; plain text or .gz", .only = TRANSLATION},
    {.name = "target", .kind = ATT_CLI_TEXT, .value = "FILE", .offset = IN(target),
     .help = "their translations, line by line", .only = TRANSLATION},
    {.name = "valid-source", .kind = ATT_CLI_TEXT, .value = "FILE", .offset = IN(valid_source),
     .help = "source sentences to validate on", .initial = "some of the data is held out", .only = TRANSLATION},
    {.name = "valid-target", .kind = ATT_CLI_TEXT, .value = "FILE", .offset = IN(valid_target),
     .help = "their translations", .only = TRANSLATION},
    {.name = "text", .kind = ATT_CLI_TEXTS, .value = "FILE", .offset = AT(texts),
     .help = "text to learn from, plain or .gz; more files may follow", .only = LM | MLM},
    {.name = "data", .kind = ATT_CLI_TEXT, .value = "FILE", .offset = IN(data),
     .help = "lines of text<TAB>label, or text<TAB>text<TAB>label; plain or .gz", .only = CLASSIFIER},
    {.name = "valid", .kind = ATT_CLI_TEXT, .value = "FILE", .offset = IN(valid),
     .help = "the same, to validate on", .initial = "the last tenth is held out", .only = LM},
    {.name = "valid", .kind = ATT_CLI_TEXT, .value = "FILE", .offset = IN(valid),
     .help = "the same, to validate on", .initial = "some of the data is held out", .only = CLASSIFIER | MLM},
    {.name = "labels", .kind = ATT_CLI_CHOICE, .value = "one|many|number", .offset = AT(labels),
     .help = "what a label is: one of several, any of several with commas between, or a number to come near",
     .initial = "from the data", .only = CLASSIFIER},
    {.name = "out", .letter = 'o', .kind = ATT_CLI_TEXT, .value = "DIR", .offset = IN(out),
     .help = "the model's folder; absent or empty, unless --resume is given"},

    {.group = "Budget (one of them)", .name = "steps", .kind = ATT_CLI_INT64, .value = "N", .low = 1, .high = 1e12,
     .offset = IN(steps), .help = "steps of the optimizer"},
    {.name = "epochs", .kind = ATT_CLI_NUMBER, .value = "N", .low = 1e-6, .high = 1e6, .offset = IN(epochs),
     .help = "passes over the data"},
    {.name = "minutes", .kind = ATT_CLI_NUMBER, .value = "N", .low = 1e-3, .high = 1e7, .offset = IN(minutes),
     .help = "time from start to exit, all counted; the first steps are timed and the number of steps is then fixed"},

    {.group = "Model", .name = "size", .kind = ATT_CLI_TEXT, .value = "tiny|small|base|big", .offset = IN(size),
     .help = "a set of sizes, which the options below change", .initial = "from the data"},
    {.name = "parameters", .kind = ATT_CLI_INT64, .value = "N", .low = 1, .high = 1e12, .offset = IN(parameters),
     .help = "about so many, where --width is not given: the width follows"},
    {.name = "layers", .kind = ATT_CLI_INT, .value = "N", .low = 1, .high = 256, .offset = AT(layers),
     .help = "layers of the encoder, and of the decoder", .only = TRANSLATION},
    {.name = "layers", .kind = ATT_CLI_INT, .value = "N", .low = 1, .high = 256, .offset = AT(layers),
     .help = "layers of the network", .only = LM | CLASSIFIER | MLM},
    {.name = "encoder-layers", .kind = ATT_CLI_INT, .value = "N", .low = 1, .high = 256, .offset = IN(encoder_layers),
     .help = "layers of the encoder", .only = TRANSLATION},
    {.name = "decoder-layers", .kind = ATT_CLI_INT, .value = "N", .low = 1, .high = 256, .offset = IN(decoder_layers),
     .help = "layers of the decoder", .only = TRANSLATION},
    {.name = "width", .kind = ATT_CLI_INT, .value = "N", .low = 4, .high = 65536, .offset = IN(width),
     .help = "width of the model, a multiple of the heads"},
    {.name = "heads", .kind = ATT_CLI_INT, .value = "N", .low = 1, .high = 1024, .offset = IN(heads),
     .help = "heads of attention"},
    {.name = "kv-heads", .kind = ATT_CLI_INT, .value = "N", .low = 1, .high = 1024, .offset = IN(kv_heads),
     .help = "heads of keys and values, which the others share", .initial = "as many as heads"},
    {.name = "feedforward", .kind = ATT_CLI_INT, .value = "N", .low = 1, .high = 1 << 20, .offset = IN(feedforward),
     .help = "width inside the feed-forward part"},
    {.name = "activation", .kind = ATT_CLI_CHOICE, .value = "relu|gelu|silu|swiglu|gelu-tanh", .offset = IN(activation),
     .help = "of the feed-forward part; swiglu is gated", .initial = "relu", .only = TRANSLATION},
    {.name = "activation", .kind = ATT_CLI_CHOICE, .value = "relu|gelu|silu|swiglu|gelu-tanh", .offset = IN(activation),
     .help = "of the feed-forward part; swiglu is gated", .initial = "gelu-tanh; swiglu where the norm is rms",
     .only = LM},
    {.name = "activation", .kind = ATT_CLI_CHOICE, .value = "relu|gelu|silu|swiglu|gelu-tanh", .offset = IN(activation),
     .help = "of the feed-forward part; swiglu is gated", .initial = "gelu", .only = CLASSIFIER | MLM},
    {.name = "norm-order", .kind = ATT_CLI_CHOICE, .value = "before|after", .offset = IN(norm_order),
     .help = "normalisation before each part, or after it as in the paper", .initial = "before"},
    {.name = "norm", .kind = ATT_CLI_CHOICE, .value = "layer|rms", .offset = IN(norm),
     .help = "the kind of normalisation", .initial = "layer"},
    {.name = "position", .kind = ATT_CLI_CHOICE, .value = "sinusoidal|learned|rotary|relative|alibi|none",
     .offset = IN(position), .help = "how positions enter", .initial = "sinusoidal", .only = TRANSLATION},
    {.name = "position", .kind = ATT_CLI_CHOICE, .value = "sinusoidal|learned|rotary|relative|alibi|none",
     .offset = IN(position), .help = "how positions enter", .initial = "learned; rotary where the norm is rms",
     .only = LM},
    {.name = "position", .kind = ATT_CLI_CHOICE, .value = "sinusoidal|learned|rotary|relative|alibi|none",
     .offset = IN(position), .help = "how positions enter", .initial = "learned", .only = CLASSIFIER | MLM},
    {.name = "no-tie", .kind = ATT_CLI_FLAG, .offset = IN(no_tie),
     .help = "separate embeddings for source, target and output", .only = TRANSLATION},
    {.name = "no-tie", .kind = ATT_CLI_FLAG, .offset = IN(no_tie),
     .help = "separate embeddings for input and output", .only = LM | MLM},
    {.name = "context", .kind = ATT_CLI_INT, .value = "N", .low = 8, .high = 1 << 20, .offset = IN(context),
     .help = "the most tokens of a text (of a side) that the model can ever take"},
    {.name = "family", .kind = ATT_CLI_CHOICE, .value = "transformer|rnn|lstm|gru|ffn", .offset = IN(network),
     .help = "the kind of network", .initial = "transformer"},
    {.name = "attention", .kind = ATT_CLI_CHOICE, .value = "none|additive|multiplicative", .offset = IN(attention),
     .help = "of a recurrent decoder over its encoder", .initial = "additive", .only = TRANSLATION},
    {.name = "embedding", .kind = ATT_CLI_INT, .value = "N", .low = 1, .high = 65536, .offset = IN(embedding),
     .help = "width of the embeddings of a recurrent or padded network"},
    {.name = "one-direction", .kind = ATT_CLI_FLAG, .offset = AT(one_direction),
     .help = "a recurrent encoder reads from left to right alone", .initial = "both directions",
     .only = TRANSLATION | CLASSIFIER},

    {.group = "Text", .name = "vocab", .kind = ATT_CLI_INT, .value = "N", .low = 260, .high = 1 << 20,
     .offset = IN(vocab), .help = "pieces of the vocabulary", .initial = "from the data"},
    {.name = "tokenizer", .kind = ATT_CLI_CHOICE, .value = "bpe", .later = "wordpiece|char|byte", .offset = AT(settled),
     .help = "the kind of pieces", .initial = "bpe", .only = TRANSLATION},
    {.name = "tokenizer", .kind = ATT_CLI_CHOICE, .value = "bpe|char|byte", .later = "wordpiece", .offset = AT(pieces),
     .help = "the kind of pieces", .initial = "char below 2 MB of text, else bpe", .only = LM},
    {.name = "tokenizer", .kind = ATT_CLI_CHOICE, .value = "bpe|wordpiece|char|byte", .offset = IN(tokenizer),
     .help = "the kind of pieces", .initial = "bpe", .only = CLASSIFIER},
    {.name = "tokenizer", .kind = ATT_CLI_CHOICE, .value = "bpe|wordpiece|char|byte", .offset = IN(tokenizer),
     .help = "the kind of pieces", .initial = "wordpiece", .only = MLM},
    {.name = "lowercase", .kind = ATT_CLI_FLAG, .offset = IN(lowercase), .help = "make all text lower case",
     .only = TRANSLATION | LM},
    {.name = "lowercase", .kind = ATT_CLI_FLAG, .offset = IN(lowercase), .help = "make all text lower case",
     .initial = "with bpe and wordpiece", .only = CLASSIFIER | MLM},
    {.name = "no-lowercase", .kind = ATT_CLI_FLAG, .offset = IN(no_lowercase),
     .help = "keep capitals, and the accents that wordpiece drops", .only = CLASSIFIER | MLM},
    {.name = "bpe-dropout", .kind = ATT_CLI_NUMBER, .value = "X", .low = 0, .high = 0.99, .offset = IN(bpe_dropout),
     .help = "probability that a merge is left out of a training word, drawn anew in every epoch",
     .initial = "0", .only = TRANSLATION},
    {.name = "max-length", .kind = ATT_CLI_INT, .value = "N", .low = 2, .high = 1 << 20, .offset = IN(max_length),
     .help = "leave out pairs with more tokens on a side", .only = TRANSLATION},
    {.name = "max-length", .kind = ATT_CLI_INT, .value = "N", .low = 2, .high = 1 << 20, .offset = IN(max_length),
     .help = "tokens of a training window", .initial = "the context; at most 1024 with --from", .only = LM},
    {.name = "max-length", .kind = ATT_CLI_INT, .value = "N", .low = 2, .high = 1 << 20, .offset = IN(max_length),
     .help = "cut texts to so many tokens", .only = CLASSIFIER | MLM},

    {.group = "Learning", .name = "batch-tokens", .kind = ATT_CLI_INT64, .value = "N", .low = 1, .high = 1 << 26,
     .offset = IN(batch_tokens), .help = "bound of a batch: rows times the longest side, padding counted"},
    {.name = "batch", .kind = ATT_CLI_INT, .value = "N", .low = 1, .high = 1 << 20, .offset = IN(batch),
     .help = "or: sentence pairs of a batch", .only = TRANSLATION},
    {.name = "batch", .kind = ATT_CLI_INT, .value = "N", .low = 1, .high = 1 << 20, .offset = IN(batch),
     .help = "or: windows of the context that a batch holds", .only = LM},
    {.name = "batch", .kind = ATT_CLI_INT, .value = "N", .low = 1, .high = 1 << 20, .offset = IN(batch),
     .help = "or: texts of a batch", .only = CLASSIFIER | MLM},
    {.name = "lr", .kind = ATT_CLI_NUMBER, .value = "X", .low = 1e-9, .high = 100, .offset = IN(lr),
     .help = "the highest learning rate"},
    {.name = "warmup", .kind = ATT_CLI_INT64, .value = "N", .low = 1, .high = 1e12, .offset = IN(warmup),
     .help = "steps in which it rises to that"},
    {.name = "schedule", .kind = ATT_CLI_CHOICE, .value = "cosine|linear|inverse-sqrt|constant", .offset = IN(schedule),
     .help = "how it falls after that"},
    {.name = "min-lr", .kind = ATT_CLI_NUMBER, .value = "X", .low = 0, .high = 100, .offset = IN(min_lr),
     .help = "where it ends"},
    {.name = "weight-decay", .kind = ATT_CLI_NUMBER, .value = "X", .low = 0, .high = 10, .offset = IN(weight_decay),
     .help = "decoupled from the gradient"},
    {.name = "beta1", .kind = ATT_CLI_NUMBER, .value = "X", .low = 0, .high = 0.999999, .offset = IN(beta1),
     .help = "Adam's decay of the first moment"},
    {.name = "beta2", .kind = ATT_CLI_NUMBER, .value = "X", .low = 0, .high = 0.999999, .offset = IN(beta2),
     .help = "Adam's decay of the second moment"},
    {.name = "clip", .kind = ATT_CLI_NUMBER, .value = "X", .low = 0, .high = 1e9, .offset = IN(clip),
     .help = "the largest norm of a step's gradient; 0 does not clip"},
    {.name = "dropout", .kind = ATT_CLI_NUMBER, .value = "X", .low = 0, .high = 0.99, .offset = IN(dropout),
     .help = "share of activations dropped"},
    {.name = "label-smoothing", .kind = ATT_CLI_NUMBER, .value = "X", .low = 0, .high = 0.99,
     .offset = IN(label_smoothing), .help = "probability spread over the whole vocabulary", .only = TRANSLATION | LM},
    {.name = "label-smoothing", .kind = ATT_CLI_NUMBER, .value = "X", .low = 0, .high = 0.99,
     .offset = IN(label_smoothing), .help = "probability spread over all labels", .only = CLASSIFIER},
    {.name = "token-dropout", .kind = ATT_CLI_NUMBER, .value = "X", .low = 0, .high = 0.99, .offset = IN(token_dropout),
     .help = "share of a text's tokens that are hidden behind the mask, drawn anew in every step", .only = CLASSIFIER},
    {.name = "average", .kind = ATT_CLI_INT, .value = "N", .low = 1, .high = 64, .offset = IN(average),
     .help = "average the last N good checkpoints; 1 keeps the best alone"},

    {.group = "Running", .name = "resume", .kind = ATT_CLI_FLAG, .offset = IN(resume),
     .help = "go on from the last checkpoint in --out; starts afresh where there is none"},
    {.name = "from", .kind = ATT_CLI_TEXT, .value = "DIR", .offset = IN(from),
     .help = "go on from this model, with its tokenizer"},
    {.name = "valid-every", .kind = ATT_CLI_INT64, .value = "N", .low = 1, .high = 1e12, .offset = IN(valid_every),
     .help = "steps between validations"},
    {.name = "patience", .kind = ATT_CLI_INT, .value = "N", .low = 0, .high = 1000000, .offset = IN(patience),
     .help = "validations without improvement before it stops; 0 never stops"},
    {.name = "save-every", .kind = ATT_CLI_INT64, .value = "N", .low = 1, .high = 1e12, .offset = IN(save_every),
     .help = "steps between checkpoints"},
    {.name = "precision", .kind = ATT_CLI_CHOICE, .value = "f32", .later = "bf16", .offset = AT(settled),
     .help = "of the arithmetic", .initial = "f32"},
    {.name = NULL}};
/* clang-format on */

static int missing(att_cli *cli, const char *name, const char *why) {
  return att_cli_fail(cli, ATT_CLI_MISUSED, "%s is missing: %s", name, why);
}

static int check_translation(att_cli *cli, const att_train_options *train) {
  if (!train->source) return missing(cli, "--source", "a file of source sentences, one a line");
  if (!train->target) return missing(cli, "--target", "a file of their translations, line by line");
  if (!train->valid_source != !train->valid_target)
    return missing(cli, train->valid_source ? "--valid-target" : "--valid-source",
                   "the two validation files go together");
  return 0;
}

/* What the table cannot say: options that are needed. */
static int check_data(att_cli *cli, train_options *o) {
  unsigned verb = cli->verb->bit;
  if (verb == TRANSLATION) return check_translation(cli, &o->train);
  if (verb == CLASSIFIER) return o->train.data ? 0 : missing(cli, "--data", "a file of lines of text<TAB>label");
  if (o->texts.count == 0) return missing(cli, "--text", "a file of text to learn from");
  for (int i = 0; i < cli->word_count; i++) { /* --text a.txt b.txt: what a shell makes of --text *.txt */
    if (o->texts.count == ATT_CLI_MOST_TEXTS)
      return att_cli_fail(cli, ATT_CLI_MISUSED, "more than %d files of text: join some", ATT_CLI_MOST_TEXTS);
    o->texts.items[o->texts.count++] = cli->words[i];
  }
  o->train.texts = o->texts.items;
  o->train.text_count = (size_t)o->texts.count;
  return 0;
}

/* And those that exclude each other. */
static int check(att_cli *cli, train_options *o) {
  att_train_options *train = &o->train;
  int status = check_data(cli, o);
  if (status) return status;
  if (!train->out) return missing(cli, "--out", "the folder that the model is written to");
  if (att_cli_given(cli, "steps") + att_cli_given(cli, "epochs") + att_cli_given(cli, "minutes") > 1)
    return att_cli_fail(cli, ATT_CLI_MISUSED, "--steps, --epochs and --minutes exclude each other: give one budget");
  if (att_cli_given(cli, "batch") && att_cli_given(cli, "batch-tokens"))
    return att_cli_fail(cli, ATT_CLI_MISUSED, "--batch and --batch-tokens exclude each other: give one");
  const char *const sizes[] = {"tiny", "small", "base", "big"};
  bool known = !train->size;
  for (size_t i = 0; i < 4 && !known; i++) known = strcmp(train->size, sizes[i]) == 0;
  if (!known) return att_cli_fail(cli, ATT_CLI_MISUSED, "--size: '%s' is not one of tiny|small|base|big", train->size);
  bool encodes = cli->verb->bit != LM, decodes = cli->verb->bit & (LM | TRANSLATION);
  if (encodes && !train->encoder_layers) train->encoder_layers = o->layers;
  if (decodes && !train->decoder_layers) train->decoder_layers = o->layers;
  if (o->pieces >= 0) train->tokenizer = (const int[]){ATT_BPE, ATT_CHAR, ATT_BYTE}[o->pieces];
  if (o->labels >= 0) train->head = ATT_HEAD_CLASSES + o->labels;
  if (o->one_direction) train->one_direction = 1;
  if (att_cli_given(cli, "seed")) train->seed = (int64_t)o->common.seed;
  return 0;
}

/* What each verb runs, and what it says at the end. */
typedef att_status train_call(att_context *ctx, const att_train_options *options, att_progress_fn *progress,
                              void *user);

static int run(att_cli *cli, train_call *call, const char *hint) {
  train_options o;
  memset(&o, 0, sizeof o);
  att_train_options_default(&o.train);
  o.labels = o.pieces = -1;
  int status = att_cli_parse(cli, &o);
  if (!status) status = check(cli, &o);
  if (!status) status = att_cli_start(cli);
  if (status) return status;
  att_cli_progress progress;
  att_cli_progress_start(&progress, cli);
  status = att_cli_progress_end(&progress, call(cli->ctx, &o.train, att_cli_on_progress, &progress));
  if (!status && !cli->common.quiet) {
    fputs(hint, stderr);
    const char *const after = cli->verb->bit == LM    ? " \"Once upon a time\""
                              : cli->verb->bit == MLM ? " \"A text with a [MASK] in it\""
                                                      : " < FILE";
    fprintf(stderr, "%s%s\n", o.train.out, after);
  }
  return status;
}

static int run_translation(att_cli *cli) { return run(cli, att_train_translation, "To translate: attend translate "); }
static int run_lm(att_cli *cli) { return run(cli, att_train_lm, "To write: attend generate "); }
static int run_classifier(att_cli *cli) { return run(cli, att_train_classifier, "To label: attend classify "); }
static int run_mlm(att_cli *cli) { return run(cli, att_train_mlm, "To fill in: attend fill "); }

const att_cli_verb att_cli_train_translation = {
    .name = "train translation",
    .arguments = "--source FILE --target FILE --out DIR",
    .task = "translation",
    .summary = "train a translator from two text files",
    .about = "Trains its own joint byte-level BPE on the two files, then an encoder-decoder Transformer. Sizes, batch, "
             "learning rate and schedule come from the data and the budget unless given; they are printed, and kept in "
             "DIR/checkpoint. The best model is kept in DIR, which Hugging Face Transformers opens too. Ctrl-C saves, "
             "and --resume goes on.",
    .example = "attend train translation --source train.de.gz --target train.en.gz \\\n"
               "  --valid-source val.de.gz --valid-target val.en.gz --minutes 60 -o de-en",
    .options = options,
    .bit = TRANSLATION,
    .run = run_translation,
};

const att_cli_verb att_cli_train_lm = {
    .name = "train lm",
    .arguments = "--text FILE [FILE]... --out DIR",
    .task = "language models",
    .summary = "train a language model from text",
    .about = "Trains a decoder that predicts the next character, byte or piece of its own BPE: GPT-2's blocks, or "
             "Llama's with --norm rms, or a recurrent network with --family. Sizes, pieces, batch and learning rate "
             "come from the amount of text and the budget unless given; they are printed, and kept in DIR/checkpoint. "
             "The best model is kept in DIR, which Hugging Face Transformers opens too. Ctrl-C saves, and --resume "
             "goes on.",
    .example = "attend train lm --text shakespeare.txt --minutes 10 -o bard\n"
               "attend train lm --text more.txt --from bard -o bard-2",
    .options = options,
    .bit = LM,
    .most_words = ATT_CLI_MOST_TEXTS,
    .run = run_lm,
};

const att_cli_verb att_cli_train_classifier = {
    .name = "train classifier",
    .arguments = "--data FILE --out DIR",
    .task = "classification",
    .summary = "train a classifier from texts and labels",
    .about =
        "Trains its own tokenizer and an encoder with a head of labels, or with --from puts that head on an encoder "
        "or decoder that is there. A line of the data is text<TAB>label, or text<TAB>text<TAB>label; a first line "
        "of column names is left out. A label is one of several, any of several with commas between, or a number; "
        "which is seen from the data and said. Choices are printed, and kept in DIR/checkpoint. The best model is "
        "kept in DIR, which Hugging Face Transformers opens too. Ctrl-C saves, and --resume goes on.",
    .example = "attend train classifier --data train.tsv --valid dev.tsv -o sentiment\n"
               "attend train classifier --data train.tsv --from pretrained -o sentiment",
    .options = options,
    .bit = CLASSIFIER,
    .run = run_classifier,
};

const att_cli_verb att_cli_train_mlm = {
    .name = "train mlm",
    .arguments = "--text FILE [FILE]... --out DIR",
    .task = "masked language models",
    .summary = "train an encoder to fill in masks",
    .about =
        "Trains an encoder on unlabelled text as BERT was: of 15 in 100 tokens it is to say what stood there. What "
        "it learns helps `attend train classifier --from`, where labelled texts are few. The best model is kept in "
        "DIR, which Hugging Face Transformers opens as a BertForMaskedLM. Ctrl-C saves, and --resume goes on.",
    .example = "attend train mlm --text wiki.txt --minutes 60 -o pretrained",
    .options = options,
    .bit = MLM,
    .most_words = ATT_CLI_MOST_TEXTS,
    .run = run_mlm,
};
