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
 * OpenBLAS, where attend multiplies by it, has one number of threads for the process: it is the context's while a call
 * multiplies, and then the program's again.
 * Strings are UTF-8. Token ids are int32_t. Log-probabilities are natural. Times are seconds.
 *
 * A program that was built with this header runs with every later library of the same major version. So
 * - a struct that the caller fills begins with its size, which its att_..._default call sets: the library reads no more
 *   than that, and takes its own defaults for members that came later. Without that call, set .size and all others. A
 *   library that is older than the header refuses members it does not know, unless they are zero (ATT_UNSUPPORTED);
 * - a result that the caller owns is written no further than its size, which the call, a macro, passes (what must be
 *   released is in it from the start);
 * - a struct that the library gives by pointer may grow at its end: never make arrays or copies of one;
 * - att_text, att_allocator, att_score, att_text_score and the att_..._metrics never grow;
 * - enums grow at their end, training options by name.
 * Those who add a member: at the end, or in `unused` bytes where 0 is its default; never where the last bytes were a
 * hole (tests/test_growth.c).
 */
#ifndef ATTEND_ATTEND_H
#define ATTEND_ATTEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What the library gives away. */
#if defined(ATT_BUILDING) && defined(__GNUC__)
#define ATT_API __attribute__((visibility("default")))
#else
#define ATT_API /* for whoever calls it: nothing */
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ---- status, context ------------------------------------------------------------------------------------------ */

/* How a call ended. */
typedef enum att_status {
  ATT_OK = 0,      /* done */
  ATT_MEMORY,      /* an allocation failed */
  ATT_IO,          /* a file or folder could not be opened, read or written, is not there, or is not free */
  ATT_FORMAT,      /* the content of a file or text is not what it must be: damaged, or not that of a run's beginning */
  ATT_ARGUMENT,    /* the caller passed something impossible: a value out of range, options that exclude each other */
  ATT_UNSUPPORTED, /* valid, but nothing attend knows, or more than it can hold */
  ATT_NUMERIC,     /* NaN or infinity where a number must be */
  ATT_INTERRUPTED, /* att_interrupt was called, or a callback returned non-zero; what was made is saved */
  ATT_FULL,        /* no room for that now: later there may be */
  ATT_STATUS_COUNT /* how many there are */
} att_status;

/* What everything is made from: an allocator, threads, a log, the last message. */
typedef struct att_context att_context;

/* One function allocates, resizes and frees, as in Lua: pointer NULL allocates, size 0 frees and returns NULL, and NULL
 * for a size above 0 means that there is no memory (the old block stays). Alignment as malloc's. It may be called from
 * one thread at a time only. Never grows. */
typedef struct att_allocator {
  void *(*resize)(void *user, void *pointer, size_t size); /* as above */
  void *user;                                              /* what it gets */
} att_allocator;

/* A note says what was chosen, a warning what may not be meant. */
typedef enum att_log_level { ATT_LOG_NOTE, ATT_LOG_WARNING } att_log_level;
/* Gets notes and warnings. text: one line without its end, valid during the call. */
typedef void att_log_fn(void *user, att_log_level level, const char *text);

/* How a context is made. */
typedef struct att_context_options {
  size_t size;             /* of this struct */
  att_allocator allocator; /* resize NULL: malloc's */
  int threads;             /* 0: the cores that this process may use; at most 256 */
  att_log_fn *log;         /* warnings and notes; NULL: dropped */
  void *log_user;          /* what it gets */
} att_context_options;

/* Behind att_context_options_default. */
ATT_API void att_context_options_init(att_context_options *options, size_t size);
/* malloc, all cores, no log. */
#define att_context_options_default(options) att_context_options_init((options), sizeof *(options))

/* Makes a context. ATT_MEMORY also where the process may not start that many threads. options NULL: the defaults. On
 * failure *ctx is NULL (and there is no message: the status is all). */
ATT_API att_status att_context_new(const att_context_options *options, att_context **ctx);
/* Ends a context, after everything made from it has been closed. NULL is fine. */
ATT_API void att_context_free(att_context *ctx);
/* What the last failing call on this context said; never NULL; valid until the next call on it. */
ATT_API const char *att_message(const att_context *ctx);
/* "format", "no memory", ...; "unknown" for what is none. */
ATT_API const char *att_status_name(att_status status);
/* The library's: "1.2.3". */
ATT_API const char *att_version(void);
/* Makes the call that runs on the context stop soon with ATT_INTERRUPTED, or where none runs the next one that may take
 * long (reading, training, translating, saving ...). That call takes the wish, whatever it was made by: the one after
 * it runs. Safe in a signal handler. */
ATT_API void att_interrupt(att_context *ctx);
/* Frees what a call documented as "free with att_release" gave. NULL is fine. */
ATT_API void att_release(att_context *ctx, void *pointer);

/* ---- models --------------------------------------------------------------------------------------------------- */

/* An opened folder: a network with its weights, and its tokenizer. */
typedef struct att_model att_model;

/* What a model takes and gives. */
typedef enum att_kind {
  ATT_ENCODER_DECODER, /* a source to a target: translate, score pairs */
  ATT_DECODER,         /* text to its continuation: generate, score text */
  ATT_ENCODER,         /* text to a vector a token: embed, classify, fill */
  ATT_KIND_COUNT       /* how many there are */
} att_kind;

/* What stands on top. */
typedef enum att_head {
  ATT_HEAD_TOKENS,        /* the vocabulary: the next token, or the one behind a mask */
  ATT_HEAD_CLASSES,       /* one of several labels: softmax */
  ATT_HEAD_LABELS,        /* any of several labels: a sigmoid each */
  ATT_HEAD_VALUES,        /* numbers: regression */
  ATT_HEAD_NONE,          /* hidden states only */
  ATT_HEAD_TOKEN_CLASSES, /* one of several labels for each token */
  ATT_HEAD_SPANS,         /* where in a text the answer to a question begins and ends */
  ATT_HEAD_FORECAST,      /* the values that follow a window of a series */
  ATT_HEAD_CTC,           /* the vocabulary over rows of sound, blanks between: connectionist temporal classification */
  ATT_HEAD_CTC_ATTENTION, /* the same over an encoder, and the next token of the decoder beside it */
  ATT_HEAD_FRAMES,        /* any of several labels for each row: the keys of a piano roll's next frame */
  ATT_HEAD_COPYING,       /* the next token, which may be one of the source's: a pointer-generator network's */
  ATT_HEAD_COUNT          /* how many there are */
} att_head;

/* Opens a Hugging Face folder: config.json, model.safetensors, tokenizer.json, generation_config.json; or one of
 * sentence-transformers (modules.json), whose further stages att_embed reads when it first runs; or a .gguf, which is a
 * file (of several parts any), of an architecture that attend knows. */
ATT_API att_status att_model_open(att_context *ctx, const char *folder, att_model **model);
/* NULL is fine. */
ATT_API void att_model_close(att_model *model);

/* Writes the model as a Hugging Face folder; or, where the name ends in ".gguf", as such a file, which GGUF must have
 * an architecture for. type: of its weights, "float32", "float16", "bfloat16", or quantized, "q8_0", "q4_k_m", ... (of
 * a folder then in model.gguf); NULL: each as it came, float32 where it was trained. The folder must not exist, or be
 * empty; the file must not exist. Both are written aside, so that there is a whole one or none. The stages of a folder
 * of sentence-transformers are copied from it. */
ATT_API att_status att_model_save(att_model *model, const char *folder, const char *type);

/* A part of a model. */
typedef struct att_part_info {
  const char *name;   /* "encoder layer 0 self-attention", ... */
  int64_t parameters; /* a tied weight counts where it first stands */
  int64_t bytes;      /* of them, in memory */
} att_part_info;

/* Weights of one type in memory. */
typedef struct att_memory_info {
  const char *type;     /* "bfloat16", ... */
  int64_t mapped_bytes; /* of them, those that are read from the file where they lie */
  int64_t copied_bytes; /* of them, those that are copies, or trained */
} att_memory_info;

/* What a model says of itself. */
typedef struct att_model_info {
  const char *type; /* config.json's model_type: "marian", "gpt2", "llama", "gemma3_text", "bert", "attend-rnn", ... */
  att_kind kind;    /* what it can be asked for */
  att_head head;    /* what it answers */
  const char *head_name;                  /* "tokens", "classes", "labels", ...; "none" */
  const char *network;                    /* "transformer", "rnn", "lstm", "gru", "ffn" */
  const char *norm;                       /* "layer", "rms"; NULL: none, as in recurrent networks */
  const char *norm_order;                 /* "before", "after", or NULL */
  const char *position;                   /* "sinusoidal", "learned", "rotary", "relative", "alibi", "none"; or NULL */
  const char *activation;                 /* "relu", "gelu", "silu", "swiglu", ...; or NULL */
  const char *attention;                  /* of recurrent ones: "none", "additive", "multiplicative"; else NULL */
  bool bidirectional;                     /* of recurrent encoders */
  int64_t width;                          /* of its hidden states */
  int64_t vocabulary;                     /* tokens */
  int64_t context;                        /* positions: the most tokens of a text (of a side) */
  int64_t input_width;                    /* of rows of floats that it reads in place of tokens; 0: tokens */
  int64_t kv_heads;                       /* fewer than heads where they are grouped */
  int64_t label_count;                    /* of a head of classes, labels or values; else 0 */
  int64_t encoder_layers, decoder_layers; /* 0: there is no such side */
  int64_t encoder_heads, decoder_heads;   /* of attention; 0 where there is none */
  int64_t encoder_feedforward, decoder_feedforward; /* widths inside the feed-forward parts */
  bool tied;                                        /* source, target and output embeddings are one matrix */
  const char *storage;                  /* "float32", "float16", "bfloat16": the type in model.safetensors */
  int64_t parameters;                   /* trained ones, a tied weight once */
  int64_t file_bytes;                   /* of model.safetensors */
  int64_t weight_bytes;                 /* in memory, mapped ones in */
  const att_memory_info *const *memory; /* [memory_count]: of the types that there are */
  size_t memory_count;                  /* of memory */
  const att_part_info *const *parts;    /* [part_count] */
  size_t part_count;                    /* of parts */
} att_model_info;

/* What the model is. Pointers stay valid while it is open. */
ATT_API att_status att_model_describe(att_model *model, const att_model_info **info);

/* What can be done with models. */
typedef enum att_verb {
  ATT_VERB_TRANSLATE,   /* att_translate */
  ATT_VERB_SCORE_PAIRS, /* att_score_pairs */
  ATT_VERB_GENERATE,    /* att_generate */
  ATT_VERB_SCORE_TEXT,  /* att_score_text */
  ATT_VERB_CLASSIFY,    /* att_classify, att_evaluate */
  ATT_VERB_FILL,        /* att_fill */
  ATT_VERB_EMBED,       /* att_embed */
  ATT_VERB_TRANSCRIBE,  /* att_transcribe */
  ATT_VERB_ANSWER,      /* att_answer */
  ATT_VERB_SUMMARIZE,   /* att_summarize */
  ATT_VERB_RANK,        /* att_rank, att_rank_pairs */
  ATT_VERB_FORECAST,    /* att_forecast, att_backtest */
  ATT_VERB_COMPOSE      /* att_compose_roll, att_score_rolls */
} att_verb;

