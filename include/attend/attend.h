/*
 * attend: trains Transformers, runs them and lets people look inside them.
 *
 *   att_context *ctx;
 *   att_model *model;
 *   if (att_context_new(NULL, &ctx) != ATT_OK) ...
 *   if (att_model_open(ctx, "models/de-en", &model) != ATT_OK) puts(att_message(ctx));
 *   att_translate(model, lines, count, NULL, on_translation, user);
 *   att_model_close(model);
 *   att_context_free(ctx);
 *
 * Every call that can fail returns an att_status; att_message(ctx) then says what, where and what to do, in one line.
 * On failure an output handle is set to NULL and there is nothing to free. The library never prints, exits or aborts.
 * A context, and all that was made from it, is for one thread at a time; separate contexts are independent.
 * A calling thread needs a stack of 2 MiB or more (the usual 8 is plenty). A program that catches signals while the
 * library works should do so with SA_ONSTACK: oneDNN's code keeps data below the stack pointer.
 * Strings are UTF-8. Token ids are int32_t. Log-probabilities are natural. Times are seconds.
 */
#ifndef ATTEND_ATTEND_H
#define ATTEND_ATTEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(ATT_BUILDING) && defined(__GNUC__)
#define ATT_API __attribute__((visibility("default")))
#else
#define ATT_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ---- status, context ------------------------------------------------------------------------------------------ */

typedef enum att_status {
  ATT_OK = 0,
  ATT_MEMORY,      /* an allocation failed */
  ATT_IO,          /* a file could not be opened, read or written */
  ATT_FORMAT,      /* the content of a file or text is not what it must be */
  ATT_ARGUMENT,    /* the caller passed something impossible */
  ATT_UNSUPPORTED, /* valid, but nothing attend knows */
  ATT_NUMERIC,     /* NaN or infinity where a number must be */
  ATT_INTERRUPTED, /* att_interrupt was called, or a callback returned non-zero; what was made is saved */
  ATT_STATUS_COUNT
} att_status;

typedef struct att_context att_context;

/* One function allocates, resizes and frees, as in Lua: pointer NULL allocates, size 0 frees and returns NULL, and NULL
 * for a size above 0 means that there is no memory (the old block stays). Alignment as malloc's. It may be called from
 * one thread at a time only. */
typedef struct att_allocator {
  void *(*resize)(void *user, void *pointer, size_t size);
  void *user;
} att_allocator;

typedef enum att_log_level { ATT_LOG_NOTE, ATT_LOG_WARNING } att_log_level;
/* text: one line without its end, valid during the call. */
typedef void att_log_fn(void *user, att_log_level level, const char *text);

typedef struct att_context_options {
  att_allocator allocator; /* resize NULL: malloc's */
  int threads;             /* 0: the cores that this process may use; at most 256 */
  att_log_fn *log;         /* warnings and notes; NULL: dropped */
  void *log_user;
} att_context_options;

/* ATT_MEMORY also where the process may not start that many threads. options may be NULL. On failure *ctx is NULL (and
 * there is no message: the status is all). */
ATT_API att_status att_context_new(const att_context_options *options, att_context **ctx);
/* After everything made from it has been closed. NULL is fine. */
ATT_API void att_context_free(att_context *ctx);
/* What the last failing call on this context said; never NULL; valid until the next call on it. */
ATT_API const char *att_message(const att_context *ctx);
ATT_API const char *att_status_name(att_status status);
ATT_API const char *att_version(void);
/* Makes a running att_train_translation or att_translate stop soon with ATT_INTERRUPTED. Safe in a signal handler. */
ATT_API void att_interrupt(att_context *ctx);
/* Frees what a call documented as "free with att_release" gave. NULL is fine. */
ATT_API void att_release(att_context *ctx, void *pointer);

/* ---- models --------------------------------------------------------------------------------------------------- */

typedef struct att_model att_model;

/* What a model takes and gives. */
typedef enum att_kind {
  ATT_ENCODER_DECODER, /* a source to a target: translate, score pairs */
  ATT_DECODER,         /* text to its continuation: generate, score text */
  ATT_ENCODER,         /* text to a vector a token: embed, classify, fill */
  ATT_KIND_COUNT
} att_kind;

