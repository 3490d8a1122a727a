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
} att_kept;

/* Keeps what a sequence has read, or as much of it as may be; what is a beginning of it is kept no longer on its own.
 */
att_status att_kept_add(att_kept *kept, att_context *ctx, int32_t sequence);
/* The sequence, or -1, that has the longest common beginning with the tokens, *common long, if that is longer than
 * *common was. */
int32_t att_kept_find(const att_kept *kept, const int32_t *tokens, int64_t count, int64_t *common);
/* It counts as used now. */
void att_kept_use(att_kept *kept, int32_t sequence);
/* Drops what was used least lately; false: there is nothing. */
bool att_kept_drop(att_kept *kept);
void att_kept_free(att_kept *kept, att_context *ctx);

#endif