/* ATT_OK, or ATT_UNSUPPORTED with a message that says what the model is and which verbs it has; ATT_ARGUMENT for what
 * is no verb. The calls below check it themselves. */
ATT_API att_status att_check_verb(att_model *model, att_verb verb);

/* What this machine and build are. */
typedef struct att_machine_info {
  const char *version;         /* of the library */
  const char *compiler;        /* that built it, with its version */
  const char *processor;       /* as the processor names itself */
  const char *instruction_set; /* of the kernels in use: "portable", "avx2", "avx512" */
  const char *gemm;            /* behind the matrix door: "onednn", "cblas", "own" */
  int threads;                 /* of this context */
  int64_t memory_bytes;        /* of the machine; 0: unknown */
} att_machine_info;

/* Valid while the context is. */
ATT_API att_status att_describe_machine(att_context *ctx, const att_machine_info **info);

/* What the context's threads can do together at most, now: other programs at work make it less. */
typedef struct att_machine_limits {
  double read_bytes;       /* a second, of a block of memory that is much larger than the caches (256 MB) */
  double float32_products; /* multiplications, each with its addition, a second: of matrices that stay in the caches */
  double q8_0_products;    /* the same where one of the two has 8 bits a number */
} att_machine_limits;

/* Measures, for about half a second. Valid while the context is, until the next call. */
ATT_API att_status att_measure_machine(att_context *ctx, const att_machine_limits **limits);

/* What the time of a model's passes goes into. What is in none of them: norms, residuals, embeddings, rotary positions,
 * and all that stands around a pass. */
typedef enum att_timed_part {
  ATT_TIMED_ENCODER_PROJECTIONS, /* queries, keys and values of the rows, and attention's output */
  ATT_TIMED_ENCODER_ATTENTION,   /* weights, and sums of values by them */
  ATT_TIMED_ENCODER_FEEDFORWARD, /* both of its layers, and what stands between */
  ATT_TIMED_DECODER_PROJECTIONS, /* of both of its attentions */
  ATT_TIMED_DECODER_ATTENTION,   /* over its own rows */
  ATT_TIMED_CROSS_ATTENTION,     /* over the encoder's */
  ATT_TIMED_DECODER_FEEDFORWARD, /* the same */
  ATT_TIMED_RECURRENT,           /* layers of recurrent networks */
  ATT_TIMED_HEAD,                /* of tokens: the projection to the vocabulary */
  ATT_TIMED_PART_COUNT           /* how many there are */
} att_timed_part;

/* From now on what works with this context adds the seconds that it spends in each part to seconds[part]: the caller's,
 * of `count` parts, zeroed by the caller. NULL: no more, as it is at first, where measuring costs nothing. */
ATT_API void att_time_parts(att_context *ctx, double *seconds, size_t count);
/* "encoder projections"; NULL: none that there is. */
ATT_API const char *att_timed_part_name(att_timed_part part);

/* ---- text ----------------------------------------------------------------------------------------------------- */

/* A piece of text that need not end in NUL and may contain NUL. Never grows. */
typedef struct att_text {
  const char *data; /* [size] */
  size_t size;      /* bytes */
} att_text;

/* Text to token ids with the model's tokenizer. special: add the special tokens that the model expects around a text.
 * *ids: free with att_release. Invalid UTF-8 is replaced by U+FFFD, as Hugging Face tokenizers do. */
ATT_API att_status att_tokenize(att_model *model, att_text text, bool special, int32_t **ids, size_t *count);
/* Token ids to text, special tokens left out. *text: ends in NUL (not counted); free with att_release. */
ATT_API att_status att_detokenize(att_model *model, const int32_t *ids, size_t count, char **text, size_t *size);
/* The vocabulary's own spelling of a token ("Ġdog"), or NULL where there is none. Valid while the model is open. */
ATT_API const char *att_token(att_model *model, int32_t id);

/* ---- translating ---------------------------------------------------------------------------------------------- */

/* When a beam search stops: once it has `beam` finished hypotheses, and ... (as generate() of Transformers has it) */
typedef enum att_early_stopping {
  ATT_EARLY_STOPPING_OFF,  /* no running one, scored as if it ended now, would be among them */
  ATT_EARLY_STOPPING_ON,   /* at once */
  ATT_EARLY_STOPPING_NEVER /* none would, scored as if it were as long as it can be (where length_penalty is above 0) */
} att_early_stopping;

/* Made by att_decode_options_default from the folder's generation_config.json; change what you like. What is only in
 * that file (bad_words_ids, suppress_tokens, forced_bos_token_id ...) acts too: docs/DECODING.md. */
typedef struct att_decode_options {
  size_t size;                       /* of this struct */
  int beam;                          /* 1: greedy (or sampling, where temperature is above 0) */
  double length_penalty;             /* a finished hypothesis' score is its log-probability / tokens^length_penalty */
  att_early_stopping early_stopping; /* when the search stops */
  int nbest;                         /* hypotheses given for a line, at most beam (sampling: that many samples) */
  int max_length; /* tokens of a hypothesis, end token included; never more than the model's positions. (Hugging Face's
                     max_length counts the start token too: the default is one less than the folder's) */
  int64_t batch_tokens;      /* bounds lines x longest line of a batch */
  double temperature;        /* 0: no sampling */
  int top_k;                 /* 0: all */
  double top_p;              /* 1: all */
  double min_p;              /* 0: all */
  double repetition_penalty; /* 1: none; over what the decoder has written, its start token in, as Hugging Face's */
  uint64_t seed;             /* of what is drawn */
  bool alignment;            /* give each hypothesis its alignment: costs a little */
  size_t first_line; /* the number, from 0, of lines[0] in the caller's text, where that is translated piece by piece:
                        for warnings and for what a line draws with */
  /* What follows in the manner of generate(): docs/DECODING.md has each. */
  double top_h;                      /* 0: all */
  double typical_p;                  /* 1: all */
  double epsilon_cutoff, eta_cutoff; /* 0: all */
  double encoder_repetition_penalty; /* 1: none; over the source, whose tokens become likelier above 1 */
  int no_repeat_ngram_size;          /* so many tokens never come twice in a translation; 0: they may */
  int encoder_no_repeat_ngram_size;  /* nor come as they stand in the source */
  int min_tokens;                    /* tokens before the first that may be an end token */
  const char *const *stop; /* [stop_count]: a hypothesis ends with the first of these texts, its text before it */
  size_t stop_count;       /* of stop */
  /* Of multilingual models (nllb, m2m_100, mbart), by a token of their vocabulary ("deu_Latn") or what it begins with
   * ("deu"); NULL: what the folder says. */
  const char *source_language, *target_language;
} att_decode_options;

/* Behind att_decode_options_default. */
ATT_API void att_decode_options_init(const att_model *model, att_decode_options *options, size_t size);
/* What the folder says of beam, length_penalty, early_stopping, max_length and repetition_penalty; else nbest 1,
 * batches of 2,048 tokens, no sampling, seed 1. */
#define att_decode_options_default(model, options) att_decode_options_init((model), (options), sizeof *(options))

/* A translation of a line. */
typedef struct att_hypothesis {
  const char *text;         /* ends in NUL */
  size_t text_size;         /* bytes, NUL not counted */
  const int32_t *tokens;    /* [token_count], end token included where it was reached */
  const int32_t *alignment; /* [token_count]: the position in source_tokens that the token attended to most (mean of the
                               heads of the last layer's cross-attention); or NULL */
  size_t token_count;       /* of both */
  double score;             /* as length_penalty says; sampling: the log-probability */
  double logprob;           /* sum over tokens */
} att_hypothesis;

/* What became of a line. */
typedef struct att_translation {
  size_t line;                             /* index into `lines` */
  const int32_t *source_tokens;            /* with the special tokens that the model got */
  size_t source_count;                     /* of them */
  bool truncated;                          /* the line was too long for the model */
  const att_hypothesis *const *hypotheses; /* [count], best first */
  size_t count;                            /* of hypotheses */
} att_translation;

/* Gets a line's translation. All pointers are valid during the call only. A non-zero return stops the work with
 * ATT_INTERRUPTED. */
typedef int att_translation_fn(void *user, const att_translation *translation);

/* Translates lines[0..count): batches sorted by length inside, results given in the lines' order, as soon as every line
 * before has one. options NULL: the defaults. An empty line gives an empty text with no tokens. */
ATT_API att_status att_translate(att_model *model, const att_text *lines, size_t count,
                                 const att_decode_options *options, att_translation_fn *give, void *user);

/* ---- summaries -------------------------------------------------------------------------------------------------- */

/* Made by att_summary_options_default. */
typedef struct att_summary_options {
  size_t size;                      /* of this struct */
  const att_decode_options *decode; /* NULL: those of att_summary_decode_default */
  const char *prefix;               /* stands before each text as the model reads it; NULL: the model's, if any */
  bool parts;              /* a text that is too long is split between sentences, and the summaries of its parts
                              are joined; else it is truncated, with a warning */
  unsigned char unused[7]; /* zero */
} att_summary_options;

/* Behind att_summary_options_default. */
ATT_API void att_summary_options_init(att_summary_options *options, size_t size);
/* The model's own settings; long texts are truncated. */
#define att_summary_options_default(options) att_summary_options_init((options), sizeof *(options))
/* Behind att_summary_decode_default. */
ATT_API void att_summary_decode_init(const att_model *model, att_decode_options *options, size_t size);
/* As att_decode_options_default, with one summary, and at most 128 tokens of it where the model says nothing. */
#define att_summary_decode_default(model, options) att_summary_decode_init((model), (options), sizeof *(options))

/* What became of a text. */
typedef struct att_summary {
  size_t text;         /* index into `texts` */
  const char *summary; /* ends in NUL */
  size_t size;         /* bytes, NUL not counted */
  size_t parts;        /* that the text was summed up in: 1, but of an empty text 0 */
  bool truncated;      /* the text, or a sentence of it, was too long for the model */
} att_summary;

/* Gets a text's summary. All pointers are valid during the call only. A non-zero return stops the work with
 * ATT_INTERRUPTED. */
typedef int att_summary_fn(void *user, const att_summary *summary);

/* Sums up texts[0..count) with an encoder-decoder, in their order. A text may have line ends. options NULL: the
 * defaults. An empty text has an empty summary. */
ATT_API att_status att_summarize(att_model *model, const att_text *texts, size_t count,
                                 const att_summary_options *options, att_summary_fn *give, void *user);
/* What att_summarize reads of a text, to be translated piece by piece, as a service does: the prefix and the text, or
 * the parts of a long one. Their translations, spaces before each left out, joined by spaces, are its summary. *parts:
 * free with att_release. An empty text has one that is empty. */
