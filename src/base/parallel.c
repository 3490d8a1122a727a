/* Owns the split of a loop over threads. See parallel.h. */
#include "base/parallel.h"

#ifdef _OPENMP
#include <omp.h>
#endif

void att_parallel(const att_context *ctx, int64_t count, int64_t grain, att_body *body, void *arg) {
  if (count <= 0) return;
  int64_t threads = grain > 0 ? count / grain : count;
  if (threads > ctx->threads) threads = ctx->threads;
#ifdef _OPENMP
  if (threads > 1) {
#pragma omp parallel num_threads((int)threads)
    {
      int64_t n = omp_get_num_threads(), i = omp_get_thread_num();
      int64_t begin = count * i / n, end = count * (i + 1) / n;
      if (begin < end) body(arg, begin, end, (int)i);
    }
    return;
  }
#endif
  body(arg, 0, count, 0);
}

void att_parallel_dynamic(const att_context *ctx, int64_t count, att_body *body, void *arg) {
  if (count <= 0) return;
#ifdef _OPENMP
  int threads = (int)(count < ctx->threads ? count : ctx->threads);
  if (threads > 1) {
#pragma omp parallel for num_threads(threads) schedule(dynamic, 1)
    for (int64_t i = 0; i < count; i++) body(arg, i, i + 1, omp_get_thread_num());
    return;
  }
#else
  (void)ctx;
#endif
  for (int64_t i = 0; i < count; i++) body(arg, i, i + 1, 0);
}