/* What stands on top. */
typedef enum att_head {
  ATT_HEAD_TOKENS,  /* the vocabulary: the next token, or the one behind a mask */
  ATT_HEAD_CLASSES, /* one of several labels: softmax */
  ATT_HEAD_LABELS,  /* any of several labels: a sigmoid each */
  ATT_HEAD_VALUES,  /* numbers: regression */
  ATT_HEAD_NONE,    /* hidden states only */
  ATT_HEAD_COUNT
} att_head;

/* Opens a Hugging Face folder: config.json, model.safetensors, tokenizer.json, generation_config.json; or one of
 * sentence-transformers (modules.json), whose further stages att_embed reads when it first runs. */
ATT_API att_status att_model_open(att_context *ctx, const char *folder, att_model **model);
ATT_API void att_model_close(att_model *model);

/* Writes the model as a Hugging Face folder. type: of its weights in the file, "float32", "float16" or "bfloat16";
 * NULL: each as it came, float32 where it was trained. The folder must not exist, or be empty. The
 * stages of a folder of sentence-transformers are copied from it. */
ATT_API att_status att_model_save(att_model *model, const char *folder, const char *type);

typedef struct att_part_info {
  const char *name;   /* "encoder layer 0 self-attention", ... */
  int64_t parameters; /* a tied weight counts where it first stands */
} att_part_info;

/* Weights of one type in memory. */
typedef struct att_memory_info {
  const char *type;     /* "bfloat16", ... */
  int64_t mapped_bytes; /* of them, those that are read from the file where they lie */
  int64_t copied_bytes;
} att_memory_info;

typedef struct att_model_info {
  const char *type;    /* config.json's model_type: "marian", "m2m_100", "gpt2", "llama", "bert", "attend-rnn", ... */
  att_kind kind;       /* what it can be asked for */
  att_head head;       /* what it answers */
  const char *network; /* "transformer", "rnn", "lstm", "gru", "ffn" */
  const char *norm;    /* "layer", "rms"; NULL: none, as in recurrent networks */
  const char *norm_order; /* "before", "after", or NULL */
  const char *position;   /* "sinusoidal", "learned", "rotary", "relative", "alibi", "none"; or NULL */
  const char *activation; /* "relu", "gelu", "silu", "swiglu", ...; or NULL */
  const char *attention;  /* of recurrent ones: "none", "additive", "multiplicative"; else NULL */
  bool bidirectional;     /* of recurrent encoders */
  int64_t width, vocabulary, context;
  int64_t kv_heads;    /* fewer than heads where they are grouped */
  int64_t label_count; /* of a head of classes, labels or values; else 0 */
  int64_t encoder_layers, decoder_layers, encoder_heads, decoder_heads, encoder_feedforward, decoder_feedforward;
  bool tied;           /* source, target and output embeddings are one matrix */
  const char *storage; /* "float32", "float16", "bfloat16": the type in model.safetensors */
  int64_t parameters;
  int64_t file_bytes;                   /* of model.safetensors */
  int64_t weight_bytes;                 /* in memory, mapped ones in */
  const att_memory_info *const *memory; /* [memory_count]: of the types that there are */
  size_t memory_count;
  const att_part_info *parts;
  size_t part_count;
} att_model_info;

/* Pointers stay valid while the model is open. */
ATT_API att_status att_model_describe(att_model *model, const att_model_info **info);

typedef enum att_verb {
  ATT_VERB_TRANSLATE,
  ATT_VERB_SCORE_PAIRS,
  ATT_VERB_GENERATE,
  ATT_VERB_SCORE_TEXT,
  ATT_VERB_CLASSIFY,
  ATT_VERB_FILL,
  ATT_VERB_EMBED
} att_verb;

/* ATT_OK, or ATT_UNSUPPORTED with a message that says what the model is and which verbs it has. The calls below check
 * it themselves. */
ATT_API att_status att_check_verb(att_model *model, att_verb verb);

typedef struct att_machine_info {
  const char *version, *compiler;
  const char *processor;       /* as the processor names itself */
  const char *instruction_set; /* of the kernels in use: "portable", "avx2", "avx512" */
  const char *gemm;            /* behind the matrix door: "onednn", "cblas", "own" */
  int threads;
  int64_t memory_bytes;
} att_machine_info;

ATT_API att_status att_describe_machine(att_context *ctx, att_machine_info *info);

/* ---- text ----------------------------------------------------------------------------------------------------- */

/* A piece of text that need not end in NUL and may contain NUL. */
typedef struct att_text {
  const char *data;
  size_t size;
} att_text;

