/* Owns `attend train translation`: its options, and the words around a run of the library's trainer. */
#include "options.h"
#include "progress.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct train_options {
  att_cli_common common;
  att_train_options train;
  int layers;  /* of both sides */
  int settled; /* choices of which this version has one */
} train_options;

#define AT(member) offsetof(train_options, member)
#define IN(member) offsetof(train_options, train.member)

/* clang-format off */
static const att_cli_option options[] = {
    {.group = "Data", .name = "source", .kind = ATT_CLI_TEXT, .value = "FILE", .offset = IN(source),
     .help = "source sentences, one a line; plain text or .gz"},
    {.name = "target", .kind = ATT_CLI_TEXT, .value = "FILE", .offset = IN(target),
     .help = "their translations, line by line"},
    {.name = "valid-source", .kind = ATT_CLI_TEXT, .value = "FILE", .offset = IN(valid_source),
     .help = "source sentences to validate on", .initial = "some of the data is held out"},
    {.name = "valid-target", .kind = ATT_CLI_TEXT, .value = "FILE", .offset = IN(valid_target),
     .help = "their translations"},
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
    {.name = "layers", .kind = ATT_CLI_INT, .value = "N", .low = 1, .high = 256, .offset = AT(layers),
     .help = "layers of the encoder, and of the decoder"},
    {.name = "encoder-layers", .kind = ATT_CLI_INT, .value = "N", .low = 1, .high = 256, .offset = IN(encoder_layers),
     .help = "layers of the encoder"},
    {.name = "decoder-layers", .kind = ATT_CLI_INT, .value = "N", .low = 1, .high = 256, .offset = IN(decoder_layers),
     .help = "layers of the decoder"},
    {.name = "width", .kind = ATT_CLI_INT, .value = "N", .low = 4, .high = 65536, .offset = IN(width),
     .help = "width of the model, a multiple of the heads"},
    {.name = "heads", .kind = ATT_CLI_INT, .value = "N", .low = 1, .high = 1024, .offset = IN(heads),
     .help = "heads of attention"},
    {.name = "kv-heads", .kind = ATT_CLI_LATER},
    {.name = "feedforward", .kind = ATT_CLI_INT, .value = "N", .low = 1, .high = 1 << 20, .offset = IN(feedforward),
     .help = "width inside the feed-forward part"},
    {.name = "activation", .kind = ATT_CLI_CHOICE, .value = "relu|gelu|silu", .later = "swiglu",
     .offset = IN(activation), .help = "of the feed-forward part", .initial = "relu"},
    {.name = "norm-order", .kind = ATT_CLI_CHOICE, .value = "before|after", .offset = IN(norm_order),
     .help = "normalisation before each part, or after it as in the paper", .initial = "before"},
    {.name = "norm", .kind = ATT_CLI_CHOICE, .value = "layer", .later = "rms", .offset = AT(settled),
     .help = "the kind of normalisation", .initial = "layer"},
    {.name = "position", .kind = ATT_CLI_CHOICE, .value = "sinusoidal|learned", .later = "rotary|relative|alibi|none",
     .offset = IN(position), .help = "how positions enter", .initial = "sinusoidal"},
    {.name = "no-tie", .kind = ATT_CLI_FLAG, .offset = IN(no_tie),
     .help = "separate embeddings for source, target and output"},
    {.name = "context", .kind = ATT_CLI_INT, .value = "N", .low = 8, .high = 1 << 20, .offset = IN(context),
     .help = "the most tokens of a side that the model can ever take"},
    {.name = "family", .kind = ATT_CLI_CHOICE, .value = "transformer", .later = "rnn|lstm|gru|ffn",
     .offset = AT(settled), .help = "the kind of network", .initial = "transformer"},
    {.name = "attention", .kind = ATT_CLI_LATER},

    {.group = "Text", .name = "vocab", .kind = ATT_CLI_INT, .value = "N", .low = 260, .high = 1 << 20,
     .offset = IN(vocab), .help = "pieces of the joint vocabulary", .initial = "from the data"},
    {.name = "tokenizer", .kind = ATT_CLI_CHOICE, .value = "bpe", .later = "wordpiece|char|byte", .offset = AT(settled),
     .help = "the kind of pieces", .initial = "bpe"},
    {.name = "lowercase", .kind = ATT_CLI_FLAG, .offset = IN(lowercase), .help = "make all text lower case"},
    {.name = "bpe-dropout", .kind = ATT_CLI_NUMBER, .value = "X", .low = 0, .high = 0.99, .offset = IN(bpe_dropout),
     .help = "probability that a merge is left out of a training word, drawn anew in every epoch",
     .initial = "from the data"},
    {.name = "max-length", .kind = ATT_CLI_INT, .value = "N", .low = 2, .high = 1 << 20, .offset = IN(max_length),
     .help = "leave out pairs with more tokens on a side"},

    {.group = "Learning", .name = "batch-tokens", .kind = ATT_CLI_INT64, .value = "N", .low = 1, .high = 1 << 26,
     .offset = IN(batch_tokens), .help = "bound of a batch: rows times the longest side, padding counted"},
    {.name = "batch", .kind = ATT_CLI_INT, .value = "N", .low = 1, .high = 1 << 20, .offset = IN(batch),
     .help = "or: sentence pairs of a batch"},
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
     .offset = IN(label_smoothing), .help = "probability spread over the whole vocabulary"},
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

