/*
 * Owns what stays of requests that have ended: sequences that later prompts may begin with, the one used last staying
 * longest. Refuses to know requests.
 */
#ifndef ATT_SERVE_KEPT_H
#define ATT_SERVE_KEPT_H

#include "decode/session.h"

typedef struct att_kept {
  att_session *session;
  int32_t *sequences; /* [count] the one used last at the end */
  int64_t count, capacity;
  int64_t rows, most; /* their lengths, and what those may be together */
  bool prompts;       /* of requests what they asked is kept, without what was written behind it */
} att_kept;

/* What tokens begin with alike with some sequences. */
typedef struct att_beginning {
  int32_t sequence; /* that has most of them, and goes back to there; or -1 */
  int64_t common;   /* so many tokens, more than this was before; */
  int64_t parts;    /* and the most that one has which does not go back to there (att_session_goes_back) */
} att_beginning;
/* Looks whether a sequence has more. */
void att_beginning_look(att_beginning *beginning, const att_session *session, int32_t sequence, const int32_t *tokens,
                        int64_t count);

/* Keeps what a sequence has read, or as much of it as may be; what is a beginning of it is kept no longer on its own,
 * unless it is where kept texts part, and this one does not go back to there. */
att_status att_kept_add(att_kept *kept, att_context *ctx, int32_t sequence);
/* Looks at all that is kept. */
void att_kept_find(const att_kept *kept, const int32_t *tokens, int64_t count, att_beginning *beginning);
/* It counts as used now. */
void att_kept_use(att_kept *kept, int32_t sequence);
/* Drops what was used least lately; false: there is nothing. */
bool att_kept_drop(att_kept *kept);
void att_kept_free(att_kept *kept, att_context *ctx);

#endif