/* Text to token ids with the model's tokenizer. special: add the special tokens that the model expects around a text.
 * *ids: free with att_release. Invalid UTF-8 is replaced by U+FFFD, as Hugging Face tokenizers do. */
ATT_API att_status att_tokenize(att_model *model, att_text text, bool special, int32_t **ids, size_t *count);
/* Token ids to text, special tokens left out. *text: ends in NUL (not counted); free with att_release. */
ATT_API att_status att_detokenize(att_model *model, const int32_t *ids, size_t count, char **text, size_t *size);
/* The vocabulary's own spelling of a token ("Ġdog"), or NULL where there is none. Valid while the model is open. */
ATT_API const char *att_token(att_model *model, int32_t id);

/* ---- translating ---------------------------------------------------------------------------------------------- */

/* Made by att_decode_options_default from the folder's generation_config.json; change what you like. */
typedef struct att_decode_options {
  int beam;              /* 1: greedy (or sampling, where temperature is above 0) */
  double length_penalty; /* a finished hypothesis' score is its log-probability / tokens^length_penalty */
  bool early_stopping;   /* stop at `beam` finished ones; false: when no running one can win (Hugging Face's rule) */
  int nbest;             /* hypotheses given for a line, at most beam (sampling: that many samples) */
  int max_length; /* tokens of a hypothesis, end token included; never more than the model's positions. (Hugging Face's
                     max_length counts the start token too: the default is one less than the folder's) */
  int64_t batch_tokens;      /* bounds lines x longest line of a batch */
  double temperature;        /* 0: no sampling */
  int top_k;                 /* 0: all */
  double top_p;              /* 1: all */
  double min_p;              /* 0: all */
  double repetition_penalty; /* 1: none; over what the decoder has written, its start token in, as Hugging Face's */
  uint64_t seed;
  bool alignment;    /* give each hypothesis its alignment: costs a little */
  size_t first_line; /* the number, from 0, of lines[0] in the caller's text, where that is translated piece by piece:
                        for warnings and for what a line draws with */
} att_decode_options;

ATT_API void att_decode_options_default(const att_model *model, att_decode_options *options);

typedef struct att_hypothesis {
  const char *text;
  size_t text_size;
  const int32_t *tokens;    /* [token_count], end token included where it was reached */
  const int32_t *alignment; /* [token_count]: the position in source_tokens that the token attended to most (mean of the
                               heads of the last layer's cross-attention); or NULL */
  size_t token_count;
  double score;   /* as length_penalty says; sampling: the log-probability */
  double logprob; /* sum over tokens */
} att_hypothesis;

typedef struct att_translation {
  size_t line;                  /* index into `lines` */
  const int32_t *source_tokens; /* with the special tokens that the model got */
  size_t source_count;
  bool truncated;                   /* the line was too long for the model */
  const att_hypothesis *hypotheses; /* best first */
  size_t count;
} att_translation;

/* All pointers are valid during the call only. A non-zero return stops the work with ATT_INTERRUPTED. */
typedef int att_translation_fn(void *user, const att_translation *translation);

/* Translates lines[0..count): batches sorted by length inside, results given in the lines' order, as soon as every line
 * before has one. options NULL: the defaults. An empty line gives an empty text with no tokens. */
ATT_API att_status att_translate(att_model *model, const att_text *lines, size_t count,
                                 const att_decode_options *options, att_translation_fn *give, void *user);

typedef struct att_score {
  double logprob; /* of the target given the source, end token included */
  int64_t tokens; /* predicted, end token included */
  bool truncated; /* a side was too long for the model */
} att_score;

/* scores[i] of targets[i] given sources[i]. scores: [count], the caller's. */
ATT_API att_status att_score_pairs(att_model *model, const att_text *sources, const att_text *targets, size_t count,
                                   att_score *scores);

/* ---- generating ----------------------------------------------------------------------------------------------- */

/* Made by att_generate_options_default from the folder's generation_config.json. */
typedef struct att_generate_options {
  int max_tokens;     /* new ones of each sample, end token included; 0: as many as the model has positions for */
  int samples;        /* continuations of the prompt, side by side */
  double temperature; /* 0: greedy */
  int top_k;          /* 0: all */
  double top_p;       /* 1: all */
  double min_p;       /* 0: all */
  double repetition_penalty; /* 1: none (Keskar et al. 2019, section 4.1; over prompt and output, as Hugging Face's) */
  const char *const *stop;   /* [stop_count]: a sample ends before the first of these texts, which is not given */
  size_t stop_count;
  uint64_t seed; /* sample i of prompt number n draws with a key of seed, n and i: whatever the threads and batches */
  size_t prompt_number;
  bool ignore_end; /* go on beyond the end token */
} att_generate_options;

