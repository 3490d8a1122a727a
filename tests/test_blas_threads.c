/*
 * A library of matrix products that has one number of threads for the process: however contexts of different numbers
 * come and go, the host's own number is there again. Only where attend multiplies by OpenBLAS.
 */
#include "scratch.h"

#include <pthread.h>
#include <stdlib.h>

#include "kernels/gemm.h"

extern void openblas_set_num_threads(int threads) __attribute__((weak));
extern int openblas_get_num_threads(void) __attribute__((weak));

enum { ROWS = 192, TURNS = 60, CALLERS = 6 };

typedef struct caller {
  int threads;
  long wrong;
  pthread_t thread;
} caller;

/* ones x ones, again and again, with a context of so many threads. */
static void *multiply_often(void *arg) {
  caller *c = arg;
  float *a = calloc(ROWS * ROWS, sizeof *a), *out = calloc(ROWS * ROWS, sizeof *out);
  att_context *own;
  c->wrong = !a || !out ||
             att_context_new(&(att_context_options){.size = sizeof(att_context_options), .threads = c->threads}, &own);
  if (c->wrong) return NULL;
  for (int i = 0; i < ROWS * ROWS; i++) a[i] = 1;
  for (int turn = 0; turn < TURNS; turn++) {
    att_gemm(own, out, ROWS, a, ROWS, false, a, ROWS, true, ROWS, ROWS, ROWS, false);
    for (int i = 0; i < ROWS * ROWS; i++) c->wrong += out[i] < ROWS || out[i] > ROWS;
  }
  att_context_free(own);
  free(a);
  free(out);
  return NULL;
}

static void the_hosts_number_stays(void **state) {
  (void)state;
  if (!openblas_set_num_threads || strcmp(att_gemm_name(), "cblas") != 0) {
    print_message("skipped: products are not OpenBLAS's here\n");
    return;
  }
  for (int number = 1; number <= 2; number++) {
    caller callers[CALLERS] = {{.threads = 1}, {.threads = 2}, {.threads = 1},
                               {.threads = 3}, {.threads = 2}, {.threads = 1}};
    openblas_set_num_threads(number);
    int before = openblas_get_num_threads();
    for (int i = 0; i < CALLERS; i++)
      assert_int_equal(pthread_create(&callers[i].thread, NULL, multiply_often, &callers[i]), 0);
    for (int i = 0; i < CALLERS; i++) {
      assert_int_equal(pthread_join(callers[i].thread, NULL), 0);
      assert_int_equal(callers[i].wrong, 0);
    }
    assert_int_equal(openblas_get_num_threads(), before);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(the_hosts_number_stays)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
