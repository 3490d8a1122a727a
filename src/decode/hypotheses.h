/*
 * Owns the hypotheses of one search: which go on, which have ended, when all have. One table of running hypotheses
 * serves all manners: beam search keeps the best of all continuations; greedy search is one hypothesis, sampling
 * several side by side, that go on with the best or a drawn token each. Many searches of a session, each with its own
 * settings and at its own length, go one token further in one step. The rules are those of generate() in Hugging Face
 * Transformers (docs/DECODING.md).
 */
#ifndef ATT_DECODE_HYPOTHESES_H
#define ATT_DECODE_HYPOTHESES_H

#include "decode/candidates.h"
#include "decode/draft.h"

/* One finished output: its tokens, end token in where it was reached. */
typedef struct att_output {
  const int32_t *tokens;
  const int32_t *alignment; /* or NULL */
  int64_t count;
  double score, logprob;
} att_output;

/* A hypothesis that goes on: its sequence in the session, and the token after it, which the session has not read. */
typedef struct att_running {
  int32_t sequence, token;
  int32_t number;               /* which sample it is */
  int64_t gone;                 /* tokens before its sequence, which the window left behind */
  double logprob;               /* of its tokens */
  const att_token_logprob *top; /* [plan.top] beside the token, as it is given; or NULL */
} att_running;

/* What happens with a sample's next token, whose own log-probability is given; its sequence holds all before it.
 * *finish: how it ends with that token by the plan's rules, or ATT_RUNNING; may be changed. */
typedef att_status att_token_fn(void *user, const att_running *hypothesis, double logprob, att_finish *finish);

typedef struct att_search_plan {
  int64_t beam; /* hypotheses of a beam; 1: there are `samples` that know nothing of each other */
  int64_t samples;
  int64_t most;                      /* tokens of a hypothesis */
  att_finish at_most;                /* how it ends there */
  bool ignore_end;                   /* go on beyond the end token */
  bool slide;                        /* beam 1, tokens given: a full context goes on with its last half */
  double length_penalty;             /* of a beam: score = log-probability / tokens^length_penalty */
  att_early_stopping early_stopping; /* of a beam */
  bool alignment;                    /* of the results, where the model has one */
  uint64_t key;                      /* sample i draws with att_key(key, i) */
  /* The folder's and the options': what changes scores, what is drawn, which tokens end. Searches whose settings are
   * the same object choose in one call. They stay while the search does, as do: */
  const att_generation *settings;
  const int32_t *source; /* [source_count] what the encoder read, or NULL: the sequence that the search begins with */
  int64_t source_count;
  const char *const *stop; /* [stop_count] texts that end a hypothesis whose tokens are not given */
  size_t stop_count;
  att_token_fn *give; /* beam 1: gets each token; results are kept where it is NULL */
  void *user;
  att_grammar *grammar; /* of what is written, or NULL: stays while the search does */
  int top;              /* beam 1: the likeliest tokens that are given beside each */
  att_draft_plan draft; /* beam and samples 1; acts where the session reads ahead, in steps of this search alone */
} att_search_plan;

typedef struct att_search {
  att_search_plan plan;
  att_session *session;
  att_processors processors;
  int width;               /* choices wanted of a hypothesis */
  int64_t length;          /* tokens of each running hypothesis */
  int64_t running;         /* 0: the search is over */
  bool slid;               /* a window was moved */
  bool stuck;              /* it is, because the settings ruled out every token: att_fail_no_token */
  att_running *hypotheses; /* [running] */
  att_running *next;       /* scratch */
  att_token_logprob *top;  /* [running, plan.top] of the step */
  att_output *results;     /* [result_count] best first, owned */
  int64_t result_count;
  att_buffer text;  /* scratch, where there are stop texts */
  att_draft *draft; /* or NULL */
} att_search;

/* Begins with one sequence, which the search owns from now on (also where it fails), and the token after it. */
att_status att_search_begin(att_search *search, att_session *session, const att_search_plan *plan, int32_t sequence,
                            int32_t token);
/* Drops what is running. Zero-initialised is fine. */
void att_search_end(att_search *search);
/* One token more for every hypothesis of the searches, all of one session and all running; of a search with a draft
 * that is alone, as many more as are guessed right. The arena is as before afterwards. ATT_INTERRUPTED: nothing has
 * changed; after another failure they can only be ended. */
att_status att_searches_step(att_session *session, att_arena *arena, att_search *const *searches, int64_t count);

#endif