ATT_API void att_generate_options_default(const att_model *model, att_generate_options *options);

typedef enum att_finish {
  ATT_RUNNING,
  ATT_FINISH_END,
  ATT_FINISH_STOP,
  ATT_FINISH_LENGTH,
  ATT_FINISH_CONTEXT
} att_finish;

/* A piece of a sample as it comes: whole characters only. */
typedef struct att_piece_of_text {
  int sample;
  const char *text; /* what is new; may be empty */
  size_t size;
  att_finish finish;     /* ATT_RUNNING but in a sample's last piece, which has all of these: */
  const int32_t *tokens; /* [token_count] of the whole sample, end token included where it was reached */
  size_t token_count;
  size_t prompt_tokens;
  double logprob; /* sum over tokens, of the model's own distribution */
} att_piece_of_text;

/* Pointers are valid during the call only. A non-zero return stops the work with ATT_INTERRUPTED. */
typedef int att_generate_fn(void *user, const att_piece_of_text *piece);

/* Continues the prompt (empty: from the model's start token). A prompt that leaves no position free is refused
 * (ATT_ARGUMENT) with the numbers; a sample that reaches the last position ends with ATT_FINISH_CONTEXT. Models of kind
 * ATT_DECODER only. */
ATT_API att_status att_generate(att_model *model, att_text prompt, const att_generate_options *options,
                                att_generate_fn *give, void *user);

typedef struct att_text_score {
  double logprob; /* sum over the predicted tokens, natural */
  int64_t tokens; /* predicted */
  int64_t bytes;  /* of the text: bits per byte = -logprob / ln 2 / bytes */
} att_text_score;

/* How well a decoder predicts a text. Longer than the context: in windows of it, each moved on by `stride` tokens (0:
 * half the context), only the new tokens of a window counted, so each has at least context - stride before it. The
 * first token is predicted where the model has a start token, else it is given. */
ATT_API att_status att_score_text(att_model *model, att_text text, int64_t stride, att_text_score *score);

/* ---- classifying, filling, embedding -------------------------------------------------------------------------- */

/* The labels of a head of classes, labels or values (there their names); *count 0 where there is none. Valid while the
 * model is open. */
ATT_API att_status att_model_labels(att_model *model, const char *const **labels, size_t *count);

typedef struct att_classification {
  size_t line;
  const double *scores; /* [labels]: probabilities; of a head of values the values */
  size_t best;          /* the likeliest label */
  bool truncated;
} att_classification;

typedef int att_classification_fn(void *user, const att_classification *classification);

/* Classifies lines[0..count), in pairs with others[i] where others is not NULL; length-sorted batches inside, results
 * in the lines' order. first_line: as in att_decode_options. */
ATT_API att_status att_classify(att_model *model, const att_text *lines, const att_text *others, size_t count,
                                size_t first_line, att_classification_fn *give, void *user);

typedef struct att_filling {
  const char *token; /* as text */
  int32_t id;
  double probability;
  const char *line; /* the text with it in place of the mask */
} att_filling;

/* The `top` likeliest tokens for each mask of the line ("[MASK]", "<mask>": whatever the tokenizer calls it).
 * *fillings:
 * [*masks, *per_mask], masks in their order, best first; each mask is filled alone, the other masks stay. One block:
 * free with att_release. ATT_ARGUMENT where there is no mask. */
ATT_API att_status att_fill(att_model *model, att_text line, size_t top, att_filling **fillings, size_t *masks,
                            size_t *per_mask);
/* The spelling of the mask token, or NULL where the model has none. */
ATT_API const char *att_mask_token(const att_model *model);

/* How the tokens' vectors x_1 .. x_n become one. */
typedef enum att_pooling {
  ATT_POOL_MEAN,
  ATT_POOL_FIRST,
  ATT_POOL_LAST,
  ATT_POOL_MAX,           /* of each number the largest */
  ATT_POOL_MEAN_SQRT_LEN, /* their sum / sqrt(n) */
  ATT_POOL_WEIGHTED_MEAN, /* sum of i x_i / sum of i */
  ATT_POOL_DEFAULT,       /* as the folder says (sentence-transformers); else mean, of decoders last */
} att_pooling;

