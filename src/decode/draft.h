/*
 * Owns guesses at what a model writes next, and how many of them it pays to read: speculative decoding (Leviathan et
 * al. 2023, "Fast inference from Transformers via speculative decoding"; Chen et al. 2023), with guesses from a smaller
 * model, or from what followed the last tokens where they stood before ("prompt lookup decoding", Saxena 2023).
 * Refuses to know what is right: hypotheses.c chooses every token itself, by the logits after those before it, and a
 * guess is right if it is that token. So what is written is the same, drawn or not, whatever is guessed.
 */
#ifndef ATT_DECODE_DRAFT_H
#define ATT_DECODE_DRAFT_H

#include "decode/candidates.h"
#include "decode/session.h"

/* With the token before them as many rows as go through one kernel (ATT_FEW_ROWS). */
#define ATT_MOST_GUESSES  15
#define ATT_MATCH_CLASSES 6

typedef struct att_draft_plan {
  bool lookup;      /* guess from what stands before, where there is no model */
  att_model *model; /* that guesses, or NULL */
  int64_t count;    /* guesses of a step; 0: as many as pay */
} att_draft_plan;

/* How often guesses were right, the latest counting most. */
typedef struct att_guess_rate {
  double right, tried;
} att_guess_rate;

typedef struct att_draft {
  att_draft_plan plan;
  int32_t tokens[1 + ATT_MOST_GUESSES]; /* what is read in a step: the token that is there, then the guesses */
  int64_t known;                        /* guesses that there are, of which the first `count` are read */
  int64_t count;
  int64_t match;                           /* of lookup: the last tokens that stood there too */
  att_guess_rate rates[ATT_MATCH_CLASSES]; /* by the length of the match, and of what of the guess was right since */
  double alone;                            /* seconds of a step without guesses; 0: none was measured */
  double reading;                          /* what reading a guess adds to that, as a part of it */
  double making;                           /* and what making it does */
  int64_t waited;                          /* steps since a guess was read */
  int64_t guessed, accepted;
  /* of a model */
  att_session *session;
  int32_t sequence;
} att_draft;

/* Free with att_draft_free, also where it fails. The model has the vocabulary of the one that writes. */
att_status att_draft_begin(att_draft *draft, const att_draft_plan *plan);
void att_draft_free(att_draft *draft);

/* Guesses, at most `most`, at what follows tokens[count] (count > 0); those that are worth it, or that the plan asks
 * for, are draft->count. settings and key are what the tokens are drawn with, `length` the place of the first guess:
 * a model's guesses are drawn by the same numbers, so that they agree as often as the two distributions do. */
att_status att_draft_guess(att_draft *draft, att_arena *arena, const int32_t *tokens, int64_t count, int64_t most,
                           const att_generation *settings, uint64_t key, int64_t length);
/* What the step wrote, written[count], and how long it took. */
void att_draft_learn(att_draft *draft, const int32_t *written, int64_t count, double seconds);

/* For tests: the guesses of lookup, and how many of those that are known pay. */
void att_draft_look_up(att_draft *draft, const int32_t *tokens, int64_t count, int64_t most);
int64_t att_draft_worth(const att_draft *draft);

#endif
