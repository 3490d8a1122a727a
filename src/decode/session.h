/*
 * Owns a session: sequences that a decoder reads token by token, what it keeps of them (the cache), and which rows of
 * the cache make up which sequence. Refuses to choose tokens.
 *
 * Sequences are added, stepped, forked, cut back and dropped one by one; each has its own length. A sequence is a table
 * of numbers of cache rows, one a token; a row is never moved. A fork copies the table, not the rows, so that equal
 * beginnings are there once; each row counts the tables that hold it and is handed out again after the last of them:
 *
 *     rows:    0:<s>  1:A  2:dog  3:cat  4:runs        uses:  2 2 1 1 1
 *     tables:  [0 1 2 4]  [0 1 3]
 *
 * Layers that see a window have rows of their own, in a second table, which go as soon as the window has left them
 * behind by more than is ever cut back between steps. A sequence that is cut back, or forked, further than that is read
 * again by its next step.
 *
 * The sequences of an encoder-decoder stand each behind a source, which the encoder has read; forks share it, and it
 * goes with the last of them.
 */
#ifndef ATT_DECODE_SESSION_H
#define ATT_DECODE_SESSION_H

#include "models/pass.h"

typedef struct att_session att_session;

/* most_rows: tokens that the cache may hold, shared ones once, and as many of sources; 0: INT32_MAX. The model may have
 * other sessions beside this one. */
att_status att_session_new(att_model *model, int64_t most_rows, att_session **session);
/* The same, with keys and values of a type: ATT_F32, ATT_F16 or ATT_Q8_0. What keeps other things keeps them in
 * float32. ATT_UNSUPPORTED: heads that are no whole blocks of that type. */
att_status att_session_new_typed(att_model *model, int64_t most_rows, att_type type, att_session **session);
/* With all its sequences. NULL is fine. */
void att_session_free(att_session *session);

/* From now on each token of an encoder-decoder remembers its alignment, which costs a little; false: the model has no
 * attention that could tell. */
bool att_session_align(att_session *session);

/* A sequence of a decoder alone, empty. */
att_status att_session_add(att_session *session, int32_t *sequence);
/* Sequences of an encoder-decoder, each empty and behind a source, which the encoder reads now and of which it says how
 * many rows it makes; the arena is as before afterwards. sequences: [sources->sequences.count] */
att_status att_session_add_sources(att_session *session, att_arena *arena, const att_input *sources,
                                   int32_t *sequences);
/* The same of sources that the encoder has read already. */
att_status att_session_add_memory(att_session *session, att_arena *arena, const att_memory *memory, int32_t *sequences);
/* A sequence with the first `length` tokens of another, 0 <= length <= its own. Where that does not go back so far, the
 * fork's first step reads them again. */
att_status att_session_fork(att_session *session, int32_t sequence, int64_t length, int32_t *fork);
/* Forgets all behind the first `length` tokens, and likewise. */
void att_session_cut(att_session *session, int32_t sequence, int64_t length);
/* Whether the first `length` tokens go on without being read again: what layers with a window see of them is there. */
bool att_session_goes_back(const att_session *session, int32_t sequence, int64_t length);
/* Whether there are such layers: else every sequence goes back to every length. */
bool att_session_has_windows(const att_session *session);
void att_session_drop(att_session *session, int32_t sequence);

/* New tokens of a sequence, one or more; and guesses at those behind them, which are read ahead: att_session_accept
 * makes the first of them the sequence's, one after another. Those that it did not are forgotten with the next step,
 * cut or drop of the sequence; a fork has none. */
typedef struct att_reading {
  int32_t sequence;
  const int32_t *tokens; /* [count], then [guesses] */
  int64_t count;
  int64_t guesses; /* 0 where the session does not read ahead (att_session_reads_ahead) */
  int64_t length;  /* of the sequence once tokens that follow at once are read too, a prompt's in pieces; 0: none do */
} att_reading;

/* Reads new tokens of some sequences, each once, in one pass. logits (or NULL, where none are wanted): of each reading
 * vocab_size after its last token, and after each of its guesses, which have the bits that they have without the
 * others; they may be written into, and are on the arena, as is the work. A failure (ATT_FULL: beyond most_rows) leaves
 * every sequence as it was. Where the model reads a text otherwise from some length on (att_model_goes_on), a sequence
 * that reaches it is read again first, as is one that does not go back to its length (att_session_goes_back). */
att_status att_session_step(att_session *session, att_arena *arena, const att_reading *readings, int64_t count,
                            float **logits);

void att_session_accept(att_session *session, int32_t sequence);
/* Whether guesses can be read: what a token leaves does not pass through the one before it, as a recurrent state does.
 */
bool att_session_reads_ahead(const att_session *session);

att_model *att_session_model(const att_session *session);
int64_t att_session_length(const att_session *session, int32_t sequence);
/* Tokens [first, first + count) of a sequence. */
void att_session_tokens(const att_session *session, int32_t sequence, int64_t first, int64_t count, int32_t *tokens);
/* For each of them the source position that it attended to most: the mean over heads of the last layer's
 * cross-attention; -1 where that was not wanted. */
void att_session_alignment(const att_session *session, int32_t sequence, int64_t first, int64_t count,
                           int32_t *alignment);
/* How many of the tokens a sequence begins with. */
int64_t att_session_common(const att_session *session, int32_t sequence, const int32_t *tokens, int64_t count);

/* For files of it (saved.h): how the cache's rows lie, */
typedef struct att_session_layout {
  int64_t layers;
  const bool *local; /* [layers] those that see a window, whose rows begin later; NULL: none */
  att_type type;     /* of a row's numbers */
  size_t row_bytes;
} att_session_layout;
att_session_layout att_session_layout_of(const att_session *session);
/* the first token of a sequence that has rows in layers that see a window; */
int64_t att_session_held(const att_session *session, int32_t sequence);
/* those of tokens [first, first + count) of a sequence in one layer, into out[count, row_bytes]; */
void att_session_get_rows(const att_session *session, int32_t sequence, int64_t layer, int64_t first, int64_t count,
                          void *out);
/* and a sequence of a decoder alone with given tokens[count] and rows[layers], each [count, row_bytes], or
 * [count - held, row_bytes] in layers that see a window: without those of the first `held` tokens. */
att_status att_session_add_rows(att_session *session, const int32_t *tokens, int64_t count, int64_t held,
                                const void *const *rows, int32_t *sequence);

/* Rows in use: of the cache, of those the ones in layers that see a window, of sources. And bytes of the cache that
 * there is room for. */
typedef struct att_session_use {
  int64_t rows, local_rows, source_rows, cache_bytes;
} att_session_use;
att_session_use att_session_used(const att_session *session);

#endif