typedef enum att_normalise {
  ATT_NORMALISE_DEFAULT, /* as the folder says; else not */
  ATT_NORMALISE_YES,     /* the vectors are scaled to length 1 at the end */
  ATT_NORMALISE_NO,      /* a Normalize at the end of the folder's stages is left out */
} att_normalise;

typedef struct att_embed_options {
  att_pooling pooling; /* in place of the folder's; what the folder does with the pooled vector stays */
  att_normalise normalise;
  int64_t batch_tokens;
  size_t first_line;
  const char *prompt; /* put before each line: the name of a prompt of the folder's, or the text itself; NULL: the
                         folder's default; "": none */
} att_embed_options;

ATT_API void att_embed_options_default(const att_model *model, att_embed_options *options);
/* Numbers of a vector: the model's width, twice it where a recurrent encoder reads in both directions; of a folder of
 * sentence-transformers what its stages make of it. options NULL: the defaults. 0 where att_embed refuses. */
ATT_API size_t att_embedding_width(att_model *model, const att_embed_options *options);
/* vectors: [count, att_embedding_width], the caller's. The last layer's hidden states, pooled over all tokens that the
 * model read, special tokens included, then through the folder's further stages, as sentence-transformers does. A stage
 * that attend does not know: ATT_UNSUPPORTED. A line too long for the folder's max_seq_length, else its
 * model_max_length, or for the model, is truncated, with a warning. count 0 only checks options and folder. */
ATT_API att_status att_embed(att_model *model, const att_text *lines, size_t count, const att_embed_options *options,
                             float *vectors);

/* ---- looking -------------------------------------------------------------------------------------------------- */

typedef struct att_attention att_attention; /* the weights that the model used for one pair of texts */

typedef enum att_look_part { ATT_LOOK_ENCODER, ATT_LOOK_DECODER, ATT_LOOK_CROSS, ATT_LOOK_PART_COUNT } att_look_part;

/* target.data NULL: the model translates the text (beam search by the defaults) and its own translation is looked at.
 * A model without a target looks at the text alone. Parts that a model does not have are maps of 0 layers; where it
 * has none at all (a recurrent network without attention): ATT_UNSUPPORTED. */
ATT_API att_status att_look(att_model *model, att_text text, att_text target, att_attention **attention);
ATT_API void att_attention_free(att_attention *attention);

typedef struct att_attention_map {
  size_t layers, heads, queries, keys;
  /* Tokens as a person reads them: "·" leads a piece that goes on with the word before it (docs/LOOKING.md). A query of
   * the decoder and of cross-attention is named by the token that it predicts, a key by the token that stands there. */
  const char *const *query_labels; /* [queries] */
  const char *const *key_labels;   /* [keys] */
  const float *weights;            /* [layers, heads, queries, keys]; each row sums to 1 */
} att_attention_map;

/* The norm of the gradient of each output's log-probability by each input position's embedding: how much that position
 * moves the output. Comes as an att_attention of one layer and one head whose rows are not scaled to 1: part
 * ATT_LOOK_CROSS of translators (targets by source positions), ATT_LOOK_DECODER of decoders (each token by those before
 * it), ATT_LOOK_ENCODER of encoders with a head of labels (one row, the likeliest label, by the text's positions). */
ATT_API att_status att_look_gradient(att_model *model, att_text text, att_text target, att_attention **attention);

/* Valid until att_attention_free. */
ATT_API att_status att_attention_get(const att_attention *attention, att_look_part part, att_attention_map *map);

typedef enum att_look_format { ATT_LOOK_TERMINAL, ATT_LOOK_SVG, ATT_LOOK_HTML, ATT_LOOK_JSON } att_look_format;

typedef struct att_look_options {
  att_look_part part;
  int layer;    /* from 0; -1: the last */
  int head;     /* from 0; -1: the mean of all */
  int columns;  /* of the terminal: 80 */
  bool colour;  /* 256-colour escapes; else shades in text */
  bool unicode; /* the terminal shows UTF-8 */
} att_look_options;

ATT_API void
att_look_options_default(att_look_options *options); /* cross-attention, last layer, mean, 80, no colour, unicode */