ATT_API att_status att_summary_parts(att_model *model, att_text text, const att_summary_options *options,
                                     att_text **parts, size_t *count);

/* The `sentences` sentences of each text that say most of it, in their order, joined by spaces: those that a model of
 * train summarization's option extract picks; of other encoders (a folder of sentence-transformers, any) by the vectors
 * that att_embed gives them, those closest to the mean of all, less what is said already. att_summary.parts: how many
 * there are. A text with no more has them all. */
ATT_API att_status att_extract(att_model *model, const att_text *texts, size_t count, size_t sentences,
                               att_summary_fn *give, void *user);

/* The texts of lines of JSON, objects each with the text under "text", "document", "article", "source", "body",
 * "dialogue" or "abstract". first_line: the number, from 0, of lines[0], for messages. *texts: [count], one block: free
 * with att_release. ATT_FORMAT: a line is no such object. */
ATT_API att_status att_parse_documents(att_context *ctx, const att_text *lines, size_t count, size_t first_line,
                                       att_text **texts);

/* Never grows. */
typedef struct att_score {
  double logprob; /* of the target given the source, end token included */
  int64_t tokens; /* predicted, end token included */
  bool truncated; /* a side was too long for the model */
} att_score;

/* scores[i] of targets[i] given sources[i]. scores: [count], the caller's. */
ATT_API att_status att_score_pairs(att_model *model, const att_text *sources, const att_text *targets, size_t count,
                                   att_score *scores);

/* ---- generating ----------------------------------------------------------------------------------------------- */

/* How a Transformer's keys and values are kept while it writes. Recurrent networks keep float32. */
typedef enum att_cache_type {
  ATT_CACHE_F32, /* float32 */
  ATT_CACHE_F16, /* float16: half the memory */
  ATT_CACHE_Q8_0 /* 8 bits, with a scale for each 32 columns: about a quarter; heads of a multiple of 32 columns */
} att_cache_type;

/* What is added to a token's logit before one is chosen. Never grows. */
typedef struct att_token_bias {
  int32_t token; /* its id */
  float bias;    /* -INFINITY: it never comes */
} att_token_bias;

/* A token that might have come. Never grows. */
typedef struct att_token_logprob {
  int32_t token;  /* its id; -1: there are no more */
  double logprob; /* of the model's own distribution */
} att_token_logprob;

/* Told after each piece of a prompt how many of its tokens have been read, the last of which is read as writing begins.
 */
typedef void att_prompt_fn(void *user, size_t read, size_t tokens);

/* Made by att_generate_options_default from the folder's generation_config.json. */
typedef struct att_generate_options {
  size_t size;        /* of this struct */
  int max_tokens;     /* new ones of each sample, end token included; 0: as many as the model has positions for */
  int samples;        /* continuations of the prompt, side by side */
  double temperature; /* 0: greedy */
  int top_k;          /* 0: all */
  double top_p;       /* 1: all */
  double min_p;       /* 0: all */
  double repetition_penalty; /* 1: none (Keskar et al. 2019, section 4.1; over prompt and output, as Hugging Face's) */
  const char *const *stop;   /* [stop_count]: a sample ends before the first of these texts, which is not given */
  size_t stop_count;         /* of stop */
  uint64_t seed; /* sample i of prompt number n draws with a key of seed, n and i: whatever the threads and batches */
  size_t prompt_number; /* of this prompt among the caller's, from 0 */
  /* What follows in the manner of generate(): docs/DECODING.md has each. */
  double top_h;                      /* 0: all */
  double typical_p;                  /* 1: all */
  double epsilon_cutoff, eta_cutoff; /* 0: all */
  double encoder_repetition_penalty; /* 1: none; over the prompt, whose tokens become likelier above 1 */
  int no_repeat_ngram_size;          /* so many tokens never come twice in prompt and output; 0: they may */
  int encoder_no_repeat_ngram_size;  /* nor come as they stand in the prompt */
  int min_tokens;                    /* new ones before the first that may be an end token */
  int max_length, min_length;        /* of prompt and output together; 0: no bound */
  bool ignore_end;                   /* go on beyond the end token */
  bool no_special_tokens;            /* the prompt has those that it spells and no others: it is att_chat_prompt's */
  bool no_lookup; /* do not guess the next tokens from what stands in prompt and output; guesses change the time that
                     writing takes, never what is written: docs/DECODING.md, "Guessing ahead" */
  bool slide; /* go on beyond the model's context: where it is full, with its last half (the start token stays). What
                 repeats is then looked for in that alone. Not where max_tokens is 0 */
  att_model *draft; /* a smaller model of the same context and vocabulary, which guesses in place of that; or NULL */
  int draft_tokens; /* guesses of a step, at most 15; 0: as many as pay */
  att_cache_type cache_type; /* of what att_generate keeps; a service has its own */
  att_prompt_fn *on_prompt;  /* or NULL */
  void *on_prompt_user;      /* what it gets */
  const char *load_cache;  /* a file of save_cache: what the prompt begins with as its prompt does is not read again; or
                              NULL. att_generate's alone, as is: */
  const char *save_cache;  /* gets what is kept of the prompt, once the output is whole; or NULL */
  const char *grammar;     /* GBNF, as llama.cpp has it: only what its rule root allows is written; or NULL */
  const char *json_schema; /* the same for JSON that fits this schema; or NULL. docs/DECODING.md, "Grammars" */
  const att_token_bias *logit_bias; /* [logit_bias_count], or NULL */
  size_t logit_bias_count;          /* of logit_bias */
  int top_logprobs; /* so many of the likeliest tokens are told beside each that comes, at most 20; not of a beam */
  char unused[4];   /* 0 */
  double frequency_penalty; /* 0: none; taken off a token's score for each time that it was written, the prompt's out */
  double presence_penalty;  /* 0: none; taken off once, where it was written at all (both as OpenAI's) */
} att_generate_options;

/* Behind att_generate_options_default. */
ATT_API void att_generate_options_init(const att_model *model, att_generate_options *options, size_t size);
/* What the folder says, else: 256 tokens, one sample, greedy. */
#define att_generate_options_default(model, options) att_generate_options_init((model), (options), sizeof *(options))

/* Why a sample ended. */
typedef enum att_finish {
  ATT_RUNNING,        /* it has not */
  ATT_FINISH_END,     /* an end token came */
  ATT_FINISH_STOP,    /* a stop text came */
  ATT_FINISH_LENGTH,  /* it has max_tokens */
  ATT_FINISH_CONTEXT, /* the model's positions are full */
  ATT_FINISH_FAILED   /* of a service: nothing could come next, or att_service_step failed; att_message says why */
} att_finish;

/* A piece of a sample as it comes: whole characters only. */
typedef struct att_piece_of_text {
  int sample;                   /* which, from 0 */
  const char *text;             /* what is new; may be empty */
  size_t size;                  /* of it, bytes */
  att_finish finish;            /* ATT_RUNNING but in a sample's last piece */
  const int32_t *tokens;        /* [token_count] of the sample so far, end token included where it was reached */
  size_t token_count;           /* of them */
  size_t prompt_tokens;         /* that the model read before */
  double logprob;               /* sum over tokens, of the model's own distribution */
  size_t first_token;           /* the tokens from this one on came with this piece */
  const double *logprobs;       /* [token_count]; NULL: of a beam's hypotheses */
  uint64_t request;             /* att_service_submit's */
  bool last;                    /* the request has no more to give */
  bool truncated;               /* the source was too long for the model */
  size_t shared_tokens;         /* of the prompt's: had been read for another request */
  double score;                 /* of encoder-decoders, in a sample's last piece: att_hypothesis's, as is alignment */
  const int32_t *alignment;     /* [token_count], or NULL */
  size_t guessed, accepted;     /* of its tokens so far: guesses that were read, and those of them that were right */
  const att_token_logprob *top; /* [token_count, top_count]: what top_logprobs asks for, the likeliest first; or NULL */
  size_t top_count;             /* as top_logprobs says */
} att_piece_of_text;

/* Gets a piece. Pointers are valid during the call only. A non-zero return stops the work with ATT_INTERRUPTED. */
typedef int att_generate_fn(void *user, const att_piece_of_text *piece);

/* Continues the prompt (empty: from the model's start token). A prompt that leaves no position free is refused
 * (ATT_ARGUMENT) with the numbers, or with `slide` its last half is read; a sample that reaches the last position ends
 * with ATT_FINISH_CONTEXT, or with `slide` goes on. That it does is said in the log, once. Models of kind
 * ATT_DECODER only. options NULL: the defaults. */
ATT_API att_status att_generate(att_model *model, att_text prompt, const att_generate_options *options,
                                att_generate_fn *give, void *user);

/* A message of a chat. role: "system", "user", "assistant"; what the model's chat template knows. Never grows. */
typedef struct att_chat_message {
  att_text role, content; /* UTF-8 */
} att_chat_message;

/* The prompt that the model's chat template makes of a chat, as apply_chat_template of Transformers does: messages,
 * then the beginning of an answer. variables: a JSON object of what else the template sees ({"tools": [...],
 * "enable_thinking": false}); its "messages" come before the others. {NULL, 0}: nothing. *prompt ends in NUL (not
 * counted); free with att_release. It goes to att_generate with no_special_tokens. ATT_UNSUPPORTED: the model has no
 * template, or it needs what attend does not know; ATT_ARGUMENT: the template refuses the messages, and says why. */
ATT_API att_status att_chat_prompt(att_model *model, const att_chat_message *messages, size_t count, att_text variables,
                                   char **prompt, size_t *size);

/* Never grows. */
typedef struct att_text_score {
  double logprob; /* sum over the predicted tokens, natural */
  int64_t tokens; /* predicted */
  int64_t bytes;  /* of the text: bits per byte = -logprob / ln 2 / bytes */
} att_text_score;

/* How well a decoder predicts a text. Longer than the context: in windows of it, each moved on by `stride` tokens (0:
 * half the context), only the new tokens of a window counted, so each has at least context - stride before it. The
 * first token is predicted where the model has a start token, else it is given. */
ATT_API att_status att_score_text(att_model *model, att_text text, int64_t stride, att_text_score *score);

/* Reads a text with a decoder, as att_score_text does, and keeps how large what each column of its weights is
 * multiplied with is in the mean (an importance matrix: its square). att_model_save heeds that where it chooses blocks
 * of quantized weights: columns that are multiplied with more are nearer to what they were. Calibrated again, a model
 * forgets the text before. Takes a model of floats, or of weights finer than those it will be saved with. */
ATT_API att_status att_model_calibrate(att_model *model, att_text text);

/* ---- classifying, filling, embedding -------------------------------------------------------------------------- */

/* The labels of a head of classes, labels or values (there their names); *count 0 where there is none. Valid while the
 * model is open. */
ATT_API att_status att_model_labels(att_model *model, const char *const **labels, size_t *count);

