/*
 * Owns the threads: one loop, split over the context's threads by OpenMP. A body gets whole items and must not depend
 * on how they were split: results are the same at any number of threads.
 */
#ifndef ATT_BASE_PARALLEL_H
#define ATT_BASE_PARALLEL_H

#include "base/context.h"

/* Items [begin, end) are this call's; thread is in [0, ctx->threads), for scratch. */
typedef void att_body(void *arg, int64_t begin, int64_t end, int thread);

/* Whether this process may start that many threads at once, the caller's own among them: OpenMP ends the process where
 * it cannot. */
bool att_threads_can_start(int threads);

/* Runs body over [0, count). grain: the fewest items worth a thread of their own (work below it stays on the caller's).
 * The split is even and contiguous. */
void att_parallel(const att_context *ctx, int64_t count, int64_t grain, att_body *body, void *arg);

/* The same with items of unequal cost: threads take them one at a time, from the first. */
void att_parallel_dynamic(const att_context *ctx, int64_t count, att_body *body, void *arg);

#endif
