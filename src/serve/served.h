/*
 * Owns one request as it is served: its tokens, the search that it asks for, the texts of its samples, and what it
 * gives. Refuses to know when its turn is.
 */
#ifndef ATT_SERVE_SERVED_H
#define ATT_SERVE_SERVED_H

#include "decode/decode.h"
#include "serve/kept.h"
#include "serve/pieces.h"

typedef enum att_stage {
  ATT_STAGE_WAITING, /* for slots and rows */
  ATT_STAGE_READING, /* a prompt, of which `sequence` has read a part */
  ATT_STAGE_WRITING, /* the search runs */
  ATT_STAGE_OVER
} att_stage;

typedef struct att_served {
  uint64_t id;
  att_model *model;
  att_kept *kept; /* gets what a decoder's first sample has read */
  att_stage stage;
  att_ids tokens; /* the prompt, or the source */
  bool truncated;
  att_search_plan plan;
  att_generation settings;  /* the plan's */
  att_grammar *grammar;     /* the plan's, or NULL */
  att_biased *biases;       /* the settings' list, where the request has biases of its own; or NULL */
  int32_t *biased;          /* the tokens that these speak of */
  int64_t nbest;            /* of a beam */
  att_prompt_fn *on_prompt; /* or NULL */
  void *on_prompt_user;
  att_generate_fn *give;
  void *user;
  int32_t sequence; /* reading; else -1 */
  int64_t shared;   /* tokens of the prompt that it did not read itself */
  int64_t parts;    /* tokens of it that others have read, who do not go back to there; 0: none */
  att_search search;
  att_pieces *pieces; /* [plan.samples]; NULL: of a beam */
  int64_t ended;      /* samples */
  int64_t written;    /* tokens */
  bool cancelled;     /* it gives nothing more */
} att_served;

/* A request that is whole (att_take_options). */
att_status att_served_new(att_model *model, const att_request *request, uint64_t id, att_served **served);
void att_served_free(att_served *served); /* NULL is fine */
/* Places among the hypotheses that run at once. */
int64_t att_served_slots(const att_served *served);
/* The most rows of the cache that it may still take. */
int64_t att_served_rows(const att_served *served);
/* Tokens of the prompt that are still to be read before it writes. */
int64_t att_served_unread(const att_served *served);
/* Begins to write after what `sequence` has read, which is the search's from now on. */
att_status att_served_write(att_served *served, att_session *session, int32_t sequence);
/* Where the search is over: gives what has not been given. */
att_status att_served_close(att_served *served);
/* Gives that it failed: the context's message says why. */
void att_served_fail(att_served *served);

#endif
