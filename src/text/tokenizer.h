/*
 * Owns tokenizers: text to ids and back, training, tokenizer.json. Knows no tensors. A tokenizer is read-only once
 * made: threads may share it. What a tokenizer.json asks for that attend does not know is refused by name
 * (ATT_UNSUPPORTED), never ignored.
 */
#ifndef ATT_TEXT_TOKENIZER_H
#define ATT_TEXT_TOKENIZER_H

#include "base/context.h"

typedef struct att_tokenizer att_tokenizer;

typedef struct att_ids {
  int32_t *data;
  size_t count, capacity;
} att_ids; /* zero-initialised is empty; free data with att_free */

att_status att_ids_push(att_context *ctx, att_ids *ids, int32_t id);

typedef enum att_tokenizer_kind { ATT_BPE, ATT_WORDPIECE, ATT_CHAR, ATT_BYTE, ATT_UNIGRAM } att_tokenizer_kind;

typedef struct att_tokenizer_plan {
  att_tokenizer_kind kind; /* how text becomes pieces:
                              ATT_BPE        byte-level BPE
                              ATT_WORDPIECE  BERT's normaliser and pre-tokenizer, WordPiece with "##"
                              ATT_CHAR       a token a character of the text, <unk> for others
                              ATT_BYTE       a token a byte
                              ATT_UNIGRAM    SentencePiece's normalising and spaces, the likeliest pieces */
  int vocab;               /* size wanted, specials included; characters and bytes: at most */
  bool lowercase;
  bool plain; /* of ATT_CHAR and ATT_BYTE: text that spells a special token is text (split_special_tokens) */
  /* Special tokens in their final ids: Hugging Face's m2m_100 layout is <s> 0, <pad> 1, </s> 2, <unk> 3; marian's has
   * </s> 0, <unk> 1 and <pad> as the last id */
  const char *const *first_specials;
  size_t first_count;       /* ids 0 .. */
  const char *last_special; /* the last id of the vocabulary, or NULL */
  const char *start_token;  /* put before a text by the post-processor, or NULL: "[CLS]" */
  const char *end_token;    /* appended to a text (and to each of two) by the post-processor, or NULL */
} att_tokenizer_plan;

/* By plan->kind, from the lines:
 * - ATT_BPE: byte-level BPE (Sennrich et al. 2016; Radford et al. 2019): NFC, GPT-2's pattern, the 256 bytes as
 *   alphabet, min_frequency 2. Merges are those of Hugging Face `tokenizers` (highest count first, ties to the smaller
 *   pair of ids).
 * - ATT_CHAR: the code points of the text as they are (no normalising but lower case where asked for; line ends and
 *   blanks too, NUL not), by code point; where they are more than the vocabulary takes, the most frequent. The special
 * tokens must have <unk> or [UNK]: it stands for other characters.
 * - ATT_BYTE: the 256 bytes.
 * - ATT_UNIGRAM: as SentencePiece's trainer (unigram_training.h): NFKC, one space for several and none at the ends, "▁"
 *   for a space; the special tokens, which must have <unk> or [UNK], then pieces, the likeliest first, among them the
 *   characters that are 99.95 % of the text. Text comes back with these spaces.
 * - ATT_WORDPIECE: BERT's normaliser and pre-tokenizer; the special tokens, which must have [UNK] or <unk>, the
 * characters (at most 1000), then those that go on a word ("##a"), then what is learnt: pairs by their count, as in
 * BPE, which is what Hugging Face's trainer does too (Schuster and Nakajima 2012 choose by likelihood). tokenizer.json
 * says ATT_CHAR and ATT_BYTE as BPE without merges. Text comes back as it was, but that what is not UTF-8 is repaired.
 * Several texts: as if concatenated. progress (may be NULL) gets 0..1; a non-zero return stops with ATT_INTERRUPTED. */
att_status att_tokenizer_train(att_context *ctx, const att_text *const *texts, const size_t *counts, size_t text_count,
                               const att_tokenizer_plan *plan, int (*progress)(void *user, double done), void *user,
                               att_tokenizer **out);