/* What a token is. */
typedef struct att_token_class {
  int32_t id;           /* of the token */
  const char *token;    /* the vocabulary's own spelling, as att_token gives it */
  const double *scores; /* [labels] */
  size_t best;          /* the likeliest label */
} att_token_class;

/* What a line is. */
typedef struct att_classification {
  size_t line;          /* index into `lines` */
  const double *scores; /* [labels]: probabilities; of a head of values the values; NULL where tokens have labels, and
                           of a blank line, which has none */
  size_t best;          /* the likeliest label */
  bool truncated;       /* it was too long for the model */
  const att_token_class *tokens; /* [token_count], special tokens left out, of a head that labels each; else NULL */
  size_t token_count;            /* of tokens */
} att_classification;

/* Gets a line's. Pointers are valid during the call only. A non-zero return stops the work with ATT_INTERRUPTED. */
typedef int att_classification_fn(void *user, const att_classification *classification);

/* Classifies lines[0..count), in pairs with others[i] where others is not NULL; length-sorted batches inside, results
 * in the lines' order. first_line: as in att_decode_options. */
ATT_API att_status att_classify(att_model *model, const att_text *lines, const att_text *others, size_t count,
                                size_t first_line, att_classification_fn *give, void *user);
/* The same for the series of a file (.ts, or a table as training takes it, which needs no labels), of a model that was
 * trained on series: `line` is a series' place in the file. */
ATT_API att_status att_classify_series(att_model *model, const char *path, att_classification_fn *give, void *user);

/* A question about a text. Never grows. */
typedef struct att_question {
  att_text context, question; /* UTF-8; bytes that are not become U+FFFD, with a warning */
} att_question;

/* An answer: a part of the text. */
typedef struct att_found_answer {
  const char *text;             /* of the context; no NUL at its end */
  size_t size;                  /* bytes; 0: no answer */
  double score;                 /* its probability among those given */
  float start_logit, end_logit; /* what the model says of its first and last token */
  size_t start, end;            /* code points of the context: the first one, and the one behind the last */
} att_found_answer;

/* What was found for a question. */
typedef struct att_answers {
  size_t question;                        /* index into `questions` */
  const att_found_answer *const *answers; /* [count], best first, each text once; an empty context has none */
  size_t count;                           /* of answers */
  size_t best;                            /* which of them is the answer */
  double null_odds;                       /* logits of no answer, less those of the best one */
  bool may_be_none;                       /* no answer was one of them */
  bool truncated;                         /* the question was too long for a window */
} att_answers;

/* Gets a question's. Pointers are valid during the call only. A non-zero return stops the work with ATT_INTERRUPTED. */
typedef int att_answer_fn(void *user, const att_answers *answers);

/* Whether there may be no answer. */
typedef enum att_no_answer {
  ATT_NO_ANSWER_DEFAULT, /* as the model has learned it with attend */
  ATT_NO_ANSWER_ALLOWED, /* there may: of models trained on SQuAD 2.0 */
  ATT_NO_ANSWER_NEVER    /* always an answer */
} att_no_answer;

/* Made by att_answer_options_default. */
typedef struct att_answer_options {
  size_t size;               /* of this struct */
  int64_t nbest;             /* answers at most, no answer not counted */
  int64_t max_answer_tokens; /* of an answer */
  int64_t window, stride;    /* tokens that the model reads at once, question and special tokens in; from one window's
                                first to the next one's */
  double null_threshold;     /* no answer is the answer where its odds are above it */
  size_t first_question;     /* as first_line in att_decode_options */
  att_no_answer no_answer;   /* whether it may be */
  char unused[4];            /* 0 */
} att_answer_options;

/* Behind att_answer_options_default. */
ATT_API void att_answer_options_init(att_answer_options *options, size_t size);
/* 20 answers of at most 30 tokens, windows of 384 tokens every 128, threshold 0. */
#define att_answer_options_default(options) att_answer_options_init((options), sizeof *(options))

/* Answers questions[0..count), in their order, each by a part of its context; what a question and its context have of
 * each other's words is never mixed up. Questions in turn about one context (the same pointer) should follow each
 * other: it is tokenized once. As Transformers' run_squad chooses (docs/QUESTIONS.md). options NULL: the defaults. */
ATT_API att_status att_answer(att_model *model, const att_question *questions, size_t count,
                              const att_answer_options *options, att_answer_fn *give, void *user);

/* A file of questions: SQuAD's JSON (1.1, 2.0), or a .tsv or .csv of context, question, answer and start. */
typedef struct att_squad att_squad;

/* One of them. */
typedef struct att_squad_question {
  const char *id;          /* a table's: the line */
  att_question asked;      /* one context is one pointer */
  const att_text *answers; /* [answer_count], any of which is right */
  size_t answer_count;     /* 0: there is none in the context */
} att_squad_question;

/* Opens one. ATT_FORMAT: it is none, and says why. */
ATT_API att_status att_squad_open(att_context *ctx, const char *path, att_squad **squad);
/* NULL is fine. */
ATT_API void att_squad_close(att_squad *squad);
/* How many questions; *unanswerable (may be NULL): some have no answer, as in SQuAD 2.0. */
ATT_API size_t att_squad_count(const att_squad *squad, bool *unanswerable);
/* A question, from 0; valid until the next call; NULL after the last. */
ATT_API const att_squad_question *att_squad_at(att_squad *squad, size_t index);

/* How good predictions are, in percent, as the official scripts count it. */
typedef struct att_squad_score {
  size_t total, missing; /* questions that count: of version 2.0 only those with a prediction; those without one */
  double exact, f1;      /* of them */
  size_t has_answer, no_answer;            /* of them, those with an answer, and those without */
  double has_answer_exact, has_answer_f1;  /* NaN: there are none, as below */
  double no_answer_exact, no_answer_f1;    /* */
  double best_exact, best_exact_threshold; /* by the threshold that is best; NaN: no odds were given */
  double best_f1, best_f1_threshold;       /* */
  bool version2;                           /* counted as SQuAD 2.0 is */
  char unused[7];                          /* 0 */
} att_squad_score;

/* Behind att_evaluate_squad. size: of *score. */
ATT_API att_status att_evaluate_squad_sized(att_squad *squad, const char *predictions, const char *odds,
                                            double threshold, att_squad_score *score, size_t size);
/* predictions: a JSON object of ids and texts. odds: one of ids and the odds of no answer, or NULL; above the threshold
 * there is none (the official script's is 1). */
#define att_evaluate_squad(squad, predictions, odds, threshold, score)                                                 \
  att_evaluate_squad_sized((squad), (predictions), (odds), (threshold), (score), sizeof *(score))

/* A token in place of a mask. */
typedef struct att_filling {
  const char *token;  /* as text; this and line end in NUL (not counted) and, as the line given, may contain NUL */
  int32_t id;         /* of it */
  double probability; /* over the whole vocabulary */
  const char *line;   /* the text with it in place of the mask */
  size_t token_size, line_size; /* bytes */
} att_filling;

/* The `top` likeliest tokens for each mask of the line ("[MASK]", "<mask>": whatever the tokenizer calls it).
 * *fillings: [*masks, *per_mask] pointers, masks in their order, best first; each mask is filled alone, the other masks
 * stay. One block: free with att_release. ATT_ARGUMENT where there is no mask. */
ATT_API att_status att_fill(att_model *model, att_text line, size_t top, const att_filling ***fillings, size_t *masks,
                            size_t *per_mask);
/* The spelling of the mask token, or NULL where the model has none. */
ATT_API const char *att_mask_token(const att_model *model);

/* How the tokens' vectors x_1 .. x_n become one. */
typedef enum att_pooling {
  ATT_POOL_MEAN,          /* their mean */
  ATT_POOL_FIRST,         /* the first, as BERT's */
  ATT_POOL_LAST,          /* the last, as decoders' */
  ATT_POOL_MAX,           /* of each number the largest */
  ATT_POOL_MEAN_SQRT_LEN, /* their sum / sqrt(n) */
  ATT_POOL_WEIGHTED_MEAN, /* sum of i x_i / sum of i */
  ATT_POOL_DEFAULT,       /* as the folder says (sentence-transformers); else mean, of decoders last */
} att_pooling;

/* Whether vectors are scaled to length 1. */
typedef enum att_normalise {
  ATT_NORMALISE_DEFAULT, /* as the folder says; else not */
  ATT_NORMALISE_YES,     /* the vectors are scaled to length 1 at the end */
  ATT_NORMALISE_NO,      /* a Normalize at the end of the folder's stages is left out */
} att_normalise;

/* Made by att_embed_options_default. */
typedef struct att_embed_options {
  size_t size;             /* of this struct */
  att_pooling pooling;     /* in place of the folder's; what the folder does with the pooled vector stays */
  att_normalise normalise; /* to length 1 */
  int64_t batch_tokens;    /* bounds the tokens of a batch */
  size_t first_line;       /* as in att_decode_options */
  const char *prompt;      /* put before each line: the name of a prompt of the folder's, or the text itself; NULL: the
                              folder's default; "": none */
  bool whole;              /* a line too long is refused, with ATT_ARGUMENT, rather than truncated */
  char unused[7];          /* 0 */
} att_embed_options;

/* Behind att_embed_options_default. */
ATT_API void att_embed_options_init(const att_model *model, att_embed_options *options, size_t size);
/* As the folder says. */
#define att_embed_options_default(model, options) att_embed_options_init((model), (options), sizeof *(options))
/* Numbers of a vector: the model's width, twice it where a recurrent encoder reads in both directions; of a folder of
 * sentence-transformers what its stages make of it. options NULL: the defaults. 0 where att_embed refuses. */
ATT_API size_t att_embedding_width(att_model *model, const att_embed_options *options);
/* vectors: [count, att_embedding_width], the caller's. The last layer's hidden states, pooled over all tokens that the
 * model read, special tokens included, then through the folder's further stages, as sentence-transformers does. A stage
 * that attend does not know: ATT_UNSUPPORTED. A line too long for the folder's max_seq_length, else its
 * model_max_length, or for the model, is truncated, with a warning, or refused (`whole`). count 0 only checks options
 * and folder. options NULL: the defaults. */
ATT_API att_status att_embed(att_model *model, const att_text *lines, size_t count, const att_embed_options *options,
                             float *vectors);

/* ---- ranking -------------------------------------------------------------------------------------------------- */

/* How alike the vectors of two texts are; higher is more. */
typedef enum att_similarity {
  ATT_SIMILARITY_DEFAULT,   /* as a sentence-transformers folder says; else the cosine */
  ATT_SIMILARITY_COSINE,    /* of the angle between them */
  ATT_SIMILARITY_DOT,       /* their dot product */
  ATT_SIMILARITY_EUCLIDEAN, /* their distance, negative */
  ATT_SIMILARITY_MANHATTAN  /* the sum of the absolute differences of their numbers, negative */
} att_similarity;

