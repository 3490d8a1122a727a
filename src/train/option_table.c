/*
 * Owns the table of training options: every one, once. See options.h. The order is that of help. What is written for
 * people says nothing of dashes: the command has them, a program has not.
 */
#include "train/options.h"

const char *const att_task_names[ATT_TASK_COUNT] = {[ATT_TASK_TRANSLATION] = "translation",
                                                    [ATT_TASK_LM] = "lm",
                                                    [ATT_TASK_CLASSIFIER] = "classifier",
                                                    [ATT_TASK_MLM] = "mlm",
                                                    [ATT_TASK_COMPARE] = "compare"};

enum {
  TRANSLATION = 1 << ATT_TASK_TRANSLATION,
  LM = 1 << ATT_TASK_LM,
  CLASSIFIER = 1 << ATT_TASK_CLASSIFIER,
  MLM = 1 << ATT_TASK_MLM,
  COMPARE = 1 << ATT_TASK_COMPARE,
  TRAINING = TRANSLATION | LM | CLASSIFIER | MLM,
  ALL = TRAINING | COMPARE,

  TRANSFORMER = 1 << ATT_TRANSFORMER,
  RECURRENT = 1 << ATT_RNN | 1 << ATT_LSTM | 1 << ATT_GRU,
  PADDED = 1 << ATT_FFN
};

/* By the values of their enums. */
static const char *const networks[] = {
    [ATT_TRANSFORMER] = "transformer", [ATT_RNN] = "rnn", [ATT_LSTM] = "lstm", [ATT_GRU] = "gru", [ATT_FFN] = "ffn"};
static const char *const sizes[] = {[ATT_TINY] = "tiny", [ATT_SMALL] = "small", [ATT_BASE] = "base", [ATT_BIG] = "big"};
static const char *const activations[] = {[ATT_RELU] = "relu",     [ATT_GELU] = "gelu",           [ATT_SILU] = "silu",
                                          [ATT_SWIGLU] = "swiglu", [ATT_GELU_TANH] = "gelu-tanh", [ATT_TANH] = "tanh"};
static const char *const norms[] = {[ATT_NORM_LAYER] = "layer", [ATT_NORM_RMS] = "rms"};
static const char *const orders[] = {[ATT_NORM_BEFORE] = "before", [ATT_NORM_AFTER] = "after"};
static const char *const positions[] = {
    [ATT_SINUSOIDAL] = "sinusoidal", [ATT_LEARNED] = "learned", [ATT_ROTARY] = "rotary",
    [ATT_RELATIVE] = "relative",     [ATT_ALIBI] = "alibi",     [ATT_NO_POSITION] = "none"};
static const char *const attentions[] = {
    [ATT_SCORING_NONE] = "none", [ATT_SCORING_ADDITIVE] = "additive", [ATT_SCORING_MULTIPLICATIVE] = "multiplicative"};
static const char *const tokenizers[] = {[ATT_BPE] = "bpe",
                                         [ATT_WORDPIECE] = "wordpiece",
                                         [ATT_CHAR] = "char",
                                         [ATT_BYTE] = "byte",
                                         [ATT_UNIGRAM] = "unigram"};
static const char *const schedules[] = {[ATT_SCHEDULE_COSINE] = "cosine",
                                        [ATT_SCHEDULE_LINEAR] = "linear",
                                        [ATT_SCHEDULE_INVERSE_SQRT] = "inverse-sqrt",
                                        [ATT_SCHEDULE_CONSTANT] = "constant"};
static const char *const heads[] = {
    [ATT_HEAD_CLASSES] = "one", [ATT_HEAD_LABELS] = "many", [ATT_HEAD_VALUES] = "number"};
static const char *const givens[] = {"not given", "given"};