/* A folder's tokenizer.json, or where it has none BERT's vocab.txt, or GPT-2's vocab.json and merges.txt, with what
 * tokenizer_config.json says of them: ids as those of Transformers' fast tokenizers (older_files.c). */
att_status att_tokenizer_open_folder(att_context *ctx, const char *folder, att_tokenizer **out);
/* path: a tokenizer.json */
att_status att_tokenizer_open(att_context *ctx, const char *path, att_tokenizer **out);
/* From a GGUF file's metadata: llama, gpt2, bert and t5; ids as llama.cpp's and as those of Hugging Face's tokenizer of
 * the same model. A token's place is its id. */
struct att_gguf_metadata;
att_status att_tokenizer_open_gguf(att_context *ctx, const struct att_gguf_metadata *metadata, att_tokenizer **out);
/* From bytes; name is for messages. */
att_status att_tokenizer_parse(att_context *ctx, const char *name, const char *data, size_t size, att_tokenizer **out);
/* From now on texts are lower-cased before all else, as if a Lowercase stood before the normalizer: nothing where there
 * is one already. For encoding: it is not saved. */
att_status att_tokenizer_lowercase(att_tokenizer *tokenizer);
/* tokenizer.json as `tokenizers` writes it; whole or not at all. */
att_status att_tokenizer_save(const att_tokenizer *tokenizer, const char *path);
void att_tokenizer_free(att_tokenizer *tokenizer);

int32_t att_tokenizer_size(const att_tokenizer *tokenizer); /* largest id + 1 */
/* The id of a token's spelling, or -1. */
int32_t att_tokenizer_id(const att_tokenizer *tokenizer, const char *token);
/* The vocabulary's spelling, or NULL. */
const char *att_tokenizer_token(const att_tokenizer *tokenizer, int32_t id);
/* Whether words are made of merges, which BPE-dropout leaves out. */
bool att_tokenizer_has_merges(const att_tokenizer *tokenizer);
bool att_tokenizer_is_special(const att_tokenizer *tokenizer, int32_t id);
/* Whether text that spells a special token is text. */
bool att_tokenizer_splits_specials(const att_tokenizer *tokenizer);
/* Whether the tokens of a pair have types of their own: its folder can say that a model is not given them. */
bool att_tokenizer_has_types(const att_tokenizer *tokenizer);

/* What the folder's tokenizer_config.json said and is still to be said (a chat template, the names of special tokens):
 * put into an object that is being written. What tokenizer.json says now, and names of files, are left out. */
struct att_object;
void att_tokenizer_put_kept(const att_tokenizer *tokenizer, struct att_object *out);
/* key NULL: whether there was such a file. */
bool att_tokenizer_keeps(const att_tokenizer *tokenizer, const char *key);

typedef enum att_special {
  ATT_SPECIAL_UNKNOWN, /* [UNK] <unk> */
  ATT_SPECIAL_PAD,     /* [PAD] <pad> */
  ATT_SPECIAL_START,   /* [CLS] <s> <|begin_of_text|> */
  ATT_SPECIAL_END,     /* [SEP] </s> <|end_of_text|> <|endoftext|> */
  ATT_SPECIAL_MASK,    /* [MASK] <mask> */
} att_special;

/* The id of the special token with this role, known by the spellings above, or -1. */
int32_t att_tokenizer_special(const att_tokenizer *tokenizer, att_special special);

/* How a vocabulary spells its tokens. */
typedef struct att_token_spelling {
  bool bytes;    /* in GPT-2's characters for bytes */
  bool suffixes; /* "##" leads a piece that goes on with the word before it; every other one begins a word */
  bool single;   /* every token is one character, one byte, or a whole word: none goes on with another */
} att_token_spelling;
att_token_spelling att_tokenizer_spelling(const att_tokenizer *tokenizer);

/* Appends to ids. special: with the post-processor's special tokens, and text that spells a special token is not taken
 * for one unless `tokenizers` does so too. */