/* Made by att_rank_options_default. */
typedef struct att_rank_options {
  size_t size;               /* of this struct */
  att_similarity similarity; /* of vectors */
  bool logits;               /* a cross-encoder's output as it is, without the activation that the folder names, else a
                                sigmoid */
  char unused[3];            /* 0 */
  const char *query_prompt;  /* put before each query: as `prompt` of att_embed_options; NULL: the folder's "query" */
  const char *text_prompt;   /* before each text, where they have vectors; NULL: the folder's "document" */
  int64_t batch_tokens;      /* bounds the tokens of a batch of texts that have vectors */
  size_t first_line;         /* as in att_decode_options */
  bool *truncated;           /* [texts], the caller's, or NULL: is told which text, or its query, was too long */
} att_rank_options;

/* Behind att_rank_options_default. */
ATT_API void att_rank_options_init(const att_model *model, att_rank_options *options, size_t size);
/* As the folder says. */
#define att_rank_options_default(model, options) att_rank_options_init((model), (options), sizeof *(options))

/* A result. Never grows. */
typedef struct att_ranked {
  size_t line;  /* index of the text */
  double score; /* its relevance */
} att_ranked;

/* How relevant each text is to the query beside it: scores, [count], the caller's. A cross-encoder (a head of one
 * label or value) reads both together, and the score is what CrossEncoder of sentence-transformers predicts; any other
 * model without labels gives each a vector, as att_embed does, and the score is how alike they are. What is too long is
 * truncated, with a warning. options NULL: the defaults. */
ATT_API att_status att_rank_pairs(att_model *model, const att_text *queries, const att_text *texts, size_t count,
                                  const att_rank_options *options, double *scores);
/* The same of one query: ranked, [count], the caller's, gets all lines, the most relevant first; of equal ones the
 * earlier. */
ATT_API att_status att_rank(att_model *model, att_text query, const att_text *lines, size_t count,
                            const att_rank_options *options, att_ranked *ranked);
/* The pairs of a table (CSV, TSV, plain or .gz) of two columns, query and text, which its first row may name "query"
 * and "text". *queries and all that both point to are one block: free with att_release. */
ATT_API att_status att_read_pairs(att_context *ctx, const char *path, att_text **queries, att_text **texts,
                                  size_t *count);

/* Lines with their vectors in a file, to be searched: the lines that are not blank, each with its number and, for the
 * cosine, scaled to length 1. */
typedef struct att_index_writer att_index_writer;
/* Begins a file. type: of the numbers, "float32" (NULL) or "float16", half the size. options: of the vectors, whose
 * pooling queries will have too; prompt NULL: the folder's "document". A folder that compares vectors other than by
 * cosine or dot product: ATT_UNSUPPORTED. */
ATT_API att_status att_index_create(att_model *model, const char *path, const char *type,
                                    const att_embed_options *options, att_index_writer **writer);
/* Adds lines, numbered on from the last. After a failure the writer is only to be discarded. */
ATT_API att_status att_index_add(att_index_writer *writer, const att_text *lines, size_t count);
/* Makes the file, and frees the writer whatever the outcome. */
ATT_API att_status att_index_commit(att_index_writer *writer);
/* Leaves no file, or the one that was there. NULL is fine. */
ATT_API void att_index_discard(att_index_writer *writer);

/* Such a file, mapped: its vectors are read as they are needed. */
typedef struct att_index att_index;
/* model: that made it, which must stay open; of another: ATT_ARGUMENT. */
ATT_API att_status att_index_open(att_model *model, const char *path, att_index **index);
/* NULL is fine. */
ATT_API void att_index_close(att_index *index);
/* How many entries (lines) it has. */
ATT_API size_t att_index_count(const att_index *index);
/* The line of an entry, and its number from 0 in the text that the index was made of. Valid while the index is open. */
ATT_API att_status att_index_line(const att_index *index, size_t entry, att_text *text, size_t *number);
/* The `top` entries most relevant to each query, exactly: found, [count, top], the caller's; `line` is the entry. top:
 * 1 to the number of entries. All queries go through the index together. An entry whose score is no number (a damaged
 * file) is not found: SIZE_MAX stands in its place, at the end. options: query_prompt, batch_tokens and first_line act.
 */
ATT_API att_status att_index_search(const att_index *index, const att_text *queries, size_t count,
                                    const att_rank_options *options, size_t top, att_ranked *found);
/* The same of vectors, [count, the index's width], scaled as you want them. */
ATT_API att_status att_index_search_vectors(const att_index *index, const float *queries, size_t count, size_t top,
                                            att_ranked *found);

/* ---- transcribing recordings ---------------------------------------------------------------------------------- */

/* Made by att_transcribe_options_default; change what you like. Strings stay the caller's. The thresholds are those of
 * Radford et al. 2022, section 4.5. */
typedef struct att_transcribe_options {
  size_t size;              /* of this struct */
  const char *language;     /* "en"; NULL: the one that is heard. English models have no choice */
  const char *prompt;       /* text as if it came before: names and their spelling; NULL: none */
  double temperature;       /* 0: the likeliest; else tokens are drawn */
  double temperature_step;  /* added while the result is doubtful, up to 1: 0.2; 0: never */
  double compression_ratio; /* a text that zlib makes so many times smaller repeats itself: 2.4 */
  double logprob;           /* a text whose tokens have less than this log-probability on the mean is doubtful: -1 */
  double no_speech;         /* and is none where silence has more than this probability: 0.6 */
  uint64_t seed;            /* of what is drawn: 1 */
  int beam;                 /* hypotheses where nothing is drawn; 1: greedy; 0: 1 of a Whisper model, 8 of the others */
  int best_of;              /* samples where something is: 5 */
  bool translate;           /* into English */
  bool words;               /* when each word was heard */
  bool voice;               /* what is no voice by its energy and spectrum is skipped */
  bool no_timestamps;       /* windows without times, one after another */
  bool no_context;          /* what was heard before is no prompt */
  char unused[3];           /* 0 */
} att_transcribe_options;

/* Behind att_transcribe_options_default. */
ATT_API void att_transcribe_options_init(att_transcribe_options *options, size_t size);
/* The numbers above. */
#define att_transcribe_options_default(options) att_transcribe_options_init((options), sizeof *(options))

/* A word with its time. */
typedef struct att_spoken_word {
  double start, end;  /* seconds from the recording's beginning */
  double probability; /* mean of its tokens' */
  att_text text;      /* with the space before it, where it has one */
} att_spoken_word;

/* A piece of a recording that is said. Times are seconds from its beginning. */
typedef struct att_segment {
  double start, end;                                         /* seconds */
  att_text text;                                             /* without spaces around it */
  const char *language;                                      /* "en" */
  const int32_t *tokens;                                     /* [token_count] timestamps in */
  size_t token_count;                                        /* of tokens */
  const att_spoken_word *const *words;                       /* [word_count], with `words` */
  size_t word_count;                                         /* of words */
  double logprob, no_speech, compression_ratio, temperature; /* of the window that it was heard in */
} att_segment;

/* How far the recording has been heard: a segment, or silence. Pointers are valid during the call; a non-zero return
 * stops with ATT_INTERRUPTED. */
typedef struct att_listened {
  const att_segment *segment; /* NULL: none, time went by */
  double seconds;             /* of the recording, that have been heard */
  double length;              /* seconds that it has; negative: not known (a pipe) */
} att_listened;
/* Gets it. */
typedef int att_listened_fn(void *user, const att_listened *listened);

/* What is said in a recording, by a Whisper model, or one of "speech" training, which has of the options the beam alone
 * and whose segments have no words, language or measures: window by window, so that its length does not matter. path: a
 * wav, flac, ogg or mp3 file, or "-": wav on standard input. options NULL: the defaults. Silence gives no segments.
 * ATT_FORMAT: no audio; ATT_NUMERIC: samples that are no numbers; ATT_UNSUPPORTED: no model of sound, or a build
 * without libsndfile. */
ATT_API att_status att_transcribe(att_model *model, const char *path, const att_transcribe_options *options,
                                  att_listened_fn *give, void *user);

/* The same window by window, of what would be in a file: for who does other things between two windows. */
typedef struct att_transcription att_transcription;
/* data: [size], which must stay until it is freed, as the model must. options: their strings need not stay. */
ATT_API att_status att_transcription_new(att_model *model, const void *data, size_t size,
                                         const att_transcribe_options *options, att_listened_fn *give, void *user,
                                         att_transcription **transcription);
/* Hears a window. *more: there may be another. After a failure it is only to be freed. */
ATT_API att_status att_transcription_step(att_transcription *transcription, bool *more);
/* NULL is fine. */
ATT_API void att_transcription_free(att_transcription *transcription);

/* ---- looking -------------------------------------------------------------------------------------------------- */

/* The weights that the model used for one pair of texts. */
typedef struct att_attention att_attention;

/* Which of a model's attentions. */
typedef enum att_look_part { ATT_LOOK_ENCODER, ATT_LOOK_DECODER, ATT_LOOK_CROSS, ATT_LOOK_PART_COUNT } att_look_part;

/* target.data NULL: the model translates the text (beam search by the defaults) and its own translation is looked at.
 * A model without a target looks at the text alone. Parts that a model does not have are maps of 0 layers; where it
 * has none at all (a recurrent network without attention): ATT_UNSUPPORTED. */
ATT_API att_status att_look(att_model *model, att_text text, att_text target, att_attention **attention);
/* NULL is fine. */
ATT_API void att_attention_free(att_attention *attention);

/* The weights of one part. */
typedef struct att_attention_map {
  size_t layers, heads, queries, keys; /* how many; layers 0: the model has no such part */
  /* Tokens as a person reads them: "·" leads a piece that goes on with the word before it (docs/LOOKING.md). A query of
   * the decoder and of cross-attention is named by the token that it predicts, a key by the token that stands there. */
  const char *const *query_labels; /* [queries] */
  const char *const *key_labels;   /* [keys] */
  const float *weights;            /* [layers, heads, queries, keys]; each row sums to 1 */
} att_attention_map;

/* The norm of the gradient of each output's log-probability by each input position's embedding: how much that position
 * moves the output. Comes as an att_attention of one layer and one head whose rows are not scaled to 1: part
 * ATT_LOOK_CROSS of translators (targets by source positions), ATT_LOOK_DECODER of decoders (each token by those before
 * it), ATT_LOOK_ENCODER of encoders with a head of labels (one row, the likeliest label, by the text's positions; a row
 * a token where tokens have labels). */
ATT_API att_status att_look_gradient(att_model *model, att_text text, att_text target, att_attention **attention);

/* Where each word of a recording's first window (30 seconds) was heard, by a model of att_transcribe. text: what is
 * said; data NULL: what the model hears. Cross-attention alone: a query is a token, a key a stretch of a fifth of a
 * second (a tenth in recordings below 4 seconds), whose weights are those of the sound it covers, scaled so that a row
 * sums to 1. Pictures show the spectrogram above, and by default the mean of the heads that align. */
ATT_API att_status att_look_recording(att_model *model, const char *path, att_text text, att_attention **attention);

