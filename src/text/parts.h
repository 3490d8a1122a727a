/*
 * Owns what a tokenizer is made of, for the files of this room only: its steps in their order, and the tokens that are
 * looked for in the text itself.
 */
#ifndef ATT_TEXT_PARTS_H
#define ATT_TEXT_PARTS_H

#include "formats/json.h"
#include "text/bpe.h"
#include "text/wordpiece.h"

/* ---- a text's steps on its way to words ------------------------------------------------------------------------ */

#define ATT_MOST_STEPS 16 /* of each kind */

/* What a normaliser does to a text. BertNormalizer is a row of these. */
typedef struct att_normal_step {
  att_status (*apply)(att_context *ctx, const struct att_normal_step *step, att_text text, att_buffer *out);
} att_normal_step;

/* One pre-tokenizer: first it may change the text (`change`, or NULL), then it cuts it into pieces, each of which goes
 * to the next one; the last one's are the model's words. */
typedef struct att_cut {
  /* *out: the text itself or what was written to the buffer. first: the piece begins the whole text. */
  att_status (*change)(att_context *ctx, const struct att_cut *cut, att_text text, bool first, att_buffer *buffer,
                       att_text *out);
  /* The end of the piece that begins at `start` < text.size; *kept false: it is dropped. */
  size_t (*end)(const struct att_cut *cut, att_text text, size_t start, bool *kept);
} att_cut;

/* What comes of tokens on their way back to text. Of all tokens only the first is told from others, so that text can
 * be given as its tokens come. */
typedef enum att_decoding {
  ATT_DECODE_SPACED,    /* no decoder: spaces between tokens */
  ATT_DECODE_FUSED,     /* one after another */
  ATT_DECODE_BYTES,     /* GPT-2's characters for bytes */
  ATT_DECODE_WORDPIECE, /* a space before each token but the first and those with the prefix */
} att_decoding;

typedef struct att_decode_plan {
  att_decoding kind;
  const char *prefix; /* of WordPiece's tokens that go on a word */
  bool clean_up;      /* WordPiece: no space before punctuation and English contractions */
} att_decode_plan;

typedef enum att_item_kind { ATT_ITEM_MARK, ATT_ITEM_FIRST, ATT_ITEM_SECOND } att_item_kind;

/* What a post-processor makes of one text or two: marks and texts in their order. */
typedef struct att_item {
  att_item_kind kind;
  int32_t id;   /* of a mark */
  int32_t type; /* of the tokens that it gives */
} att_item;

typedef struct att_template {
  att_item *items; /* [count] */
  size_t count, capacity;
} att_template;

/* ---- tokens found in the text as it is spelled, before any word is cut ----------------------------------------- */

/* Bytes of an added token: bounds the work of looking for one at each place of a text. */
#define ATT_LONGEST_ADDED 1000

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

/* ---- the tokenizer --------------------------------------------------------------------------------------------- */

typedef enum att_part {
  ATT_PART_NORMALIZER,
  ATT_PART_PRE_TOKENIZER,
  ATT_PART_POST_PROCESSOR,
  ATT_PART_DECODER,
  ATT_PARTS
} att_part;

struct att_tokenizer {
  att_context *ctx;
  json_t *parts[ATT_PARTS]; /* as tokenizer.json says them, or NULL; what is below was read from them */
  att_normal_step steps[ATT_MOST_STEPS];
  int step_count;
  att_cut cuts[ATT_MOST_STEPS];
  int cut_count;
  att_template single, pair;
  att_decode_plan decoding;
  att_vocabulary vocabulary;
  att_bpe bpe;
  att_wordpiece wordpiece;
  att_added *added; /* [added_count] */
  size_t added_count;
  const att_added **added_of; /* [vocabulary.size], NULL where the id is no added token */
  att_matcher raw, normalized;
};

/* An empty tokenizer; free with att_tokenizer_free whatever is filled in. */
att_status att_tokenizer_make(att_context *ctx, att_tokenizer **out);
/* Reads one part as tokenizer.json says it (NULL or null: none) and keeps it. The post-processor needs the vocabulary.
 * name: for messages. */
att_status att_part_read(att_tokenizer *tokenizer, const char *name, att_part part, json_t *json);
extern const char *const att_part_names[ATT_PARTS]; /* their keys */
/* Appends an added token, whose spelling must be in the vocabulary under this id. capacity of `added` is the caller's.
 */
att_status att_added_put(att_tokenizer *tokenizer, att_added token, const char *spelling);
/* When the vocabulary, merges, steps and added tokens are there: builds the tables for encoding. */
att_status att_tokenizer_finish(att_tokenizer *tokenizer);
/* The text through the tokenizer's steps. *out is the text itself, or lies in one of the buffers. Valid UTF-8 only. */
att_status att_normalize(const att_tokenizer *tokenizer, att_context *ctx, att_text text, att_buffer buffers[2],
                         att_text *out);
/* Gives the words of a normalised text, in their order. buffers: [ATT_MOST_STEPS], used again from call to call. */
typedef att_status att_word_fn(void *user, att_text word);
att_status att_cut_words(const att_tokenizer *tokenizer, att_context *ctx, att_text text, bool first,
                         att_buffer *buffers, att_word_fn *word, void *user);

att_status att_matcher_make(att_tokenizer *tokenizer, bool normalized, att_matcher *matcher);
/* The first, longest match at or after *at: its token and bounds [*start, *end), white space not included; NULL where
 * there is none. */
const att_added *att_matcher_next(const att_matcher *matcher, att_text text, size_t at, size_t *start, size_t *end);
/* Whether the token may stand at [start, end), and with which white space around it. */
bool att_added_fits(const att_added *token, att_text text, size_t *start, size_t *end);

#endif