att_status att_tokenizer_encode(const att_tokenizer *tokenizer, att_context *ctx, att_text text, bool special,
                                att_ids *ids);
/* Where tokens stand in a text: bytes [begin, end). A token of a part of a character has the whole of what the
 * normalizer made that part of; one that stands for nothing (a space put before the text) has begin = end. */
typedef struct att_token_span {
  size_t begin, end;
} att_token_span;
typedef struct att_token_spans {
  att_token_span *data;
  size_t count, capacity;
} att_token_spans; /* zero-initialised is empty; free data with att_free */
/* Appends the text's ids, without the post-processor's, and where each stands. Invalid UTF-8: ATT_ARGUMENT. */
att_status att_tokenizer_encode_spans(const att_tokenizer *tokenizer, att_context *ctx, att_text text, att_ids *ids,
                                      att_token_spans *spans);
/* The special tokens that the post-processor puts around two texts, and two texts' ids with them; types as below.
 * *second_at: where the second one's first token stands among those that ids grew by. */
size_t att_tokenizer_pair_specials(const att_tokenizer *tokenizer);
att_status att_tokenizer_join(const att_tokenizer *tokenizer, att_context *ctx, const att_ids *first,
                              const att_ids *second, att_ids *ids, att_ids *types, size_t *second_at);
/* Two texts as the post-processor joins them ("[CLS] a [SEP] b [SEP]"); types, which may be NULL, gets 0 for the first
 * one's tokens and 1 for the second's, as many as ids grew by. Without a pair in the post-processor: a's special
 * tokens, then b's. most: tokens at most (0: any); the longer text is truncated first ("longest_first"), special tokens
 * stay; *truncated says so. second may be NULL: one text, truncated the same way. */
att_status att_tokenizer_encode_pair(const att_tokenizer *tokenizer, att_context *ctx, att_text first,
                                     const att_text *second, int64_t most, att_ids *ids, att_ids *types,
                                     bool *truncated);
/* Encodes with each merge left out with probability `rate`, in [0, 1), as drawn from the key: words are cut in many
 * ways, so that a model in training sees them from more sides (BPE-dropout, Provilkov et al. 2020). rate 0 is
 * att_tokenizer_encode.
 */
att_status att_tokenizer_encode_dropout(const att_tokenizer *tokenizer, att_context *ctx, att_text text, bool special,
                                        double rate, uint64_t key, att_ids *ids);
/* Appends to out. skip_special as in `tokenizers`. */
att_status att_tokenizer_decode(const att_tokenizer *tokenizer, att_context *ctx, const int32_t *ids, size_t count,
                                bool skip_special, att_buffer *out);

/* Appends the bytes that a token adds to a text that has begun, which need not be whole characters; of special tokens
 * none. (Where a decoder looks at the token after it, its suffix stays.) */
att_status att_tokenizer_bytes(const att_tokenizer *tokenizer, att_context *ctx, int32_t id, att_buffer *out);

/* Text as its tokens come: what att_decoder_put appends for each, and att_decoder_end after the last, is together what
 * att_tokenizer_decode makes of all of them. Only whole characters are given: a token that ends amid one waits for the
 * next. Where the folder says clean_up_tokenization_spaces, all comes at the end. Begin with {.tokenizer = ...,
 * .skip_special = ...}; free with att_decoder_free. */
typedef struct att_decoder {
  const att_tokenizer *tokenizer;
  bool skip_special;
  bool started;         /* a token was put that is not left out */
  att_buffer held;      /* bytes that wait for the rest of their character */
  att_buffer whole;     /* all text, where it is cleaned up at the end (clean_up_tokenization_spaces) */
  att_buffer pieces[2]; /* scratch */
  int64_t stripped;     /* characters left out at the beginning; -1: it is over */
} att_decoder;

att_status att_decoder_put(att_decoder *decoder, att_context *ctx, int32_t id, att_buffer *out);
att_status att_decoder_end(att_decoder *decoder, att_context *ctx, att_buffer *out);
void att_decoder_free(att_decoder *decoder, att_context *ctx);

#endif