/* The same of a model of series (att_classify_series, att_forecast): values [rows, channels], as its tables have them,
 * NaN where one is missing. A key and a query are a token each: so many rows, named by the first of them. Of a model of
 * forecasts the last rows that it reads are looked at, in the column `channel`, as values without the effect of its
 * covariates (which att_look_series takes off itself); other models read all at once.
 * gradient: in place of attention, as att_look_gradient: one row, the likeliest label, or the mean of what is forecast.
 * Pictures show the curves above. */
ATT_API att_status att_look_values(att_model *model, const float *values, size_t rows, size_t channel, bool gradient,
                                   att_attention **attention);
/* The same of a series in a file: its place from 0 (-1: the last), and, of a model of forecasts, the column by its name
 * or number from 1 (NULL: the first). Of models of sounds a file is a recording, or a table of them. */
ATT_API att_status att_look_series(att_model *model, const char *path, int64_t index, const char *column, bool gradient,
                                   att_attention **attention);

/* The same of a model of piano rolls (att_compose_roll), part ATT_LOOK_DECODER: a tune of a file, its place from 0
 * among those of all its parts (-1: the last); a .mid or .abc, read as so many frames a quarter note, has one. A query
 * is the frame that is predicted, counted from 1, a key what the model reads there: the frame before it, of the first
 * nothing ("start"). gradient: a row a frame, of its log-probability. att_look_values takes such frames too, [frames,
 * 88], 1 where a key sounds, 0 elsewhere. Pictures show the roll above, as it is read: without the last frame. */
ATT_API att_status att_look_roll(att_model *model, const char *path, int64_t index, int64_t frames_per_quarter,
                                 bool gradient, att_attention **attention);

/* A part's weights, valid until att_attention_free. */
ATT_API att_status att_attention_get(const att_attention *attention, att_look_part part, const att_attention_map **map);

/* What a picture is for. */
typedef enum att_look_format { ATT_LOOK_TERMINAL, ATT_LOOK_SVG, ATT_LOOK_HTML, ATT_LOOK_JSON } att_look_format;

/* Made by att_look_options_default. */
typedef struct att_look_options {
  size_t size;        /* of this struct */
  att_look_part part; /* which is shown (HTML: first) */
  int layer;          /* from 0; -1: the last */
  int head;           /* from 0; -1: the mean of all */
  int columns;        /* of the terminal: 80 */
  bool colour;        /* 256-colour escapes; else shades in text */
  bool unicode;       /* the terminal shows UTF-8 */
  char unused[6];     /* 0 */
} att_look_options;

/* Behind att_look_options_default. */
ATT_API void att_look_options_init(att_look_options *options, size_t size);
/* Cross-attention, last layer, mean, 80 columns, no colour, UTF-8. */
#define att_look_options_default(options) att_look_options_init((options), sizeof *(options))

/* Draws. *text ends in NUL (not counted in *size); free with att_release. HTML and JSON hold every part, layer and
 * head. options NULL: the defaults, of the first part there is: cross-attention, the decoder's, the encoder's. */
ATT_API att_status att_attention_render(const att_attention *attention, att_look_format format,
                                        const att_look_options *options, char **text, size_t *size);

/* ---- measuring translations ----------------------------------------------------------------------------------- */

/* What is measured. */
typedef enum att_bleu_metric { ATT_METRIC_BLEU, ATT_METRIC_CHRF, ATT_METRIC_TER } att_bleu_metric;
/* How BLEU splits words: sacreBLEU's names in lower case. */
typedef enum att_bleu_tokenizer {
  ATT_BLEU_13A,  /* mteval-v13a's: sacreBLEU's default */
  ATT_BLEU_NONE, /* at spaces */
  ATT_BLEU_CHAR, /* each character is a word */
  ATT_BLEU_INTL, /* mteval-v14's: punctuation and symbols of every script */
  ATT_BLEU_ZH    /* Chinese characters are words; the rest as 13a */
} att_bleu_tokenizer;
/* What BLEU does where no n-gram of an order matches (Chen & Cherry 2014; sacreBLEU's names). */
typedef enum att_bleu_smoothing {
  ATT_SMOOTH_EXP,   /* the k-th such order counts as 1 / 2^k matches */
  ATT_SMOOTH_FLOOR, /* as smoothing_value matches */
  ATT_SMOOTH_ADD_K, /* every order above the first has smoothing_value more */
  ATT_SMOOTH_NONE   /* the score is 0 */
} att_bleu_smoothing;

/* Made by att_bleu_options_default. */
typedef struct att_bleu_options {
  size_t size;                  /* of this struct */
  att_bleu_metric metric;       /* BLEU */
  int word_order;               /* chrF: 0; 2 for chrF++ */
  att_bleu_tokenizer tokenizer; /* of BLEU */
  bool lowercase;               /* BLEU, chrF */
  att_bleu_smoothing smoothing; /* of BLEU */
  double smoothing_value;       /* negative: sacreBLEU's default for the method (floor 0.1, add-k 1) */
  bool effective_order;    /* BLEU: orders that the hypotheses are too short for do not count, as for single lines */
  bool ter_normalized;     /* words as Tercom's normalizer parts them; else at spaces */
  bool ter_no_punct;       /* punctuation is taken out */
  bool ter_asian_support;  /* the two above know Chinese and Japanese */
  bool ter_case_sensitive; /* else TER ignores case */
  unsigned char unused[3]; /* zero */
} att_bleu_options;

/* What was counted. */
typedef struct att_bleu_result {
  double score;                                /* 0 to 100; of TER, where less is better, from 0 up */
  double precision[4];                         /* percent; BLEU only, as the two below */
  double brevity_penalty, ratio;               /* of the lengths */
  int64_t hypothesis_length, reference_length; /* in words */
  char line[256];                              /* as sacreBLEU prints it: "BLEU = 38.12 69.1/45.0/... (BP = ...)" */
  char signature[160]; /* as sacreBLEU's: "nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|version:..." */
} att_bleu_result;

/* Behind att_bleu_options_default. */
ATT_API void att_bleu_options_init(att_bleu_options *options, size_t size);
/* sacreBLEU's own: BLEU, 13a, exp, case counts. */
#define att_bleu_options_default(options) att_bleu_options_init((options), sizeof *(options))

/* Behind att_bleu. size: of *result. */
ATT_API att_status att_bleu_sized(att_context *ctx, const att_text *hypotheses, size_t count,
                                  const att_text *const *references, size_t reference_count,
                                  const att_bleu_options *options, att_bleu_result *result, size_t size);
/* Corpus score of hypotheses[i] against references[0][i], references[1][i] ... up to reference_count (BLEU: Papineni et
 * al. 2002; chrF: Popovic 2015; TER: Snover et al. 2006; all as in Post 2018). Where a line has fewer references, data
 * is NULL in those that it lacks; each line must have one. TER takes lines of up to 2^20 words. att_interrupt stops
 * it. options NULL: the defaults. */
#define att_bleu(ctx, hypotheses, count, references, reference_count, options, result)                                 \
  att_bleu_sized((ctx), (hypotheses), (count), (references), (reference_count), (options), (result), sizeof *(result))

/* ---- measuring summaries ---- */

/* Of n-grams, or words in the same order, that a summary and its reference share: shares from 0 to 1. */
typedef struct att_rouge_score {
  double precision, recall, f; /* of the summary's, of the reference's, their harmonic mean */
} att_rouge_score;

/* n-grams of one and of two words; the longest common subsequence of the whole texts, and the union of those of each
 * sentence (a line of the text). */
typedef enum att_rouge_kind { ATT_ROUGE_1, ATT_ROUGE_2, ATT_ROUGE_L, ATT_ROUGE_LSUM, ATT_ROUGE_KINDS } att_rouge_kind;

/* By att_rouge_kind. */
typedef struct att_rouge_scores {
  att_rouge_score kinds[ATT_ROUGE_KINDS]; /* 1, 2, L, Lsum */
} att_rouge_scores;

/* Made by att_rouge_options_default. */
typedef struct att_rouge_options {
  size_t size;          /* of this struct */
  double confidence;    /* of the interval; 0.95 */
  uint64_t seed;        /* of its samples; 1 */
  int samples;          /* of the bootstrap that the interval comes from; 0: no interval */
  bool stem;            /* English words above three letters by their stems (Porter 1980, as NLTK has it) */
  bool unicode_words;   /* letters and digits of every script, and each character of Chinese and Japanese, make words;
                           else   a-z and 0-9 alone, as rouge-score has it: it gives 0 for other scripts */
  bool mean;            /* of several references the mean; else the one with the highest f, of each kind by itself */
  unsigned char unused; /* zero */
} att_rouge_options;

/* Of all texts: the mean of their scores, and where there are samples, the interval of the mean. */
typedef struct att_rouge_result {
  att_rouge_scores mean, low, high; /* low, high: zeros without samples */
} att_rouge_result;

/* Behind att_rouge_options_default. */
ATT_API void att_rouge_options_init(att_rouge_options *options, size_t size);
/* rouge-score's own: no stems, the best reference. */
#define att_rouge_options_default(options) att_rouge_options_init((options), sizeof *(options))

/* ROUGE (Lin 2004) of texts[i] against references[0][i], references[1][i] ... up to reference_count, as rouge-score
 * 0.1.2 computes it. scores: [count], those of each text, or NULL. result: or NULL. options NULL: the defaults. A text
 * of several lines is compared with each line of the reference: such pairs may have 2^28 pairs of words. att_interrupt
 * stops it. */
ATT_API att_status att_rouge(att_context *ctx, const att_text *texts, size_t count, const att_text *const *references,
                             size_t reference_count, const att_rouge_options *options, att_rouge_scores *scores,
                             att_rouge_result *result);

/* ---- measuring transcripts ------------------------------------------------------------------------------------ */

/* A pair of lines, and how one becomes the other. Given to att_wer_options.on_pair; valid until it returns. */
typedef struct att_wer_pair {
  size_t index;                                       /* of the lines */
  int64_t hits, substitutions, deletions, insertions; /* words, or characters */
  const char *alignment; /* three lines, "REF: ...", "HYP: ..." and the edits below, as jiwer draws them */
} att_wer_pair;
/* Gets it. */
typedef void att_wer_pair_fn(void *user, const att_wer_pair *pair);

/* Made by att_wer_options_default. */
typedef struct att_wer_options {
  size_t size;           /* of this struct */
  const char *spellings; /* with `english`: a JSON file of words and what to write for them, as the normalizer.json of a
                            Whisper folder; NULL: words stay as they are */
  att_wer_pair_fn *on_pair; /* or NULL */
  void *user;               /* of on_pair */
  bool characters;          /* on_pair is given characters, not words */
  bool english;             /* both sides are made alike first, by the rules of Whisper's English normalizer */
  unsigned char unused[6];  /* zero */
} att_wer_options;

