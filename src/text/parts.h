/*
 * Owns what a tokenizer is made of, for the files of this room only: its steps in their order, and the tokens that are
 * looked for in the text itself.
 */
#ifndef ATT_TEXT_PARTS_H
#define ATT_TEXT_PARTS_H

#include "text/bpe.h"

typedef enum att_normal_step { ATT_STEP_NFC, ATT_STEP_LOWERCASE } att_normal_step;
#define ATT_MOST_STEPS 8

/* Bytes of an added token: bounds the work of looking for one at each place of a text. */
#define ATT_LONGEST_ADDED 1000

/* A token found in the text as it is spelled, before any word is cut. */
typedef struct att_added {
  int32_t id;
  bool special;        /* left out of decoded text on request */
  bool single_word;    /* only where no letter or digit touches it */
  bool lstrip, rstrip; /* takes the white space beside it */
  bool normalized;     /* looked for in the normalised text */
  att_text content;    /* what is looked for, normalised where that is said; owned */
} att_added;

/* Added tokens in the order of their bytes; of those that are looked for by the same bytes, the first. */
typedef struct att_matcher {
  const att_added **tokens; /* [count] */
  size_t count;
  bool first[256]; /* bytes that one begins with */
} att_matcher;

struct att_tokenizer {
  att_context *ctx;
  att_normal_step steps[ATT_MOST_STEPS];
  int step_count;
  bool add_prefix_space; /* a piece of text that does not begin with a space gets one */
  bool use_regex;        /* GPT-2's word pattern; else a piece is one word */
  att_vocabulary vocabulary;
  att_bpe bpe;
  att_added *added; /* [added_count] */
  size_t added_count;
  const att_added **added_of; /* [vocabulary.size], NULL where the id is no added token */
  att_matcher raw, normalized;
  att_ids before, after; /* the post-processor's marks */
};

/* An empty tokenizer; free with att_tokenizer_free whatever is filled in. */
att_status att_tokenizer_make(att_context *ctx, att_tokenizer **out);
/* Appends an added token, whose spelling must be in the vocabulary under this id. capacity of `added` is the caller's.
 */
att_status att_added_put(att_tokenizer *tokenizer, att_added token, const char *spelling);
/* When the vocabulary, merges, steps and added tokens are there: builds the tables for encoding. */
att_status att_tokenizer_finish(att_tokenizer *tokenizer);
/* The text through the tokenizer's steps. *out is the text itself, or lies in one of the buffers. Valid UTF-8 only. */
att_status att_normalize(const att_tokenizer *tokenizer, att_context *ctx, att_text text, att_buffer buffers[2],
                         att_text *out);

att_status att_matcher_make(att_tokenizer *tokenizer, bool normalized, att_matcher *matcher);
/* The first, longest match at or after *at: its token and bounds [*start, *end), white space not included; NULL where
 * there is none. */
const att_added *att_matcher_next(const att_matcher *matcher, att_text text, size_t at, size_t *start, size_t *end);
/* Whether the token may stand at [start, end), and with which white space around it. */
bool att_added_fits(const att_added *token, att_text text, size_t *start, size_t *end);

#endif