/* *text ends in NUL (not counted in *size); free with att_release. HTML and JSON hold every part, layer and head. */
ATT_API att_status att_attention_render(const att_attention *attention, att_look_format format,
                                        const att_look_options *options, char **text, size_t *size);

/* ---- measuring translations ----------------------------------------------------------------------------------- */

typedef enum att_bleu_tokenizer { ATT_BLEU_13A, ATT_BLEU_NONE, ATT_BLEU_CHAR, ATT_BLEU_INTL } att_bleu_tokenizer;
typedef enum att_bleu_smoothing {
  ATT_SMOOTH_EXP,
  ATT_SMOOTH_FLOOR,
  ATT_SMOOTH_ADD_K,
  ATT_SMOOTH_NONE
} att_bleu_smoothing;

typedef struct att_bleu_options {
  bool chrf;      /* chrF2 in place of BLEU */
  int word_order; /* chrF: 0; 2 for chrF++ */
  att_bleu_tokenizer tokenizer;
  bool lowercase;
  att_bleu_smoothing smoothing;
  double smoothing_value; /* negative: sacreBLEU's default for the method (floor 0.1, add-k 1) */
} att_bleu_options;

typedef struct att_bleu_result {
  double score;        /* 0 to 100 */
  double precision[4]; /* percent; BLEU only, as the two below */
  double brevity_penalty, ratio;
  int64_t hypothesis_length, reference_length;
  char line[256];      /* as sacreBLEU prints it: "BLEU = 38.12 69.1/45.0/... (BP = ...)" */
  char signature[160]; /* as sacreBLEU's: "nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|version:..." */
} att_bleu_result;

ATT_API void att_bleu_options_default(att_bleu_options *options);
/* Corpus score of hypotheses[i] against references[i] (Papineni et al. 2002; Post 2018; Popovic 2015). */
ATT_API att_status att_bleu(att_context *ctx, const att_text *hypotheses, const att_text *references, size_t count,
                            const att_bleu_options *options, att_bleu_result *result);

/* ---- training ------------------------------------------------------------------------------------------------- */

/* GELU_TANH: "gelu_new", the approximation that GPT-2 uses. SWIGLU (training only): SiLU in a gated feed-forward part
 * (Shazeer 2020). */
typedef enum att_activation { ATT_RELU, ATT_GELU, ATT_SILU, ATT_SWIGLU, ATT_GELU_TANH, ATT_TANH } att_activation;
typedef enum att_norm { ATT_NORM_LAYER, ATT_NORM_RMS } att_norm;
typedef enum att_norm_order { ATT_NORM_BEFORE, ATT_NORM_AFTER } att_norm_order;
typedef enum att_position {
  ATT_SINUSOIDAL,
  ATT_LEARNED,
  ATT_ROTARY,
  ATT_RELATIVE,
  ATT_ALIBI,
  ATT_NO_POSITION,
  ATT_POSITION_COUNT
} att_position;
typedef enum att_network { ATT_TRANSFORMER, ATT_RNN, ATT_LSTM, ATT_GRU, ATT_FFN, ATT_NETWORK_COUNT } att_network;
typedef enum att_scoring { ATT_SCORING_NONE, ATT_SCORING_ADDITIVE, ATT_SCORING_MULTIPLICATIVE } att_scoring;
typedef enum att_tokenizer_kind { ATT_BPE, ATT_WORDPIECE, ATT_CHAR, ATT_BYTE } att_tokenizer_kind;
typedef enum att_schedule {
  ATT_SCHEDULE_COSINE,
  ATT_SCHEDULE_LINEAR,
  ATT_SCHEDULE_INVERSE_SQRT,
  ATT_SCHEDULE_CONSTANT
} att_schedule;

