/*
 * Owns what a tokenizer is made of, for the files of this room only: its steps in their order, and the tokens that are
 * looked for in the text itself.
 */
#ifndef ATT_TEXT_COMPONENTS_H
#define ATT_TEXT_COMPONENTS_H

#include "formats/json.h"
#include "text/byte_pair.h"
#include "text/normal_forms.h"
#include "text/pattern.h"
#include "text/precompiled.h"
#include "text/unigram.h"
#include "text/wordpiece.h"

/* ---- a text's steps on its way to words ------------------------------------------------------------------------ */

#define ATT_MOST_STEPS         16
#define ATT_MOST_PRETOKENIZERS 8

/* How what a step gives belongs to what it was given (token_spans.c). */
typedef enum att_step_kind {
  ATT_STEP_CHARACTERS, /* a character and its marks after another, each by itself */
  ATT_STEP_STRIP,
  ATT_STEP_PREPEND,
  ATT_STEP_REPLACE
} att_step_kind;

/* What a normaliser does to a text. BertNormalizer is a row of these. Strings here and below are those of the parts'
 * JSON. */
typedef struct att_normal_step {
  /* Appends the text as it becomes. *first is made false where its beginning is left out. */
  att_status (*apply)(att_context *ctx, const struct att_normal_step *step, att_text text, att_buffer *out,
                      bool *first);
  att_step_kind kind;
  att_form form;           /* of a normal form */
  att_pattern pattern;     /* what Replace looks for */
  const char *with;        /* its content; what Prepend puts before */
  const att_charsmap *map; /* of Precompiled */
  bool left, right;        /* sides that Strip looks at */
} att_normal_step;

/* A normaliser may not make a text longer than this many times itself; one replacement is at most so many bytes. */
#define ATT_MOST_GROWTH 64

/* What becomes of the matches of a pattern. */
typedef enum att_behavior {
  ATT_REMOVED,
  ATT_ISOLATED,
  ATT_MERGED_BEFORE,
  ATT_MERGED_AFTER,
  ATT_CONTIGUOUS
} att_behavior;
typedef enum att_prepend { ATT_PREPEND_ALWAYS, ATT_PREPEND_FIRST, ATT_PREPEND_NEVER } att_prepend;

/* One pre-tokenizer: first it may change the text (`change`, or NULL), then it cuts it into pieces, each of which goes
 * to the next one; the last one's are the model's words. */
typedef struct att_pretokenizer {
  /* *out: the text itself or what was written to the buffer. first: the piece begins the whole text. */
  att_status (*change)(att_context *ctx, const struct att_pretokenizer *p, att_text text, bool first,
                       att_buffer *buffer, att_text *out);
  /* The end of the piece that begins at `start` < text.size; *kept false: it is dropped. NULL: it is the pattern that
   * cuts. */
  size_t (*end)(const struct att_pretokenizer *p, att_text text, size_t start, bool *kept);
  att_pattern pattern;
  att_behavior behavior;
  bool invert;         /* what is between matches counts as one, and matches do not */
  const char *string;  /* what Metaspace writes for a space */
  att_prepend prepend; /* where Metaspace puts it before a piece */
  int64_t length;      /* characters of a piece of FixedLength */
} att_pretokenizer;

/* What comes of tokens on their way back to text. Of all tokens only the first is told from others, so that text can
 * be given as its tokens come. */
typedef enum att_decoding {
  ATT_DECODE_SPACED,    /* no decoder: spaces between tokens */
  ATT_DECODE_FUSED,     /* one after another */
  ATT_DECODE_BYTES,     /* GPT-2's characters for bytes */
  ATT_DECODE_WORDPIECE, /* a space before each token but the first and those with the prefix */
  ATT_DECODE_SUFFIXED,  /* the suffix becomes a space, of the last token nothing */
} att_decoding;

#define ATT_MOST_REPLACEMENTS 4

typedef struct att_decode_plan {
  att_decoding kind;
  const char *prefix; /* of WordPiece's tokens that go on a word */
  const char *suffix; /* of BPEDecoder */
  bool clean_up;      /* WordPiece: no space before punctuation and English contractions */
  const char *space;  /* Metaspace's character, which becomes a space, or NULL */
  bool drop_first;    /* ... in the first token nothing */
  const char *what[ATT_MOST_REPLACEMENTS], *with[ATT_MOST_REPLACEMENTS]; /* Replace, within each token */
  int replacements;
  bool byte_fallback; /* tokens like <0x0A> are bytes */
  const char *strip;  /* taken from the beginning of the text, */
  int64_t strip_most; /* so often at most */
} att_decode_plan;

