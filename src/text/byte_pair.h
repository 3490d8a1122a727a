/*
 * Owns byte-pair encoding: the merges, their learning from counted words, and a word's way to ids. Knows bytes and ids;
 * refuses to know files, special tokens and Unicode.
 */
#ifndef ATT_TEXT_BYTE_PAIR_H
#define ATT_TEXT_BYTE_PAIR_H

#include "text/tokenizer.h"
#include "text/vocabulary.h"

typedef struct att_merge {
  int32_t left, right, result;
} att_merge;

typedef struct att_merge_slot {
  int32_t left, right, result; /* left -1: empty */
  uint32_t rank;
} att_merge_slot;

typedef struct att_bpe {
  att_merge *merges; /* [count], in the order of rank */
  size_t count;
  att_merge_slot *slots; /* hash table of pairs */
  int shift;             /* 64 - log2(slots) */
  int32_t byte_ids[256]; /* the token of a byte, or -1 */
  int32_t fallback[256]; /* the token of a byte of a character without one, <0x0A>, or -1 */
  int32_t unknown;       /* stands for letters without one; -1: they are left out */
  bool fuse_unknown;     /* one for a run of them */
  bool characters;       /* words are spelled in characters, not in GPT-2's for bytes */
  bool byte_fallback;    /* a character without a token becomes its bytes' tokens, where all have one */
  bool ignore_merges;    /* a word that is in the vocabulary is taken whole */
  bool whole_words;      /* WordLevel: every other word is unknown */
  char prefix[32];       /* of letters that go on a word, "" or "##" */
  char suffix[32];       /* of a word's last letter, "" or "</w>" */
} att_bpe;

/* What a word's encoding needs beside the word; grows to the longest word and may be used again. */
typedef struct att_bpe_scratch {
  struct att_symbol *symbols;
  uint64_t *heap; /* [3 x capacity] */
  size_t capacity;
  att_buffer spelling;
  uint32_t dropout;  /* a merge is left out where the next draw is below it; 0: never */
  uint64_t draw_key; /* draws are att_random32(draw_key, 0, 1, ...) */
  uint32_t draw_count;
} att_bpe_scratch;

/* Fills byte_ids and fallback. */
void att_bpe_find_bytes(att_bpe *bpe, const att_vocabulary *vocabulary);
/* Builds the hash table over merges; of equal pairs only the last is kept, as in `tokenizers`. */
att_status att_bpe_index(att_context *ctx, att_bpe *bpe);
void att_bpe_free(att_context *ctx, att_bpe *bpe);

/* Appends the ids of a word: always the merge of lowest rank first, the leftmost of equals (Sennrich et al. 2016). Time
 * is n log n for n bytes. With dropout, each merge is left out at random when its turn comes, and has another chance
 * once another is made (Provilkov et al. 2020, algorithm 1). */
att_status att_bpe_encode(const att_bpe *bpe, const att_vocabulary *vocabulary, att_context *ctx,
                          att_bpe_scratch *scratch, att_text word, att_ids *ids);
void att_bpe_scratch_free(att_context *ctx, att_bpe_scratch *scratch);

/* Distinct words with their counts. */
typedef struct att_word {
  size_t start; /* in words.bytes */
  uint32_t size, hash;
  int64_t count;
} att_word;

typedef struct att_words {
  att_buffer bytes;
  att_word *words; /* [count] */
  size_t count, capacity;
  uint32_t *slots; /* UINT32_MAX: empty */
  size_t slot_count;
} att_words;

att_status att_words_add(att_context *ctx, att_words *words, att_text word);
void att_words_free(att_context *ctx, att_words *words);

/* Learns merges until the vocabulary has `limit` tokens or no pair is seen twice; adds their tokens to the vocabulary
 * at ids from vocabulary->count on, and fills bpe->merges. Words are spelled as bpe says: in bytes, or in characters,
 * of which those that go on a word have the prefix before them; a word with a character that the vocabulary lacks is
 * left aside. progress gets 0.5..1: counting the words was the first half. */
att_status att_bpe_learn(att_context *ctx, const att_words *words, int32_t limit, const char *prefix,
                         att_vocabulary *vocabulary, att_bpe *bpe, int (*progress)(void *user, double done),
                         void *user);

#endif