/* 0 (or NULL, or a negative number where 0 means something) is "choose from the data and the budget". */
typedef struct att_train_options {
  /* data, plain or .gz; no valid files: a part is held out */
  const char *source, *target, *valid_source, *valid_target; /* translation: a sentence a line, sides of equal length */
  const char *const *texts;                                  /* lm, mlm: [text_count] files */
  size_t text_count;
  const char *data;  /* classifier: a line is text<TAB>label, or text<TAB>text<TAB>label */
  const char *valid; /* of lm, mlm, classifier */
  int head; /* classifier: an att_head of CLASSES, LABELS (labels with commas between), VALUES; -1: from the data */
  const char *out;  /* the model folder: absent, empty, or with resume this run's own */
  const char *from; /* a folder to go on from, with its tokenizer; or NULL */
  bool resume;
  int64_t seed; /* from 0; -1: choose */
  /* budget: at most one */
  int64_t steps;
  double epochs, minutes;
  /* model */
  const char *size;   /* "tiny", "small", "base", "big"; NULL: from the data */
  int64_t parameters; /* about so many, where no width is given; 0: by size */
  int network;        /* an att_network, or -1: a Transformer */
  int encoder_layers, decoder_layers, width, heads, kv_heads, feedforward, context;
  int embedding;     /* width of a recurrent network's embeddings; 0: the width */
  int one_direction; /* of a recurrent encoder: 1; 0: both; -1: choose */
  int attention;     /* an att_scoring, of a recurrent translator, or -1 */
  int activation;    /* an att_activation, or -1 */
  int norm;          /* an att_norm, or -1 */
  int norm_order;    /* an att_norm_order, or -1 */
  int position;      /* an att_position, or -1 */
  bool no_tie;
  /* text */
  int tokenizer;                /* an att_tokenizer_kind, or -1 */
  int vocab, max_length;        /* max_length: tokens of a side; longer pairs are left out and counted */
  bool lowercase, no_lowercase; /* neither: lower case (and no accents, as BERT's) where the pieces are WordPiece's */
  double bpe_dropout;           /* of the training text, cut anew in every epoch; negative: choose */
  double token_dropout;         /* classifier: share of the tokens that the mask hides in training; negative: choose */
  /* learning */
  int64_t batch_tokens; /* bounds rows x longest side, padding counted */
  int batch;            /* or: sentence pairs */
  double lr, min_lr;    /* min_lr: negative: choose */
  int64_t warmup;
  int schedule;                                                      /* an att_schedule, or -1 */
  double weight_decay, beta1, beta2, clip, dropout, label_smoothing; /* negative: choose */
  int average; /* of the last good checkpoints; 1: the best alone; 0: choose */
  /* running */
  int64_t valid_every, save_every; /* steps */
  int patience;                    /* validations without improvement before it stops; -1: choose; 0: never stop */
} att_train_options;

ATT_API void att_train_options_default(att_train_options *options);

typedef enum att_progress_kind {
  ATT_PROGRESS_PLAN,  /* text: one line of what was chosen */
  ATT_PROGRESS_STEP,  /* a training step is done */
  ATT_PROGRESS_VALID, /* a validation is done */
  ATT_PROGRESS_WORK,  /* text: what long work is under way ("tokenizing"); done/total */
  ATT_PROGRESS_DONE   /* text: the closing line */
} att_progress_kind;

typedef struct att_progress {
  att_progress_kind kind;
  const char *text;
  int64_t step, steps;
  double done;         /* 0 to 1, of WORK */
  const char *network; /* att_compare: whose training this is; else NULL */
  double whole;        /* att_compare: 0 to 1, of all networks */
  double seconds, seconds_left;
  int64_t tokens; /* real source and target tokens since the start, padding not */
  double loss;    /* nats a target token, smoothed over the last steps */
  double lr, tokens_per_second;
  double valid_loss, perplexity; /* VALID; perplexity: 0 where the loss is not that of tokens */
  double bleu;                   /* what `quality` names, where higher is better: negative where not measured */
  const char *quality;           /* "BLEU", "accuracy", "macro-F1", "Spearman", or NULL where there is the loss alone */
  bool best;                     /* VALID: the best so far, saved */
} att_progress;

typedef void att_progress_fn(void *user, const att_progress *progress);

/* Trains an encoder-decoder into options->out. progress may be NULL. ATT_INTERRUPTED: a checkpoint was saved and
 * options->resume goes on from it. Where the run is complete already, resuming says so (PROGRESS_DONE) and is ATT_OK.
 */
ATT_API att_status att_train_translation(att_context *ctx, const att_train_options *options, att_progress_fn *progress,
                                         void *user);
/* The same for a decoder over texts; for an encoder (or what options->from is) with a head over texts and labels; for
 * an encoder that learns to fill masks (Devlin et al. 2019, section 3.1). */
ATT_API att_status att_train_lm(att_context *ctx, const att_train_options *options, att_progress_fn *progress,
                                void *user);
ATT_API att_status att_train_classifier(att_context *ctx, const att_train_options *options, att_progress_fn *progress,
                                        void *user);