typedef enum att_item_kind { ATT_ITEM_SPECIAL, ATT_ITEM_FIRST, ATT_ITEM_SECOND } att_item_kind;

/* What a post-processor makes of one text or two: special tokens and texts in their order. */
typedef struct att_item {
  att_item_kind kind;
  int32_t id;   /* of a special token */
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
  att_charsmap charsmap;
  att_pretokenizer pretokenizers[ATT_MOST_PRETOKENIZERS];
  int pretokenizer_count;
  att_template single, pair;
  att_decode_plan decoding;
  att_vocabulary vocabulary;
  att_bpe bpe;
  att_wordpiece wordpiece;
  att_unigram unigram;
  att_added *added; /* [added_count] */
  size_t added_count;
  const att_added **added_of; /* [vocabulary.size], NULL where the id is no added token */
  att_matcher raw, normalized;
  bool split_specials; /* special tokens are not looked for in a text: what spells one is text */
  bool one_type;       /* all tokens of a pair are of type 0 (model_input_names without token_type_ids) */
  bool keeps_last;     /* a text that is truncated keeps its end (truncation_side) */
  bool clean_up;       /* decoded text has no space before punctuation and English contractions */
  json_t *config;      /* what its folder's tokenizer_config.json said, or NULL */
};

/* An empty tokenizer; free with att_tokenizer_free whatever is filled in. */
att_status att_tokenizer_make(att_context *ctx, att_tokenizer **out);
/* Fills a tokenizer's vocabulary and model. */
typedef att_status att_model_fn(att_tokenizer *tokenizer, void *user);
/* Reads a whole tokenizer.json, or one without a model, which `model` makes (else NULL). Takes root. name: for
 * messages.
 */
att_status att_tokenizer_from_json(att_context *ctx, const char *name, json_t *root, att_model_fn *model, void *user,
                                   att_tokenizer **out);

/* Appends what att_tokenizer_save writes. */
att_status att_tokenizer_write(const att_tokenizer *tokenizer, att_buffer *out);

/* Reads one part as tokenizer.json says it (NULL or null: none) and keeps it. The post-processor needs the vocabulary.
 * name: for messages. */
att_status att_part_read(att_tokenizer *tokenizer, const char *name, att_part part, json_t *json);
extern const char *const att_part_names[ATT_PARTS]; /* their keys */
/* Appends an added token, whose spelling must be in the vocabulary under this id. capacity of `added` is the caller's.
 */
att_status att_added_put(att_tokenizer *tokenizer, att_added token, const char *spelling);
/* When the vocabulary, merges, steps and added tokens are there: builds the tables for encoding. */
att_status att_tokenizer_finish(att_tokenizer *tokenizer);
/* The text through the tokenizer's steps. *out is the text itself, or lies in one of the buffers. Valid UTF-8 only.
 * *first becomes false where a step leaves out the text's beginning, as the offsets of `tokenizers` do. */
att_status att_normalize(const att_tokenizer *tokenizer, att_context *ctx, att_text text, att_buffer buffers[2],
                         bool *first, att_text *out);
/* Gives the words of a normalised text, in their order. buffers: [ATT_MOST_PRETOKENIZERS], used again from call to
 * call. changed: [ATT_MOST_PRETOKENIZERS], or NULL: where a pre-tokenizer changed the text and wrote it to its buffer,
 * what it was before; data NULL where it did not. */
typedef att_status att_word_fn(void *user, att_text word);
att_status att_split_words(const att_tokenizer *tokenizer, att_context *ctx, att_text text, bool first,
                           att_buffer *buffers, att_text *changed, att_word_fn *word, void *user);

/* From now on special tokens are not looked for in a text. */
att_status att_tokenizer_split_specials(att_tokenizer *tokenizer);
att_status att_matcher_make(att_tokenizer *tokenizer, bool normalized, att_matcher *matcher);
/* The first, longest match at or after *at: its token and bounds [*start, *end), white space not included; NULL where
 * there is none. */
const att_added *att_matcher_next(const att_matcher *matcher, att_text text, size_t at, size_t *start, size_t *end);
/* Whether the token may stand at [start, end), and with which white space around it. blanks: [0] to [1] is a stretch of
 * white space that was looked at before; both 0 at the beginning of a text. So a text of n blanks is looked at once,
 * not n times. */
bool att_added_fits(const att_added *token, att_text text, size_t blanks[2], size_t *start, size_t *end);

#endif