/* What the table cannot say: options that need, or exclude, each other. */
static int check(att_cli *cli, train_options *o) {
  att_train_options *train = &o->train;
  if (!train->source) return missing(cli, "--source", "a file of source sentences, one a line");
  if (!train->target) return missing(cli, "--target", "a file of their translations, line by line");
  if (!train->out) return missing(cli, "--out", "the folder that the model is written to");
  if (!train->valid_source != !train->valid_target)
    return missing(cli, train->valid_source ? "--valid-target" : "--valid-source",
                   "the two validation files go together");
  if (att_cli_given(cli, "steps") + att_cli_given(cli, "epochs") + att_cli_given(cli, "minutes") > 1)
    return att_cli_fail(cli, ATT_CLI_MISUSED, "--steps, --epochs and --minutes exclude each other: give one budget");
  if (att_cli_given(cli, "batch") && att_cli_given(cli, "batch-tokens"))
    return att_cli_fail(cli, ATT_CLI_MISUSED, "--batch and --batch-tokens exclude each other: give one");
  const char *const sizes[] = {"tiny", "small", "base", "big"};
  bool known = !train->size;
  for (size_t i = 0; i < 4 && !known; i++) known = strcmp(train->size, sizes[i]) == 0;
  if (!known) return att_cli_fail(cli, ATT_CLI_MISUSED, "--size: '%s' is not one of tiny|small|base|big", train->size);
  if (o->layers && !train->encoder_layers) train->encoder_layers = o->layers;
  if (o->layers && !train->decoder_layers) train->decoder_layers = o->layers;
  if (att_cli_given(cli, "seed")) train->seed = (int64_t)o->common.seed;
  return 0;
}

static int run(att_cli *cli) {
  train_options o;
  memset(&o, 0, sizeof o);
  att_train_options_default(&o.train);
  int status = att_cli_parse(cli, &o);
  if (!status) status = check(cli, &o);
  if (!status) status = att_cli_start(cli);
  if (status) return status;
  att_cli_progress progress;
  att_cli_progress_start(&progress, cli);
  att_cli_begin_work(cli);
  att_status done = att_train_translation(cli->ctx, &o.train, att_cli_on_progress, &progress);
  att_cli_end_work();
  att_cli_progress_end(&progress);
  if (done == ATT_ARGUMENT) return att_cli_fail(cli, ATT_CLI_MISUSED, "%s", att_message(cli->ctx));
  if (done == ATT_OK && !cli->common.quiet) fprintf(stderr, "To translate: attend translate %s < FILE\n", o.train.out);
  return att_cli_failed(cli, done);
}

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
    .run = run,
};