/* What was counted, over all lines; the rates are parts of 1, as jiwer has them. */
typedef struct att_wer_result {
  double wer, cer, mer; /* errors to words, to characters, spaces among them; match errors */
  double wil, wip;      /* word information lost and preserved (Morris et al. 2004) */
  int64_t hits, substitutions, deletions, insertions;                                         /* words */
  int64_t character_hits, character_substitutions, character_deletions, character_insertions; /* characters */
} att_wer_result;

/* Behind att_wer_options_default. */
ATT_API void att_wer_options_init(att_wer_options *options, size_t size);
/* Words, and nothing is made alike. */
#define att_wer_options_default(options) att_wer_options_init((options), sizeof *(options))

/* Behind att_wer. size: of *result. */
ATT_API att_status att_wer_sized(att_context *ctx, const att_text *hypotheses, const att_text *references, size_t count,
                                 const att_wer_options *options, att_wer_result *result, size_t size);
/* Error rates of hypotheses[i] against references[i]: the fewest substituted, deleted and inserted words to the words
 * of the references, and the same of characters, counted as jiwer does. Where no reference has a word, the rates are
 * the insertions. options NULL: the defaults. */
#define att_wer(ctx, hypotheses, references, count, options, result)                                                   \
  att_wer_sized((ctx), (hypotheses), (references), (count), (options), (result), sizeof *(result))

/* ---- training ------------------------------------------------------------------------------------------------- */

/* Options of a training run, by name: what is not given is chosen from the data and the budget (docs/TRAINING.md). */
typedef struct att_train_options att_train_options;

/* The tasks by name, from index 0 on: "translation", "lm", "classifier", "mlm", "summarization" and so on; NULL after
 * the last. */
ATT_API const char *att_train_task(size_t index);

/* Options of a task, or of "compare" (for att_compare), in which nothing is given. ATT_ARGUMENT for another name. */
ATT_API att_status att_train_options_new(att_context *ctx, const char *task, att_train_options **options);
/* NULL is fine. */
ATT_API void att_train_options_free(att_train_options *options);

/* What an option takes. */
typedef enum att_option_kind {
  ATT_OPTION_FLAG,   /* "yes" or "no" */
  ATT_OPTION_WHOLE,  /* a whole number from low to high */
  ATT_OPTION_NUMBER, /* a number from low to high, with a point whatever the locale */
  ATT_OPTION_CHOICE, /* one of choices */
  ATT_OPTION_FILE,   /* the name of a file or folder */
  ATT_OPTION_FILES,  /* the same, and each call adds one */
  ATT_OPTION_TEXT    /* a text below 256 bytes */
} att_option_kind;

#define ATT_MOST_CHOICES 16 /* of an option */

/* What there is to know of an option of a task. */
typedef struct att_train_option {
  const char *name;                      /* as att_train_options_set takes it */
  att_option_kind kind;                  /* of its value */
  const char *group;                     /* heading in help: "Data", "Model", ... */
  const char *help;                      /* what it is, in a few words */
  const char *initial;                   /* its value where none is given; NULL: it depends */
  const char *chosen;                    /* on what, in words; or NULL */
  const char *value;                     /* how help calls a value: "N", "X", "FILE", "DIR"; NULL: flags, choices */
  double low, high;                      /* of WHOLE and NUMBER, both included */
  const char *choices[ATT_MOST_CHOICES]; /* [choice_count] */
  size_t choice_count;                   /* of CHOICE; else 0 */
  char letter;                           /* a short name for a command, or 0 */
  bool required;                         /* there is no run without it */
} att_train_option;

/* Behind att_train_option_at. size: of *option. */
ATT_API bool att_train_option_read(const char *task, size_t index, att_train_option *option, size_t size);
/* The options of a task (or of "compare"), from index 0 on, in the order of help; false after the last, and for a task
 * that is none. The texts stay valid. */
#define att_train_option_at(task, index, option) att_train_option_read((task), (index), (option), sizeof *(option))

/* Gives an option its value ("512", "0.1", "rotary", "yes"); text NULL: takes it back. ATT_ARGUMENT, with a message
 * that begins with the name, where the task has no such option, or the value is none of its kind or out of its range.
 */
ATT_API att_status att_train_options_set(att_train_options *options, const char *name, const char *text);
/* The same for WHOLE and NUMBER, and for FLAG with 1 and 0. */
ATT_API att_status att_train_options_set_int(att_train_options *options, const char *name, int64_t value);
/* The same for NUMBER. */
ATT_API att_status att_train_options_set_number(att_train_options *options, const char *name, double value);
/* Options that resume the run in a folder: its task, its folder, and the files that it began with, by the names that
 * its checkpoint has. Others may be set beside them, a larger budget for one. ATT_IO where there is no checkpoint. */
ATT_API att_status att_train_options_resume(att_context *ctx, const char *folder, att_train_options **options);
/* The name of their task. */
ATT_API const char *att_train_options_task(const att_train_options *options);
/* What was given, as att_train_options_set takes it; index: of FILES which, else 0. NULL where nothing was. Valid until
 * the next call with these options. */
ATT_API const char *att_train_options_get(att_train_options *options, const char *name, size_t index);

/* What a training run has to say. */
typedef enum att_progress_kind {
  ATT_PROGRESS_PLAN,  /* text: one line of what was chosen */
  ATT_PROGRESS_STEP,  /* a training step is done */
  ATT_PROGRESS_VALID, /* a validation is done */
  ATT_PROGRESS_WORK,  /* text: what long work is under way ("tokenizing"); done/total */
  ATT_PROGRESS_DONE   /* text: the closing line */
} att_progress_kind;

/* How far a training run is. */
typedef struct att_progress {
  att_progress_kind kind;        /* which members say something */
  const char *text;              /* PLAN, WORK, DONE */
  int64_t step, steps;           /* done, of so many; steps 0: not known yet */
  double done;                   /* 0 to 1, of WORK */
  const char *network;           /* att_compare: whose training this is; else NULL */
  double whole;                  /* att_compare: 0 to 1, of all networks */
  double seconds, seconds_left;  /* since the start, resumed runs in; until the end, about */
  int64_t tokens;                /* real source and target tokens since the start, padding not */
  double loss;                   /* nats a target token, smoothed over the last steps */
  double lr, tokens_per_second;  /* of STEP */
  double valid_loss, perplexity; /* VALID; perplexity: 0 where the loss is not that of tokens */
  double quality;                /* VALID: what quality_name says, where higher is better; negative: not measured */
  const char *quality_name;      /* "BLEU", "accuracy", "macro-F1", "Spearman"; NULL: there is the loss alone */
  bool best;                     /* VALID: the best so far, saved */
} att_progress;

/* Gets it. Pointers are valid during the call only. */
typedef void att_progress_fn(void *user, const att_progress *progress);

/* Trains what the options say into the folder `out`. progress may be NULL. ATT_INTERRUPTED: a checkpoint was saved, and
 * the same options with `resume` go on from it. Where the run is complete already, resuming says so (PROGRESS_DONE) and
 * is ATT_OK. ATT_ARGUMENT: options that are missing, contradict each other, or differ from those of the run to resume.
 */
ATT_API att_status att_train(att_context *ctx, const att_train_options *options, att_progress_fn *progress, void *user);

/* ---- comparing networks --------------------------------------------------------------------------------------- */

/* Trains padded feed-forward, RNN, LSTM, GRU, GRU with attention (translation) and Transformer one after another, each
 * into out/NAME, evaluates all of them on the validation texts, and writes out/report.json and out/report.html.
 * options: those of "compare". With `resume` it goes on where it was stopped. progress: of the trainings, with
 * `network` and `whole` set. */
ATT_API att_status att_compare(att_context *ctx, const att_train_options *options, att_progress_fn *progress,
                               void *user);

/* ---- serving many requests ------------------------------------------------------------------------------------ */

/* A pool of requests to one model, for those who serve many at once: prompts that a decoder continues, or texts that an
 * encoder-decoder translates. Requests are submitted and cancelled at any time, also from within a callback; each call
 * of att_service_step serves all that run by one step, and gives what is new by callback:
 *
 *   att_service_new(model, NULL, &service);
 *   att_request_default(&request);
 *   request.text = ..., request.give = on_piece, request.user = ...;
 *   att_service_submit(service, &request, &id);
 *   for (size_t left = 1; left;) att_service_step(service, &left);
 *   att_service_free(service);
 *
 * Prompts are read in pieces between the steps, so that a long one holds nobody up. What prompts begin with alike is
 * read once. A request's draws depend on its own seed alone (not on its id), and so do its results, but for the last
 * digits of sums: docs/DECODING.md, "Many at once". Like all of a context, a service is for one thread at a time. */
typedef struct att_service att_service;

/* Made by att_service_options_default. */
typedef struct att_service_options {
  size_t size;        /* of this struct */
  int slots;          /* samples and hypotheses of beams at once: 64 */
  int queue;          /* requests that may wait for slots and rows: 64 */
  int64_t cache_rows; /* tokens that the cache may hold, shared ones once, and as many of sources; taken by need. 0: the
                         model's positions for each slot, for at most 16 */
  int64_t kept_rows; /* of them, for what ended requests have read, which later ones may begin with alike; what was used
                        last stays longest. 0: none; -1: the model's positions */
  int64_t prompt_tokens;     /* tokens of prompts and sources that are read in a step while others write: 64 */
  att_cache_type cache_type; /* of a decoder's keys and values: float32 */
  char unused[4];            /* 0 */
} att_service_options;

/* Behind att_service_options_default. */
ATT_API void att_service_options_init(att_service_options *options, size_t size);
/* The numbers above. */
#define att_service_options_default(options) att_service_options_init((options), sizeof *(options))

/* options NULL: the defaults. The model stays the caller's, and may have other services beside this one. What its
 * folder says of generating holds as in att_generate and att_translate. */
ATT_API att_status att_service_new(att_model *model, const att_service_options *options, att_service **service);
/* With all its requests, which get no more pieces. NULL is fine. Not from within a callback. */
ATT_API void att_service_free(att_service *service);

/* Made by att_request_default. All is copied but what the options point to (stop texts), which must stay until the
 * request has ended. */
typedef struct att_request {
  size_t size;           /* of this struct */
  att_text text;         /* the prompt, or what is to be translated */
  const int32_t *tokens; /* [token_count] in its place, special tokens as the model wants them; or NULL */
  size_t token_count;    /* of tokens */
  const att_generate_options *generate; /* of decoders; NULL: the defaults */
  const att_decode_options *decode;     /* of encoder-decoders; NULL: the defaults; batch_tokens plays no part */
  att_generate_fn *give; /* gets the pieces; a sample is one of nbest, best first, where there is a beam. A non-zero
                            return cancels the request */
  void *user;            /* give's */
} att_request;

/* Behind att_request_default. */
ATT_API void att_request_init(att_request *request, size_t size);
/* A request for nothing. */
#define att_request_default(request) att_request_init((request), sizeof *(request))

