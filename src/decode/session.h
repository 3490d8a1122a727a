/*
 * Owns a session: the encoder's memory of a batch of sources, the decoder's cache, and which cache rows make up which
 * hypothesis. Refuses to choose tokens.
 *
 * Every hypothesis in a session is equally long. Each step gives every running hypothesis one new cache row, and a row
 * is never moved or used twice; a hypothesis is the path of rows from its last one back to the start, so that those
 * that share a past share its rows:
 *
 *     rows:   0:<s>  1:A  2:The  |  3:dog  4:cat  5:dog  | ...        3 and 4 come after 1, 5 after 2
 *     tables: [0 1 3] [0 1 4] [0 2 5]                                 what attention reads
 *
 * A decoder alone has no sources, but a past that all its hypotheses share: the prompt without its last token.
 */
#ifndef ATT_DECODE_SESSION_H
#define ATT_DECODE_SESSION_H

#include "decode/candidates.h"
#include "decode/decode.h"

typedef struct att_session {
  att_model *model;
  att_run run;
  att_cache_shape shape;
  att_arena_mark mark; /* what a step makes lies above it */
  /* sources; NULL in a decoder alone */
  float **cross;               /* [layers] each [source rows, shape.cross_width] */
  const int32_t **source_rows; /* [sources] */
  const int32_t *source_ids;   /* the sources', one after another: the plan's */
  int64_t *source_counts;      /* [sources] */
  /* running hypotheses */
  int64_t most, running;
  int64_t past;        /* rows that all hypotheses share */
  int64_t steps, room; /* rows of each running hypothesis, the past in; how many there is room for */
  int64_t most_steps;
  int32_t *table, *spare_table;   /* [most, room] */
  int32_t *source, *spare_source; /* [most] */
  /* cache rows */
  float **self; /* [layers] each [past + most * (room - past), shape.self_width] */
  int64_t rows; /* in use; the last step's are [rows - running, rows) */
  int32_t *row_token, *row_before;
  int32_t *row_alignment; /* the source position that the row's query attended to most; NULL: not wanted */
  /* what att_model_step takes, filled anew each step */
  int64_t *start, *self_counts, *cross_counts; /* [most + 1] */
  const int32_t **self_rows, **cross_rows;     /* [most] */
  float **last_probs;                          /* [most], of the last layer's cross-attention */
} att_session;

/* A hypothesis of the next step: one of the last step (in the first: a source), and the token after it. */
typedef struct att_next {
  int32_t parent, token;
} att_next;

/* What a session is made for. */
typedef struct att_session_plan {
  att_input sources;   /* of an encoder-decoder; else sequences.count 0 */
  const int32_t *past; /* [past_count] of a decoder: what every hypothesis begins with, before its first step's token */
  int64_t past_count;
  int64_t most;       /* hypotheses at once */
  int64_t most_steps; /* rows of each, the past in */
  bool alignment;
} att_session_plan;

/* Encodes the sources and reads the past, in pieces. The session and all it needs are on the arena, where nothing else
 * may be put between steps. */
att_status att_session_new(att_model *model, att_arena *arena, const att_session_plan *plan, att_session **out);
/* Goes on with `count` hypotheses, 1 <= count <= most, and gives their logits [count, vocab_size], which may be written
 * into and are valid until the next step. */
att_status att_session_step(att_session *session, const att_next *next, int64_t count, float **logits);
/* What each running hypothesis has read, the past and the last step's token in, for the processors: [running]; valid
 * until the next step. */
att_status att_session_sequences(att_session *session, att_sequence **sequences);
/* The `count` tokens that end in `last`, which was chosen after `row`; alignment may be NULL. Both [count]. */
void att_session_path(const att_session *session, int32_t row, int32_t last, int64_t count, int32_t *tokens,
                      int32_t *alignment);

#endif