ATT_API att_status att_train_mlm(att_context *ctx, const att_train_options *options, att_progress_fn *progress,
                                 void *user);

/* ---- comparing networks --------------------------------------------------------------------------------------- */

typedef struct att_compare_options {
  /* The data of one kind of training (source and target; or texts; or data), and what the networks share. out: the
   * report's folder. steps: of each network; minutes: of all together. network, attention, width and layers are each
   * network's own. */
  att_train_options train;
  int64_t parameters; /* of each network, about; 0: what the Transformer has by default */
} att_compare_options;

ATT_API void att_compare_options_default(att_compare_options *options);

/* Trains padded feed-forward, RNN, LSTM, GRU, GRU with attention (translation) and Transformer one after another, each
 * into out/NAME, evaluates all of them on the validation texts, and writes out/report.json and out/report.html. With
 * resume it goes on where it was stopped. progress: of the trainings, with `network` and `whole` set. */
ATT_API att_status att_compare(att_context *ctx, const att_compare_options *options, att_progress_fn *progress,
                               void *user);

/* ---- measuring classifiers ------------------------------------------------------------------------------------ */

/* Of predictions against the truth, as scikit-learn and SciPy define them; NaN where undefined. */
typedef struct att_class_metrics {
  double accuracy, macro_f1, matthews;
  size_t classes;
  const int64_t *confusion; /* [classes, classes]: truth by prediction; free with att_release */
} att_class_metrics;
/* truth, predicted: [count], each in [0, classes). */
ATT_API att_status att_measure_classes(att_context *ctx, const int32_t *truth, const int32_t *predicted, size_t count,
                                       size_t classes, att_class_metrics *metrics);

/* Of any of several labels. */
typedef struct att_label_metrics {
  double accuracy; /* texts whose labels are all right */
  double macro_f1; /* the mean over labels */
  double micro_f1; /* over all labels and texts at once */
} att_label_metrics;
/* truth, predicted: [count, labels] */
ATT_API att_status att_measure_labels(att_context *ctx, const bool *truth, const bool *predicted, size_t count,
                                      size_t labels, att_label_metrics *metrics);

typedef struct att_value_metrics {
  double pearson, spearman, mean_squared_error;
} att_value_metrics;
ATT_API att_status att_measure_values(att_context *ctx, const double *truth, const double *predicted, size_t count,
                                      att_value_metrics *metrics);

/* How a model with a head of classes, labels or one value answers a file of the form of att_train_options.data. */
typedef struct att_evaluation {
  att_head head;             /* which of the measures below there are */
  size_t count;              /* texts */
  size_t truncated;          /* of them, too long for the model */
  att_class_metrics classes; /* confusion: NULL for more than 2,048 classes; else free with att_release */
  att_label_metrics labels;  /* a label holds from a probability of a half on */
  att_value_metrics values;
} att_evaluation;
ATT_API att_status att_evaluate(att_model *model, const char *path, att_evaluation *evaluation);

/* ---- files ---------------------------------------------------------------------------------------------------- */

/* Writes a file whole or not at all: aside, synced, renamed. */
ATT_API att_status att_write_file(att_context *ctx, const char *path, const void *data, size_t size);

/* Writes a table of float32 as a .npy file (numpy's format 1.0, C order), whole or not at all, row by row: the number
 * of rows is known at the end only. Committing frees, whatever the outcome; discarding leaves no file (NULL is fine).
 */
typedef struct att_npy att_npy;
ATT_API att_status att_npy_open(att_context *ctx, const char *path, size_t columns, att_npy **npy);
/* rows: [count, columns] */
ATT_API att_status att_npy_put(att_npy *npy, const float *rows, size_t count);
ATT_API att_status att_npy_commit(att_npy *npy);
ATT_API void att_npy_discard(att_npy *npy);

/* The lines of a plain or .gz file (path "-": standard input until its end). Ends ("\n", "\r\n") are left out.
 * *lines and what it points to are one block: free with att_release. */
ATT_API att_status att_read_lines(att_context *ctx, const char *path, att_text **lines, size_t *count);

/* The text of such a file as it stands, line ends and all; a byte order mark is left out. *text ends in NUL (not
 * counted); free with att_release. */
ATT_API att_status att_read_text(att_context *ctx, const char *path, char **text, size_t *size);

#ifdef __cplusplus
}
#endif
#endif