#define RUN(member)  .offset = offsetof(att_train_options, member)
#define PLAN(member) .offset = offsetof(att_train_options, plan.member)
#define CHOICE(list) .kind = ATT_OPTION_CHOICE, .choices = list, .choice_count = sizeof list / sizeof *list
#define WHOLE        .kind = ATT_OPTION_WHOLE, .value = "N"
#define NUMBER       .kind = ATT_OPTION_NUMBER, .value = "X"
#define FLAG         .kind = ATT_OPTION_FLAG
#define FILE_        .kind = ATT_OPTION_FILE, .value = "FILE"
#define FOLDER       .kind = ATT_OPTION_FILE, .value = "DIR"

/* clang-format off */
const att_option att_options[] = {
    /* ---- data ---- */
    {.name = "source", .group = "Data", FILE_, RUN(source), .tasks = TRANSLATION | COMPARE, .required = TRANSLATION,
     .with = "target", .help = "source sentences, one a line; plain text or .gz"},
    {.name = "target", .group = "Data", FILE_, RUN(target), .tasks = TRANSLATION | COMPARE, .required = TRANSLATION,
     .with = "source", .help = "their translations, line by line"},
    {.name = "valid-source", .group = "Data", FILE_, RUN(valid_source), .tasks = TRANSLATION | COMPARE,
     .with = "valid-target", .help = "source sentences to validate on", .chosen = "some of the data is held out",
     .own[ATT_TASK_COMPARE] = {.help = "source sentences to measure with", .chosen = "every tenth is held out"}},
    {.name = "valid-target", .group = "Data", FILE_, RUN(valid_target), .tasks = TRANSLATION | COMPARE,
     .with = "valid-source", .help = "their translations"},
    {.name = "text", .group = "Data", .kind = ATT_OPTION_FILES, .value = "FILE", RUN(texts),
     .tasks = LM | MLM | COMPARE, .required = LM | MLM,
     .help = "text to learn from, plain or .gz; may be given several times"},
    {.name = "data", .group = "Data", FILE_, RUN(data), .tasks = CLASSIFIER | COMPARE, .required = CLASSIFIER,
     .help = "a table, CSV or TSV, plain or .gz: a row has a text and its label, or two texts and a label"},
    {.name = "text-column", .group = "Data", .kind = ATT_OPTION_TEXT, .value = "NAME", PLAN(text_column),
     .tasks = CLASSIFIER | COMPARE, .standing = ATT_IF_ASKED, .with = "data",
     .help = "the column of the text, by its name in the first row or its number from 1", .chosen = "from the data"},
    {.name = "text-pair-column", .group = "Data", .kind = ATT_OPTION_TEXT, .value = "NAME", PLAN(text_pair_column),
     .tasks = CLASSIFIER | COMPARE, .standing = ATT_IF_ASKED, .with = "data",
     .help = "the column of the second text, where a row has two", .chosen = "from the data"},
    {.name = "label-column", .group = "Data", .kind = ATT_OPTION_TEXT, .value = "NAME", PLAN(label_column),
     .tasks = CLASSIFIER | COMPARE, .standing = ATT_IF_ASKED, .with = "data",
     .help = "the column of the label", .chosen = "by its name; else the last"},
    {.name = "valid", .group = "Data", FILE_, RUN(valid), .tasks = LM | CLASSIFIER | MLM | COMPARE,
     .help = "the same, to validate on", .chosen = "some of the data is held out",
     .own = {[ATT_TASK_LM] = {.chosen = "the last tenth is held out"},
             [ATT_TASK_COMPARE] = {.help = "the same as text or data, to measure with",
                                   .chosen = "a tenth is held out"}}},
    {.name = "labels", .group = "Data", CHOICE(heads), PLAN(head), .tasks = CLASSIFIER, .standing = ATT_IF_ASKED,
     .help = "what a label is: one of several, any of several with commas between, or a number to come near",
     .chosen = "from the data"},
    {.name = "out", .group = "Data", FOLDER, .letter = 'o', RUN(out), .tasks = ALL, .required = ALL,
     .help = "the model's folder; absent or empty, or the one whose run is resumed",
     .own[ATT_TASK_COMPARE] = {.help = "where the models and the report go; absent or empty, or the one whose "
                                       "comparison is resumed"}},

    /* ---- budget ---- */
    {.name = "steps", .group = "Budget (one of them)", WHOLE, PLAN(steps), .tasks = ALL, .low = 1, .high = 1e15,
     .resuming = ATT_MAY_GROW, .help = "steps of the optimizer",
     .own[ATT_TASK_COMPARE] = {.help = "steps of each network"}},
    {.name = "epochs", .group = "Budget (one of them)", NUMBER, PLAN(epochs), .tasks = ALL, .low = 1e-6, .high = 1e6,
     .resuming = ATT_MAY_GROW, .help = "passes over the data", .chosen = "from the data, where no budget is given",
     .own[ATT_TASK_COMPARE] = {.help = "passes of each network over the data", .chosen = ""}},
    {.name = "minutes", .group = "Budget (one of them)", NUMBER, PLAN(minutes), .tasks = ALL, .low = 1e-3, .high = 1e7,
     .resuming = ATT_MAY_GROW,
     .help = "time from start to exit, all counted; the first steps are timed and the number of steps is then fixed",
     .own[ATT_TASK_COMPARE] = {.help = "of the whole comparison; each network gets an equal part", .initial = "30"}},

    /* ---- model ---- */
    {.name = "family", .group = "Model", CHOICE(networks), PLAN(network), .tasks = TRAINING, .standing = ATT_OF_MODEL,
     .without[ATT_TASK_MLM] = PADDED, .help = "the kind of network", .initial = "transformer"},
    {.name = "size", .group = "Model", CHOICE(sizes), PLAN(size), .tasks = TRAINING, .standing = ATT_IF_ASKED,
     .help = "a set of sizes, which the options below change", .chosen = "from the data"},
    {.name = "parameters", .group = "Model", WHOLE, PLAN(parameters), .tasks = ALL, .standing = ATT_IF_ASKED, .low = 1,
     .high = 1e12, .help = "about so many, where no width is given: the width follows",
     .own[ATT_TASK_COMPARE] = {.help = "of each network, about; the width follows",
                               .chosen = "what the Transformer has by default"}},
    {.name = "layers", .group = "Model", WHOLE, PLAN(layers), .tasks = TRAINING, .standing = ATT_IF_ASKED, .low = 1,
     .high = 256, .help = "layers of the network",
     .own[ATT_TASK_TRANSLATION] = {.help = "layers of the encoder, and of the decoder"}},
    {.name = "encoder-layers", .group = "Model", WHOLE, PLAN(encoder_layers), .tasks = TRANSLATION,
     .standing = ATT_OF_MODEL, .low = 1, .high = 256, .help = "layers of the encoder"},
    {.name = "decoder-layers", .group = "Model", WHOLE, PLAN(decoder_layers), .tasks = TRANSLATION,
     .standing = ATT_OF_MODEL, .low = 1, .high = 256, .help = "layers of the decoder"},
    {.name = "width", .group = "Model", WHOLE, PLAN(width), .tasks = TRAINING, .standing = ATT_OF_MODEL, .low = 2,
     .high = 65536, .help = "width of the model, a multiple of the heads"},
    {.name = "heads", .group = "Model", WHOLE, PLAN(heads), .tasks = TRAINING, .standing = ATT_OF_MODEL,
     .networks = TRANSFORMER, .low = 1, .high = 1024, .help = "heads of attention"},
    {.name = "kv-heads", .group = "Model", WHOLE, PLAN(kv_heads), .tasks = TRAINING, .standing = ATT_OF_MODEL,
     .networks = TRANSFORMER, .low = 1, .high = 1024, .help = "heads of keys and values, which the others share",
     .chosen = "as many as heads"},
    {.name = "feedforward", .group = "Model", WHOLE, PLAN(feedforward), .tasks = TRAINING, .standing = ATT_OF_MODEL,
     .networks = TRANSFORMER, .low = 1, .high = 1 << 20, .help = "width inside the feed-forward part"},
    {.name = "activation", .group = "Model", CHOICE(activations), PLAN(activation), .tasks = TRAINING,
     .standing = ATT_OF_MODEL, .networks = TRANSFORMER,
     .without = {1 << ATT_TANH, 1 << ATT_TANH, 1 << ATT_TANH, 1 << ATT_TANH},
     .help = "of the feed-forward part; swiglu is gated", .initial = "relu",
     .own = {[ATT_TASK_LM] = {.chosen = "gelu-tanh; swiglu where the norm is rms"},
             [ATT_TASK_CLASSIFIER] = {.initial = "gelu"}, [ATT_TASK_MLM] = {.initial = "gelu"}}},
    {.name = "norm-order", .group = "Model", CHOICE(orders), PLAN(norm_order), .tasks = TRAINING,
     .standing = ATT_OF_MODEL, .networks = TRANSFORMER,
     .help = "normalisation before each part, or after it as in the paper", .initial = "before",
     .own = {[ATT_TASK_CLASSIFIER] = {.initial = "after"}, [ATT_TASK_MLM] = {.initial = "after"}}},
    {.name = "norm", .group = "Model", CHOICE(norms), PLAN(norm), .tasks = TRAINING, .standing = ATT_OF_MODEL,
     .networks = TRANSFORMER, .help = "the kind of normalisation", .initial = "layer"},
    {.name = "position", .group = "Model", CHOICE(positions), PLAN(position), .tasks = TRAINING,
     .standing = ATT_OF_MODEL, .networks = TRANSFORMER, .help = "how positions enter", .initial = "sinusoidal",
     .own = {[ATT_TASK_LM] = {.chosen = "learned; rotary where the norm is rms"},
             [ATT_TASK_CLASSIFIER] = {.initial = "learned"}, [ATT_TASK_MLM] = {.initial = "learned"}}},
    {.name = "tie", .group = "Model", FLAG, PLAN(tied), .tasks = TRANSLATION | LM | MLM, .standing = ATT_OF_MODEL,
     .networks = TRANSFORMER | RECURRENT, .help = "one matrix embeds what is read and predicts what is written",
     .initial = "yes"},
    {.name = "context", .group = "Model", WHOLE, PLAN(context), .tasks = ALL, .standing = ATT_OF_MODEL, .low = 8,
     .high = 1 << 20, .help = "the most tokens of a text (of a side) that the model can ever take"},
    {.name = "attention", .group = "Model", CHOICE(attentions), PLAN(attention), .tasks = TRANSLATION,
     .standing = ATT_OF_MODEL, .networks = RECURRENT, .help = "of a recurrent decoder over its encoder",
     .initial = "none", .own[ATT_TASK_TRANSLATION] = {.initial = "additive"}},
    {.name = "embedding", .group = "Model", WHOLE, PLAN(embedding), .tasks = TRAINING, .standing = ATT_OF_MODEL,
     .networks = RECURRENT | PADDED, .low = 1, .high = 65536,
     .help = "width of the embeddings of a recurrent or padded network"},
    {.name = "one-direction", .group = "Model", FLAG, PLAN(one_direction), .tasks = TRANSLATION | CLASSIFIER,
     .standing = ATT_OF_MODEL, .networks = RECURRENT, .help = "a recurrent encoder reads from left to right alone",
     .initial = "no", .own[ATT_TASK_LM] = {.initial = "yes"}},

    /* ---- text ---- */
    {.name = "vocab", .group = "Text", WHOLE, PLAN(vocab), .tasks = ALL, .standing = ATT_OF_MODEL, .low = 260,
     .high = 1 << 20, .help = "pieces of the vocabulary", .chosen = "from the data"},
    {.name = "tokenizer", .group = "Text", CHOICE(tokenizers), PLAN(tokenizer), .tasks = LM | CLASSIFIER | MLM,
     .standing = ATT_OF_MODEL, .without[ATT_TASK_LM] = 1 << ATT_WORDPIECE | 1 << ATT_UNIGRAM, .help = "the kind of pieces",
     .initial = "bpe",
     .own = {[ATT_TASK_LM] = {.chosen = "char below 2 MB of text, else bpe"},
             [ATT_TASK_MLM] = {.initial = "wordpiece"}}},
    {.name = "lowercase", .group = "Text", FLAG, PLAN(lowercase), .tasks = ALL, .standing = ATT_OF_MODEL,
     .help = "make all text lower case", .initial = "no",
     .own = {[ATT_TASK_CLASSIFIER] = {.help = "make all text lower case; wordpiece drops accents then",
                                      .chosen = "with bpe and wordpiece"},
             [ATT_TASK_MLM] = {.help = "make all text lower case; wordpiece drops accents then",
                               .chosen = "with bpe and wordpiece"},
             [ATT_TASK_COMPARE] = {.chosen = "no; of a classifier as in training"}}},
    {.name = "bpe-dropout", .group = "Text", NUMBER, PLAN(bpe_dropout), .tasks = TRANSLATION, .high = 0.99,
     .help = "probability that a merge is left out of a training word, drawn anew in every epoch", .initial = "0"},
    {.name = "max-length", .group = "Text", WHOLE, PLAN(max_length), .tasks = TRAINING, .low = 2, .high = 1 << 20,
     .help = "cut texts to so many tokens", .chosen = "256; at most the context",
     .own = {[ATT_TASK_TRANSLATION] = {.help = "leave out pairs with more tokens on a side"},
             [ATT_TASK_LM] = {.help = "tokens of a training window",
                              .chosen = "the context; with from at most 1024"},
             [ATT_TASK_MLM] = {.help = "tokens of a training window", .chosen = "128; at most the context"}}},

    /* ---- learning ---- */
    {.name = "batch-tokens", .group = "Learning", WHOLE, PLAN(batch_tokens), .tasks = TRAINING, .low = 1,
     .high = 1 << 26, .help = "bound of a batch: rows times the longest side, padding counted"},
    {.name = "batch", .group = "Learning", WHOLE, PLAN(batch), .tasks = TRAINING, .low = 1, .high = 1 << 20,
     .help = "or: texts of a batch",
     .own = {[ATT_TASK_TRANSLATION] = {.help = "or: sentence pairs of a batch"},
             [ATT_TASK_LM] = {.help = "or: windows of the context that a batch holds"}}},
    {.name = "lr", .group = "Learning", NUMBER, PLAN(lr), .tasks = TRAINING, .low = 1e-9, .high = 100,
     .help = "the highest learning rate", .chosen = "from the model's width"},
    {.name = "warmup", .group = "Learning", WHOLE, PLAN(warmup), .tasks = TRAINING, .standing = ATT_LATE, .low = 1,
     .high = 1e15, .help = "steps in which it rises to that", .chosen = "a part of the steps"},
    {.name = "schedule", .group = "Learning", CHOICE(schedules), PLAN(schedule), .tasks = TRAINING,
     .help = "how it falls after that", .initial = "linear", .own[ATT_TASK_LM] = {.initial = "cosine"}},
    {.name = "min-lr", .group = "Learning", NUMBER, PLAN(min_lr), .tasks = TRAINING, .high = 100,
     .help = "where it ends", .initial = "0", .own[ATT_TASK_LM] = {.chosen = "a tenth of lr"}},
    {.name = "weight-decay", .group = "Learning", NUMBER, PLAN(weight_decay), .tasks = TRAINING, .high = 10,
     .help = "decoupled from the gradient", .initial = "0",
     .own = {[ATT_TASK_LM] = {.initial = "0.1"}, [ATT_TASK_CLASSIFIER] = {.initial = "0.01"},
             [ATT_TASK_MLM] = {.initial = "0.01"}}},
    {.name = "beta1", .group = "Learning", NUMBER, PLAN(beta1), .tasks = TRAINING, .high = 0.999999,
     .help = "Adam's decay of the first moment", .initial = "0.9"},
    {.name = "beta2", .group = "Learning", NUMBER, PLAN(beta2), .tasks = TRAINING, .high = 0.999999,
     .help = "Adam's decay of the second moment", .initial = "0.98",
     .own[ATT_TASK_LM] = {.chosen = "0.99; 0.95 from 32768 tokens a step on"}},
    {.name = "epsilon", .group = "Learning", NUMBER, PLAN(epsilon), .tasks = TRAINING, .low = 1e-30, .high = 1,
     .help = "added to the root of Adam's second moment", .initial = "1e-9", .own[ATT_TASK_LM] = {.initial = "1e-8"}},
    {.name = "clip", .group = "Learning", NUMBER, PLAN(clip), .tasks = TRAINING, .high = 1e9,
     .help = "the largest norm of a step's gradient; 0 does not clip", .initial = "1"},
    {.name = "dropout", .group = "Learning", NUMBER, PLAN(dropout), .tasks = ALL, .standing = ATT_LATE, .high = 0.99,
     .help = "share of activations dropped", .chosen = "from the data and the budget"},
    {.name = "label-smoothing", .group = "Learning", NUMBER, PLAN(label_smoothing),
     .tasks = TRANSLATION | LM | CLASSIFIER, .high = 0.99, .help = "probability spread over the whole vocabulary",
     .initial = "0",
     .own = {[ATT_TASK_TRANSLATION] = {.initial = "0.1"},
             [ATT_TASK_CLASSIFIER] = {.help = "probability spread over all labels",
                                      .chosen = "0.1 where a text has one of several labels; 0 with from"}}},
    {.name = "token-dropout", .group = "Learning", NUMBER, PLAN(token_dropout), .tasks = CLASSIFIER, .high = 0.99,
     .help = "share of a text's tokens that are hidden behind the mask, drawn anew in every step", .initial = "0",
     .own[ATT_TASK_CLASSIFIER] = {.chosen = "0.1; with from 0 or 0.2"}},
    {.name = "average", .group = "Learning", WHOLE, PLAN(average), .tasks = TRAINING, .low = 1,
     .high = ATT_MOST_AVERAGE, .help = "average the last N good checkpoints; 1 keeps the best alone", .initial = "5"},

    /* ---- running ---- */
    {.name = "resume", .group = "Running", FLAG, RUN(resume), .tasks = ALL,
     .help = "continue from the last checkpoint in the folder, with the files of its run; starts anew where there is "
             "none", .initial = "no",
     .own[ATT_TASK_COMPARE] = {.help = "continue the comparison where it stopped"}},
    {.name = "from", .group = "Running", FOLDER, RUN(from), .tasks = TRAINING,
     .help = "begin with this model and its tokenizer"},
    {.name = "freeze", .group = "Running", .kind = ATT_OPTION_TEXT, .value = "WHAT", PLAN(freeze), .tasks = TRAINING,
     .standing = ATT_IF_ASKED,
     .help = "leave a part as it is: embeddings, encoder, all-but-head, or a pattern (*, ?) of parameter names or of "
             "the parts that info lists; several with commas"},
    {.name = "valid-every", .group = "Running", WHOLE, PLAN(valid_every), .tasks = TRAINING, .standing = ATT_LATE,
     .low = 1, .high = 1e15, .help = "steps between validations", .chosen = "from the budget"},
    {.name = "patience", .group = "Running", WHOLE, PLAN(patience), .tasks = TRAINING, .high = 1000000,
     .help = "validations without improvement before it stops; 0 never stops", .initial = "12"},
    {.name = "save-every", .group = "Running", WHOLE, PLAN(save_every), .tasks = TRAINING, .resuming = ATT_MAY_DIFFER,
     .low = 1, .high = 1e15, .help = "steps between checkpoints", .chosen = "by time"},
    {.name = "seed", .group = "Running", WHOLE, PLAN(seed), .tasks = ALL, .high = 9223372036854774784.0,
     .help = "of everything random; the same seed gives the same result", .initial = "1"},

    /* ---- in plans alone ---- */
    {.name = "from", CHOICE(givens), PLAN(fine_tuned), .initial = "not given"},
};
/* clang-format on */

const size_t att_option_count = sizeof att_options / sizeof *att_options;