/* ATT_FULL: as many requests wait as may. ATT_ARGUMENT: options or a prompt that are impossible, or that take more
 * slots or rows than the service has. *id: above 0, counted up; may be NULL. */
ATT_API att_status att_service_submit(att_service *service, const att_request *request, uint64_t *id);
/* The request gets no more pieces. One that has ended already is fine. */
ATT_API att_status att_service_cancel(att_service *service, uint64_t id);
/* Serves all that run. *left (may be NULL): requests that run or wait; at 0 there is nothing to do. A request whose
 * settings leave it no token ends alone, with a piece of ATT_FINISH_FAILED. ATT_INTERRUPTED (att_interrupt): nothing is
 * lost, the next step goes on. Any other failure: what was running has ended, each with such a piece; what waits is
 * served by the next step. */
ATT_API att_status att_service_step(att_service *service, size_t *left);

/* What a service is at, and what it has done. */
typedef struct att_service_info {
  size_t running, waiting;                            /* requests */
  int slots;                                          /* in use */
  int64_t cache_rows, source_rows;                    /* in use, kept ones in */
  int64_t kept_rows;                                  /* shared ones counted each time */
  int64_t read_tokens, shared_tokens, written_tokens; /* since the service was made; of prompts: read, not read again */
} att_service_info;

/* Valid until the next call. */
ATT_API const att_service_info *att_service_describe(att_service *service);

/* ---- measuring classifiers ------------------------------------------------------------------------------------ */

/* Of predictions against the truth, as scikit-learn and SciPy define them; NaN where undefined. Never grows. */
typedef struct att_class_metrics {
  double accuracy, macro_f1, matthews; /* the share that is right; the mean over classes; Matthews' correlation */
  size_t classes;                      /* how many */
  const int64_t *confusion;            /* [classes, classes]: truth by prediction; free with att_release */
} att_class_metrics;
/* Measures predictions of one of several classes. truth, predicted: [count], each in [0, classes). */
ATT_API att_status att_measure_classes(att_context *ctx, const int32_t *truth, const int32_t *predicted, size_t count,
                                       size_t classes, att_class_metrics *metrics);

/* Of any of several labels. Never grows. */
typedef struct att_label_metrics {
  double accuracy; /* texts whose labels are all right */
  double macro_f1; /* the mean over labels */
  double micro_f1; /* over all labels and texts at once */
} att_label_metrics;
/* Measures predictions of any of several labels. truth, predicted: [count, labels] */
ATT_API att_status att_measure_labels(att_context *ctx, const bool *truth, const bool *predicted, size_t count,
                                      size_t labels, att_label_metrics *metrics);

/* Of numbers. Never grows. */
typedef struct att_value_metrics {
  double pearson, spearman, mean_squared_error; /* two correlations, and the mean of (truth - predicted)^2 */
} att_value_metrics;
/* Measures predicted numbers. truth, predicted: [count] */
ATT_API att_status att_measure_values(att_context *ctx, const double *truth, const double *predicted, size_t count,
                                      att_value_metrics *metrics);

/* One measure of an evaluation. */
typedef struct att_measure {
  const char *name; /* "macro-F1" */
  const char *key;  /* "macro_f1": in JSON */
  double value;     /* NaN where undefined */
} att_measure;

/* How many an evaluation has room for. */
enum { ATT_MOST_MEASURES = 8 };

/* How a model with a head of classes, labels or one value answers a file of texts. */
typedef struct att_evaluation {
  size_t count;             /* texts */
  size_t truncated;         /* of them, too long for the model */
  size_t classes;           /* of classes, up to 2,048: their number; else 0 */
  const int64_t *confusion; /* [classes, classes]: truth by prediction, free with att_release; or NULL */
  /* classes: accuracy, macro-F1, Matthews; any of several labels (each holds from a probability of a half on):
   * macro-F1, micro-F1, all labels right; values: Pearson, Spearman, squared error */
  size_t measure_count;                    /* of measures */
  att_measure measures[ATT_MOST_MEASURES]; /* [measure_count] */
} att_evaluation;

/* Which columns of a table are read: each by its name in the first row, or by its number from 1. Members that are NULL
 * are found by names and contents, as training finds them. Never grows. */
typedef struct att_columns {
  const char *text;      /* the text */
  const char *text_pair; /* the second text, of models of pairs */
  const char *label;     /* the label */
} att_columns;

/* Behind att_evaluate. size: of *evaluation. */
ATT_API att_status att_evaluate_sized(att_model *model, const char *path, const att_columns *columns,
                                      att_evaluation *evaluation, size_t size);
/* path: a table as the option "data" of training a classifier takes it. columns NULL: none is named. */
#define att_evaluate(model, path, columns, evaluation)                                                                 \
  att_evaluate_sized((model), (path), (columns), (evaluation), sizeof *(evaluation))

/* ---- forecasts ------------------------------------------------------------------------------------------------ */

/* A time of one column of one series: of the past that the model reads, then of what it forecasts. */
typedef struct att_forecast_row {
  const char *series, *target, *time; /* names, empty where there are none; the time as the table writes times */
  bool past;                          /* mean is what was there, NaN where it was missing; else a forecast: */
  double mean;                        /* in the table's own units */
  const double *quantiles, *levels;   /* [quantile_count], rising; levels: 0.1, 0.5, ... */
  size_t quantile_count;              /* 0: the mean alone */
} att_forecast_row;

/* Called for each row, series after series and column after column; non-zero stops. Valid during the call. */
typedef int att_forecast_fn(void *user, const att_forecast_row *row);
/* Forecasts what follows each series of a table (as training takes it: the same columns, the same step), of which the
 * last rows are read. A series too short is left out, which the log says. Of a model with covariates the table goes on
 * with them for as many rows as are forecast, with the targets empty; ATT_FORMAT says which are missing. */
ATT_API att_status att_forecast(att_model *model, const char *path, att_forecast_fn *give, void *user);

/* Errors of forecasts over all windows of a table: of values scaled as the model scales them. NaN: not measured. */
typedef struct att_forecast_errors {
  double mse, mae; /* squared and absolute */
  double mase;     /* absolute, over the mean absolute difference of values a season apart (Hyndman & Koehler 2006) */
  double pinball;  /* mean over the quantiles */
  double coverage; /* share of values between the outer quantiles */
} att_forecast_errors;

/* A backtest: forecasts from every window of the table's past. */
typedef struct att_backtest_result {
  size_t windows, season;                             /* how many; rows of a season */
  double nominal;                                     /* what coverage should be */
  att_forecast_errors model, last_value, last_season; /* the last value, or season, again and again */
} att_backtest_result;

/* Behind att_backtest. size: of *result. */
ATT_API att_status att_backtest_sized(att_model *model, const char *path, att_progress_fn *progress, void *user,
                                      att_backtest_result *result, size_t size);
/* progress may be NULL. */
#define att_backtest(model, path, progress, user, result)                                                              \
  att_backtest_sized((model), (path), (progress), (user), (result), sizeof *(result))

/* ---- tunes ---------------------------------------------------------------------------------------------------- */

/* The first tune of a .mid, .midi or .abc file as the words that models of `train music` read and write (bar,
 * metre_3/4, tempo_120, pos_12, program_40, vel_80, key_60, len_24). *words ends in NUL (not counted); free with
 * att_release. */
ATT_API att_status att_tune_read(att_context *ctx, const char *path, char **words, size_t *size);
/* Such words as a tune: a .mid or an .abc file, whole or not at all. Words that make no sense are passed over. */
ATT_API att_status att_tune_write(att_context *ctx, const char *words, size_t size, const char *path);
/* The seconds from such words' beginning to that of the last bar that is begun in them. */
ATT_API att_status att_tune_last_bar(att_context *ctx, const char *words, size_t size, double *seconds);
/* The first tune of a .mid, .midi or .abc file as another such file, whole or not at all: notes, times, tempi and
 * metres as they are, in .abc on one voice. */
ATT_API att_status att_tune_convert(att_context *ctx, const char *from, const char *to);

/* Made by att_roll_options_default. */
typedef struct att_roll_options {
  size_t size;        /* of this struct */
  const char *prompt; /* a tune to go on from (.mid, .abc, or a .json of piano rolls, whose first is taken), or NULL */
  int64_t frames;     /* to write, beyond those of the prompt */
  int64_t frames_per_quarter; /* how long a frame is in a .mid or .abc */
  double tempo;               /* quarters a minute, of what is written */
  double temperature, top_p;  /* as in att_decode_options; of each key: whether it sounds or not */
  uint64_t seed;              /* of what is drawn */
} att_roll_options;

/* Behind att_roll_options_default. */
ATT_API void att_roll_options_init(att_roll_options *options, size_t size);
/* 64 frames of a quarter note each, at 100 quarters a minute, temperature 1, top_p 0.98. */
#define att_roll_options_default(options) att_roll_options_init((options), sizeof *(options))

/* Writes a tune with a model of piano rolls, frame by frame: a .mid, an .abc or a .json file, whole or not at all. Keys
 * that sound in frames side by side are one long note. options NULL: the defaults. */
ATT_API att_status att_compose_roll(att_model *model, const att_roll_options *options, const char *path);

/* What a model of piano rolls makes of a part of a file; -logprob / frames are the nats a frame. */
typedef struct att_roll_score {
  const char *part;      /* "train", "valid" or "test"; valid during the call */
  int64_t tunes, frames; /* how many */
  double logprob;        /* of all frames, each given those of its tune before it */
} att_roll_score;
/* Called for each part that the file has; non-zero stops. */
typedef int att_roll_score_fn(void *user, const att_roll_score *score);
/* Scores the piano rolls of a .json file, plain or .gz. */
ATT_API att_status att_score_rolls(att_model *model, const char *path, att_roll_score_fn *give, void *user);

/* ---- files ---------------------------------------------------------------------------------------------------- */

/* Writes a file whole or not at all: aside, synced, renamed. */
ATT_API att_status att_write_file(att_context *ctx, const char *path, const void *data, size_t size);

/* A table of float32 that is written as a .npy file (numpy's format 1.0, C order), whole or not at all, row by row: the
 * number of rows is known at the end only. */
typedef struct att_npy att_npy;
/* Begins one. */
ATT_API att_status att_npy_open(att_context *ctx, const char *path, size_t columns, att_npy **npy);
/* Adds rows, [count, columns]. */
ATT_API att_status att_npy_put(att_npy *npy, const float *rows, size_t count);
/* Makes the file, and frees npy whatever the outcome. */
ATT_API att_status att_npy_commit(att_npy *npy);
/* Leaves no file. NULL is fine. */
ATT_API void att_npy_discard(att_npy *npy);

/* Refuses (ATT_FORMAT), with what it is and what to do, what is no text in UTF-8: UTF-16 and UTF-32, with a byte order
 * mark or without, a git-lfs pointer, a PDF, an archive. text: the whole or its first 64 KiB. Single wrong bytes are
 * none of its business. The two calls below do this themselves. */
ATT_API att_status att_check_text(att_context *ctx, const char *name, att_text text);

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
