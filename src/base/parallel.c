/* Owns the split of a loop over threads. See parallel.h. */
#include "base/parallel.h"

#include <pthread.h>

#ifdef _OPENMP
#include <omp.h>
#endif

/* What the threads of a trial wait for: that all have started, or one could not. */
typedef struct trial {
  pthread_mutex_t mutex;
  pthread_cond_t over;
  bool is_over;
} trial;

static void *wait_for_the_end(void *arg) {
  trial *t = arg;
  pthread_mutex_lock(&t->mutex);
  while (!t->is_over) pthread_cond_wait(&t->over, &t->mutex);
  pthread_mutex_unlock(&t->mutex);
  return NULL;
}

#define ATT_MOST_TRIED 256

bool att_threads_can_start(int threads) {
  pthread_t started[ATT_MOST_TRIED];
  trial t = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false};
  int count = 0, wanted = threads - 1 < ATT_MOST_TRIED ? threads - 1 : ATT_MOST_TRIED;
  while (count < wanted && pthread_create(&started[count], NULL, wait_for_the_end, &t) == 0) count++;
  pthread_mutex_lock(&t.mutex);
  t.is_over = true;
  pthread_cond_broadcast(&t.over);
  pthread_mutex_unlock(&t.mutex);
  for (int i = 0; i < count; i++) pthread_join(started[i], NULL);
  return count == wanted;
}

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
