/*
 * Owns the pairs of a training run: lines read and checked, a held-out part, token ids. Batches are in batch.h.
 * Refuses sides of different length and files without a usable pair; leaves out and counts empty and too long pairs.
 */
#ifndef ATT_TRAIN_DATA_PAIRS_H
#define ATT_TRAIN_DATA_PAIRS_H

#include "text/tokenizer.h"

/* Valid UTF-8 without NUL. */
bool att_is_clean(att_text text);
/* Mixes the text into a key. */
uint64_t att_text_fingerprint(uint64_t key, att_text text);

/* Lines as they were read: source[i] belongs to target[i]. Zero-initialised is empty. */
typedef struct att_lines {
  att_text *source, *target; /* [count] */
  size_t count;
} att_lines;

att_status att_lines_read(att_context *ctx, const char *source, const char *target, att_lines *lines);
void att_lines_free(att_context *ctx, att_lines *lines);
/* A number that other lines would not have. */
uint64_t att_lines_fingerprint(const att_lines *lines);
/* Moves one of `part` lines (100 to 1,000, at most a tenth), chosen by the seed, from lines into held, in their order.
 * The text itself stays in memory of `lines`, which is to be freed last. */
att_status att_lines_hold_out(att_context *ctx, att_lines *lines, size_t part, uint64_t seed, att_lines *held);

/* Pairs of token ids: of pair i, the source's are source.data[source_start[i]] up to source_start[i + 1]; end tokens
 * in.
 */
typedef struct att_corpus {
  att_ids source, target;
  int64_t *source_start, *target_start; /* [count + 1] */
  size_t *line;                         /* [count]: the index of the pair's lines */
  int64_t count;
  int64_t left_out_empty, left_out_long, truncated;
} att_corpus;

/* What becomes of a side of more than max_length tokens. */
typedef enum att_too_long { ATT_LEAVE_OUT, ATT_TRUNCATE } att_too_long;

/* Called now and then with 0..1; a non-zero return stops with ATT_INTERRUPTED. */
typedef int att_work_fn(void *user, double done);

/* name: of the data, for messages. too_long: as it says, of pairs with a side of more than max_length tokens. end: the
 * special token that a target must end with. max_length: tokens of a side. What is left out, and text that is not clean
 * UTF-8, is said in the log. */
att_status att_corpus_encode(att_context *ctx, const att_tokenizer *tokenizer, const att_lines *lines, const char *name,
                             int64_t max_length, att_too_long too_long, int32_t end, att_work_fn *work, void *user,
                             att_corpus *corpus);
/* Encodes the corpus' pairs anew from their lines, with BPE-dropout drawn from the key (text/tokenizer.h). A pair that
 * falls into more than max_length tokens is encoded whole. */
att_status att_corpus_redraw(att_context *ctx, const att_tokenizer *tokenizer, const att_lines *lines,
                             int64_t max_length, int32_t end, double rate, uint64_t key, att_corpus *corpus);
void att_corpus_free(att_context *ctx, att_corpus *corpus);

#endif
