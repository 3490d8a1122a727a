/*
 * Owns the settings of generating: what generation_config.json says (or config.json, in folders from before it), read,
 * checked, and written again as it was read. Refuses nothing while a model is opened: what is wrong is kept as a
 * message for the calls that generate (att_generation_use), and what attend does not do is a warning that they give.
 * What the settings do is in decode/.
 */
#ifndef ATT_MODELS_GENERATION_H
#define ATT_MODELS_GENERATION_H

#include "base/arena.h"
#include "models/config.h"

#define ATT_WIDEST_BEAM 64

typedef struct att_token_list {
  int32_t *tokens; /* [count], each in the vocabulary */
  int64_t count;
} att_token_list;

/* Where a text ends in all of the tokens but the last, the score of that one changes by `bias`. */
typedef struct att_biased {
  const int32_t *tokens; /* [count], each in the vocabulary */
  int64_t count;         /* at least 1 */
  int64_t order;         /* in the file */
  double bias;           /* -INFINITY: it is ruled out */
} att_biased;

typedef struct att_bias_list {
  att_biased *items; /* [count] */
  int64_t count;
} att_bias_list;

/* Field names are Hugging Face's. Copies are shallow: one that was changed by options (att_generation_take) is not to
 * be freed. */
typedef struct att_generation {
  bool do_sample, remove_invalid_values, renormalize_logits;
  int num_beams, num_return_sequences;
  int max_length, max_new_tokens, min_length, min_new_tokens; /* 0: not said; lengths with what was there before */
  int top_k;                                                  /* 0: all; -1: not said */
  int no_repeat_ngram_size, encoder_no_repeat_ngram_size;     /* 0: none */
  double temperature, top_h, top_p, min_p, typical_p, epsilon_cutoff, eta_cutoff;
  double repetition_penalty, encoder_repetition_penalty;
  double frequency_penalty, presence_penalty; /* OpenAI's names: generate() has none such */
  double length_penalty;
  att_early_stopping early_stopping;
  int32_t bos, decoder_start; /* -1: not said */
  att_token_list ends;        /* eos_token_id */
  att_token_list forced_bos, forced_eos, suppress_tokens, begin_suppress_tokens;
  att_bias_list bad_words, sequence_bias; /* bad words: each end token alone is left out, as generate() does */
  int decay_start;                        /* exponential_decay_length_penalty */
  double decay_factor;                    /* 1: none */
  /* Whisper's rules of timestamps, which are no key of the file: the first one's token (0: no rules), what switches
   * them off, and how many are too late to come first */
  int32_t first_timestamp, no_timestamps, last_initial_timestamp;
  const char **stop_strings; /* [stop_string_count] */
  size_t stop_string_count;

  char *text;       /* generation_config.json as it is to be written; NULL: none */
  char *wrong;      /* what of it cannot be used, in one line, or NULL */
  char *warnings;   /* what is not done, a line each, or NULL; said once */
  att_arena *lists; /* what the lists above lie on; NULL: there are none */
} att_generation;

/* What a folder says that says nothing. */
void att_generation_neutral(att_generation *out);
/* What a folder says. Never fails for what the folder holds, only for want of memory. */
att_status att_generation_read(att_context *ctx, const char *folder, const att_config *config, att_generation *out);
/* The same of a config.json that is no file; name: for messages. Takes root. */
att_status att_generation_take_config(att_context *ctx, const char *name, json_t *root, const att_config *config,
                                      att_generation *out);
/* What a new model of this configuration is written with. */
att_status att_generation_new(att_context *ctx, const att_config *config, att_generation *out);
/* Another whole number for a key, also in what is written. What the lists point to goes. */
att_status att_generation_set(att_context *ctx, const att_config *config, const char *key, int64_t value,
                              att_generation *generation);
/* generation_config.json, where there is something to say. */
att_status att_generation_write(att_context *ctx, const char *folder, const att_generation *generation);
void att_generation_free(att_context *ctx, att_generation *generation);

/* For the calls that generate: ATT_FORMAT where a setting cannot be used; else gives the warnings, the first time. */
att_status att_generation_use(att_context *ctx, att_generation *generation);
bool att_generation_ends(const att_generation *generation, int32_t token);
/* Whether a setting does anything: it is not its neutral value. key: generation_config.json's. */
bool att_generation_is_set(const att_generation *generation, const char *key);

/* The settings that are options too, to and from the options' struct. Those that need more than a copy (lengths, beams,
 * whether there is sampling at all) are the callers'. */
typedef enum att_options_kind { ATT_OPTIONS_DECODE, ATT_OPTIONS_GENERATE } att_options_kind;
void att_generation_give(const att_generation *generation, att_options_kind kind, void *options);
/* ATT_ARGUMENT where an option is out of its range. */
att_status att_generation_take(att_context *ctx, att_options_kind kind, const void *options,
                               att_generation *generation);

#endif
